//! Approving exact bytes with an officer's key file, after saying what they are.

use std::path::Path;

use keys::posts::Approval;
use serde_json::{Value, json};

use super::agreements::short;
use super::keys::open_key;
use super::lifecycle::plain;
use super::{Outcome, read_file, write_out};
use crate::cli::trust::Opener;
use crate::exit::{Exit, Failure};
use crate::output;

/// Approves exact bytes with a key file. Says what is signed before the key is opened.
pub fn approve(
    file: &Path,
    officer: &Path,
    output: Option<&Path>,
    opener: &Opener,
    as_json: bool,
) -> Outcome {
    let bytes = read_file(file)?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let what = described(bytes).ok_or_else(|| {
        Failure::refused(format!("`{}` holds nothing that officers approve; nothing was signed", file.display())).hint(
            "the bytes are written by `shieldwall agreement approval`, `release new`, and by --bytes of `break-glass` and `orcon`",
        )
    })?;
    output::say(&format!("to be approved: {what}"));
    let approval = Approval::sign(&open_key(officer, opener)?, bytes);
    let written = output.map(|path| path.display().to_string());
    if output.is_some() || !as_json {
        write_out(&format!("{}\n", approval.to_text()), output)?;
    }
    if as_json {
        let by = approval.by.to_string();
        output::line(&json!({"approved": what, "by": by, "approval": approval.to_text(), "file": written}));
    } else if let Some(written) = written {
        output::text(&format!(
            "approved by key {}; hand in {written} with --approval",
            short(&approval.by.to_string())
        ));
    }
    Ok(Exit::Well)
}

/// A lease: what is blocked, where, until when, what for.
fn lease(text: &Value) -> Option<String> {
    let part = |name: &str| text.get(name).map(plain);
    let items = text.get("items")?.as_array()?;
    let first: Vec<_> = items.iter().take(5).filter_map(|item| item.get("value").map(plain)).collect();
    let places: Vec<_> = text.get("actuators")?.as_array()?.iter().map(plain).collect();
    Some(format!(
        "revision {} of lease {}: {} items blocked ({}{}) at {} until {}, for {}, proposed by {}",
        part("revision")?,
        short(&part("lease")?),
        items.len(),
        first.join(", "),
        if items.len() > 5 { ", …" } else { "" },
        places.join(", "),
        part("until")?,
        part("purpose")?,
        part("by")?
    ))
}

/// What the bytes are, whose, and under which agreement or release; `None` for any other bytes.
fn described(bytes: &[u8]) -> Option<String> {
    let text: Value = serde_json::from_slice(bytes).ok()?;
    let part = |name: &str| text.get(name).map(plain).filter(|value| !value.is_empty());
    let id = |name: &str| part(name).map(|id| short(&id).to_owned());
    if part("format").as_deref() == Some("shieldwall-lease-statement/1") {
        return lease(&text);
    }
    let party = id("party")?;
    Some(match part("type")?.as_str() {
        "agreement-approval" => {
            let of =
                id("agreement").map_or_else(|| "a new agreement".to_owned(), |id| format!("agreement {id}"));
            match part("act")?.as_str() {
                "agree" => format!("{} of {of}, for party {party}", terms(text.pointer("/proposal/terms")?)?),
                "join" => {
                    format!("joining {of} by {}, for party {party}", terms(text.pointer("/proposal/terms")?)?)
                }
                "resume" => format!("resuming {of}, for party {party}"),
                "admit" => format!("membership {} of {of}, for party {party}", id("membership")?),
                _ => return None,
            }
        }
        "agreement-decision-approval" => {
            let of = format!("under agreement {}, for party {party}, of {}", id("agreement")?, part("at")?);
            let why = part("reason").unwrap_or_default();
            match part("kind")?.as_str() {
                "emergency" => format!("an emergency {of}: {why}"),
                "emergency-report" => {
                    format!("the report on emergency {} {of}: {}: {why}", id("of")?, part("outcome")?)
                }
                "release-answer" => {
                    let granted = text.get("granted").and_then(Value::as_bool)?;
                    let word = if granted { "a yes" } else { "a no" };
                    format!("{word} to request {} {of}: {why}", id("request")?)
                }
                _ => return None,
            }
        }
        "consumer-release-approval" => release(&text, &party)?,
        _ => return None,
    })
}

/// A release: to whom, of what, up to which ceiling, what becomes of personal data, what for, and how long.
fn release(text: &Value, party: &str) -> Option<String> {
    let part = |name: &str| text.get(name).map(plain).filter(|value| !value.is_empty());
    let collections: Vec<_> = text.get("collections")?.as_array()?.iter().map(plain).collect();
    let types = text.get("types")?;
    let types = match types.as_array() {
        Some(types) => format!("types {}", types.iter().map(plain).collect::<Vec<_>>().join(", ")),
        None => format!("{} type", plain(types)),
    };
    let personal = match part("personal")?.as_str() {
        "refuse" => "no personal data (objects that hold any stay here)".to_owned(),
        "redact" => "no personal data (it is taken out)".to_owned(),
        other => format!("personal data: {other}"),
    };
    Some(format!(
        "a release to client `{}` of collections {}, {types}, up to TLP {}, {personal}, for {}, from {} until {}, for party {party}",
        part("client")?,
        collections.join(", "),
        part("ceiling")?,
        part("purpose")?,
        part("valid_from")?,
        part("expires")?
    ))
}

/// A text: its name, number, sides, time, and the hash of the file it was read from.
fn terms(terms: &Value) -> Option<String> {
    let part = |name: &str| terms.get(name).map(plain);
    let sides: Vec<_> =
        terms.get("parties")?.as_array()?.iter().filter_map(|party| party.get("name")).map(plain).collect();
    Some(format!(
        "version {} of `{}` between {}, {} to {}, {} clauses, SHA-256 of the text {},",
        part("version")?,
        part("name")?,
        sides.join(", "),
        part("start")?,
        part("expiry")?,
        terms.get("clauses")?.as_array()?.len(),
        part("document")?
    ))
}
