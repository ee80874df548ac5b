//! The half of a node that keeps going by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::SourceId;
use ports::peer::Transport;
use ports::pull::SourceKinds;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{error, warn};

use crate::core::Core;
use crate::peering;

/// How a node behaves while it runs.
#[derive(Clone)]
pub struct NodeOptions {
    /// The kinds of source there are.
    pub sources: Arc<dyn SourceKinds>,
    /// Whether sources are followed; search and the inbox always run.
    pub follow: bool,
    /// What carries calls to other nodes; without it they are reached by courier files only.
    pub transport: Option<Arc<dyn Transport>>,
    /// Reconcilers look for work at least this often, even when nobody wakes them.
    pub idle: Duration,
}

impl NodeOptions {
    /// A node that follows its sources, which are of these kinds.
    #[must_use]
    pub fn new(sources: Arc<dyn SourceKinds>) -> Self {
        Self { sources, follow: true, transport: None, idle: Duration::from_secs(15) }
    }
}

/// A running node. Dropping it does not stop it; [`Node::stop`] does.
pub struct Node {
    /// The synchronous half.
    pub core: Arc<Core>,
    /// How it behaves.
    pub options: NodeOptions,
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) pulls: Mutex<BTreeMap<SourceId, Arc<Notify>>>,
    pub(crate) sources_changed: Notify,
    inbox: Notify,
    keyed: Notify,
    tasks: Mutex<JoinSet<()>>,
}

impl Node {
    /// Starts the reconcilers on the current tokio runtime.
    #[must_use]
    pub fn start(core: Core, options: NodeOptions) -> Arc<Self> {
        let node = Arc::new(Self {
            core: Arc::new(core),
            options,
            stopping: watch::Sender::new(false),
            pulls: Mutex::default(),
            sources_changed: Notify::new(),
            inbox: Notify::new(),
            keyed: Notify::new(),
            tasks: Mutex::default(),
        });
        {
            let mut tasks = node.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.spawn(search(Arc::clone(&node)));
            tasks.spawn(inbox(Arc::clone(&node)));
            crate::detection::start(&node, &mut tasks);
            tasks.spawn(peering::release(Arc::clone(&node)));
            tasks.spawn(peering::housekeeping(Arc::clone(&node)));
            if let Some(transport) = node.options.transport.clone() {
                tasks.spawn(peering::supervise(Arc::clone(&node), transport));
            }
            if node.options.follow {
                tasks.spawn(crate::follow::supervise(Arc::clone(&node)));
            }
        }
        node
    }

    /// A TAXII add request was received.
    pub fn wake_inbox(&self) {
        self.inbox.notify_one();
    }

    /// A source was added, changed or removed.
    pub fn wake_sources(&self) {
        self.sources_changed.notify_one();
    }

    /// Keys were made, or something about peers changed.
    pub fn wake_peers(&self) {
        if let Some(trust) = self.core.trust() {
            trust.wake();
        }
        self.keyed.notify_waiters();
    }

    /// Resolves the next time keys were made or something about peers changed.
    pub async fn keyed(&self) {
        self.keyed.notified().await;
    }

    /// Pulls a source now rather than at its next turn. Returns whether it is running.
    pub fn pull_now(&self, source: SourceId) -> bool {
        let pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        pulls.get(&source).map(|notify| notify.notify_one()).is_some()
    }

    /// Whether the node is on its way down.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Stops the reconcilers and waits for the step each is in.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

/// Feeds the search index, until the node stops.
async fn search(node: Arc<Node>) {
    let mut head = node.core.head();
    let mut stop = node.stopping();
    while !*stop.borrow() {
        drain(&node, "search", Core::index_step).await;
        tokio::select! {
            _ = head.changed() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
        // Every commit of words writes a segment of the index, which is merged later: while much comes in, a few hundred
        // objects at a time cost as much again as what brought them.
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(GATHER) => {}
        }
    }
}

/// How long words are gathered before they are indexed.
const GATHER: Duration = Duration::from_millis(150);

async fn inbox(node: Arc<Node>) {
    let mut stop = node.stopping();
    while !*stop.borrow() {
        drain(&node, "inbox", Core::inbox_step).await;
        tokio::select! {
            () = node.inbox.notified() => {}
            _ = stop.changed() => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
}

/// Runs a synchronous step on the blocking pool until it says that there is no more.
pub(crate) async fn drain<E: std::fmt::Display + Send + 'static>(
    node: &Arc<Node>,
    name: &'static str,
    step: fn(&Core) -> Result<bool, E>,
) {
    loop {
        if *node.stopping.borrow() {
            return;
        }
        let core = Arc::clone(&node.core);
        match tokio::task::spawn_blocking(move || step(&core)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return,
            Ok(Err(problem)) => return warn!(reconciler = name, %problem, "will try again"),
            Err(panic) => return error!(reconciler = name, %panic, "a step failed; will try again"),
        }
    }
}
