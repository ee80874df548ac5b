//! Which relationships the standard describes between which types (STIX 2.1 §3.7, the tables of §4 and §6).

use super::type_schema;
use crate::validate::Class;

/// How a relationship's type and ends go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationshipFit {
    /// The standard describes it, or an end is of a custom type, for which it cannot.
    Described,
    /// The standard knows the name, but not between these types.
    OtherTypes,
    /// A name the standard does not use.
    Custom,
}

/// How `source --name--> target` fits the tables of the standard.
#[must_use]
pub fn relationship_fit(source: &str, name: &str, target: &str) -> RelationshipFit {
    match name {
        "related-to" => return RelationshipFit::Described,
        "derived-from" | "duplicate-of" if source == target => return RelationshipFit::Described,
        _ => {}
    }
    let mut known = matches!(name, "derived-from" | "duplicate-of");
    for (from, names, to) in TABLE {
        if !names.contains(&name) {
            continue;
        }
        known = true;
        if from.contains(&source) && (to.contains(&target) || to.contains(&SCO) && is_sco(target)) {
            return RelationshipFit::Described;
        }
    }
    if type_schema(source).is_none() || type_schema(target).is_none() {
        RelationshipFit::Described
    } else if known {
        RelationshipFit::OtherTypes
    } else {
        RelationshipFit::Custom
    }
}

/// Stands for every cyber-observable type.
const SCO: &str = "*";

fn is_sco(name: &str) -> bool {
    type_schema(name).is_some_and(|schema| schema.class == Class::Sco)
}

type Row = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// Rows of (source types, relationship types, target types).
const TABLE: &[Row] = &[
    (&["attack-pattern", "tool", "infrastructure"], &["delivers"], &["malware"]),
    (
        &["attack-pattern", "campaign", "intrusion-set", "threat-actor"],
        &["targets"],
        &["identity", "location", "vulnerability"],
    ),
    (&["attack-pattern"], &["uses"], &["malware", "tool"]),
    (
        &["campaign", "intrusion-set", "threat-actor", "malware"],
        &["uses"],
        &["attack-pattern", "infrastructure", "malware", "tool"],
    ),
    (&["campaign"], &["attributed-to"], &["intrusion-set", "threat-actor"]),
    (&["campaign", "intrusion-set", "threat-actor"], &["compromises"], &["infrastructure"]),
    (&["campaign", "intrusion-set", "malware"], &["originates-from"], &["location"]),
    (&["course-of-action"], &["investigates"], &["indicator"]),
    (
        &["course-of-action"],
        &["mitigates"],
        &["attack-pattern", "indicator", "malware", "tool", "vulnerability"],
    ),
    (&["course-of-action"], &["remediates"], &["malware", "vulnerability"]),
    (&["identity", "infrastructure", "threat-actor"], &["located-at"], &["location"]),
    (
        &["indicator"],
        &["indicates"],
        &["attack-pattern", "campaign", "infrastructure", "intrusion-set", "malware", "threat-actor", "tool"],
    ),
    (&["indicator"], &["based-on"], &["observed-data"]),
    (
        &["infrastructure"],
        &["communicates-with"],
        &["infrastructure", "ipv4-addr", "ipv6-addr", "domain-name", "url"],
    ),
    (&["infrastructure"], &["consists-of"], &["infrastructure", "observed-data", SCO]),
    (&["infrastructure"], &["controls"], &["infrastructure", "malware"]),
    (&["infrastructure", "tool"], &["has"], &["vulnerability"]),
    (&["infrastructure"], &["hosts"], &["tool", "malware"]),
    (&["infrastructure", "tool"], &["uses"], &["infrastructure"]),
    (&["intrusion-set"], &["attributed-to"], &["threat-actor"]),
    (&["intrusion-set", "threat-actor"], &["hosts", "owns"], &["infrastructure"]),
    (&["malware"], &["authored-by"], &["threat-actor", "intrusion-set"]),
    (&["malware"], &["beacons-to", "exfiltrates-to"], &["infrastructure"]),
    (&["malware"], &["communicates-with"], &["ipv4-addr", "ipv6-addr", "domain-name", "url"]),
    (&["malware"], &["controls", "variant-of"], &["malware"]),
    (&["malware"], &["downloads", "drops"], &["malware", "tool", "file"]),
    (&["malware"], &["exploits"], &["vulnerability"]),
    (&["malware", "tool"], &["targets"], &["identity", "infrastructure", "location", "vulnerability"]),
    (
        &["malware-analysis"],
        &["characterizes", "analysis-of", "av-analysis-of", "static-analysis-of", "dynamic-analysis-of"],
        &["malware"],
    ),
    (&["threat-actor"], &["attributed-to", "impersonates"], &["identity"]),
    (&["tool"], &["drops"], &["malware"]),
    (&["domain-name"], &["resolves-to"], &["domain-name", "ipv4-addr", "ipv6-addr"]),
    (&["ipv4-addr", "ipv6-addr"], &["resolves-to"], &["mac-addr"]),
    (&["ipv4-addr", "ipv6-addr"], &["belongs-to"], &["autonomous-system"]),
];
