//! What files hold, and what is made of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use ports::logs::Converter;
use shieldwall_evtx::{Evtx, EvtxError, Limits};

use crate::crafted::{bomb, event_log, process};
use crate::{convert, convert_all, write};

/// The child of the other tests: this program again, with this test alone. Standard output belongs to the harness, so the
/// frames go through another descriptor.
#[test]
fn serve() {
    let mut words = std::env::args();
    if words.any(|word| word == "--exact") && words.any(|word| word == "files::serve") {
        let output = File::options().write(true).open("/proc/self/fd/3").unwrap();
        // Whoever started it sees how it ends.
        let _code = shieldwall_evtx::serve(std::io::stdin(), output);
    }
}

fn reader(limits: Limits) -> Evtx {
    let script = "exec 3>&1 >/dev/null; exec \"$0\" --exact files::serve --nocapture --test-threads=1";
    let program = std::env::current_exe().unwrap();
    Evtx::new("/bin/sh".into(), vec!["-c".into(), script.into(), program.into()], limits)
}

/// Three processes.
fn whole() -> Vec<u8> {
    event_log(3, &process(r"C:\Windows\System32\whoami.exe"))
}

#[test]
fn a_file_comes_as_json_lines() {
    let folder = testkit::temp_dir();
    let path = write(folder.path(), &[&whole()]).remove(0);
    let evtx = reader(Limits::default());
    let (records, end) = convert(&evtx, &path);
    let expect = r#"{"Event":{"System":{"Provider_Name":"Microsoft-Windows-Sysmon","EventID":"1","Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"pc1"},"EventData":{"UtcTime":"2025-11-27 07:40:10.132","Image":"C:\\Windows\\System32\\whoami.exe"}}}"#;
    assert_eq!(records, [expect; 3]);
    let report = end.unwrap();
    assert_eq!((report.records, report.bad, report.bytes, report.missing), (3, 0, 69_632, None));

    // The same through the port.
    assert!(evtx.suits(&whole()[..16], "whatever") && !evtx.suits(b"{\"a\":1}", "x.evtx"));
    let port: &dyn Converter = &evtx;
    let mut count = 0;
    let converted = port.convert(&path, &mut |_| count += 1).unwrap();
    assert_eq!((count, converted.records, converted.bad, converted.complete), (3, 3, 0, true));
    assert!(port.convert(folder.path(), &mut |_| {}).is_err());
}

/// A file, its records, how many things in it are bad, whether something is missing; nothing for no file at all.
type Case = (&'static str, Vec<u8>, Option<(u64, u64, bool)>);

fn cases() -> Vec<Case> {
    let whole = whole();
    let cut = |length: usize| whole[..length].to_vec();
    let with = |place: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        file
    };
    let noise = |length: usize| -> Vec<u8> {
        let mut state = 7_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(length).collect()
    };
    vec![
        ("whole", whole.clone(), Some((3, 0, false))),
        ("empty", Vec::new(), None),
        ("less than the header", cut(100), None),
        ("the header alone", cut(4096), Some((0, 0, true))),
        ("a few bytes of the chunk's header", cut(4100), Some((0, 1, true))),
        ("the chunk's header alone", cut(4608), Some((0, 0, true))),
        ("cut in the first record", cut(5000), Some((0, 0, true))),
        ("cut in the last record", cut(5350), Some((2, 0, true))),
        ("cut behind the records", cut(40_000), Some((3, 0, true))),
        ("more than the chunk", [whole.clone(), vec![0; 10]].concat(), Some((3, 0, true))),
        (
            "a chunk that nothing was written to",
            [whole.clone(), vec![0; 65_536]].concat(),
            Some((3, 0, false)),
        ),
        ("a chunk's header of zeros", with(4096, &[0; 512]), Some((0, 1, false))),
        ("a chunk of zeros", with(4096, &[0; 65_536]), Some((0, 0, false))),
        ("a record's header of zeros", with(5283, &[0; 24]), Some((2, 1, false))),
        ("more chunks counted than there are", with(42, &[9, 0]), Some((3, 0, true))),
        ("a header as long as the file may be", with(40, &[0xff, 0xff]), Some((3, 0, false))),
        ("noise behind the header", with(4096, &noise(65_536)), Some((0, 1, false))),
        ("noise", noise(69_632), None),
        ("text", b"{\"Event\":{}}\n".repeat(1000), None),
    ]
}

#[test]
fn what_is_damaged_is_said_and_the_rest_is_read() {
    let folder = testkit::temp_dir();
    let cases = cases();
    let contents: Vec<&[u8]> = cases.iter().map(|(_, content, _)| content.as_slice()).collect();
    let files = convert_all(&reader(Limits::default()), &write(folder.path(), &contents));
    for ((name, content, expect), (records, end)) in cases.iter().zip(files) {
        match (expect, end) {
            (None, Err(EvtxError::Unreadable(why))) => {
                assert!(!why.is_empty() && records.is_empty(), "{name}")
            }
            (Some(expect), Ok(report)) => {
                let found = (report.records, report.bad, report.missing.is_some());
                assert_eq!(found, *expect, "{name}: {report:?}");
                assert_eq!(
                    (records.len() as u64, report.bytes),
                    (report.records, content.len() as u64),
                    "{name}"
                );
                assert_eq!(report.reasons.len() as u64, report.bad.min(5), "{name}");
            }
            (_, end) => panic!("{name}: {end:?}"),
        }
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = testkit::temp_dir();
    let place = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(place("pipe")).status().unwrap().success());
    std::fs::write(place("good"), whole()).unwrap();
    std::os::unix::fs::symlink("loop", place("loop")).unwrap();
    let mut paths = vec![folder.path().to_owned(), place("pipe"), place("none"), place("loop")];
    paths.extend([PathBuf::from("/dev/zero"), PathBuf::new(), place("good"), place(&"x".repeat(40_000))]);
    let files = convert_all(&reader(Limits::default()), &paths);
    let read: Vec<bool> = files.iter().map(|(_, end)| end.is_ok()).collect();
    assert_eq!(read, [false, false, false, false, false, false, true, false]);
    assert!(
        files.iter().all(|(_, end)| !matches!(end, Err(EvtxError::Broke { .. } | EvtxError::NoReader(_))))
    );
}

/// A file of 64 KiB that comes to some 50 MB.
#[test]
fn what_asks_for_too_much_memory_fails_alone() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[&whole(), &bomb(), &whole(), &bomb(), &bomb(), &whole()]);
    let evtx = reader(Limits { memory: 40 << 20, ..Limits::default() });
    let files = convert_all(&evtx, &paths);
    for (at, (records, end)) in files.iter().enumerate() {
        match end {
            Ok(report) => assert_eq!((report.records, records.len()), (3, 3), "{at}"),
            Err(EvtxError::Broke { records: 0, why }) => assert!(why.contains("memory"), "{at}: {why}"),
            Err(error) => panic!("{at}: {error}"),
        }
    }
    let read: Vec<bool> = files.iter().map(|(_, end)| end.is_ok()).collect();
    assert_eq!(read, [true, false, true, false, false, true]);

    // With what a child has otherwise, it is read as far as the parser goes, and the file still has its limits.
    let (records, end) = convert(&reader(Limits::default()), &paths[1]);
    let report = end.unwrap();
    assert!(report.records > 400 && report.records == records.len() as u64, "{report:?}");
    assert!(records.iter().all(|record| record.len() > 96_000));
}

#[test]
fn a_limit_that_cannot_be_kept_starts_nothing() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[&whole(), b""]);
    // Less than the program has when it begins.
    let files = convert_all(&reader(Limits { memory: 1, ..Limits::default() }), &paths);
    assert!(matches!(files[0].1, Err(EvtxError::NoReader(_))), "{:?}", files[0].1);
    assert!(matches!(files[1].1, Err(EvtxError::Unreadable(_))), "{:?}", files[1].1);
}

/// Bytes of a good file changed in many ways: whatever comes of it, it comes to an end, and the next file is read.
#[test]
fn no_damage_harms_more_than_its_file() {
    let folder = testkit::temp_dir();
    let mut bases = vec![(whole(), 5400)];
    for path in testkit::corpus("data/evtx", "evtx").into_iter().take(3) {
        let file = std::fs::read(path).unwrap();
        bases.push((file, 12_000));
    }
    let evtx = reader(Limits { seconds_per_file: 20, ..Limits::default() });
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut paths = Vec::new();
    for round in 0..400 {
        let (mut file, upto) = bases[round % bases.len()].clone();
        for _ in 0..=next(8) {
            // Past the magic, or every second file would be refused at once.
            let place = 8 + next(upto - 8);
            file[place] = u8::try_from(next(256)).unwrap();
        }
        let path = folder.path().join(format!("{round}.evtx"));
        std::fs::write(&path, file).unwrap();
        paths.push(path);
    }
    let good = folder.path().join("good.evtx");
    std::fs::write(&good, whole()).unwrap();
    paths.push(good);
    let files = convert_all(&evtx, &paths);
    assert!(files.last().unwrap().1.as_ref().is_ok_and(|report| report.records == 3));
    let read = files.iter().filter(|(_, end)| end.is_ok()).count();
    println!("{read} of {} were read", files.len());
    assert!(read > 200, "{read}");
    assert!(!files.iter().any(|(_, end)| matches!(end, Err(EvtxError::NoReader(_)))));
}

/// The files that were recorded for public rules.
#[test]
fn real_files_are_read_whole() {
    let paths = testkit::corpus("data/evtx", "evtx");
    let files = convert_all(&reader(Limits::default()), &paths);
    let mut records = 0;
    for (path, (lines, end)) in paths.iter().zip(&files) {
        let report = end.as_ref().unwrap();
        assert_eq!((report.bad, &report.missing), (0, &None), "{}", path.display());
        assert!(lines.iter().all(|line| line.starts_with("{\"Event\":{") && !line.contains('\n')));
        records += report.records;
    }
    assert!(paths.is_empty() || (files.len(), records) == (100, 112), "{} {records}", files.len());
}

#[test]
fn threads_share_one_child() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[&whole()]);
    let evtx = reader(Limits::default());
    let read = |path: &Path| convert(&evtx, path).1.unwrap().records;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| read(&paths[0]))).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 3));
    });
}
