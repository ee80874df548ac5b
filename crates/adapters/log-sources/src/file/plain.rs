//! Reading files as they are: from where they were left to where they end now, as long as they are still the same.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use ports::logs::{LogBatch, MAX_BATCH, MAX_HEAD};

use super::identity::{DEEP, Deep};
use super::ledger::Entry;
use super::tail::{Flow, Known, Related, Tail};
use super::tracked::{Handle, Kind, Tracked};

/// How much of a file's beginning is compared each time: 1 KiB.
const HEAD: usize = 1 << 10;
/// What people are told.
const TRUNCATED: &str = "was truncated";
const REPLACED: &str = "was truncated and written anew, or replaced";
/// How much a converter gets to see.
const SAMPLE: usize = 4 << 10;

impl Tail {
    /// Looks into a file: how it is read, and whether it is what it was.
    pub(super) fn know(&mut self, file: &mut Tracked, now: Instant) -> io::Result<Known> {
        let Some(mut entry) = self.ledger().get(file.part) else { return Ok(Known::Never) };
        if let Some(packing) = file.found.packing {
            return self.know_packed(file, entry, packing, now);
        }
        let (size, first) = {
            let handle = self.opened(file)?;
            (handle.metadata()?.len(), read_at(handle, 0, DEEP as u64)?)
        };
        if first.is_empty() {
            if entry.read > 0 && !file.sibling {
                self.replace(file, TRUNCATED);
            }
            file.at_end = None;
            return Ok(if file.sibling { Known::Never } else { Known::Later });
        }
        let sample = first.get(..SAMPLE).unwrap_or(&first);
        if self.converter.as_ref().is_some_and(|converter| converter.suits(sample, &file.found.name)) {
            return Ok(self.know_converted(file, entry));
        }
        file.kind = Kind::Plain;
        if entry.read > 0 && (size < entry.offset || entry.stamp != 0 || !entry.print.fits(&first)) {
            if file.sibling {
                return Ok(Known::Never);
            }
            self.replace(file, if size < entry.offset { TRUNCATED } else { REPLACED });
            entry = Entry::new(file.found.id);
        }
        let start = if entry.read > 0 {
            entry.read
        } else if let Some(size) = file.at_end {
            let start = last_line(self.opened(file)?, size)?;
            self.ledger().change(file.part, |entry| entry.resume(start, &first));
            start
        } else {
            match self.relate(file, &first, Some(size), now) {
                Related::From(start) => start,
                Related::Later => return Ok(Known::Later),
                Related::Not => return Ok(Known::Never),
            }
        };
        file.at_end = None;
        file.blank = start == 0;
        file.head = first.get(..HEAD).unwrap_or(&first).to_vec();
        self.remember(file, start, &first);
        Ok(Known::Yes)
    }

    /// What was read before the present run is part of the print.
    pub(super) fn remember(&self, file: &mut Tracked, start: u64, first: &[u8]) {
        let read = usize::try_from(start).unwrap_or(usize::MAX).min(first.len());
        file.deep = Deep::default();
        file.deep.feed(0, first.get(..read).unwrap_or_default());
        let print = file.deep.print();
        self.ledger().change(file.part, |entry| entry.print = print);
    }

    /// The open file; opens it if need be.
    fn opened<'f>(&mut self, file: &'f mut Tracked) -> io::Result<&'f File> {
        if !matches!(file.handle, Handle::Plain(_)) {
            self.close_one();
            file.handle = Handle::Plain(self.selection.open(&file.found)?);
        }
        match &file.handle {
            Handle::Plain(handle) => Ok(handle),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The next piece of a file that is read as it is.
    pub(super) fn plain(&mut self, file: &mut Tracked, now: Instant) -> io::Result<Flow> {
        let Some(entry) = self.ledger().get(file.part) else { return Ok(Flow::Over(None)) };
        let over = file.is_over(self.pace, now);
        let begins = self.current != Some(file.part);
        let start = if begins { entry.start() } else { entry.read };
        let head = file.head.clone();
        let handle = self.opened(file)?;
        let size = handle.metadata()?.len();
        if size < entry.read {
            return Ok(self.restart(file, TRUNCATED));
        }
        // What was read counts only if the file is the same all the while.
        let again = read_at(handle, 0, HEAD as u64)?;
        if !again.starts_with(&head) {
            return Ok(self.restart(file, REPLACED));
        }
        let finish = over && entry.begun;
        if size == entry.read && !finish {
            if over && file.gone.is_some() {
                self.ledger().lose(file.part);
                return Ok(Flow::Over(None));
            }
            return Ok(Flow::Nothing);
        }
        let bytes = read_at(handle, start, (size - start).min(MAX_BATCH as u64))?;
        let end = start + bytes.len() as u64;
        if handle.metadata()?.len() < end || !read_at(handle, 0, HEAD as u64)?.starts_with(&again) {
            return Ok(self.restart(file, REPLACED));
        }
        let first =
            if begins && start > 0 { read_at(handle, 0, start.min(MAX_HEAD as u64))? } else { Vec::new() };
        file.head = again;
        file.deep.feed(start, &bytes);
        let print = file.deep.print();
        if file.blank && bytes.iter().all(|byte| *byte == 0) && !bytes.is_empty() {
            // A file that was truncated under its writer begins with as many zeros as it had bytes.
            self.ledger().change(file.part, |entry| {
                (entry.offset, entry.read, entry.told, entry.print) = (end, end, true, print);
            });
            if end >= size && !std::mem::replace(&mut file.hollow, true) {
                let path = file.found.path.display();
                self.fault(format!(
                    "`{path}` holds {end} bytes of zeros and nothing else: was it cut off by a crash or a full disk? Put back a \
                     whole copy, or remove it; what is written behind them is read"
                ));
            }
            return Ok(Flow::Busy);
        }
        if file.blank && start > 0 {
            self.note(format!(
                "`{}` begins with {start} zero bytes or more, which are passed over",
                file.found.name
            ));
        }
        let ends = over && end >= size;
        self.ledger().change(file.part, |entry| (entry.read, entry.begun, entry.print) = (end, !ends, print));
        self.current = (!ends).then_some(file.part);
        let blank = std::mem::take(&mut file.blank) || first.first() == Some(&0);
        let batch = LogBatch {
            part: file.part,
            name: file.found.name.clone(),
            begins,
            head: if blank { Vec::new() } else { first },
            offset: start,
            bytes,
            ends,
            ..LogBatch::default()
        };
        if ends && file.gone.is_some() {
            self.ledger().lose(file.part);
            return Ok(Flow::Over(Some(batch)));
        }
        Ok(Flow::Batch(batch))
    }

    /// Begins a file again that is not what it was.
    fn restart(&mut self, file: &mut Tracked, what: &str) -> Flow {
        self.replace(file, what);
        file.known = false;
        Flow::Busy
    }
}

/// Bytes from a place in a file, fewer where it ends.
fn read_at(file: &File, from: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(most).unwrap_or(MAX_BATCH).min(MAX_BATCH)];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read_at(room, from + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Where the line begins in which a file ends; its end when that line is longer than any record.
fn last_line(file: &File, size: u64) -> io::Result<u64> {
    let from = size.saturating_sub(MAX_BATCH as u64);
    let bytes = read_at(file, from, size - from)?;
    Ok(match memchr::memrchr(b'\n', &bytes) {
        Some(at) => from + at as u64 + 1,
        None if from == 0 => 0,
        None => size,
    })
}
