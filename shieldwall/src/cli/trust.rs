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
        /// File with the next epoch's key, when it was moved away from the node's `keys` folder
        #[arg(long, value_name = "FILE")]
        next_key: Option<PathBuf>,
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
        /// For whom the person stands in: that person's id
        #[arg(long, value_name = "PERSON")]
        deputy_of: Option<String>,
        /// The deputy's approval counts as one of a person who holds the post
        #[arg(long, requires = "deputy_of")]
        counts: bool,
        #[command(flatten)]
        opener: Opener,
    },
    /// End an appointment before its time
    Dismiss {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// Your id for the person: ends every appointment of theirs that holds
        #[arg(long)]
        person: String,
        /// Only appointments to this post
        #[arg(long)]
        post: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        opener: Opener,
    },
    /// Replace the root keys, or commit to another next epoch key
    Roots {
        #[command(flatten)]
        node: Node,
        /// Files of the root keys until now, as many as must sign
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        /// Files of the root keys from now on, all of them; the same as before unless said
        #[arg(long = "new-root", value_name = "FILE")]
        new_roots: Vec<PathBuf>,
        /// How many of them must sign from now on; all new ones, or as before, unless said
        #[arg(long, value_name = "M")]
        threshold: Option<usize>,
        /// Make another next epoch key: the one that was committed to is lost, or in other hands
        #[arg(long)]
        new_next: bool,
        #[command(flatten)]
        opener: Opener,
    },
    /// Change the STIX identities the party speaks for
    Identities {
        #[command(flatten)]
        node: Node,
        /// Identities to add
        #[arg(long, value_name = "ID")]
        add: Vec<String>,
        /// Identities to remove
        #[arg(long, value_name = "ID")]
        remove: Vec<String>,
    },
    /// Go on as the same party when the node's keys are lost and its store is not
    Recover {
        #[command(flatten)]
        node: Node,
        /// Root key files
        #[arg(long = "root", required = true, value_name = "FILE")]
        roots: Vec<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Change what opens the node's keys; the node must not be running
    Passphrase {
        #[command(flatten)]
        node: Node,
        /// File whose first line opens them now; without one a key beside them does
        #[arg(long, value_name = "FILE", env = "SHIELDWALL_KEYS_PASSPHRASE_FILE", hide_env_values = true)]
        keys_passphrase_file: Option<PathBuf>,
        /// File whose first line is to open them; asked for on the terminal otherwise
        #[arg(long, value_name = "FILE", conflicts_with = "none")]
        new_passphrase_file: Option<PathBuf>,
        /// No passphrase: a key beside them opens them, and the node starts by itself
        #[arg(long)]
        none: bool,
        /// File with the next epoch's key, when it was moved away from the node's `keys` folder
        #[arg(long, value_name = "FILE")]
        next_key: Option<PathBuf>,
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
        /// File for the answer, when it does not go by itself; beside the invitation unless said, `-` for standard output
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
        /// File for our answer in turn; beside the other unless said, `-` for standard output
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
    /// Call it something else here
    Rename {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// What it is to be called, [a-z0-9-]+
        new_name: String,
    },
    /// Note something about it, such as whom to call
    Note {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// The note; empty removes it
        text: String,
    },
    /// Compare what a peer holds with what it was given: it is given again what it lacks, and what it should not have is
    /// taken back
    Compare {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
    },
    /// End the pairing: nothing new flows at once, and what is owed is settled first
    End {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        name: String,
        /// Why; the other side is told
        #[arg(long)]
        reason: String,
        /// Do not wait for withdrawals and erasures, and do not tell the other side
        #[arg(long)]
        at_once: bool,
    },
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
            Self::Create { .. } | Self::Passphrase { .. } => return None,
            Self::Establish { node, .. }
            | Self::Show { node }
            | Self::Events { node }
            | Self::Rotate { node, .. }
            | Self::Revoke { node, .. }
            | Self::Appoint { node, .. }
            | Self::Dismiss { node, .. }
            | Self::Roots { node, .. }
            | Self::Identities { node, .. }
            | Self::Recover { node, .. }
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
            | Self::Rename { node, .. }
            | Self::Note { node, .. }
            | Self::Compare { node, .. }
            | Self::End { node, .. } => node,
        }
    }
}
