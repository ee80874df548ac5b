//! What is to be blocked, in the words of the things that block it.
//!
//! A [`BlockSet`] is a list of observables, each with the instant at which its block ends. [`export`] writes it as a
//! plain list, as JSON, for nftables, Suricata and response policy zones, as Sigma rules so that others can look for
//! the same, and as OpenC2 commands; [`read_nft`] reads back what nftables holds.
//!
//! ```text
//! BlockSet ─► export ─► Export { text, written, skipped }
//!                                              └─ every item that the format cannot express, and why
//! ```
//!
//! **Invariant:** every item of a set is either written or in [`Export::skipped`] with its reason; nothing that an
//! observable's text holds becomes anything but a value in what is written; no written block outlasts its item, where
//! the format has words for time.
//!
//! **Must not know:** files, processes, HTTP, clocks, who approved a block or why. Time is an argument.

mod nft;
mod openc2;
mod plain;
mod rpz;
mod set;
mod sigma;
mod suricata;

use std::fmt;
use std::str::FromStr;

use model::Timestamp;

pub use nft::{NFT_TABLE, NftBlock, NftError, NftState, nft, nft_remove, read_nft};
pub use openc2::{
    Command, MEDIA_TYPE, Response, ResponseError, commands, delete, message, openc2, query, read_response,
};
pub use plain::{json, plain};
pub use rpz::{RpzAction, RpzOptions, rpz};
pub use set::{BlockItem, BlockSet, Export, Handle, MAX_ITEMS, Skipped, Why, usable};
pub use sigma::sigma;
pub use suricata::{SuricataAction, SuricataOptions, suricata};

/// What a set can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// One value a line: for firewalls, proxies and resolvers that fetch lists.
    Plain,
    /// Everything that is known of each item: for programs of one's own.
    Json,
    /// nftables' JSON, for `nft -j -f -`.
    Nftables,
    /// Suricata rules.
    Suricata,
    /// A DNS response policy zone.
    Rpz,
    /// Sigma rules.
    Sigma,
    /// OpenC2 commands.
    OpenC2,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::Json, Self::Nftables, Self::Suricata, Self::Rpz, Self::Sigma, Self::OpenC2];

    /// Its name on the command line and in configurations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Nftables => "nftables",
            Self::Suricata => "suricata",
            Self::Rpz => "rpz",
            Self::Sigma => "sigma",
            Self::OpenC2 => "openc2",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is not a format for block sets; there are {known}")
        })
    }
}

/// What some formats need to know beside the set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// For Suricata.
    pub suricata: SuricataOptions,
    /// For response policy zones.
    pub rpz: RpzOptions,
}

/// Writes a set in a format, as of `now`. Items whose time is over are skipped.
#[must_use]
pub fn export(format: Format, set: &BlockSet, now: Timestamp, options: &Options) -> Export {
    match format {
        Format::Plain => plain(set, now),
        Format::Json => json(set, now),
        Format::Nftables => nft(set, now),
        Format::Suricata => suricata(set, now, &options.suricata),
        Format::Rpz => rpz(set, now, &options.rpz),
        Format::Sigma => sigma(set, now),
        Format::OpenC2 => openc2(set, now),
    }
}
