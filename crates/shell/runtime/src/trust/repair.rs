//! Repair: after a backup was restored on either side, and when people ask, the sender of a stream compares what it has
//! given with what the receiver holds.
//!
//! A stream is marked in the transaction that finds the gap, and compared once everything in it is acknowledged. What
//! comes of it goes by ordinary entries: what the receiver lacks is queued again and decided on like anything else, what
//! it should not have is withdrawn. What has changed since the lists were made is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exchange::repair::{
    Ask, Call, Comparison, Difference, Holding, MAX_NAMED, Plan, View, plan, read_named, write_named,
};
use exchange::{Envelope, Kind, Reason, Withdraw};
use ledger::entry::{ErasureAct, Figures, Side};
use model::{AgreementId, Digest, PartyId, Seq, Tenant, Timestamp};
use ports::peer::Refusal;
use ports::trust::{DisclosureRecord, OutboxRecord, PeerState, StreamKey, StreamPosition};
use ports::{Read, StoreError, Tx};

use super::companions::travels_along;
use super::registry::{InForce, Registry};
use super::{Trust, TrustError};
use crate::core::Core;

/// Rows read, and acted on in one transaction.
const STEP: usize = 500;

/// Names that one comparison has told; what is more is compared again, so many times.
const MOST_NAMES: usize = 100_000;
const MOST_TIMES: u64 = 16;

/// What waits for a stream is looked through for names up to this many; with more, nothing unknown is withdrawn yet.
const MOST_WAITING: usize = 100_000;

/// A comparison whose answers stay away gives way to another after this long, in microseconds: ten minutes.
const STALLED: i64 = 600_000_000;

/// A list is not made anew for the same stream before this has passed, in microseconds: ten seconds.
const LISTED_FOR: i64 = 10_000_000;

/// Lists kept for peers that compare, over all.
const MOST_LISTS: usize = 8;

/// Comparisons under way, ours and those of peers.
#[derive(Default)]
pub(super) struct Repairs {
    /// Ours: one at a time.
    under_way: Mutex<Option<Comparing>>,
    /// What we hold, as peers compare it.
    lists: Mutex<BTreeMap<(PartyId, AgreementId), Listed>>,
}

struct Listed {
    place: (u32, u64),
    made: Timestamp,
    view: Arc<View>,
}

struct Comparing {
    key: StreamKey,
    view: View,
    /// What travelled with others and was not given by itself.
    along: Vec<Digest>,
    began: Timestamp,
    /// When it last went on.
    moved: Timestamp,
    stage: Stage,
}

enum Stage {
    /// The lists are being compared; what to ask next.
    Comparing(Box<Comparison>, Vec<u8>),
    /// What only the other list has is being named: from which on.
    Naming {
        difference: Difference,
        from: usize,
        surplus: Vec<Holding>,
        more: bool,
    },
    Over,
}

/// What came of a comparison.
struct Found {
    plan: Plan,
    /// The entries that our list gave for what is to be put again.
    listed: BTreeMap<Digest, (u32, u64)>,
    /// Whether there is more than was named.
    more: bool,
}

impl Repairs {
    fn under_way(&self) -> MutexGuard<'_, Option<Comparing>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up what is under way about a stream: it has changed.
    pub(super) fn forget(&self, key: StreamKey) {
        let mut under_way = self.under_way();
        if under_way.as_ref().is_some_and(|one| one.key == key) {
            *under_way = None;
        }
    }
}

impl Comparing {
    fn ask(&self) -> Ask {
        match &self.stage {
            Stage::Comparing(_, message) => Ask::Compare(message.clone()),
            Stage::Naming { difference, from, .. } => {
                Ask::Name(difference.only_theirs.iter().skip(*from).take(MAX_NAMED).copied().collect())
            }
            Stage::Over => Ask::Name(Vec::new()),
        }
    }

    /// Takes in an answer. What was found, once there is nothing more to ask.
    fn take(&mut self, body: &[u8]) -> Result<Option<Found>, String> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Comparing(mut comparison, _) => {
                let next = comparison.step(body).map_err(|problem| problem.to_string())?;
                if let Some(message) = next {
                    self.stage = Stage::Comparing(comparison, message);
                    return Ok(None);
                }
                let mut difference = comparison.finish();
                let more = difference.only_theirs.len() > MOST_NAMES;
                difference.only_theirs.truncate(MOST_NAMES);
                if difference.only_theirs.is_empty() {
                    return Ok(Some(self.found(&difference, &[], more)));
                }
                self.stage = Stage::Naming { difference, from: 0, surplus: Vec::new(), more };
                Ok(None)
            }
            Stage::Naming { difference, from, mut surplus, more } => {
                let named = read_named(body).map_err(|problem| problem.to_string())?;
                let asked: BTreeSet<&Digest> =
                    difference.only_theirs.iter().skip(from).take(MAX_NAMED).collect();
                if named.len() > asked.len() || named.iter().any(|holding| !asked.contains(&holding.id())) {
                    return Err("it names holdings that nobody asked about".to_owned());
                }
                surplus.extend(named);
                let from = from.saturating_add(MAX_NAMED);
                if from >= difference.only_theirs.len() {
                    return Ok(Some(self.found(&difference, &surplus, more)));
                }
                self.stage = Stage::Naming { difference, from, surplus, more };
                Ok(None)
            }
            Stage::Over => Err("an answer to nothing".to_owned()),
        }
    }

    fn found(&self, difference: &Difference, surplus: &[Holding], more: bool) -> Found {
        let listed =
            difference.only_ours.iter().map(|holding| (holding.subject, (holding.epoch, holding.seq)));
        Found { plan: plan(&self.view, difference, surplus), listed: listed.collect(), more }
    }
}

fn cursor(key: StreamKey) -> String {
    format!("compare:{}:{}", key.peer, key.agreement)
}

/// Marks a stream for comparison, in the transaction that finds out why.
pub(super) fn mark(tx: &mut dyn Tx, tenant: Tenant, key: StreamKey) -> Result<(), StoreError> {
    tx.set_cursor(tenant, &cursor(key), Seq(1))
}

impl Core {
    /// Has everything that was given to a peer compared with what it holds. Returns how many streams are compared.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a name nobody has, [`TrustError::Refused`] for a peer that is not paired.
    pub fn compare_with(&self, name: &str, author: &str) -> Result<usize, TrustError> {
        let trust = self.party()?;
        let peer = self.pairing(name)?.peer;
        if peer.state != PeerState::Paired {
            return Err(TrustError::refused(format!(
                "the pairing with `{name}` is {}: only with a paired node are holdings compared",
                peer.state.as_str()
            )));
        }
        let (tenant, now) = (self.scope.tenant, self.clock.now());
        let streams = self.store.read()?.streams(tenant)?.into_iter().map(|(key, _)| key);
        let streams: Vec<StreamKey> = streams.filter(|key| key.outbound && key.peer == peer.party).collect();
        self.store.transact(|tx| {
            streams.iter().try_for_each(|key| mark(tx, tenant, *key))?;
            tx.audit(tenant, now, author, "peer.compare", name, "")
        })?;
        trust.wake();
        Ok(streams.len())
    }

    /// Whether a stream is marked and can be compared now: everything there is to say in it was said.
    pub(super) fn is_to_be_compared(
        &self,
        read: &dyn Read,
        trust: &Trust,
        registry: &Registry,
        key: StreamKey,
        position: &StreamPosition,
    ) -> Result<bool, TrustError> {
        let tenant = self.scope.tenant;
        if position.acked < position.seq
            || registry.paired(key.peer).is_none()
            || read.named_cursor(tenant, &cursor(key))?.is_none()
        {
            return Ok(false);
        }
        // What is about to be given again must not be taken for something that never was.
        let now = self.clock.now();
        let caught_up = self.release_caught_up(read, registry, key.agreement, key.peer)?;
        if !caught_up || !read.outbox_statements(tenant, key.peer, key.agreement, now, 1)?.is_empty() {
            return Ok(false);
        }
        let under_way = trust.repairs.under_way();
        Ok(under_way.as_ref().is_none_or(|one| one.key == key || one.moved.plus_micros(STALLED) <= now))
    }

    /// What to ask next about a stream; `None` when another is being compared after all.
    pub(super) fn comparison_for(
        &self,
        trust: &Trust,
        key: StreamKey,
    ) -> Result<Option<Vec<u8>>, TrustError> {
        let now = self.clock.now();
        let call = |one: &Comparing| {
            Call { from: trust.party, to: key.peer, agreement: key.agreement, ask: one.ask() }.encode()
        };
        match &*trust.repairs.under_way() {
            Some(one) if one.key == key => return Ok(Some(call(one))),
            Some(one) if now < one.moved.plus_micros(STALLED) => return Ok(None),
            _ => {}
        }
        let (view, along) = self.given_view(key)?;
        let (comparison, message) = Comparison::start(&view).map_err(TrustError::refused)?;
        let stage = Stage::Comparing(Box::new(comparison), message);
        let one = Comparing { key, view, along, began: now, moved: now, stage };
        let body = call(&one);
        *trust.repairs.under_way() = Some(one);
        Ok(Some(body))
    }

    /// What was given in a stream and not taken back, and what only travelled along with it.
    fn given_view(&self, key: StreamKey) -> Result<(View, Vec<Digest>), TrustError> {
        let (read, tenant) = (self.store.read()?, self.scope.tenant);
        let (mut listed, mut along) = (Vec::new(), Vec::new());
        let mut after = None;
        loop {
            let page = read.disclosures_to(tenant, key.peer, key.agreement, after, STEP)?;
            after = page.last().map(|given| given.subject);
            let full = page.len() == STEP;
            for given in page.into_iter().filter(|given| given.withdrawn.is_none()) {
                let explains = given.object.as_ref().is_none_or(|id| travels_along(id.type_name()));
                if explains && !self.is_entrys_own(&*read, key, &given)? {
                    along.push(given.subject);
                } else if given.receipt.is_none() {
                    // Whose time was up over there has said so.
                    let (epoch, seq) = given.entry;
                    listed.push(Holding { subject: given.subject, epoch, seq });
                }
            }
            if !full {
                return Ok((View::new(listed).map_err(TrustError::refused)?, along));
            }
        }
    }

    /// What only travelled along with others in a stream, in entries at some places.
    pub(super) fn along_of(
        &self,
        key: StreamKey,
        places: impl Fn((u32, u64)) -> bool,
    ) -> Result<Vec<Digest>, TrustError> {
        let (read, tenant) = (self.store.read()?, self.scope.tenant);
        let (mut along, mut after) = (Vec::new(), None);
        loop {
            let page = read.disclosures_to(tenant, key.peer, key.agreement, after, STEP)?;
            after = page.last().map(|given| given.subject);
            let full = page.len() == STEP;
            for given in page.iter().filter(|given| given.withdrawn.is_none() && places(given.entry)) {
                let explains = given.object.as_ref().is_some_and(|id| travels_along(id.type_name()));
                if explains && !self.is_entrys_own(&*read, key, given)? {
                    along.push(given.subject);
                }
            }
            if !full {
                return Ok(along);
            }
        }
    }

    /// Whether the entry that brought something is about it, and not about what it travelled with.
    fn is_entrys_own(
        &self,
        read: &dyn Read,
        key: StreamKey,
        given: &DisclosureRecord,
    ) -> Result<bool, StoreError> {
        let (epoch, seq) = given.entry;
        let entry = read.entries(self.scope.tenant, key, epoch, seq, 1)?.into_iter().next();
        let envelope = entry.filter(|entry| entry.seq == seq).map(|entry| Envelope::parse(&entry.envelope));
        Ok(envelope.is_some_and(|parsed| parsed.is_ok_and(|envelope| envelope.subject == given.subject)))
    }

    /// Takes in what a receiver answered in a comparison.
    pub(super) fn told_holdings(
        &self,
        trust: &Trust,
        key: StreamKey,
        body: &[u8],
        now: Timestamp,
    ) -> Result<bool, TrustError> {
        let taken = trust.repairs.under_way().take_if(|one| one.key == key);
        // It has begun anew, or given way.
        let Some(mut one) = taken else { return Ok(true) };
        match one.take(body) {
            Err(problem) => {
                self.give_up_comparing(trust, key, &problem, now)?;
                Ok(false)
            }
            Ok(None) => {
                one.moved = now;
                *trust.repairs.under_way() = Some(one);
                Ok(true)
            }
            Ok(Some(found)) => {
                self.repair(trust, &one, &found, now)?;
                Ok(true)
            }
        }
    }

    /// Ends a comparison that came to nothing, and says why.
    pub(super) fn give_up_comparing(
        &self,
        trust: &Trust,
        key: StreamKey,
        problem: &str,
        now: Timestamp,
    ) -> Result<(), TrustError> {
        trust.repairs.forget(key);
        self.store.transact(|tx| tx.remove_cursor(self.scope.tenant, &cursor(key)))?;
        let message = format!(
            "what it holds under agreement {} could not be compared with what it was given: {problem}",
            key.agreement.0.short()
        );
        self.alarm(key.peer, "shieldwall/repair", message, now)
    }

    /// Does what a comparison came to, by ordinary entries.
    fn repair(
        &self,
        trust: &Trust,
        one: &Comparing,
        found: &Found,
        now: Timestamp,
    ) -> Result<(), TrustError> {
        let key = one.key;
        let (tenant, registry) = (self.scope.tenant, self.registry()?);
        let Some(force) = registry.last_force(key.agreement) else {
            return self.give_up_comparing(trust, key, "the agreement has no text in force", now);
        };
        let _turn = trust.turn();
        let again = registry.may_resume(key.agreement, key.peer, trust.party);
        let put: Vec<&Digest> = found.plan.put.iter().filter(|_| again).collect();
        let mut count = 0_u64;
        if !put.is_empty() {
            // What explains it travels along once more.
            for along in one.along.chunks(STEP) {
                self.store.transact(|tx| {
                    along.iter().try_for_each(|subject| forget_along(tx, tenant, key, *subject))
                })?;
            }
        }
        for subjects in put.chunks(STEP) {
            count += self.store.transact(|tx| {
                let mut queued = 0;
                for subject in subjects {
                    let listed = found.listed.get(subject).copied();
                    queued += u64::from(put_again(tx, tenant, key, **subject, listed, now)?);
                }
                Ok(queued)
            })?;
        }
        let waiting = self.names_waiting(trust, key)?;
        let surplus: Vec<&Digest> = match &waiting {
            Some(waiting) => found.plan.withdraw.iter().filter(|name| !waiting.contains(*name)).collect(),
            None => Vec::new(),
        };
        let mut taken = 0_u64;
        for subjects in surplus.chunks(STEP) {
            taken += self.store.transact(|tx| {
                let mut taken = 0;
                for subject in subjects {
                    taken += u64::from(self.take_surplus(tx, key, &force, **subject, one.began, now)?);
                }
                Ok(taken)
            })?;
        }
        let unfinished = found.more || (waiting.is_none() && !found.plan.withdraw.is_empty());
        let over = self.store.transact(|tx| {
            let times = tx.cursor(tenant, &cursor(key))?.map_or(1, |seq| seq.0);
            if unfinished && times < MOST_TIMES {
                return tx.set_cursor(tenant, &cursor(key), Seq(times + 1)).map(|()| false);
            }
            tx.remove_cursor(tenant, &cursor(key)).map(|()| unfinished)
        })?;
        if count + taken > 0 {
            let message = format!(
                "compared with what it holds under agreement {}: {count} objects are given again, {taken} that it should \
                 not have are taken back",
                key.agreement.0.short()
            );
            self.alarm(key.peer, "shieldwall/repair", message, now)?;
        }
        if over {
            let message = format!(
                "it says it holds more under agreement {} than can be looked through; ask them, and compare again with \
                 `shieldwall peer compare`",
                key.agreement.0.short()
            );
            self.alarm(key.peer, "shieldwall/repair", message, now)?;
        }
        trust.wake();
        Ok(())
    }

    /// The names of what waits to be given in a stream; `None` when that is too much to look through.
    fn names_waiting(&self, trust: &Trust, key: StreamKey) -> Result<Option<BTreeSet<Digest>>, TrustError> {
        let read = self.store.read()?;
        let tenant = self.scope.tenant;
        let queued = read.outbox(tenant, key.peer, key.agreement, Timestamp::MAX, MOST_WAITING)?;
        if queued.len() >= MOST_WAITING {
            return Ok(None);
        }
        let mut waiting = BTreeSet::new();
        for version in queued.iter().filter_map(|entry| entry.version) {
            let stored = read.version(self.scope, version)?;
            let Some(stored) = stored else { continue };
            waiting.insert(trust.named(&*read, tenant, key.peer, key.agreement, &stored.id)?.subject);
        }
        Ok(Some(waiting))
    }

    /// Takes back what a receiver holds and should not: what was taken back before, and what this store knows nothing of,
    /// because it was given after the backup that was restored. Nothing that is given still.
    fn take_surplus(
        &self,
        tx: &mut dyn Tx,
        key: StreamKey,
        force: &InForce,
        subject: Digest,
        began: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (tenant, to, agreement) = (self.scope.tenant, key.peer, key.agreement);
        let given = tx.disclosure(tenant, to, agreement, subject)?;
        let on_its_way = |given: &DisclosureRecord| given.withdrawn.is_none_or(|at| at >= began);
        if given.as_ref().is_some_and(on_its_way) {
            return Ok(false);
        }
        let hours = i64::from(force.terms.retention.erase_within_hours);
        let deadline = now.plus_micros(hours.saturating_mul(3_600_000_000));
        let unknown = DisclosureRecord {
            to,
            agreement,
            object: None,
            version: None,
            subject,
            entry: (0, 0),
            clause: String::new(),
            at: now,
            withdrawn: Some(now),
            deadline: None,
            receipt: None,
        };
        let given = DisclosureRecord { deadline: Some(deadline), receipt: None, ..given.unwrap_or(unknown) };
        tx.set_disclosure(tenant, &given)?;
        let withdraw =
            Withdraw { subject, reason: Reason::Error, creator_withdrawal: false, erase_by: deadline };
        let inline = Some(withdraw.to_text());
        tx.queue(tenant, &queued(key, Kind::Withdraw, inline, now))?;
        let item = self.matter(&[b"erasure", &to.0.0, &agreement.0.0, &subject.0]);
        let act = ErasureAct::Demanded { side: Side::Asked, peer: self.pseudonym(to), deadline };
        let particulars = format!(r#"{{"agreement":"{agreement}","subject":"{subject}"}}"#);
        self.book(tx, now, Figures::Erasure { item, act }, &particulars)?;
        Ok(true)
    }

    /// Answers the sender of a stream that compares it with what is held here. Of other streams nobody is told anything.
    pub(crate) fn answer_repair(&self, from: PartyId, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let trust = self.trust().ok_or(Refusal::Failed)?;
        let invalid = |problem: exchange::Malformed| Refusal::Invalid(problem.to_string());
        let call = Call::decode(body).map_err(invalid)?;
        let registry = self.registry().map_err(|_| Refusal::Failed)?;
        let own = call.from == from && call.to == trust.party;
        if !own || !registry.shares(call.agreement, from, trust.party) {
            return Err(Refusal::Forbidden(
                "there is no such stream from this party to this node".to_owned(),
            ));
        }
        let view = self.held_view(trust, from, call.agreement)?;
        match call.ask {
            Ask::Compare(message) => view.answer(&message).map_err(invalid),
            Ask::Name(ids) => Ok(write_named(&view.named(&ids))),
        }
    }

    /// What is held of a stream, as it was when its sender began to compare.
    fn held_view(&self, trust: &Trust, from: PartyId, agreement: AgreementId) -> Result<Arc<View>, Refusal> {
        let now = self.clock.now();
        let key = StreamKey { peer: from, agreement, outbound: false };
        let position = self.position(key).map_err(|_| Refusal::Failed)?;
        let place = (position.epoch, position.seq);
        let mut lists = trust.repairs.lists.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, list| now < list.made.plus_micros(STALLED) && now >= list.made);
        if let Some(list) = lists.get(&(from, agreement)) {
            if list.place == place {
                return Ok(Arc::clone(&list.view));
            }
            // Each entry makes it another list: none is made for every message.
            let good_until = list.made.plus_micros(LISTED_FOR);
            if now < good_until {
                let wait = good_until.as_micros().saturating_sub(now.as_micros()) / 1_000;
                return Err(Refusal::Busy(u32::try_from(wait).unwrap_or(u32::MAX).max(1)));
            }
        }
        let view = self.holdings_view(from, agreement).map_err(|_| Refusal::Failed)?;
        let view = Arc::new(view);
        if lists.len() >= MOST_LISTS
            && let Some(oldest) = lists.iter().min_by_key(|(_, list)| list.made).map(|(key, _)| *key)
        {
            lists.remove(&oldest);
        }
        lists.insert((from, agreement), Listed { place, made: now, view: Arc::clone(&view) });
        Ok(view)
    }

    fn holdings_view(&self, from: PartyId, agreement: AgreementId) -> Result<View, TrustError> {
        let (read, tenant) = (self.store.read()?, self.scope.tenant);
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = read.holdings_from(tenant, from, agreement, after, STEP)?;
            after = page.last().map(|held| held.subject);
            let full = page.len() == STEP;
            listed.extend(page.iter().map(|held| {
                let (epoch, seq) = held.entry;
                Holding { subject: held.subject, epoch, seq }
            }));
            if !full {
                return View::new(listed).map_err(TrustError::refused);
            }
        }
    }
}

/// What is queued for a stream.
fn queued(key: StreamKey, kind: Kind, inline: Option<String>, now: Timestamp) -> OutboxRecord {
    OutboxRecord {
        id: 0,
        to: key.peer,
        agreement: key.agreement,
        kind: kind.as_str().to_owned(),
        version: None,
        inline,
        decision: None,
        not_before: now,
    }
}

/// Queues what the receiver lacks, if it is given still as it was listed. Whether it may go is decided when it goes.
fn put_again(
    tx: &mut dyn Tx,
    tenant: Tenant,
    key: StreamKey,
    subject: Digest,
    listed: Option<(u32, u64)>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let given = tx.disclosure(tenant, key.peer, key.agreement, subject)?;
    let given = given
        .filter(|given| Some(given.entry) == listed && given.withdrawn.is_none() && given.receipt.is_none());
    let Some(version) = given.and_then(|given| given.version) else { return Ok(false) };
    tx.queue(tenant, &OutboxRecord { version: Some(version), ..queued(key, Kind::Put, None, now) })?;
    Ok(true)
}

/// Has something that travelled along with others travel along again.
pub(super) fn forget_along(
    tx: &mut dyn Tx,
    tenant: Tenant,
    key: StreamKey,
    subject: Digest,
) -> Result<(), StoreError> {
    let given = tx.disclosure(tenant, key.peer, key.agreement, subject)?;
    match given.filter(|given| given.withdrawn.is_none() && given.version.is_some()) {
        Some(given) => tx.set_disclosure(tenant, &DisclosureRecord { version: None, ..given }),
        None => Ok(()),
    }
}
