//! Where logs come from.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use policy::people::Action;
use ports::detection::{LogSourceRecord, LogSourceState};
use ports::logs::{Lag, LogSpec, READ_FIELDS};
use ports::pull::{Field, FieldKind};
use runtime::detection::{DetectionError, PUSH, ReadSpec};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::auth::{By, Caller};
use crate::extract::{JsonBody, Path};
use crate::problem::Problem;

/// All log sources, and the kinds there are.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogSourceList {
    log_sources: Vec<LogSourceBody>,
    /// What `kind` can be for a new log source, and how each is configured.
    kinds: Vec<LogSourceKind>,
    /// What any configuration may say beside, about how records are read.
    read_fields: Vec<&'static str>,
}

/// A kind of log source.
#[derive(Serialize, ToSchema)]
struct LogSourceKind {
    kind: &'static str,
    /// What it does.
    summary: &'static str,
    /// Fields of its configuration.
    fields: Vec<LogSourceField>,
    /// The least that makes a valid configuration.
    example: &'static str,
}

/// A field of a configuration.
#[derive(Serialize, ToSchema)]
struct LogSourceField {
    name: &'static str,
    required: bool,
    help: &'static str,
}

impl LogSourceKind {
    fn new(kind: &'static str, summary: &'static str, fields: &[Field], example: &'static str) -> Self {
        let field =
            |field: &Field| LogSourceField { name: field.name, required: field.required, help: field.help };
        Self { kind, summary, fields: fields.iter().map(field).collect(), example }
    }

    /// The kind that no adapter reads.
    fn push() -> Self {
        Self::new(PUSH, "takes in what is sent to POST /log-sources/{name}/records", &[], "{}")
    }
}

/// A log source and how it is doing.
#[derive(Serialize, ToSchema)]
#[schema(as = LogSource)]
pub(crate) struct LogSourceBody {
    name: String,
    kind: String,
    /// The kind's configuration, and how records are read.
    #[schema(value_type = Object)]
    config: Box<RawValue>,
    /// Whether it is to be read.
    enabled: bool,
    /// Whether it is being read: it is enabled and not pushed to, and this program stays to read it.
    followed: bool,
    added: String,
    state: LogSourceStateBody,
    /// While it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<LagBody>,
}

/// How a log source is doing. Counts are since it was added.
#[derive(Serialize, ToSchema)]
#[schema(as = LogSourceState)]
struct LogSourceStateBody {
    /// Records read, malformed ones included.
    records: u64,
    /// Records that could not be read.
    malformed: u64,
    bytes: u64,
    /// Records that are known to be lost before they were read.
    lost: u64,
    /// Connections that were turned away; nobody knows how many records they would have brought.
    refused: u64,
    /// Records kept for hunts.
    kept: u64,
    /// Records on which something matched.
    matched: u64,
    /// The latest instant that a record gives for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event: Option<String>,
    /// When a record was read last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_read: Option<String>,
    /// The last failure, until records are read again; then it is a note.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LogSourceFailure>,
    /// What people should know, the newest first, at most eight: that a file was rotated or truncated, who was turned away,
    /// and errors that are over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<LogSourceNote>,
    /// Malformed records: how many by reason, and samples with remedies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    detail: Option<Box<RawValue>>,
}

/// A failure of a log source.
#[derive(Serialize, ToSchema)]
struct LogSourceFailure {
    at: String,
    /// What happened and what to do about it.
    message: String,
}

/// What should be known of a log source.
#[derive(Serialize, Deserialize, ToSchema)]
struct LogSourceNote {
    at: String,
    message: String,
    /// Whether it was an error, which is over.
    was_error: bool,
}

/// How far behind a log source is.
#[derive(Serialize, ToSchema)]
#[schema(as = LogSourceLag)]
pub(super) struct LagBody {
    /// Bytes that wait to be read; absent for sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Files that are followed, or connections that are open.
    parts: u64,
}

impl From<Lag> for LagBody {
    fn from(lag: Lag) -> Self {
        Self { bytes: lag.bytes, parts: lag.parts }
    }
}

impl LogSourceBody {
    fn new(app: &App, record: LogSourceRecord, state: LogSourceState) -> Result<Self, Problem> {
        let raw = |text: String| RawValue::from_string(text).map_err(|error| Problem::internal(&error));
        let lag = app.core().detection().ok().and_then(|detection| detection.lag(&record.name));
        // What is told of by itself is no part of the detail.
        let mut detail: Map<String, Value> = serde_json::from_str(&state.detail).unwrap_or_default();
        let refused = detail.remove("refused").and_then(|count| count.as_u64()).unwrap_or_default();
        let notes = detail.remove("notes").and_then(|notes| serde_json::from_value(notes).ok());
        let config = if record.config.is_empty() { "{}".to_owned() } else { record.config };
        Ok(Self {
            followed: record.enabled && record.kind != PUSH && app.node.options.follow,
            name: record.name,
            kind: record.kind,
            config: raw(config)?,
            enabled: record.enabled,
            added: record.added.to_string(),
            state: LogSourceStateBody {
                records: state.records,
                malformed: state.malformed,
                bytes: state.bytes,
                lost: state.lost,
                refused,
                kept: state.kept,
                matched: state.matched,
                last_event: state.last_event.map(|at| at.to_string()),
                last_read: state.last_read.map(|at| at.to_string()),
                last_error: state
                    .last_error
                    .map(|(at, message)| LogSourceFailure { at: at.to_string(), message }),
                notes: notes.unwrap_or_default(),
                detail: (!detail.is_empty()).then(|| raw(Value::Object(detail).to_string())).transpose()?,
            },
            lag: lag.map(LagBody::from),
        })
    }
}

/// List log sources
#[utoipa::path(get, path = "/log-sources", tag = "detection", responses((status = 200, body = LogSourceList)))]
pub(crate) async fn list(State(app): State<Shared>) -> Result<Json<LogSourceList>, Problem> {
    app.read(|app, read| {
        let log_sources = read
            .log_sources(app.core().scope.tenant)?
            .into_iter()
            .map(|(record, state)| LogSourceBody::new(app, record, state))
            .collect::<Result<_, _>>()?;
        let mut kinds: Vec<LogSourceKind> = Vec::new();
        if let Ok(detection) = app.core().detection() {
            let known = detection.logs().kinds().iter();
            kinds.extend(
                known.map(|kind| LogSourceKind::new(kind.kind, kind.summary, kind.fields, kind.example)),
            );
            kinds.push(LogSourceKind::push());
        }
        Ok(Json(LogSourceList { log_sources, kinds, read_fields: READ_FIELDS.to_vec() }))
    })
    .await
}

/// A log source
#[utoipa::path(
    get, path = "/log-sources/{name}", tag = "detection", params(("name" = String, Path)),
    responses((status = 200, body = LogSourceBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn get(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<LogSourceBody>, Problem> {
    Ok(Json(body(&app, name).await?))
}

async fn body(app: &Shared, name: String) -> Result<LogSourceBody, Problem> {
    app.read(move |app, read| {
        let found = read.log_source(app.core().scope.tenant, &name)?;
        let (record, state) = found.ok_or_else(|| missing(&name))?;
        LogSourceBody::new(app, record, state)
    })
    .await
}

async fn record(app: &Shared, name: String) -> Result<LogSourceRecord, Problem> {
    app.read(move |app, read| {
        let found = read.log_source(app.core().scope.tenant, &name)?;
        found.map(|(record, _)| record).ok_or_else(|| missing(&name))
    })
    .await
}

/// Whoever reads log sources looks at their list again; and whoever loads rules, if they may name one of these by words of
/// its own.
fn changed(app: &App, configs: &[&str]) {
    let Ok(detection) = app.core().detection() else { return };
    detection.sources_changed();
    if configs.iter().any(|config| ReadSpec::parse(config).is_ok_and(|spec| spec.own().is_some())) {
        detection.sources_renamed();
    }
}

/// What was held in memory for a source is let go of, which may have to wait for records that are being taken in.
async fn forget(app: &Shared, name: String) -> Result<(), Problem> {
    app.blocking(move |app| {
        if let Ok(detection) = app.core().detection() {
            detection.forget_source(&name);
        }
        Ok(())
    })
    .await
}

fn missing(name: &str) -> Problem {
    Problem::missing(format!("log source `{name}`")).hint("GET /api/v1/log-sources lists them")
}

/// A new log source.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLogSource {
    /// Unique: lower-case letters, digits and hyphens.
    name: String,
    /// One of the kinds that `GET /log-sources` lists.
    kind: String,
    /// The kind's configuration, and how records are read: `format`, `logsource`, `zone`, `columns`, `fields`, `delimiter`,
    /// `keep`.
    #[schema(value_type = Object)]
    #[serde(default)]
    config: Option<Box<RawValue>>,
    /// Whether to read it; `true` unless given.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Add a log source
///
/// A running node reads it at once. Over the network a configuration may not name files of the node's machine.
#[utoipa::path(
    post, path = "/log-sources", tag = "detection", request_body = NewLogSource,
    responses((status = 201, body = LogSourceBody), (status = 400, response = super::ProblemBody), (status = 409, response = super::ProblemBody))
)]
pub(crate) async fn add(
    State(app): State<Shared>,
    By(caller): By,
    JsonBody(new): JsonBody<NewLogSource>,
) -> Result<(StatusCode, Json<LogSourceBody>), Problem> {
    let shaped = (1..=64).contains(&new.name.len())
        && new.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !shaped {
        return Err(Problem::bad(format!(
            "`{}` is not a name for a log source; use 1 to 64 lower-case letters, digits and hyphens",
            new.name
        )));
    }
    let record = LogSourceRecord {
        name: new.name,
        kind: new.kind,
        config: new.config.map_or_else(|| "{}".to_owned(), |config| config.get().to_owned()),
        enabled: new.enabled.unwrap_or(true),
        added: app.now(),
    };
    check_config(&app, &caller, &record, None)?;
    let _one = app.administration.lock().await;
    let (name, config) = (record.name.clone(), record.config.clone());
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.add_log_source(tenant, &record)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "log-source.add", &record.name, "")?)
    })
    .await?;
    changed(&app, &[&config]);
    Ok((StatusCode::CREATED, Json(body(&app, name).await?)))
}

/// What to change about a log source; what is not given stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSourceChange {
    /// The configuration, as a whole.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    config: Option<Box<RawValue>>,
    /// Whether to read it.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Change a log source
///
/// Reading goes on where it was left.
#[utoipa::path(
    patch, path = "/log-sources/{name}", tag = "detection", params(("name" = String, Path)), request_body = LogSourceChange,
    responses((status = 200, body = LogSourceBody), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn change(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
    JsonBody(change): JsonBody<LogSourceChange>,
) -> Result<Json<LogSourceBody>, Problem> {
    let _one = app.administration.lock().await;
    let before = record(&app, name.clone()).await?;
    let mut after = before.clone();
    after.enabled = change.enabled.unwrap_or(before.enabled);
    if let Some(config) = change.config {
        config.get().clone_into(&mut after.config);
        check_config(&app, &caller, &after, Some(&before.config))?;
    }
    let reads_on = after.enabled && after.config == before.config;
    let config = after.config.clone();
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.set_log_source(tenant, &after)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "log-source.change", &after.name, "")?)
    })
    .await?;
    if !reads_on {
        forget(&app, name.clone()).await?;
    }
    changed(&app, &[&before.config, &config]);
    Ok(Json(body(&app, name).await?))
}

/// Remove a log source
///
/// Its alerts and the events that were kept stay.
#[utoipa::path(
    delete, path = "/log-sources/{name}", tag = "detection", params(("name" = String, Path)),
    responses((status = 204), (status = 404, response = super::ProblemBody))
)]
pub(crate) async fn remove(
    State(app): State<Shared>,
    By(caller): By,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let _one = app.administration.lock().await;
    let before = record(&app, name.clone()).await?;
    let removed = name.clone();
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        tx.remove_log_source(tenant, &removed)?;
        Ok(tx.audit(tenant, app.now(), caller.name(), "log-source.remove", &removed, "")?)
    })
    .await?;
    forget(&app, name).await?;
    changed(&app, &[&before.config]);
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses what the kind or the readers do not understand, and what only the operator of this machine may say: a file
/// named here is read with the node's rights, and pieces of it are shown in alerts.
fn check_config(
    app: &App,
    caller: &Caller,
    record: &LogSourceRecord,
    before: Option<&str>,
) -> Result<(), Problem> {
    let given: Map<String, Value> = serde_json::from_str(&record.config).map_err(|_| {
        Problem::bad("`config` is not a JSON object").hint("such as {\"path\": \"/var/log/…\"}")
    })?;
    ReadSpec::parse(&record.config).map_err(|error| Problem::bad(error.to_string()))?;
    let logs = app.core().detection()?.logs();
    let Some(kind) = logs.kinds().iter().find(|kind| kind.kind == record.kind) else {
        if record.kind != PUSH {
            return Err(Problem::bad(format!("`{}` is not a kind of log source", record.kind))
                .hint("GET /api/v1/log-sources lists them"));
        }
        return match given.keys().find(|name| !READ_FIELDS.contains(&name.as_str())) {
            Some(odd) => Err(Problem::bad(format!("`{odd}` is not a field of this kind"))
                .hint(format!("there are {}", READ_FIELDS.join(", ")))),
            None => Ok(()),
        };
    };
    let (name, config) = (record.name.clone(), record.config.clone());
    let spec = LogSpec { name, kind: record.kind.clone(), config };
    logs.check(&spec).map_err(DetectionError::Log)?;
    if caller.may(Action::SourceOpen, &caller.all()) {
        return Ok(());
    }
    let before: Map<String, Value> =
        before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    // Of files that stay the same nobody may say how else they are read: that could show more of them.
    let guarded = |field: &&Field| matches!(field.kind, FieldKind::File | FieldKind::Hosts);
    let named = kind.fields.iter().filter(guarded).find(|field| given.contains_key(field.name));
    match named {
        Some(field) if given != before => Err(Problem::forbidden(format!(
            "`{}` may be set only by the operator of the node's own machine",
            field.name
        ))
        .hint("run `shieldwall` there")),
        _ => Ok(()),
    }
}
