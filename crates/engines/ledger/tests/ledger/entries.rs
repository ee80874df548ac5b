//! Entries, their commitments, and that nothing shown can be turned back into content.

use ledger::entry::{
    AgreementAct, BreakGlassAct, ConsumerAct, Decision, Entry, ErasureAct, Figures, Flow, Item, Kind,
    MisdirectedAct, Opening, Personal, QueryAnswer, ReleaseAct, Shown, Side, Way, Word,
};
use ledger::merkle::leaf_hash;
use model::{AgreementId, Digest, Label, Tlp};
use sha2::{Digest as _, Sha256};

use crate::{at, party};

pub(crate) fn word(text: &str) -> Word {
    text.parse().unwrap()
}

pub(crate) fn item(n: u8) -> Item {
    Item::derive(&[1; 32], &[n])
}

pub(crate) fn flow(peer: &str, category: &str, tlp: Tlp) -> Flow {
    let agreement = AgreementId(Digest([0xa1; 32]));
    Flow { peer: word(peer), agreement, category: word(category), label: Label::Tlp(tlp) }
}

/// One of every kind and act.
pub(crate) fn one_of_each() -> Vec<Figures> {
    let agreement = AgreementId(Digest([0xa1; 32]));
    let peer = word("p-estonia");
    let personal = Personal { redacted: 2, passed: 1, reason: Some(word("consent")) };
    let mut all = vec![
        Figures::Disclosure { flow: flow("p-estonia", "malware+phishing", Tlp::Amber), personal },
        Figures::Receipt { flow: flow("p-canada", "malware", Tlp::AmberStrict) },
        Figures::Denial { peer: peer.clone(), rule: word("c-3"), label: Label::OwnOnly },
        Figures::KeyEvent { party: word("own"), event: word("epoch-rotation") },
        Figures::Query {
            side: Side::Asked,
            peer: peer.clone(),
            values: 100,
            answer: QueryAnswer::Matches(3),
        },
        Figures::Query {
            side: Side::Answered,
            peer: peer.clone(),
            values: 100,
            answer: QueryAnswer::Refused,
        },
        Figures::Review { detector: word("iban"), decision: Decision::Redacted, reason: word("no-need") },
        Figures::Override { rule: word("delay"), post: word("release-officer") },
        Figures::Retention { checked: 1000, overdue: 0 },
        Figures::Access { post: word("analyst"), action: word("export"), count: 12 },
        Figures::Policy { agreement, exposes: 41, withdraws: 2 },
        Figures::Witness { agreement, needed: 2, reached: 1 },
    ];
    all.extend(AgreementAct::ALL.iter().map(|act| Figures::Agreement { agreement, act: *act, version: 1 }));
    for act in [
        ErasureAct::Demanded {
            side: Side::Answered,
            peer: peer.clone(),
            deadline: at("2026-02-01T00:00:00Z"),
        },
        ErasureAct::Confirmed,
        ErasureAct::Held,
        ErasureAct::Kept,
        ErasureAct::NotHeld,
    ] {
        all.push(Figures::Erasure { item: item(1), act });
    }
    for act in [
        BreakGlassAct::Used {
            peer: peer.clone(),
            label: Label::Tlp(Tlp::Red),
            expires: at("2026-02-01T00:00:00Z"),
        },
        BreakGlassAct::Reviewed { outcome: word("justified") },
    ] {
        all.push(Figures::BreakGlass { item: item(2), act });
    }
    for act in [MisdirectedAct::Found { peer: peer.clone() }, MisdirectedAct::Notified] {
        all.push(Figures::Misdirected { item: item(3), act });
    }
    for act in
        [ReleaseAct::Requested { side: Side::Answered, peer }, ReleaseAct::Granted, ReleaseAct::Refused]
    {
        all.push(Figures::Release { item: item(4), act });
    }
    let estonia = word("p-estonia");
    all.push(Figures::Query { side: Side::Answered, peer: estonia, values: 7, answer: QueryAnswer::Unknown });
    let siem = || word("x-0123456789abcdef");
    all.extend(ConsumerAct::ALL.iter().map(|act| Figures::Consumer { consumer: siem(), act: *act }));
    all.extend(Way::ALL.iter().map(|way| Figures::Departure {
        way: *way,
        recipient: siem(),
        purpose: word("detection"),
        category: word("malware"),
        label: Label::Tlp(Tlp::Green),
        count: 400,
        redacted: 3,
    }));
    all
}

fn entry(figures: Figures) -> Entry {
    let particulars = r#"{"object":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "clause":"C 1"}"#;
    Entry::new(at("2026-01-31T12:00:00Z"), figures, particulars).unwrap()
}

#[test]
fn the_commitment_is_as_documented() {
    // Computed from the documentation alone by another program.
    let figures =
        Figures::Denial { peer: word("p-estonia"), rule: word("c1"), label: Label::Tlp(Tlp::Amber) };
    let particulars = r#"{"object":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}"#;
    let entry = Entry::new(at("2026-01-31T12:00:00Z"), figures, particulars).unwrap();
    let opening = entry.salted(std::array::from_fn(|at| at as u8));
    let text = r#"{"at":"2026-01-31T12:00:00.000Z","figures":{"label":"amber","peer":"p-estonia","rule":"c1"},"kind":"denial","particulars":"a81ad4677d3bb5548cace47acb04c04f616f1bb43e2adbaf0c4819dc052a8422"}"#;
    assert_eq!(opening.shown().text(), text);
    assert_eq!(
        opening.commitment().to_string(),
        "c79e0b4b4173aadbb8c27a1a924ae9201c1b724a9c299bcd62f3656613bedadd"
    );
    assert_eq!(
        opening.leaf_hash().to_string(),
        "eb3f524acf1c85b5160fc185a7f6bc381ff3dcf0fd83081a5da9d8b4c959d30b"
    );
    assert_eq!(opening.leaf_hash(), leaf_hash(&opening.commitment().0));
}

#[test]
fn every_kind_survives_its_text_and_its_showing() {
    let all = one_of_each();
    for kind in Kind::ALL {
        assert!(all.iter().any(|figures| figures.kind() == *kind), "{kind}");
    }
    for (n, figures) in all.into_iter().enumerate() {
        let opening = entry(figures.clone()).salted([n as u8; 32]);
        let read = Opening::parse(&opening.to_text()).unwrap();
        assert_eq!((read.commitment(), read.entry()), (opening.commitment(), opening.entry()));
        let shown = opening.shown();
        let read = Shown::parse(shown.salt(), shown.text()).unwrap();
        assert_eq!((read.commitment(), read.figures()), (opening.commitment(), &figures));
        // Nothing of the particulars is in what is shown.
        assert!(!shown.text().contains("indicator") && !shown.text().contains("C 1"), "{}", shown.text());
        let other = entry(figures).salted([n as u8 + 1; 32]);
        assert_ne!(other.commitment(), opening.commitment());
    }
}

#[test]
fn any_change_to_what_is_shown_is_another_commitment() {
    let opening = entry(one_of_each().swap_remove(0)).salted([9; 32]);
    let shown = opening.shown();
    for (from, to) in [
        ("\"amber\"", "\"green\""),
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.001Z"),
        ("p-estonia", "p-finland"),
        ("\"passed\":1", "\"passed\":2"),
        ("malware+phishing", "malware"),
    ] {
        let text = shown.text().replace(from, to);
        assert_ne!(Shown::parse(shown.salt(), &text).unwrap().commitment(), opening.commitment(), "{from}");
    }
    // White space is a change too: what is hashed is the text.
    let spaced = shown.text().replace(':', ": ");
    assert_ne!(
        Shown::parse(shown.salt(), &spaced).map(|shown| shown.commitment()).ok(),
        Some(opening.commitment())
    );
    let mut salt = shown.salt();
    salt.0[31] ^= 1;
    assert_ne!(Shown::parse(salt, shown.text()).unwrap().commitment(), opening.commitment());
}

#[test]
fn trying_every_address_of_a_network_finds_nothing() {
    // The particulars name one of 65,536 addresses, which the attacker knows; figures and the salt shown are known too.
    let particulars = |n: u16| format!("{{\"value\":\"198.51.{}.{}\"}}", n >> 8, n & 255);
    let figures = Figures::Receipt { flow: flow("p-canada", "malware", Tlp::Green) };
    let (at, salt) = (at("2026-01-31T12:00:00Z"), Sha256::digest(b"secret").into());
    let opening = Entry::new(at, figures.clone(), &particulars(4711)).unwrap().salted(salt);
    let shown = opening.shown();
    let sealed = shown.text().split("\"particulars\":\"").nth(1).unwrap()[..64].to_owned();
    let hash = |parts: &[&[u8]]| {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Digest(hasher.finalize().into()).to_string()
    };
    let guess = |salt: &[u8; 32], n: u16| {
        hash(&[b"shieldwall/ledger/particulars/v1\0", salt, particulars(n).as_bytes()]) == sealed
    };
    let public: Digest = shown.salt();
    let found = (0..1 << 13).filter(|n| {
        let text = particulars(*n);
        guess(&public.0, *n)
            || hash(&[text.as_bytes()]) == sealed
            || hash(&[b"shieldwall/ledger/particulars/v1\0", text.as_bytes()]) == sealed
            || Entry::new(at, figures.clone(), &text).unwrap().salted(public.0).commitment()
                == opening.commitment()
    });
    assert_eq!(found.count(), 0);
    // With the secret salt the same guess hits, so the guessing itself is sound.
    let inner =
        Sha256::new().chain_update(b"shieldwall/ledger/particulars-salt/v1\0").chain_update(salt).finalize();
    assert!(guess(&inner.into(), 4711) && !guess(&inner.into(), 4712));
}

#[test]
fn figures_hold_no_content() {
    for text in [
        "",
        "Malware",
        "8-8-8-8",
        "198.51.100.7",
        "evil.example",
        "user@example.org",
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "a-8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "d41d8cd98f00b204e9800998ecf8427e",
        "x-d41d8cd98f00b204e9800998ecf8427e",
        "de89370400440532013000",
        "+4912345",
        "two words",
        "tab\t",
        "ß",
        "a/b",
        "a--b",
        &"x".repeat(65),
    ] {
        assert!(text.parse::<Word>().is_err(), "{text}");
    }
    for text in ["a", "malware+phishing", "c_1-b", "amber+strict", "p-0123456789abcdef", &"x".repeat(64)] {
        assert_eq!(text.parse::<Word>().unwrap().as_str(), text);
    }
    assert_eq!(Word::named("Clause 3.1 (b)").unwrap().as_str(), "clause-3-1-b");
    assert_eq!(Word::named("  C--1  ").unwrap().as_str(), "c-1");
    for name in ["", "3.1", "198.51.100.7", "—", "d41d8cd98f00b204e9800998ecf8427e"] {
        assert!(Word::named(name).is_err(), "{name}");
    }
    let (one, other) = (Word::pseudonym(&[1; 32], party(1)), Word::pseudonym(&[2; 32], party(1)));
    assert_eq!(one.as_str().parse(), Ok(one.clone()));
    assert_ne!(one, other);
    assert_ne!(one, Word::pseudonym(&[1; 32], party(2)));
    assert_ne!(Item::derive(&[1; 32], b"a"), Item::derive(&[2; 32], b"a"));
    assert_eq!(item(5).to_string().parse(), Ok(item(5)));
    assert!("00".parse::<Item>().is_err() && "é".repeat(16).parse::<Item>().is_err());
}

#[test]
fn entries_that_contradict_themselves_are_refused() {
    let disclosure = |redacted, passed, reason: Option<&str>| Figures::Disclosure {
        flow: flow("p-canada", "malware", Tlp::Green),
        personal: Personal { redacted, passed, reason: reason.map(word) },
    };
    let time = at("2026-01-31T12:00:00Z");
    assert!(Entry::new(time, disclosure(3, 0, None), "{}").is_ok());
    assert!(Entry::new(time, disclosure(0, 3, Some("consent")), "{}").is_ok());
    for (figures, pointer) in [
        (disclosure(0, 3, None), "/figures/personal/reason"),
        (disclosure(3, 0, Some("consent")), "/figures/personal/reason"),
        (Figures::Retention { checked: 1, overdue: 2 }, "/figures/overdue"),
        (Figures::Retention { checked: 1 << 60, overdue: 2 }, "/figures"),
    ] {
        assert_eq!(Entry::new(time, figures, "{}").unwrap_err().pointer, pointer);
    }
    let figures = || Figures::Retention { checked: 1, overdue: 0 };
    for particulars in
        ["", "[]", "null", "{", "{\"a\":1,\"a\":2}", "{\"a\":9007199254740993}", "{\"a\":1e300}"]
    {
        assert!(Entry::new(time, figures(), particulars).is_err(), "{particulars}");
    }
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(70_000));
    assert!(Entry::new(time, figures(), &long).is_err());
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(40), "]".repeat(40));
    assert!(Entry::new(time, figures(), &deep).is_err());
}

#[test]
fn erasing_the_particulars_keeps_the_figures_provable() {
    for figures in one_of_each() {
        let opening = entry(figures).salted([3; 32]);
        let whole = Shown::parse_kept(&opening.to_text()).unwrap();
        let reduced = Shown::parse_kept(&whole.to_text()).unwrap();
        assert_eq!((&reduced, reduced.leaf_hash()), (&opening.shown(), opening.leaf_hash()));
        assert!(
            !whole.to_text().contains("indicator") && !whole.to_text().contains(&Digest([3; 32]).to_string())
        );
    }
    for text in
        ["", "{}", "{\"shown\":{}}", "{\"salt\":1,\"shown\":{}}", "{\"more\":1,\"salt\":\"\",\"shown\":{}}"]
    {
        assert!(Shown::parse_kept(text).is_err(), "{text}");
    }
}

#[test]
fn openings_are_read_strictly() {
    let opening = entry(Figures::Erasure { item: item(1), act: ErasureAct::Confirmed }).salted([3; 32]);
    let text = opening.to_text();
    assert!(!format!("{opening:?}").contains("0303"), "the salt is not for log files");
    for (from, to) in [
        ("\"kind\":\"erasure\"", "\"kind\":\"eraser\""),
        ("\"kind\":\"erasure\"", "\"kind\":\"release\""),
        ("\"act\":\"confirmed\"", "\"act\":\"done\""),
        ("\"act\":\"confirmed\"", "\"act\":\"confirmed\",\"deadline\":\"2026-01-01T00:00:00.000Z\""),
        ("\"act\":\"confirmed\"", "\"act\":\"demanded\""),
        ("\"act\":\"confirmed\",", ""),
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.000Z", "yesterday"),
        ("\"salt\":\"03", "\"salt\":\"3"),
        ("\"salt\"", "\"pepper\""),
        ("{\"at\"", "{\"also\":1,\"at\""),
        ("{\"at\"", "{\"at\":\"2026-01-31T12:00:00.000Z\",\"at\""),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        assert!(Opening::parse(&changed).is_err(), "{from} → {to}");
    }
}
