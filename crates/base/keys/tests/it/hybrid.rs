//! Hybrid signatures: RFC 8032 and FIPS 204, and what does not count as one.

use keys::{BadSignature, InvalidKey, PublicKey, SecretKey, Signature, context};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::common::key;

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(pair).collect()
}

#[test]
fn ed25519_keys_are_those_of_rfc_8032() {
    // §7.1, tests 1 to 3.
    for (secret, public) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        ),
    ] {
        let mut seed = [0; 64];
        seed[..32].copy_from_slice(&bytes(secret));
        assert_eq!(SecretKey::from_seed(seed).public().ed25519().as_slice(), bytes(public));
    }
}

/// RFC 9881, appendix C.2: the example key of seed 00 01 … 1f; here by the digest of its 1952 bytes.
#[test]
fn ml_dsa_keys_are_those_of_rfc_9881() {
    let mut seed = [0; 64];
    seed[32..].iter_mut().zip(0..).for_each(|(slot, byte)| *slot = byte);
    let digest: [u8; 32] = Sha256::digest(SecretKey::from_seed(seed).public().ml_dsa()).into();
    assert_eq!(digest.as_slice(), bytes("d666806e11cee19a7c989f7445f90dd419cf4d2d51db8c0fdb4c0f0a542238c9"));
}

#[test]
fn lengths_are_those_of_the_standards() {
    let key = key(1);
    // RFC 8032 §5.1: 32 and 64 bytes. FIPS 204 table 2: 1952 and 3309 bytes.
    assert_eq!((key.public().as_bytes().len(), PublicKey::LENGTH), (32 + 1952, 32 + 1952));
    let signature = key.sign(context::SEGMENT, b"");
    assert_eq!((signature.as_bytes().len(), Signature::LENGTH), (64 + 3309, 64 + 3309));
}

/// Each half is a signature that others' libraries verify too, over the bytes that the documentation states.
#[test]
fn what_is_signed_is_what_is_documented() {
    let key = key(1);
    let hash = Sha256::new().chain_update(b"shieldwall/key-id/v1\0").chain_update(key.public().as_bytes());
    let id: [u8; 32] = hash.finalize().into();
    assert_eq!(key.id().0.0, id);
    let message = [context::ACK.as_bytes(), &[0], &id, b"the bytes"].concat();
    let signature = key.sign(context::ACK, b"the bytes");
    let (ed, ml) = signature.as_bytes().split_at(64);

    let public = ed25519_dalek::VerifyingKey::from_bytes(key.public().ed25519()).unwrap();
    public.verify_strict(&message, &ed25519_dalek::Signature::from_slice(ed).unwrap()).unwrap();

    let encoded = ml_dsa::EncodedVerifyingKey::<ml_dsa::MlDsa65>::try_from(key.public().ml_dsa()).unwrap();
    let public = ml_dsa::VerifyingKey::<ml_dsa::MlDsa65>::decode(&encoded);
    let ml = ml_dsa::Signature::<ml_dsa::MlDsa65>::try_from(ml).unwrap();
    assert!(public.verify_with_context(&message, context::ACK.as_bytes(), &ml));
    assert!(!public.verify_with_context(&message, b"", &ml), "the context is signed as FIPS 204 has it");
}

fn verifies(key: &SecretKey, context: &str, bytes: &[u8], signature: &[u8]) -> bool {
    let signature = Signature::from_bytes(signature).unwrap();
    key.public().verify(context, bytes, &signature).is_ok()
}

#[test]
fn half_a_signature_is_none() {
    let key = key(1);
    let signature = key.sign(context::SEGMENT, b"bytes").as_bytes().to_vec();
    assert!(verifies(key, context::SEGMENT, b"bytes", &signature));
    for half in [0..64, 64..Signature::LENGTH] {
        let mut stripped = signature.clone();
        stripped[half].fill(0);
        assert!(!verifies(key, context::SEGMENT, b"bytes", &stripped));
    }
}

#[test]
fn halves_of_two_signatures_are_none() {
    let key = key(1);
    let a = key.sign(context::SEGMENT, b"a").as_bytes().to_vec();
    let b = key.sign(context::SEGMENT, b"b").as_bytes().to_vec();
    let mixed = [&a[..64], &b[64..]].concat();
    for bytes in [b"a", b"b"] {
        assert!(!verifies(key, context::SEGMENT, bytes, &mixed));
    }
}

/// Whoever puts a key together from halves of others gets nothing signed under it.
#[test]
fn a_key_of_others_halves_has_no_signatures() {
    let (a, b) = (key(1), key(2));
    let chimera =
        PublicKey::from_bytes(&[a.public().ed25519().as_slice(), b.public().ml_dsa()].concat()).unwrap();
    let (by_a, by_b) = (a.sign(context::ACK, b"x"), b.sign(context::ACK, b"x"));
    let signature =
        Signature::from_bytes(&[&by_a.as_bytes()[..64], &by_b.as_bytes()[64..]].concat()).unwrap();
    assert_eq!(chimera.verify(context::ACK, b"x", &signature), Err(BadSignature));
    assert!(chimera.shares_a_half(a.public()) && chimera.shares_a_half(b.public()));
    assert!(!a.public().shares_a_half(b.public()));
}

#[test]
fn a_signature_is_for_one_context_key_and_text() {
    let (key, other) = (key(1), key(2));
    let signature = key.sign(context::SEGMENT, b"bytes");
    assert_eq!(key.public().verify(context::SEGMENT, b"bytes", &signature), Ok(()));
    assert_eq!(key.public().verify(context::ACK, b"bytes", &signature), Err(BadSignature));
    assert_eq!(key.public().verify(context::SEGMENT, b"bytez", &signature), Err(BadSignature));
    assert_eq!(key.public().verify(context::SEGMENT, b"", &signature), Err(BadSignature));
    assert_eq!(other.public().verify(context::SEGMENT, b"bytes", &signature), Err(BadSignature));
}

#[test]
fn contexts_cannot_be_moved_into_the_text() {
    let key = key(1);
    for context in ["a\0b", "\0", &"x".repeat(256)] {
        let signature = key.sign(context, b"bytes");
        assert_eq!(key.public().verify(context, b"bytes", &signature), Err(BadSignature), "{context:?}");
    }
    let longest = "x".repeat(keys::MAX_CONTEXT);
    assert_eq!(key.public().verify(&longest, b"", &key.sign(&longest, b"")), Ok(()));
    let all: std::collections::BTreeSet<&str> = context::ALL.into_iter().collect();
    assert_eq!(all.len(), context::ALL.len());
}

/// RFC 8032 §5.1.7: s must be below L, or everyone could make a second signature out of the first.
#[test]
fn ed25519_signatures_are_not_malleable() {
    // L = 2^252 + 27742317777372353535851937790883648493, little-endian.
    let order = bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let key = key(1);
    let signature = key.sign(context::SEGMENT, b"bytes").as_bytes().to_vec();
    let mut changed = signature.clone();
    let mut carry = 0;
    for (slot, byte) in changed[32..64].iter_mut().zip(&order) {
        let sum = u16::from(*slot) + u16::from(*byte) + carry;
        *slot = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_ne!(changed, signature);
    assert!(!verifies(key, context::SEGMENT, b"bytes", &changed));
    // The high bits of s that a careless reader drops.
    for bit in [0x20, 0x40, 0x80] {
        let mut changed = signature.clone();
        changed[63] |= bit;
        assert!(!verifies(key, context::SEGMENT, b"bytes", &changed));
    }
}

/// Points of small order verify anything for a careless verifier; other spellings of a point make second ids.
#[test]
fn unusable_ed25519_halves_are_refused() {
    for (half, why) in [
        ("0100000000000000000000000000000000000000000000000000000000000000", "the neutral element"),
        ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "order 2"),
        ("0000000000000000000000000000000000000000000000000000000000000000", "order 4"),
        ("0000000000000000000000000000000000000000000000000000000000000080", "order 4"),
        ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "order 8"),
        ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "order 8"),
        ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 1"),
        ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p"),
        ("f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 9, a point otherwise"),
        ("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 3, a point otherwise"),
        ("0200000000000000000000000000000000000000000000000000000000000000", "no point"),
    ] {
        let mut encoded = key(1).public().as_bytes().to_vec();
        encoded[..32].copy_from_slice(&bytes(half));
        assert_eq!(PublicKey::from_bytes(&encoded), Err(InvalidKey::Ed25519), "{why}");
    }
}

#[test]
fn texts_have_one_spelling() {
    let key = key(1);
    let text = key.public().to_text();
    assert_eq!(PublicKey::parse(&text).as_ref(), Ok(key.public()));
    let signature = key.sign(context::ACK, b"");
    assert_eq!(Signature::parse(&signature.to_text()), Ok(signature.clone()));
    for wrong in [
        String::new(),
        format!("{text}="),
        format!("{text}A"),
        text[..text.len() - 1].to_owned(),
        text.replacen(|c: char| c.is_ascii_alphanumeric(), "+", 1),
        // The last digit carries four bits that are not used.
        format!("{}B", &text[..text.len() - 1]),
        "é".repeat(1323),
    ] {
        assert!(PublicKey::parse(&wrong).is_err(), "{wrong}");
    }
    assert!(Signature::parse(&text).is_err());
    assert!(PublicKey::from_bytes(&[]).is_err());
    assert!(Signature::from_bytes(&[0; Signature::LENGTH + 1]).is_err());
}

#[test]
fn nothing_secret_is_shown() {
    let key = key(1);
    let shown = format!("{key:?} {:?} {:?}", key.public(), key.sign(context::ACK, b""));
    assert!(shown.len() < 120, "{shown}");
    let hex: String = key.seed().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.contains(&hex[..8]), "{shown}");
}

#[test]
fn keys_come_from_all_of_the_entropy() {
    let make = |a: u8, b: u8| {
        let mut parts = [[a; 32], [b; 32]].into_iter();
        SecretKey::generate(&mut || parts.next().unwrap())
    };
    assert_eq!(make(1, 2).public(), make(1, 2).public());
    assert_ne!(make(1, 2).public().ed25519(), make(3, 2).public().ed25519());
    assert_ne!(make(1, 2).public().ml_dsa(), make(1, 3).public().ml_dsa());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_signed_verifies(seed in any::<[u8; 32]>(), context in "[a-z/]{0,40}", text in any::<Vec<u8>>()) {
        let mut both = [7; 64];
        both[..32].copy_from_slice(&seed);
        let key = SecretKey::from_seed(both);
        let signature = key.sign(&context, &text);
        prop_assert_eq!(key.public().verify(&context, &text, &signature), Ok(()));
        prop_assert_eq!(key.sign(&context, &text), signature);
    }

    #[test]
    fn no_flipped_bit_verifies(at in 0..Signature::LENGTH, bit in 0..8u8) {
        let key = key(1);
        let mut signature = key.sign(context::ORIGIN, b"bytes").as_bytes().to_vec();
        signature[at] ^= 1 << bit;
        prop_assert!(!verifies(key, context::ORIGIN, b"bytes", &signature));
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), Signature::LENGTH), text in ".{0,200}") {
        prop_assert!(!verifies(key(1), context::ORIGIN, b"bytes", &bytes));
        let _ = PublicKey::parse(&text);
        let _ = Signature::parse(&text);
        if let Ok(key) = PublicKey::from_bytes(&bytes[..PublicKey::LENGTH]) {
            prop_assert_eq!(key.as_bytes(), &bytes[..PublicKey::LENGTH]);
        }
    }
}
