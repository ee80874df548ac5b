//! Frames that are none, or far more than they seem.

use exchange::wire::{Opening, Packing, Push, PushEntry};
use ports::peer::Topic;

use super::scene::Scene;
use super::{Case, Expect, Outcome, case, check};

fn plain(scene: &Scene) -> Vec<u8> {
    scene.harmless().encode(Packing::Plain).unwrap()
}

fn send(scene: &Scene, frame: &[u8]) -> Outcome {
    scene.as_liar(Topic::Push, frame)
}

/// A frame with this body, whatever it is.
fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = b"SWP1\0".to_vec();
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

/// A frame that says it unpacks to `length`, and really unpacks to `blocks` blocks of 128 KiB (RFC 8878 §3.1.1).
fn bomb(length: u32, blocks: u32, window: u8) -> Vec<u8> {
    let mut frame = b"SWP1\x01".to_vec();
    frame.extend_from_slice(&length.to_be_bytes());
    // Magic, a header without content size, and the window's size.
    frame.extend_from_slice(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, window]);
    for block in 1..=blocks {
        // Last block or not, one byte repeated, so often.
        let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b'{');
    }
    frame
}

/// A push of the liar's with the segment's text changed.
fn with_segment(scene: &Scene, change: impl Fn(&str) -> String) -> Outcome {
    let push = scene.harmless();
    let whole = push.encode(Packing::Plain).unwrap();
    let text = push.segment.to_text();
    let changed = change(&text);
    let rest = &whole[9 + 8 + 4 + text.len()..];
    let mut body = whole[9..17].to_vec();
    body.extend_from_slice(&u32::try_from(changed.len()).unwrap().to_be_bytes());
    body.extend_from_slice(changed.as_bytes());
    body.extend_from_slice(rest);
    send(scene, &framed(&body))
}

fn with_count(scene: &Scene, count: u16) -> Outcome {
    let push = scene.harmless();
    let mut frame = push.encode(Packing::Plain).unwrap();
    let at = 9 + 8 + 4 + push.segment.to_text().len();
    frame[at..at + 2].copy_from_slice(&count.to_be_bytes());
    send(scene, &frame)
}

fn with_entry(scene: &Scene, change: impl Fn(&mut PushEntry)) -> Outcome {
    let mut push = scene.harmless();
    change(&mut push.entries[0]);
    scene.send_push(&push)
}

const CASES: &[Case] = &[
    case("an empty body", |s| send(s, b""), Expect::Invalid("too early")),
    case("another magic", |s| send(s, b"HTTP/1.1 200 OK\r\n\r\n"), Expect::Invalid("not a frame")),
    case(
        "a later version of the frame",
        |s| send(s, &[b"SWP2", &plain(s)[4..]].concat()),
        Expect::Invalid("not a frame"),
    ),
    case("cut off after the magic", |s| send(s, b"SWP1"), Expect::Invalid("too early")),
    case("cut off in the length", |s| send(s, &plain(s)[..7]), Expect::Invalid("too early")),
    case("cut off in the segment", |s| send(s, &framed(&plain(s)[9..100])), Expect::Invalid("too early")),
    case(
        "cut off in the payload",
        |s| send(s, &framed(&plain(s)[9..plain(s).len() - 1])),
        Expect::Invalid("too early"),
    ),
    case(
        "something after the end",
        |s| send(s, &framed(&[&plain(s)[9..], b"x"].concat())),
        Expect::Invalid("follows its end"),
    ),
    case(
        "a length below what is there",
        |s| {
            let mut frame = plain(s);
            frame[8] = frame[8].wrapping_sub(1);
            send(s, &frame)
        },
        Expect::Invalid("not as long"),
    ),
    case(
        "a length above what is there",
        |s| {
            let mut frame = plain(s);
            frame[8] = frame[8].wrapping_add(1);
            send(s, &frame)
        },
        Expect::Invalid("not as long"),
    ),
    case(
        "a length of four gigabytes",
        |s| send(s, &[b"SWP1\0\xff\xff\xff\xff".as_slice(), &plain(s)[9..]].concat()),
        Expect::Invalid("once unpacked"),
    ),
    case(
        "an unknown packing",
        |s| send(s, &[b"SWP1\x02".as_slice(), &plain(s)[5..]].concat()),
        Expect::Invalid("packed in a way"),
    ),
    case(
        "packed junk",
        |s| send(s, &[b"SWP1\x01".as_slice(), &plain(s)[5..]].concat()),
        Expect::Invalid("unpacked"),
    ),
    case(
        "a bomb that owns up to its size",
        |s| send(s, &bomb(u32::MAX, 4, 0x38)),
        Expect::Invalid("once unpacked"),
    ),
    case(
        "a bomb of a gigabyte that says it is small",
        |s| send(s, &bomb(1_000, 8_192, 0x38)),
        Expect::Invalid("not as long"),
    ),
    case(
        "a bomb as large as a frame may be",
        |s| send(s, &bomb(80 << 20, 640, 0x38)),
        Expect::Invalid("longer than it may be"),
    ),
    case("a window of two gigabytes", |s| send(s, &bomb(1_000, 1, 0xa8)), Expect::Invalid("unpacked")),
    case("a frame above the limit", |s| send(s, &vec![b'S'; (32 << 20) + 1]), Expect::Invalid("at most")),
    case("257 entries", |s| with_count(s, 257), Expect::Invalid("256")),
    case("65535 entries that are not there", |s| with_count(s, u16::MAX), Expect::Invalid("256")),
    case("no entries", |s| with_count(s, 0), Expect::Invalid("follows its end")),
    case("two entries where there is one", |s| with_count(s, 2), Expect::Invalid("too early")),
    case(
        "a segment that is no JSON",
        |s| with_segment(s, |_| "segment".to_owned()),
        Expect::Invalid("segment"),
    ),
    case(
        "a segment with a space in it",
        |s| with_segment(s, |t| t.replacen(':', ": ", 1)),
        Expect::Invalid("segment"),
    ),
    case(
        "a segment with a member twice",
        |s| with_segment(s, |t| t.replacen("\"count\":1", "\"count\":1,\"count\":1", 1)),
        Expect::Invalid("segment"),
    ),
    case(
        "a segment with a member of its own",
        |s| with_segment(s, |t| t.replacen("\"v\":1", "\"v\":1,\"w\":1", 1)),
        Expect::Invalid("segment"),
    ),
    case(
        "a segment of another version",
        |s| with_segment(s, |t| t.replacen("\"v\":1", "\"v\":2", 1)),
        Expect::Invalid("version 2"),
    ),
    case(
        "a segment that counts in floating point",
        |s| with_segment(s, |t| t.replacen("\"count\":1", "\"count\":1.0", 1)),
        Expect::Invalid("segment"),
    ),
    case(
        "a segment whose number is above 2^53",
        |s| with_segment(s, |t| t.replacen("\"count\":1", "\"count\":9007199254740993", 1)),
        Expect::Invalid("count"),
    ),
    case(
        "a segment as long as a novel",
        |s| with_segment(s, |_| "x".repeat(9_000)),
        Expect::Invalid("longer"),
    ),
    case(
        "an envelope that is no JSON",
        |s| with_entry(s, |e| e.envelope = "{}{".to_owned()),
        Expect::Invalid("envelope"),
    ),
    case(
        "an envelope without members",
        |s| with_entry(s, |e| e.envelope = "{}".to_owned()),
        Expect::Invalid("envelope"),
    ),
    case(
        "an envelope above the limit",
        |s| with_entry(s, |e| e.envelope = "x".repeat(70_000)),
        Expect::Invalid("longer"),
    ),
    case(
        "an envelope of a kind nobody knows",
        |s| with_entry(s, |e| e.envelope = e.envelope.replace("\"kind\":\"put\"", "\"kind\":\"own\"")),
        Expect::Invalid("kind"),
    ),
    case(
        "an envelope with a key escaped another way",
        |s| with_entry(s, |e| e.envelope = e.envelope.replace("\"kind\":\"put\"", "\"k\\u0069nd\":\"put\"")),
        Expect::Invalid("envelope"),
    ),
    case(
        "a payload of nine megabytes",
        |s| {
            let payload = format!("{{\"object\":{{\"x\":\"{}\"}}}}", "a".repeat(9 << 20));
            let draft = shieldwall_sim::forge::Draft { payload, ..s.draft("{}", model::Tlp::Green) };
            s.send(&[draft])
        },
        Expect::Noted("shieldwall/cap-exceeded"),
    )
    .may(super::BOOKED),
    case(
        "a salt that is not the payload's",
        |s| {
            with_entry(s, |e| {
                let payload = e.opening.as_ref().unwrap().payload.clone();
                e.opening = Some(Opening { salt: [0; 32], payload });
            })
        },
        Expect::Invalid("commits to"),
    ),
    case(
        "text that is not UTF-8",
        |s| {
            let mut frame = plain(s);
            let last = frame.len() - 2;
            frame[last] = 0xff;
            send(s, &frame)
        },
        Expect::Invalid("UTF-8"),
    ),
    case(
        "a payload that is there a second time",
        |s| {
            let mut push: Push = s.harmless();
            let twice = push.entries[0].clone();
            push.entries.push(twice);
            s.send_push(&push)
        },
        Expect::Invalid("envelopes"),
    ),
];

#[test]
fn frames_are_read_within_limits() {
    check(CASES);
}
