//! The hint channel.

use ports::pull::HintChannel;
use serde_json::json;

use crate::server::{Reply, Server, Then};
use crate::source;

const HEAD: &str = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";

fn channel(server: &Server) -> Box<dyn HintChannel> {
    let config = json!({
        "url": server.url("/taxii/"), "live_url": server.url("/api/v1/live?collection=public"),
    });
    source("taxii", &config).live.unwrap()
}

#[tokio::test]
async fn hints_arrive_with_their_ids_until_the_node_closes() {
    let text =
        format!("{HEAD}retry: 700\n: keep-alive\n\nid: 41\nevent: put\ndata: {{}}\n\nid: 42\ndata: x\n\n");
    let server = Server::start(move |_| Reply::raw(text.clone(), Then::Close)).await;
    let mut hints = channel(&server).connect(Some("40")).await.unwrap();
    let first = hints.next().await.unwrap().unwrap();
    assert_eq!((first.id.as_deref(), first.name.as_str()), (Some("41"), "put"));
    let second = hints.next().await.unwrap().unwrap();
    assert_eq!((second.id.as_deref(), second.name.as_str()), (Some("42"), "message"));
    assert_eq!(hints.retry().map(|pause| pause.as_millis()), Some(700));
    assert_eq!(hints.next().await, Ok(None));
    let asked = &server.asked()[0];
    assert_eq!((asked.header("last-event-id"), asked.query()), (Some("40"), "collection=public"));
    assert_eq!(asked.header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn hints_that_came_together_are_answered_together() {
    let text = format!("{HEAD}id: 1\ndata: x\n\nid: 2\ndata: x\n\nid: 3\ndata: x\n\n");
    let server = Server::start(move |_| Reply::raw(text.clone(), Then::Hang)).await;
    let mut hints = channel(&server).connect(None).await.unwrap();
    let mut last = hints.next().await.unwrap().unwrap();
    while last.id.as_deref() != Some("3") {
        last = match hints.drain() {
            Some(hint) => hint,
            None => hints.next().await.unwrap().unwrap(),
        };
    }
    assert_eq!(hints.drain(), None);
}

#[tokio::test]
async fn an_id_that_fits_no_header_is_left_out() {
    let server = Server::start(|_| Reply::raw(HEAD, Then::Close)).await;
    let mut hints = channel(&server).connect(Some("4\u{1}0")).await.unwrap();
    assert_eq!(hints.next().await, Ok(None));
    assert_eq!(server.asked()[0].header("last-event-id"), None);
}

#[tokio::test]
async fn what_is_no_event_stream_is_refused() {
    let server = Server::start(|_| Reply::new(200, &[("Content-Type", "text/html")], "<html>")).await;
    let Err(error) = channel(&server).connect(None).await else { panic!("connected") };
    assert!(error.permanent && error.message.contains("live_url"), "{error:?}");
    let server = Server::start(|_| Reply::new(503, &[("Retry-After", "3")], "")).await;
    let Err(error) = channel(&server).connect(None).await else { panic!("connected") };
    assert_eq!((error.permanent, error.retry_after.map(|pause| pause.as_secs())), (false, Some(3)));
}

#[tokio::test]
async fn an_endless_line_ends_the_connection() {
    let server = Server::start(|_| Reply::raw(HEAD, Then::Forever(vec![b'x'; 1024]))).await;
    let mut hints = channel(&server).connect(None).await.unwrap();
    assert!(hints.next().await.unwrap_err().message.contains("lines"));
}
