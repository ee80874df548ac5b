//! A creator's word over every hop.

use exchange::BadSigner;
use exchange::origin::*;
use json::{Limits, Tape, Value};
use proptest::prelude::*;

use crate::support::*;

const OBJECT: &str = r#"{
  "type": "indicator", "spec_version": "2.1",
  "id": "indicator--d1612665-504b-4aee-8e7d-04e0f2dcd3e8",
  "created": "2026-01-01T00:00:00.000Z", "modified": "2026-02-01T00:00:00.000Z",
  "name": "C2 \u00e9", "pattern": "[ipv4-addr:value = '203.0.113.7']",
  "labels": ["a", "b", "c"],
  "external_references": [{"source_name": "x", "url": "https://x.example/1"}, {"source_name": "y"}],
  "confidence": 70,
  "extensions": {"extension-definition--1": {"n": 1.50, "deep": {"list": [[1, 2], []], "none": null}}}
}"#;

fn seed(n: u8) -> [u8; 32] {
    [n; 32]
}

fn state(objects: &[&str]) -> Vec<Statement> {
    let mut batch = Batch::new();
    for (n, object) in objects.iter().enumerate() {
        batch.add(object, "tlp:green", "free", seed(n as u8)).unwrap();
    }
    batch.sign(ALICE, at(0), key(ALICE, 0))
}

fn verify(statement: &Statement, object: &str) -> Result<Verified, OriginError> {
    statement.verify(object, &Ring, at(1), &mut BatchMemo::default())
}

/// The object without what the pointers name; containers that become empty go, too.
fn without(object: &str, removed: &[&str]) -> String {
    fn write(value: Value<'_>, here: &str, removed: &[&str]) -> Option<String> {
        if removed.contains(&here) {
            return None;
        }
        let join = |parts: Vec<String>, open: char, close: char| {
            (!parts.is_empty()).then(|| format!("{open}{}{close}", parts.join(",")))
        };
        match value.kind() {
            json::Kind::Object if value.entries().next().is_some() => {
                let member = |(key, member): (Value<'_>, Value<'_>)| {
                    let name = json::escape_pointer(&key.as_str().unwrap()).into_owned();
                    write(member, &format!("{here}/{name}"), removed)
                        .map(|text| format!("{}:{text}", key.raw()))
                };
                join(value.entries().filter_map(member).collect(), '{', '}')
            }
            json::Kind::Array if value.items().next().is_some() => {
                let item = |(n, item): (usize, Value<'_>)| write(item, &format!("{here}/{n}"), removed);
                join(value.items().enumerate().filter_map(item).collect(), '[', ']')
            }
            _ => Some(value.raw().to_owned()),
        }
    }
    let mut tape = Tape::new();
    write(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap(), "", removed).unwrap()
}

fn redact(statement: &Statement, object: &str, removed: &[&str]) -> (Statement, String) {
    let pointers: Vec<String> = removed.iter().map(|pointer| (*pointer).to_owned()).collect();
    (statement.redact(object, &pointers).unwrap(), without(object, removed))
}

#[test]
fn a_full_copy_verifies_and_says_whose_it_is() {
    let statement = &state(&[OBJECT])[0];
    let verified = verify(statement, OBJECT).unwrap();
    assert_eq!(
        (verified.party, verified.label.as_str(), verified.onward.as_str()),
        (ALICE, "tlp:green", "free")
    );
    assert!(verified.removed.is_empty());
    let again = Statement::parse(&statement.to_text()).unwrap();
    assert_eq!(&again, statement);
    // Another spelling of the same values is the same object.
    let respelt = OBJECT.replace("\\u00e9", "é").replace("1.50", "1.5").replace('\n', "");
    assert!(verify(&again, &respelt).is_ok());
}

#[test]
fn many_objects_share_one_signature() {
    let objects: Vec<String> = (0..300).map(|n| OBJECT.replace("C2", &format!("C{n}"))).collect();
    let texts: Vec<&str> = objects.iter().map(String::as_str).collect();
    let statements = state(&texts);
    let mut memo = BatchMemo::new(2);
    for (statement, object) in statements.iter().zip(&objects) {
        assert_eq!(statement.batch(), statements[0].batch());
        statement.verify(object, &Ring, at(1), &mut memo).unwrap();
    }
    assert!(verify(&statements[0], &objects[1]).is_err(), "each vouches for its own object alone");
}

#[test]
fn redacted_copies_verify_and_name_what_was_removed() {
    let statement = &state(&[OBJECT])[0];
    for (removed, expect) in [
        (vec!["/name"], vec!["/name"]),
        (vec!["/labels/1"], vec!["/labels/1"]),
        (vec!["/labels/0", "/labels/2"], vec!["/labels/0", "/labels/2"]),
        (vec!["/labels/0", "/labels/1", "/labels/2"], vec!["/labels"]),
        (vec!["/external_references/0/url"], vec!["/external_references/0/url"]),
        (vec!["/external_references/0", "/external_references/1/source_name"], vec!["/external_references"]),
        (
            vec!["/extensions/extension-definition--1/deep/list/0/0"],
            vec!["/extensions/extension-definition--1/deep/list/0/0"],
        ),
        (vec!["/extensions", "/extensions/extension-definition--1"], vec!["/extensions"]),
        (vec!["/nowhere"], vec![]),
    ] {
        let (redacted, copy) = redact(statement, OBJECT, &removed);
        let verified = verify(&redacted, &copy).unwrap_or_else(|error| panic!("{removed:?}: {error}"));
        assert_eq!(verified.removed, expect, "{removed:?}");
        let again = Statement::parse(&redacted.to_text()).unwrap();
        assert_eq!(verify(&again, &copy), Ok(verified), "it travels as text");
        if !expect.is_empty() {
            assert!(verify(&redacted, OBJECT).is_err(), "what is said to be removed must not be there");
            assert!(verify(statement, &copy).is_err(), "what is missing must be said to be removed");
        }
    }
}

#[test]
fn a_redacted_copy_can_be_redacted_further() {
    let statement = &state(&[OBJECT])[0];
    let (once, copy) = redact(statement, OBJECT, &["/labels/0", "/external_references/0/url"]);
    // The second label of the copy is the third of the original.
    let (twice, copy) = redact(&once, &copy, &["/labels/1", "/external_references/0", "/name"]);
    let verified = verify(&twice, &copy).unwrap();
    assert_eq!(verified.removed, ["/external_references/0", "/labels/0", "/labels/2", "/name"]);
    let (thrice, copy) = redact(&twice, &copy, &["/labels"]);
    assert_eq!(verify(&thrice, &copy).unwrap().removed, ["/external_references/0", "/labels", "/name"]);
}

#[test]
fn what_was_removed_cannot_be_guessed() {
    let statement = &state(&[OBJECT])[0];
    let (redacted, _) = redact(statement, OBJECT, &["/confidence"]);
    let text = redacted.to_text();
    assert!(!text.contains(&"00".repeat(32)), "the seed of the whole is not in it");
    // With the seed of any part that stayed, no confidence from 0 to 100 gives the commitment that is in it.
    for guess in 0..=100 {
        let guessed = OBJECT.replace("70", &guess.to_string());
        assert!(verify(&redacted, &guessed).is_err());
    }
    let (gone, _) = redact(statement, OBJECT, &["/labels/1"]);
    assert!(gone.to_text().contains("/labels/0"), "neighbours keep seeds of their own");
    assert!(
        !gone.to_text().contains(r#"["/labels",""#),
        "and the list's seed, which would open the removed one, goes"
    );
}

/// Every way in which a copy can differ that is more than removing.
#[test]
fn whatever_is_changed_or_added_is_found() {
    let statement = &state(&[OBJECT])[0];
    for (name, from, to) in [
        ("a value", "203.0.113.7", "203.0.113.8"),
        ("a number", "70", "71"),
        ("its type", "70", "\"70\""),
        ("null for a number", "70", "null"),
        ("an item's place", r#"["a", "b", "c"]"#, r#"["b", "a", "c"]"#),
        ("an item more", r#"["a", "b", "c"]"#, r#"["a", "b", "c", "d"]"#),
        ("an item less", r#"["a", "b", "c"]"#, r#"["a", "b"]"#),
        ("an empty list for what was in it", r#"["a", "b", "c"]"#, "[]"),
        ("a list for an object", r#"{"source_name": "y"}"#, r#"["y"]"#),
        ("a property more", "\"confidence\"", "\"revoked\": false, \"confidence\""),
        ("a property less", "\"confidence\": 70,", ""),
        ("another name", "\"confidence\"", "\"confidencf\""),
        ("an empty list filled", "[]", "[0]"),
        ("a key with a slash for a nested one", "\"deep\"", "\"de/ep\""),
    ] {
        assert!(OBJECT.contains(from), "{name}");
        assert!(verify(statement, &OBJECT.replacen(from, to, 1)).is_err(), "{name}");
    }
    for other in ["d1612665-504b-4aee-8e7d-04e0f2dcd3e9", "D1612665-504b-4aee-8e7d-04e0f2dcd3e8"] {
        let foreign = OBJECT.replace("d1612665-504b-4aee-8e7d-04e0f2dcd3e8", other);
        assert!(matches!(verify(statement, &foreign), Err(OriginError::OtherObject { .. })));
    }
    let newer = OBJECT.replace("2026-02-01", "2026-03-01");
    assert!(matches!(verify(statement, &newer), Err(OriginError::OtherObject { .. })), "another version");
    assert!(matches!(verify(statement, "[]"), Err(OriginError::Malformed(_))));
}

#[test]
fn whatever_is_changed_in_the_statement_is_found() {
    let other = OBJECT.replace("C2", "C3");
    let statements = state(&[OBJECT, &other]);
    let text = statements[0].to_text();
    let foreign = statements[1].to_text();
    let part = |text: &str, name: &str| {
        let at = text.find(&format!("\"{name}\":")).unwrap();
        text[at..].split_inclusive(']').next().unwrap().to_owned()
    };
    for (name, from, to) in [
        ("a wider label", r#""label":"tlp:green""#.to_owned(), r#""label":"tlp:clear""#.to_owned()),
        ("another onward rule", r#""onward":"free""#.to_owned(), r#""onward":"none""#.to_owned()),
        ("another place", r#""index":0"#.to_owned(), r#""index":1"#.to_owned()),
        ("another path", part(&text, "path"), part(&foreign, "path")),
        ("another's seeds", part(&text, "seeds"), part(&foreign, "seeds")),
        ("another party", ALICE.to_string(), CAROL.to_string()),
        ("a later date", "2027-01-15".to_owned(), "2028-01-15".to_owned()),
        ("a root of zeros", statements[0].batch().root.to_string(), digest(0).to_string()),
    ] {
        assert!(text.contains(&from), "{name}");
        let changed = text.replacen(&from, &to, 1);
        assert_ne!(changed, text, "{name}");
        let found = Statement::parse(&changed).map(|statement| verify(&statement, OBJECT));
        assert!(!matches!(found, Ok(Ok(_))), "{name}");
    }
}

#[test]
fn only_keys_that_count_vouch() {
    let mut batch = Batch::new();
    batch.add(OBJECT, "tlp:green", "free", seed(1)).unwrap();
    let forged = batch.sign(ALICE, at(0), key(CAROL, 0)).remove(0);
    assert!(matches!(verify(&forged, OBJECT), Err(OriginError::Signer(BadSigner::Unknown { .. }))));
    // A memo that knows an honest batch does not vouch for one with another signature.
    let honest = state(&[OBJECT]).remove(0);
    let mut memo = BatchMemo::default();
    honest.verify(OBJECT, &Ring, at(1), &mut memo).unwrap();
    let spoilt = honest.to_text().replace(r#""sig":""#, r#""sig":"AA"#);
    let other = Statement::parse(&spoilt);
    assert!(other.is_err() || other.unwrap().verify(OBJECT, &Ring, at(1), &mut memo).is_err());
    let mut signature = honest.batch().signature.as_bytes().to_vec();
    signature[100] ^= 1;
    let signature = keys::Signature::from_bytes(&signature).unwrap();
    let swapped = honest.to_text().replace(&honest.batch().signature.to_text(), &signature.to_text());
    let swapped = Statement::parse(&swapped).unwrap();
    assert!(matches!(swapped.verify(OBJECT, &Ring, at(1), &mut memo), Err(OriginError::Signer(_))));
}

#[test]
fn what_ends_an_object_may_not_be_removed() {
    let object = OBJECT.replacen('{', r#"{"revoked": true, "valid_until": "2027-01-01T00:00:00Z","#, 1);
    let statement = &state(&[&object])[0];
    for pointer in ["/id", "/type", "/modified", "/created", "/spec_version", "/revoked", "/valid_until"] {
        let refused = statement.redact(&object, &[pointer.to_owned()]);
        assert_eq!(refused, Err(OriginError::Essential(pointer.to_owned())));
    }
    // Not by hand, either.
    let (honest, copy) = redact(statement, &object, &["/confidence"]);
    let forged = honest.to_text().replace("/confidence", "/revoked");
    let forged = Statement::parse(&forged).map(|statement| verify(&statement, &copy));
    assert!(!matches!(forged, Ok(Ok(_))));
}

#[test]
fn objects_without_a_version_can_be_stated() {
    let object = r#"{"type":"ipv4-addr","id":"ipv4-addr--1","value":"203.0.113.7"}"#;
    let statement = &state(&[object])[0];
    assert!(verify(statement, object).is_ok());
    let versioned = object.replace("\"value\"", "\"modified\":\"2026-01-01T00:00:00Z\",\"value\"");
    assert!(matches!(verify(statement, &versioned), Err(OriginError::OtherObject { .. })));
}

#[test]
fn statements_are_bounded() {
    let mut batch = Batch::new();
    assert!(batch.add("{}", "", "", seed(0)).is_err(), "no id");
    assert!(batch.add("[1]", "", "", seed(0)).is_err());
    assert!(batch.add(OBJECT, &"x".repeat(Statement::MAX_PART + 1), "", seed(0)).is_err());
    let wide = format!(r#"{{"id":"x--1","list":[{}1]}}"#, "1,".repeat(MAX_LEAVES));
    assert!(batch.add(&wide, "", "", seed(0)).is_err());
    assert!(batch.is_empty());
    let text = state(&[OBJECT])[0].to_text();
    let path = format!(r#""path":[{}]"#, vec![format!("\"{}\"", digest(0)); 33].join(","));
    let deep = text.replace(r#""path":[]"#, &path);
    assert_ne!(deep, text);
    assert!(Statement::parse(&deep).unwrap_err().to_string().contains("at most 32"), "a path too deep");
    let claims = text.replace(r#""index":0"#, r#""index":4294967295"#);
    assert!(verify(&Statement::parse(&claims).unwrap(), OBJECT).is_err());
}

/// Some object with nested lists and members whose names need escapes in pointers.
fn any_object() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        any::<i32>().prop_map(|number| number.to_string()),
        "[a-z]{0,4}".prop_map(|text| format!("{text:?}")),
    ];
    let value = leaf.prop_recursive(4, 40, 4, |inner| {
        let members = prop::collection::btree_map("[a-c~/0-9]{1,2}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    });
    prop::collection::btree_map("p[a-c~/]{0,2}", value, 1..5).prop_map(|members| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
        format!("{{\"id\":\"x--1\",{}}}", members.join(","))
    })
}

fn pointers(object: &str) -> Vec<String> {
    fn walk(value: Value<'_>, here: &str, out: &mut Vec<String>) {
        out.push(here.to_owned());
        for (key, member) in value.entries() {
            walk(member, &format!("{here}/{}", json::escape_pointer(&key.as_str().unwrap())), out);
        }
        for (n, item) in value.items().enumerate() {
            walk(item, &format!("{here}/{n}"), out);
        }
    }
    let (mut tape, mut out) = (Tape::new(), Vec::new());
    walk(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap(), "", &mut out);
    out.retain(|pointer| !pointer.is_empty() && pointer != "/id");
    out
}

proptest! {
    #[test]
    fn any_redaction_of_any_object_verifies_and_nothing_else(
        object in any_object(),
        first in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        second in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut batch = Batch::new();
        batch.add(&object, "l", "o", seed(1)).unwrap();
        let mut statement = batch.sign(ALICE, at(0), &Unsigned).remove(0);
        let mut copy = object.clone();
        let mut memo = BatchMemo::default();
        for picks in [first, second] {
            let all = pointers(&copy);
            prop_assume!(!all.is_empty());
            let removed: Vec<String> = picks.iter().map(|pick| pick.get(&all).clone()).collect();
            let names: Vec<&str> = removed.iter().map(String::as_str).collect();
            let smaller = without(&copy, &names);
            let redacted = statement.redact(&copy, &removed).unwrap();
            let verified = redacted.verify(&smaller, &Trusting, at(1), &mut memo);
            prop_assert!(verified.is_ok(), "{copy} without {removed:?} is {smaller}: {verified:?}");
            if smaller != copy {
                prop_assert!(redacted.verify(&copy, &Trusting, at(1), &mut memo).is_err());
                prop_assert!(statement.verify(&smaller, &Trusting, at(1), &mut memo).is_err());
            }
            let text = redacted.to_text();
            prop_assert_eq!(&Statement::parse(&text).unwrap(), &redacted);
            (statement, copy) = (redacted, smaller);
        }
    }
}
