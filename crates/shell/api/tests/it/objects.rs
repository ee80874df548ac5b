//! Objects, search, graph, journal, held values, import, export, metrics.

use serde_json::{Value, json};

use crate::desk::{Desk, clear, id, indicator};

#[tokio::test]
async fn an_object_comes_back_as_it_was_with_what_is_known_about_it() {
    let desk = Desk::open();
    let raw = format!(
        r#"{{"type":"indicator", "spec_version":"2.1","id":"{}","created":"2026-01-01T00:00:00.10000Z","modified":"2026-01-01T00:00:00.1000Z","x_n":1.50e1,"pattern":"[domain-name:value = 'a.badhost.net']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z"}}"#,
        id(1)
    );
    desk.operator("POST /api/v1/objects")
        .body("application/stix+json;version=2.1", raw.clone())
        .expect(200)
        .await;
    let path = format!("/api/v1/objects/{}", id(1));
    let known = desk.operator(&format!("GET {path}")).expect(200).await;
    assert!(known.body.contains(&raw), "{}", known.body);
    let json = known.json();
    assert_eq!(
        (&json["label"], &json["overlay"], &json["source"]),
        (&json!("own"), &json!("own"), &json!("own"))
    );
    for reply in [
        desk.operator(&format!("GET {path}?raw=true")),
        desk.operator(&format!("GET {path}")).header("accept", "application/stix+json;version=2.1"),
        desk.operator(&format!("GET {path}?version=2026-01-01T00:00:00.1Z&raw=true")),
    ] {
        let reply = reply.expect(200).await;
        assert_eq!(reply.body, raw);
        assert_eq!(reply.header("content-type"), "application/stix+json;version=2.1");
        assert_eq!(reply.header("x-shieldwall-label"), "own");
    }
    desk.operator(&format!("GET {path}?version=2025-01-01T00:00:00Z")).expect(404).await;
    let versions = desk.operator(&format!("GET {path}/versions")).expect(200).await.json();
    assert_eq!(versions["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn each_object_of_a_request_gets_its_own_answer() {
    let desk = Desk::open();
    let mut broken = indicator(2);
    broken.as_object_mut().unwrap().remove("pattern");
    let array = json!([indicator(1), broken, indicator(1)]);
    let reply = desk.operator("POST /api/v1/objects").json(&array).expect(200).await.json();
    let outcomes: Vec<_> =
        reply["results"].as_array().unwrap().iter().map(|r| r["outcome"].clone()).collect();
    assert_eq!(outcomes, ["accepted", "refused", "unchanged"]);
    assert!(!reply["results"][1]["findings"].as_array().unwrap().is_empty());
    assert_eq!(
        reply["summary"],
        json!({"accepted": 1, "unchanged": 1, "superseded": 0, "held": 0, "refused": 1})
    );
    desk.operator("POST /api/v1/objects").json(&json!([{"type": "indicator"}])).expect(422).await;
}

#[tokio::test]
async fn paging_neither_skips_nor_repeats_while_objects_are_added() {
    let desk = Desk::open();
    desk.put(&(1..=25).map(indicator).collect::<Vec<_>>()).await;
    let (mut seen, mut cursor, mut next_new) = (Vec::new(), String::new(), 100);
    loop {
        let page = desk
            .operator(&format!("GET /api/v1/objects?type=indicator&limit=7{cursor}"))
            .expect(200)
            .await
            .json();
        seen.extend(page["objects"].as_array().unwrap().iter().map(|o| o["id"].as_str().unwrap().to_owned()));
        // The list grows under the reader, up to a point.
        if next_new < 103 {
            desk.put(&[indicator(next_new)]).await;
            next_new += 1;
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        let other =
            desk.operator(&format!("GET /api/v1/objects?type=malware&limit=7{cursor}")).expect(400).await;
        assert!(other.body.contains("filters differ"), "{}", other.body);
    }
    let expect: Vec<_> = (1..=25).chain(100..103).map(id).collect();
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn objects_are_found_by_value_however_it_is_written() {
    let desk = Desk::open();
    desk.put(&[indicator(1), indicator(2)]).await;
    for query in [
        "search?observable=bad1.badhost.net",
        "search?observable=BAD1%5B.%5Dbadhost.net",
        "objects?observable=bad1.badhost.net",
    ] {
        let found = desk.operator(&format!("GET /api/v1/{query}")).expect(200).await;
        assert!(found.body.contains(&id(1)) && !found.body.contains(&id(2)), "{query}: {}", found.body);
    }
    desk.operator("GET /api/v1/search?observable=no%20value").expect(400).await;
}

#[tokio::test]
async fn a_neighbourhood_is_walked_as_far_as_asked_and_no_further() {
    let desk = Desk::open();
    let malware = |n: u32| {
        json!({
            "type": "malware", "spec_version": "2.1", "id": format!("malware--00000000-0000-4000-8000-{n:012}"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": format!("m{n}"), "is_family": false,
        })
    };
    let link = |n: u32, kind: &str, from: &Value, to: &Value| {
        json!({
            "type": "relationship", "spec_version": "2.1", "id": format!("relationship--00000000-0000-4000-8000-{n:012}"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
            "relationship_type": kind, "source_ref": from["id"], "target_ref": to["id"],
        })
    };
    let (a, b, c) = (indicator(1), malware(1), malware(2));
    desk.put(&[a.clone(), b.clone(), c.clone(), link(1, "indicates", &a, &b), link(2, "related-to", &b, &c)])
        .await;
    let near = desk.operator(&format!("GET /api/v1/graph?id={}", id(1))).expect(200).await;
    assert!(
        near.body.contains(b["id"].as_str().unwrap()) && !near.body.contains(c["id"].as_str().unwrap()),
        "{}",
        near.body
    );
    let far = desk.operator(&format!("GET /api/v1/graph?id={}&depth=2", id(1))).expect(200).await;
    assert!(far.body.contains(c["id"].as_str().unwrap()));
    let cut =
        desk.operator(&format!("GET /api/v1/graph?id={}&depth=3&limit=2", id(1))).expect(200).await.json();
    assert_eq!((cut["nodes"].as_array().unwrap().len(), &cut["truncated"]), (2, &json!(true)));
}

#[tokio::test]
async fn an_expired_journal_place_is_gone_and_names_the_horizon() {
    let desk = Desk::open();
    desk.put(&(1..=5).map(indicator).collect::<Vec<_>>()).await;
    let head = desk.operator("GET /api/v1/node").expect(200).await.json()["head"].as_u64().unwrap();
    let page = desk.operator("GET /api/v1/journal?after=0&limit=1000").expect(200).await.json();
    let seqs: Vec<_> =
        page["entries"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=head).collect::<Vec<_>>());
    let core = std::sync::Arc::clone(&desk.node.core);
    while core.index_step().unwrap() {}
    let compacted =
        desk.operator("POST /api/v1/store/compact").json(&json!({"keep": 2})).expect(200).await.json();
    let gone = desk.operator("GET /api/v1/journal?after=0").expect(410).await.json();
    assert_eq!(gone["type"], "urn:shieldwall:problem:cursor-expired");
    assert_eq!(gone["horizon"], compacted["horizon"]);
    let horizon = gone["horizon"].as_u64().unwrap();
    desk.operator(&format!("GET /api/v1/journal?after={horizon}")).expect(200).await;
}

#[tokio::test]
async fn a_benign_value_is_held_and_a_person_decides() {
    let desk = Desk::open();
    let mut dns = indicator(1);
    dns["pattern"] = json!("[ipv4-addr:value = '8.8.8.8']");
    let list = json!({"name": "public resolvers", "type": "string", "matching_attributes": ["ip-dst"], "list": ["8.8.8.8"]});
    desk.operator("PUT /api/v1/warning-lists/resolvers").json(&list).expect(200).await;
    let reply = desk.operator("POST /api/v1/objects").json(&dns).expect(200).await.json();
    assert_eq!(reply["results"][0]["outcome"], "held", "{reply:#}");
    let number = reply["results"][0]["held"].as_i64().unwrap();
    let held = desk.operator(&format!("GET /api/v1/held/{number}")).expect(200).await.json();
    assert_eq!(held["id"], dns["id"]);
    let release = format!("POST /api/v1/held/{number}/release");
    desk.operator(&release).json(&json!({"reason": " "})).expect(400).await;
    let ann = desk.token("ann", "analyst", &[]).await;
    let decided =
        desk.ask(&release).bearer(&ann).json(&json!({"reason": "hijacked here"})).expect(200).await.json();
    assert_eq!(decided["outcome"], "accepted");
    desk.ask(&release).bearer(&ann).json(&json!({"reason": "again"})).expect(409).await;
    let held = desk.operator("GET /api/v1/held?all=true").expect(200).await.json();
    assert_eq!(held["held"][0]["decision"]["author"], "ann");
    desk.operator(&format!("GET /api/v1/objects/{}", id(1))).expect(200).await;
}

#[tokio::test]
async fn an_import_streams_progress_and_ends_with_a_summary_and_repeats_harmlessly() {
    let desk = Desk::open();
    let bundle = json!({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000",
                        "objects": (1..=50).map(clear).collect::<Vec<_>>()});
    let import = || {
        desk.operator("POST /api/v1/import?name=test.json")
            .body("application/octet-stream", bundle.to_string())
    };
    for (accepted, unchanged) in [(50, 0), (0, 50)] {
        let reply = import().expect(200).await;
        assert_eq!(reply.header("content-type"), "application/x-ndjson");
        let last: Value = serde_json::from_str(reply.body.lines().last().unwrap()).unwrap();
        let summary = &last["summary"];
        assert_eq!(
            (&summary["accepted"], &summary["unchanged"]),
            (&json!(accepted), &json!(unchanged)),
            "{last:#}"
        );
    }
    let cut = bundle.to_string();
    let reply = desk
        .operator("POST /api/v1/import")
        .body("application/octet-stream", cut[..cut.len() / 2].to_owned());
    let reply = reply.expect(200).await;
    let last: Value = serde_json::from_str(reply.body.lines().last().unwrap()).unwrap();
    assert!(last.get("summary").is_some() || last.get("error").is_some(), "{last:#}");
    desk.operator("POST /api/v1/import?source=nowhere").expect(404).await;
}

#[tokio::test]
async fn an_export_says_every_label_and_imports_again() {
    let desk = Desk::open();
    desk.put(&[indicator(1), clear(2)]).await;
    let bundle = desk.operator("GET /api/v1/export?type=indicator").expect(200).await.json();
    let objects = bundle["objects"].as_array().unwrap();
    assert_eq!(objects.len(), 2);
    assert!(
        objects
            .iter()
            .all(|object| object["object_marking_refs"].as_array().is_some_and(|refs| !refs.is_empty()))
    );
    let public = desk.operator("GET /api/v1/export?type=indicator&at_least=clear").expect(200).await.json();
    assert_eq!(public["objects"], json!([clear(2)]));
    let list = desk.operator("GET /api/v1/export?format=list").expect(200).await;
    assert!(
        list.body.contains("\nbad1.badhost.net\nbad2.badhost.net\n") && list.body.contains("label: own"),
        "{}",
        list.body
    );
    desk.operator("GET /api/v1/export?format=pdf").expect(400).await;
}

#[tokio::test]
async fn a_list_holds_only_what_suffices_by_itself() {
    let desk = Desk::open();
    let (mut combined, mut revoked, mut expired) = (indicator(3), indicator(4), indicator(5));
    combined["pattern"] = json!("[ipv4-addr:value = '203.0.114.9'] AND [network-traffic:dst_port = 8080]");
    revoked["revoked"] = json!(true);
    expired["valid_until"] = json!("2026-01-02T00:00:00Z");
    let mut quoted = indicator(6);
    quoted["pattern"] =
        json!("[url:value = 'http://a.badhost.net/?q=AND' OR domain-name:value = 'or.badhost.net']");
    desk.put(&[indicator(1), combined, revoked, expired, quoted]).await;
    let list = desk.operator("GET /api/v1/export?format=list").expect(200).await.body;
    let values: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(values.len(), 3, "{list}");
    assert!(values.contains(&"bad1.badhost.net") && values.contains(&"or.badhost.net"), "{list}");
    assert!(list.contains("1 indicators that ask for a combination"), "{list}");
}

#[tokio::test]
async fn a_misp_event_carries_tags_for_labels() {
    let desk = Desk::open();
    desk.put(&[clear(1)]).await;
    let event = desk.operator("GET /api/v1/export?format=misp&type=indicator").expect(200).await.json();
    let event = &event["Event"];
    assert_eq!(event["Attribute"][0]["value"], "bad1.badhost.net", "{event:#}");
    assert!(event["Tag"].to_string().contains("tlp:"), "{event:#}");
}

#[tokio::test]
async fn an_erased_object_is_gone_and_stays_out() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let path = format!("/api/v1/objects/{}", id(1));
    desk.operator(&format!("DELETE {path}")).json(&json!({"reason": ""})).expect(400).await;
    let erased =
        desk.operator(&format!("DELETE {path}")).json(&json!({"reason": "court order"})).expect(200).await;
    assert_eq!(erased.json(), json!({"versions": 1}));
    desk.operator(&format!("GET {path}")).expect(404).await;
    desk.operator("POST /api/v1/objects").json(&indicator(1)).expect(422).await;
}

#[tokio::test]
async fn metrics_are_in_the_exposition_format() {
    let desk = Desk::open();
    desk.operator("GET /api/v1/node").expect(200).await;
    desk.operator("GET /api/v1/objects/whatever").expect(400).await;
    let metrics = desk.operator("GET /metrics").expect(200).await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let line =
        "shieldwall_http_requests_total{route=\"/api/v1/objects/{id}\",method=\"GET\",status=\"400\"} 1\n";
    assert!(metrics.body.contains(line), "{}", metrics.body);
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("shieldwall_") && value.parse::<f64>().is_ok(), "{line}");
    }
}
