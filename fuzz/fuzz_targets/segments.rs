//! Any bytes as an index of indicators.
//!
//! The first byte says how the others are used: as a whole, as a whole with a header that vouches for them, or as changes
//! to an index that was written, which then vouches for them or not. Beyond "no panic": whoever changes a byte is found
//! out unless the checksum is theirs too, and what is merged from whatever was opened can be opened again.
#![no_main]

use std::sync::{Arc, LazyLock};

use detect::{Atom, Entry, Index, Scratch, Segment, Watched, watched};
use libfuzzer_sys::fuzz_target;
use logs::{Format, Reader, Settings};
use model::Timestamp;
use observable::{Kind, normalise, pattern, read};
use twox_hash::XxHash3_64;

/// Some of everything.
const VALUES: [&str; 8] = [
    "192.0.2.1:443",
    "192.0.2.0/24",
    "192.0.0.0/16",
    "2001:db8::/32",
    "*.bad.example",
    "http://bad.example/x",
    "d41d8cd98f00b204e9800998ecf8427e",
    "c2.bad.example",
];

static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut entries = Vec::new();
    for (subject, text) in (1..).zip(VALUES) {
        let term = read(text).expect("the values above are values");
        let Ok(Watched::Atoms(atoms)) = watched(&pattern(&term)) else { panic!("{text} is a value") };
        let entry =
            |atom: Atom| Entry { atom, subject, from: Timestamp::EPOCH, until: None, confidence: None };
        entries.extend(atoms.into_iter().map(entry));
    }
    Index::default().with(&entries).merge()
});

/// A connection and a request that name what the index holds, and more.
const EVENTS: [&str; 2] = [
    r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"flow","src_ip":"2001:db8::1","src_port":50000,"dest_ip":"192.0.2.1","dest_port":443}"#,
    r#"{"timestamp":"2024-05-01T10:00:00.000000+0000","event_type":"http","src_ip":"192.0.2.9","src_port":50000,"dest_ip":"192.0.7.1","dest_port":80,"http":{"hostname":"www.bad.example","url":"/x","http_method":"GET"}}"#,
];

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    match mode % 4 {
        0 => _ = Segment::open(rest.to_vec()).map(exercise),
        1 => _ = Segment::open(signed(rest.to_vec())).map(exercise),
        2 => _ = Segment::open(signed(changed(rest))).map(exercise),
        _ => {
            let bytes = changed(rest);
            let intact = bytes == *WRITTEN;
            let opened = Segment::open(bytes);
            assert_eq!(opened.is_ok(), intact, "a change that nobody notices, or one that nobody made");
            _ = opened.map(exercise);
        }
    }
});

/// The index that was written with other bytes in some places: two bytes for the place, one for the value.
fn changed(edits: &[u8]) -> Vec<u8> {
    let mut bytes = WRITTEN.clone();
    for edit in edits.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % bytes.len();
        bytes[place] = edit[2];
    }
    bytes
}

/// With length and checksum as the header has them.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    if let Some(place) = bytes.get_mut(16..24) {
        place.copy_from_slice(&length);
    }
    let sum = XxHash3_64::oneshot(bytes.get(16..).unwrap_or_default()).to_le_bytes();
    if let Some(place) = bytes.get_mut(8..16) {
        place.copy_from_slice(&sum);
    }
    bytes
}

fn exercise(segment: Segment) {
    let index = Index::default().with_segment(Arc::new(segment));
    for (kind, text) in [
        (Kind::Ipv4, "192.0.2.1"),
        (Kind::Ipv4, "255.255.255.255"),
        (Kind::Ipv6, "2001:db8::1"),
        (Kind::Domain, "www.bad.example"),
        (Kind::Url, "http://bad.example/x"),
        (Kind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
    ] {
        let value = normalise(kind, text).expect("the values above are values");
        index.ask(&value, Some(443), Timestamp::EPOCH, &mut |_, _| ());
    }
    let mut scratch = Scratch::default();
    for record in EVENTS {
        let mut reader = Reader::new(Format::EveJson, Settings::default());
        let event = reader.read(record.as_bytes(), Timestamp::EPOCH);
        let event = event.expect("the events above are events").expect("and no headers");
        index.look(&event, Timestamp::EPOCH, &mut scratch, &mut |hit| {
            assert!(hit.span.as_ref().is_none_or(|span| record.get(span.clone()).is_some()), "{hit:?}");
        });
    }
    Segment::open(index.merge()).expect("what was merged is an index");
    let fewer = index.without([1]);
    assert!(fewer.len() <= index.len());
    Segment::open(fewer.merge()).expect("what was merged is an index");
}
