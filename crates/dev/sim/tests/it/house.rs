//! What a house adds to its agreements: rules of its own, and stand-ins for persons.

use std::sync::Arc;

use model::{StixId, Tlp};
use runtime::{Core, NodeRules, Piece};
use stix::marking::tlp_ref;

use crate::trust::{Member, bilateral, member, pair, settle, sign};

/// Two nodes with an agreement in force, under which personal data go as pseudonyms.
fn allied() -> (Member, Member) {
    let (a, b) = (member(0, "EE"), member(1, "FI"));
    pair(&a, &b);
    settle(&a, &b);
    let proposed = a.core.propose(&bilateral(&a, &b), "", "t").unwrap();
    settle(&a, &b);
    sign(&a, &proposed);
    settle(&a, &b);
    sign(&b, &proposed);
    settle(&a, &b);
    assert_eq!(a.core.registry().unwrap().in_force().count(), 1);
    (a, b)
}

fn publish(node: &Member, texts: &[String]) {
    let own = node.core.own_source().unwrap();
    let pieces: Vec<_> = texts.iter().map(|text| Piece::stix(text.as_bytes())).collect();
    let mut fates = Vec::new();
    node.core
        .ingest(&own, &pieces, &mut |report| fates.push(format!("{:?} {:?}", report.fate, report.findings)))
        .unwrap();
    assert!(fates.iter().all(|fate| fate.starts_with("Accepted")), "{fates:#?}");
}

fn held(node: &Member, id: &str) -> Option<String> {
    let id: StixId = id.parse().unwrap();
    node.core.store.read().unwrap().object(node.core.scope, &id, None).unwrap().map(|stored| stored.raw)
}

fn indicator_id(place: u32) -> String {
    format!("indicator--0aaaaaaa-0000-4000-8000-{place:012}")
}

fn indicator(node: &Member, place: u32, more: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[ipv4-addr:value = '45.83.64.{place}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"]{more},"object_marking_refs":["{}"]}}"#,
        indicator_id(place),
        node.core.identity,
        tlp_ref(Tlp::Amber)
    )
}

const NONE: &str = "format = \"shieldwall-rules/1\"\n";
const NO_INDICATORS: &str = r#"
format = "shieldwall-rules/1"
[[caveat]]
id = "no-indicators-abroad"
reason = "Decision 7 of the council"
types = ["indicator"]
to_nations_but = ["EST"]
"#;

#[test]
fn rules_of_the_house_hold_at_once_and_across_a_restart() {
    let (a, b) = allied();
    publish(&a, &[indicator(&a, 1, "")]);
    settle(&a, &b);
    assert!(held(&b, &indicator_id(1)).is_some());
    // What they would do is known before they do it, and knowing it changes nothing.
    let count = |exposures: &[(model::AgreementId, runtime::trust::Exposure)]| {
        let parties = exposures.iter().flat_map(|(_, exposure)| exposure.report.parties.values());
        let sum = |changes: &[policy::diff::Change]| changes.iter().map(|change| change.objects).sum::<u64>();
        parties.fold((0, 0), |(exposed, withdrawn), party| {
            (exposed + sum(&party.exposed), withdrawn + sum(&party.withdrawn))
        })
    };
    let preview = a.core.rules_exposure(NO_INDICATORS, 10).unwrap();
    assert_eq!(count(&preview), (0, 1));
    assert_eq!(preview[0].1.listed[0].object.as_str(), indicator_id(1));
    settle(&a, &b);
    assert!(held(&b, &indicator_id(1)).is_some());

    let set = a.core.set_rules(NO_INDICATORS, "officer", "decided today").unwrap();
    assert!(set.changed && count(&set.exposures) == (0, 1));
    assert!(!a.core.set_rules(NO_INDICATORS, "officer", "again").unwrap().changed, "the same twice is once");
    publish(&a, &[indicator(&a, 2, "")]);
    settle(&a, &b);
    assert!(held(&b, &indicator_id(1)).is_none(), "what may be had no longer is taken back");
    assert!(held(&b, &indicator_id(2)).is_none());
    let id: StixId = indicator_id(2).parse().unwrap();
    let explained = format!("{:?}", a.core.explain(&id, b.party).unwrap());
    assert!(explained.contains("Decision 7 of the council"), "{explained}");

    // A node that starts again starts with its rules, and one that cannot read them does not start.
    let reopen = || Core::open(Arc::clone(&a.core.store), Arc::clone(&a.core.clock), Arc::clone(&a.core.ids));
    assert_eq!(reopen().unwrap().rules().caveats.rules()[0].id, "no-indicators-abroad");

    assert_eq!(count(&a.core.rules_exposure(NONE, 10).unwrap()), (2, 0));
    a.core.set_rules(NONE, "officer", "decision 7 was lifted").unwrap();
    settle(&a, &b);
    assert!(held(&b, &indicator_id(2)).is_some(), "what was refused is decided on again");
    assert!(held(&b, &indicator_id(1)).is_some(), "what was taken back because of it is given anew");

    let read = a.core.store.read().unwrap();
    let tenant = a.core.scope.tenant;
    let acts = read.audits(tenant, 0, 1000).unwrap();
    let set: Vec<_> = acts.iter().filter(|act| act.action == "rules.set").collect();
    assert_eq!(set.len(), 2);
    assert_eq!((set[0].actor.as_str(), set[0].reason.as_str()), ("officer", "decided today"));
    let leaves = read.leaves(tenant, 0, 1000).unwrap();
    // The agreement when it came into force, and the rules twice.
    assert_eq!(leaves.iter().filter(|leaf| leaf.kind == "policy").count(), 3);
}

#[test]
fn rules_that_cannot_be_read_change_nothing() {
    let (a, _) = allied();
    a.core.set_rules(NO_INDICATORS, "officer", "decided today").unwrap();
    let wrong = NO_INDICATORS.replace("\"EST\"", "\"NOWHERE\"");
    let refused = a.core.set_rules(&wrong, "officer", "a slip").unwrap_err().to_string();
    assert!(refused.contains("line 3") && refused.contains("NOWHERE"), "{refused}");
    assert_eq!(a.core.rules().text, NO_INDICATORS);
    // What a newer program wrote keeps this one from starting: without its caveats it would give too much.
    let newer = "format = \"shieldwall-rules/9\"\n";
    let (tenant, now) = (a.core.scope.tenant, a.core.clock.now());
    let kind = ports::trust::DocumentKind::NodeRules;
    let (zero, hash) = (model::Digest::ZERO, model::Digest([9; 32]));
    a.core.store.transact(|tx| tx.add_document(tenant, now, kind, zero, hash, newer)).unwrap();
    let failed = Core::open(Arc::clone(&a.core.store), Arc::clone(&a.core.clock), Arc::clone(&a.core.ids));
    let failed = failed.map(|_| ()).unwrap_err().to_string();
    assert!(failed.contains("rules") && failed.contains("shieldwall-rules/9"), "{failed}");
}

#[test]
fn names_of_the_house_stay_in_the_house() {
    let (a, b) = allied();
    let rules = format!(
        "{NONE}[detect]\ninternal_names = [\"corp.example\"]\ninternal_networks = [\"10.0.0.0/8\"]\n"
    );
    a.core.set_rules(&rules, "officer", "our network").unwrap();
    publish(&a, &[indicator(&a, 3, r#","name":"n","description":"seen on dc1.corp.example from 10.1.2.3""#)]);
    settle(&a, &b);
    let text = held(&b, &indicator_id(3)).expect("the rest of it goes");
    assert!(!text.contains("corp.example") && !text.contains("10.1.2.3"), "{text}");
    assert!(text.contains("45.83.64.3"), "{text}");
}

#[test]
fn persons_go_under_stand_ins_and_what_refers_to_them_follows() {
    let (a, b) = allied();
    let mail = r#"{"type":"email-addr","spec_version":"2.1","id":"ID","value":"anna.tamm@ministry.example","display_name":"Anna Tamm"}"#;
    let mut tape = json::Tape::new();
    let value = tape.parse(mail.as_bytes(), &json::Limits::OBJECT).unwrap();
    let id = stix::sco::deterministic_id(value).unwrap();
    let marking = tlp_ref(Tlp::Amber);
    let mail = mail
        .replace("ID", id.as_str())
        .replace(r#""display_name""#, &format!(r#""object_marking_refs":["{marking}"],"display_name""#));
    let relationship = format!(
        r#"{{"type":"relationship","spec_version":"2.1","id":"relationship--0aaaaaaa-0000-4000-8000-000000000009","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","relationship_type":"related-to","source_ref":"{}","target_ref":"{id}","object_marking_refs":["{marking}"]}}"#,
        a.core.identity,
        indicator_id(4)
    );
    let described = indicator(
        &a,
        4,
        r#","name":"n","description":"reported by anna.tamm@ministry.example, +372 5123 4567, paid to DE89 3704 0044 0532 0130 00""#,
    );
    publish(&a, &[described, mail, relationship]);
    settle(&a, &b);
    let indicator = held(&b, &indicator_id(4)).expect("delivered");
    for value in ["anna", "ministry", "5123", "DE89", "0532"] {
        assert!(!indicator.contains(value), "{value}: {indicator}");
    }
    for kind in ["person-", "@pseudonym.invalid", "+999", "XX"] {
        assert!(indicator.contains(kind), "{kind}: {indicator}");
    }
    assert!(held(&b, id.as_str()).is_none(), "the id would tell who it is to whoever tries all addresses");
    let link = held(&b, "relationship--0aaaaaaa-0000-4000-8000-000000000009").expect("delivered");
    let mut tape = json::Tape::new();
    let link = tape.parse(link.as_bytes(), &json::Limits::OBJECT).unwrap();
    let target = link.get("target_ref").and_then(|target| target.as_str()).unwrap().into_owned();
    let mail = held(&b, &target).expect("what is referred to is there under that id");
    assert!(!mail.contains("nna") && !mail.contains("amm") && !mail.contains("ministry"), "{mail}");
    let mut tape = json::Tape::new();
    let mail = tape.parse(mail.as_bytes(), &json::Limits::OBJECT).unwrap();
    // STIX 2.1 §2.9: made from its value, as any id of an address is.
    assert_eq!(stix::sco::deterministic_id(mail).unwrap().as_str(), target);
    let stand_in = mail.get("value").and_then(|value| value.as_str()).unwrap().into_owned();
    assert!(
        stand_in.ends_with("@pseudonym.invalid") && indicator.contains(&stand_in),
        "one person, one stand-in"
    );
    // Taken back by its own id here, it goes there.
    a.core.withdraw(&id, "t", "a mistake").unwrap();
    settle(&a, &b);
    assert!(held(&b, &target).is_none());
}

/// An object with a part that may not go, under an ACS marking with these policy defaults.
fn acs_marked(a: &Member, place: u32, defaults: &str) -> [String; 2] {
    let definition = format!("marking-definition--0aaaaaaa-0000-4000-8000-{place:012}");
    let red = tlp_ref(Tlp::Red);
    let marked = indicator(
        a,
        place,
        &format!(
            r#","name":"n","description":"for few","granular_markings":[{{"marking_ref":"{red}","selectors":["description"]}}]"#
        ),
    );
    let marked =
        marked.replace(r#""object_marking_refs":["#, &format!(r#""object_marking_refs":["{definition}","#));
    let definition = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{definition}","created":"2026-01-01T00:00:00.000Z","created_by_ref":"{}","extensions":{{"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce":{{"extension_type":"property-extension","identifier":"isa:guide.19001.ACS3-e0c28f68-5570-434a-9764-3e8498f0a59a","name":"n","create_date_time":"2021-08-14T01:08:08.432065Z","responsible_entity_custodian":"USA.DHS.US-CERT","responsible_entity_originator":"USA.DHS.US-CERT","authority_reference":["urn:isa:authority:misa"],"policy_reference":"urn:isa:policy:acs:ns:v3.0?{defaults}","control_set":{{"classification":"U"}}}}}}}}"#,
        a.core.identity
    );
    [definition, marked]
}

#[test]
fn what_acs_does_not_let_be_cut_goes_whole_or_not_at_all() {
    let (a, b) = allied();
    publish(&a, &acs_marked(&a, 5, "privdefault=permit&sharedefault=permit"));
    publish(&a, &acs_marked(&a, 6, "privdefault=deny&sharedefault=deny"));
    settle(&a, &b);
    let cut = held(&b, &indicator_id(5)).expect("a tear-line is permitted");
    assert!(!cut.contains("for few"), "{cut}");
    assert!(held(&b, &indicator_id(6)).is_none());
    let read = a.core.store.read().unwrap();
    let decisions = read.decisions(a.core.scope.tenant, None, None, 100).unwrap();
    let why: Vec<_> = decisions.iter().filter(|decision| decision.reason.contains("TEARLINE")).collect();
    assert_eq!(why.len(), 1, "{decisions:#?}");
    assert!(why[0].object.as_ref().unwrap().as_str().ends_with("000006") && !why[0].permitted);
}

#[test]
fn an_alliances_label_is_read_by_the_policy_that_the_house_has() {
    let rules = NodeRules::parse(include_str!("../../../../../docs/examples/rules.toml")).unwrap();
    assert_eq!(rules.caveats.rules().len(), 2);
    assert_eq!(rules.detectors.internal_names, ["corp.example"]);
    assert_eq!(rules.detectors.internal_ranges.len(), 2);
    assert!(rules.spifs.get("1.3.6.1.4.1.99999.1").is_some());
    assert_eq!(rules.sites[0].1.relying_party, "node.example");
}
