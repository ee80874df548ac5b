//! Syslog in datagrams.

use std::net::{SocketAddr, UdpSocket};

use ports::logs::LogError;
use serde_json::json;

use crate::caller::Caller;
use crate::{quick, spec};

fn listen() -> (Caller, SocketAddr) {
    let config = json!({"listen": "127.0.0.1:0"});
    let (stream, at) = quick().listen(&spec("syslog-udp", &config), None).unwrap();
    (Caller::of(stream, None), at.unwrap())
}

#[tokio::test]
async fn each_datagram_is_a_record() {
    let (mut caller, at) = listen();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    for datagram in ["<34>1 one", "<34>1 two\n", "", "\n", "<34>1 three\nof two lines\r\n", "plain"] {
        peer.send_to(datagram.as_bytes(), at).unwrap();
    }
    caller.until(4).await;
    assert_eq!(
        caller.records,
        [
            "127.0.0.1: <34>1 one",
            "127.0.0.1: <34>1 two",
            "127.0.0.1: <34>1 three of two lines",
            "127.0.0.1: plain"
        ]
    );
    let lag = caller.stream.lag();
    assert_eq!((lag.bytes, lag.lost, lag.parts), (None, 0, 1));
    assert_eq!(caller.position.as_deref(), Some(""));
}

#[tokio::test]
async fn the_longest_datagram_is_taken_in() {
    let (mut caller, at) = listen();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let longest = "x".repeat(65_507);
    peer.send_to(longest.as_bytes(), at).unwrap();
    assert_eq!(caller.until(1).await.records, [format!("127.0.0.1: {longest}")]);
}

/// What is not taken in time is lost, and counted: the sum is what was sent.
#[tokio::test]
async fn what_the_kernel_drops_is_counted() {
    let (mut caller, at) = listen();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0_u64;
    while caller.stream.lag().lost == 0 {
        for _ in 0..1_000 {
            peer.send_to(&[b'x'; 1_000], at).unwrap();
        }
        sent += 1_000;
        if sent > 1_000_000 {
            return testkit::skip("this kernel does not count dropped datagrams in /proc/self/net/udp");
        }
    }
    let lost = caller.stream.lag().lost;
    let count = usize::try_from(sent - lost).unwrap();
    caller.until(count).await;
    assert_eq!((caller.records.len(), caller.stream.lag().lost), (count, lost));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let (caller, at) = listen();
    let config = json!({"listen": at.to_string()});
    let Err(LogError::Unreadable(message)) = quick().listen(&spec("syslog-udp", &config), None) else {
        panic!("two listen on one address")
    };
    assert!(message.contains(&at.to_string()) && message.contains("another program"), "{message}");
    // Dropping the source frees it.
    drop(caller);
    assert!(quick().listen(&spec("syslog-udp", &config), None).is_ok());
}

#[tokio::test]
async fn whoever_listens_to_everybody_is_told() {
    let config = json!({"listen": "0.0.0.0:0"});
    let (stream, at) = quick().listen(&spec("syslog-udp", &config), None).unwrap();
    let mut caller = Caller::of(stream, None);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(b"<1>a", ("127.0.0.1", at.unwrap().port())).unwrap();
    caller.until(1).await;
    assert!(caller.notes.iter().any(|note| note.contains("in the clear")), "{:?}", caller.notes);
}
