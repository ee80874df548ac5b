//! Windows' own event log files (`.evtx`), read by a child process that may fail.
//!
//! The format is binary, nested and often damaged. Damaged files have made parsers ask for gigabytes or never come back,
//! and a process that is refused memory aborts, which nothing inside it can catch. So a child reads them: a process with
//! little memory and time, that may make no files and no processes. It answers in frames of JSON records.
//!
//! ```text
//! Evtx ── path ──► child: Padded ─► evtx
//!      ◄─ frames: records, what is damaged, the end
//! ```
//!
//! **Invariant:** whatever a file holds, the parent neither dies nor waits without end nor keeps more of it than one
//! frame; a child that fails takes the file it was reading with it and no other, and the file is named.
//!
//! **Must not know:** what a record means, rules, stores, which program holds the child.

mod child;
mod limits;
mod padded;
mod process;
mod protocol;
mod reader;

pub use child::{child, serve};
pub use limits::Limits;
pub use reader::{Evtx, EvtxError, Report, Told};
