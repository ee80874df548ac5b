//! The shape of errors, and hostile requests.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use serde_json::json;
use shieldwall_api::Settings;

use crate::desk::{Desk, id, settings};

#[tokio::test]
async fn a_problem_names_its_kind_and_its_request() {
    let desk = Desk::open();
    let reply = desk
        .operator(&format!("GET /api/v1/objects/{}", id(7)))
        .header("x-request-id", "abc-1")
        .expect(404)
        .await;
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("x-request-id"), "abc-1");
    assert_eq!(
        reply.json(),
        json!({
            "type": "urn:shieldwall:problem:not-found", "title": "Not found", "status": 404,
            "detail": format!("`{}` does not exist", id(7)), "instance": "urn:shieldwall:request:abc-1",
        })
    );
}

#[tokio::test]
async fn a_request_id_that_could_forge_a_log_line_is_replaced() {
    let desk = Desk::open();
    for hostile in ["a b", "", "x\u{7f}", &"x".repeat(65)] {
        let Ok(value) = axum::http::HeaderValue::from_str(hostile) else { continue };
        let reply = desk
            .ask("GET /healthz")
            .header("x-request-id", value.to_str().unwrap_or("a b"))
            .expect(200)
            .await;
        assert_ne!(reply.header("x-request-id"), hostile);
        assert_eq!(reply.header("x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn responses_carry_the_headers_that_browsers_need() {
    let desk = Desk::open();
    let reply = desk.operator("GET /api/v1/node").expect(200).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert!(!reply.headers.contains_key("access-control-allow-origin"));
}

/// One hostile request and its answer's status and slug.
async fn check(
    desk: &Desk,
    line: &str,
    media_type: &str,
    body: impl Into<axum::body::Body>,
    status: u16,
    slug: &str,
) {
    let reply = desk.operator(line).body(media_type, body).send().await;
    assert_eq!(reply.status.as_u16(), status, "{line}: {}", reply.body);
    let json = reply.json();
    assert_eq!(json["type"], format!("urn:shieldwall:problem:{slug}"), "{line}");
    assert!(
        json["detail"].as_str().is_some_and(|detail| !detail.is_empty() && detail.len() < 2000),
        "{json}"
    );
}

#[tokio::test]
async fn hostile_requests_get_clear_answers() {
    let desk = Desk::with(Settings { max_body: 4096, ..settings() });
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for (line, media_type, body, status, slug) in [
        ("POST /api/v1/users", json, "{", 400, "bad-request"),
        ("POST /api/v1/users", json, "", 400, "bad-request"),
        (
            "POST /api/v1/users",
            json,
            "{\"name\":\"a\",\"name\":\"b\",\"role\":\"viewer\"}",
            400,
            "bad-request",
        ),
        ("POST /api/v1/users", json, "{\"name\":\"a\",\"role\":\"god\"}", 400, "bad-request"),
        ("POST /api/v1/users", json, "{\"name\":\"a:b\",\"role\":\"viewer\"}", 400, "bad-request"),
        (
            "POST /api/v1/users",
            json,
            "{\"name\":\"a\",\"role\":\"viewer\",\"is_admin\":true}",
            400,
            "bad-request",
        ),
        (
            "POST /api/v1/users",
            json,
            "{\"name\":\"a\",\"role\":\"viewer\",\"password\":\"short\"}",
            400,
            "bad-request",
        ),
        ("POST /api/v1/users", "text/plain", "{}", 415, "unsupported-media-type"),
        ("POST /api/v1/objects", "text/plain", "{}", 415, "unsupported-media-type"),
        ("POST /api/v1/objects", json, "17", 400, "bad-request"),
        ("POST /api/v1/objects", json, deep.as_str(), 400, "bad-request"),
        ("POST /api/v1/sources", json, "{\"name\":\"A B\",\"kind\":\"file\"}", 400, "bad-request"),
        ("POST /api/v1/sources", json, "{\"name\":\"x\",\"kind\":\"ftp\"}", 400, "bad-request"),
        ("POST /api/v1/store/backup", json, "{\"to\":\"relative\"}", 400, "bad-request"),
        ("GET /api/v1/objects?lable=green", json, "", 400, "bad-request"),
        ("GET /api/v1/objects?label=mauve", json, "", 400, "bad-request"),
        ("GET /api/v1/objects?limit=0", json, "", 400, "bad-request"),
        ("GET /api/v1/objects?limit=-1", json, "", 400, "bad-request"),
        ("GET /api/v1/objects?cursor=AAAA", json, "", 400, "bad-request"),
        ("GET /api/v1/objects?source=nowhere", json, "", 404, "not-found"),
        ("GET /api/v1/objects/not-an-id", json, "", 400, "bad-request"),
        ("GET /api/v1/objects/%ff", json, "", 404, "not-found"),
        ("GET /api/v1/graph?id=indicator--1", json, "", 400, "bad-request"),
        (
            "GET /api/v1/graph?id=indicator--00000000-0000-4000-8000-000000000001&depth=4",
            json,
            "",
            400,
            "bad-request",
        ),
        ("GET /api/v1/search", json, "", 400, "bad-request"),
        ("GET /api/v1/held/abc", json, "", 404, "not-found"),
        ("GET /api/v1/nothing", json, "", 404, "not-found"),
        ("PUT /api/v1/node", json, "{}", 405, "method-not-allowed"),
        ("DELETE /api/v1/sources/own", json, "", 422, "refused"),
    ] {
        check(&desk, line, media_type, body.to_owned(), status, slug).await;
    }
    check(&desk, "POST /api/v1/objects", json, vec![b'['; 5000], 413, "too-large").await;
    check(&desk, "POST /api/v1/objects", json, vec![b'"', 0xff, b'"'], 400, "bad-request").await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_the_browsers_credentials() {
    let desk = Desk::open();
    desk.account("root", "admin").await;
    let ask = || desk.ask("POST /api/v1/store/verify").basic("root", crate::desk::PASSWORD);
    ask().header("sec-fetch-site", "cross-site").expect(403).await;
    ask().header("sec-fetch-site", "same-site").expect(403).await;
    ask().header("sec-fetch-site", "same-origin").expect(200).await;
}

#[tokio::test]
async fn too_many_requests_at_once_are_turned_away_but_health_is_not() {
    let desk = Desk::with(Settings { max_requests: 0, ..settings() });
    let reply = desk.operator("GET /api/v1/node").expect(503).await;
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.json()["type"], "urn:shieldwall:problem:overloaded");
    desk.ask("GET /healthz").expect(200).await;
}

#[tokio::test]
async fn a_panic_is_a_problem_that_tells_nothing() {
    let desk = Desk::open();
    let secret = desk.token("ann", "viewer", &[]).await;
    desk.clock.break_it();
    let reply = desk.ask("GET /api/v1/me").bearer(&secret).expect(500).await;
    assert_eq!(reply.json()["type"], "urn:shieldwall:problem:internal");
    assert!(!reply.body.contains("hunter2") && !reply.body.contains("clock"), "{}", reply.body);
    assert_eq!(reply.header("content-type"), "application/problem+json");
}

/// A body that never comes.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let desk = Desk::with(Settings { request_timeout: Duration::from_millis(10), ..settings() });
    let reply =
        desk.operator("POST /api/v1/objects").body("application/json", Body::new(Never)).expect(503).await;
    assert_eq!(reply.json()["type"], "urn:shieldwall:problem:timeout");
}
