//! What an object's markings allow: TLP 1 and TLP 2.0, statements, object and granular markings
//! (STIX 2.1 §7.2, TLP 2.0 extension of the OASIS CTI committee).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Value, escape_pointer};
use model::{Finding, Label, Severity, StixId, Tlp};

use crate::refs::is_id;

/// What a marking definition says about sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A TLP level.
    Tlp(Tlp),
    /// A text, such as a copyright notice: it travels with the object and restricts nothing.
    Statement,
    /// Something this node does not understand: it fails closed.
    Unknown,
}

/// Ids whose meaning is fixed, whatever a definition under that id says.
///
/// The fifth row of TLP 1 is not in the standard: OpenCTI publishes its AMBER+STRICT under that id as a
/// `statement`, and reading it as one would widen it.
const FIXED: [(&str, Tlp); 10] = [
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("826578e1-40ad-459f-bc73-ede076f81f37", Tlp::AmberStrict),
];

const PREFIX: &str = "marking-definition--";

/// The meaning of an id that is fixed for everyone: the TLP 1 ids of STIX 2.1 §7.2.1.4 (WHITE is CLEAR) and
/// those of the TLP 2.0 extension. `None` for any other id.
#[must_use]
pub fn meaning_of_id(id: &str) -> Option<Meaning> {
    let uuid = id.strip_prefix(PREFIX)?;
    FIXED.iter().find(|(known, _)| known.eq_ignore_ascii_case(uuid)).map(|(_, tlp)| Meaning::Tlp(*tlp))
}

/// The meaning of a marking definition object.
///
/// A TLP level counts only under its fixed id: the standard forbids other instances (§7.2.1.4), and a stranger
/// who publishes a `tlp` definition under an id of someone else's must not widen what refers to it. A
/// statement that carries an extension, or that names a scheme of handling in its text or in OpenCTI's custom
/// properties, may restrict in ways we do not understand, so it is unknown.
#[must_use]
pub fn meaning_of_definition(definition: Value<'_>) -> Meaning {
    let string = |name: &str| definition.get(name).and_then(|value| value.as_str());
    if !definition.get("type").is_some_and(|value| value.is("marking-definition")) {
        return Meaning::Unknown;
    }
    if let Some(meaning) = string("id").and_then(|id| meaning_of_id(&id)) {
        return meaning;
    }
    let statement = definition.pointer("/definition/statement").and_then(|value| value.as_str());
    match statement {
        Some(text)
            if string("definition_type").as_deref() == Some("statement")
                && definition.get("extensions").is_none()
                && string("x_opencti_definition_type").is_none_or(|kind| kind == "statement")
                && !names_a_scheme(&text) =>
        {
            Meaning::Statement
        }
        _ => Meaning::Unknown,
    }
}

/// Whether a text is really a handling marking that came as a statement, such as `TLP:RED` or `PAP:AMBER`.
fn names_a_scheme(text: &str) -> bool {
    let head: String = text.trim_start().chars().take(4).collect::<String>().to_ascii_lowercase();
    matches!(head.as_str(), "tlp:" | "pap:")
}

/// The TLP 2.0 marking to refer to for a level.
#[must_use]
pub fn tlp_ref(tlp: Tlp) -> StixId {
    let uuid = FIXED.iter().find(|(_, level)| *level == tlp).map_or("", |(uuid, _)| *uuid);
    StixId::new("marking-definition", uuid.parse().unwrap_or(model::Uuid([0; 16])))
}

macro_rules! tlp_2_0 {
    ($uuid:literal, $name:literal, $level:literal) => {
        concat!(
            r#"{"type":"marking-definition","spec_version":"2.1","id":"marking-definition--"#,
            $uuid,
            r#"","created":"2022-10-01T00:00:00.000Z","name":""#,
            $name,
            r#"","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":"#,
            r#"{"extension_type":"property-extension","tlp_2_0":""#,
            $level,
            r#""}}}"#
        )
    };
}

/// The TLP 2.0 marking definition that [`tlp_ref`] refers to, as the OASIS CTI committee publishes it.
#[must_use]
pub const fn tlp_definition(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => tlp_2_0!("94868c89-83c2-464b-929b-a1a8aa3c8487", "TLP:CLEAR", "clear"),
        Tlp::Green => tlp_2_0!("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "TLP:GREEN", "green"),
        Tlp::Amber => tlp_2_0!("55d920b0-5e8b-4f79-9ee9-91f868d9b421", "TLP:AMBER", "amber"),
        Tlp::AmberStrict => {
            tlp_2_0!("939a9414-2ddd-4d32-a0cd-375ea402b003", "TLP:AMBER+STRICT", "amber+strict")
        }
        Tlp::Red => tlp_2_0!("e828b379-4e03-4974-9ac4-e53a884c97c1", "TLP:RED", "red"),
    }
}

/// What the markings of an object come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    object: Option<Label>,
    granular: Option<Label>,
    /// Markings that nobody could explain, in order of appearance: the first sixteen of them. Each made the
    /// label own-only.
    pub unknown: Vec<String>,
}

impl Labelled {
    /// The label of the whole object with everything in it, or `None` when nothing in it is marked.
    ///
    /// An object that marks only some of its properties says nothing about the rest, so it is own-only here;
    /// [`Labelled::label_or`] knows better when there is a default for the rest.
    #[must_use]
    pub fn label(&self) -> Option<Label> {
        self.object.map(|object| self.within(object)).or_else(|| self.granular.map(|_| Label::OwnOnly))
    }

    /// The label of the whole object where what is unmarked has this default; never wider than any marking.
    #[must_use]
    pub fn label_or(&self, default: Label) -> Label {
        self.within(self.object.unwrap_or(default))
    }

    fn within(&self, label: Label) -> Label {
        self.granular.map_or(label, |granular| granular.meet(label))
    }
}

/// The label of an object: the meet of all its object and granular markings, so that it holds for every
/// property until some are redacted.
///
/// `resolve` explains ids that are not fixed; it should know only definitions that the object's own source or
/// creator vouches for. A statement restricts nothing, so an object with statements alone is unmarked.
/// Anything in a marking property that cannot be read or explained is unknown, and unknown is own-only.
#[must_use]
pub fn object_label(object: Value<'_>, resolve: &dyn Fn(&str) -> Option<Meaning>) -> Labelled {
    let mut labelled = Labelled { object: None, granular: None, unknown: Vec::new() };
    if let Some(refs) = object.get("object_marking_refs") {
        labelled.object = meet_all(one_or_many(refs), resolve, &mut labelled.unknown);
    }
    if let Some(markings) = object.get("granular_markings") {
        // An entry that only names a language marks nothing; one that names neither is unreadable.
        let refs = one_or_many(markings)
            .filter(|entry| entry.get("lang").is_none() || entry.get("marking_ref").is_some())
            .map(|entry| entry.get("marking_ref").unwrap_or(entry));
        labelled.granular = meet_all(refs, resolve, &mut labelled.unknown);
    }
    labelled
}

/// The items of a list, or the value itself where a list should be.
fn one_or_many(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let alone = (value.kind() != Kind::Array).then_some(value);
    value.items().chain(alone)
}

fn meet_all<'a>(
    refs: impl Iterator<Item = Value<'a>>,
    resolve: &dyn Fn(&str) -> Option<Meaning>,
    unknown: &mut Vec<String>,
) -> Option<Label> {
    refs.fold(None, |label, value| {
        let id = value.as_str().unwrap_or(Cow::Borrowed(value.raw()));
        let next = match explain(&id, resolve) {
            Meaning::Tlp(tlp) => Label::Tlp(tlp),
            Meaning::Statement => return label,
            Meaning::Unknown => {
                if unknown.len() < 16 && !unknown.iter().any(|seen| *seen == id) {
                    unknown.push(brief(&id));
                }
                Label::OwnOnly
            }
        };
        Some(label.map_or(next, |label| label.meet(next)))
    })
}

/// The meaning of any id: fixed, or as `resolve` has it, or unknown.
fn explain(id: &str, resolve: &dyn Fn(&str) -> Option<Meaning>) -> Meaning {
    meaning_of_id(id).or_else(|| resolve(id)).unwrap_or(Meaning::Unknown)
}

/// The ids of the markings that hold for some content, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Markings(BTreeSet<String>);

impl Markings {
    /// The ids.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether nothing is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The label they come to, with the same rules as [`object_label`]; `None` when they restrict nothing.
    #[must_use]
    pub fn label(&self, resolve: &dyn Fn(&str) -> Option<Meaning>) -> Option<Label> {
        self.ids()
            .filter_map(|id| match explain(id, resolve) {
                Meaning::Statement => None,
                Meaning::Tlp(tlp) => Some(Label::Tlp(tlp)),
                Meaning::Unknown => Some(Label::OwnOnly),
            })
            .reduce(Label::meet)
    }

    fn add(&mut self, id: &str) {
        self.0.insert(lower_uuid(id).into_owned());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Two spellings of one id are one marking.
fn lower_uuid(id: &str) -> Cow<'_, str> {
    if id.bytes().any(|b| b.is_ascii_uppercase()) && is_id(id) {
        Cow::Owned(id.to_ascii_lowercase())
    } else {
        Cow::Borrowed(id)
    }
}

/// After so many findings nobody learns anything from another.
const ENOUGH: usize = 100;

/// A part of an object with granular markings of its own.
#[derive(Debug, Clone)]
pub struct PropertyMarking<'a> {
    /// Where it stands, as a JSON pointer.
    pub pointer: String,
    /// The part itself; the markings hold for everything inside it too.
    pub value: Value<'a>,
    /// The markings that selectors put on exactly this part.
    pub markings: Markings,
}

/// The parts of an object that granular markings select (STIX 2.1 §7.2.3), in order of the document.
///
/// Markings of language alone select nothing here, but their selectors are checked too.
///
/// # Errors
/// Every violated rule, as findings with severity error, up to about a hundred. Whoever decides about sharing
/// must then treat all granular markings as markings of the whole object.
pub fn property_markings(object: Value<'_>) -> Result<Vec<PropertyMarking<'_>>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut parts: BTreeMap<u32, PropertyMarking<'_>> = BTreeMap::new();
    let mut selected = Selectors::new(object);
    let Some(list) = object.get("granular_markings") else { return Ok(Vec::new()) };
    if list.kind() != Kind::Array || list.items().next().is_none() {
        error(
            &mut findings,
            "list",
            String::new(),
            "`granular_markings` must be a list with at least one item",
        );
    }
    for (index, entry) in list.items().enumerate() {
        if findings.len() > ENOUGH {
            break;
        }
        let marking = check_entry(object, entry, index, &mut findings);
        let Some(selectors) = entry.get("selectors").filter(|list| list.items().next().is_some()) else {
            error(
                &mut findings,
                "selectors-required",
                format!("/{index}"),
                "`selectors` must be a list with at least one item",
            );
            continue;
        };
        for (at, selector) in selectors.items().enumerate() {
            if findings.len() > ENOUGH {
                break;
            }
            let place = format!("/{index}/selectors/{at}");
            let Some(text) = selector.as_str() else {
                error(&mut findings, "selector-syntax", place, "a selector must be a string");
                continue;
            };
            match selected.follow(&text) {
                Ok(steps) => {
                    if let (Some(marking), Some(last)) = (&marking, steps.last()) {
                        let part = parts.entry(last.value.position()).or_insert_with(|| PropertyMarking {
                            pointer: pointer(&steps),
                            value: last.value,
                            markings: Markings::default(),
                        });
                        part.markings.add(marking);
                    }
                }
                Err(Unselected::Syntax) => error(
                    &mut findings,
                    "selector-syntax",
                    place,
                    &format!(
                        "`{}` is not a path of property names and `[n]` separated by dots",
                        brief(&text)
                    ),
                ),
                Err(Unselected::Absent) => {
                    error(
                        &mut findings,
                        "selector-resolves",
                        place,
                        &format!("`{}` selects nothing in this object", brief(&text)),
                    );
                }
            }
        }
    }
    if findings.is_empty() { Ok(parts.into_values().collect()) } else { Err(findings) }
}

/// Checks what an entry says besides its selectors; returns its marking.
fn check_entry<'a>(
    object: Value<'a>,
    entry: Value<'a>,
    index: usize,
    findings: &mut Vec<Finding>,
) -> Option<Cow<'a, str>> {
    let marking = entry.get("marking_ref");
    if marking.is_some() == entry.get("lang").is_some() {
        error(
            findings,
            "marking-or-language",
            format!("/{index}"),
            "exactly one of `marking_ref` and `lang` must be present",
        );
    }
    let marking = marking?;
    let id = marking.as_str().filter(|id| id.starts_with(PREFIX) && is_id(id));
    let Some(id) = id else {
        error(
            findings,
            "marking-ref",
            format!("/{index}/marking_ref"),
            &format!("`{}` is not the id of a marking definition", brief(marking.raw())),
        );
        return None;
    };
    let own = object.get("id").and_then(|own| own.as_str());
    if own.is_some_and(|own| own.eq_ignore_ascii_case(&id)) {
        error(
            findings,
            "marking-loop",
            format!("/{index}/marking_ref"),
            "a marking definition cannot mark itself",
        );
    }
    Some(id)
}

fn error(findings: &mut Vec<Finding>, rule: &str, place: String, message: &str) {
    findings.push(Finding::new(
        Severity::Error,
        format!("stix-2.1/7.2.3/{rule}"),
        format!("/granular_markings{place}"),
        message,
    ));
}

/// The start of a text, for a message.
fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Why a selector selects nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unselected {
    /// It is not a selector.
    Syntax,
    /// There is nothing at that path.
    Absent,
}

/// One step of a selector's path.
#[derive(Debug, Clone)]
pub(crate) struct Step<'a> {
    /// The object or list that was stepped into.
    pub(crate) container: Value<'a>,
    /// The property name or dictionary key, or the place in a list.
    pub(crate) to: To,
    /// What stands there.
    pub(crate) value: Value<'a>,
}

/// Where a [`Step`] leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum To {
    Name(String),
    Index(usize),
}

/// Follows selectors (STIX 2.1 §7.2.3.1) in one object: property names, dictionary keys and `[n]`, separated
/// by dots.
///
/// Keeps an index of every container it has seen, so that a hostile object with many selectors into a long
/// list costs no more than reading it.
#[derive(Debug)]
pub(crate) struct Selectors<'a> {
    object: Value<'a>,
    names: BTreeMap<u32, BTreeMap<Cow<'a, str>, Value<'a>>>,
    lists: BTreeMap<u32, Vec<Value<'a>>>,
}

impl<'a> Selectors<'a> {
    pub(crate) const fn new(object: Value<'a>) -> Self {
        Self { object, names: BTreeMap::new(), lists: BTreeMap::new() }
    }

    /// The steps from the object to what a selector selects; never empty.
    pub(crate) fn follow(&mut self, selector: &str) -> Result<Vec<Step<'a>>, Unselected> {
        // The syntax is checked as a whole first: a broken selector is broken wherever its path would end.
        let path = selector.split('.').map(component).collect::<Result<Vec<_>, _>>()?;
        let mut container = self.object;
        let mut steps = Vec::with_capacity(path.len());
        for to in path {
            let value = self.child(container, &to).ok_or(Unselected::Absent)?;
            steps.push(Step { container, to, value });
            container = value;
        }
        Ok(steps)
    }

    fn child(&mut self, container: Value<'a>, to: &To) -> Option<Value<'a>> {
        let position = container.position();
        match to {
            To::Index(index) => {
                self.lists.entry(position).or_insert_with(|| container.items().collect()).get(*index).copied()
            }
            To::Name(name) => {
                let members = self.names.entry(position).or_insert_with(|| {
                    container
                        .entries()
                        .map(|(key, value)| (key.as_str().unwrap_or_default(), value))
                        .collect()
                });
                members.get(name.as_str()).copied()
            }
        }
    }
}

fn component(text: &str) -> Result<To, Unselected> {
    let Some(tail) = text.strip_prefix('[') else {
        let name = !text.is_empty() && !text.contains(['[', ']']);
        return if name { Ok(To::Name(text.to_owned())) } else { Err(Unselected::Syntax) };
    };
    let digits = tail.strip_suffix(']').ok_or(Unselected::Syntax)?;
    let canonical = digits == "0" || !digits.starts_with('0');
    if digits.is_empty() || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Unselected::Syntax);
    }
    // No list is longer than a number of nineteen digits.
    Ok(To::Index(digits.parse().unwrap_or(usize::MAX)))
}

/// The path of a selector as a JSON pointer.
fn pointer(steps: &[Step<'_>]) -> String {
    let mut out = String::new();
    for step in steps {
        out.push('/');
        match &step.to {
            To::Name(name) => out.push_str(&escape_pointer(name)),
            To::Index(index) => out.push_str(&index.to_string()),
        }
    }
    out
}

/// The markings in `object_marking_refs`; an entry that is not a string counts by its raw text.
#[must_use]
pub fn object_markings(object: Value<'_>) -> Markings {
    let mut markings = Markings::default();
    for value in object.get("object_marking_refs").into_iter().flat_map(one_or_many) {
        markings.add(&value.as_str().unwrap_or(Cow::Borrowed(value.raw())));
    }
    markings
}

/// Every marking that holds for the value at a JSON pointer: those of the object, of each part around the
/// value, and of the value itself.
///
/// STIX leaves open how several markings combine (§7.2). Here they all hold at once, so a granular marking
/// can narrow what the object's markings allow and never widen it.
///
/// # Errors
/// As [`property_markings`].
pub fn effective(object: Value<'_>, pointer: &str) -> Result<Markings, Vec<Finding>> {
    let mut markings = object_markings(object);
    for part in property_markings(object)? {
        if contains(&part.pointer, pointer) {
            part.markings.ids().for_each(|id| markings.add(id));
        }
    }
    Ok(markings)
}

/// Whether the value at `outer` is, or contains, the one at `inner`.
pub(crate) fn contains(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Extend<String> for Markings {
    fn extend<I: IntoIterator<Item = String>>(&mut self, ids: I) {
        ids.into_iter().for_each(|id| self.add(&id));
    }
}
