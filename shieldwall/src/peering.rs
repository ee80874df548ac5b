//! The peer port: mutual TLS with other nodes, once the node has keys.
//!
//! A node may get its keys while it runs, and renews its leaf for as long as it runs, so the transport is filled in late
//! and the port opened when there is something to show on it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use keys::KeyId;
use model::PartyId;
use peer_http::{CallSettings, Credentials, HttpTransport, ServeSettings, leaf_window, make_leaf};
use ports::peer::{CallError, Calling, Leaf, PeerHandler, Topic, Transport};
use ports::{Clock, Ids};
use runtime::trust::Peers;
use runtime::{Core, Node};
use tokio::net::TcpListener;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::exit::Failure;

/// A transport that begins to carry calls once the node has keys.
#[derive(Default)]
pub struct Late(OnceLock<HttpTransport>);

impl Transport for Late {
    fn call<'a>(
        &'a self,
        endpoint: &'a str,
        expect: Option<PartyId>,
        topic: Topic,
        body: Vec<u8>,
    ) -> Calling<'a> {
        match self.0.get() {
            Some(transport) => transport.call(endpoint, expect, topic, body),
            None => Box::pin(async {
                Err(CallError::Unreachable("this node has no keys to show yet".to_owned()))
            }),
        }
    }

    fn renew(&self, leaf: &Leaf) {
        if let Some(transport) = self.0.get() {
            transport.renew(leaf);
        }
    }
}

/// How often it is looked whether the leaf is due for renewal.
const LOOK: Duration = Duration::from_secs(60);

/// Binds the port. Done before the node says that it is ready, so that a port that is taken is an error of the start.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("the peer port {address} cannot be opened: {error}"))
            .hint("choose another with --peer-listen")
    })
}

/// Serves the port as soon as the node has keys, and renews what is shown there, until `stop` resolves.
pub async fn run(
    node: Arc<Node>,
    late: Arc<Late>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), Failure> {
    let core = Arc::clone(&node.core);
    tokio::pin!(stop);
    while core.trust().is_none() {
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = node.keyed() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    let (leaf, mut shown) = leaf(Arc::clone(&core)).await?;
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(format!("the peer port cannot be served: {error}"));
    let credentials = Credentials::new(&leaf).map_err(|error| wrong(&error))?;
    let handler: Arc<dyn PeerHandler> = Arc::new(Peers(Arc::clone(&core)));
    let clock: Arc<dyn Clock> = Arc::clone(&core.clock);
    let transport = HttpTransport::new(
        credentials.clone(),
        Arc::clone(&handler),
        Arc::clone(&clock),
        CallSettings::default(),
    )
    .map_err(|error| wrong(&error))?;
    let _ = late.0.set(transport);
    if let Ok(address) = listener.local_addr() {
        info!(%address, "other nodes are served");
    }
    let served =
        peer_http::serve(listener, credentials.clone(), handler, clock, ServeSettings::default(), &mut stop);
    tokio::pin!(served);
    loop {
        tokio::select! {
            ended = &mut served => return ended.map_err(|error| wrong(&error)),
            () = tokio::time::sleep(LOOK) => {}
        }
        if is_due(&core, &shown) {
            match self::leaf(Arc::clone(&core)).await {
                Ok((leaf, now_shown)) => {
                    credentials.renew(&leaf).map_err(|error| wrong(&error))?;
                    late.renew(&leaf);
                    shown = now_shown;
                }
                Err(problem) => warn!(%problem, "the leaf could not be renewed; will try again"),
            }
        }
    }
}

/// What the leaf that is shown was made under.
struct Shown {
    epoch: KeyId,
    renew_at: model::Timestamp,
}

/// Whether half of the leaf's time is over, or the epoch whose key vouched for it.
fn is_due(core: &Core, shown: &Shown) -> bool {
    let epoch = core.trust().map(|trust| trust.secrets().key());
    core.clock.now() >= shown.renew_at || epoch != Some(shown.epoch)
}

async fn leaf(core: Arc<Core>) -> Result<(Leaf, Shown), Failure> {
    let made = tokio::task::spawn_blocking(move || {
        let now = core.clock.now();
        let (from, until) = leaf_window(now);
        let seed = Zeroizing::new(Ids::random(&*core.ids));
        let mut problem = None;
        let leaf = make_leaf(&seed, from, until, &mut |spki, _, _| match core.vouch_for_leaf(spki) {
            Ok(statement) => statement.to_text().into_bytes(),
            Err(error) => {
                problem = Some(error.to_string());
                Vec::new()
            }
        });
        let leaf = leaf.map_err(|error| problem.unwrap_or_else(|| error.to_string()))?;
        let half = (until.as_micros() - now.as_micros()) / 2;
        let epoch = core.trust().map(|trust| trust.secrets().key()).ok_or("this node has no keys")?;
        Ok::<_, String>((leaf, Shown { epoch, renew_at: now.plus_micros(half) }))
    });
    let made = made.await.map_err(|panic| Failure::new(panic.to_string()))?;
    made.map_err(|problem| Failure::new(format!("no leaf can be made: {problem}")))
}
