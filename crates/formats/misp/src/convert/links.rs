//! What hangs on the things of an event: references, clusters, sightings.

use json::Value;
use model::{Severity, StixId, Timestamp};
use stix::build::ObjectBuilder;

use super::write::{Common, short};
use super::{Converter, Scope, own_id};
use crate::attribute::Attribute;
use crate::document::{list, text};
use crate::galaxy::{Cluster, clusters, reference};
use crate::label::Stated;
use crate::when;

/// An object reference whose target may come later.
pub(super) struct Pending {
    pub(super) source: StixId,
    pub(super) target_uuid: String,
    pub(super) relation: String,
    pub(super) comment: Option<String>,
    pub(super) uuid: String,
    pub(super) at: Timestamp,
    pub(super) stated: Stated,
    pub(super) revoked: bool,
    pub(super) pointer: String,
}

impl Converter {
    /// Clusters and sightings of an attribute or object.
    pub(super) fn attached(
        &mut self,
        scope: &mut Scope,
        id: &StixId,
        json: Value<'_>,
        pointer: &str,
        stated: Stated,
    ) {
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

    pub(super) fn cluster(&mut self, scope: &mut Scope, cluster: &Cluster, stated: Stated) -> Option<StixId> {
        let (id, json) = cluster.object(&scope.creator)?;
        if !self.emitted.contains(&id) {
            self.emit(&id, json, stated, "");
        }
        scope.refs.push(id.clone());
        Some(id)
    }

    pub(super) fn resolves(
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

    pub(super) fn relationships(&mut self, scope: &mut Scope) {
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
    pub(super) fn relationship(
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
}

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
