//! Tables of cells between commas (RFC 4180) or other delimiters, one record on each line.
//!
//! The first line of a source names the columns, or its mapping does. A header that comes again is passed over.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::object::TIMES;
use super::table::{MAX_COLUMNS, Table};
use super::{Line, Mapping, Parsed};
use crate::class::GENERIC;
use crate::counts::{Malformed, Reason};
use crate::scan::Scan;
use crate::slot::{Raw, Slots};
use crate::time;

/// What may stand between cells.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

pub(super) fn read<'r>(
    table: &'r mut Table,
    line: Line<'r>,
    mapping: &Mapping,
) -> Result<Option<Parsed<'r>>, Malformed> {
    if table.names.is_empty() {
        table.delimiter = mapping.delimiter.unwrap_or_else(|| delimiter(line.text));
        if mapping.columns.is_empty() {
            let names = cells(line.text, table.delimiter).ok_or_else(open_quote)?;
            let names = names.into_iter().take(MAX_COLUMNS).map(|(name, _)| name.trim().to_owned());
            table.names = names.map(|name| mapping.fields.get(&name).cloned().unwrap_or(name)).collect();
            table.header = line.text.to_owned();
            return Ok(None);
        }
        let names = mapping.columns.iter().take(MAX_COLUMNS);
        table.names = names.map(|name| mapping.fields.get(name).unwrap_or(name).clone()).collect();
    }
    let table: &'r Table = table;
    if line.text == table.header {
        return Ok(None);
    }
    let cells = cells(line.text, table.delimiter).ok_or_else(open_quote)?;
    if cells.len() != table.names.len() {
        let message = format!("{} cells under {} names", cells.len(), table.names.len());
        return Err(Malformed::new(Reason::Columns, line.text.len(), message));
    }
    let mut slots = Slots::with_capacity(cells.len());
    for (name, (cell, span)) in table.names.iter().zip(cells) {
        if !cell.is_empty() {
            slots.put(name.as_str(), Raw::Text(cell, span));
        }
    }
    let time = TIMES.iter().find_map(|name| time::of(slots.get(name)?, &line.clock));
    Ok(Some(Parsed::of_text(&GENERIC, time, slots)))
}

fn open_quote() -> Malformed {
    Malformed::new(Reason::OpenQuote, 0, "a quoted cell does not end on this line")
}

/// The delimiter that a header has most of; a comma where there is none.
fn delimiter(header: &str) -> char {
    let most = DELIMITERS.into_iter().max_by_key(|own| (header.matches(*own).count(), *own == ','));
    most.unwrap_or(',')
}

/// The cells of a record and where they stand; `None` if a quoted one does not end.
fn cells(record: &str, delimiter: char) -> Option<Vec<(Cow<'_, str>, Range<usize>)>> {
    let mut out = Vec::new();
    let mut scan = Scan::new(record, 0);
    loop {
        if scan.eat("\"") {
            let from = scan.at();
            let mut doubled = false;
            let end = loop {
                let part = scan.until(|c| c == '"');
                if !scan.eat("\"") {
                    return None;
                }
                if !scan.eat("\"") {
                    break part.end;
                }
                doubled = true;
            };
            let text = scan.slice(&(from..end));
            let cell = if doubled { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) };
            out.push((cell, from..end));
            scan.until(|c| c == delimiter);
        } else {
            let span = scan.until(|c| c == delimiter);
            out.push((Cow::Borrowed(scan.slice(&span)), span));
        }
        if scan.rest().is_empty() || out.len() > MAX_COLUMNS {
            return Some(out);
        }
        scan.skip(delimiter.len_utf8());
        if scan.rest().is_empty() {
            out.push((Cow::Borrowed(""), scan.at()..scan.at()));
            return Some(out);
        }
    }
}

/// Whether the first lines of a text are a header and rows of as many cells: at least three, under different names
/// that are no numbers.
pub(crate) fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let Some(header) = lines.next() else { return false };
    let delimiter = delimiter(header);
    let Some(names) = cells(header, delimiter).filter(|names| (3..=MAX_COLUMNS).contains(&names.len()))
    else {
        return false;
    };
    let name = |name: &str| !name.trim().is_empty() && name.trim().parse::<f64>().is_err();
    let distinct: BTreeSet<&str> = names.iter().map(|(name, _)| name.trim()).collect();
    if distinct.len() < names.len() || !names.iter().all(|(own, _)| name(own)) {
        return false;
    }
    let rows: Vec<_> = lines.take(20).map(|line| cells(line, delimiter).map(|cells| cells.len())).collect();
    // The last one may be cut off.
    let whole = rows.len().saturating_sub(usize::from(rows.len() > 1));
    !rows.is_empty() && rows.iter().take(whole).all(|count| *count == Some(names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(record: &str, expect: Option<&[&str]>) {
        let found =
            cells(record, ',').map(|all| all.into_iter().map(|(cell, _)| cell.into_owned()).collect());
        let expect = expect.map(|all| all.iter().map(|cell| (*cell).to_owned()).collect::<Vec<String>>());
        assert_eq!(found, expect);
    }

    #[test]
    fn cells_of_rfc_4180() {
        check("aaa,bbb,ccc", Some(&["aaa", "bbb", "ccc"]));
        check(r#""aaa","b ""bb","c,cc""#, Some(&["aaa", "b \"bb", "c,cc"]));
        check("a,,", Some(&["a", "", ""]));
        check("", Some(&[""]));
        check("\"a", None);
        check("\"a\"\"", None);
    }

    #[test]
    fn tables_among_texts() {
        assert!(looks_like("time,src,dst\n1,2,3\n4,5,6\n"));
        assert!(!looks_like("1,2,3\n4,5,6\n"));
        assert!(!looks_like("Once upon a time, there was\na line, and another\n"));
        assert!(!looks_like("time,src,dst\n1,2\n3,4\n"));
    }

    #[test]
    fn a_cell_stands_inside_its_quotes() {
        let record = r#"x,"a,b",y"#;
        let found = cells(record, ',').unwrap();
        assert_eq!(
            found.iter().map(|(_, span)| &record[span.clone()]).collect::<Vec<_>>(),
            ["x", "a,b", "y"]
        );
    }
}
