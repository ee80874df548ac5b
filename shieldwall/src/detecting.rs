//! What detection needs from outside: folders of the node's directory, and the kinds of log source there are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log_sources::Kinds;
use ports::telemetry::Retention;
use runtime::detection::Outside;
use segments::Folder;
use telemetry::{Options, ParquetTelemetry};

use crate::exit::Failure;

/// Folders of the node's directory.
const INDEX: &str = "index";
const TELEMETRY: &str = "telemetry";

/// How long telemetry is kept unless it is said, in days.
pub const DAYS: u64 = 30;
/// How much of it, in GiB.
pub const GIB: u64 = 50;

/// So many days and GiB; 0 is without end.
pub fn retention(days: u64, gib: u64) -> Retention {
    Retention {
        age: (days > 0).then(|| Duration::from_secs(days * 86_400)),
        bytes: (gib > 0).then_some(gib << 30),
    }
}

/// Opens what is there, and makes what is not.
pub fn outside(dir: &Path, retention: Retention) -> Result<Outside, Failure> {
    let wrong = |problem: &dyn std::fmt::Display| Failure::new(problem.to_string());
    let segments = Folder::at(dir.join(INDEX)).map_err(|problem| wrong(&problem))?;
    let telemetry = ParquetTelemetry::open(dir.join(TELEMETRY), Options::default());
    let telemetry = telemetry.map_err(|problem| wrong(&problem))?;
    let evtx = crate::evtx::reader()?;
    Ok(Outside {
        segments: Arc::new(segments),
        telemetry: Arc::new(telemetry),
        logs: Arc::new(Kinds::new().converting(Arc::new(evtx))),
        actuators: Arc::new(actuators::Kinds::new(concat!("shieldwall/", env!("CARGO_PKG_VERSION")))),
        retention,
    })
}
