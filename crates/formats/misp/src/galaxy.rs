//! Galaxy clusters: named things, as STIX domain objects.

use std::collections::BTreeSet;

use json::Value;
use model::{StixId, Timestamp};
use stix::build::ObjectBuilder;

use crate::convert::own_id;
use crate::document::{list, text};

/// One cluster attached to an event or attribute, by a tag or in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cluster {
    galaxy: String,
    value: String,
    description: Option<String>,
    synonyms: Vec<String>,
    references: Vec<String>,
}

/// The clusters attached to a value; one given in full takes the place of the tag that also names it.
pub(crate) fn clusters(value: Value<'_>, pointer: &str) -> Vec<Cluster> {
    let mut found = Vec::new();
    for (pointer, galaxy) in list(value, "Galaxy", pointer) {
        for (_, cluster) in list(galaxy, "GalaxyCluster", &pointer) {
            found.extend(full(galaxy, cluster));
        }
    }
    let named: BTreeSet<(String, String)> =
        found.iter().map(|cluster: &Cluster| (cluster.galaxy.clone(), cluster.value.clone())).collect();
    for (_, tag) in list(value, "Tag", pointer) {
        if let Some(cluster) = text(tag, "name").as_deref().and_then(Cluster::from_tag)
            && !named.contains(&(cluster.galaxy.clone(), cluster.value.clone()))
        {
            found.push(cluster);
        }
    }
    found.sort();
    found.dedup();
    found
}

/// `misp-galaxy:threat-actor="Sofacy"`.
pub(crate) fn galaxy_tag(tag: &str) -> Option<(String, String)> {
    let (galaxy, value) = tag.strip_prefix("misp-galaxy:")?.split_once('=')?;
    let value = value.trim_matches('"');
    (!galaxy.is_empty() && !value.is_empty()).then(|| (galaxy.to_owned(), value.to_owned()))
}

fn full(galaxy: Value<'_>, cluster: Value<'_>) -> Option<Cluster> {
    let value = text(cluster, "value")?;
    let galaxy = text(cluster, "type").or_else(|| text(galaxy, "type"))?;
    let meta = cluster.get("meta");
    let texts = |name: &str| -> Vec<String> {
        let Some(member) = meta.and_then(|meta| meta.get(name)) else { return Vec::new() };
        let mut texts: Vec<String> = member
            .items()
            .chain(Some(member))
            .filter_map(|item| item.as_str().map(std::borrow::Cow::into_owned))
            .collect();
        texts.sort();
        texts.dedup();
        texts
    };
    Some(Cluster {
        galaxy,
        value,
        description: text(cluster, "description"),
        synonyms: texts("synonyms"),
        references: texts("refs"),
    })
}

impl Cluster {
    /// The cluster a tag names.
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        let (galaxy, value) = galaxy_tag(tag)?;
        Some(Self { galaxy, value, description: None, synonyms: Vec::new(), references: Vec::new() })
    }

    /// The STIX type of its galaxy; `None` for galaxies that are no domain object (sectors, countries, matrices).
    pub(crate) fn object_type(&self) -> Option<&'static str> {
        let galaxy = self.galaxy.as_str();
        let has = |words: &[&str]| words.iter().any(|word| galaxy.contains(word));
        if has(&["attack-pattern", "technique"]) {
            Some("attack-pattern")
        } else if has(&["intrusion-set"]) {
            Some("intrusion-set")
        } else if has(&["threat-actor", "activity-group"]) {
            Some("threat-actor")
        } else if has(&["course-of-action", "preventive-measure"]) {
            Some("course-of-action")
        } else if has(&["branded-vulnerability", "branded_vulnerability"]) {
            Some("vulnerability")
        } else if has(&["campaign"]) {
            Some("campaign")
        } else if has(&["exploit-kit", "tds", "mitre-tool"]) || galaxy == "tool" || galaxy == "rat" {
            Some("tool")
        } else if has(&[
            "malware",
            "ransomware",
            "banker",
            "backdoor",
            "stealer",
            "botnet",
            "malpedia",
            "android",
            "rat",
            "worm",
        ]) {
            Some("malware")
        } else {
            None
        }
    }

    /// The tag that names it.
    pub(crate) fn tag(&self) -> String {
        format!("misp-galaxy:{}=\"{}\"", self.galaxy, self.value)
    }

    /// Id and JSON text. The id covers all content, and the instant is fixed, since MISP dates clusters nowhere: the
    /// same cluster in two events is the same object.
    pub(crate) fn object(&self, creator: &StixId) -> Option<(StixId, String)> {
        let object_type = self.object_type()?;
        let synonyms = self.synonyms.join("\u{1f}");
        let references = self.references.join("\u{1f}");
        let description = self.description.as_deref().unwrap_or_default();
        let parts =
            ["galaxy", creator.as_str(), &self.galaxy, &self.value, description, &synonyms, &references];
        let id = own_id(object_type, &parts);
        let (name, attack_id) = attack_id(&self.value);
        let mut builder = ObjectBuilder::versioned(&id, UNDATED, UNDATED)
            .string("created_by_ref", creator.as_str())
            .string("name", name);
        if object_type == "malware" {
            builder = builder.raw("is_family", "true");
        }
        if let Some(description) = &self.description {
            builder = builder.string("description", description);
        }
        if matches!(
            object_type,
            "attack-pattern" | "intrusion-set" | "threat-actor" | "campaign" | "malware" | "tool"
        ) {
            builder = builder.strings("aliases", &self.synonyms);
        }
        let mut external = Vec::new();
        if let Some(attack_id) = attack_id {
            external.push(reference("mitre-attack", "external_id", attack_id));
        }
        external.push(reference("misp-galaxy", "external_id", &self.tag()));
        external.extend(self.references.iter().map(|url| reference("misp-galaxy", "url", url)));
        Some((id, builder.raw("external_references", &format!("[{}]", external.join(","))).finish()))
    }
}

/// The instant of what MISP does not date: 2016-01-01, before the STIX 2 standard.
pub(crate) const UNDATED: Timestamp = Timestamp::from_micros(1_451_606_400_000_000);

/// One external reference as JSON text.
pub(crate) fn reference(source: &str, member: &str, value: &str) -> String {
    let mut out = String::from("{\"source_name\":");
    json::write_string(source, &mut out);
    out.push_str(&format!(",\"{member}\":"));
    json::write_string(value, &mut out);
    out.push('}');
    out
}

/// Splits `Input Capture - T1056.001` into name and ATT&CK id.
fn attack_id(value: &str) -> (&str, Option<&str>) {
    match value.rsplit_once(" - ") {
        Some((name, id)) if is_attack_id(id) => (name, Some(id)),
        _ => (value, None),
    }
}

fn is_attack_id(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = text.len() - digits.len();
    (1..=2).contains(&letters) && digits.len() >= 4 && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
