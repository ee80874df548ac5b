//! Beacons and first-seen values: off until the node's rules name a source.

use std::sync::PoisonError;

use analytics::{Analytics, Anomaly, AnomalyKind, Config};
use logs::Event;
use model::{Digest, Timestamp};
use ports::detection::NewAlert;
use serde_json::json;

use super::{Detection, DetectionError, digest};
use crate::core::Core;

/// The names of the files that keep what was learned.
const BEACONS: &str = "beacons";
const FIRST_SEEN: &str = "first-seen";

/// What was learned, and under which configuration.
#[derive(Default)]
pub(crate) struct Learned {
    config: Config,
    analytics: Option<Analytics>,
}

impl Detection {
    /// Learns from one event.
    pub(crate) fn learn(&self, source: &str, event: &Event<'_>, now: Timestamp) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(analytics) = &mut learned.analytics {
            analytics.observe(source, event, now);
        }
    }

    /// What was found since the last time.
    pub(crate) fn anomalies(&self) -> Vec<NewAlert> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let found = learned.analytics.as_mut().map(Analytics::take_alerts).unwrap_or_default();
        drop(learned);
        found.into_iter().map(alert).collect()
    }
}

impl Core {
    /// Goes by the rules in force: what they newly name is learned from now on, and what was learned before is kept for
    /// the next start. To be called now and then.
    ///
    /// # Errors
    /// When what was learned cannot be kept.
    pub fn learn_step(&self) -> Result<bool, DetectionError> {
        let detection = self.detection()?;
        self.raise_all(&detection.anomalies(), self.clock.now(), |_| Ok(()))?;
        let segments = &detection.outside.segments;
        let wanted = self.rules().analytics.clone();
        let mut learned = detection.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let watches = !wanted.beacons.sources.is_empty() || !wanted.first_seen.fields.is_empty();
        if learned.config != wanted || (watches && learned.analytics.is_none()) {
            let key = self.analytics_key()?;
            let fresh = watches.then(|| Analytics::new(wanted.clone(), key)).transpose();
            let mut fresh = fresh.map_err(|unfit| DetectionError::Refused(unfit.to_string()))?;
            if let Some(fresh) = &mut fresh {
                // What cannot be read was learned under another key or by a later version: it is learned anew.
                if let Some(bytes) = segments.open(BEACONS)? {
                    let _ = fresh.beacons.load(bytes.as_ref());
                }
                if let Some(bytes) = segments.open(FIRST_SEEN)? {
                    let _ = fresh.first_seen.load(bytes.as_ref());
                }
            }
            *learned = Learned { config: wanted, analytics: fresh };
            return Ok(false);
        }
        let saved = learned.analytics.as_ref().map(|known| (known.beacons.save(), known.first_seen.save()));
        drop(learned);
        if let Some((beacons, first_seen)) = saved {
            segments.save(BEACONS, &beacons)?;
            segments.save(FIRST_SEEN, &first_seen)?;
        }
        Ok(false)
    }

    /// The secret that values are hashed with: it follows from the node's own, so that it is the same after a start.
    fn analytics_key(&self) -> Result<[u8; 16], DetectionError> {
        let naming = self.store.read()?.naming_key(self.scope.tenant)?;
        let Digest(hash) = digest(&[b"analytics", &naming]);
        Ok(*hash.first_chunk().unwrap_or(&[0; 16]))
    }
}

fn alert(anomaly: Anomaly) -> NewAlert {
    let level = match anomaly.kind {
        AnomalyKind::Beacon => 2,
        AnomalyKind::FirstSeen | AnomalyKind::Rare => 1,
        AnomalyKind::Saturated => 0,
    };
    let inputs: serde_json::Map<String, serde_json::Value> =
        anomaly.inputs.into_iter().map(|(name, value)| (name, value.into())).collect();
    let rule = format!("analytics:{}", anomaly.kind);
    NewAlert {
        group: digest(&[rule.as_bytes(), anomaly.source.as_bytes(), anomaly.subject.as_bytes()]),
        rule,
        object: None,
        title: format!("{}: {}", anomaly.kind, anomaly.subject),
        level,
        source: anomaly.source,
        past: false,
        first: anomaly.first,
        last: anomaly.last,
        count: 1,
        detail: json!({"score": anomaly.score, "inputs": inputs, "explanation": anomaly.explanation})
            .to_string(),
        allowed: json!({"by": "own"}).to_string(),
    }
}
