//! MISP objects: several attributes that describe one thing.
//!
//! Any template is taken apart attribute by attribute; those below are also put together again as one
//! cyber-observable, because STIX has one for them.

use std::collections::{BTreeMap, BTreeSet};

use observable::{Kind, normalise, quote};

use crate::attribute::Attribute;
use crate::home::{Facts, Home, hash_entry, home, protocols};
use crate::sco::Sco;

/// What an object's attributes come to.
#[derive(Debug, Default)]
pub(crate) struct Combined {
    /// Comparison of the attributes flagged for detection, without brackets; empty when none is.
    pub(crate) comparison: String,
    /// Everything observed, parts before wholes.
    pub(crate) scos: Vec<Sco>,
    /// Whether an attribute that is not flagged is among what was observed.
    pub(crate) observed: bool,
    /// Pairs of places in `scos`: the first resolves to the second.
    pub(crate) resolves: Vec<(usize, usize)>,
    /// Places of attributes that are neither in the pattern nor in an object: text.
    pub(crate) rest: Vec<usize>,
    /// Places of attributes whose value is not what their type promises, or whose type is unknown.
    pub(crate) doubted: Vec<usize>,
}

/// Name-and-address pairs beyond this are not linked one by one.
const MAX_PAIRS: usize = 64;

/// Puts the attributes of one object together.
pub(crate) fn combine(template: &str, attributes: &[Attribute<'_>]) -> Combined {
    let mut combined = Combined::default();
    let mut comparisons = Vec::new();
    let whole = whole(template, attributes);
    for (place, attribute) in attributes.iter().enumerate() {
        let facts = match home(&attribute.type_name, &attribute.value) {
            Home::Facts(facts) => facts,
            Home::Reread(facts, _) => {
                combined.doubted.push(place);
                facts
            }
            Home::Malformed | Home::Unknown => {
                combined.doubted.push(place);
                combined.rest.push(place);
                continue;
            }
            _ if whole.used.contains(&place) => Facts::default(),
            _ => {
                combined.rest.push(place);
                continue;
            }
        };
        let comparison = whole.comparison(place).unwrap_or(facts.comparison);
        let flagged = attribute.to_ids && !comparison.is_empty();
        if flagged {
            comparisons.push(comparison);
        }
        if whole.used.contains(&place) {
            combined.observed |= !flagged;
            continue;
        }
        if facts.scos.is_empty() {
            if !flagged {
                combined.rest.push(place);
            }
            continue;
        }
        combined.observed |= !flagged;
        let base = combined.scos.len();
        combined.resolves.extend(facts.resolves.map(|(a, b)| (a + base, b + base)));
        combined.scos.extend(facts.scos);
    }
    combined.scos.extend(whole.scos);
    if template == "domain-ip" {
        resolve(&mut combined);
    }
    combined.comparison = join(&comparisons, if whole.all_needed { " AND " } else { " OR " });
    combined
}

/// Every name of a domain-ip object resolves to every address of it.
fn resolve(combined: &mut Combined) {
    let of = |kinds: &[&str]| -> Vec<usize> {
        combined
            .scos
            .iter()
            .enumerate()
            .filter(|(_, sco)| kinds.contains(&sco.type_name()))
            .map(|(at, _)| at)
            .collect()
    };
    let (names, addresses) = (of(&["domain-name"]), of(&["ipv4-addr", "ipv6-addr"]));
    if names.len() * addresses.len() <= MAX_PAIRS {
        combined.resolves =
            names.iter().flat_map(|name| addresses.iter().map(move |address| (*name, *address))).collect();
    }
}

fn join(comparisons: &[String], operator: &str) -> String {
    let compound = |text: &str| text.contains(" AND ") || text.contains(" OR ");
    match comparisons {
        [one] => one.clone(),
        many => {
            let parts: Vec<String> = many
                .iter()
                .map(|text| if compound(text) { format!("({text})") } else { text.clone() })
                .collect();
            parts.join(operator)
        }
    }
}

/// One cyber-observable made of several attributes.
#[derive(Debug, Default)]
struct Whole {
    scos: Vec<Sco>,
    /// Places of the attributes in it.
    used: BTreeSet<usize>,
    /// Comparisons that differ from the attribute's own.
    comparisons: BTreeMap<usize, String>,
    /// Whether only all comparisons together identify the thing.
    all_needed: bool,
}

impl Whole {
    fn comparison(&self, place: usize) -> Option<String> {
        self.comparisons.get(&place).cloned()
    }
}

fn whole(template: &str, attributes: &[Attribute<'_>]) -> Whole {
    match template {
        "file" => file(attributes),
        "network-connection" | "network-socket" => connection(attributes),
        "email" => email(attributes),
        "x509" => certificate(attributes),
        "registry-key" => registry_key(attributes),
        _ => Whole::default(),
    }
}

/// The first attribute with this relation that no earlier step has used.
fn find<'a, 'b>(attributes: &'a [Attribute<'b>], relations: &[&str]) -> Option<(usize, &'a Attribute<'b>)> {
    attributes.iter().enumerate().find(|(_, attribute)| {
        attribute.relation.as_deref().is_some_and(|relation| relations.contains(&relation))
    })
}

fn file(attributes: &[Attribute<'_>]) -> Whole {
    let mut whole = Whole::default();
    let mut hashes: Vec<(String, String)> = Vec::new();
    for (place, attribute) in attributes.iter().enumerate() {
        if let Some((name, value)) = hash_entry(&attribute.type_name, &attribute.value)
            && !hashes.iter().any(|(present, _)| *present == name)
        {
            hashes.push((name, value));
            whole.used.insert(place);
        }
    }
    let mut sco = Sco::new("file").hashes(&hashes);
    if let Some((place, attribute)) = find(attributes, &["filename"])
        && let Some(name) = normalise(Kind::FileName, &attribute.value)
    {
        sco = sco.text("name", &name.to_string());
        whole.used.insert(place);
    }
    if sco.is_empty() {
        return Whole::default();
    }
    if let Some((place, attribute)) = find(attributes, &["size-in-bytes"])
        && let Ok(size) = attribute.value.parse::<u32>()
    {
        sco = sco.raw("size", size.to_string());
        whole.used.insert(place);
    }
    if let Some((place, attribute)) = find(attributes, &["mimetype"]) {
        sco = sco.text("mime_type", &attribute.value);
        whole.used.insert(place);
    }
    whole.scos.push(sco);
    whole
}

fn connection(attributes: &[Attribute<'_>]) -> Whole {
    let mut whole = Whole { all_needed: true, ..Whole::default() };
    let mut traffic = Sco::new("network-traffic");
    let mut host_type = "ipv4-addr";
    let sides = [
        (
            "src",
            "src_ref",
            "src_port",
            ["ip-src", "hostname-src", "src-ip", "address"],
            ["src-port", "port-src"],
        ),
        (
            "dst",
            "dst_ref",
            "dst_port",
            ["ip-dst", "hostname-dst", "dst-ip", "domain-dst"],
            ["dst-port", "port-dst"],
        ),
    ];
    for (side, ref_name, port_name, hosts, ports) in sides {
        if let Some((place, attribute)) = find(attributes, &hosts)
            && let Some(host) =
                [Kind::Ipv4, Kind::Domain].into_iter().find_map(|kind| normalise(kind, &attribute.value))
        {
            let spelled = host.to_string();
            host_type = host.object_type();
            let sco = Sco::new(host_type).text("value", &spelled);
            traffic = traffic.text(ref_name, sco.id().as_str());
            whole.scos.push(sco);
            let mut comparison = format!("network-traffic:{side}_ref.value = ");
            quote(&spelled, &mut comparison);
            whole.comparisons.insert(place, comparison);
            whole.used.insert(place);
        }
        if let Some((place, attribute)) = find(attributes, &ports)
            && let Ok(port) = attribute.value.parse::<u16>()
        {
            traffic = traffic.raw(port_name, port.to_string());
            whole.comparisons.insert(place, format!("network-traffic:{side}_port = {port}"));
            whole.used.insert(place);
        }
    }
    if whole.scos.is_empty() {
        return Whole::default();
    }
    let transport = find(attributes, &["layer4-protocol", "protocol"]);
    whole.used.extend(transport.map(|(place, _)| place));
    let transport = transport.map(|(_, attribute)| attribute.value.as_str());
    whole.scos.push(traffic.raw("protocols", protocols(host_type, transport)));
    whole
}

fn email(attributes: &[Attribute<'_>]) -> Whole {
    let mut whole = Whole::default();
    let mut message = Sco::new("email-message").raw("is_multipart", "false");
    let address = |place: usize, text: &str, whole: &mut Whole| {
        let address = normalise(Kind::Email, text)?;
        let sco = Sco::new("email-addr").text("value", &address.to_string());
        let id = sco.id();
        whole.scos.push(sco);
        whole.used.insert(place);
        Some(id.as_str().to_owned())
    };
    if let Some((place, attribute)) = find(attributes, &["from"])
        && let Some(id) = address(place, &attribute.value, &mut whole)
    {
        message = message.text("from_ref", &id);
    }
    for (relation, property) in [("to", "to_refs"), ("cc", "cc_refs"), ("bcc", "bcc_refs")] {
        let ids: Vec<String> = attributes
            .iter()
            .enumerate()
            .filter(|(_, attribute)| attribute.relation.as_deref() == Some(relation))
            .filter_map(|(place, attribute)| address(place, &attribute.value, &mut whole))
            .collect();
        message = message.texts(property, &ids);
    }
    for (relation, property) in [("message-id", "message_id"), ("subject", "subject"), ("email-body", "body")]
    {
        if let Some((place, attribute)) = find(attributes, &[relation]) {
            message = message.text(property, &attribute.value);
            whole.used.insert(place);
        }
    }
    if whole.used.is_empty() {
        return Whole::default();
    }
    whole.scos.push(message);
    whole
}

fn certificate(attributes: &[Attribute<'_>]) -> Whole {
    let mut whole = Whole::default();
    let mut hashes = Vec::new();
    let algorithms = [
        ("x509-fingerprint-md5", "MD5"),
        ("x509-fingerprint-sha1", "SHA-1"),
        ("x509-fingerprint-sha256", "SHA-256"),
    ];
    for (attribute_type, name) in algorithms {
        let found =
            attributes.iter().enumerate().find(|(_, attribute)| attribute.type_name == attribute_type);
        if let Some((place, attribute)) = found {
            hashes.push((name.to_owned(), attribute.value.to_ascii_lowercase()));
            whole.used.insert(place);
        }
    }
    let mut sco = Sco::new("x509-certificate").hashes(&hashes);
    for (relation, property) in
        [("serial-number", "serial_number"), ("issuer", "issuer"), ("subject", "subject")]
    {
        if let Some((place, attribute)) = find(attributes, &[relation]) {
            sco = sco.text(property, &attribute.value);
            let mut comparison = format!("x509-certificate:{property} = ");
            quote(&attribute.value, &mut comparison);
            whole.comparisons.insert(place, comparison);
            whole.used.insert(place);
        }
    }
    if !sco.is_empty() {
        whole.scos.push(sco);
    }
    whole
}

fn registry_key(attributes: &[Attribute<'_>]) -> Whole {
    let mut whole = Whole { all_needed: true, ..Whole::default() };
    let Some((place, attribute)) = find(attributes, &["key"]) else { return Whole::default() };
    let Home::Facts(facts) = home("regkey", &attribute.value) else { return Whole::default() };
    whole.used.insert(place);
    let mut entry = Vec::new();
    for (relation, property) in [("name", "name"), ("data", "data"), ("data-type", "data_type")] {
        if let Some((place, attribute)) = find(attributes, &[relation]) {
            let mut member = format!("\"{property}\":");
            json::write_string(&attribute.value, &mut member);
            entry.push(member);
            let mut comparison = format!("windows-registry-key:values[*].{property} = ");
            quote(&attribute.value, &mut comparison);
            whole.comparisons.insert(place, comparison);
            whole.used.insert(place);
        }
    }
    whole.scos = facts
        .scos
        .into_iter()
        .map(
            |sco| {
                if entry.is_empty() { sco } else { sco.raw("values", format!("[{{{}}}]", entry.join(","))) }
            },
        )
        .collect();
    whole
}
