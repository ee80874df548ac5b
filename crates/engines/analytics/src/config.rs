//! What is watched, by which thresholds, and how much may be kept. Nothing is on unless a source is named.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::prevalence::network;

/// The word for every source.
const EVERY: &str = "*";

/// What is watched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Beacons; no source by default.
    pub beacons: BeaconConfig,
    /// First-seen and rare values; no field by default.
    pub first_seen: FirstSeenConfig,
}

/// Whose connections are scored, and how. The defaults of thresholds are RITA's, but for `common_decrease`: RITA ranks
/// by its scores, here `min_score` decides, and a program that calls perfectly must fall below it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BeaconConfig {
    /// Names of sources; `*` is every one.
    pub sources: Vec<String>,
    /// Destinations that are left out: an address or a name, or with a leading dot every name below that one.
    pub ignore: Vec<String>,
    /// The total from which on a pair is told, 0 to 1.
    pub min_score: f64,
    /// How many hours of a source's events there must be before anything is told.
    pub after_hours: u32,
    /// How many hours back connections are kept.
    pub window_hours: u32,
    /// The fewest connections that are scored.
    pub min_connections: u32,
    /// How far the heights of two bars of the histogram may differ to count as equal, as a part of the highest.
    pub mode_sensitivity: f64,
    /// From how many bars on two heights may explain the histogram.
    pub mode_bars: u32,
    /// How many bars may be of another height than these two.
    pub mode_outliers: u32,
    /// From how many bars on the duration counts.
    pub duration_bars: u32,
    /// The run of bars that makes the duration perfect.
    pub ideal_run: u32,
    /// The part of the machines that makes a destination common when so many call it, above 0, at most 1.
    pub common_share: f64,
    /// How much is taken off the scores of a common destination, 0 to 1.
    pub common_decrease: f64,
    /// How many machines must have been seen before any destination is common.
    pub common_machines: u32,
    /// Networks whose addresses are machines of the house, besides private ones: first address and length.
    pub internal_networks: Vec<String>,
    /// The most pairs that are kept.
    pub max_pairs: usize,
    /// The most connections of one pair that are kept each by itself.
    pub max_stamps: usize,
    /// The most connections of all pairs that are kept each by itself.
    pub max_stamps_total: usize,
}

impl Default for BeaconConfig {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            ignore: Vec::new(),
            min_score: 0.8,
            after_hours: 12,
            window_hours: 24,
            min_connections: 4,
            mode_sensitivity: 0.05,
            mode_bars: 11,
            mode_outliers: 1,
            duration_bars: 6,
            ideal_run: 12,
            common_share: 0.5,
            common_decrease: 0.25,
            common_machines: 10,
            internal_networks: Vec::new(),
            max_pairs: 100_000,
            max_stamps: 4_096,
            max_stamps_total: 2_000_000,
        }
    }
}

/// Which fields have a baseline, and when it speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirstSeenConfig {
    /// Fields by source, by the names that rules use; the source `*` is every one.
    pub fields: BTreeMap<String, Vec<String>>,
    /// How many days of a source's events a baseline takes in before it speaks. 0 speaks at once.
    pub learning_days: u32,
    /// After how many days without an event a value counts as new again.
    pub forget_days: u32,
    /// A value that came this often or less is rare; 0 tells of new values alone.
    pub rare: u32,
    /// The score from which on a value is told, 0 to 1.
    pub min_score: f64,
    /// The most values of all baselines together.
    pub max_values: usize,
    /// The most values of one baseline.
    pub max_values_per_field: usize,
}

impl Default for FirstSeenConfig {
    fn default() -> Self {
        Self {
            fields: BTreeMap::new(),
            learning_days: 7,
            forget_days: 30,
            rare: 0,
            min_score: 0.9,
            max_values: 1_000_000,
            max_values_per_field: 100_000,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` must be {must}")]
pub struct Unfit {
    /// The setting.
    pub key: &'static str,
    /// What it must be.
    pub must: &'static str,
}

const fn demand(holds: bool, key: &'static str, must: &'static str) -> Result<(), Unfit> {
    if holds { Ok(()) } else { Err(Unfit { key, must }) }
}

const PART: &str = "from 0 to 1";

impl BeaconConfig {
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        demand((0.0..=1.0).contains(&self.min_score), "min_score", PART)?;
        demand((1..=744).contains(&self.window_hours), "window_hours", "from 1 to 744")?;
        demand(self.after_hours <= self.window_hours, "after_hours", "at most `window_hours`")?;
        demand(self.min_connections >= 4, "min_connections", "4 or more: fewer have no three gaps")?;
        demand((0.0..=1.0).contains(&self.mode_sensitivity), "mode_sensitivity", PART)?;
        demand(self.mode_bars >= 6, "mode_bars", "6 or more: fewer bars always have two heights")?;
        demand(self.duration_bars >= 1, "duration_bars", "1 or more")?;
        demand(self.ideal_run >= 1, "ideal_run", "1 or more")?;
        let share = self.common_share > 0.0 && self.common_share <= 1.0;
        demand(share, "common_share", "above 0 and at most 1")?;
        demand((0.0..=1.0).contains(&self.common_decrease), "common_decrease", PART)?;
        demand(self.common_machines >= 2, "common_machines", "2 or more: one machine shares nothing")?;
        let networks = self.internal_networks.iter().all(|text| network(text).is_some());
        demand(networks, "internal_networks", "first addresses and lengths, like `192.0.2.0/24`")?;
        demand((1..=10_000_000).contains(&self.max_pairs), "max_pairs", "from 1 to 10000000")?;
        demand((4..=1_000_000).contains(&self.max_stamps), "max_stamps", "from 4 to 1000000")?;
        let room = self.max_pairs.saturating_mul(4)..=1_000_000_000;
        demand(
            room.contains(&self.max_stamps_total),
            "max_stamps_total",
            "at least 4 for each of `max_pairs`, at most 1000000000",
        )
    }

    pub(crate) fn follows(&self, source: &str) -> bool {
        self.sources.iter().any(|own| own == source || own == EVERY)
    }

    pub(crate) fn ignores(&self, to: &str) -> bool {
        self.ignore.iter().any(|own| {
            if own.starts_with('.') {
                let begins = to.len().checked_sub(own.len());
                begins.and_then(|at| to.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(own))
            } else {
                own.eq_ignore_ascii_case(to)
            }
        })
    }

    /// The window in seconds.
    pub(crate) fn window(&self) -> i64 {
        i64::from(self.window_hours) * 3600
    }

    /// How many connections of a pair can be kept when all pairs are there.
    pub(crate) fn fair_share(&self) -> usize {
        (self.max_stamps_total / self.max_pairs.max(1)).clamp(4, self.max_stamps.max(4))
    }
}

impl FirstSeenConfig {
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        demand(self.learning_days <= 365, "learning_days", "at most 365")?;
        demand((1..=3650).contains(&self.forget_days), "forget_days", "from 1 to 3650")?;
        demand(self.forget_days >= self.learning_days, "forget_days", "at least `learning_days`")?;
        demand((0.0..=1.0).contains(&self.min_score), "min_score", PART)?;
        demand((16..=100_000_000).contains(&self.max_values), "max_values", "from 16 to 100000000")?;
        let own = 16..=self.max_values;
        demand(own.contains(&self.max_values_per_field), "max_values_per_field", "from 16 to `max_values`")
    }

    /// The fields of a source, each once.
    pub(crate) fn fields_of(&self, source: &str) -> impl Iterator<Item = &str> {
        let own = self.fields.get(source).map(Vec::as_slice).unwrap_or_default();
        let every = self.fields.get(EVERY).map(Vec::as_slice).unwrap_or_default();
        own.iter().chain(every.iter().filter(move |field| !own.contains(field))).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_watch_nothing() {
        let config = Config::default();
        assert_eq!((config.beacons.check(), config.first_seen.check()), (Ok(()), Ok(())));
        assert!(!config.beacons.follows("zeek"));
        assert_eq!(config.first_seen.fields_of("zeek").count(), 0);
    }

    #[test]
    fn every_source_and_one_by_name() {
        let config = FirstSeenConfig {
            fields: BTreeMap::from([
                ("*".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
                ("x".to_owned(), vec!["b".to_owned(), "c".to_owned()]),
            ]),
            ..FirstSeenConfig::default()
        };
        assert_eq!(config.fields_of("x").collect::<Vec<_>>(), ["b", "c", "a"]);
        assert_eq!(config.fields_of("y").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn names_below_a_name_are_ignored_and_lookalikes_are_not() {
        let ignore = vec![".pool.example".to_owned(), "192.0.2.1".to_owned(), "Time.example".to_owned()];
        let config = BeaconConfig { ignore, ..BeaconConfig::default() };
        for to in ["0.pool.example", "A.B.POOL.example", "192.0.2.1", "time.example"] {
            assert!(config.ignores(to), "{to}");
        }
        for to in ["pool.example", "evilpool.example", "192.0.2.10", "x.time.example", "ä", ""] {
            assert!(!config.ignores(to), "{to}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let with = |change: fn(&mut BeaconConfig)| {
            let mut config = BeaconConfig::default();
            change(&mut config);
            config.check().err().map(|unfit| unfit.key)
        };
        assert_eq!(with(|config| config.min_score = f64::NAN), Some("min_score"));
        assert_eq!(with(|config| config.min_score = 1.1), Some("min_score"));
        assert_eq!(with(|config| config.window_hours = 0), Some("window_hours"));
        assert_eq!(with(|config| config.after_hours = 25), Some("after_hours"));
        assert_eq!(with(|config| config.min_connections = 3), Some("min_connections"));
        assert_eq!(with(|config| config.common_share = 0.0), Some("common_share"));
        assert_eq!(with(|config| config.common_share = f64::NAN), Some("common_share"));
        assert_eq!(with(|config| config.common_decrease = -0.1), Some("common_decrease"));
        assert_eq!(with(|config| config.common_machines = 1), Some("common_machines"));
        assert_eq!(
            with(|config| config.internal_networks = vec!["192.0.2.1/24".to_owned()]),
            Some("internal_networks")
        );
        assert_eq!(with(|config| config.max_stamps = 0), Some("max_stamps"));
        assert_eq!(with(|config| config.max_stamps_total = 4), Some("max_stamps_total"));
        assert_eq!(with(|config| config.max_pairs = usize::MAX), Some("max_pairs"));
        let unfit = Unfit { key: "min_score", must: PART };
        assert_eq!(unfit.to_string(), "`min_score` must be from 0 to 1");
    }
}
