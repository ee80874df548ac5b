//! Private keys at rest: a text that only a passphrase or a key file opens.
//!
//! The text is one line of canonical JSON. The key comes from the passphrase by Argon2id (RFC 9106) or from the key
//! file by HMAC-SHA256, each with a salt of its own; the cipher is XChaCha20-Poly1305. The whole header, purpose
//! included, is authenticated: a key sealed as one thing cannot be passed off as another.
//!
//! What is told apart: a text that is damaged (a checksum over the public text says so, which helps nobody guess) and
//! a text that is whole but does not open. Why the latter does not open is not told: a wrong passphrase, a wrong key
//! file and a text made to deceive look alike.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use json::Tape;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::fields::{Fields, LIMITS, Malformed, Object, check_line};

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 64 << 10;

/// What Argon2id costs whoever opens or guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Cost {
    /// For key files: 64 MiB, three passes (RFC 9106 §4, second recommended option, on one lane).
    pub const DEFAULT: Self = Self { memory_kib: 64 << 10, passes: 3 };
    /// The least that is written or read: 19 MiB, two passes.
    pub const LEAST: Self = Self { memory_kib: 19 << 10, passes: 2 };
    /// The most that is read, so that a file cannot exhaust the machine: 1 GiB, sixteen passes.
    pub const MOST: Self = Self { memory_kib: 1 << 20, passes: 16 };

    fn check(self) -> Result<(), String> {
        let Self { memory_kib: least, passes: few } = Self::LEAST;
        let Self { memory_kib: most, passes: many } = Self::MOST;
        if (least..=most).contains(&self.memory_kib) && (few..=many).contains(&self.passes) {
            Ok(())
        } else {
            Err(format!("Argon2id takes {least} to {most} KiB and {few} to {many} passes here"))
        }
    }
}

/// What opens a sealed text.
#[derive(Clone, Copy)]
pub enum Opener<'a> {
    /// What a person types, as UTF-8; not empty.
    Passphrase(&'a str),
    /// 32 bytes from a cryptographic source of randomness, kept elsewhere.
    KeyFile(&'a [u8; 32]),
}

/// Why nothing was sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// It is not such a text.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It was changed, by accident most likely: restore it from a copy.
    #[error("the sealed text is damaged: restore it from a copy")]
    Damaged,
    /// It holds something else.
    #[error("sealed as `{found}`, not as `{expected}`")]
    Purpose {
        /// What was asked for.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It needs the other kind of opener.
    #[error("it opens with {0}")]
    Needs(&'static str),
    /// The passphrase or key file is wrong, or somebody made this text to deceive.
    #[error("it does not open with this passphrase or key file")]
    Closed,
    /// Not fit for sealing.
    #[error("cannot seal: {0}")]
    Unfit(String),
}

/// Where the key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Derivation {
    Argon2id(Cost),
    KeyFile,
}

/// A sealed text that was read, not yet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    purpose: String,
    derivation: Derivation,
    salt: [u8; 16],
    nonce: [u8; 24],
    data: Vec<u8>,
}

impl Sealed {
    /// Seals a secret of at most [`MAX_SECRET`] bytes for a purpose such as `root key`. `cost` applies to passphrases.
    ///
    /// # Errors
    /// [`SealedError::Unfit`]: empty passphrase, a cost out of bounds, a secret too long, a purpose that is no line.
    pub fn seal(
        purpose: &str,
        secret: &[u8],
        opener: Opener<'_>,
        cost: Cost,
        entropy: &mut dyn FnMut() -> [u8; 32],
    ) -> Result<Self, SealedError> {
        check_line(purpose).map_err(|why| SealedError::Unfit(format!("the purpose {why}")))?;
        if secret.len() > MAX_SECRET || purpose.len() > 100 {
            return Err(SealedError::Unfit(format!("more than {MAX_SECRET} bytes, or 100 of purpose")));
        }
        let derivation = match opener {
            Opener::Passphrase("") => return Err(SealedError::Unfit("the passphrase is empty".to_owned())),
            Opener::Passphrase(_) => Derivation::Argon2id(cost),
            Opener::KeyFile(_) => Derivation::KeyFile,
        };
        cost.check().map_err(SealedError::Unfit)?;
        let (mut salt, mut nonce) = ([0; 16], [0; 24]);
        salt.iter_mut().zip(entropy()).for_each(|(slot, byte)| *slot = byte);
        nonce.iter_mut().zip(entropy()).for_each(|(slot, byte)| *slot = byte);
        let mut sealed = Self { purpose: purpose.to_owned(), derivation, salt, nonce, data: Vec::new() };
        let header = sealed.header().finish();
        let payload = Payload { msg: secret, aad: header.as_bytes() };
        let data = sealed.cipher(opener)?.encrypt(&XNonce::from(nonce), payload);
        sealed.data = data.map_err(|_| SealedError::Unfit("the cipher refused".to_owned()))?;
        Ok(sealed)
    }

    /// What it was sealed as.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }

    /// Whether a passphrase opens it; a key file does otherwise.
    #[must_use]
    pub fn needs_passphrase(&self) -> bool {
        matches!(self.derivation, Derivation::Argon2id(_))
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`SealedError::Purpose`], [`SealedError::Needs`] or [`SealedError::Closed`].
    pub fn open(&self, purpose: &str, opener: Opener<'_>) -> Result<Zeroizing<Vec<u8>>, SealedError> {
        if self.purpose != purpose {
            return Err(SealedError::Purpose { expected: purpose.to_owned(), found: self.purpose.clone() });
        }
        let header = self.header().finish();
        let payload = Payload { msg: &self.data, aad: header.as_bytes() };
        let opened = self.cipher(opener)?.decrypt(&XNonce::from(self.nonce), payload);
        opened.map(Zeroizing::new).map_err(|_| SealedError::Closed)
    }

    /// The text: one line of canonical JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let whole = self.header().text("data", URL_SAFE_NO_PAD.encode(&self.data));
        let check = checksum(&whole.finish());
        whole.text("check", check).finish()
    }

    /// Reads [`Self::to_text`]; a line feed may follow.
    ///
    /// # Errors
    /// [`SealedError::Malformed`], or [`SealedError::Damaged`] when the checksum is not that of the text.
    pub fn parse(text: &[u8]) -> Result<Self, SealedError> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut tape = Tape::new();
        let root = tape.parse(text, &LIMITS).map_err(Malformed::from)?;
        let known = [
            "type",
            "v",
            "purpose",
            "cipher",
            "kdf",
            "salt",
            "memory_kib",
            "passes",
            "nonce",
            "data",
            "check",
        ];
        let fields = Fields::of(root, "", &known)?;
        fields.kind("sealed")?;
        if fields.text("cipher", 64)? != CIPHER {
            return Err(Malformed::new("/cipher", format!("only `{CIPHER}` is known")).into());
        }
        let number =
            |name| fields.number(name, u64::from(u32::MAX)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let derivation = match fields.text("kdf", 64)?.as_str() {
            ARGON2ID => {
                let cost = Cost { memory_kib: number("memory_kib")?, passes: number("passes")? };
                cost.check().map_err(|problem| Malformed::new("/memory_kib", problem))?;
                Derivation::Argon2id(cost)
            }
            KEY_FILE => Derivation::KeyFile,
            _ => {
                return Err(Malformed::new("/kdf", format!("`{ARGON2ID}` and `{KEY_FILE}` are known")).into());
            }
        };
        let sealed = Self {
            purpose: fields.line("purpose", 100)?,
            derivation,
            salt: fields.array("salt")?,
            nonce: fields.array("nonce")?,
            data: fields.bytes("data", MAX_SECRET + 16)?,
        };
        fields.text("check", 64)?;
        if sealed.to_text().as_bytes() == text { Ok(sealed) } else { Err(SealedError::Damaged) }
    }

    /// Everything but the data: what the cipher authenticates besides it.
    fn header(&self) -> Object {
        let header = Object::of("sealed")
            .text("purpose", &self.purpose)
            .text("cipher", CIPHER)
            .text("salt", URL_SAFE_NO_PAD.encode(self.salt))
            .text("nonce", URL_SAFE_NO_PAD.encode(self.nonce));
        match self.derivation {
            Derivation::Argon2id(Cost { memory_kib, passes }) => header
                .text("kdf", ARGON2ID)
                .number("memory_kib", u64::from(memory_kib))
                .number("passes", u64::from(passes)),
            Derivation::KeyFile => header.text("kdf", KEY_FILE),
        }
    }

    fn cipher(&self, opener: Opener<'_>) -> Result<XChaCha20Poly1305, SealedError> {
        let mut key = Zeroizing::new([0; 32]);
        match (self.derivation, opener) {
            (Derivation::Argon2id(cost), Opener::Passphrase(passphrase)) => {
                let unfit = |error: argon2::Error| SealedError::Unfit(error.to_string());
                let params = argon2::Params::new(cost.memory_kib, cost.passes, 1, Some(32)).map_err(unfit)?;
                argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
                    .hash_password_into(passphrase.as_bytes(), &self.salt, key.as_mut_slice())
                    .map_err(unfit)?;
            }
            (Derivation::KeyFile, Opener::KeyFile(file)) => {
                let mac = Hmac::<Sha256>::new_from_slice(file).map_err(|_| SealedError::Closed)?;
                let mac = mac.chain_update(b"shieldwall/sealed/v1\0").chain_update(self.salt);
                *key = mac.finalize().into_bytes().into();
            }
            (Derivation::Argon2id(_), Opener::KeyFile(_)) => return Err(SealedError::Needs("a passphrase")),
            (Derivation::KeyFile, Opener::Passphrase(_)) => return Err(SealedError::Needs("a key file")),
        }
        let key = Zeroizing::new(Key::from(*key));
        Ok(XChaCha20Poly1305::new(&key))
    }
}

const CIPHER: &str = "xchacha20-poly1305";
const ARGON2ID: &str = "argon2id";
const KEY_FILE: &str = "key-file";

/// Eight bytes of the digest of the public text: found by whoever reads a damaged copy, of no use to anyone else.
fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.first_chunk::<8>().unwrap_or(&[0; 8]))
}
