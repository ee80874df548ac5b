//! Pairing and agreements: what has to be there before anything flows.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use keys::posts::Approval;
use keys::window::DAY;
use model::{AgreementId, Digest};
use owo_colors::OwoColorize;
use runtime::trust::Proposed;
use serde_json::{Value, json};

use super::member::Member;
use super::narrator::Narrator;
use crate::exit::Failure;

/// What takes longer than this never comes.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn wrong(problem: impl Display) -> Failure {
    Failure::new(problem.to_string())
}

/// Looks again and again until there is something to see.
pub async fn eventually<T>(
    what: &str,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Failure::new(format!("after {} s there is still no {what}", PATIENCE.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Who is paired with whom, by their places among the members: whoever shares an agreement.
const PAIRS: [(usize, usize); 5] = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 3)];

/// Pairs the nodes: an invitation, an acceptance, an opening, and six words that people compare.
pub async fn pair(members: &[Member], teller: &Narrator) -> Result<(), Failure> {
    teller.chapter("They pair: two people on the phone read the same six words to each other");
    for (a, b) in PAIRS {
        let (Some(a), Some(b)) = (members.get(a), members.get(b)) else { continue };
        let (a_url, b_url) = (a.peer_url(), b.peer_url());
        let (ours, theirs) = (a.core(), b.core());
        let invitation = ours.invite(Some(&a_url), DAY).map_err(wrong)?;
        let accepted =
            theirs.accept_invitation(&invitation, Some(&a.petname()), Some(&b_url)).map_err(wrong)?;
        let opened = ours.take_acceptance(&accepted.answer, Some(&b.petname())).map_err(wrong)?;
        theirs.take_opening(&opened.answer).map_err(wrong)?;
        let words = |member: &Member, peer: &Member| {
            let view = member.core().pairing(&peer.petname()).map_err(wrong)?;
            view.words
                .map(|words| words.join(" "))
                .ok_or_else(|| Failure::new("there are no words to compare"))
        };
        let (here, there) = (words(a, b)?, words(b, a)?);
        // Each side types in what it heard from the other.
        ours.confirm_peer(&b.petname(), &there, "demo").map_err(wrong)?;
        theirs.confirm_peer(&a.petname(), &here, "demo").map_err(wrong)?;
        for member in [a, b] {
            member.node.wake_peers();
        }
        teller.step(&format!("{} and {}: {}", a.code().cyan(), b.code().cyan(), here.green()));
    }
    Ok(())
}

/// A text to be filled in and signed.
struct Text {
    template: &'static str,
    name: &'static str,
    /// The members it names `a`, `b`, `c`, by their places.
    parties: &'static [usize],
    /// How it is unlike the template.
    change: Option<(&'static str, &'static str)>,
    /// What it lets through at most, for the audience.
    ceiling: &'static str,
}

const TEXTS: [Text; 3] = [
    Text {
        template: "tlp-community",
        name: "Harbour Lights community",
        parties: &[0, 1, 3],
        change: None,
        ceiling: "TLP:GREEN",
    },
    Text {
        template: "bilateral-cert",
        name: "Southern Harbours and Thames Ports",
        parties: &[0, 2],
        change: Some((
            r#"ceiling = { tlp = "amber", pap = "amber" }"#,
            r#"ceiling = { tlp = "amber+strict", pap = "amber" }"#,
        )),
        ceiling: "TLP:AMBER+STRICT",
    },
    Text {
        template: "bilateral-cert",
        name: "Southern Harbours and Lakes Shipping",
        parties: &[0, 4],
        change: None,
        ceiling: "TLP:AMBER",
    },
];

/// Signs one circle and two bilateral agreements, by two of three officers each.
pub async fn sign(members: &[Member], teller: &Narrator) -> Result<Value, Failure> {
    teller.chapter("They sign: one circle and two bilateral agreements with different ceilings");
    let mut signed = Vec::new();
    for text in &TEXTS {
        let parties: Vec<&Member> = text.parties.iter().filter_map(|place| members.get(*place)).collect();
        let Some(proposer) = parties.first() else { continue };
        let document = fill_in(text, &parties).await?;
        teller.step(&format!(
            "\"{}\" between {}, at most {} ({})",
            text.name,
            parties.iter().map(|member| member.code()).collect::<Vec<_>>().join(", ").cyan(),
            text.ceiling.yellow(),
            text.template
        ));
        let preview = proposer.core().exposure(&document, 0).map_err(wrong)?;
        let exposed = preview.report.parties.iter().map(|(party, change)| {
            let code = members.iter().find(|member| member.party == *party).map_or("?", Member::code);
            let objects: u64 = change.exposed.iter().map(|class| class.objects).sum();
            format!("{objects} to {code}")
        });
        let exposed: Vec<_> = exposed.collect();
        teller.more(&format!(
            "before it signs, {} sees what this newly exposes: {}",
            proposer.code(),
            exposed.join(", ")
        ));
        let proposed = proposer.core().propose(&document, "", "demo").map_err(wrong)?;
        for member in &parties {
            let core = member.core();
            let has_text = || {
                let registry = core.registry().map_err(wrong)?;
                let agreed = registry.agreements.get(&proposed.agreement);
                Ok(agreed
                    .is_some_and(|agreed| agreed.state.versions.contains_key(&proposed.version))
                    .then_some(()))
            };
            eventually(&format!("text of \"{}\" at {}", text.name, member.code()), has_text).await?;
            approve(member, &proposed)?;
        }
        for member in &parties {
            in_force(member, proposed.agreement, proposed.version, text.name).await?;
        }
        teller.step(&format!(
            "{}: two of three officers of each signed, every node verified the others",
            "in force".green()
        ));
        signed.push(json!({
            "agreement": proposed.agreement.to_string(),
            "name": text.name,
            "template": text.template,
            "parties": parties.iter().map(|member| member.code()).collect::<Vec<_>>(),
            "ceiling": text.ceiling,
        }));
    }
    Ok(Value::Array(signed))
}

/// Two officers sign the exact bytes, and the node adds its own.
fn approve(member: &Member, proposed: &Proposed) -> Result<(), Failure> {
    let core = member.core();
    let bytes = core.approval_bytes(proposed.agreement, proposed.version).map_err(wrong)?;
    let approvals =
        member.officers.iter().take(2).map(|officer| Approval::sign(officer, bytes.as_bytes())).collect();
    core.sign_agreement(proposed.agreement, proposed.version, approvals, "demo").map_err(wrong)?;
    Ok(())
}

async fn in_force(
    member: &Member,
    agreement: AgreementId,
    version: Digest,
    name: &str,
) -> Result<(), Failure> {
    let look = || {
        let registry = member.core().registry().map_err(wrong)?;
        let in_force = registry.in_force().any(|(id, force)| id == agreement && force.version == version);
        Ok(in_force.then_some(()))
    };
    let waited = eventually(&format!("\"{name}\" in force at {}", member.code()), look).await;
    waited.map_err(|failure| {
        let registry = member.core().registry().ok();
        let state = registry.as_ref().and_then(|registry| registry.agreements.get(&agreement));
        match state {
            Some(agreed) => {
                let reasons: Vec<_> = agreed.state.reasons.iter().map(ToString::to_string).collect();
                let refused: Vec<_> = agreed.state.refused.values().map(ToString::to_string).collect();
                let why = [reasons, refused].concat().join("; ");
                failure.hint(format!("it is {}: {why}", agreed.state.status))
            }
            None => failure,
        }
    })
}

/// Fills a template in through the node's own interface, as `shieldwall agreement new` does.
async fn fill_in(text: &Text, parties: &[&Member]) -> Result<String, Failure> {
    let Some(proposer) = parties.first() else { return Err(Failure::new("an agreement of nobody")) };
    let now = proposer.core().clock.now();
    let day = |days: i64| now.plus_micros(days * DAY).to_string().chars().take(10).collect::<String>();
    let mut values: BTreeMap<String, String> = [
        ("name", text.name.to_owned()),
        ("start", day(-1)),
        ("review", day(180)),
        ("expiry", day(365)),
        ("officers", "2".to_owned()),
        ("of", "3".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if text.template == "bilateral-cert" {
        values.insert("basis_from".to_owned(), day(-30));
        values.insert("basis_until".to_owned(), day(700));
    }
    for (letter, member) in ["a", "b", "c"].into_iter().zip(parties) {
        let core = member.core();
        let history = core.own_history().map_err(wrong)?;
        let epoch = history.current(core.clock.now()).map_err(wrong)?.key.id();
        for (name, value) in [
            ("key", member.petname()),
            ("name", member.organisation.name.to_owned()),
            ("id", member.party.to_string()),
            ("epoch", epoch.to_string()),
            ("country", history.country().to_owned()),
            ("identity", core.identity.to_string()),
        ] {
            values.insert(format!("{letter}_{name}"), value);
        }
    }
    let client = proposer.client().await?;
    let path = format!("/api/v1/agreement-templates/{}", text.template);
    let answer = client.post(&path, &json!({"values": values})).await?;
    let filled = answer.get("text").and_then(Value::as_str).unwrap_or_default();
    match text.change {
        Some((from, _)) if !filled.contains(from) => {
            Err(Failure::new(format!("the template {} reads otherwise than the demo expects", text.template)))
        }
        Some((from, to)) => Ok(filled.replace(from, to)),
        None => Ok(filled.to_owned()),
    }
}
