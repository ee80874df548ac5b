//! Any text as a STIX pattern.
//!
//! Beyond "no panic": a pattern that parses prints to one that parses to the same, errors point into the text, and
//! matching ends within its budget.
#![no_main]

use std::sync::LazyLock;

use json::{Limits as JsonLimits, Tape};
use libfuzzer_sys::fuzz_target;
use stix_pattern::{Limits, Matcher, Observations, parse};

/// A few observations for patterns to match or miss, one of them in the form of STIX 2.0.
const OBJECTS: &str = r#"[
    {"type":"ipv4-addr","id":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","value":"198.51.100.3"},
    {"type":"network-traffic","id":"network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d",
     "src_ref":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","dst_port":443,"protocols":["ipv4","tcp"]},
    {"type":"file","id":"file--5a27d487-c542-5f97-a131-a8866b477b46","name":"a.exe","size":25536,
     "hashes":{"MD5":"9d36cb7f2f4f0b1c1d4d3f1e8a0b5c6d"},"parent_directory_ref":"directory--x"},
    {"type":"observed-data","id":"observed-data--b67d30ff-02ac-498a-92f9-32f845f448cf","number_observed":3,
     "first_observed":"2020-01-01T00:00:00Z","last_observed":"2020-01-01T00:10:00Z","object_refs":[
     "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","network-traffic--2568d22a-8998-58eb-99ec-3c8ca74f527d"]},
    {"type":"observed-data","id":"observed-data--c67d30ff-02ac-498a-92f9-32f845f448cf","number_observed":1,
     "first_observed":"2020-01-01T00:05:00Z","last_observed":"2020-01-01T00:05:00Z",
     "object_refs":["file--5a27d487-c542-5f97-a131-a8866b477b46"]},
    {"type":"observed-data","id":"observed-data--d67d30ff-02ac-498a-92f9-32f845f448cf","number_observed":1,
     "first_observed":"2020-01-02T00:00:00Z","last_observed":"2020-01-02T00:00:00Z",
     "objects":{"0":{"type":"url","value":"http://example.com/x"},"1":{"type":"process","pid":4,"parent_ref":"1"}}}
]"#;

static OBSERVATIONS: LazyLock<Observations> = LazyLock::new(|| {
    let mut tape = Tape::new();
    let objects = tape.parse(OBJECTS.as_bytes(), &JsonLimits::OBJECT).expect("the objects above are JSON");
    Observations::from_objects(objects.items())
});

fuzz_target!(|text: &str| {
    let limits = Limits::default();
    let pattern = match parse(text, &limits) {
        Ok(pattern) => pattern,
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.start <= error.end && error.end <= text.len(), "{error:?}");
                assert!(text.is_char_boundary(error.start) && text.is_char_boundary(error.end), "{error:?}");
            }
            return;
        }
    };
    let printed = pattern.to_string();
    // A printed pattern may be longer than what it was printed from, and so beyond the limit.
    if let Ok(again) = parse(&printed, &limits) {
        assert_eq!(again.to_string(), printed);
    } else {
        assert!(printed.len() > text.len(), "does not parse as printed: {printed}");
    }
    if let Ok(matcher) = Matcher::new(&pattern)
        && let Ok(Some(found)) = matcher.first_match(&OBSERVATIONS, 100_000)
    {
        assert!(found.iter().all(|place| *place < OBSERVATIONS.len()));
    }
});
