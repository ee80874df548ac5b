//! Who keeps which keys: ending appointments, replacing root keys, recovering lost ones, what opens the node's.

use std::collections::BTreeSet;
use std::path::Path;

use keys::events::{Change, Roots};
use keys::posts::End;
use keys::{SecretKey, Signed, context};
use ports::Clock as _;
use runtime::trust::{Unlock, Vault, key_beside};
use runtime::{OsIds, SystemClock};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::admin::done;
use super::keys::{add, document, history, open_all, send};
use super::lifecycle::plain;
use super::{Outcome, read_secret};
use crate::cli::trust::Key;
use crate::client::{Client, lock};
use crate::exit::{Exit, Failure};
use crate::{output, prompt};

fn failure(problem: impl std::fmt::Display) -> Failure {
    Failure::new(problem.to_string())
}

pub async fn key(client: &Client, command: &Key, as_json: bool) -> Outcome {
    match command {
        Key::Dismiss { roots, person, post, reason, opener, .. } => {
            let appointments = client.get("/api/v1/appointments").await?;
            let theirs = |entry: &&Value| {
                let same = |name: &str, wanted: &str| entry.get(name).and_then(Value::as_str) == Some(wanted);
                same("person", person)
                    && post.as_deref().is_none_or(|post| same("post", post))
                    && entry.get("ended").is_none()
            };
            let all = appointments.get("appointments").and_then(Value::as_array).into_iter().flatten();
            let ending: Vec<&Value> = all.filter(theirs).collect();
            if ending.is_empty() {
                return Err(Failure::refused(format!("`{person}` holds no appointment that could be ended"))
                    .hint("`shieldwall key officers` shows who holds which post"));
            }
            let (party, now) = (history(client).await?.party(), SystemClock.now());
            let roots = open_all(roots, opener)?;
            let mut ended = Vec::new();
            for entry in ending {
                let id = entry.get("id").map(plain).unwrap_or_default();
                let end = End {
                    party,
                    appointment: id.parse().map_err(|_| failure("the node's answer names no appointment"))?,
                    from: now,
                    reason: reason.clone(),
                    issued: now,
                };
                let keys: Vec<&SecretKey> = roots.iter().collect();
                let signed = Signed::sign(&end.to_body(), context::APPOINTMENT, &keys).map_err(failure)?;
                send(client, "/api/v1/appointments", &signed).await?;
                ended.push(entry.get("post").map(plain).unwrap_or_default());
            }
            let posts = ended.join(", ");
            done(
                &json!({"person": person, "ended": ended}),
                &format!("{person} no longer holds {posts}; what they approved before still counts"),
                as_json,
            )
        }
        Key::Roots { roots, new_roots, threshold, new_next, opener, .. } => {
            let history = history(client).await?;
            let (old, new) = (open_all(roots, opener)?, open_all(new_roots, opener)?);
            let keys = if new.is_empty() {
                history.roots().keys.clone()
            } else {
                new.iter().map(|key| key.public().clone()).collect()
            };
            let before = history.roots().threshold;
            let threshold = threshold.unwrap_or(if new.is_empty() { before } else { keys.len() });
            if threshold == 0 || threshold > keys.len() {
                return Err(Failure::refused(format!("{threshold} of {} root keys cannot sign", keys.len()))
                    .hint("--threshold is from 1 to the number of root keys"));
            }
            if new.is_empty() && !new_next && threshold == before {
                return Err(Failure::refused("nothing would change")
                    .hint("name new keys with --new-root, another --threshold, or --new-next"));
            }
            let next = if *new_next {
                let made = client.post("/api/v1/keys/next", &json!({})).await?;
                let key = made.get("key").map(plain).unwrap_or_default();
                key.parse().map_err(|_| failure("the node's answer names no key"))?
            } else {
                history.next_key()
            };
            let change = Change::Roots { roots: Roots { keys, threshold }, next };
            let body = history.next_event(SystemClock.now(), change).to_body();
            let mut event = Signed::unsigned(&body).map_err(failure)?;
            let mut signers: Vec<SecretKey> = old;
            // A key that stays signs once.
            let known: BTreeSet<_> = signers.iter().map(SecretKey::id).collect();
            signers.extend(new.into_iter().filter(|key| !known.contains(&key.id())));
            add(&mut event, context::KEY_EVENT, &signers)?;
            let answer = send(client, "/api/v1/keys/events", &event).await?;
            done(
                &answer,
                "the root keys are replaced; peers learn of it at the next contact. Take them offline now",
                as_json,
            )
        }
        Key::Identities { add, remove, .. } => {
            let mut identities: BTreeSet<String> =
                history(client).await?.identities().iter().map(ToString::to_string).collect();
            identities.extend(add.iter().cloned());
            for id in remove {
                if !identities.remove(id) {
                    return Err(Failure::refused(format!("the party does not speak for `{id}`"))
                        .hint("`shieldwall key show --json` lists what it speaks for"));
                }
            }
            client.post("/api/v1/keys/identities", &json!({"identities": identities})).await?;
            let listed = identities.iter().cloned().collect::<Vec<_>>().join(", ");
            done(&json!({"identities": identities}), &format!("the party speaks for {listed}"), as_json)
        }
        Key::Recover { roots, opener, .. } => {
            let answer = client.post("/api/v1/keys/recovery", &json!({})).await?;
            let roots = open_all(roots, opener)?;
            let part = |name: &str| {
                let text = answer.get(name).and_then(Value::as_str);
                text.map(|text| document(&json!({"document": text}))).transpose()
            };
            let (mut commitment, rotation) = (part("commitment")?, part("rotation")?);
            let mut rotation = rotation.ok_or_else(|| failure("the node's answer holds no event"))?;
            for event in commitment.iter_mut().chain([&mut rotation]) {
                add(event, context::KEY_EVENT, &roots)?;
            }
            let body = json!({
                "commitment": commitment.map(|event| event.to_text()), "rotation": rotation.to_text(),
            });
            let answer = client.call(axum::http::Method::PUT, "/api/v1/keys/recovery", Some(&body)).await?;
            let party = answer.get("party").map(plain).unwrap_or_default();
            done(
                &answer,
                &format!(
                    "this node is party {party} again, with new keys; if the old ones may be in other hands, revoke them with `shieldwall key revoke`"
                ),
                as_json,
            )
        }
        other => Err(Failure::new(format!("{other:?} is not run this way"))),
    }
}

/// Changes what opens the node's keys.
pub fn passphrase(
    dir: &Path,
    now: Option<&Path>,
    new: Option<&Path>,
    none: bool,
    next_key: Option<&Path>,
    as_json: bool,
) -> Outcome {
    let _lock = lock(dir).map_err(|problem| {
        Failure::new(problem.to_string())
            .hint("stop the node first: it would write its keys back as they were")
    })?;
    let secret = |file: &Path| read_secret(file).map(Zeroizing::new);
    let now = now.map(secret).transpose()?;
    let before = Vault::in_dir(dir, now, &OsIds).map_err(failure)?;
    let unlock = match (none, new) {
        (true, _) => key_beside(dir, &OsIds).map_err(failure)?,
        (false, Some(file)) => Unlock::Passphrase(secret(file)?),
        (false, None) => Unlock::Passphrase(prompt::new_secret("new passphrase for the node's keys")?),
    };
    before.reseal(unlock, next_key, &OsIds).map_err(|problem| {
        Failure::refused(problem.to_string()).hint("what opens them now is given with --keys-passphrase-file")
    })?;
    let beside = dir.join("keys").join("unlock.key");
    if !none && beside.exists() {
        std::fs::remove_file(&beside).map_err(|error| failure(format!("`{}`: {error}", beside.display())))?;
    }
    if as_json {
        output::line(&json!({"passphrase": !none}));
    } else if none {
        output::text("a key beside the node's keys opens them now: the node starts by itself");
    } else {
        output::text(
            "the passphrase is changed; the node starts with `serve --keys-passphrase-file FILE`. Copies of `keys` from before open with the old one: remove them",
        );
    }
    Ok(Exit::Well)
}
