//! `shieldwall pattern`: checking and running patterns without a node.

use std::io::Read;
use std::path::PathBuf;

use json::{Limits, Tape, Value};
use serde_json::json;
use stix_pattern::{Matcher, Observations, Pattern as Parsed, PatternError};

use super::{Outcome, read_file};
use crate::cli::Pattern;
use crate::exit::{Exit, Failure};
use crate::output;

/// Steps an evaluation may take before it is given up.
const BUDGET: u64 = 50_000_000;

pub fn run(command: &Pattern, json: bool) -> Outcome {
    match command {
        Pattern::Check { pattern } => check(pattern.as_deref(), json),
        Pattern::Match { pattern, bundles } => matching(pattern, bundles, json),
    }
}

fn check(given: Option<&str>, as_json: bool) -> Outcome {
    let bytes = match given {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().take(1 << 20).read_to_end(&mut bytes);
            read.map_err(|error| Failure::new(format!("standard input cannot be read: {error}")))?;
            bytes.trim_ascii().to_vec()
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let checked = match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text).map(drop),
        Err(error) => {
            let start = error.valid_up_to();
            let end = start + error.error_len().unwrap_or(1);
            Err(vec![PatternError { start, end, message: "not valid UTF-8".to_owned() }])
        }
    };
    let (exit, errors) = match checked {
        Ok(()) => (Exit::Well, Vec::new()),
        Err(errors) => (Exit::Findings, errors),
    };
    if as_json {
        output::line(&json!({"valid": errors.is_empty(), "errors": errors_json(&errors)}));
    } else if errors.is_empty() {
        output::text("valid");
    } else {
        show(&text, &errors);
    }
    Ok(exit)
}

fn parse(text: &str) -> Result<Parsed, Vec<PatternError>> {
    stix_pattern::parse(text, &stix_pattern::Limits::default())
}

fn errors_json(errors: &[PatternError]) -> Vec<serde_json::Value> {
    errors.iter().map(|e| json!({"start": e.start, "end": e.end, "message": e.message})).collect()
}

/// Prints the pattern with a mark below each error.
fn show(text: &str, errors: &[PatternError]) {
    for error in errors {
        let chars = |end: usize| text.get(..end.min(text.len())).unwrap_or(text).chars().count();
        let (start, end) = (chars(error.start), chars(error.end).max(chars(error.start) + 1));
        output::text(text);
        output::text(&format!("{}{} {}", " ".repeat(start), "^".repeat(end - start), error.message));
    }
}

fn matching(pattern: &str, bundles: &[PathBuf], as_json: bool) -> Outcome {
    let parsed = match parse(pattern) {
        Ok(parsed) => parsed,
        Err(errors) => {
            if as_json {
                output::line(&json!({"valid": false, "errors": errors_json(&errors)}));
            } else {
                show(pattern, &errors);
            }
            return Ok(Exit::Findings);
        }
    };
    let files = bundles.iter().map(|path| read_file(path)).collect::<Result<Vec<_>, _>>()?;
    let mut tapes: Vec<Tape> = files.iter().map(|_| Tape::new()).collect();
    let mut objects: Vec<Value<'_>> = Vec::new();
    for ((bytes, tape), path) in files.iter().zip(&mut tapes).zip(bundles) {
        let document = tape
            .parse(bytes, &Limits::DOCUMENT)
            .map_err(|error| Failure::refused(format!("`{}`: {error}", path.display())))?;
        match document.get("objects") {
            Some(list) if document.get("type").is_none_or(|kind| kind.is("bundle")) => {
                objects.extend(list.items())
            }
            _ if document.items().next().is_some() => objects.extend(document.items()),
            _ => objects.push(document),
        }
    }
    let observations = Observations::from_objects(objects.iter().copied());
    let matcher = Matcher::new(&parsed).map_err(|error| Failure::refused(error.to_string()))?;
    let binding =
        matcher.first_match(&observations, BUDGET).map_err(|error| Failure::refused(error.to_string()))?;
    let matched = binding.is_some();
    let ids: Vec<&str> = binding.iter().flatten().map(|index| observations.id(*index)).collect();
    if as_json {
        output::line(&json!({"matched": matched, "observations": ids}));
    } else if matched {
        output::text("matched");
        ids.iter().for_each(|id| output::text(&format!("  {id}")));
    } else {
        output::text("not matched");
    }
    Ok(Exit::Well)
}
