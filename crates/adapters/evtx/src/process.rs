//! A child that runs: what it is sent, what it says, and how it comes to its end.
//!
//! One thread waits for three pipes at once, so nothing that the other side does or leaves undone blocks this one for
//! longer than it is willing to wait.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::limits::Limits;
use crate::protocol::{HEADER, Kind, MARK, MAX_BODY, opening, request};

/// Read at once: what a pipe holds.
const PIECE: usize = 64 << 10;
/// Written at once: what every pipe that is ready takes without blocking (POSIX: at least 512 bytes).
const LETTER: usize = 512;
/// The most that is kept of what a child says in words, in bytes; of standard error it is the end.
const SAID: usize = 1024;
/// How long a child whose pipe is closed has to end by itself, so that its own end shows.
const GRACE: Duration = Duration::from_millis(500);

/// Why a child is of no use any more.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It closed its side.
    Ended,
    /// It had all the time it gets.
    Late,
    /// It said more about a file than files hold.
    Flooding,
    /// It said something that is no frame.
    Garbled(&'static str),
    /// This side's system failed.
    System(io::Error),
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    requests: ChildStdin,
    answers: ChildStdout,
    /// `None` once the child has closed it.
    errors: Option<ChildStderr>,
    unsent: Vec<u8>,
    received: Vec<u8>,
    /// Up to here `received` was used.
    taken: usize,
    said: Vec<u8>,
    files: u64,
}

impl Process {
    /// Starts a child and waits until it has bound itself; or says why there is none.
    pub(crate) fn start(
        program: &Path,
        arguments: &[OsString],
        environment: &[(OsString, OsString)],
        limits: &Limits,
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failure = |error: io::Error| format!("`{}` does not start: {error}", program.display());
        let mut child = command.spawn().map_err(failure)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(requests), Some(answers), errors) = pipes else {
            // It was asked for pipes, so this does not happen; but no process may be left behind.
            child.kill().and_then(|()| child.wait()).map_err(failure)?;
            return Err(format!("`{}` started without pipes", program.display()));
        };
        let mut process = Self {
            child,
            requests,
            answers,
            errors,
            unsent: opening(limits.memory),
            received: Vec::new(),
            taken: 0,
            said: Vec::new(),
            files: 0,
        };
        let mut patience = Duration::from_secs(limits.seconds_per_file.into());
        let ready = process.frame(&mut patience).map(|(kind, body)| kind == Kind::Ready && body == MARK);
        match ready {
            Ok(true) => Ok(process),
            Ok(false) => Err(process.end(&Broken::Garbled("the words of another version"))),
            Err(broken) => Err(process.end(&broken)),
        }
    }

    /// The process itself, unless it has ended in the meantime.
    pub(crate) fn if_alive(mut self) -> Option<Self> {
        let alive = matches!(self.child.try_wait(), Ok(None));
        alive.then_some(self)
    }

    /// Whether it has read a file to its end.
    pub(crate) const fn has_served(&self) -> bool {
        self.files > 0
    }

    /// Notes that it has read a file to its end.
    pub(crate) const fn served(&mut self) {
        self.files += 1;
    }

    /// Asks for a file. It may be busy with another one.
    pub(crate) fn ask(&mut self, path: &Path, seconds: u32) {
        request(path, seconds, &mut self.unsent);
        // It may have nothing else to do, so do not leave it waiting until it is listened to.
        while !self.unsent.is_empty() && is_ready(&mut [PollFd::new(&self.requests, PollFlags::OUT)]) {
            self.send();
        }
    }

    /// The next frame. Waiting for it uses `patience` up.
    pub(crate) fn frame(&mut self, patience: &mut Duration) -> Result<(Kind, &[u8]), Broken> {
        let (kind, body) = loop {
            match self.whole()? {
                Some(found) => break found,
                None => self.wait(patience)?,
            }
        };
        self.taken = body.end;
        Ok((kind, self.received.get(body).unwrap_or_default()))
    }

    /// The frame at the beginning of what was received, once all of it is there.
    fn whole(&self) -> Result<Option<(Kind, Range<usize>)>, Broken> {
        let unread = self.received.get(self.taken..).unwrap_or_default();
        let Some((length, rest)) = unread.split_first_chunk::<4>() else { return Ok(None) };
        let Some((kind, rest)) = rest.split_first() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_BODY {
            return Err(Broken::Garbled("a frame that is too long"));
        }
        let kind = Kind::of(*kind).ok_or(Broken::Garbled("a frame of an unknown kind"))?;
        let begin = self.taken + HEADER;
        Ok((rest.len() >= length).then_some((kind, begin..begin + length)))
    }

    /// Waits until something moves, and moves it.
    fn wait(&mut self, patience: &mut Duration) -> Result<(), Broken> {
        let begun = Instant::now();
        let timeout = Timespec::try_from(*patience).map_err(|_| Broken::Late)?;
        let (answers, errors, requests) = {
            let mut ends = vec![PollFd::new(&self.answers, PollFlags::IN)];
            ends.extend(self.errors.as_ref().map(|errors| PollFd::new(errors, PollFlags::IN)));
            if !self.unsent.is_empty() {
                ends.push(PollFd::new(&self.requests, PollFlags::OUT));
            }
            match poll(&mut ends, Some(&timeout)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Broken::System(errno.into())),
            }
            let mut ready = ends.iter().map(|end| !end.revents().is_empty());
            let mut next = || ready.next() == Some(true);
            (next(), self.errors.is_some() && next(), next())
        };
        *patience = patience.saturating_sub(begun.elapsed());
        if errors {
            self.hear();
        }
        if requests {
            self.send();
        }
        if answers {
            return self.receive();
        }
        if patience.is_zero() { Err(Broken::Late) } else { Ok(()) }
    }

    fn receive(&mut self) -> Result<(), Broken> {
        self.received.drain(..self.taken);
        self.taken = 0;
        let old = self.received.len();
        self.received.resize(old + PIECE, 0);
        let read = self.answers.read(self.received.get_mut(old..).unwrap_or_default());
        self.received.truncate(old + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => Err(Broken::Ended),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(Broken::System(error)),
        }
    }

    fn send(&mut self) {
        match self.requests.write(self.unsent.get(..LETTER).unwrap_or(&self.unsent)) {
            Ok(sent) => drop(self.unsent.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // It takes nothing more. Whether it has ended, its other pipe tells.
            Err(_) => self.unsent.clear(),
        }
    }

    fn hear(&mut self) {
        let Some(errors) = &mut self.errors else { return };
        let mut words = [0; SAID];
        match errors.read(&mut words) {
            Ok(0) => self.errors = None,
            Ok(heard) => {
                self.said.extend_from_slice(words.get(..heard).unwrap_or_default());
                let old = self.said.len().saturating_sub(SAID);
                self.said.drain(..old);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.errors = None,
        }
    }

    /// Ends it, and says what became of it.
    pub(crate) fn end(mut self, broken: &Broken) -> String {
        if matches!(broken, Broken::Ended) {
            let closed = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && closed.elapsed() < GRACE {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let status = self.child.kill().and_then(|()| self.child.wait());
        // What it wrote before it ended is in the pipe. Somebody else may have the pipe too, so there is no waiting for
        // its end.
        for _ in 0..PIECE / SAID {
            let more = |errors: &ChildStderr| is_ready(&mut [PollFd::new(errors, PollFlags::IN)]);
            if !self.errors.as_ref().is_some_and(more) {
                break;
            }
            self.hear();
        }
        let mut words = match (broken, status) {
            (Broken::Ended, Ok(status)) => format!("the process that read it ended ({status})"),
            (Broken::Ended, Err(error)) => format!("the process that read it was lost: {error}"),
            (broken, _) => broken.to_string(),
        };
        let said = legible(&self.said);
        if !said.is_empty() {
            words.push_str(", saying `");
            words.push_str(&said);
            words.push('`');
        }
        words
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Otherwise it would stay as long as this process does, dead or alive.
        if self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the process that read it ended"),
            Self::Late => f.write_str("it took too long, so the process that read it was stopped"),
            Self::Flooding => f.write_str(
                "it came to more than files of its length hold, so the process that read it was stopped",
            ),
            Self::Garbled(what) => {
                write!(f, "the process that read it said {what}, so it was stopped")
            }
            Self::System(error) => write!(f, "the process that read it cannot be listened to: {error}"),
        }
    }
}

/// Whether one of these has something, now.
fn is_ready(ends: &mut [PollFd<'_>]) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(ends, Some(&now)), Ok(ready) if ready > 0)
}

/// Words of another process, on one line, and not too many of them.
pub(crate) fn legible(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words.get(..SAID).unwrap_or(words));
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
