//! Patterns from the standard, and from people who mean harm.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod asked;
mod binding;
mod comparison;
mod hostile;
mod properties;
mod real;
mod syntax;
mod terms;

use json::{Limits as JsonLimits, Tape};
use shieldwall_stix_pattern::{Limits, Matcher, Observations, Pattern, PatternError, parse};

/// Plenty for every small example.
const BUDGET: u64 = 1_000_000;

fn valid(text: &str) -> Pattern {
    match parse(text, &Limits::default()) {
        Ok(pattern) => pattern,
        Err(errors) => panic!("{text}\n{errors:#?}"),
    }
}

fn errors(text: &str) -> Vec<PatternError> {
    match parse(text, &Limits::default()) {
        Ok(pattern) => panic!("{text} is valid: {pattern}"),
        Err(errors) => errors,
    }
}

/// Reads a JSON array of objects.
fn observations(text: &str) -> Observations {
    let mut tape = Tape::new();
    let value =
        tape.parse(text.as_bytes(), &JsonLimits::DOCUMENT).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Observations::from_objects(value.items())
}

fn first_match(pattern: &str, observations: &Observations) -> Option<Vec<usize>> {
    Matcher::new(&valid(pattern)).unwrap().first_match(observations, BUDGET).unwrap()
}

#[test]
fn matchers_and_observations_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Matcher>();
    shared::<Observations>();
    shared::<Pattern>();
}
