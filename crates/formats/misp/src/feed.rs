//! The index files of a MISP feed: `manifest.json` says which events there are, `hashes.csv` which values they hold.

use json::{Kind, Value};
use model::{Finding, Severity, Timestamp, Uuid};

use crate::document::text;
use crate::when;

/// One event a feed offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// The event's UUID: its file is `<uuid>.json`.
    pub uuid: Uuid,
    /// Its last change; `None` when not given or not readable.
    pub timestamp: Option<Timestamp>,
    /// Its title; may be empty.
    pub info: String,
}

/// Whether a document is the manifest of a feed: an object keyed by event UUIDs.
#[must_use]
pub fn is_feed_manifest(document: Value<'_>) -> bool {
    document.kind() == Kind::Object
        && document.entries().next().is_some_and(|(key, value)| {
            key.as_str().is_some_and(|key| key.parse::<Uuid>().is_ok()) && value.get("info").is_some()
        })
}

/// The events of a manifest, oldest change first, so that a fetch that stops half-way can go on from there. A name that
/// is no UUID is refused: it would become part of an address.
#[must_use]
pub fn feed_manifest(document: Value<'_>) -> (Vec<FeedEvent>, Vec<Finding>) {
    let (mut events, mut findings) = (Vec::new(), Vec::new());
    for (key, value) in document.entries() {
        let name = key.as_str().unwrap_or_default();
        match name.parse() {
            Ok(uuid) => events.push(FeedEvent {
                uuid,
                timestamp: text(value, "timestamp").as_deref().and_then(when::from_epoch),
                info: text(value, "info").unwrap_or_default(),
            }),
            Err(_) => findings.push(Finding::new(
                Severity::Error,
                "misp-feed/manifest",
                format!("/{}", json::escape_pointer(&name)),
                format!("`{name}` is not an event's UUID; the entry is left out"),
            )),
        }
    }
    events.sort_by_key(|event| (event.timestamp, event.uuid));
    (events, findings)
}

/// The lines of `hashes.csv`: MD5 of a value, and the event that holds it. Lines of another form are counted.
#[must_use]
pub fn feed_hashes(text: &str) -> (Vec<([u8; 16], Uuid)>, usize) {
    let (mut hashes, mut refused) = (Vec::new(), 0);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parsed = line
            .split_once(',')
            .and_then(|(hash, uuid)| Some((md5(hash.trim())?, uuid.trim().parse().ok()?)));
        match parsed {
            Some(pair) => hashes.push(pair),
            None => refused += 1,
        }
    }
    (hashes, refused)
}

fn md5(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}
