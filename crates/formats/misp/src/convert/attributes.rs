//! What one attribute of an event becomes.

use json::write_string;
use model::{Severity, StixId};
use observable::{Kind, normalise};

use super::write::{Common, indicator, labels, observed, short};
use super::{Converter, Scope, own_id};
use crate::attribute::Attribute;
use crate::galaxy::reference;
use crate::home::{Facts, Home, home};

impl Converter {
    pub(super) fn attribute(&mut self, scope: &mut Scope, attribute: &Attribute<'_>) {
        let mut labels = labels(attribute.json, &[("type", &attribute.type_name)]);
        labels.extend(attribute.category.iter().map(|category| format!("misp:category=\"{category}\"")));
        let (facts, name) = match home(&attribute.type_name, &attribute.value) {
            Home::Facts(facts) => (facts, attribute.value.as_str()),
            Home::Attachment => (self.attachment(attribute), attribute.value.as_str()),
            Home::Rule(pattern_type) => {
                let id = own_id("indicator", &["attribute", &attribute.uuid]);
                let name = format!("{} rule", attribute.type_name);
                let json =
                    self.indicator(scope, attribute, labels, &id, &name, (pattern_type, &attribute.value));
                self.stand(scope, &id, json, attribute);
                return;
            }
            Home::Link => {
                let mut link = String::from("{\"source_name\":\"misp-link\",");
                let member =
                    if normalise(Kind::Url, &attribute.value).is_some() { "url" } else { "external_id" };
                link.push_str(&format!("\"{member}\":"));
                write_string(&attribute.value, &mut link);
                if let Some(comment) = &attribute.comment {
                    link.push_str(",\"description\":");
                    write_string(comment, &mut link);
                }
                link.push('}');
                if !attribute.deleted {
                    scope.links.push(link);
                }
                scope.stands.insert(attribute.uuid.clone(), scope.report.clone());
                return;
            }
            Home::Named(type_name) => {
                self.named(scope, attribute, labels, type_name);
                return;
            }
            home => {
                self.doubt(&home, attribute);
                match home {
                    Home::Reread(facts, _) => (facts, attribute.value.as_str()),
                    _ => (Facts::default(), ""),
                }
            }
        };
        if attribute.to_ids && !facts.comparison.is_empty() {
            let id = own_id("indicator", &["attribute", &attribute.uuid]);
            let pattern = format!("[{}]", facts.comparison);
            let json = self.indicator(scope, attribute, labels, &id, name, ("stix", &pattern));
            self.stand(scope, &id, json, attribute);
        } else if facts.scos.is_empty() {
            let id = own_id("note", &["attribute", &attribute.uuid]);
            let common = self.common(scope, attribute, labels);
            let mut content = attribute.value.clone();
            if let Some(comment) = &attribute.comment {
                content.push_str("\n\n");
                content.push_str(comment);
            }
            let builder = common
                .start(&id)
                .string("abstract", &format!("MISP {}", attribute.type_name))
                .string("content", &content)
                .strings("object_refs", &[scope.report.as_str()]);
            let json = common.finish(builder, &[]);
            self.stand(scope, &id, json, attribute);
        } else {
            let ids = self.observe(scope, facts.scos, attribute.stated, attribute.deleted);
            self.resolves(scope, &ids, facts.resolves, attribute);
            let id = own_id("observed-data", &["attribute", &attribute.uuid]);
            let common = self.common(scope, attribute, labels);
            let seen = (attribute.first_seen, attribute.last_seen);
            let builder = observed(common.start(&id), attribute.at, seen, &ids, attribute.comment.as_deref());
            let json = common.finish(builder, &[]);
            self.stand(scope, &id, json, attribute);
        }
    }

    fn common<'a>(&self, scope: &'a Scope, attribute: &'a Attribute<'_>, labels: Vec<String>) -> Common<'a> {
        Common {
            scope,
            at: attribute.at,
            stated: attribute.stated,
            labels,
            origin: ("misp-attribute", &attribute.uuid),
            revoked: attribute.deleted,
        }
    }

    fn indicator(
        &self,
        scope: &Scope,
        attribute: &Attribute<'_>,
        labels: Vec<String>,
        id: &StixId,
        name: &str,
        (pattern_type, pattern): (&str, &str),
    ) -> String {
        let common = self.common(scope, attribute, labels);
        let seen = (attribute.first_seen, attribute.last_seen);
        let builder = indicator(
            common.start(id),
            name,
            attribute.comment.as_deref(),
            (pattern_type, pattern),
            attribute.at,
            seen,
        );
        common.finish(builder, &[])
    }

    /// Emits what stands for an attribute, and hangs its clusters and sightings on it.
    fn stand(&mut self, scope: &mut Scope, id: &StixId, json: String, attribute: &Attribute<'_>) {
        if !self.emit(id, json, attribute.stated, &attribute.pointer) {
            return;
        }
        scope.stands.insert(attribute.uuid.clone(), id.clone());
        if !attribute.deleted {
            scope.refs.push(id.clone());
        }
        self.attached(scope, id, attribute.json, &attribute.pointer, attribute.stated);
    }

    fn named(&mut self, scope: &mut Scope, attribute: &Attribute<'_>, labels: Vec<String>, type_name: &str) {
        let id = own_id(type_name, &["attribute", &attribute.uuid]);
        let common = self.common(scope, attribute, labels);
        let mut builder = common.start(&id).string("name", &attribute.value);
        if type_name == "malware" {
            builder = builder.raw("is_family", "true");
        }
        if let Some(comment) = &attribute.comment {
            builder = builder.string("description", comment);
        }
        let upper = attribute.value.to_ascii_uppercase();
        let external: Vec<String> =
            upper.starts_with("CVE-").then(|| reference("cve", "external_id", &upper)).into_iter().collect();
        let json = common.finish(builder, &external);
        self.stand(scope, &id, json, attribute);
    }

    /// The file behind an attachment, without its content: that may be live malware.
    fn attachment(&mut self, attribute: &Attribute<'_>) -> Facts {
        if attribute.json.get("data").is_some() {
            let message = format!(
                "the content of `{}` is left out; only its name and hash are kept",
                short(&attribute.value)
            );
            self.note(Severity::Warning, "misp/attachment", &format!("{}/data", attribute.pointer), message);
        }
        let kind = if attribute.value.contains('|') { "filename|md5" } else { "filename" };
        match home(kind, &attribute.value) {
            Home::Facts(facts) => facts,
            _ => Facts::default(),
        }
    }

    /// Says why an attribute does not become what its type promises.
    pub(super) fn doubt(&mut self, home: &Home, attribute: &Attribute<'_>) {
        let (severity, rule, message) = match home {
            Home::Malformed => (
                Severity::Warning,
                "misp/attribute-value",
                format!("`{}` is no {}; kept as a note", short(&attribute.value), attribute.type_name),
            ),
            Home::Reread(_, kind) => (
                Severity::Note,
                "misp/attribute-kind",
                format!("`{}` is no {}; read as {kind}", short(&attribute.value), attribute.type_name),
            ),
            Home::Unknown => (
                Severity::Note,
                "misp/attribute-type",
                format!("`{}` is not a known attribute type; kept as a note", attribute.type_name),
            ),
            _ => return,
        };
        self.note(severity, rule, &format!("{}/value", attribute.pointer), message);
    }
}
