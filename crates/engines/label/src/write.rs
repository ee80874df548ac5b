//! From a handling to the markings that say it in STIX.

use std::collections::{BTreeMap, BTreeSet};

use json::write_string;
use model::{Label, StixId, Timestamp, Tlp};
use stix::marking::tlp_ref;

use crate::acs::{AcsPolicy, AcsScope};
use crate::definition::{ACS_EXTENSION, HANDLING_EXTENSION, IEP_EXTENSION, NOBODY};
use crate::handling::Handling;
use crate::iep::{Attribution, Iep};
use crate::pap::Pap;
use crate::releasability::Releasability;
use crate::stanag::{Classification, Stanag};

/// The markings that say the same as a handling, for `object_marking_refs`, each with the raw text of its
/// definition; `None` for TLP, whose definitions everybody has ([`stix::marking::tlp_definition`]).
///
/// One definition for each dimension that restricts, and the same one for everybody who writes it: ids are UUIDv5
/// over the content. Reading them gives the handling back, given the same STANAG 4774 policies. TLP is always
/// there, CLEAR too, so that no source default applies at a receiver.
#[must_use]
pub fn marking_refs(handling: &Handling) -> Vec<(StixId, Option<String>)> {
    let mut refs = Vec::new();
    let mut own = |name: &str, body: Body| refs.push(definition(name, HANDLING_EXTENSION, body));
    if handling.tlp() == Label::OwnOnly {
        own("Own organisation only", Body::new().raw("own_organisation_only", "true"));
    }
    if handling.pap() != Pap::Clear {
        let level = handling.pap().as_str();
        own(&format!("PAP:{}", level.to_ascii_uppercase()), Body::new().string("pap", level));
    }
    if handling.personal() {
        own("Personal data", Body::new().raw("personal_data", "true"));
    }
    if *handling.releasability() != Releasability::OPEN {
        let (name, body) = releasability(handling.releasability());
        own(&name, body);
    }
    if let Some(purposes) = handling.purposes() {
        let name = format!("For {}", purposes.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        own(&name, Body::new().strings("purposes", purposes.iter().map(String::as_str)));
    }
    match handling.stanag() {
        Stanag::Unmarked => {}
        Stanag::Nobody => own("Contradictory labels", Body::new().strings("contradictory", ["stanag"])),
        Stanag::Label(label) => {
            own(&label.name, Body::new().raw("confidentiality_label", &confidentiality(label)))
        }
    }
    if handling.acs().is_nobody() {
        own("Contradictory labels", Body::new().strings("contradictory", ["acs"]));
    }
    let policies = handling.acs().policies().map(|policy| definition("ACS", ACS_EXTENSION, acs(policy)));
    refs.extend(policies);
    if *handling.iep() != Iep::OPEN {
        refs.extend(iep(handling.iep(), handling.tlp()));
    }
    let mut all: Vec<_> = refs.into_iter().map(|(id, text)| (id, Some(text))).collect();
    if let Label::Tlp(tlp) = handling.tlp() {
        all.insert(0, (tlp_ref(tlp), None));
    }
    all
}

/// The namespace of the ids of our definitions.
const NAMESPACE: uuid::Uuid = uuid::uuid!("f2a86de7-b35d-4282-99f8-78becf00cbda");

/// Everything that is the same for everybody has always been there.
const CREATED: &str = "2026-01-01T00:00:00.000Z";

fn definition(name: &str, extension: &str, body: Body) -> (StixId, String) {
    let body = Body(format!(r#""extension_type":"property-extension",{}"#, body.0));
    let content = format!("{extension}{}", body.0);
    let body = if extension == ACS_EXTENSION {
        // An ACS marking needs an identifier and a time of its own.
        let identifier =
            format!("isa:guide.19001.ACS3-{}", uuid::Uuid::new_v5(&NAMESPACE, content.as_bytes()));
        body.string("identifier", &identifier).string("create_date_time", CREATED)
    } else {
        body
    };
    let uuid = uuid::Uuid::new_v5(&NAMESPACE, format!("{name}{content}").as_bytes());
    let id = StixId::new("marking-definition", model::Uuid(*uuid.as_bytes()));
    let text = Body::new()
        .string("type", "marking-definition")
        .string("spec_version", "2.1")
        .string("id", id.as_str())
        .string("created", CREATED)
        .string("name", name)
        .raw("extensions", &Body::new().raw(extension, &body.close()).close());
    (id, text.close())
}

fn releasability(caveats: &Releasability) -> (String, Body) {
    let (mut names, mut body) = (Vec::new(), Body::new());
    let codes = |set: &BTreeSet<crate::Nation>| set.iter().map(|nation| nation.as_str()).collect::<Vec<_>>();
    match (caveats.is_noforn(), caveats.to()) {
        (true, list) => {
            names.push("NOFORN".to_owned());
            body = match list.and_then(|list| list.first()) {
                Some(nation) => body.string("noforn", nation.as_str()),
                None => body.raw("noforn", "true"),
            };
        }
        (false, Some(list)) => {
            names.push(format!("REL TO {}", codes(list).join(", ")));
            body = body.strings("rel_to", codes(list));
        }
        (false, None) => {}
    }
    if caveats.is_eyes_only() {
        names.push("EYES ONLY".to_owned());
        body = body.raw("eyes_only", "true");
    }
    if caveats.is_orcon() {
        names.push("ORCON".to_owned());
        body = body.raw("orcon", "true");
    }
    (names.join("//"), body)
}

fn confidentiality(label: &Classification) -> String {
    let mut body = Body::new()
        .string("policy", &label.policy)
        .string("name", &label.name)
        .raw("hierarchy", &label.hierarchy.to_string());
    let maps = [
        ("restrictive", &label.restrictive),
        ("permissive", &label.permissive),
        ("informative", &label.informative),
    ];
    for (name, map) in maps {
        if !map.is_empty() {
            body = body.raw(name, &categories(map));
        }
    }
    body.close()
}

fn categories(map: &BTreeMap<String, BTreeSet<String>>) -> String {
    map.iter()
        .fold(Body::new(), |body, (tag, values)| body.strings(tag, values.iter().map(String::as_str)))
        .close()
}

fn acs(policy: &AcsPolicy) -> Body {
    let default = |permit: bool| if permit { "permit" } else { "deny" };
    let reference = format!(
        "urn:isa:policy:acs:ns:v3.0?privdefault={}&sharedefault={}",
        default(policy.may_do_by_default),
        default(policy.may_pass_on_by_default),
    );
    let mut set = Body::new().string("classification", policy.classification.as_str());
    let kinds = [
        ("sci_controls", "SCI:"),
        ("logical_authority_category", "LAC:"),
        ("formal_determination", "FD:"),
        ("caveat", "CVT:"),
        ("sensitivity", "SENS:"),
    ];
    for (name, prefix) in kinds {
        let tokens: Vec<&str> =
            policy.controls.iter().filter_map(|control| control.strip_prefix(prefix)).collect();
        if !tokens.is_empty() {
            set = set.strings(name, tokens);
        }
    }
    let mut body = Body::new()
        .string("responsible_entity_custodian", &policy.custodian)
        .string("policy_reference", &reference)
        .raw("control_set", &scope(set, &policy.access).close());
    let rule = |permit: bool| Body::new().string("rule_effect", default(permit));
    let privileges = policy.may_do.iter().map(|privilege| {
        rule(privilege.permit)
            .string("privilege_action", &privilege.action)
            .raw("privilege_scope", &scope(Body::new(), &privilege.scope).close())
            .close()
    });
    let sharings = policy.may_pass_on.iter().map(|sharing| {
        rule(sharing.permit).strings("sharing_scope", sharing.to.iter().map(String::as_str)).close()
    });
    let lists =
        [("access_privilege", privileges.collect::<Vec<_>>()), ("further_sharing", sharings.collect())];
    for (name, list) in lists {
        if !list.is_empty() {
            body = body.raw(name, &format!("[{}]", list.join(",")));
        }
    }
    match policy.dispose {
        Some(at) => {
            let disposition = Body::new()
                .string("disposition_date", &at.to_string())
                .string("disposition_process", "destruction");
            body.raw("resource_disposition", &disposition.close())
        }
        None => body,
    }
}

/// The lists of a scope. `ALL` is said where all of them are open, because a scope must not be empty.
fn scope(mut body: Body, scope: &AcsScope) -> Body {
    if *scope == AcsScope::default() {
        return body.strings("permitted_organizations", ["ALL"]);
    }
    if let Some(list) = &scope.nationalities {
        body = body.strings("permitted_nationalities", list.iter().map(|nation| nation.as_str()));
    }
    let lists = [
        ("permitted_organizations", &scope.organisations),
        ("shareability", &scope.shareability),
        ("entity", &scope.entities),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            body = body.strings(name, list.iter().map(String::as_str));
        }
    }
    body
}

/// One definition, or two where the policies behind it both demand and forbid to name the provider.
fn iep(iep: &Iep, tlp: Label) -> Vec<(StixId, String)> {
    let attributions: &[Attribution] = match iep.attribution {
        Attribution::Conflict => &[Attribution::Must, Attribution::MustNot],
        Attribution::MustNot => &[Attribution::MustNot],
        Attribution::Must => &[Attribution::Must],
        Attribution::May => &[Attribution::May],
    };
    let tlp = match tlp {
        Label::Tlp(level) => level,
        Label::OwnOnly => Tlp::Red,
    };
    let may = |may: bool| if may { "may" } else { "must-not" };
    let one = |attribution: &Attribution| {
        let body = Body::new()
            .raw("iep_version", "2.0")
            .string("start_date", &iep.start.unwrap_or(Timestamp::EPOCH).to_string())
            .string("encrypt_in_transit", if iep.encrypt_in_transit { "must" } else { "may" })
            .string("permitted_actions", iep.permitted_actions.as_str())
            .string("affected_party_notifications", may(iep.may_notify_affected))
            .string("tlp", tlp.as_str())
            .string("provider_attribution", attribution.as_str())
            .string("unmodified_resale", may(iep.may_resell));
        let body = match iep.end {
            Some(end) => body.string("end_date", &end.to_string()),
            None => body,
        };
        let id = uuid::Uuid::new_v5(&NAMESPACE, body.0.as_bytes());
        let body = body
            .string("iep_id", &id.to_string())
            .string("policy_name", "Combined policies")
            .string("description", "What the policies permit together.");
        definition("IEP", IEP_EXTENSION, body)
    };
    attributions.iter().map(one).collect()
}

/// The members of a JSON object, in the order they are appended.
struct Body(String);

impl Body {
    const fn new() -> Self {
        Self(String::new())
    }

    fn raw(mut self, name: &str, raw: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        write_string(name, &mut self.0);
        self.0.push(':');
        self.0.push_str(raw);
        self
    }

    fn string(self, name: &str, value: &str) -> Self {
        let mut raw = String::with_capacity(value.len() + 2);
        write_string(value, &mut raw);
        self.raw(name, &raw)
    }

    /// A list of strings. STIX has no empty list (§2.12), so an empty one names nobody.
    fn strings<'s>(self, name: &str, values: impl IntoIterator<Item = &'s str>) -> Self {
        let mut raw = String::from("[");
        for value in values {
            if raw.len() > 1 {
                raw.push(',');
            }
            write_string(value, &mut raw);
        }
        if raw.len() == 1 {
            write_string(NOBODY, &mut raw);
        }
        raw.push(']');
        self.raw(name, &raw)
    }

    fn close(&self) -> String {
        format!("{{{}}}", self.0)
    }
}
