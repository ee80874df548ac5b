//! `shieldwall detect`: rules against logs without a node.

mod found;
mod indicators;
mod input;
pub(super) mod rules;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use detect::{Alert, Level, Loader, Matcher, Scratch, Sigma, Windows};
use evtx_child::{Evtx, EvtxError, Report, Told};
use logs::{Counts, Event, Format, Frame, Framer, MAX_RECORD, Malformed, Reader, Reason, Settings};
use model::Timestamp;
use ports::logs::Converter;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::import::gather;
use crate::cli::detect::Detect;
use crate::exit::{Exit, Failure};
use crate::output;
use found::{Found, Which};
use indicators::Indicators;
use input::Input;

/// How bad a match of an indicator is.
const INDICATOR: Level = Level::High;
/// Alerts that are printed for people before the rest is only counted.
const SHOWN: usize = 200;

pub fn run(command: &Detect, json: bool) -> Outcome {
    match command {
        Detect::Scan { rules, indicators, logs, level, states } => {
            let level = level.map(Level::from);
            let begun = Instant::now();
            let mut loader = Loader::new();
            load(rules, &mut loader)?;
            let named = indicators::read_any(indicators, &mut loader)?;
            let sigma = Arc::new(loader.finish());
            sigma.warm();
            let loaded = begun.elapsed().as_secs_f64();
            if *states {
                show_states(&sigma, json);
            }
            let mut scan = Scan::new(sigma, named, level, json);
            let evtx = crate::evtx::reader()?;
            let begun = Instant::now();
            // Event log files that follow each other: while one is matched, the next one is read.
            let mut event_logs = Vec::new();
            for path in gather(logs)? {
                let input = Input::of(path);
                if let Some(path) = input.path_if(|head| evtx.suits(head, &input.plain_name())) {
                    event_logs.push(path.to_owned());
                } else {
                    scan.event_logs(&evtx, &std::mem::take(&mut event_logs));
                    scan.file(&input);
                }
            }
            scan.event_logs(&evtx, &event_logs);
            let seconds = begun.elapsed().as_secs_f64();
            Ok(scan.end(loaded, seconds))
        }
        Detect::Rules(_) | Detect::Coverage { .. } => Err(Failure::new("this command calls a node")),
    }
}

/// Every rule below these files and folders.
fn load(paths: &[PathBuf], loader: &mut Loader) -> Result<(), Failure> {
    if paths.is_empty() {
        return Ok(());
    }
    let mut files = gather(paths)?;
    // Beside rules there are licences and guides; what is named itself is meant.
    let is_rule = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    files.retain(|file| is_rule(file) || paths.contains(file));
    if files.is_empty() {
        return Err(Failure::new("there is no rule: no file that ends in `.yml` or `.yaml`")
            .hint("name a folder of Sigma rules with --rules"));
    }
    for file in &files {
        let name = file.display().to_string();
        // What is no text is a rule that cannot be used, and says so.
        let bytes = super::read_file(file)?;
        loader.add(&name, &String::from_utf8_lossy(&bytes));
    }
    Ok(())
}

fn show_states(sigma: &Sigma, as_json: bool) {
    for card in sigma.cards() {
        if as_json {
            output::line(&json!({"rule": {
                "rule_id": card.id,
                "title": card.title,
                "file": card.file,
                "source": card.source.to_string(),
                "state": card.state.as_str(),
                "reason": card.state.reason(),
            }}));
        } else if card.state != detect::State::Active {
            output::text(&format!("{:<20} {}: {}", card.state.as_str(), card.title, card.state.reason()));
        }
    }
}

/// The present.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_micros(since.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}

/// One pass over logs.
struct Scan {
    matcher: Matcher,
    indicators: Indicators,
    windows: Windows,
    scratch: Scratch,
    level: Option<Level>,
    json: bool,
    counts: Counts,
    bytes: u64,
    found: Found,
    /// Files of which nothing or not all could be read, and why.
    unread: Vec<(String, String)>,
    alerts: Vec<Alert>,
}

impl Scan {
    fn new(sigma: Arc<Sigma>, indicators: Indicators, level: Option<Level>, json: bool) -> Self {
        Self {
            matcher: Matcher::new(sigma),
            indicators,
            windows: Windows::new(),
            scratch: Scratch::default(),
            level,
            json,
            counts: Counts::default(),
            bytes: 0,
            found: Found::default(),
            unread: Vec::new(),
            alerts: Vec::new(),
        }
    }

    /// Reads a file to its end. What cannot be read of it stops nothing.
    fn file(&mut self, input: &Input) {
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
    fn event_logs(&mut self, evtx: &Evtx, files: &[PathBuf]) {
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
        let mut stream = input.open().map_err(|error| format!("it cannot be read: {error}"))?;
        let mut chunk = vec![0; 1 << 20];
        let head =
            input::fill(&mut *stream, &mut chunk).map_err(|error| format!("it cannot be read: {error}"))?;
        let first = chunk.get(..head).unwrap_or_default();
        let detected = logs::detect(first, &input.plain_name()).map_err(|problem| problem.to_string())?;
        if detected.format == Format::Evtx {
            return Err(
                "it is a packed event log of Windows, or one on standard input; unpack it and name the file"
                    .to_owned(),
            );
        }
        let settings = Settings { stream: detected.stream, ..Settings::default() };
        let mut reader = Reader::new(detected.format, settings);
        let mut framer = Framer::new(detected.framing, MAX_RECORD);
        let now = now();
        let (name, mut record, mut bytes) = (input.name(), 0, 0);
        let mut length = head;
        while length > 0 {
            let part = chunk.get(..length).unwrap_or_default();
            bytes += length as u64;
            self.bytes += length as u64;
            framer.push(part, &mut |frame| {
                record += 1;
                self.frame(frame, &mut reader, &name, record, now);
            });
            length = input::fill(&mut *stream, &mut chunk)
                .map_err(|error| format!("it broke off after {bytes} bytes: {error}"))?;
        }
        framer.finish(&mut |frame| {
            record += 1;
            self.frame(frame, &mut reader, &name, record, now);
        });
        Ok(())
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
            hits.push((hit.subject, hit.field, hit.value.to_owned()));
        });
        self.indicators.patterns.run(&mut self.windows, event, at, &mut |subject| {
            hits.push((subject, "", String::new()));
        });
        for (subject, field, value) in hits {
            self.found.add(Which::Indicator(subject), event.time);
            let name = usize::try_from(subject).ok().and_then(|at| self.indicators.names.get(at));
            let (id, title) = name.map_or((None, ""), |(id, title)| (id.as_deref(), title.as_str()));
            let fields: Map<String, Value> = (!field.is_empty())
                .then(|| (field.to_owned(), Value::String(value.clone())))
                .into_iter()
                .collect();
            if self.json {
                output::line(&json!({
                    "rule_id": id,
                    "title": title,
                    "level": INDICATOR.as_str(),
                    "file": file,
                    "record": record,
                    "time": event.time.map(|time| time.to_string()),
                    "count": 1,
                    "fields": fields,
                }));
            } else if self.found.total() <= SHOWN as u64 {
                let time = event.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
                let level = INDICATOR.as_str();
                let line = format!("{time:<27} {level:<13} {title}  {field} = {value}  ({file}:{record})");
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
        } else if self.found.total() <= SHOWN as u64 {
            let level = card.level.map_or("-", Level::as_str);
            let time = event.time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            let told = alert.evidence.first().map_or_else(String::new, |one| {
                format!("  {} = {}", one.field, one.value.chars().take(80).collect::<String>())
            });
            let line = format!("{time:<27} {level:<13} {}{told}  ({file}:{record})", card.title);
            output::text(&output::inline(&line));
        }
    }

    fn end(self, loaded: f64, seconds: f64) -> Exit {
        let sigma = self.matcher.sigma();
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        sigma.cards().iter().for_each(|card| *states.entry(card.state.as_str()).or_default() += 1);
        let events = self.counts.records;
        let rate = if seconds > 0.0 { events as f64 / seconds } else { 0.0 };
        if self.json {
            let malformed: BTreeMap<&str, u64> =
                self.counts.malformed.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
            output::line(&json!({"summary": {
                "rules": states,
                "indicators": self.indicators.names.len(),
                "indicators_refused": self.indicators.refused.len(),
                "rules_loaded_seconds": loaded,
                "events": events,
                "malformed": malformed,
                "bytes": self.bytes,
                "alerts": self.found.total(),
                "seconds": seconds,
                "events_per_second": rate.round(),
                "unread": self.unread.iter().map(|(file, why)| json!({"file": file, "why": why})).collect::<Vec<_>>(),
            }}));
        } else {
            self.found.show(|which| match which {
                Which::Rule(rule) => sigma.card(rule).map(|card| (card.level, card.title.as_str())),
                Which::Indicator(number) => {
                    let name = usize::try_from(number).ok().and_then(|at| self.indicators.names.get(at));
                    name.map(|(_, title)| (Some(INDICATOR), title.as_str()))
                }
            });
            if !self.indicators.names.is_empty() || !self.indicators.refused.is_empty() {
                output::text(&format!(
                    "indicators: {} looked for, {} refused",
                    self.indicators.names.len(),
                    self.indicators.refused.len()
                ));
            }
            for (title, why) in self.indicators.refused.iter().take(10) {
                output::say(&output::inline(&format!("{title}: {why}")));
            }
            let states: Vec<String> =
                states.iter().map(|(state, count)| format!("{count} {state}")).collect();
            output::text(&format!("rules: {} (loaded in {loaded:.1} s)", states.join(", ")));
            output::text(&format!(
                "{events} events, {} malformed, {:.1} MB in {seconds:.1} s: {rate:.0} events/s; {} alerts",
                self.counts.refused(),
                self.bytes as f64 / 1e6,
                self.found.total()
            ));
            for sample in &self.counts.samples {
                let place = match sample.reason {
                    // It is in the message, and there is no text to show.
                    Reason::Damaged => String::new(),
                    _ => format!(" at byte {}: {}", sample.offset, sample.text),
                };
                output::say(&format!("malformed ({}): {}{place}", sample.reason, sample.message));
            }
        }
        if self.found.total() > 0 || !self.unread.is_empty() { Exit::Findings } else { Exit::Well }
    }
}
