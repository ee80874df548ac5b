//! Meta objects: language content, marking definitions and extension definitions (STIX 2.1 §7), and the
//! relationship objects (§5).

use super::common::{ANY_OBJECT, EXTENSION_DEFINITION, IDENTITY, MARKING_DEFINITION, SDO, STRINGS};
use super::vocabulary::EXTENSION_TYPE;
use super::{Shape, Targets, Test, TypeSchema, ValueType, must, opt, req, shape, should};
use crate::validate::Class;
use ValueType::{Any, Boolean, Closed, Integer, List, Reference, String, Timestamp, Translations};

pub(super) static ALL: &[&TypeSchema] =
    &[&RELATIONSHIP, &SIGHTING, &MARKING, &LANGUAGE_CONTENT, &EXTENSION_DEFINITION_TYPE];

const fn meta(class: Class, shape: Shape) -> TypeSchema {
    TypeSchema { shape, class, extensions: &[] }
}

const ENDS: &Targets = &Targets { types: &[], classes: &[Class::Sdo, Class::Sco] };
const SIGHTED: &Targets = &Targets { types: &[], classes: &[Class::Sdo] };
const OBSERVED: &Targets = &Targets { types: &["observed-data"], classes: &[] };
const PLACES: &Targets = &Targets { types: &["identity", "location"], classes: IDENTITY.classes };

static RELATIONSHIP: TypeSchema = meta(
    Class::Sro,
    shape(
        "relationship",
        "5.1",
        &[
            &[
                req("relationship_type", String),
                opt("description", String),
                req("source_ref", Reference(ENDS)),
                req("target_ref", Reference(ENDS)),
                opt("start_time", Timestamp),
                opt("stop_time", Timestamp),
            ],
            SDO,
        ],
        &[must(
            "stop-after-start",
            Test::Order("start_time", "stop_time", true),
            "`stop_time` must be later than `start_time`",
        )],
    ),
);

static SIGHTING: TypeSchema = meta(
    Class::Sro,
    shape(
        "sighting",
        "5.2",
        &[
            &[
                opt("description", String),
                opt("first_seen", Timestamp),
                opt("last_seen", Timestamp),
                opt("count", Integer(0, 999_999_999)),
                req("sighting_of_ref", Reference(SIGHTED)),
                opt("observed_data_refs", List(&Reference(OBSERVED))),
                opt("where_sighted_refs", List(&Reference(PLACES))),
                opt("summary", Boolean),
            ],
            SDO,
        ],
        &[must(
            "last-seen-order",
            Test::Order("first_seen", "last_seen", false),
            "`last_seen` must not be earlier than `first_seen`",
        )],
    ),
);

static MARKING: TypeSchema = meta(
    Class::MarkingDefinition,
    shape(
        "marking-definition",
        "7.2.1",
        &[&[opt("name", String), opt("definition_type", String), opt("definition", Any)], MARKING_DEFINITION],
        &[
            must(
                "definition-type-required",
                Test::AnyOf(&["definition_type", "extensions"]),
                "a marking definition needs `definition_type` with `definition`, or an extension",
            ),
            must(
                "definition-required",
                Test::Requires("definition_type", &["definition"]),
                "`definition_type` needs its `definition`",
            ),
            must(
                "definition-without-type",
                Test::Requires("definition", &["definition_type"]),
                "`definition` needs its `definition_type`",
            ),
            should(
                "marking-without-version",
                Test::Absent(&["modified", "revoked", "labels", "confidence", "lang"]),
                "a marking definition has no versions, so no `modified`, `revoked`, `labels`, `confidence` or `lang`",
            ),
        ],
    ),
);

static LANGUAGE_CONTENT: TypeSchema = meta(
    Class::LanguageContent,
    shape(
        "language-content",
        "7.1",
        &[
            &[
                req("object_ref", Reference(ANY_OBJECT)),
                opt("object_modified", Timestamp),
                req("contents", Translations),
            ],
            SDO,
        ],
        &[should(
            "language-of-language-content",
            Test::Absent(&["lang"]),
            "`lang` does not apply to language content: its `contents` name their languages",
        )],
    ),
);

static EXTENSION_DEFINITION_TYPE: TypeSchema = meta(
    Class::ExtensionDefinition,
    shape(
        "extension-definition",
        "7.3",
        &[
            &[
                req("name", String),
                opt("description", String),
                req("schema", String),
                req("version", String),
                req("extension_types", List(&Closed(EXTENSION_TYPE))),
                opt("extension_properties", STRINGS),
            ],
            EXTENSION_DEFINITION,
        ],
        &[],
    ),
);

/// A TLP level as a marking definition that everybody shares.
#[derive(Debug)]
pub(crate) struct TlpMarking {
    /// The fixed id.
    pub(crate) id: &'static str,
    /// The value of `definition.tlp` (TLP 1, STIX 2.1 §7.2.1.4) or of `tlp_2_0` in the extension.
    pub(crate) value: &'static str,
    /// Whether it is of TLP 2.0, which is written as an extension.
    pub(crate) version_2: bool,
    /// The fixed time of creation.
    pub(crate) created: &'static str,
}

/// The extension that carries TLP 2.0 levels.
pub(crate) const TLP_2_EXTENSION: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

const fn tlp_1(id: &'static str, value: &'static str) -> TlpMarking {
    TlpMarking { id, value, version_2: false, created: "2017-01-20T00:00:00.000Z" }
}

const fn tlp_2(id: &'static str, value: &'static str) -> TlpMarking {
    TlpMarking { id, value, version_2: true, created: "2022-10-01T00:00:00.000Z" }
}

/// The TLP 1 and TLP 2.0 marking definitions.
pub(crate) const TLP_MARKINGS: &[TlpMarking] = &[
    tlp_1("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", "white"),
    tlp_1("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", "green"),
    tlp_1("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", "amber"),
    tlp_1("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", "red"),
    tlp_2("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "clear"),
    tlp_2("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "green"),
    tlp_2("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", "amber"),
    tlp_2("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "amber+strict"),
    tlp_2("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", "red"),
];
