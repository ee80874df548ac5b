//! The validator: walks an object along its schema and turns every breach into a finding.
//!
//! Nothing is allocated for an object without findings but its id: paths are a chain on the stack, and
//! pointers, rule ids and messages are built only when there is something to say.

use json::{Kind, Value};
use model::{Finding, Severity, StixId, Timestamp};

use crate::check::{self, Place};
use crate::schema::{self, Property, Shape, ValueType};

/// How strictly to read.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// Whether custom properties, types and extensions (§11, deprecated) are accepted with a note. Without it
    /// they are errors. What an extension definition introduces (§7.3) is not custom in this sense.
    pub allow_custom: bool,
    /// Checks the text of a pattern with `pattern_type` `stix`; without it only its presence is checked.
    pub pattern: Option<PatternCheck>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { allow_custom: true, pattern: None }
    }
}

/// Parses a STIX pattern and says what is wrong with it; empty when it is well-formed.
pub type PatternCheck = fn(&str) -> Vec<PatternProblem>;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternProblem {
    /// How grave it is.
    pub severity: Severity,
    /// Where it starts, in bytes of the pattern.
    pub start: usize,
    /// Where it ends, in bytes of the pattern.
    pub end: usize,
    /// What is the matter.
    pub message: String,
}

/// Which family a type belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A domain object (§4).
    Sdo,
    /// A cyber-observable object (§6).
    Sco,
    /// A relationship object (§5): `relationship` or `sighting`.
    Sro,
    /// §7.2.1
    MarkingDefinition,
    /// §7.1
    LanguageContent,
    /// §7.3
    ExtensionDefinition,
    /// A type that the standard does not define.
    Custom(Custom),
}

/// What a custom type says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Custom {
    /// Nothing: it names no extension that introduces it.
    Unknown,
    /// An extension of type `new-sdo` introduces it.
    Sdo,
    /// An extension of type `new-sco` introduces it.
    Sco,
    /// An extension of type `new-sro` introduces it.
    Sro,
}

/// An object in which no MUST is violated.
#[derive(Clone, Debug)]
pub struct Valid<'a> {
    value: Value<'a>,
    id: StixId,
    type_name: &'a str,
    class: Class,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

impl<'a> Valid<'a> {
    /// The object itself.
    #[must_use]
    pub const fn value(&self) -> Value<'a> {
        self.value
    }

    /// Its id, with the UUID in lower case.
    #[must_use]
    pub const fn id(&self) -> &StixId {
        &self.id
    }

    /// The value of `type`.
    #[must_use]
    pub const fn type_name(&self) -> &'a str {
        self.type_name
    }

    /// The family of the type.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// When the object was first created; `None` for cyber-observables.
    #[must_use]
    pub const fn created(&self) -> Option<Timestamp> {
        self.created
    }

    /// When this version was made; `None` for what has no versions.
    #[must_use]
    pub const fn modified(&self) -> Option<Timestamp> {
        self.modified
    }

    /// Whether the creator has withdrawn the object for good.
    #[must_use]
    pub fn revoked(&self) -> bool {
        self.value.get("revoked").and_then(|value| value.as_bool()).unwrap_or(false)
    }

    /// The identity that created the object, where it says so.
    #[must_use]
    pub fn created_by(&self) -> Option<StixId> {
        self.value.get("created_by_ref")?.as_str()?.parse().ok()
    }

    /// What orders the versions of an object: `modified`, else `created`, else [`Timestamp::EPOCH`].
    #[must_use]
    pub fn version(&self) -> Timestamp {
        self.modified.or(self.created).unwrap_or(Timestamp::EPOCH)
    }
}

/// Checks one object against STIX 2.1, appending everything there is to say to `findings`.
///
/// `None` exactly when a finding of [`Severity::Error`] was appended. Pointers are relative to the object.
pub fn validate<'a>(value: Value<'a>, checks: &Checks, findings: &mut Vec<Finding>) -> Option<Valid<'a>> {
    validate_at(value, checks, findings, &Place::ROOT)
}

/// As [`validate`], with pointers that start at `place`.
pub(crate) fn validate_at<'a>(
    value: Value<'a>,
    checks: &Checks,
    findings: &mut Vec<Finding>,
    place: &Place<'_>,
) -> Option<Valid<'a>> {
    let mut walk = Walk::new(value, checks, findings, None);
    walk.object(place)
}

/// The state of one walk over one object.
pub(crate) struct Walk<'w, 'a> {
    pub(crate) checks: &'w Checks,
    pub(crate) findings: &'w mut Vec<Finding>,
    pub(crate) errors: usize,
    /// The object that is walked.
    pub(crate) root: Value<'a>,
    /// Extensions the standard defines for its type.
    pub(crate) extensions: &'static [&'static Shape],
    /// The `objects` of the observed data around it: references are keys in there, and an id is not needed.
    pub(crate) container: Option<Value<'a>>,
    /// Look-ups by name may still cost this many steps.
    pub(crate) steps: u32,
    reported: usize,
    custom: CustomProperties<'a>,
    created: Option<Timestamp>,
    modified: Option<Timestamp>,
}

/// More findings than this about one object help nobody; the rest is counted.
const MOST_FINDINGS: usize = 1_000;

/// Steps that look-ups by name may cost per object, so that no object makes them quadratic.
const STEPS: u32 = 5_000_000;

/// Custom properties are many and alike, so they are reported together.
#[derive(Default)]
struct CustomProperties<'a> {
    top: Tally,
    first_top: Option<Value<'a>>,
    nested: Tally,
    first_nested: Option<String>,
}

#[derive(Default, Clone, Copy)]
struct Tally {
    all: u32,
    unprefixed: u32,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(crate) fn new(
        root: Value<'a>,
        checks: &'w Checks,
        findings: &'w mut Vec<Finding>,
        container: Option<Value<'a>>,
    ) -> Self {
        Self {
            checks,
            findings,
            errors: 0,
            root,
            extensions: &[],
            container,
            steps: STEPS,
            reported: 0,
            custom: CustomProperties::default(),
            created: None,
            modified: None,
        }
    }

    /// Checks the whole object.
    pub(crate) fn object(&mut self, place: &Place<'_>) -> Option<Valid<'a>> {
        let value = self.root;
        if value.kind() != Kind::Object {
            let message = format!("expected an object, found {}", value.kind().as_str());
            self.error(place, "3.2", "object", message);
            return None;
        }
        let written = value.get("type");
        let name = written.and_then(|name| name.as_str());
        let schema = name.as_deref().and_then(schema::type_schema);
        let kinds = if schema.is_none() { check::extension_kinds(value) } else { check::Kinds::default() };
        let (shape, class) = match schema {
            Some(schema) => {
                self.extensions = schema.extensions;
                (&schema.shape, schema.class)
            }
            None => {
                let custom = kinds.custom();
                (schema::custom_shape(custom), Class::Custom(custom))
            }
        };
        if let (None, Some(name)) = (schema, name.as_deref()) {
            self.custom_type(name, class, &place.name("type"));
        }
        self.members(value, shape, place, true);
        self.report_custom(schema.is_none(), place);
        if let (Some(created), Some(modified)) = (self.created, self.modified)
            && created > modified
        {
            let place = place.name("modified");
            self.error(&place, "3.2", "modified-order", "`modified` is earlier than `created`".to_owned());
        }
        if schema.is_some() {
            self.particular(shape.name, place);
        }
        self.report_left_out(place);
        if self.errors > 0 {
            return None;
        }
        let type_name = schema.map(|schema| schema.shape.name).or_else(|| written?.as_plain());
        let id = value.get("id").and_then(|id| id.as_str()?.parse().ok());
        match (type_name, id) {
            (Some(type_name), Some(id)) => {
                Some(Valid { value, id, type_name, class, created: self.created, modified: self.modified })
            }
            (None, _) => {
                let message = "a custom type must be written without escapes".to_owned();
                self.error(&place.name("type"), "11.2", "type-name", message);
                None
            }
            // Inside a container an id is not needed, and nobody asks for the result.
            (Some(_), None) if self.container.is_some() => None,
            (Some(_), None) => {
                self.error(&place.name("id"), "2.9", "identifier", "the id cannot be read".to_owned());
                None
            }
        }
    }

    /// Checks the members of an object against a shape, then the rules between them.
    pub(crate) fn members(&mut self, value: Value<'a>, shape: &'static Shape, place: &Place<'_>, top: bool) {
        let mut seen = 0u64;
        for (key, member) in value.entries() {
            let place = place.key(key);
            let found = match key.as_plain() {
                Some(name) => shape.find(name),
                None => key.as_str().and_then(|name| shape.find(&name)),
            };
            match found {
                Some((index, property)) => {
                    seen |= 1 << index;
                    match property.value {
                        ValueType::Instant if top => {
                            let instant = self.instant(member, &place);
                            if property.name == "created" {
                                self.created = instant;
                            } else {
                                self.modified = instant;
                            }
                        }
                        _ => self.value(member, &property.value, shape, property, &place),
                    }
                }
                None => self.unknown(key, member, &place, top),
            }
        }
        self.required(shape, seen, place);
        for rule in shape.rules {
            self.rule(rule, value, shape, seen, place);
        }
    }

    fn required(&mut self, shape: &'static Shape, seen: u64, place: &Place<'_>) {
        for (index, property) in shape.properties().enumerate() {
            if property.required && seen & (1 << index) == 0 {
                self.missing(shape, property, place);
            }
        }
    }

    #[cold]
    fn missing(&mut self, shape: &'static Shape, property: &Property, place: &Place<'_>) {
        if self.container.is_some() && property.name == "id" {
            return;
        }
        let section = section_of(shape, property);
        let rule = format!("{}-required", property.name.replace('_', "-"));
        self.error(place, section, &rule, format!("`{}` is missing", property.name));
    }

    /// A member the shape does not know.
    fn unknown(&mut self, key: Value<'a>, member: Value<'a>, place: &Place<'_>, top: bool) {
        let name = key.as_str().unwrap_or_default();
        if !check::is_property_name(&name) {
            let message = format!(
                "`{name}` is not a property name: 3 to 250 of a-z, 0-9 and underscore, beginning with a letter"
            );
            self.error(place, "11.1", "property-name", message);
        }
        if member.is_null() {
            self.error(
                place,
                "2",
                "null",
                "a property without a value must be left out, not `null`".to_owned(),
            );
        } else if member.kind() == Kind::Array && member.items().next().is_none() {
            self.error(place, "2.12", "list-not-empty", "an empty list must be left out".to_owned());
        }
        if top && !name.starts_with("x_") && self.reserved(&name, place) {
            return;
        }
        let unprefixed = u32::from(!name.starts_with("x_"));
        let tally = if top { &mut self.custom.top } else { &mut self.custom.nested };
        tally.all += 1;
        tally.unprefixed += unprefixed;
        if top {
            self.custom.first_top.get_or_insert(key);
        } else if self.custom.first_nested.is_none() {
            self.custom.first_nested = Some(place.pointer());
        }
    }

    /// Names that must not be used for custom properties; says whether this is one.
    fn reserved(&mut self, name: &str, place: &Place<'_>) -> bool {
        /// §3.8
        const RESERVED: &[&str] = &["severity", "username", "phone_number", "action"];
        if name == "defanged" {
            let message = "only cyber-observables can be `defanged`".to_owned();
            self.error(place, "3.2", "defanged", message);
            return true;
        }
        if RESERVED.contains(&name) {
            let message = format!("the property name `{name}` is reserved");
            self.error(place, "3.8", "reserved-name", message);
            return true;
        }
        false
    }

    fn report_custom(&mut self, custom_type: bool, place: &Place<'_>) {
        // A custom type's own properties are its definition, and an extension may add properties at the top.
        let top = match self.custom.first_top {
            Some(key) if !custom_type && !check::extension_kinds(self.root).toplevel => Some(key),
            _ => None,
        };
        let pointer = match (top, self.custom.first_nested.take()) {
            (Some(key), _) => place.key(key).pointer(),
            (None, Some(pointer)) => pointer,
            (None, None) => return,
        };
        let top = if top.is_some() { self.custom.top } else { Tally::default() };
        let (count, unprefixed) =
            (self.custom.nested.all + top.all, self.custom.nested.unprefixed + top.unprefixed > 0);
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let (severity, rule) = match (self.checks.allow_custom, unprefixed) {
            (false, _) => (Severity::Error, "stix-2.1/11.1/custom-property"),
            (true, true) => (Severity::Warning, "stix-2.1/11.1/custom-property-prefix"),
            (true, false) => (Severity::Note, "stix-2.1/11.1/custom-property"),
        };
        let message = match (count, unprefixed) {
            (1, false) => format!("custom property `{name}`"),
            (_, false) => format!("{count} custom properties, the first is `{name}`"),
            (1, true) => format!("custom property `{name}` without the prefix `x_`"),
            (_, true) => {
                format!("{count} custom properties, some without the prefix `x_`; the first is `{name}`")
            }
        };
        self.errors += usize::from(severity == Severity::Error);
        self.findings.push(
            Finding::new(severity, rule, pointer, message)
                .hint("custom properties are deprecated: use an extension definition"),
        );
    }

    fn custom_type(&mut self, name: &str, class: Class, place: &Place<'_>) {
        if name == "bundle" {
            let message = "a bundle is a container, not an object".to_owned();
            return self.error(place, "8", "bundle-is-no-object", message);
        }
        if !check::is_type_name(name) {
            let message = format!(
                "`{name}` is not a type name: 3 to 250 of a-z, 0-9 and single hyphens, beginning with a letter"
            );
            self.error(place, "11.2", "type-name", message);
        }
        if class != Class::Custom(Custom::Unknown) {
            return;
        }
        if !self.checks.allow_custom {
            self.error(place, "11.2", "custom-type", format!("custom type `{name}`"));
        } else if !name.starts_with("x-") {
            let message = format!("custom type `{name}` without the prefix `x-`");
            self.report(Severity::Warning, place, "11.2", "custom-type-prefix", message);
        } else {
            let message = format!("custom type `{name}` is not introduced by an extension");
            self.report(Severity::Note, place, "11.2", "custom-type", message);
        }
    }

    pub(crate) fn error(&mut self, place: &Place<'_>, section: &str, rule: &str, message: String) {
        self.report(Severity::Error, place, section, rule, message);
    }

    #[cold]
    pub(crate) fn report(
        &mut self,
        severity: Severity,
        place: &Place<'_>,
        section: &str,
        rule: &str,
        message: String,
    ) {
        self.errors += usize::from(severity == Severity::Error);
        self.reported += 1;
        // The first error is always told: whoever gets `None` finds a reason.
        if self.reported > MOST_FINDINGS && !(severity == Severity::Error && self.errors == 1) {
            return;
        }
        self.findings.push(Finding::new(
            severity,
            format!("stix-2.1/{section}/{rule}"),
            place.pointer(),
            message,
        ));
    }

    /// Adds the remedy to what was just reported.
    pub(crate) fn hint(&mut self, hint: impl Into<std::borrow::Cow<'static, str>>) {
        if self.reported <= MOST_FINDINGS
            && let Some(finding) = self.findings.last_mut()
        {
            finding.hint = Some(hint.into());
        }
    }

    fn report_left_out(&mut self, place: &Place<'_>) {
        let left_out = self.reported.saturating_sub(MOST_FINDINGS);
        if left_out > 0 && self.container.is_none() {
            let message = format!("{left_out} more findings are left out");
            self.findings.push(Finding::new(
                Severity::Note,
                "stix-2.1/12/findings-left-out",
                place.pointer(),
                message,
            ));
        }
    }

    /// Checks an object inside this one; its counts are this one's.
    pub(crate) fn contained(&mut self, object: Value<'a>, container: Value<'a>, place: &Place<'_>) {
        let mut inner = Walk::new(object, self.checks, self.findings, Some(container));
        (inner.errors, inner.reported, inner.steps) = (self.errors, self.reported, self.steps);
        inner.object(place);
        let (errors, reported, steps) = (inner.errors, inner.reported, inner.steps);
        (self.errors, self.reported, self.steps) = (errors, reported, steps);
    }

    /// The member of this name, counted against the steps of this object.
    pub(crate) fn look_up(&mut self, object: Value<'a>, name: &str) -> LookUp<'a> {
        for (key, value) in object.entries() {
            match self.steps.checked_sub(1) {
                Some(steps) => self.steps = steps,
                None => return LookUp::TooCostly,
            }
            if key.is(name) {
                return LookUp::Found(value);
            }
        }
        LookUp::Absent
    }
}

/// What [`Walk::look_up`] found.
pub(crate) enum LookUp<'a> {
    Found(Value<'a>),
    Absent,
    /// The steps of the object are used up.
    TooCostly,
}

/// The section that defines a property of a shape: its own, or that of the common properties.
pub(crate) fn section_of(shape: &'static Shape, property: &Property) -> &'static str {
    let own = shape.groups.first().is_some_and(|group| group.iter().any(|own| own.name == property.name));
    if own { shape.section } else { "3.2" }
}
