//! The index files of a feed.

use json::{Limits, Tape};
use shieldwall_misp::{feed_hashes, feed_manifest, is_feed_manifest};

const A: &str = "5d3f036b-0f50-4499-af4c-695a0a016219";
const B: &str = "41d35b43-e44a-47e2-882b-1a06e0b0581f";

#[test]
fn a_manifest_lists_events_oldest_change_first() {
    let text = format!(
        r#"{{"{A}":{{"info":"newer","timestamp":"1600000001","Orgc":{{}}}},"{B}":{{"info":"older","timestamp":1600000000}},"../../etc/passwd":{{"info":"x"}}}}"#
    );
    let mut tape = Tape::new();
    let document = tape.parse(text.as_bytes(), &Limits::DOCUMENT).unwrap();
    assert!(is_feed_manifest(document));
    let (events, findings) = feed_manifest(document);
    let names: Vec<&str> = events.iter().map(|event| event.info.as_str()).collect();
    assert_eq!(names, ["older", "newer"]);
    assert_eq!(events[0].uuid.to_string(), B);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].pointer, "/..~1..~1etc~1passwd");
    let bundle = tape.parse(br#"{"type":"bundle","id":"x"}"#, &Limits::DOCUMENT).unwrap();
    assert!(!is_feed_manifest(bundle));
}

#[test]
fn hashes_pair_values_with_events() {
    let text =
        format!("d41d8cd98f00b204e9800998ecf8427e,{A}\r\n\nnonsense\nd41d8cd98f00b204e9800998ecf8427g,{A}\n");
    let (hashes, refused) = feed_hashes(&text);
    assert_eq!((hashes.len(), refused), (1, 2));
    assert_eq!((hashes[0].0[0], hashes[0].1.to_string().as_str()), (0xd4, A));
}
