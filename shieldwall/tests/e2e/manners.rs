//! What a tired officer meets: offered texts to be read, alarms, refusals that say what to do, and reruns.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Node, eventually, run, run_with, text};
use crate::org::{Org, bilateral, pair};

/// Kiwi has proposed an agreement that Koala has; emergencies are declared by release officers.
fn proposed() -> (Org, Org, String) {
    let (mut kiwi, mut koala) = (Org::new("Kiwi CERT", "NZ"), Org::new("Koala CERT", "AU"));
    let (kiwi_url, koala_url) = (kiwi.serve(), koala.serve());
    pair(&kiwi, &kiwi_url, &koala, &koala_url);
    let file = kiwi.file("kiwi-koala.toml");
    bilateral(&kiwi, &koala, &file);
    let terms =
        std::fs::read_to_string(&file).unwrap().replace(r#"["duty-officer"]"#, r#"["release-officer"]"#);
    std::fs::write(&file, terms).unwrap();
    let id = kiwi.node.json(&["agreement", "propose", &file])["agreement"].as_str().unwrap()[..12].to_owned();
    eventually(|| koala.node.run(&["agreement", "show", &id]).code, |code| *code == 0);
    (kiwi, koala, id)
}

/// Runs something that key files sign for, in words.
#[track_caller]
fn signed(org: &Org, command: &[&str], keys: &[&str]) -> crate::harness::Ended {
    let files: Vec<String> = keys.iter().map(|key| org.file(&format!("{key}.key"))).collect();
    let officers = files.iter().flat_map(|file| ["--officer", file]);
    let args: Vec<&str> = command.iter().copied().chain(officers).collect();
    org.node.run(&[&args[..], &["--passphrase-file", text(&org.secret)]].concat())
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_offered_text_is_read_and_signed_with_open_eyes() {
    let (kiwi, koala, id) = proposed();
    let id = id.as_str();

    // The other side has the whole text, its clauses in words, and a preview of what it would give itself.
    let terms = std::fs::read_to_string(kiwi.file("kiwi-koala.toml")).unwrap();
    let shown = koala.node.run(&["agreement", "show", id, "--text"]).exits(0).text();
    assert_eq!(shown.trim_end(), terms.trim_end());
    let shown = koala.node.run(&["agreement", "show", id]).exits(0).text();
    for words in [
        "clause intel-b-to-a: from Koala CERT to Kiwi CERT: any up to TLP amber, PAP amber",
        "onward none; personal data: pseudonymise",
        "vulnerability up to TLP amber+strict",
        "only in an emergency that 2 officers declare",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains(&koala.node.json(&["key", "show"])["party"].as_str().unwrap()[..20]), "{shown}");
    let clauses = &koala.node.json(&["agreement", "show", id])["versions"][0]["clauses"];
    assert_eq!(clauses[0]["onward"], "none", "{clauses}");
    koala.node.json(&["indicator", "add", "koala-c2[.]net", "--tlp", "green"]);
    let preview = koala.node.run(&["agreement", "diff", id, "--limit", "9"]).exits(0).text();
    assert!(preview.contains("newly exposed: 1 indicator green") && preview.contains("kiwi ("), "{preview}");
    koala.node.run(&["agreement", "check", id]).exits(0);
    assert_ne!(koala.node.run(&["agreement", "diff", "deadbeef"]).code, 0);

    // Too few officers: the post is named, and nobody is sent for new bytes without need.
    let alone = signed(&kiwi, &["agreement", "sign", id], &["officer-1"]).exits(1).stderr;
    assert!(alone.contains("RELEASE_OFFICER") && !alone.contains("if these are older"), "{alone}");
    let twice = signed(&kiwi, &["agreement", "sign", id], &["officer-1", "officer-1"]).exits(1).stderr;
    assert!(twice.contains("same person approved more than once"), "{twice}");

    // Approving says what is approved, and refuses what is not to be.
    let bytes = kiwi.file("bytes.json");
    let wrote = kiwi.node.run(&["agreement", "approval", id, "--output", &bytes]).exits(0).text();
    assert!(wrote.contains(&bytes), "{wrote}");
    let (key, secret) = (kiwi.file("officer-2.key"), text(&kiwi.secret).to_owned());
    let approve = |file: &str, out: &str, more: &[&str]| {
        let args =
            ["agreement", "approve", file, "--officer", &key, "--passphrase-file", &secret, "--output", out];
        run(&[&args[..], more].concat())
    };
    let (refused, approval) = (kiwi.file("refused"), kiwi.file("officer-2.approval"));
    for nothing in [kiwi.file("kiwi-koala.toml"), secret.clone(), kiwi.file("officer-2.key.pub")] {
        let ended = approve(&nothing, &refused, &[]).exits(1);
        assert!(ended.stderr.contains("nothing was signed"), "{}", ended.stderr);
        assert!(!Path::new(&refused).exists());
    }
    let said = approve(&bytes, &approval, &[]).exits(0);
    assert!(said.stderr.contains("version 1 of `Kiwi CERT and Koala CERT`"), "{}", said.stderr);
    assert!(said.text().contains(&approval), "{}", said.text());
    assert!(approve(&bytes, &kiwi.file("again"), &["--json"]).exits(0).json()["approval"].is_string());

    // Signing says which version governs, and who is missing.
    let said =
        signed(&kiwi, &["agreement", "sign", id, "--approval", &approval], &["officer-1"]).exits(0).text();
    assert!(said.contains("no version is in force yet") && said.contains("Koala CERT"), "{said}");
    koala.sign(id);
    kiwi.waits_for(id, "in-force");
    koala.waits_for(id, "in-force");
    let said = signed(&kiwi, &["agreement", "sign", id], &["officer-1", "officer-2"]).exits(0).text();
    assert!(said.contains("version 1 is in force"), "{said}");
    let shown = kiwi.node.json(&["agreement", "show", id]);
    let later =
        format!("agreement = {}\nprevious = {}\n", shown["agreement"], shown["versions"][0]["version"]);
    let file = kiwi.file("second.toml");
    let second = terms.replacen("version = 1\n", &format!("version = 2\n{later}"), 1);
    std::fs::write(&file, second.replacen("objects_per_hour = 10000", "objects_per_hour = 9000", 1)).unwrap();
    kiwi.node.run(&["agreement", "propose", &file]).exits(0);
    let said = signed(&kiwi, &["agreement", "sign", id], &["officer-1", "officer-2"]).exits(0).text();
    assert!(said.contains("version 1 is in force; for version 2: Koala CERT"), "{said}");
    let listed = kiwi.node.run(&["agreement", "list"]).exits(0).text();
    assert!(listed.lines().nth(1).unwrap().starts_with("Kiwi CERT and Koala CERT"), "{listed}");
    assert!(!listed.contains(shown["agreement"].as_str().unwrap()), "short hashes only: {listed}");

    // Reruns.
    let resume = ["agreement", "resume", id, "--reason", "it never stopped"];
    signed(&kiwi, &resume, &["officer-1", "officer-2"]).exits(0);
    for _ in 0..2 {
        kiwi.node.run(&["peer", "rename", "koala-cert", "koala"]).exits(0);
    }

    // One emergency at a time.
    let declare = ["break-glass", "declare", id, "--reason", "their hospital is encrypted"];
    signed(&kiwi, &declare, &["officer-1", "officer-2"]).exits(0);
    let again = signed(&kiwi, &declare, &["officer-1", "officer-2"]).exits(1).stderr;
    assert!(again.contains("--again"), "{again}");
    signed(&kiwi, &[&declare[..], &["--again"]].concat(), &["officer-1", "officer-2"]).exits(0);
    let uses = kiwi.node.json(&["break-glass", "list"]);
    assert_eq!(uses["uses"].as_array().unwrap().len(), 2, "{uses}");
    assert_eq!(uses["uses"][0]["name"], "Kiwi CERT and Koala CERT");
    let declaration = uses["uses"][0]["declaration"].as_str().unwrap();
    let report = ["break-glass", "report", declaration, "--report", "unclear", "--outcome", "maybe"];
    signed(&kiwi, &report, &["officer-1", "officer-2"]).exits(2);

    asks_shares_and_takes_back(&kiwi, &koala, id);
}

/// Questions, what waits for an officer, and who can be told that something is taken back.
fn asks_shares_and_takes_back(kiwi: &Org, koala: &Org, id: &str) {
    let values = koala.node.file("twice.txt", "koala-c2.net\nkoala-c2[.]net\nkoala-c2.net\n");
    let ask = ["ask", "kiwi", "--agreement", id, "--purpose", "incident-response", "--values", text(&values)];
    let said = koala.node.run(&ask).exits(0).text();
    assert!(said.contains(" of 1"), "one value in two spellings, thrice: {said}");

    // What waits for an officer is shown with all that was found in it, and is not called permitted.
    let flaw = serde_json::json!({
        "type": "vulnerability", "name": "flaw in a pump",
        "description": "found by mere.walker@harbour-lights.nz, +64 21 555 0123",
    });
    let flaw = kiwi.node.file("flaw.json", flaw.to_string());
    let made = kiwi.node.json(&["object", "new", text(&flaw), "--tlp", "amber+strict"]);
    let flaw = made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}"));
    let reviews = || kiwi.node.json(&["review", "list"]);
    let waiting = eventually(reviews, |reviews| reviews["reviews"][0]["number"].is_u64());
    assert!(waiting["reviews"][0]["found"].as_array().unwrap().len() > 1, "{waiting}");
    let said = kiwi.node.run(&["review", "list"]).exits(0).text();
    assert!(said.contains("; ") && said.contains(" at /description"), "{said}");
    let outcome = || kiwi.node.json(&["decisions", flaw])["decisions"][0]["outcome"].clone();
    assert_eq!(outcome(), "waits-for-review");
    let number = waiting["reviews"][0]["number"].to_string();
    for _ in 0..2 {
        kiwi.node.run(&["review", "withhold", &number, "--reason", "names a finder"]).exits(0);
    }
    assert_eq!(outcome(), "withheld");
    kiwi.node.run(&["review", "release", &number, "--reason", "after all"]).exits(1);

    let made = kiwi.node.json(&["indicator", "add", "kiwi-c2[.]net", "--tlp", "green"]);
    let given = made["results"][0]["id"].as_str().unwrap();
    eventually(|| koala.node.run(&["get", given]).code, |code| *code == 0);
    let said = kiwi.node.run(&["decisions", given]).exits(0).text();
    assert!(said.contains("Kiwi CERT and Koala CERT") && said.contains("permitted"), "{said}");
    let said = kiwi.node.run(&["withdraw", given, "--reason", "wrong"]).exits(0).text();
    assert!(said.contains("will be told: koala"), "{said}");
    let other = kiwi.node.json(&["indicator", "add", "kiwi-2[.]net", "--tlp", "green"]);
    let other = other["results"][0]["id"].as_str().unwrap();
    eventually(|| koala.node.run(&["get", other]).code, |code| *code == 0);
    kiwi.node.run(&["peer", "end", "koala", "--at-once", "--reason", "gone"]).exits(0);
    let said = kiwi.node.run(&["withdraw", other, "--reason", "wrong"]).exits(0).text();
    assert!(said.contains("cannot be told: the pairing has ended: koala"), "{said}");
}

#[test]
fn an_invitation_that_somebody_else_used_is_refused_aloud() {
    let (mut kiwi, koala) = (Org::new("Kiwi CERT", "NZ"), Org::new("Koala CERT", "AU"));
    let weka = Org::new("Weka CERT", "NZ");
    let url = kiwi.serve();
    let invitation = kiwi.file("invitation.json");
    kiwi.node.run(&["peer", "invite", "--endpoint", &url, "--output", &invitation]).exits(0);
    let own = kiwi.node.run(&["peer", "accept", &invitation]).exits(1).stderr;
    assert!(own.contains("this node's own"), "{own}");

    // Without a transport of its own Koala's answer goes into a file with a name, not onto the terminal.
    let said = koala.node.run(&["peer", "accept", &invitation, "--name", "kiwi"]).exits(0).text();
    let answer = kiwi.file("invitation.answer.json");
    assert!(said.contains(&answer) && said.len() < 500, "{said}");
    kiwi.node.run(&["peer", "answer", &answer, "--output", &kiwi.file("opening.json")]).exits(0);
    koala.node.run(&["peer", "answer", &kiwi.file("opening.json")]).exits(0);

    let mut weka = weka;
    let url = weka.serve();
    let late = ["peer", "accept", &invitation, "--name", "kiwi", "--endpoint", &url];
    let late = weka.node.run(&late).exits(1);
    assert!(late.stderr.contains("accepted by somebody else"), "{}", late.stderr);
    assert!(late.text().len() < 100, "nothing to hand back: {}", late.text());

    // What was heard is looked at before it is compared.
    let confirm =
        |words: &str| kiwi.node.run(&["peer", "confirm", "koala-cert", "--words", words]).exits(1).stderr;
    let few = confirm("acorn admiral");
    assert!(few.contains("2 words and not 6") && !few.contains("end this pairing"), "{few}");
    let odd = confirm("acorn admiral alarm almond anchor angel");
    assert!(odd.contains("`angel`") && !odd.contains("end this pairing"), "{odd}");
    let other = confirm("acorn admiral alarm almond anchor angle");
    assert!(other.contains("do not go on"), "{other}");
}

#[test]
fn the_doctor_sees_what_is_wrong_with_keys_and_files() {
    let org = Org::new("Kiwi CERT", "NZ");
    let node = &org.node;
    let ill = |words: &str| {
        let said = node.run(&["doctor"]).exits(1).text();
        assert!(said.contains(words), "{words}: {said}");
    };
    node.run(&["doctor"]).exits(0);
    for file in ["node.db", "keys/unlock.key"] {
        mode(&node.dir.join(file), 0o644);
        ill(&format!("{file}; run `chmod 600"));
        mode(&node.dir.join(file), 0o600);
    }
    org.signing(
        &["key", "revoke", "--reason", "compromised", "--note", "theft"],
        "--root",
        &["root-1", "root-2"],
    );
    ill("no epoch key holds");
    org.signing(&["key", "rotate"], "--root", &["root-1", "root-2"]);
    node.run(&["doctor"]).exits(0);
    std::fs::remove_dir_all(node.dir.join("keys")).unwrap();
    ill("lost: the store holds a key history");
    let said = node.run(&["key", "show"]).exits(1).stderr;
    assert!(said.contains("key recover") && !said.contains("make them with"), "{said}");
    let new = Node::new("New CERT");
    let said = new.run(&["key", "show"]).exits(1).stderr;
    assert!(said.contains("key establish"), "{said}");
}

#[test]
fn a_node_that_does_not_run_does_not_look_healthy() {
    let node = Node::of("Kiwi CERT", "NZ");
    let commands: [&[&str]; 3] = [&["detect", "coverage"], &["log-source", "list"], &["doctor"]];
    for command in commands {
        let told = node.run(command).exits(0).stderr;
        assert!(told.starts_with("no node is running: nothing is read"), "{command:?}: {told}");
        assert_eq!(node.json(command)["running"], false, "{command:?}");
    }
    let _serving = node.serve();
    for command in commands {
        assert_eq!(node.json(command)["running"], true, "{command:?}");
        assert!(!node.run(command).exits(0).stderr.contains("no node is running"), "{command:?}");
    }
}

#[test]
fn findings_are_listed_newest_first() {
    let node = Node::new("Alarm CERT");
    assert_eq!(node.json(&["findings"])["findings"].as_array().unwrap().len(), 0);
    // Addresses of test networks are on the built-in warning lists.
    let list = node.file("list.txt", "198.18.0.1\n198.18.0.2\n198.18.0.3\n");
    node.run(&["import", text(&list)]);
    let all = node.json(&["findings"]);
    let numbers = |found: &Value| -> Vec<u64> {
        found["findings"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
    };
    let found = numbers(&all);
    assert!(found.len() >= 3 && found.is_sorted_by(|a, b| a > b), "{all}");
    let after = node.json(&["findings", "--limit", "1", "--before", &found[0].to_string()]);
    assert_eq!(numbers(&after), found[1..2]);
    for grave in node.json(&["findings", "--severity", "error"])["findings"].as_array().unwrap() {
        assert_eq!(grave["severity"], "error");
    }
    let said = node.run(&["findings"]).exits(0).text();
    assert!(said.contains("warning-list"), "{said}");
    let doctor = node.run(&["doctor"]).text();
    assert!(doctor.contains("warnings in 7 days") && doctor.contains("shieldwall findings"), "{doctor}");
}

#[test]
fn names_are_checked_where_they_are_given_and_nothing_hidden_is_printed() {
    let home = Node::new("Home CERT");
    for (number, name) in
        ["Evil\u{1b}[2JCERT", "Two\nlines", "Turned\u{202e}CERT", &"x".repeat(100_000)].iter().enumerate()
    {
        let dir = home.beside(&format!("refused-{number}"));
        let ended = run(&["init", "--dir", text(&dir), "--name", name]).exits(2);
        assert!(ended.stderr.contains("the name"), "{}", ended.stderr);
        assert!(!dir.exists(), "nothing was made");
    }
    let dir = home.beside("nowhere");
    let ended = run(&["init", "--dir", text(&dir), "--name", "X", "--country", "ZZ"]).exits(2);
    assert!(ended.stderr.contains("`ZZ` is no country"), "{}", ended.stderr);

    let id = "malware--11111111-2222-4333-8444-555555555555";
    let hostile = serde_json::json!({
        "type": "malware", "spec_version": "2.1", "id": id, "is_family": false,
        "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z",
        "name": "harbour\u{202e}lights\u{1b}[31m\nforged line",
    });
    home.run(&["import", text(&home.file("hostile.json", hostile.to_string()))]).exits(0);
    let shown = || home.run(&["search", "harbour"]).text();
    let shown = eventually(shown, |shown| shown.contains(id));
    assert!(!shown.contains(['\u{202e}', '\u{1b}']), "{shown:?}");
    assert_eq!(shown.trim_end().lines().count(), 2, "{shown:?}");
    let json = home.run(&["search", "harbour", "--json"]).exits(0);
    assert!(
        !json.text().contains('\u{202e}') && json.json().to_string().contains('\u{202e}'),
        "only escaped"
    );
}

#[test]
fn an_overseer_is_told_which_keys_are_missing() {
    let org = Org::new("Kiwi CERT", "NZ");
    let report = org.file("q1.report");
    org.node.run(&["audit", "report", "--output", &report]).exits(0);
    run(&["audit", "verify", &report, "--quorum", "0"]).exits(0);
    for quorum in ["1", "9"] {
        let said = run(&["audit", "verify", &report, "--quorum", quorum]).exits(1).stderr;
        assert!(said.contains(&format!("and {quorum} must have cosigned")), "{said}");
        assert!(!said.contains("line "), "{said}");
    }
}

#[test]
fn nothing_is_booked_for_an_export_that_cannot_be_written() {
    let org = Org::new("Kiwi CERT", "NZ");
    org.node.json(&["indicator", "add", "kiwi-c2[.]net", "--tlp", "green"]);
    let file = org.file("for-the-board.json");
    let export =
        ["export", "--recipient", "Harbour Board", "--purpose", "incident-response", "--output", &file];
    let entries = || {
        let audit = org.node.json(&["audit", "report", "--output", &org.file("report")])["entries"].clone();
        for ending in ["", ".history", ".witnesses"] {
            std::fs::remove_file(org.file(&format!("report{ending}"))).unwrap();
        }
        audit.as_u64().unwrap()
    };
    org.node.run(&export).exits(0);
    let before = entries();
    let idle = entries() - before;
    let refused = org.node.run(&export).exits(2);
    assert!(refused.stderr.contains("cannot be made"), "{}", refused.stderr);
    assert_eq!(entries(), before + 2 * idle, "the ledger says nothing of what did not leave");
    let none = ["export", "--recipient", "Harbour Board", "--purpose", "no such purpose !", "--output"];
    let other = org.file("other.json");
    if org.node.run(&[&none[..], &[&other]].concat()).code != 0 {
        assert!(!Path::new(&other).exists(), "no empty file is left behind");
    }
}

#[test]
fn small_things_are_said() {
    let org = Org::new("Kiwi CERT", "NZ");
    org.node.run(&["user", "add", "siem", "--role", "follower"]).exits(0);
    let said = org.node.run(&["token", "add", "--user", "siem", "its SIEM"]).exits(0);
    let id = org.node.json(&["token", "list"])["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert!(said.stderr.contains(&id), "{}", said.stderr);
    assert!(!said.text().contains(&id), "the secret alone is data");

    let koala = Org::new("Koala CERT", "AU");
    let file = org.file("text.toml");
    bilateral(&org, &koala, &file);
    let terms = std::fs::read_to_string(&file).unwrap().replace("\"vulnerability\"", "\"vulnerabilty\"");
    std::fs::write(&file, terms).unwrap();
    let said = org.node.run(&["agreement", "check", &file]).exits(0).text();
    assert!(said.contains("names `vulnerabilty`, which is no type of STIX 2.1"), "{said}");
    let _ = run_with(&["agreement", "approve", "-", "--officer", &org.file("officer-1.key")], b"{}").exits(1);
}

/// Pairs two running nodes; `called` is what each is called at the other.
fn befriend(a: (&Org, &str), b: (&Org, &str), called: (&str, &str)) {
    let invitation = a.0.file(&format!("for-{}.json", called.1));
    a.0.node.run(&["peer", "invite", "--endpoint", a.1, "--output", &invitation]).exits(0);
    b.0.node.run(&["peer", "accept", &invitation, "--name", called.0, "--endpoint", b.1]).exits(0);
    let shown = b.0.node.json(&["peer", "show", called.0]);
    let words: Vec<_> =
        shown["words"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    for (org, name) in [(a.0, called.1), (b.0, called.0)] {
        org.node.run(&["peer", "confirm", name, "--words", &words.join(" ")]).exits(0);
    }
}

#[test]
fn whoever_leaves_a_circle_is_told_so_and_shown_so() {
    let mut orgs = [("Kiwi CERT", "NZ"), ("Koala CERT", "AU"), ("Weka CERT", "NZ")]
        .map(|(name, country)| Org::new(name, country));
    let urls: Vec<String> = orgs.iter_mut().map(Org::serve).collect();
    let [kiwi, koala, weka] = &orgs;
    befriend((kiwi, &urls[0]), (koala, &urls[1]), ("kiwi", "koala-cert"));
    befriend((kiwi, &urls[0]), (weka, &urls[2]), ("kiwi", "weka-cert"));
    befriend((koala, &urls[1]), (weka, &urls[2]), ("koala", "weka-cert"));
    let mut values = vec![
        format!("start={}", crate::org::day(-2)),
        format!("review={}", crate::org::day(200)),
        format!("expiry={}", crate::org::day(300)),
        "of=2".to_owned(),
    ];
    for (letter, org) in ["a", "b", "c"].iter().zip(&orgs) {
        let shown = org.node.json(&["key", "show"]);
        let word = |name: &str| shown[name].as_str().unwrap().to_owned();
        let key = word("name").split(' ').next().unwrap().to_lowercase();
        values.extend([
            format!("{letter}_key={key}"),
            format!("{letter}_name={}", word("name")),
            format!("{letter}_id={}", word("party")),
            format!("{letter}_epoch={}", word("epoch")),
            format!("{letter}_country={}", word("country")),
            format!("{letter}_identity={}", shown["identities"][0].as_str().unwrap()),
        ]);
    }
    let file = kiwi.file("circle.toml");
    let set = values.iter().flat_map(|value| ["--set", value]);
    let args: Vec<&str> =
        ["agreement", "new", "tlp-community", "--output", &file].into_iter().chain(set).collect();
    kiwi.node.run(&args).exits(0);
    let id = kiwi.node.json(&["agreement", "propose", &file])["agreement"].as_str().unwrap()[..12].to_owned();
    for org in &orgs {
        eventually(|| org.node.run(&["agreement", "show", &id]).code, |code| *code == 0);
        org.sign(&id);
    }
    orgs.iter().for_each(|org| org.waits_for(&id, "in-force"));

    let said = weka.node.run(&["agreement", "leave", &id, "--reason", "we reorganise"]).exits(0).text();
    assert!(
        said.contains("you have left; 2 others go on: Kiwi CERT, Koala CERT")
            || said.contains("you have left; 2 others go on: Koala CERT, Kiwi CERT"),
        "{said}"
    );
    let shown = weka.node.json(&["agreement", "show", &id]);
    assert_eq!(
        (&shown["left"], &shown["memberships"][0]["left"][0]),
        (&Value::Bool(true), &Value::from("Weka CERT"))
    );
    let shown = || kiwi.node.run(&["agreement", "show", &id]).text();
    let shown = eventually(shown, |shown| shown.contains("; left: Weka CERT"));
    let line = shown.lines().find(|line| line.starts_with("membership 1")).unwrap();
    let within = line.split("; left:").next().unwrap();
    assert!(!within.contains("Weka") && within.contains("Koala"), "{line}");
}
