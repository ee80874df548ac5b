//! The demonstration, from start to end.

use serde_json::json;

use crate::harness::run;
use crate::shape::check_shape;

#[test]
fn five_nodes_share_live() {
    let ended = run(&["demo", "--once", "--json"]).exits(0);
    let milliseconds = json!({"median": "number", "p99": "number", "max": "number"});
    check_shape(&ended.json(), &json!({"ok": true, "nodes": 5, "publish_to_visible_ms": milliseconds}));
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
    for nation in ["AUS", "CAN", "GBR", "NZL", "USA"] {
        assert!(said.contains(nation), "{nation} in {said}");
    }
    assert!(said.contains("ms"), "{said}");
}
