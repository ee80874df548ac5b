//! Detection: events against rules, each rule in a state that says whether it can speak.
//!
//! ```text
//! texts of rules ─► Loader ─► Sigma: a Card for each rule, an engine for each set of rules that share a class
//! Event ─► Matcher ─► Alert { rule, evidence: field, value, span }
//! ```
//!
//! A rule is asked about events of its own log source and of nothing else: which events those are, the class of an
//! event says. That is what keeps a rule about processes from firing on a file's name, and what makes one pass over an
//! event cheap.
//!
//! **Invariant:** every rule that is loaded ends as one card in one state; whoever asks why a rule is silent is told.
//!
//! **Must not know:** files, stores, clocks, the network. Texts and events come in, alerts go out.

mod alert;
mod sigma;

pub use alert::{Alert, Evidence};
pub use sigma::{Card, CardId, Kind, Level, Loader, Matcher, Sigma, Source, State};
