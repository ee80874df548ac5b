//! From an agreement's terms to its policies.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{BreakGlass, Clause, Party, PersonalData, Reciprocity, Terms};
use label::{Facts, Handling, Nation, Onward, Pap, Stanag};
use model::{AgreementId, Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::condition::{Condition, Members};
use crate::decision::Obligations;
use crate::engine::{ENTITY, Engine, SCHEMA};
use crate::quote;
use crate::request::Action;

/// What a permission by the emergency clause names. No clause of a text can be called that.
pub const BREAK_GLASS: &str = "break_glass";

/// One agreement's terms as policies, ready to be asked.
///
/// The text follows from the terms alone, byte for byte, so that both sides compile it to the same hash; the
/// agreement's id is not in it, because the id of a first version follows from what is signed.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) agreement: AgreementId,
    pub(crate) name: String,
    text: String,
    hash: Digest,
    /// All policies of the text.
    pub(crate) engine: Engine,
    /// What binds every clause, as forbidding policies of the same name.
    pub(crate) guards: Vec<Condition>,
    /// In order of preference.
    pub(crate) clauses: Vec<Rule>,
    pub(crate) parties: BTreeMap<PartyId, Party>,
    pub(crate) nations: BTreeMap<PartyId, Option<Nation>>,
    pub(crate) start: Timestamp,
    /// Instants at which anything changes by itself, sorted.
    pub(crate) boundaries: Vec<Timestamp>,
}

/// One clause: its conditions, and what it obliges to.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) obligations: Obligations,
    /// What the clause puts on the label of whatever flows under it.
    pub(crate) label: Handling,
    /// The policies that have a say where this clause is concerned.
    pub(crate) engine: Engine,
}

/// A clause before the engine has read it.
struct Draft {
    id: String,
    conditions: Vec<Condition>,
    obligations: Obligations,
    label: Handling,
}

/// Terms that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The policy engine does not take the generated text.
    #[error("the compiled policies are refused: {0}")]
    Refused(String),
    /// What the engine read is not what was written.
    #[error("the compiled policies do not say what the terms say: {0}")]
    Unfaithful(String),
}

impl Policy {
    /// The nation whose law a party is under, by the agreement; `None` where that is not known.
    #[must_use]
    pub fn nation_of(&self, party: PartyId) -> Option<Nation> {
        self.nations.get(&party).copied().flatten()
    }

    /// Compiles terms.
    ///
    /// # Errors
    /// [`CompileError`]; terms that [`Terms::parse_toml`] accepts give none.
    pub fn compile(terms: &Terms, agreement: AgreementId) -> Result<Self, CompileError> {
        let (guards, drafts) = (guards(terms), rules(terms));
        let text = write(terms, &guards, &drafts);
        let engine = Engine::load(&text).map_err(|error| CompileError::Refused(error.0))?;
        let clauses = faithful(&engine, &guards, drafts)?;
        let nations =
            terms.parties.values().map(|party| (party.id, party.jurisdiction.parse().ok())).collect();
        let mut boundaries = vec![terms.start, terms.expiry];
        boundaries.extend(terms.legal_basis.iter().flat_map(|basis| [basis.valid_from, basis.valid_until]));
        boundaries.sort_unstable();
        boundaries.dedup();
        Ok(Self {
            agreement,
            name: terms.name.clone(),
            hash: digest(&text),
            text,
            engine,
            guards,
            clauses,
            parties: terms.parties.clone(),
            nations,
            start: terms.start,
            boundaries,
        })
    }

    /// SHA-256 of the text that terms compile to: what a proposal states and officers sign.
    ///
    /// # Errors
    /// As for [`Policy::compile`].
    pub fn hash_of(terms: &Terms) -> Result<Digest, CompileError> {
        Self::compile(terms, AgreementId(Digest::ZERO)).map(|policy| policy.hash)
    }

    /// The policies as Cedar text.
    #[must_use]
    pub fn cedar_text(&self) -> &str {
        &self.text
    }

    /// The schema that the text is written for; the text states its hash.
    #[must_use]
    pub const fn cedar_schema() -> &'static str {
        SCHEMA
    }

    /// SHA-256 of [`Policy::cedar_text`].
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// The agreement.
    #[must_use]
    pub const fn agreement(&self) -> AgreementId {
        self.agreement
    }

    /// The agreement's name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its parties.
    pub fn parties(&self) -> impl Iterator<Item = &Party> {
        self.parties.values()
    }

    /// Whether these two can deal with each other under it at all: two different parties of it.
    #[must_use]
    pub fn is_between(&self, from: PartyId, to: PartyId) -> bool {
        from != to && self.parties.contains_key(&from) && self.parties.contains_key(&to)
    }

    /// From when until when nothing changes by itself for an object with these facts: the interval that holds this
    /// instant, its end not included.
    #[must_use]
    pub fn steady(&self, facts: &Facts, at: Timestamp) -> (Timestamp, Timestamp) {
        let (iep, acs) = (facts.handling.iep(), facts.handling.acs());
        let dates =
            [iep.start, iep.end].into_iter().chain(acs.policies().map(|policy| policy.dispose)).flatten();
        let all = self.boundaries.iter().copied().chain(dates);
        let (mut from, mut until) = (Timestamp::MIN, Timestamp::MAX);
        for instant in all {
            if instant <= at {
                from = from.max(instant);
            } else {
                until = until.min(instant);
            }
        }
        (from, until)
    }

    /// The clauses by name, in order of preference; the emergency clause is the last.
    pub fn clauses(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().map(|rule| rule.id.as_str())
    }
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

/// What binds every clause.
fn guards(terms: &Terms) -> Vec<Condition> {
    let mut guards = vec![
        Condition::Parties(terms.party_ids()),
        Condition::NotSelf,
        Condition::Exercise(terms.exercise.clone()),
        Condition::Period(terms.start, terms.expiry),
        Condition::Basis(terms.legal_basis.clone()),
        Condition::Label,
        Condition::Onward,
        Condition::Orcon,
    ];
    if matches!(terms.reciprocity, Reciprocity::Least { .. }) {
        guards.push(Condition::Reciprocity);
    }
    guards
}

/// The clauses in order of preference: those that give the most come first, and the emergency clause last.
///
/// Every clause is agreed by all, so each alone permits, and the receiver is entitled to the best of them. Obligations
/// of several are never mixed.
fn rules(terms: &Terms) -> Vec<Draft> {
    let mut clauses: Vec<&Clause> = terms.clauses.iter().collect();
    let pseudonymised =
        |clause: &Clause| profile(terms, clause).is_some_and(|profile| profile.pseudonymise_addresses);
    clauses.sort_by_cached_key(|clause| {
        (
            clause.aggregate,
            clause.redaction.is_some(),
            pseudonymised(clause),
            std::cmp::Reverse(clause.personal),
            clause.delay_seconds,
            clause.id.clone(),
        )
    });
    let clauses = clauses.into_iter().map(|clause| rule(terms, clause));
    clauses.chain(terms.break_glass.as_ref().map(|glass| emergency(terms, glass))).collect()
}

fn profile<'a>(terms: &'a Terms, clause: &Clause) -> Option<&'a agreement::Redaction> {
    clause.redaction.as_ref().and_then(|name| terms.redactions.get(name))
}

fn rule(terms: &Terms, clause: &Clause) -> Draft {
    let mut conditions = vec![
        Condition::From(clause.from.clone()),
        Condition::To(clause.to.clone()),
        Condition::Actions(clause.actions.clone()),
        Condition::Types(clause.types.clone()),
        Condition::Categories(clause.categories.clone()),
        Condition::Sectors(clause.sectors.clone()),
        Condition::Countries(clause.countries.clone()),
    ];
    conditions.extend(ceiling(terms, &clause.ceiling));
    if clause.personal == PersonalData::Refuse {
        conditions.push(Condition::Impersonal);
    }
    if let Some(name) = &clause.redaction {
        let kept = profile(terms, clause).map(|profile| profile.keep.keys().cloned().collect());
        conditions.push(Condition::Kept(name.clone(), kept.unwrap_or_default()));
    }
    conditions.push(Condition::Purposes(clause.purposes.clone()));
    conditions.retain(|condition| !condition.is_empty());
    let passes = clause.actions.contains(&Action::PassOn);
    let onward = if passes { clause.onward.meet(&clause.ceiling.onward()) } else { Onward::None };
    Draft {
        id: clause.id.clone(),
        conditions,
        obligations: Obligations {
            redaction: clause.redaction.clone(),
            personal: clause.personal,
            pseudonymise_addresses: profile(terms, clause)
                .is_some_and(|profile| profile.pseudonymise_addresses),
            delay_seconds: clause.delay_seconds,
            aggregate: clause.aggregate,
            onward,
        },
        label: caveat(&clause.ceiling),
    }
}

/// REL TO and EYES ONLY of a ceiling are no ceiling: they go with what flows.
fn caveat(ceiling: &Handling) -> Handling {
    Handling::clear().with_releasability(ceiling.releasability().clone())
}

/// The emergency clause gives for every use but passing on. It says nothing of personal data, so it gives none, unless
/// its ceiling bears the personal-data flag.
fn emergency(terms: &Terms, glass: &BreakGlass) -> Draft {
    let personal = glass.ceiling.personal();
    let actions = BTreeSet::from([Action::Receive, Action::Detect, Action::Enrich, Action::Block]);
    let mut conditions = vec![
        Condition::BreakGlass,
        Condition::From(glass.from.clone()),
        Condition::To(glass.to.clone()),
        Condition::Actions(actions),
        Condition::Types(glass.types.clone()),
    ];
    conditions.extend(ceiling(terms, &glass.ceiling));
    if !personal {
        conditions.push(Condition::Impersonal);
    }
    conditions.push(Condition::Purposes(terms.purposes.clone()));
    conditions.retain(|condition| !condition.is_empty());
    let personal = if personal { PersonalData::Allow } else { PersonalData::Refuse };
    Draft {
        id: BREAK_GLASS.to_owned(),
        conditions,
        obligations: Obligations { personal, ..Obligations::NOTHING },
        label: caveat(&glass.ceiling),
    }
}

/// One condition for each dimension of a ceiling.
fn ceiling(terms: &Terms, ceiling: &Handling) -> Vec<Condition> {
    let stanag = match ceiling.stanag() {
        Stanag::Nobody => Stanag::Unmarked,
        other => other.clone(),
    };
    let mut conditions = vec![Condition::Tlp(ceiling.tlp()), Condition::Confidentiality(stanag)];
    if ceiling.pap() != Pap::Red {
        conditions.push(Condition::Pap(ceiling.pap()));
    }
    conditions.push(Condition::Iep(ceiling.iep().clone()));
    if ceiling.releasability().to().is_some() {
        let known = |party: &&Party| ceiling.releasability().permits(party.jurisdiction.parse().ok());
        let receivers = terms.parties.values().filter(known).map(|party| party.id).collect();
        conditions.push(Condition::ReleasableTo(receivers));
    }
    conditions
}

/// The text: what it is and whose, who and what is in its groups, then what forbids, then what permits.
fn write(terms: &Terms, guards: &[Condition], clauses: &[Draft]) -> String {
    let mut out = format!(
        "// The agreement {}, version {}, as policies.\n\
         // Compiled from terms with the SHA-256 {}\n\
         // for the schema with the SHA-256 {}.\n\
         // What nothing permits may not flow, and what anything forbids may not either. Of several clauses that permit\n\
         // the first one here is taken, with its obligations. That something was withdrawn or revoked may always be\n\
         // told to whoever was given it.\n//\n// Parties:\n",
        quote::string(&terms.name),
        terms.version,
        terms.hash(),
        digest(SCHEMA),
    );
    for party in terms.parties.values() {
        out.push_str(&format!(
            "//   {} {} under the law of {}: {}\n",
            quote::string(&party.key),
            quote::string(&party.name),
            quote::string(&party.jurisdiction),
            party.id,
        ));
    }
    out.push_str("//\n// Who and what is in which group, as Cedar entities:\n");
    for ((kind, id), groups) in entities(guards, clauses) {
        let parents: Vec<String> = groups
            .iter()
            .map(|group| format!("{{\"type\":\"Group\",\"id\":{}}}", quote::json(group)))
            .collect();
        out.push_str(&format!(
            "{ENTITY}{{\"uid\":{{\"type\":\"{kind}\",\"id\":{}}},\"attrs\":{{}},\"parents\":[{}]}}\n",
            quote::json(&id),
            parents.join(","),
        ));
    }
    for guard in guards {
        out.push_str(&format!(
            "\n@id(\"{}\")\nforbid (principal, action, resource)\nunless {{\n  {}\n}};\n",
            guard.name(),
            guard.cedar("")
        ));
    }
    for rule in clauses {
        let id = permit_id(&rule.id);
        let conditions: Vec<String> =
            rule.conditions.iter().map(|condition| format!("  ({})", condition.cedar(&id))).collect();
        out.push_str(&format!(
            "\n@id({})\n@obligations({})\n@label({})\npermit (principal, action, resource)\nwhen {{\n{}\n}};\n",
            quote::string(&id),
            quote::string(&rule.obligations.to_text()),
            quote::string(&rule.label.to_text()),
            conditions.join(" &&\n"),
        ));
    }
    out
}

/// Every group with its members.
fn groups(guards: &[Condition], clauses: &[Draft]) -> Vec<(String, Members)> {
    let of_guards = guards.iter().flat_map(|guard| guard.groups(""));
    let of_clauses = clauses.iter().flat_map(|rule| {
        let id = permit_id(&rule.id);
        rule.conditions.iter().flat_map(move |condition| condition.groups(&id)).collect::<Vec<_>>()
    });
    of_guards.chain(of_clauses).collect()
}

/// Every member by kind and id, with the groups it is in.
fn entities(guards: &[Condition], clauses: &[Draft]) -> BTreeMap<(&'static str, String), BTreeSet<String>> {
    let mut out: BTreeMap<(&'static str, String), BTreeSet<String>> = BTreeMap::new();
    for (group, members) in groups(guards, clauses) {
        let members: Vec<(&str, String)> = match members {
            Members::Parties(parties) => parties.iter().map(|party| ("Party", party.to_string())).collect(),
            Members::Types(types) => types.into_iter().map(|name| ("Type", name)).collect(),
        };
        for member in members {
            out.entry(member).or_default().insert(group.clone());
        }
    }
    out
}

/// Apart from the names of guards, whatever a clause is called.
pub(crate) fn permit_id(clause: &str) -> String {
    format!("clause/{clause}")
}

/// Reads the obligations back from what the engine will answer with, and makes sure that it holds these policies and
/// groups and no others.
fn faithful(engine: &Engine, guards: &[Condition], clauses: Vec<Draft>) -> Result<Vec<Rule>, CompileError> {
    let unfaithful = |what: String| CompileError::Unfaithful(what);
    let forbids = guards.iter().map(|guard| guard.name().to_owned());
    let mut wanted: Vec<String> = forbids.chain(clauses.iter().map(|rule| permit_id(&rule.id))).collect();
    let mut found: Vec<String> = engine.ids().map(str::to_owned).collect();
    wanted.sort();
    found.sort();
    if wanted != found {
        return Err(unfaithful(format!("{} policies were written and {} read", wanted.len(), found.len())));
    }
    let groups = groups(guards, &clauses);
    let memberships: usize = entities(guards, &clauses).values().map(BTreeSet::len).sum();
    if let Some((group, _)) = groups.iter().find(|(group, members)| !engine.has_members(group, members)) {
        return Err(unfaithful(format!("the members of `{group}`")));
    }
    if memberships != engine.memberships() {
        return Err(unfaithful("groups have other members".to_owned()));
    }
    let read = |draft: Draft| {
        let permit = permit_id(&draft.id);
        let note = |key| engine.annotation(&permit, key).unwrap_or_default();
        let (Ok(obligations), Ok(label)) =
            (Obligations::parse(note("obligations")), Handling::parse(note("label")))
        else {
            return Err(unfaithful(format!("the annotations of clause `{}`", draft.id)));
        };
        if obligations != draft.obligations || label != draft.label {
            return Err(unfaithful(format!("the obligations of clause `{}`", draft.id)));
        }
        let engine = engine.only(&permit).map_err(|error| CompileError::Refused(error.0))?;
        Ok(Rule { id: draft.id, conditions: draft.conditions, obligations, label, engine })
    };
    clauses.into_iter().map(read).collect()
}
