//! Making a segment.

use std::cmp::Ordering;

use observable::{Kind, MAX_KEY};
use sha2::{Digest as _, Sha256};
use xorf::{BinaryFuse8, DmaSerializable as _};

use super::layout::bucket;
use super::{
    Block, Card, DESCRIPTOR, Family, HEADER, LENGTH, MAGIC, MAX_BITS, MAX_ENTRIES, PACKED, PORTED, RECORD,
    Segment, UNSUMMED, VERSION, bit, checksum, hash, scatter,
};
use crate::atomic::Entry;

/// An entry before its place is known.
#[derive(Debug, Clone, Copy)]
struct Draft {
    hash: u64,
    card: Card,
    /// Where in the builder's keys its own begins.
    place: usize,
    shape: u16,
    kind: u8,
}

impl Draft {
    fn key<'k>(&self, keys: &'k [u8]) -> &'k [u8] {
        let length = usize::from(self.shape & LENGTH);
        keys.get(self.place..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    /// By hash; entries of one value stand together, equal ones side by side.
    fn order(&self, other: &Self, keys: &[u8]) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| {
            let whole = |draft: &Self| (draft.kind, draft.shape & !PORTED);
            whole(self)
                .cmp(&whole(other))
                .then_with(|| self.key(keys).cmp(other.key(keys)))
                .then_with(|| self.card.cmp(&other.card))
        })
    }
}

/// Collects entries and makes a segment of them.
#[derive(Debug, Default)]
pub struct SegmentBuilder {
    kinds: u64,
    exact: Vec<Draft>,
    four: Vec<(Block, Card)>,
    six: Vec<(Block, Card)>,
    keys: Vec<u8>,
}

impl SegmentBuilder {
    /// Without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an entry in. Returns whether it could: there are not [`MAX_ENTRIES`] yet, and its observable is one that
    /// `observable::normalise` made.
    pub fn add(&mut self, entry: &Entry) -> bool {
        let observable = &entry.atom.observable;
        self.put(observable.kind(), observable.key(), Card::of(entry))
    }

    pub(in crate::atomic) fn put(&mut self, kind: Kind, key: &str, card: Card) -> bool {
        if self.len() >= MAX_ENTRIES || key.is_empty() || key.len() > MAX_KEY {
            return false;
        }
        if matches!(kind, Kind::Cidr4 | Kind::Cidr6) {
            match Block::of(kind, key) {
                Some((Family::Four, block)) => self.four.push((block, card)),
                Some((Family::Six, block)) => self.six.push((block, card)),
                None => return false,
            }
        } else {
            let place = self.keys.len();
            let mut shape = if pack(key, &mut self.keys) { PACKED } else { 0 };
            // No key is longer than `MAX_KEY`.
            shape |= u16::try_from(self.keys.len() - place).unwrap_or(0) & LENGTH;
            if card.port.is_some() {
                shape |= PORTED;
            }
            self.exact.push(Draft { hash: hash(kind, key), card, place, shape, kind: kind.id() });
        }
        self.kinds |= bit(kind);
        true
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.exact.len() + self.four.len() + self.six.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The segment. Of equal entries one is in it.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let Self { kinds, mut exact, mut four, mut six, keys } = self;
        let seed = seed(&exact);
        for draft in &mut exact {
            draft.hash = scatter(draft.hash, seed);
        }
        exact.sort_unstable_by(|a, b| a.order(b, &keys));
        exact.dedup_by(|b, a| a.order(b, &keys).is_eq());
        for networks in [&mut four, &mut six] {
            networks.sort_unstable();
            networks.dedup();
        }
        let filter = filter(&exact);
        let mut descriptor = [0u8; DESCRIPTOR];
        let fingerprints: &[u8] = match &filter {
            Some(filter) => {
                filter.dma_copy_descriptor_to(&mut descriptor);
                filter.dma_fingerprints()
            }
            None => &[],
        };
        let bits = bits(exact.len());

        let values = HEADER + 4 * ((1 << bits) + 1) + 8 * exact.len() + fingerprints.len() + keys.len();
        let room = values + RECORD * exact.len() + (RECORD + 9) * four.len() + (RECORD + 21) * six.len();
        let mut out = Vec::with_capacity(room);
        out.resize(HEADER, 0);
        write_directory(&exact, bits, &mut out);
        for draft in &exact {
            out.extend_from_slice(&draft.hash.to_le_bytes());
        }
        out.extend_from_slice(fingerprints);
        write_networks(&four, Family::Four, &mut out);
        write_networks(&six, Family::Six, &mut out);
        let held = write_records(&exact, &four, &six, &keys, &mut out);

        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        // The checksum's place.
        header.extend_from_slice(&[0; 8]);
        let counts = [exact.len(), four.len(), six.len(), held, fingerprints.len()].map(|count| count as u64);
        for number in [out.len() as u64, kinds, seed].into_iter().chain(counts) {
            header.extend_from_slice(&number.to_le_bytes());
        }
        header.extend_from_slice(&descriptor);
        header.extend_from_slice(&bits.to_le_bytes());
        set(&mut out, 0, &header);
        let sum = checksum(&out);
        set(&mut out, UNSUMMED - 8, &sum.to_le_bytes());
        out
    }

    /// The segment, in memory; `None` if it would be empty.
    pub(in crate::atomic) fn into_segment(self) -> Option<Segment> {
        if self.is_empty() { None } else { Segment::open(self.finish()).ok() }
    }
}

fn set(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn seed(exact: &[Draft]) -> u64 {
    let mut digest = Sha256::new();
    for draft in exact {
        digest.update(draft.hash.to_le_bytes());
    }
    let digest: [u8; 32] = digest.finalize().into();
    digest.first_chunk::<8>().map_or(0, |first| u64::from_le_bytes(*first))
}

/// Of a set of values for which there is no filter, every look-up goes to the directory.
fn filter(exact: &[Draft]) -> Option<BinaryFuse8> {
    let mut hashes: Vec<u64> = exact.iter().map(|draft| draft.hash).collect();
    hashes.dedup();
    if hashes.is_empty() {
        return None;
    }
    BinaryFuse8::try_from(hashes.as_slice()).ok()
}

/// How many bits of a hash choose its bucket, so that four to eight share one.
fn bits(values: usize) -> u32 {
    (values / 4).checked_ilog2().unwrap_or(0).min(MAX_BITS)
}

/// A place as it is stored: there are fewer than [`MAX_ENTRIES`].
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn write_directory(exact: &[Draft], bits: u32, out: &mut Vec<u8>) {
    let mut next = 0;
    for (place, draft) in exact.iter().enumerate() {
        while next <= bucket(draft.hash, bits) {
            out.extend_from_slice(&narrow(place).to_le_bytes());
            next += 1;
        }
    }
    while next <= 1 << bits {
        out.extend_from_slice(&narrow(exact.len()).to_le_bytes());
        next += 1;
    }
}

fn write_networks(networks: &[(Block, Card)], family: Family, out: &mut Vec<u8>) {
    for (block, _) in networks {
        let address = block.first.to_le_bytes();
        out.extend_from_slice(address.get(..family.width()).unwrap_or_default());
    }
    out.extend(networks.iter().map(|(block, _)| block.length));
    // The networks that the present one may lie in, outermost first, and the place behind the last entry of each.
    let mut around: Vec<(Block, usize)> = Vec::new();
    let mut seen = 0;
    for entries in networks.chunk_by(|(a, _), (b, _)| a == b) {
        let Some((block, _)) = entries.first() else { continue };
        while around.last().is_some_and(|(outer, _)| !outer.contains(*block, family)) {
            around.pop();
        }
        let outer = around.last().map_or(0, |(_, behind)| *behind);
        for _ in entries {
            out.extend_from_slice(&narrow(outer).to_le_bytes());
        }
        seen += entries.len();
        around.push((*block, seen));
    }
}

/// Records and keys; returns how many bytes the keys take. Entries of one value share its key.
fn write_records(
    exact: &[Draft],
    four: &[(Block, Card)],
    six: &[(Block, Card)],
    keys: &[u8],
    out: &mut Vec<u8>,
) -> usize {
    let (mut place, mut behind) = (0, 0);
    let mut last: Option<&Draft> = None;
    for draft in exact {
        if last.is_none_or(|last| last.key(keys) != draft.key(keys)) {
            place = behind;
            behind += draft.key(keys).len();
        }
        write_record(&draft.card, place, draft.shape, draft.kind, out);
        last = Some(draft);
    }
    for (networks, family) in [(four, Family::Four), (six, Family::Six)] {
        for (_, card) in networks {
            let shape = if card.port.is_some() { PORTED } else { 0 };
            write_record(card, 0, shape, family.kind().id(), out);
        }
    }
    let mut last: Option<&Draft> = None;
    for draft in exact {
        if last.is_none_or(|last| last.key(keys) != draft.key(keys)) {
            out.extend_from_slice(draft.key(keys));
        }
        last = Some(draft);
    }
    behind
}

fn write_record(card: &Card, place: usize, shape: u16, kind: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&card.subject.to_le_bytes());
    out.extend_from_slice(&card.from.to_le_bytes());
    out.extend_from_slice(&card.until.to_le_bytes());
    // 256 TiB of keys are enough.
    let place = (place as u64).to_le_bytes();
    out.extend_from_slice(place.get(..6).unwrap_or_default());
    out.extend_from_slice(&shape.to_le_bytes());
    out.extend_from_slice(&card.port.unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&[kind, card.confidence]);
}

/// Appends a key, in half its length if it is hex digits alone; returns whether it was.
fn pack(key: &str, keys: &mut Vec<u8>) -> bool {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let begin = keys.len();
    let (pairs, odd) = key.as_bytes().as_chunks::<2>();
    if odd.is_empty() {
        for [high, low] in pairs {
            let (Some(high), Some(low)) = (value(*high), value(*low)) else { break };
            keys.push((high << 4) | low);
        }
        if keys.len() - begin == pairs.len() {
            return true;
        }
    }
    keys.truncate(begin);
    keys.extend_from_slice(key.as_bytes());
    false
}
