//! Files that are no text, turned into lines by a thread that waits until its lines are taken.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use ports::logs::{Converted, Converter, LogError, MAX_BATCH};

/// How long one step waits for lines.
const PATIENCE: Duration = Duration::from_millis(100);

/// What a conversion gives.
pub(super) enum Piece {
    /// Lines, cut anywhere.
    Lines(Vec<u8>),
    /// That was all.
    Over(Result<Converted, LogError>),
    /// Nothing yet.
    Later,
}

/// A conversion under way. When it is dropped, what is left of the file is read and thrown away.
pub(super) struct Conversion {
    pieces: Receiver<Piece>,
    /// Bytes of lines that were taken from it.
    pub(super) at: u64,
}

impl Conversion {
    pub(super) fn start(converter: Arc<dyn Converter>, path: PathBuf) -> io::Result<Self> {
        // One piece waits, and one is being filled.
        let (sender, pieces) = sync_channel(1);
        let run = move || {
            let mut gather = Gather { full: Vec::new(), sender: Some(sender) };
            let result = converter.convert(&path, &mut |record: &[u8]| {
                gather.add(record);
                gather.add(b"\n");
            });
            gather.flush();
            if let Some(sender) = gather.sender {
                let _ = sender.send(Piece::Over(result));
            }
        };
        std::thread::Builder::new().name("log-converter".to_owned()).spawn(run)?;
        Ok(Self { pieces, at: 0 })
    }

    /// The next piece; waits a moment for it.
    pub(super) fn next(&mut self) -> Piece {
        match self.pieces.recv_timeout(PATIENCE) {
            Ok(Piece::Lines(lines)) => {
                self.at += lines.len() as u64;
                Piece::Lines(lines)
            }
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => Piece::Later,
            Err(RecvTimeoutError::Disconnected) => Piece::Over(Err(LogError::Unreadable(
                "its converter broke down; report it with the file".to_owned(),
            ))),
        }
    }
}

/// Gathers lines to pieces. Once nobody takes them any more, they go nowhere.
struct Gather {
    full: Vec<u8>,
    sender: Option<SyncSender<Piece>>,
}

impl Gather {
    fn add(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while self.sender.is_some() && !rest.is_empty() {
            let room = MAX_BATCH.saturating_sub(self.full.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.full.extend_from_slice(now);
            rest = later;
            if self.full.len() >= MAX_BATCH {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        let full = std::mem::take(&mut self.full);
        if let Some(sender) = &self.sender
            && !full.is_empty()
            && sender.send(Piece::Lines(full)).is_err()
        {
            self.sender = None;
        }
    }
}
