//! What is asked without telling: held to its budget whatever else is asked, answered only about what the asker might have,
//! and logged on both sides.

use std::collections::BTreeSet;
use std::sync::Arc;

use keys::window::DAY;
use ledger::report::Verdict;
use model::{AgreementId, StixId, Tlp};
use observable::{Kind, Observable, normalise};
use ports::peer::{CallError, PeerHandler, Refusal, Topic};
use ports::trust::{QueryOutcome, QueryRecord};
use runtime::trust::{Peers, Seen, verify_report};
use shieldwall_sim::{Member, pair, settle, sign_all, text};
use stix::marking::tlp_ref;

const PURPOSE: &str = "incident-response";
const HOUR: i64 = 3_600_000_000;

fn nodes(count: usize) -> Vec<Member> {
    let countries = ["EE", "FI", "LV"];
    let members: Vec<_> =
        (0..count).map(|index| Member::found(index, 11, countries[index]).unwrap()).collect();
    for (at, a) in members.iter().enumerate() {
        for b in &members[at + 1..] {
            pair(a, b).unwrap();
            members.iter().for_each(|member| member.clock.advance(1000));
        }
    }
    members
}

/// An agreement up to AMBER, with changes to its text.
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

/// Answers say which values are held, and there is room for many.
const YES_NO: [(&str, &str); 2] = [
    ("answer = \"count\"", "answer = \"yes-no\""),
    ("leakage_bits_per_day = 100", "leakage_bits_per_day = 20000"),
];

fn address(number: u32) -> String {
    format!("45.83.{}.{}", number / 256, number % 256)
}

fn id(number: u32) -> StixId {
    format!("indicator--0aaaaaaa-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// An indicator of an address, with more properties and under more markings.
fn indicator(by: &Member, number: u32, more: &str, markings: &[&str]) -> String {
    let markings: Vec<_> = markings.iter().map(|marking| format!("\"{marking}\"")).collect();
    let markings = match markings.as_slice() {
        [] => String::new(),
        some => format!(r#","object_marking_refs":[{}]"#, some.join(",")),
    };
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[ipv4-addr:value = '{}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"]{more}{markings}}}"#,
        id(number),
        by.identity,
        address(number)
    )
}

fn publish(by: &Member, texts: &[String]) {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let summary = by.publish(&texts).unwrap();
    assert_eq!(summary.accepted, texts.len() as u64, "{summary:?}");
}

fn values(numbers: impl IntoIterator<Item = u32>) -> Vec<Observable> {
    numbers.into_iter().map(|number| normalise(Kind::Ipv4, &address(number)).unwrap()).collect()
}

fn answer(to: &Member, from: &Member, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    Peers(Arc::clone(&to.core)).answer(Some(from.party), Topic::Query, body)
}

/// Asks as a node does: prepares, sends, takes in.
fn ask(from: &Member, to: &Member, agreement: AgreementId, numbers: impl IntoIterator<Item = u32>) -> Seen {
    let asked = from.core.ask(to.party, agreement, PURPOSE, &values(numbers), "analyst").unwrap();
    let answer = answer(to, from, &asked.body).unwrap();
    from.core.asked(asked, &answer).unwrap()
}

fn seen(numbers: impl IntoIterator<Item = u32>) -> Seen {
    Seen::Values(numbers.into_iter().map(address).collect::<BTreeSet<_>>())
}

fn log(of: &Member) -> Vec<QueryRecord> {
    let read = of.core.store.read().unwrap();
    read.queries(of.core.scope.tenant, model::Timestamp::from_micros(0), 100_000).unwrap()
}

fn leaves(of: &Member) -> usize {
    let read = of.core.store.read().unwrap();
    let leaves = read.leaves(of.core.scope.tenant, 0, 100_000).unwrap();
    leaves.iter().filter(|leaf| leaf.kind == "query").count()
}

fn findings(of: &Member, rule: &str) -> usize {
    let rows = of.core.store.read().unwrap().findings(of.core.scope, 0, 10_000).unwrap();
    rows.iter().filter(|row| row.finding.rule == rule).count()
}

fn report(of: &Member) -> Verdict {
    let made = of.core.report("officer").unwrap();
    let history = of.core.own_history().unwrap().to_text();
    let keys = of.core.witness_keys().unwrap();
    verify_report(made.file.as_bytes(), history.as_bytes(), &keys, 0, of.now()).unwrap()
}

fn total(verdict: &Verdict, side: &str, measure: &str) -> u64 {
    verdict.tables.iter().find(|table| table.name == "queries").unwrap().total(measure, |key| key[0] == side)
}

/// The same question for a purpose that nobody may ask for.
fn without_right(body: &[u8]) -> Vec<u8> {
    let at = body.windows(PURPOSE.len()).position(|part| part == PURPOSE.as_bytes()).unwrap();
    let mut body = body.to_vec();
    body[at] = b'I';
    body
}

#[test]
fn refused_questions_neither_hide_what_was_asked_nor_fill_the_log() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let agreement = agree([a, b], &[]);
    let asked = a.core.ask(b.party, agreement, PURPOSE, &values(0..3), "analyst").unwrap();
    let nonsense = without_right(&asked.body);
    let before = leaves(b);
    for _ in 0..250 {
        assert!(matches!(answer(b, a, &nonsense), Err(Refusal::Forbidden(_))));
    }
    assert_eq!((log(b).len(), leaves(b) - before), (100, 100), "so many are kept within a day");
    assert_eq!(findings(b, "shieldwall/query-refusals"), 1, "and people are told once");
    // Whoever does not hold itself to the text is held to it: twenty a day, whatever else was sent.
    for _ in 0..20 {
        answer(b, a, &asked.body).unwrap();
        answer(b, a, &nonsense).unwrap_err();
    }
    let refused = answer(b, a, &asked.body).unwrap_err().to_string();
    assert!(refused.contains("20 questions have been asked"), "{refused}");
    b.clock.advance(DAY + HOUR);
    answer(b, a, &asked.body).unwrap();
    answer(b, a, &nonsense).unwrap_err();
    assert_eq!(log(b).len(), 122, "another day, another refusal that is kept");
}

#[test]
fn of_many_questions_at_once_no_more_are_answered_than_may_be() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let agreement = agree(
        [a, b],
        &[("per_day = 20", "per_day = 3"), ("leakage_bits_per_day = 100", "leakage_bits_per_day = 30")],
    );
    let asked = a.core.ask(b.party, agreement, PURPOSE, &values(0..3), "analyst").unwrap();
    b.core.registry().unwrap();
    let answered = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| answer(b, a, &asked.body).is_ok())).collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|answered| *answered).count()
    });
    assert_eq!(answered, 3);
    assert_eq!(log(b).iter().filter(|query| !matches!(query.outcome, QueryOutcome::Refused(_))).count(), 3);
}

#[test]
fn only_what_the_asker_might_have_is_answered_about() {
    let members = nodes(3);
    let [a, b, c] = [&members[0], &members[1], &members[2]];
    let agreement = agree([a, b], &YES_NO);
    agree([b, c], &[]);
    let (amber, red) = (tlp_ref(Tlp::Amber).to_string(), tlp_ref(Tlp::Red).to_string());
    let noforn = "marking-definition--0bbbbbbb-0000-4000-8000-000000000001";
    let definition = format!(
        r#"{{"type":"marking-definition","spec_version":"2.1","id":"{noforn}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","extensions":{{"extension-definition--f90071f0-4e68-4ccd-a673-13e4cef3797f":{{"extension_type":"property-extension","noforn":"FIN"}}}}}}"#,
        b.identity
    );
    let exercise = r#","labels":["exercise:locked-shields"]"#;
    let revoked = r#","revoked":true"#;
    publish(
        b,
        &[
            definition,
            indicator(b, 1, "", &[&amber]),
            indicator(b, 2, "", &[]),
            indicator(b, 3, "", &[&red]),
            indicator(b, 4, "", &[&amber, noforn]),
            indicator(b, 5, exercise, &[&amber]),
            indicator(b, 6, "", &[&amber]),
            indicator(b, 8, revoked, &[&amber]),
        ],
    );
    publish(c, &[indicator(c, 7, "", &[&amber])]);
    settle(&[a, b, c]).unwrap();
    assert!(b.text_of(&id(7)).unwrap().is_some() && a.text_of(&id(1)).unwrap().is_some());
    assert_eq!(ask(a, b, agreement, 0..10), seen([1, 6]));
    // Taken back is taken back, whether it is still kept here or not.
    b.core.withdraw(&id(6), "officer", "it was wrong").unwrap();
    settle(&[a, b, c]).unwrap();
    assert!(b.text_of(&id(6)).unwrap().is_some());
    assert_eq!(ask(a, b, agreement, 0..10), seen([1]));
    // Rules of the house keep the fact too, by the object's own type.
    let rules = r#"
format = "shieldwall-rules/1"
[[caveat]]
id = "no-indicators-abroad"
reason = "Decision 7 of the council"
types = ["indicator"]
to_nations_but = ["FIN"]
"#;
    b.core.set_rules(rules, "officer", "decided today").unwrap();
    assert_eq!(ask(a, b, agreement, 0..10), seen([]));
}

#[test]
fn which_types_a_text_is_about_does_not_matter_to_a_question() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let reports = ("types = \"any\"\nceiling", "types = [\"report\", \"vulnerability\"]\nceiling");
    let agreement = agree([a, b], &[YES_NO[0], YES_NO[1], reports]);
    let [green, red] = [Tlp::Green, Tlp::Red].map(|tlp| tlp_ref(tlp).to_string());
    publish(b, &[indicator(b, 1, "", &[&green]), indicator(b, 2, "", &[&red])]);
    settle(&[a, b]).unwrap();
    assert!(a.text_of(&id(1)).unwrap().is_none(), "an indicator does not go under this text");
    assert_eq!(ask(a, b, agreement, 0..5), seen([1]), "that there is one may be known");
}

#[test]
fn an_exercise_partner_asks_about_the_exercise_alone() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let world = ("version = 1\n", "version = 1\nexercise = \"locked-shields\"\n");
    let agreement = agree([a, b], &[YES_NO[0], YES_NO[1], world]);
    let green = tlp_ref(Tlp::Green).to_string();
    let of = |name: &str| format!(r#","labels":["exercise:{name}"]"#);
    publish(
        b,
        &[
            indicator(b, 1, "", &[&green]),
            indicator(b, 2, &of("locked-shields"), &[&green]),
            indicator(b, 3, &of("cyber-coalition"), &[&green]),
        ],
    );
    assert_eq!(ask(a, b, agreement, 0..5), seen([2]));
}

#[test]
fn a_question_is_logged_and_counted_before_it_is_answered_and_whatever_becomes_of_it() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let agreement = agree([a, b], &[]);
    publish(b, &[indicator(b, 1, "", &[&tlp_ref(Tlp::Green).to_string()])]);
    assert_eq!(ask(a, b, agreement, 0..3), Seen::Count(1));
    let prepared = || a.core.ask(b.party, agreement, PURPOSE, &values(0..3), "analyst").unwrap();
    // Refused, cut off, answered with something else, and never heard of again.
    a.core.unanswered(prepared(), &CallError::Refused(Refusal::Forbidden("not today".to_owned()))).unwrap();
    a.core.unanswered(prepared(), &CallError::Unreachable("the line is down".to_owned())).unwrap();
    a.core.asked(prepared(), b"not an answer").unwrap_err();
    drop(prepared());
    let outcomes = |of: &Member| log(of).into_iter().map(|query| query.outcome).collect::<Vec<_>>();
    let logged = outcomes(a);
    assert_eq!(logged[0], QueryOutcome::Answered(Some(1)));
    assert!(
        matches!(&logged[1], QueryOutcome::Refused(reason) if reason.contains("not today")),
        "{logged:?}"
    );
    assert!(
        matches!(&logged[2], QueryOutcome::Lost(reason) if reason.contains("the line is down")),
        "{logged:?}"
    );
    assert!(matches!(&logged[3], QueryOutcome::Lost(_)) && logged[4] == QueryOutcome::Open, "{logged:?}");
    assert_eq!(outcomes(b), [QueryOutcome::Answered(None)], "only the asker can know");
    a.clock.advance(2 * HOUR);
    a.work().unwrap();
    a.work().unwrap();
    assert!(matches!(outcomes(a)[4], QueryOutcome::Lost(_)));
    assert_eq!(leaves(a), 5, "each is in the ledger once");
    // All but the one that was refused count.
    for _ in 0..16 {
        ask(a, b, agreement, [1]);
    }
    let spent = a.core.ask(b.party, agreement, PURPOSE, &values([1]), "analyst").err().unwrap().to_string();
    assert!(spent.contains("20 questions"), "{spent}");
    let audits = a.core.store.read().unwrap().audits(a.core.scope.tenant, 0, 1000).unwrap();
    assert_eq!(audits.iter().filter(|act| act.action == "query.ask" && act.actor == "analyst").count(), 21);
    let (ours, theirs) = (report(a), report(b));
    let of =
        |verdict, side| ["count", "answers", "refused", "unknown"].map(|name| total(verdict, side, name));
    assert_eq!(of(&ours, "asked"), [21, 17, 1, 3]);
    assert_eq!(of(&theirs, "answered"), [17, 0, 0, 17]);
}

#[test]
fn many_values_are_answered_about_in_bounded_steps() {
    let members = nodes(2);
    let [a, b] = [&members[0], &members[1]];
    let agreement = agree([a, b], &YES_NO);
    let (green, red) = (tlp_ref(Tlp::Green).to_string(), tlp_ref(Tlp::Red).to_string());
    // More than one page, of which one in two may be told of; the same value twice is one value.
    let texts: Vec<_> = (0..6_000)
        .map(|number| indicator(b, number, "", &[if number % 2 == 0 { &green } else { &red }]))
        .collect();
    publish(b, &texts);
    let again = indicator(b, 1, "", &[&green]).replace(&id(1).to_string(), &id(70_000).to_string());
    publish(b, &[again]);
    assert_eq!(ask(a, b, agreement, [0, 1, 2, 3, 5_997, 5_998, 5_999, 6_000]), seen([0, 1, 2, 5_998]));
}
