//! The rules between properties.

use json::Value;
use model::Timestamp;

use super::place::Place;
use crate::schema::{Rule, Shape, Test};
use crate::validate::Walk;

impl<'a> Walk<'_, 'a> {
    /// Reports a breach of a rule; `seen` has a bit for each property of the shape that is present.
    #[inline]
    pub(crate) fn rule(
        &mut self,
        rule: &'static Rule,
        value: Value<'a>,
        shape: &'static Shape,
        seen: u64,
        place: &Place<'_>,
    ) {
        let broken = match breach(&rule.test, value, shape, seen) {
            Breach::None => return,
            Breach::Whole => *place,
            Breach::At(name) => place.name(name),
        };
        self.report(rule.severity, &broken, shape.section, rule.name, rule.message.to_owned());
    }
}

/// Where a rule is broken.
enum Breach {
    None,
    /// Something is missing from the object.
    Whole,
    /// This property should not be there, or not so.
    At(&'static str),
}

fn breach(test: &Test, value: Value<'_>, shape: &'static Shape, seen: u64) -> Breach {
    let has = |name: &str| shape.find(name).is_some_and(|(index, _)| seen & (1 << index) != 0);
    let states =
        |name: &str, state: bool| has(name) && value.get(name).and_then(|v| v.as_bool()) == Some(state);
    let text = |name: &str| value.get(name).and_then(|value| value.as_str());
    let instant = |name: &str| text(name)?.parse::<Timestamp>().ok();
    let all = |names: &[&str]| names.iter().all(|name| has(name));
    let whole = |broken: bool| if broken { Breach::Whole } else { Breach::None };
    let first = |names: &'static [&'static str]| {
        names.iter().find(|name| has(name)).map_or(Breach::None, |name| Breach::At(name))
    };
    match *test {
        Test::AnyOf(names) => whole(!names.iter().any(|name| has(name))),
        Test::AnyBut(names) => whole(!value.entries().any(|(key, _)| !names.iter().any(|name| key.is(name)))),
        Test::Requires(name, others) => whole(has(name) && !all(others)),
        Test::RequiresWhen(name, state, others) => whole(states(name, state) && !all(others)),
        Test::ForbidsWhen(name, state, others) if states(name, state) => first(others),
        Test::NotBoth(a, b) if has(a) && has(b) => Breach::At(b),
        Test::Absent(names) => first(names),
        Test::Order(early, late, strict) if has(early) && has(late) => {
            match (instant(early), instant(late)) {
                (Some(a), Some(b)) if a > b || strict && a == b => Breach::At(late),
                _ => Breach::None,
            }
        }
        Test::PrefixWhen(name, content, other, prefix) if has(other) => {
            let concerned = text(name).is_some_and(|text| text == content);
            if concerned && text(other).is_some_and(|text| !text.starts_with(prefix)) {
                Breach::At(other)
            } else {
                Breach::None
            }
        }
        Test::ForbidsWhen(..) | Test::NotBoth(..) | Test::Order(..) | Test::PrefixWhen(..) => Breach::None,
    }
}
