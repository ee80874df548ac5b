//! Our own rules, which bind every agreement.

use std::collections::BTreeSet;

use agreement::Set;
use label::Nation;
use model::{Digest, Label, PartyId};

use crate::compile::digest;
use crate::decision::Reason;
use crate::engine::{Engine, EngineError};
use crate::quote;

/// National caveats and rules of the house: what we do not give, whatever an agreement allows.
///
/// They bind the giver. They only forbid, so adding one never lets anything out.
#[derive(Debug, Clone, Default)]
pub struct Caveats {
    rules: Vec<Caveat>,
    text: String,
    hash: Option<Digest>,
    engine: Option<Engine>,
}

/// One of them: forbids what matches in every respect. What it says nothing about matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caveat {
    /// Its name in explanations: `[a-z0-9-]+`.
    pub id: String,
    /// The law or decision behind it, for people.
    pub reason: String,
    /// Which receivers.
    pub to: Receivers,
    /// STIX types.
    pub types: Set,
    /// Objects with any of these categories.
    pub categories: Set,
    /// Objects with any of these sectors.
    pub sectors: Set,
    /// Objects with any of these countries, by ISO 3166-1 alpha-3.
    pub countries: Set,
    /// Objects with this TLP or a narrower one.
    pub tlp: Label,
    /// Only objects that hold personal data.
    pub personal: bool,
}

/// Whom a caveat keeps things from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receivers {
    /// Everyone.
    Any,
    /// These parties.
    Parties(BTreeSet<PartyId>),
    /// Parties under the law of these nations, or of one that is not known.
    Nations(BTreeSet<Nation>),
    /// Parties under the law of any nation but these, or of one that is not known.
    NationsBut(BTreeSet<Nation>),
}

static NONE: Caveats = Caveats { rules: Vec::new(), text: String::new(), hash: None, engine: None };

/// Caveats that are not rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("national caveats: {0}")]
pub struct InvalidCaveats(pub String);

impl Caveats {
    /// None at all.
    #[must_use]
    pub fn none() -> &'static Self {
        &NONE
    }

    /// Compiles rules.
    ///
    /// # Errors
    /// [`InvalidCaveats`] when two have one name.
    pub fn compile(rules: Vec<Caveat>) -> Result<Self, InvalidCaveats> {
        if rules.is_empty() {
            return Ok(Self::default());
        }
        let text = write(&rules);
        let engine = Engine::load(&text).map_err(|error| InvalidCaveats(error.to_string()))?;
        if engine.ids().count() != rules.len() + 1 {
            return Err(InvalidCaveats("the policy engine read others than were written".to_owned()));
        }
        Ok(Self { hash: Some(digest(&text)), engine: Some(engine), text, rules })
    }

    /// Whether nothing is forbidden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Caveat] {
        &self.rules
    }

    /// The rules as Cedar text.
    #[must_use]
    pub fn cedar_text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text; of no rules it is zero.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.hash.unwrap_or(Digest::ZERO)
    }

    /// The caveats in the way.
    pub(crate) fn against(&self, request: Result<&cedar_policy::Request, &EngineError>) -> Vec<Reason> {
        let refusal =
            |text: String| Reason { rule: "caveats".to_owned(), about: "caveat", text, consent: None };
        let Some(engine) = &self.engine else { return Vec::new() };
        let answer = match request {
            Ok(request) => engine.ask(request),
            Err(error) => return vec![refusal(format!("national caveats cannot be asked: {error}"))],
        };
        if let Some(error) = answer.errors.first() {
            return vec![refusal(format!("a national caveat cannot be evaluated: {error}"))];
        }
        if answer.allowed {
            return Vec::new();
        }
        let reason = |rule: &Caveat| Reason {
            rule: format!("caveat/{}", rule.id),
            about: "caveat",
            text: format!("our own rule `{}` keeps it here: {}", rule.id, rule.reason),
            consent: Some(format!("an exception from our own rule `{}`", rule.id)),
        };
        let in_the_way = |rule: &&Caveat| answer.determining.binary_search(&forbid_id(&rule.id)).is_ok();
        let reasons: Vec<Reason> = self.rules.iter().filter(in_the_way).map(reason).collect();
        if reasons.is_empty() {
            vec![refusal("national caveats do not permit it".to_owned())]
        } else {
            reasons
        }
    }
}

fn forbid_id(id: &str) -> String {
    format!("caveat/{id}")
}

fn write(rules: &[Caveat]) -> String {
    let mut out = "// What we give to nobody, whatever an agreement allows.\n\n\
                   @id(\"otherwise\")\npermit (principal, action, resource);\n"
        .to_owned();
    for rule in rules {
        let conditions = conditions(rule);
        let when = if conditions.is_empty() { "true".to_owned() } else { conditions.join(" &&\n  ") };
        out.push_str(&format!(
            "\n@id({})\n@reason({})\nforbid (principal, action, resource)\nwhen {{\n  {when}\n}};\n",
            quote::string(&forbid_id(&rule.id)),
            quote::string(&rule.reason),
        ));
    }
    out
}

fn conditions(rule: &Caveat) -> Vec<String> {
    let nations = |nations: &BTreeSet<Nation>| {
        quote::one_of("context.nation", nations.iter().map(|nation| quote::string(nation.as_str())))
    };
    let any_of = |attribute: &str, set: &Set| match set {
        Set::Any => None,
        Set::Only(words) if words.is_empty() => Some("false".to_owned()),
        Set::Only(words) => {
            // What did not fit into the facts may be any of them.
            let more = label::Facts::MORE.to_owned();
            let words = quote::set(words.iter().chain([&more]).map(|word| quote::string(word)));
            Some(format!("(context has {attribute} && {words}.containsAny(context.{attribute}))"))
        }
    };
    let receivers = match &rule.to {
        Receivers::Any => None,
        Receivers::Parties(parties) => {
            Some(quote::one_of("principal", parties.iter().map(|party| format!("Party::\"{party}\""))))
        }
        Receivers::Nations(list) => Some(format!("(if context has nation then {} else true)", nations(list))),
        Receivers::NationsBut(list) => {
            Some(format!("(if context has nation then !({}) else true)", nations(list)))
        }
    };
    let types = match &rule.types {
        Set::Any => None,
        Set::Only(types) => Some(quote::one_of(
            "context.type",
            types.iter().map(|name| format!("Type::{}", quote::string(name))),
        )),
    };
    [
        receivers,
        types,
        any_of("categories", &rule.categories),
        any_of("sectors", &rule.sectors),
        any_of("countries", &rule.countries),
        (rule.tlp != Label::CLEAR).then(|| format!("context.tlp <= {}", rule.tlp.rank())),
        rule.personal.then(|| "context has personal".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}
