//! The program as others meet it: its commands, its server seen by third-party clients, nodes that follow each
//! other, and input that means harm.
//!
//! Every test runs the real binary in a folder of its own, on ports the system picks.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod analytics;
mod answers;
mod asking;
mod clients;
mod commands;
mod contain;
mod coverage;
mod demo;
mod detect;
mod detection;
mod evtx;
mod exchange;
mod follow;
mod formats;
mod generated;
mod harness;
mod hostile;
mod hunts;
mod kills;
mod live;
mod manners;
mod objects;
mod org;
mod real_data;
mod releases;
mod scanning;
mod serve;
mod shape;
mod sharing;
mod tour;
