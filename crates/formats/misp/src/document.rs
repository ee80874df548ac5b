//! The wrappings events come in, and reading members whose JSON types vary between MISP versions.

use json::{Kind, Value};

/// Whether a document holds MISP events: one, `{"Event": …}`, `{"response": […]}`, or a list of either.
#[must_use]
pub fn detect(document: Value<'_>) -> bool {
    !events(document).is_empty()
}

/// The events of a document with their JSON pointers, in order.
#[must_use]
pub fn events(document: Value<'_>) -> Vec<(String, Value<'_>)> {
    let mut found = Vec::new();
    match (document.get("response"), document.kind()) {
        (Some(response), _) if response.kind() == Kind::Array => collect(response, "/response", &mut found),
        (Some(response), _) => found.extend(event(response, "/response")),
        (None, Kind::Array) => collect(document, "", &mut found),
        (None, _) => found.extend(event(document, "")),
    }
    found
}

fn collect<'a>(list: Value<'a>, pointer: &str, found: &mut Vec<(String, Value<'a>)>) {
    found.extend(
        list.items().enumerate().filter_map(|(place, item)| event(item, &format!("{pointer}/{place}"))),
    );
}

fn event<'a>(value: Value<'a>, pointer: &str) -> Option<(String, Value<'a>)> {
    let (event, pointer) = match value.get("Event") {
        Some(inner) => (inner, format!("{pointer}/Event")),
        None => (value, pointer.to_owned()),
    };
    // `info` is the one required member no other format's top level has beside a `uuid`.
    let shaped = event.get("info").is_some_and(|info| info.kind() == Kind::String)
        && event.get("uuid").is_some_and(|uuid| uuid.kind() == Kind::String);
    shaped.then_some((pointer, event))
}

/// A string, or a number or boolean as its text; `None` for null, empty text and structures.
pub(crate) fn text(value: Value<'_>, member: &str) -> Option<String> {
    let value = value.get(member)?;
    let text = match value.kind() {
        Kind::String => value.as_str()?.into_owned(),
        Kind::Number | Kind::Bool => value.raw().to_owned(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// `true`, `1` or `"1"`.
pub(crate) fn flag(value: Value<'_>, member: &str) -> bool {
    text(value, member).is_some_and(|text| matches!(text.as_str(), "true" | "1"))
}

/// The items of a list member with their pointers.
pub(crate) fn list<'a>(value: Value<'a>, member: &str, pointer: &str) -> Vec<(String, Value<'a>)> {
    let Some(list) = value.get(member) else { return Vec::new() };
    list.items().enumerate().map(|(place, item)| (format!("{pointer}/{member}/{place}"), item)).collect()
}
