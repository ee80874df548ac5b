//! Every parser ends on every text, and what it accepts it writes back the same.

use ledger::checkpoint::SignedCheckpoint;
use ledger::entry::{Opening, Shown};
use ledger::note::NoteKey;
use ledger::policy::Policy;
use ledger::proof::Proof;
use ledger::tiles::Tile;
use ledger::witness::AddCheckpoint;
use proptest::prelude::*;

use crate::entries::one_of_each;
use crate::notes::{PUBLIC, REMORA, SMARTIT};
use crate::{at, key, leaves, log_of, signed};

/// Something each parser accepts.
fn good() -> Vec<String> {
    let hash = "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=";
    let mut texts = vec![
        PUBLIC.to_owned(),
        REMORA.to_owned(),
        format!("c2sp.org/tlog-proof@v1\nextra YQ==\nindex 7\n{hash}\n\n{PUBLIC}"),
        format!("old 5\n{hash}\n{hash}\n\n{PUBLIC}"),
        format!(
            "log {}\nwitness a {REMORA}\nwitness b {SMARTIT}\ngroup g 2 a b\nquorum g\n",
            key(&log_of(1))
        ),
        "tile/1/x001/234.p/5".to_owned(),
        signed(1, &leaves(3)).note().to_owned(),
    ];
    for figures in one_of_each() {
        let entry = ledger::entry::Entry::new(at("2026-01-31T12:00:00Z"), figures, "{\"a\":1}").unwrap();
        let opening = entry.salted([1; 32]);
        texts.extend([opening.to_text(), opening.shown().to_text()]);
    }
    texts
}

/// Gives a text to every parser; how many accept it.
fn read(text: &str) -> usize {
    let accepted = [
        SignedCheckpoint::parse(text).is_ok_and(|read| {
            assert_eq!(read.note(), text);
            let _ = (read.verify_log(&[]), read.cosignatures(&[NoteKey::parse(REMORA).unwrap()]));
            true
        }),
        NoteKey::parse(text).is_ok_and(|read| {
            assert_eq!(read.to_string(), text);
            true
        }),
        Proof::parse(text).is_ok_and(|read| {
            assert_eq!(read.to_text(), text);
            true
        }),
        AddCheckpoint::parse(text).is_ok_and(|read| {
            assert_eq!(read.to_text(), text);
            true
        }),
        Policy::parse(text).is_ok_and(|read| {
            assert_eq!(Policy::parse(&read.to_text()), Ok(read));
            true
        }),
        text.parse::<Tile>().is_ok_and(|read| {
            assert_eq!(read.to_string(), text);
            let _ = (read.leaves(), read.read(text.as_bytes()), read.read_entries(text.as_bytes()));
            true
        }),
        Opening::parse(text).is_ok_and(|read| {
            assert_eq!(Opening::parse(&read.to_text()).unwrap().commitment(), read.commitment());
            true
        }),
        Shown::parse_kept(text).is_ok(),
    ];
    accepted.into_iter().filter(|accepted| *accepted).count()
}

#[test]
fn every_form_is_accepted_by_its_parser() {
    for text in good() {
        assert!((1..=2).contains(&read(&text)), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_text_stops_a_parser(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "\\PC{0,3}|\n{1,2}|[0-9]{20}"), 1..4),
    ) {
        thread_local! {
            static GOOD: Vec<String> = good();
        }
        let mut text: Vec<char> = GOOD.with(|good| good[which.index(good.len())].chars().collect());
        for (start, end, new) in cuts {
            let (a, b) = (start.index(text.len() + 1), end.index(text.len() + 1));
            // Mostly small changes, so that many get past the first check.
            let (from, to) = (a.min(b), a.max(b).min(a.min(b) + 4));
            text.splice(from..to, new.chars());
        }
        read(&text.into_iter().collect::<String>());
    }
}
