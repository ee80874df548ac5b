//! Windows events in JSON, in the shapes that collectors give them.
//!
//! | Shape | Who writes it |
//! |---|---|
//! | `{"Event":{"System":{…},"EventData":{…}}}` | `evtx_dump`, hayabusa, Chainsaw; attributes as `#attributes` or `…_attributes` |
//! | `{"winlog":{"channel":…,"event_data":{…}}}` | winlogbeat |
//! | `{"Channel":…,"EventID":…,"Image":…}` | nxlog, OTRF's datasets, PowerShell's `ConvertTo-Json`; also with an object `EventData` |
//!
//! All become the same names: those of `EventData`, and of `System` as Sigma calls them (`Provider_Name`, `Computer`,
//! `EventID`). Two traps of nxlog: its `EventType` (`INFO`) takes the place of Sysmon's, which then is in the message
//! alone; and its `ProcessID` is the process of the event log, not of the event.

use std::borrow::Cow;

use json::{Kind, Value};
use model::Timestamp;

use crate::class::{Class, of_channel};
use crate::slot::{Raw, Slots, inner_span, scalar};
use crate::time::{self, Clock};

/// Which shape a record has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape<'r> {
    /// The object `Event`.
    Dump(Value<'r>),
    /// The record itself holds `System` and `EventData`.
    Bare,
    /// The object `winlog`.
    Beat(Value<'r>),
    /// All names at the top.
    Flat,
}

/// Classes whose events have an `EventType` of their own: Sysmon 12, 13, 14, 17 to 21.
const TYPED: [u16; 5] = [112, 113, 114, 117, 119];

/// Where the number of an event stands.
const NUMBERS: [&str; 3] = ["EventID", "EventId", "Event ID"];
/// Where the provider stands.
const PROVIDERS: [&str; 3] = ["Provider_Name", "SourceName", "ProviderName"];

/// Where the time of an event stands. Sysmon's own comes first: it is always UTC, while a collector's `@timestamp`
/// shifts with the zone that it was told.
const TIMES: [&str; 6] = ["UtcTime", "TimeCreated", "@timestamp", "EventTime", "SystemTime", "timestamp"];

/// The shape of a record; `None` if it is no Windows event.
pub(super) fn shape<'r>(slots: &Slots<'r>) -> Option<Shape<'r>> {
    if let Some(event) = slots.object("Event").filter(|event| event.get("System").is_some()) {
        return Some(Shape::Dump(event));
    }
    if let Some(winlog) = slots.object("winlog") {
        return Some(Shape::Beat(winlog));
    }
    if slots.object("System").is_some() && slots.has("EventData") {
        return Some(Shape::Bare);
    }
    let has = |names: &[&str]| names.iter().any(|name| slots.has(name));
    (has(&NUMBERS) && (slots.has("Channel") || has(&PROVIDERS))).then_some(Shape::Flat)
}

/// Adds an event's names to those of the record; `None` if it is no Windows event.
pub(super) fn read<'r>(
    root: Value<'r>,
    slots: &mut Slots<'r>,
    clock: &Clock,
) -> Option<(&'static Class, Option<Timestamp>)> {
    match shape(slots)? {
        Shape::Dump(event) => dump(event, slots),
        Shape::Bare => dump(root, slots),
        Shape::Beat(winlog) => {
            for (own, name) in BEAT {
                put(slots, name, winlog.get(own));
            }
            for data in ["event_data", "user_data"] {
                if let Some(data) = winlog.get(data) {
                    event_data(data, slots);
                }
            }
            let message = slots.json("message");
            put(slots, "Message", message);
        }
        Shape::Flat => {
            if let Some(data) = slots.object("EventData") {
                event_data(data, slots);
            }
        }
    }
    let first = |names: &[&str]| names.iter().find_map(|name| slots.string(name)).unwrap_or_default();
    let number = first(&NUMBERS).trim().parse().unwrap_or_default();
    let class = of_channel(first(&["Channel"]).trim(), first(&PROVIDERS).trim(), number);
    if TYPED.contains(&class.id.number()) {
        own_event_type(slots);
    }
    let time = TIMES.iter().find_map(|name| {
        let utc = Clock { zone: 0, ..*clock };
        time::of(slots.get(name)?, if *name == "UtcTime" { &utc } else { clock })
    });
    Some((class, time))
}

fn put<'r>(slots: &mut Slots<'r>, name: &'static str, value: Option<Value<'r>>) {
    if let Some(value) = value {
        slots.put(name, Raw::Json(value));
    }
}

/// The parts of an `Event`.
fn dump<'r>(event: Value<'r>, slots: &mut Slots<'r>) {
    for (name, part) in event.entries() {
        match name.as_plain() {
            Some("System") => system(part, slots),
            Some("EventData") => event_data(part, slots),
            Some("UserData") => user_data(part, slots),
            Some("RenderingInfo") => put(slots, "Message", part.get("Message")),
            _ => {}
        }
    }
}

/// Winlogbeat's names for what `System` holds.
const BEAT: [(&str, &str); 9] = [
    ("channel", "Channel"),
    ("event_id", "EventID"),
    ("provider_name", "Provider_Name"),
    ("computer_name", "Computer"),
    ("record_id", "EventRecordID"),
    ("task", "Task"),
    ("opcode", "Opcode"),
    ("level", "Level"),
    ("keywords", "Keywords"),
];

/// The members of `System`, as Sigma calls them.
fn system<'r>(system: Value<'r>, slots: &mut Slots<'r>) {
    for (name, value) in system.entries() {
        let Some(plain) = name.as_plain() else { continue };
        let attribute =
            |of: &str| value.get("#attributes").and_then(|all| all.get(of)).or_else(|| value.get(of));
        match plain {
            "Provider" | "Provider_attributes" => put(slots, "Provider_Name", attribute("Name")),
            "TimeCreated" | "TimeCreated_attributes" => put(slots, "TimeCreated", attribute("SystemTime")),
            "Security" | "Security_attributes" => put(slots, "UserID", attribute("UserID")),
            _ if plain.ends_with("_attributes") => {}
            _ => slots.member(name, content(value)),
        }
    }
}

/// The members of `EventData`. Values without names are `Data`; those with names in attributes get these.
fn event_data<'r>(data: Value<'r>, slots: &mut Slots<'r>) {
    for (name, value) in data.entries() {
        match name.as_plain() {
            Some("#attributes" | "@xmlns") => {}
            Some(plain) if attributes(plain, value) => {}
            Some("Data") => {
                let content = content(value);
                let mut named = false;
                for item in content.items() {
                    if let (Some(own), Some(text)) =
                        (own_name(item), item.get("#text").or_else(|| item.get("Value")))
                    {
                        slots.member(own, text);
                        named = true;
                    }
                }
                if !named {
                    slots.member(name, content);
                }
            }
            _ => slots.member(name, content(value)),
        }
    }
    if data.kind() == Kind::Array || data.kind() == Kind::String {
        slots.put("Data", Raw::Json(data));
    }
}

/// The members of `UserData`, which stand one level deeper, below the name of their schema.
fn user_data<'r>(data: Value<'r>, slots: &mut Slots<'r>) {
    for (name, value) in data.entries() {
        let own = name.as_plain().is_some_and(|plain| plain == "#attributes" || attributes(plain, value));
        if value.kind() == Kind::Object && !own {
            event_data(value, slots);
        }
    }
}

/// Whether a member holds the attributes of another one, as converters write that keep them apart.
fn attributes(name: &str, value: Value<'_>) -> bool {
    name.ends_with("_attributes") && value.kind() == Kind::Object
}

/// The name of an item of `Data`: its attribute `Name`, as different converters write attributes.
fn own_name(item: Value<'_>) -> Option<Value<'_>> {
    let direct = ["@Name", "Name", "_Name"].iter().find_map(|name| item.get(name));
    direct.or_else(|| item.get("#attributes")?.get("Name"))
}

/// A value without its attributes: `{"#attributes":…,"#text":7045}` is 7045.
fn content(value: Value<'_>) -> Value<'_> {
    if value.kind() == Kind::Object { value.get("#text").unwrap_or(value) } else { value }
}

/// Puts Sysmon's own `EventType` where nxlog wrote its own; takes it away where nobody can say what it was.
fn own_event_type(slots: &mut Slots<'_>) {
    if slots.string("EventType").as_deref() != Some("INFO") {
        return;
    }
    let message = slots.json("Message");
    let own = message.and_then(|message| {
        let text = scalar(message)?;
        let after = text.split("EventType: ").nth(1)?;
        let own = after.split(['\r', '\n']).next()?.trim().to_owned();
        (!own.is_empty()).then(|| Raw::Text(Cow::Owned(own), inner_span(message)))
    });
    slots.replace("EventType", own);
}
