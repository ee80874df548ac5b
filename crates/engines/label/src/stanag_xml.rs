//! The XML of a STANAG 4774 confidentiality label (ADatP-4774 edition A).

use std::collections::BTreeSet;
use std::fmt;

use crate::spif::Kind;
use crate::xml::{self, Element, InvalidXml, XmlLimits};

/// What a label says, before a SPIF says what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfidentialityLabel {
    /// The policy's object identifier from the `URI` of `PolicyIdentifier`, without `urn:oid:`.
    pub policy_id: Option<String>,
    /// The text of `PolicyIdentifier`.
    pub policy_name: String,
    /// The text of `Classification`.
    pub classification: String,
    /// Tag name, type and values of each `Category`; no tag twice.
    pub(crate) categories: Vec<(String, Kind, BTreeSet<String>)>,
}

/// A text is not a confidentiality label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidLabel {
    /// It is not XML of the kind we read.
    Xml(InvalidXml),
    /// It lacks something, or has something that we do not know. Names the element.
    Content(String),
}

impl fmt::Display for InvalidLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::Content(element) => write!(f, "`{element}` is not what a confidentiality label has there"),
        }
    }
}

impl std::error::Error for InvalidLabel {}

const NAMESPACE: &str = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0";
const LIMITS: XmlLimits = XmlLimits { bytes: 64 << 10, depth: 8, parts: 1_000 };
const ROOTS: [&str; 2] = ["originatorConfidentialityLabel", "ConfidentialityLabel"];
/// Who made it, when, until when, and how it may succeed: none of that widens or narrows.
const AROUND: [&str; 5] =
    ["ConfidentialityInformation", "OriginatorID", "CustodianID", "CreationDateTime", "SuccessionHandling"];

impl ConfidentialityLabel {
    /// Reads the XML of a label.
    ///
    /// # Errors
    /// [`InvalidLabel`] for whatever is not a label, or has parts that we do not know.
    pub fn parse(text: &str) -> Result<Self, InvalidLabel> {
        let root = xml::parse(text, LIMITS).map_err(InvalidLabel::Xml)?;
        let wrong = |element: &Element| InvalidLabel::Content(element.name.chars().take(80).collect());
        let root_fits = ROOTS.iter().any(|name| name.eq_ignore_ascii_case(&root.name));
        if !root_fits || root.namespace != NAMESPACE {
            return Err(wrong(&root));
        }
        if let Some(stranger) = root.children.iter().find(|child| !AROUND.contains(&child.name.as_str())) {
            return Err(wrong(stranger));
        }
        let information = root.only("ConfidentialityInformation").ok_or_else(|| wrong(&root))?;
        let parts = ["PolicyIdentifier", "Classification", "PrivacyMark", "Category"];
        if let Some(stranger) =
            information.children.iter().find(|child| !parts.contains(&child.name.as_str()))
        {
            return Err(wrong(stranger));
        }
        let policy = information.only("PolicyIdentifier").ok_or_else(|| wrong(information))?;
        let classification = information.only("Classification").ok_or_else(|| wrong(information))?;
        let id = policy.attribute("URI").map(|uri| uri.strip_prefix("urn:oid:").unwrap_or(uri).to_owned());
        if classification.text.is_empty() || (policy.text.is_empty() && id.is_none()) {
            return Err(wrong(information));
        }
        let mut categories: Vec<(String, Kind, BTreeSet<String>)> = Vec::new();
        for category in information.all("Category") {
            let tag = category.attribute("TagName").ok_or_else(|| wrong(category))?;
            let kind = category.attribute("Type").and_then(Kind::parse).ok_or_else(|| wrong(category))?;
            let mut values = BTreeSet::new();
            for value in &category.children {
                if !matches!(value.name.as_str(), "GenericValue" | "CategoryValue") || value.text.is_empty() {
                    return Err(wrong(value));
                }
                values.insert(value.text.clone());
            }
            if values.is_empty() || categories.iter().any(|(known, ..)| known == tag) {
                return Err(wrong(category));
            }
            categories.push((tag.to_owned(), kind, values));
        }
        let [policy_name, classification] = [policy, classification].map(|element| element.text.clone());
        Ok(Self { policy_id: id, policy_name, classification, categories })
    }
}
