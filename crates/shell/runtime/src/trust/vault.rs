//! The node's own secrets: what it signs, opens and renames with.
//!
//! They lie in one sealed file below the node's directory, which is replaced as a whole: a crash leaves the old or the
//! new one. The next epoch's key lies in a file of its own, named after it, which may be kept elsewhere until it is
//! needed: whoever takes the one file cannot rotate. Root keys and officers' keys are never here.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keys::boxes::BoxSecretKey;
use keys::sealed::{Cost, Opener, Sealed, SealedError};
use keys::{KeyId, SecretKey};
use model::Digest;
use ports::Ids;
use zeroize::Zeroizing;

/// Everything secret that a running node needs.
pub struct Secrets {
    /// Signs what the node signs.
    pub epoch: SecretKey,
    /// The last epoch's key, kept until the event that ends its epoch is stored: it signs that event too.
    pub before: Option<SecretKey>,
    /// The next epoch's key, by its id: nobody has seen it, and it lies apart.
    pub next: KeyId,
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
const ENCODED: usize = 2 + 2 * 64 + 5 * 32;

impl Secrets {
    /// Fresh secrets for a party that begins, and the key of its second epoch.
    #[must_use]
    pub fn generate(ids: &dyn Ids) -> (Self, SecretKey) {
        let mut entropy = || ids.random();
        let epoch = SecretKey::generate(&mut entropy);
        let next = SecretKey::generate(&mut entropy);
        let secrets = Self {
            epoch,
            before: None,
            next: next.id(),
            boxed: BoxSecretKey::from_seed(entropy()),
            boxed_before: None,
            ledger: Zeroizing::new(entropy()),
            pseudonyms: Zeroizing::new(entropy()),
        };
        (secrets, next)
    }

    /// The secrets of the next epoch, whose key was made in the one before, and the key of the epoch after it. The
    /// ledger gets another key too: peers learn it from the same key event.
    #[must_use]
    pub fn rotated(&self, key: SecretKey, ids: &dyn Ids) -> (Self, SecretKey) {
        let mut entropy = || ids.random();
        let next = SecretKey::generate(&mut entropy);
        let secrets = Self {
            epoch: key,
            before: Some(SecretKey::from_seed(*self.epoch.seed())),
            next: next.id(),
            boxed: BoxSecretKey::from_seed(entropy()),
            boxed_before: Some(BoxSecretKey::from_seed(*self.boxed.seed())),
            ledger: Zeroizing::new(entropy()),
            pseudonyms: self.pseudonyms.clone(),
        };
        (secrets, next)
    }

    /// The same secrets once more.
    #[must_use]
    pub fn copy(&self) -> Self {
        let key = |key: &SecretKey| SecretKey::from_seed(*key.seed());
        Self {
            epoch: key(&self.epoch),
            before: self.before.as_ref().map(key),
            next: self.next,
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
            2,
            u8::from(self.before.is_some()) | u8::from(self.boxed_before.is_some()) << 1,
        ]);
        for key in [Some(&self.epoch), self.before.as_ref()].into_iter().flatten() {
            bytes.extend_from_slice(key.seed());
        }
        bytes.extend_from_slice(&self.next.0.0);
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
        let before = if flags & 1 == 0 { None } else { Some(SecretKey::from_seed(*take(&mut rest)?)) };
        let next = KeyId(Digest(*take(&mut rest)?));
        let ledger = Zeroizing::new(*take(&mut rest)?);
        let pseudonyms = Zeroizing::new(*take(&mut rest)?);
        let boxed = BoxSecretKey::from_seed(*take(&mut rest)?);
        let boxed_before =
            if flags & 2 == 0 { None } else { Some(BoxSecretKey::from_seed(*take(&mut rest)?)) };
        (*version == 2 && rest.is_empty()).then_some(Self {
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
    /// There were keys once, and they are not here.
    #[error(
        "this node's keys are lost: its store holds a key history, and its `keys` folder not the keys of it; restore the folder that belongs to this store, or go on with `shieldwall key recover`"
    )]
    Lost,
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
    /// The next epoch's key is not where it is looked for.
    #[error(
        "the next epoch's key is not in `{path}`; name its file with --next-key FILE, or if it is lost, commit to another with `shieldwall key roots --new-next --root FILE`"
    )]
    NextMissing {
        /// Where it would be.
        path: String,
    },
    /// A file holds another key than the one that was committed to.
    #[error("that file holds key {found}, and this party has committed to {expected}; look for `{name}`")]
    OtherNext {
        /// The key in it.
        found: KeyId,
        /// The key that was committed to.
        expected: KeyId,
        /// The name of its file.
        name: String,
    },
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
    Memory(Mutex<Memory>),
}

/// What a vault without files holds.
#[derive(Default)]
pub struct Memory {
    secrets: Option<Zeroizing<Vec<u8>>>,
    next: BTreeMap<KeyId, SecretKey>,
}

/// What the sealed file says it is.
const PURPOSE: &str = "node keys";
/// What the file of the next epoch's key says it is.
const NEXT: &str = "next epoch key";

/// The name of the file of an epoch key that is to come.
fn next_name(key: KeyId) -> String {
    format!("next-{}.sealed", key.to_string().chars().take(16).collect::<String>())
}

impl Vault {
    /// An empty vault that forgets everything with the process.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Mutex::default())
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
            Self::Memory(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).secrets.is_none(),
        }
    }

    /// Opens the secrets.
    ///
    /// # Errors
    /// [`VaultError::Empty`] when there are none yet.
    pub fn load(&self) -> Result<Secrets, VaultError> {
        let bytes = match self {
            Self::Memory(slot) => {
                let held = slot.lock().unwrap_or_else(PoisonError::into_inner);
                held.secrets.clone().ok_or(VaultError::Empty)?
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
                slot.lock().unwrap_or_else(PoisonError::into_inner).secrets = Some(bytes);
                Ok(())
            }
            Self::File { path, unlock } => seal_to(path, PURPOSE, &bytes, unlock, ids),
        }
    }

    /// Keeps the key of an epoch to come, apart from the others.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn keep_next(&self, key: &SecretKey, ids: &dyn Ids) -> Result<(), VaultError> {
        match self {
            Self::Memory(slot) => {
                let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
                held.next.insert(key.id(), SecretKey::from_seed(*key.seed()));
                Ok(())
            }
            Self::File { path, unlock } => {
                seal_to(&path.with_file_name(next_name(key.id())), NEXT, key.seed(), unlock, ids)
            }
        }
    }

    /// The key of the next epoch, from where it was left.
    ///
    /// # Errors
    /// [`VaultError::NextMissing`] when it lies elsewhere.
    pub fn next(&self, key: KeyId) -> Result<SecretKey, VaultError> {
        match self {
            Self::Memory(slot) => {
                let held = slot.lock().unwrap_or_else(PoisonError::into_inner);
                let found = held.next.get(&key).map(|key| SecretKey::from_seed(*key.seed()));
                found.ok_or_else(|| VaultError::NextMissing { path: self.name() })
            }
            Self::File { path, .. } => {
                let path = path.with_file_name(next_name(key));
                let name = path.display().to_string();
                match fs::read(&path) {
                    Ok(text) => self.open_next(&text, key, &name),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Err(VaultError::NextMissing { path: name })
                    }
                    Err(error) => Err(VaultError::Io { path: name, error }),
                }
            }
        }
    }

    /// Whether the key of the next epoch lies beside the others.
    #[must_use]
    pub fn has_next(&self, key: KeyId) -> bool {
        match self {
            Self::Memory(slot) => slot.lock().unwrap_or_else(PoisonError::into_inner).next.contains_key(&key),
            Self::File { path, .. } => path.with_file_name(next_name(key)).exists(),
        }
    }

    /// Opens the text of a file that [`Vault::keep_next`] wrote, wherever it was kept meanwhile.
    ///
    /// # Errors
    /// [`VaultError`]; when it holds another key than the one that was committed to, too.
    pub fn open_next(&self, text: &[u8], key: KeyId, name: &str) -> Result<SecretKey, VaultError> {
        let Self::File { unlock, .. } = self else {
            return Err(VaultError::NextMissing { path: self.name() });
        };
        let seed = Sealed::parse(text)
            .and_then(|sealed| sealed.open(NEXT, unlock.opener()))
            .map_err(|error| VaultError::Sealed { path: name.to_owned(), error })?;
        let seed: [u8; 64] = seed.as_slice().try_into().map_err(|_| VaultError::Damaged(name.to_owned()))?;
        let found = SecretKey::from_seed(seed);
        if found.id() == key {
            Ok(found)
        } else {
            Err(VaultError::OtherNext { found: found.id(), expected: key, name: next_name(key) })
        }
    }

    /// Removes the keys of epochs to come but for the one that was committed to: they have begun, or never will.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn forget_next(&self, but: KeyId) -> Result<(), VaultError> {
        match self {
            Self::Memory(slot) => {
                slot.lock().unwrap_or_else(PoisonError::into_inner).next.retain(|key, _| *key == but);
                Ok(())
            }
            Self::File { path, .. } => {
                let failed = |error| VaultError::Io { path: self.name(), error };
                let Some(folder) = path.parent() else { return Ok(()) };
                for entry in fs::read_dir(folder).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if name.starts_with("next-") && name.ends_with(".sealed") && name != next_name(but) {
                        fs::remove_file(entry.path()).map_err(failed)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Seals the keys anew, so that something else opens them. The next epoch's key must be beside them, or be given as
    /// the file where it lies, which is sealed anew in its place.
    ///
    /// # Errors
    /// [`VaultError::NextMissing`], and when a file cannot be written. Keys that were sealed anew open with what is new,
    /// the others with what was before: run again, it goes on.
    pub fn reseal(&self, unlock: Unlock, next: Option<&Path>, ids: &dyn Ids) -> Result<Self, VaultError> {
        let Self::File { path, .. } = self else { return Err(VaultError::Empty) };
        let secrets = self.load()?;
        let place = next.map_or_else(|| path.with_file_name(next_name(secrets.next)), Path::to_owned);
        let name = place.display().to_string();
        let text = match fs::read(&place) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(VaultError::NextMissing { path: name });
            }
            Err(error) => return Err(VaultError::Io { path: name, error }),
        };
        let anew = Self::File { path: path.clone(), unlock };
        // Sealed anew already, by a run that did not come to its end.
        let done = anew.open_next(&text, secrets.next, &name).is_ok();
        if !done && let Self::File { unlock, .. } = &anew {
            let key = self.open_next(&text, secrets.next, &name)?;
            seal_to(&place, NEXT, key.seed(), unlock, ids)?;
        }
        anew.save(&secrets, ids)?;
        Ok(anew)
    }

    /// A copy in memory, with the next epoch's key where it is here.
    ///
    /// # Errors
    /// As [`Vault::load`].
    pub fn copy(&self, ids: &dyn Ids) -> Result<Self, VaultError> {
        let (copy, secrets) = (Self::memory(), self.load()?);
        copy.save(&secrets, ids)?;
        if let Ok(next) = self.next(secrets.next) {
            copy.keep_next(&next, ids)?;
        }
        Ok(copy)
    }
}

/// Writes something secret, sealed, in place of what was there.
fn seal_to(
    path: &Path,
    purpose: &str,
    bytes: &[u8],
    unlock: &Unlock,
    ids: &dyn Ids,
) -> Result<(), VaultError> {
    let name = || path.display().to_string();
    let sealed = Sealed::seal(purpose, bytes, unlock.opener(), Cost::DEFAULT, &mut || ids.random())
        .map_err(|error| VaultError::Sealed { path: name(), error })?;
    replace(path, sealed.to_text().as_bytes()).map_err(|error| VaultError::Io { path: name(), error })
}

/// Reads the key beside the sealed keys that opens them, making it when there is none.
///
/// # Errors
/// When it cannot be read or made.
pub fn key_beside(dir: &Path, ids: &dyn Ids) -> Result<Unlock, VaultError> {
    Ok(Unlock::Key(key_file(&dir.join("keys").join("unlock.key"), ids)?))
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
