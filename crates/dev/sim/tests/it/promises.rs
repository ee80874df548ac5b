//! What people are told holds: the least to ask for, what a text would change, who sees a dispute, and that one thing that
//! is wrong with a peer holds nothing else up.

use model::{AgreementId, Severity, StixId, Tlp};
use runtime::trust::Exposure;
use shieldwall_sim::{Member, agree, next_version, pair, settle, text, with_ceiling};
use stix::marking::tlp_ref;

fn nodes(count: usize) -> Vec<Member> {
    let members: Vec<_> = ["EE", "FI", "LV"]
        .into_iter()
        .enumerate()
        .take(count)
        .map(|(at, country)| Member::found(at, 17, country).unwrap())
        .collect();
    for (at, a) in members.iter().enumerate() {
        for b in &members[at + 1..] {
            pair(a, b).unwrap();
            members.iter().for_each(|member| member.clock.advance(1000));
        }
    }
    members
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

fn findings(member: &Member, rule: &str) -> Vec<String> {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    rows.into_iter().filter(|row| row.finding.rule == rule).map(|row| row.finding.to_string()).collect()
}

#[test]
fn the_least_to_ask_for_gives_the_least_away() {
    let members = nodes(3);
    let all: Vec<&Member> = members.iter().collect();
    let pact = agree(&all, Tlp::Green).unwrap();
    publish(all[0], 1, Tlp::Amber, "");
    // Under the one clause what flows may go on to anybody, under the other to nobody.
    assert!(pact.text.contains("id = \"clear\"") && pact.text.contains("id = \"green\""), "{}", pact.text);
    let explained = all[0].core.explain(&id(1), all[1].party).unwrap();
    let (_, consent) = explained.smallest_consent().unwrap();
    assert!(consent.contains("in clause `green`"), "{explained}");
}

#[test]
fn what_was_stopped_is_to_be_put_right_and_nobody_else_is_to_be_let_in() {
    let members = nodes(3);
    let all: Vec<&Member> = members.iter().collect();
    let circle = agree(&all, Tlp::Green).unwrap();
    // A text without the third party, which could be asked to take it in.
    agree(&all[..2], Tlp::Amber).unwrap();
    publish(all[0], 1, Tlp::Green, "");
    all[0].core.act_on(circle.id, agreement::acts::What::Suspend, "an incident", "officer").unwrap();
    settle(&all).unwrap();
    let explained = all[0].core.explain(&id(1), all[2].party).unwrap();
    let (verdict, consent) = explained.smallest_consent().unwrap();
    assert_eq!(verdict.agreement, circle.id, "{explained}");
    assert!(consent.contains("put right"), "{explained}");
}

fn counts(exposure: &Exposure) -> (u64, u64) {
    let sum = |changes: &[policy::diff::Change]| {
        changes
            .iter()
            .filter(|change| change.type_name == "indicator")
            .map(|change| change.objects)
            .sum::<u64>()
    };
    exposure.report.parties.values().fold((0, 0), |(exposed, withdrawn), party| {
        (exposed + sum(&party.exposed), withdrawn + sum(&party.withdrawn))
    })
}

#[test]
fn what_people_took_back_is_in_no_preview() {
    let members = nodes(2);
    let all: Vec<&Member> = members.iter().collect();
    let pact = agree(&all, Tlp::Amber).unwrap();
    (1..=3).for_each(|number| publish(all[0], number, Tlp::Amber, ""));
    settle(&all).unwrap();
    for number in [1, 2] {
        all[0].core.withdraw(&id(number), "analyst", "it was wrong").unwrap();
    }
    settle(&all).unwrap();
    let narrower = next_version(&pact, &with_ceiling(&pact.text, Tlp::Amber, Tlp::Green));
    let preview = all[0].core.exposure(&narrower, 100).unwrap();
    assert_eq!(counts(&preview), (0, 1), "{preview:#?}");
    assert_eq!(preview.listed.iter().map(|one| one.object.clone()).collect::<Vec<_>>(), [id(3)]);
    // Neither in one with somebody new.
    let fresh = text(&all, Tlp::Amber).unwrap().replacen("Bilateral", "Another", 1);
    let preview = all[0].core.exposure(&fresh, 100).unwrap();
    assert_eq!(counts(&preview).0, 1, "{preview:#?}");
    assert!(
        ![1, 2].iter().any(|gone| preview.listed.iter().any(|one| one.object == id(*gone))),
        "{preview:#?}"
    );
}

#[test]
fn a_dispute_over_a_legal_hold_is_seen_by_both() {
    let members = nodes(2);
    let all: Vec<&Member> = members.iter().collect();
    agree(&all, Tlp::Amber).unwrap();
    publish(all[0], 1, Tlp::Green, "");
    settle(&all).unwrap();
    all[1].core.set_legal_hold(&id(1), Some("case 7"), "officer").unwrap();
    all[0].core.withdraw(&id(1), "analyst", "it was wrong").unwrap();
    settle(&all).unwrap();
    assert!(has(all[1], 1));
    for member in &all {
        let [told] = <[String; 1]>::try_from(findings(member, "shieldwall/legal-hold")).unwrap();
        assert!(told.contains("case 7"), "{told}");
    }
    let severe = |member: &Member| {
        let read = member.core.store.read().unwrap();
        let rows = read.findings(member.core.scope, 0, 1_000).unwrap();
        rows.iter().any(|row| {
            row.finding.rule == "shieldwall/legal-hold" && row.finding.severity == Severity::Warning
        })
    };
    assert!(severe(all[0]) && severe(all[1]));
}

/// A backup that is put back has a ledger that its peers have seen further along.
#[test]
fn whoever_is_not_witnessed_is_heard_at_once_and_complained_of_once() {
    let mut members = nodes(2);
    {
        let all: Vec<&Member> = members.iter().collect();
        agree(&all, Tlp::Amber).unwrap();
        settle(&all).unwrap();
    }
    let folder = testkit::temp_dir();
    let backup = folder.path().join("backup.db");
    members[0].core.store.backup(&backup).unwrap();
    {
        let all: Vec<&Member> = members.iter().collect();
        (1..=9).for_each(|number| publish(all[0], number, Tlp::Green, ""));
        for _ in 0..3 {
            settle(&all).unwrap();
            all.iter().for_each(|member| member.clock.advance(120_000_000));
        }
    }
    members[0].restore(&backup).unwrap();
    let (a, b) = (&members[0], &members[1]);
    // As a node calls: one after the other, and nothing more once a call was refused and did not say to go on.
    let mut calls = Vec::new();
    for round in 0..120 {
        if round % 4 == 0 {
            publish(a, 10 + round / 4, Tlp::Green, "");
        }
        a.work().unwrap();
        b.work().unwrap();
        a.clock.advance(10_000_000);
        b.clock.advance(10_000_000);
        let Some(call) = a.core.next_call(b.party).unwrap() else { continue };
        let answer = shieldwall_sim::forge::call(b, Some(a.party), call.topic, &call.body);
        let failed = answer.is_err();
        let more = a.core.answered(&call, answer.map_err(ports::peer::CallError::from)).unwrap();
        calls.push((call.topic, failed, more));
        assert!(!failed || more, "a refusal holds up what comes after it: {calls:?}");
    }
    assert!(
        calls.iter().any(|(topic, failed, _)| *topic == ports::peer::Topic::Witness && *failed),
        "{calls:?}"
    );
    assert!((10..40).all(|number| has(b, number)), "{calls:?}");
    let rolled = findings(b, "shieldwall/ledger-rollback").len();
    let forked = findings(b, "shieldwall/ledger-equivocation").len();
    assert_eq!(rolled + forked, 1, "once for one thing");
    let id: AgreementId = a.core.registry().unwrap().agreements.keys().copied().next().unwrap();
    assert_eq!(a.core.registry().unwrap().agreements[&id].state.status, agreement::acts::Status::InForce);
}

#[test]
fn a_text_whose_time_is_over_is_neither_put_forward_nor_signed() {
    let members = nodes(2);
    let (a, b) = (&members[0], &members[1]);
    let whole = text(&[a, b], Tlp::Amber).unwrap();
    let dated = |expiry: &str| {
        whole
            .replace("review = 2027-04-01", "review = 2026-11-03")
            .replace("expiry = 2027-09-01", &format!("expiry = {expiry}"))
    };
    let refused = a.core.propose(&dated("2026-10-31"), "", "officer").unwrap_err().to_string();
    assert!(refused.contains("expiry"), "{refused}");
    let proposed = a.core.propose(&dated("2026-11-05"), "", "officer").unwrap();
    settle(&[a, b]).unwrap();
    b.clock.advance(5 * keys::window::DAY);
    let refused = b.sign(&proposed).unwrap_err().to_string();
    assert!(refused.contains("expiry"), "{refused}");
}
