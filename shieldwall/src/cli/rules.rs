//! Commands about the node's own rules.

use std::path::PathBuf;

use clap::Subcommand;

use super::Node;

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Show the rules in force
    Show {
        #[command(flatten)]
        node: Node,
    },
    /// Check a text, and show the policies its caveats compile to; changes nothing
    Check {
        #[command(flatten)]
        node: Node,
        /// TOML; `-` is standard input
        file: PathBuf,
    },
    /// Show what a text would newly expose or withdraw, under each agreement in force; changes nothing
    Diff {
        #[command(flatten)]
        node: Node,
        /// TOML; `-` is standard input
        file: PathBuf,
        /// Objects to list at most
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Set the rules, as a whole and at once
    Set {
        #[command(flatten)]
        node: Node,
        /// TOML; `-` is standard input
        file: PathBuf,
        /// Why
        #[arg(long)]
        reason: String,
    },
}
