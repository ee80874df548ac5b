//! Query parameters of the collection endpoints (TAXII 2.1 §3.4).

use std::collections::BTreeSet;

use model::{StixId, Timestamp};

/// Longest query string that is looked at, in bytes.
const MAX_BYTES: usize = 64 << 10;
/// Most values one `match` field may list.
const MAX_VALUES: usize = 1_000;
/// Longest type name (STIX 2.1 §3.1) and longest page token, in bytes.
const MAX_VALUE_BYTES: usize = 250;

/// The filters and paging wishes of a request, checked.
///
/// Lists are sorted and free of repetition, so that two spellings of one request are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Added to the collection strictly after this instant.
    pub added_after: Option<Timestamp>,
    /// At most so many items; at least 1. A larger number than fits reads as the largest.
    pub limit: Option<u32>,
    /// Where to continue: opaque, see [`crate::read_page_token`].
    pub next: Option<String>,
    /// `match[id]`: any of these; empty means all.
    pub ids: BTreeSet<StixId>,
    /// `match[type]`: any of these; empty means all.
    pub types: BTreeSet<String>,
    /// `match[version]`: any of these; empty means [`VersionMatch::Last`].
    pub versions: BTreeSet<VersionMatch>,
    /// `match[spec_version]`: any of these, in the form `n.m`; empty means the newest there is.
    pub spec_versions: BTreeSet<String>,
}

/// One value of `match[version]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VersionMatch {
    /// `last`
    Last,
    /// `first`
    First,
    /// `all`; never together with another.
    All,
    /// Exactly the version of this instant.
    At(Timestamp),
}

/// A parameter cannot be understood; the answer is 400 (TAXII 2.1 §3.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{parameter}`: {message}")]
pub struct QueryError {
    /// The parameter's name, such as `match[version]`.
    pub parameter: String,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl QueryError {
    pub(crate) fn new(parameter: &str, message: impl Into<String>) -> Self {
        Self { parameter: parameter.to_owned(), message: message.into() }
    }
}

impl Query {
    /// Reads the part of a URL after `?`, percent-encoded as it came.
    ///
    /// `match` fields may list values with commas; a field given more than once adds to its list. Parameters and
    /// match fields that TAXII 2.1 does not define are ignored.
    ///
    /// # Errors
    /// [`QueryError`] names the first parameter that is malformed, out of bounds, or given twice where one value
    /// is meant.
    pub fn parse(raw: &str) -> Result<Self, QueryError> {
        if raw.len() > MAX_BYTES {
            return Err(QueryError::new(
                "query",
                format!("longer than {MAX_BYTES} bytes; ask for fewer values"),
            ));
        }
        let mut query = Self::default();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key =
                decode(key).ok_or_else(|| QueryError::new("query", "a name is not percent-encoded UTF-8"))?;
            let known = matches!(key.as_str(), "added_after" | "limit" | "next")
                || MATCH_FIELDS.contains(&key.as_str());
            if known {
                let value = decode(value)
                    .ok_or_else(|| QueryError::new(&key, "the value is not percent-encoded UTF-8"))?;
                query.take(&key, &value)?;
            }
        }
        if query.versions.len() > 1 && query.versions.contains(&VersionMatch::All) {
            return Err(QueryError::new("match[version]", "`all` cannot stand beside other versions"));
        }
        Ok(query)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), QueryError> {
        let fail = |message: String| QueryError::new(key, message);
        match key {
            "added_after" => once(key, &mut self.added_after, instant(value).map_err(fail)?),
            "limit" => once(key, &mut self.limit, limit(value).map_err(fail)?),
            "next" => {
                if value.is_empty() || value.len() > MAX_VALUE_BYTES {
                    return Err(fail("not a token this server gave out; start again without it".to_owned()));
                }
                once(key, &mut self.next, value.to_owned())
            }
            "match[id]" => each(key, value, &mut self.ids, |id| {
                id.parse().map_err(|_| format!("`{}` is not a STIX id in the form type--uuid", shorten(id)))
            }),
            "match[type]" => each(key, value, &mut self.types, |name| Ok(name.to_owned())),
            "match[version]" => each(key, value, &mut self.versions, |version| match version {
                "last" => Ok(VersionMatch::Last),
                "first" => Ok(VersionMatch::First),
                "all" => Ok(VersionMatch::All),
                _ => instant(version)
                    .map(VersionMatch::At)
                    .map_err(|message| format!("{message}, and not last, first or all")),
            }),
            _ => each(key, value, &mut self.spec_versions, |version| {
                let sound = version.split_once('.').is_some_and(|(major, minor)| {
                    [major, minor]
                        .iter()
                        .all(|part| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
                });
                if sound {
                    Ok(version.to_owned())
                } else {
                    Err(format!("`{}` is not in the form 2.1", shorten(version)))
                }
            }),
        }
    }
}

const MATCH_FIELDS: [&str; 4] = ["match[id]", "match[type]", "match[version]", "match[spec_version]"];

fn once<T>(key: &str, slot: &mut Option<T>, value: T) -> Result<(), QueryError> {
    if slot.replace(value).is_some() {
        return Err(QueryError::new(key, "given more than once"));
    }
    Ok(())
}

fn each<T: Ord>(
    key: &str,
    list: &str,
    set: &mut BTreeSet<T>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<(), QueryError> {
    for item in list.split(',') {
        if item.is_empty() {
            return Err(QueryError::new(key, "a value is empty; separate values with single commas"));
        }
        if item.len() > MAX_VALUE_BYTES {
            return Err(QueryError::new(
                key,
                format!("`{}` is longer than {MAX_VALUE_BYTES} bytes", shorten(item)),
            ));
        }
        set.insert(read(item).map_err(|message| QueryError::new(key, message))?);
        if set.len() > MAX_VALUES {
            return Err(QueryError::new(
                key,
                format!("more than {MAX_VALUES} values; ask in several requests"),
            ));
        }
    }
    Ok(())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!("`{}` is not an RFC 3339 timestamp in UTC such as 2026-01-31T12:00:00.000Z", shorten(text))
    })
}

fn limit(text: &str) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = if digits { text.parse().unwrap_or(u32::MAX) } else { 0 };
    if number == 0 {
        Err(format!("`{}` is not a whole number above zero", shorten(text)))
    } else {
        Ok(number)
    }
}

/// The start of what the client sent, short enough to be sent back.
fn shorten(text: &str) -> String {
    text.chars().take(80).filter(|c| !c.is_control()).collect()
}

/// Undoes `application/x-www-form-urlencoded`: `%XX` and `+`. `None` for half an escape or broken UTF-8.
fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => nibble(bytes.next()?)? << 4 | nibble(bytes.next()?)?,
            b'+' => b' ',
            _ => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn nibble(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
