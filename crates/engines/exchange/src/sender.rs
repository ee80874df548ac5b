//! The sending side: numbering, chaining, signing.

use model::{DecisionId, Digest, Timestamp};

use crate::envelope::Envelope;
use crate::merkle::Tree;
use crate::payload::commitment;
use crate::segment::{Follows, MAX_SEGMENT, Segment, Unsigned};
use crate::signing::Signer;
use crate::stream::{Kind, MAX_NUMBER, Position, StreamId};

/// Something to be appended to a stream.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// What it does.
    pub kind: Kind,
    /// The keyed name of what it is about.
    pub subject: Digest,
    /// Its content: the text of a [`crate::Body`].
    pub payload: &'a str,
    /// 32 random bytes, fresh for every entry; kept beside the payload and erased with it.
    pub salt: [u8; 32],
    /// Effective label, as canonical text.
    pub label: &'a str,
    /// Obligations, as canonical JSON.
    pub obligations: &'a str,
    /// Hash of the agreement version that permits it.
    pub terms: Digest,
    /// Membership version of the circle; 0 for an agreement of two.
    pub membership: u32,
    /// The recorded decision.
    pub decision: DecisionId,
}

/// An entry as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The envelope.
    pub envelope: Envelope,
    /// Its text.
    pub text: String,
    /// Its digest.
    pub hash: Digest,
    /// The salt of its commitment.
    pub salt: [u8; 32],
}

/// Why nothing was appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendRefusal {
    /// The position is one of another epoch than the stream.
    #[error(
        "the stream is in epoch {stream}, the position in {position}; start an epoch with `Position::start`"
    )]
    Epoch {
        /// The stream's.
        stream: u32,
        /// The position's.
        position: u32,
    },
    /// A label or obligations are too long, or a number does not fit into signed text.
    #[error("item {index} cannot be put into an envelope: {problem}")]
    Item {
        /// Which item, from 0.
        index: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The entries do not make a segment.
    #[error("these entries cannot be signed as one segment: {0}")]
    Segment(&'static str),
}

/// Numbers and chains items after a position. The new position is that of the last entry.
///
/// # Errors
/// [`AppendRefusal`]; then nothing is appended.
pub fn append(
    stream: StreamId,
    after: &Position,
    items: &[Item<'_>],
    at: Timestamp,
) -> Result<Vec<Entry>, AppendRefusal> {
    if stream.epoch != after.epoch || stream.epoch == 0 {
        return Err(AppendRefusal::Epoch { stream: stream.epoch, position: after.epoch });
    }
    let mut entries = Vec::with_capacity(items.len());
    let (mut seq, mut previous) = (after.seq, after.head);
    for (index, item) in items.iter().enumerate() {
        let refuse = |problem| AppendRefusal::Item { index, problem };
        seq = seq.saturating_add(1);
        let decision = u64::try_from(item.decision.0).unwrap_or(u64::MAX);
        if seq > MAX_NUMBER || decision > MAX_NUMBER {
            return Err(refuse("its place or its decision's number is not from 0 to 2^53 - 1"));
        }
        if item.label.len() > Envelope::MAX_PART || item.obligations.len() > Envelope::MAX_PART {
            return Err(refuse("label and obligations have at most 4096 bytes each"));
        }
        let envelope = Envelope {
            stream,
            seq,
            previous,
            kind: item.kind,
            subject: item.subject,
            commitment: commitment(&item.salt, item.payload),
            label: item.label.to_owned(),
            obligations: item.obligations.to_owned(),
            terms: item.terms,
            membership: item.membership,
            decision: item.decision,
            at,
        };
        let text = envelope.to_text();
        let hash = Envelope::hash_of(&text);
        previous = hash;
        entries.push(Entry { envelope, text, hash, salt: item.salt });
    }
    Ok(entries)
}

/// How many of the next payloads (by their lengths) one segment should sign: at most [`MAX_SEGMENT`], and no more
/// content than `bytes`, but at least one. Keeps what has to be sent and stored in one piece small.
#[must_use]
pub fn cut(lengths: impl IntoIterator<Item = usize>, bytes: usize) -> usize {
    let mut room = bytes;
    let mut count = 0;
    for length in lengths.into_iter().take(MAX_SEGMENT) {
        match room.checked_sub(length) {
            Some(left) => room = left,
            None if count == 0 => return 1,
            None => break,
        }
        count += 1;
    }
    count
}

/// Signs a run of entries. `follows` says where the epoch before ended, in the first segment of an epoch above 1.
///
/// # Errors
/// [`AppendRefusal::Segment`]: none or too many entries, not consecutive, or `follows` where it must not be or not
/// where it must.
pub fn seal(
    entries: &[Entry],
    follows: Option<Follows>,
    at: Timestamp,
    signer: &dyn Signer,
) -> Result<Segment, AppendRefusal> {
    let refuse = |problem| Err(AppendRefusal::Segment(problem));
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return refuse("there are none");
    };
    let stream = first.envelope.stream;
    if entries.len() > MAX_SEGMENT {
        return refuse("there are more than 256");
    }
    let chained = entries.array_windows::<2>().all(|[before, after]| {
        after.envelope.stream == stream
            && before.envelope.seq.checked_add(1) == Some(after.envelope.seq)
            && after.envelope.previous == before.hash
    });
    if !chained {
        return refuse("they do not follow each other");
    }
    if follows.is_some() != (first.envelope.seq == 1 && stream.epoch > 1) {
        return refuse("the first segment of an epoch above 1, and no other, says what it follows");
    }
    if follows.is_some_and(|follows| follows.epoch >= stream.epoch) {
        return refuse("an epoch follows a smaller one");
    }
    let unsigned = Unsigned {
        stream,
        first: first.envelope.seq,
        count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        root: Tree::new(Segment::DOMAIN, entries.iter().map(|entry| entry.hash)).root(),
        head: last.hash,
        previous: first.envelope.previous,
        follows,
        at,
    };
    Ok(unsigned.sign(signer))
}
