//! Texts in which a pattern is found.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Literal, Look};

/// A text that a pattern was walked through to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) text: String,
    /// Whether nothing may stand before it.
    pub(super) starts: bool,
    /// Whether nothing may stand behind it.
    pub(super) ends: bool,
}

/// The most different texts of one pattern.
const VARIANTS: u32 = 8;
/// Where a text is long enough that the rest of the pattern is left out, in bytes.
const MAX_TEXT: usize = 1 << 16;

/// Characters in the order in which they are taken where a class has them: none that is odd where it need not be.
const PREFERRED: &str = "aA0xX1b_- /\\.:=,%\"'$@!()[]{}<>&|+*^#~`;?\t\n23456789cdefBCDEFyzYZ";

/// Texts for a pattern, different ones first. `gap` is put where the pattern lets anything of any length stand. Another
/// `salt` gives other characters where there is a choice. What is no pattern has no texts; a word boundary or a line's
/// edge may make a text fail, so whoever takes one asks the pattern itself.
pub(super) fn samples(pattern: &str, gap: Option<&str>, salt: u32) -> Vec<Sample> {
    let Ok(hir) = regex_syntax::parse(pattern) else { return Vec::new() };
    let starts = hir.properties().look_set_prefix().contains(Look::Start);
    let ends = hir.properties().look_set_suffix().contains(Look::End);
    let mut out: Vec<Sample> = Vec::new();
    for variant in 0..VARIANTS {
        let mut maker = Maker { text: String::new(), variant, choice: variant, salt, gap };
        maker.put(&hir);
        let sample = Sample { text: maker.text, starts, ends };
        if !out.contains(&sample) {
            out.push(sample);
        }
    }
    out
}

struct Maker<'g> {
    text: String,
    variant: u32,
    /// What is left of the variant for the next choice between branches.
    choice: u32,
    /// What is left of the salt for the next choice of a character.
    salt: u32,
    gap: Option<&'g str>,
}

impl Maker<'_> {
    fn put(&mut self, hir: &Hir) {
        if self.text.len() > MAX_TEXT {
            return;
        }
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => {}
            HirKind::Literal(Literal(bytes)) => self.text.push_str(&String::from_utf8_lossy(bytes)),
            HirKind::Class(Class::Unicode(class)) => {
                let picked = self.pick(class);
                self.text.extend(picked);
            }
            HirKind::Repetition(repetition) => {
                let mut times = repetition.min;
                if repetition.max.is_none()
                    && is_anything(&repetition.sub)
                    && let Some(gap) = self.gap.take()
                {
                    self.text.push_str(gap);
                    let length = u32::try_from(gap.chars().count()).unwrap_or(u32::MAX);
                    times = times.saturating_sub(length);
                } else if times == 0 && self.variant % 3 == 1 && repetition.max != Some(0) {
                    times = 1;
                }
                for _ in 0..times {
                    self.put(&repetition.sub);
                    if self.text.len() > MAX_TEXT {
                        return;
                    }
                }
            }
            HirKind::Capture(capture) => self.put(&capture.sub),
            HirKind::Concat(all) => all.iter().for_each(|one| self.put(one)),
            HirKind::Alternation(all) => {
                let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
                let branch = self.choice % count;
                self.choice /= count;
                if let Some(one) = usize::try_from(branch).ok().and_then(|branch| all.get(branch)) {
                    self.put(one);
                }
            }
        }
    }

    /// A character of the class.
    fn pick(&mut self, class: &ClassUnicode) -> Option<char> {
        let fit: Vec<char> = PREFERRED.chars().filter(|c| has(class, *c)).collect();
        let count = u32::try_from(fit.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return class.ranges().first().map(|range| range.start());
        }
        let place = if self.salt > 0 {
            let place = self.salt % count;
            self.salt /= count;
            place
        } else {
            (self.variant % 2).min(count - 1)
        };
        usize::try_from(place).ok().and_then(|place| fit.get(place)).copied()
    }
}

fn has(class: &ClassUnicode, c: char) -> bool {
    let ranges = class.ranges();
    ranges.get(ranges.partition_point(|range| range.end() < c)).is_some_and(|range| range.start() <= c)
}

/// Whether it is `.`, or nearly.
fn is_anything(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => "a0 \\/\"'-:".chars().all(|c| has(class, c)),
        HirKind::Capture(capture) => is_anything(&capture.sub),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text is made of what the pattern allows, as the pattern's own reading of it says.
    #[track_caller]
    fn check(pattern: &str, expect: &str) {
        let found = samples(pattern, None, 0);
        assert!(found.iter().any(|sample| sample.text == expect), "{pattern}: {found:?}");
    }

    #[test]
    fn texts_of_patterns() {
        check("abc", "abc");
        check(r"net\s+use", "net use");
        check("[0-9]{1,3}\\.[0-9]{1,3}", "0.0");
        check("(zip|asp)\\?d=", "zip?d=");
        check("(zip|asp)\\?d=", "asp?d=");
        check("^C:\\\\__1\\d{3}$", "C:\\__1000");
        check("a{3,}", "aaa");
        check("https?://0", "http://0");
        check("https?://0", "https://0");
        assert!(samples("(", None, 0).is_empty());
    }

    #[test]
    fn what_may_stand_around_it() {
        let edges = |pattern| samples(pattern, None, 0).first().map(|one| (one.starts, one.ends));
        assert_eq!(edges("^a$"), Some((true, true)));
        assert_eq!(edges("a$"), Some((false, true)));
        assert_eq!(edges("a"), Some((false, false)));
    }

    #[test]
    fn a_gap_takes_what_must_stand_too() {
        let found = samples("(?i)^.*a.*b$", Some(" and more "), 0);
        assert!(
            found.iter().all(|one| one.text.contains(" and more ") && one.starts && one.ends),
            "{found:?}"
        );
        assert_eq!(samples(".{5,}", Some("abc"), 0).first().map(|one| one.text.len()), Some(5));
    }

    #[test]
    fn another_salt_gives_another_text() {
        let text = |salt| samples("^[A-Za-z0-9]{16}$", None, salt).into_iter().next().map(|one| one.text);
        let all: std::collections::BTreeSet<_> = (0..100).map(text).collect();
        assert_eq!(all.len(), 100);
    }

    #[test]
    fn a_pattern_that_would_be_endless_ends() {
        assert!(samples("((a{1000}){1000}){1000}", None, 0).iter().all(|one| one.text.len() < 2 << 16));
    }
}
