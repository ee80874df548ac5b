//! Windows' own event log files are read by another process, for a damaged one may ask for more memory than there is.
//!
//! That process is this program once more, called with one word that no help shows.

use std::ffi::OsString;
use std::process::ExitCode;

use evtx_child::{Evtx, Limits};

use crate::exit::Failure;

/// The word.
const CHILD: &str = "evtx-child";

/// Else the allocator has a gibibyte ready for writing before anything runs, and a limit that is set later does not count
/// for that.
const ALLOCATOR: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// Does the child's work, if this process was started for it.
pub fn child() -> Option<ExitCode> {
    let called = std::env::args_os().nth(1).is_some_and(|word| word == CHILD);
    called.then(evtx_child::child)
}

/// What reads event log files; it starts a process with the first one.
pub fn reader() -> Result<Evtx, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program cannot find itself: {error}")))?;
    let environment = vec![(OsString::from(ALLOCATOR.0), OsString::from(ALLOCATOR.1))];
    Ok(Evtx::new(program, vec![OsString::from(CHILD)], Limits::default()).with_environment(environment))
}
