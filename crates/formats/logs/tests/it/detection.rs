//! What streams are taken for.

use shieldwall_logs::{Format, Framing, HEAD, NotLogs, detect};

#[track_caller]
fn check(head: &[u8], name: &str, format: Format, framing: Framing) {
    let found = detect(head, name);
    assert_eq!(found.map(|found| (found.format, found.framing)), Ok((format, framing)));
}

#[test]
fn formats_by_several_records() {
    let lines = Framing::Lines;
    let eve = r#"{"timestamp":"2024-01-01T00:00:00.1+0000","event_type":"flow","src_ip":"192.0.2.1"}"#;
    check(format!("{eve}\n{eve}\nnoise\n").as_bytes(), "eve.json", Format::EveJson, lines);
    check(b"#separator \\x09\n#path\tconn\n", "conn.log", Format::ZeekTsv, lines);
    check(br#"{"ts":1588205199.8,"uid":"C","id.orig_h":"192.0.2.1"}"#, "", Format::ZeekJson, lines);
    check(br#"{"EventID":1,"Channel":"Security"}"#, "", Format::WindowsJson, lines);
    check(br#"{"eventVersion":"1","eventSource":"s","eventName":"n"}"#, "", Format::CloudTrail, lines);
    check(br#"{"a":1}"#, "", Format::JsonLines, lines);
    check(b"<34>Oct 11 22:14:15 mymachine su: x\n", "", Format::Syslog3164, lines);
    check(
        b"Oct 11 22:14:15 mymachine su: x\nOct 11 22:14:16 mymachine su: y\n",
        "auth.log",
        Format::Syslog3164,
        lines,
    );
    check(b"2024-01-31T12:00:00.123456+01:00 web1 sudo: x\n", "", Format::Syslog3164, lines);
    check(b"<34>1 2003-10-11T22:14:15.003Z h su - ID47 - x\n", "", Format::Syslog5424, lines);
    check(b"CEF:0|a|b|1|1|n|1|src=1\n", "", Format::Cef, lines);
    check(b"LEEF:1.0|a|b|1|1|src=1\n", "", Format::Leef, lines);
    check(b"type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e\n", "", Format::Auditd, lines);
    check(
        b"192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 1\n",
        "",
        Format::AccessLog,
        lines,
    );
    check(b"#Software: IIS\n#Fields: date time c-ip\n", "", Format::W3c, lines);
    check(b"time,src_ip,dst_ip\n1,2,3\n4,5,6\n", "", Format::Csv, lines);
    check(b"a;b\n1;2\n", "x.csv.gz", Format::Csv, lines);
    check(b"ElfFile\0\0\0", "x.evtx", Format::Evtx, Framing::Documents);
}

#[test]
fn documents_on_many_lines() {
    let all = Framing::Documents;
    let dump =
        "{\n  \"Event\": {\n    \"System\": {\n      \"EventID\": 1\n    },\n    \"EventData\": {}\n  }\n}\n";
    check(dump.as_bytes(), "", Format::WindowsJson, all);
    check(format!("Record 1\n{dump}Record 2\n{dump}").as_bytes(), "", Format::WindowsJson, all);
    check(format!("[{dump},{dump}]").as_bytes(), "", Format::WindowsJson, all);
    let trail = r#"{"eventVersion":"1","eventSource":"s","eventName":"n"}"#;
    check(format!("{{\"Records\":[{trail},{trail}]}}").as_bytes(), "", Format::CloudTrail, all);
    // One document that is longer than what is looked at.
    let long =
        format!("{{\"Event\":{{\"System\":{{}},\"EventData\":{{\"x\":\"{}\"}}}}}}", "y".repeat(2 * HEAD));
    check(long.as_bytes(), "", Format::WindowsJson, all);
}

#[test]
fn a_name_tells_zeeks_stream() {
    let head = br#"{"ts":1588205199.8,"uid":"C"}"#;
    assert_eq!(detect(head, "/logs/SCRANTON_dns.log.gz").unwrap().stream.as_deref(), Some("dns"));
    assert_eq!(detect(head, "x").unwrap().stream, None);
}

#[test]
fn what_is_no_log_is_named() {
    let wide: Vec<u8> = "<34>Oct 11 22:14:15 x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let noise: Vec<u8> =
        (0..9000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 | 0x80).collect();
    let cases: [(&[u8], NotLogs); 11] = [
        (b"", NotLogs::Empty),
        (b"\n \n", NotLogs::Empty),
        (b"\x1f\x8b\x08\0", NotLogs::Packed("gzip")),
        (b"\x28\xb5\x2f\xfd\0", NotLogs::Packed("zstd")),
        (b"PK\x03\x04\0", NotLogs::Archive("ZIP")),
        (b"\xff\xfe<\0", NotLogs::Wide),
        (&wide, NotLogs::Wide),
        (b"PAR1\x15", NotLogs::Other("a Parquet file")),
        (b"<Event xmlns='x'>", NotLogs::Other("XML; export it as JSON")),
        (&noise, NotLogs::Binary),
        (b"Once upon a time\nthere was a line\n", NotLogs::Unknown),
    ];
    for (head, expect) in cases {
        assert_eq!(detect(head, "x.log"), Err(expect));
        assert!(!expect.to_string().is_empty());
    }
}
