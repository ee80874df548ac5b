//! A running node: the store, the kernel and the reconcilers, wired together.
//!
//! [`Core`] is the synchronous half: it loads, decides and commits. [`Node`] is the half that keeps going by
//! itself: search follows the journal, the inbox is emptied, sources are pulled.
//!
//! **Invariant:** every change goes through one path: validate → decide → commit in one transaction → wake
//! whoever follows the journal. Reconcilers take no input; running one twice does no more than running it once.
//!
//! **Must not know:** HTTP, command lines, or which engine stands behind the store.

mod ambient;
mod backoff;
mod core;
pub mod detection;
mod follow;
mod form;
mod import;
mod inbox;
mod ingest;
mod node;
mod peering;
mod refused;
mod rules;
mod search;
pub mod trust;

pub use ambient::{OsIds, SystemClock};
pub use core::{Core, CoreError, Founding};
pub use import::{ImportError, ImportOptions, Progress};
pub use ingest::{Committing, Fate, IngestReport, Piece, Provenance, Summary, check_pattern};
pub use node::{Node, NodeOptions};
pub use rules::{NodeRules, RulesProblem, RulesSet};
