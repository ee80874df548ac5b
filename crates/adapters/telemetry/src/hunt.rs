//! A hunt: steps that workers take from one queue, and what was looked at in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use ports::telemetry::{Covered, Kept, Looked, Plan, Progress, Stopped, TelemetryError};

use crate::ParquetTelemetry;
use crate::asked::Asked;
use crate::entry::{self, Entry};
use crate::part::Part;
use crate::read::{Unreadable, guarded};
use crate::scan::{Records, find};
use crate::wal::Log;

/// Records of a log between two looks at whether to go on.
const STRIDE: u64 = 4096;

/// Something to look at in one go.
#[derive(Debug)]
enum Step {
    /// A row group of a file.
    Group(Arc<Part>, usize),
    /// A log of a source.
    Log(Arc<str>, Log),
}

/// A hunt that is going on.
struct Hunt<'h> {
    store: &'h ParquetTelemetry,
    plan: &'h Plan,
    asked: Asked,
    steps: Vec<Step>,
    each: &'h (dyn Fn(usize, &Kept<'_>) + Sync),
    progress: &'h (dyn Fn(&Progress) -> bool + Sync),
    /// The next step.
    next: AtomicUsize,
    done: AtomicU64,
    records: AtomicU64,
    read: AtomicU64,
    bytes: Arc<AtomicU64>,
    asked_to_stop: AtomicBool,
    over_budget: AtomicBool,
    /// Whether a step was left before its end.
    cut_short: AtomicBool,
}

/// What a worker has looked at.
#[derive(Debug, Default)]
struct Tally {
    groups: u64,
    pruned: u64,
    covered: BTreeMap<String, (Timestamp, Timestamp, u64)>,
    /// By file: each is named once.
    blind: BTreeMap<String, String>,
}

impl Tally {
    fn cover(&mut self, source: &str, first: Timestamp, last: Timestamp, records: u64) {
        if let Some((from, until, sum)) = self.covered.get_mut(source) {
            (*from, *until) = ((*from).min(first), (*until).max(last));
            *sum += records;
        } else {
            self.covered.insert(source.to_owned(), (first, last, records));
        }
    }

    fn merge(&mut self, other: Self) {
        self.groups += other.groups;
        self.pruned += other.pruned;
        for (source, (first, last, records)) in other.covered {
            self.cover(&source, first, last, records);
        }
        self.blind.extend(other.blind);
    }
}

impl ParquetTelemetry {
    pub(crate) fn hunt_through(
        &self,
        plan: &Plan,
        workers: usize,
        each: &(dyn Fn(usize, &Kept<'_>) + Sync),
        progress: &(dyn Fn(&Progress) -> bool + Sync),
    ) -> Result<Looked, TelemetryError> {
        if workers == 0 {
            return Err(TelemetryError::Invalid("a hunt needs a worker".to_owned()));
        }
        let mut tally = Tally::default();
        let hunt = Hunt {
            store: self,
            plan,
            asked: Asked::new(&plan.values),
            steps: self.steps(plan, &mut tally),
            each,
            progress,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            records: AtomicU64::new(0),
            read: AtomicU64::new(0),
            bytes: Arc::default(),
            asked_to_stop: AtomicBool::new(false),
            over_budget: AtomicBool::new(false),
            cut_short: AtomicBool::new(false),
        };
        let all = Mutex::new(tally);
        let work = |worker: usize| {
            let tally = hunt.work(worker);
            all.lock().unwrap_or_else(PoisonError::into_inner).merge(tally);
        };
        std::thread::scope(|scope| {
            for worker in 1..workers.min(hunt.steps.len()) {
                scope.spawn(move || work(worker));
            }
            work(0);
        });
        let looked = hunt.looked(all.into_inner().unwrap_or_else(PoisonError::into_inner));
        // The files it read may be free to go now. What cannot be removed is tried again when files are looked after.
        drop(hunt);
        drop(self.bury());
        Ok(looked)
    }

    /// What there is to look at, as it is at this moment.
    fn steps(&self, plan: &Plan, tally: &mut Tally) -> Vec<Step> {
        let covers = |name: &str| plan.sources.as_ref().is_none_or(|sources| sources.contains(name));
        let mut steps = Vec::new();
        let mut logs = Vec::new();
        // The files stay locked until the logs are listed: what is turned from the one into the other is seen once.
        let shelf = self.shelf();
        for part in shelf.covered(plan) {
            if let Some(why) = &part.fault {
                tally.blind.insert(self.disk.at(&part.path).display().to_string(), why.clone());
            } else {
                steps.extend((0..part.groups).map(|place| Step::Group(Arc::clone(&part), place)));
            }
        }
        for source in self.sources().iter().filter(|source| covers(&source.name)) {
            let wal = source.wal.lock().unwrap_or_else(PoisonError::into_inner);
            let name: Arc<str> = source.name.as_str().into();
            if let Some(lost) = wal.lost() {
                tally.blind.insert(format!("source {name}"), lost);
            }
            logs.extend(wal.logs().into_iter().map(|log| Step::Log(Arc::clone(&name), log)));
        }
        drop(shelf);
        for (path, why) in &self.blind {
            tally.blind.insert(path.clone(), why.clone());
        }
        steps.extend(logs);
        steps
    }
}

impl Hunt<'_> {
    fn work(&self, worker: usize) -> Tally {
        let mut tally = Tally::default();
        while self.goes_on() {
            let Some(step) = self.steps.get(self.next.fetch_add(1, Ordering::Relaxed)) else { break };
            match step {
                Step::Group(part, place) => {
                    if let Err(Unreadable(why)) = self.group(worker, part, *place, &mut tally) {
                        let path = self.store.disk.at(&part.path).display().to_string();
                        tally.blind.insert(path, why);
                    }
                }
                Step::Log(source, log) => {
                    if let Err(Unreadable(why)) = self.log(worker, source, log, &mut tally) {
                        let path = self.store.disk.at(&log.path).display().to_string();
                        tally.blind.insert(path, why);
                    }
                }
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            self.report();
        }
        tally
    }

    fn group(&self, worker: usize, part: &Part, place: usize, tally: &mut Tally) -> Result<(), Unreadable> {
        let opened = self.store.footers.open(&self.store.disk, part, &self.bytes)?;
        let group = opened.group(place)?;
        let found = guarded(|| find(&group, self.plan, &self.asked))?;
        if let Some((first, last)) = found.span {
            tally.cover(&part.source, first, last, found.records);
        }
        self.records.fetch_add(found.records, Ordering::Relaxed);
        tally.groups += u64::from(found.records > 0);
        if found.rows.is_empty() {
            tally.pruned += u64::from(found.records > 0);
            return Ok(());
        }
        let mut records = guarded(|| Records::new(&group, found.rows))?;
        while let Some(batch) = guarded(|| records.next_batch())? {
            for place in 0..batch.len() {
                let kept = guarded(|| batch.record(place, &part.source))?;
                (self.each)(worker, &kept);
                self.read.fetch_add(1, Ordering::Relaxed);
            }
            self.report();
            if !records.is_done() && !self.goes_on() {
                self.cut_short.store(true, Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    }

    fn log(&self, worker: usize, source: &str, log: &Log, tally: &mut Tally) -> Result<(), Unreadable> {
        let mut entries = log.entries(&self.bytes);
        let mut seen = 0_u64;
        while let Some(body) = entries.body()? {
            let Some(Entry::Record(record)) = entry::read(body) else { continue };
            seen += 1;
            if seen.is_multiple_of(STRIDE) {
                self.report();
                if !self.goes_on() {
                    self.cut_short.store(true, Ordering::Relaxed);
                    return Ok(());
                }
            }
            let covered = self.plan.from.is_none_or(|from| from <= record.time)
                && self.plan.until.is_none_or(|until| record.time < until);
            if !covered {
                continue;
            }
            tally.cover(source, record.time, record.time, 1);
            self.records.fetch_add(1, Ordering::Relaxed);
            let wanted = self.plan.classes.as_ref().is_none_or(|classes| classes.contains(&record.class))
                && (self.plan.values.is_empty() || self.asked.matches(&record));
            if wanted {
                let kept = Kept {
                    time: record.time,
                    source,
                    class: record.class,
                    format: record.format,
                    header: record.header,
                    part: record.part,
                    offset: record.offset,
                    device: record.device,
                    observables: &[],
                    image: None,
                    command_line: None,
                    raw: record.raw,
                };
                (self.each)(worker, &kept);
                self.read.fetch_add(1, Ordering::Relaxed);
            }
        }
        // It may have been cut while it was read, because a batch comes again; else all of it must have been whole.
        let left = log.file.metadata()?.len();
        if entries.whole < log.bytes.min(left) {
            return Err(Unreadable(format!("damaged behind byte {}", entries.whole)));
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        if self.plan.max_bytes.is_some_and(|most| self.bytes.load(Ordering::Relaxed) >= most) {
            self.over_budget.store(true, Ordering::Relaxed);
        }
        !self.asked_to_stop.load(Ordering::Relaxed) && !self.over_budget.load(Ordering::Relaxed)
    }

    fn report(&self) {
        let progress = Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.steps.len() as u64,
            records: self.records.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            bytes_read: self.bytes.load(Ordering::Relaxed),
        };
        if !(self.progress)(&progress) {
            self.asked_to_stop.store(true, Ordering::Relaxed);
        }
    }

    fn looked(&self, tally: Tally) -> Looked {
        // Told to stop after the last step, or over the budget with it: that is the end all the same.
        let done = self.done.load(Ordering::Relaxed) == self.steps.len() as u64;
        let stopped = if done && !self.cut_short.load(Ordering::Relaxed) {
            None
        } else if self.asked_to_stop.load(Ordering::Relaxed) {
            Some(Stopped::Asked)
        } else {
            Some(Stopped::Budget)
        };
        let covered = tally.covered.into_iter();
        Looked {
            records: self.records.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            bytes_read: self.bytes.load(Ordering::Relaxed),
            groups: tally.groups,
            groups_pruned: tally.pruned,
            complete: stopped.is_none() && tally.blind.is_empty(),
            stopped,
            sources: covered
                .map(|(name, (from, until, records))| Covered { name, from, until, records })
                .collect(),
            blind: tally.blind.into_iter().map(|(what, why)| format!("`{what}`: {why}")).collect(),
        }
    }
}
