//! From the outbox into a stream: the policy is asked again, the text that may leave is made, and the entry, the
//! disclosure and the ledger's commitment are written together. Only what stands in a stream is ever sent.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{Over, PersonalData};
use exchange::origin::{Batch, Statement};
use exchange::{Content, Item, Kind, Position, Relabel, StreamId, append, seal};
use json::{Limits, Tape};
use label::{Facts, Handling, Onward, Reader, Receiver, Spifs};
use minimise::{AddressKey, Contributor, PersonKey, Personal, Plan, Released, release};
use model::{AgreementId, DecisionId, Digest, Label, PartyId, StixId, Timestamp, VersionId};
use policy::{Action, Decision};
use ports::trust::{
    DisclosureRecord, EntryRecord, OutboxRecord, ReviewRecord, SegmentRecord, StreamKey, StreamPosition,
};
use ports::{Read, Scope, StoreError};
use stix::redact::Redaction;

use super::gate::{Gate, Size, passages};
use super::registry::{InForce, Registry};
use super::release::{Candidate, whole_label};
use super::{Trust, TrustError};
use crate::core::Core;

/// Bytes of content one segment signs, at most.
const SEGMENT_BYTES: usize = 4 << 20;

/// An object that travels with another: its name in the stream, its id, its version.
pub(crate) type Companion = (Digest, StixId, VersionId);

/// Something ready to be put into the stream.
pub(crate) struct Ready {
    kind: Kind,
    pub(crate) subject: Digest,
    payload: String,
    label: String,
    decision: Option<DecisionId>,
    disclosed: Option<Disclosed>,
    /// Subjects of meta objects that travel along and were not given before.
    pub(crate) along: Vec<Companion>,
    /// How caps count it; `None` for what they do not count.
    size: Option<Size>,
}

pub(crate) struct Disclosed {
    pub(crate) object: StixId,
    pub(crate) version: VersionId,
    pub(crate) facts: Facts,
    pub(crate) clause: String,
    obligations: String,
    /// Personal data that passed and that was taken out, by detector.
    pub(crate) passed: Vec<String>,
    pub(crate) redacted: Vec<String>,
    /// The origin statement made for it now, to be kept with the version.
    stated: Option<String>,
}

/// Why something queued does not go after all.
enum Outcome {
    Ready(Box<Ready>),
    /// It is gone, or no longer permitted.
    Dropped,
    /// Policy or minimisation said no; the reason is kept.
    Refused(Box<Candidate>, Box<Decision>),
    /// A person has to look.
    Review(Box<Candidate>, String),
    /// There is no room for it now.
    Waits,
}

impl Core {
    /// Moves the next queued entries of one agreement and recipient into their stream. Returns whether there may be
    /// more.
    ///
    /// # Errors
    /// When the store fails; then nothing moved.
    pub fn deliver_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let registry = self.registry()?;
        let mut more = false;
        for (agreement, force) in registry.in_force() {
            for to in registry.recipients(agreement, trust.party) {
                more |= self.deliver_to(trust, &registry, agreement, force, to)?;
            }
        }
        // What is taken back and what is confirmed goes to former members, and after the end, too.
        for (agreement, force, to) in registry.former(trust.party) {
            more |= self.deliver_to(trust, &registry, agreement, force, to)?;
        }
        Ok(more)
    }

    fn deliver_to(
        &self,
        trust: &Trust,
        registry: &Registry,
        agreement: AgreementId,
        force: &InForce,
        to: PartyId,
    ) -> Result<bool, TrustError> {
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let read = self.store.read()?;
        let most = exchange::MAX_SEGMENT;
        let key = StreamKey { peer: to, agreement, outbound: true };
        // While nothing may flow, content waits where it is.
        let queued = if registry.may_receive(agreement, to, trust.party) {
            read.outbox(tenant, to, agreement, now, most)?
        } else {
            read.outbox_statements(tenant, to, agreement, now, most)?
        };
        if queued.is_empty() {
            return Ok(false);
        }
        let mut gate = self.gate(&*read, key, force, now)?;
        let mut shut = gate.shut(now).is_some();
        // Statements go past objects that wait, however many of those there are.
        let queued = if shut { read.outbox_statements(tenant, to, agreement, now, most)? } else { queued };
        if queued.is_empty() {
            return Ok(false);
        }
        let full = queued.len() == most;
        let position = read.streams(tenant)?.into_iter().find(|(known, _)| *known == key);
        let position = position.map_or_else(new_stream, |(_, position)| position);
        let view = View { core: self, trust, registry, agreement, force, to, read: &*read, now };
        let (mut ready, mut done, mut refused, mut reviews) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut left_over = false;
        for entry in &queued {
            if shut && is_content(&entry.kind) {
                continue;
            }
            match view.prepare(entry, &gate)? {
                Outcome::Ready(one) => {
                    if bytes > 0 && bytes + one.payload.len() > SEGMENT_BYTES {
                        left_over = true;
                        break;
                    }
                    bytes += one.payload.len();
                    if let Some(size) = one.size {
                        gate.pass(size, now);
                        shut = gate.shut(now).is_some();
                    }
                    ready.push(*one);
                }
                // What comes after it waits behind it, so that the large are not passed by for ever.
                Outcome::Waits => {
                    shut = true;
                    continue;
                }
                Outcome::Dropped => {}
                Outcome::Refused(candidate, decision) => refused.push((candidate, decision)),
                Outcome::Review(candidate, found) => reviews.push((candidate, found)),
            }
            done.push(entry.id);
        }
        drop(read);
        let secrets = trust.secrets();
        let stream = StreamId { from: trust.party, to, agreement, epoch: position.epoch };
        let after = Position { epoch: position.epoch, seq: position.seq, head: position.head };
        let salts: Vec<_> = ready.iter().map(|_| self.ids.random()).collect();
        let items: Vec<_> = ready
            .iter()
            .zip(&salts)
            .map(|(one, salt)| Item {
                kind: one.kind,
                subject: one.subject,
                payload: &one.payload,
                salt: *salt,
                label: &one.label,
                obligations: one.disclosed.as_ref().map_or("{}", |disclosed| &disclosed.obligations),
                terms: force.version,
                membership: registry.membership(force, agreement, trust.party, to),
                decision: one.decision.unwrap_or(DecisionId(0)),
            })
            .collect();
        let sealed = if items.is_empty() {
            None
        } else {
            let entries = append(stream, &after, &items, now)?;
            let follows = trust.follows(&key, &position);
            let segment = seal(&entries, follows, now, &secrets.epoch)?;
            Some((entries, segment))
        };
        self.store.transact(|tx| {
            for (candidate, decision) in &refused {
                self.record(tx, to, agreement, candidate, decision, now)?;
                self.book_denial(tx, to, agreement, &candidate.facts, decision, now)?;
            }
            for (candidate, found) in &reviews {
                let review = ReviewRecord {
                    id: 0,
                    at: now,
                    to,
                    agreement,
                    object: candidate.stored.id.clone(),
                    version: candidate.stored.version_id,
                    found: found.clone(),
                    decided: None,
                };
                tx.add_review(tenant, &review)?;
            }
            tx.unqueue(tenant, &done)?;
            let Some((entries, segment)) = &sealed else { return Ok(()) };
            let mut records = Vec::with_capacity(entries.len());
            for (entry, one) in entries.iter().zip(&ready) {
                records.push(EntryRecord {
                    seq: entry.envelope.seq,
                    envelope: entry.text.clone(),
                    salt: Some(entry.salt),
                    version: one.disclosed.as_ref().map(|disclosed| disclosed.version),
                    payload: Some(one.payload.clone()),
                });
                let place = (stream.epoch, entry.envelope.seq);
                if let Some(disclosed) = &one.disclosed
                    && let Some(statement) = &disclosed.stated
                {
                    tx.set_origin(tenant, disclosed.version, statement)?;
                }
                if let Some(disclosed) = &one.disclosed {
                    self.book_disclosure(tx, to, agreement, one, disclosed, place, entry.hash, now)?;
                }
            }
            let record =
                SegmentRecord { first: segment.first, count: segment.count, text: segment.to_text() };
            tx.append_entries(tenant, key, stream.epoch, &records, &record)?;
            for passage in passages(ready.iter().filter_map(|one| Some((now, one.size?)))) {
                tx.add_passage(tenant, key, &passage)?;
            }
            let seq = segment.first + u64::from(segment.count) - 1;
            let position = StreamPosition { seq, head: segment.head, ..position };
            tx.set_stream(tenant, key, &position)
        })?;
        trust.wake();
        // When objects wait, the next step looks for statements behind them.
        Ok(left_over || (full && !done.is_empty()))
    }
}

/// Whether an entry carries an object: caps and reciprocity are about those.
fn is_content(kind: &str) -> bool {
    matches!(Kind::parse(kind), Some(Kind::Put | Kind::Supersede | Kind::Sighting))
}

/// A stream nobody has used yet.
pub(crate) fn new_stream() -> StreamPosition {
    StreamPosition { epoch: 1, ..StreamPosition::default() }
}

/// Everything needed to prepare the entries of one stream.
pub(crate) struct View<'v> {
    pub(crate) core: &'v Core,
    pub(crate) trust: &'v Trust,
    pub(crate) registry: &'v Registry,
    pub(crate) agreement: AgreementId,
    pub(crate) force: &'v InForce,
    pub(crate) to: PartyId,
    pub(crate) read: &'v dyn Read,
    pub(crate) now: Timestamp,
}

impl View<'_> {
    fn scope(&self) -> Scope {
        self.core.scope
    }

    fn prepare(&self, entry: &OutboxRecord, gate: &Gate) -> Result<Outcome, StoreError> {
        let Some(kind) = Kind::parse(&entry.kind) else { return Ok(Outcome::Dropped) };
        match (kind, entry.version, &entry.inline) {
            (Kind::Put | Kind::Supersede | Kind::Sighting, Some(version), _) => {
                self.content(entry, kind, version, gate)
            }
            (Kind::Relabel, Some(version), _) => self.relabel(entry, version),
            (_, _, Some(inline)) => Ok(self.statement(entry, kind, inline)),
            _ => Ok(Outcome::Dropped),
        }
    }

    /// What carries no object: withdrawals, receipts, queries, acts.
    fn statement(&self, entry: &OutboxRecord, kind: Kind, inline: &str) -> Outcome {
        let names = self.trust.names(self.to, self.agreement);
        let subject = match kind {
            Kind::Withdraw => match exchange::Withdraw::parse(inline) {
                Ok(withdraw) => withdraw.subject,
                Err(_) => return Outcome::Dropped,
            },
            _ => names.other(inline),
        };
        Outcome::Ready(Box::new(Ready {
            kind,
            subject,
            payload: inline.to_owned(),
            label: String::new(),
            decision: entry.decision,
            disclosed: None,
            along: Vec::new(),
            size: None,
        }))
    }

    fn relabel(&self, entry: &OutboxRecord, version: VersionId) -> Result<Outcome, StoreError> {
        let Some(candidate) = self.core.offered(self.read, version)? else { return Ok(Outcome::Dropped) };
        let subject = self.trust.names(self.to, self.agreement).object(&candidate.stored.id);
        let label = candidate.facts.handling.to_text();
        let payload = Relabel { subject, label: label.clone() }.to_text();
        Ok(Outcome::Ready(Box::new(Ready {
            kind: Kind::Relabel,
            subject,
            payload,
            label,
            decision: entry.decision,
            disclosed: None,
            along: Vec::new(),
            size: None,
        })))
    }

    fn content(
        &self,
        entry: &OutboxRecord,
        kind: Kind,
        version: VersionId,
        gate: &Gate,
    ) -> Result<Outcome, StoreError> {
        // Gone, or a newer version is on its way: that one has an entry of its own.
        let Some(candidate) = self.core.offered(self.read, version)? else { return Ok(Outcome::Dropped) };
        // While it waited it may have been taken back.
        if self.taken_back(&candidate.stored.id)? {
            return Ok(Outcome::Dropped);
        }
        let decision =
            self.trust.decide(self.force, self.registry, &candidate, self.to, Action::Receive, self.now);
        if !decision.permitted {
            return Ok(Outcome::Refused(Box::new(candidate), Box::new((*decision).clone())));
        }
        let refuse = |candidate: Candidate, about: &'static str, reason: &str| {
            Outcome::Refused(Box::new(candidate), Box::new(refusal(&decision, about, reason)))
        };
        if decision.obligations.aggregate {
            return Ok(refuse(candidate, "aggregate", "the clause lets only sums of it go"));
        }
        let mut tape = Tape::new();
        let stored = &candidate.stored;
        let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else {
            return Ok(Outcome::Dropped);
        };
        // The creator's own bytes: the effective label goes in the envelope, and the receiver narrows by it.
        let labelled = stored.raw.clone();
        let emergency =
            self.force.terms.break_glass.as_ref().filter(|_| decision.clause == policy::BREAK_GLASS);
        let ceiling = emergency.map(|glass| &glass.ceiling);
        let clause = self.force.terms.clause(&decision.clause).map(|clause| &clause.ceiling);
        let Some(ceiling) = ceiling.or(clause) else {
            return Ok(refuse(candidate, "clause", "the clause is not in the text"));
        };
        let definitions = |id: &str| self.core.definition_in(self.read, id);
        let may_see = |handling: &Handling| handling.is_within(ceiling);
        let whole = whole_label(stored, candidate.facts.granular);
        let rules = self.core.rules();
        let reader = Reader::new(&definitions).with_spifs(&rules.spifs);
        let (text, mut removed) = match reader.tear_line(value, whole, &may_see) {
            Redaction::Whole => (labelled.clone(), Vec::new()),
            Redaction::TearLine { .. } if !self.may_cut(&reader, value, whole, &may_see) => {
                let reason = "its ACS marking does not permit `TEARLINE`, so it goes whole or not at all";
                return Ok(refuse(candidate, "granular", reason));
            }
            Redaction::TearLine { text, removed } => (text, removed),
            Redaction::Withheld => {
                let reason = "its granular markings leave nothing this party may see";
                return Ok(refuse(candidate, "granular", reason));
            }
        };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(Outcome::Dropped) };
        let released = self.minimised(value, &candidate, &decision)?;
        let (text, passed, redacted, renamed) = match released {
            Released::Text { text, passed, redacted, renamed, removed: more } => {
                removed.extend(more);
                (text, passed, redacted, renamed)
            }
            Released::Review(found) => {
                let found: Vec<_> = found
                    .iter()
                    .map(|found| {
                        let mut pointer = String::new();
                        json::write_string(&found.pointer, &mut pointer);
                        format!(r#"{{"detector":"{}","pointer":{pointer}}}"#, found.detector)
                    })
                    .collect();
                return Ok(Outcome::Review(Box::new(candidate), format!("[{}]", found.join(","))));
            }
            Released::Withheld(reason) => return Ok(refuse(candidate, "minimised", &reason)),
        };
        let names = self.trust.names(self.to, self.agreement);
        let (with, along) = self.companions(&text, &names, &candidate, &decision)?;
        let size = Size::of(&text, &with);
        match gate.over(size, self.now) {
            Some(Over { until: Some(_), .. }) => return Ok(Outcome::Waits),
            Some(over) => {
                let reason = format!("it has {} bytes, and {over}", size.object);
                return Ok(refuse(candidate, "caps", &reason));
            }
            None => {}
        }
        let kept = self.read.origin(self.scope().tenant, version)?;
        // A creator's statement is about what the creator said: with stand-ins in it nobody could check it.
        let (origin, stated) =
            if renamed { (None, None) } else { self.statement_for(&candidate, &decision, kept, &removed) };
        let changed = !removed.is_empty() || text != labelled;
        let content = Content {
            object: &text,
            origin: origin.as_deref(),
            removed: if changed { removed } else { Vec::new() },
            with: with.iter().map(String::as_str).collect(),
        };
        let detectors =
            |found: Vec<minimise::Found>| found.iter().map(|found| found.detector.to_owned()).collect();
        Ok(Outcome::Ready(Box::new(Ready {
            kind,
            subject: names.object(&candidate.stored.id),
            payload: content.to_text(),
            label: candidate.facts.handling.to_text(),
            decision: entry.decision,
            disclosed: Some(Disclosed {
                object: candidate.stored.id.clone(),
                version,
                facts: candidate.facts,
                clause: decision.clause.clone(),
                obligations: decision.obligations.to_text(),
                passed: detectors(passed),
                redacted: detectors(redacted),
                stated,
            }),
            along,
            size: Some(size),
        })))
    }

    /// Whether what the recipient may not see may be cut out for it: ACS has a right of its own for that.
    fn may_cut(
        &self,
        reader: &Reader<'_>,
        object: json::Value<'_>,
        whole: Label,
        may_see: &dyn Fn(&Handling) -> bool,
    ) -> bool {
        let nothing = BTreeSet::new();
        let nation = self.force.policy.nation_of(self.to);
        let receiver = Receiver { nation, organisations: &nothing, accesses: &nothing, purpose: None };
        let mut ignored = Vec::new();
        reader.whole(object, whole, &mut ignored).may_be_cut(&receiver)
            && reader
                .parts(object, whole, &mut ignored)
                .iter()
                .all(|part| may_see(&part.handling) || part.handling.may_be_cut(&receiver))
    }

    /// Whether the party was given an object under this agreement, and it was taken back.
    fn taken_back(&self, id: &StixId) -> Result<bool, StoreError> {
        let given = self.read.disclosures(self.scope().tenant, Some(id), false, 0, 1024)?;
        Ok(given.iter().any(|given| {
            given.to == self.to && given.agreement == self.agreement && given.withdrawn.is_some()
        }))
    }

    /// The origin statement that goes with a copy, and the one to be kept when it was made just now. Only what may be
    /// passed on needs one: who gets it from its creator's own stream has the stream's signature.
    fn statement_for(
        &self,
        candidate: &Candidate,
        decision: &Decision,
        kept: Option<String>,
        removed: &[String],
    ) -> (Option<String>, Option<String>) {
        let stored = &candidate.stored;
        let ours = candidate.facts.origin == label::Origin::Own;
        let fresh = kept.is_none() && ours && decision.obligations.onward != Onward::None;
        let stated = fresh.then(|| {
            let mut batch = Batch::new();
            let (label, onward) = (candidate.facts.handling.to_text(), decision.obligations.onward.to_text());
            batch.add(&stored.raw, &label, &onward, self.core.ids.random()).ok()?;
            let signed = batch.sign(self.trust.party, self.now, &self.trust.secrets().epoch);
            Some(signed.first()?.to_text())
        });
        let stated = stated.flatten();
        let whole = stated.clone().or(kept);
        let cut = |text: String| {
            if removed.is_empty() {
                return Some(text);
            }
            let statement = Statement::parse(&text).ok()?;
            statement.redact(&stored.raw, removed).ok().map(|statement| statement.to_text())
        };
        (whole.and_then(cut), stated)
    }

    /// What is left of the object after what the agreement asks for.
    fn minimised(
        &self,
        value: json::Value<'_>,
        candidate: &Candidate,
        decision: &Decision,
    ) -> Result<Released, StoreError> {
        let obligations = &decision.obligations;
        let profile = obligations.redaction.as_ref().and_then(|name| self.force.terms.redactions.get(name));
        let secrets = self.trust.secrets();
        let key = obligations
            .pseudonymise_addresses
            .then(|| AddressKey::derive(&secrets.pseudonyms, &self.agreement.0.0));
        let persons = PersonKey::derive(&secrets.pseudonyms, &self.agreement.0.0);
        let contributor = match profile.map(|profile| profile.contributor) {
            Some(agreement::Contributor::Anonymous) => Contributor::Anonymous,
            Some(agreement::Contributor::Pseudonym) => {
                Contributor::Pseudonym(self.trust.stand_in(self.agreement))
            }
            _ => Contributor::Named,
        };
        let reviewed = self.core.reviewed(self.read, self.to, self.agreement, candidate.stored.version_id)?;
        let personal = match obligations.personal {
            _ if reviewed => Personal::Allow,
            PersonalData::Refuse => Personal::Review,
            PersonalData::Redact => Personal::Redact,
            PersonalData::Pseudonymise => Personal::Pseudonymise(&persons),
            PersonalData::Allow => Personal::Allow,
        };
        let mut known = BTreeMap::new();
        let mut unknown = Vec::new();
        stix::refs::references(value, &mut |_, _, target| {
            if let Some(id) = target.as_str().and_then(|text| text.parse::<StixId>().ok()) {
                unknown.push(id);
            }
        });
        for id in unknown {
            if let std::collections::btree_map::Entry::Vacant(slot) = known.entry(id) {
                let may = self.may_know(slot.key())?;
                slot.insert(may);
            }
        }
        let rules = self.core.rules();
        let plan = Plan {
            profile: profile.map(|profile| &profile.keep),
            personal,
            detectors: &rules.detectors,
            addresses: key.as_ref(),
            contributor: &contributor,
            may_know: &|id| known.get(id).copied().unwrap_or(false),
            referred: &|id| {
                let stored = self.read.object(self.scope(), id, None).ok().flatten();
                stored.map(|stored| stored.raw)
            },
        };
        Ok(release(value, &plan))
    }

    /// Whether the recipient may still know of everything that a payload refers to.
    pub(crate) fn may_know_all(&self, payload: &str) -> Result<bool, StoreError> {
        let mut tape = Tape::new();
        let Ok(content) = tape.parse(payload.as_bytes(), &Limits::OBJECT) else { return Ok(false) };
        let Some(object) = content.get("object") else { return Ok(false) };
        let mut named = BTreeSet::new();
        stix::refs::references(object, &mut |_, _, target| {
            named.extend(target.as_str().and_then(|text| text.parse::<StixId>().ok()));
        });
        for id in named.into_iter().filter(|id| !travels_along(id.type_name())) {
            // A stand-in for a contributor, or under another id, is nobody's to know of.
            if self.read.object(self.scope(), &id, None)?.is_some() && !self.may_know(&id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the recipient may know of an object: it was given, or may be given, under this agreement. Unknown is no.
    fn may_know(&self, id: &StixId) -> Result<bool, StoreError> {
        if intel::marking_meaning(id.as_str(), None, &Spifs::NONE).is_some() {
            return Ok(true);
        }
        let Some(stored) = self.read.object(self.scope(), id, None)? else { return Ok(false) };
        let Some(mut candidate) = self.core.offered(self.read, stored.version_id)? else {
            return Ok(false);
        };
        if candidate.from.contains(&self.to) {
            return Ok(true);
        }
        // Who is meant, and what a marking says, goes with whatever refers to it: it needs no clause for its type.
        if travels_along(id.type_name()) {
            return Ok(self.may_travel(&mut candidate));
        }
        Ok(self
            .trust
            .decide(self.force, self.registry, &candidate, self.to, Action::Receive, self.now)
            .permitted)
    }

    fn may_travel(&self, candidate: &mut Candidate) -> bool {
        self.force.terms.clauses.iter().any(|clause| {
            clause.from.includes(&self.trust.party)
                && clause.to.includes(&self.to)
                && candidate.facts.handling.is_within(&clause.ceiling)
        })
    }

    /// Texts of identities and definitions that the object refers to, and the names of those not given before.
    fn companions(
        &self,
        text: &str,
        names: &exchange::NamingKey,
        candidate: &Candidate,
        decision: &Decision,
    ) -> Result<(Vec<String>, Vec<Companion>), StoreError> {
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(Default::default()) };
        let mut wanted = BTreeSet::new();
        let own = value.get("id").and_then(|id| id.as_str()).map(|id| id.into_owned());
        stix::refs::references(value, &mut |_, _, target| {
            let id = target.as_str().and_then(|text| text.parse::<StixId>().ok());
            wanted
                .extend(id.filter(|id| travels_along(id.type_name()) && own.as_deref() != Some(id.as_str())));
        });
        let (mut with, mut along) = (Vec::new(), Vec::new());
        for id in wanted.into_iter().take(Content::MAX_WITH) {
            // Everyone has the definitions whose meaning is fixed.
            if intel::marking_meaning(id.as_str(), None, &Spifs::NONE).is_some() {
                continue;
            }
            let subject = names.object(&id);
            let Some(stored) = self.read.object(self.scope(), &id, None)? else { continue };
            let given = self.read.disclosures(self.scope().tenant, Some(&id), false, 0, 256)?;
            let has = |record: &DisclosureRecord| {
                record.to == self.to
                    && record.agreement == self.agreement
                    && record.version == Some(stored.version_id)
            };
            if given.iter().any(has) {
                continue;
            }
            let mut tape = Tape::new();
            let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else { continue };
            // An identity may hold personal data like anything else: without what may not go, or not at all.
            let labelled = intel::with_overlay(value, stored.overlay);
            let mut tape = Tape::new();
            let Ok(value) = tape.parse(labelled.as_bytes(), &Limits::OBJECT) else { continue };
            if let Released::Text { text, .. } = self.minimised(value, candidate, decision)? {
                with.push(text);
                along.push((subject, id, stored.version_id));
            }
        }
        Ok((with, along))
    }
}

/// Objects that explain others and travel with them.
pub(crate) fn travels_along(type_name: &str) -> bool {
    matches!(type_name, "identity" | "marking-definition" | "extension-definition")
}

/// A refusal for a reason that only making the text brought up.
fn refusal(decision: &Decision, about: &'static str, reason: &str) -> Decision {
    let reason =
        policy::Reason { rule: decision.clause.clone(), about, text: reason.to_owned(), consent: None };
    Decision { permitted: false, reasons: vec![reason], ..decision.clone() }
}
