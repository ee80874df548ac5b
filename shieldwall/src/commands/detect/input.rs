//! Files, pipes and standard input, packed or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Bytes that are handed out at once.
const CHUNK: usize = 1 << 20;

/// One stream of bytes to read.
pub(super) enum Input {
    Standard,
    File(PathBuf),
}

impl Input {
    /// What a path means: `-` is standard input.
    pub(super) fn of(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Standard } else { Self::File(path) }
    }

    /// What it is called in alerts.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Standard => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its name without folder and without the ending of a packing program.
    pub(super) fn plain_name(&self) -> String {
        let Self::File(path) = self else { return String::new() };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        [".gz", ".zst"]
            .iter()
            .fold(name, |name, ending| name.strip_suffix(ending).unwrap_or(&name).to_owned())
    }

    /// Its path, if it is a file that begins as it should. What is packed is looked at as it is. A pipe is none: what is
    /// looked at is gone from it.
    pub(super) fn path_if(&self, suits: impl FnOnce(&[u8]) -> bool) -> Option<&Path> {
        let Self::File(path) = self else { return None };
        if !path.is_file() {
            return None;
        }
        let mut head = [0; 16];
        let (length, _) = fill(&mut File::open(path).ok()?, &mut head);
        suits(head.get(..length)?).then_some(path.as_path())
    }

    /// Its bytes, unpacked.
    pub(super) fn open(&self) -> std::io::Result<Chunks> {
        let raw: Box<dyn Read> = match self {
            Self::Standard => Box::new(std::io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        let mut raw = BufReader::with_capacity(256 << 10, raw);
        let magic = raw.fill_buf()?;
        let is_gzip = magic.starts_with(&[0x1f, 0x8b]);
        let is_zstd = magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        let stream: Box<dyn Read> = if is_gzip {
            Box::new(flate2::bufread::MultiGzDecoder::new(raw))
        } else if is_zstd {
            Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)
        } else {
            Box::new(raw)
        };
        let packed = is_gzip || is_zstd;
        let mut chunks =
            Chunks { stream, room: vec![0; CHUNK], from: 0, to: 0, gone: 0, packed, broken: None };
        chunks.advance();
        Ok(chunks)
    }
}

/// The bytes of an input, a chunk after the other.
pub(super) struct Chunks {
    stream: Box<dyn Read>,
    room: Vec<u8>,
    /// The present chunk's place in the room.
    from: usize,
    to: usize,
    /// Bytes before the end of the present chunk.
    gone: u64,
    packed: bool,
    /// What ended it, if it was no end.
    broken: Option<Error>,
}

impl Chunks {
    /// The bytes at hand; none at the end, be it a good one or not.
    pub(super) fn part(&self) -> &[u8] {
        self.room.get(self.from..self.to).unwrap_or_default()
    }

    /// Goes on to the next bytes. What was read before the stream breaks off is handed out first.
    pub(super) fn advance(&mut self) {
        (self.from, self.to) = (0, 0);
        if self.broken.is_none() {
            (self.to, self.broken) = fill(&mut *self.stream, &mut self.room);
            self.gone += self.to as u64;
        }
    }

    /// Passes over zeros that it begins with: a crash leaves a file full of them, and so does a log that is cut to
    /// nothing while a program goes on writing to it. Returns how many there were.
    pub(super) fn skip_zeros(&mut self) -> u64 {
        let mut zeros = 0;
        while !self.part().is_empty() {
            match self.part().iter().position(|byte| *byte != 0) {
                Some(at) => {
                    self.from += at;
                    return zeros + at as u64;
                }
                None => {
                    zeros += self.part().len() as u64;
                    self.advance();
                }
            }
        }
        zeros
    }

    /// Why and where it broke off, in words; `None` if it did not.
    pub(super) fn broken(&self) -> Option<String> {
        let error = self.broken.as_ref()?;
        if self.gone == 0 {
            return Some(format!("it cannot be read: {error}"));
        }
        let bytes = if self.packed { "bytes of what is packed in it" } else { "bytes" };
        let why = match error.kind() {
            ErrorKind::UnexpectedEof => "it was cut off".to_owned(),
            _ => error.to_string(),
        };
        Some(format!("it breaks off after {} {bytes}, which were read: {why}", self.gone))
    }
}

/// As many bytes as there is room for, or as there are left, and what broke the stream off.
fn fill(stream: &mut dyn Read, room: &mut [u8]) -> (usize, Option<Error>) {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes, then fails.
    struct Cut(Vec<u8>);

    impl Read for Cut {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let length = into.len().min(self.0.len());
            let rest = self.0.split_off(length);
            into[..length].copy_from_slice(&self.0);
            self.0 = rest;
            Ok(length)
        }
    }

    fn chunks(bytes: Vec<u8>) -> Chunks {
        let stream = Box::new(Cut(bytes));
        let mut chunks =
            Chunks { stream, room: vec![0; 4], from: 0, to: 0, gone: 0, packed: true, broken: None };
        chunks.advance();
        chunks
    }

    #[test]
    fn what_came_before_a_cut_is_handed_out() {
        let mut cut = chunks(b"abcdef".to_vec());
        let mut seen = Vec::new();
        while !cut.part().is_empty() {
            seen.extend_from_slice(cut.part());
            cut.advance();
        }
        assert_eq!(seen, b"abcdef");
        let told = cut.broken().unwrap();
        assert!(told.contains("after 6 bytes") && told.contains("cut off"), "{told}");
        assert!(chunks(Vec::new()).broken().unwrap().contains("cannot be read"));
    }

    #[test]
    fn zeros_before_a_log_are_passed_over() {
        let mut some = chunks(b"\0\0\0\0\0\0ab\0c".to_vec());
        assert_eq!((some.skip_zeros(), some.part()), (6, b"ab".as_slice()));
        let mut all = chunks(vec![0; 9]);
        assert_eq!((all.skip_zeros(), all.part()), (9, b"".as_slice()));
    }
}
