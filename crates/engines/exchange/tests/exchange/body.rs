//! Payloads.

use exchange::*;
use proptest::prelude::*;

use crate::support::*;

#[test]
fn content_keeps_every_byte_of_the_object() {
    let object = "{ \"id\" : \"x--1\",\n  \"n\": 1.50, \"s\":\"\\u00e9\" }";
    let meta = "{\"type\":\"marking-definition\"}";
    let companion = |number, object| Companion {
        subject: digest(number),
        label: "amber,rel:EST".to_owned(),
        onward: "depth:1".to_owned(),
        object,
    };
    let content = Content {
        object,
        origin: Some("{\"v\":1}"),
        removed: vec!["/a~1b".to_owned(), "/c/0".to_owned()],
        with: vec![companion(1, meta), companion(2, object)],
    };
    let text = content.to_text();
    assert_eq!(Content::parse(&text).unwrap(), content);
    // Without its name nobody could take it back.
    for lost in ["subject", "label", "onward"] {
        assert!(Content::parse(&text.replacen(&format!("\"{lost}\""), "\"other\"", 1)).is_err(), "{lost}");
    }
    let plain = Content { object, ..Content::default() };
    assert_eq!(plain.to_text(), format!("{{\"object\":{object}}}"));
    assert_eq!(Content::parse(&plain.to_text()).unwrap(), plain);
}

#[test]
fn content_is_bounded() {
    let one = |number| Companion {
        subject: digest(number),
        label: "clear".to_owned(),
        onward: "none".to_owned(),
        object: "{}",
    };
    let with =
        Content { object: "{}", with: vec![one(1); Content::MAX_WITH + 1], ..Content::default() }.to_text();
    let most =
        Content { object: "{}", with: vec![one(1); Content::MAX_WITH], ..Content::default() }.to_text();
    assert!(Content::parse(&most).is_ok());
    let removed =
        format!(r#"{{"object":{{"a":1}},"removed":[{}"/a"]}}"#, r#""/a","#.repeat(Content::MAX_REMOVED));
    let deep = format!(r#"{{"object":{{"a":{}{}}}}}"#, "[".repeat(80), "]".repeat(80));
    for (name, text) in [
        ("too many meta objects", with.as_str()),
        ("too many pointers", &removed),
        ("too deep", &deep),
        ("no pointer", r#"{"object":{"a":1},"removed":["a"]}"#),
        ("no object", r#"{"removed":["/a"]}"#),
        ("an empty list", r#"{"object":[]}"#),
        ("twice", r#"{"object":{"a":1},"object":{"a":2}}"#),
        ("a name that is spelt with an escape", r#"{"\u006fbject":{"a":1}}"#),
    ] {
        assert!(Content::parse(text).is_err(), "{name}");
    }
}

#[test]
fn small_bodies_have_one_spelling() {
    let withdraw = Withdraw {
        subject: digest(1),
        reason: Reason::PersonalData,
        creator_withdrawal: true,
        erase_by: at(3600),
    };
    assert_eq!(Withdraw::parse(&withdraw.to_text()).unwrap(), withdraw);
    assert!(Withdraw::parse(&withdraw.to_text().replace("true", "1")).is_err());
    assert!(Withdraw::parse(&withdraw.to_text().replace("personal-data", "Personal Data")).is_err());
    let newer = Withdraw::parse(&withdraw.to_text().replace("personal-data", "court-order-9")).unwrap();
    assert_eq!(
        newer.reason,
        Reason::Other("court-order-9".to_owned()),
        "a reason of tomorrow still withdraws"
    );

    let relabel = Relabel { subject: digest(1), label: "{\"tlp\":\"red\"}".to_owned() };
    assert_eq!(Relabel::parse(&relabel.to_text()).unwrap(), relabel);
    assert!(Relabel::parse(&relabel.to_text().replace(":1}", ":1,\"x\":1}")).is_err());
}

fn receipt(items: Vec<ReceiptItem>) -> Result<Receipt, Malformed> {
    Receipt::sign(BOB, ALICE, PACT, items, at(5), key(BOB, 0))
}

fn item(state: Erasure) -> ReceiptItem {
    ReceiptItem { subject: digest(1), state, at: at(4) }
}

#[test]
fn a_receipt_stands_on_its_own() {
    let held = Erasure::Held { basis: "court order 12/34 \"seal\"".to_owned() };
    let receipt =
        receipt(vec![item(Erasure::Erased), item(held), item(Erasure::Unknown), item(Erasure::Kept)])
            .unwrap();
    let again = Receipt::parse(&receipt.to_text()).unwrap();
    assert_eq!(again, receipt);
    assert_eq!(again.verify(&Ring, at(100)), Ok(()));
    let changes: [fn(&mut Receipt); 6] = [
        |r| r.holder = CAROL,
        |r| r.to = CAROL,
        |r| r.agreement = model::AgreementId(digest(1)),
        |r| r.items[2].state = Erasure::Erased,
        |r| r.items[0].subject = digest(2),
        |r| r.at = at(6),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = receipt.clone();
        change(&mut other);
        assert!(other.verify(&Ring, at(100)).is_err(), "change {number}");
    }
}

#[test]
fn receipts_are_bounded() {
    assert!(receipt(Vec::new()).is_err());
    assert!(receipt(vec![item(Erasure::Erased); Receipt::MAX_ITEMS + 1]).is_err());
    assert!(receipt(vec![item(Erasure::Held { basis: "x".repeat(1001) })]).is_err());
    assert!(receipt(vec![item(Erasure::Held { basis: String::new() })]).is_err(), "a hold names its basis");
    let full = receipt(vec![item(Erasure::Held { basis: "\u{1}".repeat(1000) }); 100]).unwrap();
    assert_eq!(Receipt::parse(&full.to_text()).unwrap(), full);
    let erased = receipt(vec![item(Erasure::Erased)]).unwrap().to_text();
    let stray = erased.replace(r#""state":"erased""#, r#""basis":"x","state":"erased""#);
    assert_ne!(stray, erased);
    assert!(Receipt::parse(&stray).is_err(), "only a hold has a basis");
}

proptest! {
    #[test]
    fn bodies_are_read_totally(payload in "[\\PC{}\\[\\]\":,/]{0,120}") {
        for kind in Kind::ALL {
            let _ = Body::parse(kind, &payload);
        }
    }
}
