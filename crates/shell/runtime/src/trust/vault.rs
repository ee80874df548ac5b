//! The node's own secrets: what it signs, opens and renames with.
//!
//! They lie in one sealed file below the node's directory, which is replaced as a whole: a crash leaves the old or the
//! new one. Root keys and officers' keys are never here.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keys::boxes::BoxSecretKey;
use keys::sealed::{Cost, Opener, Sealed, SealedError};
use keys::{KeyId, SecretKey};
use ports::Ids;
use zeroize::Zeroizing;

/// Everything secret that a running node needs.
pub struct Secrets {
    /// Signs what the node signs.
    pub epoch: SecretKey,
    /// The last epoch's key, kept until the event that ends its epoch is stored: it signs that event too.
    pub before: Option<SecretKey>,
    /// The next epoch's key, which nobody has seen.
    pub next: SecretKey,
    /// Opens what is sealed to this epoch.
    pub boxed: BoxSecretKey,
    /// Opens what was sealed to the epoch before: courier files take their time.
    pub boxed_before: Option<BoxSecretKey>,
    /// Seed of the ledger's own Ed25519 key.
    pub ledger: Zeroizing<[u8; 32]>,
    /// What pseudonyms are derived from.
    pub pseudonyms: Zeroizing<[u8; 32]>,
}

/// Bytes of all parts together.
const ENCODED: usize = 2 + 3 * 64 + 4 * 32;

impl Secrets {
    /// Fresh secrets for a party that begins.
    #[must_use]
    pub fn generate(ids: &dyn Ids) -> Self {
        let mut entropy = || ids.random();
        Self {
            epoch: SecretKey::generate(&mut entropy),
            before: None,
            next: SecretKey::generate(&mut entropy),
            boxed: BoxSecretKey::from_seed(entropy()),
            boxed_before: None,
            ledger: Zeroizing::new(entropy()),
            pseudonyms: Zeroizing::new(entropy()),
        }
    }

    /// The secrets of the next epoch: its key becomes the current one, and a new next one is made.
    #[must_use]
    pub fn rotated(&self, ids: &dyn Ids) -> Self {
        let mut entropy = || ids.random();
        Self {
            epoch: SecretKey::from_seed(*self.next.seed()),
            before: Some(SecretKey::from_seed(*self.epoch.seed())),
            next: SecretKey::generate(&mut entropy),
            boxed: BoxSecretKey::from_seed(entropy()),
            boxed_before: Some(BoxSecretKey::from_seed(*self.boxed.seed())),
            ledger: self.ledger.clone(),
            pseudonyms: self.pseudonyms.clone(),
        }
    }

    /// The same secrets once more.
    #[must_use]
    pub fn copy(&self) -> Self {
        let key = |key: &SecretKey| SecretKey::from_seed(*key.seed());
        Self {
            epoch: key(&self.epoch),
            before: self.before.as_ref().map(key),
            next: key(&self.next),
            boxed: BoxSecretKey::from_seed(*self.boxed.seed()),
            boxed_before: self.boxed_before.as_ref().map(|boxed| BoxSecretKey::from_seed(*boxed.seed())),
            ledger: self.ledger.clone(),
            pseudonyms: self.pseudonyms.clone(),
        }
    }

    /// The current epoch key's id.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.epoch.id()
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(ENCODED));
        bytes.extend_from_slice(&[
            1,
            u8::from(self.before.is_some()) | u8::from(self.boxed_before.is_some()) << 1,
        ]);
        for key in [Some(&self.epoch), Some(&self.next), self.before.as_ref()].into_iter().flatten() {
            bytes.extend_from_slice(key.seed());
        }
        bytes.extend_from_slice(&*self.ledger);
        bytes.extend_from_slice(&*self.pseudonyms);
        for key in [Some(&self.boxed), self.boxed_before.as_ref()].into_iter().flatten() {
            bytes.extend_from_slice(key.seed());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let ([version, flags], mut rest) = bytes.split_first_chunk::<2>()?;
        let epoch = SecretKey::from_seed(*take(&mut rest)?);
        let next = SecretKey::from_seed(*take(&mut rest)?);
        let before = if flags & 1 == 0 { None } else { Some(SecretKey::from_seed(*take(&mut rest)?)) };
        let ledger = Zeroizing::new(*take(&mut rest)?);
        let pseudonyms = Zeroizing::new(*take(&mut rest)?);
        let boxed = BoxSecretKey::from_seed(*take(&mut rest)?);
        let boxed_before =
            if flags & 2 == 0 { None } else { Some(BoxSecretKey::from_seed(*take(&mut rest)?)) };
        (*version == 1 && rest.is_empty()).then_some(Self {
            epoch,
            before,
            next,
            boxed,
            boxed_before,
            ledger,
            pseudonyms,
        })
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(head)
}

/// Why the secrets are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No keys were made yet.
    #[error("this node has no keys; make them with `shieldwall key establish`")]
    Empty,
    /// There are keys already.
    #[error("`{0}` holds keys already; rotate them with `shieldwall key rotate`")]
    Taken(String),
    /// A file could not be read or written.
    #[error("the keys in `{path}` cannot be read or written: {error}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// It could not be opened.
    #[error("the keys in `{path}` cannot be opened: {error}")]
    Sealed {
        /// Which.
        path: String,
        /// What is wrong.
        error: SealedError,
    },
    /// It was opened and makes no sense.
    #[error("the keys in `{0}` are damaged; restore them from where you keep a copy")]
    Damaged(String),
}

/// What opens the sealed file.
pub enum Unlock {
    /// What a person typed, or a service manager handed over.
    Passphrase(Zeroizing<String>),
    /// A key that lies beside it.
    Key(Zeroizing<[u8; 32]>),
}

impl Unlock {
    fn opener(&self) -> Opener<'_> {
        match self {
            Self::Passphrase(passphrase) => Opener::Passphrase(passphrase),
            Self::Key(key) => Opener::KeyFile(key),
        }
    }
}

/// Where the secrets lie.
pub enum Vault {
    /// Sealed, in a file.
    File {
        /// The file.
        path: PathBuf,
        /// What opens it.
        unlock: Unlock,
    },
    /// Only in memory: for simulations.
    Memory(Mutex<Option<Zeroizing<Vec<u8>>>>),
}

/// What the sealed file says it is.
const PURPOSE: &str = "node keys";

impl Vault {
    /// An empty vault that forgets everything with the process.
    #[must_use]
    pub const fn memory() -> Self {
        Self::Memory(Mutex::new(None))
    }

    /// The vault below a node's directory. Without a passphrase, a random key beside it opens it: whoever can read the
    /// directory can then be the node, as with any server that starts by itself.
    ///
    /// # Errors
    /// When the key file cannot be made or read.
    pub fn in_dir(
        dir: &Path,
        passphrase: Option<Zeroizing<String>>,
        ids: &dyn Ids,
    ) -> Result<Self, VaultError> {
        let folder = dir.join("keys");
        let path = folder.join("node.sealed");
        private_dir(&folder).map_err(|error| VaultError::Io { path: folder.display().to_string(), error })?;
        let unlock = match passphrase {
            Some(passphrase) => Unlock::Passphrase(passphrase),
            None => Unlock::Key(key_file(&folder.join("unlock.key"), ids)?),
        };
        Ok(Self::File { path, unlock })
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Memory(_) => "memory".to_owned(),
        }
    }

    /// Whether there are secrets, without opening them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::File { path, .. } => !path.exists(),
            Self::Memory(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).is_none(),
        }
    }

    /// Opens the secrets.
    ///
    /// # Errors
    /// [`VaultError::Empty`] when there are none yet.
    pub fn load(&self) -> Result<Secrets, VaultError> {
        let bytes = match self {
            Self::Memory(slot) => {
                slot.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(VaultError::Empty)?
            }
            Self::File { path, unlock } => {
                let text = match fs::read(path) {
                    Ok(text) => text,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VaultError::Empty),
                    Err(error) => return Err(VaultError::Io { path: self.name(), error }),
                };
                Sealed::parse(&text)
                    .and_then(|sealed| sealed.open(PURPOSE, unlock.opener()))
                    .map_err(|error| VaultError::Sealed { path: self.name(), error })?
            }
        };
        Secrets::decode(&bytes).ok_or_else(|| VaultError::Damaged(self.name()))
    }

    /// Keeps the secrets in place of what was there.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is still there then.
    pub fn save(&self, secrets: &Secrets, ids: &dyn Ids) -> Result<(), VaultError> {
        let bytes = secrets.encode();
        match self {
            Self::Memory(slot) => {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
                Ok(())
            }
            Self::File { path, unlock } => {
                let sealed =
                    Sealed::seal(PURPOSE, &bytes, unlock.opener(), Cost::DEFAULT, &mut || ids.random())
                        .map_err(|error| VaultError::Sealed { path: self.name(), error })?;
                replace(path, sealed.to_text().as_bytes())
                    .map_err(|error| VaultError::Io { path: self.name(), error })
            }
        }
    }
}

fn private_dir(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Reads the key that opens the vault, making it when there is none.
fn key_file(path: &Path, ids: &dyn Ids) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let failed = |error| VaultError::Io { path: path.display().to_string(), error };
    let read = || fs::read(path).map(Zeroizing::new);
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            replace(path, &*Zeroizing::new(ids.random())).map_err(failed)?;
            read().map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    let key = <[u8; 32]>::try_from(bytes.as_slice())
        .map_err(|_| VaultError::Damaged(path.display().to_string()))?;
    Ok(Zeroizing::new(key))
}

/// Writes a file readable by its owner only, in one step as others see it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
