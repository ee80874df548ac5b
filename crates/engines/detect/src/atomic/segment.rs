//! Entries in one block of bytes that is made once and then read where it lies: in memory, or in a file that is mapped.
//!
//! Numbers are little-endian and stand at any address; nothing is decoded but what is looked at. In this order:
//!
//! | Part | Bytes | What |
//! |---|---|---|
//! | header | 104 | what it is, checksum of all behind it, counts, seed, the filter's descriptor |
//! | directory | 4 for each 4 to 8 values | by the first bits of a hash, the place of the first hash with these bits |
//! | hashes | 8 a value | sorted; of kind and key |
//! | filter | 1.13 a value | a binary fuse filter over the hashes: most look-ups end here |
//! | IPv4, IPv6 networks | 9 and 21 a network | first addresses, sorted; prefix lengths; where the network around it is |
//! | records | 36 an entry | who, when, which port, where its key is |
//! | keys | their text, or half of it | to be compared, so that no collision is a hit; hex digits are packed in pairs |
//!
//! So a million values take 46 MB and their keys: 4 MB of IPv4 addresses, 17 MB of domains, 32 MB of SHA-256. While they
//! are built, entries take 56 bytes and their keys once more. Finding the networks around an address is a binary search
//! and a walk outwards; of 32 or 128 steps at most, whatever is in the segment.
//!
//! Who writes the values must not choose where they land: hashes that all begin alike would make long buckets, and
//! the filter's construction would overflow its counters. So they are scattered by a seed that is a digest of them all.

mod build;
mod layout;

use std::fmt::{self, Write as _};

use model::Timestamp;
use observable::Kind;
use twox_hash::XxHash3_64;
use xorf::{BinaryFuse8, DmaSerializable as _};

use super::Entry;
pub use build::SegmentBuilder;
use layout::Layout;

/// The most entries of one segment: more than fit into the memory of a machine that this runs on.
pub const MAX_ENTRIES: usize = 1 << 31;

const MAGIC: [u8; 6] = *b"swatom";
const VERSION: u16 = 1;
/// Magic, version and checksum, which are all that the checksum does not cover.
const UNSUMMED: usize = 16;
const HEADER: usize = 104;
const DESCRIPTOR: usize = BinaryFuse8::DESCRIPTOR_LEN;
const RECORD: usize = 36;
/// A directory of more than 2^28 buckets helps nobody.
const MAX_BITS: u32 = 28;

/// Of a record's shape: how many bytes its key has in the segment.
const LENGTH: u16 = 0x0fff;
/// Of a record's shape: its key is hex digits in pairs.
const PACKED: u16 = 0x1000;
/// Of a record's shape: it asks for a port.
const PORTED: u16 = 0x2000;

/// Why bytes are no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// They do not begin like one.
    #[error("this is no index of indicators; build it anew from the store")]
    Foreign,
    /// They are one of another version.
    #[error(
        "the index of indicators is in format {0}, which this program does not read; build it anew from the store"
    )]
    Version(u16),
    /// There are fewer or more than there should be.
    #[error("the index of indicators has {found} bytes instead of {expected}; build it anew from the store")]
    Length {
        /// How many there are.
        found: u64,
        /// How many there should be.
        expected: u64,
    },
    /// Some are not what was written.
    #[error("the index of indicators is damaged: its checksum does not match; build it anew from the store")]
    Checksum,
    /// What the header says cannot be.
    #[error("the index of indicators contradicts itself in its {0}; build it anew from the store")]
    Contradiction(&'static str),
}

/// The bit of a kind in a set of kinds.
pub(super) const fn bit(kind: Kind) -> u64 {
    1 << kind.id()
}

/// The hash of a value, the same in every segment.
pub(super) fn hash(kind: Kind, key: &str) -> u64 {
    XxHash3_64::oneshot_with_seed(u64::from(kind.id()), key.as_bytes())
}

/// A segment's own hash of a hash. One to one (the last steps of SplitMix64), so what differs goes on to differ.
const fn scatter(hash: u64, seed: u64) -> u64 {
    let mixed = hash ^ seed;
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Addresses of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4.
    Four,
    /// IPv6.
    Six,
}

impl Family {
    /// The kind of its networks.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Four => Kind::Cidr4,
            Self::Six => Kind::Cidr6,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Four => 32,
            Self::Six => 128,
        }
    }

    /// Bytes of an address.
    const fn width(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Six => 16,
        }
    }
}

/// Some addresses: the first one and how many bits they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block {
    pub(super) first: u128,
    pub(super) length: u8,
}

impl Block {
    /// The addresses that a key of an address or a network names.
    pub(super) fn of(kind: Kind, key: &str) -> Option<(Family, Self)> {
        let (digits, length) = match kind {
            Kind::Ipv4 => return Some((Family::Four, Self { first: u32_of(key)?.into(), length: 32 })),
            Kind::Ipv6 => (key, 128),
            Kind::Cidr4 | Kind::Cidr6 => {
                let (digits, length) = key.split_once('/')?;
                (digits, length.parse().ok()?)
            }
            _ => return None,
        };
        let family = if kind == Kind::Cidr4 { Family::Four } else { Family::Six };
        let first = u128::from_str_radix(digits, 16).ok()?;
        (digits.len() == 2 * family.width() && length <= family.bits())
            .then_some((family, Self { first, length }))
    }

    fn contains(self, other: Self, family: Family) -> bool {
        let shared = u128::MAX.checked_shl(u32::from(family.bits().saturating_sub(self.length))).unwrap_or(0);
        self.length <= other.length && other.first & shared == self.first
    }

    /// Writes the key of the network's observable.
    pub(super) fn write_key(self, family: Family, key: &mut String) {
        key.clear();
        let Self { first, length } = self;
        // Into a `String` nothing fails.
        let _ = match family {
            Family::Four => write!(key, "{first:08x}/{length:02}"),
            Family::Six => write!(key, "{first:032x}/{length:03}"),
        };
    }
}

fn u32_of(key: &str) -> Option<u32> {
    u32::from_str_radix(key, 16).ok()
}

/// Of everything behind itself.
fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes.get(UNSUMMED..).unwrap_or_default())
}

/// Who asks for a value, and when it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Card {
    pub(super) subject: u64,
    /// Microseconds.
    from: i64,
    /// Microseconds; the greatest number if it has no end.
    until: i64,
    pub(super) port: Option<u16>,
    /// 255 if there is none.
    pub(super) confidence: u8,
}

impl Card {
    fn of(entry: &Entry) -> Self {
        Self {
            subject: entry.subject,
            from: entry.from.as_micros(),
            until: entry.until.map_or(i64::MAX, Timestamp::as_micros),
            port: entry.atom.port,
            confidence: entry.confidence.map_or(u8::MAX, |confidence| confidence.min(100)),
        }
    }

    /// Whether it counts at that instant (microseconds), beside that port.
    pub(super) fn counts(&self, at: i64, port: Option<u16>) -> bool {
        self.from <= at && at < self.until && (self.port.is_none() || self.port == port)
    }

    pub(super) fn from(&self) -> Timestamp {
        Timestamp::from_micros(self.from)
    }

    pub(super) fn until(&self) -> Option<Timestamp> {
        (self.until != i64::MAX).then(|| Timestamp::from_micros(self.until))
    }
}

/// Entries that are ready to be asked. It is made of bytes that [`SegmentBuilder::finish`] wrote.
pub struct Segment {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    layout: Layout,
}

impl Segment {
    /// Takes bytes that a builder made; they are read where they are, so a mapped file need not fit into memory.
    ///
    /// # Errors
    /// [`Damaged`] when they are not what was written.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Damaged> {
        let layout = Layout::read(bytes.as_ref())?;
        Ok(Self { bytes: Box::new(bytes), layout })
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.layout.exact + self.layout.four.count + self.layout.six.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kinds of its values, as a set of [`bit`]s.
    pub(super) const fn kinds(&self) -> u64 {
        self.layout.kinds
    }

    fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// The entries of exactly this value, whose [`hash`] the caller has.
    pub(super) fn exact(&self, kind: Kind, key: &str, hash: u64, each: &mut dyn FnMut(Card)) {
        if self.layout.kinds & bit(kind) == 0 {
            return;
        }
        let (bytes, hash) = (self.bytes(), scatter(hash, self.layout.seed));
        if self.layout.may_hold(bytes, hash) {
            self.layout.find(bytes, hash, kind, key, each);
        }
    }

    /// Whether an entry may have one of these hashes.
    pub(super) fn may_hold_any(&self, hashes: &[u64]) -> bool {
        self.layout.may_hold_any(self.bytes(), hashes)
    }

    /// The entries of every network that these addresses lie in.
    pub(super) fn around(&self, family: Family, block: Block, each: &mut dyn FnMut(Block, Card)) {
        let (bytes, networks) = (self.bytes(), self.layout.networks(family));
        networks.around(bytes, block, &mut |network, behind| {
            for place in (0..behind).rev() {
                if networks.block(bytes, place) != Some(network) {
                    break;
                }
                if let Some(record) = self.layout.record(bytes, networks.records + place) {
                    each(network, record.card);
                }
            }
        });
    }

    /// Every entry: kind, key, and the rest.
    pub(super) fn each(&self, each: &mut dyn FnMut(Kind, &str, Card)) {
        let (bytes, layout) = (self.bytes(), &self.layout);
        let keys = bytes.get(layout.keys.clone()).unwrap_or_default();
        let mut text = String::new();
        for place in 0..layout.exact {
            if let Some(record) = layout.record(bytes, place)
                && let Some(kind) = Kind::from_id(record.kind)
                && record.write_key(keys, &mut text)
            {
                each(kind, &text, record.card);
            }
        }
        for networks in [&layout.four, &layout.six] {
            for place in 0..networks.count {
                if let Some(block) = networks.block(bytes, place)
                    && let Some(record) = layout.record(bytes, networks.records + place)
                {
                    block.write_key(networks.family, &mut text);
                    each(networks.family.kind(), &text, record.card);
                }
            }
        }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes().len();
        f.debug_struct("Segment").field("entries", &self.len()).field("bytes", &bytes).finish_non_exhaustive()
    }
}
