//! `shieldwall demo`: five organisations that share under agreements, told step by step.
//!
//! Each is a real node with a directory, a store, keys, officers, a port for people and a port for other nodes; they share
//! nothing but this process. What goes from one to another goes over mutual TLS on the loopback interface.

mod audit;
mod detection;
mod federation;
mod member;
mod narrator;
mod publish;
mod sharing;
mod taxii;

use std::path::PathBuf;

use serde_json::json;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::commands::{Outcome, stopped};
use crate::exit::{Exit, Failure};
use crate::output;
use member::{Member, ORGANISATIONS};
use narrator::Narrator;
use publish::Figures;

/// How the demo is run.
pub struct Demo {
    pub data: Option<PathBuf>,
    pub captures: Option<PathBuf>,
    pub rounds: u32,
    pub once: bool,
    pub json: bool,
}

pub async fn run(demo: Demo) -> Outcome {
    let named = [&demo.data, &demo.captures];
    if let Some(missing) = named.into_iter().flatten().find(|path| !path.exists()) {
        return Err(Failure::new(format!("`{}` does not exist", missing.display())));
    }
    if std::env::var_os("RUST_LOG").is_some() {
        let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env());
        // A second call (in tests that run it twice) keeps the first subscriber.
        let _ = builder.with_writer(std::io::stderr).try_init();
    }
    let folder = tempfile::Builder::new().prefix("shieldwall-demo-").tempdir();
    let folder = folder.map_err(|error| Failure::new(format!("no temporary folder: {error}")))?;
    let (stop, stopping) = watch::channel(false);
    let teller = Narrator::new(demo.json);
    teller.chapter("Five organisations, each with a node, a store and keys of its own");
    let mut members = Vec::new();
    for organisation in ORGANISATIONS {
        let member = Member::start(folder.path(), organisation, stopping.clone()).await?;
        teller.member(&member);
        members.push(member);
    }
    let result = tell(&demo, &teller, &members, folder.path()).await?;
    let well = result.get("ok").and_then(serde_json::Value::as_bool).unwrap_or_default();
    if !demo.once {
        teller.invite(&members);
        stopped().await;
    }
    stop.send_replace(true);
    for member in members {
        member.stop().await?;
    }
    if demo.json {
        output::line(&result);
    }
    Ok(if well { Exit::Well } else { Exit::Findings })
}

/// The story, from the first handshake to the overseer's report. Gives what `--json` prints.
async fn tell(
    demo: &Demo,
    teller: &Narrator,
    members: &[Member],
    folder: &std::path::Path,
) -> Result<serde_json::Value, Failure> {
    let (first, allies) = members.split_first().ok_or_else(|| Failure::new("no member"))?;
    let imported = publish::import(first, demo.data.as_deref(), teller).await?;

    federation::pair(members, teller).await?;
    let agreements = federation::sign(members, teller).await?;
    let given = sharing::backfill(first, allies).await?;
    teller.step(&format!(
        "What {} held already went to whoever may have it now: {given} deliveries, every one acknowledged",
        first.code()
    ));

    teller.chapter("One indicator for the community (TLP:GREEN): from an analyst's hand to four stores");
    let rounds = demo.rounds.max(1);
    let mut all = Vec::new();
    for round in 0..rounds {
        let sent = publish::publish(first, allies, publish::Sample::green(round)).await?;
        all.extend(sent.hops.iter().map(|hop| publish::millis(hop.visible)));
        if round == 0 {
            teller.time_line(first, &sent);
        }
    }
    let figures = Figures::of(&mut all);
    teller.step(&format!(
        "{rounds} indicators, {} arrivals, each signed, checked, decided on and stored durably: \
         min {:.1} ms, median {:.1} ms, p99 {:.1} ms, slowest {:.1} ms",
        all.len(),
        figures.min,
        figures.median,
        figures.p99,
        figures.max
    ));

    let shared = sharing::entitled(first, allies, teller).await?;
    let strict = sharing::stricter(first, allies, teller).await?;
    let kept = sharing::unmarked_stays(first, allies).await?;
    teller.step(if kept {
        "An indicator without a label was published too: it stayed with its owner, as it should"
    } else {
        "An indicator without a label LEFT its owner: this is a defect"
    });
    let followed = taxii::follow(members, folder, teller).await?;
    let watched = detection::watch(first, allies, demo.captures.as_deref(), teller).await?;
    let withdrawn = sharing::take_back(first, allies, &shared, teller).await?;
    let audit = audit::audit(first, allies, teller).await?;

    let arrived = all.len() == allies.len() * rounds as usize;
    let withheld: Vec<_> =
        shared.withheld.iter().chain(&strict.withheld).map(sharing::Withheld::to_json).collect();
    let ok = arrived
        && kept
        && followed.is_some()
        && shared.exact
        && strict.exact
        && watched.exact
        && withdrawn.complete()
        && audit.verified;
    Ok(json!({
        "ok": ok,
        "nodes": members.len(),
        "publish_to_visible_ms":
            {"min": figures.min, "median": figures.median, "p99": figures.p99, "max": figures.max},
        "rounds": rounds,
        "imported": imported,
        "agreements": agreements,
        "delivered_to": shared.delivered_to,
        "withheld": withheld,
        "withdrawn": {"holders": withdrawn.holders, "receipts": withdrawn.receipts},
        "audit_verified": audit.verified,
        "audit": audit.to_json(),
        "watched": watched.to_json(),
        "unmarked_stayed_home": kept,
        "taxii_followed_ms": followed.map(publish::millis),
        "members": members.iter().map(Member::to_json).collect::<Vec<_>>(),
    }))
}
