//! Discovery, the API root, and which collections there are for the caller.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use ports::{Collection, CollectionKind};

use super::{Negotiated, ROOT, Rights, answer_json, rights, visible};
use crate::app::Shared;
use crate::auth::By;
use crate::extract::Path;
use crate::problem::Problem;

/// Server discovery (TAXII 2.1 §4.1).
pub(super) async fn discovery(State(app): State<Shared>, _: Negotiated) -> Result<Response, Problem> {
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
pub(super) async fn api_root(State(app): State<Shared>, _: Negotiated) -> Result<Response, Problem> {
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
    By(caller): By,
    _: Negotiated,
) -> Result<Response, Problem> {
    let collections = app.read(move |app, read| {
        let mut there = Vec::new();
        for collection in read.collections(app.core().scope.tenant)? {
            let rights = rights(app, &caller, &collection)?;
            if rights.read || rights.write {
                there.push(wire(&rights, &collection));
            }
        }
        Ok(there)
    });
    let collections = collections.await?;
    Ok(answer_json(StatusCode::OK, &taxii::Collections { collections }))
}

/// One collection (TAXII 2.1 §5.2).
pub(super) async fn one(
    State(app): State<Shared>,
    By(caller): By,
    _: Negotiated,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (collection, rights) = app.read(move |app, read| visible(app, read, &caller, &name)).await?;
    Ok(answer_json(StatusCode::OK, &wire(&rights, &collection)))
}

fn wire(rights: &Rights, collection: &Collection) -> taxii::Collection {
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
        can_read: rights.read,
        can_write: rights.write,
        media_types: vec!["application/stix+json;version=2.1".to_owned()],
    }
}
