//! Cyber-observables out of a STIX 2.0 `observed-data`, where they stood inside it under local keys.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Limits, Tape, Value, escape_pointer};
use model::{Severity, StixId, Uuid};
use sha2::{Digest, Sha256};

use super::{Upgrade, quoted};
use crate::check::is_type_name;
use crate::marking::{Selectors, Step, To, property_markings};
use crate::meaning::same_meaning;
use crate::refs::is_id;
use crate::schema::type_schema;
use crate::sco::deterministic_id;

/// Properties of cyber-observables with another name in STIX 2.1: type, old name, new name.
const RENAMED: [(&str, &str, &str); 10] = [
    ("directory", "created", "ctime"),
    ("directory", "modified", "mtime"),
    ("directory", "accessed", "atime"),
    ("file", "created", "ctime"),
    ("file", "modified", "mtime"),
    ("file", "accessed", "atime"),
    ("process", "created", "created_time"),
    ("process", "binary_ref", "image_ref"),
    ("user-account", "password_last_changed", "credential_last_changed"),
    ("windows-registry-key", "modified", "modified_time"),
];

/// Members whose names are data, so that one ending in `_ref` refers to nothing.
const DICTIONARIES: [&str; 9] = [
    "additional_header_fields",
    "document_info_dict",
    "environment_variables",
    "exif_tags",
    "ipfix",
    "options",
    "pdfids",
    "request_header",
    "startup_info",
];

/// The STIX 2.1 name of a property, if it has another.
pub(super) fn renamed(type_name: &str, property: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(name, old, _)| *name == type_name && *old == property).map(|(_, _, new)| *new)
}

/// Replaces `objects` by `object_refs` and returns the texts of the cyber-observables, in the order of the
/// container. `None`, with a finding, if they cannot be taken apart without losing or widening something.
pub(super) fn take_apart(object: Value<'_>, upgrade: &mut Upgrade<'_>) -> Option<Vec<String>> {
    let container = object.get("objects")?;
    let Some(mut parts) = Parts::new(object, container) else {
        upgrade.say(
            Severity::Warning,
            "objects-kept",
            "/objects",
            "`objects` stays where it is: an entry is no cyber-observable, or its markings cannot be followed",
        );
        return None;
    };
    parts.identify_all();
    upgrade.note("object-refs", "/objects", "`objects` is now `object_refs`, and its entries are objects");
    let mut texts: Vec<Option<String>> =
        (0..parts.entries.len()).map(|index| parts.text(index, upgrade)).collect();
    parts.mark(object, &mut texts, upgrade);
    let refs: Vec<String> = parts.emitted().map(|entry| quoted(entry.id())).collect();
    upgrade.edits.remove(container);
    upgrade.edits.append(object, "object_refs", format!("[{}]", refs.join(",")));
    Some(texts.into_iter().flatten().collect())
}

struct Entry<'a> {
    key: Cow<'a, str>,
    type_name: Cow<'a, str>,
    value: Value<'a>,
    id: Option<StixId>,
    /// The earlier entry that says the same, if any: this one is then left out.
    same_as: Option<usize>,
}

impl Entry<'_> {
    fn id(&self) -> &str {
        self.id.as_ref().map_or("", StixId::as_str)
    }
}

struct Parts<'a> {
    entries: Vec<Entry<'a>>,
    by_key: BTreeMap<Cow<'a, str>, usize>,
    observed_id: Cow<'a, str>,
}

impl<'a> Parts<'a> {
    fn new(object: Value<'a>, container: Value<'a>) -> Option<Self> {
        /// Members that an entry gets here, so it must not have them.
        const OURS: [&str; 4] = ["id", "spec_version", "object_marking_refs", "granular_markings"];
        /// Each new object repeats the markings, so their product is bounded.
        const MOST_MARKINGS: usize = 200_000;
        let count = |name: &str| object.get(name).map_or(0, |list| list.items().count());
        let copies = count("object_marking_refs") + count("granular_markings");
        let readable = container.entries().count().saturating_mul(copies) <= MOST_MARKINGS
            && property_markings(object).is_ok()
            && object.get("object_marking_refs").is_none_or(|refs| {
                refs.kind() == Kind::Array && refs.items().all(|item| item.kind() == Kind::String)
            });
        let mut parts = Self {
            entries: Vec::new(),
            by_key: BTreeMap::new(),
            observed_id: object.get("id").and_then(|id| id.as_str())?,
        };
        for (key, value) in container.entries() {
            let (key, type_name) = (key.as_str()?, value.get("type")?.as_str()?);
            if !is_type_name(&type_name) || OURS.iter().any(|name| value.get(name).is_some()) {
                return None;
            }
            parts.by_key.insert(key.clone(), parts.entries.len());
            parts.entries.push(Entry { key, type_name, value, id: None, same_as: None });
        }
        (readable && object.get("object_refs").is_none() && !parts.entries.is_empty()).then_some(parts)
    }

    /// The entries that become objects.
    fn emitted(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().filter(|entry| entry.same_as.is_none())
    }

    /// Gives every entry its id, those first whose ids go into the ids of others.
    fn identify_all(&mut self) {
        let dependencies: Vec<Vec<usize>> =
            self.entries.iter().map(|entry| self.dependencies(entry)).collect();
        let (order, in_cycle) = sort(&dependencies);
        // An id that would depend on itself cannot be deterministic.
        for index in in_cycle {
            self.settle(index, None, None);
        }
        let mut taken: BTreeMap<StixId, (usize, String)> = BTreeMap::new();
        for index in order {
            let Some(entry) = self.entries.get(index).filter(|entry| entry.id.is_none()) else { continue };
            let mut unsaid = Vec::new();
            let text = self.body(entry, &mut Upgrade::new(&mut unsaid));
            let mut tape = Tape::new();
            let Ok(value) = tape.parse(text.as_bytes(), &Limits::DOCUMENT) else { continue };
            let id = deterministic_id(value);
            match id.as_ref().and_then(|id| taken.get(id)) {
                Some((earlier, other)) => {
                    let mut tape = Tape::new();
                    let same = tape
                        .parse(other.as_bytes(), &Limits::DOCUMENT)
                        .is_ok_and(|other| same_meaning(value, other));
                    // Two that differ outside the id cannot share it without one being lost.
                    let earlier = same.then_some(*earlier);
                    self.settle(index, id.filter(|_| same), earlier);
                }
                None => {
                    if let Some(id) = &id {
                        taken.insert(id.clone(), (index, text));
                    }
                    self.settle(index, id, None);
                }
            }
        }
    }

    fn settle(&mut self, index: usize, id: Option<StixId>, same_as: Option<usize>) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.id =
                Some(id.unwrap_or_else(|| arbitrary_id(&entry.type_name, &self.observed_id, &entry.key)));
            entry.same_as = same_as;
        }
    }

    /// The entries whose ids go into the id of this one.
    fn dependencies(&self, entry: &Entry<'_>) -> Vec<usize> {
        let mut found = Vec::new();
        let Some(schema) = type_schema(&entry.type_name) else { return found };
        for property in schema.shape.properties().filter(|property| property.contributing) {
            if let Some(value) = entry.value.get(property.name) {
                local_refs(property.name, value, "", &mut |value, _| {
                    found.extend(value.as_str().and_then(|key| self.by_key.get(&key)));
                });
            }
        }
        found
    }

    /// The entry in the spelling of STIX 2.1, with ids for local keys as far as they are known.
    fn body(&self, entry: &Entry<'_>, upgrade: &mut Upgrade<'_>) -> String {
        let place = format!("/objects/{}", escape_pointer(&entry.key));
        for (key, member) in entry.value.entries() {
            let name = key.as_str().unwrap_or_default();
            let place = format!("{place}/{}", escape_pointer(&name));
            local_refs(&name, member, &place, &mut |value, place| {
                let text = value.as_str().unwrap_or_default();
                match self.by_key.get(&text).and_then(|index| self.entries.get(*index)) {
                    Some(Entry { id: Some(id), .. }) => upgrade.edits.replace(value, quoted(id.as_str())),
                    Some(_) => {}
                    None if is_id(&text) => {}
                    None => upgrade.say(
                        Severity::Warning,
                        "dangling-reference",
                        place,
                        format!("`{text}` is no key in `objects`; the reference stays as it is"),
                    ),
                }
            });
        }
        upgrade.hash_names(entry.value, &place);
        headers(entry, &place, upgrade);
        for (key, member) in entry.value.entries() {
            let name = key.as_str().unwrap_or_default();
            if let Some(new) = renamed(&entry.type_name, &name).filter(|new| entry.value.get(new).is_none()) {
                upgrade.rename(entry.value, member, new);
                upgrade.note("property-name", format!("{place}/{name}"), format!("`{name}` is now `{new}`"));
            }
        }
        upgrade.edits.apply(entry.value)
    }

    /// The entry as an object of its own, still without markings; `None` if an earlier one says the same.
    fn text(&self, index: usize, upgrade: &mut Upgrade<'_>) -> Option<String> {
        let entry = self.entries.get(index)?;
        if let Some(earlier) = entry.same_as.and_then(|earlier| self.entries.get(earlier)) {
            upgrade.note(
                "duplicate-observable",
                format!("/objects/{}", escape_pointer(&entry.key)),
                format!("says the same as `{}` and becomes the same object", earlier.key),
            );
            return None;
        }
        let body = self.body(entry, upgrade);
        let members = body.strip_prefix('{')?.strip_suffix('}')?.trim();
        Some(format!(r#"{{"id":"{}","spec_version":"2.1",{members}}}"#, entry.id()))
    }

    /// Hands the markings of the observed data down to the new objects, and turns its own selectors to them.
    ///
    /// The id of an observable gives its content away, so whatever marks a part of an entry also marks the
    /// reference to it.
    fn mark(&self, object: Value<'a>, texts: &mut [Option<String>], upgrade: &mut Upgrade<'_>) {
        let places: Vec<usize> = self
            .entries
            .iter()
            .scan(0, |next, entry| {
                let here = *next;
                *next += usize::from(entry.same_as.is_none());
                Some(here)
            })
            .collect();
        let mut whole: Vec<Vec<String>> = vec![Vec::new(); self.entries.len()];
        let mut granular: Vec<BTreeMap<String, Vec<String>>> = vec![BTreeMap::new(); self.entries.len()];
        let refs = object.get("object_marking_refs").into_iter().flat_map(|refs| refs.items());
        let inherited: Vec<String> = refs.filter_map(|id| id.as_str().map(Cow::into_owned)).collect();
        whole.iter_mut().for_each(|markings| markings.clone_from(&inherited));

        let mut selectors = Selectors::new(object);
        for entry in object.get("granular_markings").into_iter().flat_map(|list| list.items()) {
            let marking = entry.get("marking_ref").and_then(|id| id.as_str());
            let mut written = BTreeSet::new();
            for selector in entry.get("selectors").into_iter().flat_map(|list| list.items()) {
                let Ok(steps) = selectors.follow(&selector.as_str().unwrap_or_default()) else { continue };
                let (new, targets) = self.turn(&steps, &places, upgrade);
                for (target, inside) in targets {
                    let Some(marking) = marking.as_deref() else { continue };
                    match inside {
                        Some(inside) => {
                            if let Some(markings) = granular.get_mut(target) {
                                markings.entry(marking.to_owned()).or_default().push(inside);
                            }
                        }
                        None => {
                            if let Some(markings) = whole.get_mut(target)
                                && !markings.iter().any(|held| held == marking)
                            {
                                markings.push(marking.to_owned());
                            }
                        }
                    }
                }
                if written.insert(new.clone()) {
                    upgrade.edits.replace(selector, quoted(&new));
                } else {
                    upgrade.edits.remove(selector);
                }
            }
        }
        for ((text, whole), granular) in texts.iter_mut().zip(whole).zip(granular) {
            if let Some(text) = text {
                append_markings(text, &whole, &granular);
            }
        }
    }

    /// A selector's new form on the observed data, and the entries it marks: as a whole, or a part inside.
    fn turn(
        &self,
        steps: &[Step<'_>],
        places: &[usize],
        upgrade: &Upgrade<'_>,
    ) -> (String, Vec<(usize, Option<String>)>) {
        let is_objects = |step: &Step<'_>| matches!(&step.to, To::Name(name) if name == "objects");
        match steps {
            [first] if is_objects(first) => (
                "object_refs".to_owned(),
                (0..self.entries.len()).map(|index| (self.kept(index), None)).collect(),
            ),
            [first, Step { to: To::Name(key), .. }, inside @ ..] if is_objects(first) => {
                let target = self.kept(self.by_key.get(key.as_str()).copied().unwrap_or_default());
                let place = places.get(target).copied().unwrap_or_default();
                let inside = (!inside.is_empty()).then(|| upgrade.selector(inside));
                (format!("object_refs.[{place}]"), vec![(target, inside)])
            }
            _ => (upgrade.selector(steps), Vec::new()),
        }
    }

    /// The entry that stands for this one.
    fn kept(&self, index: usize) -> usize {
        self.entries.get(index).and_then(|entry| entry.same_as).unwrap_or(index)
    }
}

/// Calls back for every local reference in a member, with its pointer.
fn local_refs<'a>(name: &str, value: Value<'a>, place: &str, each: &mut dyn FnMut(Value<'a>, &str)) {
    match value.kind() {
        Kind::String if name.ends_with("_ref") => each(value, place),
        Kind::Array if name.ends_with("_refs") => {
            for (index, item) in value.items().enumerate().filter(|(_, item)| item.kind() == Kind::String) {
                each(item, &format!("{place}/{index}"));
            }
        }
        Kind::Array => {
            for (index, item) in value.items().enumerate() {
                local_refs("", item, &format!("{place}/{index}"), each);
            }
        }
        Kind::Object if !DICTIONARIES.contains(&name) => {
            for (key, member) in value.entries() {
                let name = key.as_str().unwrap_or_default();
                local_refs(&name, member, &format!("{place}/{}", escape_pointer(&name)), each);
            }
        }
        _ => {}
    }
}

/// A header field may occur more than once, so its value is a list in STIX 2.1 (§6.6.2, §6.12.2).
fn headers(entry: &Entry<'_>, place: &str, upgrade: &mut Upgrade<'_>) {
    let at = match entry.type_name.as_ref() {
        "email-message" => "/additional_header_fields",
        "network-traffic" => "/extensions/http-request-ext/request_header",
        _ => return,
    };
    let fields = entry.value.pointer(at).into_iter().flat_map(|fields| fields.entries());
    for (key, field) in fields.filter(|(_, field)| field.kind() == Kind::String) {
        upgrade.edits.replace(field, format!("[{}]", field.raw()));
        let key = key.as_str().unwrap_or_default();
        upgrade.note(
            "header-list",
            format!("{place}{at}/{}", escape_pointer(&key)),
            "a header field is now a list of values",
        );
    }
}

/// An id where the standard has no deterministic one: looks random, and is the same on every node.
fn arbitrary_id(type_name: &str, observed_id: &str, key: &str) -> StixId {
    let digest = Sha256::digest(format!("{}\0{key}", observed_id.to_ascii_lowercase()).as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(slot, byte)| *slot = *byte);
    StixId::new(type_name, Uuid::v4(bytes))
}

fn append_markings(text: &mut String, whole: &[String], granular: &BTreeMap<String, Vec<String>>) {
    let list = |ids: &[String]| ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(",");
    text.pop();
    if !whole.is_empty() {
        text.push_str(&format!(r#","object_marking_refs":[{}]"#, list(whole)));
    }
    if !granular.is_empty() {
        let entry = |(marking, selectors): (&String, &Vec<String>)| {
            format!(r#"{{"marking_ref":{},"selectors":[{}]}}"#, quoted(marking), list(selectors))
        };
        let entries: Vec<String> = granular.iter().map(entry).collect();
        text.push_str(&format!(r#","granular_markings":[{}]"#, entries.join(",")));
    }
    text.push('}');
}

/// The indices in an order in which each comes after those it depends on, and those where that cannot be.
fn sort(dependencies: &[Vec<usize>]) -> (Vec<usize>, BTreeSet<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; dependencies.len()];
    let (mut order, mut in_cycle) = (Vec::new(), BTreeSet::new());
    for start in 0..dependencies.len() {
        // A stack of our own: a hostile chain of references is longer than the call stack is deep.
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            let Some(current) = state.get_mut(index) else { continue };
            if *current == State::Done {
                continue;
            }
            *current = State::Open;
            match dependencies.get(index).and_then(|list| list.get(next)) {
                Some(dependency) => {
                    stack.push((index, next + 1));
                    match state.get(*dependency) {
                        Some(State::New) => stack.push((*dependency, 0)),
                        Some(State::Open) => {
                            in_cycle.insert(*dependency);
                        }
                        _ => {}
                    }
                }
                None => {
                    *current = State::Done;
                    order.push(index);
                }
            }
        }
    }
    (order, in_cycle)
}
