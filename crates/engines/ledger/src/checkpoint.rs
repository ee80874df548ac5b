//! C2SP tlog-checkpoint: what a log says its tree is, signed by it and cosigned by witnesses.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Digest, Timestamp};
use signed_note::{Note, NoteError, Signature};

use crate::merkle::EMPTY;
use crate::note::{Known, NoteKey, NoteSigner, Role, cosigned_at};

/// The three lines that matter, and any that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves in its tree.
    pub size: u64,
    /// The tree's root.
    pub root: Digest,
    /// Extension lines, without line feeds. We write none.
    pub extensions: Vec<String>,
}

/// A checkpoint as a signed note, kept to the byte. Which signatures verify is not known yet when this exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: String,
}

/// A witness's signature that verifies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cosignature {
    /// The witness's name.
    pub witness: String,
    /// Which of its keys: [`NoteKey::id`].
    pub key: u32,
    /// When it says it saw this as the largest tree of the log; whole seconds.
    pub at: Timestamp,
}

/// A note is no checkpoint, or not signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note within the limits.
    #[error(
        "not a signed note: a text, an empty line, then 1 to 100 signature lines; at most {MAX_NOTE} bytes"
    )]
    Note,
    /// The note's text is not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Text(&'static str),
    /// A known key's signature does not verify: the text was changed, or the signature.
    #[error("the signature by `{0}` does not verify")]
    BadSignature(String),
    /// None of the keys we know has signed.
    #[error("not signed by any key known for `{0}`")]
    Unsigned(String),
}

/// The longest note read, in bytes: more than 16 post-quantum signatures take.
pub const MAX_NOTE: usize = 256 << 10;

impl Checkpoint {
    /// The note's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0));
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads a note's text.
    ///
    /// # Errors
    /// [`CheckpointError::Text`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let fail = |why| Err(CheckpointError::Text(why));
        let Some(text) = text.strip_suffix('\n') else { return fail("the last line has no line feed") };
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return fail("it has fewer than three lines");
        };
        if origin.is_empty() {
            return fail("the origin, its first line, is empty");
        }
        let Some(size) = decimal(size) else { return fail("the size, its second line, is not a number") };
        let Some(root) = hash(root) else {
            return fail("the root, its third line, is not 32 bytes in base64");
        };
        let extensions: Vec<String> = lines.map(str::to_owned).collect();
        if extensions.iter().any(String::is_empty) {
            return fail("an extension line is empty");
        }
        if size == 0 && root != EMPTY {
            return fail("a tree without leaves has another root");
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions })
    }

    /// Signs it as its log.
    ///
    /// # Errors
    /// [`CheckpointError`] when the result would be none: an origin with a line feed, for instance.
    pub fn sign(&self, log: &NoteSigner) -> Result<SignedCheckpoint, CheckpointError> {
        let text = self.to_text();
        let line = log.line(&text, Timestamp::EPOCH);
        let signed = SignedCheckpoint::parse(&format!("{text}\n{line}"))?;
        if signed.checkpoint == *self {
            Ok(signed)
        } else {
            Err(CheckpointError::Text("a line of it has a line feed"))
        }
    }
}

impl SignedCheckpoint {
    /// Reads a signed note. Nothing is verified yet.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] or [`CheckpointError::Text`].
    pub fn parse(note: &str) -> Result<Self, CheckpointError> {
        let text = parse_note(note)?;
        let text = std::str::from_utf8(text.text()).map_err(|_| CheckpointError::Note)?;
        Ok(Self { checkpoint: Checkpoint::parse(text)?, note: note.to_owned() })
    }

    /// What it says.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The whole note.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Verifies that one of the log's keys has signed, and no known one wrongly. Signatures by other keys, and keys of
    /// other logs, do not count.
    ///
    /// # Errors
    /// [`CheckpointError::Unsigned`] or [`CheckpointError::BadSignature`].
    pub fn verify_log(&self, keys: &[NoteKey]) -> Result<(), CheckpointError> {
        let origin = &self.checkpoint.origin;
        let own = keys.iter().filter(|key| key.role() == Role::Log && key.name() == *origin).cloned();
        if self.verified(&own.collect::<Vec<_>>())?.is_empty() {
            return Err(CheckpointError::Unsigned(origin.clone()));
        }
        Ok(())
    }

    /// The cosignatures by these witnesses, each of which verifies; by name.
    ///
    /// # Errors
    /// [`CheckpointError::BadSignature`] when one does not.
    pub fn cosignatures(&self, witnesses: &[NoteKey]) -> Result<Vec<Cosignature>, CheckpointError> {
        let witnesses: Vec<_> = witnesses.iter().filter(|key| key.role() == Role::Witness).cloned().collect();
        let found = self.verified(&witnesses)?.into_iter();
        let mut found: Vec<_> = found
            .map(|found| Cosignature {
                witness: found.name().to_owned(),
                key: found.id(),
                at: cosigned_at(found.signature()),
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// Cosigns as a witness: the signature line, line feed included.
    #[must_use]
    pub fn cosign(&self, witness: &NoteSigner, now: Timestamp) -> String {
        witness.line(&self.checkpoint.to_text(), now)
    }

    /// Adds signature lines that verify by one of `keys`; others are left out, as are those we have already.
    ///
    /// # Errors
    /// [`CheckpointError::Note`] when these are no signature lines, or too many;
    /// [`CheckpointError::BadSignature`] when one by a known key does not verify.
    pub fn with_lines(&self, lines: &str, keys: &[NoteKey]) -> Result<Self, CheckpointError> {
        let answer = Self::parse(&format!("{}\n{lines}", self.checkpoint.to_text()))?;
        let mut note = self.note.clone();
        for signature in answer.verified(keys)? {
            let line = signature.to_bytes();
            let line = std::str::from_utf8(&line).map_err(|_| CheckpointError::Note)?;
            if !self.has_signature_by(&signature) {
                note.push_str(line);
            }
        }
        Self::parse(&note)
    }

    fn has_signature_by(&self, signature: &Signature) -> bool {
        let start = format!("— {} ", signature.name());
        self.note.lines().filter_map(|line| line.strip_prefix(&start)).any(|encoded| {
            STANDARD.decode(encoded).is_ok_and(|bytes| bytes.starts_with(&signature.id().to_be_bytes()))
        })
    }

    /// The signatures by known keys, one of each.
    fn verified(&self, keys: &[NoteKey]) -> Result<Vec<Signature>, CheckpointError> {
        match parse_note(&self.note)?.verify(&Known(keys)) {
            Ok((verified, _)) => Ok(verified),
            Err(NoteError::UnverifiedNote) => Ok(Vec::new()),
            Err(NoteError::InvalidSignature { name, .. }) => Err(CheckpointError::BadSignature(name)),
            Err(_) => Err(CheckpointError::Note),
        }
    }
}

fn parse_note(note: &str) -> Result<Note, CheckpointError> {
    if note.len() > MAX_NOTE {
        return Err(CheckpointError::Note);
    }
    Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointError::Note)
}

/// A number in its one decimal spelling.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// A digest in base64, in its one spelling.
pub(crate) fn hash(text: &str) -> Option<Digest> {
    STANDARD.decode(text).ok()?.try_into().ok().map(Digest)
}
