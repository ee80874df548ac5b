//! What a stream of bytes is, by its beginning.
//!
//! Several records vote, so that one strange line decides nothing; what is no log at all is named, with what to do.

use std::collections::BTreeMap;
use std::fmt;

use json::{Kind, Tape};
use model::Timestamp;

use crate::frame::{Frame, Framer, Framing, MAX_RECORD};
use crate::read::{
    LIMITS, begins_audit, begins_syslog, is_header, looks_like_access, looks_like_table, shape_of,
};
use crate::time::Clock;

/// How much of a stream is enough to know it: 64 KiB.
pub const HEAD: usize = 64 << 10;
/// Records that vote.
const VOTERS: usize = 64;

/// What a stream's records are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Suricata's EVE, one JSON object for each event.
    EveJson,
    /// Zeek's tables.
    ZeekTsv,
    /// Zeek's records as JSON.
    ZeekJson,
    /// Windows events as JSON, by whatever collector.
    WindowsJson,
    /// CloudTrail's records, in files or one by one.
    CloudTrail,
    /// JSON objects of any kind.
    JsonLines,
    /// Syslog by RFC 3164, and what daemons write into files.
    Syslog3164,
    /// Syslog by RFC 5424.
    Syslog5424,
    /// ArcSight's CEF without syslog around it.
    Cef,
    /// IBM's LEEF without syslog around it.
    Leef,
    /// Linux's audit log.
    Auditd,
    /// Access logs in the common or combined log format.
    AccessLog,
    /// The W3C extended log format of IIS and of proxies.
    W3c,
    /// Cells between delimiters under a header.
    Csv,
    /// Windows' own event log files; another process unpacks them to JSON.
    Evtx,
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[
        Self::EveJson,
        Self::ZeekTsv,
        Self::ZeekJson,
        Self::WindowsJson,
        Self::CloudTrail,
        Self::JsonLines,
        Self::Syslog3164,
        Self::Syslog5424,
        Self::Cef,
        Self::Leef,
        Self::Auditd,
        Self::AccessLog,
        Self::W3c,
        Self::Csv,
        Self::Evtx,
    ];

    /// The name used in configurations, such as `eve-json`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EveJson => "eve-json",
            Self::ZeekTsv => "zeek-tsv",
            Self::ZeekJson => "zeek-json",
            Self::WindowsJson => "windows-json",
            Self::CloudTrail => "cloudtrail",
            Self::JsonLines => "json-lines",
            Self::Syslog3164 => "syslog-3164",
            Self::Syslog5424 => "syslog-5424",
            Self::Cef => "cef",
            Self::Leef => "leef",
            Self::Auditd => "auditd",
            Self::AccessLog => "access-log",
            Self::W3c => "w3c",
            Self::Csv => "csv",
            Self::Evtx => "evtx",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|format| format.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a format of logs; use one such as eve-json, zeek-tsv, windows-json or syslog-5424")
        })
    }
}

/// What a stream is and how to cut it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// What its records are.
    pub format: Format,
    /// How they stand in it.
    pub framing: Framing,
    /// Zeek's stream, where the name says it: `conn` of `conn.log`.
    pub stream: Option<String>,
}

/// What is no log that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotLogs {
    /// Nothing but white space, or nothing at all.
    Empty,
    /// Packed; the name of the format.
    Packed(&'static str),
    /// Several files in one; the name of the format.
    Archive(&'static str),
    /// UTF-16 or UTF-32.
    Wide,
    /// Another known kind of file; its name.
    Other(&'static str),
    /// Bytes that are no text.
    Binary,
    /// Text in which no format shows.
    Unknown,
}

impl fmt::Display for NotLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is nothing in it yet"),
            Self::Packed(name) => write!(f, "it is packed with {name}; unpack it first"),
            Self::Archive(name) => write!(f, "it is a {name} archive; take the files out of it first"),
            Self::Wide => {
                f.write_str("it is UTF-16 or UTF-32; convert it to UTF-8, such as with `iconv -t UTF-8`")
            }
            Self::Other(name) => write!(f, "it is {name}, which no reader reads"),
            Self::Binary => f.write_str("it is binary and no log that is known"),
            Self::Unknown => {
                f.write_str("no format shows in it; name one, such as `csv` with a mapping, or `json-lines`")
            }
        }
    }
}

impl std::error::Error for NotLogs {}

/// Beginnings that only one kind of file has.
const MAGIC: [(&[u8], NotLogs); 17] = [
    (b"\x1f\x8b", NotLogs::Packed("gzip")),
    (b"\x28\xb5\x2f\xfd", NotLogs::Packed("zstd")),
    (b"BZh", NotLogs::Packed("bzip2")),
    (b"\xfd7zXZ\0", NotLogs::Packed("xz")),
    (b"\x04\x22\x4d\x18", NotLogs::Packed("lz4")),
    (b"PK\x03\x04", NotLogs::Archive("ZIP")),
    (b"PK\x05\x06", NotLogs::Archive("ZIP")),
    (b"7z\xbc\xaf\x27\x1c", NotLogs::Archive("7z")),
    (b"Rar!\x1a\x07", NotLogs::Archive("RAR")),
    (b"\xff\xfe", NotLogs::Wide),
    (b"\xfe\xff", NotLogs::Wide),
    (b"PAR1", NotLogs::Other("a Parquet file")),
    (b"\xd4\xc3\xb2\xa1", NotLogs::Other("a packet capture")),
    (b"\xa1\xb2\xc3\xd4", NotLogs::Other("a packet capture")),
    (b"\x0a\x0d\x0d\x0a", NotLogs::Other("a packet capture")),
    (b"SQLite format 3\0", NotLogs::Other("a SQLite database")),
    (b"%PDF-", NotLogs::Other("a PDF document")),
];

/// What a stream is, by its first bytes and its name. More than [`HEAD`] bytes are not looked at; the name may be empty.
///
/// # Errors
/// What it is instead, or [`NotLogs::Unknown`].
pub fn detect(head: &[u8], name: &str) -> Result<Detected, NotLogs> {
    let whole = head.len() < HEAD;
    let head = head.get(..HEAD).unwrap_or(head);
    let found = |format, framing| Detected { format, framing, stream: stream_of(name) };
    if head.starts_with(b"ElfFile\0") {
        return Ok(found(Format::Evtx, Framing::Documents));
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(*what);
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let text = text.get(text.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    if text.trim_ascii().is_empty() {
        return Err(NotLogs::Empty);
    }
    if let Some(what) = not_text(text) {
        return Err(what);
    }
    if text.trim_ascii_start().starts_with(b"<?xml") || text.trim_ascii_start().starts_with(b"<Event") {
        return Err(NotLogs::Other("XML; export it as JSON"));
    }
    if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") {
        let framing = if lines_of_json(text, whole) { Framing::Lines } else { Framing::Documents };
        let format = elect(text, framing, whole).or_else(|| by_words(text));
        return Ok(found(format.unwrap_or(Format::JsonLines), framing));
    }
    match elect(text, Framing::Lines, whole) {
        // `evtx_dump` writes a line above each document.
        Some(Format::WindowsJson) | None if text.starts_with(b"Record ") => {
            let format = elect(text, Framing::Documents, whole).unwrap_or(Format::WindowsJson);
            Ok(found(format, Framing::Documents))
        }
        Some(format) => Ok(found(format, Framing::Lines)),
        None if has_ending(name, "csv") || looks_like_table(&String::from_utf8_lossy(text)) => {
            Ok(found(Format::Csv, Framing::Lines))
        }
        None => Err(NotLogs::Unknown),
    }
}

/// The format that most of the first records show, if at least half of them show one.
fn elect(text: &[u8], framing: Framing, whole: bool) -> Option<Format> {
    let mut votes = BTreeMap::<Format, usize>::new();
    let (mut voters, mut asked) = (0_usize, 0_usize);
    let mut tape = Tape::new();
    let mut each = |frame: Frame<'_>| {
        if let Frame::Whole { bytes, .. } = frame
            && asked < VOTERS
        {
            asked += 1;
            match vote(&mut tape, &String::from_utf8_lossy(bytes)) {
                Vote::For(format) => {
                    voters += 1;
                    *votes.entry(format).or_default() += 1;
                }
                Vote::None => voters += 1,
                Vote::Comment => {}
            }
        }
    };
    let mut framer = Framer::new(framing, MAX_RECORD);
    framer.push(text, &mut each);
    // A record cut off by the end of the head must not vote.
    if whole {
        framer.finish(&mut each);
    }
    let all: usize = votes.values().sum();
    // Of those with as many votes the first in the order of the formats: the more special one.
    let best = votes.iter().max_by_key(|(format, count)| (**count, std::cmp::Reverse(**format)))?;
    (all * 2 >= voters).then_some(*best.0)
}

enum Vote {
    For(Format),
    None,
    /// It says nothing either way.
    Comment,
}

fn vote(tape: &mut Tape, line: &str) -> Vote {
    let line = line.trim();
    if let Some(w3c) = is_header(line) {
        return Vote::For(if w3c { Format::W3c } else { Format::ZeekTsv });
    }
    if line.is_empty() || line.starts_with('#') {
        return Vote::Comment;
    }
    if line.starts_with('{') {
        return match tape.parse(line.as_bytes(), &LIMITS) {
            Ok(root) if root.kind() == Kind::Object => Vote::For(shape_of(root)),
            _ => Vote::None,
        };
    }
    let clock = Clock { now: Timestamp::EPOCH, zone: 0 };
    let format = if line.starts_with("CEF:") {
        Format::Cef
    } else if line.starts_with("LEEF:") {
        Format::Leef
    } else if begins_audit(line) == Some(0) || (line.starts_with("node=") && begins_audit(line).is_some()) {
        Format::Auditd
    } else if looks_like_access(line) {
        Format::AccessLog
    } else {
        match begins_syslog(line, &clock) {
            Some(true) => Format::Syslog5424,
            Some(false) => Format::Syslog3164,
            None => return Vote::None,
        }
    };
    Vote::For(format)
}

/// Whether JSON stands one object on each line: most lines are whole objects that wrap no records.
fn lines_of_json(text: &[u8], whole: bool) -> bool {
    let mut tape = Tape::new();
    let (mut objects, mut others) = (0_usize, 0_usize);
    let mut framer = Framer::new(Framing::Lines, MAX_RECORD);
    let mut each = |frame: Frame<'_>| {
        let Frame::Whole { bytes, .. } = frame else { return };
        if objects + others >= VOTERS {
            return;
        }
        let object = tape.parse(bytes, &LIMITS).ok().filter(|root| root.kind() == Kind::Object);
        let wraps = |root: json::Value<'_>| {
            ["Records", "records"].iter().any(|name| root.get(name).is_some_and(|all| all.at(0).is_some()))
        };
        match object {
            Some(root) if !wraps(root) => objects += 1,
            _ => others += 1,
        }
    };
    framer.push(text, &mut each);
    if whole {
        framer.finish(&mut each);
    }
    objects > others
}

/// For documents longer than the head: members that only one format has.
fn by_words(text: &[u8]) -> Option<Format> {
    let has = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    if has("\"Event\"") && has("\"System\"") {
        Some(Format::WindowsJson)
    } else if has("\"Records\"") && has("\"eventVersion\"") {
        Some(Format::CloudTrail)
    } else {
        None
    }
}

/// What bytes are that are no text: every second one zero is UTF-16, many zeros or other controls are no log.
fn not_text(text: &[u8]) -> Option<NotLogs> {
    let sample = text.get(..4096).unwrap_or(text);
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    let half = sample.len() / 2;
    if half >= 4 && (zeros(0) * 10 > half * 8 || zeros(1) * 10 > half * 8) {
        return Some(NotLogs::Wide);
    }
    let strange = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x1b | 0x1d | 0x1e);
    let controls = sample.iter().filter(strange).count();
    let broken: usize = sample.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    ((controls + broken) * 10 > sample.len()).then_some(NotLogs::Binary)
}

/// Zeek's stream of a file's name: `conn` of `conn.log`, of `conn.10:00:00-11:00:00.log.gz` and of `sensor_conn.log`.
fn stream_of(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next()?;
    if !file.contains(".log") {
        return None;
    }
    let stem = file.split('.').next().filter(|stem| !stem.is_empty())?.to_ascii_lowercase();
    let known = crate::class::zeek_streams().filter(|own| {
        stem.strip_suffix(*own).is_some_and(|before| before.is_empty() || before.ends_with(['_', '-']))
    });
    // `smb_files` ends like `files`.
    known.max_by_key(|own| own.len()).map(str::to_owned)
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.rsplit('.').any(|part| part.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_by_name() {
        let check = |name: &str| stream_of(name);
        assert_eq!(check("conn.log").as_deref(), Some("conn"));
        assert_eq!(check("/var/log/SCRANTON_smb_files.log").as_deref(), Some("smb_files"));
        assert_eq!(check("conn.10:00:00-11:00:00.log.gz").as_deref(), Some("conn"));
        assert_eq!(check("auth.log"), None);
        assert_eq!(check("conn.json"), None);
    }

    #[test]
    fn formats_by_name() {
        for format in Format::ALL.iter().copied() {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert!("xml".parse::<Format>().is_err());
    }
}
