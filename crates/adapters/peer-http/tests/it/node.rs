//! A node of a test: a party with keys of its own, a clock that is turned by hand, and a handler that is scripted.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use model::{Digest, PartyId, Timestamp};
use ports::Clock;
use ports::peer::{CallError, Leaf, PeerHandler, Refusal, Topic, Transport as _};
use shieldwall_peer_http::{
    CallSettings, Credentials, HttpTransport, ServeSettings, leaf_window, make_leaf, serve,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// 2026-11-03T12:00:00Z until somebody turns it.
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn new() -> Arc<Self> {
        let noon: Timestamp = "2026-11-03T12:00:00Z".parse().unwrap();
        Arc::new(Self(AtomicI64::new(noon.as_micros())))
    }

    pub(crate) fn turn(&self, hours: i64) {
        self.0.fetch_add(hours * 3_600_000_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn party(number: u8) -> PartyId {
    PartyId(Digest([number; 32]))
}

/// A statement of these tests: which party, and which key it vouches for.
pub(crate) fn statement(of: PartyId, key: Digest) -> Vec<u8> {
    format!("{of} {key}").into_bytes()
}

/// A leaf of this party, valid from an hour before `now` for seven days.
pub(crate) fn leaf(of: PartyId, seed: u8, now: Timestamp) -> Leaf {
    let (from, until) = leaf_window(now);
    let seed = Zeroizing::new([seed; 32]);
    make_leaf(&seed, from, until, &mut |key, _, _| statement(of, key)).unwrap()
}

pub(crate) type Answering = dyn Fn(Option<PartyId>, Topic, &[u8]) -> Result<Vec<u8>, Refusal> + Send + Sync;

/// Knows some parties, counts what it is asked, and answers as it is told.
pub(crate) struct Script {
    known: Mutex<BTreeSet<PartyId>>,
    answering: Box<Answering>,
    pub(crate) identified: AtomicU64,
    pub(crate) answered: Mutex<Vec<(Option<PartyId>, Topic)>>,
}

impl Script {
    /// Says back what it was told.
    pub(crate) fn echo(known: &[PartyId]) -> Arc<Self> {
        Self::new(known, |_, _, body| Ok(body.to_vec()))
    }

    pub(crate) fn new(
        known: &[PartyId],
        answering: impl Fn(Option<PartyId>, Topic, &[u8]) -> Result<Vec<u8>, Refusal> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            known: Mutex::new(known.iter().copied().collect()),
            answering: Box::new(answering),
            identified: AtomicU64::new(0),
            answered: Mutex::default(),
        })
    }

    pub(crate) fn meets(&self, other: PartyId) {
        self.known.lock().unwrap().insert(other);
    }

    pub(crate) fn forgets(&self, other: PartyId) {
        self.known.lock().unwrap().remove(&other);
    }

    pub(crate) fn calls(&self) -> usize {
        self.answered.lock().unwrap().len()
    }
}

impl PeerHandler for Script {
    fn identify(&self, statement: &[u8], key: Digest) -> Option<PartyId> {
        self.identified.fetch_add(1, Ordering::SeqCst);
        let text = std::str::from_utf8(statement).ok()?;
        let (party, vouched) = text.split_once(' ')?;
        let party = PartyId(party.parse().ok()?);
        (vouched.parse() == Ok(key) && self.known.lock().unwrap().contains(&party)).then_some(party)
    }

    fn answer(&self, from: Option<PartyId>, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.answered.lock().unwrap().push((from, topic));
        (self.answering)(from, topic, body)
    }
}

/// A node that serves.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) handler: Arc<Script>,
    pub(crate) credentials: Credentials,
    pub(crate) clock: Arc<Hands>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Node {
    /// Party 1 with the settings of real life.
    pub(crate) async fn start(handler: Arc<Script>) -> Self {
        Self::start_with(handler, ServeSettings::default()).await
    }

    pub(crate) async fn start_with(handler: Arc<Script>, settings: ServeSettings) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), handler, settings).await
    }

    pub(crate) async fn start_at(address: SocketAddr, handler: Arc<Script>, settings: ServeSettings) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Hands::new();
        let credentials = Credentials::new(&leaf(party(1), 1, clock.now())).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(
            listener,
            credentials.clone(),
            Arc::clone(&handler) as Arc<dyn PeerHandler>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            settings,
            async move {
                let _ = stopped.await;
            },
        );
        let serving = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, handler, credentials, clock, stop: Some(stop), serving }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What party 2, which knows party 1, calls with. The seed decides its key.
    pub(crate) fn ally(&self) -> HttpTransport {
        transport(leaf(party(2), 2, self.clock.now()), &[party(1)], &self.clock)
    }

    /// Tells it to stop; the handle ends when it has.
    pub(crate) fn stop(mut self) -> JoinHandle<()> {
        drop(self.stop.take());
        self.serving
    }
}

pub(crate) fn transport(leaf: Leaf, known: &[PartyId], clock: &Arc<Hands>) -> HttpTransport {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let handler = Script::echo(known);
    HttpTransport::new(Credentials::new(&leaf).unwrap(), handler, clock, CallSettings::default()).unwrap()
}

/// Calls party 1.
pub(crate) async fn call(
    from: &HttpTransport,
    endpoint: &str,
    topic: Topic,
    body: &[u8],
) -> Result<Vec<u8>, CallError> {
    from.call(endpoint, Some(party(1)), topic, body.to_vec()).await
}
