//! Ways through the states, and ways that are shut.

use shieldwall_containment::{ApprovalRule, LeaseError, State};

use crate::{DAY, HOUR, ONE, TWO, active, approval, approved, at, done, dry_run, failed, proposed};

#[test]
fn the_whole_way() {
    let mut lease = proposed();
    assert_eq!(lease.state(), State::Proposed);
    lease.attach(dry_run(60)).unwrap();
    lease.approve(approval(&lease, "ann", "ANALYST", 61), &ApprovalRule::default()).unwrap();
    lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 62), &ApprovalRule::default()).unwrap();
    assert_eq!(lease.state(), State::Approved);
    lease.record("edge", at(70), &done(&[])).unwrap();
    assert_eq!(lease.state(), State::Active);
    assert!(!lease.tick(at(DAY - 1)));
    assert!(lease.tick(at(DAY)));
    assert_eq!(lease.state(), State::Expired);
    assert!(!lease.is_over(), "it is still in place");
    lease.record("edge", at(DAY), &done(&[])).unwrap();
    assert!(lease.is_over() && lease.plan(at(DAY)).is_empty());
    assert_eq!(lease.due(at(DAY)), None);
    assert_eq!(lease.ended(), Some(("the clock", "its time is over", at(DAY))));
}

#[test]
fn anybody_ends_a_block_alone() {
    let mut lease = active();
    lease.roll_back("eve", "the shop's payments run over it", at(HOUR)).unwrap();
    assert_eq!(lease.state(), State::RolledBack);
    let plan = lease.plan(at(HOUR));
    assert!(plan.apply.is_empty());
    assert_eq!(plan.remove.len(), 2);
    assert_eq!(lease.due(at(HOUR)), Some(at(HOUR)));
    for actuator in ["edge", "resolver"] {
        lease.record(actuator, at(HOUR), &done(&[])).unwrap();
    }
    assert!(lease.is_over());
}

#[test]
fn what_an_indicator_brought_goes_with_it() {
    let mut lease = active();
    assert_eq!(
        lease.drop_reference("indicator--33333333-3333-4333-8333-333333333333", "revoked", at(HOUR)),
        0
    );
    assert_eq!(lease.drop_reference(ONE, "revoked by its creator", at(HOUR)), 2);
    assert_eq!((lease.state(), lease.items().len()), (State::Active, 1));
    assert_eq!(lease.left()[0].why, "revoked by its creator");
    let plan = lease.plan(at(HOUR));
    assert_eq!(plan.remove[0].blocks, ["domain bad.example", "ipv4 198.18.0.7"]);
    assert_eq!(lease.drop_reference(TWO, "", at(HOUR)), 1);
    assert_eq!(lease.state(), State::Withdrawn);
    assert_eq!(lease.plan(at(HOUR)).remove[0].blocks.len(), 3);
    assert_eq!(lease.drop_reference(TWO, "again", at(HOUR)), 0);
}

#[test]
fn what_two_objects_name_stays_until_the_second_goes() {
    use observable::Kind;
    use shieldwall_containment::{Lease, NeverBlock};

    let items = vec![crate::item(Kind::Ipv4, "198.18.0.7", ONE), crate::item(Kind::Ipv4, "198.18.0.7", TWO)];
    let silent = crate::Silent;
    let mut lease =
        Lease::propose(crate::id(1), crate::proposal(items), &NeverBlock::default(), &silent, at(0)).unwrap();
    assert_eq!((lease.items().len(), lease.blocks(at(0)).len()), (2, 1));
    assert_eq!(lease.drop_reference(ONE, "revoked", at(1)), 1);
    assert_eq!(lease.blocks(at(1)).len(), 1);
    assert_eq!(lease.blocks(at(1))[0].reference, TWO);
}

#[test]
fn a_proposal_can_be_refused_withdrawn_or_run_out() {
    let mut lease = proposed();
    lease.refuse("ben", "it is our own scanner", at(60)).unwrap();
    assert_eq!(lease.state(), State::Refused);
    assert!(lease.is_over() && lease.plan(at(60)).is_empty());

    let mut lease = approved();
    lease.withdraw("ann", "wrong case", at(190)).unwrap();
    assert_eq!(lease.state(), State::Withdrawn);

    let mut lease = approved();
    assert!(lease.tick(at(DAY)));
    assert_eq!(lease.state(), State::Expired);
    assert!(lease.plan(at(DAY)).is_empty());

    let mut lease = approved();
    lease.roll_back("eve", "not today", at(190)).unwrap();
    assert_eq!(lease.state(), State::RolledBack);
    assert!(lease.is_over());
}

#[test]
fn when_every_actuator_fails_for_good_the_lease_has_failed() {
    let mut lease = approved();
    lease.record("edge", at(200), &failed(true)).unwrap();
    assert_eq!(lease.state(), State::Approved);
    assert_eq!(lease.plan(at(201)).apply.len(), 1, "the other one is still to be tried");
    lease.record("resolver", at(200), &failed(false)).unwrap();
    assert_eq!(lease.state(), State::Approved);
    assert_eq!(lease.failures().get("resolver").unwrap().tries, 1);
    lease.record("resolver", at(210), &failed(true)).unwrap();
    assert_eq!((lease.state(), lease.failures().get("resolver").unwrap().tries), (State::Failed, 2));
    assert!(lease.is_over() && lease.plan(at(220)).is_empty());
}

#[test]
fn one_of_two_actuators_is_enough_to_be_active() {
    let mut lease = approved();
    lease.record("edge", at(200), &failed(true)).unwrap();
    lease.record("resolver", at(200), &done(&[])).unwrap();
    assert_eq!(lease.state(), State::Active);
    assert!(lease.plan(at(201)).is_empty(), "what failed for good is left alone");
    lease.retry("edge");
    assert_eq!(lease.plan(at(201)).apply[0].actuator, "edge");
    lease.record("edge", at(202), &done(&[])).unwrap();
    assert!(lease.failures().is_empty() && lease.plan(at(203)).is_empty());
}

/// A failure to put something in place must not keep anybody from taking it away.
#[test]
fn a_failure_for_good_does_not_outlive_the_lease() {
    let mut lease = active();
    lease.drop_reference(ONE, "revoked", at(HOUR));
    lease.record("edge", at(HOUR), &failed(true)).unwrap();
    assert!(lease.plan(at(HOUR)).remove.iter().all(|step| step.actuator == "resolver"));
    lease.roll_back("eve", "enough", at(HOUR + 1)).unwrap();
    let removed: Vec<_> = lease.plan(at(HOUR + 1)).remove.into_iter().map(|step| step.actuator).collect();
    assert_eq!(removed, ["edge", "resolver"]);
}

#[test]
fn what_is_over_stays_over() {
    let finished = [
        {
            let mut lease = active();
            lease.roll_back("eve", "enough", at(HOUR)).unwrap();
            lease
        },
        {
            let mut lease = active();
            lease.tick(at(DAY));
            lease
        },
        {
            let mut lease = proposed();
            lease.refuse("ben", "no", at(60)).unwrap();
            lease
        },
    ];
    let rule = ApprovalRule::default();
    for mut lease in finished {
        let before = lease.state();
        assert!(before.is_final());
        assert!(lease.attach(dry_run(60)).is_err());
        assert!(lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 120), &rule).is_err());
        assert!(lease.extend(at(2 * DAY), "ann", at(HOUR)).is_err());
        assert!(lease.refuse("ben", "no", at(HOUR)).is_err());
        assert!(lease.withdraw("ann", "no", at(HOUR)).is_err());
        assert!(lease.roll_back("ann", "no", at(HOUR)).is_err());
        assert!(!lease.tick(at(9 * DAY)));
        assert!(lease.wanted(at(HOUR)).is_empty());
        assert_eq!(lease.state(), before);
    }
}

#[test]
fn whoever_ends_something_says_why() {
    let mut lease = active();
    for (by, reason) in [("", "x"), ("eve", " "), ("eve", &*"x".repeat(1_001))] {
        assert!(matches!(lease.roll_back(by, reason, at(HOUR)), Err(LeaseError::Text(_))));
    }
    assert_eq!(lease.state(), State::Active);
    let error = lease.withdraw("ann", "second thought", at(HOUR)).unwrap_err().to_string();
    assert_eq!(error, "lease 010101010101 is active: it cannot be withdrawn; roll it back");
}
