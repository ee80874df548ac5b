//! Agreements as a person reads them: names in place of hashes, what each clause lets flow, and where things stand after
//! an act.

use std::collections::{BTreeMap, BTreeSet};

use agreement::acts::{MembershipState, Reason, State};
use agreement::{Action, PersonalData, Set, Terms, Who};
use label::{Handling, Onward, Pap, Stanag};
use model::{AgreementId, Digest, PartyId};
use runtime::trust::{Agreed, Registry};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::problem::Problem;

/// Digits of a hash that tell it apart.
const SHORT: usize = 12;
/// Digits of a whole hash.
const WHOLE: usize = 64;

/// What the parties of an agreement are called in it; those it does not name, by their own keys.
pub(crate) struct Names(BTreeMap<PartyId, String>);

impl Names {
    pub(crate) fn new(agreed: &Agreed, registry: &Registry) -> Self {
        let mut names: BTreeMap<_, _> =
            registry.histories.iter().map(|(party, history)| (*party, history.name().to_owned())).collect();
        let state = &agreed.state;
        let texts = state.versions.values().flat_map(|version| version.proposal.terms.parties.values());
        let members = memberships(state).flat_map(|membership| membership.members.values().map(|m| &m.party));
        names.extend(texts.chain(members).map(|party| (party.id, party.name.clone())));
        Self(names)
    }

    pub(crate) fn of(&self, party: &PartyId) -> String {
        self.0.get(party).cloned().unwrap_or_else(|| party.to_string())
    }

    pub(crate) fn all<'p>(&self, parties: impl IntoIterator<Item = &'p PartyId>) -> Vec<String> {
        parties.into_iter().map(|party| self.of(party)).collect()
    }

    /// A sentence with a name and a short hash wherever it has a whole one.
    pub(crate) fn readable(&self, sentence: impl ToString) -> String {
        let sentence = sentence.to_string();
        let (mut out, mut run) = (String::with_capacity(sentence.len()), String::new());
        for c in sentence.chars().map(Some).chain([None]) {
            if let Some(digit) = c.filter(|c| matches!(c, '0'..='9' | 'a'..='f')) {
                run.push(digit);
                continue;
            }
            let short = run.get(..SHORT).unwrap_or(&run);
            match run.parse::<PartyId>() {
                Ok(party) if run.len() == WHOLE => match self.0.get(&party) {
                    Some(name) => out.push_str(&format!("{name} ({short})")),
                    None => out.push_str(short),
                },
                _ => out.push_str(&run),
            }
            run.clear();
            out.extend(c);
        }
        out
    }
}

/// Every membership, in effect or proposed.
pub(crate) fn memberships(state: &State) -> impl Iterator<Item = &MembershipState> {
    state.memberships.values().chain(state.proposed.values())
}

/// What an agreement is called, by the text that governs or the newest there is; empty for one that is not known.
pub(crate) fn agreement_name(registry: &Registry, agreement: AgreementId) -> String {
    let state = registry.agreements.get(&agreement).map(|agreed| &agreed.state);
    let title = state.and_then(|state| state.version().or_else(|| state.versions.values().last()));
    title.map(|version| version.proposal.terms.name.clone()).unwrap_or_default()
}

/// Whether a party took part once and does so no more.
pub(crate) fn has_left(state: &State, party: &PartyId) -> bool {
    state.ever.contains(party) && !state.active.contains(party)
}

/// What one clause lets flow.
#[derive(Serialize, ToSchema)]
#[schema(as = AgreedClause)]
pub(crate) struct ClauseBody {
    /// Its name in explanations.
    clause: String,
    /// Who may give, and who may be given; `any` for each party.
    from: Vec<String>,
    to: Vec<String>,
    /// STIX types; `any` for each.
    types: Vec<String>,
    /// The most sensitive handling an object may have, in words.
    ceiling: String,
    /// How the receiver may pass it on: `free`, `none`, `orcon`, `depth:2`, or `named: ` and who.
    onward: String,
    /// What becomes of personal data: `refuse`, `redact`, `pseudonymise` or `allow`.
    personal: &'static str,
    /// What the receiver may do with it.
    actions: Vec<String>,
    /// What it may be used for.
    purposes: Vec<String>,
    /// What narrows it further, in words.
    also: Vec<String>,
}

impl ClauseBody {
    /// The clauses of a text; the emergency clause is among them, by the name `break_glass`.
    pub(crate) fn all(terms: &Terms, names: &Names) -> Vec<Self> {
        let who = |who: &Who| match who {
            Who::Any => vec!["any".to_owned()],
            Who::Parties(parties) => names.all(parties),
        };
        let clause = |clause: &agreement::Clause| {
            let mut also = Vec::new();
            for (what, set) in [
                ("categories", &clause.categories),
                ("sectors", &clause.sectors),
                ("countries", &clause.countries),
            ] {
                if let Set::Only(only) = set {
                    also.push(format!("only {what} {}", listed(only)));
                }
            }
            also.extend(clause.redaction.as_ref().map(|profile| format!("redacted by profile {profile}")));
            if clause.delay_seconds > 0 {
                also.push(format!("{} seconds later", clause.delay_seconds));
            }
            if clause.aggregate {
                also.push("only sums, not objects".to_owned());
            }
            Self {
                clause: clause.id.clone(),
                from: who(&clause.from),
                to: who(&clause.to),
                types: words(&clause.types),
                ceiling: ceiling(&clause.ceiling),
                onward: match &clause.onward {
                    Onward::Named(parties) => format!("named: {}", names.all(parties).join(", ")),
                    other => other.to_text(),
                },
                personal: clause.personal.as_str(),
                actions: clause.actions.iter().map(ToString::to_string).collect(),
                purposes: clause.purposes.iter().cloned().collect(),
                also,
            }
        };
        // What an emergency gives is compiled so: for every use but passing on, and personal data only by its ceiling.
        let glass = terms.break_glass.iter().map(|glass| Self {
            clause: "break_glass".to_owned(),
            from: who(&glass.from),
            to: who(&glass.to),
            types: words(&glass.types),
            ceiling: ceiling(&glass.ceiling),
            onward: Onward::None.to_text(),
            personal: if glass.ceiling.personal() { PersonalData::Allow } else { PersonalData::Refuse }
                .as_str(),
            actions: Action::ALL
                .iter()
                .filter(|action| **action != Action::PassOn)
                .map(ToString::to_string)
                .collect(),
            purposes: terms.purposes.iter().cloned().collect(),
            also: vec![format!(
                "only in an emergency that {} officers declare, for {} hours",
                glass.officers, glass.hours
            )],
        });
        terms.clauses.iter().map(clause).chain(glass).collect()
    }
}

fn words(set: &Set) -> Vec<String> {
    match set {
        Set::Any => vec!["any".to_owned()],
        Set::Only(words) => words.iter().cloned().collect(),
    }
}

fn listed(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A ceiling in words: the TLP level, and what else is bounded.
fn ceiling(handling: &Handling) -> String {
    let mut parts = vec![format!("TLP {}", handling.tlp())];
    if handling.pap() != Pap::Clear {
        parts.push(format!("PAP {}", handling.pap()));
    }
    let plain = Handling::from(handling.tlp());
    if let Some(nations) = handling.releasability().to() {
        let nations: Vec<_> = nations.iter().map(ToString::to_string).collect();
        let word = if handling.releasability().is_eyes_only() { "eyes only" } else { "releasable to" };
        parts.push(format!("{word} {}", nations.join(" ")));
    }
    if let Stanag::Label(label) = handling.stanag() {
        parts.push(format!("classified up to {}", label.name));
    }
    if handling.iep() != plain.iep() {
        parts.push(format!("IEP {}", handling.iep().permitted_actions.as_str()));
    }
    parts.join(", ")
}

/// Where an agreement stands after an act of ours.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatusBody {
    /// `requested`, `offered`, `accepted`, `agreed`, `verified`, `in-force`, `suspended` or `ended`: of the agreement as a
    /// whole, by the version that governs.
    status: &'static str,
    /// The number of the version that governs, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    governs: Option<u32>,
    /// The number of the version that the act was about, if it was about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// What is missing until that version governs, in words.
    missing: Vec<String>,
    /// Whether we took part and do so no more.
    left: bool,
    /// The other parties that take part now.
    others: Vec<String>,
}

impl StatusBody {
    /// How it stands now, with what concerns this version.
    pub(crate) fn now(app: &App, agreement: AgreementId, version: Option<Digest>) -> Result<Self, Problem> {
        let registry = app.core().registry()?;
        let agreed = registry.agreements.get(&agreement).ok_or_else(|| Problem::missing("that agreement"))?;
        let state = &agreed.state;
        let own = app.core().party()?.party;
        let names = Names::new(agreed, &registry);
        let about = version.and_then(|hash| state.versions.get(&hash));
        let governs = state.version().filter(|version| version.complete);
        // What the node does by itself is missing too, but asks nothing of anybody.
        let missing = about.into_iter().flat_map(|about| &about.missing);
        let people = |reason: &&Reason| !matches!(reason, Reason::Missing { what: "verify" | "enter", .. });
        Ok(Self {
            status: state.status.as_str(),
            governs: governs.map(|version| version.proposal.terms.version),
            version: about.map(|version| version.proposal.terms.version),
            missing: missing.filter(people).map(|reason| names.readable(reason)).collect(),
            left: has_left(state, &own),
            others: names.all(state.active.iter().filter(|party| **party != own)),
        })
    }
}
