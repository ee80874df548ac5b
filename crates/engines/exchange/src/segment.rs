//! A signed run of entries: one signature for up to 256.

use json::Tape;
use keys::{KeyId, Signature, context};
use model::{Digest, Timestamp};

use crate::merkle::{Tree, climb};
use crate::read::{Malformed, Members, exact, push_hex, push_name, push_number, push_text};
use crate::signing::{BadSigner, Claim, Signer, Signers, Standing, read_signed, signed};
use crate::stream::{Position, StreamId};

/// The most entries one segment signs.
pub const MAX_SEGMENT: usize = 256;

/// Where an earlier epoch of the same stream ended, as its sender remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follows {
    /// That epoch.
    pub epoch: u32,
    /// Its last entry.
    pub seq: u64,
    /// That entry's digest.
    pub head: Digest,
}

impl From<Position> for Follows {
    fn from(position: Position) -> Self {
        Self { epoch: position.epoch, seq: position.seq, head: position.head }
    }
}

/// A run of consecutive entries, signed by the sender's epoch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The stream.
    pub stream: StreamId,
    /// Its first entry.
    pub first: u64,
    /// How many, 1 to [`MAX_SEGMENT`].
    pub count: u32,
    /// Merkle root over the digests of its envelopes, in order.
    pub root: Digest,
    /// Digest of its last envelope.
    pub head: Digest,
    /// Digest of the envelope before its first: the head of the segment before.
    pub previous: Digest,
    /// Where the epoch before ended: in the first segment of every epoch but the first, and nowhere else.
    pub follows: Option<Follows>,
    /// When it was signed, by the sender's clock.
    pub at: Timestamp,
    /// By which key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
}

/// What is signed: a segment without its signature.
pub(crate) struct Unsigned {
    pub(crate) stream: StreamId,
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) root: Digest,
    pub(crate) head: Digest,
    pub(crate) previous: Digest,
    pub(crate) follows: Option<Follows>,
    pub(crate) at: Timestamp,
}

impl Unsigned {
    fn body(&self) -> String {
        let mut out = String::with_capacity(768);
        out.push('{');
        self.stream.push_agreement(&mut out);
        push_text("at", &self.at.to_string(), &mut out);
        push_number("count", self.count, &mut out);
        push_number("epoch", self.stream.epoch, &mut out);
        push_number("first", self.first, &mut out);
        if let Some(follows) = &self.follows {
            push_name("follows", &mut out);
            out.push('{');
            push_number("epoch", follows.epoch, &mut out);
            push_hex("head", &follows.head, &mut out);
            push_number("seq", follows.seq, &mut out);
            out.push('}');
        }
        self.stream.push_from(&mut out);
        push_hex("head", &self.head, &mut out);
        push_hex("previous", &self.previous, &mut out);
        push_hex("root", &self.root, &mut out);
        self.stream.push_to(&mut out);
        push_text("type", "segment", &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    pub(crate) fn sign(self, signer: &dyn Signer) -> Segment {
        let (by, signature) = signer.sign(context::SEGMENT, &self.body());
        let Self { stream, first, count, root, head, previous, follows, at } = self;
        Segment { stream, first, count, root, head, previous, follows, at, by, signature }
    }
}

impl Segment {
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 8 << 10;
    const WHAT: &'static str = "segment";

    /// The domain of its Merkle tree.
    pub const DOMAIN: &'static str = "shieldwall/segment/v1";

    /// The canonical body that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let Self { stream, first, count, root, head, previous, follows, at, .. } = *self;
        Unsigned { stream, first, count, root, head, previous, follows, at }.body()
    }

    /// The one text of this segment: a signed document.
    #[must_use]
    pub fn to_text(&self) -> String {
        signed(context::SEGMENT, self.body(), &Signature1(self.by, &self.signature)).to_text()
    }

    /// Reads [`Self::to_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`] for any text that this program would not have written, and for numbers that make no segment.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, by, signature) = read_signed(Self::WHAT, text, Self::MAX_TEXT)?;
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, &body, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let follows = match members.maybe("follows") {
            None => None,
            Some(_) => {
                let follows = members.object("follows")?;
                let (epoch, seq) = (follows.small("epoch")?, follows.number("seq")?);
                Some(Follows { epoch, seq, head: follows.digest("head")? })
            }
        };
        let segment = Self {
            stream: StreamId::read(&members)?,
            first: members.number("first")?,
            count: members.small("count")?,
            root: members.digest("root")?,
            head: members.digest("head")?,
            previous: members.digest("previous")?,
            follows,
            at: members.instant("at")?,
            by,
            signature,
        };
        exact(Self::WHAT, &body, &segment.body())?;
        segment.check()?;
        Ok(segment)
    }

    /// The same entries under another signature: for what was never acknowledged and was signed with a key that has been
    /// revoked since.
    #[must_use]
    pub fn sealed_anew(&self, at: Timestamp, signer: &dyn Signer) -> Self {
        let Self { stream, first, count, root, head, previous, follows, .. } = *self;
        Unsigned { stream, first, count, root, head, previous, follows, at }.sign(signer)
    }

    /// What holds of every segment whatever the stream.
    fn check(&self) -> Result<(), Malformed> {
        let fail = |problem: &str| Err(Malformed::new(Self::WHAT, problem));
        if self.stream.epoch == 0 || self.first == 0 {
            return fail("epochs and entries are counted from 1");
        }
        if !(1..=MAX_SEGMENT).contains(&(self.count as usize)) {
            return fail("`count` is not from 1 to 256");
        }
        let opens = self.first == 1;
        if opens != (self.previous == Digest::ZERO) {
            return fail("`previous` is zero in the first segment of an epoch, and only there");
        }
        if self.follows.is_some() != (opens && self.stream.epoch > 1) {
            return fail(
                "`follows` stands in the first segment of every epoch but the first, and only there",
            );
        }
        if self.follows.is_some_and(|follows| follows.epoch >= self.stream.epoch) {
            return fail("`follows` names no earlier epoch");
        }
        Ok(())
    }

    /// Its last entry.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.first.saturating_add(self.count as u64).saturating_sub(1)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`BadSigner`].
    pub fn verify(&self, signers: &dyn Signers, now: Timestamp) -> Result<Standing, BadSigner> {
        let body = self.body();
        let claim = Claim {
            party: self.stream.from,
            by: self.by,
            context: context::SEGMENT,
            body: &body,
            signature: &self.signature,
            at: self.at,
        };
        signers.verify(&claim, now)
    }

    /// The path that proves one envelope: `hashes` are those of all envelopes of this segment, `index` counts from 0.
    #[must_use]
    pub fn prove(&self, hashes: &[Digest], index: usize) -> Option<Vec<Digest>> {
        let tree = Tree::new(Self::DOMAIN, hashes.iter().copied());
        if tree.root() == self.root { tree.path(index) } else { None }
    }

    /// Whether the envelope with this digest stands at `index` (from 0) in this segment. Verify the segment, too.
    #[must_use]
    pub fn verify_path(&self, envelope: &Digest, index: usize, path: &[Digest]) -> bool {
        let root = climb(Self::DOMAIN, envelope, index as u64, u64::from(self.count), path);
        root == Some(self.root)
    }
}

/// A signature that was made before.
pub(crate) struct Signature1<'a>(pub(crate) KeyId, pub(crate) &'a Signature);

impl Signer for Signature1<'_> {
    fn sign(&self, _context: &str, _body: &str) -> (KeyId, Signature) {
        (self.0, self.1.clone())
    }
}
