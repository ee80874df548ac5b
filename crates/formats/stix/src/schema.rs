//! The object model as data: types, properties, value types and the rules between properties.
//!
//! Every table is a constant; [`type_schema`] finds the one for a type name. The validator walks them, and so
//! does anything that must know where references, timestamps or hashes stand ([`visit`]).

use json::{Kind, Value};
use model::Severity;

use crate::validate::{Class, Custom};

mod common;
mod extension;
mod meta;
mod relationship;
mod sco;
mod sdo;
mod vocabulary;

pub(crate) use meta::{TLP_2_EXTENSION, TLP_MARKINGS};
pub use relationship::{RelationshipFit, relationship_fit};
pub use vocabulary::Vocabulary;

/// What one type of top-level object looks like.
#[derive(Debug)]
pub struct TypeSchema {
    /// Its properties and rules; [`Shape::name`] is the value of `type`.
    pub shape: Shape,
    /// Which family the type belongs to.
    pub class: Class,
    /// Extensions that the standard itself defines for this type, by key.
    pub extensions: &'static [&'static Shape],
}

/// What a JSON object looks like: a top-level object, a nested type or a predefined extension.
#[derive(Debug)]
pub struct Shape {
    /// The type name, extension key or name of the nested type.
    pub name: &'static str,
    /// The section of STIX 2.1 that defines it, such as `4.7`.
    pub section: &'static str,
    /// Its properties in the order of the standard, in groups (own, common). At most 64 together.
    pub groups: &'static [&'static [Property]],
    /// What must hold between the properties.
    pub rules: &'static [Rule],
}

/// One property of a [`Shape`].
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// The property's name.
    pub name: &'static str,
    /// What its value may be.
    pub value: ValueType,
    /// Whether it must be present.
    pub required: bool,
    /// Whether it contributes to a deterministic id (STIX 2.1 §2.9).
    pub contributing: bool,
}

/// The kinds of value a property can have (STIX 2.1 §2).
#[derive(Debug, Clone, Copy)]
pub enum ValueType {
    /// Any JSON value but `null`.
    Any,
    /// §2.2
    Boolean,
    /// §2.10, within inclusive bounds.
    Integer(i64, i64),
    /// §2.6, within inclusive bounds.
    Float(f64, f64),
    /// §2.15
    String,
    /// A string that should be lower case with hyphens between words.
    Hyphenated,
    /// A string with exactly this content.
    Fixed(&'static str),
    /// An RFC 5646 language tag.
    Language,
    /// §2.8: an even number of hexadecimal digits.
    Hex,
    /// §2.1: base64.
    Binary,
    /// §2.16
    Timestamp,
    /// §2.16 with at least three digits after the second, as `created` and `modified` need.
    Instant,
    /// §2.14: a suggested value.
    Open(&'static Vocabulary),
    /// §2.4: one of these values.
    Closed(&'static Vocabulary),
    /// §2.9: the object's own id.
    Id,
    /// §2.9: the id of an object of an allowed type.
    Reference(&'static Targets),
    /// §2.7
    Hashes,
    /// A string or an integer, as some dictionaries hold.
    StringOrInteger,
    /// §2.3: names to values of one type.
    Dictionary(&'static ValueType),
    /// §2.12
    List(&'static ValueType),
    /// A nested type.
    Object(&'static Shape),
    /// §2.13, deprecated: cyber-observables by a key that is local to the container.
    Container,
    /// §7.3: extensions by id of their definition, or by predefined name.
    Extensions,
    /// §7.2.3: a path into the object.
    Selector,
    /// §7.1: property names to translated content.
    Translations,
}

/// What a reference may point at. Types that the standard does not define fit wherever a class fits.
#[derive(Debug)]
pub struct Targets {
    /// Allowed types by name.
    pub types: &'static [&'static str],
    /// Allowed families.
    pub classes: &'static [Class],
}

impl Targets {
    /// Whether an object of this type may be pointed at.
    #[must_use]
    pub fn allow(&self, type_name: &str) -> bool {
        if self.types.contains(&type_name) {
            return true;
        }
        if self.classes.is_empty() {
            return false;
        }
        match type_schema(type_name) {
            Some(schema) => self.classes.contains(&schema.class),
            None => type_name != "bundle",
        }
    }
}

/// Something that must hold between the properties of one object.
#[derive(Debug)]
pub struct Rule {
    /// The rule id without the `stix-2.1/{section}/` in front.
    pub name: &'static str,
    /// How grave a breach is.
    pub severity: Severity,
    /// What must hold.
    pub test: Test,
    /// The breach in words.
    pub message: &'static str,
}

/// The tests a [`Rule`] can make.
#[derive(Debug)]
pub enum Test {
    /// At least one of these is present.
    AnyOf(&'static [&'static str]),
    /// At least one property besides these is present.
    AnyBut(&'static [&'static str]),
    /// Not both are present.
    NotBoth(&'static str, &'static str),
    /// Where the first is present, so are all of these.
    Requires(&'static str, &'static [&'static str]),
    /// Where the first property is `true` (or `false`), all of these are present.
    RequiresWhen(&'static str, bool, &'static [&'static str]),
    /// Where the first property is `true` (or `false`), none of these are present.
    ForbidsWhen(&'static str, bool, &'static [&'static str]),
    /// The first instant is not after the second; with `true`, strictly before.
    Order(&'static str, &'static str, bool),
    /// Where the first property has this text, the third one, if present, starts with the fourth.
    PrefixWhen(&'static str, &'static str, &'static str, &'static str),
    /// None of these is present.
    Absent(&'static [&'static str]),
}

impl Shape {
    /// All properties: the shape's own, then those of its family.
    pub fn properties(&self) -> impl Iterator<Item = &'static Property> + use<> {
        let groups: &'static [&'static [Property]] = self.groups;
        groups.iter().flat_map(|group| group.iter())
    }

    /// The property of this name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.find(name).map(|(_, property)| property)
    }

    /// The property of this name with its place among all properties.
    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<(u32, &'static Property)> {
        let mut index = 0;
        for group in self.groups {
            for property in *group {
                if property.name == name {
                    return Some((index, property));
                }
                index += 1;
            }
        }
        None
    }
}

/// The schema of a type that the standard defines; `None` for custom types and `bundle`.
#[must_use]
pub fn type_schema(name: &str) -> Option<&'static TypeSchema> {
    all().find(|schema| schema.shape.name == name)
}

/// Every type that the standard defines.
pub fn all() -> impl Iterator<Item = &'static TypeSchema> {
    [sdo::ALL, sco::ALL, meta::ALL].into_iter().flatten().copied()
}

/// The shape that stands in for a type the standard does not define.
pub(crate) fn custom_shape(custom: Custom) -> &'static Shape {
    match custom {
        Custom::Unknown => &common::CUSTOM,
        Custom::Sdo | Custom::Sro => &common::CUSTOM_SDO,
        Custom::Sco => &common::CUSTOM_SCO,
    }
}

/// A predefined extension, whatever type it belongs to.
pub(crate) fn predefined_extension(key: &str) -> Option<&'static Shape> {
    extension::ALL.iter().copied().find(|shape| shape.name == key)
}

/// Calls `each` with every value whose type the standard gives, in document order: for a list its items, for
/// nested types their properties, and so on down to the leaves.
///
/// Custom properties and third-party extensions have no known type and are not visited.
pub fn visit<'a>(object: Value<'a>, each: &mut dyn FnMut(&'static ValueType, Value<'a>)) {
    let schema = object.get("type").and_then(|name| name.as_plain()).and_then(type_schema);
    let (shape, extensions) = schema.map_or((&common::CUSTOM, NONE), |s| (&s.shape, s.extensions));
    visit_shape(shape, extensions, object, each);
}

/// The RFC 6901 pointer from `root` to a value inside it.
///
/// Costs a walk down the document: for messages, not for loops.
#[must_use]
pub fn pointer_to(root: Value<'_>, target: Value<'_>) -> String {
    let mut pointer = String::new();
    let mut here = root;
    while here.position() < target.position() {
        let member = here.entries().take_while(|(_, value)| value.position() <= target.position()).last();
        let item = here.items().take_while(|value| value.position() <= target.position()).enumerate().last();
        match (member, item) {
            (Some((key, value)), _) => {
                pointer.push('/');
                pointer.push_str(&json::escape_pointer(&key.as_str().unwrap_or_default()));
                here = value;
            }
            (None, Some((index, value))) => {
                pointer.push_str(&format!("/{index}"));
                here = value;
            }
            (None, None) => break,
        }
    }
    pointer
}

const NONE: &[&Shape] = &[];

fn visit_shape<'a>(
    shape: &'static Shape,
    extensions: &'static [&'static Shape],
    object: Value<'a>,
    each: &mut dyn FnMut(&'static ValueType, Value<'a>),
) {
    for (key, value) in object.entries() {
        if let Some(property) = key.as_plain().and_then(|name| shape.property(name)) {
            visit_value(&property.value, extensions, value, each);
        }
    }
}

fn visit_value<'a>(
    value_type: &'static ValueType,
    extensions: &'static [&'static Shape],
    value: Value<'a>,
    each: &mut dyn FnMut(&'static ValueType, Value<'a>),
) {
    match value_type {
        ValueType::List(item) => {
            value.items().for_each(|entry| visit_value(item, extensions, entry, each));
        }
        ValueType::Dictionary(item) => {
            value.entries().for_each(|(_, entry)| visit_value(item, extensions, entry, each));
        }
        ValueType::Object(shape) => visit_shape(shape, extensions, value, each),
        ValueType::Container => {
            value.entries().filter(|(_, object)| object.kind() == Kind::Object).for_each(|(_, object)| {
                visit(object, each);
            });
        }
        ValueType::Extensions => {
            for (key, extension) in value.entries() {
                if let Some(shape) = extensions.iter().find(|shape| key.is(shape.name)) {
                    visit_shape(shape, NONE, extension, each);
                }
            }
        }
        leaf => each(leaf, value),
    }
}

/// A required property.
const fn req(name: &'static str, value: ValueType) -> Property {
    Property { name, value, required: true, contributing: false }
}

/// An optional property.
const fn opt(name: &'static str, value: ValueType) -> Property {
    Property { name, value, required: false, contributing: false }
}

impl Property {
    /// The same property, contributing to the deterministic id.
    const fn contributes(mut self) -> Self {
        self.contributing = true;
        self
    }
}

/// A nested type or extension.
const fn shape(
    name: &'static str,
    section: &'static str,
    groups: &'static [&'static [Property]],
    rules: &'static [Rule],
) -> Shape {
    Shape { name, section, groups, rules }
}

/// A rule whose breach violates a MUST.
const fn must(name: &'static str, test: Test, message: &'static str) -> Rule {
    Rule { name, severity: Severity::Error, test, message }
}

/// A rule whose breach violates a SHOULD.
const fn should(name: &'static str, test: Test, message: &'static str) -> Rule {
    Rule { name, severity: Severity::Warning, test, message }
}

/// A rule about something deprecated.
const fn deprecated(name: &'static str, test: Test, message: &'static str) -> Rule {
    Rule { name, severity: Severity::Note, test, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The properties a test looks at by name.
    fn names(test: &Test) -> Vec<&'static str> {
        match *test {
            Test::AnyOf(names) | Test::Absent(names) => names.to_vec(),
            Test::AnyBut(_) => Vec::new(),
            Test::NotBoth(a, b) | Test::Order(a, b, _) | Test::PrefixWhen(a, _, b, _) => vec![a, b],
            Test::Requires(name, others)
            | Test::RequiresWhen(name, _, others)
            | Test::ForbidsWhen(name, _, others) => [&[name], others].concat(),
        }
    }

    fn check(shape: &'static Shape) {
        let mut properties: Vec<_> = shape.properties().map(|property| property.name).collect();
        let count = properties.len();
        assert!(count <= 64, "the validator keeps the properties it has seen in 64 bits");
        properties.sort_unstable();
        properties.dedup();
        assert_eq!(count, properties.len(), "{}", shape.name);
        for name in shape.rules.iter().flat_map(|rule| names(&rule.test)) {
            assert!(shape.property(name).is_some(), "{}: {name}", shape.name);
        }
        for property in shape.properties() {
            let mut value = &property.value;
            while let ValueType::List(item) | ValueType::Dictionary(item) = value {
                value = item;
            }
            if let ValueType::Object(nested) = value {
                check(nested);
            }
        }
    }

    #[test]
    fn tables_hold_together() {
        for schema in all() {
            check(&schema.shape);
            schema.extensions.iter().for_each(|shape| check(shape));
        }
        extension::ALL.iter().for_each(|shape| check(shape));
        for custom in [Custom::Unknown, Custom::Sdo, Custom::Sco, Custom::Sro] {
            check(custom_shape(custom));
        }
    }

    #[test]
    fn every_type_of_the_standard_is_there() {
        let count = |class| all().filter(|schema| schema.class == class).count();
        assert_eq!((count(Class::Sdo), count(Class::Sco), count(Class::Sro), all().count()), (19, 18, 2, 42));
        assert!(all().all(|schema| type_schema(schema.shape.name).is_some()));
        assert!(type_schema("bundle").is_none() && type_schema("x-acme").is_none());
        let predefined = all().map(|schema| schema.extensions.len()).sum::<usize>();
        assert_eq!((predefined, extension::ALL.len()), (12, 12));
    }
}
