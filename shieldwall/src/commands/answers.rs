//! What parties say of what they were given, and what we say of what we were.

use serde_json::{Value, json};

use super::Outcome;
use super::admin::done;
use super::lifecycle::plain;
use crate::cli::hunt::{Answers, Feedback};
use crate::client::{Client, encode};
use crate::exit::Exit;
use crate::output;

pub async fn answers(client: &Client, asked: &Answers, as_json: bool) -> Outcome {
    let answer = client.get(&format!("/api/v1/objects/{}/answers", encode(&asked.id))).await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let list = |name: &str| answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (parties, others) = (list("parties"), list("others"));
    if parties.is_empty() && others.is_empty() {
        output::say("nobody was given it, and nobody has said anything about it");
    } else {
        let rows: Vec<_> = parties.iter().map(row).chain(others.iter().map(other_row)).collect();
        output::table(&["party", "given", "seen", "last", "looked at", "after ms", "opinion"], &rows);
    }
    let part = |name: &str| answer.get(name).map(plain).unwrap_or_default();
    let own = match part("confidence") {
        none if none.is_empty() => "it states none".to_owned(),
        stated => format!("it states {stated}"),
    };
    output::text(&format!(
        "seen by {}, not seen by {}, not looked for by {}, not answered by {}, disputed by {}; its confidence comes to {} of 100 ({own})",
        part("seen_by"),
        part("not_seen_by"),
        part("cannot_look"),
        part("waiting"),
        part("disputed_by"),
        part("assessed")
    ));
    Ok(Exit::Well)
}

fn row(party: &Value) -> Vec<String> {
    let part = |pointer: &str| party.pointer(pointer).map(plain).unwrap_or_default();
    let given = match part("/withdrawn") {
        none if none.is_empty() => part("/given"),
        at => format!("taken back {at}"),
    };
    let seen = match (party.get("answer"), part("/cannot_look")) {
        (Some(answer), why) if why.is_empty() => seen(answer),
        (Some(answer), why) => format!("{}; no longer looks: {why}", seen(answer)),
        (None, why) if why.is_empty() => "no answer".to_owned(),
        (None, why) => format!("does not look: {why}"),
    };
    let opinion = match part("/explanation") {
        none if none.is_empty() => part("/opinion"),
        why => format!("{}: {why}", part("/opinion")),
    };
    let looked = party.pointer("/answer/looked_at").map(looked).unwrap_or_default();
    vec![part("/party"), given, seen, part("/answer/last_seen"), looked, part("/took_ms"), opinion]
}

/// Somebody who was not given it by us.
fn other_row(other: &Value) -> Vec<String> {
    let part = |pointer: &str| other.pointer(pointer).map(plain).unwrap_or_default();
    let seen = other.get("answer").map(seen).unwrap_or_default();
    let looked = other.pointer("/answer/looked_at").map(looked).unwrap_or_default();
    let nothing = String::new;
    vec![part("/sighting"), nothing(), seen, part("/answer/last_seen"), looked, nothing(), nothing()]
}

fn seen(answer: &Value) -> String {
    match answer.get("count").and_then(Value::as_u64).unwrap_or_default() {
        0 => "nothing".to_owned(),
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

/// What was looked at, as the party said: what it leaves out is left out.
fn looked(coverage: &Value) -> String {
    let part = |name: &str| coverage.get(name).filter(|value| !value.is_null()).map(plain);
    let events = part("events").map(|events| format!("at most {events} events"));
    let since = part("from").map(|from| format!("since {from}"));
    let partly =
        (coverage.get("complete").and_then(Value::as_bool) == Some(false)).then(|| "in part".to_owned());
    [events, since, partly].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

pub async fn feedback(client: &Client, asked: &Feedback, as_json: bool) -> Outcome {
    let body = json!({"opinion": asked.opinion.as_str(), "explanation": asked.explanation});
    let answer = client.post(&format!("/api/v1/objects/{}/feedback", encode(&asked.id)), &body).await?;
    let id = answer.get("id").map(plain).unwrap_or_default();
    done(
        &answer,
        &format!("{} is said in {id}; it goes to whoever may have it", asked.opinion.as_str()),
        as_json,
    )
}
