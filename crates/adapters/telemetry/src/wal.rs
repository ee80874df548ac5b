//! The write-ahead log of one source: a row of files, of which the last is written to.
//!
//! A file is sealed before it becomes Parquet, and becomes it as a whole once every record in it is committed. So a
//! record is in a log file or in Parquet files, and one change turns the one into the other.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use model::Timestamp;
use ports::telemetry::{Kept, TelemetryError};

use crate::disk::{Disk, escaped, fault, hash, hour_begins, parent};
use crate::entry::{self, Entries, Entry, TooLong};
use crate::read::Window;

/// The folder of all logs. Programs that read the Parquet files leave out what starts like this.
pub(crate) const FOLDER: &str = "_wal";
const SUFFIX: &str = ".wal";

/// 2100-01-01T00:00:00Z: no clock that can be believed says more.
const LATEST: i64 = 4_102_444_800_000_000;

/// A source and its log.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) wal: Mutex<Wal>,
    /// Held by whoever turns the log into files.
    pub(crate) flushing: Mutex<()>,
}

impl Source {
    pub(crate) fn new(name: &str) -> Self {
        let wal = Wal {
            folder: Path::new(FOLDER).join(format!("{}~{}", escaped(name), hash(name))),
            segments: Vec::new(),
            found: false,
            torn: false,
            lost: Vec::new(),
        };
        Self { name: name.to_owned(), wal: Mutex::new(wal), flushing: Mutex::new(()) }
    }
}

/// How much may stand in a log before it is turned into files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

/// The log of a source.
#[derive(Debug)]
pub(crate) struct Wal {
    folder: PathBuf,
    segments: Vec<Segment>,
    /// Whether it was found at a start, and the source has not said yet what it committed.
    found: bool,
    /// Whether its end was torn when it was found.
    torn: bool,
    /// What was kept and is gone.
    lost: Vec<String>,
}

/// A file of a log.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    records: u64,
    /// Numbers of the first and the last record.
    first: u64,
    last: u64,
    /// Records up to this number are committed.
    confirmed: u64,
    /// When the last one came.
    arrived: Timestamp,
    /// Nothing is added any more.
    sealed: bool,
}

/// A log file to read: as far as it went at some moment.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) arrived: Timestamp,
}

impl Log {
    /// Reads it from the beginning.
    pub(crate) fn entries(&self, read: &Arc<AtomicU64>) -> Entries<BufReader<Window>> {
        let window = Window::new(Arc::clone(&self.file), 0, self.bytes, Arc::clone(read));
        Entries::new(BufReader::with_capacity(64 << 10, window), self.bytes)
    }
}

impl Wal {
    /// Adds a batch and returns once it would survive a power cut.
    pub(crate) fn append(
        &mut self,
        disk: &Disk,
        sequence: &AtomicU64,
        bounds: Bounds,
        number: u64,
        now: Timestamp,
        records: &[Kept<'_>],
    ) -> Result<(), TelemetryError> {
        let Some((source, count)) = records.first().map(|kept| (kept.source, records.len() as u64)) else {
            return Ok(());
        };
        let before = number.checked_sub(count).ok_or_else(|| {
            TelemetryError::Invalid(format!("{count} records cannot be the first {number} of `{source}`"))
        })?;
        if self.found {
            self.settle(disk, before)?;
        }
        self.cut(disk, before)?;
        // A count that begins again begins a file.
        if let Some(last) = self.segments.last_mut()
            && last.confirmed > before
        {
            last.sealed = true;
        }
        let now = believable(now).unwrap_or(Timestamp::EPOCH);
        let (mut body, mut bytes) = (Vec::new(), Vec::new());
        for (kept, number) in records.iter().zip(before + 1..) {
            let time = believable(kept.time).unwrap_or(now);
            entry::put_record(&Kept { time, ..*kept }, number, now, &mut body, &mut bytes).map_err(
                |TooLong(length)| {
                    TelemetryError::Invalid(format!(
                        "a record of {length} bytes is too long to keep (`{source}`, `{}`, offset {})",
                        kept.part, kept.offset
                    ))
                },
            )?;
        }
        let segment = self.open_segment(disk, sequence, bounds, source)?;
        segment.put(disk, &bytes, true)?;
        if segment.records == 0 {
            segment.first = before + 1;
        }
        segment.last = number;
        segment.records += count;
        segment.arrived = segment.arrived.max(now);
        Ok(())
    }

    /// Takes note of what the source has committed.
    pub(crate) fn committed(&mut self, disk: &Disk, number: u64) -> Result<(), TelemetryError> {
        if self.found {
            self.settle(disk, number)?;
        }
        let mut mark = Vec::new();
        if entry::put_committed(number, &mut mark).is_err() {
            return Ok(());
        }
        for segment in &mut self.segments {
            let confirmed = number.min(segment.last);
            if segment.records > 0 && confirmed >= segment.first && confirmed > segment.confirmed {
                segment.confirmed = confirmed;
                // Not synced: without it the source is asked again after a start, and that is all.
                segment.put(disk, &mark, false)?;
            }
        }
        Ok(())
    }

    /// The source has said for the first time since the start what it committed.
    fn settle(&mut self, disk: &Disk, number: u64) -> Result<(), TelemetryError> {
        let last = self.segments.iter().map(|segment| segment.last).max().unwrap_or(0);
        if self.torn && number > last {
            self.lost.push(format!(
                "records {} to {number} are lost: the write-ahead log that held them was damaged when it was found",
                last + 1
            ));
        }
        self.cut(disk, number)?;
        self.found = false;
        Ok(())
    }

    /// Drops what is not committed behind the record of this number.
    fn cut(&mut self, disk: &Disk, number: u64) -> Result<(), TelemetryError> {
        for segment in &mut self.segments {
            let keep = number.max(segment.confirmed);
            if segment.records == 0 || segment.last <= keep {
                continue;
            }
            let path = disk.at(&segment.path);
            let failed = |error: &io::Error| fault("cut", &path, error);
            let found = survey(&segment.file, segment.bytes, keep).map_err(|error| failed(&error))?;
            segment
                .file
                .set_len(found.bytes)
                .and_then(|()| disk.sync(&segment.file))
                .map_err(|error| failed(&error))?;
            segment.bytes = found.bytes;
            segment.records = found.records;
            segment.last = found.last;
            // Whoever reads the file now must not meet other records where the old ones stood.
            segment.sealed = true;
        }
        Ok(())
    }

    /// The file that is written to.
    fn open_segment(
        &mut self,
        disk: &Disk,
        sequence: &AtomicU64,
        bounds: Bounds,
        source: &str,
    ) -> Result<&mut Segment, TelemetryError> {
        let open = |segment: &Segment| {
            !segment.sealed && segment.bytes < bounds.bytes && segment.records < bounds.records
        };
        if !self.segments.last().is_some_and(open) {
            self.seal();
            disk.make_folder(&self.folder)?;
            let number = sequence.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(format!("{number:016}{SUFFIX}"));
            let file = Arc::new(disk.create(&path)?);
            disk.sync_folder(&self.folder)?;
            let mut segment = Segment::new(path, file);
            let mut head = Vec::new();
            entry::put_head(source, &mut head).map_err(|TooLong(length)| {
                TelemetryError::Invalid(format!("a source's name of {length} bytes is too long"))
            })?;
            segment.put(disk, &head, false)?;
            self.segments.push(segment);
        }
        self.segments.last_mut().ok_or_else(|| TelemetryError::Failed("no log file is open".to_owned()))
    }

    /// Ends the file that is written to, if anything is in it.
    pub(crate) fn seal(&mut self) {
        if let Some(last) = self.segments.last_mut() {
            last.sealed |= last.records > 0;
        }
    }

    /// Whether it holds as much as it may, or files wait for nothing but to be turned into others.
    pub(crate) fn is_due(&self, bounds: Bounds) -> bool {
        let (bytes, records) = self.waiting();
        bytes >= bounds.bytes || records >= bounds.records || self.segments.iter().any(Segment::is_ready)
    }

    /// Bytes and records in it.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let sum = |of: fn(&Segment) -> u64| -> u64 { self.segments.iter().map(of).sum() };
        (sum(|segment| segment.bytes), sum(|segment| segment.records))
    }

    /// Sealed files of which every record is committed.
    pub(crate) fn ready(&self) -> Vec<Log> {
        self.segments.iter().filter(|segment| segment.is_ready()).map(Segment::log).collect()
    }

    /// Every file with something in it, to be read.
    pub(crate) fn logs(&self) -> Vec<Log> {
        self.segments.iter().filter(|segment| segment.records > 0).map(Segment::log).collect()
    }

    /// Forgets a file that was turned into others, but for so many records that could not be read any more.
    pub(crate) fn forget(&mut self, log: &Log, lost: u64) {
        self.segments.retain(|segment| segment.path != log.path);
        if lost > 0 {
            self.lost
                .push(format!("{lost} records are lost: the write-ahead log that held them was damaged"));
        }
    }

    /// What was kept and is gone, if anything.
    pub(crate) fn lost(&self) -> Option<String> {
        (!self.lost.is_empty()).then(|| self.lost.join("; "))
    }
}

impl Segment {
    fn new(path: PathBuf, file: Arc<File>) -> Self {
        Self {
            path,
            file,
            bytes: 0,
            records: 0,
            first: 0,
            last: 0,
            confirmed: 0,
            arrived: Timestamp::EPOCH,
            sealed: false,
        }
    }

    fn is_ready(&self) -> bool {
        self.sealed && (self.records == 0 || self.confirmed >= self.last)
    }

    fn log(&self) -> Log {
        let Self { path, file, bytes, records, arrived, .. } = self;
        let (path, file) = (path.clone(), Arc::clone(file));
        Log { path, file, bytes: *bytes, records: *records, arrived: *arrived }
    }

    /// Adds entries at the end, all or none.
    fn put(&mut self, disk: &Disk, bytes: &[u8], sync: bool) -> Result<(), TelemetryError> {
        let written = self
            .file
            .write_all_at(bytes, self.bytes)
            .and_then(|()| if sync { disk.sync(&self.file) } else { Ok(()) });
        match written {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // What was half written must not be found behind what is written next.
                if self.file.set_len(self.bytes).is_err() {
                    self.sealed = true;
                }
                Err(fault("write", &disk.at(&self.path), &error))
            }
        }
    }
}

/// A time between 1970 and 2100.
fn believable(time: Timestamp) -> Option<Timestamp> {
    (hour_begins(0)..Timestamp::from_micros(LATEST)).contains(&time).then_some(time)
}

/// What a log file holds.
#[derive(Debug, Default)]
struct Survey {
    source: Option<String>,
    bytes: u64,
    records: u64,
    first: u64,
    last: u64,
    confirmed: u64,
    arrived: i64,
}

/// Reads a file up to the record of this number.
fn survey(file: &Arc<File>, length: u64, until: u64) -> io::Result<Survey> {
    let window = Window::new(Arc::clone(file), 0, length, Arc::default());
    let mut entries = Entries::new(BufReader::with_capacity(64 << 10, window), length);
    let mut found = Survey::default();
    while let Some(body) = entries.body()? {
        let headed = found.source.is_some();
        match (entry::read(body), headed) {
            (Some(Entry::Head(name)), false) => found.source = Some(name.to_owned()),
            (Some(Entry::Committed(number)), true) => {
                // Of a count that began again, this is about the records before it alone.
                found.confirmed = found.confirmed.max(number.min(found.last));
            }
            (Some(Entry::Record(record)), true) if record.number <= until => {
                if found.records == 0 {
                    found.first = record.number;
                }
                found.last = record.number;
                found.records += 1;
                found.arrived = found.arrived.max(record.arrived.as_micros());
            }
            _ => return Ok(found),
        }
        found.bytes = entries.whole;
    }
    Ok(found)
}

/// What was found at a start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) sources: Vec<Source>,
    /// The highest number of a file.
    pub(crate) highest: u64,
    /// Files that cannot be read, with the reason.
    pub(crate) blind: Vec<(String, String)>,
}

/// Opens all logs, and cuts off what was being written when the power went.
pub(crate) fn open_all(disk: &Disk) -> Result<Found, TelemetryError> {
    let mut found = Found::default();
    for folder in disk.list(Path::new(FOLDER))?.into_iter().filter(|entry| entry.is_folder) {
        let mut source: Option<Source> = None;
        for entry in disk.list(&folder.path)? {
            let number = entry.name.strip_suffix(SUFFIX).and_then(|digits| digits.parse().ok());
            let Some(number) = number.filter(|_| !entry.is_folder) else { continue };
            found.highest = found.highest.max(number);
            match open(disk, &entry.path)? {
                Opened::Log { name, segment, torn } => {
                    let source = source.get_or_insert_with(|| Source::new(&name));
                    if let Ok(wal) = source.wal.get_mut() {
                        wal.folder.clone_from(&folder.path);
                        wal.segments.push(segment);
                        wal.found = true;
                        wal.torn |= torn;
                    }
                }
                Opened::Nothing => disk.remove(&entry.path)?,
                Opened::Unreadable => found.blind.push((
                    disk.at(&entry.path).display().to_string(),
                    "the head of this write-ahead log is damaged; look at it and remove it".to_owned(),
                )),
            }
        }
        found.sources.extend(source);
    }
    Ok(found)
}

enum Opened {
    Log {
        name: String,
        segment: Segment,
        torn: bool,
    },
    /// It was being made when the power went.
    Nothing,
    Unreadable,
}

fn open(disk: &Disk, path: &Path) -> Result<Opened, TelemetryError> {
    /// No head is longer: what is shorter than one holds no record.
    const HEAD: u64 = 4096;
    let whole = disk.at(path);
    let failed = |error: &io::Error| fault("open", &whole, error);
    let file = OpenOptions::new().read(true).write(true).open(&whole).map_err(|error| failed(&error))?;
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    let file = Arc::new(file);
    let found = survey(&file, length, u64::MAX).map_err(|error| failed(&error))?;
    let Some(name) = found.source else {
        return Ok(if length <= HEAD { Opened::Nothing } else { Opened::Unreadable });
    };
    let torn = found.bytes < length;
    if torn {
        file.set_len(found.bytes).and_then(|()| disk.sync(&file)).map_err(|error| failed(&error))?;
        disk.sync_folder(parent(path))?;
    }
    let segment = Segment {
        bytes: found.bytes,
        records: found.records,
        first: found.first,
        last: found.last,
        confirmed: found.confirmed,
        arrived: Timestamp::from_micros(found.arrived),
        // What is written from now on goes to a file of its own.
        sealed: true,
        ..Segment::new(path.to_owned(), file)
    };
    Ok(Opened::Log { name, segment, torn })
}
