//! The resources as they travel (TAXII 2.1 §3.6, §4, §5). Unknown members are ignored on reading (§7.1.1).
//!
//! Instants are texts here: other servers' spellings are taken as they come and judged by whoever needs them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a server is and which API roots it has (§4.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// Human title.
    pub title: String,
    /// Human description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The API root to prefer: a URL, possibly relative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// API roots: URLs, possibly relative.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_roots: Vec<String>,
}

/// An API root (§4.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRoot {
    /// Human title.
    pub title: String,
    /// Human description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media types with versions; holds [`crate::MEDIA_TYPE`].
    pub versions: Vec<String>,
    /// Largest request body in bytes.
    pub max_content_length: u64,
}

/// The collections of an API root (§5.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collections {
    /// In a stable order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<Collection>,
}

/// One collection (§5.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// A UUID.
    pub id: String,
    /// Human title.
    pub title: String,
    /// Human description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A name usable in place of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whether this client may read.
    pub can_read: bool,
    /// Whether this client may add.
    pub can_write: bool,
    /// Media types of the objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<String>,
}

/// What is in a collection, without the content (§5.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Whether entries follow.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// Token of the next page. The standard leaves it to the URL here; clients that page by it look for it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Entries in order of `date_added`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ManifestEntry>,
}

/// One version of one object in a collection (§5.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// The object's id.
    pub id: String,
    /// When this version entered this collection; see [`crate::date_added`].
    pub date_added: String,
    /// `modified`, or `created`, or what stands for it.
    pub version: String,
    /// Media type of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// The versions of an object in a collection (§5.8.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Whether versions follow.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
    /// Token of the next page. The standard leaves it to the URL here; clients that page by it look for it all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// In order of date added. Left out when there are none, as §5.8.1 demands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

/// Where an add request stands (§4.3.1). The counts are those of the whole request, also when the lists are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// A UUID.
    pub id: String,
    /// `pending` or `complete`.
    pub status: String,
    /// When the request was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_timestamp: Option<String>,
    /// Objects in the request.
    pub total_count: u64,
    /// Objects taken in.
    pub success_count: u64,
    /// Which ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub successes: Vec<StatusDetail>,
    /// Objects refused.
    pub failure_count: u64,
    /// Which ones, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<StatusDetail>,
    /// Objects not yet dealt with.
    pub pending_count: u64,
    /// Which ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pendings: Vec<StatusDetail>,
}

impl Status {
    /// The value of `status` for a request that will not change any more.
    pub const COMPLETE: &str = "complete";
    /// The value of `status` for a request still being dealt with.
    pub const PENDING: &str = "pending";

    /// Whether polling can stop.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status == Self::COMPLETE
    }
}

/// One object of an add request (§4.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetail {
    /// The object's id.
    pub id: String,
    /// Its version. Required, but missing in the specification's own example of a response, and so from servers.
    #[serde(default)]
    pub version: String,
    /// Why it failed, or what else there is to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The body of an error response (§3.6.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// Human title.
    pub title: String,
    /// What happened, to what, and the next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// This occurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_id: Option<String>,
    /// This kind of error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The response's status code, as a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<String>,
    /// A URL with more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_details: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
