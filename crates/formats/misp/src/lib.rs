//! MISP events to STIX 2.1 objects and back, and the index files of MISP feeds.
//!
//! How the two models meet:
//!
//! - A published event is a `report`, an unpublished one a `grouping`; its `Orgc` is the creator's `identity`.
//! - An attribute with `to_ids` is an `indicator`; without, it is `observed-data` with a cyber-observable. Text without a
//!   home in STIX is a `note` that keeps the MISP type. MISP objects combine their attributes likewise.
//! - Galaxy clusters are domain objects, object references are relationships, sightings are sightings.
//! - A deleted attribute or object is a revoked one.
//! - Ids are version 5 UUIDs over MISP's own, in a namespace of ours: importing again gives the same objects, and no
//!   feed can take the id of somebody's native STIX object. MISP's UUID stays in `external_references`.
//! - Galaxy clusters and identities have no dates in MISP; what they hold goes into their id, so equal ids always mean
//!   equal content.
//!
//! **Invariant:** labels only narrow. A `tlp:` tag becomes a marking of the same level or narrower, a distribution level
//! only ever lowers it, and what is not understood means own organisation only. Nothing is dropped without a finding.
//!
//! **Must not know:** where events come from, the clock, stores.

mod attribute;
mod convert;
mod document;
mod export;
mod feed;
mod galaxy;
mod home;
mod label;
mod object;
mod sco;
mod when;

pub use convert::{Context, Converted, Object, to_stix};
pub use document::{detect, events};
pub use export::{ExportContext, Exported, Term, from_stix};
pub use feed::{FeedEvent, feed_hashes, feed_manifest, is_feed_manifest};
