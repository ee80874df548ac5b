//! Organisations with nodes, root keys and officers, made with the commands that the guides show.

use std::path::PathBuf;

use ports::Clock as _;
use serde_json::Value;

use crate::harness::{Node, Serving, eventually, text};

/// An organisation: its node, its people's key files, and what opens them.
pub(crate) struct Org {
    pub(crate) node: Node,
    pub(crate) secret: PathBuf,
    pub(crate) serving: Option<Serving>,
}

impl Org {
    /// Makes a node with two root keys, both of which must sign, and two release officers.
    pub(crate) fn new(name: &str, country: &str) -> Self {
        let node = Node::of(name, country);
        let secret = node.file("secret", "correct horse battery staple\n");
        let org = Self { node, secret, serving: None };
        for key in ["root-1", "root-2", "officer-1", "officer-2"] {
            crate::harness::run(&[
                "key",
                "create",
                "--output",
                &org.file(&format!("{key}.key")),
                "--passphrase-file",
                text(&org.secret),
            ])
            .exits(0);
        }
        org.signing(&["key", "establish", "--threshold", "2"], "--root", &["root-1", "root-2"]);
        for person in ["officer-1", "officer-2"] {
            let public = org.file(&format!("{person}.key.pub"));
            let appoint = [
                "key",
                "appoint",
                "--post",
                "RELEASE_OFFICER",
                "--person",
                person,
                "--name",
                person,
                "--public-key",
                &public,
            ];
            org.signing(&appoint, "--root", &["root-1", "root-2"]);
        }
        org
    }

    /// A file beside the node.
    pub(crate) fn file(&self, name: &str) -> String {
        text(&self.node.beside(name)).to_owned()
    }

    /// Runs a command that key files sign for, and gives its JSON.
    #[track_caller]
    pub(crate) fn signing(&self, command: &[&str], flag: &str, keys: &[&str]) -> Value {
        let files: Vec<String> = keys.iter().map(|key| self.file(&format!("{key}.key"))).collect();
        let mut args = command.to_vec();
        for file in &files {
            args.extend([flag, file]);
        }
        args.extend(["--passphrase-file", text(&self.secret)]);
        self.node.json(&args)
    }

    pub(crate) fn serve(&mut self) -> String {
        let serving = self.node.serve();
        let url = serving.peer_url();
        self.serving = Some(serving);
        url
    }

    /// Signs an agreement with both officers.
    #[track_caller]
    pub(crate) fn sign(&self, agreement: &str) -> Value {
        self.signing(&["agreement", "sign", agreement], "--officer", &["officer-1", "officer-2"])
    }

    /// Waits until an agreement has come so far.
    #[track_caller]
    pub(crate) fn waits_for(&self, agreement: &str, status: &str) {
        let ask = || {
            let ended = self.node.run(&["agreement", "show", agreement, "--json"]);
            if ended.code == 0 {
                ended.json()["status"].as_str().unwrap_or_default().to_owned()
            } else {
                ended.stderr
            }
        };
        eventually(ask, |now| now == status);
    }
}

/// A date so many days from today.
pub(crate) fn day(from_now: i64) -> String {
    let at = runtime::SystemClock.now().plus_micros(from_now * 86_400_000_000);
    at.to_string().chars().take(10).collect()
}

/// The text of an agreement between the two, as the guide fills it in.
pub(crate) fn bilateral(kiwi: &Org, koala: &Org, output: &str) {
    let mut values = vec![
        "name=Kiwi CERT and Koala CERT".to_owned(),
        format!("start={}", day(-2)),
        format!("review={}", day(200)),
        format!("expiry={}", day(300)),
        format!("basis_from={}", day(-100)),
        format!("basis_until={}", day(400)),
        "of=2".to_owned(),
    ];
    for (letter, key, name, org) in [("a", "kiwi", "Kiwi CERT", kiwi), ("b", "koala", "Koala CERT", koala)] {
        let shown = org.node.json(&["key", "show"]);
        let word = |name: &str| shown[name].as_str().unwrap().to_owned();
        values.extend([
            format!("{letter}_key={key}"),
            format!("{letter}_name={name}"),
            format!("{letter}_id={}", word("party")),
            format!("{letter}_epoch={}", word("epoch")),
            format!("{letter}_country={}", word("country")),
            format!("{letter}_identity={}", shown["identities"][0].as_str().unwrap()),
        ]);
    }
    let mut args = vec!["agreement", "new", "bilateral-cert", "--output", output];
    for value in &values {
        args.extend(["--set", value]);
    }
    kiwi.node.run(&args).exits(0);
}

/// Pairs two running nodes over the network.
#[track_caller]
pub(crate) fn pair(kiwi: &Org, kiwi_url: &str, koala: &Org, koala_url: &str) {
    let invitation = kiwi.file("invitation.json");
    kiwi.node.run(&["peer", "invite", "--endpoint", kiwi_url, "--output", &invitation]).exits(0);
    koala.node.run(&["peer", "accept", &invitation, "--name", "kiwi", "--endpoint", koala_url]).exits(0);
    let words = |org: &Org, name: &str| -> String {
        let shown = org.node.json(&["peer", "show", name]);
        let words: Vec<_> = shown["words"].as_array().unwrap().iter().map(|w| w.as_str().unwrap()).collect();
        words.join(" ")
    };
    assert_eq!(kiwi.node.json(&["peer", "list"])["peers"][0]["name"], "koala-cert");
    let heard = words(koala, "kiwi");
    assert_eq!(words(kiwi, "koala-cert"), heard);
    // Somebody in between would have other words.
    let other = "acorn admiral alarm almond anchor angle";
    let other = kiwi.node.run(&["peer", "confirm", "koala-cert", "--words", other]).exits(1);
    assert!(other.stderr.contains("do not go on"), "{}", other.stderr);
    kiwi.node.run(&["peer", "confirm", "koala-cert", "--words", &heard]).exits(0);
    koala.node.run(&["peer", "confirm", "kiwi", "--words", &heard]).exits(0);
}

/// Two organisations that are paired and share what is up to AMBER; and where their nodes are reached.
pub(crate) fn allies() -> [(Org, String); 2] {
    allies_with(|terms| terms, |_| ())
}

/// The same with a text that was edited, and something done at the first before it agrees.
pub(crate) fn allies_with(edit: impl Fn(String) -> String, before: impl Fn(&Org)) -> [(Org, String); 2] {
    let (mut kiwi, mut koala) = (Org::new("Kiwi CERT", "NZ"), Org::new("Koala CERT", "AU"));
    let (kiwi_url, koala_url) = (kiwi.serve(), koala.serve());
    pair(&kiwi, &kiwi_url, &koala, &koala_url);
    let file = kiwi.file("kiwi-koala.toml");
    bilateral(&kiwi, &koala, &file);
    let terms = edit(std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, terms).unwrap();
    let proposed = kiwi.node.json(&["agreement", "propose", &file]);
    let id = &proposed["agreement"].as_str().unwrap()[..12];
    before(&kiwi);
    kiwi.sign(id);
    eventually(|| koala.node.run(&["agreement", "show", id]).code, |code| *code == 0);
    koala.sign(id);
    kiwi.waits_for(id, "in-force");
    koala.waits_for(id, "in-force");
    [(kiwi, kiwi_url), (koala, koala_url)]
}
