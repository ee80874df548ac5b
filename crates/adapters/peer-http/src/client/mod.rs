//! Calling other nodes over connections that are kept.

mod connection;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use model::PartyId;
use ports::Clock;
use ports::peer::{CallError, Calling, Leaf, PeerHandler, Refusal, Topic, Transport};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tracing::error;

use crate::credentials::{Credentials, SetupError};
use crate::endpoint::Endpoint;
use crate::settings::CallSettings;
use crate::wire;
use connection::Connection;

/// Endpoints whose connections are kept; beyond, those nobody is using are forgotten.
const MAX_KEPT: usize = 1_024;
/// From this size on, bytes are compressed and decompressed on a thread that may block.
const LONG_WORK: usize = 256 * 1024;

/// Calls other nodes over mutual TLS 1.3. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct HttpTransport(Arc<Shared>);

struct Shared {
    connector: TlsConnector,
    credentials: Credentials,
    handler: Arc<dyn PeerHandler>,
    clock: Arc<dyn Clock>,
    settings: CallSettings,
    lines: Mutex<BTreeMap<Endpoint, Arc<Line>>>,
}

/// What is kept for one endpoint.
struct Line {
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    turns: Semaphore,
}

impl HttpTransport {
    /// A transport that shows `credentials` and asks `handler` whose leaves others show.
    ///
    /// Calls must be made within a tokio runtime.
    ///
    /// # Errors
    /// [`SetupError`] when TLS cannot be set up.
    pub fn new(
        credentials: Credentials,
        handler: Arc<dyn PeerHandler>,
        clock: Arc<dyn Clock>,
        settings: CallSettings,
    ) -> Result<Self, SetupError> {
        let connector = TlsConnector::from(Arc::new(credentials.client(Arc::clone(&clock))?));
        let lines = Mutex::default();
        Ok(Self(Arc::new(Shared { connector, credentials, handler, clock, settings, lines })))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpTransport")
    }
}

impl Transport for HttpTransport {
    fn call<'a>(
        &'a self,
        endpoint: &'a str,
        expect: Option<PartyId>,
        topic: Topic,
        body: Vec<u8>,
    ) -> Calling<'a> {
        Box::pin(self.0.call(endpoint, expect, topic, body))
    }

    fn renew(&self, leaf: &Leaf) {
        if let Err(error) = self.0.credentials.renew(leaf) {
            error!(%error, "the TLS leaf was not renewed");
        }
    }
}

impl Shared {
    async fn call(
        &self,
        endpoint: &str,
        expect: Option<PartyId>,
        topic: Topic,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CallError> {
        let endpoint: Endpoint =
            endpoint.parse().map_err(|error| CallError::Unreachable(format!("{error}")))?;
        if expect.is_none() && topic != Topic::Keys {
            let why = "whoever is called about anything but keys must be known first";
            return Err(Refusal::Forbidden(why.to_owned()).into());
        }
        let (body, compressed) = pack(topic, body).await?;
        let slowest = u64::from(self.settings.slowest.max(1));
        let bulk = body.len().saturating_add(wire::answer_bounds(topic).wire);
        let transfer = Duration::from_secs(u64::try_from(bulk).unwrap_or(u64::MAX) / slowest);
        let patience = self.settings.connect + self.settings.answer + transfer;
        let call = self.exchange(&endpoint, expect, topic, body, compressed);
        tokio::time::timeout(patience, call).await.unwrap_or_else(|_| {
            let waited = patience.as_secs();
            Err(CallError::Unreachable(format!("`{endpoint}` did not answer within {waited} s")))
        })
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        expect: Option<PartyId>,
        topic: Topic,
        body: Bytes,
        compressed: bool,
    ) -> Result<Vec<u8>, CallError> {
        let line = self.line(endpoint);
        let _turn = line.turns.acquire().await;
        let again = body.clone();
        let response = match self.send(&line, endpoint, expect, topic, body, compressed).await? {
            Ok(response) => response,
            // The kept connection had ended without our noticing. Nothing was sent, so a new one is tried, once.
            Err(_) => {
                let sent = self.send(&line, endpoint, expect, topic, again, compressed).await?;
                sent.map_err(|why| CallError::Unreachable(format!("`{endpoint}`: {why}")))?
            }
        };
        receive(endpoint, topic, response).await
    }

    /// The answer, or why nothing was sent at all.
    async fn send(
        &self,
        line: &Line,
        endpoint: &Endpoint,
        expect: Option<PartyId>,
        topic: Topic,
        body: Bytes,
        compressed: bool,
    ) -> Result<Result<Response<Incoming>, String>, CallError> {
        let connection = self.connection(line, endpoint, expect).await?;
        let request = request(endpoint, topic, body, compressed)?;
        match connection.sender.clone().try_send_request(request).await {
            Ok(response) => Ok(Ok(response)),
            Err(failed) if failed.message().is_some() => {
                // Whoever noticed first has put a new one there already.
                let mut kept = line.connection.lock().await;
                if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &connection)) {
                    *kept = None;
                }
                Ok(Err(connection.why_ended().to_owned()))
            }
            Err(failed) => {
                let why = connection::explain(failed.error());
                Err(CallError::Unreachable(format!("`{endpoint}` broke off: {why}")))
            }
        }
    }

    /// The kept connection, or a new one; and only one whose other end is the party expected.
    async fn connection(
        &self,
        line: &Line,
        endpoint: &Endpoint,
        expect: Option<PartyId>,
    ) -> Result<Arc<Connection>, CallError> {
        let mut kept = line.connection.lock().await;
        if let Some(connection) = kept.as_ref()
            && connection.is_usable(self.credentials.generation(), self.clock.now())
            && self.is_expected(connection, expect).await
        {
            return Ok(Arc::clone(connection));
        }
        *kept = None;
        let connection = Arc::new(self.connect(endpoint).await?);
        if !self.is_expected(&connection, expect).await {
            return Err(CallError::WrongParty(endpoint.to_string()));
        }
        *kept = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn line(&self, endpoint: &Endpoint) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(endpoint) {
            return Arc::clone(line);
        }
        if lines.len() >= MAX_KEPT {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let turns = self.settings.in_flight_each.clamp(1, Semaphore::MAX_PERMITS);
        let line = Arc::new(Line { connection: tokio::sync::Mutex::new(None), turns: Semaphore::new(turns) });
        if lines.len() < MAX_KEPT {
            lines.insert(endpoint.clone(), Arc::clone(&line));
        }
        line
    }
}

/// The body as it travels, and whether that is compressed.
async fn pack(topic: Topic, body: Vec<u8>) -> Result<(Bytes, bool), CallError> {
    let bounds = wire::request_bounds(topic);
    let too_large = |length: usize, bound: usize| {
        let topic = topic.as_str();
        CallError::Refused(Refusal::Invalid(format!(
            "the body of a `{topic}` call is {length} bytes long; at most {bound} are taken"
        )))
    };
    if body.len() > bounds.plain {
        return Err(too_large(body.len(), bounds.plain));
    }
    if !wire::is_compressible(topic) {
        return Ok((body.into(), false));
    }
    let (body, smaller) = on_time(body.len(), move || {
        let smaller = wire::compress(&body);
        (body, smaller)
    })
    .await?;
    let compressed = smaller.is_some();
    let body = smaller.unwrap_or(body);
    if body.len() > bounds.wire {
        return Err(too_large(body.len(), bounds.wire));
    }
    Ok((body.into(), compressed))
}

fn request(
    endpoint: &Endpoint,
    topic: Topic,
    body: Bytes,
    compressed: bool,
) -> Result<Request<Full<Bytes>>, CallError> {
    let uri = format!("{endpoint}{}{}", wire::PATH, topic.as_str());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .body(Full::new(body))
        .map_err(|error| CallError::Unreachable(format!("`{endpoint}` cannot be called: {error}")))?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if wire::is_compressible(topic) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("zstd"));
    }
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    }
    Ok(request)
}

/// Reads an answer or a refusal. Redirects are neither: a peer is where our people say it is.
async fn receive(
    endpoint: &Endpoint,
    topic: Topic,
    response: Response<Incoming>,
) -> Result<Vec<u8>, CallError> {
    let (head, body) = response.into_parts();
    let unusable = |why: String| CallError::Unusable(format!("`{endpoint}` {why}"));
    if head.status != StatusCode::OK {
        let text = read(body, wire::MAX_REFUSAL).await.map_err(unusable)?;
        let status = head.status.as_u16();
        return Err(match wire::read_refusal(&text) {
            Some(refusal) => refusal.into(),
            None => unusable(format!("answered with status {status} and without a reason")),
        });
    }
    let bounds = wire::answer_bounds(topic);
    let mut encodings = head.headers.get_all(CONTENT_ENCODING).iter();
    let compressed = match (encodings.next().map(HeaderValue::as_bytes), encodings.next()) {
        (None, _) => false,
        (Some(b"zstd"), None) if wire::is_compressible(topic) => true,
        _ => return Err(unusable("answered in an encoding that was not asked for".to_owned())),
    };
    let bytes = read(body, bounds.wire).await.map_err(unusable)?;
    if !compressed {
        return Ok(bytes);
    }
    let stated = wire::stated_size(&bytes, bounds.plain).map_err(unusable)?;
    on_time(stated, move || wire::decompress(&bytes, stated)).await?.map_err(unusable)
}

async fn read(mut body: Incoming, bound: usize) -> Result<Vec<u8>, String> {
    let too_long = || format!("answered with more than the {bound} bytes that are taken");
    let stated = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if stated.is_some_and(|length| length > bound) {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(stated.unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| format!("broke off in the answer: {}", connection::explain(&error)))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len().saturating_add(data.len()) > bound {
                return Err(too_long());
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// Runs work on so many bytes here if it is short, else where it keeps nobody waiting.
async fn on_time<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CallError> {
    if bytes < LONG_WORK {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| CallError::Unusable("the work on its bytes was broken off".to_owned()))
}
