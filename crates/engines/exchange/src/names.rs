//! What objects are called in streams.
//!
//! Many STIX ids are computed from the value they stand for, so an id of an IPv4 address tells the address to
//! whoever tries them all. A keyed name tells nothing without the key, and the key differs from stream to stream:
//! two receivers that compare notes cannot tell by the names that they were given the same object.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{AgreementId, Digest, PartyId, StixId};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The key that names objects in one stream. It stays with the sender, is the same in every epoch (a withdrawal
/// reaches what an earlier epoch brought), and shows nothing of itself.
pub struct NamingKey(Zeroizing<[u8; 32]>);

impl NamingKey {
    /// The key of a stream: HMAC-SHA-256 under the node's own naming key over `shieldwall/naming/v1`, a zero byte,
    /// and the 32-byte ids of sender, receiver and agreement.
    #[must_use]
    pub fn for_stream(node_key: &[u8; 32], from: PartyId, to: PartyId, agreement: AgreementId) -> Self {
        let parts: [&[u8]; 4] = [b"shieldwall/naming/v1\0", &from.0.0, &to.0.0, &agreement.0.0];
        Self(Zeroizing::new(hmac(node_key, &parts)))
    }

    /// What an object is called.
    #[must_use]
    pub fn object(&self, id: &StixId) -> Digest {
        self.named(b"object", id.as_str())
    }

    /// What an object is called when it is given once more after it was taken back `times` times: as
    /// [`NamingKey::object`] the first time, and another name each time after that. A name that was withdrawn stays
    /// barred, so nothing old brings the object back, and only a new entry gives it again.
    #[must_use]
    pub fn object_again(&self, id: &StixId, times: u32) -> Digest {
        match times {
            0 => self.object(id),
            _ => self.named(b"again", &format!("{times} {id}")),
        }
    }

    /// What something is called that is no object: an act on an agreement, a query, a batch of receipts.
    #[must_use]
    pub fn other(&self, what: &str) -> Digest {
        self.named(b"other", what)
    }

    fn named(&self, sort: &[u8], text: &str) -> Digest {
        Digest(hmac(&self.0, &[sort, b"\0", text.as_bytes()]))
    }
}

impl fmt::Debug for NamingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamingKey(…)")
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is padded with zeros (RFC 2104 §2).
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
