//! What nobody here wants to hear of for a while.

use axum::http::Method;
use serde_json::{Value, json};

use super::Outcome;
use super::admin::done;
use super::lifecycle::plain;
use crate::cli::mute::{Mute, Mutes, Unmute};
use crate::client::{Client, encode};
use crate::exit::Exit;
use crate::output;

pub async fn mutes(client: &Client, command: &Mutes, as_json: bool) -> Outcome {
    match command {
        Mutes::Mute(asked) => mute(client, asked, as_json).await,
        Mutes::Unmute(asked) => unmute(client, asked, as_json).await,
        Mutes::Muted { .. } => muted(client, as_json).await,
    }
}

async fn mute(client: &Client, asked: &Mute, as_json: bool) -> Outcome {
    let mut body = json!({"reason": asked.reason});
    if let (Some(body), Some(until)) = (body.as_object_mut(), &asked.until) {
        body.insert("until".to_owned(), json!(until));
    }
    client.call(Method::PUT, &path(&asked.id), Some(&body)).await?;
    let until = asked.until.as_ref().map_or_else(
        || format!("until `shieldwall object unmute {} --reason TEXT`", asked.id),
        |until| format!("until {until}"),
    );
    let answer = json!({"object": asked.id, "muted": true, "until": asked.until});
    done(&answer, &format!("{} raises no alert here {until}", asked.id), as_json)
}

async fn unmute(client: &Client, asked: &Unmute, as_json: bool) -> Outcome {
    client.call(Method::DELETE, &path(&asked.id), Some(&json!({"reason": asked.reason}))).await?;
    let answer = json!({"object": asked.id, "muted": false});
    let sentence = format!("{} is looked for again, and once more in what was kept meanwhile", asked.id);
    done(&answer, &sentence, as_json)
}

async fn muted(client: &Client, as_json: bool) -> Outcome {
    let answer = client.get("/api/v1/mutes").await?;
    if as_json {
        output::line(&answer);
        return Ok(Exit::Well);
    }
    let mutes = answer.get("mutes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if mutes.is_empty() {
        output::say("nothing is muted");
        return Ok(Exit::Well);
    }
    let names = ["object", "since", "until", "by", "reason"];
    let rows: Vec<Vec<String>> = mutes
        .iter()
        .map(|mute| names.map(|name| mute.get(name).map(plain).unwrap_or_default()).into())
        .collect();
    output::table(&names, &rows);
    Ok(Exit::Well)
}

fn path(id: &str) -> String {
    format!("/api/v1/objects/{}/mute", encode(id))
}
