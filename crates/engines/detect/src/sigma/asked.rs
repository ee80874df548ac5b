//! An event as the rules' engine asks for it.

use std::borrow::Cow;

use logs::{Event, Field};
use rsigma_eval::EventValue;

/// Lends an event to the engine: nothing is copied but what is compared.
pub(super) struct Asked<'a, 'r>(pub(super) &'a Event<'r>);

impl rsigma_eval::Event for Asked<'_, '_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        self.0.field(path).map(value)
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        self.0.strings(&mut |text| pred(text))
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        let mut all = Vec::new();
        self.0.strings(&mut |text| {
            all.push(Cow::Owned(text.to_owned()));
            false
        });
        all
    }

    fn visit_string_values(&self, visit: &mut dyn FnMut(&str)) {
        self.0.strings(&mut |text| {
            visit(text);
            false
        });
    }

    fn to_json(&self) -> serde_json::Value {
        // Asked for by rules that want the whole event beside the match: the raw record is kept anyway.
        serde_json::from_slice(self.0.raw).unwrap_or_default()
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        self.0.names(visit)
    }
}

fn value(field: Field<'_>) -> EventValue<'_> {
    match field {
        Field::Text(text) => EventValue::Str(text),
        Field::Integer(number) => EventValue::Int(number),
        Field::Float(number) => EventValue::Float(number),
        Field::Bool(truth) => EventValue::Bool(truth),
        Field::Null => EventValue::Null,
        Field::List(all) => EventValue::Array(all.into_iter().map(value).collect()),
        // Rules compare members, never a whole object.
        Field::Object(object) => EventValue::Str(Cow::Owned(object.raw().to_owned())),
    }
}
