//! Blocking on loan. Officers' keys are opened here and never sent.

use keys::posts::Approval;
use serde_json::{Value, json};

use super::admin::done;
use super::agreements::{short, text_of};
use super::keys::open_key;
use super::lifecycle::plain;
use super::{Outcome, write_out};
use crate::cli::contain::{Contain, End, NewLease};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// Items, days and receipts that are shown to people.
const SHOWN: usize = 30;

pub async fn contain(client: &Client, command: &Contain, as_json: bool) -> Outcome {
    match command {
        Contain::Propose(new) => propose(client, new, as_json).await,
        Contain::List { limit, .. } => {
            let answer = client.get(&format!("/api/v1/leases?limit={limit}")).await?;
            Ok(list(&answer, as_json))
        }
        Contain::Show { id, .. } => {
            show(&client.get(&path(id, "")).await?, as_json);
            Ok(Exit::Well)
        }
        Contain::Statement { id, output, .. } => {
            let bytes = statement(client, id).await?;
            write_out(&format!("{bytes}\n"), output.as_deref())?;
            let Some(file) = output else { return Ok(Exit::Well) };
            let file = file.display().to_string();
            let next = format!(
                "wrote {file}; each officer approves with `shieldwall agreement approve {file} --officer KEY`"
            );
            done(&json!({"file": file}), &next, as_json)
        }
        Contain::Approve { id, officers, approvals, opener, .. } => {
            let mut texts = Vec::new();
            if !officers.is_empty() {
                let bytes = statement(client, id).await?;
                for officer in officers {
                    texts.push(Approval::sign(&open_key(officer, opener)?, bytes.as_bytes()).to_text());
                }
            }
            for file in approvals {
                texts.push(text_of(file)?.trim_end().to_owned());
            }
            let answer = client.post(&path(id, "/approve"), &json!({"approvals": texts})).await?;
            let missing = words(&answer, "/missing");
            let sentence = if missing.is_empty() {
                format!("{id}: approved")
            } else {
                format!("{id}: counted; still needed: {missing}")
            };
            let unproven = |approval: &Value| !part_is(approval, "/proven");
            if !missing.is_empty() && items(&answer, "/lease/gathering").iter().any(unproven) {
                output::say(
                    "without keys each account is one person, and so is whoever is at this machine, whatever --author \
                     says: somebody else approves with an account of their own",
                );
            }
            done(&answer, &sentence, as_json)
        }
        Contain::Refuse { id, reason, .. } => {
            let answer = client.post(&path(id, "/refuse"), &json!({"reason": reason})).await?;
            done(&answer, &format!("{id}: refused"), as_json)
        }
        Contain::Withdraw { id, reason, .. } => {
            let answer = client.post(&path(id, "/withdraw"), &json!({"reason": reason})).await?;
            done(&answer, &format!("{id}: ended; what is in place is taken away"), as_json)
        }
        Contain::Extend { id, end, .. } => {
            let answer = client.post(&path(id, "/extend"), &ending(end)).await?;
            let missing = words(&answer, "/missing");
            done(&answer, &format!("{id}: asked for; still needed: {missing}"), as_json)
        }
        Contain::Retry { id, .. } => {
            let answer = client.post(&path(id, "/retry"), &json!({})).await?;
            done(&answer, &format!("{id}: told again"), as_json)
        }
        Contain::Export { id, format, first_sid, output, .. } => {
            let first = first_sid.map(|first| format!("&first_sid={first}")).unwrap_or_default();
            let query = format!("/export?format={}{first}", encode(format));
            let answer = client.get(&path(id, &query)).await?;
            if as_json && output.is_none() {
                output::line(&answer);
                return Ok(Exit::Well);
            }
            let text = answer.get("text").and_then(Value::as_str).unwrap_or_default();
            write_out(text, output.as_deref())?;
            let skipped = items(&answer, "/skipped");
            if as_json {
                let file = output.as_ref().map(|file| file.display().to_string());
                output::line(&json!({"file": file, "skipped": skipped}));
                return Ok(Exit::Well);
            }
            skipped.iter().for_each(|one| output::say(&format!("left out: {}", plain(one))));
            Ok(Exit::Well)
        }
    }
}

fn path(id: &str, rest: &str) -> String {
    format!("/api/v1/leases/{}{rest}", encode(id))
}

/// An end, as the interface takes it.
fn ending(end: &End) -> Value {
    match (&end.until, end.lasting) {
        (Some(until), _) => json!({"until": until}),
        (None, seconds) => json!({"seconds": seconds}),
    }
}

async fn propose(client: &Client, new: &NewLease, as_json: bool) -> Outcome {
    let mut body = ending(&new.end);
    if let Some(body) = body.as_object_mut() {
        body.insert("values".to_owned(), json!(new.values));
        body.insert("objects".to_owned(), json!(new.objects));
        body.insert("purpose".to_owned(), json!(new.purpose));
        body.insert("actuators".to_owned(), json!(new.actuators));
        body.insert("keep_rest".to_owned(), json!(new.keep_rest));
    }
    let answer = client.post("/api/v1/leases", &body).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    left(&answer);
    let id = part(&answer, "/id");
    let id = short(&id);
    output::text(&format!("lease {id} is proposed; nothing is blocked yet"));
    output::say(&format!(
        "its dry run follows by itself: read it with `shieldwall contain show {id}`, then `shieldwall contain approve {id}`"
    ));
    Ok(Exit::Well)
}

/// The exact bytes that officers approve.
async fn statement(client: &Client, id: &str) -> Result<String, Failure> {
    let answer = client.get(&path(id, "/statement")).await?;
    Ok(answer.get("statement").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn part(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(plain).unwrap_or_default()
}

fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn words(value: &Value, pointer: &str) -> String {
    items(value, pointer).iter().map(plain).collect::<Vec<_>>().join(", ")
}

fn list(answer: &Value, as_json: bool) -> Exit {
    if as_json {
        output::line(answer);
        return Exit::Well;
    }
    let leases = items(answer, "/leases");
    if leases.is_empty() {
        output::say("nothing is blocked, and nobody has proposed to");
        return Exit::Well;
    }
    let row = |lease: &Value| {
        let id = part(lease, "/id");
        let ended = part(lease, "/over") == "true";
        let state = part(lease, "/state");
        // What is over and still in place somewhere is what somebody has to look at.
        let left = matches!(state.as_str(), "expired" | "withdrawn" | "rolled-back" | "refused" | "failed");
        let state = if left && !ended { format!("{state}, being taken away") } else { state };
        vec![
            short(&id).to_owned(),
            state,
            part(lease, "/items"),
            words(lease, "/actuators"),
            part(lease, "/until"),
            part(lease, "/by"),
            part(lease, "/purpose"),
            words(lease, "/missing"),
        ]
    };
    let rows: Vec<_> = leases.iter().map(row).collect();
    output::table(&["number", "state", "items", "where", "until", "by", "purpose", "still needed"], &rows);
    Exit::Well
}

fn show(answer: &Value, as_json: bool) {
    if as_json {
        return output::line(answer);
    }
    let part = |pointer: &str| part(answer, pointer);
    let id = part("/id");
    output::text(&format!("lease {} is {}", short(&id), part("/state")));
    output::text(&format!(
        "for {}, proposed by {} at {}",
        part("/lease/purpose"),
        part("/lease/by"),
        part("/begun")
    ));
    output::text(&format!("until {} at {}", part("/lease/until"), words(answer, "/lease/actuators")));
    let extension = part("/lease/extension/until");
    if !extension.is_empty() {
        output::text(&format!("asked for: until {extension}"));
    }
    let ended = part("/lease/ended/reason");
    if !ended.is_empty() {
        output::text(&format!("ended by {}: {ended}", part("/lease/ended/by")));
    }
    let needed = words(answer, "/missing");
    if !needed.is_empty() {
        output::text(&format!("still needed: {needed}"));
    }
    blocked(answer);
    left(answer);
    dry_run(answer);
    for approval in items(answer, "/lease/granted").iter().chain(items(answer, "/lease/gathering")) {
        let part = |pointer: &str| self::part(approval, pointer);
        let proof = if part_is(approval, "/proven") { "" } else { ", without proof of person" };
        output::text(&format!(
            "approved by {} as {} at {}{proof}",
            part("/person"),
            part("/post"),
            part("/at")
        ));
    }
    in_place(answer);
    for receipt in items(answer, "/receipts").iter().rev().take(SHOWN) {
        for result in items(receipt, "/results") {
            let done = part_is(result, "/done");
            let notes = words(result, "/notes");
            let notes = if notes.is_empty() { String::new() } else { format!(": {notes}") };
            output::text(&format!(
                "{} {} {}{notes}",
                self::part(receipt, "/at"),
                self::part(result, "/actuator"),
                if done { "did what it was told" } else { "failed" }
            ));
        }
    }
}

fn part_is(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

fn blocked(answer: &Value) {
    let all = items(answer, "/lease/items");
    let row = |item: &Value| {
        let port = part(item, "/port");
        let value = part(item, "/observable/value");
        vec![
            part(item, "/observable/kind"),
            if port.is_empty() { value } else { format!("{value} port {port}") },
            part(item, "/reference"),
            part(item, "/valid_until"),
        ]
    };
    let rows: Vec<_> = all.iter().take(SHOWN).map(row).collect();
    if !rows.is_empty() {
        output::table(&["kind", "value", "from", "valid until"], &rows);
    }
    if all.len() > rows.len() {
        output::text(&format!("and {} more; --json shows all", all.len() - rows.len()));
    }
}

/// What is not blocked, or no more.
fn left(answer: &Value) {
    for left in items(answer, "/lease/left").iter().take(SHOWN) {
        output::text(&format!(
            "not blocked: {}: {}",
            part(left, "/item/observable/value"),
            part(left, "/why")
        ));
    }
    for unread in items(answer, "/lease/unread").iter().take(SHOWN) {
        output::text(&format!("not blocked: {}: {}", part(unread, "/text"), part(unread, "/why")));
    }
}

fn dry_run(answer: &Value) {
    let Some(run) = answer.pointer("/lease/dry_run").filter(|run| !run.is_null()) else {
        return output::text("dry run: not made yet; it follows by itself while the node runs");
    };
    let days = items(run, "/days");
    let hits = |day: &Value| day.get("hits").and_then(Value::as_u64).unwrap_or_default();
    let total = days.iter().map(hits).fold(0_u64, u64::saturating_add);
    output::text(&format!(
        "dry run: {total} of {} events since {} would have been blocked",
        part(run, "/events"),
        part(run, "/from")
    ));
    for day in days.iter().rev().take(SHOWN) {
        output::text(&format!(
            "  {}: {} events, {} devices",
            part(day, "/day"),
            part(day, "/hits"),
            part(day, "/devices")
        ));
    }
    for blind in items(run, "/blind") {
        output::text(&format!("  not seen: {}", plain(blind)));
    }
}

/// What actuators hold, and why some do not.
fn in_place(answer: &Value) {
    let object = |pointer: &str| answer.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    for (actuator, placed) in object("/lease/placed") {
        let skipped = items(placed, "/skipped");
        output::text(&format!(
            "{actuator} holds {} blocks since {}",
            items(placed, "/asked").len().saturating_sub(skipped.len()),
            part(placed, "/at")
        ));
        for one in skipped.iter().take(SHOWN) {
            output::text(&format!("  not there: {}: {}", part(one, "/0"), part(one, "/1")));
        }
    }
    for (actuator, failure) in object("/lease/failed") {
        output::text(&format!(
            "{actuator} failed at {}, {} times: {}",
            part(failure, "/at"),
            part(failure, "/tries"),
            part(failure, "/message")
        ));
    }
}
