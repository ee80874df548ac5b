//! The journal as it grows, as server-sent events.
//!
//! The stream is a cursor on the journal like any other: it reads rows after its place and waits for the head to
//! move. So it is gap-free across reconnects, and a slow reader costs one bounded queue.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use model::{Label, Seq, TokenId};
use policy::people::Action;
use ports::{Collection, CollectionKind, JournalKind, JournalRow};
use runtime::Core;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use super::wire::{JournalBody, SourceNames};
use crate::app::Shared;
use crate::auth::{By, Caller, still_valid};
use crate::extract::Query;
use crate::problem::{Kind, Problem};
use crate::stream::{self, Gone, Writer};
use crate::taxii_server::{is_consumer, rights};

/// Rows read at once.
const BATCH: usize = 256;
/// How long to leave a busy store alone.
const BUSY: Duration = Duration::from_millis(100);
/// Chunks between the writer and a slow reader.
const QUEUE: usize = 16;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// Continue after this place; the `Last-Event-ID` header wins. Without either, from now on.
    after: Option<u64>,
    /// Only hints that something in this collection changed: the place, and nothing about what.
    collection: Option<String>,
}

/// The live journal
///
/// Server-sent events, each with its place in the journal as `id`. `ready` comes first and names the place the
/// stream starts from. A caller who reads everything gets `journal` events with the entry; with `collection`, and
/// for callers confined to collections, come `hint` events that say only that something there changed. When the
/// place has been compacted away, `cursor-expired` names the horizon and the stream ends.
#[utoipa::path(
    get, path = "/live", tag = "journal", params(LiveQuery),
    responses((status = 200, content_type = "text/event-stream"), (status = 403, response = super::ProblemBody))
)]
pub(crate) async fn live(
    State(app): State<Shared>,
    By(caller): By,
    Query(query): Query<LiveQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let resumed = headers.get("last-event-id").map(|value| {
        let seq = value.to_str().ok().and_then(|text| text.parse().ok());
        seq.ok_or_else(|| Problem::bad("`Last-Event-ID` is not a place in the journal"))
    });
    let after = resumed.transpose()?.or(query.after).map(Seq);
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
        Problem::new(Kind::Overloaded, "as many live streams are open as may be").retry_after(10)
    })?;
    let view = view(&app, &caller, query.collection).await?;
    let after = match after {
        Some(after) => after,
        None => app.read(|app, read| Ok(read.head(app.core().scope.tenant)?)).await?,
    };
    let (writer, body) = stream::channel(QUEUE, app.settings.stall_timeout);
    let follower = Follower { app, caller, view, after, writer, _permit: permit };
    tokio::spawn(follower.run());
    Ok(event_stream(body))
}

fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that buffer would turn milliseconds into minutes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// What a stream shows.
enum View {
    Everything,
    /// For clients without a node, only of what a release of their token lets them have.
    Hints(Vec<Collection>, Option<TokenId>),
}

async fn view(app: &Shared, caller: &Arc<Caller>, named: Option<String>) -> Result<View, Problem> {
    if named.is_none() && caller.may(Action::ObjectRead, &caller.all()) {
        return Ok(View::Everything);
    }
    let caller = Arc::clone(caller);
    app.read(move |app, read| {
        let mut collections = read.collections(app.core().scope.tenant)?;
        collections.retain(|collection| {
            named.as_ref().is_none_or(|name| *name == collection.alias || *name == collection.id.to_string())
        });
        let mut readable = Vec::new();
        for collection in collections {
            if rights(app, &caller, &collection)?.read {
                readable.push(collection);
            }
        }
        let token = if is_consumer(app, &caller)? { caller.token_id() } else { None };
        match (readable.is_empty(), named) {
            (true, Some(name)) => Err(Problem::missing(format!("collection `{name}`"))),
            _ => Ok(View::Hints(readable, token)),
        }
    })
    .await
}

impl View {
    /// Whether a row may concern one of the collections. A hint may come for nothing; a missing one is a bug.
    fn concerns(&self, core: &Core, row: &JournalRow) -> bool {
        let Self::Hints(collections, consumer) = self else { return true };
        let changes = matches!(
            row.kind,
            JournalKind::Put
                | JournalKind::History
                | JournalKind::Relabel
                | JournalKind::Removed
                | JournalKind::Erased
        );
        changes
            && collections.iter().any(|collection| match collection.kind {
                CollectionKind::Own => true,
                CollectionKind::Source(source) => source == row.source,
                CollectionKind::Public => match row.kind {
                    JournalKind::Put | JournalKind::History => {
                        row.object.as_ref().is_some_and(|object| object.label == Label::CLEAR)
                    }
                    // What left was public a moment ago; whether it was cannot be seen any more.
                    _ => true,
                },
            })
            && consumer.is_none_or(|token| core.concerns_consumer(token, row))
    }
}

/// One open stream.
struct Follower {
    app: Shared,
    caller: Arc<Caller>,
    view: View,
    after: Seq,
    writer: Writer,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    async fn run(mut self) {
        // A reader that is gone or too slow ends the stream; it resumes where it was.
        let _ = self.follow().await;
    }

    async fn follow(&mut self) -> Result<(), Gone> {
        let mut head = self.app.core().head();
        let mut draining = self.app.draining.subscribe();
        let heartbeat = self.app.settings.heartbeat;
        let mut beat = Instant::now() + heartbeat;
        self.writer.send(format!("id: {0}\nevent: ready\ndata: {{\"after\":{0}}}\n\n", self.after)).await?;
        loop {
            head.borrow_and_update();
            while self.batch().await? {}
            if *draining.borrow_and_update() {
                return Ok(());
            }
            tokio::select! {
                moved = head.changed() => moved.map_err(|_| Gone)?,
                () = self.writer.gone() => return Err(Gone),
                stopping = draining.changed() => stopping.map_err(|_| Gone)?,
                () = sleep_until(beat) => {
                    beat = Instant::now() + heartbeat;
                    if !still_valid(&self.app, &self.caller).await {
                        return Ok(());
                    }
                    self.writer.send(": still here\n\n").await?;
                }
            }
        }
    }

    /// Sends the rows after the place; returns whether there may be more.
    async fn batch(&mut self) -> Result<bool, Gone> {
        let after = self.after;
        let read = self.app.read(move |app, read| {
            let rows = read.journal(app.core().scope.tenant, after, BATCH)?;
            let names = if rows.is_empty() { None } else { Some(SourceNames::load(app, read)?) };
            Ok((rows, names))
        });
        let (rows, names) = match read.await {
            Ok(read) => read,
            Err(problem) => {
                if let Some(horizon) = problem.horizon() {
                    let body = serde_json::to_string(&problem.body("live")).unwrap_or_default();
                    // With an id of its own, so that whoever reconnects does not ask for the expired place again.
                    self.writer
                        .send(format!("id: {horizon}\nevent: cursor-expired\ndata: {body}\n\n"))
                        .await?;
                }
                if problem.kind() == Kind::Overloaded {
                    tokio::time::sleep(BUSY).await;
                    return Ok(true);
                }
                return Err(Gone);
            }
        };
        let mut text = String::new();
        for row in &rows {
            self.after = row.seq;
            if !self.view.concerns(self.app.core(), row) {
                continue;
            }
            let (event, data) = match (&self.view, &names) {
                (View::Everything, Some(names)) => {
                    ("journal", serde_json::to_string(&JournalBody::new(row, names)).unwrap_or_default())
                }
                _ => ("hint", format!("{{\"seq\":{}}}", row.seq)),
            };
            text.push_str(&format!("id: {}\nevent: {event}\ndata: {data}\n\n", row.seq));
        }
        if !text.is_empty() {
            self.writer.send(text).await?;
        }
        Ok(rows.len() == BATCH)
    }
}
