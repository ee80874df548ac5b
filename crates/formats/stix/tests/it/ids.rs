//! Deterministic ids, against published ids (the standard's examples) and ids computed with another implementation
//! of UUID version 5.

use json::{Limits, Tape};
use model::{StixId, Uuid};
use shieldwall_stix::{build, sco};

fn check(object: &str, expect: Option<&str>) {
    let mut tape = Tape::new();
    let value = tape.parse(object.as_bytes(), &Limits::OBJECT).unwrap();
    assert_eq!(sco::deterministic_id(value).map(|id| id.to_string()).as_deref(), expect, "{object}");
}

#[test]
fn published_ids() {
    check(
        r#"{"type":"ipv4-addr","value":"198.51.100.3"}"#,
        Some("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
    );
    check(
        r#"{"type":"ipv4-addr","value":"198.51.100.0/24"}"#,
        Some("ipv4-addr--1ea47840-aa39-5aa8-b4a2-cd203eb6662a"),
    );
    check(
        r#"{"type":"ipv6-addr","value":"2001:0db8:85a3:0000:0000:8a2e:0370:7334"}"#,
        Some("ipv6-addr--85a85a8c-ee99-5722-946d-3c3a3270fc6f"),
    );
    check(
        r#"{"type":"domain-name","value":"example.com"}"#,
        Some("domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
    );
    check(
        r#"{"type":"email-addr","value":"john@example.com","display_name":"John Doe"}"#,
        Some("email-addr--7165e2a9-671f-585d-b1e1-ca59c671d934"),
    );
    check(r#"{"type":"mutex","name":"__CLEANSWEEP__"}"#, Some("mutex--f93fe911-e545-5239-b9b0-597840d0c871"));
    check(
        r#"{"type":"mac-addr","value":"d2:fb:49:24:37:18"}"#,
        Some("mac-addr--757b1725-9903-54f5-a855-1240691d7659"),
    );
    check(
        r#"{"type":"url","value":"https://example.com/research/index.html"}"#,
        Some("url--47c3cf9a-5027-5bf0-997a-017c7edc7c55"),
    );
    check(
        r#"{"type":"autonomous-system","number":15139,"name":"Slime Industries","rir":"ARIN"}"#,
        Some("autonomous-system--3aa27478-50b5-5ab8-9da9-cdc12b657fff"),
    );
    check(
        r#"{"type":"directory","path":"C:\\Windows\\System32"}"#,
        Some("directory--0a58d0c1-59e6-5afd-8252-dcd3f13e5622"),
    );
    check(
        r#"{"type":"user-account","user_id":"1001","account_login":"jdoe","account_type":"unix","display_name":"John Doe"}"#,
        Some("user-account--f94d689e-707d-58c3-b803-c720bb6ed096"),
    );
    check(
        r#"{"type":"software","name":"Word","cpe":"cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*","version":"2002","vendor":"Microsoft"}"#,
        Some("software--710b0b41-d4d0-5d6c-a400-fc9254554ffc"),
    );
    check(
        r#"{"type":"windows-registry-key","key":"hkey_local_machine\\system\\bar\\foo","values":[{"name":"Foo","data":"qwerty","data_type":"REG_SZ"},{"name":"Bar","data":"42","data_type":"REG_DWORD"}]}"#,
        Some("windows-registry-key--f6a11ddf-fa2b-54c8-97ab-e7f28413095a"),
    );
    check(
        r#"{"type":"network-traffic","src_ref":"ipv4-addr--4d22aae0-2bf9-5427-8819-e4f6abf20a53","dst_ref":"ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd","protocols":["tcp"]}"#,
        Some("network-traffic--6e0cb830-0305-57d4-8536-7be874d42005"),
    );
    check(
        r#"{"type":"file","hashes":{"SHA-256":"ceafbfd424be2ca4a5f0402cae090dda2fb0526cf521b60b60077c0f622b285a"},"name":"qwerty.dll"}"#,
        Some("file--7cdc1fbe-5cfd-5e09-8e87-648a1cf1080c"),
    );
}

#[test]
fn one_hash_contributes() {
    let file = |hashes: &str| {
        let mut tape = Tape::new();
        let raw = format!("{{\"type\":\"file\",\"hashes\":{hashes}}}");
        sco::deterministic_id(tape.parse(raw.as_bytes(), &Limits::OBJECT).unwrap()).unwrap()
    };
    assert_eq!(file(r#"{"SHA-512":"c","SHA-256":"b","MD5":"a"}"#), file(r#"{"MD5":"a"}"#));
    assert_eq!(file(r#"{"SHA-512":"c","SHA-256":"b"}"#), file(r#"{"SHA-256":"b"}"#));
    assert_eq!(file(r#"{"TLSH":"c","SSDEEP":"b"}"#), file(r#"{"SSDEEP":"b"}"#));
    assert_ne!(file(r#"{"SHA-1":"a"}"#), file(r#"{"MD5":"a"}"#));
}

#[test]
fn what_has_no_deterministic_id() {
    check(r#"{"type":"process","pid":1}"#, None);
    check(r#"{"type":"email-message","is_multipart":false}"#, None);
    check(r#"{"type":"indicator","name":"a"}"#, None);
    check(r#"{"type":"x-acme","value":"a"}"#, None);
    check("[]", None);
}

#[test]
fn spelling_does_not_matter() {
    check(
        r#"{ "value" : "198.51.\u0031\u00300.3", "type": "ipv4-addr", "defanged": false }"#,
        Some("ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
    );
}

#[test]
fn randomness_becomes_an_id() {
    let id: StixId = build::new_id("note", [0xff; 16]);
    assert_eq!(id.as_str(), "note--ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(sco::NAMESPACE, "00abedb4-aa42-466c-9c01-fed23315a9b7".parse::<Uuid>().unwrap());
}
