//! `shieldwall detect`: rules against logs without a node.

mod found;
mod input;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use detect::{Alert, Level, Loader, Matcher, Sigma};
use logs::{Counts, Event, Frame, Framer, MAX_RECORD, Reader};
use model::Timestamp;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::import::gather;
use crate::cli::detect::Detect;
use crate::exit::{Exit, Failure};
use crate::output;
use found::Found;
use input::Input;

/// Alerts that are printed for people before the rest is only counted.
const SHOWN: usize = 200;

pub fn run(command: &Detect, json: bool) -> Outcome {
    match command {
        Detect::Scan { rules, logs, level, states } => {
            let level = level.map(Level::from);
            let begun = Instant::now();
            let sigma = Arc::new(load(rules)?);
            sigma.warm();
            let loaded = begun.elapsed().as_secs_f64();
            if *states {
                show_states(&sigma, json);
            }
            let mut scan = Scan::new(sigma, level, json);
            let begun = Instant::now();
            for path in gather(logs)? {
                scan.file(&Input::of(path));
            }
            let seconds = begun.elapsed().as_secs_f64();
            Ok(scan.end(loaded, seconds))
        }
    }
}

/// Every rule below these files and folders.
fn load(paths: &[PathBuf]) -> Result<Sigma, Failure> {
    let mut files = gather(paths)?;
    // Beside rules there are licences and guides; what is named itself is meant.
    let is_rule = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    files.retain(|file| is_rule(file) || paths.contains(file));
    if files.is_empty() {
        return Err(Failure::new("there is no rule: no file that ends in `.yml` or `.yaml`")
            .hint("name a folder of Sigma rules with --rules"));
    }
    let mut loader = Loader::new();
    for file in &files {
        let name = file.display().to_string();
        // What is no text is a rule that cannot be used, and says so.
        let bytes = super::read_file(file)?;
        loader.add(&name, &String::from_utf8_lossy(&bytes));
    }
    Ok(loader.finish())
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

/// One pass over logs.
struct Scan {
    matcher: Matcher,
    level: Option<Level>,
    json: bool,
    counts: Counts,
    bytes: u64,
    found: Found,
    /// Files in which nothing could be read, and why.
    unread: Vec<(String, String)>,
    alerts: Vec<Alert>,
}

impl Scan {
    fn new(sigma: Arc<Sigma>, level: Option<Level>, json: bool) -> Self {
        Self {
            matcher: Matcher::new(sigma),
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
            if !self.json {
                output::say(&format!("{}: {why}", input.name()));
            }
            self.unread.push((input.name(), why));
        }
    }

    fn read(&mut self, input: &Input) -> Result<(), String> {
        let mut stream = input.open().map_err(|error| format!("it cannot be read: {error}"))?;
        let mut chunk = vec![0; 1 << 20];
        let head =
            input::fill(&mut *stream, &mut chunk).map_err(|error| format!("it cannot be read: {error}"))?;
        let first = chunk.get(..head).unwrap_or_default();
        let detected = logs::detect(first, &input.plain_name()).map_err(|problem| problem.to_string())?;
        if detected.format == logs::Format::Evtx {
            return Err("Windows' own event log files are not read yet; convert it to JSON first".to_owned());
        }
        let settings = logs::Settings { stream: detected.stream, ..logs::Settings::default() };
        let mut reader = Reader::new(detected.format, settings);
        let mut framer = Framer::new(detected.framing, MAX_RECORD);
        let now = Timestamp::from_micros(
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX)),
        );
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
    }

    fn alert(&mut self, alert: &Alert, event: &Event<'_>, file: &str, record: u64) {
        let sigma = Arc::clone(self.matcher.sigma());
        let Some(card) = sigma.card(alert.rule) else { return };
        if card.level < self.level {
            return;
        }
        self.found.add(alert.rule, event.time);
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
            self.found.show(sigma);
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
                output::say(&format!(
                    "malformed ({}): {} at byte {}: {}",
                    sample.reason, sample.message, sample.offset, sample.text
                ));
            }
        }
        if self.found.total() > 0 || !self.unread.is_empty() { Exit::Findings } else { Exit::Well }
    }
}
