//! The words of TAXII 2.1: media types, resources, query parameters and page tokens, for server and client alike.
//!
//! **Invariant:** an object inside an [`EnvelopeWriter`]'s output has exactly the bytes it was given with, and a
//! [`Query`] that exists is well formed: every value was decoded, checked and bounded (TAXII 2.1 §3.4).
//!
//! **Must not know:** HTTP libraries, stores, accounts, or what an object means. It names headers and status
//! resources; who may see what is decided elsewhere.

mod envelope;
mod media;
mod page_token;
mod query;
mod wire;

pub use envelope::{Envelope, EnvelopeError, EnvelopeWriter};
pub use media::{MEDIA_TYPE, MEDIA_TYPE_UNVERSIONED, accepts, content_type_ok, response_type_ok};
pub use page_token::{page_token, read_page_token};
pub use query::{Query, QueryError, VersionMatch};
pub use wire::{
    ApiRoot, Collection, Collections, Discovery, ErrorMessage, Manifest, ManifestEntry, Status, StatusDetail,
    Versions,
};

use model::Timestamp;

/// Names the instant at which the first item of a page was added to its collection (TAXII 2.1 §3.2).
pub const DATE_ADDED_FIRST: &str = "x-taxii-date-added-first";
/// Names the instant at which the last item of a page was added to its collection (TAXII 2.1 §3.2).
pub const DATE_ADDED_LAST: &str = "x-taxii-date-added-last";

/// An instant with all six digits of its microseconds, as `date_added` and the two headers carry it.
///
/// The digits matter: a reader hands the text back as `added_after`, and what was cut off would be sent again.
#[must_use]
pub fn date_added(instant: Timestamp) -> String {
    let mut text = instant.to_string();
    // `Timestamp` writes three digits where the others are zero: 2026-01-31T12:00:00.000Z.
    if text.len() == 24 {
        text.insert_str(23, "000");
    }
    text
}
