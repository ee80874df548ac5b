//! Running a program: by its path, without a shell, within a time, and with an answer of bounded size.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes of complaints that are kept.
const MAX_STDERR: usize = 64 << 10;
/// Between two looks at whether the program has ended, once it has closed its output.
const PAUSE: Duration = Duration::from_millis(5);

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) time: Duration,
    /// Bytes of standard output.
    pub(crate) output: usize,
}

/// A program that ended in time.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Why there is no such answer.
#[derive(Debug)]
pub(crate) enum RunError {
    /// It could not be started.
    Start(std::io::Error),
    /// It took longer than allowed, and was killed.
    TooSlow,
    /// It wrote more than allowed, and was killed.
    TooMuch,
    /// Its answer could not be read.
    Read(std::io::Error),
}

/// What a reading thread brings.
enum Piece {
    Output(Vec<u8>),
    TooMuch,
    Complaints(Vec<u8>),
    Failed(std::io::Error),
}

/// Runs a program with nothing of our environment, hands it `input` on its standard input, and waits for its end.
pub(crate) fn run(
    program: &Path,
    args: &[&str],
    input: String,
    limits: Limits,
) -> Result<Finished, RunError> {
    let deadline = Instant::now() + limits.time;
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(RunError::Start)?;
    let outcome = converse(&mut child, input, limits.output, deadline);
    if outcome.is_err() {
        // It may be gone already; either way nobody waits for it any longer.
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

fn converse(child: &mut Child, input: String, most: usize, deadline: Instant) -> Result<Finished, RunError> {
    let (send, receive) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program that reads nothing closes its end: what it says then is in its answer.
        spawn(move || drop(stdin.write_all(input.as_bytes())))?;
    }
    if let Some(stdout) = child.stdout.take() {
        let send = send.clone();
        spawn(move || read_output(stdout, most, &send))?;
    }
    if let Some(stderr) = child.stderr.take() {
        spawn(move || read_complaints(stderr, &send))?;
    }
    let (stdout, stderr) = collect(&receive, deadline)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(RunError::Read)? {
            break status;
        }
        if Instant::now() >= deadline {
            return Err(RunError::TooSlow);
        }
        thread::sleep(PAUSE);
    };
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(Finished { success: status.success(), stdout, stderr })
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), RunError> {
    thread::Builder::new().name("actuator".to_owned()).spawn(work).map(drop).map_err(RunError::Start)
}

fn read_output(stdout: impl Read, most: usize, send: &Sender<Piece>) {
    let mut bytes = Vec::new();
    let read = stdout.take(most as u64 + 1).read_to_end(&mut bytes);
    // Whoever waited may have given up.
    let _ = send.send(match read {
        Err(error) => Piece::Failed(error),
        Ok(_) if bytes.len() > most => Piece::TooMuch,
        Ok(_) => Piece::Output(bytes),
    });
}

fn read_complaints(mut stderr: impl Read, send: &Sender<Piece>) {
    let mut bytes = Vec::new();
    let read = stderr.by_ref().take(MAX_STDERR as u64).read_to_end(&mut bytes);
    // The rest is read all the same, so that a talkative program does not wait for us.
    let rest = std::io::copy(&mut stderr, &mut std::io::sink());
    let _ = send.send(match read.and(rest) {
        Err(error) => Piece::Failed(error),
        Ok(_) => Piece::Complaints(bytes),
    });
}

fn collect(receive: &Receiver<Piece>, deadline: Instant) -> Result<(Vec<u8>, Vec<u8>), RunError> {
    let (mut stdout, mut stderr) = (None, None);
    loop {
        if stdout.is_some() && stderr.is_some() {
            return Ok((stdout.unwrap_or_default(), stderr.unwrap_or_default()));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match receive.recv_timeout(left) {
            Ok(Piece::Output(bytes)) => stdout = Some(bytes),
            Ok(Piece::Complaints(bytes)) => stderr = Some(bytes),
            Ok(Piece::TooMuch) => return Err(RunError::TooMuch),
            Ok(Piece::Failed(error)) => return Err(RunError::Read(error)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(RunError::TooSlow),
        }
    }
}
