//! Export: what is held, in a form others read.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use json::{Limits, Tape, Value};
use model::{Label, Timestamp, VersionId};
use ports::{ObjectFilter, Stored};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument, Span};
use utoipa::IntoParams;

use super::objects::Filter;
use crate::app::Shared;
use crate::auth::Viewer;
use crate::extract::Query;
use crate::problem::{Kind, Problem};
use crate::stream::{self, Gone, Writer};

/// Objects read at once; at eight megabytes each they still fit into memory.
const BATCH: usize = 32;
/// Objects in one MISP event at most.
const MAX_EVENT: usize = 10_000;
/// Batches between the store and a slow reader.
const QUEUE: usize = 2;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `stix` (a bundle; the default), `misp` (one event) or `list` (one value per line: what indicators that are
    /// valid now look for by itself).
    format: Option<String>,
    /// Only these STIX types, separated by commas.
    #[serde(rename = "type")]
    types: Option<String>,
    /// Only from the source of this name.
    source: Option<String>,
    /// Only with exactly this label.
    label: Option<String>,
    /// Only objects that may be handed on at least this widely: with `green`, those labelled green or clear.
    at_least: Option<String>,
    /// Only objects that name this value.
    observable: Option<String>,
    /// Also versions that are not the newest.
    all_versions: Option<bool>,
    /// The bytes as received, without the labels this node adds: a copy for this organisation's own archive, which
    /// must not be handed on.
    faithful: Option<bool>,
}

impl ExportQuery {
    /// What was asked for, in the query's own words.
    fn asked(&self) -> String {
        let words = [
            ("format", Some(self.format.as_deref().unwrap_or("stix"))),
            ("type", self.types.as_deref()),
            ("source", self.source.as_deref()),
            ("label", self.label.as_deref()),
            ("at_least", self.at_least.as_deref()),
            ("all_versions", self.all_versions.filter(|set| *set).map(|_| "true")),
            ("faithful", self.faithful.filter(|set| *set).map(|_| "true")),
            // Which value was looked for can be as telling as what was found.
            ("observable", self.observable.as_ref().map(|_| "given")),
        ];
        let given = words.iter().filter_map(|(name, word)| word.map(|word| format!("{name}={word}")));
        given.collect::<Vec<_>>().join(" ")
    }
}

/// Export
///
/// Streams everything the filters let through. Labels that the objects' own bytes do not say are written into them.
#[utoipa::path(
    get, path = "/export", tag = "exchange", params(ExportQuery),
    responses(
        (status = 200, content((String = "application/stix+json;version=2.1"), (String = "text/plain"), (Object = "application/json"))),
        (status = 400, response = super::ProblemBody), (status = 422, response = super::ProblemBody)
    )
)]
pub(crate) async fn export(
    State(app): State<Shared>,
    Viewer(caller): Viewer,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let format = match query.format.as_deref() {
        None | Some("stix") => Format::Stix,
        Some("misp") => Format::Misp,
        Some("list") => Format::List,
        Some(other) => {
            return Err(
                Problem::bad(format!("`{other}` is not a format of export")).hint("use stix, misp or list")
            );
        }
    };
    // An export can leave the organisation: who made it, and of what, is kept before the first byte goes out.
    let asked = query.asked();
    app.write(move |app, tx| {
        let tenant = app.core().scope.tenant;
        Ok(tx.audit(tenant, app.now(), caller.name(), "export", &asked, "")?)
    })
    .await?;
    let permit = Arc::clone(&app.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Overloaded, "as many streams are open as may be").retry_after(10))?;
    let at_least = query.at_least.as_deref().map(super::wire::label).transpose()?.unwrap_or(Label::OwnOnly);
    let faithful = query.faithful.unwrap_or(false);
    let ExportQuery { types, source, label, observable, all_versions, .. } = query;
    let types = match format {
        Format::List => Some("indicator".to_owned()),
        Format::Stix | Format::Misp => types,
    };
    let filter = Filter { types, source, label, observable, all_versions };
    let filter = app.read(move |app, read| filter.resolve(app, read)).await?;
    let (writer, body) = stream::channel(QUEUE, app.settings.stall_timeout);
    let export = Export { app, filter, at_least, faithful, writer, _permit: permit };
    let media_type = match format {
        Format::Stix => "application/stix+json;version=2.1",
        Format::Misp => return export.misp().await,
        Format::List => "text/plain; charset=utf-8",
    };
    tokio::spawn(
        async move {
            // Cut short, a bundle is not JSON and a list lacks its last line: nobody takes it for whole.
            let done = match format {
                Format::List => export.list().await,
                _ => export.bundle().await,
            };
            if done.is_err() {
                tracing::warn!("an export was not read to its end");
            }
        }
        .instrument(Span::current()),
    );
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

#[derive(Clone, Copy)]
enum Format {
    Stix,
    Misp,
    List,
}

struct Export {
    app: Shared,
    filter: ObjectFilter,
    at_least: Label,
    faithful: bool,
    writer: Writer,
    _permit: OwnedSemaphorePermit,
}

impl Export {
    async fn bundle(self) -> Result<(), Gone> {
        let id = self.app.core().ids.uuid();
        let mut text = format!("{{\"type\":\"bundle\",\"id\":\"bundle--{id}\",\"objects\":[");
        let mut separator = "\n";
        let mut after = None;
        while let Some((objects, last)) = self.batch(after).await? {
            let mut tape = Tape::new();
            for stored in objects {
                let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else { continue };
                text.push_str(separator);
                let overlay = stored.overlay.filter(|_| !self.faithful);
                text.push_str(&intel::with_overlay(value, overlay));
                separator = ",\n";
            }
            self.writer.send(std::mem::take(&mut text)).await?;
            after = Some(last);
        }
        text.push_str("\n]}\n");
        self.writer.send(text).await
    }

    async fn list(self) -> Result<(), Gone> {
        let now = self.app.now();
        let mut values = BTreeSet::new();
        let mut label = Label::CLEAR;
        let mut combined = 0u64;
        let mut after = None;
        while let Some((objects, last)) = self.batch(after).await? {
            let mut tape = Tape::new();
            for stored in objects {
                let Ok(value) = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT) else { continue };
                if stored.revoked || !valid_now(value, now) {
                    continue;
                }
                if !alternatives_only(value) {
                    combined += 1;
                    continue;
                }
                let named = intel::observables(value, "indicator");
                if !named.is_empty() {
                    label = label.meet(stored.label);
                    values.extend(named);
                }
            }
            after = Some(last);
        }
        // A list cannot carry a label per value, so it carries the narrowest of all.
        let heading = [format!("exported {now}"), format!("label: {label}; do not hand on more widely")];
        let (text, left_out) = lists::blocklist(&heading.each_ref().map(String::as_str), &values);
        self.writer.send(text).await?;
        let ending = format!(
            "# end; left out: {left_out} values of kinds that lists do not carry, {combined} indicators that ask for a combination\n"
        );
        self.writer.send(ending).await
    }

    /// One event holds everything, so it is made in memory, and bounded.
    async fn misp(self) -> Result<Response, Problem> {
        let mut objects = Vec::new();
        let mut after = None;
        while let Some((batch, last)) = self.read(after).await? {
            objects.extend(batch);
            if objects.len() > MAX_EVENT {
                let detail = format!("more than {MAX_EVENT} objects do not fit into one MISP event");
                return Err(Problem::new(Kind::Refused, detail).hint("narrow the filters, or export as stix"));
            }
            after = Some(last);
        }
        let event = self.app.blocking(move |app| {
            let node = app.core().node()?;
            let context = misp::ExportContext {
                uuid: app.core().ids.uuid(),
                info: format!("Export from {}", node.name),
                org_name: node.name,
                org_uuid: node.identity.uuid(),
                now: app.now(),
            };
            let mut tapes: Vec<Tape> = Vec::new();
            tapes.resize_with(objects.len(), Tape::new);
            let exported: Vec<_> = tapes
                .iter_mut()
                .zip(&objects)
                .filter_map(|(tape, stored)| {
                    let object = tape.parse(stored.raw.as_bytes(), &Limits::OBJECT).ok()?;
                    Some(misp::Exported { object, terms: terms(object), label: stored.label })
                })
                .collect();
            Ok(misp::from_stix(&exported, &context))
        });
        let (text, left_out) = event.await?;
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (HeaderName::from_static("x-shieldwall-left-out"), left_out.len().to_string()),
        ];
        Ok((headers, text).into_response())
    }

    /// The next objects and the place after which to go on; `None` at the end.
    async fn batch(&self, after: Option<VersionId>) -> Result<Option<(Vec<Stored>, VersionId)>, Gone> {
        self.read(after).await.map_err(|_| Gone)
    }

    async fn read(&self, after: Option<VersionId>) -> Result<Option<(Vec<Stored>, VersionId)>, Problem> {
        let (filter, at_least) = (self.filter.clone(), self.at_least);
        let read = self.app.read(move |app, read| {
            let mut objects = read.objects(app.core().scope, &filter, after, BATCH)?;
            let last = objects.last().map(|stored| stored.version_id);
            objects.retain(|stored| stored.label >= at_least);
            Ok(last.map(|last| (objects, last)))
        });
        read.await
    }
}

fn valid_now(indicator: Value<'_>, now: Timestamp) -> bool {
    let instant = |name| indicator.get(name).and_then(|value| value.as_str()?.parse::<Timestamp>().ok());
    instant("valid_from").is_none_or(|from| from <= now)
        && instant("valid_until").is_none_or(|until| until > now)
}

/// Whether each value that the pattern asks for suffices by itself. A list has no "and": of an address together
/// with a port it would make the address.
fn alternatives_only(indicator: Value<'_>) -> bool {
    let pattern = indicator.get("pattern").and_then(|pattern| pattern.as_str()).unwrap_or_default();
    let (mut bare, mut quoted, mut escaped) = (String::new(), false, false);
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '\'' => quoted = !quoted,
            _ if quoted => {}
            _ => bare.push(if c.is_alphanumeric() { c } else { ' ' }),
        }
    }
    !bare.split_ascii_whitespace().any(|word| matches!(word, "AND" | "FOLLOWEDBY" | "REPEATS"))
}

/// What the pattern of an indicator asks for.
fn terms(object: Value<'_>) -> Vec<misp::Term> {
    let is_stix = object.get("pattern_type").is_some_and(|kind| kind.is("stix"));
    let pattern = object.get("pattern").filter(|_| is_stix).and_then(|pattern| pattern.as_str());
    let parsed =
        pattern.and_then(|pattern| stix_pattern::parse(&pattern, &stix_pattern::Limits::default()).ok());
    let terms = parsed.as_ref().map(stix_pattern::Pattern::terms).unwrap_or_default();
    let term = |term: stix_pattern::Term<'_>| misp::Term {
        object_type: term.object_type.to_owned(),
        path: term.path,
        value: term.value.into_owned(),
    };
    // A wildcard is no value that MISP could hold.
    terms.into_iter().filter(|term| term.relation != stix_pattern::Relation::Like).map(term).collect()
}
