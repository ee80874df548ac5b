//! Other parties: keys, agreements, what goes to whom and what came from whom.
//!
//! Everything here follows from signed documents and the journal. The [`Registry`] is the fold over the documents;
//! [`Core::release_step`] follows the journal and decides; [`Core::deliver_step`] puts what was decided into streams;
//! [`Core::next_call`] and [`Core::answered`] say what to tell a peer next and take in its answer, so that a network or
//! a simulation carries the same calls; [`Peers`] answers the calls of others.

mod acts;
mod agreements;
mod book;
mod bounds;
mod calls;
mod circumstances;
mod companions;
mod consumers;
mod courier;
mod decisions;
mod deliver;
mod departure;
mod documents;
mod erasure;
mod explain;
mod fold;
mod gate;
mod handler;
mod keys;
mod naming;
mod outlet;
mod parting;
mod peers;
mod queries;
mod receive;
mod recovery;
mod registry;
mod release;
mod repair;
mod report;
mod retention;
mod status;
mod vault;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use ::keys::Signed;
use ::keys::veil::Veil;
use agreement::acts::Clock;
use exchange::{Follows, NamingKey};
use json::{Limits, Tape};
use model::{AgreementId, Digest, Finding, PartyId, Severity, StixId, Timestamp};
use policy::{Action, Decision, Memo, Request};
use ports::StoreError;
use ports::trust::{DocumentKind, StreamKey, StreamPosition};
use tokio::sync::watch;

use crate::core::Core;
use crate::rules::Shelf;
use release::Candidate;

pub use acts::{Enrolment, ToApprove, Wanted};
pub use agreements::{Exposure, LISTED, Listed, Proposed};
pub use calls::Call;
pub use circumstances::{Decisions, Emergency};
pub use consumers::{Access, Consumer, Draft, ReleaseState};
pub use courier::{Imported, Packed};
pub use decisions::Request as ReleaseRequest;
pub use erasure::Withdrawal;
pub(crate) use erasure::basis_of;
pub use gate::{Arrears, Wait};
pub use handler::Peers;
pub use outlet::{Explained, Kept, Outgoing, Served};
pub use parting::Owed;
pub use peers::{INVITATION, PairingStep, PairingView};
pub use queries::{Asked, Seen};
pub use recovery::Recovery;
pub use registry::{Agreed, InForce, Registry, Requested};
pub(crate) use release::reasons;
pub use report::{MadeReport, verify_report};
pub use status::{Coming, Flow, Quorum, Standing};
pub use vault::{Secrets, Unlock, Vault, VaultError, key_beside};

/// Why something about other parties could not be done, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node's own keys are not to be had.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There is no such thing.
    #[error("{0} does not exist")]
    Missing(String),
    /// It was refused; the reason, with a remedy.
    #[error("{0}")]
    Refused(String),
    /// A stream could not be continued.
    #[error("the stream cannot be continued: {0}")]
    Stream(#[from] exchange::AppendRefusal),
}

impl TrustError {
    pub(crate) fn refused(reason: impl std::fmt::Display) -> Self {
        Self::Refused(reason.to_string())
    }
}

/// The node's own party, and what it keeps in mind about others.
pub struct Trust {
    /// Our party.
    pub party: PartyId,
    vault: Vault,
    secrets: RwLock<Arc<Secrets>>,
    registry: Mutex<Folded>,
    memo: Mutex<Memo>,
    rules: Shelf,
    naming: [u8; 32],
    /// The keys that follow from it, one for each stream that was spoken of.
    names: Mutex<BTreeMap<(PartyId, AgreementId), Arc<NamingKey>>>,
    /// Released, delivered and taken back one after the other.
    outgoing: Mutex<()>,
    /// Taken in one after the other.
    incoming: Mutex<()>,
    /// What we sign names what we signed before it: said one after the other.
    speech: Mutex<()>,
    erasures: AtomicBool,
    /// The latest instant that was seen, in microseconds: what has ended does not begin again when a clock is put back.
    latest: AtomicI64,
    /// The one that was kept last, for the next start.
    latest_kept: AtomicI64,
    sessions: Mutex<BTreeMap<PartyId, calls::Session>>,
    repairs: repair::Repairs,
    changed: watch::Sender<u64>,
    /// When people were last told that the next epoch's key has to be brought.
    reminded: Mutex<Option<Timestamp>>,
}

/// The newest fold, whether documents or peers have changed since, and an act that was verified meanwhile.
#[derive(Default)]
struct Folded {
    registry: Arc<Registry>,
    stale: bool,
    verified: Option<fold::Verified>,
}

impl Trust {
    fn new(party: PartyId, vault: Vault, secrets: Secrets, naming: [u8; 32], rules: Shelf) -> Self {
        Self {
            party,
            vault,
            secrets: RwLock::new(Arc::new(secrets)),
            registry: Mutex::default(),
            memo: Mutex::new(Memo::new(MEMO)),
            rules,
            naming,
            names: Mutex::default(),
            outgoing: Mutex::default(),
            incoming: Mutex::default(),
            speech: Mutex::default(),
            // What was taken back before the last stop may still have to be erased.
            erasures: AtomicBool::new(true),
            latest: AtomicI64::new(i64::MIN),
            latest_kept: AtomicI64::new(i64::MIN),
            sessions: Mutex::default(),
            repairs: repair::Repairs::default(),
            changed: watch::Sender::new(0),
            reminded: Mutex::default(),
        }
    }

    /// The node's secrets.
    #[must_use]
    pub fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A copy of the node's keys in memory.
    ///
    /// # Errors
    /// When they cannot be opened.
    pub fn copy_vault(&self, ids: &dyn ports::Ids) -> Result<Vault, VaultError> {
        self.vault.copy(ids)
    }

    fn set_secrets(&self, secrets: Secrets) -> Arc<Secrets> {
        let secrets = Arc::new(secrets);
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&secrets);
        secrets
    }

    /// Moves whenever there may be something to tell a peer.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_in(&self) -> MutexGuard<'_, ()> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held from reading what we signed last until what follows it is kept. Taken before any other.
    fn turn_to_speak(&self) -> MutexGuard<'_, ()> {
        self.speech.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest instant that was seen, this one included: ends are judged by it.
    pub(crate) fn latest(&self, now: Timestamp) -> Timestamp {
        let before = self.latest.fetch_max(now.as_micros(), Ordering::AcqRel);
        Timestamp::from_micros(before.max(now.as_micros()))
    }

    /// Whether so long has passed since the latest instant was kept last that it is due again, and which it is.
    fn latest_to_keep(&self) -> Option<Timestamp> {
        let latest = self.latest.load(Ordering::Acquire);
        let kept = self.latest_kept.load(Ordering::Acquire);
        (latest > kept.saturating_add(LATEST_KEPT)).then(|| Timestamp::from_micros(latest))
    }

    fn erasures_wait(&self) {
        self.erasures.store(true, Ordering::Release);
    }

    fn take_erasures(&self) -> bool {
        self.erasures.swap(false, Ordering::AcqRel)
    }

    /// The names objects have in the stream to a party.
    pub(crate) fn names(&self, to: PartyId, agreement: AgreementId) -> Arc<NamingKey> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || Arc::new(NamingKey::for_stream(&self.naming, self.party, to, agreement));
        Arc::clone(names.entry((to, agreement)).or_insert_with(made))
    }

    /// Asks the policy of one agreement about something we may give.
    pub(crate) fn decide(
        &self,
        force: &InForce,
        registry: &Registry,
        candidate: &Candidate,
        to: PartyId,
        action: Action,
        now: Timestamp,
    ) -> Arc<Decision> {
        let rules = self.rules.get();
        let request = Request {
            action,
            via: &candidate.via,
            caveats: &rules.caveats,
            circumstances: registry.circumstances(self, force, candidate, to, now),
            ..Request::delivery(&candidate.facts, self.party, to, now)
        };
        self.ask(force, &request)
    }

    /// Asks the same policy, as the receiver, about something a party gave us: whether it may be taken in, or used so.
    pub(crate) fn decide_inbound(
        &self,
        force: &InForce,
        registry: &Registry,
        facts: &label::Facts,
        from: PartyId,
        action: Action,
        now: Timestamp,
    ) -> Arc<Decision> {
        // How it reached the sender is the sender's to answer for: what we judge is what we were given.
        let facts = label::Facts { origin: label::Origin::Own, onward: label::Onward::Free, ..facts.clone() };
        let emergency = registry.emergency(force.policy.agreement(), from, self.party, self.latest(now));
        let circumstances = policy::Circumstances {
            // So is whether its originator let it go.
            released_by_originator: true,
            break_glass: emergency.is_some(),
            ..policy::Circumstances::default()
        };
        let request = Request { action, circumstances, ..Request::delivery(&facts, from, self.party, now) };
        self.ask(force, &request)
    }

    fn ask(&self, force: &InForce, request: &Request<'_>) -> Arc<Decision> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner).decide(&force.policy, request)
    }

    /// Where the epoch before this one ended, for the first segment of a new one.
    fn follows(&self, key: &StreamKey, position: &StreamPosition) -> Option<Follows> {
        let first = position.seq == 0 && position.epoch > 1;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = sessions.get(&key.peer).and_then(|session| session.before(key.agreement));
        first.then(|| remembered.unwrap_or(Follows { epoch: position.epoch - 1, seq: 0, head: Digest::ZERO }))
    }

    /// The identity that stands for a contributor that does not want to be named under an agreement.
    fn stand_in(&self, agreement: AgreementId) -> StixId {
        let digest = self.names(self.party, agreement).other("contributor");
        let mut half = [0; 16];
        half.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
        StixId::new("identity", model::Uuid::v4(half))
    }
}

/// How often the latest instant that was seen is kept, in microseconds: once a minute.
const LATEST_KEPT: i64 = 60_000_000;

/// A clock that is behind the latest instant by more than this was put back, and people are told, in microseconds: five
/// minutes.
const PUT_BACK: i64 = 300_000_000;

/// The name under which the latest instant is kept.
const LATEST: &str = "clock:latest";

/// Decisions kept in mind.
const MEMO: usize = 100_000;

impl Core {
    /// The node's own party, once it has keys.
    #[must_use]
    pub fn trust(&self) -> Option<&Arc<Trust>> {
        self.trust.get()
    }

    /// The node's own party.
    ///
    /// # Errors
    /// [`VaultError::Empty`] while there are no keys, [`VaultError::Lost`] when there were some.
    pub fn party(&self) -> Result<&Arc<Trust>, TrustError> {
        self.trust.get().ok_or_else(|| self.without_keys())
    }

    /// Whether the store holds a key history: then keys were made here once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn had_keys(&self) -> Result<bool, StoreError> {
        let first = self.store.read()?.documents(self.scope.tenant, DocumentKind::KeyEvent, None, 0, 1)?;
        Ok(!first.is_empty())
    }

    /// Why there are no keys: none were made yet, or they are lost.
    fn without_keys(&self) -> TrustError {
        match self.had_keys() {
            Ok(false) => VaultError::Empty.into(),
            Ok(true) => VaultError::Lost.into(),
            Err(error) => error.into(),
        }
    }

    /// Takes up the latest instant that an earlier run has seen: what had ended then has ended.
    fn take_latest(&self, trust: &Trust) -> Result<(), StoreError> {
        let kept = self.store.read()?.named_cursor(self.scope.tenant, LATEST)?;
        if let Some(kept) = kept.and_then(|seq| i64::try_from(seq.0).ok()) {
            trust.latest_kept.store(kept, Ordering::Release);
            trust.latest(Timestamp::from_micros(kept));
        }
        Ok(())
    }

    /// Keeps the latest instant for the next start, now and then, and says so when the clock was put back.
    fn keep_latest(&self, trust: &Trust) -> Result<(), TrustError> {
        let now = self.clock.now();
        let latest = trust.latest(now);
        if let Some(latest) = trust.latest_to_keep()
            && let Ok(seq) = u64::try_from(latest.as_micros())
        {
            self.store.transact(|tx| tx.set_cursor(self.scope.tenant, LATEST, model::Seq(seq)))?;
            trust.latest_kept.store(latest.as_micros(), Ordering::Release);
        }
        if now.plus_micros(PUT_BACK) < latest {
            let message = format!(
                "the clock says {now}, and it was {latest} before: what had ended by then stays ended until the clock has \
                 caught up"
            );
            let finding = Finding::new(Severity::Warning, "shieldwall/clock-put-back", "", message)
                .hint("compare the node's clock with a time server");
            self.say_once(&format!("clock-put-back:{}", latest.as_micros()), &finding)?;
        }
        Ok(())
    }

    /// What is known of parties and agreements now.
    ///
    /// # Errors
    /// When the store fails.
    pub fn registry(&self) -> Result<Arc<Registry>, TrustError> {
        let Some(trust) = self.trust() else { return Ok(Arc::default()) };
        let now = self.clock.now();
        let clock = Clock { earliest: now, latest: trust.latest(now) };
        let mut folded = trust.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = {
            let read = self.store.read()?;
            let (stale, verified) = (folded.stale, folded.verified.take());
            let sites = self.sites(trust.party);
            folded.registry.brought_up(&*read, self.scope.tenant, clock, sites, stale, verified)?
        };
        if let Some(newer) = newer {
            folded.registry = Arc::new(newer);
            folded.stale = false;
        }
        Ok(Arc::clone(&folded.registry))
    }

    /// Where officers use passkeys, by party.
    fn sites(&self, own: PartyId) -> BTreeMap<PartyId, ::keys::posts::Site> {
        let rules = self.rules();
        rules.sites.iter().map(|(party, site)| (party.unwrap_or(own), site.clone())).collect()
    }

    /// Documents or peers have changed: what is derived of them is brought up when it is asked for next.
    pub(crate) fn registry_changed(&self) {
        self.registry_changed_by(None);
    }

    /// The same, by an act that was verified and is kept now.
    fn registry_changed_by(&self, verified: Option<fold::Verified>) {
        if let Some(trust) = self.trust() {
            let mut folded = trust.registry.lock().unwrap_or_else(PoisonError::into_inner);
            folded.stale = true;
            folded.verified = verified;
            drop(folded);
            trust.wake();
        }
    }

    /// The text of a marking definition that is held.
    pub(crate) fn definition_in(&self, read: &dyn ports::Read, id: &str) -> Option<String> {
        let id: StixId = id.parse().ok()?;
        read.object(self.scope, &id, None).ok().flatten().map(|stored| stored.raw)
    }

    /// What a release officer was shown in a version and let go to somebody: detectors and places.
    pub(crate) fn released_findings(
        &self,
        read: &dyn ports::Read,
        to: PartyId,
        agreement: AgreementId,
        version: model::VersionId,
    ) -> Result<BTreeSet<(String, String)>, StoreError> {
        let reviews = read.reviews(self.scope.tenant, true, 10_000)?;
        let released = reviews.iter().filter(|review| {
            let same = review.to == to && review.agreement == agreement && review.version == version;
            same && review.decided.as_ref().is_some_and(|(release, ..)| *release)
        });
        let mut shown = BTreeSet::new();
        for review in released {
            let mut tape = Tape::new();
            let Ok(found) = tape.parse(review.found.as_bytes(), &Limits::OBJECT) else { continue };
            for one in found.items() {
                let text = |name: &str| one.get(name)?.as_str().map(|text| text.into_owned());
                shown.extend(text("detector").zip(text("pointer")));
            }
        }
        Ok(shown)
    }

    /// Keeps a signed document and commits to it in the ledger. Returns whether it was new.
    pub(crate) fn keep_document(
        &self,
        kind: DocumentKind,
        subject: Digest,
        signed: &Signed,
        also: impl FnOnce(&mut dyn ports::Tx, Timestamp) -> Result<(), StoreError> + Send,
    ) -> Result<bool, TrustError> {
        self.keep_verified(kind, subject, signed, None, also)
    }

    /// [`Core::keep_document`] of an act that was verified together with those it follows.
    fn keep_verified(
        &self,
        kind: DocumentKind,
        subject: Digest,
        signed: &Signed,
        verified: Option<fold::Verified>,
        also: impl FnOnce(&mut dyn ports::Tx, Timestamp) -> Result<(), StoreError> + Send,
    ) -> Result<bool, TrustError> {
        let now = self.clock.now();
        let (text, hash) = (signed.to_text(), signed.hash());
        let new = self.store.transact(|tx| {
            let new = tx.add_document(self.scope.tenant, now, kind, subject, hash, &text)?;
            if new {
                also(tx, now)?;
            }
            Ok(new)
        })?;
        if new {
            self.registry_changed_by(verified);
        }
        Ok(new)
    }

    /// The name under which an object stands that its creator took back, us or another: it goes to nobody any more, and its
    /// id is barred once it is erased.
    pub(crate) fn recalled(&self, object: &StixId) -> Digest {
        self.trust()
            .map_or(Digest::ZERO, |trust| trust.names(trust.party, AgreementId(Digest::ZERO)).object(object))
    }

    /// A text that somebody carries for us and neither reads nor alters, and what it is about.
    pub(crate) fn covered(&self, about: &str, text: &str) -> String {
        let nonce = self.ids.random().first_chunk().copied().unwrap_or_default();
        self.veil().map_or_else(String::new, |veil| veil.cover(nonce, about, text))
    }

    /// Reads [`Core::covered`]; `None` for what this node never made about the same.
    pub(crate) fn uncovered(&self, about: &str, covered: &str) -> Option<String> {
        self.veil()?.uncover(about, covered)
    }

    fn veil(&self) -> Option<Veil> {
        let trust = self.trust()?;
        let key = trust.names(trust.party, AgreementId(Digest::ZERO)).other("veil");
        Some(Veil::new(&key.0))
    }

    /// The key that figures' pseudonyms are derived with.
    pub(crate) fn figures_key(&self) -> [u8; 32] {
        self.trust().map_or([0; 32], |trust| trust.naming)
    }
}
