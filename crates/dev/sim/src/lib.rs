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

mod alliance;
mod chance;
mod coalition;
pub mod forge;
mod fragile;
mod member;
mod node;
mod objects;
mod problem;
mod stage;

pub use alliance::{AlliancePlan, AllianceReport, play};
pub use chance::{SimClock, SimIds};
pub use coalition::{Plan, Report, Violation, run};
pub use fragile::Fragile;
pub use member::{DAWN, Member, name, officer};
pub use problem::Problem;
pub use stage::{
    Listener, Pact, Shape, Stage, agree, next_version, pair, settle, settle_heard, sign_all, text,
    with_ceiling,
};
