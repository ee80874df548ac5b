//! Writing the objects of an event: what they have in common, and MISP's words as labels.

use json::Value;
use model::{StixId, Timestamp};
use stix::build::ObjectBuilder;

use super::Scope;
use crate::document::{list, text};
use crate::galaxy::{Cluster, galaxy_tag, reference};
use crate::label::{Stated, tlp};

/// What indicators, observed data, notes and named objects of an event have in common.
pub(super) struct Common<'a> {
    pub(super) scope: &'a Scope,
    /// The original's own last change.
    pub(super) at: Timestamp,
    pub(super) stated: Stated,
    pub(super) labels: Vec<String>,
    /// Source name and id of the MISP original.
    pub(super) origin: (&'a str, &'a str),
    pub(super) revoked: bool,
}

impl Common<'_> {
    pub(super) fn start(&self, id: &StixId) -> ObjectBuilder {
        ObjectBuilder::versioned(id, self.scope.times.created, self.scope.modified.max(self.at))
            .string("created_by_ref", self.scope.creator.as_str())
    }

    pub(super) fn finish(&self, mut builder: ObjectBuilder, external: &[String]) -> String {
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

/// Tags that are neither TLP nor galaxy: those live elsewhere. A galaxy that is no domain object stays a tag.
pub(super) fn tags(value: Value<'_>) -> impl Iterator<Item = String> {
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
pub(super) fn labels(value: Value<'_>, words: &[(&str, &str)]) -> Vec<String> {
    words.iter().map(|(name, word)| format!("misp:{name}=\"{word}\"")).chain(tags(value)).collect()
}

pub(super) fn indicator(
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

pub(super) fn observed(
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
pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
