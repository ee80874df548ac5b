//! One batch of objects through the kernel into the store.

use std::borrow::Cow;
use std::collections::BTreeMap;

use intel::{Accepted, Decision, Facts, Identity, Input, Rules, Vouched};
use json::{Limits, Tape};
use label::{Handling, Onward, Origin};
use lists::Category;
use model::{Finding, HeldId, Label, PartyId, Severity, SourceId, StixId, Timestamp, VersionId};
use observable::Observable;
use ports::{Edge, Existing, NewVersion, SourceRecord, StoreError, Tx, Wrapping, WrappingTerms};
use stix::{Checks, PatternProblem, Valid};

use crate::core::Core;
use crate::trust::Registry;

/// One object on its way in.
#[derive(Debug, Clone)]
pub struct Piece<'a> {
    /// Its text.
    pub raw: &'a [u8],
    /// What the wrapping said beyond the bytes; only ever narrows.
    pub narrowing: Option<Label>,
    /// How it says which version it is.
    pub identity: Identity,
    /// Whether it was made here from another format: then its id is derived from the original, on purpose.
    pub converted: bool,
    /// Whether a person released exactly this value.
    pub released: bool,
    /// Under which terms it came, when it came under an agreement.
    pub provenance: Option<&'a Provenance>,
}

/// How an object came under an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The party whose word stands behind it: it delivered the object itself, or signed the statement beside it.
    pub origin: Option<PartyId>,
    /// How it may be passed on.
    pub onward: Onward,
    /// How it may be handled, as whoever gave it said beyond its bytes and as the agreement has it.
    pub handling: Handling,
}

impl Provenance {
    /// As it is kept with a value that waits for a person.
    fn to_terms(&self) -> WrappingTerms {
        let (onward, handling) = (self.onward.to_text(), self.handling.to_text());
        WrappingTerms { origin: self.origin, onward, handling }
    }

    /// What was kept. Terms that nobody can read permit nothing.
    pub(crate) fn of_terms(terms: &WrappingTerms) -> Self {
        Self {
            origin: terms.origin,
            onward: Onward::parse(&terms.onward).unwrap_or(Onward::None),
            handling: Handling::parse(&terms.handling).unwrap_or_else(|_| Handling::own_only()),
        }
    }

    /// The terms of one value that came twice.
    fn meet(&self, other: &Self) -> Self {
        Self {
            origin: self.origin.filter(|origin| other.origin == Some(*origin)),
            onward: self.onward.meet(&other.onward),
            handling: self.handling.meet(&other.handling),
        }
    }
}

/// What came with a value beyond its bytes, this time and the time before.
fn wrapping(piece: &Piece<'_>, before: Option<&Wrapping>) -> Wrapping {
    let narrowing = match (piece.narrowing, before.and_then(|before| before.narrowing)) {
        (Some(now), Some(before)) => Some(now.meet(before)),
        (one, other) => one.or(other),
    };
    let earlier = before.and_then(|before| before.terms.as_ref()).map(Provenance::of_terms);
    let terms = match (piece.provenance, earlier) {
        (Some(now), Some(before)) => Some(now.meet(&before)),
        (now, before) => now.cloned().or(before),
    };
    Wrapping { narrowing, terms: terms.as_ref().map(Provenance::to_terms) }
}

impl<'a> Piece<'a> {
    /// A STIX object as received.
    #[must_use]
    pub const fn stix(raw: &'a [u8]) -> Self {
        Self {
            raw,
            narrowing: None,
            identity: Identity::Version,
            converted: false,
            released: false,
            provenance: None,
        }
    }
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Stored, and now the newest version.
    Accepted,
    /// Held already, with the same meaning.
    Unchanged,
    /// Stored in the history: a newer version is held.
    Superseded,
    /// Set aside for a person.
    Held(HeldId),
    /// Not taken.
    Refused(Vec<Finding>),
}

/// What [`Core::ingest`] says about each object, in order.
#[derive(Debug)]
pub struct IngestReport<'a> {
    /// Place in the batch.
    pub index: usize,
    /// Its id, once that could be read.
    pub id: Option<&'a StixId>,
    /// The text as given.
    pub raw: &'a [u8],
    /// What became of it.
    pub fate: &'a Fate,
    /// Everything noticed, notes included.
    pub findings: &'a [Finding],
}

/// How many objects met which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// New to this node, or a newer version of what it held.
    pub accepted: u64,
    /// Held already.
    pub unchanged: u64,
    /// Older than what is held; kept as history.
    pub superseded: u64,
    /// Set aside for a person.
    pub held: u64,
    /// Not taken.
    pub refused: u64,
}

impl Summary {
    /// All objects counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.accepted + self.unchanged + self.superseded + self.held + self.refused
    }

    pub(crate) const fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Accepted => self.accepted += 1,
            Fate::Unchanged => self.unchanged += 1,
            Fate::Superseded => self.superseded += 1,
            Fate::Held(_) => self.held += 1,
            Fate::Refused(_) => self.refused += 1,
        }
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.unchanged += other.unchanged;
        self.superseded += other.superseded;
        self.held += other.held;
        self.refused += other.refused;
    }
}

/// What a batch comes to, just before it is committed.
#[derive(Debug)]
pub struct Committing<'a> {
    /// How many objects met which fate.
    pub summary: Summary,
    pub(crate) fates: &'a [Option<Taken>],
}

impl Committing<'_> {
    /// The fate of the piece at this place.
    #[must_use]
    pub fn fate(&self, index: usize) -> Option<&Fate> {
        self.fates.get(index)?.as_ref().map(|(fate, _)| fate)
    }
}

/// A validated object with what is read off its bytes, or why it is none.
struct Prepared<'a> {
    valid: Option<(Valid<'a>, Facts)>,
    /// The id, where it could be read although the object is not valid.
    id: Option<StixId>,
    findings: Vec<Finding>,
}

type Reporter<'r> = &'r mut (dyn FnMut(IngestReport<'_>) + Send);
type Also<'r> = &'r mut (dyn FnMut(&mut dyn Tx, &Committing<'_>) -> Result<(), StoreError> + Send);

/// Validates outside the transaction, decides and stores inside it.
pub(crate) fn ingest(
    core: &Core,
    source: &SourceRecord,
    pieces: &[Piece<'_>],
    report: Reporter<'_>,
    also: Also<'_>,
) -> Result<Summary, StoreError> {
    let mut tapes: Vec<Tape> = Vec::new();
    tapes.resize_with(pieces.len(), Tape::new);
    let prepared: Vec<Prepared<'_>> =
        tapes.iter_mut().zip(pieces).map(|(tape, piece)| prepare(tape, piece)).collect();
    // Marking definitions first: what refers to them in the same batch must find them.
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|index| {
        let valid = prepared.get(*index).and_then(|prepared| prepared.valid.as_ref());
        valid.is_none_or(|(valid, _)| valid.type_name() != "marking-definition")
    });
    // Only indicators are compared with warning lists; without any the index need not be built.
    let has_type =
        |name: &str| prepared.iter().flat_map(|p| &p.valid).any(|(valid, _)| valid.type_name() == name);
    let warnings = has_type("indicator").then(|| core.warnings()).transpose()?;
    let benign = |observable: &Observable| {
        let hit =
            warnings.as_ref()?.check(observable).filter(|hit| hit.category == Category::FalsePositive)?;
        Some(hit.list)
    };
    // Looked at before the transaction: what reads the store from inside one waits for itself.
    let (now, house, registry) = (core.clock.now(), core.rules(), core.registry().ok());
    let fates = core.store.transact(|tx| {
        let mut fates = vec![None; pieces.len()];
        let mut summary = Summary::default();
        let rules = Rules { benign: &benign, own_identity: &core.identity, spifs: &house.spifs };
        let registry = registry.as_deref();
        let mut taker = Taker { core, source, tx, rules, registry, now, markings: BTreeMap::new() };
        for index in order {
            let (Some(piece), Some(prepared), Some(slot)) =
                (pieces.get(index), prepared.get(index), fates.get_mut(index))
            else {
                continue;
            };
            let (fate, noticed) = taker.take(piece, prepared)?;
            summary.count(&fate);
            *slot = Some((fate, noticed));
        }
        also(taker.tx, &Committing { summary, fates: &fates })?;
        Ok((fates, summary))
    });
    let (fates, summary) = fates?;
    core.committed();
    for (index, ((fate, prepared), piece)) in fates.iter().zip(&prepared).zip(pieces).enumerate() {
        let Some((fate, noticed)) = fate else { continue };
        let findings: Cow<'_, [Finding]> = match noticed.as_slice() {
            [] => Cow::Borrowed(&prepared.findings),
            noticed => prepared.findings.iter().chain(noticed).cloned().collect(),
        };
        let id = prepared.id.as_ref();
        report(IngestReport { index, id, raw: piece.raw, fate, findings: &findings });
    }
    Ok(summary)
}

/// What the validator says about ids that are not random: right for others' objects, known for converted ones.
const DERIVED_ID: &str = "stix-2.1/2.9/uuid-version";

fn prepare<'a>(tape: &'a mut Tape, piece: &Piece<'a>) -> Prepared<'a> {
    let mut findings = Vec::new();
    let value = match tape.parse(piece.raw, &Limits::OBJECT) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("{} at byte {}", error.problem, error.offset);
            findings.push(Finding::new(Severity::Error, "rfc-8259/json", error.pointer, message));
            return Prepared { valid: None, id: None, findings };
        }
    };
    let valid =
        stix::validate(value, &Checks { pattern: Some(check_pattern), ..Checks::default() }, &mut findings);
    if piece.converted {
        findings.retain(|finding| finding.rule != DERIVED_ID);
    }
    let valid = valid.map(|valid| {
        let facts = intel::facts(valid.value(), valid.type_name());
        (valid, facts)
    });
    let id = value.get("id").and_then(|id| id.as_str()).and_then(|id| id.parse().ok());
    Prepared { valid, id, findings }
}

/// The validator's hook for indicator patterns (`stix::Checks::pattern`): what the pattern's parser says.
#[must_use]
pub fn check_pattern(pattern: &str) -> Vec<PatternProblem> {
    match stix_pattern::parse(pattern, &stix_pattern::Limits::default()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .into_iter()
            .map(|error| PatternProblem {
                severity: Severity::Error,
                start: error.start,
                end: error.end,
                message: error.message,
            })
            .collect(),
    }
}

/// What became of an object, and what the kernel noticed beyond the validator.
pub(crate) type Taken = (Fate, Vec<Finding>);

struct Taker<'t, 'r> {
    core: &'t Core,
    source: &'t SourceRecord,
    tx: &'t mut dyn Tx,
    rules: Rules<'r>,
    /// Who signs for which creator.
    registry: Option<&'r Registry>,
    now: Timestamp,
    /// Marking definitions looked up in this batch; definitions come first in it, so none changes any more.
    markings: BTreeMap<StixId, Option<String>>,
}

impl Taker<'_, '_> {
    /// The definition of a marking, if this source or the organisation itself vouches for it: nobody may explain away
    /// what another source meant.
    fn definition(&mut self, id: StixId) -> Result<Option<(StixId, String)>, StoreError> {
        let scope = self.core.scope;
        if !self.markings.contains_key(&id) {
            let known = self.tx.existing(scope, &id, None)?.latest;
            let vouched = known.is_some_and(|latest| {
                latest.first_source == self.source.id || latest.first_source == SourceId(0)
            });
            let text = if vouched { self.tx.newest(scope, &id)? } else { None };
            self.markings.insert(id.clone(), text);
        }
        Ok(self.markings.get(&id).cloned().flatten().map(|text| (id, text)))
    }

    fn take(&mut self, piece: &Piece<'_>, prepared: &Prepared<'_>) -> Result<Taken, StoreError> {
        let scope = self.core.scope;
        let Some((valid, facts)) = &prepared.valid else {
            let errors: Vec<_> =
                prepared.findings.iter().filter(|f| f.severity == Severity::Error).cloned().collect();
            self.tx.add_findings(scope, self.now, self.source.id, prepared.id.as_ref(), &errors)?;
            return Ok((Fate::Refused(errors), Vec::new()));
        };
        let input = Input {
            object: valid,
            facts,
            source: self.source.id,
            local: self.source.id.0 == 0,
            default_label: self.source.default_label,
            narrowing: piece.narrowing,
            identity: piece.identity,
            released: piece.released,
            vouched: self.vouched(valid, piece),
        };
        let needs = intel::needs(&input);
        let existing = self.tx.existing(scope, &needs.id, needs.version)?;
        let mut view = view(existing);
        for marking in needs.markings {
            view.markings.extend(self.definition(marking)?);
        }
        let mut decision = intel::decide(&input, &view, &self.rules, self.now);
        // Only a value that would be held needs the memory of what was decided about it.
        if matches!(decision, Decision::Hold(_)) {
            let exact = (piece.identity == Identity::Version).then(|| valid.value().raw());
            view.decided = self.tx.held_decision(scope, &needs.id, exact)?;
            if view.decided.is_some() {
                decision = intel::decide(&input, &view, &self.rules, self.now);
            }
        }
        match decision {
            Decision::Accept(accepted) => {
                let known = self.facts(valid, piece, &accepted, &view.markings);
                let fate = self.accept(valid, facts, prepared, &accepted, &known)?;
                Ok((fate, accepted.findings))
            }
            Decision::Unchanged { held, relabel, heard, findings } => {
                if let Some(version) = held {
                    match piece.provenance.filter(|_| heard) {
                        Some(said) => {
                            self.core.narrow(self.tx, version, relabel, &said.handling, self.now)?;
                        }
                        None => relabel
                            .map_or(Ok(()), |label| self.tx.relabel(scope, self.now, version, label))?,
                    }
                }
                if let Some(version) = held.filter(|_| self.source.collection != self.core.own) {
                    self.tx.enroll(scope, self.now, version, self.source.collection)?;
                }
                self.tx.add_findings(scope, self.now, self.source.id, Some(&needs.id), &findings)?;
                Ok((Fate::Unchanged, findings))
            }
            Decision::Hold(findings) => {
                let raw = valid.value().raw();
                let waiting = self.tx.waiting(scope, &needs.id)?;
                let shown = waiting.map(|id| self.tx.held(scope, id)).transpose()?.flatten();
                // What already waits, and says the same, keeps its number and its date.
                if let Some(held) =
                    shown.filter(|held| intel::same_value(&held.raw, valid.value(), piece.identity))
                {
                    let now = wrapping(piece, Some(&held.wrapping));
                    if now != held.wrapping {
                        self.tx.wrap(scope, held.id, &now)?;
                    }
                    return Ok((Fate::Held(held.id), findings));
                }
                let id = self.tx.hold(scope, self.now, self.source.id, &needs.id, raw, &findings)?;
                let wrapping = wrapping(piece, None);
                if wrapping != Wrapping::default() {
                    self.tx.wrap(scope, id, &wrapping)?;
                }
                Ok((Fate::Held(id), findings))
            }
            Decision::Refuse(findings) => {
                self.tx.add_findings(scope, self.now, self.source.id, Some(&needs.id), &findings)?;
                Ok((Fate::Refused(findings.clone()), findings))
            }
        }
    }

    /// Whether the party that signs for its creator, if one is known, stands behind it.
    fn vouched(&self, valid: &Valid<'_>, piece: &Piece<'_>) -> Vouched {
        let speaker = valid.created_by().and_then(|creator| self.registry?.speaker(&creator));
        let origin = piece.provenance.and_then(|provenance| provenance.origin);
        match speaker {
            None if piece.provenance.is_some() => Vouched::Hearsay,
            None => Vouched::Unknown,
            Some(speaker) if origin == Some(speaker) => Vouched::Creator,
            Some(_) => Vouched::Missing,
        }
    }

    /// The facts that policy decides by.
    fn facts(
        &self,
        valid: &Valid<'_>,
        piece: &Piece<'_>,
        accepted: &Accepted,
        markings: &[(StixId, String)],
    ) -> label::Facts {
        let definition = |id: &str| {
            let found = markings.iter().find(|(known, _)| known.as_str() == id);
            found.map(|(_, text)| text.clone())
        };
        // What the markings say that nobody understands, the kernel has reported already.
        // One label for the whole folds granular markings in; policy looks at the whole and at the parts.
        let reader = label::Reader::new(&definition).with_spifs(self.rules.spifs);
        let granular = valid.value().get("granular_markings").is_some();
        let effective = if granular {
            let whole = reader.effective(valid.value(), self.source.default_label, &mut Vec::new());
            piece.narrowing.map_or(whole, |narrow| whole.meet(narrow))
        } else {
            accepted.label
        };
        let facts = label::facts_with(&reader, valid, effective, &mut Vec::new());
        match piece.provenance {
            None if self.source.id.0 == 0 => facts.own(),
            None => facts.received(Origin::Other(self.source.kind.clone()), &Onward::Free),
            Some(Provenance { origin, onward, handling }) => {
                let origin = origin.map_or_else(|| Origin::Other(self.source.kind.clone()), Origin::Party);
                // What the giver said of it is part of what it is from here on.
                let handling = facts.handling.meet(handling);
                label::Facts { handling, ..facts }.received(origin, onward)
            }
        }
    }

    fn accept(
        &mut self,
        valid: &Valid<'_>,
        facts: &Facts,
        prepared: &Prepared<'_>,
        accepted: &Accepted,
        known: &label::Facts,
    ) -> Result<Fate, StoreError> {
        // Whatever a marking says beyond TLP, an open collection has no way to keep it.
        let public = accepted.public && known.handling.is_tlp_only();
        let class = known.to_text();
        let noticed = prepared.findings.iter().filter(|finding| finding.severity >= Severity::Warning);
        let created_by = valid.created_by();
        let new = NewVersion {
            id: valid.id(),
            type_name: valid.type_name(),
            version: accepted.version,
            created: valid.created(),
            rendition: facts.rendition,
            raw: accepted.rewritten.as_deref().unwrap_or(valid.value().raw()),
            source: self.source.id,
            label: accepted.label,
            overlay: accepted.overlay,
            created_by: created_by.as_ref(),
            revoked: valid.revoked(),
            confidence: facts.confidence,
            latest: accepted.latest,
            edges: facts
                .edges
                .iter()
                .map(|edge| Edge { name: edge.name.clone(), target: edge.target.clone() })
                .collect(),
            observables: facts.observables.clone(),
            collections: self.core.collections(self.source, public),
            findings: noticed.chain(&accepted.findings).cloned().collect(),
            class: &class,
        };
        self.tx.put(self.core.scope, self.now, &new)?;
        Ok(if accepted.latest { Fate::Accepted } else { Fate::Superseded })
    }
}

impl Core {
    /// Narrows what is held to what was said about it since: by its label, and by everything else of its handling.
    pub(crate) fn narrow(
        &self,
        tx: &mut dyn Tx,
        version: VersionId,
        label: Option<Label>,
        said: &Handling,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (scope, label) = (self.scope, label.unwrap_or(Label::CLEAR));
        let said = said.clone().with_tlp(label);
        let class = tx.class(scope.tenant, version)?.unwrap_or_default();
        let Ok(facts) = label::Facts::parse(&class) else {
            // Without facts there is no place to keep it: nobody else has the object then.
            let label = if said.is_tlp_only() { label } else { Label::OwnOnly };
            return tx.relabel(scope, now, version, label);
        };
        let handling = facts.handling.meet(&said);
        if handling.clone().with_tlp(facts.handling.tlp()) == facts.handling {
            return tx.relabel(scope, now, version, label);
        }
        let onward = match facts.origin {
            Origin::Own => facts.onward.clone(),
            _ => facts.onward.meet(&handling.onward()),
        };
        let class = label::Facts { handling, onward, ..facts }.to_text();
        tx.narrow(scope, now, version, label, &class)
    }
}

fn view(existing: Existing) -> intel::View {
    intel::View {
        latest: existing.latest.map(|latest| intel::Latest {
            version: latest.version,
            created: latest.created,
            revoked: latest.revoked,
            created_by: latest.created_by,
            first_source: latest.first_source,
        }),
        same: existing
            .same
            .into_iter()
            .map(|held| intel::Held {
                version_id: held.version_id,
                rendition: held.rendition,
                label: held.label,
                raw: held.raw,
                vouched: held.vouched,
            })
            .collect(),
        erased: existing.erased,
        markings: Vec::new(),
        decided: None,
    }
}
