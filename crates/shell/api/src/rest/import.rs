//! Import: a stream in, a stream of progress out.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::BodyExt;
use runtime::{ImportError, ImportOptions, Progress};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tracing::{Instrument, Span};
use utoipa::{IntoParams, ToSchema};

use super::wire::{SummaryBody, label, source_named};
use crate::app::Shared;
use crate::auth::{By, Caller};
use crate::extract::Query;
use crate::guard::RequestId;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::stream::{self, Writer};

/// Chunks of the body between the connection and the importing thread.
const QUEUE: usize = 16;
/// Lines of progress between the importing thread and the connection.
const LINES: usize = 16;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// What to call the input in messages: a file name, usually.
    name: Option<String>,
    /// The source its objects count as coming from; `own` otherwise.
    source: Option<String>,
    /// Label for unmarked objects, in place of the source's own. Only ever narrower than that.
    default_label: Option<String>,
}

/// One line of the answer. The last one has `summary` or `error`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ImportLine {
    /// How far it has come.
    Progress(ImportProgress),
    /// Done.
    Summary(ImportProgress),
    /// It stopped; what was committed before stays, and importing the same again is harmless.
    Error(ProblemBody),
}

/// How far an import has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportProgress {
    /// Bytes read, after unpacking.
    bytes: u64,
    #[serde(flatten)]
    summary: SummaryBody,
    /// Findings by severity.
    findings: FindingCounts,
    /// The commonest findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<RuleCount>,
    /// Warning lists taken.
    warning_lists: u64,
    /// Where refused records went, on the node's machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_file: Option<String>,
}

/// Findings by severity.
#[derive(Serialize, ToSchema)]
struct FindingCounts {
    notes: u64,
    warnings: u64,
    errors: u64,
}

/// How often a rule spoke.
#[derive(Serialize, ToSchema)]
struct RuleCount {
    /// The rule's id.
    rule: String,
    /// How often.
    count: u64,
    /// One of its messages.
    example: String,
}

impl ImportProgress {
    fn new(progress: &Progress, local: bool) -> Self {
        let [notes, warnings, errors] = progress.findings;
        let rules = progress.rules.iter().map(|(rule, (count, example))| RuleCount {
            rule: rule.clone(),
            count: *count,
            example: example.clone(),
        });
        // A path of this machine says something only to those who are on it.
        let refused_file = progress.refused_file.as_ref().map(|path| match path.file_name() {
            Some(name) if !local => name.display().to_string(),
            _ => path.display().to_string(),
        });
        Self {
            bytes: progress.bytes,
            summary: progress.summary.into(),
            findings: FindingCounts { notes, warnings, errors },
            rules: rules.collect(),
            warning_lists: progress.warning_lists,
            refused_file,
        }
    }
}

/// Import
///
/// The body is streamed: STIX 2.0 or 2.1, MISP, plain lists, CSV, warning lists, also compressed; the form is
/// detected. The answer is one JSON document per line while the import runs: `progress` now and then, and at the
/// end `summary` or `error`.
#[utoipa::path(
    post, path = "/import", tag = "exchange", params(ImportQuery), request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = ImportLine, content_type = "application/x-ndjson"),
        (status = 404, response = super::ProblemBody), (status = 503, response = super::ProblemBody)
    )
)]
pub(crate) async fn import(
    State(app): State<Shared>,
    By(caller): By,
    Query(query): Query<ImportQuery>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let permit = Arc::clone(&app.imports).try_acquire_owned();
    let permit =
        permit.map_err(|_| Problem::new(Kind::Overloaded, "other imports are running").retry_after(5))?;
    let narrower = query.default_label.as_deref().map(label).transpose()?;
    let wanted = query.source.unwrap_or_else(|| "own".to_owned());
    let mut source = app.read(move |app, read| source_named(app, read, &wanted)).await?;
    if let Some(narrower) = narrower {
        source.default_label = source.default_label.meet(narrower);
    }
    let name = query.name.unwrap_or_else(|| "import".to_owned());
    let (writer, body) = stream::channel(LINES, app.settings.stall_timeout);
    let job = Job { app, caller, options: ImportOptions { source, name }, writer, id, _permit: permit };
    tokio::spawn(job.run(request.into_body()).instrument(Span::current()));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

struct Job {
    app: Shared,
    caller: Arc<Caller>,
    options: ImportOptions,
    writer: Writer,
    id: RequestId,
    _permit: OwnedSemaphorePermit,
}

impl Job {
    async fn run(self, body: Body) {
        let (chunks, received) = mpsc::channel(QUEUE);
        let pump = pump(body, chunks, self.app.settings.max_import, self.app.settings.stall_timeout);
        let outcome = async {
            let (app, options, caller) =
                (Arc::clone(&self.app), self.options.clone(), Arc::clone(&self.caller));
            let (lines, local, span) = (self.writer.lossy(), self.caller.is_local(), Span::current());
            // A thread of its own, not one of those that short jobs on the store share.
            let import = tokio::task::spawn_blocking(move || {
                span.in_scope(|| import_blocking(&app, &caller, &options, received, local, &lines))
            });
            import.await.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
        };
        let ((), outcome) = tokio::join!(pump, outcome);
        let last = match outcome {
            Ok(progress) => ImportLine::Summary(ImportProgress::new(&progress, self.caller.is_local())),
            Err(problem) => ImportLine::Error(problem.body(&self.id.0)),
        };
        // A reader that went away can see the outcome in the journal and by importing again.
        let _ = self.writer.send(line(&last)).await;
    }
}

fn line(line: &ImportLine) -> Vec<u8> {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text
}

fn import_blocking(
    app: &Shared,
    caller: &Caller,
    options: &ImportOptions,
    received: mpsc::Receiver<io::Result<Bytes>>,
    local: bool,
    lines: &mpsc::Sender<Bytes>,
) -> Result<Progress, Problem> {
    let core = app.core();
    let mut input = Input { received, current: Bytes::new() };
    let done = core.import(&mut input, options, &mut |progress| {
        // Progress nobody is reading is dropped, never waited for.
        let _ = lines.try_send(line(&ImportLine::Progress(ImportProgress::new(progress, local))).into());
    });
    let progress = done.map_err(|error| match error {
        ImportError::Read { name, error } if error.kind() == io::ErrorKind::FileTooLarge => {
            Problem::new(Kind::TooLarge, format!("`{name}` is larger than an import may be"))
        }
        ImportError::Read { name, error } => {
            tracing::warn!(%error, "an import ended early");
            Problem::bad(format!(
                "`{name}` ended early or cannot be unpacked; what was committed before stays"
            ))
            .hint("import it again: what is held already does not change")
        }
        ImportError::NotReadable { name, what } => {
            Problem::new(Kind::UnsupportedMediaType, format!("`{name}` is {what}"))
        }
        ImportError::Store(error) => error.into(),
        ImportError::Core(error) => error.into(),
    })?;
    let target = format!(
        "{} objects from `{}` as source `{}`",
        progress.summary.total(),
        options.name,
        options.source.name
    );
    core.store
        .transact(|tx| tx.audit(core.scope.tenant, core.clock.now(), caller.name(), "import", &target, ""))?;
    Ok(progress)
}

/// Passes the body on, chunk by chunk, as fast as the import takes it.
async fn pump(mut body: Body, chunks: mpsc::Sender<io::Result<Bytes>>, most: u64, stall: Duration) {
    let mut total = 0u64;
    loop {
        let chunk = match tokio::time::timeout(stall, body.frame()).await {
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
            Ok(None) => return,
            Ok(Some(Err(_))) => Err(io::ErrorKind::ConnectionAborted.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let chunk = chunk.and_then(|data| {
            total = total.saturating_add(data.len() as u64);
            if total > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(data) }
        });
        let last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || last {
            return;
        }
    }
}

/// The body, as a thread reads it.
struct Input {
    received: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.received.blocking_recv() {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        let taken = self.current.split_to(count);
        if let Some(room) = buffer.get_mut(..count) {
            room.copy_from_slice(&taken);
        }
        Ok(count)
    }
}
