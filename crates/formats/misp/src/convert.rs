//! One document of events into STIX 2.1 objects.

use std::collections::{BTreeMap, BTreeSet};

use json::{Value, write_string};
use model::{Finding, Label, Severity, StixId, Timestamp, Uuid};
use stix::build::ObjectBuilder;

use crate::attribute::{Attribute, Times};
use crate::document::{events, flag, list, text};
use crate::galaxy::{Cluster, UNDATED, clusters, galaxy_tag, reference};
use crate::home::{Facts, Home, home};
use crate::label::{Stated, tlp};
use crate::object::combine;
use crate::sco::Sco;
use crate::when;

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

/// An object reference whose target may come later.
struct Pending {
    source: StixId,
    target_uuid: String,
    relation: String,
    comment: Option<String>,
    uuid: String,
    at: Timestamp,
    stated: Stated,
    revoked: bool,
    pointer: String,
}

/// What indicators, observed data, notes and named objects of an event have in common.
struct Common<'a> {
    scope: &'a Scope,
    /// The original's own last change.
    at: Timestamp,
    stated: Stated,
    labels: Vec<String>,
    /// Source name and id of the MISP original.
    origin: (&'a str, &'a str),
    revoked: bool,
}

impl Common<'_> {
    fn start(&self, id: &StixId) -> ObjectBuilder {
        ObjectBuilder::versioned(id, self.scope.times.created, self.scope.modified.max(self.at))
            .string("created_by_ref", self.scope.creator.as_str())
    }

    fn finish(&self, mut builder: ObjectBuilder, external: &[String]) -> String {
        if self.revoked {
            builder = builder.raw("revoked", "true");
        }
        builder = builder.strings("labels", &self.labels);
        let origin = reference(self.origin.0, "external_id", self.origin.1);
        let references: Vec<&str> = external.iter().map(String::as_str).chain([origin.as_str()]).collect();
        builder = builder.raw("external_references", &format!("[{}]", references.join(",")));
        if let Some(marking) = self.stated.marking() {
            builder = builder.raw("object_marking_refs", &format!("[\"{marking}\"]"));
        }
        builder.finish()
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

    fn attribute(&mut self, scope: &mut Scope, attribute: &Attribute<'_>) {
        let mut labels = labels(attribute.json, &[("type", &attribute.type_name)]);
        labels.extend(attribute.category.iter().map(|category| format!("misp:category=\"{category}\"")));
        let (facts, name) = match home(&attribute.type_name, &attribute.value) {
            Home::Facts(facts) => (facts, attribute.value.as_str()),
            Home::Attachment => (self.attachment(attribute), attribute.value.as_str()),
            Home::Rule(pattern_type) => {
                let id = own_id("indicator", &["attribute", &attribute.uuid]);
                let name = format!("{} rule", attribute.type_name);
                let json =
                    self.indicator(scope, attribute, labels, &id, &name, (pattern_type, &attribute.value));
                self.stand(scope, &id, json, attribute);
                return;
            }
            Home::Link => {
                let mut link = String::from("{\"source_name\":\"misp-link\",");
                let member = if observable::normalise(observable::Kind::Url, &attribute.value).is_some() {
                    "url"
                } else {
                    "external_id"
                };
                link.push_str(&format!("\"{member}\":"));
                write_string(&attribute.value, &mut link);
                if let Some(comment) = &attribute.comment {
                    link.push_str(",\"description\":");
                    write_string(comment, &mut link);
                }
                link.push('}');
                if !attribute.deleted {
                    scope.links.push(link);
                }
                scope.stands.insert(attribute.uuid.clone(), scope.report.clone());
                return;
            }
            Home::Named(type_name) => {
                self.named(scope, attribute, labels, type_name);
                return;
            }
            home => {
                self.doubt(&home, attribute);
                match home {
                    Home::Reread(facts, _) => (facts, attribute.value.as_str()),
                    _ => (Facts::default(), ""),
                }
            }
        };
        if attribute.to_ids && !facts.comparison.is_empty() {
            let id = own_id("indicator", &["attribute", &attribute.uuid]);
            let pattern = format!("[{}]", facts.comparison);
            let json = self.indicator(scope, attribute, labels, &id, name, ("stix", &pattern));
            self.stand(scope, &id, json, attribute);
        } else if facts.scos.is_empty() {
            let id = own_id("note", &["attribute", &attribute.uuid]);
            let common = self.common(scope, attribute, labels);
            let mut content = attribute.value.clone();
            if let Some(comment) = &attribute.comment {
                content.push_str("\n\n");
                content.push_str(comment);
            }
            let builder = common
                .start(&id)
                .string("abstract", &format!("MISP {}", attribute.type_name))
                .string("content", &content)
                .strings("object_refs", &[scope.report.as_str()]);
            let json = common.finish(builder, &[]);
            self.stand(scope, &id, json, attribute);
        } else {
            let ids = self.observe(scope, facts.scos, attribute.stated, attribute.deleted);
            self.resolves(scope, &ids, facts.resolves, attribute);
            let id = own_id("observed-data", &["attribute", &attribute.uuid]);
            let common = self.common(scope, attribute, labels);
            let seen = (attribute.first_seen, attribute.last_seen);
            let builder = observed(common.start(&id), attribute.at, seen, &ids, attribute.comment.as_deref());
            let json = common.finish(builder, &[]);
            self.stand(scope, &id, json, attribute);
        }
    }

    fn common<'a>(&self, scope: &'a Scope, attribute: &'a Attribute<'_>, labels: Vec<String>) -> Common<'a> {
        Common {
            scope,
            at: attribute.at,
            stated: attribute.stated,
            labels,
            origin: ("misp-attribute", &attribute.uuid),
            revoked: attribute.deleted,
        }
    }

    fn indicator(
        &self,
        scope: &Scope,
        attribute: &Attribute<'_>,
        labels: Vec<String>,
        id: &StixId,
        name: &str,
        (pattern_type, pattern): (&str, &str),
    ) -> String {
        let common = self.common(scope, attribute, labels);
        let seen = (attribute.first_seen, attribute.last_seen);
        let builder = indicator(
            common.start(id),
            name,
            attribute.comment.as_deref(),
            (pattern_type, pattern),
            attribute.at,
            seen,
        );
        common.finish(builder, &[])
    }

    /// Emits what stands for an attribute, and hangs its clusters and sightings on it.
    fn stand(&mut self, scope: &mut Scope, id: &StixId, json: String, attribute: &Attribute<'_>) {
        if !self.emit(id, json, attribute.stated, &attribute.pointer) {
            return;
        }
        scope.stands.insert(attribute.uuid.clone(), id.clone());
        if !attribute.deleted {
            scope.refs.push(id.clone());
        }
        self.attached(scope, id, attribute.json, &attribute.pointer, attribute.stated);
    }

    /// Clusters and sightings of an attribute or object.
    fn attached(&mut self, scope: &mut Scope, id: &StixId, json: Value<'_>, pointer: &str, stated: Stated) {
        for cluster in clusters(json, pointer) {
            let Some(target) = self.cluster(scope, &cluster, stated) else { continue };
            let relation = match (id.type_name(), target.type_name()) {
                ("indicator", "course-of-action" | "vulnerability") => "related-to",
                ("indicator", _) => "indicates",
                _ => "related-to",
            };
            self.relationship(scope, (id, relation, &target), None, scope.times.created, stated, false);
        }
        for (pointer, sighting) in list(json, "Sighting", pointer) {
            self.sighting(scope, id, sighting, &pointer, stated);
        }
    }

    fn cluster(&mut self, scope: &mut Scope, cluster: &Cluster, stated: Stated) -> Option<StixId> {
        let (id, json) = cluster.object(&scope.creator)?;
        if !self.emitted.contains(&id) {
            self.emit(&id, json, stated, "");
        }
        scope.refs.push(id.clone());
        Some(id)
    }

    fn named(&mut self, scope: &mut Scope, attribute: &Attribute<'_>, labels: Vec<String>, type_name: &str) {
        let id = own_id(type_name, &["attribute", &attribute.uuid]);
        let common = self.common(scope, attribute, labels);
        let mut builder = common.start(&id).string("name", &attribute.value);
        if type_name == "malware" {
            builder = builder.raw("is_family", "true");
        }
        if let Some(comment) = &attribute.comment {
            builder = builder.string("description", comment);
        }
        let upper = attribute.value.to_ascii_uppercase();
        let external: Vec<String> =
            upper.starts_with("CVE-").then(|| reference("cve", "external_id", &upper)).into_iter().collect();
        let json = common.finish(builder, &external);
        self.stand(scope, &id, json, attribute);
    }

    /// The file behind an attachment, without its content: that may be live malware.
    fn attachment(&mut self, attribute: &Attribute<'_>) -> Facts {
        if attribute.json.get("data").is_some() {
            let message = format!(
                "the content of `{}` is left out; only its name and hash are kept",
                short(&attribute.value)
            );
            self.note(Severity::Warning, "misp/attachment", &format!("{}/data", attribute.pointer), message);
        }
        let kind = if attribute.value.contains('|') { "filename|md5" } else { "filename" };
        match home(kind, &attribute.value) {
            Home::Facts(facts) => facts,
            _ => Facts::default(),
        }
    }

    /// Says why an attribute does not become what its type promises.
    fn doubt(&mut self, home: &Home, attribute: &Attribute<'_>) {
        let (severity, rule, message) = match home {
            Home::Malformed => (
                Severity::Warning,
                "misp/attribute-value",
                format!("`{}` is no {}; kept as a note", short(&attribute.value), attribute.type_name),
            ),
            Home::Reread(_, kind) => (
                Severity::Note,
                "misp/attribute-kind",
                format!("`{}` is no {}; read as {kind}", short(&attribute.value), attribute.type_name),
            ),
            Home::Unknown => (
                Severity::Note,
                "misp/attribute-type",
                format!("`{}` is not a known attribute type; kept as a note", attribute.type_name),
            ),
            _ => return,
        };
        self.note(severity, rule, &format!("{}/value", attribute.pointer), message);
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

    fn resolves(
        &mut self,
        scope: &mut Scope,
        ids: &[StixId],
        pairs: impl IntoIterator<Item = (usize, usize)>,
        attribute: &Attribute<'_>,
    ) {
        for (name, address) in pairs {
            if let (Some(name), Some(address)) = (ids.get(name), ids.get(address)) {
                let link = (name, "resolves-to", address);
                self.relationship(scope, link, None, attribute.at, attribute.stated, attribute.deleted);
            }
        }
    }

    fn object(&mut self, scope: &mut Scope, json: Value<'_>, pointer: &str) {
        let name = text(json, "name").unwrap_or_else(|| "object".to_owned());
        let uuid = text(json, "uuid")
            .unwrap_or_else(|| format!("at {pointer} of {}", scope.uuid))
            .to_ascii_lowercase();
        let own = scope.stated.meet(Stated::read(json, pointer, &mut self.findings));
        let at = scope.times.changed(json, pointer, &mut self.findings);
        let seen = scope.times.seen_between(json, pointer, &mut self.findings);
        let deleted = flag(json, "deleted");
        let attributes: Vec<Attribute<'_>> = list(json, "Attribute", pointer)
            .into_iter()
            .filter_map(|(pointer, attribute)| {
                Attribute::read(attribute, pointer, scope.times, own, &mut self.findings)
            })
            .filter(|attribute| deleted || !attribute.deleted)
            .collect();
        // Put together they can be handed on only as far as the narrowest of them.
        let stated = attributes.iter().fold(own, |stated, attribute| stated.meet(attribute.stated));
        let at = attributes.iter().map(|attribute| attribute.at).fold(at, Timestamp::max);
        let combined = combine(&name, &attributes);
        for place in &combined.doubted {
            if let Some(attribute) = attributes.get(*place) {
                self.doubt(&home(&attribute.type_name, &attribute.value), attribute);
            }
        }
        let mut labels = labels(json, &[("name", &name)]);
        labels
            .extend(text(json, "meta-category").map(|category| format!("misp:meta-category=\"{category}\"")));
        let mut named: BTreeSet<String> = labels.iter().cloned().collect();
        labels.extend(
            attributes
                .iter()
                .flat_map(|attribute| tags(attribute.json))
                .filter(|tag| named.insert(tag.clone())),
        );
        let comment = text(json, "comment");
        let title = attributes
            .iter()
            .find(|attribute| attribute.to_ids)
            .or(attributes.first())
            .map_or(name.as_str(), |a| &a.value);
        let ids = self.observe(scope, combined.scos, stated, deleted);
        let common = |scope| Common {
            scope,
            at,
            stated,
            labels: labels.clone(),
            origin: ("misp-object", &uuid),
            revoked: deleted,
        };
        let mut made = Vec::new();
        if !combined.comparison.is_empty() {
            let id = own_id("indicator", &["object", &uuid]);
            let common = common(&*scope);
            let pattern = format!("[{}]", combined.comparison);
            let builder =
                indicator(common.start(&id), title, comment.as_deref(), ("stix", &pattern), at, seen);
            made.push((id, common.finish(builder, &[])));
        }
        if !ids.is_empty() && (combined.observed || made.is_empty()) {
            let id = own_id("observed-data", &["object", &uuid]);
            let common = common(&*scope);
            let builder = observed(common.start(&id), at, seen, &ids, comment.as_deref());
            made.push((id, common.finish(builder, &[])));
        }
        let mut lines: Vec<String> =
            combined.rest.iter().filter_map(|place| attributes.get(*place)).map(line).collect();
        if made.is_empty() || !lines.is_empty() {
            lines.extend(comment.filter(|_| made.is_empty()));
            if lines.is_empty() {
                lines.push(format!("an empty MISP object of template `{name}`"));
            }
            let id = own_id("note", &["object", &uuid]);
            let common = common(&*scope);
            let about = made.first().map_or(&scope.report, |(id, _)| id);
            let builder = common
                .start(&id)
                .string("abstract", &format!("MISP object {name}"))
                .string("content", &lines.join("\n"))
                .strings("object_refs", &[about.as_str()]);
            made.push((id, common.finish(builder, &[])));
        }
        let kinds: Vec<StixId> = made.iter().map(|(id, _)| id.clone()).collect();
        for (id, json) in made {
            if self.emit(&id, json, stated, pointer) && !deleted {
                scope.refs.push(id);
            }
        }
        let Some(main) = kinds.first() else { return };
        if let [first, second, ..] = kinds.as_slice()
            && (first.type_name(), second.type_name()) == ("indicator", "observed-data")
        {
            self.relationship(scope, (first, "based-on", second), None, at, stated, deleted);
        }
        for (name, address) in combined.resolves {
            if let (Some(name), Some(address)) = (ids.get(name), ids.get(address)) {
                self.relationship(scope, (name, "resolves-to", address), None, at, stated, deleted);
            }
        }
        scope.stands.insert(uuid.clone(), main.clone());
        self.attached(scope, main, json, pointer, stated);
        for attribute in &attributes {
            scope.stands.entry(attribute.uuid.clone()).or_insert_with(|| main.clone());
            self.attached(scope, main, attribute.json, &attribute.pointer, stated);
        }
        for (pointer, link) in list(json, "ObjectReference", pointer) {
            let at = scope.times.changed(link, &pointer, &mut self.findings);
            scope.pending.push(Pending {
                source: main.clone(),
                target_uuid: text(link, "referenced_uuid").unwrap_or_default().to_ascii_lowercase(),
                relation: text(link, "relationship_type").unwrap_or_else(|| "related-to".to_owned()),
                comment: text(link, "comment"),
                uuid: text(link, "uuid").unwrap_or_default(),
                at,
                stated,
                revoked: deleted || flag(link, "deleted"),
                pointer,
            });
        }
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

    fn relationships(&mut self, scope: &mut Scope) {
        for pending in std::mem::take(&mut scope.pending) {
            let Some(target) = scope.stands.get(&pending.target_uuid).cloned() else {
                let message = format!(
                    "nothing in this event has the UUID `{}`; the reference is left out",
                    short(&pending.target_uuid)
                );
                self.note(
                    Severity::Warning,
                    "misp/reference-dangling",
                    &format!("{}/referenced_uuid", pending.pointer),
                    message,
                );
                continue;
            };
            if target == pending.source {
                let message = "the reference leads from a thing to itself and is left out".to_owned();
                self.note(Severity::Note, "misp/reference-self", &pending.pointer, message);
                continue;
            }
            let relation = relation(&pending.relation);
            let mut words: Vec<&str> = Vec::new();
            if relation != pending.relation {
                words.push(&pending.relation);
            }
            words.extend(pending.comment.as_deref());
            let description = (!words.is_empty()).then(|| words.join(": "));
            let detail = description
                .as_deref()
                .map(|text| (text, pending.uuid.as_str()))
                .or(Some(("", &pending.uuid)));
            let link = (&pending.source, relation.as_str(), &target);
            self.relationship(scope, link, detail, pending.at, pending.stated, pending.revoked);
        }
    }

    /// One relationship; the same one said twice is one.
    fn relationship(
        &mut self,
        scope: &mut Scope,
        (source, relation, target): (&StixId, &str, &StixId),
        detail: Option<(&str, &str)>,
        at: Timestamp,
        stated: Stated,
        revoked: bool,
    ) {
        let id = own_id("relationship", &[&scope.uuid, source.as_str(), relation, target.as_str()]);
        if self.emitted.contains(&id) {
            return;
        }
        let mut builder = ObjectBuilder::versioned(&id, scope.times.created, scope.modified.max(at))
            .string("created_by_ref", scope.creator.as_str())
            .string("relationship_type", relation);
        if let Some((description, _)) = detail.filter(|(text, _)| !text.is_empty()) {
            builder = builder.string("description", description);
        }
        builder = builder.string("source_ref", source.as_str()).string("target_ref", target.as_str());
        if revoked {
            builder = builder.raw("revoked", "true");
        }
        if let Some((_, uuid)) = detail.filter(|(_, uuid)| !uuid.is_empty()) {
            builder = builder.raw(
                "external_references",
                &format!("[{}]", reference("misp-reference", "external_id", uuid)),
            );
        }
        if let Some(marking) = stated.marking() {
            builder = builder.raw("object_marking_refs", &format!("[\"{marking}\"]"));
        }
        self.emit(&id, builder.finish(), stated, "");
        if !revoked {
            scope.refs.push(id);
        }
    }

    /// Type 0 is a sighting, 1 a false positive (an opinion), 2 an expiration (a note).
    fn sighting(&mut self, scope: &mut Scope, of: &StixId, json: Value<'_>, pointer: &str, stated: Stated) {
        let at = text(json, "date_sighting")
            .as_deref()
            .and_then(when::from_epoch)
            .filter(|at| *at <= scope.times.now);
        let Some(at) = at else {
            self.note(
                Severity::Warning,
                "misp/sighting",
                pointer,
                "a sighting without a believable date is left out".to_owned(),
            );
            return;
        };
        let uuid = text(json, "uuid").unwrap_or_else(|| format!("{at} {of}"));
        let organisation = json.get("Organisation").and_then(|org| text(org, "name"));
        let who = organisation.clone().into_iter().chain(text(json, "source")).collect::<Vec<_>>().join(", ");
        let kind = text(json, "type").unwrap_or_else(|| "0".to_owned());
        let type_name = match kind.as_str() {
            "0" => "sighting",
            "1" => "opinion",
            _ => "note",
        };
        let id = own_id(type_name, &["sighting", &uuid]);
        let labels =
            if who.is_empty() { Vec::new() } else { vec![format!("misp:sighting-source=\"{who}\"")] };
        let common = Common { scope, at, stated, labels, origin: ("misp-sighting", &uuid), revoked: false };
        let builder = common.start(&id);
        let builder = match type_name {
            "sighting" => builder
                .string("first_seen", &at.to_string())
                .string("last_seen", &at.to_string())
                .raw("count", "1")
                .string("sighting_of_ref", of.as_str()),
            "opinion" => builder
                .string("explanation", "reported as a false positive")
                .string("opinion", "strongly-disagree")
                .strings("object_refs", &[of.as_str()]),
            _ => builder
                .string("abstract", "MISP expiration")
                .string("content", &format!("reported as no longer valid from {at}"))
                .strings("object_refs", &[of.as_str()]),
        };
        let json = common.finish(builder, &[]);
        if self.emit(&id, json, stated, pointer) {
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

/// A relationship type in STIX's alphabet (§5.1.1): lower-case letters, digits and hyphens.
fn relation(text: &str) -> String {
    let mapped: String = text
        .chars()
        .take(250)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let trimmed = mapped.trim_matches('-');
    if trimmed.is_empty() { "related-to".to_owned() } else { trimmed.to_owned() }
}

/// Tags that are neither TLP nor galaxy: those live elsewhere. A galaxy that is no domain object stays a tag.
fn tags(value: Value<'_>) -> impl Iterator<Item = String> {
    let kept = |name: &String| tlp(name).is_none() && (galaxy_tag(name).is_none() || !named_object(name));
    list(value, "Tag", "")
        .into_iter()
        .filter_map(|(_, tag)| text(tag, "name"))
        .filter(kept)
        .collect::<Vec<_>>()
        .into_iter()
}

fn named_object(tag: &str) -> bool {
    Cluster::from_tag(tag).is_some_and(|cluster| cluster.object_type().is_some())
}

/// MISP's own words as labels, then the tags.
fn labels(value: Value<'_>, words: &[(&str, &str)]) -> Vec<String> {
    words.iter().map(|(name, word)| format!("misp:{name}=\"{word}\"")).chain(tags(value)).collect()
}

/// One attribute of an object in words: `relation (type): value`.
fn line(attribute: &Attribute<'_>) -> String {
    let relation = attribute.relation.as_deref().unwrap_or("value");
    let comment = attribute.comment.as_deref().map(|comment| format!(" — {comment}")).unwrap_or_default();
    format!("{relation} ({}): {}{comment}", attribute.type_name, attribute.value)
}

fn indicator(
    builder: ObjectBuilder,
    name: &str,
    description: Option<&str>,
    (pattern_type, pattern): (&str, &str),
    at: Timestamp,
    (first_seen, last_seen): (Option<Timestamp>, Option<Timestamp>),
) -> ObjectBuilder {
    let mut builder = builder.string("name", name);
    if let Some(description) = description {
        builder = builder.string("description", description);
    }
    builder = builder
        .strings("indicator_types", &["malicious-activity"])
        .string("pattern", pattern)
        .string("pattern_type", pattern_type)
        .string("valid_from", &first_seen.unwrap_or(at).to_string());
    // Last seen is not "no longer valid": it would expire every indicator on arrival.
    match last_seen {
        Some(last) => builder.string("x_misp_last_seen", &last.to_string()),
        None => builder,
    }
}

fn observed(
    builder: ObjectBuilder,
    at: Timestamp,
    (first_seen, last_seen): (Option<Timestamp>, Option<Timestamp>),
    ids: &[StixId],
    comment: Option<&str>,
) -> ObjectBuilder {
    let first = first_seen.or(last_seen).unwrap_or(at);
    let mut refs: Vec<&str> = ids.iter().map(StixId::as_str).collect();
    refs.sort_unstable();
    refs.dedup();
    let builder = builder
        .string("first_observed", &first.to_string())
        .string("last_observed", &last_seen.unwrap_or(first).to_string())
        .raw("number_observed", "1")
        .strings("object_refs", &refs);
    match comment {
        Some(comment) => builder.string("x_misp_comment", comment),
        None => builder,
    }
}

/// Enough of a text to recognise it in a message.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
