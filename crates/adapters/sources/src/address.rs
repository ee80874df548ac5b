//! Which addresses may be connected to.
//!
//! A URL that somebody else chose must not reach into our own network or a cloud's metadata service (server-side
//! request forgery). So the resolved address is judged, not the name, and only what is publicly routable passes
//! unless an operator allows it by name or network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What may be reached besides public addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Hosts and networks an operator allowed.
    pub allow: Vec<Allow>,
}

/// One exception: a host whatever it resolves to, or a network whatever its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// A host name, lower case, without the final dot.
    Host(String),
    /// A network: base address and prefix length.
    Net(IpAddr, u8),
}

/// A text names neither a host nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host name, an address nor a network such as 10.0.0.0/8")]
pub struct InvalidAllow(String);

impl Policy {
    /// Public addresses and this machine: for demonstrations and tests.
    #[must_use]
    pub fn with_loopback() -> Self {
        Self {
            allow: vec![
                Allow::Net(Ipv4Addr::LOCALHOST.into(), 8),
                Allow::Net(Ipv6Addr::LOCALHOST.into(), 128),
            ],
        }
    }

    /// Whether `host` may be connected to at `address`.
    #[must_use]
    pub fn permits(&self, host: &str, address: IpAddr) -> bool {
        is_public(address) || self.allows(host, Some(address))
    }

    /// Whether an operator made an exception for this host or address.
    #[must_use]
    pub fn allows(&self, host: &str, address: Option<IpAddr>) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.allow.iter().any(|entry| match entry {
            Allow::Host(name) => name.eq_ignore_ascii_case(host),
            Allow::Net(base, length) => {
                address.is_some_and(|address| in_net(address.to_canonical(), *base, *length))
            }
        })
    }
}

impl FromStr for Allow {
    type Err = InvalidAllow;

    fn from_str(text: &str) -> Result<Self, InvalidAllow> {
        let invalid = || InvalidAllow(text.to_owned());
        if let Some((base, length)) = text.split_once('/') {
            let base: IpAddr = base.parse().map_err(|_| invalid())?;
            let length: u8 = length.parse().map_err(|_| invalid())?;
            let widest = if base.is_ipv4() { 32 } else { 128 };
            return if length <= widest { Ok(Self::Net(base, length)) } else { Err(invalid()) };
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Net(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let sound = (1..=253).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if sound { Ok(Self::Host(name)) } else { Err(invalid()) }
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Net(base, length) => write!(f, "{base}/{length}"),
        }
    }
}

/// Whether an address is a unicast address of the public Internet, whatever wraps it.
///
/// An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is as public as the one it carries.
/// Source: IANA special-purpose address registries (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !NOT_PUBLIC_V4.iter().any(|(base, length)| in_net(v4.into(), (*base).into(), *length))
        }
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(v4.into()),
            None => {
                in_net(address, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into(), 3)
                    && !NOT_PUBLIC_V6.iter().any(|(base, length)| in_net(address, (*base).into(), *length))
            }
        },
    }
}

const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, cloud metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// Exceptions inside 2000::/3, the only part of IPv6 that is global unicast.
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// The IPv4 address that packets to this address end up at, where it carries one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        // Mapped ::ffff:0:0/96 and NAT64 64:ff9b::/96 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        // 6to4 2002::/16 (RFC 3056).
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

fn in_net(address: IpAddr, base: IpAddr, length: u8) -> bool {
    match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            address.to_bits() & mask == base.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(addresses: &[&str], public: bool) {
        for address in addresses {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn public_addresses() {
        check(
            &["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "223.255.255.255"],
            true,
        );
        check(
            &["2606:4700:4700::1111", "2a00:1450::1", "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
            true,
        );
        check(&["2002:808:808::1"], true);
    }

    #[test]
    fn addresses_that_are_not_public() {
        check(
            &["0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255"],
            false,
        );
        check(&["192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192"], false);
        check(
            &["198.18.0.1", "192.0.2.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
            false,
        );
        check(
            &["::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1"],
            false,
        );
        check(&["3fff::1", "2001::1", "100::1", "5f00::1", "4000::1"], false);
    }

    #[test]
    fn wrapped_addresses_are_judged_by_what_is_inside() {
        check(&["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1"], false);
        check(
            &[
                "64:ff9b::10.0.0.1",
                "64:ff9b::a9fe:a9fe",
                "64:ff9b:1::8.8.8.8",
                "2002:7f00:1::",
                "2002:a9fe:a9fe::",
            ],
            false,
        );
        check(&["2001:0:53aa:64c:0:0:f5ff:fffe"], false);
    }

    #[test]
    fn exceptions_are_exact() {
        let policy = Policy {
            allow: ["10.2.0.0/16", "intel.internal.", "::1", "192.168.7.7"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
        };
        for (host, address, expect) in [
            ("a.example", "10.2.3.4", true),
            ("a.example", "::ffff:10.2.3.4", true),
            ("a.example", "10.3.0.1", false),
            ("INTEL.internal", "10.9.9.9", true),
            ("intel.internal.", "10.9.9.9", true),
            ("x.intel.internal", "10.9.9.9", false),
            ("localhost", "::1", true),
            ("localhost", "127.0.0.1", false),
            ("a.example", "192.168.7.7", true),
            ("a.example", "192.168.7.8", false),
            ("a.example", "9.9.9.9", true),
        ] {
            assert_eq!(policy.permits(host, address.parse().unwrap()), expect, "{host} {address}");
        }
        assert!(Policy::with_loopback().permits("localhost", "127.0.0.1".parse().unwrap()));
        assert!(!Policy::with_loopback().permits("localhost", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_exception() {
        for text in ["", "10.0.0.0/33", "::/129", "a b", "http://x/", "10.0.0.0/x", "/8", "*"] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
        assert_eq!("0.0.0.0/0".parse::<Allow>().unwrap().to_string(), "0.0.0.0/0");
    }
}
