//! The API over a real node on an in-memory store, called without a network except where listening is the subject.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test helpers fail by panicking"
)]

mod accounts;
mod consumers;
mod departures;
mod desk;
mod detection;
mod live;
mod matrix;
mod mutes;
mod objects;
mod office;
mod openapi;
mod problems;
mod serving;
mod taxii;
