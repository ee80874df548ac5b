//! The conditions that terms come to. Each is written twice here, side by side: as Cedar text, which decides, and as
//! Rust, which says what is missing. What permits has to satisfy both.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{LegalBasis, Set, Who};
use label::{Attribution, Classification, Iep, Pap, PermittedActions, Stanag};
use model::{Label, PartyId, Timestamp};

use crate::quote;
use crate::request::Action;
use crate::view::{Relay, View};

/// Something that must hold.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    /// Both sides are parties of the agreement.
    Parties(BTreeSet<PartyId>),
    /// Nobody delivers to itself.
    NotSelf,
    /// Object and agreement belong to the same exercise, or both to the real world.
    Exercise(Option<String>),
    /// From the one instant until just before the other.
    Period(Timestamp, Timestamp),
    /// Each side has a legal basis that is valid, if any is stated for it; if none is, nothing personal flows.
    Basis(Vec<LegalBasis>),
    /// The receiver has given what reciprocity asks for.
    Reciprocity,
    /// The label does not keep it from the receiver by itself.
    Label,
    /// Whoever it came from lets it be passed on to the receiver.
    Onward,
    /// Where the originator controls it, the originator has released it.
    Orcon,
    /// The giver is one of these.
    From(Who),
    /// The receiver is one of these.
    To(Who),
    /// The receiver may do it.
    Actions(BTreeSet<Action>),
    /// The type is one of these.
    Types(Set),
    /// The redaction profile says what stays of the type.
    Kept(String, BTreeSet<String>),
    /// Its TLP is no narrower.
    Tlp(Label),
    /// Its PAP is no narrower.
    Pap(Pap),
    /// Its IEP permits at least as much.
    Iep(Iep),
    /// Its confidentiality label is of this policy and no narrower.
    Confidentiality(Stanag),
    /// The receivers under the law of the nations that the clause is releasable to.
    ReleasableTo(BTreeSet<PartyId>),
    /// All its categories are among these, and it has one.
    Categories(Set),
    /// The same for sectors.
    Sectors(Set),
    /// The same for countries.
    Countries(Set),
    /// It holds no personal data.
    Impersonal,
    /// What it is for is among these.
    Purposes(BTreeSet<String>),
    /// The emergency clause is in use.
    BreakGlass,
}

impl Condition {
    /// The name in reasons and, for a rule of the whole agreement, in records.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Parties(_) => "parties",
            Self::NotSelf => "self",
            Self::Exercise(_) => "exercise",
            Self::Period(..) => "period",
            Self::Basis(_) => "legal-basis",
            Self::Reciprocity => "reciprocity",
            Self::Label => "label",
            Self::Onward => "onward",
            Self::Orcon => "orcon",
            Self::From(_) => "from",
            Self::To(_) => "to",
            Self::Actions(_) => "actions",
            Self::Types(_) => "types",
            Self::Kept(..) => "redaction",
            Self::Tlp(_) => "tlp",
            Self::Pap(_) => "pap",
            Self::Iep(_) => "iep",
            Self::Confidentiality(_) => "classification",
            Self::ReleasableTo(_) => "rel-to",
            Self::Categories(_) => "categories",
            Self::Sectors(_) => "sectors",
            Self::Countries(_) => "countries",
            Self::Impersonal => "personal",
            Self::Purposes(_) => "purposes",
            Self::BreakGlass => "break-glass",
        }
    }

    /// Whether nothing is asked: such a condition is left out.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(
            self,
            Self::From(Who::Any)
                | Self::To(Who::Any)
                | Self::Types(Set::Any)
                | Self::Categories(Set::Any)
                | Self::Sectors(Set::Any)
                | Self::Countries(Set::Any)
                | Self::Pap(Pap::Red)
        )
    }

    /// The condition as a Cedar expression over the attributes of the schema. `scope` is what its groups are named
    /// after: the clause, or nothing for a rule of the whole agreement.
    pub(crate) fn cedar(&self, scope: &str) -> String {
        match self {
            Self::Parties(_) => {
                let group = group(scope, "parties");
                format!("principal in {group} && context.from in {group}")
            }
            Self::NotSelf => "principal != context.from".to_owned(),
            Self::Exercise(None) => "!(context has exercise)".to_owned(),
            Self::Exercise(Some(name)) => {
                format!("context has exercise && context.exercise == {}", quote::string(name))
            }
            Self::Period(from, until) => during(*from, *until),
            Self::Basis(bases) if bases.iter().all(|basis| basis.parties == Who::Any) => {
                basis_cedar("principal", bases, scope)
            }
            Self::Basis(bases) => {
                let [from, to] = ["context.from", "principal"].map(|side| basis_cedar(side, bases, scope));
                format!("({from}) && ({to})")
            }
            Self::Reciprocity => "!(context has in_arrears)".to_owned(),
            Self::Label => "!(context has barrier)".to_owned(),
            Self::Onward => {
                let released = "(context has released && context.released)";
                let [orcon, named, step, label] = [Relay::Orcon, Relay::Named, Relay::Step, Relay::Label]
                    .map(|r| quote::string(r.as_str()));
                let passes = format!(
                    "[{named}, {orcon}, {step}].contains(context.relay) \
                     || (context.relay == {label} && (context.tlp >= 4 || {released}))"
                );
                optional("relay", &passes)
            }
            Self::Orcon => optional("released", "context.released"),
            Self::From(_) => format!("context.from in {}", group(scope, "from")),
            Self::To(_) => format!("principal in {}", group(scope, "to")),
            Self::Actions(actions) if actions.is_empty() => "false".to_owned(),
            Self::Actions(actions) => {
                let one = |action: &Action| format!("action == Action::{}", quote::string(action.as_str()));
                let any: Vec<String> = actions.iter().map(one).collect();
                any.join(" || ")
            }
            Self::Types(_) => format!("context.type in {}", group(scope, "types")),
            Self::Kept(..) => format!("context.type in {}", group(scope, "kept")),
            Self::Tlp(ceiling) => format!("context.tlp >= {}", ceiling.rank().max(1)),
            Self::Pap(ceiling) => optional("pap", &format!("context.pap >= {}", pap_rank(*ceiling))),
            Self::Iep(ceiling) => optional("iep", &iep_cedar(ceiling)),
            Self::Confidentiality(Stanag::Label(ceiling)) => {
                optional("confidentiality", &stanag_cedar(ceiling))
            }
            Self::Confidentiality(_) => "!(context has confidentiality)".to_owned(),
            Self::ReleasableTo(_) => format!("principal in {}", group(scope, "rel-to")),
            Self::Categories(set) => all_of("categories", set),
            Self::Sectors(set) => all_of("sectors", set),
            Self::Countries(set) => all_of("countries", set),
            Self::Impersonal => "!(context has personal)".to_owned(),
            Self::Purposes(purposes) => {
                let one = quote::one_of("context.purpose", purposes.iter().map(|p| quote::string(p)));
                let folded: BTreeSet<String> = purposes.iter().map(|purpose| fold(purpose)).collect();
                let all = quote::set(folded.iter().map(|purpose| quote::string(purpose)));
                let every = match folded.is_empty() {
                    true => "false".to_owned(),
                    false => {
                        optional("label_purposes", &format!("context.label_purposes.containsAll({all})"))
                    }
                };
                format!("if context has purpose then {one} else ({every})")
            }
            Self::BreakGlass => "context has break_glass".to_owned(),
        }
    }

    /// The groups that [`Condition::cedar`] names, and who or what is in them. Nobody is in a group that is not here.
    pub(crate) fn groups(&self, scope: &str) -> Vec<(String, Members)> {
        let parties = |name: &str, parties: &BTreeSet<PartyId>| {
            (group_id(scope, name), Members::Parties(parties.clone()))
        };
        let types =
            |name: &str, types: &BTreeSet<String>| (group_id(scope, name), Members::Types(types.clone()));
        match self {
            Self::Parties(all) => vec![parties("parties", all)],
            Self::From(Who::Parties(some)) => vec![parties("from", some)],
            Self::To(Who::Parties(some)) => vec![parties("to", some)],
            Self::ReleasableTo(some) => vec![parties("rel-to", some)],
            Self::Types(Set::Only(some)) => vec![types("types", some)],
            Self::Kept(_, some) => vec![types("kept", some)],
            Self::Basis(bases) => {
                let concerned = bases.iter().enumerate().filter_map(|(at, basis)| match &basis.parties {
                    Who::Any => None,
                    Who::Parties(some) => Some(parties(&basis_name(at), some)),
                });
                concerned.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The same in Rust.
    pub(crate) fn holds(&self, view: &View<'_>) -> bool {
        let request = view.request;
        let facts = request.facts;
        let handling = &facts.handling;
        match self {
            Self::Parties(parties) => parties.contains(&request.from) && parties.contains(&request.to),
            Self::NotSelf => request.from != request.to,
            Self::Exercise(name) => *name == view.exercise,
            Self::Period(from, until) => *from <= request.at && request.at < *until,
            Self::Basis(bases) => {
                let personal = handling.personal();
                [request.from, request.to].iter().all(|party| has_basis(bases, party, request.at, personal))
            }
            Self::Reciprocity => !request.circumstances.in_arrears,
            Self::Label => view.barrier.is_none() && handling.tlp() != Label::OwnOnly,
            Self::Onward => {
                let released = view.released == Some(true);
                view.relay
                    .is_none_or(|relay| relay.permits(handling.tlp()) || (released && relay == Relay::Label))
            }
            Self::Orcon => view.released != Some(false),
            Self::From(who) => who.includes(&request.from),
            Self::To(who) => who.includes(&request.to),
            Self::Actions(actions) => actions.contains(&request.action),
            Self::Types(types) => types.includes(&facts.type_name),
            Self::Kept(_, types) => types.contains(&facts.type_name),
            Self::Tlp(ceiling) => handling.tlp() != Label::OwnOnly && handling.tlp() >= *ceiling,
            Self::Pap(ceiling) => handling.pap() >= *ceiling,
            Self::Iep(ceiling) => handling.iep().is_within(ceiling),
            Self::Confidentiality(ceiling) => stanag_within(handling.stanag(), ceiling),
            Self::ReleasableTo(parties) => parties.contains(&request.to),
            Self::Categories(set) => all_in(&view.categories, set),
            Self::Sectors(set) => all_in(&facts.sectors, set),
            Self::Countries(set) => all_in(&facts.countries, set),
            Self::Impersonal => !handling.personal(),
            Self::Purposes(purposes) => match request.purpose {
                Some(purpose) => purposes.contains(purpose),
                None => {
                    let listed = |label: &BTreeSet<String>| purposes.iter().all(|p| label.contains(&fold(p)));
                    !purposes.is_empty() && handling.purposes().is_none_or(listed)
                }
            },
            Self::BreakGlass => request.circumstances.break_glass,
        }
    }
}

/// Who or what is in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Members {
    Parties(BTreeSet<PartyId>),
    Types(BTreeSet<String>),
}

/// The group's id: `clause/` and its id come first for those of a clause, so that none is taken for another's.
fn group_id(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}/{name}") }
}

fn group(scope: &str, name: &str) -> String {
    format!("Group::{}", quote::string(&group_id(scope, name)))
}

fn basis_name(at: usize) -> String {
    format!("legal-basis/{at}")
}

fn during(from: Timestamp, until: Timestamp) -> String {
    format!("context.at >= {} && context.at < {}", integer(from), integer(until))
}

/// Cedar has no literal below zero but the negation of one above.
fn integer(at: Timestamp) -> String {
    match at.as_micros() {
        micros @ 0.. => micros.to_string(),
        before => format!("(-{})", before.unsigned_abs()),
    }
}

fn optional(attribute: &str, then: &str) -> String {
    format!("if context has {attribute} then ({then}) else true")
}

fn all_of(attribute: &str, set: &Set) -> String {
    match set {
        Set::Any => "true".to_owned(),
        Set::Only(words) if words.is_empty() => "false".to_owned(),
        Set::Only(words) => {
            let all = quote::set(words.iter().map(|word| quote::string(word)));
            format!("context has {attribute} && {all}.containsAll(context.{attribute})")
        }
    }
}

/// An object that says nothing is outside every list; one that says several things is inside only with all of them.
fn all_in(words: &BTreeSet<String>, set: &Set) -> bool {
    match set {
        Set::Any => true,
        Set::Only(known) => !words.is_empty() && words.is_subset(known),
    }
}

/// As the label crate compares purposes.
pub(crate) fn fold(purpose: &str) -> String {
    purpose.trim().to_lowercase()
}

fn basis_cedar(side: &str, bases: &[LegalBasis], scope: &str) -> String {
    let concerns = |at: usize| format!("{side} in {}", group(scope, &basis_name(at)));
    let mut ways: Vec<String> = Vec::new();
    for (at, basis) in bases.iter().enumerate() {
        let valid = during(basis.valid_from, basis.valid_until);
        ways.push(match &basis.parties {
            Who::Any => format!("({valid})"),
            Who::Parties(_) => format!("({} && {valid})", concerns(at)),
        });
    }
    // A basis for everyone is one that is stated for each.
    if bases.iter().all(|basis| basis.parties != Who::Any) {
        let stated: Vec<String> = (0..bases.len()).map(concerns).collect();
        ways.push(match stated.is_empty() {
            true => "!(context has personal)".to_owned(),
            false => format!("(!(context has personal) && !({}))", stated.join(" || ")),
        });
    }
    ways.join(" || ")
}

pub(crate) fn has_basis(bases: &[LegalBasis], party: &PartyId, at: Timestamp, personal: bool) -> bool {
    let mut stated = bases.iter().filter(|basis| basis.parties.includes(party)).peekable();
    match stated.peek() {
        None => !personal,
        Some(_) => stated.any(|basis| basis.valid_from <= at && at < basis.valid_until),
    }
}

/// 0 for RED to 3 for CLEAR.
pub(crate) const fn pap_rank(pap: Pap) -> u8 {
    match pap {
        Pap::Red => 0,
        Pap::Amber => 1,
        Pap::Green => 2,
        Pap::Clear => 3,
    }
}

/// 0 for NONE to 4 for EXTERNALLY VISIBLE DIRECT.
pub(crate) const fn actions_rank(actions: PermittedActions) -> u8 {
    match actions {
        PermittedActions::None => 0,
        PermittedActions::ContactForInstruction => 1,
        PermittedActions::InternallyVisible => 2,
        PermittedActions::ExternallyVisibleIndirect => 3,
        PermittedActions::ExternallyVisibleDirect => 4,
    }
}

/// As [`Iep::is_within`].
fn iep_cedar(ceiling: &Iep) -> String {
    let mut parts = vec![format!("context.iep.actions >= {}", actions_rank(ceiling.permitted_actions))];
    if !ceiling.encrypt_in_transit {
        parts.push("!context.iep.encrypt".to_owned());
    }
    if ceiling.may_notify_affected {
        parts.push("context.iep.notify".to_owned());
    }
    if ceiling.may_resell {
        parts.push("context.iep.resell".to_owned());
    }
    let attribution = |value: Attribution| quote::string(value.as_str());
    parts.push(match ceiling.attribution {
        Attribution::Conflict => format!("context.iep.attribution != {}", attribution(Attribution::Conflict)),
        other => {
            let known = BTreeSet::from([attribution(other), attribution(Attribution::May)]);
            quote::one_of("context.iep.attribution", known)
        }
    });
    parts.join(" && ")
}

/// As [`Stanag::is_within`], but of two names on one step of the ladder neither is taken for the narrower.
fn stanag_cedar(ceiling: &Classification) -> String {
    let known = quote::set(tags(&ceiling.restrictive).iter().map(|tag| quote::string(tag)));
    let restrictive = match ceiling.restrictive.is_empty() {
        true => "!(context.confidentiality has restrictive)".to_owned(),
        false => format!(
            "if context.confidentiality has restrictive \
             then {known}.containsAll(context.confidentiality.restrictive) else true"
        ),
    };
    format!(
        "!context.confidentiality.nobody && context.confidentiality.policy == {policy} \
         && (context.confidentiality.level < {level} \
         || (context.confidentiality.level == {level} && context.confidentiality.name == {name})) && ({restrictive})",
        policy = quote::string(&ceiling.policy),
        level = ceiling.hierarchy,
        name = quote::string(&ceiling.name),
    )
}

fn stanag_within(own: &Stanag, ceiling: &Stanag) -> bool {
    own.is_within(ceiling)
        && match (own, ceiling) {
            (Stanag::Label(own), Stanag::Label(ceiling)) => {
                own.hierarchy < ceiling.hierarchy || own.name == ceiling.name
            }
            _ => true,
        }
}

/// Restrictive categories as one set: each tag, and each of its values after the tag's length and name.
pub(crate) fn tags(restrictive: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (tag, values) in restrictive {
        out.insert(format!("{}:{tag}", tag.len()));
        out.extend(values.iter().map(|value| format!("{}:{tag}={value}", tag.len())));
    }
    out
}
