//! The extensions of cyber-observables that the standard itself defines (STIX 2.1 §6).

use super::common::{COUNT, HEADERS, INTEGER, STRINGS};
use super::sco::{ARTIFACTS, FILES, FILES_AND_DIRECTORIES};
use super::vocabulary::{
    INTEGRITY_LEVEL, PE_TYPE, SERVICE_START, SERVICE_STATUS, SERVICE_TYPE, SOCKET_ADDRESS_FAMILY, SOCKET_TYPE,
};
use super::{Rule, Shape, Test, ValueType, must, opt, req, shape};
use ValueType::{
    Boolean, Closed, Dictionary, Float, Hashes, Hex, List, Object, Open, Reference, String, StringOrInteger,
    Timestamp,
};

/// Every predefined extension, whatever type it belongs to.
pub(super) static ALL: &[&Shape] = &[
    &ARCHIVE,
    &NTFS,
    &PDF,
    &RASTER_IMAGE,
    &WINDOWS_PE,
    &HTTP_REQUEST,
    &ICMP,
    &SOCKET,
    &TCP,
    &WINDOWS_PROCESS,
    &WINDOWS_SERVICE,
    &UNIX_ACCOUNT,
];

/// "As all properties of this extension are optional, at least one must be included."
const NOT_EMPTY: &[Rule] =
    &[must("extension-content", Test::AnyBut(&[]), "this extension needs at least one property")];

pub(super) static ARCHIVE: Shape = shape(
    "archive-ext",
    "6.7.2",
    &[&[req("contains_refs", List(&Reference(FILES_AND_DIRECTORIES))), opt("comment", String)]],
    &[],
);

pub(super) static NTFS: Shape = shape(
    "ntfs-ext",
    "6.7.3",
    &[&[opt("sid", String), opt("alternate_data_streams", List(&Object(&ALTERNATE_DATA_STREAM)))]],
    NOT_EMPTY,
);

static ALTERNATE_DATA_STREAM: Shape = shape(
    "alternate-data-stream-type",
    "6.7.3.2",
    &[&[req("name", String), opt("hashes", Hashes), opt("size", COUNT)]],
    &[],
);

pub(super) static PDF: Shape = shape(
    "pdf-ext",
    "6.7.4",
    &[&[
        opt("version", String),
        opt("is_optimized", Boolean),
        opt("document_info_dict", Dictionary(&String)),
        opt("pdfid0", String),
        opt("pdfid1", String),
    ]],
    NOT_EMPTY,
);

pub(super) static RASTER_IMAGE: Shape = shape(
    "raster-image-ext",
    "6.7.5",
    &[&[
        opt("image_height", INTEGER),
        opt("image_width", INTEGER),
        opt("bits_per_pixel", INTEGER),
        opt("exif_tags", Dictionary(&StringOrInteger)),
    ]],
    NOT_EMPTY,
);

pub(super) static WINDOWS_PE: Shape = shape(
    "windows-pebinary-ext",
    "6.7.6",
    &[&[
        req("pe_type", Open(PE_TYPE)),
        opt("imphash", String),
        opt("machine_hex", Hex),
        opt("number_of_sections", COUNT),
        opt("time_date_stamp", Timestamp),
        opt("pointer_to_symbol_table_hex", Hex),
        opt("number_of_symbols", COUNT),
        opt("size_of_optional_header", COUNT),
        opt("characteristics_hex", Hex),
        opt("file_header_hashes", Hashes),
        opt("optional_header", Object(&PE_OPTIONAL_HEADER)),
        opt("sections", List(&Object(&PE_SECTION))),
    ]],
    &[must(
        "extension-content",
        Test::AnyBut(&["pe_type"]),
        "this extension needs at least one property besides `pe_type`",
    )],
);

static PE_OPTIONAL_HEADER: Shape = shape(
    "windows-pe-optional-header-type",
    "6.7.6.2",
    &[&[
        opt("magic_hex", Hex),
        opt("major_linker_version", INTEGER),
        opt("minor_linker_version", INTEGER),
        opt("size_of_code", COUNT),
        opt("size_of_initialized_data", COUNT),
        opt("size_of_uninitialized_data", COUNT),
        opt("address_of_entry_point", INTEGER),
        opt("base_of_code", INTEGER),
        opt("base_of_data", INTEGER),
        opt("image_base", INTEGER),
        opt("section_alignment", INTEGER),
        opt("file_alignment", INTEGER),
        opt("major_os_version", INTEGER),
        opt("minor_os_version", INTEGER),
        opt("major_image_version", INTEGER),
        opt("minor_image_version", INTEGER),
        opt("major_subsystem_version", INTEGER),
        opt("minor_subsystem_version", INTEGER),
        opt("win32_version_value_hex", Hex),
        opt("size_of_image", COUNT),
        opt("size_of_headers", COUNT),
        opt("checksum_hex", Hex),
        opt("subsystem_hex", Hex),
        opt("dll_characteristics_hex", Hex),
        opt("size_of_stack_reserve", COUNT),
        opt("size_of_stack_commit", COUNT),
        opt("size_of_heap_reserve", COUNT),
        opt("size_of_heap_commit", COUNT),
        opt("loader_flags_hex", Hex),
        opt("number_of_rva_and_sizes", INTEGER),
        opt("hashes", Hashes),
    ]],
    &[must("optional-header-content", Test::AnyBut(&[]), "the optional header needs at least one property")],
);

static PE_SECTION: Shape = shape(
    "windows-pe-section-type",
    "6.7.6.3",
    &[&[
        req("name", String),
        opt("size", COUNT),
        opt("entropy", Float(f64::MIN, f64::MAX)),
        opt("hashes", Hashes),
    ]],
    &[],
);

pub(super) static HTTP_REQUEST: Shape = shape(
    "http-request-ext",
    "6.12.2",
    &[&[
        req("request_method", String),
        req("request_value", String),
        opt("request_version", String),
        opt("request_header", HEADERS),
        opt("message_body_length", INTEGER),
        opt("message_body_data_ref", Reference(ARTIFACTS)),
    ]],
    &[],
);

pub(super) static ICMP: Shape =
    shape("icmp-ext", "6.12.3", &[&[req("icmp_type_hex", Hex), req("icmp_code_hex", Hex)]], &[]);

pub(super) static SOCKET: Shape = shape(
    "socket-ext",
    "6.12.4",
    &[&[
        req("address_family", Closed(SOCKET_ADDRESS_FAMILY)),
        opt("is_blocking", Boolean),
        opt("is_listening", Boolean),
        opt("options", Dictionary(&INTEGER)),
        opt("socket_type", Closed(SOCKET_TYPE)),
        opt("socket_descriptor", COUNT),
        opt("socket_handle", INTEGER),
    ]],
    &[],
);

pub(super) static TCP: Shape =
    shape("tcp-ext", "6.12.5", &[&[opt("src_flags_hex", Hex), opt("dst_flags_hex", Hex)]], NOT_EMPTY);

pub(super) static WINDOWS_PROCESS: Shape = shape(
    "windows-process-ext",
    "6.13.2",
    &[&[
        opt("aslr_enabled", Boolean),
        opt("dep_enabled", Boolean),
        opt("priority", String),
        opt("owner_sid", String),
        opt("window_title", String),
        opt("startup_info", Dictionary(&ValueType::Any)),
        opt("integrity_level", Closed(INTEGRITY_LEVEL)),
    ]],
    NOT_EMPTY,
);

pub(super) static WINDOWS_SERVICE: Shape = shape(
    "windows-service-ext",
    "6.13.3",
    &[&[
        opt("service_name", String),
        opt("descriptions", STRINGS),
        opt("display_name", String),
        opt("group_name", String),
        opt("start_type", Closed(SERVICE_START)),
        opt("service_dll_refs", List(&Reference(FILES))),
        opt("service_type", Closed(SERVICE_TYPE)),
        opt("service_status", Closed(SERVICE_STATUS)),
    ]],
    NOT_EMPTY,
);

pub(super) static UNIX_ACCOUNT: Shape = shape(
    "unix-account-ext",
    "6.16.2",
    &[&[opt("gid", INTEGER), opt("groups", STRINGS), opt("home_dir", String), opt("shell", String)]],
    NOT_EMPTY,
);
