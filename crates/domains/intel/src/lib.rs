//! The kernel of intelligence: what becomes of one incoming object.
//!
//! [`needs`] says what to load, [`decide`] turns what was loaded and what came in into one [`Decision`]. The
//! caller loads, decides and stores inside one transaction; nothing here waits, fails or looks at a clock.
//!
//! **Invariant:** a decision never widens a label, never replaces one meaning of a version by another, never
//! lets anyone but the creator make a new version, and never brings back what was revoked or erased.
//!
//! **Must not know:** where objects are stored, how they travel, who is asking.

mod decide;
mod facts;
mod output;
mod text;

pub use decide::{
    Accepted, Decision, ERASED, Held, Identity, Input, Latest, Needs, Rules, View, Vouched, decide, needs,
    same_value,
};
pub use facts::{Edge, Facts, facts, observables};
pub use output::{OWN_ONLY_DEFINITION, OWN_ONLY_MARKING, marking_meaning, with_overlay};
pub use text::{Text, text};
