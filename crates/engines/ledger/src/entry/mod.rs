//! Entries and what the ledger holds of them.
//!
//! An entry says that something happened: its time, its [`Figures`] (counts, categories, labels, pseudonyms: what an
//! overseer may see) and its *particulars* (which object, under which clause: what only the parties may see). The leaf is
//! neither, nor the kind of the entry, but a commitment to all of it:
//!
//! ```text
//! particulars' salt = SHA-256("shieldwall/ledger/particulars-salt/v1" 00 salt)
//! figures' salt     = SHA-256("shieldwall/ledger/figures-salt/v1" 00 salt)
//! particulars       = SHA-256("shieldwall/ledger/particulars/v1" 00 particulars' salt  canonical JSON)
//! shown             = {"at":…,"figures":{…},"kind":…,"particulars":"<hex of particulars>"}    (canonical JSON)
//! commitment        = SHA-256("shieldwall/ledger/entry/v1" 00 figures' salt  shown)
//! leaf              = the 32 bytes of the commitment; leaf hash = SHA-256(00 leaf), RFC 6962 §2.1
//! ```
//!
//! `salt` is 32 random bytes of the entry's own. So a leaf tells nothing, not even by trying all IPv4 addresses. Whoever
//! gets `shown` and the figures' salt can verify the figures and still not try values for the particulars, whose salt
//! is not computable from that. Who gets the entry and `salt` can verify everything.
//!
//! The kind is inside because a list of kinds by time would tell peers who fetch tiles how often this node refuses,
//! overrides or breaks the glass.

mod figures;
mod word;

use std::fmt;

use json::{Kind as JsonKind, Limits, Tape, Value, canonical};
use model::{Digest, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::fields::{EXACT, Fields, Malformed, Object};
use crate::merkle::leaf_hash;

pub use figures::{
    AgreementAct, BreakGlassAct, ConsumerAct, Decision, ErasureAct, Figures, Flow, Kind, MisdirectedAct,
    Personal, QueryAnswer, ReleaseAct, Side, Way,
};
pub use word::{InvalidWord, Item, Word};

/// Bounds on an entry's text.
const LIMITS: Limits = Limits::new(64 << 10, 16, 4_000);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, by our clock.
    pub at: Timestamp,
    /// What an overseer may see.
    pub figures: Figures,
    particulars: String,
}

/// An entry with its salt: what is kept beside the leaf for as long as the content may be kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    salt: [u8; 32],
    entry: Entry,
}

/// The part of an opening that shows the figures and proves them, without the particulars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The figures' salt.
    salt: Digest,
    /// Canonical JSON, exactly as committed to.
    text: String,
    at: Timestamp,
    figures: Figures,
}

impl Entry {
    /// An entry; `particulars` is a JSON object, which is brought into canonical form.
    ///
    /// # Errors
    /// [`Malformed`] when the figures contradict themselves or the particulars are not an object of at most 64 KiB
    /// without duplicate names and without numbers of 2^53 or more.
    pub fn new(at: Timestamp, figures: Figures, particulars: &str) -> Result<Self, Malformed> {
        figures.check("/figures")?;
        let mut tape = Tape::new();
        let value = tape.parse(particulars.as_bytes(), &LIMITS)?;
        Ok(Self { at, figures, particulars: canonical_object(value, "/particulars")? })
    }

    /// What only the parties may see: a JSON object in canonical form.
    #[must_use]
    pub fn particulars(&self) -> &str {
        &self.particulars
    }

    /// Commits to the entry with 32 bytes of fresh randomness.
    #[must_use]
    pub const fn salted(self, salt: [u8; 32]) -> Opening {
        Opening { salt, entry: self }
    }
}

impl Opening {
    /// The entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The commitment: the bytes of the leaf.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        self.shown().commitment()
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        leaf_hash(&self.commitment().0)
    }

    /// The part an overseer may see.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let Entry { at, figures, particulars } = &self.entry;
        let salt = salted("shieldwall/ledger/particulars-salt/v1", &self.salt, "");
        let particulars = salted("shieldwall/ledger/particulars/v1", &salt.0, particulars);
        let text = Object::default()
            .text("at", at)
            .raw("figures", figures.to_text())
            .text("kind", figures.kind().as_str())
            .text("particulars", particulars)
            .finish();
        let salt = salted("shieldwall/ledger/figures-salt/v1", &self.salt, "");
        Shown { salt, text, at: *at, figures: figures.clone() }
    }

    /// Canonical JSON: `{"at":…,"figures":{…},"kind":…,"particulars":{…},"salt":"<hex>"}`.
    #[must_use]
    pub fn to_text(&self) -> String {
        Object::default()
            .text("at", self.entry.at)
            .raw("figures", self.entry.figures.to_text())
            .text("kind", self.entry.figures.kind().as_str())
            .raw("particulars", self.entry.particulars.as_str())
            .text("salt", Digest(self.salt))
            .finish()
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let fields = tape.parse(text.as_bytes(), &LIMITS)?;
        let fields = Fields::of(fields, "", &["at", "figures", "kind", "particulars", "salt"])?;
        let figures = Figures::read(fields.parsed("kind")?, fields.value("figures")?, "/figures")?;
        let particulars = canonical_object(fields.value("particulars")?, "/particulars")?;
        let entry = Entry { at: fields.parsed("at")?, figures, particulars };
        Ok(Self { salt: fields.digest("salt")?.0, entry })
    }
}

impl fmt::Debug for Opening {
    /// Without the salt, which would let whoever reads a log file try values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl Shown {
    /// Reads the text of a shown entry with the figures' salt. The text must be canonical; whether it is what a leaf
    /// commits to shows in [`Self::commitment`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(salt: Digest, text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        Self::read(salt, tape.parse(text.as_bytes(), &LIMITS)?, "")
    }

    /// What is kept of an opening once its particulars are erased: `{"salt":"<hex>","shown":{…}}`, canonical JSON. The
    /// figures stay provable, and nobody can try values for the particulars any more.
    #[must_use]
    pub fn to_text(&self) -> String {
        Object::default().text("salt", self.salt).raw("shown", self.text.as_str()).finish()
    }

    /// Reads what is kept of an opening: [`Opening::to_text`], or [`Self::to_text`] once the particulars are erased.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse_kept(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let value = tape.parse(text.as_bytes(), &LIMITS)?;
        let Some(shown) = value.get("shown") else {
            return Opening::parse(text).map(|opening| opening.shown());
        };
        let fields = Fields::of(value, "", &["salt", "shown"])?;
        Self::read(fields.digest("salt")?, shown, "/shown")
    }

    pub(crate) fn read(salt: Digest, value: Value<'_>, pointer: &str) -> Result<Self, Malformed> {
        let fields = Fields::of(value, pointer, &["at", "figures", "kind", "particulars"])?;
        fields.digest("particulars")?;
        let figures = Figures::read(fields.parsed("kind")?, fields.value("figures")?, &fields.at("figures"))?;
        Ok(Self { salt, text: value.raw().to_owned(), at: fields.parsed("at")?, figures })
    }

    /// The figures' salt.
    #[must_use]
    pub const fn salt(&self) -> Digest {
        self.salt
    }

    /// Canonical JSON: `{"at":…,"figures":{…},"kind":…,"particulars":"<hex>"}`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When it happened, by the node's clock.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// What happened.
    #[must_use]
    pub const fn figures(&self) -> &Figures {
        &self.figures
    }

    /// The commitment these figures belong to.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        salted("shieldwall/ledger/entry/v1", &self.salt.0, &self.text)
    }

    /// The hash of the leaf these figures belong to.
    #[must_use]
    pub fn leaf_hash(&self) -> Digest {
        leaf_hash(&self.commitment().0)
    }
}

fn salted(domain: &str, salt: &[u8; 32], text: &str) -> Digest {
    Digest(
        Sha256::new()
            .chain_update(domain)
            .chain_update([0])
            .chain_update(salt)
            .chain_update(text)
            .finalize()
            .into(),
    )
}

/// The canonical form of an object in which no number loses digits.
fn canonical_object(value: Value<'_>, pointer: &str) -> Result<String, Malformed> {
    if value.kind() != JsonKind::Object {
        return Err(Malformed::new(pointer, "an object is needed"));
    }
    exact(value, pointer)?;
    let mut out = String::with_capacity(value.raw().len());
    canonical(value, &mut out);
    Ok(out)
}

/// 2^53 itself is refused too: as a double it cannot be told from 2^53 + 1. Recursion is bounded by the parser's depth
/// limit.
fn exact(value: Value<'_>, pointer: &str) -> Result<(), Malformed> {
    if value.as_f64().is_some_and(|number| number.abs() >= EXACT as f64) {
        return Err(Malformed::new(pointer, "a number of 2^53 or more loses digits: write it as a string"));
    }
    value.entries().map(|(_, member)| member).chain(value.items()).try_for_each(|inner| exact(inner, pointer))
}
