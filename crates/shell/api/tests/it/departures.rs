//! Exports: what stays in the house, and what leaves it.

use serde_json::json;

use crate::desk::{Desk, indicator};
use crate::office::{Office, places, under};

#[tokio::test]
async fn an_export_to_somebody_outside_carries_what_may_leave_and_is_booked_before_it_does() {
    let office = Office::open();
    let mut personal = under("green", 6);
    personal["description"] = json!("reported by jo.victim@victim.example");
    let objects =
        [under("clear", 1), under("green", 2), under("amber", 3), under("red", 4), indicator(5), personal];
    office.put(&objects).await;
    let analyst = office.client("ana", "analyst").await;
    let export = |query: &str| office.ask(&format!("GET /api/v1/export?{query}")).bearer(&analyst.secret);
    let to = "recipient=Harbour%20Board&purpose=incident-response&type=indicator";
    let left = export(to).expect(200).await;
    assert_eq!(places(&left), [1, 2, 6]);
    assert!(!left.body.contains("victim"), "{}", left.body);
    assert_eq!(left.header("x-shieldwall-withheld"), "3");
    // As events and lists too.
    let event = export(&format!("format=misp&{to}")).expect(200).await;
    assert!(
        event.body.contains("bad1.badhost.net") && !event.body.contains("bad3.badhost.net"),
        "{}",
        event.body
    );
    assert!(!event.body.contains("victim"));
    let list = export(&format!("format=list&{to}")).expect(200).await.body;
    assert!(list.contains("bad2.badhost.net") && list.contains("label: green"), "{list}");
    for kept in ["bad3", "bad4", "bad5"] {
        assert!(!list.contains(kept), "{list}");
    }
    let log = office.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("export.depart") && log.contains("recipient=Harbour Board"), "{log}");
    let tables = office.tables().await;
    let rows = tables["departures"].as_array().unwrap();
    let green = rows.iter().find(|row| row[0][4] == "green").unwrap();
    assert_eq!((&green[0][0], &green[0][2]), (&json!("export"), &json!("incident-response")));
    assert_eq!(green[1], json!([3, 6, 3]), "three exports of two objects, one of them redacted");
    assert!(rows.iter().all(|row| row[0][4] == "green" || row[0][4] == "clear"), "{tables:#}");
    assert!(!tables.to_string().contains("Harbour"));
}

#[tokio::test]
async fn for_whom_and_what_for_belong_together_and_a_faithful_copy_does_not_leave() {
    let office = Office::open();
    let export = |query: &str| office.operator(&format!("GET /api/v1/export?{query}"));
    for query in [
        "recipient=Board",
        "purpose=detection",
        "recipient=%20&purpose=detection",
        "recipient=Board&purpose=What%20for",
        "recipient=Board&purpose=",
        "recipient=Board&purpose=detection&faithful=true",
        "recipient=Board&purpose=detection&all_versions=true",
    ] {
        export(query).expect(400).await;
    }
    // A node that is nobody's party has nobody to answer for a departure.
    let desk = Desk::open();
    desk.operator("GET /api/v1/export?recipient=Board&purpose=detection").expect(422).await;
    desk.operator("GET /api/v1/export").expect(200).await;
}

#[tokio::test]
async fn a_copy_for_ourselves_is_whole_and_counted_as_access() {
    let office = Office::open();
    office.put(&[under("clear", 1), under("red", 2), indicator(3)]).await;
    let viewer = office.client("vi", "viewer").await;
    let copy = office.ask("GET /api/v1/export?type=indicator").bearer(&viewer.secret).expect(200).await;
    assert_eq!(places(&copy), [1, 2, 3]);
    assert!(!copy.headers.contains_key("x-shieldwall-withheld"));
    let tables = office.tables().await;
    assert_eq!(tables["access"], json!([[["viewer", "export"], [1]]]));
    assert_eq!(tables["departures"], json!([]));
}
