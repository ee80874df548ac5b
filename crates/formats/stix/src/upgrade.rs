//! STIX 2.0 objects made into STIX 2.1 objects (STIX 2.1 §1.5 and the property tables of both standards).
//!
//! Ids, times and everything that both standards share stay to the byte. Every change is a finding with a rule
//! under `stix-2.0/upgrade/`. The result depends on nothing but the text, so two nodes that upgrade the same
//! object get the same objects.

mod observed;
mod pattern;

use std::collections::BTreeMap;

use json::{Edits, Kind, Value, escape_pointer, write_string};
use model::{Finding, Severity};

use crate::marking::{Selectors, Step, To};
use crate::schema::type_schema;
use crate::validate::Class;

/// Whether an object is STIX 2.0: it says so, or it has no `spec_version` and is no cyber-observable, which is
/// how STIX 2.1 §3.2 tells them apart.
///
/// A type that the standard does not define counts as a cyber-observable when it has no `modified`.
#[must_use]
pub fn is_2_0(object: Value<'_>) -> bool {
    match object.get("spec_version") {
        Some(version) => version.is("2.0"),
        None => match object.get("type").and_then(|name| name.as_str()) {
            Some(name) if name == "bundle" => false,
            Some(name) => match type_schema(&name) {
                Some(schema) => schema.class != Class::Sco,
                None => object.get("modified").is_some(),
            },
            None => false,
        },
    }
}

/// Makes a STIX 2.0 object into STIX 2.1 objects: the cyber-observables that an `observed-data` held inside,
/// then the object itself.
///
/// The new cyber-observables carry every marking that held for them, and deterministic ids where the standard
/// has them. An `observed-data` that cannot be taken apart safely keeps its `objects`, which STIX 2.1 still
/// reads. The result is not validated: what was wrong before is still wrong.
pub fn upgrade_object(object: Value<'_>, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut upgrade = Upgrade::new(findings);
    match object.get("spec_version") {
        Some(version) => upgrade.edits.replace(version, "\"2.1\""),
        None => upgrade.edits.append(object, "spec_version", "\"2.1\""),
    }
    upgrade.note("spec-version", "", "`spec_version` is now 2.1");
    let type_name = object.get("type").and_then(|name| name.as_str()).unwrap_or_default();
    upgrade.types_from_labels(object, &type_name);
    match type_name.as_ref() {
        "indicator" => upgrade.indicator(object),
        "malware" if object.get("is_family").is_none() => {
            upgrade.edits.append(object, "is_family", "true");
            upgrade.note("is-family", "", "`is_family` is taken to be true: STIX 2.0 does not say");
        }
        "identity" => upgrade.sectors(object),
        "marking-definition" => upgrade.tlp_name(object),
        _ => {}
    }
    if let Some(references) = object.get("external_references") {
        upgrade.hash_names(references, "/external_references");
    }
    let mut texts = match type_name.as_ref() {
        "observed-data" => observed::take_apart(object, &mut upgrade),
        _ => None,
    }
    .unwrap_or_else(|| {
        upgrade.selectors(object);
        Vec::new()
    });
    texts.push(upgrade.edits.apply(object));
    texts
}

/// The changes to one object.
struct Upgrade<'f> {
    edits: Edits,
    /// New names of members, by the position of their value, so that selectors can follow.
    renamed: BTreeMap<u32, String>,
    findings: &'f mut Vec<Finding>,
}

/// The properties that took over from `labels`.
const TYPES: [(&str, &str); 6] = [
    ("identity", "roles"),
    ("indicator", "indicator_types"),
    ("malware", "malware_types"),
    ("report", "report_types"),
    ("threat-actor", "threat_actor_types"),
    ("tool", "tool_types"),
];

impl<'f> Upgrade<'f> {
    fn new(findings: &'f mut Vec<Finding>) -> Self {
        Self { edits: Edits::new(), renamed: BTreeMap::new(), findings }
    }

    fn note(&mut self, rule: &str, pointer: impl Into<String>, message: impl Into<String>) {
        self.say(Severity::Note, rule, pointer, message);
    }

    fn say(
        &mut self,
        severity: Severity,
        rule: &str,
        pointer: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.findings.push(Finding::new(severity, format!("stix-2.0/upgrade/{rule}"), pointer, message));
    }

    /// Gives a member another name. Changes inside it must have been made before.
    fn rename(&mut self, container: Value<'_>, member: Value<'_>, new: &str) {
        let raw = self.edits.apply(member);
        self.edits.remove(member);
        self.edits.append(container, new, raw);
        self.renamed.insert(member.position(), new.to_owned());
    }

    fn types_from_labels(&mut self, object: Value<'_>, type_name: &str) {
        let Some((_, new)) = TYPES.iter().find(|(name, _)| *name == type_name) else { return };
        if let (Some(labels), None) = (object.get("labels"), object.get(new)) {
            self.rename(object, labels, new);
            self.note("labels", "/labels", format!("`labels` is now `{new}`"));
        }
    }

    fn indicator(&mut self, object: Value<'_>) {
        if object.get("pattern_type").is_none() {
            self.edits.append(object, "pattern_type", "\"stix\"");
            self.note("pattern-type", "", "`pattern_type` is `stix`: STIX 2.0 has no other");
        }
        if let (None, Some(created)) = (object.get("valid_from"), object.get("created")) {
            self.edits.append(object, "valid_from", created.raw());
            self.say(
                Severity::Warning,
                "valid-from",
                "",
                "`valid_from` was missing; `created` stands in for it",
            );
        }
        if let Some(pattern) = object.get("pattern")
            && let Some(new) = pattern.as_str().and_then(|text| pattern::upgrade(&text))
        {
            self.edits.replace(pattern, quoted(&new));
            self.note(
                "pattern",
                "/pattern",
                "the pattern now uses the literals and property names of STIX 2.1",
            );
        }
    }

    fn sectors(&mut self, object: Value<'_>) {
        let sectors = object.get("sectors").into_iter().flat_map(|sectors| sectors.items());
        for (index, sector) in sectors.enumerate().filter(|(_, sector)| sector.is("defence")) {
            self.edits.replace(sector, "\"defense\"");
            self.note(
                "sectors",
                format!("/sectors/{index}"),
                "the sector `defence` is now spelled `defense`",
            );
        }
    }

    /// The four TLP 1 definitions gained a name, and otherwise stand in the standard as before (§7.2.1.4).
    fn tlp_name(&mut self, object: Value<'_>) {
        let level = match object.get("id").and_then(|id| id.as_plain()) {
            Some("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9") => "WHITE",
            Some("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da") => "GREEN",
            Some("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82") => "AMBER",
            Some("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed") => "RED",
            _ => return,
        };
        if object.get("name").is_none() {
            self.edits.append(object, "name", format!("\"TLP:{level}\""));
            self.note("tlp-name", "", format!("the marking is now named `TLP:{level}`"));
        }
    }

    /// `ssdeep` became `SSDEEP` in the vocabulary of hash algorithms (§10.6), at any depth.
    fn hash_names(&mut self, value: Value<'_>, pointer: &str) {
        for (index, item) in value.items().enumerate().filter(|(_, item)| item.kind() == Kind::Object) {
            self.hash_names(item, &format!("{pointer}/{index}"));
        }
        for (key, member) in value.entries() {
            if !matches!(member.kind(), Kind::Object | Kind::Array) {
                continue;
            }
            let name = key.as_str().unwrap_or_default();
            let place = format!("{pointer}/{}", escape_pointer(&name));
            match member.get("ssdeep") {
                Some(hash) if name.ends_with("hashes") && member.get("SSDEEP").is_none() => {
                    self.rename(member, hash, "SSDEEP");
                    self.note(
                        "hash-name",
                        format!("{place}/ssdeep"),
                        "the hash `ssdeep` is now spelled `SSDEEP`",
                    );
                }
                _ => self.hash_names(member, &place),
            }
        }
    }

    /// Lets the selectors of granular markings follow what was renamed.
    fn selectors(&mut self, object: Value<'_>) {
        let mut selectors = Selectors::new(object);
        for entry in object.get("granular_markings").into_iter().flat_map(|list| list.items()) {
            for selector in entry.get("selectors").into_iter().flat_map(|list| list.items()) {
                let text = selector.as_str().unwrap_or_default();
                if let Ok(steps) = selectors.follow(&text) {
                    let new = self.selector(&steps);
                    if new != text {
                        self.edits.replace(selector, quoted(&new));
                    }
                }
            }
        }
    }

    /// The selector of a path, by the new names.
    fn selector(&self, steps: &[Step<'_>]) -> String {
        let component = |step: &Step<'_>| match &step.to {
            To::Name(name) => self.renamed.get(&step.value.position()).unwrap_or(name).clone(),
            To::Index(index) => format!("[{index}]"),
        };
        steps.iter().map(component).collect::<Vec<_>>().join(".")
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}
