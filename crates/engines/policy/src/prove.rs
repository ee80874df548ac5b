//! That nothing above a ceiling can flow, or a counterexample.
//!
//! The argument why it is enough to look at the representatives enumerated here stands in `docs/proof-of-ceilings.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use agreement::{Set, Who};
use label::{
    Attribution, Classification, Facts, Handling, Iep, Onward, Origin, Pap, PermittedActions, Stanag,
};
use model::{Label, PartyId, Timestamp, Tlp};

use crate::compile::{BREAK_GLASS, Policy, Rule};
use crate::condition::Condition;
use crate::decide::Question;
use crate::request::{Circumstances, Request};
use crate::view::View;

/// What is claimed: no object above this flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// An object is above it when its handling is not within this one ([`Handling::is_within`]).
    pub handling: Handling,
    /// Whether objects that hold personal data are above it as well.
    pub personal: bool,
    /// From this party; `None` is any.
    pub from: Option<PartyId>,
    /// To this party; `None` is any.
    pub to: Option<PartyId>,
    /// Whether the claim is to hold even while the emergency clause is in use.
    pub break_glass: bool,
}

impl Ceiling {
    /// From and to anyone, in ordinary times, personal data aside.
    #[must_use]
    pub const fn of(handling: Handling) -> Self {
        Self { handling, personal: false, from: None, to: None, break_glass: false }
    }

    /// In what respects an object is above it.
    #[must_use]
    pub fn exceeded_by(&self, facts: &Facts) -> Vec<&'static str> {
        let personal = self.personal && facts.handling.personal();
        facts.handling.exceeds(&self.handling).chain(personal.then_some("personal")).collect()
    }
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing above the ceiling flows.
    Holds {
        /// How many classes of requests above the ceiling were put to the policy, each of them refused.
        classes_checked: u64,
        /// What was looked at, for people.
        argument: String,
    },
    /// Something does.
    Counterexample(Box<Counterexample>),
}

/// An object above the ceiling that may flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// The object.
    pub facts: Facts,
    /// Who gives.
    pub from: PartyId,
    /// Who is given.
    pub to: PartyId,
    /// When.
    pub at: Timestamp,
    /// The clause that permits it.
    pub clause: String,
    /// In what respects it is above the ceiling: `tlp`, `pap`, `iep`, `stanag`, `personal`.
    pub exceeds: Vec<&'static str>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { facts, from, to, at, clause, exceeds } = self;
        write!(
            f,
            "clause `{clause}` lets {} give {} an object of type `{}` handled as {} at {at}, which is above the ceiling in {}",
            from.0.short(),
            to.0.short(),
            facts.type_name,
            facts.handling.to_text(),
            exceeds.join(", "),
        )
    }
}

/// Proves the claim for one agreement, or refutes it.
///
/// Every counterexample was permitted by [`crate::decide`] itself, and so was every class checked refused by it.
#[must_use]
pub fn prove(policy: &Policy, ceiling: &Ceiling) -> Proof {
    let (mut checked, mut idle) = (0_u64, Vec::new());
    for rule in policy.clauses.iter().filter(|rule| ceiling.break_glass || rule.id != BREAK_GLASS) {
        let mut witnessed = false;
        for personal in [false, true] {
            let Some(witness) = Witness::find(policy, rule, ceiling, personal) else { continue };
            witnessed = true;
            for handling in handlings(rule, &ceiling.handling, personal) {
                let facts = Facts { handling, ..witness.facts.clone() };
                let exceeds = ceiling.exceeded_by(&facts);
                if exceeds.is_empty() {
                    continue;
                }
                checked += 1;
                if let Some(clause) = witness.permitting(policy, &facts) {
                    let Witness { from, to, at, .. } = witness;
                    return Proof::Counterexample(Box::new(Counterexample {
                        facts,
                        from,
                        to,
                        at,
                        clause,
                        exceeds,
                    }));
                }
            }
        }
        if !witnessed {
            idle.push(format!("`{}`", rule.id));
        }
    }
    Proof::Holds { classes_checked: checked, argument: argument(policy, ceiling, checked, &idle) }
}

fn argument(policy: &Policy, ceiling: &Ceiling, checked: u64, idle: &[String]) -> String {
    let glass = if ceiling.break_glass { ", the emergency clause among them" } else { "" };
    let mut out = format!(
        "what a clause permits is a product of what it permits in each respect, so it suffices to vary the handling of \
         one object that it permits: {checked} classes above the ceiling {}, over {} clauses{glass}, were put to the \
         policy {} and refused",
        ceiling.handling.to_text(),
        policy.clauses.iter().filter(|rule| ceiling.break_glass || rule.id != BREAK_GLASS).count(),
        policy.hash().short(),
    );
    if !idle.is_empty() {
        out.push_str(&format!("; {} can permit nothing between the parties concerned", idle.join(", ")));
    }
    out
}

/// A request that a clause permits, of an object that is handled as openly as can be.
struct Witness {
    facts: Facts,
    from: PartyId,
    to: PartyId,
    at: Timestamp,
    exercise: Option<String>,
    circumstances: Circumstances,
}

impl Witness {
    /// Looks through the parties, and the times between two boundaries.
    fn find(policy: &Policy, rule: &Rule, ceiling: &Ceiling, personal: bool) -> Option<Self> {
        let facts = open_facts(rule, personal)?;
        let exercise = policy.guards.iter().find_map(|guard| match guard {
            Condition::Exercise(name) => Some(name.clone()),
            _ => None,
        });
        let circumstances = Circumstances { break_glass: rule.id == BREAK_GLASS, ..Circumstances::default() };
        let mut witness = Self {
            facts,
            from: PartyId(model::Digest::ZERO),
            to: PartyId(model::Digest::ZERO),
            at: policy.start,
            exercise: exercise.flatten(),
            circumstances,
        };
        let among = |side: Option<PartyId>| {
            policy.parties.keys().copied().filter(move |p| side.is_none_or(|s| s == *p))
        };
        for from in among(ceiling.from).filter(|party| meant(rule, party, true)) {
            for to in among(ceiling.to).filter(|party| meant(rule, party, false)) {
                for at in &policy.boundaries {
                    (witness.from, witness.to, witness.at) = (from, to, *at);
                    if witness.satisfies(policy, rule) {
                        return Some(witness);
                    }
                }
            }
        }
        None
    }

    fn request<'a>(&'a self, facts: &'a Facts) -> Request<'a> {
        Request {
            exercise: self.exercise.as_deref(),
            circumstances: self.circumstances,
            ..Request::delivery(facts, self.from, self.to, self.at)
        }
    }

    fn satisfies(&self, policy: &Policy, rule: &Rule) -> bool {
        let request = self.request(&self.facts);
        let view = View::new(&request, policy.nations.get(&self.to).copied().flatten());
        policy.guards.iter().chain(&rule.conditions).all(|condition| condition.holds(&view))
    }

    fn permitting(&self, policy: &Policy, facts: &Facts) -> Option<String> {
        let request = self.request(facts);
        Question::new(&request).permitting(policy).ok().map(|rule| rule.id.clone())
    }
}

fn meant(rule: &Rule, party: &PartyId, gives: bool) -> bool {
    rule.conditions.iter().all(|condition| match condition {
        Condition::From(who) => !gives || Who::includes(who, party),
        Condition::To(who) => gives || Who::includes(who, party),
        Condition::ReleasableTo(parties) => gives || parties.contains(party),
        _ => true,
    })
}

/// The facts that the least can be held against: our own, unmarked but for personal data, about what the clause names.
fn open_facts(rule: &Rule, personal: bool) -> Option<Facts> {
    let mut types: Option<BTreeSet<String>> = None;
    let mut narrow = |names: &BTreeSet<String>| {
        types = Some(types.take().map_or_else(|| names.clone(), |types| &types & names));
    };
    let mut facts = Facts {
        type_name: String::new(),
        handling: Handling::clear().with_personal(personal),
        categories: BTreeSet::new(),
        sectors: BTreeSet::new(),
        countries: BTreeSet::new(),
        origin: Origin::Own,
        onward: Onward::Free,
        revoked: false,
        granular: false,
    };
    let one = |words: &BTreeSet<String>| words.first().cloned().into_iter().collect();
    for condition in &rule.conditions {
        match condition {
            Condition::Types(Set::Only(names)) | Condition::Kept(_, names) => narrow(names),
            Condition::Categories(Set::Only(words)) => facts.categories = one(words),
            Condition::Sectors(Set::Only(words)) => facts.sectors = one(words),
            Condition::Countries(Set::Only(words)) => facts.countries = one(words),
            _ => {}
        }
    }
    facts.type_name = match types {
        None => "indicator".to_owned(),
        Some(types) => types.first()?.clone(),
    };
    Some(facts)
}

/// Representatives of every class that a rule and a ceiling cut out of each dimension of handling, the others open.
fn handlings(rule: &Rule, ceiling: &Handling, personal: bool) -> Vec<Handling> {
    let open = Handling::clear().with_personal(personal);
    let mut out = vec![open.clone()];
    let levels = Tlp::ALL.into_iter().map(Label::Tlp).chain([Label::OwnOnly]);
    out.extend(levels.map(|tlp| open.clone().with_tlp(tlp)));
    out.extend(Pap::ALL.into_iter().map(|pap| open.clone().with_pap(pap)));
    out.extend(ieps().into_iter().map(|iep| open.clone().with_iep(iep)));
    let mut known: Vec<&Classification> = Vec::new();
    let ceilings = rule.conditions.iter().filter_map(|condition| match condition {
        Condition::Confidentiality(stanag) => Some(stanag),
        _ => None,
    });
    for stanag in ceilings.chain([ceiling.stanag()]) {
        if let Stanag::Label(label) = stanag {
            known.push(label);
        }
    }
    out.push(open.clone().with_stanag(Stanag::Nobody));
    out.extend(
        classifications(&known).into_iter().map(|label| open.clone().with_stanag(Stanag::Label(label))),
    );
    out
}

/// Every policy there is, dates aside: those only ever forbid.
fn ieps() -> Vec<Iep> {
    let mut out = Vec::new();
    let flags = [false, true];
    for permitted_actions in PermittedActions::ALL {
        for attribution in [Attribution::Conflict, Attribution::MustNot, Attribution::Must, Attribution::May]
        {
            for encrypt_in_transit in flags {
                for may_notify_affected in flags {
                    for may_resell in flags {
                        out.push(Iep {
                            encrypt_in_transit,
                            permitted_actions,
                            may_notify_affected,
                            attribution,
                            may_resell,
                            start: None,
                            end: None,
                        });
                    }
                }
            }
        }
    }
    out
}

/// For each policy named and one that is not: levels at and around those named, each with every name; and at each
/// label named, every restrictive category alone.
fn classifications(known: &[&Classification]) -> Vec<Classification> {
    let strings = |pick: &dyn Fn(&Classification) -> String| -> BTreeSet<String> {
        known.iter().map(|label| pick(label)).chain([fresh(known, pick)]).collect()
    };
    let policies = strings(&|label| label.policy.clone());
    let mut names = strings(&|label| label.name.clone());
    // Names on one step are ordered: before all, and right after each, is a class of its own.
    names.insert(String::new());
    names.extend(known.iter().map(|label| format!("{}\0", label.name)));
    let around = |level: u32| [level.saturating_sub(1), level, level.saturating_add(1)];
    let levels: BTreeSet<u32> = known.iter().flat_map(|label| around(label.hierarchy)).chain([0]).collect();
    let plain =
        |policy: &str, hierarchy: u32, name: &str, restrictive: BTreeMap<String, BTreeSet<String>>| {
            Classification {
                policy: policy.to_owned(),
                hierarchy,
                name: name.to_owned(),
                restrictive,
                permissive: BTreeMap::new(),
                informative: BTreeMap::new(),
            }
        };
    let mut out = Vec::new();
    for policy in &policies {
        for level in &levels {
            out.extend(names.iter().map(|name| plain(policy, *level, name, BTreeMap::new())));
        }
    }
    let mut single = vec![BTreeMap::from([(fresh(known, &|label| label.name.clone()), BTreeSet::new())])];
    for (tag, values) in known.iter().flat_map(|label| &label.restrictive) {
        single.push(BTreeMap::from([(tag.clone(), BTreeSet::new())]));
        single.push(BTreeMap::from([(tag.clone(), BTreeSet::from([fresh(known, &|_| String::new())]))]));
        single.extend(
            values.iter().map(|value| BTreeMap::from([(tag.clone(), BTreeSet::from([value.clone()]))])),
        );
    }
    for label in known {
        out.extend(single.iter().map(|one| plain(&label.policy, label.hierarchy, &label.name, one.clone())));
    }
    out
}

/// A word that is none of those, nor any category.
fn fresh(known: &[&Classification], pick: &dyn Fn(&Classification) -> String) -> String {
    let mut word = "0".to_owned();
    let taken = |word: &String| {
        known.iter().any(|label| {
            pick(label) == *word
                || label.restrictive.contains_key(word)
                || label.restrictive.values().any(|values| values.contains(word))
        })
    };
    while taken(&word) {
        word.push('0');
    }
    word
}
