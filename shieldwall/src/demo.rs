//! `shieldwall demo`: five nodes that share live, and an indicator on its way through them.
//!
//! Each is a real node with a directory, a store, a port and accounts of its own; they share nothing but this
//! process. The four allies follow the first by TAXII with confined tokens, woken by its live channel.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Api, Listen, Settings, Tls};
use model::{Seq, StixId, Tlp};
use ports::JournalKind;
use runtime::{Core, Founding, Node, NodeOptions, OsIds, Piece, SystemClock};
use serde_json::{Value, json};
use sources::Policy;
use stix::build::ObjectBuilder;
use store_sqlite::SqliteStore;
use tokio::sync::{oneshot, watch};

use crate::client::{Client, STORE, sources};
use crate::commands::{Outcome, make_private, stopped};
use crate::exit::{Exit, Failure};
use crate::output;

/// How the demo is run.
pub struct Demo {
    pub data: Option<PathBuf>,
    pub rounds: u32,
    pub once: bool,
    pub json: bool,
}

/// The five: code, organisation.
const NATIONS: [(&str, &str); 5] = [
    ("AUS", "Australia"),
    ("CAN", "Canada"),
    ("GBR", "United Kingdom"),
    ("NZL", "New Zealand"),
    ("USA", "United States"),
];

/// An ally that has not seen an indicator after this long never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// One running member of the demo.
struct Member {
    code: &'static str,
    node: Arc<Node>,
    dir: PathBuf,
    addr: SocketAddr,
    served: tokio::task::JoinHandle<Result<(), api::ServeError>>,
}

/// When each ally had an indicator, counted from just before it was handed to the first node.
struct Hop {
    code: &'static str,
    visible: Duration,
}

pub async fn run(demo: Demo) -> Outcome {
    if let Some(missing) = demo.data.as_ref().filter(|path| !path.exists()) {
        return Err(Failure::new(format!("`{}` does not exist", missing.display())));
    }
    let folder = tempfile::Builder::new().prefix("shieldwall-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::new(format!("no temporary folder: {error}")))?;
    let (stop, stopping) = watch::channel(false);
    let say = |line: &str| {
        if demo.json { output::say(line) } else { output::text(line) }
    };
    say("Five nodes start, each with its own directory, store and port:");
    let mut members = Vec::new();
    for (code, name) in NATIONS {
        let member = start(folder.path(), code, name, stopping.clone()).await?;
        say(&format!("  {code}  http://{}  {}", member.addr, member.dir.display()));
        members.push(member);
    }
    let (first, allies) = members.split_first().ok_or_else(|| Failure::new("no member"))?;
    connect(first, allies, folder.path()).await?;
    say(&format!("The others follow {}: by TAXII 2.1, woken by its live channel.\n", first.code));
    let imported = import(first, demo.data.as_deref(), &say).await?;
    let mut hops: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut all = Vec::new();
    for round in 0..demo.rounds.max(1) {
        let (value, seen) = publish(first, allies, round).await?;
        for hop in &seen {
            hops.entry(hop.code).or_default().push(millis(hop.visible));
            all.push(millis(hop.visible));
        }
        if round == 0 {
            time_line(first, &value, &seen, &say);
        }
    }
    let kept = secret_stays(first, allies).await?;
    let figures = Figures::of(&mut all);
    say(&format!(
        "{} indicators published, {} arrivals: median {:.1} ms, p99 {:.1} ms, slowest {:.1} ms",
        demo.rounds.max(1),
        all.len(),
        figures.median,
        figures.p99,
        figures.max
    ));
    say(if kept {
        "An indicator without a label was published too: it stayed with its owner, as it should."
    } else {
        "An indicator without a label LEFT its owner: this is a defect."
    });
    let result = json!({
        "ok": kept && all.len() == allies.len() * demo.rounds.max(1) as usize,
        "nodes": members.len(),
        "publish_to_visible_ms": {"median": figures.median, "p99": figures.p99, "max": figures.max},
        "rounds": demo.rounds.max(1),
        "imported": imported,
        "unmarked_stayed_home": kept,
        "members": members.iter().map(|m| json!({"code": m.code, "url": format!("http://{}", m.addr)})).collect::<Vec<_>>(),
    });
    if !demo.once {
        invite(&members, &say);
        stopped().await;
    }
    stop.send_replace(true);
    for member in members {
        member.node.stop().await;
        if let Ok(served) = member.served.await {
            served?;
        }
    }
    if demo.json {
        output::line(&result);
    }
    Ok(if kept { Exit::Well } else { Exit::Findings })
}

/// Makes and serves one node.
async fn start(
    folder: &Path,
    code: &'static str,
    name: &str,
    mut stopping: watch::Receiver<bool>,
) -> Result<Member, Failure> {
    let dir = folder.join(code);
    make_private(&dir)?;
    let store = Arc::new(SqliteStore::open(dir.join(STORE), store_sqlite::Options::default())?);
    let founding = Founding { name: name.to_owned(), country: Some(code.to_owned()) };
    let core = Core::found(store, Arc::new(SystemClock), Arc::new(OsIds), &founding)?.in_dir(dir.clone());
    // The allies are on this machine; a real node reaches public addresses only.
    let node = Node::start(core, NodeOptions::new(sources(Policy::with_loopback())));
    let listen = Listen {
        addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Tls::Plain,
        socket: Some(dir.join(crate::client::SOCKET)),
    };
    let (ready, bound) = oneshot::channel();
    let api = Api::new(Arc::clone(&node), Settings::default());
    let served = tokio::spawn(async move {
        let ready = move |bound: api::Bound| {
            // The receiver is gone only if the demo has failed already.
            let _ = ready.send(bound.addr);
        };
        api::serve(api, listen, ready, async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
    });
    let addr = bound.await.map_err(|_| Failure::new(format!("the node of {name} did not start")))?;
    Ok(Member { code, node, dir, addr, served })
}

impl Member {
    fn client(&self) -> crate::cli::Node {
        crate::cli::Node { dir: self.dir.clone(), author: "demo".to_owned() }
    }
}

/// Gives every ally a token for the first node's public collection, and makes it follow.
async fn connect(first: &Member, allies: &[Member], folder: &Path) -> Result<(), Failure> {
    let client = Client::connect(&first.client()).await?;
    for ally in allies {
        let name = ally.code.to_lowercase();
        client.post("/api/v1/users", &json!({"name": name, "role": "follower"})).await?;
        let token = json!({"name": "follows live", "user": name, "collections": ["public"]});
        let made = client.post("/api/v1/tokens", &token).await?;
        let secret = made.get("secret").and_then(Value::as_str).unwrap_or_default();
        let file = folder.join(format!("{name}.token"));
        write_secret(&file, secret)?;
        let base = format!("http://{}", first.addr);
        let config = json!({
            "url": format!("{base}/taxii2/"),
            "collection": "public",
            "token_file": file,
            "live_url": format!("{base}/api/v1/live?collection=public"),
        });
        let source = json!({"name": first.code.to_lowercase(), "kind": "taxii", "config": config});
        Client::connect(&ally.client()).await?.post("/api/v1/sources", &source).await?;
    }
    // The scenario starts once every ally has caught up with what the first node holds already.
    let identity = first.node.core.node()?.identity;
    for ally in allies {
        arrival(&ally.node, &identity, Seq(0)).await?;
    }
    Ok(())
}

fn write_secret(file: &Path, secret: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written =
        options.open(file).and_then(|mut open| std::io::Write::write_all(&mut open, secret.as_bytes()));
    written.map_err(|error| Failure::new(format!("`{}` cannot be written: {error}", file.display())))
}

/// Imports a folder into the first node, or the small scenario that is built in.
async fn import(first: &Member, data: Option<&Path>, say: &dyn Fn(&str)) -> Result<Value, Failure> {
    let client = Client::connect(&first.client()).await?;
    let scenario;
    let path = match data {
        Some(path) => path.to_owned(),
        None => {
            scenario = first.dir.join("scenario.json");
            let written = std::fs::write(&scenario, include_str!("demo/scenario.json"));
            written.map_err(|error| Failure::new(error.to_string()))?;
            scenario
        }
    };
    let summary = crate::commands::import_quietly(&client, &path).await?;
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or_default();
    say(&format!(
        "{} imports {}: {} accepted, {} held, {} refused in {:.2} s",
        first.code,
        path.file_name().map(|name| name.display().to_string()).unwrap_or_default(),
        count("accepted"),
        count("held"),
        count("refused"),
        summary.get("seconds").and_then(Value::as_f64).unwrap_or_default(),
    ));
    let held = client.get("/api/v1/held").await?;
    for value in held.get("held").and_then(Value::as_array).into_iter().flatten().take(3) {
        let why = value.pointer("/findings/0/message").and_then(Value::as_str).unwrap_or_default();
        say(&format!("     held for a person to look at: {why}"));
    }
    Ok(summary)
}

/// Publishes one TLP:CLEAR indicator and waits until every ally has it.
async fn publish(first: &Member, allies: &[Member], round: u32) -> Result<(String, Vec<Hop>), Failure> {
    let value = sample(round);
    let (id, text) = indicator(first, &value, Some(Tlp::Clear))?;
    let mut waiting = tokio::task::JoinSet::new();
    let started = Instant::now();
    for ally in allies {
        let (node, id, code) = (Arc::clone(&ally.node), id.clone(), ally.code);
        let from = *node.core.head().borrow();
        waiting.spawn(async move {
            arrival(&node, &id, from).await?;
            Ok::<_, Failure>(Hop { code, visible: started.elapsed() })
        });
    }
    take(first, text).await?;
    let mut seen = Vec::new();
    while let Some(hop) = waiting.join_next().await {
        seen.push(hop.map_err(|error| Failure::new(error.to_string()))??);
    }
    Ok((value, seen))
}

/// A made-up SHA-256: nobody's file, and nobody's name to be blamed.
fn sample(round: u32) -> String {
    (0u32..8).map(|part| format!("{:08x}", round.wrapping_add(part).wrapping_mul(0x9e37_79b9))).collect()
}

/// Hands an object of its own to a node, as an analyst's `indicator add` would.
async fn take(member: &Member, text: String) -> Result<(), Failure> {
    let core = Arc::clone(&member.node.core);
    let taken = tokio::task::spawn_blocking(move || {
        let source = core.own_source()?;
        Ok::<_, runtime::CoreError>(core.ingest(&source, &[Piece::stix(text.as_bytes())], &mut |_| {})?)
    });
    let summary = taken.await.map_err(|error| Failure::new(error.to_string()))??;
    if summary.accepted == 1 { Ok(()) } else { Err(Failure::new(format!("not accepted: {summary:?}"))) }
}

fn indicator(member: &Member, value: &str, tlp: Option<Tlp>) -> Result<(StixId, String), Failure> {
    let core = &member.node.core;
    let (now, id) = (core.clock.now(), StixId::new("indicator", core.ids.uuid()));
    let mut object = ObjectBuilder::versioned(&id, now, now)
        .string("created_by_ref", core.node()?.identity.as_str())
        .string("name", &format!("Gantry sample {}", value.get(..8).unwrap_or(value)))
        .strings("indicator_types", &["malicious-activity"])
        .string("pattern", &format!("[file:hashes.'SHA-256' = '{value}']"))
        .string("pattern_type", "stix")
        .string("valid_from", &now.to_string());
    if let Some(tlp) = tlp {
        object = object.strings("object_marking_refs", &[stix::marking::tlp_ref(tlp).as_str()]);
    }
    Ok((id, object.finish()))
}

/// Waits until an object shows up in a node's journal, and can be read.
async fn arrival(node: &Arc<Node>, id: &StixId, mut after: Seq) -> Result<(), Failure> {
    let mut head = node.core.head();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (core, wanted) = (Arc::clone(&node.core), id.clone());
        let found = tokio::task::spawn_blocking(move || {
            let read = core.store.read()?;
            let rows = read.journal(core.scope.tenant, after, 1000)?;
            let last = rows.last().map_or(after, |row| row.seq);
            let here = rows.iter().any(|row| {
                row.kind == JournalKind::Put && row.object.as_ref().is_some_and(|object| object.id == wanted)
            });
            Ok::<_, ports::StoreError>((here, last))
        });
        let (here, last) = found.await.map_err(|error| Failure::new(error.to_string()))??;
        if here {
            return Ok(());
        }
        after = last;
        let waited = tokio::time::timeout_at(deadline, head.wait_for(|head| *head > after)).await;
        if !matches!(waited, Ok(Ok(_))) {
            return Err(Failure::new(format!("{id} did not arrive within {} s", PATIENCE.as_secs())));
        }
    }
}

/// Publishes an indicator without a label, then one for everyone: once the second has arrived everywhere, the first
/// would have, too. Returns whether nobody has it.
async fn secret_stays(first: &Member, allies: &[Member]) -> Result<bool, Failure> {
    let (secret, text) = indicator(first, &sample(0x05ec_00e7), None)?;
    take(first, text).await?;
    publish(first, allies, u32::MAX).await?;
    for ally in allies {
        let core = &ally.node.core;
        if core.store.read()?.object(core.scope, &secret, None)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn time_line(first: &Member, value: &str, seen: &[Hop], say: &dyn Fn(&str)) {
    say(&format!(
        "\n{:>10}  {} publishes the hash of a Gantry sample, {}… (TLP:CLEAR)",
        "0.0 ms",
        first.code,
        value.get(..16).unwrap_or(value)
    ));
    let mut order: Vec<&Hop> = seen.iter().collect();
    order.sort_by_key(|hop| hop.visible);
    for hop in order {
        let at = format!("{:.1} ms", millis(hop.visible));
        say(&format!("{at:>10}  {} has it: received, validated, decided on, stored durably", hop.code));
    }
    say("");
}

fn invite(members: &[Member], say: &dyn Fn(&str)) {
    say("\nThe nodes stay up. In another terminal:");
    if let [first, second, ..] = members {
        say(&format!(
            "  shieldwall indicator add --dir {} 44d88612fea8a8f36de82e1278abb02f --tlp clear",
            first.dir.display()
        ));
        say(&format!(
            "  shieldwall search --dir {} --value 44d88612fea8a8f36de82e1278abb02f",
            second.dir.display()
        ));
    }
    say("Ctrl-C stops them and removes everything.");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The figures of a run, in milliseconds.
struct Figures {
    median: f64,
    p99: f64,
    max: f64,
}

impl Figures {
    fn of(all: &mut [f64]) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * all.len() as f64).ceil() as usize;
            all.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { median: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}
