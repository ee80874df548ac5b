//! Suricata's EVE events by type, and logs of web servers and proxies.
//!
//! Numbers: 400 to 439 EVE, 440 to 449 web.

use observable::Kind;

use super::{Class, Picks};
use crate::fields::{
    Alias, FieldMap, Loose,
    Place::{All, At, Extension, Query, Stem},
};
use crate::observables::{Sights, What};

/// The class of an EVE event; `None` if Suricata has no such type.
pub(crate) fn of_event_type(event_type: &str) -> Option<&'static Class> {
    EVE.iter().find(|class| class.word(event_type))
}

/// What Sigma's generic network categories call the ends of a connection.
const ENDS: &[Alias] = &[
    ("dst_ip", &[At("dest_ip")]),
    ("dst_port", &[At("dest_port")]),
    ("protocol", &[At("proto")]),
    ("action", &[At("verdict.action"), At("alert.action"), At("flow.action"), At("action")]),
    ("blocked", &[At("verdict.action"), At("alert.action")]),
];

/// Versions 1 (`rrname`, `rdata`), 2 (`answers`, `grouped`) and 3 (`queries`) of EVE's `dns`; in alerts `query` and
/// `answer` are the parts of version 2.
const DNS: &[Alias] = &[
    ("query", &[All(&["dns.queries.rrname"]), At("dns.rrname"), All(&["dns.query.rrname"])]),
    ("record_type", &[All(&["dns.queries.rrtype"]), At("dns.rrtype"), All(&["dns.query.rrtype"])]),
    (
        "answer",
        &[All(&[
            "dns.rdata",
            "dns.answers.rdata",
            "dns.grouped.A",
            "dns.grouped.AAAA",
            "dns.grouped.CNAME",
            "dns.grouped.TXT",
            "dns.grouped.MX",
            "dns.grouped.NS",
            "dns.grouped.PTR",
            "dns.answer.answers.rdata",
        ])],
    ),
    (
        "answers",
        &[All(&[
            "dns.rdata",
            "dns.answers.rdata",
            "dns.grouped.A",
            "dns.grouped.AAAA",
            "dns.grouped.CNAME",
            "dns.grouped.TXT",
        ])],
    ),
];

/// W3C's names, as the categories `webserver` and `proxy` use them. Rules mean the whole target by `cs-uri-query`.
const HTTP: &[Alias] = &[
    ("c-uri", &[At("http.url")]),
    ("cs-uri", &[At("http.url")]),
    ("cs-uri-query", &[At("http.url")]),
    ("c-uri-query", &[Query("http.url")]),
    ("cs-uri-stem", &[Stem("http.url")]),
    ("c-uri-extension", &[Extension("http.url")]),
    ("cs-method", &[At("http.http_method")]),
    ("cs-host", &[At("http.hostname")]),
    ("c-useragent", &[At("http.http_user_agent")]),
    ("cs-user-agent", &[At("http.http_user_agent")]),
    ("cs-referer", &[At("http.http_refer")]),
    ("cs-cookie", &[At("http.cookie")]),
    ("cs-content-type", &[At("http.http_content_type")]),
    ("sc-status", &[At("http.status")]),
];

static EVE_FIELDS: FieldMap = FieldMap { aliases: &[ENDS, DNS, HTTP], loose: Loose::Exact, under: &[] };

const FLOW: Sights = &[
    ("src_ip", What::Host("src_port")),
    ("dest_ip", What::Host("dest_port")),
    ("ether.src_mac", What::Is(Kind::Mac)),
    ("ether.dest_mac", What::Is(Kind::Mac)),
];
const NAMES: Sights = &[
    ("dns.rrname", What::Host("")),
    ("dns.rdata", What::Host("")),
    ("dns.queries.rrname", What::Host("")),
    ("dns.query.rrname", What::Host("")),
    ("dns.answers.rrname", What::Host("")),
    ("dns.answers.rdata", What::Host("")),
    ("dns.answer.answers.rdata", What::Host("")),
    ("dns.grouped.A", What::Host("")),
    ("dns.grouped.AAAA", What::Host("")),
    ("dns.grouped.CNAME", What::Host("")),
];
const WEB: Sights = &[
    ("http.hostname", What::Host("dest_port")),
    ("http.url", What::Request("http.hostname")),
    ("http.http_user_agent", What::Is(Kind::UserAgent)),
    ("http.http_refer", What::Links),
    ("http.redirect", What::Links),
    ("http.xff", What::Host("")),
];
const TLS: Sights = &[
    ("tls.sni", What::Host("dest_port")),
    ("tls.fingerprint", What::Is(Kind::CertSha1)),
    ("tls.serial", What::Is(Kind::CertSerial)),
    ("tls.ja3.hash", What::Is(Kind::Ja3)),
    ("tls.ja3s.hash", What::Is(Kind::Ja3s)),
    ("tls.ja4", What::Is(Kind::Ja4)),
    ("tls.subjectaltname", What::Host("")),
    ("quic.sni", What::Host("dest_port")),
    ("quic.ja3.hash", What::Is(Kind::Ja3)),
    ("quic.ja4", What::Is(Kind::Ja4)),
];
const FILES: Sights = &[
    ("fileinfo.filename", What::File),
    ("fileinfo.md5", What::Is(Kind::Md5)),
    ("fileinfo.sha1", What::Is(Kind::Sha1)),
    ("fileinfo.sha256", What::Is(Kind::Sha256)),
    ("files.filename", What::File),
    ("files.md5", What::Is(Kind::Md5)),
    ("files.sha1", What::Is(Kind::Sha1)),
    ("files.sha256", What::Is(Kind::Sha256)),
];
const MAIL: Sights = &[
    ("smtp.mail_from", What::Mail),
    ("smtp.rcpt_to", What::Mail),
    ("smtp.helo", What::Host("")),
    ("email.from", What::Mail),
    ("email.to", What::Mail),
    ("email.cc", What::Mail),
    ("email.attachment", What::File),
    ("email.url", What::Links),
    ("email.body_md5", What::Is(Kind::Md5)),
];
const SHARES: Sights =
    &[("smb.filename", What::File), ("smb.named_pipe", What::File), ("smb.ntlmssp.host", What::Host(""))];
const TRANSFER: Sights =
    &[("ftp_data.filename", What::File), ("ftp.command_data", What::File), ("tftp.file", What::File)];
const LEASE: Sights = &[
    ("dhcp.client_mac", What::Is(Kind::Mac)),
    ("dhcp.assigned_ip", What::Host("")),
    ("dhcp.client_ip", What::Host("")),
];

const fn eve(
    number: u16,
    name: &'static str,
    types: &'static [&'static str],
    services: &'static [&'static str],
    categories: &'static [&'static str],
    ocsf: u32,
    sights: &'static [Sights],
) -> Class {
    Class::new(number, name, "suricata")
        .services(services)
        .categories(categories)
        .ocsf(ocsf)
        .fields(&EVE_FIELDS)
        .sights(sights)
        .picks(Picks::Words(types))
}

#[rustfmt::skip]
pub(super) static EVE: &[Class] = &[
    eve(400, "Suricata: flow", &["flow", "netflow", "drop"], &["flow"], &["firewall"], 4001, &[FLOW]),
    eve(401, "Suricata: alert", &["alert"], &["alert"], &["ids"], 2004, &[FLOW, NAMES, WEB, TLS, FILES, MAIL]),
    eve(402, "Suricata: DNS", &["dns", "mdns"], &["dns"], &["dns"], 4003, &[FLOW, NAMES]),
    eve(403, "Suricata: HTTP", &["http", "http2"], &["http"], &["webserver", "proxy"], 4002, &[FLOW, WEB]),
    eve(404, "Suricata: TLS and QUIC", &["tls", "quic"], &["tls"], &[], 4001, &[FLOW, TLS]),
    eve(405, "Suricata: file", &["fileinfo"], &["fileinfo"], &[], 1001, &[FLOW, FILES, WEB, MAIL]),
    eve(406, "Suricata: mail", &["smtp", "email", "pop3", "imap"], &["smtp"], &[], 4009, &[FLOW, MAIL]),
    eve(407, "Suricata: SMB", &["smb", "dcerpc", "nfs"], &["smb"], &[], 4006, &[FLOW, SHARES]),
    eve(408, "Suricata: file transfer", &["ftp", "ftp_data", "tftp"], &["ftp"], &[], 4008, &[FLOW, TRANSFER]),
    eve(409, "Suricata: SSH", &["ssh"], &["ssh"], &[], 4007, &[FLOW]),
    eve(410, "Suricata: RDP", &["rdp", "rfb"], &["rdp"], &[], 4005, &[FLOW]),
    eve(411, "Suricata: DHCP", &["dhcp", "arp"], &["dhcp"], &[], 4004, &[FLOW, LEASE]),
    eve(412, "Suricata: Kerberos and LDAP", &["krb5", "ldap"], &["krb5"], &[], 3002, &[FLOW]),
    eve(413, "Suricata: anomaly", &["anomaly"], &["anomaly"], &[], 4001, &[FLOW]),
    eve(414, "Suricata: statistics", &["stats", "engine"], &["stats"], &[], 0, &[]),
    eve(415, "Suricata: other protocols", &[
        "bittorrent_dht", "bittorrent-dht", "dnp3", "enip", "ike", "ikev2", "metadata", "modbus", "mqtt", "ntp", "packet", "pgsql",
        "sip", "snmp", "telnet", "template", "vxlan", "websocket", "doh2",
    ], &["other"], &[], 4001, &[FLOW, NAMES]),
];

/// Names of the W3C extended log format and of what access logs are read into.
const W3C: &[Alias] = &[
    ("c-uri", &[At("c-uri"), At("cs-uri"), At("cs-uri-stem")]),
    ("cs-uri", &[At("cs-uri"), At("c-uri"), At("cs-uri-stem")]),
    // Rules look for paths in it too, so what has the whole target comes first.
    ("cs-uri-query", &[All(&["cs-uri-query", "cs-uri-stem"]), At("cs-uri"), At("c-uri")]),
    ("c-uri-query", &[At("c-uri-query"), At("cs-uri-query"), Query("c-uri"), Query("cs-uri")]),
    ("cs-uri-stem", &[At("cs-uri-stem"), Stem("cs-uri"), Stem("c-uri")]),
    (
        "c-uri-extension",
        &[
            At("c-uri-extension"),
            At("cs-uri-extension"),
            Extension("cs-uri-stem"),
            Extension("c-uri"),
            Extension("cs-uri"),
        ],
    ),
    ("c-useragent", &[At("c-useragent"), At("cs-user-agent")]),
    ("cs-user-agent", &[At("cs-user-agent"), At("c-useragent")]),
    ("cs-host", &[At("cs-host"), At("r-host"), At("s-computername")]),
    ("src_ip", &[At("c-ip")]),
    ("dst_ip", &[At("dst_ip"), At("r-ip"), At("s-ip")]),
    ("dst_port", &[At("r-port"), At("s-port")]),
];

static WEB_FIELDS: FieldMap = FieldMap { aliases: &[W3C], loose: Loose::Exact, under: &[] };

const VISIT: Sights = &[
    ("c-ip", What::Host("c-port")),
    ("r-ip", What::Host("r-port")),
    ("cs-host", What::Host("")),
    ("cs-uri", What::Request("cs-host")),
    ("c-uri", What::Request("cs-host")),
    ("cs-uri-stem", What::Request("cs-host")),
    ("cs-referer", What::Links),
    ("cs-user-agent", What::Is(Kind::UserAgent)),
    ("c-useragent", What::Is(Kind::UserAgent)),
];

/// Access logs of web servers: common and combined log format, IIS in W3C's.
pub(crate) static ACCESS_LOG: Class = Class::new(440, "web server: access", "")
    .services(&["apache", "nginx", "iis"])
    .categories(&["webserver"])
    .ocsf(4002)
    .fields(&WEB_FIELDS)
    .sights(&[VISIT])
    .picks(Picks::Events(&[]));

/// Logs of proxies in W3C's format.
pub(crate) static PROXY_LOG: Class = Class::new(441, "proxy: access", "")
    .categories(&["proxy"])
    .ocsf(4002)
    .fields(&WEB_FIELDS)
    .sights(&[VISIT])
    .picks(Picks::Events(&[]));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_class() {
        assert_eq!(of_event_type("dns").map(|class| class.id.number()), Some(402));
        assert_eq!(of_event_type("ALERT").map(|class| class.id.number()), Some(401));
        assert!(of_event_type("authentication").is_none());
        let types = EVE.iter().flat_map(|class| match class.picks {
            Picks::Words(words) => words.to_vec(),
            _ => Vec::new(),
        });
        let mut types: Vec<_> = types.collect();
        types.sort_unstable();
        let before = types.len();
        types.dedup();
        assert_eq!(types.len(), before);
    }
}
