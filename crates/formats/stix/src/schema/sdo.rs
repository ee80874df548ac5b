//! Domain objects (STIX 2.1 §4).

use super::common::{ANY_SCO, KILL_CHAIN_PHASES, OBJECT_REFS, SDO, STRINGS};
use super::vocabulary::{
    ATTACK_MOTIVATION, ATTACK_RESOURCE_LEVEL, GROUPING_CONTEXT, IDENTITY_CLASS, IMPLEMENTATION_LANGUAGE,
    INDICATOR_TYPE, INDUSTRY_SECTOR, INFRASTRUCTURE_TYPE, MALWARE_CAPABILITIES, MALWARE_RESULT, MALWARE_TYPE,
    OPINION, PATTERN_TYPE, PROCESSOR_ARCHITECTURE, REGION, REPORT_TYPE, THREAT_ACTOR_ROLE,
    THREAT_ACTOR_SOPHISTICATION, THREAT_ACTOR_TYPE, TOOL_TYPE,
};
use super::{Property, Rule, Targets, Test, TypeSchema, ValueType, deprecated, must, opt, req, shape};
use crate::validate::Class;
use ValueType::{Boolean, Closed, Container, Float, Integer, List, Open, Reference, String, Timestamp};

pub(super) static ALL: &[&TypeSchema] = &[
    &ATTACK_PATTERN,
    &CAMPAIGN,
    &COURSE_OF_ACTION,
    &GROUPING,
    &IDENTITY,
    &INCIDENT,
    &INDICATOR,
    &INFRASTRUCTURE,
    &INTRUSION_SET,
    &LOCATION,
    &MALWARE,
    &MALWARE_ANALYSIS,
    &NOTE,
    &OBSERVED_DATA,
    &OPINION_TYPE,
    &REPORT,
    &THREAT_ACTOR,
    &TOOL,
    &VULNERABILITY,
];

const fn sdo(
    name: &'static str,
    section: &'static str,
    groups: &'static [&'static [Property]],
    rules: &'static [Rule],
) -> TypeSchema {
    TypeSchema { shape: shape(name, section, groups, rules), class: Class::Sdo, extensions: &[] }
}

const SOFTWARE: &Targets = &Targets { types: &["software"], classes: &[] };
const SAMPLES: &Targets = &Targets { types: &["artifact", "file"], classes: &[] };
const ANALYSED: &Targets = &Targets { types: &["artifact", "file", "network-traffic"], classes: &[] };
const OBSERVED: &Targets = &Targets { types: &[], classes: &[Class::Sco, Class::Sro] };

const SEEN: Rule = must(
    "last-seen-order",
    Test::Order("first_seen", "last_seen", false),
    "`last_seen` must not be earlier than `first_seen`",
);

static ATTACK_PATTERN: TypeSchema = sdo(
    "attack-pattern",
    "4.1",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("aliases", STRINGS),
            opt("kill_chain_phases", KILL_CHAIN_PHASES),
        ],
        SDO,
    ],
    &[],
);

static CAMPAIGN: TypeSchema = sdo(
    "campaign",
    "4.2",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("aliases", STRINGS),
            opt("first_seen", Timestamp),
            opt("last_seen", Timestamp),
            opt("objective", String),
        ],
        SDO,
    ],
    &[SEEN],
);

static COURSE_OF_ACTION: TypeSchema =
    sdo("course-of-action", "4.3", &[&[req("name", String), opt("description", String)], SDO], &[]);

static GROUPING: TypeSchema = sdo(
    "grouping",
    "4.4",
    &[
        &[
            opt("name", String),
            opt("description", String),
            req("context", Open(GROUPING_CONTEXT)),
            req("object_refs", OBJECT_REFS),
        ],
        SDO,
    ],
    &[],
);

static IDENTITY: TypeSchema = sdo(
    "identity",
    "4.5",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("roles", STRINGS),
            opt("identity_class", Open(IDENTITY_CLASS)),
            opt("sectors", List(&Open(INDUSTRY_SECTOR))),
            opt("contact_information", String),
        ],
        SDO,
    ],
    &[],
);

static INCIDENT: TypeSchema =
    sdo("incident", "4.6", &[&[req("name", String), opt("description", String)], SDO], &[]);

static INDICATOR: TypeSchema = sdo(
    "indicator",
    "4.7",
    &[
        &[
            opt("name", String),
            opt("description", String),
            opt("indicator_types", List(&Open(INDICATOR_TYPE))),
            req("pattern", String),
            req("pattern_type", Open(PATTERN_TYPE)),
            opt("pattern_version", String),
            req("valid_from", Timestamp),
            opt("valid_until", Timestamp),
            opt("kill_chain_phases", KILL_CHAIN_PHASES),
        ],
        SDO,
    ],
    &[must(
        "valid-until-order",
        Test::Order("valid_from", "valid_until", true),
        "`valid_until` must be later than `valid_from`",
    )],
);

static INFRASTRUCTURE: TypeSchema = sdo(
    "infrastructure",
    "4.8",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("infrastructure_types", List(&Open(INFRASTRUCTURE_TYPE))),
            opt("aliases", STRINGS),
            opt("kill_chain_phases", KILL_CHAIN_PHASES),
            opt("first_seen", Timestamp),
            opt("last_seen", Timestamp),
        ],
        SDO,
    ],
    &[SEEN],
);

static INTRUSION_SET: TypeSchema = sdo(
    "intrusion-set",
    "4.9",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("aliases", STRINGS),
            opt("first_seen", Timestamp),
            opt("last_seen", Timestamp),
            opt("goals", STRINGS),
            opt("resource_level", Open(ATTACK_RESOURCE_LEVEL)),
            opt("primary_motivation", Open(ATTACK_MOTIVATION)),
            opt("secondary_motivations", List(&Open(ATTACK_MOTIVATION))),
        ],
        SDO,
    ],
    &[SEEN],
);

static LOCATION: TypeSchema = sdo(
    "location",
    "4.10",
    &[
        &[
            opt("name", String),
            opt("description", String),
            opt("latitude", Float(-90.0, 90.0)),
            opt("longitude", Float(-180.0, 180.0)),
            opt("precision", Float(0.0, f64::MAX)),
            opt("region", Open(REGION)),
            opt("country", String),
            opt("administrative_area", String),
            opt("city", String),
            opt("street_address", String),
            opt("postal_code", String),
        ],
        SDO,
    ],
    &[
        must(
            "location-content",
            Test::AnyOf(&["region", "country", "latitude", "longitude"]),
            "a location needs `region`, `country`, or `latitude` with `longitude`",
        ),
        must(
            "longitude-required",
            Test::Requires("latitude", &["longitude"]),
            "`latitude` needs `longitude`",
        ),
        must("latitude-required", Test::Requires("longitude", &["latitude"]), "`longitude` needs `latitude`"),
        must(
            "precision-needs-coordinates",
            Test::Requires("precision", &["latitude", "longitude"]),
            "`precision` needs `latitude` and `longitude`",
        ),
    ],
);

static MALWARE: TypeSchema = sdo(
    "malware",
    "4.11",
    &[
        &[
            opt("name", String),
            opt("description", String),
            opt("malware_types", List(&Open(MALWARE_TYPE))),
            req("is_family", Boolean),
            opt("aliases", STRINGS),
            opt("kill_chain_phases", KILL_CHAIN_PHASES),
            opt("first_seen", Timestamp),
            opt("last_seen", Timestamp),
            opt("operating_system_refs", List(&Reference(SOFTWARE))),
            opt("architecture_execution_envs", List(&Open(PROCESSOR_ARCHITECTURE))),
            opt("implementation_languages", List(&Open(IMPLEMENTATION_LANGUAGE))),
            opt("capabilities", List(&Open(MALWARE_CAPABILITIES))),
            opt("sample_refs", List(&Reference(SAMPLES))),
        ],
        SDO,
    ],
    &[
        must(
            "family-name-required",
            Test::RequiresWhen("is_family", true, &["name"]),
            "a malware family needs a `name`",
        ),
        SEEN,
    ],
);

static MALWARE_ANALYSIS: TypeSchema = sdo(
    "malware-analysis",
    "4.12",
    &[
        &[
            req("product", String),
            opt("version", String),
            opt("host_vm_ref", Reference(SOFTWARE)),
            opt("operating_system_ref", Reference(SOFTWARE)),
            opt("installed_software_refs", List(&Reference(SOFTWARE))),
            opt("configuration_version", String),
            opt("modules", STRINGS),
            opt("analysis_engine_version", String),
            opt("analysis_definition_version", String),
            opt("submitted", Timestamp),
            opt("analysis_started", Timestamp),
            opt("analysis_ended", Timestamp),
            opt("result_name", String),
            opt("result", Open(MALWARE_RESULT)),
            opt("analysis_sco_refs", List(&Reference(ANY_SCO))),
            opt("sample_ref", Reference(ANALYSED)),
        ],
        SDO,
    ],
    &[must(
        "analysis-result",
        Test::AnyOf(&["result", "analysis_sco_refs"]),
        "a malware analysis needs `result` or `analysis_sco_refs`",
    )],
);

static NOTE: TypeSchema = sdo(
    "note",
    "4.13",
    &[
        &[
            opt("abstract", String),
            req("content", String),
            opt("authors", STRINGS),
            req("object_refs", OBJECT_REFS),
        ],
        SDO,
    ],
    &[],
);

static OBSERVED_DATA: TypeSchema = sdo(
    "observed-data",
    "4.14",
    &[
        &[
            req("first_observed", Timestamp),
            req("last_observed", Timestamp),
            req("number_observed", Integer(1, 999_999_999)),
            opt("objects", Container),
            opt("object_refs", List(&Reference(OBSERVED))),
        ],
        SDO,
    ],
    &[
        must(
            "observed-content",
            Test::AnyOf(&["objects", "object_refs"]),
            "observed data needs `object_refs`, or the deprecated `objects`",
        ),
        must(
            "objects-xor-object-refs",
            Test::NotBoth("objects", "object_refs"),
            "observed data has either `objects` or `object_refs`, not both",
        ),
        must(
            "last-observed-order",
            Test::Order("first_observed", "last_observed", false),
            "`last_observed` must not be earlier than `first_observed`",
        ),
        deprecated(
            "objects-deprecated",
            Test::Absent(&["objects"]),
            "`objects` is deprecated in favour of `object_refs`",
        ),
    ],
);

static OPINION_TYPE: TypeSchema = sdo(
    "opinion",
    "4.15",
    &[
        &[
            opt("explanation", String),
            opt("authors", STRINGS),
            req("opinion", Closed(OPINION)),
            req("object_refs", OBJECT_REFS),
        ],
        SDO,
    ],
    &[],
);

static REPORT: TypeSchema = sdo(
    "report",
    "4.16",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("report_types", List(&Open(REPORT_TYPE))),
            req("published", Timestamp),
            req("object_refs", OBJECT_REFS),
        ],
        SDO,
    ],
    &[],
);

static THREAT_ACTOR: TypeSchema = sdo(
    "threat-actor",
    "4.17",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("threat_actor_types", List(&Open(THREAT_ACTOR_TYPE))),
            opt("aliases", STRINGS),
            opt("first_seen", Timestamp),
            opt("last_seen", Timestamp),
            opt("roles", List(&Open(THREAT_ACTOR_ROLE))),
            opt("goals", STRINGS),
            opt("sophistication", Open(THREAT_ACTOR_SOPHISTICATION)),
            opt("resource_level", Open(ATTACK_RESOURCE_LEVEL)),
            opt("primary_motivation", Open(ATTACK_MOTIVATION)),
            opt("secondary_motivations", List(&Open(ATTACK_MOTIVATION))),
            opt("personal_motivations", List(&Open(ATTACK_MOTIVATION))),
        ],
        SDO,
    ],
    &[SEEN],
);

static TOOL: TypeSchema = sdo(
    "tool",
    "4.18",
    &[
        &[
            req("name", String),
            opt("description", String),
            opt("tool_types", List(&Open(TOOL_TYPE))),
            opt("aliases", STRINGS),
            opt("kill_chain_phases", KILL_CHAIN_PHASES),
            opt("tool_version", String),
        ],
        SDO,
    ],
    &[],
);

static VULNERABILITY: TypeSchema =
    sdo("vulnerability", "4.19", &[&[req("name", String), opt("description", String)], SDO], &[]);
