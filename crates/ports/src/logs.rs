//! Log sources as the shell sees them: bytes from files, sockets and pipes, and a place to go on from.
//!
//! An adapter hands out bytes and says which file or connection they are of; what is a record in them is not its concern.
//! So the caller says how far it has come ([`LogStream::position`]) and commits the answer with whatever it made of the
//! records: then each record counts once, however often either side stops.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use crate::pull::Field;

/// The most bytes of one [`LogBatch`]: 1 MiB.
pub const MAX_BATCH: usize = 1 << 20;
/// The most bytes of [`LogBatch::head`]: 64 KiB.
pub const MAX_HEAD: usize = 64 << 10;
/// The most bytes of a position's text: 64 KiB.
pub const MAX_POSITION: usize = 64 << 10;

/// Fields that every kind's configuration may have beside the kind's own: they say how records are read, which is the
/// shell's business. Adapters pass over them.
pub const READ_FIELDS: &[&str] =
    &["class", "columns", "delimiter", "fields", "format", "keep", "logsource", "mapping", "zone"];

/// The kinds of log source there are.
pub trait LogSources: Send + Sync {
    /// What there is, and how each is configured.
    fn kinds(&self) -> &[Kind];

    /// Whether a configuration can be used. Nothing is opened.
    ///
    /// # Errors
    /// [`LogError::Configuration`] names the field that is wrong.
    fn check(&self, spec: &LogSpec) -> Result<(), LogError>;

    /// Opens a source where it was left: `position` is a text of [`LogStream::position`], `None` the beginning. Sockets
    /// are bound here; files are looked for when the first piece is asked for, and may appear later.
    ///
    /// # Errors
    /// [`LogError::Configuration`], or [`LogError::Unreadable`] when it cannot be listened there.
    fn open(&self, spec: &LogSpec, position: Option<&str>) -> Result<Box<dyn LogStream>, LogError>;
}

/// A log source as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// What people call it; messages name it.
    pub name: String,
    /// `file`, `syslog-udp`, `syslog-tcp`, `syslog-tls` or `stdin`.
    pub kind: String,
    /// A JSON object: the kind's fields, and any of [`READ_FIELDS`].
    pub config: String,
}

/// A kind of log source: what it is called, what it does, what it is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name, as in [`LogSpec::kind`].
    pub kind: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The fields of its configuration.
    pub fields: &'static [Field],
    /// The least that makes a valid configuration, as JSON.
    pub example: &'static str,
}

/// An open log source. Dropping it closes everything it has opened.
///
/// The caller deals with one batch after the other, in this order: take in what [`LogStream::next`] gave, ask
/// [`LogStream::position`] and commit its text, come back for the next. Only the reader of one part is needed at a time:
/// when a batch [`begins`](LogBatch::begins), the reader before it is over, whatever it still held. Coming back to a part,
/// a source that can hands out again what the caller had not dealt with.
pub trait LogStream: Send {
    /// The next piece; waits for one. Cancelling loses nothing.
    ///
    /// # Errors
    /// [`LogError::Unreadable`] for what cannot be read at present, once for each trouble: the others go on, so asking again
    /// is right. [`LogError::Gone`] when nothing will ever come again.
    fn next(&mut self) -> NextBatch<'_>;

    /// The text to open it again with, when everything before `offset` of `part` has been dealt with, and so has all that
    /// earlier calls said. At most [`MAX_POSITION`] bytes; empty where there is nothing to go back to.
    fn position(&self, part: u64, offset: u64) -> String;

    /// How far behind, and what was lost.
    fn lag(&self) -> Lag;
}

/// What [`LogStream::next`] returns: boxed, so that sources of all kinds fit behind one pointer.
pub type NextBatch<'a> = Pin<Box<dyn Future<Output = Result<LogBatch, LogError>> + Send + 'a>>;

/// The next piece of a log source.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LogBatch {
    /// Which file or connection it is of. What a file holds after it was truncated or replaced is another part.
    pub part: u64,
    /// For people: the file's name below the folder that is read, or the peer's address.
    pub name: String,
    /// Whether a reader begins here, at `offset`: a part not met before, or one come back to.
    pub begins: bool,
    /// When it begins in the middle: the first bytes of the part, at most [`MAX_HEAD`], to find out its format and to read
    /// the header of a table. Empty otherwise.
    pub head: Vec<u8>,
    /// Where the first of `bytes` stands in the part; of packed files, unpacked.
    pub offset: u64,
    /// At most [`MAX_BATCH`]; cut anywhere. May be empty.
    pub bytes: Vec<u8>,
    /// Whether the part is complete, as far as can be told: a last line without a line break is a whole one. Should there
    /// be more after all, it begins again.
    pub ends: bool,
    /// Whether the bytes are JSON lines made by a [`Converter`].
    pub lines: bool,
    /// What people should know, such as that a file was truncated.
    pub notes: Vec<String>,
}

impl fmt::Debug for LogBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, name, begins, head, offset, bytes, ends, lines, notes } = self;
        write!(f, "part {part} ({name}): {} bytes at {offset}, begins {begins}, ends {ends}", bytes.len())?;
        write!(f, ", lines {lines}, head {}, notes {notes:?}", head.len())
    }
}

/// How far behind a source is, and what was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// Bytes on disk that have not been dealt with, packed files as they are; `None` for sockets.
    pub bytes: Option<u64>,
    /// Records that were dropped by the kernel or passed over, since it was opened.
    pub lost: u64,
    /// Connections that were turned away, since it was opened.
    pub refused: u64,
    /// Files that are followed, or connections that are open.
    pub parts: u64,
}

/// Turns files that are no text into lines, such as Windows' event logs.
pub trait Converter: Send + Sync {
    /// Whether a file that begins like this is one it can turn into lines.
    fn suits(&self, head: &[u8], name: &str) -> bool;

    /// Hands out each record as one JSON text without line break. Returns what could not be read.
    ///
    /// The same file gives the same texts in the same order: that is how a conversion goes on where it was left.
    ///
    /// # Errors
    /// [`LogError::Unreadable`] when nothing further of the file can be read.
    fn convert(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<Converted, LogError>;
}

/// What a conversion came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Converted {
    /// Records handed out.
    pub records: u64,
    /// Records that could not be read.
    pub bad: u64,
    /// Why, for at most five of them.
    pub reasons: Vec<String>,
    /// Whether the file was read to its end.
    pub complete: bool,
}

/// Why there is nothing to read. Each message says what, where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The configuration, or the position, cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// Something cannot be read now; it is tried again.
    #[error("{0}")]
    Unreadable(String),
    /// Nothing will come any more: what was read has an end, or the reader stopped. Open it again, or remove it.
    #[error("{0}")]
    Gone(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_batch_holds_is_not_shown() {
        let batch = LogBatch {
            part: 7,
            name: "auth.log".to_owned(),
            bytes: b"secret".to_vec(),
            ..LogBatch::default()
        };
        let shown = format!("{batch:?}");
        assert!(shown.contains("auth.log") && shown.contains("6 bytes") && !shown.contains("secret"));
    }
}
