//! Files that are cut off, altered, for somebody else, from nobody, or from before.

use exchange::courier::{Contents, Export, export};
use model::Tlp;
use ports::peer::Refusal;
use shieldwall_sim::Member;

use super::scene::{Scene, indicator};
use super::{Case, Expect, Outcome, case, check};

fn import(scene: &Scene, file: &[u8]) -> Outcome {
    match scene.target.core.courier_import(file) {
        Err(problem) => Err(Refusal::Invalid(problem.to_string())),
        Ok(imported) if imported.refused.is_empty() => Ok(Vec::new()),
        Ok(imported) => Err(Refusal::Invalid(imported.refused.join("; "))),
    }
}

/// Pushes in a file from one member, sealed to another.
fn file(from: &Member, to: &Member, pushes: Vec<exchange::wire::Push>) -> Vec<u8> {
    let key = to.core.own_history().unwrap().current(to.now()).unwrap().box_key.clone();
    let secrets = from.secrets().map_err(|problem| problem.0).unwrap();
    let order = Export {
        from: from.party,
        to: to.party,
        key: &key,
        signer: &secrets.epoch,
        created: from.now(),
        repeat: 0,
        cap: 32 << 20,
    };
    let contents = Contents { pushes, ..Contents::default() };
    export(&order, contents, &mut || from.random()).unwrap().remove(0)
}

/// A file with the liar's next push.
fn harmless(scene: &Scene) -> Vec<u8> {
    file(&scene.liar, &scene.target, vec![exchange::wire::Push { sent: None, ..scene.harmless() }])
}

/// A file of the ally's with something new in it.
fn allys(scene: &Scene, number: u8) -> Vec<u8> {
    scene
        .ally
        .publish(&[&indicator(&scene.ally, number, Tlp::Clear).1])
        .map_err(|problem| problem.0)
        .unwrap();
    scene.ally.work().map_err(|problem| problem.0).unwrap();
    scene.ally.pack(scene.target.party, 0, 32 << 20).unwrap().remove(0)
}

/// What an honest file brings.
const BROUGHT: &[&str] = &["inbound", "outbound", "objects", "journal", "holdings", "ledger", "decided"];

const CASES: &[Case] = &[
    case("an empty file", |s| import(s, b""), Expect::Invalid("too early")),
    case(
        "a file of something else",
        |s| import(s, b"PK\x03\x04 a zip file"),
        Expect::Invalid("not a courier file"),
    ),
    case(
        "a file that was cut off",
        |s| {
            let f = harmless(s);
            import(s, &f[..f.len() - 10])
        },
        Expect::Invalid(""),
    ),
    case(
        "a file that was cut off in its manifest",
        |s| {
            let f = harmless(s);
            import(s, &f[..200])
        },
        Expect::Invalid(""),
    ),
    case(
        "a file with something at its end",
        |s| {
            let mut f = harmless(s);
            f.push(0);
            import(s, &f)
        },
        Expect::Invalid(""),
    ),
    case(
        "a file with one bit changed",
        |s| {
            let mut f = harmless(s);
            let last = f.len() - 5;
            f[last] ^= 1;
            import(s, &f)
        },
        Expect::Invalid(""),
    ),
    case(
        "a file for the ally",
        |s| import(s, &file(&s.liar, &s.ally, Vec::new())),
        Expect::Invalid("not for this node"),
    ),
    case(
        "a file from a stranger",
        |s| import(s, &file(s.stranger(), &s.target, Vec::new())),
        Expect::Invalid("not paired"),
    ),
    case(
        "a file that says it is the ally's",
        |s| {
            let key = s.target.core.own_history().unwrap().current(s.target.now()).unwrap().box_key.clone();
            let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
            let order = Export {
                from: s.ally.party,
                to: s.target.party,
                key: &key,
                signer: &secrets.epoch,
                created: s.liar.now(),
                repeat: 0,
                cap: 32 << 20,
            };
            let f = export(&order, Contents::default(), &mut || s.liar.random()).unwrap().remove(0);
            import(s, &f)
        },
        Expect::Invalid("does not vouch"),
    ),
    case(
        "a manifest that was altered",
        |s| {
            let f = harmless(s);
            let at = f.windows(9).position(|window| window == b"\"part\":1,").unwrap();
            let mut f = f;
            f[at + 7] = b'2';
            import(s, &f)
        },
        Expect::Invalid(""),
    ),
    case(
        "one file's manifest with another's body",
        |s| {
            let (a, b) = (harmless(s), file(&s.liar, &s.target, Vec::new()));
            let cut = |f: &[u8]| 8 + u32::from_be_bytes(f[4..8].try_into().unwrap()) as usize;
            import(s, &[&a[..cut(&a)], &b[cut(&b)..]].concat())
        },
        Expect::Invalid("damaged"),
    ),
    case(
        "a file with a RED object in it",
        |s| {
            let push = s.next(&[s.draft(&s.fresh(60, Tlp::Red), Tlp::Clear)]);
            import(s, &file(&s.liar, &s.target, vec![push]))
        },
        Expect::Noted("shieldwall/misdirected"),
    )
    .may(super::BOOKED),
    case(
        "the ally's push in a file of the liar's",
        |s| {
            let push = exchange::wire::Push::decode(&s.allys_push(), &exchange::wire::FrameLimits::default())
                .unwrap();
            let key = s.target.core.own_history().unwrap().current(s.target.now()).unwrap().box_key.clone();
            let secrets = s.liar.secrets().map_err(|problem| problem.0).unwrap();
            let order = Export {
                from: s.liar.party,
                to: s.target.party,
                key: &key,
                signer: &secrets.epoch,
                created: s.liar.now(),
                repeat: 0,
                cap: 32 << 20,
            };
            // An honest writer refuses to write it; so does this one, and there is nothing to import.
            let refused = export(&order, Contents { pushes: vec![push], ..Contents::default() }, &mut || {
                s.liar.random()
            });
            Err(Refusal::Invalid(refused.unwrap_err().to_string()))
        },
        Expect::Invalid("not from the file's writer"),
    ),
    case(
        "an entry left out between two files",
        |s| {
            let _lost = allys(s, 61);
            s.ally.pack(s.target.party, 0, 32 << 20).unwrap();
            import(s, &allys(s, 62))
        },
        Expect::Invalid("out of step"),
    ),
    case(
        "a file twice",
        |s| {
            let f = allys(s, 61);
            import(s, &f).unwrap();
            let before = super::State::of(&s.target);
            let outcome = import(s, &f);
            assert_eq!(
                before.differences(&super::State::of(&s.target)),
                Vec::<&str>::new(),
                "a second import changed something"
            );
            outcome
        },
        Expect::Ignored,
    )
    .may(BROUGHT),
    case(
        "an old file with what was taken back since",
        |s| {
            let old = allys(s, 61);
            import(s, &old).unwrap();
            let id = indicator(&s.ally, 61, Tlp::Clear).0;
            s.ally.core.withdraw(&id, "analyst", "wrong").unwrap();
            s.ally.work().map_err(|problem| problem.0).unwrap();
            let newer = s.ally.pack(s.target.party, 0, 32 << 20).unwrap().remove(0);
            import(s, &newer).unwrap();
            s.target.work().map_err(|problem| problem.0).unwrap();
            assert_eq!(
                s.target.text_of(&id).map_err(|problem| problem.0).unwrap(),
                None,
                "it was not erased"
            );
            let outcome = import(s, &old);
            s.target.work().map_err(|problem| problem.0).unwrap();
            assert_eq!(
                s.target.text_of(&id).map_err(|problem| problem.0).unwrap(),
                None,
                "an old file brought it back"
            );
            outcome
        },
        Expect::Ignored,
    )
    .may(BROUGHT),
    case(
        "a file under an agreement that its writer has suspended",
        |s| {
            s.target.core.act_on(s.pact().id, agreement::acts::What::Suspend, "", "officer").unwrap();
            import(s, &harmless(s))
        },
        Expect::Ignored,
    )
    .may(&["inbound", "agreements", "documents", "ledger"]),
];

#[test]
fn files_bring_what_their_writer_may_give_and_once() {
    check(CASES);
}

/// A file is a departure like any other: nothing goes in it that a call would not bring.
#[test]
fn nothing_leaves_by_file_under_a_suspended_agreement() {
    let scene = Scene::new();
    let own = indicator(&scene.target, 70, Tlp::Green).1;
    scene.target.publish(&[&own]).map_err(|problem| problem.0).unwrap();
    scene.target.work().map_err(|problem| problem.0).unwrap();
    scene.target.core.act_on(scene.pact().id, agreement::acts::What::Suspend, "", "officer").unwrap();
    let files = scene.target.pack(scene.liar.party, 0, 32 << 20).unwrap();
    let registry = scene.liar.core.registry().unwrap();
    let secrets = scene.liar.secrets().map_err(|problem| problem.0).unwrap();
    let opening = exchange::courier::Opening {
        to: scene.liar.party,
        keys: &[&secrets.boxed],
        signers: &*registry,
        limits: exchange::courier::Opening::LIMITS,
        now: scene.liar.now(),
    };
    for file in files {
        for push in exchange::courier::open(&file, &opening).unwrap().contents.pushes {
            for entry in push.entries {
                let payload = entry.opening.map(|opening| opening.payload).unwrap_or_default();
                assert!(!payload.contains("45.83.64.70"), "content left under a suspended agreement");
            }
        }
    }
}
