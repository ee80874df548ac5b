//! What leases ask of actuators, told and written down; and what a lease would have blocked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use containment::{
    ActuatorResult, DayHits, DryRun, Lease, Order, Outcome, Receipt, State, orders, reminders, wanted,
};
use controls::Handle;
use detect::{Atom, Entry, Index};
use ledger::entry::{Figures, Word};
use model::{Digest, Finding, Severity, Timestamp};
use ports::actuator::{ActuatorError, Applied};
use ports::detection::WorkKind;
use serde_json::{Value, json};

use super::super::hunting::Bounds;
use super::super::question::Hunted;
use super::super::watch::Watch;
use super::super::{Detection, DetectionError, digest, shortened};
use super::{AGAIN, MOST, Open, again, refused, retry_all, written};
use crate::core::Core;

/// Receipts that are kept with a lease…
const RECEIPTS: usize = 50;
/// …and items in them all.
const RECEIPT_ITEMS: usize = 20_000;
/// How far back a dry run looks, in microseconds: a year.
const BACK: i64 = 365 * 86_400 * 1_000_000;
/// How long it may take, in seconds.
const SECONDS: u64 = 120;
/// Blind spots that a dry run tells.
const BLIND: usize = 100;
/// Bytes of each.
const BLIND_TEXT: usize = 500;
/// After something was taken in, items are looked at again within this time, in microseconds.
const SOON: i64 = 2_000_000;
/// Actuators are told again what they hold after this time, in microseconds: ten minutes.
const REMIND: i64 = 600_000_000;

impl Core {
    /// Makes the dry run of the lease that has waited longest. Returns whether there was one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn dry_run_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let began = self.clock.now();
        let works = self.store.read()?.due_work(self.scope, WorkKind::Lease, began, MOST)?;
        let mut waiting = works.into_iter().filter(|work| work.state == State::Proposed.as_str());
        let next = waiting.find_map(|work| Open::read(work).ok().filter(Open::waits_for_dry_run));
        let Some(next) = next else { return Ok(false) };
        let run = match self.dry_run(detection, &next.record.lease, began) {
            Err(DetectionError::Stopping) => return Ok(false),
            Err(problem) => {
                blank(began, vec![shortened(&format!("it failed: {problem}"), BLIND_TEXT).to_owned()])
            }
            Ok(run) => run,
        };
        let _turn = detection.leasing();
        let mut open = self.lease_work(next.work.id)?;
        // It may have been refused, or lost items, since.
        if !open.waits_for_dry_run() || open.record.lease.items() != next.record.lease.items() {
            return Ok(true);
        }
        open.record.lease.attach(run).map_err(refused)?;
        let work = open.written(self.clock.now())?;
        self.store.transact(|tx| tx.set_work(self.scope, &work))?;
        Ok(true)
    }

    /// What a lease would have blocked in what was kept.
    fn dry_run(
        &self,
        detection: &Detection,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<DryRun, DetectionError> {
        let blocks = lease.blocks(now);
        let entries: Vec<Entry> = blocks
            .iter()
            .zip(0_u64..)
            .map(|(block, subject)| Entry {
                atom: Atom { observable: block.observable.clone(), port: block.port },
                subject,
                from: Timestamp::MIN,
                until: None,
                confidence: None,
            })
            .collect();
        if entries.is_empty() {
            return Ok(blank(now, vec!["everything in it is over".to_owned()]));
        }
        let watch = Watch { index: Index::default().with(&entries), ..Watch::default() };
        let hunted = Hunted {
            watch: Arc::new(watch),
            values: blocks.into_iter().map(|block| block.observable).collect(),
            classes: None,
            names: Vec::new(),
            ordered: false,
        };
        let bounds = Bounds {
            from: Some(now.plus_micros(-BACK)),
            until: Some(now),
            max_seconds: Some(SECONDS),
            ..Bounds::default()
        };
        // What is being examined is kept first.
        drop(detection.flowing.write().unwrap_or_else(PoisonError::into_inner));
        let ran = self.run_hunt(detection, &hunted, &bounds, &AtomicBool::new(false), false, &|_| {})?;
        let mut days: BTreeMap<String, (u64, BTreeSet<String>)> = BTreeMap::new();
        for tally in ran.tallies.into_values() {
            for (day, count) in tally.days {
                let entry = days.entry(day).or_default();
                entry.0 = entry.0.saturating_add(count);
            }
            for (day, devices) in tally.devices {
                days.entry(day).or_default().1.extend(devices);
            }
        }
        let mut blind: Vec<String> = Vec::new();
        if ran.looked.records == 0 {
            blind.push("no events are kept, so this says nothing".to_owned());
        }
        if !ran.looked.complete {
            blind.push("not everything that is kept was looked at".to_owned());
        }
        blind.extend(ran.looked.blind.iter().map(|text| shortened(text, BLIND_TEXT).to_owned()));
        blind.retain(|text| !text.trim().is_empty());
        blind.truncate(BLIND);
        let earliest = ran.looked.sources.iter().map(|source| source.from).min();
        Ok(DryRun {
            from: earliest.filter(|from| *from < now).unwrap_or_else(|| now.plus_micros(-BACK)),
            events: ran.looked.records,
            days: days
                .into_iter()
                .map(|(day, (hits, devices))| DayHits { day, hits, devices: devices.len() as u64 })
                .collect(),
            ..blank(now, blind)
        })
    }

    /// Lets time pass for all leases, takes out what must no longer be blocked, and tells actuators what to hold: what is
    /// new at once, and all of it again when the node starts, every ten minutes, and when somebody asks for it. Returns `false`: what is left waits for the clock.
    ///
    /// # Errors
    /// When the store fails; everything is told again then.
    pub fn lease_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let mut leasing = detection.leasing();
        let now = self.clock.now();
        let head = *self.head().borrow();
        let rules = digest(&[self.rules().text.as_bytes()]).to_string();
        let due = {
            let read = self.store.read()?;
            if read.open_work(self.scope, WorkKind::Lease)? == 0 {
                return Ok(false);
            }
            !read.due_work(self.scope, WorkKind::Lease, now, 1)?.is_empty()
        };
        let stale = leasing.checked.as_ref().is_none_or(|(seq, at, under)| {
            let age = now.as_micros().abs_diff(at.as_micros());
            let moved = *seq != head && (due || age >= SOON.unsigned_abs());
            *under != rules || moved || age >= AGAIN.unsigned_abs()
        });
        let long_ago = leasing
            .reminded
            .is_none_or(|at| now.as_micros().abs_diff(at.as_micros()) >= REMIND.unsigned_abs());
        if !stale && !due && !long_ago && leasing.asked.is_empty() {
            return Ok(false);
        }
        let Some(mut open) = self.open_leases()? else { return Ok(false) };
        let mut changed = BTreeSet::new();
        for one in &mut open {
            let failed = one.record.lease.failures().values().any(|failure| failure.permanent);
            if failed && one.record.rules != rules {
                retry_all(&mut one.record.lease);
                one.record.rules.clone_from(&rules);
                changed.insert(one.work.id);
            }
            if one.record.lease.tick(now) {
                changed.insert(one.work.id);
            }
        }
        if stale {
            changed.append(&mut self.recheck_leases(&mut open, now)?);
            leasing.checked = Some((head, now, rules.clone()));
        }
        // What has come due is written again even where nothing else changed, so that it is due later.
        changed.extend(open.iter().filter(|one| one.has_come_due(now)).map(|one| one.work.id));
        self.keep_leases(&open, &changed, now)?;
        let mut again = leasing.asked.clone();
        if long_ago {
            again.extend(open.iter().flat_map(|one| one.record.lease.placed().keys().cloned()));
        }
        self.tell_actuators(detection, &mut open, &again, &rules)?;
        leasing.asked.clear();
        if long_ago {
            leasing.reminded = Some(now);
        }
        Ok(false)
    }

    /// Tells actuators what is planned, and some of them again what they hold; each once.
    fn tell_actuators(
        &self,
        detection: &Detection,
        open: &mut [Open],
        remind: &BTreeSet<String>,
        rules: &str,
    ) -> Result<(), DetectionError> {
        let mut told = BTreeSet::new();
        while !detection.stopping.load(Ordering::Acquire) {
            // Each order is made when it is told: no block may outlast its item by the time the others took.
            let now = self.clock.now();
            let leases: Vec<Lease> = open.iter().map(|one| one.record.lease.clone()).collect();
            let mut all = orders(&leases, now);
            all.extend(left_behind(open, &leases, &all, now));
            let known = reminders(&leases, remind, now);
            let all = all.into_iter().map(|order| (order, false));
            let next = all.chain(known.into_iter().map(|order| (order, true))).find(|(order, _)| {
                let waits = |lease: &Lease| {
                    let failure = lease.failures().get(&order.actuator);
                    order.leases.contains(&lease.id())
                        && failure.is_some_and(|failure| !failure.permanent && again(failure) > now)
                };
                !told.contains(&order.actuator) && !leases.iter().any(waits)
            });
            let Some((order, is_known)) = next else { break };
            told.insert(order.actuator.clone());
            self.carry_out(detection, open, (&order, is_known), rules, now)?;
        }
        Ok(())
    }

    /// All leases that are not over; `None`, and a finding, when one of them cannot be read: what it holds somewhere
    /// would be taken away if the others were told without it.
    fn open_leases(&self) -> Result<Option<Vec<Open>>, DetectionError> {
        let works = self.store.read()?.works(self.scope, WorkKind::Lease, true, MOST)?;
        let mut open = Vec::with_capacity(works.len());
        for work in works {
            let id = work.id;
            match Open::read(work) {
                Ok(one) => open.push(one),
                Err(problem) => {
                    let message = format!("{problem}; no actuator is told anything until it can be");
                    let finding =
                        Finding::new(Severity::Error, "shieldwall/containment-unreadable", "", message)
                            .hint("start the version of the program that wrote it");
                    self.say_once(&format!("lease-unreadable:{id}"), &finding)?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(open))
    }

    /// Takes out of leases what must no longer be blocked. Returns which ones changed.
    fn recheck_leases(&self, open: &mut [Open], now: Timestamp) -> Result<BTreeSet<Digest>, DetectionError> {
        let registry = self.registry()?;
        let guard = self.never_block()?;
        let read = self.store.read()?;
        let mut changed = BTreeSet::new();
        for one in open.iter_mut().filter(|one| !one.record.lease.state().is_final()) {
            let known = self.known_of(&registry, &*read, one.record.lease.items(), now)?;
            if one.record.lease.recheck(&guard, &known, now) > 0 {
                changed.insert(one.work.id);
            }
        }
        Ok(changed)
    }

    /// Tells one actuator what to hold, and writes down what became of it. Of what it was told before and should know
    /// nothing is written down while it does as before.
    fn carry_out(
        &self,
        detection: &Detection,
        open: &mut [Open],
        (order, is_known): (&Order, bool),
        rules: &str,
        now: Timestamp,
    ) -> Result<(), DetectionError> {
        let concerned: BTreeSet<Digest> = order.leases.iter().copied().collect();
        let mut acted = BTreeSet::new();
        for one in open.iter_mut().filter(|one| !is_known && concerned.contains(&one.work.id)) {
            let plan = one.record.lease.plan(now);
            let mut steps = plan.apply.iter().chain(&plan.remove);
            let again = !one.record.trying.insert(order.actuator.clone());
            if again || steps.any(|step| step.actuator == order.actuator) {
                acted.insert(one.work.id);
            }
        }
        if !is_known {
            self.keep_leases(open, &concerned, now)?;
        }
        let outcome = self.tell_actuator(detection, order, now);
        let mut changed = BTreeSet::new();
        let (mut receipts, mut failures) = (Vec::new(), Vec::new());
        for one in open.iter_mut().filter(|one| concerned.contains(&one.work.id)) {
            let lease = &mut one.record.lease;
            let own = match &outcome {
                // What is to be taken away is tried until it is.
                Outcome::Failed { message, handles, .. } if lease.state().is_final() => {
                    Outcome::Failed { message: message.clone(), permanent: false, handles: handles.clone() }
                }
                other => other.clone(),
            };
            if is_known {
                if !lease.remind(&order.actuator, now, &own).map_err(refused)? {
                    continue;
                }
                acted.insert(one.work.id);
            } else {
                lease.record(&order.actuator, now, &own).map_err(refused)?;
            }
            changed.insert(one.work.id);
            one.record.trying.remove(&order.actuator);
            let failure = lease.failures().get(&order.actuator);
            if failure.is_some_and(|failure| failure.permanent) {
                rules.clone_into(&mut one.record.rules);
            }
            let first = failure.is_none_or(|failure| failure.tries == 1);
            // What was said to have failed is said to be done.
            let mended = failure.is_none() && failed_last(&one.record.receipts, &order.actuator);
            if !mended && (!first || !acted.contains(&one.work.id)) {
                continue;
            }
            if let Some(failure) = failure {
                failures.push((one.work.id, failure.clone()));
            }
            let receipt = lease.receipt(now, vec![ActuatorResult::of(&order.actuator, &own)]);
            let text = receipt.to_json();
            receipts.push((one.work.id, digest(&[b"receipt", text.as_bytes()]), receipt.state));
            one.record.receipts.push(receipt);
            trim(&mut one.record.receipts);
        }
        let works = written(open, &changed, now)?;
        if works.is_empty() {
            return Ok(());
        }
        let done = matches!(outcome, Outcome::Done { .. });
        let action = if done { "lease.carried-out" } else { "lease.failed" };
        let post = Word::named("node").ok().filter(|_| self.trust().is_some());
        self.store.transact(|tx| {
            works.iter().try_for_each(|work| tx.set_work(self.scope, work))?;
            for (id, receipt, state) in &receipts {
                let what = format!("{} is {state}; receipt {receipt}", order.actuator);
                tx.audit(self.scope.tenant, now, "node", action, &id.short(), &what)?;
                if let Some((post, action)) = post.clone().zip(Word::named(deed(done, *state)).ok()) {
                    let figures = Figures::Access { post, action, count: 1 };
                    let particulars = json!({"lease": id.to_string(), "receipt": receipt.to_string()});
                    self.book(tx, now, figures, &particulars.to_string())?;
                }
            }
            Ok(())
        })?;
        for (id, failure) in failures {
            let message = format!(
                "actuator `{}` did not do what lease {} says: {}",
                order.actuator,
                id.short(),
                failure.message
            );
            let hint = if failure.permanent {
                "when that is mended: `shieldwall contain retry`"
            } else {
                "it is tried again by itself; `shieldwall contain show` says how it stands"
            };
            let finding =
                Finding::new(Severity::Error, "shieldwall/containment-failed", "", message).hint(hint);
            let name = format!("lease-failed:{id}:{}:{}", order.actuator, failure.at.as_micros());
            self.say_once(&name, &finding)?;
        }
        Ok(())
    }

    fn tell_actuator(&self, detection: &Detection, order: &Order, now: Timestamp) -> Outcome {
        let failed = |message: String, permanent: bool| Outcome::Failed { message, permanent, handles: None };
        let rules = self.rules();
        let entry = rules.containment.actuators.iter().find(|entry| entry.name == order.actuator);
        let Some(entry) = entry else {
            let message =
                "the node's rules name it no more; put it back there, so that what it holds can be ended";
            return failed(message.to_owned(), false);
        };
        let config = Value::Object(entry.config.clone()).to_string();
        let actuator = match detection.outside.actuators.open(&entry.kind, &entry.name, &config) {
            Ok(actuator) => actuator,
            Err(problem) => return failed(problem.to_string(), true),
        };
        let result = if order.set.items.is_empty() {
            actuator.remove(&order.held, now)
        } else {
            actuator.apply(&order.set, &order.held, now)
        };
        outcome(result)
    }
}

/// What actuators were perhaps told when the node died, beside what is to be done anyhow.
fn left_behind(open: &[Open], leases: &[Lease], all: &[Order], now: Timestamp) -> Vec<Order> {
    let trying: BTreeSet<&String> = open.iter().flat_map(|one| &one.record.trying).collect();
    let left = trying.into_iter().filter(|name| !all.iter().any(|order| order.actuator == **name));
    left.map(|actuator| {
        let named: Vec<&Lease> = leases.iter().filter(|lease| lease.actuators().contains(actuator)).collect();
        let placed = named.iter().filter_map(|lease| lease.placed().get(actuator));
        let held: BTreeSet<Handle> =
            placed.flat_map(|placed| placed.handles.iter().map(Handle::from)).collect();
        Order {
            actuator: actuator.clone(),
            set: wanted(named.iter().copied(), actuator, now),
            held: held.into_iter().collect(),
            leases: named.iter().map(|lease| lease.id()).collect(),
        }
    })
    .collect()
}

/// What an actuator's answer comes to.
fn outcome(result: Result<Applied, ActuatorError>) -> Outcome {
    match result {
        Ok(applied) => Outcome::Done {
            skipped: applied
                .skipped
                .iter()
                .map(|skipped| (skipped.item.key(), skipped.why.to_string()))
                .collect(),
            handles: applied.handles,
            digest: applied.digest.to_string(),
        },
        Err(error) => {
            Outcome::Failed { message: error.message, permanent: error.permanent, handles: error.handles }
        }
    }
}

/// Whether an actuator's newest receipt says that it did not do what it was told.
fn failed_last(receipts: &[Receipt], actuator: &str) -> bool {
    let mut results = receipts.iter().rev().flat_map(|receipt| &receipt.results);
    results.find(|result| result.actuator == actuator).is_some_and(|result| !result.done)
}

/// What reports count it as.
const fn deed(done: bool, state: State) -> &'static str {
    match (done, state.is_in_force()) {
        (true, true) => "contain",
        (true, false) => "contain-end",
        (false, _) => "contain-fail",
    }
}

/// The newest receipts stay.
fn trim(receipts: &mut Vec<Receipt>) {
    let mut items = 0_usize;
    let fits = |receipt: &&Receipt| {
        items = items.saturating_add(receipt.items.len());
        items <= RECEIPT_ITEMS
    };
    let kept = receipts.iter().rev().take(RECEIPTS).take_while(fits).count().max(1);
    receipts.drain(..receipts.len().saturating_sub(kept));
}

/// A dry run that found nothing.
fn blank(now: Timestamp, blind: Vec<String>) -> DryRun {
    DryRun { from: now.plus_micros(-BACK), until: now, at: now, events: 0, days: Vec::new(), blind }
}
