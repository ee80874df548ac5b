//! Certificates that are nearly leaves, each wrong in one way.

use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use zeroize::Zeroizing;

use super::*;
use crate::der::{bit_string, element, integer, octet_string, sequence};
use crate::leaf::{leaf_window, make_leaf, signing_key};

const NOON: &str = "2026-11-03T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn good() -> Vec<u8> {
    let (from, until) = leaf_window(at(NOON));
    make_leaf(&Zeroizing::new([7; 32]), from, until, &mut |_, _, _| b"it is me".to_vec()).unwrap().certificate
}

/// The parts of a certificate, to be put together wrongly.
#[derive(Clone)]
struct Parts {
    version: Vec<u8>,
    serial: Vec<u8>,
    algorithm: Vec<u8>,
    issuer: Vec<u8>,
    validity: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    outer_algorithm: Vec<u8>,
}

fn key() -> Arc<dyn SigningKey> {
    let leaf =
        make_leaf(&Zeroizing::new([7; 32]), at(NOON), at("2026-11-04T12:00:00Z"), &mut |_, _, _| vec![1]);
    signing_key(&leaf.unwrap().key).unwrap()
}

impl Parts {
    /// Of a good leaf, taken apart by hand rather than by what is tested.
    fn new() -> Self {
        let spki = key().public_key().unwrap().to_vec();
        let mut serial = vec![0x40];
        serial.extend_from_slice(&leaf::key_digest(&spki).0[..15]);
        let algorithm = sequence(&[&element(6, &[0x2b, 0x65, 0x70])]);
        let attribute = sequence(&[&element(6, &[0x55, 4, 3]), &element(0x0c, b"Shieldwall node")]);
        let name = sequence(&[&element(0x31, &attribute)]);
        Self {
            version: element(0xa0, &integer(&[2])),
            serial: integer(&serial),
            algorithm: algorithm.clone(),
            issuer: name.clone(),
            validity: validity(b"261103110000Z", b"261110110000Z"),
            subject: name,
            spki,
            extensions: vec![extension(b"it is me")],
            outer_algorithm: algorithm,
        }
    }

    fn signed(&self) -> Vec<u8> {
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let listed = element(0xa3, &sequence(&extensions));
        let body = sequence(&[
            &self.version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.spki,
            if extensions.is_empty() { &[] } else { &listed },
        ]);
        let signature = key().choose_scheme(&[SignatureScheme::ED25519]).unwrap().sign(&body).unwrap();
        sequence(&[&body, &self.outer_algorithm, &bit_string(&signature)])
    }
}

fn validity(from: &[u8], until: &[u8]) -> Vec<u8> {
    sequence(&[&element(0x17, from), &element(0x17, until)])
}

fn extension(statement: &[u8]) -> Vec<u8> {
    sequence(&[&element(6, &STATEMENT_OID_DER), &octet_string(&octet_string(statement))])
}

#[track_caller]
fn check(expected: Unfit, change: impl FnOnce(&mut Parts)) {
    let mut parts = Parts::new();
    change(&mut parts);
    assert_eq!(read(&parts.signed(), at(NOON)).map(|_| ()), Err(expected));
}

#[test]
fn the_one_form() {
    let leaf = Parts::new().signed();
    assert_eq!(leaf, good());
    let shown = read(&leaf, at(NOON)).map_err(|unfit| unfit.to_string()).unwrap();
    assert_eq!(&*shown.statement, b"it is me");
    assert_eq!(shown.key, leaf::key_digest(&key().public_key().unwrap()));
    assert_eq!(shown.not_after, at("2026-11-10T11:00:00Z"));
}

#[test]
fn statements_missing_doubled_and_out_of_bounds() {
    check(Unfit::NoStatement, |parts| parts.extensions.clear());
    let basic_constraints = sequence(&[&element(6, &[0x55, 0x1d, 0x13]), &octet_string(&sequence(&[]))]);
    check(Unfit::NoStatement, |parts| parts.extensions = vec![basic_constraints.clone()]);
    check(Unfit::Form, |parts| parts.extensions.push(basic_constraints.clone()));
    check(Unfit::Statements, |parts| parts.extensions.push(extension(b"it is me")));
    check(Unfit::Statements, |parts| parts.extensions.push(extension(b"no, me")));
    check(Unfit::Statement, |parts| parts.extensions = vec![extension(b"")]);
    check(Unfit::Statement, |parts| parts.extensions = vec![extension(&[b'x'; MAX_STATEMENT + 1])]);
    let value = |value: &[u8]| sequence(&[&element(6, &STATEMENT_OID_DER), &octet_string(value)]);
    check(Unfit::Statement, |parts| parts.extensions = vec![value(b"not an octet string")]);
    check(Unfit::Statement, |parts| parts.extensions = vec![value(&element(0x0c, b"text"))]);
    check(Unfit::Statement, |parts| parts.extensions = vec![value(&[octet_string(b"me"), vec![0]].concat())]);
    // The longest that may be.
    let mut parts = Parts::new();
    parts.extensions = vec![extension(&[b'x'; MAX_STATEMENT])];
    assert!(read(&parts.signed(), at(NOON)).is_ok());
}

#[test]
fn times() {
    let inside = good();
    for (now, expected) in [
        ("2026-11-03T10:59:59.999999Z", Err(Unfit::Early(at("2026-11-03T11:00:00Z")))),
        ("2026-11-03T11:00:00Z", Ok(())),
        ("2026-11-10T10:59:59.999999Z", Ok(())),
        ("2026-11-10T11:00:00Z", Err(Unfit::Expired(at("2026-11-10T11:00:00Z")))),
    ] {
        assert_eq!(read(&inside, at(now)).map(|_| ()), expected, "{now}");
    }
    check(Unfit::Window, |parts| parts.validity = validity(b"261103110000Z", b"261110110001Z"));
    check(Unfit::Window, |parts| parts.validity = validity(b"261103110000Z", b"261103110000Z"));
    check(Unfit::Window, |parts| parts.validity = validity(b"261103110000Z", b"261101110000Z"));
    check(Unfit::Window, |parts| parts.validity = validity(b"261103110000Z", b"491231235959Z"));
    let general = |until: &[u8]| sequence(&[&element(0x17, b"261103110000Z"), &element(0x18, until)]);
    check(Unfit::Window, |parts| parts.validity = general(b"99991231235959Z"));
    // The same instant in the other spelling is another certificate.
    check(Unfit::Form, |parts| parts.validity = general(b"20261110110000Z"));
}

#[test]
fn every_other_part_has_one_form() {
    check(Unfit::Form, |parts| parts.serial = integer(&[1]));
    check(Unfit::Form, |parts| parts.subject = sequence(&[]));
    check(Unfit::Form, |parts| parts.issuer = sequence(&[]));
    check(Unfit::Form, |parts| {
        let attribute = sequence(&[&element(6, &[0x55, 4, 3]), &element(0x0c, b"Other node")]);
        parts.issuer = sequence(&[&element(0x31, &attribute)]);
    });
    check(Unfit::Form, |parts| {
        let statement = octet_string(&octet_string(b"it is me"));
        let critical = element(1, &[0xff]);
        parts.extensions = vec![sequence(&[&element(6, &STATEMENT_OID_DER), &critical, &statement])];
    });
    // ECDSA with SHA-256, claimed outside or inside.
    let ecdsa = sequence(&[&element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    check(Unfit::Form, |parts| parts.outer_algorithm = ecdsa.clone());
    check(Unfit::Form, |parts| parts.algorithm = ecdsa.clone());
    // A key of another kind, and one that is short of a byte.
    check(Unfit::Form, |parts| {
        parts.spki = sequence(&[&sequence(&[&element(6, &[0x2b, 0x65, 0x6e])]), &bit_string(&[9; 32])]);
    });
    check(Unfit::Form, |parts| {
        parts.spki = sequence(&[&sequence(&[&element(6, &[0x2b, 0x65, 0x70])]), &bit_string(&[9; 31])]);
    });
}

#[test]
fn a_leaf_signed_by_another_key() {
    check(Unfit::Signature, |parts| {
        let other =
            make_leaf(&Zeroizing::new([8; 32]), at(NOON), at("2026-11-04T12:00:00Z"), &mut |_, _, _| vec![1]);
        let other = signing_key(&other.unwrap().key).unwrap();
        parts.spki = other.public_key().unwrap().to_vec();
        let mut serial = vec![0x40];
        serial.extend_from_slice(&leaf::key_digest(&parts.spki).0[..15]);
        parts.serial = integer(&serial);
    });
}

#[test]
fn not_one_byte_can_be_changed_added_or_left_out() {
    let leaf = good();
    for place in 0..leaf.len() {
        for bit in 0..8 {
            let mut changed = leaf.clone();
            changed[place] ^= 1 << bit;
            assert!(read(&changed, at(NOON)).is_err(), "bit {bit} of byte {place}");
        }
        assert!(read(&leaf[..place], at(NOON)).is_err(), "cut at {place}");
        let mut longer = leaf.clone();
        longer.insert(place, 0);
        assert!(read(&longer, at(NOON)).is_err(), "a byte more at {place}");
    }
    assert_eq!(read(&[leaf, vec![0]].concat(), at(NOON)).map(|_| ()), Err(Unfit::Malformed));
    assert!(matches!(read(&[0x30; MAX_CERTIFICATE + 1], at(NOON)), Err(Unfit::Long(_))));
    for junk in
        [&b""[..], b"-----BEGIN CERTIFICATE-----", &[0x30; 100], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]]
    {
        assert_eq!(read(junk, at(NOON)).map(|_| ()), Err(Unfit::Malformed));
    }
}

#[test]
fn certificates_of_the_usual_makers_are_no_leaves() {
    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P256_SHA256] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let mut params = rcgen::CertificateParams::new(["node.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 11, 3);
        params.not_after = rcgen::date_time_ymd(2026, 11, 9);
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(read(certificate.der(), at(NOON)).map(|_| ()), Err(Unfit::NoStatement));
    }
}
