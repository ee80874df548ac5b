//! Signed documents: one text for one document, and who counts as a signer.

use std::sync::LazyLock;

use keys::{KeyId, PublicKey, Signed, SignedError, context};
use proptest::prelude::*;

use crate::common::key;

const BODY: &str = r#"{"b":[1,2.50],"a":"é"}"#;

fn signed() -> Signed {
    Signed::sign(BODY, context::REPORT, &[key(1), key(2)]).unwrap()
}

#[test]
fn the_body_is_made_canonical() {
    let signed = signed();
    assert_eq!(signed.body, r#"{"a":"é","b":[1,2.5]}"#);
    // SHA-256 of exactly that text, as any tool computes it.
    let same = Signed::sign(" { \"a\" : \"\\u00e9\", \"b\": [1, 2.5] } ", context::REPORT, &[]).unwrap();
    assert_eq!(same.hash(), signed.hash());
}

#[test]
fn texts_come_back() {
    let signed = signed();
    let text = signed.to_text();
    assert_eq!(Signed::parse(text.as_bytes()), Ok(signed.clone()));
    assert_eq!(Signed::parse(format!("{text}\n").as_bytes()), Ok(signed));
}

#[track_caller]
fn refused(text: &str, pointer: &str, says: &str) {
    let error = Signed::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.pointer, pointer, "{error}");
    assert!(error.problem.contains(says), "{error}");
}

#[test]
fn only_the_one_text_is_read() {
    let text = signed().to_text();
    refused(&text.replacen("{\"body\":{", "{\"body\":{ ", 1), "/body", "canonical");
    refused(&text.replacen("{\"body\"", "{ \"body\"", 1), "", "canonical");
    refused(&text.replacen("2.5", "2.50", 1), "/body", "canonical");
    refused(&text.replacen("\"é\"", "\"\\u00e9\"", 1), "/body", "canonical");
    refused(
        &text.replacen("\"a\":\"é\",\"b\":[1,2.5]", "\"b\":[1,2.5],\"a\":\"é\"", 1),
        "/body",
        "canonical",
    );
    refused(&text.replacen("\"a\":\"é\"", "\"a\":\"é\",\"a\":\"x\"", 1), "/body", "twice");
    refused(&text.replacen("{\"body\"", "{\"also\":1,\"body\"", 1), "/also", "not known");
    refused(&text.replacen("{\"by\"", "{\"at\":1,\"by\"", 1), "/signatures/0/at", "not known");
    refused(&text.replacen("\"by\":\"", "\"by\":\"X", 1), "/signatures/0/by", "hex");
    refused(&text.replacen("\"sig\":\"", "\"sig\":\"A", 1), "/signatures/0/sig", "bytes");
    refused(&format!("{text}\n\n"), "", "canonical");
    refused(&format!("{text}x"), "", "follows");
    refused("{\"body\":[],\"signatures\":[]}", "/body", "object");
    refused("{\"body\":{},\"signatures\":{}}", "/signatures", "list");
    refused("{\"body\":{}}", "/signatures", "missing");
    refused("[]", "", "object");
    refused("", "", "ends");
}

#[test]
fn no_key_signs_twice_and_their_order_is_fixed() {
    let mut twice = signed();
    twice.signatures[1] = twice.signatures[0].clone();
    refused(&twice.to_text(), "/signatures/1/by", "no key signs twice");
    let mut swapped = signed();
    swapped.signatures.swap(0, 1);
    refused(&swapped.to_text(), "/signatures/1/by", "sorted");
    let mut again = signed();
    assert!(matches!(again.add(context::REPORT, key(1)), Err(SignedError::Malformed(_))));
    assert_eq!(again, signed());
}

#[test]
fn numbers_that_would_lose_digits_are_not_signed() {
    for body in [
        r#"{"n":9007199254740992}"#,
        r#"{"n":9007199254740993}"#,
        r#"{"n":-9007199254740993}"#,
        r#"{"n":9.007199254740993e15}"#,
        r#"{"n":18446744073709551615}"#,
        r#"{"a":[{"n":-1e300}]}"#,
        r#"{"n":1e999}"#,
    ] {
        assert!(matches!(Signed::unsigned(body), Err(SignedError::Malformed(_))), "{body}");
    }
    assert!(Signed::unsigned(r#"{"n":-9007199254740991}"#).is_ok());
    for body in ["[]", "1", "", "{", r#"{"a":1,"a":1}"#] {
        assert!(Signed::unsigned(body).is_err(), "{body}");
    }
}

#[test]
fn there_is_a_limit_to_everything() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    assert!(Signed::unsigned(&deep).is_err());
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(9 << 20));
    assert!(Signed::unsigned(&long).is_err());
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(300_000));
    assert!(Signed::unsigned(&many).is_err());
    let mut crowd = Signed::unsigned("{}").unwrap();
    let signature = key(1).sign(context::REPORT, b"{}");
    let by = |n: u8| KeyId(model::Digest([n; 32]));
    for n in 0..64 {
        crowd.attach(by(n), signature.clone()).unwrap();
    }
    assert!(crowd.attach(by(64), signature.clone()).is_err());
    assert!(Signed::parse(crowd.to_text().as_bytes()).is_ok());
    crowd.signatures.push((by(65), signature));
    assert!(Signed::parse(crowd.to_text().as_bytes()).is_err());
}

#[test]
fn one_signer() {
    let signed = signed();
    assert_eq!(signed.verify_by(context::REPORT, key(1).public()), Ok(()));
    assert_eq!(signed.verify_by(context::REPORT, key(3).public()), Err(SignedError::Missing(key(3).id())));
    assert_eq!(signed.verify_by(context::RELEASE, key(1).public()), Err(SignedError::Bad(key(1).id())));
    let mut changed = signed.clone();
    changed.body = changed.body.replace("2.5", "2.6");
    assert_eq!(changed.verify_by(context::REPORT, key(1).public()), Err(SignedError::Bad(key(1).id())));
    // Whose signature it is, the signature says, not the name beside it.
    let mut renamed = signed;
    renamed.signatures[0].0 = key(3).id();
    assert_eq!(renamed.verify_by(context::REPORT, key(3).public()), Err(SignedError::Bad(key(3).id())));
}

#[test]
fn a_threshold_counts_keys() {
    let keys: Vec<PublicKey> = (1..=4).map(|n| key(n).public().clone()).collect();
    let signed = signed();
    let check = |keys: &[PublicKey], threshold| {
        signed.verify_threshold(context::REPORT, keys, threshold).map(|s| s.len())
    };
    assert_eq!(check(&keys, 2), Ok(2));
    assert_eq!(check(&keys, 1), Ok(2));
    assert_eq!(check(&keys, 3), Err(SignedError::TooFew { valid: 2, threshold: 3 }));
    assert_eq!(check(&keys, 0), Err(SignedError::TooFew { valid: 2, threshold: 0 }));
    assert_eq!(check(&keys[2..], 1), Err(SignedError::TooFew { valid: 0, threshold: 1 }));
    // The same key listed twice is one key.
    let twice = [keys[0].clone(), keys[0].clone()];
    assert_eq!(check(&twice, 2), Err(SignedError::TooFew { valid: 1, threshold: 2 }));
    // One member's signature that is wrong is not passed over.
    let mut spoilt = signed.clone();
    let third = key(3).sign(context::RELEASE, spoilt.body.as_bytes());
    spoilt.attach(key(3).id(), third).unwrap();
    assert_eq!(spoilt.verify_threshold(context::REPORT, &keys, 2), Err(SignedError::Bad(key(3).id())));
    // A stranger's is.
    let mut strange = signed.clone();
    strange.attach(key(9).id(), key(9).sign(context::RELEASE, b"")).unwrap();
    assert!(strange.verify_threshold(context::REPORT, &keys, 2).is_ok());
}

/// Two keys with one half in common are one person's two tries to count twice.
#[test]
fn keys_that_share_a_half_count_once() {
    let mut seed = *key(1).seed();
    seed[63] ^= 1;
    let twin = keys::SecretKey::from_seed(seed);
    assert!(twin.public().shares_a_half(key(1).public()) && twin.id() != key(1).id());
    let signed = Signed::sign("{}", context::REPORT, &[key(1), &twin]).unwrap();
    let keys = [key(1).public().clone(), twin.public().clone()];
    let counted = signed.verify_threshold(context::REPORT, &keys, 2);
    assert_eq!(counted, Err(SignedError::TooFew { valid: 1, threshold: 2 }));
}

#[test]
fn every_truncation_is_refused() {
    let text = Signed::sign("{\"a\":1}", context::REPORT, &[key(1)]).unwrap().to_text();
    for end in 0..text.len() {
        assert!(Signed::parse(&text.as_bytes()[..end]).is_err(), "{end}");
    }
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        (-1_000_000i64..1_000_000).prop_map(|n| n.to_string()),
        "[ -~é]{0,8}".prop_map(|text| {
            let mut out = String::new();
            json::write_string(&text, &mut out);
            out
        }),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {} ]", items.join(" , "))),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|members| {
                let members: Vec<String> =
                    members.iter().rev().map(|(k, v)| format!("\"{k}\" : {v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_document_comes_back(value in json()) {
        let signed = Signed::sign(&format!("{{\"x\": {value}}}"), context::REPORT, &[]).unwrap();
        let parsed = Signed::parse(signed.to_text().as_bytes());
        prop_assert_eq!(parsed.as_ref(), Ok(&signed));
        prop_assert_eq!(Signed::unsigned(&signed.body).unwrap().body, signed.body);
    }

    #[test]
    fn no_text_is_too_odd(bytes in any::<Vec<u8>>(), at in 0..4000usize, byte in any::<u8>()) {
        let _ = Signed::parse(&bytes);
        static TEXT: LazyLock<String> =
            LazyLock::new(|| Signed::sign("{\"a\":1}", context::REPORT, &[key(1)]).unwrap().to_text());
        let mut text = TEXT.clone().into_bytes();
        let at = at % text.len();
        let same = text[at] == byte;
        text[at] = byte;
        // Whatever else is read as a document, the signature of this one is not on it.
        if let Ok(signed) = Signed::parse(&text) {
            prop_assert_eq!(signed.verify_by(context::REPORT, key(1).public()).is_ok(), same);
        }
    }
}
