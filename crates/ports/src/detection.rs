//! What the store remembers about detection: log sources and how far they were read, rules, alerts, and work that takes
//! longer than one step.
//!
//! Texts called `config`, `position`, `detail`, `allowed` and `body` are the shell's own JSON: a store keeps them and looks
//! at nothing in them.

use model::{Digest, PartyId, StixId, Tenant, Timestamp};

use crate::records::Scope;
use crate::store::StoreError;

/// Where logs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSourceRecord {
    /// What people call it: unique, `[a-z0-9-]+`.
    pub name: String,
    /// Such as `file` or `syslog-tcp`.
    pub kind: String,
    /// What its kind needs to know, and how its records are read.
    pub config: String,
    /// Whether it is read.
    pub enabled: bool,
    /// When it was added.
    pub added: Timestamp,
}

/// How far a log source was read, and how it is doing. Counts are since it was added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSourceState {
    /// Where to go on; `None` before the first record.
    pub position: Option<String>,
    /// Records that were read, malformed ones included.
    pub records: u64,
    /// Records that could not be read.
    pub malformed: u64,
    /// Bytes of them all.
    pub bytes: u64,
    /// Records that are known to be lost before they were read.
    pub lost: u64,
    /// Records given to the telemetry store.
    pub kept: u64,
    /// Records on which something matched.
    pub matched: u64,
    /// The latest instant that a record gives for itself.
    pub last_event: Option<Timestamp>,
    /// When a record was read last.
    pub last_read: Option<Timestamp>,
    /// The last failure: when, and what to do about it.
    pub last_error: Option<(Timestamp, String)>,
    /// Samples of malformed records, by reason.
    pub detail: String,
}

/// A text with Sigma documents of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Unique: the file's name as it was given.
    pub name: String,
    /// The text as it was given.
    pub text: String,
    /// When it was added or changed last.
    pub at: Timestamp,
}

/// What matched, to be counted with its like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    /// Alerts of one group are one row.
    pub group: Digest,
    /// The rule's id, or the id of the object that holds the pattern.
    pub rule: String,
    /// The object that it came by: erasing it erases the alert.
    pub object: Option<StixId>,
    /// What people read first.
    pub title: String,
    /// 0 (informational) to 4 (critical).
    pub level: u8,
    /// The log source.
    pub source: String,
    /// Whether it was found in kept telemetry rather than in what had just been read.
    pub past: bool,
    /// The earliest event.
    pub first: Timestamp,
    /// The latest event.
    pub last: Timestamp,
    /// How many events.
    pub count: u64,
    /// Evidence of one of them.
    pub detail: String,
    /// Why it may be looked for here.
    pub allowed: String,
}

/// Alerts of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its number, in order of first raising; never used again.
    pub number: u64,
    /// What matched: the earliest and latest event of all, the sum of counts, the newest evidence. `past` only while
    /// nothing but the past has matched.
    pub alert: NewAlert,
    /// When it was raised first.
    pub raised: Timestamp,
    /// When it was raised last.
    pub touched: Timestamp,
    /// Who closed it, when, and what they said. Raising it again opens it, if there is more.
    pub closed: Option<(Timestamp, String, String)>,
}

/// Which alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Closed ones too.
    pub closed: bool,
    /// At least this level.
    pub level: u8,
    /// Of this rule.
    pub rule: Option<String>,
    /// By this object.
    pub object: Option<StixId>,
    /// Raised last at or after this instant.
    pub since: Option<Timestamp>,
    /// With a number below this one: the next page.
    pub before: Option<u64>,
}

/// When a rule fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// As in [`NewAlert::rule`].
    pub rule: String,
    /// Events in all.
    pub count: u64,
    /// The latest event.
    pub last: Timestamp,
}

/// What kind of work takes longer than one step. Its place in [`WorkKind::ALL`] is its stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkKind {
    /// A hunt through kept telemetry.
    Hunt,
    /// A hunt or preview that another party asks us for.
    Asked,
    /// A hunt or preview that we ask other parties for.
    Asking,
    /// A lease of containment.
    Lease,
}

impl WorkKind {
    /// Every kind, in the order of its stored number.
    pub const ALL: [Self; 4] = [Self::Hunt, Self::Asked, Self::Asking, Self::Lease];

    /// The name in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hunt => "hunt",
            Self::Asked => "asked",
            Self::Asking => "asking",
            Self::Lease => "lease",
        }
    }
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Unique among its kind; whoever asks chooses it, so that asking twice is asking once.
    pub id: Digest,
    /// What kind of work.
    pub kind: WorkKind,
    /// A word of its state machine, of which each kind has its own: a store keeps it and looks at nothing in it.
    pub state: String,
    /// Whether it has come to its end.
    pub over: bool,
    /// The other party, where there is one.
    pub party: Option<PartyId>,
    /// The object that it is about: erasing it erases the work.
    pub object: Option<StixId>,
    /// When it was begun.
    pub begun: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// When somebody has to look at it again.
    pub due: Option<Timestamp>,
    /// Everything else.
    pub body: String,
}

/// Writing.
pub trait DetectTx {
    /// Adds a log source; [`StoreError::Exists`] when the name is taken.
    fn add_log_source(&mut self, tenant: Tenant, source: &LogSourceRecord) -> Result<(), StoreError>;

    /// Changes a log source's kind, configuration or switch, by name. [`StoreError::Missing`] when there is none.
    fn set_log_source(&mut self, tenant: Tenant, source: &LogSourceRecord) -> Result<(), StoreError>;

    /// Removes a log source and its state; its alerts stay. [`StoreError::Missing`] when there is none.
    fn remove_log_source(&mut self, tenant: Tenant, name: &str) -> Result<(), StoreError>;

    /// Writes how far a source was read, in the same transaction as the alerts of what was read. No effect for a source
    /// that is not there.
    fn set_log_state(&mut self, tenant: Tenant, name: &str, state: &LogSourceState)
    -> Result<(), StoreError>;

    /// Adds or replaces a text of rules; returns whether anything changed.
    fn set_rule_text(&mut self, tenant: Tenant, rule: &RuleText) -> Result<bool, StoreError>;

    /// Removes a text of rules; returns whether there was one.
    fn remove_rule_text(&mut self, tenant: Tenant, name: &str) -> Result<bool, StoreError>;

    /// Counts what matched with its like; returns the group's number and whether it is new, or was closed and is open
    /// again. What was found in the past takes the place of an equal or smaller count, as the past can be looked through
    /// more than once, and opens nothing unless there is more of it.
    fn raise(&mut self, scope: Scope, now: Timestamp, alert: &NewAlert) -> Result<(u64, bool), StoreError>;

    /// Closes a group of alerts. [`StoreError::Missing`] when there is none.
    fn close_alert(
        &mut self,
        scope: Scope,
        now: Timestamp,
        number: u64,
        author: &str,
        reason: &str,
    ) -> Result<(), StoreError>;

    /// Forgets groups of alerts that were raised last before this instant; returns how many.
    fn forget_alerts(&mut self, scope: Scope, before: Timestamp) -> Result<u64, StoreError>;

    /// Adds a piece of work; returns `false`, and changes nothing, when its kind has one with this id.
    fn add_work(&mut self, scope: Scope, work: &Work) -> Result<bool, StoreError>;

    /// Changes a piece of work: everything but id, kind and beginning. [`StoreError::Missing`] when there is none.
    fn set_work(&mut self, scope: Scope, work: &Work) -> Result<(), StoreError>;

    /// Forgets work that was over before this instant; returns how much.
    fn forget_work(&mut self, scope: Scope, kind: WorkKind, before: Timestamp) -> Result<u64, StoreError>;
}

/// Reading.
pub trait DetectRead {
    /// Log sources with their state, by name.
    fn log_sources(&self, tenant: Tenant) -> Result<Vec<(LogSourceRecord, LogSourceState)>, StoreError>;

    /// A log source.
    fn log_source(
        &self,
        tenant: Tenant,
        name: &str,
    ) -> Result<Option<(LogSourceRecord, LogSourceState)>, StoreError>;

    /// Texts of rules by name, after this one, at most `limit`.
    fn rule_texts(
        &self,
        tenant: Tenant,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<RuleText>, StoreError>;

    /// Groups of alerts, newest number first, at most `limit`.
    fn alerts(&self, scope: Scope, filter: &AlertFilter, limit: usize) -> Result<Vec<AlertRow>, StoreError>;

    /// A group of alerts.
    fn alert(&self, scope: Scope, number: u64) -> Result<Option<AlertRow>, StoreError>;

    /// When each rule fired, by rule.
    fn fired(&self, scope: Scope) -> Result<Vec<Fired>, StoreError>;

    /// A piece of work.
    fn work(&self, scope: Scope, kind: WorkKind, id: Digest) -> Result<Option<Work>, StoreError>;

    /// Work of a kind, what is not over first, then newest first, at most `limit`. With `open`, only what is not over.
    fn works(&self, scope: Scope, kind: WorkKind, open: bool, limit: usize) -> Result<Vec<Work>, StoreError>;

    /// Work of a kind about an object, newest first, at most `limit`.
    fn work_about(
        &self,
        scope: Scope,
        kind: WorkKind,
        object: &StixId,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError>;

    /// Work that is not over and due by this instant, most overdue first, at most `limit`.
    fn due_work(
        &self,
        scope: Scope,
        kind: WorkKind,
        by: Timestamp,
        limit: usize,
    ) -> Result<Vec<Work>, StoreError>;

    /// Work that is not over, for the next start and for figures.
    fn open_work(&self, scope: Scope, kind: WorkKind) -> Result<u64, StoreError>;
}
