//! Keyed names.

use std::collections::BTreeSet;

use exchange::repair::{Comparison, Holding, View, write_named};
use exchange::wire::Packing;
use exchange::*;
use model::StixId;
use sha2::{Digest as _, Sha256};

use crate::support::*;

fn id(number: u32) -> StixId {
    format!("ipv4-addr--{number:08x}-504b-5aee-8e7d-04e0f2dcd3e8").parse().unwrap()
}

#[test]
fn a_name_depends_on_node_and_stream_and_nothing_else() {
    let other = model::AgreementId(digest(1));
    let keys = [
        NamingKey::for_stream(&[1; 32], ALICE, BOB, PACT),
        NamingKey::for_stream(&[2; 32], ALICE, BOB, PACT),
        NamingKey::for_stream(&[1; 32], BOB, ALICE, PACT),
        NamingKey::for_stream(&[1; 32], ALICE, CAROL, PACT),
        NamingKey::for_stream(&[1; 32], ALICE, BOB, other),
    ];
    let names: BTreeSet<_> = keys.iter().map(|key| key.object(&id(1))).collect();
    assert_eq!(names.len(), keys.len(), "no two streams call an object the same");
    let again = NamingKey::for_stream(&[1; 32], ALICE, BOB, PACT);
    assert_eq!(again.object(&id(1)), keys[0].object(&id(1)), "the epoch does not matter");
    assert_ne!(again.object(&id(1)), again.object(&id(2)));
    assert_ne!(
        again.object(&id(1)),
        again.other(id(1).as_str()),
        "objects and other things have names apart"
    );
}

#[test]
fn a_key_shows_nothing_of_itself() {
    assert_eq!(format!("{:?}", NamingKey::for_stream(&[7; 32], ALICE, BOB, PACT)), "NamingKey(…)");
}

/// What relays, carriers and witnesses see: the segment, its envelopes, the acknowledgement, a repair's messages.
fn shown(id: &StixId) -> Vec<u8> {
    let names = NamingKey::for_stream(&[1; 32], ALICE, BOB, PACT);
    let subject = names.object(id);
    let object = format!("{{\"id\":\"{id}\",\"value\":\"198.51.100.7\"}}");
    let payload = Content { object: &object, ..Content::default() }.to_text();
    let withdrawal =
        Withdraw { subject, reason: Reason::Error, creator_withdrawal: true, erase_by: at(0) }.to_text();
    let draft = |kind, payload| Draft { kind, subject, payload, ..put(1) };
    let drafts = [draft(Kind::Put, payload), draft(Kind::Withdraw, withdrawal.clone())];
    let mut push = push(&Position::default(), &drafts);
    push.entries.iter_mut().for_each(|entry| entry.opening = None);
    let ack = Ack::sign(STREAM, &Position { epoch: 1, seq: 1, head: digest(1) }, at(0), key(BOB, 0));
    let view = View::new([Holding { subject, epoch: 1, seq: 1 }]).unwrap();
    let compared = Comparison::start(&view).unwrap().1;
    let named = write_named(&view.named(&[]));
    let frame = push.encode(Packing::Plain).unwrap();
    [frame, ack.to_text().into_bytes(), compared, named, withdrawal.into_bytes()].concat()
}

#[test]
fn nothing_that_travels_beside_content_tells_which_object_it_is_about() {
    let id = id(7);
    let shown = shown(&id);
    let (uuid, spelt) = (id.uuid(), id.uuid().to_string());
    let plain: [u8; 32] = Sha256::digest(id.as_str().as_bytes()).into();
    let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let value: [u8; 32] = Sha256::digest(b"198.51.100.7").into();
    let traces: [&[u8]; 7] =
        [id.as_str().as_bytes(), spelt.as_bytes(), &uuid.0, b"198.51.100.7", &plain, hex.as_bytes(), &value];
    for trace in traces {
        assert!(!shown.windows(trace.len()).any(|window| window == trace));
    }
}
