//! What an agreement states is kept: caps, reciprocity, originator control, emergencies, exercises, notice, legal bases,
//! retention, receipts and witnesses, between nodes with real keys whose clocks the test moves.

use agreement::acts::Status;
use keys::posts::Approval;
use keys::window::DAY;
use ledger::report::{Remark, Verdict};
use model::{AgreementId, Digest, StixId, Tlp};
use ports::trust::HoldingRecord;
use runtime::trust::{Wait, verify_report};
use shieldwall_sim::{Member, forge, officer, pair, settle, sign_all, text};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// Founded and paired, each with each.
fn nodes(count: usize) -> Vec<Member> {
    let countries = ["EE", "FI", "LV"];
    let members: Vec<_> =
        (0..count).map(|index| Member::found(index, 7, countries[index]).unwrap()).collect();
    for (at, a) in members.iter().enumerate() {
        for b in &members[at + 1..] {
            pair(a, b).unwrap();
            members.iter().for_each(|member| member.clock.advance(1000));
        }
    }
    members
}

/// An agreement up to AMBER between two, with changes to its text. The first objects under it are their identities.
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

fn id(number: u32) -> StixId {
    format!("indicator--0aaaaaaa-0000-4000-8000-{number:012x}").parse().unwrap()
}

fn object(by: &Member, number: u32, tlp: Tlp, labels: &str) -> String {
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'm-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],{labels}"object_marking_refs":["{}"]}}"#,
        id(number),
        by.identity,
        stix::marking::tlp_ref(tlp)
    )
}

fn publish(by: &Member, numbers: impl IntoIterator<Item = u32>, tlp: Tlp) {
    for number in numbers {
        by.publish(&[&object(by, number, tlp, "")]).unwrap();
    }
}

fn has(member: &Member, number: u32) -> bool {
    member.text_of(&id(number)).unwrap().is_some()
}

fn count(member: &Member, numbers: impl IntoIterator<Item = u32>) -> usize {
    numbers.into_iter().filter(|number| has(member, *number)).count()
}

fn advance(members: &[&Member], micros: i64) {
    members.iter().for_each(|member| member.clock.advance(micros));
}

fn findings(member: &Member, rule: &str) -> Vec<String> {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    let of_rule = rows.into_iter().filter(|row| row.finding.rule == rule);
    of_rule.map(|row| row.finding.to_string()).collect()
}

fn wait(from: &Member, to: &Member) -> (u64, Option<Wait>) {
    let standing = from.core.standing().unwrap();
    let flow = standing.flows.into_iter().find(|flow| flow.peer == to.party && flow.outbound).unwrap();
    (flow.waiting, flow.wait)
}

/// The report as an overseer verifies it, cosigned or not.
fn report(of: &Member) -> Verdict {
    let made = of.core.report("officer").unwrap();
    let history = of.core.own_history().unwrap().to_text();
    let keys = of.core.witness_keys().unwrap();
    verify_report(made.file.as_bytes(), history.as_bytes(), &keys, 0, of.now()).unwrap()
}

fn remarked(verdict: &Verdict, words: &str) -> bool {
    verdict.remarks.iter().any(|remark| remark.to_string().contains(words))
}

fn receipts(of: &Member) -> Vec<Option<String>> {
    let read = of.core.store.read().unwrap();
    let given = read.disclosures(of.core.scope.tenant, None, false, 0, 10_000).unwrap();
    given
        .into_iter()
        .filter(|given| given.object.as_ref().is_none_or(|id| id.type_name() == "indicator"))
        .map(|given| given.receipt.map(|(_, state)| state))
        .collect()
}

/// Our officer approves exact bytes, and the node takes them.
fn decide(member: &Member, bytes: &str) -> Digest {
    let approval = Approval::sign(&officer(member.index), bytes.as_bytes());
    member.core.decide_approved(bytes, vec![approval], "officer").unwrap()
}

const GLASS: [(&str, &str); 2] = [
    ("posts = [\"duty-officer\"]", "posts = [\"release-officer\"]"),
    ("officers = 2\nhours = 48", "officers = 1\nhours = 48"),
];

#[test]
fn what_is_over_a_cap_waits_and_withdrawals_do_not() {
    let mut all = nodes(2);
    {
        let (a, b) = (&all[0], &all[1]);
        advance(&[a, b], 3 * HOUR);
        agree(&[a, b], &[("objects_per_hour = 10000", "objects_per_hour = 4")]);
        publish(a, 1..=5, Tlp::Green);
        settle(&[a, b]).unwrap();
        assert_eq!(count(b, 1..=5), 3);
        let (waiting, cap) = wait(a, b);
        assert_eq!(waiting, 2);
        let said = cap.unwrap().to_string();
        assert!(
            said.starts_with("waits for the cap caps.objects_per_hour = 4 until 2026-11-01T04:"),
            "{said}"
        );
        // Taking back goes past what waits.
        a.core.withdraw(&id(1), "t", "wrong").unwrap();
        settle(&[a, b]).unwrap();
        assert_eq!(count(b, [1]), 0);
        assert_eq!(receipts(a).into_iter().flatten().collect::<Vec<_>>(), ["erased"]);
        assert_eq!(count(b, 2..=5), 2, "room made by a withdrawal is no room");
    }
    // Neither a new start nor a clock that is put back opens it.
    all[0].restart().unwrap();
    let (a, b) = (&all[0], &all[1]);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, 2..=5), 2);
    a.clock.advance(-2 * HOUR);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, 2..=5), 2);
    a.clock.advance(2 * HOUR);
    advance(&[a, b], 61 * MINUTE);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, 2..=5), 4);
    assert_eq!(wait(a, b), (0, None));
    assert!(findings(b, "shieldwall/cap-exceeded").is_empty(), "an honest sender is never over");
}

#[test]
fn an_object_that_never_fits_is_refused_with_the_cap_named() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[("largest_object_bytes = 4000000", "largest_object_bytes = 300")]);
    publish(a, [1], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 1));
    let decisions =
        a.core.store.read().unwrap().decisions(a.core.scope.tenant, Some(&id(1)), None, 10).unwrap();
    assert!(decisions[0].reason.contains("caps.largest_object_bytes = 300"), "{}", decisions[0].reason);
    assert_eq!(wait(a, b), (0, None), "what never fits does not wait");
}

#[test]
fn a_peer_that_exceeds_a_cap_gets_no_more_in_and_its_withdrawals_pass() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[("objects_per_hour = 10000", "objects_per_hour = 4")]);
    let terms = a.core.registry().unwrap().last_force(pact).unwrap().version;
    let label = label::Handling::from(model::Label::Tlp(Tlp::Green)).to_text();
    let puts: Vec<_> = (1..=5)
        .map(|number| forge::Draft::put(&object(a, number, Tlp::Green, ""), &label, terms, 0))
        .collect();
    let subject = puts[0].subject;
    let mut drafts = puts;
    let erase_by = a.now().plus_micros(HOUR);
    let payload =
        exchange::Withdraw { subject, reason: exchange::Reason::Error, creator_withdrawal: false, erase_by }
            .to_text();
    drafts.push(forge::Draft {
        kind: exchange::Kind::Withdraw,
        subject,
        payload,
        label: String::new(),
        ..drafts[0].clone()
    });
    let push = forge::next(a, b, pact, &drafts).unwrap();
    forge::call(b, Some(a.party), ports::peer::Topic::Push, &push).unwrap();
    b.work().unwrap();
    assert_eq!(count(b, 1..=5), 2, "three came in, one of them was taken back");
    let said = findings(b, "shieldwall/cap-exceeded");
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("2 objects more than caps.objects_per_hour = 4"), "{}", said[0]);
}

#[test]
fn who_gives_less_than_reciprocity_asks_for_is_kept_waiting() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[("reciprocity = \"mirrored\"", "reciprocity = { objects = 2, days = 40 }")]);
    // In the first period, from 1 October, nobody is behind.
    publish(b, [11, 12], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert_eq!(count(a, [11, 12]), 2);
    advance(&[a, b], 15 * DAY);
    publish(b, [13], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(a, 13));
    let (waiting, arrears) = wait(b, a);
    assert_eq!(waiting, 1);
    assert_eq!(
        arrears.unwrap().to_string(),
        "waits for reciprocity: they gave 1 of 2 objects in the last 40 days"
    );
    publish(a, [1, 2], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert_eq!((count(b, [1, 2]), has(a, 13)), (2, true), "what waited goes once they have given");
}

#[test]
fn an_originator_lets_an_object_go_on_and_takes_that_back() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let free = [
        ("onward = \"none\"", "onward = \"orcon\""),
        ("\"detect\", \"block\"]", "\"detect\", \"block\", \"pass-on\"]"),
    ];
    agree(&[a, b], &free);
    agree(&[b, c], &free);
    publish(a, [1, 2], Tlp::Green);
    settle(&[a, b, c]).unwrap();
    assert_eq!((count(b, [1, 2]), count(c, [1, 2])), (2, 0));
    let asked = b.core.request_release(&id(1), c.party, "they are hit by it", "analyst").unwrap();
    assert_eq!(asked, b.core.request_release(&id(1), c.party, "again", "analyst").unwrap(), "asked once");
    settle(&[a, b, c]).unwrap();
    let seen = a.core.release_requests().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].object.clone(), seen[0].to, seen[0].granted), (Some(id(1)), c.party, None));
    assert!(!has(c, 1), "asking is no answer");
    // A yes needs the officers of the text.
    let bytes = a.core.release_answer_bytes(asked[0], true, "they may").unwrap();
    assert!(a.core.decide_approved(&bytes, Vec::new(), "t").is_err());
    let wrong = Approval::sign(&officer(1), bytes.as_bytes());
    assert!(a.core.decide_approved(&bytes, vec![wrong], "t").is_err());
    decide(a, &bytes);
    settle(&[a, b, c]).unwrap();
    assert_eq!((has(c, 1), has(c, 2)), (true, false));
    assert_eq!(b.core.release_requests().unwrap()[0].granted, Some(true));
    for (member, side) in [(a, "answered"), (b, "asked")] {
        let verdict = report(member);
        let releases = verdict.table("releases").unwrap();
        let total = |state: &str| releases.total("count", |key| key[0] == side && key[2] == state);
        assert_eq!((total("requested"), total("granted")), (1, 1), "{side}");
        assert!(!remarked(&verdict, "requests to originators"));
    }
    // A later no needs nobody, and takes it back.
    let before = a.core.release_answer_bytes(asked[0], true, "written before").unwrap();
    advance(&[a, b, c], MINUTE);
    let bytes = a.core.release_answer_bytes(asked[0], false, "no longer").unwrap();
    a.core.decide_approved(&bytes, Vec::new(), "officer").unwrap();
    settle(&[a, b, c]).unwrap();
    assert_eq!((has(b, 1), has(c, 1)), (true, false));
    // A yes that was written before it comes too late, and whoever hands it in is told so.
    let approval = Approval::sign(&officer(a.index), before.as_bytes());
    let refused = a.core.decide_approved(&before, vec![approval], "t").unwrap_err().to_string();
    assert!(refused.contains("was refused on") && refused.contains("new bytes"), "{refused}");
    settle(&[a, b, c]).unwrap();
    assert!(!has(c, 1));
}

#[test]
fn an_originator_controlled_object_of_ours_waits_for_our_own_officers() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[]);
    publish(a, [1], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(a.core.request_release(&id(9), b.party, "nothing there", "t").is_err());
    let asked = a.core.request_release(&id(1), b.party, "for the record", "t").unwrap();
    decide(a, &a.core.release_answer_bytes(asked[0], true, "yes").unwrap());
    let said = a.core.release_requests().unwrap();
    assert_eq!((said[0].originator, said[0].granted), (a.party, Some(true)));
    // Nobody else learns of what we ask ourselves.
    settle(&[a, b]).unwrap();
    assert!(b.core.release_requests().unwrap().is_empty());
}

#[test]
fn an_emergency_opens_more_ends_by_itself_and_asks_for_a_report() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &GLASS);
    publish(a, [1], Tlp::Red);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 1));
    let bytes = a.core.emergency_bytes(pact, [].into(), "they are on fire").unwrap();
    assert!(a.core.decide_approved(&bytes, Vec::new(), "t").is_err(), "nobody signed");
    let declared = decide(a, &bytes);
    assert_eq!(declared, decide(a, &bytes), "declared once, however often it is handed in");
    publish(a, [2], Tlp::Red);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, [1, 2]), 2, "what was refused before goes too");
    assert_eq!(findings(b, "shieldwall/emergency-declared").len(), 1);
    // The other side does not open: it declared nothing.
    publish(b, [11], Tlp::Red);
    settle(&[a, b]).unwrap();
    assert!(!has(a, 11));
    let early = a.core.emergency_report_bytes(declared, "justified", "too soon").unwrap_err().to_string();
    assert!(early.contains("in use until"), "{early}");
    advance(&[a, b], 48 * HOUR + MINUTE);
    publish(a, [3], Tlp::Red);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 3), "it ended by itself");
    assert_eq!(count(b, [1, 2]), 2, "what went stays given");
    a.clock.advance(-4 * HOUR);
    publish(a, [4], Tlp::Red);
    a.work().unwrap();
    a.clock.advance(4 * HOUR);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 4), "a clock that is put back does not begin it again");
    assert!(findings(a, "shieldwall/emergency-report-overdue").is_empty());
    assert!(remarked(&report(a), "break-glass uses without a review"));
    advance(&[a, b], 24 * HOUR);
    settle(&[a, b]).unwrap();
    settle(&[a, b]).unwrap();
    assert_eq!(findings(a, "shieldwall/emergency-report-overdue").len(), 1);
    assert_eq!(findings(b, "shieldwall/emergency-report-overdue").len(), 1, "both sides see it");
    let refused = a.core.emergency_report_bytes(declared, "maybe", "who knows").unwrap_err().to_string();
    assert!(refused.contains("`justified` or `not-justified`"), "{refused}");
    decide(a, &a.core.emergency_report_bytes(declared, "justified", "ransomware at theirs").unwrap());
    settle(&[a, b]).unwrap();
    for member in [a, b] {
        assert!(!remarked(&report(member), "break-glass"));
        let used = member.core.registry().unwrap().emergencies();
        assert_eq!(used[0].reported.as_deref(), Some("justified"));
    }
    assert!(a.core.emergency_report_bytes(declared, "justified", "twice").is_err());
}

#[test]
fn an_emergency_needs_a_clause_and_those_it_names() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let pact = agree(&[a, b], &GLASS);
    let bytes = a.core.emergency_bytes(pact, [c.party].into(), "for a stranger").unwrap();
    let approval = Approval::sign(&officer(0), bytes.as_bytes());
    let refused = a.core.decide_approved(&bytes, vec![approval], "t").unwrap_err().to_string();
    assert!(refused.contains("does not let") && refused.contains("be given"), "{refused}");
    // The bytes say when: old ones open nothing that is over.
    let old = a.core.emergency_bytes(pact, [].into(), "drafted and forgotten").unwrap();
    advance(&[a, b], 49 * HOUR);
    decide(a, &old);
    publish(a, [1], Tlp::Red);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 1));
}

#[test]
fn an_exercise_and_the_real_world_do_not_mix() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[("version = 1\n", "version = 1\nexercise = \"locked-shields\"\n")]);
    let inject = r#""labels":["Exercise:Locked-Shields"],"#;
    let other = r#""labels":["exercise:cyber-coalition"],"#;
    let both = r#""labels":["exercise:cyber-coalition","exercise:locked-shields"],"#;
    a.publish(&[
        &object(a, 1, Tlp::Green, inject),
        &object(a, 2, Tlp::Green, other),
        &object(a, 3, Tlp::Green, both),
        &object(a, 4, Tlp::Green, ""),
    ])
    .unwrap();
    settle(&[a, b]).unwrap();
    let got: Vec<u32> = (1..=4).filter(|number| has(b, *number)).collect();
    assert_eq!(got, [1]);
    // And the other way round: nothing made up goes under a real text, not even one object with many labels.
    agree(&[a, b], &[]);
    let many: Vec<String> = (0..40).map(|n| format!("\"about-{n}\"")).collect();
    let hidden = format!(r#""labels":[{},"exercise:locked-shields-2"],"#, many.join(","));
    a.publish(&[&object(a, 5, Tlp::Green, &hidden)]).unwrap();
    settle(&[a, b]).unwrap();
    let got: Vec<u32> = (1..=5).filter(|number| has(b, *number)).collect();
    assert_eq!(got, [1, 4]);
}

#[test]
fn notice_lets_everything_flow_until_it_is_over() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[]);
    let ends = a.core.give_notice(pact, "we reorganise", "officer").unwrap();
    assert_eq!(a.core.give_notice(pact, "again", "officer").unwrap(), ends);
    assert!(ends >= a.now().plus_micros(72 * HOUR - MINUTE));
    publish(a, [1], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(has(b, 1));
    assert_eq!(findings(b, "shieldwall/notice-given").len(), 1);
    let coming = b.core.standing().unwrap().coming;
    assert!(coming.iter().any(|one| one.at == ends && one.what.contains("gave notice")), "{coming:?}");
    advance(&[a, b], 71 * HOUR);
    publish(a, [2], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(has(b, 2));
    advance(&[a, b], 2 * HOUR);
    settle(&[a, b]).unwrap();
    for member in [a, b] {
        assert_eq!(member.core.registry().unwrap().agreements[&pact].state.status, Status::Ended);
    }
    publish(a, [3], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 3));
}

#[test]
fn a_party_can_always_stop_at_once_and_the_other_sees_that_no_notice_was_given() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[]);
    a.core.act_on(pact, agreement::acts::What::End, "at once", "officer").unwrap();
    publish(a, [1], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 1));
    let said = findings(b, "shieldwall/notice-short");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("72 hours"), "{}", said[0]);
}

#[test]
fn what_will_stop_is_told_days_ahead_and_stops_on_the_narrower_edge() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[("valid_until = 2028-01-01", "valid_until = 2026-11-20")]);
    a.work().unwrap();
    assert!(findings(a, "shieldwall/will-stop").is_empty(), "nineteen days ahead it is only listed");
    let coming = a.core.standing().unwrap().coming;
    assert!(coming.iter().any(|one| one.stops && one.what.contains("last legal basis")), "{coming:?}");
    let lapses = coming[0].at;
    advance(&[a, b], 6 * DAY);
    settle(&[a, b]).unwrap();
    settle(&[a, b]).unwrap();
    for member in [a, b] {
        let said = findings(member, "shieldwall/will-stop");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("lapses"), "{}", said[0]);
    }
    // Ninety minutes before, with the receiver's clock an hour ahead, it still flows.
    for (member, ahead) in [(a, 0), (b, HOUR)] {
        member.clock.set(lapses.as_micros() - 90 * MINUTE + ahead);
    }
    publish(a, [1], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(has(b, 1));
    // Half an hour before by the sender's clock and after it by the receiver's, it does not.
    advance(&[a, b], HOUR);
    publish(a, [2], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 2));
    // With the receiver an hour behind, the sender stops at its own edge.
    a.clock.set(lapses.as_micros() + MINUTE);
    b.clock.set(lapses.as_micros() - HOUR);
    publish(a, [3], Tlp::Green);
    settle(&[a, b]).unwrap();
    assert!(!has(b, 3));
}

#[test]
fn what_was_received_is_erased_when_its_time_is_up_and_the_giver_is_told() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[("keep_days = 365", "keep_days = 2")]);
    publish(a, 1..=3, Tlp::Green);
    settle(&[a, b]).unwrap();
    b.core.set_legal_hold(&id(3), Some("court order 12"), "officer").unwrap();
    advance(&[a, b], 2 * DAY - HOUR);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, 1..=3), 3);
    advance(&[a, b], 2 * HOUR);
    settle(&[a, b]).unwrap();
    assert_eq!(count(b, 1..=3), 1, "a legal hold keeps one");
    assert_eq!(count(a, 1..=3), 3, "the giver keeps its own");
    let erased = receipts(a).into_iter().flatten().filter(|state| state == "erased").count();
    assert_eq!(erased, 2);
    let read = b.core.store.read().unwrap();
    let kept = read.holdings(b.core.scope.tenant, Some(&id(3)), 0, 9).unwrap();
    assert_eq!((kept[0].ended.is_some(), kept[0].hold.as_deref()), (true, Some("court order 12")));
    drop(read);
    let verdict = report(b);
    assert!(!verdict.remarks.contains(&Remark::NoRetentionCheck));
    assert_eq!(verdict.table("retention").unwrap().total("overdue", |_| true), 0);
    let erasures = verdict.table("erasures").unwrap();
    assert_eq!(
        erasures.total("count", |key| key[0] == "answered" && key[2] == "confirmed-in-time"),
        3,
        "two, and an identity"
    );
    // Taken back afterwards, it is confirmed again: nobody waits for ever.
    a.core.withdraw(&id(1), "t", "late").unwrap();
    settle(&[a, b]).unwrap();
    advance(&[a, b], 4 * DAY);
    settle(&[a, b]).unwrap();
    assert!(findings(a, "shieldwall/erasure-overdue").is_empty());
}

#[test]
fn a_large_backlog_is_worked_off_in_steps() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[("keep_days = 365", "keep_days = 2")]);
    let received = b.now();
    let row = |number: u64| HoldingRecord {
        object: None,
        version: None,
        from: a.party,
        agreement: pact,
        subject: forge::subject(&number.to_string()),
        entry: (1, number),
        onward: label::Onward::None.to_text(),
        received,
        ended: None,
        erased: None,
        hold: None,
        kept: false,
    };
    let tenant = b.core.scope.tenant;
    let all_rows =
        |tx: &mut dyn ports::Tx| (0..1200).try_for_each(|number| tx.set_holding(tenant, &row(number)));
    b.core.store.transact(all_rows).unwrap();
    advance(&[a, b], 3 * DAY);
    let mut steps = 0;
    while b.core.retention_step().unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2, "five hundred at a time");
    let standing = b.core.standing().unwrap();
    assert_eq!((standing.kept, standing.overdue), (1201, 1201), "ended is not erased yet, and says so");
    while b.core.erasure_step().unwrap() {}
    let standing = b.core.standing().unwrap();
    assert_eq!((standing.kept, standing.overdue), (0, 0));
}

#[test]
fn a_receipt_says_when_the_object_stays() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[]);
    // They have it from somewhere else already.
    b.publish(&[&object(a, 1, Tlp::Green, "")]).unwrap();
    publish(a, [1, 2], Tlp::Green);
    settle(&[a, b]).unwrap();
    for number in [1, 2] {
        a.core.withdraw(&id(number), "t", "wrong").unwrap();
    }
    settle(&[a, b]).unwrap();
    assert_eq!((has(b, 1), has(b, 2)), (true, false));
    let mut said = receipts(a);
    said.sort();
    assert_eq!(said, [Some("erased".to_owned()), Some("kept".to_owned())]);
    let verdict = report(b);
    let erasures = verdict.table("erasures").unwrap();
    let of = |state: &str| erasures.total("count", |key| key[0] == "answered" && key[2] == state);
    assert_eq!((of("demanded"), of("confirmed-in-time"), of("kept-otherwise-in-time")), (2, 1, 1));
    // Their own people erase it later: then it is gone, and the giver is told that too.
    b.core.erase(&id(1), "officer", "no longer needed").unwrap();
    settle(&[a, b]).unwrap();
    assert_eq!(receipts(a), [Some("erased".to_owned()), Some("erased".to_owned())]);
}

#[test]
fn a_quorum_of_witnesses_that_is_missed_is_told_to_people_and_to_overseers() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    agree(&[a, b], &[]);
    settle(&[a, b]).unwrap();
    let quorum = |member: &Member| member.core.standing().unwrap().quorums[0].clone();
    assert_eq!((quorum(a).needed, quorum(a).reached, quorum(a).late_since), (1, 1, None));
    publish(a, [1], Tlp::Green);
    // Nobody can be reached for more than a day.
    a.work().unwrap();
    advance(&[a, b], 23 * HOUR);
    a.work().unwrap();
    assert!(findings(a, "shieldwall/witness-quorum").is_empty());
    advance(&[a, b], 2 * HOUR);
    a.work().unwrap();
    a.work().unwrap();
    assert_eq!(findings(a, "shieldwall/witness-quorum").len(), 1, "once a day");
    assert!(quorum(a).late_since.is_some());
    assert!(remarked(&report(a), "too few witnesses"));
    settle(&[a, b]).unwrap();
    assert_eq!((quorum(a).reached, quorum(a).late_since), (1, None));
}
