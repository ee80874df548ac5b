//! Agreements between parties: their text, what it means, and the signed acts that bring it into force and end it.
//!
//! A text is a TOML document that a lawyer can read ([`templates`]); read and checked it is [`Terms`], and put to
//! signature with the hash of the policy compiled from it, a [`Proposal`]. Parties sign [`acts`]; what a set of acts
//! amounts to is a function of the set. Clients without a node have no agreement but a [`consumer`] release.
//!
//! **Invariant:** terms exist only where every check of their text passed, and one byte more or less in the text or in
//! the compiled policy is another version. A set of acts has one state, whatever order it came in; nothing widens
//! without the officers of every party it binds, and nothing that narrows waits for anybody.
//!
//! **Must not know:** how policies are compiled or decided, objects, streams, what is stored where, whose node this is.

pub mod acts;
mod basis;
mod caps;
mod ceiling;
mod check;
pub mod consumer;
pub mod decision;
mod document;
mod encode;
mod problem;
mod proposal;
mod read;
mod structure;
pub mod templates;
mod terms;
pub mod terms_diff;
mod text;

pub use caps::{Cap, Over, Passage};
pub use check::MOST_STEPS;
pub use document::{FORMAT, Reading};
pub use problem::Problem;
pub use proposal::{Proposal, proposal};
pub use read::MAX_TEXT;
pub use terms::{
    Action, Answer, BreakGlass, Caps, Circle, Clause, Contributor, Form, LegalBasis, Overseer, Party,
    PersonalData, QueryRight, Reciprocity, Redaction, Retention, Role, Set, Terms, Who, Witnesses,
};
pub use text::Malformed;
