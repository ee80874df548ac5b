//! Figures of a whole node: import, lists, deep pages, start-up.
//!
//! `cargo bench -p shieldwall --bench node -- [import] [lists] [pages] [start] [--objects N] [--stored N]`. Each prints
//! what was done, how long it took, and the memory it needed; nothing is asserted. Data comes from the shared data
//! folder; without it the part is left out, with the reason.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be made should stop"
)]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{CollectionId, Label, SourceId};
use ports::{CollectionKind, PageFilter, SourceRecord};
use runtime::{Core, Founding, ImportOptions, OsIds, SystemClock};
use serde_json::Value;
use store_sqlite::SqliteStore;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BINARY: &str = env!("CARGO_BIN_EXE_shieldwall");

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |flag: &str, default: usize| {
        let at = words.iter().position(|word| word == flag);
        at.and_then(|at| words.get(at + 1)).map_or(default, |text| text.parse().unwrap())
    };
    let names = ["import", "lists", "pages", "start"];
    let chosen: Vec<&str> = names.into_iter().filter(|name| words.iter().any(|word| word == name)).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.contains(&name);
    let folder = tempfile::Builder::new().prefix("shieldwall-bench-").tempdir().unwrap();
    if wanted("import") {
        import(folder.path(), number("--objects", 200_000));
    }
    if wanted("lists") {
        lists(folder.path());
    }
    if wanted("pages") || wanted("start") {
        stored(folder.path(), number("--stored", 1_000_000), wanted("pages"), wanted("start"));
    }
}

/// Writes a bundle of generated objects; returns its bytes.
fn generate(file: &Path, objects: usize) -> u64 {
    let mut out = BufWriter::new(File::create(file).unwrap());
    let mut bytes = 0;
    let mut write = |text: &[u8]| {
        bytes += text.len() as u64;
        out.write_all(text).unwrap();
    };
    write(br#"{"type":"bundle","id":"bundle--2f0d3b5e-6f4d-4f0e-8d6e-0f6a5d1c7b21","objects":["#);
    for (place, object) in testkit::attack_objects(objects, 7).unwrap().enumerate() {
        write(if place > 0 { b",\n" } else { b"\n" });
        write(object.as_bytes());
    }
    write(b"]}\n");
    out.flush().unwrap();
    bytes
}

fn node(dir: &Path) -> Core {
    std::fs::create_dir_all(dir).unwrap();
    let store = Arc::new(SqliteStore::open(dir.join("node.db"), store_sqlite::Options::default()).unwrap());
    let founding = Founding { name: "Bench".to_owned(), country: None };
    Core::found(store, Arc::new(SystemClock), Arc::new(OsIds), &founding).unwrap().in_dir(dir.to_owned())
}

fn feed(core: &Core, file: &Path) -> runtime::Progress {
    let options = ImportOptions { source: core.own_source().unwrap(), name: "generated".to_owned() };
    core.import(&mut File::open(file).unwrap(), &options, &mut |_| {}).unwrap()
}

/// Durable import with every projection but search, then search.
fn import(folder: &Path, objects: usize) {
    if testkit::shared().is_none() {
        return println!("import: left out, the shared data folder is missing");
    }
    let file = folder.join("objects.json");
    let bytes = generate(&file, objects);
    let core = node(&folder.join("import"));
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let done = feed(&core, &file);
    let imported = started.elapsed();
    println!(
        "import: {} accepted, {} refused, {:.1} MB in {:.2} s: {:.0} objects/s, {:.1} MB/s, {:.1} CPU-s",
        done.summary.accepted,
        done.summary.refused,
        bytes as f64 / 1e6,
        imported.as_secs_f64(),
        done.summary.total() as f64 / imported.as_secs_f64(),
        bytes as f64 / 1e6 / imported.as_secs_f64(),
        cpu_seconds() - cpu,
    );
    while core.index_step().unwrap() {}
    let all = started.elapsed();
    println!(
        "import until search has caught up: {:.2} s: {:.0} objects/s; peak memory {:.0} MB",
        all.as_secs_f64(),
        done.summary.total() as f64 / all.as_secs_f64(),
        peak_megabytes("self"),
    );
    let again = Instant::now();
    let repeat = feed(&core, &file);
    println!(
        "import of the same again: {} unchanged in {:.2} s",
        repeat.summary.unchanged,
        again.elapsed().as_secs_f64()
    );
    std::fs::remove_file(file).unwrap();
}

/// The program itself imports every list of indicators.
fn lists(folder: &Path) {
    let Some(shared) = testkit::shared() else {
        return println!("lists: left out, the shared data folder is missing");
    };
    let dir = folder.join("lists");
    run(&["init", "--dir", dir.to_str().unwrap(), "--name", "Bench"]);
    let data = shared.join("data/indicators");
    let started = Instant::now();
    let mut child = Command::new(BINARY)
        .args(["import", "--json", "--dir", dir.to_str().unwrap(), data.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = child.id().to_string();
    let mut peak = 0.0f64;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_megabytes(&id));
        std::thread::sleep(Duration::from_millis(50));
    }
    let wall = started.elapsed();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or_default();
    let total: u64 =
        ["accepted", "unchanged", "superseded", "held", "refused"].iter().map(|name| count(name)).sum();
    println!(
        "lists: {total} values ({} accepted, {} unchanged, {} held, {} refused) in {:.1} s: {:.0}/s, peak memory {peak:.0} MB",
        count("accepted"),
        count("unchanged"),
        count("held"),
        count("refused"),
        wall.as_secs_f64(),
        total as f64 / wall.as_secs_f64(),
    );
    let search = Instant::now();
    let core = open(&dir);
    while core.index_step().unwrap() {}
    println!("lists: search caught up after another {:.1} s", search.elapsed().as_secs_f64());
}

fn open(dir: &Path) -> Core {
    let store = Arc::new(SqliteStore::open(dir.join("node.db"), store_sqlite::Options::default()).unwrap());
    Core::open(store, Arc::new(SystemClock), Arc::new(OsIds)).unwrap()
}

/// A large store: pages deep in its collection over HTTP, and how soon it is ready.
fn stored(folder: &Path, objects: usize, pages: bool, start: bool) {
    if testkit::shared().is_none() {
        return println!("pages, start: left out, the shared data folder is missing");
    }
    let dir = folder.join("stored");
    let file = folder.join("stored.json");
    generate(&file, objects);
    {
        let core = node(&dir);
        let started = Instant::now();
        let done = feed(&core, &file);
        println!("stored: {} objects in {:.1} s", done.summary.accepted, started.elapsed().as_secs_f64());
        let follower = SourceRecord {
            id: SourceId(0),
            name: "unused".to_owned(),
            kind: "file".to_owned(),
            config: "{}".to_owned(),
            default_label: Label::OwnOnly,
            enabled: false,
            collection: CollectionId(ports::Ids::uuid(&OsIds)),
        };
        core.store.transact(|tx| tx.add_source(core.scope.tenant, &follower)).unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    let depths = depths(&dir);
    let secret = token(&dir);
    let started = Instant::now();
    let mut server = Server::start(&dir);
    if start {
        println!(
            "start: ready {:.0} ms after the program was started",
            started.elapsed().as_secs_f64() * 1000.0
        );
    }
    if pages {
        for (place, added_after) in depths {
            let mut times = Vec::new();
            for _ in 0..200 {
                let (bytes, time) = server.page(&secret, &added_after);
                assert!(bytes > 1000, "an empty page measures nothing");
                times.push(time.as_secs_f64() * 1000.0);
            }
            times.sort_by(f64::total_cmp);
            println!(
                "pages: 1,000 objects {place} % deep: median {:.1} ms, p99 {:.1} ms",
                times[times.len() / 2],
                times[times.len() * 99 / 100],
            );
        }
    }
    println!("pages: peak memory of the server {:.0} MB", peak_megabytes(&server.child.id().to_string()));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
}

/// Instants at several depths of the collection `own`.
fn depths(dir: &Path) -> Vec<(usize, String)> {
    let core = open(dir);
    let read = core.store.read().unwrap();
    let collections = read.collections(core.scope.tenant).unwrap();
    let own = collections.iter().find(|c| c.kind == CollectionKind::Own).unwrap().id;
    let (mut instants, mut after) = (Vec::new(), None);
    loop {
        let page = read.page(core.scope, own, &PageFilter::default(), after, 10_000, false).unwrap();
        after = page.entries.last().map(|entry| entry.added).or(after);
        instants.extend(after);
        if !page.more {
            break;
        }
    }
    [1, 25, 50, 75, 95]
        .map(|place| (place, taxii::date_added(instants[(instants.len() - 1) * place / 100])))
        .to_vec()
}

fn token(dir: &Path) -> String {
    let dir = dir.to_str().unwrap();
    run(&["user", "add", "--dir", dir, "bench", "--role", "viewer"]);
    let made = run(&["token", "add", "--dir", dir, "--json", "--user", "bench", "bench"]);
    let made: Value = serde_json::from_str(made.lines().last().unwrap()).unwrap();
    made.get("secret").and_then(Value::as_str).unwrap().to_owned()
}

fn run(words: &[&str]) -> String {
    let done = Command::new(BINARY).args(words).output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// The program, serving.
struct Server {
    child: std::process::Child,
    addr: SocketAddr,
    connection: TcpStream,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(BINARY)
            .args([
                "serve",
                "--plaintext",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--dir",
                dir.to_str().unwrap(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready.get("url").and_then(Value::as_str).unwrap();
        let addr: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let connection = TcpStream::connect(addr).unwrap();
        let mut server = Self { child, addr, connection };
        let (status, _) = server.request("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(status.contains("200"), "{status}");
        server
    }

    fn page(&mut self, secret: &str, added_after: &str) -> (usize, Duration) {
        let request = format!(
            "GET /taxii2/default/collections/own/objects/?limit=1000&added_after={added_after} HTTP/1.1\r\nhost: {}\r\naccept: application/taxii+json;version=2.1\r\nauthorization: Bearer {secret}\r\n\r\n",
            self.addr
        );
        let started = Instant::now();
        let (status, bytes) = self.request(&request);
        assert!(status.contains("200"), "{status}");
        (bytes, started.elapsed())
    }

    /// One request on the open connection: the status line and the length of the body.
    fn request(&mut self, request: &str) -> (String, usize) {
        self.connection.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        let mut byte = [0u8];
        while !head.ends_with(b"\r\n\r\n") {
            self.connection.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map(|n| n.trim().parse().unwrap());
        let length: usize = length.unwrap_or_else(|| panic!("no length in {head}"));
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).unwrap();
        (head.lines().next().unwrap_or_default().to_owned(), length)
    }
}

/// The largest resident size a process has had, in megabytes; 0 where the system does not say.
fn peak_megabytes(process: &str) -> f64 {
    let status = PathBuf::from("/proc").join(process).join("status");
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

/// CPU seconds this process has used, threads included.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}
