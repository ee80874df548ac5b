//! The rules we write, asked by our own engine about what the values look like in logs.

use std::sync::Arc;

use detect::{Loader, Matcher, Sigma};
use logs::{Format, Frame, Framer, Framing, MAX_RECORD, Reader, Settings};
use observable::Kind;
use shieldwall_controls::{BlockItem, sigma};

use crate::{item, now, set};

fn rules(items: Vec<BlockItem>) -> Arc<Sigma> {
    let mut loader = Loader::new();
    loader.add("block-set.yml", &sigma(&set(items), now()).text);
    Arc::new(loader.finish())
}

/// How many rules match one record.
fn matches(rules: &Arc<Sigma>, format: Format, record: &str) -> usize {
    let mut matcher = Matcher::new(Arc::clone(rules));
    let mut reader = Reader::new(format, Settings::default());
    let mut framer = Framer::new(Framing::Lines, MAX_RECORD);
    let mut out = Vec::new();
    let mut each = |frame: Frame<'_>| {
        if let Frame::Whole { bytes, .. } = frame
            && let Ok(Some(event)) = reader.read(bytes, now())
        {
            matcher.run(&event, &mut out);
        }
    };
    framer.push(record.as_bytes(), &mut each);
    framer.finish(&mut each);
    out.len()
}

fn connection(address: &str, port: u16) -> String {
    format!(
        r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"UtcTime":"2026-11-22 10:00:00.000","Image":"C:\\a.exe","DestinationIp":"{address}","DestinationPort":{port},"SourceIp":"192.0.2.1"}}"#
    )
}

fn eve(kind: &str, body: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-11-22T10:00:00.000000+0000","event_type":"{kind}","src_ip":"192.0.2.1","src_port":1025,"dest_ip":"192.0.2.2","dest_port":80,"proto":"TCP",{body}}}"#
    )
}

#[test]
fn others_can_find_what_is_blocked_here() {
    let rules = rules(vec![
        item(Kind::Ipv4, "203.0.113.7", None, 60),
        item(Kind::Ipv4, "203.0.113.9", Some(443), 60),
        item(Kind::Cidr4, "198.51.100.0/24", None, 60),
        item(Kind::Domain, "bad.example", None, 60),
        item(Kind::DomainSuffix, "*.evil.example", None, 60),
        item(Kind::UserAgent, r#"Mo*zilla (a?b\; "x")"#, None, 60),
        item(Kind::HttpTarget, "/gate.php?id=*", None, 60),
        item(Kind::FileName, "in*voice?.exe", None, 60),
    ]);
    let windows = |record: &str| matches(&rules, Format::WindowsJson, record);
    assert_eq!(windows(&connection("203.0.113.7", 80)), 1);
    assert_eq!(windows(&connection("203.0.113.8", 80)), 0);
    assert_eq!(windows(&connection("203.0.113.9", 443)), 1);
    assert_eq!(windows(&connection("203.0.113.9", 80)), 0);
    assert_eq!(windows(&connection("198.51.100.200", 1)), 1);

    let network = |record: &str| matches(&rules, Format::EveJson, record);
    let query =
        |name: &str| eve("dns", &format!(r#""dns":{{"type":"query","rrname":"{name}","rrtype":"A"}}"#));
    assert_eq!(network(&query("bad.example")), 1);
    assert_eq!(network(&query("www.bad.example")), 0);
    assert_eq!(network(&query("a.evil.example")), 1);
    assert_eq!(network(&query("evil.example")), 0);
    assert_eq!(network(&query("notevil.example")), 0);

    let request = |host: &str, target: &str, agent: &str| {
        let http = serde_json::json!({
            "hostname": host, "url": target, "http_user_agent": agent, "http_method": "GET",
        });
        eve("http", &format!(r#""http":{http}"#))
    };
    assert_eq!(network(&request("ok.example", "/", r#"Mo*zilla (a?b\; "x")"#)), 1);
    assert_eq!(network(&request("ok.example", "/", r#"MoXXzilla (aXb\; "x")"#)), 0);
    assert_eq!(network(&request("ok.example", "/gate.php?id=*", "curl")), 1);
    assert_eq!(network(&request("ok.example", "/gate.php?id=1", "curl")), 0);
    assert_eq!(network(&request("bad.example", "/", "curl")), 1);

    let file = |path: &str| {
        let path = serde_json::json!(path);
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":11,"UtcTime":"2026-11-22 10:00:00.000","Image":"C:\\a.exe","TargetFilename":{path}}}"#
        )
    };
    assert_eq!(windows(&file(r"C:\Users\x\in*voice?.exe")), 1);
    assert_eq!(windows(&file(r"C:\Users\x\inXvoiceX.exe")), 0);
}
