//! Objects: listed, read, added, erased.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use json::{Kind as JsonKind, Tape, Value};
use model::VersionId;
use ports::{ObjectFilter, Read, Stored};
use runtime::{Fate, Piece};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::page_size;
use super::wire::{
    FindingBody, ObjectBody, Reason, SourceNames, SummaryBody, instant, label, source_named, stix_id,
};
use crate::app::{App, Shared};
use crate::auth::By;
use crate::extract::{JsonBody, Path, Query, is_json, limits, read_body};
use crate::problem::{Kind, Problem};

/// Which objects are meant, as the query says it.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) types: Option<String>,
    pub(super) source: Option<String>,
    pub(super) label: Option<String>,
    pub(super) observable: Option<String>,
    pub(super) all_versions: Option<bool>,
}

impl Filter {
    /// The filter in the store's words.
    pub(super) fn resolve(&self, app: &App, read: &dyn Read) -> Result<ObjectFilter, Problem> {
        let types = self.types.as_deref().unwrap_or_default();
        let source = self.source.as_deref().map(|name| source_named(app, read, name)).transpose()?;
        let observable = self.observable.as_deref().map(|value| {
            observable::classify(value)
                .ok_or_else(|| Problem::bad(format!("`{value}` is not a value that objects are found by")))
        });
        Ok(ObjectFilter {
            types: types.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            source: source.map(|source| source.id),
            label: self.label.as_deref().map(label).transpose()?,
            observable: observable.transpose()?,
            all_versions: self.all_versions.unwrap_or_default(),
        })
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Only these STIX types, separated by commas.
    #[serde(rename = "type")]
    types: Option<String>,
    /// Only from the source of this name.
    source: Option<String>,
    /// Only with exactly this label.
    label: Option<String>,
    /// Only objects that name this value: an address, domain, URL, hash…, defanged or not.
    observable: Option<String>,
    /// Also versions that are not the newest.
    all_versions: Option<bool>,
    /// Items on the page at most.
    limit: Option<usize>,
    /// `next` of the page before, with the same filters.
    cursor: Option<String>,
}

/// A page of objects, in order of acceptance.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectPage {
    objects: Vec<ObjectBody>,
    /// Opaque; give it back as `cursor` for what follows. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List objects
///
/// In order of acceptance: what is added while one pages comes at the end, and nothing is skipped or repeated.
#[utoipa::path(
    get, path = "/objects", tag = "objects", params(ListQuery),
    responses((status = 200, body = ObjectPage), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn list(
    State(app): State<Shared>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ObjectPage>, Problem> {
    let limit = page_size(&app, query.limit)?;
    let ListQuery { types, source, label, observable, all_versions, cursor, .. } = query;
    let filter = Filter { types, source, label, observable, all_versions };
    app.read(move |app, read| {
        let filter = filter.resolve(app, read)?;
        let after = cursor.as_deref().map(|cursor| read_cursor(cursor, &filter)).transpose()?;
        // A stretch at a time, so that a page of huge objects ends early instead of filling memory.
        let (mut objects, mut bytes, mut place) = (Vec::new(), 0, after);
        while objects.len() <= limit && bytes <= PAGE_BYTES {
            let wanted = STRETCH.min(limit + 1 - objects.len());
            let stretch = read.objects(app.core().scope, &filter, place, wanted)?;
            let Some(last) = stretch.last() else { break };
            place = Some(last.version_id);
            bytes += stretch.iter().map(|stored| stored.raw.len()).sum::<usize>();
            objects.extend(stretch);
        }
        let more = objects.len() > limit || bytes > PAGE_BYTES;
        objects.truncate(limit);
        let next = objects.last().filter(|_| more).map(|last| cursor_after(last.version_id, &filter));
        let names = SourceNames::load(app, read)?;
        let objects = objects.into_iter().map(|stored| ObjectBody::new(stored, &names));
        Ok(Json(ObjectPage { objects: objects.collect::<Result<_, _>>()?, next }))
    })
    .await
}

/// A listing ends once its objects are this long together, with more to come.
const PAGE_BYTES: usize = 16 << 20;
/// Objects read at once: at eight megabytes each, what a page may take beyond [`PAGE_BYTES`].
const STRETCH: usize = 16;

/// A place in a listing, bound to its filter. It is no secret and gives no right.
fn cursor_after(last: VersionId, filter: &ObjectFilter) -> String {
    let mut bytes = last.0.to_be_bytes().to_vec();
    bytes.extend(filter_digest(filter));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(cursor: &str, filter: &ObjectFilter) -> Result<VersionId, Problem> {
    let foreign = || Problem::bad("`cursor` is not one this listing gave out").hint("start again without it");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| foreign())?;
    let (place, digest) = bytes.split_first_chunk::<8>().ok_or_else(foreign)?;
    if digest != filter_digest(filter) {
        return Err(Problem::bad("the filters differ from those the cursor was given out for")
            .hint("repeat them, or start again without the cursor"));
    }
    Ok(VersionId(i64::from_be_bytes(*place)))
}

fn filter_digest(filter: &ObjectFilter) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(format!("{filter:?}")).into();
    hash.first_chunk().copied().unwrap_or_default()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GetQuery {
    /// Exactly this version; the newest otherwise.
    version: Option<String>,
    /// The object's own bytes only, as with `Accept: application/stix+json;version=2.1`.
    raw: Option<bool>,
}

/// An object
///
/// Its newest version, or exactly one, with what the node knows about it; or its own bytes alone.
#[utoipa::path(
    get, path = "/objects/{id}", tag = "objects", params(("id" = String, Path, description = "STIX id"), GetQuery),
    responses(
        (status = 200, content((ObjectBody = "application/json"), (String = "application/stix+json;version=2.1"))),
        (status = 404, response = super::ProblemBody)
    )
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(id): Path<String>,
    Query(query): Query<GetQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = stix_id(&id)?;
    let version = query.version.as_deref().map(instant).transpose()?;
    let raw = query.raw.unwrap_or_else(|| wants_stix(&headers));
    let (stored, names) = app
        .read(move |app, read| {
            let stored = read.object(app.core().scope, &id, version)?;
            let stored = stored.ok_or_else(|| match version {
                Some(version) => Problem::missing(format!("version {version} of `{id}`")),
                None => Problem::missing(format!("`{id}`")),
            })?;
            Ok((stored, SourceNames::load(app, read)?))
        })
        .await?;
    if raw { Ok(as_stix(stored)) } else { Ok(Json(ObjectBody::new(stored, &names)?).into_response()) }
}

fn wants_stix(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.trim_start().to_ascii_lowercase().starts_with("application/stix+json")
}

/// The bytes alone; what they do not say about their label goes in a header.
fn as_stix(stored: Stored) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/stix+json;version=2.1"),
        (HeaderName::from_static("x-shieldwall-label"), stored.label.as_str()),
    ];
    (headers, stored.raw).into_response()
}

/// All versions of an object, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Versions {
    versions: Vec<ObjectBody>,
}

/// Versions of an object
#[utoipa::path(
    get, path = "/objects/{id}/versions", tag = "objects", params(("id" = String, Path, description = "STIX id")),
    responses((status = 200, body = Versions), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn versions(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Versions>, Problem> {
    let id = stix_id(&id)?;
    app.read(move |app, read| {
        let stored = read.versions(app.core().scope, &id)?;
        if stored.is_empty() {
            return Err(Problem::missing(format!("`{id}`")));
        }
        let names = SourceNames::load(app, read)?;
        let versions =
            stored.into_iter().map(|stored| ObjectBody::new(stored, &names)).collect::<Result<_, _>>()?;
        Ok(Json(Versions { versions }))
    })
    .await
}

/// What became of the objects of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct Added {
    summary: SummaryBody,
    /// One for each object, in order.
    results: Vec<AddedObject>,
}

/// What became of one object.
#[derive(Serialize, ToSchema)]
struct AddedObject {
    /// Its id, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// `accepted`, `unchanged`, `superseded`, `held` or `refused`.
    outcome: &'static str,
    /// The number of the held value, for `held`.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<i64>,
    /// Everything noticed, notes included.
    findings: Vec<FindingBody>,
}

/// Add objects
///
/// The body is a STIX 2.1 bundle, an array of objects, or one object, of this organisation's own making. All of it
/// is taken in one transaction; an object that is refused does not keep the others out. 422 when all are refused.
#[utoipa::path(
    post, path = "/objects", tag = "objects",
    request_body(content((Object = "application/json"), (Object = "application/stix+json;version=2.1"))),
    responses((status = 200, body = Added), (status = 422, body = Added), (status = 400, response = super::ProblemBody))
)]
pub(crate) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    request: Request,
) -> Result<(StatusCode, Json<Added>), Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "the body must be STIX or plain JSON").hint(
            "send `Content-Type: application/stix+json;version=2.1`; other formats go to POST /api/v1/import",
        ));
    }
    let headers = request.headers().clone();
    let body = read_body(&app, &headers, request.into_body()).await?;
    app.blocking(move |app| {
        let mut tape = Tape::new();
        let bounds = limits(app);
        let root = tape
            .parse(&body.bytes, &bounds)
            .map_err(|error| Problem::bad(format!("the body is not JSON: {error}")))?;
        let objects: Vec<_> = match (root.kind(), root.get("objects")) {
            (JsonKind::Array, _) => root.items().collect(),
            (JsonKind::Object, Some(list)) if root.get("type").is_some_and(|name| name.is("bundle")) => {
                list.items().collect()
            }
            (JsonKind::Object, _) => vec![root],
            _ => return Err(Problem::bad("the body is neither a bundle, an array of objects nor an object")),
        };
        let pieces: Vec<_> = objects.iter().map(|object| Piece::stix(object.raw().as_bytes())).collect();
        let core = app.core();
        let source = core.own_source()?;
        let mut results = Vec::with_capacity(pieces.len());
        let summary = core.ingest_with(
            &source,
            &pieces,
            &mut |report| {
                let (outcome, held) = outcome(report.fate);
                // What the kernel refused or held for comes with the fate, what the format check said beside it.
                let decided = match report.fate {
                    Fate::Refused(findings) => findings.as_slice(),
                    _ => &[],
                };
                let noticed = report.findings.iter();
                let further = decided.iter().filter(|finding| !report.findings.contains(finding));
                let findings = noticed.chain(further).map(FindingBody::from).collect();
                results.push(AddedObject { id: report.id.map(ToString::to_string), outcome, held, findings });
            },
            &mut |tx, committing| {
                let target = named(&objects, committing.summary.total());
                tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "object.add", &target, "")
            },
        )?;
        let status = if summary.total() > 0 && summary.refused == summary.total() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        };
        Ok((status, Json(Added { summary: summary.into(), results })))
    })
    .await
}

/// What was added, for the audit log: the first few by id, the others by number.
fn named(objects: &[Value<'_>], total: u64) -> String {
    const SHOWN: usize = 5;
    let ids = objects.iter().filter_map(|object| object.get("id").and_then(|id| id.as_str()));
    let mut shown: Vec<String> = ids.take(SHOWN).map(|id| id.chars().take(100).collect()).collect();
    if let Some(others) = total.checked_sub(shown.len() as u64).filter(|others| *others > 0) {
        shown.push(format!("and {others} more"));
    }
    shown.join(" ")
}

const fn outcome(fate: &Fate) -> (&'static str, Option<i64>) {
    match fate {
        Fate::Accepted => ("accepted", None),
        Fate::Unchanged => ("unchanged", None),
        Fate::Superseded => ("superseded", None),
        Fate::Held(id) => ("held", Some(id.0)),
        Fate::Refused(_) => ("refused", None),
    }
}

/// What was erased.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erased {
    /// How many versions there were.
    versions: u64,
}

/// Erase an object
///
/// Every version, held copy and projection goes, from the files of the store too; a keyed tombstone stays, so that
/// the object cannot come back, also when nothing of it was held. Whoever was given it is told to erase it too; who has it
/// from elsewhere keeps it. What is under a legal hold stays.
#[utoipa::path(
    delete, path = "/objects/{id}", tag = "objects", params(("id" = String, Path, description = "STIX id")),
    request_body = Reason,
    responses(
        (status = 200, body = Erased), (status = 400, response = super::ProblemBody), (status = 422, response = super::ProblemBody)
    )
)]
pub(crate) async fn erase(
    State(app): State<Shared>,
    By(caller): By,
    Path(id): Path<String>,
    JsonBody(reason): JsonBody<Reason>,
) -> Result<Json<Erased>, Problem> {
    let id = stix_id(&id)?;
    let reason = reason.given()?;
    app.blocking(move |app| {
        let core = app.core();
        // Erasing what is not held is fine too: the tombstone keeps it out from now on.
        Ok(Json(Erased { versions: core.erase(&id, caller.name(), &reason)? }))
    })
    .await
}
