//! Zeek's logs by stream.
//!
//! Numbers: 450 to 499. The stream is in the record (`_path`, `@stream`), in a header (`#path`) or in the file's name;
//! failing that the members show it.

use observable::Kind;

use super::{Class, Picks};
use crate::fields::{
    Alias, FieldMap, Loose,
    Place::{At, Extension, Query, Stem},
};
use crate::observables::{Sights, What};
use crate::slot::Slots;

/// The class of a stream's records; streams that no rule names share one.
pub(crate) fn of_stream(stream: &str) -> &'static Class {
    let own = STREAMS.iter().find(|class| class.word(stream));
    own.or_else(|| STREAMS.last()).unwrap_or(&super::GENERIC)
}

/// The names of the streams that have a class of their own.
pub(crate) fn zeek_streams() -> impl Iterator<Item = &'static str> {
    STREAMS.iter().flat_map(|class| class.services.iter().copied())
}

/// The class of a record that does not say its stream, by members that only one stream has.
pub(crate) fn guess_stream(slots: &Slots<'_>) -> &'static Class {
    let own = MARKS.iter().find(|(_, names)| names.iter().all(|name| slots.has(name)));
    of_stream(own.map_or("", |(stream, _)| *stream))
}

/// Streams and members that together are theirs alone.
const MARKS: &[(&str, &[&str])] = &[
    ("conn", &["conn_state"]),
    ("dns", &["trans_id", "proto"]),
    ("dns", &["qtype_name"]),
    ("http", &["trans_depth", "method"]),
    ("http", &["user_agent", "uri"]),
    ("ssl", &["cipher", "established"]),
    ("x509", &["certificate.serial"]),
    ("x509", &["certificate_serial"]),
    ("files", &["fuid", "source", "analyzers"]),
    ("smb_files", &["action", "path", "name"]),
    ("smb_mapping", &["share_type"]),
    ("dce_rpc", &["endpoint", "operation"]),
    ("kerberos", &["request_type"]),
    ("ntlm", &["domainname"]),
    ("rdp", &["cookie", "security_protocol"]),
    ("ssh", &["auth_attempts"]),
    ("smtp", &["mailfrom"]),
    ("smtp", &["helo"]),
    ("ftp", &["command", "reply_code"]),
    ("dhcp", &["msg_types"]),
    ("notice", &["note", "msg"]),
    ("weird", &["name", "notice", "peer"]),
    ("pe", &["is_exe", "machine"]),
];

const ENDS: &[Alias] = &[
    ("src_ip", &[At("id.orig_h")]),
    ("src_port", &[At("id.orig_p")]),
    ("dst_ip", &[At("id.resp_h")]),
    ("dst_port", &[At("id.resp_p")]),
    ("record_type", &[At("qtype_name")]),
    ("answer", &[At("answers")]),
    ("action", &[At("action"), At("conn_state")]),
];

/// W3C's names, as the categories `webserver` and `proxy` use them.
const HTTP: &[Alias] = &[
    ("c-uri", &[At("uri")]),
    ("cs-uri", &[At("uri")]),
    ("cs-uri-query", &[At("uri")]),
    ("c-uri-query", &[Query("uri")]),
    ("cs-uri-stem", &[Stem("uri")]),
    ("c-uri-extension", &[Extension("uri")]),
    ("cs-method", &[At("method")]),
    ("cs-host", &[At("host")]),
    ("c-useragent", &[At("user_agent")]),
    ("cs-user-agent", &[At("user_agent")]),
    ("cs-referer", &[At("referrer")]),
    ("cs-cookie", &[At("cookie_vars")]),
    ("cs-username", &[At("username")]),
    ("sc-status", &[At("status_code")]),
];

static FIELDS: FieldMap = FieldMap { aliases: &[ENDS], loose: Loose::Dots, under: &[] };
static HTTP_FIELDS: FieldMap = FieldMap { aliases: &[HTTP, ENDS], loose: Loose::Dots, under: &[] };

const CONN: Sights = &[
    ("id.orig_h", What::Host("id.orig_p")),
    ("id.resp_h", What::Host("id.resp_p")),
    ("orig_l2_addr", What::Is(Kind::Mac)),
    ("resp_l2_addr", What::Is(Kind::Mac)),
];
const NAMES: Sights = &[("query", What::Host("")), ("answers", What::Host(""))];
const WEB: Sights = &[
    ("host", What::Host("id.resp_p")),
    ("uri", What::Request("host")),
    ("user_agent", What::Is(Kind::UserAgent)),
    ("referrer", What::Links),
    ("orig_filenames", What::File),
    ("resp_filenames", What::File),
];
const TLS: Sights = &[
    ("server_name", What::Host("id.resp_p")),
    ("ja3", What::Is(Kind::Ja3)),
    ("ja3s", What::Is(Kind::Ja3s)),
    ("ja4", What::Is(Kind::Ja4)),
    ("resp_certificate_sha1", What::Is(Kind::CertSha1)),
    ("cert_chain_fps", What::Is(Kind::CertSha256)),
];
const CERTIFICATE: Sights = &[
    ("certificate.serial", What::Is(Kind::CertSerial)),
    ("fingerprint", What::Is(Kind::CertSha256)),
    ("san.dns", What::Host("")),
    ("san.ip", What::Host("")),
    ("san.email", What::Mail),
];
const FILES: Sights = &[
    ("filename", What::File),
    ("md5", What::Is(Kind::Md5)),
    ("sha1", What::Is(Kind::Sha1)),
    ("sha256", What::Is(Kind::Sha256)),
    ("tx_hosts", What::Host("")),
    ("rx_hosts", What::Host("")),
];
const SHARES: Sights = &[("name", What::File), ("path", What::File), ("prev_name", What::File)];
const MAIL: Sights = &[
    ("mailfrom", What::Mail),
    ("rcptto", What::Mail),
    ("from", What::Mail),
    ("to", What::Mail),
    ("helo", What::Host("")),
    ("path", What::Host("")),
    ("user_agent", What::Is(Kind::UserAgent)),
];
const LEASE: Sights =
    &[("mac", What::Is(Kind::Mac)), ("assigned_addr", What::Host("")), ("client_addr", What::Host(""))];
const INTEL: Sights = &[("seen.indicator", What::Words), ("src", What::Host("")), ("dst", What::Host("p"))];

const fn stream(
    number: u16,
    streams: &'static [&'static str],
    categories: &'static [&'static str],
    ocsf: u32,
    sights: &'static [Sights],
) -> Class {
    let name = match streams {
        [first, ..] => *first,
        [] => "",
    };
    Class::new(number, name, "zeek")
        .services(streams)
        .categories(categories)
        .ocsf(ocsf)
        .fields(&FIELDS)
        .sights(sights)
        .picks(Picks::Words(streams))
}

/// The name of a class here is the stream's.
pub(super) static STREAMS: &[Class] = &[
    stream(450, &["conn"], &["firewall"], 4001, &[CONN]),
    stream(451, &["dns"], &["dns"], 4003, &[CONN, NAMES]),
    stream(452, &["http"], &["webserver", "proxy"], 4002, &[CONN, WEB]).fields(&HTTP_FIELDS),
    stream(453, &["ssl"], &[], 4001, &[CONN, TLS]),
    stream(454, &["x509"], &[], 0, &[CERTIFICATE]),
    stream(455, &["files"], &[], 1001, &[FILES]),
    stream(456, &["smb_files"], &[], 4006, &[CONN, SHARES]),
    stream(457, &["smb_mapping"], &[], 4006, &[CONN]),
    stream(458, &["dce_rpc"], &[], 4006, &[CONN]),
    stream(459, &["kerberos"], &[], 3002, &[CONN]),
    stream(460, &["ntlm"], &[], 3002, &[CONN]),
    stream(461, &["rdp"], &[], 4005, &[CONN]),
    stream(462, &["ssh"], &[], 4007, &[CONN]),
    stream(463, &["smtp"], &[], 4009, &[CONN, MAIL]),
    stream(464, &["ftp"], &[], 4008, &[CONN]),
    stream(465, &["dhcp"], &[], 4004, &[LEASE]),
    stream(466, &["notice", "intel"], &[], 2004, &[CONN, INTEL]),
    stream(467, &["weird", "dpd", "analyzer"], &[], 4001, &[CONN]),
    stream(468, &["pe"], &[], 1001, &[]),
    stream(499, &["other"], &[], 4001, &[CONN, FILES, TLS]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_one_class() {
        assert_eq!(of_stream("conn").id.number(), 450);
        assert_eq!(of_stream("modbus").id.number(), 499);
        assert!(MARKS.iter().all(|(stream, _)| of_stream(stream).id.number() != 499));
    }
}
