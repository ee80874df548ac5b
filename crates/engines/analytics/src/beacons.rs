//! Connections of many pairs, in bounded memory, and which of them look like beacons.

mod alerts;
mod saved;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use logs::Event;
use model::Timestamp;

use crate::config::{BeaconConfig, Unfit};
use crate::connection::{Key, Pair, connection};
use crate::prevalence::Census;
use crate::score::{self, BeaconScore, Span, Unscored, second};
use crate::track::{Stamp, Track};

/// The most beacons of one report.
pub const MAX_REPORT: usize = 1_000;
/// The most beacons that are told at once; the others follow with the next hour.
pub const MAX_ALERTS: usize = 100;
/// The most sources whose connections are kept.
const MAX_SOURCES: usize = 1_024;
/// How many slots of the window folded connections are counted in.
const SLOTS: i64 = 96;
/// How far ahead of the node's clock an event may be, in microseconds. Clocks differ; forged times differ more.
const AHEAD: i64 = 3_600_000_000;
/// How many seconds of a source's time go by between two looks at all of its pairs.
const HOUR: i64 = 3_600;

/// A pair and its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Beacon {
    /// Who connects to what.
    pub pair: Pair,
    /// How much it looks like a beacon.
    pub score: BeaconScore,
}

/// What became of the connections that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BeaconStats {
    /// Connections that events described.
    pub connections: u64,
    /// To destinations that the configuration leaves out.
    pub ignored: u64,
    /// Without a time; the time of their arrival would show how the log is read.
    pub untimed: u64,
    /// From more than an hour ahead of the node's clock.
    pub future: u64,
    /// Older than the window when they came.
    pub late: u64,
    /// Of sources beyond the most that are kept.
    pub crowded: u64,
    /// Pairs that had to make room for others: those with the fewest connections, the oldest first.
    pub evicted: u64,
}

/// The connections of one source.
#[derive(Debug)]
struct Source {
    /// The earliest connection, in seconds since 1970.
    first: i64,
    /// The latest.
    last: i64,
    /// When its pairs were last scored for alerts.
    scored: Option<i64>,
    /// When what is older than the window was last taken out.
    swept: i64,
    pairs: BTreeMap<Key, Track>,
}

impl Source {
    /// The part of the window that the source has connections for.
    fn span(&self, window: i64) -> Span {
        Span::of_seconds(self.first.max(self.last - window), self.last)
    }
}

/// Collects connections and scores their pairs.
#[derive(Debug)]
pub struct Beacons {
    config: BeaconConfig,
    sources: BTreeMap<String, Source>,
    /// Pairs of all sources.
    pairs: usize,
    /// Connections that are kept each by itself.
    stamps: usize,
    /// How many of them a pair may have at present.
    most: usize,
    stats: BeaconStats,
}

impl Beacons {
    /// Without any connection yet.
    ///
    /// # Errors
    /// [`Unfit`] names the first setting that cannot be used.
    pub fn new(config: BeaconConfig) -> Result<Self, Unfit> {
        config.check()?;
        let most = config.max_stamps;
        let stats = BeaconStats::default();
        Ok(Self { config, sources: BTreeMap::new(), pairs: 0, stamps: 0, most, stats })
    }

    /// Takes in the connection that an event describes, if it does and its source is followed.
    pub fn observe(&mut self, source: &str, event: &Event<'_>, now: Timestamp) {
        if !self.config.follows(source) {
            return;
        }
        let Some(found) = connection(event, now) else { return };
        self.stats.connections += 1;
        if self.config.ignores(&found.key.to) {
            self.stats.ignored += 1;
            return;
        }
        let Some(at) = found.at else {
            self.stats.untimed += 1;
            return;
        };
        if at > now.plus_micros(AHEAD) {
            self.stats.future += 1;
            return;
        }
        self.add(source, found.key, Stamp::new(second(at), found.bytes));
    }

    /// The score of a pair over a span of time; [`Beacons::span`] has the one of its source. All pairs of the source
    /// are looked at, to know how many machines call the same destination.
    ///
    /// # Errors
    /// [`Unscored`] says why there is none.
    pub fn score(&self, pair: &Pair, span: Span) -> Result<BeaconScore, Unscored> {
        let key = pair.key();
        let pairs = self.sources.get(&pair.source).map(|source| &source.pairs).ok_or(Unscored::Unknown)?;
        let track = pairs.get(&key).ok_or(Unscored::Unknown)?;
        let census = Census::of(pairs, span, self.width(), &self.config);
        score::of(track, span, self.width(), &self.config, census.prevalence(&key))
    }

    /// From the first to the last connection of a source, the window at most.
    #[must_use]
    pub fn span(&self, source: &str) -> Option<Span> {
        self.sources.get(source).map(|source| source.span(self.config.window()))
    }

    /// The pairs with this total or more, the highest first; at most [`MAX_REPORT`].
    #[must_use]
    pub fn report(&self, min_score: f64) -> Vec<Beacon> {
        let mut found = Vec::new();
        for (name, source) in &self.sources {
            let span = source.span(self.config.window());
            let census = Census::of(&source.pairs, span, self.width(), &self.config);
            for (key, track) in &source.pairs {
                let prevalence = census.prevalence(key);
                if let Ok(score) = score::of(track, span, self.width(), &self.config, prevalence)
                    && score.total >= min_score
                {
                    found.push(Beacon { pair: Pair::new(name, key), score });
                }
                if found.len() >= 2 * MAX_REPORT {
                    keep_highest(&mut found, MAX_REPORT, |beacon| beacon);
                }
            }
        }
        keep_highest(&mut found, MAX_REPORT, |beacon| beacon);
        found
    }

    /// What became of the connections so far.
    #[must_use]
    pub const fn stats(&self) -> BeaconStats {
        self.stats
    }

    /// How many pairs are kept.
    #[must_use]
    pub const fn pairs(&self) -> usize {
        self.pairs
    }

    /// How many connections are kept each by itself.
    #[must_use]
    pub const fn stamps(&self) -> usize {
        self.stamps
    }

    /// How many connections a pair may keep each by itself at present: fewer than configured while memory is short.
    #[must_use]
    pub const fn stamps_per_pair(&self) -> usize {
        self.most
    }

    /// How wide the slots of folded connections are, in seconds.
    fn width(&self) -> i64 {
        (self.config.window() / SLOTS).max(1)
    }

    fn add(&mut self, name: &str, key: Key, stamp: Stamp) {
        let (window, width) = (self.config.window(), self.width());
        let source = self.sources.get(name);
        if source.is_some_and(|source| stamp.second < source.last - window) {
            self.stats.late += 1;
            return;
        }
        if source.is_none() && self.sources.len() >= MAX_SOURCES {
            self.stats.crowded += 1;
            return;
        }
        let new = source.is_none_or(|source| !source.pairs.contains_key(&key));
        if new && self.pairs >= self.config.max_pairs {
            self.make_room();
        }
        let at = stamp.second;
        let empty = || Source { first: at, last: at, scored: None, swept: at, pairs: BTreeMap::new() };
        let source = self.sources.entry(name.to_owned()).or_insert_with(empty);
        source.first = source.first.min(stamp.second);
        source.last = source.last.max(stamp.second);
        let from = source.last - window;
        let due = source.last - source.swept >= HOUR;
        let track = match source.pairs.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.pairs += 1;
                entry.insert(Track::default())
            }
        };
        let before = track.stamps().len();
        track.push(stamp, self.most, width);
        track.expire(from, width);
        self.stamps = self.stamps + track.stamps().len() - before;
        if due {
            self.sweep();
        }
        if self.stamps > self.config.max_stamps_total {
            self.tighten();
        }
    }

    /// Takes out what is older than the window, and pairs that have nothing left.
    fn sweep(&mut self) {
        let (window, width) = (self.config.window(), self.width());
        (self.pairs, self.stamps) = (0, 0);
        for source in self.sources.values_mut() {
            let from = source.last - window;
            source.swept = source.last;
            source.first = source.first.max(from);
            source.pairs.retain(|_, track| {
                track.expire(from, width);
                !track.is_empty()
            });
            self.pairs += source.pairs.len();
            self.stamps += source.pairs.values().map(|track| track.stamps().len()).sum::<usize>();
        }
        if self.stamps < self.config.max_stamps_total / 4 {
            self.most = self.most.saturating_mul(2).min(self.config.max_stamps);
        }
    }

    /// Takes out the least promising pairs: a sixteenth, so that the next new pairs cost nothing.
    fn make_room(&mut self) {
        self.sweep();
        if self.pairs < self.config.max_pairs {
            return;
        }
        let width = self.width();
        let rank = |track: &Track| (track.connections(), track.last(width));
        let tracks = self.sources.values().flat_map(|source| source.pairs.values());
        let mut ranks: Vec<(u64, i64)> = tracks.map(rank).collect();
        // What is above the bound may come from a file that a larger bound wrote.
        let surplus = ranks.len().saturating_sub(self.config.max_pairs);
        let quota = (surplus + (self.config.max_pairs / 16).max(1)).min(ranks.len());
        let Some(place) = quota.checked_sub(1) else { return };
        let (below, limit, _) = ranks.select_nth_unstable(place);
        let limit = *limit;
        let mut equal = quota - below.iter().filter(|rank| **rank < limit).count();
        for source in self.sources.values_mut() {
            source.pairs.retain(|_, track| {
                let own = rank(track);
                let goes = own < limit || (own == limit && equal > 0);
                if goes && own == limit {
                    equal -= 1;
                }
                if goes {
                    self.pairs -= 1;
                    self.stamps -= track.stamps().len();
                    self.stats.evicted += 1;
                }
                !goes
            });
        }
    }

    /// Lowers the number of connections that each pair may keep by itself until all fit.
    fn tighten(&mut self) {
        let (least, width) = (self.config.fair_share(), self.width());
        while self.stamps > self.config.max_stamps_total && self.most > least {
            self.most = (self.most / 2).max(least);
            self.stamps = 0;
            for track in self.sources.values_mut().flat_map(|source| source.pairs.values_mut()) {
                if track.stamps().len() > self.most {
                    track.fold_to(self.most, width);
                    track.shrink();
                }
                self.stamps += track.stamps().len();
            }
        }
    }
}

/// Sorts by score and keeps the highest; pairs of one score keep an order of their own.
fn keep_highest<T>(found: &mut Vec<T>, most: usize, beacon: impl Fn(&T) -> &Beacon) {
    found.sort_by(|one, other| {
        let (one, other) = (beacon(one), beacon(other));
        let scores = other.score.total.total_cmp(&one.score.total);
        scores.then_with(|| one.pair.cmp(&other.pair))
    });
    found.truncate(most);
}
