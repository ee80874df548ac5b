//! Every way to make a report say what the ledger does not: each is named.

use keys::{SecretKey, Signed, context};
use ledger::checkpoint::{Checkpoint, SignedCheckpoint};
use ledger::merkle::{Leaves, root};
use ledger::note::origin;
use ledger::policy::Policy;
use ledger::report::{Problem, Signers, Trusted, Verdict, verify};
use model::{Digest, Timestamp};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::report::{END, MIDDLE, Node, february, january, officer, policy, read, sign, two_months};
use crate::{at, cosigned, key, log_of, party, witness_of};

/// The second report, and what verifying the first gave.
struct Case {
    node: Node,
    first: SignedCheckpoint,
    second: SignedCheckpoint,
    one: Verdict,
    file: String,
}

fn case() -> Case {
    let (node, first, second) = two_months();
    let one = read(&sign(&node.report(january(), None, &first, None).unwrap()), None);
    let file = sign(&node.report(february(), Some(&first), &second, Some(&one)).unwrap());
    Case { node, first, second, one, file }
}

fn names(verdict: &Verdict) -> Vec<&'static str> {
    let mut names: Vec<&str> = verdict.problems.iter().map(Problem::name).collect();
    names.dedup();
    names
}

/// A node that lies signs whatever it likes: body and evidence changed, digest and signature right.
fn resign(
    file: &str,
    body: impl FnOnce(String) -> String,
    evidence: impl FnOnce(Vec<String>) -> Vec<String>,
) -> String {
    let (head, lines) = file.split_once('\n').unwrap();
    let old = Signed::parse(head.as_bytes()).unwrap().body;
    let lines = evidence(lines.lines().map(str::to_owned).collect());
    let lines: String = lines.into_iter().map(|line| line + "\n").collect();
    let digest = |text: &str| Digest(Sha256::digest(text.as_bytes()).into()).to_string();
    let body = body(old.replace(&digest(file.split_once('\n').unwrap().1), &digest(&lines)));
    let signed = Signed::sign(&body, context::REPORT, &[officer()]).unwrap();
    format!("{}\n{lines}", signed.to_text())
}

fn same<T>(value: T) -> T {
    value
}

/// A change to the lines of evidence.
type Change<'a> = &'a dyn Fn(Vec<String>) -> Vec<String>;

/// Carried leaves come first in the second report.
const CARRIED: usize = 11;

#[test]
fn the_untouched_file_holds() {
    let case = case();
    assert_eq!(names(&read(&case.file, Some(&case.one))), [""; 0]);
    assert_eq!(resign(&case.file, same, same), case.file);
}

#[test]
fn any_change_after_signing_is_seen() {
    let case = case();
    let (head, lines) = case.file.split_once('\n').unwrap();
    let verdict = |file: &str| names(&read(file, Some(&case.one)));
    // A figure.
    assert!(verdict(&case.file.replacen("\"in-force\",2]", "\"in-force\",3]", 1)).contains(&"signature"));
    // A line of evidence.
    let changed = lines.replacen("\"act\":\"reviewed\"", "\"act\":\"reviewed\" ", 1);
    assert!(verdict(&format!("{head}\n{changed}")).starts_with(&["evidence-altered"]));
    // A line at the end, none at the end, no line feed at the end, an empty line.
    let last = lines.trim_end().rsplit('\n').next().unwrap();
    for changed in [
        format!("{lines}{last}\n"),
        lines.trim_end().to_owned(),
        format!("{lines}\n"),
        lines.replace(&format!("{last}\n"), ""),
    ] {
        assert!(verdict(&format!("{head}\n{changed}")).contains(&"evidence-altered"));
    }
    // Signed by somebody else, under another context, by nobody.
    let signed = Signed::parse(head.as_bytes()).unwrap();
    let stranger = SecretKey::from_seed([7; 64]);
    for signed in [
        Signed::sign(&signed.body, context::REPORT, &[&stranger]).unwrap(),
        Signed::sign(&signed.body, context::AGREEMENT, &[officer()]).unwrap(),
        Signed::unsigned(&signed.body).unwrap(),
    ] {
        assert_eq!(verdict(&format!("{}\n{lines}", signed.to_text())), ["signature"]);
    }
}

#[test]
fn a_dropped_leaf_is_missed() {
    let case = case();
    for at in [0, 4, 30] {
        let drop = |mut lines: Vec<String>| {
            lines.remove(CARRIED + at);
            lines
        };
        let found = names(&read(&resign(&case.file, same, drop), Some(&case.one)));
        assert!(found.contains(&"order") && found.contains(&"count") && found.contains(&"root"), "{found:?}");
    }
    // Dropped at the end, and the leaves before renumbered to hide the hole.
    let drop_last = |mut lines: Vec<String>| {
        lines.pop();
        lines
    };
    let found = names(&read(&resign(&case.file, same, drop_last), Some(&case.one)));
    assert!(found.contains(&"count") && found.contains(&"root"), "{found:?}");
    let renumber = |mut lines: Vec<String>| {
        lines.remove(CARRIED);
        for (number, line) in (21..).zip(lines.iter_mut().skip(CARRIED)) {
            *line = line.replace(&format!("\"leaf\":{}", number + 1), &format!("\"leaf\":{number}"));
        }
        lines
    };
    let found = names(&read(&resign(&case.file, same, renumber), Some(&case.one)));
    assert!(!found.contains(&"order") && found.contains(&"count") && found.contains(&"root"), "{found:?}");
}

#[test]
fn added_moved_and_repeated_leaves_are_seen() {
    let case = case();
    let repeat = |mut lines: Vec<String>| {
        lines.insert(CARRIED + 3, lines[CARRIED + 2].clone());
        lines
    };
    let found = names(&read(&resign(&case.file, same, repeat), Some(&case.one)));
    assert!(found.contains(&"order") && found.contains(&"count"), "{found:?}");
    let swap = |mut lines: Vec<String>| {
        lines.swap(CARRIED + 3, CARRIED + 4);
        lines
    };
    let found = names(&read(&resign(&case.file, same, swap), Some(&case.one)));
    assert!(found.contains(&"order") && found.contains(&"root"), "{found:?}");
    // A leaf that the node never committed to, with a proper opening of its own.
    let invented = case.node.leaf(0);
    let extra = format!(
        "{{\"hash\":\"{}\",\"leaf\":{},\"withheld\":\"erased\"}}",
        invented.hash,
        case.node.hashes.len()
    );
    let add = |mut lines: Vec<String>| {
        lines.push(extra);
        lines
    };
    let found = names(&read(&resign(&case.file, same, add), Some(&case.one)));
    assert!(found.contains(&"count") && found.contains(&"figure"), "{found:?}");
}

#[test]
fn a_changed_opening_is_not_what_was_committed_to() {
    let case = case();
    // The retention check of leaf 30 found 3 overdue objects; the node shows 0.
    let line = |lines: &[String]| lines.iter().position(|line| line.contains("\"leaf\":30,")).unwrap();
    let embellish = |mut lines: Vec<String>| {
        let at = line(&lines);
        lines[at] = lines[at].replace("\"overdue\":3", "\"overdue\":0");
        lines
    };
    let verdict = read(&resign(&case.file, same, embellish), Some(&case.one));
    assert!(verdict.problems.contains(&Problem::Opening { leaf: 30 }), "{:?}", verdict.problems);
    // With the hash made to fit, the tree is another.
    let refit = |lines: Vec<String>| {
        let mut lines = embellish(lines);
        let at = line(&lines);
        let (start, shown) = lines[at].split_once("\"shown\":").unwrap();
        let salt: Digest = start.split("\"salt\":\"").nth(1).unwrap()[..64].parse().unwrap();
        let shown = ledger::entry::Shown::parse(salt, &shown[..shown.len() - 1]).unwrap();
        lines[at] = lines[at].replace(&case.node.hashes[30].to_string(), &shown.leaf_hash().to_string());
        lines
    };
    let found = names(&read(&resign(&case.file, same, refit), Some(&case.one)));
    assert_eq!(found, ["root", "figure"]);
    // The salt changed, the time changed, an opening moved to another leaf.
    for (from, to) in [("\"salt\":\"", "\"salt\":\"0000"), ("T09:00:00.000Z", "T09:00:00.001Z")] {
        let change = |mut lines: Vec<String>| {
            let at = line(&lines);
            lines[at] = lines[at].replace(from, to);
            if from.starts_with("\"salt") {
                let start = lines[at].find("\"salt\":\"").unwrap() + 8;
                lines[at].replace_range(start + 64..start + 68, "");
            }
            lines
        };
        let verdict = read(&resign(&case.file, same, change), Some(&case.one));
        assert!(verdict.problems.contains(&Problem::Opening { leaf: 30 }), "{:?}", verdict.problems);
    }
}

#[test]
fn an_altered_figure_is_named_with_its_row() {
    let case = case();
    let verdict =
        read(&resign(&case.file, |body| body.replace("[3,1960,3]", "[3,1960,0]"), same), Some(&case.one));
    let expected = Problem::Figure {
        table: "retention".to_owned(),
        row: String::new(),
        stated: "3, 1960, 0".to_owned(),
        counted: "3, 1960, 3".to_owned(),
    };
    assert_eq!(verdict.problems, [expected]);
    // A row left out, a row added, a table left out, a table added, a column renamed.
    let overdue = "[\"asked\",\"p-estonia\",\"on-hold\",1]";
    assert!(case.file.contains(overdue));
    for (from, to) in [
        (format!("{overdue},"), String::new()),
        (overdue.to_owned(), format!("{overdue},[\"asked\",\"p-estonia\",\"on-time\",7]")),
        ("\"name\":\"overrides\"".to_owned(), "\"name\":\"override\"".to_owned()),
        ("\"columns\":[\"rule\",\"post\"]".to_owned(), "\"columns\":[\"post\",\"rule\"]".to_owned()),
    ] {
        let file = resign(&case.file, |body| body.replacen(&from, &to, 1), same);
        assert_ne!(file, case.file, "{from}");
        let found = names(&read(&file, Some(&case.one)));
        assert_eq!(found, ["figure"], "{from}");
    }
    // The verdict's own figures are the counted ones, whatever is stated.
    assert_eq!(verdict.table("retention").unwrap().total("overdue", |_| true), 3);
}

#[test]
fn withholding_an_opening_shows() {
    let case = case();
    let withhold = |mut lines: Vec<String>| {
        let at = lines.iter().position(|line| line.contains("\"leaf\":30,")).unwrap();
        lines[at] = format!("{{\"hash\":\"{}\",\"leaf\":30,\"withheld\":\"sealed\"}}", case.node.hashes[30]);
        lines
    };
    let verdict = read(&resign(&case.file, same, withhold), Some(&case.one));
    assert_eq!(names(&verdict), ["figure"]);
    assert_eq!(verdict.table("withheld").unwrap().total("count", |_| true), 1);
}

#[test]
fn what_was_open_must_be_carried_over() {
    let case = case();
    // Leaf 14: an erasure that was overdue at the end of January.
    let at = |lines: &[String]| lines.iter().position(|line| line.contains("\"leaf\":14,")).unwrap();
    let drop = |mut lines: Vec<String>| {
        lines.remove(at(&lines));
        lines
    };
    let fewer = |body: String| body.replace("\"carried\":11", "\"carried\":10");
    let verdict = read(&resign(&case.file, fewer, drop), Some(&case.one));
    assert!(verdict.problems.contains(&Problem::CarriedDropped { leaf: 14 }), "{:?}", verdict.problems);
    assert!(names(&read(&resign(&case.file, same, drop), Some(&case.one))).contains(&"line"));
    // A matter that was not open, proved to be in the ledger all the same: leaf 9, a demand long confirmed.
    let hashes = Leaves(&case.node.hashes);
    let proof = ledger::merkle::inclusion_proof(&hashes, case.node.hashes.len() as u64, 9).unwrap();
    let proof: Vec<String> = proof.iter().map(|hash| format!("\"{hash}\"")).collect();
    let shown = case.node.openings[9].shown();
    let line = format!(
        "{{\"hash\":\"{}\",\"leaf\":9,\"proof\":[{}],\"salt\":\"{}\",\"shown\":{}}}",
        shown.leaf_hash(),
        proof.join(","),
        shown.salt(),
        shown.text()
    );
    let add = |mut lines: Vec<String>| {
        lines.insert(0, line.clone());
        lines
    };
    let more = |body: String| body.replace("\"carried\":11", "\"carried\":12");
    let verdict = read(&resign(&case.file, more, add), Some(&case.one));
    assert!(verdict.problems.contains(&Problem::CarriedAmiss { leaf: 9 }), "{:?}", verdict.problems);
    // Twice, after the first leaf of the period, without a proof that holds, of an entry that opens nothing.
    let changes: [(&str, Change<'_>); 4] = [
        ("carried-amiss", &|mut lines| {
            let again = lines[at(&lines)].clone();
            lines.remove(0);
            lines.insert(0, again);
            lines
        }),
        ("carried-amiss", &|mut lines| {
            let moved = lines.remove(at(&lines));
            lines.push(moved);
            lines
        }),
        ("carried-unproved", &|mut lines| {
            let at = at(&lines);
            lines[at] = lines[at].replace("\"proof\":[\"", "\"proof\":[\"00");
            let start = lines[at].find("\"proof\":[\"").unwrap() + 10;
            lines[at].replace_range(start + 64..start + 66, "");
            lines
        }),
        ("opening", &|mut lines| {
            let at = at(&lines);
            lines[at] = lines[at].replace("2026-01-20", "2026-04-20");
            lines
        }),
    ];
    for (expected, change) in changes {
        let found = names(&read(&resign(&case.file, same, change), Some(&case.one)));
        assert!(found.contains(&expected), "{expected}: {found:?}");
    }
}

/// The ledger with one leaf of January rewritten, signed and cosigned by witnesses that collude.
fn forked(case: &Case) -> Node {
    let mut fork = Node::new();
    for (n, opening) in case.node.openings.iter().enumerate() {
        let day = if n == 4 { "2026-01-06T09:00:00Z".to_owned() } else { opening.entry().at.to_string() };
        fork.record(&day, opening.entry().figures.clone());
    }
    fork
}

#[test]
fn a_fork_against_the_previous_report_is_proved_by_two_notes() {
    let case = case();
    let fork = forked(&case);
    let first = fork.checkpoint(21, "2026-02-01T00:00:10Z");
    let second = fork.checkpoint(case.node.hashes.len() as u64, "2026-03-01T00:00:10Z");
    // The fork's own history is in order; only the report before gives it away.
    let own = read(&sign(&fork.report(january(), None, &first, None).unwrap()), None);
    assert_eq!(own.problems, []);
    let file = sign(&fork.report(february(), Some(&first), &second, Some(&own)).unwrap());
    assert_eq!(names(&read(&file, Some(&own))), [""; 0]);
    let verdict = read(&file, Some(&case.one));
    let (note, now) = (case.one.to.note().to_owned(), first.note().to_owned());
    let fork_found = Problem::Fork { size: 21, note, now };
    assert!(verdict.problems.contains(&fork_found), "{:?}", verdict.problems);
    assert!(names(&verdict).contains(&"other-previous"));
    // A report that begins anew covers the old checkpoint with another tree.
    let period = ledger::report::Period { from: january().from, until: at(END) };
    let anew = sign(&fork.report(period, None, &second, None).unwrap());
    let found = names(&read(&anew, Some(&case.one)));
    assert!(found.contains(&"fork") && found.contains(&"gap"), "{found:?}");
    // The true ledger reported anew is no fork, but it does not follow.
    let anew = sign(&case.node.report(period, None, &case.second, None).unwrap());
    let found = names(&read(&anew, Some(&case.one)));
    assert!(!found.contains(&"fork") && found.contains(&"gap"), "{found:?}");
}

#[test]
fn a_checkpoint_seen_elsewhere_gives_a_fork_away() {
    let case = case();
    let fork = forked(&case);
    let keys = [officer().public().clone()];
    let check = |seen: &[SignedCheckpoint]| {
        let policy = policy();
        let trusted = Trusted { party: party(1), signers: Signers::Keys(&keys), policy: &policy, seen };
        verify(case.file.as_bytes(), &trusted, Some(&case.one)).unwrap().problems
    };
    let now = "2026-02-10T00:00:00Z";
    let size = case.node.hashes.len() as u64;
    // The node's own, before, within and at the ends of the period.
    assert_eq!(check(&[9, 21, 22, 30, 30, size].map(|size| case.node.checkpoint(size, now))), []);
    for at in [21, 30, size] {
        let other = fork.checkpoint(at, now);
        let expected = Problem::Fork { size: at, note: other.note().to_owned(), now: String::new() };
        assert_eq!(check(&[other]), [expected]);
    }
    // What the ledger has not signed accuses nobody.
    let forged = fork.checkpoint(30, now).checkpoint().sign(&log_of(4)).unwrap();
    assert_eq!(check(&[forged]), []);
}

#[test]
fn a_report_that_leaves_leaves_out_in_between_does_not_follow() {
    let case = case();
    let later = case.node.checkpoint(25, "2026-02-05T00:00:00Z");
    let mut one = case.one.clone();
    // The node pretends that its January report had ended later.
    one.to = later.clone();
    let file = sign(&case.node.report(february(), Some(&later), &case.second, Some(&one)).unwrap());
    let found = read(&file, Some(&case.one));
    assert!(found.problems.contains(&Problem::Gap { previous: 21, now: 25 }), "{:?}", found.problems);
    let mut unsound = case.one.clone();
    unsound.problems.push(Problem::Start);
    assert!(names(&read(&case.file, Some(&unsound))).contains(&"previous-fails"));
}

#[test]
fn wrong_checkpoints_are_named() {
    let case = case();
    let size = case.node.hashes.len() as u64;
    let checkpoint = |change: &dyn Fn(&mut Checkpoint), log: &ledger::note::NoteSigner, witnesses: &[u8]| {
        let mut checkpoint = case.second.checkpoint().clone();
        change(&mut checkpoint);
        cosigned(&checkpoint.sign(log).unwrap(), witnesses, at("2026-03-01T00:00:10Z"))
    };
    let quoted = |note: &str| note.replace('\n', "\\n");
    let log = case.node.log();
    let to = |other: &SignedCheckpoint| {
        let file =
            resign(&case.file, |body| body.replace(&quoted(case.second.note()), &quoted(other.note())), same);
        assert_ne!(file, case.file);
        names(&read(&file, Some(&case.one)))
    };
    // Signed by another log, of another origin, with another root, of another size.
    assert!(to(&checkpoint(&|_| (), &log_of(4), &[2, 3])).contains(&"checkpoint"));
    let other = checkpoint(&|checkpoint| checkpoint.origin = origin(party(4)), &log_of(4), &[2, 3]);
    let found = to(&other);
    assert!(found.contains(&"origin") && found.contains(&"checkpoint"), "{found:?}");
    let found = to(&checkpoint(&|checkpoint| checkpoint.root = Digest::ZERO, &log, &[2, 3]));
    assert!(found.contains(&"root") && found.contains(&"carried-unproved"), "{found:?}");
    let smaller = case.node.checkpoint(size - 1, "2026-03-01T00:00:10Z");
    assert!(to(&smaller).contains(&"count"));
    // A cosignature that does not verify.
    let spoiled = case.second.note().replace("0123456789", "").trim_end().to_owned();
    let spoiled = format!("{}AAAA\n", &spoiled[..spoiled.len() - 4]);
    let found = to(&SignedCheckpoint::parse(&spoiled).unwrap());
    assert!(found.contains(&"checkpoint"), "{found:?}");
    // The checkpoint at the beginning: another tree than the one the report starts from.
    let from = |other: &SignedCheckpoint| {
        let file =
            resign(&case.file, |body| body.replace(&quoted(case.first.note()), &quoted(other.note())), same);
        names(&read(&file, Some(&case.one)))
    };
    let mut first = case.first.checkpoint().clone();
    first.root = Digest::ZERO;
    let found = from(&cosigned(&first.sign(&log).unwrap(), &[2, 3], at("2026-02-01T00:00:10Z")));
    assert!(found.contains(&"start") && found.contains(&"fork"), "{found:?}");
    let peak = |body: String| {
        let at = body.find("\"frontier\":[\"").unwrap() + 13;
        format!("{}{}{}", &body[..at], if &body[at..=at] == "0" { "1" } else { "0" }, &body[at + 1..])
    };
    assert!(names(&read(&resign(&case.file, peak, same), Some(&case.one))).contains(&"start"));
}

#[test]
fn a_missing_quorum_is_named() {
    let case = case();
    let keys = [officer().public().clone()];
    let check = |policy: &Policy, expect: &[&str]| {
        let trusted = Trusted { party: party(1), signers: Signers::Keys(&keys), policy, seen: &[] };
        let verdict = verify(case.file.as_bytes(), &trusted, Some(&case.one)).unwrap();
        assert_eq!(names(&verdict), expect);
        verdict
    };
    check(&policy(), &[]);
    let three = Policy::threshold(3, &[2, 3, 4].map(|n| key(&witness_of(n)))).unwrap();
    let verdict = check(&three, &["no-quorum"]);
    assert_eq!(verdict.problems.len(), 2, "both ends");
    check(&Policy::threshold(1, &[key(&witness_of(9))]).unwrap(), &["no-quorum"]);
    check(&Policy::parse("quorum none\n").unwrap(), &[]);
    let log = case.node.log();
    check(&Policy::parse(&format!("log {}\nquorum none\n", log.public())).unwrap(), &[]);
    check(&Policy::parse(&format!("log {}\nquorum none\n", key(&log_of(4)))).unwrap(), &["other-log"]);
    let other = Trusted { party: party(2), signers: Signers::Keys(&keys), policy: &policy(), seen: &[] };
    assert_eq!(names(&verify(case.file.as_bytes(), &other, Some(&case.one)).unwrap()), ["other-party"]);
}

#[test]
fn times_that_cannot_be_are_named() {
    let case = case();
    let made = |from: &str, to: &str| {
        let file = resign(&case.file, |body| body.replace(from, to), same);
        assert_ne!(file, case.file);
        names(&read(&file, Some(&case.one)))
    };
    // Made before the witnesses saw the checkpoint: to sign with a key that had not expired then.
    assert_eq!(
        made("\"made\":\"2026-03-01T00:01:00.000Z\"", "\"made\":\"2026-01-01T00:00:00.000Z\""),
        ["times"]
    );
    assert_eq!(
        made("\"until\":\"2026-03-01T00:00:00.000Z\"", "\"until\":\"2026-01-01T00:00:00.000Z\""),
        ["times"]
    );
    assert_eq!(
        made("\"until\":\"2026-03-01T00:00:00.000Z\"", "\"until\":\"2027-03-01T00:00:00.000Z\""),
        ["times"]
    );
    // The period told otherwise than the entries' times is a remark, not a lie about the ledger.
    let file =
        resign(&case.file, |body| body.replace("{\"from\":\"2026-02-01", "{\"from\":\"2026-02-03"), same);
    let verdict = read(&file, Some(&case.one));
    let remarks: Vec<String> = verdict.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(names(&verdict), [""; 0]);
    assert!(
        remarks.iter().any(|remark| remark.contains("outside of the period (first: leaf 21)")),
        "{remarks:#?}"
    );
    assert!(remarks.iter().any(|remark| remark.contains("the previous period ended")), "{remarks:#?}");
    assert_eq!(at(MIDDLE), case.one.period.until);
}

#[test]
fn what_is_no_report_at_all() {
    let case = case();
    let keys = [officer().public().clone()];
    let policy = policy();
    let trusted = Trusted { party: party(1), signers: Signers::Keys(&keys), policy: &policy, seen: &[] };
    let body =
        |body: &str| format!("{}\n", Signed::sign(body, context::REPORT, &[officer()]).unwrap().to_text());
    for file in [
        String::new(),
        "\n".to_owned(),
        "{}".to_owned(),
        case.file.replacen("{\"body\"", "{ \"body\"", 1),
        body("{}"),
        body("{\"version\":2}"),
        resign(&case.file, |body| body.replace("\"version\":1", "\"version\":2"), same),
        resign(&case.file, |body| body.replace("\"carried\":11", "\"carried\":-1"), same),
        resign(&case.file, |body| body.replace("\"carried\":11", "\"carried\":11,\"extra\":1"), same),
        resign(&case.file, |body| body.replace("\"log\":\"shieldwall", "\"log\":\"Shieldwall"), same),
        resign(
            &case.file,
            |body| body.replace("\"made\":\"2026-03-01T00:01:00.000Z\"", "\"made\":\"2026-03-01T00:01:00Z\""),
            same,
        ),
        "x".repeat(10 << 20),
    ] {
        let shown: String = file.chars().take(40).collect();
        assert!(verify(file.as_bytes(), &trusted, None).is_err(), "{shown}");
    }
}

#[test]
fn a_flood_of_bad_lines_ends_in_a_bounded_list() {
    let case = case();
    let flood = |mut lines: Vec<String>| {
        lines.extend(std::iter::repeat_n("{}".to_owned(), 5_000));
        lines.push("[".repeat(1000));
        lines.push(format!("\"{}\"", "x".repeat(100_000)));
        lines
    };
    let verdict = read(&resign(&case.file, same, flood), Some(&case.one));
    assert_eq!(verdict.problems.len(), 201);
    assert!(matches!(verdict.problems.last(), Some(Problem::More(more)) if *more > 4_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One byte changed anywhere: either the file is no report any more, or the verdict has a problem.
    #[test]
    fn no_changed_byte_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        thread_local! {
            static CASE: Case = case();
        }
        CASE.with(|case| {
            let mut file = case.file.clone().into_bytes();
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            let keys = [officer().public().clone()];
            let policy = policy();
            let trusted = Trusted { party: party(1), signers: Signers::Keys(&keys), policy: &policy, seen: &[] };
            if let Ok(verdict) = verify(&file, &trusted, Some(&case.one)) {
                prop_assert!(!verdict.holds(), "byte {at}");
            }
            Ok(())
        })?;
    }

    /// A node that re-signs: one byte of the evidence changed cannot pass for the truth.
    #[test]
    fn no_resigned_byte_of_evidence_passes(line in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0u8..7) {
        thread_local! {
            static CASE: Case = case();
        }
        CASE.with(|case| {
            let change = |mut lines: Vec<String>| {
                let line = line.index(lines.len());
                let mut bytes = lines[line].clone().into_bytes();
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
                lines[line] = String::from_utf8(bytes).unwrap();
                lines
            };
            let verdict = read(&resign(&case.file, same, change), Some(&case.one));
            prop_assert!(!verdict.holds());
            Ok(())
        })?;
    }
}

#[test]
fn roots_of_the_fixture_are_those_of_its_leaves() {
    // What all of the above stands on.
    let case = case();
    let size = case.node.hashes.len() as u64;
    assert_eq!(root(&Leaves(&case.node.hashes), size), Ok(case.second.checkpoint().root));
    assert!(case.one.made > at(MIDDLE) && case.one.made < Timestamp::MAX);
}
