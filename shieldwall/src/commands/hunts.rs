//! Looking for something in what was kept, here and at other parties.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use ::detect::Watched;
use indicatif::{ProgressBar, ProgressStyle};
use model::Timestamp;
use serde_json::{Value, json};

use super::admin::{done, list};
use super::agreements::short;
use super::alerts::cut;
use super::lifecycle::plain;
use super::{Outcome, read_file};
use crate::cli::hunt::{Hunt, Sought};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// Between two looks at a hunt.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest record that is shown, in characters.
const RECORD: usize = 200;
/// Values that a node looks for at once.
const VALUES: usize = 10_000;
/// Lines of a list that are shown when they cannot be looked for.
const LINES: usize = 20;
/// The longest one of them, in characters.
const LINE: usize = 80;
/// What parties count matches of rules by, the worst first.
const LEVELS: [&str; 6] = ["critical", "high", "medium", "low", "informational", "unrated"];

pub async fn hunt(client: &Client, command: &Hunt, as_json: bool) -> Outcome {
    match command {
        Hunt::Run {
            sought, strict, from, until, sources, max_seconds, max_bytes, reason, detach, ..
        } => {
            let (mut body, skipped) = question(sought, *strict)?;
            instants([from.as_deref(), until.as_deref()])?;
            let named = sources;
            let sources = (!sources.is_empty()).then_some(sources);
            let bounds = json!({
                "from": from, "until": until, "sources": sources,
                "max_seconds": max_seconds, "max_bytes": max_bytes, "reason": reason,
            });
            join(&mut body, bounds);
            let mut begun = match client.post("/api/v1/hunts", &body).await {
                Ok(begun) => begun,
                Err(refused) => return Err(misnamed(client, named, refused).await),
            };
            let id = begun.get("id").map(plain).unwrap_or_default();
            if *detach {
                note(&mut begun, &skipped);
                return partly(done(&begun, &id, as_json), &skipped);
            }
            let mut hunt = wait(client, &id).await?;
            note(&mut hunt, &skipped);
            partly(result(&hunt, as_json), &skipped)
        }
        Hunt::List { limit, .. } => {
            let answer = client.get(&format!("/api/v1/hunts?limit={limit}")).await?;
            if as_json {
                output::line(&answer);
                return Ok(Exit::Well);
            }
            let hunts = answer.get("hunts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let rows: Vec<_> = hunts.iter().map(row).collect();
            output::table(&["number", "begun", "state", "hits", "by", "what", "for"], &rows);
            Ok(Exit::Well)
        }
        Hunt::Show { id, .. } => {
            let answer = client.get(&format!("/api/v1/hunts/{}", encode(id))).await?;
            show(&answer, as_json);
            Ok(Exit::Well)
        }
        Hunt::Cancel { id, .. } => {
            let answer = client.post(&format!("/api/v1/hunts/{}/cancel", encode(id)), &json!({})).await?;
            let state = answer.get("state").map(plain).unwrap_or_default();
            // One that is under way ends with its next step.
            let state = if state == "running" { "it ends with its next step".to_owned() } else { state };
            done(&answer, &format!("{id}: {state}"), as_json)
        }
        Hunt::Ask {
            sought,
            strict,
            agreement,
            to,
            purpose,
            impact,
            from,
            until,
            max_seconds,
            max_bytes,
            ..
        } => {
            let (mut body, skipped) = question(sought, *strict)?;
            instants([from.as_deref(), until.as_deref()])?;
            let matter = json!({
                "agreement": agreement, "to": to, "purpose": purpose, "impact": impact,
                "from": from, "until": until, "max_seconds": max_seconds, "max_bytes": max_bytes,
            });
            join(&mut body, matter);
            let mut answer = client.post("/api/v1/hunt-requests", &body).await?;
            note(&mut answer, &skipped);
            partly(asked(&answer, as_json), &skipped)
        }
        Hunt::Requests { asking, .. } => requests(client, *asking, as_json).await,
        Hunt::Approve { id, reason, .. } => {
            let answer = decide(client, id, "approve", reason).await?;
            done(&answer, &format!("{id}: it runs here, and sums of it are answered"), as_json)
        }
        Hunt::Refuse { id, reason, .. } => {
            let answer = decide(client, id, "refuse", reason).await?;
            done(&answer, &format!("{id}: refused; the other side is told why"), as_json)
        }
    }
}

/// What is looked for, as the interface takes it, and the lines of a list that are left out.
fn question(sought: &Sought, strict: bool) -> Result<(Value, Vec<Value>), Failure> {
    if let Some(file) = &sought.sigma {
        let text = String::from_utf8(read_file(file)?).map_err(|_| {
            Failure::new(format!("`{}` is not text", file.display())).hint("save it as UTF-8")
        })?;
        return Ok((json!({"sigma": text}), Vec::new()));
    }
    if let Some(pattern) = &sought.pattern {
        return Ok((json!({"pattern": pattern}), Vec::new()));
    }
    if let Some(file) = &sought.list {
        let (values, skipped) = listed(&read_file(file)?);
        say_skipped(file, &skipped);
        if values.is_empty() {
            let name = file.display();
            return Err(Failure::new(format!("no line of `{name}` can be looked for"))
                .hint("write one address, network, name, URL or hash on each line"));
        }
        if values.len() > VALUES {
            let (count, name) = (values.len(), file.display());
            return Err(Failure::new(format!(
                "`{name}` has {count} values; at most {VALUES} are looked for at once"
            ))
            .hint("split it, and hunt for each part"));
        }
        if strict && !skipped.is_empty() {
            let (count, name) = (skipped.len(), file.display());
            return Err(Failure::refused(format!("{count} lines of `{name}` cannot be looked for"))
                .hint("mend them, or leave out --strict to look for the rest"));
        }
        return Ok((json!({"values": values}), skipped));
    }
    Ok((json!({"values": sought.values}), Vec::new()))
}

/// Whether the ends of a window are instants, before anything is asked.
fn instants(ends: [Option<&str>; 2]) -> Result<(), Failure> {
    let read = |text: &str| {
        text.parse::<Timestamp>().map_err(|error| {
            Failure::new(format!("`{text}` is {error}")).hint("write it such as 2026-10-02T07:00:00Z")
        })
    };
    let [from, until] = ends.map(|end| end.map(read).transpose());
    if from?.zip(until?).is_some_and(|(from, until)| from >= until) {
        return Err(Failure::new("--from is not before --until, so nothing would be looked at"));
    }
    Ok(())
}

/// Why a hunt did not begin: where a log source is named that there is none of, the call is at fault.
async fn misnamed(client: &Client, sources: &[String], mut refused: Failure) -> Failure {
    if sources.is_empty() || refused.exit != Exit::Findings {
        return refused;
    }
    let Ok(answer) = client.get("/api/v1/log-sources").await else { return refused };
    let listed = answer.get("log_sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_listed = |name: &String| listed.iter().any(|one| one.get("name").is_some_and(|own| own == name));
    if !sources.iter().all(is_listed) {
        refused.exit = Exit::Environment;
    }
    refused
}

/// The values of a list, each once however it is spelled, and the lines that are none, each with its number and why. Empty
/// lines and comments are neither.
fn listed(bytes: &[u8]) -> (Vec<String>, Vec<Value>) {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let (mut values, mut skipped) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (number, line) in (1_u64..).zip(bytes.split(|byte| *byte == b'\n')) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let means = match std::str::from_utf8(line) {
            Ok(_) => meaning(text),
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        match means {
            Ok(pattern) => {
                if seen.insert(pattern) {
                    values.push(text.to_owned());
                }
            }
            Err(why) => skipped.push(json!({"line": number, "text": cut(text, LINE), "why": why})),
        }
    }
    (values, skipped)
}

/// The pattern that a text stands for, or why it cannot be looked for, by what the node says of it too.
fn meaning(text: &str) -> Result<String, String> {
    let Some(term) = observable::read(text) else {
        return Err("it is no address, network, name, URL or hash".to_owned());
    };
    let pattern = observable::pattern(&term);
    match ::detect::watched(&pattern) {
        Ok(Watched::Atoms(_)) => Ok(pattern),
        Ok(Watched::Pattern(_)) => Err("it cannot be looked up".to_owned()),
        Err(why) => Err(why),
    }
}

fn say_skipped(file: &Path, skipped: &[Value]) {
    for one in skipped.iter().take(LINES) {
        let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
        let line = format!(
            "{}:{}: `{}` cannot be looked for: {}",
            file.display(),
            part("line"),
            part("text"),
            part("why")
        );
        output::say(&output::inline(&line));
    }
    if skipped.len() > LINES {
        output::say(&format!(
            "{}: {} more lines cannot be looked for",
            file.display(),
            skipped.len() - LINES
        ));
    }
}

/// Adds the lines that are left out to what a program reads.
fn note(answer: &mut Value, skipped: &[Value]) {
    if !skipped.is_empty() {
        join(answer, json!({"skipped": skipped}));
    }
}

/// How a command ends that left out lines: it was not all well.
fn partly(outcome: Outcome, skipped: &[Value]) -> Outcome {
    outcome.map(|exit| if skipped.is_empty() { exit } else { Exit::Findings })
}

/// Puts the members of one object into another.
fn join(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

async fn decide(client: &Client, id: &str, verb: &str, reason: &str) -> Result<Value, Failure> {
    let path = format!("/api/v1/hunt-requests/{}/{verb}", encode(id));
    client.post(&path, &json!({"reason": reason})).await
}

/// Looks at a hunt until it is over, with a bar for whoever watches.
async fn wait(client: &Client, id: &str) -> Result<Value, Failure> {
    let bar = if output::watched() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30.cyan} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    loop {
        let hunt = client.get(&format!("/api/v1/hunts/{}", encode(id))).await?;
        let state = hunt.get("state").map(plain).unwrap_or_default();
        if !matches!(state.as_str(), "waiting" | "running") {
            bar.finish_and_clear();
            return Ok(hunt);
        }
        let step = |name: &str| {
            hunt.pointer(&format!("/progress/{name}")).and_then(Value::as_u64).unwrap_or_default()
        };
        bar.set_length(step("steps"));
        bar.set_position(step("steps_done"));
        bar.set_message(format!(
            "{} events, {state}; `shieldwall hunt cancel {}`",
            step("events"),
            short(id)
        ));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Shows what came of a hunt that was waited for.
fn result(hunt: &Value, as_json: bool) -> Outcome {
    let state = hunt.get("state").and_then(Value::as_str).unwrap_or_default();
    if state == "failed" {
        let why = hunt.get("error").map(plain).unwrap_or_default();
        return Err(Failure::refused(format!("the hunt failed: {why}")));
    }
    show(hunt, as_json);
    let hits = hunt.pointer("/result/hits").and_then(Value::as_u64).unwrap_or_default();
    let whole = hunt.pointer("/result/looked_at/complete").and_then(Value::as_bool) == Some(true);
    Ok(if hits == 0 && state == "done" && whole { Exit::Well } else { Exit::Findings })
}

fn row(hunt: &Value) -> Vec<String> {
    let part = |name: &str| hunt.get(name).map(plain).unwrap_or_default();
    vec![
        short(&part("id")).to_owned(),
        part("begun"),
        part("state"),
        part("hits"),
        part("by"),
        part("what"),
        part("reason"),
    ]
}

fn show(hunt: &Value, as_json: bool) {
    if as_json {
        return output::line(hunt);
    }
    let part = |pointer: &str| hunt.pointer(pointer).map(plain).unwrap_or_default();
    output::text(&format!("hunt {} for {}: {}", short(&part("/id")), part("/what"), part("/state")));
    if let Some(why) = hunt.get("error") {
        output::text(&format!("it failed: {}", plain(why)));
    }
    let Some(result) = hunt.get("result") else { return };
    let found = result.get("found").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if found.is_empty() {
        output::text("nothing was found");
    } else {
        let rows: Vec<_> = found.iter().map(found_row).collect();
        output::table(&["what", "events", "earliest", "latest", "log sources"], &rows);
        found.iter().for_each(show_samples);
    }
    looked_at(result.get("looked_at").unwrap_or(&Value::Null));
}

fn found_row(found: &Value) -> Vec<String> {
    let part = |pointer: &str| found.pointer(pointer).map(plain).unwrap_or_default();
    let sources = found.pointer("/tally/sources").and_then(Value::as_object);
    let sources: Vec<_> =
        sources.into_iter().flatten().map(|(name, count)| format!("{name} ({})", plain(count))).collect();
    vec![part("/what"), part("/tally/count"), part("/tally/first"), part("/tally/last"), sources.join(", ")]
}

fn show_samples(found: &Value) {
    let samples = found.pointer("/tally/samples").and_then(Value::as_array);
    for sample in samples.into_iter().flatten() {
        let part = |name: &str| sample.get(name).map(plain).unwrap_or_default();
        let record = part("record");
        let record = cut(&record, RECORD);
        let place = ["time", "source", "device"].map(part).into_iter().filter(|word| !word.is_empty());
        output::text(&format!("  {}: {record}", place.collect::<Vec<_>>().join(" ")));
    }
}

/// Says what was looked at: "nothing" is worth what this says.
fn looked_at(looked: &Value) {
    let part = |name: &str| looked.get(name).map(plain).unwrap_or_default();
    let list = |name: &str| looked.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    output::text(&format!("looked at {} events", part("events")));
    for source in list("sources") {
        let part = |name: &str| source.get(name).map(plain).unwrap_or_default();
        output::text(&format!(
            "  {}: {} events from {} until {}",
            part("source"),
            part("events"),
            part("from"),
            part("until")
        ));
    }
    if looked.get("complete").and_then(Value::as_bool) != Some(true) {
        output::text("not everything that was asked about was looked at");
    }
    for blind in list("blind") {
        output::text(&format!("  {}", plain(blind)));
    }
}

fn asked(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    for one in answer.get("asked").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
        output::text(&format!("{} is asked ({})", part("party"), short(&part("id"))));
    }
    output::say("answers come by themselves: `shieldwall hunt requests --asking`");
    Ok(Exit::Well)
}

async fn requests(client: &Client, asking: bool, as_json: bool) -> Outcome {
    let direction = if asking { "asking" } else { "asked" };
    let answer = client.get(&format!("/api/v1/hunt-requests?direction={direction}&limit=1000")).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    if asking {
        let questions = answer.get("requests").and_then(Value::as_array).map(Vec::as_slice);
        let rows: Vec<_> = questions.unwrap_or_default().iter().map(asking_row).collect();
        output::table(&["number", "asked", "party", "state", "what", "purpose", "answer"], &rows);
        return Ok(Exit::Well);
    }
    let columns = [
        ("number", "/id"),
        ("asked", "/begun"),
        ("party", "/party"),
        ("state", "/state"),
        ("what", "/what"),
        ("only the noise", "/impact"),
        ("purpose", "/purpose"),
        ("expires", "/expires"),
    ];
    Ok(list(&shortened(answer), "requests", &columns, false))
}

/// The same list with numbers as people type them.
fn shortened(mut answer: Value) -> Value {
    for one in answer.get_mut("requests").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(id) = one.get_mut("id") {
            *id = json!(short(&plain(id)));
        }
    }
    answer
}

fn asking_row(request: &Value) -> Vec<String> {
    let part = |name: &str| request.get(name).map(plain).unwrap_or_default();
    let answer = match request.get("result") {
        Some(result) => sums(result),
        None => part("reason"),
    };
    vec![
        short(&part("id")).to_owned(),
        part("begun"),
        part("party"),
        part("state"),
        part("what"),
        part("purpose"),
        answer,
    ]
}

/// The sums that a party answered with.
fn sums(result: &Value) -> String {
    let number = |name: &str| result.get(name).and_then(Value::as_u64);
    let is = |pointer: &str| result.pointer(pointer).and_then(Value::as_bool) == Some(true);
    let seen = match (result.get("seen").and_then(Value::as_bool), number("events"), number("fewer_than")) {
        (Some(false), ..) => "nothing".to_owned(),
        (_, Some(events), _) if is("/more") => format!("at least {events} events"),
        (_, Some(events), _) => format!("{events} events"),
        (_, None, Some(few)) => format!("fewer than {few} events"),
        _ => "seen".to_owned(),
    };
    let days = match result.get("days").and_then(Value::as_object).map_or(0, serde_json::Map::len) {
        0 => String::new(),
        days => format!(" on {days} days"),
    };
    let looked = result.pointer("/looked_at/events").map(plain).unwrap_or_default();
    // Others tell what they looked at by its order of magnitude, rounded up.
    let about = if is("/looked_at/coarse") { "up to " } else { "" };
    let partly = match result.pointer("/looked_at/complete").and_then(Value::as_bool) {
        Some(false) => ", in part",
        _ => "",
    };
    format!("{seen}{days}{}, of {about}{looked} events looked at{partly}", levels(result))
}

/// How many of them are of which level, where only the noise was asked about.
fn levels(result: &Value) -> String {
    let Some(told) = result.get("levels").and_then(Value::as_object) else { return String::new() };
    let known = LEVELS.iter().filter_map(|level| Some(format!("{level} {}", told.get(*level)?.as_u64()?)));
    let mut parts: Vec<String> = known.collect();
    if result.get("more_levels").and_then(Value::as_bool) == Some(true) {
        parts.push("others".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_keeps_no_other_out() {
        let list = b"\xEF\xBB\xBF# suspects\r\n192.0.2.7\r\n\nwhat is this?\nbad[.]example.net\n\xff\xfe\n10.0.0.0/4\n";
        let (values, skipped) = listed(list);
        assert_eq!(values, ["192.0.2.7", "bad[.]example.net"]);
        let lines: Vec<u64> = skipped.iter().map(|one| one["line"].as_u64().unwrap()).collect();
        assert_eq!(lines, [4, 6, 7]);
        assert!(skipped.iter().all(|one| !one["why"].as_str().unwrap().is_empty()));
        assert!(listed(b"# nothing\n").0.is_empty());
        // However it is spelled, it is looked for once.
        let twice = b"192.0.2.7\nbad.example.net\n192[.]0[.]2[.]7\nBAD[.]example.net\n192.0.2.7\n";
        assert_eq!(listed(twice).0, ["192.0.2.7", "bad.example.net"]);
    }

    #[test]
    fn sums_of_others_are_no_more_exact_than_they_were_told() {
        let looked = json!({"events": 1_000_000, "coarse": true, "complete": true});
        let days = json!({"2026-10-01": 10, "2026-10-02": 7});
        let exact = json!({"seen": true, "events": 17, "more": false, "days": days, "looked_at": looked});
        assert_eq!(sums(&exact), "17 events on 2 days, of up to 1000000 events looked at");
        let mut noise = exact.clone();
        join(
            &mut noise,
            json!({"more": true, "levels": {"high": 5, "critical": 6, "x": 9}, "more_levels": true}),
        );
        assert_eq!(
            sums(&noise),
            "at least 17 events on 2 days (critical 6, high 5, others), of up to 1000000 events looked at"
        );
        let few = json!({
            "seen": true, "events": null, "fewer_than": 5, "days": {}, "levels": {}, "more_levels": false,
            "looked_at": {"events": 10, "coarse": true, "complete": false},
        });
        assert_eq!(sums(&few), "fewer than 5 events, of up to 10 events looked at, in part");
        let untold = json!({"seen": true, "events": null, "fewer_than": null, "looked_at": looked});
        assert_eq!(sums(&untold), "seen, of up to 1000000 events looked at");
        // Versions before told the number itself.
        let before = json!({"seen": false, "events": 0, "looked_at": {"events": 31, "complete": true}});
        assert_eq!(sums(&before), "nothing, of 31 events looked at");
    }
}
