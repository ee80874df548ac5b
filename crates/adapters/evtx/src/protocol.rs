//! What goes through the pipes between parent and child. Integers are little-endian.
//!
//! | To the child | |
//! |---|---|
//! | once | [`MARK`], bytes of memory it may have (u64) |
//! | for each file | length of the path (u32), seconds of processor time (u32), the path |
//!
//! | From the child | |
//! |---|---|
//! | frames | length of the body (u32), [`Kind`] (u8), the body |

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Both sides begin with it: who says something else is no partner, or of another version.
pub(crate) const MARK: [u8; 8] = *b"SWEVTX01";
/// The longest path, in bytes.
pub(crate) const MAX_PATH: usize = 32 << 10;
/// The longest record, in bytes: as long as a record of any log may be.
pub(crate) const MAX_RECORD: usize = 1 << 20;
/// So many bytes are gathered before they are written.
pub(crate) const BATCH: usize = 64 << 10;
/// The longest body: a batch that nearly was full, one more record and its line break.
pub(crate) const MAX_BODY: usize = BATCH + MAX_RECORD + 1;
/// The longest message, in bytes.
pub(crate) const MAX_MESSAGE: usize = 512;
/// Length and kind.
pub(crate) const HEADER: usize = 5;

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// The child has set its limits; the body is [`MARK`].
    Ready,
    /// Records as JSON, each with a line break behind it.
    Records,
    /// Why a record, or a chunk of them, could not be read.
    Bad,
    /// The file has been read; the body says what of it is missing, or nothing.
    End,
    /// Why the file cannot be read at all.
    Failed,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Ready, Self::Records, Self::Bad, Self::End, Self::Failed];

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// The parent's first words.
pub(crate) fn opening(memory: u64) -> Vec<u8> {
    [MARK, memory.to_le_bytes()].concat()
}

/// The memory that the parent's first words allow, in bytes.
pub(crate) fn read_opening(input: &mut impl Read) -> io::Result<u64> {
    let (mut mark, mut memory) = ([0; 8], [0; 8]);
    input.read_exact(&mut mark)?;
    if mark != MARK {
        let message =
            "this is started by another process, which says what to read; it is of no use by itself";
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    input.read_exact(&mut memory)?;
    Ok(u64::from_le_bytes(memory))
}

/// Appends the wish for a file.
pub(crate) fn request(path: &Path, seconds: u32, out: &mut Vec<u8>) {
    let path = path.as_os_str().as_bytes();
    out.extend(length(path.len()));
    out.extend(seconds.to_le_bytes());
    out.extend(path);
}

/// The wish for a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: PathBuf,
    pub(crate) seconds: u32,
}

impl Request {
    /// The next wish; `None` once the parent has gone.
    pub(crate) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut length, mut seconds) = ([0; 4], [0; 4]);
        match input.read_exact(&mut length).and_then(|()| input.read_exact(&mut seconds)) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_PATH {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("a path of {length} bytes was sent")));
        }
        let mut path = vec![0; length];
        input.read_exact(&mut path)?;
        let path = PathBuf::from(OsString::from_vec(path));
        Ok(Some(Self { path, seconds: u32::from_le_bytes(seconds) }))
    }
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// Writes frames, many at a time.
#[derive(Debug)]
pub(crate) struct Frames<W> {
    output: W,
    buffer: Vec<u8>,
    /// Where the frame of records begins that the next record joins.
    open: Option<usize>,
}

impl<W: Write> Frames<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, buffer: Vec::with_capacity(2 * BATCH), open: None }
    }

    /// Adds a record of at most [`MAX_RECORD`] bytes.
    pub(crate) fn record(&mut self, record: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some(self.buffer.len());
            self.buffer.extend([0, 0, 0, 0, Kind::Records as u8]);
        }
        let begin = self.buffer.len();
        self.buffer.extend_from_slice(record);
        if memchr::memchr(b'\n', record).is_some() {
            // In JSON a line break is white space between values, and is escaped inside them.
            for byte in self.buffer.iter_mut().skip(begin).filter(|byte| **byte == b'\n') {
                *byte = b' ';
            }
        }
        self.buffer.push(b'\n');
        self.flush_if_full()
    }

    /// Adds a frame of another kind.
    pub(crate) fn put(&mut self, kind: Kind, body: &[u8]) -> io::Result<()> {
        self.close();
        self.buffer.extend(length(body.len()));
        self.buffer.push(kind as u8);
        self.buffer.extend_from_slice(body);
        self.flush_if_full()
    }

    /// Adds a frame with a message, shortened to what is allowed.
    pub(crate) fn say(&mut self, kind: Kind, message: &str) -> io::Result<()> {
        let mut end = message.len().min(MAX_MESSAGE);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.put(kind, message.get(..end).unwrap_or_default().as_bytes())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.close();
        self.output.write_all(&self.buffer)?;
        self.buffer.clear();
        self.output.flush()
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Writes the length of the open frame of records into its place.
    fn close(&mut self) {
        if let Some(begin) = self.open.take() {
            let body = self.buffer.len().saturating_sub(begin + HEADER);
            if let Some(place) = self.buffer.get_mut(begin..begin + 4) {
                place.copy_from_slice(&length(body));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as kind and body.
    fn frames(mut bytes: &[u8]) -> Vec<(Kind, Vec<u8>)> {
        let mut found = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
            assert!(length <= MAX_BODY, "{length}");
            found.push((Kind::of(rest[0]).unwrap(), rest[1..=length].to_vec()));
            bytes = &rest[length + 1..];
        }
        found
    }

    #[test]
    fn records_share_frames_and_the_rest_stands_alone() {
        let mut out = Vec::new();
        let mut writer = Frames::new(&mut out);
        writer.record(b"{\"a\":\n1}").unwrap();
        writer.record(b"{}").unwrap();
        writer.say(Kind::Bad, &"ä".repeat(MAX_MESSAGE)).unwrap();
        writer.record(b"{}").unwrap();
        writer.put(Kind::End, b"").unwrap();
        writer.flush().unwrap();
        let expect = [
            (Kind::Records, b"{\"a\": 1}\n{}\n".to_vec()),
            (Kind::Bad, "ä".repeat(MAX_MESSAGE / 2).into_bytes()),
            (Kind::Records, b"{}\n".to_vec()),
            (Kind::End, Vec::new()),
        ];
        assert_eq!(frames(&out), expect);
    }

    #[test]
    fn no_frame_is_longer_than_the_parent_takes() {
        let mut out = Vec::new();
        let mut writer = Frames::new(&mut out);
        let small = vec![b'x'; BATCH - HEADER - 2];
        let large = vec![b'x'; MAX_RECORD];
        for record in [&small, &large, &large, &small] {
            writer.record(record).unwrap();
        }
        writer.flush().unwrap();
        let lengths: Vec<_> = frames(&out).iter().map(|(_, body)| body.len()).collect();
        assert_eq!(lengths, [BATCH - HEADER - 1 + MAX_RECORD + 1, MAX_RECORD + 1, BATCH - HEADER - 1]);
    }

    #[test]
    fn what_the_parent_says_comes_through() {
        let mut bytes = opening(7);
        request(Path::new("/a b"), 3, &mut bytes);
        let mut input = bytes.as_slice();
        assert_eq!(read_opening(&mut input).unwrap(), 7);
        let request = Request { path: PathBuf::from("/a b"), seconds: 3 };
        assert_eq!(Request::read(&mut input).unwrap(), Some(request));
        assert_eq!(Request::read(&mut input).unwrap(), None);

        assert!(read_opening(&mut b"detect scan and more".as_slice()).is_err());
        assert!(read_opening(&mut b"".as_slice()).is_err());
        let long = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, b'x'];
        assert!(Request::read(&mut long.as_slice()).is_err());
        assert!(Request::read(&mut [3, 0, 0, 0, 0, 0, 0, 0, b'x'].as_slice()).is_err(), "half a path");
    }
}
