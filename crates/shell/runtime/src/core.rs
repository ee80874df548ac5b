//! The synchronous half of a node.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use lists::{WarningIndex, WarningList};
use model::{CollectionId, HeldId, Label, Seq, SourceId, StixId, Tenant, Timestamp, Tlp, World};
use ports::{
    Clock, CollectionKind, HeldDecision, Ids, NodeRecord, Scope, SourceRecord, Store, StoreError, Tx,
};
use stix::marking;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::detection::Detection;
use crate::ingest::{Committing, Fate, IngestReport, Piece, Provenance, Summary};
use crate::refused;
use crate::rules::Shelf;
use crate::trust::{Trust, TrustError, basis_of};

/// Everything a node needs to take objects in, without a runtime.
pub struct Core {
    /// Where things are kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Whose data this is, in which world.
    pub scope: Scope,
    /// The node's directory, where it has one: refused records are written below it.
    pub dir: Option<PathBuf>,
    /// The organisation's own identity.
    pub identity: StixId,
    pub(crate) rules: Shelf,
    /// What opens the node's sealed keys, when a person or a service manager gave it.
    pub passphrase: Option<Zeroizing<String>>,
    pub(crate) trust: OnceLock<Arc<Trust>>,
    pub(crate) detection: OnceLock<Arc<Detection>>,
    pub(crate) own: CollectionId,
    pub(crate) public: CollectionId,
    /// Built when it is first asked for after a change; nobody sees an older one meanwhile.
    warnings: Mutex<Option<Arc<WarningIndex>>>,
    head: watch::Sender<Seq>,
}

/// Who the node is, when it is made.
#[derive(Debug, Clone)]
pub struct Founding {
    /// Organisation name.
    pub name: String,
    /// Country code, where given.
    pub country: Option<String>,
}

/// Why the core could not do it.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store holds no node yet.
    #[error("the store holds no node; make one with `shieldwall init`")]
    NotFounded,
    /// There is a node already.
    #[error("the store holds the node of `{0}` already; nothing was changed")]
    Founded(String),
    /// A file below the node's directory could not be changed.
    #[error("a file of refused records cannot be rewritten: {0}")]
    Files(#[from] std::io::Error),
    /// The node's own rules, as they are kept, cannot be read by this version of the program.
    #[error("the node's own rules cannot be read: {0}")]
    Rules(String),
    /// A released value was refused after all.
    #[error("the value cannot be released: {0}")]
    Refused(String),
    /// What is to be erased has to be kept.
    #[error("the object is under a legal hold ({0}); lift it with `shieldwall hold` first")]
    Kept(String),
    /// Whoever was given an object could not be told.
    #[error("whoever was given the object cannot be told: {0}")]
    Untold(#[from] TrustError),
}

/// The tenant and world of a node that hosts one party.
const SCOPE: Scope = Scope { tenant: Tenant(1), world: World::Real };

impl Core {
    /// Makes a node in an empty store: its record, its identity, the marking definitions, its collections.
    ///
    /// # Errors
    /// [`CoreError::Founded`] when the store holds one.
    pub fn found(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        founding: &Founding,
    ) -> Result<Self, CoreError> {
        if let Some(node) = store.read()?.node(SCOPE.tenant)? {
            return Err(CoreError::Founded(node.name));
        }
        let now = clock.now();
        let identity = StixId::new("identity", ids.uuid());
        let record = NodeRecord {
            name: founding.name.clone(),
            country: founding.country.clone(),
            identity: identity.clone(),
            created: now,
        };
        let (own, public) = (CollectionId(ids.uuid()), CollectionId(ids.uuid()));
        store.write(Box::new(|tx| tx.found(SCOPE.tenant, &record, own, public)))?;
        let core = Self::open(store, clock, ids)?;
        let source = core.own_source()?;
        let mut objects: Vec<String> =
            Tlp::ALL.iter().map(|tlp| marking::tlp_definition(*tlp).to_owned()).collect();
        objects.push(intel::OWN_ONLY_DEFINITION.to_owned());
        objects.push(identity_text(&identity, &founding.name, now));
        let pieces: Vec<_> = objects.iter().map(|text| Piece::stix(text.as_bytes())).collect();
        core.ingest(&source, &pieces, &mut |_| {})?;
        Ok(core)
    }

    /// Opens the node a store holds.
    ///
    /// # Errors
    /// [`CoreError::NotFounded`] when it holds none, [`CoreError::Rules`] when its rules cannot be read.
    pub fn open(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, CoreError> {
        let (identity, collections, head, rules) = {
            let read = store.read()?;
            let node = read.node(SCOPE.tenant)?.ok_or(CoreError::NotFounded)?;
            let rules = Shelf::load(&*read, SCOPE.tenant)?;
            (node.identity, read.collections(SCOPE.tenant)?, read.head(SCOPE.tenant)?, rules)
        };
        let find = |kind| {
            let found = collections.iter().find(|collection| collection.kind == kind);
            found.map(|collection| collection.id).ok_or(CoreError::NotFounded)
        };
        let (own, public) = (find(CollectionKind::Own)?, find(CollectionKind::Public)?);
        Ok(Self {
            store,
            clock,
            ids,
            scope: SCOPE,
            dir: None,
            identity,
            rules,
            passphrase: None,
            trust: OnceLock::new(),
            detection: OnceLock::new(),
            own,
            public,
            warnings: Mutex::new(None),
            head: watch::Sender::new(head),
        })
    }

    /// The same core, writing refused records below this directory.
    #[must_use]
    pub fn in_dir(mut self, dir: PathBuf) -> Self {
        self.dir = Some(dir);
        self
    }

    /// The journal's head as it moves. Everything that follows the journal waits on this.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// Tells followers that something was committed. [`Core`]'s own methods do it; call it after writing to the
    /// store directly.
    pub fn committed(&self) {
        // A failed read loses nothing: reconcilers also look by themselves from time to time.
        if let Ok(head) = self.store.read().and_then(|read| read.head(self.scope.tenant)) {
            self.head.send_if_modified(|known| {
                let moved = head > *known;
                *known = (*known).max(head);
                moved
            });
        }
    }

    /// The node's own record.
    ///
    /// # Errors
    /// When the store fails or holds no node.
    pub fn node(&self) -> Result<NodeRecord, CoreError> {
        self.store.read()?.node(self.scope.tenant)?.ok_or(CoreError::NotFounded)
    }

    /// The source that stands for this organisation itself.
    ///
    /// # Errors
    /// When the store fails.
    pub fn own_source(&self) -> Result<SourceRecord, CoreError> {
        let sources = self.store.read()?.sources(self.scope.tenant)?;
        let own = sources.into_iter().map(|(record, _)| record).find(|record| record.id == SourceId(0));
        own.ok_or(CoreError::NotFounded)
    }

    /// The source of this name, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn source(&self, name: &str) -> Result<Option<SourceRecord>, CoreError> {
        let sources = self.store.read()?.sources(self.scope.tenant)?;
        Ok(sources.into_iter().map(|(record, _)| record).find(|record| record.name == name))
    }

    /// The source of this number. One that was removed since stays a stranger: nothing of it is this organisation's own,
    /// and what it left unmarked stays here.
    pub(crate) fn source_or_stranger(&self, id: SourceId) -> Result<SourceRecord, CoreError> {
        let sources = self.store.read()?.sources(self.scope.tenant)?;
        match sources.into_iter().map(|(record, _)| record).find(|record| record.id == id) {
            Some(source) => Ok(source),
            None => Ok(SourceRecord { id, default_label: Label::OwnOnly, ..self.own_source()? }),
        }
    }

    /// Takes in a batch of objects from a source, in one durable transaction.
    ///
    /// # Errors
    /// When the store fails; then nothing of the batch remains.
    pub fn ingest(
        &self,
        source: &SourceRecord,
        pieces: &[Piece<'_>],
        report: &mut (dyn FnMut(IngestReport<'_>) + Send),
    ) -> Result<Summary, StoreError> {
        self.ingest_with(source, pieces, report, &mut |_, _| Ok(()))
    }

    /// As [`Core::ingest`], and `also` runs in the same transaction: a source's cursor, a request's status.
    ///
    /// # Errors
    /// As [`Core::ingest`], or what `also` returns.
    pub fn ingest_with(
        &self,
        source: &SourceRecord,
        pieces: &[Piece<'_>],
        report: &mut (dyn FnMut(IngestReport<'_>) + Send),
        also: &mut (dyn FnMut(&mut dyn Tx, &Committing<'_>) -> Result<(), StoreError> + Send),
    ) -> Result<Summary, StoreError> {
        crate::ingest::ingest(self, source, pieces, report, also)
    }

    /// Decides on a held value: releases it into the store, or drops it. The author and the reason are kept.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Exists`] through [`CoreError::Store`] when there is no such
    /// value or it is decided already; [`CoreError::Refused`] when a released value breaks a rule that nobody
    /// can waive.
    pub fn decide_held(
        &self,
        id: HeldId,
        release: bool,
        author: &str,
        reason: &str,
    ) -> Result<Option<Fate>, CoreError> {
        let held = self
            .store
            .transact(|tx| tx.held(self.scope, id))?
            .ok_or_else(|| StoreError::Missing(format!("held value {id}")))?;
        if held.decision.is_some() {
            return Err(StoreError::Exists(format!("a decision on held value {id}")).into());
        }
        let at = self.clock.now();
        let decision =
            HeldDecision { released: release, author: author.to_owned(), reason: reason.to_owned(), at };
        let action = if release { "held.release" } else { "held.drop" };
        let record = |tx: &mut dyn Tx| {
            tx.decide(self.scope, id, &decision)?;
            tx.audit(self.scope.tenant, at, author, action, held.object.as_str(), reason)
        };
        if !release {
            self.store.write(Box::new(|tx| record(tx)))?;
            self.committed();
            return Ok(None);
        }
        let source = self.source_or_stranger(held.source)?;
        // Whoever gave it said more than its bytes do: what a person lets in, they let in under that.
        let provenance = held.wrapping.terms.as_ref().map(Provenance::of_terms);
        let piece = Piece {
            released: true,
            narrowing: held.wrapping.narrowing,
            provenance: provenance.as_ref(),
            ..Piece::stix(held.raw.as_bytes())
        };
        let registry = self.registry().ok();
        let giver = registry.and_then(|known| {
            known.peers.values().find(|peer| peer.source == held.source).map(|peer| peer.party)
        });
        let mut fate = None;
        self.ingest_with(
            &source,
            &[piece],
            &mut |report| fate = Some(report.fate.clone()),
            &mut |tx, committing| {
                let summary = committing.summary;
                // What the person saw is what is released, or nothing is.
                let same = tx
                    .held(self.scope, id)?
                    .is_some_and(|now| now.raw == held.raw && now.wrapping == held.wrapping);
                if !same || summary.refused + summary.held > 0 {
                    return Err(StoreError::Missing(format!("held value {id} as it was shown")));
                }
                self.let_in(tx, giver, &held.object, &held.raw)?;
                record(tx)
            },
        )
        .map_err(|error| match &fate {
            Some(Fate::Refused(findings)) => {
                CoreError::Refused(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
            _ => error.into(),
        })?;
        Ok(fate)
    }

    /// Erases an object here: every version, payload, projection and refused copy, down to the files' free pages. A
    /// keyed tombstone stays, so that it cannot come back. Whoever was given it is told to erase it too: nobody could
    /// take it back afterwards. Returns how many versions there were.
    ///
    /// # Errors
    /// [`CoreError::Kept`] for what is under a legal hold, [`CoreError::Store`] when the store fails, [`CoreError::Files`] when a file of refused records cannot be
    /// rewritten; the object is gone from the store then, and erasing again finishes the work.
    pub fn erase(&self, id: &StixId, author: &str, reason: &str) -> Result<u64, CoreError> {
        if let Some(basis) = self.legal_hold(id)? {
            return Err(CoreError::Kept(basis));
        }
        if !self.store.read()?.disclosures(self.scope.tenant, Some(id), false, 0, 1)?.is_empty() {
            self.withdraw(id, author, reason)?;
        }
        let now = self.clock.now();
        let registry = self.registry().unwrap_or_default();
        let erased = self.store.transact(|tx| {
            let held = tx.holdings_of(self.scope.tenant, id)?;
            // A hold may have been put on it meanwhile.
            if let Some(basis) = basis_of(&held) {
                return Ok(Err(CoreError::Kept(basis)));
            }
            self.made_anew_without(tx, &registry, id, now)?;
            let versions = tx.erase(self.scope, now, id)?;
            self.erased_here(tx, held, now)?;
            // The audit log says that something was erased and why, not what: ids can name values.
            tx.audit(self.scope.tenant, now, author, "object.erase", id.type_name(), reason)?;
            Ok(Ok(versions))
        })?;
        let versions = erased?;
        self.committed();
        self.store.scrub()?;
        if let Some(dir) = &self.dir {
            refused::scrub(dir, id.as_str())?;
        }
        Ok(versions)
    }

    /// Stores a warning list; it is looked at from the next batch on. Returns whether anything changed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_warning_list(&self, name: &str, raw: &str) -> Result<bool, StoreError> {
        let changed = self.store.transact(|tx| tx.set_warning_list(self.scope.tenant, name, raw))?;
        if changed {
            *self.warnings.lock().unwrap_or_else(PoisonError::into_inner) = None;
            if let Some(detection) = self.detection.get() {
                detection.lists_changed();
            }
        }
        Ok(changed)
    }

    /// The warning lists in force. The index is built when it is first asked for after a change, so that a hundred
    /// lists can come in one after the other at the price of one.
    ///
    /// # Errors
    /// When the stored lists cannot be read.
    pub fn warnings(&self) -> Result<Arc<WarningIndex>, StoreError> {
        let mut current = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = &*current {
            return Ok(Arc::clone(index));
        }
        let stored = self.store.read()?.warning_lists(self.scope.tenant)?;
        Ok(Arc::clone(current.insert(Arc::new(build_warnings(&stored)))))
    }

    /// The collections an accepted object enters.
    pub(crate) fn collections(&self, source: &SourceRecord, public: bool) -> Vec<CollectionId> {
        let mut collections = vec![self.own];
        if source.collection != self.own {
            collections.push(source.collection);
        }
        if public {
            collections.push(self.public);
        }
        collections
    }
}

/// Our own lists first, then those that were imported. A stored list was readable when it was stored.
fn build_warnings(stored: &[(String, String)]) -> WarningIndex {
    let imported = stored.iter().filter_map(|(_, raw)| WarningList::parse(raw.as_bytes()).ok());
    WarningIndex::build(lists::builtin().into_iter().chain(imported)).0
}

/// The organisation's identity: TLP:CLEAR, since everyone it shares with must be able to name it.
fn identity_text(id: &StixId, name: &str, now: Timestamp) -> String {
    let mut quoted = String::new();
    json::write_string(name, &mut quoted);
    let clear = marking::tlp_ref(Tlp::Clear);
    format!(
        r#"{{"type":"identity","spec_version":"2.1","id":"{id}","created_by_ref":"{id}","created":"{now}","modified":"{now}","name":{quoted},"identity_class":"organization","object_marking_refs":["{clear}"]}}"#
    )
}
