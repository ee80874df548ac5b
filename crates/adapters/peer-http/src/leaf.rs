//! Making a leaf: the certificate a node shows on connections, and the one form it may have.
//!
//! The form is fixed to the byte: X.509 v3, serial number from the key, the same short name as issuer and subject,
//! an Ed25519 key, one extension. So a certificate is judged by writing it again and comparing, and there is nothing
//! in it that nobody looked at.

use model::{Digest, Timestamp};
use ports::peer::Leaf;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_eddsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use sha2::Digest as _;
use zeroize::Zeroizing;

use crate::der;

/// The extension that carries the statement, as `2.25.` and the integer value of the UUID
/// `ad2eebb2-c595-4e62-b2a5-09d353b157ba`: an arc anyone may use without registering (ITU-T X.667 §7). Not critical;
/// its value is an OCTET STRING of the statement's bytes.
pub const STATEMENT_OID: &str = "2.25.230200069456301880812039590769350236090";

/// Longest statement, in bytes.
pub const MAX_STATEMENT: usize = 16 * 1024;

/// Longest validity of a leaf, in seconds: seven days.
pub const MAX_LIFETIME_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A leaf is valid from this long before it is made, so that a peer whose clock is behind takes it too, in seconds.
const BACKDATED_SECONDS: i64 = 60 * 60;

/// Content octets of [`STATEMENT_OID`] (X.690 §8.19).
pub(crate) const STATEMENT_OID_DER: [u8; 20] = [
    0x69, 0x82, 0xda, 0xae, 0xf5, 0xec, 0xd8, 0xd9, 0xaa, 0xb9, 0xc5, 0xb2, 0xd2, 0xc2, 0xba, 0xb5, 0x9d,
    0xc5, 0xaf, 0x3a,
];

const MICROS: i64 = 1_000_000;

/// Why there is no leaf.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// The validity is empty, longer than seven days, or beyond what a certificate can say.
    #[error("a leaf cannot be valid from {not_before} until {not_after}: at most seven days, and not empty")]
    Window {
        /// From.
        not_before: Timestamp,
        /// Until.
        not_after: Timestamp,
    },
    /// The statement is empty or longer than [`MAX_STATEMENT`].
    #[error("a leaf cannot carry a statement of {0} bytes: between 1 and 16384 are possible")]
    Statement(usize),
    /// The cryptographic library refused.
    #[error("the leaf's key cannot be used: {0}")]
    Key(String),
}

/// How long a leaf made now is valid, in whole seconds: seven days, of which one hour has passed, because a peer's
/// clock may be behind. Make the next one when half of it is over.
#[must_use]
pub fn leaf_window(now: Timestamp) -> (Timestamp, Timestamp) {
    let not_before = whole_seconds(now.plus_micros(-BACKDATED_SECONDS * MICROS));
    (not_before, not_before.plus_micros(MAX_LIFETIME_SECONDS * MICROS))
}

/// Makes a leaf whose Ed25519 key follows from `seed`: fresh bytes that nobody can guess and nothing else uses.
///
/// `issue` is given the SHA-256 of the key's SubjectPublicKeyInfo and the validity (whole seconds, the end
/// exclusive), and returns the statement that the party's current keys make about it.
///
/// # Errors
/// [`LeafError`] when the validity or the statement cannot be put in a leaf.
pub fn make_leaf(
    seed: &Zeroizing<[u8; 32]>,
    not_before: Timestamp,
    not_after: Timestamp,
    issue: &mut dyn FnMut(Digest, Timestamp, Timestamp) -> Vec<u8>,
) -> Result<Leaf, LeafError> {
    let (not_before, not_after) = (whole_seconds(not_before), whole_seconds(not_after));
    if !window_is_sound(not_before, not_after) {
        return Err(LeafError::Window { not_before, not_after });
    }
    let pkcs8 = pkcs8(seed);
    let signing = signing_key(&pkcs8)?;
    let spki =
        signing.public_key().ok_or_else(|| LeafError::Key("it does not tell its public half".to_owned()))?;
    let statement = issue(key_digest(&spki), not_before, not_after);
    if statement.is_empty() || statement.len() > MAX_STATEMENT {
        return Err(LeafError::Statement(statement.len()));
    }
    let body = body(&spki, not_before, not_after, &statement);
    let signer = signing
        .choose_scheme(&[SignatureScheme::ED25519])
        .ok_or_else(|| LeafError::Key("it does not sign with Ed25519".to_owned()))?;
    let signature = signer.sign(&body).map_err(|error| LeafError::Key(error.to_string()))?;
    Ok(Leaf { certificate: certificate(&body, &signature), key: pkcs8 })
}

/// A leaf from its signed part and the signature over that (RFC 5280 §4.1).
pub(crate) fn certificate(body: &[u8], signature: &[u8]) -> Vec<u8> {
    der::sequence(&[body, &algorithm(), &der::bit_string(signature)])
}

/// The signed part of a leaf (RFC 5280 §4.1.2). `spki` is the key's whole SubjectPublicKeyInfo.
pub(crate) fn body(spki: &[u8], not_before: Timestamp, not_after: Timestamp, statement: &[u8]) -> Vec<u8> {
    let version = der::element(0xa0, &der::integer(&[2]));
    let digest = key_digest(spki);
    // Positive, never zero, and within the 20 octets that RFC 5280 §4.1.2.2 allows.
    let mut serial = [0x40; 16];
    for (slot, byte) in serial.iter_mut().skip(1).zip(digest.0) {
        *slot = byte;
    }
    let name = name();
    let extension = der::sequence(&[
        &der::element(0x06, &STATEMENT_OID_DER),
        &der::octet_string(&der::octet_string(statement)),
    ]);
    der::sequence(&[
        &version,
        &der::integer(&serial),
        &algorithm(),
        &name,
        &der::sequence(&[&time(not_before), &time(not_after)]),
        &name,
        spki,
        &der::element(0xa3, &der::sequence(&[&extension])),
    ])
}

/// Whether a leaf may be valid like this.
pub(crate) fn window_is_sound(not_before: Timestamp, not_after: Timestamp) -> bool {
    let seconds = not_after.as_micros().saturating_sub(not_before.as_micros()) / MICROS;
    (1..=MAX_LIFETIME_SECONDS).contains(&seconds)
}

/// SHA-256 of a SubjectPublicKeyInfo.
pub(crate) fn key_digest(spki: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(spki).into())
}

/// The key to sign with, from PKCS#8.
pub(crate) fn signing_key(pkcs8: &[u8]) -> Result<std::sync::Arc<dyn SigningKey>, LeafError> {
    any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).map_err(|error| LeafError::Key(error.to_string()))
}

/// An Ed25519 private key as PKCS#8 (RFC 8410 §7).
fn pkcs8(seed: &Zeroizing<[u8; 32]>) -> Zeroizing<Vec<u8>> {
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let mut out = Zeroizing::new(Vec::with_capacity(HEAD.len() + seed.len()));
    out.extend_from_slice(&HEAD);
    out.extend_from_slice(seed.as_slice());
    out
}

/// AlgorithmIdentifier of Ed25519 (RFC 8410 §3).
fn algorithm() -> Vec<u8> {
    der::sequence(&[&der::element(0x06, &[0x2b, 0x65, 0x70])])
}

/// Common name, as UTF8String. It names nobody: a scanner learns that a node is here, not whose.
fn name() -> Vec<u8> {
    let attribute =
        der::sequence(&[&der::element(0x06, &[0x55, 0x04, 0x03]), &der::element(0x0c, b"Shieldwall node")]);
    der::sequence(&[&der::element(0x31, &attribute)])
}

/// UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
fn time(at: Timestamp) -> Vec<u8> {
    let text = at.to_string();
    let mut digits: String = text.chars().take(19).filter(char::is_ascii_digit).collect();
    digits.push('Z');
    match digits.strip_prefix("19").or_else(|| digits.strip_prefix("20").filter(|rest| *rest < "50")) {
        Some(two_digits_of_year) => der::element(0x17, two_digits_of_year.as_bytes()),
        None => der::element(0x18, digits.as_bytes()),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(MICROS).saturating_mul(MICROS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arc_is_the_uuid() {
        let uuid: u128 = 0xad2e_ebb2_c595_4e62_b2a5_09d3_53b1_57ba;
        assert_eq!(STATEMENT_OID, format!("2.25.{uuid}"));
        let mut value = 0_u128;
        for byte in &STATEMENT_OID_DER[1..] {
            value = value << 7 | u128::from(byte & 0x7f);
        }
        assert_eq!((STATEMENT_OID_DER[0], value), (2 * 40 + 25, uuid));
    }

    #[test]
    fn times_are_written_as_rfc_5280_says() {
        let written = |text: &str| time(text.parse().unwrap());
        assert_eq!(written("2026-11-03T04:05:06.789Z"), [&[0x17, 13][..], b"261103040506Z"].concat());
        assert_eq!(written("2049-12-31T23:59:59Z"), [&[0x17, 13][..], b"491231235959Z"].concat());
        assert_eq!(written("2050-01-01T00:00:00Z"), [&[0x18, 15][..], b"20500101000000Z"].concat());
    }

    #[test]
    fn a_leaf_is_a_function_of_its_arguments() {
        let now: Timestamp = "2026-11-03T04:05:06.789Z".parse().unwrap();
        let (from, until) = leaf_window(now);
        assert_eq!(from.to_string(), "2026-11-03T03:05:06.000Z");
        assert_eq!(until.to_string(), "2026-11-10T03:05:06.000Z");
        let seed = Zeroizing::new([7; 32]);
        let mut asked = Vec::new();
        let mut make = || {
            make_leaf(&seed, from, until, &mut |key, from, until| {
                asked.push((key, from, until));
                b"a statement".to_vec()
            })
            .unwrap()
        };
        let (one, two) = (make(), make());
        assert_eq!(one.certificate, two.certificate);
        assert_eq!(one.key, two.key);
        assert_eq!(asked[0], asked[1]);
        assert_eq!((asked[0].1, asked[0].2), (from, until));
    }

    #[test]
    fn what_a_leaf_cannot_be() {
        let now: Timestamp = "2026-11-03T04:05:06Z".parse().unwrap();
        let seed = Zeroizing::new([7; 32]);
        let week = MAX_LIFETIME_SECONDS * MICROS;
        for (until, size, works) in [
            (week, 1, true),
            (week, MAX_STATEMENT, true),
            (week, 0, false),
            (week, MAX_STATEMENT + 1, false),
            (week + MICROS, 1, false),
            (0, 1, false),
            (-MICROS, 1, false),
            (999_999, 1, false),
        ] {
            let made = make_leaf(&seed, now, now.plus_micros(until), &mut |_, _, _| vec![b'x'; size]);
            assert_eq!(made.is_ok(), works, "{until} µs, {size} bytes: {:?}", made.err());
        }
    }
}
