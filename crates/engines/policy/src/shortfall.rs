//! How a condition fails, and the least that would make it hold: sentences for people.

use std::collections::{BTreeMap, BTreeSet};

use agreement::{LegalBasis, Party, PersonalData, Set};
use label::{Barrier, Handling, Nation, Stanag};
use model::{Label, PartyId};

use crate::condition::{Condition, fold, has_basis};
use crate::quote;
use crate::view::{Bar, Relay, View};

/// The people's names of parties, for sentences.
pub(crate) struct Names<'a>(pub(crate) &'a BTreeMap<PartyId, Party>);

impl Names<'_> {
    pub(crate) fn of(&self, party: PartyId) -> String {
        match self.0.get(&party) {
            Some(known) => format!("`{}`", known.key),
            None => format!("the party {}", quote::hex(party, 6)),
        }
    }
}

/// What is wrong, and what would set it right.
pub(crate) struct Shortfall {
    pub(crate) text: String,
    pub(crate) consent: Option<String>,
}

impl Condition {
    /// Why the condition does not hold. `names` are the agreement's parties.
    pub(crate) fn shortfall(&self, view: &View<'_>, names: &Names<'_>) -> Shortfall {
        let request = view.request;
        let facts = request.facts;
        let handling = &facts.handling;
        let (from, to) = (names.of(request.from), names.of(request.to));
        let (text, consent) = match self {
            Self::Parties(parties) => {
                let sides = BTreeSet::from([request.from, request.to]);
                let strangers: Vec<String> =
                    sides.difference(parties).map(|party| names.of(*party)).collect();
                let strangers = strangers.join(" and ");
                (
                    format!("{strangers} not in the agreement"),
                    Some(format!("{strangers} as a party of the agreement")),
                )
            }
            Self::NotSelf => ("nothing is delivered to its own giver".to_owned(), None),
            Self::Exercise(name) => {
                let world = |name: Option<&str>| match name {
                    Some(name) => format!("of the exercise `{name}`"),
                    None => "real".to_owned(),
                };
                let text = format!(
                    "the object is {}, the agreement {}",
                    world(view.exercise.as_deref()),
                    world(name.as_deref())
                );
                (text, None)
            }
            Self::Period(from, until) if request.at < *from => {
                (format!("not in force before {from}"), Some(format!("an earlier start than {from}")))
            }
            Self::Period(_, until) => (format!("expired on {until}"), Some("a later expiry".to_owned())),
            Self::Basis(bases) => basis_shortfall(bases, view, names),
            Self::Reciprocity => (
                format!("{to} has given less than the agreement asks for"),
                Some(format!("contributions by {to}, or other terms of reciprocity")),
            ),
            Self::Label => match view.barrier {
                Some(bar) => label_shortfall(bar, view, &to),
                None => label_shortfall(Bar::Label(Barrier::OwnOnly), view, &to),
            },
            Self::Onward => onward_shortfall(view, &to),
            Self::Orcon => (
                "under originator control and not released".to_owned(),
                Some(format!("the originator's yes to a release request for {to}: ask the originator")),
            ),
            Self::From(_) => {
                (format!("not for {from} to give"), Some(format!("{from} among those who give")))
            }
            Self::To(_) => {
                (format!("not for {to} to be given"), Some(format!("{to} among those who are given")))
            }
            Self::Actions(_) => {
                let action = request.action;
                (format!("does not permit `{action}`"), Some(format!("the action `{action}`")))
            }
            Self::Types(_) => {
                let name = &facts.type_name;
                (format!("does not name the type `{name}`"), Some(format!("the type `{name}`")))
            }
            Self::Kept(profile, _) => {
                let name = &facts.type_name;
                let text = format!("the redaction `{profile}` keeps nothing of the type `{name}`");
                (text, Some(format!("what to keep of `{name}` in the redaction `{profile}`")))
            }
            Self::Tlp(ceiling) if handling.tlp() == Label::OwnOnly => {
                (format!("for this organisation only, and the ceiling is {ceiling}"), None)
            }
            Self::Tlp(ceiling) => {
                let tlp = handling.tlp();
                let text = format!("TLP {tlp} is above the ceiling {ceiling}");
                (text, Some(format!("the ceiling TLP {tlp} instead of {ceiling}")))
            }
            Self::Pap(ceiling) => {
                let pap = handling.pap();
                let text = format!("PAP {pap} is above the ceiling {ceiling}");
                (text, Some(format!("the ceiling PAP {pap} instead of {ceiling}")))
            }
            Self::Iep(_) => {
                let iep = Handling::clear().with_iep(handling.iep().clone()).to_text();
                let text = "its IEP policy is above the ceiling".to_owned();
                (text, Some(format!("a ceiling that takes its IEP policy in ({iep})")))
            }
            Self::Confidentiality(_) => confidentiality_shortfall(handling.stanag()),
            Self::ReleasableTo(_) => {
                let nation = view.nation.map_or("an unknown nation", Nation::as_str);
                let text =
                    format!("{to} is under the law of {nation}, to which the clause is not releasable");
                (text, Some(format!("{nation} among the nations it is releasable to")))
            }
            Self::Categories(set) => words_shortfall("category", "categories", &view.categories, set),
            Self::Sectors(set) => words_shortfall("sector", "sectors", &facts.sectors, set),
            Self::Countries(set) => words_shortfall("country", "countries", &facts.countries, set),
            Self::Impersonal => (
                "it holds personal data, which are refused".to_owned(),
                Some(format!("personal data as `{}`", PersonalData::Redact)),
            ),
            Self::Purposes(purposes) => purposes_shortfall(purposes, view),
            Self::BreakGlass => {
                let text = "the emergency clause is not in use".to_owned();
                (text, Some("its use, signed for by officers".to_owned()))
            }
        };
        Shortfall { text, consent }
    }
}

fn basis_shortfall(bases: &[LegalBasis], view: &View<'_>, names: &Names<'_>) -> (String, Option<String>) {
    let request = view.request;
    let personal = request.facts.handling.personal();
    let parties = [request.from, request.to];
    let Some(party) = parties.into_iter().find(|party| !has_basis(bases, party, request.at, personal)) else {
        return ("no legal basis".to_owned(), None);
    };
    let name = names.of(party);
    let stated = || bases.iter().filter(|basis| basis.parties.includes(&party));
    let lapsed =
        stated().filter(|basis| basis.valid_until <= request.at).max_by_key(|basis| basis.valid_until);
    let coming = stated().filter(|basis| basis.valid_from > request.at).min_by_key(|basis| basis.valid_from);
    let text = match (lapsed, coming) {
        (Some(basis), _) => {
            format!("the legal basis of {name} lapsed: `{}` on {}", basis.name, basis.valid_until)
        }
        (None, Some(basis)) => {
            format!("the legal basis of {name} is not yet valid: `{}` from {}", basis.name, basis.valid_from)
        }
        (None, None) => format!("it holds personal data, and no legal basis is stated for {name}"),
    };
    (text, Some(format!("a valid legal basis for {name}")))
}

fn label_shortfall(bar: Bar, view: &View<'_>, to: &str) -> (String, Option<String>) {
    let action = view.request.action;
    let nation = view.nation.map_or("an unknown nation", Nation::as_str);
    let consent = match bar {
        Bar::Label(Barrier::OwnOnly) => {
            Some("a label that lets it leave, given by whoever answers for it".to_owned())
        }
        Bar::Label(Barrier::NotInForce | Barrier::Attribution) => None,
        Bar::Label(Barrier::Nation) => Some(format!("its originator's release to {nation}")),
        Bar::Label(Barrier::Purpose) => Some("its originator's consent to the purpose".to_owned()),
        Bar::Label(_) => Some(format!("its originator's marking that lets {to} have it")),
        Bar::Pap | Bar::IepActions | Bar::AcsAction => {
            Some(format!("its originator's marking that permits `{action}`"))
        }
    };
    let text = match bar {
        Bar::Label(Barrier::Nation) => format!("it is not releasable to {nation}"),
        Bar::Label(barrier) => barrier.to_string(),
        Bar::Pap => format!("its PAP {} does not permit `{action}`", view.request.facts.handling.pap()),
        Bar::IepActions => format!("its IEP policy does not permit `{action}`"),
        Bar::AcsAction => format!("its ACS marking does not permit `{action}`"),
    };
    (text, consent)
}

fn onward_shortfall(view: &View<'_>, to: &str) -> (String, Option<String>) {
    let text = match view.relay {
        Some(Relay::Others) => format!("it came for named parties, and {to} is none of them"),
        Some(Relay::Label) => {
            let tlp = view.request.facts.handling.tlp();
            format!("it is not ours, and TLP {tlp} stays with those who got it")
        }
        _ => "it came under terms that do not let it be passed on".to_owned(),
    };
    (text, Some(format!("an onward rule, from whoever gave it, that lets {to} have it")))
}

fn confidentiality_shortfall(own: &Stanag) -> (String, Option<String>) {
    match own {
        Stanag::Label(own) => (
            format!("its classification {} is above the ceiling, or not known to it", own.name),
            Some(format!("a ceiling that takes the classification {} of policy {} in", own.name, own.policy)),
        ),
        _ => ("its classifications contradict each other".to_owned(), None),
    }
}

fn words_shortfall(one: &str, many: &str, words: &BTreeSet<String>, set: &Set) -> (String, Option<String>) {
    let missing: Vec<String> =
        words.iter().filter(|word| !set.includes(word)).map(|word| format!("`{word}`")).collect();
    match missing.as_slice() {
        [] => (format!("it says no {one}"), Some(format!("any {one}"))),
        _ => {
            let missing = missing.join(", ");
            (format!("does not name {many} {missing}"), Some(format!("the {many} {missing}")))
        }
    }
}

fn purposes_shortfall(purposes: &BTreeSet<String>, view: &View<'_>) -> (String, Option<String>) {
    match view.request.purpose {
        Some(purpose) => {
            (format!("not for the purpose `{purpose}`"), Some(format!("the purpose `{purpose}`")))
        }
        None => {
            let known = view.request.facts.handling.purposes();
            let other = |purpose: &&String| known.is_none_or(|known| !known.contains(&fold(purpose)));
            let others: Vec<String> = purposes.iter().filter(other).map(|p| format!("`{p}`")).collect();
            let others = others.join(", ");
            (
                format!("its label does not allow the purposes {others}"),
                Some(format!("no more purposes than its label allows, without {others}")),
            )
        }
    }
}
