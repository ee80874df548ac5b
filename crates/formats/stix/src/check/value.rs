//! One value against its type.

use std::borrow::Cow;

use json::{Kind, Value};
use model::{Severity, Timestamp};

use super::place::Place;
use super::syntax::{self, Identifier};
use crate::schema::{self, Property, Shape, Targets, ValueType, Vocabulary};
use crate::validate::{LookUp, Walk, section_of};

const MAX_INTEGER: i64 = (1 << 53) - 1;

impl<'a> Walk<'_, 'a> {
    /// Checks a value of a property of a shape.
    pub(crate) fn value(
        &mut self,
        value: Value<'a>,
        value_type: &'static ValueType,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        match value_type {
            ValueType::Any => {
                if value.is_null() {
                    self.wrong_kind(value, "2", "null", "a value", place);
                }
            }
            ValueType::Boolean => {
                if value.kind() != Kind::Bool {
                    self.wrong_kind(value, "2.2", "boolean", "a boolean", place);
                }
            }
            ValueType::Integer(min, max) => self.integer(value, *min, *max, shape, property, place),
            ValueType::Float(min, max) => self.float(value, *min, *max, shape, property, place),
            ValueType::String => {
                if value.kind() != Kind::String {
                    self.wrong_kind(value, "2.15", "string", "a string", place);
                }
            }
            ValueType::Hyphenated => {
                if let Some(text) = self.text(value, "2.15", "string", place)
                    && !syntax::is_hyphenated(&text)
                {
                    let rule = format!("{}-spelling", property.name.replace('_', "-"));
                    let message = format!("`{}` should be lower case with hyphens", brief(&text));
                    self.report(Severity::Warning, place, section_of(shape, property), &rule, message);
                }
            }
            ValueType::StringOrInteger => {
                if value.kind() != Kind::String && value.as_i64().is_none() {
                    self.wrong_kind(value, "2.3", "string-or-integer", "a string or an integer", place);
                }
            }
            ValueType::Fixed(expected) => {
                if !value.is(expected) {
                    let section = section_of(shape, property);
                    let rule = property.name.replace('_', "-");
                    let message =
                        format!("`{}` must be `{expected}`, found `{}`", property.name, brief(value.raw()));
                    self.error(place, section, &rule, message);
                    if value.is("2.0") {
                        self.hint("upgrade the object to STIX 2.1 first");
                    }
                }
            }
            ValueType::Language => {
                self.spelled(value, syntax::is_language, "3.2", "lang", "an RFC 5646 language tag", place);
            }
            ValueType::Hex => {
                self.spelled(
                    value,
                    syntax::is_hex,
                    "2.8",
                    "hex",
                    "an even number of lower-case hexadecimal digits",
                    place,
                );
            }
            ValueType::Binary => {
                self.spelled(value, syntax::is_base64, "2.1", "binary", "padded base64", place)
            }
            ValueType::Timestamp => {
                self.timestamp(value, place);
            }
            ValueType::Instant => {
                self.instant(value, place);
            }
            ValueType::Open(vocabulary) => self.open(value, vocabulary, shape, property, place),
            ValueType::Closed(vocabulary) => self.closed(value, vocabulary, shape, property, place),
            ValueType::Id => self.own_id(value, place),
            ValueType::Reference(targets) => self.reference(value, targets, shape, property, place),
            ValueType::Hashes => self.hashes(value, place),
            ValueType::Dictionary(item) => self.dictionary(value, item, shape, property, place),
            ValueType::List(item) => {
                if value.kind() != Kind::Array {
                    return self.wrong_kind(value, "2.12", "list", "a list", place);
                }
                let mut empty = true;
                for (index, entry) in value.items().enumerate() {
                    empty = false;
                    self.value(entry, item, shape, property, &place.index(index));
                }
                if empty {
                    self.error(place, "2.12", "list-not-empty", "an empty list must be left out".to_owned());
                }
            }
            ValueType::Object(nested) => {
                if value.kind() != Kind::Object {
                    return self.wrong_kind(value, nested.section, nested.name, "an object", place);
                }
                self.members(value, nested, place, false);
            }
            ValueType::Container => self.container(value, place),
            ValueType::Extensions => self.extensions(value, place),
            ValueType::Selector => self.selector(value, place),
            ValueType::Translations => self.translations(value, place),
        }
    }

    #[cold]
    fn wrong_kind(&mut self, value: Value<'a>, section: &str, rule: &str, expected: &str, place: &Place<'_>) {
        if value.is_null() {
            let message = "a property without a value must be left out, not `null`".to_owned();
            return self.error(place, "2", "null", message);
        }
        let found = match value.kind() {
            Kind::Number | Kind::Bool => format!("`{}`", brief(value.raw())),
            kind => kind.as_str().to_owned(),
        };
        self.error(place, section, rule, format!("expected {expected}, found {found}"));
    }

    /// The text of a string, with a finding if it is none.
    #[inline]
    fn text(
        &mut self,
        value: Value<'a>,
        section: &str,
        rule: &str,
        place: &Place<'_>,
    ) -> Option<Cow<'a, str>> {
        let text = value.as_str();
        if text.is_none() {
            self.wrong_kind(value, section, rule, "a string", place);
        }
        text
    }

    fn spelled(
        &mut self,
        value: Value<'a>,
        good: fn(&str) -> bool,
        section: &str,
        rule: &str,
        expected: &str,
        place: &Place<'_>,
    ) {
        if let Some(text) = self.text(value, section, rule, place)
            && !good(&text)
        {
            self.error(place, section, rule, format!("`{}` is not {expected}", brief(&text)));
        }
    }

    fn integer(
        &mut self,
        value: Value<'a>,
        min: i64,
        max: i64,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => {}
            Some(number) if (-MAX_INTEGER..=MAX_INTEGER).contains(&number) => {
                let section = section_of(shape, property);
                let rule = format!("{}-range", property.name.replace('_', "-"));
                let message = match max {
                    MAX_INTEGER => format!("`{number}` is less than {min}"),
                    _ => format!("`{number}` is not between {min} and {max}"),
                };
                self.error(place, section, &rule, message);
            }
            None if value.kind() != Kind::Number => {
                self.wrong_kind(value, "2.10", "integer", "an integer", place)
            }
            None if value.raw().contains(['.', 'e', 'E']) => {
                let message = format!("`{}` is not written as an integer", brief(value.raw()));
                self.error(place, "2.10", "integer", message);
            }
            _ => {
                let message = format!("`{}` is beyond 2^53 - 1", brief(value.raw()));
                self.error(place, "2.10", "integer-range", message);
            }
        }
    }

    fn float(
        &mut self,
        value: Value<'a>,
        min: f64,
        max: f64,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        match value.as_f64() {
            None => self.wrong_kind(value, "2.6", "float", "a number", place),
            Some(number) if (min..=max).contains(&number) => {}
            Some(_) => {
                let section = section_of(shape, property);
                let rule = format!("{}-range", property.name.replace('_', "-"));
                self.error(place, section, &rule, format!("`{}` is out of range", brief(value.raw())));
            }
        }
    }

    fn timestamp(&mut self, value: Value<'a>, place: &Place<'_>) -> Option<Timestamp> {
        let text = self.text(value, "2.16", "timestamp", place)?;
        match Timestamp::parse_exact(&text) {
            Ok((instant, truncated)) => {
                if truncated {
                    let message = "digits beyond the microsecond are kept but not compared".to_owned();
                    self.report(Severity::Note, place, "2.16", "timestamp-precision", message);
                }
                Some(instant)
            }
            Err(problem) => {
                self.error(place, "2.16", "timestamp", format!("`{}` is {problem}", brief(&text)));
                None
            }
        }
    }

    /// A timestamp with at least milliseconds (§3.2).
    pub(crate) fn instant(&mut self, value: Value<'a>, place: &Place<'_>) -> Option<Timestamp> {
        const WITH_MILLISECONDS: usize = "2016-01-20T12:31:12.123Z".len();
        let instant = self.timestamp(value, place)?;
        // Two bytes of the raw text are the quotes.
        if value.raw().len() < WITH_MILLISECONDS + 2 {
            let message = format!("`{}` needs at least three digits after the seconds", brief(value.raw()));
            self.error(place, "3.2", "millisecond-precision", message);
        }
        Some(instant)
    }

    fn open(
        &mut self,
        value: Value<'a>,
        vocabulary: &'static Vocabulary,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        if let Some(text) = self.text(value, "2.14", "open-vocab", place)
            && !vocabulary.lists(&text)
        {
            let rule = format!("{}-vocabulary", property.name.replace('_', "-"));
            let message = format!("`{}` is not in {}", brief(&text), vocabulary.name);
            self.report(Severity::Note, place, section_of(shape, property), &rule, message);
        }
    }

    fn closed(
        &mut self,
        value: Value<'a>,
        vocabulary: &'static Vocabulary,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        if let Some(text) = self.text(value, "2.4", "enum", place)
            && !vocabulary.lists(&text)
        {
            let rule = format!("{}-enum", property.name.replace('_', "-"));
            let message =
                format!("`{}` is not in {}: {}", brief(&text), vocabulary.name, vocabulary.values.join(", "));
            self.error(place, section_of(shape, property), &rule, message);
        }
    }

    fn identifier<'t>(&mut self, text: &'t str, place: &Place<'_>) -> Option<Identifier<'t>> {
        let Some(identifier) = Identifier::parse(text) else {
            let message = format!("`{}` is not an identifier of the form type--uuid", brief(text));
            self.error(place, "2.9", "identifier", message);
            return None;
        };
        if !identifier.rfc_variant {
            self.error(
                place,
                "2.9",
                "uuid-variant",
                format!("the UUID of `{}` is not of RFC 4122", brief(text)),
            );
        }
        if identifier.upper {
            let message = "the UUID has upper-case digits; ids are compared in lower case".to_owned();
            self.report(Severity::Warning, place, "2.9", "uuid-case", message);
        }
        Some(identifier)
    }

    pub(crate) fn own_id(&mut self, value: Value<'a>, place: &Place<'_>) {
        let Some(text) = self.text(value, "2.9", "identifier", place) else { return };
        let Some(identifier) = self.identifier(&text, place) else { return };
        let named = self.root.get("type").and_then(|name| name.as_str());
        let Some(named) = named else { return };
        if named != identifier.type_name {
            let message =
                format!("the id is of type `{}`, the object of type `{named}`", identifier.type_name);
            self.error(place, "2.9", "id-type", message);
        }
        let version = identifier.version;
        if version != '4' && !may_be_named(&named) {
            let message = format!("the UUID is of version {version}; 4 is expected here");
            self.report(Severity::Warning, place, "2.9", "uuid-version", message);
        }
    }

    fn reference(
        &mut self,
        value: Value<'a>,
        targets: &'static Targets,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        let Some(text) = self.text(value, "2.9", "identifier", place) else { return };
        let target = match self.container {
            // Inside observed data's `objects` a reference is the key of a sibling; ids may occur too.
            Some(container) if !text.contains("--") => match self.look_up(container, &text) {
                LookUp::Found(sibling) => {
                    sibling.get("type").and_then(|name| name.as_str()).unwrap_or_default()
                }
                LookUp::Absent => {
                    let message = format!("`{}` is not a key of `objects`", brief(&text));
                    return self.error(place, "2.13", "container-reference", message);
                }
                LookUp::TooCostly => return self.too_costly(place),
            },
            _ => match self.identifier(&text, place) {
                Some(identifier) => Cow::Borrowed(identifier.type_name),
                None => return,
            },
        };
        if !targets.allow(&target) {
            let section = section_of(shape, property);
            let rule = format!("{}-target", property.name.replace('_', "-"));
            let message = format!("`{}` cannot refer to an object of type `{target}`", property.name);
            self.error(place, section, &rule, message);
        }
    }

    fn hashes(&mut self, value: Value<'a>, place: &Place<'_>) {
        if value.kind() != Kind::Object {
            return self.wrong_kind(value, "2.7", "hashes", "a dictionary of hashes", place);
        }
        let mut empty = true;
        for (key, hash) in value.entries() {
            empty = false;
            let place = place.key(key);
            let algorithm = key.as_str().unwrap_or_default();
            let Some(text) = self.text(hash, "2.7", "hashes", &place) else { continue };
            match syntax::digest(&algorithm) {
                Some(digest) if digest.fits(&text) => {}
                Some(_) => {
                    let message = format!("`{}` is not a {algorithm} hash", brief(&text));
                    self.error(&place, "2.7", "hash-value", message);
                }
                None if (3..=250).contains(&algorithm.len()) && syntax::is_dictionary_key(&algorithm) => {
                    let message = format!("`{algorithm}` is not in hash-algorithm-ov");
                    self.report(Severity::Warning, &place, "2.7", "hash-algorithm-vocabulary", message);
                    if let Some(name) = syntax::digest_like(&algorithm) {
                        self.hint(format!("write `{name}`"));
                    }
                }
                None => {
                    let message = format!(
                        "`{}` is not a hash name: 3 to 250 of a-z, A-Z, 0-9, hyphen and underscore",
                        brief(&algorithm)
                    );
                    self.error(&place, "2.7", "hash-algorithm", message);
                }
            }
        }
        if empty {
            self.error(
                place,
                "2.3",
                "dictionary-not-empty",
                "an empty dictionary must be left out".to_owned(),
            );
        }
    }

    fn dictionary(
        &mut self,
        value: Value<'a>,
        item: &'static ValueType,
        shape: &'static Shape,
        property: &'static Property,
        place: &Place<'_>,
    ) {
        if value.kind() != Kind::Object {
            return self.wrong_kind(value, "2.3", "dictionary", "a dictionary", place);
        }
        let mut empty = true;
        for (key, entry) in value.entries() {
            empty = false;
            let place = place.key(key);
            if !key.as_str().is_some_and(|key| syntax::is_dictionary_key(&key)) {
                let message = format!(
                    "{} is not a dictionary key: up to 250 of a-z, A-Z, 0-9, hyphen and underscore",
                    brief(key.raw())
                );
                self.error(&place, "2.3", "dictionary-key", message);
            }
            self.value(entry, item, shape, property, &place);
        }
        if empty {
            self.error(
                place,
                "2.3",
                "dictionary-not-empty",
                "an empty dictionary must be left out".to_owned(),
            );
        }
    }

    /// §2.13: the objects inside are checked as objects, but need no id.
    fn container(&mut self, value: Value<'a>, place: &Place<'_>) {
        if value.kind() != Kind::Object {
            return self.wrong_kind(value, "2.13", "container", "a dictionary of objects", place);
        }
        let mut empty = true;
        for (key, object) in value.entries() {
            empty = false;
            let place = place.key(key);
            let known = object.get("type").and_then(|name| name.as_str());
            let schema = known.as_deref().and_then(schema::type_schema);
            if schema.is_some_and(|schema| !matches!(schema.class, crate::Class::Sco | crate::Class::Sro)) {
                let message = "`objects` holds cyber-observables only".to_owned();
                self.error(&place, "2.13", "container-class", message);
            }
            self.contained(object, value, &place);
        }
        if empty {
            self.error(
                place,
                "2.13",
                "container-not-empty",
                "`objects` holds at least one object".to_owned(),
            );
        }
    }

    fn extensions(&mut self, value: Value<'a>, place: &Place<'_>) {
        if value.kind() != Kind::Object {
            return self.wrong_kind(value, "3.2", "extensions", "a dictionary of extensions", place);
        }
        let mut empty = true;
        for (key, extension) in value.entries() {
            empty = false;
            let place = place.key(key);
            let name = key.as_str().unwrap_or_default();
            if extension.kind() != Kind::Object {
                self.wrong_kind(extension, "7.3", "extension", "an object", &place);
            } else if name.starts_with("extension-definition--") {
                self.identifier(&name, &place);
                self.defined_extension(extension, &place);
            } else if let Some(shape) = self.extensions.iter().find(|shape| shape.name == name) {
                self.members(extension, shape, &place, false);
            } else if schema::predefined_extension(&name).is_some() {
                let message = format!("`{name}` does not belong to this type of object");
                self.error(&place, "3.2", "extension-type", message);
            } else {
                self.custom_extension(&name, extension, &place);
            }
        }
        if empty {
            self.error(
                place,
                "2.3",
                "dictionary-not-empty",
                "an empty dictionary must be left out".to_owned(),
            );
        }
    }

    /// §11.3, deprecated: extensions by name.
    fn custom_extension(&mut self, name: &str, extension: Value<'a>, place: &Place<'_>) {
        if !syntax::is_custom_extension_name(name) {
            let message =
                format!("`{}` is not an extension name: 3 to 250 of a-z, 0-9 and hyphen", brief(name));
            self.error(place, "11.3", "extension-name", message);
        }
        if extension.entries().next().is_none() {
            let message = "an extension needs at least one property".to_owned();
            self.error(place, "11.3", "extension-content", message);
        }
        if self.checks.allow_custom {
            let message = format!("`{}` is not the id of an extension definition", brief(name));
            self.report(Severity::Note, place, "11.3", "custom-extension", message);
        } else {
            self.error(place, "11.3", "custom-extension", format!("custom extension `{}`", brief(name)));
        }
    }

    fn defined_extension(&mut self, extension: Value<'a>, place: &Place<'_>) {
        let Some(kind) = extension.get("extension_type") else {
            let message = "an extension says its `extension_type`".to_owned();
            return self.error(place, "7.3", "extension-type-required", message);
        };
        let place = place.name("extension_type");
        match kind.as_str() {
            None => self.wrong_kind(kind, "2.4", "enum", "a string", &place),
            Some(text) => {
                const KINDS: &[&str] =
                    &["new-sdo", "new-sco", "new-sro", "property-extension", "toplevel-property-extension"];
                if !KINDS.contains(&&*text) {
                    let message = format!("`{}` is not one of {}", brief(&text), KINDS.join(", "));
                    self.error(&place, "7.3", "extension-type-enum", message);
                }
            }
        }
    }

    /// §7.2.3: a path into this object.
    fn selector(&mut self, value: Value<'a>, place: &Place<'_>) {
        let Some(text) = self.text(value, "7.2.3", "selector", place) else { return };
        let mut here = self.root;
        for step in text.split('.') {
            let next = match step.strip_prefix('[').and_then(|step| step.strip_suffix(']')) {
                Some(index) => self.item(here, index),
                None => self.look_up(here, step),
            };
            match next {
                LookUp::Found(value) => here = value,
                LookUp::TooCostly => return self.too_costly(place),
                LookUp::Absent => {
                    let message = format!("`{}` selects nothing in this object", brief(&text));
                    return self.error(place, "7.2.3", "selector", message);
                }
            }
        }
    }

    fn item(&mut self, list: Value<'a>, index: &str) -> LookUp<'a> {
        let Ok(index) = index.parse::<u32>() else { return LookUp::Absent };
        let Some(steps) = self.steps.checked_sub(index) else { return LookUp::TooCostly };
        self.steps = steps;
        list.at(index as usize).map_or(LookUp::Absent, LookUp::Found)
    }

    fn too_costly(&mut self, place: &Place<'_>) {
        let message = "too many selectors or references to resolve in one object".to_owned();
        self.error(place, "12", "too-costly", message);
    }

    /// §7.1: language tags to property names to content.
    fn translations(&mut self, value: Value<'a>, place: &Place<'_>) {
        if value.kind() != Kind::Object {
            return self.wrong_kind(value, "7.1", "contents", "a dictionary by language", place);
        }
        let mut empty = true;
        for (key, content) in value.entries() {
            empty = false;
            let place = place.key(key);
            if !key.as_str().is_some_and(|tag| syntax::is_language(&tag)) {
                let message = format!("{} is not an RFC 5646 language tag", brief(key.raw()));
                self.error(&place, "7.1", "contents-language", message);
            }
            if content.kind() != Kind::Object {
                self.wrong_kind(content, "7.1", "contents", "a dictionary of properties", &place);
            } else if content.entries().next().is_none() {
                let message = "an empty dictionary must be left out".to_owned();
                self.error(&place, "2.3", "dictionary-not-empty", message);
            }
            for (name, text) in content.entries() {
                if !matches!(text.kind(), Kind::String | Kind::Array | Kind::Object) {
                    self.wrong_kind(text, "7.1", "contents", "translated text", &place.key(name));
                }
            }
        }
        if empty {
            self.error(
                place,
                "2.3",
                "dictionary-not-empty",
                "an empty dictionary must be left out".to_owned(),
            );
        }
    }
}

/// Cyber-observables should have name-based ids; of custom types nobody knows.
fn may_be_named(type_name: &str) -> bool {
    schema::type_schema(type_name).is_none_or(|schema| schema.class == crate::Class::Sco)
}

/// The start of a text, for a message.
pub(super) fn brief(text: &str) -> &str {
    const MOST: usize = 80;
    if text.len() <= MOST {
        return text;
    }
    text.char_indices()
        .take_while(|(at, c)| at + c.len_utf8() <= MOST)
        .last()
        .map_or("", |(at, c)| text.get(..at + c.len_utf8()).unwrap_or_default())
}
