//! From a log file to Parquet files: sorted by hour and time, in one change.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::PoisonError;

use bytes::Bytes;
use parquet::data_type::ByteArray;
use ports::telemetry::{Flushed, TelemetryError};

use crate::ParquetTelemetry;
use crate::change::Change;
use crate::column::Column;
use crate::disk::{fault, hour_of, partition};
use crate::entry::{self, Entry, Record};
use crate::family::Family;
use crate::part::{Part, names};
use crate::wal::{Log, Source};
use crate::write::{Draft, Values, write};

/// A record of the log: where it goes, and its entry.
#[derive(Debug)]
struct Row {
    hour: i64,
    time: i64,
    raw: u64,
    body: Bytes,
}

impl ParquetTelemetry {
    /// Turns every sealed log file of a source that is committed into Parquet files.
    pub(crate) fn flush_source(&self, source: &Source) -> Result<Flushed, TelemetryError> {
        let _one_at_a_time = source.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = source.wal.lock().unwrap_or_else(PoisonError::into_inner).ready();
        let mut flushed = Flushed::default();
        let mut outcome = Ok(());
        for log in ready {
            match self.flush_log(source, &log) {
                Ok(done) => {
                    flushed.files += done.files;
                    flushed.records += done.records;
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map(|()| flushed)
    }

    fn flush_log(&self, source: &Source, log: &Log) -> Result<Flushed, TelemetryError> {
        self.check_sound()?;
        let rows = self.rows(log)?;
        let mut change = Change { removals: vec![log.path.clone()], ..Change::default() };
        let drafted = self.draft(source, log, &rows, &mut change);
        let records = rows.len() as u64;
        drop(rows);
        let parts = match drafted {
            Ok(parts) => parts,
            Err(error) => {
                change.discard(&self.disk);
                return Err(error);
            }
        };
        let flushed = Flushed { records, files: parts.len() as u64 };
        let noted = self.carry_out(change)?;
        {
            // Hunts that begin now see the records here or there, and never both.
            let mut shelf = self.shelf();
            shelf.add(parts);
            let mut wal = source.wal.lock().unwrap_or_else(PoisonError::into_inner);
            wal.forget(log, log.records.saturating_sub(records));
        }
        noted.remove(&self.disk)?;
        Ok(flushed)
    }

    /// What is in a log file, by hour and time; of a damaged one, what is before the damage.
    fn rows(&self, log: &Log) -> Result<Vec<Row>, TelemetryError> {
        let path = self.disk.at(&log.path);
        let mut entries = log.entries(&Default::default());
        let mut rows = Vec::new();
        while let Some(body) = entries.body().map_err(|error| fault("read", &path, &error))? {
            if let Some(Entry::Record(record)) = entry::read(body) {
                let (hour, time) = (hour_of(record.time), record.time.as_micros());
                let raw = record.raw.len() as u64;
                rows.push(Row { hour, time, raw, body: Bytes::copy_from_slice(body) });
            }
        }
        self.confine(&mut rows, hour_of(log.arrived));
        rows.sort_by_key(|row| (row.hour, row.time));
        Ok(rows)
    }

    /// Sends what is strewn over more hours than may be written to at once to the hour it came in. It keeps its time, by
    /// which it is found.
    fn confine(&self, rows: &mut [Row], arrived: i64) {
        let mut hours: BTreeMap<i64, usize> = BTreeMap::new();
        for row in &*rows {
            *hours.entry(row.hour).or_default() += 1;
        }
        if hours.len() <= self.options.partitions {
            return;
        }
        let mut fullest: Vec<(usize, i64)> = hours.into_iter().map(|(hour, count)| (count, hour)).collect();
        fullest.sort_unstable_by_key(|entry| Reverse(*entry));
        fullest.truncate(self.options.partitions.saturating_sub(1));
        for row in rows {
            if !fullest.iter().any(|(_, hour)| *hour == row.hour) {
                row.hour = arrived;
            }
        }
    }

    /// Writes the files under names that nobody reads, and notes in `change` what they will be called.
    fn draft(
        &self,
        source: &Source,
        log: &Log,
        rows: &[Row],
        change: &mut Change,
    ) -> Result<Vec<Part>, TelemetryError> {
        let mut parts = Vec::new();
        for rows in self.shares(rows).into_iter().filter_map(|range| rows.get(range)) {
            let Some(first) = rows.first() else { continue };
            let folder = partition(&source.name, first.hour);
            let mut draft = Draft { source: &source.name, arrived: log.arrived, values: [0; 6] };
            for record in rows.iter().filter_map(Row::record) {
                for (family, _) in record.observables() {
                    if let Some(count) = draft.values.get_mut(family.place()) {
                        *count += 1;
                    }
                }
            }
            let part =
                self.write_part(folder, first.hour, rows.len() as u64, &draft, change, &mut |column| {
                    Ok(values(rows, column))
                })?;
            parts.push(part);
        }
        Ok(parts)
    }

    /// Cuts sorted rows into files: of one hour, and not too large.
    fn shares(&self, rows: &[Row]) -> Vec<Range<usize>> {
        let mut shares: Vec<Range<usize>> = Vec::new();
        let (mut hour, mut bytes) = (0, 0);
        for (place, row) in rows.iter().enumerate() {
            let fits = |share: &&mut Range<usize>| {
                hour == row.hour
                    && share.len() < self.options.file_rows
                    && bytes + row.raw <= self.options.file_bytes
            };
            if let Some(share) = shares.last_mut().filter(fits) {
                share.end = place + 1;
                bytes += row.raw;
            } else {
                shares.push(place..place + 1);
                (hour, bytes) = (row.hour, row.raw);
            }
        }
        shares
    }

    /// Writes a file of so many rows, reads back what it says of itself, and notes in `change` what it will be called.
    pub(crate) fn write_part(
        &self,
        folder: PathBuf,
        hour: i64,
        rows: u64,
        draft: &Draft<'_>,
        change: &mut Change,
        column: &mut dyn FnMut(Column) -> Result<Values, TelemetryError>,
    ) -> Result<Part, TelemetryError> {
        let (drafted, named) = names(crate::part::next(&self.sequence));
        let drafted = folder.join(drafted);
        {
            // Folders that become empty are removed, and must not be between these two steps.
            let _no_pruning = self.folders.read().unwrap_or_else(PoisonError::into_inner);
            self.disk.make_folder(&folder)?;
            change.renames.push((drafted.clone(), folder.join(named)));
            write(&self.disk, &drafted, draft, column)?;
        }
        let part = Part::load(&self.disk, drafted, "", hour);
        let path = change.renames.last().map(|(_, to)| to.clone()).unwrap_or_default();
        match &part.fault {
            None if part.rows == rows => Ok(Part { path, ..part }),
            fault => Err(TelemetryError::Failed(format!(
                "what was written to `{}` cannot be read back ({}); it stays where it was",
                self.disk.at(&part.path).display(),
                fault.as_deref().unwrap_or("records are missing")
            ))),
        }
    }
}

impl Row {
    fn record(&self) -> Option<Record<'_>> {
        match entry::read(&self.body) {
            Some(Entry::Record(record)) => Some(record),
            _ => None,
        }
    }

    /// A part of the entry, without copying it.
    fn part(&self, bytes: &[u8]) -> ByteArray {
        ByteArray::from(self.body.slice_ref(bytes))
    }
}

/// A column of rows.
fn values(rows: &[Row], column: Column) -> Values {
    let records = || rows.iter().filter_map(|row| Some((row, row.record()?)));
    let texts = |of: for<'r> fn(&Record<'r>) -> &'r [u8]| {
        Values::Texts(records().map(|(row, record)| row.part(of(&record))).collect())
    };
    let maybe = |of: for<'r> fn(&Record<'r>) -> Option<&'r [u8]>| {
        let (mut values, mut present) = (Vec::new(), Vec::with_capacity(rows.len()));
        for (row, record) in records() {
            let value = of(&record);
            present.push(i16::from(value.is_some()));
            values.extend(value.map(|value| row.part(value)));
        }
        Values::Maybe(values, present)
    };
    match column {
        Column::Time => Values::Longs(rows.iter().map(|row| row.time).collect()),
        Column::Class => Values::Ints(records().map(|(_, record)| i32::from(record.class)).collect()),
        Column::Format => texts(|record| record.format.as_bytes()),
        Column::Header => maybe(|record| record.header),
        Column::Part => texts(|record| record.part.as_bytes()),
        Column::Offset => Values::Longs(records().map(|(_, record)| record.offset.cast_signed()).collect()),
        Column::Device => maybe(|record| record.device.map(str::as_bytes)),
        Column::Observables(family) => observables(rows, family),
        Column::Image => maybe(|record| record.image.map(str::as_bytes)),
        Column::CommandLine => maybe(|record| record.command_line.map(str::as_bytes)),
        Column::Raw => texts(|record| record.raw),
    }
}

fn observables(rows: &[Row], family: Family) -> Values {
    let (mut values, mut present, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let mut more = 0;
        for (own, text) in row.record().iter().flat_map(Record::observables) {
            if own == family {
                values.push(row.part(text.as_bytes()));
                present.push(1);
                again.push(more);
                more = 1;
            }
        }
        if more == 0 {
            present.push(0);
            again.push(0);
        }
    }
    Values::Many(values, present, again)
}
