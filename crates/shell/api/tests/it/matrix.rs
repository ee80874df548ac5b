//! Every endpoint against every kind of caller.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::desk::{Desk, PASSWORD, id, indicator};

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
    ("GET /api/v1/explanations", "analyst"),
    ("POST /api/v1/objects/{id}/withdraw", "analyst"),
    ("POST /api/v1/peers/{name}/questions", "analyst"),
    ("POST /api/v1/keys/inception", "admin"),
    ("POST /api/v1/keys/events", "admin"),
    ("POST /api/v1/keys/rotation", "admin"),
    ("POST /api/v1/appointments", "admin"),
    ("POST /api/v1/peers", "admin"),
    ("POST /api/v1/peers/invitations", "admin"),
    ("POST /api/v1/peers/answers", "admin"),
    ("POST /api/v1/peers/{name}/confirm", "admin"),
    ("POST /api/v1/peers/{name}/end", "admin"),
    ("PUT /api/v1/peers/{name}/endpoint", "admin"),
    ("POST /api/v1/agreements", "admin"),
    ("POST /api/v1/agreements/{agreement}/versions/{version}/signature", "admin"),
    ("POST /api/v1/agreements/{agreement}/suspend", "admin"),
    ("POST /api/v1/agreements/{agreement}/end", "admin"),
    ("POST /api/v1/agreements/{agreement}/leave", "admin"),
    ("PUT /api/v1/objects/{id}/hold", "admin"),
    ("POST /api/v1/reviews/{number}/release", "admin"),
    ("POST /api/v1/reviews/{number}/withhold", "admin"),
    ("POST /api/v1/peers/{name}/courier", "admin"),
    ("POST /api/v1/courier", "admin"),
    ("GET /api/v1/ledger/entries/{index}/proof", "admin"),
    ("POST /api/v1/reports", "admin"),
    ("POST /api/v1/store/backup", "operator"),
];

/// Those that the OpenAPI document does not describe.
const UNDOCUMENTED: &[(&str, &str)] = &[
    ("GET /metrics", "viewer"),
    ("GET /api/v1/docs", "follower"),
    ("GET /api/v1/openapi.json", "follower"),
    ("GET /taxii2/", "follower"),
    ("GET /taxii2/default/", "follower"),
    ("GET /taxii2/default/collections/", "follower"),
];

const ROLES: [&str; 4] = ["follower", "viewer", "analyst", "admin"];

#[test]
fn the_matrix_names_every_documented_operation() {
    let document: Value = serde_json::from_str(&shieldwall_api::openapi()).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let named: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|(line, _)| (*line).to_owned())
        .chain(["POST /api/v1/session".to_owned()])
        .collect();
    assert_eq!(documented, named);
}

fn filled(line: &str) -> String {
    let digest = "00".repeat(32);
    line.replace("{id}", &id(1))
        .replace("{number}", "99")
        .replace("{index}", "99")
        .replace("{name}", "nobody")
        .replace("{agreement}", &digest)
        .replace("{release}", &digest)
        .replace("{version}", &digest)
}

#[tokio::test]
async fn nothing_is_anonymous() {
    let desk = Desk::open();
    for (line, _) in ENDPOINTS.iter().chain(UNDOCUMENTED) {
        let line = filled(line);
        let reply = desk.ask(&line).send().await;
        assert_eq!(reply.status, 401, "{line}: {}", reply.body);
        assert!(reply.headers.contains_key("www-authenticate"), "{line}");
        let reply = desk.ask(&line).bearer("swt_wrong").send().await;
        assert_eq!(reply.status, 401, "{line}: {}", reply.body);
        let reply = desk.ask(&line).basic("admin", PASSWORD).send().await;
        // Unknown names and wrong passwords soon meet the throttle; neither is an answer.
        assert!(matches!(reply.status.as_u16(), 401 | 429), "{line}: {}", reply.body);
    }
    desk.ask("GET /healthz").expect(200).await;
    desk.ask("GET /readyz").expect(200).await;
}

#[tokio::test]
async fn each_role_may_do_what_it_may_and_nothing_else() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    for (rank, role) in ROLES.iter().enumerate() {
        let secret = desk.token(&format!("a-{role}"), role, &[]).await;
        for (line, least) in ENDPOINTS.iter().chain(UNDOCUMENTED) {
            let line = filled(line);
            // The body never fits: permission is decided before it is looked at.
            let response = desk.ask(&line).bearer(&secret).start().await;
            let status = response.status().as_u16();
            let allowed = ROLES.iter().position(|role| role == least).is_some_and(|least| rank >= least);
            assert_eq!(
                status != 403,
                allowed || line == "PUT /api/v1/me/password",
                "{role} {line}: {status}"
            );
            assert_ne!(status, 401, "{role} {line}");
            assert!(status < 500, "{role} {line}: {status}");
        }
    }
}

#[tokio::test]
async fn a_confined_token_is_good_for_its_collections_only_whatever_its_account_may() {
    let desk = Desk::open();
    let secret = desk.token("root", "admin", &["public"]).await;
    for (line, least) in ENDPOINTS {
        let status = desk.ask(&filled(line)).bearer(&secret).start().await.status().as_u16();
        if *least == "follower" {
            assert_ne!(status, 401, "{line}");
        } else {
            assert_eq!(status, 403, "{line}");
        }
    }
    let collections = desk.ask("GET /taxii2/default/collections/").bearer(&secret).expect(200).await.json();
    let aliases: Vec<_> =
        collections["collections"].as_array().unwrap().iter().map(|c| &c["alias"]).collect();
    assert_eq!(aliases, ["public"]);
}
