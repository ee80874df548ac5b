//! Several files of a source and an hour into one, a column at a time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use model::Timestamp;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use ports::telemetry::TelemetryError;

use crate::ParquetTelemetry;
use crate::change::Change;
use crate::column::{Column, Shape};
use crate::disk::parent;
use crate::family::Family;
use crate::part::{Opened, Part};
use crate::read::{Group, Unreadable, guarded};
use crate::write::{Draft, Values};

/// Where a row of the new file stands: in which group of those read, and where there.
type Place = (usize, usize);

/// Writes a file with all records of these, and notes in `change` what it will be called. They are of one folder. The
/// inner error says which file cannot be read, and why.
pub(crate) fn merge(
    store: &ParquetTelemetry,
    parts: &[Arc<Part>],
    change: &mut Change,
) -> Result<Result<Part, String>, TelemetryError> {
    let Some(first) = parts.first() else { return Ok(Err("nothing to merge".to_owned())) };
    let blind = |part: &Part, Unreadable(why): Unreadable| {
        format!("`{}`: {why}", store.disk.at(&part.path).display())
    };
    let mut opened: Vec<(&Part, Opened)> = Vec::new();
    for part in parts {
        let part: &Part = part;
        match store.footers.open(&store.disk, part, &Arc::new(AtomicU64::new(0))) {
            Ok(file) => opened.push((part, file)),
            Err(why) => return Ok(Err(blind(part, why))),
        }
    }
    let mut groups: Vec<(&Part, Group<'_>)> = Vec::new();
    for (part, file) in &opened {
        for place in 0..part.groups {
            match file.group(place) {
                Ok(group) => groups.push((*part, group)),
                Err(why) => return Ok(Err(blind(part, why))),
            }
        }
    }
    let order = match order(&groups) {
        Ok(order) => order,
        Err((part, why)) => return Ok(Err(blind(part, why))),
    };
    let draft = Draft {
        source: &first.source,
        arrived: parts.iter().map(|part| part.arrived).max().unwrap_or(Timestamp::EPOCH),
        values: Family::ALL.map(|family| {
            let place = Column::Observables(family).place();
            let chunks = groups.iter().filter_map(|(_, group)| group.facts.columns().get(place));
            chunks.map(|chunk| u64::try_from(chunk.num_values()).unwrap_or(0)).sum()
        }),
    };
    let folder = parent(&first.path).to_owned();
    // What cannot be read while the new file is written ends that; it is told apart here.
    let mut unread = None;
    let rows = order.len() as u64;
    let written = store.write_part(folder, first.hour, rows, &draft, change, &mut |column| {
        column_of(&groups, &order, column).map_err(|(part, why)| {
            unread = Some(blind(part, why));
            TelemetryError::Failed("a file to be merged cannot be read".to_owned())
        })
    });
    match (written, unread) {
        (_, Some(blind)) => Ok(Err(blind)),
        (written, None) => written.map(Ok),
    }
}

/// All rows by time; of the same time, as the files came.
fn order<'p>(groups: &[(&'p Part, Group<'_>)]) -> Result<Vec<Place>, (&'p Part, Unreadable)> {
    let mut rows: Vec<(i64, Place)> = Vec::new();
    for (number, (part, group)) in groups.iter().enumerate() {
        let times = guarded(|| group.all::<Int64Type>(Column::Time)).map_err(|why| (*part, why))?;
        rows.extend(times.into_iter().enumerate().map(|(row, time)| (time, (number, row))));
    }
    rows.sort_unstable();
    Ok(rows.into_iter().map(|(_, place)| place).collect())
}

/// The values of a column in the new order.
fn column_of<'p>(
    groups: &[(&'p Part, Group<'_>)],
    order: &[Place],
    column: Column,
) -> Result<Values, (&'p Part, Unreadable)> {
    match (column, column.shape()) {
        (Column::Time | Column::Offset, _) => {
            let all = each(groups, |group| group.all::<Int64Type>(column))?;
            Ok(Values::Longs(in_order(&all, order)))
        }
        (Column::Class, _) => {
            let all = each(groups, |group| group.all::<Int32Type>(column))?;
            Ok(Values::Ints(in_order(&all, order)))
        }
        (_, Shape::One) => {
            let all = each(groups, |group| group.all::<ByteArrayType>(column))?;
            Ok(Values::Texts(in_order(&all, order)))
        }
        (_, Shape::Maybe) => {
            let all = each(groups, |group| options(group, column))?;
            let all = in_order(&all, order);
            let present = all.iter().map(|value| i16::from(value.is_some())).collect();
            Ok(Values::Maybe(all.into_iter().flatten().collect(), present))
        }
        (_, Shape::Many) => {
            let all = each(groups, |group| lists(group, column))?;
            Ok(many(&all, order))
        }
    }
}

/// The same of every group.
fn each<'p, T>(
    groups: &[(&'p Part, Group<'_>)],
    read: impl Fn(&Group<'_>) -> Result<T, Unreadable>,
) -> Result<Vec<T>, (&'p Part, Unreadable)> {
    let all = groups.iter().map(|(part, group)| guarded(|| read(group)).map_err(|why| (*part, why)));
    all.collect()
}

fn in_order<T: Clone>(all: &[Vec<T>], order: &[Place]) -> Vec<T> {
    order.iter().filter_map(|(group, row)| all.get(*group)?.get(*row).cloned()).collect()
}

/// The values of a column that rows may have none of.
fn options(group: &Group<'_>, column: Column) -> Result<Vec<Option<ByteArray>>, Unreadable> {
    let (values, present) = group.all_maybe(column)?;
    let mut values = values.into_iter();
    Ok(present.into_iter().map(|present| if present > 0 { values.next() } else { None }).collect())
}

/// The values of a column of lists, and which of them each row has.
#[derive(Debug)]
struct Lists {
    values: Vec<ByteArray>,
    rows: Vec<Range<usize>>,
}

fn lists(group: &Group<'_>, column: Column) -> Result<Lists, Unreadable> {
    let mut lists = Lists { values: Vec::new(), rows: vec![0..0; group.rows] };
    group.every(column, &mut |row, value| {
        let place = lists.values.len();
        if let Some(row) = lists.rows.get_mut(row) {
            if row.start == row.end {
                row.start = place;
            }
            row.end = place + 1;
        }
        lists.values.push(value.clone());
    })?;
    Ok(lists)
}

fn many(all: &[Lists], order: &[Place]) -> Values {
    let (mut values, mut present, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for (group, row) in order {
        let list = all.get(*group).and_then(|lists| lists.values.get(lists.rows.get(*row)?.clone()));
        let list = list.unwrap_or_default();
        if list.is_empty() {
            present.push(0);
            again.push(0);
        }
        for (place, value) in list.iter().enumerate() {
            values.push(value.clone());
            present.push(1);
            again.push(i16::from(place > 0));
        }
    }
    Values::Many(values, present, again)
}
