//! What a text may say, and how each thing it may not is told.

use label::{Handling, Iep, Pap, PermittedActions, Releasability, Stanag};
use model::{Label, Severity, Tlp};
use shieldwall_agreement::{MAX_TEXT, Terms};

use crate::fixture::{errors, parse, shown, terms, text, told};
use crate::world::time;

/// Replaces parts of a text that is valid, and says what is wrong with the result.
#[track_caller]
fn check(name: &str, replace: &[(&str, &str)], expect: &[&str]) {
    check_of(name, replace, expect, Severity::Error);
}

#[track_caller]
fn check_of(name: &str, replace: &[(&str, &str)], expect: &[&str], severity: Severity) {
    let text = replace.iter().fold(text(name), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in {name}");
        text.replacen(from, to, 1)
    });
    let found = told(&text, severity);
    for expected in expect {
        assert!(found.iter().any(|one| one.contains(expected)), "no `{expected}` in {found:#?}");
    }
    let errors = errors(&text);
    if severity == Severity::Error {
        assert_eq!(errors.len(), expect.len(), "{errors:#?}");
        assert!(Terms::parse_toml(&text).is_err());
    } else {
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let text = "format = \"shieldwall-agreement/1\"\nname = \"\"\nkind = \"triangle\"\nversion = \"one\"\nstart = \"soon\"\n";
    let found = errors(text);
    for expected in [
        "2 name: it is empty",
        "3 kind: `triangle` is not known here",
        "4 version: a whole number is needed, not a string",
        "5 start: a date is needed, not a string",
        "1 review: `review` is missing",
        "1 retention: `retention` is missing",
        "1 caps: `caps` is missing",
        "1 party: 0 parties, where",
    ] {
        assert!(found.iter().any(|one| one.starts_with(expected)), "no `{expected}` in {found:#?}");
    }
}

#[test]
fn a_problem_reads_as_a_sentence() {
    let problems = Terms::parse_toml(
        &text("bilateral-cert").replace("objects_per_hour = 10000", "objects_per_hour = 0"),
    );
    let told = shown(&problems.unwrap_err());
    assert!(
        told.contains("error at caps.objects_per_hour: `0` is out of bounds; hint: use 1 to 1000000000"),
        "{told}"
    );
    assert!(told.starts_with("line 1"), "{told}");
}

#[test]
fn unknown_keys_are_refused_wherever_they_stand() {
    let cert = "bilateral-cert";
    check(
        cert,
        &[("version = 1\n", "version = 1\nverison = 2\n")],
        &["verison: `verison` is not known here"],
    );
    check(cert, &[("keep_days = 365", "keep_days = 365\nkeep_years = 1")], &["retention.keep_years"]);
    check(cert, &[("onward = \"none\"", "onward = \"none\"\nonwards = \"free\"")], &["clause[1].onwards"]);
    check(cert, &[("pap = \"amber\" }", "pap = \"amber\", tpl = \"red\" }")], &["clause[1].ceiling.tpl"]);
    check(cert, &[("of = 3", "of = 3\nboss = true")], &["party[1].boss"]);
    check(cert, &[("quorum = 1", "quorum = 1\nkey = \"\"")], &["witnesses.key"]);
}

#[test]
fn over_broad_terms_are_named() {
    let (cert, circle) = ("bilateral-cert", "tlp-community");
    check(
        cert,
        &[("to = [\"p2\"]", "to = \"any\"")],
        &[
            "over-broad: clause `intel-a-to-b` is to \"any\" outside a circle",
            "no mirror image",
            "no mirror image",
        ],
    );
    check(
        circle,
        &[("ceiling = { tlp = \"green\", pap = \"green\" }", "ceiling = \"red\"")],
        &["over-broad: red is for the individual recipients"],
    );
    check(
        circle,
        &[("ceiling = { tlp = \"green\", pap = \"green\" }", "ceiling = \"own\"")],
        &["`own` is not known here"],
    );
    check(
        "tlp-community",
        &[("personal = \"redact\"", "personal = \"allow\"")],
        &["over-broad: clause `clear` lets personal data flow without a legal basis for p1, p2, p3"],
    );
    check(
        "tlp-community",
        &[("personal = \"redact\"", "personal = \"pseudonymise\"")],
        &["over-broad: clause `clear` lets personal data flow"],
    );
    check(circle, &[("onward = \"free\"", "onward = { depth = 4 }")], &["over-broad: handed on 4 times"]);
    check_of(circle, &[("onward = \"free\"", "onward = { depth = 3 }")], &[], Severity::Warning);
}

#[test]
fn nothing_is_in_force_for_ever_or_unreviewed() {
    let cert = "bilateral-cert";
    let line = |key: &str| text(cert).lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    check(cert, &[(&line("expiry"), "")], &["expiry: `expiry` is missing"]);
    check(cert, &[(&line("review"), "")], &["review: `review` is missing"]);
    check(
        cert,
        &[(&line("expiry"), "expiry = 2025-01-01")],
        &[
            "expiry: it ends before it starts",
            "review: the review is not between",
            "is not valid while this is in force",
        ],
    );
    check(
        cert,
        &[(&line("expiry"), "expiry = 2037-01-01")],
        &["over-broad: in force for more than ten years"],
    );
    check_of(
        cert,
        &[(&line("expiry"), "expiry = 2030-01-01")],
        &["more than three years"],
        Severity::Warning,
    );
    check(cert, &[(&line("start"), "start = 2026-01-01T00:00:00+01:00")], &["an instant in local time"]);
    check(
        cert,
        &[(&line("start"), "start = 2026-01-01T00:00:00")],
        &["neither a date nor an instant in UTC"],
    );
    check(
        cert,
        &[(&line("start"), "start = 2026-02-30")],
        &["not TOML: invalid date", "neither a date nor an instant"],
    );
}

#[test]
fn quantities_of_nothing_are_refused() {
    let cert = "bilateral-cert";
    for (from, path) in [
        ("keep_days = 365", "retention.keep_days"),
        ("erase_within_hours = 72", "retention.erase_within_hours"),
        ("objects_per_day = 100000", "caps.objects_per_day"),
        ("bytes_per_day = 2000000000", "caps.bytes_per_day"),
        ("per_day = 20", "query[1].per_day"),
        ("most_values = 1000", "query[1].most_values"),
        ("leakage_bits_per_day = 100", "query[1].leakage_bits_per_day"),
        ("hours = 48", "break_glass.hours"),
        ("officers = 2", "party[1].officers"),
    ] {
        let (key, _) = from.split_once(" = ").unwrap();
        let from = if text(cert).contains(from) {
            from.to_owned()
        } else {
            from.replace("2000000000", "2_000_000_000")
        };
        check(cert, &[(&from, &format!("{key} = 0"))], &[path]);
        check(cert, &[(&from, &format!("{key} = -1"))], &[path]);
        check(cert, &[(&from, &format!("{key} = 99999999999999999999999999"))], &[path]);
    }
}

#[test]
fn clauses_that_contradict_themselves() {
    let cert = "bilateral-cert";
    let actions = "actions = [\"receive\", \"detect\", \"block\"]";
    let lone = ("reciprocity = \"mirrored\"", "reciprocity = \"none\"");
    check(cert, &[lone, (actions, "actions = [\"detect\"]")], &["does not let anyone receive anything"]);
    check(
        cert,
        &[lone, (actions, "actions = [\"receive\", \"pass-on\"]")],
        &["permits passing on and forbids it"],
    );
    check(
        cert,
        &[lone, ("onward = \"none\"", "onward = \"orcon\"")],
        &["has an onward rule but does not permit passing on"],
    );
    check(cert, &[lone, ("from = [\"p1\"]", "from = [\"p2\"]")], &["is from a party to itself"]);
    check(
        cert,
        &[lone, ("from = [\"p1\"]", "from = [\"p9\", \"p8\"]")],
        &["no party has the key `p9`", "no party has the key `p8`"],
    );
    check(cert, &[lone, ("from = [\"p1\"]", "from = []")], &["nobody is named"]);
    check(cert, &[lone, ("types = \"any\"", "types = []")], &["the list is empty"]);
    check(cert, &[("types = \"any\"", "types = []")], &["the list is empty"]);
    check(
        cert,
        &[lone, ("personal = \"pseudonymise\"", "personal = \"pseudonymise\"\nredaction = \"thin\"")],
        &["uses the redaction `thin`, which is not in the text"],
    );
    check(
        cert,
        &[lone, ("personal = \"pseudonymise\"", "personal = \"pseudonymise\"\npurposes = [\"marketing\"]")],
        &["has a purpose that the agreement does not have"],
    );
    check(
        cert,
        &[
            lone,
            (
                "ceiling = { tlp = \"amber\", pap = \"amber\" }",
                "ceiling = { tlp = \"amber\", rel_to = [\"USA\"] }",
            ),
        ],
        &["releasable to a list of nations without EST"],
    );
    check(
        cert,
        &[
            lone,
            (
                "ceiling = { tlp = \"amber\", pap = \"amber\" }",
                "ceiling = { tlp = \"amber\", eyes_only = true }",
            ),
        ],
        &["for whose eyes is not said"],
    );
    check(
        cert,
        &[
            lone,
            (
                "ceiling = { tlp = \"amber\", pap = \"amber\" }",
                "ceiling = { tlp = \"amber\", rel_to = [\"NATO\"] }",
            ),
        ],
        &["`NATO` is no nation"],
    );
    check(
        cert,
        &[
            ("reciprocity = \"mirrored\"", "reciprocity = \"mirrored\""),
            ("actions = [\"receive\", \"detect\", \"block\"]", "actions = [\"receive\"]"),
        ],
        &["`intel-a-to-b` has no mirror image", "`intel-b-to-a` has no mirror image"],
    );
}

#[test]
fn parties_are_who_they_are_once() {
    let cert = "bilateral-cert";
    check(
        cert,
        &[("key = \"p2\"", "key = \"p1\"")],
        &[
            "party[2].key: the same as that of party `p1`",
            "no party has the key `p2`",
            "no party has the key `p2`",
            "no party has the key `p2`",
            "no party has the key `p2`",
            "no party has the key `p2`",
            "no party has the key `p2`",
        ],
    );
    let (one, two) =
        ("identity--00000000-0000-4000-8000-000000000001", "identity--00000000-0000-4000-8000-000000000002");
    check(cert, &[(two, one)], &["party[2].identities: the same as that of party `p1`"]);
    check(cert, &[(two, "indicator--00000000-0000-4000-8000-000000000002")], &["is not an identity"]);
    check(cert, &[("jurisdiction = \"EE\"", "jurisdiction = \"EU\"")], &["`EU` is not an ISO 3166-1 code"]);
    check(
        cert,
        &[("posts = [\"release-officer\"]", "posts = [\"ceo\"]")],
        &["`ceo` is not known here", "nobody may sign for `p1`"],
    );
    check(cert, &[("officers = 2", "officers = 4")], &["4 persons of 3 cannot sign for `p1`"]);
    check(cert, &[("kind = \"bilateral\"", "kind = \"circle\"")], &["a circle needs [circle]"]);
    check(
        "tlp-community",
        &[("kind = \"circle\"", "kind = \"bilateral\"")],
        &["a bilateral agreement has no [circle]"],
    );
    check(
        "tlp-community",
        &[("revise_quorum = 2", "revise_quorum = 1")],
        &["a new text needs more than half"],
    );
    check("tlp-community", &[("join_quorum = 2", "join_quorum = 9")], &["a quorum of 9"]);
    check(
        "tlp-community",
        &[("most_members = 100", "most_members = 2")],
        &["3 parties where 2 are the most"],
    );
}

#[test]
fn versions_name_what_they_follow() {
    let cert = "bilateral-cert";
    let hex = "ab".repeat(32);
    let follow = format!("version = 2\nagreement = \"{hex}\"\nprevious = \"{hex}\"\n");
    check(cert, &[("version = 1\n", "version = 0\n")], &["version: `0` is out of bounds"]);
    check(
        cert,
        &[("version = 1\n", "version = 2\n")],
        &["a later version says which agreement and version it follows"],
    );
    check(
        cert,
        &[("version = 1\n", &follow.replace("version = 2", "version = 1"))],
        &["the first version follows nothing"],
    );
    check(
        cert,
        &[("version = 1\n", &follow.replacen("ab", "AB", 1))],
        &["a digest of 64 lower-case hex digits", "a later version says"],
    );
    check_of(cert, &[("version = 1\n", &follow)], &[], Severity::Warning);
    check(
        cert,
        &[("format = \"shieldwall-agreement/1\"", "format = \"shieldwall-agreement/2\"")],
        &["`shieldwall-agreement/2` is not known here"],
    );
    check(
        cert,
        &[("version = 1\n", &format!("version = 1\nsettles = [\"{hex}\"]\n"))],
        &["the first version has nothing to settle"],
    );
}

#[test]
fn warnings_are_for_whoever_signs() {
    let cert = "bilateral-cert";
    for (from, to, expect) in [
        ("officers = 2", "officers = 1", "one person alone can sign for `p1`"),
        ("keep_days = 365", "keep_days = 4000", "kept for more than five years"),
        ("erase_within_hours = 72", "erase_within_hours = 1000", "may stay for more than a month"),
        ("report_within_hours = 24", "report_within_hours = 100", "more than three days"),
        ("quorum = 1", "quorum = 0", "no witness is needed"),
        ("leakage_bits_per_day = 100", "leakage_bits_per_day = 5", "one full question gives away 10 bits"),
        ("leakage_bits_per_day = 100", "leakage_bits_per_day = 100000", "the budget binds nobody"),
        ("valid_until = 2028-01-01", "valid_until = 2026-10-01", "lapses on 2026-10-01T00:00:00.000Z"),
    ] {
        check_of(cert, &[(from, to)], &[expect], Severity::Warning);
    }
    check(
        cert,
        &[("valid_until = 2028-01-01", "valid_until = 2025-10-01")],
        &["is not valid while this is in force"],
    );
    check(cert, &[("valid_until = 2028-01-01", "valid_until = 2024-10-01")], &["ends before it begins"]);
    check_of(
        "tlp-community",
        &[("join_quorum = 2", "join_quorum = 1")],
        &["less than a majority"],
        Severity::Warning,
    );
}

/// What is told of a text that is to be put forward on a day, as `path: message`.
fn told_on(day: &str, text: &str, severity: Severity) -> Vec<String> {
    let problems = Terms::read_toml_at(text, time(day)).problems;
    let some = problems.iter().filter(|problem| problem.severity == severity);
    some.map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect()
}

#[test]
fn a_text_whose_expiry_is_past_is_not_put_forward() {
    let cert = text("bilateral-cert");
    let last = Terms::read_toml_at(&cert, time("2027-01-01").plus_micros(-1));
    assert!(last.terms.is_some(), "{}", shown(&last.problems));
    for day in ["2027-01-01", "2027-06-01"] {
        let reading = Terms::read_toml_at(&cert, time(day));
        assert!(reading.terms.is_none(), "{day}");
        let errors = told_on(day, &cert, Severity::Error);
        assert_eq!(errors, ["expiry: it ended on 2027-01-01T00:00:00.000Z, which is past"]);
        assert!(shown(&reading.problems).contains("hint: put a later `expiry`"));
    }
    // What somebody signed in its time is read whatever the time is: every node folds the same acts.
    let terms = parse(&cert);
    assert_eq!(Terms::parse_canonical_json(&terms.to_canonical_json()).unwrap(), terms);
    assert_eq!(terms.expired(time("2026-12-31")), None);
    let (message, remedy) = terms.expired(time("2027-01-01")).unwrap();
    assert!(message.contains("2027-01-01") && remedy.contains("`expiry`"), "{message}; {remedy}");
}

#[test]
fn a_review_that_is_past_is_told() {
    let cert = text("bilateral-cert");
    let before = told_on("2026-06-30", &cert, Severity::Warning);
    assert!(before.is_empty(), "{before:#?}");
    let after = told_on("2026-07-01", &cert, Severity::Warning);
    assert_eq!(after, ["review: the review was due on 2026-07-01T00:00:00.000Z, which is past"]);
    assert!(Terms::read_toml_at(&cert, time("2026-07-01")).terms.is_some());
}

#[test]
fn a_legal_basis_that_has_lapsed_is_told_as_past() {
    let until = |name: &str| {
        let text = text(name);
        assert!(text.contains("valid_until = 2028-01-01"), "{name}");
        text.replace("valid_until = 2028-01-01", "valid_until = 2026-03-01")
    };
    let (before, after) = ("2026-02-28", "2026-03-01");
    let of_bases = |day: &str, text: &str| {
        let mut told = told_on(day, text, Severity::Warning);
        told.retain(|one| one.contains("lapse"));
        told
    };
    let circle = until("five-eyes-circle");
    let coming = of_bases(before, &circle);
    assert!(coming.len() == 1 && coming[0].contains("lapses on 2026-03-01"), "{coming:#?}");
    let past = of_bases(after, &circle);
    let expected = "lapsed on 2026-03-01T00:00:00.000Z: nothing that rests on it flows to or from aus, can, gbr, nzl, usa";
    assert!(past.len() == 1 && past[0].contains(expected), "{past:#?}");
    // No clause of it lets anything personal flow: whoever signs is told.
    assert!(Terms::read_toml_at(&circle, time(after)).terms.is_some());

    // Where personal data would flow, a basis that has lapsed is none.
    let cert = until("bilateral-cert");
    assert!(told_on(before, &cert, Severity::Error).is_empty());
    let errors = told_on(after, &cert, Severity::Error);
    assert!(!errors.is_empty());
    assert!(errors.iter().all(|one| one.contains("without a legal basis for p1, p2")), "{errors:#?}");
    let past = of_bases(after, &cert);
    assert!(past.len() == 1 && past[0].contains("flows to or from p1, p2"), "{past:#?}");

    // Another that is valid carries it.
    let another = "\n[[legal_basis]]\nname = \"Other law\"\nreference = \"Article 1\"\nvalid_from = 2025-01-01\n\
        valid_until = 2028-01-01\nparties = \"any\"\n\n[[party]]";
    let cert = cert.replacen("\n[[party]]", another, 1);
    assert!(told_on(after, &cert, Severity::Error).is_empty());
    assert_eq!(of_bases(after, &cert).len(), 1);
}

#[test]
fn ceilings_say_what_they_say() {
    let ceiling = |written: &str| {
        let from = "ceiling = { tlp = \"amber\", pap = \"amber\" }";
        let text = text("bilateral-cert").replace(from, &format!("ceiling = {written}"));
        parse(&text).clause("intel-a-to-b").unwrap().ceiling.clone()
    };
    let amber = Handling::from(Label::Tlp(Tlp::Amber));
    assert_eq!(ceiling("\"amber\""), amber);
    assert_eq!(ceiling("{ tlp = \"amber+strict\" }"), Handling::from(Label::Tlp(Tlp::AmberStrict)));
    assert_eq!(ceiling("{ tlp = \"amber\", pap = \"red\" }"), amber.clone().with_pap(Pap::Red));
    let nations = ["LVA", "EST"].map(|code| code.parse().unwrap());
    let written = "{ tlp = \"amber\", rel_to = [\"lv\", \"EST\"] }";
    assert_eq!(ceiling(written), amber.clone().with_releasability(Releasability::rel_to(nations)));
    let iep = Iep { permitted_actions: PermittedActions::InternallyVisible, may_resell: false, ..Iep::OPEN };
    let written = "{ tlp = \"amber\", iep = { actions = \"internally-visible-actions\", no_resale = true } }";
    assert_eq!(ceiling(written), amber.with_iep(iep));
    let written = "{ tlp = \"amber\", classification = { policy = \"1.3.26.1.3.1\", hierarchy = 3, name = \"SECRET\", categories = { \"Special\" = [\"A\"] } } }";
    let Stanag::Label(label) = ceiling(written).stanag().clone() else { panic!("no classification") };
    assert_eq!((label.hierarchy, label.name.as_str(), label.restrictive["Special"].len()), (3, "SECRET", 1));
}

#[test]
fn terms_survive_their_canonical_form() {
    for template in shieldwall_agreement::templates::TEMPLATES {
        let terms = terms(template.name);
        let text = terms.to_canonical_json();
        let again = Terms::parse_canonical_json(&text).unwrap();
        assert_eq!((again.to_canonical_json(), again.hash()), (text.clone(), terms.hash()));
        // RFC 8785, as another writer has it.
        let mut tape = json::Tape::new();
        let mut canonical = String::new();
        json::canonical(tape.parse(text.as_bytes(), &json::Limits::OBJECT).unwrap(), &mut canonical);
        assert_eq!(canonical, text, "{}", template.name);
    }
}

#[test]
fn comments_are_part_of_what_is_signed() {
    let text = text("bilateral-cert");
    let commented = text.replacen("# When.", "# Whenever.", 1);
    let (one, other) = (parse(&text), parse(&commented));
    assert_ne!(one.document, other.document);
    assert_ne!(one, other, "equality is by hash, and the hash covers the text's");
    assert_eq!(shieldwall_agreement::Terms { document: one.document, ..other }, one);
}

#[test]
fn canonical_json_is_taken_in_one_spelling_only() {
    let text = terms("bilateral-cert").to_canonical_json();
    let check = |from: &str, to: &str, expect: &str| {
        assert!(text.contains(from), "{from}");
        let error = Terms::parse_canonical_json(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check("{\"break_glass\"", "{ \"break_glass\"", "not in canonical form");
    check("\"version\":1", "\"version\":1.0", "a whole number is needed");
    check("\"version\":1", "\"version\":1,\"x\":1", "not known here");
    check("\"aggregate\":false", "\"aggregate\":0", "true or false");
    check("\"aggregate\":false,", "\"aggregate\":false,\"aggregate\":false,", "occurs twice");
    check("\"id\":\"intel-b-to-a\"", "\"id\":\"intel-a-to-b\"", "is there twice or out of order");
    check("\"id\":\"intel-a-to-b\"", "\"id\":\"іntel-a-to-b\"", "may look like others");
    check("\"keep_days\":365", "\"keep_days\":0", "0 would mean never");
    check("\"ceiling\":\"amber,pap:amber\"", "\"ceiling\":\"own\"", "over-broad");
    check("\"jurisdiction\":\"EST\"", "\"jurisdiction\":\"QQQ\"", "no nation");
    assert!(Terms::parse_canonical_json("{}").is_err() && Terms::parse_canonical_json("[").is_err());
}

#[test]
fn names_that_look_alike_are_refused() {
    let cert = "bilateral-cert";
    let lone = ("reciprocity = \"mirrored\"", "reciprocity = \"none\"");
    // Cyrillic і, a full-width letter, a zero-width joiner, an upper-case letter, a trailing space.
    for id in ["іntel-a-to-b", "ｉntel-a-to-b", "intel\u{200d}-a-to-b", "Intel-a-to-b", "intel-a-to-b ", ""]
    {
        check(cert, &[lone, ("id = \"intel-a-to-b\"", &format!("id = \"{id}\""))], &["is not a name"]);
    }
    check(
        cert,
        &[lone, ("id = \"intel-a-to-b\"", "id = \"intel-b-to-a\"")],
        &["another clause is called `intel-b-to-a`"],
    );
    check(
        cert,
        &[("name = \"Organisation 1\"", "name = \"Organisation\u{202e} 1\"")],
        &["invisible or control characters"],
    );
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let long = format!("name = \"{}\"\n", "a".repeat(1 << 20));
    assert_eq!(
        errors(&long),
        [format!("1 : the text has {} bytes, and {MAX_TEXT} are the most", long.len())]
    );
    let clauses = "[[clause]]\n".repeat(100_000);
    assert!(errors(&clauses)[0].contains("are the most"));
    let clauses = "[[clause]]\n".repeat(20_000);
    assert!(errors(&clauses).iter().any(|error| error.contains("clause: 20000 items, and 256 are the most")));
    for nested in [
        format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("a = {}1{}", "{ a = ".repeat(40_000), " }".repeat(40_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("[[{}a]]", "\"a\".".repeat(50_000)),
        format!("{}a = 1", "'a'  .  ".repeat(20_000)),
        format!("b = \"\\\"#\" # \"\n{}a = 1", "a.".repeat(100_000)),
        format!("b = '''#\"'''\n{}a = 1", "a.".repeat(100_000)),
    ] {
        assert!(!errors(&nested).is_empty());
    }
    let many = format!("purposes = [{}]", "\"a\",".repeat(50_000));
    assert!(errors(&many).iter().any(|error| error.contains("purposes: 50000 items")));
    let unknown: String = (0..10_000).map(|n| format!("k{n} = 1\n")).collect();
    let found = errors(&unknown);
    assert!(found.len() < 300 && found.iter().any(|error| error.contains("more problems are not shown")));
    // Dots in strings and comments are no keys.
    let dots = format!("# {}\n", "a.".repeat(100));
    assert!(errors(&(dots + &text("bilateral-cert"))).is_empty());
}

#[test]
fn anything_at_all_is_read_without_a_crash() {
    let text = text("isac-circle");
    for cut in (0..text.len()).step_by(97).filter(|cut| text.is_char_boundary(*cut)) {
        let _ = Terms::read_toml(&text[..cut]);
        let _ = Terms::read_toml(&text[cut..]);
        let mut broken = text.clone();
        broken.insert(cut, '"');
        let _ = Terms::read_toml(&broken);
    }
    for odd in [
        "",
        "\0",
        "=",
        "[[]]",
        "a = \"",
        "a = '''",
        "\"\"\"",
        "a = \"\\",
        "[a",
        "a.b = 1\na = 2",
        "\u{feff}x = 1",
    ] {
        assert!(Terms::read_toml(odd).terms.is_none(), "{odd:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_a_crash(text in "[a-c\\[\\]{}=\"'.,#\\\\\n0-9 ]{0,160}") {
        proptest::prop_assert!(Terms::read_toml(&text).terms.is_none());
    }
}
