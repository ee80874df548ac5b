//! C2SP tlog-policy: which logs and witnesses count, and which of the witnesses together are enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::checkpoint::{CheckpointError, Cosignature, SignedCheckpoint};
use crate::note::{NoteKey, Role};

/// A policy file, parsed: logs, witnesses, groups `m` of `n`, one quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<NoteKey>,
    witnesses: Vec<(String, NoteKey)>,
    /// In order of definition: a member comes before its group.
    groups: Vec<Group>,
    quorum: Option<String>,
}

/// A group of witnesses and groups.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<String>,
}

/// What a policy says of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether the quorum is there.
    pub satisfied: bool,
    /// The cosignatures that count, by name of their keys.
    pub cosignatures: Vec<Cosignature>,
    /// What is short, outermost group first: `group: 1 of 2`. Empty when satisfied.
    pub missing: Vec<String>,
}

/// A policy text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PolicyError {
    /// Counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Bounds on a policy: twice what implementations should support at least.
const MAX_LINES: usize = 64;
const MAX_TEXT: usize = 256 << 10;

impl Policy {
    /// A policy of one group: `threshold` of these witnesses; 0 asks for none.
    ///
    /// # Errors
    /// [`PolicyError`] for a threshold above their number, for two with the same key, and for keys that are no
    /// witness's.
    pub fn threshold(threshold: usize, witnesses: &[NoteKey]) -> Result<Self, PolicyError> {
        let mut text = String::new();
        let mut members = String::new();
        for (at, witness) in witnesses.iter().enumerate() {
            let _ = writeln!(text, "witness w{at} {witness}");
            let _ = write!(members, " w{at}");
        }
        match threshold {
            0 => text.push_str("quorum none\n"),
            threshold => {
                let _ = writeln!(text, "group quorum {threshold}{members}\nquorum quorum");
            }
        }
        Self::parse(&text)
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] with the line.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let whole = |problem: &str| PolicyError { line: 0, problem: problem.to_owned() };
        if text.len() > MAX_TEXT {
            return Err(whole("longer than 256 KiB"));
        }
        if text.chars().any(|c| c.is_ascii_control() && c != '\t' && c != '\n') {
            return Err(whole("control characters other than tab and line feed"));
        }
        if !text.ends_with('\n') {
            return Err(whole("the last line has no line feed"));
        }
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_some_and(|word| !word.starts_with('#')) {
                reader.line(&words).map_err(|problem| PolicyError { line: at + 1, problem })?;
            }
        }
        let quorum = reader.quorum.ok_or_else(|| whole("no line says what the `quorum` is"))?;
        let quorum = (quorum != NONE).then_some(quorum);
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, quorum })
    }

    /// The policy as a file, without comments.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for log in &self.logs {
            let _ = writeln!(text, "log {log}");
        }
        for (name, witness) in &self.witnesses {
            let _ = writeln!(text, "witness {name} {witness}");
        }
        for group in &self.groups {
            let _ = writeln!(text, "group {} {} {}", group.name, group.threshold, group.members.join(" "));
        }
        let _ = writeln!(text, "quorum {}", self.quorum.as_deref().unwrap_or(NONE));
        text
    }

    /// The logs; empty when they are known otherwise.
    #[must_use]
    pub fn logs(&self) -> &[NoteKey] {
        &self.logs
    }

    /// The witnesses' keys.
    pub fn witnesses(&self) -> impl Iterator<Item = &NoteKey> {
        self.witnesses.iter().map(|(_, key)| key)
    }

    /// Whether a checkpoint has the quorum. The log's own signature is verified by
    /// [`SignedCheckpoint::verify_log`].
    ///
    /// # Errors
    /// [`CheckpointError::BadSignature`] when a known witness's cosignature does not verify.
    pub fn evaluate(&self, checkpoint: &SignedCheckpoint) -> Result<Evaluation, CheckpointError> {
        let keys: Vec<NoteKey> = self.witnesses().cloned().collect();
        let cosignatures = checkpoint.cosignatures(&keys)?;
        let signed: BTreeSet<(&str, u32)> =
            cosignatures.iter().map(|found| (found.witness.as_str(), found.key)).collect();
        let mut holds: BTreeMap<&str, bool> = self
            .witnesses
            .iter()
            .map(|(name, key)| (name.as_str(), signed.contains(&(key.name(), key.id()))))
            .collect();
        let mut missing = Vec::new();
        for group in &self.groups {
            let has = |member: &&String| holds.get(member.as_str()).copied().unwrap_or(false);
            let count = group.members.iter().filter(has).count();
            if count < group.threshold {
                missing.push(format!("{}: {count} of {}", group.name, group.threshold));
            }
            holds.insert(&group.name, count >= group.threshold);
        }
        let satisfied =
            self.quorum.as_deref().is_none_or(|quorum| holds.get(quorum).copied().unwrap_or(false));
        missing.reverse();
        if satisfied {
            missing.clear();
        } else if missing.is_empty() {
            missing.push(format!("{}: no cosignature", self.quorum.as_deref().unwrap_or(NONE)));
        }
        Ok(Evaluation { satisfied, cosignatures, missing })
    }
}

/// The name that stands for no quorum at all.
const NONE: &str = "none";

#[derive(Default)]
struct Reader {
    logs: Vec<NoteKey>,
    witnesses: Vec<(String, NoteKey)>,
    groups: Vec<Group>,
    quorum: Option<String>,
    /// Names in use as a member.
    used: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, threshold, members @ ..] => self.group(name, threshold, members),
            ["quorum", name] => self.set_quorum(name),
            [other, ..] => Err(format!(
                "`{}` does not begin a line of a policy with that many words; `log`, `witness`, `group` and `quorum` do",
                shorten(other)
            )),
            [] => Ok(()),
        }
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let key = parse_key(key, Role::Log)?;
        if self.logs.len() >= MAX_LINES || self.logs.iter().any(|other| other.as_bytes() == key.as_bytes()) {
            return Err(format!("more than {MAX_LINES} logs, or two with one key"));
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), String> {
        self.new_name(name)?;
        let key = parse_key(key, Role::Witness)?;
        let same = |(_, other): &(_, NoteKey)| other.as_bytes() == key.as_bytes();
        if self.witnesses.len() >= MAX_LINES || self.witnesses.iter().any(same) {
            return Err(format!("more than {MAX_LINES} witnesses, or two with one key"));
        }
        self.witnesses.push((name.to_owned(), key));
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        self.new_name(name)?;
        if members.is_empty() || self.groups.len() >= MAX_LINES {
            return Err(format!("a group has at least one member, and there are at most {MAX_LINES} groups"));
        }
        let threshold = match threshold {
            "all" => members.len(),
            "any" => 1,
            number => crate::checkpoint::decimal(number)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=members.len()).contains(number))
                .ok_or_else(|| {
                    format!("the threshold is `all`, `any` or a number from 1 to {}", members.len())
                })?,
        };
        for member in members {
            if !self.is_defined(member) {
                return Err(format!("`{}` is not defined above", shorten(member)));
            }
            if !self.used.insert((*member).to_owned()) {
                return Err(format!("`{}` is a member of a group already", shorten(member)));
            }
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.push(Group { name: name.to_owned(), threshold, members });
        Ok(())
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), String> {
        if name != NONE && !self.is_defined(name) {
            return Err(format!("`{}` is not defined above", shorten(name)));
        }
        match self.quorum.replace(name.to_owned()) {
            None => Ok(()),
            Some(_) => Err("a second quorum; a policy has one".to_owned()),
        }
    }

    fn is_defined(&self, name: &str) -> bool {
        self.witnesses.iter().any(|(other, _)| other == name)
            || self.groups.iter().any(|group| group.name == name)
    }

    fn new_name(&self, name: &str) -> Result<(), String> {
        if name == NONE || self.is_defined(name) {
            return Err(format!("`{}` cannot be defined here: it has a meaning already", shorten(name)));
        }
        Ok(())
    }
}

fn parse_key(text: &str, role: Role) -> Result<NoteKey, String> {
    let key = NoteKey::parse(text).map_err(|error| error.to_string())?;
    if key.role() == role {
        Ok(key)
    } else {
        Err(format!("`{}` is a key of another type than this line takes", shorten(text)))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}
