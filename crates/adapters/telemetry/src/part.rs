//! One Parquet file: what is known of it without reading its records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::Timestamp;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use ports::telemetry::{Hold, TelemetryError};

use crate::column::{Column, KEY_ARRIVED, KEY_SOURCE, KEY_VERSION, Shape, VERSION};
use crate::disk::{Disk, HOUR, hour_begins, hour_named, unescaped};
use crate::read::{Group, Input, Unreadable, guarded, rows};

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    /// The source of its records.
    pub(crate) source: String,
    /// The hour of its folder.
    pub(crate) hour: i64,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    /// Bytes of its records as they came.
    pub(crate) raw: u64,
    pub(crate) groups: usize,
    /// Time of its earliest and its latest record. Where it cannot be read, what its folder says.
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// When its latest record came. Where it cannot be read, the end of its hour.
    pub(crate) arrived: Timestamp,
    /// Why it cannot be read.
    pub(crate) fault: Option<String>,
}

impl Part {
    /// Looks at a file in the folder of an hour. `folder` is the name of its source's folder.
    pub(crate) fn load(disk: &Disk, path: PathBuf, folder: &str, hour: i64) -> Self {
        let whole = disk.at(&path);
        let bytes = std::fs::metadata(&whole).map_or(0, |facts| facts.len());
        let found = Input::open(&whole, &Arc::default())
            .and_then(|input| input.footer())
            .and_then(|footer| guarded(|| Facts::of(&footer)));
        match found {
            Ok(Facts { source, arrived, rows, raw, groups, from, until }) => {
                Self { path, source, hour, bytes, rows, raw, groups, from, until, arrived, fault: None }
            }
            Err(Unreadable(why)) => {
                let source = unescaped(folder).unwrap_or_else(|| folder.to_owned());
                let (from, until) = (hour_begins(hour), hour_begins(hour + 1).plus_micros(-1));
                let fault = Some(why);
                Self {
                    path,
                    source,
                    hour,
                    bytes,
                    rows: 0,
                    raw: 0,
                    groups: 0,
                    from,
                    until,
                    arrived: until,
                    fault,
                }
            }
        }
    }

    /// What its age counts from: the later of when its latest record happened and when that came. Nothing happens after it
    /// came, whatever a record claims, so it is when it came: old records that are taken in now are kept as long as all
    /// else. One that came more than a day after `now`, by a clock that was wrong then, is not kept for ever.
    pub(crate) fn aged(&self, now: Timestamp) -> Timestamp {
        if self.arrived > now.plus_micros(24 * HOUR) { self.happened() } else { self.arrived }
    }

    /// What it goes by where room is wanted: when its latest record happened, and not later than that came.
    pub(crate) fn happened(&self) -> Timestamp {
        self.until.min(self.arrived)
    }

    /// Whether a hold covers any of it.
    pub(crate) fn is_held(&self, hold: &Hold) -> bool {
        hold.sources.as_ref().is_none_or(|sources| sources.contains(&self.source))
            && hold.from.is_none_or(|from| self.until >= from)
            && hold.until.is_none_or(|until| self.from < until)
    }
}

/// What a footer says.
#[derive(Debug)]
struct Facts {
    source: String,
    arrived: Timestamp,
    rows: u64,
    raw: u64,
    groups: usize,
    from: Timestamp,
    until: Timestamp,
}

impl Facts {
    fn of(footer: &ParquetMetaData) -> Result<Self, Unreadable> {
        let said = footer.file_metadata().key_value_metadata();
        let said = |key: &str| {
            let pair = said.and_then(|pairs| pairs.iter().find(|pair| pair.key == key));
            pair.and_then(|pair| pair.value.as_deref())
                .ok_or_else(|| Unreadable(format!("not one of this store: it has no `{key}`")))
        };
        let version = said(KEY_VERSION)?;
        if version != VERSION {
            return Err(Unreadable(format!("version {version}; this program knows version {VERSION}")));
        }
        let source = said(KEY_SOURCE)?.to_owned();
        let arrived = said(KEY_ARRIVED)?.parse().map(Timestamp::from_micros);
        let arrived = arrived.map_err(|_| Unreadable(format!("`{KEY_ARRIVED}` is no number")))?;
        check_columns(footer)?;
        let (mut count, mut raw) = (0, 0);
        let (mut from, mut until) = (Timestamp::MAX, Timestamp::MIN);
        for group in footer.row_groups() {
            count += rows(group)? as u64;
            let chunk = group.columns().get(Column::Raw.place());
            raw += chunk.map_or(0, |chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0));
            let (first, last) = times(group)?;
            (from, until) = (from.min(first), until.max(last));
        }
        if count == 0 {
            return Err(Unreadable("there is no record in it".to_owned()));
        }
        Ok(Self { source, arrived, rows: count, raw, groups: footer.num_row_groups(), from, until })
    }
}

fn check_columns(footer: &ParquetMetaData) -> Result<(), Unreadable> {
    let schema = footer.file_metadata().schema_descr();
    let as_written = schema.num_columns() == Column::ALL.len()
        && schema.columns().iter().zip(Column::ALL).all(|(described, column)| {
            let levels = match column.shape() {
                Shape::One => (0, 0),
                Shape::Maybe => (1, 0),
                Shape::Many => (1, 1),
            };
            *described.path() == column.path()
                && described.physical_type() == column.physical()
                && (described.max_def_level(), described.max_rep_level()) == levels
        });
    let whole = footer.row_groups().iter().all(|group| group.num_columns() == Column::ALL.len());
    if as_written && whole { Ok(()) } else { Err(Unreadable("its columns are others".to_owned())) }
}

/// Times of the earliest and the latest record of a row group.
pub(crate) fn times(group: &RowGroupMetaData) -> Result<(Timestamp, Timestamp), Unreadable> {
    let chunk = group.columns().get(Column::Time.place());
    let Some(Statistics::Int64(times)) = chunk.and_then(|chunk| chunk.statistics()) else {
        return Err(Unreadable("it does not say of what time it is".to_owned()));
    };
    match (times.min_opt(), times.max_opt()) {
        (Some(first), Some(last)) if first <= last => {
            Ok((Timestamp::from_micros(*first), Timestamp::from_micros(*last)))
        }
        _ => Err(Unreadable("it does not say of what time it is".to_owned())),
    }
}

/// The least and the greatest class of a row group, if it says.
pub(crate) fn classes(group: &RowGroupMetaData) -> Option<(u16, u16)> {
    let Some(Statistics::Int32(classes)) = group.columns().get(Column::Class.place())?.statistics() else {
        return None;
    };
    Some((u16::try_from(*classes.min_opt()?).ok()?, u16::try_from(*classes.max_opt()?).ok()?))
}

/// Every file there is, and the highest number in their names. What was being written when the power went is removed.
pub(crate) fn load_all(disk: &Disk) -> Result<(Vec<Part>, u64), TelemetryError> {
    let (mut parts, mut highest) = (Vec::new(), 0);
    for source in disk.list(Path::new(""))?.into_iter().filter(|entry| entry.is_folder) {
        let Some(name) = source.name.strip_prefix("source=") else { continue };
        for date in disk.list(&source.path)?.into_iter().filter(|entry| entry.is_folder) {
            for clock in disk.list(&date.path)?.into_iter().filter(|entry| entry.is_folder) {
                let Some(hour) = hour_named(&date.name, &clock.name) else { continue };
                for file in disk.list(&clock.path)?.into_iter().filter(|entry| !entry.is_folder) {
                    highest = highest.max(number(&file.name).unwrap_or(0));
                    if is_draft(&file.name) {
                        disk.remove(&file.path)?;
                    } else if file.name.ends_with(SUFFIX) {
                        parts.push(Part::load(disk, file.path, name, hour));
                    }
                }
                disk.prune(&clock.path);
            }
        }
    }
    Ok((parts, highest))
}

const SUFFIX: &str = ".parquet";
const DRAFT: &str = ".tmp";

/// What a file of a number is called while it is written, and then. Programs that read a folder leave out what starts
/// with an underscore.
pub(crate) fn names(number: u64) -> (String, String) {
    (format!("_part-{number:016}{DRAFT}"), format!("part-{number:016}{SUFFIX}"))
}

fn is_draft(name: &str) -> bool {
    name.starts_with("_part-") && name.ends_with(DRAFT)
}

fn number(name: &str) -> Option<u64> {
    name.trim_start_matches('_').strip_prefix("part-")?.split('.').next()?.parse().ok()
}

/// Footers that were read, the ones used last.
#[derive(Debug)]
pub(crate) struct Footers {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Counts uses.
    clock: u64,
    /// By path, with the use it was needed for last. No path is ever used for another file.
    footers: BTreeMap<PathBuf, (u64, Arc<ParquetMetaData>)>,
}

impl Footers {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), kept: Mutex::default() }
    }

    /// Opens a file. `read` counts what is read of it.
    pub(crate) fn open(&self, disk: &Disk, part: &Part, read: &Arc<AtomicU64>) -> Result<Opened, Unreadable> {
        if let Some(why) = &part.fault {
            return Err(Unreadable(why.clone()));
        }
        let input = Input::open(&disk.at(&part.path), read)?;
        if let Some(footer) = self.get(&part.path) {
            return Ok(Opened { input: Arc::new(input), footer });
        }
        let footer = Arc::new(input.footer()?);
        // It was as it should be at the start, and may have rotted since.
        guarded(|| check_columns(&footer))?;
        self.put(&part.path, &footer);
        Ok(Opened { input: Arc::new(input), footer })
    }

    fn get(&self, path: &Path) -> Option<Arc<ParquetMetaData>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clock += 1;
        let clock = kept.clock;
        let (used, footer) = kept.footers.get_mut(path)?;
        *used = clock;
        Some(Arc::clone(footer))
    }

    fn put(&self, path: &Path, footer: &Arc<ParquetMetaData>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.footers.len() >= self.most {
            let oldest = kept.footers.iter().min_by_key(|(_, (used, _))| *used).map(|(path, _)| path.clone());
            oldest.and_then(|path| kept.footers.remove(&path));
        }
        let clock = kept.clock;
        kept.footers.insert(path.to_owned(), (clock, Arc::clone(footer)));
    }
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    input: Arc<Input>,
    footer: Arc<ParquetMetaData>,
}

impl Opened {
    pub(crate) fn group(&self, place: usize) -> Result<Group<'_>, Unreadable> {
        Group::new(&self.input, &self.footer, place)
    }
}

/// The next number of files, logs and notes: none is given out twice.
pub(crate) fn next(sequence: &AtomicU64) -> u64 {
    sequence.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let (draft, name) = names(42);
        assert_eq!(
            (draft.as_str(), name.as_str()),
            ("_part-0000000000000042.tmp", "part-0000000000000042.parquet")
        );
        assert_eq!((number(&draft), number(&name)), (Some(42), Some(42)));
        assert!(is_draft(&draft) && !is_draft(&name));
        for other in ["part-.parquet", "part-x.parquet", "evil.parquet", ""] {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn footers_are_bounded() {
        let footers = Footers::new(2);
        let footer = {
            use parquet::file::metadata::FileMetaData;
            use parquet::schema::types::SchemaDescriptor;
            let schema = Arc::new(SchemaDescriptor::new(crate::column::schema().unwrap()));
            Arc::new(ParquetMetaData::new(FileMetaData::new(1, 0, None, None, schema, None), Vec::new()))
        };
        for name in ["a", "b"] {
            footers.put(Path::new(name), &footer);
        }
        assert!(footers.get(Path::new("a")).is_some());
        footers.put(Path::new("c"), &footer);
        let there = ["a", "b", "c"].map(|name| footers.get(Path::new(name)).is_some());
        assert_eq!(there, [true, false, true]);
    }
}
