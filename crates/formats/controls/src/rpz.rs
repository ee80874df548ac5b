//! DNS response policy zones (draft-vixie-dnsop-dns-rpz-00), as a zone file (RFC 1035 §5).

use std::net::IpAddr;

use model::Timestamp;
use observable::{Kind, normalise};

use crate::set::{BlockItem, BlockSet, Export, Sorting, Why, one_line};

/// What a resolver answers to what is blocked (draft §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpzAction {
    /// There is no such name: `CNAME .`.
    NxDomain,
    /// The name is there and has nothing: `CNAME *.`.
    NoData,
    /// No answer at all: `CNAME rpz-drop.`.
    Drop,
}

impl RpzAction {
    const fn target(self) -> &'static str {
        match self {
            Self::NxDomain => ".",
            Self::NoData => "*.",
            Self::Drop => "rpz-drop.",
        }
    }
}

/// How a zone is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpzOptions {
    /// The zone's name as the resolver knows it. It does not stand in the file, but its length counts.
    pub zone: String,
    /// How long resolvers and their clients keep an answer, in seconds; never longer than the item is blocked.
    pub ttl: u32,
    /// What is answered.
    pub action: RpzAction,
}

impl Default for RpzOptions {
    fn default() -> Self {
        Self { zone: "rpz.shieldwall".to_owned(), ttl: 60, action: RpzAction::NxDomain }
    }
}

/// Longest name, as text without the final dot (RFC 1035 §2.3.4).
const MAX_NAME: usize = 253;

/// A zone with a QNAME trigger for each domain name and a response-address trigger for each address and network.
///
/// Names are relative, so the zone may be called anything. The zone has no words for when a block ends: it has to be
/// written again when one does. The serial is the second of `now`, so a later zone replaces an earlier one.
#[must_use]
pub fn rpz(set: &BlockSet, now: Timestamp, options: &RpzOptions) -> Export {
    let (items, mut sorting) = Sorting::of(set, now);
    let serial = u32::try_from(now.as_micros() / 1_000_000).unwrap_or(1);
    let ttl = options.ttl.clamp(1, 86_400);
    let mut text = format!("; Shieldwall block set: {}\n; as of {now}\n", one_line(&set.name));
    text.push_str(&format!("$TTL {ttl}\n"));
    text.push_str(&format!("@ IN SOA localhost. root.localhost. ( {serial} {ttl} {ttl} 86400 {ttl} )\n"));
    text.push_str("@ IN NS localhost.\n");
    for item in items {
        match trigger(item, options.zone.len()) {
            Ok(name) => {
                let ttl = item.seconds_left(now).min(u64::from(ttl));
                text.push_str(&format!("{name} {ttl} IN CNAME {}\n", options.action.target()));
                sorting.written += 1;
            }
            Err(why) => sorting.skip(item, why),
        }
    }
    sorting.export(text)
}

/// The owner name, relative to the zone.
fn trigger(item: &BlockItem, zone: usize) -> Result<String, Why> {
    if item.port.is_some() {
        return Err(Why::Port);
    }
    let name = match item.observable.kind() {
        // What normalising leaves in a name is letters, digits, hyphens, underscores and dots: nothing to escape.
        Kind::Domain | Kind::DomainSuffix => item.observable.to_string(),
        Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => {
            let (address, length) = item.observable.network().ok_or(Why::NotCanonical)?;
            format!("{length}.{}.rpz-ip", reversed(address))
        }
        _ => return Err(Why::Kind),
    };
    // The triggers' own names are no names of hosts.
    let bare = name.strip_prefix("*.").unwrap_or(&name);
    let reserved = |name: &str| name.rsplit('.').next().is_some_and(|last| last.starts_with("rpz-"));
    if matches!(item.observable.kind(), Kind::Domain | Kind::DomainSuffix) && reserved(bare) {
        return Err(Why::Unsafe);
    }
    if name.len() + 1 + zone > MAX_NAME {
        return Err(Why::TooLong);
    }
    Ok(name)
}

/// The parts of an address in reverse order; for IPv6 in hex without leading zeros, with `zz` for the first longest run
/// of at least two zeros (draft §4.1.1).
fn reversed(address: IpAddr) -> String {
    let mut parts: Vec<String> = match address {
        IpAddr::V4(v4) => v4.octets().iter().map(ToString::to_string).collect(),
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let (mut run, mut longest, mut end) = (0, 1, 0);
            for (place, segment) in segments.iter().enumerate() {
                run = if *segment == 0 { run + 1 } else { 0 };
                if run > longest {
                    (longest, end) = (run, place + 1);
                }
            }
            // Without such a run `end` is 0, and no place is in the empty range.
            let zeros = end.saturating_sub(longest)..end;
            let shown = segments.iter().enumerate().filter_map(|(place, segment)| {
                if place == zeros.start && !zeros.is_empty() {
                    return Some("zz".to_owned());
                }
                (!zeros.contains(&place)).then(|| format!("{segment:x}"))
            });
            shown.collect()
        }
    };
    parts.reverse();
    parts.join(".")
}

/// Whether a text can be the name of a zone.
fn is_zone(text: &str) -> bool {
    normalise(Kind::Domain, text).is_some() && text.len() <= 128
}

impl RpzOptions {
    /// Options for a zone of this name; `None` when it is no name of at most 128 characters.
    #[must_use]
    pub fn for_zone(name: &str) -> Option<Self> {
        is_zone(name).then(|| Self { zone: name.trim_end_matches('.').to_owned(), ..Self::default() })
    }
}
