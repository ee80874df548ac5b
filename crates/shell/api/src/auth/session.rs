//! Sessions: short-lived bearer tokens kept in memory only.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{AccountId, Timestamp};
use ports::Account;
use sha2::{Digest, Sha256};

use super::{fingerprint, secret};

/// Open sessions at most; the one that ends first makes room.
const MAX_SESSIONS: usize = 10_000;

pub(super) struct Sessions {
    length: i64,
    open: Mutex<BTreeMap<[u8; 32], Session>>,
}

/// Whose session it is, and until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) account: AccountId,
    /// The account as it was when it signed in; a new password or role ends its sessions.
    pub(super) stamp: [u8; 32],
    expires: Timestamp,
}

/// A session just opened.
pub(crate) struct Opened {
    /// The bearer secret, shown once.
    pub(crate) secret: String,
    /// When it ends.
    pub(crate) expires: Timestamp,
}

/// What must stay as it was for a sign-in to stay valid.
pub(super) fn stamp(account: &Account) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(account.id.0.0);
    hash.update(account.role.as_str());
    hash.update(account.password.as_deref().unwrap_or_default());
    hash.finalize().into()
}

impl Sessions {
    pub(super) fn new(length: Duration) -> Self {
        Self { length: i64::try_from(length.as_micros()).unwrap_or(i64::MAX), open: Mutex::default() }
    }

    pub(super) fn open(&self, account: &Account, random: &[u8; 32], now: Timestamp) -> Opened {
        let secret = secret("sws_", random);
        let expires = now.plus_micros(self.length);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX_SESSIONS {
            open.retain(|_, session| session.expires > now);
        }
        if open.len() >= MAX_SESSIONS {
            let first = open.iter().min_by_key(|(_, session)| session.expires).map(|(hash, _)| *hash);
            first.map(|hash| open.remove(&hash));
        }
        open.insert(fingerprint(&secret), Session { account: account.id, stamp: stamp(account), expires });
        Opened { secret, expires }
    }

    pub(super) fn find(&self, hash: &[u8; 32], now: Timestamp) -> Option<Session> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(hash).copied().filter(|session| session.expires > now)
    }

    pub(super) fn close(&self, hash: &[u8; 32]) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(hash).is_some()
    }
}
