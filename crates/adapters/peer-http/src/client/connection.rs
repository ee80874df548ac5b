//! One connection to a peer, and who proved to be at its other end.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use model::{PartyId, Timestamp};
use ports::peer::CallError;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use tokio::net::TcpStream;
use tracing::{debug, error};

use super::Shared;
use crate::credentials::ALPN;
use crate::endpoint::Endpoint;
use crate::verify::{self, Shown, Unfit};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// What a peer may send on one stream before it is read, in bytes; twice that on the connection.
const WINDOW: u32 = 512 * 1024;
/// A DATA frame at most, in bytes.
const FRAME: u32 = 64 * 1024;

pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    shown: Shown,
    /// Which of our leaves it was made with.
    generation: u64,
    /// Why it ended, once it has ended badly.
    ended: Arc<OnceLock<String>>,
    /// Whose leaf the handler said it was, and when.
    who: Mutex<Option<(Option<PartyId>, Instant)>>,
}

impl Connection {
    /// Open, made with our current leaf, and with a leaf at the other end that has not expired since.
    pub(super) fn is_usable(&self, generation: u64, now: Timestamp) -> bool {
        !self.sender.is_closed() && self.generation == generation && now < self.shown.not_after
    }

    /// Why nothing could be sent on it.
    pub(super) fn why_ended(&self) -> &str {
        self.ended.get().map_or("the peer closed the connection", String::as_str)
    }
}

impl Shared {
    /// Whether the party at the other end is the one to call; anyone is, where none is expected.
    pub(super) async fn is_expected(&self, connection: &Connection, expect: Option<PartyId>) -> bool {
        let Some(expected) = expect else { return true };
        let now = Instant::now();
        let known = *connection.who.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((Some(who), since)) = known
            && now.saturating_duration_since(since) < self.settings.identity_lifetime
        {
            return who == expected;
        }
        let (handler, shown) = (Arc::clone(&self.handler), connection.shown.clone());
        let asked = tokio::task::spawn_blocking(move || handler.identify(&shown.statement, shown.key)).await;
        let who = asked.unwrap_or_else(|stopped| {
            error!(%stopped, "the handler could not say whose leaf it is");
            None
        });
        *connection.who.lock().unwrap_or_else(PoisonError::into_inner) = Some((who, now));
        who == Some(expected)
    }

    /// Finds, connects and shakes hands. Nothing is sent over it yet.
    pub(super) async fn connect(&self, endpoint: &Endpoint) -> Result<Connection, CallError> {
        let patience = self.settings.connect;
        let connected = tokio::time::timeout(patience, self.connect_patiently(endpoint)).await;
        connected.unwrap_or_else(|_| {
            let waited = patience.as_secs_f32();
            Err(CallError::Unreachable(format!("`{endpoint}` took longer than {waited} s to connect")))
        })
    }

    async fn connect_patiently(&self, endpoint: &Endpoint) -> Result<Connection, CallError> {
        let unreachable =
            |why: &dyn std::fmt::Display| CallError::Unreachable(format!("`{endpoint}`: {why}"));
        // Before the leaf is shown: renewed in between, the connection counts as old and is not kept.
        let generation = self.credentials.generation();
        let addresses = endpoint.addresses().await.map_err(|error| unreachable(&error))?;
        let tcp = dial(addresses.take(MAX_ADDRESSES)).await.map_err(|error| unreachable(&error))?;
        // A call of a few bytes must not wait for an acknowledgement.
        let _ = tcp.set_nodelay(true);
        let name = endpoint.server_name().ok_or_else(|| unreachable(&"its host is no server's name"))?;
        let tls = self.connector.connect(name, tcp).await.map_err(|error| judge(endpoint, &error))?;
        let session = tls.get_ref().1;
        if session.alpn_protocol() != Some(ALPN) {
            return Err(unreachable(&"it does not speak HTTP/2"));
        }
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let leaf = leaf.ok_or_else(|| unreachable(&"it shows no certificate"))?;
        let shown = verify::read(leaf, self.clock.now()).map_err(|unfit| unreachable(&unfit))?;
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(2 * WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(16 * 1024)
            .keep_alive_interval(self.settings.keep_alive)
            .keep_alive_timeout(self.settings.connect)
            .keep_alive_while_idle(true);
        let (sender, driver) =
            http.handshake(TokioIo::new(tls)).await.map_err(|error| unreachable(&explain(&error)))?;
        let ended = Arc::new(OnceLock::new());
        let told = Arc::clone(&ended);
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                let why = explain(&error);
                debug!(error = %why, "a connection to a peer ended badly");
                let _ = told.set(why);
            }
        });
        Ok(Connection { sender, shown, generation, ended, who: Mutex::new(None) })
    }
}

/// The first address that answers.
async fn dial(addresses: impl Iterator<Item = SocketAddr>) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Why hands were not shaken, by what the caller can do about it: time heals an expired leaf, a leaf that is none is
/// somebody else.
fn judge(endpoint: &Endpoint, error: &std::io::Error) -> CallError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            let at = instant(*not_after);
            CallError::Unreachable(format!("`{endpoint}` shows a certificate that expired at {at}"))
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => {
            let at = instant(*not_before);
            let why =
                format!("`{endpoint}` shows a certificate that is valid only from {at}; compare the clocks");
            CallError::Unreachable(why)
        }
        Some(rustls::Error::InvalidCertificate(certificate)) => {
            if let CertificateError::Other(other) = certificate
                && let Some(unfit) = other.0.downcast_ref::<Unfit>()
            {
                debug!(%endpoint, %unfit, "whoever answers is no node");
            }
            CallError::WrongParty(endpoint.to_string())
        }
        _ => CallError::Unreachable(format!("`{endpoint}`: {}", explain(error))),
    }
}

fn instant(time: UnixTime) -> Timestamp {
    Timestamp::from_micros(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// What went wrong at the bottom; what our own certificate was refused for comes this way, after the handshake.
pub(super) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut at = error;
    while let Some(below) = at.source() {
        at = below;
    }
    let text = at.to_string();
    // HTTP/2 keeps an error's text only, so what was an alert is told by its name.
    let Some((_, alert)) = text.rsplit_once("received fatal alert: ") else { return text };
    match alert {
        "CertificateExpired" => {
            "the peer says that our certificate is out of its time; compare the clocks".to_owned()
        }
        "CertificateRequired" | "BadCertificate" | "CertificateUnknown" | "UnsupportedCertificate" => {
            "the peer refuses our certificate".to_owned()
        }
        alert => format!("the peer ends the connection ({alert})"),
    }
}
