//! One entry of a stream, without its content.

use json::Tape;
use model::{DecisionId, Digest, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::read::{Malformed, Members, exact, push_hex, push_number, push_text};
use crate::stream::{Kind, Position, StreamId};

/// One entry: everything about it but its content, which it only commits to.
///
/// Nothing here tells which object it is about to anyone but its sender and its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The stream it stands in.
    pub stream: StreamId,
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// Digest of the entry before; zero for the first.
    pub previous: Digest,
    /// What it does.
    pub kind: Kind,
    /// The keyed name of what it is about ([`crate::NamingKey`]).
    pub subject: Digest,
    /// Commitment to its payload ([`crate::commitment`]).
    pub commitment: Digest,
    /// Effective label, as canonical text.
    pub label: String,
    /// Obligations on the receiver, as canonical JSON.
    pub obligations: String,
    /// Hash of the agreement version it goes under.
    pub terms: Digest,
    /// Membership version of the circle; 0 for an agreement of two.
    pub membership: u32,
    /// The sender's recorded decision to let it go.
    pub decision: DecisionId,
    /// When it was appended, by the sender's clock.
    pub at: Timestamp,
}

impl Envelope {
    /// The longest label and the longest obligations, in bytes each.
    pub const MAX_PART: usize = 4096;
    /// The longest text, in bytes: two parts in which every byte needs an escape fit.
    pub const MAX_TEXT: usize = 64 << 10;
    const WHAT: &'static str = "envelope";

    /// The one text of this envelope (RFC 8785).
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::with_capacity(760 + self.label.len() + self.obligations.len());
        out.push('{');
        self.stream.push_agreement(&mut out);
        push_text("at", &self.at.to_string(), &mut out);
        push_hex("commitment", &self.commitment, &mut out);
        push_number("decision", self.decision.0, &mut out);
        push_number("epoch", self.stream.epoch, &mut out);
        self.stream.push_from(&mut out);
        push_text("kind", self.kind.as_str(), &mut out);
        push_text("label", &self.label, &mut out);
        push_number("membership", self.membership, &mut out);
        push_text("obligations", &self.obligations, &mut out);
        push_hex("previous", &self.previous, &mut out);
        push_number("seq", self.seq, &mut out);
        push_hex("subject", &self.subject, &mut out);
        push_hex("terms", &self.terms, &mut out);
        self.stream.push_to(&mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`] for any text that this program would not have written, byte for byte.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::parse_with(text, &mut Tape::new())
    }

    /// As [`Self::parse`], with a tape to reuse.
    pub(crate) fn parse_with(text: &str, tape: &mut Tape) -> Result<Self, Malformed> {
        let members = Members::parse(Self::WHAT, text, tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let kind = members.text("kind", 16)?;
        let decision = i64::try_from(members.number("decision")?);
        let envelope = Self {
            stream: StreamId::read(&members)?,
            seq: members.number("seq")?,
            previous: members.digest("previous")?,
            kind: Kind::parse(&kind).ok_or_else(|| members.fail("kind", "one of the known kinds"))?,
            subject: members.digest("subject")?,
            commitment: members.digest("commitment")?,
            label: members.text("label", Self::MAX_PART)?,
            obligations: members.text("obligations", Self::MAX_PART)?,
            terms: members.digest("terms")?,
            membership: members.small("membership")?,
            decision: DecisionId(decision.map_err(|_| members.fail("decision", "a decision's number"))?),
            at: members.instant("at")?,
        };
        exact(Self::WHAT, text, &envelope.to_text())?;
        Ok(envelope)
    }

    /// The digest that the next entry names as `previous`.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Self::hash_of(&self.to_text())
    }

    /// The digest of an envelope with this text: SHA-256 over `shieldwall/envelope/v1`, a zero byte and the text.
    #[must_use]
    pub fn hash_of(text: &str) -> Digest {
        let hash = Sha256::new().chain_update(b"shieldwall/envelope/v1\0").chain_update(text.as_bytes());
        Digest(hash.finalize().into())
    }

    /// Where the stream stands after this entry, whose digest is `hash`.
    #[must_use]
    pub const fn position(&self, hash: Digest) -> Position {
        Position { epoch: self.stream.epoch, seq: self.seq, head: hash }
    }
}
