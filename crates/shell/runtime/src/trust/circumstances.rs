//! What signed decisions say at a moment: emergencies that are declared, releases that originators granted, notice that
//! was given. Derived from documents that were verified when they came.

use std::collections::{BTreeMap, BTreeSet};

use agreement::decision::{Decision, Matter};
use keys::Signed;
use model::{AgreementId, Digest, PartyId, Timestamp};
use policy::Circumstances;
use ports::trust::Document;

use super::Trust;
use super::registry::{InForce, Registry};
use super::release::Candidate;

/// Decisions that are kept, by their hash.
#[derive(Debug, Default)]
pub struct Decisions {
    /// Each with when it was kept here.
    pub all: BTreeMap<Digest, Decision>,
    /// The newest answer to each request: yes or no, and the answer's hash.
    pub answers: BTreeMap<Digest, (bool, Digest)>,
    /// Requests that were granted: agreement, originator, who asked, the object's name, to whom it may go.
    granted: BTreeSet<(AgreementId, PartyId, PartyId, Digest, PartyId)>,
}

/// A use of the emergency clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    /// The declaration.
    pub declaration: Digest,
    /// The agreement.
    pub agreement: AgreementId,
    /// Who declared it, and gives.
    pub party: PartyId,
    /// Who may be given.
    pub to: BTreeSet<PartyId>,
    /// Why.
    pub reason: String,
    /// From when on…
    pub declared: Timestamp,
    /// …until just before here.
    pub expires: Timestamp,
    /// By when the report is due.
    pub report_due: Timestamp,
    /// The outcome that was reported, once it was.
    pub reported: Option<String>,
}

impl Decisions {
    pub(crate) fn read(documents: &[Document]) -> Self {
        let mut decisions = Self::default();
        let mut newest: BTreeMap<Digest, Timestamp> = BTreeMap::new();
        for document in documents {
            let signed = Signed::parse(document.text.as_bytes()).ok();
            let Some(decision) = signed.and_then(|signed| Decision::read(&signed).ok()) else { continue };
            if let Matter::ReleaseAnswer { request, granted, .. } = &decision.matter {
                // Of two of one instant the narrower counts.
                let before = newest.get(request).copied();
                let counts = match before {
                    Some(before) => decision.at > before || (decision.at == before && !granted),
                    None => true,
                };
                if counts {
                    newest.insert(*request, decision.at);
                    decisions.answers.insert(*request, (*granted, document.hash));
                }
            }
            decisions.all.insert(document.hash, decision);
        }
        for (request, (granted, answer)) in &decisions.answers {
            let (Some(asked), Some(answer)) = (decisions.all.get(request), decisions.all.get(answer)) else {
                continue;
            };
            if let Matter::ReleaseRequest { originator, subject, to } = &asked.matter
                && *granted
                && answer.party == *originator
            {
                let grant = (asked.agreement, *originator, asked.party, *subject, *to);
                decisions.granted.insert(grant);
            }
        }
        decisions
    }

    /// Whether an originator let somebody give an object on.
    fn is_granted(
        &self,
        agreement: AgreementId,
        originator: PartyId,
        asker: PartyId,
        subject: Digest,
        to: PartyId,
    ) -> bool {
        self.granted.contains(&(agreement, originator, asker, subject, to))
    }

    /// When a party said it will be out of an agreement, if it gave notice: the earliest.
    #[must_use]
    pub fn notice(&self, agreement: AgreementId, party: PartyId) -> Option<Timestamp> {
        let ends = self.all.values().filter_map(|decision| match decision.matter {
            Matter::Notice { ends } if decision.agreement == agreement && decision.party == party => {
                Some(ends)
            }
            _ => None,
        });
        ends.min()
    }
}

impl Registry {
    /// Uses of emergency clauses, newest first.
    #[must_use]
    pub fn emergencies(&self) -> Vec<Emergency> {
        let reports: BTreeMap<Digest, &str> = self
            .decisions
            .all
            .values()
            .filter_map(|decision| match &decision.matter {
                Matter::EmergencyReport { of, outcome, .. } => Some((*of, outcome.as_str())),
                _ => None,
            })
            .collect();
        let mut uses: Vec<Emergency> = self
            .decisions
            .all
            .iter()
            .filter_map(|(hash, decision)| {
                let Matter::Emergency { to, .. } = &decision.matter else { return None };
                let force = self.last_force(decision.agreement)?;
                let glass = force.terms.break_glass.as_ref()?;
                Some(Emergency {
                    declaration: *hash,
                    agreement: decision.agreement,
                    party: decision.party,
                    to: to.clone(),
                    reason: decision.reason.clone(),
                    declared: decision.at,
                    expires: glass.expires(decision.at),
                    report_due: glass.report_due(decision.at),
                    reported: reports.get(hash).map(|outcome| (*outcome).to_owned()),
                })
            })
            .collect();
        uses.sort_by_key(|one| std::cmp::Reverse(one.declared));
        uses
    }

    /// The use of the emergency clause by which a party may be given more now.
    #[must_use]
    pub fn emergency(
        &self,
        agreement: AgreementId,
        from: PartyId,
        to: PartyId,
        now: Timestamp,
    ) -> Option<Emergency> {
        self.emergencies().into_iter().find(|one| {
            one.agreement == agreement
                && one.party == from
                && one.to.contains(&to)
                && one.declared <= now
                && now < one.expires
        })
    }

    /// What acts and counts say at this moment about something that would go to a party. Arrears are not among it: what
    /// waits for them waits in front of the stream, and is not refused.
    pub(crate) fn circumstances(
        &self,
        trust: &Trust,
        force: &InForce,
        candidate: &Candidate,
        to: PartyId,
        now: Timestamp,
    ) -> Circumstances {
        let agreement = force.policy.agreement();
        let own = trust.party;
        let released = if candidate.held.is_empty() {
            let subject = trust.names(to, agreement).object(&candidate.stored.id);
            self.decisions.is_granted(agreement, own, own, subject, to)
        } else {
            // Each who gave it to us has a say.
            candidate.held.iter().all(|(from, agreement, subject)| {
                self.decisions.is_granted(*agreement, *from, own, *subject, to)
            })
        };
        Circumstances {
            released_by_originator: released,
            break_glass: self.emergency(agreement, own, to, trust.latest(now)).is_some(),
            ..Circumstances::default()
        }
    }
}
