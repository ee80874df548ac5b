//! One record as an event: asked by Sigma's names, by its own, or for everything it says.

use std::borrow::Cow;
use std::ops::Range;

use json::{Kind, Value};
use model::Timestamp;

use crate::class::{Class, ClassId};
use crate::fields::{FieldMap, Loose, Place, extension, query, stem};
use crate::ocsf::ocsf_name;
use crate::read::{Line, Parsed};
use crate::slot::{Raw, Slots, inner_span, scalar};

/// The value of a field.
#[derive(Debug, Clone)]
pub enum Field<'e> {
    /// Text, unescaped. Formats without types have nothing else.
    Text(Cow<'e, str>),
    /// A number that is written as an integer.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// There, and nothing.
    Null,
    /// Several values.
    List(Vec<Field<'e>>),
    /// An object.
    Object(Value<'e>),
}

impl<'e> Field<'e> {
    /// The value as text; `None` for nothing, several values and objects.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text.as_ref())),
            Self::Integer(number) => Some(Cow::Owned(number.to_string())),
            Self::Float(number) => Some(Cow::Owned(number.to_string())),
            Self::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    fn of(value: Value<'e>) -> Self {
        match value.kind() {
            Kind::String => Self::Text(value.as_str().unwrap_or_default()),
            Kind::Number => match value.as_i64() {
                Some(number) => Self::Integer(number),
                None => Self::Float(value.as_f64().unwrap_or(f64::NAN)),
            },
            Kind::Bool => Self::Bool(value.as_bool().unwrap_or_default()),
            Kind::Null => Self::Null,
            Kind::Array => Self::List(value.items().map(Self::of).collect()),
            Kind::Object => Self::Object(value),
        }
    }

    fn of_raw(raw: &'e Raw<'e>) -> Self {
        match raw {
            Raw::Json(value) => Self::of(*value),
            Raw::Text(text, _) => Self::Text(Cow::Borrowed(text.as_ref())),
            Raw::Many(all) => Self::List(all.iter().map(Self::of_raw).collect()),
        }
    }
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found<'e> {
    /// A value of the record.
    One(&'e Raw<'e>),
    /// A value inside one.
    Json(Value<'e>),
    /// Several of them.
    Many(Vec<Found<'e>>),
    /// A part of a text.
    Part(Cow<'e, str>, Range<usize>),
}

impl<'e> Found<'e> {
    fn several(values: Vec<Value<'e>>) -> Option<Self> {
        match values.as_slice() {
            [] => None,
            [value] => Some(Self::Json(*value)),
            _ => Some(Self::Many(values.into_iter().map(Self::Json).collect())),
        }
    }

    fn into_field(self) -> Field<'e> {
        match self {
            Self::One(raw) => Field::of_raw(raw),
            Self::Json(value) => Field::of(value),
            Self::Many(all) => {
                let mut list = Vec::with_capacity(all.len());
                for field in all.into_iter().map(Self::into_field) {
                    match field {
                        Field::List(inner) => list.extend(inner),
                        other => list.push(other),
                    }
                }
                Field::List(list)
            }
            Self::Part(text, _) => Field::Text(text),
        }
    }

    fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::One(raw) => raw.span(),
            Self::Json(value) => Some(inner_span(*value)),
            Self::Many(all) => all.first().and_then(Self::span),
            Self::Part(_, span) => Some(span.clone()),
        }
    }

    /// The text of a single value.
    pub(crate) fn text(&self) -> Option<Cow<'e, str>> {
        match self {
            Self::One(Raw::Json(value)) => scalar(*value),
            Self::One(Raw::Text(text, _)) => Some(Cow::Borrowed(text.as_ref())),
            Self::Json(value) => scalar(*value),
            Self::Part(text, _) => Some(text.clone()),
            Self::One(Raw::Many(_)) | Self::Many(_) => None,
        }
    }

    /// Every text, number and word in it; the members of objects are not looked into.
    pub(crate) fn texts(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Self::One(raw) => raw_texts(raw, each),
            Self::Json(value) => json_texts(*value, each),
            Self::Many(all) => all.iter().for_each(|found| found.texts(each)),
            Self::Part(text, _) => each(text),
        }
    }
}

pub(crate) fn raw_texts(raw: &Raw<'_>, each: &mut dyn FnMut(&str)) {
    match raw {
        Raw::Json(value) => json_texts(*value, each),
        Raw::Text(text, _) => each(text),
        Raw::Many(all) => all.iter().for_each(|raw| raw_texts(raw, each)),
    }
}

pub(crate) fn json_texts(value: Value<'_>, each: &mut dyn FnMut(&str)) {
    if value.kind() == Kind::Array {
        value.items().for_each(|item| json_texts(item, each));
    } else if let Some(text) = scalar(value) {
        each(&text);
    }
}

/// One record that was read.
#[derive(Debug)]
pub struct Event<'r> {
    /// The record as it came.
    pub raw: &'r [u8],
    /// What kind of event it is.
    pub class: ClassId,
    /// When it happened, by its own account; `None` if it does not say.
    pub time: Option<Timestamp>,
    /// Whether bytes that are not UTF-8 were replaced to read it. It has no spans then.
    pub repaired: bool,
    shape: &'static Class,
    text: &'r str,
    /// The byte of the text that spans count from.
    base: usize,
    root: Option<Value<'r>>,
    slots: Slots<'r>,
}

/// Where the name of the machine that an event is about stands, best first.
const DEVICES: [&str; 14] = [
    "Computer",
    "Hostname",
    "computer_name",
    "host.name",
    "@system",
    "device.hostname",
    "dvchost",
    "hostname",
    "host",
    "sensor_name",
    "dvc",
    "node_id",
    "s-computername",
    "devname",
];

impl<'r> Event<'r> {
    pub(crate) fn new(line: Line<'r>, class: ClassId, read: Parsed<'r>) -> Self {
        let Parsed { class: shape, time, root, slots, base } = read;
        let Line { raw, text, repaired, .. } = line;
        Self { raw, class, time, repaired, shape, text, base, root, slots }
    }

    pub(crate) fn shape(&self) -> &'static Class {
        self.shape
    }

    pub(crate) fn slots(&self) -> &Slots<'r> {
        &self.slots
    }

    /// The value that a rule means by this name: the class's place for it, else the record's own field of this name,
    /// where dots lead into objects and an array on the way stands for each of its items.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Field<'_>> {
        self.find(name).map(Found::into_field)
    }

    /// Where the value of a field stands in [`Event::raw`], without the quotes of a string; of several values, the
    /// first. `None` if there is no such field, or if the record was repaired and its bytes are others.
    #[must_use]
    pub fn span(&self, name: &str) -> Option<Range<usize>> {
        let span = self.find(name)?.span().filter(|_| !self.repaired)?;
        Some(self.base + span.start..self.base + span.end)
    }

    /// Hands out every text that the record says, until `each` returns `true`; returns whether it did. This is what
    /// keywords of rules are looked for in. Of a record that is a line of text, the line itself comes first.
    pub fn strings(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        match self.root {
            Some(root) => strings(root, each),
            None => each(self.text) || self.slots.iter().any(|(_, raw)| raw_strings(raw, each)),
        }
    }

    /// Hands out the names of the fields at the top of the record, and those of the class's that lead to a value.
    /// Returns whether no other name can lead to one, but for dots behind one of these.
    pub fn names(&self, each: &mut dyn FnMut(&str)) -> bool {
        for (name, _) in self.slots.iter() {
            each(name);
        }
        for (name, _) in self.shape.fields.aliases.iter().flat_map(|table| table.iter()) {
            if self.find(name).is_some() {
                each(name);
            }
        }
        self.shape.fields.loose == Loose::Exact && self.shape.fields.under.is_empty()
    }

    /// The whole record, where it is JSON.
    #[must_use]
    pub const fn json(&self) -> Option<Value<'r>> {
        self.root
    }

    /// The machine that the event is about, by its own account.
    #[must_use]
    pub fn device(&self) -> Option<Cow<'_, str>> {
        let mut named = DEVICES.iter().filter_map(|name| self.path(name)?.text());
        named.find(|name| !name.is_empty() && name != "-")
    }

    /// What OCSF calls a field of this event.
    #[must_use]
    pub fn ocsf(&self, field: &str) -> Option<&'static str> {
        ocsf_name(self.shape.ocsf, field)
    }

    fn find(&self, name: &str) -> Option<Found<'_>> {
        if let Some(places) = self.shape.fields.places(name)
            && let Some(found) = places.iter().find_map(|place| self.place(place))
        {
            return Some(found);
        }
        self.path(name)
    }

    fn place(&self, place: &Place) -> Option<Found<'_>> {
        match place {
            Place::At(path) => self.path(path),
            Place::All(paths) => {
                let mut found: Vec<_> = paths.iter().filter_map(|path| self.path(path)).collect();
                if found.len() > 1 { Some(Found::Many(found)) } else { found.pop() }
            }
            Place::Stem(path) => self.part(path, stem),
            Place::Query(path) => self.part(path, query),
            Place::Extension(path) => self.part(path, extension),
        }
    }

    /// A part of the text at a path.
    fn part(&self, path: &str, cut: fn(&str) -> Option<Range<usize>>) -> Option<Found<'_>> {
        let found = self.path(path)?;
        let span = found.span()?;
        match found.text()? {
            Cow::Borrowed(text) => {
                let part = cut(text)?;
                let stands = span.start + part.start..span.start + part.end;
                Some(Found::Part(Cow::Borrowed(text.get(part)?), stands))
            }
            // Where escapes were undone, the whole is the nearest that can be said.
            Cow::Owned(text) => {
                let part = cut(&text)?;
                Some(Found::Part(Cow::Owned(text.get(part)?.to_owned()), span))
            }
        }
    }

    /// The record's own value at a path, whatever its class calls it.
    pub(crate) fn path(&self, path: &str) -> Option<Found<'_>> {
        if let Some(raw) = self.slots.get(path) {
            return Some(Found::One(raw));
        }
        let FieldMap { loose, under, .. } = *self.shape.fields;
        let mut values = Vec::new();
        if let Some((head, tail)) = path.split_once('.')
            && let Some(value) = self.slots.json(head)
        {
            descend(value, tail, loose, &mut values);
        }
        if values.is_empty() && (loose == Loose::Case || (loose == Loose::Dots && path.contains(['.', '_'])))
        {
            if let Some((_, raw)) = self.slots.iter().find(|(own, _)| loose.same(own, path)) {
                return Some(Found::One(raw));
            }
            if let Some((head, tail)) = path.split_once('.') {
                for (own, raw) in self.slots.iter() {
                    if let Raw::Json(value) = raw
                        && loose.same(own, head)
                    {
                        descend(*value, tail, loose, &mut values);
                    }
                }
            }
        }
        for object in under.iter().filter_map(|name| self.slots.object(name)) {
            if values.is_empty() {
                descend(object, path, loose, &mut values);
            }
        }
        Found::several(values)
    }
}

/// The values at a path below a value. Arrays stand for each of their items.
fn descend<'v>(value: Value<'v>, path: &str, loose: Loose, found: &mut Vec<Value<'v>>) {
    match value.kind() {
        Kind::Array => value.items().for_each(|item| descend(item, path, loose, found)),
        Kind::Object => {
            let divided = path.split_once('.');
            for (name, member) in value.entries() {
                let Some(name) = name.as_str() else { continue };
                if loose.same(&name, path) {
                    found.push(member);
                } else if let Some((head, tail)) = divided
                    && loose.same(&name, head)
                {
                    descend(member, tail, loose, found);
                }
            }
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => {}
    }
}

fn strings(value: Value<'_>, each: &mut dyn FnMut(&str) -> bool) -> bool {
    match value.kind() {
        Kind::String => value.as_str().is_some_and(|text| each(&text)),
        Kind::Array => value.items().any(|item| strings(item, each)),
        Kind::Object => value.entries().any(|(_, member)| strings(member, each)),
        Kind::Null | Kind::Bool | Kind::Number => false,
    }
}

fn raw_strings(raw: &Raw<'_>, each: &mut dyn FnMut(&str) -> bool) -> bool {
    match raw {
        Raw::Json(value) => strings(*value, each),
        Raw::Text(text, _) => each(text),
        Raw::Many(all) => all.iter().any(|raw| raw_strings(raw, each)),
    }
}
