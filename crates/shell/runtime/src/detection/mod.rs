//! Detection on a running node: what is watched, what is read, what was found, and what others are told of it.
//!
//! [`Core::watch_step`] follows the journal and keeps what is watched up to date, [`Core::follow_step`] without waiting for
//! rules that are loaded; a task for each log source reads,
//! matches and keeps; [`Core::hunt_back_step`] looks for everything new in what was kept and answers whoever shared it.
//!
//! What is watched only says where to look closer: whether a match counts is asked of the store when it matches
//! ([`Core::may_use`]), so that what was revoked, taken back or narrowed a moment ago raises nothing.

mod answers;
mod coverage;
mod examine;
mod hunting;
mod leases;
mod pipe;
mod question;
mod reading;
mod requests;
mod sink;
mod statistics;
mod tasks;
mod verdict;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::{Digest, Seq, StixId, Timestamp};
use ports::StoreError;
use ports::logs::{Lag, LogError, LogSources};
use ports::segments::{SegmentError, Segments};
use ports::telemetry::{Retention, Telemetry, TelemetryError};
use sha2::Digest as _;
use tokio::sync::Notify;

use crate::core::Core;
use crate::trust::TrustError;

pub use answers::{Answer, Answering, COVERAGE, Feedback, Standing};
pub use coverage::Tried;
pub use hunting::{HuntView, NewHunt};
pub use leases::{ActuatorEntry, Containment, LeaseSettings, LeaseView, NewLease};
pub use pipe::ReadSpec;
pub use question::Sought;
pub(crate) use reading::supervise;
pub use reading::{PUSH, Pushed};
pub use requests::{NewRequest, RequestView};
pub(crate) use tasks::start;
pub use verdict::{Allowed, NotAllowed};
pub use watch::{Delivered, Notes, Progress, RuleSet, RuleView, SubjectState, Watch};

/// What detection needs from outside.
#[derive(Clone)]
pub struct Outside {
    /// Where the index of indicators is kept.
    pub segments: Arc<dyn Segments>,
    /// Where events are kept.
    pub telemetry: Arc<dyn Telemetry>,
    /// The kinds of log source there are.
    pub logs: Arc<dyn LogSources>,
    /// What blocks.
    pub actuators: Arc<dyn ports::actuator::ActuatorKinds>,
    /// How long and how much is kept.
    pub retention: Retention,
}

/// Why something about detection could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DetectionError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something about other parties failed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The telemetry store said no.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The index could not be kept.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A log source said no.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such thing.
    #[error("{0} does not exist")]
    Missing(String),
    /// It was refused; the reason, with a remedy.
    #[error("{0}")]
    Refused(String),
    /// The node is on its way down.
    #[error("the node is stopping; it goes on after the next start")]
    Stopping,
    /// This program was started without what detection needs.
    #[error("this node was opened without its telemetry")]
    Without,
}

/// A node's detection.
pub struct Detection {
    pub(crate) outside: Outside,
    watch: RwLock<Arc<Watch>>,
    keeper: Mutex<watch::Keeper>,
    verdicts: Mutex<verdict::Verdicts>,
    /// Whether everything that is held is watched, since the start: nothing is read before.
    pub(crate) ready: tokio::sync::watch::Sender<bool>,
    /// Moves whenever what is watched is swapped.
    pub(crate) moved: tokio::sync::watch::Sender<u64>,
    /// Own rules were added or removed.
    rules_changed: AtomicBool,
    /// Rules that others shared came, changed or went.
    shared_changed: AtomicBool,
    /// Held while rules are loaded.
    loading: Mutex<()>,
    /// How far the watch is.
    progress: Mutex<watch::Progress>,
    /// Warning lists were changed.
    pub(crate) lists_changed: AtomicBool,
    /// Hunts under way, and whether each was called off.
    under_way: Mutex<BTreeMap<Digest, Arc<AtomicBool>>>,
    /// Objects that were seen and whose answers are to be brought up.
    seen: Mutex<BTreeSet<StixId>>,
    /// How far behind each log source is.
    lags: Mutex<BTreeMap<String, Lag>>,
    trials: Mutex<coverage::Trials>,
    /// Events of each class since the start, and when one came last.
    classes: Mutex<BTreeMap<u16, (u64, Timestamp)>>,
    learned: Mutex<statistics::Learned>,
    /// What is blocked, one step after the other.
    pub(crate) leasing: Mutex<leases::Leasing>,
    /// Whether what an earlier run had seen was looked up.
    recalled: AtomicBool,
    /// Readers of pushed records, by source, with the configuration that each was made for.
    pub(crate) pushing: Mutex<BTreeMap<String, (String, pipe::Pipe)>>,
    /// Held for reading while events are examined and kept, so that a hunt begins after everything that was examined before.
    pub(crate) flowing: RwLock<()>,
    /// The node is on its way down.
    pub(crate) stopping: AtomicBool,
    /// A hunt waits.
    pub(crate) hunts: Notify,
    /// What is watched may have to change.
    pub(crate) watched: Notify,
    /// A log source was added, changed or removed.
    pub(crate) sources: Notify,
}

impl Detection {
    fn new(outside: Outside) -> Self {
        Self {
            outside,
            watch: RwLock::default(),
            keeper: Mutex::default(),
            verdicts: Mutex::default(),
            ready: tokio::sync::watch::Sender::new(false),
            moved: tokio::sync::watch::Sender::new(0),
            rules_changed: AtomicBool::new(true),
            shared_changed: AtomicBool::new(false),
            loading: Mutex::default(),
            progress: Mutex::default(),
            lists_changed: AtomicBool::new(false),
            under_way: Mutex::default(),
            seen: Mutex::default(),
            lags: Mutex::default(),
            trials: Mutex::default(),
            classes: Mutex::default(),
            learned: Mutex::default(),
            leasing: Mutex::default(),
            recalled: AtomicBool::new(false),
            pushing: Mutex::default(),
            flowing: RwLock::default(),
            stopping: AtomicBool::new(false),
            hunts: Notify::new(),
            watched: Notify::new(),
            sources: Notify::new(),
        }
    }

    /// What is watched now.
    #[must_use]
    pub fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Swaps what is watched for what is made of it. Whoever waits for events lets go of what was watched before, which may
    /// be large.
    fn change_watch(&self, change: impl FnOnce(&Watch) -> Watch) {
        let mut held = self.watch.write().unwrap_or_else(PoisonError::into_inner);
        let watch = Arc::new(change(&held));
        let before = std::mem::replace(&mut *held, Arc::clone(&watch));
        drop(held);
        drop(before);
        self.moved.send_modify(|count| *count += 1);
        // One that is in use now renews itself.
        if let Ok(mut pipes) = self.pushing.try_lock() {
            pipes.values_mut().for_each(|(_, pipe)| pipe.renew(&watch));
        }
    }

    /// Own rules were added or removed: they are loaded anew.
    pub fn rules_changed(&self) {
        self.rules_changed.store(true, Ordering::Release);
        self.watched.notify_one();
    }

    /// Words that log sources have of their own were added or changed: rules may name them, ours and those that others
    /// shared, so all are loaded anew.
    pub fn sources_renamed(&self) {
        self.shared_changed.store(true, Ordering::Release);
        self.rules_changed();
    }

    /// Warning lists were changed: what is watched is judged by them anew.
    pub(crate) fn lists_changed(&self) {
        self.lists_changed.store(true, Ordering::Release);
        self.watched.notify_one();
    }

    /// A log source was added, changed or removed.
    pub fn sources_changed(&self) {
        self.sources.notify_one();
    }

    /// Events of each class since the start, and when one came last.
    #[must_use]
    pub fn classes(&self) -> BTreeMap<u16, (u64, Timestamp)> {
        self.classes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count_classes(&self, seen: &BTreeMap<u16, u64>, now: Timestamp) {
        let mut classes = self.classes.lock().unwrap_or_else(PoisonError::into_inner);
        for (class, count) in seen {
            let entry = classes.entry(*class).or_insert((0, now));
            *entry = (entry.0 + count, now);
        }
    }

    /// The kinds of log source there are.
    #[must_use]
    pub fn logs(&self) -> &Arc<dyn LogSources> {
        &self.outside.logs
    }

    /// Where events are kept.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<dyn Telemetry> {
        &self.outside.telemetry
    }
}

impl Core {
    /// The same core, with what detection needs.
    #[must_use]
    pub fn detecting(self, outside: Outside) -> Self {
        let _ = self.detection.set(Arc::new(Detection::new(outside)));
        self
    }

    /// The node's detection.
    ///
    /// # Errors
    /// [`DetectionError::Without`] when this program was started without.
    pub fn detection(&self) -> Result<&Arc<Detection>, DetectionError> {
        self.detection.get().ok_or(DetectionError::Without)
    }
}

/// A name for things that belong together.
fn digest(parts: &[&[u8]]) -> Digest {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Digest(hash.finalize().into())
}

/// Puts a member into a piece of work's body.
fn set(body: &mut serde_json::Value, name: &str, value: serde_json::Value) {
    if let Some(object) = body.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// At most so many bytes of a text, cut between characters.
fn shortened(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// The place before everything.
const START: Seq = Seq(0);
