//! Containment as a lease: what may be blocked, by whose word, until when, and how it is undone.
//!
//! A [`Lease`] begins as a proposal. It needs a dry run over one's own history, and then the approvals that an
//! [`ApprovalRule`] asks for. While it is in force, [`Lease::plan`] says what is to be put in place and what is to be
//! taken away at each actuator; [`orders`] says the same for all leases together, as the whole set that an actuator is to
//! hold. What was done comes back by [`Lease::record`], and a [`Receipt`] says it to the ledger.
//!
//! ```text
//! Proposal ─ NeverBlock, Verdicts ─► proposed ─ dry run, approvals ─► approved ─ first actuator ─► active
//!                                       └► refused, withdrawn, expired     └► failed      └► expired, withdrawn, rolled-back
//! ```
//!
//! **Invariant:** nothing is planned without the approvals that the rule asks for, given on this very revision after its
//! dry run; nothing is planned beyond its end, which is at most 30 days away; whatever narrows a lease waits for nobody,
//! whatever widens it needs new approvals; planning again after recording plans nothing more.
//!
//! **Must not know:** stores, clocks, actuators themselves, how a signature is checked, who may do what. Instants,
//! approvals, verdicts and results come in as values.

mod guard;
mod lease;
mod plan;
mod proposal;
mod receipt;
mod record;
mod rule;
mod state;

pub use guard::{Guarded, InvalidGuard, NeverBlock, Verdicts};
pub use lease::{DayHits, DryRun, Extension, Lease, LeaseError};
pub use plan::{Asked, Failure, Held, Order, Outcome, Placed, Plan, Step, orders, reminders, wanted};
pub use proposal::{
    Item, Left, MAX_ACTUATORS, MAX_ITEMS, MAX_LEASE, MAX_TEXT, Proposal, ProposalError, Unread,
};
pub use receipt::{ActuatorResult, Receipt};
pub use record::RecordError;
pub use rule::{Approval, ApprovalRule};
pub use state::{Event, State, TRANSITIONS};
