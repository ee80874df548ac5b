//! Entries of the write-ahead log: framed, checksummed, read back totally.
//!
//! An entry is its length (4 bytes), its XXH3 of 64 bits (8) and its body; numbers are little-endian. A body begins with what it
//! is: the head of a file, a record, or how many records were committed.

use std::io::{self, ErrorKind, Read};

use model::Timestamp;
use ports::telemetry::Kept;
use twox_hash::XxHash3_64;

use crate::family::{self, Family};

/// Longest body. A record is bounded long before; this bounds what a damaged length can ask for.
const LONGEST: usize = 64 << 20;

const FRAME: usize = 12;
const HEAD: u8 = 0;
const RECORD: u8 = 1;
const COMMITTED: u8 = 2;
/// Of the body's format, in the head.
const VERSION: u8 = 1;
/// Stands for a text that is not there.
const ABSENT: u32 = u32::MAX;

/// A body that is too long to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) usize);

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry<'e> {
    /// The first of a file: the name of the source.
    Head(&'e str),
    /// An event.
    Record(Record<'e>),
    /// So many records of the source are committed.
    Committed(u64),
}

/// An event in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'e> {
    /// Which of the source's records it is, from 1.
    pub(crate) number: u64,
    pub(crate) arrived: Timestamp,
    pub(crate) time: Timestamp,
    pub(crate) class: u16,
    pub(crate) offset: u64,
    pub(crate) format: &'e str,
    pub(crate) header: Option<&'e [u8]>,
    pub(crate) part: &'e str,
    pub(crate) device: Option<&'e str>,
    pub(crate) image: Option<&'e str>,
    pub(crate) command_line: Option<&'e str>,
    pub(crate) raw: &'e [u8],
    observables: &'e [u8],
}

impl<'e> Record<'e> {
    /// The texts of its observables, each with its column.
    pub(crate) fn observables(&self) -> impl Iterator<Item = (Family, &'e str)> + use<'e> {
        let mut rest = Rest(self.observables);
        std::iter::from_fn(move || Some((Family::at(rest.byte()?)?, rest.text()?)))
    }
}

/// Adds the head of a file.
pub(crate) fn put_head(source: &str, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let mut body = vec![HEAD, VERSION];
    put_block(Some(source.as_bytes()), &mut body);
    put(&body, out)
}

/// Adds how many records are committed.
pub(crate) fn put_committed(number: u64, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let mut body = vec![COMMITTED];
    body.extend_from_slice(&number.to_le_bytes());
    put(&body, out)
}

/// Adds an event. `body` is there to be used again.
pub(crate) fn put_record(
    kept: &Kept<'_>,
    number: u64,
    arrived: Timestamp,
    body: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<(), TooLong> {
    body.clear();
    body.push(RECORD);
    body.extend_from_slice(&number.to_le_bytes());
    body.extend_from_slice(&arrived.as_micros().to_le_bytes());
    body.extend_from_slice(&kept.time.as_micros().to_le_bytes());
    body.extend_from_slice(&kept.class.to_le_bytes());
    body.extend_from_slice(&kept.offset.to_le_bytes());
    put_block(Some(kept.format.as_bytes()), body);
    put_block(kept.header, body);
    put_block(Some(kept.part.as_bytes()), body);
    put_block(kept.device.map(str::as_bytes), body);
    put_block(kept.image.map(str::as_bytes), body);
    put_block(kept.command_line.map(str::as_bytes), body);
    put_block(Some(kept.raw), body);
    let mut observables: Vec<_> = kept.observables.iter().collect();
    observables.sort_unstable();
    observables.dedup();
    for observable in observables {
        let place = Family::of(observable.kind()).place();
        body.push(u8::try_from(place).unwrap_or(u8::MAX));
        put_block(Some(family::text(observable).as_bytes()), body);
    }
    put(body, out)
}

fn put_block(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    // A block too long for its length makes the body too long, and that is what is reported.
    let length = bytes.map_or(ABSENT, |bytes| u32::try_from(bytes.len()).unwrap_or(ABSENT));
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn put(body: &[u8], out: &mut Vec<u8>) -> Result<(), TooLong> {
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= LONGEST);
    let length = length.ok_or(TooLong(body.len()))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&XxHash3_64::oneshot(body).to_le_bytes());
    out.extend_from_slice(body);
    Ok(())
}

/// Reads a body; `None` if it is none.
pub(crate) fn read(body: &[u8]) -> Option<Entry<'_>> {
    let mut rest = Rest(body);
    Some(match rest.byte()? {
        HEAD if rest.byte()? == VERSION => Entry::Head(rest.text()?),
        COMMITTED => Entry::Committed(u64::from_le_bytes(rest.array()?)),
        RECORD => Entry::Record(Record {
            number: u64::from_le_bytes(rest.array()?),
            arrived: Timestamp::from_micros(i64::from_le_bytes(rest.array()?)),
            time: Timestamp::from_micros(i64::from_le_bytes(rest.array()?)),
            class: u16::from_le_bytes(rest.array()?),
            offset: u64::from_le_bytes(rest.array()?),
            format: rest.text()?,
            header: rest.block()?,
            part: rest.text()?,
            device: rest.perhaps()?,
            image: rest.perhaps()?,
            command_line: rest.perhaps()?,
            raw: rest.block()??,
            observables: rest.0,
        }),
        _ => return None,
    })
}

/// What is left of a body.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A block; the inner `None` if it is said that there is none.
    fn block(&mut self) -> Option<Option<&'b [u8]>> {
        let length = u32::from_le_bytes(self.array()?);
        if length == ABSENT {
            return Some(None);
        }
        let (head, tail) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = tail;
        Some(Some(head))
    }

    fn perhaps(&mut self) -> Option<Option<&'b str>> {
        match self.block()? {
            None => Some(None),
            Some(bytes) => std::str::from_utf8(bytes).ok().map(Some),
        }
    }

    fn text(&mut self) -> Option<&'b str> {
        self.perhaps()?
    }
}

/// Reads bodies one after the other, and knows where the last whole one ended.
pub(crate) struct Entries<R> {
    input: R,
    body: Vec<u8>,
    /// Bytes there may be.
    length: u64,
    /// Bytes of entries that were whole.
    pub(crate) whole: u64,
}

impl<R: Read> Entries<R> {
    pub(crate) fn new(input: R, length: u64) -> Self {
        Self { input, body: Vec::new(), length, whole: 0 }
    }

    /// The next body; `None` at the end, or where the entry is torn or damaged.
    pub(crate) fn body(&mut self) -> io::Result<Option<&[u8]>> {
        let mut frame = [0; FRAME];
        if !fill(&mut self.input, &mut frame)? {
            return Ok(None);
        }
        let mut rest = Rest(&frame);
        let (Some(length), Some(sum)) = (rest.array(), rest.array()) else { return Ok(None) };
        let length = u64::from(u32::from_le_bytes(length));
        let end = self.whole + FRAME as u64 + length;
        let size = usize::try_from(length).ok().filter(|size| (1..=LONGEST).contains(size));
        let (Some(size), true) = (size, end <= self.length) else { return Ok(None) };
        self.body.resize(size, 0);
        if !fill(&mut self.input, &mut self.body)?
            || XxHash3_64::oneshot(&self.body) != u64::from_le_bytes(sum)
        {
            return Ok(None);
        }
        self.whole = end;
        Ok(Some(&self.body))
    }
}

/// Whether there was enough to fill it.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observable::{Kind, Observable, normalise};
    use proptest::prelude::*;

    fn observables() -> Vec<Observable> {
        let make = |kind, text| normalise(kind, text).unwrap();
        vec![
            make(Kind::Url, "http://bad.example/x"),
            make(Kind::Ipv4, "192.0.2.1"),
            make(Kind::Domain, "bad.example"),
            make(Kind::Ipv4, "192.0.2.1"),
        ]
    }

    fn kept(observables: &[Observable]) -> Kept<'_> {
        Kept {
            time: Timestamp::from_micros(1_700_000_000_000_000),
            source: "dc1",
            class: 7,
            format: "json-lines",
            header: Some(b"#fields"),
            part: "/var/log/x",
            offset: u64::MAX,
            device: None,
            observables,
            image: Some(""),
            command_line: None,
            raw: b"\xff{}",
        }
    }

    fn written() -> Vec<u8> {
        let mut out = Vec::new();
        put_head("dc1", &mut out).unwrap();
        let observables = observables();
        let arrived = Timestamp::from_micros(3);
        put_record(&kept(&observables), 41, arrived, &mut Vec::new(), &mut out).unwrap();
        put_committed(41, &mut out).unwrap();
        out
    }

    fn bodies(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let mut entries = Entries::new(bytes, bytes.len() as u64);
        let mut found = Vec::new();
        while let Some(body) = entries.body().unwrap() {
            found.push(body.to_vec());
        }
        (found, entries.whole)
    }

    #[test]
    fn what_was_put_is_read() {
        let bytes = written();
        let (bodies, whole) = bodies(&bytes);
        assert_eq!((bodies.len(), whole), (3, bytes.len() as u64));
        assert_eq!(read(&bodies[0]), Some(Entry::Head("dc1")));
        assert_eq!(read(&bodies[2]), Some(Entry::Committed(41)));
        let Some(Entry::Record(record)) = read(&bodies[1]) else { panic!("no record") };
        assert_eq!((record.number, record.arrived.as_micros(), record.class), (41, 3, 7));
        assert_eq!((record.offset, record.raw), (u64::MAX, &b"\xff{}"[..]));
        assert_eq!((record.header, record.device), (Some(&b"#fields"[..]), None));
        assert_eq!((record.image, record.command_line), (Some(""), None));
        let observables: Vec<_> = record.observables().collect();
        assert_eq!(
            observables,
            [
                (Family::Address, "ipv4:c0000201"),
                (Family::Domain, "domain:example.bad"),
                (Family::Url, "url:http://bad.example/x"),
            ]
        );
    }

    #[test]
    fn a_torn_tail_ends_before_it() {
        let bytes = written();
        let ends: Vec<u64> = {
            let mut entries = Entries::new(&bytes[..], bytes.len() as u64);
            let mut ends = vec![0];
            while entries.body().unwrap().is_some() {
                ends.push(entries.whole);
            }
            ends
        };
        for cut in 0..bytes.len() {
            let expect = ends.iter().copied().rfind(|end| *end <= cut as u64).unwrap();
            assert_eq!(bodies(&bytes[..cut]).1, expect, "{cut}");
        }
        // A file system may leave zeros where it had not written yet.
        let padded = [&bytes[..], &[0; 4096]].concat();
        assert_eq!(bodies(&padded).1, bytes.len() as u64);
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let bytes = written();
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(bodies(&damaged).1 <= place as u64, "{place}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let raw = vec![0; LONGEST];
        let mut out = Vec::new();
        let kept = Kept { raw: &raw, ..kept(&[]) };
        let refused = put_record(&kept, 1, Timestamp::EPOCH, &mut Vec::new(), &mut out);
        assert!(refused.is_err_and(|TooLong(length)| length > LONGEST));
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(Entry::Record(record)) = read(&bytes) {
                record.observables().for_each(drop);
            }
            let framed = [&[1][..], &bytes].concat();
            if let Some(Entry::Record(record)) = read(&framed) {
                record.observables().for_each(drop);
            }
            bodies(&bytes);
        }
    }
}
