//! Addresses under other names: the same network stays the same network, and nobody without the key knows which.

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use ipcrypt_rs::IpcryptPfx;
use model::{StixId, Uuid};
use sha2::Sha256;

/// A key for one agreement: under another one the same address has another pseudonym, so receivers cannot compare.
pub struct AddressKey {
    prefixes: IpcryptPfx,
    names: [u8; 32],
}

impl AddressKey {
    /// The key of one agreement, from the node's secret and the agreement's id.
    #[must_use]
    pub fn derive(secret: &[u8; 32], agreement: &[u8]) -> Self {
        let mut key = expand(secret, b"addresses", agreement);
        // The two halves must differ. That they do not happens once in 2^128 keys; then a bit of one is turned.
        let (first, second) = key.split_at_mut(16);
        if first == second
            && let Some(byte) = second.first_mut()
        {
            *byte ^= 1;
        }
        Self { prefixes: IpcryptPfx::new(key), names: expand(secret, b"names", agreement) }
    }

    /// The pseudonym of an address: addresses that share their first bits have pseudonyms that share as many
    /// (`draft-denis-ipcrypt`, prefix-preserving mode). The version stays.
    #[must_use]
    pub fn pseudonym(&self, address: IpAddr) -> IpAddr {
        self.prefixes.encrypt_ipaddr(address)
    }

    /// The other way round, for whoever has the key: to answer questions about what was sent.
    #[must_use]
    pub fn reveal(&self, pseudonym: IpAddr) -> IpAddr {
        self.prefixes.decrypt_ipaddr(pseudonym)
    }

    /// Another id for an address object. Its own is made from the address, and could be turned back by trying them all.
    #[must_use]
    pub fn rename(&self, id: &StixId) -> StixId {
        let digest = expand(&self.names, b"id", id.as_str().as_bytes());
        let mut half = [0; 16];
        half.iter_mut().zip(digest).for_each(|(slot, byte)| *slot = byte);
        StixId::new(id.type_name(), Uuid::v4(half))
    }
}

/// One block of HKDF-Expand (RFC 5869 §2.3) with the purpose and the subject as info.
pub(crate) fn expand(secret: &[u8; 32], purpose: &[u8], subject: &[u8]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return [0; 32] };
    mac.update(b"shieldwall/minimise/v1\0");
    mac.update(purpose);
    mac.update(b"\0");
    mac.update(subject);
    mac.update(&[1]);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared_bits(a: IpAddr, b: IpAddr) -> u32 {
        match (a, b) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u32::from(a) ^ u32::from(b)).leading_zeros(),
            (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a) ^ u128::from(b)).leading_zeros(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn prefixes_survive_and_nothing_else(secret: [u8; 32], a: u32, flip in 0u32..32) {
            let key = AddressKey::derive(&secret, b"one");
            let (a, b) = (IpAddr::V4(a.into()), IpAddr::V4((a ^ 1 << flip).into()));
            prop_assert_eq!(shared_bits(key.pseudonym(a), key.pseudonym(b)), shared_bits(a, b));
            prop_assert_eq!(key.reveal(key.pseudonym(a)), a);
            let a: u128 = u128::from(flip) << 64;
            let (a, b) = (IpAddr::V6((a | 0x2001 << 112).into()), IpAddr::V6((0x2001u128 << 112).into()));
            prop_assert_eq!(shared_bits(key.pseudonym(a), key.pseudonym(b)), shared_bits(a, b));
        }
    }

    #[test]
    fn agreements_cannot_be_compared() {
        let address = "192.0.2.1".parse().unwrap();
        let (one, two) = (AddressKey::derive(&[7; 32], b"one"), AddressKey::derive(&[7; 32], b"two"));
        assert_ne!(one.pseudonym(address), two.pseudonym(address));
        let id: StixId = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd".parse().unwrap();
        assert_ne!(one.rename(&id), two.rename(&id));
        assert_eq!(one.rename(&id), AddressKey::derive(&[7; 32], b"one").rename(&id));
        assert_eq!(one.rename(&id).type_name(), "ipv4-addr");
    }
}
