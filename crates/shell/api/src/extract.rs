//! What handlers take: path, query and body, with our own errors and within bounds.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use json::{Limits, Tape};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::{App, Shared};
use crate::problem::{Kind, Problem};

/// The variable parts of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        path.map(|path| Self(path.0))
            .map_err(|_| Problem::new(Kind::NotFound, "the path names nothing that can be there"))
    }
}

/// The query. A parameter that is not known is an error: a misspelt filter must not widen the answer.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        // The message names the parameter and what was expected of it; it holds nothing but the client's own words.
        query.map(|query| Self(query.0)).map_err(|rejection| Problem::bad(rejection.body_text()))
    }
}

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Kind::UnsupportedMediaType, "the body must be JSON")
                .hint("send `Content-Type: application/json`"));
        }
        let headers = request.headers().clone();
        let body = read_body(app, &headers, request.into_body()).await?;
        let mut tape = Tape::new();
        let limits = limits(app);
        tape.parse(&body.bytes, &limits)
            .map_err(|error| Problem::bad(format!("the body is not JSON: {error}")))?;
        let value = serde_json::from_slice(&body.bytes);
        value.map(Self).map_err(|error| Problem::bad(format!("the body does not fit: {error}")))
    }
}

/// A body in memory, and its share of the budget for as long as it is kept.
pub(crate) struct Kept {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// Bounds on a JSON body.
pub(crate) fn limits(app: &App) -> Limits {
    Limits::new(app.settings.max_body, app.settings.max_depth, Limits::DOCUMENT.values)
}

/// Whether the body says that it is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    name == "application/json" || (name.starts_with("application/") && name.ends_with("+json"))
}

/// Reads a body, refusing it as soon as it is known to be too large or the budget for all bodies is used up.
pub(crate) async fn read_body(app: &App, headers: &HeaderMap, mut body: Body) -> Result<Kept, Problem> {
    let most = app.settings.max_body;
    let too_large = || Problem::new(Kind::TooLarge, format!("a body may have {most} bytes at most"));
    let declared =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let encoding = headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity");
    if let Some(encoding) = encoding {
        let name = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            format!("`Content-Encoding: {name}` is not read here"),
        )
        .hint("send the body as it is; POST /api/v1/import takes gzip files"));
    }
    if declared.is_some_and(|length| length > most) {
        drain(&mut body, most).await;
        return Err(too_large().hint("import large files with POST /api/v1/import"));
    }
    let mut share = Share { app, permit: None, kib: 0 };
    share.cover(declared.unwrap_or_default())?;
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad("the body ended early"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            drop((bytes, share));
            drain(&mut body, most).await;
            return Err(too_large().hint("import large files with POST /api/v1/import"));
        }
        share.cover(bytes.len() + data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(Kept { bytes: bytes.into(), _share: share.permit })
}

/// Reads on for a while and forgets what it reads: a client that is still sending when the connection is closed would
/// never see the answer.
async fn drain(body: &mut Body, most: usize) {
    let reading = async {
        let mut left = most.saturating_mul(8);
        while let Some(Ok(frame)) = body.frame().await {
            let Some(less) = left.checked_sub(frame.data_ref().map_or(0, |data| data.len())) else { return };
            left = less;
        }
    };
    // Out of time or out of patience: the answer goes out either way.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(10), reading).await;
}

/// A growing share of the budget for request bodies.
struct Share<'a> {
    app: &'a App,
    permit: Option<OwnedSemaphorePermit>,
    kib: usize,
}

impl Share<'_> {
    fn cover(&mut self, bytes: usize) -> Result<(), Problem> {
        let needed = bytes.div_ceil(1024);
        let Some(further) = needed.checked_sub(self.kib).filter(|further| *further > 0) else {
            return Ok(());
        };
        let count = u32::try_from(further).unwrap_or(u32::MAX);
        let more = Arc::clone(&self.app.bodies).try_acquire_many_owned(count);
        let more = more.map_err(|_| Problem::overloaded())?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        self.kib = needed;
        Ok(())
    }
}
