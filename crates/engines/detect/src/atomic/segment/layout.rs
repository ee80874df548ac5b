//! Finding one's way in the bytes of a segment, without trusting them.

use std::ops::Range;

use observable::Kind;
use xorf::{BinaryFuse8Ref, Filter as _, FilterRef as _};

use super::{
    Block, Card, DESCRIPTOR, Damaged, Family, HEADER, LENGTH, MAGIC, MAX_BITS, PACKED, PORTED, RECORD,
    VERSION, checksum, scatter,
};

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// Whether packed digits are those of a key.
fn is_packed(stored: &[u8], key: &str) -> bool {
    let (pairs, odd) = key.as_bytes().as_chunks::<2>();
    odd.is_empty()
        && pairs.len() == stored.len()
        && pairs.iter().zip(stored).all(|(pair, byte)| *pair == [digit(byte >> 4), digit(byte & 0xf)])
}

/// Reads numbers from left to right.
struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn number(&mut self) -> Option<u64> {
        self.take::<8>().map(u64::from_le_bytes)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn instant(&mut self) -> Option<i64> {
        self.take::<8>().map(i64::from_le_bytes)
    }

    fn short(&mut self) -> Option<u16> {
        self.take::<2>().map(u16::from_le_bytes)
    }
}

/// A record as it is read.
pub(super) struct Record {
    pub(super) card: Card,
    pub(super) kind: u8,
    place: usize,
    shape: u16,
}

impl Record {
    fn read(bytes: &[u8; RECORD]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let (subject, from, until) = (cursor.number()?, cursor.instant()?, cursor.instant()?);
        let [a, b, c, d, e, f] = cursor.take::<6>()?;
        let place = usize::try_from(u64::from_le_bytes([a, b, c, d, e, f, 0, 0])).ok()?;
        let (shape, port) = (cursor.short()?, cursor.short()?);
        let [kind, confidence] = cursor.take::<2>()?;
        let port = (shape & PORTED != 0).then_some(port);
        Some(Self { card: Card { subject, from, until, port, confidence }, place, shape, kind })
    }

    fn key<'k>(&self, keys: &'k [u8]) -> Option<&'k [u8]> {
        keys.get(self.place..)?.get(..usize::from(self.shape & LENGTH))
    }

    fn is(&self, kind: Kind, key: &str, keys: &[u8]) -> bool {
        self.kind == kind.id()
            && self.key(keys).is_some_and(|own| {
                if self.shape & PACKED == 0 { own == key.as_bytes() } else { is_packed(own, key) }
            })
    }

    /// Writes the key as text; `false` if it is none.
    pub(super) fn write_key(&self, keys: &[u8], text: &mut String) -> bool {
        text.clear();
        let Some(own) = self.key(keys) else { return false };
        if self.shape & PACKED != 0 {
            for byte in own {
                text.extend([digit(byte >> 4), digit(byte & 0xf)].map(char::from));
            }
            return true;
        }
        std::str::from_utf8(own).is_ok_and(|own| {
            text.push_str(own);
            true
        })
    }
}

/// Where the networks of a family are.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    pub(super) family: Family,
    pub(super) count: usize,
    /// The record of the first one.
    pub(super) records: usize,
    firsts: Range<usize>,
    lengths: Range<usize>,
    outers: Range<usize>,
}

/// Where everything in the bytes is.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) kinds: u64,
    pub(super) seed: u64,
    bits: u32,
    /// How many entries are found by a hash.
    pub(super) exact: usize,
    descriptor: Option<[u8; DESCRIPTOR]>,
    directory: Range<usize>,
    hashes: Range<usize>,
    fingerprints: Range<usize>,
    pub(super) four: Networks,
    pub(super) six: Networks,
    records: Range<usize>,
    pub(super) keys: Range<usize>,
}

/// In which bucket of the directory a hash is, if so many bits choose it.
pub(super) fn bucket(hash: u64, bits: u32) -> usize {
    hash.checked_shr(64 - bits).map_or(0, |bucket| usize::try_from(bucket).unwrap_or(usize::MAX))
}

/// Numbers of four bytes, read as places.
fn place_at(numbers: &[u8], place: usize) -> Option<usize> {
    let number = numbers.as_chunks::<4>().0.get(place)?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}

impl Layout {
    /// Reads and checks what has to be right for everything else to be read safely.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut cursor = Cursor(bytes.first_chunk::<HEADER>().ok_or(Damaged::Foreign)?);
        // The header is as long as all that is read of it, so nothing here is missing.
        let lacking = || Damaged::Contradiction("header");
        if cursor.take::<6>() != Some(MAGIC) {
            return Err(Damaged::Foreign);
        }
        let version = cursor.short().ok_or_else(lacking)?;
        if version != VERSION {
            return Err(Damaged::Version(version));
        }
        let sum = cursor.number().ok_or_else(lacking)?;
        let (expected, found) = (cursor.number().ok_or_else(lacking)?, bytes.len() as u64);
        if expected != found {
            return Err(Damaged::Length { found, expected });
        }
        if sum != checksum(bytes) {
            return Err(Damaged::Checksum);
        }
        let kinds = cursor.number().ok_or_else(lacking)?;
        let seed = cursor.number().ok_or_else(lacking)?;
        let mut count = || cursor.size().ok_or_else(lacking);
        let [exact, four, six, keys, fingerprints] = [count()?, count()?, count()?, count()?, count()?];
        let descriptor = cursor.take::<DESCRIPTOR>().ok_or_else(lacking)?;
        let bits = cursor.take::<4>().map(u32::from_le_bytes).filter(|bits| *bits <= MAX_BITS);
        let bits = bits.ok_or(Damaged::Contradiction("directory"))?;
        let descriptor = if fingerprints == 0 {
            None
        } else if is_sound(descriptor, fingerprints) {
            Some(descriptor)
        } else {
            return Err(Damaged::Contradiction("filter"));
        };

        let mut behind = HEADER;
        let mut section = |count: usize, width: usize| -> Result<Range<usize>, Damaged> {
            let begin = behind;
            behind = count
                .checked_mul(width)
                .and_then(|length| begin.checked_add(length))
                .filter(|end| *end <= bytes.len())
                .ok_or(Damaged::Contradiction("lengths"))?;
            Ok(begin..behind)
        };
        let directory = section((1 << bits) + 1, 4)?;
        let hashes = section(exact, 8)?;
        let fingerprints = section(fingerprints, 1)?;
        let mut networks = |family: Family, count: usize, records: usize| -> Result<Networks, Damaged> {
            let firsts = section(count, family.width())?;
            let lengths = section(count, 1)?;
            let outers = section(count, 4)?;
            Ok(Networks { family, count, records, firsts, lengths, outers })
        };
        // Each count alone fits into the bytes, so their sum is a number.
        let (four, six) = (networks(Family::Four, four, exact)?, networks(Family::Six, six, exact + four)?);
        let records = section(exact + four.count + six.count, RECORD)?;
        let keys = section(keys, 1)?;
        if behind != bytes.len() {
            return Err(Damaged::Contradiction("lengths"));
        }
        Ok(Self {
            kinds,
            seed,
            bits,
            exact,
            descriptor,
            directory,
            hashes,
            fingerprints,
            four,
            six,
            records,
            keys,
        })
    }

    pub(super) fn may_hold(&self, bytes: &[u8], hash: u64) -> bool {
        self.descriptor.as_ref().is_none_or(|descriptor| {
            bytes.get(self.fingerprints.clone()).is_some_and(|fingerprints| {
                BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&hash)
            })
        })
    }

    /// As [`Layout::may_hold`], for any of several [`super::hash`]es.
    pub(super) fn may_hold_any(&self, bytes: &[u8], hashes: &[u64]) -> bool {
        let Some(descriptor) = &self.descriptor else { return self.exact > 0 && !hashes.is_empty() };
        let Some(fingerprints) = bytes.get(self.fingerprints.clone()) else { return false };
        let filter = BinaryFuse8Ref::from_dma(descriptor, fingerprints);
        // Without a way out in between, so that no look-up waits for the one before.
        hashes.iter().fold(false, |found, hash| found | filter.contains(&scatter(*hash, self.seed)))
    }

    pub(super) fn record(&self, bytes: &[u8], place: usize) -> Option<Record> {
        Record::read(bytes.get(self.records.clone())?.as_chunks::<RECORD>().0.get(place)?)
    }

    /// The records of a value.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        hash: u64,
        kind: Kind,
        key: &str,
        each: &mut dyn FnMut(Card),
    ) -> Option<()> {
        let bucket = bucket(hash, self.bits);
        let directory = bytes.get(self.directory.clone())?;
        let (begin, end) = (place_at(directory, bucket)?, place_at(directory, bucket + 1)?);
        let hashes = bytes.get(self.hashes.clone())?.as_chunks::<8>().0.get(begin..end)?;
        let first = hashes.partition_point(|own| u64::from_le_bytes(*own) < hash);
        let keys = bytes.get(self.keys.clone())?;
        for (place, own) in hashes.iter().enumerate().skip(first) {
            if u64::from_le_bytes(*own) != hash {
                break;
            }
            if let Some(record) = self.record(bytes, begin + place)
                && record.is(kind, key, keys)
            {
                each(record.card);
            }
        }
        Some(())
    }

    pub(super) const fn networks(&self, family: Family) -> &Networks {
        match family {
            Family::Four => &self.four,
            Family::Six => &self.six,
        }
    }
}

/// Whether every place that the filter asks for is among its fingerprints: it looks into three segments that follow each
/// other, each a power of two long.
fn is_sound(descriptor: [u8; DESCRIPTOR], fingerprints: usize) -> bool {
    let mut cursor = Cursor(&descriptor);
    let mut number = || cursor.take::<4>().map(u32::from_le_bytes);
    // The seed may be anything.
    let (Some(_), Some(_)) = (number(), number()) else { return false };
    let (Some(length), Some(mask), Some(begins)) = (number(), number(), number()) else { return false };
    length.is_power_of_two()
        && mask == length - 1
        && begins >= length
        && begins.is_multiple_of(length)
        && u64::from(begins) + 2 * u64::from(length) == fingerprints as u64
        && u32::try_from(fingerprints).is_ok()
}

impl Networks {
    pub(super) fn block(&self, bytes: &[u8], place: usize) -> Option<Block> {
        let firsts = bytes.get(self.firsts.clone())?;
        let first = match self.family {
            Family::Four => u128::from(u32::from_le_bytes(*firsts.as_chunks::<4>().0.get(place)?)),
            Family::Six => u128::from_le_bytes(*firsts.as_chunks::<16>().0.get(place)?),
        };
        let length = *bytes.get(self.lengths.clone())?.get(place)?;
        Some(Block { first, length })
    }

    /// How many networks begin before the block, or where it does and are no smaller: the last of them holds it, or
    /// lies in all that do.
    fn up_to(&self, bytes: &[u8], block: Block) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.block(bytes, middle).is_some_and(|own| own <= block) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The places behind the last entry of each network that the block lies in, innermost first.
    pub(super) fn around(
        &self,
        bytes: &[u8],
        block: Block,
        each: &mut dyn FnMut(Block, usize),
    ) -> Option<()> {
        let outers = bytes.get(self.outers.clone())?;
        let mut behind = self.up_to(bytes, block);
        while let Some(last) = behind.checked_sub(1) {
            let own = self.block(bytes, last)?;
            if own.contains(block, self.family) {
                each(own, behind);
            }
            let outer = place_at(outers, last)?;
            // Outwards is always towards the beginning.
            if outer >= behind {
                return None;
            }
            behind = outer;
        }
        Some(())
    }
}
