//! Calls between two nodes in one process over loopback: how long a small one takes, and how fast bulk goes.
//!
//! Figures with percentiles are wanted, which divan does not give, so this measures and prints by itself.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first thing that is not as it should be")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Digest, PartyId, Timestamp};
use ports::Clock;
use ports::peer::{Leaf, PeerHandler, Refusal, Topic, Transport as _};
use shieldwall_peer_http::{
    CallSettings, Credentials, HttpTransport, ServeSettings, leaf_window, make_leaf, serve,
};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-03T12:00:00Z".parse().unwrap()
    }
}

struct Known;

const PARTY: PartyId = PartyId(Digest([1; 32]));

impl PeerHandler for Known {
    fn identify(&self, _statement: &[u8], _key: Digest) -> Option<PartyId> {
        Some(PARTY)
    }

    fn answer(&self, _from: Option<PartyId>, _topic: Topic, _body: &[u8]) -> Result<Vec<u8>, Refusal> {
        Ok(b"acknowledged".to_vec())
    }
}

fn leaf(seed: u8) -> Leaf {
    let (from, until) = leaf_window(Noon.now());
    // As long as a real statement with a hybrid signature.
    make_leaf(&Zeroizing::new([seed; 32]), from, until, &mut |_, _, _| vec![b'x'; 5_000]).unwrap()
}

fn transport(clock: &Arc<Noon>) -> HttpTransport {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    HttpTransport::new(Credentials::new(&leaf(2)).unwrap(), Arc::new(Known), clock, CallSettings::default())
        .unwrap()
}

/// `count` bytes; text-like ones compress to about a third.
fn body(count: usize, text: bool) -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let byte = (state >> 56) as u8;
        if text { b'a' + (byte & 7) } else { byte }
    };
    std::iter::repeat_with(next).take(count).collect()
}

async fn small(ally: &HttpTransport, endpoint: &str, at_once: usize, calls: usize) {
    let (body, begun) = (body(2_000, true), Instant::now());
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (ally, endpoint, body) = (ally.clone(), endpoint.to_owned(), body.clone());
            tokio::spawn(async move {
                let mut taken = Vec::with_capacity(calls);
                for _ in 0..calls {
                    let begun = Instant::now();
                    ally.call(&endpoint, Some(PARTY), Topic::Push, body.clone()).await.unwrap();
                    taken.push(begun.elapsed());
                }
                taken
            })
        })
        .collect();
    let mut taken: Vec<Duration> = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    let rate = taken.len() as f64 / begun.elapsed().as_secs_f64();
    taken.sort_unstable();
    let part = |of: usize| taken.get(taken.len() * of / 1_000).copied().unwrap_or_default();
    println!(
        "2 KB push, {at_once} at once: {rate:.0}/s; median {:?}, p99 {:?}, p99.9 {:?}, {} calls",
        part(500),
        part(990),
        part(999),
        taken.len()
    );
}

async fn bulk(ally: &HttpTransport, endpoint: &str, what: &str, body: Vec<u8>, at_once: usize, calls: usize) {
    let (bytes, begun) = (body.len() * at_once * calls, Instant::now());
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (ally, endpoint, body) = (ally.clone(), endpoint.to_owned(), body.clone());
            tokio::spawn(async move {
                for _ in 0..calls {
                    ally.call(&endpoint, Some(PARTY), Topic::Push, body.clone()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = bytes as f64 / 1e6 / begun.elapsed().as_secs_f64();
    println!("{what}, {at_once} at once: {rate:.0} MB/s of {} MB", bytes / 1_000_000);
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let clock = Arc::new(Noon);
    let credentials = Credentials::new(&leaf(1)).unwrap();
    let serving = serve(
        listener,
        credentials,
        Arc::new(Known),
        Arc::clone(&clock) as Arc<dyn Clock>,
        ServeSettings::default(),
        std::future::pending(),
    );
    tokio::spawn(serving);

    let mut handshakes = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        transport(&clock).call(&endpoint, Some(PARTY), Topic::Position, vec![]).await.unwrap();
        handshakes.push(begun.elapsed());
    }
    handshakes.sort_unstable();
    println!("connect, shake hands, identify and call: median {:?}", handshakes.get(100).unwrap());

    let ally = transport(&clock);
    small(&ally, &endpoint, 1, 2_000).await;
    small(&ally, &endpoint, 1, 20_000).await;
    small(&ally, &endpoint, 8, 10_000).await;
    bulk(&ally, &endpoint, "4 MB of noise", body(4_000_000, false), 1, 100).await;
    bulk(&ally, &endpoint, "4 MB of noise", body(4_000_000, false), 4, 50).await;
    bulk(&ally, &endpoint, "8 MB of text", body(8_000_000, true), 1, 60).await;
    bulk(&ally, &endpoint, "8 MB of text", body(8_000_000, true), 4, 30).await;
}
