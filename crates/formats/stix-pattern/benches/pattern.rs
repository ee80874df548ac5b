//! Pattern evaluations per second: 1,000 typical patterns over 10,000 observations, one thread.
//!
//! One item is one pattern evaluated over one observation. About one pattern in a hundred matches; the others
//! have to rule out every observation.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use json::{Limits as JsonLimits, Tape};
use shieldwall_stix_pattern::{Limits, Matcher, Observations, parse};

const PATTERNS: usize = 1_000;
const OBSERVATIONS: usize = 10_000;

fn main() {
    divan::main();
}

/// Each of the common shapes in turn, with constants that few observations have.
fn patterns() -> Vec<String> {
    let shapes: [fn(usize) -> String; 10] = [
        |n| format!("[file:hashes.'SHA-256' = '{n:064x}']"),
        |n| format!("[ipv4-addr:value = '203.0.{}.{}']", n / 256 % 256, n % 256),
        |n| format!("[domain-name:value = 'bad{n}.example' OR domain-name:value = 'worse{n}.example']"),
        |n| format!("[url:value LIKE 'http://%.example/{n}/gate.php']"),
        |n| format!("[ipv4-addr:value ISSUBSET '192.0.{}.0/28']", n % 256),
        |n| {
            format!(
                "[network-traffic:dst_ref.value = '203.0.113.{}' AND network-traffic:dst_port IN (4444, {n})]",
                n % 256
            )
        },
        |n| format!("[process:command_line MATCHES '(?i)powershell.*-enc.*{n}']"),
        |n| {
            format!(
                "[file:name = 'dropper{n}.exe' AND file:size > {n}] AND [domain-name:value = 'c2-{n}.example']"
            )
        },
        |n| {
            format!(
                "([file:hashes.MD5 = '{n:032x}'] FOLLOWEDBY [network-traffic:dst_port = {}]) WITHIN 300 SECONDS",
                n % 65_536
            )
        },
        |n| {
            format!(
                "[windows-registry-key:key LIKE 'HKEY_LOCAL_MACHINE\\\\Software\\\\Run\\\\{n}%'] REPEATS 3 TIMES"
            )
        },
    ];
    shapes.iter().cycle().take(PATTERNS).enumerate().map(|(n, shape)| shape(n * 7919)).collect()
}

fn observed() -> String {
    let mut out = String::from("[");
    for n in 0..OBSERVATIONS {
        let (a, b) = (n / 256 % 256, n % 256);
        let objects = match n % 6 {
            0 => format!(r#""0":{{"type":"ipv4-addr","value":"198.51.{a}.{b}"}}"#),
            1 => format!(r#""0":{{"type":"domain-name","value":"host{n}.example"}}"#),
            2 => format!(
                r#""0":{{"type":"file","name":"file{n}.exe","size":{n},"hashes":{{"MD5":"{:032x}","SHA-256":"{:064x}"}}}}"#,
                n + 5,
                n * 3
            ),
            3 => format!(
                r#""0":{{"type":"network-traffic","src_ref":"1","dst_ref":"2","dst_port":{},"protocols":["tcp"]}},
                   "1":{{"type":"ipv4-addr","value":"10.0.{a}.{b}"}},"2":{{"type":"ipv4-addr","value":"198.18.{a}.{b}"}}"#,
                n % 1024
            ),
            4 => format!(r#""0":{{"type":"url","value":"http://host{n}.example/{n}/index.html"}}"#),
            _ => format!(
                r#""0":{{"type":"process","command_line":"C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s {n}"}},
                   "1":{{"type":"windows-registry-key","key":"HKEY_LOCAL_MACHINE\\Software\\Vendor\\{n}"}}"#
            ),
        };
        let comma = if n == 0 { "" } else { "," };
        write!(
            out,
            r#"{comma}{{"type":"observed-data","id":"observed-data--{n}","number_observed":1,
               "first_observed":"2020-01-01T00:{:02}:{:02}Z","last_observed":"2020-01-01T00:{:02}:{:02}Z","objects":{{{objects}}}}}"#,
            n / 60 % 60, n % 60, n / 60 % 60, n % 60
        )
        .unwrap();
    }
    out.push(']');
    out
}

fn read(text: &str) -> Observations {
    let mut tape = Tape::new();
    Observations::from_objects(tape.parse(text.as_bytes(), &JsonLimits::DOCUMENT).unwrap().items())
}

fn matchers() -> Vec<Matcher> {
    patterns().iter().map(|text| Matcher::new(&parse(text, &Limits::default()).unwrap()).unwrap()).collect()
}

/// Over the whole set, with its index.
#[divan::bench(sample_count = 10)]
fn first_match(bencher: Bencher) {
    let (observations, matchers) = (read(&observed()), matchers());
    bencher.counter(ItemsCount::new(PATTERNS * OBSERVATIONS)).bench(|| {
        matchers
            .iter()
            .filter(|matcher| matcher.first_match(&observations, u64::MAX).unwrap().is_some())
            .count()
    });
}

/// One observation at a time, as a stream is checked.
#[divan::bench(sample_count = 10)]
fn matches_one(bencher: Bencher) {
    let (observations, matchers) = (read(&observed()), matchers());
    bencher.counter(ItemsCount::new(PATTERNS * OBSERVATIONS)).bench(|| {
        let mut found = 0;
        for place in 0..observations.len() {
            let observation = observations.get(place).unwrap();
            found +=
                matchers.iter().filter(|matcher| matcher.matches_one(observation, u64::MAX).unwrap()).count();
        }
        found
    });
}

/// Text to tree.
#[divan::bench(sample_count = 20)]
fn parsing(bencher: Bencher) {
    let patterns = patterns();
    let bytes = patterns.iter().map(String::len).sum::<usize>();
    bencher
        .counter(ItemsCount::new(PATTERNS))
        .counter(BytesCount::new(bytes))
        .bench(|| patterns.iter().filter(|text| parse(text, &Limits::default()).is_ok()).count());
}

/// JSON values to observations.
#[divan::bench(sample_count = 10)]
fn preparing(bencher: Bencher) {
    let text = observed();
    bencher.counter(ItemsCount::new(OBSERVATIONS)).bench(|| read(&text).len());
}
