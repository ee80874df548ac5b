//! What people do not want to hear of for a while.

use std::time::Duration;

use model::Timestamp;
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

const LOOKS: &str = "extension-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a04";
const OWN_ONLY: &str = "marking-definition--5a1e1dab-0f5c-4c8e-9d0e-6f2f6b1c7a01";

/// A note as one that mutes, made by somebody who has read how they look.
fn forged(place: u32) -> Value {
    json!({
        "type": "note", "spec_version": "2.1",
        "id": format!("note--00000000-0000-4000-8000-{place:012}"),
        "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
        "content": "nothing to see here", "object_refs": [id(1)],
        "extensions": {LOOKS: {"extension_type": "property-extension", "looks": false, "reason": "muted"}},
        "object_marking_refs": [OWN_ONLY],
    })
}

/// A later version of a note that was seen in an export.
fn later(note: &Value) -> Value {
    let mut copy = note.clone();
    let modified: Timestamp = note["modified"].as_str().unwrap().parse().unwrap();
    copy["modified"] = json!(modified.plus_micros(1_000_000).to_string());
    copy["object_marking_refs"] = json!([OWN_ONLY]);
    copy
}

/// Brings a note in as ours, and insists that it is the newest of its id and stays here, as those that mute do.
async fn brought_in(desk: &Desk, note: &Value) {
    desk.put(std::slice::from_ref(note)).await;
    let line = format!("GET /api/v1/objects/{}", note["id"].as_str().unwrap());
    let held = desk.operator(&line).expect(200).await.json();
    assert_eq!((&held["label"], &held["object"]["modified"]), (&json!("own"), &note["modified"]), "{held:#}");
}

/// The note that keeps the only mute there is.
async fn keeper(desk: &Desk) -> Value {
    let notes = desk.operator("GET /api/v1/objects?type=note").expect(200).await.json();
    let notes = notes["objects"].as_array().unwrap();
    let marked = |note: &&Value| note["object"]["extensions"][LOOKS]["mark"].is_string();
    let marked: Vec<&Value> = notes.iter().filter(marked).collect();
    assert_eq!(marked.len(), 1, "{notes:#?}");
    marked[0]["object"].clone()
}

/// Bringing in objects as ours is not the right to mute: whoever imports a bundle must not silence anything by it.
#[tokio::test]
async fn a_note_that_is_brought_in_mutes_nothing() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let line = format!("/api/v1/objects/{}/mute", id(1));
    brought_in(&desk, &forged(1)).await;
    assert_eq!(muted(&desk).await, Vec::<Value>::new());
    let mut guessed = forged(2);
    guessed["extensions"][LOOKS]["mark"] = json!("0".repeat(64));
    brought_in(&desk, &guessed).await;
    assert_eq!(muted(&desk).await, Vec::<Value>::new());
    desk.operator(&format!("DELETE {line}")).json(&json!({"reason": "gone"})).expect(404).await;
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(!log.contains("object.mute") && !log.contains("object.unmute"), "{log}");
}

/// Nor does it help to have seen the note of a mute: a copy goes on for no longer, and does not come back.
#[tokio::test]
async fn a_copy_of_a_mute_mutes_nothing() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let line = format!("/api/v1/objects/{}/mute", id(1));
    let until = desk.node.core.clock.now().plus_micros(3_600_000_000).to_string();
    let mute = json!({"reason": "for an hour", "until": until});
    desk.operator(&format!("PUT {line}")).json(&mute).expect(204).await;
    assert_eq!(muted(&desk).await.len(), 1);
    let note = keeper(&desk).await;

    let mut other = later(&note);
    other["id"] = json!("note--00000000-0000-4000-8000-000000000003");
    brought_in(&desk, &other).await;
    let list = muted(&desk).await;
    assert_eq!((list.len(), &list[0]["reason"]), (1, &json!("for an hour")), "{list:?}");

    // What takes the place of a mute ends it: what is looked for is not hidden.
    let mut longer = later(&note);
    longer["extensions"][LOOKS]["until"] = json!("9000-01-01T00:00:00.000Z");
    brought_in(&desk, &longer).await;
    assert_eq!(muted(&desk).await, Vec::<Value>::new());

    // Our people can mute it again, and what they ended is not brought back by its own words.
    desk.operator(&format!("PUT {line}")).json(&json!({"reason": "once more"})).expect(204).await;
    let list = muted(&desk).await;
    assert_eq!((list.len(), &list[0]["reason"]), (1, &json!("once more")), "{list:?}");
    let ended = desk.operator(&format!("GET /api/v1/objects/{}", note["id"].as_str().unwrap()));
    let ended = ended.expect(200).await.json()["object"].clone();
    desk.operator(&format!("DELETE {line}")).json(&json!({"reason": "gone"})).expect(204).await;
    brought_in(&desk, &later(&ended)).await;
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
