//! Network devices and appliances: by vendor in CEF and LEEF, by their mnemonics in syslog; and the classes of devices
//! that only a source's configuration can name.
//!
//! Numbers: 500 to 529.

use observable::Kind;

use super::{Class, Picks};
use crate::fields::{
    Alias, FieldMap, Loose,
    Place::{At, Extension, Query, Stem},
};
use crate::observables::{COMMON, Sights, What};
use crate::slot::Slots;

/// The class of a CEF or LEEF record by its vendor and product.
pub(crate) fn of_product(vendor: &str, product: &str, slots: &Slots<'_>) -> &'static Class {
    let begins =
        |text: &str, with: &str| text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with));
    let known = PRODUCTS.iter().find(|(own, named, _)| begins(vendor, own) && begins(product, named));
    let number = known.map(|(_, _, number)| *number).or_else(|| {
        let has = |names: &[&str]| names.iter().any(|name| slots.has(name));
        if has(&["request", "url", "requestMethod"]) {
            Some(PROXY)
        } else if has(&["fname", "filePath", "fileHash"]) {
            Some(ANTIVIRUS)
        } else if has(&["dst", "dpt", "dstPort"]) {
            Some(FIREWALL)
        } else {
            None
        }
    });
    by_number(number.unwrap_or(OTHER))
}

/// The class of a syslog message by the mnemonic in it: `%BGP-5-ADJCHANGE:`, `%%01BGP/3/…`, `RPD_BGP_…`, `devid=`.
pub(crate) fn of_mnemonic(message: &str) -> Option<&'static Class> {
    let after = |mark: &str| message.find(mark).and_then(|at| message.get(at + mark.len()..));
    if let Some(facility) = after("%%01") {
        let facility = facility.split('/').next().unwrap_or_default();
        return Some(by_number(if facility.eq_ignore_ascii_case("bgp") { HUAWEI_BGP } else { OTHER }));
    }
    if message.contains("devid=") && message.contains("logid=") {
        return Some(by_number(FORTIGATE));
    }
    let head = message.get(..message.len().min(160)).unwrap_or(message);
    if head.contains("bgp_") && (head.contains("rpd") || head.contains("RPD_")) {
        return Some(by_number(JUNIPER_BGP));
    }
    let mnemonic = after("%")?.split(':').next()?;
    let mut parts = mnemonic.split('-');
    let (facility, rest) = (parts.next()?, parts.next_back()?);
    let shaped = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let severity =
        mnemonic.split('-').any(|part| part.len() == 1 && part.bytes().all(|b| b.is_ascii_digit()));
    if !severity || !shaped(facility) || !shaped(rest) {
        return None;
    }
    let own = FACILITIES.iter().find(|(own, _)| *own == facility);
    Some(by_number(own.map_or(CISCO, |(_, number)| *number)))
}

/// The class of a comma-separated record of a PAN-OS device.
pub(crate) fn of_unnamed(message: &str) -> Option<&'static Class> {
    message.contains(",GLOBALPROTECT,").then(|| by_number(PALO_ALTO))
}

fn by_number(number: u16) -> &'static Class {
    DEVICES.iter().find(|class| class.id.number() == number).unwrap_or(&super::GENERIC)
}

const FIREWALL: u16 = 500;
const PROXY: u16 = 501;
const ANTIVIRUS: u16 = 502;
const OTHER: u16 = 503;
const FORTIGATE: u16 = 510;
const PALO_ALTO: u16 = 512;
const CISCO: u16 = 513;
const CISCO_AAA: u16 = 514;
const CISCO_BGP: u16 = 515;
const CISCO_LDP: u16 = 516;
const HUAWEI_BGP: u16 = 517;
const JUNIPER_BGP: u16 = 518;

/// Beginnings of vendors' and products' names.
const PRODUCTS: &[(&str, &str, u16)] = &[
    ("Fortinet", "FortiGate", FORTIGATE),
    ("Palo Alto", "PAN-OS", FIREWALL),
    ("Palo Alto", "GlobalProtect", PALO_ALTO),
    ("Check Point", "VPN-1", FIREWALL),
    ("Check Point", "URL Filtering", PROXY),
    ("Check Point", "Anti-", ANTIVIRUS),
    ("Zscaler", "NSSWeb", PROXY),
    ("Zscaler", "NSSFW", FIREWALL),
    ("Squid", "", PROXY),
    ("Blue Coat", "", PROXY),
    ("Bluecoat", "", PROXY),
    ("Forcepoint", "", PROXY),
    ("Symantec", "Endpoint", ANTIVIRUS),
    ("McAfee", "", ANTIVIRUS),
    ("Sophos", "", ANTIVIRUS),
    ("KasperskyLab", "", ANTIVIRUS),
    ("Trend Micro", "Apex", ANTIVIRUS),
    ("Trend Micro", "Deep Security Agent", ANTIVIRUS),
];

/// Facilities of Cisco's mnemonics that rules tell apart.
const FACILITIES: &[(&str, u16)] = &[
    ("AAA", CISCO_AAA),
    ("AAAA", CISCO_AAA),
    ("PARSER", CISCO_AAA),
    ("SEC_LOGIN", CISCO_AAA),
    ("HA_EM", CISCO_AAA),
    ("SYS", CISCO_AAA),
    ("TAC", CISCO_AAA),
    ("BGP", CISCO_BGP),
    ("LDP", CISCO_LDP),
    ("TDP", CISCO_LDP),
];

/// Words of CEF and LEEF for what Sigma's categories name.
const WORDS: &[Alias] = &[
    ("src_ip", &[At("src"), At("sourceTranslatedAddress"), At("srcip")]),
    ("src_port", &[At("spt"), At("srcPort"), At("srcport")]),
    ("dst_ip", &[At("dst"), At("destinationTranslatedAddress"), At("dstip")]),
    ("dst_port", &[At("dpt"), At("dstPort"), At("dstport")]),
    ("action", &[At("act"), At("action"), At("deviceAction")]),
    ("blocked", &[At("act"), At("action")]),
    ("c-uri", &[At("request"), At("url")]),
    ("cs-uri", &[At("request"), At("url")]),
    ("cs-uri-query", &[At("request"), At("url")]),
    ("c-uri-query", &[Query("request"), Query("url")]),
    ("cs-uri-stem", &[Stem("request"), Stem("url")]),
    ("c-uri-extension", &[Extension("request"), Extension("url")]),
    ("cs-method", &[At("requestMethod"), At("method")]),
    ("cs-host", &[At("dhost"), At("destinationDnsDomain"), At("hostname")]),
    ("c-useragent", &[At("requestClientApplication"), At("userAgent")]),
    ("cs-user-agent", &[At("requestClientApplication"), At("userAgent")]),
    ("cs-referer", &[At("requestContext"), At("referer")]),
    ("cs-cookie", &[At("requestCookies")]),
    ("sc-status", &[At("responseCode"), At("outcome")]),
    ("Filename", &[At("filePath"), At("fname"), At("fileName")]),
    ("Signature", &[At("virusName"), At("threatName"), At("Signature"), At("Name"), At("cs1")]),
];

static FIELDS: FieldMap = FieldMap { aliases: &[WORDS], loose: Loose::Exact, under: &[] };

const SIGHTS: Sights = &[
    ("src", What::Host("spt")),
    ("dst", What::Host("dpt")),
    ("srcip", What::Host("srcport")),
    ("dstip", What::Host("dstport")),
    ("shost", What::Host("")),
    ("dhost", What::Host("dpt")),
    ("hostname", What::Host("")),
    ("destinationDnsDomain", What::Host("")),
    ("request", What::Request("dhost")),
    ("url", What::Request("hostname")),
    ("requestClientApplication", What::Is(Kind::UserAgent)),
    ("fileHash", What::Digest),
    ("oldFileHash", What::Digest),
    ("filePath", What::File),
    ("fname", What::File),
    ("suser", What::Mail),
    ("duser", What::Mail),
    ("smac", What::Is(Kind::Mac)),
    ("dmac", What::Is(Kind::Mac)),
    ("msg", What::Words),
    ("message", What::Words),
];

const fn device(
    number: u16,
    name: &'static str,
    product: &'static str,
    services: &'static [&'static str],
    categories: &'static [&'static str],
    ocsf: u32,
) -> Class {
    Class::new(number, name, product)
        .services(services)
        .categories(categories)
        .ocsf(ocsf)
        .fields(&FIELDS)
        .sights(&[SIGHTS])
        .picks(Picks::Events(&[]))
}

#[rustfmt::skip]
pub(super) static DEVICES: &[Class] = &[
    device(FIREWALL, "firewall", "", &[], &["firewall"], 4001),
    device(PROXY, "proxy in CEF or LEEF", "", &[], &["proxy"], 4002),
    device(ANTIVIRUS, "anti-virus in CEF or LEEF", "", &[], &["antivirus"], 2004),
    device(OTHER, "device in CEF, LEEF or syslog", "", &[], &[], 0),
    device(FORTIGATE, "FortiGate", "fortigate", &["event", "traffic"], &["firewall"], 4001),
    device(PALO_ALTO, "PAN-OS GlobalProtect", "paloalto", &["globalprotect"], &["appliance", "file_event"], 0),
    device(CISCO, "Cisco IOS", "cisco", &["syslog"], &[], 0),
    device(CISCO_AAA, "Cisco IOS: logins and commands", "cisco", &["aaa", "syslog"], &[], 3002),
    device(CISCO_BGP, "Cisco IOS: BGP", "cisco", &["bgp", "syslog"], &[], 0),
    device(CISCO_LDP, "Cisco IOS: LDP", "cisco", &["ldp", "syslog"], &[], 0),
    device(HUAWEI_BGP, "Huawei: BGP", "huawei", &["bgp"], &[], 0),
    device(JUNIPER_BGP, "Junos: BGP", "juniper", &["bgp"], &[], 0),
];

/// Appliances whose lines do not say whose they are: a source's configuration does.
pub(super) static CONFIGURED: &[Class] = &[
    Class::new(520, "FortiOS SSL VPN", "fortios").services(&["sslvpnd"]).fields(&FIELDS).sights(&[SIGHTS]),
    Class::new(521, "DNS server", "").categories(&["dns"]).ocsf(4003).sights(&[COMMON]),
    Class::new(522, "anti-virus", "").categories(&["antivirus"]).ocsf(2004).sights(&[COMMON]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, number: Option<u16>) {
        assert_eq!(of_mnemonic(message).map(|class| class.id.number()), number, "{message}");
    }

    #[test]
    fn mnemonics() {
        check("189: *Mar  1 18:46:11: %SYS-5-CONFIG_I: Configured from console by vty2", Some(CISCO_AAA));
        check("%BGP-3-NOTIFICATION: sent to neighbor 192.0.2.1 4/0", Some(CISCO_BGP));
        check("%LDP-5-NBRCHG: LDP Neighbor 192.0.2.1:0 is UP", Some(CISCO_LDP));
        check("%ASA-6-302013: Built outbound TCP connection", Some(CISCO));
        check("%%01BGP/3/STATE_CHG_UPDOWN(l)[1]: The status changed", Some(HUAWEI_BGP));
        check("rpd[1459]: bgp_read_v4_message:8927: NOTIFICATION received", Some(JUNIPER_BGP));
        check("date=2019-05-10 devid=\"FGT\" logid=\"0100032002\" type=\"event\"", Some(FORTIGATE));
        check("%% It's time to make the do-nuts.  %%", None);
        check("disk 97% full: /var", None);
        check("", None);
    }

    #[test]
    fn products() {
        let none = Slots::default();
        let number =
            |vendor: &str, product: &str, slots: &Slots<'_>| of_product(vendor, product, slots).id.number();
        assert_eq!(number("Fortinet", "Fortigate", &none), FORTIGATE);
        assert_eq!(number("Acme", "Box", &none), OTHER);
        let mut slots = Slots::default();
        slots.text("dst", "192.0.2.1", 0..9);
        assert_eq!(number("Acme", "Box", &slots), FIREWALL);
        slots.text("request", "x", 0..1);
        assert_eq!(number("Acme", "Box", &slots), PROXY);
    }
}
