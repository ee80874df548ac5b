//! Too much of everything: connections, calls at once, and people who take their time.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Bytes;
use ports::Clock as _;
use ports::peer::{CallError, Refusal, Topic};
use shieldwall_peer_http::ServeSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::node::{Node, Script, call, leaf, party};
use crate::raw;

/// In a hurry, but not so much that a busy machine cannot shake hands in time.
fn hasty() -> ServeSettings {
    let soon = Duration::from_millis(500);
    ServeSettings { patience: soon, idle: soon, ..ServeSettings::default() }
}

/// A connection from another address of this machine.
async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn a_thousand_connections_that_say_nothing_keep_nobody_out() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(connect_from("127.0.0.2", node.address).await);
    }
    let ally = node.ally();
    assert_eq!(call(&ally, &node.endpoint(), Topic::Push, b"still here").await, Ok(b"still here".to_vec()));
    // All but the few that may shake hands at once from there have been closed already.
    let closed = idle.into_iter().map(|stream| stream.into_std().unwrap()).filter(|mut stream| {
        let read = stream.read(&mut [0; 1]);
        !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    let closed = closed.count();
    assert!(closed >= 1_000 - ServeSettings::default().max_handshakes_each, "{closed}");
}

#[tokio::test]
async fn a_thousand_parties_are_served_at_once() {
    // Patient, because the machine may be busy and the first call comes after the last connection.
    let patience = Duration::from_secs(600);
    let settings = ServeSettings { max_connections_each: 1_000, patience, ..ServeSettings::default() };
    let node = Node::start_with(Script::echo(&[party(2)]), settings).await;
    let own = leaf(party(2), 2, node.clock.now());
    let mut senders = Vec::new();
    for _ in 0..1_000 {
        senders.push(raw::http(node.address, &own).await);
    }
    for sender in &senders {
        assert_eq!(raw::ask(sender, raw::post("/peer/v1/position", "x")).await.0, 200);
    }
    assert_eq!(node.handler.calls(), 1_000);
}

#[tokio::test]
async fn a_party_has_so_many_connections_and_no_more() {
    let settings = ServeSettings { max_connections_each: 3, ..ServeSettings::default() };
    let node = Node::start_with(Script::echo(&[party(2), party(3)]), settings).await;
    let (own, other) = (leaf(party(2), 2, node.clock.now()), leaf(party(3), 3, node.clock.now()));
    let ask = async |sender: &mut hyper::client::conn::http2::SendRequest<raw::Body>| {
        sender.send_request(raw::post("/peer/v1/push", "x")).await.is_ok()
    };
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut sender = raw::http(node.address, &own).await;
        assert!(ask(&mut sender).await);
        kept.push(sender);
    }
    assert!(!ask(&mut raw::http(node.address, &own).await).await, "a fourth");
    assert!(ask(&mut raw::http(node.address, &other).await).await, "another party");
    // One that ends makes room, as soon as the node has seen it end.
    drop(kept.pop());
    while !ask(&mut raw::http(node.address, &own).await).await {}
}

#[tokio::test]
async fn calls_beyond_a_partys_share_are_told_to_come_back() {
    let settings = ServeSettings { in_flight_each: 2, ..ServeSettings::default() };
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let script = Script::new(&[party(2), party(3)], move |from, _, body| {
        if from == Some(party(2)) {
            begun.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        Ok(body.to_vec())
    });
    let node = Node::start_with(script, settings).await;
    let (ally, endpoint) = (Arc::new(node.ally()), node.endpoint());
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let (ally, endpoint) = (Arc::clone(&ally), endpoint.clone());
            tokio::spawn(async move { call(&ally, &endpoint, Topic::Push, b"slow").await })
        })
        .collect();
    for _ in 0..2 {
        has_begun.recv().await.unwrap();
    }
    let told = call(&ally, &endpoint, Topic::Push, b"third").await;
    assert!(matches!(told, Err(CallError::Refused(Refusal::Busy(1..)))), "{told:?}");
    // On another connection it is still the same party; another party has a share of its own.
    let second = node.ally();
    let told = call(&second, &endpoint, Topic::Push, b"third").await;
    assert!(matches!(told, Err(CallError::Refused(Refusal::Busy(1..)))), "{told:?}");
    let other = raw::http(node.address, &leaf(party(3), 3, node.clock.now())).await;
    assert_eq!(raw::ask(&other, raw::post("/peer/v1/push", "x")).await.0, 200);
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    for call in slow {
        assert_eq!(call.await.unwrap(), Ok(b"slow".to_vec()));
    }
}

#[tokio::test]
async fn bodies_share_the_memory_set_aside() {
    // The least there is: one push of the largest size, compressed and not.
    let settings = ServeSettings { body_memory: 0, ..ServeSettings::default() };
    let node = Node::start_with(Script::new(&[party(2)], |_, _, _| Ok(vec![])), settings).await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    let large = zstd::bulk::compress(&vec![0; 32 << 20], 1).unwrap();
    let request = |body: Vec<u8>| {
        let mut request = raw::post("/peer/v1/push", body);
        request.headers_mut().insert("content-encoding", "zstd".parse().unwrap());
        request
    };
    // Six bodies that have announced 8 MiB each, and then take their time.
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let (send, body) = raw::slowly();
        let announced = Request::post("https://node.example/peer/v1/push")
            .header("content-length", (8 << 20).to_string())
            .body(body)
            .unwrap();
        waiting.push((tokio::spawn(sender.clone().send_request(announced)), send));
    }
    let refused = loop {
        let (status, text) = raw::ask(&sender, request(large.clone())).await;
        if status != 200 {
            break (status, text);
        }
    };
    assert_eq!(refused.0, 429, "{}", refused.1);
    // They give up, and what they had taken is free again.
    for (call, send) in waiting {
        call.abort();
        drop(send);
    }
    while raw::ask(&sender, raw::post("/peer/v1/push", vec![0; 8 << 20])).await.0 != 200 {}
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let node = Node::start_with(Script::echo(&[party(2)]), hasty()).await;
    let sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    let (send, body) = raw::slowly();
    send.send(Bytes::from_static(b"so far")).unwrap();
    let request = Request::post("https://node.example/peer/v1/push")
        .header("content-length", "100")
        .body(body)
        .unwrap();
    let (status, text) = raw::ask(&sender, request).await;
    assert_eq!(status, 408, "{text}");
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn whoever_stops_half_way_is_closed() {
    let node = Node::start_with(Script::echo(&[party(2)]), hasty()).await;
    // Nothing at all; half a TLS record; TLS and then nothing; TLS and half of HTTP/2's preface; all of it and then
    // nothing.
    let mut silent = TcpStream::connect(node.address).await.unwrap();
    assert!(matches!(silent.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    let mut half = TcpStream::connect(node.address).await.unwrap();
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest).await;
    let own = leaf(party(2), 2, node.clock.now());
    for sent in [&b""[..], b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let mut stream = raw::tls(node.address, raw::client(&own)).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    // And one that has called once and then holds on.
    let mut sender = raw::http(node.address, &own).await;
    assert_eq!(raw::ask(&sender, raw::post("/peer/v1/push", "x")).await.0, 200);
    let closed = std::future::poll_fn(|cx| match sender.poll_ready(cx) {
        std::task::Poll::Ready(Err(_)) => std::task::Poll::Ready(()),
        _ => {
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    });
    closed.await;
    assert_eq!(node.handler.calls(), 1);
}

#[tokio::test]
async fn a_call_that_never_ends_is_cut_off() {
    let settings = ServeSettings {
        longest_call: Duration::from_millis(50),
        patience: Duration::from_secs(600),
        ..ServeSettings::default()
    };
    let node = Node::start_with(Script::echo(&[party(2)]), settings).await;
    let mut sender = raw::http(node.address, &leaf(party(2), 2, node.clock.now())).await;
    let (_send, body) = raw::slowly();
    let request = Request::post("https://node.example/peer/v1/push")
        .header("content-length", "100")
        .body(body)
        .unwrap();
    assert!(sender.send_request(request).await.is_err());
    assert_eq!(node.handler.calls(), 0);
}

#[tokio::test]
async fn garbage_after_the_handshake_ends_that_connection_alone() {
    let node = Node::start(Script::echo(&[party(2)])).await;
    let (ally, own) = (node.ally(), leaf(party(2), 2, node.clock.now()));
    call(&ally, &node.endpoint(), Topic::Push, b"before").await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for garbage in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xff; 4_096],
        // HEADERS that the compressor cannot read, DATA on a stream that is not open, a frame longer than allowed.
        [&preface[..], &settings, &[0, 0, 4, 1, 5, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]].concat(),
        [&preface[..], &settings, &[0, 0, 1, 0, 0, 0, 0, 0, 7, 0]].concat(),
        [&preface[..], &settings, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
    ] {
        let mut stream = raw::tls(node.address, raw::client(&own)).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    assert_eq!(call(&ally, &node.endpoint(), Topic::Push, b"after").await, Ok(b"after".to_vec()));
}

#[tokio::test]
async fn calls_begun_and_given_up_at_once_never_add_up() {
    let at_once = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = Arc::clone(&at_once);
    let script = Script::new(&[party(2)], move |_, _, _| {
        let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
        seen.1.fetch_max(now, Ordering::SeqCst);
        std::thread::yield_now();
        seen.0.fetch_sub(1, Ordering::SeqCst);
        Ok(vec![])
    });
    let node = Node::start(script).await;
    let own = leaf(party(2), 2, node.clock.now());
    for _ in 0..10 {
        let sender = raw::http(node.address, &own).await;
        for _ in 0..200 {
            let mut sender = sender.clone();
            let call =
                tokio::spawn(async move { sender.send_request(raw::post("/peer/v1/push", "x")).await });
            // Long enough for it to be sent, seldom for it to be answered.
            tokio::task::yield_now().await;
            call.abort();
        }
    }
    let most = ServeSettings::default().in_flight_each;
    assert!(at_once.1.load(Ordering::SeqCst) <= most, "{}", at_once.1.load(Ordering::SeqCst));
    let ally = node.ally();
    loop {
        match call(&ally, &node.endpoint(), Topic::Push, b"").await {
            Ok(_) => break,
            Err(told) => assert!(!matches!(told, CallError::WrongParty(_)), "{told:?}"),
        }
    }
}
