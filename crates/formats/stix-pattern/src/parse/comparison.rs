//! What stands between square brackets (§9.6, §9.7).

use super::{KEYWORDS, Parsed, Parser, Stop, single};
use crate::ast::{Comparison, Literal, Operator, Path, Predicate, Step, Test};
use crate::token::{Kind, is_plain};

impl Parser<'_, '_> {
    pub(super) fn comparison(&mut self) -> Parsed<Comparison> {
        let mut alternatives = Vec::new();
        loop {
            let mut parts = Vec::new();
            loop {
                parts.push(self.test()?);
                if !self.word("AND") {
                    break;
                }
            }
            alternatives.push(single(parts, Comparison::And));
            if !self.word("OR") {
                break;
            }
        }
        Ok(single(alternatives, Comparison::Or))
    }

    fn test(&mut self) -> Parsed<Comparison> {
        if *self.peek() == Kind::OpenParen {
            return self.nested(Self::comparison);
        }
        let start = self.span();
        self.comparisons += 1;
        if self.comparisons > self.limits.comparisons {
            let message = format!("more than {} comparisons in one pattern", self.limits.comparisons);
            self.checks.error(start, message);
            return Err(Stop::Altogether);
        }
        // `NOT` stands before `EXISTS` and after any other path (§9.6).
        let without = self.word("NOT");
        let exists = self.word("EXISTS");
        if without && !exists {
            return self.expected("`EXISTS` after a leading `NOT`");
        }
        let path = self.path()?;
        let negated = without || (!exists && self.word("NOT"));
        let predicate = if exists { Predicate::Exists } else { self.predicate()? };
        let test = Test { path, negated, predicate, span: start.to(self.before()) };
        self.checks.test(&test);
        Ok(Comparison::Test(test))
    }

    fn predicate(&mut self) -> Parsed<Predicate> {
        if let Kind::Operator(operator) = *self.peek() {
            self.at += 1;
            let span = self.span();
            let literal = self.literal()?;
            if matches!(literal, Literal::Boolean(_))
                && !matches!(operator, Operator::Equal | Operator::NotEqual)
            {
                self.checks.error(span, "a boolean has no order; compare it with `=` or `!=`");
            }
            return Ok(Predicate::Compare(operator, literal));
        }
        let text: fn(String) -> Predicate = if self.word("IN") {
            return self.set().map(Predicate::In);
        } else if self.word("LIKE") {
            Predicate::Like
        } else if self.word("MATCHES") {
            Predicate::Matches
        } else if self.word("ISSUBSET") {
            Predicate::IsSubset
        } else if self.word("ISSUPERSET") {
            Predicate::IsSuperset
        } else {
            return self.expected("a comparison operator");
        };
        match self.peek() {
            Kind::Literal(Literal::Text(operand)) => {
                let operand = operand.clone();
                self.at += 1;
                Ok(text(operand))
            }
            _ => self.expected("a string constant"),
        }
    }

    fn set(&mut self) -> Parsed<Vec<Literal>> {
        if *self.peek() != Kind::OpenParen {
            return self.expected("`(` and the members of the set");
        }
        self.at += 1;
        let mut members = Vec::new();
        while *self.peek() != Kind::CloseParen || !members.is_empty() {
            if members.len() == self.limits.set {
                let message = format!("more than {} members in one set", self.limits.set);
                self.checks.error(self.span(), message);
                return Err(Stop::Altogether);
            }
            members.push(self.literal()?);
            match self.peek() {
                Kind::Comma => self.at += 1,
                Kind::CloseParen => break,
                _ => return self.expected("`,` or `)`"),
            }
        }
        self.at += 1;
        Ok(members)
    }

    fn literal(&mut self) -> Parsed<Literal> {
        let literal = match self.peek() {
            Kind::Literal(literal) => literal.clone(),
            Kind::Word("true") => Literal::Boolean(true),
            Kind::Word("false") => Literal::Boolean(false),
            Kind::Word(_) => return self.expected("a constant (a string stands between apostrophes)"),
            _ => return self.expected("a constant"),
        };
        self.at += 1;
        Ok(literal)
    }

    fn path(&mut self) -> Parsed<Path> {
        let object_type = match *self.peek() {
            Kind::Word(word) if !KEYWORDS.contains(&word) => word.to_owned(),
            _ => return self.expected("an object path such as `file:name`"),
        };
        self.at += 1;
        if *self.peek() != Kind::Colon {
            return self.expected("`:` and a property after the object type");
        }
        self.at += 1;
        let mut steps = vec![self.key()?];
        loop {
            match self.peek() {
                Kind::Dot => {
                    self.at += 1;
                    steps.push(self.key()?);
                }
                Kind::OpenBracket => {
                    self.at += 1;
                    steps.push(self.index()?);
                }
                _ => return Ok(Path { object_type, steps }),
            }
            if steps.len() > self.limits.steps {
                self.checks
                    .error(self.before(), format!("more than {} steps in one path", self.limits.steps));
                return Err(Stop::Altogether);
            }
        }
    }

    fn key(&mut self) -> Parsed<Step> {
        let name = match self.peek() {
            Kind::Literal(Literal::Text(name)) => name.clone(),
            Kind::Word(word) if is_plain(word) && !KEYWORDS.contains(word) => (*word).to_owned(),
            Kind::Word(_) => {
                return self.expected(
                    "a property name (one with a hyphen, or a keyword, stands between apostrophes)",
                );
            }
            _ => return self.expected("a property name"),
        };
        self.at += 1;
        Ok(Step::Key(name))
    }

    fn index(&mut self) -> Parsed<Step> {
        let step = match *self.peek() {
            Kind::Star => Step::Any,
            Kind::Literal(Literal::Integer(index)) => {
                if index < 0 {
                    self.checks.warn(self.span(), "a negative index never finds anything");
                }
                Step::Index(index)
            }
            _ => return self.expected("an index or `*`"),
        };
        self.at += 1;
        if *self.peek() != Kind::CloseBracket {
            return self.expected("`]` after the index");
        }
        self.at += 1;
        Ok(step)
    }
}
