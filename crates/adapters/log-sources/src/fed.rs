//! A source that tasks or a thread feed: a channel of two batches, counts, and an end that stops whoever feeds it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ports::logs::{Lag, LogBatch, LogError, LogStream, NextBatch};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Batches that wait for the caller.
const WAITING: usize = 2;
/// Notes that wait for a batch.
const NOTES: usize = 8;
/// The part of a batch that is of no connection and only brings notes.
const NOBODY: u64 = 0;
/// From one such batch to the next: whoever is turned away again and again costs no more than that.
const HUSH: Duration = Duration::from_secs(2);

/// Where a feeder puts its batches.
pub(crate) type Outlet = mpsc::Sender<Result<LogBatch, LogError>>;
/// Starts what feeds the channel.
type Start = Box<dyn FnOnce(Outlet) -> JoinSet<()> + Send>;

/// What feeders count and say.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    lost: AtomicU64,
    refused: AtomicU64,
    parts: AtomicU64,
    notes: Mutex<Vec<String>>,
    /// Something was noted.
    noted: Notify,
}

impl Gauge {
    pub(crate) fn lose(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts a connection that was turned away, and says why.
    pub(crate) fn refuse(&self, why: String) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.note(why);
    }

    pub(crate) fn parts(&self, now: usize) {
        self.parts.store(now as u64, Ordering::Relaxed);
    }

    /// Says something with the next batch. What is said too often is said once.
    pub(crate) fn note(&self, text: String) {
        let mut notes = self.notes();
        if notes.len() < NOTES && !notes.contains(&text) {
            notes.push(text);
        }
        drop(notes);
        self.noted.notify_one();
    }

    fn notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_silent(&self) -> bool {
        self.notes().is_empty()
    }

    /// Waits for a note that no batch has brought, and until then.
    async fn word(&self, earliest: Instant) {
        while self.is_silent() {
            self.noted.notified().await;
        }
        sleep_until(earliest).await;
    }
}

/// The caller's end of the channel.
pub(crate) struct Fed {
    start: Option<Start>,
    batches: mpsc::Receiver<Result<LogBatch, LogError>>,
    outlet: Option<Outlet>,
    /// Dropping them stops them.
    feeders: JoinSet<()>,
    gauge: Arc<Gauge>,
    /// Losses that the kernel counts.
    drops: Box<dyn Fn() -> u64 + Send>,
    /// The part whose reader the caller has.
    current: Option<u64>,
    /// Notes do not come without a batch of somebody's before then.
    hushed: Instant,
    /// What to say when there is nothing more.
    over: &'static str,
}

impl Fed {
    /// A source whose feeders start when the first piece is asked for.
    pub(crate) fn new(gauge: Arc<Gauge>, over: &'static str, start: Start) -> Self {
        let (outlet, batches) = mpsc::channel(WAITING);
        Self {
            start: Some(start),
            batches,
            outlet: Some(outlet),
            feeders: JoinSet::new(),
            gauge,
            drops: Box::new(|| 0),
            current: None,
            hushed: Instant::now(),
            over,
        }
    }

    /// The same, with losses that the kernel counts.
    pub(crate) fn counting(self, drops: Box<dyn Fn() -> u64 + Send>) -> Self {
        Self { drops, ..self }
    }

    async fn take(&mut self) -> Result<LogBatch, LogError> {
        if let (Some(start), Some(outlet)) = (self.start.take(), self.outlet.take()) {
            self.feeders = start(outlet);
        }
        let next = tokio::select! {
            biased;
            next = self.batches.recv() => next,
            // Whoever lets nobody in hears of it all the same.
            () = self.gauge.word(self.hushed) => {
                self.hushed = Instant::now() + HUSH;
                self.current = None;
                let notes = std::mem::take(&mut *self.gauge.notes());
                return Ok(LogBatch { part: NOBODY, begins: true, ends: true, notes, ..LogBatch::default() });
            }
        };
        let mut batch = match next {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => return Err(error),
            None => return Err(LogError::Gone(self.over.to_owned())),
        };
        batch.begins = self.current != Some(batch.part);
        self.current = (!batch.ends).then_some(batch.part);
        batch.notes.append(&mut self.gauge.notes());
        Ok(batch)
    }
}

impl LogStream for Fed {
    fn next(&mut self) -> NextBatch<'_> {
        Box::pin(self.take())
    }

    fn position(&self, _part: u64, _offset: u64) -> String {
        String::new()
    }

    fn lag(&self) -> Lag {
        let lost = self.gauge.lost.load(Ordering::Relaxed).saturating_add((self.drops)());
        let refused = self.gauge.refused.load(Ordering::Relaxed);
        Lag { bytes: None, lost, refused, parts: self.gauge.parts.load(Ordering::Relaxed) }
    }
}
