//! What goes along with an object, and what is left of one: identities and definitions are decided, cut, held, reviewed and
//! erased like everything else, and parts by their own markings.

use keys::posts::Approval;
use keys::window::DAY;
use label::{Handling, Releasability, marking_refs};
use model::{AgreementId, StixId, Tlp};
use ports::trust::{DisclosureRecord, HoldingRecord, ReviewRecord};
use shieldwall_sim::{Member, forge, officer, pair, settle, sign_all, text};
use stix::marking::tlp_ref;

const HOUR: i64 = 3_600_000_000;
const INTEL: &str = "types = \"any\"\nceiling = { tlp = \"amber\", pap = \"amber\" }";
const ONWARD: &str = "actions = [\"receive\", \"detect\", \"block\"]\nonward = \"none\"";
const PERSONAL: &str = "onward = \"none\"\npersonal = \"pseudonymise\"";

fn nodes(count: usize) -> Vec<Member> {
    let members: Vec<_> =
        (0..count).map(|index| Member::found(index, 31, ["EE", "FI", "LV"][index]).unwrap()).collect();
    for (at, a) in members.iter().enumerate() {
        for b in &members[at + 1..] {
            pair(a, b).unwrap();
            members.iter().for_each(|member| member.clock.advance(1000));
        }
    }
    members
}

fn agree(among: &[&Member], changes: &[(&str, &str)]) -> AgreementId {
    let mut document = text(among, Tlp::Amber).unwrap();
    for (old, new) in changes {
        assert!(document.contains(old), "the text does not say `{old}`:\n{document}");
        document = document.replace(old, new);
    }
    let proposed = among[0].core.propose(&document, "", "officer").unwrap();
    sign_all(among, &proposed).unwrap();
    proposed.agreement
}

fn id(kind: &str, number: u32) -> StixId {
    format!("{kind}--0aaaaaaa-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// An identity with this marking, and more properties, which begin with a comma.
fn identity(number: u32, marking: &StixId, more: &str) -> String {
    format!(
        r#"{{"type":"identity","spec_version":"2.1","id":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","name":"Identity {number}"{more},"object_marking_refs":["{marking}"]}}"#,
        id("identity", number)
    )
}

fn indicator(number: u32, creator: &StixId, marking: &StixId, more: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{creator}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'm-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"]{more},"object_marking_refs":["{marking}"]}}"#,
        id("indicator", number)
    )
}

/// The marking that says a handling, and its definition.
fn marking(handling: &Handling) -> (StixId, String) {
    marking_refs(handling).into_iter().find_map(|(id, text)| Some((id, text?))).unwrap()
}

fn nations(codes: &[&str]) -> Vec<label::Nation> {
    codes.iter().map(|code| code.parse().unwrap()).collect()
}

fn caveat(releasability: Releasability) -> (StixId, String) {
    marking(&Handling::clear().with_releasability(releasability))
}

fn publish(by: &Member, texts: &[String]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let summary = by.publish(&texts).unwrap();
    assert_eq!(summary.accepted, texts.len() as u64, "{summary:?}");
}

fn text_of(member: &Member, id: &StixId) -> Option<String> {
    member.text_of(id).unwrap()
}

fn holdings(of: &Member, id: &StixId) -> Vec<HoldingRecord> {
    of.core.store.read().unwrap().holdings(of.core.scope.tenant, Some(id), 0, 99).unwrap()
}

fn given(by: &Member, id: &StixId) -> Vec<DisclosureRecord> {
    by.core.store.read().unwrap().disclosures(by.core.scope.tenant, Some(id), false, 0, 99).unwrap()
}

fn reviews(of: &Member) -> Vec<ReviewRecord> {
    of.core.store.read().unwrap().reviews(of.core.scope.tenant, false, 99).unwrap()
}

fn findings(member: &Member, rule: &str) -> Vec<String> {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    rows.into_iter().filter(|row| row.finding.rule == rule).map(|row| row.finding.to_string()).collect()
}

fn green() -> StixId {
    tlp_ref(Tlp::Green)
}

#[test]
fn a_companion_is_decided_by_the_clause_that_lets_its_object_go() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(
        &[a, b],
        &[
            (INTEL, "types = [\"indicator\"]\nceiling = { tlp = \"amber\", pap = \"amber\" }"),
            (PERSONAL, "onward = \"none\"\npersonal = \"refuse\""),
        ],
    );
    let rules = "format = \"shieldwall-rules/1\"\n[[caveat]]\nid = \"no-fishers\"\nreason = \"Fisheries act\"\n\
                 types = [\"identity\"]\nsectors = [\"fishing\"]\n";
    a.core.set_rules(rules, "officer", "the act").unwrap();
    let (latvia, rel_to) = caveat(Releasability::rel_to(nations(&["LVA"])));
    let (noforn, not_abroad) = caveat(Releasability::noforn(nations(&["EST"]).pop()));
    let (eyes, eyes_only) = caveat(Releasability::eyes_only(nations(&["EST"])));
    let (orcon, controlled) = caveat(Releasability::orcon());
    let (research, purpose) = marking(&Handling::clear().with_purposes(Some(["research".to_owned()].into())));
    publish(a, &[rel_to, not_abroad, eyes_only, controlled, purpose]);
    // Within the ceiling of another clause from us to them, but not of this one.
    let strict = tlp_ref(Tlp::AmberStrict);
    let cases = [
        ("releasable elsewhere", latvia, ""),
        ("not abroad", noforn, ""),
        ("for our eyes", eyes, ""),
        ("controlled by its originator", orcon, ""),
        ("for another purpose", research, ""),
        ("above this clause's ceiling", strict, ""),
        ("a person", green(), r#","identity_class":"individual""#),
        ("kept here by a rule of the house", green(), r#","sectors":["fishing"]"#),
    ];
    publish(a, &[identity(1, &green(), ""), indicator(1, &id("identity", 1), &green(), "")]);
    for ((_, marking, more), number) in cases.iter().zip(10..) {
        publish(
            a,
            &[identity(number, marking, more), indicator(number, &id("identity", number), &green(), "")],
        );
    }
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &id("indicator", 1)).unwrap().contains("created_by_ref"));
    assert!(text_of(b, &id("identity", 1)).is_some(), "no clause needs to name its type");
    for ((name, ..), number) in cases.iter().zip(10..) {
        assert!(text_of(b, &id("identity", number)).is_none(), "{name}");
        let indicator = text_of(b, &id("indicator", number)).expect(name);
        assert!(!indicator.contains("created_by_ref"), "{name}: {indicator}");
    }
    assert!(findings(b, "shieldwall/misdirected").is_empty());
}

#[test]
fn a_companion_goes_without_the_parts_that_may_not_be_seen() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[(INTEL, "types = [\"indicator\"]\nceiling = { tlp = \"amber\", pap = \"amber\" }")]);
    let parts = format!(
        r#","contact_information":"call extension SECRET","granular_markings":[{{"marking_ref":"{}","selectors":["contact_information"]}}]"#,
        tlp_ref(Tlp::Red)
    );
    publish(a, &[identity(1, &green(), &parts), indicator(1, &id("identity", 1), &green(), "")]);
    settle(&[a, b]).unwrap();
    let came = text_of(b, &id("identity", 1)).unwrap();
    assert!(came.contains("Identity 1") && !came.contains("SECRET"), "{came}");
}

#[test]
fn what_was_decided_about_a_companion_is_decided_again_before_it_leaves() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[(INTEL, "types = [\"indicator\"]\nceiling = { tlp = \"amber\", pap = \"amber\" }")]);
    settle(&[a, b]).unwrap();
    for number in [1, 2, 3] {
        let creator = id("identity", number);
        publish(a, &[identity(number, &green(), ""), indicator(number, &creator, &green(), "")]);
    }
    // They stand in the stream, and nobody has called.
    while a.core.release_step().unwrap() {}
    while a.core.deliver_step().unwrap() {}
    let rules = "format = \"shieldwall-rules/1\"\n[[caveat]]\nid = \"no-fishers\"\nreason = \"Fisheries act\"\n\
                 types = [\"identity\"]\nsectors = [\"fishing\"]\n";
    a.core.set_rules(rules, "officer", "the act").unwrap();
    let newer = identity(1, &green(), r#","sectors":["fishing"]"#)
        .replace(r#""modified":"2026-10-30"#, r#""modified":"2026-10-31"#);
    publish(a, &[newer]);
    a.core.withdraw(&id("identity", 2), "officer", "not theirs").unwrap();
    settle(&[a, b]).unwrap();
    for number in [1, 2] {
        assert!(text_of(b, &id("identity", number)).is_none(), "{number}");
        let indicator = text_of(b, &id("indicator", number)).unwrap();
        assert!(!indicator.contains("created_by_ref"), "{indicator}");
    }
    assert!(text_of(b, &id("identity", 3)).is_some());
    assert!(text_of(b, &id("indicator", 3)).unwrap().contains("created_by_ref"));
}

#[test]
fn a_companion_is_held_taken_back_and_kept_out_like_what_it_explains() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(
        &[a, b],
        &[
            (INTEL, "types = [\"indicator\"]\nceiling = { tlp = \"amber\", pap = \"amber\" }"),
            ("keep_days = 365", "keep_days = 5"),
        ],
    );
    let creator = id("identity", 1);
    publish(a, &[identity(1, &green(), ""), identity(2, &green(), "")]);
    publish(a, &[indicator(1, &creator, &green(), ""), indicator(2, &id("identity", 2), &green(), "")]);
    settle(&[a, b]).unwrap();
    let held = holdings(b, &creator);
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!((held[0].agreement, held[0].onward.as_str(), held[0].version.is_some()), (pact, "none", true));
    // A newer version goes along with the next that refers to it; nothing is taken back for that.
    let newer = |text: String| text.replace(r#""modified":"2026-10-30"#, r#""modified":"2026-10-31"#);
    publish(a, &[newer(identity(1, &green(), r#","description":"newer""#))]);
    settle(&[a, b]).unwrap();
    assert!(given(a, &creator)[0].withdrawn.is_none());
    publish(a, &[indicator(3, &creator, &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).unwrap().contains("newer"));
    assert_eq!(holdings(b, &creator).len(), 1);

    a.core.withdraw(&creator, "officer", "a mistake").unwrap();
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).is_none());
    let receipts: Vec<_> = given(a, &creator).into_iter().filter_map(|one| one.receipt).collect();
    assert_eq!(receipts.iter().map(|(_, said)| said.as_str()).collect::<Vec<_>>(), ["erased"]);
    assert!(text_of(b, &id("indicator", 1)).is_some(), "what it explained stays");
    // It comes again neither with what is new…
    publish(a, &[indicator(4, &creator, &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).is_none());
    assert!(!text_of(b, &id("indicator", 4)).unwrap().contains("created_by_ref"));
    // …nor from a sender that has forgotten.
    let again = identity(1, &green(), "");
    let companion = exchange::Companion {
        subject: held[0].subject,
        label: "green".to_owned(),
        onward: "free".to_owned(),
        object: &again,
    };
    let object = indicator(5, &creator, &green(), "");
    let content = exchange::Content { object: &object, with: vec![companion], ..Default::default() };
    let stream = forge::stream(a, b, pact, 1);
    let at = forge::position(a, b, pact).unwrap();
    let registry = a.core.registry().unwrap();
    let force = registry.last_force(pact).unwrap();
    let draft = forge::Draft {
        payload: content.to_text(),
        ..forge::Draft::put(&object, "green", force.version, force.membership)
    };
    let push = forge::push(a, stream, &at, &[draft], None).unwrap();
    b.core.take_in(a.party, &push).unwrap();
    assert!(text_of(b, &id("indicator", 5)).is_some());
    assert!(text_of(b, &creator).is_none(), "a tombstone outranks what comes after");

    // And its time is up like that of everything else.
    let other = id("identity", 2);
    assert!(text_of(b, &other).is_some());
    b.clock.advance(5 * DAY + HOUR);
    b.work().unwrap();
    assert!(text_of(b, &other).is_none() && text_of(b, &id("indicator", 2)).is_none());
    let standing = b.core.standing().unwrap();
    assert_eq!((standing.kept, standing.overdue), (0, 0));
}

#[test]
fn a_companion_goes_no_further_than_whoever_gave_it_said() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    agree(&[a, b], &[]);
    agree(&[b, c], &[]);
    publish(a, &[identity(1, &green(), ""), indicator(1, &id("identity", 1), &green(), "")]);
    publish(b, &[indicator(2, &b.identity, &green(), "")]);
    settle(&[a, b, c]).unwrap();
    assert!(text_of(b, &id("identity", 1)).is_some());
    // Something of their own that refers to it is given on, and it is not.
    let note = format!(
        r#"{{"type":"note","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","content":"theirs","object_refs":["{}","{}"],"object_marking_refs":["{}"]}}"#,
        id("note", 1),
        b.identity,
        id("identity", 1),
        id("indicator", 2),
        green()
    );
    publish(b, &[note]);
    settle(&[a, b, c]).unwrap();
    let note = text_of(c, &id("note", 1)).expect("it is theirs to give");
    assert!(note.contains("indicator--") && !note.contains(id("identity", 1).as_str()), "{note}");
    assert!(text_of(c, &id("identity", 1)).is_none());
}

#[test]
fn a_companion_that_something_else_holds_stays() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[]);
    let creator = id("identity", 1);
    publish(b, &[identity(1, &green(), "")]);
    publish(a, &[identity(1, &green(), ""), indicator(1, &creator, &green(), "")]);
    settle(&[a, b]).unwrap();
    a.core.withdraw(&creator, "officer", "a mistake").unwrap();
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).is_some(), "it was their own before");
    let said: Vec<_> = given(a, &creator).into_iter().filter_map(|one| Some(one.receipt?.1)).collect();
    assert_eq!(said, ["kept"]);
}

#[test]
fn who_says_that_nothing_was_held_is_not_counted_as_having_erased_it() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[]);
    publish(a, &[indicator(1, &a.identity, &tlp_ref(Tlp::Red), "")]);
    settle(&[a, b]).unwrap();
    let (tenant, object) = (a.core.scope.tenant, id("indicator", 1));
    let version =
        a.core.store.read().unwrap().object(a.core.scope, &object, None).unwrap().unwrap().version_id;
    let record = DisclosureRecord {
        to: b.party,
        agreement: pact,
        object: Some(object.clone()),
        version: Some(version),
        subject: forge::subject("it never came"),
        entry: (1, 1),
        clause: "intel-a-to-b".to_owned(),
        at: a.now(),
        withdrawn: None,
        deadline: None,
        receipt: None,
    };
    a.core.store.transact(|tx| tx.set_disclosure(tenant, &record)).unwrap();
    a.core.withdraw(&object, "officer", "wrong").unwrap();
    settle(&[a, b]).unwrap();
    let said: Vec<_> = given(a, &object).into_iter().filter_map(|one| Some(one.receipt?.1)).collect();
    assert_eq!(said, ["unknown"]);
    let leaves = a.core.store.read().unwrap().leaves(tenant, 0, 10_000).unwrap();
    let says =
        |what: &str| leaves.iter().filter_map(|leaf| leaf.opening.as_ref()).any(|text| text.contains(what));
    assert!(says("\"not-held\"") && !says("\"confirmed\""));
}

#[test]
fn erasing_leaves_nothing_of_what_stood_beside_other_objects() {
    let all = nodes(2);
    let folder = testkit::temp_dir();
    agree(&[&all[0], &all[1]], &[]);
    let file = |index: usize| folder.path().join(format!("{index}.db"));
    let copies: Vec<_> = all
        .iter()
        .map(|member| {
            member.core.store.backup(&file(member.index)).unwrap();
            member.open(&file(member.index), 5).unwrap()
        })
        .collect();
    let (a, b) = (&copies[0], &copies[1]);
    let creator = id("identity", 1);
    publish(a, &[identity(1, &green(), r#","description":"XYLOPHONE""#), identity(2, &green(), "")]);
    publish(a, &[indicator(1, &creator, &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).is_some(), "given, and acknowledged");
    // And another time in a stream that nobody has read yet, beside somebody else.
    let newer = identity(1, &green(), r#","description":"XYLOPHONE again""#)
        .replace(r#""modified":"2026-10-30"#, r#""modified":"2026-10-31"#);
    publish(a, &[newer]);
    let both = format!(r#","object_refs":["{creator}","{}"]"#, id("identity", 2));
    let report = indicator(
        2,
        &a.identity,
        &green(),
        &format!(r#","name":"r","description":"d","published":"2026-10-30T00:00:00Z"{both}"#),
    )
    .replace(r#""type":"indicator""#, r#""type":"report""#)
    .replace("indicator--", "report--");
    publish(a, &[report]);
    while a.core.release_step().unwrap() {}
    while a.core.deliver_step().unwrap() {}
    let readable = |index: usize| {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let bytes = std::fs::read(&path).unwrap();
            if name.starts_with(&index.to_string()) && bytes.windows(9).any(|window| window == b"XYLOPHONE") {
                found.push(name);
            }
        }
        found
    };
    assert!(!readable(0).is_empty());
    a.core.erase(&creator, "officer", "gone").unwrap();
    assert_eq!(readable(0), Vec::<String>::new(), "in no file");
    settle(&[a, b]).unwrap();
    let report = text_of(b, &id("report", 2)).expect("what it stood beside goes all the same");
    assert!(!report.contains(creator.as_str()), "{report}");
    assert!(text_of(b, &id("identity", 2)).is_some(), "and so does what else stood there");
    assert_eq!(readable(0), Vec::<String>::new(), "and nothing of it is sent");
}

#[test]
fn a_review_is_about_one_object_and_about_what_was_shown() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[(PERSONAL, "onward = \"none\"\npersonal = \"refuse\"")]);
    let creator = id("identity", 1);
    let contact = r#","contact_information":"joe@ministry.example""#;
    let mail = r#","description":"ask anna@ministry.example at corp.example""#;
    let object = id("indicator", 1);
    publish(a, &[indicator(1, &creator, &green(), mail)]);
    settle(&[a, b]).unwrap();
    publish(a, &[identity(1, &green(), contact)]);
    settle(&[a, b]).unwrap();
    let shown = |of: &StixId| reviews(a).into_iter().filter(|one| one.object == *of).collect::<Vec<_>>();
    assert_eq!(shown(&object).len(), 1, "{:?}", reviews(a));
    assert!(text_of(b, &object).is_none());
    a.core.decide_review(shown(&object)[0].id, true, "admin", "it is the attacker's").unwrap();
    // Before it goes, the house learns what else nobody may see: that is not what was shown.
    let rules = "format = \"shieldwall-rules/1\"\n[detect]\ninternal_names = [\"corp.example\"]\n";
    a.core.set_rules(rules, "officer", "ours").unwrap();
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &object).is_none(), "an account does not override what was signed");
    let again = shown(&object);
    assert_eq!(again.len(), 1);
    assert!(again[0].found.contains("internal-name") && again[0].found.contains("email"), "{again:?}");
    a.core.decide_review(again[0].id, true, "admin", "both are").unwrap();
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &object).unwrap().contains("anna@ministry.example"));
    // The one who made it was not reviewed with it.
    assert!(text_of(b, &creator).is_none_or(|text| !text.contains("joe@")), "{:?}", text_of(b, &creator));
    let of_creator = shown(&creator);
    assert_eq!(of_creator.len(), 1, "a person has to look at it");
    a.core.decide_review(of_creator[0].id, true, "admin", "a public address").unwrap();
    publish(a, &[indicator(2, &creator, &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &creator).unwrap().contains("joe@ministry.example"));
}

#[test]
fn personal_data_in_companions_are_counted() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let intel = "types = [\"indicator\"]\nceiling = { tlp = \"amber\", pap = \"amber\" }";
    agree(&[a, b], &[(INTEL, intel), (PERSONAL, "onward = \"none\"\npersonal = \"redact\"")]);
    let contact = r#","contact_information":"joe@ministry.example""#;
    publish(a, &[identity(1, &green(), contact), indicator(1, &id("identity", 1), &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(!text_of(b, &id("identity", 1)).unwrap().contains("joe@"));
    let leaves = a.core.store.read().unwrap().leaves(a.core.scope.tenant, 0, 10_000).unwrap();
    let openings =
        leaves.iter().filter(|leaf| leaf.kind == "disclosure").filter_map(|leaf| leaf.opening.as_ref());
    assert_eq!(
        openings
            .filter(|text| text.contains(r#""personal_redacted":1"#) || text.contains(r#""redacted":1"#))
            .count(),
        1
    );
}

#[test]
fn a_part_is_decided_by_its_own_markings() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[(PERSONAL, "onward = \"none\"\npersonal = \"refuse\"")]);
    let rules = "format = \"shieldwall-rules/1\"\n[[caveat]]\nid = \"amber-stays\"\nreason = \"Decision 9\"\n\
                 tlp = \"amber\"\n";
    a.core.set_rules(rules, "officer", "decision 9").unwrap();
    let access = id("marking-definition", 77);
    let acs = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{access}","created":"2026-01-01T00:00:00.000Z","extensions":{{"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce":{{"extension_type":"property-extension","identifier":"isa:guide.19001.ACS3-e0c28f68-5570-434a-9764-3e8498f0a59a","name":"n","create_date_time":"2021-08-14T01:08:08.432065Z","responsible_entity_custodian":"USA.DHS.US-CERT","responsible_entity_originator":"USA.DHS.US-CERT","authority_reference":["urn:isa:authority:misa"],"policy_reference":"urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault=permit","control_set":{{"classification":"U","permitted_nationalities":["USA"]}}}}}}}}"#
    );
    let purposes = Some(["research".to_owned()].into());
    let hidden = [
        ("releasable elsewhere", caveat(Releasability::rel_to(nations(&["LVA"])))),
        ("not abroad", caveat(Releasability::noforn(nations(&["EST"]).pop()))),
        ("for our eyes", caveat(Releasability::eyes_only(nations(&["EST"])))),
        ("controlled by its originator", caveat(Releasability::orcon())),
        ("for another purpose", marking(&Handling::clear().with_purposes(purposes))),
        ("personal", marking(&Handling::clear().with_personal(true))),
        ("access", (access, acs)),
        ("kept here by a rule of the house", (tlp_ref(Tlp::Amber), String::new())),
        ("above the ceiling", (tlp_ref(Tlp::Red), String::new())),
    ];
    let seen = [("releasable there", caveat(Releasability::rel_to(nations(&["FIN"]))))];
    for ((_, (marking, definition)), number) in hidden.iter().chain(&seen).zip(10..) {
        if !definition.is_empty() {
            publish(a, std::slice::from_ref(definition));
        }
        let parts = format!(
            r#","name":"n","description":"SECRET","granular_markings":[{{"marking_ref":"{marking}","selectors":["description"]}}]"#
        );
        publish(a, &[indicator(number, &a.identity, &green(), &parts)]);
    }
    settle(&[a, b]).unwrap();
    for ((name, _), number) in hidden.iter().zip(10..) {
        let text = text_of(b, &id("indicator", number)).expect(name);
        assert!(!text.contains("SECRET") && text.contains(r#""name":"n""#), "{name}: {text}");
    }
    let text = text_of(b, &id("indicator", 10 + hidden.len() as u32)).unwrap();
    assert!(text.contains("SECRET"), "{text}");
}

#[test]
fn who_provided_something_is_not_named_to_whom_it_is_passed_on() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let passes = "actions = [\"receive\", \"detect\", \"block\", \"pass-on\"]\nonward = \"free\"";
    agree(&[a, b], &[(ONWARD, passes)]);
    agree(&[b, c], &[]);
    let conceals = id("marking-definition", 77);
    let acs = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{conceals}","created":"2026-01-01T00:00:00.000Z","extensions":{{"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce":{{"extension_type":"property-extension","identifier":"isa:guide.19001.ACS3-e0c28f68-5570-434a-9764-3e8498f0a59a","name":"n","create_date_time":"2021-08-14T01:08:08.432065Z","responsible_entity_custodian":"USA.DHS.US-CERT","responsible_entity_originator":"USA.DHS.US-CERT","authority_reference":["urn:isa:authority:misa"],"policy_reference":"urn:isa:policy:acs:ns:v3.0?privdefault=permit&sharedefault=permit","access_privilege":[{{"privilege_action":"IDSRC","privilege_scope":{{"permitted_organizations":["ALL"]}},"rule_effect":"deny"}}],"control_set":{{"classification":"U"}}}}}}}}"#
    );
    publish(a, &[acs]);
    let both = |number| {
        indicator(number, &a.identity, &green(), "")
            .replace(&format!("[\"{}\"]", green()), &format!("[\"{}\",\"{conceals}\"]", green()))
    };
    publish(a, &[indicator(1, &a.identity, &green(), ""), both(2)]);
    settle(&[a, b, c]).unwrap();
    let named = text_of(c, &id("indicator", 1)).expect("passed on");
    assert!(named.contains(a.identity.as_str()), "{named}");
    let first = text_of(b, &id("indicator", 2)).expect("given");
    assert!(first.contains(a.identity.as_str()), "who gives it, the stream says: {first}");
    let concealed = text_of(c, &id("indicator", 2)).expect("passed on");
    assert!(!concealed.contains(a.identity.as_str()), "{concealed}");
    // Nor by what comes with it.
    let read = b.core.store.read().unwrap();
    let streams = read.streams(b.core.scope.tenant).unwrap();
    let (key, _) = streams.iter().find(|(key, _)| key.outbound && key.peer == c.party).unwrap();
    let entries = read.entries(b.core.scope.tenant, *key, 1, 0, 99).unwrap();
    let payload = entries.iter().filter_map(|entry| entry.payload.as_ref());
    let payload = payload.into_iter().find(|text| text.contains("'m-2'")).unwrap();
    assert!(!payload.contains(a.identity.as_str()) && !payload.contains(r#""origin""#), "{payload}");
}

#[test]
fn a_profile_and_an_emergency_leave_markings_readable() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let slim = "personal = \"pseudonymise\"\nredaction = \"slim\"";
    let pact = agree(
        &[a, b],
        &[
            ("personal = \"pseudonymise\"", slim),
            (
                "[retention]\n",
                "[redaction.slim]\ncontributor = \"named\"\npseudonymise_addresses = false\n\n[redaction.slim.keep]\nindicator = [\"/name\"]\n\n[retention]\n",
            ),
            ("posts = [\"duty-officer\"]", "posts = [\"release-officer\"]"),
            ("officers = 2\nhours = 48", "officers = 1\nhours = 48"),
        ],
    );
    let (pap, definition) = marking(&Handling::clear().with_pap(label::Pap::Amber));
    publish(a, &[definition]);
    let marked = |number, tlp: Tlp, pap: &StixId| {
        indicator(number, &a.identity, &tlp_ref(tlp), r#","name":"n","description":"d""#)
            .replace("\"object_marking_refs\":[", &format!("\"object_marking_refs\":[\"{pap}\","))
    };
    publish(a, &[marked(1, Tlp::Green, &pap)]);
    settle(&[a, b]).unwrap();
    let came = text_of(b, &id("indicator", 1)).unwrap();
    assert!(!came.contains("description"), "the profile holds: {came}");
    assert!(text_of(b, &pap).is_some(), "and what its marking says came too");
    // In an emergency.
    let (red, definition) = marking(&Handling::clear().with_pap(label::Pap::Red));
    publish(a, &[definition, marked(2, Tlp::Red, &red)]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &id("indicator", 2)).is_none());
    let bytes = a.core.emergency_bytes(pact, [].into(), "they are on fire").unwrap();
    let approval = Approval::sign(&officer(a.index), bytes.as_bytes());
    a.core.decide_approved(&bytes, vec![approval], "officer").unwrap();
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &id("indicator", 2)).is_some());
    assert!(text_of(b, &red).is_some(), "what came along came under the emergency's ceiling");
    assert!(findings(b, "shieldwall/misdirected").is_empty(), "{:?}", findings(b, "shieldwall/misdirected"));
    let class = |number| {
        let read = b.core.store.read().unwrap();
        let stored = read.object(b.core.scope, &id("indicator", number), None).unwrap().unwrap();
        read.class_of(b.core.scope.tenant, stored.version_id).unwrap().unwrap()
    };
    assert!(class(1).contains("pap:amber") && class(2).contains("pap:red"), "{} {}", class(1), class(2));
}

#[test]
fn a_marking_that_may_not_be_explained_keeps_its_object_here() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[]);
    let (pap, definition) = marking(&Handling::clear().with_pap(label::Pap::Amber));
    let secret = definition.replace(
        r#""spec_version":"2.1""#,
        &format!(r#""spec_version":"2.1","object_marking_refs":["{}"]"#, tlp_ref(Tlp::Red)),
    );
    publish(a, &[secret]);
    let marked = indicator(1, &a.identity, &green(), "")
        .replace("\"object_marking_refs\":[", &format!("\"object_marking_refs\":[\"{pap}\","));
    publish(a, &[marked]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &id("indicator", 1)).is_none());
    let read = a.core.store.read().unwrap();
    let decisions = read.decisions(a.core.scope.tenant, Some(&id("indicator", 1)), None, 9).unwrap();
    assert!(decisions[0].reason.contains("its marking") && !decisions[0].permitted, "{decisions:?}");
}

#[test]
fn the_caveat_of_a_clause_goes_with_what_flows() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let ceiling = "types = [\"indicator\"]\n\
                   ceiling = { tlp = \"amber\", pap = \"amber\", rel_to = [\"EST\", \"FIN\"], eyes_only = true }";
    agree(&[a, b], &[(INTEL, ceiling)]);
    publish(a, &[indicator(1, &a.identity, &green(), "")]);
    settle(&[a, b]).unwrap();
    assert!(text_of(b, &id("indicator", 1)).is_some(), "and it is still so called when it leaves");
    let read = a.core.store.read().unwrap();
    let streams = read.streams(a.core.scope.tenant).unwrap();
    let (key, _) = streams.iter().find(|(key, _)| key.outbound).unwrap();
    let entries = read.entries(a.core.scope.tenant, *key, 1, 0, 99).unwrap();
    let envelope =
        entries.iter().filter(|entry| entry.payload.as_ref().is_some_and(|text| text.contains("'m-1'")));
    let labels: Vec<_> =
        envelope.map(|entry| exchange::Envelope::parse(&entry.envelope).unwrap().label).collect();
    assert_eq!(labels, ["green,rel:EST+FIN,eyes"]);
    let along = entries.iter().filter_map(|entry| entry.payload.as_ref());
    assert!(along.into_iter().any(|text| text.contains(r#""label":"clear,rel:EST+FIN,eyes""#)));
}
