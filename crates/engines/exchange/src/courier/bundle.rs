//! Writing and opening courier files.

use json::Tape;
use keys::boxes::{BoxPublicKey, BoxSecretKey, CannotOpen};
use keys::{KeyId, Signature};
use model::{Digest, PartyId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::manifest::{MAX_PARTS, MAX_RANGES, Manifest, Range};
use crate::ack::Ack;
use crate::read::{Malformed, Members, exact, push_name, push_number};
use crate::signing::{BadSigner, Signer, Signers};
use crate::wire::{Cursor, FrameLimits, Packing, Push, pack, put_bytes, unpack};

const MAGIC: &[u8; 4] = b"SWC1";
const BODY: &[u8; 4] = b"SWB1";
const WHAT: &str = "courier file";
/// HPKE's `info`: what the key is used for here.
const INFO: &[u8] = b"shieldwall/courier/v1";

/// What a file brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Signed documents that must be known before the entries count: key events, appointments, acts. One line each, as
    /// they go over a connection; no meaning here.
    pub documents: Vec<String>,
    /// Entries of the writer's streams to the reader, receipts among them.
    pub pushes: Vec<Push>,
    /// Acknowledgements of the reader's streams to the writer.
    pub acks: Vec<Ack>,
    /// Ranges of the reader's streams that the writer still waits for.
    pub wanted: Vec<Range>,
}

impl Contents {
    /// The most acknowledgements in one file.
    pub const MAX_ACKS: usize = 4_096;
    /// The most documents in one file.
    pub const MAX_DOCUMENTS: usize = 4_096;

    /// The ranges its pushes cover: neighbours joined.
    fn ranges(&self) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        for segment in self.pushes.iter().map(|push| &push.segment) {
            let (agreement, epoch) = (segment.stream.agreement, segment.stream.epoch);
            let next = Range { agreement, epoch, first: segment.first, last: segment.last() };
            match ranges.last_mut() {
                Some(range)
                    if (range.agreement, range.epoch) == (agreement, epoch)
                        && range.last.checked_add(1) == Some(next.first) =>
                {
                    range.last = next.last;
                }
                _ => ranges.push(next),
            }
        }
        ranges
    }

    fn notes(&self) -> String {
        let mut notes = String::from("{");
        push_name("acks", &mut notes);
        let acks: Vec<String> = self.acks.iter().map(Ack::to_text).collect();
        notes.push_str(&format!("[{}]", acks.join(",")));
        if !self.documents.is_empty() {
            push_number("documents", self.documents.len() as u64, &mut notes);
        }
        push_number("v", 1, &mut notes);
        push_name("wanted", &mut notes);
        Range::push_list(&self.wanted, &mut notes);
        notes.push('}');
        notes
    }

    fn encode(&self) -> Result<Vec<u8>, Malformed> {
        let mut body = Vec::new();
        put_bytes(self.notes().as_bytes(), &mut body)?;
        for document in &self.documents {
            put_bytes(document.as_bytes(), &mut body)?;
        }
        for push in &self.pushes {
            put_bytes(&push.encode(Packing::Plain)?, &mut body)?;
        }
        Ok(body)
    }

    fn decode(body: &[u8], limits: &FrameLimits) -> Result<Self, Malformed> {
        let mut cursor = Cursor(body);
        let notes = cursor.text(limits.unpacked)?;
        let mut tape = Tape::new();
        let members = Members::parse(WHAT, notes, &mut tape, 48 << 20)?;
        members.version(1)?;
        let acks = members.list("acks", Self::MAX_ACKS)?;
        let acks = acks.iter().map(|ack| Ack::parse(ack.raw())).collect::<Result<_, _>>()?;
        let wanted = Range::read_list(WHAT, &members, "wanted")?;
        let count = if members.maybe("documents").is_some() { members.number("documents")? } else { 0 };
        if count > Self::MAX_DOCUMENTS as u64 {
            return Err(members.fail("documents", "at most 4096"));
        }
        let documents = (0..count).map(|_| cursor.text(limits.unpacked).map(str::to_owned));
        let documents = documents.collect::<Result<_, _>>()?;
        let mut contents = Self { documents, pushes: Vec::new(), acks, wanted };
        let frames = FrameLimits { packed: limits.unpacked, unpacked: limits.unpacked };
        while !cursor.0.is_empty() {
            let frame = cursor.bytes(limits.unpacked)?;
            // What is packed a second time could unfold beyond the body's own limit.
            if frame.get(4) != Some(&0) {
                return Err(Malformed::new(WHAT, "a push inside is packed a second time"));
            }
            contents.pushes.push(Push::decode(frame, &frames)?);
        }
        exact(WHAT, notes, &contents.notes())?;
        Ok(contents)
    }
}

/// What an export is written with.
#[derive(Clone, Copy)]
pub struct Export<'a> {
    /// Who writes.
    pub from: PartyId,
    /// For whom.
    pub to: PartyId,
    /// The receiver's current box key.
    pub key: &'a BoxPublicKey,
    /// Who signs.
    pub signer: &'a dyn Signer,
    /// When.
    pub created: Timestamp,
    /// How many entries of each stream are repeated from exports before; for the manifest.
    pub repeat: u64,
    /// The most bytes of one file.
    pub cap: u64,
}

/// Why no files were written, or one was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CourierRefusal {
    /// It is not such a file, or one that was damaged.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A push is of a stream that is not from the writer to the reader.
    #[error("a segment inside is of a stream that is not from the file's writer to its reader")]
    OtherStream,
    /// It is for somebody else.
    #[error("the file is for party {}, not for this node", to.0.short())]
    NotForUs {
        /// For whom.
        to: PartyId,
    },
    /// The signature does not count.
    #[error(transparent)]
    Signer(#[from] BadSigner),
    /// The body is not the one the manifest names.
    #[error("the file was damaged or cut off: its body is not the one its manifest names")]
    Damaged,
    /// The body does not open with the key that was tried.
    #[error("the file is sealed to another key: try the box key of the epoch in which it was written")]
    Sealed(#[from] CannotOpen),
    /// What is inside is not what is written outside.
    #[error("the file holds other entries than its manifest says")]
    OtherContents,
    /// A document alone is larger than the size cap.
    #[error("a document takes {bytes} bytes, more than a file of at most {cap} bytes holds; raise the cap")]
    DocumentTooLarge {
        /// What it takes.
        bytes: u64,
        /// The cap.
        cap: u64,
    },
    /// A segment alone is larger than the size cap.
    #[error(
        "entries {first} to {last} take {bytes} bytes, more than a file of at most {cap} bytes holds; raise the cap"
    )]
    CapTooSmall {
        /// First entry of the segment.
        first: u64,
        /// Last entry.
        last: u64,
        /// What it takes.
        bytes: u64,
        /// The cap.
        cap: u64,
    },
    /// More files than one export may have.
    #[error("the export would take more than 10000 files; raise the size cap or export less")]
    TooManyParts,
}

/// Room for everything in a file but the pushes: manifest, seal, framing.
const MARGIN: u64 = 64 << 10;

/// Writes the files of one export, each within the size cap. Acknowledgements and wanted ranges go into the first.
/// `entropy` gives 32 fresh random bytes at each call: one for the export, one for each file.
///
/// # Errors
/// [`CourierRefusal`].
pub fn export(
    export: &Export<'_>,
    contents: Contents,
    entropy: &mut dyn FnMut() -> [u8; 32],
) -> Result<Vec<Vec<u8>>, CourierRefusal> {
    let other = |push: &Push| push.segment.stream.from != export.from || push.segment.stream.to != export.to;
    if contents.pushes.iter().any(other) {
        return Err(CourierRefusal::OtherStream);
    }
    let parts = split(contents, export.cap)?;
    let bundle = Digest(entropy());
    let count = u32::try_from(parts.len()).ok().filter(|count| *count <= MAX_PARTS);
    let count = count.ok_or(CourierRefusal::TooManyParts)?;
    let mut files = Vec::with_capacity(parts.len());
    for (part, contents) in (1..=count).zip(parts) {
        let body = contents.encode()?;
        let packed = pack(BODY, &body, Packing::Zstd)?;
        let sealed =
            export.key.seal(INFO, &binding(export.from, export.to, &bundle, part), &packed, entropy())?;
        let manifest = Manifest {
            from: export.from,
            to: export.to,
            bundle,
            part,
            parts: count,
            ranges: contents.ranges(),
            repeat: export.repeat,
            created: export.created,
            cap: export.cap,
            sealed: Digest(Sha256::digest(&sealed).into()),
            size: sealed.len() as u64,
            by: KeyId(Digest::ZERO),
            signature: unsigned()?,
        };
        let manifest = manifest.sign(export.signer).to_text();
        let mut file = MAGIC.to_vec();
        put_bytes(manifest.as_bytes(), &mut file)?;
        file.extend_from_slice(&sealed);
        files.push(file);
    }
    Ok(files)
}

fn unsigned() -> Result<Signature, Malformed> {
    Signature::from_bytes(&[0; Signature::LENGTH]).map_err(|error| Malformed::new(WHAT, error.to_string()))
}

/// What a sealed body is bound to.
fn binding(from: PartyId, to: PartyId, bundle: &Digest, part: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(100);
    [&from.0, &to.0, bundle].iter().for_each(|id| out.extend_from_slice(&id.0));
    out.extend_from_slice(&part.to_be_bytes());
    out
}

/// Cuts contents into files. Sizes are counted unpacked, so that packing only makes files smaller.
fn split(contents: Contents, cap: u64) -> Result<Vec<Contents>, CourierRefusal> {
    let room = cap.saturating_sub(MARGIN);
    let notes = Contents { acks: contents.acks, wanted: contents.wanted, ..Contents::default() };
    let bytes = notes.encode()?.len() as u64;
    if bytes > room || notes.acks.len() > Contents::MAX_ACKS || notes.wanted.len() > MAX_RANGES {
        let problem = "acknowledgements and wanted ranges alone are more than one file holds";
        return Err(Malformed::new(WHAT, problem).into());
    }
    let mut left = room.saturating_sub(bytes);
    let mut parts = vec![notes];
    for document in contents.documents {
        let bytes = (document.len() as u64).saturating_add(4);
        if bytes > room {
            return Err(CourierRefusal::DocumentTooLarge { bytes, cap });
        }
        let full = parts.last().is_some_and(|part| part.documents.len() >= Contents::MAX_DOCUMENTS);
        if bytes > left || full {
            parts.push(Contents::default());
            left = room;
        }
        left = left.saturating_sub(bytes);
        if let Some(part) = parts.last_mut() {
            part.documents.push(document);
        }
    }
    for push in contents.pushes {
        let bytes = (push.size() as u64).saturating_add(4);
        // A manifest names at most so many ranges; each push may begin one.
        let full = parts.last().is_some_and(|part| part.pushes.len() >= MAX_RANGES);
        if bytes > left || full {
            if bytes > room {
                let (first, last) = (push.segment.first, push.segment.last());
                return Err(CourierRefusal::CapTooSmall { first, last, bytes, cap });
            }
            // The first file stays empty only when its notes fill it.
            if parts.last().is_some_and(|part| *part != Contents::default()) {
                parts.push(Contents::default());
            }
            left = room;
        }
        left = left.saturating_sub(bytes);
        if let Some(part) = parts.last_mut() {
            part.pushes.push(push);
        }
    }
    Ok(parts)
}

/// What a file is opened with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Ourselves.
    pub to: PartyId,
    /// Our box keys, the current epoch's first: a file may have been under way for longer than an epoch.
    pub keys: &'a [&'a BoxSecretKey],
    /// What is known of others' keys.
    pub signers: &'a dyn Signers,
    /// The most bytes of a file, and of its body unpacked.
    pub limits: FrameLimits,
    /// Our clock.
    pub now: Timestamp,
}

impl Opening<'_> {
    /// 64 MiB, and 256 MiB unpacked.
    pub const LIMITS: FrameLimits = FrameLimits { packed: super::DEFAULT_CAP as usize, unpacked: 256 << 20 };
}

/// An opened file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The outside.
    pub manifest: Manifest,
    /// The inside.
    pub contents: Contents,
}

/// Reads the manifest alone: enough for [`super::survey`], and for whoever carries the file. Nothing is verified.
///
/// # Errors
/// [`Malformed`].
pub fn read_manifest(file: &[u8]) -> Result<Manifest, Malformed> {
    cut_open(file).map(|(manifest, _)| manifest)
}

fn cut_open(file: &[u8]) -> Result<(Manifest, &[u8]), Malformed> {
    let mut cursor = Cursor(file);
    if cursor.array::<4>()? != *MAGIC {
        return Err(Malformed::new(WHAT, "not a courier file of a version known here"));
    }
    let manifest = Manifest::parse(cursor.text(Manifest::MAX_TEXT)?)?;
    Ok((manifest, cursor.0))
}

/// Opens a file: whose it is, for whom, unchanged, and holding what its manifest says. What is inside still has to be
/// accepted, push by push.
///
/// # Errors
/// [`CourierRefusal`].
pub fn open(file: &[u8], opening: &Opening<'_>) -> Result<Opened, CourierRefusal> {
    unseal(file, opening, true)
}

/// The documents in a file whose writer's signature could not be verified. They are worth what they prove by
/// themselves: key events do, and may be why the writer's newest key is not known yet.
///
/// # Errors
/// [`CourierRefusal`].
pub fn unverified_documents(file: &[u8], opening: &Opening<'_>) -> Result<Vec<String>, CourierRefusal> {
    Ok(unseal(file, opening, false)?.contents.documents)
}

fn unseal(file: &[u8], opening: &Opening<'_>, verify: bool) -> Result<Opened, CourierRefusal> {
    if file.len() > opening.limits.packed {
        let problem = format!("longer than {} bytes; ask for a smaller size cap", opening.limits.packed);
        return Err(Malformed::new(WHAT, problem).into());
    }
    let (manifest, sealed) = cut_open(file)?;
    if manifest.to != opening.to {
        return Err(CourierRefusal::NotForUs { to: manifest.to });
    }
    if verify {
        manifest.verify(opening.signers, opening.now)?;
    }
    let digest = Digest(Sha256::digest(sealed).into());
    if sealed.len() as u64 != manifest.size || digest != manifest.sealed {
        return Err(CourierRefusal::Damaged);
    }
    let binding = binding(manifest.from, manifest.to, &manifest.bundle, manifest.part);
    let mut tried = opening.keys.iter().map(|key| key.open(INFO, &binding, sealed));
    let packed = tried.find_map(Result::ok).ok_or(CannotOpen)?;
    let body = unpack(WHAT, BODY, &packed, &opening.limits)?;
    let contents = Contents::decode(&body, &opening.limits)?;
    let ours = |push: &Push| {
        let stream = &push.segment.stream;
        stream.from == manifest.from && stream.to == manifest.to
    };
    if !contents.pushes.iter().all(ours) {
        return Err(CourierRefusal::OtherStream);
    }
    if contents.ranges() != manifest.ranges {
        return Err(CourierRefusal::OtherContents);
    }
    Ok(Opened { manifest, contents })
}
