//! Statements for TLS leaves: whose, for which key, and when.

use keys::events::{KeyError, KeyHistory};
use keys::leaf::{LeafError, LeafStatement};
use keys::window::{DAY, Outside, Window};
use keys::{Signed, SignedError, context};
use model::{Digest, PartyId, Timestamp};

use crate::common::{day, history, key, minute, rotation};

const SPKI: Digest = Digest([3; 32]);

fn issue(history: &KeyHistory, epoch: u16, now: Timestamp) -> Signed {
    LeafStatement::issue(history.party(), key(epoch), SPKI, now, day(90)).unwrap()
}

fn signed(history: &KeyHistory, from: Timestamp, until: Timestamp, by: u16) -> Signed {
    let window = Window { from, until };
    let statement = LeafStatement { party: history.party(), key: key(by).id(), spki: SPKI, window };
    Signed::sign(&statement.to_body(), context::LEAF, &[key(by)]).unwrap()
}

#[test]
fn a_leaf_holds_for_seven_days_at_most() {
    let history = history();
    let leaf = issue(&history, 10, day(10));
    let verify = |now| LeafStatement::verify(&leaf, &history, SPKI, now);
    let statement = verify(day(10)).unwrap();
    let from = day(10).plus_micros(-5 * 60_000_000);
    assert_eq!(statement.window, Window { from, until: from.plus_micros(7 * DAY) });
    assert!(verify(from.plus_micros(7 * DAY - 1)).is_ok());
    assert!(matches!(verify(from.plus_micros(7 * DAY)), Err(LeafError::Outside(Outside::Over { .. }))));
    // Whatever is signed, no more than seven days.
    let long = signed(&history, day(10), day(17).plus_micros(1), 10);
    assert!(matches!(LeafStatement::verify(&long, &history, SPKI, day(11)), Err(LeafError::Length(_))));
    let empty = signed(&history, day(10), day(10), 10);
    assert!(matches!(LeafStatement::verify(&empty, &history, SPKI, day(10)), Err(LeafError::Length(_))));
    let over = LeafStatement::issue(history.party(), key(10), SPKI, day(90), day(90));
    assert!(matches!(over, Err(LeafError::Length(_))));
}

#[test]
fn clocks_that_differ() {
    let history = history();
    let verify =
        |leaf: &Signed, now| LeafStatement::verify(leaf, &history, SPKI, now).map(|leaf| leaf.window.until);
    let now = day(10);
    for (ahead, fits) in [(-60, true), (-4, true), (0, true), (4, true), (5, true), (6, false), (60, false)] {
        let leaf = issue(&history, 10, now.plus_micros(ahead * 60_000_000));
        assert_eq!(verify(&leaf, now).is_ok(), fits, "a peer's clock {ahead} minutes ahead");
    }
    // A clock that runs ahead by an hour is told, and does not make the leaf hold longer.
    let leaf = issue(&history, 10, now.plus_micros(60 * 60_000_000));
    match verify(&leaf, now) {
        Err(LeafError::Outside(Outside::NotYet { ahead, .. })) => assert_eq!(ahead, 55 * 60_000_000),
        other => panic!("{other:?}"),
    }
    assert_eq!(keys::window::skew(now.plus_micros(60 * 60_000_000), now), Some(60 * 60_000_000));
    assert_eq!(keys::window::skew(now.plus_micros(-5 * 60_000_000), now), None);
    // A party that has just begun, seen by a clock three minutes behind.
    let leaf = issue(&history, 10, day(0));
    assert!(verify(&leaf, minute(-3)).is_ok());
    assert!(verify(&leaf, minute(-6)).is_err());
}

#[test]
fn a_leaf_ends_with_its_epoch() {
    let mut history = history();
    let late = signed(&history, day(88), day(95), 10);
    assert_eq!(LeafStatement::verify(&late, &history, SPKI, day(89)).unwrap().window.until, day(90));
    assert!(matches!(
        LeafStatement::verify(&late, &history, SPKI, day(90)),
        Err(LeafError::Key(KeyError::Outside { .. }))
    ));
    let leaf = issue(&history, 10, day(10));
    history.apply(&rotation(&history, day(11), 11, 12, &[10, 11]), day(11)).unwrap();
    assert!(LeafStatement::verify(&leaf, &history, SPKI, day(11)).is_err(), "a new epoch, a new leaf");
    assert!(LeafStatement::verify(&issue(&history, 11, day(11)), &history, SPKI, day(11)).is_ok());
}

#[test]
fn only_this_key_of_this_party() {
    let history = history();
    let leaf = issue(&history, 10, day(10));
    let verify = |leaf: &Signed| LeafStatement::verify(leaf, &history, SPKI, day(10));
    assert_eq!(LeafStatement::verify(&leaf, &history, Digest([4; 32]), day(10)), Err(LeafError::OtherKey));
    let other = PartyId(Digest([9; 32]));
    let foreign = LeafStatement::issue(other, key(10), SPKI, day(10), day(90)).unwrap();
    assert_eq!(verify(&foreign), Err(LeafError::OtherParty(other)));
    assert_eq!(verify(&signed(&history, day(10), day(11), 1)), Err(KeyError::Unknown(key(1).id()).into()));
    assert_eq!(verify(&signed(&history, day(10), day(11), 11)), Err(KeyError::Unknown(key(11).id()).into()));
    // Signed by another key than it names, or for another purpose.
    let body = leaf.body.clone();
    let by_other = Signed::sign(&body, context::LEAF, &[key(11)]).unwrap();
    assert_eq!(verify(&by_other), Err(SignedError::Missing(key(10).id()).into()));
    let elsewhere = Signed::sign(&body, context::SEGMENT, &[key(10)]).unwrap();
    assert_eq!(verify(&elsewhere), Err(SignedError::Bad(key(10).id()).into()));
    let more = Signed::unsigned(&body.replacen('{', "{\"ca\":true,", 1)).unwrap();
    assert!(matches!(verify(&more), Err(LeafError::Malformed(_))));
}

#[test]
fn refusals_say_what_to_do() {
    let history = history();
    let leaf = issue(&history, 10, day(10));
    let error = LeafStatement::verify(&leaf, &history, SPKI, day(30)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("renew it") && text.contains("2026-01-17"), "{text}");
}
