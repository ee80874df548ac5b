//! What the node wants to know about an object besides its bytes.

use json::Value;
use model::{Finding, Severity, StixId};
use observable::Observable;
use stix::marking::{Labelled, Meaning};
use stix::redact::REDACTION_EXTENSION;
use stix_pattern::Relation;

/// A reference to another object.
///
/// `name` is the property (`created_by_ref`); for a relationship the joined edge from its source to its target
/// is named `relationship:` and the relationship's type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Property, or `relationship:` and type.
    pub name: String,
    /// Where it points.
    pub target: StixId,
}

/// The projections of one object. They depend on its bytes alone, so they can be read before anything is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// References, without repeats, in order.
    pub edges: Vec<Edge>,
    /// Values to find it by, without repeats, in order.
    pub observables: Vec<Observable>,
    /// `confidence`, 0 to 100.
    pub confidence: Option<u8>,
    /// 0 for a full rendition; otherwise a number for the set of properties that were removed before it came.
    pub rendition: u32,
}

/// What the markings in the bytes say.
///
/// `meaning` resolves a marking's id; a marking it cannot resolve closes the object and is reported.
pub(crate) fn marked_label(
    object: Value<'_>,
    meaning: &dyn Fn(&str) -> Option<Meaning>,
    findings: &mut Vec<Finding>,
) -> Labelled {
    let labelled = stix::marking::object_label(object, meaning);
    for id in &labelled.unknown {
        let message =
            format!("the marking `{id}` is not known here, so the object stays in this organisation");
        findings.push(
            Finding::new(Severity::Warning, "shieldwall/marking-unknown", "/object_marking_refs", message)
                .hint("import the marking-definition before the objects that use it"),
        );
    }
    labelled
}

/// Reads the facts of a validated object.
#[must_use]
pub fn facts(object: Value<'_>, type_name: &str) -> Facts {
    Facts {
        edges: edges(object, type_name),
        observables: observables(object, type_name),
        confidence: object.get("confidence").and_then(|c| c.as_i64()).and_then(|c| u8::try_from(c).ok()),
        rendition: rendition(object),
    }
}

fn edges(object: Value<'_>, type_name: &str) -> Vec<Edge> {
    let mut edges = Vec::new();
    stix::refs::references(object, &mut |_, property, target| {
        let parsed = target.as_str().and_then(|text| text.parse::<StixId>().ok());
        if let Some(target) = parsed {
            edges.push(Edge { name: property.to_owned(), target });
        }
    });
    if type_name == "relationship" {
        let kind = object.get("relationship_type").and_then(|kind| kind.as_str());
        let target = edges.iter().find(|edge| edge.name == "target_ref").map(|edge| edge.target.clone());
        if let (Some(kind), Some(target)) = (kind, target) {
            edges.push(Edge { name: format!("relationship:{kind}"), target });
        }
    }
    edges.sort();
    edges.dedup();
    edges
}

/// The values an object is found by: what an indicator's pattern looks for, or what an observable is.
#[must_use]
pub fn observables(object: Value<'_>, type_name: &str) -> Vec<Observable> {
    let mut found = match type_name {
        "indicator" => of_pattern(object),
        _ => of_properties(object, type_name),
    };
    found.sort();
    found.dedup();
    found
}

fn of_pattern(object: Value<'_>) -> Vec<Observable> {
    let Some(pattern) = object.get("pattern").and_then(|pattern| pattern.as_str()) else { return Vec::new() };
    if object.get("pattern_type").is_some_and(|kind| !kind.is("stix")) {
        return Vec::new();
    }
    let Ok(parsed) = stix_pattern::parse(&pattern, &stix_pattern::Limits::default()) else {
        return Vec::new();
    };
    parsed
        .terms()
        .iter()
        .filter_map(|term| match term.relation {
            Relation::Like => observable::from_like_term(term.object_type, &term.path, &term.value),
            _ => observable::from_pattern_term(term.object_type, &term.path, &term.value),
        })
        .collect()
}

fn of_properties(object: Value<'_>, type_name: &str) -> Vec<Observable> {
    let mut found = Vec::new();
    for (key, value) in object.entries() {
        let Some(name) = key.as_plain() else { continue };
        if name == "hashes" {
            for (algorithm, hash) in value.entries() {
                let (Some(algorithm), Some(hash)) = (algorithm.as_str(), hash.as_str()) else { continue };
                let path = format!("hashes.'{algorithm}'");
                found.extend(observable::from_pattern_term(type_name, &path, &hash));
            }
        } else if let Some(text) = value.as_str() {
            found.extend(observable::from_pattern_term(type_name, name, &text));
        } else if value.kind() == json::Kind::Number {
            found.extend(observable::from_pattern_term(type_name, name, value.raw()));
        }
    }
    found
}

/// FNV-1a over what is left: the same redaction is the same rendition on every node.
fn rendition(object: Value<'_>) -> u32 {
    let Some(redaction) = object.get("extensions").and_then(|all| all.get(REDACTION_EXTENSION)) else {
        return 0;
    };
    let names: Vec<_> = object.entries().filter_map(|(key, _)| key.as_str()).collect();
    let removed = redaction.get("removed").and_then(|removed| removed.as_i64()).unwrap_or_default();
    let mut hash = 0x811c_9dc5_u32 ^ u32::try_from(removed).unwrap_or(u32::MAX);
    for byte in names.iter().flat_map(|name| name.bytes().chain([0])) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash.max(1)
}
