//! What is found out is what a plain comparison would find, and no more.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use shieldwall_private_query::{Asker, Found, Mode, NotAsked, Refused, Reply};

use crate::{MODES, addresses, answerer, found, reply, scope};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_modes_agree_with_a_plain_intersection(
        asked in vec("[a-e]{0,3}", 1..20),
        held in vec("[a-e]{0,3}", 0..40),
    ) {
        let common: BTreeSet<Vec<u8>> = asked
            .iter()
            .filter(|value| held.contains(value))
            .map(|value| value.clone().into_bytes())
            .collect();
        let count = u64::try_from(common.len()).unwrap();
        prop_assert_eq!(found(Mode::Count, &asked, &held), Found::Count(count));
        prop_assert_eq!(found(Mode::YesNo, &asked, &held), Found::Values(common));
    }
}

#[test]
fn all_none_and_nothing_held() {
    let asked = addresses(0..20);
    for mode in MODES {
        assert_eq!(found(mode, &asked, &addresses(0..20)).count(), 20);
        assert_eq!(found(mode, &asked, &addresses(100..120)).count(), 0);
        assert_eq!(found(mode, &asked, &[]).count(), 0);
    }
}

#[test]
fn values_are_bytes_and_as_long_as_they_like() {
    let long = "x".repeat(100_000);
    let asked = [long.clone(), String::new(), "a\0b".to_owned(), "ä".to_owned(), "a\u{308}".to_owned()];
    let held = [long, String::new(), "a".to_owned(), "ä".to_owned()];
    for mode in MODES {
        assert_eq!(found(mode, &asked, &held).count(), 3);
    }
}

#[test]
fn duplicates_count_once() {
    let asked = [addresses(0..5), addresses(0..5)].concat();
    let held = [addresses(3..8), addresses(3..8)].concat();
    for mode in MODES {
        assert_eq!(found(mode, &asked, &held).count(), 2);
    }
}

#[test]
fn tags_can_be_made_in_parts_and_in_any_order() {
    let (asked, held) = (addresses(0..10), addresses(5..60));
    for mode in MODES {
        let (asker, question) = Asker::ask(&scope(mode), &asked, [1; 32]).ok().unwrap();
        let whole = reply(&question, &held, 2);
        let answerer = answerer(&question, 2).ok().unwrap();
        let (one, two) = held.split_at(20);
        let parts = std::thread::scope(|threads| {
            let two = threads.spawn(|| answerer.tags(two.iter().rev()));
            [two.join().unwrap(), answerer.tags(one)].concat()
        });
        let joined = answerer.reply(parts).unwrap();
        assert_eq!(joined, whole);
        assert_eq!(asker.finish(&joined).unwrap().count(), 5);
    }
}

#[test]
fn how_much_is_held_is_told_in_powers_of_two_only() {
    let (_, question) = Asker::ask(&scope(Mode::Count), addresses(0..1), [1; 32]).ok().unwrap();
    let size = |held: u32| {
        let held: Vec<_> = (0..held).map(|number| number.to_string()).collect();
        reply(&question, &held, 2).to_bytes().len()
    };
    assert_eq!(size(0), size(1));
    assert_eq!(size(0), size(1_024));
    assert_eq!(size(1_025) - size(1_024), 8 * 1_024);
    assert_eq!(size(1_025), size(2_048));
}

#[test]
fn more_than_an_answer_can_be_over_is_refused_rather_than_left_out() {
    let (_, question) = Asker::ask(&scope(Mode::Count), addresses(0..1), [1; 32]).ok().unwrap();
    let reply = |count: u64| answerer(&question, 2).ok().unwrap().reply((0..count).map(u64::to_be_bytes));
    assert!(reply(1 << 19).is_ok());
    let told = reply((1 << 19) + 1).err();
    assert_eq!(told, Some(Refused::TooMuchHeld { held: (1 << 19) + 1, most: 1 << 19 }));
}

#[test]
fn the_same_entropy_gives_the_same_question_and_other_entropy_another() {
    for mode in MODES {
        let ask = |entropy: u8, values: &[String]| {
            Asker::ask(&scope(mode), values, [entropy; 32]).ok().unwrap().1.to_bytes()
        };
        let (one, mut two) = (addresses(0..9), addresses(0..9));
        two.reverse();
        assert_eq!(ask(1, &one), ask(1, &two), "the order of the values is nobody's business");
        assert_ne!(ask(1, &one), ask(2, &one));
    }
}

#[test]
fn no_hash_of_a_value_leaves() {
    use sha2::Digest as _;
    let (asked, held) = (addresses(0..10), addresses(5..15));
    for mode in MODES {
        let (_, question) = Asker::ask(&scope(mode), &asked, [1; 32]).ok().unwrap();
        let reply = reply(&question, &held, 2);
        let sent = [question.to_bytes(), reply.to_bytes()].concat();
        for value in asked.iter().chain(&held) {
            for hash in [
                sha2::Sha256::digest(value).to_vec(),
                sha2::Sha512::digest(value).to_vec(),
                value.clone().into_bytes(),
            ] {
                let head = &hash[..8];
                assert!(!sent.windows(8).any(|window| window == head), "{value}");
            }
        }
    }
}

#[test]
fn what_cannot_be_asked() {
    let ask = |scope: &_, values: &[String]| Asker::ask(scope, values, [1; 32]).err();
    let one = addresses(0..1);
    assert_eq!(ask(&scope(Mode::Count), &[]), Some(NotAsked::Nothing));
    let many: Vec<_> = (0..16_385).map(|number| number.to_string()).collect();
    assert_eq!(ask(&scope(Mode::Count), &many), Some(NotAsked::TooMany(16_385)));
    for text in [String::new(), "x".repeat(256), "a\nb".to_owned()] {
        let mut odd = scope(Mode::Count);
        odd.purpose.clone_from(&text);
        assert_eq!(ask(&odd, &one), Some(NotAsked::Name("purpose")));
        odd = scope(Mode::Count);
        odd.kind = text;
        assert_eq!(ask(&odd, &one), Some(NotAsked::Name("kind")));
    }
}

/// Which product belongs to which point must not follow from where it stands.
#[test]
fn a_count_says_nothing_about_places() {
    let asked = addresses(0..8);
    // One value is held. Where its product stands is seen here by asking about it with the same entropy, alone.
    let mut places = BTreeSet::new();
    for entropy in 0..64 {
        let (_, question) = Asker::ask(&scope(Mode::Count), &asked, [entropy; 32]).ok().unwrap();
        let (_, alone) = Asker::ask(&scope(Mode::Count), &asked[3..4], [entropy; 32]).ok().unwrap();
        let points = |reply: &Reply, count: usize| -> Vec<Vec<u8>> {
            let bytes = reply.to_bytes();
            let list = &bytes[7 + 32 + 4..][..32 * count];
            list.chunks(32).map(<[u8]>::to_vec).collect()
        };
        let all = points(&reply(&question, &[], entropy), 8);
        let one = points(&reply(&alone, &[], entropy), 1).remove(0);
        assert!(all.is_sorted());
        places.insert(all.iter().position(|point| *point == one).unwrap());
    }
    assert_eq!(places.len(), 8, "it stands anywhere: {places:?}");
    // And the asker's side gives out a number, whatever it holds.
    assert_eq!(found(Mode::Count, &asked, &asked[3..4]), Found::Count(1));
}
