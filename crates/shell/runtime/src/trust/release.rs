//! What goes to whom: one cursor on the journal for each agreement version and recipient.
//!
//! The step reads the next stretch of the journal, asks the policy about each object, and writes decisions, queued
//! entries and the cursor in one transaction. A new recipient, a new version and a wider clause start at zero: backfill
//! is the same step.

use std::sync::Arc;

use label::{Facts, Handling};
use model::{AgreementId, DecisionId, Digest, Label, PartyId, Seq, StixId, Timestamp, VersionId};
use policy::{Action, Decision, Via};
use ports::trust::{DecisionRecord, DisclosureRecord, OutboxRecord};
use ports::{JournalKind, JournalRow, Read, StoreError, Stored, Tx};

use super::registry::{InForce, Registry};
use super::{Trust, TrustError};
use crate::core::Core;

/// Journal entries one transaction decides on.
const STEP: usize = 400;

/// What the policy is asked about.
pub(crate) struct Candidate {
    pub(crate) stored: Stored,
    pub(crate) facts: Facts,
    pub(crate) via: Vec<Via>,
    /// The parties it was received from.
    pub(crate) from: Vec<PartyId>,
    /// The live holdings it came under: giver, agreement, its name in their stream.
    pub(crate) held: Vec<(PartyId, AgreementId, Digest)>,
    /// Whether only its label changed.
    pub(crate) relabelled: bool,
}

/// What becomes of a candidate for one recipient.
enum Verdict {
    /// Nothing new.
    Leave,
    /// It goes: for the first time, or in a newer version.
    Queue { kind: &'static str, decision: Arc<Decision> },
    /// It does not go.
    Refuse(Arc<Decision>),
    /// It was given, and may be had no longer.
    TakeBack(Arc<Decision>),
}

/// The name of a release cursor.
fn cursor_name(agreement: AgreementId, force: &InForce, to: PartyId) -> String {
    format!("release:{agreement}:{}:{to}", force.version)
}

impl Core {
    /// Names of the cursors that follow the journal now: what was decided with them is decided anew once they are gone.
    pub(crate) fn release_cursors(&self) -> Result<Vec<String>, TrustError> {
        let Some(trust) = self.trust() else { return Ok(Vec::new()) };
        let registry = self.registry()?;
        let mut names = Vec::new();
        for (agreement, force) in registry.in_force() {
            let recipients = registry.recipients(agreement, trust.party);
            names.extend(recipients.into_iter().map(|to| cursor_name(agreement, force, to)));
        }
        Ok(names)
    }

    /// Decides on the next stretch of the journal for every agreement in force. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; nothing of the stretch was decided then.
    pub fn release_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let registry = self.registry()?;
        let mut more = false;
        for (agreement, force) in registry.in_force() {
            for to in registry.recipients(agreement, trust.party) {
                more |= self.release_to(trust, &registry, agreement, force, to)?;
                if let Some(emergency) = registry.emergency(agreement, trust.party, to, self.clock.now()) {
                    let use_of = emergency.declaration;
                    more |= self.emergency_to(trust, &registry, agreement, force, to, use_of)?;
                }
            }
        }
        Ok(more)
    }

    fn release_to(
        &self,
        trust: &Trust,
        registry: &Registry,
        agreement: AgreementId,
        force: &InForce,
        to: PartyId,
    ) -> Result<bool, TrustError> {
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let name = cursor_name(agreement, force, to);
        let read = self.store.read()?;
        let mut cursor = read.named_cursor(tenant, &name)?.unwrap_or(Seq(0));
        if read.head(tenant)? <= cursor {
            return Ok(false);
        }
        let rows = match read.journal(tenant, cursor, STEP) {
            Ok(rows) => rows,
            // What was compacted away is found among the objects, not in the journal; what is left of it here is
            // what changed since.
            Err(StoreError::CursorExpired { horizon }) => {
                cursor = horizon;
                read.journal(tenant, cursor, STEP)?
            }
            Err(error) => return Err(error.into()),
        };
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
        let full = rows.len() == STEP;
        let mut candidates = Vec::new();
        for row in rows.iter().filter(|row| concerns_content(row)) {
            let Some(object) = &row.object else { continue };
            if is_meta(object.id.type_name()) {
                continue;
            }
            let candidate = self.offered(&*read, object.version_id)?;
            let relabelled = row.kind == JournalKind::Relabel;
            candidates.extend(candidate.map(|candidate| Candidate { relabelled, ..candidate }));
        }
        drop(read);
        let now = self.clock.now();
        let naming = trust.names(to, agreement);
        let mut decided = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let decision = trust.decide(force, registry, &candidate, to, Action::Receive, now);
            decided.push((naming.object(&candidate.stored.id), candidate, decision));
        }
        self.store.transact(|tx| {
            for (subject, candidate, decision) in decided {
                let given = tx.disclosure(tenant, to, agreement, subject)?;
                let verdict = verdict(&candidate, decision, given.as_ref(), to);
                self.book_verdict(tx, agreement, force, to, subject, &candidate, verdict, now)?;
            }
            tx.set_cursor(tenant, &name, last)
        })?;
        trust.wake();
        Ok(full)
    }

    /// Looks once more at what was refused before an emergency was declared. What was not let go before and is let go now
    /// is queued; nothing else is decided anew.
    fn emergency_to(
        &self,
        trust: &Trust,
        registry: &Registry,
        agreement: AgreementId,
        force: &InForce,
        to: PartyId,
        declaration: Digest,
    ) -> Result<bool, TrustError> {
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let name = format!("emergency:{declaration}:{to}");
        let read = self.store.read()?;
        // What comes after is decided on with the emergency in mind.
        let end = read.named_cursor(tenant, &cursor_name(agreement, force, to))?.unwrap_or(Seq(0));
        let mut cursor = read.named_cursor(tenant, &name)?.unwrap_or(Seq(0));
        if cursor >= end {
            return Ok(false);
        }
        let rows = match read.journal(tenant, cursor, STEP) {
            Ok(rows) => rows,
            Err(StoreError::CursorExpired { horizon }) => {
                cursor = horizon;
                read.journal(tenant, cursor, STEP)?
            }
            Err(error) => return Err(error.into()),
        };
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
        let now = self.clock.now();
        let mut queued = Vec::new();
        for row in rows.iter().filter(|row| concerns_content(row) && row.seq <= end) {
            let object = row.object.as_ref().filter(|object| !is_meta(object.id.type_name()));
            let Some(object) = object else { continue };
            let Some(candidate) = self.offered(&*read, object.version_id)? else { continue };
            let decision = trust.decide(force, registry, &candidate, to, Action::Receive, now);
            if decision.permitted && decision.clause == policy::BREAK_GLASS {
                queued.push((trust.names(to, agreement).object(&candidate.stored.id), candidate, decision));
            }
        }
        drop(read);
        self.store.transact(|tx| {
            for (subject, candidate, decision) in queued {
                let given = tx.disclosure(tenant, to, agreement, subject)?;
                let verdict = verdict(&candidate, decision, given.as_ref(), to);
                self.book_verdict(tx, agreement, force, to, subject, &candidate, verdict, now)?;
            }
            tx.set_cursor(tenant, &name, last.min(end))
        })?;
        trust.wake();
        Ok(last < end)
    }

    /// Decides anew on one object for one party, under every agreement in force.
    pub(crate) fn decide_again(&self, version: VersionId, to: PartyId) -> Result<(), TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let _turn = trust.turn();
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let candidate = {
            let read = self.store.read()?;
            let Some(stored) = read.version(self.scope, version)? else { return Ok(()) };
            let Some(latest) = read.object(self.scope, &stored.id, None)? else { return Ok(()) };
            self.offered(&*read, latest.version_id)?
        };
        let Some(candidate) = candidate else { return Ok(()) };
        for (agreement, force) in registry.in_force() {
            if !registry.recipients(agreement, trust.party).contains(&to) {
                continue;
            }
            let decision = trust.decide(force, &registry, &candidate, to, Action::Receive, now);
            let subject = trust.names(to, agreement).object(&candidate.stored.id);
            self.store.transact(|tx| {
                let given = tx.disclosure(tenant, to, agreement, subject)?;
                let verdict = verdict(&candidate, decision, given.as_ref(), to);
                self.book_verdict(tx, agreement, force, to, subject, &candidate, verdict, now)
            })?;
        }
        trust.wake();
        Ok(())
    }

    /// What the policy is asked about what may leave: as [`Core::candidate`], unless its creator took the object back. Then
    /// it goes to nobody any more, whoever would be entitled to it.
    pub(crate) fn offered(
        &self,
        read: &dyn Read,
        version: VersionId,
    ) -> Result<Option<Candidate>, StoreError> {
        let Some(candidate) = self.candidate(read, version)? else { return Ok(None) };
        let recalled = self.is_recalled(read, &candidate.stored.id)?;
        Ok((!recalled).then_some(candidate))
    }

    pub(crate) fn is_recalled(&self, read: &dyn Read, object: &StixId) -> Result<bool, StoreError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        read.barred(self.scope.tenant, trust.party, self.recalled(object))
    }

    /// What the policy is asked about a stored version; `None` once it is gone or no longer the newest.
    pub(crate) fn candidate(
        &self,
        read: &dyn Read,
        version: VersionId,
    ) -> Result<Option<Candidate>, StoreError> {
        let Some(stored) = read.version(self.scope, version)?.filter(|stored| stored.latest) else {
            return Ok(None);
        };
        let class = read.class_of(self.scope.tenant, version)?.unwrap_or_default();
        // Facts nobody can read are facts that permit nothing.
        let Ok(mut facts) = Facts::parse(&class) else { return Ok(None) };
        facts.handling = facts.handling.meet(&Handling::from(whole_label(&stored, facts.granular)));
        let holdings = read.holdings(self.scope.tenant, Some(&stored.id), 0, 64)?;
        let live = holdings.iter().filter(|holding| holding.ended.is_none());
        let via = live
            .clone()
            .filter_map(|holding| {
                let onward = label::Onward::parse(&holding.onward).ok()?;
                Some(Via { agreement: holding.agreement, onward })
            })
            .collect();
        let held = live.clone().map(|holding| (holding.from, holding.agreement, holding.subject)).collect();
        let from = live.map(|holding| holding.from).collect();
        Ok(Some(Candidate { stored, facts, via, from, held, relabelled: false }))
    }

    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in one place")]
    fn book_verdict(
        &self,
        tx: &mut dyn Tx,
        agreement: AgreementId,
        force: &InForce,
        to: PartyId,
        subject: Digest,
        candidate: &Candidate,
        verdict: Verdict,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = self.scope.tenant;
        let (kind, decision) = match verdict {
            Verdict::Leave => return Ok(()),
            Verdict::Refuse(decision) => (None, decision),
            Verdict::Queue { kind, decision } => (Some(kind), decision),
            Verdict::TakeBack(decision) => {
                self.record(tx, to, agreement, candidate, &decision, now)?;
                return self.take_back(tx, to, agreement, force, subject, "no-longer-permitted", false, now);
            }
        };
        let number = self.record(tx, to, agreement, candidate, &decision, now)?;
        let Some(kind) = kind else {
            // What is for this organisation only is no denial to anybody: it was never asked for.
            if candidate.facts.handling.tlp() != Label::OwnOnly {
                self.book_denial(tx, to, agreement, &candidate.facts, &decision, now)?;
            }
            return Ok(());
        };
        let delay = i64::try_from(decision.obligations.delay_seconds).unwrap_or(i64::MAX);
        tx.queue(
            tenant,
            &OutboxRecord {
                id: 0,
                to,
                agreement,
                kind: kind.to_owned(),
                version: Some(candidate.stored.version_id),
                inline: None,
                decision: Some(number),
                not_before: now.plus_micros(delay.saturating_mul(1_000_000)),
            },
        )?;
        Ok(())
    }

    /// Writes a decision down.
    pub(crate) fn record(
        &self,
        tx: &mut dyn Tx,
        to: PartyId,
        agreement: AgreementId,
        candidate: &Candidate,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<DecisionId, StoreError> {
        tx.record_decision(
            self.scope.tenant,
            &DecisionRecord {
                id: DecisionId(0),
                at: now,
                to,
                agreement,
                object: Some(candidate.stored.id.clone()),
                version: Some(candidate.stored.version_id),
                permitted: decision.permitted,
                clause: decision.clause.clone(),
                reason: reasons(decision),
                obligations: decision.obligations.to_text(),
            },
        )
    }
}

/// The label of the object as a whole. The stored one folds granular markings in, which policy looks at by themselves.
pub(crate) fn whole_label(stored: &Stored, granular: bool) -> Label {
    if granular { stored.overlay.unwrap_or(Label::CLEAR) } else { stored.label }
}

/// Every reason, in words.
pub(crate) fn reasons(decision: &Decision) -> String {
    decision.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Whether a journal entry may change what somebody is entitled to.
fn concerns_content(row: &JournalRow) -> bool {
    matches!(row.kind, JournalKind::Put | JournalKind::Relabel | JournalKind::Decided)
}

/// Objects that explain others: they travel with what they explain, not by themselves.
pub(crate) fn is_meta(type_name: &str) -> bool {
    matches!(type_name, "marking-definition" | "extension-definition" | "language-content")
}

fn verdict(
    candidate: &Candidate,
    decision: Arc<Decision>,
    given: Option<&DisclosureRecord>,
    to: PartyId,
) -> Verdict {
    // Nobody is told what they told us.
    if candidate.from.contains(&to) {
        return Verdict::Leave;
    }
    match (decision.permitted, given) {
        (true, None) => Verdict::Queue { kind: put_kind(&candidate.stored.id), decision },
        // Taken back is taken back: whoever wants it to travel again publishes it again, under a new id.
        (_, Some(given)) if given.withdrawn.is_some() => Verdict::Leave,
        (true, Some(given)) if given.version == Some(candidate.stored.version_id) && candidate.relabelled => {
            Verdict::Queue { kind: "relabel", decision }
        }
        (true, Some(given)) if given.version == Some(candidate.stored.version_id) => Verdict::Leave,
        (true, Some(_)) => Verdict::Queue { kind: "supersede", decision },
        (false, None) => Verdict::Refuse(decision),
        // What an emergency let go is not taken back because the emergency is over.
        (false, Some(given))
            if given.clause == policy::BREAK_GLASS
                && given.version == Some(candidate.stored.version_id)
                && !candidate.relabelled =>
        {
            Verdict::Leave
        }
        (false, Some(_)) => Verdict::TakeBack(decision),
    }
}

fn put_kind(id: &StixId) -> &'static str {
    if id.type_name() == "sighting" { "sighting" } else { "put" }
}
