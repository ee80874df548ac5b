//! Telemetry in files: [`ports::telemetry::Telemetry`] on Parquet, behind a write-ahead log for each source.
//!
//! ```text
//! append ─► _wal/…/0000000000000007.wal        synced; hunted from there too
//! flush  ─► source=dc1/date=2026-11-22/hour=05/part-0000000000000008.parquet
//! hunt   ─► folder and footer: source and time ─► Bloom filters ─► dictionaries ─► rows ─► records
//! ```
//!
//! Any program that reads Parquet reads the files, by names of folders as Hive gives them; what is not for it begins
//! with an underscore. A file has one row group, sorted by time. The observables of a record stand in a list for each
//! family of kinds, so that every one of many URLs and hashes of an event is found; each is written as its kind, a colon
//! and its key, and keys sort so that a network or a suffix of names is a few ranges.
//!
//! **Invariant:** a record that was kept is seen once by every hunt that covers it, until retention removes it, whatever
//! was flushed, merged or cut off by a power failure meanwhile; what cannot be read is named in the answer; a record is
//! left out of a hunt only if an index proves that it is no answer.
//!
//! **Must not know:** what a record means, rules, STIX, other nodes. Time is an argument.

mod asked;
mod change;
mod column;
mod disk;
mod entry;
mod family;
mod flush;
mod holds;
mod hunt;
mod maintain;
mod merge;
mod part;
mod read;
mod scan;
mod shelf;
mod wal;
mod write;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use model::Timestamp;
use ports::telemetry::{
    Flushed, Hold, Kept, Looked, Maintained, Plan, Progress, Retention, Stats, Telemetry, TelemetryError,
};

use crate::change::{Change, Noted};
use crate::disk::{Disk, fault};
use crate::part::Footers;
use crate::shelf::Shelf;
use crate::wal::{Bounds, Source};

/// Longest name of a source, in bytes.
const LONGEST_NAME: usize = 1024;

/// How to keep telemetry. [`Options::default`] is right for a node.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes in the write-ahead log of a source before it is turned into files.
    pub log_bytes: u64,
    /// Records in it, likewise.
    pub log_records: u64,
    /// Most records of a file.
    pub file_rows: usize,
    /// Most bytes of records in a file, as they came.
    pub file_bytes: u64,
    /// Most hours that one log is strewn over; what is of others goes to the hour it came in.
    pub partitions: usize,
    /// Footers that are kept in memory.
    pub footers: usize,
    /// Whether to wait for the disk. Only for what nobody will miss.
    pub durable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_bytes: 64 << 20,
            log_records: 131_072,
            file_rows: 131_072,
            file_bytes: 128 << 20,
            partitions: 48,
            footers: 1024,
            durable: true,
        }
    }
}

/// Telemetry in a folder.
#[derive(Debug)]
pub struct ParquetTelemetry {
    disk: Disk,
    options: Options,
    /// The next number of files, logs and notes.
    sequence: AtomicU64,
    sources: Mutex<BTreeMap<String, Arc<Source>>>,
    /// Locked before the log of a source where both are needed.
    shelf: Mutex<Shelf>,
    footers: Footers,
    /// Held by whoever retains and merges.
    upkeep: Mutex<()>,
    /// Written to while empty folders are removed, read while folders are made and filled.
    folders: RwLock<()>,
    /// Logs that could not be read at the start, with the reason.
    blind: Vec<(String, String)>,
    /// Whether a change may have been noted that was not made.
    stuck: AtomicBool,
    /// Tells other processes that the folder is in use.
    _lock: File,
}

impl ParquetTelemetry {
    /// Opens a folder, making it (for its owner only) if it is not there; finishes what a power failure interrupted.
    ///
    /// [`Telemetry::committed`] is to be called for every source then.
    ///
    /// # Errors
    /// [`TelemetryError::InUse`], [`TelemetryError::Damaged`], or that the folder cannot be read or written.
    pub fn open(folder: impl Into<PathBuf>, options: Options) -> Result<Self, TelemetryError> {
        let disk = Disk::new(folder.into(), options.durable);
        disk.make_folder(Path::new(""))?;
        let root = disk.at("");
        std::fs::set_permissions(&root, Permissions::from_mode(0o700))
            .map_err(|error| fault("make private", &root, &error))?;
        let lock = lock(&disk)?;
        change::finish_all(&disk)?;
        let holds = holds::load(&disk)?;
        let (parts, of_parts) = part::load_all(&disk)?;
        let found = wal::open_all(&disk)?;
        let sources = found.sources.into_iter().map(|source| (source.name.clone(), Arc::new(source)));
        Ok(Self {
            sequence: AtomicU64::new(of_parts.max(found.highest).saturating_add(1)),
            sources: Mutex::new(sources.collect()),
            shelf: Mutex::new(Shelf::new(parts, holds)),
            footers: Footers::new(options.footers),
            upkeep: Mutex::default(),
            folders: RwLock::default(),
            blind: found.blind,
            stuck: AtomicBool::new(false),
            _lock: lock,
            disk,
            options,
        })
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sources(&self) -> Vec<Arc<Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn source(&self, name: &str) -> Option<Arc<Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The source of a name, from now on at the latest.
    fn source_or_new(&self, name: &str) -> Arc<Source> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let source = sources.entry(name.to_owned()).or_insert_with(|| Arc::new(Source::new(name)));
        Arc::clone(source)
    }

    fn bounds(&self) -> Bounds {
        Bounds { bytes: self.options.log_bytes, records: self.options.log_records }
    }

    /// Changes files in one step, but for removing.
    fn carry_out(&self, change: Change) -> Result<Noted, TelemetryError> {
        let noted = match change.note(&self.disk, part::next(&self.sequence)) {
            Ok(noted) => noted,
            Err(not) => {
                match not.change {
                    Some(change) => change.discard(&self.disk),
                    None => self.stuck.store(true, Ordering::Relaxed),
                }
                return Err(not.error);
            }
        };
        match noted.rename(&self.disk) {
            Ok(()) => Ok(noted),
            Err(error) => {
                if noted.undo(&self.disk).is_err() {
                    self.stuck.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    /// Refuses where a change may happen at the next start that this process has not seen happen.
    fn check_sound(&self) -> Result<(), TelemetryError> {
        if !self.stuck.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(TelemetryError::Failed(
            "the disk failed in the middle of a change; events are still kept and hunted, but restart the node once the \
             disk is well again"
                .to_owned(),
        ))
    }

    /// Removes files that nobody reads any more.
    fn bury(&self) -> Result<(), TelemetryError> {
        let graves = self.shelf().forgotten();
        let mut outcome = Ok(());
        for grave in graves {
            match grave.close(&self.disk) {
                Ok(()) => {
                    let _no_filling = self.folders.write().unwrap_or_else(PoisonError::into_inner);
                    grave.folders().for_each(|folder| self.disk.prune(folder));
                }
                Err(error) => {
                    self.shelf().keep(grave);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome
    }
}

/// One process at a time.
fn lock(disk: &Disk) -> Result<File, TelemetryError> {
    let path = disk.at("_lock");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| fault("open", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TelemetryError::InUse(format!("`{}`", disk.at("").display()))),
        Err(TryLockError::Error(error)) => Err(fault("lock", &path, &error)),
    }
}

impl Telemetry for ParquetTelemetry {
    fn append(
        &self,
        source: &str,
        number: u64,
        now: Timestamp,
        records: &[Kept<'_>],
    ) -> Result<(), TelemetryError> {
        if source.is_empty() || source.len() > LONGEST_NAME {
            return Err(TelemetryError::Invalid(format!(
                "a source's name has from 1 to {LONGEST_NAME} bytes, not {}",
                source.len()
            )));
        }
        if let Some(other) = records.iter().find(|kept| kept.source != source) {
            return Err(TelemetryError::Invalid(format!(
                "a record of `{}` in a batch of `{source}`",
                other.source
            )));
        }
        let kept = self.source_or_new(source);
        let mut wal = kept.wal.lock().unwrap_or_else(PoisonError::into_inner);
        wal.append(&self.disk, &self.sequence, self.bounds(), number, now, records)
    }

    fn committed(&self, source: &str, number: u64) -> Result<(), TelemetryError> {
        let Some(source) = self.source(source) else { return Ok(()) };
        {
            let mut wal = source.wal.lock().unwrap_or_else(PoisonError::into_inner);
            wal.committed(&self.disk, number)?;
            if !wal.is_due(self.bounds()) {
                return Ok(());
            }
            wal.seal();
        }
        self.flush_source(&source).map(drop)
    }

    fn flush(&self) -> Result<Flushed, TelemetryError> {
        let mut all = Flushed::default();
        let mut outcome = Ok(());
        for source in self.sources() {
            source.wal.lock().unwrap_or_else(PoisonError::into_inner).seal();
            match self.flush_source(&source) {
                Ok(flushed) => {
                    all.records += flushed.records;
                    all.files += flushed.files;
                }
                // The others need not wait for it.
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map(|()| all)
    }

    fn hunt(
        &self,
        plan: &Plan,
        workers: usize,
        each: &(dyn Fn(usize, &Kept<'_>) + Sync),
        progress: &(dyn Fn(&Progress) -> bool + Sync),
    ) -> Result<Looked, TelemetryError> {
        self.hunt_through(plan, workers, each, progress)
    }

    fn maintain(&self, now: Timestamp, policy: &Retention) -> Result<Maintained, TelemetryError> {
        self.look_after(now, policy)
    }

    fn hold(&self, hold: &Hold) -> Result<(), TelemetryError> {
        let mut shelf = self.shelf();
        if shelf.holds.contains_key(&hold.name) {
            return Err(TelemetryError::Exists(format!("a legal hold `{}`", hold.name)));
        }
        let mut holds = shelf.holds.clone();
        holds.insert(hold.name.clone(), hold.clone());
        holds::save(&self.disk, &holds)?;
        shelf.holds = holds;
        Ok(())
    }

    fn release(&self, name: &str) -> Result<(), TelemetryError> {
        let mut shelf = self.shelf();
        let mut holds = shelf.holds.clone();
        if holds.remove(name).is_none() {
            return Err(TelemetryError::Missing(format!("a legal hold `{name}`")));
        }
        holds::save(&self.disk, &holds)?;
        shelf.holds = holds;
        Ok(())
    }

    fn holds(&self) -> Vec<Hold> {
        self.shelf().holds.values().cloned().collect()
    }

    fn stats(&self) -> Stats {
        let shelf = self.shelf();
        let mut stats = shelf.stats(&self.disk);
        for source in self.sources() {
            let wal = source.wal.lock().unwrap_or_else(PoisonError::into_inner);
            let (bytes, records) = wal.waiting();
            stats.waiting += records;
            stats.waiting_bytes += bytes;
            stats.blind.extend(wal.lost().map(|lost| format!("`source {}`: {lost}", source.name)));
        }
        drop(shelf);
        stats.blind.extend(self.blind.iter().map(|(path, why)| format!("`{path}`: {why}")));
        stats
    }
}
