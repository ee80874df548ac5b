//! Telemetry: events that are kept, so that the past can be asked what the present is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use model::Timestamp;
use observable::Observable;

/// One event that is kept, and all that is needed to read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'k> {
    /// When it happened, by its own account; when it was read, if it does not say.
    pub time: Timestamp,
    /// Name of the log source it came from.
    pub source: &'k str,
    /// The number of its class of event.
    pub class: u16,
    /// The name of its log format.
    pub format: &'k str,
    /// The lines that say what the columns of a table are, where the record cannot be read without.
    pub header: Option<&'k [u8]>,
    /// The file or stream of the source it stands in.
    pub part: &'k str,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// The machine it is about, by its own account.
    pub device: Option<&'k str>,
    /// Every observable it names, with those that follow from them, such as the host of a URL. What is not said here,
    /// no hunt for values finds. Empty in what a hunt hands out: the record says it all again.
    pub observables: &'k [Observable],
    /// The program it is about, for those who query the files. `None` in what a hunt hands out.
    pub image: Option<&'k str>,
    /// How that was called, for the same. `None` in what a hunt hands out.
    pub command_line: Option<&'k str>,
    /// The record as it came.
    pub raw: &'k [u8],
}

/// Keeps events for a time and hunts through them.
///
/// Synchronous by design: an async shell calls it from its blocking pool. Everything may be called at any time and from
/// any thread, but the batches of one source come one after the other.
pub trait Telemetry: Send + Sync {
    /// Keeps a batch of one source; it would survive a power cut when this returns. `number` is how many records of the
    /// source are kept with it, which the caller commits in a store of its own afterwards. A batch that comes again,
    /// by its number, takes the place of what was kept of it and not [`Telemetry::committed`].
    ///
    /// `now` stands in for a time of an event before 1970 or from 2100 on.
    ///
    /// # Errors
    /// [`TelemetryError`]; then nothing of the batch is kept.
    fn append(
        &self,
        source: &str,
        number: u64,
        now: Timestamp,
        records: &[Kept<'_>],
    ) -> Result<(), TelemetryError>;

    /// What the caller has committed: so many records of the source. To be called for every source after a start, and
    /// after every commit. Records beyond it that were found at the start belong to a batch that will come again, and
    /// are dropped; only what is committed leaves the write-ahead log. May take as long as writing a file.
    ///
    /// # Errors
    /// [`TelemetryError`]; what is kept stays as it is.
    fn committed(&self, source: &str, number: u64) -> Result<(), TelemetryError>;

    /// Moves what is committed from the write-ahead log to where it is hunted fast.
    ///
    /// # Errors
    /// The first [`TelemetryError`]; what could not be moved stays in the log.
    fn flush(&self) -> Result<Flushed, TelemetryError>;

    /// Hands out, in no order, every record that may answer the plan: none that would is left out, but for what
    /// [`Looked`] says. `each` gets the number of the worker that calls it, below `workers`; `progress` ends the hunt
    /// by returning `false`.
    ///
    /// # Errors
    /// [`TelemetryError`] when the hunt cannot begin. A file that cannot be read ends nothing: it is named in the answer.
    fn hunt(
        &self,
        plan: &Plan,
        workers: usize,
        each: &(dyn Fn(usize, &Kept<'_>) + Sync),
        progress: &(dyn Fn(&Progress) -> bool + Sync),
    ) -> Result<Looked, TelemetryError>;

    /// Removes what is older than the policy allows, then what is more than it allows, oldest first and never what a hold
    /// covers, and merges small files.
    ///
    /// # Errors
    /// The first [`TelemetryError`]; no record is lost or doubled by it.
    fn maintain(&self, now: Timestamp, policy: &Retention) -> Result<Maintained, TelemetryError>;

    /// Begins a legal hold: what it covers is not removed by [`Telemetry::maintain`].
    ///
    /// # Errors
    /// [`TelemetryError::Exists`] when the name is taken.
    fn hold(&self, hold: &Hold) -> Result<(), TelemetryError>;

    /// Ends a legal hold.
    ///
    /// # Errors
    /// [`TelemetryError::Missing`] when there is none of this name.
    fn release(&self, name: &str) -> Result<(), TelemetryError>;

    /// Every legal hold, by name.
    fn holds(&self) -> Vec<Hold>;

    /// What is kept.
    fn stats(&self) -> Stats;
}

/// Why telemetry could not do it, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// No room: hunts go on, nothing more is kept until there is space.
    #[error(
        "the disk under the telemetry is full; free space or keep less, then try again (hunts still work)"
    )]
    Full,
    /// Another process has it open.
    #[error("the telemetry in {0} is in use by another process; end that first")]
    InUse(String),
    /// What was given makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// What to act on is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// The files are damaged.
    #[error("the telemetry is damaged: {0}")]
    Damaged(String),
    /// Anything else that went wrong with files.
    #[error("the telemetry failed: {0}")]
    Failed(String),
}

/// What [`Telemetry::flush`] moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Records.
    pub records: u64,
    /// Files made of them.
    pub files: u64,
}

/// What a hunt is for. Everything that is set has to hold; the default asks for every record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Not what happened before.
    pub from: Option<Timestamp>,
    /// Not what happened then or later.
    pub until: Option<Timestamp>,
    /// Only of these sources.
    pub sources: Option<BTreeSet<String>>,
    /// Only of these classes of events.
    pub classes: Option<BTreeSet<u16>>,
    /// Only what names one of these values, or one that a network or a suffix of names among them covers
    /// ([`Observable::covering`]). Empty: whatever it names.
    pub values: Vec<Observable>,
    /// End after reading so many bytes from the disk.
    pub max_bytes: Option<u64>,
}

/// How far a hunt has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps done: row groups and write-ahead logs.
    pub done: u64,
    /// Steps there are.
    pub total: u64,
    /// As [`Looked::records`].
    pub records: u64,
    /// As [`Looked::read`].
    pub read: u64,
    /// As [`Looked::bytes_read`].
    pub bytes_read: u64,
}

/// What a hunt has looked at. An answer of "nothing" is worth what this says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Records that the question covers by time and source and that were decided on, those included of which an index
    /// proved that they are no answer.
    pub records: u64,
    /// Records handed out.
    pub read: u64,
    /// Bytes read from the disk.
    pub bytes_read: u64,
    /// Row groups decided on.
    pub groups: u64,
    /// Of these, the ones of which an index proved that no record is an answer.
    pub groups_pruned: u64,
    /// Whether everything was looked at that the question covers: the hunt ran to its end, and nothing was unreadable.
    pub complete: bool,
    /// Why it did not run to its end.
    pub stopped: Option<Stopped>,
    /// What the records come from, by name.
    pub sources: Vec<Covered>,
    /// What could not be read, with the reason, in order.
    pub blind: Vec<String>,
}

/// Why a hunt did not run to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It was told to.
    Asked,
    /// It had read as many bytes as the plan allows.
    Budget,
}

/// What a hunt has looked at of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The source.
    pub name: String,
    /// Time of the earliest record that was decided on.
    pub from: Timestamp,
    /// Time of the latest.
    pub until: Timestamp,
    /// Records decided on.
    pub records: u64,
}

/// How long, and how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Nothing older than this, by the event or by its arrival, whichever is later: what is old when it is taken in is
    /// kept as long as all else. What claims to be of the future counts from its arrival.
    pub age: Option<Duration>,
    /// No more bytes than this in files: beyond, what happened longest ago goes first, whenever it came.
    pub bytes: Option<u64>,
}

/// What [`Telemetry::maintain`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Files removed because of their age or the space they take.
    pub files: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes they took.
    pub bytes: u64,
    /// Files that only a hold keeps.
    pub held: u64,
    /// Bytes above what the policy allows that are kept, all of them held.
    pub over: u64,
    /// Small files that became part of larger ones.
    pub merged: u64,
    /// What could not be merged, with the reason.
    pub blind: Vec<String>,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// What it is called, such as the number of a case.
    pub name: String,
    /// Covers what happened from then on.
    pub from: Option<Timestamp>,
    /// Covers what happened before then.
    pub until: Option<Timestamp>,
    /// Covers these sources alone.
    pub sources: Option<BTreeSet<String>>,
}

/// What is kept, without what is in the write-ahead log where not said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records in files.
    pub events: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Time of the earliest record in files.
    pub oldest: Option<Timestamp>,
    /// Time of the latest.
    pub newest: Option<Timestamp>,
    /// The same for each source, by name.
    pub sources: Vec<SourceStats>,
    /// Records in the write-ahead log.
    pub waiting: u64,
    /// Bytes of the write-ahead log.
    pub waiting_bytes: u64,
    /// What cannot be read, with the reason, and what was lost to faults of the disk.
    pub blind: Vec<String>,
}

/// What is kept of one source in files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStats {
    /// The source.
    pub name: String,
    /// Records.
    pub events: u64,
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Time of the earliest record.
    pub oldest: Timestamp,
    /// Time of the latest.
    pub newest: Timestamp,
}
