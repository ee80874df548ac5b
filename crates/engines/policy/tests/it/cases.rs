//! Random agreements, objects and requests, from a seed. Words are few, so that they meet.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{
    Action, BreakGlass, Clause, LegalBasis, PersonalData, Reciprocity, Redaction, Set, Terms, Who,
};
use label::{
    Acs, AcsLevel, AcsPolicy, AcsScope, AcsSharing, Attribution, Classification, Facts, Handling, Iep,
    Nation, Onward, Origin, Pap, PermittedActions, Releasability, Stanag,
};
use model::{AgreementId, Digest, Label, PartyId, Timestamp, Tlp};
use policy::{Caveat, Caveats, Circumstances, Receivers, Request, Via};

use crate::fixtures::{EE, LV, STRANGER, US, at, clause, set, terms};

/// SplitMix64: small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn some<T: Clone + Ord>(&mut self, items: &[T], most: usize) -> BTreeSet<T> {
        (0..self.below(most + 1)).map(|_| self.pick(items)).collect()
    }
}

pub(crate) const TYPES: [&str; 4] = ["indicator", "malware", "report", "x-acme"];
pub(crate) const WORDS: [&str; 5] = ["phishing", "c2", "apt", "it's \"new\"", "ünï"];
pub(crate) const COUNTRIES: [&str; 3] = ["EST", "LVA", "FIN"];
pub(crate) const PURPOSES: [&str; 3] = ["cyber-defence", "crime", "research"];
const NATIONS: [&str; 4] = ["EST", "LVA", "USA", "FIN"];
const PARTIES: [PartyId; 4] = [LV, EE, US, STRANGER];

fn words(r: &mut Random, from: &[&str], most: usize) -> BTreeSet<String> {
    r.some(from, most).into_iter().map(str::to_owned).collect()
}

/// Any, or a list that is hardly ever empty.
fn list(r: &mut Random, from: &[&str]) -> Set {
    if r.once_in(2) {
        return Set::Any;
    }
    let mut words = words(r, from, 3);
    if !r.once_in(12) {
        words.insert(r.pick(from).to_owned());
    }
    Set::Only(words)
}

fn who(r: &mut Random) -> Who {
    match r.below(20) {
        0..10 => Who::Any,
        10 => Who::Parties(r.some(&PARTIES, 1)),
        _ => Who::Parties((0..3).map(|_| r.pick(&PARTIES)).collect()),
    }
}

fn nation(code: &str) -> Nation {
    code.parse().unwrap()
}

pub(crate) fn label(r: &mut Random) -> Label {
    if r.once_in(20) { Label::OwnOnly } else { Label::Tlp(r.pick(&Tlp::ALL)) }
}

fn onward(r: &mut Random) -> Onward {
    match r.below(12) {
        0 => Onward::None,
        1 => Onward::Orcon,
        2 => Onward::Named(r.some(&PARTIES, 3)),
        3 => Onward::Depth(r.below(3) as u8),
        _ => Onward::Free,
    }
}

fn releasability(r: &mut Random) -> Releasability {
    let list = |r: &mut Random| r.some(&NATIONS, 3).into_iter().map(nation).collect::<Vec<_>>();
    match r.below(6) {
        0 => Releasability::noforn(Some(nation(r.pick(&NATIONS)))),
        1 => Releasability::orcon(),
        2 => Releasability::eyes_only(list(r)),
        3 => Releasability::rel_to(list(r)).meet(&Releasability::orcon()),
        _ => Releasability::rel_to(list(r)),
    }
}

fn iep(r: &mut Random) -> Iep {
    let dates = [at("2026-03-01T00:00:00Z"), at("2026-09-01T00:00:00Z")];
    Iep {
        encrypt_in_transit: r.once_in(3),
        permitted_actions: r.pick(&PermittedActions::ALL),
        may_notify_affected: !r.once_in(3),
        attribution: r.pick(&[
            Attribution::Conflict,
            Attribution::MustNot,
            Attribution::Must,
            Attribution::May,
            Attribution::May,
        ]),
        may_resell: !r.once_in(3),
        start: r.once_in(5).then(|| r.pick(&dates)),
        end: r.once_in(5).then(|| r.pick(&dates)),
    }
}

fn stanag(r: &mut Random) -> Stanag {
    if r.once_in(15) {
        return Stanag::Nobody;
    }
    let tags = |r: &mut Random, most: usize| -> BTreeMap<String, BTreeSet<String>> {
        let tags = r.some(&["COI", "SAP"], most);
        tags.into_iter().map(|tag| (tag.to_owned(), words(r, &["MED", "LEG"], 2))).collect()
    };
    let permissive = match r.once_in(6) {
        true => BTreeMap::from([("release".to_owned(), words(r, &NATIONS, 3))]),
        false => BTreeMap::new(),
    };
    Stanag::Label(Classification {
        policy: r.pick(&["1.2", "1.2", "1.3"]).to_owned(),
        hierarchy: 1 + r.below(3) as u32,
        name: r.pick(&["LOW", "HIGH", "HIGH"]).to_owned(),
        restrictive: tags(r, 2),
        permissive,
        informative: BTreeMap::new(),
    })
}

fn acs(r: &mut Random) -> Acs {
    let nationalities = r.once_in(2).then(|| r.some(&NATIONS, 3).into_iter().map(nation).collect());
    let to = if r.once_in(2) { set(&["ALL"]) } else { set(&["USA.DHS"]) };
    Acs::of(AcsPolicy {
        custodian: "USA.DHS".to_owned(),
        classification: if r.once_in(8) { AcsLevel::Secret } else { AcsLevel::Unclassified },
        controls: if r.once_in(8) { set(&["SENS:PCII"]) } else { BTreeSet::new() },
        access: AcsScope { nationalities, ..AcsScope::default() },
        may_do_by_default: !r.once_in(4),
        may_do: BTreeSet::new(),
        may_pass_on_by_default: r.once_in(2),
        may_pass_on: if r.once_in(2) {
            BTreeSet::from([AcsSharing { permit: r.once_in(2), to }])
        } else {
            BTreeSet::new()
        },
        dispose: r.once_in(6).then(|| at("2026-08-01T00:00:00Z")),
    })
}

pub(crate) fn handling(r: &mut Random) -> Handling {
    let mut handling = Handling::tlp_only(label(r));
    if r.once_in(3) {
        handling = handling.with_pap(r.pick(&Pap::ALL));
    }
    if r.once_in(4) {
        handling = handling.with_personal(true);
    }
    if r.once_in(6) {
        handling = handling.with_releasability(releasability(r));
    }
    if r.once_in(8) {
        handling = handling.with_iep(iep(r));
    }
    if r.once_in(8) {
        handling = handling.with_stanag(stanag(r));
    }
    if r.once_in(10) {
        handling = handling.with_acs(acs(r));
    }
    if r.once_in(8) {
        handling = handling.with_purposes(Some(words(r, &PURPOSES, 3)));
    }
    handling
}

fn ceiling(r: &mut Random) -> Handling {
    let mut ceiling = Handling::tlp_only(label(r));
    if r.once_in(2) {
        ceiling = ceiling.with_pap(r.pick(&Pap::ALL));
    }
    if r.once_in(3) {
        ceiling = ceiling.with_iep(iep(r));
    }
    if r.once_in(3) {
        ceiling = ceiling.with_stanag(stanag(r));
    }
    if r.once_in(6) {
        ceiling = ceiling.with_releasability(releasability(r));
    }
    ceiling
}

fn random_clause(r: &mut Random, id: usize) -> Clause {
    let mut purposes = words(r, &PURPOSES, 2);
    if !r.once_in(15) {
        purposes.insert("cyber-defence".to_owned());
    }
    let mut actions = r.some(Action::ALL, 4);
    if !r.once_in(10) {
        actions.insert(Action::Receive);
    }
    Clause {
        from: who(r),
        to: who(r),
        types: list(r, &TYPES),
        categories: if r.once_in(2) { list(r, &WORDS) } else { Set::Any },
        sectors: if r.once_in(3) { list(r, &WORDS) } else { Set::Any },
        countries: if r.once_in(3) { list(r, &COUNTRIES) } else { Set::Any },
        ceiling: ceiling(r),
        actions,
        onward: onward(r),
        redaction: r.once_in(6).then(|| r.pick(&["lean", "lean", "missing"]).to_owned()),
        personal: r.pick(PersonalData::ALL),
        purposes,
        delay_seconds: if r.once_in(4) { 60 } else { 0 },
        aggregate: r.once_in(6),
        ..clause(&format!("c{id}"))
    }
}

pub(crate) fn random_terms(r: &mut Random) -> Terms {
    let clauses = (0..r.below(4) + 1).map(|id| random_clause(r, id)).collect();
    let mut terms = terms(clauses);
    if r.once_in(6) {
        terms.exercise = Some("play".to_owned());
    }
    if r.once_in(6) {
        terms.parties.get_mut(&US).unwrap().jurisdiction = "unknown".to_owned();
    }
    terms.legal_basis = (0..r.below(4))
        .map(|_| LegalBasis {
            name: "Act".to_owned(),
            reference: String::new(),
            valid_from: r.pick(&INSTANTS[..4]).parse().unwrap(),
            valid_until: if r.once_in(4) { r.pick(&INSTANTS) } else { r.pick(&INSTANTS[5..]) }
                .parse()
                .unwrap(),
            parties: if r.once_in(2) { Who::Any } else { Who::Parties(r.some(&PARTIES, 2)) },
        })
        .collect();
    if r.once_in(4) {
        terms.reciprocity = Reciprocity::Least { objects: 1, days: 1 };
    }
    let keep = words(r, &TYPES, 3).into_iter().map(|name| (name, BTreeSet::new())).collect();
    let lean = Redaction { keep, pseudonymise_addresses: r.once_in(2), ..Redaction::default() };
    terms.redactions.insert("lean".to_owned(), lean);
    if r.once_in(4) {
        terms.break_glass = Some(BreakGlass {
            from: who(r),
            to: who(r),
            types: list(r, &TYPES),
            posts: BTreeSet::new(),
            officers: 1,
            ceiling: ceiling(r).with_personal(r.once_in(3)),
            hours: 1,
            report_within_hours: 1,
        });
    }
    terms
}

const INSTANTS: [&str; 9] = [
    "2025-06-01T00:00:00Z",
    "2026-01-01T00:00:00Z",
    "2026-02-01T00:00:00Z",
    "2026-06-01T12:00:00Z",
    "2026-06-01T12:00:00Z",
    "2026-07-31T23:59:59.999999Z",
    "2026-10-01T00:00:00Z",
    "2027-01-01T00:00:00Z",
    "2030-01-01T00:00:00Z",
];

/// A request's parts, owned.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) facts: Facts,
    pub(crate) from: PartyId,
    pub(crate) to: PartyId,
    pub(crate) purpose: Option<String>,
    pub(crate) action: Action,
    pub(crate) at: Timestamp,
    pub(crate) via: Vec<Via>,
    pub(crate) exercise: Option<String>,
    pub(crate) circumstances: Circumstances,
}

impl Case {
    pub(crate) fn request<'a>(&'a self, caveats: &'a Caveats) -> Request<'a> {
        Request {
            facts: &self.facts,
            from: self.from,
            to: self.to,
            purpose: self.purpose.as_deref(),
            action: self.action,
            at: self.at,
            via: &self.via,
            caveats,
            exercise: self.exercise.as_deref(),
            circumstances: self.circumstances,
        }
    }
}

fn inside(r: &mut Random, set: &Set, free: &[&str], most: usize) -> BTreeSet<String> {
    match set {
        Set::Only(known) if !known.is_empty() => r.some(&known.iter().cloned().collect::<Vec<_>>(), most),
        _ => words(r, free, most),
    }
}

fn side(r: &mut Random, who: &Who) -> PartyId {
    match who {
        Who::Parties(parties) if !parties.is_empty() => r.pick(&parties.iter().copied().collect::<Vec<_>>()),
        _ => r.pick(&[LV, EE, US]),
    }
}

/// A case near one of the clauses: what it asks for, with a few things changed.
pub(crate) fn random_case(r: &mut Random, terms: &Terms) -> Case {
    let clause = r.pick(&terms.clauses);
    let type_name = match inside(r, &clause.types, &TYPES, 2).into_iter().next() {
        Some(name) => name,
        None => r.pick(&TYPES).to_owned(),
    };
    let relayed = r.once_in(4);
    let near = clause
        .ceiling
        .clone()
        .with_releasability(Releasability::OPEN)
        .with_tlp(clause.ceiling.tlp().max(label(r)));
    let origins = [Origin::Party(US), Origin::Party(LV), Origin::Other("misp".to_owned())];
    let facts = Facts {
        type_name: if r.once_in(8) { r.pick(&TYPES).to_owned() } else { type_name },
        handling: match r.below(4) {
            0 => handling(r),
            1 => near,
            _ => Handling::tlp_only(clause.ceiling.tlp().max(label(r))).with_personal(r.once_in(8)),
        },
        categories: inside(r, &clause.categories, &WORDS, 2),
        sectors: inside(r, &clause.sectors, &WORDS, 2),
        countries: inside(r, &clause.countries, &COUNTRIES, 2),
        origin: if relayed { r.pick(&origins) } else { Origin::Own },
        onward: if relayed { onward(r) } else { Onward::Free },
        revoked: r.once_in(20),
        granular: r.once_in(10),
    };
    let via = (0..if r.once_in(10) { r.below(3) } else { 0 })
        .map(|_| Via { agreement: AgreementId(Digest([8; 32])), onward: onward(r) })
        .collect();
    let sane: Timestamp = at("2026-06-01T12:00:00Z");
    let from = if r.once_in(10) { r.pick(&PARTIES) } else { side(r, &clause.from) };
    let mut to = if r.once_in(10) { r.pick(&PARTIES) } else { side(r, &clause.to) };
    if to == from && !r.once_in(10) {
        to = side(r, &clause.to);
    }
    Case {
        from,
        to,
        purpose: r
            .once_in(3)
            .then(|| r.pick(&[PURPOSES[0], PURPOSES[0], PURPOSES[1], PURPOSES[2]]).to_owned()),
        action: if r.once_in(5) { r.pick(Action::ALL) } else { Action::Receive },
        at: if r.once_in(4) { r.pick(&INSTANTS).parse().unwrap() } else { sane },
        via,
        exercise: if r.once_in(10) { Some("play".to_owned()) } else { terms.exercise.clone() },
        circumstances: Circumstances {
            released_by_originator: r.once_in(4),
            break_glass: r.once_in(3),
            withdrawal: r.once_in(100),
            in_arrears: r.once_in(8),
        },
        facts,
    }
}

pub(crate) fn random_caveats(r: &mut Random) -> Vec<Caveat> {
    if r.once_in(2) {
        return Vec::new();
    }
    (0..r.below(3))
        .map(|id| Caveat {
            id: format!("k{id}"),
            reason: "because".to_owned(),
            to: match r.below(4) {
                0 => Receivers::Any,
                1 => Receivers::Parties(r.some(&PARTIES, 2)),
                2 => Receivers::Nations(r.some(&NATIONS, 2).into_iter().map(nation).collect()),
                _ => Receivers::NationsBut(r.some(&NATIONS, 3).into_iter().map(nation).collect()),
            },
            types: list(r, &TYPES),
            categories: list(r, &WORDS),
            sectors: Set::Any,
            countries: list(r, &COUNTRIES),
            tlp: label(r),
            personal: r.once_in(2),
        })
        .collect()
}
