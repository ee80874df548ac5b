//! What the node noticed: about objects, and what people here should know of.

use serde_json::Value;

use super::Outcome;
use super::lifecycle::plain;
use crate::cli::findings::{Findings, Severity};
use crate::client::Client;
use crate::exit::Exit;
use crate::output;

pub async fn findings(client: &Client, asked: &Findings, as_json: bool) -> Outcome {
    let least = asked.severity.map_or("note", Severity::as_str);
    let before = asked.before.map(|number| format!("&before={number}")).unwrap_or_default();
    let path = format!("/api/v1/findings?newest=true&severity={least}&limit={}{before}", asked.limit);
    let answer = client.get(&path).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let found = answer.get("findings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for finding in found {
        let part = |name: &str| finding.get(name).map(plain).unwrap_or_default();
        let about = match part("id") {
            id if id.is_empty() => String::new(),
            id => format!(" ({id} from {})", part("source")),
        };
        output::text(&format!(
            "{} {} {} {}: {}{about}",
            part("number"),
            part("at"),
            part("severity"),
            part("rule"),
            part("message")
        ));
        if let Some(hint) = finding.get("hint") {
            output::text(&format!("  hint: {}", plain(hint)));
        }
    }
    if found.is_empty() {
        output::say("nothing was noticed");
    }
    Ok(Exit::Well)
}
