//! Pairing: three documents, the words, and somebody in the middle.

use keys::events::{Change, Event, KeyHistory};
use keys::invitation::{
    Acceptance, Invitation, MAX_INVITATION, PairingError, Signer, open_commitment, verify_opening,
};
use keys::words::{Pairing, commitment, fingerprint};
use keys::{Signed, context};
use model::Timestamp;

use crate::common::{day, history, inception, key, minute, rotation, sign, terms};

/// A second party: root keys as the first's, epoch key 30. A third would have 40.
fn other(epoch: u16) -> KeyHistory {
    let mut event: Event = inception();
    if let Change::Inception { name, epoch: begun, .. } = &mut event.change {
        *name = format!("CERT {epoch}");
        *begun = terms(epoch, epoch + 1, day(90));
    }
    KeyHistory::begin(&sign(&event, &[1, 2, epoch]), day(0)).unwrap()
}

fn signer(history: &KeyHistory, epoch: u16) -> Signer<'_> {
    Signer { history, epoch: key(epoch), endpoint: Some("https://node.example:8443") }
}

fn invite(history: &KeyHistory, epoch: u16, nonce: u8) -> Signed {
    Invitation::issue(signer(history, epoch), &[nonce; 32], day(1), day(8)).unwrap()
}

fn accept(invitation: &Signed, history: &KeyHistory, epoch: u16, nonce: u8) -> Signed {
    let invitation = Invitation::verify(invitation, day(2)).unwrap();
    Acceptance::issue(&invitation, signer(history, epoch), &[nonce; 32], day(2), day(8)).unwrap()
}

#[test]
fn both_sides_get_the_same_words() {
    let (ours, theirs) = (history(), other(30));
    let invitation = invite(&ours, 10, 1);
    let invited =
        Invitation::verify(&Signed::parse(invitation.to_text().as_bytes()).unwrap(), day(2)).unwrap();
    assert_eq!(invited.from.history.party(), ours.party());
    assert_eq!(invited.from.endpoint.as_deref(), Some("https://node.example:8443"));
    let acceptance = accept(&invitation, &theirs, 30, 2);
    let accepted = Acceptance::verify(&acceptance, ours.party(), invitation.hash(), day(3)).unwrap();
    assert_eq!(accepted.from.history.party(), theirs.party());
    let (opening, here) = open_commitment(signer(&ours, 10), &accepted, &[1; 32]).unwrap();
    let there =
        verify_opening(&opening, &invited, theirs.party(), acceptance.hash(), [2; 32], day(3)).unwrap();
    assert_eq!(here, there);
    assert_eq!(here.words().len(), Pairing::WORDS);
    assert_eq!(here.words(), there.words());
    assert_ne!(fingerprint(ours.party()), fingerprint(theirs.party()));
}

/// Somebody in the middle, with a party of its own, plays both sides; each finds everything in order but the words.
#[test]
fn somebody_in_the_middle_is_heard() {
    let (ours, theirs, middle) = (history(), other(30), other(40));
    let mut heard = std::collections::BTreeSet::new();
    for nonce in 0..6 {
        // The middle knows the invitation but not its nonce, and must commit before theirs.
        let real = invite(&ours, 10, 1);
        let forged = Invitation::issue(signer(&middle, 40), &[nonce; 32], day(1), day(8)).unwrap();
        let to_us = accept(&real, &middle, 40, nonce);
        let from_them = accept(&forged, &theirs, 30, 2);
        let accepted = Acceptance::verify(&to_us, ours.party(), real.hash(), day(3)).unwrap();
        let (_, here) = open_commitment(signer(&ours, 10), &accepted, &[1; 32]).unwrap();
        let accepted = Acceptance::verify(&from_them, middle.party(), forged.hash(), day(3)).unwrap();
        let (opening, _) = open_commitment(signer(&middle, 40), &accepted, &[nonce; 32]).unwrap();
        let invited = Invitation::verify(&forged, day(3)).unwrap();
        let there =
            verify_opening(&opening, &invited, theirs.party(), from_them.hash(), [2; 32], day(3)).unwrap();
        assert_ne!(here.words(), there.words());
        heard.insert(here.words());
        heard.insert(there.words());
    }
    assert_eq!(heard.len(), 12, "every try gives other words");
}

#[test]
fn the_commitment_binds() {
    let (ours, theirs) = (history(), other(30));
    let invitation = invite(&ours, 10, 1);
    let invited = Invitation::verify(&invitation, day(2)).unwrap();
    assert_eq!(invited.commitment, commitment(ours.party(), &[1; 32]));
    let acceptance = accept(&invitation, &theirs, 30, 2);
    let accepted = Acceptance::verify(&acceptance, ours.party(), invitation.hash(), day(3)).unwrap();
    let (opening, _) = open_commitment(signer(&ours, 10), &accepted, &[7; 32]).unwrap();
    let verify = |opening: &Signed, acceptance: &Signed| {
        verify_opening(opening, &invited, theirs.party(), acceptance.hash(), [2; 32], day(3))
    };
    assert_eq!(verify(&opening, &acceptance), Err(PairingError::Commitment));
    // An opening for another acceptance, by another party, or not signed by the inviter.
    let (opening, _) = open_commitment(signer(&ours, 10), &accepted, &[1; 32]).unwrap();
    let another = accept(&invitation, &theirs, 30, 3);
    assert!(matches!(verify(&opening, &another), Err(PairingError::OtherDocument { .. })));
    let (foreign, _) = open_commitment(signer(&theirs, 30), &accepted, &[1; 32]).unwrap();
    assert!(matches!(verify(&foreign, &acceptance), Err(PairingError::OtherParty(_))));
    let unsigned = Signed { signatures: Vec::new(), ..opening };
    assert!(matches!(verify(&unsigned, &acceptance), Err(PairingError::Key(_))));
}

#[test]
fn documents_expire() {
    let invitation = invite(&history(), 10, 1);
    let check = |now: Timestamp, holds: bool| {
        assert_eq!(Invitation::verify(&invitation, now).is_ok(), holds, "{now}");
    };
    check(day(1), true);
    check(day(8).plus_micros(-1), true);
    check(day(8), false);
    check(day(1).plus_micros(-5 * 60_000_000), true);
    check(day(1).plus_micros(-5 * 60_000_000 - 1), false);
    let (ours, theirs) = (history(), other(30));
    let acceptance = accept(&invitation, &theirs, 30, 2);
    let late = Acceptance::verify(&acceptance, ours.party(), invitation.hash(), day(8));
    assert!(matches!(late, Err(PairingError::Outside(_))));
    for until in [day(1), day(0), day(1).plus_micros(MAX_INVITATION + 1)] {
        let refused = Invitation::issue(signer(&ours, 10), &[1; 32], day(1), until);
        assert!(matches!(refused, Err(PairingError::Length(_))), "{until}");
    }
    // Written by hand to hold for ever.
    let body = invitation.body.replace("\"expires\":\"2026-01-09", "\"expires\":\"2027-01-09");
    let long = Signed::sign(&body, context::INVITATION, &[key(10)]).unwrap();
    assert!(matches!(Invitation::verify(&long, day(2)), Err(PairingError::Length(_))));
}

#[test]
fn answers_to_something_else() {
    let (ours, theirs) = (history(), other(30));
    let (first, second) = (invite(&ours, 10, 1), invite(&ours, 10, 9));
    let acceptance = accept(&first, &theirs, 30, 2);
    assert!(matches!(
        Acceptance::verify(&acceptance, ours.party(), second.hash(), day(3)),
        Err(PairingError::OtherDocument { .. })
    ));
    // A mirror: our own invitation, accepted in our own name.
    let invited = Invitation::verify(&first, day(2)).unwrap();
    let own = Acceptance::issue(&invited, signer(&ours, 10), &[2; 32], day(2), day(8));
    assert!(matches!(own, Err(PairingError::OtherParty(_))));
    let reflected = Acceptance::verify(&acceptance, theirs.party(), first.hash(), day(3));
    assert!(matches!(reflected, Err(PairingError::OtherParty(_))));
    // One kind of document for the other.
    assert!(Invitation::verify(&acceptance, day(3)).is_err());
    assert!(Acceptance::verify(&first, theirs.party(), first.hash(), day(3)).is_err());
}

#[test]
fn forged_invitations() {
    let ours = history();
    let invitation = invite(&ours, 10, 1);
    let resign = |body: &str, by: u16| Signed::sign(body, context::INVITATION, &[key(by)]).unwrap();
    let refused = |signed: &Signed, expect: fn(&PairingError) -> bool| {
        let error = Invitation::verify(signed, day(2)).unwrap_err();
        assert!(expect(&error), "{error:?}");
    };
    // Another endpoint, signed by someone else or by nobody.
    let moved = invitation.body.replace("node.example", "evil.example");
    refused(&resign(&moved, 40), |e| matches!(e, PairingError::Key(_)));
    refused(&Signed { body: moved, ..invitation.clone() }, |e| matches!(e, PairingError::Key(_)));
    refused(&Signed { signatures: vec![], ..invitation.clone() }, |e| matches!(e, PairingError::Key(_)));
    // In another party's name.
    let renamed = invitation.body.replace(&ours.party().to_string(), &other(30).party().to_string());
    refused(&resign(&renamed, 10), |e| matches!(e, PairingError::OtherParty(_) | PairingError::Events(_)));
    // By the key of an epoch that is over.
    let mut rotated = history();
    rotated.apply(&rotation(&rotated, minute(30), 11, 12, &[10, 11]), minute(30)).unwrap();
    let stale = Invitation::issue(signer(&rotated, 10), &[1; 32], day(1), day(8)).unwrap();
    refused(&stale, |e| matches!(e, PairingError::Key(_)));
    // Addresses that are none.
    for endpoint in
        ["http://node.example", "https://", "https://a/b", "https://a@b", "https://a b", "file:///x"]
    {
        let signer = Signer { endpoint: Some(endpoint), ..signer(&ours, 10) };
        assert!(Invitation::issue(signer, &[1; 32], day(1), day(8)).is_err(), "{endpoint}");
        let body = invitation.body.replace("https://node.example:8443", endpoint);
        refused(&resign(&body, 10), |e| matches!(e, PairingError::Malformed(_)));
    }
    let silent = Signer { endpoint: None, ..signer(&ours, 10) };
    let silent = Invitation::issue(silent, &[1; 32], day(1), day(8)).unwrap();
    assert_eq!(Invitation::verify(&silent, day(2)).unwrap().from.endpoint, None);
}

#[test]
fn every_truncation_is_refused() {
    let text = invite(&history(), 10, 1).to_text();
    for end in (0..text.len()).step_by(53) {
        assert!(Signed::parse(&text.as_bytes()[..end]).is_err(), "{end}");
    }
}
