//! Releases to clients without a node. Officers' keys are opened here and never sent.

use keys::posts::Approval;
use keys::window::DAY;
use ports::Clock as _;
use serde_json::{Value, json};

use super::admin::{done, list};
use super::agreements::text_of;
use super::keys::open_key;
use super::lifecycle::plain;
use super::{Outcome, write_out};
use crate::cli::releases::Release;
use crate::client::{Client, encode};
use crate::exit::Exit;
use crate::output;

pub async fn release(client: &Client, command: &Release, as_json: bool) -> Outcome {
    match command {
        Release::New {
            client: name,
            token,
            collections,
            types,
            ceiling,
            personal,
            purpose,
            from,
            days,
            until,
            output,
            ..
        } => {
            let end = || runtime::SystemClock.now().plus_micros(i64::from(*days) * DAY).to_string();
            let mut body = json!({
                "client": name, "token": token, "collections": collections, "ceiling": ceiling,
                "personal": personal, "purpose": purpose, "expires": until.clone().unwrap_or_else(end),
            });
            if let (false, Some(fields)) = (types.is_empty(), body.as_object_mut()) {
                fields.insert("types".to_owned(), json!(types));
            }
            if let (Some(from), Some(fields)) = (from, body.as_object_mut()) {
                fields.insert("valid_from".to_owned(), json!(from));
            }
            let answer = client.post("/api/v1/releases/drafts", &body).await?;
            let bytes = answer.get("bytes").and_then(Value::as_str).unwrap_or_default();
            write_out(&format!("{bytes}\n"), output.as_deref())?;
            let Some(file) = output else {
                output::say(
                    "nothing is kept yet: put these bytes into a file; `shieldwall release sign FILE` takes it in",
                );
                return Ok(Exit::Well);
            };
            let file = file.display().to_string();
            let sentence = format!(
                "wrote the release to {name} into {file}; nothing is kept yet. Read it, then, within 14 days: \
                 `shieldwall release sign {file} --officer KEY`, which gives it its id. Officers elsewhere approve \
                 with `shieldwall agreement approve {file} --officer KEY`"
            );
            done(&json!({"client": name, "file": file}), &sentence, as_json)
        }
        Release::Sign { file, officers, approvals, opener, .. } => {
            let text = text_of(file)?;
            let bytes = text.strip_suffix('\n').unwrap_or(&text);
            let mut texts = Vec::new();
            for officer in officers {
                texts.push(Approval::sign(&open_key(officer, opener)?, bytes.as_bytes()).to_text());
            }
            for file in approvals {
                texts.push(text_of(file)?.trim_end().to_owned());
            }
            let answer =
                client.post("/api/v1/releases", &json!({"bytes": bytes, "approvals": texts})).await?;
            let part = |name: &str| answer.get(name).map(plain).unwrap_or_default();
            let sentence =
                format!("signed: release {} to {} is {}", part("release"), part("client"), part("state"));
            done(&answer, &sentence, as_json)
        }
        Release::List { .. } => {
            let answer = client.get("/api/v1/releases?limit=1000").await?;
            let columns = [
                ("release", "/release"),
                ("client", "/client"),
                ("state", "/state"),
                ("ceiling", "/ceiling"),
                ("purpose", "/purpose"),
                ("expires", "/expires"),
            ];
            Ok(list(&answer, "releases", &columns, as_json))
        }
        Release::Show { release, .. } => {
            let answer = client.get(&format!("/api/v1/releases/{}", encode(release))).await?;
            show(&answer, as_json)
        }
        Release::End { release, reason, .. } => {
            let path = format!("/api/v1/releases/{}/end", encode(release));
            client.post(&path, &json!({"reason": reason})).await?;
            done(&json!({"release": release, "state": "ended"}), &format!("{release}: ended"), as_json)
        }
        Release::Explain { release, object, .. } => {
            let path = format!("/api/v1/releases/{}/explanation?object={}", encode(release), encode(object));
            let answer = client.get(&path).await?;
            let permitted = answer.get("permitted").and_then(Value::as_bool).unwrap_or_default();
            if as_json {
                output::line(&answer);
            } else {
                output::text(if permitted { "yes" } else { "no" });
                for reason in answer.get("reasons").and_then(Value::as_array).into_iter().flatten() {
                    output::text(&format!("  {}", plain(reason)));
                }
            }
            Ok(if permitted { Exit::Well } else { Exit::Findings })
        }
    }
}

fn show(answer: &Value, as_json: bool) -> Outcome {
    if as_json {
        output::line(answer);
        return Ok(Exit::Well);
    }
    let names = [
        "release",
        "client",
        "pseudonym",
        "state",
        "why",
        "token",
        "collections",
        "types",
        "ceiling",
        "personal",
        "purpose",
        "valid_from",
        "expires",
        "approvals",
    ];
    for name in names {
        let Some(value) = answer.get(name) else { continue };
        let text = match value.as_array() {
            Some(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            None => plain(value),
        };
        output::text(&format!("{name}: {text}"));
    }
    Ok(Exit::Well)
}
