//! Password hashing, and a memory of recently verified credentials.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use model::Timestamp;
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::settings::PasswordCost;

/// Longest password in bytes; hashing time does not depend on it, memory of the request does.
const MAX_PASSWORD: usize = 1024;
/// Shortest password in characters.
const MIN_PASSWORD: usize = 12;
/// Verified credentials remembered at most.
const MAX_REMEMBERED: usize = 1024;

pub(super) struct Passwords {
    cost: PasswordCost,
    keep: i64,
    /// Without it, what is remembered could be tried out offline from a memory dump.
    key: [u8; 32],
    /// Until when a keyed digest of (name, password, stored hash) may be taken for verified.
    remembered: Mutex<BTreeMap<[u8; 32], Timestamp>>,
    /// Verified against for names that do not exist.
    nobody: OnceLock<Option<String>>,
}

impl Passwords {
    pub(super) fn new(cost: PasswordCost, keep: Duration, key: [u8; 32]) -> Self {
        let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
        Self { cost, keep, key, remembered: Mutex::default(), nobody: OnceLock::new() }
    }

    fn argon2(&self) -> Result<Argon2<'static>, argon2::Error> {
        let params = Params::new(self.cost.memory, self.cost.passes, 1, None)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    /// The PHC string of a password. Blocks for tens of milliseconds.
    pub(super) fn hash(&self, password: &str, salt: &[u8; 32]) -> Result<String, Problem> {
        if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
            return Err(Problem::bad(format!(
                "a password has at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes"
            ))
            .hint("four or five unrelated words are easy to remember"));
        }
        self.hash_any(password, salt)
    }

    fn hash_any(&self, password: &str, salt: &[u8; 32]) -> Result<String, Problem> {
        let argon2 = self.argon2().map_err(|error| Problem::internal(&error))?;
        let salt = salt.first_chunk::<16>().copied().unwrap_or_default();
        let hash: Result<PasswordHash, _> = argon2.hash_password_with_salt(password.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal(&error))
    }

    /// Verifies in the same time whether or not there is a hash to verify against, and remembers what was right.
    pub(super) fn verify(&self, name: &str, password: &str, stored: Option<&str>, now: Timestamp) -> bool {
        let nobody = || self.nobody.get_or_init(|| self.hash_any("", &self.key).ok()).as_deref();
        let Some(against) = stored.or_else(nobody) else { return false };
        let matches = password.len() <= MAX_PASSWORD
            && PasswordHash::new(against).is_ok_and(|hash| {
                let argon2 = self.argon2();
                argon2.is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
            });
        let Some(stored) = stored.filter(|_| matches) else { return false };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, until| *until > now);
        }
        if remembered.len() < MAX_REMEMBERED {
            remembered.insert(self.digest(name, password, stored), now.plus_micros(self.keep));
        }
        true
    }

    /// Whether exactly these were verified a short while ago. A changed password or hash is another digest.
    pub(super) fn remembered(&self, name: &str, password: &str, stored: &str, now: Timestamp) -> bool {
        let digest = self.digest(name, password, stored);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        match remembered.get(&digest) {
            Some(until) if *until > now => true,
            Some(_) => {
                remembered.remove(&digest);
                false
            }
            None => false,
        }
    }

    fn digest(&self, name: &str, password: &str, stored: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in [name, password, stored] {
            hash.update(Sha256::digest(part.as_bytes()));
        }
        hash.finalize().into()
    }
}
