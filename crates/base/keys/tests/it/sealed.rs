//! Private keys at rest.

use keys::sealed::{Cost, MAX_SECRET, Opener, Sealed, SealedError};

use crate::common::entropy;

const PURPOSE: &str = "epoch key";
const FILE: Opener<'static> = Opener::KeyFile(&[7; 32]);

fn by_passphrase() -> Sealed {
    seal(b"secret bytes", Opener::Passphrase("correct horse")).unwrap()
}

fn seal(secret: &[u8], opener: Opener<'_>) -> Result<Sealed, SealedError> {
    Sealed::seal(PURPOSE, secret, opener, Cost::LEAST, &mut entropy())
}

fn open(text: &str, opener: Opener<'_>) -> Result<Vec<u8>, SealedError> {
    Sealed::parse(text.as_bytes())?.open(PURPOSE, opener).map(|secret| secret.to_vec())
}

#[test]
fn what_is_sealed_opens() {
    let sealed = by_passphrase();
    assert!(sealed.needs_passphrase());
    assert_eq!(open(&sealed.to_text(), Opener::Passphrase("correct horse")).unwrap(), b"secret bytes");
    let sealed = seal(b"", FILE).unwrap();
    assert!(!sealed.needs_passphrase());
    assert_eq!(open(&format!("{}\n", sealed.to_text()), FILE).unwrap(), b"");
    assert_eq!(
        seal(&vec![5; MAX_SECRET], FILE).map(|s| open(&s.to_text(), FILE).unwrap().len()),
        Ok(MAX_SECRET)
    );
}

#[test]
fn the_format_stays_readable() {
    // Written once by this version; every later version must open it.
    let text = include_str!("../fixtures/sealed-v1.json");
    assert_eq!(open(text, Opener::Passphrase("correct horse")).unwrap(), b"secret bytes");
    assert_eq!(by_passphrase().to_text(), text.trim_end());
    let text = include_str!("../fixtures/sealed-v1-key-file.json");
    assert_eq!(open(text, FILE).unwrap(), b"secret bytes");
}

#[test]
fn wrong_openers() {
    let text = by_passphrase().to_text();
    assert_eq!(open(&text, Opener::Passphrase("correct horsf")), Err(SealedError::Closed));
    assert_eq!(open(&text, Opener::Passphrase("")), Err(SealedError::Closed));
    assert_eq!(open(&text, FILE), Err(SealedError::Needs("a passphrase")));
    let text = seal(b"x", FILE).unwrap().to_text();
    assert_eq!(open(&text, Opener::KeyFile(&[8; 32])), Err(SealedError::Closed));
    assert_eq!(open(&text, Opener::Passphrase("x")), Err(SealedError::Needs("a key file")));
}

#[test]
fn a_key_is_not_passed_off_as_another() {
    let sealed = seal(b"x", FILE).unwrap();
    let wrong = SealedError::Purpose { expected: "root key".to_owned(), found: PURPOSE.to_owned() };
    assert_eq!(sealed.open("root key", FILE).unwrap_err(), wrong);
    // Somebody who writes another purpose on it, checksum and all, gets nowhere.
    let other = Sealed::seal("root key", b"y", FILE, Cost::LEAST, &mut entropy()).unwrap().to_text();
    let data = |text: &str| text.split("\"data\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forged = other.replace(&data(&other), &data(&sealed.to_text()));
    assert_eq!(Sealed::parse(forged.as_bytes()), Err(SealedError::Damaged));
    let forged = with_right_checksum(&forged);
    assert_eq!(
        Sealed::parse(forged.as_bytes()).unwrap().open("root key", FILE).unwrap_err(),
        SealedError::Closed
    );
}

/// What anyone can compute who wants to deceive.
fn with_right_checksum(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let check = text.split("\"check\":\"").nth(1).unwrap().split('"').next().unwrap();
    let without = text.replace(&format!("\"check\":\"{check}\","), "");
    let digest = sha2::Sha256::digest(without.as_bytes());
    text.replace(check, &base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..8]))
}

#[test]
fn damage_is_told_from_a_wrong_passphrase() {
    let text = seal(b"secret bytes", FILE).unwrap().to_text();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let error = Sealed::parse(&changed).unwrap_err();
        assert!(matches!(error, SealedError::Damaged | SealedError::Malformed(_)), "{at}: {error:?}");
        assert!(Sealed::parse(&text.as_bytes()[..at]).is_err(), "{at}");
    }
}

#[test]
fn costs_are_bounded_both_ways() {
    let text = by_passphrase().to_text();
    for (from, to) in [
        ("\"memory_kib\":19456", "\"memory_kib\":8"),
        ("\"memory_kib\":19456", "\"memory_kib\":4194304"),
        ("\"memory_kib\":19456", "\"memory_kib\":-1"),
        ("\"passes\":2", "\"passes\":1"),
        ("\"passes\":2", "\"passes\":4294967296"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let error = Sealed::parse(with_right_checksum(&changed).as_bytes()).unwrap_err();
        assert!(matches!(error, SealedError::Malformed(_)), "{to}: {error:?}");
    }
    let weak = Cost { memory_kib: 1024, passes: 2 };
    let refused = Sealed::seal(PURPOSE, b"", Opener::Passphrase("x"), weak, &mut entropy());
    assert!(matches!(refused, Err(SealedError::Unfit(_))));
}

#[test]
fn what_cannot_be_sealed() {
    for (purpose, secret, opener) in [
        (PURPOSE, vec![0; MAX_SECRET + 1], FILE),
        ("", vec![], FILE),
        ("two\nlines", vec![], FILE),
        (PURPOSE, vec![], Opener::Passphrase("")),
    ] {
        let refused = Sealed::seal(purpose, &secret, opener, Cost::LEAST, &mut entropy());
        assert!(matches!(refused, Err(SealedError::Unfit(_))), "{purpose:?}");
    }
}

#[test]
fn unknown_versions_and_members_are_refused() {
    let text = seal(b"x", FILE).unwrap().to_text();
    for (from, to, says) in [
        ("\"v\":1", "\"v\":2", "version"),
        ("key-file", "pbkdf2", "known"),
        ("xchacha20-poly1305", "rot13", "known"),
        ("{\"check\"", "{\"also\":1,\"check\"", "not known"),
    ] {
        let error = Sealed::parse(text.replace(from, to).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn salts_and_nonces_are_fresh() {
    let mut entropy = entropy();
    let mut seal = || Sealed::seal(PURPOSE, b"x", FILE, Cost::LEAST, &mut entropy).unwrap().to_text();
    assert_ne!(seal(), seal());
}
