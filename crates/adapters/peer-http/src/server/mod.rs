//! Taking calls: connections in, each caller identified, each call bounded, and an end that cuts nobody off.

mod activity;
mod answer;
mod caller;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use model::PartyId;
use ports::Clock;
use ports::peer::PeerHandler;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::counts::Counts;
use crate::credentials::{ALPN, Credentials, SetupError};
use crate::settings::ServeSettings;
use crate::strangers::{Place, Strangers};
use crate::verify;
use crate::wire::{answer_bounds, request_bounds};
use caller::Caller;

/// Longest head of a request, in bytes.
const MAX_HEAD: u32 = 16 * 1024;
/// What a caller may send on one stream before it is read, in bytes; twice that on all of a connection.
const WINDOW: u32 = 512 * 1024;
/// What a caller that was refused may still be sending, in bytes.
const MAX_UNREAD: u64 = 64 * 1024;
/// A DATA frame at most, in bytes: larger than the default, for fewer of them in bulk.
const FRAME: u32 = 64 * 1024;

/// Serves calls on `listener` until `stop` is done, then lets calls under way finish within `settings.drain`.
///
/// Dropping the future cuts everything off at once.
///
/// # Errors
/// [`SetupError`] when TLS cannot be set up; later trouble with single connections is logged.
pub async fn serve(
    listener: TcpListener,
    credentials: Credentials,
    handler: Arc<dyn PeerHandler>,
    clock: Arc<dyn Clock>,
    settings: ServeSettings,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), SetupError> {
    let acceptor = TlsAcceptor::from(Arc::new(credentials.server(Arc::clone(&clock))?));
    let drain = settings.drain;
    let server = Arc::new(Server::new(acceptor, handler, clock, settings));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::select! {
        () = stop => {}
        () = server.accept(&listener, &mut connections, &stopped) => {}
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, drained).await.is_err() {
        warn!("some peers' connections were cut off: their calls did not end in time");
    }
    Ok(())
}

/// Whose share something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Party(PartyId),
    Stranger(Place),
}

/// What calls may use together. Strangers have a small pool of their own, so that they cannot take the parties'.
#[derive(Debug)]
struct Pool {
    /// For bodies, in KiB.
    memory: Arc<Semaphore>,
    /// For calls being answered.
    answering: Arc<Semaphore>,
}

impl Pool {
    fn new(memory: usize, answering: usize) -> Self {
        // The largest call there is must fit, or it would be told for ever to come back.
        let bulk = request_bounds(ports::peer::Topic::Push);
        let memory = (memory / 1024).max((bulk.wire + bulk.plain) / 1024 + 1).min(Semaphore::MAX_PERMITS);
        Self {
            memory: Arc::new(Semaphore::new(memory)),
            answering: Arc::new(Semaphore::new(answering.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }
}

/// What all connections share.
struct Server {
    acceptor: TlsAcceptor,
    handler: Arc<dyn PeerHandler>,
    clock: Arc<dyn Clock>,
    settings: ServeSettings,
    http: http2::Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    strangers_connections: Arc<Semaphore>,
    connections_of: Counts<Whom>,
    handshakes_of: Counts<Place>,
    calls_of: Counts<Whom>,
    strangers: Strangers,
    of_parties: Pool,
    of_strangers: Pool,
    identifying: Semaphore,
}

impl Server {
    fn new(
        acceptor: TlsAcceptor,
        handler: Arc<dyn PeerHandler>,
        clock: Arc<dyn Clock>,
        settings: ServeSettings,
    ) -> Self {
        let permits = |count: usize| count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            acceptor,
            handler,
            clock,
            http: http(&settings),
            connections: Arc::new(Semaphore::new(permits(settings.max_connections))),
            strangers_connections: Arc::new(Semaphore::new(permits(settings.max_stranger_connections))),
            connections_of: Counts::up_to(settings.max_connections_each),
            handshakes_of: Counts::up_to(settings.max_handshakes_each),
            calls_of: Counts::up_to(settings.in_flight_each),
            strangers: Strangers::new(settings.stranger_burst, settings.stranger_per_minute),
            of_parties: Pool::new(settings.body_memory, settings.answering),
            of_strangers: Pool::new(settings.body_memory / 8, settings.answering / 4),
            identifying: Semaphore::new(permits(settings.answering)),
            settings,
        }
    }

    async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        connections: &mut JoinSet<()>,
        stopped: &watch::Receiver<bool>,
    ) {
        while let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((stream, address)) => {
                    let (server, stopped) = (Arc::clone(self), stopped.clone());
                    connections
                        .spawn(async move { server.connection(stream, address, stopped, permit).await });
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        address: SocketAddr,
        mut stopped: watch::Receiver<bool>,
        _permit: OwnedSemaphorePermit,
    ) {
        let place = Place::from(address.ip());
        if !self.strangers.is_welcome(place, Instant::now()) {
            return debug!(peer = %address.ip(), "dropped: strangers called too often from there");
        }
        let Some(handshake) = self.handshakes_of.take(place) else {
            return debug!(peer = %address.ip(), "dropped: too many handshakes at once from there");
        };
        // A call of a few bytes must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let accepting = self.acceptor.accept(stream).into_fallible();
        let accepted = tokio::select! {
            accepted = tokio::time::timeout(self.settings.patience, accepting) => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let stream = match accepted {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                debug!(peer = %address.ip(), %error, "no TLS connection");
                return close_gently(stream, self.settings.patience).await;
            }
            Err(_) => return debug!(peer = %address.ip(), "the TLS handshake took too long"),
        };
        let session = stream.get_ref().1;
        if session.alpn_protocol() != Some(ALPN) {
            return debug!(peer = %address.ip(), "the caller does not speak HTTP/2");
        }
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let Some(Ok(shown)) = leaf.map(|leaf| verify::read(leaf, self.clock.now())) else {
            return debug!(peer = %address.ip(), "the caller's leaf expired while hands were shaken");
        };
        let Some(caller) = Caller::admit(Arc::clone(&self), place, shown).await else {
            return debug!(peer = %address.ip(), "dropped: no room for another connection of this caller");
        };
        drop(handshake);
        caller.serve(stream, stopped).await;
    }
}

fn http(settings: &ServeSettings) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    // A few more than may be answered, so that those beyond can be told to come back.
    let streams = u32::try_from(settings.in_flight_each).unwrap_or(u32::MAX).saturating_add(8);
    http.timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(streams)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .max_frame_size(FRAME)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(settings.patience);
    http
}

/// The largest answer of any topic, for the record that a handler went beyond it.
const fn largest_answer(topic: ports::peer::Topic) -> usize {
    answer_bounds(topic).plain
}

/// Lets the alert get through: closed with bytes unread, the connection would be reset, and the caller never told
/// why.
async fn close_gently(mut stream: TcpStream, patience: Duration) {
    let last_words = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_UNREAD), &mut tokio::io::sink()).await
    };
    let _ = tokio::time::timeout(patience.min(Duration::from_secs(1)), last_words).await;
}

/// Out of file descriptors, usually: give others time to close theirs.
async fn pause_after(error: &io::Error) {
    warn!(%error, "a peer's connection could not be taken");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
