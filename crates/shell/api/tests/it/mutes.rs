//! What people do not want to hear of for a while.

use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Desk, id, indicator};

async fn muted(desk: &Desk) -> Vec<Value> {
    let list = desk.operator("GET /api/v1/mutes").expect(200).await.json();
    list["mutes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_indicator_is_muted_and_unmuted_as_often_as_one_likes() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    assert_eq!(muted(&desk).await, Vec::<Value>::new());
    let line = format!("/api/v1/objects/{}/mute", id(1));
    for reason in ["a scanner of ours", "still ours"] {
        desk.operator(&format!("PUT {line}")).json(&json!({"reason": reason})).expect(204).await;
        let list = muted(&desk).await;
        assert_eq!((list.len(), &list[0]["object"]), (1, &json!(id(1))), "{list:?}");
        assert_eq!((&list[0]["reason"], list[0].get("until")), (&json!(reason), None), "{list:?}");
        // Saying it once more is no second mute.
        let again = json!({"reason": "for other reasons", "until": "9000-01-01T00:00:00Z"});
        desk.operator(&format!("PUT {line}")).json(&again).expect(204).await;
        let list = muted(&desk).await;
        assert_eq!((list.len(), &list[0]["reason"]), (1, &json!("for other reasons")), "{list:?}");
        assert!(list[0]["until"].as_str().unwrap().starts_with("9000-01-01"), "{list:?}");
        desk.operator(&format!("DELETE {line}")).json(&json!({"reason": "gone"})).expect(204).await;
        assert_eq!(muted(&desk).await, Vec::<Value>::new());
        desk.operator(&format!("DELETE {line}")).json(&json!({"reason": "gone"})).expect(404).await;
    }
    // The indicator is where it was, and the audit log knows who did what.
    desk.operator(&format!("GET /api/v1/objects/{}", id(1))).expect(200).await;
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("object.mute") && log.contains("object.unmute"), "{log}");
}

#[tokio::test]
async fn a_mute_ends_by_itself_and_stays_here() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let now = desk.node.core.clock.now();
    let mute = json!({"reason": "for an hour", "until": now.plus_micros(3_600_000_000).to_string()});
    desk.operator(&format!("PUT /api/v1/objects/{}/mute", id(1))).json(&mute).expect(204).await;
    assert_eq!(muted(&desk).await.len(), 1);
    // The note that keeps it is for this organisation alone, whatever its objects are labelled with otherwise.
    let notes = desk.operator("GET /api/v1/objects?type=note").expect(200).await.json();
    let note = &notes["objects"][0];
    assert_eq!((&note["label"], &note["type"]), (&json!("own"), &json!("note")), "{notes:#}");
    desk.clock.advance(Duration::from_secs(3_601));
    assert_eq!(muted(&desk).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_cannot_be_muted_is_refused_with_a_remedy() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let mute = |id: &str, body: Value| desk.operator(&format!("PUT /api/v1/objects/{id}/mute")).json(&body);
    mute(&id(9), json!({"reason": "because"})).expect(404).await;
    mute(&id(1), json!({"reason": " "})).expect(400).await;
    mute(&id(1), json!({"reason": "because", "until": "tomorrow"})).expect(400).await;
    mute("nothing", json!({"reason": "because"})).expect(400).await;
    let past = mute(&id(1), json!({"reason": "because", "until": "2001-01-01T00:00:00Z"})).expect(422).await;
    assert!(past.body.contains("has passed"), "{}", past.body);
    let made = desk.operator("GET /api/v1/node").expect(200).await.json();
    let identity = made["identity"].as_str().unwrap();
    let odd = mute(identity, json!({"reason": "because"})).expect(422).await;
    assert!(odd.body.contains("not matched"), "{}", odd.body);
}
