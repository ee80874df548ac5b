//! Two organisations, from making keys to a verified report, with the commands that the guides show.

use serde_json::Value;

use crate::harness::{eventually, text};
use crate::org::{Org, bilateral, pair};

#[test]
fn two_certs_agree_share_take_back_ask_and_report() {
    let (mut kiwi, mut koala) = (Org::new("Kiwi CERT", "NZ"), Org::new("Koala CERT", "AU"));
    let (kiwi_url, koala_url) = (kiwi.serve(), koala.serve());
    pair(&kiwi, &kiwi_url, &koala, &koala_url);

    // The text.
    let file = kiwi.file("kiwi-koala.toml");
    bilateral(&kiwi, &koala, &file);
    assert_eq!(kiwi.node.json(&["agreement", "check", &file])["sound"], true);
    kiwi.node.run(&["agreement", "diff", &file]).exits(0);
    let proposed = kiwi.node.json(&["agreement", "propose", &file, "--reason", "as discussed"]);
    let id = &proposed["agreement"].as_str().unwrap()[..12];

    // Signing: Kiwi's second officer sits elsewhere and approves exact bytes.
    let (bytes, approval) = (kiwi.file("approve-this.json"), kiwi.file("officer-2.approval"));
    kiwi.node.run(&["agreement", "approval", id, "--output", &bytes]).exits(0);
    let officer = kiwi.file("officer-2.key");
    let secret = text(&kiwi.secret);
    crate::harness::run(&[
        "agreement",
        "approve",
        &bytes,
        "--officer",
        &officer,
        "--output",
        &approval,
        "--passphrase-file",
        secret,
    ])
    .exits(0);
    let (one, with) = (["--officer", &kiwi.file("officer-1.key")], ["--approval", &approval]);
    let alone = [&["agreement", "sign", id, "--passphrase-file", secret][..], &one].concat();
    let refused = kiwi.node.run(&alone).exits(1);
    assert!(refused.stderr.contains("1 officers' approvals count where 2 are needed"), "{}", refused.stderr);
    kiwi.node.run(&[&alone[..], &with].concat()).exits(0);
    let agreed = |shown: &Value| shown["versions"][0]["agreed"].to_string().contains("Kiwi CERT");
    let shown = || {
        let ended = koala.node.run(&["agreement", "show", id, "--json"]);
        if ended.code == 0 { ended.json() } else { Value::Null }
    };
    eventually(shown, agreed);
    koala.sign(id);
    kiwi.waits_for(id, "in-force");
    koala.waits_for(id, "in-force");
    kiwi.node.run(&["agreement", "prove", id, "--ceiling", "amber+strict"]).exits(0);
    let shown = kiwi.node.run(&["agreement", "prove", id, "--ceiling", "amber"]).exits(1);
    assert!(shown.text().contains("does not hold"), "{}", shown.text());

    // Sharing.
    let add = |value: &str, tlp: &str| -> String {
        let made = kiwi.node.json(&["indicator", "add", value, "--name", "Harbour Lights", "--tlp", tlp]);
        made["results"][0]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    };
    let (first, second) = (add("harbour-lights-c2[.]net", "amber"), add("harbour-lights-vpn[.]net", "red"));
    eventually(|| koala.node.run(&["get", &first]).code, |code| *code == 0);
    assert_ne!(koala.node.run(&["get", &second]).code, 0, "RED stays");
    kiwi.node.run(&["agreement", "explain", &first, "koala-cert"]).exits(0);
    let why = kiwi.node.run(&["agreement", "explain", &second, "koala-cert"]).exits(1).text();
    assert!(why.contains("smallest consent") && why.contains("TLP red"), "{why}");
    let decisions = kiwi.node.json(&["decisions", &second]);
    let decision = &decisions["decisions"][0];
    assert_eq!(decision["permitted"], false, "{decisions}");
    assert!(decision["clause"].as_str().unwrap().contains("a-to-b"), "{decisions}");

    // Asking without telling.
    asks(&kiwi, &koala, id);

    // Taking back.
    kiwi.node.run(&["withdraw", &first, "--reason", "the sample was harmless"]).exits(0);
    eventually(|| koala.node.run(&["get", &first]).code, |code| *code != 0);
    let erased = |held: &Value| held["disclosures"][0]["receipt"] == "erased";
    eventually(|| kiwi.node.json(&["holders", &first]), erased);
    assert_eq!(kiwi.node.json(&["holders", "--open"])["disclosures"].as_array().unwrap().len(), 0);

    // The report: cosigned once the other node has seen the ledger.
    let mut number = 0;
    let report = || {
        number += 1;
        let file = kiwi.file(&format!("report-{number}"));
        let made = kiwi.node.json(&["audit", "report", "--output", &file]);
        (file, made["cosigned"].as_u64().unwrap())
    };
    let (report, _) = eventually(report, |(_, cosigned)| *cosigned == 1);
    let verdict = crate::harness::run(&["audit", "verify", &report, "--json"]).exits(0).json();
    assert_eq!(verdict["holds"], true, "{verdict}");
    crate::harness::run(&["audit", "verify", &report, "--quorum", "2"]).exits(1);
    let altered = std::fs::read_to_string(&report).unwrap().replacen("disclosure", "disclosurf", 1);
    std::fs::write(&report, altered).unwrap();
    assert_ne!(crate::harness::run(&["audit", "verify", &report]).code, 0, "an altered report holds nowhere");

    // Courier files carry the same streams.
    let third = add("harbour-lights-mail[.]net", "green");
    eventually(|| koala.node.run(&["get", &third]).code, |code| *code == 0);
    let out = kiwi.file("out");
    std::fs::create_dir(&out).unwrap();
    let large = kiwi.node.run(&["courier", "export", "koala-cert", "--into", &out, "--cap", "67108864"]);
    assert!(large.code != 0 && large.stderr.contains("could not be taken in"), "{}", large.stderr);
    let written = kiwi.node.json(&["courier", "export", "koala-cert", "--into", &out, "--repeat", "1000"]);
    for file in written["files"].as_array().unwrap() {
        koala.node.run(&["courier", "import", file.as_str().unwrap()]).exits(0);
    }
    for org in [&kiwi, &koala] {
        drop(org.node.json(&["doctor"]));
    }
    drop((kiwi.serving.take(), koala.serving.take()));
    kiwi.node.sound();
    koala.node.sound();
}

/// Koala asks Kiwi about values under the query right of the text: 20 questions and 100 bits a day.
fn asks(kiwi: &Org, koala: &Org, id: &str) {
    let values = koala.node.file("suspects.txt", "harbour-lights-c2.net\nnobody-has-this.net\n");
    let ask = |purpose: &str| {
        let values = text(&values);
        koala.node.run(&[
            "ask",
            "kiwi",
            "--agreement",
            id,
            "--purpose",
            purpose,
            "--values",
            values,
            "--json",
        ])
    };
    let seen = ask("incident-response").exits(0).json();
    assert_eq!(seen["count"], 1, "{seen}");
    assert!(seen.get("values").is_none(), "a count was granted, not which: {seen}");
    let refused = ask("curiosity").exits(1);
    assert!(refused.stderr.contains("no query right"), "{}", refused.stderr);
    let mixed = koala.node.file("mixed.txt", "harbour-lights-c2.net\n198.51.100.7\n");
    let mixed =
        ["ask", "kiwi", "--agreement", id, "--purpose", "incident-response", "--values", text(&mixed)];
    let refused = koala.node.run(&mixed).exits(1);
    assert!(refused.stderr.contains("one kind"), "{}", refused.stderr);
    // The budget of the day, 20 questions, is used up; both sides count.
    for _ in 1..20 {
        ask("incident-response").exits(0);
    }
    let spent = ask("incident-response").exits(1);
    assert!(spent.stderr.contains("20 questions have been asked"), "{}", spent.stderr);
    for (org, side) in [(kiwi, "answered"), (koala, "asked")] {
        let file = org.file(&format!("queries-{side}"));
        org.node.run(&["audit", "report", "--output", &file]).exits(0);
        let verdict = crate::harness::run(&["audit", "verify", &file, "--quorum", "0", "--json"]).json();
        let table = verdict["tables"].as_array().unwrap().iter().find(|table| table["name"] == "queries");
        let table = table.unwrap_or_else(|| panic!("no table of queries: {verdict}"));
        assert!(table["rows"].to_string().contains("20"), "{side}: {table}");
        assert!(table["rows"].to_string().contains(side), "{side}: {table}");
    }
}

#[test]
fn keys_are_replaced_moved_away_locked_lost_and_recovered() {
    let org = Org::new("Kiwi CERT", "NZ");
    let node = &org.node;
    let says = |args: &[&str], code: i32, words: &str| {
        let ended = node.run(args).exits(code);
        assert!(ended.stderr.contains(words), "{args:?}: {}", ended.stderr);
    };
    let party = node.json(&["key", "show"])["party"].clone();
    let secret = text(&org.secret);
    let both =
        ["--root", &org.file("root-1.key"), "--root", &org.file("root-2.key"), "--passphrase-file", secret];
    let one = ["--root", &org.file("root-1.key"), "--passphrase-file", secret];

    // Officers: a deputy, and out again; the wrong file of the two, too few keys, twice.
    let public = org.file("officer-2.key.pub");
    let deputy = [
        "key",
        "appoint",
        "--post",
        "LEGAL",
        "--person",
        "officer-2",
        "--name",
        "Tane",
        "--public-key",
        &public,
        "--deputy-of",
        "officer-1",
        "--counts",
    ];
    says(&[&deputy[..], &one].concat(), 1, "only the root keys appoint");
    let wrong = org.file("root-1.key.pub");
    says(&[&deputy[..], &["--root", &wrong, "--passphrase-file", secret]].concat(), 2, "public key");
    node.run(&[&deputy[..], &both].concat()).exits(0);
    let officers = node.json(&["key", "officers"]).to_string();
    assert!(officers.contains(r#""deputy_of":"officer-1""#), "{officers}");
    let dismiss = ["key", "dismiss", "--person", "officer-2", "--reason", "left"];
    node.run(&[&dismiss[..], &both].concat()).exits(0);
    says(&[&dismiss[..], &both].concat(), 1, "holds no appointment");

    // Root keys.
    let third = org.file("root-3.key");
    crate::harness::run(&["key", "create", "--output", &third, "--passphrase-file", secret]).exits(0);
    says(&[&["key", "roots"][..], &both].concat(), 1, "nothing would change");
    let change = ["key", "roots", "--new-root", &third, "--threshold", "1"];
    says(&[&change[..], &one].concat(), 1, "must sign");
    node.run(&[&change[..], &both].concat()).exits(0);
    let root = ["--root", &third, "--passphrase-file", secret];

    // The next epoch's key lies elsewhere.
    let keys = node.dir.join("keys");
    let names = std::fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path());
    let next = names.into_iter().find(|path| text(path).contains("next-")).expect("a next key");
    let away = node.beside("away.sealed");
    std::fs::rename(&next, &away).unwrap();
    says(&["key", "rotate"], 1, "--next-key FILE");
    says(&["key", "rotate", "--next-key", secret], 1, "the file given");
    node.run(&["key", "rotate", "--next-key", text(&away)]).exits(0);

    // What opens them.
    let locked = node.file("locked", "another one\n");
    node.run(&["key", "passphrase", "--new-passphrase-file", text(&locked)]).exits(0);
    assert!(!keys.join("unlock.key").exists());
    says(&["key", "show"], 2, "SHIELDWALL_KEYS_PASSPHRASE_FILE");
    says(&["key", "passphrase", "--keys-passphrase-file", secret, "--none"], 1, "does not open");
    node.run(&["key", "passphrase", "--keys-passphrase-file", text(&locked), "--none"]).exits(0);
    node.run(&["key", "show"]).exits(0);

    // Lost.
    std::fs::remove_dir_all(&keys).unwrap();
    says(&["key", "show"], 1, "shieldwall key recover");
    says(&[&["key", "establish"][..], &root].concat(), 1, "shieldwall key recover");
    says(&[&["key", "recover"][..], &both].concat(), 1, "no say");
    node.run(&[&["key", "recover"][..], &root].concat()).exits(0);
    assert_eq!(node.json(&["key", "show"])["party"], party, "the same party");
    node.run(&["key", "rotate"]).exits(0);
    node.sound();
}
