//! Labels as they come out of readers and meets, for properties.

use std::collections::BTreeSet;

use model::{PartyId, Timestamp};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use shieldwall_label::{
    Acs, AcsLevel, AcsPolicy, AcsPrivilege, AcsScope, AcsSharing, Attribution, Facts, Handling, Iep, Nation,
    Onward, Origin, Pap, PermittedActions, Receiver, Releasability, Spif, Spifs, Stanag,
};

use crate::TLPS;

pub(crate) fn nation(code: &str) -> Nation {
    code.parse().unwrap()
}

fn nations() -> impl Strategy<Value = BTreeSet<Nation>> {
    btree_set(select(["USA", "GBR", "FRA"].map(nation).to_vec()), 0..3)
}

fn tokens(all: &[&'static str]) -> impl Strategy<Value = BTreeSet<String>> + use<> {
    btree_set(select(all.to_vec()).prop_map(str::to_owned), 1..3)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (1i64..6).prop_map(|day| Timestamp::from_micros(day * 86_400_000_000))
}

pub(crate) fn iep() -> impl Strategy<Value = Iep> {
    let attribution =
        select(vec![Attribution::May, Attribution::Must, Attribution::MustNot, Attribution::Conflict]);
    let actions = select(PermittedActions::ALL.to_vec());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (flags, actions, attribution, option::of(instant()), option::of(instant())).prop_map(
        |(
            (encrypt_in_transit, may_notify_affected, may_resell),
            permitted_actions,
            attribution,
            start,
            end,
        )| Iep {
            encrypt_in_transit,
            permitted_actions,
            may_notify_affected,
            attribution,
            may_resell,
            start,
            end,
        },
    )
}

pub(crate) fn releasability() -> impl Strategy<Value = Releasability> {
    let one = prop_oneof![
        Just(Releasability::OPEN),
        nations().prop_map(Releasability::rel_to),
        nations().prop_map(Releasability::eyes_only),
        option::of(select(["USA", "GBR"].map(nation).to_vec())).prop_map(Releasability::noforn),
        Just(Releasability::orcon()),
    ];
    vec(one, 0..3).prop_map(|all| all.iter().fold(Releasability::OPEN, |met, next| met.meet(next)))
}

fn scope() -> impl Strategy<Value = AcsScope> {
    let tokens = |all| option::weighted(0.3, tokens(all));
    (
        option::weighted(0.3, nations()),
        tokens(&["USA.DHS", "USA.DHS.US-CERT", "GBR.NCSC"]),
        tokens(&["LE", "NCC"]),
        tokens(&["GOV", "CTR"]),
    )
        .prop_map(|(nationalities, organisations, shareability, entities)| AcsScope {
            nationalities,
            organisations,
            shareability,
            entities,
        })
}

fn policy() -> impl Strategy<Value = AcsPolicy> {
    let privilege = (any::<bool>(), select(vec!["NETDEF", "TEARLINE", "ALL"]), scope())
        .prop_map(|(permit, action, scope)| AcsPrivilege { permit, action: action.to_owned(), scope });
    let sharing = (any::<bool>(), tokens(&["USA.DHS", "GBR.NCSC", "ALL", "FOREIGNGOV"]))
        .prop_map(|(permit, to)| AcsSharing { permit, to });
    (
        (select(AcsLevel::ALL.to_vec()), btree_set(select(vec!["SCI:SI", "SENS:PCII", "FD:FOUO"]), 0..2)),
        scope(),
        (any::<bool>(), btree_set(privilege, 0..3)),
        (any::<bool>(), btree_set(sharing, 0..3)),
        option::weighted(0.2, instant()),
    )
        .prop_map(|((classification, controls), access, privileges, sharings, dispose)| AcsPolicy {
            custodian: "USA.DHS.US-CERT".to_owned(),
            classification,
            controls: controls.into_iter().map(str::to_owned).collect(),
            access,
            may_do_by_default: privileges.0,
            may_do: privileges.1,
            may_pass_on_by_default: sharings.0,
            may_pass_on: sharings.1,
            dispose,
        })
}

pub(crate) fn acs() -> impl Strategy<Value = Acs> {
    prop_oneof![
        2 => Just(Acs::OPEN),
        1 => Just(Acs::NOBODY),
        4 => vec(policy(), 1..3)
            .prop_map(|all| all.into_iter().fold(Acs::OPEN, |met, policy| met.meet(&Acs::of(policy)))),
    ]
}

pub(crate) const HOME: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1">
  <securityPolicyId name="HOME" id="1.2.3"/>
  <securityClassifications>
    <securityClassification name="OPEN" lacv="1" hierarchy="1"/>
    <securityClassification name="CLOSED" lacv="2" hierarchy="2"/>
    <securityClassification name="SEALED" lacv="3" hierarchy="2"/>
  </securityClassifications>
</SPIF>"#;
const OTHER: &str = r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1">
  <securityPolicyId name="OTHER" id="1.2.4"/>
  <securityClassifications><securityClassification name="OPEN" lacv="1" hierarchy="1"/></securityClassifications>
</SPIF>"#;

pub(crate) fn spifs() -> Spifs {
    Spifs::NONE.with_home(Spif::parse(HOME).unwrap()).with(Spif::parse(OTHER).unwrap())
}

fn classification() -> impl Strategy<Value = Stanag> {
    let spifs = spifs();
    let levels = [("1.2.3", "OPEN"), ("1.2.3", "CLOSED"), ("1.2.3", "SEALED"), ("1.2.4", "OPEN")];
    let levels = levels.map(|(policy, name)| spifs.get(policy).unwrap().classification(name).unwrap());
    let map = |tags: [&'static str; 2], values: &'static [&'static str], least: usize| {
        let values = btree_set(select(values.to_vec()).prop_map(str::to_owned), least..3);
        proptest::collection::btree_map(select(tags.to_vec()).prop_map(str::to_owned), values, 0..2)
    };
    let restrictive = map(["1.2.3:Codeword", "1.2.3:Tag"], &["X", "Y"], 1);
    let permissive = map(["release", "1.2.3:Community"], &["GBR", "USA", "NATO"], 0);
    let informative = map(["1.2.3:Note", "1.2.3:Hint"], &["N"], 1);
    (select(levels.to_vec()), restrictive, permissive, informative).prop_map(
        |(mut label, restrictive, permissive, informative)| {
            (label.restrictive, label.permissive, label.informative) = (restrictive, permissive, informative);
            Stanag::Label(label)
        },
    )
}

pub(crate) fn stanag() -> impl Strategy<Value = Stanag> {
    prop_oneof![1 => Just(Stanag::Unmarked), 1 => Just(Stanag::Nobody), 6 => classification()]
}

pub(crate) fn handling() -> impl Strategy<Value = Handling> {
    let purposes = btree_set(select(vec!["defence", "research", "law enforcement"]), 0..3);
    let purposes = purposes.prop_map(|set| set.into_iter().map(str::to_owned).collect());
    let plain = (select(TLPS.to_vec()), select(Pap::ALL.to_vec()), any::<bool>());
    let rare = (
        option::weighted(0.5, iep()),
        option::weighted(0.5, releasability()),
        option::weighted(0.5, acs()),
        option::weighted(0.5, stanag()),
        option::weighted(0.5, purposes),
    );
    (plain, rare).prop_map(|((tlp, pap, personal), (iep, releasability, acs, stanag, purposes))| {
        Handling::from(tlp)
            .with_pap(pap)
            .with_personal(personal)
            .with_iep(iep.unwrap_or(Iep::OPEN))
            .with_releasability(releasability.unwrap_or(Releasability::OPEN))
            .with_acs(acs.unwrap_or(Acs::OPEN))
            .with_stanag(stanag.unwrap_or(Stanag::Unmarked))
            .with_purposes(purposes)
    })
}

/// A receiver that owns what [`Receiver`] borrows.
#[derive(Debug, Clone)]
pub(crate) struct Somebody {
    nation: Option<Nation>,
    organisations: BTreeSet<String>,
    accesses: BTreeSet<String>,
    purpose: Option<&'static str>,
}

impl Somebody {
    pub(crate) fn receiver(&self) -> Receiver<'_> {
        Receiver {
            nation: self.nation,
            organisations: &self.organisations,
            accesses: &self.accesses,
            purpose: self.purpose,
        }
    }
}

pub(crate) fn somebody() -> impl Strategy<Value = Somebody> {
    let accesses = [
        "CLS:C",
        "CLS:S",
        "CLS:TS",
        "SCI:SI",
        "SENS:PCII",
        "FD:FOUO",
        "SHAR:LE",
        "SHAR:NCC",
        "ENTITY:GOV",
        "1.2.3:Community:NATO",
        "release:NATO",
    ];
    (
        option::weighted(0.8, select(["USA", "GBR", "FRA"].map(nation).to_vec())),
        btree_set(select(vec!["USA.DHS", "USA.DHS.US-CERT", "GBR.NCSC"]), 0..3),
        btree_set(select(accesses.to_vec()), 0..11),
        option::of(select(vec!["defence", "Research"])),
    )
        .prop_map(|(nation, organisations, accesses, purpose)| Somebody {
            nation,
            organisations: organisations.into_iter().map(str::to_owned).collect(),
            accesses: accesses.into_iter().map(str::to_owned).collect(),
            purpose,
        })
}

pub(crate) fn party() -> impl Strategy<Value = PartyId> {
    (0u8..4).prop_map(|byte| PartyId(model::Digest([byte; 32])))
}

pub(crate) fn onward() -> impl Strategy<Value = Onward> {
    prop_oneof![
        Just(Onward::Free),
        Just(Onward::None),
        Just(Onward::Orcon),
        (0u8..4).prop_map(Onward::Depth),
        btree_set(party(), 0..3).prop_map(Onward::Named),
    ]
}

pub(crate) fn facts() -> impl Strategy<Value = Facts> {
    let origin = prop_oneof![
        Just(Origin::Own),
        "[ -~é]{0,8}".prop_map(Origin::Other),
        party().prop_map(Origin::Party),
    ];
    let words = || btree_set("[!-~ é,;+]{1,6}", 0..3);
    let flags = (any::<bool>(), any::<bool>());
    ("[a-z-]{1,12}", handling(), words(), words(), words(), origin, onward(), flags).prop_map(
        |(type_name, handling, categories, sectors, countries, origin, onward, (revoked, granular))| Facts {
            type_name,
            handling,
            categories,
            sectors,
            countries,
            origin,
            onward: onward.meet(&Onward::Free),
            revoked,
            granular,
        },
    )
}
