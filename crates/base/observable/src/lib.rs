//! The normalised observable: one spelling per value, so that "have we seen this?" is an exact look-up.
//!
//! Indicators, logs, warning lists and people write the same value in many ways. Here each becomes a
//! [`Kind`] and a key; two texts mean the same thing exactly when both are equal. Keys also sort usefully:
//! addresses as fixed-width hex, domains with their labels reversed, so a network or a subtree of names is
//! one contiguous range.
//!
//! **Invariant:** an [`Observable`] made by [`normalise`] is canonical: normalising what it displays gives
//! the same observable back, and its key is at most [`MAX_KEY`] bytes.
//!
//! **Must not know:** JSON, STIX objects, stores. It knows STIX only as names of object types and
//! property paths.

mod classify;
mod domain;
mod ip;
mod kind;
mod observable;
mod path;
mod pattern;
mod refang;
mod url;

pub use classify::{Qualifier, Term, classify, read};
pub use kind::Kind;
pub use observable::{KeyBuf, MAX_KEY, Observable, key_into, normalise};
pub use path::{from_like_term, from_pattern_term, kind_of};
pub use pattern::{pattern, quote, write_comparison, write_test};
pub use refang::{defang, refang};
pub use url::host_key_into;
