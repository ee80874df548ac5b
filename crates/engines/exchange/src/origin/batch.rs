//! Signing many statements at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use json::{Limits, Tape};
use keys::{KeyId, Signature, context};
use model::{Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::DOMAIN;
use super::leaves::{Seed, commitments, digest_of};
use super::statement::{OriginError, Statement, entry_digest, text_of};
use crate::merkle::Tree;
use crate::read::{Malformed, Members, exact, push_hex, push_number, push_text};
use crate::segment::Signature1;
use crate::signing::{BadSigner, Claim, Signer, Signers, read_signed, signed};

/// Objects waiting to be stated under one signature.
#[derive(Debug, Default)]
pub struct Batch {
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: String,
    modified: Option<String>,
    label: String,
    onward: String,
    seed: Seed,
    digest: Digest,
}

impl Batch {
    /// The most objects under one signature.
    pub const MAX: usize = 65_536;

    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { pending: Vec::new() }
    }

    /// How many objects it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds an object by its full text, with its label and onward rule as canonical texts. `seed` must be 32 random
    /// bytes, fresh for every statement.
    ///
    /// # Errors
    /// [`OriginError::Malformed`]: not an object with an `id`, too large, or the batch is full.
    pub fn add(
        &mut self,
        object: &str,
        label: &str,
        onward: &str,
        seed: [u8; 32],
    ) -> Result<(), OriginError> {
        let fail = |problem: String| OriginError::Malformed(Malformed::new("object to be stated", problem));
        if self.pending.len() >= Self::MAX {
            return Err(fail(format!("a batch holds at most {} objects", Self::MAX)));
        }
        if label.len() > Statement::MAX_PART || onward.len() > Statement::MAX_PART {
            return Err(fail(format!(
                "label and onward rule have at most {} bytes each",
                Statement::MAX_PART
            )));
        }
        let mut tape = Tape::new();
        let value =
            tape.parse(object.as_bytes(), &Limits::OBJECT).map_err(|error| fail(error.to_string()))?;
        let id = text_of(value, "id").ok_or_else(|| fail("it has no `id`".to_owned()))?;
        let modified = text_of(value, "modified");
        let seeds = BTreeMap::from([(String::new(), seed)]);
        let leaves = commitments(value, &seeds, &BTreeMap::new())?;
        let digest = entry_digest(&id, modified.as_deref(), label, onward, &digest_of(&leaves));
        let (label, onward) = (label.to_owned(), onward.to_owned());
        self.pending.push(Pending { id, modified, label, onward, seed, digest });
        Ok(())
    }

    /// Signs the batch in a party's name; the statements are in the order the objects were added.
    #[must_use]
    pub fn sign(self, party: PartyId, at: Timestamp, signer: &dyn Signer) -> Vec<Statement> {
        let tree = Tree::new(DOMAIN, self.pending.iter().map(|pending| pending.digest));
        let count = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        let batch = Arc::new(SignedBatch::sign(party, tree.root(), count, at, signer));
        let state = |(index, pending): (usize, Pending)| Statement {
            batch: Arc::clone(&batch),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            path: tree.path(index).unwrap_or_default(),
            id: pending.id,
            modified: pending.modified,
            label: pending.label,
            onward: pending.onward,
            seeds: BTreeMap::from([(String::new(), pending.seed)]),
            hidden: BTreeMap::new(),
        };
        self.pending.into_iter().enumerate().map(state).collect()
    }
}

/// What is signed once for many objects: the root over their entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBatch {
    /// Whose word it is.
    pub party: PartyId,
    /// Merkle root over the entries.
    pub root: Digest,
    /// How many entries.
    pub count: u32,
    /// When it was signed, by the party's clock.
    pub at: Timestamp,
    /// By which key.
    pub by: KeyId,
    /// The signature.
    pub signature: Signature,
    /// The text, since it stands in every statement of the batch.
    text: String,
}

impl SignedBatch {
    pub(crate) const MAX_TEXT: usize = 8 << 10;
    const WHAT: &'static str = "origin batch";

    fn sign(party: PartyId, root: Digest, count: u32, at: Timestamp, signer: &dyn Signer) -> Self {
        let body = body(party, &root, count, at);
        let (by, signature) = signer.sign(context::ORIGIN, &body);
        let text = signed(context::ORIGIN, body, &Signature1(by, &signature)).to_text();
        Self { party, root, count, at, by, signature, text }
    }

    fn body(&self) -> String {
        body(self.party, &self.root, self.count, self.at)
    }

    /// The one text of it: a signed document.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// Reads [`Self::as_text`]. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (body, by, signature) = read_signed(Self::WHAT, text, Self::MAX_TEXT)?;
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, &body, &mut tape, Self::MAX_TEXT)?;
        members.version(1)?;
        let batch = Self {
            party: PartyId(members.digest("party")?),
            root: members.digest("root")?,
            count: members.small("count")?,
            at: members.instant("at")?,
            by,
            signature,
            text: text.to_owned(),
        };
        exact(Self::WHAT, &body, &batch.body())?;
        Ok(batch)
    }

    /// Verifies the signature, or finds that it was verified before.
    pub(crate) fn verify(
        self: &Arc<Self>,
        signers: &dyn Signers,
        now: Timestamp,
        memo: &mut BatchMemo,
    ) -> Result<(), BadSigner> {
        if memo.knows(self) {
            return Ok(());
        }
        let body = self.body();
        let claim = Claim {
            party: self.party,
            by: self.by,
            context: context::ORIGIN,
            body: &body,
            signature: &self.signature,
            at: self.at,
        };
        signers.verify(&claim, now)?;
        memo.learn(self);
        Ok(())
    }
}

fn body(party: PartyId, root: &Digest, count: u32, at: Timestamp) -> String {
    let mut out = String::from("{");
    push_text("at", &at.to_string(), &mut out);
    push_number("count", count, &mut out);
    push_hex("party", &party.0, &mut out);
    push_hex("root", root, &mut out);
    push_text("type", "origin", &mut out);
    push_number("v", 1, &mut out);
    out.push('}');
    out
}

/// Which batches' signatures have been verified, so that each is verified once and not once for every object.
///
/// It knows nothing of keys: begin a new one when a key event arrives.
#[derive(Debug)]
pub struct BatchMemo {
    verified: BTreeSet<Digest>,
    /// The last one verified, and the last one read: the statements of a batch come one after the other.
    last_verified: Option<Arc<SignedBatch>>,
    last_read: Option<Arc<SignedBatch>>,
    capacity: usize,
}

impl BatchMemo {
    /// An empty memo; when it is full it begins anew.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self { verified: BTreeSet::new(), last_verified: None, last_read: None, capacity }
    }

    /// Reads a batch, or finds it read before.
    pub(crate) fn read(&mut self, text: &str) -> Result<Arc<SignedBatch>, Malformed> {
        if let Some(batch) = self.last_read.as_ref().filter(|batch| batch.text == text) {
            return Ok(Arc::clone(batch));
        }
        let batch = Arc::new(SignedBatch::parse(text)?);
        self.last_read = Some(Arc::clone(&batch));
        Ok(batch)
    }

    fn knows(&mut self, batch: &Arc<SignedBatch>) -> bool {
        let last = self.last_verified.as_ref();
        if last.is_some_and(|last| Arc::ptr_eq(last, batch)) {
            return true;
        }
        // The text is all there is to a batch, its signature included.
        let known = self.verified.contains(&name(batch));
        if known {
            self.last_verified = Some(Arc::clone(batch));
        }
        known
    }

    fn learn(&mut self, batch: &Arc<SignedBatch>) {
        if self.verified.len() >= self.capacity {
            self.verified.clear();
        }
        self.verified.insert(name(batch));
        self.last_verified = Some(Arc::clone(batch));
    }
}

fn name(batch: &SignedBatch) -> Digest {
    Digest(Sha256::digest(batch.text.as_bytes()).into())
}

impl Default for BatchMemo {
    /// 4,096 batches.
    fn default() -> Self {
        Self::new(4_096)
    }
}
