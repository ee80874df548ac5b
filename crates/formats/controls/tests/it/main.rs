//! Block sets in every format: as specified, against hostile values, and read back.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing helper is a failing test"
)]

mod goldens;
mod hostile;
mod nftables;
mod openc2;
mod sigma;
mod skipping;
mod suricata;

use model::Timestamp;
use observable::{Kind, normalise};
use shieldwall_controls::{BlockItem, BlockSet};

const REFERENCE: &str = "indicator--11111111-1111-4111-8111-111111111111";
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856";

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    now().plus_micros(seconds * 1_000_000)
}

/// An item that ends in so many seconds.
fn item(kind: Kind, value: &str, port: Option<u16>, seconds: i64) -> BlockItem {
    let observable = normalise(kind, value).unwrap_or_else(|| panic!("{value} is no {kind}"));
    BlockItem { observable, port, until: after(seconds), reference: REFERENCE.to_owned() }
}

fn set(items: Vec<BlockItem>) -> BlockSet {
    BlockSet { name: "case-17".to_owned(), items, ..BlockSet::default() }
}

/// A set with one thing of most kinds, in no order.
fn mixed() -> BlockSet {
    const DAY: i64 = 86_400;
    set(vec![
        item(Kind::UserAgent, r#"Mozilla/4.0 (bad; "x")"#, None, DAY),
        item(Kind::Domain, "BAD.example.", None, DAY),
        item(Kind::Ipv4, "203.0.113.9", Some(443), 3_600),
        item(Kind::Ipv4, "203.0.113.7", None, DAY),
        item(Kind::Ipv4, "203.0.113.7", None, 60),
        item(Kind::Cidr4, "198.51.100.0/24", None, DAY),
        item(Kind::Ipv6, "2001:db8::1", None, DAY),
        item(Kind::DomainSuffix, "*.evil.example", None, DAY),
        item(Kind::Url, "https://bad.example/x", None, DAY),
        item(Kind::Url, "http://bad.example/gate.php?id=1", None, DAY),
        item(Kind::Mutex, r"Global\x", None, DAY),
        item(Kind::Sha256, SHA256, None, DAY),
    ])
}
