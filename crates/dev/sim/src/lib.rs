//! A coalition in one process, under a clock and a network that a seed decides.
//!
//! Nodes run the real kernel on real in-memory stores. What is simulated is everything around them: time, the
//! order and fate of messages, crashes, clocks that disagree, and a peer that lies. [`run`] plays one seed and
//! returns a [`Report`]; two runs of a seed give the same trace hash, so any failure can be played again.
//!
//! **Invariant:** nothing in here reads a real clock or real randomness, and events at one instant are ordered by
//! a tie-break drawn from the seed.
//!
//! **Must not know:** sockets, HTTP, threads.

mod chance;
mod coalition;
mod node;
mod objects;

pub use coalition::{Plan, Report, Violation, run};
