//! What is remembered of each file, and the position that says it.
//!
//! The reader writes down what it has handed out, the caller what it has dealt with; the position's text says only the
//! latter. Entries are known by part number here, and by place and beginning ([`Id`], [`Print`]) in the text.

use std::collections::BTreeMap;

use ports::logs::{Lag, LogError, MAX_POSITION};
use serde::{Deserialize, Serialize};

use super::identity::{Id, Print};
use crate::config::wrong;

/// Files that are remembered one by one; with the longest numbers their text stays below [`MAX_POSITION`].
pub(super) const REMEMBERED: usize = 400;

/// What is remembered of one file, or of what it held before it was truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: Id,
    /// Of what was handed out; of packed files, unpacked.
    pub(super) print: Print,
    /// What was dealt with, in bytes from the beginning.
    pub(super) offset: u64,
    /// What was handed out.
    pub(super) read: u64,
    /// Whether the caller has ever said how far it has come.
    pub(super) told: bool,
    /// Whether something was handed out whose end was not.
    pub(super) begun: bool,
    /// Of packed and converted files: they were handed out to their end, as of this stamp. 0 for others.
    pub(super) stamp: u64,
    pub(super) ended: bool,
    /// It lies there no more.
    pub(super) gone: bool,
    /// On disk, as of the last look; not part of the text.
    pub(super) size: u64,
    pub(super) modified: i64,
}

impl Entry {
    pub(super) const fn new(id: Id) -> Self {
        Self {
            id,
            print: Print { length: 0, hash: 0, brief: 0 },
            offset: 0,
            read: 0,
            told: false,
            begun: false,
            stamp: 0,
            ended: false,
            gone: false,
            size: 0,
            modified: 0,
        }
    }

    /// Everything before this offset counts as dealt with, in a file that begins like this.
    pub(super) fn resume(&mut self, offset: u64, first: &[u8]) {
        let read = usize::try_from(offset).unwrap_or(usize::MAX);
        self.print = Print::of(first.get(..read).unwrap_or(first));
        (self.offset, self.read, self.told) = (offset, offset, true);
    }

    /// Where a reader that begins now has to begin: behind what was dealt with. A caller that never says how far it has
    /// come gets nothing twice.
    pub(super) const fn start(&self) -> u64 {
        if self.told && self.begun { self.offset } else { self.read }
    }

    /// Whether everything that was handed out was dealt with.
    pub(super) const fn is_dealt_with(&self) -> bool {
        self.offset >= self.read
    }

    /// Whether nothing of it is left to read or to deal with, as of the last look.
    const fn is_finished(&self) -> bool {
        let is_read = if self.stamp == 0 { self.offset >= self.size } else { self.ended };
        is_read && self.is_dealt_with()
    }

    const fn behind(&self) -> u64 {
        match (self.gone, self.stamp) {
            (true, _) => 0,
            (false, 0) => self.size.saturating_sub(self.offset),
            (false, _) if self.ended && self.is_dealt_with() => 0,
            (false, _) => self.size,
        }
    }
}

/// A file that was not met before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer<'n> {
    pub(super) part: u64,
    /// Its first bytes.
    pub(super) first: &'n [u8],
    /// Its length, where it is known without reading all of it.
    pub(super) size: Option<u64>,
    /// Whether it has not changed for a while.
    pub(super) rests: bool,
}

/// What a file that was not met before is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing that was read before.
    Fresh,
    /// It holds what that part holds, of which not all is dealt with yet or which may still grow.
    Awaits(u64),
    /// It holds what that part held; what comes behind this offset is new.
    Continues(u64, u64),
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<u64, Entry>,
    by_id: BTreeMap<Id, u64>,
    last_part: u64,
    /// Files whose order is not beyond this and that have no entry count as read.
    forgotten: Option<(i64, u64)>,
    /// Bytes of files that have no entry yet.
    pub(super) waiting: u64,
    /// Files that are followed.
    pub(super) followed: u64,
}

/// The position as text. Short names: there may be hundreds of rows.
#[derive(Serialize, Deserialize)]
struct Text {
    v: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten: Option<(i64, u64)>,
    files: Vec<Row>,
}

/// Device, inode, print, offset, flags, stamp.
#[derive(Serialize, Deserialize)]
struct Row(u64, u64, u64, u64, u64, u64, u8, u64);

const VERSION: u8 = 1;
const ENDED: u8 = 1;
const GONE: u8 = 2;

impl Ledger {
    /// Reads a position.
    pub(super) fn read(position: &str) -> Result<Self, LogError> {
        let text: Text = serde_json::from_str(position)
            .ok()
            .filter(|text: &Text| text.v == VERSION && position.len() <= MAX_POSITION)
            .ok_or_else(|| {
                wrong("the position is none of a source of kind `file`: forget it to begin anew".to_owned())
            })?;
        let mut ledger = Self { forgotten: text.forgotten, ..Self::default() };
        for Row(device, inode, length, hash, brief, offset, flags, stamp) in text.files {
            let entry = Entry {
                print: Print { length, hash, brief },
                offset,
                read: offset,
                told: true,
                stamp,
                ended: flags & ENDED != 0,
                gone: flags & GONE != 0,
                ..Entry::new(Id { device, inode })
            };
            ledger.add(entry);
        }
        Ok(ledger)
    }

    /// The position's text.
    pub(super) fn text(&self) -> String {
        let files = self.entries.values().map(|entry| {
            let ended = if entry.ended && entry.is_dealt_with() { ENDED } else { 0 };
            // What is gone may lie elsewhere by its number; once all of it was dealt with, that does not matter.
            let gone = if entry.gone && entry.is_dealt_with() { GONE } else { 0 };
            let Print { length, hash, brief } = entry.print;
            let Id { device, inode } = entry.id;
            Row(device, inode, length, hash, brief, entry.offset, ended | gone, entry.stamp)
        });
        let text = Text { v: VERSION, forgotten: self.forgotten, files: files.collect() };
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// Adds a file; returns its part.
    pub(super) fn add(&mut self, entry: Entry) -> u64 {
        self.last_part += 1;
        let part = self.last_part;
        self.entries.insert(part, entry);
        if !entry.gone
            && let Some(before) = self.by_id.insert(entry.id, part)
        {
            self.change(before, |entry| entry.gone = true);
        }
        part
    }

    /// The part of the file that lies there.
    pub(super) fn part_of(&self, id: Id) -> Option<u64> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn get(&self, part: u64) -> Option<Entry> {
        self.entries.get(&part).copied()
    }

    pub(super) fn change(&mut self, part: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&part) {
            change(entry);
        }
    }

    /// The caller has dealt with everything before `offset`.
    pub(super) fn deal(&mut self, part: u64, offset: u64) {
        self.change(part, |entry| {
            entry.offset = offset.min(entry.read);
            entry.told = true;
        });
    }

    /// What lay there does so no more; if some of it was read, it is kept to be known again under another name.
    pub(super) fn lose(&mut self, part: u64) {
        self.change(part, |entry| entry.gone = true);
        self.by_id.retain(|_, known| *known != part);
        if self.entries.get(&part).is_some_and(|entry| entry.read == 0) {
            self.entries.remove(&part);
        }
    }

    pub(super) fn remove(&mut self, part: u64) {
        self.lose(part);
        self.entries.remove(&part);
    }

    /// Entries of files that are not seen are of files that are gone.
    pub(super) fn lose_unseen(&mut self, seen: impl Fn(Id) -> bool) {
        let unseen: Vec<u64> =
            self.by_id.iter().filter(|(id, _)| !seen(**id)).map(|(_, part)| *part).collect();
        unseen.into_iter().for_each(|part| self.lose(part));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.forgotten.is_none()
    }

    /// Files up to this order that have no entry count as read.
    pub(super) fn forget(&mut self, order: (i64, u64)) {
        self.forgotten = self.forgotten.max(Some(order));
    }

    /// Whether a file without an entry counts as read.
    pub(super) fn is_forgotten(&self, order: (i64, u64)) -> bool {
        self.forgotten.is_some_and(|forgotten| order <= forgotten)
    }

    /// Makes room for a file of this order, if there is none: first what is gone, then what is finished and was changed
    /// before it, is no longer remembered by itself. Returns whether there is room, and which file was forgotten.
    pub(super) fn make_room(&mut self, order: (i64, u64)) -> (bool, Option<Id>) {
        if self.entries.len() < REMEMBERED {
            return (true, None);
        }
        let gone = self.entries.iter().find(|(_, entry)| entry.gone).map(|(part, _)| *part);
        if gone.is_some_and(|part| self.entries.remove(&part).is_some()) {
            return (true, None);
        }
        let oldest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_finished())
            .map(|(part, entry)| ((entry.modified, entry.id.inode), *part, entry.id))
            .min()
            .filter(|(oldest, ..)| *oldest < order);
        let Some((oldest, part, id)) = oldest else { return (false, None) };
        self.remove(part);
        self.forget(oldest);
        (true, Some(id))
    }

    /// What a file that was not met before is. The caller may not have dealt with the last batch yet if it was of the part
    /// `in_flight`. `is_quiet` says of a file that it has not changed for long.
    pub(super) fn relation(
        &self,
        newcomer: &Newcomer<'_>,
        in_flight: Option<u64>,
        is_quiet: impl Fn(Id) -> bool,
    ) -> Relation {
        let Newcomer { part: own, first, size, rests } = *newcomer;
        let others = || self.entries.iter().rev().filter(move |(part, _)| **part != own);
        let mut prints: BTreeMap<u64, Print> = BTreeMap::new();
        let alike = others().find(|(_, entry)| {
            let length = usize::try_from(entry.print.length).unwrap_or(usize::MAX);
            let Some(same) = first.get(..length).filter(|_| entry.print.brief != 0) else { return false };
            *prints.entry(entry.print.length).or_insert_with(|| Print::of(same)) == entry.print
        });
        let Some((part, entry)) = alike else {
            // A copy that is being written has less than what was read, at first.
            let brief = Print::of(first).brief;
            let mut longer = others().filter(|(_, entry)| entry.print.length > first.len() as u64);
            let copied = longer.find(|(_, entry)| brief != 0 && entry.print.brief == brief && !rests);
            return copied.map_or(Relation::Fresh, |(part, _)| Relation::Awaits(*part));
        };
        if size.is_some_and(|size| size < entry.offset) {
            return if entry.gone && rests { Relation::Fresh } else { Relation::Awaits(*part) };
        }
        let is_settled = match entry.stamp {
            // Half a line that was handed out is not dealt with for ever.
            _ if entry.gone => in_flight != Some(*part),
            0 => entry.is_dealt_with() && (is_quiet(entry.id) || size.is_some_and(|size| size > entry.size)),
            _ => entry.is_dealt_with() && entry.ended,
        };
        if is_settled {
            Relation::Continues(*part, if entry.told { entry.offset } else { entry.read })
        } else {
            Relation::Awaits(*part)
        }
    }

    pub(super) fn lag(&self) -> Lag {
        let behind = self.entries.values().map(Entry::behind).fold(self.waiting, u64::saturating_add);
        Lag { bytes: Some(behind), parts: self.followed, ..Lag::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(inode: u64) -> Entry {
        Entry { modified: inode.cast_signed(), ..Entry::new(Id { device: 1, inode }) }
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let mut ledger = Ledger::default();
        let first = ledger.add(Entry { print: Print::of(b"abc"), read: 9, begun: true, ..entry(7) });
        let second = ledger.add(Entry { stamp: 5, read: 20, ended: true, ..entry(8) });
        ledger.deal(first, 4);
        ledger.deal(second, 19);
        let again = Ledger::read(&ledger.text()).unwrap();
        let found = again.get(again.part_of(Id { device: 1, inode: 7 }).unwrap()).unwrap();
        assert_eq!((found.print, found.offset, found.start()), (Print::of(b"abc"), 4, 4));
        let found = again.get(again.part_of(Id { device: 1, inode: 8 }).unwrap()).unwrap();
        assert!(!found.ended, "not all of it was dealt with");
        ledger.deal(second, u64::MAX);
        let again = Ledger::read(&ledger.text()).unwrap();
        let found = again.get(again.part_of(Id { device: 1, inode: 8 }).unwrap()).unwrap();
        assert_eq!((found.ended, found.offset), (true, 20));
        assert!(Ledger::read("{}").is_err() && Ledger::read("").is_err() && Ledger::read("7").is_err());
    }

    #[test]
    fn the_longest_position_fits() {
        let mut ledger = Ledger { forgotten: Some((i64::MIN, u64::MAX)), ..Ledger::default() };
        for number in 0..REMEMBERED as u64 {
            ledger.add(Entry {
                id: Id { device: u64::MAX, inode: u64::MAX - number },
                print: Print { length: 65_536, hash: u64::MAX, brief: u64::MAX },
                offset: u64::MAX,
                read: u64::MAX,
                stamp: u64::MAX,
                ended: true,
                ..entry(1)
            });
        }
        assert!(ledger.text().len() <= MAX_POSITION, "{}", ledger.text().len());
    }

    #[test]
    fn what_is_finished_and_oldest_is_forgotten_first() {
        let mut ledger = Ledger::default();
        for number in 0..REMEMBERED as u64 {
            let size = if number == 0 { 5 } else { 0 };
            ledger.add(Entry { size, ..entry(number + 10) });
        }
        // 10 is not finished, so 11 goes; a file older than that cannot be told from it afterwards.
        let id = |inode| Some(Id { device: 1, inode });
        assert_eq!(ledger.make_room((5, 5)), (false, None));
        assert_eq!(ledger.make_room((1_000, 1)), (true, id(11)));
        assert!(ledger.is_forgotten((11, 11)) && !ledger.is_forgotten((12, 12)));
        ledger.add(entry(1_000));
        // What is gone goes before; of what was never read nothing is kept.
        ledger.change(20, |entry| entry.read = 1);
        ledger.lose(20);
        assert_eq!(ledger.make_room((1_000, 2)), (true, None));
        assert_eq!(ledger.get(20), None);
        ledger.lose(21);
        assert_eq!(ledger.get(21), None);
    }

    #[test]
    fn a_copy_goes_on_where_the_original_was_left() {
        let text = vec![b'x'; 2_000];
        let mut ledger = Ledger::default();
        let part =
            ledger.add(Entry { print: Print::of(&text[..1_000]), read: 1_000, size: 1_000, ..entry(1) });
        let new = |part, first, size| Newcomer { part, first, size, rests: false };
        let check = |ledger: &Ledger, size, quiet, expect| {
            assert_eq!(ledger.relation(&new(0, &text, size), None, |_| quiet), expect);
        };
        check(&ledger, Some(2_000), true, Relation::Awaits(part));
        ledger.deal(part, 1_000);
        check(&ledger, Some(2_000), false, Relation::Continues(part, 1_000));
        check(&ledger, Some(1_000), false, Relation::Awaits(part));
        check(&ledger, None, false, Relation::Awaits(part));
        check(&ledger, None, true, Relation::Continues(part, 1_000));
        ledger.lose(part);
        check(&ledger, None, false, Relation::Continues(part, 1_000));
        let relation = |new: Newcomer<'_>, in_flight| ledger.relation(&new, in_flight, |_| true);
        assert_eq!(relation(new(0, b"other", None), None), Relation::Fresh);
        assert_eq!(relation(new(part, &text, None), None), Relation::Fresh);
        assert_eq!(relation(new(0, &text, None), Some(part)), Relation::Awaits(part));
        // Half a copy is one that is being written, until it is no more.
        let half = new(0, &text[..600], Some(600));
        assert_eq!(relation(half, None), Relation::Awaits(part));
        assert_eq!(relation(Newcomer { rests: true, ..half }, None), Relation::Fresh);
        assert_eq!(relation(new(0, &text[..500], Some(500)), None), Relation::Fresh);
    }

    #[test]
    fn of_two_with_one_number_the_later_lies_there() {
        let mut ledger = Ledger::default();
        let first = ledger.add(Entry { read: 9, ..entry(7) });
        let second = ledger.add(entry(7));
        assert_eq!(ledger.part_of(Id { device: 1, inode: 7 }), Some(second));
        assert!(ledger.get(first).unwrap().gone && !ledger.get(second).unwrap().gone);
        // Not all of the first was dealt with, so its text does not say that it is gone; reading it comes to the same.
        let again = Ledger::read(&ledger.text()).unwrap();
        assert_eq!(again.part_of(Id { device: 1, inode: 7 }), Some(2));
        assert!(again.get(1).unwrap().gone);
    }
}
