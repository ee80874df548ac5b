//! An object as a list of values, each with its place and its salt.

use std::collections::BTreeMap;

use json::{Kind, Value, canonical, escape_pointer};
use model::Digest;
use sha2::{Digest as _, Sha256};

/// The most values an object may have to be stated.
pub const MAX_LEAVES: usize = 100_000;

/// The seed of a part of an object: opens the salts of all values in it.
pub(crate) type Seed = [u8; 32];

/// What was removed from a copy: the pointer of each removed part in the full object, and for each value in it the
/// rest of the pointer with the commitment.
pub(crate) type Hidden = BTreeMap<String, BTreeMap<String, Digest>>;

/// The seed of a member or item: SHA-256 over `shieldwall/origin-seed/v1`, a zero byte, the length of the name (32
/// bits, big-endian), the name, and the seed of what it stands in. No input is the beginning of another.
pub(crate) fn child_seed(parent: &Seed, name: &str) -> Seed {
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    Sha256::new()
        .chain_update(b"shieldwall/origin-seed/v1\0")
        .chain_update(length.to_be_bytes())
        .chain_update(name.as_bytes())
        .chain_update(parent)
        .finalize()
        .into()
}

/// The commitment to one value: SHA-256 over `shieldwall/origin-value/v1`, a zero byte, its seed, the length of its
/// pointer (32 bits, big-endian), the pointer, and its RFC 8785 text.
fn commit(seed: &Seed, pointer: &str, value: &str) -> Digest {
    let length = u32::try_from(pointer.len()).unwrap_or(u32::MAX);
    let hash = Sha256::new()
        .chain_update(b"shieldwall/origin-value/v1\0")
        .chain_update(seed)
        .chain_update(length.to_be_bytes())
        .chain_update(pointer.as_bytes())
        .chain_update(value.as_bytes())
        .finalize();
    Digest(hash.into())
}

/// One digest over all commitments, by pointer in byte order.
pub(crate) fn digest_of(leaves: &BTreeMap<String, Digest>) -> Digest {
    let mut hash = Sha256::new().chain_update(b"shieldwall/origin-values/v1\0");
    for (pointer, commitment) in leaves {
        hash.update(u32::try_from(pointer.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(pointer.as_bytes());
        hash.update(commitment.0);
    }
    Digest(hash.finalize().into())
}

/// Why an object's values could not be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unlistable {
    /// More than [`MAX_LEAVES`].
    TooMany,
    /// No seed opens this value.
    NoSeed(String),
    /// This part is said to have been removed, and is there.
    NotRemoved(String),
}

/// A walk over a copy of an object that knows where everything stood in the full object.
pub(crate) struct Walk<'h, V> {
    /// What was removed; item numbers are shifted by it.
    pub(crate) hidden: &'h Hidden,
    /// Called for every part, containers first: pointer in the full object, pointer in this copy, the part, and
    /// whether it is a leaf. Returning `false` leaves the inside of a part out.
    pub(crate) visit: V,
}

impl<V: FnMut(&str, &str, Value<'_>, bool) -> Result<bool, Unlistable>> Walk<'_, V> {
    /// Recursion is bounded by the depth the text was parsed with.
    pub(crate) fn go(&mut self, full: &str, here: &str, value: Value<'_>) -> Result<(), Unlistable> {
        if self.hidden.contains_key(full) {
            return Err(Unlistable::NotRemoved(full.to_owned()));
        }
        let leaf = match value.kind() {
            Kind::Object => value.entries().next().is_none(),
            Kind::Array => value.items().next().is_none(),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => true,
        };
        if !(self.visit)(full, here, value, leaf)? || leaf {
            return Ok(());
        }
        for (key, member) in value.entries() {
            let name = key.as_str().unwrap_or_default();
            let name = escape_pointer(&name);
            self.go(&format!("{full}/{name}"), &format!("{here}/{name}"), member)?;
        }
        let mut place = 0_usize;
        for (index, item) in value.items().enumerate() {
            // Every number that is skipped is an entry of `hidden`, so this ends.
            while self.hidden.contains_key(&format!("{full}/{place}")) {
                place = place.saturating_add(1);
            }
            self.go(&format!("{full}/{place}"), &format!("{here}/{index}"), item)?;
            place = place.saturating_add(1);
        }
        Ok(())
    }
}

/// The seed of a part, from that of the smallest part around it that there is a seed for.
pub(crate) fn seed_of(seeds: &BTreeMap<String, Seed>, pointer: &str) -> Option<Seed> {
    let mut around = pointer;
    loop {
        if let Some(seed) = seeds.get(around) {
            let inside = pointer.get(around.len()..)?;
            let names = inside.split('/').skip(1);
            return Some(names.fold(*seed, |seed, name| child_seed(&seed, name)));
        }
        around = around.rsplit_once('/')?.0;
    }
}

/// The commitments to all values of a copy, what was removed included.
pub(crate) fn commitments(
    object: Value<'_>,
    seeds: &BTreeMap<String, Seed>,
    hidden: &Hidden,
) -> Result<BTreeMap<String, Digest>, Unlistable> {
    let mut leaves = BTreeMap::new();
    // Seeds of the parts around the current one, so that each is derived once.
    let mut open: Vec<(String, Option<Seed>)> = Vec::new();
    let mut text = String::new();
    let visit = |full: &str, _here: &str, value: Value<'_>, leaf: bool| {
        while open.last().is_some_and(|(around, _)| !is_inside(full, around)) {
            open.pop();
        }
        let derived = open.last().and_then(|(around, seed)| {
            let name = full.get(around.len()..)?.strip_prefix('/')?;
            Some(child_seed(seed.as_ref()?, name))
        });
        let seed = seeds.get(full).copied().or(derived);
        if leaf {
            if leaves.len() >= MAX_LEAVES {
                return Err(Unlistable::TooMany);
            }
            let seed = seed.ok_or_else(|| Unlistable::NoSeed(full.to_owned()))?;
            text.clear();
            canonical(value, &mut text);
            leaves.insert(full.to_owned(), commit(&seed, full, &text));
        } else {
            open.push((full.to_owned(), seed));
        }
        Ok(true)
    };
    Walk { hidden, visit }.go("", "", object)?;
    for (root, parts) in hidden {
        for (rest, commitment) in parts {
            if leaves.insert(format!("{root}{rest}"), *commitment).is_some() {
                return Err(Unlistable::NotRemoved(format!("{root}{rest}")));
            }
            if leaves.len() > MAX_LEAVES {
                return Err(Unlistable::TooMany);
            }
        }
    }
    Ok(leaves)
}

/// Whether a pointer leads into the part at another.
pub(crate) fn is_inside(pointer: &str, around: &str) -> bool {
    pointer.strip_prefix(around).is_some_and(|rest| rest.starts_with('/'))
}
