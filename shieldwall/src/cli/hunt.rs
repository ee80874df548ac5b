//! Commands that look for something in the past, here and at other parties, and what others say of what was shared.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Node;

/// What is looked for: one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Sought {
    /// Addresses, networks, names, hashes or URLs; defanged is fine
    #[arg(value_name = "VALUE")]
    pub values: Vec<String>,
    /// File with Sigma rules; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub sigma: Option<PathBuf>,
    /// A STIX pattern
    #[arg(long)]
    pub pattern: Option<String>,
    /// File with values, one a line; `-` is standard input
    #[arg(long = "file", value_name = "LIST")]
    pub list: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Hunt {
    /// Look for something in what was kept, and wait for the result
    ///
    /// It exits with 0 if nothing was found and the hunt came to its end; with 1 if something was found, if it ended in part
    /// because its time or its bytes were used up, if it was called off or failed, or if lines of a list were left out.
    Run {
        #[command(flatten)]
        node: Node,
        #[command(flatten)]
        sought: Sought,
        /// Look for nothing if one line of the list is no value, instead of leaving that line out
        #[arg(long, requires = "list")]
        strict: bool,
        /// Only events from this instant on
        #[arg(long, value_name = "TIMESTAMP")]
        from: Option<String>,
        /// Only events before this instant
        #[arg(long, value_name = "TIMESTAMP")]
        until: Option<String>,
        /// Only events of this log source; may be repeated
        #[arg(long = "source", value_name = "NAME")]
        sources: Vec<String>,
        /// Seconds it may take; ten minutes unless said
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
        max_seconds: Option<u64>,
        /// Bytes it may read
        #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
        max_bytes: Option<u64>,
        /// What it is for; kept with it
        #[arg(long, default_value = "")]
        reason: String,
        /// Do not wait: print its number
        #[arg(long)]
        detach: bool,
    },
    /// Show hunts, those that are not over first
    List {
        #[command(flatten)]
        node: Node,
        /// Hunts at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one, with what it found and what it looked at
    Show {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
    },
    /// Call one off; what it has found by then stays
    Cancel {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
    },
    /// Ask other parties to look; the question travels, events do not
    Ask {
        #[command(flatten)]
        node: Node,
        #[command(flatten)]
        sought: Sought,
        /// Ask nothing if one line of the list is no value, instead of leaving that line out
        #[arg(long, requires = "list")]
        strict: bool,
        /// The agreement's id, or the beginning of it
        #[arg(long)]
        agreement: String,
        /// Whom: what they are called here; may be repeated; everybody under the agreement unless said
        #[arg(long, value_name = "PEER")]
        to: Vec<String>,
        /// What for: one of the agreement's purposes
        #[arg(long)]
        purpose: String,
        /// Only ask how much it would match there, before anybody blocks or alerts on it
        #[arg(long)]
        impact: bool,
        /// Only events from this instant on
        #[arg(long, value_name = "TIMESTAMP")]
        from: Option<String>,
        /// Only events before this instant
        #[arg(long, value_name = "TIMESTAMP")]
        until: Option<String>,
        /// Seconds it may take there; each party has a bound of its own, and the smaller one counts
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
        max_seconds: Option<u64>,
        /// Bytes it may read there, in the same way
        #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
        max_bytes: Option<u64>,
    },
    /// Show what others ask us to look for
    Requests {
        #[command(flatten)]
        node: Node,
        /// What we ask others for instead, and what they answered
        #[arg(long)]
        asking: bool,
    },
    /// Let a question of another party run here; sums of it are answered
    Approve {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Refuse a question of another party
    Refuse {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// Why; the other side is told
        #[arg(long)]
        reason: String,
    },
}

impl Hunt {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Run { node, .. }
            | Self::List { node, .. }
            | Self::Show { node, .. }
            | Self::Cancel { node, .. }
            | Self::Ask { node, .. }
            | Self::Requests { node, .. }
            | Self::Approve { node, .. }
            | Self::Refuse { node, .. } => node,
        }
    }
}

/// Whose answers.
#[derive(Debug, Clone, Args)]
pub struct Answers {
    #[command(flatten)]
    pub node: Node,
    /// STIX id
    #[arg(value_name = "OBJECT")]
    pub id: String,
}

/// What we think of an object.
#[derive(Debug, Clone, Args)]
pub struct Feedback {
    #[command(flatten)]
    pub node: Node,
    /// STIX id
    pub id: String,
    /// What we think of it
    #[arg(long, value_enum)]
    pub opinion: Opinion,
    /// Why; whoever shared it reads it
    #[arg(long, default_value = "")]
    pub explanation: String,
}

/// An opinion in STIX's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Opinion {
    /// It is wrong here
    StronglyDisagree,
    /// It is probably wrong here
    Disagree,
    /// Neither
    Neutral,
    /// It is probably right
    Agree,
    /// It is right
    StronglyAgree,
}

impl Opinion {
    /// The name in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StronglyDisagree => "strongly-disagree",
            Self::Disagree => "disagree",
            Self::Neutral => "neutral",
            Self::Agree => "agree",
            Self::StronglyAgree => "strongly-agree",
        }
    }
}
