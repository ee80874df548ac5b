//! Streams signed under real key histories.

use std::collections::{BTreeMap, BTreeSet};

use exchange::*;
use keys::SecretKey;
use keys::boxes::BoxSecretKey;
use keys::events::{Change, EpochTerms, Event, KeyHistory, Reason, Roots};
use model::{AgreementId, PartyId, Timestamp};

use crate::support::{TERMS, at, digest};

const DAY: i64 = 86_400;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 64])
}

fn epoch(key: u8, next: u8, until: i64) -> EpochTerms {
    EpochTerms {
        key: secret(key).public().clone(),
        next: secret(next).id(),
        box_key: BoxSecretKey::from_seed([key; 32]).public(),
        ledger: "log".to_owned(),
        until: at(until),
    }
}

/// A party whose epoch keys are 2 (from second 0), 3 (from day 30) and 4.
struct Party {
    history: KeyHistory,
}

impl Party {
    fn new() -> Self {
        let change = Change::Inception {
            name: "CERT A".to_owned(),
            country: "EE".to_owned(),
            identities: BTreeSet::new(),
            roots: Roots { keys: vec![secret(1).public().clone()], threshold: 1 },
            epoch: epoch(2, 3, 80 * DAY),
        };
        let inception = Event { after: None, n: 0, created: at(0), change };
        let history = KeyHistory::begin(&inception.sign(&[&secret(1), &secret(2)]).unwrap(), at(0)).unwrap();
        Self { history }
    }

    fn apply(&mut self, day: i64, change: Change, signers: &[u8]) {
        let event = self.history.next_event(at(day * DAY), change);
        let keys: Vec<SecretKey> = signers.iter().map(|n| secret(*n)).collect();
        let signed = event.sign(&keys.iter().collect::<Vec<_>>()).unwrap();
        self.history.apply(&signed, at(day * DAY)).unwrap();
    }

    fn rotate(&mut self) {
        self.apply(30, Change::Rotation { epoch: epoch(3, 4, 110 * DAY) }, &[2, 3]);
    }

    fn revoke(&mut self, reason: Reason) {
        let change = Change::Revocation {
            key: secret(2).id(),
            reason,
            note: "lost in transit".to_owned(),
            from: at(20 * DAY),
        };
        self.apply(31, change, &[1]);
    }

    fn stream(&self, epoch: u32) -> StreamId {
        let (from, to) = (self.history.party(), PartyId(digest(0xb0)));
        StreamId { from, to, agreement: AgreementId(digest(0xac)), epoch }
    }

    /// What a receiver makes of a first push that key `n` signed at one time and that arrives at another.
    fn offer(
        &self,
        n: u8,
        signed: Timestamp,
        arrives: Timestamp,
        position: Position,
    ) -> Result<u64, PushRefusal> {
        let stream = self.stream(position.epoch.max(1) + u32::from(position.epoch > 0));
        let item = Item {
            kind: Kind::Put,
            subject: digest(1),
            payload: r#"{"object":{"id":1}}"#,
            salt: [1; 32],
            label: "",
            obligations: "{}",
            terms: TERMS,
            membership: 0,
            decision: model::DecisionId(1),
        };
        let entries = append(stream, &Position::start(stream.epoch), &[item], signed).unwrap();
        let follows = (position.epoch > 0).then_some(position.into());
        let segment = seal(&entries, follows, signed, &secret(n)).unwrap();
        let opening = Some(wire::Opening { salt: item.salt, payload: item.payload.to_owned() });
        let entry = wire::PushEntry { envelope: entries[0].text.clone(), opening };
        let push = wire::Push { segment, entries: vec![entry], sent: None };
        let histories = BTreeMap::from([(stream.from, self.history.clone())]);
        let inbound = Inbound {
            from: stream.from,
            to: stream.to,
            agreement: stream.agreement,
            position,
            terms: &[Terms { hash: TERMS, membership: 0, from: at(0), until: None }],
            signers: &histories,
            known: &|_| None,
            limits: Limits::default(),
            now: arrives,
        };
        accept(&inbound, &push).map(|admission| admission.position.seq)
    }
}

#[test]
fn keys_count_at_their_time() {
    let mut party = Party::new();
    let new = Position::default();
    let day = |n: i64| at(n * DAY);
    assert_eq!(party.offer(2, day(1), day(1), new), Ok(1));
    assert_eq!(party.offer(2, day(1), day(79), new), Ok(1), "a file may be under way for long");
    for (name, n, signed, arrives) in [
        ("a key that only comes next", 3, day(1), day(1)),
        ("a root key", 1, day(1), day(1)),
        ("a stranger's key", 9, day(1), day(1)),
        ("a key past its end", 2, day(81), day(81)),
        ("a key past its end, with a date from before it began", 2, day(-1), day(81)),
        ("a date in the future, at which the key will not hold", 2, day(85), day(81)),
    ] {
        let refused = party.offer(n, signed, arrives, new);
        assert!(
            matches!(refused, Err(PushRefusal::Signer(BadSigner::Unknown { .. }))),
            "{name}: {refused:?}"
        );
    }

    party.rotate();
    assert_eq!(party.offer(3, day(31), day(31), new), Ok(1));
    assert_eq!(party.offer(2, day(29), day(31), new), Ok(1), "signed before the rotation");
    let before = Position { epoch: 1, seq: 5, head: digest(5) };
    assert_eq!(party.offer(3, day(31), day(31), before), Ok(1), "a new stream epoch");
    assert_eq!(party.offer(2, day(29), day(31), before), Err(PushRefusal::EpochKey));
}

#[test]
fn a_stolen_key_gains_nothing_by_writing_an_early_date() {
    let day = |n: i64| at(n * DAY);
    for (reason, counts) in [(Reason::Compromised, false), (Reason::Lost, true), (Reason::Retired, true)] {
        let mut party = Party::new();
        party.rotate();
        party.revoke(reason);
        assert_eq!(party.offer(2, day(10), day(32), Position::default()).is_ok(), counts, "{reason}");
        assert!(
            party.offer(2, day(25), day(32), Position::default()).is_err(),
            "{reason}: after the revocation"
        );
        assert_eq!(party.offer(3, day(31), day(32), Position::default()), Ok(1));
    }
}
