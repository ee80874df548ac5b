//! Sources as the shell sees them: something to pull batches from, and perhaps a channel of hints.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// The kinds of source a node can follow.
pub trait SourceKinds: Send + Sync {
    /// What there is, and how each is configured.
    fn kinds(&self) -> Vec<SourceKind>;

    /// Makes a source of a kind from its configuration (a JSON object). Nothing is fetched or read yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that is wrong.
    fn open(&self, kind: &str, config: &str) -> Result<OpenSource, ConfigError>;
}

/// A kind of source: what it is called, what it does, what it is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceKind {
    /// Name of the kind, as in a source's record.
    pub kind: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The fields of its configuration.
    pub fields: Vec<Field>,
}

/// A source that is ready to run.
pub struct OpenSource {
    /// Pulls batches.
    pub puller: Box<dyn Puller>,
    /// From the end of one round to the start of the next.
    pub interval: Duration,
    /// Where to listen for hints that a round is worth starting at once.
    pub live: Option<Box<dyn HintChannel>>,
}

/// One field of a kind's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the JSON object.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether a source cannot do without it.
    pub required: bool,
    /// What it is for.
    pub help: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// An `http` or `https` URL without user name and password.
    Url,
    /// A text that is not empty.
    Text,
    /// An absolute path of a file, read whenever it is needed.
    File,
    /// A whole number within bounds, both included.
    Number {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
        /// When it is not given.
        default: u64,
    },
    /// One of these words; the first when it is not given.
    Choice(&'static [&'static str]),
    /// Host names, addresses or networks.
    Hosts,
}

/// A configuration cannot be used; the message says which field and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Something objects are pulled from, batch by batch.
pub trait Puller: Send {
    /// The batch after `cursor`; from the beginning when there is none.
    ///
    /// The caller commits what the batch holds together with its cursor, and comes back with that cursor: at once
    /// while the batch says there is more, else when the next round is due. A batch may be empty. Calling again
    /// with an old cursor is allowed and gives things again that were given before.
    ///
    /// # Errors
    /// [`PullError`]; nothing is to be committed then, and the old cursor stays good.
    fn next<'a>(&'a mut self, cursor: Option<&'a str>) -> Pulling<'a>;
}

/// What [`Puller::next`] returns: boxed, so that sources of all kinds fit behind one pointer.
pub type Pulling<'a> = Pin<Box<dyn Future<Output = Result<Batch, PullError>> + Send + 'a>>;

/// What came in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Documents as received, in order; possibly none.
    pub pieces: Vec<Piece>,
    /// Opaque; to be committed with the pieces.
    pub cursor: String,
    /// Whether to come back at once.
    pub more: bool,
}

/// One document as received.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// How to read it.
    pub content: Content,
    /// Where it came from, for people: no query, no secret.
    pub name: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} ({} bytes)", self.content, self.name, self.bytes.len())
    }
}

/// How to read a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A TAXII envelope: a JSON object with STIX objects in the array `objects`.
    Stix,
    /// One MISP event in MISP core format.
    MispEvent,
    /// One value per line, a hosts file, or CSV.
    List,
}

/// Why there is no batch, and what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PullError {
    /// What happened, to what, and the next step.
    pub message: String,
    /// How long the other side asked to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether trying again is useless until somebody changes something, here or there.
    pub permanent: bool,
}

impl PullError {
    /// Useless to try again until somebody changes something.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None, permanent: true }
    }

    /// May go better next time.
    #[must_use]
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry_after: None, permanent: false }
    }
}

/// A line on which another node says that something changed there. It carries no content.
pub trait HintChannel: Send {
    /// Connects, resuming after the event with this id.
    fn connect<'a>(&'a mut self, last_event_id: Option<&'a str>) -> Waiting<'a, Box<dyn Hints>>;
}

/// An open hint channel.
pub trait Hints: Send {
    /// The next hint; `None` when the other side has closed the line. Cancelling loses no hint that was already read.
    fn next(&mut self) -> Waiting<'_, Option<Hint>>;

    /// Hints that have arrived and not been asked for yet, as the last of them: one round answers them all.
    fn drain(&mut self) -> Option<Hint>;

    /// How long the other side asks to wait before connecting again.
    fn retry(&self) -> Option<Duration>;
}

/// What hint channels return: boxed, so that channels of all kinds fit behind one pointer.
pub type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<T, PullError>> + Send + 'a>>;

/// Something changed over there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// To resume from, with [`HintChannel::connect`].
    pub id: Option<String>,
    /// The event's type.
    pub name: String,
}
