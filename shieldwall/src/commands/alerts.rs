//! What matched.

use std::borrow::Cow;

use ::detect::Level;
use serde_json::{Value, json};

use super::Outcome;
use super::admin::done;
use super::lifecycle::plain;
use crate::cli::logs::{AlertCommand, AlertList, Alerts};
use crate::client::{Client, encode};
use crate::exit::Exit;
use crate::output;

pub async fn alerts(client: &Client, command: &Alerts, as_json: bool) -> Outcome {
    match &command.command {
        None => list(client, &command.list, as_json).await,
        Some(AlertCommand::List(asked)) => list(client, asked, as_json).await,
        Some(AlertCommand::Show { number, .. }) => {
            show(&client.get(&format!("/api/v1/alerts/{number}")).await?, as_json)
        }
        Some(AlertCommand::Close { number, reason, .. }) => {
            let path = format!("/api/v1/alerts/{number}/close");
            let answer = client.post(&path, &json!({"reason": reason})).await?;
            done(&answer, &format!("{number}: closed"), as_json)
        }
    }
}

async fn list(client: &Client, asked: &AlertList, as_json: bool) -> Outcome {
    let mut path = format!("/api/v1/alerts?closed={}&limit={}", asked.all, asked.limit);
    let level = asked.level.map(|level| Level::from(level).as_str().to_owned());
    let before = asked.before.map(|number| number.to_string());
    let filters = [
        ("level", &level),
        ("rule", &asked.rule),
        ("object", &asked.object),
        ("since", &asked.since),
        ("before", &before),
    ];
    for (name, value) in filters {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", encode(value)));
        }
    }
    let answer = client.get(&path).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let found = answer.get("alerts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if found.is_empty() {
        output::say("nothing has matched");
        return Ok(Exit::Well);
    }
    let rows: Vec<_> = found.iter().map(row).collect();
    output::table(&["number", "latest", "level", "what", "events", "source", "machine", "value", ""], &rows);
    Ok(Exit::Well)
}

/// The longest title and the longest value in a listing, in characters.
const TITLE: usize = 100;
const VALUE: usize = 60;

/// A text that has at most so many characters, the last of them `…` where some were cut off.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    if text.char_indices().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(most.saturating_sub(1)).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default().trim_end()))
}

fn row(alert: &Value) -> Vec<String> {
    let part = |pointer: &str| alert.pointer(pointer).map(plain).unwrap_or_default();
    let closed = alert.get("closed").map(|_| "closed");
    let past = (alert.get("past").and_then(Value::as_bool) == Some(true)).then_some("in the past");
    vec![
        part("/number"),
        part("/last"),
        part("/level"),
        cut(&part("/title"), TITLE).into_owned(),
        part("/count"),
        part("/source"),
        part("/detail/device"),
        cut(&part("/detail/evidence/0/value"), VALUE).into_owned(),
        closed.or(past).unwrap_or_default().to_owned(),
    ]
}

fn show(alert: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(alert);
        return Ok(Exit::Well);
    }
    let part = |pointer: &str| alert.pointer(pointer).map(plain).unwrap_or_default();
    for (label, pointer) in [
        ("what", "/title"),
        ("level", "/level"),
        ("rule", "/rule"),
        ("object", "/object"),
        ("events", "/count"),
        ("earliest", "/first"),
        ("latest", "/last"),
        ("log source", "/source"),
        ("file", "/detail/part"),
        ("at byte", "/detail/offset"),
        ("kind of event", "/detail/class"),
        ("machine", "/detail/device"),
        ("why", "/detail/explanation"),
        ("raised", "/raised"),
    ] {
        let value = part(pointer);
        if !value.is_empty() {
            output::text(&format!("{label}: {value}"));
        }
    }
    if part("/past") == "true" {
        output::text("found in what had been kept before it was looked for");
    }
    output::text(&format!("may be looked for: {}", allowed(alert.get("allowed").unwrap_or(&Value::Null))));
    for one in alert.pointer("/detail/evidence").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
        output::text(&format!("  {} = {}", part("field"), part("value")));
    }
    let record = part("/detail/record");
    if !record.is_empty() {
        output::text(&format!("record: {record}"));
    }
    if alert.get("closed").is_some() {
        let (at, by, reason) = (part("/closed/at"), part("/closed/by"), part("/closed/reason"));
        output::text(&format!("closed {at} by {by}: {reason}"));
    }
    Ok(Exit::Well)
}

/// Why something may be looked for here.
fn allowed(allowed: &Value) -> String {
    let part = |name: &str| allowed.get(name).map(plain).unwrap_or_default();
    match part("by").as_str() {
        "own" => "it is our own".to_owned(),
        "source" => "a source gave it, and nothing it says forbids it".to_owned(),
        "agreement" => format!(
            "clause {} of agreement {} permits it",
            part("clause"),
            super::agreements::short(&part("agreement"))
        ),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("four words or more", 6), "four…");
        // By characters, of which each may have several bytes.
        assert_eq!(cut("Größenänderung", 6), "Größe…");
        assert_eq!(cut("ééé", 3), "ééé");
        assert_eq!(cut("ééé", 1), "…");
    }
}
