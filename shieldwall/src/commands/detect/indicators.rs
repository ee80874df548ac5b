//! Indicators for a scan: lists of values, and STIX bundles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use detect::{Entry, Index, Level, Loader, Patterns, Watched, watched};
use lists::{Category, Parsed, Reader, WarningIndex, WarningList};
use model::Timestamp;
use observable::Observable;
use serde_json::Value;

use crate::commands::import::gather;
use crate::commands::read_file;
use crate::exit::Failure;
use crate::output;

/// Entries that are put into the index at once.
const AT_ONCE: usize = 4_096;
/// Indicators of which it is kept why they are not looked for.
const KEPT: usize = 10;

/// Why an indicator is left out that could be looked for.
const REVOKED: &str = "revoked";
pub(super) const UNSURE: &str = "low-confidence";
const BENIGN: &str = "warning-list";

/// What is looked for beside rules.
pub(super) struct Indicators {
    pub(super) index: Index,
    pub(super) patterns: Patterns,
    /// By number.
    pub(super) named: Vec<Named>,
    /// How many cannot be looked for.
    pub(super) refused: u64,
    /// How many could be looked for and are not, by reason.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    /// The first of those that are not looked for, and why.
    pub(super) first: Vec<(String, String)>,
}

impl Indicators {
    /// By its number.
    pub(super) fn named(&self, number: u64) -> Option<&Named> {
        self.named.get(usize::try_from(number).ok()?)
    }

    /// Whether there was any, looked for or not.
    pub(super) fn any(&self) -> bool {
        !self.named.is_empty() || self.refused > 0 || !self.left_out.is_empty()
    }

    /// How many are left out by each reason, in brackets; empty if none is.
    pub(super) fn reasons(&self) -> String {
        let reasons: Vec<String> =
            self.left_out.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) }
    }

    fn refuse(&mut self, title: String, why: String) {
        self.refused += 1;
        self.tell(title, why);
    }

    fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    fn tell(&mut self, title: String, why: String) {
        if self.first.len() < KEPT {
            self.first.push((title, why));
        }
    }
}

/// What is said of an indicator that matches.
pub(super) struct Named {
    /// Its id, where there is one.
    pub(super) id: Option<String>,
    /// What people call it.
    pub(super) title: String,
    /// Its confidence, 0 to 100, where it says.
    pub(super) confidence: Option<u8>,
}

impl Named {
    /// How bad a match of it is, by its confidence as on a node (STIX 2.1 appendix A).
    pub(super) const fn level(&self) -> Level {
        match self.confidence {
            Some(0..=29) => Level::Low,
            Some(30..=69) => Level::Medium,
            Some(_) | None => Level::High,
        }
    }
}

/// What indicators are judged by.
pub(super) struct Standards {
    /// The present.
    pub(super) now: Timestamp,
    /// Those that state less are left out.
    pub(super) min_confidence: Option<u8>,
    /// Values that everybody uses.
    pub(super) warnings: Option<WarningIndex>,
}

impl Standards {
    /// Why a value is not looked for, if it is well known and benign.
    fn harmless(&self, value: &Observable) -> Option<String> {
        let hit = self.warnings.as_ref()?.check(value)?;
        (hit.category == Category::FalsePositive)
            .then(|| format!("`{value}` is on the warning list `{}`", hit.list))
    }
}

/// Reads warning lists below these files and folders; those that every node has come first.
pub(super) fn warnings(paths: &[PathBuf]) -> Result<Option<WarningIndex>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let mut all = lists::builtin();
    let own = all.len();
    for file in gather(paths)? {
        let named = paths.contains(&file);
        // Beside lists there are guides and programs; what is named itself is meant.
        if !named && file.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let bytes = read_file(&file)?;
        match WarningList::parse(&bytes) {
            Ok(list) => all.push(list),
            Err(finding) if named => {
                let why = finding.message;
                return Err(Failure::new(format!("`{}` is no warning list: {why}", file.display())));
            }
            Err(finding) => {
                let line =
                    format!("{}: passed over, it is no warning list: {}", file.display(), finding.message);
                output::say(&output::inline(&line));
            }
        }
    }
    if all.len() == own {
        return Err(Failure::new("there is no warning list in what --warning-lists names")
            .hint("name a copy of the MISP project's lists, or files in their format"));
    }
    Ok(Some(WarningIndex::build(all).0))
}

/// What a bundle says of an indicator.
struct Stated {
    title: String,
    kind: Option<String>,
    pattern: String,
    modified: Timestamp,
    from: Timestamp,
    until: Option<Timestamp>,
    confidence: Option<u8>,
    revoked: bool,
}

struct Gathered<'s> {
    by: &'s Standards,
    all: Indicators,
    /// The newest version of each indicator, by id.
    stated: BTreeMap<String, Stated>,
    entries: Vec<Entry>,
    more: Vec<(u64, stix_pattern::Pattern, Timestamp, Option<Timestamp>)>,
}

/// When an indicator counts: from an instant on, until another.
#[derive(Clone, Copy)]
struct Valid {
    from: Timestamp,
    until: Option<Timestamp>,
}

impl Gathered<'_> {
    fn add(&mut self, named: Named, pattern: &str, valid: Valid) {
        if self.is_unsure(named.confidence) {
            return self.all.leave_out(UNSURE);
        }
        let subject = self.all.named.len() as u64;
        // It says since when something was known to be bad. As on a node, what happened before matches too, and only what
        // has not begun is kept back.
        let from = if valid.from <= self.by.now { Timestamp::MIN } else { valid.from };
        match watched(pattern) {
            Ok(Watched::Atoms(atoms)) => {
                if let Some(why) = atoms.iter().find_map(|atom| self.by.harmless(&atom.observable)) {
                    self.all.leave_out(BENIGN);
                    return self.all.tell(named.title, why);
                }
                let (until, confidence) = (valid.until, named.confidence);
                let of = |atom| Entry { atom, subject, from, until, confidence };
                self.entries.extend(atoms.into_iter().map(of));
                if self.entries.len() >= AT_ONCE {
                    self.all.index = self.all.index.with(&self.entries);
                    self.entries.clear();
                }
            }
            Ok(Watched::Pattern(pattern)) => self.more.push((subject, pattern, from, valid.until)),
            Err(why) => return self.all.refuse(named.title, why),
        }
        self.all.named.push(named);
    }

    fn is_unsure(&self, confidence: Option<u8>) -> bool {
        confidence.zip(self.by.min_confidence).is_some_and(|(stated, least)| stated < least)
    }

    /// Takes a version in, if there is no newer one. Of two that are equally new, the one that revokes stands.
    fn state(&mut self, id: Option<String>, stated: Stated, rules: &mut Loader) {
        let Some(id) = id else { return self.settle(None, stated, rules) };
        let newest = |of: &Stated| (of.modified, of.revoked);
        if self.stated.get(&id).is_none_or(|known| newest(known) < newest(&stated)) {
            self.stated.insert(id, stated);
        }
    }

    /// Looks for an indicator, unless it is not to be.
    fn settle(&mut self, id: Option<String>, stated: Stated, rules: &mut Loader) {
        let Stated { title, pattern, from, until, confidence, .. } = stated;
        if stated.revoked {
            return self.all.leave_out(REVOKED);
        }
        match stated.kind.as_deref() {
            None | Some("stix") => self.add(Named { id, title, confidence }, &pattern, Valid { from, until }),
            Some("sigma") if self.is_unsure(confidence) => self.all.leave_out(UNSURE),
            Some("sigma") => rules.add(&id.unwrap_or(title), &pattern),
            Some(other) => {
                self.all.refuse(title, format!("patterns of type `{other}` are not matched here"));
            }
        }
    }
}

/// Reads files of indicators, if there are any. Sigma rules in bundles go to the loader.
pub(super) fn read_any(paths: &[PathBuf], by: &Standards, rules: &mut Loader) -> Result<Indicators, Failure> {
    let all = Indicators {
        index: Index::default(),
        patterns: Patterns::new(std::iter::empty()),
        named: Vec::new(),
        refused: 0,
        left_out: BTreeMap::new(),
        first: Vec::new(),
    };
    if paths.is_empty() {
        return Ok(all);
    }
    let mut gathered = Gathered { by, all, stated: BTreeMap::new(), entries: Vec::new(), more: Vec::new() };
    let mut some = false;
    for file in gather(paths)? {
        let bytes = read_file(&file)?;
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') {
            some |= bundle(&file, &bytes, &mut gathered, rules)?;
        } else {
            list(&bytes, &mut gathered);
        }
    }
    for (id, stated) in std::mem::take(&mut gathered.stated) {
        gathered.settle(Some(id), stated, rules);
    }
    let Gathered { mut all, entries, more, .. } = gathered;
    all.index = all.index.with(&entries);
    all.patterns = Patterns::new(more);
    if !some && !all.any() {
        return Err(Failure::new("there is no indicator in what --indicators names")
            .hint("name lists with one value a line, or STIX 2.1 bundles with indicators"));
    }
    Ok(all)
}

/// Takes in a bundle or a single object. Returns whether there was an indicator in it.
fn bundle(
    file: &Path,
    bytes: &[u8],
    gathered: &mut Gathered<'_>,
    rules: &mut Loader,
) -> Result<bool, Failure> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Failure::new(format!("`{}` is no JSON: {error}", file.display())))?;
    let objects = value.get("objects").and_then(Value::as_array).map(Vec::as_slice);
    let mut some = false;
    for object in objects.unwrap_or(std::slice::from_ref(&value)) {
        let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
        let time = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
        let revoked = object.get("revoked").and_then(Value::as_bool).unwrap_or_default();
        let Some(pattern) = text("pattern").or_else(|| revoked.then(String::new)) else { continue };
        if text("type").as_deref() != Some("indicator") {
            continue;
        }
        some = true;
        let confidence = object.get("confidence").and_then(Value::as_u64);
        let stated = Stated {
            title: text("name").unwrap_or_else(|| pattern.clone()),
            kind: text("pattern_type"),
            modified: time("modified").unwrap_or(Timestamp::MIN),
            from: time("valid_from").unwrap_or(Timestamp::MIN),
            until: time("valid_until"),
            confidence: confidence.and_then(|number| u8::try_from(number).ok()),
            pattern,
            revoked,
        };
        gathered.state(text("id"), stated, rules);
    }
    Ok(some)
}

fn list(bytes: &[u8], gathered: &mut Gathered<'_>) {
    let mut reader = Reader::new();
    let mut each = |parsed: Parsed| match parsed {
        Parsed::Value(entry) => {
            let title = entry.term.observable.to_string();
            let named = Named { id: None, title, confidence: entry.confidence };
            let always = Valid { from: Timestamp::MIN, until: None };
            gathered.add(named, &observable::pattern(&entry.term), always);
        }
        Parsed::Refused(refused) => {
            gathered.all.refuse(format!("line {}", refused.line), refused.reason.to_string());
        }
    };
    reader.push(bytes, &mut each);
    reader.finish(&mut each);
}
