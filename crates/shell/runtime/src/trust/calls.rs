//! What to tell a peer next, and what its answer means.
//!
//! One call is under way per peer. Which one is next follows from what is stored and from what was learnt in this
//! session; a lost answer costs a repetition, never a loss or a second effect.

use std::collections::BTreeMap;

use exchange::wire::{Packing, Push};
use exchange::{
    Ack, AckRefusal, Acknowledged, Follows, Outbound, Position, Resume, StreamId, check_ack, resume,
};
use model::{AgreementId, Digest, Finding, PartyId, Severity, Timestamp};
use ports::Read;
use ports::peer::{CallError, Refusal, Topic};
use ports::trust::{EntryRecord, PeerState, StreamKey, StreamPosition};

use super::deliver::new_stream;
use super::departure::Departure;
use super::documents::Way;
use super::{Trust, TrustError};
use crate::core::Core;

/// One call to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whom.
    pub to: PartyId,
    /// What about.
    pub topic: Topic,
    /// The body.
    pub body: Vec<u8>,
    about: About,
}

/// What there is to say to a peer.
enum Word {
    Call(Call),
    Nothing,
    /// Content in a stream that must not leave any more.
    Unfit(StreamKey, u32, Vec<EntryRecord>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Keys { events: u64 },
    Documents { told: Vec<(String, u64)> },
    Position { agreement: AgreementId },
    Push { agreement: AgreementId },
    Witness { size: u64 },
}

/// What is known of a peer in this session only.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Our key events it has seen from us.
    keys: u64,
    /// How many documents there were when it had been told of all that concern it.
    documents: Option<u64>,
    /// Streams whose position it told, by agreement: nothing is pushed before.
    streams: BTreeMap<AgreementId, Told>,
    /// The size of our ledger it has cosigned.
    witnessed: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Told {
    position: Position,
    before: Option<Follows>,
}

impl Session {
    /// Has it told again of what it may not have been told of.
    pub(crate) fn tell_documents(&mut self) {
        self.documents = None;
    }

    pub(crate) fn before(&self, agreement: AgreementId) -> Option<Follows> {
        self.streams.get(&agreement).and_then(|told| told.before)
    }
}

/// Bytes of documents that one call carries.
const DOCUMENT_BYTES: usize = 512 << 10;

/// What is kept of a peer's own words on why it refused, in characters.
const LONGEST_PROBLEM: usize = 1000;

/// A push larger than this is packed.
const PACK_ABOVE: usize = 16 << 10;

impl Core {
    /// The next call to a peer, if there is anything to say.
    ///
    /// # Errors
    /// When the store fails.
    pub fn next_call(&self, to: PartyId) -> Result<Option<Call>, TrustError> {
        let Some(trust) = self.trust() else { return Ok(None) };
        loop {
            match self.next_word(trust, to)? {
                Word::Call(call) => return Ok(Some(call)),
                Word::Nothing => return Ok(None),
                Word::Unfit(key, epoch, entries) => {
                    self.set_aside(key, epoch, &entries)?;
                    trust.wake();
                }
            }
        }
    }

    fn next_word(&self, trust: &Trust, to: PartyId) -> Result<Word, TrustError> {
        let registry = self.registry()?;
        let Some(peer) = registry.linked(to) else { return Ok(Word::Nothing) };
        let parting = peer.state == PeerState::Ending;
        let call = |topic, body, about| Ok(Word::Call(Call { to, topic, body, about }));
        let own = self.own_history()?;
        let read = self.store.read()?;
        let mut sessions = trust.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let session = sessions.entry(to).or_default();
        if session.keys < own.count() {
            let body = own.to_text().into_bytes();
            return call(Topic::Keys, body, About::Keys { events: own.count() });
        }
        if session.documents != Some(registry.documents()) {
            let waiting = self.documents_for(&*read, &registry, trust, to, Way::Call, DOCUMENT_BYTES)?;
            if !waiting.lines.is_empty() {
                let body = waiting.lines.concat().into_bytes();
                return call(Topic::Documents, body, About::Documents { told: waiting.told });
            }
            session.documents = Some(registry.documents());
        }
        let streams = read.streams(self.scope.tenant)?;
        for (key, position) in streams.iter().filter(|(key, _)| key.outbound && key.peer == to) {
            let agreement = key.agreement;
            let Some(told) = session.streams.get(&agreement) else {
                let body = agreement.to_string().into_bytes();
                return call(Topic::Position, body, About::Position { agreement });
            };
            let from = if told.position.epoch == position.epoch { told.position.seq + 1 } else { 1 };
            let place = (position.epoch, from, position.seq);
            match self.departing(&*read, trust, &registry, *key, place)? {
                Departure::Leaves(push) => {
                    let push = Push { sent: Some(self.clock.now()), ..*push };
                    let packing = if push.size() > PACK_ABOVE { Packing::Zstd } else { Packing::Plain };
                    let body = push.encode(packing).map_err(TrustError::refused)?;
                    return call(Topic::Push, body, About::Push { agreement });
                }
                Departure::Unfit(entries) => return Ok(Word::Unfit(*key, position.epoch, entries)),
                Departure::Waits | Departure::Nothing => {}
            }
        }
        if !parting && let Some((body, size)) = self.checkpoint_for(&*read, trust, to, session.witnessed)? {
            return call(Topic::Witness, body, About::Witness { size });
        }
        Ok(Word::Nothing)
    }

    /// Takes in what a peer answered, or why there was no answer. Returns whether there may be more to say at once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn answered(&self, call: &Call, answer: Result<Vec<u8>, CallError>) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let now = self.clock.now();
        let problem = match &answer {
            Ok(_) => None,
            Err(CallError::Refused(Refusal::OutOfStep(_))) => None,
            Err(problem) => Some((now, problem.to_string().chars().take(LONGEST_PROBLEM).collect())),
        };
        self.note_contact(call.to, now, problem.clone())?;
        match answer {
            Ok(body) => self.took(trust, call, &body, now),
            Err(CallError::Refused(Refusal::OutOfStep(_))) => {
                // Ask how far it is, and go on from there.
                if let About::Push { agreement } = call.about {
                    trust.session(call.to, |session| session.streams.remove(&agreement));
                }
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn took(&self, trust: &Trust, call: &Call, body: &[u8], now: Timestamp) -> Result<bool, TrustError> {
        match call.about {
            About::Keys { events } => {
                trust.session(call.to, |session| session.keys = events);
                // The answer is their history: it may have moved on.
                self.learn_keys(call.to, body)?;
            }
            About::Documents { ref told } => self.told_documents(told)?,
            About::Position { agreement } => self.told_position(trust, call.to, agreement, body, now)?,
            About::Push { agreement } => return self.told_ack(trust, call.to, agreement, body, now),
            About::Witness { size } => {
                self.cosigned(trust, call.to, body, size, now)?;
                trust.session(call.to, |session| session.witnessed = size);
            }
        }
        Ok(true)
    }

    /// A receiver said how far it is.
    fn told_position(
        &self,
        trust: &Trust,
        from: PartyId,
        agreement: AgreementId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let key = StreamKey { peer: from, agreement, outbound: true };
        let position = self.position(key)?;
        let registry = self.registry()?;
        let text = std::str::from_utf8(body).unwrap_or_default();
        let theirs = if text == NOTHING_YET {
            Position::default()
        } else {
            let ack = Ack::parse(text).map_err(TrustError::refused)?;
            let asked = StreamId { from: trust.party, to: from, agreement, epoch: position.epoch };
            if !ack.stream.same_parties(&asked) {
                return Err(TrustError::refused(AckRefusal::OtherStream(ack.stream)));
            }
            ack.verify(&*registry, now).map_err(TrustError::refused)?;
            ack.position()
        };
        let read = self.store.read()?;
        let hashes = |seq: u64| self.entry_hash(&*read, key, position.epoch, seq);
        let outbound = self.outbound(trust, key, &position, &hashes);
        let told = match resume(&outbound, &theirs) {
            Ok(Resume::UpToDate) => Told { position: outbound.sent, before: None },
            Ok(Resume::From(seq)) => Told {
                position: Position { epoch: position.epoch, seq: seq - 1, head: Digest::ZERO },
                before: None,
            },
            Ok(Resume::NewEpoch(epoch)) => {
                drop(read);
                let next = StreamPosition { epoch, ..new_stream() };
                self.store.transact(|tx| tx.set_stream(self.scope.tenant, key, &next))?;
                self.alarm(from, "shieldwall/stream-epoch", format!("a new stream epoch {epoch} begins: what the peer has does not follow what is kept here"), now)?;
                let before = Follows { epoch: position.epoch, seq: position.seq, head: position.head };
                Told { position: Position::start(epoch), before: Some(before) }
            }
            Err(refusal) => return self.alarmed(from, &refusal, now),
        };
        trust.session(from, |session| session.streams.insert(agreement, told));
        Ok(())
    }

    /// A receiver acknowledged. Returns whether to go on at once.
    fn told_ack(
        &self,
        trust: &Trust,
        from: PartyId,
        agreement: AgreementId,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        let key = StreamKey { peer: from, agreement, outbound: true };
        let text = std::str::from_utf8(body).unwrap_or_default();
        let ack = Ack::parse(text).map_err(TrustError::refused)?;
        self.take_ack(trust, key, &ack, now)
    }

    /// Takes in an acknowledgement that came by whatever way.
    pub(crate) fn take_ack(
        &self,
        trust: &Trust,
        key: StreamKey,
        ack: &Ack,
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        let position = self.position(key)?;
        let registry = self.registry()?;
        let checked = {
            let read = self.store.read()?;
            let hashes = |seq: u64| self.entry_hash(&*read, key, position.epoch, seq);
            check_ack(&self.outbound(trust, key, &position, &hashes), ack, &*registry, now)
        };
        let seq = match checked {
            Ok(Acknowledged::Advanced(seq)) => seq,
            Ok(Acknowledged::Stale) => return Ok(false),
            Ok(Acknowledged::Behind(seq)) => {
                self.alarm(
                    key.peer,
                    "shieldwall/peer-behind",
                    format!(
                        "the peer has less than it had acknowledged: {seq} of {}; it is sent again",
                        position.acked
                    ),
                    now,
                )?;
                seq
            }
            Err(refusal) => {
                self.alarmed(key.peer, &refusal, now)?;
                return Ok(false);
            }
        };
        let acked = StreamPosition { acked: seq, ack: Some(ack.to_text()), ..position };
        self.store.transact(|tx| {
            // Entries may have been appended meanwhile: only what the acknowledgement says changes.
            let current = tx.stream(self.scope.tenant, key)?.unwrap_or_else(|| acked.clone());
            tx.set_stream(
                self.scope.tenant,
                key,
                &StreamPosition { acked: seq, ack: acked.ack.clone(), ..current },
            )
        })?;
        let told = Told { position: ack.position(), before: None };
        trust.session(key.peer, |session| session.streams.insert(key.agreement, told));
        Ok(true)
    }

    fn outbound<'a>(
        &self,
        trust: &Trust,
        key: StreamKey,
        position: &StreamPosition,
        hash_at: &'a dyn Fn(u64) -> Option<Digest>,
    ) -> Outbound<'a> {
        let stream =
            StreamId { from: trust.party, to: key.peer, agreement: key.agreement, epoch: position.epoch };
        let acked_at = position.ack.as_ref().and_then(|text| Ack::parse(text).ok()).map(|ack| ack.at);
        Outbound {
            stream,
            sent: Position { epoch: position.epoch, seq: position.seq, head: position.head },
            acked: position.acked,
            acked_at,
            kept_from: 1,
            hash_at,
        }
    }

    fn entry_hash(&self, read: &dyn Read, key: StreamKey, epoch: u32, seq: u64) -> Option<Digest> {
        let entry = read.entries(self.scope.tenant, key, epoch, seq, 1).ok()?.into_iter().next()?;
        (entry.seq == seq).then(|| exchange::Envelope::hash_of(&entry.envelope))
    }

    fn alarmed(&self, from: PartyId, refusal: &AckRefusal, now: Timestamp) -> Result<(), TrustError> {
        self.alarm(from, "shieldwall/peer-acknowledgement", refusal.to_string(), now)
    }

    /// Tells people about a peer.
    pub(crate) fn alarm(
        &self,
        from: PartyId,
        rule: &'static str,
        message: String,
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let source = self.registry()?.peers.get(&from).map_or(model::SourceId(0), |peer| peer.source);
        let finding = Finding::new(Severity::Error, rule, "", message);
        tracing::warn!(party = %from.0.short(), %finding, "about a peer");
        Ok(self.store.transact(|tx| tx.add_findings(self.scope, now, source, None, &[finding]))?)
    }

    fn note_contact(
        &self,
        to: PartyId,
        now: Timestamp,
        problem: Option<(Timestamp, String)>,
    ) -> Result<(), TrustError> {
        let registry = self.registry()?;
        let Some(peer) = registry.peers.get(&to) else { return Ok(()) };
        // Once a minute is often enough for people; each write is a synced commit.
        let recent = peer.last_contact.is_some_and(|at| now < at.plus_micros(60_000_000));
        if problem.is_none() && recent && peer.last_error.is_none() {
            return Ok(());
        }
        let same = problem.is_some()
            && peer.last_error.as_ref().map(|(_, text)| text) == problem.as_ref().map(|(_, text)| text);
        if same {
            return Ok(());
        }
        let last_contact = if problem.is_none() { Some(now) } else { peer.last_contact };
        let peer = ports::trust::PeerRecord { last_contact, last_error: problem, ..peer.clone() };
        self.store.transact(|tx| tx.set_peer(self.scope.tenant, &peer))?;
        self.registry_changed();
        Ok(())
    }
}

impl Trust {
    pub(crate) fn session<T>(&self, party: PartyId, change: impl FnOnce(&mut Session) -> T) -> T {
        let mut sessions = self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        change(sessions.entry(party).or_default())
    }

    /// Forgets what was learnt of a peer in this session: a new connection starts by asking.
    pub fn forget_session(&self, party: PartyId) {
        self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&party);
    }
}

/// What a receiver answers that has taken in nothing of a stream.
pub(crate) const NOTHING_YET: &str = "nothing yet";

impl From<ports::peer::Refusal> for TrustError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}
