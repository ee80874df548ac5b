//! Connections: each is a part of its own, read no faster than the caller takes.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use ports::logs::{LogBatch, LogError, MAX_BATCH};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::framing::{Budget, Splitter};
use super::shown;
use super::tls::Doors;
use crate::fed::{Gauge, Outlet};

/// Connections at once; more are closed as they come.
const CONNECTIONS: usize = 256;
/// Read from a connection at once, in bytes.
const READ: usize = 16 << 10;
/// Lines of a connection that wait for the caller, in bytes; then it is not read any further.
const WAITING: usize = 64 << 10;
/// What all connections may hold of messages that are longer than most: 32 MiB.
const SHARED: usize = 32 << 20;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection may say nothing at all.
const FIRST_WORD: Duration = Duration::from_secs(60);

/// Starts to take in connections.
pub(super) fn start(
    listener: TcpListener,
    doors: Option<Doors>,
    idle: Duration,
    outlet: Outlet,
    gauge: Arc<Gauge>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => accept(&listener, doors, idle, outlet, gauge).await,
            Err(error) => {
                let message = format!("connections cannot be accepted: {error}; open the source again");
                let _ = outlet.send(Err(LogError::Gone(message))).await;
            }
        }
    });
    tasks
}

async fn accept(
    listener: &tokio::net::TcpListener,
    mut doors: Option<Doors>,
    idle: Duration,
    outlet: Outlet,
    gauge: Arc<Gauge>,
) {
    let budget = Budget::of(SHARED);
    // Dropped with this task, which ends every connection.
    let mut connections = JoinSet::new();
    let mut part = 0;
    loop {
        gauge.parts(connections.len());
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a peer that left at once: neither ends the listening.
                gauge.note(format!("a connection could not be accepted: {error}"));
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let name = shown(from).to_string();
        if connections.len() >= CONNECTIONS {
            gauge.refuse(format!("a connection from {name} was refused: {CONNECTIONS} are open"));
            continue;
        }
        part += 1;
        let connection = Connection {
            part,
            name,
            idle,
            outlet: outlet.clone(),
            gauge: Arc::clone(&gauge),
            budget: Arc::clone(&budget),
        };
        let acceptor = doors.as_mut().map(|doors| doors.acceptor(&gauge));
        connections.spawn(async move {
            let Some(acceptor) = acceptor else { return connection.serve(stream).await };
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => connection.serve(stream).await,
                Ok(Err(error)) => connection.refuse(&format!("failed: {error}")),
                Err(_) => connection.refuse("took too long"),
            }
        });
    }
}

/// One connection.
struct Connection {
    part: u64,
    name: String,
    idle: Duration,
    outlet: Outlet,
    gauge: Arc<Gauge>,
    budget: Arc<Budget>,
}

impl Connection {
    fn refuse(&self, why: &str) {
        self.gauge.refuse(format!("the TLS handshake with {} {why}", self.name));
    }

    /// Reads to the end, as fast as the batches are taken.
    async fn serve(self, mut stream: impl AsyncRead + Unpin) {
        let mut splitter = Splitter::new(Arc::clone(&self.budget));
        let mut buffer = vec![0; READ];
        let mut lines: Vec<u8> = Vec::new();
        let mut offset = 0_u64;
        let mut until = Instant::now() + self.idle.min(FIRST_WORD);
        loop {
            tokio::select! {
                biased;
                permit = self.outlet.reserve(), if !lines.is_empty() => {
                    let Ok(permit) = permit else { return };
                    permit.send(Ok(self.batch(&mut offset, &mut lines)));
                    if lines.is_empty() {
                        splitter.settle();
                    }
                }
                read = stream.read(&mut buffer), if lines.len() < WAITING => match read {
                    Ok(0) => break,
                    Ok(length) => {
                        until = Instant::now() + self.idle;
                        splitter.push(buffer.get(..length).unwrap_or_default(), &mut lines);
                        self.count(&mut splitter);
                    }
                    Err(error) => {
                        // Many close without saying so in TLS.
                        if error.kind() != std::io::ErrorKind::UnexpectedEof {
                            self.gauge.note(format!("the connection from {} broke off: {error}", self.name));
                        }
                        break;
                    }
                },
                () = sleep_until(until), if lines.is_empty() => {
                    self.gauge.note(format!("the connection from {} was closed: it was silent too long", self.name));
                    break;
                }
            }
        }
        let missing = splitter.finish(&mut lines);
        self.count(&mut splitter);
        let mut ends = false;
        while !ends {
            let mut batch = self.batch(&mut offset, &mut lines);
            ends = lines.is_empty();
            batch.ends = ends;
            if let Some(missing) = missing.filter(|_| ends) {
                batch.notes.push(format!(
                    "the connection from {} ended inside a message, {missing} bytes before its end",
                    self.name
                ));
            }
            if self.outlet.send(Ok(batch)).await.is_err() {
                return;
            }
        }
    }

    fn count(&self, splitter: &mut Splitter) {
        let lost = splitter.take_lost();
        if lost > 0 {
            self.gauge.lose(lost);
            self.gauge.note(format!(
                "messages from {} were passed over: they have 1 MiB or more, or too many long ones came at once",
                self.name
            ));
        }
    }

    /// The next batch of whole lines.
    fn batch(&self, offset: &mut u64, lines: &mut Vec<u8>) -> LogBatch {
        let most = lines.get(..MAX_BATCH).and_then(|most| memchr::memrchr(b'\n', most));
        let rest = most.map(|last| lines.split_off(last + 1)).unwrap_or_default();
        let bytes = std::mem::replace(lines, rest);
        let begin = *offset;
        *offset += bytes.len() as u64;
        LogBatch { part: self.part, name: self.name.clone(), offset: begin, bytes, ..LogBatch::default() }
    }
}
