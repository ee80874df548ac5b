//! The one decision before anything leaves, and why.
//!
//! Terms compile to one Cedar policy set for each agreement ([`Policy::compile`]); a request is decided under one
//! agreement ([`decide`]) and the answer names the clause, the reasons and the obligations.
//!
//! **Invariant:** nothing is permitted that the compiled policies, which are what was signed, do not permit, or that
//! the terms read clause by clause do not permit. Whatever is unknown, empty, contradictory or fails to evaluate is a
//! refusal.
//!
//! **Must not know:** streams, keys, stores; how something is delivered or a circumstance proved; no clock.

mod caveats;
mod caveats_toml;
mod compile;
mod condition;
mod decide;
mod decision;
pub mod diff;
mod engine;
mod explain;
mod fact;
mod memo;
pub mod people;
pub mod prove;
mod quote;
mod request;
mod shortfall;
mod view;

pub use caveats::{Caveat, Caveats, InvalidCaveats, Receivers};
pub use caveats_toml::CaveatEntry;
pub use compile::{BREAK_GLASS, CompileError, Policy};
pub use decide::{Question, WITHDRAWAL, caveats_against, clauses_of_text, decide, decide_by, originator};
pub use decision::{Decision, InvalidObligations, Obligations, Reason};
pub use explain::{Explanation, Verdict, explain};
pub use fact::fact;
pub use memo::Memo;
pub use request::{Action, Circumstances, Request, Via};
pub use view::permits;
