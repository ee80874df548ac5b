//! What a change does, in words.

use proptest::prelude::*;
use shieldwall_agreement::terms_diff::{Effect, compare};
use shieldwall_agreement::{Clause, Terms};

use crate::fixture::{parse, terms, text};

#[track_caller]
fn check(name: &str, replace: &[(&str, &str)], expect: &[&str]) {
    let old = text(name);
    let new = replace.iter().fold(old.clone(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let told: Vec<String> = compare(&parse(&old), &parse(&new)).iter().map(ToString::to_string).collect();
    assert_eq!(told, expect);
    // The other way round, each change does the opposite, unless the two cannot be compared.
    for change in compare(&parse(&new), &parse(&old)) {
        assert!(
            change.effect != Effect::Neutral || told.iter().all(|one| one.contains("(neutral)")),
            "{change}"
        );
    }
}

#[test]
fn nothing_has_changed() {
    for template in shieldwall_agreement::templates::TEMPLATES {
        assert_eq!(compare(&terms(template.name), &terms(template.name)), []);
    }
}

#[test]
fn changes_in_words() {
    let (cert, isac, five) = ("tlp-community", "isac-circle", "five-eyes-circle");
    let green = "ceiling = { tlp = \"green\", pap = \"green\" }";
    check(
        cert,
        &[(green, "ceiling = { tlp = \"amber\", pap = \"green\" }")],
        &["clause `green`: ceiling green → amber (wider)"],
    );
    check(
        cert,
        &[(green, "ceiling = { tlp = \"clear\", pap = \"green\" }")],
        &["clause `green`: ceiling green → clear (narrower)"],
    );
    check(
        cert,
        &[(green, "ceiling = { tlp = \"green\", pap = \"red\" }")],
        &["clause `green`: ceiling PAP green → red (wider)"],
    );
    check(
        cert,
        &[("types = \"any\"", "types = [\"indicator\"]")],
        &["clause `clear`: types any → indicator (narrower)"],
    );
    check(
        cert,
        &[("from = \"any\"", "from = [\"p1\", \"p2\"]")],
        &["clause `clear`: from any → p1, p2 (narrower)"],
    );
    check(
        cert,
        &[("onward = \"free\"", "onward = { depth = 2 }")],
        &["clause `clear`: onward free → depth:2 (narrower)"],
    );
    check(
        cert,
        &[("onward = \"free\"", "onward = [\"p1\"]")],
        &["clause `clear`: onward free → to p1 only (narrower)"],
    );
    check(
        cert,
        &[("personal = \"redact\"", "personal = \"refuse\"")],
        &["clause `clear`: personal data redact → refuse (narrower)"],
    );
    check(
        cert,
        &[("expiry = 2027-01-01", "expiry = 2028-01-01")],
        &["expiry 2027-01-01T00:00:00.000Z → 2028-01-01T00:00:00.000Z (wider)"],
    );
    check(cert, &[("keep_days = 730", "keep_days = 7")], &["kept (days) 730 → 7 (narrower)"]);
    check(
        cert,
        &[("objects_per_hour = 20000", "objects_per_hour = 20001")],
        &["objects per hour 20000 → 20001 (wider)"],
    );
    check(cert, &[("officers = 2", "officers = 1")], &["party `p1`: officers who must sign 2 → 1 (wider)"]);
    check(cert, &[("join_quorum = 2", "join_quorum = 3")], &["quorum to join 2 → 3 (narrower)"]);
    check(cert, &[("quorum = 1\n", "quorum = 2\n")], &["witnesses needed 1 → 2 (narrower)"]);
    check(
        cert,
        &[("name = \"TLP community\"", "name = \"Our community\"")],
        &["name TLP community → Our community (neutral)"],
    );
    check(
        isac,
        &[("\"/name\", \"/indicator_types\"", "\"/indicator_types\"")],
        &["redaction `anonymous-member`: keeps − indicator/name (narrower)"],
    );
    check(
        isac,
        &[("contributor = \"anonymous\"", "contributor = \"named\"")],
        &["redaction `anonymous-member`: contributor anonymous → named (wider)"],
    );
    check(
        isac,
        &[("redaction = \"anonymous-member\"\n", ""), ("personal = \"redact\"", "personal = \"redact\"")],
        &["clause `members`: redaction anonymous-member → none (wider)"],
    );
    check(
        isac,
        &[("most_values = 500", "most_values = 400")],
        &["query `seen-in-the-sector`: values per question 500 → 400 (narrower)"],
    );
    check(
        isac,
        &[("valid_until = 2028-01-01", "valid_until = 2029-01-01")],
        &[
            "legal basis `Regulation (EU) 2016/679 (GDPR)`: valid until 2028-01-01T00:00:00.000Z → 2029-01-01T00:00:00.000Z (wider)",
        ],
    );
    check(
        five,
        &[(
            "rel_to = [\"AUS\", \"CAN\", \"GBR\", \"NZL\", \"USA\"]\n",
            "rel_to = [\"AUS\", \"CAN\", \"GBR\", \"NZL\", \"USA\", \"JPN\"]\n",
        )],
        &["clause `rel-fvey`: releasable to + JPN (wider)"],
    );
    check(
        five,
        &[("name = \"SECRET\"", "name = \"CONFIDENTIAL\""), ("hierarchy = 3", "hierarchy = 2")],
        &["clause `rel-fvey`: ceiling classification SECRET → CONFIDENTIAL (narrower)"],
    );
    check(five, &[("hours = 24\n", "hours = 48\n")], &["break-glass: lasts (hours) 24 → 48 (wider)"]);
}

#[test]
fn added_and_removed_parts() {
    let old = terms("bilateral-cert");
    let mut new = old.clone();
    new.clauses.retain(|clause| clause.id != "intel-a-to-b");
    new.queries.clear();
    new.break_glass = None;
    let told: Vec<String> = compare(&old, &new).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "clause `intel-a-to-b`: removed (narrower)",
            "query `have-you-seen`: removed (narrower)",
            "break-glass: removed (narrower)"
        ]
    );
    assert!(compare(&new, &old).iter().all(|change| change.effect == Effect::Wider));
}

#[test]
fn whatever_differs_is_told() {
    // A value of every kind, changed behind the comparison's back.
    let old = terms("isac-circle");
    let changes: [fn(&mut Terms); 13] = [
        |t| t.clauses[0].aggregate = true,
        |t| t.clauses[0].delay_seconds = 5,
        |t| drop(t.clauses[0].purposes.pop_first()),
        |t| t.witnesses.parties = false,
        |t| t.notice_hours += 1,
        |t| t.exercise = Some("x".into()),
        |t| t.reciprocity = shieldwall_agreement::Reciprocity::None,
        |t| t.form = shieldwall_agreement::Form::Bilateral,
        |t| t.retention.erase_within_hours += 1,
        |t| t.caps.bytes_per_day += 1,
        |t| t.parties.values_mut().next().unwrap().jurisdiction = "USA".into(),
        |t| drop(t.parties.pop_first()),
        |t| t.legal_basis.clear(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut new = old.clone();
        change(&mut new);
        assert!(!compare(&old, &new).is_empty(), "change {number}");
    }
}

/// Which objects a list of clauses lets flow, said as naively as can be.
fn flows(clauses: &[Clause]) -> Vec<(u8, u8, &'static str)> {
    let mut out = Vec::new();
    for rank in 1..=5 {
        for pap in label::Pap::ALL {
            for kind in ["indicator", "malware", "tool"] {
                let handling = label::Handling::from(model::Label::from_rank(rank)).with_pap(pap);
                if clauses
                    .iter()
                    .any(|clause| clause.types.includes(kind) && handling.is_within(&clause.ceiling))
                {
                    out.push((rank, pap as u8, kind));
                }
            }
        }
    }
    out
}

fn clauses() -> impl Strategy<Value = Vec<Clause>> {
    let types = prop::option::of(prop::collection::btree_set(
        prop::sample::select(vec!["indicator", "malware", "tool"]),
        1..3,
    ));
    let one = (types, 1..=5_u8, 0..4_usize).prop_map(|(types, rank, pap)| {
        let mut clause = terms("tlp-community").clauses[0].clone();
        clause.types = match types {
            Some(types) => shieldwall_agreement::Set::Only(types.into_iter().map(str::to_owned).collect()),
            None => shieldwall_agreement::Set::Any,
        };
        clause.ceiling = label::Handling::from(model::Label::from_rank(rank)).with_pap(label::Pap::ALL[pap]);
        clause
    });
    prop::collection::vec(one, 0..3).prop_map(|mut clauses| {
        clauses.iter_mut().enumerate().for_each(|(at, clause)| clause.id = format!("clause-{at}"));
        clauses
    })
}

proptest! {
    #[test]
    fn where_nothing_is_wider_nothing_new_flows(old in clauses(), new in clauses()) {
        let base = terms("tlp-community");
        let (old, new) = (Terms { clauses: old, ..base.clone() }, Terms { clauses: new, ..base });
        let wider = compare(&old, &new).iter().any(|change| change.effect == Effect::Wider);
        let before = flows(&old.clauses);
        if !wider {
            prop_assert!(flows(&new.clauses).iter().all(|one| before.contains(one)));
        }
    }
}
