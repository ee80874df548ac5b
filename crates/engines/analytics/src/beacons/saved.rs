//! Connections as bytes and back, so that a restart does not cost a day.

use std::collections::BTreeMap;

use model::Timestamp;

use super::{Beacons, MAX_SOURCES, Source};
use crate::codec::{Kept, LoadError, Reader, Writer};
use crate::connection::{Key, Via};
use crate::track::{Stamp, Track};

impl Beacons {
    /// All that is kept, as bytes.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = Writer::new(Kept::Beacons);
        out.signed(self.width());
        out.count(self.sources.len());
        for (name, source) in &self.sources {
            out.text(name);
            out.signed(source.first);
            out.signed(source.last);
            out.count(source.pairs.len());
            for (key, track) in &source.pairs {
                out.text(&key.from);
                out.text(&key.to);
                out.number(u64::from(key.port));
                out.number(key.via.number());
                save_track(track, &mut out);
            }
        }
        out.finish()
    }

    /// Takes in what [`Beacons::save`] gave, in place of what is kept. Sources that are not followed any more, what is
    /// older than the window and what is beyond the bounds is left out.
    ///
    /// # Errors
    /// [`LoadError`]; what is kept stays as it was.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut fresh = Self {
            config: self.config.clone(),
            sources: BTreeMap::new(),
            pairs: 0,
            stamps: 0,
            most: self.config.max_stamps,
            stats: self.stats,
        };
        let mut reader = Reader::open(bytes, Kept::Beacons)?;
        let same_width = reader.signed()? == fresh.width();
        for _ in 0..reader.count()? {
            let name = reader.text()?;
            let source = load_source(&mut reader, same_width)?;
            let span = source.last.checked_sub(source.first);
            if span.is_none_or(|span| span < 0) {
                return Err(LoadError::Damaged);
            }
            if fresh.config.follows(&name) && fresh.sources.len() < MAX_SOURCES {
                fresh.sources.insert(name, source);
            }
        }
        reader.finish()?;
        fresh.fit();
        *self = fresh;
        Ok(())
    }

    /// Brings what was loaded within the bounds.
    fn fit(&mut self) {
        let width = self.width();
        for track in self.sources.values_mut().flat_map(|source| source.pairs.values_mut()) {
            track.fold_to(self.most, width);
        }
        self.sweep();
        if self.pairs > self.config.max_pairs {
            self.make_room();
        }
        self.tighten();
    }
}

fn save_track(track: &Track, out: &mut Writer) {
    out.maybe(track.told);
    out.count(track.folded().len());
    for (slot, count) in track.folded() {
        out.number(u64::from(slot));
        out.number(u64::from(count));
    }
    out.count(track.stamps().len());
    let mut before = 0;
    for stamp in track.stamps() {
        out.signed(stamp.second - before);
        // Nothing, or the bytes and one.
        out.number(stamp.bytes().map_or(0, |bytes| bytes + 1));
        before = stamp.second;
    }
}

fn load_source(reader: &mut Reader<'_>, same_width: bool) -> Result<Source, LoadError> {
    let (first, last) = (load_second(reader, 0)?, load_second(reader, 0)?);
    let mut pairs = BTreeMap::new();
    for _ in 0..reader.count()? {
        let (from, to, port) = (reader.text()?, reader.text()?, reader.small()?);
        let via = Via::from_number(reader.number()?).ok_or(LoadError::Damaged)?;
        pairs.insert(Key { from, to, port, via }, load_track(reader, same_width)?);
    }
    Ok(Source { first, last, scored: None, swept: last, pairs })
}

/// Slots of another width, of a window that was configured before, say nothing of this one and are left out.
fn load_track(reader: &mut Reader<'_>, same_width: bool) -> Result<Track, LoadError> {
    let told = match reader.maybe()? {
        Some(told) => Some(within_time(told)?),
        None => None,
    };
    let mut folded = Vec::new();
    for _ in 0..reader.count()? {
        folded.push((reader.small()?, reader.small()?));
    }
    if !same_width {
        folded.clear();
    }
    let mut stamps = Vec::new();
    let mut before = 0;
    for _ in 0..reader.count()? {
        before = load_second(reader, before)?;
        stamps.push(Stamp::new(before, reader.number()?.checked_sub(1)));
    }
    Ok(Track::restored(stamps, folded, told))
}

fn load_second(reader: &mut Reader<'_>, before: i64) -> Result<i64, LoadError> {
    let second = before.checked_add(reader.signed()?).ok_or(LoadError::Damaged)?;
    within_time(second)
}

/// Seconds of years that there are, so that whatever is computed with them stays within bounds.
fn within_time(second: i64) -> Result<i64, LoadError> {
    let years = Timestamp::MIN.as_micros() / 1_000_000..=Timestamp::MAX.as_micros() / 1_000_000;
    if years.contains(&second) { Ok(second) } else { Err(LoadError::Damaged) }
}
