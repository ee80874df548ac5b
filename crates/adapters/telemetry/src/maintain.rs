//! What keeps the files few and few enough: retention, then merging.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::Timestamp;
use ports::telemetry::{Maintained, Retention, TelemetryError};

use crate::ParquetTelemetry;
use crate::change::Change;
use crate::disk::{HOUR, hour_begins, hour_of};
use crate::merge::merge;
use crate::part::Part;

/// Small files that an hour may have while it lasts.
const SMALL_FILES: usize = 8;

/// While one file is so many times larger than the others together, it is not written again for their sake.
const IMBALANCE: u64 = 4;

/// Microseconds in a day. What came further apart is not put into one file, which ages as the last of it.
const DAY: i64 = 24 * HOUR;

impl ParquetTelemetry {
    pub(crate) fn look_after(
        &self,
        now: Timestamp,
        policy: &Retention,
    ) -> Result<Maintained, TelemetryError> {
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_sound()?;
        let mut done = Maintained::default();
        self.retain(now, policy, &mut done);
        let merged = self.merge_small(now, &mut done);
        self.bury()?;
        merged.map(|()| done)
    }

    /// Removes what is too old, and then, if it is too much, what happened longest ago.
    fn retain(&self, now: Timestamp, policy: &Retention, done: &mut Maintained) {
        let mut shelf = self.shelf();
        let mut parts: Vec<Arc<Part>> = shelf.parts().cloned().collect();
        let oldest = policy.age.map(|age| now.plus_micros(-micros(age)));
        let is_old = |part: &Part| oldest.is_some_and(|oldest| part.aged(now) < oldest);
        parts.sort_by_key(|part| (!is_old(part), part.happened()));
        let mut total: u64 = parts.iter().map(|part| part.bytes).sum();
        let mut gone: Vec<PathBuf> = Vec::new();
        for part in &parts {
            let too_much = policy.bytes.is_some_and(|most| total > most);
            if !is_old(part) && !too_much {
                continue;
            }
            if shelf.is_held(part) {
                done.held += 1;
                continue;
            }
            total -= part.bytes;
            done.files += 1;
            done.records += part.rows;
            done.bytes += part.bytes;
            gone.push(part.path.clone());
        }
        done.over = policy.bytes.map_or(0, |most| total.saturating_sub(most));
        // Nothing is noted: what a power cut brings back is as old as before.
        if !gone.is_empty() {
            shelf.bury(&gone, None);
        }
    }

    /// Makes one file of several small ones of a source and an hour that came on one day.
    fn merge_small(&self, now: Timestamp, done: &mut Maintained) -> Result<(), TelemetryError> {
        let mut hours: BTreeMap<(String, i64, i64), Vec<Arc<Part>>> = BTreeMap::new();
        for part in self.shelf().parts().filter(|part| self.is_small(part)) {
            let came = part.arrived.as_micros().div_euclid(DAY);
            hours.entry((part.source.clone(), part.hour, came)).or_default().push(Arc::clone(part));
        }
        for ((_, hour, _), parts) in hours {
            if !is_worth_it(&parts, hour, now) {
                continue;
            }
            for parts in self.bundles(parts) {
                let paths: Vec<PathBuf> = parts.iter().map(|part| part.path.clone()).collect();
                let mut change = Change { removals: paths.clone(), ..Change::default() };
                let merged = merge(self, &parts, &mut change);
                drop(parts);
                match merged {
                    Ok(Ok(part)) => {
                        let noted = self.carry_out(change)?;
                        let mut shelf = self.shelf();
                        shelf.add(vec![part]);
                        shelf.bury(&paths, Some(noted));
                        done.merged += paths.len() as u64;
                    }
                    Ok(Err(blind)) => {
                        change.discard(&self.disk);
                        done.blind.push(blind);
                    }
                    Err(error) => {
                        change.discard(&self.disk);
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }

    fn is_small(&self, part: &Part) -> bool {
        part.fault.is_none()
            && part.rows.saturating_mul(2) < self.options.file_rows as u64
            && part.raw.saturating_mul(2) < self.options.file_bytes
    }

    /// Files that together make no more than one.
    fn bundles(&self, parts: Vec<Arc<Part>>) -> Vec<Vec<Arc<Part>>> {
        let mut bundles: Vec<Vec<Arc<Part>>> = Vec::new();
        let (mut rows, mut raw) = (0, 0);
        for part in parts {
            (rows, raw) = (rows + part.rows, raw + part.raw);
            let fits = rows <= self.options.file_rows as u64 && raw <= self.options.file_bytes;
            if let Some(bundle) = bundles.last_mut().filter(|_| fits) {
                bundle.push(part);
            } else {
                (rows, raw) = (part.rows, part.raw);
                bundles.push(vec![part]);
            }
        }
        bundles.retain(|bundle| bundle.len() > 1);
        bundles
    }
}

/// Whether these small files of an hour are to be merged now.
fn is_worth_it(parts: &[Arc<Part>], hour: i64, now: Timestamp) -> bool {
    if parts.len() >= SMALL_FILES {
        return true;
    }
    // What comes a little late is waited for.
    let is_over = hour_of(now.plus_micros(-HOUR)) > hour || hour_begins(hour) > now;
    let all: u64 = parts.iter().map(|part| part.rows).sum();
    let largest = parts.iter().map(|part| part.rows).max().unwrap_or(0);
    is_over && parts.len() > 1 && largest <= (all - largest).saturating_mul(IMBALANCE)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows: u64) -> Arc<Part> {
        Arc::new(Part {
            path: PathBuf::new(),
            source: "dc1".to_owned(),
            hour: 100,
            bytes: 0,
            rows,
            raw: 0,
            groups: 1,
            from: Timestamp::EPOCH,
            until: Timestamp::EPOCH,
            arrived: Timestamp::EPOCH,
            fault: None,
        })
    }

    #[test]
    fn what_age_counts_from() {
        let day = |day: i64| Timestamp::from_micros(day * DAY);
        let check = |happened: i64, arrived: i64, expect: i64| {
            let part = Part { until: day(happened), arrived: day(arrived), ..Part::clone(&part(1)) };
            assert_eq!(part.aged(day(100)), day(expect), "{happened} {arrived}");
        };
        check(99, 99, 99);
        // Taken in long after, as the files of an incident are.
        check(10, 99, 99);
        // Claimed to be of the future.
        check(5_000, 99, 99);
        // Taken in while the clock was a little ahead, and while it was wrong.
        check(10, 101, 101);
        check(98, 5_000, 98);
    }

    #[test]
    fn when_an_hour_is_merged() {
        let check = |rows: &[u64], now: i64, expect: bool| {
            let parts: Vec<_> = rows.iter().copied().map(part).collect();
            assert_eq!(is_worth_it(&parts, 100, hour_begins(now)), expect, "{rows:?} {now}");
        };
        check(&[1, 1], 100, false);
        check(&[1, 1], 101, false);
        check(&[1, 1], 102, true);
        check(&[1], 102, false);
        check(&[4, 1], 102, true);
        check(&[5, 1], 102, false);
        check(&[1000, 1, 1, 1, 1, 1, 1], 102, false);
        check(&[1000, 1, 1, 1, 1, 1, 1, 1], 100, true);
        // An hour that has not come: its records came long ago.
        check(&[1, 1], 99, true);
    }
}
