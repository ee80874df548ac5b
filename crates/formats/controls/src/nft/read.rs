//! What nftables says it holds.

use std::net::IpAddr;

use serde_json::Value;

use super::{COUNTER, FAMILIES, NFT_TABLE, range};
use crate::set::BlockItem;

/// What our table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NftState {
    /// Its elements, in the order of port and first address.
    pub blocks: Vec<NftBlock>,
    /// Packets that were dropped since the set was applied last.
    pub dropped: u64,
}

/// One element: addresses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NftBlock {
    /// Only at this port.
    pub port: Option<u16>,
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
    /// Whole seconds until the kernel ends it; `None` for an element that somebody added without an end.
    pub left: Option<u64>,
}

/// A text is not what `nft -j list table` writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NftError {
    /// It is not JSON; what the reader says.
    #[error("what nft wrote is not JSON: {0}")]
    NotJson(String),
    /// It is JSON without the list `nftables`.
    #[error("what nft wrote has no list `nftables`")]
    NoList,
    /// An element of one of our sets cannot be understood.
    #[error("an element of the set `{set}` cannot be understood: {element}; was it added by something else?")]
    Element {
        /// The set.
        set: String,
        /// The element, cut to 200 characters.
        element: String,
    },
}

impl NftState {
    /// For how many seconds more all of an item is blocked; `None` when a part of it is not. Items of kinds that
    /// nftables cannot block never are. Without an end: [`u64::MAX`].
    #[must_use]
    pub fn left(&self, item: &BlockItem) -> Option<u64> {
        let (first, last, v6) = range(item)?;
        let at_port = item.port.and_then(|port| self.covered(first, last, v6, Some(port)));
        at_port.max(self.covered(first, last, v6, None))
    }

    fn covered(&self, first: u128, last: u128, v6: bool, port: Option<u16>) -> Option<u64> {
        let (mut next, mut least) = (first, u64::MAX);
        for block in self.blocks.iter().filter(|block| block.port == port && block.first.is_ipv6() == v6) {
            let (from, to) = (number(block.first), number(block.last));
            if to < next {
                continue;
            }
            if from > next {
                return None;
            }
            least = least.min(block.left.unwrap_or(u64::MAX));
            if to >= last {
                return Some(least);
            }
            next = to + 1;
        }
        None
    }
}

/// Reads the output of `nft -j list table inet shieldwall`, or of any listing that holds our table among others.
///
/// # Errors
/// [`NftError`] when the text is not such an output. Other tables, and what is no element of our sets, are passed over.
pub fn read_nft(text: &str) -> Result<NftState, NftError> {
    let document: Value = serde_json::from_str(text).map_err(|error| NftError::NotJson(error.to_string()))?;
    let list = document.get("nftables").and_then(Value::as_array).ok_or(NftError::NoList)?;
    let mut state = NftState::default();
    for entry in list {
        if let Some(counter) = entry.get("counter").filter(|counter| is_ours(counter, COUNTER)) {
            state.dropped = counter.get("packets").and_then(Value::as_u64).unwrap_or(0);
        }
        for family in FAMILIES {
            let set = entry.get("set").filter(|set| is_ours(set, family.name));
            let elements = set.and_then(|set| set.get("elem")).and_then(Value::as_array);
            for element in elements.into_iter().flatten() {
                let block = read_element(element, family.ports).ok_or_else(|| NftError::Element {
                    set: family.name.to_owned(),
                    element: element.to_string().chars().take(200).collect(),
                })?;
                state.blocks.push(block);
            }
        }
    }
    state.blocks.sort_unstable();
    Ok(state)
}

fn is_ours(body: &Value, name: &str) -> bool {
    let is = |member: &str, expect: &str| body.get(member).and_then(Value::as_str) == Some(expect);
    is("family", "inet") && is("table", NFT_TABLE) && is("name", name)
}

/// An element stands alone, or in an `elem` with its timeout.
fn read_element(element: &Value, ports: bool) -> Option<NftBlock> {
    let (value, left) = match element.get("elem") {
        Some(body) => {
            let timed = body.get("timeout").is_some() || body.get("expires").is_some();
            let left = body.get("expires").or_else(|| body.get("timeout")).and_then(Value::as_u64);
            (body.get("val")?, if timed { Some(left?) } else { None })
        }
        None => (element, None),
    };
    let (addresses, port) = if ports {
        let [addresses, port] = value.get("concat")?.as_array()?.as_slice() else { return None };
        (addresses, Some(u16::try_from(port.as_u64()?).ok()?))
    } else {
        (value, None)
    };
    let (first, last) = read_addresses(addresses)?;
    Some(NftBlock { port, first, last, left })
}

fn read_addresses(value: &Value) -> Option<(IpAddr, IpAddr)> {
    let address = |value: &Value| value.as_str()?.parse::<IpAddr>().ok();
    if let Some(range) = value.get("range") {
        let [first, last] = range.as_array()?.as_slice() else { return None };
        return Some((address(first)?, address(last)?));
    }
    let Some(prefix) = value.get("prefix") else {
        let address = address(value)?;
        return Some((address, address));
    };
    let first = address(prefix.get("addr")?)?;
    let length = u32::try_from(prefix.get("len")?.as_u64()?).ok()?;
    let last = match first {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            IpAddr::V4((v4.to_bits() | host).into())
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            IpAddr::V6((v6.to_bits() | host).into())
        }
    };
    Some((first, last))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
