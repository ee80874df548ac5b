//! Root keys, persons' keys, and the node's own.
//!
//! Root keys and officers' keys are opened here, in this process, and never sent anywhere: what goes to the node is what
//! they signed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use keys::events::{Change, KeyHistory, Reason};
use keys::posts::{Appointment, Deputy, PersonKey};
use keys::sealed::{Cost, Opener as By, Sealed};
use keys::window::{DAY, Window};
use keys::{PublicKey, SecretKey, Signed, context};
use ports::{Clock as _, Ids as _};
use runtime::{OsIds, SystemClock};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::admin::{done, list};
use super::lifecycle::plain;
use super::{Outcome, read_file, read_secret};
use crate::cli::trust::{Key, Opener};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::{output, prompt};

/// What a key file says it is.
const PURPOSE: &str = "signing key";

/// Makes a key file and the file of its public key.
pub fn create(output: &Path, opener: &Opener, as_json: bool) -> Outcome {
    if output.exists() {
        return Err(Failure::new(format!("`{}` exists; a key is never written over", output.display()))
            .hint("choose another name with --output"));
    }
    let passphrase = match &opener.passphrase_file {
        Some(file) => Zeroizing::new(read_secret(file)?),
        None => prompt::new_secret("passphrase for the new key")?,
    };
    let key = SecretKey::generate(&mut || OsIds.random());
    let sealed =
        Sealed::seal(PURPOSE, key.seed(), By::Passphrase(&passphrase), Cost::DEFAULT, &mut || OsIds.random())
            .map_err(|problem| Failure::new(problem.to_string()))?;
    write_private(output, &sealed.to_text())?;
    let public = public_path(output);
    super::write_out(&format!("{}\n", key.public().to_text()), Some(&public))?;
    let answer = json!({
        "key": output.display().to_string(), "public": public.display().to_string(), "id": key.id().to_string(),
    });
    done(
        &answer,
        &format!("{} holds key {}; its public key is in {}", output.display(), key.id(), public.display()),
        as_json,
    )
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".pub");
    path.with_file_name(name)
}

fn write_private(path: &Path, text: &str) -> Result<(), Failure> {
    let failure = |error| Failure::new(format!("`{}` cannot be written: {error}", path.display()));
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failure)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failure)
}

/// Opens a key file.
pub fn open_key(path: &Path, opener: &Opener) -> Result<SecretKey, Failure> {
    let failure = |problem: String| Failure::new(format!("`{}`: {problem}", path.display()));
    let text = read_file(path)?;
    if PublicKey::parse(String::from_utf8_lossy(&text).trim()).is_ok() {
        return Err(failure("this is the public key, with which nobody signs".to_owned())
            .hint("name the file beside it, without `.pub`"));
    }
    let sealed = Sealed::parse(&text).map_err(|problem| failure(problem.to_string()))?;
    let passphrase = passphrase(opener, &format!("passphrase for {}", path.display()))?;
    let seed =
        sealed.open(PURPOSE, By::Passphrase(&passphrase)).map_err(|problem| failure(problem.to_string()))?;
    let seed: [u8; 64] =
        seed.as_slice().try_into().map_err(|_| failure("it holds no signing key".to_owned()))?;
    Ok(SecretKey::from_seed(seed))
}

fn passphrase(opener: &Opener, what: &str) -> Result<Zeroizing<String>, Failure> {
    match &opener.passphrase_file {
        Some(file) => Ok(Zeroizing::new(read_secret(file)?)),
        None => prompt::secret(what),
    }
}

pub(super) fn open_all(paths: &[PathBuf], opener: &Opener) -> Result<Vec<SecretKey>, Failure> {
    paths.iter().map(|path| open_key(path, opener)).collect()
}

/// Reads the document in an answer.
pub fn document(answer: &Value) -> Result<Signed, Failure> {
    let text = answer.get("document").and_then(Value::as_str).unwrap_or_default();
    Signed::parse(text.as_bytes())
        .map_err(|problem| Failure::new(format!("the node's answer is no document: {problem}")))
}

pub(super) fn add(signed: &mut Signed, context: &str, keys: &[SecretKey]) -> Result<(), Failure> {
    keys.iter()
        .try_for_each(|key| signed.add(context, key).map_err(|problem| Failure::new(problem.to_string())))
}

pub(super) async fn history(client: &Client) -> Result<KeyHistory, Failure> {
    let answer = client.get("/api/v1/keys/events").await?;
    let text = answer.get("document").and_then(Value::as_str).unwrap_or_default();
    KeyHistory::parse(text.as_bytes(), SystemClock.now()).map_err(|problem| Failure::new(problem.to_string()))
}

pub(super) async fn send(client: &Client, path: &str, signed: &Signed) -> Result<Value, Failure> {
    client.post(path, &json!({"document": signed.to_text()})).await
}

pub async fn key(client: &Client, command: &Key, as_json: bool) -> Outcome {
    match command {
        Key::Create { output, opener } => create(output, opener, as_json),
        Key::Establish { roots, threshold, opener, .. } => {
            let roots = open_all(roots, opener)?;
            let public: Vec<_> = roots.iter().map(|root| root.public().to_text()).collect();
            let asked = json!({"roots": public, "threshold": threshold});
            let mut event = document(&client.post("/api/v1/keys/inception", &asked).await?)?;
            add(&mut event, context::KEY_EVENT, &roots)?;
            let answer = send(client, "/api/v1/keys/events", &event).await?;
            let party = answer.get("party").map(plain).unwrap_or_default();
            done(&answer, &format!("this node is party {party}; take the root keys offline now"), as_json)
        }
        Key::Show { .. } => {
            let answer = client.get("/api/v1/keys").await?;
            if as_json {
                output::line(&answer);
                return Ok(Exit::Well);
            }
            for (label, name) in [
                ("party", "party"),
                ("name", "name"),
                ("country", "country"),
                ("epoch key", "epoch"),
                ("holds until", "until"),
                ("key events", "events"),
            ] {
                output::text(&format!("{label}: {}", answer.get(name).map(plain).unwrap_or_default()));
            }
            let words = answer.get("words").and_then(Value::as_array).cloned().unwrap_or_default();
            output::text(&format!("words: {}", words.iter().map(plain).collect::<Vec<_>>().join(" ")));
            Ok(Exit::Well)
        }
        Key::Events { .. } => {
            let answer = client.get("/api/v1/keys/events").await?;
            let document = answer.get("document").and_then(Value::as_str).unwrap_or_default();
            output::document(&format!("{document}\n"));
            Ok(Exit::Well)
        }
        Key::Rotate { roots, next_key, opener, .. } => {
            let next_key = next_key.as_deref().map(read_file).transpose()?;
            let next_key = next_key.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
            let answer = client.post("/api/v1/keys/rotation", &json!({"next_key": next_key})).await?;
            let kept = answer.get("kept").and_then(Value::as_bool).unwrap_or_default();
            if !kept {
                if roots.is_empty() {
                    return Err(Failure::refused("the current epoch key can no longer vouch for the next")
                        .hint("rotate with the root keys: --root FILE"));
                }
                let mut event = document(&answer)?;
                add(&mut event, context::KEY_EVENT, &open_all(roots, opener)?)?;
                send(client, "/api/v1/keys/events", &event).await?;
            }
            done(&json!({"rotated": true}), "a new epoch has begun; peers are told by themselves", as_json)
        }
        Key::Revoke { roots, key, reason, note, opener, .. } => {
            let history = history(client).await?;
            let now = SystemClock.now();
            let key = match key {
                Some(key) => {
                    key.parse().map_err(|_| Failure::refused(format!("`{key}` is not a key's id")))?
                }
                None => {
                    history.current(now).map_err(|problem| Failure::refused(problem.to_string()))?.key.id()
                }
            };
            let reason: Reason =
                reason.parse().map_err(|problem| Failure::refused(format!("--reason: {problem}")))?;
            let change = Change::Revocation { key, reason, note: note.clone(), from: now };
            let roots = open_all(roots, opener)?;
            let event = history
                .next_event(now, change)
                .sign(&roots.iter().collect::<Vec<_>>())
                .map_err(|problem| Failure::new(problem.to_string()))?;
            let answer = send(client, "/api/v1/keys/events", &event).await?;
            done(
                &answer,
                &format!(
                    "key {key} is revoked; begin the next epoch with `shieldwall key rotate --root FILE`"
                ),
                as_json,
            )
        }
        Key::Appoint { roots, post, person, name, public_key, days, deputy_of, counts, opener, .. } => {
            let history = history(client).await?;
            let now = SystemClock.now();
            let text = read_secret(public_key)?;
            let key = PersonKey::parse(&text).or_else(|_| PersonKey::parse(&format!("hybrid:{text}")));
            let key =
                key.map_err(|problem| Failure::refused(format!("`{}`: {problem}", public_key.display())))?;
            let appointment = Appointment {
                party: history.party(),
                post: post.parse().map_err(|problem| Failure::refused(format!("--post: {problem}")))?,
                person: person.clone(),
                name: name.clone(),
                keys: vec![key],
                window: Window { from: now, until: now.plus_micros(i64::from(*days) * DAY) },
                issued: now,
                deputy: deputy_of.clone().map(|of| Deputy { of, counts: *counts }),
            };
            let roots = open_all(roots, opener)?;
            let signed =
                Signed::sign(&appointment.to_body(), context::APPOINTMENT, &roots.iter().collect::<Vec<_>>())
                    .map_err(|problem| Failure::new(problem.to_string()))?;
            let answer = send(client, "/api/v1/appointments", &signed).await?;
            done(&answer, &format!("{name} holds the post {post} for {days} days"), as_json)
        }
        Key::Officers { .. } => {
            let answer = client.get("/api/v1/appointments").await?;
            let columns = [
                ("post", "/post"),
                ("person", "/person"),
                ("name", "/name"),
                ("from", "/from"),
                ("until", "/until"),
                ("stands in for", "/deputy_of"),
                ("ended", "/ended"),
            ];
            Ok(list(&answer, "appointments", &columns, as_json))
        }
        Key::Dismiss { .. } | Key::Roots { .. } | Key::Identities { .. } | Key::Recover { .. } => {
            super::custody::key(client, command, as_json).await
        }
        Key::Passphrase { .. } => Err(Failure::new("this command needs no running node")),
    }
}
