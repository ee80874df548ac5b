//! The live journal: gap-free, resumable, telling followers no more than they may know.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use serde_json::json;
use shieldwall_api::Settings;

use crate::desk::{Desk, clear, indicator, settings};

/// Reads events until so many have come, as (id, event, data).
pub(crate) struct Events {
    body: Body,
    text: String,
}

impl Events {
    pub(crate) async fn open(desk: &Desk, path: &str, secret: Option<&str>) -> Self {
        let ask = match secret {
            Some(secret) => desk.ask(&format!("GET {path}")).bearer(secret),
            None => desk.operator(&format!("GET {path}")),
        };
        let response = ask.start().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream. Hangs, and so fails, when neither comes.
    pub(crate) async fn next(&mut self) -> Option<(String, String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                return Some((field("id: "), field("event: "), field("data: ")));
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
        }
    }

    async fn take(&mut self, count: usize) -> Vec<(String, String, String)> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.unwrap());
        }
        events
    }
}

async fn head(desk: &Desk) -> u64 {
    desk.operator("GET /api/v1/node").expect(200).await.json()["head"].as_u64().unwrap()
}

#[tokio::test]
async fn a_stream_resumes_where_it_was_without_a_gap() {
    let desk = Desk::open();
    let start = head(&desk).await;
    let mut first = Events::open(&desk, &format!("/api/v1/live?after={start}"), None).await;
    assert_eq!(first.next().await.unwrap().1, "ready");
    desk.put(&[indicator(1), indicator(2)]).await;
    let seen = first.take(2).await;
    assert_eq!(seen[0].0, (start + 1).to_string());
    assert!(seen[0].2.contains("\"kind\":\"put\""), "{seen:?}");
    drop(first);
    desk.put(&[indicator(3)]).await;
    let response =
        desk.operator("GET /api/v1/live?after=0").header("last-event-id", &seen[1].0).start().await;
    let mut second = Events { body: response.into_body(), text: String::new() };
    desk.put(&[indicator(4)]).await;
    let ids: Vec<_> = second.take(3).await.into_iter().map(|event| event.0).collect();
    assert_eq!(ids, [start + 2, start + 3, start + 4].map(|seq| seq.to_string()));
}

#[tokio::test]
async fn without_a_place_only_what_comes_is_told() {
    let desk = Desk::open();
    desk.put(&[indicator(1)]).await;
    let before = head(&desk).await;
    let mut live = Events::open(&desk, "/api/v1/live", None).await;
    assert_eq!(live.next().await.unwrap().0, before.to_string());
    desk.put(&[indicator(2)]).await;
    assert_eq!(live.next().await.unwrap().0, (before + 1).to_string());
}

#[tokio::test]
async fn a_follower_is_told_that_something_public_changed_and_nothing_else() {
    let desk = Desk::open();
    let secret = desk.token("partner", "follower", &["public"]).await;
    let start = head(&desk).await;
    let mut live = Events::open(&desk, &format!("/api/v1/live?after={start}"), Some(&secret)).await;
    live.next().await.unwrap();
    desk.put(&[indicator(1)]).await;
    desk.put(&[clear(2)]).await;
    let (id, event, data) = live.next().await.unwrap();
    assert_eq!((event.as_str(), data), ("hint", json!({"seq": start + 2}).to_string()));
    assert_eq!(id, (start + 2).to_string());
    desk.ask("GET /api/v1/live?collection=own").bearer(&secret).expect(404).await;
}

#[tokio::test]
async fn a_place_that_was_compacted_away_ends_the_stream_with_the_horizon() {
    let desk = Desk::open();
    desk.put(&[indicator(1), indicator(2)]).await;
    while desk.node.core.index_step().unwrap() {}
    desk.operator("POST /api/v1/store/compact").json(&json!({"keep": 0})).expect(200).await;
    let mut live = Events::open(&desk, "/api/v1/live?after=0", None).await;
    let events = live.take(2).await;
    assert_eq!(events[1].1, "cursor-expired");
    assert!(events[1].2.contains("\"horizon\""));
    assert!(live.next().await.is_none());
}

#[tokio::test]
async fn a_revoked_token_loses_its_stream_at_the_next_heartbeat() {
    let desk = Desk::with(Settings { heartbeat: Duration::from_millis(20), ..settings() });
    let secret = desk.token("ann", "viewer", &[]).await;
    let mut live = Events::open(&desk, "/api/v1/live", Some(&secret)).await;
    live.take(3).await;
    desk.operator("PATCH /api/v1/users/ann").json(&json!({"disabled": true})).expect(200).await;
    while live.next().await.is_some() {}
}

#[tokio::test]
async fn more_streams_than_there_may_be_are_refused() {
    let desk = Desk::with(Settings { max_streams: 1, ..settings() });
    let first = Events::open(&desk, "/api/v1/live", None).await;
    desk.operator("GET /api/v1/live").expect(503).await;
    drop(first);
}
