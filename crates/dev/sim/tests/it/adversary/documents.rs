//! Acts on agreements, appointments, and lines that are neither.

use agreement::acts::{Act, What};
use keys::posts::{Appointment, Approval, PersonKey, Post};
use keys::window::{DAY, Window};
use keys::{SecretKey, Signed, context};
use model::{AgreementId, Digest, PartyId, Tlp};
use ports::peer::Topic;
use shieldwall_sim::{Member, next_version, officer, with_ceiling};

use super::scene::Scene;
use super::{Case, Expect, Outcome, case, check};

/// An act of so many bytes that says nothing.
fn long(bytes: usize) -> String {
    format!("{{\"body\":{{\"x\":\"{}\"}},\"signatures\":[]}}", "a".repeat(bytes))
}

fn send(scene: &Scene, lines: &str) -> Outcome {
    scene.as_liar(Topic::Documents, lines.as_bytes())
}

fn epoch(member: &Member) -> SecretKey {
    SecretKey::from_seed(*member.secrets().map_err(|problem| problem.0).unwrap().epoch.seed())
}

/// An act of a party, signed with a key, following what the target has of that party.
fn act(scene: &Scene, agreement: AgreementId, party: PartyId, key: &SecretKey, what: What) -> String {
    let registry = scene.target.core.registry().unwrap();
    let state = &registry.agreements[&agreement].state;
    let act = Act {
        agreement: Some(agreement),
        party,
        previous: state.heads.get(&party).copied(),
        at: scene.liar.now(),
        reason: String::new(),
        what,
    };
    let signed = Signed::sign(&act.to_body(), context::AGREEMENT, &[key]).unwrap();
    line(agreement, &signed.to_text())
}

fn line(agreement: AgreementId, text: &str) -> String {
    format!("act {agreement} {text}\n")
}

/// An act of the liar's on an agreement.
fn own(scene: &Scene, agreement: AgreementId, what: What) -> Outcome {
    send(scene, &act(scene, agreement, scene.liar.party, &epoch(&scene.liar), what))
}

/// The next version of the agreement with the liar, with another ceiling, as the liar puts it forward.
fn wider(scene: &Scene, change: impl Fn(&str) -> String) -> (String, Digest, Digest) {
    let text = change(&with_ceiling(&next_version(scene.pact(), &scene.pact().text), Tlp::Green, Tlp::Red));
    let terms = agreement::Terms::parse_toml(&text).unwrap();
    let policy = scene.liar.core.check_terms(&text).unwrap().1;
    let version = agreement::proposal(&terms, policy).hash();
    (text, policy, version)
}

fn appointment(party: PartyId, person: &SecretKey, key: &SecretKey, scene: &Scene) -> String {
    let now = scene.liar.now();
    let appointment = Appointment {
        party,
        post: Post::ReleaseOfficer,
        person: "mallory".to_owned(),
        name: "Mallory".to_owned(),
        keys: vec![PersonKey::Hybrid(person.public().clone())],
        window: Window { from: now, until: now.plus_micros(30 * DAY) },
        issued: now,
        deputy: None,
    };
    let signed = Signed::sign(&appointment.to_body(), context::APPOINTMENT, &[key]).unwrap();
    format!("appointment {party} {}\n", signed.to_text())
}

const REFUSED: Expect = Expect::Noted("shieldwall/peer-document");

const ACTS: &[Case] = &[
    case("ending the agreement of target and ally", |s| own(s, s.allied().id, What::End), REFUSED),
    case(
        "ending it in the ally's name",
        |s| send(s, &act(s, s.allied().id, s.ally.party, &epoch(&s.liar), What::End)),
        REFUSED,
    ),
    case(
        "ending it in the target's name",
        |s| send(s, &act(s, s.allied().id, s.target.party, &epoch(&s.liar), What::End)),
        REFUSED,
    ),
    case(
        "ending it in the name of nobody known",
        |s| send(s, &act(s, s.allied().id, PartyId(Digest([5; 32])), &epoch(&s.liar), What::End)),
        REFUSED,
    ),
    case(
        "suspending it with an officer's key",
        |s| send(s, &act(s, s.allied().id, s.ally.party, &officer(0), What::Suspend)),
        REFUSED,
    ),
    case(
        "an act of this agreement under the name of that one",
        |s| {
            let text = act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Suspend);
            send(s, &text.replace(&s.pact().id.to_string(), &s.allied().id.to_string()))
        },
        REFUSED,
    ),
    case(
        "the ally's own acts, once more",
        |s| {
            let registry = s.target.core.registry().unwrap();
            let agreed = &registry.agreements[&s.allied().id];
            let acts: Vec<String> =
                agreed.acts.iter().map(|act| line(s.allied().id, &act.to_text())).collect();
            assert!(acts.len() > 3);
            send(s, &acts.concat())
        },
        Expect::Ignored,
    ),
    case(
        "an act that was altered",
        |s| {
            let text = act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Suspend);
            send(s, &text.replace("\"kind\":\"suspend\"", "\"kind\":\"end\""))
        },
        REFUSED,
    ),
    case(
        "an act with a member twice",
        |s| {
            let text = act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Suspend);
            send(s, &text.replace("\"kind\":\"suspend\"", "\"kind\":\"suspend\",\"kind\":\"end\""))
        },
        Expect::Invalid(""),
    ),
    case(
        "an act with a space in it",
        |s| {
            let text = act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Suspend);
            send(s, &text.replace("\"kind\":", "\"kind\": "))
        },
        Expect::Invalid(""),
    ),
    case(
        "an act signed as an approval",
        |s| {
            let act = Act {
                agreement: Some(s.pact().id),
                party: s.liar.party,
                previous: None,
                at: s.liar.now(),
                reason: String::new(),
                what: What::Suspend,
            };
            let signed = Signed::sign(&act.to_body(), context::APPROVAL, &[&epoch(&s.liar)]).unwrap();
            send(s, &line(s.pact().id, &signed.to_text()))
        },
        REFUSED,
    ),
    case(
        "entering a version in the target's name",
        |s| {
            send(
                s,
                &act(
                    s,
                    s.pact().id,
                    s.target.party,
                    &epoch(&s.liar),
                    What::Enter { version: s.pact().version },
                ),
            )
        },
        REFUSED,
    ),
    case(
        "signing for the ally on the agreement with the target",
        |s| own(s, s.allied().id, What::Agree { version: s.allied().version, approvals: Vec::new() }),
        REFUSED,
    ),
];

const TEXTS: &[Case] = &[
    case(
        "a version up to RED, agreed on by the liar alone",
        |s| {
            let (document, policy, version) = wider(s, str::to_owned);
            let mut lines =
                act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Revise { document, policy });
            lines.push_str(&act(
                s,
                s.pact().id,
                s.liar.party,
                &epoch(&s.liar),
                What::Agree { version, approvals: Vec::new() },
            ));
            send(s, &lines)
        },
        Expect::Ignored,
    )
    .may(&["documents", "ledger", "agreements"]),
    case(
        "the same, with the target's approval by the liar's officer",
        |s| {
            let (document, policy, version) = wider(s, str::to_owned);
            let revise =
                act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Revise { document, policy });
            let approval = Approval::sign(&officer(2), b"anything");
            let agree = act(
                s,
                s.pact().id,
                s.target.party,
                &epoch(&s.liar),
                What::Agree { version, approvals: vec![approval] },
            );
            send(s, &format!("{revise}{agree}"))
        },
        REFUSED,
    )
    .may(&["documents", "ledger", "agreements"]),
    case(
        "a version whose policy is another than its text compiles to",
        |s| {
            let (document, _, _) = wider(s, str::to_owned);
            own(s, s.pact().id, What::Revise { document, policy: Digest([1; 32]) })
        },
        Expect::Ignored,
    )
    .may(&["documents", "ledger", "agreements"]),
    case(
        "a version that is no TOML",
        |s| own(s, s.pact().id, What::Revise { document: "= broken".to_owned(), policy: Digest([1; 32]) }),
        Expect::Ignored,
    )
    .may(&["documents", "ledger"]),
    case(
        "a version that skips a number",
        |s| {
            let (document, policy, _) = wider(s, |text| text.replace("version = 2\n", "version = 9\n"));
            own(s, s.pact().id, What::Revise { document, policy })
        },
        Expect::Ignored,
    )
    .may(&["documents", "ledger"]),
    case(
        "a version of the agreement of target and ally",
        |s| {
            let text = with_ceiling(&next_version(s.allied(), &s.allied().text), Tlp::Amber, Tlp::Red);
            let policy = s.liar.core.check_terms(&text).unwrap().1;
            own(s, s.allied().id, What::Revise { document: text, policy })
        },
        REFUSED,
    ),
    case(
        "a version with a name that reads backwards",
        |s| {
            let text = next_version(s.pact(), &s.pact().text)
                .replace("Bilateral exchange", "\u{202e}Bilateral exchange");
            own(s, s.pact().id, What::Revise { document: text, policy: Digest([1; 32]) })
        },
        Expect::Ignored,
    )
    .may(&["documents", "ledger"]),
    case(
        "joining an agreement of two",
        |s| {
            let registry = s.target.core.registry().unwrap();
            let member = registry.agreements[&s.pact().id].versions[&s.pact().version].terms.parties
                [&s.liar.party]
                .clone();
            own(
                s,
                s.allied().id,
                What::Join { version: s.allied().version, member: Box::new(member), approvals: Vec::new() },
            )
        },
        Expect::Ignored,
    )
    .may(&["documents", "ledger"]),
];

const LINES: &[Case] = &[
    case("a line without parts", |s| send(s, "hello\n"), Expect::Invalid("a line is")),
    case("an empty line", |s| send(s, "\n"), Expect::Invalid("a line is")),
    case("a subject that is no digest", |s| send(s, "act abc {}\n"), Expect::Invalid("digest")),
    case("a document that is no JSON", |s| send(s, &line(s.pact().id, "x")), Expect::Invalid("")),
    case(
        "bytes that are no text",
        |s| s.as_liar(Topic::Documents, &[0xc3, 0x28]),
        Expect::Invalid("not text"),
    ),
    case(
        "a kind that peers do not send",
        |s| {
            let text = act(s, s.pact().id, s.liar.party, &epoch(&s.liar), What::Suspend);
            send(s, &text.replacen("act ", "key ", 1))
        },
        REFUSED,
    ),
    case(
        "an officer for the target",
        |s| send(s, &appointment(s.target.party, &officer(2), &epoch(&s.liar), s)),
        REFUSED,
    ),
    case(
        "an officer for the ally",
        |s| send(s, &appointment(s.ally.party, &officer(2), &epoch(&s.liar), s)),
        REFUSED,
    ),
    case(
        "an officer of the liar's, made by its node and not by its roots",
        |s| send(s, &appointment(s.liar.party, &officer(5), &epoch(&s.liar), s)),
        REFUSED,
    ),
    case(
        "an officer of the liar's, made by an officer",
        |s| send(s, &appointment(s.liar.party, &officer(5), &officer(2), s)),
        REFUSED,
    ),
    case("an act of nine hundred kilobytes", |s| send(s, &line(s.pact().id, &long(900 << 10))), REFUSED),
    case(
        "an act of six megabytes",
        |s| send(s, &line(s.pact().id, &long(6 << 20))),
        Expect::Invalid("at most 1048576"),
    ),
    case(
        "ten thousand times the same junk",
        |s| send(s, &format!("act {} {{\"body\":{{}},\"signatures\":[]}}\n", s.pact().id).repeat(10_000)),
        REFUSED,
    ),
];

const POSITIONS: &[Case] = &[
    case(
        "the position of a stream that is somebody else's",
        |s| {
            // What it is told must be what it would be told of an agreement that is nowhere.
            let theirs = s.as_liar(Topic::Position, s.allied().id.to_string().as_bytes());
            let none = s.as_liar(Topic::Position, Digest([7; 32]).to_string().as_bytes());
            assert_eq!(theirs, none, "the answer tells that there is such an agreement");
            theirs
        },
        Expect::Ignored,
    ),
    case("the position of nothing", |s| s.as_liar(Topic::Position, b""), Expect::Invalid("no agreement id")),
    case(
        "a position in capitals",
        |s| s.as_liar(Topic::Position, s.pact().id.to_string().to_uppercase().as_bytes()),
        Expect::Invalid("no agreement id"),
    ),
    case("a comparison that is none", |s| s.as_liar(Topic::Repair, b"{}"), Expect::Invalid("")),
    case("a question without a right to it", |s| s.as_liar(Topic::Query, b"{}"), Expect::Invalid("")),
];

#[test]
fn acts_count_only_for_whoever_signed_them() {
    check(ACTS);
}

#[test]
fn texts_bind_nobody_who_did_not_sign() {
    check(TEXTS);
}

#[test]
fn lines_are_documents_or_nothing() {
    check(LINES);
}

#[test]
fn positions_and_questions_tell_nothing_of_others() {
    check(POSITIONS);
}
