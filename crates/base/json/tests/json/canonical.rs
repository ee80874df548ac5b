//! RFC 8785.

use json::{Limits, Tape, canonical, canonical_with};
use proptest::prelude::*;

use crate::document;

#[track_caller]
fn check(text: &str, expect: &str) {
    let mut tape = Tape::new();
    let mut out = String::new();
    canonical(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap(), &mut out);
    assert_eq!(out, expect, "{text}");
}

#[test]
fn published_vectors() {
    let Some(folder) = testkit::shared().map(|shared| shared.join("conformance/rfc8785")) else { return };
    let mut pairs = 0;
    for input in std::fs::read_dir(folder.join("input")).unwrap() {
        let input = input.unwrap().path();
        let output = folder.join("output").join(input.file_name().unwrap());
        let expect = std::fs::read_to_string(output).unwrap();
        check(&std::fs::read_to_string(&input).unwrap(), expect.trim_end_matches('\n'));
        pairs += 1;
    }
    assert_eq!(pairs, 6);
}

#[test]
fn numbers_are_written_as_ecmascript_does() {
    for (text, expect) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("9007199254740993", "9007199254740992"),
        ("333333333.33333329", "333333333.3333333"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("5e-324", "5e-324"),
        ("1e-400", "0"),
        ("1e400", "1.7976931348623157e+308"),
        ("-1e400", "-1.7976931348623157e+308"),
    ] {
        check(text, expect);
    }
}

#[test]
fn members_are_sorted_by_utf_16_code_units() {
    // U+1F600 is D83D DE00 there, so it comes before U+FB33 although its code point is greater.
    check(
        "{\"\u{fb33}\":1,\"😀\":2,\"é\":3,\"z\":4,\"\":5}",
        "{\"\":5,\"z\":4,\"é\":3,\"😀\":2,\"\u{fb33}\":1}",
    );
    check(r#"{"b":{"d":1,"c":[{"f":1,"e":2}]},"\u0061":0}"#, r#"{"a":0,"b":{"c":[{"e":2,"f":1}],"d":1}}"#);
}

#[test]
fn a_rewrite_sees_the_member_a_string_belongs_to() {
    let mut tape = Tape::new();
    let root = tape.parse(br#"{"when":"1.0","list":["1.0"],"no":1.0}"#, &Limits::OBJECT).unwrap();
    let mut seen = Vec::new();
    let mut out = String::new();
    canonical_with(root, &mut out, &mut |name, value| {
        seen.push(format!("{name}={}", value.raw()));
        (name == "when").then(|| "1\n".to_owned())
    });
    assert_eq!(out, r#"{"list":["1.0"],"no":1,"when":"1\n"}"#);
    assert_eq!(seen, [r#"list="1.0""#, r#"when="1.0""#]);
}

proptest! {
    #[test]
    fn the_form_does_not_depend_on_spelling(document in document()) {
        let form = |text: &str| {
            let mut tape = Tape::new();
            let mut out = String::new();
            canonical(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap(), &mut out);
            out
        };
        let once = form(&document.to_string());
        prop_assert_eq!(&form(&serde_json::to_string_pretty(&document).unwrap()), &once);
        prop_assert_eq!(&form(&once), &once);
        prop_assert!(!once.contains('\n'));
    }
}
