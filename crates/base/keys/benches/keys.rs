//! What keys cost: `cargo bench -p shieldwall-keys`.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first thing that is not as it should be")]

use divan::{Bencher, black_box};
use model::Timestamp;
use shieldwall_keys::boxes::BoxSecretKey;
use shieldwall_keys::events::{Change, EpochTerms, Event, KeyHistory, Roots};
use shieldwall_keys::sealed::{Cost, Opener, Sealed};
use shieldwall_keys::window::DAY;
use shieldwall_keys::{PublicKey, SecretKey, Signed, context};

fn main() {
    divan::main();
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 64])
}

#[divan::bench]
fn make_a_key(bencher: Bencher<'_, '_>) {
    bencher.bench(|| key(black_box(1)));
}

/// Rejection sampling makes some messages dearer than others, so every call signs another.
#[divan::bench(args = [256, 65_536])]
fn sign(bencher: Bencher<'_, '_>, bytes: usize) {
    let (key, mut count) = (key(1), 0u64);
    let next = || {
        count += 1;
        let mut text = vec![0; bytes];
        text.iter_mut().zip(count.to_le_bytes()).for_each(|(slot, byte)| *slot = byte);
        text
    };
    bencher.with_inputs(next).bench_local_refs(|text| key.sign(context::SEGMENT, text));
}

#[divan::bench(args = [256, 65_536])]
fn verify(bencher: Bencher<'_, '_>, bytes: usize) {
    let (key, text) = (key(1), vec![7; bytes]);
    let signature = key.sign(context::SEGMENT, &text);
    bencher.bench(|| key.public().verify(context::SEGMENT, black_box(&text), &signature).unwrap());
}

/// The first verification under a key that was just read expands its matrix.
#[divan::bench]
fn verify_with_a_new_key(bencher: Bencher<'_, '_>) {
    let key = key(1);
    let (text, signature) = (key.public().to_text(), key.sign(context::SEGMENT, b"bytes"));
    bencher.bench(|| {
        PublicKey::parse(black_box(&text)).unwrap().verify(context::SEGMENT, b"bytes", &signature).unwrap();
    });
}

#[divan::bench]
fn parse_a_signed_document(bencher: Bencher<'_, '_>) {
    let text = Signed::sign("{\"a\":1}", context::REPORT, &[&key(1)]).unwrap().to_text();
    bencher.bench(|| Signed::parse(black_box(text.as_bytes())).unwrap());
}

/// Three years of a party: an inception and twelve rotations.
#[divan::bench]
fn replay_thirteen_events(bencher: Bencher<'_, '_>) {
    let at = |days: i64| Timestamp::EPOCH.plus_micros(days * DAY);
    let terms = |n: u8, until| EpochTerms {
        key: key(n).public().clone(),
        next: key(n + 1).id(),
        box_key: BoxSecretKey::from_seed([n; 32]).public(),
        ledger: "ledger".to_owned(),
        until,
    };
    let roots = Roots { keys: vec![key(1).public().clone(), key(2).public().clone()], threshold: 2 };
    let change = Change::Inception {
        name: "Party".to_owned(),
        country: "XX".to_owned(),
        identities: std::collections::BTreeSet::new(),
        roots,
        epoch: terms(10, at(90)),
    };
    let inception = Event { after: None, n: 0, created: at(0), change };
    let inception = inception.sign(&[&key(1), &key(2), &key(10)]).unwrap();
    let mut history = KeyHistory::begin(&inception, at(0)).unwrap();
    for n in 1..13u8 {
        let created = at(i64::from(n) * 80);
        let change = Change::Rotation { epoch: terms(10 + n, created.plus_micros(90 * DAY)) };
        let event = history.next_event(created, change).sign(&[&key(9 + n), &key(10 + n)]).unwrap();
        history.apply(&event, created).unwrap();
    }
    let text = history.to_text();
    bencher.bench(|| KeyHistory::parse(black_box(text.as_bytes()), at(2000)).unwrap());
}

#[divan::bench]
fn seal_to_a_party(bencher: Bencher<'_, '_>) {
    let public = BoxSecretKey::from_seed([1; 32]).public();
    bencher.bench(|| public.seal(b"", b"", black_box(&[0; 65_536]), [9; 32]).unwrap());
}

#[divan::bench]
fn open_as_a_party(bencher: Bencher<'_, '_>) {
    let key = BoxSecretKey::from_seed([1; 32]);
    let sealed = key.public().seal(b"", b"", &[0; 65_536], [9; 32]).unwrap();
    bencher.bench(|| key.open(b"", b"", black_box(&sealed)).unwrap());
}

#[divan::bench(sample_count = 10)]
fn open_a_key_by_passphrase(bencher: Bencher<'_, '_>) {
    let opener = Opener::Passphrase("correct horse");
    let sealed = Sealed::seal("key", &[0; 64], opener, Cost::DEFAULT, &mut || [7; 32]).unwrap();
    bencher.bench(|| sealed.open("key", black_box(opener)).unwrap());
}
