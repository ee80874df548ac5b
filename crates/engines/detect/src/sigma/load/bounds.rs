//! What a text of rules and one rule may cost, judged before anything is built from them: whoever shares rules would
//! otherwise decide how much memory and time this node spends.
//!
//! A text is looked at as bytes, because the readers of YAML and of conditions take time, memory and stack that grow faster
//! than the text. A rule is then judged by what its engine will build: an automaton of some states for each regular
//! expression, and some hundred bytes for each byte of a text that is looked for inside others.

use std::collections::BTreeMap;

use regex_syntax::hir::{Class, Hir, HirKind};
use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, Modifier, SigmaString, SigmaValue, SpecialChar,
    StringPart,
};

/// Longest text of one file, in bytes: the longest of the public collections has a third of it.
const MAX_TEXT: usize = 1 << 20;
/// Documents of one text.
const MAX_DOCUMENTS: usize = 5_000;
/// Documents that are put together from others (`action`) repeat them: the most bytes that may come of it.
const MAX_REPEATED: usize = 16 << 20;
/// Brackets that may be open at once, those in texts included, of which the public rules have 69. The YAML reader takes time
/// that grows with the square of the depth.
const MAX_DEPTH: usize = 1_000;
/// Parentheses of a condition that may be open at once; the public rules have 12 anywhere.
const MAX_PARENTHESES: usize = 200;
/// `not` that may follow each other.
const MAX_NOTS: usize = 8;
/// Places where a text names a part of itself (`*name`). Each repeats that part, with all that it names.
const MAX_ALIASES: usize = 8;

/// Values that one rule may compare, after its modifiers have made several of one. The public rules have 4,432.
const MAX_VALUES: u64 = 20_000;
/// Regular expressions of one rule, values with `*` and `?` among them. The public rules have 48.
const MAX_REGEXES: u64 = 500;
/// Longest regular expression, in bytes.
const MAX_PATTERN: usize = 8 << 10;
/// Largest regular expression, in states of its automaton.
const MAX_STATES: u64 = 100_000;
/// Selections that the conditions of one rule may ask for one event. The public rules have some 700.
const MAX_ASKED: u64 = 20_000;
/// What one rule may take, in bytes. The largest of the public rules takes some 65 MiB.
const MAX_RULE: u64 = 96 << 20;

/// What all rules of our own may take together, in bytes. The public rules take some 300 MiB by this measure.
pub(super) const OWN: u64 = 2 << 30;
/// What all rules that others share may take together, in bytes.
pub(super) const SHARED: u64 = 512 << 20;

/// What a regular expression takes whatever it is, in bytes: its automata, forwards and backwards, and what it keeps while
/// it runs.
const REGEX: u64 = 100 << 10;
/// What a state of it takes.
const STATE: u64 = 80;
/// What a value takes whatever it is.
const VALUE: u64 = 256;
/// What a byte of a text takes that is looked for inside others: a row of an automaton's table.
const NEEDLE: u64 = 300;
/// What a byte of a text takes that is compared as a whole.
const EXACT: u64 = 4;

/// Why a text is not even parsed.
pub(super) fn refused(text: &str) -> Option<String> {
    if text.len() > MAX_TEXT {
        return Some(format!(
            "{} bytes long; at most {MAX_TEXT} are read: put its rules into several texts",
            text.len()
        ));
    }
    let text = &spelt_out(text);
    if nests_deeply(text) {
        return Some(format!("lists or maps in it are nested more than {MAX_DEPTH} deep"));
    }
    if condition_nests(text) {
        return Some(format!(
            "a condition has more than {MAX_PARENTHESES} parentheses open at once, or more than {MAX_NOTS} `not` in a row: give parts of it names"
        ));
    }
    if repeats_itself(text) {
        return Some(format!(
            "it names parts of itself (`*name`) more than {MAX_ALIASES} times: write them out"
        ));
    }
    let documents =
        1 + text.lines().filter(|line| line.starts_with("---") || line.starts_with("...")).count();
    let repeated = text.contains("action") && documents.saturating_mul(text.len()) > MAX_REPEATED;
    if documents > MAX_DOCUMENTS || repeated {
        return Some(format!(
            "{documents} documents in {} bytes are too many for one text: put them into several",
            text.len()
        ));
    }
    None
}

/// The text without what double quotes let an author hide: ASCII characters written as numbers, and broken lines. What
/// stands elsewhere is changed too, which makes a text look worse than it is only where it is odd.
fn spelt_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = match after.bytes().next() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let number = after.get(1..1 + digits).filter(|hex| !hex.is_empty());
        let number = number.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        rest = if let Some(c) = number.and_then(char::from_u32).filter(char::is_ascii) {
            out.push(c);
            after.get(1 + digits..).unwrap_or_default()
        } else if after.starts_with(['\n', '\r']) {
            after.trim_start()
        } else if let Some(after) = after.strip_prefix(['n', 't', ' ', '\t']) {
            out.push(' ');
            after
        } else {
            out.push('\\');
            after
        };
    }
    out.push_str(rest);
    out
}

/// Whether brackets, or dashes on one line, nest deeper than any rule does. Brackets in texts count too: nearly all of them
/// are closed again.
fn nests_deeply(text: &str) -> bool {
    let (mut depth, mut dashes) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'?' => dashes += 1,
            b' ' => {}
            _ => dashes = 0,
        }
        if depth > MAX_DEPTH || dashes > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Whether what could be a condition has too many parentheses open, or too many `not` in a row: its parser calls itself for
/// each, and ends the process where the stack ends. What cannot stand in a condition ends it.
fn condition_nests(text: &str) -> bool {
    let (mut depth, mut nots) = (0_usize, 0_usize);
    // How much of `not` the present word has; more for any other word.
    let mut word = 0_u8;
    for byte in text.bytes() {
        match byte {
            b'(' | b')' | b' ' | b'\t' | b'\n' | b'\r' => {
                match word {
                    0 => {}
                    3 => nots += 1,
                    _ => nots = 0,
                }
                word = 0;
                if byte == b'(' {
                    depth += 1;
                } else if byte == b')' {
                    depth = depth.saturating_sub(1);
                    nots = 0;
                }
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'*' => {
                word = match (word, byte) {
                    (0, b'n') => 1,
                    (1, b'o') => 2,
                    (2, b't') => 3,
                    _ => 4,
                };
            }
            _ => (depth, nots, word) = (0, 0, 0),
        }
        if depth > MAX_PARENTHESES || nots > MAX_NOTS {
            return true;
        }
    }
    false
}

/// Whether a text has anchors and names them too often. Both only mean something where a value begins.
fn repeats_itself(text: &str) -> bool {
    let (mut anchors, mut aliases) = (0_usize, 0_usize);
    let mut begins = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let is_name = bytes.peek().is_some_and(|next| !next.is_ascii_whitespace());
        match byte {
            b'&' if begins && is_name => anchors += 1,
            b'*' if begins && is_name => aliases += 1,
            _ => {}
        }
        begins = match byte {
            b' ' | b'\t' => begins,
            _ => matches!(byte, b'\n' | b'\r' | b'-' | b':' | b'?' | b'[' | b'{' | b','),
        };
    }
    anchors > 0 && aliases > MAX_ALIASES
}

/// What a rule takes once it is compiled, in bytes; by a rough and rather high measure.
///
/// # Errors
/// Which bound it exceeds, and what to do about it.
#[expect(clippy::disallowed_methods, reason = "put into order at once")]
pub(super) fn cost(detections: &Detections) -> Result<u64, String> {
    let named: BTreeMap<&str, &Detection> =
        detections.named.iter().map(|(name, detection)| (name.as_str(), detection)).collect();
    let asked = detections.conditions.iter().map(|one| asked(one, named.len() as u64));
    let asked = asked.fold(0, u64::saturating_add);
    if asked > MAX_ASKED {
        return Err(format!(
            "its conditions ask {asked} selections for one event; at most {MAX_ASKED} may be asked: put several into one"
        ));
    }
    let mut sum = Sum::default();
    for detection in named.values() {
        sum.detection(detection)?;
    }
    if sum.bytes > MAX_RULE {
        return Err(format!(
            "it would take some {} MiB of memory; one rule may take {}: split it, or share its values as indicators",
            sum.bytes >> 20,
            MAX_RULE >> 20
        ));
    }
    Ok(sum.bytes)
}

/// How many selections a condition asks, at most.
fn asked(condition: &ConditionExpr, selections: u64) -> u64 {
    match condition {
        ConditionExpr::And(all) | ConditionExpr::Or(all) => {
            all.iter().map(|one| asked(one, selections)).fold(0, u64::saturating_add)
        }
        ConditionExpr::Not(one) => asked(one, selections).saturating_add(1),
        ConditionExpr::Identifier(_) => 1,
        ConditionExpr::Selector { .. } => selections.max(1),
    }
}

/// What was counted of a rule so far.
#[derive(Default)]
struct Sum {
    values: u64,
    regexes: u64,
    bytes: u64,
}

impl Sum {
    #[expect(clippy::disallowed_methods, reason = "put into order at once")]
    fn detection(&mut self, detection: &Detection) -> Result<(), String> {
        match detection {
            Detection::AllOf(items) => items.iter().try_for_each(|item| self.item(item)),
            Detection::AnyOf(all) | Detection::And(all) => all.iter().try_for_each(|one| self.detection(one)),
            Detection::Keywords(values) => values.iter().try_for_each(|value| self.value(value, &[], true)),
            Detection::ArrayMatch { body, .. } => self.detection(body),
            Detection::Conditional { named, condition } => {
                let asked = asked(condition, named.len() as u64);
                if asked > MAX_ASKED {
                    return Err(format!(
                        "one of its conditions asks {asked} selections; at most {MAX_ASKED} may be asked: put several into one"
                    ));
                }
                let named: BTreeMap<&String, &Detection> = named.iter().collect();
                named.into_values().try_for_each(|one| self.detection(one))
            }
        }
    }

    fn item(&mut self, item: &DetectionItem) -> Result<(), String> {
        let modifiers = item.field.modifiers.as_slice();
        let part = [Modifier::Contains, Modifier::StartsWith, Modifier::EndsWith];
        let part = item.field.name.is_none() || modifiers.iter().any(|modifier| part.contains(modifier));
        item.values.iter().try_for_each(|value| self.value(value, modifiers, part))
    }

    /// A value under its modifiers; `part` where it is looked for inside others.
    fn value(&mut self, value: &SigmaValue, modifiers: &[Modifier], part: bool) -> Result<(), String> {
        let has = |modifier: Modifier| modifiers.contains(&modifier);
        let SigmaValue::String(text) = value else { return self.values(1, VALUE) };
        if has(Modifier::Re) {
            let flags = [(Modifier::IgnoreCase, 'i'), (Modifier::Multiline, 'm'), (Modifier::DotAll, 's')];
            let flags: String = flags.into_iter().filter(|(flag, _)| has(*flag)).map(|(_, c)| c).collect();
            return self.regex(&text.original, &flags);
        }
        let length = text.original.len() as u64;
        let encoded = [
            Modifier::Wide,
            Modifier::Utf16,
            Modifier::Utf16be,
            Modifier::Base64,
            Modifier::Base64Offset,
            Modifier::WindAsh,
        ];
        let is_encoded = modifiers.iter().any(|modifier| encoded.contains(modifier));
        let as_it_is =
            [Modifier::Cidr, Modifier::Exists, Modifier::FieldRef, Modifier::Expand].into_iter().any(has);
        if !is_encoded && !as_it_is && text.contains_wildcards() {
            return self.wildcards(text);
        }
        // Each dash stands for five characters; the compiler refuses more than eight.
        let dashes = text.original.bytes().filter(|byte| *byte == b'-').count().min(9);
        let dashes = u32::try_from(dashes).unwrap_or_default();
        let variants = match (has(Modifier::WindAsh), has(Modifier::Base64Offset)) {
            (true, _) => 5_u64.saturating_pow(dashes),
            (false, true) => 3,
            (false, false) => 1,
        };
        let length = if is_encoded { length.saturating_mul(3) } else { length };
        let byte = if part || has(Modifier::Base64Offset) { NEEDLE } else { EXACT };
        self.values(variants, length.saturating_mul(byte).saturating_add(VALUE))
    }

    /// So many values, of so many bytes each.
    fn values(&mut self, count: u64, each: u64) -> Result<(), String> {
        self.values = self.values.saturating_add(count);
        self.bytes = self.bytes.saturating_add(count.saturating_mul(each));
        if self.values > MAX_VALUES {
            return Err(format!(
                "it compares more than {MAX_VALUES} values, those that modifiers such as `windash` make included: split it, or share its values as indicators"
            ));
        }
        Ok(())
    }

    /// A regular expression with flags.
    fn regex(&mut self, pattern: &str, flags: &str) -> Result<(), String> {
        self.one_more(pattern.len())?;
        let flagged = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
        // What cannot be parsed costs nothing: the compiler says what is wrong with it.
        let Ok(parsed) = regex_syntax::parse(&flagged) else { return Ok(()) };
        self.automaton(states(&parsed), pattern)
    }

    /// A value with `*` or `?`: it becomes a regular expression.
    fn wildcards(&mut self, text: &SigmaString) -> Result<(), String> {
        self.one_more(text.original.len())?;
        let of = |part: &StringPart| match part {
            // Letters stand for both cases, of which some have a third form.
            StringPart::Plain(text) => 4 * text.len() as u64,
            StringPart::Special(SpecialChar::WildcardMulti | SpecialChar::WildcardSingle) => 12,
        };
        self.automaton(text.parts.iter().map(of).fold(1, u64::saturating_add), &text.original)
    }

    fn one_more(&mut self, length: usize) -> Result<(), String> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return Err(format!(
                "it has more than {MAX_REGEXES} regular expressions, values with `*` or `?` among them: split it, or compare with `contains`, `startswith` or `endswith`"
            ));
        }
        if length > MAX_PATTERN {
            return Err(format!(
                "one of its regular expressions has {length} bytes; at most {MAX_PATTERN} are compiled: shorten or split it"
            ));
        }
        Ok(())
    }

    fn automaton(&mut self, states: u64, pattern: &str) -> Result<(), String> {
        if states > MAX_STATES {
            let head: String = pattern.chars().take(40).collect();
            return Err(format!(
                "a regular expression that begins `{head}` takes {states} states; at most {MAX_STATES} are built: let it repeat less often"
            ));
        }
        self.values(1, states.saturating_mul(STATE).saturating_add(REGEX))
    }
}

/// How many states a regular expression's automaton has, about: what is repeated is there as often as it may be repeated.
fn states(pattern: &Hir) -> u64 {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => {
            // Characters beyond ASCII take several bytes, whose ranges share states.
            if class.is_ascii() { 1 } else { 8 + class.ranges().len() as u64 }
        }
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min).max(1);
            states(&repetition.sub).saturating_add(1).saturating_mul(copies.into())
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(all) | HirKind::Alternation(all) => {
            all.iter().map(states).fold(1, u64::saturating_add)
        }
    }
}
