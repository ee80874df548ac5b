//! Commands about logs: where they come from, what matched in them, and what is kept of them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Node;
use super::detect::Severity;

#[derive(Debug, Subcommand)]
pub enum LogSource {
    /// Show log sources, what each has brought and its last error
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Read a file, a folder or the network, or take in what is sent
    Add(NewLogSource),
    /// Stop reading one for good; its alerts and what was kept stay
    Remove {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Stop reading one for now
    Pause {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Go on reading where it was left
    Resume {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
    },
    /// Send logs to a log source of kind `push`, and wait until they are dealt with
    Push {
        #[command(flatten)]
        node: Node,
        /// Its name
        name: String,
        /// Log files, folders of them, or `-` for standard input; packed with gzip or zstd or not
        #[arg(required = true, value_name = "LOG")]
        files: Vec<PathBuf>,
    },
}

/// A log source to be added.
#[derive(Debug, Args)]
pub struct NewLogSource {
    #[command(flatten)]
    pub node: Node,
    /// Its name, [a-z0-9-]+
    pub name: String,
    /// file, syslog-udp, syslog-tcp, syslog-tls, stdin, or push for what is sent with `log-source push`
    #[arg(long)]
    pub kind: String,
    /// For kind file: a file, a folder, or files such as '/var/log/zeek/*.log'
    #[arg(long)]
    pub path: Option<PathBuf>,
    /// For syslog: address and port to listen at; a port alone is reached from this machine only
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Format of its records, such as eve-json; found out unless said
    #[arg(long)]
    pub format: Option<String>,
    /// Further configuration as KEY=VALUE, such as keep=false or zone=60; lists and tables are written as JSON
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
    /// Wait so long for the first records, to say how they fare
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub wait: u64,
}

impl LogSource {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Add(new) => &new.node,
            Self::List { node }
            | Self::Remove { node, .. }
            | Self::Pause { node, .. }
            | Self::Resume { node, .. }
            | Self::Push { node, .. } => node,
        }
    }
}

/// Alerts; without a command they are listed.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Alerts {
    #[command(subcommand)]
    pub command: Option<AlertCommand>,
    #[command(flatten)]
    pub list: AlertList,
}

#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// List alerts, newest first
    List(AlertList),
    /// Show one, with its evidence
    Show {
        #[command(flatten)]
        node: Node,
        /// Its number
        number: u64,
    },
    /// Close one; when the same matches again, it is open again
    Close {
        #[command(flatten)]
        node: Node,
        /// Its number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Which alerts.
#[derive(Debug, Clone, Args)]
pub struct AlertList {
    #[command(flatten)]
    pub node: Node,
    /// Only those of this level or above
    #[arg(long, value_enum)]
    pub level: Option<Severity>,
    /// Only those of this rule
    #[arg(long, value_name = "ID")]
    pub rule: Option<String>,
    /// Only those by this object
    #[arg(long, value_name = "ID")]
    pub object: Option<String>,
    /// Only those raised last at or after this instant
    #[arg(long, value_name = "TIMESTAMP")]
    pub since: Option<String>,
    /// Also those that were closed
    #[arg(long)]
    pub all: bool,
    /// Only those before this number: the last one of the page before
    #[arg(long, value_name = "NUMBER")]
    pub before: Option<u64>,
    /// Alerts at most
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

impl Alerts {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match &self.command {
            None => &self.list.node,
            Some(AlertCommand::List(list)) => &list.node,
            Some(AlertCommand::Show { node, .. } | AlertCommand::Close { node, .. }) => node,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Telemetry {
    /// Show what is kept, of which log source, from when until when, and under which holds
    Status {
        #[command(flatten)]
        node: Node,
    },
    /// Put kept events under a legal hold: they are not removed, however old they become
    Hold {
        #[command(flatten)]
        node: Node,
        /// What it is called, such as the number of a case
        name: String,
        /// Only what happened from this instant on
        #[arg(long, value_name = "TIMESTAMP")]
        from: Option<String>,
        /// Only what happened before this instant
        #[arg(long, value_name = "TIMESTAMP")]
        until: Option<String>,
        /// Only of this log source; may be repeated
        #[arg(long = "source", value_name = "NAME")]
        sources: Vec<String>,
    },
    /// Lift a legal hold
    Release {
        #[command(flatten)]
        node: Node,
        /// What it is called
        name: String,
    },
    /// Write what waits into files now
    Flush {
        #[command(flatten)]
        node: Node,
    },
}

impl Telemetry {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Status { node }
            | Self::Hold { node, .. }
            | Self::Release { node, .. }
            | Self::Flush { node } => node,
        }
    }
}
