//! Where objects come from.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{CollectionId, Label, SourceId};
use policy::people::Action;
use ports::pull::FieldKind;
use ports::{Read, SourceRecord, SourceState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::wire::label;
use crate::app::{App, Shared};
use crate::auth::{By, Caller};
use crate::extract::{JsonBody, Path};
use crate::problem::{Kind, Problem};

/// All sources, and the kinds there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceList {
    sources: Vec<SourceBody>,
    /// What `kind` can be for a new source, and how each is configured.
    kinds: Vec<SourceKind>,
}

/// A kind of source.
#[derive(Serialize, ToSchema)]
struct SourceKind {
    kind: &'static str,
    /// What it does.
    summary: &'static str,
    /// Fields of its configuration.
    fields: Vec<SourceField>,
}

/// A field of a configuration.
#[derive(Serialize, ToSchema)]
struct SourceField {
    name: &'static str,
    required: bool,
    help: &'static str,
}

/// A source and how it is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = Source)]
pub(crate) struct SourceBody {
    name: String,
    kind: String,
    /// The kind's configuration. Secrets are names of files, never values.
    #[schema(value_type = Object)]
    config: Box<RawValue>,
    /// Label for unmarked objects.
    default_label: &'static str,
    /// Whether it is pulled.
    enabled: bool,
    /// Its TAXII collection.
    collection: String,
    state: SourceStateBody,
}

/// How a source is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = SourceState)]
struct SourceStateBody {
    /// Last time a round went well.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    /// Last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<SourceFailure>,
    /// Failures since the last success.
    failures: u32,
    /// Not tried before.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<String>,
    /// Objects accepted from it so far.
    accepted: u64,
}

/// A failure of a source.
#[derive(Serialize, ToSchema)]
struct SourceFailure {
    at: String,
    /// What happened and what to do about it.
    message: String,
}

impl SourceBody {
    fn new(record: SourceRecord, state: SourceState) -> Result<Self, Problem> {
        let config = if record.config.is_empty() { "{}".to_owned() } else { record.config };
        Ok(Self {
            name: record.name,
            kind: record.kind,
            config: RawValue::from_string(config).map_err(|error| Problem::internal(&error))?,
            default_label: record.default_label.as_str(),
            enabled: record.enabled,
            collection: record.collection.to_string(),
            state: SourceStateBody {
                last_success: state.last_success.map(|at| at.to_string()),
                last_error: state
                    .last_error
                    .map(|(at, message)| SourceFailure { at: at.to_string(), message }),
                failures: state.failures,
                retry_at: state.retry_at.map(|at| at.to_string()),
                accepted: state.accepted,
            },
        })
    }
}

/// List sources
#[utoipa::path(get, path = "/sources", tag = "sources", responses((status = 200, body = SourceList)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<SourceList>, Problem> {
    let sources = app.read(|app, read| Ok(read.sources(app.core().scope.tenant)?)).await?;
    let sources = sources
        .into_iter()
        .map(|(record, state)| SourceBody::new(record, state))
        .collect::<Result<_, _>>()?;
    let kinds = app.node.options.sources.kinds().into_iter().map(|kind| SourceKind {
        kind: kind.kind,
        summary: kind.summary,
        fields: kind
            .fields
            .iter()
            .map(|field| SourceField { name: field.name, required: field.required, help: field.help })
            .collect(),
    });
    Ok(Json(SourceList { sources, kinds: kinds.collect() }))
}

/// A source
#[utoipa::path(
    get, path = "/sources/{name}", tag = "sources", params(("name" = String, Path)),
    responses((status = 200, body = SourceBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<SourceBody>, Problem> {
    let (record, state) = app.read(move |app, read| find(app, read, &name)).await?;
    Ok(Json(SourceBody::new(record, state)?))
}

fn find(app: &App, read: &dyn Read, name: &str) -> Result<(SourceRecord, SourceState), Problem> {
    let sources = read.sources(app.core().scope.tenant)?;
    let found = sources.into_iter().find(|(record, _)| record.name == name);
    found.ok_or_else(|| Problem::missing(format!("source `{name}`")))
}

/// A new source.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    /// Unique: lower-case letters, digits and hyphens.
    name: String,
    /// One of the kinds that `GET /sources` lists, or `file` for one that is only imported into.
    kind: String,
    /// The kind's configuration.
    #[schema(value_type = Object)]
    #[serde(default)]
    config: Option<Box<RawValue>>,
    /// Label for unmarked objects; `own` unless given.
    #[serde(default)]
    default_label: Option<String>,
    /// Whether to pull it; `true` unless given.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Add a source
///
/// Over the network a configuration may not name files of the node's machine or open addresses that are not public.
#[utoipa::path(
    post, path = "/sources", tag = "sources", request_body = NewSource,
    responses((status = 201, body = SourceBody), (status = 400, response = super::ProblemBody), (status = 409, response = super::ProblemBody))
)]
pub(crate) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(new): JsonBody<NewSource>,
) -> Result<(StatusCode, Json<SourceBody>), Problem> {
    let shaped = (1..=64).contains(&new.name.len())
        && new.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !shaped {
        return Err(Problem::bad(format!(
            "`{}` is not a name for a source; use 1 to 64 lower-case letters, digits and hyphens",
            new.name
        )));
    }
    let config = new.config.map_or_else(|| "{}".to_owned(), |config| config.get().to_owned());
    check_config(&app, &caller, &new.kind, &config, None)?;
    let record = SourceRecord {
        id: SourceId(0),
        name: new.name,
        kind: new.kind,
        config,
        default_label: new.default_label.as_deref().map(label).transpose()?.unwrap_or(Label::OwnOnly),
        enabled: new.enabled.unwrap_or(true),
        collection: CollectionId(app.core().ids.uuid()),
    };
    let _one = app.administration.lock().await;
    let (name, actor) = (record.name.clone(), caller);
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.add_source(tenant, &record)?;
        Ok(tx.audit(tenant, app.now(), actor.name(), "source.add", &record.name, "")?)
    })
    .await?;
    app.node.wake_sources();
    let (record, state) = app.read(move |app, read| find(app, read, &name)).await?;
    Ok((StatusCode::CREATED, Json(SourceBody::new(record, state)?)))
}

/// What to change about a source; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceChange {
    /// The kind's configuration, as a whole.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    config: Option<Box<RawValue>>,
    /// Label for unmarked objects that come from now on.
    #[serde(default)]
    default_label: Option<String>,
    /// Whether to pull it.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Change a source
#[utoipa::path(
    patch, path = "/sources/{name}", tag = "sources", params(("name" = String, Path)), request_body = SourceChange,
    responses((status = 200, body = SourceBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn change(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(change): JsonBody<SourceChange>,
) -> Result<Json<SourceBody>, Problem> {
    let _one = app.administration.lock().await;
    let wanted = name.clone();
    let (mut record, _) = app.read(move |app, read| find(app, read, &wanted)).await?;
    if let Some(config) = change.config {
        check_config(&app, &caller, &record.kind, config.get(), Some(&record.config))?;
        config.get().clone_into(&mut record.config);
    }
    if let Some(text) = change.default_label {
        record.default_label = label(&text)?;
    }
    record.enabled = change.enabled.unwrap_or(record.enabled);
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.set_source(tenant, &record)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "source.change", &record.name, "")?)
    })
    .await?;
    app.node.wake_sources();
    let (record, state) = app.read(move |app, read| find(app, read, &name)).await?;
    Ok(Json(SourceBody::new(record, state)?))
}

/// Remove a source
///
/// Its objects and its collection stay.
#[utoipa::path(
    delete, path = "/sources/{name}", tag = "sources", params(("name" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn remove(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let _one = app.administration.lock().await;
    let (record, _) = app.read(move |app, read| find(app, read, &name)).await?;
    if record.id == SourceId(0) {
        return Err(Problem::new(Kind::Refused, "the source `own` is this organisation itself and stays"));
    }
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.remove_source(tenant, record.id)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "source.remove", &record.name, "")?)
    })
    .await?;
    app.node.wake_sources();
    Ok(StatusCode::NO_CONTENT)
}

/// Pull a source now
///
/// Rather than at its next turn. The answer does not wait for it: see the source's state.
#[utoipa::path(
    post, path = "/sources/{name}/pull", tag = "sources", params(("name" = String, Path)),
    responses((status = 202), (status = 404, response = super::ProblemBody), (status = 422, response = super::ProblemBody))
)]
pub(crate) async fn pull(State(app): State<Shared>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    let (record, _) = app.read(move |app, read| find(app, read, &name)).await?;
    if app.node.pull_now(record.id) {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(Problem::new(Kind::Refused, format!("`{}` is not being followed", record.name))
            .hint("enable it; a source of kind `own` or `file` has nothing to pull"))
    }
}

/// Refuses what the kind does not understand, and what only the operator of this machine may say: a file named
/// here is sent to the source as a secret, and an opened network lets the source reach what the node can reach.
fn check_config(
    app: &App,
    caller: &Caller,
    kind: &str,
    config: &str,
    before: Option<&str>,
) -> Result<(), Problem> {
    let known = &app.node.options.sources;
    let Some(described) = known.kinds().into_iter().find(|described| described.kind == kind) else {
        return match kind {
            "file" | "own" if config == "{}" => Ok(()),
            "file" | "own" => Err(Problem::bad(format!("a source of kind `{kind}` takes no configuration"))),
            _ => Err(Problem::bad(format!("`{kind}` is not a kind of source"))
                .hint("GET /api/v1/sources lists them")),
        };
    };
    known.open(kind, config).map_err(|error| Problem::bad(error.to_string()))?;
    if caller.may(Action::SourceOpen, &caller.all()) {
        return Ok(());
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (now, before) = (parse(config), before.map(parse).unwrap_or_default());
    for field in described.fields {
        let guarded = matches!(field.kind, FieldKind::File | FieldKind::Hosts);
        let given = now.get(field.name);
        // A file that stays the same could still be sent elsewhere, so then the rest may not change either.
        if guarded && given.is_some() && now != before {
            return Err(Problem::forbidden(format!(
                "`{}` may be set only by the operator of the node's own machine",
                field.name
            ))
            .hint("run `shieldwall` there"));
        }
    }
    Ok(())
}
