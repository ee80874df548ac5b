//! Everything random in a run comes from here, and so from the seed.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicI64, Ordering};

use model::Timestamp;
use ports::{Clock, Ids};

/// A small, well-mixed generator (SplitMix64): enough for choosing faults, never for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 if the bound is 0).
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// Whether something with this chance in a thousand happens.
    pub(crate) const fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }
}

/// A node's own clock: the simulation's time plus its error.
#[derive(Debug, Default)]
pub struct SimClock {
    micros: AtomicI64,
    skew: AtomicI64,
}

impl SimClock {
    /// Sets the simulation's time, in microseconds since 1970.
    pub fn set(&self, micros: i64) {
        self.micros.store(micros, Ordering::Relaxed);
    }

    /// Lets time pass, in microseconds.
    pub fn advance(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Sets how far this clock is off, in microseconds.
    pub fn skew(&self, micros: i64) {
        self.skew.store(micros, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::Relaxed) + self.skew.load(Ordering::Relaxed))
    }
}

/// Ids that repeat with the seed.
#[derive(Debug)]
pub struct SimIds(Mutex<Chance>);

impl SimIds {
    /// Ids that follow from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(Chance::new(seed)))
    }
}

impl Ids for SimIds {
    fn random(&self) -> [u8; 32] {
        let mut chance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = [0u8; 32];
        for chunk in bytes.chunks_mut(8) {
            for (slot, byte) in chunk.iter_mut().zip(chance.next().to_le_bytes()) {
                *slot = byte;
            }
        }
        bytes
    }
}
