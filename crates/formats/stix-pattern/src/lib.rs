//! STIX 2.1 patterns (STIX 2.1 §9): text to syntax tree and back, and evaluation over observed data.
//!
//! [`parse`] gives a [`Pattern`] or every error it could find, each with its place. A [`Matcher`] is a pattern
//! made ready to run; [`Observations`] are observed-data objects made ready to be searched, an [`Assembly`] makes an
//! observation of what comes in other forms. What a pattern is about, for indexes: [`Pattern::terms`],
//! [`Pattern::alternatives`], [`Pattern::asked`].
//!
//! How the standard's choices are read here:
//!
//! - One observation expression holds when *one* object of the observation satisfies all of it; other objects
//!   take part only through `_ref` and `_refs` (§9.5).
//! - An observed-data object stands for `number_observed` observations, each at an unknown instant from
//!   `first_observed` to `last_observed` (§9.1), so a temporal condition holds when instants exist that fulfil it.
//! - `WITHIN` is strict: the latest instant lies less than the window after the earliest. `STOP` is exclusive.
//! - A reference is followed when its path goes on behind it, among the objects of the observation only; at the
//!   end of a path it is its own text.
//! - A path that leads nowhere makes its comparison false, also under `NOT` and `!=` (§9.6); a value of another
//!   type makes it false except under `!=` (and the other way round under `NOT`).
//! - `MATCHES` runs on a linear-time engine. Look-around, back-references and the other constructs that need
//!   backtracking are refused when the pattern is parsed; `$` matches at the very end only.
//!
//! An error is what the grammar or a MUST of the standard forbids, an operand no check could ever run with, or a
//! limit; what is valid but never matches is a warning. Where the published grammar is laxer than the text, the
//! text wins: one type per set, `AND` satisfiable by one object, hash values of their algorithm's length.
//!
//! **Invariant:** parsing and evaluation are total and bounded. No input panics or recurses without limit;
//! what exceeds [`Limits`] or the evaluation budget ends in an error that says so.
//!
//! **Must not know:** indicators, bundles' validity, stores, clocks. Objects are read as they are, valid or not.

mod alternative;
mod asked;
mod assembly;
mod ast;
mod check;
mod compare;
mod compile;
mod error;
mod limits;
mod matching;
mod net;
mod observe;
mod parse;
mod print;
mod search;
mod term;
mod token;

pub use alternative::Alternative;
pub use asked::{Asked, Reach};
pub use assembly::Assembly;
pub use ast::Pattern;
pub use compile::Matcher;
pub use error::{BudgetExceeded, PatternError, PatternWarning};
pub use limits::Limits;
pub use observe::{Observation, Observations};
pub use parse::parse;
pub use term::{Relation, Term};
