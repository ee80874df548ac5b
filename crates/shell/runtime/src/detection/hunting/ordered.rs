//! Kept events in the order of time, over all log sources: for what counts over events, or asks which came first.
//!
//! The telemetry store hands events out in no order. So the time that is asked about is looked through in stretches, each
//! as long as its events fit into memory: they are gathered, put in order, and handed on. A stretch with more events is cut
//! in two and looked at again, which costs reading about twice in all. Each stretch sees what is kept at
//! that moment, and an event has one time, so none is handed on twice, wherever it moves meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use model::Timestamp;
use ports::telemetry::{Covered, Kept, Looked, Plan, Progress, Stats, Stopped, Telemetry, TelemetryError};

/// Bytes of events that are gathered to be put in order: 64 MiB.
pub(super) const ROOM: usize = 64 << 20;
/// What an event takes beside its bytes.
const EACH: usize = 256;
/// Threads that gather.
const WORKERS: usize = 2;
/// Events handed on between two looks at whether to go on.
const STRIDE: usize = 1_024;
/// A second, in microseconds. Within one, any order will do: rules count in seconds.
const SECOND: i64 = 1_000_000;
/// An hour, in microseconds: files are of one hour, and cutting between two reads neither twice.
const HOUR: i64 = 3_600 * SECOND;

/// An event that waits for its turn.
struct Held {
    time: Timestamp,
    source: String,
    class: u16,
    format: String,
    header: Option<Vec<u8>>,
    part: String,
    offset: u64,
    device: Option<String>,
    raw: Vec<u8>,
}

impl Held {
    fn new(kept: &Kept<'_>) -> Self {
        Self {
            time: kept.time,
            source: kept.source.to_owned(),
            class: kept.class,
            format: kept.format.to_owned(),
            header: kept.header.map(<[u8]>::to_vec),
            part: kept.part.to_owned(),
            offset: kept.offset,
            device: kept.device.map(str::to_owned),
            raw: kept.raw.to_vec(),
        }
    }

    fn bytes(&self) -> usize {
        let header = self.header.as_ref().map_or(0, Vec::len);
        EACH + self.source.len() + self.part.len() + header + self.raw.len()
    }

    fn kept(&self) -> Kept<'_> {
        Kept {
            time: self.time,
            source: &self.source,
            class: self.class,
            format: &self.format,
            header: self.header.as_deref(),
            part: &self.part,
            offset: self.offset,
            device: self.device.as_deref(),
            observables: &[],
            image: None,
            command_line: None,
            raw: &self.raw,
        }
    }
}

/// Events of one stretch.
#[derive(Default)]
struct Gathered {
    events: Vec<Held>,
    bytes: usize,
}

/// From this instant until before that one, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch(i64, i64);

impl Stretch {
    const ALL: Self = Self(i64::MIN, i64::MAX);

    fn plan(self, whole: &Plan, max_bytes: Option<u64>) -> Plan {
        Plan {
            from: (self.0 > Self::ALL.0).then(|| Timestamp::from_micros(self.0)),
            until: (self.1 < Self::ALL.1).then(|| Timestamp::from_micros(self.1)),
            max_bytes,
            ..whole.clone()
        }
    }

    /// The years that an instant can have, of it.
    fn clamped(self) -> (i64, i64) {
        (self.0.max(Timestamp::MIN.as_micros()), self.1.min(Timestamp::MAX.as_micros()))
    }

    /// Whether it is long enough to be cut.
    fn is_long(self) -> bool {
        let (from, until) = self.clamped();
        until.saturating_sub(from) > SECOND
    }

    /// Its earlier and its later part; `None` when it is too short. One that is open at an end is cut where events are: its
    /// middle may be in another millennium.
    fn cut(self, median: Option<i64>) -> Option<(Self, Self)> {
        if !self.is_long() {
            return None;
        }
        let (from, until) = self.clamped();
        let is_open = self.0 == Self::ALL.0 || self.1 == Self::ALL.1;
        let middle = from + (until - from) / 2;
        let wanted = [median.filter(|_| is_open), Some(middle)].into_iter().flatten();
        let mut edges = wanted.flat_map(|at| [HOUR, SECOND, 1].map(|unit| at.div_euclid(unit) * unit));
        let edge = edges.find(|edge| from < *edge && *edge < until)?;
        Some((Self(self.0, edge), Self(edge, self.1)))
    }
}

/// The time in the middle of what was gathered.
fn median(gathered: &Gathered) -> Option<i64> {
    let mut times: Vec<i64> = gathered.events.iter().map(|held| held.time.as_micros()).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// The stretches to begin with, the last one first: what files are known to hold, and what lies around it.
fn stretches(plan: &Plan, stats: &Stats) -> Vec<Stretch> {
    let from = plan.from.map_or(Stretch::ALL.0, Timestamp::as_micros);
    let until = plan.until.map_or(Stretch::ALL.1, Timestamp::as_micros);
    let hour = |time: Timestamp| time.as_micros().div_euclid(HOUR) * HOUR;
    let known = stats.oldest.zip(stats.newest).map(|(oldest, newest)| (hour(oldest), hour(newest) + HOUR));
    let mut edges = vec![from, until];
    edges.extend(known.into_iter().flat_map(|(first, last)| [first, last]));
    edges.retain(|edge| (from..=until).contains(edge));
    edges.sort_unstable();
    edges.dedup();
    let mut found: Vec<Stretch> =
        edges.iter().zip(edges.iter().skip(1)).map(|(from, until)| Stretch(*from, *until)).collect();
    found.reverse();
    found
}

/// Hands out what [`Telemetry::hunt`] does, in the order of time.
pub(super) fn hunt(
    telemetry: &dyn Telemetry,
    plan: &Plan,
    room: usize,
    each: &(dyn Fn(&Kept<'_>) + Sync),
    progress: &(dyn Fn(&Progress) -> bool + Sync),
) -> Result<Looked, TelemetryError> {
    let mut open = stretches(plan, &telemetry.stats());
    let mut all = Looked { complete: true, ..Looked::default() };
    let mut done = 0;
    let asked = AtomicBool::new(false);
    while let Some(stretch) = open.pop() {
        let left = plan.max_bytes.map(|most| most.saturating_sub(all.bytes_read));
        if left == Some(0) {
            all.stopped = Some(Stopped::Budget);
            break;
        }
        let is_long = stretch.is_long();
        let gathered: Mutex<Gathered> = Mutex::default();
        let full = AtomicBool::new(false);
        let gather = |_: usize, kept: &Kept<'_>| {
            if full.load(Ordering::Acquire) {
                return;
            }
            let held = Held::new(kept);
            let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
            if gathered.bytes > 0 && gathered.bytes + held.bytes() > room {
                if is_long {
                    full.store(true, Ordering::Release);
                    return;
                }
                // More of one instant than there is room for: within it, any order will do.
                let batch = std::mem::take(&mut *gathered);
                hand_on(batch, each, &|| true);
            }
            gathered.bytes += held.bytes();
            gathered.events.push(held);
        };
        let now = |step: &Progress| Progress {
            done: done + step.done,
            total: done + step.total,
            records: all.records + step.records,
            read: all.read + step.read,
            bytes_read: all.bytes_read + step.bytes_read,
        };
        let looked = telemetry.hunt(&stretch.plan(plan, left), WORKERS, &gather, &|step| {
            if !progress(&now(step)) {
                asked.store(true, Ordering::Release);
            }
            !asked.load(Ordering::Acquire) && !full.load(Ordering::Acquire)
        })?;
        let is_full = full.load(Ordering::Acquire);
        let is_asked = asked.load(Ordering::Acquire);
        let gathered = gathered.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_spent = left.is_some_and(|left| looked.bytes_read >= left);
        // With nothing left to read it again for, what was gathered is looked at as it is.
        if is_full
            && !is_asked
            && !is_spent
            && let Some((earlier, later)) = stretch.cut(median(&gathered))
        {
            // What was gathered of it is gathered again.
            all.bytes_read += looked.bytes_read;
            open.extend([later, earlier]);
            continue;
        }
        let before =
            Progress { done, total: done, records: all.records, read: all.read, bytes_read: all.bytes_read };
        let whole = hand_on(gathered, each, &|| progress(&before));
        done += looked.groups.max(1);
        if is_full || !whole {
            // Not all that was read was looked at: what cannot be told apart is not claimed.
            all.bytes_read += looked.bytes_read;
            let by_budget = whole && is_spent && !is_asked;
            all.stopped = Some(if by_budget { Stopped::Budget } else { Stopped::Asked });
            break;
        }
        let stopped = looked.stopped;
        merge(&mut all, looked);
        if is_asked || stopped.is_some() {
            // Told to stop with the last step of the last stretch: that is the end all the same.
            all.stopped = stopped.or_else(|| (!open.is_empty()).then_some(Stopped::Asked));
            break;
        }
    }
    all.complete &= all.stopped.is_none() && all.blind.is_empty();
    Ok(all)
}

/// Hands events on in order; returns whether all of them.
fn hand_on(gathered: Gathered, each: &(dyn Fn(&Kept<'_>) + Sync), goes_on: &dyn Fn() -> bool) -> bool {
    let mut events = gathered.events;
    events.sort_by(|one, other| {
        let key = |held: &Held| (held.time, held.offset);
        key(one).cmp(&key(other)).then_with(|| (&one.source, &one.part).cmp(&(&other.source, &other.part)))
    });
    for (place, held) in events.iter().enumerate() {
        if place > 0 && place.is_multiple_of(STRIDE) && !goes_on() {
            return false;
        }
        each(&held.kept());
    }
    true
}

fn merge(all: &mut Looked, one: Looked) {
    all.records += one.records;
    all.read += one.read;
    all.bytes_read += one.bytes_read;
    all.groups += one.groups;
    all.groups_pruned += one.groups_pruned;
    all.complete &= one.complete;
    for source in one.sources {
        match all.sources.binary_search_by(|known| known.name.cmp(&source.name)) {
            Ok(at) => {
                if let Some(Covered { from, until, records, .. }) = all.sources.get_mut(at) {
                    *from = source.from.min(*from);
                    *until = source.until.max(*until);
                    *records += source.records;
                }
            }
            Err(at) => all.sources.insert(at, source),
        }
    }
    all.blind.extend(one.blind);
    all.blind.sort_unstable();
    all.blind.dedup();
}

#[cfg(test)]
mod tests;
