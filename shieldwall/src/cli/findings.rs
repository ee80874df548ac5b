//! The command that shows what the node noticed.

use clap::{Args, ValueEnum};

use super::Node;

/// Which findings.
#[derive(Debug, Clone, Args)]
pub struct Findings {
    #[command(flatten)]
    pub node: Node,
    /// Only those that are at least so grave
    #[arg(long, value_enum)]
    pub severity: Option<Severity>,
    /// Only those before this number: the last one of the page before
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<u64>,
    /// Findings at most
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Severity {
    /// Worth knowing
    Note,
    /// To be looked at
    Warning,
    /// Something is wrong
    Error,
}

impl Severity {
    /// The name in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}
