//! From verified acts to a state: chains, versions, conflicts, what is current. A pure function of the set and the
//! clock.

use std::collections::{BTreeMap, BTreeSet};

use keys::window::SKEW;
use model::{Digest, PartyId, Timestamp};

use super::act::{Act, What};
use super::circle;
use super::record::{MOST_ACTS, Record};
use super::state::{
    Clock, Conflict, MembershipState, Note, Reason, Refused, Signer, State, Status, VersionState, Waiting,
};
use crate::terms::{Form, Terms};

/// The most contradictions that are told, and that are looked for at one party.
pub(super) const MOST_CONFLICTS: usize = 16;

/// What one party has done, along its chain.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    accepted: BTreeSet<Digest>,
    agreed: BTreeMap<Digest, Step>,
    verified: BTreeSet<Digest>,
    entered: BTreeSet<Digest>,
    /// Memberships it signed.
    pub(super) admitted: BTreeMap<Digest, Step>,
    /// Its acts of joining, by hash.
    pub(super) joined: BTreeMap<Digest, Step>,
    suspended: Option<Digest>,
    /// Its last act that leaves or ends.
    pub(super) left: Option<Step>,
    ended: Option<Digest>,
}

/// A place in a chain: how many acts are before it, and the act. An act with acts missing before it comes last.
pub(super) type Step = (usize, Digest);

/// A step of an act that narrows though acts before it are missing.
const AFTER_ALL: usize = usize::MAX;

/// Judges a record.
pub(super) fn state(record: &Record, clock: Clock) -> State {
    let none = BTreeMap::new();
    let first = Judge::new(record, clock, &none);
    let void = first.void();
    let judge = if void.is_empty() { first } else { Judge::new(record, clock, &void) };
    judge.state()
}

pub(super) struct Judge<'r> {
    pub(super) record: &'r Record,
    pub(super) clock: Clock,
    /// What a later version declares void, and which version does.
    void: BTreeMap<Digest, Digest>,
    pub(super) lines: BTreeMap<PartyId, Line>,
    heads: BTreeMap<PartyId, Digest>,
    /// Whoever has asked to join, ever.
    joiners: BTreeSet<PartyId>,
    complete: BTreeSet<Digest>,
    conflicts: BTreeSet<Conflict>,
    /// Who has signed each membership, or one that follows it.
    pub(super) signers: BTreeMap<Digest, BTreeSet<PartyId>>,
    /// Memberships in effect under each version.
    pub(super) effective: BTreeMap<Digest, Vec<MembershipState>>,
    pub(super) refused: BTreeMap<Digest, Refused>,
    waiting: BTreeMap<Digest, Waiting>,
    notes: BTreeSet<Note>,
}

impl<'r> Judge<'r> {
    fn new(record: &'r Record, clock: Clock, void: &BTreeMap<Digest, Digest>) -> Self {
        let mut judge = Self {
            record,
            clock,
            void: void.clone(),
            lines: BTreeMap::new(),
            heads: BTreeMap::new(),
            joiners: record
                .acts
                .values()
                .filter(|act| matches!(act.what, What::Join { .. }))
                .map(|act| act.party)
                .collect(),
            complete: BTreeSet::new(),
            conflicts: BTreeSet::new(),
            signers: BTreeMap::new(),
            effective: BTreeMap::new(),
            refused: record.refused.clone(),
            waiting: BTreeMap::new(),
            notes: BTreeSet::new(),
        };
        let mut chains: BTreeMap<PartyId, Vec<(&Digest, &Act)>> = BTreeMap::new();
        for (hash, act) in record.acts.iter().filter(|(_, act)| act.agreement == Some(record.agreement)) {
            match void.get(hash) {
                Some(by) => {
                    judge.refused.insert(*hash, Refused::Void(*by));
                }
                None => chains.entry(act.party).or_default().push((hash, act)),
            }
        }
        for (party, acts) in chains {
            judge.walk(party, &acts);
        }
        circle::prepare(&mut judge);
        judge.find_complete();
        judge.find_conflicts();
        judge
    }

    /// Follows one party's chain from its beginning, then takes in what narrows without its place being known.
    fn walk(&mut self, party: PartyId, acts: &[(&Digest, &Act)]) {
        let by_hash: BTreeMap<Digest, &Act> = acts.iter().map(|(hash, act)| (**hash, *act)).collect();
        let mut after: BTreeMap<Option<Digest>, BTreeSet<Digest>> = BTreeMap::new();
        for (hash, act) in &by_hash {
            after.entry(act.previous).or_default().insert(*hash);
            self.note_skew(act);
        }
        for next in after.values() {
            let mut two = next.iter();
            if let (Some(first), Some(second)) = (two.next(), two.next()) {
                self.conflict(Some(party), "acts", *first, *second);
            }
        }
        let mut line = Line::default();
        let mut placed: BTreeSet<Digest> = BTreeSet::new();
        let mut open: Vec<(Digest, Timestamp)> = Vec::new();
        let start = |from: &Option<Digest>, at: Timestamp| {
            after.get(from).into_iter().flatten().map(move |hash| (*hash, at)).collect::<Vec<_>>()
        };
        open.extend(start(&None, Timestamp::MIN));
        let mut depth = 0_usize;
        while !open.is_empty() {
            let mut next = Vec::new();
            for (hash, not_before) in std::mem::take(&mut open) {
                let Some(act) = by_hash.get(&hash) else { continue };
                if !self.may_stand(hash, act, not_before, depth) {
                    continue;
                }
                placed.insert(hash);
                self.step(&mut line, (depth, hash), act);
                next.extend(start(&Some(hash), act.at.max(not_before)));
            }
            next.sort();
            open = next;
            depth = depth.saturating_add(1);
        }
        for (hash, act) in by_hash.iter().filter(|(hash, _)| !placed.contains(*hash)) {
            if act.what.narrows() {
                self.step(&mut line, (AFTER_ALL, *hash), act);
            } else if !self.refused.contains_key(hash)
                && let Some(previous) = act.previous
            {
                self.waiting.entry(*hash).or_insert(Waiting::Act(previous));
            }
        }
        // Its own next act follows the end of its longest chain.
        let followed: BTreeSet<Digest> = by_hash.values().filter_map(|act| act.previous).collect();
        let head = by_hash.iter().filter(|(hash, _)| !followed.contains(*hash));
        if let Some((hash, _)) = head.max_by_key(|(hash, act)| (placed.contains(*hash), act.at, **hash)) {
            self.heads.insert(party, *hash);
        }
        self.lines.insert(party, line);
    }

    fn note_skew(&mut self, act: &Act) {
        let ahead = act.at.as_micros().saturating_sub(self.clock.latest.as_micros());
        if ahead > SKEW {
            self.notes.insert(Note::Skew { party: act.party, ahead });
        }
    }

    /// Whether an act may stand where its chain has it. What narrows may stand anywhere.
    fn may_stand(&mut self, hash: Digest, act: &Act, not_before: Timestamp, depth: usize) -> bool {
        if act.what.narrows() {
            return true;
        }
        if depth >= MOST_ACTS {
            self.refused.insert(hash, Refused::TooMany);
        } else if act.at < not_before {
            self.refused.insert(hash, Refused::Backwards { at: act.at, previous: not_before });
        } else if act.at > self.clock.earliest.plus_micros(SKEW) {
            self.waiting.insert(hash, Waiting::Clock(act.at));
        } else {
            return true;
        }
        false
    }

    /// Takes one act into a party's line.
    fn step(&mut self, line: &mut Line, step: Step, act: &Act) {
        if let Err(refused) = self.try_step(line, step, act) {
            self.refused.entry(step.1).or_insert(refused);
        }
    }

    fn try_step(&mut self, line: &mut Line, step: Step, act: &Act) -> Result<(), Refused> {
        let (_, hash) = step;
        if let Some(reason) = self.record.refused.get(&hash) {
            return Err(reason.clone());
        }
        if self.record.texts.is_empty() {
            // Who has a part in it is not known before its first text, whose hash it goes by.
            let wait = match self.record.orphans.get(&hash) {
                Some(previous) => Waiting::Version(*previous),
                None => Waiting::Version(self.record.agreement.0),
            };
            self.waiting.insert(hash, wait);
            return Ok(());
        }
        if !self.has_part(&act.party) {
            return Err(Refused::NotAParty(act.party));
        }
        if line.ended.is_some() && !self.is_circle() && !act.what.narrows() {
            return Err(Refused::Ended);
        }
        if let Some(version) = act.what.version().and_then(|version| self.void.get(&version)) {
            return Err(Refused::Void(*version));
        }
        match &act.what {
            What::Request { .. } => {}
            What::Offer { .. } | What::Revise { .. } => {
                if let Some(previous) = self.record.orphans.get(&hash) {
                    self.waiting.insert(hash, Waiting::Version(*previous));
                }
            }
            What::Accept { version } => {
                if self.is_here(hash, *version) {
                    self.names(*version, act.party)?;
                    line.accepted.insert(*version);
                }
            }
            What::Agree { version, .. } => {
                if self.is_here(hash, *version) {
                    self.names(*version, act.party)?;
                    self.officers(hash)?;
                    line.accepted.insert(*version);
                    line.agreed.insert(*version, step);
                }
            }
            What::Verify { version } => {
                if self.is_here(hash, *version) {
                    if !line.agreed.contains_key(version) {
                        return Err(Refused::OutOfOrder("its party has not signed that version before"));
                    }
                    line.verified.insert(*version);
                }
            }
            What::Enter { version } => {
                if self.is_here(hash, *version) {
                    if !line.verified.contains(version) {
                        return Err(Refused::OutOfOrder("its party has not verified that version before"));
                    }
                    line.entered.insert(*version);
                }
            }
            What::Retract { version } => retract(line, version)?,
            What::Suspend => line.suspended = Some(hash),
            What::Resume { .. } => {
                self.officers(hash)?;
                if line.suspended.take().is_none() {
                    return Err(Refused::OutOfOrder(
                        "its party has not suspended it: only who suspends resumes",
                    ));
                }
            }
            What::End | What::Leave => {
                line.ended = Some(hash);
                line.left = Some(step);
            }
            What::Join { version, .. } => {
                if !self.is_circle() {
                    return Err(Refused::NotACircle);
                }
                if self.is_here(hash, *version) {
                    self.officers(hash)?;
                    line.joined.insert(hash, step);
                }
            }
            What::Admit { membership, .. } => {
                if !self.is_circle() {
                    return Err(Refused::NotACircle);
                }
                let Some(document) = self.record.memberships.get(membership) else {
                    self.waiting.insert(hash, Waiting::Version(*membership));
                    return Ok(());
                };
                if self.is_here(hash, document.version) {
                    self.officers(hash)?;
                    line.admitted.insert(*membership, step);
                }
            }
        }
        Ok(())
    }

    /// Whether the version an act is about is here; otherwise the act waits for it.
    fn is_here(&mut self, act: Digest, version: Digest) -> bool {
        let here = self.record.texts.contains_key(&version);
        if !here {
            self.waiting.insert(act, Waiting::Version(version));
        }
        here
    }

    fn names(&self, version: Digest, party: PartyId) -> Result<(), Refused> {
        let named =
            self.record.texts.get(&version).is_some_and(|t| t.proposal.terms.parties.contains_key(&party));
        if named { Ok(()) } else { Err(Refused::NotAParty(party)) }
    }

    fn officers(&self, act: Digest) -> Result<(), Refused> {
        match self.record.approved.get(&act) {
            Some(Ok(_)) => Ok(()),
            Some(Err(refused)) => Err(refused.clone()),
            None => Err(Refused::OutOfOrder("its officers cannot be counted: the text is not here")),
        }
    }

    /// Whether a text names a party, or it has asked to join.
    fn has_part(&self, party: &PartyId) -> bool {
        self.record.texts.values().any(|text| text.proposal.terms.parties.contains_key(party))
            || self.joiners.contains(party)
    }

    pub(super) fn is_circle(&self) -> bool {
        self.record.texts.values().any(|text| matches!(text.proposal.terms.form, Form::Circle(_)))
    }

    pub(super) fn terms(&self, version: &Digest) -> Option<&'r Terms> {
        self.record.texts.get(version).map(|text| &text.proposal.terms)
    }

    pub(super) fn conflict(&mut self, party: Option<PartyId>, what: &'static str, a: Digest, b: Digest) {
        self.conflicts.insert(Conflict { party, what, first: a.min(b), second: a.max(b) });
    }

    /// Contradictions that matter: of those who take part, and between what is complete. Whoever is outside, or out
    /// again, stops nobody by them.
    fn told(&self, part: &BTreeSet<PartyId>) -> Vec<Reason> {
        let matters = |conflict: &&Conflict| conflict.party.is_none_or(|party| part.contains(&party));
        let matter = self.conflicts.iter().filter(matters).take(MOST_CONFLICTS);
        matter.cloned().map(Reason::Conflict).collect()
    }

    /// A version, what it follows, what that follows, and so on.
    fn ancestry(&self, version: &Digest) -> BTreeSet<Digest> {
        let (mut out, mut at) = (BTreeSet::new(), Some(*version));
        while let Some(version) = at.filter(|version| out.insert(*version)) {
            at = self.terms(&version).and_then(|terms| terms.previous);
        }
        out
    }

    fn on_one_line(&self, a: &Digest, b: &Digest) -> bool {
        self.ancestry(a).contains(b) || self.ancestry(b).contains(a)
    }

    /// Versions by number: those that others follow first.
    fn in_order(&self) -> Vec<Digest> {
        let mut order: Vec<(u32, Digest)> =
            self.record.texts.iter().map(|(hash, text)| (text.proposal.terms.version, *hash)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, hash)| hash).collect()
    }

    /// The version that a complete one would replace.
    fn base_of(&self, version: &Digest) -> Option<Digest> {
        let mut at = self.terms(version)?.previous;
        while let Some(before) = at {
            if self.complete.contains(&before) {
                return Some(before);
            }
            at = self.terms(&before).and_then(|terms| terms.previous);
        }
        None
    }

    fn find_complete(&mut self) {
        for version in self.in_order() {
            let void = self.ancestry(&version).iter().any(|ancestor| self.void.contains_key(ancestor));
            if !void && self.missing(&version).is_empty() {
                self.complete.insert(version);
            }
        }
    }

    /// What a version lacks to be complete.
    fn missing(&self, version: &Digest) -> Vec<Reason> {
        let Some(terms) = self.terms(version) else { return Vec::new() };
        let nothing = Line::default();
        let mut out = Vec::new();
        for party in terms.parties.keys() {
            let line = self.lines.get(party).unwrap_or(&nothing);
            let what = if line.entered.contains(version) {
                continue;
            } else if line.verified.contains(version) {
                "enter"
            } else if line.agreed.contains_key(version) {
                "verify"
            } else if line.accepted.contains(version) || self.offered_by(version).contains(party) {
                "agree"
            } else {
                "accept"
            };
            out.push(Reason::Missing { party: *party, what });
        }
        if let Some(base) = self.base_of(version)
            && let Some(Form::Circle(circle)) = self.terms(&base).map(|terms| &terms.form)
        {
            let voters = circle::everyone(self, &base);
            let signed = voters.iter().filter(|party| self.has_agreed(party, version)).count();
            if signed < usize::try_from(circle.revise_quorum).unwrap_or(usize::MAX) {
                out.push(Reason::Quorum { signed, needed: circle.revise_quorum });
            }
        }
        out
    }

    fn has_agreed(&self, party: &PartyId, version: &Digest) -> bool {
        self.lines.get(party).is_some_and(|line| line.agreed.contains_key(version))
    }

    /// Where in its chain a party signed a version.
    pub(super) fn agreed_at(&self, party: &PartyId, version: &Digest) -> Option<Step> {
        self.lines.get(party)?.agreed.get(version).copied()
    }

    fn offered_by(&self, version: &Digest) -> BTreeSet<PartyId> {
        let offers = self.record.texts.get(version).map(|text| &text.offers);
        let acts = offers.into_iter().flatten().filter(|act| !self.void.contains_key(*act));
        acts.filter_map(|act| self.record.acts.get(act)).map(|act| act.party).collect()
    }

    fn find_conflicts(&mut self) {
        let mut found = Vec::new();
        for (party, line) in &self.lines {
            found.extend(self.apart(line.agreed.keys()).map(|(a, b)| (Some(*party), a, b)));
        }
        found.extend(self.apart(self.complete.iter()).map(|(a, b)| (None, a, b)));
        for (party, a, b) in found {
            self.conflict(party, "versions", a, b);
        }
    }

    /// Pairs of versions of which neither follows the other.
    fn apart<'a>(
        &self,
        versions: impl Iterator<Item = &'a Digest>,
    ) -> impl Iterator<Item = (Digest, Digest)> {
        let versions: Vec<Digest> = versions.copied().collect();
        let mut out = Vec::new();
        for (at, a) in versions.iter().enumerate() {
            let others = versions.iter().skip(at + 1).filter(|b| !self.on_one_line(a, b));
            out.extend(others.map(|b| (*a, *b)));
        }
        out.truncate(MOST_CONFLICTS);
        out.into_iter()
    }

    /// What complete versions declare void. Two that declare each other's line void cancel out.
    fn void(&self) -> BTreeMap<Digest, Digest> {
        let settlers: BTreeMap<Digest, (BTreeSet<Digest>, BTreeSet<Digest>)> = self
            .complete
            .iter()
            .filter_map(|version| {
                let line = self.ancestry(version);
                let void: BTreeSet<Digest> =
                    self.terms(version)?.settles.difference(&line).copied().collect();
                (!void.is_empty()).then_some((*version, (line, void)))
            })
            .collect();
        let mut out = BTreeMap::new();
        for (version, (line, void)) in &settlers {
            let contested = settlers.values().any(|(_, others)| !others.is_disjoint(line));
            if !contested {
                out.extend(void.iter().map(|void| (*void, *version)));
            }
        }
        out
    }

    /// Which version governs: of the complete ones that have started, the last; if that is over and another is to
    /// start, that one.
    fn current(&self) -> Option<Digest> {
        let order = |version: &&Digest| (self.terms(version).map(|terms| terms.version), **version);
        let started = |version: &&Digest| self.terms(version).is_some_and(|t| t.start <= self.clock.latest);
        let over = |version: &Digest| self.terms(version).is_none_or(|t| t.expiry <= self.clock.latest);
        let last = self.complete.iter().filter(started).max_by_key(order);
        let next = self.complete.iter().filter(|version| !started(version)).min_by_key(order);
        match (last, next) {
            (Some(last), Some(next)) if over(last) => Some(*next),
            (Some(last), _) => Some(*last),
            (None, next) => next.copied(),
        }
    }

    /// The furthest version of a negotiation.
    fn furthest(&self) -> Option<(Status, Digest)> {
        let stage = |version: &Digest| {
            let (missing, offered) = (self.missing(version), self.offered_by(version));
            let lacks = |what: &str| {
                missing.iter().any(|r| matches!(r, Reason::Missing { what: w, .. } if *w == what))
            };
            if lacks("accept") && !offered.is_empty() {
                Status::Offered
            } else if lacks("accept") || lacks("agree") {
                Status::Accepted
            } else if lacks("verify") {
                Status::Agreed
            } else {
                Status::Verified
            }
        };
        let void = |version: &&Digest| {
            !self.ancestry(version).iter().any(|ancestor| self.void.contains_key(ancestor))
        };
        let versions = self.record.texts.keys().filter(void);
        let ranked =
            versions.map(|version| (stage(version), self.terms(version).map(|t| t.version), *version));
        ranked.max().map(|(stage, _, version)| (stage, version))
    }

    fn signer(&self, party: PartyId, act: Digest) -> Signer {
        let reason = self.record.acts.get(&act).map(|act| act.reason.clone()).unwrap_or_default();
        Signer { party, act, reason }
    }

    pub(super) fn ended_by(&self, party: &PartyId) -> Option<Signer> {
        Some(self.signer(*party, self.lines.get(party)?.ended?))
    }

    pub(super) fn suspended_by(&self, party: &PartyId) -> Option<Signer> {
        Some(self.signer(*party, self.lines.get(party)?.suspended?))
    }

    /// Why nothing may flow to or from a party now.
    pub(super) fn blocks(&self, terms: &Terms, party: &PartyId) -> Vec<Reason> {
        let mut out: Vec<Reason> = self.suspended_by(party).map(Reason::SuspendedBy).into_iter().collect();
        if self.record.forked.contains(party) {
            out.push(Reason::KeysForked(*party));
        }
        if !terms.has_basis(party, self.clock.earliest) || !terms.has_basis(party, self.clock.latest) {
            let stated = terms.bases_of(party);
            let stated =
                stated.map(|b| format!("{}: {} to {}", b.name, b.valid_from, b.valid_until)).collect();
            out.push(Reason::NoLegalBasis { party: *party, stated });
        }
        out
    }

    fn state(mut self) -> State {
        let current = self.current();
        let part = circle::of(&mut self, current);
        let mut state = State {
            agreement: self.record.agreement,
            status: Status::Offered,
            reasons: Vec::new(),
            current,
            versions: self.version_states(),
            memberships: part.memberships,
            proposed: part.proposed,
            joining: part.joining,
            active: part.active,
            blocked: BTreeMap::new(),
            ever: part.ever,
            heads: self.heads.clone(),
            answered: BTreeSet::new(),
            refused: BTreeMap::new(),
            waiting: BTreeMap::new(),
            notes: Vec::new(),
        };
        match current.and_then(|version| self.terms(&version)) {
            Some(terms) => self.govern(&mut state, terms),
            None => self.negotiate(&mut state),
        }
        self.supersede(current);
        state.refused = self.refused;
        state.waiting = self.waiting;
        state.waiting.retain(|hash, _| !state.refused.contains_key(hash));
        state.notes.extend(self.notes);
        state
    }

    /// The state where a version is complete.
    fn govern(&mut self, state: &mut State, terms: &Terms) {
        let is_circle = matches!(terms.form, Form::Circle(_));
        for party in &state.active {
            let blocks = self.blocks(terms, party);
            if !blocks.is_empty() {
                state.blocked.insert(*party, blocks);
            }
            self.note_country(terms, party);
        }
        let mut suspended: Vec<Reason> = self.told(&state.active);
        let mut ended: Vec<Reason> = Vec::new();
        if is_circle {
            // What stops one member does not stop the others.
            let flowing = state.active.iter().filter(|party| !state.blocked.contains_key(*party)).count();
            if state.active.len() < 2 {
                ended.push(Reason::TooFewMembers);
                ended.extend(
                    terms.parties.keys().filter_map(|party| self.ended_by(party)).map(Reason::EndedBy),
                );
            } else if flowing < 2 {
                suspended.extend(state.blocked.values().flatten().cloned());
            }
        } else {
            ended.extend(terms.parties.keys().filter_map(|party| self.ended_by(party)).map(Reason::EndedBy));
            suspended.extend(state.blocked.values().flatten().cloned());
        }
        if terms.expiry <= self.clock.latest {
            ended.push(Reason::Expired(terms.expiry));
        }
        if terms.review <= self.clock.earliest {
            self.notes.insert(Note::ReviewOverdue(terms.review));
        }
        let (status, reasons) = if !ended.is_empty() {
            (Status::Ended, ended)
        } else if !suspended.is_empty() {
            (Status::Suspended, suspended)
        } else if self.clock.earliest < terms.start {
            (Status::Verified, vec![Reason::NotStarted(terms.start)])
        } else {
            (Status::InForce, Vec::new())
        };
        state.status = status;
        state.reasons = reasons;
    }

    /// The state before any version is complete.
    fn negotiate(&self, state: &mut State) {
        let ended: Vec<Reason> =
            self.lines.keys().filter_map(|party| self.ended_by(party)).map(Reason::EndedBy).collect();
        if let Some((status, version)) = self.furthest() {
            state.status = status;
            state.current = Some(version);
            state.reasons = self.missing(&version);
            // A member of a circle that is being made up does not stop it by walking away: it is not signed then.
            if !ended.is_empty() && !self.is_circle() {
                state.status = Status::Ended;
                state.reasons = ended;
            } else {
                let named = self.terms(&version).map(Terms::party_ids).unwrap_or_default();
                state.reasons.extend(self.told(&named));
            }
        } else if !ended.is_empty() {
            state.status = Status::Ended;
            state.reasons = ended;
        } else {
            state.status = Status::Requested;
            let offers = self.record.acts.values().filter_map(|act| match act.what {
                What::Offer { .. } => act.agreement.filter(|agreement| *agreement != self.record.agreement),
                _ => None,
            });
            state.answered = offers.collect();
        }
    }

    fn note_country(&mut self, terms: &Terms, party: &PartyId) {
        let text = terms.parties.get(party).map(|party| party.jurisdiction.clone());
        let (Some(text), Some(keys)) = (text, self.record.countries.get(party)) else { return };
        if text.parse::<label::Nation>().ok() != keys.parse::<label::Nation>().ok() {
            self.notes.insert(Note::Country { party: *party, text, keys: keys.clone() });
        }
    }

    /// Says of acts on versions that are behind the current one that it has taken their place.
    fn supersede(&mut self, current: Option<Digest>) {
        let Some(current) = current.filter(|version| self.complete.contains(version)) else { return };
        let number = self.terms(&current).map_or(0, |terms| terms.version);
        let behind = |version: &Digest| {
            !self.complete.contains(version)
                && self.terms(version).is_some_and(|terms| terms.version <= number)
        };
        let mut late = Vec::new();
        for (hash, act) in &self.record.acts {
            let about =
                act.what.version().filter(|_| !matches!(act.what, What::Retract { .. } | What::Admit { .. }));
            if about.is_some_and(|version| behind(&version)) {
                late.push(*hash);
            }
        }
        for hash in late {
            self.refused.entry(hash).or_insert(Refused::Superseded(current));
        }
    }

    fn version_states(&self) -> BTreeMap<Digest, VersionState> {
        let who = |has: &dyn Fn(&Line) -> bool| -> BTreeSet<PartyId> {
            self.lines.iter().filter(|(_, line)| has(line)).map(|(party, _)| *party).collect()
        };
        let persons = |version: &Digest| {
            let signed = self.lines.iter().filter_map(|(party, line)| {
                let (_, act) = line.agreed.get(version)?;
                Some((*party, self.record.approved.get(act)?.clone().unwrap_or_default()))
            });
            signed.collect()
        };
        let one = |version: &Digest, proposal: &crate::Proposal| VersionState {
            proposal: proposal.clone(),
            offered: self.offered_by(version),
            accepted: who(&|line| line.accepted.contains(version)),
            agreed: persons(version),
            verified: who(&|line| line.verified.contains(version)),
            entered: who(&|line| line.entered.contains(version)),
            complete: self.complete.contains(version),
            missing: self.missing(version),
        };
        self.record.texts.iter().map(|(hash, text)| (*hash, one(hash, &text.proposal))).collect()
    }

    pub(super) fn complete(&self) -> &BTreeSet<Digest> {
        &self.complete
    }
}

/// Takes back what was not verified yet.
fn retract(line: &mut Line, version: &Digest) -> Result<(), Refused> {
    if line.verified.contains(version) {
        return Err(Refused::OutOfOrder("its party has verified that version: suspend or end it instead"));
    }
    let accepted = line.accepted.remove(version);
    let agreed = line.agreed.remove(version).is_some();
    let admitted = line.admitted.remove(version).is_some();
    if accepted || agreed || admitted {
        Ok(())
    } else {
        Err(Refused::OutOfOrder("its party has not signed that before"))
    }
}
