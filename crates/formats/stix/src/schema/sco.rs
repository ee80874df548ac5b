//! Cyber-observable objects (STIX 2.1 §6). One file although long: it is one table, read in the standard's order.

use super::common::{ANY_SCO, COUNT, HEADERS, INTEGER, SCO, STRINGS};
use super::extension::{
    ARCHIVE, HTTP_REQUEST, ICMP, NTFS, PDF, RASTER_IMAGE, SOCKET, TCP, UNIX_ACCOUNT, WINDOWS_PE,
    WINDOWS_PROCESS, WINDOWS_SERVICE,
};
use super::vocabulary::{ACCOUNT_TYPE, ENCRYPTION_ALGORITHM, REGISTRY_DATATYPE};
use super::{
    Property, Rule, Shape, Targets, Test, TypeSchema, ValueType, deprecated, must, opt, req, shape, should,
};
use crate::validate::Class;
use ValueType::{
    Binary, Boolean, Closed, Dictionary, Extensions, Hashes, Hex, Integer, Language, List, Object, Open,
    Reference, String, StringOrInteger, Timestamp,
};

pub(super) static ALL: &[&TypeSchema] = &[
    &ARTIFACT,
    &AUTONOMOUS_SYSTEM,
    &DIRECTORY,
    &DOMAIN_NAME,
    &EMAIL_ADDR,
    &EMAIL_MESSAGE,
    &FILE,
    &IPV4_ADDR,
    &IPV6_ADDR,
    &MAC_ADDR,
    &MUTEX,
    &NETWORK_TRAFFIC,
    &PROCESS,
    &SOFTWARE,
    &URL,
    &USER_ACCOUNT,
    &WINDOWS_REGISTRY_KEY,
    &X509_CERTIFICATE,
];

const fn sco(
    name: &'static str,
    section: &'static str,
    groups: &'static [&'static [Property]],
    rules: &'static [Rule],
    extensions: &'static [&'static Shape],
) -> TypeSchema {
    TypeSchema { shape: shape(name, section, groups, rules), class: Class::Sco, extensions }
}

pub(super) const ARTIFACTS: &Targets = &Targets { types: &["artifact"], classes: &[] };
pub(super) const FILES: &Targets = &Targets { types: &["file"], classes: &[] };
pub(super) const FILES_AND_DIRECTORIES: &Targets = &Targets { types: &["file", "directory"], classes: &[] };
const FILE_CONTENT: &Targets = &Targets { types: &["artifact", "file"], classes: &[] };
const DIRECTORIES: &Targets = &Targets { types: &["directory"], classes: &[] };
const ADDRESSES: &Targets = &Targets { types: &["ipv4-addr", "ipv6-addr", "domain-name"], classes: &[] };
const ENDPOINTS: &Targets =
    &Targets { types: &["ipv4-addr", "ipv6-addr", "mac-addr", "domain-name"], classes: &[] };
const MAC_ADDRESSES: &Targets = &Targets { types: &["mac-addr"], classes: &[] };
const AUTONOMOUS_SYSTEMS: &Targets = &Targets { types: &["autonomous-system"], classes: &[] };
const MAILBOXES: &Targets = &Targets { types: &["email-addr"], classes: &[] };
const ACCOUNTS: &Targets = &Targets { types: &["user-account"], classes: &[] };
const TRAFFIC: &Targets = &Targets { types: &["network-traffic"], classes: &[] };
const PROCESSES: &Targets = &Targets { types: &["process"], classes: &[] };

/// What every observable has: a rule "at least one property" means one besides these.
const ENVELOPE: &[&str] =
    &["type", "id", "spec_version", "object_marking_refs", "granular_markings", "defanged"];

const RESOLVES_DEPRECATED: Rule = deprecated(
    "resolves-to-refs-deprecated",
    Test::Absent(&["resolves_to_refs"]),
    "`resolves_to_refs` is deprecated in favour of a `resolves-to` relationship",
);
const BELONGS_DEPRECATED: Rule = deprecated(
    "belongs-to-refs-deprecated",
    Test::Absent(&["belongs_to_refs"]),
    "`belongs_to_refs` is deprecated in favour of a `belongs-to` relationship",
);

static ARTIFACT: TypeSchema = sco(
    "artifact",
    "6.1",
    &[
        &[
            opt("mime_type", String),
            opt("payload_bin", Binary).contributes(),
            opt("url", String),
            opt("hashes", Hashes).contributes(),
            opt("encryption_algorithm", Closed(ENCRYPTION_ALGORITHM)),
            opt("decryption_key", String),
        ],
        SCO,
    ],
    &[
        must(
            "artifact-content",
            Test::AnyOf(&["payload_bin", "url"]),
            "an artifact needs `payload_bin` or `url`",
        ),
        must(
            "payload-xor-url",
            Test::NotBoth("payload_bin", "url"),
            "an artifact has either `payload_bin` or `url`, not both",
        ),
        must("hashes-required", Test::Requires("url", &["hashes"]), "an artifact with `url` needs `hashes`"),
        must(
            "decryption-key-needs-algorithm",
            Test::Requires("decryption_key", &["encryption_algorithm"]),
            "`decryption_key` needs `encryption_algorithm`",
        ),
    ],
    &[],
);

static AUTONOMOUS_SYSTEM: TypeSchema = sco(
    "autonomous-system",
    "6.2",
    &[&[req("number", INTEGER).contributes(), opt("name", String), opt("rir", String)], SCO],
    &[],
    &[],
);

static DIRECTORY: TypeSchema = sco(
    "directory",
    "6.3",
    &[
        &[
            req("path", String).contributes(),
            opt("path_enc", String),
            opt("ctime", Timestamp),
            opt("mtime", Timestamp),
            opt("atime", Timestamp),
            opt("contains_refs", List(&Reference(FILES_AND_DIRECTORIES))),
        ],
        SCO,
    ],
    &[],
    &[],
);

static DOMAIN_NAME: TypeSchema = sco(
    "domain-name",
    "6.4",
    &[&[req("value", String).contributes(), opt("resolves_to_refs", List(&Reference(ADDRESSES)))], SCO],
    &[RESOLVES_DEPRECATED],
    &[],
);

static EMAIL_ADDR: TypeSchema = sco(
    "email-addr",
    "6.5",
    &[
        &[
            req("value", String).contributes(),
            opt("display_name", String),
            opt("belongs_to_ref", Reference(ACCOUNTS)),
        ],
        SCO,
    ],
    &[],
    &[],
);

static EMAIL_MESSAGE: TypeSchema = sco(
    "email-message",
    "6.6",
    &[
        &[
            req("is_multipart", Boolean),
            opt("date", Timestamp),
            opt("content_type", String),
            opt("from_ref", Reference(MAILBOXES)).contributes(),
            opt("sender_ref", Reference(MAILBOXES)),
            opt("to_refs", List(&Reference(MAILBOXES))),
            opt("cc_refs", List(&Reference(MAILBOXES))),
            opt("bcc_refs", List(&Reference(MAILBOXES))),
            opt("message_id", String),
            opt("subject", String).contributes(),
            opt("received_lines", STRINGS),
            opt("additional_header_fields", HEADERS),
            opt("body", String).contributes(),
            opt("body_multipart", List(&Object(&MIME_PART))),
            opt("raw_email_ref", Reference(ARTIFACTS)),
        ],
        SCO,
    ],
    &[
        must(
            "body-of-multipart",
            Test::ForbidsWhen("is_multipart", true, &["body"]),
            "a multipart message has `body_multipart`, not `body`",
        ),
        must(
            "multipart-of-plain",
            Test::ForbidsWhen("is_multipart", false, &["body_multipart"]),
            "a message that is not multipart has `body`, not `body_multipart`",
        ),
    ],
    &[],
);

static MIME_PART: Shape = shape(
    "mime-part-type",
    "6.6.2",
    &[&[
        opt("body", String),
        opt("body_raw_ref", Reference(FILE_CONTENT)),
        opt("content_type", String),
        opt("content_disposition", String),
    ]],
    &[must(
        "mime-part-content",
        Test::AnyOf(&["body", "body_raw_ref"]),
        "a MIME part needs `body` or `body_raw_ref`",
    )],
);

static FILE: TypeSchema = sco(
    "file",
    "6.7",
    &[
        &[
            opt("hashes", Hashes).contributes(),
            opt("size", COUNT),
            opt("name", String).contributes(),
            opt("name_enc", String),
            opt("magic_number_hex", Hex),
            opt("mime_type", String),
            opt("ctime", Timestamp),
            opt("mtime", Timestamp),
            opt("atime", Timestamp),
            opt("parent_directory_ref", Reference(DIRECTORIES)).contributes(),
            opt("contains_refs", List(&Reference(ANY_SCO))),
            opt("content_ref", Reference(ARTIFACTS)),
        ],
        CONTRIBUTING_EXTENSIONS,
    ],
    &[
        must("file-content", Test::AnyOf(&["hashes", "name"]), "a file needs `hashes` or `name`"),
        must("encoding-without-name", Test::Requires("name_enc", &["name"]), "`name_enc` needs `name`"),
    ],
    &[&ARCHIVE, &NTFS, &PDF, &RASTER_IMAGE, &WINDOWS_PE],
);

/// As for every observable, but the extensions contribute to the id (§6.7, §6.12).
const CONTRIBUTING_EXTENSIONS: &[Property] = &{
    let mut properties = [req("", String); 7];
    let mut index = 0;
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    while index < SCO.len() {
        properties[index] = match SCO[index].value {
            Extensions => SCO[index].contributes(),
            _ => SCO[index],
        };
        index += 1;
    }
    properties
};

static IPV4_ADDR: TypeSchema = sco(
    "ipv4-addr",
    "6.8",
    &[
        &[
            req("value", String).contributes(),
            opt("resolves_to_refs", List(&Reference(MAC_ADDRESSES))),
            opt("belongs_to_refs", List(&Reference(AUTONOMOUS_SYSTEMS))),
        ],
        SCO,
    ],
    &[RESOLVES_DEPRECATED, BELONGS_DEPRECATED],
    &[],
);

static IPV6_ADDR: TypeSchema = sco(
    "ipv6-addr",
    "6.9",
    &[
        &[
            req("value", String).contributes(),
            opt("resolves_to_refs", List(&Reference(MAC_ADDRESSES))),
            opt("belongs_to_refs", List(&Reference(AUTONOMOUS_SYSTEMS))),
        ],
        SCO,
    ],
    &[RESOLVES_DEPRECATED, BELONGS_DEPRECATED],
    &[],
);

static MAC_ADDR: TypeSchema =
    sco("mac-addr", "6.10", &[&[req("value", String).contributes()], SCO], &[], &[]);

static MUTEX: TypeSchema = sco("mutex", "6.11", &[&[req("name", String).contributes()], SCO], &[], &[]);

static NETWORK_TRAFFIC: TypeSchema = sco(
    "network-traffic",
    "6.12",
    &[
        &[
            opt("start", Timestamp).contributes(),
            opt("end", Timestamp).contributes(),
            opt("is_active", Boolean),
            opt("src_ref", Reference(ENDPOINTS)).contributes(),
            opt("dst_ref", Reference(ENDPOINTS)).contributes(),
            opt("src_port", Integer(0, 65_535)).contributes(),
            opt("dst_port", Integer(0, 65_535)).contributes(),
            req("protocols", STRINGS).contributes(),
            opt("src_byte_count", COUNT),
            opt("dst_byte_count", COUNT),
            opt("src_packets", COUNT),
            opt("dst_packets", COUNT),
            opt("ipfix", Dictionary(&StringOrInteger)),
            opt("src_payload_ref", Reference(ARTIFACTS)),
            opt("dst_payload_ref", Reference(ARTIFACTS)),
            opt("encapsulates_refs", List(&Reference(TRAFFIC))),
            opt("encapsulated_by_ref", Reference(TRAFFIC)),
        ],
        CONTRIBUTING_EXTENSIONS,
    ],
    &[
        must(
            "traffic-endpoint",
            Test::AnyOf(&["src_ref", "dst_ref"]),
            "network traffic needs `src_ref` or `dst_ref`",
        ),
        must(
            "end-of-active",
            Test::ForbidsWhen("is_active", true, &["end"]),
            "traffic that is still active has no `end`",
        ),
        must("end-order", Test::Order("start", "end", false), "`end` must not be earlier than `start`"),
    ],
    &[&HTTP_REQUEST, &ICMP, &SOCKET, &TCP],
);

static PROCESS: TypeSchema = sco(
    "process",
    "6.13",
    &[
        &[
            opt("is_hidden", Boolean),
            opt("pid", INTEGER),
            opt("created_time", Timestamp),
            opt("cwd", String),
            opt("command_line", String),
            opt("environment_variables", Dictionary(&String)),
            opt("opened_connection_refs", List(&Reference(TRAFFIC))),
            opt("creator_user_ref", Reference(ACCOUNTS)),
            opt("image_ref", Reference(FILES)),
            opt("parent_ref", Reference(PROCESSES)),
            opt("child_refs", List(&Reference(PROCESSES))),
        ],
        SCO,
    ],
    &[must("process-content", Test::AnyBut(ENVELOPE), "a process needs at least one property or extension")],
    &[&WINDOWS_PROCESS, &WINDOWS_SERVICE],
);

static SOFTWARE: TypeSchema = sco(
    "software",
    "6.14",
    &[
        &[
            req("name", String).contributes(),
            opt("cpe", String).contributes(),
            opt("swid", String).contributes(),
            opt("languages", List(&Language)),
            opt("vendor", String).contributes(),
            opt("version", String).contributes(),
        ],
        SCO,
    ],
    &[],
    &[],
);

static URL: TypeSchema = sco("url", "6.15", &[&[req("value", String).contributes()], SCO], &[], &[]);

static USER_ACCOUNT: TypeSchema = sco(
    "user-account",
    "6.16",
    &[
        &[
            opt("user_id", String).contributes(),
            opt("credential", String),
            opt("account_login", String).contributes(),
            opt("account_type", Open(ACCOUNT_TYPE)).contributes(),
            opt("display_name", String),
            opt("is_service_account", Boolean),
            opt("is_privileged", Boolean),
            opt("can_escalate_privs", Boolean),
            opt("is_disabled", Boolean),
            opt("account_created", Timestamp),
            opt("account_expires", Timestamp),
            opt("credential_last_changed", Timestamp),
            opt("account_first_login", Timestamp),
            opt("account_last_login", Timestamp),
        ],
        SCO,
    ],
    &[must(
        "account-content",
        Test::AnyBut(ENVELOPE),
        "a user account needs at least one property or extension",
    )],
    &[&UNIX_ACCOUNT],
);

static WINDOWS_REGISTRY_KEY: TypeSchema = sco(
    "windows-registry-key",
    "6.17",
    &[
        &[
            opt("key", String).contributes(),
            opt("values", List(&Object(&REGISTRY_VALUE))).contributes(),
            opt("modified_time", Timestamp),
            opt("creator_user_ref", Reference(ACCOUNTS)),
            opt("number_of_subkeys", INTEGER),
        ],
        SCO,
    ],
    &[must("registry-content", Test::AnyBut(ENVELOPE), "a registry key needs at least one property")],
    &[],
);

static REGISTRY_VALUE: Shape = shape(
    "windows-registry-value-type",
    "6.17.2",
    &[&[opt("name", String), opt("data", String), opt("data_type", Closed(REGISTRY_DATATYPE))]],
    &[must("registry-value-content", Test::AnyBut(&[]), "a registry value needs at least one property")],
);

static X509_CERTIFICATE: TypeSchema = sco(
    "x509-certificate",
    "6.18",
    &[
        &[
            opt("is_self_signed", Boolean),
            opt("hashes", Hashes).contributes(),
            opt("version", String),
            opt("serial_number", String).contributes(),
            opt("signature_algorithm", String),
            opt("issuer", String),
            opt("validity_not_before", Timestamp),
            opt("validity_not_after", Timestamp),
            opt("subject", String),
            opt("subject_public_key_algorithm", String),
            opt("subject_public_key_modulus", String),
            opt("subject_public_key_exponent", INTEGER),
            opt("x509_v3_extensions", Object(&X509_V3)),
        ],
        SCO,
    ],
    &[
        must("certificate-content", Test::AnyBut(ENVELOPE), "a certificate needs at least one property"),
        should(
            "validity-order",
            Test::Order("validity_not_before", "validity_not_after", false),
            "`validity_not_after` is earlier than `validity_not_before`",
        ),
    ],
    &[],
);

static X509_V3: Shape = shape(
    "x509-v3-extensions-type",
    "6.18.2",
    &[&[
        opt("basic_constraints", String),
        opt("name_constraints", String),
        opt("policy_constraints", String),
        opt("key_usage", String),
        opt("extended_key_usage", String),
        opt("subject_key_identifier", String),
        opt("authority_key_identifier", String),
        opt("subject_alternative_name", String),
        opt("issuer_alternative_name", String),
        opt("subject_directory_attributes", String),
        opt("crl_distribution_points", String),
        opt("inhibit_any_policy", String),
        opt("private_key_usage_period_not_before", Timestamp),
        opt("private_key_usage_period_not_after", Timestamp),
        opt("certificate_policies", String),
        opt("policy_mappings", String),
    ]],
    &[must("x509-v3-content", Test::AnyBut(&[]), "the v3 extensions need at least one property")],
);
