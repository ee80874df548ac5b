//! From another node's stream into the store: verified, decided by our own policy, applied once, then acknowledged.
//!
//! Effects, holdings and the stream's position are one transaction, so whatever is sent again has no second effect.
//!
//! One file because what comes in one push is planned, decided and applied in one order.

use agreement::Over;
use exchange::origin::{BatchMemo, Statement, Verified};
use exchange::wire::{FrameLimits, Push};
use exchange::{
    Accepted, Ack, Body, Content, Effect, Erasure, Inbound, Position, PushRefusal, Receipt, ReceiptItem,
    Relabel, StreamId, Void, Withdraw, accept,
};
use json::{Limits, Tape};
use keys::window::DAY;
use label::{Facts, Handling, Onward, Origin};
use ledger::entry::{ErasureAct, Figures, MisdirectedAct};
use model::{AgreementId, Digest, Finding, Label, PartyId, Severity, StixId, Timestamp};
use ports::peer::Refusal;
use ports::trust::{DisclosureRecord, HoldingRecord, OutboxRecord, StreamKey, StreamPosition};
use ports::{SourceRecord, StoreError, Tx};

use super::companions::Came;
use super::gate::{Gate, Size, passages};
use super::registry::{InForce, Registry};
use super::{Trust, TrustError};
use crate::core::Core;
use crate::ingest::{Fate, Piece, Provenance};

/// One object that came, read and decided on.
struct Arrival<'p> {
    envelope: exchange::Envelope,
    hash: Digest,
    content: Content<'p>,
    id: StixId,
    facts: Facts,
    provenance: Provenance,
    /// What came along with it and may be kept.
    along: Vec<Came<'p>>,
    /// When it was sent, and how large it is, as caps count it.
    passage: (Timestamp, Size),
}

/// What to do, in the order of the stream.
enum Step<'p> {
    Objects(Vec<Arrival<'p>>),
    Control { hash: Digest, envelope: Box<exchange::Envelope>, body: Body<'p> },
    Nothing { seq: u64, hash: Digest },
}

impl Core {
    /// Takes in a push and returns the signed acknowledgement of everything up to it.
    ///
    /// # Errors
    /// [`Refusal`], which the sender is shown. Alarms are kept as findings too.
    pub fn take_push(&self, from: PartyId, frame: &[u8]) -> Result<String, Refusal> {
        let push = Push::decode(frame, &FrameLimits::default())
            .map_err(|problem| Refusal::Invalid(problem.to_string()))?;
        self.take(from, &push, true)
    }

    /// Takes in a push that was carried here in a file, however long it was under way.
    ///
    /// # Errors
    /// As [`Core::take_push`].
    pub fn take_in(&self, from: PartyId, push: &Push) -> Result<String, Refusal> {
        self.take(from, push, false)
    }

    fn take(&self, from: PartyId, push: &Push, called: bool) -> Result<String, Refusal> {
        let trust = self.trust().ok_or_else(|| Refusal::Forbidden("this node has no keys".to_owned()))?;
        let registry = self.registry().map_err(|_| Refusal::Failed)?;
        let agreement = push.segment.stream.agreement;
        let source = registry
            .linked(from)
            .ok_or_else(|| Refusal::Forbidden("the two nodes are not paired".to_owned()))
            .and_then(|peer| self.source_or_stranger(peer.source).map_err(|_| Refusal::Failed))?;
        if !registry.shares(agreement, from, trust.party) {
            return Err(Refusal::Forbidden(format!("no agreement {} with this party", agreement.0.short())));
        }
        let _turn = trust.turn_in();
        let key = StreamKey { peer: from, agreement, outbound: false };
        let position = self.position(key).map_err(|_| Refusal::Failed)?;
        let now = self.clock.now();
        let terms = registry.signed_terms(agreement, from, trust.party);
        let inbound = Inbound {
            from,
            to: trust.party,
            agreement,
            position: Position { epoch: position.epoch, seq: position.seq, head: position.head },
            terms: &terms,
            signers: &*registry,
            known: &|_| None,
            limits: exchange::Limits::default(),
            now,
        };
        let admission = accept(&inbound, push).map_err(|problem| self.refused(from, &source, &problem))?;
        let gate = registry.last_force(agreement).map(|force| {
            let read = self.store.read()?;
            self.gate(&*read, key, &force, now)
        });
        let mut gate = gate.transpose().map_err(|_| Refusal::Failed)?;
        // A call brings what was said lately.
        let earliest = if called { now.plus_micros(-BACKLOG) } else { Timestamp::MIN };
        let steps =
            self.plan(trust, &registry, &mut gate, from, agreement, admission.accepted, earliest, now);
        let mut at = position.clone();
        at.epoch = admission.position.epoch;
        if admission.epoch.is_some() {
            (at.seq, at.head) = (0, Digest::ZERO);
        }
        for step in steps {
            at = self.apply(trust, &registry, &source, key, at, step, now).map_err(|_| Refusal::Failed)?;
        }
        let stream = StreamId { from, to: trust.party, agreement, epoch: admission.position.epoch };
        let ack = Ack::sign(stream, &admission.position, now, &trust.secrets().epoch).to_text();
        let done = StreamPosition {
            epoch: admission.position.epoch,
            seq: admission.position.seq,
            head: admission.position.head,
            ack: Some(ack.clone()),
            ..at
        };
        self.store
            .transact(|tx| {
                if !admission.findings.is_empty() {
                    tx.add_findings(self.scope, now, source.id, None, &admission.findings)?;
                }
                tx.set_stream(self.scope.tenant, key, &done)
            })
            .map_err(|_| Refusal::Failed)?;
        trust.wake();
        Ok(ack)
    }

    /// Where an inbound stream stands.
    pub(crate) fn position(&self, key: StreamKey) -> Result<StreamPosition, StoreError> {
        let streams = self.store.read()?.streams(self.scope.tenant)?;
        Ok(streams
            .into_iter()
            .find(|(known, _)| *known == key)
            .map(|(_, position)| position)
            .unwrap_or_default())
    }

    /// What a refused push is answered with. What looks like an attack or a broken peer is kept for people.
    fn refused(&self, from: PartyId, source: &SourceRecord, problem: &PushRefusal) -> Refusal {
        let rule = match problem {
            PushRefusal::OutOfStep { .. } => return Refusal::OutOfStep(problem.to_string()),
            PushRefusal::EpochOver { .. } => return Refusal::OutOfStep(problem.to_string()),
            PushRefusal::NotYetInForce { .. } => return Refusal::Busy(60_000),
            PushRefusal::Equivocation { .. } => "shieldwall/peer-equivocation",
            PushRefusal::Signer(_) => "shieldwall/peer-signature",
            _ => "shieldwall/peer-push",
        };
        let message = format!("a push from {} was refused: {problem}", from.0.short());
        let finding = Finding::new(Severity::Error, rule, "", message);
        let now = self.clock.now();
        // The refusal stands whether or not it could be noted.
        let _ = self.store.transact(|tx| tx.add_findings(self.scope, now, source.id, None, &[finding]));
        Refusal::Invalid(problem.to_string())
    }

    /// Reads the objects and asks our own policy about each.
    #[expect(clippy::too_many_arguments, reason = "the context of one push, used in one place")]
    fn plan<'p>(
        &self,
        trust: &Trust,
        registry: &Registry,
        gate: &mut Option<Gate>,
        from: PartyId,
        agreement: AgreementId,
        accepted: Vec<Accepted<'p>>,
        earliest: Timestamp,
        now: Timestamp,
    ) -> Vec<Step<'p>> {
        let mut steps: Vec<Step<'p>> = Vec::new();
        let mut over: Vec<Over> = Vec::new();
        let mut late: Vec<Timestamp> = Vec::new();
        for Accepted { envelope, hash, effect } in accepted {
            let seq = envelope.seq;
            let body = match effect {
                Effect::Apply(body) => body,
                Effect::Void(void) => {
                    // Where nothing may flow at all, people know why.
                    late.extend(match void {
                        Void::NotInForce { since } if since != Timestamp::EPOCH => Some(since),
                        _ => None,
                    });
                    steps.push(Step::Nothing { seq, hash });
                    continue;
                }
            };
            match body {
                Body::Put(content) | Body::Supersede(content) | Body::Sighting(content) => {
                    let size = Size::of(content.object, &content.with);
                    // Each goes by the version it was sent under, caps included.
                    let force = registry.version(agreement, &envelope.terms);
                    if let (Some(gate), Some(force)) = (gate.as_mut(), force) {
                        gate.go_by(force);
                    }
                    // By the sender's own dates, which are signed: never before its version began, never before what it
                    // sent last, however long ago that was, and never after now.
                    let start = force.map_or(envelope.at, |force| force.terms.start);
                    let last = gate.as_ref().and_then(Gate::last).unwrap_or(envelope.at);
                    let at = envelope.at.max(last).max(start).max(earliest).min(now);
                    if let Some(found) = gate.as_ref().and_then(|gate| gate.over(size, at)) {
                        over.push(found);
                        steps.push(Step::Nothing { seq, hash });
                        continue;
                    }
                    if let Some(gate) = gate {
                        gate.pass(size, at);
                    }
                    let arrival = self.arrival(
                        trust,
                        registry,
                        force,
                        from,
                        agreement,
                        envelope,
                        hash,
                        content,
                        (at, size),
                        now,
                    );
                    match (arrival, steps.last_mut()) {
                        (Ok(arrival), Some(Step::Objects(run))) => run.push(arrival),
                        (Ok(arrival), _) => steps.push(Step::Objects(vec![arrival])),
                        (Err(finding), _) => {
                            self.misdirected(from, agreement, *finding, now);
                            steps.push(Step::Nothing { seq, hash });
                        }
                    }
                }
                body => steps.push(Step::Control { hash, envelope: Box::new(envelope), body }),
            }
        }
        if let Some(first) = over.first() {
            // What takes back goes through all the same, so the stream goes on without what is too much.
            let message = format!(
                "{} sent {} objects more than {first} of agreement {} lets in: they were not taken in",
                from.0.short(),
                over.len(),
                agreement.0.short()
            );
            if let Err(problem) = self.alarm(from, "shieldwall/cap-exceeded", message, now) {
                tracing::warn!(%problem, "objects beyond a cap could not be noted");
            }
        }
        if let Some(first) = late.iter().min() {
            let message = format!(
                "{} sent {} objects under a text of agreement {} that nothing is taken in under since {first}: they were \
                 not taken in; ask them to apply the text in force",
                from.0.short(),
                late.len(),
                agreement.0.short()
            );
            if let Err(problem) = self.alarm(from, "shieldwall/replaced-terms", message, now) {
                tracing::warn!(%problem, "objects under a text that is over could not be noted");
            }
        }
        steps
    }

    /// One object, if our policy lets it in.
    #[expect(clippy::too_many_arguments, reason = "the context of one entry, used in one place")]
    fn arrival<'p>(
        &self,
        trust: &Trust,
        registry: &Registry,
        force: Option<&InForce>,
        from: PartyId,
        agreement: AgreementId,
        envelope: exchange::Envelope,
        hash: Digest,
        content: Content<'p>,
        passage: (Timestamp, Size),
        now: Timestamp,
    ) -> Result<Arrival<'p>, Box<Finding>> {
        let problem =
            |rule: &'static str, message: String| Box::new(Finding::new(Severity::Error, rule, "", message));
        let mut tape = Tape::new();
        let value = tape
            .parse(content.object.as_bytes(), &Limits::OBJECT)
            .map_err(|error| problem("shieldwall/peer-object", error.to_string()))?;
        let mut findings = Vec::new();
        let valid = stix::validate(value, &stix::Checks::default(), &mut findings).ok_or_else(|| {
            let first = findings.iter().find(|finding| finding.severity == Severity::Error);
            problem("shieldwall/peer-object", first.map_or_else(String::new, ToString::to_string))
        })?;
        let said = Handling::parse(&envelope.label).unwrap_or_else(|_| Handling::own_only());
        let definitions = |id: &str| {
            let with = content.with.iter().map(|one| one.object);
            let with = with.filter(|text| text.contains(id)).map(str::to_owned).next();
            with.or_else(|| self.store.read().ok().and_then(|read| self.definition_in(&*read, id)))
        };
        let marked = label::facts(&valid, Label::CLEAR, &definitions, &mut Vec::new());
        let onward = Onward::parse(&envelope_onward(&envelope)).unwrap_or(Onward::None);
        let creator = valid.created_by();
        let speaks = creator.as_ref().is_some_and(|creator| registry.speaker(creator) == Some(from));
        let stated =
            content.origin.filter(|_| !speaks).and_then(|text| stated_by(registry, text, value, now));
        if let Some(stated) = &stated
            && let Some(wider) = wider_than_stated(stated, &said, &onward, trust.party)
        {
            let (from, party) = (from.0.short(), stated.party.0.short());
            let message =
                format!("{from} passed on `{}`, and {party}, who made it, signed {wider}", valid.id());
            return Err(problem("shieldwall/misdirected", message));
        }
        let origin = if speaks { Some(from) } else { stated.map(|stated| stated.party) };
        let facts =
            marked.received(origin.map_or_else(|| Origin::Other("peer".to_owned()), Origin::Party), &onward);
        let facts = Facts { handling: facts.handling.meet(&said), ..facts };
        let force =
            force.ok_or_else(|| problem("shieldwall/peer-terms", "no text is in force".to_owned()))?;
        let decision = trust.decide_inbound(force, registry, &facts, from, policy::Action::Receive, now);
        if !decision.permitted {
            let message = format!(
                "an object came from {} that clause `{}` does not let in: {}",
                from.0.short(),
                decision.clause,
                super::release::reasons(&decision)
            );
            return Err(problem("shieldwall/misdirected", message));
        }
        let id = valid.id().clone();
        let onward = decision.obligations.onward.meet(&onward);
        let mut along = Vec::new();
        for companion in &content.with {
            let with = (&facts, decision.clause.as_str(), &onward);
            match self.came_along(trust, registry, force, companion, with, from, &definitions, now) {
                Ok(came) => along.push(came),
                // What explains the object is missing then; the object itself is as good as without.
                Err(message) => {
                    let message = format!("with an object from {} came {message}", from.0.short());
                    let finding = *problem("shieldwall/misdirected", message);
                    self.misdirected(from, agreement, finding, now);
                }
            }
        }
        Ok(Arrival {
            envelope,
            hash,
            content,
            id,
            facts,
            provenance: Provenance { origin, onward, handling: decision.handling.clone() },
            along,
            passage,
        })
    }

    /// Keeps word of something that should not have come.
    fn misdirected(&self, from: PartyId, agreement: AgreementId, finding: Finding, now: Timestamp) {
        let item = self.matter(&[b"misdirected", &from.0.0, &agreement.0.0, &now.as_micros().to_be_bytes()]);
        let figures =
            Figures::Misdirected { item, act: MisdirectedAct::Found { peer: self.pseudonym(from) } };
        let noted = self.store.transact(|tx| {
            tx.add_findings(self.scope, now, model::SourceId(0), None, std::slice::from_ref(&finding))?;
            self.book(tx, now, figures, "{}")
        });
        if let Err(problem) = noted {
            tracing::warn!(%problem, %finding, "a misdirected object could not be noted");
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the context of one push, used in one place")]
    fn apply(
        &self,
        trust: &Trust,
        registry: &Registry,
        source: &SourceRecord,
        key: StreamKey,
        at: StreamPosition,
        step: Step<'_>,
        now: Timestamp,
    ) -> Result<StreamPosition, TrustError> {
        let tenant = self.scope.tenant;
        match step {
            Step::Nothing { seq, hash } => Ok(StreamPosition { seq, head: hash, ..at }),
            Step::Objects(run) => self.apply_objects(source, key, at, &run, now),
            Step::Control { hash, envelope, body } => {
                let at = StreamPosition { seq: envelope.seq, head: hash, ..at };
                let letter = match &body {
                    Body::Query(text) => self.open_letter(key, text)?,
                    _ => None,
                };
                self.store.transact(|tx| {
                    match &body {
                        Body::Withdraw(withdraw) => {
                            self.withdrawn(tx, trust, registry, key, withdraw, now)?;
                        }
                        Body::Relabel(relabel) => self.relabelled(tx, registry, key, relabel, now)?,
                        Body::Receipt(receipt) => self.receipted(tx, registry, key, receipt, now)?,
                        Body::Query(_) => {
                            if let Some(letter) = letter {
                                self.take_letter(tx, registry, key, letter, now)?;
                            }
                        }
                        // Acts have a way of their own.
                        _ => {}
                    }
                    tx.set_stream(tenant, key, &at)
                })?;
                self.committed();
                if let Ok(detection) = self.detection() {
                    detection.hunts.notify_one();
                }
                Ok(at)
            }
        }
    }

    fn apply_objects(
        &self,
        source: &SourceRecord,
        key: StreamKey,
        at: StreamPosition,
        run: &[Arrival<'_>],
        now: Timestamp,
    ) -> Result<StreamPosition, TrustError> {
        let tenant = self.scope.tenant;
        let buried = self.store.transact(|tx| {
            let mut taken = |subject| tx.tombstoned(tenant, key.peer, key.agreement, subject);
            run.iter()
                .map(|arrival| {
                    let along = arrival.along.iter().map(|came| taken(came.subject));
                    Ok((along.collect::<Result<Vec<_>, _>>()?, taken(arrival.envelope.subject)?))
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut pieces = Vec::new();
        let mut places = Vec::new();
        let mut along = Vec::new();
        for (arrival, (buried_along, buried)) in run.iter().zip(&buried) {
            if *buried {
                places.push(None);
                continue;
            }
            let entry = (arrival.envelope.stream.epoch, arrival.envelope.seq);
            for (came, _) in arrival.along.iter().zip(buried_along).filter(|(_, buried)| !**buried) {
                along.push((came, entry, pieces.len()));
                pieces.push(came.piece());
            }
            places.push(Some(pieces.len()));
            pieces.push(Piece {
                narrowing: Some(arrival.provenance.handling.tlp()),
                provenance: Some(&arrival.provenance),
                ..Piece::stix(arrival.content.object.as_bytes())
            });
        }
        let end = run.last().map(|arrival| (arrival.envelope.seq, arrival.hash));
        let (seq, head) = end.unwrap_or((at.seq, at.head));
        let at = StreamPosition { seq, head, ..at };
        self.ingest_with(source, &pieces, &mut |_| {}, &mut |tx, committing| {
            for (arrival, place) in run.iter().zip(&places) {
                let fate = place.and_then(|place| committing.fate(place));
                let kept = !matches!(fate, None | Some(Fate::Refused(_)));
                if kept {
                    self.keep(tx, key, arrival, fate, now)?;
                }
                self.book_receipt(tx, key.peer, key.agreement, &arrival.facts, arrival.hash, now)?;
            }
            for (came, entry, place) in &along {
                self.keep_along(tx, key, *entry, came, committing.fate(*place), now)?;
            }
            for passage in passages(run.iter().map(|arrival| arrival.passage)) {
                tx.add_passage(tenant, key, &passage)?;
            }
            tx.set_stream(tenant, key, &at)
        })?;
        Ok(at)
    }

    /// Keeps the holding and the origin statement of something that was taken in.
    fn keep(
        &self,
        tx: &mut dyn Tx,
        key: StreamKey,
        arrival: &Arrival<'_>,
        fate: Option<&Fate>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let subject = arrival.envelope.subject;
        let mut onward = arrival.provenance.onward.clone();
        let version = match fate {
            // It brings nothing until a person lets it in; what came before it stays as it is.
            Some(Fate::Held(_)) => {
                let before = tx.holding(tenant, key.peer, key.agreement, subject)?;
                let before = before.filter(|before| before.ended.is_none() && before.version.is_some());
                if let Some(before) = &before {
                    onward = onward.meet(&Onward::parse(&before.onward).unwrap_or(Onward::None));
                }
                before.and_then(|before| before.version)
            }
            _ => self.stored_version(tx, &arrival.id, arrival.content.object)?,
        };
        // Nobody puts another statement beside what was made here, and what waits is not here yet.
        let echo =
            matches!(fate, Some(Fate::Unchanged | Fate::Superseded)) && self.made_here(tx, &arrival.id)?;
        let new = !echo && !matches!(fate, Some(Fate::Held(_)));
        if let (Some(version), Some(statement)) = (version, arrival.content.origin)
            && arrival.provenance.origin.is_some()
            && new
        {
            tx.set_origin(tenant, version, statement)?;
        }
        tx.set_holding(
            tenant,
            &HoldingRecord {
                object: Some(arrival.id.clone()),
                version,
                from: key.peer,
                agreement: key.agreement,
                subject,
                entry: (arrival.envelope.stream.epoch, arrival.envelope.seq),
                onward: onward.to_text(),
                received: now,
                ended: None,
                erased: None,
                hold: None,
                kept: false,
            },
        )
    }

    /// Whether an object was first made here, and not received.
    fn made_here(&self, tx: &mut dyn Tx, object: &StixId) -> Result<bool, StoreError> {
        let latest = tx.existing(self.scope, object, None)?.latest;
        Ok(latest.is_some_and(|latest| latest.first_source.0 == 0))
    }

    /// A person let in what had been set aside: from here on its giver is heard about what is stored of it.
    pub(crate) fn let_in(
        &self,
        tx: &mut dyn Tx,
        giver: Option<PartyId>,
        object: &StixId,
        text: &str,
    ) -> Result<(), StoreError> {
        let Some(version) = self.stored_version(tx, object, text)? else { return Ok(()) };
        for holding in tx.holdings_of(self.scope.tenant, object)? {
            let brought = holding.version.is_none() || Some(holding.from) == giver;
            if brought && holding.ended.is_none() {
                tx.set_holding(self.scope.tenant, &HoldingRecord { version: Some(version), ..holding })?;
            }
        }
        Ok(())
    }

    /// The row of an object that was stored in this transaction, or before it.
    fn stored_version(
        &self,
        tx: &mut dyn Tx,
        object: &StixId,
        text: &str,
    ) -> Result<Option<model::VersionId>, StoreError> {
        let mut tape = Tape::new();
        let Ok(value) = tape.parse(text.as_bytes(), &Limits::OBJECT) else {
            return Ok(None);
        };
        let instant =
            |name: &str| value.get(name).and_then(|v| v.as_str()).and_then(|v| v.parse::<Timestamp>().ok());
        let version = instant("modified").or_else(|| instant("created"));
        let existing = tx.existing(self.scope, object, version)?;
        let same = existing.same.iter().find(|held| held.raw == text);
        Ok(same.or(existing.same.first()).map(|held| held.version_id))
    }

    /// A sender took something back.
    fn withdrawn(
        &self,
        tx: &mut dyn Tx,
        trust: &Trust,
        registry: &Registry,
        key: StreamKey,
        withdraw: &Withdraw,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        tx.set_tombstone(tenant, now, key.peer, Some(key.agreement), withdraw.subject)?;
        let Some(holding) = tx.holding(tenant, key.peer, key.agreement, withdraw.subject)? else {
            return self.queue_receipt(tx, trust, key, withdraw.subject, Erasure::Unknown, now);
        };
        if holding.erased.is_some() {
            return self.queue_receipt(tx, trust, key, withdraw.subject, Erasure::Erased, now);
        }
        let mut ending = vec![holding.clone()];
        // Only the party that speaks for its creator can end what others gave us.
        let creator = withdraw.creator_withdrawal
            && holding.object.as_ref().is_some_and(|id| self.creator_is(tx, registry, id, key.peer));
        if creator && let Some(object) = &holding.object {
            ending = tx.holdings_of(tenant, object)?;
            // From nobody does it come again: the id is barred once it is erased.
            tx.set_tombstone(tenant, now, trust.party, None, self.recalled(object))?;
        }
        for holding in ending.into_iter().filter(|holding| holding.ended.is_none()) {
            let place = (holding.from, holding.agreement, holding.subject);
            self.book_erasure_here(tx, place, Some(withdraw.erase_by), now)?;
            if let Some(basis) = holding.hold.clone() {
                self.book_erasure_act(tx, place, ErasureAct::Held, now)?;
                let message = format!(
                    "party {} took it back under agreement {}, and it is kept under a legal hold here: {basis}",
                    holding.from.0.short(),
                    holding.agreement.0.short()
                );
                self.dispute(tx, holding.object.as_ref(), message, now)?;
                let here = StreamKey { peer: holding.from, agreement: holding.agreement, outbound: false };
                self.queue_receipt(tx, trust, here, holding.subject, Erasure::Held { basis }, now)?;
            }
            tx.set_holding(tenant, &HoldingRecord { ended: Some(now), ..holding })?;
        }
        trust.erasures_wait();
        Ok(())
    }

    /// Tells people that something was taken back and is kept.
    fn dispute(
        &self,
        tx: &mut dyn Tx,
        object: Option<&StixId>,
        message: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let finding = Finding::new(Severity::Warning, "shieldwall/legal-hold", "", message)
            .hint("settle it with the other side; `shieldwall hold` without a basis lifts a hold of ours");
        tx.add_findings(self.scope, now, model::SourceId(0), object, &[finding])
    }

    /// A sender narrowed the label of something it gave. Its creator's party is heard, and so is whoever alone gave
    /// it; about our own objects nobody is, and about what others gave too, nobody else.
    fn relabelled(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        key: StreamKey,
        relabel: &Relabel,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let holding = tx.holding(tenant, key.peer, key.agreement, relabel.subject)?;
        let Some((object, version)) = holding.and_then(|holding| holding.object.zip(holding.version)) else {
            return Ok(());
        };
        // A label nobody can read was refused with the entry.
        let Ok(said) = Handling::parse(&relabel.label) else { return Ok(()) };
        let ours = self.made_here(tx, &object)?;
        let alone = tx
            .holdings_of(tenant, &object)?
            .iter()
            .all(|other| other.from == key.peer || other.ended.is_some());
        if !ours && (alone || self.creator_is(tx, registry, &object, key.peer)) {
            self.narrow(tx, version, Some(said.tlp()), &said, now)?;
        }
        Ok(())
    }

    /// Whether a party speaks for the creator of an object that is held.
    fn creator_is(&self, tx: &mut dyn Tx, registry: &Registry, object: &StixId, party: PartyId) -> bool {
        let latest = tx.existing(self.scope, object, None).ok().and_then(|existing| existing.latest);
        let creator = latest.and_then(|latest| latest.created_by);
        creator.is_some_and(|creator| registry.speaker(&creator) == Some(party))
    }

    /// Queues a signed receipt for whoever took something back.
    pub(crate) fn queue_receipt(
        &self,
        tx: &mut dyn Tx,
        trust: &Trust,
        key: StreamKey,
        subject: Digest,
        state: Erasure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.queue_receipts(tx, trust, key, vec![ReceiptItem { subject, state, at: now }], now)
    }

    /// As [`Core::queue_receipt`], for several at once: a signature is what costs.
    pub(crate) fn queue_receipts(
        &self,
        tx: &mut dyn Tx,
        trust: &Trust,
        key: StreamKey,
        items: Vec<ReceiptItem>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let receipt = Receipt::sign(trust.party, key.peer, key.agreement, items, now, &trust.secrets().epoch)
            .map_err(|problem| StoreError::Engine(problem.to_string()))?;
        tx.queue(
            self.scope.tenant,
            &OutboxRecord {
                id: 0,
                to: key.peer,
                agreement: key.agreement,
                kind: "receipt".to_owned(),
                version: None,
                inline: Some(receipt.to_text()),
                decision: None,
                not_before: now,
            },
        )?;
        Ok(())
    }

    /// A receiver says what became of what we took back.
    fn receipted(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
        key: StreamKey,
        receipt: &Receipt,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        if receipt.verify(registry, now).is_err() {
            let finding = Finding::new(
                Severity::Error,
                "shieldwall/erasure-receipt",
                "",
                format!("a receipt from {} is not signed by their key", key.peer.0.short()),
            );
            return tx.add_findings(self.scope, now, model::SourceId(0), None, &[finding]);
        }
        for item in &receipt.items {
            let Some(given) = tx.disclosure(tenant, key.peer, key.agreement, item.subject)? else { continue };
            let (text, act) = match &item.state {
                Erasure::Erased => ("erased".to_owned(), ErasureAct::Confirmed),
                Erasure::Unknown => ("unknown".to_owned(), ErasureAct::NotHeld),
                Erasure::Kept => ("kept".to_owned(), ErasureAct::Kept),
                Erasure::Held { basis } => (format!("held: {basis}"), ErasureAct::Held),
            };
            let before = given.receipt.as_ref().map(|(_, state)| state.clone());
            // A dispute may end in erasure; an erasure stays one.
            if before.as_deref() == Some("erased") {
                continue;
            }
            if let (Erasure::Held { basis }, true) = (&item.state, before.as_deref() != Some(text.as_str())) {
                let message = format!(
                    "party {} keeps under a legal hold what was taken back under agreement {}: {basis}",
                    key.peer.0.short(),
                    key.agreement.0.short()
                );
                self.dispute(tx, given.object.as_ref(), message, now)?;
            }
            // Without a withdrawal it says that their time for it was up.
            let demanded = given.withdrawn.is_some();
            tx.set_disclosure(tenant, &DisclosureRecord { receipt: Some((now, text)), ..given })?;
            if !demanded || before.as_deref() == Some("kept") {
                continue;
            }
            let matter = self.matter(&[b"erasure", &key.peer.0.0, &key.agreement.0.0, &item.subject.0]);
            self.book(tx, now, Figures::Erasure { item: matter, act }, "{}")?;
        }
        Ok(())
    }
}

/// How far back what is sent in a call may be dated, in microseconds, as caps count it: what had to wait for a node that was
/// out of reach is not lost, and nobody saves up more than this.
const BACKLOG: i64 = 3 * DAY;

/// What the statement of an object's creator says that whoever passed it on makes wider: in words, if anything.
fn wider_than_stated(stated: &Verified, said: &Handling, onward: &Onward, us: PartyId) -> Option<String> {
    let signed = Handling::parse(&stated.label).unwrap_or_else(|_| Handling::own_only());
    if said.meet(&signed) != *said {
        return Some(format!("the narrower label `{}`", stated.label));
    }
    let rule = Onward::parse(&stated.onward).unwrap_or(Onward::None);
    let for_us = match &rule {
        Onward::None | Onward::Depth(0) => false,
        Onward::Named(parties) => parties.contains(&us),
        Onward::Orcon | Onward::Depth(_) | Onward::Free => true,
    };
    let within = for_us && onward.is_at_most(&rule.after_one_step());
    (!within).then(|| format!("that it may be passed on as `{}` only", stated.onward))
}

/// What the creator signed about a copy, if their statement vouches for it. The mark that something was removed is not the
/// creator's, and is set aside for that.
fn stated_by(registry: &Registry, text: &str, object: json::Value<'_>, now: Timestamp) -> Option<Verified> {
    let statement = Statement::parse(text).ok()?;
    let mut memo = BatchMemo::default();
    let verified = match statement.verify(object.raw(), registry, now, &mut memo) {
        Ok(verified) => verified,
        Err(_) => {
            let bare = without_redaction_mark(object)?;
            statement.verify(&bare, registry, now, &mut memo).ok()?
        }
    };
    let creator = object.get("created_by_ref")?.as_str()?.parse().ok()?;
    (registry.speaker(&creator) == Some(verified.party)).then_some(verified)
}

fn without_redaction_mark(object: json::Value<'_>) -> Option<String> {
    let extensions = object.get("extensions")?;
    let mark = extensions.get(stix::redact::REDACTION_EXTENSION)?;
    let mut edits = json::Edits::new();
    edits.remove(if extensions.entries().count() == 1 { extensions } else { mark });
    Some(edits.apply(object))
}

/// The onward rule among the obligations an envelope carries.
fn envelope_onward(envelope: &exchange::Envelope) -> String {
    let mut tape = Tape::new();
    tape.parse(envelope.obligations.as_bytes(), &Limits::OBJECT)
        .ok()
        .and_then(|value| value.get("onward")?.as_str().map(|text| text.into_owned()))
        .unwrap_or_default()
}
