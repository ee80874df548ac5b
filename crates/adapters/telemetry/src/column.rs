//! The columns of a file, and how each is written.

use std::sync::Arc;

use model::Timestamp;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

use crate::family::Family;

/// What a file is made of. Lists are written as the Parquet format asks for them (*Logical Types*, "Lists").
const SCHEMA: &str = "
message event {
  REQUIRED INT64 time (TIMESTAMP(MICROS,true));
  REQUIRED INT32 class (INTEGER(16,false));
  REQUIRED BYTE_ARRAY format (UTF8);
  OPTIONAL BYTE_ARRAY header;
  REQUIRED BYTE_ARRAY part (UTF8);
  REQUIRED INT64 src_offset (INTEGER(64,false));
  OPTIONAL BYTE_ARRAY device (UTF8);
  REQUIRED GROUP address (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  REQUIRED GROUP domain (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  REQUIRED GROUP url (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  REQUIRED GROUP hash (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  REQUIRED GROUP file_name (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  REQUIRED GROUP other (LIST) { REPEATED GROUP list { REQUIRED BYTE_ARRAY element (UTF8); } }
  OPTIONAL BYTE_ARRAY image (UTF8);
  OPTIONAL BYTE_ARRAY command_line (UTF8);
  REQUIRED BYTE_ARRAY raw;
}";

/// Names of what is said about a whole file.
pub(crate) const KEY_VERSION: &str = "shieldwall.telemetry";
pub(crate) const KEY_SOURCE: &str = "shieldwall.source";
pub(crate) const KEY_ARRIVED: &str = "shieldwall.arrived";
/// The version of all this.
pub(crate) const VERSION: &str = "1";

/// Values that are not there get through a filter this often. With a thousand values asked for, one group in a hundred
/// is looked into for nothing.
const FALSE_POSITIVES: f64 = 1e-5;

/// Most distinct values a filter is made for.
const MOST_VALUES: u64 = 1 << 20;

/// Bytes of records that are unpacked to get at one of them.
const PAGE: usize = 128 << 10;

/// A dictionary of this many bytes holds every value of a column of observables but in the strangest cases; then one
/// look into the dictionary says whether the data need be read.
const DICTIONARY: usize = 8 << 20;

/// A column, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Time,
    Class,
    Format,
    Header,
    Part,
    Offset,
    Device,
    Observables(Family),
    Image,
    CommandLine,
    Raw,
}

/// How many values a row has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    Maybe,
    Many,
}

impl Column {
    /// Every column in its order.
    pub(crate) const ALL: [Self; 16] = [
        Self::Time,
        Self::Class,
        Self::Format,
        Self::Header,
        Self::Part,
        Self::Offset,
        Self::Device,
        Self::Observables(Family::Address),
        Self::Observables(Family::Domain),
        Self::Observables(Family::Url),
        Self::Observables(Family::Hash),
        Self::Observables(Family::FileName),
        Self::Observables(Family::Other),
        Self::Image,
        Self::CommandLine,
        Self::Raw,
    ];

    /// Where it stands in [`Column::ALL`].
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Time => 0,
            Self::Class => 1,
            Self::Format => 2,
            Self::Header => 3,
            Self::Part => 4,
            Self::Offset => 5,
            Self::Device => 6,
            Self::Observables(family) => 7 + family.place(),
            Self::Image => 13,
            Self::CommandLine => 14,
            Self::Raw => 15,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Class => "class",
            Self::Format => "format",
            Self::Header => "header",
            Self::Part => "part",
            Self::Offset => "src_offset",
            Self::Device => "device",
            Self::Observables(Family::Address) => "address",
            Self::Observables(Family::Domain) => "domain",
            Self::Observables(Family::Url) => "url",
            Self::Observables(Family::Hash) => "hash",
            Self::Observables(Family::FileName) => "file_name",
            Self::Observables(Family::Other) => "other",
            Self::Image => "image",
            Self::CommandLine => "command_line",
            Self::Raw => "raw",
        }
    }

    pub(crate) const fn shape(self) -> Shape {
        match self {
            Self::Observables(_) => Shape::Many,
            Self::Header | Self::Device | Self::Image | Self::CommandLine => Shape::Maybe,
            _ => Shape::One,
        }
    }

    pub(crate) const fn physical(self) -> Type {
        match self {
            Self::Time | Self::Offset => Type::INT64,
            Self::Class => Type::INT32,
            _ => Type::BYTE_ARRAY,
        }
    }

    pub(crate) fn path(self) -> ColumnPath {
        let name = self.name().to_owned();
        ColumnPath::new(match self.shape() {
            Shape::Many => vec![name, "list".to_owned(), "element".to_owned()],
            Shape::One | Shape::Maybe => vec![name],
        })
    }
}

pub(crate) fn schema() -> Result<TypePtr, ParquetError> {
    parse_message_type(SCHEMA).map(Arc::new)
}

/// How a file is written. `values` is how many observables of each family it will hold, at most.
pub(crate) fn properties(
    source: &str,
    arrived: Timestamp,
    values: &[u64; 6],
) -> Result<WriterProperties, ParquetError> {
    let fact = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let light = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let dense = Compression::ZSTD(ZstdLevel::try_new(3)?);
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("shieldwall {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![
            fact(KEY_VERSION, VERSION.to_owned()),
            fact(KEY_SOURCE, source.to_owned()),
            fact(KEY_ARRIVED, arrived.as_micros().to_string()),
        ]))
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .set_compression(light)
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled(Column::Time.path(), EnabledStatistics::Chunk)
        .set_column_statistics_enabled(Column::Class.path(), EnabledStatistics::Chunk)
        .set_column_compression(Column::Raw.path(), dense)
        .set_column_data_page_size_limit(Column::Raw.path(), PAGE)
        .set_column_dictionary_enabled(Column::Raw.path(), false);
    for sorted in [Column::Time, Column::Offset] {
        builder = builder
            .set_column_dictionary_enabled(sorted.path(), false)
            .set_column_encoding(sorted.path(), Encoding::DELTA_BINARY_PACKED);
    }
    for (family, values) in Family::ALL.into_iter().zip(values) {
        let path = Column::Observables(family).path();
        builder = builder
            .set_column_dictionary_page_size_limit(path.clone(), DICTIONARY)
            .set_column_bloom_filter_fpp(path.clone(), FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(path, (*values).clamp(1, MOST_VALUES));
    }
    Ok(builder.build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::schema::types::SchemaDescriptor;

    #[test]
    fn the_table_says_what_the_schema_says() {
        let schema = SchemaDescriptor::new(schema().unwrap());
        assert_eq!(schema.num_columns(), Column::ALL.len());
        for (place, column) in Column::ALL.into_iter().enumerate() {
            let described = schema.column(place);
            assert_eq!(column.place(), place);
            assert_eq!(described.path(), &column.path());
            assert_eq!(described.physical_type(), column.physical());
            let levels = match column.shape() {
                Shape::One => (0, 0),
                Shape::Maybe => (1, 0),
                Shape::Many => (1, 1),
            };
            assert_eq!((described.max_def_level(), described.max_rep_level()), levels, "{column:?}");
        }
    }
}
