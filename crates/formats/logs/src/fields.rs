//! Where a class of events keeps what Sigma's taxonomy names.

use std::ops::Range;

/// How a class's events spell the names that rules use.
#[derive(Debug)]
pub struct FieldMap {
    /// Names that mean other members, by table; the first table that has a name decides. A name in none of them is
    /// the record's own.
    pub aliases: &'static [&'static [Alias]],
    /// How much a member's name may differ from the one that was asked for.
    pub loose: Loose,
    /// Objects whose members count as the record's own, such as Azure's `properties`.
    pub under: &'static [&'static str],
}

/// A name of Sigma's and the places where its value may be, best first.
pub(crate) type Alias = (&'static str, &'static [Place]);

/// Where a value is. Paths join member names by dots; an array on the way stands for each of its items.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// At that path.
    At(&'static str),
    /// At all of these paths together.
    All(&'static [&'static str]),
    /// The path of the URI there, without query: `/a/b.php` of `http://host/a/b.php?c=d`.
    Stem(&'static str),
    /// The query of the URI there: `c=d`.
    Query(&'static str),
    /// The ending of the last segment of the URI there: `php`.
    Extension(&'static str),
}

/// How much a member's name may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loose {
    /// Not at all.
    Exact,
    /// Capital and small letters of ASCII are the same, as Azure's services mix them.
    Case,
    /// `.` and `_` are the same, as shippers flatten Zeek's `id.orig_h`.
    Dots,
}

impl Loose {
    /// Whether a member of this name is the one that was asked for.
    pub(crate) fn same(self, own: &str, asked: &str) -> bool {
        let joint = |byte: u8| matches!(byte, b'.' | b'_');
        match self {
            Self::Exact => own == asked,
            Self::Case => own.eq_ignore_ascii_case(asked),
            Self::Dots => {
                own.len() == asked.len()
                    && own.bytes().zip(asked.bytes()).all(|(a, b)| a == b || (joint(a) && joint(b)))
            }
        }
    }
}

impl FieldMap {
    /// The places of a name that means other members.
    pub(crate) fn places(&self, name: &str) -> Option<&'static [Place]> {
        let mut rows = self.aliases.iter().flat_map(|table| table.iter());
        rows.find(|(own, _)| *own == name).map(|(_, places)| *places)
    }

    /// Whether the map knows the name as one that means another member.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.places(name).is_some()
    }
}

/// Names are the record's own and there is nothing else to say.
pub(crate) static PLAIN: FieldMap = FieldMap { aliases: &[], loose: Loose::Exact, under: &[] };

/// The part of a URI without scheme and host.
fn target(uri: &str) -> usize {
    match uri.find("://") {
        // A scheme is short; anything else is part of a query.
        Some(at) if at <= 8 => {
            let host = at + 3;
            uri.get(host..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(uri.len(), |end| host + end)
        }
        _ => 0,
    }
}

/// Where the path of a URI ends.
fn path_end(uri: &str, from: usize) -> usize {
    uri.get(from..).and_then(|rest| rest.find(['?', '#'])).map_or(uri.len(), |end| from + end)
}

pub(crate) fn stem(uri: &str) -> Option<Range<usize>> {
    let from = target(uri);
    let end = path_end(uri, from);
    (end > from).then_some(from..end)
}

pub(crate) fn query(uri: &str) -> Option<Range<usize>> {
    let end = path_end(uri, target(uri));
    uri.get(end..)?.starts_with('?').then(|| {
        let fragment = uri.get(end..).and_then(|rest| rest.find('#')).map_or(uri.len(), |at| end + at);
        end + 1..fragment
    })
}

pub(crate) fn extension(uri: &str) -> Option<Range<usize>> {
    let path = stem(uri)?;
    let text = uri.get(path.clone())?;
    let segment = text.rfind('/').map_or(0, |at| at + 1);
    let dot = text.get(segment..)?.rfind('.')? + segment + 1;
    (dot < text.len()).then_some(path.start + dot..path.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, parts: [Option<&str>; 3]) {
        let found = [stem(uri), query(uri), extension(uri)].map(|range| range.map(|range| &uri[range]));
        assert_eq!(found, parts, "{uri}");
    }

    #[test]
    fn parts_of_a_uri() {
        check("/a/b.php?c=d#e", [Some("/a/b.php"), Some("c=d"), Some("php")]);
        check("http://h.example/a.b/c?u=http://x/y.exe", [Some("/a.b/c"), Some("u=http://x/y.exe"), None]);
        check("http://h.example", [None, None, None]);
        check("http://h.example?q", [None, Some("q"), None]);
        check("/", [Some("/"), None, None]);
        check("/a.", [Some("/a."), None, None]);
        check("", [None, None, None]);
        check("/ä.ö?ü", [Some("/ä.ö"), Some("ü"), Some("ö")]);
    }

    #[test]
    fn names_that_are_nearly_the_same() {
        assert!(Loose::Dots.same("certificate_serial", "certificate.serial"));
        assert!(!Loose::Dots.same("id_orig_h", "id.orig_p"));
        assert!(Loose::Case.same("resultType", "ResultType"));
        assert!(!Loose::Exact.same("resultType", "ResultType"));
    }
}
