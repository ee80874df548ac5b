//! Who gets what, why somebody does not, and how it is taken back.

use std::time::Instant;

use model::{PartyId, StixId, Tlp};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use super::federation::{eventually, wrong};
use super::member::Member;
use super::narrator::Narrator;
use super::publish::{Sample, holds, millis, publish, quiet};
use crate::exit::Failure;

/// What became of one indicator.
pub struct Shared {
    pub id: StixId,
    pub delivered_to: Vec<&'static str>,
    pub withheld: Vec<Withheld>,
    /// Whether those who have it are those whom the texts entitle, and nobody else.
    pub exact: bool,
}

/// Somebody who does not get it, and why.
pub struct Withheld {
    pub party: &'static str,
    pub label: &'static str,
    /// The clause in the way.
    pub clause: String,
    pub reasons: Vec<String>,
    /// The least that would have to be agreed.
    pub consent: Option<String>,
}

impl Withheld {
    pub fn to_json(&self) -> Value {
        json!({
            "party": self.party,
            "label": self.label,
            "clause": self.clause,
            "reasons": self.reasons,
            "smallest_consent": self.consent,
        })
    }
}

/// Waits until what was held before the agreements has gone to whoever may have it. Returns how many deliveries it took.
pub async fn backfill(first: &Member, allies: &[Member]) -> Result<usize, Failure> {
    let core = first.core();
    // It may go to everyone, and what was held is decided on together.
    for ally in allies {
        let what = format!("identity of {} at {}", first.code(), ally.code());
        eventually(&what, || Ok(holds(ally, &core.identity)?.then_some(()))).await?;
    }
    quiet(first).await?;
    Ok(core.store.read()?.disclosures(core.scope.tenant, None, false, 0, 1_000_000)?.len())
}

/// An indicator for the two bilateral partners alone.
pub async fn entitled(first: &Member, allies: &[Member], teller: &Narrator) -> Result<Shared, Failure> {
    teller.chapter("One indicator for few (TLP:AMBER): it reaches exactly those whom an agreement entitles");
    share(first, allies, teller, Sample::special(0, Some(Tlp::Amber)), "TLP:AMBER", &["GBR", "USA"]).await
}

/// One that only the agreement with the higher ceiling lets through.
pub async fn stricter(first: &Member, allies: &[Member], teller: &Narrator) -> Result<Shared, Failure> {
    teller.chapter("One that is withheld (TLP:AMBER+STRICT): a ceiling is a ceiling, and says so");
    share(first, allies, teller, Sample::special(1, Some(Tlp::AmberStrict)), "TLP:AMBER+STRICT", &["GBR"])
        .await
}

async fn share(
    first: &Member,
    allies: &[Member],
    teller: &Narrator,
    sample: Sample,
    label: &'static str,
    expected: &[&str],
) -> Result<Shared, Failure> {
    let entitled = allies.iter().filter(|ally| expected.contains(&ally.code()));
    let sent = publish(first, entitled, sample).await?;
    decided(first, allies, &sent.id).await?;
    quiet(first).await?;
    let mut shared = Shared { id: sent.id, delivered_to: Vec::new(), withheld: Vec::new(), exact: true };
    for ally in allies {
        if holds(ally, &shared.id)? {
            shared.delivered_to.push(ally.code());
        } else {
            shared.withheld.push(why(first, ally, &shared.id, label)?);
        }
    }
    shared.exact = shared.delivered_to == expected;
    let arrived: Vec<_> =
        sent.hops.iter().map(|hop| format!("{} {:.1} ms", hop.code.cyan(), millis(hop.visible))).collect();
    teller.step(&format!("{} to {}", "delivered".green(), arrived.join(", ")));
    for withheld in &shared.withheld {
        teller.step(&format!(
            "{} from {}: clause `{}`",
            "withheld".yellow(),
            withheld.party.cyan(),
            withheld.clause
        ));
        for reason in &withheld.reasons {
            teller.more(reason);
        }
        if let Some(consent) = &withheld.consent {
            teller.more(&format!("smallest consent: {consent}"));
        }
    }
    if !shared.exact {
        teller.step(&format!("it should have reached {}: this is a defect", expected.join(", ")));
    }
    Ok(shared)
}

/// Waits until the first node has decided, for every ally, whether it may have an object.
async fn decided(first: &Member, allies: &[Member], id: &StixId) -> Result<(), Failure> {
    let core = first.core();
    eventually("decision about every ally", || {
        let decisions = core.store.read()?.decisions(core.scope.tenant, Some(id), None, 1000)?;
        let about = |party: PartyId| decisions.iter().any(|decision| decision.to == party);
        Ok(allies.iter().all(|ally| about(ally.party)).then_some(()))
    })
    .await
}

/// What `shieldwall agreement explain` says.
fn why(first: &Member, ally: &Member, id: &StixId, label: &'static str) -> Result<Withheld, Failure> {
    let explanation = first.core().explain(id, ally.party).map_err(wrong)?;
    // An agreement that the two do not share says nothing but that.
    let verdict = explanation.verdicts.iter().find(|verdict| !verdict.clauses.is_empty());
    let verdict = verdict.ok_or_else(|| Failure::new(format!("nothing is agreed with {}", ally.code())))?;
    Ok(Withheld {
        party: ally.code(),
        label,
        clause: verdict.decision.clause.clone(),
        reasons: verdict.decision.reasons.iter().map(ToString::to_string).collect(),
        consent: explanation.smallest_consent().map(|(_, consent)| consent.to_owned()),
    })
}

/// Publishes an indicator without a label. Returns whether nobody has it once everything is decided and sent.
pub async fn unmarked_stays(first: &Member, allies: &[Member]) -> Result<bool, Failure> {
    let secret = publish(first, [], Sample::special(2, None)).await?;
    decided(first, allies, &secret.id).await?;
    quiet(first).await?;
    for ally in allies {
        if holds(ally, &secret.id)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What came of taking something back.
pub struct TakenBack {
    /// How many were given it.
    pub holders: usize,
    /// How many proved that it is gone.
    pub receipts: usize,
    /// Who has it all the same.
    pub left: usize,
}

impl TakenBack {
    pub fn complete(&self) -> bool {
        self.holders > 0 && self.receipts == self.holders && self.left == 0
    }
}

/// Withdraws an indicator from everyone who has it, and waits for their signed receipts.
pub async fn take_back(
    first: &Member,
    allies: &[Member],
    shared: &Shared,
    teller: &Narrator,
) -> Result<TakenBack, Failure> {
    teller.chapter("One indicator taken back: it was wrong, and whoever has it must say that it is gone");
    let core = first.core();
    let tenant = core.scope.tenant;
    let started = Instant::now();
    let told = core.withdraw(&shared.id, "demo", "the sample was harmless").map_err(wrong)?.told;
    teller.step(&format!(
        "{} withdraws the TLP:AMBER indicator; word goes to {} holders",
        first.code(),
        told.len()
    ));
    let mut seen = Vec::new();
    let given = loop {
        let known = seen.len();
        let fresh = eventually("receipt", || {
            let given = core.store.read()?.disclosures(tenant, Some(&shared.id), false, 0, 1000)?;
            let receipts = given.iter().filter(|record| record.receipt.is_some()).count();
            Ok((receipts > known || receipts == given.len()).then_some(given))
        })
        .await?;
        for record in &fresh {
            let Some((_, state)) = &record.receipt else { continue };
            if !seen.contains(&record.to) {
                seen.push(record.to);
                let code = allies.iter().find(|ally| ally.party == record.to).map_or("?", Member::code);
                teller.step(&format!(
                    "{}: signed receipt, {} after {:.0} ms",
                    code.cyan(),
                    state.green(),
                    millis(started.elapsed())
                ));
            }
        }
        if fresh.iter().all(|record| record.receipt.is_some()) {
            break fresh;
        }
    };
    let mut left = 0;
    for ally in allies {
        left += usize::from(holds(ally, &shared.id)?);
    }
    let erased = |state: &str| state == "erased";
    let receipts =
        given.iter().filter(|record| record.receipt.as_ref().is_some_and(|(_, state)| erased(state))).count();
    teller.step(&format!(
        "who still holds it: {}",
        if left == 0 { "nobody".to_owned() } else { left.to_string() }
    ));
    Ok(TakenBack { holders: given.len(), receipts, left })
}
