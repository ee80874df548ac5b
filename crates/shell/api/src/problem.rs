//! Errors as clients see them: problem details (RFC 9457), or the TAXII error message (TAXII 2.1 §3.6.1).

use std::borrow::Cow;
use std::fmt::Display;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::Seq;
use ports::StoreError;
use ports::logs::LogError;
use ports::telemetry::TelemetryError;
use runtime::CoreError;
use runtime::detection::DetectionError;
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{ToResponse, ToSchema};

/// What went wrong, in words meant for the client.
///
/// An error of a lower layer becomes one only through [`Problem::internal`], which logs it and keeps nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retry_after: Option<u64>,
    horizon: Option<Seq>,
}

/// The kinds of problem. The slug is stable: programs tell problems apart by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BadRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    Exists,
    CursorExpired,
    TooLarge,
    UnsupportedMediaType,
    Refused,
    TooManyAttempts,
    Internal,
    Overloaded,
    Timeout,
    StoreFull,
}

impl Kind {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed here")
            }
            Self::NotAcceptable => {
                (StatusCode::NOT_ACCEPTABLE, "not-acceptable", "No representation you accept")
            }
            Self::Exists => (StatusCode::CONFLICT, "exists", "Exists already"),
            Self::CursorExpired => (StatusCode::GONE, "cursor-expired", "The cursor has expired"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type")
            }
            Self::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused", "Understood, but refused"),
            Self::TooManyAttempts => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke on our side"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Busy"),
            Self::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout", "It took too long"),
            Self::StoreFull => (StatusCode::INSUFFICIENT_STORAGE, "store-full", "Out of space"),
        }
    }
}

/// The body of an error response (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The kind of problem, stable: `urn:shieldwall:problem:` and a slug.
    #[serde(rename = "type")]
    kind: String,
    /// The kind, for people.
    title: &'static str,
    /// The response's status code.
    status: u16,
    /// What happened, to what.
    detail: String,
    /// This occurrence: `urn:shieldwall:request:` and the request id, to be named when asking for help.
    instance: String,
    /// The next step, where there is one to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// For `cursor-expired`: the oldest journal place that can still be continued from.
    #[serde(skip_serializing_if = "Option::is_none")]
    horizon: Option<u64>,
}

impl<'r> ToResponse<'r> for ProblemBody {
    fn response() -> (&'r str, RefOr<utoipa::openapi::Response>) {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new()
            .description("It did not work; the body says why")
            .content("application/problem+json", content);
        ("Problem", response.build().into())
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), hint: None, retry_after: None, horizon: None }
    }

    pub(crate) fn bad(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BadRequest, detail)
    }

    pub(crate) fn missing(what: impl Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} does not exist"))
    }

    /// For paths that lead nowhere.
    pub(crate) fn nothing_here() -> Self {
        Self::new(Kind::NotFound, "there is nothing at this path").hint("the reference is at /api/v1/docs")
    }

    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, detail)
    }

    /// Something of ours failed: the log gets the error, the client gets none of it.
    pub(crate) fn internal(error: &dyn Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(Kind::Internal, "the request failed here; the log says why")
            .hint("quote the instance when asking for help")
    }

    pub(crate) fn overloaded() -> Self {
        Self::new(Kind::Overloaded, "the server is doing as much as it may at once").retry_after(1)
    }

    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Seconds after which trying again makes sense.
    pub(crate) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// For an expired cursor: where the journal begins now.
    pub(crate) const fn horizon(&self) -> Option<Seq> {
        self.horizon
    }

    /// As a JSON value, for streams that have begun with 200 and cannot change their status any more.
    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        let (status, slug, title) = self.kind.parts();
        ProblemBody {
            kind: format!("urn:shieldwall:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: self.detail.to_string(),
            instance: format!("urn:shieldwall:request:{request_id}"),
            hint: self.hint.as_ref().map(ToString::to_string),
            horizon: self.horizon.map(|seq| seq.0),
        }
    }

    /// The full response, in the words of the protocol the path belongs to.
    pub(crate) fn render(&self, path: &str, request_id: &str) -> Response {
        let (status, slug, title) = self.kind.parts();
        let is_taxii = path.starts_with("/taxii2");
        let (media_type, body) = if is_taxii {
            let description = match &self.hint {
                Some(hint) => format!("{}; {hint}", self.detail),
                None => self.detail.to_string(),
            };
            let message = taxii::ErrorMessage {
                title: title.to_owned(),
                description: Some(description),
                error_id: Some(request_id.to_owned()),
                error_code: Some(slug.to_owned()),
                http_status: Some(status.as_u16().to_string()),
                ..taxii::ErrorMessage::default()
            };
            (taxii::MEDIA_TYPE, serde_json::to_vec(&message))
        } else {
            ("application/problem+json", serde_json::to_vec(&self.body(request_id)))
        };
        let mut response = (status, body.unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthenticated {
            // A browser that gets the Basic challenge asks the person, so a web page's own calls never get it.
            if is_taxii || matches!(path, "/metrics" | "/api/v1/docs") {
                let basic = HeaderValue::from_static("Basic realm=\"shieldwall\", charset=\"UTF-8\"");
                headers.append(header::WWW_AUTHENTICATE, basic);
            }
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"shieldwall\""));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// Carries the problem to the outermost layer, which knows the request id and writes the body.
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => {
                Self::new(Kind::StoreFull, "the disk under the store is full; reads still work")
                    .hint("free space on the node, then try again")
            }
            StoreError::Busy => Self::new(Kind::Overloaded, "the store is busy").retry_after(1),
            StoreError::CursorExpired { horizon } => {
                let mut problem = Self::new(
                    Kind::CursorExpired,
                    format!("the journal before {horizon} has been compacted away"),
                )
                .hint("resynchronise from the collections, then continue from the horizon");
                problem.horizon = Some(horizon);
                problem
            }
            StoreError::Exists(what) => Self::new(Kind::Exists, format!("{what} exists already")),
            StoreError::Missing(what) => Self::missing(what),
            StoreError::NewerSchema { .. } | StoreError::Corrupt(_) | StoreError::Engine(_) => {
                Self::internal(&error)
            }
        }
    }
}

impl From<CoreError> for Problem {
    fn from(error: CoreError) -> Self {
        match error {
            CoreError::Store(error) => error.into(),
            CoreError::Refused(why) => Self::new(Kind::Refused, why),
            CoreError::Kept(_) => Self::new(Kind::Refused, error.to_string()),
            CoreError::Untold(problem) => problem.into(),
            CoreError::NotFounded | CoreError::Founded(_) | CoreError::Files(_) | CoreError::Rules(_) => {
                Self::internal(&error)
            }
        }
    }
}

impl From<DetectionError> for Problem {
    fn from(error: DetectionError) -> Self {
        match error {
            DetectionError::Store(error) => error.into(),
            DetectionError::Trust(problem) => problem.into(),
            DetectionError::Telemetry(error) => error.into(),
            DetectionError::Log(LogError::Configuration(message)) => Self::bad(message),
            DetectionError::Log(LogError::Unreadable(message) | LogError::Gone(message)) => {
                Self::new(Kind::Refused, message)
            }
            DetectionError::Missing(what) => Self::missing(what),
            DetectionError::Refused(why) => Self::new(Kind::Refused, why),
            DetectionError::Without => Self::new(Kind::Refused, "this node was opened without its telemetry")
                .hint("start it with `shieldwall serve`"),
            DetectionError::Stopping => {
                Self::new(Kind::Overloaded, "the node is stopping; it goes on after the next start")
                    .retry_after(5)
            }
            DetectionError::Segment(_) => Self::internal(&error),
        }
    }
}

impl From<TelemetryError> for Problem {
    fn from(error: TelemetryError) -> Self {
        match error {
            TelemetryError::Full => {
                Self::new(Kind::StoreFull, "the disk under the telemetry is full; hunts still work")
                    .hint("free space on the node or keep less, then try again")
            }
            TelemetryError::Invalid(why) => Self::bad(why),
            TelemetryError::Exists(what) => Self::new(Kind::Exists, format!("{what} exists already")),
            TelemetryError::Missing(what) => Self::missing(what),
            TelemetryError::InUse(_) | TelemetryError::Damaged(_) | TelemetryError::Failed(_) => {
                Self::internal(&error)
            }
        }
    }
}
