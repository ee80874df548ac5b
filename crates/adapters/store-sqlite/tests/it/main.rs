//! The SQLite store against the conformance suite, power cuts, full disks, old files and curious readers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a failure is a panic"
)]

mod crash;
mod erasure;
mod file;
mod files;
mod full;
mod memory;
mod plans;
mod power;
mod workload;
