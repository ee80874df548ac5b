//! Our own extension, for what STIX has no word for: PAP, caveats on nations, purposes, personal data, STANAG 4774.

use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Value};
use model::Label;

use super::{boolean, only, text, texts};
use crate::acs::Acs;
use crate::handling::Handling;
use crate::nation::Nation;
use crate::releasability::Releasability;
use crate::spif::Spifs;
use crate::stanag::{Classification, Stanag};
use crate::stanag_xml::ConfidentialityLabel;

/// The extension of a marking definition that says how something may be handled.
///
/// All of its properties are optional, and each that is there restricts:
///
/// | property | value |
/// |---|---|
/// | `own_organisation_only` | `true` |
/// | `pap` | `red`, `amber`, `green` or `clear` |
/// | `rel_to` | nations as ISO 3166-1 codes, or `FVEY`, `ACGU`, `TEYE`; `ZZZ` is nobody |
/// | `eyes_only` | `true`: for the nations of `rel_to` only, and not to be passed on |
/// | `noforn` | the nation whose caveat it is, or `true` when that is not known |
/// | `orcon` | `true` |
/// | `purposes` | what it may be used for; `ZZZ` is nothing |
/// | `personal_data` | `true` |
/// | `confidentiality_label` | a STANAG 4774 label as XML, or `policy`, `name`, `hierarchy`, `restrictive`, `permissive`, `informative` |
/// | `contradictory` | `acs` or `stanag`: labels that nobody satisfies together |
///
/// A property it does not define makes the marking one that is not understood.
pub const HANDLING_EXTENSION: &str = "extension-definition--f90071f0-4e68-4ccd-a673-13e4cef3797f";

/// The identity and the extension definition that stand behind [`HANDLING_EXTENSION`].
pub const HANDLING_DEFINITIONS: [&str; 2] = [
    stix::redact::REDACTION_DEFINITIONS[0],
    concat!(
        r#"{"type":"extension-definition","spec_version":"2.1","#,
        r#""id":"extension-definition--f90071f0-4e68-4ccd-a673-13e4cef3797f","#,
        r#""created_by_ref":"identity--7b5518c2-7c8a-4508-ba6f-d6914700240f","#,
        r#""created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","#,
        r#""name":"Handling","description":"How something may be handled, where STIX has no word for it: PAP, "#,
        r#"releasability, purposes, personal data and STANAG 4774 confidentiality labels. Every property restricts; "#,
        r#"a reader who does not know one must not pass on what refers to the marking.","#,
        r#""schema":"own_organisation_only, eyes_only, orcon, personal_data (true); pap (red, amber, green, clear); "#,
        r#"rel_to (list of ISO 3166-1 alpha-3 codes, ZZZ for nobody); noforn (such a code, or true); purposes (list "#,
        r#"of strings); confidentiality_label (STANAG 4774 XML, or an object); contradictory (list of acs, stanag)","#,
        r#""version":"1.0.0","extension_types":["property-extension"]}"#
    ),
];

/// The code of no nation (ISO 3166-1, user-assigned), and of nothing at all where a list must not be empty (STIX
/// 2.1 §2.12).
pub(crate) const NOBODY: &str = "ZZZ";

const KNOWN: [&str; 11] = [
    "extension_type",
    "own_organisation_only",
    "pap",
    "rel_to",
    "eyes_only",
    "noforn",
    "orcon",
    "purposes",
    "personal_data",
    "confidentiality_label",
    "contradictory",
];

/// What the extension restricts.
pub(super) fn meaning(
    extension: Value<'_>,
    spifs: &Spifs,
    notes: &mut Vec<String>,
) -> Result<Handling, String> {
    only(extension, "our handling extension", &KNOWN)?;
    let get = |name: &str| extension.get(name);
    let flag = |name: &str| get(name).map_or(Ok(false), |value| boolean(value, name));
    let own = if flag("own_organisation_only")? { Label::OwnOnly } else { Label::CLEAR };
    let mut handling = Handling::from(own).with_personal(flag("personal_data")?);
    if let Some(pap) = get("pap") {
        let level = text(pap, "pap")?.parse().map_err(|_| "has a PAP level that is not known")?;
        handling = handling.with_pap(level);
    }
    if let Some(purposes) = get("purposes") {
        let purposes = texts(purposes, "purposes")?.into_iter().filter(|purpose| purpose != NOBODY);
        handling = handling.with_purposes(Some(purposes.map(|purpose| purpose.into_owned()).collect()));
    }
    let mut caveats = Releasability::OPEN;
    if let Some(list) = get("rel_to") {
        caveats = Releasability::rel_to(nations(texts(list, "rel_to")?.iter(), notes));
    }
    if let Some(noforn) = get("noforn") {
        let of = match noforn.as_bool() {
            Some(true) => Some(Releasability::noforn(None)),
            Some(false) => None,
            None => {
                Some(Releasability::noforn(nations([text(noforn, "noforn")?].iter(), notes).first().copied()))
            }
        };
        caveats = of.map_or(caveats.clone(), |of| caveats.meet(&of));
    }
    if flag("eyes_only")? {
        // Without a list nobody can say whose eyes.
        caveats = caveats.meet(&Releasability::eyes_only(caveats.to().into_iter().flatten().copied()));
    }
    if flag("orcon")? {
        caveats = caveats.meet(&Releasability::orcon());
    }
    let mut stanag = Stanag::Unmarked;
    if let Some(label) = get("confidentiality_label") {
        let label = classify(label, spifs)
            .map_err(|problem| format!("has a confidentiality label that nobody can read: {problem}"))?;
        stanag = Stanag::Label(label);
    }
    for name in get("contradictory").map_or(Ok(Vec::new()), |list| texts(list, "contradictory"))? {
        match name.as_ref() {
            "acs" => handling = handling.with_acs(Acs::NOBODY),
            "stanag" => stanag = Stanag::Nobody,
            _ => return Err("contradicts itself in a scheme that is not known".to_owned()),
        }
    }
    Ok(handling.with_releasability(caveats).with_stanag(stanag))
}

/// The nations of a list of codes; a code that nobody knows adds none, and a note.
pub(super) fn nations<T: AsRef<str>>(
    codes: impl Iterator<Item = T>,
    notes: &mut Vec<String>,
) -> BTreeSet<Nation> {
    let mut nations = BTreeSet::new();
    for code in codes {
        let members = Nation::expand(code.as_ref());
        if members.is_empty() && code.as_ref() != NOBODY {
            notes.push(format!(
                "names a nation that is not known, so not releasable there: `{}`",
                super::brief(code.as_ref())
            ));
        }
        nations.extend(members);
    }
    nations
}

fn classify(value: Value<'_>, spifs: &Spifs) -> Result<Classification, String> {
    if let Some(text) = value.as_str() {
        let label = ConfidentialityLabel::parse(&text).map_err(|error| error.to_string())?;
        return spifs.classify(&label).map_err(|error| error.to_string());
    }
    only(
        value,
        "a classification",
        &["policy", "name", "hierarchy", "restrictive", "permissive", "informative"],
    )?;
    let string = |name: &str| text(value.get(name).ok_or("lacks its policy, name or hierarchy")?, name);
    let hierarchy = value.get("hierarchy").and_then(|number| u32::try_from(number.as_i64()?).ok());
    let label = Classification {
        policy: string("policy")?.into_owned(),
        name: string("name")?.into_owned(),
        hierarchy: hierarchy.ok_or("lacks its hierarchy")?,
        restrictive: categories(value, "restrictive")?,
        permissive: categories(value, "permissive")?,
        informative: categories(value, "informative")?,
    };
    // The number is another node's reading of its SPIF: it counts only where ours says the same.
    if spifs.agrees(&label) { Ok(label) } else { Err("no SPIF here says the same".to_owned()) }
}

fn categories(value: Value<'_>, name: &str) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let Some(map) = value.get(name) else { return Ok(BTreeMap::new()) };
    if map.kind() != Kind::Object {
        return Err(format!("has `{name}` categories that are no object"));
    }
    let mut categories = BTreeMap::new();
    for (tag, values) in map.entries() {
        let values = texts(values, name)?.into_iter().filter(|value| value != NOBODY);
        categories.insert(text(tag, name)?.into_owned(), values.map(|value| value.into_owned()).collect());
    }
    Ok(categories)
}
