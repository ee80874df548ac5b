//! What goes on by itself: what is watched, looking back, answers, hunts, and the house of the telemetry.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keys::window::DAY;
use ports::detection::WorkKind;
use tokio::task::JoinSet;

use super::DetectionError;
use crate::core::Core;
use crate::node::{Node, drain};

/// How often telemetry is written out and looked after.
const KEEPING: Duration = Duration::from_secs(60);
/// How often it is looked whether rules have to prove themselves.
const TRIALS: Duration = Duration::from_secs(30);
/// Alerts, hunts and questions are forgotten after this time, in microseconds: half a year.
const FORGOTTEN: i64 = 180 * DAY;
/// How often leases are looked after.
const LEASES: Duration = Duration::from_secs(1);
/// How long changes of rules are gathered before they are loaded.
const GATHER: Duration = Duration::from_millis(300);
/// How often answers are brought up.
const ANSWERS: Duration = Duration::from_secs(1);

/// Starts everything.
pub(crate) fn start(node: &Arc<Node>, tasks: &mut JoinSet<()>) {
    if node.core.detection().is_err() {
        return;
    }
    tasks.spawn(ending(Arc::clone(node)));
    tasks.spawn(watching(Arc::clone(node)));
    tasks.spawn(following(Arc::clone(node)));
    tasks.spawn(looking_back(Arc::clone(node)));
    tasks.spawn(hunting(Arc::clone(node)));
    tasks.spawn(keeping(Arc::clone(node)));
    tasks.spawn(timed(Arc::clone(node), "leases", LEASES, Core::lease_step));
    tasks.spawn(timed(Arc::clone(node), "dry-runs", LEASES, Core::dry_run_step));
    tasks.spawn(timed(Arc::clone(node), "answers", ANSWERS, Core::answer_step));
    tasks.spawn(timed(Arc::clone(node), "self-tests", TRIALS, Core::self_test_step));
    if node.options.follow {
        tasks.spawn(super::supervise(Arc::clone(node)));
    }
}

/// Says that the node stops, to whatever takes long.
async fn ending(node: Arc<Node>) {
    let Ok(detection) = node.core.detection().cloned() else { return };
    let mut stop = node.stopping();
    let _ = stop.wait_for(|stop| *stop).await;
    detection.stopping.store(true, Ordering::Release);
}

/// Indicators go on while rules are loaded.
async fn following(node: Arc<Node>) {
    let (mut stop, mut head) = (node.stopping(), node.core.head());
    while !*stop.borrow() {
        tokio::select! {
            _ = head.changed() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
        drain(&node, "follow", Core::follow_step).await;
    }
}

async fn watching(node: Arc<Node>) {
    let Ok(detection) = node.core.detection().cloned() else { return };
    let (mut stop, mut head) = (node.stopping(), node.core.head());
    while !*stop.borrow() {
        drain(&node, "watch", Core::watch_step).await;
        tokio::select! {
            _ = head.changed() => {}
            _ = stop.changed() => {}
            // Rules are often added one after the other, and are loaded together.
            () = detection.watched.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
}

async fn looking_back(node: Arc<Node>) {
    let (mut stop, mut head) = (node.stopping(), node.core.head());
    while !*stop.borrow() {
        drain(&node, "hunt-back", Core::hunt_back_step).await;
        tokio::select! {
            _ = head.changed() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
}

async fn hunting(node: Arc<Node>) {
    let Ok(detection) = node.core.detection().cloned() else { return };
    let mut stop = node.stopping();
    while !*stop.borrow() {
        // Ours and theirs in turn: nobody's questions hold up the others'.
        drain(&node, "hunts", Core::hunts_step).await;
        tokio::select! {
            () = detection.hunts.notified() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
}

async fn keeping(node: Arc<Node>) {
    let mut stop = node.stopping();
    drain(&node, "analytics", Core::learn_step).await;
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(KEEPING) => {}
        }
        drain(&node, "telemetry", |core| core.keep_telemetry().map(|()| false)).await;
        drain(&node, "analytics", Core::learn_step).await;
    }
}

async fn timed(
    node: Arc<Node>,
    name: &'static str,
    every: Duration,
    step: fn(&Core) -> Result<bool, DetectionError>,
) {
    let mut stop = node.stopping();
    while !*stop.borrow() {
        drain(&node, name, step).await;
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

impl Core {
    /// One hunt of ours and one of another party. Returns whether there was either.
    fn hunts_step(&self) -> Result<bool, DetectionError> {
        let own = self.hunt_step();
        let theirs = self.hunt_request_step()?;
        Ok(own? | theirs)
    }

    /// Writes telemetry out, and keeps its age and size within bounds.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn keep_telemetry(&self) -> Result<(), DetectionError> {
        let detection = self.detection()?;
        let now = self.clock.now();
        let before = now.plus_micros(-FORGOTTEN);
        self.store.transact(|tx| {
            for kind in WorkKind::ALL {
                tx.forget_work(self.scope, kind, before)?;
            }
            tx.forget_alerts(self.scope, before)
        })?;
        detection.outside.telemetry.flush()?;
        detection.outside.telemetry.maintain(now, &detection.outside.retention)?;
        Ok(())
    }
}
