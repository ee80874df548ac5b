//! Warning lists: well-known benign values.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::By;
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// The warning lists in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct WarningLists {
    lists: Vec<WarningList>,
}

/// A warning list.
#[derive(Serialize, ToSchema)]
struct WarningList {
    name: String,
    /// Bytes of its JSON.
    bytes: usize,
}

/// List warning lists
#[utoipa::path(get, path = "/warning-lists", tag = "held", responses((status = 200, body = WarningLists)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<WarningLists>, Problem> {
    app.read(|app, read| {
        let lists = read.warning_lists(app.core().scope.tenant)?;
        let lists = lists.into_iter().map(|(name, raw)| WarningList { name, bytes: raw.len() }).collect();
        Ok(Json(WarningLists { lists }))
    })
    .await
}

/// What a warning list did.
#[derive(Serialize, ToSchema)]
#[schema(as = StoredWarningList)]
pub(crate) struct Put {
    /// Whether it differs from what was in force.
    changed: bool,
}

/// Store a warning list
///
/// In the MISP form (`name`, `type`, `list`, …). It replaces an older one of the same name.
#[utoipa::path(
    put, path = "/warning-lists/{name}", tag = "held", params(("name" = String, Path)), request_body(content = Object),
    responses((status = 200, body = Put), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn put(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(raw): JsonBody<Box<RawValue>>,
) -> Result<Json<Put>, Problem> {
    app.blocking(move |app| {
        let core = app.core();
        lists::WarningList::parse(raw.get().as_bytes())
            .map_err(|finding| Problem::bad(format!("this is not a warning list: {finding}")))?;
        let changed = core.set_warning_list(&name, raw.get())?;
        core.store.transact(|tx| {
            tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "warning-list.put", &name, "")
        })?;
        Ok(Json(Put { changed }))
    })
    .await
}
