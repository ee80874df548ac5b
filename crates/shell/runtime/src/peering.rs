//! The part of a running node that deals with other nodes: deciding, delivering, calling, keeping house.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::PartyId;
use ports::peer::Transport;
use ports::trust::{PeerRecord, PeerState};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::core::Core;
use crate::node::Node;
use crate::trust::TrustError;

/// Decides on what the journal brought, and puts it into streams.
pub(crate) async fn release(node: Arc<Node>) {
    let mut stop = node.stopping();
    let mut head = node.core.head();
    while !*stop.borrow() {
        work(&node, "release", Core::release_step).await;
        work(&node, "deliver", Core::deliver_step).await;
        let wait = node.core.trust().map(|trust| trust.changed());
        let changed = async {
            match wait {
                Some(mut wait) => {
                    wait.mark_unchanged();
                    let _ = wait.changed().await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = head.changed() => {}
            _ = stop.changed() => {}
            () = changed => {}
            () = tokio::time::sleep(node.options.idle) => {}
        }
    }
}

/// Erases what was taken back, signs checkpoints, watches deadlines, renews keys.
pub(crate) async fn housekeeping(node: Arc<Node>) {
    let mut stop = node.stopping();
    while !*stop.borrow() {
        work(&node, "retention", Core::retention_step).await;
        work(&node, "erasure", Core::erasure_step).await;
        work(&node, "checkpoint", Core::checkpoint_step).await;
        work(&node, "deadlines", Core::deadline_step).await;
        work(&node, "emergencies", Core::emergency_step).await;
        work(&node, "notice", Core::notice_step).await;
        work(&node, "coming", Core::coming_step).await;
        work(&node, "witnesses", Core::quorum_step).await;
        work(&node, "agreements", Core::agreement_step).await;
        work(&node, "partings", Core::parting_step).await;
        work(&node, "keys", Core::renew_keys).await;
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(HOUSEKEEPING.min(node.options.idle)) => {}
        }
    }
}

/// How often the house is kept.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Keeps one task for each paired peer that can be called.
pub(crate) async fn supervise(node: Arc<Node>, transport: Arc<dyn Transport>) {
    let mut stop = node.stopping();
    let mut running: BTreeMap<PartyId, String> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    while !*stop.borrow() {
        let peers = node.core.registry().map(|registry| registry.peers.clone()).unwrap_or_default();
        for peer in peers.values().filter(|peer| is_linked(peer)) {
            let Some(endpoint) = &peer.endpoint else { continue };
            if running.get(&peer.party) != Some(endpoint) {
                running.insert(peer.party, endpoint.clone());
                tasks.spawn(talk(Arc::clone(&node), Arc::clone(&transport), peer.clone(), endpoint.clone()));
            }
        }
        running.retain(|party, endpoint| {
            peers.get(party).is_some_and(|peer| is_linked(peer) && peer.endpoint.as_ref() == Some(endpoint))
        });
        tokio::select! {
            _ = stop.changed() => {}
            Some(_) = tasks.join_next() => {}
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Whether there is something to say to a peer: whoever parts settles what is owed.
const fn is_linked(peer: &PeerRecord) -> bool {
    matches!(peer.state, PeerState::Paired | PeerState::Ending)
}

/// Says to one peer whatever there is to say, until it is no longer paired or has moved.
async fn talk(node: Arc<Node>, transport: Arc<dyn Transport>, peer: PeerRecord, endpoint: String) {
    let mut stop = node.stopping();
    let mut failures = 0u32;
    let Some(trust) = node.core.trust().cloned() else { return };
    trust.forget_session(peer.party);
    let mut changed = trust.changed();
    while !*stop.borrow() {
        let current = node.core.registry().ok().and_then(|registry| registry.peers.get(&peer.party).cloned());
        let same = current.is_some_and(|now| is_linked(&now) && now.endpoint.as_deref() == Some(&endpoint));
        if !same {
            return;
        }
        changed.mark_unchanged();
        let core = Arc::clone(&node.core);
        let next = tokio::task::spawn_blocking(move || core.next_call(peer.party)).await;
        let call = match next {
            Ok(Ok(call)) => call,
            Ok(Err(problem)) => {
                warn!(peer = peer.name, %problem, "cannot say what comes next; will try again");
                None
            }
            Err(panic) => {
                warn!(peer = peer.name, %panic, "a step failed; will try again");
                None
            }
        };
        let Some(call) = call else {
            tokio::select! {
                _ = changed.changed() => {}
                _ = stop.changed() => {}
                () = tokio::time::sleep(node.options.idle) => {}
            }
            continue;
        };
        let answer = tokio::select! {
            answer = transport.call(&endpoint, Some(peer.party), call.topic, call.body.clone()) => answer,
            _ = stop.changed() => return,
        };
        let failed = answer.is_err();
        let core = Arc::clone(&node.core);
        let taken = tokio::task::spawn_blocking(move || core.answered(&call, answer)).await;
        let go_on = match taken {
            Ok(Ok(more)) => more || !failed,
            Ok(Err(TrustError::Refused(problem))) => {
                debug!(peer = peer.name, problem, "the answer was not accepted");
                false
            }
            Ok(Err(problem)) => {
                warn!(peer = peer.name, %problem, "the answer could not be taken in");
                false
            }
            Err(panic) => {
                warn!(peer = peer.name, %panic, "a step failed; will try again");
                false
            }
        };
        if go_on {
            failures = 0;
            continue;
        }
        failures = failures.saturating_add(1);
        let random = u64::from_be_bytes(node.core.ids.random().first_chunk().copied().unwrap_or_default());
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(Backoff::LIVE.delay(failures, random)) => {}
        }
    }
}

/// Runs a synchronous step on the blocking pool until it says that there is no more.
async fn work(node: &Arc<Node>, name: &'static str, step: fn(&Core) -> Result<bool, TrustError>) {
    loop {
        if *node.stopping.borrow() {
            return;
        }
        let core = Arc::clone(&node.core);
        match tokio::task::spawn_blocking(move || step(&core)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return,
            Ok(Err(problem)) => return warn!(reconciler = name, %problem, "will try again"),
            Err(panic) => return warn!(reconciler = name, %panic, "a step failed; will try again"),
        }
    }
}
