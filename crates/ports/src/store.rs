//! The store, as use cases.

use std::path::Path;

use model::{
    AccountId, CollectionId, Finding, HeldId, Label, Seq, Severity, SourceId, StatusId, StixId, Tenant,
    Timestamp, TokenId, VersionId,
};
use observable::Observable;

use crate::detection::{DetectRead, DetectTx};
use crate::records::{
    Account, AuditRow, Collection, Counts, Existing, FindingRow, GraphEdge, Held, HeldDecision, Hit,
    InboxEntry, JournalRow, NewVersion, NodeRecord, ObjectFilter, Page, PageFilter, Scope, SearchDocument,
    SourceRecord, SourceState, StatusItem, StatusRecord, Stored, Token, VerifyReport, Wrapping,
};
use crate::trust::{TrustRead, TrustTx};

/// Why the store could not do it, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No room: reads go on, writes are refused until there is space.
    #[error("the disk under the store is full; free space, then try again (reads still work)")]
    Full,
    /// Held by someone else for too long; try again.
    #[error("the store is busy; try again shortly")]
    Busy,
    /// Written by a newer Shieldwall.
    #[error(
        "the store has schema {found}, this program knows up to {known}; use the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// Version on disk.
        found: u32,
        /// Newest version known here.
        known: u32,
    },
    /// The journal before this place has been compacted away.
    #[error("the cursor has expired: the journal starts after {horizon}; resynchronise from a snapshot")]
    CursorExpired {
        /// The oldest place that can still be continued from.
        horizon: Seq,
    },
    /// A name or key that must be unique is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// The thing to act on is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// The files are damaged.
    #[error("the store is damaged: {0}; run `shieldwall store verify`, or restore a backup")]
    Corrupt(String),
    /// Anything else the engine said.
    #[error("the store failed: {0}")]
    Engine(String),
}

/// A unit of work. It runs once, inside a transaction of its own; an error undoes all it did.
pub type WriteJob<'j> = Box<dyn FnOnce(&mut dyn Tx) -> Result<(), StoreError> + Send + 'j>;

/// Durable memory of a node.
///
/// Synchronous by design: an async shell calls it from its blocking pool.
pub trait Store: Send + Sync {
    /// Runs a job and returns once its effects would survive a power cut. Jobs of several callers may share one
    /// synced commit, never each other's failures.
    ///
    /// # Errors
    /// The job's own error, or why it could not be committed; then nothing of it remains.
    fn write(&self, job: WriteJob<'_>) -> Result<(), StoreError>;

    /// A consistent snapshot to read from. Drop it soon: it holds one of a bounded number of readers.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no reader becomes free in time.
    fn read(&self) -> Result<Box<dyn Read + '_>, StoreError>;

    /// Copies the whole store into a new file while everything goes on.
    ///
    /// # Errors
    /// When the file exists, or cannot be written.
    fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Checks everything against everything: engine integrity, gap-free journal, projections against payloads.
    ///
    /// # Errors
    /// When the check itself cannot run.
    fn verify(&self) -> Result<VerifyReport, StoreError>;

    /// Makes sure that erased bytes are gone from every file of the store, logs included.
    ///
    /// # Errors
    /// When readers hold old pages for too long.
    fn scrub(&self) -> Result<(), StoreError>;
}

/// Writing, and the reading that decisions need, inside one transaction.
pub trait Tx: TrustTx + DetectTx {
    /// What is held about an object. `version` is `None` for unversioned objects.
    fn existing(
        &mut self,
        scope: Scope,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<Existing, StoreError>;

    /// Raw text of the newest version of an object.
    fn newest(&mut self, scope: Scope, id: &StixId) -> Result<Option<String>, StoreError>;

    /// Stores a version, all its projections and its journal entry. Returns the row and its place.
    fn put(
        &mut self,
        scope: Scope,
        now: Timestamp,
        new: &NewVersion<'_>,
    ) -> Result<(VersionId, Seq), StoreError>;

    /// Narrows the label of a stored version: overlay, collections and journal follow. It leaves a public collection
    /// it is no longer fit for, and gets a new date added in the others, so that their followers see the narrower one.
    /// Widening is refused by doing nothing.
    fn relabel(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        label: Label,
    ) -> Result<(), StoreError>;

    /// As [`Tx::relabel`], by what a label says beyond TLP: `class` takes the place of the version's class, and the label is
    /// narrowed with it. No public collection keeps what only TLP does not describe. The journal always tells of it.
    fn narrow(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        label: Label,
        class: &str,
    ) -> Result<(), StoreError>;

    /// Gives a stored version a new date added in the collections it is in, so that whoever follows them meets it once
    /// more. It is no news otherwise: the journal does not tell of it. No effect on a version that is in none.
    fn redate(&mut self, scope: Scope, now: Timestamp, version: VersionId) -> Result<(), StoreError>;

    /// Adds a stored version to a further collection (with a date added of its own). No effect if it is in already,
    /// or was taken out of it by [`Tx::remove`]: a repeated delivery does not undo that.
    fn enroll(
        &mut self,
        scope: Scope,
        now: Timestamp,
        version: VersionId,
        collection: CollectionId,
    ) -> Result<(), StoreError>;

    /// Takes an object (all versions, or one) out of a collection: TAXII DELETE. Returns how many versions left.
    fn remove(
        &mut self,
        scope: Scope,
        now: Timestamp,
        collection: CollectionId,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<u64, StoreError>;

    /// Erases an object: payloads, projections and held copies go; a keyed tombstone and a journal entry stay.
    /// Returns how many versions there were. Call [`Store::scrub`] afterwards.
    fn erase(&mut self, scope: Scope, now: Timestamp, id: &StixId) -> Result<u64, StoreError>;

    /// Sets a value aside. An object is held once while it is undecided: the same text keeps its number, other text takes
    /// its place under a new one, so that a decision is always about the text that was shown.
    fn hold(
        &mut self,
        scope: Scope,
        now: Timestamp,
        source: SourceId,
        object: &StixId,
        raw: &str,
        findings: &[Finding],
    ) -> Result<HeldId, StoreError>;

    /// Keeps what came with a held value beyond its bytes, in place of what was kept of it before. No effect on one that is
    /// decided, or not there.
    fn wrap(&mut self, scope: Scope, id: HeldId, wrapping: &Wrapping) -> Result<(), StoreError>;

    /// The number under which an object waits for a decision, if it does.
    fn waiting(&mut self, scope: Scope, object: &StixId) -> Result<Option<HeldId>, StoreError>;

    /// One held value.
    fn held(&mut self, scope: Scope, id: HeldId) -> Result<Option<Held>, StoreError>;

    /// What was last decided about a held object: `Some(true)` released, `Some(false)` dropped. With `raw`, only a
    /// decision about exactly this text counts (what was decided about is kept by keyed hash once it is dropped).
    fn held_decision(
        &mut self,
        scope: Scope,
        object: &StixId,
        raw: Option<&str>,
    ) -> Result<Option<bool>, StoreError>;

    /// Records the decision on a held value. [`StoreError::Missing`] when there is none, [`StoreError::Exists`] when decided already.
    fn decide(&mut self, scope: Scope, id: HeldId, decision: &HeldDecision) -> Result<(), StoreError>;

    /// Keeps findings that belong to no stored version (refusals, integrity alarms).
    fn add_findings(
        &mut self,
        scope: Scope,
        now: Timestamp,
        source: SourceId,
        object: Option<&StixId>,
        findings: &[Finding],
    ) -> Result<(), StoreError>;

    /// Feeds the full-text index and moves its cursor, together. A document takes the place of what the index held of
    /// its object; one whose object was erased meanwhile is left out.
    fn index(&mut self, tenant: Tenant, up_to: Seq, documents: &[SearchDocument]) -> Result<(), StoreError>;

    /// Forgets journal entries up to and including this place; older cursors expire.
    fn compact(&mut self, tenant: Tenant, up_to: Seq) -> Result<(), StoreError>;

    /// Makes the tenant's own records: node, source 0 `own`, collections `public` and `own`. No effect if there already.
    fn found(
        &mut self,
        tenant: Tenant,
        node: &NodeRecord,
        own: CollectionId,
        public: CollectionId,
    ) -> Result<(), StoreError>;

    /// Adds a source (its `id` is ignored and assigned) and its collection.
    fn add_source(&mut self, tenant: Tenant, source: &SourceRecord) -> Result<SourceId, StoreError>;

    /// Changes a source's configuration, label or switch.
    fn set_source(&mut self, tenant: Tenant, source: &SourceRecord) -> Result<(), StoreError>;

    /// Removes a source; its objects and collection stay.
    fn remove_source(&mut self, tenant: Tenant, id: SourceId) -> Result<(), StoreError>;

    /// Writes how a source is doing. Sent in the same transaction as the objects it covers, so a crash neither skips nor repeats.
    fn set_source_state(
        &mut self,
        tenant: Tenant,
        id: SourceId,
        state: &SourceState,
    ) -> Result<(), StoreError>;

    /// Adds or replaces an account by id; [`StoreError::Exists`] when the name is another's.
    fn set_account(&mut self, tenant: Tenant, account: &Account) -> Result<(), StoreError>;

    /// Removes an account and its tokens.
    fn remove_account(&mut self, tenant: Tenant, id: AccountId) -> Result<(), StoreError>;

    /// Adds a token.
    fn add_token(&mut self, tenant: Tenant, token: &Token) -> Result<(), StoreError>;

    /// Revokes a token.
    fn remove_token(&mut self, tenant: Tenant, id: TokenId) -> Result<(), StoreError>;

    /// Appends to the audit log.
    fn audit(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        actor: &str,
        action: &str,
        target: &str,
        reason: &str,
    ) -> Result<(), StoreError>;

    /// Accepts a TAXII add request durably.
    fn receive(&mut self, entry: &InboxEntry, status: &StatusRecord) -> Result<(), StoreError>;

    /// Writes what became of the items of a request (by place), and closes it when `complete`.
    fn progress(
        &mut self,
        status: StatusId,
        items: &[(usize, StatusItem)],
        complete: bool,
    ) -> Result<(), StoreError>;

    /// Stores a warning list (raw JSON) by name, replacing an older one; returns whether it changed.
    fn set_warning_list(&mut self, tenant: Tenant, name: &str, raw: &str) -> Result<bool, StoreError>;
}

/// Reading a consistent snapshot.
pub trait Read: TrustRead + DetectRead {
    /// The node's own record.
    fn node(&self, tenant: Tenant) -> Result<Option<NodeRecord>, StoreError>;

    /// Sizes and cursors.
    fn counts(&self, tenant: Tenant) -> Result<Counts, StoreError>;

    /// The journal's head.
    fn head(&self, tenant: Tenant) -> Result<Seq, StoreError>;

    /// Journal entries after a place, in order, at most `limit`.
    /// [`StoreError::CursorExpired`] when entries after that place have been compacted.
    fn journal(&self, tenant: Tenant, after: Seq, limit: usize) -> Result<Vec<JournalRow>, StoreError>;

    /// An object: its newest version, or exactly one.
    fn object(
        &self,
        scope: Scope,
        id: &StixId,
        version: Option<Timestamp>,
    ) -> Result<Option<Stored>, StoreError>;

    /// The source that first delivered an object that is held.
    fn first_source(&self, scope: Scope, id: &StixId) -> Result<Option<SourceId>, StoreError>;

    /// A stored version by row.
    fn version(&self, scope: Scope, id: VersionId) -> Result<Option<Stored>, StoreError>;

    /// Every version of an object, oldest first.
    fn versions(&self, scope: Scope, id: &StixId) -> Result<Vec<Stored>, StoreError>;

    /// Objects by facet, in order of acceptance, after a version row, at most `limit`.
    fn objects(
        &self,
        scope: Scope,
        filter: &ObjectFilter,
        after: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Edges that touch an object, either way, at most `limit`; relationships appear as one edge from source to target.
    fn edges(&self, scope: Scope, id: &StixId, limit: usize) -> Result<Vec<GraphEdge>, StoreError>;

    /// Objects whose newest version carries an observable.
    fn by_observable(
        &self,
        scope: Scope,
        observable: &Observable,
        limit: usize,
    ) -> Result<Vec<StixId>, StoreError>;

    /// Full-text search over newest versions.
    fn search(&self, scope: Scope, query: &str, limit: usize) -> Result<Vec<Hit>, StoreError>;

    /// All collections.
    fn collections(&self, tenant: Tenant) -> Result<Vec<Collection>, StoreError>;

    /// One page of a collection, continuing after `after` (an `added` instant, exclusive, as is the filter's own).
    /// A page may be shorter than `limit` and have more behind it: its objects together are bounded in bytes.
    /// `with_content` is false for manifests and versions.
    fn page(
        &self,
        scope: Scope,
        collection: CollectionId,
        filter: &PageFilter,
        after: Option<Timestamp>,
        limit: usize,
        with_content: bool,
    ) -> Result<Page, StoreError>;

    /// Sources with their state.
    fn sources(&self, tenant: Tenant) -> Result<Vec<(SourceRecord, SourceState)>, StoreError>;

    /// Held values, undecided first, newest first; `all` includes decided ones.
    fn held(&self, scope: Scope, all: bool, limit: usize) -> Result<Vec<Held>, StoreError>;

    /// Findings after a number, oldest first.
    fn findings(&self, scope: Scope, after: u64, limit: usize) -> Result<Vec<FindingRow>, StoreError>;

    /// Findings of at least this severity before a number, newest first.
    fn newest_findings(
        &self,
        scope: Scope,
        least: Severity,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FindingRow>, StoreError>;

    /// Accounts by name.
    fn accounts(&self, tenant: Tenant) -> Result<Vec<Account>, StoreError>;

    /// Tokens, oldest first.
    fn tokens(&self, tenant: Tenant) -> Result<Vec<Token>, StoreError>;

    /// The token with this hash.
    fn token(&self, tenant: Tenant, hash: &[u8; 32]) -> Result<Option<(Token, Account)>, StoreError>;

    /// Audit rows after a number, oldest first.
    fn audits(&self, tenant: Tenant, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// A status resource.
    fn status(&self, tenant: Tenant, id: StatusId) -> Result<Option<StatusRecord>, StoreError>;

    /// The oldest waiting requests, at most `limit`.
    fn inbox(&self, limit: usize) -> Result<Vec<InboxEntry>, StoreError>;

    /// Warning lists as (name, raw JSON).
    fn warning_lists(&self, tenant: Tenant) -> Result<Vec<(String, String)>, StoreError>;
}

impl dyn Store + '_ {
    /// [`Store::write`] for jobs that return a value.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn transact<T: Send>(
        &self,
        job: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let mut slot = None;
        self.write(Box::new(|tx| {
            slot = Some(job(tx)?);
            Ok(())
        }))?;
        slot.ok_or_else(|| StoreError::Engine("the job was accepted but did not run".to_owned()))
    }
}
