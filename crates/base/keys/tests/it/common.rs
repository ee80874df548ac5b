//! Parties to test with: every key follows from a number, and every clock stands where it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use keys::boxes::{BoxPublicKey, BoxSecretKey};
use keys::events::{Change, EpochTerms, Event, KeyHistory, Roots};
use keys::window::DAY;
use keys::{SecretKey, Signed};
use model::Timestamp;

/// The key of a number. Made once: that takes longer than most tests.
pub(crate) fn key(number: u16) -> &'static SecretKey {
    static MADE: Mutex<BTreeMap<u16, &'static SecretKey>> = Mutex::new(BTreeMap::new());
    MADE.lock().unwrap().entry(number).or_insert_with(|| {
        let mut seed = [0x5a; 64];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        seed[32..34].copy_from_slice(&number.to_be_bytes());
        Box::leak(Box::new(SecretKey::from_seed(seed)))
    })
}

/// The instant so many days after all tests begin.
pub(crate) fn day(days: i64) -> Timestamp {
    "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().plus_micros(days * DAY)
}

/// The same, by minutes.
pub(crate) fn minute(minutes: i64) -> Timestamp {
    day(0).plus_micros(minutes * 60_000_000)
}

/// The box key of an epoch, by the number of the epoch's key; made once, too.
fn box_key(epoch: u16) -> BoxPublicKey {
    static MADE: Mutex<BTreeMap<u16, BoxPublicKey>> = Mutex::new(BTreeMap::new());
    let seed = [u8::try_from(epoch % 251).unwrap(); 32];
    MADE.lock().unwrap().entry(epoch).or_insert_with(|| BoxSecretKey::from_seed(seed).public()).clone()
}

/// Terms of an epoch by the numbers of its key and of the next.
pub(crate) fn terms(epoch: u16, next: u16, until: Timestamp) -> EpochTerms {
    EpochTerms {
        key: key(epoch).public().clone(),
        next: key(next).id(),
        box_key: box_key(epoch),
        ledger: format!("ledger+{epoch}"),
        until,
    }
}

/// Root keys 1, 2 and 3, of which two must sign.
pub(crate) fn roots() -> Roots {
    Roots { keys: (1..=3).map(|n| key(n).public().clone()).collect(), threshold: 2 }
}

/// Inception on day 0: epoch key 10 until day 90, next key 11.
pub(crate) fn inception() -> Event {
    Event {
        after: None,
        n: 0,
        created: day(0),
        change: Change::Inception {
            name: "CERT Ruritania".to_owned(),
            country: "RU".to_owned(),
            identities: BTreeSet::new(),
            roots: roots(),
            epoch: terms(10, 11, day(90)),
        },
    }
}

/// A history that has just begun.
pub(crate) fn history() -> KeyHistory {
    static BEGUN: LazyLock<KeyHistory> =
        LazyLock::new(|| KeyHistory::begin(&sign(&inception(), &[1, 2, 10]), day(0)).unwrap());
    BEGUN.clone()
}

/// A rotation of `history`, by the numbers of the new epoch's key and the next, signed by keys of these numbers.
pub(crate) fn rotation(
    history: &KeyHistory,
    created: Timestamp,
    epoch: u16,
    next: u16,
    by: &[u16],
) -> Signed {
    let terms = terms(epoch, next, created.plus_micros(90 * DAY));
    sign(&history.next_event(created, Change::Rotation { epoch: terms }), by)
}

/// An event signed by keys of these numbers.
pub(crate) fn sign(event: &Event, by: &[u16]) -> Signed {
    let keys: Vec<&SecretKey> = by.iter().map(|number| key(*number)).collect();
    event.sign(&keys).unwrap()
}

/// Random bytes that are not: one call after the other counts up.
pub(crate) fn entropy() -> impl FnMut() -> [u8; 32] {
    let mut count = 0u8;
    move || {
        count += 1;
        [count; 32]
    }
}
