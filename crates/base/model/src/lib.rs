//! The words every other crate uses: instants, ids, worlds, labels and findings.
//!
//! **Invariant:** every type here is a plain value with a total order or a total parser. Nothing is
//! read from the surroundings: no clock, no randomness, no environment.
//!
//! **Must not know:** JSON, STIX, HTTP, SQL, files. If a type needs one of those it belongs further up.

mod finding;
mod ids;
mod label;
mod time;

pub use finding::{Finding, Severity};
pub use ids::{
    AccountId, AgreementId, CollectionId, DecisionId, Digest, HeldId, InvalidId, PartyId, Seq, SourceId,
    StatusId, StixId, Tenant, TokenId, Uuid, VersionId, World,
};
pub use label::{Label, Tlp};
pub use time::{InvalidTimestamp, Timestamp};
