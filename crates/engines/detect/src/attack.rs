//! Which techniques of ATT&CK the rules speak of, and of which of them it is shown that they can.
//!
//! Rules name techniques in their tags: `attack.t1059` and `attack.t1059.001` (Sigma's tags appendix, namespace
//! `attack`). A technique is covered only by a rule that is active and proved: everything else is a hope, and is counted
//! as one.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use crate::sigma::{Card, State};

/// What is known of a rule beside its card.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof {
    /// Whether a self-test showed that it fires.
    pub proved: bool,
    /// When it fired last, self-tests aside.
    pub last_fired: Option<Timestamp>,
}

/// A technique or sub-technique, and the rules that name it.
///
/// A technique's rules are its own and those of its sub-techniques, each counted once. The three counts add up to all of
/// them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Technique {
    /// Such as `T1059.001`.
    pub id: String,
    /// Tactics that its rules name, such as `execution`.
    pub tactics: BTreeSet<String>,
    /// Rules that are active, and of which nobody showed that they fire.
    pub rules_active: usize,
    /// Rules that are active and fire.
    pub rules_proved: usize,
    /// Rules in every other state.
    pub rules_other: usize,
    /// When one of its rules fired last.
    pub last_fired: Option<Timestamp>,
}

impl Technique {
    /// Whether a rule that is shown to fire looks for it.
    #[must_use]
    pub const fn is_covered(&self) -> bool {
        self.rules_proved > 0
    }

    /// The technique that this one is a part of: `T1059` of `T1059.001`.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.id.split_once('.').map(|(parent, _)| parent)
    }
}

/// What the rules cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// In the order of their ids; every sub-technique stands behind its technique.
    pub techniques: Vec<Technique>,
    /// Tags of the namespace that are not counted, and how many rules have them: misspelt ones, and techniques that
    /// ATT&CK took back.
    pub ignored: BTreeMap<String, usize>,
}

/// Tactics of the three matrices by their short names, those of former versions included.
const TACTICS: [&str; 21] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
    "evasion",
    "inhibit-response-function",
    "impair-process-control",
    "network-effects",
    "remote-service-effects",
];

/// Techniques that rules of former years name and ATT&CK revoked or deprecated when it brought in sub-techniques
/// (version 7, July 2020).
const TAKEN_BACK: [&str; 54] = [
    "T1004", "T1015", "T1023", "T1028", "T1035", "T1042", "T1045", "T1050", "T1054", "T1058", "T1060",
    "T1063", "T1064", "T1067", "T1073", "T1075", "T1076", "T1077", "T1081", "T1085", "T1086", "T1088",
    "T1089", "T1093", "T1094", "T1096", "T1097", "T1099", "T1100", "T1101", "T1103", "T1107", "T1117",
    "T1118", "T1121", "T1122", "T1126", "T1130", "T1138", "T1139", "T1146", "T1158", "T1168", "T1170",
    "T1178", "T1182", "T1183", "T1191", "T1193", "T1196", "T1208", "T1214", "T1215", "T1223",
];

/// What a tag names.
enum Tag {
    Technique(String),
    Tactic(&'static str),
    /// A group, a tool, a data source, a mitigation or a campaign: known, and not a technique.
    Other,
    Odd,
}

/// Which techniques rules cover. Each rule once, with what is known of it.
pub fn coverage<'a>(cards: impl Iterator<Item = (&'a Card, Proof)>) -> Coverage {
    let mut techniques: BTreeMap<String, Technique> = BTreeMap::new();
    let mut ignored: BTreeMap<String, usize> = BTreeMap::new();
    for (card, proof) in cards {
        let (mut ids, mut tactics, mut odd) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for tag in &card.tags {
            match read(tag) {
                Some(Tag::Technique(id)) => {
                    ids.extend(id.split_once('.').map(|(parent, _)| parent.to_owned()));
                    ids.insert(id);
                }
                Some(Tag::Tactic(tactic)) => {
                    tactics.insert(tactic);
                }
                Some(Tag::Odd) => {
                    odd.insert(tag.clone());
                }
                Some(Tag::Other) | None => {}
            }
        }
        for tag in odd {
            *ignored.entry(tag).or_default() += 1;
        }
        for id in ids {
            let technique = techniques.entry(id.clone()).or_default();
            technique.id = id;
            technique.tactics.extend(tactics.iter().map(|tactic| (*tactic).to_owned()));
            technique.last_fired = technique.last_fired.max(proof.last_fired);
            let count = match (&card.state, proof.proved) {
                (State::Active, true) => &mut technique.rules_proved,
                (State::Active, false) => &mut technique.rules_active,
                _ => &mut technique.rules_other,
            };
            *count += 1;
        }
    }
    Coverage { techniques: techniques.into_values().collect(), ignored }
}

/// What a tag names; `None` if it is of another namespace.
fn read(tag: &str) -> Option<Tag> {
    let (namespace, name) = tag.split_once('.')?;
    if !namespace.eq_ignore_ascii_case("attack") {
        return None;
    }
    // Tags of former years have underscores.
    let name = name.to_ascii_lowercase().replace('_', "-");
    if let Some(tactic) = TACTICS.into_iter().find(|tactic| *tactic == name) {
        return Some(Tag::Tactic(tactic));
    }
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let numbered = |mark: &str| name.strip_prefix(mark).is_some_and(|rest| digits(rest, 4));
    if ["g", "s", "ds", "m", "c", "dc", "det"].into_iter().any(numbered) {
        return Some(Tag::Other);
    }
    let technique = name.strip_prefix('t').is_some_and(|rest| match rest.split_once('.') {
        Some((own, sub)) => digits(own, 4) && digits(sub, 3),
        None => digits(rest, 4),
    });
    let id = name.to_ascii_uppercase();
    let current = !TAKEN_BACK.contains(&id.split('.').next().unwrap_or_default());
    Some(if technique && current { Tag::Technique(id) } else { Tag::Odd })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{Kind, Source};

    fn card(tags: &[&str], state: State) -> Card {
        Card {
            kind: Kind::Detection,
            id: None,
            title: String::new(),
            level: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            file: String::new(),
            source: Source::default(),
            state,
            classes: Vec::new(),
        }
    }

    fn proof(proved: bool, second: Option<i64>) -> Proof {
        Proof { proved, last_fired: second.map(|second| Timestamp::from_micros(second * 1_000_000)) }
    }

    fn counts(coverage: &Coverage) -> Vec<(&str, [usize; 3])> {
        let of = |one: &Technique| [one.rules_active, one.rules_proved, one.rules_other];
        coverage.techniques.iter().map(|one| (one.id.as_str(), of(one))).collect()
    }

    #[test]
    fn only_what_is_active_and_proved_covers() {
        let missing = State::SourceMissing("no such log".to_owned());
        let failed = State::SelfTestFailed("it did not fire".to_owned());
        let cards = [
            (card(&["attack.t1003"], State::Active), proof(false, None)),
            (card(&["attack.t1003"], missing), proof(true, None)),
            (card(&["attack.t1003"], failed), proof(false, None)),
        ];
        let found = coverage(cards.iter().map(|(card, proof)| (card, *proof)));
        assert_eq!(counts(&found), [("T1003", [1, 0, 2])]);
        assert!(!found.techniques[0].is_covered());
        let proved = card(&["attack.t1003"], State::Active);
        let found = coverage([(&proved, proof(true, None))].into_iter());
        assert!(found.techniques[0].is_covered());
    }

    #[test]
    fn a_technique_has_the_rules_of_its_parts_each_once() {
        let tags = ["attack.execution", "attack.t1059.001", "attack.t1059.003", "attack.t1059"];
        let cards = [
            (card(&tags, State::Active), proof(true, Some(10))),
            (card(&["attack.t1059.001", "attack.persistence"], State::Active), proof(false, Some(20))),
        ];
        let found = coverage(cards.iter().map(|(card, proof)| (card, *proof)));
        let expect = [("T1059", [1, 1, 0]), ("T1059.001", [1, 1, 0]), ("T1059.003", [0, 1, 0])];
        assert_eq!(counts(&found), expect);
        let [whole, part, other] = found.techniques.as_slice() else { panic!("{found:?}") };
        assert_eq!((whole.parent(), part.parent()), (None, Some("T1059")));
        assert_eq!(
            whole.tactics.iter().map(String::as_str).collect::<Vec<_>>(),
            ["execution", "persistence"]
        );
        assert_eq!(other.tactics.iter().map(String::as_str).collect::<Vec<_>>(), ["execution"]);
        assert_eq!(whole.last_fired, Some(Timestamp::from_micros(20_000_000)));
        assert_eq!(other.last_fired, Some(Timestamp::from_micros(10_000_000)));
    }

    #[test]
    fn tags_that_are_no_techniques() {
        let tags = [
            "attack.g0016",
            "attack.s0154",
            "attack.ds0005",
            "attack.defense_evasion",
            "ATTACK.T1566.001",
            "car.2013-07-002",
            "cve.2024-1709",
            "detection.threat-hunting",
            "attack.t1086",
            "attack.t12",
            "attack.t1059.1",
            "attack.powershell",
            "attack",
            "",
        ];
        let found = coverage([(&card(&tags, State::Active), proof(true, None))].into_iter());
        assert_eq!(counts(&found), [("T1566", [0, 1, 0]), ("T1566.001", [0, 1, 0])]);
        assert!(found.techniques[0].tactics.contains("defense-evasion"));
        let ignored: Vec<_> = found.ignored.keys().map(String::as_str).collect();
        assert_eq!(ignored, ["attack.powershell", "attack.t1059.1", "attack.t1086", "attack.t12"]);
    }

    #[test]
    fn of_nothing_nothing() {
        assert_eq!(coverage(std::iter::empty()), Coverage::default());
    }
}
