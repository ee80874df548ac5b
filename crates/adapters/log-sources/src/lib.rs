//! Where logs come from: files as they grow and rotate, syslog over UDP, TCP and TLS, and standard input.
//!
//! ```text
//! files  ─► Selection: which ─► Tail: the next piece of one of them, on a blocking thread ─► FileStream
//! peers  ─► a task for each connection, or one socket ─► a channel of two batches          ─► Fed
//! stdin  ─► a thread                                  ─► the same channel                   ─► Fed
//! ```
//!
//! A source is a [`ports::logs::LogStream`]: the caller says how far it has come, and gets the text to go on from. Kinds
//! are listed in [`KINDS`].
//!
//! **Invariant:** what a position says was dealt with is not handed out again, and what it does not is, as long as its file
//! can be read; whatever is lost all the same is counted or named. Memory is bounded whatever peers send and however slow
//! the caller is.
//!
//! **Must not know:** what a record is beyond syslog's framing, formats of logs, the store, or other adapters.

mod config;
mod fed;
mod file;
mod kinds;
mod stdin;
mod syslog;

pub use file::Pace;
pub use kinds::{KINDS, Kinds};
pub use stdin::read_from;
