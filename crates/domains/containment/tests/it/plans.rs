//! What is planned, for one lease and for all.

use std::collections::BTreeSet;

use controls::Handle;
use observable::Kind;
use shieldwall_containment::{
    ApprovalRule, Item, Lease, LeaseError, NeverBlock, Outcome, Plan, Proposal, State, orders, reminders,
    wanted,
};

use crate::{
    DAY, HOUR, ONE, Silent, TWO, active, approval, approved, at, done, dry_run, failed, id, item, items,
    proposal, proposed,
};

#[test]
fn nothing_is_planned_before_the_approvals() {
    let mut lease = proposed();
    lease.attach(dry_run(60)).unwrap();
    lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 61), &ApprovalRule::default()).unwrap();
    assert_eq!(lease.plan(at(62)), Plan::default());
    assert!(lease.wanted(at(62)).is_empty());
    assert_eq!(lease.blocks(at(62)).len(), 3, "the dry run has to know");
    assert!(orders(&[lease], at(62)).is_empty());
}

#[test]
fn planning_twice_is_planning_once() {
    let mut lease = approved();
    let plan = lease.plan(at(200));
    assert_eq!(plan, lease.plan(at(200)));
    assert_eq!(plan.apply.len(), 2);
    assert_eq!(plan.apply[0].blocks, ["domain bad.example", "ipv4 198.18.0.7", "ipv4 198.18.0.8"]);
    for _ in 0..2 {
        lease.record("edge", at(200), &done(&[])).unwrap();
    }
    assert_eq!(lease.plan(at(201)).apply.len(), 1);
    lease.record("resolver", at(201), &done(&[])).unwrap();
    assert!(lease.plan(at(201)).is_empty());
    assert!(orders(&[lease], at(201)).is_empty());
}

#[test]
fn what_failed_is_planned_again() {
    let mut lease = approved();
    lease.record("edge", at(200), &failed(false)).unwrap();
    assert_eq!(lease.plan(at(201)).apply.len(), 2);
    assert_eq!(lease.failures().get("edge").unwrap().message, "nobody there");
}

#[test]
fn what_an_actuator_cannot_express_is_kept_and_not_tried_for_ever() {
    let mut lease = approved();
    let skipped = vec![
        ("domain bad.example".to_owned(), "the format has no words for this kind of thing".to_owned()),
        ("domain of.another.lease".to_owned(), "x".to_owned()),
    ];
    let outcome = Outcome::Done { skipped, handles: Vec::new(), digest: "d".repeat(64) };
    lease.record("edge", at(200), &outcome).unwrap();
    assert_eq!(lease.placed().get("edge").unwrap().skipped.len(), 1);
    assert!(lease.plan(at(201)).apply.iter().all(|step| step.actuator == "resolver"));
}

#[test]
fn blocks_end_with_their_objects() {
    let short = Item { valid_until: Some(at(HOUR)), ..item(Kind::Ipv4, "198.18.0.7", ONE) };
    let long = Item { valid_until: Some(at(9 * DAY)), ..item(Kind::Ipv4, "198.18.0.8", ONE) };
    let mut lease = lease(1, vec![short, long], &["edge"], at(DAY));
    let ends: Vec<_> = lease.wanted(at(200)).iter().map(|item| item.until).collect();
    assert_eq!(ends, [at(HOUR), at(DAY)]);
    lease.record("edge", at(200), &done(&[])).unwrap();
    assert_eq!(lease.due(at(201)), Some(at(HOUR)));
    assert!(lease.plan(at(HOUR - 1)).is_empty());
    assert_eq!(lease.plan(at(HOUR)).remove[0].blocks, ["ipv4 198.18.0.7"]);
    // Even if nobody let time pass, nothing is wanted beyond the end.
    assert!(lease.wanted(at(DAY)).is_empty());
    assert_eq!(lease.plan(at(DAY)).remove[0].blocks.len(), 2);
}

/// An approved lease.
fn lease(number: u8, items: Vec<Item>, actuators: &[&str], until: model::Timestamp) -> Lease {
    let proposal = Proposal {
        actuators: actuators.iter().map(|name| (*name).to_owned()).collect(),
        until,
        ..proposal(items)
    };
    let mut lease = Lease::propose(id(number), proposal, &NeverBlock::default(), &Silent, at(0)).unwrap();
    lease.attach(dry_run(60)).unwrap();
    lease.approve(approval(&lease, "ann", "ANALYST", 120), &ApprovalRule::default()).unwrap();
    assert!(lease.approve(approval(&lease, "ben", "DUTY_OFFICER", 120), &ApprovalRule::default()).unwrap());
    lease
}

#[test]
fn an_order_is_the_whole_of_what_an_actuator_holds() {
    let mut one = lease(1, vec![item(Kind::Ipv4, "198.18.0.7", ONE)], &["edge"], at(DAY));
    let shared = vec![item(Kind::Ipv4, "198.18.0.7", TWO), item(Kind::Ipv4, "198.18.0.9", TWO)];
    let mut two = lease(2, shared, &["edge", "resolver"], at(2 * DAY));
    let leases = [one.clone(), two.clone()];
    let found = orders(&leases, at(200));
    let names: Vec<_> = found.iter().map(|order| order.actuator.as_str()).collect();
    assert_eq!(names, ["edge", "resolver"]);
    let edge = &found[0];
    assert_eq!(edge.leases, [id(1), id(2)]);
    let blocks: Vec<_> = edge.set.items.iter().map(|item| (item.value(), item.until)).collect();
    assert_eq!(
        blocks,
        [("198.18.0.7".to_owned(), at(2 * DAY)), ("198.18.0.9".to_owned(), at(2 * DAY))],
        "each thing once, with the latest end"
    );
    assert!(edge.set.leases.iter().eq([&id(1), &id(2)]), "who wants it can be asked");
    assert_eq!(wanted(&leases, "edge", at(200)), edge.set);
    assert!(wanted(&leases, "elsewhere", at(200)).items.is_empty());

    for lease in [&mut one, &mut two] {
        lease.record("edge", at(200), &done(&[])).unwrap();
    }
    two.record("resolver", at(200), &done(&[])).unwrap();
    assert!(orders(&[one.clone(), two.clone()], at(201)).is_empty());

    // The first one ends: what the second one wants too stays.
    one.tick(at(DAY));
    let found = orders(&[one.clone(), two.clone()], at(DAY));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].set.items.len(), 2);
    assert!(found[0].set.leases.iter().eq([&id(2)]));
    for lease in [&mut one, &mut two] {
        lease.record("edge", at(DAY), &done(&[])).unwrap();
    }
    assert!(one.is_over());
    two.roll_back("eve", "enough", at(DAY)).unwrap();
    let found = orders(&[one, two], at(DAY));
    assert!(found.iter().all(|order| order.set.items.is_empty()) && found.len() == 2);
}

#[test]
fn what_is_held_is_said_again_and_nothing_changes() {
    let mut one = active();
    let names = BTreeSet::from(["edge".to_owned(), "elsewhere".to_owned()]);
    assert!(orders(&[one.clone()], at(300)).is_empty(), "nothing is new");
    let found = reminders(&[one.clone()], &names, at(300));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].set, wanted(&[one.clone()], "edge", at(300)));
    assert_eq!((found[0].set.items.len(), found[0].leases.as_slice()), (3, &[id(1)][..]));
    let before = one.clone();
    assert!(!one.remind("edge", at(300), &done(&[])).unwrap());
    assert_eq!(one, before, "not even since when");
    // What it cannot express any more is news.
    let skipped = vec![("domain bad.example".to_owned(), "no words".to_owned())];
    let less = Outcome::Done { skipped, handles: Vec::new(), digest: "e".repeat(64) };
    assert!(one.remind("edge", at(310), &less).unwrap());
    assert_eq!(one.placed()["edge"].at, at(310));
    assert!(one.remind("elsewhere", at(310), &less).is_err());
    // What is over is not said again.
    one.roll_back("eve", "enough", at(320)).unwrap();
    assert!(reminders(&[one], &names, at(321)).is_empty());
}

#[test]
fn whoever_fails_to_hold_it_still_is_told_until_it_does() {
    let mut lease = active();
    assert!(lease.remind("edge", at(300), &failed(false)).unwrap());
    assert!(lease.plan(at(301)).is_empty() && lease.unsure(at(301)).eq(["edge"]));
    assert_eq!(lease.due(at(301)), Some(at(301)));
    let found = orders(&[lease.clone()], at(301));
    assert_eq!((found.len(), found[0].set.items.len()), (1, 3), "the whole of it, {found:?}");
    let mut mended = lease.clone();
    mended.record("edge", at(302), &done(&[])).unwrap();
    assert!(orders(&[mended.clone()], at(303)).is_empty() && mended.due(at(303)) > Some(at(303)));

    // For good is until somebody says so.
    lease.record("edge", at(302), &failed(true)).unwrap();
    let names = BTreeSet::from(["edge".to_owned(), "resolver".to_owned()]);
    let told = |lease: &Lease| orders(std::slice::from_ref(lease), at(303)).len();
    assert_eq!((told(&lease), lease.state()), (0, State::Active));
    let found = reminders(&[lease.clone()], &names, at(303));
    assert!(found.len() == 1 && found[0].actuator == "resolver", "{found:?}");
    lease.retry("edge");
    assert_eq!(told(&lease), 1);
    // Nobody is told again what is over.
    lease.tick(at(DAY));
    assert_eq!(lease.unsure(at(DAY)).count(), 0);
}

fn handle(block: &str, until: model::Timestamp, id: &str) -> Handle {
    Handle { item: block.to_owned(), part: String::new(), until, id: id.to_owned() }
}

#[test]
fn names_that_an_actuator_gave_come_back_to_it() {
    let mut lease = lease(1, vec![item(Kind::Ipv4, "198.18.0.7", ONE)], &["edge"], at(DAY));
    let given = [
        handle("ipv4 198.18.0.7", at(DAY), "17"),
        handle("ipv4 198.18.0.99", at(DAY), "18"),
        handle("ipv4 198.18.0.7", at(100), "3"),
    ];
    lease.record("edge", at(200), &done(&given)).unwrap();
    let held = &lease.placed().get("edge").unwrap().handles;
    assert_eq!(
        held.iter().map(|held| held.id.as_str()).collect::<Vec<_>>(),
        ["17"],
        "others' and old ones go"
    );

    lease.roll_back("eve", "enough", at(HOUR)).unwrap();
    let found = orders(&[lease.clone()], at(HOUR));
    assert_eq!(found[0].held, [handle("ipv4 198.18.0.7", at(DAY), "17")]);
    // The other side could not end it: it is asked again, until the block ends by itself.
    let still = done(&[handle("ipv4 198.18.0.7", at(DAY), "17")]);
    lease.record("edge", at(HOUR), &still).unwrap();
    assert!(lease.is_over());
    assert_eq!(lease.plan(at(HOUR)).remove[0].blocks, ["ipv4 198.18.0.7"]);
    assert!(lease.plan(at(DAY)).is_empty());
    assert!(lease.tick(at(DAY)) && lease.placed().is_empty());
}

#[test]
fn half_an_order_leaves_its_names_behind() {
    let mut lease = lease(1, items(), &["edge"], at(DAY));
    let half = Outcome::Failed {
        message: "the line broke".to_owned(),
        permanent: false,
        handles: Some(vec![handle("ipv4 198.18.0.7", at(DAY), "17")]),
    };
    lease.record("edge", at(200), &half).unwrap();
    assert_eq!(lease.plan(at(201)).apply[0].blocks.len(), 3);
    assert_eq!(orders(&[lease.clone()], at(201))[0].held.len(), 1);
    lease.roll_back("eve", "enough", at(202)).unwrap();
    assert_eq!(lease.plan(at(202)).remove[0].blocks, ["ipv4 198.18.0.7"]);
    lease.record("edge", at(202), &done(&[])).unwrap();
    assert!(lease.plan(at(203)).is_empty() && lease.placed().is_empty());
}

#[test]
fn only_named_actuators_have_a_say() {
    let mut lease = active();
    let error = lease.record("elsewhere", at(300), &done(&[])).unwrap_err();
    assert!(matches!(error, LeaseError::Actuator { .. }), "{error}");
}
