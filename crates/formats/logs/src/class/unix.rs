//! Linux by the program that speaks, its audit log, and classes that only a source's configuration can name: other
//! systems' processes, applications and databases.
//!
//! Numbers: 530 to 599.

use super::{Class, Picks};
use crate::fields::{Alias, FieldMap, Loose, Place::At};
use crate::observables::{COMMON, Sights, What};

/// The class of a syslog message by its program and facility (RFC 5424 §6.2.1; 4 and 10 are security).
pub(crate) fn of_program(program: &str, facility: Option<u8>) -> &'static Class {
    // `postfix/smtpd`, `(systemd)`, `/usr/sbin/cron`
    let name = program.trim_matches(['(', ')']).rsplit('/').next().unwrap_or_default();
    let own = UNIX.iter().find(|class| class.word(name));
    let secure = AUTH.word(name) || matches!(facility, Some(4 | 10));
    own.or_else(|| UNIX.last().filter(|_| !secure)).unwrap_or(&AUTH)
}

const WORDS: Sights = &[("message", What::Words), ("hostname", What::Host(""))];

const fn program(
    number: u16,
    name: &'static str,
    programs: &'static [&'static str],
    services: &'static [&'static str],
) -> Class {
    Class::new(number, name, "linux").services(services).sights(&[WORDS]).picks(Picks::Words(programs))
}

/// Programs of the security facilities that have no class of their own.
pub(crate) static AUTH: Class = program(
    530,
    "Linux: security messages",
    &["su", "login", "systemd-logind", "polkitd", "passwd"],
    &["auth", "syslog"],
);

pub(super) static UNIX: &[Class] = &[
    program(531, "Linux: sshd", &["sshd", "sshd-session"], &["sshd", "auth", "syslog"]).ocsf(4007),
    program(532, "Linux: sudo", &["sudo"], &["sudo", "auth", "syslog"]).fields(&SUDO),
    program(533, "Linux: cron", &["cron", "crond", "crontab", "anacron"], &["cron", "syslog"]).ocsf(1006),
    program(
        534,
        "Linux: ClamAV",
        &["clamd", "clamav", "clamscan", "freshclam", "clamonacc"],
        &["clamav", "syslog"],
    )
    .ocsf(2004),
    program(535, "Linux: vsftpd", &["vsftpd"], &["vsftpd", "syslog"]).ocsf(4008),
    program(536, "Linux: Guacamole", &["guacd", "guacamole"], &["guacamole", "syslog"]),
    Class::new(537, "Apache: messages", "")
        .services(&["apache"])
        .sights(&[WORDS])
        .picks(Picks::Words(&["apache", "apache2", "httpd"])),
    Class::new(538, "nginx: messages", "")
        .services(&["nginx"])
        .sights(&[WORDS])
        .picks(Picks::Words(&["nginx"])),
    Class::new(539, "database messages", "")
        .categories(&["database"])
        .ocsf(6005)
        .sights(&[WORDS])
        .picks(Picks::Words(&["mysqld", "mariadbd", "postgres", "postgresql", "sqlservr", "oracle"])),
    program(549, "Linux: other programs", &["*"], &["syslog"]),
];

/// sudo writes `USER=root ; COMMAND=/bin/ls` into its message; the reader makes fields of it.
static SUDO: FieldMap =
    FieldMap { aliases: &[&[("CommandLine", &[At("COMMAND")])]], loose: Loose::Exact, under: &[] };

/// Linux's audit log. Its own names are what rules use.
pub(crate) static AUDIT: Class = Class::new(550, "Linux: auditd", "linux")
    .services(&["auditd"])
    .ocsf(1007)
    .fields(&AUDIT_FIELDS)
    .sights(&[&[
        ("exe", What::File),
        ("name", What::File),
        ("comm", What::File),
        ("proctitle", What::Links),
        ("a1", What::Links),
        ("a2", What::Links),
        ("addr", What::Host("")),
        ("laddr", What::Host("lport")),
        ("hostname", What::Host("")),
    ]])
    .picks(Picks::Words(&["auditd", "audispd", "audisp-syslog"]));

/// The name of a system call stands in what `auditd` adds, or in place of the number where a tool translated it.
static AUDIT_FIELDS: FieldMap =
    FieldMap { aliases: &[&[("SYSCALL", &[At("SYSCALL"), At("syscall")])]], loose: Loose::Exact, under: &[] };

/// What agents call the parts of a process, on whatever system: Sigma's names first, then Elastic's and OCSF's.
const PROCESS: &[Alias] = &[
    ("Image", &[At("Image"), At("process.executable"), At("process.file.path"), At("path"), At("exe")]),
    ("CommandLine", &[At("CommandLine"), At("process.command_line"), At("process.cmd_line"), At("cmdline")]),
    (
        "ParentImage",
        &[At("ParentImage"), At("process.parent.executable"), At("process.parent_process.file.path")],
    ),
    (
        "ParentCommandLine",
        &[At("ParentCommandLine"), At("process.parent.command_line"), At("process.parent_process.cmd_line")],
    ),
    ("CurrentDirectory", &[At("CurrentDirectory"), At("process.working_directory"), At("cwd")]),
    ("User", &[At("User"), At("user.name"), At("process.user.name"), At("username")]),
    ("TargetFilename", &[At("TargetFilename"), At("file.path"), At("target_path")]),
    (
        "DestinationIp",
        &[At("DestinationIp"), At("destination.ip"), At("dst_endpoint.ip"), At("remote_address")],
    ),
    (
        "DestinationPort",
        &[At("DestinationPort"), At("destination.port"), At("dst_endpoint.port"), At("remote_port")],
    ),
    (
        "DestinationHostname",
        &[At("DestinationHostname"), At("destination.domain"), At("dst_endpoint.hostname")],
    ),
];

static PROCESS_FIELDS: FieldMap = FieldMap { aliases: &[PROCESS], loose: Loose::Exact, under: &[] };

const FILE: Sights = &[
    ("Image", What::File),
    ("ParentImage", What::File),
    ("TargetFilename", What::File),
    ("Hashes", What::Hashes),
    ("CommandLine", What::Links),
    ("DestinationIp", What::Host("DestinationPort")),
    ("DestinationHostname", What::Host("DestinationPort")),
];

const fn endpoint(
    number: u16,
    name: &'static str,
    product: &'static str,
    categories: &'static [&'static str],
    ocsf: u32,
) -> Class {
    Class::new(number, name, product)
        .categories(categories)
        .ocsf(ocsf)
        .fields(&PROCESS_FIELDS)
        .sights(&[FILE, COMMON])
}

const fn application(number: u16, name: &'static str, product: &'static str) -> Class {
    Class::new(number, name, product).categories(&["application"]).sights(&[COMMON])
}

pub(super) static CONFIGURED: &[Class] = &[
    endpoint(540, "Linux: process creation", "linux", &["process_creation"], 1007),
    endpoint(541, "Linux: file", "linux", &["file_event"], 1001),
    endpoint(542, "Linux: network connection", "linux", &["network_connection"], 4001),
    endpoint(543, "macOS: process creation", "macos", &["process_creation"], 1007),
    endpoint(544, "macOS: file", "macos", &["file_event"], 1001),
    application(560, "Java", "jvm"),
    application(561, "Spring", "spring"),
    application(562, "Python", "python"),
    application(563, "Django", "django"),
    application(564, "Node.js", "nodejs"),
    application(565, "Ruby on Rails", "ruby_on_rails"),
    application(566, "Velocity", "velocity"),
    application(567, "SQL", "sql"),
    Class::new(568, "database", "").categories(&["database"]).ocsf(6005).sights(&[COMMON]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs() {
        let number = |program: &str, facility| of_program(program, facility).id.number();
        assert_eq!(number("sshd", Some(10)), 531);
        assert_eq!(number("CRON", Some(9)), 533);
        assert_eq!(number("/usr/sbin/cron", None), 533);
        assert_eq!(number("su", None), 530);
        assert_eq!(number("some-daemon", Some(4)), 530);
        assert_eq!(number("kernel", Some(0)), 549);
        assert_eq!(number("", None), 549);
    }
}
