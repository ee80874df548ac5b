//! Each kind of content of an event.

use expect_test::{Expect, expect};

use crate::{assert_valid, attribute, convert, event, show};

fn check(members: &str, expect: Expect) {
    let converted = convert(&event(members));
    assert_valid(&converted);
    let shown = show(&converted);
    // The frame every event has.
    let lines: Vec<&str> = shown
        .lines()
        .filter(|line| {
            !line.starts_with("identity ") && !line.starts_with("report ") && !line.starts_with("grouping ")
        })
        .collect();
    expect.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn the_frame_of_an_event() {
    let converted = convert(&event(
        r#","threat_level_id":"1","analysis":2,"Tag":[{"name":"osint"},{"name":"tlp:green"}]"#,
    ));
    assert_valid(&converted);
    expect![[r#"
        identity name="ORG" <= green
        report name="a test" object_refs=["0:identity"] labels=["misp:threat-level=\"1\"","misp:analysis=\"2\"","osint"] object_marking_refs=["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"] <= green
    "#]]
    .assert_eq(&show(&converted));
    let text = event("").replace("\"published\":true", "\"published\":false");
    let unpublished = convert(&text);
    assert_valid(&unpublished);
    assert!(unpublished.objects[1].json.starts_with("{\"type\":\"grouping\""));
}

#[test]
fn indicators_and_observed_data() {
    let rows = [
        attribute(
            1,
            "ip-dst",
            "192[.]0[.]2[.]1",
            r#","to_ids":true,"category":"Network activity","comment":"C2 <b>"#.to_owned().as_str(),
        )
        .replace("<b>", "<b>\""),
        attribute(
            2,
            "sha256",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            r#","to_ids":"1""#,
        ),
        attribute(
            3,
            "domain",
            "bad.example",
            r#","first_seen":"2019-06-21T02:00:00.000000+02:00","last_seen":"2019-06-22""#,
        ),
        attribute(4, "filename|sha1", r"%PUBLIC%\x.exe|da39a3ee5e6b4b0d3255bfef95601890afd80709", ""),
        attribute(5, "ip-dst|port", "192.0.2.1|8080", r#","to_ids":true"#),
        attribute(6, "domain|ip", "c2.example|192.0.2.7", ""),
        attribute(7, "regkey", r"HKLM\Software\Evil", ""),
        attribute(8, "regkey|value", r"HKCU\Software\Evil|payload", r#","to_ids":true"#),
        attribute(9, "AS", "AS64500", r#","to_ids":true"#),
        attribute(10, "yara", "rule x { condition: true }", ""),
        attribute(11, "authentihash", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ""),
        attribute(12, "email-subject", "it's urgent", r#","to_ids":true"#),
        attribute(13, "ip-src|port", "2001:db8::1|53", ""),
        attribute(14, "user-agent", "curl/8", r#","to_ids":true"#),
        attribute(15, "ja3-fingerprint-md5", "d41d8cd98f00b204e9800998ecf8427e", r#","to_ids":true"#),
    ];
    check(
        &format!(r#","Attribute":[{}]"#, rows.join(",")),
        expect![[r#"
            domain-name value="bad.example"
            domain-name value="c2.example"
            file hashes={"AUTHENTIHASH":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
            file hashes={"SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"} name="x.exe"
            ipv4-addr value="192.0.2.7"
            ipv6-addr value="2001:db8::1"
            network-traffic src_ref="5:ipv6-addr" src_port=53 protocols=["ipv6"]
            windows-registry-key key="HKEY_LOCAL_MACHINE\\Software\\Evil"
            indicator name="192[.]0[.]2[.]1" description="C2 <b>" pattern="[ipv4-addr:value = '192.0.2.1']" labels=["misp:type=\"ip-dst\"","misp:category=\"Network activity\""]
            indicator name="E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855" pattern="[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']" labels=["misp:type=\"sha256\""]
            observed-data first_observed="2019-06-21T00:00:00.000Z" last_observed="2019-06-22T00:00:00.000Z" object_refs=["0:domain-name"] labels=["misp:type=\"domain\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["3:file"] labels=["misp:type=\"filename|sha1\""]
            indicator name="192.0.2.1|8080" pattern="[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 8080]" labels=["misp:type=\"ip-dst|port\""]
            relationship relationship_type="resolves-to" source_ref="1:domain-name" target_ref="4:ipv4-addr"
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["1:domain-name","4:ipv4-addr"] labels=["misp:type=\"domain|ip\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["7:windows-registry-key"] labels=["misp:type=\"regkey\""]
            indicator name="HKCU\\Software\\Evil|payload" pattern="[windows-registry-key:key = 'HKEY_CURRENT_USER\\\\Software\\\\Evil' AND windows-registry-key:values[*].data = 'payload']" labels=["misp:type=\"regkey|value\""]
            indicator name="AS64500" pattern="[autonomous-system:number = 64500]" labels=["misp:type=\"AS\""]
            indicator name="yara rule" pattern="rule x { condition: true }" labels=["misp:type=\"yara\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["2:file"] labels=["misp:type=\"authentihash\""]
            indicator name="it's urgent" pattern="[email-message:subject = 'it\\'s urgent']" labels=["misp:type=\"email-subject\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["5:ipv6-addr","6:network-traffic"] labels=["misp:type=\"ip-src|port\""]
            indicator name="curl/8" pattern="[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' = 'curl/8']" labels=["misp:type=\"user-agent\""]
            indicator name="d41d8cd98f00b204e9800998ecf8427e" pattern="[network-traffic:x_ja3 = 'd41d8cd98f00b204e9800998ecf8427e']" labels=["misp:type=\"ja3-fingerprint-md5\""]
        "#]],
    );
}

#[test]
fn other_homes() {
    let rows = [
        attribute(1, "text", "free text", r#","comment":"why""#),
        attribute(2, "link", "https://report.example/1", r#","comment":"the report""#),
        attribute(3, "vulnerability", "CVE-2021-44228", ""),
        attribute(4, "threat-actor", "Somebody", ""),
        attribute(5, "ip-dst", "not an address", r#","to_ids":true"#),
        attribute(6, "x-brand-new", "value", ""),
        attribute(7, "malware-sample", "x.exe|d41d8cd98f00b204e9800998ecf8427e", r#","data":"UEsDBA==""#),
        attribute(8, "domain", "gone.example", r#","deleted":true"#),
        attribute(9, "user-agent", "curl/8", ""),
        attribute(10, "url", "www.bad.example", r#","to_ids":true"#),
        attribute(11, "url", "speed.bad.example/vip.js", r#","to_ids":true"#),
        attribute(12, "url", "bad.example:80", ""),
        attribute(13, "regkey", r"(HKLM|HKCU)\Software\X", ""),
    ];
    check(
        &format!(r#","Attribute":[{}]"#, rows.join(",")),
        expect![[r#"
            domain-name value="bad.example"
            domain-name value="gone.example"
            file hashes={"MD5":"d41d8cd98f00b204e9800998ecf8427e"} name="x.exe"
            windows-registry-key key="(HKLM|HKCU)\\Software\\X"
            note abstract="MISP text" content="free text\n\nwhy" object_refs=["17:report"] labels=["misp:type=\"text\""]
            vulnerability name="CVE-2021-44228" labels=["misp:type=\"vulnerability\""]
            threat-actor name="Somebody" labels=["misp:type=\"threat-actor\""]
            note abstract="MISP ip-dst" content="not an address" object_refs=["17:report"] labels=["misp:type=\"ip-dst\""]
            note abstract="MISP x-brand-new" content="value" object_refs=["17:report"] labels=["misp:type=\"x-brand-new\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["2:file"] labels=["misp:type=\"malware-sample\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["1:domain-name"] revoked=true labels=["misp:type=\"domain\""]
            note abstract="MISP user-agent" content="curl/8" object_refs=["17:report"] labels=["misp:type=\"user-agent\""]
            indicator name="www.bad.example" pattern="[domain-name:value = 'www.bad.example']" labels=["misp:type=\"url\""]
            indicator name="speed.bad.example/vip.js" pattern="[url:value = 'http://speed.bad.example/vip.js' OR url:value = 'https://speed.bad.example/vip.js']" labels=["misp:type=\"url\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["0:domain-name"] labels=["misp:type=\"url\""]
            observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["3:windows-registry-key"] labels=["misp:type=\"regkey\""]
            warning at /Event/Attribute/4/value: `not an address` is no ip-dst; kept as a note (misp/attribute-value)
            note at /Event/Attribute/5/value: `x-brand-new` is not a known attribute type; kept as a note (misp/attribute-type)
            warning at /Event/Attribute/6/data: the content of `x.exe|d41d8cd98f00b204e9800998ecf8427e` is left out; only its name and hash are kept (misp/attachment)
            note at /Event/Attribute/9/value: `www.bad.example` is no url; read as domain (misp/attribute-kind)
            note at /Event/Attribute/10/value: `speed.bad.example/vip.js` is no url; read as url (misp/attribute-kind)
            note at /Event/Attribute/11/value: `bad.example:80` is no url; read as domain (misp/attribute-kind)
        "#]],
    );
}

fn object(n: u32, name: &str, rows: &[String], rest: &str) -> String {
    format!(
        r#"{{"uuid":"00000000-0000-4000-9000-{n:012}","name":"{name}","meta-category":"file","timestamp":"1600000000","Attribute":[{}]{rest}}}"#,
        rows.join(",")
    )
}

fn part(n: u32, attribute_type: &str, relation: &str, value: &str, ids: bool) -> String {
    attribute(n, attribute_type, value, &format!(r#","object_relation":"{relation}","to_ids":{ids}"#))
}

#[test]
fn objects_are_combined() {
    let objects = [
        object(
            1,
            "file",
            &[
                part(1, "md5", "md5", "d41d8cd98f00b204e9800998ecf8427e", true),
                part(2, "sha1", "sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", true),
                part(3, "filename", "filename", "evil.exe", false),
                part(4, "size-in-bytes", "size-in-bytes", "1024", false),
                part(5, "text", "state", "Malicious", false),
            ],
            r#","ObjectReference":[{"uuid":"00000000-0000-4000-a000-000000000001","referenced_uuid":"00000000-0000-4000-9000-000000000002","relationship_type":"Connects To","comment":"beacon"}]"#,
        ),
        object(
            2,
            "domain-ip",
            &[
                part(11, "domain", "domain", "bad.example", false),
                part(12, "ip-dst", "ip", "192.0.2.1", false),
                part(13, "ip-dst", "ip", "192.0.2.2", false),
            ],
            "",
        ),
        object(
            3,
            "network-connection",
            &[
                part(21, "ip-dst", "ip-dst", "192.0.2.1", true),
                part(22, "port", "dst-port", "443", true),
                part(23, "text", "layer4-protocol", "TCP", false),
            ],
            "",
        ),
        object(
            4,
            "email",
            &[
                part(31, "email-src", "from", "a@bad.example", true),
                part(32, "email-dst", "to", "b@good.example", false),
                part(33, "email-subject", "subject", "hi", false),
            ],
            "",
        ),
        object(
            5,
            "x509",
            &[
                part(
                    41,
                    "x509-fingerprint-sha1",
                    "x509-fingerprint-sha1",
                    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                    true,
                ),
                part(42, "text", "issuer", "CN=x", false),
            ],
            "",
        ),
        object(
            6,
            "registry-key",
            &[part(51, "regkey", "key", r"HKLM\Run", true), part(52, "text", "name", "evil", true)],
            "",
        ),
        object(
            7,
            "pe",
            &[
                part(61, "imphash", "imphash", "d41d8cd98f00b204e9800998ecf8427e", false),
                part(62, "text", "type", "exe", false),
            ],
            "",
        ),
        object(8, "empty", &[], ""),
    ];
    check(
        &format!(r#","Object":[{}]"#, objects.join(",")),
        expect![[r#"
        domain-name value="bad.example"
        email-addr value="a@bad.example"
        email-addr value="b@good.example"
        email-message is_multipart=false from_ref="1:email-addr" to_refs=["2:email-addr"] subject="hi"
        file hashes={"MD5":"d41d8cd98f00b204e9800998ecf8427e","SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"} name="evil.exe" size=1024
        ipv4-addr value="192.0.2.1"
        ipv4-addr value="192.0.2.2"
        network-traffic dst_ref="5:ipv4-addr" dst_port=443 protocols=["ipv4","tcp"]
        windows-registry-key key="HKEY_LOCAL_MACHINE\\Run" values=[{"name":"evil"}]
        x509-certificate hashes={"SHA-1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"} issuer="CN=x"
        indicator name="d41d8cd98f00b204e9800998ecf8427e" pattern="[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR file:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']" labels=["misp:name=\"file\"","misp:meta-category=\"file\""]
        observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["4:file"] labels=["misp:name=\"file\"","misp:meta-category=\"file\""]
        note abstract="MISP object file" content="state (text): Malicious" object_refs=["11:indicator"] labels=["misp:name=\"file\"","misp:meta-category=\"file\""]
        relationship relationship_type="based-on" source_ref="11:indicator" target_ref="12:observed-data"
        observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["0:domain-name","5:ipv4-addr","6:ipv4-addr"] labels=["misp:name=\"domain-ip\"","misp:meta-category=\"file\""]
        relationship relationship_type="resolves-to" source_ref="0:domain-name" target_ref="5:ipv4-addr"
        relationship relationship_type="resolves-to" source_ref="0:domain-name" target_ref="6:ipv4-addr"
        indicator name="192.0.2.1" pattern="[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]" labels=["misp:name=\"network-connection\"","misp:meta-category=\"file\""]
        observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["5:ipv4-addr","7:network-traffic"] labels=["misp:name=\"network-connection\"","misp:meta-category=\"file\""]
        relationship relationship_type="based-on" source_ref="18:indicator" target_ref="19:observed-data"
        indicator name="a@bad.example" pattern="[email-addr:value = 'a@bad.example']" labels=["misp:name=\"email\"","misp:meta-category=\"file\""]
        observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["1:email-addr","2:email-addr","3:email-message"] labels=["misp:name=\"email\"","misp:meta-category=\"file\""]
        relationship relationship_type="based-on" source_ref="21:indicator" target_ref="22:observed-data"
        indicator name="da39a3ee5e6b4b0d3255bfef95601890afd80709" pattern="[x509-certificate:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']" labels=["misp:name=\"x509\"","misp:meta-category=\"file\""]
        observed-data first_observed="2020-09-13T12:26:40.000Z" last_observed="2020-09-13T12:26:40.000Z" object_refs=["9:x509-certificate"] labels=["misp:name=\"x509\"","misp:meta-category=\"file\""]
        relationship relationship_type="based-on" source_ref="24:indicator" target_ref="25:observed-data"
        indicator name="HKLM\\Run" pattern="[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\\\Run' AND windows-registry-key:values[*].name = 'evil']" labels=["misp:name=\"registry-key\"","misp:meta-category=\"file\""]
        note abstract="MISP object pe" content="imphash (imphash): d41d8cd98f00b204e9800998ecf8427e\ntype (text): exe" object_refs=["31:report"] labels=["misp:name=\"pe\"","misp:meta-category=\"file\""]
        note abstract="MISP object empty" content="an empty MISP object of template `empty`" object_refs=["31:report"] labels=["misp:name=\"empty\"","misp:meta-category=\"file\""]
        relationship relationship_type="connects-to" description="Connects To: beacon" source_ref="11:indicator" target_ref="15:observed-data"
    "#]],
    );
}

#[test]
fn galaxies_sightings_and_reports() {
    let members = r#","Tag":[{"name":"misp-galaxy:mitre-attack-pattern=\"Input Capture - T1056\""},{"name":"misp-galaxy:threat-actor=\"Sofacy\""},{"name":"misp-galaxy:sector=\"Bank\""}],
      "Galaxy":[{"type":"threat-actor","GalaxyCluster":[{"type":"threat-actor","value":"Sofacy","description":"APT 28","meta":{"synonyms":["APT28","Fancy Bear"],"refs":["https://a.example/"]}}]}],
      "Attribute":[{"uuid":"00000000-0000-4000-8000-000000000001","type":"md5","value":"d41d8cd98f00b204e9800998ecf8427e","to_ids":true,
        "Tag":[{"name":"misp-galaxy:ransomware=\"Locky\""},{"name":"seen"}],
        "Sighting":[{"uuid":"00000000-0000-4000-b000-000000000001","date_sighting":"1600000001","type":"0","Organisation":{"name":"CERT"}},
                    {"uuid":"00000000-0000-4000-b000-000000000002","date_sighting":"1600000002","type":"1"},
                    {"uuid":"00000000-0000-4000-b000-000000000003","date_sighting":"1600000003","type":"2"},
                    {"uuid":"00000000-0000-4000-b000-000000000004","date_sighting":"99999999999999"}]}],
      "EventReport":[{"uuid":"00000000-0000-4000-c000-000000000001","name":"Summary","content":"words","timestamp":"1600000000"}],
      "RelatedEvent":[{}],"ShadowAttribute":[{}],"event_creator_email":"who@org.example","unheard_of":1"#;
    check(
        members,
        expect![[r#"
        indicator name="d41d8cd98f00b204e9800998ecf8427e" pattern="[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']" labels=["misp:type=\"md5\"","seen"]
        malware name="Locky" is_family=true
        relationship relationship_type="indicates" source_ref="1:indicator" target_ref="2:malware"
        sighting first_seen="2020-09-13T12:26:41.000Z" last_seen="2020-09-13T12:26:41.000Z" count=1 sighting_of_ref="1:indicator" labels=["misp:sighting-source=\"CERT\""]
        opinion explanation="reported as a false positive" opinion="strongly-disagree" object_refs=["1:indicator"]
        note abstract="MISP expiration" content="reported as no longer valid from 2020-09-13T12:26:43.000Z" object_refs=["1:indicator"]
        note abstract="Summary" content="words" object_refs=["10:report"] labels=["misp:type=\"event-report\""]
        attack-pattern name="Input Capture"
        threat-actor name="Sofacy" description="APT 28" aliases=["APT28","Fancy Bear"]
        warning at /Event/Attribute/0/Sighting/3: a sighting without a believable date is left out (misp/sighting)
        note at /Event/ShadowAttribute: 1 left out: proposals by others are not part of the event (misp/left-out)
        note at /Event/RelatedEvent: 1 left out: correlations of the sender's server (misp/left-out)
        note at /Event/event_creator_email: a person's e-mail address is left out (misp/left-out)
        note at /Event/unheard_of: `unheard_of` is not a known member of an event and is left out (misp/left-out)
    "#]],
    );
}
