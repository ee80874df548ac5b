//! The values that cross the store's line.

use model::{
    AccountId, CollectionId, Finding, HeldId, Label, PartyId, Seq, SourceId, StatusId, StixId, Tenant,
    Timestamp, TokenId, VersionId, World,
};
use observable::Observable;

/// Whose data, and in which world. Leads every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The hosted party.
    pub tenant: Tenant,
    /// Real, or one exercise.
    pub world: World,
}

/// A version of an object to be stored with all its projections.
#[derive(Debug, Clone)]
pub struct NewVersion<'a> {
    /// The object.
    pub id: &'a StixId,
    /// Its STIX type.
    pub type_name: &'a str,
    /// The version: `modified`, or `created`, or the instant of acceptance for unversioned objects.
    pub version: Timestamp,
    /// `created`, where the object has one.
    pub created: Option<Timestamp>,
    /// 0 for the full rendition; otherwise a number derived from the pointers that were removed.
    pub rendition: u32,
    /// The object exactly as received (or as upgraded, or made here).
    pub raw: &'a str,
    /// Whom it came from.
    pub source: SourceId,
    /// How widely it may be handed on: markings, narrowed by the overlay.
    pub label: Label,
    /// The label that output must add because the bytes do not say it.
    pub overlay: Option<Label>,
    /// `created_by_ref`.
    pub created_by: Option<&'a StixId>,
    /// Whether this version revokes the object.
    pub revoked: bool,
    /// `confidence`, 0 to 100.
    pub confidence: Option<u8>,
    /// Whether this is now the newest version (and full rendition) of the object.
    pub latest: bool,
    /// References to other objects.
    pub edges: Vec<Edge>,
    /// Values to find the object by.
    pub observables: Vec<Observable>,
    /// Collections it enters now.
    pub collections: Vec<CollectionId>,
    /// What the checks said, warnings and above.
    pub findings: Vec<Finding>,
    /// The facts that policy decides by, as canonical text: versions with the same text are one class. Empty for
    /// [`crate::trust::TrustTx::unclassified`] to find it.
    pub class: &'a str,
}

/// What the name of an [`Edge`] starts with that joins a relationship's two ends: `relationship:uses`.
///
/// Such an edge points to the target; its source is what the edge named `source_ref` points to, or the object itself
/// when there is none. The store reads it back as one [`GraphEdge`] with the type as its name, in place of
/// the object's `source_ref` and `target_ref`.
pub const RELATIONSHIP: &str = "relationship:";

/// A reference from one object to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The property's name (`created_by_ref`), or [`RELATIONSHIP`] and the type for a relationship's two ends joined.
    pub name: String,
    /// Where it points.
    pub target: StixId,
}

/// An edge of the graph, as read back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GraphEdge {
    /// From.
    pub source: StixId,
    /// Property or relationship type.
    pub name: String,
    /// To.
    pub target: StixId,
}

/// What the store holds about an object, before a new version is decided on.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// The newest version, if any.
    pub latest: Option<Latest>,
    /// The renditions of the version asked for; for unversioned objects the most recent versions (at most 16).
    pub same: Vec<Rendition>,
    /// Whether the object was erased here; tombstones outrank replay.
    pub erased: bool,
}

/// Facts about the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its version.
    pub version: Timestamp,
    /// `created`.
    pub created: Option<Timestamp>,
    /// Whether the object is revoked.
    pub revoked: bool,
    /// Its creator.
    pub created_by: Option<StixId>,
    /// The source that delivered its first version.
    pub first_source: SourceId,
}

/// One stored rendition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Its row.
    pub version_id: VersionId,
    /// 0 for full.
    pub rendition: u32,
    /// Its label, so that the same object arriving with a narrower one can be noticed.
    pub label: Label,
    /// Raw text.
    pub raw: String,
    /// Whether an origin statement is kept with it.
    pub vouched: bool,
}

/// A stored version, as read.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its row.
    pub version_id: VersionId,
    /// The object.
    pub id: StixId,
    /// Its version.
    pub version: Timestamp,
    /// 0 for full.
    pub rendition: u32,
    /// Raw text, byte-faithful.
    pub raw: String,
    /// Effective label.
    pub label: Label,
    /// Label that output must add.
    pub overlay: Option<Label>,
    /// Whom it came from.
    pub source: SourceId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Its journal entry.
    pub seq: Seq,
    /// Whether it is revoked.
    pub revoked: bool,
    /// Whether it is the newest.
    pub latest: bool,
}

/// What happened, in a journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JournalKind {
    /// A version became the newest.
    Put,
    /// An older version, or another rendition, was added to the history.
    History,
    /// A version's label was narrowed.
    Relabel,
    /// A value was held for a decision.
    Held,
    /// A held value was released or dropped.
    Decided,
    /// An object was removed from a collection (TAXII DELETE).
    Removed,
    /// An object was erased; only a keyed tombstone is left.
    Erased,
}

impl JournalKind {
    /// Every kind, in the order of its stored number (its place in this list).
    pub const ALL: [Self; 7] =
        [Self::Put, Self::History, Self::Relabel, Self::Held, Self::Decided, Self::Removed, Self::Erased];

    /// The name in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::History => "history",
            Self::Relabel => "relabel",
            Self::Held => "held",
            Self::Decided => "decided",
            Self::Removed => "removed",
            Self::Erased => "erased",
        }
    }
}

/// One journal entry. It holds no payload, value or hash: what it points to can be erased under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Gap-free place.
    pub seq: Seq,
    /// World of the entry.
    pub world: World,
    /// When it was committed.
    pub at: Timestamp,
    /// What happened.
    pub kind: JournalKind,
    /// The source concerned.
    pub source: SourceId,
    /// The version concerned, while it exists.
    pub object: Option<JournalObject>,
}

/// The object behind a journal entry, joined in while it is still held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalObject {
    /// Its version row.
    pub version_id: VersionId,
    /// Its id.
    pub id: StixId,
    /// Its version.
    pub version: Timestamp,
    /// Its label now.
    pub label: Label,
}

/// What a collection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CollectionKind {
    /// Only objects explicitly TLP:CLEAR.
    Public,
    /// Everything accepted.
    Own,
    /// What one source delivered.
    Source(SourceId),
}

/// A TAXII collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// TAXII id.
    pub id: CollectionId,
    /// Alias usable in its place: `public`, `own`, or the source's name.
    pub alias: String,
    /// Human title.
    pub title: String,
    /// What it holds.
    pub kind: CollectionKind,
}

/// Which versions a TAXII request wants (`match[version]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VersionMatch {
    /// The newest in the collection (the default).
    Last,
    /// The oldest in the collection.
    First,
    /// Every one.
    All,
    /// Exactly this one.
    Exact(Timestamp),
}

/// A TAXII object filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFilter {
    /// Added to the collection strictly after this instant.
    pub added_after: Option<Timestamp>,
    /// Any of these ids; empty means all.
    pub ids: Vec<StixId>,
    /// Any of these types; empty means all.
    pub types: Vec<String>,
    /// Any of these versions; empty means [`VersionMatch::Last`].
    pub versions: Vec<VersionMatch>,
    /// Any of these spec versions (`2.0`, `2.1`); empty means all. Everything stored is 2.1.
    pub spec_versions: Vec<String>,
}

/// One entry of a page.
#[derive(Debug, Clone)]
pub struct PageEntry {
    /// When it entered the collection: unique and increasing within it.
    pub added: Timestamp,
    /// The object's id.
    pub id: StixId,
    /// Its version.
    pub version: Timestamp,
    /// Raw text and the overlay; `None` when only the manifest was asked for.
    pub content: Option<(String, Option<Label>)>,
}

/// A page and whether there is more behind it.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In order of `added`.
    pub entries: Vec<PageEntry>,
    /// Whether entries follow.
    pub more: bool,
}

/// Where a value came to rest that needs a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// Its number.
    pub id: HeldId,
    /// When.
    pub at: Timestamp,
    /// Whom it came from.
    pub source: SourceId,
    /// The object's id.
    pub object: StixId,
    /// Why.
    pub findings: Vec<Finding>,
    /// Raw text; empty once decided and dropped.
    pub raw: String,
    /// What came with it beyond its bytes.
    pub wrapping: Wrapping,
    /// The decision, once there is one.
    pub decision: Option<HeldDecision>,
}

/// What came with a value beyond its bytes. It only ever narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrapping {
    /// A label: a MISP distribution, or the effective label of a stream's entry.
    pub narrowing: Option<Label>,
    /// The terms of the agreement it came under, if it did.
    pub terms: Option<WrappingTerms>,
}

/// Under which terms of an agreement a value came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappingTerms {
    /// The party whose word stands behind it, if one does.
    pub origin: Option<PartyId>,
    /// How it may be passed on, as canonical text of the onward rule.
    pub onward: String,
    /// How it may be handled, as canonical text.
    pub handling: String,
}

/// What a person decided about a held value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDecision {
    /// Released into the store, or dropped.
    pub released: bool,
    /// The account's name.
    pub author: String,
    /// In their words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// A place objects come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    /// Local number. 0 is this organisation itself.
    pub id: SourceId,
    /// Unique name, `[a-z0-9-]+`.
    pub name: String,
    /// The descriptor that runs it: `own`, `file`, `taxii`, `misp-feed`.
    pub kind: String,
    /// The descriptor's configuration as JSON. Secrets are references to files, never values.
    pub config: String,
    /// Label for unmarked objects.
    pub default_label: Label,
    /// Whether its reconciler runs.
    pub enabled: bool,
    /// Its collection.
    pub collection: CollectionId,
}

/// How a source is doing: written by its reconciler.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Opaque resume point of the descriptor (JSON).
    pub cursor: Option<String>,
    /// Last time a round went well.
    pub last_success: Option<Timestamp>,
    /// Last failure: when, and what to do about it.
    pub last_error: Option<(Timestamp, String)>,
    /// Failures since the last success.
    pub failures: u32,
    /// Not to be tried before.
    pub retry_at: Option<Timestamp>,
    /// Objects accepted from it so far.
    pub accepted: u64,
}

/// What an account may do. Each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads named collections over TAXII, and hints about them; nothing else.
    Follower,
    /// Reads everything this organisation holds.
    Viewer,
    /// Also adds, revises, imports, and decides on held values.
    Analyst,
    /// Also manages sources, users and tokens, backs up and erases.
    Admin,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 4] = [Self::Follower, Self::Viewer, Self::Analyst, Self::Admin];

    /// The name on the command line and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }
}

/// A local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Unique name.
    pub name: String,
    /// PHC string (argon2id); `None` for accounts that only use tokens.
    pub password: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// An API token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Collections it is confined to; empty means whatever the account may see.
    pub collections: Vec<CollectionId>,
    /// Not valid from then on.
    pub expires: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
}

/// An act of a person or program, kept for audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the audit log.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Account name, or `local operator`.
    pub actor: String,
    /// Dotted verb, such as `held.release`.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// In their words, where a reason is asked for.
    pub reason: String,
}

/// A finding as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Place in the list of findings.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The object, where it is known.
    pub object: Option<StixId>,
    /// The source it came from.
    pub source: SourceId,
    /// The finding.
    pub finding: Finding,
}

/// Where a TAXII add request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRecord {
    /// Its id.
    pub id: StatusId,
    /// The collection posted to.
    pub collection: CollectionId,
    /// Who posted.
    pub account: AccountId,
    /// When the request was received.
    pub received: Timestamp,
    /// Whether every object has been dealt with.
    pub complete: bool,
    /// Objects in the request, in order.
    pub items: Vec<StatusItem>,
}

/// One object of a TAXII add request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusItem {
    /// Its id as posted.
    pub id: String,
    /// Its version as posted.
    pub version: String,
    /// Not yet dealt with, taken in, or refused with the reason.
    pub outcome: ItemOutcome,
}

/// What became of a posted object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// Waiting.
    Pending,
    /// Taken in (or there already).
    Success,
    /// Received, and set aside for a person to decide on.
    Held,
    /// Refused, with why.
    Failure(String),
}

/// A TAXII add request waiting to be dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its status resource.
    pub status: StatusId,
    /// Scope it was posted to.
    pub scope: Scope,
    /// The source its objects count as coming from.
    pub source: SourceId,
    /// The request body: an envelope with `objects`.
    pub body: Vec<u8>,
}

/// The facts a listing of objects may be narrowed by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectFilter {
    /// Any of these types; empty means all.
    pub types: Vec<String>,
    /// From this source only.
    pub source: Option<SourceId>,
    /// With exactly this label.
    pub label: Option<Label>,
    /// Carrying this observable.
    pub observable: Option<Observable>,
    /// Also versions that are not the newest.
    pub all_versions: bool,
}

/// One full-text hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The object.
    pub id: StixId,
    /// Its name or best line.
    pub title: String,
    /// Matching text with the hit between `[` and `]`.
    pub snippet: String,
}

/// What one version contributes to full-text search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDocument {
    /// The version.
    pub version_id: VersionId,
    /// Name, or what stands for it.
    pub title: String,
    /// Everything else worth finding.
    pub body: String,
}

/// The node itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// Organisation name.
    pub name: String,
    /// ISO 3166-1 alpha-2 or alpha-3, where given.
    pub country: Option<String>,
    /// The organisation's STIX identity.
    pub identity: StixId,
    /// When the node was made.
    pub created: Timestamp,
}

/// Sizes, for `/metrics`, `doctor` and the node page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Distinct objects.
    pub objects: u64,
    /// Stored versions.
    pub versions: u64,
    /// Journal head.
    pub head: u64,
    /// The oldest place in the journal that can still be continued from.
    pub horizon: u64,
    /// How far search has followed the journal.
    pub search_cursor: u64,
    /// Undecided held values.
    pub held: u64,
    /// TAXII add requests waiting.
    pub inbox: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a check of the whole store found wrong; empty means sound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Versions looked at.
    pub versions: u64,
    /// Journal entries looked at.
    pub entries: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_the_ones_before_it() {
        assert!(Role::ALL.is_sorted());
        assert_eq!(Role::ALL.map(Role::as_str), ["follower", "viewer", "analyst", "admin"]);
    }

    #[test]
    fn what_happened_has_a_name_of_its_own() {
        let mut names: Vec<_> = JournalKind::ALL.map(JournalKind::as_str).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), JournalKind::ALL.len());
    }
}
