//! Any bytes as what the process says that reads event log files.
//!
//! The child is `cat` over a file with these bytes, so everything that listens is the real thing: pipes, frames, the
//! end of the process. Beyond "no panic" and "it ends": what is handed out is what is counted, no record holds a line
//! break, and what the child says in words stays on one short line.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use evtx_child::{Evtx, EvtxError, Limits};
use libfuzzer_sys::fuzz_target;

/// The first frame of a child of this version.
const READY: &[u8] = b"\x08\0\0\0\0SWEVTX01";
/// No message is longer, in characters: a thousand bytes of a child, and the words around them.
const LONGEST: usize = 4_096;

static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("shieldwall-fuzz-evtx-{}", std::process::id())));

/// A frame is a byte for its kind, one for its length, and its body; so what is in frames is reached soon.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = READY.to_vec();
    while let [kind, length, body @ ..] = rest {
        let (body, after) = body.split_at(usize::from(*length).min(body.len()));
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.push(kind % 6);
        bytes.extend(body);
        rest = after;
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let said = match mode % 3 {
        0 => rest.to_vec(),
        1 => [READY, rest].concat(),
        _ => framed(rest),
    };
    std::fs::write(&*FILE, said).expect("the temporary folder must be writable");
    // A child of one file is asked for a second one too, so that what is left over is met as well.
    let limits = Limits { memory: 1 << 30, seconds_per_file: 5, growth: 1 };
    let evtx = Evtx::new("/bin/cat".into(), vec![FILE.clone().into_os_string()], limits);
    for round in 0..2 {
        let mut handed = 0;
        let ended = evtx.convert(&FILE, &mut |record| {
            assert!(!record.is_empty() && !record.contains(&b'\n'), "{record:?}");
            handed += 1;
        });
        match ended {
            Ok(report) => {
                // What is left over of a child may be more than its successor says.
                assert!(report.records <= handed && (round > 0 || report.records == handed), "{report:?}");
                assert!(report.bad >= report.reasons.len() as u64);
                report.reasons.iter().chain(&report.missing).for_each(|words| short(words));
            }
            Err(EvtxError::Broke { records, why }) => {
                assert_eq!(records, handed);
                short(&why);
            }
            Err(EvtxError::Unreadable(why) | EvtxError::NoReader(why)) => short(&why),
        }
    }
});

fn short(words: &str) {
    assert!(words.chars().count() <= LONGEST && !words.chars().any(char::is_control), "{words:?}");
}
