//! Digests of what was handed over.

use model::Digest;
use sha2::{Digest as _, Sha256};

/// SHA-256 of a text.
pub(crate) fn of(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}
