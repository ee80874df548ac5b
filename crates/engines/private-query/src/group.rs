//! The group, as counting uses it; by yes or no, everything goes through RFC 9497's own functions.

use sha2::{Digest as _, Sha512};
use voprf::{CipherSuite, Group, Ristretto255};
use zeroize::Zeroizing;

use crate::random::Stream;
use crate::wire::Tag;

pub(crate) type Suite = Ristretto255;
pub(crate) type Element = <Suite as Group>::Elem;
type Scalar = <Suite as Group>::Scalar;

/// Separates elements hashed for counting from all others (RFC 9380 §3.1).
const DST: &[u8] = b"shieldwall/query/v1/count-HashToGroup-ristretto255-SHA512";

/// A factor that everything of one question is multiplied by.
pub(crate) struct Factor(Zeroizing<Scalar>);

impl Factor {
    pub(crate) fn random(random: &mut Stream) -> Self {
        Self(Zeroizing::new(Suite::random_scalar(random)))
    }

    /// What takes it off again.
    pub(crate) fn inverse(&self) -> Self {
        Self(Zeroizing::new(Suite::invert_scalar(*self.0)))
    }

    pub(crate) fn times(&self, element: Element) -> Element {
        element * *self.0
    }
}

/// An input of [`crate::scope::element_input`] as an element.
pub(crate) fn hash_to_group(input: &[u8; 64]) -> Option<Element> {
    Suite::hash_to_curve::<<Suite as CipherSuite>::Hash>(&[input], &[DST]).ok()
}

/// The canonical encoding (RFC 9496 §4.3.2).
pub(crate) fn encode(element: Element) -> [u8; 32] {
    Suite::serialize_elem(element).into()
}

/// `None` for what is no canonical encoding of an element, and for the identity.
pub(crate) fn decode(bytes: &[u8; 32]) -> Option<Element> {
    Suite::deserialize_elem(bytes).ok()
}

/// The tag of an element without blinding.
pub(crate) fn count_tag(element: Element) -> Tag {
    let mut hash = Sha512::new();
    hash.update(b"shieldwall/query/v1/count-tag");
    hash.update(encode(element));
    tag(&hash.finalize())
}

/// The head of a pseudorandom function's output.
pub(crate) fn tag(output: &[u8]) -> Tag {
    output.first_chunk().copied().unwrap_or_default()
}
