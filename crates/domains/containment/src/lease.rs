//! The lease: from proposal to end.

use std::collections::BTreeMap;

use controls::BlockItem;
use model::{Digest, Timestamp};
use observable::Observable;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::guard::{NeverBlock, Verdicts};
use crate::plan::{Failure, Placed};
use crate::proposal::{
    Item, Left, MAX_LEASE, MAX_TEXT, Proposal, ProposalError, Unread, check, fits, is_day,
};
use crate::record::{VERSION, text};
use crate::rule::{Approval, ApprovalRule};
use crate::state::{Event, State};

/// Most days of a dry run.
const MAX_DAYS: usize = 400;

/// Something cannot be done to a lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Not in this state.
    #[error("lease {lease} is {state}: it cannot be {what}")]
    State {
        /// The lease, by the first digits of its id.
        lease: String,
        /// Its state.
        state: State,
        /// What was to be done.
        what: &'static str,
    },
    /// Approvals count only after a dry run.
    #[error(
        "lease {0} has no dry run yet: attach one, so that whoever approves sees what it would have blocked"
    )]
    NoDryRun(String),
    /// The approval is for another revision.
    #[error(
        "the approval is for revision {given} of lease {lease}, which is at revision {now}: read it again"
    )]
    Stale {
        /// The lease.
        lease: String,
        /// The revision that was approved.
        given: u32,
        /// The revision it is at.
        now: u32,
    },
    /// Only signatures count here.
    #[error("lease {0} is approved by signatures alone: approve with a key file")]
    Unproven(String),
    /// The lease is over, or the instant lies before what it answers.
    #[error("{at} is not a time at which lease {lease} could be {what}")]
    Time {
        /// The lease.
        lease: String,
        /// The instant.
        at: Timestamp,
        /// What was to be done.
        what: &'static str,
    },
    /// The dry run contradicts itself.
    #[error("the dry run cannot be used: {0}")]
    DryRun(&'static str),
    /// An extension must end later than the lease, and within 30 days.
    #[error(
        "lease {lease} cannot be extended to {until}: it must be later than {from} and no later than {to}"
    )]
    Extension {
        /// The lease.
        lease: String,
        /// What was wanted.
        until: Timestamp,
        /// The end it has.
        from: Timestamp,
        /// The latest end it could have.
        to: Timestamp,
    },
    /// A text is missing or too long.
    #[error("the {0} must have 1 to {MAX_TEXT} bytes")]
    Text(&'static str),
    /// The lease has nothing to do with this actuator.
    #[error("lease {lease} does not name the actuator `{actuator}`")]
    Actuator {
        /// The lease.
        lease: String,
        /// The actuator.
        actuator: String,
    },
}

/// What a lease would have blocked in one's own past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// From when.
    #[serde(with = "text")]
    pub from: Timestamp,
    /// Until when.
    #[serde(with = "text")]
    pub until: Timestamp,
    /// When it was made.
    #[serde(with = "text")]
    pub at: Timestamp,
    /// Events that were looked at.
    pub events: u64,
    /// Days with hits, in order.
    pub days: Vec<DayHits>,
    /// What could not be looked at, in words.
    pub blind: Vec<String>,
}

/// Hits of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayHits {
    /// `YYYY-MM-DD`, in UTC.
    pub day: String,
    /// Events that would have been blocked.
    pub hits: u64,
    /// On how many devices.
    pub devices: u64,
}

/// A wish to let a lease go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Until when.
    #[serde(with = "text")]
    pub until: Timestamp,
    /// Who wants it.
    pub by: String,
    /// Since when.
    #[serde(with = "text")]
    pub at: Timestamp,
}

/// How a lease came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ended {
    pub(crate) by: String,
    pub(crate) reason: String,
    #[serde(with = "text")]
    pub(crate) at: Timestamp,
}

/// What a lease is made of, and the shape of its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    pub(crate) version: u32,
    #[serde(with = "text")]
    pub(crate) id: Digest,
    pub(crate) state: State,
    /// Grows with everything that has to be read before it is approved.
    pub(crate) revision: u32,
    pub(crate) purpose: String,
    pub(crate) by: String,
    #[serde(with = "text")]
    pub(crate) proposed: Timestamp,
    #[serde(with = "text")]
    pub(crate) until: Timestamp,
    pub(crate) actuators: Vec<String>,
    pub(crate) items: Vec<Item>,
    pub(crate) left: Vec<Left>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unread: Vec<Unread>,
    pub(crate) dry_run: Option<DryRun>,
    /// Approvals of what is wanted next.
    pub(crate) gathering: Vec<Approval>,
    /// The approvals that it stands on.
    pub(crate) granted: Vec<Approval>,
    pub(crate) extension: Option<Extension>,
    pub(crate) ended: Option<Ended>,
    pub(crate) placed: BTreeMap<String, Placed>,
    pub(crate) failed: BTreeMap<String, Failure>,
}

/// A block on loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Body", into = "Body")]
pub struct Lease(pub(crate) Body);

impl Lease {
    /// Takes a proposal. Items that must not be blocked are refused; whether the others go on is the proposer's word.
    ///
    /// # Errors
    /// [`ProposalError`] says what is wrong with it.
    pub fn propose(
        id: Digest,
        proposal: Proposal,
        guard: &NeverBlock,
        verdicts: &dyn Verdicts,
        now: Timestamp,
    ) -> Result<Self, ProposalError> {
        check(&proposal, now)?;
        let (mut items, mut left) = (Vec::new(), Vec::new());
        for item in proposal.items {
            let why = if item.valid_until.is_some_and(|until| until <= now) {
                Some("the validity of its object is over".to_owned())
            } else {
                guard.refusal(&item, verdicts)
            };
            match why {
                Some(why) => left.push(Left { item, why, at: now }),
                None => items.push(item),
            }
        }
        let refused = !left.is_empty() || !proposal.unread.is_empty();
        if items.is_empty() || (refused && !proposal.keep_rest) {
            return Err(ProposalError::Refused(left, proposal.unread));
        }
        items.sort_unstable();
        items.dedup();
        Ok(Self(Body {
            version: VERSION,
            id,
            state: State::Proposed,
            revision: 1,
            purpose: proposal.purpose,
            by: proposal.by,
            proposed: now,
            until: proposal.until,
            actuators: proposal.actuators,
            items,
            left,
            unread: proposal.unread,
            dry_run: None,
            gathering: Vec::new(),
            granted: Vec::new(),
            extension: None,
            ended: None,
            placed: BTreeMap::new(),
            failed: BTreeMap::new(),
        }))
    }

    /// Attaches what the lease would have blocked. Approvals given before no longer count: whoever gave them had not
    /// seen this.
    ///
    /// # Errors
    /// [`LeaseError`] when the lease waits for no approval, or the dry run contradicts itself.
    pub fn attach(&mut self, run: DryRun) -> Result<(), LeaseError> {
        if self.0.state != State::Proposed {
            return Err(self.not_now("given a dry run"));
        }
        let ordered = run.days.iter().zip(run.days.iter().skip(1)).all(|(one, next)| one.day < next.day);
        let wrong = [
            (run.from >= run.until, "it ends before it begins"),
            (run.until > run.at, "it looks at the future"),
            (run.at < self.0.proposed, "it is older than the proposal"),
            (run.days.len() > MAX_DAYS, "it has too many days"),
            (!ordered || run.days.iter().any(|day| !is_day(&day.day)), "its days are not days in order"),
            (
                run.blind.len() > MAX_DAYS || run.blind.iter().any(|text| !fits(text)),
                "what it says of blind spots",
            ),
        ];
        if let Some((_, what)) = wrong.into_iter().find(|(is, _)| *is) {
            return Err(LeaseError::DryRun(what));
        }
        self.0.dry_run = Some(run);
        self.0.revision = self.0.revision.saturating_add(1);
        self.0.gathering.clear();
        Ok(())
    }

    /// Counts an approval, of the proposal or of an extension. Says whether there are enough now; the same person as the
    /// same thing twice is once.
    ///
    /// # Errors
    /// [`LeaseError`] when nothing waits for approval, there is no dry run, or the approval is for another revision or
    /// time, or has no proof where the rule asks for one.
    pub fn approve(&mut self, approval: Approval, rule: &ApprovalRule) -> Result<bool, LeaseError> {
        let extending = self.0.state == State::Active && self.0.extension.is_some();
        if self.0.state != State::Proposed && !extending {
            return Err(self.not_now("approved"));
        }
        let Some(run) = &self.0.dry_run else { return Err(LeaseError::NoDryRun(self.name())) };
        let since = self.0.extension.as_ref().map_or(run.at, |extension| extension.at);
        if approval.revision != self.0.revision {
            return Err(LeaseError::Stale {
                lease: self.name(),
                given: approval.revision,
                now: self.0.revision,
            });
        }
        if approval.at < since || approval.at >= self.0.until {
            return Err(LeaseError::Time { lease: self.name(), at: approval.at, what: "approved" });
        }
        if !fits(&approval.person) || !fits(&approval.post) {
            return Err(LeaseError::Text("person and post of an approval"));
        }
        if rule.proven && !approval.proven {
            return Err(LeaseError::Unproven(self.name()));
        }
        let same = |own: &Approval| {
            own.person == approval.person && own.post == approval.post && own.proven == approval.proven
        };
        if self.0.gathering.iter().any(same) {
            return Ok(false);
        }
        self.0.gathering.push(approval);
        let proposer = self.0.extension.as_ref().map_or(&self.0.by, |extension| &extension.by);
        if !rule.is_met(&self.0.gathering, proposer) {
            return Ok(false);
        }
        let Some(state) = self.0.state.after(Event::Approve) else { return Err(self.not_now("approved")) };
        self.0.state = state;
        self.0.granted = std::mem::take(&mut self.0.gathering);
        // What did not count is not what it stands on.
        self.0.granted.retain(|own| own.proven || !rule.proven);
        if let Some(extension) = self.0.extension.take() {
            self.0.until = extension.until;
        }
        Ok(true)
    }

    /// What is still needed for an approval, in words; empty when nothing waits for one.
    #[must_use]
    pub fn missing(&self, rule: &ApprovalRule) -> Vec<String> {
        let extension = self.0.extension.as_ref().filter(|_| self.0.state == State::Active);
        if self.0.state != State::Proposed && extension.is_none() {
            return Vec::new();
        }
        let mut missing = Vec::new();
        if self.0.dry_run.is_none() {
            missing.push("a dry run".to_owned());
        }
        let proposer = extension.map_or(&self.0.by, |extension| &extension.by);
        missing.extend(rule.missing(&self.0.gathering, proposer));
        missing
    }

    /// Somebody whose word is asked for says no. An extension that is refused leaves the lease as it is.
    ///
    /// # Errors
    /// [`LeaseError`] when nothing waits for approval, or the reason is missing.
    pub fn refuse(&mut self, by: &str, reason: &str, now: Timestamp) -> Result<(), LeaseError> {
        if self.0.state == State::Active && self.0.extension.is_some() {
            self.check_words(by, reason)?;
            self.0.extension = None;
            self.0.gathering.clear();
            return Ok(());
        }
        self.end(Event::Refuse, "refused", by, reason, now)
    }

    /// The proposer's second thought, before anything is in place.
    ///
    /// # Errors
    /// [`LeaseError`] when it is in place already (roll it back) or over.
    pub fn withdraw(&mut self, by: &str, reason: &str, now: Timestamp) -> Result<(), LeaseError> {
        if self.0.state == State::Active {
            return Err(self.not_now("withdrawn; roll it back"));
        }
        self.end(Event::Withdraw, "withdrawn", by, reason, now)
    }

    /// Ends the lease before its time. One person is enough: what narrows waits for nobody.
    ///
    /// # Errors
    /// [`LeaseError`] when it is not in force.
    pub fn roll_back(&mut self, by: &str, reason: &str, now: Timestamp) -> Result<(), LeaseError> {
        self.end(Event::RollBack, "rolled back", by, reason, now)
    }

    /// Takes out what comes from an object that was withdrawn, revoked or erased. What another object names too stays
    /// blocked. Returns how many items went; when none is left the lease is withdrawn.
    pub fn drop_reference(&mut self, reference: &str, reason: &str, now: Timestamp) -> usize {
        let reason = if fits(reason) { reason } else { "its object was withdrawn" };
        self.take_out(now, |item| (item.reference == reference).then(|| reason.to_owned()))
    }

    /// Takes out what must no longer be blocked: own networks grow, warning lists change, agreements end. Returns how
    /// many items went; when none is left the lease is withdrawn. To be called before anything is put in place.
    pub fn recheck(&mut self, guard: &NeverBlock, verdicts: &dyn Verdicts, now: Timestamp) -> usize {
        self.take_out(now, |item| guard.refusal(item, verdicts))
    }

    fn take_out(&mut self, now: Timestamp, why: impl Fn(&Item) -> Option<String>) -> usize {
        if self.0.state.is_final() {
            return 0;
        }
        let before = self.0.items.len();
        for item in std::mem::take(&mut self.0.items) {
            match why(&item) {
                Some(why) => self.0.left.push(Left { item, why, at: now }),
                None => self.0.items.push(item),
            }
        }
        let gone = before - self.0.items.len();
        if gone > 0 {
            // What failed may go now, and what has to be taken away must be tried.
            self.0.failed.clear();
        }
        if self.0.items.is_empty() {
            // Every state that is not final has this way out.
            let _ = self.end(Event::Withdraw, "withdrawn", "the node", "everything in it was withdrawn", now);
        }
        gone
    }

    /// Asks for a later end. The lease goes on as it is until there are new approvals; if they do not come it ends.
    ///
    /// # Errors
    /// [`LeaseError`] when it is not in place, or the new end is not later, or further away than [`MAX_LEASE`].
    pub fn extend(&mut self, until: Timestamp, by: &str, now: Timestamp) -> Result<(), LeaseError> {
        if self.0.state != State::Active {
            return Err(self.not_now("extended"));
        }
        if !fits(by) {
            return Err(LeaseError::Text("name of whoever extends"));
        }
        if now >= self.0.until {
            return Err(LeaseError::Time { lease: self.name(), at: now, what: "extended" });
        }
        let latest = now.plus_micros(MAX_LEASE);
        if until <= self.0.until || until > latest {
            return Err(LeaseError::Extension { lease: self.name(), until, from: self.0.until, to: latest });
        }
        self.0.extension = Some(Extension { until, by: by.to_owned(), at: now });
        self.0.revision = self.0.revision.saturating_add(1);
        self.0.gathering.clear();
        Ok(())
    }

    /// Lets time pass: a lease whose end has come expires. Says whether anything changed.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        for placed in self.0.placed.values_mut() {
            let before = placed.handles.len();
            placed.handles.retain(|handle| handle.until > now);
            changed |= placed.handles.len() < before;
        }
        self.0.placed.retain(|_, placed| !placed.asked.is_empty() || !placed.handles.is_empty());
        if !self.0.state.is_final() && now >= self.0.until {
            changed |= self.end(Event::Expire, "expired", "the clock", "its time is over", now).is_ok();
        }
        changed
    }

    /// What is to be blocked now, each thing once, with the latest end that its objects and the lease allow. Empty unless
    /// the lease is in force.
    #[must_use]
    pub fn wanted(&self, now: Timestamp) -> Vec<BlockItem> {
        if self.0.state.is_in_force() { self.blocks(now) } else { Vec::new() }
    }

    /// What would be blocked if the lease were in force: for the dry run, and for exports that people carry themselves.
    #[must_use]
    pub fn blocks(&self, now: Timestamp) -> Vec<BlockItem> {
        let mut merged: BTreeMap<(&Observable, Option<u16>), BlockItem> = BTreeMap::new();
        for item in &self.0.items {
            let until = item.valid_until.map_or(self.0.until, |until| until.min(self.0.until));
            if until <= now {
                continue;
            }
            let block = BlockItem {
                observable: item.observable.clone(),
                port: item.port,
                until,
                reference: item.reference.clone(),
            };
            let kept = merged.entry((&item.observable, item.port)).or_insert_with(|| block.clone());
            if block.until > kept.until {
                *kept = block;
            }
        }
        merged.into_values().collect()
    }

    /// The exact text that approvers approve: what, where, until when, what for, and what it would have blocked.
    #[must_use]
    pub fn statement(&self) -> String {
        let body = &self.0;
        let until = body.extension.as_ref().map_or(body.until, |extension| extension.until);
        let items: Vec<_> = body
            .items
            .iter()
            .map(|item| {
                json!({
                    "kind": item.observable.kind().as_str(),
                    "value": item.observable.to_string(),
                    "port": item.port,
                    "reference": item.reference,
                })
            })
            .collect();
        json!({
            "format": "shieldwall-lease-statement/1",
            "lease": body.id.to_string(),
            "revision": body.revision,
            "by": body.extension.as_ref().map_or(&body.by, |extension| &extension.by),
            "purpose": body.purpose,
            "until": until.to_string(),
            "actuators": body.actuators,
            "items": items,
            "dry_run": body.dry_run,
        })
        .to_string()
    }

    /// When somebody has to look at it again: now when there is something to do, else when the first block in place, or
    /// the lease, ends; `None` when everything is done.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.plan(now).is_empty() || self.unsure(now).next().is_some() {
            return Some(now);
        }
        let asked = self.0.placed.values().flat_map(|placed| placed.asked.iter().map(|asked| asked.until));
        let handles =
            self.0.placed.values().flat_map(|placed| placed.handles.iter().map(|handle| handle.until));
        let own = Some(self.0.until).filter(|_| !self.0.state.is_final());
        asked.chain(handles).chain(own).min()
    }

    /// Whether nothing is left to be done, or to be taken away.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.state.is_final() && self.0.placed.values().all(|placed| placed.asked.is_empty())
    }

    pub(crate) fn end(
        &mut self,
        event: Event,
        what: &'static str,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let Some(state) = self.0.state.after(event) else { return Err(self.not_now(what)) };
        self.check_words(by, reason)?;
        self.0.state = state;
        self.0.ended = Some(Ended { by: by.to_owned(), reason: reason.to_owned(), at: now });
        self.0.extension = None;
        self.0.gathering.clear();
        // A failure for good was one to put in place. What is there has to be taken away all the same.
        self.0.failed.values_mut().for_each(|failure| failure.permanent = false);
        Ok(())
    }

    fn check_words(&self, by: &str, reason: &str) -> Result<(), LeaseError> {
        match (fits(by), fits(reason)) {
            (false, _) => Err(LeaseError::Text("name of whoever says it")),
            (_, false) => Err(LeaseError::Text("reason")),
            _ => Ok(()),
        }
    }

    pub(crate) fn not_now(&self, what: &'static str) -> LeaseError {
        LeaseError::State { lease: self.name(), state: self.0.state, what }
    }

    pub(crate) fn name(&self) -> String {
        self.0.id.short()
    }
}

/// Looking at it.
impl Lease {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.0.id
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.0.state
    }

    /// What an approval has to name.
    #[must_use]
    pub const fn revision(&self) -> u32 {
        self.0.revision
    }

    /// What for.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.0.purpose
    }

    /// Who proposed it.
    #[must_use]
    pub fn proposer(&self) -> &str {
        &self.0.by
    }

    /// When it was proposed.
    #[must_use]
    pub const fn proposed(&self) -> Timestamp {
        self.0.proposed
    }

    /// When it ends.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.0.until
    }

    /// Names of its actuators.
    #[must_use]
    pub fn actuators(&self) -> &[String] {
        &self.0.actuators
    }

    /// What it blocks.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.0.items
    }

    /// What it does not block, any more or at all.
    #[must_use]
    pub fn left(&self) -> &[Left] {
        &self.0.left
    }

    /// What was asked for and could not even become an item.
    #[must_use]
    pub fn unread(&self) -> &[Unread] {
        &self.0.unread
    }

    /// Its dry run.
    #[must_use]
    pub const fn dry_run(&self) -> Option<&DryRun> {
        self.0.dry_run.as_ref()
    }

    /// The approvals it stands on.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        &self.0.granted
    }

    /// The approvals so far of what is wanted next.
    #[must_use]
    pub fn gathering(&self) -> &[Approval] {
        &self.0.gathering
    }

    /// The extension that waits for approval.
    #[must_use]
    pub const fn extension(&self) -> Option<&Extension> {
        self.0.extension.as_ref()
    }

    /// Who ended it, why, and when.
    #[must_use]
    pub fn ended(&self) -> Option<(&str, &str, Timestamp)> {
        self.0.ended.as_ref().map(|ended| (ended.by.as_str(), ended.reason.as_str(), ended.at))
    }

    /// What its actuators hold of it, by actuator.
    #[must_use]
    pub const fn placed(&self) -> &BTreeMap<String, Placed> {
        &self.0.placed
    }

    /// Why actuators hold nothing new of it, by actuator.
    #[must_use]
    pub const fn failures(&self) -> &BTreeMap<String, Failure> {
        &self.0.failed
    }
}

impl DryRun {
    /// Hits over all days.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.days.iter().fold(0, |sum, day| sum.saturating_add(day.hits))
    }
}
