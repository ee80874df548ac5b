//! On what a figure was measured.

use std::fs;

use crate::process::{command, output};

/// Everything a measured figure must be quoted with, in one line.
pub(crate) fn line() -> String {
    let rustc = output(&mut command("rustc", ["--version"])).unwrap_or_else(|| "unknown rustc".to_owned());
    format!("{}; {rustc}; {}", hardware(), date())
}

/// Processor, cores and memory.
pub(crate) fn hardware() -> String {
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
        .map_or_else(|| "unknown memory".to_owned(), |kib| format!("{} GiB", kib.div_ceil(1 << 20)));
    format!("{model}, {cores} cores, {memory}, {}", std::env::consts::OS)
}

/// Today in UTC, as `2026-01-31`.
pub(crate) fn date() -> String {
    output(&mut command("date", ["-u", "+%Y-%m-%d"])).unwrap_or_else(|| "unknown date".to_owned())
}

/// CPU-seconds of the children that have ended so far, all their threads and children included (Linux).
pub(crate) fn cpu_seconds_of_children() -> Option<f64> {
    // proc(5): after the program name in parentheses, cutime and cstime are fields 16 and 17, counted from the
    // state as field 3, in ticks of which Linux shows 100 in a second.
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = fields.split(' ').skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / 100.0)
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
