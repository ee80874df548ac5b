//! MISP feeds and plain lists.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::server::{Asked, Reply, Server};
use crate::{round, source};

/// A folder of files; what is not there is 404.
#[derive(Clone, Default)]
struct Folder(Arc<Mutex<BTreeMap<String, String>>>);

impl Folder {
    fn put(&self, path: &str, text: impl Into<String>) {
        self.0.lock().unwrap().insert(path.to_owned(), text.into());
    }

    /// Publishes an event last edited at this second.
    fn publish(&self, event: u32, timestamp: u32) {
        self.put(
            &format!("/feed/{}.json", uuid(event)),
            format!("{{\"Event\":{{\"info\":\"{event}@{timestamp}\"}}}}"),
        );
        self.list(event, timestamp);
    }

    fn list(&self, event: u32, timestamp: u32) {
        let mut files = self.0.lock().unwrap();
        let manifest = files.entry("/feed/manifest.json".to_owned()).or_insert_with(|| "{}".to_owned());
        let mut lines: serde_json::Value = serde_json::from_str(manifest).unwrap();
        lines[uuid(event)] = json!({ "timestamp": timestamp.to_string(), "info": "x" });
        *manifest = lines.to_string();
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let files = self.0.lock().unwrap();
        let Some(text) = files.get(asked.path()) else { return Reply::new(404, &[], "") };
        let etag = format!("\"{}\"", text.len());
        if asked.header("if-none-match") == Some(&etag) {
            return Reply::new(304, &[], "");
        }
        Reply::new(200, &[("ETag", &etag)], text)
    }
}

fn uuid(number: u32) -> String {
    format!("5a5a5a5a-0000-4000-8000-{number:012}")
}

async fn serve(folder: &Folder) -> Server {
    let folder = folder.clone();
    Server::start(move |asked| folder.answer(asked)).await
}

fn infos(documents: &[Vec<u8>]) -> Vec<String> {
    documents
        .iter()
        .map(|bytes| {
            let event: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            event["Event"]["info"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_feed_gives_each_version_of_an_event_once() {
    let folder = Folder::default();
    (1..=40).for_each(|event| folder.publish(event, 1_000 - event));
    let server = serve(&folder).await;
    let config = json!({ "url": server.url("/feed") });
    let mut puller = source("misp-feed", &config).puller;

    let (documents, cursor) = round(&mut *puller, None).await.unwrap();
    let expect: Vec<String> = (1..=40).rev().map(|event| format!("{event}@{}", 1_000 - event)).collect();
    assert_eq!(infos(&documents), expect, "oldest first");

    let before = server.asked().len();
    let (documents, cursor) = round(&mut *puller, Some(cursor)).await.unwrap();
    assert!(documents.is_empty());
    assert_eq!(server.asked().len(), before + 1, "one conditional request for the manifest");

    // An event edited, and one published late that was last edited long ago.
    folder.publish(7, 5_000);
    folder.publish(99, 1);
    let (documents, _) = round(&mut *puller, Some(cursor)).await.unwrap();
    assert_eq!(infos(&documents), ["99@1", "7@5000"]);
}

#[tokio::test]
async fn a_feed_is_resumed_from_the_last_committed_batch() {
    let folder = Folder::default();
    (1..=40).for_each(|event| folder.publish(event, event));
    let server = serve(&folder).await;
    let config = json!({ "url": server.url("/feed/manifest.json") });
    let first = source("misp-feed", &config).puller.next(None).await.unwrap();
    assert!(first.more);
    let (rest, _) = round(&mut *source("misp-feed", &config).puller, Some(first.cursor)).await.unwrap();
    assert_eq!(first.pieces.len() + rest.len(), 40);
}

#[tokio::test]
async fn one_missing_event_does_not_keep_back_the_others() {
    let folder = Folder::default();
    (1..=3).for_each(|event| folder.publish(event, event));
    folder.list(2_000, 2);
    let server = serve(&folder).await;
    let mut puller = source("misp-feed", &json!({ "url": server.url("/feed/") })).puller;
    let batch = puller.next(None).await.unwrap();
    assert_eq!((batch.pieces.len(), batch.more), (3, true));
    let error = puller.next(Some(&batch.cursor)).await.unwrap_err();
    assert!(
        !error.permanent && error.message.starts_with("1 events") && error.message.contains(&uuid(2_000)),
        "{error}"
    );
    folder.publish(2_000, 2);
    let (documents, _) = round(&mut *puller, Some(batch.cursor)).await.unwrap();
    assert_eq!(infos(&documents), ["2000@2"]);
}

#[tokio::test]
async fn manifests_that_lead_astray_are_refused() {
    for manifest in [
        r#"{"../../secret":{"timestamp":"1"}}"#,
        r#"{"http://169.254.169.254/":{"timestamp":"1"}}"#,
        r#"{"5a5a5a5a-0000-4000-8000-000000000001":{"timestamp":"soon"}}"#,
        r#"{"5a5a5a5a-0000-4000-8000-000000000001":{}}"#,
        "[]",
        "<html>",
        "",
    ] {
        let folder = Folder::default();
        folder.put("/feed/manifest.json", manifest);
        let server = serve(&folder).await;
        let mut puller = source("misp-feed", &json!({ "url": server.url("/feed/") })).puller;
        let error = puller.next(None).await.unwrap_err();
        assert!(error.permanent && error.message.contains("manifest.json"), "{manifest}: {error}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_list_is_given_when_it_has_changed() {
    let folder = Folder::default();
    folder.put("/list.txt", "evil.example\n");
    let server = serve(&folder).await;
    let config = json!({ "url": server.url("/list.txt") });
    let mut puller = source("url-list", &config).puller;
    let (documents, cursor) = round(&mut *puller, None).await.unwrap();
    assert_eq!(documents, [b"evil.example\n"]);
    let (documents, cursor) = round(&mut *puller, Some(cursor)).await.unwrap();
    assert!(documents.is_empty());
    assert!(server.asked()[1].header("if-none-match").is_some());
    folder.put("/list.txt", "evil.example\nworse.example\n");
    let (documents, _) = round(&mut *puller, Some(cursor.clone())).await.unwrap();
    assert_eq!(documents.len(), 1);
    // A cursor of another list is no reason to skip this one.
    let other = json!({ "url": server.url("/list.txt?2") });
    assert_eq!(round(&mut *source("url-list", &other).puller, Some(cursor)).await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn a_list_without_validators_is_compared_by_content() {
    let server = Server::start(|_| Reply::new(200, &[], "same\n")).await;
    let mut puller = source("url-list", &json!({ "url": server.url("/") })).puller;
    let (documents, cursor) = round(&mut *puller, None).await.unwrap();
    assert_eq!(documents.len(), 1);
    assert!(round(&mut *puller, Some(cursor)).await.unwrap().0.is_empty());
}
