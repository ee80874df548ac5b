//! The kernel's decisions, case by case, from the rules of STIX 2.1 §3.6 and from what an adversary would try.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up should stop"
)]

use json::{Limits, Tape};
use model::{Label, SourceId, StixId, Timestamp, Tlp, VersionId};
use observable::Observable;
use shieldwall_intel::{
    self as intel, Decision, Held, Identity, Input, Latest, Rules, View, Vouched, decide, needs,
};

const ID: &str = "indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8";
const CREATOR: &str = "identity--11111111-1111-4111-8111-111111111111";
const STRANGER: &str = "identity--22222222-2222-4222-8222-222222222222";
const OWN: &str = "identity--44444444-4444-4444-8444-444444444444";
const NOW: &str = "2026-06-01T00:00:00.000Z";

/// An indicator with these properties in place of the usual ones; an empty value leaves the property out.
fn object(changes: &[(&str, &str)]) -> String {
    let mut properties = vec![
        ("type", "\"indicator\"".to_owned()),
        ("spec_version", "\"2.1\"".to_owned()),
        ("id", format!("\"{ID}\"")),
        ("created_by_ref", format!("\"{CREATOR}\"")),
        ("created", "\"2026-01-01T00:00:00.000Z\"".to_owned()),
        ("modified", "\"2026-01-02T00:00:00.000Z\"".to_owned()),
        ("indicator_types", "[\"malicious-activity\"]".to_owned()),
        ("pattern", "\"[domain-name:value = 'evil.example.net']\"".to_owned()),
        ("pattern_type", "\"stix\"".to_owned()),
        ("valid_from", "\"2026-01-01T00:00:00Z\"".to_owned()),
    ];
    for (name, value) in changes {
        properties.retain(|(known, _)| known != name);
        if !value.is_empty() {
            properties.push((name, (*value).to_owned()));
        }
    }
    let members: Vec<_> = properties.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

struct Case {
    view: View,
    identity: Identity,
    source: u32,
    narrowing: Option<Label>,
    released: bool,
    default_label: Label,
    benign: bool,
    vouched: Vouched,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            view: View::default(),
            identity: Identity::Version,
            source: 1,
            narrowing: None,
            released: false,
            default_label: Label::OwnOnly,
            benign: false,
            vouched: Vouched::Unknown,
        }
    }
}

fn play(text: &str, case: &Case) -> Decision {
    let mut tape = Tape::new();
    let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let mut findings = Vec::new();
    let valid = stix::validate(value, &stix::Checks::default(), &mut findings);
    let valid = valid.unwrap_or_else(|| panic!("{text}: {findings:?}"));
    let facts = intel::facts(valid.value(), valid.type_name());
    let input = Input {
        object: &valid,
        facts: &facts,
        source: SourceId(case.source),
        local: case.source == 0,
        default_label: case.default_label,
        narrowing: case.narrowing,
        identity: case.identity,
        released: case.released,
        vouched: case.vouched,
    };
    let benign = |_: &Observable| case.benign.then(|| "a list".to_owned());
    let own = OWN.parse().unwrap();
    decide(
        &input,
        &case.view,
        &Rules { benign: &benign, own_identity: &own, spifs: &label::Spifs::NONE },
        NOW.parse().unwrap(),
    )
}

/// One word for a decision, with what matters about it.
fn check(text: &str, case: &Case, expect: &str) {
    let got = match play(text, case) {
        Decision::Accept(accepted) => format!(
            "accept{} {}{}{}",
            if accepted.latest { "" } else { " history" },
            accepted.label,
            if accepted.overlay.is_some() { " overlay" } else { "" },
            if accepted.public { " public" } else { "" },
        ),
        Decision::Unchanged { relabel: None, .. } => "unchanged".to_owned(),
        Decision::Unchanged { relabel: Some(label), .. } => format!("unchanged, now {label}"),
        Decision::Hold(findings) => format!("hold {}", findings[0].rule),
        Decision::Refuse(findings) => format!("refuse {}", findings[0].rule),
    };
    assert_eq!(got, expect, "{text}");
}

/// A node that holds this text as the newest version.
fn holding(text: &str) -> View {
    let mut tape = Tape::new();
    let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let instant =
        |name: &str| value.get(name).and_then(|v| v.as_str()).and_then(|v| v.parse::<Timestamp>().ok());
    let latest = Latest {
        version: instant("modified").unwrap(),
        created: instant("created"),
        revoked: value.get("revoked").and_then(|v| v.as_bool()).unwrap_or(false),
        created_by: value.get("created_by_ref").and_then(|v| v.as_str()).map(|v| v.parse().unwrap()),
        first_source: SourceId(1),
    };
    let held = Held {
        version_id: VersionId(7),
        rendition: 0,
        label: Label::Tlp(Tlp::Green),
        raw: text.to_owned(),
        vouched: false,
    };
    View { latest: Some(latest), same: vec![held], ..View::default() }
}

fn marked(id: &str) -> String {
    object(&[("object_marking_refs", &format!("[\"{id}\"]"))])
}

const TLP2_CLEAR: &str = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487";
const TLP1_WHITE: &str = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9";
const TLP2_STRICT: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";
const UNKNOWN: &str = "marking-definition--33333333-3333-4333-8333-333333333333";

#[test]
fn labels() {
    let default = Case::default();
    check(&object(&[]), &default, "accept own overlay");
    check(&object(&[]), &Case { default_label: Label::CLEAR, ..Case::default() }, "accept clear");
    check(&marked(TLP2_CLEAR), &default, "accept clear public");
    check(&marked(TLP1_WHITE), &default, "accept clear public");
    check(&marked(TLP2_STRICT), &default, "accept amber+strict");
    // Nothing in the bytes says own-only to the next reader, so output must.
    check(&marked(UNKNOWN), &default, "accept own overlay");
    let narrowed = Case { narrowing: Some(Label::Tlp(Tlp::Amber)), ..Case::default() };
    check(&marked(TLP2_CLEAR), &narrowed, "accept amber overlay");
    // A wrapper cannot widen.
    let widened = Case { narrowing: Some(Label::CLEAR), ..Case::default() };
    check(&marked(TLP2_STRICT), &widened, "accept amber+strict");
}

#[test]
fn a_known_statement_does_not_restrict_and_an_unknown_one_does() {
    let text = marked(UNKNOWN);
    let statement = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{UNKNOWN}","created":"2020-01-01T00:00:00Z","definition_type":"statement","definition":{{"statement":"(c) Example"}}}}"#
    );
    let id: StixId = UNKNOWN.parse().unwrap();
    let view = View { markings: vec![(id, statement)], ..View::default() };
    check(
        &text,
        &Case { view, default_label: Label::Tlp(Tlp::Green), ..Case::default() },
        "accept green overlay",
    );
    check(&text, &Case { default_label: Label::Tlp(Tlp::Green), ..Case::default() }, "accept own overlay");
}

#[test]
fn only_unknown_markings_are_asked_for() {
    let text = object(&[("object_marking_refs", &format!("[\"{TLP2_CLEAR}\",\"{UNKNOWN}\"]"))]);
    let mut tape = Tape::new();
    let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let valid = stix::validate(value, &stix::Checks::default(), &mut Vec::new()).unwrap();
    let facts = intel::facts(valid.value(), valid.type_name());
    let input = Input {
        object: &valid,
        facts: &facts,
        source: SourceId(1),
        local: false,
        default_label: Label::OwnOnly,
        narrowing: None,
        identity: Identity::Version,
        released: false,
        vouched: Vouched::Unknown,
    };
    assert_eq!(needs(&input).markings, vec![UNKNOWN.parse().unwrap()]);
}

#[test]
fn the_same_again_is_unchanged_however_it_is_spelled() {
    let held = object(&[]);
    let again = Case { view: holding(&held), ..Case::default() };
    check(&held, &again, "unchanged");
    check(&object(&[("modified", "\"2026-01-02T00:00:00.000000Z\"")]), &again, "unchanged");
    let reordered = object(&[("type", ""), ("type", "\"indicator\"")]);
    check(&reordered, &again, "unchanged");
    let narrowed = Case { view: holding(&held), narrowing: Some(Label::Tlp(Tlp::Red)), ..Case::default() };
    check(&held, &narrowed, "unchanged, now red");
}

#[test]
fn markings_are_handling_not_meaning() {
    let held = marked(TLP2_CLEAR);
    let narrower = object(&[("object_marking_refs", &format!("[\"{TLP2_CLEAR}\",\"{TLP2_STRICT}\"]"))]);
    let case = |source| Case { view: holding(&held), source, ..Case::default() };
    // Whoever brings a copy may narrow what is held: a person is told, and can undo it. A leak nobody could undo.
    check(&narrower, &case(1), "unchanged, now amber+strict");
    check(&narrower, &case(2), "unchanged, now amber+strict");
    let Decision::Unchanged { findings, .. } = play(&narrower, &case(2)) else { panic!("not unchanged") };
    assert_eq!(findings[0].rule, "shieldwall/label-narrowed");
    // What is held narrow is never widened by a copy that says less.
    check(&object(&[]), &Case { view: holding(&narrower), ..Case::default() }, "unchanged");
}

#[test]
fn marking_definitions_known_by_heart_are_not_marked() {
    let clear = stix::marking::tlp_definition(Tlp::Red);
    check(clear, &Case::default(), "accept clear public");
    check(intel::OWN_ONLY_DEFINITION, &Case::default(), "accept clear public");
}

#[test]
fn one_version_has_one_meaning() {
    let case = Case { view: holding(&object(&[])), ..Case::default() };
    check(&object(&[("name", "\"other\"")]), &case, "refuse stix-2.1/3.6/version-conflict");
    check(&object(&[("confidence", "99")]), &case, "refuse stix-2.1/3.6/version-conflict");
}

#[test]
fn versions() {
    let newer = object(&[("modified", "\"2026-02-01T00:00:00.000Z\""), ("name", "\"n\"")]);
    let older = object(&[("modified", "\"2026-01-01T12:00:00.000Z\"")]);
    let mut view = holding(&object(&[]));
    view.same.clear();
    let case = Case { view, ..Case::default() };
    check(&newer, &case, "accept own overlay");
    check(&older, &case, "accept history own overlay");
    let stranger = object(&[
        ("modified", "\"2026-02-01T00:00:00.000Z\""),
        ("created_by_ref", &format!("\"{STRANGER}\"")),
    ]);
    check(&stranger, &case, "refuse stix-2.1/3.6/creator-only");
    // Leaving the creator out does not get round it either.
    let nobody = object(&[("modified", "\"2026-02-01T00:00:00.000Z\""), ("created_by_ref", "")]);
    check(&nobody, &case, "refuse stix-2.1/3.6/creator-only");
    let recreated =
        object(&[("modified", "\"2026-02-01T00:00:00.000Z\""), ("created", "\"2026-01-01T00:00:01.000Z\"")]);
    check(&recreated, &case, "refuse stix-2.1/3.6/created-fixed");
}

#[test]
fn revocation_is_permanent() {
    let mut view = holding(&object(&[("revoked", "true")]));
    view.same.clear();
    let case = Case { view, ..Case::default() };
    let back = object(&[("modified", "\"2026-02-01T00:00:00.000Z\"")]);
    check(&back, &case, "refuse stix-2.1/3.6/revoked-final");
    // An older version is history, not a return.
    check(&object(&[("modified", "\"2026-01-01T12:00:00.000Z\"")]), &case, "accept history own overlay");
}

#[test]
fn what_nobody_claims_stays_with_whoever_brought_it() {
    let held = object(&[("created_by_ref", "")]);
    let newer = object(&[("created_by_ref", ""), ("modified", "\"2026-02-01T00:00:00.000Z\"")]);
    let case = |source| {
        let mut view = holding(&held);
        view.same.clear();
        Case { view, source, ..Case::default() }
    };
    check(&newer, &case(1), "accept own overlay");
    check(&newer, &case(2), "hold shieldwall/unclaimed-version");
    check(&newer, &Case { released: true, ..case(2) }, "accept own overlay");
    let decided = |decided| {
        let mut case = case(2);
        case.view.decided = decided;
        case
    };
    check(&newer, &decided(Some(true)), "accept own overlay");
    check(&newer, &decided(Some(false)), "unchanged");
    check(&newer, &case(0), "accept own overlay");
}

#[test]
fn benign_values_are_held_until_someone_decides() {
    let benign = |decided, released| Case {
        benign: true,
        released,
        view: View { decided, ..View::default() },
        ..Case::default()
    };
    check(&object(&[]), &benign(None, false), "hold shieldwall/warning-list");
    check(&object(&[]), &benign(Some(true), false), "accept own overlay");
    check(&object(&[]), &benign(Some(false), false), "unchanged");
    check(&object(&[]), &benign(None, true), "accept own overlay");
    // Taking one back must always work.
    check(&object(&[("revoked", "true")]), &benign(None, false), "accept own overlay");
}

#[test]
fn nobody_else_speaks_in_our_name() {
    let ours = object(&[("created_by_ref", &format!("\"{OWN}\""))]);
    check(&ours, &Case { source: 3, ..Case::default() }, "refuse shieldwall/own-identity");
    check(&ours, &Case { source: 0, ..Case::default() }, "accept own overlay");
    // What we hold already comes back from allies all the time, and nobody silences us by marking it.
    check(&ours, &Case { source: 3, view: holding(&ours), ..Case::default() }, "unchanged");
    let red = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1";
    let hushed = object(&[
        ("created_by_ref", &format!("\"{OWN}\"")),
        ("object_marking_refs", &format!("[\"{red}\"]")),
    ]);
    check(&hushed, &Case { source: 3, view: holding(&ours), ..Case::default() }, "unchanged");
    check(&hushed, &Case { source: 0, view: holding(&ours), ..Case::default() }, "unchanged, now red");
    let revoked = object(&[
        ("created_by_ref", &format!("\"{OWN}\"")),
        ("modified", "\"2026-03-01T00:00:00.000Z\""),
        ("revoked", "true"),
    ]);
    let mut view = holding(&ours);
    view.same.clear();
    check(&revoked, &Case { source: 3, view, ..Case::default() }, "refuse shieldwall/own-identity");
}

#[test]
fn erased_stays_erased() {
    let view = View { erased: true, ..View::default() };
    check(&object(&[]), &Case { view, ..Case::default() }, "refuse shieldwall/erased");
}

#[test]
fn content_made_here_is_the_same_whenever_it_was_made() {
    let held = object(&[]);
    let times = [
        ("created", "\"2026-05-01T00:00:00.000Z\""),
        ("modified", "\"2026-05-01T00:00:00.000Z\""),
        ("valid_from", "\"2026-05-01T00:00:00.000Z\""),
    ];
    let case = Case { view: holding(&held), identity: Identity::Content, ..Case::default() };
    check(&object(&times), &case, "unchanged");
    let mut changed = times.to_vec();
    changed.push(("confidence", "80"));
    let Decision::Accept(accepted) = play(&object(&changed), &case) else { panic!("not accepted") };
    assert!(accepted.latest);
    // The new version keeps the first one's `created`, as §3.6 demands.
    let text = accepted.rewritten.unwrap();
    assert!(text.contains(r#""created":"2026-01-01T00:00:00.000Z""#), "{text}");
    assert!(text.contains(&format!(r#""modified":"{}""#, accepted.version)), "{text}");
}

#[test]
fn a_list_neither_brings_back_nor_renames() {
    let revoked = Case {
        view: holding(&object(&[("revoked", "true")])),
        identity: Identity::Content,
        ..Case::default()
    };
    check(&object(&[("confidence", "80")]), &revoked, "unchanged");
    let held = object(&[("description", "\"listed in monday.txt\"")]);
    let renamed = object(&[("description", "\"listed in tuesday.txt\"")]);
    let case = Case { view: holding(&held), identity: Identity::Content, ..Case::default() };
    check(&renamed, &case, "unchanged");
}

#[test]
fn the_first_version_of_a_listed_value_is_the_one_it_says() {
    let case = Case { identity: Identity::Content, ..Case::default() };
    let Decision::Accept(accepted) = play(&object(&[]), &case) else { panic!("not accepted") };
    assert_eq!(accepted.version, "2026-01-02T00:00:00.000Z".parse().unwrap());
    assert_eq!(accepted.rewritten, None);
}

#[test]
fn one_rendition_has_one_text() {
    let extension = format!(
        r#"{{"{}":{{"extension_type":"property-extension","removed":1}}}}"#,
        stix::redact::REDACTION_EXTENSION
    );
    let short = object(&[("labels", "[\"a\"]"), ("extensions", &extension)]);
    let long = object(&[("labels", "[\"a\",\"b\"]"), ("extensions", &extension)]);
    let mut tape = Tape::new();
    let mut view = holding(&short);
    let value = tape.parse(short.as_bytes(), &Limits::OBJECT).unwrap();
    view.same[0].rendition = intel::facts(value, "indicator").rendition;
    check(&long, &Case { view, ..Case::default() }, "refuse stix-2.1/3.6/version-conflict");
}

#[test]
fn renditions() {
    let full = object(&[("name", "\"n\""), ("description", "\"secret\"")]);
    let extension = format!(
        r#"{{"{}":{{"extension_type":"property-extension","removed":1}}}}"#,
        stix::redact::REDACTION_EXTENSION
    );
    let narrow = object(&[("name", "\"n\""), ("extensions", &extension)]);
    check(&narrow, &Case { view: holding(&full), ..Case::default() }, "unchanged");
    let lying = object(&[("name", "\"other\""), ("extensions", &extension)]);
    check(&lying, &Case { view: holding(&full), ..Case::default() }, "refuse stix-2.1/3.6/version-conflict");
    let mut view = holding(&narrow);
    view.same[0].rendition = 5;
    check(&full, &Case { view, ..Case::default() }, "accept own overlay");
}

#[test]
fn who_signs_what_is_theirs_is_not_spoken_for() {
    let text = object(&[]);
    let missing = |released| Case { vouched: Vouched::Missing, released, ..Case::default() };
    check(&text, &missing(false), "hold shieldwall/unvouched");
    check(&text, &missing(true), "accept own overlay");
    check(&text, &Case { source: 0, ..missing(false) }, "accept own overlay");
    check(&text, &Case { vouched: Vouched::Creator, ..Case::default() }, "accept own overlay");
    // A revocation is a version like any other: it is not taken from strangers either.
    let revoked = object(&[("modified", "\"2026-01-03T00:00:00.000Z\""), ("revoked", "true")]);
    let view = View { same: Vec::new(), ..holding(&text) };
    let case = Case { view, ..missing(false) };
    check(&revoked, &case, "hold shieldwall/unvouched");
}

#[test]
fn a_copy_nobody_signed_does_not_narrow_what_somebody_did() {
    let mut view = holding(&marked(TLP2_CLEAR));
    view.same[0].label = Label::CLEAR;
    view.same[0].vouched = true;
    let strict = marked(TLP2_STRICT);
    check(&strict, &Case { view: view.clone(), vouched: Vouched::Missing, ..Case::default() }, "unchanged");
    let creator = Case { view, vouched: Vouched::Creator, ..Case::default() };
    check(&strict, &creator, "unchanged, now amber+strict");
}

#[test]
fn the_far_future_is_noticed() {
    let text = object(&[("modified", "\"9999-12-31T23:59:59.999Z\"")]);
    let Decision::Accept(accepted) = play(&text, &Case::default()) else { panic!("not accepted") };
    assert!(accepted.findings.iter().any(|finding| finding.rule == "shieldwall/future-version"));
}

#[test]
fn projections() {
    let text = r#"{"type":"relationship","spec_version":"2.1","id":"relationship--11111111-1111-4111-8111-111111111111","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","relationship_type":"indicates","source_ref":"indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8","target_ref":"malware--22222222-2222-4222-8222-222222222222"}"#;
    let mut tape = Tape::new();
    let facts = intel::facts(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap(), "relationship");
    let names: Vec<_> = facts.edges.iter().map(|edge| edge.name.as_str()).collect();
    assert_eq!(names, ["relationship:indicates", "source_ref", "target_ref"]);
    let file = r#"{"type":"file","id":"file--11111111-1111-4111-8111-111111111111","hashes":{"SHA-256":"AEC070645FE53EE3B3763059376134F058CC337247C978ADD178B6CCDFB0019F"},"name":"a.exe"}"#;
    let facts = intel::facts(tape.parse(file.as_bytes(), &Limits::OBJECT).unwrap(), "file");
    let keys: Vec<_> = facts.observables.iter().map(|o| o.key().to_owned()).collect();
    assert_eq!(keys, ["aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f", "a.exe"]);
    let pattern = object(&[(
        "pattern",
        "\"[ipv4-addr:value = '198.51.100.7'] AND [domain-name:value IN ('A.example.net', 'b.example.net')]\"",
    )]);
    let facts = intel::facts(tape.parse(pattern.as_bytes(), &Limits::OBJECT).unwrap(), "indicator");
    assert_eq!(facts.observables.len(), 3);
    let family = object(&[("pattern", "\"[domain-name:value LIKE '%.bad.example.net']\"")]);
    let facts = intel::facts(tape.parse(family.as_bytes(), &Limits::OBJECT).unwrap(), "indicator");
    assert_eq!(facts.observables.len(), 1);
}
