//! How the [`Registry`] comes to be: the documents that are kept, read in order of arrival and verified once.
//!
//! A newer fold begins with the one before. What it verified stays verified until the keys or appointments of whoever
//! signed it have changed; what the clock decides is judged anew, which takes no signature.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreement::acts::{Act, Clock, Known, Record, State, What};
use agreement::{Form, Terms};
use keys::Signed;
use keys::events::{Applied, Change, Event, EventError, KeyHistory};
use keys::posts::{Roster, Site};
use model::{AgreementId, Digest, PartyId, StixId, Tenant, Timestamp};
use policy::Policy;
use ports::trust::{Document, DocumentKind};
use ports::{Read, StoreError};

use super::consumers::{self, Consumer};
use super::registry::{Agreed, InForce, ROOTS_ONLY, Registry, Requested};

/// How long a fold stays good as far as the clock is concerned, in microseconds: edges of terms are in hours and days,
/// and the policy looks at the instant itself.
const GOOD_FOR: i64 = 20_000_000;

/// Documents read in one go.
const PAGE: usize = 10_000;

/// What is folded, in the order in which each rests on those before.
const KINDS: [DocumentKind; 5] = [
    DocumentKind::KeyEvent,
    DocumentKind::Appointment,
    DocumentKind::AgreementAct,
    DocumentKind::ConsumerRelease,
    DocumentKind::PersonalDecision,
];

/// How far the documents were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    after: BTreeMap<DocumentKind, u64>,
    /// How many there were.
    pub(super) count: u64,
}

/// The acts under one id, verified.
#[derive(Clone)]
pub(super) struct Matter {
    pub(super) record: Record,
    /// In order of arrival.
    pub(super) acts: Arc<Vec<Signed>>,
    /// The number of each.
    pub(super) numbers: Arc<Vec<u64>>,
    /// Requests that they answer.
    answers: BTreeSet<Digest>,
    /// When each party's word that it enters a version came in here first.
    entered: BTreeMap<(Digest, PartyId), Timestamp>,
}

impl Matter {
    /// When each version was entered by the last of the parties that had to. Who says it again changes nothing.
    fn completed(&self) -> BTreeMap<Digest, Timestamp> {
        let mut completed = BTreeMap::new();
        for ((version, _), at) in &self.entered {
            let last = completed.entry(*version).or_insert(*at);
            *last = (*last).max(*at);
        }
        completed
    }
}

/// An act that was verified before it was kept, with those it was added to.
pub(super) struct Verified {
    pub(super) agreement: AgreementId,
    /// What it was added to; `None` for the first act.
    pub(super) base: Option<Arc<Matter>>,
    pub(super) act: Digest,
    pub(super) record: Record,
}

impl Registry {
    /// A newer fold, if this one is out of date.
    pub(super) fn brought_up(
        &self,
        read: &dyn Read,
        tenant: Tenant,
        clock: Clock,
        sites: BTreeMap<PartyId, Site>,
        stale: bool,
        verified: Option<Verified>,
    ) -> Result<Option<Self>, StoreError> {
        let now = clock.earliest;
        let timely = now < self.at.plus_micros(GOOD_FOR) && now >= self.at;
        let begun = self.built.is_some();
        if begun && timely && !stale {
            return Ok(None);
        }
        let mut next = self.clone();
        let news = next.news(read, tenant)?;
        let of = |kind| news.get(&kind).map(Vec::as_slice).unwrap_or_default();
        next.peers = read.peers(tenant)?.into_iter().map(|peer| (peer.party, peer)).collect();
        let resited = next.sites != sites;
        next.sites = sites;
        let mut moved = next.fold_keys(read, tenant, of(DocumentKind::KeyEvent), now, !timely)?;
        let settled = moved.clone();
        moved.extend(next.fold_appointments(read, tenant, of(DocumentKind::Appointment), &settled, now)?);
        let touched = next.fold_acts(of(DocumentKind::AgreementAct), &moved, resited, verified);
        if !timely {
            next.at = now;
        }
        next.judge(&touched, clock, !timely || !begun);
        for document in of(DocumentKind::PersonalDecision) {
            Arc::make_mut(&mut next.decisions).take(document);
        }
        let concerned = |party: &PartyId| next.consumers.values().any(|known| known.release.party == *party);
        let again = resited || moved.iter().any(concerned);
        if again || !of(DocumentKind::ConsumerRelease).is_empty() {
            let releases = all(read, tenant, DocumentKind::ConsumerRelease, None)?;
            next.consumers = Arc::new(consumers::fold(&releases, &next));
        }
        next.latest = clock.latest;
        let over = |known: &Consumer| !known.over && known.release.expires <= clock.latest;
        if next.consumers.values().any(over) {
            let consumers = Arc::make_mut(&mut next.consumers);
            consumers.values_mut().for_each(|known| known.over |= over(known));
        }
        next.built = Some(next.reached.count);
        Ok(Some(next))
    }

    /// The documents that came since.
    fn news(
        &mut self,
        read: &dyn Read,
        tenant: Tenant,
    ) -> Result<BTreeMap<DocumentKind, Vec<Document>>, StoreError> {
        let mut news = BTreeMap::new();
        for kind in KINDS {
            let after = self.reached.after.entry(kind).or_default();
            let documents = all_after(read, tenant, kind, None, *after)?;
            *after = documents.last().map_or(*after, |document| document.number);
            self.reached.count += documents.len() as u64;
            news.insert(kind, documents);
        }
        Ok(news)
    }

    /// Takes in key events. Returns whose keys have changed.
    fn fold_keys(
        &mut self,
        read: &dyn Read,
        tenant: Tenant,
        events: &[Document],
        now: Timestamp,
        retry: bool,
    ) -> Result<BTreeSet<PartyId>, StoreError> {
        let mut moved = BTreeSet::new();
        let mut anew: BTreeSet<PartyId> = BTreeSet::new();
        if retry {
            anew.extend(std::mem::take(&mut self.unfit));
        }
        if events.is_empty() && anew.is_empty() {
            return Ok(moved);
        }
        let histories = Arc::make_mut(&mut self.histories);
        for document in events {
            let party = PartyId(document.subject);
            moved.insert(party);
            let signed = Signed::parse(document.text.as_bytes()).ok();
            let applied =
                signed.zip(histories.get_mut(&party)).map(|(signed, known)| known.apply(&signed, now));
            let fits = matches!(applied, Some(Ok(Applied::New | Applied::Known) | Err(EventError::Fork(_))));
            if !fits {
                anew.insert(party);
            }
        }
        for party in anew {
            let kept = all(read, tenant, DocumentKind::KeyEvent, Some(party.0))?;
            let (mut found, unfit) = verified_histories(&kept, now);
            self.unfit.extend(unfit);
            if let Some(history) = found.remove(&party) {
                histories.insert(party, history);
            }
            moved.insert(party);
        }
        if !moved.is_empty() {
            let kept = all(read, tenant, DocumentKind::KeyEvent, None)?;
            self.speakers = Arc::new(speakers(&kept, &self.histories));
        }
        Ok(moved)
    }

    /// Takes in appointments; those of parties whose keys have changed are verified anew. Returns whose have changed.
    fn fold_appointments(
        &mut self,
        read: &dyn Read,
        tenant: Tenant,
        documents: &[Document],
        moved: &BTreeSet<PartyId>,
        now: Timestamp,
    ) -> Result<BTreeSet<PartyId>, StoreError> {
        if documents.is_empty() && moved.is_empty() {
            return Ok(BTreeSet::new());
        }
        let rosters = Arc::make_mut(&mut self.rosters);
        for party in moved {
            rosters.remove(party);
            let kept = all(read, tenant, DocumentKind::Appointment, Some(party.0))?;
            appoint(rosters, &kept, &self.histories, now);
        }
        let mut changed = BTreeSet::new();
        for document in documents.iter().filter(|document| !moved.contains(&PartyId(document.subject))) {
            changed.insert(PartyId(document.subject));
            appoint(rosters, std::slice::from_ref(document), &self.histories, now);
        }
        Ok(changed)
    }

    /// Takes in acts. Returns under which ids something has changed.
    fn fold_acts(
        &mut self,
        documents: &[Document],
        moved: &BTreeSet<PartyId>,
        resited: bool,
        mut verified: Option<Verified>,
    ) -> BTreeSet<Digest> {
        let mut touched = BTreeSet::new();
        let known = Known { histories: &self.histories, rosters: &self.rosters, sites: &self.sites };
        if resited || !moved.is_empty() {
            for (subject, matter) in &mut self.matters {
                let mut signers =
                    matter.acts.iter().filter_map(|act| Act::read(act).ok()).map(|act| act.party);
                let again = resited || signers.any(|party| moved.contains(&party));
                let mut next = Matter::clone(matter);
                if again {
                    next.record = Record::of(AgreementId(*subject), next.acts.iter(), &known);
                } else {
                    // What is known of keys besides: contradictions, countries.
                    next.record.add([], &known);
                }
                *matter = Arc::new(next);
                touched.insert(*subject);
            }
        }
        let mut fresh: BTreeMap<Digest, Vec<(u64, Timestamp, Signed)>> = BTreeMap::new();
        for document in documents {
            if let Ok(signed) = Signed::parse(document.text.as_bytes()) {
                fresh.entry(document.subject).or_default().push((document.number, document.at, signed));
            }
        }
        for (subject, signed) in fresh {
            touched.insert(subject);
            let before = self.matters.get(&subject);
            let ready = verified.take_if(|ready| {
                let same = before.map(Arc::as_ptr) == ready.base.as_ref().map(Arc::as_ptr);
                let alone = matches!(signed.as_slice(), [(_, _, one)] if one.hash() == ready.act);
                ready.agreement.0 == subject && same && alone
            });
            let mut next = match before {
                Some(before) => Matter::clone(before),
                None => Matter {
                    record: Record::of(AgreementId(subject), [], &known),
                    acts: Arc::default(),
                    numbers: Arc::default(),
                    answers: BTreeSet::new(),
                    entered: BTreeMap::new(),
                },
            };
            match ready {
                Some(ready) => next.record = ready.record,
                None => next.record.add(signed.iter().map(|(_, _, signed)| signed), &known),
            }
            for (number, at, signed) in signed {
                next.answers.extend(answered(&signed));
                if let Some((version, party)) = entered(&signed) {
                    let first = next.entered.entry((version, party)).or_insert(at);
                    *first = at.min(*first);
                }
                Arc::make_mut(&mut next.numbers).push(number);
                Arc::make_mut(&mut next.acts).push(signed);
            }
            self.matters.insert(subject, Arc::new(next));
        }
        touched
    }

    /// What the acts come to now: of what was touched, or of everything.
    fn judge(&mut self, touched: &BTreeSet<Digest>, clock: Clock, everything: bool) {
        for (subject, matter) in &self.matters {
            if !everything && !touched.contains(subject) {
                continue;
            }
            let id = AgreementId(*subject);
            let state = matter.record.at(clock);
            if state.versions.is_empty() {
                let request = matter.acts.iter().find_map(|signed| request(signed, *subject));
                self.requests.extend(request.map(|request| (*subject, request)));
                continue;
            }
            let before = self.agreements.get(&id);
            let versions = compiled(id, &state, before.map(|agreed| &agreed.versions));
            let told_until = told_until(matter, &state);
            let agreed = Agreed {
                state,
                acts: Arc::clone(&matter.acts),
                completed: matter.completed(),
                versions,
                told_until,
                matter: Arc::clone(matter),
            };
            self.agreements.insert(id, Arc::new(agreed));
        }
        for request in self.requests.values_mut() {
            request.answered.clear();
        }
        for (subject, matter) in &self.matters {
            for request in &matter.answers {
                if let Some(request) = self.requests.get_mut(request) {
                    request.answered.push(AgreementId(*subject));
                }
            }
        }
    }
}

/// Every complete version, compiled; those that were compiled before stay.
fn compiled(
    id: AgreementId,
    state: &State,
    before: Option<&BTreeMap<Digest, InForce>>,
) -> BTreeMap<Digest, InForce> {
    let newest = state.membership();
    let mut versions = BTreeMap::new();
    for (hash, version) in state.versions.iter().filter(|(_, version)| version.complete) {
        let terms = &version.proposal.terms;
        let circle = !matches!(terms.form, Form::Bilateral);
        let membership = newest.filter(|_| circle).map_or(0, |membership| membership.number);
        let force = match before.and_then(|before| before.get(hash)) {
            Some(force) if force.membership == membership => force.clone(),
            _ => {
                let mut terms = Terms::clone(terms);
                // Whoever was admitted takes part as if the text had named it: its members have signed that.
                if let Some(newest) = newest.filter(|_| membership > 1 && state.current == Some(*hash)) {
                    let members = newest.members.iter();
                    terms.parties = members.map(|(id, member)| (*id, member.party.clone())).collect();
                }
                let Ok(policy) = Policy::compile(&terms, id) else { continue };
                InForce { terms: Arc::new(terms), policy: Arc::new(policy), version: *hash, membership }
            }
        };
        versions.insert(*hash, force);
    }
    versions
}

/// Up to which of our documents those who took part once and are out are told of acts: that they are out is the last.
/// Whoever a text that may follow names is told of that too.
fn told_until(matter: &Matter, state: &State) -> BTreeMap<PartyId, u64> {
    let current = state.version().filter(|version| version.complete);
    let Some(current) = current.map(|version| &version.proposal.terms) else { return BTreeMap::new() };
    let named = |party: &PartyId| {
        let later = state.versions.values().map(|version| &version.proposal.terms);
        later.filter(|terms| terms.version > current.version).any(|terms| terms.parties.contains_key(party))
    };
    let acts = || matter.acts.iter().zip(matter.numbers.iter());
    let read = |(signed, number): (&Signed, &u64)| Some((Act::read(signed).ok()?, *number));
    let mut until = BTreeMap::new();
    for party in state.ever.iter().filter(|party| !state.active.contains(*party) && !named(party)) {
        let left = acts()
            .filter_map(read)
            .filter(|(act, _)| act.party == *party && matches!(act.what, What::Leave | What::End));
        // Without an act of its own it was left out of a text: what was done about that one is the last it is told.
        let joined = acts().filter_map(read).filter(|(act, _)| act.party == *party);
        let joined: BTreeSet<Digest> = joined
            .filter_map(|(act, _)| matches!(act.what, What::Join { .. }).then(|| act.what.version())?)
            .collect();
        let complete = || state.versions.iter().filter(|(_, version)| version.complete);
        let took_part = complete().filter(|(hash, version)| {
            joined.contains(*hash) || version.proposal.terms.parties.contains_key(party)
        });
        let last_part = took_part.map(|(_, version)| version.proposal.terms.version).max();
        let later = complete().filter(|(_, version)| Some(version.proposal.terms.version) > last_part);
        let without = later.min_by_key(|(_, version)| version.proposal.terms.version).map(|(hash, _)| *hash);
        let about = acts().filter_map(read).filter(|(act, _)| {
            matches!(act.what, What::Enter { .. }) && act.what.version() == without && without.is_some()
        });
        let last = left.map(|(_, number)| number).max().or_else(|| about.map(|(_, number)| number).max());
        until.extend(last.map(|last| (*party, last)));
    }
    until
}

/// Documents of a kind, of one subject or of all, in order of arrival.
fn all(
    read: &dyn Read,
    tenant: Tenant,
    kind: DocumentKind,
    subject: Option<Digest>,
) -> Result<Vec<Document>, StoreError> {
    all_after(read, tenant, kind, subject, 0)
}

fn all_after(
    read: &dyn Read,
    tenant: Tenant,
    kind: DocumentKind,
    subject: Option<Digest>,
    mut after: u64,
) -> Result<Vec<Document>, StoreError> {
    let mut documents = Vec::new();
    loop {
        let page = read.documents(tenant, kind, subject, after, PAGE)?;
        let full = page.len() == PAGE;
        after = page.last().map_or(after, |document| document.number);
        documents.extend(page);
        if !full {
            return Ok(documents);
        }
    }
}

/// Who speaks for which identity. Two may claim the same: the one whose claim was kept first is believed, so that nobody
/// takes an identity from whoever has it.
fn speakers(events: &[Document], histories: &BTreeMap<PartyId, KeyHistory>) -> BTreeMap<StixId, PartyId> {
    let mut speakers = BTreeMap::new();
    for document in events {
        let party = PartyId(document.subject);
        let Some(history) = histories.get(&party) else { continue };
        let event = Signed::parse(document.text.as_bytes()).ok().and_then(|signed| Event::read(&signed).ok());
        let claimed = match event.map(|event| event.change) {
            Some(Change::Inception { identities, .. } | Change::Identities { identities }) => identities,
            _ => continue,
        };
        for identity in claimed.into_iter().filter(|identity| history.identities().contains(identity)) {
            speakers.entry(identity).or_insert(party);
        }
    }
    speakers
}

/// The request in an act, if it is one.
fn request(signed: &Signed, subject: Digest) -> Option<Requested> {
    let act = Act::read(signed).ok().filter(|_| signed.hash() == subject)?;
    let What::Request { to, document } = act.what else { return None };
    let Act { party: from, at, reason, .. } = act;
    Some(Requested { from, to, at, reason, document, answered: Vec::new() })
}

/// The version that an act enters, and who does.
fn entered(signed: &Signed) -> Option<(Digest, PartyId)> {
    match Act::read(signed).ok()? {
        Act { party, what: What::Enter { version }, .. } => Some((version, party)),
        _ => None,
    }
}

/// The request that an act answers, if it does.
fn answered(signed: &Signed) -> Option<Digest> {
    // Few acts do, and reading one takes longer than looking.
    if !signed.body.contains(r#""answers":"#) {
        return None;
    }
    match Act::read(signed).ok()?.what {
        What::Offer { answers, .. } => answers,
        _ => None,
    }
}

/// Key histories by party. Events that do not fit are left out: they were refused when they came.
pub(crate) fn histories(events: &[Document], now: Timestamp) -> BTreeMap<PartyId, KeyHistory> {
    verified_histories(events, now).0
}

/// The same, and of whom an event did not fit: by another clock it may. What contradicts a history stays with it.
fn verified_histories(
    events: &[Document],
    now: Timestamp,
) -> (BTreeMap<PartyId, KeyHistory>, BTreeSet<PartyId>) {
    let mut by_party: BTreeMap<PartyId, Vec<Signed>> = BTreeMap::new();
    for document in events {
        if let Ok(signed) = Signed::parse(document.text.as_bytes()) {
            by_party.entry(PartyId(document.subject)).or_default().push(signed);
        }
    }
    let (mut histories, mut unfit) = (BTreeMap::new(), BTreeSet::new());
    for (party, mut events) in by_party {
        events.sort_by_key(|signed| Event::read(signed).map_or(u64::MAX, |event| event.n));
        let mut events = events.iter();
        let Some(mut history) = events.next().and_then(|first| KeyHistory::begin(first, now).ok()) else {
            unfit.insert(party);
            continue;
        };
        for event in events {
            match history.apply(event, now) {
                Ok(_) | Err(EventError::Fork(_)) => {}
                Err(problem) => {
                    unfit.insert(party);
                    tracing::warn!(party = %party.0.short(), %problem, "a kept key event does not fit");
                }
            }
        }
        histories.insert(party, history);
    }
    (histories, unfit)
}

fn appoint(
    rosters: &mut BTreeMap<PartyId, Roster>,
    documents: &[Document],
    histories: &BTreeMap<PartyId, KeyHistory>,
    now: Timestamp,
) {
    for document in documents {
        let party = PartyId(document.subject);
        let (Some(history), Ok(signed)) = (histories.get(&party), Signed::parse(document.text.as_bytes()))
        else {
            continue;
        };
        let roster = rosters.entry(party).or_insert_with(|| Roster::new(party, ROOTS_ONLY));
        if let Err(problem) = roster.apply(&signed, history, now) {
            tracing::warn!(party = %party.0.short(), %problem, "a kept appointment does not fit");
        }
    }
}
