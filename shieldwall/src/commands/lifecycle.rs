//! Making, keeping and looking after a node.

use std::fs::{self, DirBuilder};
use std::path::Path;
use std::sync::Arc;

use ports::telemetry::Retention;
use runtime::{Core, Founding, OsIds, SystemClock};
use serde_json::{Value, json};
use store_sqlite::SqliteStore;

use super::Outcome;
use crate::cli::Store;
use crate::client::{Client, STORE, lock};
use crate::exit::{Exit, Failure};
use crate::output;

/// Makes a node in a directory that only its owner can enter.
pub fn init(dir: &Path, name: &str, country: Option<String>, as_json: bool) -> Outcome {
    if name.trim().is_empty() {
        return Err(Failure::new("the organisation needs a name").hint("--name \"Example CERT\""));
    }
    // The name becomes part of the party, and nothing changes it afterwards.
    keys::events::check_name(name.trim())
        .map_err(|problem| Failure::new(format!("the name {problem}")).hint("--name \"Example CERT\""))?;
    if let Some(code) = &country
        && code.parse::<label::Nation>().is_err()
    {
        return Err(
            Failure::new(format!("`{code}` is no country of ISO 3166-1")).hint("its code, such as NZ")
        );
    }
    let country = country.map(|code| code.to_ascii_uppercase());
    make_private(dir)?;
    let _lock = lock(dir)?;
    let store = Arc::new(SqliteStore::open(dir.join(STORE), store_sqlite::Options::default())?);
    let founding = Founding { name: name.trim().to_owned(), country };
    let core = Core::found(store, Arc::new(SystemClock), Arc::new(OsIds), &founding)?;
    let node = core.node()?;
    if as_json {
        output::line(&json!({
            "dir": dir.display().to_string(),
            "name": node.name,
            "country": node.country,
            "identity": node.identity.to_string(),
        }));
    } else {
        output::text(&format!("{} is ready in {} as {}", node.name, dir.display(), node.identity));
        output::say(&format!(
            "next: shieldwall import --dir {0} FILE, then shieldwall serve --dir {0}",
            dir.display()
        ));
    }
    Ok(Exit::Well)
}

/// Makes a directory with mode 0700, or accepts one that exists.
pub fn make_private(dir: &Path) -> Result<(), Failure> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| Failure::new(format!("`{}` cannot be made: {error}", dir.display())))
}

pub async fn store(client: &Client, command: &Store, as_json: bool) -> Outcome {
    match command {
        Store::Verify { .. } => {
            let report = client.post("/api/v1/store/verify", &json!({})).await?;
            let sound = report.get("ok").and_then(Value::as_bool).unwrap_or(false);
            if as_json {
                output::line(&report);
            } else {
                let number = |name| report.get(name).and_then(Value::as_u64).unwrap_or_default();
                let verdict = if sound { "sound" } else { "damaged" };
                output::text(&format!(
                    "{verdict}: {} versions and {} journal entries checked",
                    number("versions"),
                    number("entries")
                ));
                for problem in report.get("problems").and_then(Value::as_array).into_iter().flatten() {
                    output::text(&format!("  {}", problem.as_str().unwrap_or_default()));
                }
            }
            Ok(if sound { Exit::Well } else { Exit::Findings })
        }
        Store::Status { .. } => {
            let report = client.get("/api/v1/node").await?;
            if as_json {
                output::line(&report);
            } else {
                let rows: Vec<Vec<String>> = report
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| vec![key.clone(), plain(value)])
                    .collect();
                output::table(&["what", "value"], &rows);
            }
            Ok(Exit::Well)
        }
        Store::Compact { keep, .. } => {
            let report = client.post("/api/v1/store/compact", &json!({"keep": keep})).await?;
            if as_json {
                output::line(&report);
            } else {
                let horizon = report.get("horizon").map(plain).unwrap_or_default();
                output::text(&format!("the journal now starts after entry {horizon}"));
            }
            Ok(Exit::Well)
        }
    }
}

/// A JSON value as a person reads it, within a line.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => output::inline(text).into_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

pub async fn backup(client: &Client, file: &Path, as_json: bool) -> Outcome {
    let absolute = std::path::absolute(file).map_err(|error| Failure::new(error.to_string()))?;
    client.post("/api/v1/store/backup", &json!({"to": absolute})).await?;
    let bytes = fs::metadata(&absolute).map(|meta| meta.len()).unwrap_or_default();
    if as_json {
        output::line(&json!({"file": absolute, "bytes": bytes}));
    } else {
        output::text(&format!("{} bytes in {}", bytes, absolute.display()));
    }
    Ok(Exit::Well)
}

pub fn restore(dir: &Path, file: &Path, as_json: bool) -> Outcome {
    if dir.join(STORE).exists() {
        return Err(Failure::new(format!("`{}` holds a node already; nothing was changed", dir.display()))
            .hint("restore into a new directory, and move the old one away yourself"));
    }
    make_private(dir)?;
    store_sqlite::restore(file, &dir.join(STORE))?;
    let node = crate::client::open(dir, Retention::default())?.core.node()?;
    if as_json {
        output::line(&json!({"dir": dir, "name": node.name}));
    } else {
        output::text(&format!("the node of {} is back in {}", node.name, dir.display()));
    }
    Ok(Exit::Well)
}
