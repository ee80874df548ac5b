//! Reading a list line by line, whatever its dialect.

use std::fmt;
use std::sync::Arc;

use model::Timestamp;
use observable::{Kind, Qualifier, Term, normalise, read};

use crate::csv::{Columns, Row};

/// Longest line in bytes; a longer one is refused and skipped.
pub const MAX_LINE: usize = 64 * 1024;
/// Comment lines remembered as references of the block they head.
const MAX_REFERENCES: usize = 4;

/// One value of a list, and what its line said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Line number, counted from 1.
    pub line: u64,
    /// The value.
    pub term: Term,
    /// Text that stood beside the value: a trailing comment or a description column.
    pub comment: Option<String>,
    /// URLs from the comment lines directly above the value's block.
    pub references: Option<Arc<[String]>>,
    /// Tags column.
    pub labels: Vec<String>,
    /// Confidence column, 0 to 100.
    pub confidence: Option<u8>,
    /// First-seen column.
    pub first_seen: Option<Timestamp>,
}

impl Entry {
    /// An entry with nothing beside its value.
    #[must_use]
    pub const fn new(line: u64, term: Term) -> Self {
        Self {
            line,
            term,
            comment: None,
            references: None,
            labels: Vec::new(),
            confidence: None,
            first_seen: None,
        }
    }
}

/// A line, or a cell of it, that is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Line number, counted from 1.
    pub line: u64,
    /// The text, cut to 200 characters.
    pub text: String,
    /// Why it is no value.
    pub reason: Reason,
}

/// Why a line is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Longer than [`MAX_LINE`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// A regular expression or wildcard that is more than one value.
    Pattern,
    /// Nothing we know how to look for.
    Unrecognised,
    /// A table row without anything in its value columns.
    NoValue,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the line is longer than {MAX_LINE} bytes"),
            Self::NotUtf8 => f.write_str("the line is not valid UTF-8; convert the file first"),
            Self::Pattern => f.write_str("a regular expression is not one value; write it as a STIX pattern"),
            Self::Unrecognised => f.write_str(
                "not an address, network, domain, URL, path, e-mail address, hash or registry key",
            ),
            Self::NoValue => f.write_str("the row has nothing in its value columns"),
        }
    }
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// A value; one line can hold several.
    Value(Entry),
    /// No value, and why.
    Refused(Refused),
}

/// Incremental reader: [`Reader::push`] bytes as they come, then [`Reader::finish`].
///
/// Dialects are recognised as they appear: comment lines (`#`, `;`, `//`, `!`) and trailing comments, hosts
/// files, `||name^` rules, tables with a header line (also one in a comment), and a value followed by other
/// columns.
#[derive(Debug, Default)]
pub struct Reader {
    pending: Vec<u8>,
    overlong: bool,
    line: u64,
    seen_value: bool,
    columns: Option<Columns>,
    /// A table record whose quoted cell goes on in the next line, with the line it began on.
    open: Option<(u64, String)>,
    /// References of the comment block above, until a blank line.
    references: Vec<String>,
    shared: Option<Arc<[String]>>,
    in_comments: bool,
}

impl Reader {
    /// A reader at the start of a list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lines read so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.line
    }

    /// Feeds bytes; what complete lines hold is handed to `each` in order.
    pub fn push(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(Parsed)) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
            bytes = tail.get(1..).unwrap_or_default();
            if self.pending.is_empty() && !self.overlong && head.len() <= MAX_LINE {
                self.take(head, each);
            } else {
                self.collect(head);
                self.take_pending(each);
            }
        }
        self.collect(bytes);
    }

    /// Ends the list: the last line may lack its newline.
    pub fn finish(&mut self, each: &mut dyn FnMut(Parsed)) {
        if !self.pending.is_empty() || self.overlong {
            self.take_pending(each);
        }
        if let Some((line, record)) = self.open.take() {
            self.row(line, &record, each);
        }
    }

    fn collect(&mut self, bytes: &[u8]) {
        if self.overlong || self.pending.len() + bytes.len() > MAX_LINE {
            // Only the beginning is kept, to name the line by.
            let room = 200usize.saturating_sub(self.pending.len()).min(bytes.len());
            self.pending.extend_from_slice(bytes.get(..room).unwrap_or_default());
            self.overlong = true;
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    fn take_pending(&mut self, each: &mut dyn FnMut(Parsed)) {
        let bytes = std::mem::take(&mut self.pending);
        if std::mem::take(&mut self.overlong) {
            self.line += 1;
            refuse(self.line, &String::from_utf8_lossy(&bytes), Reason::TooLong, each);
        } else {
            self.take(&bytes, each);
        }
        self.pending = bytes;
        self.pending.clear();
    }

    fn take(&mut self, bytes: &[u8], each: &mut dyn FnMut(Parsed)) {
        self.line += 1;
        let Ok(text) = std::str::from_utf8(bytes) else {
            refuse(self.line, &String::from_utf8_lossy(bytes), Reason::NotUtf8, each);
            return;
        };
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        let trimmed = text.trim();
        if let Some((begun, mut record)) = self.open.take() {
            record.push('\n');
            record.push_str(text);
            // Another odd number of quotes closes the cell.
            self.record(begun, record, !odd_quotes(text), each);
        } else if trimmed.is_empty() {
            self.references.clear();
            self.shared = None;
            self.in_comments = false;
        } else if let Some(comment) = comment_line(trimmed) {
            self.comment(comment);
        } else if self.columns.is_some() {
            self.record(self.line, trimmed.to_owned(), odd_quotes(trimmed), each);
        } else {
            self.in_comments = false;
            self.plain(trimmed, each);
        }
    }

    fn comment(&mut self, comment: &str) {
        if !self.seen_value && self.columns.is_none() {
            self.columns = Columns::from_header(comment).filter(Columns::is_table);
        }
        if !self.in_comments {
            self.references.clear();
        }
        self.in_comments = true;
        self.shared = None;
        if let Some(url) = link(comment).filter(|_| self.references.len() < MAX_REFERENCES) {
            self.references.push(url.to_owned());
        }
    }

    fn references(&mut self) -> Option<Arc<[String]>> {
        if self.shared.is_none() && !self.references.is_empty() {
            self.shared = Some(self.references.as_slice().into());
        }
        self.shared.clone()
    }

    /// A line that is not part of a table.
    fn plain(&mut self, line: &str, each: &mut dyn FnMut(Parsed)) {
        let (value, comment) = split_comment(line);
        if let Some(term) = read(unquote(value)) {
            self.value(term, comment, each);
            return;
        }
        if !self.seen_value
            && let Some(columns) = Columns::from_header(line)
        {
            self.columns = Some(columns);
            return;
        }
        if let Some((first, rest)) = value.split_once(char::is_whitespace) {
            let rest = rest.trim_start();
            if is_null_route(first) {
                self.hosts(rest, comment, each);
                return;
            }
            if let Some(term) = read(unquote(first)) {
                self.value(term, Some(comment.unwrap_or(rest)), each);
                return;
            }
        }
        if let Some(name) = value.strip_prefix("||").and_then(|rest| rest.strip_suffix('^'))
            && let Some(term) = read(name)
        {
            self.value(term, comment, each);
            return;
        }
        if let Some((first, rest)) = value.split_once([',', ';', '\t', '|'])
            && let Some(term) = read(unquote(first.trim()))
        {
            self.value(term, Some(comment.unwrap_or(rest)), each);
            return;
        }
        let patterned = value.contains(['[', '{', '(', '^', '$', '*', '\\']);
        refuse(self.line, value, if patterned { Reason::Pattern } else { Reason::Unrecognised }, each);
    }

    /// The names after the address of a hosts file.
    fn hosts(&mut self, names: &str, comment: Option<&str>, each: &mut dyn FnMut(Parsed)) {
        for name in names.split_whitespace().filter(|name| !is_hosts_boilerplate(name)) {
            match read(name) {
                Some(term) => self.value(term, comment, each),
                None => refuse(self.line, name, Reason::Unrecognised, each),
            }
        }
    }

    fn value(&mut self, term: Term, comment: Option<&str>, each: &mut dyn FnMut(Parsed)) {
        self.seen_value = true;
        let mut entry = Entry::new(self.line, term);
        entry.comment = comment.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        entry.references = self.references();
        each(Parsed::Value(entry));
    }

    /// A line of a table: a record, or the beginning of one whose quoted cell is still open.
    fn record(&mut self, begun: u64, record: String, open: bool, each: &mut dyn FnMut(Parsed)) {
        if !open {
            self.row(begun, &record, each);
        } else if record.len() > MAX_LINE {
            refuse(begun, &record, Reason::TooLong, each);
        } else {
            self.open = Some((begun, record));
        }
    }

    fn row(&mut self, line: u64, record: &str, each: &mut dyn FnMut(Parsed)) {
        let Some(row) = self.columns.as_ref().map(|columns| columns.row(record)) else { return };
        self.seen_value = true;
        if row.values.is_empty() {
            refuse(line, record, Reason::NoValue, each);
            return;
        }
        for value in &row.values {
            match cell_term(value, &row) {
                Some(term) => each(Parsed::Value(Entry {
                    line,
                    term,
                    comment: row.comment.clone(),
                    references: None,
                    labels: row.labels.clone(),
                    confidence: row.confidence,
                    first_seen: row.first_seen,
                })),
                None => refuse(line, value, Reason::Unrecognised, each),
            }
        }
    }
}

/// Whether a quoted cell begins or ends in this text and does not do both.
fn odd_quotes(text: &str) -> bool {
    memchr::memchr_iter(b'"', text.as_bytes()).count() % 2 == 1
}

/// A cell's value, with the kind its row names and the port of a port column.
fn cell_term(value: &str, row: &Row) -> Option<Term> {
    let hinted = row.kind.and_then(|kind| normalise(kind, value));
    let mut term = match hinted {
        Some(observable) => Term { observable, qualifier: Qualifier::None },
        None => read(value)?,
    };
    let host = matches!(term.observable.kind(), Kind::Ipv4 | Kind::Ipv6 | Kind::Domain);
    if let (Some(port), true, Qualifier::None) = (row.port, host, term.qualifier) {
        term.qualifier = Qualifier::Port(port);
    }
    Some(term)
}

fn refuse(line: u64, text: &str, reason: Reason, each: &mut dyn FnMut(Parsed)) {
    let text = text.chars().take(200).collect();
    each(Parsed::Refused(Refused { line, text, reason }));
}

/// The text of a comment line.
fn comment_line(line: &str) -> Option<&str> {
    ["#", ";", "//", "!"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .map(|rest| rest.trim_start_matches(['#', ' ']))
}

/// A comment after a value starts at a mark with white space before it, so that `http://a/#b` stays whole.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    for (at, mark) in line.match_indices(['#', ';', '/']) {
        let (head, tail) = line.split_at_checked(at).unwrap_or((line, ""));
        if head.ends_with(char::is_whitespace) && (mark != "/" || tail.starts_with("//")) {
            return (head.trim_end(), Some(tail.trim_start_matches(['#', ';', '/']).trim()));
        }
    }
    (line, None)
}

fn unquote(text: &str) -> &str {
    let text = text.strip_suffix(',').unwrap_or(text);
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')))
        .unwrap_or(text)
}

/// The first link in a comment.
fn link(comment: &str) -> Option<&str> {
    let at = comment.find("http://").or_else(|| comment.find("https://"))?;
    let url = comment.get(at..)?.split_whitespace().next()?;
    (url.len() > 10 && url.len() <= 500).then_some(url)
}

/// The address a hosts file sends unwanted names to.
fn is_null_route(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified() || address.is_loopback())
}

/// Names every hosts file begins with.
fn is_hosts_boilerplate(name: &str) -> bool {
    matches!(name, "localhost" | "localhost.localdomain" | "local" | "broadcasthost" | "0.0.0.0")
        || name.starts_with("ip6-")
        || name.ends_with(".localhost")
}
