//! RFC 8785, the JSON Canonicalization Scheme.

use std::borrow::Cow;

use crate::value::{Kind, Value, write_string};

/// Appends the RFC 8785 form of a value: no white space, members sorted by UTF-16 code units, numbers as
/// ECMAScript prints them.
///
/// Numbers are doubles there: an integer beyond 2^53 loses digits, as the standard says it does.
pub fn canonical(value: Value<'_>, out: &mut String) {
    canonical_with(value, out, &mut |_, _| None);
}

/// As [`canonical`], but `rewrite(member name, value)` may give the text to write in place of a string.
///
/// Used to compare documents by meaning, where two spellings of one instant are equal. The member name is
/// that of the nearest enclosing object member, so list items carry their list's name.
pub fn canonical_with(
    value: Value<'_>,
    out: &mut String,
    rewrite: &mut dyn FnMut(&str, Value<'_>) -> Option<String>,
) {
    write(value, "", out, rewrite);
}

fn write(
    value: Value<'_>,
    name: &str,
    out: &mut String,
    rewrite: &mut dyn FnMut(&str, Value<'_>) -> Option<String>,
) {
    match value.kind() {
        Kind::Null | Kind::Bool => out.push_str(value.raw()),
        Kind::Number => write_number(value.as_f64().unwrap_or(0.0), out),
        Kind::String => match rewrite(name, value) {
            Some(text) => write_string(&text, out),
            None => write_string(&value.as_str().unwrap_or_default(), out),
        },
        Kind::Array => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, name, out, rewrite);
            }
            out.push(']');
        }
        Kind::Object => {
            let mut members: Vec<(Cow<'_, str>, Value<'_>)> =
                value.entries().map(|(key, value)| (key.as_str().unwrap_or_default(), value)).collect();
            members.sort_by(|(a, _), (b, _)| by_code_units(a, b));
            out.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write(*member, key, out, rewrite);
            }
            out.push('}');
        }
    }
}

/// ASCII order is byte order in UTF-8 and UTF-16 alike; only other text needs the slow way.
fn by_code_units(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: f64, out: &mut String) {
    // RFC 8785 has no infinity; a number that overflows is written as the largest double so that the
    // form stays JSON and stays distinct from smaller values.
    let finite = number.clamp(f64::MIN, f64::MAX);
    out.push_str(ryu_js::Buffer::new().format_finite(finite));
}
