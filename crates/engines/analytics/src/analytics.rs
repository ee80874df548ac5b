//! Both analytics behind one door, for whoever has events of many sources.

use logs::Event;
use model::Timestamp;

use crate::anomaly::Anomaly;
use crate::beacons::Beacons;
use crate::config::{Config, Unfit};
use crate::first_seen::FirstSeen;

/// Every analytic of a node. Each can be asked, saved and loaded by itself.
#[derive(Debug)]
pub struct Analytics {
    /// Connections that look like a program that calls home.
    pub beacons: Beacons,
    /// Values that a source has not had before.
    pub first_seen: FirstSeen,
}

impl Analytics {
    /// Empty analytics. `key` is the node's own secret: with it, nobody outside can make two values look like one.
    ///
    /// # Errors
    /// [`Unfit`] names the first setting that cannot be used.
    pub fn new(config: Config, key: [u8; 16]) -> Result<Self, Unfit> {
        let beacons = Beacons::new(config.beacons)?;
        let first_seen = FirstSeen::new(config.first_seen, key)?;
        Ok(Self { beacons, first_seen })
    }

    /// Takes in one event of a source; `now` is the node's present time.
    pub fn observe(&mut self, source: &str, event: &Event<'_>, now: Timestamp) {
        self.beacons.observe(source, event, now);
        self.first_seen.observe(source, event, now);
    }

    /// What was found since the last time; at most [`crate::MAX_ALERTS`] beacons and [`crate::MAX_PENDING`] values.
    pub fn take_alerts(&mut self) -> Vec<Anomaly> {
        let mut alerts = self.beacons.take_alerts();
        alerts.append(&mut self.first_seen.take_alerts());
        alerts
    }
}
