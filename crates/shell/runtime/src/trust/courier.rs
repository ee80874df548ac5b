//! The same streams as files: across an air gap, or one way only.

use exchange::courier::{
    Contents, CourierRefusal, Export, Opening, export, open, read_manifest, survey, unverified_documents,
};
use exchange::{Ack, Position, StreamId};
use keys::boxes::BoxSecretKey;
use model::{PartyId, Timestamp};
use ports::peer::Refusal;
use ports::trust::{EntryRecord, StreamKey, StreamPosition};

use super::departure::Departure;
use super::documents::Way;
use super::registry::Registry;
use super::{Trust, TrustError};
use crate::core::Core;

/// The least size of a file, in bytes: one with less room holds next to nothing.
const LEAST_CAP: u64 = 1 << 20;

/// Bytes of documents that one export carries; what is left goes with the next.
const DOCUMENT_BYTES: usize = 16 << 20;

/// The name of the cursor on our key events that files to a peer have brought.
fn keys_cursor(party: PartyId) -> String {
    format!("courier-keys:{party}")
}

/// What the note of an export to a party is about.
fn carried_by(party: PartyId) -> String {
    format!("courier/{party}")
}

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
    /// Key histories, appointments, acts and other signed documents in it.
    pub documents: usize,
    /// What could not be taken in, in words.
    pub refused: Vec<String>,
    /// Gaps: entries that are needed first, in words.
    pub gaps: Vec<String>,
}

/// Files for a peer, not yet known to be written anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The files' bytes, in order.
    pub files: Vec<Vec<u8>>,
    /// What [`Core::courier_carried`] takes once they are safe.
    pub carried: String,
}

/// What is to be carried to a peer.
enum Cargo {
    /// This, and how far each stream has gone into files then.
    Ready(Contents, Vec<(StreamKey, StreamPosition)>),
    /// Content that must not leave any more has to be taken out of a stream first.
    Unfit(StreamKey, u32, Vec<EntryRecord>),
}

impl Core {
    /// Packs what a peer was not told of and has not acknowledged, and our own acknowledgements, into files sealed to the
    /// peer. `repeat` entries before that are written again, and every document with them, for ways that lose things.
    /// Until [`Core::courier_carried`] says that they are safe, the next files hold the same again.
    ///
    /// # Errors
    /// [`TrustError::Refused`] when the peer is not paired or a file would be larger than the cap.
    pub fn courier_export(&self, to: PartyId, repeat: u64, cap: u64) -> Result<Packed, TrustError> {
        let trust = self.party()?;
        if self.registry()?.linked(to).is_none() {
            return Err(TrustError::refused(
                "the two nodes are not paired: confirm the words with `shieldwall peer confirm` first",
            ));
        }
        if cap < LEAST_CAP {
            return Err(TrustError::refused(format!(
                "files of at most {cap} bytes hold too little; raise the cap to {LEAST_CAP} bytes or more"
            )));
        }
        trust.session(to, super::calls::Session::goes_by_file);
        self.before_a_file()?;
        let registry = self.registry()?;
        let now = self.clock.now();
        let history = registry.histories.get(&to);
        let history = history.ok_or_else(|| TrustError::Missing("the peer's key history".to_owned()))?;
        let key = history.current(now).map_err(TrustError::refused)?.box_key.clone();
        let tenant = self.scope.tenant;
        let (mut contents, exported) = loop {
            match self.to_carry(trust, &registry, to, repeat, now)? {
                Cargo::Ready(contents, exported) => break (contents, exported),
                Cargo::Unfit(key, epoch, entries) => self.set_aside(key, epoch, &entries)?,
            }
        };
        let read = self.store.read()?;
        let way = Way::Courier { again: repeat > 0 };
        let mut waiting = self.documents_for(&*read, &registry, trust, to, way, DOCUMENT_BYTES)?;
        let own = self.own_history()?;
        let brought = read.named_cursor(tenant, &keys_cursor(to))?.map_or(0, |seq| seq.0);
        if brought < own.count() || repeat > 0 {
            contents.documents.push(format!("keys {} {}", trust.party.0, own.to_text()));
            waiting.told.push((keys_cursor(to), own.count()));
        }
        contents.documents.extend(waiting.lines.iter().map(|line| line.trim_end().to_owned()));
        drop(read);
        let secrets = trust.secrets();
        let order =
            Export { from: trust.party, to, key: &key, signer: &secrets.epoch, created: now, repeat, cap };
        let files = export(&order, contents, &mut || self.ids.random()).map_err(TrustError::refused)?;
        let mut lines = String::new();
        for (key, position) in &exported {
            lines.push_str(&format!("stream {} {} {}\n", key.agreement, position.epoch, position.couriered));
        }
        for (cursor, at) in &waiting.told {
            lines.push_str(&format!("told {at} {cursor}\n"));
        }
        // Nobody but this node says what its files held.
        let carried = self.covered(&carried_by(to), &lines);
        Ok(Packed { files, carried })
    }

    /// Notes that the files of an export lie where they can be carried from: the next ones go on behind them. Said twice,
    /// it has one effect.
    ///
    /// # Errors
    /// [`TrustError::Refused`] for what no export to this peer gave out.
    pub fn courier_carried(&self, to: PartyId, carried: &str) -> Result<(), TrustError> {
        let tenant = self.scope.tenant;
        let lines = self.uncovered(&carried_by(to), carried);
        let lines = lines.ok_or_else(|| TrustError::refused("no export to this peer gave that out"))?;
        self.store.transact(|tx| {
            for line in lines.lines() {
                let mut words = line.splitn(3, ' ').skip(1);
                let (Some(first), Some(rest)) = (words.next(), words.next()) else { continue };
                if line.starts_with("told ") {
                    let at = model::Seq(first.parse().unwrap_or_default());
                    if tx.cursor(tenant, rest)?.is_none_or(|before| before < at) {
                        tx.set_cursor(tenant, rest, at)?;
                    }
                    continue;
                }
                let (Ok(agreement), Some((epoch, couriered))) = (first.parse(), rest.split_once(' ')) else {
                    continue;
                };
                let key = StreamKey { peer: to, agreement, outbound: true };
                let Some(current) = tx.stream(tenant, key)? else { continue };
                let couriered = couriered.parse::<u64>().unwrap_or_default();
                // A new epoch begins its files anew.
                if epoch.parse() == Ok(current.epoch) && couriered > current.couriered {
                    tx.set_stream(tenant, key, &StreamPosition { couriered, ..current })?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// What goes into the files, all from one view of the store.
    fn to_carry(
        &self,
        trust: &Trust,
        registry: &Registry,
        to: PartyId,
        repeat: u64,
        now: Timestamp,
    ) -> Result<Cargo, TrustError> {
        let read = self.store.read()?;
        let mut contents = Contents::default();
        let mut exported = Vec::new();
        for (key, position) in read.streams(self.scope.tenant)?.into_iter().filter(|(key, _)| key.peer == to)
        {
            if !key.outbound {
                let stream =
                    StreamId { from: to, to: trust.party, agreement: key.agreement, epoch: position.epoch };
                let at = Position { epoch: position.epoch, seq: position.seq, head: position.head };
                contents.acks.push(Ack::sign(stream, &at, now, &trust.secrets().epoch));
                continue;
            }
            let mut from = exchange::courier::first_to_export(position.acked, position.couriered, repeat, 1);
            let mut carried = position.couriered;
            loop {
                let place = (position.epoch, from, position.seq);
                match self.departing(&*read, trust, registry, key, place)? {
                    Departure::Leaves(push) => {
                        carried = push.segment.last();
                        from = carried + 1;
                        contents.pushes.push(*push);
                    }
                    Departure::Unfit(entries) => return Ok(Cargo::Unfit(key, position.epoch, entries)),
                    Departure::Waits | Departure::Nothing => break,
                }
            }
            exported.push((key, StreamPosition { couriered: carried, ..position }));
        }
        Ok(Cargo::Ready(contents, exported))
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
        if manifest.to != trust.party {
            return Err(TrustError::refused(CourierRefusal::NotForUs { to: manifest.to }));
        }
        if registry.linked(manifest.from).is_none() {
            let known = registry.peers.get(&manifest.from).map(|peer| peer.name.clone());
            return Err(TrustError::refused(match known {
                Some(name) => format!("the pairing with {name} is not confirmed, or has ended"),
                None => "the file comes from a party this node is not paired with".to_owned(),
            }));
        }
        let opening =
            Opening { to: trust.party, keys: &keys, signers: &*registry, limits: Opening::LIMITS, now };
        let opened = match open(file, &opening) {
            // A key that is not known yet may be in the file itself, with the events that prove it.
            Err(CourierRefusal::Signer(problem)) => {
                let lines = unverified_documents(file, &opening).map_err(TrustError::refused)?;
                let history = lines.iter().find_map(|line| key_history(line, manifest.from));
                let history = history.ok_or_else(|| TrustError::refused(problem))?;
                self.learn_keys(manifest.from, history.as_bytes())?;
                let fresh = self.registry()?;
                let opening = Opening { signers: &*fresh, ..opening };
                open(file, &opening).map_err(TrustError::refused)?
            }
            opened => opened.map_err(TrustError::refused)?,
        };
        let lines = opened.contents.documents.iter().map(String::as_str);
        let refused = match self.take_documents(opened.manifest.from, lines) {
            Err(TrustError::Refused(problem)) => vec![problem],
            taken => taken?,
        };
        drop(registry);
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
            documents: opened.contents.documents.len(),
            refused,
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
        // What the file made due is done at once: nodes that meet in files alone have no other occasion.
        while self.agreement_step()? {}
        self.erasure_step()?;
        self.parting_step()?;
        Ok(imported)
    }

    /// Brings everything up to now, so that a file holds all there is to say.
    fn before_a_file(&self) -> Result<(), TrustError> {
        while self.agreement_step()? {}
        while self.release_step()? {}
        while self.deliver_step()? {}
        self.erasure_step()?;
        while self.deliver_step()? {}
        self.parting_step()?;
        Ok(())
    }
}

/// The key history in a line of documents, if it is that of a party.
fn key_history(line: &str, party: PartyId) -> Option<&str> {
    let mut parts = line.splitn(3, ' ');
    let (kind, subject, text) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == "keys" && subject == party.0.to_string()).then_some(text)
}
