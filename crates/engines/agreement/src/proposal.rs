//! What is signed: the terms, the hash of their text, and the hash of the policy they were compiled to.

use json::Tape;
use model::{AgreementId, Digest};

use crate::terms::Terms;
use crate::text::{Fields, LIMITS, Malformed, Object, digest};

const KIND: &str = "agreement-proposal";

/// One version of an agreement as it is put to signature. Its hash names the version everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The terms; they hold the hash of their text.
    pub terms: Terms,
    /// SHA-256 of the compiled policy's text. It must not depend on the agreement's id: the id of a first version
    /// follows from it.
    pub policy: Digest,
}

/// Puts terms and the hash of the policy compiled from them together.
#[must_use]
pub fn proposal(terms: &Terms, policy: Digest) -> Proposal {
    Proposal { terms: terms.clone(), policy }
}

impl Proposal {
    /// The exact bytes: canonical JSON (RFC 8785).
    #[must_use]
    pub fn to_canonical_json(&self) -> String {
        Object::of(KIND).text("policy", self.policy).raw("terms", self.terms.to_canonical_json()).finish()
    }

    /// The version's hash: SHA-256 of [`Proposal::to_canonical_json`].
    #[must_use]
    pub fn hash(&self) -> Digest {
        digest(&self.to_canonical_json())
    }

    /// The agreement this is a version of: for a first version, its own hash.
    #[must_use]
    pub fn agreement(&self) -> AgreementId {
        self.terms.agreement.unwrap_or_else(|| AgreementId(self.hash()))
    }

    /// Reads [`Proposal::to_canonical_json`] and checks the terms.
    ///
    /// # Errors
    /// [`Malformed`], as for [`Terms::parse_canonical_json`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let value = tape.parse(text.as_bytes(), &LIMITS)?;
        let fields = Fields::document(value, KIND, &["policy", "terms"])?;
        let terms = fields.value("terms")?;
        let proposal = Self { terms: Terms::from_value(terms)?, policy: fields.parsed("policy")? };
        if proposal.to_canonical_json() == text {
            Ok(proposal)
        } else {
            Err(Malformed::new("", "not in canonical form: members sorted, no white space"))
        }
    }
}
