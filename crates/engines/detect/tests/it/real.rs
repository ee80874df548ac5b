//! The public rules: every one ends in a state, and each fires on the sample that was recorded for it.
#![expect(clippy::disallowed_methods, reason = "tests read the shared data")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Arc, LazyLock};

use logs::{Format, detect};
use shieldwall_detect::{Kind, Loader, Matcher, Sigma};

use crate::alerts;

pub(crate) static RULES: LazyLock<Arc<Sigma>> = LazyLock::new(|| {
    let mut loader = Loader::new();
    for path in testkit::corpus("data/sigma", "yml") {
        loader.add(&path.display().to_string(), &fs::read_to_string(&path).unwrap());
    }
    Arc::new(loader.finish())
});

#[test]
fn every_public_rule_ends_in_a_state_and_nearly_all_can_speak() {
    let cards = RULES.cards();
    if cards.is_empty() {
        return;
    }
    let mut states = BTreeMap::<&str, usize>::new();
    cards.iter().for_each(|card| *states.entry(card.state.as_str()).or_default() += 1);
    println!("{states:?}");
    let silent: Vec<_> = cards.iter().filter(|card| card.state.as_str() != "active").collect();
    for card in &silent {
        println!("{} {}: {}", card.state.as_str(), card.title, card.state.reason());
        assert!(!card.state.reason().is_empty(), "{}", card.title);
    }
    assert!(cards.iter().all(|card| card.kind == Kind::Detection));
    // More than 99 % can match.
    assert!(silent.len() * 100 < cards.len(), "{} of {} are silent", silent.len(), cards.len());
}

#[test]
fn each_rule_fires_on_its_own_sample() {
    let mut missed = Vec::new();
    let samples: BTreeSet<_> = testkit::corpus("data/evtx", "json").into_iter().collect();
    for path in &samples {
        let id = path.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(path).unwrap();
        let found = detect(&bytes, "").unwrap();
        assert_eq!(found.format, Format::WindowsJson, "{}", path.display());
        let mut matcher = Matcher::new(Arc::clone(&RULES));
        let alerts = alerts(&mut matcher, found.format, found.framing, &bytes);
        let fired = |alert: &shieldwall_detect::Alert| {
            RULES.card(alert.rule).and_then(|card| card.id.as_ref()).is_some_and(|own| *own == id)
        };
        if !alerts.iter().any(fired) {
            missed.push(path.display().to_string());
        }
    }
    println!("{} of {} fire", samples.len() - missed.len(), samples.len());
    assert!(missed.is_empty(), "{missed:#?}");
}
