//! What leaves to somebody who is no party: under a release that officers signed, or as an export by one of our people.
//!
//! Nobody has signed to keep what they are given so, and nobody will confirm that it is gone. So less leaves here than to
//! a party: newest versions alone, nothing that others gave us for ourselves, nothing under originator control, no
//! personal data. What leaves is decided, written down and committed to in the ledger before the first byte goes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use agreement::{PersonalData, Set};
use json::{Edits, Limits, Tape, Value};
use label::{Facts, Handling, Onward, Origin, Reader, Receiver};
use ledger::entry::{ConsumerAct, Figures, Way, Word};
use minimise::{Contributor, Personal, Plan, Profile, Released, release};
use model::{
    AgreementId, CollectionId, DecisionId, Digest, Label, StixId, Timestamp, Tlp, TokenId, VersionId,
};
use ports::trust::{DecisionRecord, DisclosureRecord};
use ports::{JournalRow, Page, PageEntry, PageFilter, Read, StoreError, Stored, Tx, VersionMatch};
use stix::redact::Redaction;

use super::book::{category, word};
use super::consumers::{Consumer, ReleaseState};
use super::release::{Candidate, whole_label};
use super::{Trust, TrustError};
use crate::core::Core;

/// Members of a collection looked at in one go.
const STEP: usize = 500;
/// Members looked at for one page at most: a client that may have nothing of a large collection must not read all of it
/// with each request.
const MOST_SEEN: usize = 20_000;
/// Bytes of objects on one page at most.
const PAGE_BYTES: usize = 16 << 20;
/// Names in one ledger entry.
const MOST_NAMED: usize = 400;
/// What may leave without an officer: what TLP 2.0 lets any of us hand on beyond this organisation and its clients.
const EXPORT_CEILING: Label = Label::Tlp(Tlp::Green);

static NOTHING: BTreeSet<String> = BTreeSet::new();

/// A page for a client without a node.
#[derive(Debug, Default)]
pub struct Served {
    /// What it is given, with content.
    pub page: Page,
    /// Where to go on: the place up to which members were looked at, when there is more.
    pub reached: Option<Timestamp>,
}

/// Why something does not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// A stable name: `type`, `tlp`, `onward`, `personal`, …
    pub rule: &'static str,
    /// In words.
    pub text: String,
}

impl Kept {
    fn new(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, text: text.into() }
    }
}

/// A text that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The object, minimised, with its label in it.
    pub text: String,
    /// Whether personal data was found and taken out.
    pub redacted: bool,
    /// What it was decided by.
    pub facts: Facts,
}

/// Whether a client may have an object, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Whether it may.
    pub permitted: bool,
    /// Every reason why not; for a yes, what lets it.
    pub reasons: Vec<String>,
}

/// What a way out lets through.
pub(super) struct Bounds<'a> {
    ceiling: &'a Handling,
    types: &'a Set,
    personal: PersonalData,
    purpose: &'a str,
    /// Only what lies in these, and is referred to from them.
    collections: Option<&'a BTreeSet<CollectionId>>,
}

impl<'a> Bounds<'a> {
    fn of(consumer: &'a Consumer) -> Self {
        let release = &consumer.release;
        Self {
            ceiling: &release.ceiling,
            types: &release.types,
            personal: release.personal,
            purpose: &release.purpose,
            collections: Some(&release.collections),
        }
    }
}

/// A way out, over a snapshot of the store.
pub(super) struct Outlet<'a> {
    core: &'a Core,
    read: &'a dyn Read,
    now: Timestamp,
    bounds: Bounds<'a>,
    /// What may be referred to.
    known: RefCell<BTreeMap<StixId, bool>>,
}

impl<'a> Outlet<'a> {
    const fn new(core: &'a Core, read: &'a dyn Read, now: Timestamp, bounds: Bounds<'a>) -> Self {
        Self { core, read, now, bounds, known: RefCell::new(BTreeMap::new()) }
    }

    const fn receiver(&self) -> Receiver<'a> {
        // Nobody vouches for a nation, an organisation or an access: lists of those do not cover it.
        Receiver {
            nation: None,
            organisations: &NOTHING,
            accesses: &NOTHING,
            purpose: Some(self.bounds.purpose),
        }
    }

    /// Everything in the way of an object, as far as its facts tell.
    fn against(&self, candidate: &Candidate) -> Vec<Kept> {
        let facts = &candidate.facts;
        let mut against = Vec::new();
        // What a marking means goes with whatever bears it.
        let explains = matches!(facts.type_name.as_str(), "marking-definition" | "extension-definition");
        if !explains && !self.bounds.types.includes(&facts.type_name) {
            against
                .push(Kept::new("type", format!("its type `{}` is not among those named", facts.type_name)));
        }
        against.extend(self.handled(candidate));
        against
    }

    /// What its label and the terms it came under say.
    fn handled(&self, candidate: &Candidate) -> Vec<Kept> {
        let facts = &candidate.facts;
        let handling = &facts.handling;
        let mut against = Vec::new();
        for dimension in handling.exceeds(self.bounds.ceiling) {
            let (is, may) = (handling.to_text(), self.bounds.ceiling.to_text());
            against.push(Kept::new(dimension, format!("it is handled as {is}, above the ceiling {may}")));
        }
        let relayed = facts.origin != Origin::Own || !candidate.via.is_empty();
        if let Err(barrier) = handling.admits(&self.receiver(), relayed, self.now) {
            against.push(Kept::new(barrier.as_str(), barrier.to_string()));
        }
        if let Some(exercise) = facts.exercise() {
            let text =
                format!("it belongs to the exercise `{exercise}`: nobody outside is to take it for real");
            against.push(Kept::new("exercise", text));
        }
        if handling.personal() {
            against
                .push(Kept::new("personal", "it is marked as personal data, or is about a person as such"));
        }
        if handling.orcon() || facts.onward == Onward::Orcon {
            against.push(Kept::new("orcon", "it is under originator control"));
        }
        let onward = candidate.via.iter().fold(facts.onward.clone(), |rule, via| rule.meet(&via.onward));
        if relayed && onward != Onward::Free {
            against.push(Kept::new("onward", "those who gave it did not let it go to whoever is no party"));
        } else if relayed && handling.tlp() < EXPORT_CEILING {
            against.push(Kept::new(
                "onward",
                "it is somebody else's, and TLP:AMBER and narrower stay with those who got it",
            ));
        }
        against
    }

    /// The text of an object that may leave, or why there is none.
    fn prepare(&self, candidate: Candidate) -> Result<Result<Outgoing, Kept>, StoreError> {
        if let Some(kept) = self.against(&candidate).into_iter().next() {
            return Ok(Err(kept));
        }
        let Candidate { stored, facts, .. } = candidate;
        let mut tape = Tape::new();
        let unreadable = || Ok(Err(Kept::new("unreadable", "its text cannot be read")));
        let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else { return unreadable() };
        let definitions = |id: &str| self.core.definition_in(self.read, id);
        let may_see = |handling: &Handling| {
            handling.is_within(self.bounds.ceiling)
                && handling.admits(&self.receiver(), facts.origin != Origin::Own, self.now).is_ok()
        };
        let whole = whole_label(&stored, facts.granular);
        let rules = self.core.rules();
        let reader = Reader::new(&definitions).with_spifs(&rules.spifs);
        let text = match reader.tear_line(value, whole, &may_see) {
            Redaction::Whole => stored.raw.clone(),
            Redaction::TearLine { text, .. } if facts.handling.may_be_cut(&self.receiver()) => text,
            _ => {
                return Ok(Err(Kept::new(
                    "granular",
                    "its granular markings leave nothing that may be seen",
                )));
            }
        };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return unreadable() };
        self.note_references(value)?;
        let known = self.known.borrow();
        let contributor = if facts.handling.conceals_source(&self.receiver()) {
            Contributor::Anonymous
        } else {
            Contributor::Named
        };
        let plan = Plan {
            profile: None,
            personal: match self.bounds.personal {
                PersonalData::Redact => Personal::Redact,
                // Those who signed nothing get no pseudonyms either.
                _ => Personal::Review,
            },
            released: &|_| false,
            detectors: &rules.detectors,
            addresses: None,
            contributor: &contributor,
            may_know: &|id| known.get(id).copied().unwrap_or(false),
            // Nothing goes under another id: values are taken out, not replaced.
            referred: &|_| None,
        };
        let (text, redacted) = match release(value, &plan) {
            Released::Text { text, redacted, .. } => (text, !redacted.is_empty()),
            Released::Review(_) => {
                return Ok(Err(Kept::new("personal", "personal data was found in it")));
            }
            Released::Withheld(why) => return Ok(Err(Kept::new("minimised", why))),
        };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return unreadable() };
        let text = intel::with_overlay(value, stored.overlay);
        Ok(Ok(Outgoing { text, redacted, facts }))
    }

    /// Finds out which of the objects referred to may be known.
    fn note_references(&self, value: Value<'_>) -> Result<(), StoreError> {
        let mut wanted = Vec::new();
        stix::refs::references(value, &mut |_, _, target| {
            wanted.extend(target.as_str().and_then(|text| text.parse::<StixId>().ok()));
        });
        for id in wanted {
            if !self.known.borrow().contains_key(&id) {
                let may = self.may_know(&id)?;
                self.known.borrow_mut().insert(id, may);
            }
        }
        Ok(())
    }

    fn may_know(&self, id: &StixId) -> Result<bool, StoreError> {
        // A marking without its name would be a wider one.
        if id.type_name() == "marking-definition" {
            return Ok(true);
        }
        let Some(stored) = self.read.object(self.core.scope, id, None)? else { return Ok(false) };
        let Some(candidate) = self.core.offered(self.read, stored.version_id)? else { return Ok(false) };
        // Who is meant goes with whatever refers to it: it needs no type of its own in the list.
        let explains = matches!(id.type_name(), "identity" | "extension-definition");
        let against = if explains { self.handled(&candidate) } else { self.against(&candidate) };
        Ok(against.is_empty() && self.lies_inside(id)?)
    }

    fn lies_inside(&self, id: &StixId) -> Result<bool, StoreError> {
        let Some(collections) = self.bounds.collections else { return Ok(true) };
        let any =
            PageFilter { ids: vec![id.clone()], versions: vec![VersionMatch::Last], ..PageFilter::default() };
        for collection in collections {
            let inside = match self.read.page(self.core.scope, *collection, &any, None, 1, false) {
                Ok(page) => !page.entries.is_empty(),
                // A source that was removed since.
                Err(StoreError::Missing(_)) => false,
                Err(error) => return Err(error),
            };
            if inside {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Something on a page, before it is written down.
struct Given {
    entry: PageEntry,
    id: StixId,
    version: VersionId,
    release: Digest,
    /// What it is, and whether something was taken out, where the client has it for the first time.
    news: Option<(Facts, bool)>,
}

/// What a page comes to.
#[derive(Default)]
struct Sheet {
    given: Vec<Given>,
    /// Given once, and no longer permitted.
    lost: Vec<DisclosureRecord>,
    more: bool,
    reached: Option<Timestamp>,
}

impl Core {
    /// A page of a collection for a client without a node: what valid releases of its token let it have, and nothing that
    /// tells of the rest. What it is given for the first time is written down and booked before this returns.
    ///
    /// # Errors
    /// [`TrustError::Refused`] without a valid release.
    pub fn serve_consumer(
        &self,
        token: TokenId,
        collection: CollectionId,
        filter: &PageFilter,
        after: Option<Timestamp>,
        limit: usize,
    ) -> Result<Served, TrustError> {
        let trust = self.party()?;
        // Nothing is taken back between the decision and the note of it.
        let _turn = trust.turn();
        let registry = self.registry()?;
        let now = self.clock.now();
        // A renewed release is another document for the same client: what was taken back stays so.
        let named: Vec<&Consumer> =
            registry.releases(trust.party).filter(|consumer| consumer.release.token == token).collect();
        let client = |consumer: &&Consumer| {
            named.iter().any(|known| {
                known.release.token == consumer.release.token
                    || known.release.client == consumer.release.client
            })
        };
        let related: BTreeSet<Digest> =
            registry.releases(trust.party).filter(client).map(|consumer| consumer.hash).collect();
        let open: Vec<&Consumer> = named
            .into_iter()
            .filter(|consumer| consumer.release.collections.contains(&collection))
            .filter(|consumer| consumer.state(now) == ReleaseState::Valid)
            .collect();
        if open.is_empty() {
            return Err(TrustError::refused("no valid release names this token and this collection"));
        }
        let read = self.store.read()?;
        let outlets: Vec<_> = open
            .iter()
            .map(|consumer| (consumer.hash, Outlet::new(self, &*read, now, Bounds::of(consumer))))
            .collect();
        let sheet = self.sheet(&outlets, &related, trust, collection, filter, after, limit)?;
        drop(outlets);
        drop(read);
        let news = sheet.given.iter().any(|given| given.news.is_some());
        if news || !sheet.lost.is_empty() {
            self.store.transact(|tx| {
                for given in sheet.given.iter().filter(|given| given.news.is_some()) {
                    self.write_given(tx, trust, given, now)?;
                }
                for consumer in &open {
                    let given = sheet.given.iter().filter(|given| given.release == consumer.hash);
                    let names = trust.names(trust.party, AgreementId(consumer.hash));
                    let left = given.filter_map(|given| {
                        let (facts, redacted) = given.news.as_ref()?;
                        Some((facts, *redacted, names.object(&given.id)))
                    });
                    let about = format!(r#""release":"{}""#, consumer.hash);
                    let (client, purpose) =
                        (self.stranger(&consumer.release.client), word(&consumer.release.purpose));
                    self.book_departures(tx, Way::Release, &client, &purpose, &about, left, now)?;
                }
                for lost in &sheet.lost {
                    let consumer =
                        registry.releases(trust.party).find(|known| known.hash == lost.agreement.0);
                    if let Some(consumer) = consumer {
                        self.take_from(tx, consumer, lost, now)?;
                    }
                }
                Ok(())
            })?;
        }
        let entries = sheet.given.into_iter().map(|given| given.entry).collect();
        Ok(Served { page: Page { entries, more: sheet.more }, reached: sheet.reached })
    }

    #[expect(clippy::too_many_arguments, reason = "one page's worth of wishes, used in one place")]
    fn sheet(
        &self,
        outlets: &[(Digest, Outlet<'_>)],
        related: &BTreeSet<Digest>,
        trust: &Trust,
        collection: CollectionId,
        filter: &PageFilter,
        after: Option<Timestamp>,
        limit: usize,
    ) -> Result<Sheet, StoreError> {
        let Some((_, first)) = outlets.first() else { return Ok(Sheet::default()) };
        let read = first.read;
        let (mut sheet, mut position, mut seen, mut bytes) = (Sheet::default(), after, 0, 0);
        loop {
            let page = read.page(self.scope, collection, filter, position, STEP, false)?;
            for entry in page.entries {
                let added = entry.added;
                seen += 1;
                let full = sheet.given.len() >= limit || bytes > PAGE_BYTES;
                let lost = if full { &mut Vec::new() } else { &mut sheet.lost };
                if let Some(given) = self.consider(outlets, related, trust, entry, lost)? {
                    // That there is one more is said only when there is one that may be had.
                    if full {
                        sheet.more = true;
                        return Ok(sheet);
                    }
                    bytes += given.entry.content.as_ref().map_or(0, |(text, _)| text.len());
                    sheet.given.push(given);
                    sheet.reached = Some(added);
                }
                position = Some(added);
            }
            if !page.more {
                return Ok(sheet);
            }
            if seen >= MOST_SEEN {
                sheet.more = true;
                // Full pages go on where they end: what lies behind is looked at with the next one.
                if sheet.given.len() < limit && bytes <= PAGE_BYTES {
                    sheet.reached = position;
                }
                return Ok(sheet);
            }
        }
    }

    /// A member of a collection, as the client may have it.
    fn consider(
        &self,
        outlets: &[(Digest, Outlet<'_>)],
        related: &BTreeSet<Digest>,
        trust: &Trust,
        entry: PageEntry,
        lost: &mut Vec<DisclosureRecord>,
    ) -> Result<Option<Given>, StoreError> {
        let Some((_, first)) = outlets.first() else { return Ok(None) };
        let read = first.read;
        let Some(stored) = read.object(self.scope, &entry.id, None)? else { return Ok(None) };
        // Of an object there is one version for those who signed nothing: the newest, or none.
        if stored.version != entry.version {
            return Ok(None);
        }
        let mut records = read.disclosures(self.scope.tenant, Some(&entry.id), false, 0, 1000)?;
        records.retain(|record| record.to == trust.party && related.contains(&record.agreement.0));
        let taken = records.iter().any(|record| record.withdrawn.is_some());
        for (hash, outlet) in outlets.iter().filter(|_| !taken) {
            let Some(candidate) = self.offered(read, stored.version_id)? else { continue };
            let Ok(outgoing) = outlet.prepare(candidate)? else { continue };
            let has = |record: &DisclosureRecord| {
                record.agreement.0 == *hash && record.version == Some(stored.version_id)
            };
            let Outgoing { text, redacted, facts } = outgoing;
            return Ok(Some(Given {
                id: entry.id.clone(),
                version: stored.version_id,
                entry: PageEntry { content: Some((text, None)), ..entry },
                release: *hash,
                news: (!records.iter().any(has)).then_some((facts, redacted)),
            }));
        }
        let Some(last) = records.iter().max_by_key(|record| record.at) else { return Ok(None) };
        let since = records.iter().filter_map(|record| record.withdrawn).min().unwrap_or(first.now);
        let given = self.taken_back(read, last, since)?.map(|text| Given {
            id: entry.id.clone(),
            version: stored.version_id,
            entry: PageEntry { version: since, content: Some((text, None)), ..entry },
            release: last.agreement.0,
            news: None,
        });
        lost.extend(records.into_iter().filter(|record| record.withdrawn.is_none()));
        Ok(given)
    }

    /// How a client is told that it is to have something no longer: of what this organisation created, a revoked version
    /// (STIX 2.1 §3.6) with the properties that every object of its type has, taken from the version that it was given.
    /// What others created is theirs to revoke: it is just not there any more.
    fn taken_back(
        &self,
        read: &dyn Read,
        record: &DisclosureRecord,
        since: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let Some(version) = record.version else { return Ok(None) };
        let Some(stored) = read.version(self.scope, version)?.filter(|stored| stored.source.0 == 0) else {
            return Ok(None);
        };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else { return Ok(None) };
        let creator = value.get("created_by_ref").and_then(|creator| creator.as_str());
        let ours = creator.is_none_or(|creator| creator == self.identity.as_str());
        if !ours || value.get("modified").is_none() || stored.version >= since {
            return Ok(None);
        }
        let bare = Profile::from([(stored.id.type_name().to_owned(), BTreeSet::new())]);
        let rules = self.rules();
        let plan = Plan {
            profile: Some(&bare),
            personal: Personal::Redact,
            released: &|_| false,
            detectors: &rules.detectors,
            addresses: None,
            contributor: &Contributor::Named,
            may_know: &|id| id.type_name() == "marking-definition" || *id == self.identity,
            referred: &|_| None,
        };
        let Released::Text { text, .. } = release(value, &plan) else { return Ok(None) };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(None) };
        let mut edits = Edits::new();
        if let Some(modified) = value.get("modified") {
            edits.replace(modified, format!("\"{since}\""));
        }
        match value.get("revoked") {
            Some(revoked) => edits.replace(revoked, "true"),
            None => edits.append(value, "revoked", "true"),
        }
        let text = edits.apply(value);
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(None) };
        Ok(Some(intel::with_overlay(value, stored.overlay)))
    }

    fn write_given(
        &self,
        tx: &mut dyn Tx,
        trust: &Trust,
        given: &Given,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (to, agreement, tenant) = (trust.party, AgreementId(given.release), self.scope.tenant);
        let (object, version) = (Some(given.id.clone()), Some(given.version));
        let decision = DecisionRecord {
            id: DecisionId(0),
            at: now,
            to,
            agreement,
            object: object.clone(),
            version,
            permitted: true,
            clause: CLAUSE.to_owned(),
            reason: String::new(),
            obligations: "{}".to_owned(),
        };
        tx.record_decision(tenant, &decision)?;
        let record = DisclosureRecord {
            to,
            agreement,
            object,
            version,
            subject: trust.names(to, agreement).object(&given.id),
            entry: (0, 0),
            clause: CLAUSE.to_owned(),
            at: now,
            withdrawn: None,
            deadline: None,
            receipt: None,
        };
        tx.set_disclosure(tenant, &record)
    }

    /// Notes that a client is to have something no longer. It is told by its next pull, and confirms nothing: so there is
    /// no deadline.
    pub(super) fn take_from(
        &self,
        tx: &mut dyn Tx,
        consumer: &Consumer,
        record: &DisclosureRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let taken = DisclosureRecord { withdrawn: Some(now), ..record.clone() };
        tx.set_disclosure(self.scope.tenant, &taken)?;
        let figures = self.consumer_figures(&consumer.release.client, ConsumerAct::TakenBack);
        let particulars = format!(r#"{{"release":"{}","subject":"{}"}}"#, consumer.hash, record.subject);
        self.book(tx, now, figures, &particulars).map(drop)
    }

    /// Commits to what left, by category and label.
    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in two places")]
    fn book_departures<'f>(
        &self,
        tx: &mut dyn Tx,
        way: Way,
        recipient: &Word,
        purpose: &Word,
        about: &str,
        left: impl Iterator<Item = (&'f Facts, bool, Digest)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut rows: BTreeMap<(Word, Label), Vec<(bool, Digest)>> = BTreeMap::new();
        for (facts, redacted, name) in left {
            rows.entry((category(facts), facts.handling.tlp())).or_default().push((redacted, name));
        }
        for ((category, label), left) in rows {
            for left in left.chunks(MOST_NAMED) {
                let names: Vec<_> = left.iter().map(|(_, name)| format!("\"{name}\"")).collect();
                let figures = Figures::Departure {
                    way,
                    recipient: recipient.clone(),
                    purpose: purpose.clone(),
                    category: category.clone(),
                    label,
                    count: left.len() as u64,
                    redacted: left.iter().filter(|(redacted, _)| *redacted).count() as u64,
                };
                self.book(tx, now, figures, &format!(r#"{{{about},"subjects":[{}]}}"#, names.join(",")))?;
            }
        }
        Ok(())
    }

    /// Why a client may have an object under a release, or not.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a release or an object there is none of.
    pub fn explain_release(&self, release: Digest, object: &StixId) -> Result<Explained, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let consumer = registry.releases(trust.party).find(|known| known.hash == release);
        let consumer = consumer.ok_or_else(|| TrustError::Missing(format!("release {release}")))?;
        let now = self.clock.now();
        let read = self.store.read()?;
        let stored = read.object(self.scope, object, None)?;
        let stored = stored.ok_or_else(|| TrustError::Missing(format!("`{object}`")))?;
        let candidate = self.candidate(&*read, stored.version_id)?;
        let candidate = candidate.ok_or_else(|| TrustError::Missing(format!("facts about `{object}`")))?;
        let outlet = Outlet::new(self, &*read, now, Bounds::of(consumer));
        let mut reasons = Vec::new();
        if consumer.state(now) != ReleaseState::Valid {
            reasons.push(consumer.standing(now));
        }
        if !outlet.lies_inside(object)? {
            reasons.push("it lies in none of the release's collections".to_owned());
        }
        let given = read.disclosures(self.scope.tenant, Some(object), false, 0, 1000)?;
        let taken = |record: &DisclosureRecord| {
            record.to == trust.party && record.agreement.0 == release && record.withdrawn.is_some()
        };
        if self.is_recalled(&*read, object)? {
            reasons.push("its creator took it back: it goes to nobody any more".to_owned());
        }
        if given.iter().any(taken) {
            reasons.push("it was taken back from this client".to_owned());
        }
        let against = outlet.against(&candidate);
        if against.is_empty() {
            reasons.extend(outlet.prepare(candidate)?.err().map(|kept| kept.text));
        } else {
            reasons.extend(against.into_iter().map(|kept| kept.text));
        }
        let permitted = reasons.is_empty();
        if permitted {
            reasons.push(consumer.standing(now));
        }
        Ok(Explained { permitted, reasons })
    }

    /// What one of our people may take out of the house in a file, of objects just read: the text, or why there is none.
    /// Up to TLP:GREEN; for more than that officers sign a release.
    ///
    /// # Errors
    /// When the store fails.
    pub fn for_export(
        &self,
        read: &dyn Read,
        stored: &Stored,
        purpose: &str,
    ) -> Result<Result<Outgoing, Kept>, StoreError> {
        let ceiling = Handling::from(EXPORT_CEILING);
        let bounds = Bounds {
            ceiling: &ceiling,
            types: &Set::Any,
            personal: PersonalData::Redact,
            purpose,
            collections: None,
        };
        if self.is_recalled(read, &stored.id)? {
            return Ok(Err(Kept::new("recalled", "its creator took it back: it goes to nobody any more")));
        }
        match self.candidate(read, stored.version_id)? {
            Some(candidate) => Outlet::new(self, read, self.clock.now(), bounds).prepare(candidate),
            None => Ok(Err(Kept::new("version", "it is not the newest version"))),
        }
    }

    /// Writes down what is about to leave as an export, before it does.
    ///
    /// # Errors
    /// When the store fails: then nothing may leave.
    pub fn book_export(
        &self,
        tx: &mut dyn Tx,
        recipient: &str,
        purpose: &str,
        left: &[(StixId, Facts, bool)],
    ) -> Result<(), TrustError> {
        let trust = self.party()?;
        let now = self.clock.now();
        let names = trust.names(trust.party, AgreementId(Digest::ZERO));
        let left = left.iter().map(|(id, facts, redacted)| (facts, *redacted, names.object(id)));
        let (recipient, purpose) = (self.stranger(recipient), word(purpose));
        self.book_departures(tx, Way::Export, &recipient, &purpose, r#""way":"export""#, left, now)?;
        Ok(())
    }

    /// A page token that tells its bearer no place: that of something it may not have would tell when that came. It is of
    /// use to the same client alone.
    #[must_use]
    pub fn veiled(&self, token: TokenId, place: &str) -> String {
        self.covered(&format!("page/{}", token.0), place)
    }

    /// Reads [`Core::veiled`]; `None` for what it never made for this client.
    #[must_use]
    pub fn unveiled(&self, token: TokenId, covered: &str) -> Option<String> {
        self.uncovered(&format!("page/{}", token.0), covered)
    }

    /// Whether a change may be news to a client without a node. What its releases do not let it have is none.
    #[must_use]
    pub fn concerns_consumer(&self, token: TokenId, row: &JournalRow) -> bool {
        let (Some(trust), Ok(registry)) = (self.trust(), self.registry()) else { return false };
        let now = self.clock.now();
        let valid = registry
            .releases(trust.party)
            .filter(|consumer| consumer.release.token == token && consumer.state(now) == ReleaseState::Valid);
        let mut valid = valid.map(|consumer| &consumer.release);
        valid.any(|release| {
            row.object.as_ref().is_none_or(|object| {
                release.types.includes(object.id.type_name()) && object.label >= release.ceiling.tlp()
            })
        })
    }

    /// Counts an export that stays in this organisation.
    ///
    /// # Errors
    /// When the store fails.
    pub fn book_access(&self, tx: &mut dyn Tx, role: &str, action: &str) -> Result<(), StoreError> {
        if self.trust().is_none() {
            return Ok(());
        }
        let figures = Figures::Access { post: word(role), action: word(action), count: 1 };
        self.book(tx, self.clock.now(), figures, "{}").map(drop)
    }

    /// Counts that one of our people looked at who may have what: `explain`, `decisions` or `reviews`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn note_access(&self, role: &str, action: &str) -> Result<(), StoreError> {
        if self.trust().is_none() {
            return Ok(());
        }
        self.store.transact(|tx| self.book_access(tx, role, action))
    }
}

/// What stands for a clause where there is none: the release as a whole permits.
const CLAUSE: &str = "release";
