//! Held values, sources, people and tokens.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::lifecycle::plain;
use super::{Outcome, read_secret};
use crate::cli::{Decide, Held, Source, Token, User};
use crate::client::{Client, encode};
use crate::exit::{Exit, Failure};
use crate::output;

/// Prints a list: JSON as it came, or these columns (pointers into each item) as a table.
pub fn list(answer: &Value, name: &str, columns: &[(&str, &str)], as_json: bool) -> Exit {
    if as_json {
        output::line(answer);
        return Exit::Well;
    }
    let items = answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let cell = |item: &Value, pointer: &str| item.pointer(pointer).map(plain).unwrap_or_default();
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| columns.iter().map(|(_, pointer)| cell(item, pointer)).collect()).collect();
    let headers: Vec<&str> = columns.iter().map(|(header, _)| *header).collect();
    output::table(&headers, &rows);
    Exit::Well
}

/// Prints an answer as JSON, or a sentence.
pub fn done(answer: &Value, sentence: &str, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
    } else {
        output::text(sentence);
    }
    Ok(Exit::Well)
}

pub async fn held(client: &Client, command: &Held, as_json: bool) -> Outcome {
    match command {
        Held::List { all, .. } => {
            let answer = client.get(&format!("/api/v1/held?all={all}&limit=1000")).await?;
            let mut columns = vec![
                ("number", "/number"),
                ("since", "/at"),
                ("source", "/source"),
                ("object", "/id"),
                ("why", "/findings/0/message"),
            ];
            if *all {
                columns.extend([("by", "/decision/author"), ("reason", "/decision/reason")]);
            }
            Ok(list(&answer, "held", &columns, as_json))
        }
        Held::Release(decision) => decide(client, decision, "release", as_json).await,
        Held::Drop(decision) => decide(client, decision, "drop", as_json).await,
    }
}

async fn decide(client: &Client, decision: &Decide, verb: &str, as_json: bool) -> Outcome {
    let path = format!("/api/v1/held/{}/{verb}", decision.id);
    let answer = client.post(&path, &json!({"reason": decision.reason})).await?;
    let outcome = answer.get("outcome").map(plain).unwrap_or_default();
    done(&answer, &format!("{}: {outcome}", decision.id), as_json)
}

pub async fn source(client: &Client, command: &Source, as_json: bool) -> Outcome {
    match command {
        Source::List { .. } => {
            let answer = client.get("/api/v1/sources").await?;
            let columns = [
                ("name", "/name"),
                ("kind", "/kind"),
                ("label", "/default_label"),
                ("accepted", "/state/accepted"),
                ("last success", "/state/last_success"),
                ("failures", "/state/failures"),
                ("last error", "/state/last_error/message"),
            ];
            Ok(list(&answer, "sources", &columns, as_json))
        }
        Source::Add { name, kind, settings, default_label, .. } => {
            let config = config(settings)?;
            let body = json!({"name": name, "kind": kind, "config": config, "default_label": default_label});
            let answer = client.post("/api/v1/sources", &body).await?;
            done(&answer, &format!("{name} is followed; see `shieldwall source list`"), as_json)
        }
        Source::Pull { name, .. } => {
            let answer = client.post(&format!("/api/v1/sources/{}/pull", encode(name)), &json!({})).await?;
            done(&answer, &format!("{name} is being pulled"), as_json)
        }
        Source::Remove { name, .. } => {
            let path = format!("/api/v1/sources/{}", encode(name));
            let answer = client.call(Method::DELETE, &path, None).await?;
            done(&answer, &format!("{name} is no longer followed; its objects stay"), as_json)
        }
    }
}

/// `KEY=VALUE` pairs as a JSON object: numbers and booleans as such, commas in `allow_hosts` as a list.
fn config(settings: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut config = Map::new();
    for setting in settings {
        let (key, text) = setting.split_once('=').ok_or_else(|| {
            Failure::new(format!("`{setting}` is not KEY=VALUE")).hint("--set url=https://…")
        })?;
        let value = match text {
            _ if key == "allow_hosts" => json!(text.split(',').collect::<Vec<_>>()),
            "true" | "false" => json!(text == "true"),
            _ => text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)),
        };
        config.insert(key.to_owned(), value);
    }
    Ok(config)
}

pub async fn user(client: &Client, command: &User, as_json: bool) -> Outcome {
    let change = async |name: &str, body: Value, sentence: String| {
        let path = format!("/api/v1/users/{}", encode(name));
        let answer = client.call(Method::PATCH, &path, Some(&body)).await?;
        done(&answer, &sentence, as_json)
    };
    match command {
        User::List { .. } => {
            let answer = client.get("/api/v1/users").await?;
            let columns = [
                ("name", "/name"),
                ("role", "/role"),
                ("password", "/password"),
                ("disabled", "/disabled"),
                ("created", "/created"),
            ];
            Ok(list(&answer, "users", &columns, as_json))
        }
        User::Add { name, role, password_file, .. } => {
            let mut body = json!({"name": name, "role": role});
            if let (Some(file), Some(object)) = (password_file, body.as_object_mut()) {
                object.insert("password".to_owned(), json!(read_secret(file)?));
            }
            let answer = client.post("/api/v1/users", &body).await?;
            done(&answer, &format!("{name} may use the node as {role}"), as_json)
        }
        User::Password { name, password_file, .. } => {
            let body = json!({"password": read_secret(password_file)?});
            change(name, body, format!("the password of {name} is changed")).await
        }
        User::Disable { name, .. } => {
            change(name, json!({"disabled": true}), format!("{name} may no longer sign in")).await
        }
        User::Enable { name, .. } => {
            change(name, json!({"disabled": false}), format!("{name} may sign in again")).await
        }
        User::Remove { name, .. } => {
            let path = format!("/api/v1/users/{}", encode(name));
            let answer = client.call(Method::DELETE, &path, None).await?;
            done(&answer, &format!("{name} is removed"), as_json)
        }
    }
}

pub async fn token(client: &Client, command: &Token, as_json: bool) -> Outcome {
    match command {
        Token::List { .. } => {
            let answer = client.get("/api/v1/tokens").await?;
            let columns = [
                ("id", "/id"),
                ("user", "/user"),
                ("for", "/name"),
                ("collections", "/collections"),
                ("expires", "/expires"),
            ];
            Ok(list(&answer, "tokens", &columns, as_json))
        }
        Token::Add { user, name, collections, expires, .. } => {
            let mut body = json!({"name": name, "user": user, "collections": collections});
            if let (Some(expires), Some(object)) = (expires, body.as_object_mut()) {
                object.insert("expires".to_owned(), json!(expires));
            }
            let answer = client.post("/api/v1/tokens", &body).await?;
            if !as_json {
                let id = answer.get("id").map(plain).unwrap_or_default();
                output::say(&format!("token {id}; this is the only time the secret is shown:"));
            }
            let secret = answer.get("secret").map(plain).unwrap_or_default();
            done(&answer, &secret, as_json)
        }
        Token::Revoke { id, .. } => {
            let path = format!("/api/v1/tokens/{}", encode(id));
            let answer = client.call(Method::DELETE, &path, None).await?;
            done(&answer, &format!("token {id} is revoked"), as_json)
        }
    }
}
