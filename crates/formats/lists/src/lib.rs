//! Plain lists in and out: one value per line, hosts files, CSV, warning lists, blocklists.
//!
//! Feeds write indicators in every way a text file allows. [`Reader`] turns them into terms, line by line and
//! in bounded memory; [`Indicators`] turns terms into STIX 2.1 indicators whose ids are the same on every
//! import; [`WarningIndex`] knows the values that are almost certainly benign; [`blocklist`] writes a list back.
//!
//! **Invariant:** every line that is not blank, a comment or boilerplate ends either as an [`Entry`] or as a
//! [`Refused`] with its line number and reason; none is dropped silently.
//!
//! **Must not know:** files, clocks, stores. Time is an argument, bytes come in pieces.

mod blocklist;
mod builtin;
mod csv;
mod detect;
mod index;
mod indicator;
mod reader;
mod warning;

pub use blocklist::blocklist;
pub use builtin::builtin;
pub use detect::looks_like_list;
pub use index::{Hit, WarningIndex};
pub use indicator::{Context, Indicators};
pub use reader::{Entry, MAX_LINE, Parsed, Reader, Reason, Refused};
pub use warning::{Category, Matching, WarningList, is_warning_list};
