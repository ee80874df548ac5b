//! Commands about the terms of agreements: how they stand, emergencies, requests to originators, notice.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Node;
use super::agreement::Act;
use super::trust::Opener;

#[derive(Debug, Subcommand)]
pub enum Sharing {
    /// Show what has flowed and what waits, what will stop, what is kept too long, and how many witnesses cosigned
    Status {
        #[command(flatten)]
        node: Node,
    },
    /// Give notice: everything flows until it is over, then the node ends the agreement or leaves the circle
    Notice(Act),
}

/// Who signs.
#[derive(Debug, Clone, Args)]
pub struct Officers {
    /// Key files of our officers
    #[arg(long = "officer", value_name = "FILE")]
    pub officers: Vec<PathBuf>,
    /// Write the exact bytes to approve to FILE and stop: officers sign them with `agreement approve`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["officers", "approved", "approvals"])]
    pub bytes: Option<PathBuf>,
    /// The bytes that were approved elsewhere, as `--bytes` wrote them
    #[arg(long, value_name = "FILE", requires = "approvals")]
    pub approved: Option<PathBuf>,
    /// Files with approvals made elsewhere by `agreement approve`
    #[arg(long = "approval", value_name = "FILE", requires = "approved")]
    pub approvals: Vec<PathBuf>,
    #[command(flatten)]
    pub opener: Opener,
}

#[derive(Debug, Subcommand)]
pub enum BreakGlass {
    /// Show uses of emergency clauses
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Declare an emergency: more may flow under the emergency clause, from now on, until it ends by itself
    Declare {
        #[command(flatten)]
        node: Node,
        /// The agreement's id, or the beginning of it
        agreement: String,
        /// Names of the peers that may be given more; all whom the clause names unless said
        #[arg(long = "to", value_name = "PEER")]
        to: Vec<String>,
        /// Why; with --approved it is the one that was approved
        #[arg(long, required_unless_present = "approved")]
        reason: Option<String>,
        /// Although an emergency that we declared under it has not ended yet
        #[arg(long)]
        again: bool,
        #[command(flatten)]
        officers: Officers,
    },
    /// Sign the report that a use asks for
    Report {
        #[command(flatten)]
        node: Node,
        /// The declaration, or the beginning of it
        declaration: String,
        /// What the review came to; with --approved it is what was approved
        #[arg(long, value_enum, required_unless_present = "approved")]
        outcome: Option<ReviewOutcome>,
        /// What happened and why it was needed; with --approved it is what was approved
        #[arg(long, required_unless_present = "approved")]
        report: Option<String>,
        #[command(flatten)]
        officers: Officers,
    },
}

/// What the review of an emergency came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReviewOutcome {
    /// It was needed
    Justified,
    /// It was not
    NotJustified,
}

impl ReviewOutcome {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::NotJustified => "not-justified",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Orcon {
    /// Show requests to originators, ours and those to us
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Ask an object's originator to let it go to a party
    Request {
        #[command(flatten)]
        node: Node,
        /// STIX id
        id: String,
        /// Name of the peer it would go to, or a party id
        #[arg(long)]
        to: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Let it go
    Grant(Answer),
    /// Keep it from going; an earlier yes ends with it
    Refuse(Answer),
}

/// An answer to a request.
#[derive(Debug, Clone, Args)]
pub struct Answer {
    #[command(flatten)]
    pub node: Node,
    /// The request, or the beginning of it
    pub request: String,
    /// Why; with --approved it is the one that was approved
    #[arg(long, required_unless_present = "approved")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub officers: Officers,
}

impl Sharing {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Status { node } | Self::Notice(Act { node, .. }) => node,
        }
    }
}

impl BreakGlass {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::List { node } | Self::Declare { node, .. } | Self::Report { node, .. } => node,
        }
    }
}

impl Orcon {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::List { node }
            | Self::Request { node, .. }
            | Self::Grant(Answer { node, .. })
            | Self::Refuse(Answer { node, .. }) => node,
        }
    }
}
