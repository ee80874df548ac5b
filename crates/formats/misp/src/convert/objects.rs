//! What one MISP object of an event becomes.

use std::collections::BTreeSet;

use json::Value;
use model::{StixId, Timestamp};

use super::links::Pending;
use super::write::{Common, indicator, labels, observed, tags};
use super::{Converter, Scope, own_id};
use crate::attribute::Attribute;
use crate::document::{flag, list, text};
use crate::home::home;
use crate::label::Stated;
use crate::object::combine;

impl Converter {
    pub(super) fn object(&mut self, scope: &mut Scope, json: Value<'_>, pointer: &str) {
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
}

/// One attribute of an object in words: `relation (type): value`.
fn line(attribute: &Attribute<'_>) -> String {
    let relation = attribute.relation.as_deref().unwrap_or("value");
    let comment = attribute.comment.as_deref().map(|comment| format!(" — {comment}")).unwrap_or_default();
    format!("{relation} ({}): {}{comment}", attribute.type_name, attribute.value)
}
