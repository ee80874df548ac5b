//! How streams are framed between nodes.
//!
//! A push is one binary frame:
//!
//! ```text
//! "SWP1"                      magic and version
//! u8                          0: plain, 1: zstd (RFC 8878)
//! u32                         length of what follows, unpacked
//! body, packed where so said:
//!   i64                       when it was sent, µs since 1970, or i64::MIN
//!   u32, bytes                text of the segment
//!   u16                       number of entries
//!   per entry:
//!     u32, bytes              text of the envelope
//!     u8                      0: no payload, 1: salt (32 bytes), u32, bytes of the payload
//! ```
//!
//! Numbers are big-endian. Positions and their answers are canonical JSON.

use std::io::Read as _;

use json::Tape;
use model::{AgreementId, Digest, PartyId, Timestamp};

use crate::ack::Ack;
use crate::envelope::Envelope;
use crate::read::{Malformed, Members, exact, push_hex, push_name, push_number};
use crate::segment::{MAX_SEGMENT, Segment};
use crate::stream::Position;

const MAGIC: &[u8; 4] = b"SWP1";
const WHAT: &str = "push";

/// A segment with its envelopes and what they commit to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// The signed head.
    pub segment: Segment,
    /// Its entries, in order.
    pub entries: Vec<PushEntry>,
    /// When it was sent, by the sender's clock; `None` in files.
    pub sent: Option<Timestamp>,
}

/// One entry as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushEntry {
    /// The envelope's text.
    pub envelope: String,
    /// What it commits to, unless that has been erased.
    pub opening: Option<Opening>,
}

/// What opens a commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The salt.
    pub salt: [u8; 32],
    /// The payload.
    pub payload: String,
}

/// Bounds on a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameLimits {
    /// Bytes of the frame as it arrives.
    pub packed: usize,
    /// Bytes of its body unpacked.
    pub unpacked: usize,
}

impl Default for FrameLimits {
    /// 32 MiB packed, 80 MiB unpacked: what [`crate::Limits`] allows, and the envelopes.
    fn default() -> Self {
        Self { packed: 32 << 20, unpacked: 80 << 20 }
    }
}

/// Whether to pack a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is: for live pushes of a few entries.
    Plain,
    /// zstd at its fastest level: for bulk.
    Zstd,
}

impl Push {
    /// The frame.
    ///
    /// # Errors
    /// [`Malformed`] when it is larger than a frame can be (4 GiB).
    pub fn encode(&self, packing: Packing) -> Result<Vec<u8>, Malformed> {
        let mut body = Vec::with_capacity(self.size());
        body.extend_from_slice(&self.sent.map_or(i64::MIN, Timestamp::as_micros).to_be_bytes());
        put_bytes(self.segment.to_text().as_bytes(), &mut body)?;
        let count = u16::try_from(self.entries.len()).map_err(|_| fail("too many entries"))?;
        body.extend_from_slice(&count.to_be_bytes());
        for entry in &self.entries {
            put_bytes(entry.envelope.as_bytes(), &mut body)?;
            match &entry.opening {
                None => body.push(0),
                Some(opening) => {
                    body.push(1);
                    body.extend_from_slice(&opening.salt);
                    put_bytes(opening.payload.as_bytes(), &mut body)?;
                }
            }
        }
        pack(MAGIC, &body, packing)
    }

    /// About how many bytes its body has.
    #[must_use]
    pub fn size(&self) -> usize {
        let opening =
            |entry: &PushEntry| entry.opening.as_ref().map_or(0, |opening| opening.payload.len() + 36);
        self.entries.iter().map(|entry| entry.envelope.len() + 5 + opening(entry)).sum::<usize>() + 8192
    }

    /// Reads a frame. Nothing is verified yet.
    ///
    /// # Errors
    /// [`Malformed`]: not such a frame, longer than the limits (whatever it claims), truncated, or with something
    /// after its end.
    pub fn decode(frame: &[u8], limits: &FrameLimits) -> Result<Self, Malformed> {
        let body = unpack(WHAT, MAGIC, frame, limits)?;
        let mut cursor = Cursor(&body);
        let sent = cursor.array::<8>().map(i64::from_be_bytes)?;
        let sent = (sent != i64::MIN).then(|| Timestamp::from_micros(sent));
        let segment = Segment::parse(cursor.text(Segment::MAX_TEXT)?)?;
        let count = usize::from(cursor.array::<2>().map(u16::from_be_bytes)?);
        if count > MAX_SEGMENT {
            return Err(fail("more than 256 entries"));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let envelope = cursor.text(Envelope::MAX_TEXT)?.to_owned();
            let opening = match cursor.array::<1>()? {
                [0] => None,
                [1] => {
                    let salt = cursor.array::<32>()?;
                    Some(Opening { salt, payload: cursor.text(limits.unpacked)?.to_owned() })
                }
                _ => return Err(fail("a payload is there (1) or not (0)")),
            };
            entries.push(PushEntry { envelope, opening });
        }
        cursor.end()?;
        Ok(Self { segment, entries, sent })
    }
}

fn fail(problem: &str) -> Malformed {
    Malformed::new(WHAT, problem)
}

pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let length = u32::try_from(bytes.len()).map_err(|_| fail("a part is longer than 4 GiB"))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Magic, packing, unpacked length, body.
pub(crate) fn pack(magic: &[u8; 4], body: &[u8], packing: Packing) -> Result<Vec<u8>, Malformed> {
    let length = u32::try_from(body.len()).map_err(|_| fail("longer than 4 GiB"))?;
    let packed = match packing {
        Packing::Plain => None,
        Packing::Zstd => Some(zstd::bulk::compress(body, 1).map_err(|_| fail("it could not be compressed"))?),
    };
    let (flag, content) = packed.as_deref().map_or((0, body), |packed| (1, packed));
    let mut frame = Vec::with_capacity(content.len().saturating_add(9));
    frame.extend_from_slice(magic);
    frame.push(flag);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(content);
    Ok(frame)
}

/// Undoes [`pack`] within limits. Memory grows with what is really there, not with what the frame claims.
pub(crate) fn unpack(
    what: &'static str,
    magic: &[u8; 4],
    frame: &[u8],
    limits: &FrameLimits,
) -> Result<Vec<u8>, Malformed> {
    let fail = |problem: String| Malformed::new(what, problem);
    if frame.len() > limits.packed {
        return Err(fail(format!("longer than {} bytes", limits.packed)));
    }
    let mut cursor = Cursor(frame);
    if cursor.array::<4>()? != *magic {
        return Err(fail("not a frame of this kind and version".to_owned()));
    }
    let [flag] = cursor.array::<1>()?;
    let length = cursor.array::<4>().map(u32::from_be_bytes)? as usize;
    if length > limits.unpacked {
        return Err(fail(format!("longer than {} bytes once unpacked", limits.unpacked)));
    }
    let mut body = Vec::with_capacity(length.min(1 << 20));
    match flag {
        0 => body.extend_from_slice(cursor.0),
        1 => {
            // What is beyond the stated length is never unpacked, and a window beyond 8 MiB is refused.
            let mut decoder = zstd::stream::read::Decoder::with_buffer(cursor.0)
                .and_then(|mut decoder| decoder.window_log_max(23).map(|()| decoder))
                .map_err(|_| fail("it could not be unpacked".to_owned()))?
                .take(length as u64 + 1);
            decoder.read_to_end(&mut body).map_err(|_| fail("it could not be unpacked".to_owned()))?;
        }
        _ => return Err(fail("packed in a way that is not known here".to_owned())),
    }
    if body.len() == length { Ok(body) } else { Err(fail("not as long as it says".to_owned())) }
}

/// Reads a frame from its front.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or_else(|| fail("it ends too early"))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, most: usize) -> Result<&'a [u8], Malformed> {
        let length = self.array::<4>().map(u32::from_be_bytes)? as usize;
        if length > most {
            return Err(fail("a part is longer than it may be"));
        }
        let (head, tail) = self.0.split_at_checked(length).ok_or_else(|| fail("it ends too early"))?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn text(&mut self, most: usize) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes(most)?).map_err(|_| fail("a part is not UTF-8"))
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(fail("something follows its end")) }
    }
}

/// "How far has my stream come with you?"
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRequest {
    /// The sender: who asks.
    pub from: PartyId,
    /// The receiver: who is asked.
    pub to: PartyId,
    /// Under which agreement.
    pub agreement: AgreementId,
}

impl PositionRequest {
    const WHAT: &'static str = "position request";

    /// The text, canonical.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("{");
        push_hex("agreement", &self.agreement.0, &mut out);
        push_hex("from", &self.from.0, &mut out);
        push_hex("to", &self.to.0, &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, text, &mut tape, 4096)?;
        members.version(1)?;
        let request = Self {
            from: PartyId(members.digest("from")?),
            to: PartyId(members.digest("to")?),
            agreement: AgreementId(members.digest("agreement")?),
        };
        exact(Self::WHAT, text, &request.to_text())?;
        Ok(request)
    }
}

/// "This far."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionAnswer {
    /// Where the receiver stands; epoch 0 when it has nothing yet.
    pub position: Position,
    /// Its newest acknowledgement, if it has ever signed one.
    pub ack: Option<Ack>,
}

impl PositionAnswer {
    const WHAT: &'static str = "position answer";

    /// The text, canonical.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::from("{");
        if let Some(ack) = &self.ack {
            push_name("ack", &mut out);
            out.push_str(&ack.to_text());
        }
        push_position(&self.position, &mut out);
        push_number("v", 1, &mut out);
        out.push('}');
        out
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut tape = Tape::new();
        let members = Members::parse(Self::WHAT, text, &mut tape, 16 << 10)?;
        members.version(1)?;
        let ack = members.maybe("ack").map(|ack| Ack::parse(ack.raw())).transpose()?;
        let answer = Self { position: read_position(&members)?, ack };
        exact(Self::WHAT, text, &answer.to_text())?;
        Ok(answer)
    }
}

/// Members `epoch`, `head` and `seq`.
fn push_position(position: &Position, out: &mut String) {
    push_number("epoch", position.epoch, out);
    push_hex("head", &position.head, out);
    push_number("seq", position.seq, out);
}

fn read_position(members: &Members<'_>) -> Result<Position, Malformed> {
    let position = Position {
        epoch: members.small("epoch")?,
        seq: members.number("seq")?,
        head: members.digest("head")?,
    };
    if (position.seq == 0) == (position.head == Digest::ZERO) {
        Ok(position)
    } else {
        Err(members.fail("head", "zero before the first entry, and only there"))
    }
}
