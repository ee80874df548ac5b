//! Log sources as reconcilers: each is read piece by piece; alerts and position are one transaction.

mod detail;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use logs::Counts;
use model::Timestamp;
use ports::StoreError;
use ports::detection::{LogSourceRecord, LogSourceState, NewAlert};
use ports::logs::{Lag, LogBatch, LogError, LogSpec, LogStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use self::detail::Detail;
use super::pipe::{Outcome, Pipe, ReadSpec};
use super::{Detection, DetectionError};
use crate::backoff::Backoff;
use crate::core::Core;
use crate::follow::blocking;
use crate::node::Node;

/// Keeps one task for each enabled source, and restarts it when its configuration changes.
pub(crate) async fn supervise(node: Arc<Node>) {
    let Ok(detection) = node.core.detection().cloned() else { return };
    let mut stop = node.stopping();
    let mut running: BTreeMap<String, Reading> = BTreeMap::new();
    let known = Arc::clone(&detection);
    let taken_up = blocking(&node, move |core| {
        for (record, state) in core.store.read()?.log_sources(core.scope.tenant)? {
            known.outside.telemetry.committed(&record.name, state.kept)?;
        }
        Ok::<_, DetectionError>(())
    });
    if let Err(problem) = taken_up.await {
        warn!(%problem, "what was kept before the last stop cannot be taken up");
    }
    // What is read before rules and indicators are loaded would count as looked at.
    let mut ready = detection.ready.subscribe();
    tokio::select! {
        _ = ready.wait_for(|ready| *ready) => {}
        _ = stop.changed() => return,
    }
    while !*stop.borrow() {
        match wanted(&node).await {
            Ok(wanted) => adjust(&node, &detection, &mut running, wanted).await,
            Err(error) => warn!(%error, "the list of log sources cannot be read; will try again"),
        }
        tokio::select! {
            () = detection.sources.notified() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
    for (_, reading) in running {
        reading.end().await;
    }
}

struct Reading {
    record: LogSourceRecord,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Reading {
    async fn end(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            warn!(source = self.record.name, "its task had failed");
        }
    }
}

async fn wanted(node: &Arc<Node>) -> Result<BTreeMap<String, LogSourceRecord>, DetectionError> {
    let sources = blocking(node, |core| core.store.read()?.log_sources(core.scope.tenant)).await?;
    let records = sources.into_iter().map(|(record, _)| record);
    // What is pushed comes by itself.
    let wanted = records.filter(|record| record.enabled && record.kind != PUSH);
    Ok(wanted.map(|record| (record.name.clone(), record)).collect())
}

/// The kind of source whose records are sent to the node's own interface.
pub const PUSH: &str = "push";
/// The kind of source that comes to an end by itself.
const STDIN: &str = "stdin";

async fn adjust(
    node: &Arc<Node>,
    detection: &Arc<Detection>,
    running: &mut BTreeMap<String, Reading>,
    wanted: BTreeMap<String, LogSourceRecord>,
) {
    let is_stale = |name: &String, reading: &Reading| {
        wanted.get(name) != Some(&reading.record) || reading.task.is_finished()
    };
    let stale: Vec<String> = running
        .iter()
        .filter(|(name, reading)| is_stale(name, reading))
        .map(|(name, _)| name.clone())
        .collect();
    for name in stale {
        if let Some(reading) = running.remove(&name) {
            reading.end().await;
            detection.set_lag(&name, None);
        }
    }
    for (name, record) in wanted {
        if running.contains_key(&name) {
            continue;
        }
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(read(Arc::clone(node), Arc::clone(detection), record.clone(), stopped));
        running.insert(name, Reading { record, stop, task });
    }
}

/// One source, until it is told to stop. A failure is written down, and reading goes on at the last position.
async fn read(
    node: Arc<Node>,
    detection: Arc<Detection>,
    record: LogSourceRecord,
    mut stop: watch::Receiver<bool>,
) {
    let mut failures = 0u32;
    while !*stop.borrow() {
        match through(&node, &detection, &record, &mut stop, &mut failures).await {
            // Standard input has an end.
            Ok(()) => {
                let _ = stop.wait_for(|stop| *stop).await;
                return;
            }
            Err(problem) => {
                failures = failures.saturating_add(1);
                warn!(source = record.name, %problem, "a log source failed; will try again");
                note(&node, &record.name, problem.to_string()).await;
                let random =
                    u64::from_be_bytes(node.core.ids.random().first_chunk().copied().unwrap_or_default());
                tokio::select! {
                    _ = stop.changed() => {}
                    () = tokio::time::sleep(Backoff::LIVE.delay(failures, random)) => {}
                }
            }
        }
    }
}

/// Writes a failure down.
async fn note(node: &Arc<Node>, name: &str, message: String) {
    write_down(node, name, |state, now| state.last_error = Some((now, message))).await;
}

/// Changes what is said of a source.
async fn write_down(
    node: &Arc<Node>,
    name: &str,
    change: impl FnOnce(&mut LogSourceState, Timestamp) + Send + 'static,
) {
    let owned = name.to_owned();
    let noted = blocking(node, move |core| core.note_log_state(&owned, change));
    if let Err(problem) = noted.await {
        error!(source = name, %problem, "what became of it could not be noted");
    }
}

/// Changes the detail of what is said of a source.
fn in_detail(state: &mut LogSourceState, change: impl FnOnce(&mut Detail, &mut Option<(Timestamp, String)>)) {
    let mut detail = Detail::read(&state.detail);
    change(&mut detail, &mut state.last_error);
    state.detail = detail.text();
}

async fn through(
    node: &Arc<Node>,
    detection: &Arc<Detection>,
    record: &LogSourceRecord,
    stop: &mut watch::Receiver<bool>,
    failures: &mut u32,
) -> Result<(), DetectionError> {
    let name = record.name.clone();
    let state = blocking(node, move |core| {
        let found = core.store.read()?.log_source(core.scope.tenant, &name)?;
        found.map(|(_, state)| state).ok_or_else(|| DetectionError::Missing(format!("log source `{name}`")))
    })
    .await?;
    let mut spec = ReadSpec::parse(&record.config)?;
    // Sockets send nothing twice: their format is not found out first.
    if record.kind.starts_with("syslog") && spec.format.is_none() {
        spec.format = Some(logs::Format::Syslog5424.as_str().to_owned());
    }
    let adapter =
        LogSpec { name: record.name.clone(), kind: record.kind.clone(), config: record.config.clone() };
    let mut stream = detection.outside.logs.open(&adapter, state.position.as_deref())?;
    let mut pipe = Box::new(Pipe::new(&record.name, spec, detection));
    info!(source = record.name, kind = record.kind, "a log source is read");
    // Sockets are bound by now: what kept them from it is over.
    if record.kind.starts_with("syslog") && state.last_error.is_some() {
        write_down(node, &record.name, |state, _| in_detail(state, Detail::pass)).await;
    }
    let mut known = stream.lag();
    let mut moved = detection.moved.subscribe();
    while !*stop.borrow() {
        let batch = tokio::select! {
            batch = stream.next() => batch,
            _ = stop.changed() => return Ok(()),
            _ = moved.changed() => {
                pipe.renew(&detection.watch());
                continue;
            }
        };
        let batch = match batch {
            Ok(batch) => batch,
            // The others go on.
            Err(LogError::Unreadable(message)) => {
                warn!(source = record.name, message, "a part of a log source cannot be read");
                note(node, &record.name, message).await;
                continue;
            }
            // Standard input has an end; of all others this is a failure, and they are opened again.
            Err(LogError::Gone(message)) if record.kind == STDIN => {
                info!(source = record.name, message, "a log source has come to its end");
                let said = move |state: &mut LogSourceState, now| {
                    in_detail(state, |detail, _| detail.note(now, &message));
                };
                write_down(node, &record.name, said).await;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let (name, core, watched) = (record.name.clone(), Arc::clone(&node.core), Arc::clone(detection));
        let before = known;
        let done = tokio::task::spawn_blocking(move || {
            let done = core.take_logs(&watched, &name, &mut pipe, &*stream, &batch, before);
            (pipe, stream, done)
        });
        let (back, open, done) =
            done.await.map_err(|panic| StoreError::Engine(format!("a step failed: {panic}")))?;
        (pipe, stream, known) = (back, open, done?);
        *failures = 0;
    }
    Ok(())
}

impl Core {
    /// Takes in the next piece of an open source. Returns how far behind it is, and what it has lost in all.
    fn take_logs(
        &self,
        detection: &Detection,
        name: &str,
        pipe: &mut Pipe,
        stream: &dyn LogStream,
        batch: &LogBatch,
        before: Lag,
    ) -> Result<Lag, DetectionError> {
        // Examined and kept in one go: a hunt that begins after it sees what it kept.
        let _flow = detection.flowing.read().unwrap_or_else(PoisonError::into_inner);
        let outcome = pipe.take(self, detection, batch)?;
        let position = outcome.place.map(|(part, offset)| stream.position(part, offset));
        let lag = stream.lag();
        detection.set_lag(name, Some(lag));
        let gone = Lag {
            lost: lag.lost.saturating_sub(before.lost),
            refused: lag.refused.saturating_sub(before.refused),
            ..Lag::default()
        };
        self.commit_logs(detection, name, outcome, position, gone, &pipe.counts, batch)?;
        Ok(lag)
    }

    /// Takes in a piece of a log: events are kept, then alerts and position become one transaction.
    #[expect(clippy::too_many_arguments, reason = "what one batch came to, used in one place")]
    fn commit_logs(
        &self,
        detection: &Detection,
        name: &str,
        mut outcome: Outcome,
        position: Option<String>,
        gone: Lag,
        counts: &Counts,
        batch: &LogBatch,
    ) -> Result<(), DetectionError> {
        let now = self.clock.now();
        let alerts = outcome.sink.take();
        detection.count_classes(&outcome.classes, now);
        let found = self.store.read()?.log_source(self.scope.tenant, name)?;
        let Some((_, mut state)) = found else {
            return Err(DetectionError::Missing(format!("log source `{name}`")));
        };
        state.kept += outcome.kept.len() as u64;
        if !outcome.kept.is_empty() {
            let kept: Vec<_> = outcome.kept.iter().map(|event| event.kept(name)).collect();
            detection.outside.telemetry.append(name, state.kept, now, &kept)?;
        }
        if position.is_some() {
            state.position = position;
        }
        state.records += outcome.records;
        state.malformed += outcome.malformed;
        state.bytes += outcome.bytes;
        state.matched += outcome.matched;
        state.lost += gone.lost;
        state.last_event = state.last_event.max(outcome.last_event);
        if outcome.records > 0 {
            state.last_read = Some(now);
        }
        let read_well = outcome.records > outcome.malformed;
        in_detail(&mut state, |detail, last_error| {
            detail.count(counts);
            detail.refuse(gone.refused);
            batch.notes.iter().for_each(|note| detail.note(now, note));
            if read_well {
                detail.pass(last_error);
            }
        });
        if let Some(problem) = outcome.problem {
            state.last_error = Some((now, problem));
        }
        let kept = state.kept;
        self.raise_all(&alerts, now, |tx| tx.set_log_state(self.scope.tenant, name, &state))?;
        detection.to_answer(alerts.into_iter().filter_map(|alert| alert.object));
        if let Err(problem) = detection.outside.telemetry.committed(name, kept) {
            warn!(source = name, %problem, "kept events are written out later");
        }
        Ok(())
    }

    /// Raises alerts, and something else in the same transaction.
    pub(crate) fn raise_all(
        &self,
        alerts: &[NewAlert],
        now: Timestamp,
        also: impl FnOnce(&mut dyn ports::Tx) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        self.store.transact(|tx| {
            for alert in alerts {
                // It may have been erased while it was being looked for.
                if let Some(object) = &alert.object
                    && tx.existing(self.scope, object, None)?.erased
                {
                    continue;
                }
                tx.raise(self.scope, now, alert)?;
            }
            also(tx)
        })
    }

    pub(crate) fn note_log_state(
        &self,
        name: &str,
        change: impl FnOnce(&mut LogSourceState, Timestamp) + Send,
    ) -> Result<(), DetectionError> {
        let now = self.clock.now();
        let found = self.store.read()?.log_source(self.scope.tenant, name)?;
        let Some((_, mut state)) = found else { return Ok(()) };
        change(&mut state, now);
        self.store.transact(|tx| tx.set_log_state(self.scope.tenant, name, &state))?;
        Ok(())
    }

    /// Takes in records that were sent to the node. They are dealt with when it returns.
    ///
    /// # Errors
    /// [`DetectionError::Missing`] when there is no such source, [`DetectionError::Refused`] when it is not one that
    /// takes records in, or when they are no log.
    pub fn push_logs(&self, name: &str, part: &str, bytes: Vec<u8>) -> Result<Pushed, DetectionError> {
        let detection = self.detection()?;
        let found = self.store.read()?.log_source(self.scope.tenant, name)?;
        let Some((record, _)) = found else {
            return Err(DetectionError::Missing(format!("log source `{name}`")));
        };
        if record.kind != PUSH || !record.enabled {
            let what = if record.enabled { "is read by the node" } else { "is switched off" };
            return Err(DetectionError::Refused(format!("`{name}` {what}; add one of kind `{PUSH}`")));
        }
        let batch =
            LogBatch { name: part.to_owned(), begins: true, bytes, ends: true, ..LogBatch::default() };
        if !*detection.ready.borrow() {
            while self.watch_step()? {}
        }
        let mut pipes = detection.pushing.lock().unwrap_or_else(PoisonError::into_inner);
        // What counts over several events goes on counting from one push to the next.
        let known = pipes.remove(name).filter(|(config, _)| *config == record.config);
        let mut pipe = match known {
            Some((_, pipe)) => pipe,
            None => Pipe::new(name, ReadSpec::parse(&record.config)?, detection),
        };
        let _flow = detection.flowing.read().unwrap_or_else(PoisonError::into_inner);
        let outcome = pipe.take(self, detection, &batch)?;
        if let Some(problem) = outcome.problem {
            // What cannot be read takes nothing away from what was counted before.
            pipes.insert(name.to_owned(), (record.config, pipe));
            return Err(DetectionError::Refused(problem));
        }
        let pushed =
            Pushed { records: outcome.records, malformed: outcome.malformed, matched: outcome.matched };
        self.commit_logs(detection, name, outcome, None, Lag::default(), &pipe.counts, &batch)?;
        pipes.insert(name.to_owned(), (record.config, pipe));
        Ok(pushed)
    }
}

impl Detection {
    fn set_lag(&self, name: &str, lag: Option<Lag>) {
        let mut lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner);
        match lag {
            Some(lag) => lags.insert(name.to_owned(), lag),
            None => lags.remove(name),
        };
    }

    /// Lets go of the reader that is kept for a source, which is gone or reads otherwise from now on. Waits while records
    /// that were sent are being taken in.
    pub fn forget_source(&self, name: &str) {
        self.set_lag(name, None);
        self.pushing.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// How far behind a source is, while it is read.
    #[must_use]
    pub fn lag(&self, name: &str) -> Option<Lag> {
        self.lags.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }
}

/// What a push came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Records, malformed ones included.
    pub records: u64,
    /// Records that could not be read.
    pub malformed: u64,
    /// Records on which something matched.
    pub matched: u64,
}
