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

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted;

    impl Ids for Counted {
        fn random(&self) -> [u8; 32] {
            std::array::from_fn(|place| u8::try_from(place).unwrap_or(0) | 0xf0)
        }
    }

    #[test]
    fn a_fresh_id_is_a_random_uuid_of_the_first_half() {
        let uuid = Counted.uuid();
        assert_eq!((uuid.version(), uuid.is_rfc_variant()), (4, true));
        assert_eq!((uuid.0[0], uuid.0[15]), (0xf0, 0xff));
    }
}
