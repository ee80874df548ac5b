//! Every endpoint against every kind of caller and against what belongs to somebody else.

use std::collections::BTreeSet;

use model::Digest;
use ports::detection::{LogSourceRecord, NewAlert};
use serde_json::{Value, json};

use crate::desk::{Desk, PASSWORD, clear, id, indicator};

/// Who may call: the least of follower (any caller), viewer, analyst, admin, operator.
const ENDPOINTS: &[(&str, &str)] = &[
    ("DELETE /api/v1/session", "follower"),
    ("GET /api/v1/me", "follower"),
    ("PUT /api/v1/me/password", "follower"),
    ("GET /api/v1/live", "follower"),
    ("GET /api/v1/node", "viewer"),
    ("GET /api/v1/objects", "viewer"),
    ("GET /api/v1/objects/{id}", "viewer"),
    ("GET /api/v1/objects/{id}/versions", "viewer"),
    ("GET /api/v1/search", "viewer"),
    ("GET /api/v1/graph", "viewer"),
    ("GET /api/v1/journal", "viewer"),
    ("GET /api/v1/export", "viewer"),
    ("GET /api/v1/collections", "viewer"),
    ("GET /api/v1/held", "viewer"),
    ("GET /api/v1/held/{number}", "viewer"),
    ("GET /api/v1/sources", "viewer"),
    ("GET /api/v1/sources/{name}", "viewer"),
    ("GET /api/v1/findings", "viewer"),
    ("GET /api/v1/warning-lists", "viewer"),
    ("GET /api/v1/tokens", "viewer"),
    ("POST /api/v1/tokens", "viewer"),
    ("DELETE /api/v1/tokens/{id}", "viewer"),
    ("POST /api/v1/objects", "analyst"),
    ("POST /api/v1/import", "analyst"),
    ("POST /api/v1/held/{number}/release", "analyst"),
    ("POST /api/v1/held/{number}/drop", "analyst"),
    ("POST /api/v1/sources/{name}/pull", "analyst"),
    ("PUT /api/v1/warning-lists/{name}", "analyst"),
    ("DELETE /api/v1/objects/{id}", "admin"),
    ("POST /api/v1/sources", "admin"),
    ("PATCH /api/v1/sources/{name}", "admin"),
    ("DELETE /api/v1/sources/{name}", "admin"),
    ("GET /api/v1/users", "admin"),
    ("POST /api/v1/users", "admin"),
    ("PATCH /api/v1/users/{name}", "admin"),
    ("DELETE /api/v1/users/{name}", "admin"),
    ("GET /api/v1/audit", "admin"),
    ("POST /api/v1/store/verify", "admin"),
    ("POST /api/v1/store/compact", "admin"),
    ("GET /api/v1/keys", "viewer"),
    ("GET /api/v1/keys/events", "viewer"),
    ("GET /api/v1/appointments", "viewer"),
    ("GET /api/v1/peers", "viewer"),
    ("GET /api/v1/peers/{name}", "viewer"),
    ("GET /api/v1/agreement-templates", "viewer"),
    ("POST /api/v1/agreement-templates/{name}", "viewer"),
    ("POST /api/v1/agreements/check", "viewer"),
    ("POST /api/v1/agreements/diff", "viewer"),
    ("GET /api/v1/agreements", "viewer"),
    ("GET /api/v1/agreements/{agreement}", "viewer"),
    ("GET /api/v1/agreements/{agreement}/versions/{version}/approval", "viewer"),
    ("POST /api/v1/agreements/{agreement}/proof", "viewer"),
    ("GET /api/v1/decisions", "viewer"),
    ("GET /api/v1/disclosures", "viewer"),
    ("GET /api/v1/holdings", "viewer"),
    ("GET /api/v1/reviews", "viewer"),
    ("GET /api/v1/ledger", "viewer"),
    ("GET /api/v1/releases", "viewer"),
    ("GET /api/v1/releases/{release}", "viewer"),
    ("GET /api/v1/releases/{release}/explanation", "analyst"),
    ("POST /api/v1/releases/drafts", "analyst"),
    ("POST /api/v1/releases", "admin"),
    ("POST /api/v1/releases/{release}/end", "admin"),
    ("GET /api/v1/rules", "viewer"),
    ("POST /api/v1/rules/check", "viewer"),
    ("POST /api/v1/rules/diff", "viewer"),
    ("PUT /api/v1/rules", "admin"),
    ("GET /api/v1/explanations", "analyst"),
    ("POST /api/v1/objects/{id}/withdraw", "analyst"),
    ("POST /api/v1/peers/{name}/questions", "analyst"),
    ("POST /api/v1/keys/inception", "admin"),
    ("POST /api/v1/keys/events", "admin"),
    ("POST /api/v1/keys/rotation", "admin"),
    ("POST /api/v1/keys/identities", "admin"),
    ("POST /api/v1/keys/next", "admin"),
    ("POST /api/v1/keys/recovery", "admin"),
    ("PUT /api/v1/keys/recovery", "admin"),
    ("POST /api/v1/appointments", "admin"),
    ("POST /api/v1/peers", "admin"),
    ("POST /api/v1/peers/invitations", "admin"),
    ("POST /api/v1/peers/answers", "admin"),
    ("POST /api/v1/peers/{name}/confirm", "admin"),
    ("POST /api/v1/peers/{name}/end", "admin"),
    ("POST /api/v1/peers/{name}/compare", "admin"),
    ("PATCH /api/v1/peers/{name}", "admin"),
    ("PUT /api/v1/peers/{name}/endpoint", "admin"),
    ("POST /api/v1/agreements", "admin"),
    ("POST /api/v1/agreements/{agreement}/versions/{version}/signature", "admin"),
    ("POST /api/v1/agreements/{agreement}/suspend", "admin"),
    ("POST /api/v1/agreements/{agreement}/end", "admin"),
    ("POST /api/v1/agreements/{agreement}/leave", "admin"),
    ("GET /api/v1/agreement-requests", "viewer"),
    ("POST /api/v1/agreement-requests", "admin"),
    ("POST /api/v1/agreements/{agreement}/approvals", "viewer"),
    ("POST /api/v1/agreements/{agreement}/acts", "admin"),
    ("POST /api/v1/agreements/{agreement}/versions/{version}/retract", "admin"),
    ("POST /api/v1/agreements/{agreement}/introductions", "admin"),
    ("PUT /api/v1/objects/{id}/hold", "admin"),
    ("GET /api/v1/sharing/status", "viewer"),
    ("POST /api/v1/agreements/{agreement}/notice", "admin"),
    ("GET /api/v1/break-glass", "viewer"),
    ("POST /api/v1/agreements/{agreement}/break-glass/approval", "admin"),
    ("POST /api/v1/break-glass/{declaration}/approval", "admin"),
    ("POST /api/v1/objects/{id}/release-requests", "analyst"),
    ("GET /api/v1/release-requests", "viewer"),
    ("POST /api/v1/release-requests/{request}/approval", "admin"),
    ("POST /api/v1/approved-decisions", "admin"),
    ("POST /api/v1/reviews/{number}/release", "admin"),
    ("POST /api/v1/reviews/{number}/withhold", "admin"),
    ("POST /api/v1/peers/{name}/courier", "admin"),
    ("POST /api/v1/peers/{name}/courier/carried", "admin"),
    ("POST /api/v1/courier", "admin"),
    ("GET /api/v1/ledger/entries/{index}/proof", "admin"),
    ("POST /api/v1/reports", "admin"),
    ("GET /api/v1/log-sources", "viewer"),
    ("GET /api/v1/log-sources/{name}", "viewer"),
    ("POST /api/v1/log-sources", "admin"),
    ("PATCH /api/v1/log-sources/{name}", "admin"),
    ("DELETE /api/v1/log-sources/{name}", "admin"),
    ("POST /api/v1/log-sources/{name}/records", "analyst"),
    ("GET /api/v1/alerts", "viewer"),
    ("GET /api/v1/alerts/{number}", "viewer"),
    ("POST /api/v1/alerts/{number}/close", "analyst"),
    ("GET /api/v1/detection/rules", "viewer"),
    ("PUT /api/v1/detection/rules/{name}", "analyst"),
    ("DELETE /api/v1/detection/rules/{name}", "analyst"),
    ("GET /api/v1/detection/coverage", "viewer"),
    ("GET /api/v1/detection/unwatched", "viewer"),
    ("GET /api/v1/leases", "viewer"),
    ("POST /api/v1/leases", "analyst"),
    ("GET /api/v1/leases/{id}", "viewer"),
    ("GET /api/v1/leases/{id}/statement", "viewer"),
    ("GET /api/v1/leases/{id}/export", "viewer"),
    ("POST /api/v1/leases/{id}/approve", "analyst"),
    ("POST /api/v1/leases/{id}/refuse", "analyst"),
    ("POST /api/v1/leases/{id}/withdraw", "analyst"),
    ("POST /api/v1/leases/{id}/extend", "analyst"),
    ("POST /api/v1/leases/{id}/retry", "analyst"),
    ("GET /api/v1/hunts", "viewer"),
    ("POST /api/v1/hunts", "analyst"),
    ("GET /api/v1/hunts/{id}", "viewer"),
    ("POST /api/v1/hunts/{id}/cancel", "analyst"),
    ("GET /api/v1/hunt-requests", "viewer"),
    ("POST /api/v1/hunt-requests", "analyst"),
    ("POST /api/v1/hunt-requests/{id}/approve", "analyst"),
    ("POST /api/v1/hunt-requests/{id}/refuse", "analyst"),
    ("GET /api/v1/objects/{id}/answers", "viewer"),
    ("POST /api/v1/objects/{id}/feedback", "analyst"),
    ("GET /api/v1/mutes", "viewer"),
    ("PUT /api/v1/objects/{id}/mute", "analyst"),
    ("DELETE /api/v1/objects/{id}/mute", "analyst"),
    ("GET /api/v1/telemetry", "viewer"),
    ("GET /api/v1/telemetry/holds", "viewer"),
    ("POST /api/v1/telemetry/holds", "admin"),
    ("DELETE /api/v1/telemetry/holds/{name}", "admin"),
    ("POST /api/v1/telemetry/flush", "admin"),
    ("POST /api/v1/store/backup", "operator"),
];

/// Those that the OpenAPI document does not describe. Collections are looked at one by one below.
const UNDOCUMENTED: &[(&str, &str)] = &[
    ("GET /metrics", "viewer"),
    ("GET /api/v1/docs", "follower"),
    ("GET /api/v1/openapi.json", "follower"),
    ("GET /taxii2/", "follower"),
    ("GET /taxii2/default/", "follower"),
    ("GET /taxii2/default/status/{status}/", "follower"),
    ("GET /taxii2/default/collections/", "follower"),
    ("GET /taxii2/default/collections/public/", "follower"),
    ("GET /taxii2/default/collections/public/objects/", "follower"),
    ("GET /taxii2/default/collections/public/manifest/", "follower"),
];

/// A body that fits, so that a check which came too late would be seen by what changed.
fn body(line: &str) -> Value {
    match line {
        "POST /api/v1/session" => json!({"name": "somebody", "password": PASSWORD}),
        "PUT /api/v1/me/password" => json!({"old": PASSWORD, "new": "another horse battery"}),
        "POST /api/v1/objects" => indicator(77),
        "POST /api/v1/users" => json!({"name": "intruder", "role": "admin", "password": PASSWORD}),
        "PATCH /api/v1/users/{name}" => json!({"role": "admin", "password": "another horse battery"}),
        "POST /api/v1/tokens" => json!({"name": "mine", "user": "somebody"}),
        "POST /api/v1/sources" => {
            json!({"name": "new", "kind": "feed", "config": {"url": "https://x.example"}})
        }
        "PATCH /api/v1/sources/{name}" => json!({"enabled": false, "default_label": "clear"}),
        "PUT /api/v1/warning-lists/{name}" => {
            json!({"name": "all", "type": "string", "list": ["badhost.net"], "matching_attributes": ["domain"]})
        }
        "POST /api/v1/store/compact" => json!({"keep": 0}),
        "POST /api/v1/store/backup" => json!({"to": "/nonexistent/of/nobody"}),
        "PUT /api/v1/peers/{name}/endpoint" => json!({"endpoint": "https://evil.example:1"}),
        "POST /api/v1/peers/invitations" => json!({"endpoint": null}),
        "PUT /api/v1/objects/{id}/hold" => json!({"basis": "because"}),
        "POST /api/v1/agreement-templates/{name}" => json!({"values": {}}),
        "POST /api/v1/agreements/check" | "POST /api/v1/agreements" => json!({"text": ""}),
        "PUT /api/v1/rules" => json!({"text": "format = \"shieldwall-rules/1\"", "reason": "because"}),
        "POST /api/v1/log-sources" => json!({"name": "new", "kind": "push"}),
        "PATCH /api/v1/log-sources/{name}" => json!({"enabled": false}),
        "POST /api/v1/hunts" => json!({"values": ["192.0.2.1"]}),
        "POST /api/v1/leases" => {
            json!({"values": ["192.0.2.1"], "purpose": "p", "actuators": ["edge"], "seconds": 3600})
        }
        "POST /api/v1/leases/{id}/approve" => json!({}),
        "POST /api/v1/leases/{id}/extend" => json!({"seconds": 3600}),
        "POST /api/v1/hunt-requests" => {
            json!({"agreement": "000000", "purpose": "incident-response", "values": ["192.0.2.1"]})
        }
        "POST /api/v1/objects/{id}/feedback" => json!({"opinion": "disagree"}),
        "POST /api/v1/telemetry/holds" => json!({"name": "case"}),
        _ => json!({"reason": "because"}),
    }
}

const ROLES: [&str; 4] = ["follower", "viewer", "analyst", "admin"];

fn documented() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&shieldwall_api::openapi()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    documented
}

#[test]
fn the_matrix_names_every_documented_operation() {
    let named: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|(line, _)| (*line).to_owned())
        .chain(["POST /api/v1/session".to_owned()])
        .collect();
    assert_eq!(documented(), named);
}

/// A desk with something of every kind that a request can name, all of it somebody else's.
struct Furnished {
    desk: Desk,
    token: String,
    held: i64,
    status: String,
    alert: u64,
}

/// A log source, and an alert of something that it brought.
fn alert(desk: &Desk) -> u64 {
    let core = &desk.node.core;
    let (scope, now) = (core.scope, core.clock.now());
    let sensor = LogSourceRecord {
        name: "sensor".to_owned(),
        kind: "push".to_owned(),
        config: "{}".to_owned(),
        enabled: true,
        added: now,
    };
    let matched = NewAlert {
        group: Digest([1; 32]),
        rule: "a rule".to_owned(),
        object: None,
        title: "something that matched".to_owned(),
        level: 3,
        source: sensor.name.clone(),
        past: false,
        first: now,
        last: now,
        count: 1,
        detail: "{}".to_owned(),
        allowed: "{}".to_owned(),
    };
    let raised = core.store.transact(|tx| {
        tx.add_log_source(scope.tenant, &sensor)?;
        tx.raise(scope, now, &matched)
    });
    raised.unwrap().0
}

impl Furnished {
    async fn open() -> Self {
        let desk = Desk::open();
        desk.put(&[indicator(1), clear(2)]).await;
        let source = json!({"name": "feed", "kind": "feed", "config": {"url": "https://feed.example"}});
        desk.operator("POST /api/v1/sources").json(&source).expect(201).await;
        // A value that a warning list knows is held.
        let list = json!({"name": "well known", "type": "string", "list": ["bad3.badhost.net"], "matching_attributes": ["domain"]});
        desk.operator("PUT /api/v1/warning-lists/known").json(&list).expect(200).await;
        let added = desk.operator("POST /api/v1/objects").json(&indicator(3)).expect(200).await.json();
        let held = added["results"][0]["held"].as_i64().unwrap_or_else(|| panic!("{added:#}"));
        let secret = desk.token("somebody", "analyst", &[]).await;
        let tokens = desk.operator("GET /api/v1/tokens").expect(200).await.json();
        let token = tokens["tokens"][0]["id"].as_str().unwrap().to_owned();
        let envelope = json!({"objects": [indicator(4)]});
        let added = desk
            .ask("POST /taxii2/default/collections/own/objects/")
            .bearer(&secret)
            .body("application/taxii+json;version=2.1", envelope.to_string())
            .expect(202)
            .await
            .json();
        let status = added["id"].as_str().unwrap().to_owned();
        // What waits in the inbox would change things later.
        while !desk.node.core.store.read().unwrap().inbox(1).unwrap().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let alert = alert(&desk);
        Self { desk, token, held, status, alert }
    }

    fn filled(&self, line: &str) -> String {
        let digest = "00".repeat(32);
        let name = match line {
            line if line.contains("/users/") => "somebody",
            line if line.contains("/sources/") => "feed",
            line if line.contains("/warning-lists/") => "known",
            line if line.contains("/log-sources/") => "sensor",
            _ => "nobody",
        };
        let number = match line {
            line if line.contains("/held/") => self.held.to_string(),
            line if line.contains("/alerts/") => self.alert.to_string(),
            _ => "99".to_owned(),
        };
        line.replace("/tokens/{id}", &format!("/tokens/{}", self.token))
            .replace("{id}", &id(1))
            .replace("{number}", &number)
            .replace("{index}", "99")
            .replace("{name}", name)
            .replace("{agreement}", &digest)
            .replace("{release}", &digest)
            .replace("{version}", &digest)
            .replace("{status}", &self.status)
    }

    /// Everything that a request could have changed.
    async fn state(&self) -> Vec<Value> {
        let mut state = Vec::new();
        for line in [
            "GET /api/v1/users",
            "GET /api/v1/tokens",
            "GET /api/v1/sources",
            "GET /api/v1/objects?all_versions=true",
            "GET /api/v1/held?all=true",
            "GET /api/v1/journal",
            "GET /api/v1/warning-lists",
            "GET /api/v1/peers",
            "GET /api/v1/agreements",
            "GET /api/v1/reviews?all=true",
            "GET /api/v1/audit",
            "GET /api/v1/rules",
            "GET /api/v1/log-sources",
            "GET /api/v1/alerts?closed=true",
            "GET /api/v1/hunts",
            "GET /api/v1/leases",
            "GET /api/v1/hunt-requests",
            "GET /api/v1/mutes",
            "GET /taxii2/default/collections/own/manifest/",
        ] {
            state.push(self.desk.operator(line).expect(200).await.json());
        }
        state
    }
}

#[tokio::test]
async fn nothing_is_anonymous() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    let before = furnished.state().await;
    for (line, _) in ENDPOINTS.iter().chain(UNDOCUMENTED) {
        let body = body(line);
        let line = furnished.filled(line);
        let reply = desk.ask(&line).json(&body).send().await;
        assert_eq!(reply.status, 401, "{line}: {}", reply.body);
        assert!(reply.headers.contains_key("www-authenticate"), "{line}");
        let reply = desk.ask(&line).bearer("swt_wrong").json(&body).send().await;
        assert_eq!(reply.status, 401, "{line}: {}", reply.body);
        let reply = desk.ask(&line).basic("admin", PASSWORD).json(&body).send().await;
        // Unknown names and wrong passwords soon meet the throttle; neither is an answer.
        assert!(matches!(reply.status.as_u16(), 401 | 429), "{line}: {}", reply.body);
    }
    assert_eq!(furnished.state().await, before);
    desk.ask("GET /healthz").expect(200).await;
    desk.ask("GET /readyz").expect(200).await;
}

#[tokio::test]
async fn each_role_may_do_what_it_may() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    for (rank, role) in ROLES.iter().enumerate() {
        let secret = desk.token(&format!("a-{role}"), role, &[]).await;
        for (line, least) in ENDPOINTS.iter().chain(UNDOCUMENTED) {
            let line = furnished.filled(line);
            // The body never fits: permission is decided before it is looked at.
            let response = desk.ask(&line).bearer(&secret).start().await;
            let status = response.status().as_u16();
            let allowed = ROLES.iter().position(|role| role == least).is_some_and(|least| rank >= least);
            assert_eq!(status != 403, allowed, "{role} {line}: {status}");
            assert!(!matches!(status, 401 | 405), "{role} {line}: {status}");
            assert!(status < 500, "{role} {line}: {status}");
            if status == 404 {
                let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
                let text = String::from_utf8_lossy(&body);
                assert!(!text.contains("nothing at this path"), "{role} {line} is in no table");
            }
        }
    }
}

#[tokio::test]
async fn what_a_role_may_not_do_changes_nothing() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    for (rank, role) in ROLES.iter().enumerate() {
        let secret = desk.token(&format!("a-{role}"), role, &[]).await;
        let before = furnished.state().await;
        for (line, least) in ENDPOINTS.iter().chain(UNDOCUMENTED) {
            let allowed = ROLES.iter().position(|role| role == least).is_some_and(|least| rank >= least);
            if !allowed {
                let filled = furnished.filled(line);
                let reply = desk.ask(&filled).bearer(&secret).json(&body(line)).expect(403).await;
                assert!(
                    reply.json()["detail"].as_str().unwrap().contains(" takes "),
                    "{line}: {}",
                    reply.body
                );
            }
        }
        assert_eq!(furnished.state().await, before, "{role}");
    }
}

#[tokio::test]
async fn a_confined_token_is_good_for_its_collections_only_whatever_its_account_may() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    let secret = desk.token("root", "admin", &["public"]).await;
    let before = furnished.state().await;
    for (line, least) in ENDPOINTS {
        if *line == "GET /api/v1/live" {
            continue;
        }
        let status = desk.ask(&furnished.filled(line)).bearer(&secret).json(&body(line)).send().await.status;
        match (*least, *line) {
            // A token cannot be made into a password.
            (_, "PUT /api/v1/me/password") => assert_eq!(status, 403, "{line}"),
            ("follower", _) => assert!(matches!(status.as_u16(), 200 | 404), "{line}: {status}"),
            _ => assert_eq!(status, 403, "{line}"),
        }
    }
    // Another's status exists for an admin, and not for an admin's confined token.
    let line = furnished.filled("GET /taxii2/default/status/{status}/");
    desk.ask(&line).bearer(&secret).expect(404).await;
    let collections = desk.ask("GET /taxii2/default/collections/").bearer(&secret).expect(200).await.json();
    let aliases: Vec<_> =
        collections["collections"].as_array().unwrap().iter().map(|c| &c["alias"]).collect();
    assert_eq!(aliases, ["public"]);
    assert_eq!(furnished.state().await, before);
}

#[tokio::test]
async fn anothers_tokens_are_as_good_as_none_but_to_admins() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    for role in ["viewer", "analyst"] {
        let secret = desk.token(&format!("a-{role}"), role, &[]).await;
        let before = furnished.state().await;
        let seen = desk.ask("GET /api/v1/tokens").bearer(&secret).expect(200).await.json();
        let users: Vec<_> = seen["tokens"].as_array().unwrap().iter().map(|token| &token["user"]).collect();
        assert_eq!(users, [&json!(format!("a-{role}"))]);
        let line = furnished.filled("DELETE /api/v1/tokens/{id}");
        desk.ask(&line).bearer(&secret).expect(404).await;
        // Whether there is such an account is not told either.
        let refused = |user: &str| {
            desk.ask("POST /api/v1/tokens").bearer(&secret).json(&json!({"name": "mine", "user": user}))
        };
        let there = refused("somebody").expect(403).await.json();
        let not_there = refused("nobody").expect(403).await.json();
        assert_eq!(there["detail"], not_there["detail"]);
        assert_eq!(furnished.state().await, before, "{role}");
    }
    let secret = desk.token("an-admin", "admin", &[]).await;
    desk.ask(&furnished.filled("DELETE /api/v1/tokens/{id}")).bearer(&secret).expect(204).await;
}

#[tokio::test]
async fn anothers_status_is_as_good_as_none_but_to_admins() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    let line = furnished.filled("GET /taxii2/default/status/{status}/");
    for (role, status) in [("follower", 404), ("viewer", 404), ("analyst", 404), ("admin", 200)] {
        let secret = desk.token(&format!("a-{role}"), role, &[]).await;
        desk.ask(&line).bearer(&secret).expect(status).await;
    }
    // What the operator of the machine adds is nobody's but the operator's, and admins' to look at.
    let media_type = "application/taxii+json;version=2.1";
    let envelope = json!({"objects": [indicator(5)]}).to_string();
    let add = "POST /taxii2/default/collections/own/objects/";
    let added = desk.operator(add).body(media_type, envelope).expect(202).await.json();
    let line = format!("GET /taxii2/default/status/{}/", added["id"].as_str().unwrap());
    desk.operator(&line).expect(200).await;
    let secret = desk.token("another", "analyst", &[]).await;
    desk.ask(&line).bearer(&secret).expect(404).await;
}

#[tokio::test]
async fn sessions_and_passwords_are_ones_own() {
    let desk = Desk::open();
    let mut secrets = Vec::new();
    for name in ["one", "two"] {
        desk.account(name, "viewer").await;
        let body = json!({"name": name, "password": PASSWORD});
        let opened = desk.ask("POST /api/v1/session").json(&body).expect(201).await.json();
        secrets.push(opened["token"].as_str().unwrap().to_owned());
    }
    desk.ask("DELETE /api/v1/session").bearer(&secrets[0]).expect(204).await;
    desk.ask("GET /api/v1/me").bearer(&secrets[0]).expect(401).await;
    assert_eq!(desk.ask("GET /api/v1/me").bearer(&secrets[1]).expect(200).await.json()["name"], "two");
    let change = json!({"old": PASSWORD, "new": "another horse battery"});
    desk.ask("PUT /api/v1/me/password").bearer(&secrets[1]).json(&change).expect(204).await;
    desk.ask("GET /api/v1/me").basic("one", PASSWORD).expect(200).await;
    desk.ask("GET /api/v1/me").basic("two", PASSWORD).expect(401).await;
}

/// Every TAXII endpoint of a collection, by every role, with and without a token confined to another collection.
#[tokio::test]
async fn a_collection_is_read_and_changed_by_those_who_may() {
    let furnished = Furnished::open().await;
    let desk = &furnished.desk;
    let (mine, media_type) = (id(1), "application/taxii+json;version=2.1");
    let readings = ["", "manifest/", "objects/", "objects/{object}/", "objects/{object}/versions/"];
    for (rank, role) in ROLES.iter().enumerate() {
        for (who, confined, sees_own) in
            [("free", None, rank >= 1), ("own", Some("own"), rank >= 1), ("public", Some("public"), false)]
        {
            // A follower's token for `own` is not even made.
            if *role == "follower" && who == "own" {
                continue;
            }
            let named: Vec<&str> = confined.into_iter().collect();
            let secret = desk.token(&format!("{role}-{who}"), role, &named).await;
            let before = furnished.state().await;
            for (collection, sees, object) in [
                ("own", sees_own, &mine),
                ("public", who != "own", &id(2)),
                ("feed", sees_own && who == "free", &mine),
            ] {
                for reading in readings {
                    let reading = reading.replace("{object}", object);
                    let line = format!("GET /taxii2/default/collections/{collection}/{reading}");
                    let reply = desk.ask(&line).bearer(&secret).send().await;
                    let there = sees && !(collection == "feed" && reading.contains("--"));
                    let wanted = if there { 200 } else { 404 };
                    assert_eq!(reply.status.as_u16(), wanted, "{role} {who} {line}: {}", reply.body);
                }
                let writes = sees && rank >= 2 && collection != "public";
                if writes {
                    continue;
                }
                let wanted = if sees { 403 } else { 404 };
                let add = format!("POST /taxii2/default/collections/{collection}/objects/");
                let envelope = json!({"objects": [indicator(6)]}).to_string();
                let reply = desk.ask(&add).bearer(&secret).body(media_type, envelope).send().await;
                assert_eq!(reply.status.as_u16(), wanted, "{role} {who} {add}: {}", reply.body);
                let remove = format!("DELETE /taxii2/default/collections/{collection}/objects/{object}/");
                let reply = desk.ask(&remove).bearer(&secret).send().await;
                assert_eq!(reply.status.as_u16(), wanted, "{role} {who} {remove}: {}", reply.body);
            }
            assert_eq!(furnished.state().await, before, "{role} {who}");
        }
    }
}
