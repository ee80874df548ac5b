//! IP addresses and networks, for `ISSUBSET` and `ISSUPERSET`.

use std::net::IpAddr;

/// An IPv4 or IPv6 address range: an address and how many leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    /// Left-aligned; bits beyond the prefix are 0.
    bits: u128,
    prefix: u32,
    v6: bool,
}

impl Network {
    /// Reads `address` or `address/prefix`; host bits may be set.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, width, v6) = match address.parse().ok()? {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32, false),
            IpAddr::V6(v6) => (v6.to_bits(), 128, true),
        };
        let prefix = match prefix {
            None => width,
            Some(digits) if (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= width)?
            }
            Some(_) => return None,
        };
        Some(Self { bits: bits & mask(prefix), prefix, v6 })
    }

    /// Whether every address of the other is one of these.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.v6 == other.v6 && self.prefix <= other.prefix && other.bits & mask(self.prefix) == self.bits
    }
}

const fn mask(prefix: u32) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}
