//! Agreements on the command line. Officers' keys are opened here and never sent.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::admin::{done, list};
use super::lifecycle::plain;
use super::{Outcome, read_file, write_out};
use crate::cli::agreement::{Act, Agreement};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// A file as text.
pub fn text_of(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read_file(file)?).map_err(|_| Failure::new(format!("`{}` is not text", file.display())))
}

/// A text from a file, or what was put forward for an agreement.
async fn text_named(client: &Client, named: &Path, which: Option<&str>) -> Result<String, Failure> {
    let id = named.to_str().filter(|id| id.len() >= 6 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match id.filter(|_| !named.exists()) {
        Some(id) => text_agreed(client, id, which).await,
        None => text_of(named),
    }
}

/// The TOML text of a version.
async fn text_agreed(client: &Client, agreement: &str, which: Option<&str>) -> Result<String, Failure> {
    let version = version(client, agreement, which).await?;
    let path = format!("/api/v1/agreements/{}/versions/{}/approval", encode(agreement), encode(&version));
    let answer = client.get(&path).await?;
    Ok(answer.get("text").and_then(Value::as_str).unwrap_or_default().to_owned())
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
        Agreement::Check { text, version, policy, .. } => {
            let text = text_named(client, text, version.as_deref()).await?;
            let answer = client.post("/api/v1/agreements/check", &json!({"text": text})).await?;
            check(&answer, *policy, as_json)
        }
        Agreement::Diff { text, version, limit, .. } => {
            let text = text_named(client, text, version.as_deref()).await?;
            let body = json!({"text": text, "limit": limit});
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
            if as_json {
                output::line(&answer);
                return Ok(Exit::Well);
            }
            let row = |agreed: &Value| {
                let part = |name: &str| agreed.get(name).map(plain).unwrap_or_default();
                let status = if is(agreed, "left") { "left by us".to_owned() } else { part("status") };
                let why = items(agreed, "reasons").first().map(plain).unwrap_or_default();
                vec![part("name"), short(&part("agreement")).to_owned(), status, why]
            };
            let rows: Vec<_> = items(&answer, "agreements").iter().map(row).collect();
            output::table(&["name", "agreement", "status", "why"], &rows);
            Ok(Exit::Well)
        }
        Agreement::Show { agreement, text: true, version, .. } => {
            let text = text_agreed(client, agreement, version.as_deref()).await?;
            if as_json {
                output::line(&json!({"text": text}));
            } else {
                output::document(&text);
            }
            Ok(Exit::Well)
        }
        Agreement::Show { agreement, version, .. } => {
            let answer = client.get(&format!("/api/v1/agreements/{}", encode(agreement))).await?;
            show(&answer, version.as_deref(), as_json)
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
            super::approve::approve(file, officer, output.as_deref(), opener, as_json)
        }
        Agreement::Suspend(act) => acted(client, act, "suspend", as_json).await,
        Agreement::End(act) => acted(client, act, "end", as_json).await,
        Agreement::Leave(act) => acted(client, act, "leave", as_json).await,
        Agreement::Explain { object, party, .. } => {
            let path = format!("/api/v1/explanations?object={}&party={}", encode(object), encode(party));
            explain(&client.get(&path).await?, as_json)
        }
        Agreement::Prove { agreement, ceiling, from, to, personal, emergencies, .. } => {
            let path = format!("/api/v1/agreements/{}/proof", encode(agreement));
            let body = json!({
                "ceiling": ceiling, "from": from, "to": to, "personal": personal, "emergencies": emergencies,
            });
            let answer = client.post(&path, &body).await?;
            let holds = answer.get("holds").and_then(Value::as_bool).unwrap_or_default();
            let text = answer.get("text").and_then(Value::as_str).unwrap_or_default();
            let verdict = if holds { "holds" } else { "does not hold" };
            done(&answer, &format!("the ceiling {ceiling} {verdict}: {text}"), as_json)?;
            Ok(if holds { Exit::Well } else { Exit::Findings })
        }
    }
}

async fn acted(client: &Client, act: &Act, verb: &str, as_json: bool) -> Outcome {
    let path = format!("/api/v1/agreements/{}/{verb}", encode(&act.agreement));
    let answer = client.post(&path, &json!({"reason": act.reason})).await?;
    let sentence = match verb {
        "suspend" => format!("suspended for our part; {}", standing(&answer)),
        _ if is(&answer, "left") => left(&answer),
        _ => standing(&answer),
    };
    done(&answer, &sentence, as_json)
}

fn is(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

/// What leaving a circle comes to.
fn left(answer: &Value) -> String {
    let others: Vec<_> = items(answer, "others").iter().map(plain).collect();
    match others.as_slice() {
        [] => "you have left; nobody else is in it".to_owned(),
        [one] => format!("you have left; {one} alone is in it"),
        more => format!("you have left; {} others go on: {}", more.len(), more.join(", ")),
    }
}

/// Which version governs, and what is missing for the one that an act was about.
pub(super) fn standing(answer: &Value) -> String {
    let number = |name: &str| answer.get(name).and_then(Value::as_u64);
    let status = answer.get("status").map(plain).unwrap_or_default();
    let status = if status == "in-force" { "in force".to_owned() } else { status };
    let (governs, about) = (number("governs"), number("version"));
    let force = match governs {
        Some(version) => format!("version {version} is {status}"),
        None => format!("no version is in force yet: it is {status}"),
    };
    let missing: Vec<_> = items(answer, "missing").iter().map(plain).collect();
    match about.filter(|_| governs != about) {
        Some(version) if missing.is_empty() => {
            format!(
                "{force}; all have signed version {version}, which the nodes put into force by themselves"
            )
        }
        Some(version) => format!("{force}; for version {version}: {}", missing.join("; ")),
        None => force,
    }
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
        output::text(&format!("{}:", called(party)));
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
        output::text(&format!("{} {} to {} ({})", part("change"), part("id"), called(item), part("clause")));
    }
    if answer.get("more").and_then(Value::as_bool) == Some(true) {
        output::text("… and more; raise --limit to list them");
    }
    Ok(Exit::Well)
}

/// A party's name, and its id shortened behind.
fn called(value: &Value) -> String {
    let part = |name: &str| value.get(name).map(plain).unwrap_or_default();
    let (name, party) = (part("name"), part("party"));
    if name.is_empty() || name == party { party } else { format!("{name} ({})", short(&party)) }
}

/// One clause in a line or two.
fn clause(clause: &Value) {
    let part = |name: &str| clause.get(name).map(plain).unwrap_or_default();
    let words = |name: &str| items(clause, name).iter().map(plain).collect::<Vec<_>>().join(", ");
    output::text(&format!(
        "  clause {}: from {} to {}: {} up to {}",
        part("clause"),
        words("from"),
        words("to"),
        words("types"),
        part("ceiling")
    ));
    let also = words("also");
    let also = if also.is_empty() { also } else { format!("; {also}") };
    output::text(&format!(
        "    onward {}; personal data: {}; for {}; to {}{also}",
        part("onward"),
        part("personal"),
        words("purposes"),
        words("actions")
    ));
}

fn show(answer: &Value, which: Option<&str>, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    for name in ["name", "agreement", "status"] {
        if let Some(value) = answer.get(name) {
            output::text(&format!("{name}: {}", plain(value)));
        }
    }
    if is(answer, "left") {
        output::text("this node has left it");
    }
    let current = answer.get("current").map(plain).unwrap_or_default();
    for reason in items(answer, "reasons") {
        output::text(&format!("why: {}", plain(reason)));
    }
    let begins = |version: &&Value| {
        let hash = version.get("version").and_then(Value::as_str).unwrap_or_default();
        which.is_none_or(|which| hash.starts_with(which))
    };
    for version in items(answer, "versions").iter().filter(begins) {
        let part = |name: &str| version.get(name).map(plain).unwrap_or_default();
        output::text(&format!(
            "version {} ({}{}), {} to {}",
            part("number"),
            part("version"),
            if part("version") == current && is(version, "complete") { ", governs" } else { "" },
            part("start"),
            part("expiry")
        ));
        items(version, "clauses").iter().for_each(clause);
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
        let left = items(membership, "left");
        let within: Vec<_> =
            items(membership, "members").iter().filter(|member| !left.contains(member)).map(plain).collect();
        let gone = if left.is_empty() { String::new() } else { format!("; left: {}", words("left")) };
        output::text(&format!("membership {} ({state}): {}{gone}", part("number"), within.join(", ")));
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
            Some((verb, rest)) => {
                // As much of a hash as tells it apart.
                let rest: Vec<_> =
                    rest.split(' ').map(|word| if word.len() == 64 { short(word) } else { word }).collect();
                output::text(&format!("next: shieldwall agreement {verb} {id} {}", rest.join(" ")));
            }
            None => output::text(&format!("next: shieldwall agreement {step} {id}")),
        }
    }
    for event in items(answer, "upcoming") {
        output::text(&format!("upcoming: {}", plain(event)));
    }
    for note in items(answer, "notes") {
        output::text(&format!("note: {}", plain(note)));
    }
    Ok(Exit::Well)
}

/// As much of an id as tells it apart.
pub(super) fn short(id: &str) -> &str {
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
