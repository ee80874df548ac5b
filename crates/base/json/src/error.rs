//! Why a text was refused.

use std::fmt;

/// Where and why parsing stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Byte offset into the source.
    pub offset: usize,
    /// RFC 6901 pointer to the innermost value that was being read.
    pub pointer: String,
    /// What is wrong there.
    pub problem: Problem,
}

/// The kinds of defect, so that callers can tell a limit from a broken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The text ends inside a value.
    Truncated,
    /// A byte that cannot stand here.
    Unexpected(u8),
    /// Bytes that are not UTF-8.
    Utf8,
    /// A number that RFC 8259 does not allow, such as `01` or `1.`.
    Number,
    /// An escape that RFC 8259 does not allow, or a lone surrogate.
    Escape,
    /// An unescaped control character inside a string.
    Control(u8),
    /// A member name that occurs twice in one object.
    DuplicateKey(String),
    /// Nested deeper than the limit.
    TooDeep(u16),
    /// Longer than the limit in bytes.
    TooLong(usize),
    /// More values than the limit.
    TooMany(u32),
    /// Something other than white space follows the value.
    Trailing,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the text ends inside a value"),
            Self::Unexpected(byte) if byte.is_ascii_graphic() => {
                write!(f, "`{}` cannot stand here", char::from(*byte))
            }
            Self::Unexpected(byte) => write!(f, "byte 0x{byte:02x} cannot stand here"),
            Self::Utf8 => f.write_str("not valid UTF-8"),
            Self::Number => f.write_str("not a JSON number"),
            Self::Escape => f.write_str("not a JSON escape, or half of a surrogate pair"),
            Self::Control(byte) => write!(f, "control character 0x{byte:02x} must be escaped"),
            Self::DuplicateKey(key) => write!(f, "the member `{key}` occurs twice"),
            Self::TooDeep(limit) => write!(f, "nested deeper than {limit} levels"),
            Self::TooLong(limit) => write!(f, "longer than {limit} bytes"),
            Self::TooMany(limit) => write!(f, "more than {limit} values"),
            Self::Trailing => f.write_str("something follows the value"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}", self.problem, self.offset)?;
        if !self.pointer.is_empty() {
            write!(f, ", in {}", self.pointer)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for Error {}
