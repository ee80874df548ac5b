//! What to tell a peer next, and what its answer means.
//!
//! One call is under way per peer. Which one is next follows from what is stored and from what was learnt in this
//! session; a lost answer costs a repetition, never a loss or a second effect.

use std::collections::BTreeMap;

use exchange::wire::{Packing, Push};
use exchange::{
    Ack, AckRefusal, Acknowledged, Envelope, Follows, Kind, Outbound, Position, Resume, StreamId, check_ack,
    resume,
};
use model::{AgreementId, DecisionId, Digest, Finding, PartyId, Severity, Timestamp};
use ports::Read;
use ports::peer::{CallError, Refusal, Topic};
use ports::trust::{EntryRecord, OutboxRecord, PeerState, StreamKey, StreamPosition};

use super::deliver::new_stream;
use super::departure::Departure;
use super::documents::Way;
use super::registry::Registry;
use super::{Trust, TrustError, documents, repair};
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

/// How long a peer that refused to witness our ledger is not asked again, in microseconds.
const WITNESS_AGAIN: i64 = 10 * 60_000_000;

/// What there is to say to a peer.
enum Word {
    Call(Call),
    Nothing,
    /// Content in a stream that must not leave any more.
    Unfit(StreamKey, u32, Vec<EntryRecord>),
    /// A stream that is to be compared with what the peer holds.
    Compare(StreamKey),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Keys { events: u64 },
    Documents { told: Vec<(String, u64)> },
    Position { agreement: AgreementId },
    Push { agreement: AgreementId },
    Repair { agreement: AgreementId },
    Witness { size: u64 },
}

/// What an entry was about that the peer has not acknowledged.
struct Unacknowledged {
    seq: u64,
    kind: Kind,
    subject: Digest,
    decision: DecisionId,
    /// What it says, unless it carries an object.
    inline: Option<String>,
}

impl Unacknowledged {
    /// `None` for one whose content is gone.
    fn of(entry: EntryRecord) -> Option<Self> {
        let payload = entry.payload?;
        let Envelope { kind, subject, decision, .. } = Envelope::parse(&entry.envelope).ok()?;
        // A new label goes with the version that it is of, as content does.
        let content = matches!(kind, Kind::Put | Kind::Supersede | Kind::Sighting | Kind::Relabel);
        Some(Self { seq: entry.seq, kind, subject, decision, inline: (!content).then_some(payload) })
    }
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
    /// The size at which it said that it had seen another than we remembered.
    corrected: u64,
    /// When it last refused to.
    unwitnessed: Option<Timestamp>,
    /// Whether files go to it: then nothing waits for a call.
    by_file: bool,
    /// When a call that went well was noted last.
    contact: Option<Timestamp>,
    /// What was noted of the last call: why it failed, or that it did not; `None` while nothing was.
    problem: Option<Option<String>>,
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

    /// Files go to it as well.
    pub(crate) fn goes_by_file(&mut self) {
        self.by_file = true;
    }

    pub(crate) fn before(&self, agreement: AgreementId) -> Option<Follows> {
        self.streams.get(&agreement).and_then(|told| told.before)
    }
}

/// Bytes of documents that one call carries.
const DOCUMENT_BYTES: usize = 512 << 10;

/// What is kept of a peer's own words on why it refused, in characters.
const LONGEST_PROBLEM: usize = 1000;

/// How often it is noted that calls go well, in microseconds.
const CONTACT_NOTED: i64 = 60_000_000;

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
                Word::Compare(key) => {
                    let about = About::Repair { agreement: key.agreement };
                    let body = self.comparison_for(trust, key)?;
                    return Ok(body.map(|body| Call { to, topic: Topic::Repair, body, about }));
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
        let mut compare = None;
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
                Departure::Waits => {}
                Departure::Nothing => {
                    if compare.is_none()
                        && self.is_to_be_compared(&*read, trust, &registry, *key, position)?
                    {
                        compare = Some(*key);
                    }
                }
            }
        }
        if let Some(key) = compare {
            return Ok(Word::Compare(key));
        }
        let now = self.clock.now();
        let refused = |at: Timestamp| now >= at && now < at.plus_micros(WITNESS_AGAIN);
        if !parting
            && !session.unwitnessed.is_some_and(refused)
            && let Some((body, size)) = self.checkpoint_for(&*read, trust, to, session.witnessed)?
        {
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
        self.note_contact(trust, call.to, now, problem)?;
        match answer {
            Ok(body) => self.took(trust, call, &body, now),
            Err(CallError::Refused(Refusal::OutOfStep(_))) => {
                // Ask how far it is, and go on from there.
                if let About::Push { agreement } = call.about {
                    trust.session(call.to, |session| session.streams.remove(&agreement));
                }
                Ok(true)
            }
            Err(CallError::Refused(refusal @ (Refusal::Invalid(_) | Refusal::Forbidden(_)))) => {
                match call.about {
                    About::Repair { agreement } => {
                        let key = StreamKey { peer: call.to, agreement, outbound: true };
                        self.give_up_comparing(trust, key, &refusal.to_string(), now)?;
                    }
                    // Whoever does not witness us may still be given things, and at once.
                    About::Witness { .. } => {
                        trust.session(call.to, |session| session.unwitnessed = Some(now));
                        return Ok(true);
                    }
                    _ => {}
                }
                Ok(false)
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
            About::Repair { agreement } => {
                let key = StreamKey { peer: call.to, agreement, outbound: true };
                return self.told_holdings(trust, key, body, now);
            }
            About::Witness { size } => {
                let settled = self.cosigned(trust, call.to, body, size, now)?;
                trust.session(call.to, |session| {
                    // Once: who says so of every size is not asked on and on.
                    if settled || session.corrected == size {
                        session.witnessed = size;
                    } else {
                        session.corrected = size;
                    }
                });
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
        let mut said = None;
        let theirs = if text == NOTHING_YET {
            Position::default()
        } else {
            let ack = Ack::parse(text).map_err(TrustError::refused)?;
            let asked = StreamId { from: trust.party, to: from, agreement, epoch: position.epoch };
            if !ack.stream.same_parties(&asked) {
                return Err(TrustError::refused(AckRefusal::OtherStream(ack.stream)));
            }
            ack.verify(&*registry, now).map_err(TrustError::refused)?;
            let position = ack.position();
            said = Some(ack);
            position
        };
        let resumed = {
            let read = self.store.read()?;
            let hashes = |seq: u64| self.entry_hash(&*read, key, position.epoch, seq);
            resume(&self.outbound(trust, key, &position, &hashes), &theirs)
        };
        let sent = Position { epoch: position.epoch, seq: position.seq, head: position.head };
        let told = match resumed {
            Ok(Resume::UpToDate) => Told { position: sent, before: None },
            Ok(Resume::From(seq)) => Told {
                position: Position { epoch: position.epoch, seq: seq - 1, head: Digest::ZERO },
                before: None,
            },
            Ok(Resume::NewEpoch(epoch)) => {
                let Some(before) = self.begin_epoch(trust, &registry, key, epoch, now)? else {
                    return Ok(());
                };
                Told { position: Position::start(epoch), before: Some(before) }
            }
            Err(refusal) => return self.alarmed(from, &refusal, now),
        };
        let continued = told.before.is_none();
        trust.session(from, |session| session.streams.insert(agreement, told));
        match said {
            // It counts as an acknowledgement, whatever became of the last answer.
            Some(ack) if continued && ack.stream.epoch == position.epoch => {
                self.take_ack(trust, key, &ack, now)?;
            }
            None if continued && position.acked > 0 => self.lost_everything(trust, key, &position, now)?,
            _ => {}
        }
        // Something may have waited for that.
        trust.wake();
        Ok(())
    }

    /// A peer that has acknowledged entries knows nothing of the stream any more: it begins anew from what it is sent, the
    /// agreement's documents included.
    fn lost_everything(
        &self,
        trust: &Trust,
        key: StreamKey,
        position: &StreamPosition,
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let tenant = self.scope.tenant;
        self.store.transact(|tx| {
            let Some(current) = tx.stream(tenant, key)? else { return Ok(()) };
            if current.epoch != position.epoch {
                return Ok(());
            }
            repair::mark(tx, tenant, key)?;
            documents::tell_again(tx, tenant, key)?;
            tx.set_stream(tenant, key, &StreamPosition { acked: 0, ack: None, ..current })
        })?;
        trust.session(key.peer, Session::tell_documents);
        self.behind(key, 0, position.acked, now)
    }

    fn behind(&self, key: StreamKey, has: u64, had: u64, now: Timestamp) -> Result<(), TrustError> {
        let message = format!("the peer has less than it had acknowledged: {has} of {had}; it is sent again");
        self.alarm(key.peer, "shieldwall/peer-behind", message, now)
    }

    /// Whether something may be put into a stream now. Where a peer is called, what it has is asked first: what would be
    /// put into a stream that cannot be continued waits in the queue instead.
    pub(crate) fn may_append(&self, trust: &Trust, registry: &Registry, key: StreamKey, begun: bool) -> bool {
        let called = registry.linked(key.peer).is_some_and(|peer| peer.endpoint.is_some());
        !called
            || !begun
            || trust
                .session(key.peer, |session| session.by_file || session.streams.contains_key(&key.agreement))
    }

    /// Goes over to a new epoch of a stream. What of the old one is not acknowledged takes its place in the queue again:
    /// what takes back or confirms as it is, content to be decided on anew. `None` when the stream has moved on meanwhile.
    fn begin_epoch(
        &self,
        trust: &Trust,
        registry: &Registry,
        key: StreamKey,
        epoch: u32,
        now: Timestamp,
    ) -> Result<Option<Follows>, TrustError> {
        // Nothing is put into the stream meanwhile.
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let position = self.position(key)?;
        if position.epoch >= epoch {
            return Ok(None);
        }
        let again = registry.may_resume(key.agreement, key.peer, trust.party);
        let (mut lost, mut from) = (Vec::new(), position.acked + 1);
        {
            let read = self.store.read()?;
            while from <= position.seq {
                let page = read.entries(tenant, key, position.epoch, from, exchange::MAX_SEGMENT)?;
                let Some(last) = page.last() else { break };
                from = last.seq + 1;
                lost.extend(page.into_iter().filter_map(Unacknowledged::of));
            }
        }
        let place = |seq: u64| (position.epoch, seq);
        let along = self.along_of(key, |entry| entry > place(position.acked))?;
        let next = StreamPosition { epoch, ..new_stream() };
        self.store.transact(|tx| {
            for entry in &lost {
                tx.blank_entry(tenant, key, position.epoch, entry.seq)?;
                let given = tx.disclosure(tenant, key.peer, key.agreement, entry.subject)?;
                let given = given.filter(|given| given.withdrawn.is_none());
                let version = given.and_then(|given| given.version);
                let content = entry.inline.is_none();
                let may_go = again || entry.kind == Kind::Relabel;
                if content && (version.is_none() || !may_go) {
                    continue;
                }
                let queued = OutboxRecord {
                    id: 0,
                    to: key.peer,
                    agreement: key.agreement,
                    kind: entry.kind.as_str().to_owned(),
                    version: version.filter(|_| content),
                    inline: entry.inline.clone(),
                    decision: Some(entry.decision).filter(|_| content),
                    not_before: now,
                };
                tx.queue(tenant, &queued)?;
            }
            along.iter().try_for_each(|subject| repair::forget_along(tx, tenant, key, *subject))?;
            repair::mark(tx, tenant, key)?;
            tx.set_stream(tenant, key, &next)
        })?;
        trust.repairs.forget(key);
        let message = format!(
            "a new stream epoch {epoch} begins: what the peer has does not follow what is kept here; {} entries that were \
             not acknowledged are sent again, and what it holds is compared",
            lost.len()
        );
        self.alarm(key.peer, "shieldwall/stream-epoch", message, now)?;
        Ok(Some(Follows { epoch: position.epoch, seq: position.seq, head: position.head }))
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
        let behind = matches!(checked, Ok(Acknowledged::Behind(_)));
        let seq = match checked {
            Ok(Acknowledged::Advanced(seq)) => seq,
            Ok(Acknowledged::Stale) => return Ok(false),
            Ok(Acknowledged::Behind(seq)) => {
                self.behind(key, seq, position.acked, now)?;
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
            if current.epoch != acked.epoch {
                return Ok(());
            }
            if behind {
                repair::mark(tx, self.scope.tenant, key)?;
                documents::tell_again(tx, self.scope.tenant, key)?;
            }
            tx.set_stream(
                self.scope.tenant,
                key,
                &StreamPosition { acked: seq, ack: acked.ack.clone(), ..current },
            )
        })?;
        let told = Told { position: ack.position(), before: None };
        trust.session(key.peer, |session| {
            session.streams.insert(key.agreement, told);
            if behind {
                session.tell_documents();
            }
        });
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

    /// Notes how a call went, for people. The row is written by itself: whatever else is known of the peer is people's, and
    /// may be changing at this moment.
    fn note_contact(
        &self,
        trust: &Trust,
        to: PartyId,
        now: Timestamp,
        problem: Option<(Timestamp, String)>,
    ) -> Result<(), TrustError> {
        let (last, before) = trust.session(to, |session| (session.contact, session.problem.clone()));
        // Once a minute is often enough for people; each write is a synced commit.
        let recent = last.is_some_and(|at| now >= at && now < at.plus_micros(CONTACT_NOTED));
        let text = problem.as_ref().map(|(_, text)| text.clone());
        if (problem.is_some() && before == Some(text.clone()))
            || (problem.is_none() && recent && before == Some(None))
        {
            return Ok(());
        }
        let well = problem.is_none().then_some(now);
        self.store.transact(|tx| tx.note_contact(self.scope.tenant, to, well, problem.as_ref()))?;
        trust.session(to, |session| {
            session.contact = well.or(session.contact);
            session.problem = Some(text);
        });
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
