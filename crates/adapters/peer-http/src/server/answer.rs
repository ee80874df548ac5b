//! One call, from its head to the last byte of the answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use model::PartyId;
use ports::peer::{Refusal, Topic};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::error;

use super::activity::Call;
use super::caller::Caller;
use super::{Pool, Whom, largest_answer};
use crate::counts::Held;
use crate::wire;

/// How long a caller is told to stay away while its earlier calls are answered, in milliseconds.
const SOON: u32 = 100;
/// And while the node is short of something, in milliseconds.
const LATER: u32 = 1_000;

/// An answer that gives back what its call has taken when it is sent, or given up.
pub(super) struct Answer {
    bytes: Full<Bytes>,
    _call: Call,
    _taken: Option<Taken>,
}

/// A call's share of what is bounded.
struct Taken {
    _turn: Held<Whom>,
    _memory: Vec<OwnedSemaphorePermit>,
}

/// A refusal, with the status that says best why.
struct Refused {
    status: StatusCode,
    refusal: Refusal,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { status: wire::status_of(&refusal), refusal }
    }
}

struct Answered {
    bytes: Vec<u8>,
    compressed: bool,
}

impl Caller {
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let call = self.activity.begin(Instant::now());
        let is_head = request.method() == Method::HEAD;
        match self.handle(request).await {
            Ok((answered, taken)) => {
                let answer = Answer { bytes: Full::from(answered.bytes), _call: call, _taken: Some(taken) };
                let mut response = Response::new(answer);
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
                if answered.compressed {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
                }
                response
            }
            Err(Refused { status, refusal }) => {
                let text = if is_head { String::new() } else { wire::refusal_text(&refusal) };
                let bytes = Full::from(text);
                let mut response = Response::new(Answer { bytes, _call: call, _taken: None });
                *response.status_mut() = status;
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                if status == StatusCode::METHOD_NOT_ALLOWED {
                    headers.insert(ALLOW, HeaderValue::from_static("POST"));
                }
                response
            }
        }
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<(Answered, Taken), Refused> {
        let (head, body) = request.into_parts();
        let topic = wire::topic_of(head.uri.path())
            .filter(|_| head.uri.query().is_none())
            .ok_or_else(|| refused(StatusCode::NOT_FOUND, "there is nothing at this path"))?;
        if head.method != Method::POST {
            return Err(refused(StatusCode::METHOD_NOT_ALLOWED, "calls are made by POST"));
        }
        let who = self.who().await?;
        if who.is_none() && !matches!(topic, Topic::Keys | Topic::Pair) {
            return Err(Refusal::Forbidden(
                "nobody here knows whose certificate this is; pair the two nodes first".to_owned(),
            )
            .into());
        }
        let compressed = is_compressed(&head.headers, who.is_some() && wire::is_compressible(topic))?;
        let bound = wire::request_bounds(topic).wire;
        let length = body
            .size_hint()
            .exact()
            .ok_or_else(|| refused(StatusCode::LENGTH_REQUIRED, "the length of the body is not stated"))?;
        let length = usize::try_from(length).ok().filter(|length| *length <= bound).ok_or_else(|| {
            refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                &format!("the body is {length} bytes long; at most {bound} are taken here"),
            )
        })?;
        let turn = self.server.calls_of.take(self.whom(who)).ok_or(Refusal::Busy(SOON))?;
        let pool = self.server.pool(who);
        let mut memory = vec![pool.memory(length)?];
        let body = self.read(body, length).await?;
        let stated = if compressed {
            let stated = wire::stated_size(&body, wire::request_bounds(topic).plain)
                .map_err(|why| refused(StatusCode::PAYLOAD_TOO_LARGE, &why))?;
            memory.push(pool.memory(stated)?);
            Some(stated)
        } else {
            None
        };
        let taken = Taken { _turn: turn, _memory: memory };
        let compress = who.is_some() && wire::is_compressible(topic) && accepts_zstd(&head.headers);
        self.ask(who, topic, body, stated, compress, taken).await
    }

    /// Reads a body of exactly this length, as long as it keeps coming.
    async fn read(&self, mut body: Incoming, length: usize) -> Result<Vec<u8>, Refused> {
        let broken = || refused(StatusCode::BAD_REQUEST, "the body does not have the length it states");
        let mut bytes = Vec::with_capacity(length);
        loop {
            let next = tokio::time::timeout(self.server.settings.patience, body.frame()).await;
            let Ok(next) = next else {
                return Err(refused(StatusCode::REQUEST_TIMEOUT, "the body did not keep coming"));
            };
            let Some(frame) = next else { break };
            if let Ok(data) = frame.map_err(|_| broken())?.into_data() {
                if bytes.len().saturating_add(data.len()) > length {
                    return Err(broken());
                }
                bytes.extend_from_slice(&data);
            }
        }
        if bytes.len() == length { Ok(bytes) } else { Err(broken()) }
    }

    /// Has the handler answer, on a thread that may block.
    ///
    /// What the call has taken goes along: a caller that gives up frees nothing while the handler still works for it.
    async fn ask(
        &self,
        who: Option<PartyId>,
        topic: Topic,
        body: Vec<u8>,
        stated: Option<usize>,
        compress: bool,
        taken: Taken,
    ) -> Result<(Answered, Taken), Refused> {
        let server = &self.server;
        let waiting = Arc::clone(&server.pool(who).answering).acquire_owned();
        let Ok(Ok(answering)) = tokio::time::timeout(server.settings.patience, waiting).await else {
            return Err(Refusal::Busy(LATER).into());
        };
        let handler = Arc::clone(&server.handler);
        let work = move || {
            let _answering = answering;
            let body = match stated {
                Some(stated) => wire::decompress(&body, stated).map_err(Refusal::Invalid)?,
                None => body,
            };
            let bytes = handler.answer(who, topic, &body)?;
            drop(body);
            if bytes.len() > largest_answer(topic) {
                error!(
                    topic = topic.as_str(),
                    bytes = bytes.len(),
                    "the handler's answer is too large to send"
                );
                return Err(Refusal::Failed);
            }
            let smaller = if compress { wire::compress(&bytes) } else { None };
            let compressed = smaller.is_some();
            let bytes = smaller.unwrap_or(bytes);
            if bytes.len() > wire::answer_bounds(topic).wire {
                error!(
                    topic = topic.as_str(),
                    bytes = bytes.len(),
                    "the handler's answer is too large to send"
                );
                return Err(Refusal::Failed);
            }
            Ok((Answered { bytes, compressed }, taken))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(Refused::from),
            Err(stopped) => {
                error!(topic = topic.as_str(), %stopped, "the handler broke off");
                Err(Refusal::Failed.into())
            }
        }
    }
}

impl Pool {
    /// Room for so many bytes, or none at the moment.
    fn memory(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Semaphore::try_acquire_many_owned(Arc::clone(&self.memory), kib).map_err(|_| Refusal::Busy(LATER))
    }
}

/// Whether the body is compressed, which is only for those who `may`.
fn is_compressed(headers: &HeaderMap, may: bool) -> Result<bool, Refused> {
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    match (named.next().map(HeaderValue::as_bytes), named.next()) {
        (None, _) => Ok(false),
        (Some(b"zstd"), None) if may => Ok(true),
        (Some(b"zstd"), None) => {
            Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bodies are not compressed on this topic"))
        }
        _ => Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only `zstd` is understood as encoding")),
    }
}

fn accepts_zstd(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT_ENCODING).is_some_and(|value| value.as_bytes() == b"zstd")
}

fn refused(status: StatusCode, why: &str) -> Refused {
    Refused { status, refusal: Refusal::Invalid(why.to_owned()) }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.bytes).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.bytes.size_hint()
    }
}
