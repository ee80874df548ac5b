//! What was found, rule by rule and over time.

use std::collections::BTreeMap;

use detect::{CardId, Level};
use model::Timestamp;

use crate::output;

/// Columns of the time line.
const COLUMNS: usize = 60;
/// Instants that are kept for it; after that every further one only counts.
const KEPT: usize = 100_000;

/// What a match is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Rule(CardId),
    /// By its number.
    Indicator(u64),
}

/// Events that match: an event may match several rules, and an indicator in several fields.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    events: u64,
    /// The last one, counted from 1.
    last: u64,
}

impl Tally {
    /// Counts an event; returns whether it is another one than the last.
    const fn add(&mut self, event: u64) -> bool {
        let is_new = self.last != event;
        if is_new {
            self.last = event;
            self.events += 1;
        }
        is_new
    }
}

/// Matches and the events that match, counted.
#[derive(Default)]
pub(super) struct Found {
    by: BTreeMap<Which, Tally>,
    all: Tally,
    times: Vec<Timestamp>,
    matches: u64,
    /// The present event's number.
    event: u64,
}

impl Found {
    /// Another event is looked at.
    pub(super) const fn next_event(&mut self) {
        self.event += 1;
    }

    /// The present event matches.
    pub(super) fn add(&mut self, which: Which, time: Option<Timestamp>) {
        self.matches += 1;
        self.all.add(self.event);
        let is_new = self.by.entry(which).or_default().add(self.event);
        if is_new && self.times.len() < KEPT {
            self.times.extend(time);
        }
    }

    /// Matches: a line each.
    pub(super) const fn matches(&self) -> u64 {
        self.matches
    }

    /// Events that match at least once.
    pub(super) const fn events(&self) -> u64 {
        self.all.events
    }

    /// A line for each rule and indicator with the events that match, the worst first, and when it happened.
    pub(super) fn show<'n>(&self, name: impl Fn(Which) -> Option<(Option<Level>, &'n str)>) {
        let mut rows: Vec<(Option<Level>, u64, &str)> = self
            .by
            .iter()
            .filter_map(|(which, tally)| {
                let (level, title) = name(*which)?;
                Some((level, tally.events, title))
            })
            .collect();
        rows.sort_by_key(|(level, count, title)| (std::cmp::Reverse((*level, *count)), *title));
        if !rows.is_empty() {
            output::text("");
        }
        for (level, count, title) in rows {
            let level = level.map_or("-", Level::as_str);
            output::text(&output::inline(&format!("{count:>8}  {level:<13} {title}")));
        }
        if let Some(line) = self.line() {
            output::text(&line);
        }
    }

    /// How many events matched over the time they span.
    fn line(&self) -> Option<String> {
        const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let (first, last) = (*self.times.iter().min()?, *self.times.iter().max()?);
        let span = last.as_micros().saturating_sub(first.as_micros());
        if span <= 0 {
            return None;
        }
        let mut columns = [0usize; COLUMNS];
        for time in &self.times {
            let at =
                i128::from(time.as_micros() - first.as_micros()) * (COLUMNS as i128 - 1) / i128::from(span);
            if let Some(column) = usize::try_from(at).ok().and_then(|at| columns.get_mut(at)) {
                *column += 1;
            }
        }
        let most = columns.iter().copied().max().unwrap_or(1).max(1);
        let bar = |count: &usize| {
            let height = (count * 8).div_ceil(most);
            BARS.get(height).copied().unwrap_or('█')
        };
        Some(format!("\n{first} {} {last}", columns.iter().map(bar).collect::<String>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_matches_twice_is_one_event() {
        let mut found = Found::default();
        for indicators in [&[1, 1, 2][..], &[], &[2]] {
            found.next_event();
            indicators.iter().for_each(|number| found.add(Which::Indicator(*number), None));
        }
        assert_eq!((found.matches(), found.events()), (4, 2));
        let events: Vec<u64> = found.by.values().map(|tally| tally.events).collect();
        assert_eq!(events, [1, 2]);
    }
}
