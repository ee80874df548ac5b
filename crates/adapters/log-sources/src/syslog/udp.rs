//! Datagrams: each is one record (RFC 5426), and whoever is slow loses some; the kernel counts them.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use ports::logs::{LogBatch, LogError, MAX_BATCH};
use tokio::task::JoinSet;

use super::framing::write_line;
use super::shown;
use crate::fed::{Gauge, Outlet};

/// The longest datagram there is.
const DATAGRAM: usize = 65_535;
/// Datagrams of one batch, so that a flood of tiny ones lets others have their turn.
const MOST: usize = 4_096;
/// Peers that are told apart by part; the one that was silent longest makes room for another.
const PEERS: usize = 256;
/// What is asked of the kernel for datagrams that wait: 8 MiB.
const BUFFER: usize = 8 << 20;
/// Below this, a burst of a busy firewall does not fit.
const ENOUGH: usize = 1 << 20;

/// Makes room for bursts, as far as the kernel allows.
pub(super) fn widen(socket: &UdpSocket, gauge: &Gauge) {
    use rustix::net::sockopt;
    #[cfg(target_os = "linux")]
    let forced = sockopt::set_socket_recv_buffer_size_force(socket, BUFFER).is_ok();
    #[cfg(not(target_os = "linux"))]
    let forced = false;
    if !forced {
        // Without the privilege the kernel gives what it may, or refuses; what came of it is read below.
        let _ = sockopt::set_socket_recv_buffer_size(socket, BUFFER);
    }
    // Linux keeps half of it for its own books.
    let got = sockopt::socket_recv_buffer_size(socket).unwrap_or_default() / 2;
    if got < ENOUGH {
        gauge.note(format!(
            "only {got} bytes of datagrams can wait here, so bursts may be lost: raise net.core.rmem_max to {BUFFER}"
        ));
    }
}

/// Starts to take in datagrams.
pub(super) fn start(socket: UdpSocket, outlet: Outlet, gauge: Arc<Gauge>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let receiving = match tokio::net::UdpSocket::from_std(socket) {
            Ok(socket) => receive(&socket, &outlet, &gauge).await,
            Err(error) => Err(error),
        };
        if let Err(error) = receiving {
            let message = format!("datagrams cannot be received any more: {error}; open the source again");
            let _ = outlet.send(Err(LogError::Gone(message))).await;
        }
    });
    tasks
}

/// Receives until nobody takes the batches any more.
async fn receive(socket: &tokio::net::UdpSocket, outlet: &Outlet, gauge: &Gauge) -> std::io::Result<()> {
    let mut buffer = vec![0; DATAGRAM];
    let mut peers = Peers::default();
    let mut failures = 0_u32;
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => peers.take(shown(from), buffer.get(..length).unwrap_or_default()),
            // What an ICMP error or a lack of memory says passes; what does not pass is told.
            Err(error) if failures > 100 => return Err(error),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        failures = 0;
        // Whatever else waits already goes along.
        let mut most = MOST;
        while peers.held + DATAGRAM < MAX_BATCH && most > 0 {
            let Ok((length, from)) = socket.try_recv_from(&mut buffer) else { break };
            peers.take(shown(from), buffer.get(..length).unwrap_or_default());
            most -= 1;
        }
        gauge.parts(peers.known.len());
        for batch in peers.batches() {
            if outlet.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// What each peer has sent and was not handed on yet.
#[derive(Debug, Default)]
struct Peers {
    known: BTreeMap<IpAddr, Peer>,
    held: usize,
    next_part: u64,
    /// Counts datagrams: who spoke last.
    turn: u64,
}

#[derive(Debug)]
struct Peer {
    part: u64,
    offset: u64,
    lines: Vec<u8>,
    spoke: u64,
}

impl Peers {
    fn take(&mut self, from: IpAddr, datagram: &[u8]) {
        self.turn += 1;
        let next_part = &mut self.next_part;
        let peer = self.known.entry(from).or_insert_with(|| {
            *next_part += 1;
            Peer { part: *next_part, offset: 0, lines: Vec::new(), spoke: 0 }
        });
        peer.spoke = self.turn;
        let before = peer.lines.len();
        write_line(datagram, &mut peer.lines);
        self.held += peer.lines.len() - before;
    }

    /// What is held, a batch for each peer.
    fn batches(&mut self) -> Vec<LogBatch> {
        self.held = 0;
        let mut batches = Vec::new();
        for (from, peer) in self.known.iter_mut().filter(|(_, peer)| !peer.lines.is_empty()) {
            let bytes = std::mem::take(&mut peer.lines);
            let offset = peer.offset;
            peer.offset += bytes.len() as u64;
            batches.push(LogBatch {
                part: peer.part,
                name: from.to_string(),
                offset,
                bytes,
                ..LogBatch::default()
            });
        }
        let excess = self.known.len().saturating_sub(PEERS);
        let mut spoke: Vec<u64> = self.known.values().map(|peer| peer.spoke).collect();
        spoke.sort_unstable();
        if let Some(earliest) = spoke.get(excess).copied() {
            self.known.retain(|_, peer| peer.spoke >= earliest);
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_told_apart_and_bounded() {
        let mut peers = Peers::default();
        let peer = |number: u32| IpAddr::from(number.to_be_bytes());
        peers.take(peer(1), b"<1>a\n");
        peers.take(peer(2), b"<1>b\nc");
        peers.take(peer(1), b"<1>d");
        let batches = peers.batches();
        let texts: Vec<_> = batches.iter().map(|batch| String::from_utf8_lossy(&batch.bytes)).collect();
        assert_eq!(texts, ["<1>a\n<1>d\n", "<1>b c\n"]);
        assert_eq!(
            batches.iter().map(|batch| batch.name.as_str()).collect::<Vec<_>>(),
            ["0.0.0.1", "0.0.0.2"]
        );
        for number in 0..2_000 {
            peers.take(peer(number), b"<1>x");
            peers.batches();
            assert!(peers.known.len() <= PEERS);
        }
        assert_eq!(peers.held, 0);
    }
}
