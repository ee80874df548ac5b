//! What the ledger holds of agreements, people and questions, once each, and how proofs are read from it.

use keys::window::DAY;
use ledger::merkle::{Leaves, inclusion_proof};
use ledger::proof::Proof;
use ledger::report::Verdict;
use model::{AgreementId, StixId, Tlp};
use runtime::trust::verify_report;
use shieldwall_sim::{Member, officer, pair, settle, sign_all, text};
use stix::marking::tlp_ref;

fn nodes() -> [Member; 2] {
    let members = [("EE", 0), ("FI", 1)].map(|(country, index)| Member::found(index, 17, country).unwrap());
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

fn publish(by: &Member, number: u32, more: &str) {
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'm-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],{more}"object_marking_refs":["{}"]}}"#,
        id(number),
        by.identity,
        tlp_ref(Tlp::Amber)
    );
    assert_eq!(by.publish(&[&text]).unwrap().accepted, 1);
}

fn report(of: &Member) -> Verdict {
    let made = of.core.report("officer").unwrap();
    let history = of.core.own_history().unwrap().to_text();
    let keys = of.core.witness_keys().unwrap();
    let verdict = verify_report(made.file.as_bytes(), history.as_bytes(), &keys, 0, of.now()).unwrap();
    assert!(verdict.holds(), "{:?}", verdict.problems);
    verdict
}

/// The first figure of the rows whose keys hold all of these words.
fn figure(verdict: &Verdict, table: &str, measure: &str, words: &[&str]) -> u64 {
    verdict
        .table(table)
        .unwrap()
        .total(measure, |key| words.iter().all(|word| key.iter().any(|one| one == word)))
}

#[test]
fn a_proof_is_read_from_the_tiles_it_needs() {
    let [a, _b] = nodes();
    for _ in 0..700 {
        a.core.note_access("viewer", "explain").unwrap();
    }
    a.core.checkpoint_step().unwrap();
    let read = a.core.store.read().unwrap();
    let tenant = a.core.scope.tenant;
    let size = read.ledger_size(tenant).unwrap();
    let all = read.leaf_hashes(tenant, 0, 10_000).unwrap();
    let above = read.ledger_hashes(tenant, 1, 0, 99).unwrap();
    assert_eq!((above.len() as u64, size > 700), (size / 256, true), "each full tile has its hash above it");
    drop(read);
    for index in [0, 1, 255, 256, 511, 512, 600, size - 1] {
        let (proof, _) = a.core.entry_proof(index).unwrap();
        let proof = Proof::parse(&proof).unwrap();
        assert_eq!(proof.hashes, inclusion_proof(&Leaves(&all), size, index).unwrap(), "leaf {index}");
    }
    let verdict = report(&a);
    assert_eq!(figure(&verdict, "access", "count", &["viewer", "explain"]), 700);
}

#[test]
fn what_the_clock_does_to_an_agreement_is_written_once() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    let lapses = ("valid_until = 2028-01-01", "valid_until = 2026-11-04");
    let review = ("review = 2027-04-01", "review = 2026-11-05");
    let expiry = ("expiry = 2027-09-01", "expiry = 2026-11-07");
    let agreement = agree([a, b], &[lapses, review, expiry]).to_string();
    let acts = |member: &Member| {
        let verdict = report(member);
        ["in-force", "suspended", "ended"]
            .map(|act| figure(&verdict, "agreements", "count", &[&agreement, act]))
    };
    a.work().unwrap();
    assert_eq!(acts(a), [1, 0, 0]);
    for _ in 0..3 {
        a.clock.advance(DAY + DAY / 2);
        a.work().unwrap();
        a.work().unwrap();
    }
    assert_eq!(acts(a), [1, 1, 0], "its legal basis lapsed");
    let mut members = members;
    members[0].restart().unwrap();
    let a = &members[0];
    a.clock.advance(2 * DAY);
    a.work().unwrap();
    a.work().unwrap();
    assert_eq!(acts(a), [1, 1, 1], "and then it ran out");
}

#[test]
fn an_agreement_that_begins_says_what_it_exposes_and_whom_reports_are_for() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    for number in 0..3 {
        publish(a, number, "");
    }
    let overseer = officer(7);
    let named = format!(
        "\n[overseer]\nname = \"Data Protection Inspectorate\"\nkey = \"{}\"\n\n[[legal_basis]]",
        overseer.public().to_text()
    );
    let agreement = agree([a, b], &[("\n[[legal_basis]]", &named)]);
    let verdict = report(a);
    let words = [agreement.to_string()];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(figure(&verdict, "policy", "changes", &words), 1);
    assert!(figure(&verdict, "policy", "exposes", &words) >= 3);
    let [named] = verdict.overseers.as_slice() else { panic!("{:?}", verdict.overseers) };
    assert_eq!((named.name.as_str(), named.agreement), ("Data Protection Inspectorate", agreement));
    assert_eq!(named.key, overseer.public().id());
}

#[test]
fn a_person_who_lets_go_what_a_detector_found_overrules_it() {
    let members = nodes();
    let [a, b] = [&members[0], &members[1]];
    agree([a, b], &[("personal = \"pseudonymise\"", "personal = \"refuse\"")]);
    for number in [1, 2] {
        publish(a, number, r#""description":"ask anna.example@mail.example.org","#);
    }
    settle(&[a, b]).unwrap();
    let reviews = a.core.store.read().unwrap().reviews(a.core.scope.tenant, false, 10).unwrap();
    a.core.decide_review(reviews[0].id, true, "officer", "she agreed").unwrap();
    a.core.decide_review(reviews[1].id, false, "officer", "she did not").unwrap();
    assert_eq!(figure(&report(a), "overrides", "count", &["admin"]), 1);
}
