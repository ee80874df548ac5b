//! Cedar: policy sets from text, requests from views, and what comes back.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet,
    Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use label::{Iep, Nation, Stanag};
use model::PartyId;

use crate::condition::{actions_rank, fold, pap_rank, tags};
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

/// A policy set that passed the schema, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    set: PolicySet,
    names: Vec<(PolicyId, String)>,
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
    entities: Entities,
    party: Option<EntityTypeName>,
    thing: Option<EntityUid>,
    actions: Vec<(Action, EntityUid)>,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let uid = |text: &str| EntityUid::from_str(text).ok();
    let action = |action: &Action| Some((*action, uid(&format!("Action::\"{action}\""))?));
    Fixed {
        authorizer: Authorizer::new(),
        entities: Entities::empty(),
        party: EntityTypeName::from_str("Party").ok(),
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
        Ok(Self { set, names })
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
        let response = FIXED.authorizer.is_authorized(request, &self.set, &FIXED.entities);
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
    let party = |party: PartyId| {
        let name = fixed.party.clone().ok_or_else(broken)?;
        Ok(EntityUid::from_type_name_and_id(name, EntityId::new(party.to_string())))
    };
    let context = Context::from_pairs(attributes(view, party(asked.from)?)?).map_err(EngineError::of)?;
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

fn attributes(view: &View<'_>, from: EntityUid) -> Result<Attributes, EngineError> {
    let request = view.request;
    let (facts, now) = (request.facts, request.circumstances);
    let handling = &facts.handling;
    let mut out: Attributes = Vec::with_capacity(12);
    let mut put = |name: &str, value: RestrictedExpression| out.push((name.to_owned(), value));
    put("at", RestrictedExpression::new_long(request.at.as_micros()));
    put("from", RestrictedExpression::new_entity_uid(from));
    put("type", text(&facts.type_name));
    put("tlp", RestrictedExpression::new_long(handling.tlp().rank().into()));
    put("pap", RestrictedExpression::new_long(pap_rank(handling.pap()).into()));
    put("personal", RestrictedExpression::new_bool(handling.personal()));
    for (name, words) in
        [("categories", &facts.categories), ("sectors", &facts.sectors), ("countries", &facts.countries)]
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
        ("exercise", request.exercise),
    ];
    for (name, word) in words {
        if let Some(word) = word {
            put(name, text(word));
        }
    }
    if let Some(released) = view.released {
        put("released", RestrictedExpression::new_bool(released));
    }
    for (name, flag) in [("break_glass", now.break_glass), ("in_arrears", now.in_arrears)] {
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
