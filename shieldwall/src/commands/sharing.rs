//! What went to whom, how it is taken back, what waits for an officer, and files for those reached by files.

use std::path::Path;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::admin::{done, list};
use super::lifecycle::{make_private, plain};
use super::{Outcome, read_file};
use crate::cli::trust::{Courier, Review};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

pub async fn withdraw(client: &Client, id: &str, reason: &str, as_json: bool) -> Outcome {
    let path = format!("/api/v1/objects/{}/withdraw", encode(id));
    let answer = client.post(&path, &json!({"reason": reason})).await?;
    let ways = answer.get("ways").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let by = |way: &str| {
        let to = ways.iter().filter(|told| told.get("way").and_then(Value::as_str) == Some(way));
        let mut to: Vec<_> = to.filter_map(|told| told.get("to").map(plain)).collect();
        // Whoever was given it under two agreements is named once.
        to.sort();
        to.dedup();
        to.join(", ")
    };
    let said = [
        ("network", "will be told"),
        ("courier", "by courier, with the next `shieldwall courier export`"),
        ("pull", "will find it gone at the next pull"),
        ("never", "cannot be told: the pairing has ended"),
    ];
    let said = said.map(|(way, words)| (by(way), words));
    let said: Vec<_> =
        said.iter().filter(|(to, _)| !to.is_empty()).map(|(to, words)| format!("{words}: {to}")).collect();
    let sentence = match said.is_empty() {
        true => {
            "it had been taken back already; from now on it goes to nobody any more, whatever is agreed later"
                .to_owned()
        }
        false => said.join("; "),
    };
    done(&answer, &format!("{sentence}; see `shieldwall holders {id}`"), as_json)
}

pub async fn holders(client: &Client, id: Option<&str>, open: bool, as_json: bool) -> Outcome {
    let object = id.map(|id| format!("&object={}", encode(id))).unwrap_or_default();
    let answer = client.get(&format!("/api/v1/disclosures?open={open}&limit=1000{object}")).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let given = answer.get("disclosures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<_> = given.iter().map(holder_row).collect();
    output::table(&["to", "object", "clause", "given", "taken back", "due", "receipt", "overdue"], &rows);
    Ok(Exit::Well)
}

/// What somebody was given, and what became of it.
fn holder_row(given: &Value) -> Vec<String> {
    let part = |name: &str| given.get(name).map(plain).unwrap_or_default();
    let object = match (part("object"), part("clause")) {
        // It was given after the backup that this node was restored from.
        (object, clause) if object.is_empty() && clause.is_empty() => "(not known here)".to_owned(),
        (object, _) if object.is_empty() => "(erased here)".to_owned(),
        (object, _) => object,
    };
    let receipt = part("receipt");
    let at = if receipt == "unknown" { "never arrived".to_owned() } else { part("at") };
    vec![
        part("to"),
        object,
        part("clause"),
        at,
        part("withdrawn"),
        part("deadline"),
        receipt,
        part("overdue"),
    ]
}

pub async fn hold(client: &Client, id: &str, basis: Option<&str>, as_json: bool) -> Outcome {
    let path = format!("/api/v1/objects/{}/hold", encode(id));
    let answer = client.call(Method::PUT, &path, Some(&json!({"basis": basis}))).await?;
    let word = if basis.is_some() { "under a legal hold" } else { "under no hold any more" };
    done(&answer, &format!("{id} is {word}"), as_json)
}

pub async fn decisions(client: &Client, id: Option<&str>, limit: usize, as_json: bool) -> Outcome {
    let object = id.map(|id| format!("&object={}", encode(id))).unwrap_or_default();
    let answer = client.get(&format!("/api/v1/decisions?limit={limit}{object}")).await?;
    let columns = [
        ("at", "/at"),
        ("to", "/to"),
        ("agreement", "/name"),
        ("object", "/object"),
        ("outcome", "/outcome"),
        ("clause", "/clause"),
        ("why", "/reason"),
    ];
    Ok(list(&answer, "decisions", &columns, as_json))
}

pub async fn review(client: &Client, command: &Review, as_json: bool) -> Outcome {
    let (number, verb, reason) = match command {
        Review::List { all, .. } => {
            let answer = client.get(&format!("/api/v1/reviews?all={all}&limit=1000")).await?;
            if as_json {
                output::line(&answer);
                return Ok(Exit::Well);
            }
            let reviews =
                answer.get("reviews").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let rows: Vec<_> = reviews.iter().map(review_row).collect();
            output::table(&["number", "since", "to", "object", "found", "decided"], &rows);
            return Ok(Exit::Well);
        }
        Review::Release { number, reason, .. } => (number, "release", reason),
        Review::Withhold { number, reason, .. } => (number, "withhold", reason),
    };
    let answer = client.post(&format!("/api/v1/reviews/{number}/{verb}"), &json!({"reason": reason})).await?;
    done(&answer, &format!("{number}: {verb}"), as_json)
}

/// What waits, with everything that was found in it: whoever lets it go answers for all of that.
fn review_row(review: &Value) -> Vec<String> {
    let part = |name: &str| review.get(name).map(plain).unwrap_or_default();
    let found = review.get("found").and_then(Value::as_array).into_iter().flatten();
    let found: Vec<_> = found
        .map(|one| {
            let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
            format!("{} at {}", part("detector"), part("pointer"))
        })
        .collect();
    let decided = match review.get("released").and_then(Value::as_bool) {
        Some(true) => "released",
        Some(false) => "withheld",
        None => "",
    };
    vec![part("number"), part("at"), part("to"), part("object"), found.join("; "), decided.to_owned()]
}

pub async fn ask(
    client: &Client,
    peer: &str,
    agreement: &str,
    purpose: &str,
    values: &Path,
    as_json: bool,
) -> Outcome {
    let text = String::from_utf8(read_file(values)?)
        .map_err(|_| Failure::new(format!("`{}` is not text", values.display())))?;
    // One value in two spellings is one question.
    let mut asked = std::collections::BTreeSet::new();
    let values: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .filter(|line| match observable::classify(line) {
            Some(value) => asked.insert(format!("{value:?}")),
            None => asked.insert((*line).to_owned()),
        })
        .collect();
    let body = json!({"agreement": agreement, "purpose": purpose, "values": values});
    let answer = client.post(&format!("/api/v1/peers/{}/questions", encode(peer)), &body).await?;
    let count = answer.get("count").map(plain).unwrap_or_default();
    let which: Vec<_> =
        answer.get("values").and_then(Value::as_array).into_iter().flatten().map(plain).collect();
    let which = if which.is_empty() { String::new() } else { format!(": {}", which.join(", ")) };
    done(&answer, &format!("{peer} has {count} of {}{which}", values.len()), as_json)
}

pub async fn courier(client: &Client, command: &Courier, as_json: bool) -> Outcome {
    match command {
        Courier::Export { peer, into, repeat, cap, .. } => {
            let path = format!("/api/v1/peers/{}/courier", encode(peer));
            let answer = client.post(&path, &json!({"repeat": repeat, "cap": cap})).await?;
            let files = answer.get("files").and_then(Value::as_array).cloned().unwrap_or_default();
            make_private(into)?;
            let mut written = Vec::new();
            for (index, file) in files.iter().enumerate() {
                let bytes = STANDARD.decode(file.as_str().unwrap_or_default());
                let bytes = bytes.map_err(|_| Failure::new("the node's answer is not base64"))?;
                written.push(write(into, peer, index, &bytes)?);
            }
            // What could not be written goes with the next files.
            let carried = json!({"carried": answer.get("carried")});
            client.post(&format!("{path}/carried"), &carried).await?;
            done(&json!({"files": written}), &format!("wrote {}", written.join(", ")), as_json)
        }
        Courier::Import { files, .. } => {
            let (mut answers, mut refused) = (Vec::new(), false);
            for file in files {
                let body = json!({"file": STANDARD.encode(read_file(file)?)});
                let answer = client.post("/api/v1/courier", &body).await?;
                let words = |name: &str| -> Vec<String> {
                    answer.get(name).and_then(Value::as_array).into_iter().flatten().map(plain).collect()
                };
                let problems = [words("refused"), words("gaps")].concat();
                refused |= !problems.is_empty();
                if !as_json {
                    let count = |name: &str| answer.get(name).map(plain).unwrap_or_default();
                    output::text(&format!(
                        "{}: part {} of {} from {}, {} documents, {} segments, {} acknowledgements",
                        file.display(),
                        count("part"),
                        count("parts"),
                        count("from"),
                        count("documents"),
                        count("taken"),
                        count("acks")
                    ));
                    problems.iter().for_each(|problem| output::text(&format!("  {problem}")));
                }
                answers.push(answer);
            }
            if as_json {
                output::line(&json!({"files": answers}));
            }
            Ok(if refused { Exit::Findings } else { Exit::Well })
        }
    }
}

fn write(into: &Path, peer: &str, index: usize, bytes: &[u8]) -> Result<String, Failure> {
    let stamp = ports::Clock::now(&runtime::SystemClock).to_string().replace([':', '.'], "");
    let path = into.join(format!("{peer}-{stamp}-{:04}.swc", index + 1));
    std::fs::write(&path, bytes)
        .map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", path.display())))?;
    Ok(path.display().to_string())
}
