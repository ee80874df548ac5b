//! Commands about releases to clients without a node.

use std::path::PathBuf;

use clap::Subcommand;

use super::Node;
use super::trust::Opener;

#[derive(Debug, Subcommand)]
pub enum Release {
    /// Write out the exact bytes of a release, for officers to approve; nothing is kept
    New {
        #[command(flatten)]
        node: Node,
        /// What the client is called
        #[arg(long)]
        client: String,
        /// Id of the client's token, of a user with the role follower
        #[arg(long, value_name = "ID")]
        token: String,
        /// A collection it may read
        #[arg(long = "collection", required = true, value_name = "NAME")]
        collections: Vec<String>,
        /// Only objects of these types
        #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
        types: Vec<String>,
        /// The most sensitive handling it is given, such as green or amber
        #[arg(long, value_name = "LABEL")]
        ceiling: String,
        /// What becomes of personal data: refuse or redact
        #[arg(long, default_value = "refuse")]
        personal: String,
        /// What for, such as detection
        #[arg(long)]
        purpose: String,
        /// When it begins; at once unless said
        #[arg(long, value_name = "TIMESTAMP")]
        from: Option<String>,
        /// Days it lasts, counted from now
        #[arg(long, default_value_t = 90, value_name = "DAYS", conflicts_with = "until")]
        days: u32,
        /// When it ends
        #[arg(long, value_name = "TIMESTAMP")]
        until: Option<String>,
        /// File to write instead of standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Sign a release with officers' key files: two officers, or one where there is only one
    Sign {
        #[command(flatten)]
        node: Node,
        /// The bytes, as `release new` wrote them
        file: PathBuf,
        /// Key files of our officers
        #[arg(long = "officer", value_name = "FILE")]
        officers: Vec<PathBuf>,
        /// Files with approvals made elsewhere by `agreement approve`
        #[arg(long = "approval", value_name = "FILE")]
        approvals: Vec<PathBuf>,
        #[command(flatten)]
        opener: Opener,
    },
    /// Show releases
    List {
        #[command(flatten)]
        node: Node,
    },
    /// Show one
    Show {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        release: String,
    },
    /// End a release, at once
    End {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        release: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Say why the client may have an object, or not
    Explain {
        #[command(flatten)]
        node: Node,
        /// Its id, or the beginning of it
        release: String,
        /// STIX id
        object: String,
    },
}

impl Release {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::New { node, .. }
            | Self::Sign { node, .. }
            | Self::List { node }
            | Self::Show { node, .. }
            | Self::End { node, .. }
            | Self::Explain { node, .. } => node,
        }
    }
}
