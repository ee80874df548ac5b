//! Key histories: the order of things, and who may change them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use keys::events::{Applied, Change, EpochTerms, Event, EventError, KeyError, KeyHistory, Reason, Roots};
use keys::window::{Outside, Window};
use keys::{KeyId, Signed, SignedError, context};
use model::{Digest, PartyId, StixId, Timestamp};
use proptest::prelude::*;

use crate::common::{day, history, inception, key, minute, roots, rotation, sign, terms};

const IDENTITY: &str = "identity--d1612665-504b-4aee-8e7d-04e0f2dcd3e8";

fn id(number: u16) -> KeyId {
    key(number).id()
}

fn identities(ids: &[&str]) -> BTreeSet<StixId> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

fn revocation(history: &KeyHistory, created: Timestamp, epoch: u16, from: Timestamp, by: &[u16]) -> Signed {
    let change =
        Change::Revocation { key: id(epoch), reason: Reason::Compromised, note: "laptop".to_owned(), from };
    sign(&history.next_event(created, change), by)
}

fn roots_event(history: &KeyHistory, created: Timestamp, keys: &[u16], next: u16, by: &[u16]) -> Signed {
    let keys: Vec<_> = keys.iter().map(|n| key(*n).public().clone()).collect();
    let change = Change::Roots { roots: Roots { keys, threshold: 2 }, next: id(next) };
    sign(&history.next_event(created, change), by)
}

fn identity_event(history: &KeyHistory, created: Timestamp, ids: &[&str], by: &[u16]) -> Signed {
    sign(&history.next_event(created, Change::Identities { identities: identities(ids) }), by)
}

/// An inception with something changed, signed by root keys 1 and 2 and epoch key 10.
fn begin(change: impl FnOnce(&mut Event)) -> Result<KeyHistory, EventError> {
    let mut event = inception();
    change(&mut event);
    KeyHistory::begin(&sign(&event, &[1, 2, 10]), day(0))
}

fn with_epoch(change: impl FnOnce(&mut EpochTerms)) -> impl FnOnce(&mut Event) {
    move |event| match &mut event.change {
        Change::Inception { epoch, .. } | Change::Rotation { epoch } => change(epoch),
        _ => panic!("no epoch"),
    }
}

fn with_roots(keys: Vec<keys::PublicKey>, threshold: usize) -> impl FnOnce(&mut Event) {
    move |event| {
        if let Change::Inception { roots, .. } = &mut event.change {
            *roots = Roots { keys, threshold };
        }
    }
}

#[test]
fn a_party_certifies_itself() {
    let signed = sign(&inception(), &[1, 2, 10]);
    let history = KeyHistory::begin(&signed, day(0)).unwrap();
    assert_eq!(history.party(), PartyId(signed.hash()));
    assert_eq!((history.name(), history.country(), history.count()), ("CERT Ruritania", "RU", 1));
    assert_eq!(history.current(day(1)).unwrap().key.id(), id(10));
    assert_eq!(history.next_key(), id(11));
    // Who signed does not make another party.
    let other = KeyHistory::begin(&sign(&inception(), &[2, 3, 10]), day(0)).unwrap();
    assert_eq!(other.party(), history.party());
}

#[test]
fn who_must_sign_an_inception() {
    for (by, who) in
        [(&[1, 10][..], "the root keys"), (&[10], "the root keys"), (&[1, 2], "the first epoch's key")]
    {
        match KeyHistory::begin(&sign(&inception(), by), day(0)) {
            Err(EventError::Signers { who: missing, .. }) => assert_eq!(missing, who, "{by:?}"),
            other => panic!("{by:?}: {other:?}"),
        }
    }
    for (by, stranger) in [(&[4, 5, 10][..], [4, 5]), (&[1, 2, 11], [11, 11]), (&[1, 2, 4, 10], [4, 4])] {
        match KeyHistory::begin(&sign(&inception(), by), day(0)) {
            Err(EventError::Stranger(found)) => assert!(stranger.map(id).contains(&found), "{by:?}"),
            other => panic!("{by:?}: {other:?}"),
        }
    }
    let wrong = Signed::sign(&inception().to_body(), context::LEAF, &[key(1), key(2), key(10)]).unwrap();
    assert!(matches!(KeyHistory::begin(&wrong, day(0)), Err(EventError::Signers { .. })), "another context");
    let rotation = rotation(&history(), day(1), 11, 12, &[10, 11]);
    assert_eq!(KeyHistory::begin(&rotation, day(1)).unwrap_err(), EventError::Inception);
}

#[test]
fn what_an_inception_must_not_say() {
    let key_of = |n| key(n).public().clone();
    let long = Window { from: day(0), until: day(91) };
    assert_eq!(begin(with_epoch(|epoch| epoch.until = day(91))).unwrap_err(), EventError::Length(long));
    assert!(begin(with_epoch(|epoch| epoch.until = day(90))).is_ok());
    let none = Window { from: day(0), until: day(0) };
    assert_eq!(begin(with_epoch(|epoch| epoch.until = day(0))).unwrap_err(), EventError::Length(none));
    assert_eq!(begin(with_epoch(|epoch| epoch.next = id(10))).unwrap_err(), EventError::Reused(id(10)));
    assert_eq!(begin(with_epoch(|epoch| epoch.next = id(2))).unwrap_err(), EventError::Reused(id(2)));
    let both = with_roots(vec![key_of(1), key_of(2), key_of(10)], 2);
    assert_eq!(begin(both).unwrap_err(), EventError::Reused(id(10)), "an epoch key among the roots");
    for (keys, threshold) in [
        (vec![key_of(1), key_of(1)], 2),
        (vec![key_of(1), key_of(2)], 0),
        (vec![key_of(1), key_of(2)], 3),
        (vec![], 0),
        ((1..=17).map(key_of).collect(), 2),
    ] {
        let refused = begin(with_roots(keys, threshold)).unwrap_err();
        assert!(matches!(refused, EventError::Malformed(_)), "{refused:?}");
    }
    let ahead = |event: &mut Event| event.created = minute(6);
    assert!(matches!(begin(ahead), Err(EventError::Future { .. })));
    assert!(begin(|event| event.created = minute(5)).is_ok(), "clocks may differ by five minutes");
}

#[test]
fn bodies_come_back() {
    let mut history = history();
    let all = [
        sign(&inception(), &[1, 2, 10]),
        rotation(&history, day(1), 11, 12, &[10, 11]),
        roots_event(&history, day(1), &[4, 5], 13, &[1]),
        revocation(&history, day(1), 10, day(0), &[1]),
        identity_event(&history, day(1), &[IDENTITY], &[10]),
    ];
    for signed in &all {
        let event = Event::read(signed).unwrap();
        assert_eq!(event.to_body(), signed.body);
    }
    history.apply(&all[1], day(1)).unwrap();
    let text = history.to_text();
    assert_eq!(KeyHistory::parse(text.as_bytes(), day(1)).unwrap().to_text(), text);
    assert!(KeyHistory::parse(b"[]", day(1)).is_err());
    assert!(KeyHistory::parse(b"{}", day(1)).is_err());
    assert!(KeyHistory::parse(format!(" {text}").as_bytes(), day(1)).is_err(), "not canonical");
    for end in (0..text.len()).step_by(97) {
        assert!(KeyHistory::parse(&text.as_bytes()[..end], day(1)).is_err(), "{end}");
    }
}

#[test]
fn bodies_that_say_something_else() {
    let body = inception().to_body();
    for (from, to, pointer) in [
        ("\"type\":\"inception\"", "\"type\":\"conception\"", "/type"),
        ("\"v\":1", "\"v\":2", "/v"),
        ("\"n\":0", "\"n\":1", "/n"),
        ("\"n\":0", "\"n\":-1", "/n"),
        ("\"n\":0", "\"n\":\"0\"", "/n"),
        ("\"country\":\"RU\"", "\"country\":\"ru\"", "/country"),
        ("\"country\":\"RU\"", "\"country\":\"RURI\"", "/country"),
        ("CERT Ruritania", "", "/name"),
        ("CERT Ruritania", " CERT", "/name"),
        ("CERT Ruritania", "CERT\\u202eainatiruR", "/name"),
        ("CERT Ruritania", "CERT\\nRuritania", "/name"),
        (
            "\"identities\":[]",
            "\"identities\":[\"indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8\"]",
            "/identities/0",
        ),
        (
            "\"identities\":[]",
            "\"identities\":[\"identity--D1612665-504b-4aee-8e7d-04e0f2dcd3e8\"]",
            "/identities/0",
        ),
        ("\"identities\":[]", "\"identities\":null", "/identities"),
        ("\"until\":\"2026-04-01T00:00:00.000Z\"", "\"until\":\"2026-04-01T00:00:00Z\"", "/until"),
        ("\"until\":\"2026-04-01T00:00:00.000Z\"", "\"until\":1", "/until"),
        ("\"ledger\"", "\"ledger_\"", "/ledger_"),
        ("\"box\":\"", "\"box\":\"A", "/box"),
        ("\"epoch\":\"", "\"epoch\":\"A", "/epoch"),
        ("\"next\":\"", "\"next\":\"A", "/next"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        let signed = Signed::unsigned(&changed).unwrap();
        assert_eq!(Event::read(&signed).unwrap_err().pointer, pointer, "{from} → {to}");
    }
}

#[test]
fn rotation_reveals_what_was_committed_to() {
    let mut history = history();
    let next = rotation(&history, day(80), 11, 12, &[10, 11]);
    assert_eq!(history.apply(&next, day(80)), Ok(Applied::New));
    assert_eq!(history.apply(&next, day(80)), Ok(Applied::Known));
    assert_eq!(history.head(), next.hash());
    assert_eq!(history.epoch_key_at(day(79)).unwrap().id(), id(10));
    assert_eq!(history.epoch_key_at(day(80)).unwrap().id(), id(11));
    let epochs: Vec<_> = history.epochs().iter().map(|epoch| (epoch.number, epoch.window)).collect();
    let windows =
        [(0, Window { from: day(0), until: day(80) }), (1, Window { from: day(80), until: day(170) })];
    assert_eq!(epochs, windows);
}

#[track_caller]
fn refused(history: &KeyHistory, signed: &Signed, now: Timestamp, expect: impl Fn(&EventError) -> bool) {
    let mut copy = history.clone();
    let error = copy.apply(signed, now).unwrap_err();
    assert!(expect(&error), "{error:?}");
    assert_eq!(copy.to_text(), history.to_text());
    assert_eq!(copy.fork(), history.fork());
}

#[test]
fn who_may_rotate() {
    let history = history();
    let signers = |error: &EventError| matches!(error, EventError::Signers { .. });
    // A thief of the epoch key who does not have the next.
    let commitment =
        |error: &EventError| *error == EventError::Commitment { expected: id(11), found: id(20) };
    refused(&history, &rotation(&history, day(1), 20, 21, &[10, 20]), day(1), commitment);
    refused(&history, &rotation(&history, day(1), 20, 21, &[1, 2, 20]), day(1), commitment);
    // A thief of the next key who does not have the epoch key.
    refused(&history, &rotation(&history, day(1), 11, 12, &[11]), day(1), signers);
    // One who replays the revealed key without having it.
    refused(&history, &rotation(&history, day(1), 11, 12, &[10]), day(1), signers);
    refused(&history, &rotation(&history, day(1), 11, 12, &[1, 11]), day(1), signers);
    // The roots may instead of the old key.
    assert!(history.clone().apply(&rotation(&history, day(1), 11, 12, &[1, 3, 11]), day(1)).is_ok());
    // Keys have one use.
    refused(&history, &rotation(&history, day(1), 11, 10, &[10, 11]), day(1), |e| {
        *e == EventError::Reused(id(10))
    });
    refused(&history, &rotation(&history, day(1), 11, 11, &[10, 11]), day(1), |e| {
        *e == EventError::Reused(id(11))
    });
}

#[test]
fn an_epoch_key_says_nothing_after_its_end() {
    let history = history();
    let ended = |error: &EventError| matches!(error, EventError::Ended(KeyError::Outside { .. }));
    refused(&history, &rotation(&history, day(90), 11, 12, &[10, 11]), day(90), ended);
    refused(&history, &identity_event(&history, day(90), &[IDENTITY], &[10]), day(90), ended);
    let mut late = history;
    assert_eq!(late.apply(&rotation(&late, day(200), 11, 12, &[1, 2, 11]), day(200)), Ok(Applied::New));
    // In the time between, no key held.
    assert!(late.epoch_key_at(day(89)).is_ok());
    assert!(matches!(
        late.epoch_key_at(day(100)),
        Err(KeyError::Outside { outside: Outside::Over { .. }, .. })
    ));
}

#[test]
fn order_is_kept() {
    let mut history = history();
    let first = rotation(&history, day(10), 11, 12, &[10, 11]);
    let mut ahead = history.clone();
    ahead.apply(&first, day(10)).unwrap();
    let second = rotation(&ahead, day(20), 12, 13, &[11, 12]);
    refused(&history, &second, day(20), |e| *e == EventError::Gap { expected: 1, found: 2 });
    history.apply(&first, day(10)).unwrap();
    // Going back in time.
    refused(&history, &rotation(&history, day(9), 12, 13, &[11, 12]), day(20), |e| {
        matches!(e, EventError::Backwards { .. })
    });
    // Coming from the future.
    let future = rotation(&history, day(20).plus_micros(1), 12, 13, &[11, 12]);
    refused(&history, &future, day(20).plus_micros(-5 * 60_000_000), |e| {
        matches!(e, EventError::Future { .. })
    });
    // Following something else.
    let mut stray = Event::read(&second).unwrap();
    stray.after = Some((history.party(), Digest([9; 32])));
    refused(&history, &sign(&stray, &[11, 12]), day(20), |e| matches!(e, EventError::Chain { n: 2, .. }));
    // Of somebody else.
    stray.after = Some((PartyId(Digest([9; 32])), history.head()));
    refused(&history, &sign(&stray, &[11, 12]), day(20), |e| matches!(e, EventError::OtherParty { .. }));
    assert_eq!(history.apply(&second, day(20)), Ok(Applied::New));
}

#[test]
fn two_faces_are_equivocation() {
    let mut history = history();
    let before = history.clone();
    let mine = rotation(&before, day(10), 11, 12, &[10, 11]);
    let other = rotation(&before, day(11), 11, 13, &[10, 11]);
    history.apply(&mine, day(10)).unwrap();
    let Err(EventError::Fork(fork)) = history.apply(&other, day(11)) else { panic!("a fork") };
    assert_eq!((fork.n, fork.kept, fork.other), (1, mine.hash(), other.hash()));
    assert_eq!(history.fork(), Some(&fork));
    // What both faces agree on still counts; nothing later does.
    assert_eq!(history.epoch_key_at(day(9)).unwrap().id(), id(10));
    assert_eq!(history.epoch_key_at(day(10)), Err(KeyError::Forked(fork)));
    assert_eq!(history.current(day(20)), Err(KeyError::Forked(fork)));
    assert_eq!(history.key_for(id(11), day(20)), Err(KeyError::Forked(fork)));
    // And no further event heals it.
    let next = rotation(&history, day(20), 12, 14, &[11, 12]);
    assert_eq!(history.apply(&next, day(20)), Err(EventError::Fork(fork)));
    // Between root keys, too.
    let mut roots = before.clone();
    roots.apply(&revocation(&before, day(10), 10, day(9), &[1, 2]), day(10)).unwrap();
    let second = revocation(&before, day(10), 10, day(8), &[2, 3]);
    assert!(matches!(roots.apply(&second, day(10)), Err(EventError::Fork(_))));
}

#[test]
fn nobody_else_can_make_a_party_look_two_faced() {
    let mut history = history();
    let before = history.clone();
    history.apply(&rotation(&before, day(10), 11, 12, &[10, 11]), day(10)).unwrap();
    history.apply(&identity_event(&history, day(12), &[IDENTITY], &[11]), day(12)).unwrap();
    for forged in [
        rotation(&before, day(11), 11, 13, &[11]),
        rotation(&before, day(11), 11, 13, &[10]),
        rotation(&before, day(11), 20, 13, &[10, 20]),
        identity_event(&before, day(11), &[], &[5]),
        identity_event(&before, day(95), &[], &[10]),
        revocation(&before, day(11), 10, day(1), &[1]),
        sign(&inception(), &[1]),
    ] {
        let mut copy = history.clone();
        let result = copy.apply(&forged, day(100));
        assert!(!matches!(result, Err(EventError::Fork(_))), "{result:?}");
        assert_eq!((copy.fork(), copy.to_text()), (None, history.to_text()));
    }
}

/// A thief of the epoch key cannot keep the owners out, nor make them look two-faced.
#[test]
fn the_roots_overrule_an_epoch_key() {
    let before = history();
    let theft = identity_event(&before, day(10), &[IDENTITY], &[10]);
    let mut more = before.clone();
    more.apply(&theft, day(10)).unwrap();
    let theft_again = identity_event(&more, day(11), &[], &[10]);
    let answer = revocation(&before, day(12), 10, day(9), &[1, 2]);

    let mut deceived = before.clone();
    deceived.apply(&theft, day(10)).unwrap();
    deceived.apply(&theft_again, day(11)).unwrap();
    assert_eq!(deceived.apply(&answer, day(12)), Ok(Applied::Superseded { dropped: theft.hash() }));
    assert_eq!((deceived.count(), deceived.identities().len(), deceived.fork()), (2, 0, None));

    let mut informed = before.clone();
    informed.apply(&answer, day(12)).unwrap();
    assert_eq!(informed.to_text(), deceived.to_text(), "both end with one history");
    let overruled = EventError::Overruled { n: 1, kept: answer.hash() };
    assert_eq!(informed.apply(&theft, day(12)), Err(overruled));
    assert_eq!(informed.fork(), None);
    let recovered = rotation(&informed, day(13), 11, 12, &[1, 2, 11]);
    assert_eq!(informed.apply(&recovered, day(13)), Ok(Applied::New));
}

/// Even when the thief and the owner sign at the same time with the stolen key.
#[test]
fn the_roots_heal_a_fork_between_epoch_keys() {
    let mut history = history();
    let before = history.clone();
    history.apply(&identity_event(&before, day(10), &[IDENTITY], &[10]), day(10)).unwrap();
    let second = identity_event(&before, day(10), &[], &[10]);
    assert!(matches!(history.apply(&second, day(10)), Err(EventError::Fork(_))));
    assert!(history.current(day(11)).is_err());
    let answer = rotation(&before, day(12), 11, 12, &[1, 2, 11]);
    assert!(matches!(history.apply(&answer, day(12)), Ok(Applied::Superseded { .. })));
    assert_eq!((history.fork(), history.current(day(13)).unwrap().key.id()), (None, id(11)));
}

#[test]
fn nobody_on_the_way_adds_to_an_event() {
    let history = history();
    let event = rotation(&history, day(10), 11, 12, &[10, 11]);
    let mut by_stranger = event.clone();
    by_stranger.add(context::KEY_EVENT, key(40)).unwrap();
    refused(&history, &by_stranger, day(10), |e| *e == EventError::Stranger(id(40)));
    let mut by_nobody = event;
    by_nobody.attach(id(1), key(1).sign(context::LEAF, b"")).unwrap();
    refused(&history, &by_nobody, day(10), |e| {
        matches!(e, EventError::Signers { why: SignedError::Bad(_), .. })
    });
}

/// Rollback: what a peer shows of a history cannot make it shorter.
#[test]
fn there_is_no_way_back() {
    let (short, mut long) = (rotations(3, 10), rotations(5, 10));
    let text = long.to_text();
    assert_eq!(long.update(short.to_text().as_bytes(), day(60)), Ok(0));
    assert_eq!((long.to_text(), long.count()), (text.clone(), 5));
    let mut behind = short;
    assert_eq!(behind.update(text.as_bytes(), day(60)), Ok(2));
    assert_eq!(behind.to_text(), text);
    assert!(behind.update(b"[", day(60)).is_err());
    assert_eq!(behind.update(b"[]", day(60)), Ok(0));
}

#[test]
fn a_relay_cannot_weaken_an_event_by_leaving_out_signatures() {
    let before = history();
    let strong = rotation(&before, day(10), 11, 12, &[1, 2, 10, 11]);
    let weak = rotation(&before, day(10), 11, 12, &[10, 11]);
    assert_eq!(weak.hash(), strong.hash());
    let mut history = before.clone();
    history.apply(&weak, day(10)).unwrap();
    assert_eq!(history.apply(&strong, day(10)), Ok(Applied::Known));
    assert_eq!(history.apply(&weak, day(10)), Ok(Applied::Known));
    assert_eq!(history.events()[1], strong);
    let theft = rotation(&before, day(11), 11, 13, &[10, 11]);
    assert!(matches!(history.apply(&theft, day(11)), Err(EventError::Overruled { n: 1, .. })));
}

#[test]
fn what_the_roots_built_on_stays() {
    let mut history = history();
    let before = history.clone();
    history.apply(&identity_event(&before, day(10), &[IDENTITY], &[10]), day(10)).unwrap();
    history.apply(&revocation(&history, day(11), 10, day(11), &[1, 2]), day(11)).unwrap();
    // The roots had accepted event 1: another of theirs with its number is two-faced.
    let second = revocation(&before, day(12), 10, day(9), &[1, 2]);
    assert!(matches!(history.apply(&second, day(12)), Err(EventError::Fork(_))));
}

#[test]
fn revocation_reaches_back() {
    let mut history = history();
    assert!(history.key_for(id(10), day(20)).is_ok());
    history.apply(&revocation(&history, day(30), 10, day(15), &[1, 2]), day(30)).unwrap();
    assert!(history.key_for(id(10), day(14)).is_ok());
    for at in [day(15), day(20), day(40)] {
        assert!(matches!(history.key_for(id(10), at), Err(KeyError::Revoked { .. })));
        assert!(matches!(history.current(at), Err(KeyError::Revoked { .. })));
    }
    assert_eq!(history.revoked(id(10)).map(|revoked| revoked.reason), Some(Reason::Compromised));
    // The revoked key rotates nobody any more; the roots do.
    let thief = rotation(&history, day(31), 11, 12, &[10, 11]);
    refused(&history, &thief, day(31), |e| matches!(e, EventError::Ended(KeyError::Revoked { .. })));
    // It can reach further back, not forward again.
    refused(&history, &revocation(&history, day(31), 10, day(16), &[1, 2]), day(31), |e| {
        *e == EventError::Revocation
    });
    history.apply(&revocation(&history, day(31), 10, day(5), &[1, 2]), day(31)).unwrap();
    assert!(history.key_for(id(10), day(10)).is_err());
    history.apply(&rotation(&history, day(32), 11, 12, &[1, 2, 11]), day(32)).unwrap();
    assert!(history.current(day(33)).is_ok());
}

#[test]
fn who_may_revoke_and_what() {
    let history = history();
    refused(&history, &revocation(&history, day(1), 10, day(0), &[1]), day(1), |e| {
        matches!(e, EventError::Signers { .. })
    });
    refused(&history, &revocation(&history, day(1), 10, day(0), &[10]), day(1), |e| {
        matches!(e, EventError::Signers { .. })
    });
    refused(&history, &revocation(&history, day(1), 20, day(0), &[1, 2]), day(1), |e| {
        *e == EventError::Unknown(id(20))
    });
    refused(&history, &revocation(&history, day(1), 1, day(0), &[1, 2]), day(1), |e| {
        *e == EventError::Unknown(id(1))
    });
    refused(&history, &revocation(&history, day(1), 10, day(2), &[1, 2]), day(1), |e| {
        *e == EventError::Revocation
    });
}

#[test]
fn roots_change_by_old_and_new() {
    let mut history = history();
    for by in [&[1, 2][..], &[4, 5], &[1, 4, 5], &[1, 2, 4], &[10, 4, 5]] {
        let event = roots_event(&history, day(1), &[4, 5, 6], 11, by);
        refused(&history, &event, day(1), |e| matches!(e, EventError::Signers { .. }));
    }
    refused(&history, &roots_event(&history, day(1), &[4, 10], 11, &[1, 2, 4, 10]), day(1), |e| {
        *e == EventError::Reused(id(10))
    });
    history.apply(&roots_event(&history, day(1), &[4, 5, 6], 15, &[1, 2, 4, 6]), day(1)).unwrap();
    assert_eq!(history.roots().keys[0], *key(4).public());
    // The old ones have no say now, and the lost next key was replaced.
    refused(&history, &revocation(&history, day(2), 10, day(1), &[1, 2]), day(2), |e| {
        matches!(e, EventError::Stranger(_))
    });
    refused(&history, &rotation(&history, day(2), 11, 12, &[10, 11]), day(2), |e| {
        matches!(e, EventError::Commitment { .. })
    });
    history.apply(&rotation(&history, day(2), 15, 16, &[10, 15]), day(2)).unwrap();
    // What the old roots signed in their time still counts; what they sign later does not.
    let old = Signed::sign("{}", context::APPOINTMENT, &[key(1), key(3)]).unwrap();
    assert_eq!(history.verify_or_roots(context::APPOINTMENT, &old, day(0)), Ok(()));
    assert!(history.verify_or_roots(context::APPOINTMENT, &old, day(1)).is_err());
    assert!(history.verify_roots(context::LEAF, &old, day(0)).is_err());
}

#[test]
fn identities_in_their_time() {
    let mut history = history();
    let one: StixId = IDENTITY.parse().unwrap();
    refused(&history, &identity_event(&history, day(1), &[IDENTITY], &[11]), day(1), |e| {
        *e == EventError::Stranger(id(11))
    });
    history.apply(&identity_event(&history, day(1), &[IDENTITY], &[10]), day(1)).unwrap();
    history.apply(&identity_event(&history, day(2), &[], &[1, 2]), day(2)).unwrap();
    let spoke: Vec<bool> = (0..3).map(|days| history.spoke_for(&one, day(days))).collect();
    assert_eq!(spoke, [false, true, false]);
    assert!(history.identities().is_empty());
}

#[test]
fn what_holds_when() {
    let mut history = history();
    history.apply(&rotation(&history, day(80), 11, 12, &[10, 11]), day(80)).unwrap();
    let check = |key: u16, at: Timestamp| history.key_for(id(key), at).is_ok();
    assert!(!check(10, day(0).plus_micros(-1)) && check(10, day(0)));
    assert!(check(10, day(80).plus_micros(-1)) && !check(10, day(80)), "an epoch ends when the next begins");
    assert!(check(11, day(80)) && check(11, day(170).plus_micros(-1)) && !check(11, day(170)));
    assert_eq!(history.key_for(id(1), day(1)), Err(KeyError::Unknown(id(1))), "a root key is no epoch key");
    // Signatures count by the time they claim.
    let signed = Signed::sign("{}", context::REPORT, &[key(10)]).unwrap();
    assert_eq!(history.verify(context::REPORT, &signed, day(79)), Ok(id(10)));
    let missing = KeyError::Signature(SignedError::Missing(id(11)));
    assert_eq!(history.verify(context::REPORT, &signed, day(80)), Err(missing));
    let bad = KeyError::Signature(SignedError::Bad(id(10)));
    assert_eq!(history.verify(context::LEAF, &signed, day(79)), Err(bad));
}

/// A peer whose clock is ahead of ours by less than five minutes rotates now, not in five minutes; and gains no end.
#[test]
fn clocks_differ_at_the_beginning_only() {
    let mut history = history();
    history.apply(&rotation(&history, minute(1003), 11, 12, &[10, 11]), minute(1000)).unwrap();
    assert_eq!(history.current(minute(1000)).unwrap().key.id(), id(11));
    assert!(history.epoch_now(id(11), minute(1000)).is_ok());
    assert!(history.epoch_now(id(10), minute(1000)).is_ok(), "still its last minutes");
    assert!(history.epoch_now(id(10), minute(1003)).is_err());
    assert!(history.key_for(id(11), minute(1000)).is_err());
    assert!(history.epoch_now(id(11), minute(990)).is_err());
    let end = minute(1003).plus_micros(90 * keys::window::DAY);
    assert!(history.current(end.plus_micros(-1)).is_ok() && history.current(end).is_err());
}

/// A history of so many events, each so many days after the one before.
fn rotations(count: u16, days: i64) -> KeyHistory {
    let mut history = history();
    for n in 1..count {
        let created = day(i64::from(n) * days);
        let event = rotation(&history, created, 10 + n, 11 + n, &[9 + n, 10 + n]);
        history.apply(&event, created).unwrap();
    }
    history
}

#[test]
fn a_long_history() {
    let history = rotations(12, 80);
    let now = day(12 * 80);
    let replayed = KeyHistory::parse(history.to_text().as_bytes(), now).unwrap();
    assert_eq!(replayed.head(), history.head());
    // Leaving one out, or two in another order, is found.
    let events = history.events();
    for at in [1, 5, 11] {
        let mut cut = events.to_vec();
        cut.remove(at);
        assert_eq!(KeyHistory::replay(&cut, now).is_ok(), at == events.len() - 1);
    }
    let mut swapped = events.to_vec();
    swapped.swap(3, 4);
    assert!(KeyHistory::replay(&swapped, now).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever events arrive in whatever order and however often, the history is the one of their proper order.
    #[test]
    fn order_of_arrival_does_not_matter(order in prop::collection::vec(0..5usize, 1..40)) {
        static FULL: LazyLock<Vec<Signed>> = LazyLock::new(|| rotations(5, 1).events().to_vec());
        let events = &*FULL;
        let mut reached = history();
        for at in order {
            match reached.apply(&events[at], day(9)) {
                Ok(Applied::New) => prop_assert_eq!(reached.count(), at as u64 + 1),
                Ok(Applied::Known) => prop_assert!((at as u64) < reached.count()),
                Err(EventError::Gap { expected, found }) => prop_assert!(expected < found),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let count = usize::try_from(reached.count()).unwrap();
        prop_assert_eq!(reached.events(), &events[..count]);
    }

    /// No change to a signed event is taken in.
    #[test]
    fn no_changed_event_is_taken(at in 0..10_000usize, byte in 0x20..0x7fu8) {
        let history = history();
        static EVENT: LazyLock<Signed> = LazyLock::new(|| rotation(&crate::common::history(), day(10), 11, 12, &[10, 11]));
        let mut text = EVENT.to_text().into_bytes();
        let at = at % text.len();
        prop_assume!(text[at] != byte);
        text[at] = byte;
        if let Ok(changed) = Signed::parse(&text) {
            prop_assert!(history.clone().apply(&changed, day(10)).is_err());
        }
    }

    /// An epoch holds in one unbroken span, and no two hold at once.
    #[test]
    fn one_key_at_a_time(days in prop::collection::btree_set(1..300i64, 0..5), at in 0..400i64) {
        let mut history = history();
        for (n, created) in days.into_iter().enumerate() {
            let n = u16::try_from(n).unwrap();
            let terms = terms(11 + n, 12 + n, day(created + 60));
            let event = history.next_event(day(created), Change::Rotation { epoch: terms });
            history.apply(&sign(&event, &[1, 2, 11 + n]), day(300)).unwrap();
        }
        let holding = history.epochs().iter().filter(|epoch| epoch.holds_at(day(at)).is_ok()).count();
        prop_assert_eq!(holding, usize::from(history.epoch_at(day(at)).is_ok()));
    }
}

#[test]
fn the_root_keys_of_these_tests() {
    assert_eq!(history().roots(), &roots());
}
