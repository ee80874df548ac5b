//! Export: what is held, in a form others read.
//!
//! Without a recipient it is a copy for this organisation itself, made by one of its own. With one it is a departure:
//! each object is decided on, what leaves is booked before the first byte does, and what no officer has signed for
//! leaves up to TLP:GREEN only.

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
use crate::auth::{By, Caller};
use crate::extract::Query;
use crate::problem::{Kind, Problem};
use crate::stream::{self, Gone, Writer};

/// Objects read at once; at eight megabytes each they still fit into memory.
const BATCH: usize = 32;
/// Objects in one MISP event at most.
const MAX_EVENT: usize = 10_000;
/// Objects that leave in one export at most: what is booked is kept in mind until it has left.
const MOST_LEAVING: usize = 100_000;
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
    /// Who outside this organisation is to have it. Then only newest versions up to TLP:GREEN leave, without personal
    /// data, and the ledger says so.
    recipient: Option<String>,
    /// With `recipient`: what for, as a purpose's name such as `incident-response`.
    purpose: Option<String>,
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
            ("recipient", self.recipient.as_deref()),
            ("purpose", self.purpose.as_deref()),
        ];
        let given = words.iter().filter_map(|(name, word)| word.map(|word| format!("{name}={word}")));
        given.collect::<Vec<_>>().join(" ")
    }

    /// Whom it is for and what for, when it is to leave this organisation.
    fn departure(&self) -> Result<Option<(String, String)>, Problem> {
        let (recipient, purpose) = match (&self.recipient, &self.purpose) {
            (None, None) => return Ok(None),
            (Some(recipient), Some(purpose)) => (recipient.trim(), purpose.trim()),
            _ => {
                return Err(Problem::bad("`recipient` and `purpose` belong together").hint(
                    "say for whom and what for, or neither for a copy that stays in this organisation",
                ));
            }
        };
        if recipient.is_empty() || recipient.len() > 200 || recipient.chars().any(char::is_control) {
            return Err(Problem::bad("`recipient` is 1 to 200 bytes without control characters"));
        }
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=64).contains(&purpose.len()) || !purpose.chars().all(word) {
            return Err(Problem::bad(
                "`purpose` is 1 to 64 of a-z, 0-9 and `-`, such as `incident-response`",
            ));
        }
        if self.faithful == Some(true) || self.all_versions == Some(true) {
            return Err(Problem::bad("what leaves is the newest version, with its label")
                .hint("leave out `faithful` and `all_versions`, or `recipient` for a copy that stays here"));
        }
        Ok(Some((recipient.to_owned(), purpose.to_owned())))
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
    By(caller): By,
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
    let departure = query.departure()?;
    let asked = query.asked();
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
    let selection = Selection { filter, at_least, faithful };
    // Who made it, and of what, is kept before the first byte goes out.
    let leaving = match departure {
        None => {
            app.write(move |app, tx| {
                let tenant = app.core().scope.tenant;
                app.core().book_access(tx, caller.role().as_str(), "export")?;
                Ok(tx.audit(tenant, app.now(), caller.name(), "export", &asked, "")?)
            })
            .await?;
            None
        }
        Some((recipient, purpose)) => {
            Some(depart(&app, &caller, &selection, &recipient, purpose, asked).await?)
        }
    };
    let withheld = leaving.as_ref().map(|leaving| leaving.withheld);
    let (writer, body) = stream::channel(QUEUE, app.settings.stall_timeout);
    let export = Export { app, selection, leaving, writer, _permit: permit };
    let media_type = match format {
        Format::Stix => "application/stix+json;version=2.1",
        Format::Misp => return Ok(counted(export.misp().await?, withheld)),
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
    Ok(counted(response, withheld))
}

/// Says how many objects that the filters let through do not leave.
fn counted(mut response: Response, withheld: Option<u64>) -> Response {
    if let Some(withheld) = withheld {
        response.headers_mut().insert("x-shieldwall-withheld", HeaderValue::from(withheld));
    }
    response
}

/// Which objects are meant.
#[derive(Clone)]
struct Selection {
    filter: ObjectFilter,
    at_least: Label,
    faithful: bool,
}

/// What leaves this organisation: nothing that was not booked.
struct Leaving {
    purpose: String,
    booked: BTreeSet<VersionId>,
    withheld: u64,
}

/// Decides on everything that is meant, and books what leaves.
async fn depart(
    app: &Shared,
    caller: &Arc<Caller>,
    selection: &Selection,
    recipient: &str,
    purpose: String,
    asked: String,
) -> Result<Leaving, Problem> {
    // Without keys there is nobody to answer for it, and no ledger to show.
    app.core().party()?;
    let (mut left, mut leaving) = (Vec::new(), Leaving { purpose, booked: BTreeSet::new(), withheld: 0 });
    let mut after = None;
    loop {
        let (selection, purpose) = (selection.clone(), leaving.purpose.clone());
        let batch = app.read(move |app, read| {
            let mut objects = read.objects(app.core().scope, &selection.filter, after, BATCH)?;
            let last = objects.last().map(|stored| stored.version_id);
            objects.retain(|stored| stored.label >= selection.at_least);
            let mut decided = Vec::with_capacity(objects.len());
            for stored in objects {
                let outgoing = app.core().for_export(read, &stored, &purpose)?;
                decided.push((stored.version_id, stored.id, outgoing.ok()));
            }
            Ok(last.map(|last| (decided, last)))
        });
        let Some((decided, last)) = batch.await? else { break };
        for (version, id, outgoing) in decided {
            match outgoing {
                None => leaving.withheld += 1,
                Some(outgoing) => {
                    leaving.booked.insert(version);
                    left.push((id, outgoing.facts, outgoing.redacted));
                }
            }
        }
        if left.len() > MOST_LEAVING {
            let detail = format!("more than {MOST_LEAVING} objects do not leave in one export");
            return Err(Problem::new(Kind::Refused, detail).hint("narrow the filters"));
        }
        after = Some(last);
    }
    let (caller, recipient, purpose) = (Arc::clone(caller), recipient.to_owned(), leaving.purpose.clone());
    app.write(move |app, tx| {
        app.core().book_export(tx, &recipient, &purpose, &left)?;
        let target = format!("{asked} objects={}", left.len());
        Ok(tx.audit(app.core().scope.tenant, app.now(), caller.name(), "export.depart", &target, &purpose)?)
    })
    .await?;
    Ok(leaving)
}

#[derive(Clone, Copy)]
enum Format {
    Stix,
    Misp,
    List,
}

struct Export {
    app: Shared,
    selection: Selection,
    leaving: Option<Leaving>,
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
                let overlay = stored.overlay.filter(|_| !self.selection.faithful);
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
        let selection = self.selection.clone();
        let leaving = self.leaving.as_ref().map(|leaving| leaving.purpose.clone());
        let read = self.app.read(move |app, read| {
            let mut objects = read.objects(app.core().scope, &selection.filter, after, BATCH)?;
            let last = objects.last().map(|stored| stored.version_id);
            objects.retain(|stored| stored.label >= selection.at_least);
            let Some(purpose) = leaving else { return Ok(last.map(|last| (objects, last))) };
            let mut texts = Vec::with_capacity(objects.len());
            for stored in objects {
                // Asked once more: it may have been narrowed, or taken back, since it was booked.
                if let Ok(outgoing) = app.core().for_export(read, &stored, &purpose)? {
                    texts.push(Stored { raw: outgoing.text, overlay: None, ..stored });
                }
            }
            Ok(last.map(|last| (texts, last)))
        });
        let batch = read.await?;
        Ok(batch.map(|(mut objects, last)| {
            if let Some(leaving) = &self.leaving {
                objects.retain(|stored| leaving.booked.contains(&stored.version_id));
            }
            (objects, last)
        }))
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
