//! Children that die, hang, flood and talk nonsense. Each is a small shell script; a marker in its folder tells the second
//! child from the first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use shieldwall_evtx::{Evtx, EvtxError, Limits};

use crate::{convert, convert_all, write};

const WORDS: &str = r#"
ready() { printf '\010\000\000\000\000SWEVTX01'; }
record() { printf '\010\000\000\000\001{"n":%s}\n' "$1"; }
end() { printf '\000\000\000\000\003'; }
first() { if [ -e "$1/marker" ]; then return 1; fi; : > "$1/marker"; }
"#;

/// Short enough to wait for, long enough for a shell to start on a busy machine.
const QUICK: Limits = Limits { memory: 1 << 30, seconds_per_file: 3, growth: 1 };

fn liar(folder: &Path, script: &str, limits: Limits) -> Evtx {
    let script = format!("{WORDS}{script}");
    Evtx::new("/bin/sh".into(), vec!["-c".into(), script.into(), "sh".into(), folder.into()], limits)
}

/// Records of a file; `None` for all well, or after how many it broke off and why.
type Heard = (Vec<String>, Option<(u64, String)>);

/// Reads three files through a liar.
fn three(script: &str, limits: Limits) -> Vec<Heard> {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[b"a", b"b", b"c"]);
    let told = |(records, end): (Vec<String>, Result<_, EvtxError>)| match end {
        Ok(_) => (records, None),
        Err(EvtxError::Broke { records: count, why }) => (records, Some((count, why))),
        Err(other) => panic!("{other:?}"),
    };
    convert_all(&liar(folder.path(), script, limits), &paths).into_iter().map(told).collect()
}

/// The first file must break off after so many records, for a reason with these words; the others must be read.
#[track_caller]
fn check(first: &str, records: u64, words: &[&str]) {
    let behave = "record 3; end; record 4; end; while read -r line; do :; done";
    let files = three(&format!("ready; if first \"$1\"; then {first}; else {behave}; fi"), QUICK);
    let (handed, broke) = &files[0];
    let (count, why) = broke.as_ref().unwrap();
    assert_eq!((*count, handed.len() as u64), (records, records), "{why}");
    assert!(words.iter().all(|word| why.contains(word)) && why.len() < 2048, "{why}");
    assert_eq!(files[1], (vec!["{\"n\":3}".to_owned()], None));
    assert_eq!(files[2], (vec!["{\"n\":4}".to_owned()], None));
}

#[test]
fn one_that_dies_takes_one_file_with_it() {
    check("record 1; record 2; echo no memory >&2; kill -9 $$", 2, &["signal: 9", "`no memory`"]);
    check("exit 7", 0, &["exit status: 7"]);
    check("printf '\\010\\000\\000\\000\\001{\"n\"'; exit 0", 0, &["exit status: 0"]);
}

#[test]
fn one_that_hangs_is_stopped() {
    let begun = Instant::now();
    check("record 1; while :; do :; done", 1, &["too long"]);
    // It closes its side and lives on.
    check("exec >&-; while :; do :; done", 0, &["signal: 9"]);
    // It says a little now and then.
    let drip = "while :; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; printf x; done";
    check(&format!("printf '\\000\\000\\020\\000\\001'; {drip}"), 0, &["too long"]);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn one_that_talks_nonsense_is_stopped() {
    check("record 1; printf '\\377\\377\\377\\377\\001'", 1, &["too long", "stopped"]);
    check("printf '\\001\\000\\000\\000\\011x'", 0, &["unknown kind"]);
    check("record 1; ready", 1, &["out of place"]);
    check("echo what about plain words, as many as there may be", 0, &["frame"]);
}

#[test]
fn one_that_never_stops_talking_is_stopped() {
    let long = "x=xxxxxxxxxxxxxxxx; while [ ${#x} -lt 65536 ]; do x=$x$x; done; x=${x#?}";
    let flood = "while :; do printf '\\000\\000\\001\\000\\001%s\\n' \"$x\"; done";
    let behave = "record 3; end; record 4; end; while read -r line; do :; done";
    let script = format!("ready; if first \"$1\"; then {long}; {flood}; else {behave}; fi");
    let files = three(&script, Limits { seconds_per_file: 60, ..QUICK });
    let (count, why) = files[0].1.as_ref().unwrap();
    assert!(*count <= 1024 && why.contains("more than"), "{count} {why}");
    assert!(files[1].1.is_none() && files[2].1.is_none());

    check("while :; do echo nonsense, nonsense, nonsense >&2; done", 0, &["too long", "nonsense"]);
}

#[test]
fn one_that_does_not_begin_is_waited_for_once() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[b"a", b"b", b"c"]);
    for script in
        ["", "exit 1", "echo hello", "while :; do :; done", "printf '\\010\\000\\000\\000\\000SWEVTX99'"]
    {
        let begun = Instant::now();
        let files = convert_all(&liar(folder.path(), script, QUICK), &paths);
        assert!(
            files.iter().all(|(_, end)| matches!(end, Err(EvtxError::NoReader(_)))),
            "{script}: {files:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(30), "{script}");
    }
    for program in ["/nowhere/at/all", "/"] {
        let evtx = Evtx::new(program.into(), Vec::new(), QUICK);
        let (_, end) = convert(&evtx, &paths[0]);
        assert!(matches!(&end, Err(EvtxError::NoReader(why)) if why.contains(program)), "{end:?}");
    }
}

/// It may be that an earlier file wore the child out. So a fresh one gets the file too, and no record comes twice.
#[test]
fn a_worn_out_child_is_not_the_files_fault() {
    let files = three(
        "ready; if first \"$1\"; then record 9; end; record 1; exit 7; \
         else record 1; record 2; end; record 4; end; while read -r line; do :; done; fi",
        QUICK,
    );
    let expect: Vec<Vec<&str>> = vec![vec!["{\"n\":9}"], vec!["{\"n\":1}", "{\"n\":2}"], vec!["{\"n\":4}"]];
    let found: Vec<_> = files.iter().map(|(records, _)| records.clone()).collect();
    assert_eq!(found, expect);
    assert!(files.iter().all(|(_, broke)| broke.is_none()), "{files:?}");
}

#[test]
fn one_that_ends_between_files_is_replaced() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[b"a"]);
    let evtx = liar(folder.path(), "ready; record 1; end", QUICK);
    for _ in 0..3 {
        let (records, end) = convert(&evtx, &paths[0]);
        assert_eq!((records, end.unwrap().records), (vec!["{\"n\":1}".to_owned()], 1));
    }
}

#[test]
fn a_listener_that_panics_leaves_nothing_half_read() {
    let folder = testkit::temp_dir();
    let paths = write(folder.path(), &[b"a"]);
    let evtx = liar(folder.path(), "ready; record 1; record 2; end; while read -r line; do :; done", QUICK);
    let panics = || drop(evtx.convert(&paths[0], &mut |_| panic!("on purpose")));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    let (records, end) = convert(&evtx, &paths[0]);
    assert_eq!((records.len(), end.unwrap().records), (2, 2));
}
