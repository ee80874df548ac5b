//! Syslog over connections.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::caller::Caller;
use crate::{quick, spec};

fn listen(idle: u64) -> (Caller, SocketAddr) {
    let config = json!({"listen": 0, "idle_seconds": idle});
    let (stream, at) = quick().listen(&spec("syslog-tcp", &config), None).unwrap();
    (Caller::of(stream, None), at.unwrap())
}

async fn connect(at: SocketAddr) -> TcpStream {
    TcpStream::connect(at).await.unwrap()
}

#[tokio::test]
async fn both_ways_of_framing_in_one_source_and_in_one_connection() {
    let (mut caller, at) = listen(60);
    assert!(at.ip().is_loopback());
    let (mut lines, mut counted, mut both) = (connect(at).await, connect(at).await, connect(at).await);
    lines.write_all(b"<1>line one\n<1>line two\r\n").await.unwrap();
    counted.write_all(b"9 <1>\nthree13 <1>count\nfour").await.unwrap();
    both.write_all(b"<1>line five\n12 <1>count six<1>line seven\n").await.unwrap();
    caller.until(7).await;
    caller.records.sort();
    let expect = [
        "<1> three",
        "<1>count four",
        "<1>count six",
        "<1>line five",
        "<1>line one",
        "<1>line seven",
        "<1>line two",
    ];
    assert_eq!(caller.records, expect.map(|record| format!("127.0.0.1: {record}")));
    assert_eq!(caller.stream.lag().parts, 3);
}

#[tokio::test]
async fn a_message_in_pieces_is_one_message() {
    let (mut caller, at) = listen(60);
    let mut peer = connect(at).await;
    peer.set_nodelay(true).unwrap();
    for byte in b"<1>a\n6 <1>b c3 <1>\n" {
        peer.write_all(&[*byte]).await.unwrap();
        peer.flush().await.unwrap();
    }
    caller.until(3).await;
    assert_eq!(caller.records, ["127.0.0.1: <1>a", "127.0.0.1: <1>b c", "127.0.0.1: <1>"]);
}

#[tokio::test]
async fn half_a_message_at_the_end_is_handed_out_and_said() {
    let (mut caller, at) = listen(60);
    let mut peer = connect(at).await;
    peer.write_all(b"<1>whole\n<1>no line break").await.unwrap();
    drop(peer);
    caller.until(2).await;
    let mut peer = connect(at).await;
    peer.write_all(b"20 <1>cut off").await.unwrap();
    drop(peer);
    caller.until(3).await;
    assert_eq!(
        caller.records,
        ["127.0.0.1: <1>whole", "127.0.0.1: <1>no line break", "127.0.0.1: <1>cut off"]
    );
    assert!(caller.notes.iter().any(|note| note.contains("inside a message")), "{:?}", caller.notes);
}

#[tokio::test]
async fn what_is_too_long_is_passed_over_and_counted() {
    let (mut caller, at) = listen(60);
    let mut peer = connect(at).await;
    let writing = tokio::spawn(async move {
        peer.write_all(&vec![b'x'; 3 << 20]).await.unwrap();
        peer.write_all(b"\n<1>short\n").await.unwrap();
        peer.write_all(b"2000000 <1>").await.unwrap();
        peer.write_all(&vec![b'y'; 2_000_000 - 3]).await.unwrap();
        peer.write_all(b"8 <1>short").await.unwrap();
        peer
    });
    caller.until(2).await;
    assert_eq!(caller.records, ["127.0.0.1: <1>short", "127.0.0.1: <1>short"]);
    assert_eq!(caller.stream.lag().lost, 2);
    assert!(caller.notes.iter().any(|note| note.contains("passed over")), "{:?}", caller.notes);
    drop(writing.await);
}

/// Nobody takes what comes: then nothing more is read, and whoever sends has to wait.
#[tokio::test]
async fn a_flood_waits_for_a_slow_caller() {
    let (mut caller, at) = listen(3_600);
    let line = [b"<1>".as_slice(), &[b'x'; 1_020], b"\n"].concat();
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = connect(at).await;
        peer.write_all(&line).await.unwrap();
        peers.push(peer);
    }
    caller.until(1).await;
    let mut sent = 8 * line.len();
    let most = 512 << 20;
    for peer in &mut peers {
        // Whole lines are written, so that they can be counted; the last one may go later.
        while sent < most {
            let write = tokio::time::timeout(Duration::from_millis(100), peer.write(&line));
            let Ok(length) = write.await else { break };
            let mut length = length.unwrap();
            sent += length;
            while length < line.len() {
                let rest = tokio::time::timeout(Duration::from_millis(100), peer.write(&line[length..]));
                let Ok(more) = rest.await else { break };
                let more = more.unwrap();
                length += more;
                sent += more;
            }
        }
    }
    // What the kernel holds for eight connections, both ways, and a little of ours.
    assert!(sent < most, "{sent} bytes were taken in although nobody wanted them");
    drop(peers);
    let mut bytes = 0;
    while bytes + 8 * line.len() < sent {
        let batch = caller.next().await.unwrap();
        bytes += batch.bytes.len();
        caller.take(&batch);
    }
    assert_eq!(caller.stream.lag().lost, 0);
}

#[tokio::test]
async fn silent_connections_are_closed() {
    let (mut caller, at) = listen(1);
    let mut silent = connect(at).await;
    let reading = tokio::spawn(async move {
        let mut end = [0; 1];
        silent.read(&mut end).await
    });
    // The source ends the connection, which its batch says.
    let batch = caller.next().await.unwrap();
    assert!(batch.ends && batch.notes.iter().any(|note| note.contains("silent")), "{batch:?}");
    assert_eq!(reading.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_counted() {
    let (mut caller, at) = listen(60);
    let mut peers = Vec::new();
    for _ in 0..256 {
        let mut peer = connect(at).await;
        peer.write_all(b"<1>here\n").await.unwrap();
        peers.push(peer);
        caller.until(peers.len()).await;
    }
    let mut late = connect(at).await;
    peers[0].write_all(b"<1>again\n").await.unwrap();
    assert_eq!(late.read(&mut [0; 1]).await.unwrap_or(0), 0);
    caller.until(257).await;
    let lag = caller.stream.lag();
    assert_eq!((lag.lost, lag.refused, lag.parts), (0, 1, 256));
    // When one goes, there is room again.
    drop(peers.remove(0));
    while caller.stream.lag().parts == 256 {
        tokio::task::yield_now().await;
    }
    let mut late = connect(at).await;
    late.write_all(b"<1>late\n").await.unwrap();
    caller.until_met("<1>late").await;
}

#[tokio::test]
async fn dropping_the_source_ends_everything() {
    let (mut caller, at) = listen(60);
    let mut peer = connect(at).await;
    peer.write_all(b"<1>a\n").await.unwrap();
    caller.until(1).await;
    drop(caller);
    assert_eq!(peer.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(at).await.is_err());
}
