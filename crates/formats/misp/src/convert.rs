//! One document of events into STIX 2.1 objects.

mod attributes;
mod links;
mod objects;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use json::Value;
use model::{Finding, Label, Severity, StixId, Timestamp, Uuid};
use stix::build::ObjectBuilder;

use crate::attribute::{Attribute, Times};
use crate::document::{events, flag, list, text};
use crate::galaxy::{UNDATED, clusters, reference};
use crate::label::Stated;
use crate::sco::Sco;
use crate::when;
use links::Pending;
use write::{Common, labels, tags};

/// Namespace of ids made from MISP's. Never change it: ids of earlier imports rest on it.
const NAMESPACE: uuid::Uuid = uuid::Uuid::from_u128(0x5e1d_0a11_3f0c_4b6b_8a57_90d4_2c1e_77ab);

/// Findings kept; beyond this they are only counted.
const MAX_FINDINGS: usize = 2000;

/// What the conversion must be told.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The instant of import. It is written nowhere: it only decides which stated instants lie in the future.
    pub now: Timestamp,
}

/// One object made from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// STIX 2.1 JSON text.
    pub json: String,
    /// The widest label MISP's words allow; `None` when they say nothing. To be met with the label that the markings
    /// or the source's default give: it never widens.
    pub label: Option<Label>,
}

/// What a document came to.
#[derive(Debug, Clone, Default)]
pub struct Converted {
    /// Every object once: cyber-observables first, then what refers to them.
    pub objects: Vec<Object>,
    /// What was doubted, changed or left out, with pointers into the document.
    pub findings: Vec<Finding>,
    /// Number of events.
    pub events: usize,
}

/// Converts every event of a document.
///
/// Deterministic: the same document gives the same objects, so importing again changes nothing.
#[must_use]
pub fn to_stix(document: Value<'_>, context: &Context) -> Converted {
    let mut converter = Converter::default();
    let found = events(document);
    if found.is_empty() {
        converter.note(
            Severity::Error,
            "misp/event",
            "",
            "no MISP event found: an event has `uuid` and `info`".to_owned(),
        );
    }
    let count = found.len();
    for (pointer, event) in found {
        converter.event(event, &pointer, context.now);
    }
    converter.finish(count)
}

/// An id of ours over parts that name the thing.
pub(crate) fn own_id(type_name: &str, parts: &[&str]) -> StixId {
    let mut name = String::from(type_name);
    for part in parts {
        name.push('\u{0}');
        name.push_str(part);
    }
    StixId::new(type_name, Uuid(*uuid::Uuid::new_v5(&NAMESPACE, name.as_bytes()).as_bytes()))
}

#[derive(Default)]
struct Converter {
    findings: Vec<Finding>,
    objects: Vec<Object>,
    emitted: BTreeSet<StixId>,
    observables: BTreeMap<StixId, (Sco, Stated)>,
}

/// One event while it is converted.
struct Scope {
    times: Times,
    uuid: String,
    creator: StixId,
    /// The report or grouping.
    report: StixId,
    stated: Stated,
    /// The event's last change. No version of what is made from it is older: its tags and distribution change the
    /// markings of all of it.
    modified: Timestamp,
    /// What the report refers to.
    refs: Refs,
    /// MISP UUID to the object that stands for it.
    stands: BTreeMap<String, StixId>,
    /// External references of the report.
    links: Vec<String>,
    pending: Vec<Pending>,
}

/// Distinct ids in order of arrival.
#[derive(Default)]
struct Refs {
    order: Vec<StixId>,
    seen: BTreeSet<StixId>,
}

impl Refs {
    fn push(&mut self, id: StixId) {
        if self.seen.insert(id.clone()) {
            self.order.push(id);
        }
    }
}

impl Converter {
    fn note(&mut self, severity: Severity, rule: &'static str, pointer: &str, message: String) {
        self.findings.push(Finding::new(severity, rule, pointer, message));
    }

    /// Adds an object once; a second one with its id is a finding.
    fn emit(&mut self, id: &StixId, json: String, stated: Stated, pointer: &str) -> bool {
        if !self.emitted.insert(id.clone()) {
            let message = "the UUID occurs twice; the second is left out".to_owned();
            self.note(Severity::Warning, "misp/uuid-twice", pointer, message);
            return false;
        }
        self.objects.push(Object { json, label: stated.label });
        true
    }

    fn finish(mut self, events: usize) -> Converted {
        let observables = std::mem::take(&mut self.observables);
        let mut objects: Vec<Object> = observables
            .into_iter()
            .map(|(id, (sco, stated))| Object {
                json: sco.render(Some(&id), stated.marking().as_ref()),
                label: stated.label,
            })
            .collect();
        objects.append(&mut self.objects);
        let beyond = self.findings.len().saturating_sub(MAX_FINDINGS);
        self.findings.truncate(MAX_FINDINGS);
        if beyond > 0 {
            self.note(
                Severity::Warning,
                "misp/findings",
                "",
                format!("{beyond} further findings are not listed"),
            );
        }
        Converted { objects, findings: self.findings, events }
    }

    fn event(&mut self, event: Value<'_>, pointer: &str, now: Timestamp) {
        let uuid = text(event, "uuid").unwrap_or_default().to_ascii_lowercase();
        let created = self.created(event, pointer, now);
        let times = Times { created, now };
        let modified = times.changed(event, pointer, &mut self.findings);
        let stated = Stated::read(event, pointer, &mut self.findings);
        let creator = self.creator(event, stated);
        let published = flag(event, "published");
        let report = own_id(if published { "report" } else { "grouping" }, &["event", &uuid]);
        let mut scope = Scope {
            times,
            uuid,
            creator,
            report,
            stated,
            modified,
            refs: Refs::default(),
            stands: BTreeMap::new(),
            links: Vec::new(),
            pending: Vec::new(),
        };
        for (pointer, json) in list(event, "Attribute", pointer) {
            if let Some(attribute) = Attribute::read(json, pointer, times, stated, &mut self.findings) {
                self.attribute(&mut scope, &attribute);
            }
        }
        for (pointer, object) in list(event, "Object", pointer) {
            self.object(&mut scope, object, &pointer);
        }
        for (pointer, report) in list(event, "EventReport", pointer) {
            self.event_report(&mut scope, report, &pointer);
        }
        for cluster in clusters(event, pointer) {
            self.cluster(&mut scope, &cluster, stated);
        }
        self.relationships(&mut scope);
        self.left_out(event, pointer);
        self.report(&scope, event, pointer, published);
    }

    /// The event's date, which does not change with its versions.
    fn created(&mut self, event: Value<'_>, pointer: &str, now: Timestamp) -> Timestamp {
        let written = text(event, "date").unwrap_or_default();
        match when::from_date(&written).filter(|date| *date <= now.plus_micros(86_400_000_000)) {
            Some(date) => date,
            None => {
                let message = format!("`{written}` is no believable date; 1970-01-01 stands in for it");
                self.note(Severity::Warning, "misp/date", &format!("{pointer}/date"), message);
                Timestamp::EPOCH
            }
        }
    }

    /// The organisation that made the event. Its content is a function of what is in its id.
    fn creator(&mut self, event: Value<'_>, stated: Stated) -> StixId {
        let org = event.get("Orgc").or_else(|| event.get("Org"));
        let name = org.and_then(|org| text(org, "name")).unwrap_or_else(|| "unknown organisation".to_owned());
        let uuid = org.and_then(|org| text(org, "uuid")).unwrap_or_default().to_ascii_lowercase();
        let id = own_id("identity", &["org", &uuid, &name]);
        if !self.emitted.contains(&id) {
            let mut builder = ObjectBuilder::versioned(&id, UNDATED, UNDATED)
                .string("name", &name)
                .string("identity_class", "organization");
            if !uuid.is_empty() {
                builder = builder.raw(
                    "external_references",
                    &format!("[{}]", reference("misp-org", "external_id", &uuid)),
                );
            }
            self.emit(&id, builder.finish(), stated, "");
        }
        id
    }

    /// Takes in cyber-observables; their ids place by place, equal ones repeated.
    fn observe(&mut self, scope: &mut Scope, scos: Vec<Sco>, stated: Stated, revoked: bool) -> Vec<StixId> {
        let mut ids = Vec::with_capacity(scos.len());
        for sco in scos {
            let id = sco.id();
            match self.observables.get_mut(&id) {
                // Said twice: the object holds everything said, at the narrower label.
                Some((present, label)) => {
                    present.merge(sco);
                    *label = label.meet(stated);
                }
                None => {
                    self.observables.insert(id.clone(), (sco, stated));
                }
            }
            if !revoked {
                scope.refs.push(id.clone());
            }
            ids.push(id);
        }
        ids
    }

    fn event_report(&mut self, scope: &mut Scope, json: Value<'_>, pointer: &str) {
        let (Some(uuid), Some(content)) = (text(json, "uuid"), text(json, "content")) else {
            self.note(
                Severity::Note,
                "misp/event-report",
                pointer,
                "a report without `uuid` or `content` is left out".to_owned(),
            );
            return;
        };
        let id = own_id("note", &["report", &uuid.to_ascii_lowercase()]);
        let stated = scope.stated.meet(Stated::read(json, pointer, &mut self.findings));
        let at = scope.times.changed(json, pointer, &mut self.findings);
        let revoked = flag(json, "deleted");
        let common = Common {
            scope,
            at,
            stated,
            labels: labels(json, &[("type", "event-report")]),
            origin: ("misp-event-report", &uuid),
            revoked,
        };
        let name = text(json, "name").unwrap_or_else(|| "report".to_owned());
        let builder = common
            .start(&id)
            .string("abstract", &name)
            .string("content", &content)
            .strings("object_refs", &[scope.report.as_str()]);
        let json = common.finish(builder, &[]);
        if self.emit(&id, json, stated, pointer) && !revoked {
            scope.refs.push(id);
        }
    }

    /// Says what of an event has no place.
    fn left_out(&mut self, event: Value<'_>, pointer: &str) {
        for (member, what) in [
            ("ShadowAttribute", "proposals by others are not part of the event"),
            ("RelatedEvent", "correlations of the sender's server"),
            ("CryptographicKey", "signatures over the event's MISP form"),
        ] {
            let count = event.get(member).map_or(0, |list| list.items().count());
            if count > 0 {
                self.note(
                    Severity::Note,
                    "misp/left-out",
                    &format!("{pointer}/{member}"),
                    format!("{count} left out: {what}"),
                );
            }
        }
        if text(event, "event_creator_email").is_some() {
            let message = "a person's e-mail address is left out".to_owned();
            self.note(Severity::Note, "misp/left-out", &format!("{pointer}/event_creator_email"), message);
        }
        for (key, _) in event.entries() {
            let Some(key) = key.as_str().filter(|key| !KNOWN_MEMBERS.contains(&key.as_ref())) else {
                continue;
            };
            let message = format!("`{key}` is not a known member of an event and is left out");
            self.note(
                Severity::Note,
                "misp/left-out",
                &format!("{pointer}/{}", json::escape_pointer(&key)),
                message,
            );
        }
    }

    fn report(&mut self, scope: &Scope, event: Value<'_>, pointer: &str, published: bool) {
        let mut labels: Vec<String> = Vec::new();
        for (member, name) in [("threat_level_id", "threat-level"), ("analysis", "analysis")] {
            labels.extend(text(event, member).map(|value| format!("misp:{name}=\"{value}\"")));
        }
        labels.extend(tags(event));
        let stated = scope.stated;
        let common = Common {
            scope,
            at: scope.modified,
            stated,
            labels,
            origin: ("misp-event", &scope.uuid),
            revoked: false,
        };
        let mut builder = common
            .start(&scope.report)
            .string("name", &text(event, "info").unwrap_or_else(|| "MISP event".to_owned()));
        if published {
            let at = text(event, "publish_timestamp")
                .as_deref()
                .and_then(when::from_epoch)
                .filter(|at| *at <= scope.times.now);
            builder = builder
                .strings("report_types", &["threat-report"])
                .string("published", &at.unwrap_or(scope.modified).max(scope.times.created).to_string());
        } else {
            builder = builder.string("context", "unspecified");
        }
        // An event without content still says who made it.
        let refs = match scope.refs.order.as_slice() {
            [] => std::slice::from_ref(&scope.creator),
            refs => refs,
        };
        let refs: Vec<&str> = refs.iter().map(StixId::as_str).collect();
        builder = builder.strings("object_refs", &refs);
        let mut external = scope.links.clone();
        external.extend(
            text(event, "extends_uuid").map(|uuid| reference("misp-event-extended", "external_id", &uuid)),
        );
        let json = common.finish(builder, &external);
        self.emit(&scope.report, json, stated, pointer);
    }
}

/// Members of an event that are read, or are about the sender's database only.
const KNOWN_MEMBERS: [&str; 31] = [
    "Attribute",
    "CryptographicKey",
    "EventReport",
    "Galaxy",
    "Object",
    "Org",
    "Orgc",
    "RelatedEvent",
    "ShadowAttribute",
    "SharingGroup",
    "Tag",
    "analysis",
    "attribute_count",
    "date",
    "disable_correlation",
    "distribution",
    "event_creator_email",
    "extends_uuid",
    "id",
    "info",
    "locked",
    "org_id",
    "orgc_id",
    "proposal_email_lock",
    "protected",
    "publish_timestamp",
    "published",
    "sharing_group_id",
    "threat_level_id",
    "timestamp",
    "uuid",
];
