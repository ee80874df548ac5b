//! Days by hand and by chance, baselines under attack, and the real logs.
#![expect(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod bounds;
mod days;
mod first_seen;
mod real;
mod saved;
mod shapes;

use logs::{Event, Format, Reader, Settings};
use model::Timestamp;
use shieldwall_analytics::{BeaconConfig, BeaconScore, Beacons, Pair, Via};

/// 2026-03-01T00:00:00Z, where every generated day begins.
const DAY: i64 = 1_772_323_200;

/// An instant that many seconds into the day.
fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((DAY + second) * 1_000_000)
}

/// The node's present: long after everything that is generated.
fn now() -> Timestamp {
    at(400 * 86_400)
}

/// Reads records, one after another, and hands each event on. Headers are none.
fn each_event<S: AsRef<str>>(
    format: Format,
    records: impl IntoIterator<Item = S>,
    mut act: impl FnMut(&Event<'_>),
) {
    let mut reader = Reader::new(format, Settings::default());
    for record in records {
        if let Some(event) = reader.read(record.as_ref().as_bytes(), now()).unwrap() {
            act(&event);
        }
    }
}

/// A line of Zeek's `conn`, that many seconds into the day.
fn conn(second: i64, from: &str, to: &str, port: u16, bytes: u64) -> String {
    let ts = DAY + second;
    format!(
        r#"{{"_path":"conn","ts":{ts},"id.orig_h":"{from}","id.orig_p":40000,"id.resp_h":"{to}","id.resp_p":{port},"proto":"tcp","conn_state":"SF","orig_ip_bytes":{bytes}}}"#
    )
}

/// Analytics that follow the source `zeek`.
fn following(config: BeaconConfig) -> Beacons {
    Beacons::new(BeaconConfig { sources: vec!["zeek".to_owned()], ..config }).unwrap()
}

/// Feeds lines of Zeek as the source `zeek`.
fn feed<S: AsRef<str>>(beacons: &mut Beacons, lines: impl IntoIterator<Item = S>) {
    each_event(Format::ZeekJson, lines, |event| beacons.observe("zeek", event, now()));
}

/// Who the tests watch, and what it calls.
const HOME: &str = "192.0.2.7";
const FAR: &str = "198.51.100.9";

fn pair() -> Pair {
    pair_to(FAR, 443)
}

fn pair_to(to: &str, port: u16) -> Pair {
    Pair { source: "zeek".to_owned(), from: HOME.to_owned(), to: to.to_owned(), port, via: Via::Connection }
}

/// The score of the watched pair over all that its source has.
fn score(beacons: &Beacons) -> BeaconScore {
    beacons.score(&pair(), beacons.span("zeek").unwrap()).unwrap()
}

#[track_caller]
fn near(found: f64, expect: f64) {
    assert!((found - expect).abs() < 1e-9, "{found} instead of {expect}");
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): the same days on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit
    }

    /// The same as seconds.
    fn seconds(&mut self, limit: u64) -> i64 {
        i64::try_from(self.below(limit)).unwrap()
    }
}
