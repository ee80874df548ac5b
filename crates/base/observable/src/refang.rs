//! Undoing, and doing, the notations that keep a malicious value from being clicked.

use std::borrow::Cow;

/// Notations and what they stand for. Case-insensitive; longer spellings first.
const TOKENS: [(&str, &str); 36] = [
    ("[://]", "://"),
    ("(://)", "://"),
    ("{://}", "://"),
    ("[:]//", "://"),
    ("[:]", ":"),
    ("(:)", ":"),
    ("{:}", ":"),
    ("[//]", "//"),
    ("[/]", "/"),
    ("(/)", "/"),
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("<.>", "."),
    ("\\.", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("<dot>", "."),
    ("[d0t]", "."),
    ("[punkt]", "."),
    ("[point]", "."),
    ("[@]", "@"),
    ("(@)", "@"),
    ("{@}", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("{at}", "@"),
    ("<at>", "@"),
    ("[.", "."),
    (".]", "."),
    ("(.", "."),
    (".)", "."),
    ("[www]", "www"),
    ("[com]", "com"),
    ("[http]", "http"),
];

/// Schemes written so that nothing links them.
const SCHEMES: [(&str, &str); 12] = [
    ("hxxps", "https"),
    ("hxxp", "http"),
    ("hxtps", "https"),
    ("hxtp", "http"),
    ("htxps", "https"),
    ("htxp", "http"),
    ("httxs", "https"),
    ("h**ps", "https"),
    ("h**p", "http"),
    ("meows", "https"),
    ("meow", "http"),
    ("fxp", "ftp"),
];

/// The value in working form; borrowed when it was never defanged.
///
/// A backslash before a dot is only taken for defanging when nothing else in the text looks like a regular
/// expression or a Windows path.
#[must_use]
pub fn refang(text: &str) -> Cow<'_, str> {
    let scheme = SCHEMES.iter().find_map(|(defanged, plain)| {
        let head = text.get(..defanged.len())?;
        let rest = text.get(defanged.len()..)?;
        // Only a scheme: `hxxp.example.com` is a name.
        (head.eq_ignore_ascii_case(defanged)
            && rest.trim_start_matches(['[', '(', '{', '_']).starts_with([':', '/']))
        .then_some((*plain, rest))
    });
    if scheme.is_none() && !text.contains(['[', ']', '(', '{', '<', '\\']) {
        return Cow::Borrowed(text);
    }
    let (prefix, mut rest) = scheme.unwrap_or(("", text));
    let patterned = rest.contains(['^', '$', '*', '|', '+']) && scheme.is_none() && !rest.contains("://");
    // A backslash that does not stand before a dot is a path's.
    let path = text.matches('\\').count() != text.matches("\\.").count();
    let mut out = String::with_capacity(text.len());
    out.push_str(prefix);
    'scan: while let Some(first) = rest.chars().next() {
        if matches!(first, '[' | '(' | '{' | '<' | '\\' | '.') && !patterned {
            for (token, plain) in TOKENS {
                let hit = rest.get(..token.len()).is_some_and(|head| head.eq_ignore_ascii_case(token));
                if hit && (token != "\\." || !path) {
                    out.push_str(plain);
                    rest = rest.get(token.len()..).unwrap_or_default();
                    continue 'scan;
                }
            }
        }
        out.push(first);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The value with its dots and scheme broken, for text that people may click: `hxxps://bad[.]example/x`.
#[must_use]
pub fn defang(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let mut out = String::with_capacity(text.len() + 8);
    if let Some(scheme) = scheme {
        out.push_str(&scheme.replacen("tt", "xx", 1));
        out.push_str("://");
    }
    out.push_str(&host.replace('.', "[.]").replace('@', "[@]"));
    out.push_str(tail);
    out
}
