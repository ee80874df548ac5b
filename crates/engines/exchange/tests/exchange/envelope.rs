//! One spelling for each envelope.

use exchange::*;
use json::{Limits, Tape, canonical};
use model::{AgreementId, DecisionId, Digest, PartyId, Timestamp};
use proptest::prelude::*;

use crate::support::{STREAM, at, digest};

pub(crate) fn sample() -> Envelope {
    Envelope {
        stream: STREAM,
        seq: 3,
        previous: digest(2),
        kind: Kind::Put,
        subject: digest(3),
        commitment: commitment(&[4; 32], "{}"),
        label: r#"{"tlp":"green"}"#.to_owned(),
        obligations: "{}".to_owned(),
        terms: digest(5),
        membership: 6,
        decision: DecisionId(7),
        at: at(0),
    }
}

fn any_digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let stream =
        (any_digest(), any_digest(), any_digest(), any::<u32>()).prop_map(|(from, to, agreement, epoch)| {
            StreamId { from: PartyId(from), to: PartyId(to), agreement: AgreementId(agreement), epoch }
        });
    let digests = (any_digest(), any_digest(), any_digest(), any_digest());
    let texts = ("[\\PC\\x00-\\x1f\"\\\\]{0,40}", "[ -~]{0,40}");
    let numbers = (0..=MAX_NUMBER, any::<u32>(), 0..=MAX_NUMBER as i64, any::<i64>());
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (stream, digests, texts, numbers, kind).prop_map(
        |(stream, (previous, subject, commitment, terms), (label, obligations), numbers, kind)| {
            let (seq, membership, decision, at) = numbers;
            Envelope {
                stream,
                seq,
                previous,
                kind,
                subject,
                commitment,
                label,
                obligations,
                terms,
                membership,
                decision: DecisionId(decision),
                at: Timestamp::from_micros(at),
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_canonical_and_reads_back(envelope in any_envelope()) {
        let text = envelope.to_text();
        let mut tape = Tape::new();
        let mut rewritten = String::new();
        canonical(tape.parse(text.as_bytes(), &Limits::OBJECT).unwrap(), &mut rewritten);
        prop_assert_eq!(&rewritten, &text, "RFC 8785");
        let again = Envelope::parse(&text).unwrap();
        prop_assert_eq!(again.hash(), Envelope::hash_of(&text));
        prop_assert_eq!(again, envelope);
    }

    #[test]
    fn no_single_changed_byte_is_the_same_envelope(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let text = sample().to_text();
        let mut bytes = text.clone().into_bytes();
        let place = place.index(bytes.len());
        prop_assume!(bytes[place] != byte);
        bytes[place] = byte;
        if let Ok(changed) = String::from_utf8(bytes)
            && let Ok(envelope) = Envelope::parse(&changed)
        {
            prop_assert_ne!(&envelope, &sample());
            prop_assert_ne!(envelope.hash(), sample().hash());
        }
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in "\\PC{0,200}") {
        let _ = Envelope::parse(&text);
        let _ = Segment::parse(&text);
        let _ = Ack::parse(&text);
        let _ = Content::parse(&text);
        let _ = exchange::origin::Statement::parse(&text);
    }
}

/// Replaces a part of the sample's text, and tells why it is refused then.
#[track_caller]
fn refused(from: &str, to: &str, expect: &str) {
    let text = sample().to_text();
    assert!(text.contains(from), "{from} is not in {text}");
    let problem = Envelope::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
    assert!(problem.contains(expect), "{from} → {to}: {problem}");
}

#[test]
fn only_the_one_spelling_is_read() {
    refused(r#""seq":3"#, r#""seq": 3"#, "canonical");
    refused(r#""seq":3"#, r#""seq":3.0"#, "`seq` is not a whole number");
    refused(r#""seq":3"#, r#""seq":"3""#, "`seq` is not a whole number");
    refused(r#""seq":3"#, r#""seq":03"#, "not a JSON number");
    refused(r#""seq":3"#, r#""seq":-3"#, "`seq` is not a whole number");
    refused(r#""seq":3"#, r#""seq":9007199254740992"#, "`seq` is not a whole number");
    refused(r#""seq":3"#, r#""seq":3,"seq":3"#, "occurs twice");
    refused(r#""seq":3"#, r#""seq":3,"sort":1"#, "members this version does not have");
    refused(r#""seq":3,"#, "", "`seq` is missing");
    refused(r#""kind":"put""#, r#""kind":"Put""#, "`kind`");
    refused(r#""kind":"put""#, r#""kind":"p\u0075t""#, "canonical");
    refused(r#""epoch":1"#, r#""epoch":4294967296"#, "32 bits");
    refused(r#""decision":7"#, r#""decision":-7"#, "`decision`");
    refused("acac", "ACAC", "lower-case hex");
    refused(":00.000Z", ":00.0000Z", "canonical");
    refused(":00.000Z", ":00.000+00:00", "`at` is not");
    refused(r#""v":1"#, r#""v":2"#, "version 2 is not known here");
}

#[test]
fn bounds_hold() {
    let long = Envelope { label: "x".repeat(Envelope::MAX_PART + 1), ..sample() };
    assert!(Envelope::parse(&long.to_text()).unwrap_err().to_string().contains("at most 4096 bytes"));
    let nested = "[".repeat(10_000);
    assert!(Envelope::parse(&nested).unwrap_err().to_string().contains("nested deeper"));
    let wide = format!("[{}1]", "1,".repeat(40_000));
    assert!(Envelope::parse(&wide).unwrap_err().to_string().contains("longer than"));
    let escapes = Envelope { label: "\u{1}".repeat(4096), obligations: "\u{1}".repeat(4096), ..sample() };
    assert_eq!(Envelope::parse(&escapes.to_text()).unwrap(), escapes, "the largest that may be fits");
}

#[test]
fn a_commitment_binds_salt_and_payload_apart() {
    let mut salts = [[0; 32], [0; 32]];
    salts[1][31] = b'a';
    assert_ne!(commitment(&salts[0], "ab"), commitment(&salts[1], "b"));
    assert_ne!(commitment(&salts[0], "a"), commitment(&salts[0], "b"));
}
