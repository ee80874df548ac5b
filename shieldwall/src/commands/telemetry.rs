//! Events that are kept for hunts.

use axum::http::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::admin::done;
use super::lifecycle::plain;
use crate::cli::logs::Telemetry;
use crate::client::{Client, encode};
use crate::exit::Exit;
use crate::output;

pub async fn telemetry(client: &Client, command: &Telemetry, as_json: bool) -> Outcome {
    match command {
        Telemetry::Status { .. } => {
            let kept = client.get("/api/v1/telemetry").await?;
            let holds = client.get("/api/v1/telemetry/holds").await?;
            status(&kept, &holds, as_json)
        }
        Telemetry::Hold { name, from, until, sources, .. } => {
            let sources = (!sources.is_empty()).then_some(sources);
            let body = json!({"name": name, "from": from, "until": until, "sources": sources});
            let answer = client.post("/api/v1/telemetry/holds", &body).await?;
            done(&answer, &format!("{name}: what it covers is kept until the hold is lifted"), as_json)
        }
        Telemetry::Release { name, .. } => {
            let path = format!("/api/v1/telemetry/holds/{}", encode(name));
            let answer = client.call(Method::DELETE, &path, None).await?;
            done(&answer, &format!("{name} is lifted"), as_json)
        }
        Telemetry::Flush { .. } => {
            let answer = client.post("/api/v1/telemetry/flush", &json!({})).await?;
            let part = |name: &str| answer.get(name).map(plain).unwrap_or_default();
            let sentence = format!("{} events written into {} files", part("events"), part("files"));
            done(&answer, &sentence, as_json)
        }
    }
}

fn status(kept: &Value, holds: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(&json!({"telemetry": kept, "holds": holds.get("holds")}));
        return Ok(Exit::Well);
    }
    let part = |name: &str| kept.get(name).map(plain).unwrap_or_default();
    output::text(&format!(
        "{} events in {} files of {} bytes; {} wait to be written",
        part("events"),
        part("files"),
        part("bytes"),
        part("waiting")
    ));
    let rows = |list: &Value, name: &str, columns: &[&str]| -> Vec<Vec<String>> {
        let items = list.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let cell = |item: &Value, column: &str| match item.get(column) {
            Some(Value::Array(names)) => names.iter().map(plain).collect::<Vec<_>>().join(", "),
            value => value.map(plain).unwrap_or_default(),
        };
        items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()).collect()
    };
    let sources = rows(kept, "sources", &["name", "events", "bytes", "oldest", "newest"]);
    if !sources.is_empty() {
        output::table(&["log source", "events", "bytes", "oldest", "newest"], &sources);
    }
    let holds = rows(holds, "holds", &["name", "from", "until", "sources"]);
    if !holds.is_empty() {
        output::table(&["hold", "from", "until", "log sources"], &holds);
    }
    let blind = kept.get("blind").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for one in blind {
        output::text(&format!("cannot be read any more: {}", plain(one)));
    }
    Ok(if blind.is_empty() { Exit::Well } else { Exit::Findings })
}
