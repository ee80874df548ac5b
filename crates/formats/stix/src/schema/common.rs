//! Properties that many types share (STIX 2.1 §3.2) and the nested types of §2.

use super::{Property, Rule, Shape, Targets, Test, ValueType, must, opt, req, shape};
use crate::validate::Class;
use ValueType::{
    Boolean, Dictionary, Extensions, Fixed, Hashes, Hyphenated, Id, Instant, Integer, Language, List, Object,
    Reference, Selector, String,
};

pub(super) const STRINGS: ValueType = List(&String);

/// §2.10: integers are exact up to 2^53 - 1.
pub(super) const MAX_INTEGER: i64 = (1 << 53) - 1;
pub(super) const INTEGER: ValueType = Integer(-MAX_INTEGER, MAX_INTEGER);
pub(super) const COUNT: ValueType = Integer(0, MAX_INTEGER);

pub(super) const ANY_OBJECT: &Targets = &Targets {
    types: &["marking-definition", "language-content", "extension-definition"],
    classes: &[Class::Sdo, Class::Sco, Class::Sro],
};
pub(super) const ANY_SCO: &Targets = &Targets { types: &[], classes: &[Class::Sco] };
pub(super) const IDENTITY: &Targets = &Targets { types: &["identity"], classes: &[] };
pub(super) const MARKING: &Targets = &Targets { types: &["marking-definition"], classes: &[] };

pub(super) const OBJECT_REFS: ValueType = List(&Reference(ANY_OBJECT));

const MARKING_REFS: ValueType = List(&Reference(MARKING));
const GRANULAR_MARKINGS: ValueType = List(&Object(&GRANULAR_MARKING));
pub(super) const EXTERNAL_REFERENCES: ValueType = List(&Object(&EXTERNAL_REFERENCE));
pub(super) const KILL_CHAIN_PHASES: ValueType = List(&Object(&KILL_CHAIN_PHASE));

/// Domain and relationship objects, and what behaves like them.
pub(super) const SDO: &[Property] = &[
    req("type", String),
    req("spec_version", Fixed("2.1")),
    req("id", Id),
    opt("created_by_ref", Reference(IDENTITY)),
    req("created", Instant),
    req("modified", Instant),
    opt("revoked", Boolean),
    opt("labels", STRINGS),
    opt("confidence", Integer(0, 100)),
    opt("lang", Language),
    opt("external_references", EXTERNAL_REFERENCES),
    opt("object_marking_refs", MARKING_REFS),
    opt("granular_markings", GRANULAR_MARKINGS),
    opt("extensions", Extensions),
];

/// Cyber-observable objects.
pub(super) const SCO: &[Property] = &[
    req("type", String),
    req("id", Id),
    opt("spec_version", Fixed("2.1")),
    opt("object_marking_refs", MARKING_REFS),
    opt("granular_markings", GRANULAR_MARKINGS),
    opt("defanged", Boolean),
    opt("extensions", Extensions),
];

/// Marking definitions have no versions; properties that would give them one are known so that a rule can name
/// them.
pub(super) const MARKING_DEFINITION: &[Property] = &[
    req("type", String),
    req("spec_version", Fixed("2.1")),
    req("id", Id),
    opt("created_by_ref", Reference(IDENTITY)),
    req("created", Instant),
    opt("modified", Instant),
    opt("revoked", Boolean),
    opt("labels", STRINGS),
    opt("confidence", Integer(0, 100)),
    opt("lang", Language),
    opt("external_references", EXTERNAL_REFERENCES),
    opt("object_marking_refs", MARKING_REFS),
    opt("granular_markings", GRANULAR_MARKINGS),
    opt("extensions", Extensions),
];

/// An extension definition must name its creator (§7.3).
pub(super) const EXTENSION_DEFINITION: &[Property] = &[
    req("type", String),
    req("spec_version", Fixed("2.1")),
    req("id", Id),
    req("created_by_ref", Reference(IDENTITY)),
    req("created", Instant),
    req("modified", Instant),
    opt("revoked", Boolean),
    opt("labels", STRINGS),
    opt("external_references", EXTERNAL_REFERENCES),
    opt("object_marking_refs", MARKING_REFS),
    opt("granular_markings", GRANULAR_MARKINGS),
];

/// A custom type that says nothing about its family: nothing but type and id is required.
const UNKNOWN: &[Property] = &[
    req("type", String),
    opt("spec_version", Fixed("2.1")),
    req("id", Id),
    opt("created_by_ref", Reference(IDENTITY)),
    opt("created", Instant),
    opt("modified", Instant),
    opt("revoked", Boolean),
    opt("labels", STRINGS),
    opt("confidence", Integer(0, 100)),
    opt("lang", Language),
    opt("external_references", EXTERNAL_REFERENCES),
    opt("object_marking_refs", MARKING_REFS),
    opt("granular_markings", GRANULAR_MARKINGS),
    opt("defanged", Boolean),
    opt("extensions", Extensions),
];

const VERSIONED: &[Rule] = &[
    must(
        "custom-modified-required",
        Test::Requires("created", &["modified"]),
        "`created` without `modified`",
    ),
    must("custom-created-required", Test::Requires("modified", &["created"]), "`modified` without `created`"),
];

pub(super) static CUSTOM: Shape = shape("custom object", "11.2", &[&[], UNKNOWN], VERSIONED);
pub(super) static CUSTOM_SDO: Shape = shape("custom domain object", "7.3", &[&[], SDO], &[]);
pub(super) static CUSTOM_SCO: Shape = shape("custom cyber-observable", "7.3", &[&[], SCO], &[]);

static EXTERNAL_REFERENCE: Shape = shape(
    "external-reference",
    "2.5",
    &[&[
        req("source_name", String),
        opt("description", String),
        opt("url", String),
        opt("hashes", Hashes),
        opt("external_id", String),
    ]],
    &[
        must(
            "external-reference-content",
            Test::AnyOf(&["description", "url", "external_id"]),
            "an external reference needs at least one of `description`, `url` and `external_id`",
        ),
        must(
            "cve-id",
            Test::PrefixWhen("source_name", "cve", "external_id", "CVE-"),
            "the `external_id` of a `cve` reference must have the form CVE-[id]",
        ),
        must(
            "capec-id",
            Test::PrefixWhen("source_name", "capec", "external_id", "CAPEC-"),
            "the `external_id` of a `capec` reference must have the form CAPEC-[id]",
        ),
    ],
);

static KILL_CHAIN_PHASE: Shape = shape(
    "kill-chain-phase",
    "2.11",
    &[&[req("kill_chain_name", Hyphenated), req("phase_name", Hyphenated)]],
    &[],
);

static GRANULAR_MARKING: Shape = shape(
    "granular-marking",
    "7.2.3",
    &[&[opt("lang", Language), opt("marking_ref", Reference(MARKING)), req("selectors", List(&Selector))]],
    &[
        must(
            "granular-marking-content",
            Test::AnyOf(&["lang", "marking_ref"]),
            "a granular marking needs `lang` or `marking_ref`",
        ),
        must(
            "granular-marking-exclusive",
            Test::NotBoth("lang", "marking_ref"),
            "a granular marking has either `lang` or `marking_ref`, not both",
        ),
    ],
);

/// §2.3 with a header's repeated values.
pub(super) const HEADERS: ValueType = Dictionary(&STRINGS);
