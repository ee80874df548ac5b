//! Content that no agreement lets in, that is somebody else's, or that is no content at all. Everything here is properly
//! numbered and signed: the liar's stream moves on, and that is all.

use exchange::{Kind, Reason, Receipt, ReceiptItem, Relabel, Withdraw};
use model::{Digest, Tlp};
use shieldwall_sim::forge::{self, Draft, subject};

use super::scene::{Scene, indicator, said};
use super::{BOOKED, Case, Expect, MOVES, Outcome, case, check};

/// What a node that takes nothing in may note all the same.
const MISDIRECTED: Expect = Expect::Noted("shieldwall/misdirected");
const NO_OBJECT: Expect = Expect::Noted("shieldwall/peer-object");

fn object(scene: &Scene, text: &str) -> Outcome {
    scene.send_object(text, Tlp::Clear)
}

/// A payload as it is.
fn payload(scene: &Scene, payload: String) -> Outcome {
    scene.send(&[Draft { payload, ..scene.draft("{}", Tlp::Clear) }])
}

/// An object that the liar may give, with something along that it may not.
fn along(scene: &Scene, with: &str) -> Outcome {
    let harmless = scene.fresh(50, Tlp::Green);
    payload(scene, forge::along(&harmless, &[with]))
}

/// What differs when an object that is all right comes with something that is not.
const TAKEN: &[&str] = &["inbound", "ledger", "objects", "journal", "holdings", "decided"];

/// As [`TAKEN`], and a person is asked about what came along.
const TAKEN_OR_ASKED: &[&str] =
    &["inbound", "ledger", "objects", "journal", "holdings", "decided", "waiting"];

/// As [`TAKEN`], where something along must not be among the objects: checked beside the case.
fn kept_out(scene: &Scene, outcome: &Outcome, what: &str) {
    let read = scene.target.core.store.read().unwrap();
    let all = ports::ObjectFilter { all_versions: true, ..ports::ObjectFilter::default() };
    let held = read.objects(scene.target.core.scope, &all, None, 10_000).unwrap();
    let found = held.iter().find(|stored| stored.raw.contains(what));
    assert!(found.is_none(), "{what} got in with {outcome:?}");
}

/// An object of the ally's, changed.
fn of_ally(scene: &Scene, change: impl Fn(&str) -> String) -> Outcome {
    object(scene, &change(scene.text("ally amber")))
}

fn withdraw(scene: &Scene, subject: Digest, creator: bool) -> Draft {
    let withdraw = Withdraw {
        subject,
        reason: Reason::CreatorRequest,
        creator_withdrawal: creator,
        erase_by: scene.liar.now(),
    };
    scene.word(Kind::Withdraw, subject, withdraw.to_text())
}

fn relabel(scene: &Scene, subject: Digest, tlp: Tlp) -> Draft {
    let relabel = Relabel { subject, label: said(tlp) };
    Draft { label: said(tlp), ..scene.word(Kind::Relabel, subject, relabel.to_text()) }
}

fn receipt(scene: &Scene, by: &shieldwall_sim::Member, subject: Digest) -> Draft {
    let items = vec![ReceiptItem { subject, state: exchange::Erasure::Erased, at: scene.liar.now() }];
    let secrets = by.secrets().map_err(|problem| problem.0).unwrap();
    let receipt =
        Receipt::sign(by.party, scene.target.party, scene.pact().id, items, scene.liar.now(), &secrets.epoch);
    scene.word(Kind::Receipt, subject, receipt.unwrap().to_text())
}

/// The name that the target itself calls something it gave to the liar by.
fn given_name(scene: &Scene, name: &str) -> Digest {
    let read = scene.target.core.store.read().unwrap();
    let rows = read.disclosures(scene.target.core.scope.tenant, Some(scene.id(name)), false, 0, 10).unwrap();
    rows.iter().find(|row| row.to == scene.liar.party).unwrap().subject
}

const LABELS: &[Case] = &[
    case("a RED object in an envelope that says CLEAR", |s| object(s, &s.fresh(50, Tlp::Red)), MISDIRECTED)
        .may(BOOKED),
    case(
        "an AMBER object in an envelope that says CLEAR",
        |s| object(s, &s.fresh(50, Tlp::Amber)),
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "an AMBER+STRICT object in an envelope that says GREEN",
        |s| s.send_object(&s.fresh(50, Tlp::AmberStrict), Tlp::Green),
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "a CLEAR object in an envelope that says RED",
        |s| s.send_object(&s.fresh(50, Tlp::Clear), Tlp::Red),
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "a label that nobody can read",
        |s| {
            s.send(&[Draft {
                label: "[\"tlp\":clear".to_owned(),
                ..s.draft(&s.fresh(50, Tlp::Clear), Tlp::Clear)
            }])
        },
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "an empty label",
        |s| s.send(&[Draft { label: String::new(), ..s.draft(&s.fresh(50, Tlp::Clear), Tlp::Clear) }]),
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "a marking that nobody knows",
        |s| {
            let unknown = "marking-definition--0bbbbbbb-0000-4000-8000-000000000001";
            object(s, &s.fresh(50, Tlp::Clear).replace(stix::marking::tlp_ref(Tlp::Clear).as_str(), unknown))
        },
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "RED explained away by what comes along",
        |s| {
            let red = stix::marking::tlp_ref(Tlp::Red);
            let lie = stix::marking::tlp_definition(Tlp::Clear)
                .replace(stix::marking::tlp_ref(Tlp::Clear).as_str(), red.as_str());
            payload(s, forge::along(&s.fresh(50, Tlp::Red), &[&lie]))
        },
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "RED explained away by something that only mentions it",
        |s| {
            let red = stix::marking::tlp_ref(Tlp::Red);
            let lie = stix::marking::tlp_definition(Tlp::Clear)
                .replace("\"type\"", &format!("\"x_note\":\"{}\",\"type\"", red.as_str()));
            payload(s, forge::along(&s.fresh(50, Tlp::Red), &[&lie]))
        },
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "a RED part in a CLEAR object",
        |s| {
            let red = stix::marking::tlp_ref(Tlp::Red);
            let granular = format!(
                "\"granular_markings\":[{{\"marking_ref\":\"{red}\",\"selectors\":[\"pattern\"]}}],\"name\""
            );
            object(s, &s.fresh(50, Tlp::Clear).replacen("\"name\"", &granular, 1))
        },
        Expect::Ignored,
    )
    .may(TAKEN),
    case(
        "nobody's label at all, and an envelope that says RED",
        |s| {
            let text = s.fresh(50, Tlp::Clear);
            let at = text.find(",\"object_marking_refs\"").unwrap();
            s.send_object(&format!("{}}}", &text[..at]), Tlp::Red)
        },
        MISDIRECTED,
    )
    .may(BOOKED),
];

const OTHERS: &[Case] = &[
    case("the ally's object, word for word", |s| of_ally(s, str::to_owned), MISDIRECTED).may(BOOKED),
    case(
        "the ally's object, marked CLEAR",
        |s| {
            of_ally(s, |text| {
                text.replace(
                    stix::marking::tlp_ref(Tlp::Amber).as_str(),
                    stix::marking::tlp_ref(Tlp::Clear).as_str(),
                )
            })
        },
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "holdings"]),
    case(
        "the same version of the ally's object with another meaning",
        |s| object(s, &s.text("ally clear").replace("malicious-activity", "benign")),
        Expect::Noted("stix-2.1/3.6/version-conflict"),
    )
    .may(BOOKED),
    case(
        "a new version of the ally's object that the ally never made",
        |s| {
            object(
                s,
                &s.text("ally clear")
                    .replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")
                    .replace("malicious-activity", "benign"),
            )
        },
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "waiting", "journal", "holdings"]),
    case(
        "a revocation of the ally's object that the ally never made",
        |s| {
            object(
                s,
                &s.text("ally clear")
                    .replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")
                    .replacen("\"name\"", "\"revoked\":true,\"name\"", 1),
            )
        },
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "waiting", "journal", "holdings"]),
    case(
        "a new object in the ally's name",
        |s| object(s, &indicator(&s.ally, 51, Tlp::Clear).1),
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "waiting", "journal", "holdings"]),
    case(
        "a new object in the target's own name",
        |s| object(s, &indicator(&s.target, 51, Tlp::Clear).1),
        Expect::Noted("shieldwall/own-identity"),
    )
    .may(BOOKED),
    case(
        "the target's own object, changed",
        |s| object(s, &s.text("own green").replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")),
        Expect::Noted("shieldwall/own-identity"),
    )
    .may(BOOKED),
    case(
        "the target's own RED object, as if the liar had it",
        |s| s.send_object(s.text("own red"), Tlp::Clear),
        MISDIRECTED,
    )
    .may(BOOKED),
    case(
        "the target's own object with a wider marking",
        |s| {
            let text = s.text("own amber").replace(
                stix::marking::tlp_ref(Tlp::Amber).as_str(),
                stix::marking::tlp_ref(Tlp::Clear).as_str(),
            );
            object(s, &text)
        },
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "holdings"]),
    case(
        "the ally's object under the liar's creator",
        |s| {
            of_ally(s, |text| {
                text.replace(s.ally.identity.as_str(), s.liar.identity.as_str())
                    .replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")
                    .replace(
                        stix::marking::tlp_ref(Tlp::Amber).as_str(),
                        stix::marking::tlp_ref(Tlp::Clear).as_str(),
                    )
            })
        },
        Expect::Noted("stix-2.1/3.6/creator-only"),
    )
    .may(BOOKED),
    case(
        "the ally's object without a creator",
        |s| {
            of_ally(s, |text| {
                text.replace(&format!("\"created_by_ref\":\"{}\",", s.ally.identity), "")
                    .replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31")
                    .replace(
                        stix::marking::tlp_ref(Tlp::Amber).as_str(),
                        stix::marking::tlp_ref(Tlp::Clear).as_str(),
                    )
            })
        },
        Expect::Noted("stix-2.1/3.6/creator-only"),
    )
    .may(BOOKED),
    case(
        "the ally's object with an id in capitals",
        |s| {
            of_ally(s, |text| {
                text.replace("0aaaaaaa", "0AAAAAAA").replace("malicious-activity", "benign").replace(
                    stix::marking::tlp_ref(Tlp::Amber).as_str(),
                    stix::marking::tlp_ref(Tlp::Clear).as_str(),
                )
            })
        },
        Expect::Ignored,
    )
    .may(BOOKED),
];

const RESURRECTION: &[Case] = &[
    case(
        "what the liar itself has taken back, under its old name",
        |s| {
            let name = s.subject(2, s.id("liar taken").as_str());
            s.send(&[Draft { subject: name, ..s.draft(s.text("liar taken"), Tlp::Green) }])
        },
        Expect::Ignored,
    )
    .may(BOOKED),
    case(
        "the same in a new version",
        |s| {
            let name = s.subject(2, s.id("liar taken").as_str());
            let text = s.text("liar taken").replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31");
            s.send(&[Draft { subject: name, kind: Kind::Supersede, ..s.draft(&text, Tlp::Green) }])
        },
        Expect::Ignored,
    )
    .may(BOOKED),
    case("what the ally has taken back as its creator", |s| object(s, s.text("ally taken")), Expect::Ignored)
        .may(BOOKED),
    case(
        "the same in a version that the ally never made",
        |s| {
            object(s, &s.text("ally taken").replace("\"modified\":\"2026-10-30", "\"modified\":\"2026-10-31"))
        },
        Expect::Ignored,
    )
    .may(BOOKED),
    case(
        "what the ally has taken back, along with something else",
        |s| {
            let outcome = along(s, s.text("ally taken"));
            kept_out(s, &outcome, s.id("ally taken").as_str());
            outcome
        },
        Expect::Ignored,
    )
    .may(TAKEN),
    case(
        "the ally's old push with what it took back since",
        |s| s.as_ally(ports::peer::Topic::Push, &s.allys_push()),
        Expect::Ignored,
    ),
];

const ALONG: &[Case] = &[
    case(
        "a RED object along with a GREEN one",
        |s| {
            let red = s.fresh(52, Tlp::Red);
            let outcome = along(s, &red);
            kept_out(s, &outcome, "45.83.64.52");
            outcome
        },
        Expect::Ignored,
    )
    .may(TAKEN),
    case(
        "an object of a clause's type along with another",
        |s| {
            let outcome = along(s, &s.fresh(52, Tlp::Green));
            kept_out(s, &outcome, "45.83.64.52");
            outcome
        },
        Expect::Ignored,
    )
    .may(TAKEN),
    case(
        "a false identity of the ally along",
        |s| {
            let real = s.ally.text_of(&s.ally.identity).map_err(|problem| problem.0).unwrap().unwrap();
            let outcome = along(
                s,
                &real
                    .replace("Node 0", "Mallory")
                    .replace("\"modified\":\"2026-11-01", "\"modified\":\"2026-11-02"),
            );
            kept_out(s, &outcome, "Mallory");
            outcome
        },
        Expect::Ignored,
    )
    .may(TAKEN_OR_ASKED),
    case(
        "a false identity of the target along",
        |s| {
            let real = s.target.text_of(&s.target.identity).map_err(|problem| problem.0).unwrap().unwrap();
            let outcome = along(
                s,
                &real
                    .replace("Node 1", "Mallory")
                    .replace("\"modified\":\"2026-11-01", "\"modified\":\"2026-11-02"),
            );
            kept_out(s, &outcome, "Mallory");
            outcome
        },
        Expect::Ignored,
    )
    .may(TAKEN),
    case(
        "257 objects along",
        |s| {
            let one = s.fresh(52, Tlp::Green);
            payload(s, forge::along(&s.fresh(50, Tlp::Green), &vec![one.as_str(); 257]))
        },
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case("something along that is no object", |s| along(s, "[1,2,3]"), Expect::Noted("exchange/payload"))
        .may(MOVES),
];

const SHAPES: &[Case] = &[
    case(
        "a payload that is no JSON",
        |s| payload(s, "not JSON".to_owned()),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case("a payload without an object", |s| payload(s, "{}".to_owned()), Expect::Noted("exchange/payload"))
        .may(MOVES),
    case(
        "an object that is a list",
        |s| payload(s, "{\"object\":[]}".to_owned()),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "two objects in one",
        |s| {
            payload(
                s,
                format!("{{\"object\":{},\"object\":{}}}", s.fresh(50, Tlp::Green), s.fresh(51, Tlp::Green)),
            )
        },
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "a member nobody knows beside the object",
        |s| payload(s, format!("{{\"object\":{},\"label\":\"clear\"}}", s.fresh(50, Tlp::Green))),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "a member twice inside the object",
        |s| object(s, &s.fresh(50, Tlp::Green).replacen("\"name\"", "\"name\":\"other\",\"name\"", 1)),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "a member twice, once escaped",
        |s| object(s, &s.fresh(50, Tlp::Green).replacen("\"name\"", "\"n\\u0061me\":\"other\",\"name\"", 1)),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "an object of a hundred thousand levels",
        |s| object(s, &format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "an object of two million values",
        |s| object(s, &format!("{{\"x\":[{}0]}}", "0,".repeat(2_000_000))),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "half a surrogate pair",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("number 50", "\\ud800")),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "a number that is infinite",
        |s| object(s, &s.fresh(50, Tlp::Green).replacen("\"name\"", "\"confidence\":1e999,\"name\"", 1)),
        NO_OBJECT,
    )
    .may(BOOKED),
    case("something that is no STIX object", |s| object(s, "{\"hello\":\"world\"}"), NO_OBJECT).may(BOOKED),
    case(
        "an id of another type",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("\"id\":\"indicator--", "\"id\":\"malware--")),
        NO_OBJECT,
    )
    .may(BOOKED),
    case(
        "an id that is no UUID",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("0aaaaaaa-0000", "../../../etc")),
        NO_OBJECT,
    )
    .may(BOOKED),
    case(
        "a type that only looks like one",
        |s| {
            object(
                s,
                &s.fresh(50, Tlp::Green).replace("\"type\":\"indicator\"", "\"type\":\"ind\u{456}cator\""),
            )
        },
        NO_OBJECT,
    )
    .may(BOOKED),
    case(
        "a pattern that does not parse",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("[ipv4-addr:value = '45.83.64.50']", "[[[[")),
        Expect::Ignored,
    )
    .may(BOOKED),
    case(
        "a pattern of ten thousand brackets",
        |s| {
            object(
                s,
                &s.fresh(50, Tlp::Green).replace("[ipv4-addr:value = '45.83.64.50']", &"(".repeat(10_000)),
            )
        },
        Expect::Ignored,
    )
    .may(BOOKED),
    case(
        "modified before it was created",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("\"modified\":\"2026", "\"modified\":\"2025")),
        NO_OBJECT,
    )
    .may(BOOKED),
    case(
        "a poisoned indicator: 8.8.8.8",
        |s| object(s, &s.fresh(50, Tlp::Green).replace("45.83.64.50", "8.8.8.8")),
        Expect::Ignored,
    )
    .may(&["inbound", "ledger", "waiting", "journal", "holdings"]),
];

const WORDS: &[Case] = &[
    case(
        "a withdrawal of something that was never given",
        |s| s.send(&[withdraw(s, Digest([6; 32]), false)]),
        Expect::Ignored,
    )
    .may(&["inbound", "outbound"]),
    case(
        "a withdrawal that names something else than its envelope",
        |s| {
            let name = s.subject(2, s.id("liar green").as_str());
            s.send(&[Draft { subject: Digest([6; 32]), ..withdraw(s, name, false) }])
        },
        Expect::Noted("exchange/payload"),
    )
    .may(&["inbound", "outbound"]),
    case(
        "a withdrawal without its payload",
        |s| {
            let mut push = s.next(&[withdraw(s, Digest([6; 32]), false)]);
            push.entries[0].opening = None;
            s.send_push(&push)
        },
        Expect::Invalid("does not count"),
    ),
    case(
        "a withdrawal of the ally's object by the ally's name for it",
        |s| {
            let name = s.subject(0, s.id("ally amber").as_str());
            s.send(&[withdraw(s, name, true)])
        },
        Expect::Ignored,
    )
    .may(&["inbound", "outbound"]),
    case(
        "a withdrawal of the ally's object by whoever only passed it on",
        |s| {
            let put = s.draft(s.text("ally clear"), Tlp::Clear);
            let name = put.subject;
            s.send(&[put, withdraw(s, name, true)])
        },
        Expect::Ignored,
    )
    .may(&["inbound", "outbound", "holdings", "ledger"]),
    case(
        "a narrower label for the ally's object, by whoever only passed it on",
        |s| {
            let put = s.draft(s.text("ally clear"), Tlp::Clear);
            let name = put.subject;
            s.send(&[put, relabel(s, name, Tlp::Red)])
        },
        Expect::Ignored,
    )
    .may(&["inbound", "holdings", "ledger"]),
    case(
        "a narrower label for the target's own object",
        |s| {
            let put = s.draft(s.text("own green"), Tlp::Green);
            let name = put.subject;
            s.send(&[put, relabel(s, name, Tlp::Red)])
        },
        Expect::Ignored,
    )
    .may(&["inbound", "holdings", "ledger"]),
    case(
        "a wider label for the liar's own object",
        |s| {
            let name = s.subject(2, s.id("liar green").as_str());
            s.send(&[relabel(s, name, Tlp::Clear)])
        },
        Expect::Ignored,
    )
    .may(MOVES),
    case(
        "a label for something that was never given",
        |s| s.send(&[relabel(s, Digest([6; 32]), Tlp::Clear)]),
        Expect::Ignored,
    )
    .may(MOVES),
    case(
        "a receipt for what was never taken back",
        |s| s.send(&[receipt(s, &s.liar, given_name(s, "own green"))]),
        Expect::Ignored,
    )
    .may(&["inbound", "disclosures"]),
    case(
        "a receipt signed by somebody else",
        |s| s.send(&[receipt(s, &s.ally, given_name(s, "own green"))]),
        Expect::Noted("exchange/payload"),
    )
    .may(MOVES),
    case(
        "a receipt that was altered",
        |s| {
            let draft = receipt(s, &s.liar, given_name(s, "own green"));
            let payload = draft.payload.replace("\"erased\"", "\"unknown\"");
            s.send(&[Draft { payload, ..draft }])
        },
        Expect::Noted("shieldwall/erasure-receipt"),
    )
    .may(MOVES),
    case(
        "a question in a stream",
        |s| s.send(&[s.word(Kind::Query, subject("q"), "{}".to_owned())]),
        Expect::Ignored,
    )
    .may(MOVES),
    case(
        "an act in a stream",
        |s| s.send(&[s.word(Kind::Agreement, subject("a"), "{\"body\":{},\"signatures\":[]}".to_owned())]),
        Expect::Ignored,
    )
    .may(MOVES),
    case(
        "a sighting that is no sighting, RED",
        |s| s.send(&[Draft { kind: Kind::Sighting, ..s.draft(&s.fresh(50, Tlp::Red), Tlp::Clear) }]),
        MISDIRECTED,
    )
    .may(BOOKED),
];

#[test]
fn no_label_is_widened_on_the_way() {
    check(LABELS);
}

#[test]
fn nobody_speaks_for_somebody_else() {
    check(OTHERS);
}

#[test]
fn what_was_taken_back_stays_away() {
    check(RESURRECTION);
}

#[test]
fn what_travels_along_is_looked_at_too() {
    check(ALONG);
}

#[test]
fn malformed_content_has_no_effect() {
    check(SHAPES);
}

#[test]
fn words_about_others_objects_have_no_effect() {
    check(WORDS);
}
