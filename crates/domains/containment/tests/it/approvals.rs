//! Whose word counts, on what, and when.

use shieldwall_containment::{Approval, ApprovalRule, Lease, LeaseError, State};

use crate::{DAY, HOUR, active, approval, approved, at, dry_run, proposed};

#[test]
fn two_persons_one_of_them_the_duty_officer() {
    let lease = approved();
    assert_eq!(lease.state(), State::Approved);
    let persons: Vec<_> = lease.approvals().iter().map(|approval| approval.person.as_str()).collect();
    assert_eq!(persons, ["ann", "ben"]);
    assert!(lease.gathering().is_empty());
    assert!(lease.missing(&ApprovalRule::default()).is_empty());
}

#[test]
fn one_person_is_one_whatever_posts_they_hold() {
    let rule = ApprovalRule::default();
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    for post in ["ANALYST", "DUTY_OFFICER", "DUTY_OFFICER", "SYSTEM_OWNER"] {
        assert!(!lease.approve(approval(&lease, "ben", post, 120), &rule).unwrap());
    }
    assert_eq!(lease.gathering().len(), 3);
    assert_eq!(lease.missing(&rule), ["1 more person"]);
    assert!(lease.approve(approval(&lease, "eve", "ANALYST", 130), &rule).unwrap());
}

#[test]
fn without_the_post_no_number_of_persons_is_enough() {
    let rule = ApprovalRule::default();
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    for person in ["a", "b", "c", "d"] {
        assert!(!lease.approve(approval(&lease, person, "ANALYST", 120), &rule).unwrap());
    }
    assert_eq!(lease.missing(&rule), ["a person who holds DUTY_OFFICER"]);
    assert_eq!(lease.state(), State::Proposed);
}

#[test]
fn the_rule_is_data() {
    let strict = ApprovalRule {
        persons: 3,
        posts: vec!["DUTY_OFFICER".to_owned(), "SYSTEM_OWNER".to_owned()],
        proposer_counts: false,
        proven: true,
    };
    let mut lease = proposed();
    assert_eq!(
        lease.missing(&strict),
        ["a dry run", "3 more persons", "a person who holds DUTY_OFFICER", "a person who holds SYSTEM_OWNER"]
    );
    lease.attach(dry_run(60)).unwrap();
    for (person, post, enough) in [
        ("ann", "DUTY_OFFICER", false),
        ("ben", "DUTY_OFFICER", false),
        ("cid", "SYSTEM_OWNER", false),
        ("dee", "ANALYST", true),
    ] {
        assert_eq!(lease.approve(approval(&lease, person, post, 120), &strict).unwrap(), enough, "{person}");
    }
    // Nobody at all is never enough.
    let none = ApprovalRule { persons: 0, posts: Vec::new(), proposer_counts: true, proven: true };
    assert!(!none.is_met(&[], "ann"));
}

#[test]
fn a_word_without_proof_counts_only_where_the_rule_takes_words() {
    let proven = ApprovalRule::default();
    let words = ApprovalRule { proven: false, ..ApprovalRule::default() };
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    let word = |lease: &Lease, person: &str, post: &str| Approval {
        proven: false,
        ..approval(lease, person, post, 120)
    };
    let given = word(&lease, "ann", "DUTY_OFFICER");
    assert!(matches!(lease.approve(given.clone(), &proven), Err(LeaseError::Unproven(_))));
    assert!(!lease.approve(given, &words).unwrap());
    assert_eq!(lease.missing(&words), ["1 more person"]);
    // Keys were made since: the same name with a signature is not the word that was given before.
    assert_eq!(lease.missing(&proven), ["2 more persons", "a person who holds DUTY_OFFICER"]);
    assert!(!lease.approve(approval(&lease, "ben", "ANALYST", 130), &proven).unwrap());
    assert_eq!(lease.missing(&proven), ["1 more person", "a person who holds DUTY_OFFICER"]);
    assert!(lease.approve(approval(&lease, "ann", "DUTY_OFFICER", 140), &proven).unwrap());
    assert!(lease.approvals().iter().all(|approval| approval.proven) && lease.approvals().len() == 2);

    // Words alone, where that is the rule; the lease says so for ever.
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    assert!(!lease.approve(word(&lease, "ann", "ANALYST"), &words).unwrap());
    assert!(lease.approve(word(&lease, "ben", "DUTY_OFFICER"), &words).unwrap());
    let text = lease.to_json();
    assert_eq!(text.matches(r#""proven":false"#).count(), 2, "{text}");
    // A record that does not say is taken for a word.
    let silent = text.replace(r#","proven":false"#, "");
    assert_eq!(Lease::from_json(&silent).unwrap(), lease);
}

#[test]
fn nothing_counts_before_the_dry_run_or_on_another_revision() {
    let rule = ApprovalRule::default();
    let mut lease = proposed();
    let early = approval(&lease, "ben", "DUTY_OFFICER", 30);
    assert!(matches!(lease.approve(early.clone(), &rule), Err(LeaseError::NoDryRun(_))));
    lease.attach(dry_run(60)).unwrap();
    assert!(matches!(lease.approve(early, &rule), Err(LeaseError::Stale { given: 1, now: 2, .. })));
    let before = Approval { revision: 2, ..approval(&lease, "ben", "DUTY_OFFICER", 59) };
    assert!(matches!(lease.approve(before, &rule), Err(LeaseError::Time { .. })));
    let late = approval(&lease, "ben", "DUTY_OFFICER", DAY);
    assert!(matches!(lease.approve(late, &rule), Err(LeaseError::Time { .. })));
    let nobody = approval(&lease, " ", "DUTY_OFFICER", 120);
    assert!(matches!(lease.approve(nobody, &rule), Err(LeaseError::Text(_))));

    // What was approved before a new dry run has to be approved again.
    lease.approve(approval(&lease, "ann", "ANALYST", 120), &rule).unwrap();
    lease.attach(dry_run(180)).unwrap();
    assert!(lease.gathering().is_empty());
    assert!(!lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 190), &rule).unwrap());
    assert!(lease.approve(approval(&lease, "ann", "ANALYST", 191), &rule).unwrap());
    assert!(matches!(lease.attach(dry_run(200)), Err(LeaseError::State { .. })));
}

#[test]
fn a_dry_run_that_contradicts_itself_is_none() {
    type Change<'c> = &'c dyn Fn(&mut shieldwall_containment::DryRun);
    let runs: [(&str, Change<'_>); 6] = [
        ("before it begins", &|run| run.from = run.until),
        ("the future", &|run| run.until = at(DAY)),
        ("older than the proposal", &|run| (run.at, run.until) = (at(-1), at(-2))),
        ("not days in order", &|run| run.days.reverse()),
        ("not days in order", &|run| run.days[0].day = "yesterday".to_owned()),
        ("blind spots", &|run| run.blind.push(String::new())),
    ];
    for (expect, change) in runs {
        let mut run = dry_run(60);
        change(&mut run);
        let error = proposed().attach(run).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    assert_eq!(dry_run(60).hits(), 7);
}

#[test]
fn an_extension_needs_new_approvals_and_changes_nothing_until_it_has_them() {
    let rule = ApprovalRule::default();
    let mut lease = active();
    let old = lease.revision();
    lease.extend(at(2 * DAY), "cid", at(HOUR)).unwrap();
    assert_eq!((lease.revision(), lease.until()), (old + 1, at(DAY)));
    assert!(lease.plan(at(HOUR)).is_empty());
    let stale = Approval { revision: old, ..approval(&lease, "ben", "DUTY_OFFICER", HOUR) };
    assert!(matches!(lease.approve(stale, &rule), Err(LeaseError::Stale { .. })));
    assert_eq!(lease.missing(&rule).len(), 2);
    assert!(!lease.approve(approval(&lease, "ben", "DUTY_OFFICER", HOUR), &rule).unwrap());
    assert!(lease.approve(approval(&lease, "cid", "ANALYST", HOUR), &rule).unwrap());
    assert_eq!((lease.state(), lease.until(), lease.extension()), (State::Active, at(2 * DAY), None));
    assert_eq!(lease.approvals().len(), 2);
    // Every block has a new end, so every block is put in place again.
    let plan = lease.plan(at(HOUR));
    assert_eq!(plan.apply.iter().map(|step| step.blocks.len()).collect::<Vec<_>>(), [3, 3]);
}

#[test]
fn an_extension_that_nobody_approves_ends_with_the_lease() {
    let mut lease = active();
    lease.extend(at(2 * DAY), "cid", at(HOUR)).unwrap();
    assert!(lease.tick(at(DAY)));
    assert_eq!((lease.state(), lease.extension()), (State::Expired, None));
    let late = approval(&lease, "ben", "DUTY_OFFICER", DAY + 1);
    assert!(matches!(lease.approve(late, &ApprovalRule::default()), Err(LeaseError::State { .. })));

    let mut lease = active();
    lease.extend(at(2 * DAY), "cid", at(HOUR)).unwrap();
    lease.refuse("ben", "the address has a new owner", at(HOUR + 1)).unwrap();
    assert_eq!((lease.state(), lease.extension(), lease.until()), (State::Active, None, at(DAY)));
}

#[test]
fn how_far_a_lease_can_be_extended() {
    let mut lease = active();
    for until in [at(DAY), at(HOUR), at(HOUR + 30 * DAY + 1)] {
        let error = lease.extend(until, "cid", at(HOUR)).unwrap_err();
        assert!(matches!(error, LeaseError::Extension { .. }), "{error}");
    }
    lease.extend(at(HOUR + 30 * DAY), "cid", at(HOUR)).unwrap();
    assert!(matches!(lease.extend(at(3 * DAY), "cid", at(DAY)), Err(LeaseError::Time { .. })));
    assert!(matches!(approved().extend(at(2 * DAY), "cid", at(HOUR)), Err(LeaseError::State { .. })));
    assert!(matches!(lease.extend(at(2 * DAY), "", at(HOUR)), Err(LeaseError::Text(_))));
}

#[test]
fn the_statement_changes_with_everything_that_is_approved() {
    let mut lease = proposed();
    let first = lease.statement();
    assert!(first.contains("198.18.0.7") && first.contains("case 17") && first.contains(r#""dry_run":null"#));
    lease.attach(dry_run(60)).unwrap();
    let second = lease.statement();
    assert_ne!(first, second);
    assert!(second.contains(r#""hits":5"#) && second.contains(r#""revision":2"#), "{second}");
    let mut lease = active();
    let before = lease.statement();
    lease.extend(at(2 * DAY), "cid", at(HOUR)).unwrap();
    assert!(lease.statement().contains("2026-11-24T12:00:00.000Z"), "{before}");
}
