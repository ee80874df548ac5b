//! Containment on a running node: leases in the store, looked at by the clock and whenever something is taken in.
//!
//! What an actuator may have been told is written down before it is told, and what became of it after. So a node that
//! dies in between tells it again. What is in place is said again too, when the node starts and from time to time:
//! files are deleted, and machines lose their packet filters when they start. Nothing is written down then, unless
//! something changed.

mod items;
mod steps;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::{MutexGuard, PoisonError};

use containment::{
    Approval, ApprovalRule, Failure, Guarded, Lease, MAX_ITEMS, NeverBlock, Proposal, ProposalError, Receipt,
    State, Unread,
};
use controls::{BlockSet, Format, Options, SuricataOptions};
use keys::posts::{Approval as Signature, Post, Why};
use model::{Digest, Seq, StixId, Timestamp};
use ports::detection::{Work, WorkKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Detection, DetectionError, digest, shortened};
use crate::core::Core;
use crate::rules::NodeRules;
use crate::trust::TrustError;

/// Leases that are not over, at most.
const MOST: usize = 1_000;
/// Items that a refusal names.
const NAMED: usize = 10;
/// Without anything that calls for it, items are looked at again after this time, in microseconds: clauses run out by
/// the clock.
const AGAIN: i64 = 60_000_000;
/// An actuator that failed is tried again after this time, doubled each time…
const PAUSE: i64 = 5_000_000;
/// …up to this.
const LONGEST_PAUSE: i64 = 60_000_000;
/// Posts that whoever is signed in can act for where there are no keys: no other could be shown.
const UNPROVEN: [Post; 2] = [Post::Analyst, Post::DutyOfficer];
/// Bytes that are kept of what could not be blocked…
const TEXT: usize = 100;
/// …and of why.
const REASON: usize = 500;
/// Posts whose approval of a lease counts, beside those that the node's rules name.
const POSTS: [Post; 5] =
    [Post::Analyst, Post::DutyOfficer, Post::ReleaseOfficer, Post::SystemOwner, Post::NationalAuthority];

/// An actuator as the node's rules name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActuatorEntry {
    /// What leases call it: 1 to 64 of a to z, 0 to 9 and hyphens.
    pub name: String,
    /// One of the kinds there are.
    pub kind: String,
    /// What the kind needs to know.
    #[serde(default)]
    pub config: Map<String, Value>,
}

/// Whose word a lease needs, and what is never blocked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LeaseSettings {
    /// Different persons, at least.
    pub persons: usize,
    /// Posts that have to be among theirs.
    pub posts: Vec<String>,
    /// Addresses, networks and names of gateways, resolvers and whatever else must stay reachable.
    pub never_block: Vec<String>,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        let ApprovalRule { persons, posts, .. } = ApprovalRule::default();
        Self { persons, posts, never_block: Vec::new() }
    }
}

impl LeaseSettings {
    /// What is wrong with them, and what to write instead.
    #[must_use]
    pub fn problem(&self) -> Option<(String, &'static str)> {
        if !(1..=10).contains(&self.persons) {
            return Some((format!("{} persons", self.persons), "ask for 1 to 10"));
        }
        if let Some(odd) = self.posts.iter().find(|post| post.parse::<Post>().is_err()) {
            return Some((format!("`{odd}` is no post"), "posts are written like DUTY_OFFICER"));
        }
        let mut guard = NeverBlock::default();
        let odd = self.never_block.iter().find_map(|text| guard.add(text, Guarded::House).err());
        odd.map(|odd| (odd.to_string(), "one entry for each address, network or name"))
    }
}

/// What the node's rules say about containment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Containment {
    /// What blocks.
    pub actuators: Vec<ActuatorEntry>,
    /// Whose word it needs.
    pub settings: LeaseSettings,
}

impl Containment {
    /// `proven` says whether there are keys, so that only signatures count.
    fn rule(&self, proven: bool) -> ApprovalRule {
        let LeaseSettings { persons, posts, .. } = self.settings.clone();
        ApprovalRule { persons, posts, proven, ..ApprovalRule::default() }
    }
}

/// What somebody wants to have blocked.
#[derive(Debug, Clone)]
pub struct NewLease {
    /// Values as people write them: addresses, networks, names, URLs, hashes.
    pub values: Vec<String>,
    /// Indicators whose values are meant.
    pub objects: Vec<StixId>,
    /// What for.
    pub purpose: String,
    /// Where: names of actuators.
    pub actuators: Vec<String>,
    /// Until when.
    pub until: Timestamp,
    /// Whether to go on with the others when some must not be blocked.
    pub keep_rest: bool,
}

/// A lease, as it stands.
#[derive(Debug, Clone)]
pub struct LeaseView {
    /// Its number.
    pub id: Digest,
    /// Its state's name.
    pub state: String,
    /// Whether it is over and everything was taken away.
    pub over: bool,
    /// When it was proposed.
    pub begun: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// What is still needed for its approval, in words.
    pub missing: Vec<String>,
    /// The lease's record.
    pub lease: Value,
    /// What was done, oldest first.
    pub receipts: Value,
}

/// What is remembered between two looks at all leases.
#[derive(Debug, Default)]
pub(crate) struct Leasing {
    /// Up to where in the journal, when and under which rules items were looked at last.
    checked: Option<(Seq, Timestamp, String)>,
    /// When every actuator was told last what it holds; `None` until the first time since the node started.
    reminded: Option<Timestamp>,
    /// Actuators that somebody wants to be told again now.
    asked: BTreeSet<String>,
}

/// A lease as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    lease: Lease,
    /// Actuators that may have been told what is not in the lease yet.
    #[serde(default)]
    trying: BTreeSet<String>,
    #[serde(default)]
    receipts: Vec<Receipt>,
    /// The rules under which actuators failed for good.
    #[serde(default)]
    rules: String,
}

/// A piece of work that is a lease.
struct Open {
    work: Work,
    record: Record,
}

impl Open {
    fn read(work: Work) -> Result<Self, DetectionError> {
        match serde_json::from_str(&work.body) {
            Ok(record) => Ok(Self { work, record }),
            Err(problem) => Err(refused(format!("lease {} cannot be read: {problem}", work.id.short()))),
        }
    }

    /// As it is to be kept now.
    fn written(&self, now: Timestamp) -> Result<Work, DetectionError> {
        let Record { lease, trying, .. } = &self.record;
        let over = lease.is_over() && trying.is_empty();
        Ok(Work {
            state: lease.state().as_str().to_owned(),
            over,
            changed: now,
            due: if over { None } else { due(&self.record, now) },
            body: serde_json::to_string(&self.record).map_err(refused)?,
            ..self.work.clone()
        })
    }

    /// Whether it was to be looked at by now, and not for its dry run.
    fn has_come_due(&self, now: Timestamp) -> bool {
        self.work.due.is_some_and(|due| due <= now) && !self.waits_for_dry_run()
    }

    fn waits_for_dry_run(&self) -> bool {
        self.record.lease.state() == State::Proposed && self.record.lease.dry_run().is_none()
    }
}

/// When a lease has to be looked at again.
fn due(record: &Record, now: Timestamp) -> Option<Timestamp> {
    let Record { lease, trying, .. } = record;
    let fresh = lease.state() == State::Proposed && lease.dry_run().is_none();
    if fresh || !trying.is_empty() {
        return Some(now);
    }
    let due = lease.due(now)?;
    if due > now {
        return Some(due);
    }
    let plan = lease.plan(now);
    let steps = plan.apply.iter().chain(&plan.remove).map(|step| step.actuator.as_str());
    let told = steps.chain(lease.unsure(now));
    let when = told.map(|actuator| lease.failures().get(actuator).map_or(now, again));
    Some(when.min().unwrap_or_else(|| now.plus_micros(AGAIN)))
}

/// When an actuator that failed is tried again.
fn again(failure: &Failure) -> Timestamp {
    let doubled = PAUSE.saturating_mul(1 << failure.tries.saturating_sub(1).min(10));
    failure.at.plus_micros(doubled.min(LONGEST_PAUSE))
}

fn refused(problem: impl Display) -> DetectionError {
    DetectionError::Refused(problem.to_string())
}

impl Detection {
    fn leasing(&self) -> MutexGuard<'_, Leasing> {
        self.leasing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// Whether every actuator of a text of rules can be used. Nothing is touched.
    ///
    /// # Errors
    /// [`TrustError::Refused`] with every problem.
    pub(crate) fn check_actuators(&self, rules: &NodeRules) -> Result<(), TrustError> {
        let Ok(detection) = self.detection() else { return Ok(()) };
        let problems: Vec<String> = rules
            .containment
            .actuators
            .iter()
            .filter_map(|entry| {
                let config = Value::Object(entry.config.clone()).to_string();
                let opened = detection.outside.actuators.open(&entry.kind, &entry.name, &config);
                opened.err().map(|problem| format!("actuator `{}`: {problem}", entry.name))
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(TrustError::Refused(problems.join("\n"))) }
    }

    /// Takes a proposal, and returns the lease's number. Its dry run follows by itself.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] names what must not be blocked, and why.
    pub fn propose_lease(&self, new: &NewLease, author: &str) -> Result<Digest, DetectionError> {
        let detection = self.detection()?;
        let _turn = detection.leasing();
        let now = self.clock.now();
        if new.values.len() + new.objects.len() > MAX_ITEMS {
            return Err(refused(format!("a lease has at most {MAX_ITEMS} items: make several")));
        }
        let rules = self.rules();
        let known_actuators = &rules.containment.actuators;
        for name in &new.actuators {
            if !known_actuators.iter().any(|entry| entry.name == *name) {
                let known: Vec<&str> = known_actuators.iter().map(|entry| entry.name.as_str()).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(refused(format!(
                    "there is no actuator `{name}`; the node's rules name {known}: add an [[actuator]] there"
                )));
            }
        }
        let registry = self.registry()?;
        let guard = self.never_block()?;
        let mut unread = Vec::new();
        let (items, known) = {
            let read = self.store.read()?;
            if read.open_work(self.scope, WorkKind::Lease)? >= MOST as u64 {
                return Err(refused(format!("{MOST} leases are open already; end some first")));
            }
            let mut items = Vec::new();
            for text in &new.values {
                let taken = self.items_of_value(&registry, &*read, text, now, &mut items);
                or_unread(taken, text, new.keep_rest, &mut unread)?;
            }
            for id in &new.objects {
                let taken = self.items_of_object(&*read, id, &mut items);
                or_unread(taken, &id.to_string(), new.keep_rest, &mut unread)?;
            }
            let known = self.known_of(&registry, &*read, &items, now)?;
            (items, known)
        };
        let nonce: [u8; 16] = self.ids.random().first_chunk().copied().unwrap_or_default();
        let id = digest(&[b"lease", &nonce]);
        let proposal = Proposal {
            items,
            unread,
            purpose: new.purpose.clone(),
            actuators: new.actuators.clone(),
            until: new.until,
            by: author.to_owned(),
            keep_rest: new.keep_rest,
        };
        let lease = Lease::propose(id, proposal, &guard, &known, now)
            .map_err(|problem| not_proposed(problem, new.keep_rest))?;
        let work = Work {
            id,
            kind: WorkKind::Lease,
            state: String::new(),
            over: false,
            party: None,
            // Erasing an object takes its items out, and not the lease away: what is in place has to be removed.
            object: None,
            begun: now,
            changed: now,
            due: None,
            body: String::new(),
        };
        let record = Record { lease, trying: BTreeSet::new(), receipts: Vec::new(), rules: String::new() };
        let work = Open { work, record }.written(now)?;
        self.store.transact(|tx| {
            tx.add_work(self.scope, &work)?;
            tx.audit(self.scope.tenant, now, author, "lease.propose", &id.short(), &new.purpose)
        })?;
        Ok(id)
    }

    /// Leases, what is not over first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn leases(&self, limit: usize) -> Result<Vec<LeaseView>, DetectionError> {
        let rule = self.rules().containment.rule(self.has_promised()?);
        let works = self.store.read()?.works(self.scope, WorkKind::Lease, false, limit)?;
        Ok(works.into_iter().map(|work| view(work, &rule)).collect())
    }

    /// A lease, with what was done.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is none of this number.
    pub fn lease(&self, id: Digest) -> Result<LeaseView, DetectionError> {
        let rule = self.rules().containment.rule(self.has_promised()?);
        let work = self.store.read()?.work(self.scope, WorkKind::Lease, id)?;
        work.map(|work| view(work, &rule)).ok_or_else(|| missing(id))
    }

    /// The exact text that approvers approve.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is none of this number, [`DetectionError::Refused`] when nothing waits for
    /// an approval.
    pub fn lease_statement(&self, id: Digest) -> Result<String, DetectionError> {
        let lease = self.lease_work(id)?.record.lease;
        let extending = lease.state() == State::Active && lease.extension().is_some();
        if lease.state() != State::Proposed && !extending {
            return Err(refused(format!(
                "lease {} is {}: nothing waits for approval",
                id.short(),
                lease.state()
            )));
        }
        if lease.dry_run().is_none() {
            return Err(refused(format!(
                "lease {} has no dry run yet; it follows by itself while the node runs",
                id.short()
            )));
        }
        Ok(lease.statement())
    }

    /// Counts approvals of exactly [`Core::lease_statement`]; says whether there are enough now. A node without keys has
    /// no officers: there the caller approves, by the name that they signed in with and not by what they call themselves,
    /// as that post; the lease says that there was no proof. `author` is for the audit log.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] for approvals that do not count, with the reason, and where nobody could show the posts
    /// that the node's rules ask for.
    pub fn approve_lease(
        &self,
        id: Digest,
        approvals: &[Signature],
        (caller, post): (&str, Post),
        author: &str,
    ) -> Result<bool, DetectionError> {
        let proven = self.has_promised()?;
        let rule = self.rules().containment.rule(proven);
        if !proven && !approvals.is_empty() {
            return Err(refused("this node has no keys, so it knows no officers: approve without key files"));
        }
        let unheld = |post: &&String| !UNPROVEN.iter().any(|held| held.as_str() == post.as_str());
        if !proven && let Some(post) = rule.posts.iter().find(unheld) {
            return Err(refused(format!(
                "the node's rules ask for a person who holds {post}, and without keys nobody can show that: make keys \
                 with `key establish`, or leave {post} out of the rules' [containment]"
            )));
        }
        let reason = if proven { "" } else { "without proof of person" };
        self.change_lease(id, author, "lease.approve", reason, |lease, at| {
            let given = if proven {
                self.persons_behind(lease, approvals, &rule, at)?
            } else {
                vec![(caller.to_owned(), post)]
            };
            let revision = lease.revision();
            for (person, post) in given {
                let approval = Approval { person, post: post.as_str().to_owned(), at, revision, proven };
                if lease.approve(approval, &rule).map_err(refused)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Who signed, and as what.
    fn persons_behind(
        &self,
        lease: &Lease,
        approvals: &[Signature],
        rule: &ApprovalRule,
        at: Timestamp,
    ) -> Result<Vec<(String, Post)>, DetectionError> {
        if approvals.is_empty() {
            return Err(refused(
                "officers approve here: name their key files with --officer, or what they signed with --approval",
            ));
        }
        let trust = self.party()?;
        let registry = self.registry()?;
        let roster = registry.roster(trust.party);
        let site = registry.sites.get(&trust.party);
        let text = lease.statement();
        let named = rule.posts.iter().filter_map(|post| post.parse::<Post>().ok());
        let posts: BTreeSet<Post> = POSTS.into_iter().chain(named).collect();
        let mut given = Vec::new();
        for approval in approvals {
            let (before, mut why) = (given.len(), None);
            for post in &posts {
                let one = std::slice::from_ref(approval);
                let tally = roster.tally(one, text.as_bytes(), *post, at, site);
                given.extend(tally.persons.into_iter().map(|person| (person, *post)));
                for refusal in tally.refusals {
                    // That somebody does not hold one of several posts says the least.
                    let says_little = matches!(refusal.why, Why::NotAppointed(_));
                    if why.is_none() || !says_little {
                        why = Some(refusal);
                    }
                }
            }
            if given.len() == before {
                let why = why.map_or_else(|| "nobody holds a post".to_owned(), |why| why.to_string());
                return Err(refused(format!(
                    "{why}; officers approve the bytes of `contain statement {}` as they are now, and are appointed \
                     with `key appoint`",
                    lease.id().short()
                )));
            }
        }
        Ok(given)
    }

    /// Says no to a proposal or to an extension.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] when nothing waits for approval.
    pub fn refuse_lease(&self, id: Digest, reason: &str, author: &str) -> Result<(), DetectionError> {
        self.change_lease(id, author, "lease.refuse", reason, |lease, now| {
            lease.refuse(author, reason, now).map_err(refused)
        })
    }

    /// Ends a lease before its time, whether anything is in place or not. What is in place is taken away.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] when it is over.
    pub fn withdraw_lease(&self, id: Digest, reason: &str, author: &str) -> Result<(), DetectionError> {
        self.change_lease(id, author, "lease.withdraw", reason, |lease, now| {
            let ended = match lease.state() {
                State::Active => lease.roll_back(author, reason, now),
                _ => lease.withdraw(author, reason, now),
            };
            ended.map_err(refused)
        })
    }

    /// Asks for a later end. It takes new approvals.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] when it is not in place, or the end is not later or too far away.
    pub fn extend_lease(&self, id: Digest, until: Timestamp, author: &str) -> Result<(), DetectionError> {
        self.change_lease(id, author, "lease.extend", &until.to_string(), |lease, now| {
            lease.extend(until, author, now).map_err(refused)
        })
    }

    /// Lets actuators that failed for good be tried again, and has all of a lease in force told again what they hold.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is none of this number.
    pub fn retry_lease(&self, id: Digest, author: &str) -> Result<(), DetectionError> {
        let actuators = self.change_lease(id, author, "lease.retry", "", |lease, _| {
            retry_all(lease);
            Ok(if lease.state().is_in_force() { lease.actuators().to_vec() } else { Vec::new() })
        })?;
        self.detection()?.leasing().asked.extend(actuators);
        Ok(())
    }

    /// What a lease blocks, in a format, for people who carry it somewhere themselves; and what cannot be written in it.
    /// `first_sid` is the number of the first Suricata rule; without one it depends on the lease.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] for an unknown format, a number that rules cannot have or another format has no use for,
    /// and for a lease that is not in force: what was not approved is carried nowhere.
    pub fn export_lease(
        &self,
        id: Digest,
        format: &str,
        first_sid: Option<u32>,
    ) -> Result<(String, Vec<String>), DetectionError> {
        let format: Format = format.parse().map_err(refused)?;
        if first_sid.is_some() && format != Format::Suricata {
            return Err(refused(format!("{format} has no rule numbers: leave the first one out")));
        }
        if first_sid == Some(0) {
            return Err(refused("rules are numbered from 1"));
        }
        let lease = self.lease_work(id)?.record.lease;
        if !lease.state().is_in_force() {
            let state = lease.state();
            return Err(refused(format!("lease {} is {state}, and not in force", id.short())));
        }
        let now = self.clock.now();
        let name = format!("lease {}", id.short());
        let set = BlockSet { name, items: lease.wanted(now), leases: BTreeSet::from([id]) };
        let sids = first_sid.map_or_else(|| SuricataOptions::sids_of(&id), SuricataOptions::sids_from);
        let suricata = SuricataOptions { sids, ..SuricataOptions::default() };
        let export = controls::export(format, &set, now, &Options { suricata, ..Options::default() });
        Ok((export.text, export.skipped.iter().map(ToString::to_string).collect()))
    }

    /// Reads a lease, does something to it, and writes it with who did it.
    fn change_lease<T>(
        &self,
        id: Digest,
        author: &str,
        action: &str,
        reason: &str,
        change: impl FnOnce(&mut Lease, Timestamp) -> Result<T, DetectionError>,
    ) -> Result<T, DetectionError> {
        let detection = self.detection()?;
        let _turn = detection.leasing();
        let now = self.clock.now();
        let mut open = self.lease_work(id)?;
        let done = change(&mut open.record.lease, now)?;
        let work = open.written(now)?;
        self.store.transact(|tx| {
            tx.set_work(self.scope, &work)?;
            tx.audit(self.scope.tenant, now, author, action, &id.short(), reason)
        })?;
        Ok(done)
    }

    fn lease_work(&self, id: Digest) -> Result<Open, DetectionError> {
        let work = self.store.read()?.work(self.scope, WorkKind::Lease, id)?;
        Open::read(work.ok_or_else(|| missing(id))?)
    }

    fn keep_leases(
        &self,
        open: &[Open],
        which: &BTreeSet<Digest>,
        now: Timestamp,
    ) -> Result<(), DetectionError> {
        let works = written(open, which, now)?;
        if !works.is_empty() {
            self.store.transact(|tx| works.iter().try_for_each(|work| tx.set_work(self.scope, work)))?;
        }
        Ok(())
    }
}

fn written(open: &[Open], which: &BTreeSet<Digest>, now: Timestamp) -> Result<Vec<Work>, DetectionError> {
    open.iter().filter(|one| which.contains(&one.work.id)).map(|one| one.written(now)).collect()
}

fn retry_all(lease: &mut Lease) {
    let names: Vec<String> = lease.failures().keys().cloned().collect();
    names.iter().for_each(|name| lease.retry(name));
}

/// What nothing can be made of is named with everything else that must not be blocked: it stops the others only where
/// the proposer did not say to go on. An object that does not exist is said to be missing there.
fn or_unread(
    taken: Result<(), DetectionError>,
    text: &str,
    keep_rest: bool,
    unread: &mut Vec<Unread>,
) -> Result<(), DetectionError> {
    let why = match taken {
        Err(DetectionError::Refused(why)) => why,
        Err(missing @ DetectionError::Missing(_)) if keep_rest => missing.to_string(),
        other => return other,
    };
    let text = shortened(text, TEXT);
    let why = why.strip_prefix(&format!("`{text}`: ")).unwrap_or(&why);
    let text = if text.trim().is_empty() { "nothing" } else { text };
    unread.push(Unread { text: text.to_owned(), why: shortened(why, REASON).to_owned() });
    Ok(())
}

fn not_proposed(problem: ProposalError, keep_rest: bool) -> DetectionError {
    let ProposalError::Refused(left, unread) = problem else { return refused(problem) };
    let of_items = left.iter().map(|left| format!("`{}`: {}", left.item.observable, left.why));
    let of_texts = unread.iter().map(|unread| format!("`{}`: {}", unread.text, unread.why));
    let named: Vec<String> = of_items.chain(of_texts).take(NAMED).collect();
    let all = left.len().saturating_add(unread.len());
    let more = all.saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    let next = if keep_rest {
        "nothing else is left to block"
    } else {
        "leave them out, or go on with the others with --keep-rest"
    };
    refused(format!("{all} of the items must not be blocked: {}{more}; {next}", named.join("; ")))
}

fn missing(id: Digest) -> DetectionError {
    DetectionError::Missing(format!("lease {}", id.short()))
}

fn view(work: Work, rule: &ApprovalRule) -> LeaseView {
    let record: Option<Record> = serde_json::from_str(&work.body).ok();
    let lease = record.as_ref().map(|record| serde_json::to_value(&record.lease).unwrap_or_default());
    let receipts = record.as_ref().map(|record| serde_json::to_value(&record.receipts).unwrap_or_default());
    LeaseView {
        id: work.id,
        state: work.state,
        over: work.over,
        begun: work.begun,
        changed: work.changed,
        missing: record.map_or_else(Vec::new, |record| record.lease.missing(rule)),
        lease: lease.unwrap_or_default(),
        receipts: receipts.unwrap_or_default(),
    }
}
