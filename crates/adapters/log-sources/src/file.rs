//! The kind `file`: files that grow, rotate, are packed and go away.
//!
//! [`Tail`] does all the work, one step at a time, on a blocking thread; this file turns its steps into a stream. A step is
//! begun when the batch before it is handed out, so that reading and matching overlap: at most one batch waits.

mod convert;
mod identity;
mod ledger;
mod plain;
mod select;
mod tail;
mod tracked;
mod turned;
mod unpack;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ports::logs::{Converter, Lag, LogBatch, LogError, LogStream, NextBatch};
use tokio::task::JoinHandle;

use crate::config::{Config, wrong};
use ledger::Ledger;
use select::Selection;
use tail::{Step, Tail};

/// How often files are looked at, and how long something may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one look to the next, while something happens.
    pub poll: Duration,
    /// The same, when nothing has happened for a while.
    pub idle: Duration,
    /// How long a file that is gone is still read by whoever has it open, and its end is waited for.
    pub grace: Duration,
    /// After this time without a change a file's last line counts as whole, with or without line break; and a packed file
    /// that ends too early as cut off.
    pub quiet: Duration,
    /// From one attempt at what cannot be read to the next, and from one conversion of a file to the next.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(250),
            idle: Duration::from_secs(2),
            grace: Duration::from_secs(10),
            quiet: Duration::from_secs(300),
            retry: Duration::from_secs(30),
        }
    }
}

/// Whether a configuration of this kind can be used.
pub(crate) fn check(config: &Config) -> Result<(), LogError> {
    select(config).map(|_| ())
}

fn select(config: &Config) -> Result<Selection, LogError> {
    let path = config.path("path").ok_or_else(|| wrong("`path` is missing".to_owned()))?;
    Selection::new(&path, config.switch("recursive"))
}

/// Opens a source of this kind. Nothing is looked for yet.
pub(crate) fn open(
    name: &str,
    config: &Config,
    position: Option<&str>,
    converter: Option<Arc<dyn Converter>>,
    pace: Pace,
) -> Result<Box<dyn LogStream>, LogError> {
    let selection = select(config)?;
    let position = position.filter(|text| !text.is_empty());
    let ledger = position.map(Ledger::read).transpose()?;
    let from_end = ledger.is_none() && config.text("from") == Some("end");
    let ledger = Arc::new(Mutex::new(ledger.unwrap_or_default()));
    let tail = Tail::new(selection, from_end, Arc::clone(&ledger), converter, pace);
    Ok(Box::new(FileStream {
        name: name.to_owned(),
        ledger,
        tail: Some(tail),
        running: None,
        wake: None,
        delay: pace.poll,
        pace,
    }))
}

/// A source of this kind.
struct FileStream {
    name: String,
    ledger: Arc<Mutex<Ledger>>,
    /// Here between steps, with the thread during one.
    tail: Option<Tail>,
    running: Option<JoinHandle<(Tail, Step)>>,
    /// Not before then is the next step begun.
    wake: Option<Instant>,
    delay: Duration,
    pace: Pace,
}

impl FileStream {
    /// Begins the next step, if none is under way. `dealt` is whether the caller has dealt with the last batch.
    fn begin(&mut self, dealt: bool) {
        if self.running.is_none()
            && let Some(mut tail) = self.tail.take()
        {
            self.running = Some(tokio::task::spawn_blocking(move || {
                let step = tail.step(dealt);
                (tail, step)
            }));
        }
    }

    async fn pull(&mut self) -> Result<LogBatch, LogError> {
        loop {
            if let Some(wake) = self.wake {
                tokio::time::sleep_until(wake.into()).await;
                self.wake = None;
            }
            self.begin(true);
            let Some(running) = &mut self.running else {
                let name = &self.name;
                return Err(LogError::Gone(format!(
                    "the reader of `{name}` broke down: open the source again"
                )));
            };
            let joined = running.await;
            self.running = None;
            let Ok((tail, step)) = joined else { continue };
            self.tail = Some(tail);
            match step {
                Step::Batch(batch) => {
                    self.delay = self.pace.poll;
                    self.begin(false);
                    return Ok(batch);
                }
                Step::Fault(error) => return Err(error),
                Step::Busy => self.delay = self.pace.poll,
                Step::Idle => {
                    self.wake = Some(Instant::now() + self.delay);
                    self.delay = (self.delay * 2).min(self.pace.idle);
                }
            }
        }
    }
}

impl LogStream for FileStream {
    fn next(&mut self) -> NextBatch<'_> {
        Box::pin(self.pull())
    }

    fn position(&self, part: u64, offset: u64) -> String {
        let mut ledger = lock(&self.ledger);
        ledger.deal(part, offset);
        ledger.text()
    }

    fn lag(&self) -> Lag {
        lock(&self.ledger).lag()
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
