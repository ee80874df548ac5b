//! What a node does and whether it is well.

use std::fs;
use std::path::Path;

use keys::window::DAY;
use model::Timestamp;
use ports::Clock as _;
use runtime::SystemClock;
use serde_json::{Value, json};

use super::Outcome;
use super::lifecycle::plain;
use crate::cli::Node;
use crate::client::{Client, NOT_RUNNING, SOCKET, STORE};
use crate::exit::{Exit, Failure};
use crate::output;

/// Findings of so many days are counted.
const LATELY: i64 = 7;
/// A running node begins the next epoch fourteen days before one ends; a day later it has failed to.
const RENEWED_BY: i64 = 13;
/// The most that is counted of anything.
const MOST: u64 = 1000;

/// One thing the doctor looked at.
struct Check {
    what: &'static str,
    well: bool,
    says: String,
}

/// Everything that was looked at, in order.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, what: &'static str, well: bool, says: impl Into<String>) {
        self.0.push(Check { what, well, says: says.into() });
    }
}

pub async fn doctor(node: &Node, as_json: bool) -> Outcome {
    let dir = node.dir.as_path();
    let mut checks = Checks::default();
    let running = tokio::net::UnixStream::connect(dir.join(SOCKET)).await.is_ok();
    if !running {
        output::say(NOT_RUNNING);
    }
    checks.add("node", true, if running { "running" } else { "not running: nothing is read" });
    files(&mut checks, dir);
    match Client::connect(node).await {
        Err(failure) => checks.add("store", false, remedied(&failure)),
        Ok(client) => {
            let looked = look(&mut checks, &client).await;
            client.close().await;
            looked?;
        }
    }
    let well = checks.0.iter().all(|check| check.well);
    if as_json {
        let list: Vec<_> =
            checks.0.iter().map(|c| json!({"check": c.what, "ok": c.well, "detail": c.says})).collect();
        output::line(&json!({"ok": well, "running": running, "checks": list}));
    } else {
        let rows: Vec<_> = checks
            .0
            .iter()
            .map(|c| vec![if c.well { "ok" } else { "look" }.to_owned(), c.what.to_owned(), c.says.clone()])
            .collect();
        output::table(&["", "check", "detail"], &rows);
    }
    Ok(if well { Exit::Well } else { Exit::Findings })
}

fn remedied(failure: &Failure) -> String {
    match failure.remedy() {
        Some(remedy) => format!("{failure}; {remedy}"),
        None => failure.to_string(),
    }
}

/// Who may read what lies in the node's directory.
fn files(checks: &mut Checks, dir: &Path) {
    if private(dir) {
        checks.add("permissions", true, format!("{} is open to its owner only", dir.display()));
    } else {
        checks.add(
            "permissions",
            false,
            format!("others can enter {}; run `chmod 700` on it", dir.display()),
        );
    }
    let keys = dir.join("keys");
    let within = fs::read_dir(&keys).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = [dir.join(STORE), dir.join(format!("{STORE}-wal")), keys.clone()];
    for path in named.into_iter().chain(within).filter(|path| path.exists() && !private(path)) {
        let mode = if path.is_dir() { 700 } else { 600 };
        let says = format!("others can read {0}; run `chmod {mode} {0}`", path.display());
        checks.add("permissions", false, says);
    }
}

async fn look(checks: &mut Checks, client: &Client) -> Result<(), Failure> {
    let facts = client.get("/api/v1/node").await?;
    let number = |name| facts.get(name).and_then(Value::as_u64).unwrap_or_default();
    checks.add("store", true, format!("{} objects, {} bytes", number("objects"), number("bytes")));
    checks.add("search", number("search_lag") < 10_000, format!("{} entries behind", number("search_lag")));
    checks.add("held", number("held") == 0, format!("{} values wait for a decision", number("held")));
    let sources = client.get("/api/v1/sources").await?;
    for source in items(&sources, "sources") {
        let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
        let failures = source.pointer("/state/failures").and_then(Value::as_u64).unwrap_or_default();
        let error = source.pointer("/state/last_error/message").map(plain).unwrap_or_default();
        if failures > 0 {
            checks.add("source", false, format!("{name}: {failures} failures, the last: {error}"));
        }
    }
    findings(checks, client).await?;
    match facts.get("keys").and_then(Value::as_str) {
        Some("here") => shared(checks, client).await,
        Some("lost") => {
            checks.add(
                "keys",
                false,
                "lost: the store holds a key history and `keys/` not the keys of it; restore that folder, or go on with `shieldwall key recover`",
            );
            Ok(())
        }
        _ => {
            checks.add("keys", true, "none were made: nothing is shared with other nodes");
            Ok(())
        }
    }
}

/// What was noticed lately.
async fn findings(checks: &mut Checks, client: &Client) -> Result<(), Failure> {
    let since = SystemClock.now().plus_micros(-LATELY * DAY);
    let path = format!("/api/v1/findings?newest=true&severity=warning&limit={MOST}");
    let answer = client.get(&path).await?;
    let recent = |finding: &&Value| instant(finding, "at").is_some_and(|at| at >= since);
    let (mut errors, mut warnings, mut alarm) = (0u64, 0u64, None);
    for finding in items(&answer, "findings").filter(recent) {
        if finding.get("severity").and_then(Value::as_str) == Some("error") {
            errors += 1;
            // What is wrong with one object was dealt with when it came; what is wrong here stays until somebody acts.
            let rule = finding.get("rule").and_then(Value::as_str).unwrap_or_default();
            if rule.starts_with("shieldwall/") && finding.get("id").is_none() && alarm.is_none() {
                alarm = finding.get("message").map(plain);
            }
        } else {
            warnings += 1;
        }
    }
    let counted = match errors + warnings {
        MOST.. => format!(
            "{MOST} or more errors and warnings in {LATELY} days, with {errors} errors among the newest {MOST}"
        ),
        _ => format!("{errors} errors and {warnings} warnings in {LATELY} days"),
    };
    let see = "see `shieldwall findings --severity warning`";
    match alarm {
        Some(alarm) => checks.add("findings", false, format!("{counted}, the last alarm: {alarm}; {see}")),
        None if errors + warnings > 0 => checks.add("findings", true, format!("{counted}; {see}")),
        None => checks.add("findings", true, counted),
    }
    Ok(())
}

/// The node's keys, its peers, and what they owe.
async fn shared(checks: &mut Checks, client: &Client) -> Result<(), Failure> {
    let keys = client.get("/api/v1/keys").await?;
    let now = SystemClock.now();
    match instant(&keys, "until") {
        None => checks.add(
            "keys",
            false,
            "no epoch key holds: it expired or was revoked; begin the next epoch with `shieldwall key rotate --root FILE`",
        ),
        Some(until) if until <= now.plus_micros(RENEWED_BY * DAY) => checks.add(
            "keys",
            false,
            format!("the epoch ends on {until} and the next was not begun; run `shieldwall key rotate`, with --next-key FILE where that key is kept elsewhere"),
        ),
        Some(until) => checks.add("keys", true, format!("the epoch key holds until {until}")),
    }
    let peers = client.get("/api/v1/peers").await?;
    for peer in items(&peers, "peers") {
        let part = |name: &str| peer.get(name).map(plain).unwrap_or_default();
        let linked = matches!(part("state").as_str(), "paired" | "ending");
        if let (true, Some(error)) = (linked, peer.get("last_error").map(plain)) {
            let says = format!("{}: {error}; see `shieldwall peer show {}`", part("name"), part("name"));
            checks.add("peer", false, says);
        }
    }
    let open = client.get(&format!("/api/v1/disclosures?open=true&limit={MOST}")).await?;
    let late = items(&open, "disclosures")
        .filter(|given| given.get("overdue").and_then(Value::as_bool) == Some(true));
    let late: Vec<_> = late.filter_map(|given| given.get("to").map(plain)).collect();
    let mut who = late.clone();
    who.sort();
    who.dedup();
    let says = match who.is_empty() {
        true => "no erasure is overdue".to_owned(),
        false => format!(
            "{} erasures are overdue at {}; see `shieldwall holders --open` and ask them",
            late.len(),
            who.join(", ")
        ),
    };
    checks.add("erasures", who.is_empty(), says);
    Ok(())
}

fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn instant(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}

#[cfg(unix)]
fn private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn private(_: &Path) -> bool {
    true
}
