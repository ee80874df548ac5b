//! What those see who were given nothing: a witness that hears every checkpoint, whoever carries the files, a reader of
//! the report, and the receiver itself once all was taken back. An address has so few possible values that whoever holds
//! any fixed trace of one tries them all; so does this test, over the network that the address is in.

use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{StixId, Tlp};
use ports::peer::{CallError, PeerHandler as _};
use runtime::trust::Peers;
use sha2::{Digest as _, Sha256};
use shieldwall_sim::{Member, agree, pair};

/// The address, and the network of 65,536 in which it is looked for.
const SECRET: [u8; 4] = [45, 83, 64, 7];

fn id_of(address: &str) -> StixId {
    let text = format!(r#"{{"type":"ipv4-addr","value":"{address}"}}"#);
    let mut tape = json::Tape::new();
    let value = tape.parse(text.as_bytes(), &json::Limits::OBJECT).unwrap();
    stix::sco::deterministic_id(value).unwrap()
}

/// Something that was seen, made searchable.
#[derive(Default)]
struct Seen {
    raw: Vec<u8>,
    windows: HashSet<[u8; 16]>,
}

impl Seen {
    fn of(bytes: &[u8]) -> Self {
        let mut seen = Self { raw: bytes.to_vec(), windows: HashSet::new() };
        // Digests stand as hex or base64 in signed texts: what these mean counts as seen too.
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        for run in bytes.split(|byte| !word(byte)).filter(|run| run.len() >= 22) {
            let hex: Option<Vec<u8>> = run
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect();
            seen.raw.extend(hex.unwrap_or_default());
            seen.raw.extend(URL_SAFE_NO_PAD.decode(run).unwrap_or_default());
        }
        seen.windows = seen.raw.windows(16).map(|window| window.try_into().unwrap()).collect();
        seen
    }

    /// The addresses of the network that what was seen has a trace of.
    fn betrays(&self) -> BTreeSet<String> {
        let [a, b, ..] = SECRET;
        let addresses = (0..=u16::MAX).map(|low| {
            let [c, d] = low.to_be_bytes();
            format!("{a}.{b}.{c}.{d}")
        });
        // Texts of addresses, found once: looking for each of them alone would read everything 65,536 times.
        let texts: HashSet<&str> = self
            .raw
            .split(|byte| !byte.is_ascii_digit() && *byte != b'.')
            .filter_map(|run| std::str::from_utf8(run).ok())
            .collect();
        let betrayed = |address: &String| {
            let id = id_of(address);
            let hashes = [address.as_str(), id.as_str(), &format!(r#"{{"value":"{address}"}}"#)]
                .map(|text| <[u8; 16]>::try_from(&Sha256::digest(text.as_bytes())[..16]).unwrap());
            let spelt = id.as_str().split_once("--").unwrap().1;
            texts.contains(address.as_str())
                || hashes.iter().any(|hash| self.windows.contains(hash))
                || self.windows.contains(&id.uuid().0)
                || self.windows.contains(<&[u8; 16]>::try_from(&spelt.as_bytes()[..16]).unwrap())
        };
        addresses.filter(betrayed).collect()
    }
}

/// Carries everything, and notes both sides of each conversation of one member.
fn listen(members: &[&Member], to: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    for _ in 0..200 {
        let mut said = false;
        for from in members {
            from.work().map_err(|problem| problem.0).unwrap();
            for other in members.iter().filter(|other| other.index != from.index) {
                let Some(call) = from.core.next_call(other.party).unwrap() else { continue };
                let answer = Peers(other.core.clone()).answer(Some(from.party), call.topic, &call.body);
                if [from.index, other.index].contains(&to) {
                    heard.extend_from_slice(&call.body);
                    heard.extend_from_slice(format!("{answer:?}").as_bytes());
                    heard.extend_from_slice(answer.as_deref().unwrap_or_default());
                }
                from.core.answered(&call, answer.map_err(CallError::from)).unwrap();
                said = true;
            }
        }
        if !said {
            return heard;
        }
    }
    panic!("they never stop");
}

/// Everything in a node's store, as a thief of the file would read it.
fn store_of(member: &Member) -> Vec<u8> {
    let folder = testkit::temp_dir();
    let file = folder.path().join("copy.db");
    member.core.store.backup(&file).unwrap();
    std::fs::read(file).unwrap()
}

#[test]
fn no_fixed_trace_of_an_address_reaches_whoever_was_not_given_it() {
    let members: Vec<Member> = ["EE", "FI", "LV"]
        .into_iter()
        .enumerate()
        .map(|(place, country)| Member::found(place, 17, country).map_err(|problem| problem.0).unwrap())
        .collect();
    let [giver, receiver, witness] = [&members[0], &members[1], &members[2]];
    for (a, b) in [(giver, receiver), (giver, witness), (receiver, witness)] {
        pair(a, b).map_err(|problem| problem.0).unwrap();
        members.iter().for_each(|member| member.clock.advance(1_000));
    }
    agree(&[giver, receiver], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    let address = SECRET.map(|part| part.to_string()).join(".");
    let (id, green) = (id_of(&address), stix::marking::tlp_ref(Tlp::Green));
    let observable = format!(
        r#"{{"type":"ipv4-addr","spec_version":"2.1","id":"{id}","value":"{address}","object_marking_refs":["{green}"]}}"#
    );
    let indicator = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--0dddddd0-0000-4000-8000-000000000001","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[ipv4-addr:value = '{address}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{green}"]}}"#,
        giver.identity
    );
    giver.publish(&[&observable, &indicator]).map_err(|problem| problem.0).unwrap();
    let all: Vec<&Member> = members.iter().collect();
    let mut to_witness = listen(&all, witness.index);
    assert!(receiver.text_of(&id).map_err(|problem| problem.0).unwrap().is_some(), "it was given");
    // The search finds what is there: the receiver's store has the address, and no other of the network.
    assert_eq!(Seen::of(&store_of(receiver)).betrays(), BTreeSet::from([address.clone()]));

    // Whoever carries a file.
    let carried: Vec<u8> = giver.pack(receiver.party, 1_000, 64 << 20).unwrap().concat();
    assert!(carried.len() > 1_000, "the file repeats what was given");

    for object in [&id, &"indicator--0dddddd0-0000-4000-8000-000000000001".parse().unwrap()] {
        giver.core.withdraw(object, "officer", "it was wrong").unwrap();
    }
    to_witness.extend(listen(&all, witness.index));
    members.iter().for_each(|member| member.clock.advance(3_600_000_000));
    to_witness.extend(listen(&all, witness.index));
    assert!(receiver.text_of(&id).map_err(|problem| problem.0).unwrap().is_none(), "it was erased");

    let report = giver.core.report("auditor").unwrap().file;
    for (what, bytes) in [
        ("what a witness hears", to_witness),
        ("a courier's file", carried),
        ("an oversight report", report.into_bytes()),
        ("the receiver's store after erasure: tombstones, ledger, streams", store_of(receiver)),
        ("a witness's store", store_of(witness)),
    ] {
        assert!(bytes.len() > 1_000, "{what}: {} bytes are too few to show anything", bytes.len());
        assert_eq!(Seen::of(&bytes).betrays(), BTreeSet::new(), "{what}");
    }
}
