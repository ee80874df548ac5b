//! Bundles (STIX 2.1 §8): objects in one envelope.

use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Value};
use model::{Finding, Severity, StixId, Timestamp};

use crate::check::Place;
use crate::schema::{self, TLP_MARKINGS, ValueType};
use crate::validate::{Checks, Valid, Walk, validate_at};

/// Checks a whole bundle: its envelope, every object, and what the objects say of each other.
///
/// The result has one entry per element of `objects`, `None` where that object violates a MUST. Pointers are
/// relative to the bundle (`/objects/3/name`). References that lead out of the bundle are notes: a bundle need
/// not be complete.
pub fn check<'a>(bundle: Value<'a>, checks: &Checks, findings: &mut Vec<Finding>) -> Vec<Option<Valid<'a>>> {
    check_envelope(bundle, checks, findings);
    let place = Place::ROOT.name("objects");
    if bundle.get("objects").is_some_and(|list| list.kind() == Kind::Array && list.items().next().is_none()) {
        let message = "an empty list must be left out".to_owned();
        Walk::new(bundle, checks, findings, None).error(&place, "2.12", "list-not-empty", message);
    }
    let objects: Vec<Option<Valid<'a>>> = bundle
        .get("objects")
        .into_iter()
        .flat_map(|objects| objects.items().enumerate())
        .map(|(index, object)| validate_at(object, checks, findings, &place.index(index)))
        .collect();
    duplicates(&objects, findings);
    dangling(bundle, &objects, findings);
    objects
}

/// Checks everything of a bundle but its objects, for those who stream the objects one by one.
///
/// True when no MUST is violated.
pub fn check_envelope(bundle: Value<'_>, checks: &Checks, findings: &mut Vec<Finding>) -> bool {
    let mut walk = Walk::new(bundle, checks, findings, None);
    let root = &Place::ROOT;
    if bundle.kind() != Kind::Object {
        let message = format!("expected a bundle, found {}", bundle.kind().as_str());
        walk.error(root, "8", "bundle", message);
        return false;
    }
    match bundle.get("type") {
        None => walk.error(root, "8", "type-required", "`type` is missing".to_owned()),
        Some(name) if name.is("bundle") => {}
        Some(_) => walk.error(&root.name("type"), "8", "type", "the type of a bundle is `bundle`".to_owned()),
    }
    match bundle.get("id") {
        None => walk.error(root, "8", "id-required", "`id` is missing".to_owned()),
        Some(id) => walk.own_id(id, &root.name("id")),
    }
    if let Some(objects) = bundle.get("objects")
        && objects.kind() != Kind::Array
    {
        let message = format!("expected a list, found {}", objects.kind().as_str());
        walk.error(&root.name("objects"), "8", "objects", message);
    }
    for (key, value) in bundle.entries() {
        if key.is("spec_version") && value.is("2.0") {
            let message = "a bundle of STIX 2.0: its objects need upgrading".to_owned();
            walk.report(Severity::Warning, &root.key(key), "8", "bundle-version", message);
        } else if !["type", "id", "objects"].iter().any(|name| key.is(name)) {
            let message = format!("a bundle has no property {}", key.raw());
            walk.report(Severity::Warning, &root.key(key), "8", "bundle-property", message);
        }
    }
    walk.errors == 0
}

/// The same version twice says nothing new when the text is the same, and contradicts itself otherwise (§3.6).
fn duplicates(objects: &[Option<Valid<'_>>], findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<(&StixId, Timestamp), &Valid<'_>> = BTreeMap::new();
    for (index, object) in numbered(objects) {
        let Some(first) = seen.insert((object.id(), object.version()), object) else { continue };
        let pointer = format!("/objects/{index}");
        let finding = if first.value().raw() == object.value().raw() {
            Finding::new(
                Severity::Note,
                "stix-2.1/3.6/version-repeated",
                pointer,
                format!("`{}` occurs twice in this version", object.id()),
            )
        } else {
            Finding::new(
                Severity::Warning,
                "stix-2.1/3.6/version-conflict",
                pointer,
                format!("`{}` occurs twice with the same `modified` and other content", object.id()),
            )
        };
        findings.push(finding);
    }
}

fn numbered<'o, 'a>(objects: &'o [Option<Valid<'a>>]) -> impl Iterator<Item = (usize, &'o Valid<'a>)> {
    objects.iter().enumerate().filter_map(|(index, object)| Some((index, object.as_ref()?)))
}

fn dangling(bundle: Value<'_>, objects: &[Option<Valid<'_>>], findings: &mut Vec<Finding>) {
    // Objects with errors are there, too: a reference to one is not dangling.
    let broken = bundle.get("objects").into_iter().flat_map(|list| list.items()).zip(objects);
    let mut present: BTreeSet<StixId> = broken
        .filter(|(_, valid)| valid.is_none())
        .filter_map(|(object, _)| object.get("id")?.as_str()?.parse().ok())
        .collect();
    present.extend(objects.iter().flatten().map(|object| object.id().clone()));
    for (index, object) in numbered(objects) {
        schema::visit(object.value(), &mut |value_type, value| {
            let ValueType::Reference(_) = value_type else { return };
            let Some(id) = value.as_str().and_then(|text| text.parse::<StixId>().ok()) else { return };
            if present.contains(&id) || TLP_MARKINGS.iter().any(|marking| marking.id == id.as_str()) {
                return;
            }
            findings.push(Finding::new(
                Severity::Note,
                "stix-2.1/3.3/reference-outside",
                format!("/objects/{index}{}", schema::pointer_to(object.value(), value)),
                format!("`{id}` is not in this bundle"),
            ));
        });
    }
}
