//! What is told: pairs one by one, and what most machines call once for all of them.

use std::collections::BTreeMap;

use super::{Beacon, Beacons, HOUR, MAX_ALERTS, Source, keep_highest};
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::config::BeaconConfig;
use crate::connection::{Key, Pair};
use crate::prevalence::{Census, Destination, Prevalence, destination};
use crate::score::{self, Span};
use crate::track::Track;

/// Who calls a common destination, where an alert names one.
const MANY: &str = "many machines";

/// Something to tell.
#[derive(Debug)]
struct Found {
    /// A pair; of a common destination the most regular one.
    beacon: Beacon,
    /// How many pairs of a common destination it stands for.
    alike: Option<usize>,
}

/// The pairs of a common destination that only its prevalence keeps from being told.
struct Alike<'k> {
    /// The highest mean of parts.
    mean: f64,
    /// Whose it is.
    key: &'k Key,
    track: &'k Track,
    pairs: usize,
    /// How many of the pairs were told within the window.
    told: usize,
}

impl Beacons {
    /// The pairs that look like beacons and were not told within the window; at most [`MAX_ALERTS`].
    ///
    /// Pairs that only their prevalence keeps below `min_score` are told together, once for their destination: what
    /// most machines call is a service of the house, or something that has most of them. They are told again when they
    /// are more than twice as many as were told.
    ///
    /// All pairs of a source are scored at most once for each hour of its events, so asking often costs nothing.
    pub fn take_alerts(&mut self) -> Vec<Anomaly> {
        let (window, width) = (self.config.window(), self.width());
        let mut found = Vec::new();
        for (name, source) in &mut self.sources {
            let span = source.span(window);
            let (from, until) = span.seconds();
            let early = until - from < i64::from(self.config.after_hours) * HOUR;
            if early || source.scored.is_some_and(|scored| source.last - scored < HOUR) {
                continue;
            }
            source.scored = Some(source.last);
            source.find(name, span, width, &self.config, &mut found);
        }
        keep_highest(&mut found, MAX_ALERTS, |found| &found.beacon);
        for found in &found {
            if let Some(source) = self.sources.get_mut(&found.beacon.pair.source) {
                source.mark(found, width, &self.config);
            }
        }
        found.into_iter().map(|found| found.into_anomaly(self.config.min_score)).collect()
    }
}

impl Source {
    /// Looks for what is to be told.
    fn find(&self, name: &str, span: Span, width: i64, rules: &BeaconConfig, found: &mut Vec<Found>) {
        let census = Census::of(&self.pairs, span, width, rules);
        let mut add = |beacon, alike| {
            found.push(Found { beacon, alike });
            if found.len() >= 2 * MAX_ALERTS {
                keep_highest(found, MAX_ALERTS, |found| &found.beacon);
            }
        };
        let mut common: BTreeMap<Destination<'_>, Alike<'_>> = BTreeMap::new();
        for (key, track) in &self.pairs {
            let prevalence = census.prevalence(key);
            let told = track.told.is_some_and(|told| self.last - told < rules.window());
            if told && !prevalence.common(rules) {
                continue;
            }
            let Ok(score) = score::of(track, span, width, rules, prevalence) else { continue };
            if score.total >= rules.min_score {
                if !told {
                    add(Beacon { pair: Pair::new(name, key), score }, None);
                }
            } else if score.mean >= rules.min_score {
                let mean = score.mean;
                let empty = || Alike { mean, key, track, pairs: 0, told: 0 };
                let alike = common.entry(destination(key)).or_insert_with(empty);
                alike.pairs += 1;
                alike.told += usize::from(told);
                if mean > alike.mean {
                    (alike.mean, alike.key, alike.track) = (mean, key, track);
                }
            }
        }
        for Alike { key, track, pairs, told, .. } in common.into_values() {
            if told * 2 < pairs
                && let Ok(score) = score::of(track, span, width, rules, census.prevalence(key))
            {
                add(Beacon { pair: Pair::new(name, key), score }, Some(pairs));
            }
        }
    }

    /// Remembers what is told: the pair, or each that a destination is told for.
    fn mark(&mut self, found: &Found, width: i64, rules: &BeaconConfig) {
        let key = found.beacon.pair.key();
        if found.alike.is_none() {
            if let Some(track) = self.pairs.get_mut(&key) {
                track.told = Some(self.last);
            }
            return;
        }
        let span = found.beacon.score.inputs.span;
        for (other, track) in &mut self.pairs {
            if destination(other) == destination(&key)
                && score::of(track, span, width, rules, Prevalence::default())
                    .is_ok_and(|score| score.mean >= rules.min_score)
            {
                track.told = Some(self.last);
            }
        }
    }
}

impl Found {
    /// Whoever calls a common destination changes from hour to hour, so the subject names the destination alone.
    fn into_anomaly(self, min_score: f64) -> Anomaly {
        let Self { beacon: Beacon { pair, score }, alike } = self;
        let mut inputs = score.inputs.listed();
        let (subject, explanation) = match alike {
            None => (pair.to_string(), score.explanation),
            Some(pairs) => {
                inputs.push(("pairs_alike".to_owned(), pairs.to_string()));
                inputs.push(("most_regular".to_owned(), pair.from.clone()));
                let Prevalence { sources, of } = score.inputs.prevalence;
                let (from, rest) = (&pair.from, &score.explanation);
                let explanation = format!(
                    "{sources} of {of} machines call this destination: a service of the house, or something that has \
                     most of them. {pairs} of its pairs would be told by themselves, each {min_score:.3} or more; they \
                     are told here once. The most regular is that of {from}: {rest}"
                );
                (Pair { from: MANY.to_owned(), ..pair.clone() }.to_string(), explanation)
            }
        };
        Anomaly {
            kind: AnomalyKind::Beacon,
            subject,
            source: pair.source,
            score: score.total,
            first: score.inputs.first,
            last: score.inputs.last,
            inputs,
            explanation,
        }
    }
}
