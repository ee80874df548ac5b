//! Actuators as the shell sees them: things that block, each told the whole of what it is to block.
//!
//! An actuator keeps nothing of its own that matters: the caller hands it the whole set each time, together with the
//! names it gave before. So a lost answer, a crash or a restart is mended by asking again.

use controls::{BlockSet, Handle, Skipped};
use model::{Digest, Timestamp};

use crate::pull::{ConfigError, Field};

/// The kinds of actuator a node can use.
pub trait ActuatorKinds: Send + Sync {
    /// What there is, and how each is configured.
    fn kinds(&self) -> Vec<ActuatorKind>;

    /// Makes an actuator of a kind, under a name, from its configuration (a JSON object). Nothing is touched yet.
    ///
    /// # Errors
    /// [`ConfigError`] names the field that is wrong.
    fn open(&self, kind: &str, name: &str, config: &str) -> Result<Box<dyn Actuator>, ConfigError>;
}

/// A kind of actuator: what it is called, what it does, what it is configured with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActuatorKind {
    /// Name of the kind, as in an actuator's record.
    pub kind: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The fields of its configuration.
    pub fields: Vec<Field>,
}

/// Something that blocks. Calls wait for what is outside: they are made from threads that may block, one at a time for
/// each actuator.
pub trait Actuator: Send + Sync {
    /// Its name: leases name it.
    fn name(&self) -> &str;

    /// Its kind.
    fn kind(&self) -> &'static str;

    /// Makes `set` the whole of what is blocked here for us: what is in it is blocked until its end, what is not is no
    /// longer blocked. `held` is what earlier calls gave back. Calling again with the same set changes nothing.
    ///
    /// # Errors
    /// [`ActuatorError`]; what was in place before may be in place still, or in part.
    fn apply(&self, set: &BlockSet, held: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError>;

    /// Takes away everything that is blocked here for us.
    ///
    /// # Errors
    /// [`ActuatorError`]; what was in place before may be in place still, or in part.
    fn remove(&self, held: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError>;

    /// What is blocked here for us, as far as it can be asked.
    ///
    /// # Errors
    /// [`ActuatorError`] when nobody answers.
    fn status(&self, now: Timestamp) -> Result<Status, ActuatorError>;
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Items that are blocked now.
    pub blocked: usize,
    /// Items that cannot be blocked here, and why.
    pub skipped: Vec<Skipped>,
    /// What the blocks are called here, all of them; for the next call.
    pub handles: Vec<Handle>,
    /// SHA-256 of exactly what was handed over.
    pub digest: Digest,
    /// What people should know; empty when there is nothing.
    pub note: String,
}

/// What an actuator says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What is blocked; `None` when it cannot be asked.
    pub blocks: Option<Vec<Blocked>>,
    /// Packets or requests that were blocked since the set was applied last, where it counts them.
    pub hits: Option<u64>,
    /// What people should know.
    pub note: String,
}

/// A block as its actuator shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The value in the actuator's own words.
    pub value: String,
    /// Seconds until it ends by itself; `None` when it does not.
    pub left: Option<u64>,
}

/// Why an actuator did not do what it was to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ActuatorError {
    /// What happened, to what, and the next step.
    pub message: String,
    /// Whether trying again is useless until somebody changes something, here or there.
    pub permanent: bool,
    /// What the blocks are called that are in place now, where some of them are and that is known.
    pub handles: Option<Vec<Handle>>,
}

impl ActuatorError {
    /// Useless to try again until somebody changes something.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: true, handles: None }
    }

    /// May go better next time.
    #[must_use]
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: false, handles: None }
    }
}
