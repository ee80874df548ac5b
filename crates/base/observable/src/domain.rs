//! Domain names: lower-case A-labels, reversed.
//!
//! A name in other scripts is lower-cased, brought to NFC and encoded with Punycode (RFC 3492), so that it and
//! its `xn--` spelling have one key. This is IDNA 2008 without its tables of disallowed characters: look-ups
//! need a stable spelling, not a verdict on registrability.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// By byte: the small letter, digit, `-`, `_` or `.` that it is in a name, or 0.
#[expect(clippy::indexing_slicing, reason = "the compiler does it, once")]
pub(crate) const LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            letters[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    letters
};

/// The longest name.
const LONGEST: usize = 253;

/// A name in plain ASCII, in small letters, in one pass: of names of events, nearly all. In normal order, or reversed.
struct Plain {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Plain {
    fn read(text: &str, reversed: bool) -> Option<Self> {
        let bytes = text.as_bytes();
        let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
        let mut small = [0; LONGEST];
        let small = small.get_mut(..bytes.len())?;
        let mut plain = Self { bytes: [0; LONGEST], length: bytes.len() };
        let (mut begin, mut lettered) = (0, false);
        for (at, byte) in bytes.iter().enumerate() {
            let letter = *LETTERS.get(usize::from(*byte))?;
            *small.get_mut(at)? = letter;
            match letter {
                0 => return None,
                b'.' => {
                    plain.label(small.get(begin..at)?, bytes.len() - at)?;
                    (begin, lettered) = (at + 1, false);
                }
                _ => lettered |= !letter.is_ascii_digit(),
            }
        }
        plain.label(small.get(begin..)?, 0)?;
        if !reversed {
            plain.bytes.get_mut(..small.len())?.copy_from_slice(small);
        }
        // Without a letter in the last label it would be a number or an address (RFC 3696 §2).
        lettered.then_some(plain)
    }

    /// Puts a label where it is in the reversed name, and the dot before it.
    fn label(&mut self, label: &[u8], at: usize) -> Option<()> {
        if !(1..=63).contains(&label.len()) {
            return None;
        }
        if let Some(dot) = at.checked_sub(1) {
            *self.bytes.get_mut(dot)? = b'.';
        }
        self.bytes.get_mut(at..at + label.len())?.copy_from_slice(label);
        Some(())
    }

    fn append(&self, out: &mut String) -> Option<()> {
        out.push_str(std::str::from_utf8(self.bytes.get(..self.length)?).ok()?);
        Some(())
    }
}

/// Appends the reversed key of a name to an empty text; `None` if it is not one. `spare` is empty, too.
pub(crate) fn key(text: &str, out: &mut String, spare: &mut String) -> Option<()> {
    if let Some(plain) = Plain::read(text, true) {
        return plain.append(out);
    }
    ascii_into_slowly(text, spare)?;
    for (place, label) in spare.rsplit('.').enumerate() {
        if place > 0 {
            out.push('.');
        }
        out.push_str(label);
    }
    Some(())
}

/// The name in lower-case A-labels, in normal order. An address is not a name.
pub(crate) fn ascii(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    ascii_into(text, &mut out)?;
    Some(out)
}

/// As [`ascii`], appended. What was appended before `None` is no name.
pub(crate) fn ascii_into(text: &str, out: &mut String) -> Option<()> {
    match Plain::read(text, false) {
        Some(plain) => plain.append(out),
        None => ascii_into_slowly(text, out),
    }
}

/// As [`ascii_into`], for whatever is written.
fn ascii_into_slowly(text: &str, out: &mut String) -> Option<()> {
    let from = out.len();
    if text.is_ascii() {
        out.push_str(text);
        out.get_mut(from..)?.make_ascii_lowercase();
    } else {
        encode(text, out)?;
    }
    if out.get(from..)?.ends_with('.') {
        out.pop();
    }
    let name = out.get(from..)?;
    let valid = !name.is_empty()
        && name.len() <= LONGEST
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
        // Without a letter in the last label it would be a number or an address (RFC 3696 §2).
        && name.rsplit('.').next().is_some_and(|last| last.bytes().any(|b| !b.is_ascii_digit()));
    valid.then_some(())
}

/// Appends the A-labels of a name in other scripts.
fn encode(text: &str, out: &mut String) -> Option<()> {
    // The ideographic full stops count as dots (RFC 3490 §3.1).
    let dotted: String = text
        .chars()
        .map(|c| if matches!(c, '\u{3002}' | '\u{ff0e}' | '\u{ff61}') { '.' } else { c })
        .collect();
    let folded: String = dotted.to_lowercase().nfc().collect();
    for (place, label) in folded.split('.').enumerate() {
        if place > 0 {
            out.push('.');
        }
        if label.is_ascii() {
            out.push_str(label);
        } else {
            if label.chars().any(|c| !c.is_alphanumeric() && !c.is_ascii() && !is_joiner(c)) {
                return None;
            }
            out.push_str("xn--");
            punycode(label, out)?;
        }
    }
    Some(())
}

/// Combining marks and the joiners that some scripts need inside a label.
fn is_joiner(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
        || matches!(c, '\u{200c}' | '\u{200d}' | '\u{b7}' | '\u{30fb}')
}

pub(crate) fn display(key: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, label) in key.rsplit('.').enumerate() {
        if place > 0 {
            f.write_str(".")?;
        }
        f.write_str(label)?;
    }
    Ok(())
}

/// The keys of the names above this one, nearest first.
pub(crate) fn ancestors(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(key.rsplit_once('.'), |(above, _)| above.rsplit_once('.')).map(|(above, _)| above)
}

/// RFC 3492 §6.3. `None` when the label is so long that the deltas overflow.
fn punycode(label: &str, out: &mut String) -> Option<()> {
    const BASE: u32 = 36;
    const T_MIN: u32 = 1;
    const T_MAX: u32 = 26;
    if label.len() > 255 {
        return None;
    }
    let basic = label.chars().filter(char::is_ascii);
    let before = out.len();
    out.extend(basic);
    let basics = u32::try_from(out.len() - before).ok()?;
    let total = u32::try_from(label.chars().count()).ok()?;
    if basics > 0 {
        out.push('-');
    }
    let (mut next, mut delta, mut bias, mut handled) = (0x80u32, 0u32, 72u32, basics);
    while handled < total {
        let lowest = label.chars().map(u32::from).filter(|c| *c >= next).min()?;
        delta = (lowest - next).checked_mul(handled + 1)?.checked_add(delta)?;
        next = lowest;
        for c in label.chars().map(u32::from) {
            if c < next {
                delta = delta.checked_add(1)?;
            }
            if c != next {
                continue;
            }
            let (mut rest, mut k) = (delta, BASE);
            loop {
                let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
                if rest < threshold {
                    break;
                }
                out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
                rest = (rest - threshold) / (BASE - threshold);
                k += BASE;
            }
            out.push(digit(rest));
            // Bias adaptation, RFC 3492 §6.1.
            let mut scaled = if handled == basics { delta / 700 } else { delta / 2 };
            scaled += scaled / (handled + 1);
            let mut steps = 0;
            while scaled > ((BASE - T_MIN) * T_MAX) / 2 {
                scaled /= BASE - T_MIN;
                steps += BASE;
            }
            bias = steps + (BASE - T_MIN + 1) * scaled / (scaled + 38);
            delta = 0;
            handled += 1;
        }
        delta = delta.checked_add(1)?;
        next += 1;
    }
    Some(())
}

fn digit(value: u32) -> char {
    let base = if value < 26 { u32::from('a') } else { u32::from('0') - 26 };
    char::from_u32(base + value).unwrap_or('a')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The name in one pass and in many, in normal order and reversed.
    fn ways(text: &str) -> [Option<String>; 4] {
        let plain = |reversed| {
            let mut out = String::new();
            Plain::read(text, reversed)?.append(&mut out).map(|()| out)
        };
        let mut slow = String::new();
        let slow = ascii_into_slowly(text, &mut slow).map(|()| slow);
        let turned = slow.as_ref().map(|name| name.rsplit('.').collect::<Vec<_>>().join("."));
        [plain(false), slow, plain(true), turned]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn one_pass_says_what_many_do(text in r"[a-cX-Z0-2_\-]{0,4}(\.[a-cX-Z0-2_\-@ä%]{0,3}){0,5}\.{0,2}") {
            let [plain, slow, turned, slowly_turned] = ways(&text);
            if text.is_ascii() {
                prop_assert_eq!(&plain, &slow);
                prop_assert_eq!(&turned, &slowly_turned);
            } else {
                prop_assert_eq!(plain, None);
            }
        }
    }

    #[test]
    fn lengths_at_their_bounds() {
        let label = |length: usize| "a".repeat(length);
        let long = |last: usize| [label(63), label(63), label(63), label(last)].join(".");
        for (text, is_name) in [
            (label(63), true),
            (label(64), false),
            (long(61), true),
            (long(62), false),
            (format!("{}.", long(61)), true),
            (format!("{}..", long(60)), false),
            (format!("x.{}", label(64)), false),
        ] {
            let [plain, slow, turned, slowly_turned] = ways(&text);
            assert_eq!((plain.is_some(), &plain, &turned), (is_name, &slow, &slowly_turned), "{text}");
        }
    }
}
