//! What a stream costs on one core, with real hybrid signatures: 256 objects of about 1 KB to a segment.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first thing that is not as it should be")]

use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use keys::{KeyId, PublicKey, SecretKey};
use model::{AgreementId, DecisionId, Digest, PartyId, Timestamp};
use shieldwall_exchange::origin::{Batch, BatchMemo, Statement};
use shieldwall_exchange::repair::{Comparison, Holding, View};
use shieldwall_exchange::wire::{FrameLimits, Opening, Packing, Push, PushEntry};
use shieldwall_exchange::*;

const COUNT: usize = 256;
const STREAM: StreamId = StreamId {
    from: PartyId(Digest([1; 32])),
    to: PartyId(Digest([2; 32])),
    agreement: AgreementId(Digest([3; 32])),
    epoch: 1,
};
const TERMS: Digest = Digest([4; 32]);
const NOW: Timestamp = Timestamp::EPOCH;

static KEY: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed([7; 64]));

struct Ring;

impl Signers for Ring {
    fn key(&self, _: PartyId, by: KeyId, _: Timestamp, _: Timestamp) -> Option<(PublicKey, Standing)> {
        (by == KEY.id()).then(|| (KEY.public().clone(), Standing::Current))
    }
}

fn main() {
    divan::main();
}

/// Objects of 1 KB whose texts differ as much as real ones do.
static OBJECTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let object = |n: usize| {
        let words: String =
            (0..90).map(|k| format!("word{:x} ", (n * 7919 + k * 104_729) % 0xffff)).collect();
        format!(
            r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--d1612665-504b-4aee-8e7d-{n:012x}","created":"2026-01-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":"C2 {n}","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","pattern":"[ipv4-addr:value = '203.0.113.{}']","labels":["a","b"],"description":"{words}"}}"#,
            n % 256
        )
    };
    (0..COUNT).map(object).collect()
});

fn payloads(statements: Option<&[Statement]>) -> Vec<String> {
    let payload = |(n, object): (usize, &String)| {
        let origin = statements.map(|statements| statements.get(n).unwrap().to_text());
        Content { object, origin: origin.as_deref(), ..Content::default() }.to_text()
    };
    OBJECTS.iter().enumerate().map(payload).collect()
}

fn state() -> Vec<Statement> {
    let mut batch = Batch::new();
    OBJECTS.iter().for_each(|object| batch.add(object, "tlp:green", "free", [9; 32]).unwrap());
    batch.sign(STREAM.from, NOW, &*KEY)
}

fn send(payloads: &[String]) -> Push {
    let item = |payload| Item {
        kind: Kind::Put,
        subject: Digest([5; 32]),
        payload,
        salt: [6; 32],
        label: r#"{"tlp":"green"}"#,
        obligations: "{}",
        terms: TERMS,
        membership: 0,
        decision: DecisionId(7),
    };
    let items: Vec<Item<'_>> = payloads.iter().map(|payload| item(payload)).collect();
    let entries = append(STREAM, &Position::start(1), &items, NOW).unwrap();
    let segment = seal(&entries, None, NOW, &*KEY).unwrap();
    let entry = |(entry, payload): (Entry, &String)| PushEntry {
        envelope: entry.text,
        opening: Some(Opening { salt: entry.salt, payload: payload.clone() }),
    };
    Push { segment, entries: entries.into_iter().zip(payloads).map(entry).collect(), sent: None }
}

fn receive(push: &Push) -> usize {
    let terms = [Terms { hash: TERMS, membership: 0, from: NOW, until: None }];
    let inbound = Inbound {
        from: STREAM.from,
        to: STREAM.to,
        agreement: STREAM.agreement,
        position: Position::default(),
        terms: &terms,
        signers: &Ring,
        known: &|_| None,
        limits: Limits::default(),
        now: NOW,
    };
    accept(&inbound, push).unwrap().accepted.len()
}

fn per_object(bencher: Bencher<'_, '_>, mut work: impl FnMut() -> usize) {
    bencher.counter(ItemsCount::new(COUNT)).bench_local(|| black_box(work()));
}

#[divan::bench]
fn append_and_seal(bencher: Bencher<'_, '_>) {
    let payloads = payloads(None);
    per_object(bencher, || send(&payloads).entries.len());
}

#[divan::bench]
fn accept_verified(bencher: Bencher<'_, '_>) {
    let push = send(&payloads(None));
    per_object(bencher, || receive(&push));
}

#[divan::bench(args = [false, true])]
fn end_to_end(bencher: Bencher<'_, '_>, packed: bool) {
    let packing = if packed { Packing::Zstd } else { Packing::Plain };
    let payloads = payloads(None);
    per_object(bencher, || {
        let frame = send(&payloads).encode(packing).unwrap();
        receive(&Push::decode(&frame, &FrameLimits::default()).unwrap())
    });
}

#[divan::bench(args = [false, true])]
fn end_to_end_with_origin_statements(bencher: Bencher<'_, '_>, packed: bool) {
    let packing = if packed { Packing::Zstd } else { Packing::Plain };
    let payloads = payloads(Some(&state()));
    let bytes = send(&payloads).encode(packing).unwrap().len();
    println!("{} bytes an object on the wire", bytes / COUNT);
    per_object(bencher, || {
        let frame = send(&payloads).encode(packing).unwrap();
        let push = Push::decode(&frame, &FrameLimits::default()).unwrap();
        let mut memo = BatchMemo::default();
        for entry in &push.entries {
            let content = Content::parse(&entry.opening.as_ref().unwrap().payload).unwrap();
            let statement = Statement::parse_with(content.origin.unwrap(), &mut memo).unwrap();
            statement.verify(content.object, &Ring, NOW, &mut memo).unwrap();
        }
        receive(&push)
    });
}

#[divan::bench]
fn origin_sign(bencher: Bencher<'_, '_>) {
    per_object(bencher, || state().len());
}

#[divan::bench]
fn origin_verify(bencher: Bencher<'_, '_>) {
    let statements = state();
    per_object(bencher, || {
        let mut memo = BatchMemo::default();
        let verified = statements.iter().zip(OBJECTS.iter());
        verified.map(|(statement, object)| statement.verify(object, &Ring, NOW, &mut memo).unwrap()).count()
    });
}

#[divan::bench]
fn sign_one_segment(bencher: Bencher<'_, '_>) {
    let push = send(&payloads(None));
    bencher.bench_local(|| KEY.sign(keys::context::SEGMENT, push.segment.body().as_bytes()));
}

#[divan::bench]
fn verify_one_segment(bencher: Bencher<'_, '_>) {
    let push = send(&payloads(None));
    bencher.bench_local(|| push.segment.verify(&Ring, NOW).unwrap());
}

/// A million holdings on both sides, a hundred of the newest missing on one.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn compare_a_million(bencher: Bencher<'_, '_>) {
    let holding = |n: u64| {
        let mut subject = [0; 32];
        subject.iter_mut().zip(n.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
        Holding { subject: Digest(subject), epoch: 1, seq: n }
    };
    let ours = View::new((1..=1_000_000).map(holding)).unwrap();
    let theirs = View::new((1..=999_900).map(holding)).unwrap();
    bencher.bench_local(|| {
        let (mut comparison, first) = Comparison::start(&ours).unwrap();
        let mut message = Some(first);
        while let Some(next) = message {
            message = comparison.step(&theirs.answer(&next).unwrap()).unwrap();
        }
        let difference = comparison.finish();
        assert_eq!(difference.only_ours.len(), 100);
        difference.cost
    });
}
