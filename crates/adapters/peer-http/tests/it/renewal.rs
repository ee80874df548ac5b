//! A new leaf takes the place of the old without a call being lost.

use std::sync::Arc;

use ports::Clock as _;
use ports::peer::{Topic, Transport as _};
use tokio::sync::oneshot;

use crate::node::{Node, Script, call, leaf, party};
use crate::raw;

#[tokio::test]
async fn the_next_connection_shows_the_new_leaf_and_the_call_under_way_ends_well() {
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let shared = std::sync::Mutex::new((Some(begun), released));
    let node = Node::start(Script::new(&[party(2)], move |_, _, body| {
        if body == b"long" {
            let mut shared = shared.lock().unwrap();
            shared.0.take().unwrap().send(()).unwrap();
            shared.1.recv().unwrap();
        }
        Ok(body.to_vec())
    }))
    .await;
    let (ally, endpoint) = (Arc::new(node.ally()), node.endpoint());
    let long = tokio::spawn({
        let (ally, endpoint) = (Arc::clone(&ally), endpoint.clone());
        async move { call(&ally, &endpoint, Topic::Push, b"long").await }
    });
    has_begun.await.unwrap();
    let identified = || node.handler.identified.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(identified(), 1);
    ally.renew(&leaf(party(2), 22, node.clock.now()));
    call(&ally, &endpoint, Topic::Push, b"short").await.unwrap();
    assert_eq!(identified(), 2, "the new leaf was shown on a new connection");
    release.send(()).unwrap();
    assert_eq!(long.await.unwrap(), Ok(b"long".to_vec()));
    call(&ally, &endpoint, Topic::Push, b"short").await.unwrap();
    assert_eq!(identified(), 2);
}

#[tokio::test]
async fn a_server_renews_without_dropping_anyone() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let now = node.clock.now();
    let shown = async || {
        let stream = raw::tls(node.address, raw::client(&leaf(party(2), 2, now))).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let (old, new) = (leaf(party(1), 1, now), leaf(party(1), 11, now));
    let sender = raw::http(node.address, &leaf(party(2), 2, now)).await;
    assert_eq!(shown().await, old.certificate);
    node.credentials.renew(&new).unwrap();
    assert_eq!(shown().await, new.certificate);
    assert_eq!(raw::ask(&sender, raw::post("/peer/v1/push", "x")).await.0, 200);
}

#[tokio::test]
async fn a_week_passes_and_both_go_on_with_new_leaves() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, endpoint) = (node.ally(), node.endpoint());
    for seed in 100..110 {
        call(&ally, &endpoint, Topic::Push, b"x").await.unwrap();
        node.clock.turn(7 * 24);
        let now = node.clock.now();
        node.credentials.renew(&leaf(party(1), seed, now)).unwrap();
        ally.renew(&leaf(party(2), seed, now));
    }
    call(&ally, &endpoint, Topic::Push, b"x").await.unwrap();
    assert_eq!(node.handler.calls(), 11);
}

#[tokio::test]
async fn a_peers_leaf_that_expired_on_the_kept_connection_is_not_trusted_further() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, endpoint) = (node.ally(), node.endpoint());
    call(&ally, &endpoint, Topic::Push, b"x").await.unwrap();
    node.clock.turn(7 * 24);
    ally.renew(&leaf(party(2), 22, node.clock.now()));
    let error = raw::failure(call(&ally, &endpoint, Topic::Push, b"secret").await);
    assert!(matches!(error, ports::peer::CallError::Unreachable(_)), "{error:?}");
    assert_eq!(node.handler.calls(), 1);
}
