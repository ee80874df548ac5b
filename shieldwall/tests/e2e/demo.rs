//! The demonstration, from start to end.

use serde_json::{Value, json};

use crate::harness::run;
use crate::shape::check_shape;

/// The names in an array of strings, in order.
fn names(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn five_nodes_share_under_agreements() {
    let ended = run(&["demo", "--once", "--json", "--rounds", "5"]).exits(0).json();
    let milliseconds = json!({"min": "number", "median": "number", "p99": "number", "max": "number"});
    check_shape(
        &ended,
        &json!({
            "ok": true,
            "nodes": 5,
            "publish_to_visible_ms": milliseconds,
            "unmarked_stayed_home": true,
            "audit_verified": true,
        }),
    );
    // The texts decide: TLP:AMBER is above the circle's ceiling and within both bilateral ones.
    assert_eq!(names(&ended["delivered_to"]), ["GBR", "USA"], "{ended}");
    let withheld = ended["withheld"].as_array().unwrap();
    let expected = [
        // Which of the circle's two clauses is nearest is for the policy to say.
        ("TLP:AMBER", "CAN", &["clear", "green"][..]),
        ("TLP:AMBER", "NZL", &["clear", "green"]),
        ("TLP:AMBER+STRICT", "CAN", &["clear", "green"]),
        ("TLP:AMBER+STRICT", "NZL", &["clear", "green"]),
        ("TLP:AMBER+STRICT", "USA", &["intel-a-to-b"]),
    ];
    assert_eq!(withheld.len(), expected.len(), "{ended}");
    for (one, (label, party, clauses)) in withheld.iter().zip(expected) {
        assert_eq!((one["label"].as_str(), one["party"].as_str()), (Some(label), Some(party)), "{one}");
        let clause = one["clause"].as_str().unwrap();
        assert!(clauses.contains(&clause), "{one}");
        let consent = one["smallest_consent"].as_str().unwrap();
        assert!(consent.contains(clause), "{one}");
    }
    assert_eq!(ended["withdrawn"], json!({"holders": 2, "receipts": 2}));
    let agreements = ended["agreements"].as_array().unwrap();
    let ceilings: Vec<_> = agreements.iter().map(|one| one["ceiling"].as_str().unwrap()).collect();
    assert_eq!(ceilings, ["TLP:GREEN", "TLP:AMBER+STRICT", "TLP:AMBER"]);
}

#[test]
fn the_demonstration_takes_real_data() {
    let Some(shared) = testkit::shared() else { return };
    let data = shared.join("data/stix-examples");
    let data = data.to_str().unwrap();
    let ended = run(&["demo", "--once", "--json", "--rounds", "2", "--data", data]).exits(0);
    check_shape(&ended.json(), &json!({"ok": true, "nodes": 5}));
}

#[test]
fn it_tells_people_what_happens() {
    let ended = run(&["demo", "--once", "--rounds", "1"]).exits(0);
    let said = format!("{}{}", ended.text(), ended.stderr);
    for word in
        ["AUS", "CAN", "GBR", "NZL", "USA", "ms", "withheld", "smallest consent", "receipt", "verified"]
    {
        assert!(said.contains(word), "{word} in {said}");
    }
}
