//! Figures of detection between two nodes: how soon an ally has a true answer about a past of a million events, and how soon
//! everything that was imported is watched for.
//!
//! `cargo bench -p shieldwall --bench answer -- [answer] [values] [--events N] [--rounds N] [--values N]`. The nodes are the
//! program itself, with real keys, over TLS on the loopback interface, on one disk. Nothing is asserted but that what is
//! measured happened.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement that cannot be made should stop"
)]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use ports::Clock as _;
use runtime::SystemClock;
use serde_json::Value;

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/e2e/harness.rs"]
mod harness;
#[path = "../tests/e2e/org.rs"]
mod org;

use harness::{Node, Serving, text};
use org::{Org, allies};

/// Longer than anything here takes; then something is broken.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long the events reach back, in seconds: what is older may be let go.
const PAST: u64 = 12 * 3_600;
/// Events that name one value.
const SEEN: u64 = 4;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |flag: &str, default: u64| {
        let at = words.iter().position(|word| word == flag);
        at.and_then(|at| words.get(at + 1)).map_or(default, |text| text.parse().unwrap())
    };
    let names = ["answer", "values"];
    let chosen: Vec<&str> = names.into_iter().filter(|name| words.iter().any(|word| word == name)).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.contains(&name);
    if wanted("answer") {
        answer(number("--events", 1_000_000), number("--rounds", 10));
    }
    if wanted("values") {
        values(number("--values", 800_000));
    }
}

/// Asks again and again until there is an answer.
fn until<T>(pause: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing came of it in {} s", PATIENCE.as_secs());
        std::thread::sleep(pause);
    }
}

/// The name that a round is about.
fn name(round: u64) -> String {
    format!("c2-{round}.bad-updates.net")
}

/// Events of a sensor over the last hours, of which a few name what even rounds ask about; returns the file's bytes.
fn generate(file: &Path, events: u64, rounds: u64) -> u64 {
    let mut out = BufWriter::new(File::create(file).unwrap());
    let begin = SystemClock.now().plus_micros(-i64::try_from(PAST).unwrap() * 1_000_000);
    for event in 0..events {
        let micros = u128::from(event) * u128::from(PAST) * 1_000_000 / u128::from(events);
        let time = begin.plus_micros(i64::try_from(micros).unwrap()).to_string();
        let (second, mixed) = (&time[..19], event.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
        let (host, far) = (mixed % 250 + 1, mixed / 250 % 60_000);
        let flow = format!(
            r#"{{"timestamp":"{second}.000000+0000","flow_id":{event},"in_iface":"eth0","src_ip":"192.0.2.{host}","src_port":{},"dest_ip":"198.18.{}.{}","dest_port":443,"proto":"TCP","#,
            20_000 + mixed % 40_000,
            far / 250,
            far % 250
        );
        // Each value is named a few times, strewn over the whole time.
        let every = (events / (rounds * SEEN).max(1)).max(1);
        let round = event / every % rounds.max(1);
        let asked = event % every == 0 && round.is_multiple_of(2);
        if asked {
            let name = name(round);
            writeln!(out, r#"{flow}"event_type":"dns","dns":{{"type":"query","rrname":"{name}","rrtype":"A"}}}}"#)
        } else if mixed % 10 < 3 {
            let site = mixed % 5_000;
            writeln!(
                out,
                r#"{flow}"event_type":"dns","dns":{{"type":"query","rrname":"www.site-{site}.net","rrtype":"A"}}}}"#
            )
        } else if mixed % 10 < 5 {
            let site = mixed % 5_000;
            writeln!(
                out,
                r#"{flow}"event_type":"http","http":{{"hostname":"www.site-{site}.net","url":"/page/{host}","http_user_agent":"Mozilla/5.0 (X11; Linux)","http_method":"GET","status":200}}}}"#
            )
        } else {
            let bytes = mixed % 100_000;
            writeln!(
                out,
                r#"{flow}"event_type":"flow","app_proto":"tls","flow":{{"pkts_toserver":12,"pkts_toclient":14,"bytes_toserver":{bytes},"bytes_toclient":9000,"state":"closed"}}}}"#
            )
        }
        .unwrap();
    }
    out.flush().unwrap();
    file.metadata().unwrap().len()
}

/// An ally publishes something; the other node looks through its past and answers; the ally has the answer.
fn answer(events: u64, rounds: u64) {
    println!("answer:");
    let [(kiwi, _), (koala, _)] = allies();
    let file = koala.node.beside("eve.json");
    let bytes = generate(&file, events, rounds);
    let begun = Instant::now();
    let add = ["log-source", "add", "sensor", "--kind", "file", "--path", text(&file), "--wait", "0"];
    koala.node.run(&add).exits(0);
    let records = || {
        let listed = koala.node.json(&["log-source", "list"]);
        let state = &listed["log_sources"][0]["state"];
        assert_eq!(state["malformed"], 0, "{listed}");
        (state["kept"].as_u64() >= Some(events)).then_some(())
    };
    until(Duration::from_millis(200), records);
    let took = begun.elapsed().as_secs_f64();
    println!(
        "  {events} events, {:.0} MB, read, looked through and kept in {took:.1} s: {:.0} events/s",
        bytes as f64 / 1e6,
        events as f64 / took
    );
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let begun = Instant::now();
        let made = kiwi.node.json(&["indicator", "add", &name(round), "--name", "Lantern", "--tlp", "amber"]);
        let object = made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let published = begun.elapsed();
        let seen = round.is_multiple_of(2);
        let count = until(Duration::from_millis(10), || answered(&kiwi, &object, seen));
        let took = begun.elapsed();
        println!(
            "  {}: published after {:.2} s, answered after {:.2} s: seen {count} times",
            name(round),
            published.as_secs_f64(),
            took.as_secs_f64()
        );
        times[usize::from(seen)].push(took.as_secs_f64());
    }
    for (what, times) in ["nothing seen", "something seen"].into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        if let Some(slowest) = times.last() {
            println!("  {what}: median {:.2} s, slowest {slowest:.2} s", times[times.len() / 2]);
        }
    }
    for (who, org) in [("publisher", &kiwi), ("answerer", &koala)] {
        if let Some(serving) = &org.serving {
            memory(&format!("  memory of the {who}"), serving);
        }
    }
}

/// How often the only party that was given an object saw it, once it has said so.
fn answered(org: &Org, object: &str, seen: bool) -> Option<u64> {
    let standing = org.node.json(&["answers", object]);
    let count = standing["parties"][0]["answer"]["count"].as_u64()?;
    ((count > 0) == seen).then_some(count)
}

/// A list of values becomes indicators, and each of them is watched for.
fn values(values: u64) {
    println!("values:");
    let node = Node::of("Kiwi CERT", "NZ");
    let file = node.beside("values.txt");
    let mut out = BufWriter::new(File::create(&file).unwrap());
    for value in 0..values {
        match value % 4 {
            0 => writeln!(out, "198.{}.{}.{}", 64 + value / 65_536 % 64, value / 256 % 256, value % 256),
            1 => writeln!(out, "http://c2-{value}.badhost.net/gate.php"),
            _ => writeln!(out, "c2-{value}.badhost.net"),
        }
        .unwrap();
    }
    out.flush().unwrap();
    let serving = node.serve();
    memory("  memory before", &serving);
    let begun = Instant::now();
    let done = node.json(&["import", text(&file)]);
    let imported = begun.elapsed().as_secs_f64();
    let accepted = done["accepted"].as_u64().unwrap_or_default();
    println!(
        "  {accepted} of {values} values imported in {imported:.1} s: {:.0}/s",
        accepted as f64 / imported
    );
    memory("  memory after the import", &serving);
    let watched = || {
        let coverage: Value = node.json(&["detect", "coverage"]);
        let unwatched = coverage["unwatched"].as_u64().unwrap_or_default();
        let watched = coverage["values"].as_u64().unwrap_or_default();
        (watched + unwatched >= accepted).then_some((watched, unwatched))
    };
    let (watched, unwatched) = until(Duration::from_millis(500), watched);
    println!(
        "  {watched} are watched for, {unwatched} are not: {:.1} s after the import began, {:.1} s after it ended",
        begun.elapsed().as_secs_f64(),
        begun.elapsed().as_secs_f64() - imported
    );
    memory("  memory then", &serving);
}

/// What a node's process has in memory now, and the most it had. Only Linux says so.
fn memory(what: &str, serving: &Serving) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default();
    let peak = serving.peak_memory().unwrap_or_default();
    println!("{what}: {:.0} MB, at most {:.0} MB", kib * 1024.0 / 1e6, peak as f64 / 1e6);
}
