//! What a receiver takes in, and what an adversary tries.

use exchange::wire::Opening;
use exchange::*;
use model::Digest;

use crate::support::*;

fn refusal(receiver: &Receiver, push: &wire::Push) -> PushRefusal {
    receiver.offer(push, &Ring).unwrap_err()
}

/// Bob, after three entries.
fn after_three() -> (Receiver, wire::Push) {
    let first = push(&Position::default(), &[put(1), put(2), put(3)]);
    let mut bob = Receiver::new();
    bob.take(&first, &Ring).unwrap();
    (bob, first)
}

#[test]
fn a_push_is_taken_in_once_and_in_order() {
    let (mut bob, first) = after_three();
    assert_eq!(bob.position.seq, 3);
    let names = |numbers: &[u8]| numbers.iter().map(|n| (Kind::Put, digest(*n))).collect::<Vec<_>>();
    assert_eq!(bob.applied, names(&[1, 2, 3]));

    let replayed = bob.take(&first, &Ring).unwrap();
    assert_eq!((replayed.already, replayed.accepted.len()), (3, 0));
    assert_eq!(bob.applied, names(&[1, 2, 3]), "a replay has no effect");

    let second = push(&bob.position, &[put(4)]);
    bob.take(&second, &Ring).unwrap();
    assert_eq!(bob.applied, names(&[1, 2, 3, 4]));
    assert_eq!(bob.take(&first, &Ring).unwrap().position, bob.position, "an old push moves nothing back");
}

#[test]
fn a_segment_that_overlaps_brings_only_what_is_new() {
    let drafts = [put(1), put(2), put(3)];
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let mut bob = Receiver::new();
    bob.take(&push_by(&whole[..2], &drafts, None, key(ALICE, 0)), &Ring).unwrap();
    let mut again = push_by(&whole, &drafts, None, key(ALICE, 0));
    again.entries[0].opening = None;
    let admission = bob.take(&again, &Ring).unwrap();
    assert_eq!(
        (admission.already, admission.accepted.len()),
        (2, 1),
        "payloads of known entries may be left out"
    );
    assert_eq!(bob.applied.len(), 3);
}

#[test]
fn a_gap_is_told_with_the_place_wanted() {
    let (bob, _) = after_three();
    let ahead = push(&Position { seq: 7, head: digest(7), epoch: 1 }, &[put(8)]);
    let expect = PushRefusal::OutOfStep { wanted: Position { seq: 4, ..bob.position }, first: 8, epoch: 1 };
    assert_eq!(refusal(&bob, &ahead), expect);
    assert!(!expect.is_alarm());
    let new = Receiver::new();
    assert!(matches!(
        refusal(&new, &ahead),
        PushRefusal::OutOfStep { wanted: Position { epoch: 1, seq: 1, head: Digest::ZERO }, .. }
    ));
}

#[test]
fn forged_signatures_are_refused() {
    let drafts = [put(1)];
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let bob = Receiver::new();
    for signer in [key(ALICE, 2), key(CAROL, 0), key(BOB, 0)] {
        let forged = push_by(&whole, &drafts, None, signer);
        assert!(matches!(refusal(&bob, &forged), PushRefusal::Signer(BadSigner::Unknown { .. })));
    }
    let mut borrowed = push_by(&whole, &drafts, None, key(CAROL, 0));
    borrowed.segment.by = key(ALICE, 0).id();
    assert!(matches!(refusal(&bob, &borrowed), PushRefusal::Signer(BadSigner::Bad { .. })));
}

#[test]
fn half_a_signature_is_none() {
    let drafts = [put(1)];
    let whole = entries(STREAM, &Position::start(1), &drafts);
    let bob = Receiver::new();
    let honest = push_by(&whole, &drafts, None, key(ALICE, 0));
    for spoilt in [0, 63, 64, keys::Signature::LENGTH - 1] {
        let mut bytes = honest.segment.signature.as_bytes().to_vec();
        bytes[spoilt] ^= 1;
        let mut half = honest.clone();
        half.segment.signature = keys::Signature::from_bytes(&bytes).unwrap();
        assert!(matches!(refusal(&bob, &half), PushRefusal::Signer(BadSigner::Bad { .. })), "byte {spoilt}");
    }
}

#[test]
fn what_was_changed_on_the_way_is_refused() {
    let drafts = [put(1), put(2), put(3)];
    let honest = push(&Position::default(), &drafts);
    let bob = Receiver::new();
    let wider = |text: &str| text.replace("tlp:green", "tlp:clear");
    let changes: [(&str, Change<wire::Push>); 9] = [
        ("envelopes swapped", |p| p.entries.swap(0, 1)),
        ("an envelope left out", |p| {
            p.entries.remove(1);
        }),
        ("an envelope doubled", |p| {
            let again = p.entries[1].clone();
            p.entries.insert(1, again);
        }),
        ("the last one cut off, and the count with it", |p| {
            p.entries.pop();
            p.segment.count = 2;
        }),
        ("the count raised", |p| p.segment.count = 256),
        ("payloads swapped", |p| {
            let other = p.entries[1].opening.take();
            p.entries[1].opening = p.entries[0].opening.take();
            p.entries[0].opening = other;
        }),
        ("a payload changed", |p| p.entries[0].opening.as_mut().unwrap().payload.push(' ')),
        ("a salt changed", |p| p.entries[0].opening.as_mut().unwrap().salt[0] ^= 1),
        ("an envelope that is none", |p| p.entries[0].envelope.push('x')),
    ];
    for (name, change) in changes {
        let mut push = honest.clone();
        change(&mut push);
        assert!(bob.offer(&push, &Ring).is_err(), "{name}");
    }
    let mut widened = honest.clone();
    widened.entries[0].envelope = wider(&widened.entries[0].envelope);
    assert!(bob.offer(&widened, &Ring).is_err(), "a label is part of what is signed");
    // The receiver's own chain shows it even to somebody who would not look at signatures.
    assert!(bob.offer(&widened, &Trusting).is_err());
    assert!(bob.offer(&honest, &Ring).is_ok());
}

#[test]
fn a_stream_is_one_senders_to_one_receiver_under_one_agreement() {
    let drafts = [put(1)];
    let elsewhere = [
        StreamId { to: CAROL, ..STREAM },
        StreamId { from: CAROL, ..STREAM },
        StreamId { agreement: model::AgreementId(digest(1)), ..STREAM },
        BACK,
    ];
    for stream in elsewhere {
        let push = push_by(&entries(stream, &Position::start(1), &drafts), &drafts, None, key(ALICE, 0));
        assert_eq!(refusal(&Receiver::new(), &push), PushRefusal::OtherStream, "{stream}");
    }
    // A segment of ours around an envelope of another stream.
    let mut mixed = push(&Position::default(), &drafts);
    mixed.entries[0].envelope =
        entries(StreamId { to: CAROL, ..STREAM }, &Position::start(1), &drafts)[0].text.clone();
    assert!(matches!(refusal(&Receiver::new(), &mixed), PushRefusal::Malformed(_)));
}

#[test]
fn two_entries_for_one_place_are_an_alarm() {
    let (mut bob, _) = after_three();
    let mut forked = bob.position;
    forked.head = digest(0x66);
    let fork = push(&forked, &[put(9)]);
    let alarm = refusal(&bob, &fork);
    assert!(matches!(alarm, PushRefusal::Equivocation { seq: 4, .. }), "{alarm}");
    assert!(alarm.is_alarm());

    let other = push(&Position::default(), &[put(1), put(2), put(33)]);
    assert!(matches!(refusal(&bob, &other), PushRefusal::Equivocation { seq: 3, .. }), "at the last entry");
    let other = push(&Position::default(), &[put(1), put(22)]);
    assert!(matches!(refusal(&bob, &other), PushRefusal::Equivocation { seq: 2, .. }), "further back");
    let other = push(&Position::default(), &[put(1), put(22), put(33), put(44)]);
    assert!(
        matches!(refusal(&bob, &other), PushRefusal::Equivocation { .. }),
        "with something new behind it"
    );

    // Without a memory of older digests the last one still ties all of a longer push to what was taken in.
    bob.known.clear();
    assert!(matches!(refusal(&bob, &other), PushRefusal::Equivocation { seq: 3, .. }));
    let old = push(&Position::default(), &[put(1), put(22)]);
    let admission = bob.offer(&old, &Ring).unwrap();
    assert_eq!(
        (admission.accepted.len(), admission.position),
        (0, bob.position),
        "and has no effect in any case"
    );
}

#[test]
fn an_erased_payload_leaves_a_void_and_the_chain_goes_on() {
    let mut push = push(&Position::default(), &[put(1), put(2)]);
    push.entries[0].opening = None;
    let mut bob = Receiver::new();
    let admission = bob.take(&push, &Ring).unwrap();
    assert_eq!(admission.accepted[0].effect, Effect::Void(Void::Erased));
    assert_eq!((bob.position.seq, bob.applied.len()), (2, 1));
}

#[test]
fn a_withdrawal_does_not_count_without_its_payload() {
    let mut push = push(&Position::default(), &[withdraw(1)]);
    push.entries[0].opening = None;
    let expect = PushRefusal::PayloadMissing { seq: 1, kind: Kind::Withdraw };
    assert_eq!(refusal(&Receiver::new(), &push), expect);
}

#[test]
fn a_withdrawal_nobody_can_read_is_one_all_the_same() {
    for payload in ["", "{}", r#"{"v":2}"#, &withdraw(9).payload] {
        let draft = Draft { payload: payload.to_owned(), ..withdraw(1) };
        let push = push(&Position::default(), &[draft]);
        let mut bob = Receiver::new();
        let admission = bob.take(&push, &Ring).unwrap();
        let Effect::Apply(Body::Withdraw(withdraw)) = &admission.accepted[0].effect else {
            panic!("{payload}")
        };
        assert_eq!(
            (withdraw.subject, withdraw.erase_by),
            (digest(1), at(0)),
            "what the envelope names, at once"
        );
        assert_eq!(admission.findings.len(), 1);
    }
}

#[test]
fn content_nobody_can_read_is_void_and_told() {
    for payload in ["", "[]", "{}", r#"{"object":1}"#, r#"{"object":{},"x":1}"#, "{\"object\":"] {
        let push = push(&Position::default(), &[Draft { payload: payload.to_owned(), ..put(1) }, put(2)]);
        let mut bob = Receiver::new();
        let admission = bob.take(&push, &Ring).unwrap();
        assert!(matches!(admission.accepted[0].effect, Effect::Void(Void::Malformed(_))), "{payload}");
        assert_eq!((admission.findings.len(), bob.applied.len()), (1, 1));
    }
}

#[test]
fn a_relabelling_or_receipt_names_what_its_envelope_names() {
    let relabel = |subject, label: &str| Relabel { subject, label: label.to_owned() }.to_text();
    for (payload, sound) in [
        (relabel(digest(1), "tlp:green"), true),
        (relabel(digest(2), "tlp:green"), false),
        (relabel(digest(1), "tlp:clear"), false),
    ] {
        let push = push(&Position::default(), &[Draft { kind: Kind::Relabel, payload, ..put(1) }]);
        let admission =
            Receiver::new().take(&push, &Ring).map(|a| matches!(a.accepted[0].effect, Effect::Apply(_)));
        assert_eq!(admission, Ok(sound));
    }
    let items = vec![ReceiptItem { subject: digest(1), state: Erasure::Erased, at: at(0) }];
    for (holder, to, sound) in [(ALICE, BOB, true), (CAROL, BOB, false), (ALICE, CAROL, false)] {
        let receipt = Receipt::sign(holder, to, PACT, items.clone(), at(0), key(ALICE, 0)).unwrap();
        let draft = Draft { kind: Kind::Receipt, payload: receipt.to_text(), ..put(1) };
        let push = push(&Position::default(), &[draft]);
        let admission =
            Receiver::new().take(&push, &Ring).map(|a| matches!(a.accepted[0].effect, Effect::Apply(_)));
        assert_eq!(admission, Ok(sound));
    }
}

#[test]
fn agreement_versions() {
    let other = |terms, membership| Draft { terms, membership, ..put(1) };
    let bob = Receiver::new();
    for draft in [other(digest(1), 0), other(TERMS, 1)] {
        let refused = refusal(&bob, &push(&Position::default(), &[draft]));
        assert!(matches!(refused, PushRefusal::UnknownTerms { seq: 1, .. }) && refused.is_temporary());
    }

    let mut early = Receiver::new();
    early.terms[0].from = at(60);
    let refused = refusal(&early, &push(&Position::default(), &[put(1)]));
    assert_eq!(refused, PushRefusal::NotYetInForce { seq: 1, from: at(60) });
    assert!(refused.is_temporary());
    early.now = at(60);
    assert!(early.offer(&push(&Position::default(), &[put(1)]), &Ring).is_ok());
}

#[test]
fn after_the_end_content_is_void_and_withdrawals_still_count() {
    let kinds = [put(1), withdraw(1), Draft { kind: Kind::Sighting, ..put(2) }, withdraw(2)];
    let push = push(&Position::default(), &kinds);
    // The entries say second 0; the receiver's clock says second 1.
    for (until, voids) in
        [(None, 0), (Some(at(2)), 0), (Some(at(1)), 2), (Some(at(0)), 2), (Some(at(-60)), 2)]
    {
        let mut bob = Receiver::new();
        bob.terms[0].until = until;
        let admission = bob.take(&push, &Ring).unwrap();
        let void =
            |accepted: &&Accepted<'_>| matches!(accepted.effect, Effect::Void(Void::NotInForce { .. }));
        assert_eq!(admission.accepted.iter().filter(void).count(), voids, "{until:?}");
        let withdrawn = bob.applied.iter().filter(|(kind, _)| *kind == Kind::Withdraw).count();
        assert_eq!((withdrawn, bob.position.seq), (2, 4));
    }
}

#[test]
fn no_clock_extends_an_agreement() {
    // The receiver's clock is behind the end, the sender says it was appended after it: the narrower edge counts.
    let mut bob = Receiver::new();
    bob.now = at(-3600);
    bob.terms[0].until = Some(at(0));
    let push = push(&Position::default(), &[put(1)]);
    bob.take(&push, &Ring).unwrap();
    assert!(bob.applied.is_empty());
    // And a sender that writes an early date gains nothing either.
    let mut bob = Receiver::new();
    bob.now = at(3600);
    bob.terms[0].until = Some(at(1800));
    bob.take(&push, &Ring).unwrap();
    assert!(bob.applied.is_empty());
}

#[test]
fn clocks_that_differ_by_more_than_five_minutes_are_a_finding() {
    let honest = push(&Position::default(), &[put(1)]);
    for (now, sent, expect) in [
        (0, None, None),
        (-300, None, None),
        (-301, None, Some("301 s ahead of")),
        (3600, None, None),
        (3600, Some(0), Some("3600 s behind")),
        (3600, Some(3590), None),
        (-3600, Some(0), Some("3600 s ahead of")),
        (-3600, None, Some("3600 s ahead of")),
    ] {
        let mut bob = Receiver::new();
        bob.now = at(now);
        bob.terms[0].from = at(-100_000);
        let push = wire::Push { sent: sent.map(at), ..honest.clone() };
        let admission = bob.take(&push, &Ring).unwrap();
        let found = admission.findings.first().map(|finding| finding.message.clone());
        match expect {
            None => assert_eq!(found, None, "{now} {sent:?}"),
            Some(text) => assert!(found.unwrap().contains(text), "{now} {sent:?}"),
        }
        assert_eq!(admission.accepted.len(), 1, "a wrong clock alone refuses nothing");
    }
}

#[test]
fn sizes_are_bounded() {
    let push = push(&Position::default(), &[put(1), put(2)]);
    let size = push.entries[0].opening.as_ref().unwrap().payload.len();
    let with = |payload, push| Receiver { limits: Limits { payload, push }, ..Receiver::new() };
    assert_eq!(refusal(&with(size - 1, 1000), &push), PushRefusal::TooLarge { seq: 1, limit: size - 1 });
    assert_eq!(
        refusal(&with(size, size * 2 - 1), &push),
        PushRefusal::TooLarge { seq: 2, limit: size * 2 - 1 }
    );
    assert!(with(size, size * 2).offer(&push, &Ring).is_ok());
    // What a sender can do about it: leave it out.
    let mut without = push.clone();
    without.entries[1].opening = None;
    assert!(with(size, size).offer(&without, &Ring).is_ok());
}

#[test]
fn a_payload_that_fits_its_commitment_is_needed_even_where_it_will_be_void() {
    let mut bob = Receiver::new();
    bob.terms[0].until = Some(at(-1));
    let mut push = push(&Position::default(), &[put(1)]);
    push.entries[0].opening = Some(Opening { salt: [0; 32], payload: "other".to_owned() });
    assert_eq!(refusal(&bob, &push), PushRefusal::Commitment { seq: 1 });
}

/// A first push of an epoch that follows a position.
fn opens(epoch: u32, follows: Position, signer: &dyn Signer) -> wire::Push {
    let drafts = [put(50)];
    let stream = STREAM.at_epoch(epoch);
    push_by(&entries(stream, &Position::start(epoch), &drafts), &drafts, Some(follows.into()), signer)
}

#[test]
fn a_restored_sender_starts_a_new_epoch() {
    let (mut bob, first) = after_three();
    let (before, three) = (bob.position, bob.position.head);
    let place = |seq, head| Position { epoch: 1, seq, head };
    let cases = [
        ("nothing was lost", place(3, three), Handover::Seamless, 0),
        ("its backup was older", place(1, digest(1)), Handover::Forgotten { from: 2 }, 1),
        ("we missed the last ones", place(5, digest(5)), Handover::NeverArrived { from: 4 }, 1),
        ("it remembers something else", place(3, digest(9)), Handover::Unclear, 1),
    ];
    for (name, follows, expect, findings) in cases {
        let push = opens(2, follows, key(ALICE, 0));
        let admission = bob.offer(&push, &Ring).unwrap();
        let change = admission.epoch.unwrap();
        assert_eq!((change.before, change.handover), (before, expect), "{name}");
        assert_eq!((admission.findings.len(), admission.accepted.len()), (findings, 1), "{name}");
        assert_eq!((admission.position.epoch, admission.position.seq), (2, 1));
    }

    let third = opens(3, place(3, three), key(ALICE, 0));
    assert!(bob.offer(&third, &Ring).is_ok(), "an epoch may be skipped");
    assert_eq!(
        bob.offer(&opens(2, place(3, three), key(ALICE, 1)), &Ring).unwrap_err(),
        PushRefusal::EpochKey
    );

    let second = opens(2, place(3, three), key(ALICE, 0));
    bob.take(&second, &Ring).unwrap();
    bob.known.clear();
    let over = PushRefusal::EpochOver { theirs: 1, ours: 2 };
    assert_eq!(refusal(&bob, &first), over, "entries of the old epoch are refused from then on");
    assert_eq!(refusal(&bob, &push(&before, &[put(4)])), over);
    assert!(over.is_alarm());
    assert_eq!(bob.take(&second, &Ring).unwrap().already, 1, "opening it again changes nothing");

    let drafts = [put(51)];
    let skipped = entries(STREAM.at_epoch(3), &Position { epoch: 3, seq: 4, head: digest(4) }, &drafts);
    let skipped = push_by(&skipped, &drafts, None, key(ALICE, 0));
    let wanted = Position { epoch: 3, seq: 1, head: Digest::ZERO };
    assert_eq!(refusal(&bob, &skipped), PushRefusal::OutOfStep { wanted, first: 5, epoch: 3 });
}

#[test]
fn a_rotated_key_goes_on_with_a_stream_but_opens_no_epoch() {
    let (mut bob, _) = after_three();
    let drafts = [put(4)];
    let late = push_by(&entries(STREAM, &bob.position, &drafts), &drafts, None, key(ALICE, 1));
    assert!(bob.take(&late, &Ring).is_ok(), "it was signed before the rotation and was under way");
}

#[test]
fn a_receiver_that_was_never_sent_to_begins_in_any_epoch() {
    let push = opens(7, Position { epoch: 6, seq: 9, head: digest(9) }, key(ALICE, 0));
    let admission = Receiver::new().take(&push, &Ring).map(|admission| admission.epoch.unwrap().handover);
    assert_eq!(admission, Ok(Handover::First));
}

#[test]
fn labels_change_narrower_at_once_and_wider_by_consent() {
    // A toy lattice: labels are sets of letters, more letters are wider; `?` cannot be read.
    let within = |a: &str, b: &str| !a.contains('?') && !b.contains('?') && a.chars().all(|c| b.contains(c));
    for (current, proposed, expect) in [
        ("ab", "ab", LabelChange::Unchanged),
        ("ab", "ba", LabelChange::Unchanged),
        ("ab", "a", LabelChange::Tightening),
        ("ab", "", LabelChange::Tightening),
        ("a", "ab", LabelChange::NeedsConsent),
        ("ab", "ac", LabelChange::NeedsConsent),
        ("ab", "?", LabelChange::NeedsConsent),
    ] {
        assert_eq!(label_change(current, proposed, &within), expect, "{current} → {proposed}");
    }
}
