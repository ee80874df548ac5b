//! Which stream, how far, and what sort of entry.

use std::fmt;

use model::{AgreementId, Digest, PartyId};

use crate::read::{Malformed, Members, push_hex};

/// The largest number that stands in signed text: RFC 8785 numbers are doubles, exact up to 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// One sender's stream to one receiver under one agreement, in one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Who sends.
    pub from: PartyId,
    /// Who receives.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Starts at 1; a sender that was restored from a backup starts the next, so that no number is used twice.
    pub epoch: u32,
}

impl StreamId {
    /// The same stream in another epoch.
    #[must_use]
    pub const fn at_epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// Whether both are the same stream, whatever the epoch.
    #[must_use]
    pub fn same_parties(&self, other: &Self) -> bool {
        self.at_epoch(0) == other.at_epoch(0)
    }

    /// Reads the members `agreement`, `epoch`, `from` and `to`.
    pub(crate) fn read(members: &Members<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            from: PartyId(members.digest("from")?),
            to: PartyId(members.digest("to")?),
            agreement: AgreementId(members.digest("agreement")?),
            epoch: members.small("epoch")?,
        })
    }

    pub(crate) fn push_agreement(&self, out: &mut String) {
        push_hex("agreement", &self.agreement.0, out);
    }

    pub(crate) fn push_from(&self, out: &mut String) {
        push_hex("from", &self.from.0, out);
    }

    pub(crate) fn push_to(&self, out: &mut String) {
        push_hex("to", &self.to.0, out);
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} → {} under {}, epoch {}",
            self.from.0.short(),
            self.to.0.short(),
            self.agreement.0.short(),
            self.epoch
        )
    }
}

/// How far a stream has come, on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The epoch; 0 before anything was sent or received.
    pub epoch: u32,
    /// The last entry; 0 before the first of the epoch.
    pub seq: u64,
    /// Digest of that entry's envelope; zero before the first of the epoch.
    pub head: Digest,
}

impl Position {
    /// The place before the first entry of an epoch.
    #[must_use]
    pub const fn start(epoch: u32) -> Self {
        Self { epoch, seq: 0, head: Digest::ZERO }
    }
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An object the receiver has not had under this agreement.
    Put,
    /// A newer version, or another rendition, of one it has had.
    Supersede,
    /// An object is taken back.
    Withdraw,
    /// An object it has had gets another label.
    Relabel,
    /// An act on the agreement itself.
    Agreement,
    /// A sighting of something.
    Sighting,
    /// A question.
    Query,
    /// What became of something that was taken back.
    Receipt,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Put,
        Self::Supersede,
        Self::Withdraw,
        Self::Relabel,
        Self::Agreement,
        Self::Sighting,
        Self::Query,
        Self::Receipt,
    ];

    /// The name in envelopes and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Supersede => "supersede",
            Self::Withdraw => "withdraw",
            Self::Relabel => "relabel",
            Self::Agreement => "agreement",
            Self::Sighting => "sighting",
            Self::Query => "query",
            Self::Receipt => "receipt",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether entries of this kind bring content: then they need an agreement in force, and the content may have
    /// been erased since. The others end, narrow or account for something, and are taken in at any time.
    #[must_use]
    pub const fn brings_content(self) -> bool {
        matches!(self, Self::Put | Self::Supersede | Self::Sighting | Self::Query)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
