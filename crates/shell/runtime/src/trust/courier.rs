//! The same streams as files: across an air gap, or one way only.

use exchange::courier::{Contents, Export, Opening, export, open, read_manifest, survey};
use exchange::wire::{Opening as Payload, Push, PushEntry};
use exchange::{Ack, Position, Segment, StreamId};
use keys::boxes::BoxSecretKey;
use model::PartyId;
use ports::peer::Refusal;
use ports::trust::{StreamKey, StreamPosition};

use super::TrustError;
use super::calls::is_taking_back;
use crate::core::Core;

/// What an import did with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Who wrote it.
    pub from: PartyId,
    /// Which part of how many.
    pub part: (u32, u32),
    /// Segments that were taken in; those taken in before count too.
    pub taken: usize,
    /// Acknowledgements of ours that it brought.
    pub acks: usize,
    /// What could not be taken in, in words.
    pub refused: Vec<String>,
    /// Gaps: entries that are needed first, in words.
    pub gaps: Vec<String>,
}

impl Core {
    /// Writes what a peer has not acknowledged, and our own acknowledgements, into files sealed to the peer. `repeat` entries
    /// before that are written again, for ways that lose things. Returns the files' bytes, in order.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the peer is not paired or a file would be larger than the cap.
    pub fn courier_export(&self, to: PartyId, repeat: u64, cap: u64) -> Result<Vec<Vec<u8>>, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        if registry.paired(to).is_none() {
            return Err(TrustError::refused("the two nodes are not paired"));
        }
        let now = self.clock.now();
        let history = registry.histories.get(&to);
        let history = history.ok_or_else(|| TrustError::Missing("the peer's key history".to_owned()))?;
        let key = history.current(now).map_err(TrustError::refused)?.box_key.clone();
        let read = self.store.read()?;
        let tenant = self.scope.tenant;
        let mut contents = Contents::default();
        let mut exported: Vec<(StreamKey, StreamPosition)> = Vec::new();
        for (key, position) in read.streams(tenant)?.into_iter().filter(|(key, _)| key.peer == to) {
            if !key.outbound {
                let stream =
                    StreamId { from: to, to: trust.party, agreement: key.agreement, epoch: position.epoch };
                let at = Position { epoch: position.epoch, seq: position.seq, head: position.head };
                contents.acks.push(Ack::sign(stream, &at, now, &trust.secrets().epoch));
                continue;
            }
            let allowed = registry.may_receive(key.agreement, to, trust.party);
            let first = exchange::courier::first_to_export(position.acked, position.couriered, repeat, 1);
            let mut from = first;
            while from <= position.seq {
                let Some(segment) = read.segments(tenant, key, position.epoch, from, 1)?.into_iter().next()
                else {
                    break;
                };
                let entries =
                    read.entries(tenant, key, position.epoch, segment.first, segment.count as usize)?;
                let entries = entries
                    .into_iter()
                    .map(|entry| PushEntry {
                        opening: entry
                            .salt
                            .zip(entry.payload)
                            .filter(|_| allowed || is_taking_back(&entry.envelope))
                            .map(|(salt, payload)| Payload { salt, payload }),
                        envelope: entry.envelope,
                    })
                    .collect();
                from = segment.first + u64::from(segment.count);
                let segment = Segment::parse(&segment.text).map_err(TrustError::refused)?;
                contents.pushes.push(Push { segment, entries, sent: None });
            }
            exported.push((key, position));
        }
        drop(read);
        let secrets = trust.secrets();
        let order =
            Export { from: trust.party, to, key: &key, signer: &secrets.epoch, created: now, repeat, cap };
        let files = export(&order, contents, &mut || self.ids.random()).map_err(TrustError::refused)?;
        self.store.transact(|tx| {
            for (key, position) in &exported {
                let current = tx.stream(tenant, *key)?.unwrap_or_else(|| position.clone());
                tx.set_stream(tenant, *key, &StreamPosition { couriered: position.seq, ..current })?;
            }
            Ok(())
        })?;
        Ok(files)
    }

    /// Takes in a courier file. Taken in twice, it has one effect; what must come first is said as a gap.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the file is not for us, damaged, or not from a paired party.
    pub fn courier_import(&self, file: &[u8]) -> Result<Imported, TrustError> {
        let trust = self.party()?;
        let registry = self.registry()?;
        let now = self.clock.now();
        let secrets = trust.secrets();
        let keys: Vec<&BoxSecretKey> =
            std::iter::once(&secrets.boxed).chain(secrets.boxed_before.as_ref()).collect();
        let manifest = read_manifest(file).map_err(TrustError::refused)?;
        if registry.paired(manifest.from).is_none() {
            return Err(TrustError::refused("the file comes from a party this node is not paired with"));
        }
        let opening =
            Opening { to: trust.party, keys: &keys, signers: &*registry, limits: Opening::LIMITS, now };
        let opened = open(file, &opening).map_err(TrustError::refused)?;
        let from = opened.manifest.from;
        let streams = self.store.read()?.streams(self.scope.tenant)?;
        let position = |agreement| {
            let key = StreamKey { peer: from, agreement, outbound: false };
            let found = streams.iter().find(|(known, _)| *known == key).map(|(_, position)| position);
            found.map_or_else(Position::default, |at| Position {
                epoch: at.epoch,
                seq: at.seq,
                head: at.head,
            })
        };
        let gaps = survey(std::slice::from_ref(&opened.manifest), &position)
            .gaps
            .iter()
            .map(|gap| {
                let range = &gap.range;
                format!(
                    "entries {} to {} under {} come first",
                    range.first,
                    range.last,
                    range.agreement.0.short()
                )
            })
            .collect();
        let mut imported = Imported {
            from,
            part: (opened.manifest.part, opened.manifest.parts),
            taken: 0,
            acks: 0,
            refused: Vec::new(),
            gaps,
        };
        for push in &opened.contents.pushes {
            match self.take_in(from, push) {
                Ok(_) => imported.taken += 1,
                Err(Refusal::Failed) => {
                    return Err(TrustError::refused("the node failed; import the file again"));
                }
                Err(problem) => imported.refused.push(problem.to_string()),
            }
        }
        for ack in &opened.contents.acks {
            let key = StreamKey { peer: from, agreement: ack.stream.agreement, outbound: true };
            self.take_ack(trust, key, ack, now)?;
            imported.acks += 1;
        }
        Ok(imported)
    }
}
