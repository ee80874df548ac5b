//! How fast objects are cut out of a bundle and parsed, beside serde_json on the same bytes.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first thing that is not as it should be")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use shieldwall_json::{Element, Limits, Splitter, Tape, canonical};

const OBJECTS: usize = 20_000;

fn main() {
    divan::main();
}

fn objects() -> Vec<String> {
    testkit::attack_objects(OBJECTS, 1).map(Iterator::collect).unwrap_or_default()
}

fn each<T>(bencher: Bencher<'_, '_>, mut work: impl FnMut(&str) -> T) {
    let objects = objects();
    let bytes = objects.iter().map(String::len).sum::<usize>();
    bencher.counter(ItemsCount::new(objects.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for object in &objects {
            black_box(work(object));
        }
    });
}

#[divan::bench]
fn tape(bencher: Bencher<'_, '_>) {
    let mut tape = Tape::new();
    each(bencher, |object| tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap().position());
}

#[divan::bench]
fn serde_json_value(bencher: Bencher<'_, '_>) {
    each(bencher, |object| serde_json::from_str::<serde_json::Value>(object).unwrap());
}

#[divan::bench]
fn canonical_form(bencher: Bencher<'_, '_>) {
    let mut tape = Tape::new();
    let mut out = String::new();
    each(bencher, |object| {
        out.clear();
        canonical(tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap(), &mut out);
        out.len()
    });
}

#[divan::bench]
fn split(bencher: Bencher<'_, '_>) {
    let objects = objects();
    let bundle = format!("{{\"type\":\"bundle\",\"objects\":[{}]}}", objects.join(","));
    bencher.counter(ItemsCount::new(objects.len())).counter(BytesCount::new(bundle.len())).bench_local(
        || {
            let mut splitter = Splitter::new("objects", 8 << 20);
            let mut items = 0;
            let mut each = |element| items += u64::from(matches!(black_box(element), Element::Item { .. }));
            for chunk in bundle.as_bytes().chunks(1 << 16) {
                splitter.push(chunk, &mut each).unwrap();
            }
            items
        },
    );
}
