//! What is wrong with a text, where, and what to do about it.

use std::fmt;

use model::Severity;

/// One thing that is wrong with an agreement's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// [`Severity::Error`] refuses the text; a [`Severity::Warning`] is for whoever is about to sign it.
    pub severity: Severity,
    /// TOML path of the value concerned, such as `clause[2].ceiling.tlp`; lists count from 1, as people do. Empty is the
    /// whole text.
    pub pointer: String,
    /// Line in the text, from 1.
    pub line: usize,
    /// What is the matter: lower case, no full stop, user input in back-ticks.
    pub message: String,
    /// The remedy.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the text" } else { &self.pointer };
        write!(f, "line {}: {} at {place}: {}", self.line, self.severity, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; hint: {}", self.hint) }
    }
}

/// The most problems that are told of one text.
const MOST: usize = 200;

/// Collects problems in the order they are found; [`Problems::finish`] sorts them by line.
#[derive(Debug)]
pub(crate) struct Problems {
    /// Offsets at which lines begin.
    lines: Vec<usize>,
    found: Vec<Problem>,
    untold: usize,
}

impl Problems {
    pub(crate) fn over(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { lines: std::iter::once(0).chain(breaks).collect(), found: Vec::new(), untold: 0 }
    }

    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        at: &Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.found.len() >= MOST {
            self.untold += 1;
            return;
        }
        let (message, hint) = (message.into(), hint.into());
        self.found.push(Problem {
            severity,
            pointer: at.path.clone(),
            line: self.line(at.offset),
            message,
            hint,
        });
    }

    /// Whether anything that was found refuses the text.
    pub(crate) fn has_errors(&self) -> bool {
        self.untold > 0 || self.found.iter().any(|problem| problem.severity == Severity::Error)
    }

    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.line);
        if self.untold > 0 {
            let message = format!("{} more problems are not shown", self.untold);
            let hint = "correct these first".to_owned();
            self.found.push(Problem {
                severity: Severity::Error,
                pointer: String::new(),
                line: 1,
                message,
                hint,
            });
        }
        self.found
    }
}

/// Where something stands: its path, and its offset in the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) offset: usize,
}

impl Place {
    pub(crate) fn within(&self, name: &str) -> Self {
        if name.is_empty() {
            return self.clone();
        }
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, offset: self.offset }
    }
}

/// The beginning of something that somebody else wrote, safe to show.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String =
        text.chars().take(60).map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        out.push('…');
    }
    out
}

/// Characters that cannot be seen, or that change how their neighbours read.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}
