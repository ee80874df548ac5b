//! Cedar: policy sets from text, requests from views, and what comes back.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    Authorizer, Context, Decision, Effect, Entities, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use label::{Iep, Nation, Pap, Stanag};
use model::PartyId;

use crate::condition::{Members, actions_rank, fold, pap_rank, tags};
use crate::quote;
use crate::request::Action;
use crate::view::View;

/// The schema that every policy of an agreement is checked against. Its hash stands in each compiled text.
pub(crate) const SCHEMA: &str = include_str!("schema.cedarschema");

/// What the engine says when it cannot be asked; it is in the answer, never a panic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EngineError(pub(crate) String);

impl EngineError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// What a line of a text begins with that holds an entity in Cedar's JSON. To Cedar's own reader it is a comment.
pub(crate) const ENTITY: &str = "//: ";

/// A policy set that passed the schema, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    set: PolicySet,
    names: Vec<(PolicyId, String)>,
    /// Who is in which group.
    entities: Arc<Entities>,
}

/// What a policy set says to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// `@id` of the policies that settled it.
    pub(crate) determining: Vec<String>,
    /// What could not be evaluated. Whoever asks takes any of it for a refusal.
    pub(crate) errors: Vec<String>,
}

/// The names, types and authorizer that all evaluations share.
struct Fixed {
    authorizer: Authorizer,
    party: Option<EntityTypeName>,
    kind: Option<EntityTypeName>,
    group: Option<EntityTypeName>,
    thing: Option<EntityUid>,
    actions: Vec<(Action, EntityUid)>,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let uid = |text: &str| EntityUid::from_str(text).ok();
    let action = |action: &Action| Some((*action, uid(&format!("Action::\"{action}\""))?));
    Fixed {
        authorizer: Authorizer::new(),
        party: EntityTypeName::from_str("Party").ok(),
        kind: EntityTypeName::from_str("Type").ok(),
        group: EntityTypeName::from_str("Group").ok(),
        thing: uid("Thing::\"it\""),
        actions: Action::ALL.iter().filter_map(action).collect(),
    }
});

static VALIDATOR: LazyLock<Result<Validator, EngineError>> = LazyLock::new(|| validator(SCHEMA));

pub(crate) fn validator(schema: &str) -> Result<Validator, EngineError> {
    let (schema, _) = Schema::from_cedarschema_str(schema).map_err(EngineError::of)?;
    Ok(Validator::new(schema))
}

impl Engine {
    /// Reads policies for sharing. Each must have an `@id` of its own.
    pub(crate) fn load(text: &str) -> Result<Self, EngineError> {
        Self::load_with(text, VALIDATOR.as_ref().map_err(Clone::clone)?)
    }

    pub(crate) fn load_with(text: &str, validator: &Validator) -> Result<Self, EngineError> {
        let set = PolicySet::from_str(text).map_err(EngineError::of)?;
        let validation = validator.validate(&set, ValidationMode::Strict);
        if let Some(error) = validation.validation_errors().next() {
            return Err(EngineError::of(error));
        }
        Self::of(text, &set)
    }

    /// Reads policies that were checked as parts of a whole.
    pub(crate) fn part(text: &str) -> Result<Self, EngineError> {
        Self::of(text, &PolicySet::from_str(text).map_err(EngineError::of)?)
    }

    fn of(text: &str, set: &PolicySet) -> Result<Self, EngineError> {
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        for policy in set.policies() {
            let name =
                policy.annotation("id").ok_or_else(|| EngineError("a policy without an @id".to_owned()))?;
            if !seen.insert(name.to_owned()) {
                return Err(EngineError(format!("two policies with the @id `{name}`")));
            }
            names.push((policy.id().clone(), name.to_owned()));
        }
        // The same policies without their places in the text: evaluation copies places at each step.
        let set = PolicySet::from_pst(set.to_pst().map_err(EngineError::of)?).map_err(EngineError::of)?;
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(ENTITY)).collect();
        let entities =
            Entities::from_json_str(&format!("[{}]", lines.join(",")), None).map_err(EngineError::of)?;
        Ok(Self { set, names, entities: Arc::new(entities) })
    }

    /// The same with only this permission in it, and everything that forbids. It permits what the whole permits by
    /// this permission, because permissions do not take anything from each other.
    pub(crate) fn only(&self, permit: &str) -> Result<Self, EngineError> {
        let chosen = |id: &PolicyId| self.names.iter().any(|(known, name)| known == id && name == permit);
        let kept =
            self.set.policies().filter(|policy| policy.effect() == Effect::Forbid || chosen(policy.id()));
        let set = PolicySet::from_policies(kept.cloned()).map_err(EngineError::of)?;
        let names = self.names.iter().filter(|(id, _)| set.policy(id).is_some()).cloned().collect();
        Ok(Self { set, names, entities: Arc::clone(&self.entities) })
    }

    /// How many members groups have, all in all.
    pub(crate) fn memberships(&self) -> usize {
        self.entities
            .iter()
            .map(|entity| self.entities.ancestors(&entity.uid()).map_or(0, Iterator::count))
            .sum()
    }

    /// Whether everything in this list is in this group.
    pub(crate) fn has_members(&self, group: &str, members: &Members) -> bool {
        let uid = |name: &Option<EntityTypeName>, id: &str| {
            name.clone().map(|name| EntityUid::from_type_name_and_id(name, EntityId::new(id)))
        };
        let Some(group) = uid(&FIXED.group, group) else { return false };
        let is_in = |member: Option<EntityUid>| {
            member.is_some_and(|member| self.entities.is_ancestor_of(&group, &member))
        };
        match members {
            Members::Parties(parties) => {
                parties.iter().all(|party| is_in(uid(&FIXED.party, &party.to_string())))
            }
            Members::Types(types) => types.iter().all(|name| is_in(uid(&FIXED.kind, name))),
        }
    }

    /// `@id` of every policy.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name)| name.as_str())
    }

    /// An annotation of the policy of this `@id`.
    pub(crate) fn annotation(&self, id: &str, key: &str) -> Option<&str> {
        let (policy, _) = self.names.iter().find(|(_, name)| name == id)?;
        self.set.annotation(policy, key)
    }

    pub(crate) fn ask(&self, request: &Request) -> Answer {
        let response = FIXED.authorizer.is_authorized(request, &self.set, &self.entities);
        let diagnostics = response.diagnostics();
        let name =
            |id: &PolicyId| self.names.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone());
        let mut determining: Vec<String> = diagnostics.reason().filter_map(name).collect();
        determining.sort();
        Answer {
            allowed: response.decision() == Decision::Allow,
            determining,
            errors: diagnostics.errors().map(ToString::to_string).collect(),
        }
    }
}

/// The request as Cedar is asked it.
pub(crate) fn request(view: &View<'_>) -> Result<Request, EngineError> {
    let broken = || EngineError("the names of the schema are not names".to_owned());
    let fixed = &*FIXED;
    let asked = view.request;
    let action = fixed.actions.iter().find(|(action, _)| *action == asked.action).ok_or_else(broken)?;
    let uid = |name: &Option<EntityTypeName>, id: &str| {
        Ok(EntityUid::from_type_name_and_id(name.clone().ok_or_else(broken)?, EntityId::new(id)))
    };
    let party = |party: PartyId| uid(&fixed.party, &quote::hex(party, 32));
    let kind = uid(&fixed.kind, &asked.facts.type_name)?;
    let context =
        Context::from_pairs(attributes(view, party(asked.from)?, kind)?).map_err(EngineError::of)?;
    let thing = fixed.thing.clone().ok_or_else(broken)?;
    Request::new(party(asked.to)?, action.1.clone(), thing, context, None).map_err(EngineError::of)
}

type Attributes = Vec<(String, RestrictedExpression)>;

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.into_iter().map(|item| text(item)))
}

fn attributes(view: &View<'_>, from: EntityUid, kind: EntityUid) -> Result<Attributes, EngineError> {
    let request = view.request;
    let (facts, now) = (request.facts, request.circumstances);
    let handling = &facts.handling;
    let mut out: Attributes = Vec::with_capacity(12);
    let mut put = |name: &str, value: RestrictedExpression| out.push((name.to_owned(), value));
    put("at", RestrictedExpression::new_long(request.at.as_micros()));
    put("from", RestrictedExpression::new_entity_uid(from));
    put("type", RestrictedExpression::new_entity_uid(kind));
    put("tlp", RestrictedExpression::new_long(handling.tlp().rank().into()));
    if handling.pap() != Pap::Clear {
        put("pap", RestrictedExpression::new_long(pap_rank(handling.pap()).into()));
    }
    for (name, words) in
        [("categories", &*view.categories), ("sectors", &facts.sectors), ("countries", &facts.countries)]
    {
        if !words.is_empty() {
            put(name, texts(words));
        }
    }
    if *handling.iep() != Iep::OPEN {
        put("iep", iep(handling.iep())?);
    }
    if let Some(confidentiality) = confidentiality(handling.stanag())? {
        put("confidentiality", confidentiality);
    }
    if let Some(purposes) = handling.purposes() {
        put(
            "label_purposes",
            RestrictedExpression::new_set(purposes.iter().map(|purpose| text(&fold(purpose)))),
        );
    }
    let words = [
        ("barrier", view.barrier.map(|bar| bar.as_str())),
        ("nation", view.nation.map(Nation::as_str)),
        ("relay", view.relay.map(|relay| relay.as_str())),
        ("purpose", request.purpose),
        ("exercise", view.exercise.as_deref()),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            put(name, text(word));
        }
    }
    if let Some(released) = view.released {
        put("released", RestrictedExpression::new_bool(released));
    }
    let flags =
        [("personal", handling.personal()), ("break_glass", now.break_glass), ("in_arrears", now.in_arrears)];
    for (name, flag) in flags {
        if flag {
            put(name, RestrictedExpression::new_bool(true));
        }
    }
    Ok(out)
}

fn record(
    fields: impl IntoIterator<Item = (&'static str, RestrictedExpression)>,
) -> Result<RestrictedExpression, EngineError> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).map_err(EngineError::of)
}

fn iep(iep: &Iep) -> Result<RestrictedExpression, EngineError> {
    record([
        ("encrypt", RestrictedExpression::new_bool(iep.encrypt_in_transit)),
        ("actions", RestrictedExpression::new_long(actions_rank(iep.permitted_actions).into())),
        ("notify", RestrictedExpression::new_bool(iep.may_notify_affected)),
        ("attribution", text(iep.attribution.as_str())),
        ("resell", RestrictedExpression::new_bool(iep.may_resell)),
    ])
}

fn confidentiality(stanag: &Stanag) -> Result<Option<RestrictedExpression>, EngineError> {
    let (policy, level, name, restrictive, nobody) = match stanag {
        Stanag::Unmarked => return Ok(None),
        Stanag::Nobody => ("", 0, "", BTreeSet::new(), true),
        Stanag::Label(label) => {
            (label.policy.as_str(), label.hierarchy, label.name.as_str(), tags(&label.restrictive), false)
        }
    };
    let restrictive = (!restrictive.is_empty()).then(|| ("restrictive", texts(&restrictive)));
    let fields = [
        ("policy", text(policy)),
        ("level", RestrictedExpression::new_long(level.into())),
        ("name", text(name)),
        ("nobody", RestrictedExpression::new_bool(nobody)),
    ];
    record(fields.into_iter().chain(restrictive)).map(Some)
}
