//! Indicators for a scan: lists of values, and STIX bundles.

use std::path::PathBuf;

use detect::{Entry, Index, Loader, Patterns, Watched, watched};
use lists::{Parsed, Reader};
use model::Timestamp;
use serde_json::Value;

use crate::commands::import::gather;
use crate::commands::read_file;
use crate::exit::Failure;

/// What is looked for beside rules.
pub(super) struct Indicators {
    pub(super) index: Index,
    pub(super) patterns: Patterns,
    /// By number: id, where there is one, and what people call it.
    pub(super) names: Vec<(Option<String>, String)>,
    /// What cannot be looked for, and why.
    pub(super) refused: Vec<(String, String)>,
}

/// Entries that are put into the index at once.
const AT_ONCE: usize = 4_096;

struct Gathered {
    all: Indicators,
    entries: Vec<Entry>,
    more: Vec<(u64, stix_pattern::Pattern, Timestamp, Option<Timestamp>)>,
}

impl Gathered {
    fn add(&mut self, id: Option<String>, title: String, pattern: &str, until: Option<Timestamp>) {
        let subject = self.all.names.len() as u64;
        let always = Timestamp::MIN;
        match watched(pattern) {
            Ok(Watched::Atoms(atoms)) => {
                let of = |atom| Entry { atom, subject, from: always, until, confidence: None };
                self.entries.extend(atoms.into_iter().map(of));
                if self.entries.len() >= AT_ONCE {
                    self.all.index = self.all.index.with(&self.entries);
                    self.entries.clear();
                }
            }
            Ok(Watched::Pattern(pattern)) => self.more.push((subject, pattern, always, until)),
            Err(why) => return self.all.refused.push((title, why)),
        }
        self.all.names.push((id, title));
    }
}

/// Reads files of indicators, if there are any. Sigma rules in bundles go to the loader.
pub(super) fn read_any(paths: &[PathBuf], rules: &mut Loader) -> Result<Indicators, Failure> {
    let empty = Indicators {
        index: Index::default(),
        patterns: Patterns::new(std::iter::empty()),
        names: Vec::new(),
        refused: Vec::new(),
    };
    if paths.is_empty() {
        return Ok(empty);
    }
    let mut gathered = Gathered { all: empty, entries: Vec::new(), more: Vec::new() };
    for file in gather(paths)? {
        let bytes = read_file(&file)?;
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            bundle(&file.display().to_string(), &bytes, &mut gathered, rules)?;
        } else {
            list(&bytes, &mut gathered);
        }
    }
    let Gathered { mut all, entries, more } = gathered;
    all.index = all.index.with(&entries);
    all.patterns = Patterns::new(more);
    if all.names.is_empty() && all.refused.is_empty() {
        return Err(Failure::new("there is no indicator in what --indicators names")
            .hint("name lists with one value a line, or STIX 2.1 bundles with indicators"));
    }
    Ok(all)
}

fn bundle(file: &str, bytes: &[u8], gathered: &mut Gathered, rules: &mut Loader) -> Result<(), Failure> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Failure::new(format!("`{file}` is no JSON: {error}")))?;
    let own = [value.clone()];
    let objects = value.get("objects").and_then(Value::as_array).map_or(&own[..], Vec::as_slice);
    for object in objects {
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let revoked = object.get("revoked").and_then(Value::as_bool).unwrap_or_default();
        let (Some("indicator"), Some(pattern)) = (text("type").as_deref(), text("pattern")) else { continue };
        if revoked {
            continue;
        }
        let title = text("name").unwrap_or_else(|| pattern.clone());
        match text("pattern_type").as_deref() {
            None | Some("stix") => {
                let until = text("valid_until").and_then(|until| until.parse().ok());
                gathered.add(text("id"), title, &pattern, until);
            }
            Some("sigma") => rules.add(&text("id").unwrap_or(title), &pattern),
            Some(other) => {
                gathered
                    .all
                    .refused
                    .push((title, format!("patterns of type `{other}` are not matched here")));
            }
        }
    }
    Ok(())
}

fn list(bytes: &[u8], gathered: &mut Gathered) {
    let mut reader = Reader::new();
    let mut each = |parsed: Parsed| match parsed {
        Parsed::Value(entry) => {
            let title = entry.term.observable.to_string();
            gathered.add(None, title, &observable::pattern(&entry.term), None);
        }
        Parsed::Refused(refused) => {
            gathered.all.refused.push((format!("line {}", refused.line), refused.reason.to_string()));
        }
    };
    reader.push(bytes, &mut each);
    reader.finish(&mut each);
}
