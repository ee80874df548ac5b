//! Streams in files.

use std::sync::OnceLock;

use exchange::courier::*;
use exchange::wire::{FrameLimits, Push};
use exchange::*;
use keys::boxes::BoxSecretKey;
use model::AgreementId;
use proptest::prelude::*;

use crate::support::*;

pub(crate) fn box_key(n: u8) -> &'static BoxSecretKey {
    static KEYS: [OnceLock<BoxSecretKey>; 3] = [const { OnceLock::new() }; 3];
    KEYS[usize::from(n)].get_or_init(|| BoxSecretKey::from_seed([n + 1; 32]))
}

fn write(contents: Contents, cap: u64) -> Result<Vec<Vec<u8>>, CourierRefusal> {
    let key = box_key(0).public();
    let settings = Export {
        from: ALICE,
        to: BOB,
        key: &key,
        signer: super::support::key(ALICE, 0),
        created: at(0),
        repeat: 0,
        cap,
    };
    let mut count = 100;
    export(&settings, contents, &mut || {
        count += 1;
        [count; 32]
    })
}

fn read(file: &[u8]) -> Result<Opened, CourierRefusal> {
    open(file, &opening(&[box_key(0)]))
}

fn opening<'a>(keys: &'a [&'a BoxSecretKey]) -> exchange::courier::Opening<'a> {
    exchange::courier::Opening {
        to: BOB,
        keys,
        signers: &Ring,
        limits: exchange::courier::Opening::LIMITS,
        now: at(1),
    }
}

/// `count` pushes of two entries each, and the position after them.
fn pushes(count: u8) -> (Vec<Push>, Position) {
    let mut position = Position::start(1);
    let mut pushes = Vec::new();
    for n in 0..count {
        let drafts = [put(2 * n), put(2 * n + 1)];
        let entries = entries(STREAM, &position, &drafts);
        position = last(&entries);
        pushes.push(push_by(&entries, &drafts, None, key(ALICE, 0)));
    }
    (pushes, position)
}

fn range(first: u64, last: u64) -> Range {
    Range { agreement: PACT, epoch: 1, first, last }
}

#[test]
fn a_stream_crosses_in_files() {
    let (pushes, end) = pushes(20);
    let ack = Ack::sign(BACK, &Position { epoch: 1, seq: 4, head: digest(4) }, at(0), key(ALICE, 0));
    let documents = vec!["act 00 {}".to_owned(), "keys 11 []".to_owned()];
    let contents = Contents { documents, pushes: pushes.clone(), acks: vec![ack], wanted: vec![range(7, 9)] };
    let files = write(contents.clone(), 128 << 10).unwrap();
    assert!(files.len() > 1, "the cap makes several files of it");
    assert!(files.iter().all(|file| file.len() <= 128 << 10));
    let opened: Vec<Opened> = files.iter().map(|file| read(file).unwrap()).collect();
    assert_eq!(opened[0].contents.acks, contents.acks);
    assert_eq!(opened[0].contents.wanted, contents.wanted);
    let documents: Vec<String> = opened.iter().flat_map(|opened| opened.contents.documents.clone()).collect();
    assert_eq!(documents, contents.documents);
    let through: Vec<Push> = opened.iter().flat_map(|opened| opened.contents.pushes.clone()).collect();
    assert_eq!(through, pushes);

    let mut bob = Receiver::new();
    for push in &through {
        bob.take(push, &Ring).unwrap();
    }
    assert_eq!((bob.position, bob.applied.len()), (end, 40));
    // The same files a second time, or much later, change nothing.
    for push in &through {
        assert_eq!(bob.take(push, &Ring).unwrap().already, 2);
    }
    assert_eq!(bob.applied.len(), 40);
}

#[test]
fn a_return_file_needs_no_entries() {
    let file = write(Contents { wanted: vec![range(3, 4)], ..Contents::default() }, DEFAULT_CAP).unwrap();
    let opened = read(&file[0]).unwrap();
    assert_eq!((file.len(), opened.manifest.ranges.len(), opened.contents.wanted), (1, 0, vec![range(3, 4)]));
}

#[test]
fn whoever_carries_a_file_sees_no_content() {
    let (pushes, _) = pushes(3);
    let secret = "number 1";
    assert!(pushes[0].entries[1].opening.as_ref().unwrap().payload.contains(secret));
    let file = &write(Contents { pushes, ..Contents::default() }, DEFAULT_CAP).unwrap()[0];
    let shown = String::from_utf8_lossy(file);
    for hidden in [secret, "indicator", "tlp:green", &digest(1).to_string()] {
        assert!(!shown.contains(hidden), "{hidden}");
    }
    let manifest = read_manifest(file).unwrap();
    assert_eq!((manifest.from, manifest.to, manifest.ranges), (ALICE, BOB, vec![range(1, 6)]));
}

#[test]
fn damaged_misdirected_and_forged_files_are_refused() {
    let (pushes, _) = pushes(2);
    let file =
        write(Contents { pushes: pushes.clone(), ..Contents::default() }, DEFAULT_CAP).unwrap().remove(0);
    for length in [0, 3, 4, 8, 100, file.len() - 1] {
        assert!(read(&file[..length]).is_err(), "cut off at {length}");
    }
    assert_eq!(read(&[file.as_slice(), b"x"].concat()), Err(CourierRefusal::Damaged));
    let mut flipped = file.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(read(&flipped), Err(CourierRefusal::Damaged));

    let ours = [box_key(0)];
    let others = exchange::courier::Opening { to: CAROL, ..opening(&ours) };
    assert_eq!(open(&file, &others), Err(CourierRefusal::NotForUs { to: BOB }));
    assert!(matches!(open(&file, &opening(&[box_key(1), box_key(2)])), Err(CourierRefusal::Sealed(_))));
    assert!(
        open(&file, &opening(&[box_key(1), box_key(0)])).is_ok(),
        "an earlier epoch's key still opens it"
    );
    let small = FrameLimits { packed: file.len() - 1, ..exchange::courier::Opening::LIMITS };
    assert!(open(&file, &exchange::courier::Opening { limits: small, ..opening(&[box_key(0)]) }).is_err());
    let small = FrameLimits { unpacked: 1000, ..exchange::courier::Opening::LIMITS };
    assert!(open(&file, &exchange::courier::Opening { limits: small, ..opening(&[box_key(0)]) }).is_err());

    // Carol takes the sealed body of Alice's file and signs an outside of her own.
    let public = box_key(0).public();
    let settings = Export {
        from: CAROL,
        to: BOB,
        key: &public,
        signer: key(CAROL, 0),
        created: at(0),
        repeat: 0,
        cap: DEFAULT_CAP,
    };
    assert_eq!(
        export(&settings, Contents { pushes: pushes.clone(), ..Contents::default() }, &mut || [1; 32]),
        Err(CourierRefusal::OtherStream),
        "nobody exports another's stream"
    );
    let hers = export(&settings, Contents::default(), &mut || [1; 32]).unwrap().remove(0);
    let body = |file: &[u8]| {
        let length = u32::from_be_bytes(file[4..8].try_into().unwrap()) as usize;
        (file[..8 + length].to_vec(), file[8 + length..].to_vec())
    };
    let mixed = [body(&hers).0, body(&file).1].concat();
    assert_eq!(read(&mixed), Err(CourierRefusal::Damaged));
}

#[test]
fn a_changed_manifest_is_refused() {
    let (pushes, _) = pushes(2);
    let file = write(Contents { pushes, ..Contents::default() }, DEFAULT_CAP).unwrap().remove(0);
    let honest = read_manifest(&file).unwrap();
    let length = honest.to_text().len();
    let sealed = &file[8 + length..];
    let changes: [fn(&mut Manifest); 6] = [
        |m| m.ranges.clear(),
        |m| m.ranges[0].last = 99,
        |m| m.parts = 2,
        |m| m.created = at(99),
        |m| m.from = CAROL,
        |m| m.repeat = 5,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = honest.clone();
        change(&mut other);
        let text = other.to_text();
        let file = [b"SWC1", (text.len() as u32).to_be_bytes().as_slice(), text.as_bytes(), sealed].concat();
        assert!(matches!(read(&file), Err(CourierRefusal::Signer(_))), "change {number}");
    }
}

#[test]
fn a_cap_that_is_too_small_names_what_does_not_fit() {
    let (pushes, _) = pushes(1);
    let refused = write(Contents { pushes, ..Contents::default() }, 70 << 10);
    assert!(matches!(refused, Err(CourierRefusal::CapTooSmall { first: 1, last: 2, .. })), "{refused:?}");
}

/// A manifest as a survey sees it.
fn manifest(bundle: u8, part: u32, parts: u32, ranges: &[Range]) -> Manifest {
    let file = write(Contents::default(), DEFAULT_CAP).unwrap().remove(0);
    let bundle = digest(bundle);
    Manifest { bundle, part, parts, ranges: ranges.to_vec(), ..read_manifest(&file).unwrap() }
}

#[test]
fn a_survey_finds_gaps_and_repetitions() {
    let at_ten = |_: AgreementId| Position { epoch: 1, seq: 10, head: digest(1) };
    let check = |manifests: &[Manifest], gaps: &[Range], new: u64, repeated: u64| {
        let survey = survey(manifests, &at_ten);
        let found: Vec<Range> = survey.gaps.iter().map(|gap| gap.range).collect();
        assert_eq!((found.as_slice(), survey.new_entries, survey.repeated_entries), (gaps, new, repeated));
        survey
    };
    let whole = manifest(1, 1, 1, &[range(11, 20)]);
    check(std::slice::from_ref(&whole), &[], 10, 0);
    check(&[manifest(1, 1, 1, &[range(6, 20)])], &[], 10, 5);
    check(&[manifest(1, 1, 1, &[range(1, 9)])], &[], 0, 9);
    check(&[manifest(1, 1, 1, &[range(13, 20)])], &[range(11, 12)], 8, 0);
    check(&[manifest(2, 1, 1, &[range(26, 30)]), whole.clone()], &[range(21, 25)], 15, 0);
    check(&[manifest(2, 1, 1, &[range(16, 30)]), whole.clone()], &[], 20, 5);
    let next = Range { epoch: 2, ..range(3, 4) };
    check(&[whole.clone(), manifest(2, 1, 1, &[next])], &[Range { epoch: 2, ..range(1, 2) }], 12, 0);
    check(&[manifest(2, 1, 1, &[Range { agreement: AgreementId(digest(9)), ..range(11, 12) }])], &[], 2, 0);

    let twice = check(&[whole.clone(), whole], &[], 10, 0);
    assert_eq!((twice.repeated_files, twice.missing_parts.len()), (1, 0));
    let parts = check(&[manifest(1, 4, 5, &[]), manifest(1, 2, 5, &[])], &[], 0, 0);
    assert_eq!(parts.missing_parts.get(&digest(1)), Some(&vec![1, 3, 5]));
}

#[test]
fn a_repeat_window_never_goes_back_past_what_is_acknowledged_or_kept() {
    for (acked, couriered, repeat, kept_from, expect) in [
        (0, 0, 0, 1, 1),
        (0, 0, 100, 1, 1),
        (0, 50, 0, 1, 51),
        (0, 50, 20, 1, 31),
        (0, 50, 200, 1, 1),
        (40, 50, 20, 1, 41),
        (60, 50, 20, 1, 61),
        (0, 50, 20, 45, 45),
    ] {
        assert_eq!(
            first_to_export(acked, couriered, repeat, kept_from),
            expect,
            "{acked} {couriered} {repeat}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn over_a_lossy_diode_enough_repetition_brings_everything(
        lost in prop::collection::vec(any::<bool>(), 8),
        order in any::<u64>(),
    ) {
        // Eight exports of one new push each, every one with the three before it; no two in a row are lost more
        // often than that.
        let lost: Vec<bool> =
            (0..8).map(|n| lost[n] && n < 7 && !(n >= 2 && lost[n - 1] && lost[n - 2])).collect();
        static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        let (pushes, end) = pushes(8);
        let all = FILES.get_or_init(|| {
            let window = |n: usize| pushes[n.saturating_sub(3)..=n].to_vec();
            let file = |n| write(Contents { pushes: window(n), ..Contents::default() }, DEFAULT_CAP).unwrap().remove(0);
            (0..8).map(file).collect()
        });
        let kept = all.iter().zip(&lost).filter(|(_, lost)| !**lost);
        let mut files: Vec<Vec<Push>> =
            kept.map(|(file, _)| read(file).unwrap().contents.pushes).collect();
        let mut bob = Receiver::new();
        if order % 2 == 1 {
            files.swap(0, 1);
        }
        // Whatever does not follow yet is tried again when the pile has been gone through.
        for _ in 0..2 {
            for file in &files {
                for push in file {
                    let _ = bob.take(push, &Trusting);
                }
            }
        }
        prop_assert_eq!((bob.position, bob.applied.len()), (end, 16));
    }
}
