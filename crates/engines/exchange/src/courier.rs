//! The same streams in files, across an air gap or a one-way diode.
//!
//! A file is a signed manifest, readable by whoever carries it, and a sealed body that only the receiver opens:
//!
//! ```text
//! "SWC1"                      magic and version
//! u32, bytes                  text of the manifest: a signed document
//! bytes                       the body, sealed to the receiver's epoch box key (HPKE), to the end of the file
//! ```
//!
//! Unsealed, and unpacked from zstd, a body holds signed documents and pushes exactly as they go over a connection,
//! acknowledgements of the other direction, and ranges its writer still waits for. Each push is then decided on by [`crate::accept`] like any
//! other: so a file that is old, or comes twice, changes nothing.
//!
//! Over a diode nothing comes back, so each export repeats the last entries of the one before ([`first_to_export`]).
//! [`survey`] tells from manifests alone what is missing.

mod bundle;
mod manifest;
mod survey;

pub use bundle::{
    Contents, CourierRefusal, Export, Opened, Opening, export, open, read_manifest, unverified_documents,
};
pub use manifest::{MAX_PARTS, MAX_RANGES, Manifest, Range};
pub use survey::{Gap, Survey, first_to_export, survey};

/// The size cap of one file where nothing else is asked for, in bytes: 64 MiB.
pub const DEFAULT_CAP: u64 = 64 << 20;
