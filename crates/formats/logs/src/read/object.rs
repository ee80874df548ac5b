//! Records that are JSON objects: Suricata's EVE, Zeek's JSON, Windows events, audit logs of clouds, anything else.
//!
//! The format that was detected for a source is a hint and no more: shippers mix logs, so each record shows what it is.

use std::borrow::Cow;

use json::{Kind, Limits, Names, Tape, Value};

use super::{Line, Parsed, windows};
use crate::class::{Class, GENERIC, guess_stream, of_event_type, of_members, of_stream};
use crate::counts::{Malformed, Reason};
use crate::detect::Format;
use crate::slot::Slots;
use crate::time;

/// Bounds on one record. A record that had to be repaired is longer than it came.
pub(crate) const LIMITS: Limits =
    Limits { bytes: 4 << 20, values: 20_000, names: Names::First, ..Limits::OBJECT };

/// Objects that shippers wrap records in: Elasticsearch's exports, Splunk's.
const WRAPPERS: [&str; 2] = ["_source", "result"];

/// Where the time of a record of any kind may stand, best first.
pub(super) const TIMES: [&str; 22] = [
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "eventTime",
    "event_time",
    "published",
    "TimeGenerated",
    "CreationTime",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "created_at",
    "createdDateTime",
    "activityDateTime",
    "utc_time",
    "isotimestamp",
    "dateTime",
    "datetime",
    "date",
    "_time",
    "Timestamp",
    "createdAt",
];

/// Reads a record; `stream` is Zeek's, where only the file's name says it.
pub(super) fn read<'r>(
    tape: &'r mut Tape,
    line: Line<'r>,
    format: Format,
    stream: Option<&str>,
) -> Result<Parsed<'r>, Malformed> {
    let root = tape.parse(line.text.as_bytes(), &LIMITS)?;
    if root.kind() != Kind::Object {
        let message = format!("the record is a JSON {}", root.kind().as_str());
        return Err(Malformed::new(Reason::NotAnObject, 0, message));
    }
    let mut slots = Slots::with_capacity(64);
    slots.members(root);
    for wrapper in WRAPPERS {
        if let Some(inner) = slots.object(wrapper) {
            slots.members(inner);
        }
    }
    if let Some(read) = windows::read(root, &mut slots, &line.clock) {
        return Ok(Parsed { class: read.0, time: read.1, root: Some(root), slots, base: 0 });
    }
    let class = classify(&slots, format, stream);
    let time = TIMES.iter().find_map(|name| time::of(slots.get(name)?, &line.clock));
    Ok(Parsed { class, time, root: Some(root), slots, base: 0 })
}

/// What a record is that is no Windows event.
fn classify(slots: &Slots<'_>, format: Format, stream: Option<&str>) -> &'static Class {
    if let Some(class) = eve(slots) {
        return class;
    }
    if let Some(stream) = zeek(slots) {
        return of_stream(&stream);
    }
    if format == Format::ZeekJson || (slots.has("ts") && slots.has("uid")) {
        return stream.map_or_else(|| guess_stream(slots), of_stream);
    }
    of_members(slots).unwrap_or(&GENERIC)
}

/// The class of a record that Suricata wrote.
fn eve(slots: &Slots<'_>) -> Option<&'static Class> {
    let event_type = slots.string("event_type")?;
    if !slots.has("timestamp") {
        return None;
    }
    of_event_type(&event_type)
}

/// The stream that a record of Zeek's names.
fn zeek<'s>(slots: &'s Slots<'_>) -> Option<Cow<'s, str>> {
    slots.has("ts").then_some(())?;
    ["_path", "@stream", "#stream"].iter().find_map(|name| slots.string(name))
}

/// Which format of JSON a record shows.
pub(crate) fn shape_of(root: Value<'_>) -> Format {
    let mut slots = Slots::with_capacity(64);
    slots.members(root);
    if windows::shape(&slots).is_some() {
        Format::WindowsJson
    } else if eve(&slots).is_some() {
        Format::EveJson
    } else if zeek(&slots).is_some() || (slots.has("ts") && (slots.has("uid") || slots.has("id.orig_h"))) {
        Format::ZeekJson
    } else if of_members(&slots).is_some_and(|class| class.product == "aws") {
        Format::CloudTrail
    } else {
        Format::JsonLines
    }
}
