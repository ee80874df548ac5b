//! Agreements: put forward, signed, entered into, changed, ended; and what they would mean for what we hold.

use std::collections::BTreeMap;

use agreement::acts::{Act, Clock, Known, Note, Record, Refused, State, Status, What};
use agreement::{Problem, Terms, proposal};
use keys::Signed;
use keys::posts::Approval;
use label::Facts;
use ledger::entry::{AgreementAct, Decision as BookedDecision, Figures};
use model::{AgreementId, Digest, Finding, PartyId, Seq, Severity, StixId, Timestamp};
use policy::diff::{Change, DiffReport, Standpoint, diff, diff_rules};
use policy::{Caveats, Policy};
use ports::trust::{ClassCount, DocumentKind, OutboxRecord};
use ports::{Read, StoreError};

use super::acts::Wanted;
use super::book::word;
use super::fold::Verified;
use super::registry::{Agreed, Registry};
use super::{Trust, TrustError, bounds};
use crate::core::Core;

/// A text that was put forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The agreement.
    pub agreement: AgreementId,
    /// The version's hash.
    pub version: Digest,
    /// What was noticed in the text, warnings and below.
    pub problems: Vec<Problem>,
}

/// What an agreement, or a change of one, does to what we hold.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// By receiver and class.
    pub report: DiffReport,
    /// The first objects of each class that fares differently, by receiver: id, and whether it is newly exposed.
    pub listed: Vec<Listed>,
    /// Whether there are more than are listed.
    pub more: bool,
}

/// One object in an [`Exposure`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// To whom.
    pub to: PartyId,
    /// The object.
    pub object: StixId,
    /// `exposed`, `withdrawn` or `altered`.
    pub change: &'static str,
    /// The clause that permits it, or did.
    pub clause: String,
}

/// The name under which the status that the ledger knows of is kept.
fn status_cursor(agreement: AgreementId) -> String {
    format!("agreement-status:{agreement}")
}

const fn status_code(status: Status) -> Seq {
    Seq(match status {
        Status::Requested | Status::Offered | Status::Accepted | Status::Agreed => 0,
        Status::Verified => 1,
        Status::InForce => 2,
        Status::Suspended => 3,
        Status::Ended => 4,
    })
}

/// Objects listed in an exposure unless more are asked for.
pub const LISTED: usize = 1000;

impl Core {
    /// Checks a text as it would be checked when put forward now.
    ///
    /// # Errors
    /// All problems, when it cannot be signed: that its expiry is past is one.
    pub fn check_terms(&self, document: &str) -> Result<(Terms, Digest), Vec<Problem>> {
        let reading = Terms::read_toml_at(document, self.clock.now());
        let terms = reading.terms.ok_or(reading.problems)?;
        match Policy::hash_of(&terms) {
            Ok(hash) => Ok((terms, hash)),
            Err(error) => Err(vec![Problem {
                severity: Severity::Error,
                pointer: String::new(),
                line: 1,
                message: error.to_string(),
                hint: "this is a defect of the program; say so".to_owned(),
            }]),
        }
    }

    /// Puts a text forward: a first version, or the successor of a version it names.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with every problem of the text.
    pub fn propose(&self, document: &str, reason: &str, author: &str) -> Result<Proposed, TrustError> {
        self.propose_in_answer(document, None, reason, author)
    }

    /// [`Core::propose`] in answer to a request.
    ///
    /// # Errors
    /// As there.
    pub fn propose_in_answer(
        &self,
        document: &str,
        answers: Option<Digest>,
        reason: &str,
        author: &str,
    ) -> Result<Proposed, TrustError> {
        let trust = self.party()?;
        let (terms, policy) = self.check_terms(document).map_err(|problems| refusal(&problems))?;
        if !terms.parties.contains_key(&trust.party) {
            return Err(TrustError::refused(format!(
                "the text does not name this node's party {}; add it under [[party]]",
                trust.party
            )));
        }
        let proposed = proposal(&terms, policy);
        let (agreement, version) = (proposed.agreement(), proposed.hash());
        let document = document.to_owned();
        let what = if terms.agreement.is_some() {
            What::Revise { document, policy }
        } else {
            What::Offer { document, policy, answers }
        };
        // Put forward before, by a command that was repeated or by the other side: there is nothing to add.
        let known = self.registry()?.agreements.get(&agreement).is_some_and(|agreed| {
            agreed.state.versions.get(&version).is_some_and(|known| known.offered.contains(&trust.party))
        });
        if known {
            return Ok(Proposed { agreement, version, problems: Vec::new() });
        }
        if let Some(request) = answers {
            let registry = self.registry()?;
            let known = registry.requests.get(&request).is_some_and(|request| request.to == trust.party);
            if !known {
                return Err(TrustError::Missing(format!("a request {request} to this node")));
            }
        }
        let _turn = trust.turn_to_speak();
        self.act(agreement, what, reason, author)?;
        Ok(Proposed { agreement, version, problems: Vec::new() })
    }

    /// The exact bytes our officers approve in order to sign a version.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a version nobody put forward.
    pub fn approval_bytes(&self, agreement: AgreementId, version: Digest) -> Result<String, TrustError> {
        Ok(self.approving(agreement, &Wanted::Agree(version))?.bytes)
    }

    /// Signs a version with our officers' approvals of [`Core::approval_bytes`]. The text is compiled here first: what
    /// does not compile to the policy it names is not signed, nor what is over by our clock.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with what is missing.
    pub fn sign_agreement(
        &self,
        agreement: AgreementId,
        version: Digest,
        approvals: Vec<Approval>,
        author: &str,
    ) -> Result<Status, TrustError> {
        let trust = self.party()?;
        let turn = trust.turn_to_speak();
        {
            let registry = self.registry()?;
            let agreed = agreement_of(&registry, agreement)?;
            let state = agreed.state.versions.get(&version);
            let state = state.ok_or_else(|| TrustError::Missing(format!("version {version}")))?;
            // Signed before: once is enough, whoever asks twice.
            if state.agreed.contains_key(&trust.party) {
                return Ok(agreed.state.status);
            }
            not_expired(&state.proposal.terms, self.clock.now())?;
            let compiled = Policy::hash_of(&state.proposal.terms).map_err(TrustError::refused)?;
            if compiled != state.proposal.policy {
                return Err(TrustError::refused(
                    "the text compiles to another policy here than the one it names: do not sign it, and compare versions of the program",
                ));
            }
            if !state.accepted.contains(&trust.party) && !state.offered.contains(&trust.party) {
                drop(registry);
                self.act(agreement, What::Accept { version }, "", author)?;
            }
        }
        let signed = self.act(agreement, What::Agree { version, approvals }, "", author)?;
        self.outcome(agreement, &signed)?;
        drop(turn);
        self.agreement_step()?;
        Ok(self.registry()?.agreements.get(&agreement).map_or(Status::Offered, |agreed| agreed.state.status))
    }

    /// Suspends, resumes, ends or leaves, for our part.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the act would not count.
    pub fn act_on(
        &self,
        agreement: AgreementId,
        what: What,
        reason: &str,
        author: &str,
    ) -> Result<Status, TrustError> {
        let trust = self.party()?;
        let turn = trust.turn_to_speak();
        let registry = self.registry()?;
        let state = &agreement_of(&registry, agreement)?.state;
        if is_done(state, &trust.party, &what) {
            return Ok(state.status);
        }
        drop(registry);
        let signed = self.act(agreement, what, reason, author)?;
        drop(turn);
        self.outcome(agreement, &signed)
    }

    /// Does by itself what needs no person: verifies signatures and enters what is complete. Returns whether it did
    /// anything.
    ///
    /// # Errors
    /// When the store fails.
    pub fn agreement_step(&self) -> Result<bool, TrustError> {
        let Some(trust) = self.trust() else { return Ok(false) };
        let _turn = trust.turn_to_speak();
        let registry = self.registry()?;
        let mut due = Vec::new();
        for (id, agreed) in &registry.agreements {
            for (hash, version) in &agreed.state.versions {
                let parties = &version.proposal.terms.parties;
                if !parties.contains_key(&trust.party) || agreed.state.status == Status::Ended {
                    continue;
                }
                let all = |done: &dyn Fn(&PartyId) -> bool| parties.keys().all(done);
                if all(&|party| version.agreed.contains_key(party))
                    && !version.verified.contains(&trust.party)
                {
                    let compiled = Policy::hash_of(&version.proposal.terms);
                    if compiled.is_ok_and(|compiled| compiled == version.proposal.policy) {
                        due.push((*id, What::Verify { version: *hash }));
                    }
                } else if all(&|party| version.verified.contains(party))
                    && !version.entered.contains(&trust.party)
                {
                    due.push((*id, What::Enter { version: *hash }));
                }
            }
        }
        let any = !due.is_empty();
        for (agreement, what) in due {
            self.act(agreement, what, "", "node")?;
        }
        self.tell_notes(trust, &registry)?;
        self.keep_latest(trust)?;
        Ok(any)
    }

    /// Tells people what is worth knowing about agreements that this node takes part in, each thing once.
    fn tell_notes(&self, trust: &Trust, registry: &Registry) -> Result<(), TrustError> {
        for (id, agreed) in &registry.agreements {
            let state = &agreed.state;
            let named = |version: &agreement::acts::VersionState| {
                version.proposal.terms.parties.contains_key(&trust.party)
            };
            if !state.active.contains(&trust.party) && !state.versions.values().any(named) {
                continue;
            }
            for note in &state.notes {
                let (rule, what, hint) = match note {
                    Note::Skew { party, .. } => (
                        "shieldwall/act-clock-skew",
                        format!("skew:{party}"),
                        "both sides: compare the node's clock with a time server; the act counts once our clock has reached it",
                    ),
                    Note::Country { party, text, .. } => (
                        "shieldwall/agreement-country",
                        format!("country:{party}:{text}"),
                        "ask the party which is right; put a text forward that says so, or have it correct its keys",
                    ),
                    Note::ReviewOverdue(at) => (
                        "shieldwall/review-overdue",
                        format!("review:{}", at.as_micros()),
                        "look at the agreement with the other parties, and agree on a text with a new date",
                    ),
                };
                let message = format!("agreement {}: {note}", id.0.short());
                let finding = Finding::new(Severity::Warning, rule, "", message).hint(hint);
                self.say_once(&format!("note:{id}:{what}"), &finding)?;
            }
        }
        Ok(())
    }

    /// Signs an act of ours and keeps it. The caller has the turn to speak.
    pub(super) fn act(
        &self,
        agreement: AgreementId,
        what: What,
        reason: &str,
        author: &str,
    ) -> Result<Signed, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let head = registry
            .agreements
            .get(&agreement)
            .and_then(|agreed| agreed.state.heads.get(&trust.party).copied());
        let act = Act {
            agreement: Some(agreement),
            party: trust.party,
            previous: head,
            at: self.clock.now(),
            reason: reason.to_owned(),
            what,
        };
        drop(registry);
        let signed = act.sign(&trust.secrets().epoch).map_err(TrustError::refused)?;
        self.keep_act_by(agreement, &signed, Some((author, reason)))?;
        Ok(signed)
    }

    /// Keeps an act of any party's. Acts that are not authentic are refused, and those of whoever has no part in the
    /// agreement; of those that merely do not count some are kept, so that every node folds the same set
    /// ([`super::bounds`]).
    ///
    /// # Errors
    /// [`TrustError::Refused`].
    pub fn keep_act(&self, agreement: AgreementId, signed: &Signed) -> Result<bool, TrustError> {
        self.keep_act_by(agreement, signed, None)
    }

    pub(super) fn keep_act_by(
        &self,
        agreement: AgreementId,
        signed: &Signed,
        author: Option<(&str, &str)>,
    ) -> Result<bool, TrustError> {
        let trust = self.party()?;
        let act = Act::read(signed).map_err(TrustError::refused)?;
        let hash = signed.hash();
        if act.subject(hash) != agreement.0 {
            return Err(TrustError::refused("the act belongs to another agreement"));
        }
        let registry = self.registry()?;
        let base = registry.matters.get(&agreement.0).cloned();
        // Kept before: there is nothing to verify again.
        if base.as_ref().is_some_and(|known| known.acts.iter().any(|known| known.hash() == hash)) {
            return Ok(false);
        }
        let now = self.clock.now();
        let known =
            Known { histories: &registry.histories, rosters: &registry.rosters, sites: &registry.sites };
        let mut record = match &base {
            Some(base) => base.record.clone(),
            None => Record::of(agreement, [], &known),
        };
        let clock = Clock { earliest: now, latest: trust.latest(now) };
        let earlier = record.at(clock);
        record.add([signed], &known);
        let state = record.at(clock);
        match state.refused.get(&hash) {
            // What never counts, whatever else comes, is not kept.
            Some(
                refused @ (Refused::Malformed(_)
                | Refused::UnknownSigner(_)
                | Refused::OtherHistory(..)
                | Refused::OtherAgreement(_)
                | Refused::Signature(_)
                | Refused::NotAParty(_)
                | Refused::TooMany),
            ) => return Err(TrustError::refused(refused)),
            // What is ours and does not count is not worth keeping either.
            Some(refused) if act.party == trust.party => {
                return Err(super::acts::refused_with_remedy(refused));
            }
            _ => {}
        }
        bounds::act(&registry, trust.party, agreement, &act, hash, &state)?;
        let version = act
            .what
            .version()
            .and_then(|hash| state.versions.get(&hash))
            .map_or(1, |version| version.proposal.terms.version);
        let moved = (earlier.status != state.status).then_some(state.status);
        let begins = earlier.status != Status::InForce || earlier.current != state.current;
        let governs = matches!(act.what, What::Enter { .. }) && state.status == Status::InForce && begins;
        let booked = booked(&act.what, earlier.status, governs);
        let exposure = match state.current.filter(|_| governs) {
            Some(version) => self.exposure_of_change(&registry, &earlier, &state, agreement, version)?,
            None => None,
        };
        let short = (act.party != trust.party && matches!(act.what, What::End | What::Leave))
            .then(|| notice_short(&registry, agreement, &act))
            .flatten();
        let tenant = self.scope.tenant;
        let verified = Verified { agreement, base, act: hash, record };
        self.keep_verified(DocumentKind::AgreementAct, agreement.0, signed, Some(verified), |tx, now| {
            if let Some((author, reason)) = author {
                tx.audit(
                    tenant,
                    now,
                    author,
                    &format!("agreement.{}", act.what.kind()),
                    &agreement.to_string(),
                    reason,
                )?;
            }
            if let Some(short) = short {
                tx.add_findings(self.scope, now, model::SourceId(0), None, &[short])?;
            }
            if let Some((exposure, version)) = &exposure {
                self.book_exposure(tx, agreement, exposure, "version", *version, now)?;
            }
            if let Some(status) = moved {
                tx.set_cursor(tenant, &status_cursor(agreement), status_code(status))?;
            }
            self.book_agreement(tx, agreement, booked, u64::from(version), hash, now)
        })
    }

    /// What the version that governs from now on exposes and withdraws, against the one that governed before.
    fn exposure_of_change(
        &self,
        registry: &Registry,
        before: &State,
        after: &State,
        agreement: AgreementId,
        version: Digest,
    ) -> Result<Option<(Exposure, Digest)>, TrustError> {
        let own = self.party()?.party;
        let Some(now) = after.versions.get(&version).map(|version| &version.proposal.terms) else {
            return Ok(None);
        };
        // What others agree on among themselves is kept, and exposes nothing of ours.
        if !now.parties.contains_key(&own) {
            return Ok(None);
        }
        let new = Policy::compile(now, agreement).map_err(TrustError::refused)?;
        let known = registry.agreements.get(&agreement);
        let governed = before.current.filter(|_| before.status == Status::InForce);
        let old = governed.and_then(|version| known?.versions.get(&version));
        let exposure = self.compare(old.map(|force| &*force.policy), Some(&new), 0)?;
        Ok(Some((exposure, version)))
    }

    /// Writes into the ledger what became of agreements by the clock alone: that they began, lapsed for want of a legal
    /// basis, or ran out. Each once: the status that was written last is kept.
    pub(crate) fn status_step(&self) -> Result<(), TrustError> {
        let tenant = self.scope.tenant;
        let registry = self.registry()?;
        let mut moved = Vec::new();
        {
            let read = self.store.read()?;
            for (id, agreed) in &registry.agreements {
                let (Some(force), code) = (agreed.force(), status_code(agreed.state.status)) else {
                    continue;
                };
                let written = read.named_cursor(tenant, &status_cursor(*id))?;
                let act = match (written, agreed.state.status) {
                    (Some(written), _) if written == code => continue,
                    (Some(written), Status::InForce) if written == status_code(Status::Suspended) => {
                        AgreementAct::Resumed
                    }
                    (_, Status::InForce) => AgreementAct::InForce,
                    (_, Status::Suspended) => AgreementAct::Suspended,
                    (_, Status::Ended) => AgreementAct::Ended,
                    _ => continue,
                };
                moved.push((*id, act, u64::from(force.terms.version), force.version, code));
            }
        }
        let now = self.clock.now();
        for (agreement, act, version, document, code) in moved {
            self.store.transact(|tx| {
                self.book_agreement(tx, agreement, act, version, document, now)?;
                tx.set_cursor(tenant, &status_cursor(agreement), code)
            })?;
        }
        Ok(())
    }

    /// What a text would newly expose or withdraw, by replay over what we hold: against the version in force, if it is a
    /// change of one.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with every problem of the text.
    pub fn exposure(&self, document: &str, list: usize) -> Result<Exposure, TrustError> {
        let (terms, _) = self.check_terms(document).map_err(|problems| refusal(&problems))?;
        let id = terms.agreement.unwrap_or(AgreementId(Digest::ZERO));
        let new = Policy::compile(&terms, id).map_err(TrustError::refused)?;
        let registry = self.registry()?;
        let old = terms.agreement.and_then(|id| registry.last_force(id));
        self.compare(old.as_ref().map(|force| &*force.policy), Some(&new), list)
    }

    /// What ending an agreement would withdraw.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for an agreement that is not in force.
    pub fn exposure_of_end(&self, agreement: AgreementId, list: usize) -> Result<Exposure, TrustError> {
        let registry = self.registry()?;
        let force = registry.last_force(agreement);
        let force = force.ok_or_else(|| TrustError::Missing(format!("a text in force of {agreement}")))?;
        self.compare(Some(&force.policy), None, list)
    }

    /// What an agreement would newly expose or withdraw under other rules of our own.
    pub(crate) fn compare_rules(
        &self,
        policy: &Policy,
        then: &Caveats,
        list: usize,
    ) -> Result<Exposure, TrustError> {
        let mut exposure =
            self.replay(list, |standpoint, classes| diff_rules(policy, standpoint, then, classes))?;
        // Whoever has left, or parts from us, is given nothing under either.
        let recipients = self.registry()?.recipients(policy.agreement(), self.party()?.party);
        exposure.report.parties.retain(|party, _| recipients.contains(party));
        exposure.listed.retain(|listed| recipients.contains(&listed.to));
        Ok(exposure)
    }

    fn compare(
        &self,
        old: Option<&Policy>,
        new: Option<&Policy>,
        list: usize,
    ) -> Result<Exposure, TrustError> {
        self.replay(list, |standpoint, classes| diff(old, new, standpoint, classes))
    }

    /// A comparison over everything we hold, and the first objects that it concerns.
    fn replay(
        &self,
        list: usize,
        compare: impl FnOnce(&Standpoint<'_>, Vec<(&str, model::Label, u64)>) -> DiffReport,
    ) -> Result<Exposure, TrustError> {
        let trust = self.party()?;
        let rules = self.rules();
        let standpoint =
            Standpoint { from: trust.party, at: self.clock.now(), caveats: &rules.caveats, exercise: None };
        let read = self.store.read()?;
        let mut classes = read.classes(self.scope)?;
        // What people took back goes to nobody, whatever is agreed.
        let gone = self.gone_for_good(&*read)?;
        let mut away: BTreeMap<(&str, model::Label), usize> = BTreeMap::new();
        gone.values().for_each(|(class, label)| *away.entry((class.as_str(), *label)).or_default() += 1);
        for one in &mut classes {
            let away = away.get(&(one.class.as_str(), one.label)).copied().unwrap_or_default();
            one.objects = one.objects.saturating_sub(away as u64);
        }
        classes.retain(|one| one.objects > 0);
        let counted =
            classes.iter().map(|ClassCount { class, label, objects }| (class.as_str(), *label, *objects));
        let report = compare(&standpoint, counted.collect());
        let (mut listed, mut more) = (Vec::new(), false);
        for (to, party) in &report.parties {
            let changes: [(&'static str, &[Change]); 3] =
                [("exposed", &party.exposed), ("withdrawn", &party.withdrawn), ("altered", &party.altered)];
            for (change, changed) in
                changes.into_iter().flat_map(|(name, list)| list.iter().map(move |c| (name, c)))
            {
                let room = list.saturating_sub(listed.len());
                more |= changed.objects > room as u64;
                let away = away.get(&(changed.class.as_str(), changed.label)).copied().unwrap_or_default();
                let most = if room > 0 { room.saturating_add(away) } else { 0 };
                let members = read.class_members(self.scope, &changed.class, changed.label, None, most)?;
                let members = members.into_iter().filter(|stored| !gone.contains_key(&stored.id)).take(room);
                let clause =
                    changed.after.as_ref().or(changed.before.as_ref()).map(|(clause, _)| clause.clone());
                listed.extend(members.map(|stored| Listed {
                    to: *to,
                    object: stored.id,
                    change,
                    clause: clause.clone().unwrap_or_default(),
                }));
            }
        }
        Ok(Exposure { report, listed, more })
    }

    /// What people took back for good and is still held, with the class that it is counted in.
    fn gone_for_good(&self, read: &dyn Read) -> Result<BTreeMap<StixId, (String, model::Label)>, TrustError> {
        const PAGE: usize = 1_000;
        let tenant = self.scope.tenant;
        let mut gone = BTreeMap::new();
        let mut after: Option<StixId> = None;
        loop {
            let page = read.taken_back(tenant, after.as_ref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().cloned();
            for id in page {
                if !self.is_recalled(read, &id)? {
                    continue;
                }
                let Some(stored) = read.object(self.scope, &id, None)? else { continue };
                let class = read.class_of(tenant, stored.version_id)?.unwrap_or_default();
                gone.insert(id, (class, stored.label));
            }
            if !full {
                return Ok(gone);
            }
        }
    }

    /// The TOML text of a version.
    ///
    /// # Errors
    /// [`TrustError::Missing`] for a version nobody put forward.
    pub fn document_of(&self, agreement: AgreementId, version: Digest) -> Result<String, TrustError> {
        let registry = self.registry()?;
        let agreed = agreement_of(&registry, agreement)?;
        let found =
            agreed.acts.iter().filter_map(|signed| Act::read(signed).ok()).find_map(|act| match act.what {
                What::Offer { document, policy, .. } | What::Revise { document, policy } => {
                    let terms = Terms::parse_toml(&document).ok()?;
                    (proposal(&terms, policy).hash() == version).then_some(document)
                }
                _ => None,
            });
        found.ok_or_else(|| TrustError::Missing(format!("the text of version {version}")))
    }

    /// A release officer decides on what a detector found.
    ///
    /// # Errors
    /// [`StoreError::Missing`] and [`StoreError::Exists`] through [`TrustError::Store`].
    pub fn decide_review(
        &self,
        number: u64,
        release: bool,
        author: &str,
        reason: &str,
    ) -> Result<(), TrustError> {
        let trust = self.party()?;
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let review =
            self.store.read()?.reviews(tenant, true, 100_000)?.into_iter().find(|review| review.id == number);
        let review = review.ok_or_else(|| TrustError::Missing(format!("review {number}")))?;
        if review.decided.as_ref().is_some_and(|(before, ..)| *before == release) {
            return Ok(());
        }
        let registry = self.registry()?;
        let detector = review.found.split('"').nth(3).unwrap_or("other").to_owned();
        self.store.transact(|tx| {
            tx.decide_review(tenant, number, release, author, reason, now)?;
            tx.audit(tenant, now, author, "review.decide", &number.to_string(), reason)?;
            let decision = if release { BookedDecision::Released } else { BookedDecision::Withheld };
            let figures = Figures::Review { detector: word(&detector), decision, reason: word("officer") };
            self.book(tx, now, figures, &format!(r#"{{"review":{number}}}"#))?;
            if release {
                // What the detector found would have stayed here: a person overruled it. That takes the role admin.
                let figures = Figures::Override { rule: word(&detector), post: word("admin") };
                self.book(tx, now, figures, &format!(r#"{{"review":{number}}}"#))?;
            }
            // It takes its place in the queue again: policy is asked once more when its turn comes.
            if release && registry.last_force(review.agreement).is_some() {
                let entry = OutboxRecord {
                    id: 0,
                    to: review.to,
                    agreement: review.agreement,
                    kind: "put".to_owned(),
                    version: Some(review.version),
                    inline: None,
                    decision: None,
                    not_before: now,
                };
                tx.queue(tenant, &entry)?;
            }
            Ok(())
        })?;
        trust.wake();
        Ok(())
    }

    /// Gives classes to what was stored before there were any. Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails.
    pub fn classify_step(&self) -> Result<bool, StoreError> {
        const STEP: usize = 500;
        let sources = self.store.read()?.sources(self.scope.tenant)?;
        self.store.transact(|tx| {
            let waiting = tx.unclassified(self.scope, STEP)?;
            for stored in &waiting {
                let kind = sources.iter().find(|(source, _)| source.id == stored.source);
                let kind = kind.map_or("", |(source, _)| source.kind.as_str());
                let class = class_of(&stored.raw, stored.label, stored.source.0 == 0, kind);
                tx.classify(self.scope, stored.version_id, &class)?;
            }
            Ok(waiting.len() == STEP)
        })
    }
}

/// The class of a text that was stored before there were classes.
fn class_of(raw: &str, label: model::Label, own: bool, kind: &str) -> String {
    let mut tape = json::Tape::new();
    let valid = tape
        .parse(raw.as_bytes(), &json::Limits::OBJECT)
        .ok()
        .and_then(|value| stix::validate(value, &stix::Checks::default(), &mut Vec::new()));
    let Some(valid) = valid else { return String::from("unreadable") };
    let facts: Facts = label::facts(&valid, label, &|_| None, &mut Vec::new());
    let facts = if own {
        facts.own()
    } else {
        facts.received(label::Origin::Other(kind.to_owned()), &label::Onward::Free)
    };
    facts.to_text()
}

/// What people are told when a party is out without the notice that the text asks for. It may be, at any time.
fn notice_short(registry: &Registry, agreement: AgreementId, act: &Act) -> Option<Finding> {
    let hours = registry.last_force(agreement)?.terms.notice_hours;
    let given = registry.decisions.notice(agreement, act.party).is_some_and(|ends| ends <= act.at);
    let message = format!(
        "party {} ended agreement {} or left it, without the {hours} hours of notice that its text asks for",
        act.party.0.short(),
        agreement.0.short()
    );
    let finding = Finding::new(Severity::Warning, "shieldwall/notice-short", "", message)
        .hint("it is out all the same: anybody may stop at once");
    (hours > 0 && !given).then_some(finding)
}

fn agreement_of(registry: &Registry, agreement: AgreementId) -> Result<&Agreed, TrustError> {
    let found = registry.agreements.get(&agreement).map(AsRef::as_ref);
    found.ok_or_else(|| TrustError::Missing(format!("an agreement {agreement}")))
}

/// Refuses to sign what its own text has ended: it would bind nobody. Others may have signed it in its time.
pub(super) fn not_expired(terms: &Terms, now: Timestamp) -> Result<(), TrustError> {
    match terms.expired(now) {
        Some((message, remedy)) => Err(TrustError::refused(format!(
            "expiry: {message}; {remedy} in a new text, and put that forward with `shieldwall agreement propose`"
        ))),
        None => Ok(()),
    }
}

pub(super) fn refusal(problems: &[Problem]) -> TrustError {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    TrustError::Refused(errors.map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Whether an act that narrows would say again what was said.
fn is_done(state: &agreement::acts::State, own: &PartyId, what: &What) -> bool {
    use agreement::acts::Reason;
    let suspended = |reason: &Reason| matches!(reason, Reason::SuspendedBy(who) if who.party == *own);
    let ended = |reason: &Reason| matches!(reason, Reason::EndedBy(who) if who.party == *own);
    match what {
        What::Suspend => state.blocked.get(own).into_iter().flatten().any(suspended),
        What::End => state.status == Status::Ended && state.reasons.iter().any(ended),
        What::Leave => state.current.is_some() && state.ever.contains(own) && !state.active.contains(own),
        _ => false,
    }
}

/// How the ledger counts an act.
fn booked(what: &What, before: Status, governs: bool) -> AgreementAct {
    match what {
        What::Request { .. } => AgreementAct::Requested,
        What::Offer { .. } | What::Revise { .. } => AgreementAct::Offered,
        What::Accept { .. } => AgreementAct::Accepted,
        What::Agree { .. } => AgreementAct::Agreed,
        What::Retract { .. } => AgreementAct::Refused,
        What::Enter { .. } if governs && before == Status::InForce => AgreementAct::Changed,
        What::Enter { .. } if governs => AgreementAct::InForce,
        // Others have yet to enter, or its start is to come: then the clock brings it into force.
        What::Enter { .. } | What::Verify { .. } => AgreementAct::Verified,
        What::Suspend => AgreementAct::Suspended,
        What::Resume { .. } => AgreementAct::Resumed,
        What::End => AgreementAct::Revoked,
        What::Join { .. } | What::Admit { .. } => AgreementAct::Joined,
        What::Leave => AgreementAct::Left,
    }
}
