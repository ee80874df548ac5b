//! One row group under a plan: what an index proves, and which records are left to be read.

use std::collections::BTreeSet;
use std::ops::Range;

use model::Timestamp;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageReader};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::metadata::ColumnChunkMetaData;
use ports::telemetry::{Kept, Plan};

use crate::asked::{Asked, Sought};
use crate::column::Column;
use crate::part::{classes, times};
use crate::read::{Group, Picker, Unreadable};

/// Bytes of records that are handed out in one go, about.
const BATCH_BYTES: usize = 4 << 20;

/// Most records of one go.
const BATCH_ROWS: usize = 4096;

/// What was found of a row group without reading its records.
#[derive(Debug)]
pub(crate) struct Found {
    /// Records that the plan covers by time.
    pub(crate) records: u64,
    /// Times of the first and the last of them.
    pub(crate) span: Option<(Timestamp, Timestamp)>,
    /// Those of them that may be an answer.
    pub(crate) rows: Vec<u32>,
}

/// Decides which records have to be read.
pub(crate) fn find(group: &Group<'_>, plan: &Plan, asked: &Asked) -> Result<Found, Unreadable> {
    let (rows, span) = covered(group, plan)?;
    let mut found = Found { records: rows.len() as u64, span, rows: Vec::new() };
    if rows.is_empty() || !may_be_of(group, plan.classes.as_ref()) {
        return Ok(found);
    }
    found.rows = if plan.values.is_empty() {
        (number(rows.start)..number(rows.end)).collect()
    } else {
        let mut named = candidates(group, asked)?;
        named.retain(|row| usize::try_from(*row).is_ok_and(|row| rows.contains(&row)));
        named
    };
    if let Some(classes) = plan.classes.as_ref().filter(|_| !found.rows.is_empty()) {
        let of = group.all::<Int32Type>(Column::Class)?;
        let is_wanted = |row: &u32| {
            let class = usize::try_from(*row).ok().and_then(|row| of.get(row));
            class.and_then(|class| u16::try_from(*class).ok()).is_some_and(|class| classes.contains(&class))
        };
        found.rows.retain(is_wanted);
    }
    Ok(found)
}

/// The number of a row; a group has far fewer than can be counted so.
fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// Rows, and the times of the first and the last.
type Span = (Range<usize>, Option<(Timestamp, Timestamp)>);

/// Rows that the plan covers by time.
fn covered(group: &Group<'_>, plan: &Plan) -> Result<Span, Unreadable> {
    let (first, last) = times(group.facts)?;
    let begins = plan.from.is_none_or(|from| from <= first);
    let ends = plan.until.is_none_or(|until| last < until);
    if begins && ends {
        return Ok((0..group.rows, Some((first, last))));
    }
    if plan.from.is_some_and(|from| last < from) || plan.until.is_some_and(|until| until <= first) {
        return Ok((0..0, None));
    }
    let times = group.all::<Int64Type>(Column::Time)?;
    if !times.is_sorted() {
        return Err(Unreadable("its records are not in the order of time".to_owned()));
    }
    let before = |instant: Option<Timestamp>, none: usize| {
        instant.map_or(none, |instant| times.partition_point(|time| *time < instant.as_micros()))
    };
    let rows = before(plan.from, 0)..before(plan.until, times.len());
    let time = |row: usize| times.get(row).copied().map(Timestamp::from_micros);
    let span = time(rows.start).zip(rows.end.checked_sub(1).and_then(time)).filter(|_| !rows.is_empty());
    Ok((rows, span))
}

/// Whether a record of one of these classes can be in it.
fn may_be_of(group: &Group<'_>, wanted: Option<&BTreeSet<u16>>) -> bool {
    match (wanted, classes(group.facts)) {
        (Some(wanted), Some((least, most))) if least <= most => wanted.range(least..=most).next().is_some(),
        _ => true,
    }
}

/// Rows that name a value that is asked for: all of them, and no others.
fn candidates(group: &Group<'_>, asked: &Asked) -> Result<Vec<u32>, Unreadable> {
    let mut found = BTreeSet::new();
    for (family, sought) in asked.columns() {
        let column = Column::Observables(family);
        let chunk = group.facts.columns().get(column.place());
        let chunk = chunk.ok_or_else(|| Unreadable(format!("there is no column {}", column.name())))?;
        if is_ruled_out(group, column, chunk, sought)? {
            continue;
        }
        group.every(column, &mut |row, value| {
            if sought.matches(value.data()) {
                found.insert(number(row));
            }
        })?;
    }
    Ok(found.into_iter().collect())
}

/// Whether filter or dictionary prove that nothing of it is in the column.
fn is_ruled_out(
    group: &Group<'_>,
    column: Column,
    chunk: &ColumnChunkMetaData,
    sought: &Sought,
) -> Result<bool, Unreadable> {
    // A filter knows single texts, not what lies between two.
    if sought.is_exact()
        && let Some(filter) = Sbbf::read_from_column_chunk(chunk, &**group.input)?
        && !sought.texts.iter().any(|text| filter.check(&**text))
    {
        return Ok(true);
    }
    // Only if every page of data leads to it, a dictionary has every value.
    let complete =
        chunk.page_encoding_stats_mask().is_some_and(|seen| seen.is_only(Encoding::RLE_DICTIONARY));
    if !complete {
        return Ok(false);
    }
    match group.pages(column)?.get_next_page()? {
        Some(Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, .. }) => {
            let mut rest: &[u8] = &buf;
            for _ in 0..num_values {
                let Some((length, tail)) = rest.split_first_chunk::<4>() else { return Ok(false) };
                let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
                let Some((text, tail)) = tail.split_at_checked(length) else { return Ok(false) };
                if sought.matches(text) {
                    return Ok(false);
                }
                rest = tail;
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Reads the records of chosen rows, so many at a time that memory stays bounded.
pub(crate) struct Records {
    rows: Vec<u32>,
    /// Rows that were read.
    done: usize,
    batch: usize,
    time: Picker<Int64Type>,
    class: Picker<Int32Type>,
    offset: Picker<Int64Type>,
    format: Picker<ByteArrayType>,
    header: Picker<ByteArrayType>,
    part: Picker<ByteArrayType>,
    device: Picker<ByteArrayType>,
    raw: Picker<ByteArrayType>,
}

impl Records {
    pub(crate) fn new(group: &Group<'_>, rows: Vec<u32>) -> Result<Self, Unreadable> {
        let chunk = group.facts.columns().get(Column::Raw.place());
        let bytes =
            chunk.and_then(|chunk| usize::try_from(chunk.uncompressed_size()).ok()).unwrap_or(usize::MAX);
        let each = (bytes / group.rows.max(1)).max(1);
        Ok(Self {
            rows,
            done: 0,
            batch: (BATCH_BYTES / each).clamp(1, BATCH_ROWS),
            time: group.picker(Column::Time)?,
            class: group.picker(Column::Class)?,
            offset: group.picker(Column::Offset)?,
            format: group.picker(Column::Format)?,
            header: group.picker(Column::Header)?,
            part: group.picker(Column::Part)?,
            device: group.picker(Column::Device)?,
            raw: group.picker(Column::Raw)?,
        })
    }

    /// Whether all of them were read.
    pub(crate) fn is_done(&self) -> bool {
        self.done >= self.rows.len()
    }

    /// The next of them; `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, Unreadable> {
        let rows = self.rows.get(self.done..).unwrap_or_default();
        let rows = rows.get(..self.batch.min(rows.len())).unwrap_or_default();
        if rows.is_empty() {
            return Ok(None);
        }
        let mut batch = Batch::default();
        let mut none = Vec::new();
        self.time.pick(rows, &mut none, &mut batch.times)?;
        self.class.pick(rows, &mut none, &mut batch.classes)?;
        self.offset.pick(rows, &mut none, &mut batch.offsets)?;
        self.format.pick(rows, &mut none, &mut batch.formats)?;
        self.part.pick(rows, &mut none, &mut batch.parts)?;
        self.raw.pick(rows, &mut none, &mut batch.raws)?;
        batch.headers = perhaps(&mut self.header, rows)?;
        batch.devices = perhaps(&mut self.device, rows)?;
        self.done += rows.len();
        Ok(Some(batch))
    }
}

/// Values of rows that may have none.
fn perhaps(picker: &mut Picker<ByteArrayType>, rows: &[u32]) -> Result<Vec<Option<ByteArray>>, Unreadable> {
    let (mut present, mut values) = (Vec::new(), Vec::new());
    picker.pick(rows, &mut present, &mut values)?;
    let mut values = values.into_iter();
    Ok(present.into_iter().map(|present| if present > 0 { values.next() } else { None }).collect())
}

/// Records that were read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    times: Vec<i64>,
    classes: Vec<i32>,
    offsets: Vec<i64>,
    formats: Vec<ByteArray>,
    headers: Vec<Option<ByteArray>>,
    parts: Vec<ByteArray>,
    devices: Vec<Option<ByteArray>>,
    raws: Vec<ByteArray>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.raws.len()
    }

    /// One record of it.
    pub(crate) fn record<'b>(&'b self, place: usize, source: &'b str) -> Result<Kept<'b>, Unreadable> {
        let missing = || Unreadable(format!("there is no record {place}"));
        let header = self.headers.get(place).ok_or_else(missing)?;
        let device = self.devices.get(place).ok_or_else(missing)?;
        let class = self.classes.get(place).and_then(|class| u16::try_from(*class).ok());
        Ok(Kept {
            time: Timestamp::from_micros(*self.times.get(place).ok_or_else(missing)?),
            source,
            class: class.ok_or_else(missing)?,
            format: self.formats.get(place).ok_or_else(missing)?.as_utf8()?,
            header: header.as_ref().map(ByteArray::data),
            part: self.parts.get(place).ok_or_else(missing)?.as_utf8()?,
            offset: self.offsets.get(place).ok_or_else(missing)?.cast_unsigned(),
            device: device.as_ref().map(ByteArray::as_utf8).transpose()?,
            observables: &[],
            image: None,
            command_line: None,
            raw: self.raws.get(place).ok_or_else(missing)?.data(),
        })
    }
}
