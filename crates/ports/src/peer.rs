//! Other nodes, as the shell sees them: something to call, and something that answers their calls.

use std::future::Future;
use std::pin::Pin;

use model::{Digest, PartyId};

/// What a call between nodes is about. Bodies are texts that `exchange` reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Key events: they verify themselves, so a caller nobody knows yet may send and fetch them.
    Keys,
    /// Pairing: confirm or end it.
    Pair,
    /// Acts on agreements, appointments.
    Documents,
    /// How far a stream has come.
    Position,
    /// Entries of a stream, and the acknowledgement in return.
    Push,
    /// Finding and filling gaps over what both sides may see.
    Repair,
    /// A checkpoint to be witnessed, and the cosignature in return.
    Witness,
    /// A question that does not tell what it asks for.
    Query,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 8] = [
        Self::Keys,
        Self::Pair,
        Self::Documents,
        Self::Position,
        Self::Push,
        Self::Repair,
        Self::Witness,
        Self::Query,
    ];

    /// Its name in paths and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Pair => "pair",
            Self::Documents => "documents",
            Self::Position => "position",
            Self::Push => "push",
            Self::Repair => "repair",
            Self::Witness => "witness",
            Self::Query => "query",
        }
    }
}

/// Why a call was refused, by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The caller is nobody we have paired with, or the call is not theirs to make.
    #[error("not entitled: {0}")]
    Forbidden(String),
    /// The body says something impossible, wrong or stale; sending it again will not help.
    #[error("refused: {0}")]
    Invalid(String),
    /// What is sent does not follow what is held here: ask for the position and go on from there.
    #[error("{0}")]
    OutOfStep(String),
    /// Too much at once; try again after so many milliseconds.
    #[error("busy; try again in {0} ms")]
    Busy(u32),
    /// Something broke here; try again later.
    #[error("the peer's node failed")]
    Failed,
}

/// Answers calls. Synchronous: whoever serves runs it where it may block.
pub trait PeerHandler: Send + Sync {
    /// Who presents this TLS leaf: `None` for a key nobody we know has vouched for.
    ///
    /// `statement` is what the certificate carries about itself, `key` the digest of its public key (SPKI).
    fn identify(&self, statement: &[u8], key: Digest) -> Option<PartyId>;

    /// Answers one call.
    ///
    /// # Errors
    /// [`Refusal`], which the caller is shown.
    fn answer(&self, from: Option<PartyId>, topic: Topic, body: &[u8]) -> Result<Vec<u8>, Refusal>;
}

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody there, or the connection broke: try again later.
    #[error("cannot reach the peer: {0}")]
    Unreachable(String),
    /// Whoever answered could not prove to be the party that was called.
    #[error("`{0}` answered with keys that are not those of the party that was called")]
    WrongParty(String),
    /// The peer refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer was larger than allowed, or no answer at all.
    #[error("the peer's answer cannot be used: {0}")]
    Unusable(String),
}

/// What [`Transport::call`] returns: boxed, so that any transport fits behind one pointer.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, CallError>> + Send + 'a>>;

/// Calls other nodes over mutual TLS.
pub trait Transport: Send + Sync {
    /// Calls a peer and returns its answer. With `expect`, whoever answers must prove to be that party;
    /// without, only [`Topic::Keys`] may be called.
    fn call<'a>(
        &'a self,
        endpoint: &'a str,
        expect: Option<PartyId>,
        topic: Topic,
        body: Vec<u8>,
    ) -> Calling<'a>;

    /// The TLS leaf was renewed: new connections present it.
    fn renew(&self, leaf: &Leaf);
}

/// A TLS leaf: what a node shows on connections.
#[derive(Clone)]
pub struct Leaf {
    /// The certificate, DER, self-signed, with the statement in an extension.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS#8 DER.
    pub key: zeroize::Zeroizing<Vec<u8>>,
}
