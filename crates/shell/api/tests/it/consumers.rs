//! What a client without a node gets over TAXII: what a release signed by officers gives it, and nothing besides.

use std::time::Duration;

use keys::SecretKey;
use keys::posts::Approval;
use serde_json::{Value, json};
use shieldwall_api::Settings;

use crate::desk::{PASSWORD, id, indicator, settings};
use crate::office::{Client, Office, TAXII, places, revised, under};

const DAY: Duration = Duration::from_secs(86_400);

fn everything() -> Value {
    json!({})
}

/// Places of the indicators that a client is given and that are not revoked.
async fn valid(office: &Office, client: &Client) -> Vec<u32> {
    let page = office.pull(client, "own/objects/?match[type]=indicator").expect(200).await.json();
    let mut objects = page["objects"].as_array().unwrap().clone();
    objects.retain(|object| object["revoked"] != true);
    objects.iter().map(|object| object["id"].as_str().unwrap()[44..].parse().unwrap()).collect()
}

#[tokio::test]
async fn a_client_gets_what_its_release_names_and_no_sign_of_the_rest() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    let mut personal = under("green", 6);
    personal["description"] = json!("reported by jo.victim@victim.example, telephone +64 4 555 0100");
    let mut typed = under("clear", 7);
    typed["labels"] = json!(["kept"]);
    office
        .put(&[
            under("clear", 1),
            under("green", 2),
            under("amber", 3),
            under("red", 4),
            indicator(5),
            personal,
            typed,
        ])
        .await;
    office.release(&siem, &everything()).await;
    for listing in ["own/objects/", "own/manifest/", "own/objects/?match[type]=indicator"] {
        assert_eq!(office.pulled(&siem, listing).await, [1, 2, 7], "{listing}");
    }
    let page = office.pull(&siem, "own/objects/").expect(200).await;
    assert!(page.json().get("more").is_none() && !page.body.contains("victim"), "{}", page.body);
    // What it may not have does not exist, in the same words as what was never there.
    let strip = |body: &str, place: u32| body.replace(&id(place), "ID");
    let missing = office.pull(&siem, &format!("own/objects/{}/", id(99))).expect(404).await.json();
    for place in 3..=6 {
        for path in ["", "versions/", "?added_after=2020-01-01T00:00:00Z", "?match[version]=all"] {
            let refused =
                office.pull(&siem, &format!("own/objects/{}/{path}", id(place))).expect(404).await.json();
            let (title, description) = (&refused["title"], refused["description"].as_str().unwrap());
            assert_eq!(title, &missing["title"], "{place} {path}");
            assert_eq!(
                strip(description, place),
                strip(missing["description"].as_str().unwrap(), 99),
                "{place} {path}"
            );
        }
        assert!(office.pulled(&siem, &format!("own/objects/?match[id]={}", id(place))).await.is_empty());
    }
    assert_eq!(office.pulled(&siem, &format!("own/objects/{}/", id(2))).await, [2]);
    let list = office.pull(&siem, "").expect(200).await.json();
    let names: Vec<_> = list["collections"].as_array().unwrap().iter().map(|c| &c["alias"]).collect();
    assert_eq!(names, ["own"]);
    assert_eq!(list["collections"][0]["can_write"], false);
    office.pull(&siem, "public/objects/").expect(404).await;
    // Nothing but TAXII is there for it.
    for line in ["GET /api/v1/export", "GET /api/v1/objects", "GET /api/v1/releases", "GET /metrics"] {
        office.ask(line).bearer(&siem.secret).expect(403).await;
    }
    let envelope = json!({"objects": [under("clear", 8)]}).to_string();
    let post = office.ask("POST /taxii2/default/collections/own/objects/").bearer(&siem.secret);
    post.header("accept", TAXII).body(TAXII, envelope).expect(403).await;
    let line = format!("DELETE /taxii2/default/collections/own/objects/{}/", id(1));
    office.ask(&line).bearer(&siem.secret).header("accept", TAXII).expect(403).await;
}

#[tokio::test]
async fn personal_data_is_taken_out_where_the_release_says_so_and_types_are_those_named() {
    let office = Office::open();
    let (redacting, typed) = (office.client("a", "follower").await, office.client("b", "follower").await);
    let mut personal = under("green", 1);
    personal["description"] = json!("reported by jo.victim@victim.example");
    // Without what was found it would be no indicator.
    let mut essential = under("green", 2);
    essential["pattern"] = json!("[email-addr:value = 'jo.victim@victim.example']");
    office.put(&[personal, essential]).await;
    office.release(&redacting, &json!({"personal": "redact"})).await;
    office.release(&typed, &json!({"client": "Another", "types": ["malware"], "personal": "redact"})).await;
    let page = office.pull(&redacting, "own/objects/").expect(200).await;
    assert_eq!(places(&page), [1]);
    assert!(!page.body.contains("victim") && !page.body.contains("description"), "{}", page.body);
    assert!(office.pulled(&typed, "own/objects/").await.is_empty());
    let departures = office.tables().await["departures"].clone();
    let rows = departures.as_array().unwrap();
    assert!(rows.iter().any(|row| row[0][0] == "release" && row[1] == json!([1, 1, 1])), "{departures:#}");
}

#[tokio::test]
async fn pages_are_full_skip_nothing_and_end_where_the_client_s_part_ends() {
    let office = Office::with(Settings { max_page: 4, ..settings() });
    let siem = office.client("siem", "follower").await;
    // Long runs of what it may not have, before, between and after.
    let kept = |place: u32| place.is_multiple_of(7) && place < 50;
    let objects: Vec<_> =
        (1..=90).map(|place| under(if kept(place) { "green" } else { "amber" }, place)).collect();
    office.put(&objects).await;
    office.release(&siem, &everything()).await;
    let expected: Vec<u32> = (1..=90).filter(|place| kept(*place)).collect();
    for (listing, limit) in [("objects", 3), ("manifest", 2), ("objects", 1), ("objects", 100)] {
        let (mut seen, mut next, mut tokens) = (Vec::<u32>::new(), String::new(), Vec::new());
        loop {
            let path = format!("own/{listing}/?match[type]=indicator&limit={limit}{next}");
            let page = office.pull(&siem, &path).expect(200).await;
            let (found, json) = (places(&page), page.json());
            seen.extend_from_slice(&found);
            assert!(page.header("x-taxii-date-added-first") <= page.header("x-taxii-date-added-last"));
            if json["more"] != true {
                // An empty last page would say that something is kept from it.
                assert!(!found.is_empty() && json.get("next").is_none(), "{json:#}");
                break;
            }
            assert_eq!(found.len(), limit.min(4), "a short page would tell of gaps");
            tokens.push(json["next"].as_str().unwrap().to_owned());
            next = format!("&next={}", tokens.last().unwrap());
        }
        assert_eq!(seen, expected, "{listing} by {limit}");
    }
    // Tokens say nothing, not even whether two mean the same place; and lead nowhere else.
    let path = "own/objects/?match[type]=indicator&limit=2";
    let tokens = [
        office.pull(&siem, path).expect(200).await.json()["next"].as_str().unwrap().to_owned(),
        office.pull(&siem, path).expect(200).await.json()["next"].as_str().unwrap().to_owned(),
    ];
    assert_ne!(tokens[0], tokens[1]);
    office.pull(&siem, &format!("own/objects/?limit=2&next={}", tokens[0])).expect(400).await;
    office.pull(&siem, "own/objects/?limit=2&next=AQAAAAAAAAAAAAAAAAAAAAA").expect(400).await;
    office.pull(&siem, "own/objects/?limit=2&next=00.zz").expect(400).await;
    // The date in the header continues, and is the date of something it has.
    let first = office.pull(&siem, &format!("{path}&limit=2").replace("&limit=2&limit=2", "&limit=2"));
    let last = first.expect(200).await.header("x-taxii-date-added-last").to_owned();
    let after = office.pulled(&siem, &format!("own/objects/?match[type]=indicator&added_after={last}")).await;
    assert_eq!(after, expected[2..6]);
}

#[tokio::test]
async fn of_an_object_there_is_the_newest_version_or_none() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    office.put(&[under("green", 1), under("green", 2)]).await;
    office.release(&siem, &everything()).await;
    assert_eq!(office.pulled(&siem, "own/objects/").await, [1, 2]);
    office.put(&[revised(under("green", 1), 2), revised(under("amber", 2), 2)]).await;
    for versions in ["last", "first", "all", "first,last", "2026-02-02T00:00:00Z"] {
        let path = format!("own/objects/?match[type]=indicator&match[version]={versions}");
        let page = office.pull(&siem, &path).expect(200).await;
        assert_eq!(places(&page), [1, 2], "{versions}");
        let objects = page.json()["objects"].clone();
        assert_eq!((objects[0].get("revoked"), &objects[1]["revoked"]), (None, &json!(true)), "{versions}");
        assert!(objects[1].get("name").is_none(), "{versions}");
    }
    assert!(office.pulled(&siem, "own/objects/?match[version]=2026-01-01T00:00:00Z").await.is_empty());
    let versions = office.pull(&siem, &format!("own/objects/{}/versions/", id(1))).expect(200).await.json();
    assert_eq!(versions["versions"], json!(["2026-02-02T00:00:00.000Z"]));
    // What it had and may have no longer is booked as taken back.
    let holders =
        office.operator(&format!("GET /api/v1/disclosures?object={}", id(2))).expect(200).await.json();
    let holder = &holders["disclosures"][0];
    assert_eq!((&holder["to"], &holder["consumer"]), (&json!("Harbour SIEM"), &json!(true)));
    assert!(holder["withdrawn"].is_string(), "{holders:#}");
}

#[tokio::test]
async fn without_a_valid_release_there_is_nothing() {
    let office = Office::open();
    office.put(&[under("clear", 1)]).await;
    let siem = office.client("siem", "follower").await;
    let refused = async |client: &Client, status: u16, says: &str| {
        for path in ["own/objects/", "own/manifest/"] {
            let reply = office.pull(client, path).expect(status).await.json();
            assert!(reply["description"].as_str().unwrap().contains(says), "{reply:#}");
            assert!(!reply["title"].as_str().unwrap().is_empty());
        }
        let list = office.pull(client, "").expect(200).await.json();
        assert_eq!(list, json!({}));
    };
    refused(&siem, 404, "a release").await;
    office.pull(&siem, "public/objects/").expect(404).await;
    // Not yet, then valid, then over.
    let later = json!({"valid_from": office.in_days(2), "expires": office.in_days(4)});
    office.release(&siem, &later).await;
    refused(&siem, 403, "is not valid before").await;
    office.clock.advance(DAY * 2);
    assert_eq!(office.pulled(&siem, "own/objects/").await, [1]);
    // Another token, even of the same user; the same user by session and by password.
    let other = office.client("other", "follower").await;
    refused(&other, 404, "a release").await;
    let second = json!({"name": "second", "user": "siem"});
    let second = office.operator("POST /api/v1/tokens").json(&second).expect(201).await.json();
    let second = Client { id: String::new(), secret: second["secret"].as_str().unwrap().to_owned() };
    refused(&second, 404, "a release").await;
    let password = json!({"password": PASSWORD});
    office.operator("PATCH /api/v1/users/siem").json(&password).expect(200).await;
    let line = "GET /taxii2/default/collections/own/objects/";
    office.ask(line).basic("siem", PASSWORD).header("accept", TAXII).expect(404).await;
    office.clock.advance(DAY * 2);
    refused(&siem, 403, "expired on").await;
    // Ended at once.
    let release = office.release(&siem, &everything()).await;
    assert_eq!(office.pulled(&siem, "own/objects/").await, [1]);
    let end = || office.operator(&format!("POST /api/v1/releases/{}/end", &release[..8]));
    end().json(&json!({"reason": "  "})).expect(400).await;
    end().json(&json!({"reason": "the contract is over"})).expect(204).await;
    refused(&siem, 403, "was ended").await;
    end().json(&json!({"reason": "again"})).expect(204).await;
    let shown = office.operator(&format!("GET /api/v1/releases/{release}")).expect(200).await.json();
    assert_eq!(shown["state"], "ended");
    assert!(shown["why"].as_str().unwrap().starts_with("the contract is over"), "{shown:#}");
    let states: Vec<_> = office.operator("GET /api/v1/releases").expect(200).await.json()["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|release| release["state"].clone())
        .collect();
    assert_eq!(states, ["ended", "expired"]);
    let consumers = office.tables().await["consumers"].clone();
    let counted = |act: &str| {
        let mut rows = consumers.as_array().unwrap().iter();
        rows.find(|row| row[0][1] == act).map(|row| row[1][0].clone())
    };
    assert_eq!((counted("granted"), counted("ended")), (Some(json!(2)), Some(json!(1))), "{consumers:#}");
}

#[tokio::test]
async fn what_officers_did_not_approve_is_not_signed() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    let bytes =
        office.draft(&siem, &everything()).expect(200).await.json()["bytes"].as_str().unwrap().to_owned();
    let [mere, tane] = &office.officers;
    let stranger = SecretKey::from_seed([9; 64]);
    // None, one of two, one person twice, a stranger.
    for officers in [&[][..], &[mere], &[mere, mere], &[mere, &stranger]] {
        let refused = office.sign(&bytes, officers).expect(422).await.json();
        assert!(refused["detail"].as_str().unwrap().contains("2 are needed"), "{refused:#}");
    }
    // Approvals of these bytes do not count for wider ones, and the bytes have one spelling.
    let approvals: Vec<_> =
        [mere, tane].map(|key| Approval::sign(key, bytes.as_bytes()).to_text()).into_iter().collect();
    for (from, to) in [
        (r#""ceiling":"green""#, r#""ceiling":"amber""#),
        (r#""client":"Harbour SIEM""#, r#""client":"Other SIEM""#),
        (r#""purpose":"detection""#, r#""purpose":"resale""#),
        (r#""types":"any""#, r#""types":["indicator"]"#),
        (r#""ceiling""#, r#" "ceiling""#),
        (r#""type":"consumer-release-approval""#, r#""type":"consumer-release""#),
    ] {
        let wider = bytes.replace(from, to);
        assert_ne!(wider, bytes, "{from}");
        let body = json!({"bytes": wider, "approvals": approvals});
        office.operator("POST /api/v1/releases").json(&body).expect(422).await;
    }
    office.pull(&siem, "own/objects/").expect(404).await;
    assert_eq!(office.operator("GET /api/v1/releases").expect(200).await.json()["releases"], json!([]));
    // As it was approved, it is signed; and again it is the same.
    let body = json!({"bytes": bytes, "approvals": approvals});
    let sign = || office.operator("POST /api/v1/releases").json(&body);
    let first = sign().expect(201).await.json();
    assert_eq!(
        (&first["state"], &first["release"]),
        (&json!("valid"), &sign().expect(201).await.json()["release"])
    );
    let list = office.operator("GET /api/v1/releases").expect(200).await.json();
    assert_eq!(list["releases"].as_array().unwrap().len(), 1);
    let log = office.operator("GET /api/v1/audit").expect(200).await.body;
    assert_eq!(log.matches("release.sign").count(), 1);
    // A draft does not keep for ever: what officers read is what holds when it is signed.
    let stale = office.draft(&siem, &json!({"purpose": "later"})).expect(200).await.json();
    office.clock.advance(DAY * 15);
    let refused = office.sign(stale["bytes"].as_str().unwrap(), &[mere, tane]).expect(422).await.json();
    assert!(refused["detail"].as_str().unwrap().contains("draft it again"), "{refused:#}");
}

#[tokio::test]
async fn no_draft_is_over_broad_or_for_one_of_our_own() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    for (changed, status) in [
        (json!({"ceiling": "red"}), 422),
        (json!({"ceiling": "own"}), 422),
        (json!({"ceiling": "purple"}), 400),
        (json!({"personal": "allow"}), 422),
        (json!({"personal": "pseudonymise"}), 422),
        (json!({"personal": "perhaps"}), 400),
        (json!({"expires": office.in_days(400)}), 422),
        (json!({"expires": office.in_days(-1), "valid_from": office.in_days(-2)}), 422),
        (json!({"collections": []}), 422),
        (json!({"collections": ["nowhere"]}), 404),
        (json!({"client": ""}), 422),
        (json!({"client": "SIEM\u{202e}"}), 422),
        (json!({"purpose": "What for?"}), 422),
        (json!({"types": []}), 422),
        (json!({"token": "00000000-0000-4000-8000-000000000000"}), 404),
    ] {
        let reply = office.draft(&siem, &changed).send().await;
        assert_eq!(reply.status, status, "{changed}: {}", reply.body);
    }
    for role in ["viewer", "analyst", "admin"] {
        let own = office.client(role, role).await;
        let refused = office.draft(&own, &everything()).expect(422).await.json();
        assert!(refused["detail"].as_str().unwrap().contains("one of our own"), "{refused:#}");
    }
}

#[tokio::test]
async fn our_own_people_and_machines_are_served_as_ever() {
    let office = Office::open();
    let objects = [under("clear", 1), under("amber", 2), under("red", 3), indicator(4)];
    office.put(&objects).await;
    let machine = office.client("proxy", "viewer").await;
    assert_eq!(office.pulled(&machine, "own/objects/?match[type]=indicator").await, [1, 2, 3, 4]);
    let disclosures = office.operator("GET /api/v1/disclosures").expect(200).await.json();
    assert_eq!(disclosures["disclosures"], json!([]));
}

#[tokio::test]
async fn who_was_let_in_as_a_client_stays_one_whatever_its_account_becomes() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    office.put(&[under("clear", 1), under("amber", 2)]).await;
    office.release(&siem, &everything()).await;
    for role in ["viewer", "analyst", "admin"] {
        office.operator("PATCH /api/v1/users/siem").json(&json!({"role": role})).expect(200).await;
        assert_eq!(office.pulled(&siem, "own/objects/").await, [1], "{role}");
        office.ask("GET /api/v1/export").bearer(&siem.secret).expect(403).await;
        let me = office.ask("GET /api/v1/me").bearer(&siem.secret).expect(200).await.json();
        assert_eq!(me["role"], "follower");
    }
    office.clock.advance(DAY * 31);
    office.pull(&siem, "own/objects/").expect(403).await;
}

#[tokio::test]
async fn what_is_taken_back_is_gone_with_the_next_pull_and_no_renewal_brings_it_back() {
    let office = Office::open();
    let (siem, other) = (office.client("siem", "follower").await, office.client("other", "follower").await);
    office.put(&[under("green", 1), under("green", 2)]).await;
    let release = office.release(&siem, &everything()).await;
    office.release(&other, &json!({"client": "Another"})).await;
    let pulled = office.pull(&siem, "own/objects/?match[type]=indicator").expect(200).await;
    assert_eq!(places(&pulled), [1, 2]);
    let last = pulled.header("x-taxii-date-added-last").to_owned();
    let holders = async |query: &str| {
        let reply = office.operator(&format!("GET /api/v1/disclosures?{query}")).expect(200).await.json();
        reply["disclosures"].as_array().unwrap().clone()
    };
    let first = holders(&format!("object={}", id(1))).await;
    assert_eq!(first.len(), 1, "{first:#?}");
    assert_eq!((&first[0]["to"], &first[0]["agreement"]), (&json!("Harbour SIEM"), &json!(release)));
    assert!(first[0].get("withdrawn").is_none() && first[0].get("receipt").is_none());
    let taken = json!({"reason": "the sample was harmless"});
    let line = format!("POST /api/v1/objects/{}/withdraw", id(1));
    let told = office.operator(&line).json(&taken).expect(200).await.json();
    assert_eq!(told["told"], json!(["Harbour SIEM"]));
    // Whoever asks for what is new since then is told so, in a version that clients understand.
    let told = office.pull(&siem, &format!("own/objects/?added_after={last}")).expect(200).await;
    assert_eq!(places(&told), [1]);
    let revoked = told.json()["objects"][0].clone();
    assert_eq!((&revoked["revoked"], revoked.get("name")), (&json!(true), None), "{revoked:#}");
    assert!(revoked["modified"].as_str() > Some("2026-01-01T00:00:00.000Z"));
    assert_eq!(revoked["object_marking_refs"], under("green", 1)["object_marking_refs"]);
    let by_id = office.pull(&siem, &format!("own/objects/{}/", id(1))).expect(200).await.json();
    assert_eq!(by_id["objects"], json!([revoked]));
    let versions = office.pull(&siem, &format!("own/objects/{}/versions/", id(1))).expect(200).await.json();
    assert_eq!(versions["versions"], json!([revoked["modified"]]));
    assert_eq!(valid(&office, &siem).await, [2]);
    let open = holders("open=true").await;
    assert_eq!(open.len(), 1, "{open:#?}");
    assert!(open[0]["receipt"].as_str().unwrap().starts_with("none: a client without a node"), "{open:#?}");
    assert_eq!(open[0]["overdue"], false);
    let explained = format!("GET /api/v1/releases/{release}/explanation?object={}", id(1));
    let explained = office.operator(&explained).expect(200).await.json();
    let reasons =
        ["its creator took it back: it goes to nobody any more", "it was taken back from this client"];
    assert_eq!(explained, json!({"permitted": false, "reasons": reasons}));
    // A renewed release is another document for the same client. A client that never had it is another matter.
    office.operator(&format!("POST /api/v1/releases/{release}/end")).json(&taken).expect(204).await;
    office.release(&siem, &everything()).await;
    assert_eq!(valid(&office, &siem).await, [2]);
    let renamed = office.client("renamed", "follower").await;
    office.release(&renamed, &everything()).await;
    assert_eq!(valid(&office, &renamed).await, [2], "the same client with another token");
    // Those who had it are told; whoever never asked before finds nothing of it.
    assert_eq!(valid(&office, &other).await, [2]);
    // Erased here, it is gone everywhere.
    let erase = office.operator(&format!("DELETE /api/v1/objects/{}?reason=gone", id(2)));
    erase.json(&taken).send().await;
    let page = office.pull(&other, "own/objects/").expect(200).await;
    assert!(!page.body.contains(&id(2)), "{}", page.body);
}

#[tokio::test]
async fn what_leaves_is_counted_once_and_the_report_shows_it() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    office.put(&[under("clear", 1), under("green", 2), under("green", 3), under("amber", 4)]).await;
    let release = office.release(&siem, &everything()).await;
    for _ in 0..3 {
        office.pulled(&siem, "own/objects/").await;
        office.pulled(&siem, "own/manifest/").await;
    }
    let shown = office.operator(&format!("GET /api/v1/releases/{release}")).expect(200).await.json();
    let tables = office.tables().await;
    let mut rows = tables["departures"].as_array().unwrap().clone();
    rows.retain(|row| row[0][3] == "malicious-activity");
    let row = |label: &str, count: u32| {
        let key = ["release", shown["pseudonym"].as_str().unwrap(), "detection", "malicious-activity", label];
        json!([key, [1, count, 0]])
    };
    assert_eq!(rows, [row("clear", 1), row("green", 2)], "{tables:#}");
    let text = tables.to_string();
    assert!(!text.contains("Harbour") && !text.contains("indicator--"), "names and ids stay here");
    // A newer version is a new departure.
    office.put(&[revised(under("green", 2), 3)]).await;
    office.pulled(&siem, "own/objects/").await;
    let tables = office.tables().await;
    assert!(tables["departures"].as_array().unwrap().contains(&json!([row("green", 0)[0], [2, 3, 0]])));
    let decisions =
        office.operator(&format!("GET /api/v1/decisions?object={}", id(2))).expect(200).await.json();
    let decisions = decisions["decisions"].as_array().unwrap();
    assert_eq!(decisions.len(), 2, "{decisions:#?}");
    assert!(decisions.iter().all(|one| one["to"] == "Harbour SIEM" && one["permitted"] == true));
}

#[tokio::test]
async fn references_tell_only_of_what_may_be_had() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    let malware = |place: u32, marking: &Value| {
        json!({
            "type": "malware", "spec_version": "2.1", "is_family": false, "name": "M",
            "id": format!("malware--00000000-0000-4000-8000-{place:012}"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
            "object_marking_refs": marking,
        })
    };
    let (green, amber) = (under("green", 1), under("amber", 2));
    let relation = |place: u32, target: u32| {
        json!({
            "type": "relationship", "spec_version": "2.1", "relationship_type": "indicates",
            "id": format!("relationship--00000000-0000-4000-8000-{place:012}"),
            "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z",
            "source_ref": id(1), "target_ref": format!("malware--00000000-0000-4000-8000-{target:012}"),
            "object_marking_refs": green["object_marking_refs"],
        })
    };
    let open = malware(11, &green["object_marking_refs"]);
    let secret = malware(12, &amber["object_marking_refs"]);
    office.put(&[green.clone(), amber.clone(), open, secret, relation(21, 11), relation(22, 12)]).await;
    office.release(&siem, &everything()).await;
    let page = office.pull(&siem, "own/objects/").expect(200).await.body;
    assert!(page.contains("relationship--00000000-0000-4000-8000-000000000021"));
    assert!(!page.contains("000000000012") && !page.contains("000000000022"), "{page}");
}

#[tokio::test]
async fn hints_tell_a_client_only_of_what_it_may_have() {
    use crate::live::Events;
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    office.ask("GET /api/v1/live?collection=public").bearer(&siem.secret).expect(404).await;
    office.release(&siem, &json!({"types": ["indicator"]})).await;
    let mut live = Events::open(&office, "/api/v1/live", Some(&siem.secret)).await;
    live.next().await.unwrap();
    let head = || office.operator("GET /api/v1/node");
    office.put(&[under("amber", 1)]).await;
    office.put(&[indicator(2)]).await;
    head().expect(200).await;
    office.put(&[under("green", 3)]).await;
    let (_, event, first) = live.next().await.unwrap();
    assert_eq!(event, "hint");
    office.put(&[under("amber", 4), under("green", 5)]).await;
    let second = live.next().await.unwrap().2;
    let seq = |data: &str| serde_json::from_str::<Value>(data).unwrap()["seq"].as_u64().unwrap();
    assert_eq!(seq(&second), seq(&first) + 2, "the one for amber was left out");
}

#[tokio::test]
async fn a_thousand_objects_are_decided_on_in_no_time() {
    let office = Office::open();
    let siem = office.client("siem", "follower").await;
    let objects: Vec<_> = (1..=1000).map(|n| under(if n % 2 == 0 { "green" } else { "amber" }, n)).collect();
    office.put(&objects).await;
    office.release(&siem, &everything()).await;
    let mut took = Vec::new();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let page = office.pull(&siem, "own/objects/?match[type]=indicator&limit=1000").expect(200).await;
        took.push(start.elapsed());
        assert_eq!(places(&page).len(), 500);
    }
    println!("pages of 500 out of 1,000 took {took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(20)), "{took:?}");
}
