//! How much the connections of a pair look like a program that calls home: RITA's four sub-scores.
//!
//! | Part | 1 means |
//! |---|---|
//! | timing | all gaps between connections are equal |
//! | size | all connections send equally much |
//! | histogram | every part of the time looked at has equally many connections, or they come in two heights |
//! | duration | connections reach over the whole time, or over twelve parts of it in a row |
//!
//! The total is their mean, lowered where most machines of the house call the same destination. Where the events say
//! nothing of sizes, it is the mean of the other three.

use std::fmt;

use model::Timestamp;

use crate::anomaly::listed;
use crate::config::BeaconConfig;
use crate::prevalence::Prevalence;
use crate::statistics::{BARS, Histogram, Spread, float, raised, rounded};
use crate::track::{Stamp, Track};

/// The fewest gaps, and the fewest sizes, that say anything.
const MIN_VALUES: usize = 3;

/// The time looked at, ends included. Its twenty-fourths are the bars of the histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The beginning.
    pub from: Timestamp,
    /// The end.
    pub until: Timestamp,
}

impl Span {
    pub(crate) fn of_seconds(from: i64, until: i64) -> Self {
        Self { from: from_second(from), until: from_second(until) }
    }

    pub(crate) fn seconds(self) -> (i64, i64) {
        (second(self.from), second(self.until))
    }
}

/// The whole second that an instant is in.
pub(crate) fn second(instant: Timestamp) -> i64 {
    instant.as_micros().div_euclid(1_000_000)
}

/// The beginning of a second.
pub(crate) fn from_second(second: i64) -> Timestamp {
    Timestamp::from_micros(second.saturating_mul(1_000_000))
}

/// What a score was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// All connections within the time looked at.
    pub connections: u64,
    /// How many of them, the newest, timing and size look at; the others are only counted.
    pub timed: usize,
    /// Gaps between connections, in whole seconds. What comes within one second counts as one.
    pub gaps: Spread,
    /// Bytes sent by the one who connected; `None` where most events do not say.
    pub sizes: Option<Spread>,
    /// How many connections each twenty-fourth of the time has.
    pub bars: [u64; BARS],
    /// The most bars in a row with connections; the first follows the last.
    pub longest_run: usize,
    /// The first connection.
    pub first: Timestamp,
    /// The last connection.
    pub last: Timestamp,
    /// The time looked at.
    pub span: Span,
    /// How many machines call the same destination.
    pub prevalence: Prevalence,
}

impl Inputs {
    /// How many bars have connections.
    #[must_use]
    pub fn filled(&self) -> usize {
        Histogram(self.bars).bars()
    }

    /// The numbers by name.
    #[must_use]
    pub fn listed(&self) -> Vec<(String, String)> {
        let bars: Vec<String> = self.bars.iter().map(u64::to_string).collect();
        let mut all = listed([
            ("connections", self.connections.to_string()),
            ("connections_timed", self.timed.to_string()),
            ("gap_median_s", self.gaps.median.to_string()),
            ("gap_mad_s", self.gaps.mad.to_string()),
            ("gap_skew", format!("{:.3}", self.gaps.skew)),
            ("bars", self.filled().to_string()),
            ("longest_run", self.longest_run.to_string()),
            ("bar_heights", bars.join(" ")),
            ("looked_at_from", self.span.from.to_string()),
            ("looked_at_until", self.span.until.to_string()),
            ("prevalence", format!("{:.3}", self.prevalence.share())),
            ("prevalence_sources", self.prevalence.sources.to_string()),
            ("prevalence_of", self.prevalence.of.to_string()),
        ]);
        if let Some(sizes) = self.sizes {
            all.extend(listed([
                ("size_median_bytes", sizes.median.to_string()),
                ("size_mad_bytes", sizes.mad.to_string()),
                ("size_skew", format!("{:.3}", sizes.skew)),
            ]));
        }
        all
    }
}

/// How much a pair looks like a beacon; every part from 0 to 1, to thousandths.
#[derive(Debug, Clone, PartialEq)]
pub struct BeaconScore {
    /// The mean of the parts, less what is taken off where most machines call the same destination.
    pub total: f64,
    /// The mean of the parts.
    pub mean: f64,
    /// How equal the gaps are.
    pub timing: f64,
    /// How equal the sizes are; `None` where the events say nothing of them.
    pub size: Option<f64>,
    /// How long it lasts.
    pub duration: f64,
    /// How even it is.
    pub histogram: f64,
    /// The numbers behind it.
    pub inputs: Inputs,
    /// The same in sentences.
    pub explanation: String,
}

/// Why there is no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unscored {
    /// Nothing is known of the pair: it never connected, not within the window, or had to make room for others.
    #[error("no connections of this pair are kept")]
    Unknown,
    /// The time looked at has no length.
    #[error("the time looked at is less than a second")]
    NoSpan,
    /// Too few connections, or too few at different seconds.
    #[error("{connections} connections with {gaps} gaps between them; a score needs 4 or more with 3 gaps")]
    TooFew {
        /// Connections within the time looked at.
        connections: u64,
        /// Gaps of a second or more between those whose time is kept.
        gaps: usize,
    },
}

/// The score of a pair's connections within a span. `width` is that of the track's slots, `prevalence` that of its
/// destination within the same span.
pub(crate) fn of(
    track: &Track,
    span: Span,
    width: i64,
    rules: &BeaconConfig,
    prevalence: Prevalence,
) -> Result<BeaconScore, Unscored> {
    let (from, until) = span.seconds();
    if until <= from {
        return Err(Unscored::NoSpan);
    }
    let stamps: Vec<Stamp> = track.stamps().filter(|stamp| (from..=until).contains(&stamp.second)).collect();
    let slots = track.folded().filter_map(|(slot, count)| {
        let begins = i64::from(slot) * width;
        let within = begins + width > from && begins <= until;
        within.then(|| ((begins + width / 2).clamp(from, until), u64::from(count)))
    });
    let mut histogram = Histogram::default();
    let (mut connections, mut first, mut last) = (0, until, from);
    for (second, count) in slots.chain(stamps.iter().map(|stamp| (stamp.second, 1))) {
        histogram.add(bar(second, from, until), count);
        connections += count;
        first = first.min(second);
        last = last.max(second);
    }
    let seconds = stamps.iter().map(|stamp| stamp.second);
    let mut gaps: Vec<u64> = seconds
        .clone()
        .zip(seconds.skip(1))
        .filter_map(|(one, next)| u64::try_from(next - one).ok().filter(|gap| *gap > 0))
        .collect();
    if connections < u64::from(rules.min_connections) || gaps.len() < MIN_VALUES {
        return Err(Unscored::TooFew { connections, gaps: gaps.len() });
    }
    gaps.sort_unstable();
    let gaps = Spread::of(&gaps, 1.0);
    let sizes = sizes(&stamps);
    let even = histogram.flatness().max(histogram.modes(
        rules.mode_sensitivity,
        rules.mode_bars as usize,
        rules.mode_outliers as usize,
    ));
    let longest_run = histogram.longest_run();
    let duration = if histogram.bars() < rules.duration_bars as usize {
        0.0
    } else {
        let covered = difference(last, first) / difference(until, from);
        let run = float(longest_run as u64) / f64::from(rules.ideal_run);
        raised(covered).max(raised(run))
    };
    let size = sizes.map(|sizes| sizes.score);
    let others = gaps.score + even + duration;
    let mean = rounded(size.map_or(others / 3.0, |size| (others + size) / 4.0));
    let off = if prevalence.common(rules) { rules.common_decrease } else { 0.0 };
    let total = rounded((mean - off).max(0.0));
    let inputs = Inputs {
        connections,
        timed: stamps.len(),
        gaps,
        sizes,
        bars: histogram.0,
        longest_run,
        first: from_second(first),
        last: from_second(last),
        span,
        prevalence,
    };
    let mut score = BeaconScore {
        total,
        mean,
        timing: gaps.score,
        size,
        duration,
        histogram: even,
        inputs,
        explanation: String::new(),
    };
    score.explanation = Explained { score: &score, rules }.to_string();
    Ok(score)
}

/// Sizes, where there are some and at least half of the connections say theirs.
fn sizes(stamps: &[Stamp]) -> Option<Spread> {
    let mut sizes: Vec<u64> = stamps.iter().filter_map(|stamp| stamp.bytes()).collect();
    sizes.sort_unstable();
    (sizes.len() >= MIN_VALUES && sizes.len() * 2 >= stamps.len()).then(|| Spread::of(&sizes, 0.0))
}

/// Which bar a second within the span belongs to; the end belongs to the last one.
fn bar(second: i64, from: i64, until: i64) -> usize {
    let bar = (second - from) * 24 / (until - from);
    usize::try_from(bar).unwrap_or_default().min(BARS - 1)
}

/// How many seconds one second is behind another.
fn difference(later: i64, earlier: i64) -> f64 {
    float(u64::try_from(later - earlier).unwrap_or_default())
}

/// A score in sentences.
struct Explained<'s> {
    score: &'s BeaconScore,
    rules: &'s BeaconConfig,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { score, rules } = *self;
        let Inputs { connections, timed, gaps, sizes, longest_run, first, last, span, prevalence, .. } =
            &score.inputs;
        write!(f, "{connections} connections from {first} to {last}, total {:.3}. ", score.total)?;
        if *timed as u64 != *connections {
            write!(f, "Timing and size look at the newest {timed} of them. ")?;
        }
        write!(
            f,
            "Timing {:.3}: the median gap is {} s, half of the gaps are within {} s of it, skewness {:.2}. ",
            score.timing, gaps.median, gaps.mad, gaps.skew
        )?;
        match sizes {
            Some(sizes) => write!(
                f,
                "Size {:.3}: the median is {} bytes sent, half are within {} bytes of it, skewness {:.2}. ",
                sizes.score, sizes.median, sizes.mad, sizes.skew
            )?,
            None => f.write_str("Size is not counted: the events do not say how much was sent. ")?,
        }
        let filled = score.inputs.filled();
        write!(
            f,
            "Histogram {:.3}: {filled} of 24 equal parts of the time from {} to {} have connections. ",
            score.histogram, span.from, span.until
        )?;
        write!(f, "Duration {:.3}: the longest run is {longest_run} parts. ", score.duration)?;
        let Prevalence { sources, of } = prevalence;
        if !prevalence.counts(rules) {
            let least = rules.common_machines;
            return write!(
                f,
                "Prevalence is not counted: of {least} machines that it takes, {of} were seen."
            );
        }
        let share = prevalence.share();
        write!(f, "Prevalence {share:.3}: {sources} of {of} machines call this destination")?;
        if prevalence.common(rules) {
            let (mean, off) = (score.mean, rules.common_decrease);
            write!(f, ", so {off:.3} is taken off the mean of the parts, {mean:.3}")?;
        }
        f.write_str(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(seconds: &[i64], bytes: Option<u64>) -> Track {
        let mut track = Track::default();
        seconds.iter().for_each(|second| track.push(Stamp::new(*second, bytes), 10_000, 900));
        track
    }

    #[track_caller]
    fn check(seconds: &[i64], bytes: Option<u64>, span: (i64, i64)) -> BeaconScore {
        let rules = BeaconConfig::default();
        let span = Span::of_seconds(span.0, span.1);
        of(&track(seconds, bytes), span, 900, &rules, Prevalence::default()).unwrap()
    }

    #[track_caller]
    fn parts(score: &BeaconScore, expect: [f64; 4]) {
        let found = [score.timing, score.size.unwrap_or(-1.0), score.histogram, score.duration];
        let near = found.iter().zip(expect).all(|(found, expect)| (found - expect).abs() < 1e-9);
        assert!(near, "{found:?} instead of {expect:?}");
    }

    /// Gaps 10, 20, 40, 80: timing 0.583 by hand. Four zero-byte sizes leave nothing of the median.
    #[test]
    fn four_gaps_by_hand() {
        let score = check(&[0, 10, 30, 70, 150], Some(0), (0, 86_400));
        parts(&score, [0.583, 0.5, 0.0, 0.0]);
        assert!((score.total - 0.271).abs() < 1e-9, "{}", score.total);
        assert_eq!((score.inputs.filled(), score.inputs.longest_run), (1, 1));
    }

    /// One connection at the beginning of each of six hours: five hours of 24 are covered, and half of the ideal run.
    #[test]
    fn six_hours_by_hand() {
        let hours: Vec<i64> = (0..6).map(|hour| hour * 3600).collect();
        parts(&check(&hours, Some(9), (0, 86_400)), [1.0, 1.0, 0.0, 0.5]);
        parts(&check(&hours[..5], Some(9), (0, 86_400)), [1.0, 1.0, 0.0, 0.0]);
        // Over midnight, 18 hours apart: coverage decides.
        let late: Vec<i64> = [0, 1, 2, 21, 22, 23].map(|hour| hour * 3600).into();
        let score = check(&late, Some(9), (0, 86_400));
        assert_eq!(score.inputs.longest_run, 6);
        assert!((score.duration - 0.959).abs() < 1e-9, "{}", score.duration);
    }

    #[test]
    fn without_sizes_three_parts_count() {
        let day: Vec<i64> = (0..1440).map(|minute| minute * 60).collect();
        let score = check(&day, None, (0, 86_340));
        parts(&score, [1.0, -1.0, 1.0, 1.0]);
        assert!((score.total - 1.0).abs() < 1e-9 && score.explanation.contains("Size is not counted"));
        assert!(score.inputs.listed().iter().all(|(name, _)| !name.starts_with("size")));
    }

    #[test]
    fn too_few_and_no_time() {
        let rules = BeaconConfig::default();
        let score = |seconds: &[i64], until| {
            let span = Span::of_seconds(0, until);
            of(&track(seconds, None), span, 900, &rules, Prevalence::default()).map(|score| score.total)
        };
        assert_eq!(score(&[1, 2], 100), Err(Unscored::TooFew { connections: 2, gaps: 1 }));
        assert_eq!(score(&[7; 50], 100), Err(Unscored::TooFew { connections: 50, gaps: 0 }));
        assert_eq!(score(&[1, 2, 3, 3], 100), Err(Unscored::TooFew { connections: 4, gaps: 2 }));
        assert_eq!(score(&[1, 2, 3, 4], 0), Err(Unscored::NoSpan));
        assert_eq!(score(&[], 100), Err(Unscored::TooFew { connections: 0, gaps: 0 }));
        // Connections outside the span do not count.
        assert_eq!(score(&[1, 2, 3, 400, 500], 100), Err(Unscored::TooFew { connections: 3, gaps: 2 }));
        assert!(score(&[1, 2, 3, 4], 100).is_ok());
    }

    #[test]
    fn bars_begin_where_they_should() {
        assert_eq!([0, 3599, 3600, 86_399, 86_400].map(|second| bar(second, 0, 86_400)), [0, 0, 1, 23, 23]);
        assert_eq!([10, 11, 12].map(|second| bar(second, 10, 12)), [0, 12, 23]);
    }

    /// A call a minute for a day is perfect; what half of ten machines or more call loses a quarter.
    #[test]
    fn what_most_machines_call_is_lowered() {
        let day: Vec<i64> = (0..1440).map(|minute| minute * 60).collect();
        let score = |rules: &BeaconConfig, sources, of_all| {
            let prevalence = Prevalence { sources, of: of_all };
            of(&track(&day, Some(9)), Span::of_seconds(0, 86_340), 900, rules, prevalence).unwrap()
        };
        let rules = BeaconConfig::default();
        for (sources, of_all, total) in
            [(5, 10, 0.75), (200, 200, 0.75), (4, 10, 1.0), (1, 200, 1.0), (9, 9, 1.0), (0, 0, 1.0)]
        {
            let score = score(&rules, sources, of_all);
            assert!((score.total - total).abs() < 1e-9, "{}", score.explanation);
            assert!((score.mean - 1.0).abs() < 1e-9, "{}", score.explanation);
        }
        let common = score(&rules, 5, 10);
        assert!(common.explanation.contains("total 0.750"), "{}", common.explanation);
        let says = "Prevalence 0.500: 5 of 10 machines call this destination, so 0.250 is taken off";
        assert!(common.explanation.contains(says), "{}", common.explanation);
        let listed = common.inputs.listed();
        for (name, value) in [("prevalence", "0.500"), ("prevalence_sources", "5"), ("prevalence_of", "10")] {
            assert!(listed.contains(&(name.to_owned(), value.to_owned())), "{listed:?}");
        }
        let one = score(&rules, 1, 200).explanation;
        assert!(one.ends_with("Prevalence 0.005: 1 of 200 machines call this destination."), "{one}");
        let few = score(&rules, 9, 9).explanation;
        assert!(
            few.ends_with("Prevalence is not counted: of 10 machines that it takes, 9 were seen."),
            "{few}"
        );
        // Whoever does not want it.
        let never = BeaconConfig { common_decrease: 0.0, ..BeaconConfig::default() };
        assert!((score(&never, 200, 200).total - 1.0).abs() < 1e-9);
        // Never below nothing.
        let all = BeaconConfig { common_decrease: 1.0, ..BeaconConfig::default() };
        assert!(score(&all, 200, 200).total.abs() < 1e-9);
    }

    /// What was folded still fills its bars.
    #[test]
    fn folded_connections_count() {
        let mut track = Track::default();
        (0..8640).for_each(|at| track.push(Stamp::new(at * 10, Some(1)), 100, 900));
        let (rules, span) = (BeaconConfig::default(), Span::of_seconds(0, 86_400));
        let score = of(&track, span, 900, &rules, Prevalence::default()).unwrap();
        assert_eq!((score.inputs.connections, score.inputs.timed), (8640, 100));
        assert_eq!(score.inputs.bars, [360; BARS]);
        parts(&score, [1.0, 1.0, 1.0, 1.0]);
        assert!(score.explanation.contains("the newest 100 of them"));
    }
}
