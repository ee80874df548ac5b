//! A JSON reader for text that must be given back exactly as it came.
//!
//! Shared objects are signed, compared and re-emitted, so the raw text is the truth: number spelling,
//! key order and unknown members all survive. Parsing therefore builds a flat tape of spans over the
//! source instead of owned values. A [`Tape`] is reused from document to document and allocates nothing
//! in the steady state.
//!
//! **Invariant:** a [`Value`] exists only over text that is valid UTF-8, valid RFC 8259 JSON, within the
//! [`Limits`], and, unless these say [`Names::First`], free of duplicate member names (compared after unescaping).
//!
//! **Must not know:** STIX, files, or any owned document model.

mod canonical;
mod edit;
mod error;
mod parse;
mod split;
mod value;

pub use canonical::{canonical, canonical_with};
pub use edit::Edits;
pub use error::{Error, Problem};
pub use parse::{Limits, Names, Tape};
pub use split::{Element, Splitter};
pub use value::{Entries, Items, Kind, Value, escape_pointer, write_string};
