//! Finding what two sides disagree on.

use std::collections::{BTreeMap, BTreeSet};

use exchange::repair::*;
use model::Digest;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::support::*;

fn holding(n: u32) -> Holding {
    Holding { subject: Digest(Sha256::digest(n.to_be_bytes()).into()), epoch: 1, seq: u64::from(n) + 1 }
}

/// Runs a comparison to its end, and asks what is not known.
fn compare(ours: &View, theirs: &View) -> (Difference, Vec<Holding>) {
    let (mut comparison, first) = Comparison::start(ours).unwrap();
    let mut message = Some(first);
    while let Some(next) = message {
        message = comparison.step(&theirs.answer(&next).unwrap()).unwrap();
    }
    let difference = comparison.finish();
    let named = difference.only_theirs.chunks(MAX_NAMED).flat_map(|ids| theirs.named(ids)).collect();
    (difference, named)
}

#[track_caller]
fn check(ours: impl IntoIterator<Item = u32>, theirs: impl IntoIterator<Item = u32>) -> Cost {
    let (ours, theirs): (BTreeSet<u32>, BTreeSet<u32>) =
        (ours.into_iter().collect(), theirs.into_iter().collect());
    let view = |set: &BTreeSet<u32>| View::new(set.iter().map(|n| holding(*n))).unwrap();
    let (a, b) = (view(&ours), view(&theirs));
    let (difference, named) = compare(&a, &b);
    let found: BTreeSet<Digest> = difference.only_ours.iter().map(|holding| holding.subject).collect();
    assert_eq!(found, ours.difference(&theirs).map(|n| holding(*n).subject).collect());
    let surplus: BTreeSet<Digest> = named.iter().map(|holding| holding.subject).collect();
    assert_eq!(surplus, theirs.difference(&ours).map(|n| holding(*n).subject).collect());
    let plan = plan(&a, &difference, &named);
    assert_eq!((plan.put, plan.withdraw), (found, surplus));
    difference.cost
}

#[test]
fn equal_lists_cost_one_short_message_each_way() {
    for count in [0, 1, 31, 32, 33, 10_000] {
        let cost = check(0..count, 0..count);
        assert_eq!(cost.rounds, 1);
        assert!(cost.sent <= 1100 && cost.received <= 1100, "{count}: {cost:?}");
    }
}

#[test]
fn differences_are_found_and_cost_what_they_are() {
    check([], [1]);
    check([1], []);
    check(0..10, 10..20);
    check(0..5_000, [17]);
    let one = check(0..20_000, (0..20_000).filter(|n| *n != 12_345));
    assert!(one.sent + one.received < 8_000, "one of 20,000: {one:?}");
    let recent = check(0..20_000, 0..19_900);
    assert!(recent.sent + recent.received < 12_000, "the hundred newest of 20,000: {recent:?}");
    let all = check(0..20_000, []);
    assert!(all.rounds <= 8, "{all:?}");
}

#[test]
fn an_older_entry_of_the_same_object_is_put_again_and_not_withdrawn() {
    let newer = Holding { seq: 900, ..holding(3) };
    let ours = View::new([holding(1), holding(2), newer]).unwrap();
    let theirs = View::new([holding(1), holding(2), holding(3), holding(4)]).unwrap();
    let (difference, named) = compare(&ours, &theirs);
    let plan = plan(&ours, &difference, &named);
    assert_eq!(plan.put, BTreeSet::from([holding(3).subject]));
    assert_eq!(plan.withdraw, BTreeSet::from([holding(4).subject]));
}

#[test]
fn a_receiver_makes_nobody_withdraw_what_was_not_asked_about() {
    let ours = View::new([holding(1)]).unwrap();
    let theirs = View::new([holding(1), holding(2)]).unwrap();
    let (difference, _) = compare(&ours, &theirs);
    let lies = [holding(1), holding(7), Holding { seq: 99, ..holding(2) }];
    assert_eq!(plan(&ours, &difference, &lies), Plan::default());
}

#[test]
fn messages_hold_no_more_than_hashes() {
    // What relays could see of an object: nothing of its id or its keyed name.
    let ours = View::new((0..100).map(holding)).unwrap();
    let (_, message) = Comparison::start(&ours).unwrap();
    for n in 0..100 {
        let subject = holding(n).subject.0;
        assert!(!message.windows(32).any(|window| window == subject));
    }
}

#[test]
fn calls_and_answers_read_back() {
    let ids: Vec<Digest> = (0..5).map(|n| holding(n).subject).collect();
    for ask in [Ask::Compare(vec![0x61, 1, 2]), Ask::Name(ids)] {
        let call = Call { from: ALICE, to: BOB, agreement: PACT, ask };
        assert_eq!(Call::decode(&call.encode()).unwrap(), call);
    }
    let holdings: Vec<Holding> = (0..5).map(holding).collect();
    assert_eq!(read_named(&write_named(&holdings)).unwrap(), holdings);
    assert!(read_named(&[0; 43]).is_err());
    let many = Call { from: ALICE, to: BOB, agreement: PACT, ask: Ask::Name(vec![digest(1); MAX_NAMED + 1]) };
    assert!(Call::decode(&many.encode()).is_err());
    assert!(Call::decode(&vec![0; MAX_MESSAGE * 2]).is_err());
    assert!(View::new([]).unwrap().answer(&vec![0x61; MAX_MESSAGE * 2]).is_err());
}

proptest! {
    #[test]
    fn any_two_lists(a in prop::collection::btree_set(0..600_u32, 0..300), b in prop::collection::btree_set(0..600_u32, 0..300)) {
        check(a, b);
    }

    #[test]
    fn hostile_messages_end_in_an_error_or_an_answer(
        count in 0..200_u32,
        mut message in prop::collection::vec(any::<u8>(), 0..200),
        versioned in any::<bool>(),
    ) {
        if versioned {
            message.insert(0, 0x61);
        }
        let view = View::new((0..count).map(holding)).unwrap();
        if let Ok(answer) = view.answer(&message) {
            prop_assert!(answer.len() <= MAX_MESSAGE + 1024);
        }
        let (mut comparison, _) = Comparison::start(&view).unwrap();
        let _ = comparison.step(&message);
    }
}

#[test]
fn an_endless_liar_is_given_up() {
    // Somebody who answers every message with a fingerprint that fits nothing.
    let view = View::new((0..40).map(holding)).unwrap();
    let (mut comparison, _) = Comparison::start(&view).unwrap();
    let lie = |round: u32| [&[0x61, 0, 0, 1], &Sha256::digest(round.to_be_bytes())[..16]].concat();
    let ended = (0..=MAX_ROUNDS).find(|round| !matches!(comparison.step(&lie(*round)), Ok(Some(_))));
    assert!(ended.is_some());
}

#[test]
fn a_repaired_pair_agrees() {
    // Apply the plan as stream entries would, and compare again.
    let mut theirs: BTreeMap<Digest, Holding> = (0..50).map(|n| (holding(n).subject, holding(n))).collect();
    let ours: Vec<Holding> = (25..80).map(holding).collect();
    let view = View::new(ours.iter().copied()).unwrap();
    let (difference, named) = compare(&view, &View::new(theirs.values().copied()).unwrap());
    let plan = plan(&view, &difference, &named);
    theirs.retain(|subject, _| !plan.withdraw.contains(subject));
    for holding in ours.iter().filter(|holding| plan.put.contains(&holding.subject)) {
        theirs.insert(holding.subject, *holding);
    }
    let (left, named) = compare(&view, &View::new(theirs.values().copied()).unwrap());
    assert!(left.only_ours.is_empty() && named.is_empty());
}
