//! The kind `file`: a file in some format, written whole, for programs that read it themselves.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use controls::{
    BlockSet, Export, Format, Handle, MAX_ITEMS, Options, RpzAction, RpzOptions, SuricataAction,
    SuricataOptions, export,
};
use model::Timestamp;
use ports::actuator::{Actuator, ActuatorError, Applied, Status};
use ports::pull::{ConfigError, Field, FieldKind};

use crate::config::Config;
use crate::digest;
use crate::kinds::Descriptor;

pub(crate) const DESCRIPTOR: Descriptor = Descriptor {
    kind: "file",
    summary: "writes a file that a firewall, an intrusion detection system or a resolver reads",
    fields: FIELDS,
    example: r#"{"path":"/var/lib/shieldwall-blocks/blocks.txt"}"#,
    construct,
};

const FIELDS: &[Field] = &[
    Field {
        name: "path",
        kind: FieldKind::File,
        required: true,
        help: "absolute path of the file; its folder must exist",
    },
    Field {
        name: "format",
        kind: FieldKind::Choice(&["plain", "json", "nftables", "suricata", "rpz", "sigma", "openc2"]),
        required: false,
        help: "what is written",
    },
    Field {
        name: "rpz_zone",
        kind: FieldKind::Text,
        required: false,
        help: "name of the response policy zone, as the resolver knows it",
    },
    Field {
        name: "rpz_ttl",
        kind: FieldKind::Number { min: 1, max: 86_400, default: 60 },
        required: false,
        help: "seconds for which answers of the zone are kept",
    },
    Field {
        name: "rpz_action",
        kind: FieldKind::Choice(&["nxdomain", "nodata", "drop"]),
        required: false,
        help: "what the resolver answers",
    },
    Field {
        name: "suricata_action",
        kind: FieldKind::Choice(&["drop", "alert", "reject"]),
        required: false,
        help: "what the rules do; drop and reject need Suricata inline",
    },
    Field {
        name: "suricata_first_sid",
        kind: FieldKind::Number { min: 1, max: 4_000_000_000, default: 1_700_000 },
        required: false,
        help: "number of the first rule",
    },
    Field {
        name: "suricata_sids",
        kind: FieldKind::Number { min: 1, max: 200_000, default: 100_000 },
        required: false,
        help: "how many numbers are set aside for rules",
    },
];

fn construct(name: &str, config: &Config, _: &str) -> Result<Box<dyn Actuator>, ConfigError> {
    let format: Format = config.choice("format").parse().map_err(ConfigError)?;
    let mut rpz = match config.text("rpz_zone") {
        None => RpzOptions::default(),
        Some(zone) => RpzOptions::for_zone(zone).ok_or_else(|| {
            ConfigError("`rpz_zone` must be a domain name of at most 128 characters".to_owned())
        })?,
    };
    rpz.ttl = u32::try_from(config.number("rpz_ttl")).unwrap_or(rpz.ttl);
    rpz.action = match config.choice("rpz_action") {
        "nodata" => RpzAction::NoData,
        "drop" => RpzAction::Drop,
        _ => RpzAction::NxDomain,
    };
    let first = u32::try_from(config.number("suricata_first_sid")).unwrap_or(u32::MAX);
    let count = u32::try_from(config.number("suricata_sids")).unwrap_or(1);
    let suricata = SuricataOptions {
        action: match config.choice("suricata_action") {
            "alert" => SuricataAction::Alert,
            "reject" => SuricataAction::Reject,
            _ => SuricataAction::Drop,
        },
        sids: first..=first.saturating_add(count.saturating_sub(1)),
    };
    let path = config.file("path").unwrap_or_default();
    if path.file_name().is_none() {
        return Err(ConfigError("`path` must name a file".to_owned()));
    }
    let options = Options { suricata, rpz };
    Ok(Box::new(FileActuator { name: name.to_owned(), path, format, options }))
}

/// Permissions of files: other programs' users read them, whatever our mask.
const MODE: u32 = 0o644;
/// Longest file that is looked at before it is written, in bytes: more than a full set takes.
const MAX_FILE: u64 = 256 << 20;
/// What stands before the instant for which a text was written.
const AS_OF: [&str; 2] = [" as of ", "\"at\":\""];

/// The first instant after some words. What is no such text has a wrong one or none, and then it is not what is looked
/// for.
fn instant(text: &str, before: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(before)?;
    let (digits, _) = rest.split_once('Z')?;
    format!("{digits}Z").parse().ok()
}

/// A file that others read.
#[derive(Debug, Clone)]
pub struct FileActuator {
    name: String,
    path: PathBuf,
    format: Format,
    options: Options,
}

impl FileActuator {
    /// A file in a format.
    #[must_use]
    pub fn new(name: &str, path: &Path, format: Format, options: Options) -> Self {
        Self { name: name.to_owned(), path: path.to_path_buf(), format, options }
    }

    /// What the file has in it, where that is exactly what was written for this set earlier: only its date differs from
    /// what would be written now. Its readers need not load it again, and its digest is the one that was noted.
    fn standing(&self, set: &BlockSet, now: Timestamp) -> Option<Export> {
        if set.items.iter().any(|item| item.until <= now) {
            return None;
        }
        let found = fs::symlink_metadata(&self.path).ok()?;
        let is_ours = found.is_file() && found.permissions().mode() & 0o777 == MODE;
        if !is_ours || found.len() > MAX_FILE {
            return None;
        }
        let text = fs::read_to_string(&self.path).ok()?;
        let then = AS_OF.iter().find_map(|before| instant(&text, before)).unwrap_or(now);
        Some(export(self.format, set, then, &self.options)).filter(|then| then.text == text)
    }
}

impl Actuator for FileActuator {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        DESCRIPTOR.kind
    }

    fn apply(&self, set: &BlockSet, _: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError> {
        if set.items.len() > MAX_ITEMS {
            return Err(ActuatorError::permanent(format!(
                "{} items are more than the {MAX_ITEMS} that one actuator holds",
                set.items.len()
            )));
        }
        let export = match self.standing(set, now) {
            Some(standing) => standing,
            None => {
                let export = export(self.format, set, now, &self.options);
                replace(&self.path, export.text.as_bytes())?;
                export
            }
        };
        Ok(Applied {
            blocked: export.written,
            skipped: export.skipped,
            handles: Vec::new(),
            digest: digest::of(&export.text),
            note: String::new(),
        })
    }

    /// The file stays, and has nothing in it: a zone or a list of rules that is not there would stop its reader.
    fn remove(&self, held: &[Handle], now: Timestamp) -> Result<Applied, ActuatorError> {
        self.apply(&BlockSet { name: self.name.clone(), ..BlockSet::default() }, held, now)
    }

    fn status(&self, _: Timestamp) -> Result<Status, ActuatorError> {
        let shown = self.path.display();
        let note = match fs::symlink_metadata(&self.path) {
            Ok(found) => format!("`{shown}` has {} bytes", found.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => format!("`{shown}` is not written yet"),
            Err(error) => {
                return Err(ActuatorError::passing(format!("`{shown}` cannot be looked at: {error}")));
            }
        };
        Ok(Status { blocks: None, hits: None, note })
    }
}

/// Puts a file in the place of another: whoever opens it finds the old one or the new one, whole, also after a crash.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ActuatorError> {
    let shown = path.display();
    let permanent = |why: &str| ActuatorError::permanent(format!("`{shown}` {why}"));
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(permanent("is there and is no plain file; remove it or choose another path"));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(permanent("names no file in a folder"));
    };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(".shieldwall");
    let beside = folder.join(beside);
    write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|error| {
            // What is half written helps nobody.
            let _ = fs::remove_file(&beside);
            let message = format!("`{shown}` cannot be written: {error}");
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    ActuatorError::permanent(message)
                }
                _ => ActuatorError::passing(message),
            }
        })
}

fn write(beside: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // One may be left from a crash. A new file is made in its place, never an existing one or a link opened.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(beside)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}
