//! Addresses and networks as fixed-width hex, so that a network is one contiguous range of keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kind::Kind;
use crate::observable::Observable;

/// An address, or a network as `address/length` (host bits are cleared).
pub(crate) fn parse(text: &str) -> Option<Observable> {
    let (address, length) = match text.split_once('/') {
        None => (text.parse().ok()?, None),
        Some((address, length)) => {
            if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (address.parse().ok()?, Some(length.parse().ok()?))
        }
    };
    make(address, length)
}

pub(crate) fn make(address: IpAddr, length: Option<u8>) -> Option<Observable> {
    let (kind, key) = match (address, length) {
        (IpAddr::V4(v4), None | Some(32)) => (Kind::Ipv4, format!("{:08x}", v4.to_bits())),
        (IpAddr::V4(v4), Some(length)) if length < 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            (Kind::Cidr4, format!("{:08x}/{length:02}", v4.to_bits() & mask))
        }
        (IpAddr::V6(v6), None | Some(128)) => match v6.to_ipv4_mapped() {
            Some(v4) => (Kind::Ipv4, format!("{:08x}", v4.to_bits())),
            None => (Kind::Ipv6, format!("{:032x}", v6.to_bits())),
        },
        (IpAddr::V6(v6), Some(length)) if length < 128 => match v6.to_ipv4_mapped() {
            Some(v4) if length >= 96 => return make(IpAddr::V4(v4), Some(length - 96)),
            _ => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                (Kind::Cidr6, format!("{:032x}/{length:03}", v6.to_bits() & mask))
            }
        },
        _ => return None,
    };
    Observable::new(kind, key)
}

/// The address of a key's hex part.
pub(crate) fn address(hex: &str) -> Option<IpAddr> {
    match hex.len() {
        8 => u32::from_str_radix(hex, 16).ok().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        32 => u128::from_str_radix(hex, 16).ok().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        _ => None,
    }
}

pub(crate) fn network(kind: Kind, key: &str) -> Option<(IpAddr, u8)> {
    match kind {
        Kind::Ipv4 => Some((address(key)?, 32)),
        Kind::Ipv6 => Some((address(key)?, 128)),
        Kind::Cidr4 | Kind::Cidr6 => {
            let (hex, length) = key.split_once('/')?;
            Some((address(hex)?, length.parse().ok()?))
        }
        _ => None,
    }
}

/// The strictly larger networks around it, nearest first.
pub(crate) fn covering(kind: Kind, key: &str) -> Vec<Observable> {
    let Some((address, length)) = network(kind, key) else { return Vec::new() };
    (0..length).rev().filter_map(|shorter| make(address, Some(shorter))).collect()
}
