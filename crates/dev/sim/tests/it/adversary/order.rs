//! Signatures, streams and their order: forged, replayed, reordered, rolled back, equivocated.

use exchange::wire::{FrameLimits, Packing, Push};
use exchange::{Follows, Position};
use keys::{Signature, context};
use model::{AgreementId, Digest, Tlp};
use ports::peer::Topic;
use shieldwall_sim::forge;
use shieldwall_sim::officer;

use super::scene::{Scene, said};
use super::{Case, Expect, MOVES, Outcome, case, check};

/// A harmless push with something changed after it was signed.
fn spoilt(scene: &Scene, change: impl Fn(&mut Push)) -> Outcome {
    let mut push = scene.harmless();
    change(&mut push);
    scene.send_push(&push)
}

/// A harmless push in another stream, epoch or place.
fn placed(
    scene: &Scene,
    change: impl Fn(&mut exchange::StreamId, &mut Position) -> Option<Follows>,
) -> Outcome {
    let mut at = scene.position();
    let mut stream = forge::stream(&scene.liar, &scene.target, scene.pact().id, at.epoch);
    let follows = change(&mut stream, &mut at);
    let drafts = [scene.draft(&scene.fresh(40, Tlp::Green), Tlp::Green)];
    let push = forge::push(&scene.liar, stream, &at, &drafts, follows).map_err(|problem| problem.0).unwrap();
    scene.send_push(&push)
}

fn signature(push: &Push, by: &keys::SecretKey, context: &str) -> Signature {
    by.sign(context, push.segment.body().as_bytes())
}

fn halved(push: &mut Push, ed25519: bool) {
    let mut bytes = push.segment.signature.as_bytes().to_vec();
    let range = if ed25519 { 0..64 } else { 64..bytes.len() };
    bytes[range].iter_mut().for_each(|byte| *byte = 0);
    push.segment.signature = Signature::from_bytes(&bytes).unwrap();
}

/// A second epoch key that the target has heard of, so that the first one is not current any more.
fn rotated(scene: &Scene) -> keys::SecretKey {
    let old = keys::SecretKey::from_seed(*scene.liar.secrets().map_err(|p| p.0).unwrap().epoch.seed());
    scene.liar.clock.advance(1_000_000);
    scene.target.clock.advance(1_000_000);
    scene.liar.core.rotate().unwrap();
    let history = scene.liar.core.own_history().unwrap().to_text();
    scene.as_liar(Topic::Keys, history.as_bytes()).unwrap();
    scene.liar.clock.advance(1_000_000);
    scene.target.clock.advance(1_000_000);
    old
}

const CASES: &[Case] = &[
    case(
        "an entry changed after it was signed",
        |s| {
            spoilt(s, |p| {
                p.entries[0].envelope = p.entries[0].envelope.replace(&said(Tlp::Green), &said(Tlp::Clear))
            })
        },
        Expect::Invalid(""),
    ),
    case(
        "a payload changed after it was signed",
        |s| {
            spoilt(s, |p| {
                let opening = p.entries[0].opening.as_mut().unwrap();
                opening.payload = opening.payload.replace("number 40", "number 41");
            })
        },
        Expect::Invalid("commits to"),
    ),
    case(
        "a root that is not the envelopes'",
        |s| spoilt(s, |p| p.segment.root = Digest([1; 32])),
        Expect::Invalid("not those"),
    ),
    case(
        "a head that is not the last envelope's",
        |s| spoilt(s, |p| p.segment.head = Digest([1; 32])),
        Expect::Invalid("not those"),
    ),
    case(
        "a date changed after it was signed",
        |s| spoilt(s, |p| p.segment.at = p.segment.at.plus_micros(1)),
        Expect::Invalid("does not verify"),
    ),
    case(
        "signed by one of the liar's officers",
        |s| {
            let mut push = s.harmless();
            push.segment.signature = signature(&push, &officer(2), context::SEGMENT);
            push.segment.by = officer(2).id();
            s.send_push(&push)
        },
        Expect::Invalid("does not vouch"),
    ),
    case(
        "signed by the ally",
        |s| {
            let mut push = s.harmless();
            let ally = s.ally.secrets().map_err(|problem| problem.0).unwrap();
            push.segment.signature = signature(&push, &ally.epoch, context::SEGMENT);
            push.segment.by = ally.epoch.id();
            s.send_push(&push)
        },
        Expect::Invalid("does not vouch"),
    ),
    case(
        "signed by a key that it says is another",
        |s| {
            let mut push = s.harmless();
            push.segment.signature = signature(&push, &officer(2), context::SEGMENT);
            s.send_push(&push)
        },
        Expect::Invalid("does not verify"),
    ),
    case(
        "signed with the next epoch's key, which nobody has seen",
        |s| {
            let mut push = s.harmless();
            let next = s.liar.next_key().map_err(|problem| problem.0).unwrap();
            push.segment.signature = signature(&push, &next, context::SEGMENT);
            push.segment.by = next.id();
            s.send_push(&push)
        },
        Expect::Invalid("does not vouch"),
    ),
    case(
        "signed as an acknowledgement",
        |s| {
            let mut push = s.harmless();
            let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
            push.segment.signature = signature(&push, &secrets.epoch, context::ACK);
            s.send_push(&push)
        },
        Expect::Invalid("does not verify"),
    ),
    case("without the Ed25519 half", |s| spoilt(s, |p| halved(p, true)), Expect::Invalid("does not verify")),
    case("without the ML-DSA half", |s| spoilt(s, |p| halved(p, false)), Expect::Invalid("does not verify")),
    case(
        "the ally's push, as the liar's own",
        |s| s.as_liar(Topic::Push, &s.allys_push()),
        Expect::Forbidden,
    ),
    case("the ally's push, by nobody", |s| s.as_nobody(Topic::Push, &s.allys_push()), Expect::Forbidden),
    case("a push of the liar's, by the ally", |s| s.as_ally(Topic::Push, &s.old_push()), Expect::Forbidden),
    case(
        "what the liar sent to somebody else",
        |s| {
            let frame = s.heard(2, 0, Topic::Push).first().map(|frame| frame.to_vec());
            // It never sent anything to the ally: then a stream that names the ally as receiver.
            let frame = frame.unwrap_or_else(|| {
                let stream = forge::stream(&s.liar, &s.ally, s.pact().id, 1);
                let drafts = [s.draft(&s.fresh(40, Tlp::Green), Tlp::Green)];
                let push = forge::push(&s.liar, stream, &Position::start(1), &drafts, None);
                push.map_err(|problem| problem.0).unwrap().encode(Packing::Plain).unwrap()
            });
            s.as_liar(Topic::Push, &frame)
        },
        Expect::Forbidden,
    ),
    case(
        "under the agreement with the ally",
        |s| {
            let allied = s.allied().id;
            placed(s, |stream, at| {
                stream.agreement = allied;
                *at = Position::start(1);
                stream.epoch = 1;
                None
            })
        },
        Expect::Forbidden,
    ),
    case(
        "under an agreement that nobody has",
        |s| {
            placed(s, |stream, at| {
                stream.agreement = AgreementId(Digest([3; 32]));
                *at = Position::start(1);
                stream.epoch = 1;
                None
            })
        },
        Expect::Forbidden,
    ),
    case(
        "in the ally's name",
        |s| {
            let ally = s.ally.party;
            placed(s, |stream, _| {
                stream.from = ally;
                None
            })
        },
        Expect::Invalid("not of a stream"),
    ),
    case("an old push again", |s| s.as_liar(Topic::Push, &s.old_push()), Expect::Ignored),
    case(
        "every old push again, backwards",
        |s| {
            let mut outcome = Ok(Vec::new());
            for frame in s.heard(2, 1, Topic::Push).into_iter().rev() {
                outcome = s.as_liar(Topic::Push, frame);
            }
            outcome
        },
        Expect::Ignored,
    ),
    case(
        "an entry left out",
        |s| {
            placed(s, |_, at| {
                *at = Position { seq: at.seq + 1, ..*at };
                None
            })
        },
        Expect::OutOfStep,
    ),
    case(
        "an entry from far ahead",
        |s| {
            placed(s, |_, at| {
                *at = Position { seq: 1 << 40, ..*at };
                None
            })
        },
        Expect::OutOfStep,
    ),
    case(
        "another past for the next entry",
        |s| {
            placed(s, |_, at| {
                at.head = Digest([7; 32]);
                None
            })
        },
        Expect::Invalid("equivocation"),
    ),
    case(
        "another entry in the place of the last",
        |s| {
            let last = s.heard(2, 1, Topic::Push).into_iter().next_back().unwrap();
            let last = Push::decode(last, &FrameLimits::default()).unwrap();
            placed(s, move |_, at| {
                *at = Position { seq: last.segment.last() - 1, head: last.segment.previous, ..*at };
                None
            })
        },
        Expect::Invalid(""),
    ),
    case(
        "the whole stream once more, with other content",
        |s| {
            placed(s, |_, at| {
                *at = Position::start(at.epoch);
                None
            })
        },
        Expect::Ignored,
    ),
    case(
        "an epoch that does not begin at its beginning",
        |s| {
            placed(s, |stream, at| {
                stream.epoch = at.epoch + 1;
                at.epoch += 1;
                None
            })
        },
        Expect::OutOfStep,
    ),
    case(
        "a new epoch signed with the key of the one before",
        |s| {
            let old = rotated(s);
            let at = s.position();
            let stream = forge::stream(&s.liar, &s.target, s.pact().id, at.epoch + 1);
            let drafts = [s.draft(&s.fresh(40, Tlp::Green), Tlp::Green)];
            let follows = Some(Follows::from(at));
            let push = forge::push(&s.liar, stream, &Position::start(at.epoch + 1), &drafts, follows);
            let mut push = push.map_err(|problem| problem.0).unwrap();
            push.segment.signature = signature(&push, &old, context::SEGMENT);
            push.segment.by = old.id();
            s.send_push(&push)
        },
        Expect::Invalid(""),
    )
    .may(&["keys", "documents", "ledger", "outbound"]),
    case(
        "the key of the epoch before, dated after its end",
        |s| {
            let old = rotated(s);
            let mut push = s.harmless();
            push.segment.signature = signature(&push, &old, context::SEGMENT);
            push.segment.by = old.id();
            s.send_push(&push)
        },
        Expect::Invalid("does not vouch"),
    )
    .may(&["keys", "documents", "ledger", "outbound"]),
    case(
        "dated before its key began",
        |s| {
            let drafts = [s.draft(&s.fresh(40, Tlp::Green), Tlp::Green)];
            let at = s.position();
            let stream = forge::stream(&s.liar, &s.target, s.pact().id, at.epoch);
            let long_ago = s.liar.now().plus_micros(-400 * keys::window::DAY);
            let push = forge::push_at(&s.liar, stream, &at, &drafts, None, long_ago)
                .map_err(|problem| problem.0)
                .unwrap();
            s.send_push(&push)
        },
        Expect::Invalid("does not vouch"),
    ),
    case(
        "sent by a clock that is two hours ahead",
        |s| {
            let mut push = s.next(&[s.draft(&s.fresh(41, Tlp::Red), Tlp::Red)]);
            push.sent = push.sent.map(|sent| sent.plus_micros(7_200_000_000));
            s.send_push(&push)
        },
        Expect::Noted("exchange/clock-skew"),
    )
    .may(super::BOOKED),
    case(
        "an agreement version nobody has signed",
        |s| {
            let drafts =
                [forge::Draft { terms: Digest([5; 32]), ..s.draft(&s.fresh(40, Tlp::Green), Tlp::Green) }];
            s.send(&drafts)
        },
        Expect::Invalid("not signed"),
    ),
    case(
        "the version of the agreement with the ally",
        |s| {
            let drafts =
                [forge::Draft { terms: s.allied().version, ..s.draft(&s.fresh(40, Tlp::Amber), Tlp::Amber) }];
            s.send(&drafts)
        },
        Expect::Invalid("not signed"),
    ),
    case(
        "a membership where there is none",
        |s| {
            let drafts = [forge::Draft { membership: 7, ..s.draft(&s.fresh(40, Tlp::Green), Tlp::Green) }];
            s.send(&drafts)
        },
        Expect::Invalid("membership 7"),
    ),
    case(
        "an epoch at the end of all epochs",
        |s| {
            placed(s, |stream, at| {
                let follows = Some(Follows::from(*at));
                stream.epoch = u32::MAX;
                *at = Position::start(u32::MAX);
                follows
            })
        },
        Expect::Ignored,
    )
    .may(&["inbound", "objects", "journal", "holdings", "ledger", "decided"]),
    case("content without its payload", |s| spoilt(s, |p| p.entries[0].opening = None), Expect::Ignored)
        .may(MOVES),
];

#[test]
fn streams_are_taken_in_once_in_order_and_as_signed() {
    check(CASES);
}
