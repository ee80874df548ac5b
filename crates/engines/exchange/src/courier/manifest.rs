//! What is written on the outside of a courier file.

use json::Tape;
use keys::{KeyId, Signature, context};
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::read::{Malformed, Members, exact, push_hex, push_name, push_number, push_text};
use crate::segment::Signature1;
use crate::signing::{BadSigner, Claim, Signer, Signers, read_signed, signed};

/// The most ranges one file says it holds.
pub const MAX_RANGES: usize = 4_096;
/// The most files of one export.
pub const MAX_PARTS: u32 = 10_000;

/// Consecutive entries of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The stream's epoch.
    pub epoch: u32,
    /// First entry.
    pub first: u64,
    /// Last entry.
    pub last: u64,
}

impl Range {
    pub(crate) fn push(&self, out: &mut String) {
        out.push('{');
        push_hex("agreement", &self.agreement.0, out);
        push_number("epoch", self.epoch, out);
        push_number("first", self.first, out);
        push_number("last", self.last, out);
        out.push('}');
    }

    pub(crate) fn push_list(ranges: &[Self], out: &mut String) {
        out.push('[');
        for (index, range) in ranges.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            range.push(out);
        }
        out.push(']');
    }

    pub(crate) fn read_list(
        what: &'static str,
        members: &Members<'_>,
        name: &str,
    ) -> Result<Vec<Self>, Malformed> {
        let mut ranges = Vec::new();
        for item in members.list(name, MAX_RANGES)? {
            let item = Members::of(what, item)?;
            let range = Self {
                agreement: AgreementId(item.digest("agreement")?),
                epoch: item.small("epoch")?,
                first: item.number("first")?,
                last: item.number("last")?,
            };
            if range.epoch == 0 || range.first == 0 || range.last < range.first {
                return Err(
                    item.fail(name, "made of ranges counted from 1, each with an end after its beginning")
                );
            }
            ranges.push(range);
        }
        Ok(ranges)
    }
}

/// The outside of a file: readable by whoever carries it. It names parties, agreements and numbers of entries, and
/// nothing that is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Who wrote it.
    pub from: PartyId,
    /// For whom.
    pub to: PartyId,
    /// Which export it belongs to: random.
    pub bundle: Digest,
    /// Which of its files, from 1.
    pub part: u32,
    /// How many files the export has.
    pub parts: u32,
    /// The entries inside, by stream, in order.
    pub ranges: Vec<Range>,
    /// How many entries of each stream were repeated from exports before.
    pub repeat: u64,
    /// When it was written, by its writer's clock.
    pub created: Timestamp,
    /// The size cap of a file it was written under, in bytes.
    pub cap: u64,
    /// SHA-256 of the sealed body.
    pub sealed: Digest,
    /// Bytes of the sealed body.
    pub size: u64,
    /// Signed by which key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
}

impl Manifest {
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 1 << 20;
    const WHAT: &'static str = "courier manifest";

    /// The canonical body that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let mut out = String::from("{");
        push_hex("bundle", &self.bundle, &mut out);
        push_number("cap", self.cap, &mut out);
        push_text("created", &self.created.to_string(), &mut out);
        push_hex("from", &self.from.0, &mut out);
        push_number("part", self.part, &mut out);
        push_number("parts", self.parts, &mut out);
        push_name("ranges", &mut out);
        Range::push_list(&self.ranges, &mut out);
        push_number("repeat", self.repeat, &mut out);
        push_hex("sealed", &self.sealed, &mut out);
        push_number("size", self.size, &mut out);
        push_hex("to", &self.to.0, &mut out);
        push_text("type", "courier", &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Signs it anew: `by` and `signature` are replaced.
    pub(crate) fn sign(mut self, signer: &dyn Signer) -> Self {
        (self.by, self.signature) = signer.sign(context::COURIER, &self.body());
        self
    }

    /// The one text of it: a signed document.
    #[must_use]
    pub fn to_text(&self) -> String {
        signed(context::COURIER, self.body(), &Signature1(self.by, &self.signature)).to_text()
    }

    /// Reads [`Self::to_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, by, signature) = read_signed(Self::WHAT, text, Self::MAX_TEXT)?;
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, &body, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let manifest = Self {
            from: PartyId(members.digest("from")?),
            to: PartyId(members.digest("to")?),
            bundle: members.digest("bundle")?,
            part: members.small("part")?,
            parts: members.small("parts")?,
            ranges: Range::read_list(Self::WHAT, &members, "ranges")?,
            repeat: members.number("repeat")?,
            created: members.instant("created")?,
            cap: members.number("cap")?,
            sealed: members.digest("sealed")?,
            size: members.number("size")?,
            by,
            signature,
        };
        exact(Self::WHAT, &body, &manifest.body())?;
        if manifest.part == 0 || manifest.part > manifest.parts || manifest.parts > MAX_PARTS {
            return Err(members.fail("part", "one of at most 10000 parts, counted from 1"));
        }
        Ok(manifest)
    }

    /// Verifies the writer's signature.
    ///
    /// # Errors
    /// [`BadSigner`].
    pub fn verify(&self, signers: &dyn Signers, now: Timestamp) -> Result<(), BadSigner> {
        let body = self.body();
        let claim = Claim {
            party: self.from,
            by: self.by,
            context: context::COURIER,
            body: &body,
            signature: &self.signature,
            at: self.created,
        };
        signers.verify(&claim, now).map(|_| ())
    }
}
