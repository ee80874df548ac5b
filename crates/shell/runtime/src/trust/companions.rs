//! What explains an object goes with it: who is meant, what a marking says, what an extension holds.
//!
//! A companion is content like any other. It goes by the very clause that lets its object go, by everything else that
//! policy asks of an object, and without what may not be seen of it; only types and subjects are not asked of it, since it
//! comes for the sake of what refers to it. At the receiver it is held like what it came with, and can be taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use agreement::{Set, Terms};
use exchange::Content;
use json::{Limits, Tape, Value};
use label::{Facts, Handling, Onward, Reader, Spifs};
use minimise::Released;
use model::{AgreementId, Digest, Label, PartyId, StixId, Timestamp, VersionId};
use policy::{BREAK_GLASS, Caveats, Decision, Obligations, Request};
use ports::trust::{DisclosureRecord, EntryRecord, HoldingRecord, StreamKey};
use ports::{StoreError, Tx};
use stix::redact::Redaction;

use super::Trust;
use super::deliver::{View, findings_text};
use super::naming::Named;
use super::registry::{InForce, Registry};
use super::release::{Candidate, whole_label};
use crate::core::Core;
use crate::ingest::{Fate, Piece, Provenance};

/// Objects that explain others and travel with them.
pub(crate) fn travels_along(type_name: &str) -> bool {
    matches!(type_name, "identity" | "marking-definition" | "extension-definition")
}

/// The facts by which policy decides whether something may go along under a clause: of a type and about what the clause
/// asks for, where it says nothing of that itself. How it may be handled, and whose it is, stays its own.
pub(crate) fn explaining(terms: &Terms, clause: &str, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    if let (Some(name), None) = (&terms.exercise, facts.exercise()) {
        facts.categories.insert(format!("{}{name}", Facts::EXERCISE));
    }
    let glass = terms.break_glass.as_ref().filter(|_| clause == BREAK_GLASS);
    let clause = terms.clause(clause);
    let types = clause.map(|clause| &clause.types).or(glass.map(|glass| &glass.types));
    let profile = clause.and_then(|clause| terms.redactions.get(clause.redaction.as_ref()?));
    let fits = |name: &String| {
        types.is_none_or(|types| types.includes(name))
            && profile.is_none_or(|profile| profile.keep.contains_key(name))
    };
    if !fits(&facts.type_name) {
        let named = match types {
            Some(Set::Only(names)) => names.iter().find(|name| fits(name)),
            _ => profile.and_then(|profile| profile.keep.keys().next()),
        };
        facts.type_name = named.cloned().unwrap_or(facts.type_name);
    }
    if let Some(clause) = clause {
        let silent = facts.categories.iter().all(|word| word.starts_with(Facts::EXERCISE));
        if let (true, Set::Only(words)) = (silent, &clause.categories) {
            facts.categories.extend(words.iter().cloned());
        }
        for (set, words) in [(&clause.sectors, &mut facts.sectors), (&clause.countries, &mut facts.countries)]
        {
            if let (true, Set::Only(known)) = (words.is_empty(), set) {
                words.clone_from(known);
            }
        }
    }
    facts
}

/// Whether a marking definition bears no marking itself: then it is handled like whatever bears it, and is no more
/// anybody's than the words of a label are.
fn is_word_of_labels(id: &StixId, text: &str) -> bool {
    if id.type_name() != "marking-definition" {
        return false;
    }
    let mut tape = Tape::new();
    tape.parse(text.as_bytes(), &Limits::OBJECT).is_ok_and(|value| {
        value.get("object_marking_refs").is_none() && value.get("granular_markings").is_none()
    })
}

impl Trust {
    /// As [`Trust::decide`], by one clause alone, about facts of a candidate: its own, or those of a part of it.
    #[expect(clippy::too_many_arguments, reason = "the context of one question, used in a few places")]
    pub(crate) fn decide_by(
        &self,
        force: &InForce,
        registry: &Registry,
        candidate: &Candidate,
        facts: &Facts,
        clause: &str,
        to: PartyId,
        now: Timestamp,
    ) -> Arc<Decision> {
        let rules = self.rules.get();
        let circumstances = registry.circumstances(self, force, candidate, to, now);
        let plain = Request::delivery(facts, self.party, to, now);
        let request = Request { via: &candidate.via, caveats: &rules.caveats, circumstances, ..plain };
        self.by_clause(force, &request, clause)
    }

    /// As [`Trust::decide_by`], about something that goes along with what the clause lets go. Our own caveats are asked about
    /// it as what it is.
    #[expect(clippy::too_many_arguments, reason = "the context of one question, used in a few places")]
    pub(crate) fn decide_along(
        &self,
        force: &InForce,
        registry: &Registry,
        candidate: &Candidate,
        facts: &Facts,
        clause: &str,
        to: PartyId,
        now: Timestamp,
    ) -> Arc<Decision> {
        let rules = self.rules.get();
        let circumstances = registry.circumstances(self, force, candidate, to, now);
        let plain = Request::delivery(facts, self.party, to, now);
        let plain = Request { via: &candidate.via, caveats: &rules.caveats, circumstances, ..plain };
        let along = explaining(&force.terms, clause, facts);
        let request = Request { facts: &along, caveats: Caveats::none(), ..plain };
        let decision = self.by_clause(force, &request, clause);
        if !decision.permitted {
            return decision;
        }
        let against = policy::caveats_against(&force.policy, &plain);
        let Some(first) = against.first() else { return decision };
        let clause = first.rule.clone();
        Arc::new(Decision {
            permitted: false,
            clause,
            reasons: against,
            obligations: Obligations::NOTHING,
            ..(*decision).clone()
        })
    }

    fn by_clause(&self, force: &InForce, request: &Request<'_>, clause: &str) -> Arc<Decision> {
        let decision = self.ask(force, request);
        if !decision.permitted || decision.clause == clause {
            return decision;
        }
        Arc::new(policy::decide_by(&force.policy, request, clause))
    }

    /// Whether what a party was given along with something may still be there, now that it would not go by itself.
    pub(crate) fn may_still_explain(
        &self,
        force: &InForce,
        registry: &Registry,
        candidate: &Candidate,
        to: PartyId,
        now: Timestamp,
    ) -> bool {
        travels_along(candidate.stored.id.type_name())
            && (is_word_of_labels(&candidate.stored.id, &candidate.stored.raw)
                || force.policy.clauses().any(|clause| {
                    let facts = &candidate.facts;
                    self.decide_along(force, registry, candidate, facts, clause, to, now).permitted
                }))
    }
}

/// A companion that goes.
pub(crate) struct Along {
    pub(crate) subject: Digest,
    pub(crate) id: StixId,
    pub(crate) version: VersionId,
    label: String,
    onward: String,
    text: String,
}

impl Along {
    pub(crate) fn companion(&self) -> exchange::Companion<'_> {
        exchange::Companion {
            subject: self.subject,
            label: self.label.clone(),
            onward: self.onward.clone(),
            object: &self.text,
        }
    }
}

/// What goes with an object.
#[derive(Default)]
pub(crate) struct Companions {
    pub(crate) along: Vec<Along>,
    /// Personal data in them that pass, and that are taken out, by detector.
    pub(crate) passed: Vec<String>,
    pub(crate) redacted: Vec<String>,
    /// Those that a person has to look at first: the object goes without them.
    pub(crate) reviews: Vec<(Box<Candidate>, String)>,
}

impl View<'_> {
    /// What was decided about something that would go along under a clause, if it may.
    pub(crate) fn may_explain(
        &self,
        id: &StixId,
        bearer: &Candidate,
        decision: &Decision,
    ) -> Result<Option<(Candidate, Arc<Decision>)>, StoreError> {
        let scope = self.core.scope;
        let Some(stored) = self.read.object(scope, id, None)? else { return Ok(None) };
        let Some(mut candidate) = self.core.offered(self.read, stored.version_id)? else { return Ok(None) };
        if is_word_of_labels(id, &candidate.stored.raw) {
            candidate.facts.handling = bearer.facts.handling.clone();
            return Ok(Some((candidate, Arc::new(decision.clone()))));
        }
        let facts = &candidate.facts;
        let decided = self.trust.decide_along(
            self.force,
            self.registry,
            &candidate,
            facts,
            &decision.clause,
            self.to,
            self.now,
        );
        Ok(decided.permitted.then_some((candidate, decided)))
    }

    /// What the recipient was given of an object under this agreement.
    pub(crate) fn given(&self, id: &StixId) -> Result<Option<DisclosureRecord>, StoreError> {
        Ok(self.named(id)?.given)
    }

    /// What an object is called in this stream now.
    pub(crate) fn named(&self, id: &StixId) -> Result<Named, StoreError> {
        self.trust.named(self.read, self.core.scope.tenant, self.to, self.agreement, id)
    }

    /// Whether the agreement's text itself names an identity as that of one of its parties.
    pub(crate) fn is_named_in_text(&self, id: &StixId) -> bool {
        self.force.terms.parties.values().any(|party| party.identities.contains(id))
    }

    /// Identities and definitions that a text refers to and the recipient does not have: or why the object cannot go
    /// without one that may not.
    pub(crate) fn companions(
        &self,
        text: &str,
        bearer: &Candidate,
        decision: &Decision,
    ) -> Result<Result<Companions, String>, StoreError> {
        let mut found = Companions::default();
        let mut wanted: Vec<_> = referred_along(text).into_iter().collect();
        // An object that may not be explained is lost; one whose creator is not described is not.
        wanted.sort_by_key(|id| id.type_name() != "marking-definition");
        for id in wanted.into_iter().take(Content::MAX_WITH) {
            let needed = id.type_name() == "marking-definition";
            let without = |why: &str| format!("its marking `{id}` cannot go with it: {why}");
            // Nobody knows what it says, and the label is as narrow as can be already.
            let Some(stored) = self.read.object(self.core.scope, &id, None)? else { continue };
            let Some((candidate, decided)) = self.may_explain(&id, bearer, decision)? else {
                if needed && !self.is_theirs(stored.version_id)? {
                    return Ok(Err(without("the receiver may not have the definition")));
                }
                continue;
            };
            if candidate.from.contains(&self.to) || self.has_as_much(&candidate, &decided)? {
                continue;
            }
            let Some((text, _)) = self.torn_along(&candidate, &decided) else {
                if needed {
                    return Ok(Err(without("nothing of the definition may be seen")));
                }
                continue;
            };
            let mut tape = Tape::new();
            let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { continue };
            match self.minimised(value, &candidate, &decided)? {
                Released::Text { text, passed, redacted, .. } => {
                    let detectors =
                        |found: Vec<minimise::Found>| found.into_iter().map(|one| one.detector.to_owned());
                    found.passed.extend(detectors(passed));
                    found.redacted.extend(detectors(redacted));
                    found.along.push(Along {
                        subject: self.named(&id)?.subject,
                        version: candidate.stored.version_id,
                        label: decided.handling.to_text(),
                        onward: decided.obligations.onward.to_text(),
                        id,
                        text,
                    });
                }
                Released::Review(places) if !needed => {
                    found.reviews.push((Box::new(candidate), findings_text(&places)));
                }
                Released::Review(_) => {
                    return Ok(Err(without("personal data was found in the definition")));
                }
                Released::Withheld(why) if needed => return Ok(Err(without(&why))),
                Released::Withheld(_) => {}
            }
        }
        Ok(Ok(found))
    }

    fn is_theirs(&self, version: VersionId) -> Result<bool, StoreError> {
        let candidate = self.core.offered(self.read, version)?;
        Ok(candidate.is_some_and(|candidate| candidate.from.contains(&self.to)))
    }

    /// Whether the recipient has this version, and may pass it on as far as it may now.
    fn has_as_much(&self, candidate: &Candidate, decided: &Decision) -> Result<bool, StoreError> {
        let id = &candidate.stored.id;
        let given = self.given(id)?.filter(|given| given.version == Some(candidate.stored.version_id));
        // Their time for it may have been up since.
        let given = given.filter(|given| given.receipt.as_ref().is_none_or(|(_, state)| state != "erased"));
        let Some(given) = given else { return Ok(false) };
        if given.clause == decided.clause || decided.obligations.onward == Onward::None {
            return Ok(true);
        }
        let before = self.trust.decide_along(
            self.force,
            self.registry,
            candidate,
            &candidate.facts,
            &given.clause,
            self.to,
            self.now,
        );
        Ok(before.permitted && decided.obligations.onward.is_at_most(&before.obligations.onward))
    }

    /// A companion without the parts that may not be seen.
    fn torn_along(&self, candidate: &Candidate, decided: &Decision) -> Option<(String, Vec<String>)> {
        let stored = &candidate.stored;
        if is_word_of_labels(&stored.id, &stored.raw) {
            return Some((stored.raw.clone(), Vec::new()));
        }
        let mut tape = Tape::new();
        let value = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT).ok()?;
        let may = |facts: &Facts| {
            let (force, registry, clause) = (self.force, self.registry, &decided.clause);
            self.trust.decide_along(force, registry, candidate, facts, clause, self.to, self.now).permitted
        };
        self.torn(candidate, value, &may).ok()
    }

    /// An object without the parts that may not be seen, and where they were: each is decided like an object that is handled
    /// as it is.
    pub(crate) fn torn(
        &self,
        candidate: &Candidate,
        value: Value<'_>,
        may: &dyn Fn(&Facts) -> bool,
    ) -> Result<(String, Vec<String>), &'static str> {
        let definitions = |id: &str| self.core.definition_in(self.read, id);
        let may_see = |handling: &Handling| may(&candidate.facts.part(handling));
        let whole = whole_label(&candidate.stored, candidate.facts.granular);
        let rules = self.core.rules();
        let reader = Reader::new(&definitions).with_spifs(&rules.spifs);
        match reader.tear_line(value, whole, &may_see) {
            // What it was made into before, such as a sum, not what is stored.
            Redaction::Whole => Ok((value.raw().to_owned(), Vec::new())),
            Redaction::TearLine { .. } if !self.may_cut(&reader, value, whole, &may_see) => {
                Err("its ACS marking does not permit `TEARLINE`, so it goes whole or not at all")
            }
            Redaction::TearLine { text, removed } => Ok((text, removed)),
            Redaction::Withheld => Err("its granular markings leave nothing this party may see"),
        }
    }

    /// Whether everything that stands beside an object in a payload may still go along with it, as it stands there.
    pub(crate) fn may_all_explain(
        &self,
        entry: &EntryRecord,
        bearer: &Candidate,
        decision: &Decision,
    ) -> Result<bool, StoreError> {
        let Some(payload) = &entry.payload else { return Ok(true) };
        let Ok(content) = Content::parse(payload) else { return Ok(false) };
        for companion in &content.with {
            let mut tape = Tape::new();
            let value = tape.parse(companion.object.as_bytes(), &Limits::OBJECT).ok();
            let id = value.and_then(|value| value.get("id")?.as_str()?.parse::<StixId>().ok());
            let Some(id) = id else { return Ok(false) };
            let same = self.may_explain(&id, bearer, decision)?.is_some_and(|(candidate, decided)| {
                entry.along.contains(&candidate.stored.version_id)
                    && decided.handling.to_text() == companion.label
                    && decided.obligations.onward.to_text() == companion.onward
            });
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Ids of what a text refers to that travels along, but for definitions whose meaning everyone knows.
fn referred_along(text: &str) -> BTreeSet<StixId> {
    let mut tape = Tape::new();
    let mut wanted = BTreeSet::new();
    let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return wanted };
    let own = value.get("id").and_then(|id| id.as_str()).map(|id| id.into_owned());
    let mut want = |text: &str| {
        let id = text.parse::<StixId>().ok().filter(|id| travels_along(id.type_name()));
        wanted.extend(id.filter(|id| {
            own.as_deref() != Some(id.as_str())
                && intel::marking_meaning(id.as_str(), None, &Spifs::NONE).is_none()
        }));
    };
    stix::refs::references(value, &mut |_, _, target| {
        if let Some(text) = target.as_str() {
            want(&text);
        }
    });
    wanted
}

/// A companion as it came.
pub(crate) struct Came<'p> {
    pub(crate) subject: Digest,
    id: StixId,
    object: &'p str,
    label: Label,
    provenance: Provenance,
}

impl Came<'_> {
    /// What is taken in of it.
    pub(crate) fn piece(&self) -> Piece<'_> {
        Piece {
            narrowing: Some(self.label),
            provenance: Some(&self.provenance),
            ..Piece::stix(self.object.as_bytes())
        }
    }
}

impl Core {
    /// Reads a companion of something that came, and asks our own policy whether it may come along: by facts of its own, or
    /// where it is a word of labels by those of what it came with. `Err` says what came instead.
    #[expect(clippy::too_many_arguments, reason = "the context of one entry, used in one place")]
    pub(crate) fn came_along<'p>(
        &self,
        trust: &Trust,
        registry: &Registry,
        force: &InForce,
        companion: &exchange::Companion<'p>,
        (facts, clause, onward): (&Facts, &str, &Onward),
        from: PartyId,
        definitions: &dyn Fn(&str) -> Option<String>,
        now: Timestamp,
    ) -> Result<Came<'p>, String> {
        let text = companion.object;
        let mut tape = Tape::new();
        let value =
            tape.parse(text.as_bytes(), &Limits::OBJECT).map_err(|error| format!("no JSON: {error}"))?;
        let valid = stix::validate(value, &stix::Checks::default(), &mut Vec::new());
        let valid = valid.ok_or("what is no STIX object")?;
        if !travels_along(valid.type_name()) {
            return Err(format!("an object of type `{}`, which travels only by itself", valid.type_name()));
        }
        let id = valid.id().clone();
        let said = Handling::parse(&companion.label).unwrap_or_else(|_| Handling::own_only());
        let marked = label::facts(&valid, Label::CLEAR, &definitions, &mut Vec::new());
        let handling = marked.handling.meet(&said);
        let word = is_word_of_labels(&id, text);
        let creator = valid.created_by().unwrap_or_else(|| id.clone());
        let origin = (registry.speaker(&creator) == Some(from)).then_some(from);
        let label = if word { facts.handling.tlp() } else { handling.tlp() };
        let asked = if word { facts.clone() } else { Facts { handling, ..marked } };
        let asked = explaining(&force.terms, clause, &asked);
        let decision = trust.decide_inbound(force, registry, &asked, from, policy::Action::Receive, now);
        if !word && !decision.permitted {
            return Err(format!("`{id}`, which clause `{clause}` does not let in"));
        }
        // What a marking means binds by what bears it.
        let handling = if word { Handling::clear() } else { decision.handling.clone() };
        let rule = Onward::parse(&companion.onward).unwrap_or(Onward::None);
        let onward = onward.meet(&rule);
        Ok(Came {
            subject: companion.subject,
            id,
            object: text,
            label,
            provenance: Provenance { origin, onward, handling },
        })
    }

    /// Keeps the holding of something that came along with an object, so that it ends and is taken back like any other.
    pub(crate) fn keep_along(
        &self,
        tx: &mut dyn Tx,
        key: StreamKey,
        entry: (u32, u64),
        came: &Came<'_>,
        fate: Option<&Fate>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let version = match fate {
            None | Some(Fate::Refused(_)) => return Ok(()),
            Some(Fate::Held(_)) => None,
            Some(_) => self.version_of(tx, &came.id, came.object)?,
        };
        let before = tx.holding(tenant, key.peer, key.agreement, came.subject)?;
        let live = before.as_ref().filter(|before| before.ended.is_none());
        // What its giver let us pass on once is not bound again because it came along with something narrower.
        let wider = live.and_then(|before| Onward::parse(&before.onward).ok());
        let onward = wider
            .filter(|wider| came.provenance.onward.is_at_most(wider))
            .unwrap_or_else(|| came.provenance.onward.clone());
        tx.set_holding(
            tenant,
            &HoldingRecord {
                object: Some(came.id.clone()),
                version,
                from: key.peer,
                agreement: key.agreement,
                subject: came.subject,
                entry,
                onward: onward.to_text(),
                received: now,
                ended: None,
                erased: None,
                hold: before.and_then(|before| before.hold),
                kept: false,
            },
        )
    }

    /// The row of an object's text that was stored in this transaction, or before it.
    fn version_of(&self, tx: &mut dyn Tx, id: &StixId, text: &str) -> Result<Option<VersionId>, StoreError> {
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else { return Ok(None) };
        let instant =
            |name: &str| value.get(name).and_then(|v| v.as_str()).and_then(|v| v.parse::<Timestamp>().ok());
        let version = instant("modified").or_else(|| instant("created"));
        let existing = tx.existing(self.scope, id, version)?;
        let same = existing.same.iter().find(|held| held.raw == text);
        Ok(same.or(existing.same.first()).map(|held| held.version_id))
    }

    /// What carries an object along to somebody who may not have it yet is made anew without it, before it is erased.
    pub(crate) fn made_anew_without(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        id: &StixId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for (key, epoch, entry) in tx.unacknowledged_with(self.scope, id)? {
            self.put_aside(tx, registry, key, epoch, &entry, now)?;
        }
        Ok(())
    }

    /// What was booked as given along in an entry that did not go was not given.
    pub(crate) fn not_given_along(
        &self,
        tx: &mut dyn Tx,
        (to, agreement): (PartyId, AgreementId),
        place: (u32, u64),
        payload: Option<&str>,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let Some(Ok(content)) = payload.map(Content::parse) else { return Ok(()) };
        for companion in &content.with {
            let given = tx.disclosure(tenant, to, agreement, companion.subject)?;
            if let Some(given) = given.filter(|given| given.entry == place) {
                tx.set_disclosure(tenant, &DisclosureRecord { version: None, ..given })?;
            }
        }
        Ok(())
    }
}
