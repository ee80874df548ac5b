//! Sessions, passwords, tokens, throttling.

use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::{Desk, PASSWORD};

async fn sign_in(desk: &Desk, name: &str, password: &str) -> crate::desk::Reply {
    desk.ask("POST /api/v1/session").json(&json!({"name": name, "password": password})).send().await
}

fn secret(reply: &crate::desk::Reply) -> String {
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_opens_works_and_ends() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    let opened = sign_in(&desk, "ann", PASSWORD).await;
    assert_eq!(opened.status, 201);
    let session = secret(&opened);
    assert_eq!(desk.ask("GET /api/v1/me").bearer(&session).expect(200).await.json()["role"], "viewer");
    desk.ask("DELETE /api/v1/session").bearer(&session).expect(204).await;
    desk.ask("GET /api/v1/me").bearer(&session).expect(401).await;
    let second = secret(&sign_in(&desk, "ann", PASSWORD).await);
    desk.clock.advance(Duration::from_secs(8 * 3600));
    desk.ask("GET /api/v1/me").bearer(&second).expect(401).await;
}

#[tokio::test]
async fn unknown_names_and_wrong_passwords_are_answered_alike() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    let strip = |reply: crate::desk::Reply| {
        let mut json = reply.json();
        json["instance"] = Value::Null;
        (reply.status, json)
    };
    assert_eq!(strip(sign_in(&desk, "ann", "wrong").await), strip(sign_in(&desk, "nobody", PASSWORD).await));
    desk.operator("PATCH /api/v1/users/ann").json(&json!({"disabled": true})).expect(200).await;
    assert_eq!(strip(sign_in(&desk, "ann", PASSWORD).await), strip(sign_in(&desk, "nobody", "x").await));
}

#[tokio::test]
async fn failed_sign_ins_are_throttled_per_account_and_the_window_passes() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    desk.account("ben", "viewer").await;
    // What succeeds is not counted.
    for _ in 0..20 {
        assert_eq!(sign_in(&desk, "ann", PASSWORD).await.status, 201);
        desk.clock.advance(Duration::from_secs(61));
    }
    for _ in 0..10 {
        assert_eq!(sign_in(&desk, "ann", "wrong").await.status, 401);
    }
    desk.clock.advance(Duration::from_secs(100));
    let refused = sign_in(&desk, "ann", PASSWORD).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "200");
    assert_eq!(sign_in(&desk, "ben", PASSWORD).await.status, 201);
    desk.clock.advance(Duration::from_secs(201));
    assert_eq!(sign_in(&desk, "ann", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn basic_credentials_are_remembered_only_while_they_hold() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    let me = |password: &str| desk.ask("GET /api/v1/me").basic("ann", password);
    me(PASSWORD).expect(200).await;
    me("wrong").expect(401).await;
    let change = json!({"password": "another fine password"});
    desk.operator("PATCH /api/v1/users/ann").json(&change).expect(200).await;
    me(PASSWORD).expect(401).await;
    me("another fine password").expect(200).await;
    desk.operator("PATCH /api/v1/users/ann").json(&json!({"disabled": true})).expect(200).await;
    me("another fine password").expect(401).await;
}

#[tokio::test]
async fn a_new_password_or_role_ends_sessions() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    let session = secret(&sign_in(&desk, "ann", PASSWORD).await);
    let change = json!({"old": "wrong", "new": "a better password"});
    desk.ask("PUT /api/v1/me/password").bearer(&session).json(&change).expect(401).await;
    let change = json!({"old": PASSWORD, "new": "a better password"});
    desk.ask("PUT /api/v1/me/password").bearer(&session).json(&change).expect(204).await;
    desk.ask("GET /api/v1/me").bearer(&session).expect(401).await;
    let session = secret(&sign_in(&desk, "ann", "a better password").await);
    desk.operator("PATCH /api/v1/users/ann").json(&json!({"role": "follower"})).expect(200).await;
    desk.ask("GET /api/v1/me").bearer(&session).expect(401).await;
}

#[tokio::test]
async fn the_last_admin_stays() {
    let desk = Desk::open();
    desk.account("root", "admin").await;
    desk.operator("PATCH /api/v1/users/root").json(&json!({"role": "viewer"})).expect(422).await;
    desk.operator("PATCH /api/v1/users/root").json(&json!({"disabled": true})).expect(422).await;
    desk.operator("DELETE /api/v1/users/root").expect(422).await;
    desk.account("second", "admin").await;
    desk.operator("DELETE /api/v1/users/root").expect(204).await;
}

#[tokio::test]
async fn tokens_are_ones_own_unless_one_is_admin() {
    let desk = Desk::open();
    let ann = desk.token("ann", "viewer", &[]).await;
    let ben = desk.token("ben", "analyst", &[]).await;
    let list = desk.ask("GET /api/v1/tokens").bearer(&ann).expect(200).await.json();
    assert_eq!(list["tokens"].as_array().unwrap().len(), 1);
    let id = list["tokens"][0]["id"].as_str().unwrap();
    desk.ask(&format!("DELETE /api/v1/tokens/{id}")).bearer(&ben).expect(404).await;
    let other = json!({"name": "x", "user": "ben"});
    desk.ask("POST /api/v1/tokens").bearer(&ann).json(&other).expect(403).await;
    desk.ask(&format!("DELETE /api/v1/tokens/{id}")).bearer(&ann).expect(204).await;
    desk.ask("GET /api/v1/me").bearer(&ann).expect(401).await;
}

#[tokio::test]
async fn a_token_made_with_a_token_does_not_outlive_it() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    let body = json!({"name": "short", "user": "ann", "expires": "2026-10-01T00:00:00Z"});
    let first = desk.operator("POST /api/v1/tokens").json(&body).expect(201).await.json();
    let body = json!({"name": "long", "expires": "2036-10-01T00:00:00Z"});
    let secret = first["secret"].as_str().unwrap();
    let second = desk.ask("POST /api/v1/tokens").bearer(secret).json(&body).expect(201).await.json();
    assert_eq!(second["expires"], first["expires"]);
    desk.clock.advance(Duration::from_secs(400 * 86_400));
    desk.ask("GET /api/v1/me").bearer(secret).expect(401).await;
}

#[tokio::test]
async fn what_people_do_is_in_the_audit_log_without_secrets() {
    let desk = Desk::open();
    desk.account("ann", "viewer").await;
    sign_in(&desk, "ann", PASSWORD).await;
    let log = desk.operator("GET /api/v1/audit").expect(200).await;
    let acts: Vec<_> =
        log.json()["acts"].as_array().unwrap().iter().map(|act| act["action"].clone()).collect();
    assert_eq!(acts, ["user.add", "session.open"]);
    assert!(!log.body.contains(PASSWORD));
}

#[tokio::test]
async fn files_of_the_machine_are_named_by_its_operator_only() {
    let desk = Desk::open();
    let root = desk.token("root", "admin", &[]).await;
    let source = |config: Value| json!({"name": "feed", "kind": "feed", "config": config});
    let add = "POST /api/v1/sources";
    for config in [
        json!({"url": "https://evil.example/", "token_file": "/etc/shadow"}),
        json!({"url": "https://evil.example/", "allow_hosts": ["10.0.0.0/8"]}),
    ] {
        desk.ask(add).bearer(&root).json(&source(config)).expect(403).await;
    }
    desk.ask(add).bearer(&root).json(&source(json!({}))).expect(400).await;
    let config = json!({"url": "https://good.example/", "token_file": "/etc/shieldwall/token"});
    let made = desk.operator(add).json(&source(config.clone())).expect(201).await.json();
    assert_eq!((&made["config"], &made["default_label"]), (&config, &json!("own")));
    desk.operator(add).json(&source(config.clone())).expect(409).await;
    // Neither may the address change under a file that is sent there.
    let change =
        |config: Value| desk.ask("PATCH /api/v1/sources/feed").bearer(&root).json(&json!({"config": config}));
    change(json!({"url": "https://evil.example/", "token_file": "/etc/shieldwall/token"})).expect(403).await;
    change(config).expect(200).await;
    desk.ask("PATCH /api/v1/sources/feed").bearer(&root).json(&json!({"enabled": false})).expect(200).await;
    desk.ask("POST /api/v1/sources/feed/pull").bearer(&root).expect(422).await;
    desk.ask("DELETE /api/v1/sources/feed").bearer(&root).expect(204).await;
    desk.ask("GET /api/v1/sources/feed").bearer(&root).expect(404).await;
}
