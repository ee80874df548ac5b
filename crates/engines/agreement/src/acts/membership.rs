//! Who is in a circle, version by version.

use json::Value;
use model::{AgreementId, Digest, PartyId};

use crate::encode::{party, read_party};
use crate::terms::Party;
use crate::text::{Fields, Malformed, Object, digest};
use std::collections::BTreeMap;

const KIND: &str = "agreement-membership";

/// One membership of a circle. The first of each text is the text's own list of parties, and has the text's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The circle.
    pub agreement: AgreementId,
    /// The text whose members these are.
    pub version: Digest,
    /// Counts from 2: the text's own list is 1.
    pub number: u32,
    /// Hash of the membership before; of the second, the text's.
    pub previous: Digest,
    /// Every member, by id.
    pub members: BTreeMap<PartyId, Member>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What the circle knows of it.
    pub party: Party,
    /// Hash of its act of joining; `None` for those whom the text names.
    pub join: Option<Digest>,
}

impl Member {
    pub(crate) fn read_party(value: Value<'_>, at: &str) -> Result<Party, Malformed> {
        let party = read_party(value, at)?;
        let key = crate::read::check_name(&party.key).map_err(|problem| Malformed::new(at, problem));
        key?;
        if party.officers == 0 || party.officers > party.of || party.posts.is_empty() {
            return Err(Malformed::new(
                at,
                "its signature would be nobody's, or more persons' than there are",
            ));
        }
        if party.jurisdiction.parse::<label::Nation>().is_err() {
            return Err(Malformed::new(at, "a jurisdiction that is no nation known here"));
        }
        if party.name.is_empty() || party.name.contains(crate::problem::is_deceptive) {
            return Err(Malformed::new(at, "a name that is empty or holds invisible characters"));
        }
        Ok(party)
    }
}

impl Membership {
    /// Canonical JSON (RFC 8785): what officers approve.
    #[must_use]
    pub fn to_canonical_json(&self) -> String {
        let member = |member: &Member| {
            Object::default().raw("party", party(&member.party)).maybe("join", member.join).finish()
        };
        Object::of(KIND)
            .text("agreement", self.agreement)
            .text("version", self.version)
            .number("number", self.number)
            .text("previous", self.previous)
            .list("members", self.members.values().map(member))
            .finish()
    }

    /// SHA-256 of [`Membership::to_canonical_json`].
    #[must_use]
    pub fn hash(&self) -> Digest {
        digest(&self.to_canonical_json())
    }

    pub(super) fn read(value: Value<'_>, at: &str) -> Result<Self, Malformed> {
        let fields =
            Fields::document(value, KIND, &["agreement", "version", "number", "previous", "members"])
                .map_err(|error| Malformed::new(format!("{at}{}", error.pointer), error.problem))?;
        let mut members = BTreeMap::new();
        for (pointer, item) in fields.list("members")? {
            let member = Fields::of(item, &pointer, &["party", "join"])?;
            let party = Member::read_party(member.value("party")?, &member.at("party"))?;
            members.insert(party.id, Member { party, join: member.maybe("join")? });
        }
        let membership = Self {
            agreement: fields.parsed("agreement")?,
            version: fields.parsed("version")?,
            number: fields.number("number")?,
            previous: fields.parsed("previous")?,
            members,
        };
        if membership.number < 2 {
            return Err(Malformed::new(at, "memberships that are signed count from 2"));
        }
        if membership.to_canonical_json() == value.raw() {
            Ok(membership)
        } else {
            Err(Malformed::new(at, "not in canonical form: members sorted by id, none twice"))
        }
    }
}
