//! Frames, and bombs.

use exchange::wire::{FrameLimits, Packing, PositionAnswer, PositionRequest, Push};
use exchange::*;
use proptest::prelude::*;

use crate::support::*;

fn sample() -> Push {
    let mut push = push(&Position::default(), &[put(1), put(2), withdraw(1)]);
    push.entries[1].opening = None;
    push.sent = Some(at(9));
    push
}

fn decode(frame: &[u8]) -> Result<Push, Malformed> {
    Push::decode(frame, &FrameLimits::default())
}

#[test]
fn a_push_reads_back_packed_and_plain() {
    for packing in [Packing::Plain, Packing::Zstd] {
        let frame = sample().encode(packing).unwrap();
        assert_eq!(decode(&frame).unwrap(), sample());
    }
    let unsent = Push { sent: None, ..sample() };
    assert_eq!(decode(&unsent.encode(Packing::Plain).unwrap()).unwrap(), unsent);
}

#[test]
fn bulk_is_compressed() {
    let drafts: Vec<Draft> = (0..=255).map(put).collect();
    let push = push(&Position::default(), &drafts);
    let (plain, packed) = (push.encode(Packing::Plain).unwrap(), push.encode(Packing::Zstd).unwrap());
    assert!(packed.len() * 2 < plain.len(), "{} of {}", packed.len(), plain.len());
}

/// A frame with a body of our making.
fn frame(flag: u8, claimed: u32, content: &[u8]) -> Vec<u8> {
    [b"SWP1".as_slice(), &[flag], &claimed.to_be_bytes(), content].concat()
}

#[test]
fn a_bomb_does_not_unfold() {
    let limits = FrameLimits { packed: 1 << 20, unpacked: 1 << 20 };
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    assert!(bomb.len() < limits.packed);
    for claimed in [0, 1, 1 << 20, (1 << 20) + 1, 64 << 20, u32::MAX] {
        let refused = Push::decode(&frame(1, claimed, &bomb), &limits).unwrap_err();
        let problem = refused.to_string();
        assert!(
            problem.contains("not as long as it says") || problem.contains("once unpacked"),
            "{claimed}: {problem}"
        );
    }
    assert!(Push::decode(&vec![0; (1 << 20) + 1], &limits).unwrap_err().to_string().contains("longer than"));
}

#[test]
fn a_window_larger_than_we_give_memory_for_is_refused() {
    // Frame header of RFC 8878 §3.1.1.1: a window of 2 GiB, then a raw last block.
    let header = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    assert!(decode(&frame(1, 10, &header)).is_err());
}

#[test]
fn a_million_entries_are_only_claimed() {
    let mut push = sample();
    push.segment.count = 1_000_000;
    assert!(decode(&push.encode(Packing::Plain).unwrap()).is_err(), "in the segment");
    let honest = sample().encode(Packing::Plain).unwrap();
    // The number of entries stands after magic, flag, length, instant and the segment's text.
    let place = 9 + 8 + 4 + sample().segment.to_text().len();
    assert_eq!(honest[place..place + 2], 3_u16.to_be_bytes());
    for claimed in [0_u16, 2, 4, 256, 257, u16::MAX] {
        let mut frame = honest.clone();
        frame[place..place + 2].copy_from_slice(&claimed.to_be_bytes());
        assert!(decode(&frame).is_err(), "{claimed} in the frame");
    }
}

#[test]
fn every_truncation_and_every_addition_is_refused() {
    for packing in [Packing::Plain, Packing::Zstd] {
        let frame = sample().encode(packing).unwrap();
        for length in 0..frame.len() {
            assert!(decode(&frame[..length]).is_err(), "{length}");
        }
        assert!(decode(&[frame.as_slice(), b"x"].concat()).is_err());
    }
}

#[test]
fn unknown_versions_are_refused() {
    let mut frame = sample().encode(Packing::Plain).unwrap();
    frame[3] = b'2';
    assert!(decode(&frame).unwrap_err().to_string().contains("version"));
    frame[3] = b'1';
    frame[4] = 2;
    assert!(decode(&frame).unwrap_err().to_string().contains("packed in a way"));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_fail(flag in 0..3_u8, claimed in 0..4000_u32, content in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&frame(flag, claimed, &content));
        let _ = decode(&content);
        let _ = exchange::repair::Call::decode(&content);
        let _ = exchange::courier::read_manifest(&content);
    }

    #[test]
    fn a_changed_byte_never_passes_as_it_was(place in any::<prop::sample::Index>(), byte in 1..=255_u8) {
        let mut frame = sample().encode(Packing::Plain).unwrap();
        let place = place.index(frame.len());
        frame[place] ^= byte;
        if let Ok(push) = decode(&frame) {
            // Only the moment of sending and which payloads are there are not signed or committed to.
            let changed = Receiver::new().offer(&push, &Ring).map(|admission| admission.accepted.len());
            let unsigned = push.sent != sample().sent;
            prop_assert!(changed.is_err() || unsigned, "byte {}", place);
        }
    }
}

#[test]
fn positions_read_back() {
    let request = PositionRequest { from: ALICE, to: BOB, agreement: PACT };
    assert_eq!(PositionRequest::parse(&request.to_text()).unwrap(), request);
    assert!(PositionRequest::parse(&request.to_text().replace(":1}", ":1 }")).is_err());
    let position = Position { epoch: 2, seq: 3, head: digest(3) };
    let ack = Ack::sign(STREAM, &position, at(0), key(BOB, 0));
    for answer in [
        PositionAnswer { position: Position::default(), ack: None },
        PositionAnswer { position, ack: Some(ack) },
    ] {
        assert_eq!(PositionAnswer::parse(&answer.to_text()).unwrap(), answer);
    }
    let odd = PositionAnswer { position: Position { seq: 0, ..position }, ack: None };
    assert!(PositionAnswer::parse(&odd.to_text()).is_err());
}
