//! The ACS 3.0 data marking extension.

use std::collections::BTreeSet;

use json::{Kind, Value};

use super::{MOST, brief, instant, only, text, texts};
use crate::acs::{Acs, AcsLevel, AcsPolicy, AcsPrivilege, AcsScope, AcsSharing};
use crate::handling::Handling;
use crate::nation::Nation;
use crate::releasability::Releasability;

const KNOWN: [&str; 16] = [
    "extension_type",
    "identifier",
    "name",
    "create_date_time",
    "responsible_entity_custodian",
    "responsible_entity_originator",
    "authority_reference",
    "policy_reference",
    "original_classification",
    "derivative_classification",
    "declassification",
    "resource_disposition",
    "public_release",
    "access_privilege",
    "further_sharing",
    "control_set",
];

const CONTROL_SET: [&str; 10] = [
    "classification",
    "sci_controls",
    "logical_authority_category",
    "formal_determination",
    "caveat",
    "sensitivity",
    "shareability",
    "entity",
    "permitted_nationalities",
    "permitted_organizations",
];

/// The vocabulary of privileged actions.
const ACTIONS: [&str; 12] = [
    "ALL",
    "DSPLY",
    "IDSRC",
    "TENOT",
    "NETDEF",
    "LEGAL",
    "INTEL",
    "TEARLINE",
    "OPACTION",
    "REQUEST",
    "ANONYMOUSACCESS",
    "CISAUSES",
];

/// The policy that a `policy_reference` has to name; its two defaults stand behind it.
const POLICY: &str = "urn:isa:policy:acs:ns:v3.0?";

/// What the extension restricts.
pub(super) fn meaning(extension: Value<'_>, notes: &mut Vec<String>) -> Result<Handling, String> {
    only(extension, "ACS 3.0", &KNOWN)?;
    let required =
        |name: &str| extension.get(name).ok_or_else(|| format!("is an ACS marking without `{name}`"));
    let set = required("control_set")?;
    only(set, "an ACS control set", &CONTROL_SET)?;
    let level = set.get("classification").and_then(|level| AcsLevel::parse(&level.as_str()?));
    let classification = level.ok_or("is an ACS marking with a classification that is not known")?;
    let (mut controls, mut personal, mut noforn) = (BTreeSet::new(), false, false);
    let kinds = [
        ("sci_controls", "SCI"),
        ("logical_authority_category", "LAC"),
        ("formal_determination", "FD"),
        ("caveat", "CVT"),
        ("sensitivity", "SENS"),
    ];
    for (name, kind) in kinds {
        for token in list(set, name)? {
            match (kind, token.as_str()) {
                // These say what may be done with it elsewhere; here they give nothing.
                ("FD", "AIS" | "PUBREL" | "PII-NOT-PRESENT") => {}
                ("FD", "NF") => noforn = true,
                ("FD", "PII-NECESSARY-TO-UNDERSTAND-THREAT") | ("CVT", "POSSIBLEPII") => personal = true,
                _ => {
                    personal |= (kind, token.as_str()) == ("SENS", "PII");
                    controls.insert(format!("{kind}:{token}"));
                }
            }
        }
    }
    let (may_do_by_default, may_pass_on_by_default) =
        defaults(&text(required("policy_reference")?, "policy_reference")?);
    let dispose = extension.get("resource_disposition").map(|disposition| {
        let date = disposition.get("disposition_date").ok_or("has a disposition without a date")?;
        instant(date, "disposition_date")
    });
    let policy = AcsPolicy {
        custodian: text(required("responsible_entity_custodian")?, "responsible_entity_custodian")?
            .into_owned(),
        classification,
        controls,
        access: scope(set, notes)?,
        may_do_by_default,
        may_do: privileges(extension, notes)?,
        may_pass_on_by_default,
        may_pass_on: sharings(extension)?,
        dispose: dispose.transpose()?,
    };
    let handling = Handling::clear().with_acs(Acs::of(policy)).with_personal(personal);
    // NF is the United States' own caveat: no other nation publishes under it.
    let own = Releasability::noforn(Nation::from_alpha3("USA"));
    Ok(if noforn { handling.with_releasability(own) } else { handling })
}

/// `privdefault` and `sharedefault` of a policy reference; whatever does not say `permit` denies.
///
/// Several URNs may stand there between spaces, and the two defaults are seen with `&`, `?` and `&amp;` between
/// them. Two references that differ deny.
fn defaults(reference: &str) -> (bool, bool) {
    let queries: Vec<&str> = reference.split(' ').filter_map(|urn| urn.strip_prefix(POLICY)).collect();
    let permits = |key: &str| {
        let says = |query: &&str| {
            let query = query.replace("&amp;", "&");
            let mut pairs =
                query.split(['&', '?']).filter_map(|pair| pair.split_once('=')).filter(|pair| pair.0 == key);
            pairs.next().is_some_and(|pair| pair.1 == "permit") && pairs.next().is_none()
        };
        !queries.is_empty() && queries.iter().all(says)
    };
    (permits("privdefault"), permits("sharedefault"))
}

fn list(value: Value<'_>, name: &str) -> Result<BTreeSet<String>, String> {
    match value.get(name) {
        Some(list) => {
            let tokens = texts(list, name)?.into_iter().filter(|token| token != super::NOBODY);
            // In upper case, so that no denial is overlooked for its spelling.
            Ok(tokens.map(|token| token.trim().to_ascii_uppercase()).collect())
        }
        None => Ok(BTreeSet::new()),
    }
}

/// The four lists of a scope; one that is absent or holds `ALL` is everybody.
fn scope(value: Value<'_>, notes: &mut Vec<String>) -> Result<AcsScope, String> {
    let tokens = |name: &str| -> Result<Option<BTreeSet<String>>, String> {
        let list = value.get(name).map(|_| list(value, name)).transpose()?;
        Ok(list.filter(|list| !list.contains("ALL")))
    };
    let nationalities =
        tokens("permitted_nationalities")?.map(|codes| super::own::nations(codes.iter(), notes));
    Ok(AcsScope {
        nationalities,
        organisations: tokens("permitted_organizations")?,
        shareability: tokens("shareability")?,
        entities: tokens("entity")?,
    })
}

fn rules<'a>(extension: Value<'a>, name: &str) -> Result<Vec<(bool, Value<'a>)>, String> {
    let Some(list) = extension.get(name) else { return Ok(Vec::new()) };
    if list.kind() != Kind::Array || list.items().count() > MOST {
        return Err(format!("has a `{name}` that is no list, or too long a one"));
    }
    let rule = |rule: Value<'a>| match rule.get("rule_effect").and_then(|effect| effect.as_str()).as_deref() {
        Some("permit") => Ok((true, rule)),
        Some("deny") => Ok((false, rule)),
        _ => Err(format!("has a rule in `{name}` that neither permits nor denies: `{}`", brief(rule.raw()))),
    };
    list.items().map(rule).collect()
}

fn privileges(extension: Value<'_>, notes: &mut Vec<String>) -> Result<BTreeSet<AcsPrivilege>, String> {
    let mut privileges = BTreeSet::new();
    for (permit, rule) in rules(extension, "access_privilege")? {
        only(rule, "an ACS privilege", &["privilege_action", "privilege_scope", "rule_effect"])?;
        let action = rule.get("privilege_action").ok_or("has a privilege without an action")?;
        let action = text(action, "privilege_action")?.trim().to_ascii_uppercase();
        // The vocabulary is open. What nobody knows, nobody does, so permitting it is idle and denying it is not.
        if !permit && !ACTIONS.contains(&action.as_str()) {
            return Err(format!("denies an action that is not known: `{}`", brief(&action)));
        }
        let scope = match rule.get("privilege_scope") {
            Some(value) => {
                let known = ["permitted_nationalities", "permitted_organizations", "shareability", "entity"];
                only(value, "an ACS scope", &known)?;
                scope(value, notes)?
            }
            // Nobody is meant by a permission for nobody in particular; a denial means everybody.
            None if permit => continue,
            None => AcsScope::default(),
        };
        privileges.insert(AcsPrivilege { permit, action, scope });
    }
    Ok(privileges)
}

fn sharings(extension: Value<'_>) -> Result<BTreeSet<AcsSharing>, String> {
    let mut sharings = BTreeSet::new();
    for (permit, rule) in rules(extension, "further_sharing")? {
        only(rule, "an ACS rule on further sharing", &["sharing_scope", "rule_effect"])?;
        if rule.get("sharing_scope").is_none() {
            return Err("has a rule in `further_sharing` without a scope".to_owned());
        }
        let to = list(rule, "sharing_scope")?;
        sharings.insert(AcsSharing { permit, to });
    }
    Ok(sharings)
}
