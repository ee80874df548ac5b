//! Reading objects, and making those of this organisation.

use axum::http::Method;
use json::{Edits, Limits, Tape};
use model::{Label, Timestamp};
use ports::{Clock, Ids};
use runtime::{OsIds, SystemClock};
use serde_json::{Value, json};
use stix::build::ObjectBuilder;

use super::lifecycle::plain;
use super::{Outcome, read_file};
use crate::cli::{Indicator, Object};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// Prints an object byte for byte, or with `--json` what the node knows about it.
pub async fn get(client: &Client, id: &str, version: Option<&str>, versions: bool, as_json: bool) -> Outcome {
    let path = format!("/api/v1/objects/{}", encode(id));
    if versions {
        let answer = client.get(&format!("{path}/versions")).await?;
        if as_json {
            output::line(&answer);
        } else {
            let list = answer.get("versions").and_then(Value::as_array).cloned().unwrap_or_default();
            let column = |item: &Value, name: &str| item.get(name).map(plain).unwrap_or_default();
            let rows: Vec<Vec<String>> = list
                .iter()
                .map(|item| {
                    ["version", "label", "source", "accepted", "revoked"]
                        .map(|name| column(item, name))
                        .into()
                })
                .collect();
            output::table(&["version", "label", "source", "accepted", "revoked"], &rows);
        }
        return Ok(Exit::Well);
    }
    let query = version.map(|version| format!("?version={}", encode(version))).unwrap_or_default();
    if as_json {
        output::line(&client.get(&format!("{path}{query}")).await?);
    } else {
        let query = if query.is_empty() { "?raw=true".to_owned() } else { format!("{query}&raw=true") };
        let raw = client.bytes(&format!("{path}{query}")).await?;
        output::raw(&raw);
        output::raw(b"\n");
    }
    Ok(Exit::Well)
}

pub async fn search(
    client: &Client,
    query: Option<&str>,
    value: Option<&str>,
    limit: u32,
    as_json: bool,
) -> Outcome {
    let what = match (query, value) {
        (_, Some(value)) => format!("observable={}", encode(value)),
        (Some(query), None) => format!("q={}", encode(query)),
        (None, None) => return Err(Failure::new("nothing to search for")),
    };
    let answer = client.get(&format!("/api/v1/search?{what}&limit={limit}")).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let hits = answer.get("hits").and_then(Value::as_array).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = hits
        .iter()
        .map(|hit| {
            let column = |name: &str| hit.get(name).map(plain).unwrap_or_default();
            let context = if value.is_some() { column("observable") } else { column("snippet") };
            vec![column("id"), column("title"), context.replace('\n', " ")]
        })
        .collect();
    output::table(&["id", "title", "where"], &rows);
    let lag = answer.get("lag").and_then(Value::as_u64).unwrap_or_default();
    if lag > 0 && value.is_none() {
        output::say(&format!("search is {lag} journal entries behind"));
    }
    Ok(Exit::Well)
}

pub async fn object(client: &Client, command: &Object, as_json: bool) -> Outcome {
    match command {
        Object::New { file, tlp, exercise, .. } => {
            let bytes = read_file(file)?;
            let text = complete(&bytes, &identity(client).await?, tlp.as_deref(), exercise.as_deref())?;
            add(client, &text, as_json).await
        }
        Object::Revise { id, file, .. } => {
            let changes: serde_json::Map<String, Value> =
                serde_json::from_slice(&read_file(file)?).map_err(|error| {
                    Failure::new(format!("`{}` is not a JSON object: {error}", file.display()))
                })?;
            for fixed in ["id", "type", "created", "created_by_ref"] {
                if changes.contains_key(fixed) {
                    return Err(Failure::new(format!(
                        "`{fixed}` cannot change between versions (STIX 2.1 §3.6)"
                    )));
                }
            }
            let text = revised(client, id, &changes).await?;
            add(client, &text, as_json).await
        }
        Object::Revoke { id, .. } => {
            let changes = serde_json::Map::from_iter([("revoked".to_owned(), Value::Bool(true))]);
            let text = revised(client, id, &changes).await?;
            add(client, &text, as_json).await
        }
        Object::Feedback(asked) => super::answers::feedback(client, asked, as_json).await,
        Object::Mutes(command) => super::mutes::mutes(client, command, as_json).await,
        Object::Erase { id, reason, .. } => {
            let path = format!("/api/v1/objects/{}", encode(id));
            let answer = client.call(Method::DELETE, &path, Some(&json!({"reason": reason}))).await?;
            if as_json {
                output::line(&answer);
            } else {
                let versions = answer.get("versions").map(plain).unwrap_or_default();
                output::text(&format!("{versions} versions erased; the object cannot come back"));
            }
            Ok(Exit::Well)
        }
    }
}

/// The organisation's identity.
async fn identity(client: &Client) -> Result<String, Failure> {
    let node = client.get("/api/v1/node").await?;
    Ok(node.get("identity").map(plain).unwrap_or_default())
}

/// Fills in what a person need not type: id, times, creator, marking.
fn complete(
    bytes: &[u8],
    identity: &str,
    tlp: Option<&str>,
    exercise: Option<&str>,
) -> Result<String, Failure> {
    let given: serde_json::Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| Failure::new(format!("not a JSON object: {error}")))?;
    let kind = given.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind.is_empty() {
        return Err(
            Failure::new("the object has no `type`").hint("say what it is, such as \"type\": \"malware\"")
        );
    }
    if tlp.is_some() && given.contains_key("object_marking_refs") {
        return Err(Failure::new(
            "the object has markings of its own; leave out `--tlp`, or take them out of the file",
        ));
    }
    if given.get("created_by_ref").is_some_and(|creator| creator != identity) {
        return Err(Failure::new("`created_by_ref` names somebody else").hint(
            "leave it out: what you make here is this organisation's; what others made is taken in by `shieldwall import`",
        ));
    }
    let now = SystemClock.now();
    let observable = stix::schema::type_schema(&kind).is_some_and(|schema| schema.class == stix::Class::Sco);
    let mut object = serde_json::Map::new();
    object.insert("type".to_owned(), json!(kind));
    object.insert("spec_version".to_owned(), json!("2.1"));
    if !observable {
        object.insert("created_by_ref".to_owned(), json!(identity));
        object.insert("created".to_owned(), json!(now.to_string()));
        object.insert("modified".to_owned(), json!(now.to_string()));
    }
    if let Some(marking) = marking(tlp)? {
        object.insert("object_marking_refs".to_owned(), json!([marking]));
    }
    for (name, value) in given {
        object.insert(name, value);
    }
    if let Some(name) = exercise {
        if observable {
            return Err(Failure::new("observables have no labels (STIX 2.1 §6)")
                .hint("put what belongs to an exercise into an object that has: observed-data, indicator"));
        }
        if name.is_empty() || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            return Err(Failure::new("the name of an exercise is made of a-z, 0-9 and -"));
        }
        let labels = object.entry("labels").or_insert_with(|| json!([]));
        if let Some(labels) = labels.as_array_mut() {
            labels.push(json!(format!("exercise:{name}")));
        }
    }
    if !object.contains_key("id") {
        let text = Value::Object(object.clone()).to_string();
        let mut tape = Tape::new();
        let value =
            tape.parse(text.as_bytes(), &Limits::OBJECT).map_err(|e| Failure::refused(e.to_string()))?;
        let id = stix::sco::deterministic_id(value).filter(|_| observable);
        let id = id.unwrap_or_else(|| model::StixId::new(&kind, OsIds.uuid()));
        object.insert("id".to_owned(), json!(id.as_str()));
    }
    Ok(Value::Object(object).to_string())
}

fn marking(tlp: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(text) = tlp else { return Ok(None) };
    match text.parse::<Label>() {
        Ok(Label::Tlp(tlp)) => Ok(Some(stix::marking::tlp_ref(tlp).to_string())),
        Ok(Label::OwnOnly) => Ok(None),
        Err(message) => Err(Failure::new(message)),
    }
}

/// The newest version with some properties changed and a later `modified`; everything else keeps its spelling.
async fn revised(
    client: &Client,
    id: &str,
    changes: &serde_json::Map<String, Value>,
) -> Result<String, Failure> {
    let path = format!("/api/v1/objects/{}?raw=true", encode(id));
    let raw = client.bytes(&path).await?;
    let mut tape = Tape::new();
    let object = tape.parse(&raw, &Limits::OBJECT).map_err(|error| Failure::new(error.to_string()))?;
    let own = identity(client).await?;
    if object.get("created_by_ref").and_then(|by| by.as_str()).is_none_or(|by| by != own) {
        return Err(Failure::refused(format!("`{id}` was not created by this organisation"))
            .hint("only the creator makes new versions; say it in a note or opinion of your own"));
    }
    let before = object.get("modified").and_then(|m| m.as_str()).and_then(|m| m.parse::<Timestamp>().ok());
    let now = SystemClock.now();
    let modified = before.map_or(now, |before| now.max(before.plus_micros(1000)));
    let mut edits = Edits::new();
    if let Some(value) = object.get("modified") {
        edits.replace(value, format!("\"{modified}\""));
    }
    for (name, value) in changes.iter().filter(|(name, _)| *name != "modified") {
        match (object.get(name), value) {
            (Some(old), Value::Null) => edits.remove(old),
            (None, Value::Null) => {}
            (Some(old), new) => edits.replace(old, new.to_string()),
            (None, new) => edits.append(object, name, new.to_string()),
        }
    }
    Ok(edits.apply(object))
}

/// Sends objects of this organisation and says what became of them.
pub async fn add(client: &Client, text: &str, as_json: bool) -> Outcome {
    let answer = client.send_json(Method::POST, "/api/v1/objects", text.to_owned()).await?;
    let refused = answer.pointer("/summary/refused").and_then(Value::as_u64).unwrap_or_default();
    let held = answer.pointer("/summary/held").and_then(Value::as_u64).unwrap_or_default();
    if as_json {
        output::line(&answer);
    } else {
        for result in answer.get("results").and_then(Value::as_array).into_iter().flatten() {
            let word = |name: &str| result.get(name).map(plain).unwrap_or_default();
            output::text(&format!("{} {}", word("outcome"), word("id")));
            for finding in result.get("findings").and_then(Value::as_array).into_iter().flatten() {
                let word = |name: &str| finding.get(name).map(plain).unwrap_or_default();
                output::say(&format!("  {} {}: {}", word("severity"), word("pointer"), word("message")));
            }
            if let Some(number) = result.get("held") {
                output::say(&format!(
                    "  decide with `shieldwall held release {number} --reason …` or `held drop {number} --reason …`"
                ));
            }
        }
    }
    Ok(if refused + held > 0 { Exit::Findings } else { Exit::Well })
}

pub async fn indicator(client: &Client, command: &Indicator, as_json: bool) -> Outcome {
    let Indicator::Add { value, name, description, tlp, confidence, valid_until, .. } = command;
    let (pattern, default_name) = if value.trim_start().starts_with(['[', '(']) {
        (value.clone(), None)
    } else {
        let term = observable::read(value).ok_or_else(|| {
            Failure::new(format!("`{value}` is not an address, domain, URL, e-mail address or hash"))
                .hint("for anything else give a STIX pattern such as \"[file:name = 'evil.exe']\"")
        })?;
        (observable::pattern(&term), Some(term.observable.to_string()))
    };
    let now = SystemClock.now();
    let id = model::StixId::new("indicator", OsIds.uuid());
    let mut object = ObjectBuilder::versioned(&id, now, now)
        .string("created_by_ref", &identity(client).await?)
        .strings("indicator_types", &["malicious-activity"])
        .string("pattern", &pattern)
        .string("pattern_type", "stix")
        .string("pattern_version", "2.1")
        .string("valid_from", &now.to_string());
    if let Some(name) = name.as_ref().or(default_name.as_ref()) {
        object = object.string("name", name);
    }
    if let Some(description) = description {
        object = object.string("description", description);
    }
    if let Some(confidence) = confidence {
        object = object.raw("confidence", &confidence.to_string());
    }
    if let Some(until) = valid_until {
        object = object.string("valid_until", until);
    }
    if let Some(marking) = marking(tlp.as_deref())? {
        object = object.strings("object_marking_refs", &[marking]);
    }
    add(client, &object.finish(), as_json).await
}
