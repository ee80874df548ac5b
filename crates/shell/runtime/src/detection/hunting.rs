//! Looking for something in what was kept: by people, and by itself for everything that newly arrives.
//!
//! A hunt is a piece of work in the store: it survives a restart, shows how far it has come, and can be called off. What
//! was looked at is part of every result, so that "nothing" means something.

mod back;
mod ordered;
mod state;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use logs::{Format, Reader, Settings};
use model::{Digest, Timestamp};
use ports::detection::{Work, WorkKind};
use ports::telemetry::{Kept, Looked, Plan, Progress, Stopped};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::examine::{Examiner, Met};
use super::pipe::{ReadSpec, met_alert};
use super::question::{Hunted, Sought, Window, more_than_none};
use super::sink::{Origin, Sink};
use super::watch::subject_of;
use super::{Detection, DetectionError, digest, set, shortened};
use crate::core::Core;
pub(crate) use back::CURSOR as HUNTED;
use state::HuntState;
pub(crate) use tally::Tally;

/// How long a hunt may take unless it says otherwise, in seconds: ten minutes.
const SECONDS: u64 = 600;
/// Things of which samples are kept.
const SAMPLED: usize = 200;
/// Things that a report lists.
const LISTED: usize = 1_000;
/// A hunt is begun so often at most.
const TRIES: u64 = 3;
/// Log sources that a refusal lists.
const NAMED: usize = 20;
/// Readers that a thread keeps, for events of several files in turn.
const READERS: usize = 64;
/// How often progress is written down, in microseconds.
const TOLD: i64 = 500_000;

/// A hunt that somebody asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewHunt {
    /// What is looked for.
    pub sought: Sought,
    /// Only events from this instant on.
    #[serde(default)]
    pub from: Option<String>,
    /// Only events before this instant.
    #[serde(default)]
    pub until: Option<String>,
    /// Only events of these log sources.
    #[serde(default)]
    pub sources: Option<BTreeSet<String>>,
    /// How long it may take, in seconds.
    #[serde(default)]
    pub max_seconds: Option<u64>,
    /// How much it may read, in bytes.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// What it is for; kept with it.
    #[serde(default)]
    pub reason: String,
}

/// A hunt, as it stands.
#[derive(Debug, Clone)]
pub struct HuntView {
    /// Its number.
    pub id: Digest,
    /// Where it stands.
    pub state: HuntState,
    /// When it was asked for.
    pub begun: Timestamp,
    /// When it changed last.
    pub changed: Timestamp,
    /// The question, who asked, progress and result.
    pub body: Value,
}

/// What a run through the past came to.
pub(crate) struct Ran {
    /// By number: of the value, the card, or the version.
    pub(crate) tallies: BTreeMap<u64, Tally>,
    pub(crate) looked: Looked,
    /// Which of its bounds ended it.
    pub(crate) ended_by: Option<EndedBy>,
    pub(crate) sink: Sink,
}

/// A bound that ends a hunt before it has looked at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// It took as long as it may.
    Seconds,
    /// It read as much as it may.
    Bytes,
}

impl EndedBy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// One thread's own.
struct Worker {
    examiner: Examiner,
    /// The one used last comes last.
    readers: Vec<(Key, Reader)>,
    tallies: BTreeMap<u64, Tally>,
    sink: Sink,
    /// Classes of the events that it looked at.
    seen: BTreeSet<u16>,
    failed: Option<DetectionError>,
}

/// What a reader is made for.
#[derive(PartialEq, Eq)]
struct Key {
    source: String,
    format: String,
    part: String,
    header: Vec<u8>,
}

/// Where and how long to look.
#[derive(Default)]
pub(crate) struct Bounds {
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) sources: Option<BTreeSet<String>>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_seconds: Option<u64>,
}

impl NewHunt {
    /// Whether its bounds make sense: an instant is one, the window is not empty, and the budget lets something be looked
    /// at.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] with the reason.
    pub fn check(&self) -> Result<(), DetectionError> {
        self.bounds().map(drop)
    }

    fn bounds(&self) -> Result<Bounds, DetectionError> {
        let window = Window::parse(self.from.as_deref(), self.until.as_deref())?;
        if self.sources.as_ref().is_some_and(BTreeSet::is_empty) {
            let why = "`sources` names no log source; leave it out to look at all of them";
            return Err(DetectionError::Refused(why.to_owned()));
        }
        Ok(Bounds {
            from: window.from,
            until: window.until,
            sources: self.sources.clone(),
            max_bytes: more_than_none("max_bytes", self.max_bytes)?,
            max_seconds: more_than_none("max_seconds", self.max_seconds)?,
        })
    }
}

impl Core {
    /// Asks for a hunt, and returns its number.
    ///
    /// # Errors
    /// [`DetectionError::Refused`] for what cannot be looked for, and for log sources that there are none of.
    pub fn new_hunt(&self, hunt: &NewHunt, author: &str) -> Result<Digest, DetectionError> {
        let detection = self.detection()?;
        hunt.check()?;
        hunt.sought.ready(self.own_classes()?)?;
        self.check_sources(detection, hunt)?;
        let now = self.clock.now();
        let nonce: [u8; 16] = self.ids.random().first_chunk().copied().unwrap_or_default();
        let id = digest(&[b"hunt", &nonce]);
        let body = json!({"hunt": hunt, "by": author});
        let work = Work {
            id,
            kind: WorkKind::Hunt,
            state: HuntState::Waiting.as_str().to_owned(),
            over: false,
            party: None,
            object: None,
            begun: now,
            changed: now,
            due: Some(now),
            body: body.to_string(),
        };
        self.store.transact(|tx| {
            tx.add_work(self.scope, &work)?;
            tx.audit(self.scope.tenant, now, author, "hunt.run", &id.short(), &hunt.reason)
        })?;
        detection.hunts.notify_one();
        Ok(id)
    }

    /// Whether every log source that a hunt names is there, or was: what it left behind can be looked through.
    fn check_sources(&self, detection: &Detection, hunt: &NewHunt) -> Result<(), DetectionError> {
        let Some(asked) = &hunt.sources else { return Ok(()) };
        let here = self.store.read()?.log_sources(self.scope.tenant)?;
        let kept = detection.outside.telemetry.stats().sources;
        let names = here.into_iter().map(|(record, _)| record.name);
        let known: BTreeSet<String> = names.chain(kept.into_iter().map(|source| source.name)).collect();
        let unknown: Vec<&String> = asked.difference(&known).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(DetectionError::Refused(no_such_source(&unknown, &known)))
    }

    /// Hunts, what is not over first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hunts(&self, limit: usize) -> Result<Vec<HuntView>, DetectionError> {
        let works = self.store.read()?.works(self.scope, WorkKind::Hunt, false, limit)?;
        Ok(works.into_iter().map(view).collect())
    }

    /// A hunt.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is none of this number.
    pub fn hunt(&self, id: Digest) -> Result<HuntView, DetectionError> {
        let work = self.store.read()?.work(self.scope, WorkKind::Hunt, id)?;
        work.map(view).ok_or_else(|| DetectionError::Missing(format!("hunt {}", id.short())))
    }

    /// Calls a hunt off. What is over stays as it is.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is none of this number.
    pub fn cancel_hunt(&self, id: Digest, author: &str) -> Result<(), DetectionError> {
        let detection = self.detection()?;
        let now = self.clock.now();
        // One that ends writes its result before it is under way no more: read after the lock, it is over by then.
        let under_way = detection.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = self.store.read()?.work(self.scope, WorkKind::Hunt, id)? else {
            return Err(DetectionError::Missing(format!("hunt {}", id.short())));
        };
        let flag = under_way.get(&id).cloned();
        self.store.transact(|tx| {
            tx.audit(self.scope.tenant, now, author, "hunt.cancel", &id.short(), "")?;
            // One that runs ends by itself once it sees the flag.
            if work.over || flag.is_some() {
                return Ok(());
            }
            tx.set_work(
                self.scope,
                &Work {
                    state: HuntState::Cancelled.as_str().to_owned(),
                    over: true,
                    due: None,
                    changed: now,
                    ..work
                },
            )
        })?;
        if let Some(flag) = flag {
            flag.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Runs the hunt that has waited longest. Returns whether there was one.
    ///
    /// # Errors
    /// When the store fails; a hunt that fails says so itself.
    pub fn hunt_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        let now = self.clock.now();
        let Some(work) = self.store.read()?.due_work(self.scope, WorkKind::Hunt, now, 1)?.pop() else {
            return Ok(false);
        };
        let mut body: Value = serde_json::from_str(&work.body).unwrap_or_default();
        let hunt = body.get("hunt").cloned().and_then(|hunt| serde_json::from_value::<NewHunt>(hunt).ok());
        let flag = Arc::new(AtomicBool::new(false));
        {
            let mut under_way = detection.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // It may have been called off since it was read.
            let now = self.store.read()?.work(self.scope, WorkKind::Hunt, work.id)?;
            if now.is_none_or(|now| now.over) {
                return Ok(true);
            }
            under_way.insert(work.id, Arc::clone(&flag));
        }
        let tries = body.get("tries").and_then(Value::as_u64).unwrap_or_default() + 1;
        set(&mut body, "tries", tries.into());
        let state = HuntState::Running.as_str().to_owned();
        let running = Work { state, changed: now, body: body.to_string(), ..work };
        let again = self.store.transact(|tx| tx.set_work(self.scope, &running));
        if let Err(problem) = again {
            self.put_down(detection, running.id);
            return Err(problem.into());
        }
        let hunt = match hunt {
            _ if tries > TRIES => Err("it could not be brought to an end"),
            Some(hunt) => Ok(hunt),
            None => Err("the question cannot be read any more"),
        };
        let result = hunt.map_err(|reason| DetectionError::Refused(reason.to_owned())).and_then(|hunt| {
            let hunted = hunt.sought.ready(self.own_classes()?)?;
            let told = Mutex::new(now);
            let (mut ran, seen) =
                self.run_hunt_seeing(detection, &hunted, &hunt.bounds()?, &flag, false, &|progress| {
                    self.tell(&running, &body, progress, &told);
                })?;
            let unasked = hunted.unasked(ran.looked.stopped.is_none().then_some(&seen));
            ran.looked.complete &= unasked.is_empty();
            ran.looked.blind.extend(unasked);
            Ok((hunted, ran))
        });
        if matches!(result, Err(DetectionError::Stopping)) {
            set(&mut body, "tries", (tries - 1).into());
            let state = HuntState::Waiting.as_str().to_owned();
            let waits = Work { state, body: body.to_string(), ..running };
            self.store.transact(|tx| tx.set_work(self.scope, &waits))?;
            return Ok(false);
        }
        let state = match &result {
            Ok(_) if flag.load(Ordering::Acquire) => HuntState::Cancelled,
            Ok((_, ran)) if ran.ended_by.is_some() => HuntState::Partial,
            Ok(_) => HuntState::Done,
            Err(_) => HuntState::Failed,
        };
        match &result {
            Ok((hunted, ran)) => set(&mut body, "result", report(hunted, ran)),
            Err(problem) => set(&mut body, "error", Value::String(problem.to_string())),
        }
        let over = Work {
            state: state.as_str().to_owned(),
            over: true,
            due: None,
            changed: self.clock.now(),
            body: body.to_string(),
            ..running
        };
        self.store.transact(|tx| tx.set_work(self.scope, &over))?;
        self.put_down(detection, over.id);
        Ok(true)
    }

    /// A hunt is under way no more.
    fn put_down(&self, detection: &Detection, id: Digest) {
        let mut under_way = detection.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&id);
    }

    fn tell(&self, work: &Work, body: &Value, progress: Value, told: &Mutex<Timestamp>) {
        let now = self.clock.now();
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_micros() - told.as_micros() < TOLD {
            return;
        }
        *told = now;
        let mut body = body.clone();
        set(&mut body, "progress", progress);
        let work = Work { changed: now, body: body.to_string(), ..work.clone() };
        if let Err(problem) = self.store.transact(|tx| tx.set_work(self.scope, &work)) {
            tracing::warn!(%problem, "a hunt's progress could not be written down");
        }
    }

    /// Looks through what was kept. With `alerts`, what is found is gathered as alerts of the past too.
    pub(crate) fn run_hunt(
        &self,
        detection: &Detection,
        hunted: &Hunted,
        bounds: &Bounds,
        off: &AtomicBool,
        alerts: bool,
        progress: &(dyn Fn(Value) + Sync),
    ) -> Result<Ran, DetectionError> {
        self.run_hunt_seeing(detection, hunted, bounds, off, alerts, progress).map(|(ran, _)| ran)
    }

    /// The same, with the classes of the events that were looked at.
    fn run_hunt_seeing(
        &self,
        detection: &Detection,
        hunted: &Hunted,
        bounds: &Bounds,
        off: &AtomicBool,
        alerts: bool,
        progress: &(dyn Fn(Value) + Sync),
    ) -> Result<(Ran, BTreeSet<u16>), DetectionError> {
        let sources = self.store.read()?.log_sources(self.scope.tenant)?;
        let settings: BTreeMap<String, Settings> = sources
            .iter()
            .filter_map(|(record, _)| {
                Some((record.name.clone(), ReadSpec::parse(&record.config).ok()?.settings()))
            })
            .collect();
        let workers = if hunted.ordered { 1 } else { 2 };
        let states: Vec<Mutex<Worker>> = (0..workers)
            .map(|_| {
                Mutex::new(Worker {
                    examiner: Examiner::new(Arc::clone(&hunted.watch)),
                    readers: Vec::new(),
                    tallies: BTreeMap::new(),
                    sink: Sink::default(),
                    seen: BTreeSet::new(),
                    failed: None,
                })
            })
            .collect();
        let plan = Plan {
            from: bounds.from,
            until: bounds.until,
            sources: bounds.sources.clone(),
            classes: hunted.classes.clone(),
            values: hunted.values.clone(),
            max_bytes: bounds.max_bytes,
        };
        let seconds = i64::try_from(bounds.max_seconds.unwrap_or(SECONDS)).unwrap_or(i64::MAX / 2_000_000);
        let end = self.clock.now().plus_micros(seconds.saturating_mul(1_000_000));
        let late = AtomicBool::new(false);
        let each = |worker: usize, kept: &Kept<'_>| {
            let Some(state) = states.get(worker % workers) else { return };
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            self.look_at(detection, &mut state, kept, &settings, alerts);
        };
        let telemetry = &*detection.outside.telemetry;
        let goes_on = |now: &Progress| {
            progress(json!({
                "steps": now.total,
                "steps_done": now.done,
                "events": now.records,
                "events_read": now.read,
                "bytes_read": now.bytes_read,
            }));
            if self.clock.now() > end {
                late.store(true, Ordering::Release);
            }
            !off.load(Ordering::Acquire)
                && !late.load(Ordering::Acquire)
                && !detection.stopping.load(Ordering::Acquire)
        };
        let mut looked = if hunted.ordered {
            ordered::hunt(telemetry, &plan, ordered::ROOM, &|kept| each(0, kept), &goes_on)?
        } else {
            telemetry.hunt(&plan, workers, &each, &goes_on)?
        };
        if detection.stopping.load(Ordering::Acquire) {
            return Err(DetectionError::Stopping);
        }
        // Late with its last step, it has looked at everything all the same.
        let ended_by = match looked.stopped {
            Some(Stopped::Budget) => Some(EndedBy::Bytes),
            Some(Stopped::Asked) if late.load(Ordering::Acquire) => Some(EndedBy::Seconds),
            Some(Stopped::Asked) | None => None,
        };
        if let Some(by) = ended_by {
            looked.complete = false;
            looked.blind.push(match by {
                EndedBy::Seconds => format!("it was ended after {seconds} seconds"),
                EndedBy::Bytes => {
                    format!("it was ended after reading {} bytes", bounds.max_bytes.unwrap_or_default())
                }
            });
        }
        let mut ran = Ran { tallies: BTreeMap::new(), looked, ended_by, sink: Sink::default() };
        let mut seen = BTreeSet::new();
        for state in states {
            let worker = state.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Some(problem) = worker.failed {
                return Err(problem);
            }
            for (number, tally) in worker.tallies {
                ran.tallies.entry(number).or_default().merge(tally);
            }
            ran.sink.merge(worker.sink);
            seen.extend(worker.seen);
        }
        Ok((ran, seen))
    }

    /// Reads one kept event again and asks about it.
    fn look_at(
        &self,
        detection: &Detection,
        worker: &mut Worker,
        kept: &Kept<'_>,
        settings: &BTreeMap<String, Settings>,
        alerts: bool,
    ) {
        let Worker { examiner, readers, tallies, sink, seen, failed } = worker;
        seen.insert(kept.class);
        let same = |key: &Key| {
            key.source == kept.source
                && key.format == kept.format
                && (key.part == kept.part || !kept.format.starts_with("zeek"))
                && key.header == kept.header.unwrap_or_default()
        };
        let known = readers.iter().rposition(|(key, _)| same(key));
        if let Some(at) = known {
            // Most often it is the last one already.
            if at + 1 < readers.len() {
                let used = readers.remove(at);
                readers.push(used);
            }
        } else {
            let Ok(format) = kept.format.parse::<Format>() else { return };
            let own = settings.get(kept.source).cloned().unwrap_or_default();
            let stream = logs::detect(kept.header.unwrap_or(kept.raw), kept.part)
                .ok()
                .and_then(|detected| detected.stream);
            let mut fresh = Reader::new(format, Settings { stream, ..own });
            if let Some(header) = kept.header {
                fresh.prime(header);
            }
            let key = Key {
                source: kept.source.to_owned(),
                format: kept.format.to_owned(),
                part: kept.part.to_owned(),
                header: kept.header.unwrap_or_default().to_vec(),
            };
            if readers.len() >= READERS {
                readers.remove(0);
            }
            readers.push((key, fresh));
        }
        let Some((_, reader)) = readers.last_mut() else { return };
        // It was read when it was kept: what cannot be read now was damaged, which the telemetry store says itself.
        let Ok(Some(event)) = reader.read(kept.raw, kept.time) else { return };
        let origin = Origin {
            source: kept.source,
            part: kept.part,
            offset: kept.offset,
            class: event.class.class().name,
            device: kept.device,
            time: kept.time,
            raw: kept.raw,
            past: true,
        };
        let watch = Arc::clone(examiner.watch());
        examiner.run(&event, kept.time, &mut |met| {
            if alerts {
                match met_alert(self, detection, &watch, &met, &origin, sink) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(problem) => *failed = Some(problem),
                }
            }
            let (number, field, value) = match &met {
                Met::Value { subject, field, value, .. } => (*subject, *field, *value),
                Met::Pattern { subject } => (*subject, "", ""),
                Met::Rule { set, alert } => {
                    let at = usize::try_from(alert.rule.0).unwrap_or(usize::MAX);
                    let object =
                        watch.rules.get(*set).and_then(|rules| rules.objects.get(at).copied().flatten());
                    let evidence = alert.evidence.first();
                    let (field, value) =
                        evidence.map_or(("", ""), |one| (one.field.as_str(), one.value.as_str()));
                    (object.map_or(u64::from(alert.rule.0), subject_of), field, value)
                }
            };
            let room = tallies.len() < SAMPLED;
            tallies.entry(number).or_default().add(&origin, field, value, room);
        });
    }
}

fn view(work: Work) -> HuntView {
    HuntView {
        id: work.id,
        // What an other version wrote cannot be gone on with here.
        state: HuntState::parse(&work.state).unwrap_or(HuntState::Failed),
        begun: work.begun,
        changed: work.changed,
        body: serde_json::from_str(&work.body).unwrap_or_default(),
    }
}

/// Why a hunt over log sources that are not there is refused, and what there is instead.
fn no_such_source(unknown: &[&String], known: &BTreeSet<String>) -> String {
    let unknown = listed(unknown.iter().copied());
    if known.is_empty() {
        return format!("there is no log source {unknown}: there is none at all");
    }
    let more = if known.len() > NAMED { format!(" and {} more", known.len() - NAMED) } else { String::new() };
    format!("there is no log source {unknown}; there are {}{more}", listed(known.iter()))
}

fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    let names = names.take(NAMED).map(|name| format!("`{}`", shortened(name, 100)));
    names.collect::<Vec<_>>().join(", ")
}

/// What was looked at, as it is shown.
pub(crate) fn coverage(looked: &Looked) -> Value {
    let sources = looked.sources.iter().map(|source| {
        json!({
            "source": source.name,
            "from": source.from.to_string(),
            "until": source.until.to_string(),
            "events": source.records,
        })
    });
    json!({
        "events": looked.records,
        "events_read": looked.read,
        "bytes_read": looked.bytes_read,
        "groups": looked.groups,
        "groups_pruned": looked.groups_pruned,
        "complete": looked.complete,
        "sources": sources.collect::<Vec<_>>(),
        "blind": looked.blind,
    })
}

fn report(hunted: &Hunted, ran: &Ran) -> Value {
    let mut found: Vec<(&u64, &Tally)> = ran.tallies.iter().collect();
    found.sort_by_key(|(number, tally)| (std::cmp::Reverse(tally.count), **number));
    let left_off = found.len().saturating_sub(LISTED);
    let listed = found.into_iter().take(LISTED).map(|(number, tally)| {
        let name = usize::try_from(*number).ok().and_then(|at| hunted.names.get(at));
        json!({"what": name, "tally": tally})
    });
    let total: u64 = ran.tallies.values().map(|tally| tally.count).sum();
    json!({
        "hits": total,
        "found": listed.collect::<Vec<_>>(),
        "left_off": left_off,
        "ended_by": ran.ended_by.map(EndedBy::as_str),
        "looked_at": coverage(&ran.looked),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunt() -> NewHunt {
        NewHunt {
            sought: Sought::Values(vec!["192.0.2.1".to_owned()]),
            from: None,
            until: None,
            sources: None,
            max_seconds: None,
            max_bytes: None,
            reason: String::new(),
        }
    }

    fn why(hunt: &NewHunt) -> String {
        hunt.check().err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn bounds_that_let_nothing_be_looked_at_are_refused_by_name() {
        assert_eq!(why(&hunt()), "");
        assert_eq!(why(&NewHunt { max_seconds: Some(1), max_bytes: Some(1), ..hunt() }), "");
        let at = |second: u8| Some(format!("2026-10-02T07:00:{second:02}Z"));
        assert_eq!(why(&NewHunt { from: at(1), until: at(2), ..hunt() }), "");
        for (odd, word) in [
            (NewHunt { max_seconds: Some(0), ..hunt() }, "`max_seconds`"),
            (NewHunt { max_bytes: Some(0), ..hunt() }, "`max_bytes`"),
            (NewHunt { sources: Some(BTreeSet::new()), ..hunt() }, "`sources`"),
            (NewHunt { from: at(1), until: at(1), ..hunt() }, "not before `until`"),
            (NewHunt { from: at(2), until: at(1), ..hunt() }, "not before `until`"),
            (NewHunt { from: Some("yesterday".to_owned()), ..hunt() }, "`from`"),
            (NewHunt { until: Some("2026-10-02".to_owned()), ..hunt() }, "`until`"),
        ] {
            assert!(why(&odd).contains(word), "{word}: {}", why(&odd));
        }
    }

    #[test]
    fn an_unknown_log_source_is_named_with_those_that_there_are() {
        let unknown = "nowhere".to_owned();
        let known: BTreeSet<String> = (10..40).map(|n| format!("sensor-{n}")).collect();
        let said = no_such_source(&[&unknown], &known);
        assert!(
            said.contains("`nowhere`; there are `sensor-10`, ") && said.ends_with(" and 10 more"),
            "{said}"
        );
        assert!(no_such_source(&[&unknown], &BTreeSet::new()).contains("none at all"));
    }
}
