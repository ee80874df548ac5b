//! Keys of parties and persons, against the standards' own vectors and against whoever would like to be someone else.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

extern crate shieldwall_keys as keys;

mod boxes;
mod common;
mod events;
mod hybrid;
mod leaf;
mod pairing;
mod posts;
mod sealed;
mod signed;
mod veil;
