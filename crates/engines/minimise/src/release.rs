//! The text that may leave, or why there is none.

use std::collections::{BTreeMap, BTreeSet};

use json::{Kind, Value};
use model::StixId;
use stix::redact::{Redaction, remove};
use stix::refs::{is_required_reference, references};

use crate::addresses::AddressKey;
use crate::detect::{Detectors, ENOUGH, Found};
use crate::pseudonym::PersonKey;
use crate::stand_ins;

/// Which properties may pass, by object type: RFC 6901 pointers in which `*` stands for every item of a list or member
/// of an object. What lies below a property that passes, passes too. An object of a type that is not here is withheld.
///
/// Properties without which an object would not be one (`type`, `id`, times, markings, required ones) always pass. Of
/// `extensions` only the mark passes that something was removed, and the word that an extension makes the type.
pub type Profile = BTreeMap<String, BTreeSet<String>>;

/// What to do about personal data that a detector finds.
#[derive(Clone, Copy)]
pub enum Personal<'a> {
    /// Nothing passes in which some was found: a person decides.
    Review,
    /// What it was found in is taken out; an object that cannot do without waits for a person.
    Redact,
    /// It goes with stand-ins in its place; what cannot have one is taken out.
    Pseudonymise(&'a PersonKey),
    /// It passes.
    Allow,
}

/// Who the receiver learns the object is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contributor {
    /// As the object says.
    Named,
    /// Nobody: "a member".
    Anonymous,
    /// The same stand-in for everything this contributor sends under the agreement.
    Pseudonym(StixId),
}

/// What is asked of the text that leaves.
pub struct Plan<'a> {
    /// Properties that may pass; `None` for all.
    pub profile: Option<&'a Profile>,
    /// What to do about personal data.
    pub personal: Personal<'a>,
    /// Whether a person was shown this finding in this text, and let it pass. What has come up since was not.
    pub released: &'a dyn Fn(&Found) -> bool,
    /// Detectors beyond the built-in ones.
    pub detectors: &'a Detectors,
    /// Gives addresses other names.
    pub addresses: Option<&'a AddressKey>,
    /// Whom to name as the creator.
    pub contributor: &'a Contributor,
    /// Whether the receiver may know of this object: asked for each reference.
    pub may_know: &'a dyn Fn(&StixId) -> bool,
    /// The text of an object that is referred to, by which the id that it goes under is found.
    pub referred: &'a dyn Fn(&StixId) -> Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// The text to send, what was found in it and passed, and where something was taken out.
    Text {
        /// The object as it may leave.
        text: String,
        /// Found, and allowed to pass.
        passed: Vec<Found>,
        /// Found, and taken out or given a stand-in.
        redacted: Vec<Found>,
        /// Whether something goes under another name or value than its creator gave it.
        renamed: bool,
        /// Pointers, into the original, of everything taken out.
        removed: Vec<String>,
    },
    /// A person should look: this was found.
    Review(Vec<Found>),
    /// Nothing may leave: the reason, in words.
    Withheld(String),
}

/// Properties that every object keeps.
const ALWAYS: [&str; 8] = [
    "type",
    "spec_version",
    "id",
    "created",
    "modified",
    "revoked",
    "object_marking_refs",
    "granular_markings",
];

/// Makes the text that may leave.
///
/// In this order: references the receiver may not know of, properties outside the profile, the contributor, personal data,
/// addresses. A required reference or property that would have to go withholds the object. An id that was made from
/// what got a stand-in is made anew from the stand-in (STIX 2.1 §2.9), and references follow.
#[must_use]
pub fn release(object: Value<'_>, plan: &Plan<'_>) -> Released {
    let type_name = object.get("type").and_then(|name| name.as_str()).unwrap_or_default().into_owned();
    let mut hidden = match hidden_references(object, &type_name, plan) {
        Ok(hidden) => hidden,
        Err(reason) => return Released::Withheld(reason),
    };
    if let Some(profile) = plan.profile {
        match outside(object, &type_name, profile) {
            Some(pointers) => hidden.extend(pointers),
            None => {
                return Released::Withheld(format!("the agreed profile says nothing about `{type_name}`"));
            }
        }
    }
    if *plan.contributor == Contributor::Anonymous && object.get("created_by_ref").is_some() {
        hidden.insert("/created_by_ref".to_owned());
    }
    let gone = |pointer: &str| hidden.iter().any(|out| lies_in(out, pointer));
    let found = plan.detectors.find(object);
    // Then no value in it needs a stand-in: what gives them looks with the same expressions.
    let clean = found.is_empty();
    // Nobody has counted what else there is, so nothing of it can be taken out.
    let uncounted = found.len() >= ENOUGH;
    let found: Vec<_> = found.into_iter().filter(|found| !gone(&found.pointer)).collect();
    let is_new = |found: &Found| !(plan.released)(found);
    let news = found.iter().any(is_new);
    let (passed, redacted): (Vec<_>, Vec<_>) = match plan.personal {
        Personal::Allow => (found, Vec::new()),
        _ if uncounted && !news => {
            let reason = format!("more was found in it than the {ENOUGH} places that a person is shown");
            return Released::Withheld(reason);
        }
        _ if uncounted => return Released::Review(found),
        Personal::Review if news => return Released::Review(found),
        Personal::Review => (found, Vec::new()),
        Personal::Redact if found.iter().any(|found| found.pointer.is_empty() && is_new(found)) => {
            return Released::Review(found);
        }
        Personal::Redact => found.into_iter().partition(|found| !is_new(found)),
        // What a message says of people, and who wrote it to whom, is in more than its addresses.
        Personal::Pseudonymise(_) if type_name == "email-message" && news => return Released::Review(found),
        Personal::Pseudonymise(_) => (Vec::new(), found),
    };
    match plan.personal {
        Personal::Pseudonymise(_) => hidden.extend(stand_ins::beyond(object, &type_name, &redacted)),
        _ => hidden.extend(redacted.iter().map(|found| found.pointer.clone())),
    }
    let is_out = |found: &Found| hidden.iter().any(|out| lies_in(out, &found.pointer));
    let (redacted, passed) = {
        let (gone, passed): (Vec<_>, Vec<_>) = passed.into_iter().partition(is_out);
        ([redacted, gone].concat(), passed)
    };
    let (text, removed) = match remove(object, &hidden) {
        Redaction::Whole => (object.raw().to_owned(), Vec::new()),
        Redaction::TearLine { text, removed } => (text, removed),
        Redaction::Withheld if redacted.is_empty() => {
            return Released::Withheld("what would be left is not an object that makes sense".to_owned());
        }
        Redaction::Withheld => return Released::Review(redacted),
    };
    match stand_ins::given(&text, object, plan, clean) {
        Some(other) => {
            let renamed = other != text;
            Released::Text { text: other, passed, redacted, renamed, removed }
        }
        None => Released::Withheld("what is in it cannot be given other names".to_owned()),
    }
}

/// Whether a pointer names a place, or something in it.
fn lies_in(place: &str, pointer: &str) -> bool {
    pointer.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Pointers of references to what the receiver may not know of.
fn hidden_references(
    object: Value<'_>,
    type_name: &str,
    plan: &Plan<'_>,
) -> Result<BTreeSet<String>, String> {
    let own = object.get("id").and_then(|id| id.as_str());
    let (mut hidden, mut required) = (BTreeSet::new(), None);
    // Lists whose items all go are required only as far as one item must be left.
    let mut lists: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    references(object, &mut |pointer, property, target| {
        let Some(id) = target.as_str().and_then(|text| text.parse::<StixId>().ok()) else { return };
        let known = own.as_deref() == Some(id.as_str()) || is_handling(property) || (plan.may_know)(&id);
        let must = is_required_reference(type_name, property);
        if property.ends_with("_refs") {
            let list = pointer.rsplit_once('/').map_or(pointer, |(list, _)| list);
            let entry = lists.entry(list.to_owned()).or_default();
            *entry = (entry.0 || known, must);
            if !known {
                hidden.insert(pointer.to_owned());
            }
        } else if !known {
            hidden.insert(pointer.to_owned());
            if must {
                required = Some(property.to_owned());
            }
        }
    });
    let emptied = lists.into_iter().find(|(_, (left, must))| !left && *must).map(|(list, _)| list);
    match required.or(emptied) {
        Some(property) => Err(format!(
            "its `{}` refers to something the receiver may not know of",
            property.trim_start_matches('/')
        )),
        None => Ok(hidden),
    }
}

/// Markings travel with the object, so their ids do too.
fn is_handling(property: &str) -> bool {
    matches!(property, "object_marking_refs" | "marking_ref")
}

/// Pointers of properties outside the profile; `None` if it says nothing about the type.
fn outside(object: Value<'_>, type_name: &str, profile: &Profile) -> Option<BTreeSet<String>> {
    let allowed: Vec<Vec<&str>> =
        profile.get(type_name)?.iter().map(|pointer| pointer.split('/').skip(1).collect()).collect();
    let required = |name: &str| {
        stix::schema::type_schema(type_name)
            .and_then(|schema| schema.shape.property(name))
            .is_some_and(|property| property.required || property.contributing)
    };
    let mut hidden = BTreeSet::new();
    for (key, value) in object.entries() {
        let Some(name) = key.as_str() else { continue };
        if !ALWAYS.contains(&&*name) && !required(&name) {
            let segment = json::escape_pointer(&name);
            let rest = matching(&allowed, 0, &segment);
            if name == "extensions" {
                hide_extensions(value, &rest, &mut hidden);
                continue;
            }
            hide(value, &format!("/{segment}"), 1, &rest, &mut hidden);
        }
    }
    Some(hidden)
}

/// Hides what no pattern reaches of the extensions: they hold content like any other property. Our own mark stays, and so
/// does what makes the object's type one (STIX 2.1 §7.3).
fn hide_extensions(extensions: Value<'_>, patterns: &[Vec<&str>], hidden: &mut BTreeSet<String>) {
    if patterns.iter().any(|pattern| pattern.len() == 1) {
        return;
    }
    for (key, extension) in extensions.entries() {
        let name = key.as_str().unwrap_or_default();
        if name == stix::redact::REDACTION_EXTENSION {
            continue;
        }
        let segment = json::escape_pointer(&name);
        let (pointer, rest) = (format!("/extensions/{segment}"), matching(patterns, 1, &segment));
        let kind = extension.get("extension_type").and_then(|kind| kind.as_str());
        if !kind.is_some_and(|kind| kind.starts_with("new-")) {
            hide(extension, &pointer, 2, &rest, hidden);
            continue;
        }
        let whole = rest.iter().any(|pattern| pattern.len() == 2);
        for (key, member) in extension.entries().filter(|(key, _)| !whole && !key.is("extension_type")) {
            let member_name = key.as_str().unwrap_or_default();
            let segment = json::escape_pointer(&member_name);
            let rest = matching(&rest, 2, &segment);
            hide(member, &format!("{pointer}/{segment}"), 3, &rest, hidden);
        }
    }
}

/// The patterns that go on after this segment.
fn matching<'p>(patterns: &[Vec<&'p str>], depth: usize, segment: &str) -> Vec<Vec<&'p str>> {
    let fits = |pattern: &&Vec<&str>| pattern.get(depth).is_some_and(|step| *step == segment || *step == "*");
    patterns.iter().filter(fits).cloned().collect()
}

/// Hides what no pattern reaches.
fn hide(
    value: Value<'_>,
    pointer: &str,
    depth: usize,
    patterns: &[Vec<&str>],
    hidden: &mut BTreeSet<String>,
) {
    if patterns.iter().any(|pattern| pattern.len() == depth) {
        return;
    }
    let members = value
        .entries()
        .map(|(key, member)| (json::escape_pointer(&key.as_str().unwrap_or_default()).into_owned(), member));
    let items = value.items().enumerate().map(|(index, item)| (index.to_string(), item));
    if patterns.is_empty() || !matches!(value.kind(), Kind::Object | Kind::Array) {
        hidden.insert(pointer.to_owned());
        return;
    }
    for (segment, child) in members.chain(items) {
        let rest = matching(patterns, depth, &segment);
        hide(child, &format!("{pointer}/{segment}"), depth + 1, &rest, hidden);
    }
}

#[cfg(test)]
mod tests {
    use json::{Limits, Tape};

    use super::*;

    const SECRET: &str = "identity--0aaaaaaa-0000-4000-8000-000000000001";
    const INDICATOR: &str = r#"{"type":"indicator","spec_version":"2.1","id":"indicator--0aaaaaaa-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","created_by_ref":"identity--0aaaaaaa-0000-4000-8000-000000000001","pattern":"[ipv4-addr:value = '192.0.2.7']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","name":"n","description":"seen by anna@ministry.example from 10.1.2.3"}"#;
    const SIGHTING: &str = r#"{"type":"sighting","spec_version":"2.1","id":"sighting--0aaaaaaa-0000-4000-8000-000000000003","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","sighting_of_ref":"indicator--0aaaaaaa-0000-4000-8000-000000000002","where_sighted_refs":["identity--0aaaaaaa-0000-4000-8000-000000000001"]}"#;

    struct Case<'a> {
        object: &'a str,
        profile: Option<Profile>,
        personal: Personal<'a>,
        key: Option<AddressKey>,
        contributor: Contributor,
        hides: &'a str,
        released: &'a [(&'a str, &'a str)],
    }

    impl Default for Case<'_> {
        fn default() -> Self {
            Self {
                object: INDICATOR,
                profile: None,
                personal: Personal::Allow,
                key: None,
                contributor: Contributor::Named,
                hides: "",
                released: &[],
            }
        }
    }

    fn run(case: &Case<'_>) -> Released {
        let mut tape = Tape::new();
        let object = tape.parse(case.object.as_bytes(), &Limits::OBJECT).unwrap();
        release(
            object,
            &Plan {
                profile: case.profile.as_ref(),
                personal: case.personal,
                detectors: &Detectors::default(),
                addresses: case.key.as_ref(),
                contributor: &case.contributor,
                released: &|found| case.released.contains(&(found.detector, found.pointer.as_str())),
                may_know: &|id| id.as_str() != case.hides,
                referred: &|_| None,
            },
        )
    }

    fn text(case: &Case<'_>) -> String {
        match run(case) {
            Released::Text { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_profile_lets_pass_of_extensions_what_it_lists() {
        let mark = stix::redact::REDACTION_EXTENSION;
        let own = "extension-definition--0aaaaaaa-0000-4000-8000-000000000009";
        let more = format!(
            r#""extensions":{{"{mark}":{{"extension_type":"property-extension","redacted":true}},"{own}":{{"extension_type":"property-extension","victim":"Harbour","level":3}}}},"name":"n""#
        );
        let object = INDICATOR.replace(r#""name":"n""#, &more);
        let listing = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            Some(Profile::from([("indicator".to_owned(), paths)]))
        };
        let given =
            |paths: &[&str]| text(&Case { object: &object, profile: listing(paths), ..Case::default() });
        let none = given(&["/name"]);
        assert!(!none.contains("Harbour") && none.contains(mark), "{none}");
        let some =
            given(&[&format!("/extensions/{own}/level"), &format!("/extensions/{own}/extension_type")]);
        assert!(!some.contains("Harbour") && some.contains(r#""level":3"#), "{some}");
        for whole in ["/extensions", "/extensions/*", &format!("/extensions/{own}")] {
            assert!(given(&[whole]).contains("Harbour"), "{whole}");
        }
        // What makes the type one stays; what else stands there does not.
        let new = object.replacen(r#""property-extension","victim""#, r#""new-sdo","victim""#, 1);
        let out = text(&Case { object: &new, profile: listing(&["/name"]), ..Case::default() });
        assert!(out.contains(r#""extension_type":"new-sdo""#) && !out.contains("Harbour"), "{out}");
    }

    #[test]
    fn a_review_lets_pass_what_was_shown_and_nothing_newer() {
        let object = INDICATOR.replace(r#""name":"n""#, r#""name":"ask joe@ministry.example""#);
        let shown = [("email", "/description")];
        let both = [("email", "/description"), ("email", "/name")];
        let run = |personal, released| run(&Case { object: &object, personal, released, ..Case::default() });
        assert!(matches!(run(Personal::Review, &shown), Released::Review(found) if found.len() == 2));
        let Released::Text { text, passed, .. } = run(Personal::Review, &both) else {
            panic!("was released")
        };
        assert!(text == object && passed.len() == 2);
        let Released::Text { text, passed, redacted, .. } = run(Personal::Redact, &shown) else {
            panic!("the rest of it goes")
        };
        assert!(text.contains("anna@ministry") && !text.contains("joe@ministry"), "{text}");
        assert_eq!((passed.len(), redacted.len()), (1, 1));
        // Another detector at the same place is something newer.
        let other = [("phone", "/description"), ("email", "/name")];
        assert!(matches!(run(Personal::Review, &other), Released::Review(_)));
        let key = PersonKey::derive(&[1; 32], &[2; 32]);
        let Released::Text { text, .. } = run(Personal::Pseudonymise(&key), &both) else { panic!("goes") };
        assert!(!text.contains("@ministry"), "nobody here lets go what stand-ins were agreed for: {text}");
        // More than a person is shown passes by nobody's word.
        let many: Vec<_> = (0..80).map(|n| format!("\"a{n}@example.org\"")).collect();
        let object = INDICATOR.replace(r#""name":"n""#, &format!(r#""labels":[{}]"#, many.join(",")));
        let pointers: Vec<_> = (0..80).map(|n| format!("/labels/{n}")).collect();
        let mut all: Vec<_> = pointers.iter().map(|pointer| ("email", pointer.as_str())).collect();
        all.push(("email", "/description"));
        let case = Case { object: &object, personal: Personal::Review, released: &all, ..Case::default() };
        assert!(matches!(super::tests::run(&case), Released::Withheld(reason) if reason.contains("64")));
    }

    #[test]
    fn without_demands_the_bytes_are_untouched() {
        assert_eq!(text(&Case::default()), INDICATOR);
    }

    #[test]
    fn references_to_what_may_not_be_known_are_content() {
        let hidden = text(&Case { hides: SECRET, ..Case::default() });
        assert!(!hidden.contains(SECRET), "an optional reference is removed: {hidden}");
        let sighting = text(&Case { object: SIGHTING, hides: SECRET, ..Case::default() });
        assert!(!sighting.contains("where_sighted_refs"), "a list that would be empty goes: {sighting}");
        let withheld = run(&Case {
            object: SIGHTING,
            hides: "indicator--0aaaaaaa-0000-4000-8000-000000000002",
            ..Case::default()
        });
        assert!(matches!(withheld, Released::Withheld(reason) if reason.contains("sighting_of_ref")));
    }

    #[test]
    fn a_profile_lets_pass_what_it_lists_and_what_makes_the_object() {
        let listing = |paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            Some(Profile::from([("indicator".to_owned(), paths)]))
        };
        let out = text(&Case { profile: listing(&["/name"]), ..Case::default() });
        assert!(out.contains(r#""name":"n""#) && out.contains("pattern") && !out.contains("description"));
        assert!(!out.contains("created_by_ref"));
        let deep = INDICATOR.replace(
            r#""name":"n""#,
            r#""kill_chain_phases":[{"kill_chain_name":"a","phase_name":"b"}],"external_references":[{"source_name":"s","url":"https://x.example/1","external_id":"1"}]"#,
        );
        let paths = ["/external_references/*/source_name", "/external_references/*/url"];
        let out = text(&Case { object: &deep, profile: listing(&paths), ..Case::default() });
        let left = r#"[{"source_name":"s","url":"https://x.example/1"}]"#;
        assert!(out.contains(left) && !out.contains("kill_chain"), "{out}");
        // A reference by name alone breaks a rule (§2.5.2), so the whole property goes.
        let out = text(&Case { object: &deep, profile: listing(&paths[..1]), ..Case::default() });
        assert!(!out.contains("external_references"), "{out}");
        let other = Profile::from([("malware".to_owned(), BTreeSet::new())]);
        let withheld = run(&Case { profile: Some(other), ..Case::default() });
        assert!(matches!(withheld, Released::Withheld(reason) if reason.contains("`indicator`")));
    }

    #[test]
    fn personal_data_waits_for_a_person_or_is_taken_out() {
        let review = run(&Case { personal: Personal::Review, ..Case::default() });
        assert!(matches!(review, Released::Review(found) if found[0].detector == "email"));
        let Released::Text { text, redacted, .. } =
            run(&Case { personal: Personal::Redact, ..Case::default() })
        else {
            panic!("redacted")
        };
        assert!(!text.contains("anna") && redacted[0].pointer == "/description");
        let needed = INDICATOR.replace("192.0.2.7'", "192.0.2.7' OR email-addr:value = 'x@example.org'");
        let stuck = run(&Case { object: &needed, personal: Personal::Redact, ..Case::default() });
        assert!(matches!(stuck, Released::Review(_)), "a required property cannot be taken out: {stuck:?}");
    }

    #[test]
    fn a_finding_in_what_goes_anyway_stops_nothing() {
        let profile = Profile::from([("indicator".to_owned(), BTreeSet::from(["name".to_owned()]))]);
        let case = Case { profile: Some(profile), personal: Personal::Review, ..Case::default() };
        assert!(!text(&case).contains("anna"));
    }

    #[test]
    fn addresses_and_their_ids_get_other_names_everywhere() {
        let key = || Some(AddressKey::derive(&[3; 32], b"a"));
        let out = text(&Case { key: key(), ..Case::default() });
        assert!(!out.contains("192.0.2.7") && !out.contains("10.1.2.3"), "{out}");
        let sco = r#"{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"}"#;
        let out = text(&Case { object: sco, key: key(), ..Case::default() });
        assert!(!out.contains("ff26c055") && !out.contains("198.51.100.3"), "{out}");
    }

    #[test]
    fn a_contributor_can_stay_unnamed() {
        let anonymous = text(&Case { contributor: Contributor::Anonymous, ..Case::default() });
        assert!(!anonymous.contains(SECRET));
        let member: StixId = "identity--0aaaaaaa-0000-4000-8000-00000000000f".parse().unwrap();
        let out = text(&Case { contributor: Contributor::Pseudonym(member.clone()), ..Case::default() });
        assert!(!out.contains(SECRET) && out.contains(member.as_str()));
    }
}
