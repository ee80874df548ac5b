//! Files, folders and standard input, packed or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// One stream of bytes to read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input {
    Standard,
    File(PathBuf),
}

impl Input {
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

/// The files meant by paths: those below a folder in order of their names.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Vec<Input>, Failure> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input::Standard);
        } else {
            let mut files = Vec::new();
            files_below(path, &mut files)?;
            files.sort();
            inputs.extend(files.into_iter().map(Input::File));
        }
    }
    Ok(inputs)
}

fn files_below(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failure =
        |error: std::io::Error| Failure::new(format!("`{}` cannot be read: {error}", path.display()));
    if !path.metadata().map_err(failure)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in path.read_dir().map_err(failure)? {
        let entry = entry.map_err(failure)?;
        let kind = entry.file_type().map_err(failure)?;
        if kind.is_dir() {
            files_below(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
