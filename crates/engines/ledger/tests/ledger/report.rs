//! Oversight reports of a node that tells the truth: two periods, every figure traced, checked by hand.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use keys::boxes::BoxSecretKey;
use keys::events::{Change, EpochTerms, Event, KeyHistory, Roots};
use keys::{SecretKey, Signed, context};
use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::entry::{
    AgreementAct, BreakGlassAct, Entry, ErasureAct, Figures, MisdirectedAct, Opening, Personal, ReleaseAct,
    Side,
};
use ledger::merkle::Leaves;
use ledger::note::{Announced, LedgerKeys, NoteSigner, origin};
use ledger::policy::Policy;
use ledger::report::{
    BuildError, Evidence, Input, Leaf, Period, Problem, Remark, Report, Signers, Trusted, Verdict, build,
    verify,
};
use model::{AgreementId, Digest, Label, PartyId, Tlp};

use crate::entries::{flow, item, one_of_each, word};
use crate::{at, cosigned, key, log_of, party, witness_of};

/// Of the node's ledger keys.
const SEED: [u8; 32] = [1; 32];

pub(crate) const START: &str = "2026-01-01T00:00:00Z";
pub(crate) const MIDDLE: &str = "2026-02-01T00:00:00Z";
pub(crate) const END: &str = "2026-03-01T00:00:00Z";

/// A node that keeps a ledger.
pub(crate) struct Node {
    pub(crate) party: PartyId,
    pub(crate) openings: Vec<Opening>,
    pub(crate) hashes: Vec<Digest>,
    /// Leaves whose opening is erased.
    pub(crate) erased: Vec<u64>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self { party: party(1), openings: Vec::new(), hashes: Vec::new(), erased: Vec::new() }
    }

    pub(crate) fn record(&mut self, when: &str, figures: Figures) -> u64 {
        let n = self.openings.len() as u64;
        let particulars = format!("{{\"object\":\"indicator--{n}\"}}");
        let mut salt = [0x5a; 32];
        salt[..8].copy_from_slice(&n.to_be_bytes());
        let opening = Entry::new(at(when), figures, &particulars).unwrap().salted(salt);
        self.hashes.push(opening.leaf_hash());
        self.openings.push(opening);
        n
    }

    pub(crate) fn checkpoint(&self, size: u64, when: &str) -> SignedCheckpoint {
        let root = ledger::merkle::root(&Leaves(&self.hashes), size).unwrap();
        let checkpoint = Checkpoint { origin: origin(self.party), size, root, extensions: Vec::new() };
        cosigned(&checkpoint.sign(&self.log()).unwrap(), &[2, 3], at(when))
    }

    pub(crate) fn log(&self) -> NoteSigner {
        LedgerKeys::from_seed(self.party, &SEED).unwrap().log
    }

    pub(crate) fn leaf(&self, index: u64) -> Leaf {
        let opening = &self.openings[index as usize];
        let erased = self.erased.contains(&index);
        let evidence =
            if erased { Evidence::Withheld(word("erased")) } else { Evidence::Shown(opening.shown()) };
        Leaf { index, hash: self.hashes[index as usize], evidence }
    }

    /// What a node does at the end of a period.
    pub(crate) fn report(
        &self,
        period: Period,
        from: Option<&SignedCheckpoint>,
        to: &SignedCheckpoint,
        previous: Option<&Verdict>,
    ) -> Result<Report, BuildError> {
        let log = key(&self.log());
        let made = period.until.plus_micros(60_000_000);
        let input = Input {
            party: self.party,
            log: &log,
            period,
            made,
            from,
            between: &[],
            to,
            previous,
            overseers: &[],
        };
        let first = from.map_or(0, |from| from.checkpoint().size);
        let mut leaves = (first..to.checkpoint().size).map(|index| self.leaf(index));
        build(&input, &mut leaves, &Leaves(&self.hashes[..to.checkpoint().size as usize]))
    }
}

pub(crate) fn january() -> Period {
    Period { from: at(START), until: at(MIDDLE) }
}

pub(crate) fn february() -> Period {
    Period { from: at(MIDDLE), until: at(END) }
}

/// Made once: that takes longer than most tests.
pub(crate) fn officer() -> &'static SecretKey {
    static OFFICER: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::from_seed([0x11; 64]));
    &OFFICER
}

pub(crate) fn sign(report: &Report) -> String {
    let signed = Signed::sign(&report.body, context::REPORT, &[officer()]).unwrap();
    // The body is canonical as it is built.
    assert_eq!(signed.body, report.body);
    report.file(&signed)
}

pub(crate) fn policy() -> Policy {
    Policy::threshold(2, &[2, 3, 4].map(|n| key(&witness_of(n)))).unwrap()
}

pub(crate) fn read(file: &str, previous: Option<&Verdict>) -> Verdict {
    let keys = [officer().public().clone()];
    let policy = policy();
    let trusted = Trusted { party: party(1), signers: Signers::Keys(&keys), policy: &policy, seen: &[] };
    verify(file.as_bytes(), &trusted, previous).unwrap()
}

fn agreement(n: u8, act: AgreementAct, version: u64) -> Figures {
    Figures::Agreement { agreement: AgreementId(Digest([n; 32])), act, version }
}

fn demanded(n: u8, deadline: &str) -> Figures {
    let act = ErasureAct::Demanded { side: Side::Asked, peer: word("p-estonia"), deadline: at(deadline) };
    Figures::Erasure { item: item(n), act }
}

fn sent(peer: &str, category: &str, tlp: Tlp) -> Figures {
    Figures::Disclosure { flow: flow(peer, category, tlp), personal: Personal::default() }
}

/// Two months of a node's life, with the checkpoints at their ends.
pub(crate) fn two_months() -> (Node, SignedCheckpoint, SignedCheckpoint) {
    let mut node = Node::new();
    let glass = |n, act| Figures::BreakGlass { item: item(n), act };
    let used =
        || BreakGlassAct::Used { peer: word("p-canada"), label: Label::Tlp(Tlp::Red), expires: at(END) };
    let lost = |n, act| Figures::Misdirected { item: item(n), act };
    let found = || MisdirectedAct::Found { peer: word("p-canada") };
    let asked = |n, act| Figures::Release { item: item(n), act };
    let requested = || ReleaseAct::Requested { side: Side::Asked, peer: word("p-norway") };
    let january = [
        agreement(1, AgreementAct::InForce, 1),
        agreement(2, AgreementAct::InForce, 1),
        agreement(3, AgreementAct::InForce, 4),
        sent("p-estonia", "malware", Tlp::Amber),
        sent("p-estonia", "malware", Tlp::Amber),
        sent("p-canada", "phishing", Tlp::Green),
        Figures::Receipt { flow: flow("p-canada", "phishing", Tlp::Green) },
        agreement(2, AgreementAct::Suspended, 1),
        agreement(2, AgreementAct::Changed, 2),
        demanded(1, "2026-01-12T00:00:00Z"),
        Figures::Erasure { item: item(1), act: ErasureAct::Confirmed },
        demanded(2, "2026-01-05T00:00:00Z"),
        Figures::Erasure { item: item(2), act: ErasureAct::Confirmed },
        demanded(3, "2026-02-20T00:00:00Z"),
        demanded(4, "2026-01-20T00:00:00Z"),
        demanded(5, "2026-01-20T00:00:00Z"),
        Figures::Erasure { item: item(5), act: ErasureAct::Held },
        glass(6, used()),
        lost(7, found()),
        asked(8, requested()),
        Figures::Retention { checked: 500, overdue: 0 },
    ];
    for (day, figures) in (1..).zip(january) {
        node.record(&format!("2026-01-{day:02}T09:00:00Z"), figures);
    }
    let first = node.checkpoint(node.hashes.len() as u64, "2026-02-01T00:00:10Z");
    let february = [
        Figures::Erasure { item: item(3), act: ErasureAct::Confirmed },
        Figures::Erasure { item: item(4), act: ErasureAct::Confirmed },
        glass(6, BreakGlassAct::Reviewed { outcome: word("justified") }),
        lost(7, MisdirectedAct::Notified),
        asked(8, ReleaseAct::Refused),
        asked(9, requested()),
        agreement(3, AgreementAct::Revoked, 4),
        agreement(2, AgreementAct::Resumed, 2),
        Figures::Retention { checked: 480, overdue: 2 },
        Figures::Retention { checked: 480, overdue: 3 },
    ];
    for (day, figures) in (1..).zip(february) {
        node.record(&format!("2026-02-{day:02}T09:00:00Z"), figures);
    }
    for figures in one_of_each() {
        node.record("2026-02-27T09:00:00Z", figures);
    }
    let second = node.checkpoint(node.hashes.len() as u64, "2026-03-01T00:00:10Z");
    (node, first, second)
}

#[track_caller]
fn figure(verdict: &Verdict, table: &str, row: &[&str], expect: &[u64], leaves: &str) {
    let found = verdict.table(table).unwrap();
    let row: Vec<String> = row.iter().map(ToString::to_string).collect();
    let row = found.rows.get(&row).unwrap_or_else(|| panic!("{row:?} is not among {:#?}", found.rows));
    assert_eq!((row.measures.as_slice(), row.leaves.to_string().as_str()), (expect, leaves));
}

fn looks(verdict: &Verdict) -> Vec<(&'static str, u64)> {
    let look = |remark: &Remark| match remark {
        Remark::Look { what, count, .. } => Some((*what, *count)),
        _ => None,
    };
    verdict.remarks.iter().filter_map(look).collect()
}

#[test]
fn two_reports_in_a_row() {
    let (node, first, second) = two_months();
    let file = sign(&node.report(january(), None, &first, None).unwrap());
    let one = read(&file, None);
    assert_eq!(one.problems, []);
    assert_eq!((one.first, one.to.checkpoint().size, one.consistent, one.witnesses.len()), (0, 21, 1, 2));
    assert_eq!(one.signed_by, Some(officer().id()));
    let [a1, a2, a3] = [1, 2, 3].map(|n| Digest([n; 32]).to_string());
    figure(&one, "agreements-in-force", &[&a1, "in-force"], &[1], "0");
    figure(&one, "agreements-in-force", &[&a2, "suspended"], &[2], "7");
    figure(&one, "agreements-in-force", &[&a3, "in-force"], &[4], "2");
    figure(&one, "flows", &["sent", "p-estonia", "malware", "amber"], &[2], "3-4");
    figure(&one, "flows", &["received", "p-canada", "phishing", "green"], &[1], "6");
    figure(&one, "erasures", &["asked", "p-estonia", "demanded"], &[5], "9,11,13-15");
    figure(&one, "erasures", &["asked", "p-estonia", "confirmed-in-time"], &[1], "10");
    figure(&one, "erasures", &["asked", "p-estonia", "confirmed-late"], &[1], "12");
    figure(&one, "erasures", &["asked", "p-estonia", "open"], &[1], "13");
    figure(&one, "erasures", &["asked", "p-estonia", "overdue"], &[1], "14");
    figure(&one, "erasures", &["asked", "p-estonia", "on-hold"], &[1], "16");
    figure(&one, "break-glass", &["red", "p-canada", "unreviewed"], &[1], "17");
    figure(&one, "misdirected", &["p-canada", "unnotified"], &[1, 0], "18");
    figure(&one, "releases", &["asked", "p-norway", "unanswered"], &[1], "19");
    figure(&one, "retention", &[], &[1, 500, 0], "20");
    figure(&one, "kinds", &["erasure"], &[8], "9-16");
    assert_eq!(
        looks(&one),
        [
            ("erasures not confirmed by their deadline", 1),
            ("erasures confirmed after their deadline", 1),
            ("erasures refused by a legal hold", 1),
            ("break-glass uses without a review", 1),
            ("misdirected items nobody was notified of", 1),
            ("requests to originators without an answer", 1),
        ]
    );
    let open: Vec<u64> = one.open.iter().map(|(leaf, _)| *leaf).collect();
    let set: BTreeSet<u64> = open.iter().copied().collect();
    assert_eq!(set, [0, 2, 7, 8, 13, 14, 15, 16, 17, 18, 19].into());
    // What began a matter comes before what marks it, or a suspension would mark nothing.
    let place = |leaf| open.iter().position(|other| *other == leaf);
    assert!(place(8) < place(7) && place(15) < place(16), "{open:?}");

    let file = sign(&node.report(february(), Some(&first), &second, Some(&one)).unwrap());
    let two = read(&file, Some(&one));
    assert_eq!(two.problems, []);
    assert_eq!((two.first, two.consistent), (21, 2));
    figure(&two, "agreements-in-force", &[&a2, "in-force"], &[2], "8");
    assert!(!two.table("agreements-in-force").unwrap().rows.keys().any(|key| key[0] == a3));
    // Deadline 20 February, confirmed on the 1st; deadline 20 January, confirmed on 2 February.
    figure(&two, "erasures", &["asked", "p-estonia", "confirmed-in-time"], &[1], "21");
    figure(&two, "erasures", &["asked", "p-estonia", "confirmed-late"], &[1], "22");
    figure(&two, "erasures", &["asked", "p-estonia", "on-hold"], &[1], "16");
    figure(&two, "break-glass", &["red", "p-canada", "reviewed-justified"], &[1], "23");
    // Found on 19 January at nine, notified on 4 February at nine.
    figure(&two, "misdirected", &["p-canada", "notified"], &[1, 16 * 86_400], "24");
    figure(&two, "retention", &[], &[3, 1960, 3], "29-30,39");
    figure(&two, "personal-data", &["p-estonia", "consent"], &[3, 2, 1], "31");
    figure(&two, "queries", &["asked", "p-estonia"], &[1, 100, 3, 0, 0], "35");
    let unknown = format!("36,{}", node.hashes.len() - 6);
    figure(&two, "queries", &["answered", "p-estonia"], &[2, 107, 0, 1, 1], &unknown);
    figure(&two, "access", &["analyst", "export"], &[12], "40");
    figure(&two, "denials", &["c-3", "p-estonia", "own"], &[1], "33");
    let row = ["release", "x-0123456789abcdef", "detection", "malware", "green"];
    let [last, left] = [2, 1].map(|back| (node.hashes.len() - back).to_string());
    figure(&two, "departures", &row, &[1, 400, 3], &last);
    figure(&two, "departures", &["export", row[1], row[2], row[3], row[4]], &[1, 400, 3], &left);
    figure(
        &two,
        "consumers",
        &["x-0123456789abcdef", "taken-back"],
        &[1],
        &(node.hashes.len() - 3).to_string(),
    );
    assert!(looks(&two).contains(&("objects kept beyond their time", 3)));
    assert!(
        !two.remarks.iter().any(|remark| matches!(remark, Remark::NotCompared(_) | Remark::NoPrevious(_)))
    );

    // Without the report before, the same file holds and says what could not be compared.
    let alone = read(&file, None);
    assert_eq!(
        (alone.problems.as_slice(), alone.remarks.last()),
        (&[][..], Some(&Remark::NotCompared(one.report)))
    );
    assert_eq!(alone.tables, two.tables);
}

#[test]
fn every_table_has_figures_from_one_of_each() {
    let (node, _, second) = two_months();
    let period = Period { from: at(START), until: at(END) };
    let verdict = read(&sign(&node.report(period, None, &second, None).unwrap()), None);
    assert_eq!(verdict.problems, []);
    let empty: Vec<&str> =
        verdict.tables.iter().filter(|table| table.rows.is_empty()).map(|table| table.name).collect();
    assert_eq!(empty, ["withheld"]);
    let kinds = verdict.table("kinds").unwrap();
    assert_eq!((kinds.rows.len(), kinds.total("count", |_| true)), (18, node.hashes.len() as u64));
    for table in &verdict.tables {
        for (key, row) in &table.rows {
            assert_eq!(
                (key.len(), row.measures.len()),
                (table.columns.len(), table.measures.len()),
                "{}",
                table.name
            );
            assert!(row.leaves.iter().all(|leaf| leaf < node.hashes.len() as u64), "{}", table.name);
        }
    }
}

#[test]
fn what_is_withheld_is_counted() {
    let (mut node, first, second) = two_months();
    node.erased = vec![3, 9, 22];
    let one = read(&sign(&node.report(january(), None, &first, None).unwrap()), None);
    assert_eq!(one.problems, []);
    figure(&one, "withheld", &["erased"], &[2], "3,9");
    figure(&one, "flows", &["sent", "p-estonia", "malware", "amber"], &[1], "4");
    // The receipt of a demand that is not shown is not lost either.
    figure(&one, "erasures", &["unknown", "unknown", "unmatched"], &[1], "10");
    assert_eq!(one.table("kinds").unwrap().total("count", |_| true) + 2, 21);
    assert!(looks(&one).contains(&("leaves whose opening is withheld", 2)));
    // An erasure that can no longer be shown as confirmed stays open: withholding never makes a report look better.
    let two = read(&sign(&node.report(february(), Some(&first), &second, Some(&one)).unwrap()), Some(&one));
    assert_eq!(two.problems, []);
    figure(&two, "erasures", &["asked", "p-estonia", "overdue"], &[1], "14");
}

#[test]
fn a_second_demand_does_not_put_off_the_deadline() {
    let mut node = Node::new();
    node.record("2026-01-02T00:00:00Z", demanded(1, "2026-01-05T00:00:00Z"));
    node.record("2026-01-06T00:00:00Z", demanded(1, "2026-01-30T00:00:00Z"));
    node.record("2026-01-07T00:00:00Z", Figures::Erasure { item: item(1), act: ErasureAct::Confirmed });
    let to = node.checkpoint(3, "2026-02-01T00:00:10Z");
    let verdict = read(&sign(&node.report(january(), None, &to, None).unwrap()), None);
    figure(&verdict, "erasures", &["asked", "p-estonia", "confirmed-late"], &[1], "2");
}

#[test]
fn demands_made_of_us_are_counted_apart_from_ours() {
    let mut node = Node::new();
    for (n, side) in [(1, Side::Asked), (2, Side::Answered)] {
        let act =
            ErasureAct::Demanded { side, peer: word("p-estonia"), deadline: at("2026-01-20T00:00:00Z") };
        node.record("2026-01-02T00:00:00Z", Figures::Erasure { item: item(n), act });
        let act = ReleaseAct::Requested { side, peer: word("p-norway") };
        node.record("2026-01-03T00:00:00Z", Figures::Release { item: item(n), act });
    }
    node.record("2026-01-04T00:00:00Z", Figures::Erasure { item: item(2), act: ErasureAct::Confirmed });
    node.record("2026-01-05T00:00:00Z", Figures::Release { item: item(2), act: ReleaseAct::Granted });
    let to = node.checkpoint(6, "2026-02-01T00:00:10Z");
    let verdict = read(&sign(&node.report(january(), None, &to, None).unwrap()), None);
    figure(&verdict, "erasures", &["asked", "p-estonia", "overdue"], &[1], "0");
    figure(&verdict, "erasures", &["answered", "p-estonia", "confirmed-in-time"], &[1], "4");
    figure(&verdict, "releases", &["asked", "p-norway", "unanswered"], &[1], "1");
    figure(&verdict, "releases", &["answered", "p-norway", "granted"], &[1], "5");
}

/// What the table of requests to originators states, as rows.
fn releases(verdict: &Verdict) -> Vec<String> {
    let rows = &verdict.table("releases").unwrap().rows;
    rows.iter().map(|(key, row)| format!("{} {}", key.join(" "), row.measures[0])).collect()
}

#[test]
fn a_yes_that_became_a_no_answers_the_same_request() {
    for side in [Side::Asked, Side::Answered] {
        for (acts, last) in [
            (vec![ReleaseAct::Granted, ReleaseAct::Refused], "refused"),
            (vec![ReleaseAct::Refused, ReleaseAct::Granted], "granted"),
            (vec![ReleaseAct::Granted, ReleaseAct::Refused, ReleaseAct::Granted], "granted"),
        ] {
            let mut node = Node::new();
            let requested = ReleaseAct::Requested { side, peer: word("p-norway") };
            let count = acts.len() as u64 + 1;
            for (day, act) in (3..).zip([requested].into_iter().chain(acts)) {
                node.record(&format!("2026-01-{day:02}T00:00:00Z"), Figures::Release { item: item(1), act });
            }
            let to = node.checkpoint(count, "2026-02-01T00:00:10Z");
            let verdict = read(&sign(&node.report(january(), None, &to, None).unwrap()), None);
            assert_eq!(verdict.problems, []);
            let mut expected =
                vec![format!("{side} p-norway {last} 1"), format!("{side} p-norway requested 1")];
            expected.sort();
            assert_eq!(
                releases(&verdict),
                expected,
                "nothing is unmatched, and the last answer is the state"
            );
            figure(&verdict, "releases", &[side.as_str(), "p-norway", last], &[1], &(count - 1).to_string());
            assert!(looks(&verdict).is_empty(), "{:?}", verdict.remarks);
        }
    }
}

#[test]
fn an_answer_may_be_changed_in_a_later_period() {
    let mut node = Node::new();
    let asked = |n, act| Figures::Release { item: item(n), act };
    let requested = || ReleaseAct::Requested { side: Side::Asked, peer: word("p-norway") };
    for (day, figures) in (3..).zip([
        asked(1, requested()),
        asked(1, ReleaseAct::Granted),
        asked(2, requested()),
        asked(2, ReleaseAct::Granted),
        asked(3, requested()),
    ]) {
        node.record(&format!("2026-01-{day:02}T00:00:00Z"), figures);
    }
    let first = node.checkpoint(5, "2026-02-01T00:00:10Z");
    node.record("2026-02-03T00:00:00Z", asked(1, ReleaseAct::Refused));
    let second = node.checkpoint(6, "2026-03-01T00:00:10Z");

    let one = read(&sign(&node.report(january(), None, &first, None).unwrap()), None);
    assert_eq!(one.problems, []);
    let expected = ["asked p-norway granted 2", "asked p-norway requested 3", "asked p-norway unanswered 1"];
    assert_eq!(releases(&one), expected);

    let file = sign(&node.report(february(), Some(&first), &second, Some(&one)).unwrap());
    let two = read(&file, Some(&one));
    assert_eq!(two.problems, []);
    // What January counted and nobody changed is not counted again.
    assert_eq!(releases(&two), ["asked p-norway refused 1", "asked p-norway unanswered 1"]);
    figure(&two, "releases", &["asked", "p-norway", "refused"], &[1], "5");
    assert_eq!(looks(&two), [("requests to originators without an answer", 1)]);
}

#[test]
fn an_answer_to_a_request_that_is_not_shown_stays_unmatched() {
    let mut node = Node::new();
    node.record("2026-01-03T00:00:00Z", Figures::Release { item: item(1), act: ReleaseAct::Granted });
    node.record("2026-01-04T00:00:00Z", Figures::Release { item: item(1), act: ReleaseAct::Refused });
    let to = node.checkpoint(2, "2026-02-01T00:00:10Z");
    let verdict = read(&sign(&node.report(january(), None, &to, None).unwrap()), None);
    figure(&verdict, "releases", &["unknown", "unknown", "unmatched"], &[2], "0-1");
    assert_eq!(looks(&verdict), [("answers to requests that are not shown", 2)]);
}

#[test]
fn an_empty_period_is_a_report_too() {
    let (node, first, _) = two_months();
    let one = read(&sign(&node.report(january(), None, &first, None).unwrap()), None);
    let file = sign(&node.report(february(), Some(&first), &first, Some(&one)).unwrap());
    let two = read(&file, Some(&one));
    assert_eq!(two.problems, []);
    assert!(two.remarks.contains(&Remark::NoRetentionCheck));
    assert!(two.remarks.iter().any(|remark| matches!(remark, Remark::EndsEarly { .. })), "{:?}", two.remarks);
    assert_eq!(two.open, one.open);
    figure(&two, "erasures", &["asked", "p-estonia", "overdue"], &[2], "13-14");

    let nothing = Node::new();
    let to = nothing.checkpoint(0, "2026-02-01T00:00:10Z");
    let verdict = read(&sign(&nothing.report(january(), None, &to, None).unwrap()), None);
    assert_eq!((verdict.problems, verdict.consistent), (vec![], 1));
}

#[test]
fn checkpoints_within_the_period_are_proved_consistent() {
    let (node, first, second) = two_months();
    let log = key(&node.log());
    let between = [5, 9, 9, 21, 30].map(|size| node.checkpoint(size, "2026-02-03T00:00:00Z"));
    let period = Period { from: at(START), until: at(END) };
    let input = Input {
        party: party(1),
        log: &log,
        period,
        made: at(END),
        from: None,
        between: &between,
        to: &second,
        previous: None,
        overseers: &[],
    };
    let hashes = Leaves(&node.hashes);
    let mut leaves = (0..node.hashes.len() as u64).map(|index| node.leaf(index));
    let verdict = read(&sign(&build(&input, &mut leaves, &hashes).unwrap()), None);
    assert_eq!((verdict.problems, verdict.consistent), (vec![], 6));
    let unordered = [first, between[0].clone()];
    let input = Input { between: &unordered, ..input };
    assert_eq!(build(&input, &mut std::iter::empty(), &hashes), Err(BuildError::Checkpoints));
}

#[test]
fn a_node_does_not_sign_what_would_not_hold() {
    let (node, first, second) = two_months();
    let one = read(&sign(&node.report(january(), None, &first, None).unwrap()), None);
    let log = key(&node.log());
    let hashes = Leaves(&node.hashes);
    let input = Input {
        party: party(1),
        log: &log,
        period: february(),
        made: at(END),
        from: Some(&first),
        between: &[],
        to: &second,
        previous: Some(&one),
        overseers: &[],
    };
    let all = || (21..node.hashes.len() as u64).map(|index| node.leaf(index));
    let try_build = |input: &Input<'_>, leaves: &mut dyn Iterator<Item = Leaf>| {
        build(input, leaves, &hashes).unwrap_err()
    };
    assert_eq!(try_build(&input, &mut all().skip(1)), BuildError::Leaf { expected: 21 });
    assert_eq!(
        try_build(&input, &mut all().filter(|leaf| leaf.index != 30)),
        BuildError::Leaf { expected: 30 }
    );
    assert_eq!(try_build(&input, &mut all().take(10)), BuildError::Leaf { expected: 31 });
    let swapped =
        |leaf: Leaf| if leaf.index == 25 { Leaf { evidence: node.leaf(26).evidence, ..leaf } } else { leaf };
    assert_eq!(try_build(&input, &mut all().map(swapped)), BuildError::Opening(25));
    let damaged = |leaf: Leaf| match leaf.index {
        25 => Leaf { hash: Digest::ZERO, evidence: Evidence::Withheld(word("erased")), ..leaf },
        _ => leaf,
    };
    let size = second.checkpoint().size;
    assert_eq!(try_build(&input, &mut all().map(damaged)), BuildError::Root { size });
    let other = key(&log_of(4));
    assert!(matches!(try_build(&Input { log: &other, ..input }, &mut all()), BuildError::Checkpoint(_)));
    assert!(matches!(try_build(&Input { party: party(2), ..input }, &mut all()), BuildError::Origin(_)));
    assert_eq!(
        try_build(&Input { from: None, ..input }, &mut (0..21).map(|n| node.leaf(n)).chain(all())),
        BuildError::Previous
    );
    let mut forked = node.hashes.clone();
    forked[4] = Digest::ZERO;
    assert_eq!(build(&input, &mut all(), &Leaves(&forked)), Err(BuildError::Root { size: 21 }));
}

#[test]
fn a_key_history_says_who_may_sign_and_which_key_the_ledger_has() {
    let [root, epoch, next] = [1, 2, 3].map(|n| SecretKey::from_seed([n; 64]));
    let begin = |ledger: String| {
        let terms = EpochTerms {
            key: epoch.public().clone(),
            next: next.id(),
            box_key: BoxSecretKey::from_seed([4; 32]).public(),
            ledger,
            until: at("2026-03-20T00:00:00Z"),
        };
        let change = Change::Inception {
            name: "CERT Ruritania".to_owned(),
            country: "RU".to_owned(),
            identities: BTreeSet::new(),
            roots: Roots { keys: vec![root.public().clone()], threshold: 1 },
            epoch: terms,
        };
        let event = Event { after: None, n: 0, created: at(START), change };
        KeyHistory::begin(&event.sign(&[&root, &epoch]).unwrap(), at(START)).unwrap()
    };
    let check = |history: &KeyHistory, by: &SecretKey, expect: &[&str]| {
        let mut node = Node::new();
        node.party = history.party();
        node.record("2026-01-05T00:00:00Z", Figures::Retention { checked: 1, overdue: 0 });
        let to = node.checkpoint(1, "2026-02-01T00:00:10Z");
        let report = node.report(january(), None, &to, None).unwrap();
        let file = report.file(&Signed::sign(&report.body, context::REPORT, &[by]).unwrap());
        let policy = policy();
        let trusted = Trusted {
            party: history.party(),
            signers: Signers::History(history),
            policy: &policy,
            seen: &[],
        };
        let verdict = verify(file.as_bytes(), &trusted, None).unwrap();
        let names: Vec<&str> = verdict.problems.iter().map(Problem::name).collect();
        assert_eq!(names, expect);
    };
    let history = begin(LedgerKeys::announcement(&SEED));
    check(&history, &epoch, &[]);
    check(&history, &root, &[]);
    check(&history, &next, &["signature"]);
    // A ledger whose key the party has not announced is not the party's.
    check(&begin(LedgerKeys::announcement(&[9; 32])), &epoch, &["other-log"]);
    check(&begin("something else".to_owned()), &epoch, &["other-log"]);
}

#[test]
fn announcements_name_no_party_and_have_one_spelling() {
    let text = LedgerKeys::announcement(&SEED);
    let keys = LedgerKeys::from_seed(party(1), &SEED).unwrap();
    let read = Announced::parse(party(1), &text).unwrap();
    assert_eq!((&read.log, &read.witness), (keys.log.public(), keys.witness.public()));
    for text in [
        "",
        "ed25519",
        "ed25519  ",
        &text.replace(' ', "  "),
        &text.replace('=', ""),
        &format!("{text} "),
        &text.replace("ed25519", "Ed25519"),
    ] {
        assert!(Announced::parse(party(1), text).is_err(), "{text}");
    }
}
