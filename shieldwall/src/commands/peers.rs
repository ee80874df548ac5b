//! Other parties' nodes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::admin::{done, list};
use super::lifecycle::plain;
use super::{Outcome, read_file, write_out};
use crate::cli::trust::Peer;
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

fn path_of(name: &str) -> String {
    format!("/api/v1/peers/{}", encode(name))
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let bytes = read_file(file)?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::new(format!("`{}` is not text", file.display())))?;
    Ok(text.trim_end().to_owned())
}

pub async fn peer(client: &Client, command: &Peer, as_json: bool) -> Outcome {
    match command {
        Peer::List { .. } => {
            let answer = client.get("/api/v1/peers").await?;
            let columns = [
                ("name", "/name"),
                ("says it is", "/claims"),
                ("state", "/state"),
                ("endpoint", "/endpoint"),
                ("last contact", "/last_contact"),
                ("last error", "/last_error"),
            ];
            Ok(list(&answer, "peers", &columns, as_json))
        }
        Peer::Show { name, .. } => {
            let answer = client.get(&path_of(name)).await?;
            show(&answer, as_json)
        }
        Peer::Invite { endpoint, hours, output, .. } => {
            let answer = client
                .post("/api/v1/peers/invitations", &json!({"endpoint": endpoint, "hours": hours}))
                .await?;
            let text = answer.get("document").and_then(Value::as_str).unwrap_or_default();
            write_out(&format!("{text}\n"), output.as_deref())?;
            output::say("hand the invitation over; the words follow once it was accepted");
            Ok(Exit::Well)
        }
        Peer::Accept { file, name, endpoint, output, .. } => {
            // Before anything is done: what was accepted cannot be accepted again into another file.
            let there = output.as_deref().filter(|path| path.as_os_str() != "-" && path.exists());
            if let Some(path) = there {
                return Err(Failure::new(format!("`{}` exists; nothing was accepted", path.display()))
                    .hint("choose another name with --output"));
            }
            let body = json!({"document": text_of(file)?, "name": name, "endpoint": endpoint});
            let answer = client.post("/api/v1/peers", &body).await?;
            accepted(&answer, file, output.as_deref(), as_json)
        }
        Peer::Answer { file, name, output, .. } => {
            let body = json!({"document": text_of(file)?, "name": name});
            let answer = client.post("/api/v1/peers/answers", &body).await?;
            stepped(&answer, file, output.as_deref(), as_json)
        }
        Peer::Confirm { name, words, .. } => {
            let answer = client.post(&format!("{}/confirm", path_of(name)), &json!({"words": words})).await?;
            done(&answer, &format!("{name} is paired; nothing flows before an agreement is signed"), as_json)
        }
        Peer::Endpoint { name, endpoint, .. } => {
            let path = format!("{}/endpoint", path_of(name));
            let body = json!({"endpoint": endpoint});
            let answer = client.call(axum::http::Method::PUT, &path, Some(&body)).await?;
            done(
                &answer,
                &format!("{name} is reached at {}", endpoint.as_deref().unwrap_or("no address: by files")),
                as_json,
            )
        }
        Peer::Rename { name, new_name, .. } => {
            let body = json!({"name": new_name});
            let answer = match client.call(axum::http::Method::PATCH, &path_of(name), Some(&body)).await {
                Ok(answer) => answer,
                // Run again, it finds what it did.
                Err(failure) => {
                    let gone = client.get(&path_of(name)).await.is_err();
                    let there = client.get(&path_of(new_name)).await.ok().filter(|_| gone);
                    let there = there.ok_or(failure)?;
                    let sentence = format!("no peer is called {name}, and one is called {new_name} already");
                    return done(&there, &sentence, as_json);
                }
            };
            done(&answer, &format!("{name} is called {new_name} now"), as_json)
        }
        Peer::Note { name, text, .. } => {
            let body = json!({"note": text});
            let answer = client.call(axum::http::Method::PATCH, &path_of(name), Some(&body)).await?;
            done(&answer, &format!("noted about {name}"), as_json)
        }
        Peer::Compare { name, .. } => {
            let answer = client.post(&format!("{}/compare", path_of(name)), &json!({})).await?;
            let sentence = match answer.get("streams").and_then(Value::as_u64) {
                Some(0) => format!("nothing was ever given to {name}"),
                _ => format!(
                    "what {name} holds is compared once it has acknowledged everything; what comes of it is among the \
                     findings"
                ),
            };
            done(&answer, &sentence, as_json)
        }
        Peer::End { name, reason, at_once, .. } => {
            let body = json!({"reason": reason, "at_once": at_once});
            let answer = client.post(&format!("{}/end", path_of(name)), &body).await?;
            let sentence = match answer.get("owed").map(plain) {
                Some(owed) => format!(
                    "nothing new flows to or from {name}; the pairing ends by itself once this is settled: {owed}"
                ),
                None => format!("the pairing with {name} has ended"),
            };
            done(&answer, &sentence, as_json)
        }
    }
}

fn show(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    for (label, name) in [
        ("name", "name"),
        ("party", "party"),
        ("says it is", "claims"),
        ("state", "state"),
        ("since", "since"),
        ("endpoint", "endpoint"),
        ("last contact", "last_contact"),
        ("last error", "last_error"),
        ("owed", "owed"),
        ("note", "note"),
    ] {
        if let Some(value) = answer.get(name) {
            output::text(&format!("{label}: {}", plain(value)));
        }
    }
    if let Some(words) = answer.get("words").and_then(Value::as_array) {
        output::text(&format!("words: {}", words.iter().map(plain).collect::<Vec<_>>().join(" ")));
    }
    Ok(Exit::Well)
}

/// Says whether the acceptance went over the network, and writes it where it must be carried.
fn accepted(answer: &Value, given: &Path, output: Option<&Path>, as_json: bool) -> Outcome {
    // There are words as soon as the inviting node has answered.
    if answer.get("words").and_then(Value::as_bool) != Some(true) {
        output::say("the acceptance did not go over the network");
        return stepped(answer, given, output, as_json);
    }
    let name = answer.get("name").map(plain).unwrap_or_default();
    let went = format!("the acceptance went to {name} over the network");
    if as_json {
        output::line(answer);
    }
    match output {
        Some(path) => {
            output::say(&format!("{went}; {} was not written: nothing is to be handed over", path.display()));
        }
        None if !as_json => output::say(&went),
        None => {}
    }
    compare_words(&name);
    Ok(Exit::Well)
}

/// Says what people do once there are words.
fn compare_words(name: &str) {
    output::say(&format!(
        "now read the words to each other: `shieldwall peer show {name}`, then `shieldwall peer confirm {name} --words \"…\"`"
    ));
}

/// Says what comes next. What is to be handed back goes to a file, to the terminal only when that is asked for.
fn stepped(answer: &Value, given: &Path, output: Option<&Path>, as_json: bool) -> Outcome {
    let name = answer.get("name").map(plain).unwrap_or_default();
    if let Some(text) = answer.get("document").and_then(Value::as_str) {
        match output {
            Some(path) if path.as_os_str() == "-" => write_out(&format!("{text}\n"), None)?,
            None if as_json => output::line(answer),
            chosen => {
                let path = chosen.map_or_else(|| beside(given), Path::to_owned);
                write_out(&format!("{text}\n"), Some(&path))?;
                let file = path.display().to_string();
                let sentence =
                    format!("wrote {file}; hand it back: there, `shieldwall peer answer` takes it in");
                done(&json!({"name": name, "file": file}), &sentence, as_json)?;
            }
        }
    } else if as_json {
        output::line(answer);
    }
    if answer.get("words").and_then(Value::as_bool) == Some(true) {
        compare_words(&name);
    }
    Ok(Exit::Well)
}

/// The file for an answer to what a file holds: `invitation.json` is answered by `invitation.answer.json`.
fn beside(given: &Path) -> PathBuf {
    let mut name = match given.file_stem() {
        Some(stem) if given.as_os_str() != "-" => stem.to_owned(),
        _ => "peer".into(),
    };
    name.push(".answer.json");
    given.with_file_name(name)
}
