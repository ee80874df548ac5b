//! Decisions that persons sign under an agreement: prepared here, approved by officers elsewhere, signed with the epoch key,
//! kept, and told to those they concern.

use std::collections::BTreeSet;

use agreement::Form;
use agreement::acts::{Status, What};
use agreement::decision::{Decision, Matter};
use keys::Signed;
use keys::posts::Approval;
use ledger::entry::{BreakGlassAct, Figures, Item, ReleaseAct, Side};
use model::{AgreementId, Digest, Finding, PartyId, Severity, StixId, Timestamp, VersionId};
use ports::trust::DocumentKind;
use ports::{StoreError, Tx};

use super::book::word;
use super::registry::{InForce, Registry};
use super::{TrustError, bounds};
use crate::core::Core;

/// A request to an originator, as either side sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its hash.
    pub request: Digest,
    /// Under which agreement the object came to whoever asks.
    pub agreement: AgreementId,
    /// Who asks.
    pub from: PartyId,
    /// Who is asked.
    pub originator: PartyId,
    /// To whom the object would go.
    pub to: PartyId,
    /// The object, where it is still here.
    pub object: Option<StixId>,
    /// Why.
    pub reason: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The answer, once there is one.
    pub granted: Option<bool>,
    /// What the answer says besides.
    pub answer: Option<String>,
}

impl Core {
    /// The exact bytes that officers approve to declare an emergency from now on.
    ///
    /// # Errors
    /// [`TrustError::Missing`] without a text in force.
    pub fn emergency_bytes(
        &self,
        agreement: AgreementId,
        to: BTreeSet<PartyId>,
        reason: &str,
    ) -> Result<String, TrustError> {
        let registry = self.registry()?;
        let force = governing(&registry, agreement)?;
        let Some(glass) = &force.terms.break_glass else {
            return Err(TrustError::refused(
                "the agreement has no [break_glass] clause: agree on a text that has one",
            ));
        };
        let own = self.party()?.party;
        let to = if to.is_empty() {
            let named = |party: &PartyId| *party != own && glass.to.includes(party);
            force.terms.parties.keys().copied().filter(named).collect()
        } else {
            to
        };
        if to.is_empty() {
            return Err(TrustError::refused(
                "the [break_glass] clause lets nobody but ourselves be given more",
            ));
        }
        self.draft(agreement, reason, Matter::Emergency { to, approvals: Vec::new() })
    }

    /// The exact bytes that officers approve as the report of an emergency.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a use that is not ours or not known.
    pub fn emergency_report_bytes(
        &self,
        of: Digest,
        outcome: &str,
        report: &str,
    ) -> Result<String, TrustError> {
        let own = self.party()?.party;
        let registry = self.registry()?;
        let found = registry.emergency_of(&of).filter(|one| one.party == own);
        let found = found.ok_or_else(|| TrustError::Missing(format!("an emergency {of} of this node's")))?;
        if let Some(outcome) = found.reported {
            return Err(TrustError::refused(format!("it is reported already: {outcome}")));
        }
        // A report on what still flows would leave out what flows after it.
        if self.clock.now() < found.expires {
            return Err(TrustError::refused(format!(
                "the emergency clause is in use until {}: report on it then, and until {}",
                found.expires, found.report_due
            )));
        }
        let matter = Matter::EmergencyReport { of, outcome: outcome.to_owned(), approvals: Vec::new() };
        self.draft(found.agreement, report, matter)
    }

    /// The exact bytes that officers approve as the answer to a request.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a request that is not ours to answer.
    pub fn release_answer_bytes(
        &self,
        request: Digest,
        granted: bool,
        reason: &str,
    ) -> Result<String, TrustError> {
        let own = self.party()?.party;
        let registry = self.registry()?;
        let asked = registry.decisions.all.get(&request);
        let ours = |decision: &&Decision| matches!(&decision.matter, Matter::ReleaseRequest { originator, .. } if *originator == own);
        let asked = asked
            .filter(ours)
            .ok_or_else(|| TrustError::Missing(format!("a request {request} that is ours to answer")))?;
        self.draft(asked.agreement, reason, Matter::ReleaseAnswer { request, granted, approvals: Vec::new() })
    }

    fn draft(&self, agreement: AgreementId, reason: &str, matter: Matter) -> Result<String, TrustError> {
        let party = self.party()?.party;
        let decision = Decision { agreement, party, at: self.clock.now(), reason: reason.to_owned(), matter };
        let text = decision.approval_text();
        // What could not be read again is said now, not when officers have signed it.
        Decision::from_approved(&text, Vec::new()).map_err(TrustError::refused)?;
        Ok(text)
    }

    /// Makes a decision of bytes that officers approved, signs and keeps it. The same bytes again change nothing.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is missing.
    pub fn decide_approved(
        &self,
        bytes: &str,
        approvals: Vec<Approval>,
        author: &str,
    ) -> Result<Digest, TrustError> {
        let decision = Decision::from_approved(bytes, approvals).map_err(TrustError::refused)?;
        self.is_newest(&decision)?;
        if decision.matter.approvals().is_none() {
            return Err(TrustError::refused("a decision of this kind is not approved by officers"));
        }
        self.decide_on(&decision, author)
    }

    /// Of several answers the newest counts, so an older one would be kept and change nothing.
    fn is_newest(&self, decision: &Decision) -> Result<(), TrustError> {
        let Matter::ReleaseAnswer { request, .. } = &decision.matter else { return Ok(()) };
        let registry = self.registry()?;
        let said = registry.decisions.answers.get(request);
        match said.and_then(|(granted, answer)| Some((granted, registry.decisions.all.get(answer)?))) {
            Some((granted, later)) if later.at > decision.at => Err(TrustError::refused(format!(
                "these bytes are of {}, and the request was {} on {}, which counts: take new bytes with --bytes, and have those approved",
                decision.at,
                if *granted { "granted" } else { "refused" },
                later.at
            ))),
            _ => Ok(()),
        }
    }

    /// Asks the originators of an object to let it go to a party: everyone who gave it to us, or our own officers when it
    /// is ours. What was asked before is not asked again.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for an object that is not held, [`TrustError::Refused`] where nobody can be asked.
    pub fn request_release(
        &self,
        object: &StixId,
        to: PartyId,
        reason: &str,
        author: &str,
    ) -> Result<Vec<Digest>, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let candidate = {
            let read = self.store.read()?;
            let stored = read.object(self.scope, object, None)?;
            let stored = stored.ok_or_else(|| TrustError::Missing(format!("`{object}`")))?;
            self.candidate(&*read, stored.version_id)?
        };
        let candidate = candidate.ok_or_else(|| TrustError::Missing(format!("facts about `{object}`")))?;
        let mut asked: Vec<(AgreementId, PartyId, Digest)> = Vec::new();
        for (from, agreement, subject) in &candidate.held {
            if let label::Origin::Party(creator) = &candidate.facts.origin
                && creator != from
            {
                return Err(TrustError::refused(format!(
                    "it came by way of {}: ask {}, who made it, to give it to you under an agreement first",
                    from.0.short(),
                    creator.0.short()
                )));
            }
            asked.push((*agreement, *from, *subject));
        }
        if candidate.held.is_empty() {
            for (agreement, _) in registry.in_force() {
                if registry.recipients(agreement, trust.party).contains(&to) {
                    asked.push((agreement, trust.party, trust.names(to, agreement).object(object)));
                }
            }
        }
        if asked.is_empty() {
            return Err(TrustError::refused(
                "there is no agreement in force with that party: sign one first",
            ));
        }
        let mut hashes = Vec::new();
        for (agreement, originator, subject) in asked {
            let matter = Matter::ReleaseRequest { originator, subject, to };
            let before = registry.decisions.all.iter().find(|(hash, decision)| {
                decision.matter == matter
                    && decision.agreement == agreement
                    && decision.party == trust.party
                    && !registry.decisions.answers.contains_key(hash)
            });
            if let Some((hash, _)) = before {
                hashes.push(*hash);
                continue;
            }
            let decision = Decision {
                agreement,
                party: trust.party,
                at: self.clock.now(),
                reason: reason.to_owned(),
                matter,
            };
            let hash = self.decide_on(&decision, author)?;
            // Which version it is about stays here, as a number: documents name no object.
            let version = u64::try_from(candidate.stored.version_id.0).unwrap_or_default();
            self.store.transact(|tx| {
                tx.set_cursor(self.scope.tenant, &request_cursor(hash), model::Seq(version))
            })?;
            hashes.push(hash);
        }
        Ok(hashes)
    }

    /// Says that we shall end an agreement, or leave a circle, once the notice that its text asks for is over. Everything
    /// flows until then, and then the node ends it by itself. Returns when that is.
    ///
    /// # Errors
    /// [`TrustError::Missing`] without a text in force.
    pub fn give_notice(
        &self,
        agreement: AgreementId,
        reason: &str,
        author: &str,
    ) -> Result<Timestamp, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        if let Some(ends) = registry.decisions.notice(agreement, trust.party) {
            return Ok(ends);
        }
        let force = governing(&registry, agreement)?;
        let now = self.clock.now();
        let ends = force.terms.notice_ends(now);
        let (party, matter) = (trust.party, Matter::Notice { ends });
        let decision = Decision { agreement, party, at: now, reason: reason.to_owned(), matter };
        self.decide_on(&decision, author)?;
        Ok(ends)
    }

    /// Carries out what was given notice of. Returns whether anything was.
    ///
    /// # Errors
    /// When the store fails.
    pub fn notice_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let now = trust.latest(self.clock.now());
        let registry = self.registry()?;
        let mut due = Vec::new();
        for (id, agreed) in &registry.agreements {
            let active = agreed.state.active.contains(&trust.party) && agreed.state.status != Status::Ended;
            let ends = registry.decisions.notice(*id, trust.party);
            if active && ends.is_some_and(|ends| ends <= now) {
                let circle = agreed.force().is_some_and(|force| !matches!(force.terms.form, Form::Bilateral));
                due.push((*id, if circle { What::Leave } else { What::End }));
            }
        }
        drop(registry);
        let any = !due.is_empty();
        for (agreement, what) in due {
            self.act_on(agreement, what, "the notice given is over", "node")?;
        }
        Ok(any)
    }

    fn decide_on(&self, decision: &Decision, author: &str) -> Result<Digest, TrustError> {
        let trust = self.party()?;
        if decision.party != trust.party {
            return Err(TrustError::refused("the decision is another party's"));
        }
        {
            let registry = self.registry()?;
            bounds::decision(&registry, decision, self.clock.now())?;
            let force = governing(&registry, decision.agreement)?;
            let roster = registry.roster(trust.party);
            let site = registry.sites.get(&trust.party);
            decision.permitted(&force.terms, &roster, site, self.clock.now()).map_err(TrustError::refused)?;
        }
        let signed = decision.sign(&trust.secrets().epoch).map_err(TrustError::refused)?;
        let hash = signed.hash();
        self.keep_checked(decision, &signed, Some(author))?;
        Ok(hash)
    }

    /// Keeps a decision that a peer told us of.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for one that does not count.
    pub(crate) fn keep_decision(
        &self,
        from: PartyId,
        agreement: AgreementId,
        signed: &Signed,
    ) -> Result<bool, TrustError> {
        let decision = Decision::read(signed).map_err(TrustError::refused)?;
        let own = self.party()?.party;
        if decision.agreement != agreement || decision.party != from {
            return Err(TrustError::refused("the decision belongs to another agreement or party"));
        }
        {
            let registry = self.registry()?;
            // Told before: there is nothing to verify again, and nothing to count.
            if registry.decisions.all.contains_key(&signed.hash()) {
                return Ok(false);
            }
            bounds::decision(&registry, &decision, self.clock.now())?;
            if !registry.shares(agreement, from, own) {
                return Err(TrustError::refused("there is no agreement with this party"));
            }
            let force = governing(&registry, agreement)?;
            let history = registry
                .histories
                .get(&from)
                .ok_or_else(|| TrustError::refused("the party's keys are not known"))?;
            let (roster, site) = (registry.roster(from), registry.sites.get(&from));
            decision
                .verify(signed, &force.terms, history, &roster, site, self.clock.now())
                .map_err(TrustError::refused)?;
            let answers = match &decision.matter {
                Matter::ReleaseAnswer { request, .. } => Some(request),
                _ => None,
            };
            if let Some(request) = answers {
                let asked = registry.decisions.all.get(request);
                let fits = asked.is_some_and(|asked| {
                    asked.party == own
                        && matches!(&asked.matter, Matter::ReleaseRequest { originator, .. } if *originator == from)
                });
                if !fits {
                    return Err(TrustError::refused("it answers no request of ours to this party"));
                }
            }
        }
        self.keep_checked(&decision, signed, None)
    }

    fn keep_checked(
        &self,
        decision: &Decision,
        signed: &Signed,
        author: Option<&str>,
    ) -> Result<bool, TrustError> {
        let hash = signed.hash();
        let tenant = self.scope.tenant;
        let booked = self.booked_decision(decision, hash)?;
        let new =
            self.keep_document(DocumentKind::PersonalDecision, decision.agreement.0, signed, |tx, now| {
                let kind = decision.matter.kind();
                let subject = decision.agreement.to_string();
                let by = author.unwrap_or("peer");
                tx.audit(tenant, now, by, &format!("decision.{kind}"), &subject, &decision.reason)?;
                for figures in booked {
                    self.book(tx, now, figures, &format!(r#"{{"document":"{hash}"}}"#))?;
                }
                if author.is_none() {
                    self.tell_people(tx, decision, now)?;
                }
                Ok(())
            })?;
        if new && let Matter::ReleaseAnswer { request, .. } = &decision.matter {
            self.answered_release(*request)?;
        }
        Ok(new)
    }

    /// What a peer decided that people here should know of.
    fn tell_people(&self, tx: &mut dyn Tx, decision: &Decision, now: Timestamp) -> Result<(), StoreError> {
        let who = decision.party.0.short();
        let agreement = decision.agreement.0.short();
        let finding = match &decision.matter {
            Matter::Notice { ends } => Finding::new(
                Severity::Warning,
                "shieldwall/notice-given",
                "",
                format!("party {who} will end agreement {agreement}, or leave it, on {ends}"),
            )
            .hint("everything flows until then; agree on a new text in time if you need one"),
            Matter::Emergency { .. } => Finding::new(
                Severity::Warning,
                "shieldwall/emergency-declared",
                "",
                format!("party {who} uses the emergency clause of agreement {agreement}"),
            )
            .hint("what it gives until it ends by itself may be above the ordinary ceilings; see `shieldwall break-glass list`"),
            Matter::ReleaseRequest { .. } => Finding::new(
                Severity::Note,
                "shieldwall/release-requested",
                "",
                format!("party {who} asks to pass on something it was given under agreement {agreement}"),
            )
            .hint("answer with `shieldwall orcon grant` or `shieldwall orcon refuse`"),
            Matter::EmergencyReport { .. } | Matter::ReleaseAnswer { .. } => return Ok(()),
        };
        tx.add_findings(self.scope, now, model::SourceId(0), None, &[finding])
    }

    /// An originator answered a request of ours: decide anew on what it was about.
    fn answered_release(&self, request: Digest) -> Result<(), TrustError> {
        let registry = self.registry()?;
        let Some(Decision { matter: Matter::ReleaseRequest { to, .. }, .. }) =
            registry.decisions.all.get(&request)
        else {
            return Ok(());
        };
        let version = self.store.read()?.named_cursor(self.scope.tenant, &request_cursor(request))?;
        match version.and_then(|seq| i64::try_from(seq.0).ok()) {
            Some(version) => self.decide_again(VersionId(version), *to),
            // Asked by others of us: nothing of ours waits for it.
            None => Ok(()),
        }
    }

    /// How the ledger counts a decision.
    fn booked_decision(&self, decision: &Decision, hash: Digest) -> Result<Vec<Figures>, TrustError> {
        let own = self.party()?.party;
        let registry = self.registry()?;
        let use_of = |declaration: &Digest, peer: PartyId| -> Item {
            self.matter(&[b"break-glass", &declaration.0, &peer.0.0])
        };
        // Of an emergency each side counts its own: who was given more, or by whom.
        let peers = |giver: PartyId, to: &BTreeSet<PartyId>| -> Vec<PartyId> {
            match giver == own {
                true => to.iter().copied().collect(),
                false => to.iter().filter(|party| **party == own).map(|_| giver).collect(),
            }
        };
        Ok(match &decision.matter {
            Matter::Emergency { to, .. } => {
                let force = governing(&registry, decision.agreement)?;
                let Some(glass) = &force.terms.break_glass else { return Ok(Vec::new()) };
                let (label, expires) = (glass.ceiling.tlp(), glass.expires(decision.at));
                let used = |peer| Figures::BreakGlass {
                    item: use_of(&hash, peer),
                    act: BreakGlassAct::Used { peer: self.pseudonym(peer), label, expires },
                };
                peers(decision.party, to).into_iter().map(used).collect()
            }
            Matter::EmergencyReport { of, outcome, .. } => {
                let declared = registry.emergency_of(of);
                let Some(declared) = declared.filter(|declared| declared.party == decision.party) else {
                    return Err(TrustError::refused("it reports an emergency that is not known here"));
                };
                let reviewed = |peer| Figures::BreakGlass {
                    item: use_of(of, peer),
                    act: BreakGlassAct::Reviewed { outcome: word(outcome) },
                };
                peers(declared.party, &declared.to).into_iter().map(reviewed).collect()
            }
            Matter::ReleaseRequest { originator, .. } => {
                let (side, peer) = if decision.party == own {
                    (Side::Asked, *originator)
                } else {
                    (Side::Answered, decision.party)
                };
                let act = ReleaseAct::Requested { side, peer: self.pseudonym(peer) };
                vec![Figures::Release { item: self.matter(&[b"release", &hash.0]), act }]
            }
            Matter::ReleaseAnswer { request, granted, .. } => {
                let act = if *granted { ReleaseAct::Granted } else { ReleaseAct::Refused };
                vec![Figures::Release { item: self.matter(&[b"release", &request.0]), act }]
            }
            Matter::Notice { .. } => Vec::new(),
        })
    }

    /// Requests to originators, ours and those to us, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn release_requests(&self) -> Result<Vec<Request>, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let tenant = self.scope.tenant;
        let mut requests = Vec::new();
        let mut known = Vec::new();
        {
            let read = self.store.read()?;
            for (hash, decision) in &registry.decisions.all {
                let Matter::ReleaseRequest { originator, subject, to } = &decision.matter else { continue };
                let object = if decision.party == trust.party {
                    let version = read.named_cursor(tenant, &request_cursor(*hash))?;
                    let version = version.and_then(|seq| i64::try_from(seq.0).ok()).map(VersionId);
                    let stored = version.map(|version| read.version(self.scope, version)).transpose()?;
                    stored.flatten().map(|stored| stored.id)
                } else {
                    known.push((requests.len(), decision.party, decision.agreement, *subject));
                    None
                };
                let answer = registry.decisions.answers.get(hash);
                let said = answer.and_then(|(_, answer)| registry.decisions.all.get(answer));
                requests.push(Request {
                    request: *hash,
                    agreement: decision.agreement,
                    from: decision.party,
                    originator: *originator,
                    to: *to,
                    object,
                    reason: decision.reason.clone(),
                    at: decision.at,
                    granted: answer.map(|(granted, _)| *granted),
                    answer: said.map(|said| said.reason.clone()),
                });
            }
        }
        for (at, asker, agreement, subject) in known {
            let given = self.store.transact(|tx| tx.disclosure(tenant, asker, agreement, subject))?;
            if let Some(request) = requests.get_mut(at) {
                request.object = given.and_then(|given| given.object);
            }
        }
        requests.sort_by_key(|request| std::cmp::Reverse(request.at));
        Ok(requests)
    }

    /// Says so when the report of an emergency is overdue. Each use is told of once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn emergency_step(&self) -> Result<bool, TrustError> {
        let Some(_) = self.trust() else { return Ok(false) };
        let now = self.clock.now();
        let registry = self.registry()?;
        let mut told = false;
        for one in registry.emergencies() {
            if one.reported.is_some() || now < one.report_due {
                continue;
            }
            let message = format!(
                "the report on the use of the emergency clause of agreement {} by {}, declared {}, was due {}",
                one.agreement.0.short(),
                one.party.0.short(),
                one.declared,
                one.report_due
            );
            let finding = Finding::new(Severity::Error, "shieldwall/emergency-report-overdue", "", message)
                .hint("officers sign it with `shieldwall break-glass report`; a partner's is theirs to sign: ask them");
            told |= self.say_once(&format!("emergency-overdue:{}", one.declaration), &finding)?;
        }
        Ok(told)
    }

    /// Keeps a finding unless it was kept before under the same name. Returns whether it was new.
    pub(crate) fn say_once(&self, name: &str, finding: &Finding) -> Result<bool, TrustError> {
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        if self.store.read()?.named_cursor(tenant, name)?.is_some() {
            return Ok(false);
        }
        self.store.transact(|tx| {
            tx.add_findings(self.scope, now, model::SourceId(0), None, std::slice::from_ref(finding))?;
            tx.set_cursor(tenant, name, model::Seq(1))
        })?;
        Ok(true)
    }
}

/// Whom a decision of ours concerns: it is told to nobody else.
pub(crate) fn concerns(registry: &Registry, own: PartyId, decision: &Decision, to: PartyId) -> bool {
    if decision.party != own {
        return false;
    }
    match &decision.matter {
        Matter::Emergency { to: given, .. } => given.contains(&to),
        Matter::EmergencyReport { of, .. } => registry.decisions.all.get(of).is_some_and(
            |one| matches!(&one.matter, Matter::Emergency { to: given, .. } if given.contains(&to)),
        ),
        Matter::ReleaseRequest { originator, .. } => *originator == to,
        Matter::ReleaseAnswer { request, .. } => {
            registry.decisions.all.get(request).is_some_and(|asked| asked.party == to)
        }
        Matter::Notice { .. } => registry.concerns(decision.agreement, to),
    }
}

fn request_cursor(request: Digest) -> String {
    format!("release-request:{request}")
}

fn governing(registry: &Registry, agreement: AgreementId) -> Result<InForce, TrustError> {
    let force = registry.last_force(agreement);
    force.ok_or_else(|| TrustError::Missing(format!("a text in force of {agreement}")))
}
