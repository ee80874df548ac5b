//! Commands that mute an indicator, or the rule that one holds, and end that.

use clap::{Args, Subcommand};

use super::Node;

/// What is muted, why, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Mute {
    #[command(flatten)]
    pub node: Node,
    /// STIX id of the indicator that alerts name
    pub id: String,
    /// Why
    #[arg(long)]
    pub reason: String,
    /// When it ends by itself; left out, somebody has to end it
    #[arg(long, value_name = "TIMESTAMP")]
    pub until: Option<String>,
}

/// What is muted no more, and why.
#[derive(Debug, Clone, Args)]
pub struct Unmute {
    #[command(flatten)]
    pub node: Node,
    /// STIX id of the indicator
    pub id: String,
    /// Why
    #[arg(long)]
    pub reason: String,
}

#[derive(Debug, Subcommand)]
pub enum Mutes {
    /// Let an indicator, or the rule that it holds, raise no alerts here for a while; nothing is deleted
    Mute(Mute),
    /// End a mute; what was kept meanwhile is looked through
    Unmute(Unmute),
    /// Show what is muted, why and until when
    Muted {
        #[command(flatten)]
        node: Node,
    },
}

impl Mutes {
    /// The node that is called.
    pub const fn node(&self) -> &Node {
        match self {
            Self::Mute(Mute { node, .. }) | Self::Unmute(Unmute { node, .. }) | Self::Muted { node } => node,
        }
    }
}
