//! Handling of objects: markings, tear-lines, comparison by meaning and the upgrade from STIX 2.0.
#![expect(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::path::PathBuf;

use json::{Limits, Tape, Value};
use model::{Finding, Severity};
use shieldwall_stix::marking::Meaning;
use shieldwall_stix::{Checks, validate};

mod markings;
mod meaning;
mod tear_lines;
mod upgrades;

const RED: &str = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed";
const AMBER: &str = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82";
const GREEN: &str = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da";
const WHITE: &str = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9";
const STRICT: &str = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003";
/// A statement, as far as the tests' resolver knows.
const STATEMENT: &str = "marking-definition--d81f86b9-975b-4c0b-875e-810c5ad45a4f";
/// Nobody knows this one.
const STRANGE: &str = "marking-definition--11111111-1111-4111-8111-111111111111";

/// Puts the ids above in the place of `$RED` and so on.
fn fill(text: &str) -> String {
    let names = [
        ("$RED", RED),
        ("$AMBER", AMBER),
        ("$GREEN", GREEN),
        ("$WHITE", WHITE),
        ("$STRICT", STRICT),
        ("$STATEMENT", STATEMENT),
        ("$STRANGE", STRANGE),
    ];
    names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

fn with<T>(text: &str, act: impl FnOnce(Value<'_>) -> T) -> T {
    let mut tape = Tape::new();
    act(tape.parse(fill(text).as_bytes(), &Limits::OBJECT).unwrap())
}

fn errors(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    with(text, |value| drop(validate(value, &Checks::default(), &mut findings)));
    findings.iter().filter(|f| f.severity == Severity::Error).map(Finding::to_string).collect()
}

fn resolve(id: &str) -> Option<Meaning> {
    (id == STATEMENT).then_some(Meaning::Statement)
}

/// The objects of a bundle in the shared data beside the workspace; `None`, with the reason printed, where
/// it is absent outside CI.
#[expect(clippy::disallowed_methods, reason = "a test reads the data it tests with")]
fn shared(path: &str) -> Option<Vec<String>> {
    let root = std::env::var_os("SHIELDWALL_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared")),
        PathBuf::from,
    );
    let path = root.join("data").join(path);
    let Ok(text) = std::fs::read(&path) else {
        assert!(std::env::var_os("CI").is_none(), "`{}` is missing", path.display());
        println!("skipped: `{}` is missing", path.display());
        return None;
    };
    let mut tape = Tape::new();
    let bundle = tape.parse(&text, &Limits::DOCUMENT).unwrap();
    Some(bundle.get("objects").unwrap().items().map(|object| object.raw().to_owned()).collect())
}
