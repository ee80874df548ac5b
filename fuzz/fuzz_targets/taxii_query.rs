//! Any text as the query, page token and media type of a TAXII request.
//!
//! Beyond "no panic": a token we give out is read back, under the same query and under no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use taxii::{Query, accepts, content_type_ok, page_token, read_page_token, response_type_ok};

fuzz_target!(|text: &str| {
    // Every request type we take is one that we also take as an answer.
    assert!(!content_type_ok(text) || response_type_ok(text));
    let _ = accepts(text.lines());
    let Ok(query) = Query::parse(text) else { return };
    drop(read_page_token("objects", &query));
    let position = Timestamp::from_micros(1_700_000_000_000_000);
    let next = Query { next: Some(page_token(position, "objects", &query)), ..query };
    assert_eq!(read_page_token("objects", &next), Ok(Some(position)));
    assert!(read_page_token("manifest", &next).is_err());
});
