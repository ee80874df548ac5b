//! A file whose last chunk seems whole.
//!
//! An event log is a header and chunks of one size. Of a file that was cut off, parsers leave the last chunk out. With
//! zeros behind its last whole record, the records before the cut can be read, and none of them by half.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

/// The header before the first chunk, in bytes.
const HEADER: u64 = 4096;
/// A chunk, in bytes.
pub(crate) const CHUNK: u64 = 65536;
/// The header of a chunk, in bytes.
const CHUNK_HEADER: usize = 512;
/// What a record begins with, before its length.
const RECORD: [u8; 4] = *b"**\0\0";
/// The length of a record with nothing in it.
const SHORTEST: usize = 28;

#[derive(Debug)]
pub(crate) struct Padded {
    file: File,
    /// What is taken from the file.
    length: u64,
    /// What there seems to be.
    padded: u64,
    position: u64,
    chunks: u64,
    cut: u64,
}

impl Padded {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut length = meta.len();
        let chunks = length.saturating_sub(HEADER).div_ceil(CHUNK);
        let cut = length.saturating_sub(HEADER) % CHUNK;
        let padded = if chunks == 0 { length } else { HEADER.saturating_add(chunks.saturating_mul(CHUNK)) };
        if cut > 0 {
            let begin = length - cut;
            let mut tail = Vec::new();
            file.seek(SeekFrom::Start(begin))?;
            file.by_ref().take(cut).read_to_end(&mut tail)?;
            file.rewind()?;
            length = begin + whole_records(&tail) as u64;
        }
        Ok(Self { file, length, padded, position: 0, chunks, cut })
    }

    /// Chunks that are there, the last one perhaps in part.
    pub(crate) const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// How many bytes there are of a chunk that was cut off; 0 if none was.
    pub(crate) const fn cut(&self) -> u64 {
        self.cut
    }
}

/// How much of a chunk that was cut off is worth reading: up to the record that the cut went through. All of it, if its
/// records do not lead there.
fn whole_records(chunk: &[u8]) -> usize {
    let mut begin = CHUNK_HEADER;
    while let Some((mark, rest)) = chunk.get(begin..).and_then(|rest| rest.split_first_chunk::<4>()) {
        let length =
            rest.first_chunk::<4>().and_then(|length| usize::try_from(u32::from_le_bytes(*length)).ok());
        let Some(length) = length else { break };
        if *mark != RECORD || length < SHORTEST {
            return chunk.len();
        }
        let end = begin.saturating_add(length);
        if end > chunk.len() {
            break;
        }
        begin = end;
    }
    begin.min(chunk.len())
}

impl Read for Padded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.position < self.length;
        let end = if there { self.length } else { self.padded };
        let left = end.saturating_sub(self.position);
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let room = buffer.get_mut(..room).unwrap_or_default();
        let read = if there {
            self.file.read(room)?
        } else {
            room.fill(0);
            room.len()
        };
        if read == 0 && !room.is_empty() {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Padded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.padded.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let before = || io::Error::new(ErrorKind::InvalidInput, "there is nothing before the beginning");
        let place = place.ok_or_else(before)?;
        if place < self.length {
            self.file.seek(SeekFrom::Start(place))?;
        }
        self.position = place;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many bytes `x`, opened.
    fn padded(length: usize) -> Padded {
        let folder = testkit::temp_dir();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        Padded::open(&path).unwrap()
    }

    #[test]
    fn what_is_missing_of_a_chunk_reads_as_zeros() {
        for (length, seems, chunks, cut) in [
            (0, 0, 0, 0),
            (100, 100, 0, 0),
            (4096, 4096, 0, 0),
            (4097, 69_632, 1, 1),
            (69_632, 69_632, 1, 0),
            (70_000, 135_168, 2, 368),
        ] {
            let mut file = padded(length);
            assert_eq!((file.chunks(), file.cut()), (chunks, cut), "{length}");
            assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), seems, "{length}");
            assert_eq!(file.read(&mut [0; 4]).unwrap(), 0, "{length}");
            file.seek(SeekFrom::Start(0)).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, seems, "{length}");
            assert!(bytes[..length].iter().all(|byte| *byte == b'x'), "{length}");
            assert!(bytes[length..].iter().all(|byte| *byte == 0), "{length}");
        }
    }

    #[test]
    fn no_record_is_read_by_half() {
        let record = |length: u32| {
            let mut record = [RECORD, length.to_le_bytes()].concat();
            record.resize(usize::try_from(length).unwrap(), b'x');
            record
        };
        let two = [vec![b'h'; CHUNK_HEADER], record(40), record(50)].concat();
        for (length, expect) in [
            (0, 0),
            (100, 100),
            (512, 512),
            (515, 512),
            (519, 512),
            (551, 512),
            (552, 552),
            (560, 552),
            (601, 552),
            (602, 602),
        ] {
            assert_eq!(whole_records(&two[..length]), expect, "{length}");
        }
        // Where it does not add up, the parser knows better.
        let short = [two.clone(), record(8)].concat();
        assert_eq!(whole_records(&short), short.len());
        let blank = [two, vec![0; 30]].concat();
        assert_eq!(whole_records(&blank), blank.len());
    }

    #[test]
    fn any_place_can_be_gone_to() {
        let mut file = padded(5000);
        let mut two = [1; 2];
        for (to, place, expect) in [
            (SeekFrom::Start(4999), 4999, [b'x', 0]),
            (SeekFrom::Current(-3), 4998, [b'x', b'x']),
            (SeekFrom::End(-2), 69_630, [0, 0]),
        ] {
            assert_eq!(file.seek(to).unwrap(), place);
            file.read_exact(&mut two).unwrap();
            assert_eq!(two, expect);
        }
        assert_eq!(file.seek(SeekFrom::Start(1 << 40)).unwrap(), 1 << 40);
        assert_eq!(file.read(&mut two).unwrap(), 0);
        assert!(file.seek(SeekFrom::End(-70_000)).is_err());
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_exact(&mut two).unwrap();
        assert_eq!(two, [b'x', b'x']);
    }

    #[test]
    fn only_files_are_opened() {
        let folder = testkit::temp_dir();
        assert!(Padded::open(folder.path()).is_err());
        assert!(Padded::open(&folder.path().join("none")).is_err());
    }
}
