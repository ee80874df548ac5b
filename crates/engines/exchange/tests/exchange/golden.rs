//! Formats, version 1, as files: what was written once is read for ever, and is written the same way today.
//!
//! `UPDATE_EXPECT=1` writes them anew; a change to one of these files is a change of a format, and needs a version.

use std::fmt::Write as _;

use exchange::courier::{Contents, Export, Opening, Range, export, open};
use exchange::origin::{Batch, BatchMemo, Statement};
use exchange::repair::{Comparison, Holding, View};
use exchange::wire::{FrameLimits, Packing, PositionAnswer, PositionRequest, Push};
use exchange::*;
use expect_test::expect_file;
use model::{Digest, StixId};

use crate::courier::box_key;
use crate::support::*;

const OBJECT: &str = r#"{"type":"indicator","id":"indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8","modified":"2026-02-01T00:00:00.000Z","name":"C2 \u00e9","labels":["a","b"],"n":1.50}"#;

fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % 50 == 0 {
            out.push('\n');
        }
        write!(out, "{byte:02x}").unwrap();
    }
    out.push('\n');
    out
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn drafts() -> Vec<Draft> {
    let items = vec![
        ReceiptItem { subject: digest(9), state: Erasure::Erased, at: at(-5) },
        ReceiptItem {
            subject: digest(8),
            state: Erasure::Held { basis: "court order 1/26".to_owned() },
            at: at(-4),
        },
    ];
    let receipt = Receipt::sign(ALICE, BOB, PACT, items, at(-3), key(ALICE, 0)).unwrap();
    let relabel = Relabel { subject: digest(1), label: "tlp:green".to_owned() };
    vec![
        put(1),
        Draft { kind: Kind::Supersede, ..put(1) },
        withdraw(1),
        Draft { kind: Kind::Relabel, payload: relabel.to_text(), ..put(1) },
        Draft { kind: Kind::Agreement, payload: "{\"act\":1}".to_owned(), ..put(2) },
        Draft { kind: Kind::Sighting, ..put(3) },
        Draft { kind: Kind::Query, payload: "{\"q\":1}".to_owned(), ..put(4) },
        Draft { kind: Kind::Receipt, payload: receipt.to_text(), ..put(5) },
    ]
}

/// A push with an entry of every kind, the first of a second epoch.
fn sample() -> Push {
    let drafts = drafts();
    let stream = STREAM.at_epoch(2);
    let follows = Follows { epoch: 1, seq: 41, head: digest(41) };
    let mut push =
        push_by(&entries(stream, &Position::start(2), &drafts), &drafts, Some(follows), key(ALICE, 0));
    push.entries[5].opening = None;
    push.sent = Some(at(2));
    push
}

#[test]
fn envelopes_segments_and_frames() {
    let push = sample();
    let envelopes: Vec<&str> = push.entries.iter().map(|entry| entry.envelope.as_str()).collect();
    expect_file!["golden/envelopes.v1.txt"].assert_eq(&(envelopes.join("\n") + "\n"));
    expect_file!["golden/segment.v1.json"].assert_eq(&push.segment.to_text());
    expect_file!["golden/push.v1.hex"].assert_eq(&hex(&push.encode(Packing::Plain).unwrap()));

    let kept = unhex(include_str!("golden/push.v1.hex"));
    let kept = Push::decode(&kept, &FrameLimits::default()).unwrap();
    let mut bob = Receiver::new();
    let admission = bob.take(&kept, &Ring).unwrap();
    assert_eq!((admission.accepted.len(), bob.applied.len(), admission.findings.len()), (8, 7, 0));
    let mut hashes = String::new();
    for accepted in &admission.accepted {
        writeln!(hashes, "{} {}", accepted.envelope.kind, accepted.hash).unwrap();
    }
    expect_file!["golden/hashes.v1.txt"].assert_eq(&hashes);
    let envelopes = include_str!("golden/envelopes.v1.txt");
    assert!(envelopes.lines().map(Envelope::parse).all(|envelope| envelope.is_ok()));
    // zstd may pack otherwise in another version, but must unpack what was packed by this one.
    let packed = unhex(include_str!("golden/push-zstd.v1.hex"));
    assert_eq!(Push::decode(&packed, &FrameLimits::default()).unwrap(), kept);
}

#[test]
fn payloads() {
    let mut texts = String::new();
    for draft in drafts() {
        writeln!(texts, "{}\t{}", draft.kind, draft.payload).unwrap();
    }
    expect_file!["golden/payloads.v1.txt"].assert_eq(&texts);
    for line in include_str!("golden/payloads.v1.txt").lines() {
        let (kind, payload) = line.split_once('\t').unwrap();
        Body::parse(Kind::parse(kind).unwrap(), payload).unwrap();
    }
}

#[test]
fn acknowledgements_and_positions() {
    let position = Position { epoch: 2, seq: 8, head: digest(8) };
    let ack = Ack::sign(STREAM, &position, at(3), key(BOB, 0));
    let answer = PositionAnswer { position, ack: Some(ack) };
    expect_file!["golden/position-answer.v1.json"].assert_eq(&answer.to_text());
    let request = PositionRequest { from: ALICE, to: BOB, agreement: PACT };
    expect_file!["golden/position-request.v1.json"].assert_eq(&request.to_text());
    let kept = PositionAnswer::parse(include_str!("golden/position-answer.v1.json")).unwrap();
    kept.ack.unwrap().verify(&Ring, at(4)).unwrap();
    PositionRequest::parse(include_str!("golden/position-request.v1.json")).unwrap();
}

#[test]
fn statements() {
    let mut batch = Batch::new();
    for (n, object) in [OBJECT, r#"{"id":"x--1"}"#, r#"{"id":"x--2"}"#].iter().enumerate() {
        batch.add(object, "tlp:green", "free", [n as u8; 32]).unwrap();
    }
    let full = batch.sign(ALICE, at(0), key(ALICE, 0)).remove(0);
    let redacted = full.redact(OBJECT, &["/labels/0".to_owned(), "/n".to_owned()]).unwrap();
    expect_file!["golden/origin-full.v1.json"].assert_eq(&full.to_text());
    expect_file!["golden/origin-redacted.v1.json"].assert_eq(&redacted.to_text());

    let copy = OBJECT.replace(r#""a","#, "").replace(r#","n":1.50"#, "");
    let kept = [
        (include_str!("golden/origin-full.v1.json"), OBJECT, 0),
        (include_str!("golden/origin-redacted.v1.json"), copy.as_str(), 2),
    ];
    for (text, object, removed) in kept {
        let statement = Statement::parse(text).unwrap();
        let verified = statement.verify(object, &Ring, at(1), &mut BatchMemo::default()).unwrap();
        assert_eq!(verified.removed.len(), removed);
    }
}

#[test]
fn courier_files() {
    let key = box_key(0).public();
    let range = Range { agreement: PACT, epoch: 1, first: 3, last: 4 };
    let ack = Ack::sign(
        BACK,
        &Position { epoch: 1, seq: 4, head: digest(4) },
        at(0),
        crate::support::key(ALICE, 0),
    );
    let contents =
        Contents { documents: Vec::new(), pushes: vec![sample()], acks: vec![ack], wanted: vec![range] };
    let settings = Export {
        from: ALICE,
        to: BOB,
        key: &key,
        signer: crate::support::key(ALICE, 0),
        created: at(0),
        repeat: 2,
        cap: 1 << 20,
    };
    let opening =
        Opening { to: BOB, keys: &[box_key(0)], signers: &Ring, limits: Opening::LIMITS, now: at(1) };
    let today = export(&settings, contents.clone(), &mut || [7; 32]).unwrap();
    assert_eq!(open(&today[0], &opening).unwrap().contents, contents);
    let kept = open(&unhex(include_str!("golden/courier.v1.hex")), &opening).unwrap();
    assert_eq!((kept.contents, kept.manifest.repeat), (contents, 2));
}

#[test]
fn names_commitments_and_fingerprints() {
    let id: StixId = "indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8".parse().unwrap();
    let names = NamingKey::for_stream(&[1; 32], ALICE, BOB, PACT);
    let view =
        View::new((1..=40).map(|seq| Holding { subject: digest(seq), epoch: 1, seq: seq.into() })).unwrap();
    let first = Comparison::start(&view).unwrap().1;
    let mut out = String::new();
    writeln!(out, "object name    {}", names.object(&id)).unwrap();
    writeln!(out, "other name     {}", names.other("act")).unwrap();
    writeln!(out, "commitment     {}", commitment(&[2; 32], "payload")).unwrap();
    writeln!(out, "tree of three  {}", merkle::Tree::new("d", (1..=3).map(digest)).root()).unwrap();
    writeln!(out, "empty tree     {}", merkle::Tree::new("d", []).root()).unwrap();
    writeln!(out, "first message of a comparison of forty\n{}", hex(&first).trim()).unwrap();
    expect_file!["golden/values.v1.txt"].assert_eq(&out);
    assert_ne!(names.object(&id), Digest::ZERO);
}

/// Writes the two files whose bytes may differ from one version of a library to the next.
#[test]
fn packed_fixtures_are_there() {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange/golden");
        std::fs::write(folder.join("push-zstd.v1.hex"), hex(&sample().encode(Packing::Zstd).unwrap()))
            .unwrap();
        let key = box_key(0).public();
        let range = Range { agreement: PACT, epoch: 1, first: 3, last: 4 };
        let ack = Ack::sign(
            BACK,
            &Position { epoch: 1, seq: 4, head: digest(4) },
            at(0),
            crate::support::key(ALICE, 0),
        );
        let contents =
            Contents { documents: Vec::new(), pushes: vec![sample()], acks: vec![ack], wanted: vec![range] };
        let settings = Export {
            from: ALICE,
            to: BOB,
            key: &key,
            signer: crate::support::key(ALICE, 0),
            created: at(0),
            repeat: 2,
            cap: 1 << 20,
        };
        let files = export(&settings, contents, &mut || [7; 32]).unwrap();
        std::fs::write(folder.join("courier.v1.hex"), hex(&files[0])).unwrap();
    }
    for fixture in [include_str!("golden/push-zstd.v1.hex"), include_str!("golden/courier.v1.hex")] {
        assert!(fixture.len() > 1000);
    }
}
