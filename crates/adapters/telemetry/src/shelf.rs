//! The files there are, and those that are to go once nobody reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::Timestamp;
use ports::telemetry::{Hold, Plan, SourceStats, Stats, TelemetryError};

use crate::change::Noted;
use crate::disk::{Disk, parent};
use crate::part::Part;

/// Every file that hunts see.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// By path: so by source, hour and number.
    parts: BTreeMap<PathBuf, Arc<Part>>,
    graves: Vec<Grave>,
    pub(crate) holds: BTreeMap<String, Hold>,
}

/// Files that nobody finds any more. They are removed when nobody holds them any more.
#[derive(Debug)]
pub(crate) struct Grave {
    /// What is to be finished then.
    pub(crate) noted: Option<Noted>,
    parts: Vec<Arc<Part>>,
}

impl Shelf {
    pub(crate) fn new(parts: Vec<Part>, holds: BTreeMap<String, Hold>) -> Self {
        let mut shelf = Self { holds, ..Self::default() };
        shelf.add(parts);
        shelf
    }

    pub(crate) fn add(&mut self, parts: Vec<Part>) {
        self.parts.extend(parts.into_iter().map(|part| (part.path.clone(), Arc::new(part))));
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.parts.values()
    }

    /// Takes files away, and finishes what was noted of it when the last hunt through them has ended.
    pub(crate) fn bury(&mut self, paths: &[PathBuf], noted: Option<Noted>) {
        let parts: Vec<_> = paths.iter().filter_map(|path| self.parts.remove(path)).collect();
        self.graves.push(Grave { noted, parts });
    }

    /// Graves of files that nobody reads any more.
    pub(crate) fn forgotten(&mut self) -> Vec<Grave> {
        self.graves
            .extract_if(.., |grave| grave.parts.iter().all(|part| Arc::strong_count(part) == 1))
            .collect()
    }

    /// Takes back what could not be removed.
    pub(crate) fn keep(&mut self, grave: Grave) {
        self.graves.push(grave);
    }

    /// Files in which something may be that the plan covers.
    pub(crate) fn covered(&self, plan: &Plan) -> Vec<Arc<Part>> {
        let covers = |part: &&Arc<Part>| {
            plan.sources.as_ref().is_none_or(|sources| sources.contains(&part.source))
                && plan.from.is_none_or(|from| part.until >= from)
                && plan.until.is_none_or(|until| part.from < until)
        };
        self.parts.values().filter(covers).cloned().collect()
    }

    pub(crate) fn is_held(&self, part: &Part) -> bool {
        self.holds.values().any(|hold| part.is_held(hold))
    }

    /// What is in files.
    pub(crate) fn stats(&self, disk: &Disk) -> Stats {
        let mut stats = Stats::default();
        let mut sources: BTreeMap<&str, SourceStats> = BTreeMap::new();
        for part in self.parts.values() {
            stats.bytes += part.bytes;
            stats.files += 1;
            if let Some(why) = &part.fault {
                stats.blind.push(format!("`{}`: {why}", disk.at(&part.path).display()));
                continue;
            }
            stats.events += part.rows;
            let source = sources.entry(&part.source).or_insert_with(|| SourceStats {
                name: part.source.clone(),
                events: 0,
                bytes: 0,
                files: 0,
                oldest: part.from,
                newest: part.until,
            });
            source.events += part.rows;
            source.bytes += part.bytes;
            source.files += 1;
            source.oldest = source.oldest.min(part.from);
            source.newest = source.newest.max(part.until);
        }
        stats.sources = sources.into_values().collect();
        let oldest = |source: &SourceStats| -> Timestamp { source.oldest };
        stats.oldest = stats.sources.iter().map(oldest).min();
        stats.newest = stats.sources.iter().map(|source| source.newest).max();
        stats
    }
}

impl Grave {
    /// Removes the files for good.
    pub(crate) fn close(&self, disk: &Disk) -> Result<(), TelemetryError> {
        self.parts.iter().try_for_each(|part| disk.remove(&part.path))?;
        match &self.noted {
            // It names the same files, and ends with its own note.
            Some(noted) => noted.remove(disk)?,
            None => self.folders().try_for_each(|folder| disk.sync_folder(folder))?,
        }
        Ok(())
    }

    /// Folders that may be empty now.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| parent(&part.path))
    }
}
