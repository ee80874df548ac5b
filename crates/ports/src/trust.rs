//! What the store remembers about other parties: documents, decisions, streams, holdings, the ledger.
//!
//! Rows here are local. What crosses to another party is in the documents and envelopes they carry, as text that is
//! signed and kept byte for byte.
//!
//! Texts of reasons, clauses, obligations, onward rules, errors and openings hold no content, value or id of an object:
//! erasure does not look into them. A row that names a version is refused with [`StoreError::Missing`] when that version is
//! not stored (any more), so that nothing is kept about what was erased while it was being decided on.
//!
//! One file because rows and the two traits that write and read them are one agreement with every store.

use model::{AgreementId, DecisionId, Digest, Label, PartyId, Seq, StixId, Tenant, Timestamp, VersionId};

use crate::records::{Scope, Stored};
use crate::store::StoreError;

/// What a signed document is about. Its place in [`DocumentKind::ALL`] is its stored number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentKind {
    /// A party's key events; the subject is the party.
    KeyEvent,
    /// Appointments of persons to posts; the subject is the party.
    Appointment,
    /// Acts on an agreement, its text included; the subject is the agreement.
    AgreementAct,
    /// A release to a consumer without a node; the subject is the release.
    ConsumerRelease,
    /// A break-glass use, an originator's release, or another decision that persons signed; the subject is the agreement.
    PersonalDecision,
    /// An oversight report; the subject is our party.
    Report,
    /// Invitations, acceptances and openings; the subject is the invitation.
    Pairing,
    /// The node's own rules, unsigned; the subject is zero, and the newest is in force.
    NodeRules,
}

impl DocumentKind {
    /// Every kind, in the order of its stored number.
    pub const ALL: [Self; 8] = [
        Self::KeyEvent,
        Self::Appointment,
        Self::AgreementAct,
        Self::ConsumerRelease,
        Self::PersonalDecision,
        Self::Report,
        Self::Pairing,
        Self::NodeRules,
    ];
}

/// A signed document as kept: append-only, each hash once per kind and subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Local number, in order of arrival.
    pub number: u64,
    /// What it is about.
    pub kind: DocumentKind,
    /// Whom or what it concerns.
    pub subject: Digest,
    /// Digest of its text.
    pub hash: Digest,
    /// The signed text.
    pub text: String,
    /// When it was kept.
    pub at: Timestamp,
}

/// How far a pairing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerState {
    /// We know their keys; our people have not yet confirmed the words.
    Invited,
    /// Confirmed here: streams may flow under agreements.
    Paired,
    /// Ended by either side.
    Ended,
    /// Being ended: nothing new flows, and what is owed (withdrawals, erasures, receipts) still does.
    Ending,
}

impl PeerState {
    /// Every state, in the order of its stored number.
    pub const ALL: [Self; 4] = [Self::Invited, Self::Paired, Self::Ended, Self::Ending];

    /// The name in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Paired => "paired",
            Self::Ended => "ended",
            Self::Ending => "ending",
        }
    }
}

/// Another party's node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRecord {
    /// The party.
    pub party: PartyId,
    /// What our people call it: unique, `[a-z0-9-]+`.
    pub name: String,
    /// `https://host:port` of its peer port; `None` for peers reached by courier files only.
    pub endpoint: Option<String>,
    /// How far the pairing has come.
    pub state: PeerState,
    /// When the pairing was confirmed or ended.
    pub since: Timestamp,
    /// The source its objects are booked under.
    pub source: model::SourceId,
    /// Last exchange that went well.
    pub last_contact: Option<Timestamp>,
    /// Last failure: when, and what to do about it.
    pub last_error: Option<(Timestamp, String)>,
    /// What our people note about it: whom to call; may be empty.
    pub note: String,
}

/// A decision on whether something may go to somebody, kept with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord {
    /// Its number; ignored when it is being recorded.
    pub id: DecisionId,
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub to: PartyId,
    /// Under which agreement it was asked.
    pub agreement: AgreementId,
    /// What. `None` once it is erased here.
    pub object: Option<StixId>,
    /// Which version of it; `None` once it is erased here.
    pub version: Option<VersionId>,
    /// Whether it may go.
    pub permitted: bool,
    /// The clause that permits or refuses.
    pub clause: String,
    /// Why, in words.
    pub reason: String,
    /// Obligations as canonical JSON; `{}` for none.
    pub obligations: String,
}

/// Something that waits to be put into a stream. Policy is asked again when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRecord {
    /// Its number, in order of queuing; ignored when it is being queued.
    pub id: u64,
    /// To whom.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The stream kind's name (`put`, `withdraw`, `receipt`, …).
    pub kind: String,
    /// The version whose content travels, where there is one.
    pub version: Option<VersionId>,
    /// What travels instead of a version: a receipt, a query, an act. JSON.
    pub inline: Option<String>,
    /// The decision that let it in.
    pub decision: Option<DecisionId>,
    /// Not to be sent before (a delay the agreement asks for).
    pub not_before: Timestamp,
}

/// One direction of an agreement between us and a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// The other party.
    pub peer: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Whether we send.
    pub outbound: bool,
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamPosition {
    /// Starts at 1; a restored sender starts the next.
    pub epoch: u32,
    /// Last entry appended (outbound) or applied (inbound); 0 before the first.
    pub seq: u64,
    /// Digest of that entry's envelope; zero before the first.
    pub head: Digest,
    /// Outbound: last entry the peer has acknowledged.
    pub acked: u64,
    /// The newest acknowledgement's signed text: theirs (outbound) or ours (inbound).
    pub ack: Option<String>,
    /// Content that has left but is not yet acknowledged was given to a courier file up to this entry.
    pub couriered: u64,
}

/// An entry of an outbound stream, kept until it is acknowledged and for as long as the peer may ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// Its place.
    pub seq: u64,
    /// The envelope's canonical text.
    pub envelope: String,
    /// The salt of its payload's commitment. Gone once the content is erased.
    pub salt: Option<[u8; 32]>,
    /// The version whose content is the payload, where there is one and it is still held.
    pub version: Option<VersionId>,
    /// The versions that stand in the payload beside it, because they explain it; empty once the content is erased.
    pub along: Vec<VersionId>,
    /// The payload's text as it was committed to; gone once the content is erased.
    pub payload: Option<String>,
}

/// A signed run of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRecord {
    /// First entry.
    pub first: u64,
    /// How many.
    pub count: u32,
    /// The signed head's text.
    pub text: String,
}

/// What we hold because a peer gave it to us under an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingRecord {
    /// The object. `None` once it is erased here.
    pub object: Option<StixId>,
    /// The version as stored here; `None` while it waits for a decision, or once it is erased.
    pub version: Option<VersionId>,
    /// From whom.
    pub from: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The keyed hash the sender calls the object by in this stream: withdrawals name it.
    pub subject: Digest,
    /// The stream entry that brought it: epoch and place.
    pub entry: (u32, u64),
    /// How it may be passed on, as canonical text of the onward rule.
    pub onward: String,
    /// When it came.
    pub received: Timestamp,
    /// When it ended, by withdrawal or by the end of the agreement's retention.
    pub ended: Option<Timestamp>,
    /// When its content was erased here.
    pub erased: Option<Timestamp>,
    /// Why it is kept although it was withdrawn: a legal hold.
    pub hold: Option<String>,
    /// Whether it has ended and the object stays all the same: another holding or our own work keeps it. Word of that went
    /// to the giver.
    pub kept: bool,
}

/// Something that flowed under an agreement, as its caps count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassageRecord {
    /// When.
    pub at: Timestamp,
    /// How many objects.
    pub objects: u64,
    /// Bytes of their texts.
    pub bytes: u64,
}

/// What waits to be put into a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingCount {
    /// How many objects: what takes back or confirms is not counted.
    pub objects: u64,
    /// When the first of them may go as far as its own delay is concerned.
    pub not_before: Option<Timestamp>,
    /// The version that is next.
    pub first: Option<VersionId>,
}

/// What a peer holds because we gave it to them: "who still has it".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisclosureRecord {
    /// To whom.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The object; `None` once it is erased here.
    pub object: Option<StixId>,
    /// The version; `None` once it is erased here.
    pub version: Option<VersionId>,
    /// The keyed hash it is called by in the stream.
    pub subject: Digest,
    /// The stream entry that took it: epoch and place.
    pub entry: (u32, u64),
    /// The clause that permitted it.
    pub clause: String,
    /// When it went.
    pub at: Timestamp,
    /// When it was taken back.
    pub withdrawn: Option<Timestamp>,
    /// By when its erasure must be confirmed.
    pub deadline: Option<Timestamp>,
    /// What the peer answered: `erased`, `kept` when the object stays there for another reason, `unknown` when they say that
    /// they never had it, or `held: …` for a legal hold; and when.
    pub receipt: Option<(Timestamp, String)>,
}

/// One leaf of the ledger. What it commits to is opened only by those who hold the salt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafRecord {
    /// Its place, from 0, gap-free.
    pub index: u64,
    /// The leaf hash (RFC 6962 §2.1) of the commitment.
    pub hash: Digest,
    /// The commitment: what the ledger shows.
    pub commitment: Digest,
    /// What sort of event, as in the ledger's list of kinds.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Salt and content as canonical JSON, for whoever may know; `None` once erased.
    pub opening: Option<String>,
}

/// A text that waits for a release officer because a detector found something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRecord {
    /// Its number; ignored when it is being added.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// To whom it would go.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What.
    pub object: StixId,
    /// Which version.
    pub version: VersionId,
    /// What was found: canonical JSON, a list of `{detector, pointer}`; never the value itself.
    pub found: String,
    /// The decision: whether it may go, who decided, and why.
    pub decided: Option<(bool, String, String, Timestamp)>,
}

/// What became of a question asked without telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryOutcome {
    /// Nothing yet.
    Open,
    /// It was answered: how many of the values are held. `None` where we answered: only the asker can know.
    Answered(Option<u64>),
    /// It was refused, and why. It told nothing, so nothing is counted for it.
    Refused(String),
    /// No answer came, or none that can be read, and why. It may have been answered all the same, so it is counted.
    Lost(String),
}

/// Questions about equally many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryCount {
    /// How many values each was about.
    pub values: u64,
    /// How many questions.
    pub questions: u64,
    /// When the first of them was asked.
    pub first: Timestamp,
}

/// A question asked without telling, on either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRecord {
    /// Its number: what the store gave it; 0 for a new one.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The other party.
    pub peer: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Whether we asked.
    pub asked: bool,
    /// The purpose stated.
    pub purpose: String,
    /// How many values were asked about.
    pub asked_values: u64,
    /// What became of it.
    pub outcome: QueryOutcome,
}

/// A value that an object made here carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnValue {
    /// The value, in its one spelling.
    pub value: String,
    /// Its place among those of the same value.
    pub place: i64,
    /// The object.
    pub object: StixId,
    /// What policy may know of it, as in [`ClassCount`]…
    pub class: String,
    /// …and its effective label.
    pub label: Label,
}

/// Objects that policy cannot tell apart: how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassCount {
    /// The facts they share, as canonical text.
    pub class: String,
    /// Their effective label.
    pub label: Label,
    /// How many newest versions.
    pub objects: u64,
}

/// Writing, inside the same transaction as everything else.
pub trait TrustTx {
    /// Keeps a signed document; `false` when it was kept already.
    fn add_document(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        kind: DocumentKind,
        subject: Digest,
        hash: Digest,
        text: &str,
    ) -> Result<bool, StoreError>;

    /// Adds or replaces a peer by party; [`StoreError::Exists`] when the name is another's.
    fn set_peer(&mut self, tenant: Tenant, peer: &PeerRecord) -> Result<(), StoreError>;

    /// A peer as this transaction sees it.
    fn peer(&mut self, tenant: Tenant, party: PartyId) -> Result<Option<PeerRecord>, StoreError>;

    /// Notes how the last exchange with a peer went, and changes nothing else about it: when one went well last (`None`
    /// leaves that as it is), and why the last one did not, if it did not. For a party that is no peer nothing is noted.
    fn note_contact(
        &mut self,
        tenant: Tenant,
        party: PartyId,
        went_well: Option<Timestamp>,
        error: Option<&(Timestamp, String)>,
    ) -> Result<(), StoreError>;

    /// Moves a named cursor on the journal. Named cursors hold back [`crate::Tx::compact`] no more than followers do:
    /// one left behind is told so by [`StoreError::CursorExpired`].
    fn set_cursor(&mut self, tenant: Tenant, name: &str, at: Seq) -> Result<(), StoreError>;

    /// A named cursor as this transaction sees it.
    fn cursor(&mut self, tenant: Tenant, name: &str) -> Result<Option<Seq>, StoreError>;

    /// Forgets a named cursor.
    fn remove_cursor(&mut self, tenant: Tenant, name: &str) -> Result<(), StoreError>;

    /// Records a decision and returns its number.
    fn record_decision(
        &mut self,
        tenant: Tenant,
        decision: &DecisionRecord,
    ) -> Result<DecisionId, StoreError>;

    /// Queues something for a stream and returns its number, which is never given out again.
    fn queue(&mut self, tenant: Tenant, entry: &OutboxRecord) -> Result<u64, StoreError>;

    /// Takes queued entries out again: they were sent, or may no longer go.
    fn unqueue(&mut self, tenant: Tenant, ids: &[u64]) -> Result<(), StoreError>;

    /// Remembers that something flowed. What is older than any cap looks back may be forgotten.
    fn add_passage(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        passage: &PassageRecord,
    ) -> Result<(), StoreError>;

    /// Dates passages that are later than `now` to `now`: the clock was put back.
    fn settle_passages(&mut self, tenant: Tenant, key: StreamKey, now: Timestamp) -> Result<(), StoreError>;

    /// How far a stream has come, as this transaction sees it.
    fn stream(&mut self, tenant: Tenant, key: StreamKey) -> Result<Option<StreamPosition>, StoreError>;

    /// Writes how far a stream has come.
    fn set_stream(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        position: &StreamPosition,
    ) -> Result<(), StoreError>;

    /// Appends entries and the segment that signs exactly them to an outbound stream's epoch. They continue it without a
    /// gap: [`StoreError::Exists`] when their first place is taken, [`StoreError::Missing`] when the one before it is not there
    /// (in an epoch without entries any place may be the first).
    fn append_entries(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        entries: &[EntryRecord],
        segment: &SegmentRecord,
    ) -> Result<(), StoreError>;

    /// Removes salt and payload of the entries that carried this version to anyone, by itself or along with another:
    /// envelopes and chain stay. Returns how many entries had any. [`crate::Tx::erase`] does this by itself.
    fn blank_entries(&mut self, tenant: Tenant, version: VersionId) -> Result<u64, StoreError>;

    /// Entries of outbound streams that carry a version of an object along with another and that their receiver has not
    /// acknowledged: stream, epoch, entry.
    fn unacknowledged_with(
        &mut self,
        scope: Scope,
        object: &StixId,
    ) -> Result<Vec<(StreamKey, u32, EntryRecord)>, StoreError>;

    /// Removes salt and payload of one entry; its envelope stays. An entry that is not there, or has none, stays as it is.
    fn blank_entry(&mut self, tenant: Tenant, key: StreamKey, epoch: u32, seq: u64)
    -> Result<(), StoreError>;

    /// Adds a holding, or replaces the one with the same `(from, agreement, subject)`.
    fn set_holding(&mut self, tenant: Tenant, holding: &HoldingRecord) -> Result<(), StoreError>;

    /// The holding a sender calls by this name under an agreement.
    fn holding(
        &mut self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<HoldingRecord>, StoreError>;

    /// All holdings of an object.
    fn holdings_of(&mut self, tenant: Tenant, object: &StixId) -> Result<Vec<HoldingRecord>, StoreError>;

    /// Adds a disclosure, or replaces the one with the same `(to, agreement, subject)`.
    fn set_disclosure(&mut self, tenant: Tenant, disclosure: &DisclosureRecord) -> Result<(), StoreError>;

    /// The disclosure a stream calls by this name.
    fn disclosure(
        &mut self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<DisclosureRecord>, StoreError>;

    /// Remembers that an object (by keyed name) was withdrawn under a stream, so that no replay brings it back.
    /// `agreement` is `None` for the creator's own withdrawal, which ends every holding: it counts under each agreement with
    /// that party. Holdings stay as they are; ending them is the caller's.
    fn set_tombstone(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        from: PartyId,
        agreement: Option<AgreementId>,
        subject: Digest,
    ) -> Result<(), StoreError>;

    /// Whether a keyed name was withdrawn before.
    fn tombstoned(
        &mut self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<bool, StoreError>;

    /// Keeps the origin statement of a stored version (its text, signed by its creator's party).
    fn set_origin(&mut self, tenant: Tenant, version: VersionId, statement: &str) -> Result<(), StoreError>;

    /// As [`crate::Tx::erase`], but without the tombstone that keeps an id out for ever: what one holding's end took away
    /// may come again under another. Streams keep tombstones of their own.
    fn forget(&mut self, scope: Scope, now: Timestamp, id: &StixId) -> Result<u64, StoreError>;

    /// Appends to the ledger and returns the leaf's place. `index` of the record is ignored.
    fn append_leaf(&mut self, tenant: Tenant, leaf: &LeafRecord) -> Result<u64, StoreError>;

    /// As [`TrustRead::ledger_hashes`].
    fn ledger_hashes(
        &mut self,
        tenant: Tenant,
        level: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Digest>, StoreError>;

    /// Keeps the hash above a full tile of the level below; `level` is 1 and up. Kept once, it does not change.
    fn set_ledger_hash(
        &mut self,
        tenant: Tenant,
        level: u8,
        index: u64,
        hash: Digest,
    ) -> Result<(), StoreError>;

    /// Keeps the newest checkpoint seen of a log (ours or a peer's), by its origin line: a signed note. One of a smaller
    /// size than the one kept changes nothing.
    fn set_checkpoint(
        &mut self,
        tenant: Tenant,
        origin: &str,
        size: u64,
        note: &str,
    ) -> Result<(), StoreError>;

    /// The newest checkpoint of a log as this transaction sees it: size and signed note.
    fn checkpoint(&mut self, tenant: Tenant, origin: &str) -> Result<Option<(u64, String)>, StoreError>;

    /// Puts a text before a release officer; the same version for the same party and agreement waits once. With the same
    /// `found` its number is returned, decided or not; with another, it takes the place of one still waiting, under a new
    /// number, so that a decision is always about what was shown.
    fn add_review(&mut self, tenant: Tenant, review: &ReviewRecord) -> Result<u64, StoreError>;

    /// Records a review's decision. [`StoreError::Missing`] when there is none, [`StoreError::Exists`] when decided.
    fn decide_review(
        &mut self,
        tenant: Tenant,
        id: u64,
        release: bool,
        author: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Logs a private query under a number of its own, which is returned; the one it has is not looked at.
    fn log_query(&mut self, tenant: Tenant, query: &QueryRecord) -> Result<u64, StoreError>;

    /// Says what became of a private query that is open. Returns whether it was.
    fn close_query(
        &mut self,
        tenant: Tenant,
        number: u64,
        outcome: &QueryOutcome,
    ) -> Result<bool, StoreError>;

    /// Private queries between us and a party under an agreement, in one direction, since an instant (not included), by
    /// how many values they were about. Those that were refused are left out.
    fn queries_between(
        &mut self,
        tenant: Tenant,
        peer: PartyId,
        agreement: AgreementId,
        asked: bool,
        since: Timestamp,
    ) -> Result<Vec<QueryCount>, StoreError>;

    /// How many private queries of a party were refused since an instant (not included), under whatever agreement.
    fn queries_refused(&mut self, tenant: Tenant, peer: PartyId, since: Timestamp)
    -> Result<u64, StoreError>;

    /// Versions whose class is the empty text (those from before there were classes), in order of acceptance, at most `limit`.
    fn unclassified(&mut self, scope: Scope, limit: usize) -> Result<Vec<Stored>, StoreError>;

    /// The class of a stored version as this transaction sees it.
    fn class(&mut self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError>;

    /// Sets the class of a stored version; counts follow. It is no news to followers: the journal does not tell of it.
    fn classify(&mut self, scope: Scope, version: VersionId, class: &str) -> Result<(), StoreError>;
}

/// Reading a consistent snapshot.
pub trait TrustRead {
    /// Documents of a kind (of one subject, if given) after a number, in order of arrival, at most `limit`.
    fn documents(
        &self,
        tenant: Tenant,
        kind: DocumentKind,
        subject: Option<Digest>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// Peers by name.
    fn peers(&self, tenant: Tenant) -> Result<Vec<PeerRecord>, StoreError>;

    /// Whether a keyed name was set as a tombstone under no agreement in particular.
    fn barred(&self, tenant: Tenant, from: PartyId, subject: Digest) -> Result<bool, StoreError>;

    /// A named cursor on the journal.
    fn named_cursor(&self, tenant: Tenant, name: &str) -> Result<Option<Seq>, StoreError>;

    /// Decisions about an object, or all, newest first, at most `limit`, before a number where given.
    fn decisions(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>, StoreError>;

    /// What waits for a stream and may go by `now` (`not_before` included), in order of queuing, at most `limit`.
    fn outbox(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxRecord>, StoreError>;

    /// As [`TrustRead::outbox`], of entries that carry no object: they wait for nothing.
    fn outbox_statements(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxRecord>, StoreError>;

    /// The objects that wait for a stream.
    fn waiting(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
    ) -> Result<WaitingCount, StoreError>;

    /// What flowed in a stream after an instant, oldest first.
    fn passages(
        &self,
        tenant: Tenant,
        key: StreamKey,
        since: Timestamp,
    ) -> Result<Vec<PassageRecord>, StoreError>;

    /// When the last thing flowed in a stream, however long ago.
    fn last_passage(&self, tenant: Tenant, key: StreamKey) -> Result<Option<Timestamp>, StoreError>;

    /// How many different objects a party gave us under an agreement after an instant. What it took back is not counted.
    fn given_since(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Live holdings from a party under an agreement that were received by an instant, oldest first, at most `limit`.
    fn holdings_due(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        received: Timestamp,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError>;

    /// Holdings that have ended, are under no legal hold, and of which neither erasure nor anything else was told yet,
    /// oldest first, at most `limit`.
    fn holdings_ended(&self, tenant: Tenant, limit: usize) -> Result<Vec<HoldingRecord>, StoreError>;

    /// How many holdings from a party under an agreement, received by an instant, are here still: neither erased, nor under
    /// a legal hold, nor ended and kept for another reason.
    fn holdings_count(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        received: Timestamp,
    ) -> Result<u64, StoreError>;

    /// How many entries wait, over all streams.
    fn outbox_len(&self, tenant: Tenant) -> Result<u64, StoreError>;

    /// Every stream and its position.
    fn streams(&self, tenant: Tenant) -> Result<Vec<(StreamKey, StreamPosition)>, StoreError>;

    /// Entries of an outbound stream's epoch from a place on, at most `limit`.
    fn entries(
        &self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<EntryRecord>, StoreError>;

    /// Segments that cover entries from a place on, in order, at most `limit`.
    fn segments(
        &self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SegmentRecord>, StoreError>;

    /// Holdings after an offset, oldest first: of one object, or all.
    fn holdings(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError>;

    /// The live holdings of an object that brought what is stored of it, oldest first: the newest from each giver under each
    /// agreement. What is still held for a person has brought nothing.
    fn holdings_live(&self, tenant: Tenant, object: &StixId) -> Result<Vec<HoldingRecord>, StoreError>;

    /// Disclosures after an offset, oldest first: of one object, or all; `open` keeps those withdrawn without a
    /// receipt that says `erased`, erased here or not.
    fn disclosures(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        open: bool,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<DisclosureRecord>, StoreError>;

    /// The disclosure a stream calls by this name.
    fn disclosure(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<DisclosureRecord>, StoreError>;

    /// Objects of which something that was given was taken back, in order of their ids, after one, at most `limit`.
    fn taken_back(
        &self,
        tenant: Tenant,
        after: Option<&StixId>,
        limit: usize,
    ) -> Result<Vec<StixId>, StoreError>;

    /// What was given to a party under an agreement, in order of the keyed name, after one, at most `limit`.
    fn disclosures_to(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<DisclosureRecord>, StoreError>;

    /// Live holdings from a party under an agreement, in order of the keyed name, after one, at most `limit`.
    fn holdings_from(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError>;

    /// The origin statement of a stored version.
    fn origin(&self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError>;

    /// Leaves from a place on, at most `limit`.
    fn leaves(&self, tenant: Tenant, from: u64, limit: usize) -> Result<Vec<LeafRecord>, StoreError>;

    /// Leaf hashes alone, from a place on, at most `limit`.
    fn leaf_hashes(&self, tenant: Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, StoreError>;

    /// Hashes of the ledger's tree from a place of a tile level on (C2SP tlog-tiles), at most `limit`: at level 0 those of
    /// leaves, above it those of full tiles of the level below, as far as they are kept.
    fn ledger_hashes(
        &self,
        tenant: Tenant,
        level: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Digest>, StoreError>;

    /// How many leaves the ledger has.
    fn ledger_size(&self, tenant: Tenant) -> Result<u64, StoreError>;

    /// The newest checkpoint of every log, as (origin, size, signed note).
    fn checkpoints(&self, tenant: Tenant) -> Result<Vec<(String, u64, String)>, StoreError>;

    /// Reviews, undecided first, oldest first; `all` includes decided ones.
    fn reviews(&self, tenant: Tenant, all: bool, limit: usize) -> Result<Vec<ReviewRecord>, StoreError>;

    /// Private queries since an instant, oldest first, at most `limit`.
    fn queries(&self, tenant: Tenant, since: Timestamp, limit: usize)
    -> Result<Vec<QueryRecord>, StoreError>;

    /// Private queries that are open and were asked before an instant, at most `limit`.
    fn queries_open(
        &self,
        tenant: Tenant,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<QueryRecord>, StoreError>;

    /// Newest versions by class and effective label, in that order: how many of each. Revoked ones included. Versions not
    /// classified yet are of the class that is the empty text.
    fn classes(&self, scope: Scope) -> Result<Vec<ClassCount>, StoreError>;

    /// Newest versions of a class and label, in order of acceptance, after a version row, at most `limit`.
    fn class_members(
        &self,
        scope: Scope,
        class: &str,
        label: Label,
        after: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Values of one kind (an [`observable`] kind's number) that objects made here and not revoked carry, once for each
    /// object: in order of value and place, after a value and a place, at most `limit`. What others gave is theirs to tell of.
    fn own_values(
        &self,
        scope: Scope,
        kind: u8,
        after: (&str, i64),
        limit: usize,
    ) -> Result<Vec<OwnValue>, StoreError>;

    /// The class of a stored version.
    fn class_of(&self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError>;

    /// A key of this node's own that no one else has, for the keyed names of objects in streams. Always the same, in
    /// backups too, and another for each tenant.
    fn naming_key(&self, tenant: Tenant) -> Result<[u8; 32], StoreError>;
}
