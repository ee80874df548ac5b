//! Configurations: every kind has a least one that works, and every fault is named.

use ports::actuator::ActuatorKinds;
use shieldwall_actuators::{Kinds, descriptors};

fn kinds() -> Kinds {
    Kinds::new("shieldwall-test")
}

#[track_caller]
fn refused(kind: &str, config: &str, expect: &str) {
    let Err(error) = kinds().open(kind, "edge", config) else { panic!("taken: {config}") };
    assert!(error.to_string().contains(expect), "{error}");
}

#[test]
fn every_kind_opens_with_its_example() {
    for descriptor in descriptors() {
        let actuator = kinds().open(descriptor.kind, "edge", descriptor.example).unwrap();
        assert_eq!((actuator.name(), actuator.kind()), ("edge", descriptor.kind));
        let fields = descriptor.fields.iter();
        assert!(fields.clone().all(|field| !field.help.is_empty()));
        let listed = kinds().kinds().into_iter().find(|kind| kind.kind == descriptor.kind).unwrap();
        assert_eq!(listed.fields.len(), descriptor.fields.len());
    }
}

#[test]
fn faults_are_named() {
    refused("iptables", "{}", "there are nftables, file, webhook");
    refused("nftables", "[]", "not a JSON object");
    refused(
        "nftables",
        r#"{"program":"/bin/sh"}"#,
        "`program` is not a field of this kind; there are no fields",
    );
    refused("file", "{}", "`path` is missing");
    refused("file", r#"{"path":"blocks.txt"}"#, "absolute path");
    refused("file", r#"{"path":"/"}"#, "must name a file");
    refused("file", r#"{"path":"/x","format":"iptables"}"#, "one of plain, json");
    refused("file", r#"{"path":"/x","rpz_zone":"a b"}"#, "domain name");
    refused("file", r#"{"path":"/x","rpz_ttl":0}"#, "from 1 to 86400");
    refused("file", r#"{"path":"/x","mode":"0600"}"#, "`mode` is not a field");
    for name in ["", "Edge", "a/b", "a b", &*"x".repeat(65)] {
        let Err(error) = kinds().open("nftables", name, "{}") else { panic!("taken: {name}") };
        assert!(error.to_string().contains("1 to 64"), "{error}");
    }
}

#[test]
fn requests_go_encrypted_or_nowhere_else() {
    let hook = |url: &str| format!(r#"{{"url":"{url}","secret_file":"/s"}}"#);
    for url in [
        "http://firewall.example/",
        "http://localhost/",
        "http://10.0.0.1/",
        "http://127.0.0.1.evil.example/",
        "http://[::ffff:127.0.0.1]/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
    ] {
        refused("webhook", &hook(url), "must start with https://");
    }
    refused("webhook", &hook("https://user:word@firewall.example/"), "user name or password");
    refused("webhook", &hook("https://firewall.example/#x"), "fragment");
    refused("webhook", &hook("nowhere"), "not a URL");
    refused("webhook", r#"{"url":"https://firewall.example/"}"#, "`secret_file` is missing");
    refused("webhook", r#"{"url":"https://firewall.example/","secret":"x"}"#, "write it to a file");
    for url in ["https://10.0.0.1/", "http://127.0.0.1:1/", "http://127.9.9.9/", "http://[::1]:8/"] {
        assert!(kinds().open("webhook", "edge", &hook(url)).is_ok(), "{url}");
    }
}
