//! One event as one observation: what its fields say as cyber-observable objects (STIX 2.1 §6).
//!
//! Values are in the spelling of their observables, so that a pattern's constant, brought into the same, is equal to them.
//! Only keys of the registry are there twice: as the event has them, with the hive spelled out, because patterns are
//! written that way, and in lower case, because it is one key. Which end of a connection a value stands at, its field's
//! name says; where several hosts stand at the far end (the address, the name that was asked for), there is a connection
//! to each. What does not come from values that [`Event::observables`] hands out are processes, accounts, protocols and
//! the like: those are asked for by Sigma's names.

use std::collections::BTreeSet;

use logs::{Event, Sighted};
use model::Timestamp;
use observable::{Kind, Observable, normalise};
use stix_pattern::{Assembly, Observation};

/// The most values of each sort that are taken out of one event.
const MAX_VALUES: usize = 512;
/// The most requests that are told apart in one event.
const MAX_REQUESTS: usize = 16;
/// The most hosts at the far end of a connection.
const MAX_ENDS: usize = 4;

/// A set of types of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Types(u32);

const IPV4: Types = Types(1);
const IPV6: Types = Types(1 << 1);
const DOMAIN: Types = Types(1 << 2);
const URL: Types = Types(1 << 3);
const EMAIL: Types = Types(1 << 4);
const FILE: Types = Types(1 << 5);
const DIRECTORY: Types = Types(1 << 6);
const CERTIFICATE: Types = Types(1 << 7);
const REGISTRY_KEY: Types = Types(1 << 8);
const MUTEX: Types = Types(1 << 9);
const MAC: Types = Types(1 << 10);
const SYSTEM: Types = Types(1 << 11);
const TRAFFIC: Types = Types(1 << 12);
const USER_AGENT: Types = Types(1 << 13);
const PROCESS: Types = Types(1 << 14);
const ACCOUNT: Types = Types(1 << 15);
const MESSAGE: Types = Types(1 << 16);

/// The types that events have objects of.
const NAMES: [(&str, Types); 17] = [
    ("ipv4-addr", IPV4),
    ("ipv6-addr", IPV6),
    ("domain-name", DOMAIN),
    ("url", URL),
    ("email-addr", EMAIL),
    ("file", FILE),
    ("directory", DIRECTORY),
    ("x509-certificate", CERTIFICATE),
    ("windows-registry-key", REGISTRY_KEY),
    ("mutex", MUTEX),
    ("mac-addr", MAC),
    ("autonomous-system", SYSTEM),
    ("network-traffic", TRAFFIC),
    ("user-agent", USER_AGENT),
    ("process", PROCESS),
    ("user-account", ACCOUNT),
    ("email-message", MESSAGE),
];

/// Those that come of fields that name no value.
const BY_FIELDS: Types = PROCESS.or(ACCOUNT).or(FILE).or(DIRECTORY).or(MESSAGE);

impl Types {
    /// None of them.
    pub(super) const NONE: Self = Self(0);

    /// Those of these types that events have objects of.
    pub(super) fn among(names: &BTreeSet<&str>) -> Self {
        let known = NAMES.iter().filter(|(name, _)| names.contains(name));
        known.fold(Self::NONE, |all, (_, own)| all.or(*own))
    }

    /// All of both.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is one in both.
    pub(super) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The types that this event may have objects of, as far as they are wanted; more rather than fewer.
    pub(super) fn of(event: &Event<'_>, wanted: Self) -> Self {
        let mut found = Self::NONE;
        event.observables(&mut |sighted| found = found.or(Self::of_kind(sighted.kind)));
        if wanted.meet(BY_FIELDS) && ASKED.iter().any(|names| first(event, names).is_some()) {
            found = found.or(BY_FIELDS);
        }
        found
    }

    const fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 => IPV4.or(IPV6).or(TRAFFIC),
            Kind::Domain | Kind::DomainSuffix => DOMAIN.or(TRAFFIC),
            Kind::Url => URL.or(DOMAIN).or(IPV4).or(IPV6),
            Kind::Email => EMAIL.or(MESSAGE),
            Kind::CertMd5 | Kind::CertSha1 | Kind::CertSha256 | Kind::CertSerial => CERTIFICATE,
            Kind::RegistryKey => REGISTRY_KEY,
            Kind::Mutex => MUTEX,
            Kind::Mac => MAC.or(TRAFFIC),
            Kind::Asn => SYSTEM,
            Kind::UserAgent => USER_AGENT.or(TRAFFIC),
            Kind::HttpTarget | Kind::Ja3 | Kind::Ja3s | Kind::Ja4 | Kind::Jarm => TRAFFIC,
            _ => FILE.or(DIRECTORY),
        }
    }
}

const IMAGES: [&str; 6] =
    ["Image", "process.executable", "process.file.path", "NewProcessName", "ProcessName", "exe"];
const COMMANDS: [&str; 4] = ["CommandLine", "process.command_line", "process.cmd_line", "proctitle"];
const PARENT_IMAGES: [&str; 3] = ["ParentImage", "process.parent.executable", "ParentProcessName"];
const PARENT_COMMANDS: [&str; 2] = ["ParentCommandLine", "process.parent.command_line"];
const USERS: [&str; 5] = ["User", "user.name", "TargetUserName", "SubjectUserName", "acct"];
const SUBJECTS: [&str; 3] = ["smtp.subject", "email.subject", "subject"];
const PROTOCOLS: [&str; 6] =
    ["proto", "Protocol", "network.transport", "app_proto", "service", "network.protocol"];

/// Every field that processes, accounts and messages are made of.
const ASKED: [&[&str]; 6] = [&IMAGES, &COMMANDS, &PARENT_IMAGES, &PARENT_COMMANDS, &USERS, &SUBJECTS];

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

const SOURCES: [&str; 15] = [
    "src",
    "source",
    "client",
    "id.orig",
    "id_orig",
    "orig_",
    "c-ip",
    "caller",
    "actor",
    "shost",
    "smac",
    "ether.src",
    "ipaddress",
    "laddr",
    "tx_hosts",
];
const DESTINATIONS: [&str; 17] = [
    "dst",
    "dest",
    "server",
    "id.resp",
    "id_resp",
    "resp_l2",
    "r-ip",
    "s-ip",
    "dhost",
    "dmac",
    "ether.dest",
    "remote",
    "tls.sni",
    "quic.sni",
    "http.hostname",
    "cs-host",
    "rx_hosts",
];

/// The end that a field of this name is about.
fn end(field: &str) -> Option<End> {
    let begins = |names: &[&str]| {
        let head = |name: &str| field.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        names.iter().any(|name| head(name))
    };
    if begins(&SOURCES) {
        Some(End::Source)
    } else if field == "host" || begins(&DESTINATIONS) {
        Some(End::Destination)
    } else {
        None
    }
}

/// Whether the field has what a name was resolved to.
fn is_answer(field: &str) -> bool {
    ["rdata", "answer", "grouped", "QueryResults"].iter().any(|word| field.contains(word))
}

/// Whether the field has a name that was resolved.
fn is_query(field: &str) -> bool {
    field.starts_with("dns.") || field.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("query"))
}

struct Host {
    observable: Observable,
    end: Option<End>,
    port: Option<u16>,
    field: String,
    /// Its object.
    place: usize,
}

impl Host {
    fn is_at(&self, end: End) -> bool {
        self.end == Some(end) && self.observable.kind() != Kind::Mac
    }
}

struct File {
    field: String,
    name: String,
    folder: String,
}

/// What an event says, before it is put together.
#[derive(Default)]
struct Facts {
    hosts: Vec<Host>,
    files: Vec<File>,
    /// Of a file: field, kind and digits.
    hashes: Vec<(String, Kind, String)>,
    /// Kind and value of what describes a connection.
    traffic: Vec<(Kind, String)>,
    certificates: Vec<(Kind, String)>,
    mails: Vec<(String, String)>,
    /// Type, property and value of objects that have just one.
    plain: Vec<(&'static str, &'static str, String)>,
    /// Keys as the event has them, and in lower case.
    keys: Vec<(String, String)>,
}

/// The event, seen once at that instant.
pub(super) fn observation(event: &Event<'_>, at: Timestamp) -> Observation {
    let mut facts = Facts::default();
    event.observables(&mut |sighted| facts.take(&sighted));
    let mut made = Assembly::new();
    facts.put_hosts(&mut made);
    facts.put_traffic(event, &mut made);
    facts.put_files(&mut made);
    facts.put_process(event, &mut made);
    facts.put_keys(event, &mut made);
    facts.put_mail(event, &mut made);
    facts.put_rest(&mut made);
    made.finish(Some(at))
}

/// The text of the first of these fields that has one.
fn first(event: &Event<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let field = event.field(name)?;
        let text = field.as_text()?;
        (!text.is_empty() && text != "-").then(|| text.into_owned())
    })
}

/// A path's last part, and what is before it.
fn split_path(path: &str) -> (&str, &str) {
    match path.rfind(['/', '\\']).and_then(|at| path.split_at_checked(at)) {
        Some((folder, name)) => (name.trim_start_matches(['/', '\\']), folder),
        None => (path, ""),
    }
}

/// Adds what is not there yet, as long as there is room.
fn note<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if list.len() < MAX_VALUES && !list.contains(&value) {
        list.push(value);
    }
}

impl Facts {
    fn take(&mut self, sighted: &Sighted<'_>) {
        let Some(observable) = normalise(sighted.kind, sighted.text) else { return };
        let (field, value) = (sighted.field, observable.to_string());
        match observable.kind() {
            Kind::Ipv4 | Kind::Ipv6 | Kind::Cidr4 | Kind::Cidr6 | Kind::Domain | Kind::Mac => {
                self.host(observable, end(field), sighted.port, field);
            }
            Kind::Url => {
                if let Some(host) = observable.host() {
                    self.host(host, None, None, field);
                }
                note(&mut self.plain, ("url", "value", value));
            }
            Kind::Email => note(&mut self.mails, (field.to_owned(), value)),
            Kind::FileName => {
                let (_, folder) = split_path(sighted.text.trim());
                let known = |own: &File| {
                    own.name == value
                        && (own.field == field
                            || (group(field).is_some() && group(&own.field) == group(field)))
                };
                if self.files.len() < MAX_VALUES && !self.files.iter().any(known) {
                    self.files.push(File { field: field.to_owned(), name: value, folder: folder.to_owned() });
                }
            }
            kind @ (Kind::CertMd5 | Kind::CertSha1 | Kind::CertSha256 | Kind::CertSerial) => {
                note(&mut self.certificates, (kind, value));
            }
            Kind::RegistryKey => note(&mut self.keys, (spelled_out(sighted.text.trim()), value)),
            Kind::Mutex => note(&mut self.plain, ("mutex", "name", value)),
            Kind::Asn => note(&mut self.plain, ("autonomous-system", "number", observable.key().to_owned())),
            Kind::UserAgent => {
                note(&mut self.plain, ("user-agent", "value", value.clone()));
                note(&mut self.traffic, (Kind::UserAgent, value));
            }
            kind @ (Kind::HttpTarget | Kind::Ja3 | Kind::Ja3s | Kind::Ja4 | Kind::Jarm) => {
                note(&mut self.traffic, (kind, value));
            }
            // Nothing that an event has is a suffix.
            Kind::DomainSuffix => {}
            kind => note(&mut self.hashes, (field.to_owned(), kind, value)),
        }
    }

    fn host(&mut self, observable: Observable, end: Option<End>, port: Option<u16>, field: &str) {
        let known = self.hosts.iter_mut().find(|own| {
            own.observable == observable && (own.end == end || own.end.is_none() || end.is_none())
        });
        if let Some(known) = known {
            known.end = known.end.or(end);
            known.port = known.port.or(port);
        } else if self.hosts.len() < MAX_VALUES {
            self.hosts.push(Host { observable, end, port, field: field.to_owned(), place: 0 });
        }
    }

    fn put_hosts(&mut self, made: &mut Assembly) {
        for host in &mut self.hosts {
            host.place = made.object(host.observable.object_type());
            made.text(host.place, &["value"], &host.observable.to_string());
        }
        let (answers, names): (Vec<&Host>, Vec<&Host>) =
            self.hosts.iter().partition(|host| is_answer(&host.field));
        for name in
            names.iter().filter(|host| host.observable.kind() == Kind::Domain && is_query(&host.field))
        {
            for answer in &answers {
                made.refer(name.place, "resolves_to_refs", answer.place);
            }
        }
    }

    fn put_traffic(&self, event: &Event<'_>, made: &mut Assembly) {
        let from = self.hosts.iter().find(|host| host.is_at(End::Source));
        let there = self.hosts.iter().filter(|host| host.is_at(End::Destination));
        let mut to: Vec<Option<&Host>> = there.take(MAX_ENDS).map(Some).collect();
        if to.is_empty() {
            if from.is_none() && self.traffic.is_empty() {
                return;
            }
            to.push(None);
        }
        let protocols: Vec<String> = PROTOCOLS
            .iter()
            .filter_map(|name| first(event, std::slice::from_ref(name)))
            .map(|name| name.to_lowercase())
            .collect();
        let method = first(event, &["cs-method", "http.http_method", "method"]);
        let mut requests = rows(self.traffic.iter().map(|(kind, value)| (*kind, value.as_str())));
        requests.truncate(MAX_REQUESTS);
        if requests.is_empty() {
            requests.push(Vec::new());
        }
        for (to, request) in to.iter().flat_map(|to| requests.iter().map(move |request| (*to, request))) {
            let traffic = made.object("network-traffic");
            for (host, reference, port) in [(from, "src_ref", "src_port"), (to, "dst_ref", "dst_port")] {
                let Some(host) = host else { continue };
                made.refer(traffic, reference, host.place);
                if let Some(number) = host.port {
                    made.integer(traffic, &[port], i64::from(number));
                }
            }
            for protocol in &protocols {
                made.append_text(traffic, "protocols", protocol);
            }
            for (kind, value) in request {
                let path: &[&str] = match kind {
                    Kind::HttpTarget => &["extensions", "http-request-ext", "request_value"],
                    Kind::UserAgent => &["extensions", "http-request-ext", "request_header", "User-Agent"],
                    Kind::Ja3 => &["x_ja3"],
                    Kind::Ja3s => &["x_ja3s"],
                    Kind::Ja4 => &["x_ja4"],
                    _ => &["x_jarm"],
                };
                made.text(traffic, path, value);
            }
            if let Some(method) = &method {
                let path = ["extensions", "http-request-ext", "request_method"];
                made.text(traffic, &path, &method.to_lowercase());
            }
        }
    }

    /// Which file a hash belongs to: the one that is named beside it, in the same order where there are several; else the
    /// one that the event is about.
    fn owner(&self, hash: usize) -> Option<usize> {
        let (field, kind, _) = self.hashes.get(hash)?;
        let before = self.hashes.iter().take(hash).filter(|(own, of, _)| own == field && of == kind).count();
        let files = self.files.iter().enumerate();
        let beside: Vec<usize> = files
            .filter(|(_, file)| group(field).is_some() && group(&file.field) == group(field))
            .map(|(place, _)| place)
            .collect();
        let about = ["TargetFilename", "ImageLoaded", "Image", "filename"];
        let named = || about.iter().find_map(|name| self.files.iter().position(|file| file.field == *name));
        let first = if self.files.is_empty() { None } else { Some(0) };
        beside.get(before).or(beside.last()).copied().or_else(named).or(first)
    }

    /// The hashes of a file; of those that belong to none, for no file.
    fn hashes_of(&self, file: Option<usize>) -> Vec<Vec<(Kind, &str)>> {
        let own = self.hashes.iter().enumerate().filter(|(place, _)| self.owner(*place) == file);
        rows(own.map(|(_, (_, kind, value))| (*kind, value.as_str())))
    }

    fn put_files(&self, made: &mut Assembly) {
        for (place, file) in self.files.iter().enumerate() {
            let mut hashes = self.hashes_of(Some(place));
            if hashes.is_empty() {
                hashes.push(Vec::new());
            }
            for hashes in hashes {
                let object = made.object("file");
                made.text(object, &["name"], &file.name);
                put_folder(made, object, &file.folder);
                put_hashes(made, object, &hashes);
            }
        }
        for hashes in self.hashes_of(None) {
            let object = made.object("file");
            put_hashes(made, object, &hashes);
        }
    }

    fn put_process(&self, event: &Event<'_>, made: &mut Assembly) {
        let account = first(event, &USERS).map(|user| {
            let account = made.object("user-account");
            made.text(account, &["user_id"], &user);
            let login = user.rsplit_once('\\').map_or(user.as_str(), |(_, login)| login);
            made.text(account, &["account_login"], login);
            account
        });
        let Some(own) = self.process(event, &IMAGES, &COMMANDS, made) else { return };
        if let Some(parent) = self.process(event, &PARENT_IMAGES, &PARENT_COMMANDS, made) {
            made.refer(own, "parent_ref", parent);
        }
        if let Some(account) = account {
            made.refer(own, "creator_user_ref", account);
        }
        let number = first(event, &["ProcessId", "process.pid", "pid"]);
        if let Some(number) = number.and_then(|number| number.parse::<i64>().ok()) {
            made.integer(own, &["pid"], number);
        }
    }

    /// A process with its program, of the fields that say of either.
    fn process(
        &self,
        event: &Event<'_>,
        images: &[&str],
        commands: &[&str],
        made: &mut Assembly,
    ) -> Option<usize> {
        let (image, command) = (first(event, images), first(event, commands));
        if image.is_none() && command.is_none() {
            return None;
        }
        let process = made.object("process");
        if let Some(command) = command {
            made.text(process, &["command_line"], &command);
        }
        if let Some(image) = image {
            let (name, folder) = split_path(&image);
            made.text(process, &["name"], name);
            let file = made.object("file");
            made.text(file, &["name"], name);
            let own = self.files.iter().position(|own| images.contains(&own.field.as_str()));
            let hashes = own.map(|own| self.hashes_of(Some(own))).unwrap_or_default();
            put_hashes(made, file, hashes.first().map(Vec::as_slice).unwrap_or_default());
            put_folder(made, file, folder);
            made.refer(process, "image_ref", file);
        }
        Some(process)
    }

    fn put_keys(&self, event: &Event<'_>, made: &mut Assembly) {
        // Of a value that was set, the event has the key with the value's name behind it, and the key alone.
        let data = first(event, &["Details"]);
        for (spelled, lower) in &self.keys {
            let spellings = if spelled == lower { vec![lower] } else { vec![spelled, lower] };
            for key in spellings {
                let place = made.object("windows-registry-key");
                made.text(place, &["key"], key);
                let Some(data) = &data else { continue };
                let below = |other: &String| {
                    let name = other.strip_prefix(key.as_str())?.strip_prefix('\\')?;
                    (!name.contains('\\')).then(|| name.to_owned())
                };
                let named =
                    self.keys.iter().find_map(|(spelled, lower)| below(spelled).or_else(|| below(lower)));
                if let Some(name) = named {
                    made.append_members(place, "values", &[("name", name.as_str()), ("data", data.as_str())]);
                }
            }
        }
    }

    fn put_mail(&self, event: &Event<'_>, made: &mut Assembly) {
        let mut ends = Vec::new();
        for (field, value) in &self.mails {
            let place = made.object("email-addr");
            made.text(place, &["value"], value);
            ends.push((field.as_str(), place));
        }
        let subject = first(event, &SUBJECTS);
        if ends.is_empty() && subject.is_none() {
            return;
        }
        let message = made.object("email-message");
        if let Some(subject) = &subject {
            made.text(message, &["subject"], subject);
        }
        for (field, place) in ends {
            let name = field.to_ascii_lowercase();
            if name.contains("from") || name.contains("sender") {
                made.refer(message, "from_ref", place);
            } else if name.contains("rcpt") || name.contains("recipient") || name.ends_with("to") {
                made.refer(message, "to_refs", place);
            } else if name.ends_with("cc") {
                made.refer(message, "cc_refs", place);
            }
        }
    }

    fn put_rest(&self, made: &mut Assembly) {
        for (object_type, property, value) in &self.plain {
            let place = made.object(object_type);
            match value.parse::<i64>() {
                Ok(number) if *object_type == "autonomous-system" => {
                    made.integer(place, &[*property], number);
                }
                _ => made.text(place, &[*property], value),
            }
        }
        for row in rows(self.certificates.iter().map(|(kind, value)| (*kind, value.as_str()))) {
            let place = made.object("x509-certificate");
            for (kind, value) in row {
                match kind {
                    Kind::CertSerial => made.text(place, &["serial_number"], value),
                    Kind::CertMd5 => made.text(place, &["hashes", "MD5"], value),
                    Kind::CertSha1 => made.text(place, &["hashes", "SHA-1"], value),
                    _ => made.text(place, &["hashes", "SHA-256"], value),
                }
            }
        }
    }
}

/// The values of objects that have one of each kind, for as many objects as it takes.
fn rows<'v>(values: impl Iterator<Item = (Kind, &'v str)>) -> Vec<Vec<(Kind, &'v str)>> {
    let mut rows: Vec<Vec<(Kind, &str)>> = Vec::new();
    for (kind, value) in values {
        let open = rows.iter().position(|row| row.iter().all(|(own, _)| *own != kind));
        match open.and_then(|place| rows.get_mut(place)) {
            Some(row) => row.push((kind, value)),
            None => rows.push(vec![(kind, value)]),
        }
    }
    rows
}

/// The object that a field's value belongs to, where its name says: `file` of `file.hash.md5`.
fn group(field: &str) -> Option<&str> {
    field.split_once('.').map(|(group, _)| group)
}

/// Puts hashes of a file under the names of their algorithms (STIX 2.1 §10.7), and under those that looser producers use.
fn put_hashes(made: &mut Assembly, file: usize, hashes: &[(Kind, &str)]) {
    for (kind, value) in hashes {
        let names: &[&str] = match kind {
            Kind::Md5 => &["MD5"],
            Kind::Sha1 => &["SHA-1", "SHA1"],
            Kind::Sha224 => &["SHA-224", "SHA224"],
            Kind::Sha256 => &["SHA-256", "SHA256"],
            Kind::Sha384 => &["SHA-384", "SHA384"],
            Kind::Sha512 => &["SHA-512", "SHA512"],
            Kind::Sha3V256 => &["SHA3-256"],
            Kind::Sha3V512 => &["SHA3-512"],
            Kind::Ssdeep => &["SSDEEP"],
            Kind::Tlsh => &["TLSH"],
            Kind::Imphash => {
                made.text(file, &["extensions", "windows-pebinary-ext", "imphash"], value);
                continue;
            }
            _ => continue,
        };
        for name in names {
            made.text(file, &["hashes", *name], value);
        }
    }
}

fn put_folder(made: &mut Assembly, file: usize, folder: &str) {
    if !folder.is_empty() {
        let place = made.object("directory");
        made.text(place, &["path"], folder);
        made.refer(file, "parent_directory_ref", place);
    }
}

/// A key with its hive spelled out, in the case that the event has it in.
fn spelled_out(key: &str) -> String {
    let (hive, rest) = key.split_once('\\').map_or((key, None), |(hive, rest)| (hive, Some(rest)));
    let long = match hive.trim_end_matches(':').to_ascii_uppercase().as_str() {
        "HKLM" => "HKEY_LOCAL_MACHINE",
        "HKCU" => "HKEY_CURRENT_USER",
        "HKCR" => "HKEY_CLASSES_ROOT",
        "HKU" => "HKEY_USERS",
        "HKCC" => "HKEY_CURRENT_CONFIG",
        _ => hive,
    };
    rest.map_or_else(|| long.to_owned(), |rest| format!("{long}\\{rest}"))
}
