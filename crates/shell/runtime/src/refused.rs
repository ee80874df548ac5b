//! Where refused records go, so that nobody has to hunt for them in a log.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::{Finding, Timestamp};

/// A file of refused records, one JSON object a line. It appears with the first refusal.
pub(crate) struct RefusedFile {
    path: Option<PathBuf>,
    file: Option<File>,
    bytes: u64,
}

/// A file of refused records ends at this size, in bytes: a hostile feed must not fill the disk with them.
const LARGEST: u64 = 64 << 20;

/// No more than this much of a refused record is kept, in bytes.
const KEPT: usize = 64 * 1024;

impl RefusedFile {
    /// A file below `dir` named after the import and its time; without a directory nothing is written.
    pub(crate) fn new(dir: Option<&Path>, name: &str, now: Timestamp) -> Self {
        let safe: String = name
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
            .take(80)
            .collect();
        let stamp = now.to_string().replace([':', '.'], "-");
        let path = dir.map(|dir| dir.join("refused").join(format!("{stamp}-{safe}.jsonl")));
        Self { path, file: None, bytes: 0 }
    }

    /// The file, once something was refused.
    pub(crate) fn written(&self) -> Option<&Path> {
        self.file.as_ref().and(self.path.as_deref())
    }

    /// Appends one record with the reasons it was refused for.
    pub(crate) fn write(
        &mut self,
        place: &str,
        id: Option<&str>,
        findings: &[Finding],
        raw: &[u8],
    ) -> io::Result<()> {
        let Some(path) = self.path.as_ref().filter(|_| self.bytes < LARGEST) else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(path)?),
        };
        let cut = raw.get(..KEPT).unwrap_or(raw);
        let reasons: Vec<_> = findings
            .iter()
            .map(|finding| {
                serde_json::json!({
                    "severity": finding.severity.as_str(),
                    "rule": finding.rule,
                    "pointer": finding.pointer,
                    "message": finding.message,
                    "hint": finding.hint,
                })
            })
            .collect();
        let line = serde_json::json!({
            "place": place,
            "id": id,
            "findings": reasons,
            "raw": String::from_utf8_lossy(cut),
            "cut": cut.len() < raw.len(),
        });
        let line = format!("{line}\n");
        self.bytes += line.len() as u64;
        file.write_all(line.as_bytes())
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(parent)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the lines that mention `id` out of every refused file below `dir`; returns how many went.
///
/// Erasing an object must reach the copies that were never stored, too. The lines are overwritten where they stand, so
/// that their bytes are gone from the disk and a crash in between loses nothing else; what is left are blank lines.
pub(crate) fn scrub(dir: &Path, id: &str) -> io::Result<u64> {
    let entries = match std::fs::read_dir(dir.join("refused")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut gone = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            gone += scrub_file(&entry.path(), id.as_bytes())?;
        }
    }
    Ok(gone)
}

fn scrub_file(path: &Path, id: &[u8]) -> io::Result<u64> {
    let mut writer = OpenOptions::new().write(true).open(path)?;
    let mut reader = BufReader::new(File::open(path)?);
    let (mut at, mut gone, mut line) = (0u64, 0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if memchr::memmem::find(&line, id).is_some() {
            let keep = usize::from(line.ends_with(b"\n"));
            writer.seek(SeekFrom::Start(at))?;
            writer.write_all(&vec![b' '; length - keep])?;
            gone += 1;
        }
        at += length as u64;
    }
    if gone > 0 {
        writer.sync_all()?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use model::Severity;

    use super::*;

    #[test]
    fn refusals_are_written_and_can_be_scrubbed() {
        let dir = std::env::temp_dir().join(format!("shieldwall-refused-{}", std::process::id()));
        let now = Timestamp::EPOCH;
        let mut file = RefusedFile::new(Some(&dir), "../evil/na me.json", now);
        assert_eq!(file.written(), None);
        let finding = Finding::new(Severity::Error, "r", "/id", "bad");
        file.write("objects/0", Some("malware--1"), std::slice::from_ref(&finding), b"{\"secret\":1}")
            .unwrap();
        file.write("objects/1", Some("malware--2"), &[finding], b"{}").unwrap();
        let path = file.written().unwrap().to_owned();
        assert!(path.ends_with("refused/1970-01-01T00-00-00-000Z-na_me.json.jsonl"), "{path:?}");
        assert_eq!(scrub(&dir, "malware--1").unwrap(), 1);
        let left = std::fs::read_to_string(&path).unwrap();
        assert!(!left.contains("secret") && left.contains("malware--2"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
