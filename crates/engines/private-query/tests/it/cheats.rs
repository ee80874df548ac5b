//! Those who do not keep to the rules: what they gain, and how it shows.

use shieldwall_private_query::{Answerer, Asker, Found, Mode, Question, Reply, Unusable};
use voprf::{CipherSuite, Group, Ristretto255};

use crate::{MODES, addresses, noon, party, reply, right, scope};

/// Where things stand in a reply by yes or no.
const KEY: usize = 7 + 32;
const PROOF: usize = KEY + 32;
const POINTS: usize = PROOF + 64 + 4;

fn asked(mode: Mode) -> (Asker, Question) {
    Asker::ask(&scope(mode), addresses(0..10), [1; 32]).ok().unwrap()
}

#[test]
fn an_answer_with_another_key_for_one_value_is_noticed() {
    let held = addresses(5..15);
    let (_, question) = asked(Mode::YesNo);
    let (honest, other) = (reply(&question, &held, 2).to_bytes(), reply(&question, &held, 3).to_bytes());
    let swap = |bytes: &mut Vec<u8>, at: usize, length: usize, from: &[u8]| {
        bytes[at..at + length].copy_from_slice(&from[at..at + length]);
    };
    type Tamper<'a> = &'a dyn Fn(&mut Vec<u8>);
    let tampered: [(&str, Tamper<'_>); 7] = [
        ("one product with another key", &|bytes| swap(bytes, POINTS + 32 * 4, 32, &other)),
        ("all products with another key", &|bytes| swap(bytes, POINTS, 320, &other)),
        ("another key committed to", &|bytes| swap(bytes, KEY, 32, &other)),
        ("another proof", &|bytes| swap(bytes, PROOF, 64, &other)),
        ("a product twice", &|bytes| bytes.copy_within(POINTS..POINTS + 32, POINTS + 32)),
        ("two products exchanged", &|bytes| {
            let (one, two) = bytes.split_at_mut(POINTS + 32);
            one[POINTS..].swap_with_slice(&mut two[..32]);
        }),
        ("a proof that is no scalar", &|bytes| bytes[PROOF..PROOF + 64].fill(0xff)),
    ];
    for (what, tamper) in tampered {
        let mut bytes = honest.clone();
        tamper(&mut bytes);
        let told = asked(Mode::YesNo).0.finish(&Reply::parse(&bytes).unwrap());
        assert_eq!(told, Err(Unusable::Proof), "{what}");
    }
    assert!(asked(Mode::YesNo).0.finish(&Reply::parse(&honest).unwrap()).is_ok());
}

#[test]
fn a_reply_to_another_question_is_not_taken() {
    let held = addresses(0..10);
    for mode in MODES {
        let (_, earlier) = asked(mode);
        let old = reply(&earlier, &held, 2);
        // The same values again, in a session of its own.
        let (asker, _) = Asker::ask(&scope(mode), addresses(0..10), [9; 32]).ok().unwrap();
        assert_eq!(asker.finish(&old), Err(Unusable::OtherQuestion));
        // With the name of the new question written over that of the old, it still tells nothing.
        let (asker, question) = Asker::ask(&scope(mode), addresses(0..10), [9; 32]).ok().unwrap();
        let mut forged = old.to_bytes();
        forged[7..39].copy_from_slice(&reply(&question, &[], 2).to_bytes()[7..39]);
        let told = asker.finish(&Reply::parse(&forged).unwrap());
        match mode {
            Mode::YesNo => assert_eq!(told, Err(Unusable::Proof)),
            Mode::Count => assert_eq!(told, Ok(Found::Count(0))),
        }
    }
}

#[test]
fn a_question_sent_again_meets_another_key() {
    let held = addresses(0..10);
    for mode in MODES {
        let (_, question) = asked(mode);
        let (one, two) = (reply(&question, &held, 2).to_bytes(), reply(&question, &held, 3).to_bytes());
        let tags = |bytes: &[u8]| -> Vec<[u8; 8]> {
            bytes[bytes.len() - 8 * 1_024..].chunks(8).map(|tag| tag.try_into().unwrap()).collect()
        };
        let two = tags(&two);
        assert!(tags(&one).iter().all(|tag| !two.contains(tag)), "two answers cannot be laid side by side");
    }
}

#[test]
fn what_was_computed_in_one_scope_means_nothing_in_another() {
    let (asked, held) = (addresses(0..10), addresses(0..10));
    for mode in MODES {
        let ask = || Asker::ask(&scope(mode), &asked, [1; 32]).ok().unwrap();
        // Passed on under another agreement, for another purpose or kind: it is another question then.
        for change in [
            |question: &mut Question| question.agreement.0.0[0] ^= 1,
            |question: &mut Question| question.purpose.push('x'),
            |question: &mut Question| question.kind = "ipv6-addr".to_owned(),
        ] {
            let (asker, mut question) = ask();
            change(&mut question);
            let mut right = right(mode);
            (right.agreement, right.kinds) = (question.agreement, None);
            right.purposes.insert(question.purpose.clone());
            let answerer = Answerer::new(&question, party(1), party(2), &right, [], noon(), [2; 32]);
            let answerer = answerer.ok().unwrap();
            let tags = answerer.tags(&held);
            let reply = answerer.reply(tags).unwrap();
            assert_eq!(asker.finish(&reply), Err(Unusable::OtherQuestion));
        }
        // Asked by one party and passed on by another as its own: the products are right, the tags are of another
        // scope.
        for (from, to) in [(party(3), party(2)), (party(1), party(3)), (party(2), party(1))] {
            let (asker, question) = ask();
            let answerer =
                Answerer::new(&question, from, to, &right(mode), [], noon(), [2; 32]).ok().unwrap();
            let tags = answerer.tags(&held);
            assert_eq!(asker.finish(&answerer.reply(tags).unwrap()).map(|found| found.count()), Ok(0));
        }
    }
}

#[test]
fn a_reply_of_the_other_mode_or_another_length_is_not_taken() {
    for (mode, other) in [(Mode::Count, Mode::YesNo), (Mode::YesNo, Mode::Count)] {
        let (asker, question) = asked(mode);
        let mut bytes = reply(&asked(other).1, &[], 2).to_bytes();
        let own = reply(&question, &[], 2).to_bytes();
        bytes[7..39].copy_from_slice(&own[7..39]);
        assert_eq!(asker.finish(&Reply::parse(&bytes).unwrap()), Err(Unusable::Proof));

        let (asker, question) = asked(mode);
        let shorter = Asker::ask(&scope(mode), addresses(0..9), [1; 32]).ok().unwrap().1;
        let mut bytes = reply(&shorter, &[], 2).to_bytes();
        bytes[7..39].copy_from_slice(&reply(&question, &[], 2).to_bytes()[7..39]);
        assert_eq!(asker.finish(&Reply::parse(&bytes).unwrap()), Err(Unusable::Length));
    }
}

/// The limit of counting that the crate's documentation states, so that it stays true: an asker that blinds each
/// value differently learns which are held. And it can be convicted of it.
#[test]
fn an_asker_that_deviates_learns_which_and_is_convicted_by_its_own_question() {
    type Suite = Ristretto255;
    let (values, held) = (addresses(0..6), addresses(2..3));
    let (_, honest) = Asker::ask(&scope(Mode::Count), &values, [1; 32]).ok().unwrap();
    let bytes = honest.to_bytes();
    let points_at = bytes.len() - 32 * values.len();

    // Whatever was blinded, blinded once more, each with another factor.
    let factor = |number: usize| {
        Suite::hash_to_scalar::<<Suite as CipherSuite>::Hash>(
            &[&[u8::try_from(number).unwrap()]],
            &[b"cheat"],
        )
        .unwrap()
    };
    let mut blinded: Vec<(Vec<u8>, usize)> = bytes[points_at..]
        .chunks(32)
        .enumerate()
        .map(|(number, point)| {
            let point = Suite::deserialize_elem(point).unwrap() * factor(number);
            (Suite::serialize_elem(point).to_vec(), number)
        })
        .collect();
    blinded.sort();
    let mut cheat = bytes[..points_at].to_vec();
    blinded.iter().for_each(|(point, _)| cheat.extend_from_slice(point));
    let cheat = Question::parse(&cheat).unwrap();

    // Nobody who answers can see a difference, and taking each factor off each product tells them apart.
    let reply = reply(&cheat, &held, 2).to_bytes();
    let products: Vec<_> = reply[7 + 32 + 4..][..32 * values.len()].chunks(32).collect();
    let mut told_apart = 0;
    for number in 0..values.len() {
        let off = Suite::invert_scalar(factor(number));
        let mut bytes = reply.clone();
        let mut tried: Vec<_> = products
            .iter()
            .map(|product| Suite::serialize_elem(Suite::deserialize_elem(product).unwrap() * off).to_vec())
            .collect();
        tried.sort();
        bytes[7 + 32 + 4..][..32 * values.len()].copy_from_slice(&tried.concat());
        let mut named = Reply::parse(&bytes).unwrap().to_bytes();
        named[7..39].copy_from_slice(&reply_digest(&honest));
        let asker = Asker::ask(&scope(Mode::Count), &values, [1; 32]).ok().unwrap().0;
        told_apart += asker.finish(&Reply::parse(&named).unwrap()).unwrap().count();
    }
    assert_eq!(told_apart, 1, "exactly one factor fits, and it names the value");

    // Shown its values and entropy, an overseer makes the honest question, and it is not the one recorded.
    assert!(Asker::was_asked(&honest, &scope(Mode::Count), &values, [1; 32]));
    assert!(!Asker::was_asked(&cheat, &scope(Mode::Count), &values, [1; 32]));
}

/// By which a reply names this question.
fn reply_digest(question: &Question) -> Vec<u8> {
    reply(question, &[], 2).to_bytes()[7..39].to_vec()
}

#[test]
fn a_recorded_question_opens_to_its_own_values_only() {
    for mode in MODES {
        let (values, scope) = (addresses(0..5), scope(mode));
        let (_, question) = Asker::ask(&scope, &values, [1; 32]).ok().unwrap();
        assert!(Asker::was_asked(&question, &scope, &values, [1; 32]));
        assert!(!Asker::was_asked(&question, &scope, addresses(1..6), [1; 32]));
        assert!(!Asker::was_asked(&question, &scope, &values[1..], [1; 32]));
        assert!(!Asker::was_asked(&question, &scope, &values, [2; 32]));
        let mut other = scope.clone();
        other.asker = party(9);
        assert!(!Asker::was_asked(&question, &other, &values, [1; 32]));
    }
}
