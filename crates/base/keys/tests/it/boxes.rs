//! Sealing to a party: what opens, and what does not.

use keys::InvalidKey;
use keys::boxes::{BoxPublicKey, BoxSecretKey, CannotOpen};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

fn secret(n: u8) -> BoxSecretKey {
    BoxSecretKey::from_seed([n; 32])
}

#[test]
fn lengths_are_those_of_x_wing() {
    // draft-connolly-cfrg-xwing-kem §5: 1216-byte public keys, 1120-byte ciphertexts; and a 16-byte tag.
    assert_eq!(secret(1).public().as_bytes().len(), 1216);
    let sealed = secret(1).public().seal(b"", b"", b"text", [9; 32]).unwrap();
    assert_eq!((sealed.len(), BoxPublicKey::OVERHEAD), (1120 + 4 + 16, 1136));
}

/// draft-connolly-cfrg-xwing-kem, appendix C, the first two vectors; public keys by their digests.
#[test]
fn keys_are_those_of_x_wing() {
    for (seed, public) in [
        (
            "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
            "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb",
        ),
        (
            "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
            "c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916",
        ),
    ] {
        let seed: model::Digest = seed.parse().unwrap();
        let key = BoxSecretKey::from_seed(seed.0).public();
        assert_eq!(model::Digest(Sha256::digest(key.as_bytes()).into()).to_string(), public);
    }
}

#[test]
fn only_the_owner_opens_and_only_for_the_same_purpose() {
    let sealed = secret(1).public().seal(b"courier", b"bundle 7", b"text", [9; 32]).unwrap();
    assert_eq!(secret(1).open(b"courier", b"bundle 7", &sealed).unwrap().as_slice(), b"text");
    assert_eq!(secret(2).open(b"courier", b"bundle 7", &sealed), Err(CannotOpen));
    assert_eq!(secret(1).open(b"query", b"bundle 7", &sealed), Err(CannotOpen));
    assert_eq!(secret(1).open(b"courier", b"bundle 8", &sealed), Err(CannotOpen));
}

#[test]
fn the_same_text_is_sealed_differently() {
    let seal = |entropy| secret(1).public().seal(b"", b"", b"text", [entropy; 32]).unwrap();
    assert_eq!(seal(1), seal(1));
    let (a, b) = (seal(1), seal(2));
    assert_ne!(a[..1120], b[..1120]);
    assert_ne!(a[1120..], b[1120..]);
}

#[test]
fn keys_as_text() {
    let public = secret(1).public();
    assert_eq!(BoxPublicKey::parse(&public.to_text()), Ok(public.clone()));
    assert!(matches!(BoxPublicKey::parse(""), Err(InvalidKey::Length { found: 0, expected: 1216 })));
    // FIPS 203 §7.2: coefficients from 3329 on are refused.
    assert_eq!(BoxPublicKey::from_bytes(&[0xff; 1216]), Err(InvalidKey::MlKem));
    assert!(format!("{public:?}{:?}", secret(1)).len() < 60);
}

#[test]
fn every_truncation_is_refused() {
    let sealed = secret(1).public().seal(b"", b"", b"text", [9; 32]).unwrap();
    for end in [0, 1, 1119, 1120, 1121, 1135, 1136, sealed.len() - 1] {
        assert_eq!(secret(1).open(b"", b"", &sealed[..end]), Err(CannotOpen), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_sealed_opens(text in any::<Vec<u8>>(), info in any::<[u8; 4]>(), entropy in any::<[u8; 32]>()) {
        let sealed = secret(1).public().seal(&info, b"aad", &text, entropy).unwrap();
        let opened = secret(1).open(&info, b"aad", &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), text.as_slice());
    }

    #[test]
    fn no_flipped_bit_opens(at in 0..1140usize, bit in 0..8u8) {
        let mut sealed = secret(1).public().seal(b"", b"", b"text", [9; 32]).unwrap();
        sealed[at] ^= 1 << bit;
        prop_assert_eq!(secret(1).open(b"", b"", &sealed), Err(CannotOpen));
    }
}
