//! What was found, rule by rule and over time.

use std::collections::BTreeMap;

use detect::{CardId, Level};
use model::Timestamp;

use crate::output;

/// Columns of the time line.
const COLUMNS: usize = 60;
/// Instants that are kept for it; after that every further one only counts.
const KEPT: usize = 100_000;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Rule(CardId),
    /// By its number.
    Indicator(u64),
}

/// Alerts, counted.
#[derive(Default)]
pub(super) struct Found {
    counts: BTreeMap<Which, u64>,
    times: Vec<Timestamp>,
    total: u64,
}

impl Found {
    pub(super) fn add(&mut self, which: Which, time: Option<Timestamp>) {
        *self.counts.entry(which).or_default() += 1;
        self.total += 1;
        if self.times.len() < KEPT {
            self.times.extend(time);
        }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// A line for each rule, the worst first, and when it happened.
    pub(super) fn show<'n>(&self, name: impl Fn(Which) -> Option<(Option<Level>, &'n str)>) {
        let mut rows: Vec<(Option<Level>, u64, &str)> = self
            .counts
            .iter()
            .filter_map(|(which, count)| {
                let (level, title) = name(*which)?;
                Some((level, *count, title))
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

    /// How many alerts there were over the time they span.
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
