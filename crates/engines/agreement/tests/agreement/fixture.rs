//! Parties without keys, and texts made from templates.

use std::collections::BTreeMap;

use model::{Digest, Severity};
use shieldwall_agreement::templates::{instantiate, template};
use shieldwall_agreement::{Problem, Terms};

/// A digest that is easy to tell from others.
pub(crate) fn hex(byte: u8) -> Digest {
    Digest([byte; 32])
}

/// Values for every placeholder that has no default.
pub(crate) fn values(name: &str) -> BTreeMap<String, String> {
    let places = template(name).unwrap().places();
    let value = |place: &str| -> String {
        let (owner, what) = place.rsplit_once('_').unwrap_or(("", place));
        let number = match owner {
            "a" | "aus" => 1,
            "b" | "can" => 2,
            "c" | "gbr" => 3,
            "nzl" => 4,
            _ => 5,
        };
        match what {
            "start" => "2026-01-01".into(),
            "review" => "2026-07-01".into(),
            "expiry" => "2027-01-01".into(),
            "from" => "2025-01-01".into(),
            "until" => "2028-01-01".into(),
            "key" => format!("p{number}"),
            "name" => format!("Organisation {number}"),
            "id" => hex(number).to_string(),
            "epoch" => hex(number + 100).to_string(),
            "country" => ["", "LV", "EE", "LTU"][usize::from(number)].into(),
            "identity" => format!("identity--00000000-0000-4000-8000-00000000000{number}"),
            "sector" => "energy".into(),
            "exercise" => "northern-lights".into(),
            _ => panic!("no value for {place}"),
        }
    };
    let needed = places.iter().filter(|place| place.default.is_none());
    needed.map(|place| (place.name.to_owned(), value(place.name))).collect()
}

/// A filled-in template.
pub(crate) fn text(name: &str) -> String {
    instantiate(name, &values(name)).unwrap()
}

/// A filled-in template's terms.
pub(crate) fn terms(name: &str) -> Terms {
    parse(&text(name))
}

#[track_caller]
pub(crate) fn parse(text: &str) -> Terms {
    Terms::parse_toml(text).unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

pub(crate) fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// The errors of a text as `line path: message`.
pub(crate) fn errors(text: &str) -> Vec<String> {
    told(text, Severity::Error)
}

pub(crate) fn told(text: &str, severity: Severity) -> Vec<String> {
    let problems = Terms::read_toml(text).problems;
    let some = problems.iter().filter(|problem| problem.severity == severity);
    some.map(|p| format!("{} {}: {}", p.line, p.pointer, p.message)).collect()
}
