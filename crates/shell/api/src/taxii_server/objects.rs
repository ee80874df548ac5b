//! Reading a collection: objects, manifest, one object, its versions; and taking an object out of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use json::{Limits, Tape};
use model::StixId;
use ports::{Collection, Page, PageFilter, VersionMatch};
use taxii::{
    EnvelopeWriter, Manifest, ManifestEntry, Query, Versions, date_added, page_token, read_page_token,
};

use super::{Filters, Negotiated, answer, answer_json, date_headers, is_consumer, readable, writable};
use crate::app::{App, Shared};
use crate::auth::{By, Caller};
use crate::extract::Path;
use crate::problem::Problem;

/// What is being paged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Objects,
    Manifest,
    Versions,
}

/// A page of a collection, and the token for what follows.
struct Found {
    page: Page,
    next: Option<String>,
}

/// The objects of a collection (TAXII 2.1 §5.4).
pub(super) async fn objects(
    State(app): State<Shared>,
    by: By,
    _: Negotiated,
    Path(collection): Path<String>,
    Filters(query): Filters,
) -> Result<Response, Problem> {
    envelope(find(&app, by, collection, None, query, Listing::Objects).await?)
}

/// One object of a collection (TAXII 2.1 §5.6).
pub(super) async fn by_id(
    State(app): State<Shared>,
    by: By,
    _: Negotiated,
    Path((collection, object)): Path<(String, String)>,
    Filters(query): Filters,
) -> Result<Response, Problem> {
    let id = stix_id(&object)?;
    envelope(find(&app, by, collection, Some(id), query, Listing::Objects).await?)
}

/// The manifest of a collection (TAXII 2.1 §5.3).
pub(super) async fn manifest(
    State(app): State<Shared>,
    by: By,
    _: Negotiated,
    Path(collection): Path<String>,
    Filters(query): Filters,
) -> Result<Response, Problem> {
    let found = find(&app, by, collection, None, query, Listing::Manifest).await?;
    let entries = found.page.entries.iter().map(|entry| ManifestEntry {
        id: entry.id.to_string(),
        date_added: date_added(entry.added),
        version: entry.version.to_string(),
        media_type: Some("application/stix+json;version=2.1".to_owned()),
    });
    let manifest = Manifest { more: found.page.more, next: found.next, objects: entries.collect() };
    Ok(dated(answer_json(StatusCode::OK, &manifest), &found.page))
}

/// The versions of an object in a collection (TAXII 2.1 §5.8).
pub(super) async fn versions(
    State(app): State<Shared>,
    by: By,
    _: Negotiated,
    Path((collection, object)): Path<(String, String)>,
    Filters(mut query): Filters,
) -> Result<Response, Problem> {
    let id = stix_id(&object)?;
    query.versions = BTreeSet::from([taxii::VersionMatch::All]);
    let found = find(&app, by, collection, Some(id), query, Listing::Versions).await?;
    let versions = found.page.entries.iter().map(|entry| entry.version.to_string()).collect();
    let versions = Versions { more: found.page.more, next: found.next, versions };
    Ok(dated(answer_json(StatusCode::OK, &versions), &found.page))
}

fn envelope(found: Found) -> Result<Response, Problem> {
    let bytes =
        found.page.entries.iter().filter_map(|entry| entry.content.as_ref()).map(|(raw, _)| raw.len() + 100);
    let mut envelope = EnvelopeWriter::with_capacity(bytes.sum());
    let mut tape = Tape::new();
    for entry in &found.page.entries {
        let Some((raw, overlay)) = &entry.content else { continue };
        if overlay.is_none() {
            envelope.push(raw);
            continue;
        }
        let value = tape.parse(raw.as_bytes(), &Limits::OBJECT).map_err(|error| Problem::internal(&error))?;
        envelope.push(&intel::with_overlay(value, *overlay));
    }
    let text = envelope.finish(found.page.more, found.next.as_deref());
    Ok(dated(answer(StatusCode::OK, text), &found.page))
}

fn dated(mut response: Response, page: &Page) -> Response {
    let (first, last) = (page.entries.first(), page.entries.last());
    date_headers(response.headers_mut(), first.map(|entry| entry.added), last.map(|entry| entry.added));
    response
}

async fn find(
    app: &Shared,
    By(caller): By,
    collection: String,
    object: Option<StixId>,
    mut query: Query,
    listing: Listing,
) -> Result<Found, Problem> {
    if let Some(id) = &object {
        // `match[id]` and `match[type]` are not defined for one object (TAXII 2.1 §5.6): they cannot widen it.
        query.ids = BTreeSet::from([id.clone()]);
        query.types.clear();
    }
    let by = Arc::clone(&caller);
    let (collection, consumer) = app
        .read(move |app, read| Ok((readable(app, read, &by, &collection)?, is_consumer(app, &by)?)))
        .await?;
    let resource = match (listing, &object) {
        (Listing::Objects, None) => format!("{}/objects", collection.id),
        (Listing::Objects, Some(id)) => format!("{}/objects/{id}", collection.id),
        (Listing::Manifest, _) => format!("{}/manifest", collection.id),
        (Listing::Versions, _) => format!("{}/versions", collection.id),
    };
    if consumer {
        // It waits its turn, so it holds no snapshot meanwhile.
        return app.blocking(move |app| outside(app, &caller, &collection, object, query, &resource)).await;
    }
    app.read(move |app, read| {
        let after = read_page_token(&resource, &query)?;
        let filter = page_filter(&query);
        let limit = page_limit(app, &query);
        let content = listing == Listing::Objects;
        let scope = app.core().scope;
        let page = read.page(scope, collection.id, &filter, after, limit, content)?;
        if let (Some(id), true) = (object, page.entries.is_empty()) {
            let any = PageFilter {
                ids: vec![id.clone()],
                versions: vec![VersionMatch::All],
                ..PageFilter::default()
            };
            if read.page(scope, collection.id, &any, None, 1, false)?.entries.is_empty() {
                return Err(Problem::missing(format!("`{id}` in collection `{}`", collection.alias)));
            }
        }
        let last = page.entries.last().filter(|_| page.more);
        let next = last.map(|last| page_token(last.added, &resource, &query));
        Ok(Found { page, next })
    })
    .await
}

/// The same for a client without a node: what its releases let it have, and nothing that tells of the rest. Of each
/// object there is one version for it, the newest.
fn outside(
    app: &App,
    caller: &Caller,
    collection: &Collection,
    object: Option<StixId>,
    mut query: Query,
    resource: &str,
) -> Result<Found, Problem> {
    let core = app.core();
    let token = caller.token_id().ok_or_else(|| Problem::forbidden("a release is for a token"))?;
    query.next = query.next.map(|next| core.unveiled(token, &next).unwrap_or_default());
    let after = read_page_token(resource, &query)?;
    let mut filter = page_filter(&query);
    if filter.versions.iter().any(|version| !matches!(version, VersionMatch::Exact(_))) {
        filter.versions.retain(|version| matches!(version, VersionMatch::Exact(_)));
        filter.versions.push(VersionMatch::Last);
    }
    let served = core.serve_consumer(token, collection.id, &filter, after, page_limit(app, &query))?;
    if let (Some(id), true) = (object, served.page.entries.is_empty()) {
        return Err(Problem::missing(format!("`{id}` in collection `{}`", collection.alias)));
    }
    let reached = served.reached.filter(|_| served.page.more);
    let next = reached.map(|reached| core.veiled(token, &page_token(reached, resource, &query)));
    Ok(Found { page: served.page, next })
}

fn page_limit(app: &App, query: &Query) -> usize {
    let asked =
        query.limit.map_or(app.settings.max_page, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    asked.min(app.settings.max_page)
}

fn page_filter(query: &Query) -> PageFilter {
    PageFilter {
        added_after: query.added_after,
        ids: query.ids.iter().cloned().collect(),
        types: query.types.iter().cloned().collect(),
        versions: query.versions.iter().map(version_match).collect(),
        spec_versions: query.spec_versions.iter().cloned().collect(),
    }
}

const fn version_match(version: &taxii::VersionMatch) -> VersionMatch {
    match version {
        taxii::VersionMatch::Last => VersionMatch::Last,
        taxii::VersionMatch::First => VersionMatch::First,
        taxii::VersionMatch::All => VersionMatch::All,
        taxii::VersionMatch::At(instant) => VersionMatch::Exact(*instant),
    }
}

/// In a path, what is no id names nothing.
fn stix_id(text: &str) -> Result<StixId, Problem> {
    text.parse().map_err(|_| Problem::missing(format!("object `{text}`")))
}

/// Takes an object out of a collection (TAXII 2.1 §5.7). Local to the collection: this is not revocation.
///
/// Without `match[version]`, all versions leave. Version keywords are resolved against what is there.
pub(super) async fn delete(
    State(app): State<Shared>,
    By(caller): By,
    _: Negotiated,
    Path((collection, object)): Path<(String, String)>,
    Filters(query): Filters,
) -> Result<Response, Problem> {
    let id = stix_id(&object)?;
    let wanted = id.clone();
    let by = caller.clone();
    let (collection, versions) = app
        .read(move |app, read| {
            let collection = writable(app, read, &by, &collection)?;
            let mut filter = page_filter(&query);
            filter.ids = vec![wanted.clone()];
            filter.types.clear();
            filter.added_after = None;
            if filter.versions.is_empty() {
                filter.versions = vec![VersionMatch::All];
            }
            let page =
                read.page(app.core().scope, collection.id, &filter, None, app.settings.max_page, false)?;
            let missing = || Problem::missing(format!("`{wanted}` in collection `{}`", collection.alias));
            if page.entries.is_empty() {
                return Err(missing());
            }
            let all = query.versions.is_empty() && query.spec_versions.is_empty();
            let versions = (!all).then(|| page.entries.iter().map(|entry| entry.version).collect::<Vec<_>>());
            Ok((collection, versions))
        })
        .await?;
    app.write(move |app, tx| {
        let (scope, now) = (app.core().scope, app.now());
        match &versions {
            None => {
                tx.remove(scope, now, collection.id, &id, None)?;
            }
            Some(versions) => {
                for version in versions {
                    tx.remove(scope, now, collection.id, &id, Some(*version))?;
                }
            }
        }
        let target = format!("{id} in {}", collection.alias);
        Ok(tx.audit(scope.tenant, now, caller.name(), "collection.remove", &target, "")?)
    })
    .await?;
    Ok(answer(StatusCode::OK, "{}"))
}
