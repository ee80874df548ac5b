//! What policies have to do, from the design's text and from what an adversary or a tired analyst would do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

extern crate shieldwall_policy as policy;

mod cases;
mod caveats;
mod consent;
mod fixtures;
mod hostile;
mod people;
mod reference;
mod rules;
