//! One pass over logs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use detect::{Alert, Card, Level, Matcher, Scratch, Sigma, Windows};
use evtx_child::{Evtx, EvtxError, Report, Told};
use logs::{
    ClassId, Counts, Detected, Event, Format, Frame, Framer, Framing, MAX_RECORD, Malformed, NotLogs, Reader,
    Reason, Settings,
};
use model::Timestamp;
use serde_json::{Map, Value, json};

use super::found::{Found, Which};
use super::indicators::Indicators;
use super::input::Input;
use super::{Notes, now, speaks};
use crate::cli::detect::ScanLogs;
use crate::commands::alerts::cut;
use crate::output;

/// Matches that are printed for people before the rest is only counted.
const SHOWN: usize = 200;
/// The longest value in a line for people, in characters.
const VALUE: usize = 80;

/// One pass over logs.
pub(super) struct Scan {
    pub(super) matcher: Matcher,
    pub(super) indicators: Indicators,
    windows: Windows,
    scratch: Scratch,
    level: Option<Level>,
    format: Option<Format>,
    stream: Option<String>,
    pub(super) json: bool,
    pub(super) counts: Counts,
    pub(super) bytes: u64,
    pub(super) found: Found,
    /// Files of which nothing or not all could be read, and why.
    pub(super) unread: Vec<(String, String)>,
    /// What was named and cannot be looked for.
    pub(super) silent: Option<String>,
    /// What is odd about rules.
    pub(super) notes: Notes,
    /// Classes of the events that were read.
    classes: BTreeSet<ClassId>,
    /// Files whose records are not of the format that was named, and why.
    pub(super) mistaken: Vec<(String, String)>,
    /// The present file's events, and how many of them have what all of the named format have.
    events: u64,
    marked: u64,
    alerts: Vec<Alert>,
}

impl Scan {
    pub(super) fn new(sigma: Arc<Sigma>, indicators: Indicators, options: &ScanLogs, json: bool) -> Self {
        Self {
            matcher: Matcher::new(sigma),
            indicators,
            windows: Windows::new(),
            scratch: Scratch::default(),
            level: options.level.map(Level::from),
            format: options.format,
            stream: options.stream.clone(),
            json,
            counts: Counts::default(),
            bytes: 0,
            found: Found::default(),
            unread: Vec::new(),
            silent: None,
            notes: Notes::new(),
            classes: BTreeSet::new(),
            mistaken: Vec::new(),
            events: 0,
            marked: 0,
            alerts: Vec::new(),
        }
    }

    /// Reads a file to its end. What cannot be read of it stops nothing.
    pub(super) fn file(&mut self, input: &Input) {
        if let Err(why) = self.read(input) {
            self.note(input.name(), why);
        }
    }

    /// Notes that a file was not read, or not all of it.
    fn note(&mut self, name: String, why: String) {
        if !self.json {
            output::say(&format!("{name}: {why}"));
        }
        self.unread.push((name, why));
    }

    /// Reads Windows' own event log files. What one of them does to its reader stops none of the others.
    pub(super) fn event_logs(&mut self, evtx: &Evtx, files: &[PathBuf]) {
        if files.is_empty() {
            return;
        }
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let mut reader = Reader::new(Format::Evtx, Settings::default());
        let now = now();
        let (mut record, mut offset) = (0, 0);
        evtx.convert_all(files, &mut |at, told| {
            let name = names.get(at).map_or("", String::as_str);
            match told {
                Told::Record(bytes) => {
                    record += 1;
                    self.frame(Frame::Whole { offset, bytes }, &mut reader, name, record, now);
                    offset += bytes.len() as u64;
                }
                Told::End(end) => {
                    (record, offset) = (0, 0);
                    self.event_log_ends(name, end);
                }
            }
        });
    }

    fn event_log_ends(&mut self, name: &str, end: Result<Report, EvtxError>) {
        let why = match end {
            Ok(report) => {
                self.bytes += report.bytes;
                for reason in &report.reasons {
                    let message = format!("{name}: {reason}");
                    self.counts.refuse(&Malformed { reason: Reason::Damaged, at: 0, message }, 0, b"");
                }
                let more = report.bad.saturating_sub(report.reasons.len() as u64);
                if more > 0 {
                    *self.counts.malformed.entry(Reason::Damaged).or_default() += more;
                }
                report.missing
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = why {
            self.note(name.to_owned(), why);
        }
    }

    fn read(&mut self, input: &Input) -> Result<(), String> {
        let mut chunks = input.open().map_err(|error| format!("it cannot be read: {error}"))?;
        let zeros = chunks.skip_zeros();
        self.bytes += zeros;
        if chunks.part().is_empty() {
            return Err(match (chunks.broken(), zeros) {
                (Some(broken), _) => broken,
                (None, 0) => NotLogs::Empty.to_string(),
                (None, zeros) => format!(
                    "it holds {zeros} bytes of zeros and nothing else: it was set aside and never written, or a crash \
                     took what was in it; copy it again from where it came from"
                ),
            });
        }
        let (detected, other) = self.detected(chunks.part(), input).map_err(|why| match chunks.broken() {
            Some(broken) => format!("{why}; {broken}"),
            None => why,
        })?;
        let stream = detected.stream.or_else(|| self.stream.clone());
        let mut reader = Reader::new(detected.format, Settings { stream, ..Settings::default() });
        let mut framer = Framer::new(detected.framing, MAX_RECORD).at(zeros);
        let now = now();
        let (name, mut record) = (input.name(), 0);
        (self.events, self.marked) = (0, 0);
        while !chunks.part().is_empty() {
            self.bytes += chunks.part().len() as u64;
            framer.push(chunks.part(), &mut |frame| {
                record += 1;
                self.frame(frame, &mut reader, &name, record, now);
            });
            chunks.advance();
        }
        framer.finish(&mut |frame| {
            record += 1;
            self.frame(frame, &mut reader, &name, record, now);
        });
        self.mistake(name, other);
        chunks.broken().map_or(Ok(()), Err)
    }

    /// Notes that a file's records are not of the format that was named.
    fn mistake(&mut self, name: String, other: Option<Format>) {
        let Some(named) = self.format.filter(|_| self.events > 0) else { return };
        let why = match other {
            Some(other) => {
                format!("it is read as {}, and its first records are {}", named.as_str(), other.as_str())
            }
            None if named == Format::EveJson && self.marked == 0 => {
                format!(
                    "it is read as {}, and none of its {} records has `event_type`",
                    named.as_str(),
                    self.events
                )
            }
            None => return,
        };
        if !self.json {
            output::say(&output::inline(&format!("{name}: {why}; leave out --format")));
        }
        self.mistaken.push((name, why));
    }

    /// Active rules that may give an alert here, and how many of them were asked about no event. What counts on other rules
    /// looks at their events.
    pub(super) fn hungry(&self) -> (usize, usize) {
        let asked = |card: &&Card| speaks(card) && card.level >= self.level && !card.classes.is_empty();
        let rules: Vec<&Card> = self.matcher.sigma().cards().iter().filter(asked).collect();
        let is_hungry = |card: &&&Card| !card.classes.iter().any(|class| self.classes.contains(class));
        (rules.iter().filter(is_hungry).count(), rules.len())
    }

    /// Active rules that state no level, where a level is asked for.
    pub(super) fn without_level(&self) -> usize {
        let cards = self.matcher.sigma().cards().iter();
        if self.level.is_none() {
            0
        } else {
            cards.filter(|card| speaks(card) && card.level.is_none()).count()
        }
    }

    /// What an input's records are, by its beginning or because it was said; and what they seem to be, if that is plain and
    /// something else was said.
    fn detected(&self, head: &[u8], input: &Input) -> Result<(Detected, Option<Format>), String> {
        let found = logs::detect(head, &input.plain_name());
        let seems = found.as_ref().ok().map(|found| found.format);
        // Whoever names JSON lines wants no format's own members.
        let other = seems.filter(|seems| {
            is_telling(*seems)
                && self.format.is_some_and(|named| named != *seems && named != Format::JsonLines)
        });
        let detected = match (self.format, found) {
            (None, found) => found.map_err(|problem| problem.to_string())?,
            (Some(format), Ok(found)) if is_json(format) == is_json(found.format) => {
                Detected { format, ..found }
            }
            (Some(format), Ok(found)) => Detected { format, framing: Framing::Lines, stream: found.stream },
            (Some(format), Err(NotLogs::Empty | NotLogs::Binary | NotLogs::Unknown)) => {
                Detected { format, framing: Framing::Lines, stream: None }
            }
            // Whatever it is said to be, it has to be made readable first.
            (Some(_), Err(problem)) => return Err(problem.to_string()),
        };
        if detected.format == Format::Evtx {
            return Err(
                "it is to be read as an event log of Windows, which must be a file that is not packed and \
                        not a pipe; unpack it and name the file"
                    .to_owned(),
            );
        }
        Ok((detected, other))
    }

    fn frame(&mut self, frame: Frame<'_>, reader: &mut Reader, file: &str, record: u64, now: Timestamp) {
        let (offset, bytes) = match frame {
            Frame::Whole { offset, bytes } => (offset, bytes),
            Frame::TooLong { offset, length, head } => return self.counts.too_long(offset, length, head),
        };
        let event = match reader.read(bytes, now) {
            Ok(Some(event)) => event,
            Ok(None) => return self.counts.skip(),
            Err(malformed) => return self.counts.refuse(&malformed, offset, bytes),
        };
        self.counts.read(event.repaired);
        self.found.next_event();
        self.classes.insert(event.class);
        self.events += 1;
        if self.format == Some(Format::EveJson) && event.field("event_type").is_some() {
            self.marked += 1;
        }
        let mut alerts = std::mem::take(&mut self.alerts);
        self.matcher.run(&event, &mut alerts);
        for alert in alerts.drain(..) {
            self.alert(&alert, &event, file, record);
        }
        self.alerts = alerts;
        self.look(&event, file, record, now);
    }

    /// Asks about indicators.
    fn look(&mut self, event: &Event<'_>, file: &str, record: u64, now: Timestamp) {
        let at = event.time.unwrap_or(now);
        let mut hits = Vec::new();
        self.indicators.index.look(event, at, &mut self.scratch, &mut |hit| {
            hits.push((hit.subject, hit.field.to_owned(), hit.value.to_owned()));
        });
        self.indicators.patterns.run(&mut self.windows, event, at, &mut |subject| {
            hits.push((subject, String::new(), String::new()));
        });
        for (subject, field, value) in hits {
            let Some(named) = self.indicators.named(subject) else { continue };
            let level = named.level();
            if Some(level) < self.level {
                continue;
            }
            self.found.add(Which::Indicator(subject), event.time);
            let time = event.time.map(|time| time.to_string());
            if self.json {
                let fields: Map<String, Value> = (!field.is_empty())
                    .then(|| (field.clone(), Value::String(value.clone())))
                    .into_iter()
                    .collect();
                output::line(&json!({
                    "rule_id": named.id,
                    "title": named.title,
                    "level": level.as_str(),
                    "confidence": named.confidence,
                    "file": file,
                    "record": record,
                    "time": time,
                    "count": 1,
                    "fields": fields,
                }));
            } else if self.found.matches() <= SHOWN as u64 {
                let (time, level) = (time.as_deref().unwrap_or("-"), level.as_str());
                let told = if field.is_empty() {
                    String::new()
                } else {
                    format!("  {field} = {}", cut(&value, VALUE))
                };
                let line = format!("{time:<27} {level:<13} {}{told}  ({file}:{record})", named.title);
                output::text(&output::inline(&line));
            }
        }
    }

    fn alert(&mut self, alert: &Alert, event: &Event<'_>, file: &str, record: u64) {
        let sigma = Arc::clone(self.matcher.sigma());
        let Some(card) = sigma.card(alert.rule) else { return };
        if card.level < self.level {
            return;
        }
        self.found.add(Which::Rule(alert.rule), event.time);
        if self.json {
            let mut fields = Map::new();
            for one in &alert.evidence {
                fields.insert(one.field.clone(), Value::String(one.value.clone()));
            }
            output::line(&json!({
                "rule_id": card.id,
                "title": card.title,
                "level": card.level.map(Level::as_str),
                "file": file,
                "record": record,
                "time": event.time.map(|time| time.to_string()),
                "count": alert.count,
                "fields": fields,
            }));
        } else if self.found.matches() <= SHOWN as u64 {
            let level = card.level.map_or("-", Level::as_str);
            let time = event.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            let told = alert
                .evidence
                .first()
                .map_or_else(String::new, |one| format!("  {} = {}", one.field, cut(&one.value, VALUE)));
            let line = format!("{time:<27} {level:<13} {}{told}  ({file}:{record})", card.title);
            output::text(&output::inline(&line));
        }
    }
}

/// Whether records of a format are told from all others by their members.
const fn is_telling(format: Format) -> bool {
    matches!(format, Format::EveJson | Format::ZeekJson | Format::WindowsJson | Format::CloudTrail)
}

/// Whether records of a format are JSON, which may stand on several lines.
const fn is_json(format: Format) -> bool {
    matches!(
        format,
        Format::EveJson | Format::ZeekJson | Format::WindowsJson | Format::CloudTrail | Format::JsonLines
    )
}
