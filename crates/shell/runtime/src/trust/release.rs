//! What goes to whom: one cursor on the journal for each agreement version and recipient.
//!
//! The step reads the next stretch of the journal, asks the policy about each object, and writes decisions, queued
//! entries and the cursor in one transaction. A new recipient, a new version and a wider clause start at zero: backfill
//! is the same step.

use std::sync::Arc;

use label::{Facts, Handling};
use model::{
    AgreementId, DecisionId, Digest, Label, PartyId, Seq, SourceId, StixId, Tenant, Timestamp, VersionId,
};
use policy::{Action, Decision, Via};
use ports::trust::{DecisionRecord, OutboxRecord};
use ports::{JournalKind, JournalRow, ObjectFilter, Read, StoreError, Stored, Tx};

use super::naming::Named;
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

/// What is decided on in one go.
struct Stretch {
    places: Vec<Place>,
    /// Where the cursors stand after it; `None` for one that is done with.
    cursors: Vec<(String, Option<Seq>)>,
    /// Whether there may be more.
    more: bool,
}

impl Stretch {
    fn keep(&self, tx: &mut dyn Tx, tenant: Tenant) -> Result<(), StoreError> {
        self.cursors.iter().try_for_each(|(name, at)| match at {
            Some(at) => tx.set_cursor(tenant, name, *at),
            None => tx.remove_cursor(tenant, name),
        })
    }
}

/// A version to decide on.
struct Place {
    at: Seq,
    version: VersionId,
    relabelled: bool,
}

/// The cursor of a walk over the objects, in place of a journal that is gone; `missed` when something in it was not seen.
fn walk_name(name: &str, missed: bool) -> String {
    format!("{}:{name}", if missed { "walk-again" } else { "walk" })
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

    /// Whether everything in the journal was decided on for a party under an agreement, as far as anything may flow.
    pub(super) fn release_caught_up(
        &self,
        read: &dyn Read,
        registry: &Registry,
        agreement: AgreementId,
        to: PartyId,
    ) -> Result<bool, TrustError> {
        let mut in_force = registry.in_force();
        let Some((_, force)) = in_force.find(|(id, _)| *id == agreement) else { return Ok(true) };
        let cursor = read.named_cursor(self.scope.tenant, &cursor_name(agreement, force, to))?;
        let reached = cursor.unwrap_or(Seq(0)) >= read.head(self.scope.tenant)?;
        Ok(reached || !registry.recipients(agreement, self.party()?.party).contains(&to))
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
        let Some(stretch) = self.stretch(&*read, &name)? else { return Ok(false) };
        let mut candidates = Vec::new();
        for &Place { version, relabelled, .. } in &stretch.places {
            // Nobody is told what they told us: most of what comes in is decided on for the one that brought it, too.
            let candidate = self.offered(&*read, version)?.filter(|candidate| !candidate.from.contains(&to));
            candidates.extend(candidate.map(|candidate| Candidate { relabelled, ..candidate }));
        }
        drop(read);
        let now = self.clock.now();
        let mut decided = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let decision = trust.decide(force, registry, &candidate, to, Action::Receive, now);
            decided.push((candidate, decision));
        }
        self.store.transact(|tx| {
            for (candidate, decision) in decided {
                let named = trust.named_in(tx, tenant, to, agreement, &candidate.stored.id)?;
                let verdict = verdict(&candidate, decision, &named, to);
                let subject = named.subject;
                self.book_verdict(tx, registry, agreement, force, to, subject, &candidate, verdict, now)?;
            }
            stretch.keep(tx, tenant)
        })?;
        trust.wake();
        Ok(stretch.more)
    }

    /// What comes next for a cursor on the journal. Where the journal after it was compacted away, every object that is
    /// held is looked at first, in order of its newest version, and then what the journal has left.
    fn stretch(&self, read: &dyn Read, name: &str) -> Result<Option<Stretch>, StoreError> {
        let tenant = self.scope.tenant;
        let cursor = read.named_cursor(tenant, name)?.unwrap_or(Seq(0));
        for missed in [true, false] {
            let walk = walk_name(name, missed);
            if let Some(at) = read.named_cursor(tenant, &walk)? {
                return self.walk(read, walk, at, missed, cursor).map(Some);
            }
        }
        if read.head(tenant)? <= cursor {
            return Ok(None);
        }
        let rows = match read.journal(tenant, cursor, STEP) {
            Ok(rows) => rows,
            Err(StoreError::CursorExpired { horizon }) => {
                // Labels that were narrowed in what is gone have not been told of.
                let missed = cursor > Seq(0);
                let mut stretch = self.walk(read, walk_name(name, missed), Seq(0), missed, horizon)?;
                stretch.cursors.push((name.to_owned(), Some(horizon)));
                return Ok(Some(stretch));
            }
            Err(error) => return Err(error),
        };
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(None) };
        let more = rows.len() == STEP;
        let places = rows.into_iter().filter(concerns_content).filter_map(|row| {
            let relabelled = row.kind == JournalKind::Relabel;
            let object = row.object.filter(|object| !is_meta(object.id.type_name()))?;
            Some(Place { at: row.seq, version: object.version_id, relabelled })
        });
        Ok(Some(Stretch { places: places.collect(), cursors: vec![(name.to_owned(), Some(last))], more }))
    }

    /// The next objects of a walk over all that are held, up to a place in the journal.
    fn walk(
        &self,
        read: &dyn Read,
        walk: String,
        after: Seq,
        missed: bool,
        up_to: Seq,
    ) -> Result<Stretch, StoreError> {
        let place = |version: VersionId| Seq(u64::try_from(version.0).unwrap_or_default());
        let after = VersionId(i64::try_from(after.0).unwrap_or(i64::MAX));
        let page = read.objects(self.scope, &ObjectFilter::default(), Some(after), STEP)?;
        let last = page.last().map(|stored| place(stored.version_id));
        let next = last.filter(|last| page.len() == STEP && *last < up_to);
        let met = page
            .into_iter()
            .filter(|stored| place(stored.version_id) <= up_to && !is_meta(stored.id.type_name()));
        let places = met.map(|stored| Place {
            at: place(stored.version_id),
            version: stored.version_id,
            relabelled: missed && stored.overlay.is_some(),
        });
        // The journal comes after it.
        Ok(Stretch { places: places.collect(), cursors: vec![(walk, next)], more: true })
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
        let cursor = read.named_cursor(tenant, &name)?.unwrap_or(Seq(0));
        let walks = read.named_cursor(tenant, &walk_name(&name, false))?.is_some();
        if cursor >= end && !walks {
            return Ok(false);
        }
        let Some(stretch) = self.stretch(&*read, &name)? else { return Ok(false) };
        let now = self.clock.now();
        let mut queued = Vec::new();
        for Place { version, .. } in stretch.places.iter().filter(|place| place.at <= end) {
            let Some(candidate) = self.offered(&*read, *version)? else { continue };
            let decision = trust.decide(force, registry, &candidate, to, Action::Receive, now);
            if decision.permitted && decision.clause == policy::BREAK_GLASS {
                queued.push((candidate, decision));
            }
        }
        drop(read);
        self.store.transact(|tx| {
            for (candidate, decision) in queued {
                let named = trust.named_in(tx, tenant, to, agreement, &candidate.stored.id)?;
                let verdict = verdict(&candidate, decision, &named, to);
                let subject = named.subject;
                self.book_verdict(tx, registry, agreement, force, to, subject, &candidate, verdict, now)?;
            }
            stretch.keep(tx, tenant)
        })?;
        trust.wake();
        Ok(true)
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
            self.store.transact(|tx| {
                let named = trust.named_in(tx, tenant, to, agreement, &candidate.stored.id)?;
                let verdict = verdict(&candidate, decision, &named, to);
                let subject = named.subject;
                self.book_verdict(tx, &registry, agreement, force, to, subject, &candidate, verdict, now)
            })?;
        }
        trust.wake();
        Ok(())
    }

    /// What the policy is asked about what may leave: as [`Core::candidate`], unless its creator took the object back, or
    /// our people did. Then it goes to nobody any more, whoever would be entitled to it.
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
        Ok(read.barred(self.scope.tenant, trust.party, self.recalled(object))?
            || read.barred(self.scope.tenant, trust.party, self.kept_back(object))?)
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
        let mut live = read.holdings_live(self.scope.tenant, &stored.id)?;
        // What was made here is ours, whoever sends it back: their terms do not bind it, and they hear of what becomes of it
        // like everyone who was given it.
        let ours = |id: &StixId| Ok::<_, StoreError>(read.first_source(self.scope, id)? == Some(SourceId(0)));
        if !live.is_empty() && stored.source == SourceId(0) && ours(&stored.id)? {
            live.clear();
        }
        let via = live
            .iter()
            .map(|holding| {
                // Terms that nobody can read let nobody have it.
                let onward = label::Onward::parse(&holding.onward).unwrap_or(label::Onward::None);
                Via { agreement: holding.agreement, onward }
            })
            .collect();
        let held = live.iter().map(|holding| (holding.from, holding.agreement, holding.subject)).collect();
        let from = live.iter().map(|holding| holding.from).collect();
        Ok(Some(Candidate { stored, facts, via, from, held, relabelled: false }))
    }

    #[expect(clippy::too_many_arguments, reason = "one row's worth of facts, used in one place")]
    fn book_verdict(
        &self,
        tx: &mut dyn Tx,
        registry: &Registry,
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
            // What went along with others stays with them; its next version goes along with the next of them.
            Verdict::TakeBack(_)
                if self
                    .trust()
                    .is_some_and(|trust| trust.may_still_explain(force, registry, candidate, to, now)) =>
            {
                return Ok(());
            }
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

fn verdict(candidate: &Candidate, decision: Arc<Decision>, named: &Named, to: PartyId) -> Verdict {
    // Nobody is told what they told us.
    if candidate.from.contains(&to) {
        return Verdict::Leave;
    }
    match (decision.permitted, &named.given) {
        // What was taken back because it was not permitted any more is given anew, under another name, once it is again.
        (true, None) => Verdict::Queue { kind: put_kind(&candidate.stored.id), decision },
        // It came and went too often.
        (_, Some(given)) if given.withdrawn.is_some() => Verdict::Leave,
        (true, Some(given)) if given.version == Some(candidate.stored.version_id) && candidate.relabelled => {
            Verdict::Queue { kind: "relabel", decision }
        }
        (true, Some(given)) if given.version == Some(candidate.stored.version_id) => Verdict::Leave,
        (true, Some(_)) => Verdict::Queue { kind: "supersede", decision },
        (false, None) if named.is_taken_back() => Verdict::Leave,
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
