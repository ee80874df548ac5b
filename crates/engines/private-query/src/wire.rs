//! The two messages, as bytes of one form.
//!
//! ```text
//! question = "SWPQ" 1 'q'  mode  agreement[32]  session[32]  kind  purpose  n:u32  point[32] × n
//! reply    = "SWPQ" 1 'r'  mode  question[32]  n:u32  (key[32] proof[64] if yes-no)  point[32] × n  m:u32  tag[8] ×
//! m
//! ```
//!
//! Integers are big-endian; `mode` is `c` or `y`; texts have a length byte before them. Points are canonical
//! ristretto255 encodings (RFC 9496), never the identity; by count they ascend, and tags ascend always: so their
//! order tells nothing, and one content has one form. `m` is a power of two.

use model::{AgreementId, Digest};

use crate::group::{self, Element};
use crate::scope::{MAX_KIND, MAX_PURPOSE, Mode, message_digest};

/// Most values in one question.
pub const MAX_VALUES: usize = 16_384;
/// Most held values that one answer is computed over.
pub const MAX_HELD: usize = 1 << 19;
/// The least that the number of tags is rounded up to.
pub(crate) const LEAST_TAGS: usize = 1_024;
/// Longest question, in bytes.
pub const MAX_QUESTION_BYTES: usize = HEAD + 32 + 32 + 1 + MAX_KIND + 1 + MAX_PURPOSE + 4 + 32 * MAX_VALUES;
/// Longest reply, in bytes.
pub const MAX_REPLY_BYTES: usize = HEAD + 32 + 4 + 32 + 64 + 32 * MAX_VALUES + 4 + 8 * MAX_HELD;

const MAGIC: &[u8; 5] = b"SWPQ\x01";
const HEAD: usize = MAGIC.len() + 2;

/// What stands for a held value: the head of a pseudorandom function's output. With 16,384 values asked against
/// 524,288 held, two differ in value and agree in tag once in two thousand million questions.
pub type Tag = [u8; 8];

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {message} cannot be read: at byte {at}, {why}")]
pub struct Malformed {
    message: &'static str,
    at: usize,
    why: &'static str,
}

/// What the asker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// The kind of all its values.
    pub kind: String,
    /// What it is asked for.
    pub purpose: String,
    /// How it is to be answered.
    pub mode: Mode,
    pub(crate) session: [u8; 32],
    pub(crate) points: Vec<[u8; 32]>,
}

/// What the answerer sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub(crate) mode: Mode,
    /// Digest of the question it answers.
    pub(crate) question: Digest,
    /// By yes or no: the key that is committed to, and the proof that all products are with it.
    pub(crate) proved: Option<([u8; 32], [u8; 64])>,
    pub(crate) points: Vec<[u8; 32]>,
    pub(crate) tags: Vec<Tag>,
}

impl Question {
    /// How many values it is about.
    #[must_use]
    pub const fn values(&self) -> usize {
        self.points.len()
    }

    /// As it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = head(b'q', self.mode);
        out.extend_from_slice(&self.agreement.0.0);
        out.extend_from_slice(&self.session);
        for text in [&self.kind, &self.purpose] {
            // Never longer: whoever made it has checked.
            out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(text.as_bytes());
        }
        write_list(&mut out, &self.points);
        out
    }

    pub(crate) fn digest(&self) -> Digest {
        message_digest(&self.to_bytes())
    }

    /// Reads what was sent.
    ///
    /// # Errors
    /// [`Malformed`], for everything that [`Question::to_bytes`] does not write. Every point is a group element.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("question", bytes);
        let mode = reader.head(b'q')?;
        let agreement = AgreementId(Digest(reader.array("the agreement")?));
        let session = reader.array("the session")?;
        let kind = reader.text(MAX_KIND)?;
        let purpose = reader.text(MAX_PURPOSE)?;
        let points = reader.points(mode)?;
        reader.end()?;
        Ok(Self { agreement, kind, purpose, mode, session, points })
    }
}

impl Reply {
    /// As it is sent.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = head(b'r', self.mode);
        out.extend_from_slice(&self.question.0);
        if let Some((key, proof)) = &self.proved {
            out.extend_from_slice(key);
            out.extend_from_slice(proof);
        }
        write_list(&mut out, &self.points);
        write_list(&mut out, &self.tags);
        out
    }

    /// Reads what was sent.
    ///
    /// # Errors
    /// [`Malformed`], for everything that [`Reply::to_bytes`] does not write. Every point is a group element.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("reply", bytes);
        let mode = reader.head(b'r')?;
        let question = Digest(reader.array("the question's digest")?);
        let proved = match mode {
            Mode::YesNo => Some((reader.point()?, reader.array("the proof")?)),
            Mode::Count => None,
        };
        let points = reader.points(mode)?;
        let at = reader.at;
        let tags = reader.list::<8>(MAX_HELD, "more tags than there may be")?;
        if !tags.len().is_power_of_two() || tags.len() < LEAST_TAGS {
            return Err(reader.malformed(at, "the number of tags is not a power of two, or too small"));
        }
        if !tags.is_sorted_by(|one, other| one < other) {
            return Err(reader.malformed(at, "the tags do not ascend"));
        }
        reader.end()?;
        Ok(Self { mode, question, proved, points, tags })
    }
}

fn head(message: u8, mode: Mode) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(message);
    out.push(match mode {
        Mode::Count => b'c',
        Mode::YesNo => b'y',
    });
    out
}

fn write_list<const N: usize>(out: &mut Vec<u8>, list: &[[u8; N]]) {
    out.extend_from_slice(&u32::try_from(list.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(list.as_flattened());
}

/// Reads from the front, and knows where it is.
struct Reader<'a> {
    message: &'static str,
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    const fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self { message, rest: bytes, at: 0 }
    }

    const fn malformed(&self, at: usize, why: &'static str) -> Malformed {
        Malformed { message: self.message, at, why }
    }

    fn take(&mut self, count: usize, why: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.malformed(self.at, why))?;
        self.rest = rest;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        self.take(N, what)?.as_array().copied().ok_or(self.malformed(self.at, what))
    }

    fn head(&mut self, message: u8) -> Result<Mode, Malformed> {
        let magic = self.take(MAGIC.len(), "it is too short to be one")?;
        if magic != MAGIC {
            return Err(self.malformed(0, "it is no message of this protocol and version"));
        }
        let [kind, mode] = self.array("it is too short to be one")?;
        match (kind == message, mode) {
            (true, b'c') => Ok(Mode::Count),
            (true, b'y') => Ok(Mode::YesNo),
            (true, _) => Err(self.malformed(HEAD - 1, "the way of answering is not known")),
            (false, _) => Err(self.malformed(HEAD - 2, "it is another message")),
        }
    }

    fn text(&mut self, longest: usize) -> Result<String, Malformed> {
        let at = self.at;
        let [length] = self.array("a text is cut off")?;
        let text = self.take(usize::from(length), "a text is cut off")?;
        if text.is_empty() || text.len() > longest {
            return Err(self.malformed(at, "a text is empty or too long"));
        }
        let text = std::str::from_utf8(text).map_err(|_| self.malformed(at, "a text is not UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(self.malformed(at, "a text holds control characters"));
        }
        Ok(text.to_owned())
    }

    fn list<const N: usize>(&mut self, most: usize, why: &'static str) -> Result<Vec<[u8; N]>, Malformed> {
        let at = self.at;
        let count = u32::from_be_bytes(self.array("a list is cut off")?);
        let count =
            usize::try_from(count).ok().filter(|count| *count <= most).ok_or(self.malformed(at, why))?;
        // Bounded before it is allocated: what is not there is not made room for.
        let bytes = self.take(count.saturating_mul(N), "a list is cut off")?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn point(&mut self) -> Result<[u8; 32], Malformed> {
        let at = self.at;
        let point = self.array("a point is cut off")?;
        group::decode(&point).map(|_: Element| point).ok_or(self.malformed(at, "this is no group element"))
    }

    fn points(&mut self, mode: Mode) -> Result<Vec<[u8; 32]>, Malformed> {
        let at = self.at;
        let points = self.list::<32>(MAX_VALUES, "more values than there may be in a question")?;
        if points.is_empty() {
            return Err(self.malformed(at, "there is no value"));
        }
        for (number, point) in points.iter().enumerate() {
            if group::decode(point).is_none() {
                let place = at.saturating_add(4).saturating_add(number.saturating_mul(32));
                return Err(self.malformed(place, "this is no group element"));
            }
        }
        // Twice the same would count twice.
        if mode == Mode::Count && !points.is_sorted_by(|one, other| one < other) {
            return Err(self.malformed(at, "the points do not ascend"));
        }
        Ok(points)
    }

    const fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.malformed(self.at, "something follows the end")) }
    }
}
