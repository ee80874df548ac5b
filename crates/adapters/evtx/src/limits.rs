//! What a child may use, and how it binds itself to that.

use std::hint::black_box;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// What one child may use, and what one file may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that a child may write to (`RLIMIT_DATA`). Not its address space: allocators reserve much of that
    /// which they never use.
    pub memory: u64,
    /// Seconds that a file may take, for each 64 MiB that it begins; also those in which a child must have started.
    /// Only time that the parent waits counts.
    pub seconds_per_file: u32,
    /// How many times a file's length its records may come to as JSON; 64 MiB are always allowed.
    pub growth: u64,
}

/// 64 MiB: up to here all files are alike.
const STEP: u64 = 64 << 20;

impl Default for Limits {
    /// 512 MiB, a minute, 64 times.
    fn default() -> Self {
        Self { memory: 512 << 20, seconds_per_file: 60, growth: 64 }
    }
}

impl Limits {
    /// Seconds for a file of so many bytes.
    pub(crate) fn seconds(&self, length: u64) -> u32 {
        let steps = u32::try_from(length / STEP).unwrap_or(u32::MAX);
        self.seconds_per_file.saturating_mul(steps.saturating_add(1))
    }

    /// Bytes that a child may say about a file of so many bytes.
    pub(crate) fn output(&self, length: u64) -> u64 {
        length.saturating_mul(self.growth).max(STEP)
    }
}

/// Binds this process, for good: to so many bytes of memory, and to no files of its own, no processes, no cores.
pub(crate) fn confine(memory: u64) -> io::Result<()> {
    for (name, resource, most) in [
        ("the size of core files", Resource::Core, 0),
        ("the size of files it writes", Resource::Fsize, 0),
        ("the number of processes", Resource::Nproc, 0),
        ("the number of open files", Resource::Nofile, 32),
        ("memory", Resource::Data, memory),
    ] {
        let most = getrlimit(resource).maximum.map_or(most, |had| had.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| io::Error::other(format!("the limit on {name} cannot be set: {error}")))?;
    }
    // Elsewhere the limit counts for less; there the deadline has to do.
    if cfg!(target_os = "linux") && fits(memory) {
        return Err(io::Error::other(
            "the limit on memory does not hold: the allocator had more before it was set; have it ask for memory only \
             when it needs it",
        ));
    }
    Ok(())
}

/// Whether so many bytes can be had at once. Nothing is written to them, so this costs nothing.
fn fits(bytes: u64) -> bool {
    let mut room: Vec<u8> = Vec::new();
    let had = room.try_reserve_exact(usize::try_from(bytes).unwrap_or(usize::MAX));
    // Without a use of it, the compiler may leave the allocation out.
    let _room = black_box(&mut room);
    had.is_ok()
}

/// Lets this process have so many more seconds of processor time. When they are over the system ends it, whether or not a
/// parent is still there to do it.
pub(crate) fn allow_seconds(seconds: u32) -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    let maximum = getrlimit(Resource::Cpu).maximum;
    let until = used + u64::from(seconds) + 1;
    let current = Some(maximum.map_or(until, |maximum| maximum.min(until)));
    setrlimit(Resource::Cpu, Rlimit { current, maximum })
        .map_err(|error| io::Error::other(format!("the limit on time cannot be set: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_may_take_longer_and_say_more() {
        let limits = Limits { seconds_per_file: 10, growth: 3, ..Limits::default() };
        assert_eq!(limits.seconds(1), 10);
        assert_eq!(limits.seconds(STEP - 1), 10);
        assert_eq!(limits.seconds(STEP), 20);
        assert_eq!(limits.seconds(u64::MAX), u32::MAX);
        assert_eq!(limits.output(1), STEP);
        assert_eq!(limits.output(STEP), 3 * STEP);
        assert_eq!(limits.output(u64::MAX), u64::MAX);
    }
}
