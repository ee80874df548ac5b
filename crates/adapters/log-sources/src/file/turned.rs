//! Reading files as what they are turned into: packed ones unpacked, others converted to lines.
//!
//! Such a file is read once it rests, from its beginning to its end, and again only when it has changed. Offsets count bytes
//! of what comes out; to go on in the middle, what stands before is turned once more and passed over.

use std::io;
use std::time::Instant;

use ports::logs::{Converted, LogBatch, MAX_BATCH, MAX_HEAD};

use super::convert::{Conversion, Piece};
use super::identity::DEEP;
use super::ledger::Entry;
use super::tail::{Flow, Known, Related, Tail};
use super::tracked::{Handle, Kind, Tracked};
use super::unpack::{Packing, Unpacker, Unpacking};

/// What one step unpacks to pass over, so that a step never takes long: 64 MiB.
const PASS: u64 = 64 << 20;

/// Why a file that is packed is not unpacked to its end.
const CUT_OFF: &str = "ends too early, as if it had been cut off; what came before was read";

impl Tail {
    /// Looks into a packed file.
    pub(super) fn know_packed(
        &mut self,
        file: &mut Tracked,
        entry: Entry,
        packing: Packing,
        now: Instant,
    ) -> io::Result<Known> {
        if file.at_end.is_some() {
            return Ok(self.pass(file));
        }
        if !file.stable || file.found.size == 0 {
            return Ok(Known::Later);
        }
        let mut unpacker = Unpacker::new(self.selection.open(&file.found)?, packing)?;
        let mut first = vec![0; DEEP];
        match unpacker.fill(&mut first) {
            // It may be being written, and be too little as yet to show that it holds what another held.
            Ok(_) if unpacker.is_cut_off() && !file.rests(self.pace.grace, now) => return Ok(Known::Later),
            Ok(length) => first.truncate(length),
            Err(Unpacking::CutOff) if !file.is_quiet(self.pace, now) => return Ok(Known::Later),
            Err(failure) => {
                self.say(file, &failure);
                return Ok(self.pass(file));
            }
        }
        let mut start = entry.read;
        if start > 0 && !entry.print.fits(&first) {
            if file.sibling {
                return Ok(Known::Never);
            }
            self.replace(file, "was replaced");
            start = 0;
        }
        if start == 0 {
            match self.relate(file, &first, None, now) {
                Related::From(from) => start = from,
                Related::Later => return Ok(Known::Later),
                Related::Not => return Ok(Known::Never),
            }
        }
        file.kind = Kind::Packed(packing);
        self.remember(file, start, &first);
        Ok(Known::Yes)
    }

    /// Takes in that a file is one to be converted.
    pub(super) fn know_converted(&mut self, file: &mut Tracked, entry: Entry) -> Known {
        file.handle = Handle::Closed;
        if file.at_end.is_some() {
            return self.pass(file);
        }
        if !file.stable || file.sibling {
            return if file.sibling { Known::Never } else { Known::Later };
        }
        if entry.read > 0 && entry.stamp == 0 {
            self.replace(file, "is converted now");
        }
        file.kind = Kind::Converted;
        Known::Yes
    }

    /// Counts a file as read, as it is now.
    fn pass(&self, file: &Tracked) -> Known {
        let stamp = file.stamp();
        self.ledger().change(file.part, |entry| (entry.stamp, entry.ended) = (stamp, true));
        Known::Never
    }

    fn say(&mut self, file: &Tracked, failure: &Unpacking) {
        let path = file.found.path.display();
        let message = match failure {
            Unpacking::CutOff => format!("`{path}` {CUT_OFF}: pack it again if there is more"),
            Unpacking::Refused(why) => format!("`{path}` cannot be unpacked any further: {why}"),
        };
        self.fault(message);
    }

    /// Where the next batch begins, and whether a reader does.
    fn place(&self, file: &Tracked) -> Option<(u64, bool)> {
        let entry = self.ledger().get(file.part)?;
        let begins = self.current != Some(file.part);
        Some((if begins { entry.start() } else { entry.read }, begins))
    }

    /// The next piece of a packed file.
    pub(super) fn packed(&mut self, file: &mut Tracked, packing: Packing, now: Instant) -> io::Result<Flow> {
        let Some((start, begins)) = self.place(file) else { return Ok(Flow::Over(None)) };
        let mut unpacker = match std::mem::replace(&mut file.handle, Handle::Closed) {
            Handle::Packed(unpacker) if unpacker.at() <= start => unpacker,
            // It is being written, or was when it looked like this.
            _ if !file.stable || (file.cut == file.stamp() && !file.is_over(self.pace, now)) => {
                return Ok(Flow::Nothing);
            }
            _ => {
                file.first.clear();
                self.begin_turning(file);
                Box::new(Unpacker::new(self.selection.open(&file.found)?, packing)?)
            }
        };
        let mut bytes = vec![0; MAX_BATCH];
        let until = start.min(unpacker.at().saturating_add(PASS));
        let result = loop {
            let at = unpacker.at();
            // Up to the place where it goes on, and not a byte beyond.
            let room = if at < start { usize::try_from(until - at).unwrap_or(MAX_BATCH) } else { MAX_BATCH };
            let room = bytes.get_mut(..room.min(MAX_BATCH)).unwrap_or_default();
            let result = unpacker.fill(room);
            match result {
                Ok(length) if length > 0 && at < start => {
                    file.see(bytes.get(..length).unwrap_or_default());
                    if unpacker.at() >= until && until < start {
                        file.handle = Handle::Packed(unpacker);
                        return Ok(Flow::Busy);
                    }
                }
                result => break result,
            }
        };
        match result {
            Ok(0) if unpacker.at() < start => {
                // It is shorter than what was read of it, so it is something else.
                self.replace(file, "is shorter than it was");
                Ok(Flow::Busy)
            }
            Ok(0) => Ok(Flow::Over(self.finish(file))),
            Ok(length) => {
                bytes.truncate(length);
                file.handle = Handle::Packed(unpacker);
                Ok(Flow::Batch(self.turned(file, start, begins, bytes)))
            }
            Err(Unpacking::CutOff) if !file.is_over(self.pace, now) => {
                // As it was when it was opened: it may have grown since, and then it is to be looked into again.
                let opened = self.ledger().get(file.part).map_or(0, |entry| entry.stamp);
                (self.busy, file.cut) = (None, opened);
                Ok(Flow::Nothing)
            }
            Err(failure) => {
                self.say(file, &failure);
                Ok(Flow::Over(self.finish(file)))
            }
        }
    }

    /// The next piece of a file that is converted.
    pub(super) fn convert(&mut self, file: &mut Tracked) -> io::Result<Flow> {
        let Some((start, begins)) = self.place(file) else { return Ok(Flow::Over(None)) };
        let mut conversion = match std::mem::replace(&mut file.handle, Handle::Closed) {
            Handle::Converting(conversion) if conversion.at <= start => conversion,
            _ => {
                let Some(converter) = self.converter.clone() else { return Ok(Flow::Over(None)) };
                // By the open file it is made sure that the path leads to what was found.
                drop(self.selection.open(&file.found)?);
                file.first.clear();
                self.begin_turning(file);
                Conversion::start(converter, file.found.path.clone())?
            }
        };
        let at = conversion.at;
        let piece = conversion.next();
        match piece {
            Piece::Later => {
                file.handle = Handle::Converting(conversion);
                Ok(Flow::Busy)
            }
            Piece::Lines(lines) => {
                file.handle = Handle::Converting(conversion);
                Ok(self.lines(file, at, (start, begins), lines))
            }
            Piece::Over(Ok(converted)) => {
                self.sum_up(file, &converted);
                Ok(Flow::Over(self.finish(file)))
            }
            Piece::Over(Err(error)) => {
                self.fault(format!("`{}` was not converted to its end: {error}", file.found.path.display()));
                Ok(Flow::Over(self.finish(file)))
            }
        }
    }

    /// Lines of a conversion that begin at `at`; what stands before `start` was handed out earlier.
    fn lines(
        &mut self,
        file: &mut Tracked,
        at: u64,
        (start, begins): (u64, bool),
        mut lines: Vec<u8>,
    ) -> Flow {
        let (mut start, mut begins) = (start, begins);
        if at == 0 && start > 0 {
            let same = self.ledger().get(file.part).is_some_and(|entry| entry.print.fits(&lines));
            if same {
                self.note(format!("`{}` is converted again, and gone on with", file.found.name));
                self.remember(file, start, &lines);
            } else {
                self.replace(file, "has changed and holds other records");
                self.begin_turning(file);
                (start, begins) = (0, true);
            }
        }
        let passed = usize::try_from(start.saturating_sub(at)).unwrap_or(usize::MAX).min(lines.len());
        file.see(lines.get(..passed).unwrap_or_default());
        lines.drain(..passed);
        if lines.is_empty() {
            return Flow::Busy;
        }
        let mut batch = self.turned(file, start, begins, lines);
        batch.lines = true;
        Flow::Batch(batch)
    }

    /// What people are told of a conversion.
    fn sum_up(&mut self, file: &Tracked, converted: &Converted) {
        let Converted { records, bad, reasons, complete } = converted;
        let name = &file.found.name;
        if *bad > 0 {
            self.note(format!(
                "`{name}`: {bad} records beside {records} could not be read: {}",
                reasons.iter().map(String::as_str).take(5).collect::<Vec<_>>().join("; ")
            ));
        }
        if !complete {
            self.note(format!("`{name}` was not read to its end"));
        }
    }

    /// It is read from now on as it lies there now.
    fn begin_turning(&mut self, file: &Tracked) {
        self.busy = Some(file.found.id);
        let stamp = file.stamp();
        self.ledger().change(file.part, |entry| (entry.stamp, entry.ended) = (stamp, false));
    }

    fn turned(&mut self, file: &mut Tracked, start: u64, begins: bool, bytes: Vec<u8>) -> LogBatch {
        let end = start + bytes.len() as u64;
        file.deep.feed(start, &bytes);
        let print = file.deep.print();
        self.ledger().change(file.part, |entry| (entry.read, entry.begun, entry.print) = (end, true, print));
        self.current = Some(file.part);
        let head = if begins { file.first.clone() } else { Vec::new() };
        file.see(&bytes);
        let name = file.found.name.clone();
        LogBatch { part: file.part, name, begins, head, offset: start, bytes, ..LogBatch::default() }
    }

    /// All of it was turned, or as much as can be. Returns how its reader ends, if it has one.
    fn finish(&mut self, file: &mut Tracked) -> Option<LogBatch> {
        file.handle = Handle::Closed;
        self.busy = None;
        if file.kind == Kind::Converted {
            self.converted.insert(file.found.id, Instant::now() + self.pace.retry);
        }
        let place = self.place(file);
        let mut ledger = self.ledger();
        let begun = ledger.get(file.part).is_some_and(|entry| entry.begun);
        ledger.change(file.part, |entry| (entry.begun, entry.ended) = (false, true));
        if file.gone.is_some() {
            ledger.lose(file.part);
        }
        drop(ledger);
        let (offset, begins) = place.filter(|_| begun)?;
        self.current = None;
        let lines = file.kind == Kind::Converted;
        let name = file.found.name.clone();
        Some(LogBatch { part: file.part, name, begins, offset, ends: true, lines, ..LogBatch::default() })
    }
}

impl Tracked {
    /// Keeps the first bytes of what it is turned into.
    fn see(&mut self, bytes: &[u8]) {
        let room = MAX_HEAD.saturating_sub(self.first.len());
        self.first.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}
