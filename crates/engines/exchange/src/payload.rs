//! What an envelope commits to.

use model::Digest;
use sha2::{Digest as _, Sha256};

/// The commitment to a payload: SHA-256 over `shieldwall/payload/v1`, a zero byte, the salt and the payload.
///
/// The salt has 32 random bytes and goes when the payload goes: then nobody can tell what was committed to, however
/// few payloads there could have been. It has a fixed length, so the two cannot be shifted against each other.
#[must_use]
pub fn commitment(salt: &[u8; 32], payload: &str) -> Digest {
    let hash = Sha256::new()
        .chain_update(b"shieldwall/payload/v1\0")
        .chain_update(salt)
        .chain_update(payload.as_bytes())
        .finalize();
    Digest(hash.into())
}
