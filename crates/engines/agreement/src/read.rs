//! Reading a TOML text with places, so that every problem names its line; nothing is read past a problem's own value.

use std::cell::RefCell;
use std::collections::BTreeSet;

use model::{Severity, Timestamp};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Place, Problems, is_deceptive, shown};

/// The longest text of an agreement, in bytes.
pub const MAX_TEXT: usize = 256 << 10;
/// The most dots in one key; more would nest tables deeper than anything here.
const MAX_DOTS: usize = 8;

/// Where problems are collected while tables borrow the text.
pub(crate) type Sink = RefCell<Problems>;

/// Parses a text into its root table. Problems of syntax go to the sink; what could be read is returned all the same.
pub(crate) fn parse<'i>(text: &'i str, sink: &Sink) -> Option<Spanned<DeTable<'i>>> {
    let whole = Place::default();
    if text.len() > MAX_TEXT {
        let message = format!("the text has {} bytes, and {MAX_TEXT} are the most", text.len());
        sink.borrow_mut().add(Severity::Error, &whole, message, "leave out what is not for this agreement");
        return None;
    }
    if let Some(offset) = too_many_dots(text) {
        let place = Place { path: String::new(), offset };
        sink.borrow_mut().add(
            Severity::Error,
            &place,
            "a key with too many dots",
            "use tables as in the templates",
        );
        return None;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = Place { path: String::new(), offset: error.span().map_or(0, |span| span.start) };
        let message = format!("not TOML: {}", shown(&error.message().replace('\n', " ")));
        sink.borrow_mut().add(Severity::Error, &place, message, "see the TOML 1.0 specification, toml.io");
    }
    Some(root)
}

/// Where a key has more dots than [`MAX_DOTS`]: the parser would nest a table for each, and nothing bounds it there.
///
/// Outside of strings and comments a dot stands only in keys and numbers. Quotes inside comments do not count, nor
/// marks of comments inside strings. What is no TOML at all may be misjudged here; the parser refuses it anyway.
fn too_many_dots(text: &str) -> Option<usize> {
    let (mut rest, mut dots, mut offset) = (text, 0_usize, 0_usize);
    while let Some(first) = rest.chars().next() {
        let skip = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => string_length(rest, first),
            _ => first.len_utf8(),
        };
        match first {
            '.' => dots += 1,
            '\n' | '=' | ',' | '{' | '[' => dots = 0,
            _ => {}
        }
        if dots > MAX_DOTS {
            return Some(offset);
        }
        offset += skip;
        rest = rest.get(skip..)?;
    }
    None
}

/// How long the string is that `rest` begins with, quotes included.
fn string_length(rest: &str, quote: char) -> usize {
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (fence, multi_line) = if rest.starts_with(&triple) {
        (triple.as_str(), true)
    } else {
        (triple.get(..1).unwrap_or("\""), false)
    };
    let mut at = fence.len();
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with(fence) {
            return at + fence.len();
        }
        if !multi_line && tail.starts_with('\n') {
            return at;
        }
        let escape = quote == '"' && tail.starts_with('\\');
        let mut chars = tail.chars();
        at += chars.next().map_or(1, char::len_utf8);
        if escape {
            at += chars.next().map_or(0, char::len_utf8);
        }
    }
    rest.len()
}

/// One table being read: every name asked for is known, every other is refused by [`Table::finish`].
pub(crate) struct Table<'a, 'i> {
    sink: &'a Sink,
    pub(crate) place: Place,
    table: &'a DeTable<'i>,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a, 'i> Table<'a, 'i> {
    pub(crate) fn new(sink: &'a Sink, place: Place, table: &'a DeTable<'i>) -> Self {
        Self { sink, place, table, asked: RefCell::default() }
    }

    /// Every entry, for tables whose names are the text's own.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Entry<'a, 'i>)> {
        self.table.iter().map(|(key, value)| {
            let place =
                Place { path: self.place.within(&shown(key.get_ref())).path, offset: key.span().start };
            (key.get_ref().as_ref(), Entry { sink: self.sink, place, value: value.get_ref() })
        })
    }

    /// Where each member stands.
    pub(crate) fn places(&self) -> Vec<(String, Place)> {
        self.entries().map(|(name, entry)| (name.to_owned(), entry.place)).collect()
    }

    /// The value of a name, if it is there.
    pub(crate) fn get(&self, name: &'static str) -> Option<Entry<'a, 'i>> {
        self.asked.borrow_mut().insert(name);
        let (key, value) = self.table.iter().find(|(key, _)| key.get_ref() == name)?;
        let place = Place { path: self.place.within(name).path, offset: key.span().start };
        Some(Entry { sink: self.sink, place, value: value.get_ref() })
    }

    /// The value of a name that must be there.
    pub(crate) fn need(&self, name: &'static str, hint: &str) -> Option<Entry<'a, 'i>> {
        let entry = self.get(name);
        if entry.is_none() {
            self.error(name, format!("`{name}` is missing"), hint);
        }
        entry
    }

    /// The table of a name, if it is there.
    pub(crate) fn table(&self, name: &'static str) -> Option<Table<'a, 'i>> {
        self.get(name)?.table()
    }

    /// The tables of a list: `[[name]]`. At most `most`.
    pub(crate) fn tables(&self, name: &'static str, most: usize) -> Vec<Table<'a, 'i>> {
        let Some(entry) = self.get(name) else { return Vec::new() };
        match entry.list(most) {
            Some(items) => items.into_iter().filter_map(|item| item.table()).collect(),
            None => Vec::new(),
        }
    }

    /// A problem of a member, told at this table.
    pub(crate) fn error(&self, name: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.sink.borrow_mut().add(Severity::Error, &self.place.within(name), message, hint);
    }

    /// Refuses the names nobody asked for.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for (name, entry) in self.entries().filter(|(name, _)| !asked.contains(name)) {
            let known: Vec<String> = asked.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("`{}` is not known here", shown(name));
            entry.error(
                message,
                format!("nothing that is not understood is signed; known are {}", known.join(", ")),
            );
        }
    }
}

/// One value and where it stands.
pub(crate) struct Entry<'a, 'i> {
    sink: &'a Sink,
    pub(crate) place: Place,
    value: &'a DeValue<'i>,
}

impl<'a, 'i> Entry<'a, 'i> {
    pub(crate) fn error(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.sink.borrow_mut().add(Severity::Error, &self.place, message, hint);
    }

    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    fn other_kind<T>(&self, needed: &str, hint: &str) -> Option<T> {
        self.error(format!("{needed} is needed, not {}", self.kind()), hint);
        None
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    pub(crate) fn table(&self) -> Option<Table<'a, 'i>> {
        match self.value {
            DeValue::Table(table) => Some(Table::new(self.sink, self.place.clone(), table)),
            _ => self.other_kind("a table", "write it under a header in brackets, as in the templates"),
        }
    }

    /// The items of a list of at most `most`.
    pub(crate) fn list(&self, most: usize) -> Option<Vec<Entry<'a, 'i>>> {
        let DeValue::Array(items) = self.value else {
            return self.other_kind("a list", "put it in square brackets");
        };
        if items.len() > most {
            self.error(
                format!("{} items, and {most} are the most", items.len()),
                "divide it into several agreements",
            );
            return None;
        }
        let place = |at: usize, start: usize| {
            let offset = if start == 0 { self.place.offset } else { start };
            Place { path: format!("{}[{}]", self.place.path, at + 1), offset }
        };
        let entry = |(at, item): (usize, &'a Spanned<DeValue<'i>>)| Entry {
            sink: self.sink,
            place: place(at, item.span().start),
            value: item.get_ref(),
        };
        Some(items.iter().enumerate().map(entry).collect())
    }

    /// A text for people: 1 to 400 bytes, in one line, with nothing invisible in it.
    pub(crate) fn line(&self) -> Option<String> {
        let DeValue::String(text) = self.value else {
            return self.other_kind("a string", "put it in quotes");
        };
        if text.contains("{{") {
            self.error("a placeholder of a template is still in it", "put the value in its place");
        } else if text.is_empty() || text.trim() != text.as_ref() {
            self.error("it is empty, or begins or ends with a space", "write what it is about");
        } else if text.len() > 400 {
            self.error(format!("it has {} bytes, and 400 are the most", text.len()), "shorten it");
        } else if text.contains(is_deceptive) {
            let hint = "write it anew by hand: it may read differently from what it is";
            self.error("it contains invisible or control characters", hint);
        } else {
            return Some(text.as_ref().to_owned());
        }
        None
    }

    /// A name within the text: `[a-z0-9-]`, 1 to 64 of them. ASCII alone, so that no two look alike.
    pub(crate) fn name(&self) -> Option<String> {
        let DeValue::String(text) = self.value else {
            return self.other_kind("a string", "put it in quotes");
        };
        check_name(text)
            .map_err(|message| self.error(message, "use a to z, 0 to 9 and hyphens, 1 to 64 of them"))
            .ok()?;
        Some(text.as_ref().to_owned())
    }

    /// What a text is parsed to.
    pub(crate) fn parsed<T>(&self, hint: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let DeValue::String(text) = self.value else {
            return self.other_kind("a string", "put it in quotes");
        };
        if text.contains("{{") {
            self.error("a placeholder of a template is still in it", "put the value in its place");
            return None;
        }
        parse(text).map_err(|message| self.error(message, hint)).ok()
    }

    /// One of some words.
    pub(crate) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.parsed(&format!("use one of {}", known.join(", ")), |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| format!("`{}` is not known here", shown(text)))
        })
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, least: u64, most: u64) -> Option<u64> {
        let DeValue::Integer(number) = self.value else {
            return self.other_kind("a whole number", "write digits without quotes");
        };
        // TOML allows `1_000`, and a sign; the reader has taken the underscores out.
        let value = u64::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok();
        let within = value.filter(|value| (least..=most).contains(value));
        if within.is_none() {
            let hint = if least == 0 { "" } else { "; 0 would mean nothing or everything, so it is refused" };
            self.error(format!("`{number}` is out of bounds"), format!("use {least} to {most}{hint}"));
        }
        within
    }

    pub(crate) fn small(&self, least: u32, most: u32) -> Option<u32> {
        self.number(u64::from(least), u64::from(most)).and_then(|number| u32::try_from(number).ok())
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => self.other_kind("true or false", "write it without quotes"),
        }
    }

    /// A date, which is its first instant in UTC, or an instant with an offset.
    pub(crate) fn time(&self) -> Option<Timestamp> {
        let hint = "write 2027-01-31 for its first instant in UTC, or 2027-01-31T12:00:00Z";
        let DeValue::Datetime(value) = self.value else {
            return self.other_kind("a date", "write it without quotes, such as 2027-01-31");
        };
        let text = match (value.date, value.time, value.offset) {
            (Some(date), None, None) => format!("{date}T00:00:00Z"),
            (Some(date), Some(time), Some(toml::value::Offset::Z)) => format!("{date}T{time}Z"),
            (Some(_), Some(_), Some(_)) => {
                self.error("an instant in local time", "write it in UTC, ending in `Z`");
                return None;
            }
            _ => {
                self.error("neither a date nor an instant in UTC", hint);
                return None;
            }
        };
        text.parse().map_err(|error| self.error(format!("{error}"), hint)).ok()
    }
}

/// Whether a text is a name within an agreement.
pub(crate) fn check_name(text: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        let why = if text.is_ascii() { "" } else { ": it has characters that may look like others" };
        return Err(format!("`{}` is not a name{why}", shown(text)));
    }
    Ok(())
}
