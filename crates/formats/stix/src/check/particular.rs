//! Rules that concern one type only and do not fit the tables.

use json::Value;
use model::{Severity, Timestamp};

use super::place::Place;
use super::syntax;
use super::value::brief;
use crate::schema::{self, RelationshipFit, TLP_MARKINGS};
use crate::validate::Walk;

impl<'a> Walk<'_, 'a> {
    /// What holds for this type beyond its table.
    pub(crate) fn particular(&mut self, type_name: &str, place: &Place<'_>) {
        match type_name {
            "relationship" => self.relationship(place),
            "indicator" => self.indicator(place),
            "marking-definition" => {
                self.marked_with_itself(place);
                self.marking_definition(place);
            }
            "extension-definition" => self.extension_definition(place),
            "observed-data" => self.observed_objects(place),
            "location" => self.country(place),
            "ipv4-addr" => self.observed(place, "6.8", "ipv4", syntax::is_ipv4, "an IPv4 address or CIDR"),
            "ipv6-addr" => self.observed(place, "6.9", "ipv6", syntax::is_ipv6, "an IPv6 address or CIDR"),
            "mac-addr" => {
                self.observed(place, "6.10", "mac", syntax::is_mac, "six lower-case octets with colons");
            }
            "domain-name" => self.observed(place, "6.4", "domain", syntax::is_domain, "a domain name"),
            "email-addr" => self.observed(place, "6.5", "mailbox", syntax::is_mailbox, "an e-mail address"),
            "url" => self.observed(place, "6.15", "url", syntax::is_url, "an RFC 3986 URL"),
            "software" => self.cpe(place),
            "windows-registry-key" => self.hive(place),
            _ => {}
        }
    }

    fn relationship(&mut self, place: &Place<'_>) {
        let Some(name) = self.root.get("relationship_type").and_then(|name| name.as_str()) else { return };
        if name.is_empty() || !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            let message = format!("`{}` is not made of a-z, 0-9 and hyphen", brief(&name));
            self.error(&place.name("relationship_type"), "5.1", "relationship-type-characters", message);
        }
        let end = |name: &str| self.root.get(name).and_then(|end| end.as_str());
        let (Some(source), Some(target)) = (end("source_ref"), end("target_ref")) else { return };
        let (Some((source, _)), Some((target, _))) = (source.split_once("--"), target.split_once("--"))
        else {
            return;
        };
        match schema::relationship_fit(source, &name, target) {
            RelationshipFit::Described => {}
            RelationshipFit::OtherTypes => {
                let message = format!("`{name}` is not described between `{source}` and `{target}`");
                let place = place.name("relationship_type");
                self.report(Severity::Warning, &place, "5.1", "relationship-types", message);
            }
            RelationshipFit::Custom => {
                let message = format!("`{}` is not a relationship the standard describes", brief(&name));
                let place = place.name("relationship_type");
                self.report(Severity::Note, &place, "5.1", "relationship-type-vocabulary", message);
            }
        }
    }

    fn indicator(&mut self, place: &Place<'_>) {
        let Some(check) = self.checks.pattern else { return };
        if !self.root.get("pattern_type").is_some_and(|language| language.is("stix")) {
            return;
        }
        let Some(pattern) = self.root.get("pattern").and_then(|pattern| pattern.as_str()) else { return };
        for problem in check(&pattern) {
            let message = format!("{} (at {} to {})", problem.message, problem.start, problem.end);
            self.report(problem.severity, &place.name("pattern"), "9", "pattern", message);
        }
    }

    /// §3.2: a marking definition cannot be marked with itself.
    fn marked_with_itself(&mut self, place: &Place<'_>) {
        let Some(id) = self.root.get("id").and_then(|id| id.as_str()) else { return };
        let whole = self.root.get("object_marking_refs").into_iter().flat_map(|refs| refs.items());
        let parts = self.root.get("granular_markings").into_iter().flat_map(|markings| markings.items());
        let mut refs = whole.chain(parts.filter_map(|marking| marking.get("marking_ref")));
        if refs.any(|marking| marking.as_str().is_some_and(|marking| marking.eq_ignore_ascii_case(&id))) {
            self.error(place, "3.2", "circular-marking", "a marking definition marks itself".to_owned());
        }
    }

    /// §7.2.1.4: TLP levels are fixed objects that nobody else may define.
    fn marking_definition(&mut self, place: &Place<'_>) {
        let id = self.root.get("id").and_then(|id| id.as_str()).unwrap_or_default().to_ascii_lowercase();
        let fixed = TLP_MARKINGS.iter().find(|marking| marking.id == id);
        let definition = self.root.get("definition");
        let tlp = self.root.get("definition_type").filter(|kind| kind.is("tlp"));
        let level_1 = tlp.and_then(|_| definition?.get("tlp")?.as_str());
        let level_2 = self
            .root
            .get("extensions")
            .and_then(|extensions| extensions.get(schema::TLP_2_EXTENSION)?.get("tlp_2_0")?.as_str());
        if let Some(kind) = self.root.get("definition_type").and_then(|kind| kind.as_str()) {
            let place = place.name("definition");
            match (&*kind, definition) {
                (_, Some(definition)) if definition.kind() != json::Kind::Object => {
                    let message = format!("expected an object, found {}", definition.kind().as_str());
                    self.error(&place, "7.2.1", "definition", message);
                }
                ("statement", Some(definition)) => self.definition_text(definition, "statement", &place),
                ("tlp", Some(definition)) => self.definition_text(definition, "tlp", &place),
                ("statement" | "tlp", None) => {}
                _ => {
                    let message = format!("`{}` is not `statement` or `tlp`", brief(&kind));
                    self.report(Severity::Note, &place, "7.2.1", "definition-type-vocabulary", message);
                }
            }
        }
        match fixed {
            None if tlp.is_some() => {
                let message =
                    "only the four TLP 1 marking definitions of the standard may be used".to_owned();
                self.error(place, "7.2.1", "tlp-fixed", message);
            }
            None if level_2.is_some() => {
                let message =
                    "only the five TLP 2.0 marking definitions of its extension may be used".to_owned();
                self.error(place, "7.2.1", "tlp-2-fixed", message);
            }
            None => {}
            Some(marking) => {
                let level = if marking.version_2 { level_2 } else { level_1 };
                let created = self.root.get("created").and_then(|created| created.as_str());
                let same_time = created.is_some_and(|created| {
                    created.parse::<Timestamp>().ok() == marking.created.parse::<Timestamp>().ok()
                });
                if level.as_deref() != Some(marking.value) || !same_time {
                    let message = format!(
                        "this id is TLP `{}`, created {}: its content may not differ",
                        marking.value, marking.created
                    );
                    self.error(place, "7.2.1", "tlp-content", message);
                }
            }
        }
    }

    fn definition_text(&mut self, definition: Value<'a>, name: &'static str, place: &Place<'_>) {
        if !definition.get(name).is_some_and(|text| text.kind() == json::Kind::String) {
            let message = format!("a `{name}` marking needs the text `{name}`");
            self.error(place, "7.2.1", "definition", message);
        }
    }

    fn extension_definition(&mut self, place: &Place<'_>) {
        let types = self.root.get("extension_types");
        let toplevel =
            types.is_some_and(|types| types.items().any(|kind| kind.is("toplevel-property-extension")));
        let Some(properties) = self.root.get("extension_properties") else {
            if toplevel {
                let message =
                    "a `toplevel-property-extension` should list its `extension_properties`".to_owned();
                self.report(Severity::Warning, place, "7.3", "extension-properties-missing", message);
            }
            return;
        };
        let place = place.name("extension_properties");
        if !toplevel {
            let message = "`extension_properties` belongs to a `toplevel-property-extension`".to_owned();
            self.error(&place, "7.3", "extension-properties", message);
        }
        for (index, property) in properties.items().enumerate() {
            if property.as_str().is_some_and(|name| !syntax::is_property_name(&name)) {
                let message = format!("{} is not a property name", brief(property.raw()));
                self.error(&place.index(index), "7.3", "extension-property-name", message);
            }
        }
    }

    /// §4.14: relationships alone are no observation.
    fn observed_objects(&mut self, place: &Place<'_>) {
        let Some(refs) = self.root.get("object_refs") else { return };
        let mut types = refs.items().filter_map(|id| id.as_str()).peekable();
        let is_sro = |id: &str| id.starts_with("relationship--") || id.starts_with("sighting--");
        if types.peek().is_some() && types.all(|id| is_sro(&id)) {
            let message = "`object_refs` needs at least one cyber-observable".to_owned();
            self.error(&place.name("object_refs"), "4.14", "observed-without-sco", message);
        }
    }

    fn country(&mut self, place: &Place<'_>) {
        let Some(country) = self.root.get("country").and_then(|country| country.as_str()) else { return };
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            let message = format!("`{}` is not an ISO 3166-1 alpha-2 code", brief(&country));
            self.report(Severity::Warning, &place.name("country"), "4.10", "country-code", message);
        }
    }

    fn observed(
        &mut self,
        place: &Place<'_>,
        section: &str,
        rule: &str,
        good: fn(&str) -> bool,
        expected: &str,
    ) {
        let Some(text) = self.root.get("value").and_then(|value| value.as_str()) else { return };
        if good(&text) {
            return;
        }
        let defanged = self.root.get("defanged").and_then(|flag| flag.as_bool()).unwrap_or(false);
        if !defanged {
            let message = format!("`{}` is not {expected}", brief(&text));
            self.error(&place.name("value"), section, rule, message);
        }
    }

    fn cpe(&mut self, place: &Place<'_>) {
        if let Some(cpe) = self.root.get("cpe").and_then(|cpe| cpe.as_str())
            && !cpe.starts_with("cpe:2.3:")
        {
            let message = format!("`{}` is not a CPE 2.3 name", brief(&cpe));
            self.error(&place.name("cpe"), "6.14", "cpe", message);
        }
    }

    fn hive(&mut self, place: &Place<'_>) {
        const SHORT: &[&str] = &["hklm", "hkcu", "hkcr", "hku", "hkcc"];
        let Some(key) = self.root.get("key").and_then(|key| key.as_str()) else { return };
        let hive = key.split('\\').next().unwrap_or_default();
        if SHORT.iter().any(|short| hive.eq_ignore_ascii_case(short)) {
            let message = format!("`{hive}` is a truncated hive; write it out");
            self.error(&place.name("key"), "6.17", "registry-hive", message);
        }
    }
}
