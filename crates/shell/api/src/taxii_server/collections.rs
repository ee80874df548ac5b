//! Discovery, the API root, and which collections there are for the caller.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ports::{Collection, CollectionKind};

use super::{Negotiated, ROOT, answer_json, visible};
use crate::app::Shared;
use crate::auth::{Anyone, Caller};
use crate::extract::Path;
use crate::problem::Problem;

/// Server discovery (TAXII 2.1 §4.1).
pub(super) async fn discovery(
    State(app): State<Shared>,
    Anyone(_): Anyone,
    _: Negotiated,
) -> Result<Response, Problem> {
    let title = app.blocking(|app| Ok(app.core().node()?.name)).await?;
    let root = format!("{ROOT}/");
    let discovery = taxii::Discovery {
        title,
        description: Some("Threat intelligence shared by this organisation".to_owned()),
        default: Some(root.clone()),
        api_roots: vec![root],
        ..taxii::Discovery::default()
    };
    Ok(answer_json(StatusCode::OK, &discovery))
}

/// The API root (TAXII 2.1 §4.2).
pub(super) async fn api_root(
    State(app): State<Shared>,
    Anyone(_): Anyone,
    _: Negotiated,
) -> Result<Response, Problem> {
    let title = app.blocking(|app| Ok(app.core().node()?.name)).await?;
    let root = taxii::ApiRoot {
        title,
        description: None,
        versions: vec![taxii::MEDIA_TYPE.to_owned()],
        max_content_length: app.settings.max_body as u64,
    };
    Ok(answer_json(StatusCode::OK, &root))
}

/// The collections there are for the caller (TAXII 2.1 §5.1).
pub(super) async fn list(
    State(app): State<Shared>,
    Anyone(caller): Anyone,
    _: Negotiated,
) -> Result<Response, Problem> {
    let collections = app.read(|app, read| Ok(read.collections(app.core().scope.tenant)?)).await?;
    let collections = collections
        .iter()
        .map(|collection| wire(&caller, collection))
        .filter(|collection| collection.can_read || collection.can_write)
        .collect();
    Ok(answer_json(StatusCode::OK, &taxii::Collections { collections }))
}

/// One collection (TAXII 2.1 §5.2).
pub(super) async fn one(
    State(app): State<Shared>,
    Anyone(caller): Anyone,
    _: Negotiated,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let by = caller.clone();
    let collection = app.read(move |app, read| visible(app, read, &by, &name)).await?;
    Ok(answer_json(StatusCode::OK, &wire(&caller, &collection)))
}

fn wire(caller: &Caller, collection: &Collection) -> taxii::Collection {
    let description = match collection.kind {
        CollectionKind::Public => "Objects explicitly marked TLP:CLEAR",
        CollectionKind::Own => "Everything this organisation holds",
        CollectionKind::Source(_) => "What one source delivered",
    };
    taxii::Collection {
        id: collection.id.to_string(),
        title: collection.title.clone(),
        description: Some(description.to_owned()),
        alias: Some(collection.alias.clone()),
        can_read: caller.may_read(collection),
        can_write: caller.may_write(collection),
        media_types: vec!["application/stix+json;version=2.1".to_owned()],
    }
}
