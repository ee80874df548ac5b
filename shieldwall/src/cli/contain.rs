//! Commands that block: proposals, approvals, what is in place, and the way back.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Node;
use super::trust::Opener;

/// When it ends: one of these. Every block has an end.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct End {
    /// When it ends, such as 2026-12-01T12:00:00Z; at most 30 days away
    #[arg(long, value_name = "TIMESTAMP")]
    pub until: Option<String>,
    /// How long it lasts from now, such as 90m, 24h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    pub lasting: Option<u64>,
}

/// Seconds of a time such as `24h`.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time; write it like 90m, 24h or 7d");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count = text.strip_suffix(unit).and_then(|count| count.parse::<u64>().ok()).ok_or_else(wrong)?;
    count.checked_mul(each).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

/// What is to be blocked.
#[derive(Debug, Clone, Args)]
pub struct NewLease {
    #[command(flatten)]
    pub node: Node,
    /// Addresses, networks, names, URLs or hashes; defanged is fine
    #[arg(value_name = "VALUE", required_unless_present = "objects")]
    pub values: Vec<String>,
    /// An indicator whose values are meant; may be repeated. They are blocked no longer than it may be used
    #[arg(long = "object", value_name = "ID")]
    pub objects: Vec<String>,
    /// What for: whoever approves reads it
    #[arg(long)]
    pub purpose: String,
    /// Where: an actuator in the node's rules; may be repeated
    #[arg(long = "actuator", value_name = "NAME", required = true)]
    pub actuators: Vec<String>,
    #[command(flatten)]
    pub end: End,
    /// Go on with the others when some must not, or cannot, be blocked
    #[arg(long)]
    pub keep_rest: bool,
}

#[derive(Debug, Subcommand)]
pub enum Contain {
    /// Propose to block something for a time; nothing is blocked before a dry run and approvals
    Propose(NewLease),
    /// Show leases, those that are not over first
    List {
        #[command(flatten)]
        node: Node,
        /// Leases at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one: what it blocks, its dry run, who approved it, what is in place, and what was done
    Show {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
    },
    /// Write the exact bytes that officers elsewhere approve with `agreement approve`
    Statement {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// File to write; standard output unless said
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Approve one, or its extension: as officers with key files. Where the node has no keys whoever is at its machine
    /// approves as one person, and others with their accounts
    Approve {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// Key files of our officers
        #[arg(long = "officer", value_name = "FILE")]
        officers: Vec<PathBuf>,
        /// Files with approvals made elsewhere by `agreement approve`
        #[arg(long = "approval", value_name = "FILE")]
        approvals: Vec<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Refuse one, or its extension
    Refuse {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End one before its time; what is in place is taken away. One person is enough
    Withdraw {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Ask for a later end; it takes new approvals
    Extend {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        #[command(flatten)]
        end: End,
    },
    /// Let actuators that gave up try again, and tell the others again what they hold
    Retry {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
    },
    /// Write what one blocks for something that this node does not reach
    Export {
        #[command(flatten)]
        node: Node,
        /// Its number, or the beginning of it
        id: String,
        /// What it is written as
        #[arg(long, value_parser = ["plain", "json", "nftables", "suricata", "rpz", "sigma", "openc2"])]
        format: String,
        /// Number of the first rule, for suricata; unless said it depends on the lease
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        first_sid: Option<u32>,
        /// File to write; standard output unless said
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

impl Contain {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Propose(new) => &new.node,
            Self::List { node, .. }
            | Self::Show { node, .. }
            | Self::Statement { node, .. }
            | Self::Approve { node, .. }
            | Self::Refuse { node, .. }
            | Self::Withdraw { node, .. }
            | Self::Extend { node, .. }
            | Self::Retry { node, .. }
            | Self::Export { node, .. } => node,
        }
    }
}
