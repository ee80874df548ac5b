//! Posts and approvals: persons are counted, exact bytes are approved.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keys::posts::{
    Appointed, Appointment, Approval, ApprovalError, Assertion, Deputy, End, PersonKey, Post, Proof, Refusal,
    Registration, Roster, RosterError, Site, Why, challenge, distinct_persons,
};
use keys::window::Window;
use keys::{Signed, context};
use model::{Digest, PartyId, Timestamp};
use p256::ecdsa::signature::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::common::{day, history, key, roots, rotation};

const TEXT: &[u8] = b"{\"act\":\"release\"}";
const OFFICER: Post = Post::ReleaseOfficer;

fn site() -> Site {
    Site { relying_party: "node.example".to_owned(), origins: vec!["https://node.example".to_owned()] }
}

/// A person's hybrid key, by a number.
fn hybrid(number: u16) -> PersonKey {
    PersonKey::Hybrid(key(number).public().clone())
}

fn appointment(person: &str, keys: Vec<PersonKey>) -> Appointment {
    Appointment {
        party: history().party(),
        post: OFFICER,
        person: person.to_owned(),
        name: format!("Person {person}"),
        keys,
        window: Window { from: day(1), until: day(30) },
        issued: day(0),
        deputy: None,
    }
}

fn signed(appointment: &Appointment, by: &[u16]) -> Signed {
    let keys: Vec<_> = by.iter().map(|number| key(*number)).collect();
    Signed::sign(&appointment.to_body(), context::APPOINTMENT, &keys).unwrap()
}

fn roster(appointments: &[Appointment]) -> Roster {
    let mut roster = Roster::new(history().party(), false);
    for appointment in appointments {
        assert_eq!(roster.apply(&signed(appointment, &[10]), &history(), day(1)), Ok(Appointed::Changed));
    }
    roster
}

fn approve(numbers: &[u16]) -> Vec<Approval> {
    numbers.iter().map(|number| Approval::sign(key(*number), TEXT)).collect()
}

fn count(roster: &Roster, approvals: &[Approval], at: Timestamp) -> Result<usize, Vec<Why>> {
    distinct_persons(approvals, TEXT, roster, OFFICER, at, Some(&site()))
        .map_err(|refusals| refusals.into_iter().map(|Refusal { why, .. }| why).collect())
}

#[test]
fn posts_have_their_names() {
    for post in Post::ALL {
        assert_eq!(post.to_string().parse(), Ok(post));
    }
    assert!("release_officer".parse::<Post>().is_err());
}

#[test]
fn persons_are_counted() {
    let roster =
        roster(&[appointment("ada", vec![hybrid(51)]), appointment("bob", vec![hybrid(52), hybrid(53)])]);
    assert_eq!(count(&roster, &approve(&[51, 52]), day(2)), Ok(2));
    assert_eq!(count(&roster, &approve(&[52, 53]), day(2)), Ok(1), "two keys, one person");
    assert_eq!(count(&roster, &approve(&[51, 51]), day(2)), Ok(1), "one approval twice");
    assert_eq!(count(&roster, &[], day(2)), Ok(0));
}

#[test]
fn ids_that_share_a_key_are_one_person() {
    let shared = [
        appointment("ada", vec![hybrid(51)]),
        appointment("ada-too", vec![hybrid(51), hybrid(52)]),
        appointment("bob", vec![hybrid(52), hybrid(53)]),
        appointment("eve", vec![hybrid(54)]),
    ];
    let joined = roster(&shared);
    // Ada and Bob never sign with the same key, but ada-too has one of each.
    assert_eq!(count(&joined, &approve(&[51, 53]), day(2)), Ok(1));
    assert_eq!(count(&joined, &approve(&[51, 53, 54]), day(2)), Ok(2));
    // So it is when the appointment that joins them is to another post, or has run out.
    let mut elsewhere = shared;
    elsewhere[1].post = Post::Legal;
    elsewhere[1].window = Window { from: day(-9), until: day(-8) };
    assert_eq!(count(&roster(&elsewhere), &approve(&[51, 53]), day(2)), Ok(1));
    // Half a key is enough to be the same.
    let mut seed = *key(51).seed();
    seed[63] ^= 1;
    let twin = keys::SecretKey::from_seed(seed);
    let twins = roster(&[
        appointment("ada", vec![hybrid(51)]),
        appointment("ida", vec![PersonKey::Hybrid(twin.public().clone())]),
    ]);
    let both = [Approval::sign(key(51), TEXT), Approval::sign(&twin, TEXT)];
    assert_eq!(count(&twins, &both, day(2)), Ok(1));
}

#[test]
fn several_posts_are_one_person() {
    let mut other = appointment("ada", vec![hybrid(52)]);
    other.post = Post::Legal;
    let roster = roster(&[appointment("ada", vec![hybrid(51)]), other]);
    let as_legal = Approval::sign(key(52), TEXT);
    assert_eq!(
        count(&roster, std::slice::from_ref(&as_legal), day(2)),
        Err(vec![Why::NotAppointed(OFFICER)])
    );
    let legal = distinct_persons(&[as_legal], TEXT, &roster, Post::Legal, day(2), None);
    assert_eq!(legal, Ok(1));
}

#[test]
fn appointments_have_their_time() {
    let roster = roster(&[appointment("ada", vec![hybrid(51)])]);
    let at = |at| count(&roster, &approve(&[51]), at);
    assert!(matches!(at(day(0)).unwrap_err()[..], [Why::Outside { .. }]));
    assert_eq!(at(day(1)), Ok(1));
    assert_eq!(at(day(30).plus_micros(-1)), Ok(1));
    let refusal = at(day(30)).unwrap_err().remove(0).to_string();
    assert_eq!(refusal, "ada's appointment held until 2026-01-31T00:00:00.000Z only");
    assert_eq!(roster.holders(OFFICER, day(2)).into_iter().collect::<Vec<_>>(), ["ada"]);
    assert!(roster.holders(OFFICER, day(30)).is_empty());
}

#[test]
fn an_appointment_renewed_counts_by_whichever_holds() {
    let mut renewed = appointment("ada", vec![hybrid(51)]);
    renewed.window = Window { from: day(30), until: day(60) };
    let roster = roster(&[appointment("ada", vec![hybrid(51)]), renewed]);
    assert_eq!(count(&roster, &approve(&[51]), day(2)), Ok(1));
    assert_eq!(count(&roster, &approve(&[51]), day(30)), Ok(1));
    assert!(count(&roster, &approve(&[51]), day(60)).is_err());
}

#[test]
fn appointments_end() {
    let (history, person) = (history(), appointment("ada", vec![hybrid(51)]));
    let end = |from: Timestamp, by: &[u16]| {
        let end = End {
            party: history.party(),
            appointment: signed(&person, &[]).hash(),
            from,
            reason: "left".to_owned(),
            issued: day(5),
        };
        let keys: Vec<_> = by.iter().map(|number| key(*number)).collect();
        Signed::sign(&end.to_body(), context::APPOINTMENT, &keys).unwrap()
    };
    let mut roster = roster(std::slice::from_ref(&person));
    assert!(
        matches!(roster.apply(&end(day(4), &[51]), &history, day(6)), Err(RosterError::Key(_))),
        "not by oneself"
    );
    assert_eq!(roster.apply(&end(day(6), &[10]), &history, day(6)), Ok(Appointed::Changed));
    assert_eq!(count(&roster, &approve(&[51]), day(5)), Ok(1));
    let ended = Why::Ended { person: "ada".to_owned(), from: day(6), reason: "left".to_owned() };
    assert_eq!(count(&roster, &approve(&[51]), day(6)), Err(vec![ended]));
    // A later end takes nothing back; an earlier one reaches further.
    assert_eq!(roster.apply(&end(day(8), &[1, 2]), &history, day(8)), Ok(Appointed::Known));
    assert_eq!(roster.apply(&end(day(3), &[1, 2]), &history, day(8)), Ok(Appointed::Changed));
    assert!(count(&roster, &approve(&[51]), day(5)).is_err());
    // The end may arrive first.
    let mut early = Roster::new(history.party(), false);
    early.apply(&end(day(3), &[10]), &history, day(6)).unwrap();
    early.apply(&signed(&person, &[10]), &history, day(6)).unwrap();
    assert!(count(&early, &approve(&[51]), day(5)).is_err());
    assert_eq!(early.entries().next().unwrap().1.ended, Some((day(3), "left".to_owned())));
}

#[test]
fn deputies_count_when_the_appointment_says_so() {
    for (counts, expect) in [(true, Ok(1)), (false, Err(vec![Why::Deputy { person: "bob".to_owned() }]))] {
        let mut deputy = appointment("bob", vec![hybrid(52)]);
        deputy.deputy = Some(Deputy { of: "ada".to_owned(), counts });
        let roster = roster(&[deputy]);
        assert_eq!(count(&roster, &approve(&[52]), day(2)), expect);
        assert_eq!(roster.holders(OFFICER, day(2)).len(), usize::from(counts));
    }
}

#[test]
fn who_appoints() {
    let history = history();
    let person = appointment("ada", vec![hybrid(51)]);
    let mut open = Roster::new(history.party(), false);
    for by in [&[][..], &[1], &[51], &[11], &[4, 5]] {
        assert!(
            matches!(open.apply(&signed(&person, by), &history, day(1)), Err(RosterError::Key(_))),
            "{by:?}"
        );
    }
    assert_eq!(open.apply(&signed(&person, &[1, 3]), &history, day(1)), Ok(Appointed::Changed));
    assert_eq!(open.apply(&signed(&person, &[10]), &history, day(1)), Ok(Appointed::Known));
    let mut strict = Roster::new(history.party(), true);
    assert_eq!(strict.apply(&signed(&person, &[10]), &history, day(1)), Err(RosterError::RootsOnly));
    assert_eq!(strict.apply(&signed(&person, &[1, 2, 10]), &history, day(1)), Ok(Appointed::Changed));
    // By an epoch key after its end, in the future, or for too long.
    let mut rotated = history.clone();
    rotated.apply(&rotation(&rotated, day(2), 11, 12, &[10, 11]), day(2)).unwrap();
    let mut late = person.clone();
    late.issued = day(3);
    assert!(matches!(open.apply(&signed(&late, &[10]), &rotated, day(3)), Err(RosterError::Key(_))));
    assert!(open.apply(&signed(&late, &[11]), &rotated, day(3)).is_ok());
    late.issued = day(4);
    assert!(matches!(open.apply(&signed(&late, &[11]), &rotated, day(3)), Err(RosterError::Future { .. })));
    for until in [day(1), day(1 + 1097)] {
        let mut long = person.clone();
        long.window.until = until;
        assert!(matches!(open.apply(&signed(&long, &[10]), &history, day(1)), Err(RosterError::Length(_))));
    }
    let mut foreign = person;
    foreign.party = PartyId(Digest([9; 32]));
    assert!(matches!(
        open.apply(&signed(&foreign, &[10]), &history, day(1)),
        Err(RosterError::OtherParty(_))
    ));
    let mut elsewhere = Roster::new(foreign.party, false);
    assert!(matches!(
        elsewhere.apply(&signed(&foreign, &[10]), &history, day(1)),
        Err(RosterError::OtherParty(_))
    ));
    assert_eq!(roots().threshold, 2);
}

#[test]
fn appointments_come_back_and_say_nothing_else() {
    let mut full = appointment("ada", vec![hybrid(51), es256().1, ed25519().1]);
    full.deputy = Some(Deputy { of: "bob".to_owned(), counts: true });
    for appointment in [full.clone(), appointment("ada", vec![hybrid(51)])] {
        assert_eq!(Appointment::read(&signed(&appointment, &[])).unwrap(), appointment);
    }
    let body = full.to_body();
    for (from, to, pointer) in [
        ("\"type\":\"appointment\"", "\"type\":\"disappointment\"", "/type"),
        ("RELEASE_OFFICER", "ADMIN", "/post"),
        ("\"person\":\"ada\"", "\"person\":\"Ada\"", "/person"),
        ("\"person\":\"ada\"", "\"person\":\"аda\"", "/person"),
        ("\"person\":\"ada\"", "\"person\":\"\"", "/person"),
        ("\"deputy_counts\":true,", "", "/deputy_of"),
        ("\"deputy_counts\":true", "\"deputy_counts\":1", "/deputy_counts"),
        ("es256:B", "es256:A", "/keys/1"),
        ("ed25519:", "rsa:", "/keys/2"),
        ("\"name\"", "\"also\":1,\"name\"", "/also"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        let read = Appointment::read(&Signed::unsigned(&changed).unwrap());
        assert_eq!(read.unwrap_err().pointer, pointer, "{from} → {to}");
    }
    let mut twice = appointment("ada", vec![hybrid(51), hybrid(51)]);
    assert_eq!(Appointment::read(&signed(&twice, &[])).unwrap_err().pointer, "/keys/1");
    twice.keys.clear();
    assert_eq!(Appointment::read(&signed(&twice, &[])).unwrap_err().pointer, "/keys");
}

#[test]
fn exact_bytes_are_approved() {
    let roster = roster(&[appointment("ada", vec![hybrid(51)])]);
    let bad = |approval: Approval| count(&roster, &[approval], day(2)).unwrap_err().remove(0);
    let signature = Why::Approval(ApprovalError::Signature);
    assert_eq!(bad(Approval::sign(key(51), b"{\"act\":\"release \"}")), signature);
    let elsewhere = Proof::Hybrid(key(51).sign(context::AGREEMENT, TEXT));
    assert_eq!(bad(Approval { by: key(51).id(), proof: elsewhere }), signature);
    let by_other = Proof::Hybrid(key(52).sign(context::APPROVAL, TEXT));
    assert_eq!(bad(Approval { by: key(51).id(), proof: by_other }), signature);
    assert_eq!(bad(Approval::sign(key(52), TEXT)), Why::NotAppointed(OFFICER));
    // The others still count.
    let mixed = [Approval::sign(key(51), TEXT), Approval::sign(key(52), TEXT)];
    let tally = roster.tally(&mixed, TEXT, OFFICER, day(2), None);
    assert_eq!((tally.persons.len(), tally.refusals.len()), (1, 1));
}

/// What an authenticator with this key would answer; every part can be changed.
struct Authenticator {
    relying_party: &'static str,
    flags: u8,
    more: Vec<u8>,
    client: String,
}

fn client(kind: &str, challenge: &[u8; 32], origin: &str, more: &str) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(challenge);
    format!("{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"{origin}\"{more}}}")
}

fn authenticator() -> Authenticator {
    let client = client("webauthn.get", &challenge(TEXT), "https://node.example", ",\"crossOrigin\":false");
    Authenticator { relying_party: "node.example", flags: 0b101, more: vec![], client }
}

impl Authenticator {
    fn data(&self) -> Vec<u8> {
        let hash = Sha256::digest(self.relying_party.as_bytes());
        [hash.as_slice(), &[self.flags], &7u32.to_be_bytes(), &self.more].concat()
    }

    fn assert(&self, (sign, key): (impl Fn(&[u8]) -> Vec<u8>, PersonKey)) -> Approval {
        let message = [self.data().as_slice(), &Sha256::digest(self.client.as_bytes())].concat();
        let client = self.client.clone().into_bytes();
        let assertion = Assertion { authenticator: self.data(), client, signature: sign(&message) };
        Approval { by: key.id(), proof: Proof::Passkey(assertion) }
    }
}

fn es256() -> (impl Fn(&[u8]) -> Vec<u8>, PersonKey) {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let public = PersonKey::es256(key.verifying_key().to_sec1_point(false).as_bytes()).unwrap();
    let sign = move |message: &[u8]| {
        let signature: p256::ecdsa::Signature = key.sign(message);
        signature.to_der().as_bytes().to_vec()
    };
    (sign, public)
}

fn ed25519() -> (impl Fn(&[u8]) -> Vec<u8>, PersonKey) {
    let key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let public = PersonKey::ed25519(key.verifying_key().as_bytes()).unwrap();
    (move |message: &[u8]| ed25519_dalek::Signer::sign(&key, message).to_bytes().to_vec(), public)
}

#[test]
fn passkeys_approve_too() {
    let roster = roster(&[appointment("ada", vec![es256().1]), appointment("bob", vec![ed25519().1])]);
    let approvals = [authenticator().assert(es256()), authenticator().assert(ed25519())];
    assert_eq!(count(&roster, &approvals, day(2)), Ok(2));
    for approval in approvals {
        assert_eq!(Approval::parse(approval.to_text().as_bytes()), Ok(approval));
    }
    // A browser may add members (WebAuthn §5.8.1) and an authenticator extensions.
    let mut chatty = authenticator();
    chatty.client.insert_str(1, "\"other_keys_can_be_added_here\":\"x\",");
    chatty.flags |= 0x80;
    chatty.more = vec![0xa0];
    assert_eq!(count(&roster, &[chatty.assert(es256())], day(2)), Ok(1));
}

#[test]
fn passkeys_that_approve_something_else() {
    let roster = roster(&[appointment("ada", vec![es256().1])]);
    let check = |change: &dyn Fn(&mut Authenticator), expect: ApprovalError| {
        let mut answer = authenticator();
        change(&mut answer);
        let refused = count(&roster, &[answer.assert(es256())], day(2));
        assert_eq!(refused, Err(vec![Why::Approval(expect)]));
    };
    let origin = "https://node.example";
    let text = challenge(TEXT);
    check(
        &|a| a.client = client("webauthn.create", &text, origin, ""),
        ApprovalError::Type("webauthn.create".into()),
    );
    check(&|a| a.client = "{}".to_owned(), ApprovalError::Type(String::new()));
    check(&|a| a.client = client("webauthn.get", &challenge(b"x"), origin, ""), ApprovalError::Challenge);
    check(
        &|a| a.client = client("webauthn.get", &Sha256::digest(TEXT).into(), origin, ""),
        ApprovalError::Challenge,
    );
    for other in ["https://evil.example", "http://node.example", "https://node.example.evil.example", ""] {
        let expect = ApprovalError::Origin(other.to_owned());
        check(&|a| a.client = client("webauthn.get", &text, other, ""), expect);
    }
    for framed in [",\"crossOrigin\":true", ",\"crossOrigin\":1", ",\"topOrigin\":\"https://evil.example\""] {
        let expect = ApprovalError::Origin(origin.to_owned());
        check(&|a| a.client = client("webauthn.get", &text, origin, framed), expect);
    }
    check(&|a| a.relying_party = "evil.example", ApprovalError::Site);
    check(&|a| a.flags = 0b100, ApprovalError::Presence);
    check(&|a| a.flags = 0b001, ApprovalError::Verification);
}

#[test]
fn malformed_assertions() {
    let roster = roster(&[appointment("ada", vec![es256().1])]);
    let check = |change: &dyn Fn(&mut Authenticator)| {
        let mut answer = authenticator();
        change(&mut answer);
        let refused = count(&roster, &[answer.assert(es256())], day(2)).unwrap_err();
        assert!(matches!(refused[..], [Why::Approval(ApprovalError::Malformed(_))]), "{refused:?}");
    };
    check(&|a| a.client.insert_str(1, "\"type\":\"webauthn.get\","));
    check(&|a| a.client = String::new());
    check(&|a| a.client = "x".repeat(5000));
    check(&|a| a.more = vec![0]);
    // A signature for the same text with one byte of the client data changed, and signatures cut short.
    let good = authenticator().assert(es256());
    let Proof::Passkey(assertion) = &good.proof else { panic!("a passkey") };
    let with = |assertion: Assertion| Approval { proof: Proof::Passkey(assertion), ..good.clone() };
    let mut spaced = assertion.clone();
    spaced.client.push(b' ');
    let mut other_counter = assertion.clone();
    other_counter.authenticator[36] ^= 1;
    let mut none = assertion.clone();
    none.signature.clear();
    let mut short = assertion.clone();
    short.signature.pop();
    for changed in [spaced, other_counter, none, short] {
        let refused = count(&roster, &[with(changed)], day(2));
        assert_eq!(refused, Err(vec![Why::Approval(ApprovalError::Signature)]));
    }
    for end in 0..37 {
        let mut cut = assertion.clone();
        cut.authenticator.truncate(end);
        assert!(count(&roster, &[with(cut)], day(2)).is_err());
    }
    // Without a site there are no passkeys.
    let refused =
        distinct_persons(std::slice::from_ref(&good), TEXT, &roster, OFFICER, day(2), None).unwrap_err();
    assert_eq!(refused[0].why, Why::Approval(ApprovalError::NoSite));
    // A passkey's proof under a hybrid key's name and the other way round.
    let crossed = Approval { by: key(51).id(), ..good.clone() };
    assert_eq!(crossed.verify(&hybrid(51), TEXT, Some(&site())), Err(ApprovalError::OtherKey));
    let crossed = Approval { by: es256().1.id(), ..Approval::sign(key(51), TEXT) };
    assert_eq!(crossed.verify(&es256().1, TEXT, Some(&site())), Err(ApprovalError::OtherKey));
}

#[test]
fn approvals_as_text() {
    let approval = Approval::sign(key(51), TEXT);
    let text = approval.to_text();
    assert_eq!(Approval::parse(text.as_bytes()), Ok(approval));
    for (wrong, pointer) in [
        (text.replacen("{\"by\"", "{\"at\":1,\"by\"", 1), "/at"),
        (text.replacen("\"sig\":\"", "\"sig\":\"AAAA", 1), "/sig"),
        (text.replacen("{\"by\"", "{\"client\":\"\",\"by\"", 1), "/authenticator"),
        (text.replacen("\"by\":\"", "\"by\":\"0", 1), "/by"),
        ("{}".to_owned(), "/by"),
        ("[]".to_owned(), ""),
        (format!("{{\"by\":\"{}\"}}", key(1).id()), "/sig"),
    ] {
        assert_eq!(Approval::parse(wrong.as_bytes()).unwrap_err().pointer, pointer);
    }
    for end in (0..text.len()).step_by(31) {
        assert!(Approval::parse(&text.as_bytes()[..end]).is_err());
    }
    assert!(Approval::parse(" ".repeat(40_000).as_bytes()).is_err());
}

/// WebAuthn §6.5.1.1: the keys as authenticators write them.
fn cose(key: &PersonKey) -> Vec<u8> {
    match key {
        PersonKey::Es256(point) => [
            &[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20][..],
            &point[1..33],
            &[0x22, 0x58, 0x20],
            &point[33..],
        ]
        .concat(),
        PersonKey::Ed25519(bytes) => {
            [&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20][..], bytes].concat()
        }
        PersonKey::Hybrid(_) => panic!("no passkey"),
    }
}

#[test]
fn cose_keys() {
    for key in [es256().1, ed25519().1] {
        let encoded = cose(&key);
        assert_eq!(PersonKey::from_cose(&encoded), Ok(key.clone()));
        assert_eq!(PersonKey::parse(&key.to_text()), Ok(key));
        for end in 0..encoded.len() {
            assert!(PersonKey::from_cose(&encoded[..end]).is_err(), "{end}");
        }
        assert!(PersonKey::from_cose(&[encoded.as_slice(), &[0]].concat()).is_err());
        // RS256, another curve, a long length, a list, a duplicate label.
        for (at, byte) in [(4, 0x39), (6, 0x02), (8, 0x59), (0, 0x85), (5, 0x03), (0, 0xa6), (0, 0xbf)] {
            let mut changed = encoded.clone();
            changed[at] = byte;
            assert!(PersonKey::from_cose(&changed).is_err(), "{at}");
        }
    }
    let mut off_curve = cose(&es256().1);
    *off_curve.last_mut().unwrap() ^= 1;
    assert!(PersonKey::from_cose(&off_curve).is_err());
    let mut weak = cose(&ed25519().1);
    weak[10..].fill(0);
    assert!(PersonKey::from_cose(&weak).is_err());
    assert!(PersonKey::parse("es256:").is_err() && PersonKey::parse("").is_err());
}

#[test]
fn new_passkeys() {
    let asked = [5; 32];
    let made = |key: &PersonKey, flags: u8, tail: &[u8]| {
        let mut answer = authenticator();
        answer.flags = flags;
        answer.more = [&[0; 16][..], &3u16.to_be_bytes(), b"abc", &cose(key), tail].concat();
        answer.data()
    };
    let said = client("webauthn.create", &asked, "https://node.example", "");
    let verify = |data: &[u8], said: &str| Registration::verify(&site(), &asked, data, said.as_bytes());
    for key in [es256().1, ed25519().1] {
        let registration = Registration { credential: b"abc".to_vec(), key: key.clone() };
        assert_eq!(verify(&made(&key, 0b100_0101, &[]), &said), Ok(registration.clone()));
        assert_eq!(verify(&made(&key, 0b1100_0101, &[0xa0]), &said), Ok(registration));
        for (flags, tail) in [(0b000_0101, &[][..]), (0b100_0101, &[0xa0]), (0b1100_0101, &[])] {
            assert!(matches!(verify(&made(&key, flags, tail), &said), Err(ApprovalError::Malformed(_))));
        }
        let data = made(&key, 0b100_0101, &[]);
        for end in 0..data.len() {
            assert!(verify(&data[..end], &said).is_err(), "{end}");
        }
        let replayed = client("webauthn.create", &[6; 32], "https://node.example", "");
        assert_eq!(verify(&data, &replayed), Err(ApprovalError::Challenge));
        let assertion = client("webauthn.get", &asked, "https://node.example", "");
        assert!(matches!(verify(&data, &assertion), Err(ApprovalError::Type(_))));
    }
}
