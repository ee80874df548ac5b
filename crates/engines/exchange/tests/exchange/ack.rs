//! Acknowledgements, and going on after a crash on either side.

use std::collections::BTreeMap;

use exchange::*;
use model::Digest;

use crate::support::*;

/// Alice, who has sent entries 1 to `sent` and keeps those from `kept_from` on.
struct Sender {
    stream: StreamId,
    hashes: BTreeMap<u64, Digest>,
    sent: Position,
    acked: u64,
    kept_from: u64,
}

impl Sender {
    fn new(epoch: u32, sent: u64, acked: u64, kept_from: u64) -> Self {
        let hash = |seq: u64| digest(seq as u8);
        let hashes = (kept_from..=sent).map(|seq| (seq, hash(seq))).collect();
        let head = if sent == 0 { Digest::ZERO } else { hash(sent) };
        Self {
            stream: STREAM.at_epoch(epoch),
            hashes,
            sent: Position { epoch, seq: sent, head },
            acked,
            kept_from,
        }
    }

    fn check(&self, ack: &Ack) -> Result<Acknowledged, AckRefusal> {
        check_ack(&self.outbound(&|seq| self.hashes.get(&seq).copied()), ack, &Ring, at(0))
    }

    fn resume(&self, theirs: Position) -> Result<Resume, AckRefusal> {
        resume(&self.outbound(&|seq| self.hashes.get(&seq).copied()), &theirs)
    }

    fn outbound<'a>(&self, hash_at: &'a dyn Fn(u64) -> Option<Digest>) -> Outbound<'a> {
        Outbound {
            stream: self.stream,
            sent: self.sent,
            acked: self.acked,
            acked_at: Some(at(100)),
            kept_from: self.kept_from,
            hash_at,
        }
    }
}

fn place(epoch: u32, seq: u64) -> Position {
    Position { epoch, seq, head: if seq == 0 { Digest::ZERO } else { digest(seq as u8) } }
}

fn ack(position: Position, seconds: i64) -> Ack {
    Ack::sign(STREAM, &position, at(seconds), key(BOB, 0))
}

#[test]
fn an_acknowledgement_reads_back() {
    let ack = ack(place(1, 3), 0);
    assert_eq!(Ack::parse(&ack.to_text()).unwrap(), ack);
    let text = ack.to_text();
    for (from, to) in
        [(r#""seq":3"#, r#""seq":0"#), (r#""epoch":1"#, r#""epoch":0"#), (r#""v":1"#, r#""v":2"#)]
    {
        assert!(Ack::parse(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn what_an_acknowledgement_says() {
    let alice = Sender::new(2, 9, 4, 5);
    for (name, position, seconds, expect) in [
        ("more than before", place(2, 7), 101, Ok(Acknowledged::Advanced(7))),
        ("everything", place(2, 9), 101, Ok(Acknowledged::Advanced(9))),
        ("an older clock does not matter going forward", place(2, 7), 0, Ok(Acknowledged::Advanced(7))),
        ("the same again", place(2, 4), 101, Ok(Acknowledged::Stale)),
        ("an old one, delivered late", place(2, 3), 99, Ok(Acknowledged::Stale)),
        ("an old one of the epoch before", place(1, 200), 101, Ok(Acknowledged::Stale)),
        ("the receiver was restored", place(2, 3), 101, Ok(Acknowledged::Behind(3))),
        ("the receiver lost all", place(2, 0), 101, Ok(Acknowledged::Behind(0))),
        (
            "more than was sent",
            place(2, 10),
            101,
            Err(AckRefusal::BeyondSent { acked: 10, epoch: 2, sent: 9 }),
        ),
        ("a later epoch", place(3, 1), 101, Err(AckRefusal::BeyondSent { acked: 1, epoch: 3, sent: 9 })),
        (
            "another chain",
            Position { head: digest(66), ..place(2, 7) },
            101,
            Err(AckRefusal::Forked { seq: 7, epoch: 2 }),
        ),
        (
            "another chain at the end",
            Position { head: digest(66), ..place(2, 9) },
            101,
            Err(AckRefusal::Forked { seq: 9, epoch: 2 }),
        ),
    ] {
        assert_eq!(alice.check(&ack(position, seconds)), expect, "{name}");
    }
    let going_back = Sender::new(2, 9, 9, 5);
    let forked = Position { head: digest(66), ..place(2, 7) };
    assert_eq!(
        going_back.check(&ack(forked, 101)),
        Err(AckRefusal::Forked { seq: 7, epoch: 2 }),
        "regressing with another head"
    );
}

#[test]
fn an_acknowledgement_counts_from_the_receiver_alone_and_for_its_stream() {
    let alice = Sender::new(1, 9, 4, 1);
    for (by, at_second) in [(key(ALICE, 0), 0), (key(CAROL, 0), 0), (key(BOB, 3), 0)] {
        let forged = Ack::sign(STREAM, &place(1, 7), at(at_second), by);
        assert!(matches!(alice.check(&forged), Err(AckRefusal::Signer(_))));
    }
    let mut changed = ack(place(1, 7), 0);
    (changed.seq, changed.head) = (8, digest(8));
    assert!(matches!(alice.check(&changed), Err(AckRefusal::Signer(BadSigner::Bad { .. }))));
    let other = Ack::sign(StreamId { to: CAROL, ..STREAM }, &place(1, 7), at(0), key(CAROL, 0));
    assert!(matches!(alice.check(&other), Err(AckRefusal::OtherStream(_))));
}

#[test]
fn how_a_sender_goes_on() {
    for (name, sender, theirs, expect) in [
        ("all is well", Sender::new(1, 9, 9, 10), place(1, 9), Ok(Resume::UpToDate)),
        ("nothing was ever sent", Sender::new(1, 0, 0, 1), Position::default(), Ok(Resume::UpToDate)),
        ("a first contact", Sender::new(1, 9, 0, 1), Position::default(), Ok(Resume::From(1))),
        ("some were lost", Sender::new(1, 9, 4, 5), place(1, 6), Ok(Resume::From(7))),
        ("the receiver was restored, all is kept", Sender::new(1, 9, 8, 1), place(1, 3), Ok(Resume::From(4))),
        (
            "the receiver was restored, too little is kept",
            Sender::new(1, 9, 8, 6),
            place(1, 3),
            Ok(Resume::NewEpoch(2)),
        ),
        ("it has not seen our new epoch", Sender::new(2, 3, 0, 1), place(1, 7), Ok(Resume::From(1))),
        ("nor its beginning, which is gone", Sender::new(2, 3, 0, 2), place(1, 7), Ok(Resume::NewEpoch(3))),
        ("we were restored", Sender::new(1, 4, 4, 1), place(1, 9), Ok(Resume::NewEpoch(2))),
        (
            "we were restored to before an epoch",
            Sender::new(1, 4, 4, 1),
            place(5, 1),
            Ok(Resume::NewEpoch(6)),
        ),
        (
            "we were restored and went on",
            Sender::new(1, 9, 4, 1),
            Position { head: digest(66), ..place(1, 7) },
            Ok(Resume::NewEpoch(2)),
        ),
        (
            "a receiver that would use up our epochs",
            Sender::new(1, 9, 4, 1),
            place(u32::MAX, 1),
            Err(AckRefusal::EpochFarAhead { theirs: u32::MAX, ours: 1 }),
        ),
    ] {
        assert_eq!(sender.resume(theirs), expect, "{name}");
    }
    assert!(next_epoch(u32::MAX, 0).is_err(), "epochs do not wrap");
}
