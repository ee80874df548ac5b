//! What stands in an event.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use json::Value;
use model::{Digest, InvalidId, PartyId, StixId, Timestamp};

use crate::boxes::BoxPublicKey;
use crate::context;
use crate::fields::{Fields, Malformed, Object, check_line, text};
use crate::hybrid::{KeyId, PublicKey, SecretKey};
use crate::signed::{Signed, SignedError};
use crate::window::{DAY, Window};

/// The longest an epoch lasts, in microseconds: 90 days.
pub const MAX_EPOCH: i64 = 90 * DAY;

const MAX_ROOTS: usize = 16;
const MAX_IDENTITIES: usize = 256;
const MAX_NAME: usize = 200;
const MAX_NOTE: usize = 1000;
const MAX_LEDGER: usize = 2048;

/// Whether a party may begin under this name: a line of at most 200 bytes that reads as it is written.
///
/// # Errors
/// What is wrong with it, to follow the words "the name".
pub fn check_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME {
        return Err(format!("is {} bytes long, more than {MAX_NAME}", name.len()));
    }
    check_line(name).map_err(str::to_owned)
}

/// The root keys, and how many of them must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// The keys, in order; no two share a half.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign; at least 1.
    pub threshold: usize,
}

/// What an epoch begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTerms {
    /// The epoch key: signs everything the node signs.
    pub key: PublicKey,
    /// The id of the next epoch key, which nobody has seen yet.
    pub next: KeyId,
    /// What others seal to.
    pub box_key: BoxPublicKey,
    /// The ledger's public key, as its own format writes it; no meaning here.
    pub ledger: String,
    /// When the epoch ends at the latest.
    pub until: Timestamp,
}

/// Why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Somebody else has it, or may have it.
    Compromised,
    /// Nobody has it any more.
    Lost,
    /// It is not needed any more.
    Retired,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Compromised, Self::Lost, Self::Retired];

    /// The word in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Lost => "lost",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = Self::ALL.into_iter().find(|reason| reason.as_str() == text);
        known.ok_or(InvalidId { expected: "`compromised`, `lost` or `retired`" })
    }
}

/// What an event changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The history begins. Signed by the root threshold and the epoch key.
    Inception {
        /// What people call the party: one line of at most 200 bytes.
        name: String,
        /// ISO 3166-1 alpha-2, or three capital letters for an international organisation.
        country: String,
        /// STIX identities the party speaks for.
        identities: BTreeSet<StixId>,
        /// The root keys.
        roots: Roots,
        /// The first epoch.
        epoch: EpochTerms,
    },
    /// A new epoch. Signed by its key, and by the last epoch's key while that holds or else the root threshold.
    Rotation {
        /// The epoch that begins with this event.
        epoch: EpochTerms,
    },
    /// New root keys. Signed by the threshold of the old and by that of the new.
    Roots {
        /// The root keys from now on.
        roots: Roots,
        /// The id of the next epoch key: the same as before, or another if that one was lost.
        next: KeyId,
    },
    /// An epoch key is not to be believed. Signed by the root threshold.
    Revocation {
        /// The key.
        key: KeyId,
        /// Why.
        reason: Reason,
        /// A line for people.
        note: String,
        /// From when on; not in the future, and possibly long ago.
        from: Timestamp,
    },
    /// The identities the party speaks for from now on. Signed by the epoch key.
    Identities {
        /// All of them.
        identities: BTreeSet<StixId>,
    },
}

impl Change {
    /// The `type` in the body.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Inception { .. } => "inception",
            Self::Rotation { .. } => "rotation",
            Self::Roots { .. } => "roots",
            Self::Revocation { .. } => "revocation",
            Self::Identities { .. } => "identities",
        }
    }
}

/// One event of a party's key history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Whose history, and the digest of the event before; `None` for the inception.
    pub after: Option<(PartyId, Digest)>,
    /// Its number: 0 for the inception, then without gaps.
    pub n: u64,
    /// When it was made, by the party's clock; a rotation's epoch begins then.
    pub created: Timestamp,
    /// What it changes.
    pub change: Change,
}

impl Event {
    /// The body to be signed, in canonical form.
    #[must_use]
    pub fn to_body(&self) -> String {
        let mut body = Object::of(self.change.kind()).number("n", self.n).text("created", self.created);
        if let Some((party, previous)) = self.after {
            body = body.text("party", party).text("previous", previous);
        }
        let body = match &self.change {
            Change::Inception { name, country, identities, roots, epoch } => {
                let body = body.text("name", name).text("country", country).texts("identities", identities);
                write_epoch(write_roots(body, roots), epoch)
            }
            Change::Rotation { epoch } => write_epoch(body, epoch),
            Change::Roots { roots, next } => write_roots(body, roots).text("next", next),
            Change::Revocation { key, reason, note, from } => {
                body.text("key", key).text("reason", reason).text("note", note).text("from", from)
            }
            Change::Identities { identities } => body.texts("identities", identities),
        };
        body.finish()
    }

    /// Signs the event.
    ///
    /// # Errors
    /// [`SignedError::Malformed`] when two of the keys are the same.
    pub fn sign(&self, keys: &[&SecretKey]) -> Result<Signed, SignedError> {
        Signed::sign(&self.to_body(), context::KEY_EVENT, keys)
    }

    /// Reads the body of an event. No signature is looked at.
    ///
    /// # Errors
    /// [`Malformed`] with a pointer into the body.
    pub fn read(signed: &Signed) -> Result<Self, Malformed> {
        signed.with_body(read)
    }

    /// The span the event's epoch may last, for changes that begin one.
    #[must_use]
    pub fn epoch(&self) -> Option<(&EpochTerms, Window)> {
        match &self.change {
            Change::Inception { epoch, .. } | Change::Rotation { epoch } => {
                Some((epoch, Window { from: self.created, until: epoch.until }))
            }
            _ => None,
        }
    }
}

fn read(body: Value<'_>) -> Result<Event, Malformed> {
    const COMMON: [&str; 4] = ["type", "v", "n", "created"];
    const CHAIN: [&str; 2] = ["party", "previous"];
    const EPOCH: [&str; 5] = ["epoch", "next", "box", "ledger", "until"];
    let kind = body.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    let own: &[&str] = match kind.as_ref() {
        "inception" => &["name", "country", "identities", "roots", "threshold"],
        "rotation" => &[],
        "roots" => &["roots", "threshold", "next"],
        "revocation" => &["key", "reason", "note", "from"],
        "identities" => &["identities"],
        _ => return Err(Malformed::new("/type", "not a kind of key event that is known here")),
    };
    let begins = kind == "inception";
    let mut known = [&COMMON, own].concat();
    if !begins {
        known.extend_from_slice(&CHAIN);
    }
    if begins || kind == "rotation" {
        known.extend_from_slice(&EPOCH);
    }
    let fields = Fields::of(body, "", &known)?;
    fields.kind(&kind)?;
    let change = match kind.as_ref() {
        "inception" => Change::Inception {
            name: fields.line("name", MAX_NAME)?,
            country: read_country(&fields)?,
            identities: read_identities(&fields)?,
            roots: read_roots(&fields)?,
            epoch: read_epoch(&fields)?,
        },
        "rotation" => Change::Rotation { epoch: read_epoch(&fields)? },
        "roots" => Change::Roots { roots: read_roots(&fields)?, next: fields.parsed("next")? },
        "revocation" => Change::Revocation {
            key: fields.parsed("key")?,
            reason: fields.parsed("reason")?,
            note: fields.line("note", MAX_NOTE)?,
            from: fields.time("from")?,
        },
        _ => Change::Identities { identities: read_identities(&fields)? },
    };
    let n = fields.number("n", 1 << 32)?;
    if begins != (n == 0) {
        return fields.fail("n", "an inception has number 0, and nothing else has");
    }
    let after = if begins { None } else { Some((fields.parsed("party")?, fields.parsed("previous")?)) };
    Ok(Event { after, n, created: fields.time("created")?, change })
}

fn write_roots(body: Object, roots: &Roots) -> Object {
    body.texts("roots", roots.keys.iter().map(PublicKey::to_text)).number("threshold", roots.threshold as u64)
}

fn read_roots(fields: &Fields<'_>) -> Result<Roots, Malformed> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for (pointer, item) in fields.list("roots", 1, MAX_ROOTS)? {
        let text = text(item, &pointer, 4096)?;
        let key =
            PublicKey::parse(&text).map_err(|error| Malformed::new(pointer.as_str(), error.to_string()))?;
        if keys.iter().any(|other| other.shares_a_half(&key)) {
            return Err(Malformed::new(
                pointer,
                "shares a half with another root key: one person would sign for two",
            ));
        }
        keys.push(key);
    }
    let threshold = usize::try_from(fields.number("threshold", MAX_ROOTS as u64)?).unwrap_or(usize::MAX);
    if threshold == 0 || threshold > keys.len() {
        return fields
            .fail("threshold", format!("must be from 1 to {}, the number of root keys", keys.len()));
    }
    Ok(Roots { keys, threshold })
}

fn write_epoch(body: Object, epoch: &EpochTerms) -> Object {
    body.text("epoch", epoch.key.to_text())
        .text("next", epoch.next)
        .text("box", epoch.box_key.to_text())
        .text("ledger", &epoch.ledger)
        .text("until", epoch.until)
}

fn read_epoch(fields: &Fields<'_>) -> Result<EpochTerms, Malformed> {
    let box_text = fields.text("box", 4096)?;
    let box_key = BoxPublicKey::parse(&box_text)
        .map_err(|error| Malformed::new(fields.at("box"), error.to_string()))?;
    Ok(EpochTerms {
        key: fields.key("epoch")?,
        next: fields.parsed("next")?,
        box_key,
        ledger: fields.line("ledger", MAX_LEDGER)?,
        until: fields.time("until")?,
    })
}

fn read_country(fields: &Fields<'_>) -> Result<String, Malformed> {
    let country = fields.text("country", 16)?;
    let letters = country.bytes().all(|byte| byte.is_ascii_uppercase());
    if letters && matches!(country.len(), 2 | 3) {
        Ok(country)
    } else {
        fields
            .fail("country", "must be two capital letters (ISO 3166-1 alpha-2), or three for an organisation")
    }
}

fn read_identities(fields: &Fields<'_>) -> Result<BTreeSet<StixId>, Malformed> {
    let mut identities = BTreeSet::new();
    for (pointer, item) in fields.list("identities", 0, MAX_IDENTITIES)? {
        let text = text(item, &pointer, 128)?;
        let id: StixId =
            text.parse().map_err(|error: InvalidId| Malformed::new(pointer.as_str(), error.to_string()))?;
        if id.type_name() != "identity" || id.as_str() != text {
            return Err(Malformed::new(pointer, "must be a STIX id `identity--<uuid>` in lower case"));
        }
        if identities.last().is_some_and(|last| *last >= id) {
            return Err(Malformed::new(pointer, "identities are sorted, and none stands twice"));
        }
        identities.insert(id);
    }
    Ok(identities)
}
