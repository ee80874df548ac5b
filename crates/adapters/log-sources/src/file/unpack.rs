//! Packed files: gzip and zstd, unpacked piece by piece within bounds.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

/// Honest text packs to no less than a hundredth or so; a bomb goes to a thousandth.
const RATIO: u64 = 200;
/// Below this nothing is judged, in bytes.
const FREE: u64 = 16 << 20;
/// The largest window of zstd that is given memory: 32 MiB, by its power of two.
const WINDOW: u32 = 25;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// By the file's name.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a file is not unpacked any further.
#[derive(Debug)]
pub(super) enum Unpacking {
    /// It ends too early: it is still being written, or was cut off.
    CutOff,
    /// It never will be.
    Refused(String),
}

/// A packed file that is being read.
pub(super) struct Unpacker {
    decoder: Decoder,
    out: u64,
    /// What stopped it, where something was unpacked before.
    failed: Option<Unpacking>,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Counted>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<Counted>>>),
}

impl Unpacker {
    pub(super) fn new(file: File, packing: Packing) -> io::Result<Self> {
        let counted = Counted { inner: file, bytes: 0 };
        let decoder = match packing {
            Packing::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(counted))),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(counted)?;
                decoder.window_log_max(WINDOW)?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { decoder, out: 0, failed: None })
    }

    /// How much was unpacked, in bytes.
    pub(super) const fn at(&self) -> u64 {
        self.out
    }

    /// Whether it ends too early, as far as it was read.
    pub(super) const fn is_cut_off(&self) -> bool {
        matches!(self.failed, Some(Unpacking::CutOff))
    }

    /// Fills the buffer as far as there is something left. What was unpacked before a failure is given first; the failure
    /// comes with the next call.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Unpacking> {
        let mut filled = 0;
        while self.failed.is_none()
            && let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty())
        {
            match self.read(room) {
                Ok(0) => break,
                Ok(length) => {
                    filled += length;
                    self.judge();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.failed = Some(Unpacking::CutOff);
                }
                Err(error) => self.failed = Some(Unpacking::Refused(error.to_string())),
            }
        }
        match self.failed.take_if(|_| filled == 0) {
            Some(failed) => Err(failed),
            None => Ok(filled),
        }
    }

    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(room),
            Decoder::Zstd(decoder) => decoder.read(room),
        }?;
        self.out += length as u64;
        Ok(length)
    }

    /// Stops at an expansion that no honest text has.
    fn judge(&mut self) {
        let packed = match &self.decoder {
            Decoder::Gzip(decoder) => decoder.get_ref().bytes,
            Decoder::Zstd(decoder) => decoder.get_ref().get_ref().bytes,
        };
        if self.out > FREE && self.out > packed.saturating_mul(RATIO) {
            self.failed = Some(Unpacking::Refused(format!(
                "{packed} bytes unpack to more than {RATIO} times as much, as only a bomb does; unpack it yourself if it is \
                 honest"
            )));
        }
    }
}

/// Counts the packed bytes, so that the ratio can be judged.
struct Counted {
    inner: File,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}
