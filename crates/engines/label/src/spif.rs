//! Security Policy Information Files: what the labels of a policy mean, as data.
//!
//! Of XML SPIF we read classifications, category tags, the rules among them, and equivalences with other policies.
//! A rule that is read is applied; what has a rule that we do not know is refused.

mod apply;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::nation::Nation;
use crate::stanag::Classification;
use crate::xml::{self, Element, InvalidXml, XmlLimits};

pub use apply::{Spifs, Unreadable};

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spif {
    id: String,
    name: String,
    levels: Vec<Level>,
    /// By the name that labels use.
    tags: BTreeMap<String, Tag>,
}

/// A text is not a SPIF that we can apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidSpif {
    /// It is not XML of the kind we read.
    Xml(InvalidXml),
    /// It lacks something, contradicts itself, or has something that we do not know.
    Content {
        /// The element, with its name attribute.
        element: String,
        /// What is the matter.
        problem: &'static str,
    },
}

impl fmt::Display for InvalidSpif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => error.fmt(f),
            Self::Content { element, problem } => write!(f, "`{element}`: {problem}"),
        }
    }
}

impl std::error::Error for InvalidSpif {}

impl From<InvalidXml> for InvalidSpif {
    fn from(error: InvalidXml) -> Self {
        Self::Xml(error)
    }
}

/// A step of the policy's ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    name: String,
    /// `lacv`, by which equivalences name it.
    value: i64,
    /// Higher is narrower.
    hierarchy: u32,
    /// Classifications of other policies that come in as this one: policy id and `lacv`.
    equivalent: BTreeSet<(String, i64)>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    kind: Kind,
    /// Whether its values are nations: it is permissive and called a release.
    release: bool,
    /// Name and id of the tag set it belongs to, by which rules name it.
    set: [String; 2],
    /// How many values a label must have of it: whatever its classification, and also where it has none.
    least: usize,
    /// How many values a label may have of it.
    most: usize,
    values: BTreeMap<String, Category>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Category {
    /// `lacv`, by which rules name it.
    value: i64,
    /// The nation it stands for, in a release tag.
    nation: Option<Nation>,
    excluded_classes: BTreeSet<String>,
    required_class: Option<String>,
    rules: Vec<Rule>,
}

/// How a category restricts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Restrictive,
    Permissive,
    Informative,
}

impl Kind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "restrictive" => Some(Self::Restrictive),
            "permissive" => Some(Self::Permissive),
            "informative" => Some(Self::Informative),
            _ => None,
        }
    }
}

/// A condition that a classification or category puts on the categories beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    operation: Operation,
    groups: Vec<Group>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    OnlyOne,
    OneOrMore,
    All,
    None,
}

/// A tag set by its name or id, and one value of it by number, or any.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    set: String,
    value: Option<i64>,
}

const NAMESPACE: &str = "http://www.xmlspif.org/spif";
const LIMITS: XmlLimits = XmlLimits { bytes: 4 << 20, depth: 16, parts: 100_000 };
/// What may stand in any element and is for display only.
const DISPLAY: [&str; 2] = ["markingData", "markingQualifier"];

impl Spif {
    /// Reads an XML SPIF.
    ///
    /// # Errors
    /// [`InvalidSpif`], naming the element.
    pub fn parse(text: &str) -> Result<Self, InvalidSpif> {
        let root = xml::parse(text, LIMITS)?;
        if root.name != "SPIF" || root.namespace != NAMESPACE {
            return Err(wrong(&root, "the root of an XML SPIF was expected"));
        }
        let parts = [
            "defaultSecurityPolicyId",
            "securityPolicyId",
            "securityClassifications",
            "securityCategoryTagSets",
            "equivalentPolicies",
            "privacyMarks",
        ];
        known(&root, &parts)?;
        let policy =
            root.only("securityPolicyId").ok_or_else(|| wrong(&root, "needs one securityPolicyId"))?;
        let mut others = BTreeMap::new();
        for other in root.all("equivalentPolicies").flat_map(|policies| policies.all("equivalentPolicy")) {
            others.insert(required(other, "name")?, required(other, "id")?);
        }
        let list = root.only("securityClassifications");
        let list = list.ok_or_else(|| wrong(&root, "needs one securityClassifications"))?;
        known(list, &["securityClassification"])?;
        let mut levels: Vec<Level> = Vec::new();
        for element in list.all("securityClassification") {
            let level = level(element, &others)?;
            if levels.iter().any(|known| known.name == level.name || known.value == level.value) {
                return Err(wrong(element, "this classification stands twice"));
            }
            levels.push(level);
        }
        if levels.is_empty() {
            return Err(wrong(list, "needs a classification"));
        }
        let mut tags = BTreeMap::new();
        for set in root.all("securityCategoryTagSets").flat_map(|sets| sets.children.iter()) {
            if set.name != "securityCategoryTagSet" {
                return Err(wrong(set, "not known here"));
            }
            known(set, &["securityCategoryTag"])?;
            for element in set.all("securityCategoryTag") {
                let name = required(element, "name")?;
                if tags.insert(name.to_owned(), tag(element, set)?).is_some() {
                    return Err(wrong(element, "this tag stands twice"));
                }
            }
        }
        let [id, name] = [required(policy, "id")?, required(policy, "name")?].map(str::to_owned);
        Ok(Self { id, name, levels, tags })
    }

    /// The policy's object identifier.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The policy's name, by which labels may call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The classification of this name without categories, such as a ceiling is.
    #[must_use]
    pub fn classification(&self, name: &str) -> Option<Classification> {
        let level = self.levels.iter().find(|level| level.name == name)?;
        Some(Classification {
            policy: self.id.clone(),
            hierarchy: level.hierarchy,
            name: level.name.clone(),
            restrictive: BTreeMap::new(),
            permissive: BTreeMap::new(),
            informative: BTreeMap::new(),
        })
    }
}

fn wrong(element: &Element, problem: &'static str) -> InvalidSpif {
    let name: String = element.attribute("name").unwrap_or_default().chars().take(80).collect();
    InvalidSpif::Content { element: format!("{} {name}", element.name).trim_end().to_owned(), problem }
}

fn required<'a>(element: &'a Element, attribute: &'static str) -> Result<&'a str, InvalidSpif> {
    element
        .attribute(attribute)
        .filter(|value| !value.is_empty() && value.len() <= 256)
        .ok_or_else(|| wrong(element, "a required attribute is missing, empty or too long"))
}

fn number(element: &Element, attribute: &'static str) -> Result<i64, InvalidSpif> {
    required(element, attribute)?.parse().map_err(|_| wrong(element, "a number was expected"))
}

fn known(element: &Element, children: &[&str]) -> Result<(), InvalidSpif> {
    let known = |name: &str| children.contains(&name) || DISPLAY.contains(&name);
    match element.children.iter().find(|child| !known(&child.name)) {
        Some(child) => Err(wrong(child, "not known here")),
        None => Ok(()),
    }
}

fn level(element: &Element, others: &BTreeMap<&str, &str>) -> Result<Level, InvalidSpif> {
    known(element, &["equivalentClassification", "requiredCategory", "excludedCategory"])?;
    let mut equivalent = BTreeSet::new();
    for other in element.all("equivalentClassification") {
        // One that asks for categories besides, or that holds for sending only, makes nothing equivalent to us.
        let incoming = other.attribute("applied").is_none_or(|applied| matches!(applied, "both" | "decrypt"));
        if incoming && other.children.is_empty() {
            let policy = others.get(required(other, "policyRef")?);
            let policy =
                policy.ok_or_else(|| wrong(other, "policyRef is not among the equivalentPolicies"))?;
            equivalent.insert(((*policy).to_owned(), number(other, "lacv")?));
        }
    }
    let hierarchy = u32::try_from(number(element, "hierarchy")?);
    Ok(Level {
        name: required(element, "name")?.to_owned(),
        value: number(element, "lacv")?,
        hierarchy: hierarchy.map_err(|_| wrong(element, "hierarchy must be a natural number"))?,
        equivalent,
        rules: rules(element)?,
    })
}

fn tag(element: &Element, set: &Element) -> Result<Tag, InvalidSpif> {
    known(element, &["tagCategory"])?;
    let kind = match required(element, "tagType")?.to_ascii_lowercase().as_str() {
        "enumerated" => Kind::parse(required(element, "enumType")?),
        "tagtype7" => Some(Kind::Informative),
        other => Kind::parse(other),
    };
    let kind = kind.ok_or_else(|| wrong(element, "the type of this tag is not known"))?;
    // By its name, because a value of any other tag may look like a nation's code, and must not become one.
    let named = required(element, "name")?.to_ascii_lowercase();
    let release = kind == Kind::Permissive && (named.contains("releas") || named.starts_with("rel "));
    let mut most = match element.attribute("maxSelection") {
        Some(most) => most.parse().map_err(|_| wrong(element, "a number was expected"))?,
        None => usize::MAX,
    };
    if element.attribute("singleSelection").is_some_and(|single| matches!(single, "true" | "1")) {
        most = most.min(1);
    }
    let least = match element.attribute("minSelection") {
        Some(least) => least.parse().map_err(|_| wrong(element, "a number was expected"))?,
        None => 0,
    };
    if least > most {
        return Err(wrong(element, "asks for more values than it lets choose"));
    }
    let mut values = BTreeMap::new();
    for element in element.all("tagCategory") {
        let rules = [
            "equivalentSecCategoryTag",
            "excludedClass",
            "requiredClass",
            "requiredCategory",
            "excludedCategory",
        ];
        known(element, &rules)?;
        // A value that holds for some time only cannot be read without a clock: labels with it are unreadable.
        if ["notBefore", "notAfter", "userInput"].iter().any(|rule| element.attribute(rule).is_some()) {
            continue;
        }
        let name = required(element, "name")?;
        if values.insert(name.to_owned(), category(element, release)?).is_some() {
            return Err(wrong(element, "this category stands twice"));
        }
    }
    let set = [required(set, "name")?.to_owned(), set.attribute("id").unwrap_or_default().to_owned()];
    Ok(Tag { kind, release, set, least, most, values })
}

fn category(element: &Element, release: bool) -> Result<Category, InvalidSpif> {
    let value = number(element, "lacv")?;
    // Policies that follow GENC number nations by the ASCII of the alpha-3 code: 4407630 is CAN.
    let ascii = u32::try_from(value).ok().and_then(|value| match value.to_be_bytes() {
        [0, code @ ..] => std::str::from_utf8(&code).ok().and_then(Nation::from_alpha3),
        _ => None,
    });
    let nation = ascii.or_else(|| required(element, "name").ok()?.parse().ok());
    let required_class = element.all("requiredClass").map(|class| class.text.clone()).next();
    Ok(Category {
        value,
        nation: nation.filter(|_| release),
        excluded_classes: element.all("excludedClass").map(|class| class.text.clone()).collect(),
        required_class: element.attribute("requiredClass").map(str::to_owned).or(required_class),
        rules: rules(element)?,
    })
}

fn rules(element: &Element) -> Result<Vec<Rule>, InvalidSpif> {
    let mut rules = Vec::new();
    for rule in element.all("requiredCategory") {
        known(rule, &["categoryGroup"])?;
        let operation = match rule.attribute("operation") {
            Some("onlyOne") => Operation::OnlyOne,
            Some("oneOrMore") => Operation::OneOrMore,
            None | Some("all") => Operation::All,
            Some(_) => return Err(wrong(rule, "the operation of this rule is not known")),
        };
        let groups: Vec<Group> = rule.all("categoryGroup").map(group).collect::<Result<_, _>>()?;
        if groups.is_empty() {
            return Err(wrong(rule, "needs a categoryGroup"));
        }
        rules.push(Rule { operation, groups });
    }
    for rule in element.all("excludedCategory") {
        known(rule, &["categoryGroup"])?;
        let alone = rule.children.is_empty().then_some(rule);
        let groups =
            alone.into_iter().chain(rule.all("categoryGroup")).map(group).collect::<Result<_, _>>()?;
        rules.push(Rule { operation: Operation::None, groups });
    }
    Ok(rules)
}

fn group(element: &Element) -> Result<Group, InvalidSpif> {
    let set = element.attribute("tagSetId").or_else(|| element.attribute("tagSetRef"));
    let set = set.ok_or_else(|| wrong(element, "names no tag set"))?.to_owned();
    let value = element.attribute("lacv").map(|_| number(element, "lacv")).transpose()?;
    Ok(Group { set, value })
}
