//! Records to events, by format.

mod access;
mod audit;
mod cef;
mod csv;
mod leef;
mod object;
mod syslog;
mod table;
mod windows;

use std::collections::BTreeMap;

use json::{Tape, Value};
use model::Timestamp;

use crate::class::{Class, ClassId};
use crate::counts::{Malformed, Reason};
use crate::detect::Format;
use crate::event::Event;
use crate::slot::Slots;
use crate::time::Clock;

pub(crate) use access::looks_like as looks_like_access;
pub(crate) use audit::begins as begins_audit;
pub(crate) use csv::looks_like as looks_like_table;
pub(crate) use object::{LIMITS, shape_of};
pub(crate) use syslog::begins as begins_syslog;
pub(crate) use table::is_header;

/// What a record cannot say of itself.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The class of every record, whatever it looks like.
    pub class: Option<ClassId>,
    /// Zeek's stream, where only the file's name says it.
    pub stream: Option<String>,
    /// Minutes east of UTC of times without a zone.
    pub zone: i32,
    /// How a table's columns are called.
    pub mapping: Mapping,
}

/// How a table's columns are called in rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The columns' names in order, for tables without a header.
    pub columns: Vec<String>,
    /// Names of columns and of the fields they become; others keep their names.
    pub fields: BTreeMap<String, String>,
    /// What stands between cells; found by the header where it is not said.
    pub delimiter: Option<char>,
}

/// Reads the records of one source, one after another.
///
/// A reader belongs to one source: it remembers the header lines of tables.
#[derive(Debug)]
pub struct Reader {
    format: Format,
    settings: Settings,
    tape: Tape,
    /// The text of a record that is not UTF-8.
    lossy: String,
    table: table::Table,
}

/// A record and what is needed to read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'r> {
    pub(crate) raw: &'r [u8],
    pub(crate) text: &'r str,
    pub(crate) repaired: bool,
    pub(crate) clock: Clock,
}

/// What a format's reader found.
#[derive(Debug)]
pub(crate) struct Parsed<'r> {
    pub(crate) class: &'static Class,
    pub(crate) time: Option<Timestamp>,
    pub(crate) root: Option<Value<'r>>,
    pub(crate) slots: Slots<'r>,
    /// What spans count from: the byte of the record where JSON begins inside another format.
    pub(crate) base: usize,
}

impl<'r> Parsed<'r> {
    /// What was read of a line of text.
    pub(crate) fn of_text(class: &'static Class, time: Option<Timestamp>, slots: Slots<'r>) -> Self {
        Self { class, time, root: None, slots, base: 0 }
    }
}

impl Reader {
    /// A reader at the beginning of a source.
    #[must_use]
    pub fn new(format: Format, settings: Settings) -> Self {
        Self { format, settings, tape: Tape::new(), lossy: String::new(), table: table::Table::default() }
    }

    /// The format it reads.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Takes the header from the beginning of a source whose records are read from somewhere in the middle.
    pub fn prime(&mut self, head: &[u8]) {
        let mut lines = head.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            // What does not end in a line break may be half a line.
            if lines.peek().is_none() {
                return;
            }
            let header = self.read(line, Timestamp::EPOCH).is_ok_and(|event| event.is_none());
            if !header {
                return;
            }
        }
    }

    /// Reads one record. `Ok(None)` is a header, a comment or an empty line.
    ///
    /// `now` is the node's present time; only times without a year need it.
    ///
    /// # Errors
    /// [`Malformed`]: count it and go on with the next record.
    pub fn read<'r>(&'r mut self, record: &'r [u8], now: Timestamp) -> Result<Option<Event<'r>>, Malformed> {
        if record.len() > crate::MAX_RECORD {
            let message = format!("the record has more than {} bytes", crate::MAX_RECORD);
            return Err(Malformed::new(Reason::TooLong, crate::MAX_RECORD, message));
        }
        let Self { format, settings, tape, lossy, table } = self;
        let (text, repaired): (&'r str, bool) = match std::str::from_utf8(record) {
            Ok(text) => (text, false),
            Err(error) => {
                replace(record, lossy);
                if is_binary(lossy) {
                    let message = "too many bytes are no text";
                    return Err(Malformed::new(Reason::Binary, error.valid_up_to(), message));
                }
                (lossy.as_str(), true)
            }
        };
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let line = Line { raw: record, text, repaired, clock: Clock { now, zone: settings.zone } };
        let read = match format {
            Format::EveJson
            | Format::ZeekJson
            | Format::WindowsJson
            | Format::CloudTrail
            | Format::JsonLines
            | Format::Evtx => object::read(tape, line, *format, settings.stream.as_deref()).map(Some),
            Format::Syslog3164 | Format::Syslog5424 => syslog::read(tape, line).map(Some),
            Format::Cef => cef::read(line, 0, None, Slots::default()).map(Some),
            Format::Leef => leef::read(line, 0, None, Slots::default()).map(Some),
            Format::ZeekTsv | Format::W3c => table::read(table, line, settings.stream.as_deref()),
            Format::Csv => csv::read(table, line, &settings.mapping),
            Format::Auditd => audit::read(line).map(Some),
            Format::AccessLog => access::read(line).map(Some),
        }?;
        let Some(mut read) = read else { return Ok(None) };
        if let Some(class) = settings.class {
            read.class = class.class();
        }
        let class = settings.class.unwrap_or(read.class.id);
        Ok(Some(Event::new(line, class, read)))
    }
}

/// The text of bytes that are not all UTF-8.
fn replace(bytes: &[u8], text: &mut String) {
    text.clear();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Whether more than a quarter of a text are characters that no log has.
fn is_binary(text: &str) -> bool {
    let strange =
        |c: &char| *c == char::REPLACEMENT_CHARACTER || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    let count = text.chars().filter(strange).count();
    count > 8 && count * 4 > text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text() {
        let mut text = String::new();
        replace(b"a\xffb", &mut text);
        assert_eq!(text, "a\u{fffd}b");
        assert!(!is_binary(&text));
        assert!(is_binary(&"\u{0}\u{1}".repeat(10)));
        assert!(!is_binary("ÄÖÜ ".repeat(10).as_str()));
    }
}
