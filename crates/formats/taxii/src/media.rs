//! Media types and their negotiation (TAXII 2.1 §1.6.8, RFC 9110 §12.5.1).

/// The media type of every TAXII 2.1 request and response body.
pub const MEDIA_TYPE: &str = "application/taxii+json;version=2.1";
/// The same without its optional parameter: whatever version the other side speaks best.
pub const MEDIA_TYPE_UNVERSIONED: &str = "application/taxii+json";

/// Whether a TAXII 2.1 response satisfies the `Accept` headers of a request; if not, the answer is 406.
///
/// Takes every value of the header, each of which may list several ranges. The most specific range that matches
/// decides, so `application/taxii+json;version=2.1;q=0, */*` refuses. No header at all accepts anything, as RFC
/// 9110 has it. Ranges that cannot be read count for nothing.
pub fn accepts<'a>(values: impl IntoIterator<Item = &'a str>) -> bool {
    let mut empty = true;
    let mut best: Option<(u8, bool)> = None;
    for range in values.into_iter().flat_map(|value| split(value, b',')) {
        if range.trim().is_empty() {
            continue;
        }
        empty = false;
        let Some(MediaRange { specificity, wanted }) = MediaRange::parse(range) else { continue };
        best = Some(match best {
            Some((seen, was)) if seen > specificity => (seen, was),
            Some((seen, was)) if seen == specificity => (seen, was || wanted),
            _ => (specificity, wanted),
        });
    }
    empty || best.is_some_and(|(_, wanted)| wanted)
}

/// Whether a request body of this `Content-Type` is TAXII 2.1; if not, the answer is 415.
///
/// The version may be left out; another version may not be named, nor a character set other than UTF-8.
#[must_use]
pub fn content_type_ok(value: &str) -> bool {
    taxii_specificity(value).is_some()
}

/// Whether a response of this `Content-Type` is worth reading as TAXII 2.1.
///
/// Wider than [`content_type_ok`]: some servers label their JSON `application/json`.
#[must_use]
pub fn response_type_ok(value: &str) -> bool {
    let mut parts = split(value, b';');
    content_type_ok(value)
        || parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}

struct MediaRange {
    /// 0 for `*/*`, 1 for `application/*`, 2 for the type, 3 for the type with its version.
    specificity: u8,
    /// Whether its weight is above zero.
    wanted: bool,
}

impl MediaRange {
    /// The range, if it covers TAXII 2.1 and is well formed.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = split(text, b';');
        let name = parts.next()?.trim();
        let mut wanted = true;
        for part in parts {
            let (key, value) = parameter(part)?;
            if key.eq_ignore_ascii_case("q") {
                wanted = weight(&value)?;
            }
        }
        let specificity = match name {
            "*/*" => 0,
            _ if name.eq_ignore_ascii_case("application/*") => 1,
            _ => taxii_specificity(text)?,
        };
        Some(Self { specificity, wanted })
    }
}

/// 3 when the text is the TAXII type with version 2.1, 2 without a version, `None` for anything else.
fn taxii_specificity(text: &str) -> Option<u8> {
    let mut parts = split(text, b';');
    if !parts.next()?.trim().eq_ignore_ascii_case(MEDIA_TYPE_UNVERSIONED) {
        return None;
    }
    let mut specificity = 2;
    for part in parts {
        let (key, value) = parameter(part)?;
        if key.eq_ignore_ascii_case("version") {
            if value != "2.1" {
                return None;
            }
            specificity = 3;
        } else if key.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return None;
        }
    }
    Some(specificity)
}

/// A `name=value` parameter, unquoted; an empty one (from a trailing semicolon) has an empty name.
fn parameter(part: &str) -> Option<(&str, String)> {
    let part = part.trim();
    if part.is_empty() {
        return Some(("", String::new()));
    }
    let (key, value) = part.split_once('=')?;
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?.replace('\\', ""),
        None => value.to_owned(),
    };
    Some((key.trim(), value))
}

/// Whether a weight (RFC 9110 §12.4.2: `0` to `1` with up to three digits) is above zero.
fn weight(text: &str) -> Option<bool> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    let sound = digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    let zeros = digits.bytes().all(|b| b == b'0');
    match whole {
        "0" if sound => Some(!zeros),
        "1" if sound && zeros => Some(true),
        _ => None,
    }
}

/// Pieces between separators that stand outside quoted strings.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped) = (false, false);
        let at = text.bytes().position(|byte| {
            let ends = byte == separator && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            ends
        });
        let (piece, tail) = match at.and_then(|at| text.split_at_checked(at)) {
            Some((piece, tail)) => (piece, tail.get(1..)),
            None => (text, None),
        };
        rest = tail;
        Some(piece)
    })
}
