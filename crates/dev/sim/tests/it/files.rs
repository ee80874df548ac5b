//! Two nodes that never meet on line: they pair, agree, give, take back and part by files alone. And files that mean
//! harm.

use agreement::acts::Status;
use model::{StixId, Tlp};
use ports::trust::PeerState;
use runtime::trust::{Imported, TrustError};
use shieldwall_sim::{Member, agree, name, pair};

const CAP: u64 = 64 << 20;

fn two() -> [Member; 2] {
    let found = |place, country| Member::found(place, 11, country).map_err(|problem| problem.0).unwrap();
    let (a, b) = (found(0, "EE"), found(1, "FI"));
    pair(&a, &b).map_err(|problem| problem.0).unwrap();
    [a, b]
}

fn export(from: &Member, to: &Member, repeat: u64) -> Vec<Vec<u8>> {
    from.clock.advance(1_000);
    from.pack(to.party, repeat, CAP).unwrap()
}

/// Carries everything from one to the other.
fn carry(from: &Member, to: &Member) -> Vec<Imported> {
    let files = export(from, to, 0);
    to.clock.set(from.clock_now().max(to.clock_now()));
    files.iter().map(|file| to.core.courier_import(file).unwrap()).collect()
}

trait Now {
    fn clock_now(&self) -> i64;
}

impl Now for Member {
    fn clock_now(&self) -> i64 {
        self.now().as_micros()
    }
}

/// Back and forth until both have said all.
fn meet(a: &Member, b: &Member) {
    for _ in 0..4 {
        for (from, to) in [(a, b), (b, a)] {
            for imported in carry(from, to) {
                assert!(imported.refused.is_empty(), "{imported:?}");
                assert!(imported.gaps.is_empty(), "{imported:?}");
            }
        }
    }
}

fn publish(member: &Member, number: u32, tlp: Tlp) -> StixId {
    let marking = stix::marking::tlp_ref(tlp);
    let id = format!("indicator--0bbbbbbb-0000-4000-8000-{number:012}");
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{id}","created_by_ref":"{}","created":"2026-10-30T00:00:00.000Z","modified":"2026-10-30T00:00:00.000Z","pattern":"[mutex:name = 'files-{number}']","pattern_type":"stix","valid_from":"2026-10-30T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{marking}"]}}"#,
        member.identity
    );
    member.publish(&[&text]).map_err(|problem| problem.0).unwrap();
    id.parse().unwrap()
}

fn has(member: &Member, id: &StixId) -> bool {
    member.text_of(id).map_err(|problem| problem.0).unwrap().is_some()
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, TrustError>) -> String {
    outcome.unwrap_err().to_string()
}

/// An agreement of two, put forward by one of them; made with the help of two others who are on line.
fn text(a: &Member, b: &Member) -> String {
    let twins = [Member::found(0, 11, "EE"), Member::found(1, 11, "FI")]
        .map(|member| member.map_err(|p| p.0).unwrap());
    pair(&twins[0], &twins[1]).map_err(|problem| problem.0).unwrap();
    let pact = agree(&[&twins[0], &twins[1]], Tlp::Amber).map_err(|problem| problem.0).unwrap();
    // The same seed makes the same parties.
    assert_eq!([a.party, b.party], [twins[0].party, twins[1].party]);
    pact.text
}

#[test]
fn they_agree_exchange_take_back_and_part_by_files_alone() {
    let [a, b] = two();
    let proposed = a.core.propose(&text(&a, &b), "by courier", "officer").unwrap();
    meet(&a, &b);
    a.sign(&proposed).map_err(|problem| problem.0).unwrap();
    meet(&a, &b);
    b.sign(&proposed).map_err(|problem| problem.0).unwrap();
    meet(&a, &b);
    for member in [&a, &b] {
        let registry = member.core.registry().unwrap();
        let state = &registry.agreements[&proposed.agreement].state;
        assert_eq!(state.status, Status::InForce, "{:?} {:?}", state.reasons, state.refused);
    }
    let (amber, red) = (publish(&a, 1, Tlp::Amber), publish(&a, 2, Tlp::Red));
    meet(&a, &b);
    assert!(has(&b, &amber) && !has(&b, &red));

    // A rotation: the file is signed by a key that only the file itself tells of.
    a.clock.advance(1_000);
    a.core.rotate().unwrap();
    let more = publish(&a, 3, Tlp::Green);
    meet(&a, &b);
    assert!(has(&b, &more));

    a.core.withdraw(&amber, "officer", "it was wrong").unwrap();
    meet(&a, &b);
    assert!(!has(&b, &amber));
    let given =
        a.core.store.read().unwrap().disclosures(a.core.scope.tenant, Some(&amber), false, 0, 9).unwrap();
    assert!(
        given.iter().all(|given| given.receipt.as_ref().is_some_and(|(_, text)| text == "erased")),
        "{given:?}"
    );

    // Parting: what is owed is settled first, and nothing new flows meanwhile.
    let owed = publish(&a, 4, Tlp::Green);
    meet(&a, &b);
    assert!(has(&b, &owed));
    a.core.withdraw(&owed, "officer", "before the end").unwrap();
    let ending = a.core.end_peer(&name(1), false, "officer", "the treaty is over").unwrap();
    assert_eq!(ending.state, PeerState::Ending);
    assert_eq!(a.core.owed(b.party).unwrap().unconfirmed, 1);
    a.core.parting_step().unwrap();
    assert_eq!(a.core.pairing(&name(1)).unwrap().peer.state, PeerState::Ending, "a debt is open");
    let late = publish(&a, 5, Tlp::Green);
    meet_again(&a, &b);
    assert!(!has(&b, &late) && !has(&b, &owed));
    for (member, other) in [(&a, 1), (&b, 0)] {
        assert_eq!(member.core.pairing(&name(other)).unwrap().peer.state, PeerState::Ended);
    }
    assert!(refusal(a.pack(b.party, 0, CAP)).contains("not paired"));
}

/// Files until one side no longer writes any.
fn meet_again(a: &Member, b: &Member) {
    for _ in 0..4 {
        for (from, to) in [(a, b), (b, a)] {
            from.clock.advance(1_000);
            let Ok(files) = from.pack(to.party, 0, CAP) else { continue };
            for file in files {
                // Whoever has ended takes nothing more.
                let _ = to.core.courier_import(&file);
            }
        }
        for member in [a, b] {
            member.core.parting_step().unwrap();
        }
    }
}

#[test]
fn a_lost_file_is_a_gap_and_a_repeat_window_makes_up_for_it() {
    let [a, b] = two();
    let proposed = a.core.propose(&text(&a, &b), "", "officer").unwrap();
    meet(&a, &b);
    for member in [&a, &b] {
        member.sign(&proposed).map_err(|problem| problem.0).unwrap();
        meet(&a, &b);
    }
    let lost = publish(&a, 1, Tlp::Green);
    drop(export(&a, &b, 0));
    let second = publish(&a, 2, Tlp::Green);
    let files = export(&a, &b, 0);
    let imported = b.core.courier_import(&files[0]).unwrap();
    assert!(!imported.gaps.is_empty() && !has(&b, &second), "{imported:?}");
    for file in export(&a, &b, 1000) {
        let imported = b.core.courier_import(&file).unwrap();
        assert!(imported.refused.is_empty() && imported.gaps.is_empty(), "{imported:?}");
    }
    assert!(has(&b, &lost) && has(&b, &second));
}

#[test]
fn files_that_mean_harm_change_nothing() {
    let [a, b] = two();
    let c = Member::found(2, 11, "LV").map_err(|problem| problem.0).unwrap();
    // What a node invites with follows from its clock.
    [&a, &b, &c].iter().for_each(|member| member.clock.advance(1_000));
    pair(&a, &c).map_err(|problem| problem.0).unwrap();
    let proposed = a.core.propose(&text(&a, &b), "", "officer").unwrap();
    meet(&a, &b);
    for member in [&a, &b] {
        member.sign(&proposed).map_err(|problem| problem.0).unwrap();
        meet(&a, &b);
    }
    let object = publish(&a, 1, Tlp::Green);
    let file = export(&a, &b, 0).remove(0);

    // For somebody else, and from nobody known.
    assert!(refusal(c.core.courier_import(&file)).contains("not for this node"));
    let stranger = export(&c, &a, 0).remove(0);
    assert!(refusal(b.core.courier_import(&stranger)).contains("not for this node"));

    // Cut off anywhere, or with any byte changed.
    for end in [0, 3, 4, 8, 100, file.len() / 2, file.len() - 1] {
        refusal(b.core.courier_import(&file[..end]));
    }
    for at in (0..file.len()).step_by(file.len() / 40 + 1) {
        let mut altered = file.clone();
        altered[at] ^= 1;
        refusal(b.core.courier_import(&altered));
    }
    assert!(refusal(b.core.courier_import(&vec![0; (64 << 20) + 1])).len() > 5);
    assert!(!has(&b, &object));

    // Replayed: one effect.
    let first = b.core.courier_import(&file).unwrap();
    let again = b.core.courier_import(&file).unwrap();
    assert_eq!(first, again);
    assert!(has(&b, &object));
    a.core.withdraw(&object, "officer", "it was wrong").unwrap();
    meet(&a, &b);
    b.core.courier_import(&file).unwrap();
    assert!(!has(&b, &object), "a file from before the withdrawal brings nothing back");

    // Acts of somebody whom the receiver does not know, inside a file of somebody whom it does.
    let documents = stranger_documents(&a, &c, &b);
    let imported = b.core.courier_import(&documents).unwrap();
    assert!(imported.refused.iter().any(|why| why.contains("not known here")), "{imported:?}");
    assert_eq!(b.core.registry().unwrap().agreements.len(), 1);

    // A cap that holds not even one segment says so, and what was not written counts as not written.
    publish(&a, 2, Tlp::Green);
    assert!(refusal(a.pack(b.party, 0, 1 << 10)).contains("cap"));
    meet(&a, &b);
    assert_eq!(a.core.pairing(&name(1)).unwrap().peer.state, PeerState::Paired);
}

/// A file from `a` to `b`, properly signed and sealed, that holds an act and an appointment of `c`'s.
fn stranger_documents(a: &Member, c: &Member, b: &Member) -> Vec<u8> {
    use exchange::courier::{Contents, Export, export};
    let act = c.core.request_agreement(a.party, None, "let me in", "officer").unwrap();
    let read = c.core.store.read().unwrap();
    let kind = ports::trust::DocumentKind::AgreementAct;
    let text = read.documents(c.core.scope.tenant, kind, Some(act), 0, 1).unwrap().remove(0).text;
    let kind = ports::trust::DocumentKind::Appointment;
    let appointment = read.documents(c.core.scope.tenant, kind, None, 0, 1).unwrap().remove(0);
    let documents = vec![
        format!("act {act} {text}"),
        format!("appointment {} {}", appointment.subject, appointment.text),
        format!("keys {} {}", c.party.0, c.core.own_history().unwrap().to_text()),
    ];
    let registry = a.core.registry().unwrap();
    let key = &registry.histories[&b.party].current(a.now()).unwrap().box_key;
    let secrets = a.secrets().map_err(|problem| problem.0).unwrap();
    let order = Export {
        from: a.party,
        to: b.party,
        key,
        signer: &secrets.epoch,
        created: a.now(),
        repeat: 0,
        cap: CAP,
    };
    let contents = Contents { documents, ..Contents::default() };
    export(&order, contents, &mut || a.random()).unwrap().remove(0)
}

#[test]
fn what_was_packed_and_never_written_goes_with_the_next_files() {
    let [a, b] = two();
    let proposed = a.core.propose(&text(&a, &b), "", "officer").unwrap();
    meet(&a, &b);
    for member in [&a, &b] {
        member.sign(&proposed).map_err(|problem| problem.0).unwrap();
        meet(&a, &b);
    }
    let id = publish(&a, 1, Tlp::Green);
    a.clock.advance(1_000);
    // The stick was full: nobody said that the files are safe.
    drop(a.core.courier_export(b.party, 0, CAP).unwrap());
    meet(&a, &b);
    assert!(has(&b, &id));
    // Word about one's files is about those of one peer, and of this node.
    let packed = a.core.courier_export(b.party, 0, CAP).unwrap();
    let elsewhere = a.core.courier_carried(a.party, &packed.carried);
    assert!(refusal(elsewhere).contains("no export to this peer"));
    assert!(refusal(b.core.courier_carried(b.party, &packed.carried)).contains("no export to this peer"));
    for _ in 0..2 {
        a.core.courier_carried(b.party, &packed.carried).unwrap();
    }
}
