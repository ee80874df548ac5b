//! The bytes that baselines are kept in: a mark, what it is, the version, numbers and texts, a checksum.
//!
//! Numbers take seven bits a byte (LEB128), signed ones zigzag. The checksum is for disks, not for adversaries: whoever
//! can write the file can write any baseline.

use sha2::{Digest as _, Sha256};

const MARK: &[u8] = b"SWAN";
const VERSION: u8 = 1;

/// What saved bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Beacons = 1,
    FirstSeen = 2,
}

/// Why saved bytes cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// They were not written by the `save` that belongs to this `load`.
    #[error("these bytes hold no such baseline; name the right file, or begin without one")]
    Foreign,
    /// A later version wrote them.
    #[error("the baseline has format {0}, this program reads {reads}; use a later one, or begin without", reads = VERSION)]
    Version(u8),
    /// They are not what was written.
    #[error("the baseline is damaged; take an older copy, or begin without one")]
    Damaged,
    /// Values were hashed with another key, so none would be known again.
    #[error("the baseline was made with another key; give this node the key it had, or begin without one")]
    OtherKey,
}

/// The first eight bytes of the SHA-256 of two texts, one behind the other.
pub(crate) fn digest(head: &[u8], tail: &[u8]) -> u64 {
    let hash: [u8; 32] = Sha256::new().chain_update(head).chain_update(tail).finalize().into();
    hash.first_chunk::<8>().map_or(0, |head| u64::from_le_bytes(*head))
}

#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(kept: Kept) -> Self {
        let mut bytes = MARK.to_vec();
        bytes.extend([kept as u8, VERSION]);
        Self(bytes)
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            let [low, ..] = number.to_le_bytes();
            self.0.push(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.0.push(low);
    }

    pub(crate) fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    pub(crate) fn maybe(&mut self, number: Option<i64>) {
        match number {
            Some(number) => {
                self.number(1);
                self.signed(number);
            }
            None => self.number(0),
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = digest(&self.0, &[]);
        self.0.extend(sum.to_le_bytes());
        self.0
    }
}

#[derive(Debug)]
pub(crate) struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    pub(crate) fn open(bytes: &'b [u8], kept: Kept) -> Result<Self, LoadError> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(LoadError::Foreign)?;
        let Some([own, version, rest @ ..]) = body.strip_prefix(MARK) else { return Err(LoadError::Foreign) };
        if *own != kept as u8 {
            return Err(LoadError::Foreign);
        }
        if *version != VERSION {
            return Err(LoadError::Version(*version));
        }
        if u64::from_le_bytes(*sum) != digest(body, &[]) {
            return Err(LoadError::Damaged);
        }
        Ok(Self(rest))
    }

    pub(crate) fn number(&mut self) -> Result<u64, LoadError> {
        let mut number = 0_u64;
        for shift in (0..64_u32).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(LoadError::Damaged)?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            // Of the tenth byte one bit belongs to the number.
            if shift == 63 && part > 1 {
                return Err(LoadError::Damaged);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(LoadError::Damaged)
    }

    /// A number that fits into a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, LoadError> {
        T::try_from(self.number()?).map_err(|_| LoadError::Damaged)
    }

    /// A number of things that follow, of which each takes a byte or more.
    pub(crate) fn count(&mut self) -> Result<usize, LoadError> {
        let count: usize = self.small()?;
        if count > self.0.len() { Err(LoadError::Damaged) } else { Ok(count) }
    }

    pub(crate) fn signed(&mut self) -> Result<i64, LoadError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn maybe(&mut self) -> Result<Option<i64>, LoadError> {
        match self.number()? {
            0 => Ok(None),
            1 => self.signed().map(Some),
            _ => Err(LoadError::Damaged),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, LoadError> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(LoadError::Damaged)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| LoadError::Damaged)
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        if self.0.is_empty() { Ok(()) } else { Err(LoadError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: [i64; 8] = [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN];
    const NUMBERS: [u64; 6] = [0, 127, 128, 16_384, u64::MAX - 1, u64::MAX];

    fn written() -> Vec<u8> {
        let mut writer = Writer::new(Kept::Beacons);
        NUMBERS.into_iter().for_each(|number| writer.number(number));
        SIGNED.into_iter().for_each(|number| writer.signed(number));
        writer.maybe(None);
        writer.maybe(Some(-5));
        writer.text("ä");
        writer.finish()
    }

    #[test]
    fn what_was_written_comes_back() {
        let bytes = written();
        let mut reader = Reader::open(&bytes, Kept::Beacons).unwrap();
        for number in NUMBERS {
            assert_eq!(reader.number(), Ok(number));
        }
        for number in SIGNED {
            assert_eq!(reader.signed(), Ok(number));
        }
        assert_eq!((reader.maybe(), reader.maybe()), (Ok(None), Ok(Some(-5))));
        assert_eq!(reader.text().as_deref(), Ok("ä"));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn other_bytes_are_named_for_what_they_are() {
        let open = |bytes: &[u8]| Reader::open(bytes, Kept::Beacons).map(|_| ());
        let bytes = written();
        assert_eq!(open(&bytes), Ok(()));
        assert_eq!(open(b""), Err(LoadError::Foreign));
        assert_eq!(open(b"something else entirely"), Err(LoadError::Foreign));
        assert_eq!(Reader::open(&bytes, Kept::FirstSeen).map(|_| ()), Err(LoadError::Foreign));
        let mut later = bytes.clone();
        later[5] = 9;
        assert_eq!(open(&later), Err(LoadError::Version(9)));
        let mut flipped = bytes.clone();
        flipped[8] ^= 1;
        assert_eq!(open(&flipped), Err(LoadError::Damaged));
        assert_eq!(open(&bytes[..bytes.len() - 1]), Err(LoadError::Damaged));
    }

    #[test]
    fn numbers_end_and_fit() {
        assert_eq!(Reader(&[0xff; 20]).number(), Err(LoadError::Damaged));
        assert_eq!(
            Reader(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).number(),
            Err(LoadError::Damaged)
        );
        assert_eq!(Reader(&[0x80]).number(), Err(LoadError::Damaged));
        assert_eq!(Reader(&[0x80, 2]).small::<u8>(), Err(LoadError::Damaged));
        // More things than bytes are left.
        assert_eq!(Reader(&[5, 1, 1]).count(), Err(LoadError::Damaged));
        assert_eq!(Reader(&[3, 0xff, 0xff, 0xff]).text(), Err(LoadError::Damaged));
        assert_eq!(Reader(&[0]).finish(), Err(LoadError::Damaged));
    }
}
