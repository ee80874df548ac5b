//! The few words that figures are made of: too narrow for content.

use std::fmt;
use std::str::FromStr;

use model::{Digest, PartyId};
use sha2::{Digest as _, Sha256};

/// A word in a figure: a category, a rule, a post, a pseudonym.
///
/// 1 to 64 of `a-z`, `0-9`, `-`, `+`, `_`, beginning with a letter, without `--` and, punctuation aside, without 20 hex
/// digits in a row: so it is no STIX id or UUID, no address, no number and no hash of anything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Box<str>);

/// A text is not a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a word: 1 to 64 of a-z, 0-9, `-`, `+`, `_`, a letter first, no `--`, no 20 hex digits in a row"
)]
pub struct InvalidWord(String);

impl Word {
    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A word from a name that our own people have given: of a clause, a post, a detector. Capitals become small, and runs
    /// of anything a word does not have become one `-`. Never for values out of objects.
    ///
    /// # Errors
    /// [`InvalidWord`] when even so it is none.
    pub fn named(name: &str) -> Result<Self, InvalidWord> {
        let mut word = String::new();
        for c in name.chars().take(256).map(|c| c.to_ascii_lowercase()) {
            match c {
                'a'..='z' | '0'..='9' | '+' | '_' => word.push(c),
                _ if word.ends_with('-') => {}
                _ => word.push('-'),
            }
        }
        word.trim_matches('-').parse()
    }

    /// What a party is called in figures: the same always for one key, which is the node's own, and telling nobody else
    /// who it is. The overseer is told by a list of names.
    #[must_use]
    pub fn pseudonym(key: &[u8; 32], party: PartyId) -> Self {
        let digest = keyed("shieldwall/ledger/pseudonym/v1", key, &party.0.0);
        Self(format!("p-{}", digest.to_string().get(..16).unwrap_or_default()).into_boxed_str())
    }

    /// The same for somebody who is no party: a client without a node, the recipient of an export, by what our people
    /// call it.
    #[must_use]
    pub fn stranger(key: &[u8; 32], name: &str) -> Self {
        let digest = keyed("shieldwall/ledger/stranger/v1", key, name.as_bytes());
        Self(format!("x-{}", digest.to_string().get(..16).unwrap_or_default()).into_boxed_str())
    }
}

impl FromStr for Word {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let fits = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'+' | b'_');
        let valid = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(fits)
            && !text.contains("--")
            && longest_hex(text) < 20;
        if valid { Ok(Self(text.into())) } else { Err(InvalidWord(text.chars().take(80).collect())) }
    }
}

/// The longest run of hex digits, punctuation aside.
fn longest_hex(text: &str) -> usize {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
    let (longest, _) = letters.fold((0, 0), |(longest, run), byte| {
        let run = if byte.is_ascii_hexdigit() { run + 1 } else { 0 };
        (run.max(longest), run)
    });
    longest
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What ties the entries about one matter together (a demand for erasure and its receipt): 16 bytes that mean nothing
/// elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item([u8; 16]);

impl Item {
    /// From the node's own key and whatever names the matter inside the node.
    #[must_use]
    pub fn derive(key: &[u8; 32], matter: &[u8]) -> Self {
        let mut item = [0; 16];
        let digest = keyed("shieldwall/ledger/item/v1", key, matter);
        item.iter_mut().zip(digest.0).for_each(|(slot, byte)| *slot = byte);
        Self(item)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Item {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let digest: Result<Digest, _> = format!("{text}{text}").parse();
        match digest {
            Ok(Digest([item @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _])) => Ok(Self(item)),
            Err(_) => Err("not 32 lower-case hex digits"),
        }
    }
}

/// A keyed digest. The key is of fixed length and first, and what is used of the result is cut short, so that nobody
/// can extend the message.
fn keyed(domain: &str, key: &[u8; 32], message: &[u8]) -> Digest {
    Digest(
        Sha256::new()
            .chain_update(domain)
            .chain_update([0])
            .chain_update(key)
            .chain_update(message)
            .finalize()
            .into(),
    )
}
