//! Patterns that people publish.
#![expect(clippy::disallowed_methods, reason = "a test reads its data")]

use std::fs;

use json::{Limits as JsonLimits, Tape};

use crate::valid;

#[test]
fn published_patterns_are_valid() {
    let files = testkit::corpus("data/stix-examples", "json");
    let mut tape = Tape::new();
    let mut seen = 0;
    for file in &files {
        let text = fs::read(file).unwrap();
        let bundle = tape.parse(&text, &JsonLimits::DOCUMENT).unwrap();
        for pattern in bundle.get("objects").unwrap().items().filter_map(|object| object.get("pattern")) {
            let pattern = valid(&pattern.as_str().unwrap());
            assert_eq!(valid(&pattern.to_string()), pattern);
            assert!(pattern.warnings().is_empty());
            seen += 1;
        }
    }
    assert!(seen > 30 || files.is_empty(), "{seen}");
}
