//! Collections, as REST clients see them.

use axum::Json;
use axum::extract::State;
use ports::CollectionKind;
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::SourceNames;
use crate::app::Shared;
use crate::problem::Problem;

/// The TAXII collections of this node.
#[derive(Serialize, ToSchema)]
pub(crate) struct Collections {
    collections: Vec<CollectionBody>,
}

/// A TAXII collection.
#[derive(Serialize, ToSchema)]
#[schema(as = Collection)]
struct CollectionBody {
    /// Its TAXII id.
    id: String,
    /// A name usable in place of the id.
    alias: String,
    title: String,
    /// `public`, `own` or `source`.
    kind: &'static str,
    /// For `source`: which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

/// List collections
#[utoipa::path(get, path = "/collections", tag = "exchange", responses((status = 200, body = Collections)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<Collections>, Problem> {
    app.read(|app, read| {
        let names = SourceNames::load(app, read)?;
        let collections = read.collections(app.core().scope.tenant)?.into_iter().map(|collection| {
            let (kind, source) = match collection.kind {
                CollectionKind::Public => ("public", None),
                CollectionKind::Own => ("own", None),
                CollectionKind::Source(source) => ("source", Some(names.of(source))),
            };
            let (id, alias, title) = (collection.id.to_string(), collection.alias, collection.title);
            CollectionBody { id, alias, title, kind, source }
        });
        Ok(Json(Collections { collections: collections.collect() }))
    })
    .await
}
