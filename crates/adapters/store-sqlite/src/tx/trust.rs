//! Writing what is shared with others: [`ports::trust::TrustTx`].

use model::{AgreementId, DecisionId, Digest, PartyId, Seq, StixId, Tenant, Timestamp, VersionId};
use ports::trust::{
    DecisionRecord, DisclosureRecord, DocumentKind, EntryRecord, HoldingRecord, LeafRecord, OutboxRecord,
    PassageRecord, PeerRecord, QueryCount, QueryOutcome, QueryRecord, ReviewRecord, SegmentRecord, StreamKey,
    StreamPosition, TrustTx,
};
use ports::{Scope, StoreError, Stored};

use super::{SqliteTx, class, ledger, parties, sharing, streams};
use crate::read;

impl TrustTx for SqliteTx<'_> {
    fn add_document(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        kind: DocumentKind,
        subject: Digest,
        hash: Digest,
        text: &str,
    ) -> Result<bool, StoreError> {
        Ok(parties::add_document(self, tenant, now, kind, subject, hash, text)?)
    }

    fn set_peer(&mut self, tenant: Tenant, peer: &PeerRecord) -> Result<(), StoreError> {
        Ok(parties::set_peer(self, tenant, peer)?)
    }

    fn peer(&mut self, tenant: Tenant, party: PartyId) -> Result<Option<PeerRecord>, StoreError> {
        Ok(read::parties::peer(self.db, tenant, party)?)
    }

    fn note_contact(
        &mut self,
        tenant: Tenant,
        party: PartyId,
        went_well: Option<Timestamp>,
        error: Option<&(Timestamp, String)>,
    ) -> Result<(), StoreError> {
        Ok(parties::note_contact(self, tenant, party, went_well, error)?)
    }

    fn set_cursor(&mut self, tenant: Tenant, name: &str, at: Seq) -> Result<(), StoreError> {
        Ok(parties::set_cursor(self, tenant, name, at)?)
    }

    fn cursor(&mut self, tenant: Tenant, name: &str) -> Result<Option<Seq>, StoreError> {
        Ok(read::parties::cursor(self.db, tenant, name)?)
    }

    fn remove_cursor(&mut self, tenant: Tenant, name: &str) -> Result<(), StoreError> {
        Ok(parties::remove_cursor(self, tenant, name)?)
    }

    fn record_decision(
        &mut self,
        tenant: Tenant,
        decision: &DecisionRecord,
    ) -> Result<DecisionId, StoreError> {
        Ok(sharing::record_decision(self, tenant, decision)?)
    }

    fn queue(&mut self, tenant: Tenant, entry: &OutboxRecord) -> Result<u64, StoreError> {
        Ok(streams::queue(self, tenant, entry)?)
    }

    fn unqueue(&mut self, tenant: Tenant, ids: &[u64]) -> Result<(), StoreError> {
        Ok(streams::unqueue(self, tenant, ids)?)
    }

    fn add_passage(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        passage: &PassageRecord,
    ) -> Result<(), StoreError> {
        Ok(streams::add_passage(self, tenant, key, passage)?)
    }

    fn settle_passages(&mut self, tenant: Tenant, key: StreamKey, now: Timestamp) -> Result<(), StoreError> {
        Ok(streams::settle_passages(self, tenant, key, now)?)
    }

    fn stream(&mut self, tenant: Tenant, key: StreamKey) -> Result<Option<StreamPosition>, StoreError> {
        Ok(streams::stream(self, tenant, key)?)
    }

    fn set_stream(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        position: &StreamPosition,
    ) -> Result<(), StoreError> {
        Ok(streams::set_stream(self, tenant, key, position)?)
    }

    fn append_entries(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        entries: &[EntryRecord],
        segment: &SegmentRecord,
    ) -> Result<(), StoreError> {
        Ok(streams::append_entries(self, tenant, key, epoch, entries, segment)?)
    }

    fn blank_entries(&mut self, tenant: Tenant, version: VersionId) -> Result<u64, StoreError> {
        Ok(streams::blank_entries(self, tenant, version)?)
    }

    fn unacknowledged_with(
        &mut self,
        scope: Scope,
        object: &StixId,
    ) -> Result<Vec<(StreamKey, u32, EntryRecord)>, StoreError> {
        Ok(streams::unacknowledged_with(self, scope, object)?)
    }

    fn blank_entry(
        &mut self,
        tenant: Tenant,
        key: StreamKey,
        epoch: u32,
        seq: u64,
    ) -> Result<(), StoreError> {
        Ok(streams::blank_entry(self, tenant, key, epoch, seq)?)
    }

    fn set_holding(&mut self, tenant: Tenant, holding: &HoldingRecord) -> Result<(), StoreError> {
        Ok(sharing::set_holding(self, tenant, holding)?)
    }

    fn holding(
        &mut self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<HoldingRecord>, StoreError> {
        Ok(sharing::holding(self, tenant, from, agreement, subject)?)
    }

    fn holdings_of(&mut self, tenant: Tenant, object: &StixId) -> Result<Vec<HoldingRecord>, StoreError> {
        Ok(read::sharing::holdings(self.db, tenant, Some(object), 0, usize::MAX)?)
    }

    fn set_disclosure(&mut self, tenant: Tenant, disclosure: &DisclosureRecord) -> Result<(), StoreError> {
        Ok(sharing::set_disclosure(self, tenant, disclosure)?)
    }

    fn disclosure(
        &mut self,
        tenant: Tenant,
        to: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<Option<DisclosureRecord>, StoreError> {
        Ok(sharing::disclosure(self, tenant, to, agreement, subject)?)
    }

    fn set_tombstone(
        &mut self,
        tenant: Tenant,
        now: Timestamp,
        from: PartyId,
        agreement: Option<AgreementId>,
        subject: Digest,
    ) -> Result<(), StoreError> {
        Ok(sharing::set_tombstone(self, tenant, now, from, agreement, subject)?)
    }

    fn tombstoned(
        &mut self,
        tenant: Tenant,
        from: PartyId,
        agreement: AgreementId,
        subject: Digest,
    ) -> Result<bool, StoreError> {
        Ok(sharing::tombstoned(self, tenant, from, agreement, subject)?)
    }

    fn set_origin(&mut self, tenant: Tenant, version: VersionId, statement: &str) -> Result<(), StoreError> {
        Ok(sharing::set_origin(self, tenant, version, statement)?)
    }

    fn forget(&mut self, scope: Scope, now: Timestamp, id: &StixId) -> Result<u64, StoreError> {
        Ok(super::erase::forget(self, scope, now, id, false)?)
    }

    fn append_leaf(&mut self, tenant: Tenant, leaf: &LeafRecord) -> Result<u64, StoreError> {
        Ok(ledger::append_leaf(self, tenant, leaf)?)
    }

    fn ledger_hashes(
        &mut self,
        tenant: Tenant,
        level: u8,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Digest>, StoreError> {
        Ok(read::ledger::tile_hashes(self.db, tenant, level, from, limit)?)
    }

    fn set_ledger_hash(
        &mut self,
        tenant: Tenant,
        level: u8,
        index: u64,
        hash: Digest,
    ) -> Result<(), StoreError> {
        Ok(ledger::set_tile_hash(self, tenant, level, index, hash)?)
    }

    fn set_checkpoint(
        &mut self,
        tenant: Tenant,
        origin: &str,
        size: u64,
        note: &str,
    ) -> Result<(), StoreError> {
        Ok(ledger::set_checkpoint(self, tenant, origin, size, note)?)
    }

    fn checkpoint(&mut self, tenant: Tenant, origin: &str) -> Result<Option<(u64, String)>, StoreError> {
        Ok(read::ledger::checkpoint(self.db, tenant, origin)?)
    }

    fn add_review(&mut self, tenant: Tenant, review: &ReviewRecord) -> Result<u64, StoreError> {
        Ok(sharing::add_review(self, tenant, review)?)
    }

    fn decide_review(
        &mut self,
        tenant: Tenant,
        id: u64,
        release: bool,
        author: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        Ok(sharing::decide_review(self, tenant, id, release, author, reason, at)?)
    }

    fn log_query(&mut self, tenant: Tenant, query: &QueryRecord) -> Result<u64, StoreError> {
        Ok(parties::log_query(self, tenant, query)?)
    }

    fn close_query(
        &mut self,
        tenant: Tenant,
        number: u64,
        outcome: &QueryOutcome,
    ) -> Result<bool, StoreError> {
        Ok(parties::close_query(self, tenant, number, outcome)?)
    }

    fn queries_between(
        &mut self,
        tenant: Tenant,
        peer: PartyId,
        agreement: AgreementId,
        asked: bool,
        since: Timestamp,
    ) -> Result<Vec<QueryCount>, StoreError> {
        Ok(parties::queries_between(self, tenant, peer, agreement, asked, since)?)
    }

    fn queries_refused(
        &mut self,
        tenant: Tenant,
        peer: PartyId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        Ok(read::parties::queries_refused(self.db, tenant, peer, since)?)
    }

    fn unclassified(&mut self, scope: Scope, limit: usize) -> Result<Vec<Stored>, StoreError> {
        Ok(read::class::unclassified(self.db, scope, limit)?)
    }

    fn class(&mut self, tenant: Tenant, version: VersionId) -> Result<Option<String>, StoreError> {
        Ok(read::class::of(self.db, tenant, version)?)
    }

    fn classify(&mut self, scope: Scope, version: VersionId, class: &str) -> Result<(), StoreError> {
        Ok(class::classify(self, scope, version, class)?)
    }
}
