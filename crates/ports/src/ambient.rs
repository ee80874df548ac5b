//! Time and randomness, handed in so that a simulation can hold them.

use model::{Timestamp, Uuid};

/// The present.
pub trait Clock: Send + Sync {
    /// The current instant in UTC.
    fn now(&self) -> Timestamp;
}

/// Fresh identifiers and secrets.
pub trait Ids: Send + Sync {
    /// Bytes nobody can guess.
    fn random(&self) -> [u8; 32];

    /// A fresh random UUID (version 4).
    fn uuid(&self) -> Uuid {
        let random = self.random();
        let mut half = [0u8; 16];
        for (slot, byte) in half.iter_mut().zip(random) {
            *slot = byte;
        }
        Uuid::v4(half)
    }
}
