//! What must not stand in any file.

use crate::{Breach, none, root, texts};

/// Lock files are written by package managers, addresses and all.
fn is_lock_file(name: &str) -> bool {
    name.ends_with(".lock") || name.ends_with("package-lock.json")
}

#[track_caller]
fn nowhere(what: &str, phrases: &[&str]) {
    // Put together here so that this file does not trip over itself.
    let phrases: Vec<String> = phrases.iter().map(|phrase| phrase.replace('~', "")).collect();
    let mut breaches: Vec<Breach> = Vec::new();
    for (file, text) in texts() {
        let name = file.to_string_lossy();
        if is_lock_file(&name) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for phrase in phrases.iter().filter(|phrase| line.contains(phrase.as_str())) {
                breaches.push(format!("{name}:{}: {what}: `{phrase}`", number + 1));
            }
        }
    }
    none(breaches);
}

/// Everyone's package manager knows its own registry, or a mirror of it.
#[test]
fn no_registry_is_named() {
    let hosts =
        ["crates~.io", "pypi~.org", "pythonhosted~.org", "npmjs~.org", "npmjs~.com", "deb.debian~.org"];
    nowhere("a registry", &hosts);
}

#[test]
fn no_path_of_somebodys_machine_is_named() {
    nowhere("a path of one machine", &["/wo~rk/", "/ro~ot/", "/tmp~/plan"]);
}

/// What `](…)` names in a Markdown text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut breaches: Vec<Breach> = Vec::new();
    for (file, text) in texts().iter().filter(|(file, _)| file.extension().is_some_and(|e| e == "md")) {
        let folder = root().join(file).parent().unwrap().to_owned();
        for target in links(text).filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let path = target.split('#').next().unwrap_or_default();
            // The template's own examples are no links.
            if !path.contains("NNNN") && !folder.join(path).exists() {
                breaches.push(format!("{}: `{target}` is not there", file.display()));
            }
        }
    }
    none(breaches);
}
