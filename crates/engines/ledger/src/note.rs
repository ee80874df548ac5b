//! Keys and signatures of C2SP signed notes: the log's own (type `0x01`) and witnesses' timestamped ones (type `0x04`,
//! tlog-cosignature `cosignature/v1`).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use model::{PartyId, Timestamp};
use sha2::{Digest as _, Sha256};
use signed_note::{VerificationError, Verifier, Verifiers};

/// Seconds of a cosignature's time are below 2^63 (tlog-cosignature).
const MAX_SECONDS: u64 = i64::MAX as u64;

/// What a key signs, by the byte that stands for it in keys and key ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The log signs its own checkpoints: Ed25519 over the note's text (signed-note, `0x01`).
    Log,
    /// A witness says that it saw a checkpoint, and when (tlog-cosignature, `0x04`).
    Witness,
}

impl Role {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A public key with its name: what is configured about a log or a witness. Its `Display` is its vkey,
/// `name+hash+key` (signed-note, "verifier keys").
#[derive(Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    role: Role,
    key: VerifyingKey,
    id: u32,
}

/// A text is not a key we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `name+hash+key`.
    #[error("not a verifier key; one is `name+12345678+base64`")]
    Form,
    /// The name is empty, longer than 255 bytes, or has a space or a plus.
    #[error("`{0}` cannot name a key: 1 to 255 bytes without spaces and plus signs")]
    Name(String),
    /// Another algorithm than Ed25519 notes and cosignatures.
    #[error(
        "signature type 0x{0:02x} is not supported; Ed25519 keys of type 0x01 (log) and 0x04 (witness) are"
    )]
    Type(u8),
    /// Not an encoded Ed25519 key, or one of small order.
    #[error("not an Ed25519 public key")]
    Key,
    /// The hash in the middle is not that of this name and key.
    #[error("the key's hash is {expected:08x}: the key or its name was mistyped")]
    Hash {
        /// What it should be.
        expected: u32,
    },
}

impl NoteKey {
    /// The longest name, in bytes.
    pub const MAX_NAME: usize = 255;

    /// A key from its parts.
    ///
    /// # Errors
    /// [`KeyError::Name`] or [`KeyError::Key`].
    pub fn new(name: &str, role: Role, key: &[u8; 32]) -> Result<Self, KeyError> {
        if name.len() > Self::MAX_NAME
            || !signed_note::is_key_name_valid(name)
            || name.chars().any(char::is_control)
        {
            return Err(KeyError::Name(name.chars().take(80).collect()));
        }
        let key = VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak()).ok_or(KeyError::Key)?;
        let id = signed_note::key_id(name, &typed(role, &key));
        Ok(Self { name: name.to_owned(), role, key, id })
    }

    /// Reads a vkey, in its one spelling.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        let (_, key) = rest.split_once('+').ok_or(KeyError::Form)?;
        let key = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (kind, key) = key.split_first().ok_or(KeyError::Form)?;
        let role = [Role::Log, Role::Witness].into_iter().find(|role| role.byte() == *kind);
        let key = key.try_into().map_err(|_| KeyError::Key);
        let key = Self::new(name, role.ok_or(KeyError::Type(*kind))?, key?)?;
        if key.to_string() == text { Ok(key) } else { Err(KeyError::Hash { expected: key.id }) }
    }

    /// Its name: for a log, the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The hash that stands in its vkey and before its signatures. Short: with the name it tells keys apart, no more.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

fn typed(role: Role, key: &VerifyingKey) -> [u8; 33] {
    let mut typed = [role.byte(); 33];
    typed.iter_mut().skip(1).zip(key.as_bytes()).for_each(|(slot, byte)| *slot = *byte);
    typed
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(typed(self.role, &self.key)))
    }
}

impl fmt::Debug for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Verifier for NoteKey {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let verify = |message: &[u8], signature: &[u8]| {
            let signature = Signature::from_slice(signature);
            signature.is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
        };
        match self.role {
            Role::Log => verify(text, signature),
            Role::Witness => match split_time(signature) {
                Some((seconds, signature)) => verify(&cosigned(seconds, text), signature),
                None => false,
            },
        }
    }
}

/// The time of a cosignature and the Ed25519 signature behind it.
fn split_time(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*time);
    (seconds <= MAX_SECONDS).then_some((seconds, signature))
}

/// When a cosignature that verifies was made; whole seconds.
pub(crate) fn cosigned_at(signature: &[u8]) -> Timestamp {
    let seconds = split_time(signature).map_or(0, |(seconds, _)| seconds);
    Timestamp::from_micros(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// What a witness signs (tlog-cosignature, "Ed25519 signed message").
fn cosigned(seconds: u64, text: &[u8]) -> Vec<u8> {
    let mut message = format!("cosignature/v1\ntime {seconds}\n").into_bytes();
    message.extend_from_slice(text);
    message
}

/// Keys to look for among a note's signatures.
pub(crate) struct Known<'a>(pub(crate) &'a [NoteKey]);

impl Verifiers for Known<'_> {
    fn verifier(&self, name: &str, id: u32) -> Result<&dyn Verifier, VerificationError> {
        match self.0.iter().find(|key| key.name == name && key.id == id) {
            Some(key) => Ok(key),
            None => Err(VerificationError::UnknownKey { name: name.to_owned(), id }),
        }
    }
}

/// A private key of a log or a witness: Ed25519, wiped when dropped. Never one of the party's epoch keys.
pub struct NoteSigner {
    public: NoteKey,
    secret: SigningKey,
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.public)
    }
}

impl NoteSigner {
    /// A key from 32 secret random bytes (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: &str, role: Role, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let secret = SigningKey::from_bytes(seed);
        let public = NoteKey::new(name, role, secret.verifying_key().as_bytes())?;
        Ok(Self { public, secret })
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &NoteKey {
        &self.public
    }

    /// The signature line for a note's text, line feed included. `now` goes into a witness's signature, in whole
    /// seconds; times before 1970 count as 1970.
    #[must_use]
    pub(crate) fn line(&self, text: &str, now: Timestamp) -> String {
        let mut signature = self.public.id.to_be_bytes().to_vec();
        match self.public.role {
            Role::Log => signature.extend(self.secret.sign(text.as_bytes()).to_bytes()),
            Role::Witness => {
                let seconds = u64::try_from(now.as_micros() / 1_000_000).unwrap_or(0);
                signature.extend(seconds.to_be_bytes());
                signature.extend(self.secret.sign(&cosigned(seconds, text.as_bytes())).to_bytes());
            }
        }
        format!("— {} {}\n", self.public.name, STANDARD.encode(signature))
    }
}

/// The two keys a node has for ledgers: one signs its own, with the other it witnesses its peers'.
#[derive(Debug)]
pub struct LedgerKeys {
    /// Signs this node's checkpoints; its name is [`origin`].
    pub log: NoteSigner,
    /// Cosigns peers' checkpoints; its name is [`witness_name`].
    pub witness: NoteSigner,
}

impl LedgerKeys {
    /// Both keys from one secret seed that serves nothing else. They are independent of each other: a cosigner needs a
    /// key of its own, because what it signs does not name it (tlog-cosignature).
    ///
    /// # Errors
    /// [`KeyError::Name`], which the names of parties do not cause.
    pub fn from_seed(party: PartyId, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self {
            log: NoteSigner::new(&origin(party), Role::Log, &derive(LOG_KEY, seed))?,
            witness: NoteSigner::new(&witness_name(party), Role::Witness, &derive(WITNESS_KEY, seed))?,
        })
    }

    /// The text by which key events announce the public keys of a seed. It does not name the party, whose id is the
    /// digest of the event that says this first.
    #[must_use]
    pub fn announcement(seed: &[u8; 32]) -> String {
        let public = |purpose| {
            STANDARD.encode(SigningKey::from_bytes(&derive(purpose, seed)).verifying_key().as_bytes())
        };
        format!("{ANNOUNCED} {} {}", public(LOG_KEY), public(WITNESS_KEY))
    }
}

const LOG_KEY: &str = "shieldwall/ledger/log-key/v1";
const WITNESS_KEY: &str = "shieldwall/ledger/witness-key/v1";
/// How an announcement begins.
const ANNOUNCED: &str = "ed25519";

fn derive(purpose: &str, seed: &[u8; 32]) -> zeroize::Zeroizing<[u8; 32]> {
    let seed = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(seed).finalize();
    zeroize::Zeroizing::new(seed.into())
}

/// A party's public keys for ledgers, as its key events announce them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Signs its own checkpoints.
    pub log: NoteKey,
    /// Cosigns others'.
    pub witness: NoteKey,
}

impl Announced {
    /// Reads what [`LedgerKeys::announcement`] writes, in its one spelling.
    ///
    /// # Errors
    /// [`KeyError::Form`] or [`KeyError::Key`].
    pub fn parse(party: PartyId, text: &str) -> Result<Self, KeyError> {
        let (log, witness) = text
            .strip_prefix(ANNOUNCED)
            .and_then(|keys| keys.strip_prefix(' '))
            .and_then(|keys| keys.split_once(' '))
            .ok_or(KeyError::Form)?;
        let key = |text: &str| crate::checkpoint::hash(text).map(|key| key.0).ok_or(KeyError::Form);
        let (log, witness) = (key(log)?, key(witness)?);
        Ok(Self {
            log: NoteKey::new(&origin(party), Role::Log, &log)?,
            witness: NoteKey::new(&witness_name(party), Role::Witness, &witness)?,
        })
    }
}

/// The origin line of a party's ledger, which is also the name of its key.
#[must_use]
pub fn origin(party: PartyId) -> String {
    format!("shieldwall/ledger/{party}")
}

/// The name under which a party witnesses others' ledgers.
#[must_use]
pub fn witness_name(party: PartyId) -> String {
    format!("shieldwall/witness/{party}")
}
