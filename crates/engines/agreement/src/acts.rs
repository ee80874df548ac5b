//! Signed acts, and what a set of them amounts to.
//!
//! Every party writes only its own acts, each naming the one before it: a chain per party. The state of an agreement
//! is a function of the set of acts, so nodes that hold the same acts agree, in whatever order the acts came, however
//! often, and however long somebody was away.
//!
//! What narrows (ending, leaving, suspending) counts on receipt, even when acts before it are missing. What widens
//! counts only at the end of an unbroken chain, and with the officers' approvals that the text asks for.

mod act;
mod circle;
mod judge;
mod membership;
mod officers;
mod record;
mod state;
mod steps;

pub use act::{Act, What, approval_text};
pub use membership::{Member, Membership};
pub(crate) use officers::twice;
pub use record::{Known, MOST_ACTS, Record, fold};
pub use state::{
    Clock, Conflict, Event, MembershipState, Note, Reason, Refused, Signer, State, Status, Upcoming,
    VersionState, Waiting,
};
pub(crate) use state::{because, one_of};
pub use steps::Step;
