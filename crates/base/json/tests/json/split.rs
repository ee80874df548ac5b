//! A big text falls into the right pieces wherever its chunks are cut.

use json::{Element, Error, Limits, Problem, Splitter, Tape};
use proptest::prelude::*;

use crate::{document, rebuilt};

const LIMIT: usize = 4096;

/// Items as their text, an envelope as `= text`, an error as `! problem (pointer)`.
fn split(chunks: &[&[u8]], limit: usize) -> Vec<String> {
    let mut splitter = Splitter::new("objects", limit);
    let mut out = Vec::new();
    let mut offset = 0u64;
    let mut each = |element: Element| match element {
        Element::Item { raw, offset: at, index } => {
            assert!(
                at >= offset
                    && index == out.iter().filter(|piece: &&String| !piece.starts_with('=')).count() as u64
            );
            offset = at + raw.len() as u64;
            out.push(String::from_utf8_lossy(&raw).into_owned());
        }
        Element::Envelope(raw) => out.push(format!("= {}", String::from_utf8_lossy(&raw))),
    };
    let result = chunks.iter().try_for_each(|chunk| splitter.push(chunk, &mut each));
    if let Err(Error { problem, pointer, .. }) = result.and_then(|()| splitter.finish()) {
        out.push(format!("! {problem} ({pointer})"));
    }
    out
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    let bytes = text.as_bytes();
    assert_eq!(split(&[bytes], LIMIT), expect, "{text}");
    for at in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(at);
        assert_eq!(split(&[head, tail], LIMIT), expect, "{text} cut at {at}");
    }
    let singles: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(split(&singles, LIMIT), expect, "{text} byte by byte");
}

#[test]
fn bundles() {
    check(
        r#"{"type":"bundle","objects":[{"a":1},{"b":[2,{}]}],"id":"x"}"#,
        &[r#"{"a":1}"#, r#"{"b":[2,{}]}"#, r#"= {"type":"bundle","objects":[],"id":"x"}"#],
    );
    check(" { \"objects\" : [ {\"a\": 1} ,\n {} ] } \n", &["{\"a\": 1}", "{}", "= { \"objects\" : [] }"]);
    check(r#"{"objects":[]}"#, &[r#"= {"objects":[]}"#]);
    check(r#"{"type":"indicator"}"#, &[r#"= {"type":"indicator"}"#]);
    check(r#"{"objects":null}"#, &[r#"= {"objects":null}"#]);
    check(r#"{"objects":{"a":[1]}}"#, &[r#"= {"objects":{"a":[1]}}"#]);
    check("", &[]);
}

#[test]
fn strings_hide_structure() {
    check(
        r#"{"objects":[{"a":"]}\"\\"},{"b":"\\\\\"{["}]}"#,
        &[r#"{"a":"]}\"\\"}"#, r#"{"b":"\\\\\"{["}"#, r#"= {"objects":[]}"#],
    );
    check(
        r#"{"x":"\"objects\":[{}]","objects":["\\",","]}"#,
        &[r#""\\""#, r#"",""#, r#"= {"x":"\"objects\":[{}]","objects":[]}"#],
    );
}

#[test]
fn only_the_named_member_at_the_top_is_taken_apart() {
    for whole in [
        r#"{"a":{"objects":[{"b":1}]}}"#,
        r#"{"a":[{"objects":[1]}]}"#,
        r#"{"a":["objects",[1]]}"#,
        r#"{"a":"objects","b":[1]}"#,
        r#"{"objects ":[1],"Objects":[2],"object":[3],"xobjects":[4]}"#,
        r#"{"objects":"objects","list":[1]}"#,
        r#"{"objects":{},"list":[1]}"#,
    ] {
        check(whole, &[&format!("= {whole}")]);
    }
    check(
        r#"{"a":{"objects":[1]},"objects":[{"objects":[2]}]}"#,
        &[r#"{"objects":[2]}"#, r#"= {"a":{"objects":[1]},"objects":[]}"#],
    );
    check(r#"{"\u006fbjects":[1]}"#, &["1", r#"= {"\u006fbjects":[]}"#]);
}

#[test]
fn other_shapes() {
    check(r#"[{"a":1}, 2 ,"x",null,[3]]"#, &[r#"{"a":1}"#, "2 ", r#""x""#, "null", "[3]"]);
    check("[]", &[]);
    check("{\"a\":1}\n{\"b\":2}\r\n\n{\"c\":3}", &["= {\"a\":1}", "= {\"b\":2}", "= {\"c\":3}"]);
    check(
        "{\"objects\":[1]}{\"objects\":[2]}[3]",
        &["1", "= {\"objects\":[]}", "2", "= {\"objects\":[]}", "3"],
    );
    check("\u{1e}{\"a\":1}\n\u{1e}{\"b\":2}\n", &["= {\"a\":1}", "= {\"b\":2}"]);
    check("\u{feff}{\"objects\":[1]}", &["1", "= {\"objects\":[]}"]);
    check("\u{feff}[1]", &["1"]);
}

#[test]
fn what_lies_between_the_pieces_is_checked() {
    check("1", &["! `1` cannot stand here ()"]);
    check("[1],[2]", &["1", "! `,` cannot stand here ()"]);
    check("[1}", &["1", "! `}` cannot stand here ()"]);
    check(r#"{"objects":[,1]}"#, &["! `,` cannot stand here (/objects)"]);
    check(r#"{"objects":[1,,2]}"#, &["1", "! `,` cannot stand here (/objects)"]);
    check(r#"{"objects":[{},]}"#, &["{}", "! `]` cannot stand here (/objects)"]);
    check(r#"{"objects":[{} {}]}"#, &["{}", "! `{` cannot stand here (/objects)"]);
    check(r#"{"objects":[{}:1]}"#, &["{}", "! `:` cannot stand here (/objects)"]);
    let mut splitter = Splitter::new("objects", LIMIT);
    let error = splitter.push(b"\xef\xbb{}", &mut |_| {}).unwrap_err();
    assert_eq!((error.offset, error.problem), (2, Problem::Unexpected(b'{')));
}

#[test]
fn truncation_is_noticed_and_placed() {
    const CUT: &str = "the text ends inside a value";
    check(r#"{"objects":[{"a":1},{"b":"#, &[r#"{"a":1}"#, &format!("! {CUT} (/objects/1)")]);
    check(r#"{"objects":[1"#, &[&format!("! {CUT} (/objects/0)")]);
    check(r#"{"objects":[{}"#, &["{}", &format!("! {CUT} (/objects)")]);
    check(r#"{"objects":[{}]"#, &["{}", &format!("! {CUT} ()")]);
    check(r#"["x"#, &[&format!("! {CUT} (/0)")]);
    check(r#"{"a"#, &[&format!("! {CUT} ()")]);
    assert_eq!(split(&[b"\xef\xbb"], LIMIT), [format!("! {CUT} ()")]);
}

#[test]
fn no_piece_grows_beyond_the_limit() {
    let long = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
    let bundle = |item: &str| format!("{{\"objects\":[1,{item},2]}}");
    for limit in [32, 33] {
        for (size, fits) in [(limit, true), (limit + 1, false)] {
            let text = bundle(&long(size));
            for chunk in [1, 7, 4096] {
                let chunks: Vec<&[u8]> = text.as_bytes().chunks(chunk).collect();
                let refused =
                    split(&chunks, limit).contains(&format!("! longer than {limit} bytes (/objects/1)"));
                assert_eq!(refused, !fits, "{size} of {limit} in chunks of {chunk}");
            }
        }
        let spread = vec![&b"{\"a\":\""[..], &[b'x'; 64], b"\"}"];
        assert_eq!(split(&spread, limit), [format!("! longer than {limit} bytes ()")]);
    }
    // White space between items is not kept, so it does not count.
    let airy = format!("{{\"objects\":[{0}1{0},{0}2]}}", " ".repeat(100));
    assert_eq!(split(&[airy.as_bytes()], 128).len(), 3);
}

/// The document put together again from its pieces, if every piece passes the reader.
fn rejoined(text: &[u8], chunk: usize) -> Result<serde_json::Value, Error> {
    let mut splitter = Splitter::new("objects", 1 << 20);
    let mut tape = Tape::new();
    let (mut items, mut envelope, mut failed) = (Vec::new(), None, None);
    let mut each = |element| {
        let raw = match &element {
            Element::Item { raw, .. } | Element::Envelope(raw) => raw,
        };
        match (tape.parse(raw, &Limits::OBJECT), &element) {
            (Err(error), _) => failed = failed.take().or(Some(error)),
            (Ok(value), Element::Item { .. }) => items.push(rebuilt(value)),
            (Ok(value), Element::Envelope(_)) => envelope = Some(rebuilt(value)),
        }
    };
    text.chunks(chunk).try_for_each(|chunk| splitter.push(chunk, &mut each))?;
    splitter.finish()?;
    match (failed, envelope) {
        (Some(error), _) => Err(error),
        (None, None) => Ok(items.into()),
        (None, Some(serde_json::Value::Object(mut whole))) => {
            if !items.is_empty() {
                whole.insert("objects".to_owned(), items.into());
            }
            Ok(whole.into())
        }
        (None, Some(other)) => panic!("the envelope is `{other}`"),
    }
}

proptest! {
    #[test]
    fn the_pieces_make_up_the_document(document in document(), chunk in 1usize..40) {
        prop_assume!(document.is_object() || document.is_array());
        prop_assert_eq!(rejoined(document.to_string().as_bytes(), chunk), Ok(document));
    }

    /// Splitting first and checking the pieces refuses exactly what reading the whole would refuse.
    #[test]
    fn split_texts_are_held_to_the_same_standard(
        items in prop::collection::vec(document(), 0..5), at: prop::sample::Index, byte: u8, insert: bool,
    ) {
        let mut text = serde_json::json!({ "type": "bundle", "objects": items }).to_string().into_bytes();
        let at = at.index(text.len());
        if insert { text.insert(at, byte) } else { text[at] = byte }
        prop_assume!(at > 0);
        let whole = Tape::new().parse(&text, &Limits::OBJECT).err();
        let pieces = rejoined(&text, 16);
        prop_assert_eq!(whole.is_none(), pieces.is_ok(), "{:?} / {:?}", whole, pieces);
    }
}
