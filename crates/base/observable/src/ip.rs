//! Addresses and networks as fixed-width hex, so that a network is one contiguous range of keys.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kind::Kind;
use crate::observable::Observable;

/// An address, or a network as `address/length` (host bits are cleared).
pub(crate) fn parse(text: &str) -> Option<Observable> {
    let mut out = String::new();
    let kind = key(text, &mut out)?;
    Observable::new(kind, out)
}

pub(crate) fn make(address: IpAddr, length: Option<u8>) -> Option<Observable> {
    let mut out = String::new();
    let kind = append(address, length, &mut out)?;
    Observable::new(kind, out)
}

/// Appends the key of such a text, and says of which kind it is.
pub(crate) fn key(text: &str, out: &mut String) -> Option<Kind> {
    if let Some(bits) = plain(text) {
        hex(&bits.to_be_bytes(), out);
        return Some(Kind::Ipv4);
    }
    if !text.bytes().any(|byte| matches!(byte, b'/' | b':')) {
        return None;
    }
    let (address, length) = match text.split_once('/') {
        None => (text.parse().ok()?, None),
        Some((address, length)) => {
            if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (address.parse().ok()?, Some(length.parse().ok()?))
        }
    };
    append(address, length, out)
}

fn append(address: IpAddr, length: Option<u8>, out: &mut String) -> Option<Kind> {
    match (address, length) {
        (IpAddr::V4(v4), None | Some(32)) => {
            hex(&v4.octets(), out);
            Some(Kind::Ipv4)
        }
        (IpAddr::V4(v4), Some(length)) if length < 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            hex(&(v4.to_bits() & mask).to_be_bytes(), out);
            write!(out, "/{length:02}").ok()?;
            Some(Kind::Cidr4)
        }
        (IpAddr::V6(v6), None | Some(128)) => match v6.to_ipv4_mapped() {
            Some(v4) => append(IpAddr::V4(v4), None, out),
            None => {
                hex(&v6.octets(), out);
                Some(Kind::Ipv6)
            }
        },
        (IpAddr::V6(v6), Some(length)) if length < 128 => match v6.to_ipv4_mapped() {
            Some(v4) if length >= 96 => append(IpAddr::V4(v4), Some(length - 96), out),
            _ => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                hex(&(v6.to_bits() & mask).to_be_bytes(), out);
                write!(out, "/{length:03}").ok()?;
                Some(Kind::Cidr6)
            }
        },
        _ => None,
    }
}

/// The bits of an IPv4 address as everybody writes it: four numbers without zeros before them (RFC 6943 §3.1.1).
pub(crate) fn plain(text: &str) -> Option<u32> {
    if text.len() > 15 {
        return None;
    }
    let (mut bits, mut dots, mut number, mut digits) = (0_u32, 0, 0_u32, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || (number != 0 && digits < 3) => {
                number = 10 * number + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && number < 256 && dots < 3 => {
                bits = bits << 8 | number;
                (dots, number, digits) = (dots + 1, 0, 0);
            }
            _ => return None,
        }
    }
    (digits > 0 && number < 256 && dots == 3).then_some(bits << 8 | number)
}

/// By hand, because every address of every event comes by here.
fn hex(bytes: &[u8], out: &mut String) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let mut text = [0; 32];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
    out.push_str(
        text.get(..2 * bytes.len()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default(),
    );
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn plain_addresses_are_what_the_library_says(
            text in r"(0{0,2}[0-9]{0,3}|25[0-9])(\.(0{0,1}[0-9]{0,3}|[0-2]5[0-9])){2,4}[. :x]{0,1}"
        ) {
            prop_assert_eq!(plain(&text), text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits), "{}", text);
        }
    }
}
