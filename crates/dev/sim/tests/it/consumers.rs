//! What others gave us, and our own clients without a node.

use std::collections::BTreeSet;

use agreement::PersonalData;
use keys::posts::Approval;
use keys::window::DAY;
use label::Handling;
use model::{AccountId, CollectionId, Digest, Label, StixId, Tlp, TokenId, Uuid};
use ports::{Account, CollectionKind, PageFilter, Role, Token};
use runtime::trust::Draft;
use shieldwall_sim::{Member, agree, officer, pair, settle};

const GREEN: &str = "bab4a63c-aed9-4cf5-a766-dfca5abac2bb";
const CLEAR: &str = "94868c89-83c2-464b-929b-a1a8aa3c8487";

fn indicator(place: u32, marking: &str) -> (StixId, String) {
    let id = format!("indicator--00000000-0000-4000-8000-{place:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z","indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'bad{place}.badhost.net']","pattern_type":"stix","valid_from":"2026-01-01T00:00:00Z","object_marking_refs":["marking-definition--{marking}"]}}"#
    );
    (id.parse().unwrap(), text)
}

/// A node's client, with a release up to TLP:GREEN of everything it holds.
struct Client {
    token: TokenId,
    own: CollectionId,
    release: Digest,
}

fn client(member: &Member) -> Client {
    let core = &member.core;
    let tenant = core.scope.tenant;
    let (account, token) = (AccountId(Uuid::v4([7; 16])), TokenId(Uuid::v4([8; 16])));
    let now = member.now();
    core.store
        .transact(|tx| {
            let (name, role) = ("siem".to_owned(), Role::Follower);
            let siem = Account { id: account, name, password: None, role, disabled: false, created: now };
            tx.set_account(tenant, &siem)?;
            let name = "its own".to_owned();
            let collections = Vec::new();
            let token =
                Token { id: token, account, name, hash: [9; 32], collections, expires: None, created: now };
            tx.add_token(tenant, &token)
        })
        .unwrap();
    let collections = core.store.read().unwrap().collections(tenant).unwrap();
    let own = collections.iter().find(|collection| collection.kind == CollectionKind::Own).unwrap().id;
    let draft = Draft {
        client: "SIEM".to_owned(),
        token,
        collections: BTreeSet::from([own]),
        types: None,
        ceiling: Handling::from(Label::Tlp(Tlp::Green)),
        personal: PersonalData::Refuse,
        purpose: "detection".to_owned(),
        valid_from: None,
        expires: now.plus_micros(30 * DAY),
    };
    let bytes = core.draft_release(draft).unwrap();
    // The one officer there is suffices.
    let approval = Approval::sign(&officer(member.index), bytes.as_bytes());
    let release = core.sign_release(&bytes, vec![approval], "officer").unwrap();
    Client { token, own, release }
}

fn given(member: &Member, client: &Client) -> Vec<StixId> {
    let served =
        member.core.serve_consumer(client.token, client.own, &PageFilter::default(), None, 100).unwrap();
    let ids = served.page.entries.into_iter().map(|entry| entry.id);
    ids.filter(|id| id.type_name() == "indicator").collect()
}

fn found(count: usize) -> Vec<Member> {
    let members: Vec<_> =
        (0..count).map(|index| Member::found(index, 5, ["NZ", "AU", "GB"][index]).unwrap()).collect();
    for a in 0..count {
        for b in a + 1..count {
            pair(&members[a], &members[b]).unwrap();
            // Two invitations of one instant are one.
            members.iter().for_each(|member| member.clock.advance(1_000));
        }
    }
    members
}

#[test]
fn what_a_party_gave_us_for_ourselves_is_not_for_our_clients() {
    let members = found(2);
    agree(&[&members[0], &members[1]], Tlp::Amber).unwrap();
    let (theirs, text) = indicator(1, CLEAR);
    members[0].publish(&[&text]).unwrap();
    settle(&[&members[0], &members[1]]).unwrap();
    let (ours, text) = indicator(2, GREEN);
    members[1].publish(&[&text]).unwrap();
    assert!(members[1].text_of(&theirs).unwrap().is_some(), "it came");
    let siem = client(&members[1]);
    assert_eq!(given(&members[1], &siem), [ours]);
    let why = members[1].core.explain_release(siem.release, &theirs).unwrap();
    assert!(
        !why.permitted && why.reasons.iter().any(|reason| reason.contains("did not let it go")),
        "{why:?}"
    );
    // Nor does it leave in a file.
    let core = &members[1].core;
    let read = core.store.read().unwrap();
    let stored = read.object(core.scope, &theirs, None).unwrap().unwrap();
    let kept = core.for_export(&*read, &stored, "detection").unwrap().unwrap_err();
    assert_eq!(kept.rule, "onward");
}

#[test]
fn what_a_circle_lets_go_to_anybody_goes_until_its_creator_takes_it_back() {
    let members = found(3);
    let all: Vec<_> = members.iter().collect();
    agree(&all, Tlp::Green).unwrap();
    let ((clear, first), (green, second)) = (indicator(1, CLEAR), indicator(2, GREEN));
    members[0].publish(&[&first, &second]).unwrap();
    settle(&all).unwrap();
    assert!(members[1].text_of(&green).unwrap().is_some(), "it came");
    let siem = client(&members[1]);
    assert_eq!(
        given(&members[1], &siem),
        std::slice::from_ref(&clear),
        "the circle's text says so of TLP:CLEAR alone"
    );
    members[0].core.withdraw(&clear, "officer", "the sample was harmless").unwrap();
    settle(&all).unwrap();
    assert!(members[1].text_of(&clear).unwrap().is_none(), "it is erased");
    assert!(given(&members[1], &siem).is_empty());
    // That the client had something is still known; what it was is not.
    let core = &members[1].core;
    let records = core.store.read().unwrap().disclosures(core.scope.tenant, None, false, 0, 100).unwrap();
    let records: Vec<_> = records
        .iter()
        .filter(|record| record.agreement.0 == siem.release && record.object.is_none())
        .collect();
    assert_eq!(records.len(), 1, "{records:?}");
}

#[test]
fn what_its_creator_took_back_goes_to_no_client_and_into_no_file() {
    let members = found(2);
    let all: Vec<_> = members.iter().collect();
    agree(&all, Tlp::Amber).unwrap();
    let (id, text) = indicator(1, CLEAR);
    members[0].publish(&[&text]).unwrap();
    settle(&all).unwrap();
    // No client has had it: nothing but the mark on the object keeps it from one.
    members[0].core.withdraw(&id, "officer", "the sample was harmless").unwrap();
    let siem = client(&members[0]);
    assert!(given(&members[0], &siem).is_empty());
    let core = &members[0].core;
    let why = core.explain_release(siem.release, &id).unwrap();
    assert!(!why.permitted && why.reasons.iter().any(|reason| reason.contains("took it back")), "{why:?}");
    let read = core.store.read().unwrap();
    let stored = read.object(core.scope, &id, None).unwrap().unwrap();
    assert_eq!(core.for_export(&*read, &stored, "detection").unwrap().unwrap_err().rule, "recalled");
}

#[test]
fn what_belongs_to_an_exercise_goes_to_no_client_and_into_no_file() {
    let members = found(1);
    let (id, text) = indicator(1, CLEAR);
    let text = text.replace(r#""pattern_type""#, r#""labels":["exercise:locked-shields"],"pattern_type""#);
    members[0].publish(&[&text]).unwrap();
    let siem = client(&members[0]);
    assert!(given(&members[0], &siem).is_empty());
    let core = &members[0].core;
    let why = core.explain_release(siem.release, &id).unwrap();
    assert!(!why.permitted && why.reasons[0].contains("locked-shields"), "{why:?}");
    let read = core.store.read().unwrap();
    let stored = read.object(core.scope, &id, None).unwrap().unwrap();
    assert_eq!(core.for_export(&*read, &stored, "detection").unwrap().unwrap_err().rule, "exercise");
}
