//! Logs: from bytes to records, from records to events that rules and indicators can ask.
//!
//! [`detect()`] says what a stream of bytes is, [`Framer`] cuts it into records, [`Reader`] reads one record into an
//! [`Event`]: which [`Class`] of event it is, when it happened, what its fields are called in Sigma's words and in
//! OCSF's, and which observables it names. Nothing is copied that can be borrowed; the raw record is kept and every
//! field knows where it stands in it.
//!
//! ```text
//! bytes ─► detect ─► Format, Framing
//!       ─► Framer ─► Frame { offset, bytes } | TooLong
//!       ─► Reader ─► Event { class, time, raw } | nothing (a header, a comment) | Malformed
//! ```
//!
//! **Invariant:** every record ends as an event, as a header or comment, or as a [`Malformed`] with its reason, place
//! and remedy; no record ends the stream, and memory stays bounded by the longest record that is allowed.
//!
//! **Must not know:** files, sockets, clocks, rules, stores. Time is an argument, bytes come in pieces.

mod class;
mod counts;
mod detect;
mod event;
mod fields;
mod frame;
mod observables;
mod ocsf;
mod read;
mod scan;
mod slot;
mod time;

pub use class::{Class, ClassId, LogSource, Picks, Route, Test, classes, route};
pub use counts::{Counts, MAX_SAMPLE, MAX_SAMPLES, Malformed, Reason, Sample};
pub use detect::{Detected, Format, HEAD, NotLogs, detect};
pub use event::{Event, Field};
pub use fields::{FieldMap, Loose, Place};
pub use frame::{Frame, Framer, Framing, MAX_RECORD};
pub use observables::Sighted;
pub use ocsf::ocsf_name;
pub use read::{Mapping, Reader, Settings};
pub use time::{Clock, instant};
