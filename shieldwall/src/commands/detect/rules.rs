//! Sigma rules of the node, and what it looks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::Method;
use detect::{Kind, Loader};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::cli::detect::{Detect, DetectRules};
use crate::client::{Client, encode, problem};
use crate::commands::admin::done;
use crate::commands::alerts::cut;
use crate::commands::import::gather;
use crate::commands::lifecycle::plain;
use crate::commands::{Outcome, read_file};
use crate::exit::{Exit, Failure};
use crate::output;

/// Rules that are asked for at once.
const PAGE: usize = 1_000;
/// Indicators and rules that are named in a summary.
const NAMED: usize = 10;
/// The longest list of ids in a message, in characters.
const LISTED: usize = 200;

/// Commands of `detect` that call a node.
pub async fn run(client: &Client, command: &Detect, as_json: bool) -> Outcome {
    match command {
        Detect::Scan { .. } => Err(Failure::new("a scan calls no node")),
        Detect::Rules(DetectRules::Add { paths, replace, .. }) => add(client, paths, *replace, as_json).await,
        Detect::Rules(DetectRules::Remove { name, .. }) => {
            let path = format!("/api/v1/detection/rules/{}", encode(name));
            let answer = client.call(Method::DELETE, &path, None).await?;
            done(&answer, &format!("the rules of {name} are no longer run; their alerts stay"), as_json)
        }
        Detect::Rules(DetectRules::List { state, .. }) => {
            let rules = all(client, state.map(|state| state.as_str())).await?;
            if as_json {
                output::line(&json!({"total": rules.len(), "rules": rules}));
            } else {
                let rows: Vec<_> = rules.iter().map(row).collect();
                output::table(&["state", "level", "title", "from", "read", "fired", "last", "why"], &rows);
            }
            Ok(Exit::Well)
        }
        Detect::Coverage { .. } => {
            let mut answer = client.get("/api/v1/detection/coverage").await?;
            client.say_running(&mut answer);
            if as_json {
                output::line(&answer);
            } else {
                show(&answer);
            }
            Ok(Exit::Well)
        }
    }
}

/// Every rule, page by page.
async fn all(client: &Client, state: Option<&str>) -> Result<Vec<Value>, Failure> {
    let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
    let mut rules: Vec<Value> = Vec::new();
    loop {
        let offset = rules.len();
        let path = format!("/api/v1/detection/rules?limit={PAGE}&offset={offset}{state}");
        let mut answer = client.get(&path).await?;
        match answer.get_mut("rules").and_then(Value::as_array_mut) {
            Some(page) if !page.is_empty() => rules.append(page),
            _ => return Ok(rules),
        }
    }
}

/// What the rules of a file are called: the file as it was named.
fn name_of(file: &Path) -> String {
    file.strip_prefix(".").unwrap_or(file).display().to_string()
}

/// Rules by the name of the text they stand in: of each its id, or its title where it has none.
type Known = BTreeMap<String, BTreeSet<String>>;

/// The node's own rules that can be read.
fn known(rules: &[Value]) -> Known {
    let mut known = Known::new();
    for rule in rules {
        let word = |name: &str| rule.get(name).and_then(Value::as_str);
        // What is no rule is called by its file's name, and may be mended by any text.
        let Some(file) = word("file") else { continue };
        let plain_name = file.rsplit('/').next();
        if let Some(name) = word("id").or_else(|| word("title").filter(|title| Some(*title) != plain_name)) {
            known.entry(file.to_owned()).or_default().insert(name.to_owned());
        }
    }
    known
}

/// Why a text is not put in the place of the one that has its name: they have no rule in common, so that nobody edited the
/// one to get the other. The name is the path as it was typed, and another folder may have a file of the same.
fn foreign(name: &str, text: &[u8], known: &Known) -> Option<String> {
    let old = known.get(name)?;
    let mut loader = Loader::new();
    loader.add(name, &String::from_utf8_lossy(text));
    let sigma = loader.finish();
    let readable = sigma.cards().iter().filter(|card| card.kind != Kind::Unreadable);
    let new: BTreeSet<&str> = readable.map(|card| card.id.as_deref().unwrap_or(&card.title)).collect();
    if new.is_empty() || new.iter().any(|id| old.contains(*id)) {
        return None;
    }
    let old = cut(&old.iter().map(String::as_str).collect::<Vec<_>>().join(", "), LISTED).into_owned();
    let new = new.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!(
        "not added: the node has other rules by this name, {old}, and the file has {}; name the file by another path, or \
         put it in their place with --replace",
        cut(&new, LISTED)
    ))
}

async fn add(client: &Client, paths: &[PathBuf], replace: bool, as_json: bool) -> Outcome {
    let mut files = gather(paths)?;
    // Beside rules there are licences and guides; what is named itself is meant.
    let is_rule = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "yml" || ending == "yaml");
    files.retain(|file| is_rule(file) || paths.contains(file));
    if files.is_empty() {
        return Err(Failure::new("there is no rule: no file that ends in `.yml` or `.yaml`")
            .hint("name files or folders of Sigma rules"));
    }
    let mut names = BTreeSet::new();
    let (mut changed, mut refused) = (0, 0);
    let known = if replace { Known::new() } else { known(&all(client, None).await?) };
    for file in &files {
        let name = name_of(file);
        let text = read_file(file)?;
        if let Some(why) = foreign(&name, &text, &known) {
            refused += 1;
            output::say(&output::inline(&format!("{name}: {why}")));
            continue;
        }
        let path = format!("/api/v1/detection/rules/{}", encode(&name));
        let body = Body::from(text);
        let request = client.request(Method::PUT, &path, Some("application/yaml"), body)?;
        let response = client.send(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            let why = problem(status, &answer);
            // One file that is refused keeps no other from being added.
            if why.exit == Exit::Findings {
                refused += 1;
                output::say(&output::inline(&format!("{name}: {why}")));
                continue;
            }
            return Err(Failure::new(format!("{name}: {why}")));
        }
        let answer: Value = serde_json::from_slice(&answer)?;
        changed += u64::from(answer.get("changed").and_then(Value::as_bool) == Some(true));
        names.insert(name);
    }
    // They are in force by the time they are listed.
    let mut rules = all(client, None).await?;
    rules.retain(|rule| rule.get("file").and_then(Value::as_str).is_some_and(|file| names.contains(file)));
    let state = |rule: &Value| rule.get("state").map(plain).unwrap_or_default();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    rules.iter().for_each(|rule| *states.entry(state(rule)).or_default() += 1);
    if as_json {
        output::line(
            &json!({"files": files.len(), "changed": changed, "refused": refused, "states": states, "rules": rules}),
        );
    } else {
        for rule in rules.iter().filter(|rule| state(rule) != "active") {
            let part = |name: &str| rule.get(name).map(plain).unwrap_or_default();
            output::say(&format!("{:<20} {}: {}", state(rule), part("title"), part("reason")));
        }
        for rule in &rules {
            let title = rule.get("title").map(plain).unwrap_or_default();
            notes(rule).for_each(|note| output::say(&format!("{:<20} {title}: {note}", "note")));
        }
        let counts: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
        output::text(&format!(
            "{changed} of {} files are new or changed; rules: {}",
            files.len(),
            counts.join(", ")
        ));
    }
    let broken = ["unsupported", "self-test-failed"].iter().any(|state| states.contains_key(*state));
    Ok(if broken || refused > 0 { Exit::Findings } else { Exit::Well })
}

/// What is odd about a rule that can be used.
fn notes(rule: &Value) -> impl Iterator<Item = String> {
    rule.get("notes").and_then(Value::as_array).into_iter().flatten().map(plain)
}

/// Why a rule is silent, or may be.
fn why(rule: &Value) -> String {
    let part = |name: &str| rule.get(name).map(plain).unwrap_or_default();
    let hungry = part("state") == "active"
        && rule.get("source_events").and_then(Value::as_u64) == Some(0)
        && rule.get("classes").and_then(Value::as_array).is_some_and(|classes| !classes.is_empty());
    let hungry = hungry.then(|| "nothing of its log source was read since the start".to_owned());
    let reason = Some(part("reason")).filter(|reason| !reason.is_empty());
    reason.into_iter().chain(hungry).chain(notes(rule)).collect::<Vec<_>>().join("; ")
}

fn row(rule: &Value) -> Vec<String> {
    let part = |name: &str| rule.get(name).map(plain).unwrap_or_default();
    let from = match part("file") {
        none if none.is_empty() => part("object"),
        file => file,
    };
    vec![
        part("state"),
        part("level"),
        part("title"),
        from,
        part("source_events"),
        part("fired"),
        part("last_fired"),
        why(rule),
    ]
}

fn show(coverage: &Value) {
    let part = |pointer: &str| coverage.pointer(pointer).map(plain).unwrap_or_default();
    let list =
        |name: &str| coverage.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let states = coverage.get("rules").and_then(Value::as_object);
    let states: Vec<String> =
        states.into_iter().flatten().map(|(state, count)| format!("{} {state}", plain(count))).collect();
    output::text(&format!(
        "looked for: {} values, {} patterns, {} shared rules",
        part("/values"),
        part("/patterns"),
        part("/shared_rules")
    ));
    output::text(&match states.is_empty() {
        true => "Sigma rules: none".to_owned(),
        false => {
            format!("Sigma rules: {}; {} active ones never matched", states.join(", "), part("/never_fired"))
        }
    });
    if let Some(hungry) = coverage.get("never_fed").and_then(Value::as_u64).filter(|count| *count > 0) {
        output::text(&format!(
            "nothing to look at: {hungry} active rules; no event of their log source was read since the start"
        ));
    }
    match coverage.pointer("/watch/behind").and_then(Value::as_u64).unwrap_or_default() {
        0 => {}
        behind => output::text(&format!(
            "not looked for yet: what the last {behind} entries of the journal brought"
        )),
    }
    let since = |name: &str| coverage.pointer(&format!("/watch/{name}_since")).map(plain);
    if let Some(since) = since("rebuilding") {
        output::text(&format!(
            "the index of indicators is made anew since {since}; what came after waits for it"
        ));
    }
    if let Some(since) = since("loading") {
        output::text(&format!(
            "rules are being loaded since {since}; those that were loaded before run meanwhile"
        ));
    }
    let tests = ["passed", "failed", "untried"].map(|word| part(&format!("/self_tests/{word}")));
    let [passed, failed, untried] = tests;
    let techniques = list("techniques");
    if !techniques.is_empty() {
        output::text(&format!(
            "ATT&CK: {} techniques covered by rules that were shown to fire, of {} that rules name",
            techniques.iter().filter(|one| one.get("covered") == Some(&Value::Bool(true))).count(),
            techniques.len()
        ));
    }
    output::text(&format!("self-tests: {passed} passed, {failed} failed, {untried} could not be made"));
    output::text(&format!(
        "kept for hunts: {} events, and {} that wait to be written",
        part("/telemetry/events"),
        part("/telemetry/waiting")
    ));
    let sources = list("log_sources");
    if sources.is_empty() {
        output::text("nothing is read: begin with `shieldwall log-source add`");
    } else {
        let cell = |source: &Value, name: &str| source.get(name).map(plain).unwrap_or_default();
        let columns = ["name", "state", "records", "malformed", "lost", "last_read", "problem"];
        let row = |source: &Value| columns.map(|name| cell(source, name)).to_vec();
        let rows: Vec<_> = sources.iter().map(row).collect();
        output::table(
            &["log source", "state", "records", "malformed", "lost", "last read", "problem"],
            &rows,
        );
    }
    let unwatched = list("first_unwatched");
    if !unwatched.is_empty() {
        output::text(&format!("not looked for: {} indicators", part("/unwatched")));
    }
    for one in unwatched.iter().take(NAMED) {
        let part = |name: &str| one.get(name).map(plain).unwrap_or_default();
        output::text(&format!("  {}: {}", part("object"), part("reason")));
    }
    for blind in coverage.pointer("/telemetry/blind").and_then(Value::as_array).into_iter().flatten() {
        output::text(&format!("cannot be read any more: {}", plain(blind)));
    }
}
