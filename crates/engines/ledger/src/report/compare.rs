//! What a report states beside what was counted, and beside the report before it.

use std::collections::{BTreeMap, BTreeSet};

use json::Value;

use super::problem::{Problem, Remark};
use super::verify::{Body, Problems};
use super::{Table, Verdict};

/// Names every row of which the report states something else than the evidence gives.
pub(super) fn compare(counted: &[Table], stated: &[(String, Value<'_>)], problems: &mut Problems) {
    const NOTHING: &str = "nothing";
    for table in counted {
        let texts: Vec<_> = stated.iter().filter(|(name, _)| name == table.name).collect();
        let stated = match texts.as_slice() {
            [(_, stated)] if stated.raw() == table.to_text() => continue,
            [(_, stated)] => stated_rows(stated, table.columns.len()),
            _ => BTreeMap::new(),
        };
        let counted: BTreeMap<String, String> =
            table.rows.iter().map(|(key, row)| (key.join(" "), join(&row.measures))).collect();
        let before = problems.count;
        for row in stated.keys().chain(counted.keys()).collect::<BTreeSet<_>>() {
            let of =
                |rows: &BTreeMap<String, String>| rows.get(row).map_or(NOTHING, String::as_str).to_owned();
            let (stated, counted) = (of(&stated), of(&counted));
            if stated != counted {
                problems.add(Problem::Figure {
                    table: table.name.to_owned(),
                    row: row.clone(),
                    stated,
                    counted,
                });
            }
        }
        if problems.count == before {
            let (stated, counted) = ("another form".to_owned(), "the form of this version".to_owned());
            problems.add(Problem::Figure {
                table: table.name.to_owned(),
                row: String::new(),
                stated,
                counted,
            });
        }
    }
    for (name, _) in stated.iter().filter(|(name, _)| !counted.iter().any(|table| table.name == name)) {
        let table: String = name.chars().take(64).collect();
        let (stated, counted) = ("a table".to_owned(), NOTHING.to_owned());
        problems.add(Problem::Figure { table, row: String::new(), stated, counted });
    }
}

fn stated_rows(table: &Value<'_>, columns: usize) -> BTreeMap<String, String> {
    let rows = table.get("rows").into_iter().flat_map(|rows| rows.items());
    rows.map(|row| {
        let cell =
            |item: Value<'_>| item.as_str().map_or_else(|| item.raw().to_owned(), |text| text.into_owned());
        let cells: Vec<String> =
            row.items().take(16).map(|item| cell(item).chars().take(80).collect()).collect();
        let (key, measures) = cells.split_at(columns.min(cells.len()));
        (key.join(" "), measures.join(", "))
    })
    .collect()
}

fn join(measures: &[u64]) -> String {
    measures.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn compare_previous(
    body: &Body<'_>,
    carried: &BTreeSet<u64>,
    previous: Option<&Verdict>,
    problems: &mut Problems,
    remarks: &mut Vec<Remark>,
) {
    let Some(previous) = previous else {
        match body.previous {
            Some(report) => remarks.push(Remark::NotCompared(report)),
            None if body.first() > 0 => remarks.push(Remark::NoPrevious(body.first())),
            None => {}
        }
        return;
    };
    if body.previous != Some(previous.report) {
        problems.add(Problem::OtherPrevious);
    }
    if !previous.holds() {
        problems.add(Problem::PreviousFails(previous.problems.len()));
    }
    let (end, now) = (previous.to.checkpoint().size, body.first());
    if end != now {
        problems.add(Problem::Gap { previous: end, now });
    } else if let Some(from) =
        body.from.as_ref().filter(|from| from.checkpoint().root != previous.to.checkpoint().root)
    {
        let (note, now) = (previous.to.note().to_owned(), from.note().to_owned());
        problems.add(Problem::Fork { size: end, note, now });
    }
    let open: BTreeSet<u64> = previous.open.iter().map(|(leaf, _)| *leaf).collect();
    for leaf in open.difference(carried) {
        problems.add(Problem::CarriedDropped { leaf: *leaf });
    }
    for leaf in carried.difference(&open) {
        problems.add(Problem::CarriedAmiss { leaf: *leaf });
    }
    if previous.period.until != body.period.from {
        remarks.push(Remark::PeriodGap { previous: previous.period.until, now: body.period.from });
    }
    if previous.log != body.log {
        remarks.push(Remark::LogKeyChanged);
    }
}
