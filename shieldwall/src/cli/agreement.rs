//! Commands about agreements: texts, signatures, acts, previews, explanations, proofs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Node;
use super::trust::Opener;

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
        /// The text (TOML), or the id of an agreement for what was put forward
        text: PathBuf,
        /// With an id: the version; the newest unless said
        #[arg(long)]
        version: Option<String>,
        /// Print the policy too
        #[arg(long)]
        policy: bool,
    },
    /// Show what a text would newly expose or withdraw, by replay over everything held
    Diff {
        #[command(flatten)]
        node: Node,
        /// The text (TOML), or the id of an agreement for what was put forward
        text: PathBuf,
        /// With an id: the version; the newest unless said
        #[arg(long)]
        version: Option<String>,
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
        /// The request it answers: its id, or the beginning of it
        #[arg(long, value_name = "REQUEST")]
        answers: Option<String>,
    },
    /// Ask a peer for an agreement
    Request {
        #[command(flatten)]
        node: Node,
        /// What it is called here
        peer: String,
        /// What for
        #[arg(long)]
        reason: String,
        /// A text to begin from (TOML)
        #[arg(long, value_name = "FILE")]
        text: Option<PathBuf>,
    },
    /// Show requests for agreements, ours and others'
    Requests {
        #[command(flatten)]
        node: Node,
    },
    /// Show agreements
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Show one: what may flow, who has signed, what is missing, what will stop
    Show {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// Print the whole text (TOML) of a version instead
        #[arg(long)]
        text: bool,
        /// The version; all unless said, and for --text the newest
        #[arg(long)]
        version: Option<String>,
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
        #[command(flatten)]
        officers: Officers,
    },
    /// Write out the exact bytes that officers approve
    Approval {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// What they are to approve
        #[arg(long, value_enum, default_value_t = Approved::Agree)]
        act: Approved,
        /// The version; the newest unless said
        #[arg(long)]
        version: Option<String>,
        /// For `admit`: the party that asked to join
        #[arg(long, value_name = "PEER")]
        party: Option<String>,
        #[command(flatten)]
        member: Member,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Approve exact bytes with a key file, and say what they are; needs no node
    Approve {
        /// The bytes, as `agreement approval`, `release new` or `--bytes` wrote them
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
    /// End our own suspension
    Resume {
        #[command(flatten)]
        act: Act,
        #[command(flatten)]
        officers: Officers,
    },
    /// Take back our signature of a version or membership that was not verified yet
    Retract {
        #[command(flatten)]
        act: Act,
        /// The version or membership; the newest version unless said
        #[arg(long)]
        version: Option<String>,
    },
    /// Show a circle to a peer, so that it can ask to join
    Introduce {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// What the peer is called here
        peer: String,
    },
    /// Ask to join a circle that a member has shown to us
    Join {
        #[command(flatten)]
        act: Act,
        #[command(flatten)]
        member: Member,
        #[command(flatten)]
        officers: Officers,
    },
    /// Admit a party to a circle, or sign that another has been admitted
    Admit {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        agreement: String,
        /// The party that asked to join; the newest membership that we have not signed unless said
        party: Option<String>,
        #[command(flatten)]
        officers: Officers,
    },
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
        /// A TLP level, and after commas what else is claimed: `amber,pap:amber`. Without PAP it is left aside
        #[arg(long)]
        ceiling: String,
        /// Given by this party alone: a peer's name, or a party id
        #[arg(long, value_name = "PARTY")]
        from: Option<String>,
        /// Given to this party alone
        #[arg(long, value_name = "PARTY")]
        to: Option<String>,
        /// Personal data are above it too
        #[arg(long)]
        personal: bool,
        /// It is to hold even in an emergency
        #[arg(long)]
        emergencies: bool,
    },
}

/// What officers approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Approved {
    /// Sign a version
    Agree,
    /// End our own suspension
    Resume,
    /// Ask to join a circle
    Join,
    /// Admit a party to a circle
    Admit,
}

/// Whose signatures an act bears.
#[derive(Debug, Clone, Args)]
pub struct Officers {
    /// Key files of our officers
    #[arg(long = "officer", value_name = "FILE")]
    pub keys: Vec<PathBuf>,
    /// Files with approvals made elsewhere by `agreement approve`
    #[arg(long = "approval", value_name = "FILE")]
    pub approvals: Vec<PathBuf>,
    #[command(flatten)]
    pub opener: Opener,
}

/// What a circle is to know of a party that joins it.
#[derive(Debug, Clone, Args)]
pub struct Member {
    /// For joining: what the circle is to call us, `[a-z0-9-]+`
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// For joining: what we are with regard to personal data: controller, joint-controller or processor
    #[arg(long, default_value = "controller")]
    pub role: String,
    /// For joining: posts whose holders sign for us
    #[arg(long = "post", default_value = "RELEASE_OFFICER")]
    pub posts: Vec<String>,
    /// For joining: how many different persons must sign for us
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub must_sign: u32,
    /// For joining: out of how many
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub out_of: u32,
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
            | Self::Request { node, .. }
            | Self::Requests { node }
            | Self::Introduce { node, .. }
            | Self::Admit { node, .. }
            | Self::Resume { act: Act { node, .. }, .. }
            | Self::Retract { act: Act { node, .. }, .. }
            | Self::Join { act: Act { node, .. }, .. }
            | Self::Suspend(Act { node, .. })
            | Self::End(Act { node, .. })
            | Self::Leave(Act { node, .. })
            | Self::Explain { node, .. }
            | Self::Prove { node, .. } => node,
        })
    }
}
