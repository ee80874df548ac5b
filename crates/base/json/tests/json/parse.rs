//! What is JSON, what is not, and what is too much.

use json::{Error, Limits, Names, Problem, Tape};
use proptest::prelude::*;

use crate::{document, rebuilt};

fn parse(text: &[u8]) -> Result<String, Error> {
    Tape::new().parse(text, &Limits::OBJECT).map(|value| value.raw().to_owned())
}

#[track_caller]
fn accepts(text: &str) {
    assert_eq!(parse(text.as_bytes()).as_deref(), Ok(text.trim_matches([' ', '\n', '\r', '\t'])), "{text}");
}

#[track_caller]
fn refuses(text: impl AsRef<[u8]>, problem: Problem, offset: usize, pointer: &str) {
    let shown = String::from_utf8_lossy(text.as_ref()).into_owned();
    assert_eq!(parse(text.as_ref()), Err(Error { offset, pointer: pointer.to_owned(), problem }), "{shown}");
}

#[test]
fn rfc_8259_texts() {
    for text in [
        "null",
        " true ",
        "\t\r\nfalse\n",
        "0",
        "-0",
        "-0.0e-0",
        "1E+400",
        "123456789012345678901234567890",
        "\"\"",
        r#""\" \\ \/ \b \f \n \r \t \u0041 \ud83d\ude00 \uFFFF \u0000""#,
        "\"\u{7f}\u{80}\u{2028}😀\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,[2,[3]],{}]",
        r#"{"a":1,"A":2,"":3}"#,
    ] {
        accepts(text);
    }
}

#[test]
fn what_is_not_json() {
    refuses("", Problem::Truncated, 0, "");
    refuses("  ", Problem::Truncated, 2, "");
    refuses("nul", Problem::Truncated, 3, "");
    refuses("nulL", Problem::Unexpected(b'L'), 3, "");
    refuses("NaN", Problem::Unexpected(b'N'), 0, "");
    refuses("\u{feff}{}", Problem::Unexpected(0xEF), 0, "");
    refuses("'a'", Problem::Unexpected(b'\''), 0, "");
    refuses("1 2", Problem::Trailing, 2, "");
    refuses("{}}", Problem::Trailing, 2, "");
    refuses("/* c */ 1", Problem::Unexpected(b'/'), 0, "");
    refuses("[1\u{c}]", Problem::Unexpected(0x0c), 2, "");
    for (number, offset) in
        [("01", 1), ("-", 1), ("-a", 1), ("1.", 2), ("1.e1", 2), ("1e", 2), ("1e+", 3), ("-01", 2)]
    {
        refuses(number, Problem::Number, offset, "");
    }
    refuses(".5", Problem::Unexpected(b'.'), 0, "");
    refuses("+1", Problem::Unexpected(b'+'), 0, "");
    refuses("0x10", Problem::Trailing, 1, "");
}

#[test]
fn broken_strings() {
    refuses("\"abc", Problem::Truncated, 4, "");
    refuses("\"abcdefgh\\", Problem::Truncated, 9, "");
    refuses("\"a\nb\"", Problem::Control(b'\n'), 2, "");
    refuses("\"0123456789\0\"", Problem::Control(0), 11, "");
    refuses(r#""\x""#, Problem::Escape, 1, "");
    refuses(r#""\u12g4""#, Problem::Escape, 1, "");
    refuses(r#""\u+123""#, Problem::Escape, 1, "");
    refuses(r#""\u123é""#, Problem::Escape, 1, "");
    refuses(r#""\ud800""#, Problem::Escape, 1, "");
    refuses(r#""\udc00""#, Problem::Escape, 1, "");
    refuses(r#""\ud800\u0041""#, Problem::Escape, 1, "");
    refuses(r#""\ud800\ud800""#, Problem::Escape, 1, "");
    refuses(b"\"\xff\"", Problem::Utf8, 1, "");
    refuses(b"\"\xc0\xaf\"", Problem::Utf8, 1, "");
    refuses(b"\"\xed\xa0\x80\"", Problem::Utf8, 1, "");
}

#[test]
fn the_pointer_says_where() {
    refuses("[1,", Problem::Truncated, 3, "/1");
    refuses("[1 2]", Problem::Unexpected(b'2'), 3, "");
    refuses("[1,]", Problem::Unexpected(b']'), 3, "/1");
    refuses(r#"{"a":{"b":[0,01]}}"#, Problem::Number, 14, "/a/b/1");
    refuses(r#"{"a/b":{"m~n":tru}}"#, Problem::Unexpected(b'}'), 17, "/a~1b/m~0n");
    refuses(r#"{"\u0061":nope}"#, Problem::Unexpected(b'o'), 11, "/a");
    refuses(r#"{"a" 1}"#, Problem::Unexpected(b'1'), 5, "");
    refuses(r#"{"a":1,}"#, Problem::Unexpected(b'}'), 7, "");
    refuses("{1:2}", Problem::Unexpected(b'1'), 1, "");
    let error = parse(br#"{"list":[{"x":1,"x":2}]}"#).unwrap_err();
    assert_eq!(error.to_string(), "the member `x` occurs twice (byte 16, in /list/0)");
}

#[test]
fn a_name_occurs_once_however_it_is_spelled() {
    let twice = |name: &str| Problem::DuplicateKey(name.to_owned());
    refuses(r#"{"a":1,"a":2}"#, twice("a"), 7, "");
    refuses(r#"{"a":1,"b":{},"\u0061":2}"#, twice("a"), 14, "");
    refuses(r#"{"\u00e9":1,"é":2}"#, twice("é"), 12, "");
    refuses(r#"{"\ud83d\ude00":1,"😀":2}"#, twice("😀"), 18, "");
    refuses(r#"{"":1,"":2}"#, twice(""), 6, "");
    refuses(
        r#"{"in":{"same prefix A":1,"same prefix B":2,"same prefix A":3}}"#,
        twice("same prefix A"),
        43,
        "/in",
    );
    accepts(r#"{"same prefix A":1,"same prefix B":2,"same prefix":3}"#);
    accepts(r#"{"a":{"a":{"a":[{"a":1},{"a":1}]}}}"#);
    accepts("{\"e\u{301}\":1,\"é\":2}");
}

#[test]
fn names_are_compared_the_same_in_small_and_large_objects() {
    for members in [2usize, 23, 24, 25, 26, 500] {
        let name = |n: usize| format!("\"a name with a common beginning {n}\":{n}");
        let mut all: Vec<_> = (0..members).map(name).collect();
        accepts(&format!("{{{}}}", all.join(",")));
        all[members - 1] = name(0).replacen('a', r"\u0061", 1);
        let text = format!("{{{}}}", all.join(","));
        let offset = text.rfind(r#""\u0061"#).unwrap();
        refuses(&text, Problem::DuplicateKey("a name with a common beginning 0".to_owned()), offset, "");
    }
}

#[test]
fn bombs_end_at_a_limit() {
    let depth = usize::from(Limits::OBJECT.depth);
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        accepts(&nested(depth));
        let error = parse(nested(depth + 1).as_bytes()).unwrap_err();
        assert_eq!(
            (error.problem, error.offset),
            (Problem::TooDeep(Limits::OBJECT.depth), depth * open.len())
        );
        let error = parse(open.repeat(1_000_000).as_bytes()).unwrap_err();
        assert_eq!(error.problem, Problem::TooDeep(Limits::OBJECT.depth));
    }
    let small = Limits::new(10, 4, 4);
    let mut tape = Tape::new();
    let mut problem = |text: &str| tape.parse(text.as_bytes(), &small).err().map(|error| error.problem);
    assert_eq!(problem("[1,2,3]"), None);
    assert_eq!(problem("[1,2,3,4]"), Some(Problem::TooMany(4)));
    assert_eq!(problem(r#"{"a":[0]}"#), None);
    assert_eq!(problem("0123456789"), Some(Problem::Number));
    assert_eq!(problem("           "), Some(Problem::TooLong(10)));
}

#[test]
fn names_may_stand_twice_where_that_is_said() {
    let limits = Limits { names: Names::First, ..Limits::OBJECT };
    let mut tape = Tape::new();
    let value = tape.parse(br#"{"a":1,"\u0061":2,"b":3}"#, &limits).unwrap();
    assert_eq!(value.get("a").unwrap().as_i64(), Some(1));
    assert_eq!(value.entries().count(), 3);
    assert!(tape.parse(br#"{"a":1,"a":2}"#, &Limits::OBJECT).is_err());
}

#[test]
fn a_tape_forgets_a_failed_document() {
    let mut tape = Tape::new();
    assert!(tape.parse(b"[[[[1,2,3", &Limits::OBJECT).is_err());
    assert_eq!(tape.parse(b"[7]", &Limits::OBJECT).unwrap().at(0).unwrap().as_i64(), Some(7));
    assert_eq!(tape.parse(b"8", &Limits::OBJECT).unwrap().as_i64(), Some(8));
}

proptest! {
    #[test]
    fn every_document_reads_as_serde_json_reads_it(document in document(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let text = text.unwrap();
        let mut tape = Tape::new();
        let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
        prop_assert_eq!(value.raw(), &text);
        prop_assert_eq!(rebuilt(value), document);
    }

    /// Mutated documents: never a panic, and accepted only if serde_json accepts them too.
    #[test]
    fn no_text_is_accepted_that_serde_json_refuses(document in document(), at: prop::sample::Index, byte: u8) {
        let mut text = serde_json::to_vec(&document).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        let ours = parse(&text);
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        match (&ours, &theirs) {
            (Ok(_), Err(error)) => prop_assert!(error.to_string().starts_with("number out of range"), "{}", error),
            (Err(Error { problem, .. }), Ok(_)) => prop_assert!(matches!(problem, Problem::DuplicateKey(_)), "{}", problem),
            _ => {}
        }
    }
}
