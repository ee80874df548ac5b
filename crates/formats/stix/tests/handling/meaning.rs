//! Equal meaning, agreement between renditions, and the rules of versions.

use json::{Limits, Tape, Value, canonical};
use shieldwall_stix::meaning::{
    Bond, Breach, Order, bond, breaches, common_properties_agree, order, same_meaning, same_meaning_ignoring,
};

use super::{shared, with};

fn pair<T>(a: &str, b: &str, act: impl FnOnce(Value<'_>, Value<'_>) -> T) -> T {
    let (mut first, mut second) = (Tape::new(), Tape::new());
    act(
        first.parse(a.as_bytes(), &Limits::OBJECT).unwrap(),
        second.parse(b.as_bytes(), &Limits::OBJECT).unwrap(),
    )
}

fn same(a: &str, b: &str, expect: bool) {
    assert_eq!(pair(a, b, same_meaning), expect, "{a} {b}");
    assert_eq!(pair(b, a, same_meaning), expect, "{b} {a}");
}

#[test]
fn spelling_is_not_meaning() {
    same(r#"{"a":1,"b":[1,2]}"#, r#"{ "b" : [ 1, 2 ], "a" : 1 }"#, true);
    same(r#"{"created":"2020-01-01T00:00:00Z"}"#, r#"{"created":"2020-01-01T00:00:00.000000Z"}"#, true);
    same(
        r#"{"e":{"ctime":"2020-01-01T00:00:00.1Z"}}"#,
        r#"{"e":{"ctime":"2020-01-01T00:00:00.100Z"}}"#,
        true,
    );
    same(r#"{"a":"\u0041\/"}"#, r#"{"a":"A/"}"#, true);
    same(r#"{"a":1.0e2}"#, r#"{"a":100}"#, true);
    same(r#"{"a":-0}"#, r#"{"a":0}"#, true);
    same(r#"{"a":0.10}"#, r#"{"a":1e-1}"#, true);
    same(r#"{"a":1,"revoked":false}"#, r#"{"a":1}"#, true);
    same(r#"{"type":"url","spec_version":"2.1"}"#, r#"{"type":"url","defanged":false}"#, true);
}

#[test]
fn meaning_is_not_spelling() {
    same(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false);
    same(r#"{"a":[1,2]}"#, r#"{"a":[1,2,3]}"#, false);
    same(r#"{"a":1}"#, r#"{"a":"1"}"#, false);
    same(r#"{"a":1}"#, r#"{"a":1,"b":null}"#, false);
    same(r#"{"revoked":true}"#, r"{}", false);
    same(r#"{"type":"tool","spec_version":"2.1"}"#, r#"{"type":"tool"}"#, false);
    same(r#"{"x":{"revoked":false}}"#, r#"{"x":{}}"#, false);
    same(r#"{"created":"2020-01-01T00:00:00Z"}"#, r#"{"created":"2020-01-01T00:00:00.000001Z"}"#, false);
    // Only timestamps are instants: in a description the digits are text.
    same(r#"{"description":"2020-01-01T00:00:00Z"}"#, r#"{"description":"2020-01-01T00:00:00.0Z"}"#, false);
    // Doubles would take these for equal.
    same(r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#, false);
    same(r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992.0}"#, true);
    same(r#"{"a":9007199254740995}"#, r#"{"a":9007199254740996.0}"#, false);
    same(r#"{"a":1e400}"#, r#"{"a":1e500}"#, false);
    same(r#"{"a":"é"}"#, "{\"a\":\"e\u{301}\"}", false);
}

#[test]
fn some_properties_may_be_left_out() {
    let ignore = |a, b, names: &[&str]| pair(a, b, |a, b| same_meaning_ignoring(a, b, names));
    assert!(ignore(r#"{"a":1,"x":1}"#, r#"{"a":1,"x":2,"y":3}"#, &["x", "y"]));
    assert!(!ignore(r#"{"a":{"x":1}}"#, r#"{"a":{"x":2}}"#, &["x"]));
}

fn agree(a: &str, b: &str, expect: bool) {
    assert_eq!(pair(a, b, common_properties_agree), expect, "{a} {b}");
    assert_eq!(pair(b, a, common_properties_agree), expect, "{b} {a}");
}

#[test]
fn renditions_agree_where_they_overlap() {
    agree(r#"{"a":1,"b":2}"#, r#"{"b":2,"c":3}"#, true);
    agree(r#"{"a":1,"b":2}"#, r#"{"b":3}"#, false);
    agree(r#"{"l":["a","b","c"]}"#, r#"{"l":["a","c"]}"#, true);
    agree(r#"{"l":["a","b"]}"#, r#"{"l":["a","x"]}"#, false);
    agree(r#"{"l":["a","b"]}"#, r#"{"l":["b","a"]}"#, false);
    agree(r#"{"l":[{"a":1,"b":2},{"a":3}]}"#, r#"{"l":[{"b":2}]}"#, true);
    agree(r#"{"created":"2020-01-01T00:00:00Z"}"#, r#"{"created":"2020-01-01T00:00:00.000Z"}"#, true);
    agree(r#"{"granular_markings":[1]}"#, r#"{"granular_markings":[2]}"#, true);
    agree(r#"{"a":{"granular_markings":[1]}}"#, r#"{"a":{"granular_markings":[2]}}"#, false);
}

fn succession(earlier: &str, later: &str, expect: &[Breach]) {
    assert_eq!(pair(earlier, later, breaches), expect, "{earlier} {later}");
}

#[test]
fn versions_follow_the_rules() {
    let a = r#"{"created":"2020-01-01T00:00:00.000Z","modified":"2020-01-01T00:00:00.000Z","created_by_ref":"identity--a"}"#;
    let b = r#"{"created":"2020-01-01T00:00:00Z","modified":"2020-01-01T00:00:00.000001Z","created_by_ref":"identity--A"}"#;
    assert_eq!(pair(b, a, order), Order::Newer);
    assert_eq!(pair(a, b, order), Order::Older);
    assert_eq!(pair(a, a, order), Order::Same);
    assert_eq!(pair(r#"{"type":"file"}"#, r#"{"type":"file","size":1}"#, order), Order::Same);
    succession(a, b, &[]);
    succession(r#"{"revoked":true}"#, r#"{"revoked":true}"#, &[Breach::AfterRevocation]);
    succession(
        r#"{"created_by_ref":"identity--a"}"#,
        r#"{"created_by_ref":"identity--b"}"#,
        &[Breach::OtherCreator],
    );
    succession(r#"{"created_by_ref":"identity--a"}"#, r"{}", &[Breach::OtherCreator]);
    succession(
        a,
        r#"{"created_by_ref":"identity--a","created":"2021-01-01T00:00:00Z"}"#,
        &[Breach::CreatedChanged],
    );
    with(r#"{"id":"x"}"#, |object| assert_eq!(bond(object), Bond::Source));
    with(a, |object| assert_eq!(bond(object), Bond::Creator("identity--a".into())));
}

#[test]
fn the_canonical_form_means_the_same() {
    let Some(objects) = shared("stix-examples/poisonivy.json") else { return };
    for object in objects {
        with(&object, |value| {
            let mut form = String::new();
            canonical(value, &mut form);
            let mut tape = Tape::new();
            let form = tape.parse(form.as_bytes(), &Limits::OBJECT).unwrap();
            assert!(same_meaning(value, form) && common_properties_agree(value, form), "{object}");
        });
    }
}
