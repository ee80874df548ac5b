//! Indicators on their way, and how long that takes.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Seq, StixId, Tlp};
use ports::JournalKind;
use runtime::{Node, Piece};
use serde_json::Value;
use stix::build::ObjectBuilder;

use super::federation::{PATIENCE, eventually, wrong};
use super::member::Member;
use super::narrator::Narrator;
use crate::exit::Failure;

/// What is published.
#[derive(Clone, Copy)]
pub struct Sample {
    number: u32,
    tlp: Option<Tlp>,
}

impl Sample {
    pub const fn green(number: u32) -> Self {
        Self { number, tlp: Some(Tlp::Green) }
    }

    /// One that is not among the numbered ones.
    pub const fn special(place: u32, tlp: Option<Tlp>) -> Self {
        Self { number: u32::MAX - place, tlp }
    }

    /// A made-up SHA-256: nobody's file, and nobody's name to be blamed.
    fn value(self) -> String {
        (0u32..8)
            .map(|part| format!("{:08x}", self.number.wrapping_add(part).wrapping_mul(0x9e37_79b9)))
            .collect()
    }
}

/// When a member had an indicator, counted from just before it was handed to the first node.
pub struct Hop {
    pub code: &'static str,
    pub visible: Duration,
}

/// An indicator that has arrived.
pub struct Sent {
    pub id: StixId,
    pub value: String,
    /// In order of arrival.
    pub hops: Vec<Hop>,
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Publishes an indicator and waits until each of these members has it.
pub async fn publish<'a>(
    from: &Member,
    to: impl IntoIterator<Item = &'a Member>,
    sample: Sample,
) -> Result<Sent, Failure> {
    let value = sample.value();
    let (id, text) = indicator(from, &value, sample.tlp)?;
    let mut waiting = tokio::task::JoinSet::new();
    let started = Instant::now();
    for member in to {
        let (node, id, code) = (Arc::clone(&member.node), id.clone(), member.code());
        let head = *node.core.head().borrow();
        waiting.spawn(async move {
            arrival(&node, code, &id, head).await?;
            Ok::<_, Failure>(Hop { code, visible: started.elapsed() })
        });
    }
    take(from, text).await?;
    let mut hops = Vec::new();
    while let Some(hop) = waiting.join_next().await {
        hops.push(hop.map_err(wrong)??);
    }
    hops.sort_by_key(|hop| hop.visible);
    Ok(Sent { id, value, hops })
}

/// Hands an object of its own to a node, as an analyst's `indicator add` would.
async fn take(member: &Member, text: String) -> Result<(), Failure> {
    let core = Arc::clone(member.core());
    let taken = tokio::task::spawn_blocking(move || {
        let source = core.own_source()?;
        Ok::<_, runtime::CoreError>(core.ingest(&source, &[Piece::stix(text.as_bytes())], &mut |_| {})?)
    });
    let summary = taken.await.map_err(wrong)??;
    if summary.accepted == 1 { Ok(()) } else { Err(Failure::new(format!("not accepted: {summary:?}"))) }
}

fn indicator(member: &Member, value: &str, tlp: Option<Tlp>) -> Result<(StixId, String), Failure> {
    let core = member.core();
    let (now, id) = (core.clock.now(), StixId::new("indicator", core.ids.uuid()));
    let mut object = ObjectBuilder::versioned(&id, now, now)
        .string("created_by_ref", core.identity.as_str())
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
async fn arrival(node: &Arc<Node>, code: &str, id: &StixId, mut after: Seq) -> Result<(), Failure> {
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
        let (here, last) = found.await.map_err(wrong)??;
        if here {
            return Ok(());
        }
        after = last;
        let waited = tokio::time::timeout_at(deadline, head.wait_for(|head| *head > after)).await;
        if !matches!(waited, Ok(Ok(_))) {
            return Err(Failure::new(format!(
                "{id} did not arrive at {code} within {} s",
                PATIENCE.as_secs()
            )));
        }
    }
}

/// Whether a member holds an object now.
pub fn holds(member: &Member, id: &StixId) -> Result<bool, Failure> {
    let core = member.core();
    Ok(core.store.read()?.object(core.scope, id, None)?.is_some())
}

/// Waits until nothing is under way from a member any more: decided, sent, and acknowledged.
pub async fn quiet(member: &Member) -> Result<(), Failure> {
    let core = member.core();
    let tenant = core.scope.tenant;
    eventually("quiet", || {
        let read = core.store.read()?;
        let acknowledged = read
            .streams(tenant)?
            .iter()
            .filter(|(key, _)| key.outbound)
            .all(|(_, position)| position.acked == position.seq);
        Ok((acknowledged && read.outbox_len(tenant)? == 0).then_some(()))
    })
    .await
}

/// Imports a folder into the first node, or the small scenario that is built in.
pub async fn import(first: &Member, data: Option<&Path>, teller: &Narrator) -> Result<Value, Failure> {
    let client = first.client().await?;
    let scenario;
    let path = match data {
        Some(path) => path.to_owned(),
        None => {
            scenario = first.dir.join("scenario.json");
            std::fs::write(&scenario, include_str!("scenario.json")).map_err(wrong)?;
            scenario
        }
    };
    let summary = crate::commands::import_quietly(&client, &path).await?;
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or_default();
    teller.say("");
    teller.step(&format!(
        "{} imports {}: {} accepted, {} held, {} refused in {:.2} s",
        first.code(),
        path.file_name().map(|name| name.display().to_string()).unwrap_or_default(),
        count("accepted"),
        count("held"),
        count("refused"),
        summary.get("seconds").and_then(Value::as_f64).unwrap_or_default(),
    ));
    let held = client.get("/api/v1/held").await?;
    for value in held.get("held").and_then(Value::as_array).into_iter().flatten().take(3) {
        let why = value.pointer("/findings/0/message").and_then(Value::as_str).unwrap_or_default();
        teller.more(&format!("held for a person to look at: {why}"));
    }
    Ok(summary)
}

/// The figures of a run, in milliseconds.
pub struct Figures {
    pub min: f64,
    pub median: f64,
    pub p99: f64,
    pub max: f64,
}

impl Figures {
    pub fn of(all: &mut [f64]) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * all.len() as f64).ceil() as usize;
            all.get(place.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { min: at(0.0), median: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}
