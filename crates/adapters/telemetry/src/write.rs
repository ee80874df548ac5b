//! Writing a Parquet file: one row group, a column at a time, so that memory holds one column.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use model::Timestamp;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use ports::telemetry::TelemetryError;

use crate::column::{Column, properties, schema};
use crate::disk::{Disk, fault};

/// The values of a column.
#[derive(Debug)]
pub(crate) enum Values {
    Longs(Vec<i64>),
    Ints(Vec<i32>),
    Texts(Vec<ByteArray>),
    /// With 1 for each row that has one and 0 for the others.
    Maybe(Vec<ByteArray>, Vec<i16>),
    /// With 1 for each value and 0 for each row without, and 0 where a row begins, else 1.
    Many(Vec<ByteArray>, Vec<i16>, Vec<i16>),
}

/// What a file will be.
#[derive(Debug)]
pub(crate) struct Draft<'d> {
    pub(crate) source: &'d str,
    /// When the latest of its records came.
    pub(crate) arrived: Timestamp,
    /// Observables of each family, at most.
    pub(crate) values: [u64; 6],
}

/// Writes a new file and syncs it. `column` gives the values of each column, in order and with the same rows.
///
/// # Errors
/// Then there is no file.
pub(crate) fn write(
    disk: &Disk,
    path: &Path,
    draft: &Draft<'_>,
    column: &mut dyn FnMut(Column) -> Result<Values, TelemetryError>,
) -> Result<(), TelemetryError> {
    let file = disk.create(path)?;
    let written = fill(disk, path, file, draft, column);
    if written.is_err() {
        // If even that fails, the next start removes it.
        drop(disk.remove(path));
    }
    written
}

fn fill(
    disk: &Disk,
    path: &Path,
    file: File,
    draft: &Draft<'_>,
    column: &mut dyn FnMut(Column) -> Result<Values, TelemetryError>,
) -> Result<(), TelemetryError> {
    let failed = |error: ParquetError| unwritten(&disk.at(path), &error);
    let properties = properties(draft.source, draft.arrived, &draft.values).map_err(failed)?;
    let schema = schema().map_err(failed)?;
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(failed)?;
    let mut group = writer.next_row_group().map_err(failed)?;
    for which in Column::ALL {
        let values = column(which)?;
        let chunk = group.next_column().map_err(failed)?;
        let mut chunk = chunk.ok_or_else(|| TelemetryError::Failed("a column too many".to_owned()))?;
        let put = match &values {
            Values::Longs(values) => chunk.typed::<Int64Type>().write_batch(values, None, None),
            Values::Ints(values) => chunk.typed::<Int32Type>().write_batch(values, None, None),
            Values::Texts(values) => chunk.typed::<ByteArrayType>().write_batch(values, None, None),
            Values::Maybe(values, present) => {
                chunk.typed::<ByteArrayType>().write_batch(values, Some(present), None)
            }
            Values::Many(values, present, again) => {
                chunk.typed::<ByteArrayType>().write_batch(values, Some(present), Some(again))
            }
        };
        put.map_err(failed)?;
        chunk.close().map_err(failed)?;
    }
    group.close().map_err(failed)?;
    let file = writer.into_inner().map_err(failed)?;
    let path = disk.at(path);
    disk.sync(&file).map_err(|error| fault("write", &path, &error))
}

fn unwritten(path: &Path, error: &ParquetError) -> TelemetryError {
    if let ParquetError::External(inner) = error
        && let Some(error) = inner.downcast_ref::<io::Error>()
    {
        return fault("write", path, error);
    }
    TelemetryError::Failed(format!("cannot write `{}`: {error}", path.display()))
}
