//! Tables whose header lines begin with `#`: Zeek's TSV and the W3C extended log format.
//!
//! Headers come again after a rotation and may then name other columns.

use std::borrow::Cow;
use std::ops::Range;

use super::{Line, Parsed};
use crate::class::{ACCESS_LOG, Class, PROXY_LOG, of_stream};
use crate::counts::{Malformed, Reason};
use crate::scan::{Scan, lossy};
use crate::slot::{Raw, Slots};
use crate::time;

/// What the header lines say.
#[derive(Debug)]
pub(crate) struct Table {
    /// Between cells.
    pub(super) delimiter: char,
    /// Between the members of a set or vector.
    set: String,
    empty: String,
    unset: String,
    pub(super) names: Vec<String>,
    types: Vec<Type>,
    /// Zeek's stream.
    stream: Option<String>,
    /// The header as it came, to know it when it comes again.
    pub(super) header: String,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Zeek,
    W3c,
}

/// What a column holds, as far as it must be read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Plain,
    Bool,
    Several,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            delimiter: '\t',
            set: ",".to_owned(),
            empty: "(empty)".to_owned(),
            unset: "-".to_owned(),
            names: Vec::new(),
            types: Vec::new(),
            stream: None,
            header: String::new(),
            style: Style::Zeek,
        }
    }
}

/// The most columns a table may have.
pub(super) const MAX_COLUMNS: usize = 1000;

/// Whether a line is a header line of one of these tables, and whether of W3C's.
pub(crate) fn is_header(line: &str) -> Option<bool> {
    if line.starts_with("#separator ") || line.starts_with("#fields\t") {
        return Some(false);
    }
    line.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("#fields:")).then_some(true)
}

pub(super) fn read<'r>(
    table: &'r mut Table,
    line: Line<'r>,
    stream: Option<&str>,
) -> Result<Option<Parsed<'r>>, Malformed> {
    if line.text.starts_with('#') {
        table.take_header(line.text);
        return Ok(None);
    }
    let table: &'r Table = table;
    if table.names.is_empty() {
        return Err(Malformed::new(Reason::NoHeader, 0, "no line before this one names the columns"));
    }
    let cells = table.cells(line.text);
    if cells.len() != table.names.len() {
        let message = format!("{} cells under {} names", cells.len(), table.names.len());
        return Err(Malformed::new(Reason::Columns, line.text.len(), message));
    }
    let mut slots = Slots::with_capacity(cells.len());
    for ((name, kind), span) in table.names.iter().zip(&table.types).zip(cells) {
        let cell = line.text.get(span.clone()).unwrap_or_default();
        if cell != table.unset {
            slots.put(name.as_str(), table.value(name, *kind, cell, span));
        }
    }
    let (class, time) = match table.style {
        Style::Zeek => {
            let class = of_stream(table.stream.as_deref().or(stream).unwrap_or_default());
            (class, slots.get("ts").and_then(|ts| time::of(ts, &line.clock)))
        }
        Style::W3c => (table.class(), w3c_time(&slots, line)),
    };
    Ok(Some(Parsed::of_text(class, time, slots)))
}

impl Table {
    fn take_header(&mut self, line: &str) {
        let (word, rest) = line.split_once([' ', self.delimiter]).unwrap_or((line, ""));
        match word {
            "#separator" => self.delimiter = decode(rest.trim()).chars().next().unwrap_or('\t'),
            "#set_separator" => self.set = rest.to_owned(),
            "#empty_field" => self.empty = rest.to_owned(),
            "#unset_field" => self.unset = rest.to_owned(),
            "#path" => self.stream = Some(rest.to_owned()),
            "#fields" => {
                self.style = Style::Zeek;
                self.columns(rest.split(self.delimiter).map(str::to_owned).collect());
            }
            "#types" => {
                for (slot, name) in self.types.iter_mut().zip(rest.split(self.delimiter)) {
                    *slot = match name {
                        "bool" => Type::Bool,
                        _ if name.starts_with("set[") || name.starts_with("vector[") => Type::Several,
                        _ => Type::Plain,
                    };
                }
            }
            _ if is_header(line) == Some(true) => {
                let names = line.get(8..).unwrap_or_default().trim();
                self.style = Style::W3c;
                self.delimiter = if names.contains('\t') { '\t' } else { ' ' };
                let names = names.split(self.delimiter).filter(|name| !name.is_empty());
                self.columns(names.map(w3c_name).collect());
            }
            _ => {}
        }
    }

    fn columns(&mut self, names: Vec<String>) {
        self.names = names;
        self.names.truncate(MAX_COLUMNS);
        self.types = vec![Type::Plain; self.names.len()];
    }

    /// Where the cells of a row stand. In W3C's format a cell in quotes may hold the delimiter.
    fn cells(&self, row: &str) -> Vec<Range<usize>> {
        let mut out = Vec::with_capacity(self.names.len());
        let mut scan = Scan::new(row, 0);
        while out.len() <= self.names.len() {
            if self.style == Style::W3c && scan.eat("\"") {
                out.push(scan.until(|c| c == '"'));
                scan.eat("\"");
                scan.until(|c| c == self.delimiter);
            } else {
                out.push(scan.until(|c| c == self.delimiter));
            }
            if scan.rest().is_empty() {
                break;
            }
            scan.skip(self.delimiter.len_utf8());
        }
        out
    }

    fn value<'r>(&'r self, name: &str, kind: Type, cell: &'r str, span: Range<usize>) -> Raw<'r> {
        match (self.style, kind) {
            (Style::Zeek, Type::Bool) => {
                let word = if cell == "T" { "true" } else { "false" };
                Raw::Text(Cow::Borrowed(word), span)
            }
            (Style::Zeek, Type::Several) if cell == self.empty => Raw::Many(Vec::new()),
            (Style::Zeek, Type::Several) => {
                let mut from = span.start;
                let members = cell.split(self.set.as_str()).map(|member| {
                    let own = from..from + member.len();
                    from = own.end + self.set.len();
                    Raw::Text(decode(member), own)
                });
                Raw::Many(members.collect())
            }
            (Style::Zeek, Type::Plain) if cell == self.empty => Raw::Text(Cow::Borrowed(""), span),
            (Style::Zeek, Type::Plain) => Raw::Text(decode(cell), span),
            // IIS writes blanks of a header as `+`.
            (Style::W3c, _) if matches!(name, "cs-user-agent" | "c-useragent") && cell.contains('+') => {
                Raw::Text(Cow::Owned(cell.replace('+', " ")), span)
            }
            (Style::W3c, _) => Raw::Text(Cow::Borrowed(cell), span),
        }
    }

    /// Whether a server or a proxy wrote the table: only proxies name the host asked for, or what they decided.
    fn class(&self) -> &'static Class {
        const PROXY: [&str; 7] =
            ["c-uri", "r-host", "r-ip", "s-action", "s-hierarchy", "sc-filter-result", "cs-uri-scheme"];
        let proxy = self.names.iter().any(|name| PROXY.contains(&name.as_str()));
        if proxy { &PROXY_LOG } else { &ACCESS_LOG }
    }
}

/// `cs(User-Agent)` is `cs-user-agent` in rules.
fn w3c_name(name: &str) -> String {
    match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        Some((side, header)) => format!("{side}-{}", header.to_ascii_lowercase()),
        None => name.to_owned(),
    }
}

/// The date and the time, which are in UTC (W3C extended log file format, "Date" and "Time").
fn w3c_time(slots: &Slots<'_>, line: Line<'_>) -> Option<model::Timestamp> {
    let text = format!("{} {}Z", slots.string("date")?, slots.string("time")?);
    time::instant(&text, &line.clock)
}

/// Undoes Zeek's `\x09`.
fn decode(cell: &str) -> Cow<'_, str> {
    if !cell.contains("\\x") {
        return Cow::Borrowed(cell);
    }
    let mut out = Vec::with_capacity(cell.len());
    let mut rest = cell;
    while let Some((plain, tail)) = rest.split_once("\\x") {
        out.extend_from_slice(plain.as_bytes());
        match tail.get(..2).and_then(crate::scan::hex) {
            Some(bytes) => {
                out.extend(bytes);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                out.extend_from_slice(b"\\x");
                rest = tail;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Cow::Owned(lossy(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_zeek_writes_for_bytes() {
        assert_eq!(decode(r"a\x09b\x5cx"), "a\tb\\x");
        assert_eq!(decode(r"\xzz\x"), r"\xzz\x");
        assert_eq!(decode(r"\xff"), "\u{fffd}");
    }

    #[test]
    fn names_of_headers() {
        assert_eq!(w3c_name("cs(User-Agent)"), "cs-user-agent");
        assert_eq!(w3c_name("cs-uri-stem"), "cs-uri-stem");
    }
}
