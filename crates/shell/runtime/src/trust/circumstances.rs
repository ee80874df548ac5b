//! What signed decisions say at a moment: emergencies that are declared, releases that originators granted, notice that
//! was given. Derived from documents that were verified when they came.

use std::collections::{BTreeMap, BTreeSet};

use agreement::decision::{Decision, Matter};
use keys::Signed;
use keys::window::DAY;
use model::{AgreementId, Digest, PartyId, Timestamp};
use policy::Circumstances;
use ports::trust::Document;

use super::Trust;
use super::registry::{InForce, Registry};
use super::release::Candidate;

/// Decisions that are kept, by their hash.
#[derive(Debug, Clone, Default)]
pub struct Decisions {
    /// All of them.
    pub all: BTreeMap<Digest, Decision>,
    /// The newest answer to each request: yes or no, and the answer's hash.
    pub answers: BTreeMap<Digest, (bool, Digest)>,
    /// When those answers were given, by their party's clock.
    answered: BTreeMap<Digest, Timestamp>,
    /// What answers grant, by the request: agreement, originator, who asked, the object's name, to whom it may go.
    granted: BTreeMap<Digest, Grant>,
    /// The same, each with how many requests it was granted to.
    grants: BTreeMap<Grant, usize>,
    /// Declarations of emergencies, by agreement and who declared.
    declared: BTreeMap<(AgreementId, PartyId), Vec<Digest>>,
    /// Outcomes that reports tell, by the declaration.
    reported: BTreeMap<Digest, String>,
    /// The earliest end of which notice was given, by agreement and who gave it.
    notices: BTreeMap<(AgreementId, PartyId), Timestamp>,
    /// How many of a party's were kept here on a day (days since 1970).
    days: BTreeMap<(PartyId, i64), usize>,
}

type Grant = (AgreementId, PartyId, PartyId, Digest, PartyId);

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
    /// Takes in the next document.
    pub(super) fn take(&mut self, document: &Document) {
        let signed = Signed::parse(document.text.as_bytes()).ok();
        let Some(decision) = signed.and_then(|signed| Decision::read(&signed).ok()) else { return };
        let (agreement, party) = (decision.agreement, decision.party);
        *self.days.entry((party, day(document.at))).or_default() += 1;
        let mut asked = None;
        match &decision.matter {
            Matter::ReleaseAnswer { request, granted, .. } => {
                // Of two of one instant the narrower counts.
                let counts = match self.answered.get(request) {
                    Some(before) => decision.at > *before || (decision.at == *before && !granted),
                    None => true,
                };
                if counts {
                    self.answered.insert(*request, decision.at);
                    self.answers.insert(*request, (*granted, document.hash));
                }
                asked = Some(*request);
            }
            Matter::ReleaseRequest { .. } => asked = Some(document.hash),
            Matter::Emergency { .. } => {
                self.declared.entry((agreement, party)).or_default().push(document.hash);
            }
            Matter::EmergencyReport { of, outcome, .. } => {
                self.reported.insert(*of, outcome.clone());
            }
            Matter::Notice { ends } => {
                let earliest = self.notices.entry((agreement, party)).or_insert(*ends);
                *earliest = (*earliest).min(*ends);
            }
        }
        self.all.insert(document.hash, decision);
        if let Some(request) = asked {
            self.settle(request);
        }
    }

    /// Works out what a request was granted by now.
    fn settle(&mut self, request: Digest) {
        let answer = self.answers.get(&request).filter(|(granted, _)| *granted);
        let answer = answer.and_then(|(_, answer)| self.all.get(answer));
        let grant = self.all.get(&request).zip(answer).and_then(|(asked, answer)| match &asked.matter {
            Matter::ReleaseRequest { originator, subject, to } if answer.party == *originator => {
                Some((asked.agreement, *originator, asked.party, *subject, *to))
            }
            _ => None,
        });
        let before = match grant {
            Some(grant) => self.granted.insert(request, grant),
            None => self.granted.remove(&request),
        };
        if let Some(grant) = grant {
            *self.grants.entry(grant).or_default() += 1;
        }
        if let Some(before) = before
            && let Some(count) = self.grants.get_mut(&before)
        {
            *count = count.saturating_sub(1);
        }
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
        self.grants.get(&(agreement, originator, asker, subject, to)).is_some_and(|count| *count > 0)
    }

    /// When a party said it will be out of an agreement, if it gave notice: the earliest.
    #[must_use]
    pub fn notice(&self, agreement: AgreementId, party: PartyId) -> Option<Timestamp> {
        self.notices.get(&(agreement, party)).copied()
    }

    /// How many decisions of a party were kept here on the day of an instant.
    pub(super) fn on_day(&self, party: PartyId, at: Timestamp) -> usize {
        self.days.get(&(party, day(at))).copied().unwrap_or_default()
    }

    /// How many requests of a party nobody has answered yet.
    pub(super) fn open_requests(&self, party: PartyId) -> usize {
        let open = |(hash, decision): &(&Digest, &Decision)| {
            decision.party == party
                && matches!(decision.matter, Matter::ReleaseRequest { .. })
                && !self.answers.contains_key(*hash)
        };
        self.all.iter().filter(open).count()
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(DAY)
}

impl Registry {
    /// Uses of emergency clauses, newest first.
    #[must_use]
    pub fn emergencies(&self) -> Vec<Emergency> {
        let declared = self.decisions.declared.values().flatten();
        let mut uses: Vec<Emergency> = declared.filter_map(|hash| self.emergency_of(hash)).collect();
        uses.sort_by_key(|one| std::cmp::Reverse(one.declared));
        uses
    }

    /// What a declaration comes to under the text that governs.
    #[must_use]
    pub fn emergency_of(&self, declaration: &Digest) -> Option<Emergency> {
        let decision = self.decisions.all.get(declaration)?;
        let Matter::Emergency { to, .. } = &decision.matter else { return None };
        let force = self.last_force(decision.agreement)?;
        let glass = force.terms.break_glass.as_ref()?;
        Some(Emergency {
            declaration: *declaration,
            agreement: decision.agreement,
            party: decision.party,
            to: to.clone(),
            reason: decision.reason.clone(),
            declared: decision.at,
            expires: glass.expires(decision.at),
            report_due: glass.report_due(decision.at),
            reported: self.decisions.reported.get(declaration).cloned(),
        })
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
        let declared = self.decisions.declared.get(&(agreement, from))?;
        // The newest first: most have ended long ago.
        let mut uses = declared.iter().rev().filter_map(|hash| self.emergency_of(hash));
        uses.find(|one| one.to.contains(&to) && one.declared <= now && now.max(self.latest) < one.expires)
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
