//! The overseer: a report that is checked with nothing but signatures and proofs.

use owo_colors::OwoColorize;
use runtime::trust::verify_report;
use serde_json::{Value, json};

use super::federation::{eventually, wrong};
use super::member::Member;
use super::narrator::Narrator;
use super::publish::quiet;
use crate::exit::Failure;

/// How many of the peers must have cosigned the ledger for its report to be believed.
const QUORUM: usize = 3;

/// What the overseer found.
pub struct Audit {
    pub verified: bool,
    leaves: u64,
    witnesses: usize,
    problems: Vec<String>,
}

impl Audit {
    pub fn to_json(&self) -> Value {
        json!({
            "leaves": self.leaves,
            "witnesses": self.witnesses,
            "quorum": QUORUM,
            "problems": self.problems,
        })
    }
}

/// The first node reports; an overseer who trusts its peers, and not the node, verifies.
pub async fn audit(first: &Member, allies: &[Member], teller: &Narrator) -> Result<Audit, Failure> {
    teller.chapter(
        "The overseer: every figure of the report is counted again from proofs, without seeing content",
    );
    quiet(first).await?;
    let core = first.core();
    let tenant = core.scope.tenant;
    // A report rests on a checkpoint that the witnesses have seen.
    core.prepare_report().map_err(wrong)?;
    eventually("checkpoint that every peer has cosigned", || {
        // What an ally still answers meanwhile is in the ledger too, and wants a checkpoint of its own.
        core.checkpoint_step().map_err(wrong)?;
        let size = core.store.read()?.ledger_size(tenant)?;
        let own = core.checkpoints().map_err(wrong)?;
        let ours = own.iter().find(|(origin, _)| origin.contains(&first.party.to_string()));
        let cosigned = ours.is_some_and(|(_, (at, note))| {
            let lines = note.lines().filter(|line| line.starts_with('\u{2014}')).count();
            *at == size && lines > allies.len()
        });
        Ok(cosigned.then_some(()))
    })
    .await?;
    let report = core.make_report("demo").map_err(wrong)?;
    // Its key history is what a peer has pinned: the node is not asked about itself.
    let peer = allies.first().ok_or_else(|| Failure::new("no ally"))?;
    let registry = peer.core().registry().map_err(wrong)?;
    let history = registry.histories.get(&first.party);
    let history = history.ok_or_else(|| Failure::new("the peer does not know the party"))?.to_text();
    let keys = core.witness_keys().map_err(wrong)?;
    let now = peer.core().clock.now();
    let verdict =
        verify_report(report.file.as_bytes(), history.as_bytes(), &keys, QUORUM, now).map_err(wrong)?;
    let audit = Audit {
        verified: verdict.holds(),
        leaves: report.leaves.1 - report.leaves.0,
        witnesses: verdict.witnesses.len(),
        problems: verdict.problems.iter().map(ToString::to_string).collect(),
    };
    let outcome =
        if audit.verified { "verified".green().to_string() } else { "NOT verified".red().to_string() };
    teller.step(&format!(
        "{}'s report on {} ledger entries, cosigned by {} of {} peers: {outcome}",
        first.code(),
        audit.leaves,
        audit.witnesses,
        allies.len()
    ));
    let counted = |name: &str| {
        let rows = verdict.tables.iter().filter(|table| table.name == name).flat_map(|table| &table.rows);
        let told = rows.map(|(keys, row)| {
            format!("{} {}", row.measures.first().copied().unwrap_or_default(), keys.join(" "))
        });
        told.collect::<Vec<_>>().join(", ")
    };
    teller.more(&format!("counted again: {}", counted("kinds")));
    for problem in &audit.problems {
        teller.more(problem);
    }
    Ok(audit)
}
