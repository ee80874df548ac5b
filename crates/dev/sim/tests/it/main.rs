//! Simulated coalitions: convergence under faults, two nodes with real keys, alliances, adversaries.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up should stop"
)]

mod adversary;
mod alliance;
mod bad_days;
mod circle;
mod consumers;
mod files;
mod house;
mod keys;
mod parting;
mod sim;
mod terms;
mod traces;
mod trust;
