//! Messages: one form, and nothing else is one.

use proptest::prelude::*;
use shieldwall_private_query::{Asker, MAX_QUESTION_BYTES, MAX_REPLY_BYTES, Mode, Question, Reply};

use crate::{MODES, addresses, reply, scope};

fn messages(mode: Mode) -> (Vec<u8>, Vec<u8>) {
    let (_, question) = Asker::ask(&scope(mode), addresses(0..3), [1; 32]).ok().unwrap();
    (question.to_bytes(), reply(&question, &addresses(0..2), 2).to_bytes())
}

/// Where the points begin.
fn points_of_question(bytes: &[u8]) -> usize {
    bytes.len() - 3 * 32
}

fn points_of_reply(mode: Mode) -> usize {
    if mode == Mode::Count { 7 + 32 + 4 } else { 7 + 32 + 32 + 64 + 4 }
}

#[track_caller]
fn refuses(question: &[u8], why: &str) {
    let error = Question::parse(question).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[track_caller]
fn refuses_reply(reply: &[u8], why: &str) {
    let error = Reply::parse(reply).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn there_and_back() {
    for mode in MODES {
        let (question, reply) = messages(mode);
        let read = Question::parse(&question).unwrap();
        assert_eq!((read.values(), read.mode), (3, mode));
        assert_eq!((read.kind.as_str(), read.purpose.as_str()), ("ipv4-addr", "incident response"));
        assert_eq!(read.to_bytes(), question);
        assert_eq!(Reply::parse(&reply).unwrap().to_bytes(), reply);
    }
}

#[test]
fn cut_short_or_with_something_behind() {
    for mode in MODES {
        let (question, reply) = messages(mode);
        for length in 0..question.len() {
            assert!(Question::parse(&question[..length]).is_err(), "{length}");
        }
        for length in (0..400).chain(reply.len() - 9..reply.len()) {
            assert!(Reply::parse(&reply[..length]).is_err(), "{length}");
        }
        refuses(&[question.clone(), vec![0]].concat(), "something follows the end");
        refuses_reply(&[reply.clone(), vec![0]].concat(), "something follows the end");
        refuses(&reply, "another message");
        refuses_reply(&question, "another message");
    }
    refuses(b"", "too short");
    refuses(b"{\"not\":\"this protocol\"}", "no message of this protocol");
    let (mut question, _) = messages(Mode::Count);
    question[4] = 2;
    refuses(&question, "no message of this protocol and version");
    question[4] = 1;
    question[6] = b'C';
    refuses(&question, "at byte 6, the way of answering is not known");
}

#[test]
fn points_that_are_none() {
    let p_minus_1 = {
        // 2^255 - 20: negative as a ristretto255 field element.
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xec, 0x7f);
        bytes
    };
    // RFC 9496 appendix A.2 lists encodings that must be refused: non-canonical, negative, off the curve.
    let mut non_canonical = [0xff; 32];
    (non_canonical[0], non_canonical[31]) = (0xf3, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    for bad in [[0; 32], [0xff; 32], p_minus_1, non_canonical, negative] {
        for mode in MODES {
            let (mut question, mut reply) = messages(mode);
            let at = points_of_question(&question) + 32;
            question[at..at + 32].copy_from_slice(&bad);
            refuses(&question, &format!("at byte {at}, this is no group element"));
            let at = points_of_reply(mode);
            reply[at..at + 32].copy_from_slice(&bad);
            refuses_reply(&reply, &format!("at byte {at}, this is no group element"));
        }
        let (_, mut reply) = messages(Mode::YesNo);
        reply[39..71].copy_from_slice(&bad);
        refuses_reply(&reply, "at byte 39, this is no group element");
    }
}

#[test]
fn counts_that_promise_too_much() {
    for mode in MODES {
        let (question, reply) = messages(mode);
        let at = points_of_question(&question) - 4;
        for (count, why) in
            [(0, "no value"), (4, "cut off"), (16_385, "more values"), (u32::MAX, "more values")]
        {
            let mut changed = question.clone();
            changed[at..at + 4].copy_from_slice(&count.to_be_bytes());
            refuses(&changed, why);
        }
        let at = points_of_reply(mode) + 3 * 32;
        for (count, why) in [
            (0, "power of two"),
            (512, "power of two"),
            (1_023, "power of two"),
            (1_025, "cut off"),
            (1 << 20, "more tags"),
            (u32::MAX, "more tags"),
        ] {
            let mut changed = reply.clone();
            changed[at..at + 4].copy_from_slice(&u32::to_be_bytes(count));
            refuses_reply(&changed, why);
        }
    }
}

#[test]
fn order_is_part_of_the_form() {
    let (question, reply) = messages(Mode::Count);
    let at = points_of_question(&question);
    let mut swapped = question.clone();
    swapped[at..at + 64].rotate_left(32);
    refuses(&swapped, "do not ascend");
    let mut twice = question;
    twice.copy_within(at..at + 32, at + 32);
    refuses(&twice, "do not ascend");
    let at = points_of_reply(Mode::Count);
    let mut swapped = reply.clone();
    swapped[at..at + 64].rotate_left(32);
    refuses_reply(&swapped, "do not ascend");
    for mode in MODES {
        let (_, reply) = messages(mode);
        let at = reply.len() - 16;
        let mut swapped = reply.clone();
        swapped[at..].rotate_left(8);
        refuses_reply(&swapped, "tags do not ascend");
        let mut twice = reply;
        twice.copy_within(at..at + 8, at + 8);
        refuses_reply(&twice, "tags do not ascend");
    }
}

#[test]
fn texts() {
    let (question, _) = messages(Mode::Count);
    let kind = 7 + 32 + 32;
    for (length, first, why) in [
        (0, b'i', "a text is empty"),
        (9, b'\n', "control characters"),
        (9, 0xff, "not UTF-8"),
        (65, b'i', "too long"),
    ] {
        let mut changed = question.clone();
        (changed[kind], changed[kind + 1]) = (length, first);
        refuses(&changed, why);
    }
}

#[test]
fn the_longest_fit_their_bounds() {
    let mut scope = scope(Mode::YesNo);
    (scope.kind, scope.purpose) = ("k".repeat(64), "p".repeat(255));
    let values = ["one value"];
    let (_, question) = Asker::ask(&scope, values, [1; 32]).ok().unwrap();
    assert_eq!(question.to_bytes().len() + 32 * (16_384 - 1), MAX_QUESTION_BYTES);
    let (_, reply) = messages(Mode::YesNo);
    assert_eq!(reply.len() + 32 * (16_384 - 3) + 8 * ((1 << 19) - 1_024), MAX_REPLY_BYTES);
}

proptest! {
    #[test]
    fn whatever_comes_is_refused_or_has_one_form(
        mode in prop::sample::select(&MODES[..]),
        which in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let (question, reply) = messages(mode);
        let mut bytes = if which { question } else { reply };
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Question::parse(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        } else if let Ok(read) = Reply::parse(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
        }
    }
}
