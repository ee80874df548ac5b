//! nftables, in the JSON of libnftables-json(5).
//!
//! Everything of ours is in one table, `inet shieldwall`. Applying throws the table away and makes it again in the same
//! transaction, so that applying twice is applying once, nothing is left of an earlier set, and no packet sees anything
//! in between. Every element has a timeout: the kernel ends a block even if nobody is there any more to end it.

mod read;
mod spans;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Timestamp;
use serde_json::{Value, json};

use crate::set::{BlockItem, BlockSet, Export, Sorting, Why};
pub use read::{NftBlock, NftError, NftState, read_nft};
use spans::{Span, disjoint};

/// The name of our table, of family `inet`.
pub const NFT_TABLE: &str = "shieldwall";

/// The counter of what was dropped since the set was applied last.
const COUNTER: &str = "dropped";

/// Before the usual filters (priority 0), so that what they accept is dropped all the same.
const PRIORITY: i32 = -10;

/// One of the four sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Family {
    /// Its name.
    name: &'static str,
    /// The protocol that its addresses stand in.
    protocol: &'static str,
    /// The type of its addresses.
    address: &'static str,
    /// Bits of an address.
    bits: u32,
    /// Whether its elements have a port too.
    ports: bool,
}

const FAMILIES: [Family; 4] = [
    Family { name: "v4", protocol: "ip", address: "ipv4_addr", bits: 32, ports: false },
    Family { name: "v6", protocol: "ip6", address: "ipv6_addr", bits: 128, ports: false },
    Family { name: "v4_port", protocol: "ip", address: "ipv4_addr", bits: 32, ports: true },
    Family { name: "v6_port", protocol: "ip6", address: "ipv6_addr", bits: 128, ports: true },
];

/// The input of `nft -j -f -` that makes a set all that our table blocks: packets from and to its addresses and networks,
/// for items with a port only TCP and UDP at that port of theirs.
///
/// An interval set of the kernel takes no overlapping elements, so what overlaps is cut into ranges that each end with
/// the last item that covers them.
#[must_use]
pub fn nft(set: &BlockSet, now: Timestamp) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    // By set and port; a block without a port has port 0 here, which no item can have.
    let mut spans: [BTreeMap<u16, Vec<Span>>; 4] = Default::default();
    for item in items {
        let place = range(item).and_then(|(first, last, v6)| {
            let at = usize::from(v6) + if item.port.is_some() { 2 } else { 0 };
            spans.get_mut(at).map(|by_port| (by_port, first, last))
        });
        let Some((by_port, first, last)) = place else {
            sorting.skip(item, Why::Kind);
            continue;
        };
        let left = item.seconds_left(now);
        by_port.entry(item.port.unwrap_or(0)).or_default().push(Span { first, last, left });
        sorting.written += 1;
    }

    let mut commands = vec![json!({"metainfo": {"json_schema_version": 1}})];
    commands.extend(forget());
    commands.push(add("table", json!({"family": "inet", "name": NFT_TABLE})));
    commands.push(add("counter", named(COUNTER)));
    for family in FAMILIES {
        commands.push(add("set", family.declaration()));
    }
    for (chain, ways) in CHAINS {
        commands.push(add("chain", base_chain(chain)));
        for way in ways {
            commands.extend(FAMILIES.iter().map(|family| add("rule", family.rule(chain, way))));
        }
    }
    for (family, spans) in FAMILIES.iter().zip(&spans) {
        let elements: Vec<Value> = spans
            .iter()
            .flat_map(|(port, spans)| {
                disjoint(spans).into_iter().map(|span| family.element(span, *port)).collect::<Vec<_>>()
            })
            .collect();
        if !elements.is_empty() {
            let mut body = named(family.name);
            set_member(&mut body, "elem", Value::Array(elements));
            commands.push(add("element", body));
        }
    }
    sorting.export(json!({ "nftables": commands }).to_string())
}

/// The input of `nft -j -f -` that takes everything of ours away; also when there is nothing.
#[must_use]
pub fn nft_remove() -> String {
    json!({ "nftables": forget() }).to_string()
}

/// Deleting what is not there would be an error, so it is added first.
fn forget() -> [Value; 2] {
    let table = json!({"table": {"family": "inet", "name": NFT_TABLE}});
    [json!({ "add": table.clone() }), json!({ "delete": table })]
}

/// Which end of a packet is compared, in each chain: what comes in from a bad address, what goes out to one, and both
/// for what passes through.
const CHAINS: [(&str, &[&str]); 3] = [("input", &["s"]), ("forward", &["s", "d"]), ("output", &["d"])];

fn add(what: &str, body: Value) -> Value {
    let mut inner = serde_json::Map::new();
    inner.insert(what.to_owned(), body);
    json!({ "add": inner })
}

/// A thing in our table.
fn named(name: &str) -> Value {
    json!({"family": "inet", "table": NFT_TABLE, "name": name})
}

fn base_chain(name: &str) -> Value {
    let mut body = named(name);
    for (member, value) in [
        ("type", json!("filter")),
        ("hook", json!(name)),
        ("prio", json!(PRIORITY)),
        ("policy", json!("accept")),
    ] {
        set_member(&mut body, member, value);
    }
    body
}

fn set_member(body: &mut Value, name: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

impl Family {
    fn declaration(&self) -> Value {
        let mut body = named(self.name);
        let of = if self.ports { json!([self.address, "inet_service"]) } else { json!(self.address) };
        set_member(&mut body, "type", of);
        set_member(&mut body, "flags", json!(["interval", "timeout"]));
        body
    }

    /// Drops packets whose source (`s`) or destination (`d`) is in the set.
    fn rule(&self, chain: &str, way: &str) -> Value {
        let address = json!({"payload": {"protocol": self.protocol, "field": format!("{way}addr")}});
        let mut steps = Vec::new();
        let compared = if self.ports {
            // Other protocols have other things where TCP and UDP have their ports.
            let protocols = json!({"set": ["tcp", "udp"]});
            steps.push(json!({
                "match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": protocols}
            }));
            let port = json!({"payload": {"protocol": "th", "field": format!("{way}port")}});
            json!({ "concat": [address, port] })
        } else {
            address
        };
        let right = format!("@{}", self.name);
        steps.push(json!({"match": {"op": "==", "left": compared, "right": right}}));
        steps.push(json!({ "counter": COUNTER }));
        steps.push(json!({ "drop": null }));
        json!({"family": "inet", "table": NFT_TABLE, "chain": chain, "expr": steps})
    }

    fn element(&self, span: Span, port: u16) -> Value {
        let addresses = self.addresses(span);
        let value = if self.ports { json!({ "concat": [addresses, port] }) } else { addresses };
        json!({"elem": {"val": value, "timeout": span.left}})
    }

    /// An address, a network where the range is one, else the range.
    fn addresses(&self, span: Span) -> Value {
        let text = |number: u128| self.address_of(number).to_string();
        let size = span.last - span.first;
        if size == 0 {
            return json!(text(span.first));
        }
        // A network's host bits are ones in its size, and zeros in its first address.
        if size & size.wrapping_add(1) == 0 && span.first & size == 0 {
            let length = self.bits - size.count_ones();
            return json!({"prefix": {"addr": text(span.first), "len": length}});
        }
        json!({"range": [text(span.first), text(span.last)]})
    }

    fn address_of(&self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(bits) if self.bits == 32 => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// First and last address of an item as numbers, and whether they are of IPv6.
pub(super) fn range(item: &BlockItem) -> Option<(u128, u128, bool)> {
    let (address, length) = item.observable.network()?;
    let (first, bits, v6) = match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32, false),
        IpAddr::V6(v6) => (v6.to_bits(), 128, true),
    };
    let host = u32::from(bits - length.min(bits));
    let size = 1u128.checked_shl(host).map_or(u128::MAX, |count| count - 1);
    Some((first, first | size, v6))
}
