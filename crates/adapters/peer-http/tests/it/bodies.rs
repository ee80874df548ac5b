//! Requests that no node would send, and bodies that are not what they say.

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use ports::Clock as _;
use ports::peer::{Refusal, Topic};
use shieldwall_peer_http::request_bounds;

use crate::node::{Node, Script, call, leaf, party};
use crate::raw::{self, Body};

async fn node() -> (Node, hyper::client::conn::http2::SendRequest<Body>) {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    (node, sender)
}

fn push(headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::post("https://node.example/peer/v1/push");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

#[tokio::test]
async fn there_is_nothing_but_the_eight_paths() {
    let (node, sender) = node().await;
    for path in [
        "/",
        "/peer",
        "/peer/v1",
        "/peer/v1/",
        "/peer/v1/push/",
        "/peer/v1/push/1",
        "/peer/v1/PUSH",
        "/peer/v1/%70ush",
        "/peer/v1/push%00",
        "/peer/v1/../v1/push",
        "//peer/v1/push",
        "/peer/v1/push?",
        "/peer/v1/push?topic=keys",
        "/peer/v1/everything",
        "/peer/v2/push",
        "/metrics",
        "/api/v1/health",
    ] {
        let (status, text) = raw::ask(&sender, raw::post(path, "x")).await;
        assert_eq!(status, 404, "{path}: {text}");
        assert_eq!(text, r#"{"detail":"there is nothing at this path","refusal":"invalid"}"#);
    }
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"] {
        let request = Request::builder()
            .method(method)
            .uri("https://node.example/peer/v1/push")
            .body(whole(""))
            .unwrap();
        let (status, _) = raw::ask(&sender, request).await;
        assert_eq!(status, 405, "{method}");
    }
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn a_length_is_stated_and_kept() {
    let (node, sender) = node().await;
    let (status, text) = raw::ask(&sender, push(&[], raw::pieces(&[b"no ", b"length"]))).await;
    assert_eq!(status, 411, "{text}");
    // Says less and says more than it sends; HTTP/2 itself catches it, or we do.
    for stated in ["3", "300"] {
        let request = push(&[("content-length", stated)], raw::pieces(&[b"six by"]));
        match sender.clone().send_request(request).await {
            Ok(response) => assert_eq!(response.status(), 400, "{stated}"),
            Err(error) => assert!(!error.is_timeout(), "{error:?}"),
        }
    }
    let bound = request_bounds(Topic::Position).wire;
    let mut request = raw::post("/peer/v1/position", vec![0; bound + 1]);
    let (status, text) = raw::ask(&sender, request).await;
    assert_eq!(status, 413);
    assert!(text.contains(&bound.to_string()) && text.contains(&(bound + 1).to_string()), "{text}");
    // A length beyond all measure, without a body behind it yet.
    request = push(&[("content-length", "18446744073709551615")], raw::pieces(&[]));
    if let Ok(response) = sender.clone().send_request(request).await {
        assert!(response.status().is_client_error(), "{:?}", response.status());
    }
    assert_eq!(node.handler.calls(), 0);
    let (status, _) = raw::ask(&sender, raw::post("/peer/v1/position", vec![0; bound])).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_body_far_beyond_its_bound_is_refused_before_it_is_read() {
    let (node, sender) = node().await;
    let bound = request_bounds(Topic::Push).wire;
    let (status, text) = raw::ask(&sender, raw::post("/peer/v1/push", vec![0; bound + 1])).await;
    assert_eq!(status, 413, "{text}");
    // The connection goes on.
    assert_eq!(raw::ask(&sender, raw::post("/peer/v1/push", "x")).await.0, 200);
    assert_eq!(node.handler.calls(), 1);
}

#[tokio::test]
async fn bombs_do_not_go_off() {
    let (node, sender) = node().await;
    let bound = request_bounds(Topic::Push).plain;
    let compress = |plain: &[u8]| zstd::bulk::compress(plain, 1).unwrap();
    let small = compress(&[0; 5_000]);
    let doubled = [small.clone(), small.clone()].concat();
    // The frame states 4,096 bytes and holds 5,000: the content size of a two-byte field is stated less 256.
    let mut understated = small.clone();
    let at = understated.windows(2).position(|pair| pair == (5_000_u16 - 256).to_le_bytes()).unwrap();
    understated.splice(at..at + 2, (4_096_u16 - 256).to_le_bytes());
    for (body, about) in [
        (compress(&vec![0; bound + 1]), "at most"),
        (compress(&vec![0; 128 << 20]), "at most"),
        (zstd::stream::encode_all(&[0; 5_000][..], 1).unwrap(), "does not state"),
        (doubled, "does not decompress"),
        (understated, "does not decompress"),
        (small[..small.len() - 2].to_vec(), "does not decompress"),
        (b"{\"this\":\"is not zstd\"}".to_vec(), "not a zstd frame"),
        (vec![], "not a zstd frame"),
    ] {
        let request = push(&[("content-encoding", "zstd")], whole(body));
        let (status, text) = raw::ask(&sender, request).await;
        assert!(matches!(status, 413 | 422), "{about}: {status}");
        assert!(text.contains(about), "{about}: {text}");
    }
    assert_eq!(node.handler.calls(), 0);
    let request = push(&[("content-encoding", "zstd")], whole(compress(&[7; 100])));
    assert_eq!(raw::ask(&sender, request).await, (200, "\u{7}".repeat(100)));
}

#[tokio::test]
async fn only_zstd_and_only_where_it_is_allowed() {
    let (node, sender) = node().await;
    for headers in [
        &[("content-encoding", "gzip")][..],
        &[("content-encoding", "zstd, gzip")],
        &[("content-encoding", "ZSTD")],
        &[("content-encoding", "")],
        &[("content-encoding", "zstd"), ("content-encoding", "zstd")],
    ] {
        assert_eq!(raw::ask(&sender, push(headers, whole("x"))).await.0, 415, "{headers:?}");
    }
    let compressed = zstd::bulk::compress(&[7; 100], 1).unwrap();
    let stranger = raw::http(node.address, &leaf(party(9), 9, node.clock.now())).await;
    for (sender, path) in [(&sender, "keys"), (&sender, "pair"), (&stranger, "keys"), (&stranger, "pair")] {
        let mut request = raw::post(&format!("/peer/v1/{path}"), compressed.clone());
        request.headers_mut().insert("content-encoding", "zstd".parse().unwrap());
        assert_eq!(raw::ask(sender, request).await.0, 415, "{path}");
    }
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn what_is_wrong_inside_stays_inside() {
    let secret = "postgres://admin:hunter2@db/ table `peers` does not exist";
    let node = Node::start(Script::new(&[party(2)], move |_, topic, _| match topic {
        Topic::Push => panic!("{secret}"),
        _ => Err(Refusal::Failed),
    }))
    .await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    for path in ["/peer/v1/push", "/peer/v1/query"] {
        let (status, text) = raw::ask(&sender, raw::post(path, "x")).await;
        assert_eq!((status, text.as_str()), (500, r#"{"refusal":"failed"}"#));
    }
    assert!(call(&node.ally(), &node.endpoint(), Topic::Push, b"").await.is_err());
}
