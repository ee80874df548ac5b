//! TAXII 2.1, case by case from the specification.

use serde_json::{Value, json};
use shieldwall_api::Settings;

use crate::desk::{Ask, Desk, Reply, clear, id, indicator, settings};

const TYPE: &str = "application/taxii+json;version=2.1";
const ROOT: &str = "/taxii2/default";

fn get(desk: &Desk, path: &str) -> Ask {
    desk.operator(&format!("GET {ROOT}{path}")).header("accept", TYPE)
}

async fn ids(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    let objects = json["objects"].as_array().cloned().unwrap_or_default();
    objects.iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn discovery_leads_to_collections_with_and_without_the_final_slash() {
    let desk = Desk::open();
    for path in ["/taxii2/", "/taxii2"] {
        let discovery = desk.operator(&format!("GET {path}")).header("accept", TYPE).expect(200).await;
        assert_eq!(discovery.header("content-type"), TYPE);
        assert_eq!(discovery.json()["default"], "/taxii2/default/");
    }
    let root = get(&desk, "/").expect(200).await.json();
    assert_eq!(root["versions"], json!([TYPE]));
    assert_eq!(root["max_content_length"], 32 << 20);
    let list = get(&desk, "/collections/").expect(200).await.json();
    let own = list["collections"].as_array().unwrap().iter().find(|c| c["alias"] == "own").unwrap();
    assert_eq!((&own["can_read"], &own["can_write"]), (&json!(true), &json!(true)));
    let by_id =
        get(&desk, &format!("/collections/{}/", own["id"].as_str().unwrap())).expect(200).await.json();
    assert_eq!(&by_id, own);
    assert_eq!(&get(&desk, "/collections/own/").expect(200).await.json(), own);
    let public = get(&desk, "/collections/public/").expect(200).await.json();
    assert_eq!(public["can_write"], false);
}

#[tokio::test]
async fn media_types_are_negotiated() {
    let desk = Desk::open();
    let path = "/taxii2/default/collections/";
    for (accept, status) in [
        (TYPE, 200),
        ("application/taxii+json", 200),
        ("*/*", 200),
        ("application/taxii+json;version=2.0", 406),
        ("application/json", 406),
        ("text/html", 406),
    ] {
        let reply = desk.operator(&format!("GET {path}")).header("accept", accept).send().await;
        assert_eq!(reply.status, status, "{accept}");
        assert_eq!(reply.header("content-type"), TYPE, "{accept}: errors are TAXII messages too");
    }
    let post = |media_type: &str| desk.operator(&format!("POST {path}own/objects/")).body(media_type, "{}");
    let refused = post("application/json").expect(415).await.json();
    assert_eq!(
        (&refused["error_code"], &refused["http_status"]),
        (&json!("unsupported-media-type"), &json!("415"))
    );
    post(TYPE).expect(400).await;
}

#[tokio::test]
async fn unauthorised_forbidden_and_missing_are_kept_apart() {
    let desk = Desk::open();
    desk.put(&[clear(1)]).await;
    let secret = desk.token("partner", "follower", &["public"]).await;
    let path = "/taxii2/default/collections/public/objects/";
    let anonymous = desk.ask(&format!("GET {path}")).header("accept", TYPE).expect(401).await;
    assert!(anonymous.header("www-authenticate").starts_with("Basic "));
    let ask = |line: &str| desk.ask(line).bearer(&secret).header("accept", TYPE);
    let public = ids(&ask(&format!("GET {path}?match[type]=indicator")).expect(200).await).await;
    assert_eq!(public, [id(1)]);
    let envelope = json!({"objects": [clear(2)]}).to_string();
    ask(&format!("POST {path}")).body(TYPE, envelope.clone()).expect(403).await;
    ask(&format!("DELETE {path}{}/", id(1))).expect(403).await;
    // What one may not see does not exist.
    for name in ["own", "nonsense", "00000000-0000-4000-8000-000000000000"] {
        ask(&format!("GET /taxii2/default/collections/{name}/")).expect(404).await;
        ask(&format!("GET /taxii2/default/collections/{name}/objects/")).expect(404).await;
        ask(&format!("POST /taxii2/default/collections/{name}/objects/"))
            .body(TYPE, envelope.clone())
            .expect(404)
            .await;
    }
}

#[tokio::test]
async fn pages_follow_one_another_while_objects_are_added() {
    let desk = Desk::open();
    desk.put(&(1..=10).map(clear).collect::<Vec<_>>()).await;
    let path = "/collections/public/objects/?match[type]=indicator&limit=3";
    let (mut seen, mut next, mut fresh) = (Vec::new(), String::new(), 50);
    loop {
        let reply = get(&desk, &format!("{path}{next}")).expect(200).await;
        let page = ids(&reply).await;
        assert!(page.len() <= 3 && !page.is_empty());
        assert!(reply.header("x-taxii-date-added-first") <= reply.header("x-taxii-date-added-last"));
        seen.extend(page);
        if fresh < 53 {
            desk.put(&[clear(fresh)]).await;
            fresh += 1;
        }
        let json = reply.json();
        if json["more"] != true {
            assert!(json.get("next").is_none());
            break;
        }
        let token = json["next"].as_str().unwrap();
        // Another filter makes the token void; another limit does not.
        get(&desk, &format!("/collections/public/objects/?match[type]=malware&limit=3&next={token}"))
            .expect(400)
            .await;
        get(&desk, &format!("/collections/own/objects/?match[type]=indicator&limit=3&next={token}"))
            .expect(400)
            .await;
        get(&desk, &format!("{path}0&next={token}")).expect(200).await;
        next = format!("&next={token}");
    }
    let expect: Vec<_> = (1..=10).chain(50..53).map(id).collect();
    assert_eq!(seen, expect);
}

#[tokio::test]
async fn added_after_is_exclusive_and_the_date_in_the_header_continues() {
    let desk = Desk::open();
    desk.put(&[clear(1), clear(2)]).await;
    let all = get(&desk, "/collections/public/objects/?match[type]=indicator").expect(200).await;
    let (first, last) =
        (all.header("x-taxii-date-added-first").to_owned(), all.header("x-taxii-date-added-last").to_owned());
    assert!(first < last && last.len() == "2026-01-01T00:00:00.000000Z".len());
    for listing in ["objects", "manifest"] {
        let path = format!("/collections/public/{listing}/?match[type]=indicator&added_after=");
        let after_first = get(&desk, &format!("{path}{first}")).expect(200).await;
        assert_eq!(ids(&after_first).await, [id(2)]);
        assert_eq!(after_first.header("x-taxii-date-added-first"), last);
        let after_last = get(&desk, &format!("{path}{last}")).expect(200).await;
        assert_eq!(after_last.body, "{}");
        assert!(!after_last.headers.contains_key("x-taxii-date-added-first"));
    }
}

#[tokio::test]
async fn filters_and_versions() {
    let desk = Desk::open();
    let mut newer = clear(1);
    newer["modified"] = json!("2026-02-01T00:00:00.000Z");
    desk.put(&[clear(1)]).await;
    desk.put(&[newer.clone(), clear(2)]).await;
    let of = async |query: &str| {
        let reply = get(&desk, &format!("/collections/public/objects/?match[type]=indicator&{query}"))
            .expect(200)
            .await;
        let json = reply.json();
        let objects = json["objects"].as_array().cloned().unwrap_or_default();
        objects
            .iter()
            .map(|o| {
                format!("{} {}", &o["id"].as_str().unwrap()[43..], &o["modified"].as_str().unwrap()[..7])
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(of("").await, ["0001 2026-02", "0002 2026-01"]);
    assert_eq!(of("match[version]=first").await, ["0001 2026-01", "0002 2026-01"]);
    assert_eq!(of("match[version]=all").await.len(), 3);
    assert_eq!(of("match[version]=2026-01-01T00:00:00Z").await, ["0001 2026-01", "0002 2026-01"]);
    assert_eq!(of(&format!("match[id]={}", id(2))).await, ["0002 2026-01"]);
    assert_eq!(of("match[spec_version]=2.1").await.len(), 2);
    assert_eq!(of("match[spec_version]=2.0").await.len(), 0);
    for bad in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "added_after=yesterday",
        "match[version]=new",
        "match[id]=1",
        "next=!!",
    ] {
        get(&desk, &format!("/collections/public/objects/?{bad}")).expect(400).await;
    }
    let one = format!("/collections/public/objects/{}/", id(1));
    let object = get(&desk, &one).expect(200).await.json();
    assert_eq!(object["objects"], json!([newer]));
    // `match[id]` is not for this endpoint and must not lead elsewhere.
    let object = get(&desk, &format!("{one}?match[id]={}", id(2))).expect(200).await.json();
    assert_eq!(object["objects"], json!([newer]));
    assert_eq!(
        get(&desk, &format!("{one}?match[version]=2020-01-01T00:00:00Z")).expect(200).await.body,
        "{}"
    );
    let versions = get(&desk, &format!("{one}versions/")).expect(200).await;
    assert_eq!(versions.json()["versions"], json!(["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"]));
    assert!(versions.headers.contains_key("x-taxii-date-added-first"));
    get(&desk, &format!("/collections/public/objects/{}/", id(9))).expect(404).await;
    get(&desk, &format!("/collections/public/objects/{}/versions/", id(9))).expect(404).await;
    get(&desk, "/collections/public/objects/nonsense/").expect(404).await;
}

#[tokio::test]
async fn a_page_is_never_larger_than_the_server_allows() {
    let desk = Desk::with(Settings { max_page: 2, ..settings() });
    desk.put(&(1..=3).map(clear).collect::<Vec<_>>()).await;
    for query in ["", "?limit=1000000", "?limit=99999999999999999999"] {
        let page = get(&desk, &format!("/collections/public/objects/{query}")).expect(200).await;
        assert_eq!(ids(&page).await.len(), 2, "{query}");
        assert_eq!(page.json()["more"], true);
    }
}

#[tokio::test]
async fn what_the_bytes_do_not_say_about_the_label_is_said_on_the_way_out() {
    let desk = Desk::open();
    desk.put(&[indicator(1), clear(2)]).await;
    let own = get(&desk, "/collections/own/objects/?match[type]=indicator").expect(200).await.json();
    assert!(own["objects"][0]["object_marking_refs"].is_array(), "{own:#}");
    assert_eq!(own["objects"][1], clear(2));
}

#[tokio::test]
async fn added_objects_have_a_status_that_is_right_from_the_start() {
    let desk = Desk::open();
    let secret = desk.token("ann", "analyst", &[]).await;
    let other = desk.token("ben", "analyst", &[]).await;
    let mut broken = indicator(2);
    broken["id"] = json!("nonsense");
    let envelope = json!({"objects": [indicator(1), broken]}).to_string();
    let ask = |line: &str, secret: &str| desk.ask(line).bearer(secret).header("accept", TYPE);
    let status =
        ask("POST /taxii2/default/collections/own/objects/", &secret).body(TYPE, envelope).expect(202).await;
    assert_eq!(status.header("content-type"), TYPE);
    let status = status.json();
    let count = |status: &Value| {
        ["total", "success", "failure", "pending"]
            .map(|name| status[format!("{name}_count")].as_u64().unwrap())
    };
    assert_eq!((count(&status), &status["status"]), ([2, 0, 0, 2], &json!("pending")));
    assert_eq!(status["pendings"][0], json!({"id": id(1), "version": "2026-01-01T00:00:00.000Z"}));
    let path = format!("GET /taxii2/default/status/{}/", status["id"].as_str().unwrap());
    ask(&path, &other).expect(404).await;
    let done = loop {
        let status = ask(&path, &secret).expect(200).await.json();
        let [total, success, failure, pending] = count(&status);
        assert_eq!((total, success + failure + pending), (2, 2));
        if status["status"] == "complete" {
            break status;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(count(&done), [2, 1, 1, 0]);
    assert!(done["failures"][0]["message"].as_str().is_some_and(|why| !why.is_empty()));
    desk.operator(&format!("GET /api/v1/objects/{}", id(1))).expect(200).await;
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_kept() {
    let desk = Desk::with(Settings { max_body: 2000, ..settings() });
    let envelope = json!({"objects": (1..10).map(indicator).collect::<Vec<_>>()}).to_string();
    let post = || desk.operator("POST /taxii2/default/collections/own/objects/").header("accept", TYPE);
    let refused = post().body(TYPE, envelope.clone()).expect(413).await.json();
    assert_eq!(refused["http_status"], "413");
    post().header("content-length", "999999999").body(TYPE, envelope).expect(413).await;
}

#[tokio::test]
async fn deleting_takes_an_object_out_of_one_collection_only() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let path = format!("/collections/own/objects/{}/", id(1));
    desk.operator(&format!("DELETE {ROOT}{path}")).header("accept", TYPE).expect(200).await;
    get(&desk, &path).expect(404).await;
    desk.operator(&format!("DELETE {ROOT}{path}")).header("accept", TYPE).expect(404).await;
    let still = desk.operator(&format!("GET /api/v1/objects/{}", id(1))).expect(200).await.json();
    assert_eq!(still["revoked"], false);
    let log = desk.operator("GET /api/v1/audit").expect(200).await.body;
    assert!(log.contains("collection.remove"));
}

#[tokio::test]
async fn what_is_added_to_a_sources_collection_counts_as_coming_from_that_source() {
    let desk = Desk::open();
    let source = json!({"name": "partner", "kind": "file", "default_label": "amber"});
    desk.operator("POST /api/v1/sources").json(&source).expect(201).await;
    let secret = desk.token("pusher", "analyst", &["partner"]).await;
    let ask = |line: &str| desk.ask(line).bearer(&secret).header("accept", TYPE);
    let envelope = json!({"objects": [indicator(1)]}).to_string();
    let path = "/taxii2/default/collections/partner/objects/";
    let status = ask(&format!("POST {path}")).body(TYPE, envelope).expect(202).await.json();
    let status = format!("GET /taxii2/default/status/{}/", status["id"].as_str().unwrap());
    while ask(&status).expect(200).await.json()["status"] != "complete" {
        tokio::task::yield_now().await;
    }
    let stored = desk.operator(&format!("GET /api/v1/objects/{}", id(1))).expect(200).await.json();
    assert_eq!((&stored["source"], &stored["label"]), (&json!("partner"), &json!("amber")));
    assert_eq!(ids(&ask(&format!("GET {path}")).expect(200).await).await, [id(1)]);
}
