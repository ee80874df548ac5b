//! Looking back by itself: what the journal newly brought is looked for in what was kept.
//!
//! One indicator that makes looking fail holds up none of the others: what fails is looked for in halves, down to the
//! indicators that fail alone, and those are passed over. What was given and is not answered is gone through every hour:
//! so those of other parties are tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;

use detect::{PatternState, State, Windows};
use model::{Seq, StixId, VersionId};
use policy::Action;
use ports::telemetry::Looked;
use ports::{JournalKind, StoreError};

use super::super::question::{Hunted, of_indicators};
use super::super::sink::Sink;
use super::super::watch::{OneIndicator, one_of, subject_of, version_of};
use super::super::{Detection, DetectionError, START};
use super::{Bounds, Tally};
use crate::core::Core;

/// Journal entries whose indicators are looked for at once.
const BATCH: usize = 1_000;
/// How long looking back for rules and patterns of one batch may take, in seconds.
const SECONDS: u64 = 120;
/// The name of the cursor of looking back.
pub(crate) const CURSOR: &str = "hunt-back";
/// The name of the cursor that counts how often nothing of a batch could be looked for.
const TRIED: &str = "hunt-back-tried";
/// So often at most, before what fails is passed over.
const TRIES: u64 = 3;
/// Where so many fail alone and none went well, it may be the node that is unwell.
const UNWELL: usize = 3;

/// What came of looking for several.
struct Narrowed<'a, T> {
    /// Whether any could be looked for.
    well: bool,
    /// Those that fail alone.
    failed: Vec<(&'a T, DetectionError)>,
}

impl Core {
    /// Looks for what the journal newly brought in what was kept, raises what is found and answers whoever shared it.
    /// Returns whether there may be more.
    ///
    /// # Errors
    /// When the store fails; the same stretch is looked for again then.
    pub fn hunt_back_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let again = detection.take_again();
        let done = guarded(|| self.hunt_back(detection, &again));
        if done.is_err() {
            detection.look_again(again);
        }
        done
    }

    /// Looks back for what the journal newly brought, and for what may be looked for only now.
    fn hunt_back(&self, detection: &Detection, again: &BTreeSet<StixId>) -> Result<bool, DetectionError> {
        let tenant = self.scope.tenant;
        let now = self.clock.now();
        let registry = self.registry()?;
        let read = self.store.read()?;
        let at = read.named_cursor(tenant, CURSOR)?.unwrap_or(START);
        let rows = match read.journal(tenant, at, BATCH) {
            Ok(rows) => rows,
            Err(StoreError::CursorExpired { horizon }) => {
                drop(read);
                self.store.transact(|tx| tx.set_cursor(tenant, CURSOR, horizon))?;
                detection.look_again(again.iter().cloned());
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if rows.is_empty() && again.is_empty() {
            return Ok(false);
        }
        let last = rows.last().map_or(at, |row| row.seq);
        let more = rows.len() == BATCH;
        let mut arrived: BTreeMap<StixId, OneIndicator> = BTreeMap::new();
        let mut versions = BTreeSet::new();
        for id in again {
            versions.extend(read.object(self.scope, id, None)?.map(|stored| stored.version_id));
        }
        let put = rows.iter().filter(|row| row.kind == JournalKind::Put);
        let put = put.filter_map(|row| row.object.as_ref());
        let indicators = put.filter(|object| object.id.type_name() == "indicator");
        versions.extend(indicators.map(|object| object.version_id));
        for version in versions {
            let Some(one) = one_of(&*read, self, version)? else { continue };
            if self.may_use(&registry, &*read, version, Action::Detect, now)?.is_ok() {
                arrived.insert(one.stored.id.clone(), one);
            }
        }
        drop(read);
        let stats = detection.outside.telemetry.stats();
        let arrived: Vec<OneIndicator> = arrived.into_values().collect();
        if arrived.is_empty() || stats.events + stats.waiting == 0 {
            self.store.transact(|tx| tx.set_cursor(tenant, CURSOR, last))?;
            return Ok(more);
        }
        // Whatever was examined before these were watched is kept by now; what comes after is examined for them.
        while self.watch_step()? {}
        drop(detection.flowing.write().unwrap_or_else(PoisonError::into_inner));
        self.look_back(detection, &arrived, last)?;
        Ok(more)
    }

    /// Looks back for what arrived, passes over what cannot be looked for, and moves on.
    fn look_back(
        &self,
        detection: &Detection,
        arrived: &[OneIndicator],
        last: Seq,
    ) -> Result<(), DetectionError> {
        let tenant = self.scope.tenant;
        let tries = self.store.read()?.named_cursor(tenant, TRIED)?.map_or(0, |tried| tried.0) + 1;
        let mut sink = Sink::default();
        let Narrowed { well, mut failed } = narrow(arrived, tries >= TRIES, |some| {
            sink.merge(guarded(|| self.look_for(detection, some))?);
            Ok(())
        })?;
        if !well
            && tries < TRIES
            && let Some((_, problem)) = failed.pop()
        {
            self.store.transact(|tx| tx.set_cursor(tenant, TRIED, Seq(tries)))?;
            return Err(problem);
        }
        for (one, problem) in &failed {
            tracing::warn!(
                indicator = one.stored.id.as_str(),
                %problem,
                "what was kept cannot be looked through for it; it is passed over, and looked for in what comes"
            );
        }
        let now = self.clock.now();
        self.raise_all(&sink.take(), now, |tx| {
            tx.set_cursor(tenant, TRIED, START)?;
            tx.set_cursor(tenant, CURSOR, last)
        })?;
        Ok(())
    }

    /// Looks for some of what arrived, answers whoever shared it, and gives what is to be raised.
    fn look_for(&self, detection: &Detection, arrived: &[OneIndicator]) -> Result<Sink, DetectionError> {
        let off = AtomicBool::new(false);
        let questions = of_indicators(arrived, self.own_classes()?);
        let mut sink = Sink::default();
        let mut answered: Vec<(&OneIndicator, Tally, Looked)> = Vec::new();
        for hunted in [questions.values, questions.others].into_iter().flatten() {
            let is_rest = hunted.values.is_empty();
            let mute = mute(&hunted, arrived);
            let bounds = Bounds { max_seconds: is_rest.then_some(SECONDS), ..Bounds::default() };
            let ran = self.run_hunt(detection, &hunted, &bounds, &off, true, &|_| {})?;
            for one in arrived {
                let of_this = if is_rest { one.entries.is_empty() } else { !one.entries.is_empty() };
                // Whoever cannot look has not looked.
                if of_this && one.reason.is_none() && !mute.contains(&one.stored.version_id) {
                    let tally = ran.tallies.get(&subject_of(one.stored.version_id)).cloned();
                    answered.push((one, tally.unwrap_or_default(), ran.looked.clone()));
                }
            }
            sink.merge(ran.sink);
            // Answers about values do not wait for rules, which take longer.
            self.answer_all(&answered)?;
            answered.clear();
        }
        Ok(sink)
    }
}

/// Looks for all together, and where that fails for each half of them, down to those that fail alone. Unless `patient`, it
/// ends early where nothing goes well.
///
/// # Errors
/// [`DetectionError::Stopping`], as that is no failure.
fn narrow<'a, T>(
    all: &'a [T],
    patient: bool,
    mut look: impl FnMut(&'a [T]) -> Result<(), DetectionError>,
) -> Result<Narrowed<'a, T>, DetectionError> {
    let mut narrowed = Narrowed { well: false, failed: Vec::new() };
    let mut open = vec![all];
    while let Some(some) = open.pop() {
        match look(some) {
            Ok(()) => narrowed.well = true,
            Err(DetectionError::Stopping) => return Err(DetectionError::Stopping),
            Err(problem) if some.len() > 1 => {
                tracing::warn!(indicators = some.len(), %problem, "looking back failed; fewer at once are tried");
                let (first, rest) = some.split_at(some.len() / 2);
                open.extend([rest, first]);
            }
            Err(problem) => {
                narrowed.failed.extend(some.first().map(|one| (one, problem)));
                if !patient && !narrowed.well && narrowed.failed.len() >= UNWELL {
                    break;
                }
            }
        }
    }
    Ok(narrowed)
}

/// Runs what looks. What others wrote is matched against what others wrote: where that brings the matcher down, it is a
/// failure like any other. What it held is dropped, so nothing half-done is seen.
fn guarded<T>(look: impl FnOnce() -> Result<T, DetectionError>) -> Result<T, DetectionError> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|panic| {
        let said = if let Some(text) = panic.downcast_ref::<&str>() {
            *text
        } else if let Some(text) = panic.downcast_ref::<String>() {
            text.as_str()
        } else {
            "it does not say why"
        };
        Err(StoreError::Engine(format!("a step failed: {said}")).into())
    })
}

/// Indicators that cannot be looked for as they say: rules that are not active, patterns that cost too much.
fn mute(hunted: &Hunted, arrived: &[OneIndicator]) -> BTreeSet<VersionId> {
    let mut mute: BTreeSet<VersionId> = hunted
        .watch
        .patterns
        .states(&Windows::new())
        .filter(|(_, state)| *state != PatternState::Active)
        .map(|(subject, _)| version_of(subject))
        .collect();
    for one in arrived.iter().filter(|one| one.rule.is_some()) {
        let cards = hunted.watch.rules.iter().flat_map(|set| set.sigma.cards());
        let mut own = cards.filter(|card| card.file == one.stored.id.as_str()).peekable();
        if own.peek().is_none() || own.any(|card| card.state != State::Active) {
            mute.insert(one.stored.version_id);
        }
    }
    mute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> DetectionError {
        DetectionError::Refused("no".to_owned())
    }

    /// What is looked for with success in the end, what fails, and how often it was looked.
    fn tried(all: &[u32], bad: &[u32], patient: bool) -> (Vec<u32>, Vec<u32>, usize) {
        let (mut seen, mut looks) = (Vec::new(), 0);
        let narrowed = narrow(all, patient, |some| {
            looks += 1;
            if some.iter().any(|one| bad.contains(one)) {
                return Err(failure());
            }
            seen.extend_from_slice(some);
            Ok(())
        });
        let narrowed = narrowed.unwrap();
        assert_eq!(narrowed.well, !seen.is_empty());
        (seen, narrowed.failed.iter().map(|(one, _)| **one).collect(), looks)
    }

    #[test]
    fn one_that_fails_keeps_no_other_from_being_looked_for() {
        let all: Vec<u32> = (0..1_000).collect();
        assert_eq!(tried(&all, &[], false), (all.clone(), vec![], 1));
        for bad in [vec![0], vec![999], vec![500], vec![3, 4], vec![1, 250, 777]] {
            let (seen, failed, looks) = tried(&all, &bad, false);
            let good: Vec<u32> = all.iter().copied().filter(|one| !bad.contains(one)).collect();
            assert_eq!((seen, failed), (good, bad.clone()));
            assert!(looks <= 1 + 20 * bad.len(), "{looks} for {bad:?}");
        }
    }

    #[test]
    fn where_nothing_goes_well_it_ends_early_at_first() {
        let all: Vec<u32> = (0..100).collect();
        let (seen, failed, _) = tried(&all, &all, false);
        assert_eq!((seen.len(), failed.len()), (0, UNWELL));
        // Later all of them are passed over.
        assert_eq!(tried(&all, &all, true).1, all);
        assert_eq!(tried(&[7], &[7], false).1, [7]);
    }

    #[test]
    fn a_stop_is_no_failure() {
        let stopped = narrow(&[1, 2, 3], false, |_| Err(DetectionError::Stopping));
        assert!(matches!(stopped, Err(DetectionError::Stopping)));
    }

    #[test]
    fn a_panic_is_a_failure_with_its_words() {
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        let said = |look: fn() -> Result<(), DetectionError>| guarded(look).unwrap_err().to_string();
        assert!(said(|| panic!("what it met")).contains("what it met"));
        let formatted: fn() -> Result<(), DetectionError> = || {
            let number = 7;
            panic!("it met {number}")
        };
        assert!(said(formatted).contains("it met 7"));
        assert_eq!(said(|| Err(failure())), "no");
    }
}
