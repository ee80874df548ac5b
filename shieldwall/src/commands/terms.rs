//! How the terms of agreements stand, and what officers decide under them. Their keys are opened here and never sent.

use keys::posts::Approval;
use serde_json::{Value, json};

use super::admin::{done, list};
use super::keys::open_key;
use super::lifecycle::plain;
use super::{Outcome, read_file, write_out};
use crate::cli::terms::{Answer, BreakGlass, Officers, Orcon, ReviewOutcome, Sharing};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

pub async fn sharing(client: &Client, command: &Sharing, as_json: bool) -> Outcome {
    match command {
        Sharing::Status { .. } => status(&client.get("/api/v1/sharing/status").await?, as_json),
        Sharing::Notice(act) => {
            let path = format!("/api/v1/agreements/{}/notice", encode(&act.agreement));
            let answer = client.post(&path, &json!({"reason": act.reason})).await?;
            let ends = answer.get("ends").map(plain).unwrap_or_default();
            done(&answer, &format!("notice is given; this node is out on {ends}"), as_json)
        }
    }
}

fn status(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    let text = |value: &Value, name: &str| value.get(name).map(plain).unwrap_or_default();
    let short = |value: &Value| text(value, "agreement").chars().take(12).collect::<String>();
    for flow in items(answer, "flows") {
        output::text(&format!(
            "{} {} {}: {} of {} objects this hour, {} of {} and {} of {} bytes today",
            short(flow),
            text(flow, "direction"),
            text(flow, "peer"),
            text(flow, "objects_in_hour"),
            text(flow, "objects_per_hour"),
            text(flow, "objects_in_day"),
            text(flow, "objects_per_day"),
            text(flow, "bytes_in_day"),
            text(flow, "bytes_per_day"),
        ));
        if let Some(waits) = flow.get("waits") {
            output::text(&format!("  {} objects: {}", text(flow, "waiting"), plain(waits)));
        }
    }
    for one in items(answer, "coming") {
        output::text(&format!("{} {}: {}", text(one, "at"), short(one), text(one, "what")));
    }
    for quorum in items(answer, "quorums") {
        let late = quorum.get("late_since").map(|at| format!(", late since {}", plain(at)));
        output::text(&format!(
            "{} witnesses: {} of {} have cosigned all of {} entries{}",
            short(quorum),
            text(quorum, "reached"),
            text(quorum, "needed"),
            text(quorum, "size"),
            late.unwrap_or_default()
        ));
    }
    output::text(&format!(
        "{} objects are kept under agreements, {} of them beyond their time",
        text(answer, "kept"),
        text(answer, "overdue")
    ));
    Ok(Exit::Well)
}

fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

pub async fn break_glass(client: &Client, command: &BreakGlass, as_json: bool) -> Outcome {
    let (path, draft, officers, word) = match command {
        BreakGlass::List { .. } => {
            let answer = client.get("/api/v1/break-glass").await?;
            let columns = [
                ("declaration", "/declaration"),
                ("agreement", "/name"),
                ("by", "/party"),
                ("declared", "/declared"),
                ("ends", "/expires"),
                ("report due", "/report_due"),
                ("state", "/state"),
                ("why", "/reason"),
            ];
            return Ok(list(&answer, "uses", &columns, as_json));
        }
        BreakGlass::Declare { agreement, to, reason, again, officers, .. } => (
            format!("/api/v1/agreements/{}/break-glass/approval", encode(agreement)),
            json!({"to": to, "reason": reason, "again": again}),
            officers,
            "the emergency is declared; see `shieldwall break-glass list` for when it ends and the report is due",
        ),
        BreakGlass::Report { declaration, outcome, report, officers, .. } => (
            format!("/api/v1/break-glass/{}/approval", encode(declaration)),
            json!({"outcome": outcome.map(ReviewOutcome::as_str), "report": report}),
            officers,
            "the report is signed",
        ),
    };
    decide(client, &path, &draft, officers, word, as_json).await
}

pub async fn orcon(client: &Client, command: &Orcon, as_json: bool) -> Outcome {
    match command {
        Orcon::List { .. } => {
            let answer = client.get("/api/v1/release-requests").await?;
            let columns = [
                ("request", "/request"),
                ("from", "/from"),
                ("originator", "/originator"),
                ("to", "/to"),
                ("object", "/object"),
                ("state", "/state"),
                ("why", "/reason"),
            ];
            Ok(list(&answer, "requests", &columns, as_json))
        }
        Orcon::Request { id, to, reason, .. } => {
            let path = format!("/api/v1/objects/{}/release-requests", encode(id));
            let answer = client.post(&path, &json!({"to": to, "reason": reason})).await?;
            let requests: Vec<_> = items(&answer, "requests").map(plain).collect();
            done(&answer, &format!("asked: {}", requests.join(", ")), as_json)
        }
        Orcon::Grant(answer) => answered(client, answer, true, as_json).await,
        Orcon::Refuse(answer) => answered(client, answer, false, as_json).await,
    }
}

async fn answered(client: &Client, answer: &Answer, granted: bool, as_json: bool) -> Outcome {
    let path = format!("/api/v1/release-requests/{}/approval", encode(&answer.request));
    let draft = json!({"granted": granted, "reason": answer.reason});
    let word = if granted { "it may go" } else { "it may not go" };
    decide(client, &path, &draft, &answer.officers, word, as_json).await
}

/// Gets the bytes, has officers approve them, and hands both in.
async fn decide(
    client: &Client,
    path: &str,
    draft: &Value,
    officers: &Officers,
    word: &str,
    as_json: bool,
) -> Outcome {
    let bytes = match &officers.approved {
        Some(file) => {
            let text = text_of(file)?;
            let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
            same(draft, &text, file)?;
            text
        }
        None => {
            let answer = client.post(path, draft).await?;
            answer.get("bytes").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
    };
    if officers.bytes.is_some() {
        write_out(&format!("{bytes}\n"), officers.bytes.as_deref())?;
        let file = officers.bytes.as_deref().unwrap_or(std::path::Path::new("-")).display().to_string();
        let next = format!(
            "wrote {file}; each officer approves with `shieldwall agreement approve {file} --officer KEY`"
        );
        return done(&json!({"file": file}), &next, as_json);
    }
    let mut approvals = Vec::new();
    for officer in &officers.officers {
        approvals.push(Approval::sign(&open_key(officer, &officers.opener)?, bytes.as_bytes()).to_text());
    }
    for file in &officers.approvals {
        approvals.push(text_of(file)?.trim_end().to_owned());
    }
    let body = json!({"bytes": bytes, "approvals": approvals});
    let answer = client.post("/api/v1/approved-decisions", &body).await?;
    done(&answer, word, as_json)
}

/// What is said again beside bytes that were approved must be what they say.
fn same(draft: &Value, approved: &str, file: &std::path::Path) -> Result<(), Failure> {
    let approved: Value = serde_json::from_str(approved).unwrap_or_default();
    let pairs = [("reason", "reason"), ("report", "reason"), ("outcome", "outcome"), ("granted", "granted")];
    for (said, stands) in pairs {
        let said_again = draft.get(said).filter(|value| !value.is_null());
        if let (Some(now), Some(then)) = (said_again, approved.get(stands))
            && now != then
        {
            return Err(Failure::refused(format!(
                "`{}` says `{}` for the {said}, and that is what was approved, not `{}`",
                file.display(),
                plain(then),
                plain(now)
            ))
            .hint("leave it out, or take new bytes with --bytes and have those approved"));
        }
    }
    Ok(())
}

fn text_of(file: &std::path::Path) -> Result<String, Failure> {
    String::from_utf8(read_file(file)?).map_err(|_| Failure::new(format!("`{}` is not text", file.display())))
}
