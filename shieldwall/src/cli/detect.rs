//! What `shieldwall detect` takes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ::detect::Level;
use ::logs::Format;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};

use super::Node;
use super::contain::Contain;
use super::hunt::{Answers, Hunt};
use super::logs::{Alerts, LogSource, Telemetry};

/// What a node does with logs.
#[derive(Debug, Subcommand)]
pub enum Detection {
    /// Where logs come from
    #[command(subcommand)]
    LogSource(LogSource),
    /// What matched
    Alerts(Alerts),
    /// Look for something in what was kept, here and at other parties
    #[command(subcommand)]
    Hunt(Hunt),
    /// Show who saw an object that was shared, and who looked and did not
    Answers(Answers),
    /// Events that are kept for hunts
    #[command(subcommand)]
    Telemetry(Telemetry),
    /// Block something for a time, with approvals and a way back
    #[command(subcommand)]
    Contain(Contain),
}

impl Detection {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::LogSource(command) => command.node(),
            Self::Alerts(command) => command.node(),
            Self::Hunt(command) => command.node(),
            Self::Answers(command) => &command.node,
            Self::Telemetry(command) => command.node(),
            Self::Contain(command) => command.node(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Detect {
    /// Run rules over log files; nothing is kept
    #[command(after_help = SCAN_ENDS)]
    Scan(ScanLogs),
    /// Sigma rules that the node runs over what it reads
    #[command(subcommand)]
    Rules(DetectRules),
    /// Show what is looked for and what is not, so that "no alert" can be told from "blind"
    Coverage {
        #[command(flatten)]
        node: Node,
    },
}

/// What a scan's exit code says.
const SCAN_ENDS: &str = "Exit codes: 0 everything was read and nothing matched, 1 something matched or not everything \
                         could be looked at, 2 nothing could be looked for, nothing could be read, or wrong usage.";

/// What is looked for, and in which logs.
#[derive(Debug, Clone, Args)]
pub struct ScanLogs {
    /// Sigma rules: a file, or a folder with `.yml` files in it and below; may be repeated
    #[arg(long, required_unless_present = "indicators", value_name = "PATH")]
    pub rules: Vec<PathBuf>,
    /// Indicators: lists with one value a line, or STIX 2.1 bundles; files or folders; may be repeated
    #[arg(long, value_name = "PATH")]
    pub indicators: Vec<PathBuf>,
    /// Leave out indicators whose stated confidence is lower (0 to 100); those that state none are looked for
    #[arg(long, requires = "indicators", value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_confidence: Option<u8>,
    /// Leave out indicators for well-known benign values: warning lists as MISP publishes them, files or folders, and
    /// those that every node has; may be repeated
    #[arg(long, requires = "indicators", value_name = "PATH")]
    pub warning_lists: Vec<PathBuf>,
    /// Log files, folders of them, pipes, or `-` for standard input; packed with gzip or zstd or not. The format is found
    /// by itself
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<PathBuf>,
    /// Format of all records, where it is not to be found by itself
    #[arg(long, value_parser = formats())]
    pub format: Option<Format>,
    /// Zeek's stream, such as conn, where neither the file's name nor its records say it
    #[arg(long, value_name = "NAME", value_parser = stream)]
    pub stream: Option<String>,
    /// Only matches of this level or above; those of indicators have one by their confidence
    #[arg(long)]
    pub level: Option<Severity>,
    /// Also list rules and their states
    #[arg(long)]
    pub states: bool,
}

/// Reads a format's name, and lists all of them.
fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|format| format.as_str()))
        .try_map(|name| name.parse::<Format>())
}

/// Reads a stream's name, or that of its file: `conn`, `conn.log`.
fn stream(name: &str) -> Result<String, String> {
    let wanted = name.to_ascii_lowercase();
    let wanted = wanted.strip_suffix(".log").unwrap_or(&wanted);
    let streams = ::logs::classes().filter(|class| class.product == "zeek");
    let known: BTreeSet<&str> = streams.flat_map(|class| class.services.iter().copied()).collect();
    if known.contains(wanted) {
        return Ok(wanted.to_owned());
    }
    let known: Vec<&str> = known.into_iter().collect();
    Err(format!(
        "there is no such stream; there are {} (`other` is any that is not among them)",
        known.join(", ")
    ))
}

impl Detect {
    /// The node that is called, for commands that call one.
    pub const fn node(&self) -> Option<&Node> {
        Some(match self {
            Self::Scan(_) => return None,
            Self::Coverage { node }
            | Self::Rules(
                DetectRules::Add { node, .. }
                | DetectRules::Remove { node, .. }
                | DetectRules::List { node, .. },
            ) => node,
        })
    }
}

#[derive(Debug, Subcommand)]
pub enum DetectRules {
    /// Add rules, or put newer ones in their place
    Add {
        #[command(flatten)]
        node: Node,
        /// Sigma rules: files, or folders with `.yml` files in them and below
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Also put a file in the place of one that has the same name and other rules
        #[arg(long)]
        replace: bool,
    },
    /// Remove the rules of one file
    Remove {
        #[command(flatten)]
        node: Node,
        /// The file, as it was named when it was added
        name: String,
    },
    /// Show rules, our own and those that others shared, and whether each can speak
    List {
        #[command(flatten)]
        node: Node,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<RuleState>,
    },
}

/// Whether a rule can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuleState {
    /// It looks at every event of its log source
    Active,
    /// It excludes by fields that no event of its log source has here
    WaitingForFields,
    /// Nothing here reads events of its log source
    SourceMissing,
    /// The text cannot be used
    Unsupported,
    /// It does not fire on what it should fire on
    SelfTestFailed,
}

impl RuleState {
    /// The name in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::WaitingForFields => "waiting-for-fields",
            Self::SourceMissing => "source-missing",
            Self::Unsupported => "unsupported",
            Self::SelfTestFailed => "self-test-failed",
        }
    }
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
