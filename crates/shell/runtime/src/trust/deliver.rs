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
use ports::trust::{EntryRecord, OutboxRecord, ReviewRecord, SegmentRecord, StreamKey, StreamPosition};
use ports::{Read, Scope, StoreError};

use super::companions::{Along, travels_along};
use super::gate::{Gate, Size, passages};
use super::registry::{InForce, Registry};
use super::release::{Candidate, is_meta};
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
    /// What travels along and was not given before.
    pub(crate) along: Vec<Companion>,
    /// What would have, once a person has looked at it.
    reviews: Vec<(Box<Candidate>, String)>,
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

/// What comes of something queued.
pub(crate) enum Outcome {
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
        if !self.may_append(trust, registry, key, position.is_some()) {
            return Ok(false);
        }
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
                    let mut one = *one;
                    reviews.append(&mut one.reviews);
                    ready.push(one);
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
                    along: one.along.iter().map(|(_, _, version)| *version).collect(),
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

    pub(crate) fn prepare(&self, entry: &OutboxRecord, gate: &Gate) -> Result<Outcome, StoreError> {
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
            reviews: Vec::new(),
            size: None,
        }))
    }

    fn relabel(&self, entry: &OutboxRecord, version: VersionId) -> Result<Outcome, StoreError> {
        let Some(candidate) = self.core.offered(self.read, version)? else { return Ok(Outcome::Dropped) };
        let named = self.named(&candidate.stored.id)?;
        // What was taken back while this waited has no label any more.
        let (subject, Some(_)) = (named.subject, named.given) else { return Ok(Outcome::Dropped) };
        let decision =
            self.trust.decide(self.force, self.registry, &candidate, self.to, Action::Receive, self.now);
        let label = decision.handling.to_text();
        let payload = Relabel { subject, label: label.clone() }.to_text();
        Ok(Outcome::Ready(Box::new(Ready {
            kind: Kind::Relabel,
            subject,
            payload,
            label,
            decision: entry.decision,
            disclosed: None,
            along: Vec::new(),
            reviews: Vec::new(),
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
        // While it waited, what it replaces may have been taken back: what is given anew has an entry of its own.
        let named = self.named(&candidate.stored.id)?;
        let over = named.given.as_ref().is_some_and(|given| given.withdrawn.is_some());
        if over || (kind == Kind::Supersede && named.is_taken_back()) {
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
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(candidate.stored.raw.as_bytes(), &Limits::OBJECT) else {
            return Ok(Outcome::Dropped);
        };
        let summed = decision.obligations.aggregate.then(|| minimise::sums(value));
        let (text, mut removed) = match summed {
            // Sums of what others saw are theirs to make.
            Some(Some(sums)) if candidate.via.is_empty() => sums,
            Some(_) => return Ok(refuse(candidate, "aggregate", "the clause lets only sums of it go")),
            None => (candidate.stored.raw.clone(), Vec::new()),
        };
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(Outcome::Dropped) };
        let clause = &decision.clause;
        let may = |facts: &Facts| {
            let (force, registry) = (self.force, self.registry);
            self.trust.decide_by(force, registry, &candidate, facts, clause, self.to, self.now).permitted
        };
        // The creator's own bytes: the effective label goes in the envelope, and the receiver narrows by it.
        let (text, torn) = match self.torn(&candidate, value, &may) {
            Ok(torn) => torn,
            Err(reason) => return Ok(refuse(candidate, "granular", reason)),
        };
        removed.extend(torn);
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(Outcome::Dropped) };
        let released = self.minimised(value, &candidate, &decision)?;
        let (text, passed, redacted, renamed) = match released {
            Released::Text { text, passed, redacted, renamed, removed: more } => {
                removed.extend(more);
                (text, passed, redacted, renamed)
            }
            Released::Review(found) => {
                return Ok(Outcome::Review(Box::new(candidate), findings_text(&found)));
            }
            Released::Withheld(reason) => return Ok(refuse(candidate, "minimised", &reason)),
        };
        let companions = match self.companions(&text, &candidate, &decision)? {
            Ok(companions) => companions,
            Err(reason) => return Ok(refuse(candidate, "marking", &reason)),
        };
        let with: Vec<_> = companions.along.iter().map(Along::companion).collect();
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
        // A creator's statement is about what the creator said: with stand-ins in it nobody could check it, and it names who
        // is not to be named.
        let nameless = self.contributor(value, &candidate, &decision) == Contributor::Anonymous;
        let (origin, stated) = if renamed || nameless {
            (None, None)
        } else {
            self.statement_for(&candidate, &decision, kept, &removed)
        };
        let changed = !removed.is_empty() || text != candidate.stored.raw;
        let content = Content {
            object: &text,
            origin: origin.as_deref(),
            removed: if changed { removed } else { Vec::new() },
            with,
        };
        let payload = content.to_text();
        let detectors = |found: Vec<minimise::Found>, more: Vec<String>| {
            found.iter().map(|found| found.detector.to_owned()).chain(more).collect()
        };
        Ok(Outcome::Ready(Box::new(Ready {
            kind,
            subject: named.subject,
            payload,
            label: decision.handling.to_text(),
            decision: entry.decision,
            disclosed: Some(Disclosed {
                object: candidate.stored.id.clone(),
                version,
                facts: candidate.facts,
                clause: decision.clause.clone(),
                obligations: decision.obligations.to_text(),
                passed: detectors(passed, companions.passed),
                redacted: detectors(redacted, companions.redacted),
                stated,
            }),
            along: companions.along.into_iter().map(|one| (one.subject, one.id, one.version)).collect(),
            reviews: companions.reviews,
            size: Some(size),
        })))
    }

    /// Whether what the recipient may not see may be cut out for it: ACS has a right of its own for that.
    pub(crate) fn may_cut(
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
        let (label, onward) = (candidate.facts.handling.to_text(), decision.obligations.onward.to_text());
        // What we said of our own under other terms, or before it was relabelled, is not what holds here.
        let same = |text: &String| {
            Statement::parse(text).is_ok_and(|kept| kept.label() == label && kept.onward() == onward)
        };
        let kept = kept.filter(|text| !ours || same(text));
        let fresh = kept.is_none() && ours && decision.obligations.onward != Onward::None;
        let stated = fresh.then(|| {
            let mut batch = Batch::new();
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

    /// The agreement's redaction profile an object goes through: what only explains others goes through none.
    fn profile(&self, candidate: &Candidate, decision: &Decision) -> Option<&agreement::Redaction> {
        let name = decision.obligations.redaction.as_ref()?;
        let explains = is_meta(candidate.stored.id.type_name());
        self.force.terms.redactions.get(name).filter(|_| !explains)
    }

    /// Who the recipient learns an object is from. A label that conceals who provided it does so for whoever was given it
    /// and passes it on: that it is our own, the stream says.
    fn contributor(&self, value: json::Value<'_>, candidate: &Candidate, decision: &Decision) -> Contributor {
        let creator =
            value.get("created_by_ref").and_then(|creator| creator.as_str()?.parse::<StixId>().ok());
        let ours = |creator: &StixId| {
            *creator == self.core.identity || self.registry.speaker(creator) == Some(self.trust.party)
        };
        let nothing = BTreeSet::new();
        let nation = self.force.policy.nation_of(self.to);
        let receiver = Receiver { nation, organisations: &nothing, accesses: &nothing, purpose: None };
        if creator.is_none_or(|creator| !ours(&creator))
            && candidate.facts.handling.conceals_source(&receiver)
        {
            return Contributor::Anonymous;
        }
        match self.profile(candidate, decision).map(|profile| profile.contributor) {
            Some(agreement::Contributor::Anonymous) => Contributor::Anonymous,
            Some(agreement::Contributor::Pseudonym) => {
                Contributor::Pseudonym(self.trust.stand_in(self.agreement))
            }
            _ => Contributor::Named,
        }
    }

    /// What is left of the object after what the agreement asks for.
    pub(crate) fn minimised(
        &self,
        value: json::Value<'_>,
        candidate: &Candidate,
        decision: &Decision,
    ) -> Result<Released, StoreError> {
        let obligations = &decision.obligations;
        let secrets = self.trust.secrets();
        let key = obligations
            .pseudonymise_addresses
            .then(|| AddressKey::derive(&secrets.pseudonyms, &self.agreement.0.0));
        let persons = PersonKey::derive(&secrets.pseudonyms, &self.agreement.0.0);
        let contributor = self.contributor(value, candidate, decision);
        let version = candidate.stored.version_id;
        let shown = self.core.released_findings(self.read, self.to, self.agreement, version)?;
        let personal = match obligations.personal {
            PersonalData::Refuse => Personal::Review,
            PersonalData::Redact => Personal::Redact,
            PersonalData::Pseudonymise => Personal::Pseudonymise(&persons),
            PersonalData::Allow => Personal::Allow,
        };
        let mut known = BTreeMap::new();
        let mut unknown = Vec::new();
        stix::refs::references(value, &mut |_, property, target| {
            if let Some(id) = target.as_str().and_then(|text| text.parse::<StixId>().ok()) {
                // Who is not to be named is named nowhere.
                if property == "created_by_ref" && contributor == Contributor::Anonymous {
                    known.insert(id, false);
                } else {
                    unknown.push(id);
                }
            }
        });
        for id in unknown {
            if let std::collections::btree_map::Entry::Vacant(slot) = known.entry(id) {
                let may = self.may_know(slot.key(), candidate, decision)?;
                slot.insert(may);
            }
        }
        let rules = self.core.rules();
        let plan = Plan {
            profile: self.profile(candidate, decision).map(|profile| &profile.keep),
            personal,
            released: &|found| shown.contains(&(found.detector.to_owned(), found.pointer.clone())),
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

    /// Whether the recipient may still know of everything that a payload refers to, and have what stands beside it.
    pub(crate) fn may_know_all(
        &self,
        entry: &EntryRecord,
        bearer: &Candidate,
        decision: &Decision,
    ) -> Result<bool, StoreError> {
        let mut tape = Tape::new();
        let payload = entry.payload.as_deref().unwrap_or_default();
        let Ok(content) = tape.parse(payload.as_bytes(), &Limits::OBJECT) else { return Ok(false) };
        let Some(object) = content.get("object") else { return Ok(false) };
        let mut named = BTreeSet::new();
        stix::refs::references(object, &mut |_, _, target| {
            named.extend(target.as_str().and_then(|text| text.parse::<StixId>().ok()));
        });
        for id in named.into_iter().filter(|id| id.type_name() != "marking-definition") {
            // A stand-in for a contributor, or under another id, is nobody's to know of.
            let held = self.read.object(self.scope(), &id, None)?.is_some();
            if held && id != bearer.stored.id && !self.may_know(&id, bearer, decision)? {
                return Ok(false);
            }
        }
        self.may_all_explain(entry, bearer, decision)
    }

    /// Whether the recipient may know of an object that another refers to: it was given, or may be given, under this
    /// agreement. Unknown is no.
    fn may_know(&self, id: &StixId, bearer: &Candidate, decision: &Decision) -> Result<bool, StoreError> {
        // The text that all signed names them.
        if intel::marking_meaning(id.as_str(), None, &Spifs::NONE).is_some() || self.is_named_in_text(id) {
            return Ok(true);
        }
        let Some(stored) = self.read.object(self.scope(), id, None)? else { return Ok(false) };
        let Some(candidate) = self.core.offered(self.read, stored.version_id)? else {
            return Ok(false);
        };
        if candidate.from.contains(&self.to) {
            return Ok(true);
        }
        // Who is meant, and what a marking says, goes with whatever refers to it: it needs no clause for its type.
        if travels_along(id.type_name()) {
            return Ok(self.may_explain(id, bearer, decision)?.is_some());
        }
        Ok(self
            .trust
            .decide(self.force, self.registry, &candidate, self.to, Action::Receive, self.now)
            .permitted)
    }
}

/// What was found, for a person to look at: a canonical JSON list of `{detector, pointer}`, never the value.
pub(crate) fn findings_text(found: &[minimise::Found]) -> String {
    let found = found.iter().map(|found| {
        let mut pointer = String::new();
        json::write_string(&found.pointer, &mut pointer);
        format!(r#"{{"detector":"{}","pointer":{pointer}}}"#, found.detector)
    });
    format!("[{}]", found.collect::<Vec<_>>().join(","))
}

/// A refusal for a reason that only making the text brought up.
fn refusal(decision: &Decision, about: &'static str, reason: &str) -> Decision {
    let reason =
        policy::Reason { rule: decision.clause.clone(), about, text: reason.to_owned(), consent: None };
    Decision { permitted: false, reasons: vec![reason], ..decision.clone() }
}
