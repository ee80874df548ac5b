//! The reader against the text of the standards, and against an adversary.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it should be"
)]

extern crate shieldwall_json as json;

mod canonical;
mod edit;
mod parse;
mod read;
mod split;

use proptest::prelude::*;

/// Any JSON document, a few levels deep, with names and strings that need escapes.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::vec((text(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,12}",
        "(objects|[\\PC\\x00-\\x1f\"\\\\/{}\\[\\],:]){0,6}",
        Just("objects".to_owned()),
    ]
}

/// The same document as serde_json's tree, built through the public view.
fn rebuilt(value: json::Value<'_>) -> serde_json::Value {
    match value.kind() {
        json::Kind::Null => serde_json::Value::Null,
        json::Kind::Bool => value.as_bool().unwrap().into(),
        // serde_json's own reading of a double may be off by one in the last place.
        json::Kind::Number => value.as_i64().map_or_else(|| value.as_f64().unwrap().into(), Into::into),
        json::Kind::String => value.as_str().unwrap().into_owned().into(),
        json::Kind::Array => value.items().map(rebuilt).collect::<Vec<_>>().into(),
        json::Kind::Object => {
            let members =
                value.entries().map(|(key, value)| (key.as_str().unwrap().into_owned(), rebuilt(value)));
            members.collect::<serde_json::Map<_, _>>().into()
        }
    }
}
