//! Access Control Specification 3.0 of the Information Sharing Architecture: who may see, do, and pass on.

use std::collections::BTreeSet;

use model::Timestamp;

use crate::handling::Receiver;
use crate::nation::Nation;
use crate::text::{InvalidText, escape, read_set, unescape, write_set};

/// The ACS markings of an object. Each of them has to permit whatever is done.
///
/// The meet of two is all policies of both, so its laws are those of the union of sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acs {
    policies: BTreeSet<AcsPolicy>,
    nobody: bool,
}

/// One ACS marking: what of it restricts.
///
/// Left out are its identifier and creation time, which are new for every resource, the classification and
/// declassification blocks, which are for display, and determinations that only permit (`AIS`, `PUBREL`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcsPolicy {
    /// `responsible_entity_custodian`: an organisation token such as `USA.DHS.US-CERT`.
    pub custodian: String,
    /// `control_set.classification`.
    pub classification: AcsLevel,
    /// Controls that a receiver must be read into, all of them: `SCI:`, `LAC:`, `FD:`, `CVT:` and `SENS:` with
    /// the value.
    pub controls: BTreeSet<String>,
    /// Who may see it: `control_set`'s nationalities, organisations, shareability and entities.
    pub access: AcsScope,
    /// `privdefault`: whether actions without a rule are permitted.
    pub may_do_by_default: bool,
    /// `access_privilege`: what a receiver may do.
    pub may_do: BTreeSet<AcsPrivilege>,
    /// `sharedefault`: whether passing on to somebody without a rule is permitted.
    pub may_pass_on_by_default: bool,
    /// `further_sharing`: to whom a receiver may pass it on.
    pub may_pass_on: BTreeSet<AcsSharing>,
    /// `resource_disposition.disposition_date`: from then on it goes nowhere.
    pub dispose: Option<Timestamp>,
}

/// A classification of Executive Order 13526, narrowest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcsLevel {
    /// `U`
    Unclassified,
    /// `C`
    Confidential,
    /// `S`
    Secret,
    /// `TS`
    TopSecret,
}

/// Who is meant. `None` is everybody (`ALL`, or nothing said); an empty set is nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcsScope {
    /// `permitted_nationalities`
    pub nationalities: Option<BTreeSet<Nation>>,
    /// `permitted_organizations`
    pub organisations: Option<BTreeSet<String>>,
    /// `shareability`: communities such as `LE`.
    pub shareability: Option<BTreeSet<String>>,
    /// `entity`: kinds of people and things such as `GOV`.
    pub entities: Option<BTreeSet<String>>,
}

/// A rule on an action (`access_privilege`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcsPrivilege {
    /// `rule_effect`: permit or deny.
    pub permit: bool,
    /// `privilege_action`, such as `NETDEF`, `TENOT` or `TEARLINE`.
    pub action: String,
    /// `privilege_scope`
    pub scope: AcsScope,
}

/// A rule on passing on (`further_sharing`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcsSharing {
    /// `rule_effect`: permit or deny.
    pub permit: bool,
    /// `sharing_scope`: organisation tokens, `FOREIGNGOV` or `SECTOR`; `ALL` is everybody.
    pub to: BTreeSet<String>,
}

impl AcsLevel {
    /// Every level, widest first.
    pub const ALL: [Self; 4] = [Self::Unclassified, Self::Confidential, Self::Secret, Self::TopSecret];

    /// `U`, `C`, `S` or `TS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unclassified => "U",
            Self::Confidential => "C",
            Self::Secret => "S",
            Self::TopSecret => "TS",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl AcsScope {
    /// Whether the receiver is certainly meant. Sets of tokens are compared exactly.
    fn covers(&self, receiver: &Receiver<'_>) -> bool {
        let nation = |list: &BTreeSet<Nation>| receiver.nation.is_some_and(|nation| list.contains(&nation));
        let holds = |prefix: &str, list: &BTreeSet<String>| {
            list.iter().any(|token| receiver.accesses.contains(&format!("{prefix}:{token}")))
        };
        self.nationalities.as_ref().is_none_or(nation)
            && self.organisations.as_ref().is_none_or(|list| !list.is_disjoint(receiver.organisations))
            && self.shareability.as_ref().is_none_or(|list| holds("SHAR", list))
            && self.entities.as_ref().is_none_or(|list| holds("ENTITY", list))
    }

    /// Whether the receiver may be meant: what a rule that denies has to go by.
    fn may_cover(&self, receiver: &Receiver<'_>) -> bool {
        let nation = |list: &BTreeSet<Nation>| receiver.nation.is_none_or(|nation| list.contains(&nation));
        self.nationalities.as_ref().is_none_or(nation)
            && self.organisations.as_ref().is_none_or(|list| may_include(list, receiver))
    }
}

/// Whether one of the tokens is one of the receiver's, or lies above or below it (`USA.DHS` and `USA.DHS.US-CERT`).
fn may_include(list: &BTreeSet<String>, receiver: &Receiver<'_>) -> bool {
    let above =
        |a: &str, b: &str| b.strip_prefix(a).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    receiver.organisations.is_empty()
        || list
            .iter()
            .any(|token| receiver.organisations.iter().any(|own| above(token, own) || above(own, token)))
}

impl AcsPolicy {
    /// Whether the receiver may have it at all: classification, controls and the scope of access.
    ///
    /// Above unclassified the receiver must hold the access `CLS:` and the level.
    #[must_use]
    pub fn may_see(&self, receiver: &Receiver<'_>) -> bool {
        let cleared = self.classification == AcsLevel::Unclassified
            || receiver.accesses.contains(&format!("CLS:{}", self.classification.as_str()));
        cleared && self.controls.is_subset(receiver.accesses) && self.access.covers(receiver)
    }

    /// Whether the receiver may do this with it. A rule that denies wins over one that permits.
    ///
    /// `CISAUSES`, the cybersecurity purposes of the Act of 2015, is permission for network defence (`NETDEF`), and
    /// denied it denies notifying targets (`TENOT`) and analysis (`INTEL`) as well.
    #[must_use]
    pub fn may_do(&self, action: &str, receiver: &Receiver<'_>) -> bool {
        let means = |rule: &AcsPrivilege| match rule.action.as_str() {
            "ALL" => true,
            "CISAUSES" if rule.permit => matches!(action, "CISAUSES" | "NETDEF"),
            "CISAUSES" => matches!(action, "CISAUSES" | "NETDEF" | "TENOT" | "INTEL"),
            own => own == action,
        };
        let mut permitted = self.may_do_by_default;
        self.may_do.iter().filter(|rule| means(rule)).all(|rule| {
            permitted |= rule.permit && rule.scope.covers(receiver);
            rule.permit || !rule.scope.may_cover(receiver)
        }) && permitted
    }

    /// Whether somebody who received it may pass it on to this receiver. A rule that denies wins.
    #[must_use]
    pub fn may_pass_on(&self, receiver: &Receiver<'_>) -> bool {
        let mut permitted = self.may_pass_on_by_default;
        self.may_pass_on.iter().all(|rule| {
            let all = rule.to.contains("ALL");
            // Nobody is known not to be a foreign government or of some sector, so denying those denies all.
            let vague = ["FOREIGNGOV", "SECTOR"].iter().any(|token| rule.to.contains(*token));
            permitted |= rule.permit && (all || !rule.to.is_disjoint(receiver.organisations));
            rule.permit || !(all || vague || may_include(&rule.to, receiver))
        }) && permitted
    }

    fn write(&self, out: &mut String) {
        escape(&self.custodian, out);
        out.push('/');
        out.push_str(self.classification.as_str());
        out.push('/');
        write_set(self.controls.iter().map(String::as_str), '+', out);
        out.push('/');
        self.access.write(out);
        for default in [self.may_do_by_default, self.may_pass_on_by_default] {
            out.push_str(if default { "/permit" } else { "/deny" });
        }
        out.push('/');
        for (index, rule) in self.may_do.iter().enumerate() {
            out.push_str(if index > 0 { "+" } else { "" });
            out.push_str(if rule.permit { "permit~" } else { "deny~" });
            escape(&rule.action, out);
            out.push('~');
            rule.scope.write(out);
        }
        out.push('/');
        for (index, rule) in self.may_pass_on.iter().enumerate() {
            out.push_str(if index > 0 { "+" } else { "" });
            out.push_str(if rule.permit { "permit~" } else { "deny~" });
            write_set(rule.to.iter().map(String::as_str), '*', out);
        }
        out.push('/');
        if let Some(dispose) = self.dispose {
            out.push_str(&dispose.as_micros().to_string());
        }
    }

    fn read(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("an ACS label", text);
        let parts: Vec<&str> = text.split('/').collect();
        let &[custodian, level, controls, access, do_default, on_default, privileges, sharings, dispose] =
            parts.as_slice()
        else {
            return Err(invalid());
        };
        let effect = |text: &str| match text {
            "permit" => Ok(true),
            "deny" => Ok(false),
            _ => Err(invalid()),
        };
        let rules = |text: &'_ str| -> Vec<String> {
            if text.is_empty() { Vec::new() } else { text.split('+').map(str::to_owned).collect() }
        };
        let mut may_do = BTreeSet::new();
        for rule in rules(privileges) {
            let parts: Vec<&str> = rule.splitn(3, '~').collect();
            let &[permit, action, scope] = parts.as_slice() else { return Err(invalid()) };
            let scope = AcsScope::read(scope)?;
            may_do.insert(AcsPrivilege { permit: effect(permit)?, action: unescape(action)?, scope });
        }
        let mut may_pass_on = BTreeSet::new();
        for rule in rules(sharings) {
            let (permit, to) = rule.split_once('~').ok_or_else(invalid)?;
            may_pass_on.insert(AcsSharing { permit: effect(permit)?, to: read_set(to, '*')? });
        }
        let dispose = match dispose {
            "" => None,
            micros => Some(Timestamp::from_micros(micros.parse().map_err(|_| invalid())?)),
        };
        Ok(Self {
            custodian: unescape(custodian)?,
            classification: AcsLevel::parse(level).ok_or_else(invalid)?,
            controls: read_set(controls, '+')?,
            access: AcsScope::read(access)?,
            may_do_by_default: effect(do_default)?,
            may_do,
            may_pass_on_by_default: effect(on_default)?,
            may_pass_on,
            dispose,
        })
    }
}

impl AcsScope {
    /// Four lists between `!`; `ALL` for everybody.
    fn write(&self, out: &mut String) {
        let codes = self.nationalities.as_ref().map(|set| set.iter().map(|n| n.as_str()).collect());
        let texts = |set: &Option<BTreeSet<String>>| -> Option<Vec<String>> {
            set.as_ref().map(|set| set.iter().cloned().collect())
        };
        let tokens = [texts(&self.organisations), texts(&self.shareability), texts(&self.entities)];
        let codes: Option<Vec<&str>> = codes;
        match codes {
            Some(codes) => write_set(codes, '*', out),
            None => out.push('!'),
        }
        for set in tokens {
            out.push('~');
            match set {
                Some(set) => write_set(set.iter().map(String::as_str), '*', out),
                None => out.push('!'),
            }
        }
    }

    fn read(text: &str) -> Result<Self, InvalidText> {
        let invalid = || InvalidText::new("an ACS scope", text);
        let parts: Vec<&str> = text.split('~').collect();
        let &[nations, organisations, shareability, entities] = parts.as_slice() else {
            return Err(invalid());
        };
        let tokens = |text: &str| -> Result<Option<BTreeSet<String>>, InvalidText> {
            if text == "!" { Ok(None) } else { read_set(text, '*').map(Some) }
        };
        let nationalities = match tokens(nations)? {
            None => None,
            Some(codes) => {
                let nations: Option<_> = codes.iter().map(|code| Nation::from_alpha3(code)).collect();
                Some(nations.ok_or_else(invalid)?)
            }
        };
        Ok(Self {
            nationalities,
            organisations: tokens(organisations)?,
            shareability: tokens(shareability)?,
            entities: tokens(entities)?,
        })
    }
}

impl Acs {
    /// No ACS marking.
    pub const OPEN: Self = Self { policies: BTreeSet::new(), nobody: false };

    /// Markings that let nobody have it.
    pub const NOBODY: Self = Self { policies: BTreeSet::new(), nobody: true };

    /// More policies than this on one object are nobody's reading: they let nobody have it.
    pub const MOST: usize = 32;

    /// One marking.
    #[must_use]
    pub fn of(policy: AcsPolicy) -> Self {
        Self { policies: BTreeSet::from([policy]), nobody: false }
    }

    /// Whether it lets nobody have it, whoever they are.
    #[must_use]
    pub const fn is_nobody(&self) -> bool {
        self.nobody
    }

    /// The policies, each of which must permit.
    pub fn policies(&self) -> impl Iterator<Item = &AcsPolicy> {
        self.policies.iter()
    }

    /// What both permit.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let policies = &self.policies | &other.policies;
        if self.nobody || other.nobody || policies.len() > Self::MOST {
            return Self::NOBODY;
        }
        Self { policies, nobody: false }
    }

    /// Whether every policy lets the receiver have it.
    #[must_use]
    pub fn may_see(&self, receiver: &Receiver<'_>) -> bool {
        !self.nobody && self.policies.iter().all(|policy| policy.may_see(receiver))
    }

    /// Whether every policy lets the receiver do this; `action` is a token such as `NETDEF`.
    #[must_use]
    pub fn may_do(&self, action: &str, receiver: &Receiver<'_>) -> bool {
        !self.nobody && self.policies.iter().all(|policy| policy.may_do(action, receiver))
    }

    /// Whether every policy lets somebody who received it pass it on to this receiver.
    #[must_use]
    pub fn may_pass_on(&self, receiver: &Receiver<'_>) -> bool {
        !self.nobody && self.policies.iter().all(|policy| policy.may_pass_on(receiver))
    }

    /// Whether nothing that it covers is due to be disposed of at this instant.
    #[must_use]
    pub fn in_force(&self, at: Timestamp) -> bool {
        !self.nobody && self.policies.iter().all(|policy| policy.dispose.is_none_or(|dispose| at < dispose))
    }

    pub(crate) fn write(&self, out: &mut String) {
        if self.nobody {
            out.push_str(",acs-nobody");
        }
        for policy in &self.policies {
            out.push_str(",acs:");
            policy.write(out);
        }
    }

    /// Takes one part of a handling's text; whether it was one of ours.
    pub(crate) fn read_part(&mut self, part: &str) -> Result<bool, InvalidText> {
        if part == "acs-nobody" {
            self.nobody = true;
        } else if let Some(policy) = part.strip_prefix("acs:") {
            self.policies.insert(AcsPolicy::read(policy)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.policies.len() <= Self::MOST && (!self.nobody || self.policies.is_empty())
    }
}
