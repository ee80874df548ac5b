//! The node itself.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::problem::Problem;

/// Who this node is and how much it holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct Node {
    /// Organisation name.
    name: String,
    /// Country code, where given.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// STIX id of the organisation's identity.
    identity: String,
    /// When the node was made.
    created: String,
    /// Program version.
    build: String,
    /// Distinct objects.
    objects: u64,
    /// Stored versions.
    versions: u64,
    /// Newest place in the journal.
    head: u64,
    /// Oldest place that can be continued from.
    horizon: u64,
    /// Journal entries search has not followed yet.
    search_lag: u64,
    /// Values waiting for a decision.
    held: u64,
    /// TAXII add requests waiting.
    inbox: u64,
    /// Bytes on disk.
    bytes: u64,
    /// The node's own keys: `none` were made yet, they are `here`, or they are `lost`: the store holds a key history and the
    /// node's directory not the keys of it.
    keys: &'static str,
}

/// The node and its sizes
#[utoipa::path(get, path = "/node", tag = "node", responses((status = 200, body = Node)))]
pub(crate) async fn node(State(app): State<Shared>) -> Result<Json<Node>, Problem> {
    app.read(|app, read| {
        let tenant = app.core().scope.tenant;
        let record = read.node(tenant)?.ok_or_else(|| Problem::missing("the node's record"))?;
        let counts = read.counts(tenant)?;
        Ok(Json(Node {
            name: record.name,
            country: record.country,
            identity: record.identity.to_string(),
            created: record.created.to_string(),
            build: app.settings.build.clone(),
            objects: counts.objects,
            versions: counts.versions,
            head: counts.head,
            horizon: counts.horizon,
            search_lag: counts.head.saturating_sub(counts.search_cursor),
            held: counts.held,
            inbox: counts.inbox,
            bytes: counts.bytes,
            keys: match (app.core().trust().is_some(), app.core().had_keys()?) {
                (true, _) => "here",
                (false, true) => "lost",
                (false, false) => "none",
            },
        }))
    })
    .await
}
