//! The XML that confidentiality labels and SPIFs are written in: elements, attributes, text. No document types, so
//! no entities of anybody's making and nothing that grows or is fetched.

use std::collections::BTreeMap;
use std::fmt;

/// A text is not XML of the kind we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidXml {
    /// Where, in bytes from the start.
    pub at: usize,
    /// What is the matter.
    pub problem: &'static str,
}

impl fmt::Display for InvalidXml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.problem, self.at)
    }
}

impl std::error::Error for InvalidXml {}

/// How much a document may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct XmlLimits {
    /// Bytes of text.
    pub(crate) bytes: usize,
    /// Elements in one another.
    pub(crate) depth: usize,
    /// Elements and attributes.
    pub(crate) parts: usize,
}

/// An element: its name without prefix, the namespace that the prefix stood for, and what is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) namespace: String,
    pub(crate) name: String,
    attributes: BTreeMap<String, String>,
    /// All text directly in it, without the white space around it.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// An attribute by its name without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The one child of this name; `None` when there is none or more than one.
    pub(crate) fn only(&self, name: &str) -> Option<&Self> {
        let mut found = self.children.iter().filter(|child| child.name == name);
        let first = found.next();
        if found.next().is_some() { None } else { first }
    }
}

/// Reads a document.
///
/// # Errors
/// [`InvalidXml`] for anything malformed, beyond the limits, or with a document type.
pub(crate) fn parse(text: &str, limits: XmlLimits) -> Result<Element, InvalidXml> {
    let mut reader = Reader { text, at: 0, parts: 0, limits };
    if text.len() > limits.bytes {
        return Err(reader.problem("the document is too long"));
    }
    if text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    reader.skip_between(true)?;
    let root = reader.element(&BTreeMap::new(), 0)?;
    reader.skip_between(true)?;
    if reader.rest().is_empty() {
        Ok(root)
    } else {
        Err(reader.problem("something follows the root element"))
    }
}

/// Prefixes in scope; the empty one is the default namespace.
type Scope = BTreeMap<String, String>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    parts: usize,
    limits: XmlLimits,
}

impl<'a> Reader<'a> {
    const fn problem(&self, problem: &'static str) -> InvalidXml {
        InvalidXml { at: self.at, problem }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expect(&mut self, token: &str, problem: &'static str) -> Result<(), InvalidXml> {
        if self.take(token) { Ok(()) } else { Err(self.problem(problem)) }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Everything before `end`, which is skipped too.
    fn until(&mut self, end: &str, problem: &'static str) -> Result<&'a str, InvalidXml> {
        let (found, _) = self.rest().split_once(end).ok_or_else(|| self.problem(problem))?;
        self.at += found.len() + end.len();
        Ok(found)
    }

    /// Skips comments, processing instructions and, outside the root, white space.
    fn skip_between(&mut self, space: bool) -> Result<(), InvalidXml> {
        loop {
            if space {
                self.skip_space();
            }
            if self.take("<!--") {
                self.until("-->", "a comment does not end")?;
            } else if self.take("<?") {
                self.until("?>", "a processing instruction does not end")?;
            } else if self.rest().starts_with("<!DOCTYPE") {
                return Err(self.problem("document types are not read"));
            } else {
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> Result<&'a str, InvalidXml> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c))).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return Err(self.problem("a name was expected"));
        }
        self.at += end;
        Ok(name)
    }

    fn count(&mut self) -> Result<(), InvalidXml> {
        self.parts += 1;
        if self.parts > self.limits.parts {
            Err(self.problem("too many elements and attributes"))
        } else {
            Ok(())
        }
    }

    fn element(&mut self, outer: &Scope, depth: usize) -> Result<Element, InvalidXml> {
        if depth >= self.limits.depth {
            return Err(self.problem("elements are nested too deeply"));
        }
        self.count()?;
        self.expect("<", "an element was expected")?;
        let qualified = self.name()?;
        let (attributes, scope) = self.attributes(outer)?;
        let scope = scope.as_ref().unwrap_or(outer);
        let (prefix, name) = qualified.split_once(':').unwrap_or(("", qualified));
        let namespace = match scope.get(prefix) {
            Some(namespace) => namespace.clone(),
            None if prefix.is_empty() => String::new(),
            None => return Err(self.problem("a prefix without a namespace")),
        };
        let mut element = Element { namespace, name: name.to_owned(), attributes, ..Element::default() };
        if self.take("/>") {
            return Ok(element);
        }
        self.expect(">", "a tag does not end")?;
        let mut text = String::new();
        loop {
            self.skip_between(false)?;
            if self.take("</") {
                if self.name()? != qualified {
                    return Err(self.problem("an end tag does not match"));
                }
                self.skip_space();
                self.expect(">", "a tag does not end")?;
                element.text = text.trim().to_owned();
                return Ok(element);
            }
            if self.take("<![CDATA[") {
                text.push_str(self.until("]]>", "a CDATA section does not end")?);
            } else if self.rest().starts_with('<') {
                element.children.push(self.element(scope, depth + 1)?);
            } else {
                let end = self.rest().find('<').ok_or_else(|| self.problem("an element does not end"))?;
                let raw = self.rest().get(..end).unwrap_or_default();
                self.resolve(raw, &mut text)?;
                self.at += end;
            }
        }
    }

    /// The attributes of a tag, by local name, and the scope inside it where the tag changes it.
    fn attributes(&mut self, outer: &Scope) -> Result<(BTreeMap<String, String>, Option<Scope>), InvalidXml> {
        let (mut attributes, mut scope) = (BTreeMap::new(), None);
        loop {
            let before = self.at;
            self.skip_space();
            if self.rest().starts_with(['>', '/']) {
                return Ok((attributes, scope));
            }
            if self.at == before {
                return Err(self.problem("white space was expected"));
            }
            self.count()?;
            let name = self.name()?;
            self.skip_space();
            self.expect("=", "an attribute has no value")?;
            self.skip_space();
            let quote = if self.take("\"") { "\"" } else { "'" };
            if quote == "'" {
                self.expect("'", "an attribute's value is not in quotes")?;
            }
            let raw = self.until(quote, "an attribute's value does not end")?;
            if raw.contains('<') {
                return Err(self.problem("`<` in an attribute"));
            }
            let mut value = String::new();
            self.resolve(raw, &mut value)?;
            let declared = if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
            match declared {
                Some(prefix) => {
                    let scope = scope.get_or_insert_with(|| outer.clone());
                    scope.insert(prefix.to_owned(), value);
                    // Every element keeps a copy of its namespace.
                    if scope.len() > 16 || scope.values().any(|namespace| namespace.len() > 256) {
                        return Err(self.problem("too many namespaces, or too long a one"));
                    }
                }
                None => {
                    let local = name.split_once(':').map_or(name, |(_, local)| local);
                    if attributes.insert(local.to_owned(), value).is_some() {
                        return Err(self.problem("an attribute stands twice"));
                    }
                }
            }
        }
    }

    /// Appends text with its character references resolved: the five of XML, and by number.
    fn resolve(&self, raw: &str, out: &mut String) -> Result<(), InvalidXml> {
        let mut pieces = raw.split('&');
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let broken = || self.problem("a character reference is not one");
            let (reference, rest) = piece.split_once(';').ok_or_else(broken)?;
            let number =
                |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
            let character = match reference {
                "lt" => Some('<'),
                "gt" => Some('>'),
                "amp" => Some('&'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                _ => match (reference.strip_prefix("#x"), reference.strip_prefix('#')) {
                    (Some(digits), _) => number(digits, 16),
                    (None, Some(digits)) => number(digits, 10),
                    _ => None,
                },
            };
            out.push(character.filter(|c| *c != '\0').ok_or_else(broken)?);
            out.push_str(rest);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: XmlLimits = XmlLimits { bytes: 10_000, depth: 8, parts: 100 };

    fn refused(text: &str, problem: &str) {
        assert_eq!(parse(text, LIMITS).err().map(|error| error.problem), Some(problem), "{text}");
    }

    #[test]
    fn what_it_reads() {
        let text = "\u{feff}<?xml version=\"1.0\"?>\n<!-- a --><p:a xmlns:p='urn:x' b=\"1 &lt; &#x41;\">\n t <!-- c --> \
                    <c xmlns='urn:y'/><![CDATA[<&]]></p:a > <!-- end -->";
        let root = parse(text, LIMITS).unwrap();
        assert_eq!((root.namespace.as_str(), root.name.as_str()), ("urn:x", "a"));
        assert_eq!(root.attribute("b"), Some("1 < A"));
        assert_eq!(root.children[0].namespace, "urn:y");
        assert!(root.text.starts_with('t') && root.text.ends_with("<&"));
    }

    #[test]
    fn what_it_refuses() {
        refused("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document types are not read");
        refused("<a>&b;</a>", "a character reference is not one");
        refused("<a>&#0;</a>", "a character reference is not one");
        refused("<a>&#xD800;</a>", "a character reference is not one");
        refused("<a b='1' b='2'/>", "an attribute stands twice");
        refused("<a x:b='1' y:b='2'/>", "an attribute stands twice");
        refused("<a b=1/>", "an attribute's value is not in quotes");
        refused("<a b='1'c='2'/>", "white space was expected");
        refused("<a><b></a></b>", "an end tag does not match");
        refused("<a>", "an element does not end");
        refused("<a/><b/>", "something follows the root element");
        refused("<p:a/>", "a prefix without a namespace");
        refused("", "an element was expected");
        refused("<a><!-- </a>", "a comment does not end");
        refused(&"<a>".repeat(9), "elements are nested too deeply");
        refused(&format!("<a>{}</a>", "<b/>".repeat(100)), "too many elements and attributes");
        refused(&" ".repeat(10_001), "the document is too long");
    }

    #[test]
    fn every_cut_of_a_document_ends_in_an_answer() {
        let text =
            "<?xml version='1.0'?><a xmlns:p='u' b='&amp;'><p:c>é&#x41;<![CDATA[x]]></p:c><!-- - --></a>";
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(parse(&text[..end], LIMITS).is_err(), "{}", &text[..end]);
        }
    }
}
