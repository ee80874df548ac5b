//! What is said of a delivery is what becomes of it: for each state a thing can be in, the explanation and the deed.

use model::{AgreementId, StixId, Tlp};
use policy::Explanation;
use shieldwall_sim::{Member, pair, settle, sign_all, text};
use stix::marking::tlp_ref;

fn nodes() -> [Member; 2] {
    let members = [("EE", 0), ("FI", 1)].map(|(country, index)| Member::found(index, 13, country).unwrap());
    pair(&members[0], &members[1]).unwrap();
    members.iter().for_each(|member| member.clock.advance(1000));
    members
}

fn agree(among: [&Member; 2], changes: &[(&str, &str)]) -> AgreementId {
    let mut document = text(&among, Tlp::Amber).unwrap();
    for (old, new) in changes {
        assert!(document.contains(old), "the text does not say `{old}`:\n{document}");
        document = document.replace(old, new);
    }
    let proposed = among[0].core.propose(&document, "", "officer").unwrap();
    sign_all(&among, &proposed).unwrap();
    proposed.agreement
}

fn id(number: u32) -> StixId {
    format!("indicator--0aaaaaaa-0000-4000-8000-{number:012x}").parse().unwrap()
}

fn publish(by: &Member, number: u32, tlp: Tlp, more: &str) {
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'm-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],{more}"object_marking_refs":["{}"]}}"#,
        id(number),
        by.identity,
        tlp_ref(tlp)
    );
    assert_eq!(by.publish(&[&text]).unwrap().accepted, 1);
}

fn has(member: &Member, number: u32) -> bool {
    member.text_of(&id(number)).unwrap().is_some()
}

fn explain(of: &Member, number: u32, to: &Member) -> Explanation {
    of.core.explain(&id(number), to.party).unwrap()
}

/// Whether it is permitted, and what the first and the last reason are about.
fn says(explanation: &Explanation) -> (bool, &'static str, &'static str) {
    let [verdict] = explanation.verdicts.as_slice() else { panic!("{explanation}") };
    let reasons = &verdict.decision.reasons;
    (verdict.decision.permitted, reasons[0].about, reasons[reasons.len() - 1].about)
}

#[test]
fn what_goes_was_given_taken_back_and_recalled() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    agree([a, b], &[]);
    publish(a, 1, Tlp::Amber, "");
    assert_eq!(says(&explain(a, 1, b)), (true, "clause", "clause"), "it will go");
    settle(&[a, b]).unwrap();
    assert!(has(b, 1));
    assert_eq!(says(&explain(a, 1, b)), (true, "clause", "given"));
    assert_eq!(says(&explain(b, 1, a)).1, "onward", "what a gave is not b's to give");
    a.core.withdraw(&id(1), "officer", "it was wrong").unwrap();
    settle(&[a, b]).unwrap();
    assert!(has(a, 1) && !has(b, 1));
    assert_eq!(says(&explain(a, 1, b)), (false, "recalled", "recalled"));
    // RED was never to go, and the least that would have to change is still said.
    publish(a, 2, Tlp::Red, "");
    let why = explain(a, 2, b);
    assert!(!says(&why).0 && why.smallest_consent().unwrap().1.contains("TLP red"), "{why}");
}

#[test]
fn what_a_rule_took_back_is_said_to_be_and_goes_again_without_it() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    agree([a, b], &[]);
    publish(a, 1, Tlp::Amber, "");
    settle(&[a, b]).unwrap();
    let rules = "format = \"shieldwall-rules/1\"\n[[caveat]]\nid = \"no\"\nreason = \"r\"\ntypes = [\"indicator\"]\nto_nations_but = [\"EST\"]\n";
    a.core.set_rules(rules, "officer", "for now").unwrap();
    settle(&[a, b]).unwrap();
    assert!(!has(b, 1));
    let why = explain(a, 1, b);
    assert!(!says(&why).0, "{why}");
    assert!(why.to_string().contains("taken back from that party on 2026-11-01T"), "{why}");
    a.core.set_rules("format = \"shieldwall-rules/1\"\n", "officer", "no longer").unwrap();
    settle(&[a, b]).unwrap();
    assert!(has(b, 1), "nobody took it back but the rule");
    assert_eq!(says(&explain(a, 1, b)), (true, "clause", "given"));
}

#[test]
fn what_waits_for_a_cap_is_said_to_wait() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    let document = text(&[a, b], Tlp::Amber).unwrap();
    let line = document.lines().find(|line| line.starts_with("objects_per_hour")).unwrap().to_owned();
    agree([a, b], &[(line.as_str(), "objects_per_hour = 1")]);
    publish(a, 1, Tlp::Amber, "");
    settle(&[a, b]).unwrap();
    publish(a, 2, Tlp::Amber, "");
    settle(&[a, b]).unwrap();
    let (waiting, gone) = if has(b, 2) { (1, 2) } else { (2, 1) };
    assert!(!has(b, waiting), "one an hour goes");
    let why = explain(a, waiting, b);
    assert_eq!(says(&why), (false, "waits", "waits"), "{why}");
    if has(b, gone) {
        assert_eq!(says(&explain(a, gone, b)), (true, "clause", "given"));
    }
}

#[test]
fn what_waits_for_a_person_or_was_withheld_by_one_is_said_to() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    agree([a, b], &[("personal = \"pseudonymise\"", "personal = \"refuse\"")]);
    publish(a, 1, Tlp::Amber, r#""description":"ask anna.example@mail.example.org","#);
    let before = explain(a, 1, b);
    assert_eq!(says(&before), (false, "review", "review"), "{before}");
    let reviews = || a.core.store.read().unwrap().reviews(a.core.scope.tenant, true, 10).unwrap();
    assert!(reviews().is_empty(), "to explain it wrote nothing");
    settle(&[a, b]).unwrap();
    let number = reviews()[0].id;
    let why = explain(a, 1, b);
    assert_eq!(says(&why), (false, "review", "review"), "{why}");
    assert!(why.smallest_consent().unwrap().1.contains(&format!("review {number}")), "{why}");
    a.core.decide_review(number, false, "officer", "a private address").unwrap();
    settle(&[a, b]).unwrap();
    let why = explain(a, 1, b);
    assert!(
        !has(b, 1) && says(&why).1 == "withheld" && why.to_string().contains("a private address"),
        "{why}"
    );
}

#[test]
fn what_is_suspended_or_over_is_no_way() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    let agreement = agree([a, b], &[]);
    publish(a, 1, Tlp::Amber, "");
    let suspend = agreement::acts::What::Suspend;
    b.core.act_on(agreement, suspend, "we are being audited", "officer").unwrap();
    settle(&[a, b]).unwrap();
    let why = explain(a, 1, b);
    assert!(!has(b, 1) && says(&why).1 == "suspended" && why.to_string().contains("audited"), "{why}");
    let end = agreement::acts::What::End;
    a.core.act_on(agreement, end, "", "officer").unwrap();
    settle(&[a, b]).unwrap();
    assert!(explain(a, 1, b).verdicts.is_empty());
}
