//! What a party may learn of an object that it is not given: that there is such a thing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use agreement::Set;
use label::Facts;

use crate::caveats::Caveats;
use crate::compile::{Policy, Rule};
use crate::condition::Condition;
use crate::decide::{Question, obligations};
use crate::decision::Obligations;
use crate::engine;
use crate::request::Request;
use crate::view::View;

/// Whether the receiver may know at least of the fact: whether it would be given the object if no clause were about its
/// type. Then what the clause obliges to. Everything else that keeps an object from a party keeps the fact from it, our
/// own rules about its type included.
#[must_use]
pub fn fact(policy: &Policy, request: &Request<'_>) -> Option<Obligations> {
    let nation = policy.nations.get(&request.to).copied().flatten();
    let asked = engine::request(&View::new(request, nation));
    if !request.caveats.against(asked.as_ref()).is_empty() {
        return None;
    }
    policy.clauses.iter().find_map(|rule| {
        let type_name = meant(rule, &request.facts.type_name)?;
        let facts = Facts { type_name, ..request.facts.clone() };
        let request = Request { facts: &facts, caveats: Caveats::none(), ..*request };
        let rule = Question::new(&request).permitting(policy).ok()?;
        Some(obligations(rule, &request))
    })
}

/// A type that the clause is about: the object's own if it can be.
fn meant(rule: &Rule, own: &str) -> Option<String> {
    let mut types: Option<Cow<'_, BTreeSet<String>>> = None;
    for condition in &rule.conditions {
        if let Condition::Types(Set::Only(named)) | Condition::Kept(_, named) = condition {
            types = Some(match types {
                None => Cow::Borrowed(named),
                Some(types) => Cow::Owned(&*types & named),
            });
        }
    }
    match types {
        None => Some(own.to_owned()),
        Some(types) if types.contains(own) => Some(own.to_owned()),
        Some(types) => types.first().cloned(),
    }
}
