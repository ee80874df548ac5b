//! `shieldwall detect`: rules against logs without a node.

mod found;
mod indicators;
mod input;
mod report;
pub(super) mod rules;
mod scan;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use detect::{Card, CardId, Kind, Loader, Sigma, State};
use logs::Format;
use model::Timestamp;
use ports::logs::Converter;
use serde_json::json;

use super::Outcome;
use super::alerts::cut;
use super::import::gather;
use crate::cli::detect::{Detect, ScanLogs};
use crate::exit::Failure;
use crate::output;
use indicators::{Indicators, Standards};
use input::Input;
use scan::Scan;

/// The longest reason that is shown to people, in characters.
const REASON: usize = 200;

pub fn run(command: &Detect, json: bool) -> Outcome {
    match command {
        Detect::Scan(options) => scan(options, json),
        Detect::Rules(_) | Detect::Coverage { .. } => Err(Failure::new("this command calls a node")),
    }
}

fn scan(options: &ScanLogs, json: bool) -> Outcome {
    let begun = Instant::now();
    let mut loader = Loader::new();
    load(&options.rules, &mut loader)?;
    let by = Standards {
        now: now(),
        min_confidence: options.min_confidence,
        warnings: indicators::warnings(&options.warning_lists)?,
    };
    let sought = indicators::read_any(&options.indicators, &by, &mut loader)?;
    let notes = loader.notes().clone();
    let sigma = Arc::new(loader.finish());
    sigma.warm();
    let loaded = begun.elapsed().as_secs_f64();
    if options.states {
        show_states(&sigma, &notes, json);
    }
    let silent = silent(&sigma, &sought)?;
    let mut scan = Scan::new(sigma, sought, options, json);
    scan.silent = silent;
    scan.notes = notes;
    let evtx = crate::evtx::reader()?;
    let begun = Instant::now();
    // Event log files that follow each other: while one is matched, the next one is read.
    let mut event_logs = Vec::new();
    for path in gather(&options.logs)? {
        let input = Input::of(path);
        let suits = |head: &[u8]| match options.format {
            None => evtx.suits(head, &input.plain_name()),
            Some(format) => format == Format::Evtx,
        };
        if let Some(path) = input.path_if(suits) {
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

/// What is odd about rules that can be used all the same.
type Notes = BTreeMap<CardId, Vec<String>>;

/// Whether a rule is asked about events. Filters only narrow others.
fn speaks(card: &Card) -> bool {
    matches!(card.kind, Kind::Detection | Kind::Correlation) && card.state == State::Active
}

/// What was named and cannot be looked for, where something else can.
///
/// # Errors
/// When there is nothing at all to look for: a scan that finds nothing then says nothing about the logs.
fn silent(sigma: &Sigma, sought: &Indicators) -> Result<Option<String>, Failure> {
    let cards = sigma.cards();
    let able = cards.iter().any(speaks);
    let rules = (!cards.is_empty() && !able).then(|| {
        let first = cards.iter().find(|card| card.state != State::Active);
        let example = first.map_or_else(String::new, |card| {
            format!(", such as {} ({}): {}", card.title, card.state.as_str(), card.state.reason())
        });
        format!("none of {} rules can be used{}", cards.len(), cut(&example, REASON))
    });
    let left_out: u64 = sought.left_out.values().sum();
    let reasons = sought.reasons();
    let indicators = (sought.any() && sought.named.is_empty()).then(|| {
        let example =
            sought.first.first().map_or_else(String::new, |(title, why)| format!(", such as {title}: {why}"));
        let refused = sought.refused;
        let example = cut(&example, REASON);
        format!(
            "none of {} indicators is looked for: {refused} refused, {left_out} left out{reasons}{example}",
            refused + left_out
        )
    });
    let why: Vec<String> = rules.into_iter().chain(indicators).collect();
    let why = (!why.is_empty()).then(|| why.join("; "));
    if able || !sought.named.is_empty() {
        return Ok(why);
    }
    let why = why.unwrap_or_else(|| "there is no rule and no indicator".to_owned());
    let failure = Failure::new(format!("there is nothing to look for: {}", output::inline(&why)));
    Err(if !cards.is_empty() {
        failure.hint("`--states` lists each rule with its reason")
    } else if sought.left_out.contains_key(indicators::UNSURE) {
        failure.hint("a lower --min-confidence leaves out fewer")
    } else if sought.refused > 0 {
        failure.hint("write one address, network, name, URL or hash on each line, or name a STIX 2.1 bundle")
    } else {
        failure
    })
}

fn show_states(sigma: &Sigma, notes: &Notes, as_json: bool) {
    for (number, card) in (0..).zip(sigma.cards()) {
        let notes = notes.get(&CardId(number)).map(Vec::as_slice).unwrap_or_default();
        if as_json {
            output::line(&json!({"rule": {
                "rule_id": card.id,
                "title": card.title,
                "file": card.file,
                "source": card.source.to_string(),
                "state": card.state.as_str(),
                "reason": card.state.reason(),
                "notes": notes,
            }}));
            continue;
        }
        if card.state != State::Active {
            let reason = card.state.reason();
            let line = format!("{:<20} {}: {}", card.state.as_str(), card.title, cut(&reason, REASON));
            output::text(&output::inline(&line));
        }
        for note in notes {
            output::text(&output::inline(&format!("{:<20} {}: {}", "note", card.title, cut(note, REASON))));
        }
    }
}

/// The present.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_micros(since.map_or(0, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}
