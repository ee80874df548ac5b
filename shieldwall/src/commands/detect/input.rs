//! Files and standard input, packed or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

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

    /// Its path, if it is a file that begins as it should. What is packed is looked at as it is.
    pub(super) fn path_if(&self, suits: impl FnOnce(&[u8]) -> bool) -> Option<&Path> {
        let Self::File(path) = self else { return None };
        let mut head = [0; 16];
        let length = fill(&mut File::open(path).ok()?, &mut head).ok()?;
        suits(head.get(..length)?).then_some(path.as_path())
    }

    /// Its bytes, unpacked.
    pub(super) fn open(&self) -> std::io::Result<Box<dyn Read>> {
        let raw: Box<dyn Read> = match self {
            Self::Standard => Box::new(std::io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        let mut raw = BufReader::with_capacity(256 << 10, raw);
        let magic = raw.fill_buf()?;
        Ok(match magic {
            [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(raw)?),
            _ => Box::new(raw),
        })
    }
}

/// As many bytes as there is room for, or as there are left.
pub(super) fn fill(stream: &mut dyn Read, room: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
