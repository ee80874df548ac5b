//! TAXII 2.1 under `/taxii2/`: one API root, one collection for everything, one for what is public, one per source.
//!
//! A collection a caller may neither read nor add to does not exist for that caller (404); one that it may only
//! read refuses what changes it (403). To clients without a node a collection is there once a release names it for
//! them, and is open while one that does is valid.

mod add;
mod collections;
mod objects;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use policy::people::Action;
use ports::{Collection, Read};
use runtime::trust::Access;
use serde::Serialize;
use taxii::QueryError;

use crate::app::{App, Shared};
use crate::auth::Caller;
use crate::problem::{Kind, Problem};

/// The only API root.
const ROOT: &str = "/taxii2/default";

pub(crate) fn routes() -> Router<Shared> {
    let collection = format!("{ROOT}/collections/{{collection}}");
    let object = format!("{collection}/objects/{{object}}");
    let resources: [(String, MethodRouter<Shared>); 9] = [
        ("/taxii2".to_owned(), get(collections::discovery)),
        (ROOT.to_owned(), get(collections::api_root)),
        (format!("{ROOT}/status/{{status}}"), get(add::status)),
        (format!("{ROOT}/collections"), get(collections::list)),
        (collection.clone(), get(collections::one)),
        (format!("{collection}/manifest"), get(objects::manifest)),
        (format!("{collection}/objects"), get(objects::objects).post(add::add)),
        (object.clone(), get(objects::by_id).delete(objects::delete)),
        (format!("{object}/versions"), get(objects::versions)),
    ];
    // The specification's paths end in a slash; clients forget it.
    resources.into_iter().fold(Router::new(), |router, (path, handlers)| {
        router.route(&format!("{path}/"), handlers.clone()).route(&path, handlers)
    })
}

/// The request accepts what we answer with. Every handler takes it, so none can forget.
struct Negotiated;

impl FromRequestParts<Shared> for Negotiated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        let values = parts.headers.get_all(header::ACCEPT).iter();
        if taxii::accepts(values.map(|value| value.to_str().unwrap_or("unreadable"))) {
            Ok(Self)
        } else {
            Err(Problem::new(Kind::NotAcceptable, "the request accepts nothing this server can answer with")
                .hint(format!("send `Accept: {}`", taxii::MEDIA_TYPE)))
        }
    }
}

/// The filters and paging wishes of the request.
struct Filters(taxii::Query);

impl FromRequestParts<Shared> for Filters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        Ok(Self(taxii::Query::parse(parts.uri.query().unwrap_or_default())?))
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        Self::bad(error.to_string())
    }
}

fn answer(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(taxii::MEDIA_TYPE));
    response
}

fn answer_json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => answer(status, body),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// What a caller may do with a collection.
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Why an outsider may not read what a release named for it.
    pub(crate) closed: Option<String>,
}

/// What a caller may do with a collection: our own people and programs by their role, outsiders by a release.
pub(crate) fn rights(app: &App, caller: &Caller, collection: &Collection) -> Result<Rights, Problem> {
    if !is_consumer(app, caller)? {
        let object = caller.collection(collection);
        let may = |action| caller.may(action, &object);
        let (read, write) = (may(Action::CollectionRead), may(Action::CollectionWrite));
        return Ok(Rights { read, write, closed: None });
    }
    let nothing = Rights { read: false, write: false, closed: None };
    // A release is for a token: a password or a session of an outsider's is for nothing.
    let Some(token) = caller.token_id().filter(|_| caller.may_name(collection)) else { return Ok(nothing) };
    Ok(match app.core().consumer_access(token, collection.id)? {
        Access::Open => Rights { read: true, ..nothing },
        Access::Closed(why) => Rights { closed: Some(why), ..nothing },
        Access::Unknown => nothing,
    })
}

/// Whether a caller is served under a release or not at all. A node that is nobody's party has no officers to sign
/// one: there an outsider reads what is marked for everyone.
pub(crate) fn is_consumer(app: &App, caller: &Caller) -> Result<bool, Problem> {
    Ok(caller.is_outsider() && app.core().has_promised()?)
}

/// The collection of this id or alias, if it exists for the caller.
fn visible(app: &App, read: &dyn Read, caller: &Caller, name: &str) -> Result<(Collection, Rights), Problem> {
    let collections = read.collections(app.core().scope.tenant)?;
    let named = |collection: &Collection| {
        collection.alias == name || collection.id.to_string().eq_ignore_ascii_case(name)
    };
    for collection in collections.into_iter().filter(named) {
        let rights = rights(app, caller, &collection)?;
        if rights.read || rights.write || rights.closed.is_some() {
            return Ok((collection, rights));
        }
    }
    let missing = Problem::missing(format!("collection `{name}`"));
    if is_consumer(app, caller)? {
        return Err(missing.hint(
            "a client without a node reads what a release names for its token; ask this organisation's release officers",
        ));
    }
    Err(missing)
}

/// The same, if the caller may also read from it.
fn readable(app: &App, read: &dyn Read, caller: &Caller, name: &str) -> Result<Collection, Problem> {
    let (collection, rights) = visible(app, read, caller, name)?;
    match rights.closed {
        _ if rights.read => Ok(collection),
        Some(why) => Err(Problem::forbidden(format!("`{name}` may not be read with this token: {why}"))
            .hint("ask this organisation's release officers for a release")),
        None => Err(Problem::forbidden(format!("`{name}` may not be read by `{}`", caller.name()))),
    }
}

/// The same, if the caller may also change it.
fn writable(app: &App, read: &dyn Read, caller: &Caller, name: &str) -> Result<Collection, Problem> {
    let (collection, rights) = visible(app, read, caller, name)?;
    if rights.write {
        Ok(collection)
    } else {
        Err(Problem::forbidden(format!("`{name}` may not be changed by `{}`", caller.name())))
    }
}

/// Instants of the first and last item of a page (TAXII 2.1 §3.2).
fn date_headers(headers: &mut HeaderMap, first: Option<model::Timestamp>, last: Option<model::Timestamp>) {
    for (name, instant) in [(taxii::DATE_ADDED_FIRST, first), (taxii::DATE_ADDED_LAST, last)] {
        let value = instant.and_then(|instant| HeaderValue::from_str(&taxii::date_added(instant)).ok());
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}
