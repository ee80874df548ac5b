//! Edits change what they name and nothing else.

use json::{Edits, Limits, Tape, Value};

#[track_caller]
fn check(text: &str, edit: impl Fn(&mut Edits, Value<'_>), expect: &str) {
    let mut tape = Tape::new();
    let root = tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap();
    let mut edits = Edits::new();
    edit(&mut edits, root);
    assert_eq!(edits.apply(root), expect, "{text}");
}

fn remove(pointers: &'static [&'static str]) -> impl Fn(&mut Edits, Value<'_>) {
    move |edits, root| {
        for pointer in pointers {
            edits.remove(root.pointer(pointer).unwrap());
        }
    }
}

const ODD: &str = r#"{ "n" : 1.00e+0 , "t":"\u0041", "list":[ 1 ,2, {"x" : 0 } ] }"#;

#[test]
fn nothing_to_change_is_the_text_itself() {
    check(ODD, |edits, _| assert!(edits.is_empty()), ODD);
}

#[test]
fn members_and_items_go_with_their_commas() {
    check(r#"{"a":1,"b":2,"c":3}"#, remove(&["/a"]), r#"{"b":2,"c":3}"#);
    check(r#"{"a":1,"b":2,"c":3}"#, remove(&["/b"]), r#"{"a":1,"c":3}"#);
    check(r#"{"a":1,"b":2,"c":3}"#, remove(&["/c", "/a"]), r#"{"b":2}"#);
    check(r#"{"a":1}"#, remove(&["/a"]), "{}");
    check("[1,2,3]", remove(&["/0", "/2"]), "[2]");
    check("[[1],[2]]", remove(&["/0/0", "/1"]), "[[]]");
    check(r#"{"a":{"b":1}}"#, remove(&["/a/b", "/a"]), "{}");
}

#[test]
fn neighbours_keep_number_spelling_escapes_and_inner_white_space() {
    check(ODD, remove(&["/list/0"]), r#"{"n":1.00e+0,"t":"\u0041","list":[2,{"x" : 0 }]}"#);
    check(ODD, remove(&["/t"]), r#"{"n":1.00e+0,"list":[ 1 ,2, {"x" : 0 } ]}"#);
}

#[test]
fn values_are_replaced_and_members_appended() {
    check(
        ODD,
        |e, r| e.replace(r.get("n").unwrap(), "2"),
        r#"{"n":2,"t":"\u0041","list":[ 1 ,2, {"x" : 0 } ]}"#,
    );
    check("[1]", |e, r| e.replace(r, "{}"), "{}");
    check(r#"{"a":{}}"#, |e, r| e.append(r.get("a").unwrap(), "b\"c", "[1]"), r#"{"a":{"b\"c":[1]}}"#);
    check(
        r#"{"a":1}"#,
        |e, r| {
            e.append(r, "b", "2");
            e.append(r, "c", "3");
            e.remove(r.get("a").unwrap());
        },
        r#"{"b":2,"c":3}"#,
    );
}
