//! The statistics under the scores: what is in the middle, how far around it, and how even a day is.
//!
//! The formulas are those that RITA 5 documents and uses for beacons; medians are kept doubled and deviations fourfold,
//! so that everything up to the last division is whole numbers.

/// How many bars the time looked at is divided into: hours, where it is a day.
pub const BARS: usize = 24;

/// How a set of numbers is spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many numbers.
    pub values: usize,
    /// The number in the middle.
    pub median: f64,
    /// Median absolute deviation: half of the numbers are this near the median or nearer.
    pub mad: f64,
    /// Bowley's skewness, −1 to 1: whether the middle half leans to one side. 0 where the quartiles are less than 10
    /// apart or the median is one of them.
    pub skew: f64,
    /// The score: the mean of 1 − |skew| and of what of the median the deviation leaves, 0 to 1.
    pub score: f64,
}

impl Spread {
    /// Of numbers in their order, of which there are some. `flat` stands for what the deviation leaves of a median
    /// below 1.
    pub(crate) fn of(sorted: &[u64], flat: f64) -> Self {
        let half = sorted.len() / 2;
        let lower = sorted.get(..half).unwrap_or_default();
        let upper = sorted.get(sorted.len() - half..).unwrap_or_default();
        let [first, middle, third] = [lower, sorted, upper].map(doubled_median);
        let between = third.saturating_sub(first);
        let skew = if between >= 20 && middle != first && middle != third {
            (float(first) + float(third) - 2.0 * float(middle)) / float(between)
        } else {
            0.0
        };
        let mut apart: Vec<u64> =
            sorted.iter().map(|value| value.saturating_mul(2).abs_diff(middle)).collect();
        apart.sort_unstable();
        let median = float(middle) / 2.0;
        let mad = float(doubled_median(&apart)) / 4.0;
        let left = if middle >= 2 { ((median - mad) / median).max(0.0) } else { flat };
        let score = rounded(f64::midpoint(1.0 - skew.abs(), left));
        Self { values: sorted.len(), median, mad, skew, score }
    }
}

/// Twice the median of numbers in their order; 0 of none.
fn doubled_median(sorted: &[u64]) -> u64 {
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    if sorted.len() % 2 == 1 {
        return upper.saturating_mul(2);
    }
    let lower = middle.checked_sub(1).and_then(|at| sorted.get(at)).copied().unwrap_or_default();
    lower.saturating_add(upper)
}

/// How many connections each part of the time looked at has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Histogram(pub(crate) [u64; BARS]);

impl Histogram {
    pub(crate) fn add(&mut self, bar: usize, connections: u64) {
        if let Some(height) = self.0.get_mut(bar) {
            *height = height.saturating_add(connections);
        }
    }

    /// How many bars are not empty.
    pub(crate) fn bars(&self) -> usize {
        self.0.iter().filter(|height| **height > 0).count()
    }

    /// The most bars in a row that are not empty; the first follows the last.
    pub(crate) fn longest_run(&self) -> usize {
        let (mut run, mut longest) = (0, 0);
        for height in self.0.iter().chain(&self.0) {
            run = if *height > 0 { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest.min(BARS)
    }

    /// 1 where all bars are equally high; less the more they differ, by their coefficient of variation.
    pub(crate) fn flatness(&self) -> f64 {
        let heights = self.0.map(float);
        let mean = heights.iter().sum::<f64>() / float(BARS as u64);
        if mean <= 0.0 {
            return 0.0;
        }
        let squares: f64 = heights.iter().map(|height| (height - mean).powi(2)).sum();
        let variation = (squares / float(BARS as u64)).sqrt() / mean;
        rounded((1.0 - variation).max(0.0))
    }

    /// How much of the histogram its two commonest heights explain, where it has enough bars.
    pub(crate) fn modes(&self, sensitivity: f64, least: usize, outliers: usize) -> f64 {
        let bars = self.bars();
        if bars < least {
            return 0.0;
        }
        let highest = self.0.iter().copied().max().unwrap_or_default();
        let width = (float(highest) * sensitivity).ceil().max(1.0);
        let mut groups: Vec<(f64, usize)> = Vec::new();
        for height in self.0.iter().filter(|height| **height > 0) {
            let group = (float(*height) / width).floor();
            match groups.iter_mut().find(|(own, _)| own.total_cmp(&group).is_eq()) {
                Some((_, count)) => *count += 1,
                None => groups.push((group, 1)),
            }
        }
        let mut counts: Vec<usize> = groups.into_iter().map(|(_, count)| count).collect();
        counts.sort_unstable();
        let explained: usize = counts.iter().rev().take(2).sum();
        let of = bars.saturating_sub(outliers).max(1);
        rounded((float(explained as u64) / float(of as u64)).min(1.0))
    }
}

/// A count as a float. No count here comes near the 2^53 above which it would be rounded.
#[expect(clippy::cast_precision_loss, reason = "counts, seconds and bytes are far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// To thousandths.
pub(crate) fn rounded(score: f64) -> f64 {
    (score * 1000.0).round() / 1000.0
}

/// To the next thousandth above, and to 1 at most.
pub(crate) fn raised(score: f64) -> f64 {
    ((score * 1000.0).ceil() / 1000.0).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expect: f64) {
        assert!((found - expect).abs() < 1e-9, "{found} instead of {expect}");
    }

    #[track_caller]
    fn check(values: &[u64], median: f64, mad: f64, skew: f64, score: f64) {
        let spread = Spread::of(values, 1.0);
        near(spread.median, median);
        near(spread.mad, mad);
        near(spread.skew, skew);
        near(spread.score, score);
    }

    /// Each by hand: quartiles are the medians of the halves, without the number in the middle.
    #[test]
    fn spreads_by_hand() {
        check(&[60, 60, 60], 60.0, 0.0, 0.0, 1.0);
        // Quartiles 15, 30, 60: skew 15/45. Deviations 10, 10, 20, 50: half of 30 is left.
        check(&[10, 20, 40, 80], 30.0, 15.0, 1.0 / 3.0, 0.583);
        // Quartiles 10, 20, 60: skew 30/50. Deviations 0, 10, 40.
        check(&[10, 20, 60], 20.0, 10.0, 0.6, 0.45);
        // Quartiles 1.5 and 6 are less than 10 apart.
        check(&[1, 2, 4, 8], 3.0, 1.5, 0.0, 0.75);
        // The median is the lower quartile.
        check(&[10, 10, 10, 10, 50], 10.0, 0.0, 0.0, 1.0);
        // Quartiles 1, 50.5, 100: two lumps are even, and 1 of 50.5 is left.
        check(&[1, 1, 1, 100, 100, 100], 50.5, 49.5, 0.0, 0.51);
    }

    #[test]
    fn quartiles_ten_apart_are_enough() {
        // Quartiles 0, 2, 10 and 0, 2, 9.
        check(&[0, 2, 10], 2.0, 2.0, 0.6, 0.2);
        check(&[0, 2, 9], 2.0, 2.0, 0.0, 0.5);
    }

    #[test]
    fn a_median_below_one_has_no_share_left() {
        near(Spread::of(&[0, 0, 0, 0], 0.0).score, 0.5);
        near(Spread::of(&[0, 0, 0, 0], 1.0).score, 1.0);
        near(Spread::of(&[0, 0, 1, 1], 0.0).score, 0.5);
        near(Spread::of(&[1, 1, 1], 0.0).score, 1.0);
    }

    #[test]
    fn numbers_of_any_size_are_borne() {
        let spread = Spread::of(&[0, 1, u64::MAX, u64::MAX], 0.0);
        assert!((0.0..=1.0).contains(&spread.score));
        assert!((0.0..=1.0).contains(&Spread::of(&[], 0.0).score));
        assert!((0.0..=1.0).contains(&Spread::of(&[7], 0.0).score));
    }

    fn histogram(heights: &[(std::ops::Range<usize>, u64)]) -> Histogram {
        let mut histogram = Histogram::default();
        for (bars, height) in heights {
            bars.clone().for_each(|bar| histogram.add(bar, *height));
        }
        histogram
    }

    #[test]
    fn an_even_day_is_flat() {
        let day = histogram(&[(0..24, 60)]);
        near(day.flatness(), 1.0);
        near(day.modes(0.05, 11, 1), 1.0);
        assert_eq!((day.bars(), day.longest_run()), (24, 24));
    }

    #[test]
    fn two_heights_explain_a_day() {
        // Mean 6, deviation 4: the coefficient is 2/3.
        let day = histogram(&[(0..12, 10), (12..24, 2)]);
        near(day.flatness(), 0.333);
        near(day.modes(0.05, 11, 1), 1.0);
        // A quarter each of four heights: 12 of 23.
        let day = histogram(&[(0..6, 10), (6..12, 20), (12..18, 30), (18..24, 40)]);
        near(day.modes(0.05, 11, 1), 0.522);
        // Twentieths of the highest count as one height: 96 to 99 are one, 100 is the next.
        let day =
            histogram(&[(0..4, 100), (4..8, 99), (8..12, 98), (12..16, 97), (16..20, 96), (20..24, 50)]);
        near(day.modes(0.05, 11, 1), 0.87);
    }

    #[test]
    fn too_few_bars_have_no_modes_and_no_evenness() {
        let hours = histogram(&[(3..13, 7)]);
        near(hours.modes(0.05, 11, 1), 0.0);
        let hours = histogram(&[(3..14, 7)]);
        near(hours.modes(0.05, 11, 1), 1.0);
        // One bar of 24: the coefficient is the root of 23.
        near(histogram(&[(5..6, 100)]).flatness(), 0.0);
        near(Histogram::default().flatness(), 0.0);
    }

    #[test]
    fn a_run_goes_on_over_midnight() {
        assert_eq!(histogram(&[(22..24, 1), (0..4, 1), (10..13, 1)]).longest_run(), 6);
        assert_eq!(histogram(&[(10..13, 1)]).longest_run(), 3);
        assert_eq!(Histogram::default().longest_run(), 0);
    }

    #[test]
    fn thousandths() {
        near(rounded(0.5834), 0.583);
        near(raised(0.5831), 0.584);
        near(raised(7.0 / 12.0), 0.584);
        near(raised(1.2), 1.0);
        near(raised(0.5), 0.5);
    }
}
