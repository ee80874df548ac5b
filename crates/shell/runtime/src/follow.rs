//! Sources as reconcilers: each is pulled until it has nothing more, then waits for its turn, a hint, or a nudge.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::SourceId;
use ports::pull::{Batch, Content, HintChannel, PullError, Puller};
use ports::{SourceRecord, SourceState, StoreError};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, info, warn};

use crate::backoff::Backoff;
use crate::core::Core;
use crate::import::{ImportError, ImportOptions, unfold};
use crate::ingest::{Piece, Summary};
use crate::node::Node;

/// Keeps one task per enabled source, and restarts it when its configuration changes.
pub(crate) async fn supervise(node: Arc<Node>) {
    let mut stop = node.stopping();
    let mut running: BTreeMap<SourceId, Following> = BTreeMap::new();
    while !*stop.borrow() {
        match enabled(&node).await {
            Ok(wanted) => adjust(&node, &mut running, wanted).await,
            Err(error) => warn!(%error, "the list of sources cannot be read; will try again"),
        }
        tokio::select! {
            () = node.sources_changed.notified() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
    for (_, following) in running {
        following.end().await;
    }
}

/// A source's task, and the way to end it.
struct Following {
    record: SourceRecord,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Following {
    async fn end(self) {
        self.stop.send_replace(true);
        if self.task.await.is_err() {
            warn!(source = self.record.name, "its task had failed");
        }
    }
}

async fn enabled(node: &Arc<Node>) -> Result<BTreeMap<SourceId, SourceRecord>, StoreError> {
    let sources = blocking(node, |core| core.store.read()?.sources(core.scope.tenant)).await?;
    let kinds = node.options.sources.kinds();
    let known = |name: &str| kinds.iter().any(|kind| kind.kind == name);
    let wanted = sources.into_iter().map(|(record, _)| record).filter(|r| r.enabled && known(&r.kind));
    Ok(wanted.map(|record| (record.id, record)).collect())
}

async fn adjust(
    node: &Arc<Node>,
    running: &mut BTreeMap<SourceId, Following>,
    wanted: BTreeMap<SourceId, SourceRecord>,
) {
    let stale: Vec<SourceId> = running
        .iter()
        .filter(|(id, following)| wanted.get(id) != Some(&following.record) || following.task.is_finished())
        .map(|(id, _)| *id)
        .collect();
    for id in stale {
        lock(node).remove(&id);
        if let Some(following) = running.remove(&id) {
            following.end().await;
        }
    }
    for (id, record) in wanted {
        if running.contains_key(&id) {
            continue;
        }
        let nudge = Arc::new(Notify::new());
        lock(node).insert(id, Arc::clone(&nudge));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(follow(Arc::clone(node), record.clone(), nudge, stopped));
        running.insert(id, Following { record, stop, task });
    }
}

fn lock(node: &Node) -> std::sync::MutexGuard<'_, BTreeMap<SourceId, Arc<Notify>>> {
    node.pulls.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One source, until it is told to stop.
async fn follow(node: Arc<Node>, record: SourceRecord, nudge: Arc<Notify>, mut stop: watch::Receiver<bool>) {
    let mut source = match node.options.sources.open(&record.kind, &record.config) {
        Ok(source) => source,
        Err(error) => {
            failed(
                &node,
                &record,
                &PullError { message: error.to_string(), retry_after: None, permanent: true },
            )
            .await;
            // Nothing changes until somebody changes the configuration, which restarts this task.
            let _ = stop.wait_for(|stop| *stop).await;
            return;
        }
    };
    let hint = Arc::new(Notify::new());
    let mut listeners = JoinSet::new();
    if let Some(channel) = source.live.take() {
        listeners.spawn(listen(Arc::clone(&node), record.name.clone(), channel, Arc::clone(&hint)));
    }
    while !*stop.borrow() {
        match pull(&node, &record, &mut *source.puller, &mut stop).await {
            Ok(()) => tokio::select! {
                () = nudge.notified() => {}
                () = hint.notified() => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep(source.interval) => {}
            },
            // A server that asked to be left alone, or that fails, is not asked sooner because something changed there;
            // but it is when somebody here has mended what was wrong and says so.
            Err(error) => {
                let wait = failed(&node, &record, &error).await;
                tokio::select! {
                    () = nudge.notified() => {}
                    _ = stop.changed() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
    listeners.shutdown().await;
}

/// Batches of one round at most: a server that invents objects without end gets its next turn like everyone.
const ROUND: usize = 100_000;

/// One round: batches until there are no more.
///
/// Asked to stop, it gives up waiting for the other side, but never a batch that is being committed.
async fn pull(
    node: &Arc<Node>,
    record: &SourceRecord,
    puller: &mut dyn Puller,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), PullError> {
    for _ in 0..ROUND {
        let state = load(node, record).await.map_err(|error| passing(&error))?;
        let batch = tokio::select! {
            batch = puller.next(state.cursor.as_deref()) => batch?,
            _ = stop.changed() => return Ok(()),
        };
        let more = batch.more;
        let owner = record.clone();
        let summary = blocking(node, move |core| commit(core, &owner, state, batch)).await;
        let summary = summary.map_err(|error| passing(&error))?;
        if summary.total() > 0 {
            info!(
                source = record.name,
                accepted = summary.accepted,
                unchanged = summary.unchanged,
                held = summary.held,
                refused = summary.refused,
                "pulled"
            );
        }
        if !more {
            break;
        }
    }
    Ok(())
}

fn passing(error: &dyn std::fmt::Display) -> PullError {
    PullError { message: error.to_string(), retry_after: None, permanent: false }
}

/// Takes a batch in. Objects and cursor are one transaction, so a crash neither skips nor repeats.
///
/// A list can be too long for one transaction: its values go in first and the cursor after; a crash in between
/// reads the list again, which changes nothing.
fn commit(
    core: &Core,
    record: &SourceRecord,
    mut state: SourceState,
    batch: Batch,
) -> Result<Summary, ImportError> {
    let mut total = Summary::default();
    let (mut texts, mut findings) = (Vec::new(), Vec::new());
    for piece in batch.pieces {
        match piece.content {
            Content::List => {
                let options = ImportOptions { source: record.clone(), name: piece.name };
                let done = core.import(&mut piece.bytes.as_slice(), &options, &mut |_| {})?;
                total.add(done.summary);
            }
            Content::Stix | Content::MispEvent => {
                unfold(core.clock.now(), &piece.bytes, &mut texts, &mut findings)
            }
        }
    }
    let pieces: Vec<_> = texts
        .iter()
        .map(|text| Piece { narrowing: text.narrowing, converted: text.converted, ..Piece::stix(&text.text) })
        .collect();
    state.cursor = Some(batch.cursor);
    state.last_success = Some(core.clock.now());
    state.failures = 0;
    state.retry_at = None;
    let (tenant, scope) = (core.scope.tenant, core.scope);
    let summary = core.ingest_with(record, &pieces, &mut |_| {}, &mut |tx, committing| {
        let mut state = state.clone();
        state.accepted += committing.summary.accepted + total.accepted;
        tx.add_findings(scope, core.clock.now(), record.id, None, &findings)?;
        tx.set_source_state(tenant, record.id, &state)
    })?;
    total.add(summary);
    Ok(total)
}

/// Writes the failure down and says how long to wait.
async fn failed(node: &Arc<Node>, record: &SourceRecord, error: &PullError) -> Duration {
    let owner = record.clone();
    let message = error.message.clone();
    let (permanent, asked) = (error.permanent, error.retry_after);
    let written = blocking(node, move |core| {
        let now = core.clock.now();
        let mut state = state_of(core, owner.id)?;
        state.failures = state.failures.saturating_add(1);
        let mut random = [0u8; 8];
        for (slot, byte) in random.iter_mut().zip(core.ids.random()) {
            *slot = byte;
        }
        let backoff = Backoff::ROUND.delay(state.failures, u64::from_le_bytes(random));
        let wait = if permanent { Backoff::ROUND.cap } else { backoff.max(asked.unwrap_or_default()) };
        state.last_error = Some((now, message));
        state.retry_at = Some(now.plus_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
        core.store.write(Box::new(|tx| tx.set_source_state(core.scope.tenant, owner.id, &state)))?;
        Ok::<_, StoreError>(wait)
    })
    .await;
    warn!(source = record.name, error = error.message, "a pull failed");
    written.unwrap_or(Backoff::ROUND.cap)
}

/// Holds the hint channel open; every hint starts a round. Hints carry no content, so a lost one costs only time.
async fn listen(node: Arc<Node>, name: String, mut channel: Box<dyn HintChannel>, nudge: Arc<Notify>) {
    let (mut failures, mut last) = (0u32, None);
    loop {
        let asked = match hear(&mut *channel, &mut last, &nudge, &mut failures).await {
            Ok(retry) => retry,
            Err(error) => {
                debug!(source = name, %error, "the hint channel is down; pulls go on by the clock");
                error.retry_after
            }
        };
        failures = failures.saturating_add(1);
        let random = node.core.ids.uuid().0.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        tokio::time::sleep(Backoff::LIVE.delay(failures, random).max(asked.unwrap_or_default())).await;
    }
}

/// One connection of the hint channel, until the other side closes it. Returns how long it asks to be left alone.
async fn hear(
    channel: &mut dyn HintChannel,
    last: &mut Option<String>,
    nudge: &Notify,
    failures: &mut u32,
) -> Result<Option<Duration>, PullError> {
    let mut hints = channel.connect(last.as_deref()).await?;
    *failures = 0;
    // Whatever happened while the line was down is pulled now.
    nudge.notify_one();
    while let Some(hint) = hints.next().await? {
        // One round answers every hint that has arrived by now.
        let newest = hints.drain().unwrap_or(hint);
        if newest.id.is_some() {
            *last = newest.id;
        }
        nudge.notify_one();
    }
    Ok(hints.retry())
}

async fn load(node: &Arc<Node>, record: &SourceRecord) -> Result<SourceState, StoreError> {
    let id = record.id;
    blocking(node, move |core| state_of(core, id)).await
}

fn state_of(core: &Core, id: SourceId) -> Result<SourceState, StoreError> {
    let sources = core.store.read()?.sources(core.scope.tenant)?;
    let found = sources.into_iter().find(|(record, _)| record.id == id);
    found.map(|(_, state)| state).ok_or_else(|| StoreError::Missing(format!("source {id}")))
}

/// Runs what may block on the blocking pool.
pub(crate) async fn blocking<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    node: &Arc<Node>,
    job: impl FnOnce(&Core) -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    let core = Arc::clone(&node.core);
    match tokio::task::spawn_blocking(move || job(&core)).await {
        Ok(done) => done,
        Err(panic) => Err(StoreError::Engine(format!("a step failed: {panic}")).into()),
    }
}
