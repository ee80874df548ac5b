//! How many of the house's machines call a destination: what most of them call is more likely the house's own service.
//!
//! Counted from the pairs that are kept, so it takes no memory of its own, is saved and loaded with them, and forgets
//! with them what had to make room.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::config::BeaconConfig;
use crate::connection::{Key, Via};
use crate::score::Span;
use crate::statistics::{float, rounded};
use crate::track::Track;

/// How many machines call a destination, of all that call any. Both count machines of the house within the time that
/// is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prevalence {
    /// Machines that call this destination.
    pub sources: usize,
    /// Machines that call anything that is not left out.
    pub of: usize,
}

impl Prevalence {
    /// The part of the machines, 0 to 1, to thousandths; 0 of none.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { rounded(float(self.sources as u64) / float(self.of as u64)) }
    }

    /// Whether there are enough machines for their share to say anything.
    pub(crate) fn counts(self, rules: &BeaconConfig) -> bool {
        self.of >= rules.common_machines as usize
    }

    /// Whether so many of enough machines call it that its score is lowered.
    pub(crate) fn common(self, rules: &BeaconConfig) -> bool {
        self.counts(rules) && self.share() >= rules.common_share
    }
}

/// What is called: to what, at which port, seen as what. One host can be a time server at one port and a stranger's at
/// another, so ports count each by itself.
pub(crate) type Destination<'k> = (&'k str, u16, Via);

pub(crate) fn destination(key: &Key) -> Destination<'_> {
    (key.to.as_str(), key.port, key.via)
}

/// How many machines call each destination of one source.
pub(crate) struct Census<'k> {
    of: usize,
    sources: BTreeMap<Destination<'k>, usize>,
}

impl<'k> Census<'k> {
    /// Counts the pairs that have a connection within the span. `width` is that of the tracks' slots.
    pub(crate) fn of(pairs: &'k BTreeMap<Key, Track>, span: Span, width: i64, rules: &BeaconConfig) -> Self {
        let (from, until) = span.seconds();
        let networks: Vec<Network> =
            rules.internal_networks.iter().filter_map(|text| network(text)).collect();
        let mut census = Self { of: 0, sources: BTreeMap::new() };
        // Pairs are in the order of who calls: each machine's come one after another.
        let mut machine: Option<(&str, bool)> = None;
        let mut counted: Option<&str> = None;
        for (key, track) in pairs {
            let name = key.from.as_str();
            let inside = match machine {
                Some((own, inside)) if own == name => inside,
                _ => is_inside(name, &networks),
            };
            machine = Some((name, inside));
            if !inside || !track.calls(from, until, width) {
                continue;
            }
            if counted != Some(name) {
                counted = Some(name);
                census.of += 1;
            }
            *census.sources.entry(destination(key)).or_default() += 1;
        }
        census
    }

    /// Of a pair's destination.
    pub(crate) fn prevalence(&self, key: &Key) -> Prevalence {
        let sources = self.sources.get(&destination(key)).copied().unwrap_or_default();
        Prevalence { sources, of: self.of }
    }
}

/// First address and length.
type Network = (IpAddr, u32);

/// `address/length`, with nothing set beyond the length.
pub(crate) fn network(text: &str) -> Option<Network> {
    let (address, length) = text.split_once('/')?;
    let (address, length): (IpAddr, u32) = (address.parse().ok()?, length.parse().ok()?);
    let rest = match address {
        IpAddr::V4(four) if length <= 32 => u128::from(u32::from(four).checked_shl(length).unwrap_or(0)),
        IpAddr::V6(six) if length <= 128 => u128::from(six).checked_shl(length).unwrap_or(0),
        _ => return None,
    };
    (rest == 0).then_some((address, length))
}

fn holds((first, length): Network, address: IpAddr) -> bool {
    let differs = match (first, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let bits = u32::from(first) ^ u32::from(address);
            u128::from(bits.checked_shr(32_u32.saturating_sub(length)).unwrap_or(0))
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let bits = u128::from(first) ^ u128::from(address);
            bits.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0)
        }
        _ => return false,
    };
    differs == 0
}

/// Whether it is a machine of the house: one with a private address (RFC 1918, RFC 4193), a link-local one, an address
/// of the house's networks, or one that goes by its name, as machines that tell of themselves do. Whoever else calls in
/// from outside would make every service of the house look rare.
fn is_inside(from: &str, networks: &[Network]) -> bool {
    let Ok(address) = from.parse::<IpAddr>() else { return true };
    let private = match address {
        IpAddr::V4(four) => four.is_private() || four.is_link_local(),
        IpAddr::V6(six) => six.is_unique_local() || six.is_unicast_link_local(),
    };
    private || networks.iter().any(|own| holds(*own, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Stamp;

    fn key(from: &str, to: &str, port: u16) -> Key {
        Key { from: from.to_owned(), to: to.to_owned(), port, via: Via::Connection }
    }

    /// Pairs, each with one connection.
    fn pairs(calls: &[(&str, &str, u16, i64)]) -> BTreeMap<Key, Track> {
        let mut pairs = BTreeMap::new();
        for (from, to, port, second) in calls {
            let track: &mut Track = pairs.entry(key(from, to, *port)).or_default();
            track.push(Stamp::new(*second, None), 10, 900);
        }
        pairs
    }

    #[track_caller]
    fn check(calls: &[(&str, &str, u16, i64)], rules: &BeaconConfig, sources: usize, of: usize) {
        let pairs = pairs(calls);
        let census = Census::of(&pairs, Span::of_seconds(100, 200), 900, rules);
        assert_eq!(census.prevalence(&key("anyone", "198.51.100.9", 443)), Prevalence { sources, of });
    }

    #[test]
    fn machines_are_counted_once() {
        let rules = BeaconConfig::default();
        check(&[], &rules, 0, 0);
        let calls = [
            ("10.0.0.1", "198.51.100.9", 443, 100),
            ("10.0.0.1", "198.51.100.9", 443, 150),
            ("10.0.0.1", "198.51.100.8", 443, 150),
            ("10.0.0.2", "198.51.100.9", 443, 200),
            ("10.0.0.3", "198.51.100.9", 8443, 150),
            ("ws5", "198.51.100.8", 443, 150),
            ("fd00::1", "198.51.100.8", 443, 150),
        ];
        check(&calls, &rules, 2, 5);
        // What is outside the span does not count.
        let calls = [("10.0.0.1", "198.51.100.9", 443, 99), ("10.0.0.2", "198.51.100.9", 443, 201)];
        check(&calls, &rules, 0, 0);
    }

    #[test]
    fn whoever_calls_from_outside_does_not_count() {
        let calls = [
            ("10.0.0.1", "198.51.100.9", 443, 150),
            ("203.0.113.7", "198.51.100.9", 443, 150),
            ("203.0.113.8", "198.51.100.8", 443, 150),
            ("2001:db8::1", "198.51.100.8", 443, 150),
        ];
        check(&calls, &BeaconConfig::default(), 1, 1);
        // Unless they are the house's own.
        let own = |network: &str| BeaconConfig {
            internal_networks: vec![network.to_owned()],
            ..BeaconConfig::default()
        };
        check(&calls, &own("203.0.113.0/29"), 2, 2);
        check(&calls, &own("203.0.113.7/32"), 2, 2);
        check(&calls, &own("2001:db8::/32"), 1, 2);
        check(&calls, &own("0.0.0.0/0"), 2, 3);
        check(&calls, &own("::/0"), 1, 2);
    }

    #[test]
    fn a_network_is_an_address_and_a_length() {
        for text in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "::/0", "fd00::/8", "2001:db8::1/128"] {
            assert!(network(text).is_some(), "{text}");
        }
        for text in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "::/129", "::1/64", "10.0.0.0/x", "/8"] {
            assert!(network(text).is_none(), "{text}");
        }
    }

    #[test]
    fn few_machines_have_no_common_destination() {
        let rules = BeaconConfig::default();
        let common = |sources, of| Prevalence { sources, of }.common(&rules);
        assert!(!common(9, 9) && !common(0, 0) && !common(0, 10) && !common(4, 10));
        assert!(common(5, 10) && common(200, 200));
        assert!((Prevalence { sources: 1, of: 3 }.share() - 0.333).abs() < 1e-9);
        assert!(Prevalence::default().share().abs() < 1e-9);
    }
}
