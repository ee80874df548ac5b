//! Two nodes that mean well.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ports::peer::{CallError, Refusal, Topic, Transport as _};
use shieldwall_peer_http::{ServeSettings, answer_bounds, request_bounds};
use tokio::sync::oneshot;

use crate::node::{Node, Script, call, leaf, party, transport};
use crate::raw;

#[tokio::test]
async fn each_side_knows_whom_it_has_before_it() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let ally = node.ally();
    for topic in Topic::ALL {
        let answer = call(&ally, &node.endpoint(), topic, topic.as_str().as_bytes()).await.unwrap();
        assert_eq!(answer, topic.as_str().as_bytes());
    }
    let expected: Vec<_> = Topic::ALL.iter().map(|topic| (Some(party(2)), *topic)).collect();
    assert_eq!(*node.handler.answered.lock().unwrap(), expected);
    assert_eq!(call(&ally, &node.endpoint(), Topic::Push, b"").await.unwrap(), b"");
}

#[tokio::test]
async fn the_key_agreement_is_post_quantum_and_nothing_is_resumed() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let config = raw::client(&leaf(party(2), 2, ports::Clock::now(&*node.clock)));
    for _ in 0..2 {
        let stream = raw::tls(node.address, config.clone()).await.unwrap();
        let session = stream.get_ref().1;
        let group = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(session.peer_certificates().map(<[_]>::len), Some(1));
    }
}

#[tokio::test]
async fn one_connection_carries_many_calls_at_once_and_one_after_another() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, endpoint) = (Arc::new(node.ally()), node.endpoint());
    for _ in 0..20 {
        call(&ally, &endpoint, Topic::Push, b"one after another").await.unwrap();
    }
    let many: Vec<_> = (0..50_u8)
        .map(|number| {
            let (ally, endpoint) = (Arc::clone(&ally), endpoint.clone());
            tokio::spawn(async move { call(&ally, &endpoint, Topic::Push, &[number]).await.unwrap() })
        })
        .collect();
    for (number, answer) in (0..50_u8).zip(many) {
        assert_eq!(answer.await.unwrap(), [number]);
    }
    // Once per connection, and there was one.
    assert_eq!(node.handler.identified.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn bulk_is_compressed_both_ways_and_arrives_whole() {
    let node = Node::start(Script::new(&[party(2)], |_, topic, body| match topic {
        Topic::Query => Ok(noise(answer_bounds(topic).wire - 1_000)),
        Topic::Repair => Ok(b"again and again ".repeat(1_900_000)),
        _ => Ok(body.len().to_string().into_bytes()),
    }))
    .await;
    let (ally, endpoint) = (node.ally(), node.endpoint());
    let text = b"the same again, ".repeat(request_bounds(Topic::Push).plain / 16);
    let answer = call(&ally, &endpoint, Topic::Push, &text).await.unwrap();
    assert_eq!(answer, text.len().to_string().into_bytes());
    let random = noise(request_bounds(Topic::Push).wire - 100);
    let answer = call(&ally, &endpoint, Topic::Push, &random).await.unwrap();
    assert_eq!(answer, random.len().to_string().into_bytes());
    let answer = call(&ally, &endpoint, Topic::Query, b"").await.unwrap();
    assert_eq!(answer, noise(answer_bounds(Topic::Query).wire - 1_000));
    let answer = call(&ally, &endpoint, Topic::Repair, b"").await.unwrap();
    assert_eq!(answer.len(), 16 * 1_900_000);
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn refusals_arrive_as_they_were_given() {
    let refusals = [
        Refusal::Forbidden("the agreement has ended".to_owned()),
        Refusal::Invalid("`seq` is not a number".to_owned()),
        Refusal::OutOfStep("held up to 41".to_owned()),
        Refusal::Busy(250),
        Refusal::Failed,
    ];
    let script = refusals.clone();
    let node =
        Node::start(Script::new(&[party(2)], move |_, _, body| Err(script[usize::from(body[0])].clone())))
            .await;
    let ally = node.ally();
    for (number, refusal) in (0_u8..).zip(refusals) {
        let told = call(&ally, &node.endpoint(), Topic::Position, &[number]).await;
        assert_eq!(told, Err(CallError::Refused(refusal)));
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_and_no_other() {
    let node = Node::start(Script::new(&[party(2)], |_, _, body| {
        assert!(body != b"boom", "with a secret in the message");
        Ok(vec![])
    }))
    .await;
    let ally = node.ally();
    // More often than there are turns, so that each gives back what it took.
    for _ in 0..40 {
        let told = call(&ally, &node.endpoint(), Topic::Push, b"boom").await;
        assert_eq!(told, Err(CallError::Refused(Refusal::Failed)));
    }
    assert_eq!(call(&ally, &node.endpoint(), Topic::Push, b"fine").await, Ok(vec![]));
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_our_failure() {
    let node =
        Node::start(Script::new(&[party(2)], |_, topic, _| Ok(noise(answer_bounds(topic).wire + 1)))).await;
    let ally = node.ally();
    for topic in [Topic::Push, Topic::Keys, Topic::Query] {
        let told = call(&ally, &node.endpoint(), topic, b"").await;
        assert_eq!(told, Err(CallError::Refused(Refusal::Failed)), "{topic:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, endpoint) = (node.ally(), node.endpoint());
    let bulk = request_bounds(Topic::Push);
    for (topic, body) in [
        (Topic::Position, noise(request_bounds(Topic::Position).plain + 1)),
        (Topic::Keys, noise(request_bounds(Topic::Keys).plain + 1)),
        (Topic::Push, noise(bulk.wire + 1)),
        (Topic::Push, vec![0; bulk.plain + 1]),
    ] {
        let told = call(&ally, &endpoint, topic, &body).await;
        assert!(matches!(told, Err(CallError::Refused(Refusal::Invalid(_)))), "{told:?}");
    }
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn only_keys_may_be_asked_of_someone_unknown() {
    let node = Node::start(Script::echo(&[])).await;
    let clock = &node.clock;
    let stranger = transport(leaf(party(9), 9, ports::Clock::now(&**clock)), &[], clock);
    let endpoint = node.endpoint();
    let answer = stranger.call(&endpoint, None, Topic::Keys, b"yours?".to_vec()).await;
    assert_eq!(answer, Ok(b"yours?".to_vec()));
    for topic in Topic::ALL.into_iter().filter(|topic| *topic != Topic::Keys) {
        let told = stranger.call(&endpoint, None, topic, vec![]).await;
        assert!(matches!(told, Err(CallError::Refused(Refusal::Forbidden(_)))), "{topic:?}: {told:?}");
    }
    assert_eq!(node.handler.calls(), 1, "the others were not sent");
}

#[tokio::test]
async fn stopping_lets_calls_end_and_takes_no_more() {
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let shared = std::sync::Mutex::new((Some(begun), released));
    let node = Node::start(Script::new(&[party(2)], move |_, _, _| {
        let mut shared = shared.lock().unwrap();
        if let Some(begun) = shared.0.take() {
            begun.send(()).unwrap();
            shared.1.recv().unwrap();
        }
        Ok(b"done".to_vec())
    }))
    .await;
    let (ally, endpoint) = (Arc::new(node.ally()), node.endpoint());
    let under_way = tokio::spawn({
        let (ally, endpoint) = (Arc::clone(&ally), endpoint.clone());
        async move { call(&ally, &endpoint, Topic::Push, b"").await }
    });
    has_begun.await.unwrap();
    let stopped = node.stop();
    release.send(()).unwrap();
    assert_eq!(under_way.await.unwrap(), Ok(b"done".to_vec()));
    stopped.await.unwrap();
    let told = call(&ally, &endpoint, Topic::Push, b"").await;
    assert!(matches!(told, Err(CallError::Unreachable(_))), "{told:?}");
}

#[tokio::test]
async fn a_node_that_comes_back_is_reached_again() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, endpoint, address) = (node.ally(), node.endpoint(), node.address);
    call(&ally, &endpoint, Topic::Push, b"before").await.unwrap();
    node.stop().await.unwrap();
    let told = call(&ally, &endpoint, Topic::Push, b"while").await;
    assert!(matches!(told, Err(CallError::Unreachable(_))), "{told:?}");
    let again = Node::start_at(address, Script::echo(&[party(2)]), ServeSettings::default()).await;
    assert_eq!(call(&ally, &endpoint, Topic::Push, b"after").await, Ok(b"after".to_vec()));
    assert_eq!(again.handler.calls(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_frees_nothing_while_the_handler_works_for_it() {
    let settings = ServeSettings { in_flight_each: 1, ..ServeSettings::default() };
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let script = Script::new(&[party(2)], move |_, _, body| {
        if body == b"long" {
            begun.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        Ok(vec![])
    });
    let node = Node::start_with(script, settings).await;
    let (ally, endpoint) = (Arc::new(node.ally()), node.endpoint());
    let long = tokio::spawn({
        let (ally, endpoint) = (Arc::clone(&ally), endpoint.clone());
        async move { call(&ally, &endpoint, Topic::Push, b"long").await }
    });
    has_begun.recv().await.unwrap();
    long.abort();
    assert!(long.await.unwrap_err().is_cancelled());
    // The turn is still taken: the caller is told to come back, until the handler is done.
    let told = call(&ally, &endpoint, Topic::Push, b"next").await;
    assert!(matches!(told, Err(CallError::Refused(Refusal::Busy(_)))), "{told:?}");
    release.send(()).unwrap();
    while let Err(told) = call(&ally, &endpoint, Topic::Push, b"next").await {
        assert!(matches!(told, CallError::Refused(Refusal::Busy(_))), "{told:?}");
    }
}
