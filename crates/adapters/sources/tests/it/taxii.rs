//! The TAXII client against good, odd and hostile servers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ::taxii::{EnvelopeWriter, MEDIA_TYPE, Query, date_added, page_token, read_page_token};
use ports::pull::{Content, PullError};
use serde_json::{Value, json};
use shieldwall_sources::taxii_client::Client;

use crate::server::{Asked, Reply, Server};
use crate::{env, round, source};

const ID: &str = "91a7b528-80eb-42ed-a74d-c6fbd5a26116";
const TYPE: (&str, &str) = ("Content-Type", MEDIA_TYPE);

/// A server with one collection of numbered objects, each added one second after the one before.
#[derive(Clone, Copy)]
struct Habits {
    /// Objects per page, whatever the client asks for.
    page: usize,
    /// Whether it gives `next`.
    next: bool,
    /// Whether it sends X-TAXII-Date-Added-Last.
    dates: bool,
    /// Whether it has a manifest.
    manifest: bool,
}

const GOOD: Habits = Habits { page: 3, next: true, dates: true, manifest: true };

#[derive(Clone)]
struct Model {
    habits: Habits,
    objects: Arc<Mutex<usize>>,
    /// Tokens given out before this number of requests are refused.
    forgets_tokens: Arc<Mutex<bool>>,
}

impl Model {
    fn new(habits: Habits, objects: usize) -> Self {
        Self { habits, objects: Arc::new(Mutex::new(objects)), forgets_tokens: Arc::default() }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let query = Query::parse(asked.query()).unwrap();
        let objects = *self.objects.lock().unwrap();
        let position = match read_page_token("c", &query) {
            Ok(position) => position,
            Err(_) => return Reply::new(400, &[TYPE], "{}"),
        };
        if position.is_some() && std::mem::take(&mut *self.forgets_tokens.lock().unwrap()) {
            return Reply::new(400, &[TYPE], r#"{"title":"token expired"}"#);
        }
        let after = position.max(query.added_after);
        let page = query.limit.map_or(1, |limit| self.habits.page.min(limit as usize));
        let rest: Vec<usize> =
            (0..objects).filter(|number| after.is_none_or(|after| added(*number) > after)).collect();
        let (entries, more) = (&rest[..page.min(rest.len())], rest.len() > page);
        let last = entries.last().map(|number| date_added(added(*number)));
        match asked.path() {
            "/api/collections/" => Reply::new(
                200,
                &[TYPE],
                json!({ "collections": [
                    { "id": "11111111-80eb-42ed-a74d-c6fbd5a26116", "title": "Hidden", "can_read": false, "can_write": false },
                    { "id": ID, "title": "Feed", "alias": "feed", "can_read": true, "can_write": true },
                ]})
                .to_string(),
            ),
            path if path == format!("/api/collections/{ID}/manifest/") && self.habits.manifest => {
                let entries: Vec<Value> = entries
                    .iter()
                    .map(|n| json!({ "id": format!("x--{n}"), "date_added": date_added(added(*n)), "version": "v" }))
                    .collect();
                Reply::new(200, &[TYPE], json!({ "more": more, "objects": entries }).to_string())
            }
            path if path == format!("/api/collections/{ID}/objects/") => {
                let mut writer = EnvelopeWriter::default();
                entries.iter().for_each(|number| writer.push(&format!("{{ \"n\": {number} }}")));
                let token = entries.last().map(|number| page_token(added(*number), "c", &query));
                let body = writer.finish(more, token.as_deref().filter(|_| self.habits.next));
                match last.filter(|_| self.habits.dates) {
                    Some(last) => Reply::new(200, &[TYPE, ("X-TAXII-Date-Added-Last", &last)], body),
                    None => Reply::new(200, &[TYPE], body),
                }
            }
            "/taxii2/" => Reply::new(
                200,
                &[TYPE],
                json!({ "title": "T", "default": "/api/", "api_roots": ["https://other.example/api/", "/api/"] }).to_string(),
            ),
            "/api/" => Reply::new(
                200,
                &[TYPE],
                json!({ "title": "T", "versions": [MEDIA_TYPE], "max_content_length": 1000 }).to_string(),
            ),
            _ => Reply::new(404, &[TYPE], r#"{"title":"not found"}"#),
        }
    }
}

fn added(number: usize) -> model::Timestamp {
    model::Timestamp::from_micros(1_700_000_000_000_001 + i64::try_from(number).unwrap() * 1_000_000)
}

async fn serve(model: &Model) -> Server {
    let model = model.clone();
    Server::start(move |asked| model.answer(asked)).await
}

fn config(server: &Server) -> Value {
    json!({ "url": server.url(&format!("/api/collections/{ID}/")) })
}

fn numbers(documents: &[Vec<u8>]) -> Vec<u64> {
    documents
        .iter()
        .flat_map(|bytes| {
            let envelope: Value = serde_json::from_slice(bytes).unwrap();
            envelope["objects"]
                .as_array()
                .unwrap()
                .iter()
                .map(|object| object["n"].as_u64().unwrap())
                .collect::<Vec<_>>()
        })
        .collect()
}

async fn pull(config: &Value, cursor: Option<String>) -> Result<(Vec<u64>, String), PullError> {
    let (documents, cursor) = round(&mut *source("taxii", config).puller, cursor).await?;
    Ok((numbers(&documents), cursor))
}

#[tokio::test]
async fn every_object_once_then_only_what_is_new_whatever_the_server_s_habits() {
    for (next, dates) in [(true, true), (false, true), (true, false)] {
        let model = Model::new(Habits { next, dates, ..GOOD }, 10);
        let server = serve(&model).await;
        let (got, cursor) = pull(&config(&server), None).await.unwrap();
        assert_eq!(got, (0..10).collect::<Vec<_>>(), "next {next} dates {dates}");
        // Without dates the manifest has to be learnt first; that costs one round of repetition and loses nothing.
        let (mut got, mut cursor) = pull(&config(&server), Some(cursor)).await.unwrap();
        if !dates {
            assert_eq!(got.len(), 10);
            (got, cursor) = pull(&config(&server), Some(cursor)).await.unwrap();
        }
        assert!(got.is_empty(), "next {next} dates {dates}: {got:?}");
        *model.objects.lock().unwrap() = 15;
        let (got, _) = pull(&config(&server), Some(cursor)).await.unwrap();
        assert_eq!(got, (10..15).collect::<Vec<_>>(), "next {next} dates {dates}");
    }
}

#[tokio::test]
async fn an_advanced_instant_is_never_combined_with_next() {
    let server = serve(&Model::new(GOOD, 10)).await;
    let (_, cursor) = pull(&config(&server), None).await.unwrap();
    let first_round = server.asked().len();
    for asked in &server.asked()[..first_round] {
        assert!(!asked.query().contains("added_after"), "{}", asked.target);
    }
    pull(&config(&server), Some(cursor)).await.unwrap();
    for asked in &server.asked()[first_round..] {
        assert!(asked.query().contains("added_after=2023-11-14T22%3A13%3A29.000001Z"), "{}", asked.target);
        assert!(!asked.query().contains("next="), "{}", asked.target);
    }
    assert!(server.asked().iter().all(|asked| !asked.query().contains("modified")));
    assert!(server.asked().iter().all(|asked| asked.header("accept") == Some(MEDIA_TYPE)));
}

#[tokio::test]
async fn without_dates_and_manifest_everything_is_given_again() {
    let server = serve(&Model::new(Habits { dates: false, manifest: false, ..GOOD }, 7)).await;
    let mut cursor = None;
    for _ in 0..3 {
        let (got, then) = pull(&config(&server), cursor).await.unwrap();
        assert_eq!(got, (0..7).collect::<Vec<_>>());
        cursor = Some(then);
    }
}

#[tokio::test]
async fn a_round_is_resumed_after_any_page() {
    let server = serve(&Model::new(GOOD, 10)).await;
    let (mut got, mut cursor) = (Vec::new(), None);
    loop {
        // A fresh puller for every page, as after a crash.
        let batch = source("taxii", &config(&server)).puller.next(cursor.as_deref()).await.unwrap();
        got.extend(numbers(&batch.pieces.iter().map(|piece| piece.bytes.clone()).collect::<Vec<_>>()));
        assert!(batch.pieces.iter().all(|piece| piece.content == Content::Stix));
        cursor = Some(batch.cursor);
        if !batch.more {
            break;
        }
    }
    assert_eq!(got, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_forgotten_token_restarts_the_walk_and_loses_nothing() {
    let model = Model::new(GOOD, 10);
    let server = serve(&model).await;
    let first = source("taxii", &config(&server)).puller.next(None).await.unwrap();
    *model.forgets_tokens.lock().unwrap() = true;
    let (got, _) = pull(&config(&server), Some(first.cursor)).await.unwrap();
    assert_eq!(got, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_of_another_collection_or_of_nonsense_starts_over() {
    let server = serve(&Model::new(GOOD, 4)).await;
    let (_, cursor) = pull(&config(&server), None).await.unwrap();
    let by_alias = json!({ "url": server.url("/api/"), "collection": "feed" });
    for cursor in [cursor, "nonsense".to_owned(), "{}".to_owned()] {
        assert_eq!(pull(&by_alias, Some(cursor)).await.unwrap().0.len(), 4);
    }
}

#[tokio::test]
async fn a_collection_is_found_from_wherever_one_starts() {
    let server = serve(&Model::new(GOOD, 2)).await;
    for (path, collection) in [
        ("/taxii2/", ID),
        ("/taxii2", "feed"),
        ("/", "Feed"),
        ("", "feed"),
        ("/api/", "feed"),
        ("/api", "91A7B528-80EB-42ED-A74D-C6FBD5A26116"),
        ("/api/collections/", "feed"),
    ] {
        let config = json!({ "url": server.url(path), "collection": collection });
        assert_eq!(pull(&config, None).await.map(|(got, _)| got.len()), Ok(2), "{path}");
    }
    let direct = json!({ "url": server.url(&format!("/api/collections/{ID}/objects")) });
    assert_eq!(pull(&direct, None).await.map(|(got, _)| got.len()), Ok(2));

    let config = json!({ "url": server.url("/taxii2/"), "collection": "nope" });
    let error = pull(&config, None).await.unwrap_err();
    assert!(
        error.permanent && error.message.contains("`Feed`") && error.message.contains("another server"),
        "{error}"
    );
    let config = json!({ "url": server.url("/api/"), "collection": "Hidden" });
    assert!(pull(&config, None).await.unwrap_err().message.contains("neither read nor written"));
}

#[tokio::test]
async fn discovery_lists_roots_and_collections() {
    let server = serve(&Model::new(GOOD, 2)).await;
    let config = json!({ "url": server.url("/taxii2/") }).to_string();
    let roots = Client::from_config(&config, &env()).unwrap().discover().await.unwrap();
    assert_eq!(roots.len(), 2);
    assert_eq!((roots[0].url.path(), roots[0].collections.len()), ("/api/", 2));
    assert_eq!(roots[0].info.as_ref().map(|info| info.max_content_length), Some(1000));
    assert!(roots[1].problem.as_ref().unwrap().contains("another server"));
}

#[tokio::test]
async fn a_server_that_dislikes_final_slashes() {
    let model = Model::new(GOOD, 4);
    let server = Server::start(move |asked| match asked.path().strip_suffix('/') {
        Some(_) => Reply::new(404, &[TYPE], "{}"),
        None => {
            let mut asked = asked.clone();
            asked.target = match asked.target.split_once('?') {
                Some((path, query)) => format!("{path}/?{query}"),
                None => format!("{}/", asked.target),
            };
            model.answer(&asked)
        }
    })
    .await;
    let config = json!({ "url": server.url("/api/"), "collection": "feed" });
    assert_eq!(pull(&config, None).await.map(|(got, _)| got.len()), Ok(4));
    let refused = server.asked().iter().filter(|asked| asked.path().ends_with('/')).count();
    assert_eq!(refused, 1, "it is learnt once");
}

#[tokio::test]
async fn odd_but_honest_answers() {
    for (kind, body, expect) in [
        ("application/taxii+json", r#"{"objects":[{"n":1}]}"#, 1),
        ("application/json; charset=utf-8", r#"{"objects":[{"n":1}],"more":false,"x_y":1}"#, 1),
        (MEDIA_TYPE, "{}", 0),
        (MEDIA_TYPE, r#"{"objects":null,"next":null}"#, 0),
    ] {
        let server = Server::start(move |_| Reply::new(200, &[("Content-Type", kind)], body)).await;
        assert_eq!(pull(&config(&server), None).await.unwrap().0.len(), expect, "{kind} {body}");
    }
}

#[tokio::test]
async fn a_server_that_sends_the_last_object_again_is_not_stuck() {
    // It takes `added_after` to include the instant itself.
    let headers = [TYPE, ("X-TAXII-Date-Added-Last", "2026-01-31T12:00:00.000000Z")];
    let server = Server::start(move |_| Reply::new(200, &headers, r#"{"objects":[{"n":1}]}"#)).await;
    let (_, cursor) = pull(&config(&server), None).await.unwrap();
    let (got, again) = pull(&config(&server), Some(cursor.clone())).await.unwrap();
    assert_eq!((got, again), (vec![1], cursor));
}

/// The error a server of this behaviour ends in, within a bounded number of requests.
async fn defect(handler: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> String {
    let count = Mutex::new(0);
    let server = Server::start(move |asked| {
        let mut count = count.lock().unwrap();
        *count += 1;
        handler(asked, *count)
    })
    .await;
    let error = pull(&config(&server), None).await.unwrap_err();
    assert!(server.asked().len() < 20, "{} requests", server.asked().len());
    assert!(error.permanent && error.message.contains("fault of the server"), "{error}");
    error.message
}

fn page(body: &str) -> Reply {
    Reply::new(200, &[TYPE], body)
}

#[tokio::test]
async fn servers_that_do_not_get_on_are_named_as_such() {
    let empty = defect(|_, _| page(r#"{"more":true}"#)).await;
    assert!(empty.contains("empty page"), "{empty}");
    let empty = defect(|_, n| page(&format!(r#"{{"more":true,"next":"{n}"}}"#))).await;
    assert!(empty.contains("empty page"), "{empty}");
    let repeated =
        defect(|_, n| page(&format!(r#"{{"more":true,"next":"same","objects":[{{"n":{n}}}]}}"#))).await;
    assert!(repeated.contains("same `next`"), "{repeated}");
    let over_and_over =
        defect(|_, n| page(&format!(r#"{{"more":true,"next":"{n}","objects":[{{"n":1}}]}}"#))).await;
    assert!(over_and_over.contains("same page"), "{over_and_over}");
    let circle =
        defect(|_, n| page(&format!(r#"{{"more":true,"next":"{}","objects":[{{"n":{}}}]}}"#, n % 3, n % 3)))
            .await;
    assert!(circle.contains("same page"), "{circle}");
    let neither = defect(|_, _| page(r#"{"more":true,"objects":[{"n":1}]}"#)).await;
    assert!(neither.contains("X-TAXII-Date-Added-Last"), "{neither}");
    let stuck = defect(|_, n| {
        let headers = [TYPE, ("X-TAXII-Date-Added-Last", "2026-01-31T12:00:00.000000Z")];
        Reply::new(200, &headers, format!(r#"{{"more":true,"objects":[{{"n":{n}}}]}}"#))
    })
    .await;
    assert!(stuck.contains("later"), "{stuck}");
    for body in ["[]", r#"{"objects":{}}"#, r#"{"more":"yes"}"#, "{\"objects\":[", ""] {
        let broken = defect(move |_, _| page(body)).await;
        assert!(broken.contains("no TAXII envelope"), "{broken}");
    }
    let long =
        defect(|_, _| page(&format!(r#"{{"more":true,"next":"{}","objects":[{{}}]}}"#, "x".repeat(9_000))))
            .await;
    assert!(long.contains("too long"), "{long}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (code, needle, permanent) in [
        (400, "page_size", true),
        (401, "credentials", true),
        (403, "may not", true),
        (404, "`collection`", true),
        (406, "TAXII 2.0", true),
        (415, "content", true),
        (429, "fewer requests", false),
        (500, "problem of its own", false),
        (503, "problem of its own", false),
    ] {
        let server =
            Server::start(move |_| Reply::new(code, &[TYPE, ("Retry-After", "7")], r#"{"title":"no"}"#))
                .await;
        let error = pull(&config(&server), None).await.unwrap_err();
        assert!(error.message.contains(needle) && error.message.contains("`no`"), "{code}: {error}");
        assert_eq!(
            (error.permanent, error.retry_after.map(|pause| pause.as_secs())),
            (permanent, Some(7)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn what_is_not_taxii_2_1_is_not_read() {
    for (code, kind) in [
        (200, "text/html"),
        (200, "application/vnd.oasis.taxii+json; version=2.0"),
        (200, "application/taxii+json;version=2.0"),
        (206, MEDIA_TYPE),
    ] {
        let server =
            Server::start(move |_| Reply::new(code, &[("Content-Type", kind)], r#"{"objects":[{}]}"#)).await;
        let error = pull(&config(&server), None).await.unwrap_err();
        assert!(error.permanent && error.message.contains("2.1"), "{code} {kind}: {error}");
    }
}

#[tokio::test]
async fn discovery_does_not_carry_credentials_away() {
    let elsewhere = Server::start(|_| Reply::new(200, &[TYPE], "{}")).await;
    let (root, moved) = (elsewhere.url("/api/"), elsewhere.url("/taxii2/"));
    let server = Server::start(move |asked| match asked.path() {
        "/taxii2/" => Reply::new(200, &[TYPE], json!({ "title": "T", "api_roots": [&root] }).to_string()),
        _ => Reply::redirect(302, &moved),
    })
    .await;
    for (path, needle) in [("/taxii2/", "another server"), ("/old/", "has moved")] {
        let config = json!({ "url": server.url(path), "collection": "feed" });
        let error = pull(&config, None).await.unwrap_err();
        assert!(error.message.contains(needle), "{error}");
    }
    assert!(elsewhere.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

#[tokio::test]
async fn objects_are_pushed_and_followed_up() {
    let done: BTreeMap<&str, u64> =
        [("total_count", 1), ("success_count", 1), ("failure_count", 0), ("pending_count", 0)].into();
    let status = move |state: &str| {
        let mut status = json!(done);
        (status["id"], status["status"]) = (json!(ID), json!(state));
        status.to_string()
    };
    let server = Server::start(move |asked| match (asked.method.as_str(), asked.path()) {
        ("POST", path) if path == format!("/api/collections/{ID}/objects/") => {
            Reply::new(202, &[TYPE], status("pending"))
        }
        ("GET", path) if path == format!("/api/status/{ID}/") => Reply::new(200, &[TYPE], status("complete")),
        _ => Reply::new(404, &[TYPE], "{}"),
    })
    .await;
    let mut client = Client::from_config(&config(&server).to_string(), &env()).unwrap();
    let mut writer = EnvelopeWriter::default();
    writer.push("{ \"n\":1.0 }");
    let status = client.push(writer.finish(false, None)).await.unwrap();
    assert!(!status.is_complete());
    assert!(client.status(&status.id).await.unwrap().is_complete());
    assert!(client.status("../../x").await.unwrap_err().permanent);
    let posted = &server.asked()[0];
    assert_eq!(
        (posted.body.as_slice(), posted.header("content-type")),
        (&b"{\"objects\":[{ \"n\":1.0 }]}"[..], Some(MEDIA_TYPE))
    );
}
