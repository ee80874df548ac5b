//! Listening: TCP with TLS, the Unix socket, and going down without cutting anyone off.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

use crate::app::Api;
use crate::guard::Peer;
use crate::socket::LocalSocket;
use crate::tls::{self, TlsError};

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// Address and port; port 0 takes a free one.
    pub addr: SocketAddr,
    /// How connections are protected.
    pub tls: Tls,
    /// Path of the Unix socket whose callers are the local operator.
    pub socket: Option<PathBuf>,
}

/// How connections are protected.
#[derive(Debug, Clone)]
pub enum Tls {
    /// Not at all: loopback addresses only.
    Plain,
    /// With a certificate chain and key in PEM files.
    Files {
        /// The chain, the server's own certificate first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// With a self-signed certificate, made once and kept under `dir/tls`.
    Generated {
        /// The node's directory.
        dir: PathBuf,
    },
}

/// What is being listened on.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The address, with the port that was taken.
    pub addr: SocketAddr,
    /// SHA-256 fingerprint of the certificate, colon-separated hex; `None` without TLS.
    pub fingerprint: Option<String>,
    /// Path of the Unix socket, where there is one.
    pub socket: Option<PathBuf>,
}

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Passwords and tokens would cross a network in the clear.
    #[error("plain HTTP beyond this machine is refused: listen on 127.0.0.1 or ::1, or use TLS (`{0}`)")]
    PlainBeyondLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("`{addr}` cannot be listened on: {error}")]
    Address {
        /// Which.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Another node answers on the socket.
    #[error("a node is running already: it answers on `{}`", path.display())]
    Running {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("the socket `{}` cannot be made: {error}", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A peer has this long to shake hands, and to send the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Serves until `shutdown` is done, then lets what is under way finish within the bound of the settings.
///
/// `ready` is called once, as soon as connections are taken.
///
/// # Errors
/// [`ServeError`] when it cannot listen; later trouble with single connections is logged.
pub async fn serve(
    api: Api,
    listen: Listen,
    ready: impl FnOnce(Bound) + Send,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let identity = match &listen.tls {
        Tls::Plain if tls::is_loopback(listen.addr.ip()) => None,
        Tls::Plain => return Err(ServeError::PlainBeyondLoopback(listen.addr)),
        Tls::Files { cert, key } => Some(tls::from_files(cert, key)?),
        Tls::Generated { dir } => Some(tls::generated(dir, listen.addr)?),
    };
    let address = |error| ServeError::Address { addr: listen.addr, error };
    let tcp = TcpListener::bind(listen.addr).await.map_err(address)?;
    let addr = tcp.local_addr().map_err(address)?;
    let socket = listen.socket.as_deref().map(LocalSocket::bind).transpose()?;
    let fingerprint = identity.as_ref().map(|identity| identity.fingerprint.clone());
    let acceptor = identity.map(|identity| TlsAcceptor::from(identity.config));
    let graceful = GracefulShutdown::new();
    let server = Arc::new(Server {
        network: api.router(),
        local: api.local_router(),
        http: http(),
        acceptor,
        connections: Arc::new(Semaphore::new(api.0.settings.max_connections)),
    });
    ready(Bound { addr, fingerprint, socket: listen.socket.clone() });
    tokio::select! {
        () = shutdown => {}
        () = server.accept_network(&tcp, &graceful) => {}
        () = server.accept_local(socket.as_ref(), &graceful) => {}
    }
    drop((tcp, socket));
    api.0.draining.send_replace(true);
    if tokio::time::timeout(api.0.settings.drain, graceful.shutdown()).await.is_err() {
        warn!("some connections were cut off: they did not finish in time");
    }
    Ok(())
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .max_headers(100);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(64)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(PATIENCE);
    http
}

struct Server {
    network: Router,
    local: Router,
    http: auto::Builder<TokioExecutor>,
    acceptor: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
}

impl Server {
    async fn accept_network(self: &Arc<Self>, tcp: &TcpListener, graceful: &GracefulShutdown) {
        while let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await {
            match tcp.accept().await {
                Ok((stream, addr)) => {
                    let (server, watcher) = (Arc::clone(self), graceful.watcher());
                    tokio::spawn(
                        async move { server.network_connection(stream, addr, watcher, permit).await },
                    );
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn accept_local(self: &Arc<Self>, socket: Option<&LocalSocket>, graceful: &GracefulShutdown) {
        let Some(socket) = socket else { return std::future::pending().await };
        loop {
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    let (server, watcher) = (Arc::clone(self), graceful.watcher());
                    tokio::spawn(async move {
                        server.serve(stream, &server.local, Peer::default(), watcher).await
                    });
                }
                Err(error) => pause_after(&error).await,
            }
        }
    }

    async fn network_connection(
        &self,
        stream: TcpStream,
        addr: SocketAddr,
        watcher: Watcher,
        _permit: OwnedSemaphorePermit,
    ) {
        // A hint of 40 bytes must not wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let address = Some(addr.ip());
        let Some(acceptor) = &self.acceptor else {
            return self.serve(stream, &self.network, Peer { address, tls: false }, watcher).await;
        };
        match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream, &self.network, Peer { address, tls: true }, watcher).await,
            Ok(Err(error)) => debug!(peer = %addr.ip(), %error, "no TLS connection"),
            Err(_) => debug!(peer = %addr.ip(), "the TLS handshake took too long"),
        }
    }

    async fn serve<S>(&self, stream: S, router: &Router, peer: Peer, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = router.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request)
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            debug!(%error, "a connection ended badly");
        }
    }
}

/// Out of file descriptors, usually: give others time to close theirs.
async fn pause_after(error: &io::Error) {
    warn!(%error, "a connection could not be taken");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
