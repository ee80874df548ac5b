//! Analytics: what no rule says, by plain statistics that explain themselves.
//!
//! ```text
//! Event ─► Beacons     connections of each pair ─► four parts, prevalence  ─┐
//!       ─► FirstSeen   values of chosen fields  ─► never seen, rarely seen ─┴► Anomaly { score, inputs, explanation }
//! ```
//!
//! Nothing is watched that a [`Config`] does not name. Windows and learning periods run by the events' own time, which
//! the node's clock only bounds from above: what claims to come from the future moves nothing.
//!
//! **Invariant:** whatever events come, in whatever order and with whatever times, memory stays within the bounds of
//! the configuration, and every score carries the numbers it was made from. What a bound took away is counted.
//!
//! **Must not know:** files, stores, clocks, rules, what becomes of an anomaly. Time and the key of hashes are arguments.

mod analytics;
mod anomaly;
mod beacons;
mod codec;
mod config;
mod connection;
mod first_seen;
mod prevalence;
mod score;
mod statistics;
mod track;

pub use analytics::Analytics;
pub use anomaly::{Anomaly, AnomalyKind};
pub use beacons::{Beacon, BeaconStats, Beacons, MAX_ALERTS, MAX_REPORT};
pub use codec::LoadError;
pub use config::{BeaconConfig, Config, FirstSeenConfig, Unfit};
pub use connection::{Pair, Via};
pub use first_seen::{BaselineState, BaselineStatus, FirstSeen, MAX_PENDING};
pub use prevalence::Prevalence;
pub use score::{BeaconScore, Inputs, Span, Unscored};
pub use statistics::{BARS, Spread};
