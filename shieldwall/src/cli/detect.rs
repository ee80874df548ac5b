//! What `shieldwall detect` takes.

use std::path::PathBuf;

use ::detect::Level;
use clap::{Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub enum Detect {
    /// Run rules over log files; nothing is kept
    Scan {
        /// Sigma rules: a file, or a folder with `.yml` files in it and below; may be repeated
        #[arg(long, required = true, value_name = "PATH")]
        rules: Vec<PathBuf>,
        /// Log files, folders of them, or `-` for standard input; packed with gzip or zstd or not. The format is found by
        /// itself
        #[arg(required = true, value_name = "LOG")]
        logs: Vec<PathBuf>,
        /// Only alerts of rules of this level or above
        #[arg(long)]
        level: Option<Severity>,
        /// Also list rules and their states
        #[arg(long)]
        states: bool,
    },
}

/// How bad a rule says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl From<Severity> for Level {
    fn from(level: Severity) -> Self {
        match level {
            Severity::Informational => Self::Informational,
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
            Severity::Critical => Self::Critical,
        }
    }
}
