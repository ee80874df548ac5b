//! Text to tokens.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use model::Timestamp;

use crate::ast::{Literal, Operator, Span};
use crate::error::{PatternError, PatternWarning};

/// Reads base64 with its padding; unused trailing bits may be anything, as the grammar has it.
pub(crate) const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind<'a> {
    /// A keyword, `true`, `false`, an object type or a property name: the parser knows which it wants.
    Word(&'a str),
    Literal(Literal),
    Operator(Operator),
    Colon,
    Dot,
    Comma,
    Star,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    /// Something already reported as an error.
    Bad,
    End,
}

/// Everything the text holds, ending in [`Kind::End`].
pub(crate) struct Tokens<'a> {
    pub(crate) list: Vec<Token<'a>>,
    pub(crate) errors: Vec<PatternError>,
    pub(crate) warnings: Vec<PatternWarning>,
}

/// Cuts a whole text.
pub(crate) fn tokens(text: &str) -> Tokens<'_> {
    let mut lexer =
        Lexer { text, at: 0, out: Tokens { list: Vec::new(), errors: Vec::new(), warnings: Vec::new() } };
    while let Some(first) = lexer.peek() {
        let start = lexer.at;
        if let Some(kind) = lexer.token(first) {
            let span = Span { start, end: lexer.at };
            lexer.out.list.push(Token { kind, span });
        }
    }
    lexer.out.list.push(Token { kind: Kind::End, span: Span { start: text.len(), end: text.len() } });
    lexer.out
}

/// Whether a name can stand in a path without apostrophes, keywords aside.
pub(crate) fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    out: Tokens<'a>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes characters while they fit.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn error(&mut self, start: usize, message: impl Into<String>) {
        self.out.errors.push(PatternError { start, end: self.at, message: message.into() });
    }

    /// The token that starts with this character; `None` for white space and comments.
    fn token(&mut self, first: char) -> Option<Kind<'a>> {
        let start = self.at;
        let rest = self.rest();
        if first.is_whitespace() {
            self.take(char::is_whitespace);
            return None;
        }
        if rest.starts_with("//") {
            self.take(|c| c != '\r' && c != '\n');
            return None;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            let closed = comment.find("*/");
            self.at = closed.map_or(self.text.len(), |length| start + length + 4);
            if closed.is_none() {
                self.error(start, "this comment is never closed with `*/`");
            }
            return None;
        }
        let symbols = [
            ("==", Kind::Operator(Operator::Equal)),
            ("=", Kind::Operator(Operator::Equal)),
            ("!=", Kind::Operator(Operator::NotEqual)),
            ("<>", Kind::Operator(Operator::NotEqual)),
            ("<=", Kind::Operator(Operator::LessOrEqual)),
            ("<", Kind::Operator(Operator::Less)),
            (">=", Kind::Operator(Operator::GreaterOrEqual)),
            (">", Kind::Operator(Operator::Greater)),
            (":", Kind::Colon),
            (",", Kind::Comma),
            ("*", Kind::Star),
            ("(", Kind::OpenParen),
            (")", Kind::CloseParen),
            ("[", Kind::OpenBracket),
            ("]", Kind::CloseBracket),
        ];
        for (symbol, kind) in symbols {
            if rest.starts_with(symbol) {
                self.at += symbol.len();
                return Some(kind);
            }
        }
        Some(match (first, rest.as_bytes().get(1)) {
            ('\'', _) => self.string(),
            ('h' | 'b' | 't', Some(b'\'')) => self.typed(first),
            ('a'..='z' | 'A'..='Z' | '_', _) => {
                Kind::Word(self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            }
            ('0'..='9', _) | ('+' | '-' | '.', Some(b'0'..=b'9')) | ('+' | '-', Some(b'.')) => self.number(),
            ('.', _) => {
                self.at += 1;
                Kind::Dot
            }
            _ => {
                self.at += first.len_utf8();
                self.error(start, format!("`{}` cannot stand in a pattern", first.escape_debug()));
                Kind::Bad
            }
        })
    }

    fn string(&mut self) -> Kind<'a> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            value.push_str(self.take(|c| c != '\'' && c != '\\'));
            let escape = self.at;
            let mut chars = self.rest().chars();
            match (chars.next(), chars.next()) {
                (Some('\''), _) => {
                    self.at += 1;
                    return Kind::Literal(Literal::Text(value));
                }
                (Some('\\'), Some(c @ ('\'' | '\\'))) => {
                    self.at += 2;
                    value.push(c);
                }
                (Some('\\'), Some(_)) => {
                    self.at += 1;
                    self.error(
                        escape,
                        "a backslash in a string escapes only `'` or `\\`; write `\\\\` for a backslash",
                    );
                }
                _ => {
                    self.at = self.text.len();
                    self.error(start, "this string is never closed with `'`");
                    return Kind::Bad;
                }
            }
        }
    }

    /// `h'...'`, `b'...'` or `t'...'`. A bad one is reported and replaced, so that parsing can go on.
    fn typed(&mut self, prefix: char) -> Kind<'a> {
        let start = self.at;
        self.at += 2;
        let body = self.take(|c| c != '\'');
        if self.peek().is_none() {
            self.error(start, "this constant is never closed with `'`");
            return Kind::Bad;
        }
        self.at += 1;
        Kind::Literal(match prefix {
            'h' => Literal::Hex(hex(body).unwrap_or_else(|| {
                self.error(start, "a hex constant is an even number of hexadecimal digits");
                Vec::new()
            })),
            'b' => Literal::Binary(base64(body).unwrap_or_else(|| {
                self.error(start, "a binary constant is base64 with its padding");
                Vec::new()
            })),
            _ => Literal::Timestamp(body.parse().unwrap_or_else(|_| {
                self.error(start, format!("`{body}` is not a timestamp such as `2016-06-01T00:00:00Z`"));
                Timestamp::EPOCH
            })),
        })
    }

    fn number(&mut self) -> Kind<'a> {
        let start = self.at;
        if matches!(self.peek(), Some('+' | '-')) {
            self.at += 1;
        }
        let whole = self.take(|c| c.is_ascii_digit());
        let fraction =
            self.rest().strip_prefix('.').is_some_and(|f| f.starts_with(|c: char| c.is_ascii_digit()));
        if fraction {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if text.starts_with('+') {
            let message = "a positive number is written without `+`".to_owned();
            self.out.warnings.push(PatternWarning { start, end: self.at, message });
        }
        if fraction {
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() => return Kind::Literal(Literal::Float(value)),
                _ => self.error(start, "this number is out of range"),
            }
        } else if whole.is_empty() {
            self.error(start, "a sign must be followed by digits");
        } else if whole.len() > 1 && whole.starts_with('0') {
            self.error(start, "an integer has no leading zeros");
        } else if let Ok(value) = text.parse::<i64>() {
            if value.unsigned_abs() >= 1 << 53 {
                let message = "beyond 2^53 - 1, the greatest integer STIX knows".to_owned();
                self.out.warnings.push(PatternWarning { start, end: self.at, message });
            }
            return Kind::Literal(Literal::Integer(value));
        } else {
            self.error(start, "this integer is out of range");
        }
        Kind::Literal(Literal::Integer(0))
    }
}

/// Bytes from hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

/// Bytes from base64; line breaks are ignored (§9.2), emptiness is not base64 here (the grammar wants a group).
fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    BASE64.decode(text).ok().filter(|bytes| !bytes.is_empty())
}
