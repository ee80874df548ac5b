//! Why a party may have an object, or not: what would become of it if it were sent now, found out by the same steps that
//! send it, so that the explanation and the deed do not differ. Nothing is written.

use agreement::acts::Status;
use model::{AgreementId, PartyId, StixId, Timestamp};
use policy::{Action, Decision, Explanation, Reason, Request, Verdict, explain};
use ports::trust::{DisclosureRecord, OutboxRecord, StreamKey};
use ports::{Read, StoreError};

use super::deliver::{Outcome, View};
use super::registry::{Agreed, InForce, Registry};
use super::release::{Candidate, is_meta};
use super::{Trust, TrustError};
use crate::core::Core;

/// Reviews looked through for one that is about the object.
const REVIEWS: usize = 10_000;

impl Core {
    /// Why a party may have an object, or not: under every agreement with it that is not over, and the smallest consent
    /// that would do. What is permitted goes, or has gone; what waits is not, and says what for.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for an object that is not held.
    pub fn explain(&self, object: &StixId, to: PartyId) -> Result<Explanation, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let read = self.store.read()?;
        let stored = read.object(self.scope, object, None)?;
        let stored = stored.ok_or_else(|| TrustError::Missing(format!("`{object}`")))?;
        let candidate = self.candidate(&*read, stored.version_id)?;
        let candidate = candidate.ok_or_else(|| TrustError::Missing(format!("facts about `{object}`")))?;
        let mut verdicts = Vec::new();
        for (agreement, agreed) in &registry.agreements {
            let Some(force) = agreed.force() else { continue };
            let concerns = agreed.state.status == Status::InForce
                || (agreed.state.status != Status::Ended
                    && [to, trust.party].iter().all(|party| agreed.state.ever.contains(party)));
            if concerns {
                let case = Case {
                    core: self,
                    trust,
                    registry: &registry,
                    read: &*read,
                    agreement: *agreement,
                    agreed,
                    force,
                    to,
                    now: self.clock.now(),
                };
                verdicts.push(case.verdict(&candidate)?);
            }
        }
        Ok(Explanation { verdicts })
    }
}

/// One agreement, one receiver.
struct Case<'c> {
    core: &'c Core,
    trust: &'c Trust,
    registry: &'c Registry,
    read: &'c dyn Read,
    agreement: AgreementId,
    agreed: &'c Agreed,
    force: &'c InForce,
    to: PartyId,
    now: Timestamp,
}

impl Case<'_> {
    fn verdict(&self, candidate: &Candidate) -> Result<Verdict, TrustError> {
        let rules = self.core.rules();
        let request = Request {
            action: Action::Receive,
            via: &candidate.via,
            caveats: &rules.caveats,
            circumstances: self.registry.circumstances(self.trust, self.force, candidate, self.to, self.now),
            ..Request::delivery(&candidate.facts, self.trust.party, self.to, self.now)
        };
        let mut verdicts = explain([&*self.force.policy], &request).verdicts;
        let verdict = verdicts.pop();
        let mut verdict = verdict.ok_or_else(|| TrustError::Missing("a verdict".to_owned()))?;
        verdict.decision = self.beyond(candidate, verdict.decision)?;
        Ok(verdict)
    }

    /// The decision, with everything else that has a say.
    fn beyond(&self, candidate: &Candidate, decision: Decision) -> Result<Decision, TrustError> {
        let id = &candidate.stored.id;
        if self.core.is_recalled(self.read, id)? {
            let text = "it was taken back from everyone: it goes to nobody any more".to_owned();
            let consent = Some("that it is published again, under a new id".to_owned());
            return Ok(self.barred(decision, "recalled", text, consent));
        }
        let tenant = self.core.scope.tenant;
        let named = self.trust.named(self.read, tenant, self.to, self.agreement, id)?;
        let taken = named.taken.last().and_then(|taken| taken.withdrawn);
        let given = named.given;
        if let Some((text, consent)) = self.stopped() {
            return Ok(self.barred(decision, "suspended", text, consent));
        }
        if !decision.permitted {
            let text = taken.map(|at| format!("it was taken back from that party on {at}"));
            let told = text.filter(|_| given.is_none());
            return Ok(told.map_or(decision.clone(), |text| self.remarked(decision, "taken-back", text)));
        }
        if candidate.from.contains(&self.to) {
            let text = "that party gave it to us, and is not told what it told us";
            return Ok(self.remarked(decision, "theirs", text.to_owned()));
        }
        match given {
            Some(given) if given.version == Some(candidate.stored.version_id) => {
                Ok(self.remarked(decision, "given", format!("it was given on {}", given.at)))
            }
            given => self.prepared(candidate, decision, given.as_ref()),
        }
    }

    /// Why nothing at all goes to the party under the agreement now.
    /// Why nothing goes, and what would have to happen.
    fn stopped(&self) -> Option<(String, Option<String>)> {
        let state = &self.agreed.state;
        let own = self.trust.party;
        if ![own, self.to].iter().all(|party| state.ever.contains(party)) {
            // They are not in it together: the policy says so.
            return None;
        }
        if state.status != Status::InForce {
            let reasons: Vec<_> = state.reasons.iter().map(ToString::to_string).collect();
            let consent = match state.status {
                Status::Ended => None,
                Status::Suspended => Some("that what suspended the agreement is put right".to_owned()),
                _ => Some("that all sign the agreement".to_owned()),
            };
            return Some((format!("the agreement is {}: {}", state.status, reasons.join("; ")), consent));
        }
        for party in [own, self.to] {
            if let Some(reasons) = state.blocked.get(&party) {
                let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
                let who =
                    if party == own { "this node".to_owned() } else { format!("party {}", party.0.short()) };
                let consent = format!("that this is put right for {who}");
                return Some((reasons.join("; "), Some(consent)));
            }
            if !state.active.contains(&party) {
                let text = format!("party {} has left the agreement", party.0.short());
                return Some((text, Some(format!("that party {} joins it again", party.0.short()))));
            }
        }
        if self.registry.paired(self.to).is_none() {
            let consent = "that the two nodes are paired again".to_owned();
            return Some(("the node is not paired with that party".to_owned(), Some(consent)));
        }
        let open = self.registry.recipients(self.agreement, own).contains(&self.to);
        (!open).then(|| ("there is no membership that both have signed".to_owned(), None))
    }

    /// What comes of it when it is made ready to leave.
    fn prepared(
        &self,
        candidate: &Candidate,
        decision: Decision,
        given: Option<&DisclosureRecord>,
    ) -> Result<Decision, TrustError> {
        let Self { core, trust, registry, read, agreement, force, to, now, .. } = *self;
        if is_meta(candidate.stored.id.type_name()) {
            let text = "it goes with what refers to it".to_owned();
            return Ok(self.remarked(decision, "along", text));
        }
        let key = StreamKey { peer: to, agreement, outbound: true };
        let gate = core.gate(read, key, force, now)?;
        if let Some(wait) = gate.shut(now) {
            return Ok(self.barred(decision, "waits", format!("it {wait}"), None));
        }
        let entry = OutboxRecord {
            id: 0,
            to,
            agreement,
            kind: if given.is_some() { "supersede" } else { "put" }.to_owned(),
            version: Some(candidate.stored.version_id),
            inline: None,
            decision: None,
            not_before: now,
        };
        let view = View { core, trust, registry, agreement, force, to, read, now };
        Ok(match view.prepare(&entry, &gate)? {
            Outcome::Ready(_) => match decision.obligations.delay_seconds {
                0 => decision,
                delay => {
                    self.remarked(decision, "delay", format!("it goes {delay} seconds after it was decided"))
                }
            },
            Outcome::Dropped => {
                let text = "it is gone, or a newer version is on its way".to_owned();
                self.barred(decision, "dropped", text, None)
            }
            Outcome::Refused(_, refused) => *refused,
            Outcome::Review(_, found) => self.in_review(candidate, decision, &found)?,
            Outcome::Waits => {
                let text = "it waits: it is larger than what a cap leaves for now".to_owned();
                self.barred(decision, "waits", text, None)
            }
        })
    }

    fn in_review(
        &self,
        candidate: &Candidate,
        decision: Decision,
        found: &str,
    ) -> Result<Decision, StoreError> {
        let reviews = self.read.reviews(self.core.scope.tenant, true, REVIEWS)?;
        let version = candidate.stored.version_id;
        let review = reviews.iter().rev().find(|review| {
            review.to == self.to && review.agreement == self.agreement && review.version == version
        });
        Ok(match review.map(|review| (review.id, &review.decided)) {
            Some((number, Some((_, author, reason, at)))) => {
                let text = format!("{author} withheld it in review {number} on {at}: {reason}");
                self.barred(decision, "withheld", text, None)
            }
            Some((number, None)) => {
                let text = format!("it waits for a release officer in review {number}, which found {found}");
                let consent = Some(format!("a release officer's yes to review {number}"));
                self.barred(decision, "review", text, consent)
            }
            None => {
                let text = format!("it will wait for a release officer: detectors found {found}");
                self.barred(decision, "review", text, Some("a release officer's yes".to_owned()))
            }
        })
    }

    /// The decision turned into a refusal; what the policy has against it is said too.
    fn barred(
        &self,
        decision: Decision,
        about: &'static str,
        text: String,
        consent: Option<String>,
    ) -> Decision {
        let rule = if decision.permitted { decision.clause.clone() } else { about.to_owned() };
        let smallest_consent = match (decision.permitted, &consent, &decision.smallest_consent) {
            (true, Some(consent), _) => Some(consent.clone()),
            (false, Some(consent), Some(more)) => Some(format!("{consent}; {more}")),
            _ => None,
        };
        let mut reasons = vec![Reason { rule, about, text, consent }];
        if !decision.permitted {
            reasons.extend(decision.reasons);
        }
        Decision { permitted: false, reasons, smallest_consent, ..decision }
    }

    /// The decision with something more to say about it.
    fn remarked(&self, mut decision: Decision, about: &'static str, text: String) -> Decision {
        decision.reasons.push(Reason { rule: decision.clause.clone(), about, text, consent: None });
        decision
    }
}
