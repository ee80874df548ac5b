//! What a question is about, apart from its values.

use model::{AgreementId, Digest, PartyId};
use sha2::{Digest as _, Sha256};

/// What is answered, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// How many of the values are held.
    Count,
    /// For each value whether it is held.
    YesNo,
}

impl Mode {
    /// What an answer over so many values may give away, in bits: one for each yes or no; for a count the logarithm
    /// of how many outcomes there are, rounded up.
    #[must_use]
    pub const fn bits(self, values: u64) -> u64 {
        match self {
            Self::YesNo => values,
            Self::Count => (u64::BITS - values.leading_zeros()) as u64,
        }
    }

    /// Its name in logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::YesNo => "yes-no",
        }
    }
}

/// Between whom, under what, about which kind, and for what. Nothing that was computed in one scope means anything in
/// another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The agreement that grants the right to ask.
    pub agreement: AgreementId,
    /// Who asks.
    pub asker: PartyId,
    /// Who is asked.
    pub answerer: PartyId,
    /// The kind of observable that all values are of (`ipv4-addr`, `domain-name`, …): 1 to 64 bytes.
    pub kind: String,
    /// What it is asked for: 1 to 255 bytes.
    pub purpose: String,
    /// What is answered.
    pub mode: Mode,
}

/// Longest name of a kind, in bytes.
pub(crate) const MAX_KIND: usize = 64;
/// Longest purpose, in bytes.
pub(crate) const MAX_PURPOSE: usize = 255;

impl Scope {
    /// The digest that separates one question from every other.
    pub(crate) fn digest(&self, session: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"shieldwall/query/v1/scope");
        for part in [
            self.agreement.0.0.as_slice(),
            &self.asker.0.0,
            &self.answerer.0.0,
            self.kind.as_bytes(),
            self.purpose.as_bytes(),
            self.mode.as_str().as_bytes(),
            session,
        ] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// What is put into the group for a value. Its digest stands for it, so that its length does not matter; neither ever
/// leaves.
pub(crate) fn element_input(scope: &[u8; 32], value: &[u8]) -> [u8; 64] {
    let mut input = [0; 64];
    let (head, tail) = input.split_at_mut(32);
    head.copy_from_slice(scope);
    tail.copy_from_slice(&Sha256::digest(value));
    input
}

/// SHA-256 of a message, by which its answer names it.
pub(crate) fn message_digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits() {
        for (values, count) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (10_000, 14)] {
            assert_eq!((Mode::Count.bits(values), Mode::YesNo.bits(values)), (count, values));
        }
        assert_eq!(Mode::Count.bits(u64::MAX), 64);
    }

    #[test]
    fn every_part_separates() {
        let party = |number| PartyId(Digest([number; 32]));
        let scope = Scope {
            agreement: AgreementId(Digest([1; 32])),
            asker: party(2),
            answerer: party(3),
            kind: "ipv4-addr".to_owned(),
            purpose: "incident".to_owned(),
            mode: Mode::Count,
        };
        let mut digests = vec![scope.digest(&[0; 32]), scope.digest(&[1; 32])];
        let changes: [fn(&mut Scope); 8] = [
            |scope| scope.agreement = AgreementId(Digest([9; 32])),
            |scope| scope.asker = PartyId(Digest([9; 32])),
            |scope| scope.answerer = PartyId(Digest([9; 32])),
            |scope| std::mem::swap(&mut scope.asker, &mut scope.answerer),
            |scope| scope.kind.push('x'),
            |scope| scope.purpose.push('x'),
            // The same letters, divided differently.
            |scope| (scope.kind, scope.purpose) = ("ipv4-addri".to_owned(), "ncident".to_owned()),
            |scope| scope.mode = Mode::YesNo,
        ];
        for change in changes {
            let mut other = scope.clone();
            change(&mut other);
            digests.push(other.digest(&[0; 32]));
        }
        let all = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), all);
    }
}
