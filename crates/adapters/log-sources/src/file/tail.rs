//! Following files: which are there, which is next, and what becomes of those that go.
//!
//! One [`Tail::step`] hands out at most one piece. It looks at the folder when a look is due; then it reads one of the
//! files in which something may be new, what is gone first and then in the order in which they were changed last. How a
//! file is read is in `plain` and, for what is unpacked or converted, in `turned`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use ports::logs::{Converter, LogBatch, LogError};

use super::identity::{Deep, Id, stamp};
use super::ledger::{Entry, Ledger, Newcomer, REMEMBERED, Relation};
use super::select::{Found, Listing, Selection, why};
use super::tracked::{Handle, Kind, Tracked};
use super::{Pace, lock};

/// Files that are kept open at a time.
const OPEN: usize = 64;
/// Notes that wait for a batch.
const NOTES: usize = 16;
/// Looking takes at most this part of the time: after one that took a second, none for twenty.
const SHARE: u32 = 20;
/// But there is a look after this time.
const RARELY: Duration = Duration::from_secs(60);

/// What one step came to.
pub(super) enum Step {
    Batch(LogBatch),
    Fault(LogError),
    /// Nothing to hand out, but there is more to do.
    Busy,
    /// Nothing to do.
    Idle,
}

/// What reading one file came to.
pub(super) enum Flow {
    /// Nothing at present.
    Nothing,
    /// Nothing to hand out, but there is more to do.
    Busy,
    Batch(LogBatch),
    /// There is no more to come, beside this.
    Over(Option<LogBatch>),
}

/// What is known after looking into a file.
pub(super) enum Known {
    /// How it is read.
    Yes,
    /// Not enough yet.
    Later,
    /// It is not to be read.
    Never,
}

/// Whether a file is read that was not met before.
pub(super) enum Related {
    /// From this offset.
    From(u64),
    /// Not as long as what it may be a copy of is there.
    Later,
    /// It is none of what it would have to be.
    Not,
}

/// All files of a source.
pub(super) struct Tail {
    pub(super) selection: Selection,
    from_end: bool,
    /// Whether there was a position.
    resumed: bool,
    pub(super) pace: Pace,
    pub(super) converter: Option<Arc<dyn Converter>>,
    ledger: Arc<Mutex<Ledger>>,
    files: BTreeMap<Id, Tracked>,
    /// The part whose reader the caller has.
    pub(super) current: Option<u64>,
    /// The part of the last batch.
    last: Option<u64>,
    /// The same, while the caller has not come back.
    in_flight: Option<u64>,
    /// The file that is being unpacked or converted: what it is turned into is not left in the middle without need.
    pub(super) busy: Option<Id>,
    /// Files that were converted, and when they may be again.
    pub(super) converted: BTreeMap<Id, Instant>,
    looks: u64,
    next_look: Option<Instant>,
    missing: Option<Instant>,
    faults: VecDeque<LogError>,
    /// What the last look complained about.
    told: BTreeSet<String>,
    /// Whether there were more files than are remembered.
    crowded: bool,
    notes: Vec<String>,
    turns: u64,
}

impl Tail {
    pub(super) fn new(
        selection: Selection,
        from_end: bool,
        ledger: Arc<Mutex<Ledger>>,
        converter: Option<Arc<dyn Converter>>,
        pace: Pace,
    ) -> Self {
        let resumed = !lock(&ledger).is_empty();
        Self {
            selection,
            from_end,
            resumed,
            pace,
            converter,
            ledger,
            files: BTreeMap::new(),
            current: None,
            last: None,
            in_flight: None,
            busy: None,
            converted: BTreeMap::new(),
            looks: 0,
            next_look: None,
            missing: None,
            faults: VecDeque::new(),
            told: BTreeSet::new(),
            crowded: false,
            notes: Vec::new(),
            turns: 0,
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// The next piece, or why there is none. `dealt` is whether the caller has dealt with the last one.
    pub(super) fn step(&mut self, dealt: bool) -> Step {
        let now = Instant::now();
        self.in_flight = self.last.filter(|_| !dealt);
        if self.faults.is_empty() && self.next_look.is_none_or(|at| at <= now) {
            self.look(now);
        }
        loop {
            if let Some(fault) = self.faults.pop_front() {
                return Step::Fault(fault);
            }
            let Some(mut file) = self.choose(now).and_then(|id| self.files.remove(&id)) else {
                return Step::Idle;
            };
            file.pending = false;
            let flow = self.read(&mut file, now);
            let (batch, busy) = match flow {
                Flow::Over(batch) => {
                    self.ledger().followed = self.files.len() as u64;
                    (batch, false)
                }
                Flow::Nothing => (self.keep(file), false),
                Flow::Busy => {
                    file.pending = true;
                    (self.keep(file), true)
                }
                Flow::Batch(batch) => {
                    file.pending = true;
                    self.keep(file);
                    (Some(batch), false)
                }
            };
            if let Some(mut batch) = batch {
                batch.notes.append(&mut self.notes);
                self.last = Some(batch.part);
                return Step::Batch(batch);
            }
            if busy {
                return Step::Busy;
            }
        }
    }

    /// Puts a file back.
    fn keep(&mut self, file: Tracked) -> Option<LogBatch> {
        self.files.insert(file.found.id, file);
        None
    }

    fn choose(&self, now: Instant) -> Option<Id> {
        let ready = |file: &&Tracked| file.pending && file.retry.is_none_or(|at| at <= now);
        let busy = self.busy.and_then(|id| self.files.get(&id)).filter(ready);
        let next = || {
            let ready = self.files.values().filter(ready);
            ready.min_by_key(|file| (file.gone.is_none(), file.found.order()))
        };
        busy.or_else(next).map(|file| file.found.id)
    }

    fn read(&mut self, file: &mut Tracked, now: Instant) -> Flow {
        self.turns += 1;
        file.used = self.turns;
        if !file.known {
            match self.know(file, now) {
                Ok(Known::Yes) => file.known = true,
                Ok(Known::Later) => return Flow::Nothing,
                Ok(Known::Never) => {
                    let mut ledger = self.ledger();
                    if ledger.get(file.part).is_some_and(|entry| entry.read == 0 && !entry.ended) {
                        ledger.remove(file.part);
                    } else if file.sibling {
                        ledger.lose(file.part);
                    }
                    return Flow::Over(None);
                }
                Err(error) => return self.failed(file, &error, now),
            }
        }
        let flow = match file.kind {
            Kind::Plain => self.plain(file, now),
            Kind::Packed(packing) => self.packed(file, packing, now),
            Kind::Converted => self.convert(file),
        };
        match flow {
            Ok(flow) => {
                (file.said, file.retry) = (None, None);
                flow
            }
            Err(error) => self.failed(file, &error, now),
        }
    }

    /// Says once what is the matter with a file, and tries again later.
    fn failed(&mut self, file: &mut Tracked, error: &io::Error, now: Instant) -> Flow {
        file.handle = Handle::Closed;
        if error.kind() == io::ErrorKind::NotFound {
            // It went, or another lies there: the next look sorts that out.
            return if file.sibling { Flow::Over(None) } else { Flow::Nothing };
        }
        file.pending = true;
        file.retry = Some(now + self.pace.retry);
        let message = format!("`{}` {}", file.found.path.display(), why(error));
        if file.said.as_ref() != Some(&message) {
            self.fault(message.clone());
            file.said = Some(message);
        }
        Flow::Nothing
    }

    pub(super) fn fault(&mut self, message: String) {
        self.faults.push_back(LogError::Unreadable(message));
    }

    pub(super) fn note(&mut self, text: String) {
        if self.notes.len() < NOTES && !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// What lies there is not what was read: it is another part from now on. What it was stays known, so that a copy of it
    /// goes on where it was left.
    pub(super) fn replace(&mut self, file: &mut Tracked, what: &str) {
        let mut ledger = self.ledger();
        ledger.lose(file.part);
        ledger.make_room(file.found.order());
        let Found { id, size, modified, .. } = file.found;
        file.part = ledger.add(Entry { size, modified, ..Entry::new(id) });
        drop(ledger);
        file.deep = Deep::default();
        file.head.clear();
        file.first.clear();
        file.at_end = None;
        self.note(format!("`{}` {what}: begun again from its beginning", file.found.name));
    }

    /// Looks at what is there.
    fn look(&mut self, now: Instant) {
        let begun = Instant::now();
        self.looks += 1;
        let mut listing = self.selection.list();
        self.complain(&mut listing, now);
        if self.looks == 1 && self.from_end {
            // The newest are remembered one by one, the rest together.
            let rest = listing.found.len().saturating_sub(REMEMBERED);
            if let Some(last) = listing.found.drain(..rest).next_back() {
                self.ledger().forget(last.order());
            }
        }
        self.converted.retain(|_, at| *at > now);
        let seen: BTreeSet<Id> = listing.found.iter().map(|found| found.id).collect();
        let (mut waiting, mut more) = (0_u64, 0_u64);
        for found in listing.found {
            let size = found.size;
            if !self.admit(found, false, now) {
                waiting = waiting.saturating_add(size);
                more += 1;
            }
        }
        if self.looks == 1 {
            self.admit_siblings(now);
        }
        if !listing.partial {
            self.miss(now);
            lock(&self.ledger).lose_unseen(|id| seen.contains(&id) || self.files.contains_key(&id));
        }
        let pace = self.pace;
        let mut ledger = lock(&self.ledger);
        for file in self.files.values_mut() {
            let begun = ledger.get(file.part).is_some_and(|entry| entry.begun);
            file.pending |= begun && file.is_quiet(pace, now);
        }
        ledger.waiting = waiting;
        ledger.followed = self.files.len() as u64;
        drop(ledger);
        if more > 0 && !self.crowded {
            let path = self.selection.path().display();
            let message = format!(
                "{more} files of `{path}` wait: {REMEMBERED} others are not read to their end; name a narrower path, or several \
                 sources"
            );
            self.fault(message);
        }
        self.crowded = more > 0;
        self.next_look = Some(now + self.pace.poll.max((begun.elapsed() * SHARE).min(RARELY)));
    }

    /// Says what a look found wrong, if the one before it did not.
    fn complain(&mut self, listing: &mut Listing, now: Instant) {
        let path = self.selection.path().display().to_string();
        if let Some(missing) = listing.missing.take() {
            let since = *self.missing.get_or_insert(now);
            // A file that is rotated is missing for a moment.
            let long = now.saturating_duration_since(since) >= self.pace.grace;
            if self.looks == 1 || long || self.told.contains(&missing) {
                listing.refused.push(missing);
            }
        } else {
            self.missing = None;
            if self.looks == 1 && listing.found.is_empty() && listing.refused.is_empty() {
                let message =
                    format!("`{path}` holds no such file yet: check the path; files are read as they appear");
                listing.refused.push(message);
            }
        }
        let refused: BTreeSet<String> = listing.refused.drain(..).collect();
        for message in refused.difference(&self.told) {
            self.faults.push_back(LogError::Unreadable(message.clone()));
        }
        self.told = refused;
    }

    /// Follows a file that was found. Returns whether it is followed, or need not be.
    fn admit(&mut self, found: Found, sibling: bool, now: Instant) -> bool {
        let Found { id, size, modified, .. } = found;
        let mut ledger = lock(&self.ledger);
        let part = match ledger.part_of(id) {
            Some(part) => part,
            None if ledger.is_forgotten(found.order()) => return true,
            None => {
                let (room, forgotten) = ledger.make_room(found.order());
                if let Some(id) = forgotten {
                    self.files.remove(&id);
                }
                if !room {
                    return false;
                }
                ledger.add(Entry::new(id))
            }
        };
        ledger.change(part, |entry| (entry.size, entry.modified) = (size, modified));
        if let Some(file) = self.files.get_mut(&id) {
            file.seen(found, self.looks, now);
            return true;
        }
        let is_read =
            ledger.get(part).is_some_and(|entry| entry.ended && entry.stamp == stamp(size, modified));
        if is_read || self.converted.contains_key(&id) {
            return true;
        }
        let mut file = Tracked::new(part, found, self.looks, now);
        file.at_end = (self.from_end && self.looks == 1).then_some(size);
        file.sibling = sibling;
        file.gone = sibling.then_some(now);
        self.files.insert(id, file);
        true
    }

    /// After a stop: what the file that is named was before may lie beside it, under another name or packed.
    fn admit_siblings(&mut self, now: Instant) {
        if !self.resumed {
            return;
        }
        for found in self.selection.siblings() {
            let is_known = self.ledger().part_of(found.id).is_some();
            if (is_known || self.selection.is_rotated(&found.name)) && !self.files.contains_key(&found.id) {
                self.admit(found, true, now);
            }
        }
    }

    /// What becomes of files that this look did not find: who is open is read to its end.
    fn miss(&mut self, now: Instant) {
        let (look, grace) = (self.looks, self.pace.grace);
        let mut ledger = lock(&self.ledger);
        self.files.retain(|_, file| {
            if file.look == look && !file.sibling {
                return true;
            }
            let since = *file.gone.get_or_insert(now);
            file.pending = true;
            file.stable |= file.sibling && file.look != look;
            let is_open = !matches!(file.handle, Handle::Closed);
            // What was not looked into by then is empty, or a copy.
            let is_late = !file.known && now.saturating_duration_since(since) >= grace;
            let kept = (file.sibling || is_open) && !is_late;
            if !kept {
                ledger.lose(file.part);
            }
            kept
        });
    }

    /// Closes the file that was longest not read, if too many are open.
    pub(super) fn close_one(&mut self) {
        let open = |file: &&mut Tracked| matches!(file.handle, Handle::Plain(_));
        let all = self.files.values().filter(|file| matches!(file.handle, Handle::Plain(_))).count();
        if all >= OPEN {
            let spare = self.files.values_mut().filter(open).filter(|file| file.gone.is_none());
            if let Some(file) = spare.min_by_key(|file| file.used) {
                file.handle = Handle::Closed;
            }
        }
    }

    /// Whether a file that was not met before holds what another held.
    pub(super) fn relate(
        &mut self,
        file: &mut Tracked,
        first: &[u8],
        size: Option<u64>,
        now: Instant,
    ) -> Related {
        let pace = self.pace;
        let is_quiet = |id: Id| self.files.get(&id).is_none_or(|other| other.is_quiet(pace, now));
        let rests = file.rests(pace.grace, now);
        let newcomer = Newcomer { part: file.part, first, size, rests };
        let relation = lock(&self.ledger).relation(&newcomer, self.in_flight, is_quiet);
        match relation {
            Relation::Fresh if file.sibling => Related::Not,
            Relation::Fresh => Related::From(0),
            Relation::Awaits(part) => {
                let other = self.files.values().find(|other| other.part == part);
                let note = format!(
                    "`{}` begins like `{}` and counts as its copy as long as that is there",
                    file.found.name,
                    other.map_or("another", |other| other.found.name.as_str())
                );
                if file.said.as_ref() != Some(&note) {
                    self.note(note.clone());
                    file.said = Some(note);
                }
                Related::Later
            }
            Relation::Continues(part, offset) => {
                let mut ledger = lock(&self.ledger);
                if ledger.get(part).is_some_and(|entry| entry.gone) {
                    ledger.remove(part);
                }
                ledger.change(file.part, |entry| entry.resume(offset, first));
                drop(ledger);
                self.note(format!(
                    "`{}` holds what was read under another name: its first {offset} bytes are passed over",
                    file.found.name
                ));
                Related::From(offset)
            }
        }
    }
}
