//! One object's statement: what travels with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use json::{Kind, Limits, Tape, Value, write_string};
use model::{Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::DOMAIN;
use super::batch::{BatchMemo, SignedBatch};
use super::leaves::{Hidden, MAX_LEAVES, Seed, Unlistable, Walk, commitments, digest_of, is_inside, seed_of};
use crate::merkle::{MAX_PATH, climb};
use crate::read::{Malformed, Members, exact, hex, push_name, push_number, push_text};
use crate::signing::{BadSigner, Signers};

/// A creator's word about one object.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    pub(crate) batch: Arc<SignedBatch>,
    pub(crate) index: u32,
    pub(crate) path: Vec<Digest>,
    pub(crate) id: String,
    pub(crate) modified: Option<String>,
    pub(crate) label: String,
    pub(crate) onward: String,
    /// Seeds of the largest parts that are whole, by pointer in the full object.
    pub(crate) seeds: BTreeMap<String, Seed>,
    pub(crate) hidden: Hidden,
}

/// What a statement proves about a copy of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who created it.
    pub party: PartyId,
    /// Its label, as its creator set it (canonical text).
    pub label: String,
    /// How it may be passed on, as its creator set it (canonical text).
    pub onward: String,
    /// Pointers, in the full object, to what was removed from this copy; empty when nothing was.
    pub removed: Vec<String>,
    /// When the creator signed.
    pub at: Timestamp,
}

/// Why a statement does not vouch for an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The statement or the object cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The signature does not count.
    #[error(transparent)]
    Signer(#[from] BadSigner),
    /// It is about another object, or another version.
    #[error("the statement is about `{stated}`, not about `{given}`")]
    OtherObject {
        /// What the statement is about: id, and `modified` after a space.
        stated: String,
        /// What the object says.
        given: String,
    },
    /// Something in the object is not vouched for: it was added.
    #[error("the creator has not vouched for what stands at `{0}`")]
    Added(String),
    /// Something was removed that makes the object what it is.
    #[error("`{0}` may not be removed from an object that goes under its creator's name")]
    Essential(String),
    /// Object, label or onward rule are not what was signed, or the salts are those of another statement.
    #[error("object, label or onward rule are not what the creator signed")]
    Altered,
}

impl From<Unlistable> for OriginError {
    fn from(problem: Unlistable) -> Self {
        match problem {
            Unlistable::TooMany => {
                let problem = format!("more than {MAX_LEAVES} values");
                Self::Malformed(Malformed::new("stated object", problem))
            }
            Unlistable::NoSeed(pointer) | Unlistable::NotRemoved(pointer) => Self::Added(pointer),
        }
    }
}

/// A string member, unescaped.
pub(crate) fn text_of(object: Value<'_>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(std::borrow::Cow::into_owned)
}

/// The digest a batch's tree is made of: over an object's id, version, label, onward rule and values.
pub(crate) fn entry_digest(
    id: &str,
    modified: Option<&str>,
    label: &str,
    onward: &str,
    values: &Digest,
) -> Digest {
    let mut out = String::from("{");
    push_text("id", id, &mut out);
    push_text("label", label, &mut out);
    if let Some(modified) = modified {
        push_text("modified", modified, &mut out);
    }
    push_text("onward", onward, &mut out);
    crate::read::push_hex("values", values, &mut out);
    out.push('}');
    let hash = Sha256::new().chain_update(b"shieldwall/origin-entry/v1\0").chain_update(out.as_bytes());
    Digest(hash.finalize().into())
}

impl Statement {
    /// The longest label and the longest onward rule, in bytes each.
    pub const MAX_PART: usize = 64 << 10;
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 8 << 20;
    const WHAT: &'static str = "origin statement";

    /// Who vouches. Nothing is verified by asking.
    #[must_use]
    pub fn party(&self) -> PartyId {
        self.batch.party
    }

    /// The label it states, as canonical text. Nothing is verified by asking.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// How it states that the object may be passed on, as canonical text. Nothing is verified by asking.
    #[must_use]
    pub fn onward(&self) -> &str {
        &self.onward
    }

    /// The signature it shares with the others of its batch.
    #[must_use]
    pub fn batch(&self) -> &SignedBatch {
        &self.batch
    }

    /// The one text of it, to be put beside the object.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(5_500);
        out.push('{');
        push_name("batch", &mut out);
        out.push_str(self.batch.as_text());
        if !self.hidden.is_empty() {
            push_name("hidden", &mut out);
            pairs(self.hidden.iter(), &mut out, |parts, out| {
                pairs(parts.iter(), out, |commitment, out| quoted_hex(&commitment.0, out));
            });
        }
        push_text("id", &self.id, &mut out);
        push_number("index", self.index, &mut out);
        push_text("label", &self.label, &mut out);
        if let Some(modified) = &self.modified {
            push_text("modified", modified, &mut out);
        }
        push_text("onward", &self.onward, &mut out);
        push_name("path", &mut out);
        out.push('[');
        for (index, sibling) in self.path.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            quoted_hex(&sibling.0, &mut out);
        }
        out.push(']');
        push_name("seeds", &mut out);
        pairs(self.seeds.iter(), &mut out, quoted_hex);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::parse_with(text, &mut BatchMemo::new(1))
    }

    /// As [`Self::parse`], without reading the signature of a batch again that was read just before.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse_with(text: &str, memo: &mut BatchMemo) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, text, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let most = MAX_LEAVES;
        let mut hidden = Hidden::new();
        if members.maybe("hidden").is_some() {
            for pair in members.list("hidden", most)? {
                let (pointer, parts) = read_pair(&members, "hidden", pair)?;
                let mut list = BTreeMap::new();
                for part in parts.items() {
                    let (rest, commitment) = read_pair(&members, "hidden", part)?;
                    list.insert(rest, Digest(read_hex(&members, "hidden", commitment)?));
                }
                hidden.insert(pointer, list);
            }
        }
        let mut seeds = BTreeMap::new();
        for pair in members.list("seeds", most)? {
            let (pointer, seed) = read_pair(&members, "seeds", pair)?;
            seeds.insert(pointer, read_hex(&members, "seeds", seed)?);
        }
        let path = members.list("path", MAX_PATH)?.into_iter();
        let modified = members.maybe("modified").map(|_| members.text("modified", 64)).transpose()?;
        let statement = Self {
            batch: memo.read(members.need("batch")?.raw())?,
            index: members.small("index")?,
            path: path.map(|item| read_hex(&members, "path", item).map(Digest)).collect::<Result<_, _>>()?,
            id: members.text("id", 512)?,
            modified,
            label: members.text("label", Self::MAX_PART)?,
            onward: members.text("onward", Self::MAX_PART)?,
            seeds,
            hidden,
        };
        exact(Self::WHAT, text, &statement.to_text())?;
        Ok(statement)
    }

    /// Verifies the statement against a copy of its object, full or redacted.
    ///
    /// # Errors
    /// [`OriginError`]: whatever was changed, added, or taken from another object or statement.
    pub fn verify(
        &self,
        object: &str,
        signers: &dyn Signers,
        now: Timestamp,
        memo: &mut BatchMemo,
    ) -> Result<Verified, OriginError> {
        let mut tape = Tape::new();
        let value = parse_object(object, &mut tape)?;
        let (id, modified) = (text_of(value, "id").unwrap_or_default(), text_of(value, "modified"));
        if id != self.id || modified != self.modified {
            let name = |id: &str, modified: &Option<String>| {
                [Some(id), modified.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
            };
            let (stated, given) = (name(&self.id, &self.modified), name(&id, &modified));
            return Err(OriginError::OtherObject { stated, given });
        }
        essential(self.hidden.keys())?;
        let leaves = commitments(value, &self.seeds, &self.hidden)?;
        let entry = entry_digest(&id, modified.as_deref(), &self.label, &self.onward, &digest_of(&leaves));
        let (index, count) = (u64::from(self.index), u64::from(self.batch.count));
        if climb(DOMAIN, &entry, index, count, &self.path) != Some(self.batch.root) {
            return Err(OriginError::Altered);
        }
        self.batch.verify(signers, now, memo)?;
        Ok(Verified {
            party: self.batch.party,
            label: self.label.clone(),
            onward: self.onward.clone(),
            removed: self.hidden.keys().cloned().collect(),
            at: self.batch.at,
        })
    }

    /// The statement for a copy without the parts at `removed` (pointers into `object`, which may be redacted
    /// already). A container that loses all it has counts as removed itself: STIX knows no empty lists.
    ///
    /// # Errors
    /// [`OriginError`] when this statement does not fit `object`; a pointer that leads nowhere removes nothing.
    pub fn redact(&self, object: &str, removed: &[String]) -> Result<Self, OriginError> {
        let mut tape = Tape::new();
        let value = parse_object(object, &mut tape)?;
        let leaves = commitments(value, &self.seeds, &self.hidden)?;
        let gone = self.emptied(value, removed)?;
        essential(gone.iter())?;

        let mut hidden = self.hidden.clone();
        // What is inside of a removed part is listed with it, also what had been removed from it before.
        hidden.retain(|root, _| !around(root).any(|part| gone.contains(part)));
        for part in &gone {
            let from =
                leaves.range(part.clone()..).take_while(|(pointer, _)| pointer.starts_with(part.as_str()));
            let inside = from.filter(|(pointer, _)| *pointer == part || is_inside(pointer, part));
            let rest = |(pointer, commitment): (&String, &Digest)| {
                (pointer.get(part.len()..).unwrap_or_default().to_owned(), *commitment)
            };
            hidden.insert(part.clone(), inside.map(rest).collect());
        }

        // Seeds of the largest parts nothing was removed from.
        let mut seeds = BTreeMap::new();
        let visit = |full: &str, _here: &str, _value: Value<'_>, _leaf: bool| {
            if gone.contains(full) {
                return Ok(false);
            }
            let inside = format!("{full}/");
            if hidden.range(inside.clone()..).next().is_some_and(|(root, _)| root.starts_with(&inside)) {
                return Ok(true);
            }
            let seed = seed_of(&self.seeds, full).ok_or_else(|| Unlistable::NoSeed(full.to_owned()))?;
            seeds.insert(full.to_owned(), seed);
            Ok(false)
        };
        Walk { hidden: &self.hidden, visit }.go("", "", value)?;
        Ok(Self { hidden, seeds, ..self.clone() })
    }

    /// The largest parts that are removed, by pointer in the full object, given pointers into this copy.
    fn emptied(&self, value: Value<'_>, removed: &[String]) -> Result<BTreeSet<String>, OriginError> {
        let removed: BTreeSet<&str> = removed.iter().map(String::as_str).collect();
        // Every part, containers before what is in them, and whether it is a leaf that stays.
        let mut all: Vec<(String, bool)> = Vec::new();
        let visit = |full: &str, here: &str, _value: Value<'_>, leaf: bool| {
            let named = removed.contains(here);
            all.push((full.to_owned(), leaf && !named));
            Ok(!named)
        };
        Walk { hidden: &self.hidden, visit }.go("", "", value)?;
        let mut staying: BTreeSet<&str> = BTreeSet::new();
        for (pointer, _) in all.iter().filter(|(_, stays)| *stays) {
            staying.insert(pointer);
            for part in around(pointer) {
                if !staying.insert(part) {
                    break;
                }
            }
        }
        let mut gone = BTreeSet::new();
        let mut last: Option<&str> = None;
        for (pointer, _) in all.iter().filter(|(pointer, _)| !staying.contains(pointer.as_str())) {
            if !last.is_some_and(|part| is_inside(pointer, part)) {
                gone.insert(pointer.clone());
                last = Some(pointer);
            }
        }
        Ok(gone)
    }
}

/// The pointers of the parts around a part, innermost first.
fn around(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(pointer.rsplit_once('/'), |(around, _)| around.rsplit_once('/'))
        .map(|(around, _)| around)
}

/// What says which object this is, and what ends it, may not be removed: without `revoked` or `valid_until` it would
/// be more than its creator made of it.
const ESSENTIAL: [&str; 7] =
    ["/created", "/id", "/modified", "/revoked", "/spec_version", "/type", "/valid_until"];

fn essential<'a>(mut removed: impl Iterator<Item = &'a String>) -> Result<(), OriginError> {
    match removed.find(|pointer| pointer.is_empty() || ESSENTIAL.contains(&pointer.as_str())) {
        Some(pointer) => Err(OriginError::Essential(pointer.clone())),
        None => Ok(()),
    }
}

impl std::fmt::Debug for Statement {
    /// Without seeds: they open what they are the seeds of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Statement({} by {})", self.id, self.batch.party.0.short())
    }
}

fn parse_object<'a>(object: &'a str, tape: &'a mut Tape) -> Result<Value<'a>, OriginError> {
    let fail = |problem: String| OriginError::Malformed(Malformed::new("stated object", problem));
    let value = tape.parse(object.as_bytes(), &Limits::OBJECT).map_err(|error| fail(error.to_string()))?;
    if value.kind() == Kind::Object { Ok(value) } else { Err(fail("an object was expected".to_owned())) }
}

/// Appends `[[key, value], …]`: a list, because pointers are no member names one could sort in one obvious way.
fn pairs<'a, T: 'a>(
    items: impl Iterator<Item = (&'a String, &'a T)>,
    out: &mut String,
    write: impl Fn(&T, &mut String),
) {
    out.push('[');
    for (index, (key, value)) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('[');
        write_string(key, out);
        out.push(',');
        write(value, out);
        out.push(']');
    }
    out.push(']');
}

fn quoted_hex(bytes: &[u8; 32], out: &mut String) {
    out.push('"');
    hex(bytes, out);
    out.push('"');
}

fn read_pair<'a>(
    members: &Members<'_>,
    name: &str,
    pair: Value<'a>,
) -> Result<(String, Value<'a>), Malformed> {
    let mut items = pair.items();
    match (items.next(), items.next(), items.next()) {
        (Some(key), Some(value), None) => match key.as_str() {
            Some(key) => Ok((key.into_owned(), value)),
            None => Err(members.fail(name, "a list of pairs of pointer and value")),
        },
        _ => Err(members.fail(name, "a list of pairs of pointer and value")),
    }
}

fn read_hex(members: &Members<'_>, name: &str, value: Value<'_>) -> Result<[u8; 32], Malformed> {
    let digest: Option<Digest> = value.as_plain().and_then(|text| text.parse().ok());
    digest.map(|digest| digest.0).ok_or_else(|| members.fail(name, "made of 64 lower-case hex digits"))
}
