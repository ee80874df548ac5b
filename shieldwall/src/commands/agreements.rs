//! Agreements on the command line. Officers' keys are opened here and never sent.

use std::path::Path;

use keys::posts::Approval;
use serde_json::{Map, Value, json};

use super::admin::{done, list};
use super::keys::open_key;
use super::lifecycle::plain;
use super::{Outcome, read_file, write_out};
use crate::cli::agreement::{Act, Agreement};
use crate::cli::trust::Opener;
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// A file as text.
pub fn text_of(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read_file(file)?).map_err(|_| Failure::new(format!("`{}` is not text", file.display())))
}

/// Approves exact bytes with a key file.
pub fn approve(file: &Path, officer: &Path, output: Option<&Path>, opener: &Opener) -> Outcome {
    let bytes = read_file(file)?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let approval = Approval::sign(&open_key(officer, opener)?, bytes);
    write_out(&format!("{}\n", approval.to_text()), output)?;
    Ok(Exit::Well)
}

/// The version that is meant: the one named, or the newest that was put forward.
pub(super) async fn version(
    client: &Client,
    agreement: &str,
    version: Option<&str>,
) -> Result<String, Failure> {
    if let Some(version) = version {
        return Ok(version.to_owned());
    }
    let answer = client.get(&format!("/api/v1/agreements/{}", encode(agreement))).await?;
    let versions = answer.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
    let number = |version: &Value| version.get("number").and_then(Value::as_u64).unwrap_or_default();
    let most = versions.iter().map(number).max().unwrap_or_default();
    let newest: Vec<_> = versions.iter().filter(|version| number(version) == most).collect();
    match newest.as_slice() {
        [one] => Ok(one.get("version").map(plain).unwrap_or_default()),
        _ => {
            Err(Failure::refused("there is more than one text of that number")
                .hint("name one with --version"))
        }
    }
}

pub async fn agreement(client: &Client, command: &Agreement, as_json: bool) -> Outcome {
    match command {
        Agreement::Templates { .. } => {
            let answer = client.get("/api/v1/agreement-templates").await?;
            Ok(list(&answer, "templates", &[("name", "/name"), ("for", "/about")], as_json))
        }
        Agreement::New { template, values, output, .. } => {
            let mut filled = Map::new();
            for value in values {
                let (name, value) = value
                    .split_once('=')
                    .ok_or_else(|| Failure::refused(format!("`{value}` is not NAME=VALUE")))?;
                filled.insert(name.to_owned(), Value::from(value));
            }
            let path = format!("/api/v1/agreement-templates/{}", encode(template));
            let answer = client.post(&path, &json!({"values": filled})).await?;
            write_out(answer.get("text").and_then(Value::as_str).unwrap_or_default(), output.as_deref())?;
            Ok(Exit::Well)
        }
        Agreement::Check { file, policy, .. } => {
            let answer = client.post("/api/v1/agreements/check", &json!({"text": text_of(file)?})).await?;
            check(&answer, *policy, as_json)
        }
        Agreement::Diff { file, limit, .. } => {
            let body = json!({"text": text_of(file)?, "limit": limit});
            let answer = client.post("/api/v1/agreements/diff", &body).await?;
            diff(&answer, as_json)
        }
        Agreement::Propose { file, reason, answers, .. } => {
            let body = json!({"text": text_of(file)?, "reason": reason, "answers": answers});
            let answer = client.post("/api/v1/agreements", &body).await?;
            let id = answer.get("agreement").map(plain).unwrap_or_default();
            done(
                &answer,
                &format!("agreement {id} is put forward; sign it with `shieldwall agreement sign`"),
                as_json,
            )
        }
        Agreement::List { .. } => {
            let answer = client.get("/api/v1/agreements").await?;
            let columns = [
                ("agreement", "/agreement"),
                ("name", "/name"),
                ("status", "/status"),
                ("why", "/reasons/0"),
            ];
            Ok(list(&answer, "agreements", &columns, as_json))
        }
        Agreement::Show { agreement, .. } => {
            let answer = client.get(&format!("/api/v1/agreements/{}", encode(agreement))).await?;
            show(&answer, as_json)
        }
        Agreement::Request { .. }
        | Agreement::Requests { .. }
        | Agreement::Approval { .. }
        | Agreement::Sign { .. }
        | Agreement::Resume { .. }
        | Agreement::Retract { .. }
        | Agreement::Introduce { .. }
        | Agreement::Join { .. }
        | Agreement::Admit { .. } => super::acts::act(client, command, as_json).await,
        Agreement::Approve { file, officer, output, opener } => {
            approve(file, officer, output.as_deref(), opener)
        }
        Agreement::Suspend(act) => acted(client, act, "suspend", as_json).await,
        Agreement::End(act) => acted(client, act, "end", as_json).await,
        Agreement::Leave(act) => acted(client, act, "leave", as_json).await,
        Agreement::Explain { object, party, .. } => {
            let path = format!("/api/v1/explanations?object={}&party={}", encode(object), encode(party));
            explain(&client.get(&path).await?, as_json)
        }
        Agreement::Prove { agreement, ceiling, .. } => {
            let path = format!("/api/v1/agreements/{}/proof", encode(agreement));
            let answer = client.post(&path, &json!({"ceiling": ceiling})).await?;
            let holds = answer.get("holds").and_then(Value::as_bool).unwrap_or_default();
            let text = answer.get("text").map(plain).unwrap_or_default();
            let verdict = if holds { "holds" } else { "does not hold" };
            done(&answer, &format!("the ceiling {ceiling} {verdict}: {text}"), as_json)?;
            Ok(if holds { Exit::Well } else { Exit::Findings })
        }
    }
}

async fn acted(client: &Client, act: &Act, verb: &str, as_json: bool) -> Outcome {
    let path = format!("/api/v1/agreements/{}/{verb}", encode(&act.agreement));
    let answer = client.post(&path, &json!({"reason": act.reason})).await?;
    let status = answer.get("status").map(plain).unwrap_or_default();
    done(&answer, &format!("the agreement is {status}"), as_json)
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn check(answer: &Value, policy: bool, as_json: bool) -> Outcome {
    let sound = answer.get("sound").and_then(Value::as_bool).unwrap_or_default();
    if as_json {
        output::line(answer);
    } else {
        for problem in items(answer, "problems") {
            let part = |name: &str| problem.get(name).map(plain).unwrap_or_default();
            output::text(&format!(
                "{}: line {} `{}`: {} ({})",
                part("severity"),
                part("line"),
                part("path"),
                part("message"),
                part("hint")
            ));
        }
        output::text(if sound { "the text can be signed" } else { "the text cannot be signed" });
        if policy && let Some(text) = answer.get("policy").and_then(Value::as_str) {
            output::text(text);
        }
    }
    Ok(if sound { Exit::Well } else { Exit::Findings })
}

pub(super) fn diff(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    output::text(&format!("{} objects were looked at", answer.get("objects").map(plain).unwrap_or_default()));
    for party in items(answer, "parties") {
        output::text(&format!("{}:", party.get("party").map(plain).unwrap_or_default()));
        for (name, words) in [
            ("exposed", "newly exposed"),
            ("withdrawn", "no longer given"),
            ("altered", "given under other obligations"),
        ] {
            for (kind, count) in party.get(name).and_then(Value::as_object).into_iter().flatten() {
                output::text(&format!("  {words}: {count} {kind}"));
            }
        }
        let count = |name: &str| party.get(name).map(plain).unwrap_or_default();
        output::text(&format!("  unchanged: {}, withheld: {}", count("unchanged"), count("withheld")));
    }
    for item in items(answer, "listed") {
        let part = |name: &str| item.get(name).map(plain).unwrap_or_default();
        output::text(&format!("{} {} ({})", part("change"), part("id"), part("clause")));
    }
    if answer.get("more").and_then(Value::as_bool) == Some(true) {
        output::text("… and more; raise --limit to list them");
    }
    Ok(Exit::Well)
}

fn show(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    for name in ["agreement", "name", "status", "current"] {
        if let Some(value) = answer.get(name) {
            output::text(&format!("{name}: {}", plain(value)));
        }
    }
    for reason in items(answer, "reasons") {
        output::text(&format!("why: {}", plain(reason)));
    }
    for version in items(answer, "versions") {
        let part = |name: &str| version.get(name).map(plain).unwrap_or_default();
        output::text(&format!(
            "version {} ({}), {} to {}",
            part("number"),
            part("version"),
            part("start"),
            part("expiry")
        ));
        for step in ["offered", "accepted", "agreed", "verified", "entered"] {
            let who: Vec<_> = items(version, step).iter().map(plain).collect();
            output::text(&format!(
                "  {step}: {}",
                if who.is_empty() { "nobody yet".to_owned() } else { who.join(", ") }
            ));
        }
        for missing in items(version, "missing") {
            output::text(&format!("  missing: {}", plain(missing)));
        }
    }
    for membership in items(answer, "memberships") {
        let part = |name: &str| membership.get(name).map(plain).unwrap_or_default();
        let words = |name: &str| items(membership, name).iter().map(plain).collect::<Vec<_>>().join(", ");
        let state = if membership.get("in_effect").and_then(Value::as_bool) == Some(true) {
            "in effect"
        } else {
            "proposed"
        };
        output::text(&format!("membership {} ({state}): {}", part("number"), words("members")));
        output::text(&format!("  signed: {}", words("signed")));
    }
    for party in items(answer, "joining") {
        output::text(&format!("asks to join: {}", plain(party)));
    }
    for (act, why) in answer.get("refused").and_then(Value::as_object).into_iter().flatten() {
        output::text(&format!("does not count: act {}: {}", short(act), plain(why)));
    }
    for (act, what) in answer.get("waiting").and_then(Value::as_object).into_iter().flatten() {
        output::text(&format!("waits: act {}: {}", short(act), plain(what)));
    }
    let id = answer.get("agreement").and_then(Value::as_str).map(short).unwrap_or_default();
    for step in items(answer, "next") {
        let step = plain(step);
        match step.split_once(' ') {
            Some(("nothing:", by_itself)) => output::text(&format!("next, by itself: {by_itself}")),
            Some((verb, rest)) => output::text(&format!("next: shieldwall agreement {verb} {id} {rest}")),
            None => output::text(&format!("next: shieldwall agreement {step} {id}")),
        }
    }
    for event in items(answer, "upcoming") {
        output::text(&format!("upcoming: {}", plain(event)));
    }
    Ok(Exit::Well)
}

/// As much of an id as tells it apart.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn explain(answer: &Value, as_json: bool) -> Outcome {
    let permitted = answer.get("permitted").and_then(Value::as_bool).unwrap_or_default();
    if as_json {
        output::line(answer);
    } else {
        output::text(if permitted { "yes" } else { "no" });
        for verdict in items(answer, "agreements") {
            let name = verdict.get("name").map(plain).unwrap_or_default();
            for reason in items(verdict, "reasons") {
                output::text(&format!("  {name}: {}", plain(reason)));
            }
        }
        if let Some(consent) = answer.get("smallest_consent") {
            output::text(&format!("the smallest consent that would allow it: {}", plain(consent)));
        }
    }
    Ok(if permitted { Exit::Well } else { Exit::Findings })
}
