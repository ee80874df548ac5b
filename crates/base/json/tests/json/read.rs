//! Looking things up in a parsed document.

use json::{Kind, Limits, Tape, escape_pointer, write_string};

#[test]
fn rfc_6901_examples() {
    let text =
        br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
    let mut tape = Tape::new();
    let root = tape.parse(text, &Limits::OBJECT).unwrap();
    let check = |pointer: &str, expect: Option<&str>| {
        assert_eq!(root.pointer(pointer).map(|value| value.raw()), expect, "{pointer}");
    };
    check("", Some(std::str::from_utf8(text).unwrap()));
    check("/foo", Some(r#"["bar","baz"]"#));
    check("/foo/0", Some(r#""bar""#));
    check("/", Some("0"));
    check("/a~1b", Some("1"));
    check("/c%d", Some("2"));
    check("/e^f", Some("3"));
    check("/g|h", Some("4"));
    check("/i\\j", Some("5"));
    check("/k\"l", Some("6"));
    check("/ ", Some("7"));
    check("/m~0n", Some("8"));

    check("foo", None);
    check("/foo/2", None);
    check("/foo/-", None);
    check("/foo/01", None);
    check("/foo/+1", None);
    check("/foo/", None);
    check("/foo/99999999999999999999999", None);
    check("/foo/0/0", None);
    check("/m~n", Some("8"));
    check("/m~01n", None);
}

#[test]
fn a_pointer_segment_survives_escaping() {
    for name in ["plain", "a/b", "m~n", "~1", "~01/~", ""] {
        let text = serde_json::json!({ name: 1 }).to_string();
        let mut tape = Tape::new();
        let root = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
        assert_eq!(
            root.pointer(&format!("/{}", escape_pointer(name))).and_then(|v| v.as_i64()),
            Some(1),
            "{name}"
        );
    }
}

#[test]
fn numbers_keep_their_spelling() {
    let check = |text: &str, integer: Option<i64>, double: f64| {
        let mut tape = Tape::new();
        let value = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
        assert_eq!((value.raw(), value.as_i64(), value.as_f64()), (text, integer, Some(double)));
    };
    check("1", Some(1), 1.0);
    check("-0", Some(0), 0.0);
    check("1.0", None, 1.0);
    check("1e3", None, 1000.0);
    check("9223372036854775807", Some(i64::MAX), 9_223_372_036_854_775_807.0);
    check("9223372036854775808", None, 9_223_372_036_854_775_808.0);
    check("1e400", None, f64::INFINITY);
    check("-1e-400", None, 0.0);
}

#[test]
fn a_look_up_of_the_wrong_kind_finds_nothing() {
    let mut tape = Tape::new();
    let root = tape.parse(br#"{"s":"x","a":[1],"n":null,"t":true}"#, &Limits::OBJECT).unwrap();
    let member = |name: &str| root.get(name).unwrap();
    assert!(root.get("absent").is_none() && root.at(0).is_none() && root.as_str().is_none());
    assert!(
        member("s").get("x").is_none() && member("s").as_i64().is_none() && member("s").as_bool().is_none()
    );
    assert!(
        member("a").get("0").is_none()
            && member("a").at(1).is_none()
            && member("a").entries().next().is_none()
    );
    assert!(member("n").is_null() && member("n").as_plain().is_none() && !member("n").is("null"));
    assert_eq!((member("t").as_bool(), member("t").kind().as_str()), (Some(true), "boolean"));
    assert_eq!(member("a").kind(), Kind::Array);
    assert_eq!(member("s").span(), 5..8);
}

#[test]
fn escaped_names_and_strings_compare_by_meaning() {
    let mut tape = Tape::new();
    let root = tape.parse(br#"{"\u0074ype":"in\u0064icator","plain":"x"}"#, &Limits::OBJECT).unwrap();
    let kind = root.get("type").unwrap();
    assert!(kind.is("indicator") && !kind.is("in\\u0064icator"));
    assert_eq!((kind.as_plain(), kind.as_str().as_deref()), (None, Some("indicator")));
    assert_eq!(root.get("plain").unwrap().as_plain(), Some("x"));
}

#[test]
fn written_strings_use_the_shortest_escapes() {
    let mut out = String::new();
    write_string("\u{8}\u{c}\n\r\t\"\\/\0\u{1f}\u{7f}é😀", &mut out);
    assert_eq!(out, "\"\\b\\f\\n\\r\\t\\\"\\\\/\\u0000\\u001f\u{7f}é😀\"");
}
