//! Making, keeping and looking after a node.

use std::fs::{self, DirBuilder};
use std::path::Path;
use std::sync::Arc;

use runtime::{Core, Founding, OsIds, SystemClock};
use serde_json::{Value, json};
use store_sqlite::SqliteStore;

use super::Outcome;
use crate::cli::{Node, Store};
use crate::client::{Client, SOCKET, STORE, lock};
use crate::exit::{Exit, Failure};
use crate::output;

/// Makes a node in a directory that only its owner can enter.
pub fn init(dir: &Path, name: &str, country: Option<String>, as_json: bool) -> Outcome {
    if name.trim().is_empty() {
        return Err(Failure::new("the organisation needs a name").hint("--name \"Example CERT\""));
    }
    if let Some(code) = &country
        && !(matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_alphabetic()))
    {
        return Err(
            Failure::new(format!("`{code}` is not a country code")).hint("two or three letters, such as NZ")
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

/// A JSON value as a person reads it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
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
    let node = crate::client::open(dir)?.core.node()?;
    if as_json {
        output::line(&json!({"dir": dir, "name": node.name}));
    } else {
        output::text(&format!("the node of {} is back in {}", node.name, dir.display()));
    }
    Ok(Exit::Well)
}

/// One thing the doctor looked at.
struct Check {
    what: &'static str,
    well: bool,
    says: String,
}

pub async fn doctor(node: &Node, as_json: bool) -> Outcome {
    let dir = node.dir.as_path();
    let mut checks = Vec::new();
    let mut check = |what, well, says: String| checks.push(Check { what, well, says });
    let running = tokio::net::UnixStream::connect(dir.join(SOCKET)).await.is_ok();
    check("node", true, if running { "running" } else { "not running" }.to_owned());
    let (only_ours, says) = if private(dir) {
        (true, format!("{} is open to its owner only", dir.display()))
    } else {
        (false, format!("others can enter {}; run `chmod 700` on it", dir.display()))
    };
    check("permissions", only_ours, says);
    match Client::connect(node).await {
        Err(failure) => check("store", false, failure.to_string()),
        Ok(client) => {
            let facts = client.get("/api/v1/node").await?;
            let number = |name| facts.get(name).and_then(Value::as_u64).unwrap_or_default();
            check("store", true, format!("{} objects, {} bytes", number("objects"), number("bytes")));
            check(
                "search",
                number("search_lag") < 10_000,
                format!("{} entries behind", number("search_lag")),
            );
            check("held", number("held") == 0, format!("{} values wait for a decision", number("held")));
            let sources = client.get("/api/v1/sources").await?;
            for source in sources.get("sources").and_then(Value::as_array).into_iter().flatten() {
                let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
                let failures = source.pointer("/state/failures").and_then(Value::as_u64).unwrap_or_default();
                let error = source.pointer("/state/last_error/message").map(plain).unwrap_or_default();
                if failures > 0 {
                    check("source", false, format!("{name}: {failures} failures, the last: {error}"));
                }
            }
            client.close().await;
        }
    }
    let well = checks.iter().all(|check| check.well);
    if as_json {
        let list: Vec<_> =
            checks.iter().map(|c| json!({"check": c.what, "ok": c.well, "detail": c.says})).collect();
        output::line(&json!({"ok": well, "checks": list}));
    } else {
        let rows: Vec<_> = checks
            .iter()
            .map(|c| vec![if c.well { "ok" } else { "look" }.to_owned(), c.what.to_owned(), c.says.clone()])
            .collect();
        output::table(&["", "check", "detail"], &rows);
    }
    Ok(if well { Exit::Well } else { Exit::Findings })
}

#[cfg(unix)]
fn private(dir: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn private(_: &Path) -> bool {
    true
}
