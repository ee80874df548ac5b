//! Reading what is shared with others: [`ports::trust::TrustRead`].

use model::{AgreementId, DecisionId, Digest, Label, PartyId, Seq, StixId, Tenant, Timestamp, VersionId};
use ports::trust::{
    ClassCount, DecisionRecord, DisclosureRecord, Document, DocumentKind, EntryRecord, HoldingRecord,
    LeafRecord, OutboxRecord, OwnValue, PassageRecord, PeerRecord, QueryRecord, ReviewRecord, SegmentRecord,
    StreamKey, StreamPosition, TrustRead, WaitingCount,
};
use ports::{Scope, StoreError, Stored};

use super::{Reader, class, ledger, objects, parties, sharing, streams, terms};

impl TrustRead for Reader<'_> {
    fn own_values(
        &self,
        scope: Scope,
        kind: u8,
        after: (&str, i64),
        limit: usize,
    ) -> Result<Vec<OwnValue>, StoreError> {
        self.with(|db| objects::own_values(db, scope, kind, after, limit))
    }

    fn documents(
        &self,
        tenant: Tenant,
        kind: DocumentKind,
        subject: Option<Digest>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.with(|db| parties::documents(db, tenant, kind, subject, after, limit))
    }

    fn peers(&self, tenant: Tenant) -> Result<Vec<PeerRecord>, StoreError> {
        self.with(|db| parties::peers(db, tenant))
    }

    fn named_cursor(&self, tenant: Tenant, name: &str) -> Result<Option<Seq>, StoreError> {
        self.with(|db| parties::cursor(db, tenant, name))
    }

    fn decisions(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>, StoreError> {
        self.with(|db| sharing::decisions(db, tenant, object, before, limit))
    }

    fn outbox(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxRecord>, StoreError> {
        self.with(|db| streams::outbox(db, tenant, to, agreement, now, limit))
    }

    fn outbox_statements(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<OutboxRecord>, StoreError> {
        self.with(|db| terms::outbox_statements(db, tenant, to, agreement, now, limit))
    }

    fn waiting(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
    ) -> Result<WaitingCount, StoreError> {
        self.with(|db| terms::waiting(db, tenant, to, agreement))
    }

    fn passages(
        &self,
        tenant: Tenant,
        key: StreamKey,
        since: Timestamp,
    ) -> Result<Vec<PassageRecord>, StoreError> {
        self.with(|db| terms::passages(db, tenant, key, since))
    }

    fn last_passage(&self, tenant: Tenant, key: StreamKey) -> Result<Option<Timestamp>, StoreError> {
        self.with(|db| terms::last_passage(db, tenant, key))
    }

    fn given_since(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        self.with(|db| terms::given_since(db, tenant, from, agreement, since))
    }

    fn holdings_due(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        received: Timestamp,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError> {
        self.with(|db| terms::holdings_due(db, tenant, from, agreement, received, limit))
    }

    fn barred(&self, tenant: Tenant, from: PartyId, subject: Digest) -> Result<bool, StoreError> {
        self.with(|db| streams::barred(db, tenant, from, subject))
    }

    fn holdings_ended(&self, tenant: Tenant, limit: usize) -> Result<Vec<HoldingRecord>, StoreError> {
        self.with(|db| terms::holdings_ended(db, tenant, limit))
    }

    fn holdings_count(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        received: Timestamp,
    ) -> Result<u64, StoreError> {
        self.with(|db| terms::holdings_count(db, tenant, from, agreement, received))
    }

    fn outbox_len(&self, tenant: Tenant) -> Result<u64, StoreError> {
        self.with(|db| streams::outbox_len(db, tenant))
    }

    fn streams(&self, tenant: Tenant) -> Result<Vec<(StreamKey, StreamPosition)>, StoreError> {
        self.with(|db| streams::streams(db, tenant))
    }

    fn entries(
        &self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<EntryRecord>, StoreError> {
        self.with(|db| streams::entries(db, tenant, key, epoch, from, limit))
    }

    fn segments(
        &self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SegmentRecord>, StoreError> {
        self.with(|db| streams::segments(db, tenant, key, epoch, from, limit))
    }

    fn holdings(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError> {
        self.with(|db| sharing::holdings(db, tenant, object, offset, limit))
    }

    fn holdings_live(&self, tenant: Tenant, object: &StixId) -> Result<Vec<HoldingRecord>, StoreError> {
        self.with(|db| sharing::holdings_live(db, tenant, object))
    }

    fn disclosures(
        &self,
        tenant: Tenant,
        object: Option<&StixId>,
        open: bool,
        offset: u64,
        limit: usize,
    ) -> Result<Vec<DisclosureRecord>, StoreError> {
        self.with(|db| sharing::disclosures(db, tenant, object, open, offset, limit))
    }

    fn disclosure(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<DisclosureRecord>, StoreError> {
        self.with(|db| match streams::channel(db, tenant, to, Some(agreement))? {
            Some(channel) => sharing::disclosure(db, tenant, channel, subject),
            None => Ok(None),
        })
    }

    fn taken_back(
        &self,
        tenant: Tenant,
        after: Option<&StixId>,
        limit: usize,
    ) -> Result<Vec<StixId>, StoreError> {
        self.with(|db| sharing::taken_back(db, tenant, after, limit))
    }

    fn disclosures_to(
        &self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<DisclosureRecord>, StoreError> {
        self.with(|db| match streams::channel(db, tenant, to, Some(agreement))? {
            Some(channel) => sharing::disclosures_to(db, tenant, channel, after, limit),
            None => Ok(Vec::new()),
        })
    }

    fn holdings_from(
        &self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        after: Option<Digest>,
        limit: usize,
    ) -> Result<Vec<HoldingRecord>, StoreError> {
        self.with(|db| match streams::channel(db, tenant, from, Some(agreement))? {
            Some(channel) => sharing::holdings_from(db, tenant, channel, after, limit),
            None => Ok(Vec::new()),
        })
    }

    fn origin(&self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError> {
        self.with(|db| sharing::origin(db, tenant, version))
    }

    fn leaves(&self, tenant: Tenant, from: u64, limit: usize) -> Result<Vec<LeafRecord>, StoreError> {
        self.with(|db| ledger::leaves(db, tenant, from, limit))
    }

    fn leaf_hashes(&self, tenant: Tenant, from: u64, limit: usize) -> Result<Vec<Digest>, StoreError> {
        self.with(|db| ledger::hashes(db, tenant, from, limit))
    }

    fn ledger_hashes(
        &self,
        tenant: Tenant,
        level: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Digest>, StoreError> {
        self.with(|db| ledger::tile_hashes(db, tenant, level, from, limit))
    }

    fn ledger_size(&self, tenant: Tenant) -> Result<u64, StoreError> {
        self.with(|db| ledger::size(db, tenant))
    }

    fn checkpoints(&self, tenant: Tenant) -> Result<Vec<(String, u64, String)>, StoreError> {
        self.with(|db| ledger::checkpoints(db, tenant))
    }

    fn reviews(&self, tenant: Tenant, all: bool, limit: usize) -> Result<Vec<ReviewRecord>, StoreError> {
        self.with(|db| sharing::reviews(db, tenant, all, limit))
    }

    fn queries(
        &self,
        tenant: Tenant,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<QueryRecord>, StoreError> {
        self.with(|db| parties::queries(db, tenant, since, limit))
    }

    fn queries_open(
        &self,
        tenant: Tenant,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<QueryRecord>, StoreError> {
        self.with(|db| parties::queries_open(db, tenant, before, limit))
    }

    fn classes(&self, scope: Scope) -> Result<Vec<ClassCount>, StoreError> {
        self.with(|db| class::classes(db, scope))
    }

    fn class_members(
        &self,
        scope: Scope,
        class: &str,
        label: Label,
        after: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.with(|db| class::members(db, scope, class, label, after, limit))
    }

    fn class_of(&self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError> {
        self.with(|db| class::of(db, tenant, version))
    }

    fn naming_key(&self, tenant: Tenant) -> Result<[u8; 32], StoreError> {
        self.with(|db| parties::naming_key(db, tenant))
    }
}
