//! What kind of thing is being imported.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

/// The outermost form of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// JSON of one of the kinds we know.
    Json,
    /// A list of values, one a line.
    List,
    /// The `hashes.csv` of a MISP feed: hashes of attribute values, which are nobody's files.
    FeedHashes,
}

/// An input that cannot be read as anything we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotReadable {
    #[error("a ZIP archive; unpack it first and import what is inside")]
    Zip,
    #[error("{0}; only JSON, lists of values, and gzip of these can be imported")]
    Binary(&'static str),
    #[error("UTF-16 text; convert it to UTF-8 first (`iconv -f UTF-16 -t UTF-8`)")]
    Utf16,
}

/// The form, and the unpacked bytes from the beginning.
pub(crate) type Opened<'r> = (Form, Box<dyn Read + Send + 'r>);

/// Bytes looked at before the form is decided.
const HEAD: usize = 4096;

/// Opens what was given: unpacks gzip, looks at the first bytes and puts them back.
pub(crate) fn open<'r>(input: &'r mut (dyn Read + Send)) -> io::Result<Result<Opened<'r>, NotReadable>> {
    let (head, rest) = peek(input)?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let unpacked = Bounded { inner: MultiGzDecoder::new(BufReader::new(Counted::new(rest))), out: 0 };
        let mut boxed: Box<dyn Read + Send + 'r> = Box::new(unpacked);
        let mut head = vec![0; HEAD];
        let got = fill(&mut boxed, &mut head)?;
        head.truncate(got);
        let form = form(&head);
        return Ok(
            form.map(|form| (form, Box::new(io::Cursor::new(head).chain(boxed)) as Box<dyn Read + Send>))
        );
    }
    Ok(form(&head).map(|form| (form, rest)))
}

fn peek<'r>(input: &'r mut (dyn Read + Send)) -> io::Result<(Vec<u8>, Box<dyn Read + Send + 'r>)> {
    let mut head = vec![0; HEAD];
    let got = fill(input, &mut head)?;
    head.truncate(got);
    let rest = io::Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(rest)))
}

fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while let Some(free) = buffer.get_mut(got..).filter(|free| !free.is_empty()) {
        match input.read(free) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

fn form(head: &[u8]) -> Result<Form, NotReadable> {
    match head {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => return Err(NotReadable::Zip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(NotReadable::Binary("a Zstandard archive")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(NotReadable::Utf16),
        [b'%', b'P', b'D', b'F', ..] => return Err(NotReadable::Binary("a PDF document")),
        _ if head.contains(&0) => return Err(NotReadable::Binary("binary data")),
        _ => {}
    }
    let text = head.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(head);
    let mut solid = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0x1e);
    Ok(match (solid.next(), solid.next()) {
        (Some(b'{'), _) => Form::Json,
        // `[` opens an array, unless it is a bracketed address or a defanged line of a list.
        (Some(b'['), Some(b'{' | b']' | b'"') | None) => Form::Json,
        _ if is_feed_hashes(text) => Form::FeedHashes,
        _ => Form::List,
    })
}

/// Lines of a MISP feed's hash index are an MD5 and the UUID of an event.
fn is_feed_hashes(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((hash, rest)) = line.split_at_checked(32) else { return false };
    hash.iter().all(u8::is_ascii_hexdigit)
        && rest.strip_prefix(b",").is_some_and(|id| model::Uuid::parse(id).is_ok())
}

/// Counts the packed bytes read, so that the ratio can be judged.
struct Counted<'r> {
    inner: Box<dyn Read + Send + 'r>,
    bytes: u64,
}

impl<'r> Counted<'r> {
    fn new(inner: Box<dyn Read + Send + 'r>) -> Self {
        Self { inner, bytes: 0 }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.bytes += got as u64;
        Ok(got)
    }
}

/// Unpacks, and stops at an expansion no honest text has.
struct Bounded<'r> {
    inner: MultiGzDecoder<BufReader<Counted<'r>>>,
    out: u64,
}

/// Honest text packs to no less than a hundredth or so; a bomb goes to a thousandth.
const RATIO: u64 = 200;
/// Below this nothing is judged, in bytes.
const FREE: u64 = 16 << 20;

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.out += got as u64;
        let packed = self.inner.get_ref().get_ref().bytes;
        if self.out > FREE && self.out > packed.saturating_mul(RATIO) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a gzip bomb: {packed} bytes unpack to more than {} times as much; unpack it yourself if it is honest",
                    RATIO
                ),
            ));
        }
        Ok(got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expect: Result<Form, NotReadable>) {
        let mut reader = input;
        let got = open(&mut reader).unwrap().map(|(form, mut rest)| {
            let mut all = Vec::new();
            rest.read_to_end(&mut all).unwrap();
            form
        });
        assert_eq!(got, expect, "{input:?}");
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn forms() {
        check(b" \n{\"type\":\"bundle\"}", Ok(Form::Json));
        check(b"\xef\xbb\xbf[{}]", Ok(Form::Json));
        check(b"[2001:db8::1]:443", Ok(Form::List));
        check(b"# list\nbad.example", Ok(Form::List));
        check(b"", Ok(Form::List));
        check(
            b"d41d8cd98f00b204e9800998ecf8427e,5f8b0d2e-1c3a-4d52-9f0e-6f2f6b1c7a01\n",
            Ok(Form::FeedHashes),
        );
        check(b"d41d8cd98f00b204e9800998ecf8427e,seen in mail", Ok(Form::List));
        check(b"PK\x03\x04....", Err(NotReadable::Zip));
        check(b"\xff\xfe{\0", Err(NotReadable::Utf16));
        check(b"ElfFile\0\0\0", Err(NotReadable::Binary("binary data")));
        check(&gzip(b"{\"type\":\"bundle\"}"), Ok(Form::Json));
        check(&gzip(b"bad.example"), Ok(Form::List));
    }

    #[test]
    fn a_bomb_is_stopped_and_honest_text_is_not() {
        let bomb = gzip(&vec![b' '; 64 << 20]);
        let mut reader = bomb.as_slice();
        let (_, mut rest) = open(&mut reader).unwrap().unwrap();
        let error = io::copy(&mut rest, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("gzip bomb"), "{error}");
        let honest = gzip(b"bad.example\n".repeat(10).as_slice());
        let mut reader = honest.as_slice();
        let (_, mut rest) = open(&mut reader).unwrap().unwrap();
        assert_eq!(io::copy(&mut rest, &mut io::sink()).unwrap(), 120);
    }
}
