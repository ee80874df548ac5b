//! Simulated coalitions: convergence under faults, two nodes with real keys, alliances, adversaries.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up should stop"
)]

mod adversary;
mod again;
mod alliance;
mod bad_days;
mod circle;
mod companions;
mod consumers;
mod explain;
mod files;
mod house;
mod incoming;
mod keys;
mod ledger;
mod parting;
mod peers;
mod promises;
mod queries;
mod repair;
mod sim;
mod terms;
mod traces;
mod trust;
