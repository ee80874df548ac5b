//! Which events count as connections, class by class: five of each, a minute apart.

use logs::Format;
use shieldwall_analytics::{BeaconConfig, Beacons, Pair, Span, Via};

use crate::{at, each_event, near, now};

/// Feeds five records of a class and says how many bytes the median connection sent.
#[track_caller]
fn check(format: Format, record: impl Fn(&str) -> String, expect: (&str, &str, u16, Via)) -> Option<f64> {
    let beacons = taken(format, record);
    let (from, to, port, via) = expect;
    let pair = Pair { source: "s".to_owned(), from: from.to_owned(), to: to.to_owned(), port, via };
    assert_eq!(beacons.pairs(), 1, "{:?}", beacons.report(0.0));
    let span = Span { from: at(-60), until: at(600) };
    let score = beacons.score(&pair, span).unwrap();
    assert_eq!(score.inputs.connections, 5);
    near(score.inputs.gaps.median, 60.0);
    assert_eq!(score.inputs.first, at(0));
    score.inputs.sizes.map(|sizes| sizes.median)
}

/// The record is made for a time of day such as `00:01:00`.
fn taken(format: Format, record: impl Fn(&str) -> String) -> Beacons {
    let config = BeaconConfig { sources: vec!["*".to_owned()], ..BeaconConfig::default() };
    let mut beacons = Beacons::new(config).unwrap();
    let records: Vec<String> = (0..5).map(|minute| record(&format!("00:{minute:02}:00"))).collect();
    each_event(format, records.iter().flat_map(|all| all.lines()), |event| {
        beacons.observe("s", event, now())
    });
    beacons
}

#[track_caller]
fn check_none(format: Format, record: impl Fn(&str) -> String) {
    let beacons = taken(format, record);
    assert_eq!(beacons.pairs(), 0, "{:?}", beacons.report(0.0));
}

/// What connects and where to, unless a test says otherwise.
const TO: (&str, &str, u16, Via) = ("192.0.2.7", "198.51.100.9", 443, Via::Connection);

fn eve(time: &str, event_type: &str, more: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-03-01T{time}.000000+0000","event_type":"{event_type}","src_ip":"192.0.2.7","src_port":40000,"dest_ip":"198.51.100.9","dest_port":443,"proto":"TCP"{more}}}"#
    )
}

#[test]
fn suricata() {
    // A flow is logged when it is over; its beginning is what counts.
    let flow = |time: &str| {
        let more = format!(
            r#","flow":{{"start":"2026-03-01T{time}.000000+0000","bytes_toserver":512,"bytes_toclient":9}}"#
        );
        eve("23:00:00", "flow", &more)
    };
    assert_eq!(check(Format::EveJson, flow, TO), Some(512.0));
    // One of these comes for each direction, the other for each packet.
    check_none(Format::EveJson, |time| eve(time, "netflow", ""));
    check_none(Format::EveJson, |time| eve(time, "drop", ""));
    check_none(Format::EveJson, |time| eve(time, "dns", r#","dns":{"rrname":"c2.example"}"#));
    let tls = |time: &str| eve(time, "tls", r#","tls":{"sni":"C2.Example."}"#);
    assert_eq!(check(Format::EveJson, tls, ("192.0.2.7", "c2.example", 443, Via::Tls)), None);
    // A handshake that names nobody counts by its address, apart from the flow.
    let unnamed = |time: &str| eve(time, "tls", r#","tls":{"version":"TLS 1.3"}"#);
    check(Format::EveJson, unnamed, ("192.0.2.7", "198.51.100.9", 443, Via::Tls));
    let http = |time: &str| eve(time, "http", r#","http":{"hostname":"c2.example:8080","url":"/"}"#);
    check(Format::EveJson, http, ("192.0.2.7", "c2.example", 443, Via::Http));
}

#[test]
fn zeek() {
    let zeek = |path: &'static str, more: &'static str| {
        move |time: &str| {
            format!(
                r#"{{"_path":"{path}","ts":"2026-03-01T{time}Z","id.orig_h":"192.0.2.7","id.orig_p":40000,"id.resp_h":"198.51.100.9","id.resp_p":443,"proto":"tcp"{more}}}"#
            )
        }
    };
    assert_eq!(
        check(Format::ZeekJson, zeek("conn", r#","orig_bytes":100,"orig_ip_bytes":140"#), TO),
        Some(140.0)
    );
    assert_eq!(check(Format::ZeekJson, zeek("conn", r#","orig_bytes":100"#), TO), Some(100.0));
    // A connection without an answer has no bytes to tell of.
    assert_eq!(check(Format::ZeekJson, zeek("conn", r#","conn_state":"S0""#), TO), None);
    let named = ("192.0.2.7", "c2.example", 443, Via::Tls);
    check(Format::ZeekJson, zeek("ssl", r#","server_name":"c2.example""#), named);
    let host = ("192.0.2.7", "c2.example", 443, Via::Http);
    let http = zeek("http", r#","host":"c2.example","request_body_len":7"#);
    assert_eq!(check(Format::ZeekJson, http, host), Some(7.0));
    check_none(Format::ZeekJson, zeek("dns", r#","query":"c2.example""#));
}

/// Zeek's own tables, with what shippers make of its names beside them.
#[test]
fn zeeks_tables() {
    let table = |time: &str| {
        format!(
            "#separator \\x09\n#path\tconn\n#fields\tts\tid.orig_h\tid.resp_h\tid.resp_p\torig_ip_bytes\n\
             2026-03-01T{time}Z\t192.0.2.7\t198.51.100.9\t443\t60"
        )
    };
    assert_eq!(check(Format::ZeekTsv, table, TO), Some(60.0));
    let flat = |time: &str| {
        format!(
            r#"{{"@stream":"conn","ts":"2026-03-01T{time}Z","id_orig_h":"192.0.2.7","id_resp_h":"198.51.100.9","id_resp_p":443}}"#
        )
    };
    check(Format::ZeekJson, flat, TO);
}

fn sysmon(time: &str, initiated: &str, to: &str) -> String {
    format!(
        r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"UtcTime":"2026-03-01 {time}.000","Hostname":"WS5.shire.example","Initiated":"{initiated}","SourceIp":"192.0.2.7","DestinationIp":"{to}","DestinationPort":"443","Image":"C:\\a.exe"}}"#
    )
}

fn audit(time: &str, event: u32, direction: &str) -> String {
    format!(
        r#"{{"Channel":"Security","EventID":{event},"TimeCreated":"2026-03-01T{time}Z","Hostname":"WS5","Direction":"{direction}","SourceAddress":"192.0.2.7","SourcePort":"50000","DestAddress":"198.51.100.9","DestPort":"443"}}"#
    )
}

/// Machines that tell of themselves are known by their names: addresses change.
#[test]
fn windows() {
    let own = ("ws5.shire.example", "198.51.100.9", 443, Via::Connection);
    assert_eq!(check(Format::WindowsJson, |time| sysmon(time, "true", "198.51.100.9"), own), None);
    check_none(Format::WindowsJson, |time| sysmon(time, "false", "198.51.100.9"));
    // Neither itself nor everybody.
    for to in ["127.0.0.1", "::1", "224.0.0.252", "255.255.255.255", "ff02::1:3"] {
        check_none(Format::WindowsJson, |time| sysmon(time, "true", to));
    }
    let own = ("ws5", "198.51.100.9", 443, Via::Connection);
    check(Format::WindowsJson, |time| audit(time, 5156, "%%14593"), own);
    check_none(Format::WindowsJson, |time| audit(time, 5156, "%%14592"));
    check_none(Format::WindowsJson, |time| audit(time, 5158, "%%14593"));
}

#[test]
fn firewalls_and_proxies() {
    let cef = |more: &'static str| {
        move |time: &str| {
            format!(
                "CEF:0|Acme|Box|1|1|x|3|rt=2026-03-01T{time}Z src=192.0.2.7 dst=198.51.100.9 dpt=443 out=512{more}"
            )
        }
    };
    assert_eq!(check(Format::Cef, cef(""), TO), Some(512.0));
    let host = ("192.0.2.7", "c2.example", 443, Via::Http);
    let proxy = cef(" dhost=c2.example request=http://c2.example/a");
    assert_eq!(check(Format::Cef, proxy, host), Some(512.0));
    let fortigate = |time: &str| {
        format!(
            "<189>date=2026-03-01 time={time} devname=\"FGT\" devid=\"FG\" logid=\"0000000013\" type=\"traffic\" \
             srcip=192.0.2.7 dstip=198.51.100.9 dstport=443 sentbyte=77"
        )
    };
    assert_eq!(check(Format::Syslog3164, fortigate, TO), Some(77.0));
    let w3c = |time: &str| {
        format!(
            "#Fields: date time c-ip cs-host cs-method c-uri r-port cs-bytes\n\
             2026-03-01 {time} 192.0.2.7 c2.example GET http://c2.example/ 443 33"
        )
    };
    assert_eq!(check(Format::W3c, w3c, host), Some(33.0));
}

#[test]
fn what_is_no_connection() {
    check_none(Format::JsonLines, |time| {
        format!(
            r#"{{"timestamp":"2026-03-01T{time}Z","src_ip":"192.0.2.7","dst_ip":"198.51.100.9","dst_port":443}}"#
        )
    });
    check_none(Format::EveJson, |time| {
        eve(time, "flow", "")
            .replace("198.51.100.9", "not an address at all, but far too long".repeat(9).as_str())
    });
    check_none(Format::EveJson, |time| eve(time, "flow", "").replace("dest_ip", "dest"));
}
