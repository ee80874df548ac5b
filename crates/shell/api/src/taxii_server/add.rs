//! Adding objects, and the status of such requests.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use json::{Kind as JsonKind, Tape, Value};
use model::{AccountId, SourceId, StatusId, Uuid};
use policy::people::{Action, Object};
use ports::{CollectionKind, InboxEntry, ItemOutcome, StatusItem, StatusRecord};

use super::{Negotiated, answer_json, writable};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::{Path, limits, read_body};
use crate::problem::{Kind, Problem};

/// Objects in one request at most; the status resource lists each.
const MAX_OBJECTS: usize = 50_000;
/// Stands for the operator of this machine, who has no account.
const OPERATORS: AccountId = AccountId(Uuid([0; 16]));

/// Accepts objects for a collection (TAXII 2.1 §5.5). They are on disk before the answer leaves.
pub(super) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    _: Negotiated,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    // Who may not add is told so before sending megabytes.
    let by = caller.clone();
    let collection = app.read(move |app, read| writable(app, read, &by, &name)).await?;
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !media_type.is_some_and(taxii::content_type_ok) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "the body must be a TAXII 2.1 envelope")
            .hint(format!("send `Content-Type: {}`", taxii::MEDIA_TYPE)));
    }
    let headers = request.headers().clone();
    let body = read_body(&app, &headers, request.into_body()).await?;
    let record = app
        .blocking(move |app| {
            let core = app.core();
            let items = items(&body.bytes, &limits(app))?;
            let record = StatusRecord {
                id: StatusId(core.ids.uuid()),
                collection: collection.id,
                account: caller.account_id().unwrap_or(OPERATORS),
                received: core.clock.now(),
                complete: items.is_empty(),
                items,
            };
            let source = match collection.kind {
                CollectionKind::Source(source) => source,
                CollectionKind::Own | CollectionKind::Public => SourceId(0),
            };
            let entry =
                InboxEntry { status: record.id, scope: core.scope, source, body: body.bytes.to_vec() };
            core.store.transact(|tx| {
                tx.receive(&entry, &record)?;
                let target = format!("{} objects to {}", record.items.len(), collection.alias);
                tx.audit(core.scope.tenant, record.received, caller.name(), "collection.add", &target, "")
            })?;
            Ok(record)
        })
        .await?;
    app.node.wake_inbox();
    Ok(answer_json(StatusCode::ACCEPTED, &wire(&record)))
}

/// The objects of an envelope, as the status resource names them.
fn items(body: &[u8], limits: &json::Limits) -> Result<Vec<StatusItem>, Problem> {
    let mut tape = Tape::new();
    let root = tape
        .parse(body, limits)
        .map_err(|error| Problem::bad(format!("the envelope is not JSON: {error}")))?;
    if root.kind() != JsonKind::Object {
        return Err(Problem::bad("the envelope is not a JSON object"));
    }
    let list = root.get("objects").filter(|list| list.kind() == JsonKind::Array);
    let list = list.ok_or_else(|| Problem::bad("the envelope has no list `objects`"))?;
    let items: Vec<_> = list.items().map(item).collect();
    match items.len() {
        0 => Err(Problem::bad("the list `objects` is empty")),
        count if count > MAX_OBJECTS => {
            Err(Problem::new(Kind::TooLarge, format!("more than {MAX_OBJECTS} objects in one request"))
                .hint("send them in several"))
        }
        _ => Ok(items),
    }
}

fn item(object: Value<'_>) -> StatusItem {
    let text = |name| object.get(name).and_then(|value| value.as_str()).map(|text| cut(&text));
    StatusItem {
        id: text("id").unwrap_or_default(),
        version: text("modified").or_else(|| text("created")).unwrap_or_default(),
        outcome: ItemOutcome::Pending,
    }
}

/// What a client calls an id, short enough to be kept and sent back.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

/// A status resource (TAXII 2.1 §4.3), for whoever made the request, and for admins.
pub(super) async fn status(
    State(app): State<Shared>,
    By(caller): By,
    _: Negotiated,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let missing = || Problem::missing(format!("status `{id}`"));
    let wanted: StatusId = id.parse().map_err(|_| missing())?;
    let record = app.read(move |app, read| Ok(read.status(app.core().scope.tenant, wanted)?)).await?;
    let record = record
        .filter(|record| {
            let owner = Some(record.account).filter(|account| *account != OPERATORS);
            caller.may(Action::StatusRead, &Object { owner, ..caller.all() })
        })
        .ok_or_else(missing)?;
    Ok(answer_json(StatusCode::OK, &wire(&record)))
}

fn wire(record: &StatusRecord) -> taxii::Status {
    let (mut successes, mut failures, mut pendings) = (Vec::new(), Vec::new(), Vec::new());
    for item in &record.items {
        let (list, message) = match &item.outcome {
            ItemOutcome::Pending => (&mut pendings, None),
            ItemOutcome::Success => (&mut successes, None),
            ItemOutcome::Held => (&mut successes, Some("held for a person's decision".to_owned())),
            ItemOutcome::Failure(why) => (&mut failures, Some(why.clone())),
        };
        list.push(taxii::StatusDetail { id: item.id.clone(), version: item.version.clone(), message });
    }
    let status = if record.complete { taxii::Status::COMPLETE } else { taxii::Status::PENDING };
    taxii::Status {
        id: record.id.to_string(),
        status: status.to_owned(),
        request_timestamp: Some(record.received.to_string()),
        total_count: record.items.len() as u64,
        success_count: successes.len() as u64,
        successes,
        failure_count: failures.len() as u64,
        failures,
        pending_count: pendings.len() as u64,
        pendings,
    }
}
