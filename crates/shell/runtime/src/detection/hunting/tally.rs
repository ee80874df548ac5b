//! What a hunt found of one thing.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::super::shortened;
use super::super::sink::Origin;

/// Samples of each thing that is looked for.
const SAMPLES: usize = 5;
/// Devices of one day that are counted.
const DEVICES: usize = 1_000;
/// Days that are counted one by one: the latest.
const DAYS: usize = 400;
/// Bytes of a record that a sample shows.
const EXCERPT: usize = 1_024;

/// What was found of one thing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    #[serde(serialize_with = "as_text")]
    pub(crate) first: Option<Timestamp>,
    #[serde(serialize_with = "as_text")]
    pub(crate) last: Option<Timestamp>,
    pub(crate) days: BTreeMap<String, u64>,
    /// Whom a block would have met, by day.
    #[serde(skip)]
    pub(crate) devices: BTreeMap<String, BTreeSet<String>>,
    pub(crate) sources: BTreeMap<String, u64>,
    pub(crate) samples: Vec<Value>,
}

fn as_text<S: serde::Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&time.to_string()),
        None => serializer.serialize_none(),
    }
}

impl Tally {
    pub(super) fn add(&mut self, origin: &Origin<'_>, field: &str, value: &str, sample: bool) {
        self.count += 1;
        self.first = Some(self.first.map_or(origin.time, |first| first.min(origin.time)));
        self.last = Some(self.last.map_or(origin.time, |last| last.max(origin.time)));
        let day = origin.time.to_string().get(..10).unwrap_or_default().to_owned();
        *self.days.entry(day.clone()).or_default() += 1;
        if let Some(device) = origin.device {
            let known = self.devices.entry(day).or_default();
            if known.len() < DEVICES {
                known.insert(device.to_owned());
            }
        }
        self.forget_early();
        *self.sources.entry(origin.source.to_owned()).or_default() += 1;
        if sample && self.samples.len() < SAMPLES {
            self.samples.push(json!({
                "source": origin.source,
                "part": origin.part,
                "offset": origin.offset,
                "time": origin.time.to_string(),
                "device": origin.device,
                "field": field,
                "value": shortened(value, EXCERPT),
                "record": shortened(&String::from_utf8_lossy(origin.raw), EXCERPT),
            }));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.first = match (self.first, other.first) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        self.last = self.last.max(other.last);
        for (day, count) in other.days {
            *self.days.entry(day).or_default() += count;
        }
        for (day, devices) in other.devices {
            self.devices.entry(day).or_default().extend(devices);
        }
        self.forget_early();
        for (source, count) in other.sources {
            *self.sources.entry(source).or_default() += count;
        }
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
    }
    /// Keeps the latest days: which ones are counted does not depend on the order in which events come, so that two hunts
    /// for the same do not differ by a few.
    fn forget_early(&mut self) {
        while self.days.len() > DAYS
            && let Some((day, _)) = self.days.pop_first()
        {
            self.devices.remove(&day);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midnight of this day since 2020-01-01.
    fn day(number: i64) -> Timestamp {
        let first: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
        first.plus_micros(number * 86_400_000_000)
    }

    fn tally(days: impl Iterator<Item = i64>) -> Tally {
        let mut tally = Tally::default();
        for number in days {
            let origin = Origin {
                source: "sensor",
                part: "",
                offset: 0,
                class: "",
                device: Some("host"),
                time: day(number),
                raw: b"",
                past: true,
            };
            tally.add(&origin, "", "", false);
        }
        tally
    }

    #[test]
    fn the_latest_days_are_counted_in_whatever_order_events_come() {
        let last = 499;
        let onwards = tally(0..=last);
        let backwards = tally((0..=last).rev());
        let mut merged = tally((0..=last).filter(|number| number % 2 == 0));
        merged.merge(tally((0..=last).filter(|number| number % 2 == 1)));
        for one in [&onwards, &backwards, &merged] {
            assert_eq!((one.count, one.days.len(), one.devices.len()), (500, DAYS, DAYS));
            let earliest = one.days.keys().next().map(String::as_str);
            assert_eq!(earliest, day(100).to_string().get(..10));
            assert!(one.days.keys().eq(one.devices.keys()));
        }
    }
}
