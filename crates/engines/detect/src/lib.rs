//! Detection: events against rules and indicators, each in a state that says whether it can speak.
//!
//! ```text
//! texts of rules ─► Loader ─► Sigma: a Card for each rule, an engine for each set of rules that share a class
//! Event ─► Matcher ─► Alert { rule, evidence: field, value, span }
//!
//! patterns of indicators ─► watched ─► values ─► Index: a few million of them, in files that are mapped
//!                                  └─► the others ─► Patterns
//! Event ─► Index::look ─► Hit { subject, field, value, span };  Event ─► Patterns::run ─► subjects
//! ```
//!
//! A rule is asked about events of its own log source and of nothing else: which events those are, the class of an
//! event says. That is what keeps a rule about processes from firing on a file's name, and what makes one pass over an
//! event cheap.
//!
//! **Invariant:** every rule that is loaded ends as one card in one state; whoever asks why a rule is silent is told. An
//! indicator's value is compared in full before it is a hit, and no bytes of an index, damaged or made up, stop a look-up.
//!
//! **Must not know:** files, stores, clocks, the network. Texts and events come in, alerts go out.

mod alert;
mod atomic;
mod attack;
mod patterns;
mod sigma;

pub use alert::{Alert, Evidence};
pub use atomic::{
    Atom, Damaged, Entry, Hit, Index, MAX_ENTRIES, Scratch, Segment, SegmentBuilder, Watched, watched,
};
pub use attack::{Coverage, Proof, Technique, coverage};
pub use patterns::{PatternState, Patterns, Windows};
pub use sigma::{
    Card, CardId, Kind, Level, Loader, Matcher, Positive, Record, SELF_TEST, Sigma, Source, State,
    is_self_test,
};
