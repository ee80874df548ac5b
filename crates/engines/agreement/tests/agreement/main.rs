//! Agreements from the outside: texts, templates, versions, acts and what they amount to.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

mod adversary;
mod circle;
mod consumer;
mod diff;
mod fixture;
mod life;
mod template;
mod text;
mod world;
