//! What one shares, others look for: in what comes in and in what they have kept, and they say what they saw.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{StixId, Tlp};
use owo_colors::OwoColorize;
use ports::detection::LogSourceRecord;
use runtime::Piece;
use serde_json::{Value, json};
use stix::build::ObjectBuilder;

use super::federation::{eventually, wrong};
use super::member::Member;
use super::narrator::Narrator;
use super::publish::millis;
use crate::exit::Failure;

/// A Sigma rule of our own: a copy of the accounts' database by a program made for mail stores.
const RULE: &str = "title: Accounts database copied by esentutl
id: 6f1d2c6e-2f43-4d0a-9d4e-0f5d7a9b1c11
status: stable
description: esentutl copies a locked file, here the database of local accounts
logsource:
  category: process_creation
  product: windows
detection:
  tool:
    Image|endswith: '\\esentutl.exe'
  target:
    CommandLine|contains:
      - 'config\\SAM'
      - 'config/SAM'
  condition: tool and target
level: high
tags:
  - attack.credential-access
  - attack.t1003.002
";

/// A program that the capture's attacker ran, by its SHA-256.
const RECORDED: &str = "9d2fd8bee1ce0a26af22b702f79b4bc29b936891f49afebc2917d890f65d3008";

/// What came of it.
pub struct Watched {
    /// Members with logs, and how many records each read.
    pub read: Vec<(&'static str, u64)>,
    /// By what was shared: who answered what, and after how many milliseconds.
    pub answers: Vec<Answered>,
    /// Whether everything was found and answered that had to be.
    pub exact: bool,
}

/// Answers to one object.
pub struct Answered {
    pub what: &'static str,
    pub by: Vec<(&'static str, u64, f64)>,
}

impl Watched {
    pub fn to_json(&self) -> Value {
        let answers = self.answers.iter().map(|answered| {
            let by = answered
                .by
                .iter()
                .map(|(party, count, took)| json!({"party": party, "count": count, "ms": took}));
            json!({"what": answered.what, "by": by.collect::<Vec<_>>()})
        });
        let read = self.read.iter().map(|(party, records)| json!({"party": party, "records": records}));
        json!({
            "read": read.collect::<Vec<_>>(),
            "answers": answers.collect::<Vec<_>>(),
        })
    }
}

/// Logs for one member.
struct Logs {
    member: &'static str,
    what: &'static str,
    path: PathBuf,
    /// Records that are in it at least.
    least: u64,
}

/// Lets two members read logs, shares an indicator and a rule with them, and waits for what they say.
pub async fn watch(
    first: &Member,
    allies: &[Member],
    captures: Option<&Path>,
    teller: &Narrator,
) -> Result<Watched, Failure> {
    teller
        .chapter("Two of them read logs. What one shares, the others look for, also in the past, and answer");
    let (logs, hash) = logs(first, captures)?;
    let mut read = Vec::new();
    for log in &logs {
        let Some(member) = allies.iter().find(|ally| ally.code() == log.member) else { continue };
        let began = Instant::now();
        add(member, &log.path)?;
        let records = eventually(&format!("end of the logs of {}", member.code()), || {
            let core = member.core();
            let found = core.store.read()?.log_source(core.scope.tenant, SOURCE)?;
            Ok(found.map(|(_, state)| state.records).filter(|records| *records >= log.least))
        })
        .await?;
        teller.step(&format!(
            "{} has read {records} records of {} in {:.1} s and keeps them",
            log.member.cyan(),
            log.what,
            began.elapsed().as_secs_f64()
        ));
        read.push((log.member, records));
    }
    let readers: Vec<&Member> =
        allies.iter().filter(|ally| logs.iter().any(|log| log.member == ally.code())).collect();
    let mut watched = Watched { read, answers: Vec::new(), exact: true };
    let pattern = format!("[file:hashes.'SHA-256' = '{hash}']");
    let shared =
        [("an indicator (the hash of a program)", "stix", pattern.as_str()), ("a Sigma rule", "sigma", RULE)];
    for (what, kind, pattern) in shared {
        let id = publish(first, kind, pattern).await?;
        let answered = answers(first, &readers, &id, what, teller).await?;
        let of =
            |code: &str| answered.by.iter().find(|(party, ..)| *party == code).map(|(_, count, _)| *count);
        watched.exact &= of("GBR").is_some_and(|count| count > 0) && of("USA") == Some(0);
        watched.answers.push(answered);
    }
    if !watched.exact {
        teller.step("GBR should have seen both and USA neither: this is a defect");
    }
    Ok(watched)
}

/// The name of the source at every member.
const SOURCE: &str = "recorded";

/// Real captures where they are given, small ones of our own otherwise; and the hash to share.
fn logs(first: &Member, captures: Option<&Path>) -> Result<(Vec<Logs>, &'static str), Failure> {
    let real = captures.map(|folder| (folder.join("host-logs"), folder.join("zeek")));
    if let Some((hosts, zeek)) = real.filter(|(hosts, zeek)| hosts.is_dir() && zeek.is_dir()) {
        let logs = vec![
            Logs { member: "GBR", what: "Windows hosts (recorded)", path: hosts, least: 13_000 },
            Logs { member: "USA", what: "a Zeek sensor (recorded)", path: zeek, least: 2_000 },
        ];
        return Ok((logs, RECORDED));
    }
    let folder = first.dir.join("captures");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, text)).map_err(wrong)?;
        Ok::<_, Failure>(path)
    };
    let hosts = write("hosts.jsonl", include_str!("hosts.jsonl"))?;
    let zeek = write("zeek.jsonl", include_str!("zeek.jsonl"))?;
    let logs = vec![
        Logs { member: "GBR", what: "two Windows hosts (written for the demo)", path: hosts, least: 8 },
        Logs { member: "USA", what: "a Zeek sensor (written for the demo)", path: zeek, least: 6 },
    ];
    Ok((logs, OWN))
}

/// The program of our own capture.
const OWN: &str = "3b8a55b4e0d9f1c7a6425e0d8fb91c3a7e6d5c4b3a29180716253443526170ff";

fn add(member: &Member, path: &Path) -> Result<(), Failure> {
    let core = member.core();
    let record = LogSourceRecord {
        name: SOURCE.to_owned(),
        kind: "file".to_owned(),
        config: json!({"path": path, "from": "beginning"}).to_string(),
        enabled: true,
        added: core.clock.now(),
    };
    core.store.transact(|tx| tx.add_log_source(core.scope.tenant, &record))?;
    core.detection().map_err(wrong)?.sources_changed();
    Ok(())
}

/// Publishes an indicator, as an analyst's `indicator add` would.
async fn publish(member: &Member, kind: &str, pattern: &str) -> Result<StixId, Failure> {
    let core = Arc::clone(member.core());
    let (now, id) = (core.clock.now(), StixId::new("indicator", core.ids.uuid()));
    let text = ObjectBuilder::versioned(&id, now, now)
        .string("created_by_ref", core.identity.as_str())
        .string("name", if kind == "sigma" { "Accounts database copied" } else { "Lantern credential tool" })
        .strings("indicator_types", &["malicious-activity"])
        .string("pattern", pattern)
        .string("pattern_type", kind)
        .string("valid_from", &now.to_string())
        .strings("object_marking_refs", &[stix::marking::tlp_ref(Tlp::Amber).as_str()])
        .finish();
    let taken = tokio::task::spawn_blocking(move || {
        let source = core.own_source()?;
        Ok::<_, runtime::CoreError>(core.ingest(&source, &[Piece::stix(text.as_bytes())], &mut |_| {})?)
    });
    let summary = taken.await.map_err(wrong)??;
    if summary.accepted == 1 { Ok(id) } else { Err(Failure::new(format!("not accepted: {summary:?}"))) }
}

/// Waits until everybody who reads logs has answered.
async fn answers(
    first: &Member,
    readers: &[&Member],
    id: &StixId,
    what: &'static str,
    teller: &Narrator,
) -> Result<Answered, Failure> {
    let began = Instant::now();
    let mut came: Vec<(&'static str, Duration)> = Vec::new();
    let standing = eventually(&format!("answer about {what}"), || {
        let standing = first.core().standing_of(id).map_err(wrong)?;
        for party in &standing.parties {
            let reader = readers.iter().find(|reader| reader.party == party.party);
            if let (Some(reader), Some(_)) = (reader, &party.answer)
                && !came.iter().any(|(code, _)| *code == reader.code())
            {
                came.push((reader.code(), began.elapsed()));
            }
        }
        Ok((came.len() == readers.len()).then_some(standing))
    })
    .await?;
    teller.step(&format!("{} publishes {what} (TLP:AMBER)", first.code().cyan()));
    let mut by = Vec::new();
    for (code, took) in came {
        let party = readers.iter().find(|reader| reader.code() == code).map(|reader| reader.party);
        let answering = standing.parties.iter().find(|answering| Some(answering.party) == party);
        let Some(answer) = answering.and_then(|answering| answering.answer.as_ref()) else { continue };
        let looked = |name: &str| answer.coverage.as_ref().and_then(|coverage| coverage.get(name)?.as_u64());
        let events = looked("events").unwrap_or_default();
        let saw = match answer.count {
            0 => "nothing".yellow().to_string(),
            1 => format!("{} once", "seen".green()),
            count => format!("{} {count} times", "seen".green()),
        };
        teller.step(&format!(
            "{} after {:.0} ms: {saw}, of {events} events looked at{}",
            code.cyan(),
            millis(took),
            answer.last_seen.as_deref().map(|last| format!("; last on {last}")).unwrap_or_default(),
        ));
        by.push((code, answer.count, millis(took)));
    }
    teller.more(&format!(
        "seen by {}, not seen by {}, not answered by {}: its confidence is {} of 100 now",
        standing.seen_by, standing.not_seen_by, standing.waiting, standing.assessed
    ));
    Ok(Answered { what, by })
}
