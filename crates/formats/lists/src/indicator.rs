//! From a term to a STIX 2.1 indicator, by writing its text directly: lists run to millions of values.

use std::fmt::Write;

use model::{StixId, Timestamp};
use observable::{Qualifier, Term, pattern};
use uuid::Uuid;

use crate::reader::Entry;

/// Namespace of indicator ids made from list values. Never change it: ids of earlier imports rest on it.
const NAMESPACE: Uuid = Uuid::from_u128(0x5e1d_0a11_7c5b_4f0e_9d43_61b2_08af_c7d5);

/// What all indicators of one import share.
#[derive(Debug, Clone)]
pub struct Context {
    /// The instant of import: `created`, `modified`, and `valid_from` where the list gives no earlier one.
    pub now: Timestamp,
    /// Name of the source. It is part of every id, so two sources never write versions of one object.
    pub source: String,
    /// `created_by_ref`.
    pub created_by: Option<StixId>,
    /// `object_marking_refs`.
    pub markings: Vec<StixId>,
    /// `labels`, besides the entry's own.
    pub labels: Vec<String>,
    /// `description`, before the entry's own comment.
    pub description: Option<String>,
}

/// Writes indicators. The parts they share are prepared once.
#[derive(Debug)]
pub struct Indicators {
    source: String,
    /// The creator's id, or nothing.
    creator: String,
    now: Timestamp,
    /// `,"created_by_ref":…,"created":…,"modified":…`
    head: String,
    /// `,"object_marking_refs":[…]` or nothing.
    tail: String,
    now_text: String,
    labels: String,
    description: Option<String>,
}

impl Indicators {
    /// A writer for one import.
    #[must_use]
    pub fn new(context: &Context) -> Self {
        let now_text = context.now.to_string();
        let mut head = String::new();
        if let Some(creator) = &context.created_by {
            let _ = write!(head, ",\"created_by_ref\":\"{creator}\"");
        }
        let _ = write!(head, ",\"created\":\"{now_text}\",\"modified\":\"{now_text}\"");
        let mut tail = String::new();
        if !context.markings.is_empty() {
            tail.push_str(",\"object_marking_refs\":");
            write_list(context.markings.iter().map(StixId::as_str), &mut tail);
        }
        let mut labels = String::new();
        if !context.labels.is_empty() {
            write_list(context.labels.iter().map(String::as_str), &mut labels);
        }
        Self {
            source: context.source.clone(),
            creator: context.created_by.as_ref().map(ToString::to_string).unwrap_or_default(),
            now: context.now,
            head,
            tail,
            now_text,
            labels,
            description: context.description.clone(),
        }
    }

    /// The id of a term's indicator: a UUIDv5 over kind, key, qualifier, source and creator, the same on every import and
    /// another for every organisation.
    #[must_use]
    pub fn id(&self, term: &Term) -> StixId {
        let observable = &term.observable;
        let mut name = Vec::with_capacity(observable.key().len() + self.source.len() + 8);
        name.push(observable.kind().id());
        name.extend_from_slice(observable.key().as_bytes());
        match term.qualifier {
            Qualifier::None => name.extend_from_slice(&[0, 0]),
            Qualifier::Port(port) => {
                name.extend_from_slice(&[0, 1]);
                name.extend_from_slice(&port.to_be_bytes());
            }
            Qualifier::AnyScheme => name.extend_from_slice(&[0, 2]),
        }
        name.extend_from_slice(self.source.as_bytes());
        name.push(0);
        name.extend_from_slice(self.creator.as_bytes());
        StixId::new("indicator", model::Uuid(*Uuid::new_v5(&NAMESPACE, &name).as_bytes()))
    }

    /// The indicator of one entry, as JSON text.
    ///
    /// The instants are those of this import. To keep a repeated import free of new versions, look whether the
    /// [`Indicators::id`] is already there before storing.
    #[must_use]
    pub fn render(&self, entry: &Entry) -> String {
        let term = &entry.term;
        let mut out = String::with_capacity(512);
        out.push_str("{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"");
        out.push_str(self.id(term).as_str());
        out.push('"');
        out.push_str(&self.head);
        out.push_str(",\"name\":");
        json::write_string(&name(term), &mut out);
        self.description(entry, &mut out);
        out.push_str(",\"indicator_types\":[\"malicious-activity\"],\"pattern\":");
        json::write_string(&pattern(term), &mut out);
        out.push_str(",\"pattern_type\":\"stix\",\"pattern_version\":\"2.1\",\"valid_from\":\"");
        match entry.first_seen.filter(|seen| *seen < self.now) {
            Some(seen) => {
                let _ = write!(out, "{seen}");
            }
            None => out.push_str(&self.now_text),
        }
        out.push('"');
        if let Some(confidence) = entry.confidence {
            let _ = write!(out, ",\"confidence\":{confidence}");
        }
        self.labels(entry, &mut out);
        if let Some(references) = &entry.references {
            out.push_str(",\"external_references\":[");
            for (place, url) in references.iter().enumerate() {
                out.push_str(if place > 0 { ",{\"source_name\":" } else { "{\"source_name\":" });
                json::write_string(&self.source, &mut out);
                out.push_str(",\"url\":");
                json::write_string(url, &mut out);
                out.push('}');
            }
            out.push(']');
        }
        out.push_str(&self.tail);
        out.push('}');
        out
    }

    fn description(&self, entry: &Entry, out: &mut String) {
        let text = match (&self.description, &entry.comment) {
            (Some(ours), Some(theirs)) => format!("{ours}\n{theirs}"),
            (Some(only), None) | (None, Some(only)) => only.clone(),
            (None, None) => return,
        };
        out.push_str(",\"description\":");
        json::write_string(&text, out);
    }

    fn labels(&self, entry: &Entry, out: &mut String) {
        if self.labels.is_empty() && entry.labels.is_empty() {
            return;
        }
        out.push_str(",\"labels\":");
        if entry.labels.is_empty() {
            out.push_str(&self.labels);
            return;
        }
        let shared = self.labels.strip_suffix(']');
        let mut own = String::new();
        write_list(entry.labels.iter().map(String::as_str), &mut own);
        match shared {
            Some(shared) => {
                out.push_str(shared);
                out.push(',');
                out.push_str(own.strip_prefix('[').unwrap_or(&own));
            }
            None => out.push_str(&own),
        }
    }
}

/// The value as a person would write it.
fn name(term: &Term) -> String {
    let value = term.observable.to_string();
    match term.qualifier {
        Qualifier::None => value,
        Qualifier::Port(port) if value.contains(':') => format!("[{value}]:{port}"),
        Qualifier::Port(port) => format!("{value}:{port}"),
        Qualifier::AnyScheme => value.strip_prefix("http://").map(str::to_owned).unwrap_or(value),
    }
}

fn write_list<'a>(items: impl Iterator<Item = &'a str>, out: &mut String) {
    out.push('[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(',');
        }
        json::write_string(item, out);
    }
    out.push(']');
}
