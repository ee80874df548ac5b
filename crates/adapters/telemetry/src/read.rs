//! Reading Parquet files that may be rotten: what goes wrong is an [`Unreadable`], never more.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length, SerializedPageReader};

use crate::column::Column;

/// Records that are read in one go where all of them are.
const BATCH: usize = 8192;

/// Most records of a row group: far more than are written, far fewer than a damaged number can claim.
const MOST_ROWS: i64 = 1 << 24;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) String);

impl From<ParquetError> for Unreadable {
    fn from(error: ParquetError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs what reads a file. The reader of the format checks much, yet some damage makes it panic; one rotten file must not
/// end a hunt through thousands, and what the reader held is dropped, so nothing half-done is seen.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let said = if let Some(text) = panic.downcast_ref::<&str>() {
            *text
        } else if let Some(text) = panic.downcast_ref::<String>() {
            text.as_str()
        } else {
            "it cannot be decoded"
        };
        Err(Unreadable(format!("damaged: {said}")))
    })
}

/// A part of a file, read from wherever others read too.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<File>,
    at: u64,
    end: u64,
    read: Arc<AtomicU64>,
}

impl Window {
    /// From one byte up to another. `read` counts what is read.
    pub(crate) fn new(file: Arc<File>, at: u64, end: u64, read: Arc<AtomicU64>) -> Self {
        Self { file, at, end, read }
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let got = self.file.read_at(buffer.get_mut(..wanted).unwrap_or_default(), self.at)?;
        self.at += got as u64;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

/// A Parquet file: bounds are checked before memory is asked for, and what is read is counted.
#[derive(Debug)]
pub(crate) struct Input {
    file: Arc<File>,
    length: u64,
    read: Arc<AtomicU64>,
}

impl Input {
    /// Opens a file; `read` counts what is read of it.
    pub(crate) fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Self, Unreadable> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length, read: Arc::clone(read) })
    }

    pub(crate) fn footer(&self) -> Result<ParquetMetaData, Unreadable> {
        guarded(|| Ok(ParquetMetaDataReader::new().parse_and_finish(self)?))
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Input {
    type T = BufReader<Window>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let window = Window::new(Arc::clone(&self.file), start, self.length, Arc::clone(&self.read));
        // It is asked for heads of pages and little else.
        Ok(BufReader::with_capacity(128, window))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.length);
        let end = end.ok_or_else(|| {
            ParquetError::EOF(format!("bytes {start} and {length} more of a file of {}", self.length))
        })?;
        let mut buffer = vec![0; length];
        Window::new(Arc::clone(&self.file), start, end, Arc::clone(&self.read)).read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}

/// A row group of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'f> {
    pub(crate) input: &'f Arc<Input>,
    pub(crate) facts: &'f RowGroupMetaData,
    pub(crate) rows: usize,
}

impl<'f> Group<'f> {
    pub(crate) fn new(
        input: &'f Arc<Input>,
        footer: &'f ParquetMetaData,
        place: usize,
    ) -> Result<Self, Unreadable> {
        let facts = footer.row_groups().get(place);
        let facts = facts.ok_or_else(|| Unreadable(format!("there is no row group {place}")))?;
        Ok(Self { input, facts, rows: rows(facts)? })
    }

    pub(crate) fn pages(&self, column: Column) -> Result<SerializedPageReader<Input>, Unreadable> {
        let chunk = self.facts.columns().get(column.place());
        let chunk = chunk.ok_or_else(|| Unreadable(format!("there is no column {}", column.name())))?;
        Ok(SerializedPageReader::new(Arc::clone(self.input), chunk, self.rows, None)?)
    }

    fn reader<T: DataType>(&self, column: Column) -> Result<ColumnReaderImpl<T>, Unreadable> {
        let described = self.facts.schema_descr().columns().get(column.place()).cloned();
        let described =
            described.ok_or_else(|| Unreadable(format!("there is no column {}", column.name())))?;
        let reader: ColumnReader = get_column_reader(described, Box::new(self.pages(column)?));
        T::get_column_reader(reader)
            .ok_or_else(|| Unreadable(format!("the column {} is of another type", column.name())))
    }

    /// A column of which rows will be picked, in order.
    pub(crate) fn picker<T: DataType>(&self, column: Column) -> Result<Picker<T>, Unreadable> {
        Ok(Picker { reader: self.reader(column)?, at: 0 })
    }

    /// All values of a column that has one in every row.
    pub(crate) fn all<T: DataType>(&self, column: Column) -> Result<Vec<T::T>, Unreadable> {
        let mut reader = self.reader::<T>(column)?;
        let mut values = Vec::new();
        while reader.read_records(BATCH, None, None, &mut values)?.0 > 0 {}
        self.complete(column, values.len())?;
        Ok(values)
    }

    /// All values of a column that has one in some rows, with 1 for each row that has and 0 for the others.
    pub(crate) fn all_maybe(&self, column: Column) -> Result<(Vec<ByteArray>, Vec<i16>), Unreadable> {
        let mut reader = self.reader::<ByteArrayType>(column)?;
        let (mut values, mut present) = (Vec::new(), Vec::new());
        while reader.read_records(BATCH, Some(&mut present), None, &mut values)?.0 > 0 {}
        self.complete(column, present.len())?;
        Ok((values, present))
    }

    /// Every value of a column of lists, with its row.
    pub(crate) fn every(
        &self,
        column: Column,
        each: &mut dyn FnMut(usize, &ByteArray),
    ) -> Result<(), Unreadable> {
        let mut reader = self.reader::<ByteArrayType>(column)?;
        let (mut present, mut again, mut values) = (Vec::new(), Vec::new(), Vec::new());
        // Rows begun.
        let mut begun = 0_usize;
        loop {
            present.clear();
            again.clear();
            values.clear();
            let (records, ..) =
                reader.read_records(BATCH, Some(&mut present), Some(&mut again), &mut values)?;
            if records == 0 {
                return self.complete(column, begun);
            }
            let mut values = values.iter();
            for (present, again) in present.iter().zip(&again) {
                begun += usize::from(*again == 0);
                if *present > 0
                    && let Some(value) = values.next()
                {
                    each(begun.saturating_sub(1), value);
                }
            }
        }
    }

    fn complete(&self, column: Column, rows: usize) -> Result<(), Unreadable> {
        if rows == self.rows {
            return Ok(());
        }
        Err(Unreadable(format!("the column {} has {rows} rows of {}", column.name(), self.rows)))
    }
}

/// How many rows a group has, as far as that can be.
pub(crate) fn rows(group: &RowGroupMetaData) -> Result<usize, Unreadable> {
    let rows = Some(group.num_rows()).filter(|rows| (0..=MOST_ROWS).contains(rows));
    rows.and_then(|rows| usize::try_from(rows).ok())
        .ok_or_else(|| Unreadable(format!("a row group claims {} rows", group.num_rows())))
}

/// Reads chosen rows of a column and skips the others, whole pages at a time where it can.
pub(crate) struct Picker<T: DataType> {
    reader: ColumnReaderImpl<T>,
    /// The next row.
    at: usize,
}

impl<T: DataType> Picker<T> {
    /// The values of these rows, which must ascend, here and from call to call. `present` gets 1 or 0 for each row where
    /// there may be none.
    pub(crate) fn pick(
        &mut self,
        rows: &[u32],
        present: &mut Vec<i16>,
        values: &mut Vec<T::T>,
    ) -> Result<(), Unreadable> {
        let mut rest = rows;
        while let Some(first) = rest.first() {
            let run = rest.iter().zip(*first..).take_while(|(row, next)| *row == next).count();
            let first = usize::try_from(*first).unwrap_or(usize::MAX);
            let gap = first.checked_sub(self.at).ok_or_else(|| Unreadable("rows out of order".to_owned()))?;
            let skipped = self.reader.skip_records(gap)?;
            let read = self.reader.read_records(run, Some(&mut *present), None, values)?.0;
            if (skipped, read) != (gap, run) {
                return Err(Unreadable(format!("there is no row {}", self.at + skipped + read)));
            }
            self.at = first + run;
            rest = rest.get(run..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        let check = |expect: &str, read: fn() -> Result<(), Unreadable>| {
            assert_eq!(guarded(read), Err(Unreadable(expect.to_owned())));
        };
        check("damaged: plain", || panic!("plain"));
        check("damaged: with 1", || panic!("with {}", 1));
        check("damaged: it cannot be decoded", || std::panic::panic_any(7));
        check("said", || Err(Unreadable("said".to_owned())));
    }

    #[test]
    fn no_memory_is_asked_for_what_is_not_there() {
        let folder = testkit::temp_dir();
        let path = folder.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let read = Arc::new(AtomicU64::new(0));
        let input = Input::open(&path, &read).unwrap();
        assert_eq!(&input.get_bytes(3, 4).unwrap()[..], b"3456");
        assert_eq!(read.load(Ordering::Relaxed), 4);
        for (start, length) in [(3, 8), (11, 0), (u64::MAX, 1), (0, usize::MAX)] {
            assert!(input.get_bytes(start, length).is_err(), "{start} {length}");
        }
        let mut rest = Vec::new();
        input.get_read(8).unwrap().read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"89");
        assert!(input.footer().is_err());
    }
}
