//! The layers around every handler: request id, load shedding, time-out, panics, headers, access log, metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, info, info_span};

use crate::app::Shared;
use crate::auth::{Caller, authenticate, refused};
use crate::problem::{Kind, Problem};

/// Through which door a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// From the network: callers prove who they are.
    Network,
    /// From the operator of this machine.
    Local,
}

/// The other end of the connection, put in by the listener.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peer {
    /// Its address; none for the Unix socket and in process.
    pub(crate) address: Option<IpAddr>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
}

/// The id under which a request appears in the log and in its response.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// The name a local caller goes by in the audit log, percent-encoded. Only the Unix socket and callers in process
/// are asked for it: whoever is let in there is the operator, under whichever name.
pub const OPERATOR: &str = "x-shieldwall-operator";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps routes so that they are reached only with a caller whom the policies let in.
pub(crate) fn authenticated(router: Router<Shared>, app: &Shared, door: Door) -> Router<Shared> {
    let app = Arc::clone(app);
    router.layer(from_fn_with_state(
        app,
        move |State(app): State<Shared>, mut request: Request, next: Next| async move {
            let peer = request.extensions().get::<Peer>().copied().unwrap_or_default();
            let caller = match door {
                Door::Local => {
                    let name = request.headers().get(OPERATOR);
                    Ok(Caller::local_operator(app.core().scope.tenant, name))
                }
                Door::Network => authenticate(&app, peer, request.headers()).await,
            };
            let caller = match caller {
                Ok(caller) => Arc::new(caller),
                Err(problem) => return problem.into_response(),
            };
            request.extensions_mut().insert(Arc::clone(&caller));
            let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
            let mut response = match refused(&caller, request.method(), route) {
                Some(refusal) => refusal,
                None => next.run(request).await,
            };
            response.extensions_mut().insert(caller);
            response
        },
    ))
}

/// Wraps everything, health and unknown paths included.
pub(crate) fn guarded(router: Router<Shared>, app: &Shared) -> Router<Shared> {
    router
        .fallback(|| async { Problem::nothing_here() })
        .method_not_allowed_fallback(|| async {
            Problem::new(Kind::MethodNotAllowed, "this resource does not know that method")
        })
        .layer(CatchPanicLayer::custom(|_| {
            Problem::internal(&"a handler panicked; the panic's message and place are in the log")
                .into_response()
        }))
        .layer(from_fn_with_state(Arc::clone(app), outermost))
}

async fn outermost(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id =
        RequestId(request_id(request.headers()).unwrap_or_else(|| app.core().ids.uuid().to_string()).into());
    request.extensions_mut().insert(id.clone());
    let peer = request.extensions().get::<Peer>().copied().unwrap_or_default();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)".into(), |path| Arc::<str>::from(path.as_str()));
    let span = info_span!("request", id = &*id.0);
    let mut response = async {
        if from_another_site(&method, request.headers()) {
            return Problem::forbidden("the request comes from a page of another site").into_response();
        }
        // Health stays reachable under load: it is what tells a supervisor not to restart a busy node.
        let _permit = match app.requests.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) if matches!(path.as_str(), "/healthz" | "/readyz") => None,
            Err(_) => return Problem::overloaded().into_response(),
        };
        let long = path.starts_with("/api/v1/store/");
        let limit = if long { app.settings.operation_timeout } else { app.settings.request_timeout };
        tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
            let detail = format!("the request took longer than {} seconds", limit.as_secs());
            let problem = Problem::new(Kind::Timeout, detail).retry_after(5);
            problem
                .hint("what it was writing may still take effect: look before trying again")
                .into_response()
        })
    }
    .instrument(span)
    .await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let rendered = problem.render(&path, &id.0);
        let (parts, body) = rendered.into_parts();
        *response.body_mut() = body;
        response.headers_mut().extend(parts.headers);
    }
    finish_headers(response.headers_mut(), &id, peer);
    let took = started.elapsed();
    let status = response.status().as_u16();
    app.http.record(&method, &route, status, took);
    let caller = response.extensions_mut().remove::<Arc<Caller>>();
    // Neither the query nor a header: both may hold what does not belong in a log.
    info!(
        target: "access",
        request_id = &*id.0,
        method = method.as_str(),
        path,
        status,
        micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        peer = peer.address.map(|address| address.to_string()),
        caller = caller.as_deref().map(Caller::name),
        "request"
    );
    response
}

/// The client's own id, if it is one that can stand in a log line.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let sane = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    sane.then(|| id.to_owned())
}

/// A browser says where a request was made. Credentials it adds by itself must not work for other sites.
fn from_another_site(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    !method.is_safe() && site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn finish_headers(headers: &mut HeaderMap, id: &RequestId, peer: Peer) {
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert(REQUEST_ID, value);
    }
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(header::CACHE_CONTROL, "no-store");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    default(header::REFERRER_POLICY, "no-referrer");
    default(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if peer.tls {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
