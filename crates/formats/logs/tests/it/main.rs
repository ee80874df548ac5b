//! Every format by its own documents, what must be borne, and the real logs.
#![expect(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod detection;
mod formats;
mod hostile;
mod real;
mod windows;

use model::Timestamp;
use shieldwall_logs::{Event, Field, Format, Reader, Settings};

/// The present of every test.
fn now() -> Timestamp {
    "2024-06-01T00:00:00Z".parse().unwrap()
}

/// Reads one record that must be one.
#[track_caller]
fn with<T>(format: Format, record: &str, act: impl FnOnce(&Event<'_>) -> T) -> T {
    let mut reader = Reader::new(format, Settings::default());
    let event = reader.read(record.as_bytes(), now()).unwrap().unwrap();
    act(&event)
}

/// A value as text; several in brackets.
fn text(field: &Field<'_>) -> String {
    match field {
        Field::List(all) => format!("[{}]", all.iter().map(text).collect::<Vec<_>>().join(", ")),
        Field::Object(value) => value.raw().to_owned(),
        Field::Null => "null".to_owned(),
        other => other.as_text().unwrap_or_default().into_owned(),
    }
}

fn value(event: &Event<'_>, name: &str) -> Option<String> {
    event.field(name).as_ref().map(text)
}

/// What an event names, as `kind text`, with the port behind it.
fn sights(event: &Event<'_>) -> Vec<String> {
    let mut out = Vec::new();
    event.observables(&mut |seen| {
        let port = seen.port.map(|port| format!(" :{port}")).unwrap_or_default();
        out.push(format!("{} {}{port}", seen.kind, seen.text));
    });
    out
}

/// A record's class, its time (empty for none) and some of its fields. Where a value has no escapes and is one, it also
/// stands where the event says.
#[track_caller]
fn check(format: Format, record: &str, class: u16, time: &str, fields: &[(&str, &str)]) {
    with(format, record, |event| {
        assert_eq!(event.class.number(), class, "{}", event.class.class().name);
        assert_eq!(event.time.map(|time| time.to_string()).unwrap_or_default(), time);
        for (name, expect) in fields {
            let found = value(event, name).unwrap_or_else(|| format!("no `{name}`"));
            assert_eq!(found, *expect, "{name}");
            if let Some(span) = event.span(name)
                && !found.starts_with('[')
                && span.len() == found.len()
            {
                assert_eq!(event.raw.get(span), Some(found.as_bytes()), "{name}");
            }
        }
    });
}

/// In which order they come is left open.
#[track_caller]
fn check_sights(format: Format, record: &str, expect: &[&str]) {
    with(format, record, |event| {
        let (mut found, mut expect) = (sights(event), expect.to_vec());
        found.sort();
        expect.sort_unstable();
        assert_eq!(found, expect);
    });
}
