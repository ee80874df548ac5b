//! STIX objects as one MISP event.
//!
//! Indicators become attributes with `to_ids`, one per value their pattern asks for; a pattern that is more than one
//! value is also kept whole as `stix2-pattern`. Cyber-observables become attributes without it, domain objects galaxy
//! tags, notes text. The event is for its owner only (`distribution` 0): whoever imports it widens it knowingly. Labels
//! become `tlp:` tags, on each attribute and, at the narrowest, on the event.

use std::collections::BTreeMap;

use json::{Value, write_string};
use model::{Finding, Label, Severity, StixId, Timestamp, Tlp, Uuid};
use observable::{Kind, from_pattern_term};

use crate::convert::own_id;
use crate::document::text;

/// One value that an indicator's pattern asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// STIX object type, such as `file`.
    pub object_type: String,
    /// Property path, such as `hashes.SHA-256`.
    pub path: String,
    /// The value.
    pub value: String,
}

/// An object to export, with its pattern's terms if it is an indicator.
#[derive(Debug, Clone)]
pub struct Exported<'a> {
    /// A STIX 2.1 object.
    pub object: Value<'a>,
    /// What its pattern asks for; empty for other types.
    pub terms: Vec<Term>,
    /// Its effective label: markings, overlay and default taken together.
    pub label: Label,
}

/// What an event needs that the objects may not say.
#[derive(Debug, Clone)]
pub struct ExportContext {
    /// The event's UUID, unless a report among the objects came from MISP and has one.
    pub uuid: Uuid,
    /// The event's title, unless a report or grouping among the objects has a name.
    pub info: String,
    /// The exporting organisation's name.
    pub org_name: String,
    /// The exporting organisation's UUID.
    pub org_uuid: Uuid,
    /// The instant of export: date and timestamp of the event, unless the report has its own.
    pub now: Timestamp,
}

/// Writes one MISP event, `{"Event": …}`. What has no place in it is a finding with the object's id.
#[must_use]
pub fn from_stix(objects: &[Exported<'_>], context: &ExportContext) -> (String, Vec<Finding>) {
    let mut export = Export::default();
    for exported in objects {
        export.object(exported);
    }
    export.finish(context)
}

/// One attribute to write.
struct Row {
    uuid: Uuid,
    attribute_type: &'static str,
    category: &'static str,
    value: String,
    to_ids: bool,
    comment: String,
    timestamp: Option<Timestamp>,
    tags: Vec<String>,
}

/// What the first report or grouping says of the event.
#[derive(Default)]
struct Report {
    uuid: Option<Uuid>,
    info: Option<String>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

#[derive(Default)]
struct Export {
    rows: BTreeMap<Uuid, Row>,
    /// In order of arrival.
    order: Vec<Uuid>,
    tags: Vec<String>,
    narrowest: Option<Tlp>,
    report: Option<Report>,
    left_out: Vec<Finding>,
}

impl Export {
    fn object(&mut self, exported: &Exported<'_>) {
        let object = exported.object;
        let (Some(id), Some(type_name)) =
            (text(object, "id").and_then(|id| id.parse::<StixId>().ok()), text(object, "type"))
        else {
            let message = "an object without a valid `id` and `type` is left out".to_owned();
            self.left_out.push(Finding::new(Severity::Error, "misp-export/object", "", message));
            return;
        };
        // Own-organisation has no TLP, so RED stands in for it.
        let tlp = match exported.label {
            Label::Tlp(tlp) => tlp,
            Label::OwnOnly => Tlp::Red,
        };
        match type_name.as_str() {
            "report" | "grouping" => {
                let instant = |member| text(object, member).and_then(|text| text.parse().ok());
                self.report.get_or_insert_with(|| Report {
                    uuid: origin(object, "misp-event"),
                    info: text(object, "name"),
                    created: instant("created"),
                    modified: instant("modified"),
                });
            }
            "indicator" => self.indicator(&id, object, &exported.terms, tlp),
            "note" => {
                let content = text(object, "content").unwrap_or_default();
                self.row(&id, object, 0, ("comment", "Other", content, false), tlp);
            }
            "vulnerability" => self.named(&id, object, ("vulnerability", "External analysis"), tlp),
            "campaign" => self.named(&id, object, ("campaign-name", "Attribution"), tlp),
            "attack-pattern" | "intrusion-set" | "threat-actor" | "malware" | "tool" | "course-of-action" => {
                self.tags.extend(galaxy(object, &type_name));
            }
            // Containers and authorship: what they hold is exported by itself.
            "observed-data" | "identity" | "marking-definition" => return,
            _ => {
                let values = values(object, &type_name);
                if values.is_empty() {
                    self.no_place(&id, &type_name);
                    return;
                }
                for (index, (attribute_type, value)) in values.into_iter().enumerate() {
                    self.row(
                        &id,
                        object,
                        index,
                        (attribute_type, category(attribute_type), value, false),
                        tlp,
                    );
                }
            }
        }
        self.narrowest = Some(self.narrowest.map_or(tlp, |present| present.min(tlp)));
    }

    fn no_place(&mut self, id: &StixId, type_name: &str) {
        let message = format!("`{id}` is left out: a MISP event has no place for a {type_name}");
        self.left_out.push(Finding::new(Severity::Note, "misp-export/no-place", "", message));
    }

    fn indicator(&mut self, id: &StixId, object: Value<'_>, terms: &[Term], tlp: Tlp) {
        let pattern = text(object, "pattern").unwrap_or_default();
        let rule = match text(object, "pattern_type").as_deref() {
            Some("yara") => Some("yara"),
            Some("sigma") => Some("sigma"),
            Some("snort" | "suricata") => Some("snort"),
            Some("stix") => None,
            _ => {
                self.no_place(id, "pattern of this type");
                return;
            }
        };
        if let Some(rule) = rule {
            self.row(id, object, 0, (rule, "Payload installation", pattern, true), tlp);
            return;
        }
        let mut values: Vec<(&'static str, String)> = endpoint(terms).into_iter().collect();
        if values.is_empty() {
            values.extend(terms.iter().filter_map(attribute));
        }
        let whole = terms.len() == 1 && values.len() == 1;
        for (index, (attribute_type, value)) in values.iter().enumerate() {
            self.row(id, object, index, (attribute_type, category(attribute_type), value.clone(), true), tlp);
        }
        if !whole {
            let index = values.len();
            self.row(id, object, index, ("stix2-pattern", "Payload installation", pattern, true), tlp);
        }
    }

    fn named(
        &mut self,
        id: &StixId,
        object: Value<'_>,
        (attribute_type, category): (&'static str, &'static str),
        tlp: Tlp,
    ) {
        let name = text(object, "name").unwrap_or_default();
        self.row(id, object, 0, (attribute_type, category, name, false), tlp);
    }

    /// The first attribute of an object keeps its MISP UUID, or takes the object's.
    fn row(
        &mut self,
        id: &StixId,
        object: Value<'_>,
        index: usize,
        (attribute_type, category, value, to_ids): (&'static str, &'static str, String, bool),
        tlp: Tlp,
    ) {
        if value.is_empty() {
            return;
        }
        let first = origin(object, "misp-attribute").unwrap_or_else(|| id.uuid());
        let uuid = match index {
            // Two types may share a UUID in STIX, not in MISP.
            0 if !self.rows.contains_key(&first) => first,
            _ => own_id("attribute", &[id.as_str(), &index.to_string()]).uuid(),
        };
        let comment =
            text(object, "description").or_else(|| text(object, "x_misp_comment")).unwrap_or_default();
        let timestamp = text(object, "modified").and_then(|text| text.parse().ok());
        let tags = vec![format!("tlp:{tlp}")];
        let row = Row { uuid, attribute_type, category, value, to_ids, comment, timestamp, tags };
        if self.rows.insert(uuid, row).is_none() {
            self.order.push(uuid);
        }
    }

    fn finish(mut self, context: &ExportContext) -> (String, Vec<Finding>) {
        let Report { uuid, info, created, modified } = self.report.take().unwrap_or_default();
        let uuid = uuid.unwrap_or(context.uuid);
        let created = created.unwrap_or(context.now).to_string();
        let mut tags = std::mem::take(&mut self.tags);
        tags.extend(self.narrowest.map(|tlp| format!("tlp:{tlp}")));
        tags.sort();
        tags.dedup();
        let mut out = Json::new();
        out.text("uuid", &uuid.to_string());
        out.text("info", &info.unwrap_or_else(|| context.info.clone()));
        out.text("date", created.get(..10).unwrap_or_default());
        out.text("timestamp", &seconds(modified.unwrap_or(context.now)));
        out.text("distribution", "0");
        out.text("threat_level_id", "4");
        out.text("analysis", "2");
        out.raw("published", "false");
        let mut org = Json::new();
        org.text("name", &context.org_name);
        org.text("uuid", &context.org_uuid.to_string());
        out.raw("Orgc", &org.finish());
        out.raw("Tag", &tag_list(&tags));
        let rows: Vec<String> = self
            .order
            .iter()
            .filter_map(|uuid| self.rows.get(uuid))
            .map(|row| {
                let mut out = Json::new();
                out.text("uuid", &row.uuid.to_string());
                out.text("type", row.attribute_type);
                out.text("category", row.category);
                out.text("value", &row.value);
                out.raw("to_ids", if row.to_ids { "true" } else { "false" });
                out.text("distribution", "5");
                out.text("timestamp", &seconds(row.timestamp.unwrap_or(context.now)));
                out.text("comment", &row.comment);
                out.raw("Tag", &tag_list(&row.tags));
                out.finish()
            })
            .collect();
        out.raw("Attribute", &format!("[{}]", rows.join(",")));
        (format!("{{\"Event\":{}}}", out.finish()), self.left_out)
    }
}

fn seconds(instant: Timestamp) -> String {
    instant.as_micros().div_euclid(1_000_000).max(0).to_string()
}

fn tag_list(tags: &[String]) -> String {
    let tags: Vec<String> = tags
        .iter()
        .map(|tag| {
            let mut out = Json::new();
            out.text("name", tag);
            out.finish()
        })
        .collect();
    format!("[{}]", tags.join(","))
}

/// The UUID an object had in MISP.
fn origin(object: Value<'_>, source: &str) -> Option<Uuid> {
    object
        .get("external_references")?
        .items()
        .find(|reference| text(*reference, "source_name").as_deref() == Some(source))
        .and_then(|reference| text(reference, "external_id")?.parse().ok())
}

/// The galaxy tag an object came from, or one that names it.
fn galaxy(object: Value<'_>, type_name: &str) -> Option<String> {
    let references = || object.get("external_references").into_iter().flat_map(|list| list.items());
    let by_source = |source: &str| {
        references()
            .filter(|reference| text(*reference, "source_name").as_deref() == Some(source))
            .find_map(|reference| text(reference, "external_id"))
    };
    if let Some(tag) = by_source("misp-galaxy") {
        return Some(tag);
    }
    let name = text(object, "name")?.replace('"', "'");
    Some(match (type_name, by_source("mitre-attack")) {
        ("threat-actor", _) => format!("misp-galaxy:threat-actor=\"{name}\""),
        (_, Some(id)) => format!("misp-galaxy:mitre-{type_name}=\"{name} - {id}\""),
        _ => format!("misp-galaxy:{type_name}=\"{name}\""),
    })
}

/// Host and port of a pattern about one endpoint.
fn endpoint(terms: &[Term]) -> Option<(&'static str, String)> {
    let find =
        |path: &str| terms.iter().find(|term| term.object_type == "network-traffic" && term.path == path);
    let (host, port, address) = match (find("dst_ref.value"), find("src_ref.value")) {
        (Some(host), None) => (host, find("dst_port")?, "ip-dst|port"),
        (None, Some(host)) => (host, find("src_port")?, "ip-src|port"),
        _ => return None,
    };
    let others = terms.iter().filter(|term| !term.path.ends_with("_ref.type")).count();
    let observable = from_pattern_term(&host.object_type, &host.path, &host.value)?;
    let attribute_type = if observable.kind() == Kind::Domain { "hostname|port" } else { address };
    (others == 2).then(|| (attribute_type, format!("{observable}|{}", port.value)))
}

/// The attribute of one term.
fn attribute(term: &Term) -> Option<(&'static str, String)> {
    if let Some(observable) = from_pattern_term(&term.object_type, &term.path, &term.value) {
        return Some((attribute_type(observable.kind())?, term.value.clone()));
    }
    match (term.object_type.as_str(), term.path.as_str()) {
        ("email-message", "subject") => Some(("email-subject", term.value.clone())),
        ("network-traffic", "dst_port" | "src_port") => Some(("port", term.value.clone())),
        _ => None,
    }
}

/// The attributes of a cyber-observable.
fn values(object: Value<'_>, type_name: &str) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    let mut add = |path: &str, value: Option<String>| {
        let term =
            value.map(|value| Term { object_type: type_name.to_owned(), path: path.to_owned(), value });
        values.extend(term.as_ref().and_then(attribute));
    };
    for property in ["value", "name", "key", "number", "serial_number", "subject"] {
        add(property, text(object, property));
    }
    for (name, value) in object.get("hashes").into_iter().flat_map(|hashes| hashes.entries()) {
        let path = format!("hashes.{}", name.as_str().unwrap_or_default());
        add(&path, value.as_str().map(std::borrow::Cow::into_owned));
    }
    values
}

const fn attribute_type(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => "ip-dst",
        Kind::Domain => "domain",
        Kind::Url => "url",
        Kind::HttpTarget => "uri",
        Kind::Email => "email",
        Kind::Md5 => "md5",
        Kind::Sha1 => "sha1",
        Kind::Sha224 => "sha224",
        Kind::Sha256 => "sha256",
        Kind::Sha384 => "sha384",
        Kind::Sha512 => "sha512",
        Kind::Sha3V256 => "sha3-256",
        Kind::Sha3V512 => "sha3-512",
        Kind::Ssdeep => "ssdeep",
        Kind::Tlsh => "tlsh",
        Kind::Imphash => "imphash",
        Kind::CertMd5 => "x509-fingerprint-md5",
        Kind::CertSha1 => "x509-fingerprint-sha1",
        Kind::CertSha256 => "x509-fingerprint-sha256",
        Kind::RegistryKey => "regkey",
        Kind::Mutex => "mutex",
        Kind::UserAgent => "user-agent",
        Kind::Ja3 => "ja3-fingerprint-md5",
        Kind::Jarm => "jarm-fingerprint",
        Kind::Asn => "AS",
        Kind::Mac => "mac-address",
        Kind::FileName => "filename",
        Kind::DomainSuffix | Kind::CertSerial | Kind::Ja3s | Kind::Ja4 => return None,
    })
}

/// A category that MISP allows for the type.
fn category(attribute_type: &str) -> &'static str {
    match attribute_type {
        "regkey" => "Persistence mechanism",
        "mutex" => "Artifacts dropped",
        "ip-dst"
        | "ip-src"
        | "domain"
        | "url"
        | "uri"
        | "user-agent"
        | "ja3-fingerprint-md5"
        | "jarm-fingerprint"
        | "AS"
        | "port"
        | "mac-address"
        | "email"
        | "ip-dst|port"
        | "ip-src|port"
        | "hostname|port" => "Network activity",
        "x509-fingerprint-md5" | "x509-fingerprint-sha1" | "x509-fingerprint-sha256" => "Network activity",
        _ => "Payload delivery",
    }
}

/// One JSON object being written.
struct Json(String);

impl Json {
    fn new() -> Self {
        Self("{".to_owned())
    }

    fn text(&mut self, name: &str, value: &str) {
        let mut raw = String::with_capacity(value.len() + 2);
        write_string(value, &mut raw);
        self.raw(name, &raw);
    }

    fn raw(&mut self, name: &str, raw: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        write_string(name, &mut self.0);
        self.0.push(':');
        self.0.push_str(raw);
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}
