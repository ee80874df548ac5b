//! Commands about other parties: keys, peers, agreements, what went out and how it is taken back.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Node;

/// How a key file is opened.
#[derive(Debug, Clone, Args)]
pub struct Opener {
    /// File whose first line is the passphrase; asked for on the terminal otherwise
    #[arg(long, value_name = "FILE", env = "SHIELDWALL_PASSPHRASE_FILE", hide_env_values = true)]
    pub passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a root key or a person's key, sealed with a passphrase; needs no node and belongs offline
    Create {
        /// File to write; the public key goes beside it, with `.pub` at the end
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        opener: Opener,
    },
    /// Make the node's own keys and its party, vouched for by root keys
    Establish {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// How many of them must sign from now on; all unless said
        #[arg(long, value_name = "M")]
        threshold: Option<usize>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Show the node's party and keys
    Show {
        #[command(flatten)]
        node: Node,
    },
    /// Print the whole key history, which verifies itself
    Events {
        #[command(flatten)]
        node: Node,
    },
    /// Begin the next epoch; root keys are needed only when the current epoch key is expired or revoked
    Rotate {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", value_name = "FILE")]
        roots: Vec<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Take an epoch key's word away
    Revoke {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// The key's id; the current one unless said
        #[arg(long, value_name = "ID")]
        key: Option<String>,
        /// compromised, lost or retired
        #[arg(long)]
        reason: String,
        /// A line for people
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        opener: Opener,
    },
    /// Appoint a person to a post
    Appoint {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// The post, such as RELEASE_OFFICER
        #[arg(long)]
        post: String,
        /// Your id for the person, the same in all their appointments
        #[arg(long)]
        person: String,
        /// What people call them
        #[arg(long)]
        name: String,
        /// File with the person's public key
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// Days the appointment holds
        #[arg(long, default_value_t = 365, value_name = "DAYS")]
        days: u32,
        #[command(flatten)]
        opener: Opener,
    },
    /// Show appointments
    Officers {
        #[command(flatten)]
        node: Node,
    },
}

#[derive(Debug, Subcommand)]
pub enum Peer {
    /// Show other parties' nodes
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Show one, with the words to compare
    Show {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
    },
    /// Write an invitation to hand over
    Invite {
        #[command(flatten)]
        node: Node,
        /// Where our peer port is reached, `https://host:port`
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// Hours it is good for
        #[arg(long, default_value_t = 24, value_name = "HOURS")]
        hours: u32,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Accept somebody's invitation
    Accept {
        #[command(flatten)]
        node: Node,
        /// The invitation
        file: PathBuf,
        /// What to call the peer here
        #[arg(long)]
        name: Option<String>,
        /// Where our peer port is reached, `https://host:port`
        #[arg(long, value_name = "URL")]
        endpoint: Option<String>,
        /// File for the answer, when it does not go by itself
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take in the answer to an invitation or acceptance of ours
    Answer {
        #[command(flatten)]
        node: Node,
        /// The answer
        file: PathBuf,
        /// What to call the peer here
        #[arg(long)]
        name: Option<String>,
        /// File for our answer in turn
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Confirm that the other side read out the same words
    Confirm {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// The six words the other side read out
        #[arg(long)]
        words: String,
    },
    /// Say where a peer is reached from now on
    Endpoint {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// `https://host:port`; without it, files only
        endpoint: Option<String>,
    },
    /// End the pairing, at once and alone
    End {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Agreement {
    /// Show ready-made texts
    Templates {
        #[command(flatten)]
        node: Node,
    },
    /// Fill a ready-made text in
    New {
        #[command(flatten)]
        node: Node,
        /// Name of the template
        template: String,
        /// Values as NAME=VALUE
        #[arg(long = "set", value_name = "NAME=VALUE")]
        values: Vec<String>,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check a text and show the policy it compiles to
    Check {
        #[command(flatten)]
        node: Node,
        /// The text (TOML)
        file: PathBuf,
        /// Print the policy too
        #[arg(long)]
        policy: bool,
    },
    /// Show what a text would newly expose or withdraw, by replay over everything held
    Diff {
        #[command(flatten)]
        node: Node,
        /// The text (TOML)
        file: PathBuf,
        /// Objects to list at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Put a text forward
    Propose {
        #[command(flatten)]
        node: Node,
        /// The text (TOML)
        file: PathBuf,
        /// For the other side
        #[arg(long)]
        reason: Option<String>,
    },
    /// Show agreements
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Show one: who has signed, what is missing, what will stop
    Show {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
    },
    /// Sign a version with officers' key files
    Sign {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// The version; the newest unless said
        #[arg(long)]
        version: Option<String>,
        /// Key files of our officers
        #[arg(long = "officer", value_name = "FILE")]
        officers: Vec<PathBuf>,
        /// Files with approvals made elsewhere by `agreement approve`
        #[arg(long = "approval", value_name = "FILE")]
        approvals: Vec<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Write out the exact bytes that officers approve
    Approval {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// The version; the newest unless said
        #[arg(long)]
        version: Option<String>,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Approve exact bytes with a key file; needs no node
    Approve {
        /// The bytes, as `agreement approval` wrote them
        file: PathBuf,
        /// Key file of the officer
        #[arg(long, value_name = "FILE")]
        officer: PathBuf,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Suspend an agreement, for our part
    Suspend(Act),
    /// End an agreement, alone and at once
    End(Act),
    /// Leave a circle, at once
    Leave(Act),
    /// Say why a party may have an object, or not, and the smallest consent that would allow it
    Explain {
        #[command(flatten)]
        node: Node,
        /// STIX id
        object: String,
        /// Name of the peer, or a party id
        party: String,
    },
    /// Prove that nothing above a ceiling can flow, or show a counterexample
    Prove {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// A TLP level
        #[arg(long)]
        ceiling: String,
    },
}

/// One act on an agreement.
#[derive(Debug, Clone, Args)]
pub struct Act {
    #[command(flatten)]
    pub node: Node,
    /// Its id, or the beginning of it
    pub agreement: String,
    /// Why
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Make an oversight report: figures and their proofs, no content
    Report {
        #[command(flatten)]
        node: Node,
        /// File to write; what it is verified with goes beside it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Verify a report; needs no node
    Verify {
        /// The report
        file: PathBuf,
        /// The party's key history; FILE.history unless said
        #[arg(long, value_name = "FILE")]
        history: Option<PathBuf>,
        /// Verifier keys of the witnesses that are trusted, one a line; FILE.witnesses unless said
        #[arg(long, value_name = "FILE")]
        witnesses: Option<PathBuf>,
        /// How many of them must have cosigned
        #[arg(long, default_value_t = 1)]
        quorum: usize,
    },
}

#[derive(Debug, Subcommand)]
pub enum Review {
    /// Show what waits for a release officer
    List {
        #[command(flatten)]
        node: Node,
        /// Also those that were decided
        #[arg(long)]
        all: bool,
    },
    /// Let it go as it is
    Release {
        #[command(flatten)]
        node: Node,
        /// Its number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Keep it here
    Withhold {
        #[command(flatten)]
        node: Node,
        /// Its number
        number: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Courier {
    /// Write files for a peer that is reached by files
    Export {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        peer: String,
        /// Folder for the files
        #[arg(long, value_name = "DIR", default_value = ".")]
        into: PathBuf,
        /// Entries before the last that was exported, written once more
        #[arg(long, default_value_t = 0)]
        repeat: u64,
        /// Bytes of one file at most
        #[arg(long)]
        cap: Option<u64>,
    },
    /// Take in files from a peer
    Import {
        #[command(flatten)]
        node: Node,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

impl Key {
    /// The node that is called, for commands that call one.
    pub const fn node(&self) -> Option<&Node> {
        Some(match self {
            Self::Create { .. } => return None,
            Self::Establish { node, .. }
            | Self::Show { node }
            | Self::Events { node }
            | Self::Rotate { node, .. }
            | Self::Revoke { node, .. }
            | Self::Appoint { node, .. }
            | Self::Officers { node } => node,
        })
    }
}

impl Peer {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::List { node }
            | Self::Show { node, .. }
            | Self::Invite { node, .. }
            | Self::Accept { node, .. }
            | Self::Answer { node, .. }
            | Self::Confirm { node, .. }
            | Self::Endpoint { node, .. }
            | Self::End { node, .. } => node,
        }
    }
}

impl Agreement {
    /// The node that is called, for commands that call one.
    pub const fn node(&self) -> Option<&Node> {
        Some(match self {
            Self::Approve { .. } => return None,
            Self::Templates { node }
            | Self::New { node, .. }
            | Self::Check { node, .. }
            | Self::Diff { node, .. }
            | Self::Propose { node, .. }
            | Self::List { node }
            | Self::Show { node, .. }
            | Self::Sign { node, .. }
            | Self::Approval { node, .. }
            | Self::Suspend(Act { node, .. })
            | Self::End(Act { node, .. })
            | Self::Leave(Act { node, .. })
            | Self::Explain { node, .. }
            | Self::Prove { node, .. } => node,
        })
    }
}
