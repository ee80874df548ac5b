//! Words to read out over the phone.
//!
//! # Why six words suffice in a pairing
//!
//! The six words are the first 48 bits of a digest over both parties' ids, both documents and two nonces. Somebody in
//! the middle must hold two pairings at once, one with each side, and wants both to show the same words. The order of
//! messages forbids to search for that:
//!
//! 1. the inviting side sends a *commitment* to its nonce,
//! 2. the accepting side sends its nonce, and with it the digest of the invitation,
//! 3. the inviting side opens its commitment, and names the digest of the acceptance.
//!
//! Towards the inviting side the one in the middle must fix a nonce and an acceptance before seeing the nonce that is
//! committed to; towards the accepting side it must fix a commitment and an invitation before seeing the nonce of the
//! answer. So whatever the order in which it plays the two, the last nonce of each pairing is an honest one, unknown
//! when everything else in that digest was fixed, and the two sets of words are equal with chance 2^-48 for each try. A
//! try that fails is one that two people notice. Without the commitment it could try 2^24 keys on each side at home.
//!
//! # Why a fingerprint needs sixteen
//!
//! A party's id alone has no such protection: whoever wants another party with the same first words searches for it at
//! home, for years. [`fingerprint`] therefore gives 128 bits.
//!
//! The list is our own: no word begins another, no two begin with the same four letters, and any two differ in at
//! least three letters, so a word that was misheard or misspelt is none or is still the right one.

use model::{Digest, PartyId};
use sha2::{Digest as _, Sha256};

/// What both sides of a pairing know at its end, and derive the words from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairing {
    /// Who invited.
    pub inviter: PartyId,
    /// Who accepted.
    pub accepter: PartyId,
    /// Digest of the invitation.
    pub invitation: Digest,
    /// Digest of the acceptance.
    pub acceptance: Digest,
    /// The nonce the inviter had committed to.
    pub inviter_nonce: [u8; 32],
    /// The nonce in the acceptance.
    pub accepter_nonce: [u8; 32],
}

impl Pairing {
    /// How many words there are.
    pub const WORDS: usize = 6;

    /// The words that both sides read to each other; equal when nobody stands between them.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let mut hash = Sha256::new().chain_update(b"shieldwall/words/v1\0");
        for part in [self.inviter.0, self.accepter.0, self.invitation, self.acceptance] {
            hash.update(part.0);
        }
        let digest = hash.chain_update(self.inviter_nonce).chain_update(self.accepter_nonce).finalize();
        digest.iter().take(Self::WORDS).map(|byte| word(*byte)).collect()
    }
}

/// The commitment to a nonce, bound to whose it is.
#[must_use]
pub fn commitment(party: PartyId, nonce: &[u8; 32]) -> Digest {
    let hash = Sha256::new().chain_update(b"shieldwall/commitment/v1\0").chain_update(party.0.0);
    Digest(hash.chain_update(nonce).finalize().into())
}

/// A party's id as sixteen words: enough to be compared without a pairing, when key events came as a file.
#[must_use]
pub fn fingerprint(party: PartyId) -> Vec<&'static str> {
    party.0.0.iter().take(16).map(|byte| word(*byte)).collect()
}

/// The byte a word stands for, in whatever case it was written down; `None` for a word that is not in the list.
#[must_use]
pub fn byte(word: &str) -> Option<u8> {
    let word = word.trim().to_ascii_lowercase();
    LIST.binary_search(&word.as_str()).ok().and_then(|at| u8::try_from(at).ok())
}

fn word(byte: u8) -> &'static str {
    LIST.get(usize::from(byte)).copied().unwrap_or_default()
}

/// In alphabetical order.
const LIST: [&str; 256] = [
    "acorn", "admiral", "alarm", "almond", "anchor", "angle", "apron", "artist", "atlas", "autumn",
    "avocado", "bagpipe", "bamboo", "bedroom", "belfry", "birch", "biscuit", "blossom", "bonfire", "border",
    "bracelet", "branch", "breeze", "bridge", "buffalo", "butter", "cabbage", "canal", "caravan", "cedar",
    "cello", "charcoal", "cinnamon", "citrus", "clarinet", "coconut", "comet", "compass", "cradle",
    "crystal", "cyclone", "dairy", "dancer", "daughter", "decade", "delta", "dentist", "desert", "diamond",
    "doctor", "dolphin", "domino", "donkey", "dragon", "drawer", "dynamo", "earring", "easel", "eclipse",
    "edition", "elbow", "elephant", "elevator", "emerald", "empire", "engine", "envelope", "equator",
    "escape", "evening", "explorer", "farmer", "fender", "festival", "fiddle", "figure", "fjord", "flamingo",
    "flower", "flute", "forest", "fossil", "fountain", "foxglove", "friday", "furnace", "galaxy", "gallery",
    "garden", "garlic", "gazelle", "geyser", "ginger", "giraffe", "glacier", "goblet", "gondola", "gorilla",
    "granite", "gravel", "guitar", "harvest", "hedgehog", "helmet", "hexagon", "horizon", "hotel", "husband",
    "hydrogen", "iceberg", "igloo", "impulse", "indigo", "infant", "insect", "island", "ivory", "jaguar",
    "jasmine", "jigsaw", "journal", "jubilee", "juggler", "juniper", "justice", "kangaroo", "kayak",
    "keyboard", "kidney", "kingdom", "kitchen", "knuckle", "koala", "lagoon", "lantern", "laundry", "lawyer",
    "lemon", "leopard", "lettuce", "library", "lilac", "limerick", "lizard", "lobster", "locket", "lumber",
    "lunar", "magnet", "mahogany", "mandolin", "maple", "meadow", "mercury", "meteor", "midnight", "mirror",
    "mitten", "mosaic", "mother", "muffin", "museum", "mustard", "napkin", "nectar", "nephew", "nickel",
    "nomad", "notebook", "november", "nugget", "nutmeg", "ocean", "october", "olive", "onion", "opera",
    "orange", "orbit", "orchard", "ostrich", "oxygen", "paper", "pasta", "pelican", "piano", "picnic",
    "pigeon", "pillow", "pirate", "poetry", "poppy", "potato", "prairie", "prism", "puppet", "purple",
    "pyramid", "quarry", "quilt", "quiver", "rabbit", "raccoon", "radio", "ribbon", "robin", "satin",
    "scarf", "school", "scissors", "sculptor", "season", "sheriff", "silver", "skeleton", "spider",
    "spinach", "squirrel", "stable", "sunset", "swallow", "syrup", "tailor", "tango", "teapot", "temple",
    "tennis", "thistle", "topaz", "tornado", "tortoise", "tractor", "treasure", "trumpet", "tulip", "tundra",
    "tunnel", "twilight", "umbrella", "unicorn", "vanilla", "village", "vinegar", "violin", "volcano",
    "voyage", "vulture", "waffle", "walnut", "wedding", "whisper", "window", "woodland", "yacht", "zebra",
    "zigzag",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.bytes().enumerate() {
            let mut left = i + 1;
            let mut diagonal = i;
            for (j, y) in b.bytes().enumerate() {
                let here = (row[j + 1] + 1).min(left + 1).min(diagonal + usize::from(x != y));
                diagonal = row[j + 1];
                row[j] = left;
                left = here;
            }
            row[b.len()] = left;
        }
        row[b.len()]
    }

    #[test]
    fn the_distance_itself() {
        for (a, b, expect) in [("kitten", "sitting", 3), ("abc", "abc", 0), ("abc", "", 3), ("ab", "ba", 2)] {
            assert_eq!(distance(a, b), expect, "{a} {b}");
        }
    }

    #[test]
    fn no_word_is_taken_for_another() {
        for (at, a) in LIST.iter().enumerate() {
            assert!(a.bytes().all(|letter| letter.is_ascii_lowercase()) && (5..=8).contains(&a.len()), "{a}");
            for b in LIST.iter().skip(at + 1) {
                assert!(a < b, "{a} {b}: in alphabetical order");
                assert_ne!(a[..4], b[..4], "{a} {b}");
                assert!(distance(a, b) >= 3, "{a} {b}");
            }
        }
    }

    #[test]
    fn words_and_bytes() {
        for value in 0..=255 {
            assert_eq!(byte(word(value)), Some(value));
        }
        assert_eq!(byte(" Acorn "), Some(0));
        assert_eq!(byte("acor"), None);
        assert_eq!(byte(""), None);
    }

    #[test]
    fn everything_in_a_pairing_counts() {
        let digest = |byte| Digest([byte; 32]);
        let pairing = Pairing {
            inviter: PartyId(digest(1)),
            accepter: PartyId(digest(2)),
            invitation: digest(3),
            acceptance: digest(4),
            inviter_nonce: [5; 32],
            accepter_nonce: [6; 32],
        };
        let words = pairing.words();
        assert_eq!(words.len(), 6);
        let others = [
            Pairing { inviter: PartyId(digest(9)), ..pairing },
            Pairing { accepter: PartyId(digest(9)), ..pairing },
            Pairing { invitation: digest(9), ..pairing },
            Pairing { acceptance: digest(9), ..pairing },
            Pairing { inviter_nonce: [9; 32], ..pairing },
            Pairing { accepter_nonce: [9; 32], ..pairing },
            Pairing { inviter: pairing.accepter, accepter: pairing.inviter, ..pairing },
        ];
        for other in others {
            assert_ne!(other.words(), words, "{other:?}");
        }
        assert_eq!(fingerprint(pairing.inviter), vec!["admiral"; 16]);
    }

    #[test]
    fn a_commitment_is_to_one_nonce_of_one_party() {
        let (a, b) = (PartyId(Digest([1; 32])), PartyId(Digest([2; 32])));
        assert_eq!(commitment(a, &[7; 32]), commitment(a, &[7; 32]));
        assert_ne!(commitment(a, &[7; 32]), commitment(b, &[7; 32]));
        assert_ne!(commitment(a, &[7; 32]), commitment(a, &[8; 32]));
    }
}
