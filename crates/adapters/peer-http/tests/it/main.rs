//! Nodes that call each other over loopback, peers that lie, and callers that attack: all in this process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod bodies;
mod callers;
mod calls;
mod floods;
mod liars;
mod node;
mod raw;
mod renewal;
