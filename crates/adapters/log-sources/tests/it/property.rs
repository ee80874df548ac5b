//! Whatever happens to the files, and whenever whoever reads them dies: each line counts once.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::caller::Caller;
use crate::{append, files, quick, telling};

/// What happens.
#[derive(Debug, Clone)]
enum Event {
    /// Lines are written, and as many bytes of another.
    Write(usize, usize),
    /// The file is renamed, and the writer goes over to a new one; the old line is ended behind the renaming.
    Rename,
    /// The file is copied, then truncated.
    CopyTruncate,
    /// The oldest of the files that were put aside is packed.
    Pack,
    /// So many batches are read and committed.
    Read(usize),
    /// The reader dies, having read another batch that it does not commit.
    Die(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0_usize..6, 0_usize..120).prop_map(|(lines, rest)| Event::Write(lines, rest)),
        1 => Just(Event::Rename),
        1 => Just(Event::CopyTruncate),
        1 => Just(Event::Pack),
        4 => (1_usize..4).prop_map(Event::Read),
        1 => any::<bool>().prop_map(Event::Die),
    ]
}

/// Who writes.
struct Writer {
    path: PathBuf,
    file: File,
    number: usize,
    /// What is still to be written of the present line.
    rest: String,
    aside: Vec<PathBuf>,
    rotated: usize,
}

impl Writer {
    fn new(dir: &Path) -> Self {
        let path = dir.join("log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut writer = Self { path, file, number: 0, rest: String::new(), aside: Vec::new(), rotated: 0 };
        writer.first();
        writer
    }

    /// The first line of a file, written as a whole: by it the file is known again.
    fn first(&mut self) {
        self.number += 1;
        self.file.write_all(telling(self.number).as_bytes()).unwrap();
    }

    fn end_line(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.file.write_all(rest.as_bytes()).unwrap();
    }

    fn write(&mut self, lines: usize, bytes: usize) {
        self.end_line();
        for _ in 0..lines {
            self.number += 1;
            let line = format!("{:08} {}\n", self.number, "y".repeat(self.number % 40));
            self.file.write_all(line.as_bytes()).unwrap();
        }
        self.number += 1;
        let line = format!("{:08} {}\n", self.number, "z".repeat(60));
        let (now, rest) = line.split_at(bytes.min(line.len()));
        self.file.write_all(now.as_bytes()).unwrap();
        rest.clone_into(&mut self.rest);
    }

    fn aside(&mut self) -> PathBuf {
        self.rotated += 1;
        let aside = self.path.with_file_name(format!("log.{}", self.rotated));
        self.aside.push(aside.clone());
        aside
    }

    fn rename(&mut self) {
        let aside = self.aside();
        fs::rename(&self.path, aside).unwrap();
        self.end_line();
        self.file = fs::OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        self.first();
    }

    fn copy_truncate(&mut self) {
        self.end_line();
        let aside = self.aside();
        fs::copy(&self.path, aside).unwrap();
        self.file.set_len(0).unwrap();
        self.first();
    }

    fn pack(&mut self) {
        if self.aside.is_empty() {
            return;
        }
        let path = self.aside.remove(0);
        let packed = File::create(format!("{}.gz", path.display())).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        encoder.write_all(&fs::read(&path).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(path).unwrap();
    }
}

/// The number that a record begins with.
fn number(record: &str) -> usize {
    let (_, record) = record.split_once(": ").unwrap();
    record.split(' ').next().unwrap().parse().unwrap()
}

async fn run(events: &[Event]) {
    let dir = testkit::temp_dir();
    let mut writer = Writer::new(dir.path());
    let spec = files(&dir.path().join("log*"));
    let mut caller = Caller::open(&quick(), &spec, None);
    let mut committed = Vec::new();
    for event in events {
        match event {
            Event::Write(lines, bytes) => writer.write(*lines, *bytes),
            Event::Rename => writer.rename(),
            Event::CopyTruncate => writer.copy_truncate(),
            Event::Pack => writer.pack(),
            Event::Read(batches) => {
                for _ in 0..*batches {
                    // There may be nothing to read.
                    let waited = std::time::Duration::from_millis(20);
                    let Ok(batch) = tokio::time::timeout(waited, caller.next()).await else { break };
                    let batch = batch.unwrap();
                    let (records, at) = caller.take(&batch);
                    caller.position = Some(caller.stream.position(batch.part, at));
                    caller.records.extend(records);
                }
            }
            Event::Die(half_way) => {
                if *half_way {
                    let waited = std::time::Duration::from_millis(20);
                    if let Ok(Ok(batch)) = tokio::time::timeout(waited, caller.next()).await {
                        let (records, at) = caller.take(&batch);
                        // It was asked for and never committed.
                        caller.stream.position(batch.part, at);
                        drop(records);
                    }
                }
                committed.append(&mut caller.records);
                caller = caller.again(&quick(), &spec);
            }
        }
    }
    writer.write(1, 0);
    writer.end_line();
    let count = writer.number;
    while committed.len() + caller.records.len() < count {
        caller.step().await;
    }
    // Whatever would come twice comes before this.
    append(&dir.path().join("log.end"), format!("{:08} end\n", count + 1));
    caller.until_met("end").await;
    committed.append(&mut caller.records);
    let mut numbers: Vec<usize> = committed.iter().map(|record| number(record)).collect();
    numbers.sort_unstable();
    let expect: Vec<usize> = (1..=count + 1).collect();
    assert_eq!(numbers, expect);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        u32::try_from(testkit::count("SHIELDWALL_ROTATIONS", 24)).unwrap_or(u32::MAX)
    ))]

    #[test]
    fn each_line_counts_once(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(&events));
    }
}
