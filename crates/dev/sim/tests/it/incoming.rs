//! What comes in stays under the terms it came under, and changes nothing of what is ours: echoes, statements of origin,
//! labels beyond TLP, texts that were replaced, values that a person let in, backdated entries, piles of holdings, and a
//! journal that was compacted away.

use exchange::{Content, Kind, Reason, Relabel, Withdraw};
use keys::window::DAY;
use label::{Facts, Handling, Onward, Origin, Releasability};
use model::{AgreementId, Digest, HeldId, Label, StixId, Timestamp, Tlp};
use ports::Stored;
use ports::peer::Topic;
use ports::trust::{DisclosureRecord, HoldingRecord};
use runtime::trust::Proposed;
use shieldwall_sim::forge::{self, Draft};
use shieldwall_sim::{Member, Pact, next_version, pair, settle, sign_all, text, with_ceiling};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

/// What may be passed on, as far as labels allow.
const FREE: [(&str, &str); 2] = [
    ("onward = \"none\"", "onward = \"free\""),
    ("\"detect\", \"block\"]", "\"detect\", \"block\", \"pass-on\"]"),
];

/// What may be passed on after its originator said yes.
const ASKED: [(&str, &str); 2] = [("onward = \"none\"", "onward = \"orcon\""), FREE[1]];

fn nodes(count: usize) -> Vec<Member> {
    let countries = ["EE", "FI", "LV", "LT"];
    let members: Vec<_> =
        (0..count).map(|index| Member::found(index, 11, countries[index]).unwrap()).collect();
    for (at, a) in members.iter().enumerate() {
        for b in &members[at + 1..] {
            pair(a, b).unwrap();
            members.iter().for_each(|member| member.clock.advance(1000));
        }
    }
    members
}

/// An agreement up to AMBER between two, with changes to its text.
fn agree(among: &[&Member], changes: &[(&str, &str)]) -> Pact {
    let mut document = text(among, Tlp::Amber).unwrap();
    for (old, new) in changes {
        assert!(document.contains(old), "the text does not say `{old}`:\n{document}");
        document = document.replace(old, new);
    }
    let proposed = among[0].core.propose(&document, "", "officer").unwrap();
    sign_all(among, &proposed).unwrap();
    Pact {
        id: proposed.agreement,
        members: among.iter().map(|member| member.index).collect(),
        ceilings: [(proposed.version, Tlp::Amber)].into(),
        version: proposed.version,
        text: document,
        number: 1,
        onward: false,
    }
}

/// The next version of a text.
fn revise(among: &[&Member], pact: &mut Pact, change: impl Fn(&str) -> String) -> Proposed {
    let changed = change(&pact.text);
    assert_ne!(changed, pact.text);
    let proposed = among[0].core.propose(&next_version(pact, &changed), "", "officer").unwrap();
    sign_all(among, &proposed).unwrap();
    (pact.version, pact.text, pact.number) = (proposed.version, changed, pact.number + 1);
    // The text of the template is of the first version.
    pact.text = next_version_text(&pact.text, pact.number);
    proposed
}

fn next_version_text(text: &str, number: u32) -> String {
    text.replacen(&format!("version = {}\n", number - 1), &format!("version = {number}\n"), 1)
}

fn id(number: u32) -> StixId {
    format!("indicator--0aaaaaaa-0000-4000-8000-{number:012x}").parse().unwrap()
}

/// An indicator that a member, or nobody, made; `day` of October 2026 is its version.
fn indicator(by: Option<&Member>, number: u32, tlp: Tlp, day: u32, pattern: &str) -> String {
    let creator = by.map_or_else(String::new, |member| format!(r#""created_by_ref":"{}","#, member.identity));
    format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"{}",{creator}"created":"2026-10-01T00:00:00.000Z","modified":"2026-10-{day:02}T00:00:00.000Z","name":"of {day}","pattern":"{pattern}","pattern_type":"stix","valid_from":"2026-10-01T00:00:00Z","indicator_types":["malicious-activity"],"object_marking_refs":["{}"]}}"#,
        id(number),
        stix::marking::tlp_ref(tlp)
    )
}

fn object(by: &Member, number: u32, tlp: Tlp, day: u32) -> String {
    indicator(Some(by), number, tlp, day, &format!("[mutex:name = 'm-{number}']"))
}

fn publish(by: &Member, number: u32, tlp: Tlp) {
    let done = by.publish(&[&object(by, number, tlp, 10)]).unwrap();
    assert_eq!(done.accepted, 1, "{done:?}");
}

fn has(member: &Member, number: u32) -> bool {
    stored(member, number).is_some()
}

fn stored(member: &Member, number: u32) -> Option<Stored> {
    member.core.store.read().unwrap().object(member.core.scope, &id(number), None).unwrap()
}

fn facts(member: &Member, number: u32) -> Facts {
    let version = stored(member, number).unwrap().version_id;
    let read = member.core.store.read().unwrap();
    Facts::parse(&read.class_of(member.core.scope.tenant, version).unwrap().unwrap()).unwrap()
}

fn given(by: &Member, number: u32, to: &Member) -> DisclosureRecord {
    let read = by.core.store.read().unwrap();
    let rows = read.disclosures(by.core.scope.tenant, Some(&id(number)), false, 0, 100).unwrap();
    rows.into_iter().find(|row| row.to == to.party).unwrap()
}

fn holdings(of: &Member, number: u32) -> Vec<HoldingRecord> {
    of.core.store.read().unwrap().holdings(of.core.scope.tenant, Some(&id(number)), 0, 1000).unwrap()
}

fn findings(member: &Member, rule: &str) -> Vec<String> {
    let rows = member.core.store.read().unwrap().findings(member.core.scope, 0, 10_000).unwrap();
    let of_rule = rows.into_iter().filter(|row| row.finding.rule == rule);
    of_rule.map(|row| row.finding.to_string()).collect()
}

fn said(tlp: Tlp) -> Handling {
    Handling::from(Label::Tlp(tlp))
}

/// An entry with an object, as a liar wants it.
fn put(pact: &Pact, object: &str, label: &Handling, onward: &str) -> Draft {
    Draft {
        obligations: format!(r#"{{"onward":"{onward}"}}"#),
        ..Draft::put(object, &label.to_text(), pact.version, 0)
    }
}

/// An indicator that nobody signs for.
fn nameless(number: u32, tlp: Tlp, day: u32) -> String {
    indicator(None, number, tlp, day, &format!("[mutex:name = 'm-{number}']"))
}

/// Puts entries into the liar's stream and calls its target with them.
fn send(liar: &Member, target: &Member, agreement: AgreementId, drafts: &[Draft]) {
    // A store in memory has one connection: what a transaction would look up anew is looked up before it.
    target.core.registry().unwrap();
    let push = forge::next(liar, target, agreement, drafts).unwrap();
    forge::call(target, Some(liar.party), Topic::Push, &push).unwrap();
    target.work().unwrap();
}

/// As [`send`], dated by the liar.
fn send_dated(liar: &Member, target: &Member, pact: &Pact, drafts: &[Draft], at: Timestamp) {
    target.core.registry().unwrap();
    let position = forge::position(liar, target, pact.id).unwrap();
    let stream = forge::stream(liar, target, pact.id, position.epoch);
    let push = forge::push_at(liar, stream, &position, drafts, None, at).unwrap();
    let frame = push.encode(exchange::wire::Packing::Plain).unwrap();
    forge::call(target, Some(liar.party), Topic::Push, &frame).unwrap();
    target.work().unwrap();
}

fn advance(members: &[Member], micros: i64) {
    members.iter().for_each(|member| member.clock.advance(micros));
}

#[test]
fn whoever_sends_us_our_own_object_back_gains_nothing_over_it() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let pact = agree(&[a, b], &[]);
    agree(&[a, c], &[]);
    // One in our name, and one that says nothing of who made it.
    a.publish(&[&object(a, 1, Tlp::Green, 10), &nameless(2, Tlp::Green, 10)]).unwrap();
    settle(&[a, b, c]).unwrap();
    assert!([1, 2].iter().all(|number| has(b, *number) && has(c, *number)));
    let echoes = [
        put(&pact, &object(a, 1, Tlp::Green, 10), &said(Tlp::Amber), "none"),
        put(&pact, &nameless(2, Tlp::Green, 10), &said(Tlp::Amber), "none"),
    ];
    send(b, a, pact.id, &echoes);
    for number in [1, 2] {
        assert_eq!(stored(a, number).unwrap().label, Label::Tlp(Tlp::Green), "{number}");
        assert_eq!(facts(a, number).origin, Origin::Own);
    }
    // A new version goes to everyone, the one who sent it back included.
    a.publish(&[&object(a, 1, Tlp::Green, 11), &nameless(2, Tlp::Green, 11)]).unwrap();
    a.work().unwrap();
    for number in [1, 2] {
        let version = Some(stored(a, number).unwrap().version_id);
        for to in [b, c] {
            let given = given(a, number, to);
            assert_eq!((given.withdrawn, given.version), (None, version), "{number} to {}", to.index);
        }
    }
    settle(&[a, c]).unwrap();
    assert!(c.text_of(&id(1)).unwrap().unwrap().contains("of 11"));
    // And so does word that it is narrower now.
    a.publish(&[&object(a, 1, Tlp::Red, 12)]).unwrap();
    a.work().unwrap();
    assert!([b, c].iter().all(|to| given(a, 1, to).withdrawn.is_some()));
    // What they sent is still answered for.
    assert!(holdings(a, 2).iter().any(|held| held.from == b.party && held.ended.is_none()));
}

/// The text of a payload with its creator's statement.
fn payload(object: &str, origin: Option<&str>) -> String {
    Content { object, origin, removed: Vec::new(), with: Vec::new() }.to_text()
}

fn statement(of: &Member, number: u32) -> String {
    let version = stored(of, number).unwrap().version_id;
    of.core.store.read().unwrap().origin(of.core.scope.tenant, version).unwrap().unwrap()
}

#[test]
fn what_a_creator_signed_is_not_made_wider_by_whoever_passes_it_on() {
    let all = nodes(3);
    let (z, r, us) = (&all[0], &all[1], &all[2]);
    agree(&[z, r], &ASKED);
    let pact = agree(&[r, us], &FREE);
    (1..=4).for_each(|number| publish(z, number, Tlp::Green));
    settle(&[z, r]).unwrap();
    let entry = |number: u32, label: &Handling, onward: &str| Draft {
        payload: payload(&object(z, number, Tlp::Green, 10), Some(&statement(r, number))),
        ..put(&pact, &object(z, number, Tlp::Green, 10), label, onward)
    };
    let drafts = [
        entry(1, &said(Tlp::Clear), "orcon"),
        entry(2, &said(Tlp::Green), "free"),
        entry(3, &said(Tlp::Green), "orcon"),
        entry(4, &said(Tlp::Amber), "none"),
    ];
    send(r, us, pact.id, &drafts);
    let got: Vec<u32> = (1..=4).filter(|number| has(us, *number)).collect();
    assert_eq!(got, [3, 4]);
    let noted = findings(us, "shieldwall/misdirected");
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert!(noted.iter().any(|told| told.contains("narrower label")), "{noted:?}");
    assert!(noted.iter().any(|told| told.contains("`orcon` only")), "{noted:?}");
    // What came rightly is the creator's word.
    assert_eq!(facts(us, 3).origin, Origin::Party(z.party));
    assert_eq!(facts(us, 3).onward, Onward::Orcon);
}

#[test]
fn each_receiver_gets_the_creators_word_on_its_own_terms() {
    let all = nodes(3);
    let (z, first, second) = (&all[0], &all[1], &all[2]);
    agree(&[z, first], &FREE);
    publish(z, 1, Tlp::Green);
    settle(&[z, first]).unwrap();
    agree(&[z, second], &ASKED);
    settle(&[z, second]).unwrap();
    let onward =
        |of: &Member| exchange::origin::Statement::parse(&statement(of, 1)).unwrap().onward().to_owned();
    assert_eq!((onward(first), onward(second)), ("free".to_owned(), "orcon".to_owned()));
}

fn rel_to(tlp: Tlp, nations: &[&str]) -> Handling {
    let nations = nations.iter().map(|nation| nation.parse().unwrap());
    said(tlp).with_releasability(Releasability::rel_to(nations))
}

#[test]
fn what_a_label_says_beyond_tlp_stays_with_the_object() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let pact = agree(&[a, b], &FREE);
    agree(&[b, c], &FREE);
    let (first, second, clear) =
        (nameless(1, Tlp::Green, 10), nameless(2, Tlp::Green, 10), nameless(3, Tlp::Clear, 10));
    let nordic = ["EST", "FIN"];
    let drafts = [
        put(&pact, &first, &rel_to(Tlp::Green, &nordic), "free"),
        put(&pact, &second, &said(Tlp::Green), "free"),
        put(&pact, &clear, &rel_to(Tlp::Clear, &nordic), "free"),
    ];
    send(a, b, pact.id, &drafts);
    settle(&[b, c]).unwrap();
    // Latvia is not on the list.
    let got: Vec<u32> = (1..=3).filter(|number| has(c, *number)).collect();
    assert_eq!(got, [2]);
    assert_eq!(facts(b, 1).handling.releasability(), rel_to(Tlp::Green, &nordic).releasability());
    let read = b.core.store.read().unwrap();
    let collections = read.collections(b.core.scope.tenant).unwrap();
    let open = collections.iter().find(|one| one.kind == ports::CollectionKind::Public).unwrap().id;
    let page = read.page(b.core.scope, open, &ports::PageFilter::default(), None, 100, false).unwrap();
    assert!(page.entries.iter().all(|entry| entry.id != id(3)), "TLP:CLEAR is not all that was said");
    drop(read);
    // Said later, it is heard as well, by a new label or by a copy.
    let said_now = rel_to(Tlp::Green, &nordic).to_text();
    let subject = drafts[1].subject;
    let relabel = Draft {
        kind: Kind::Relabel,
        payload: Relabel { subject, label: said_now.clone() }.to_text(),
        label: said_now,
        ..drafts[1].clone()
    };
    send(a, b, pact.id, &[relabel]);
    settle(&[b, c]).unwrap();
    assert!(!has(c, 2));
    let fourth = nameless(4, Tlp::Clear, 10);
    send(a, b, pact.id, &[put(&pact, &fourth, &said(Tlp::Clear), "free")]);
    settle(&[b, c]).unwrap();
    assert!(has(c, 4));
    send(a, b, pact.id, &[put(&pact, &fourth, &rel_to(Tlp::Clear, &nordic), "free")]);
    settle(&[b, c]).unwrap();
    assert!(!has(c, 4));
}

#[test]
fn a_text_that_was_replaced_lets_in_what_is_under_way_and_no_more() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let mut pact = agree(&[a, b], &[]);
    let old = pact.clone();
    // The change of text comes long after the first came into force.
    advance(&all, 10 * DAY);
    settle(&[a, b]).unwrap();
    revise(&[a, b], &mut pact, |text| with_ceiling(text, Tlp::Amber, Tlp::Green));
    advance(&all, HOUR);
    let entry =
        |pact: &Pact, number| put(pact, &object(a, number, Tlp::Amber, 10), &said(Tlp::Amber), "none");
    // Each by the text it names, whichever comes last.
    send(a, b, pact.id, &[entry(&pact, 1), entry(&old, 2)]);
    assert_eq!((has(b, 1), has(b, 2)), (false, true));
    send(a, b, pact.id, &[entry(&old, 3), entry(&pact, 4)]);
    assert_eq!((has(b, 3), has(b, 4)), (true, false));
    assert!(findings(b, "shieldwall/replaced-terms").is_empty());
    advance(&all, DAY);
    send(a, b, pact.id, &[entry(&old, 5)]);
    assert!(!has(b, 5));
    let noted = findings(b, "shieldwall/replaced-terms");
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].contains("ask them to apply the text in force"), "{noted:?}");
    // Dating it back does not help, and what takes back always counts.
    let late = a.now().plus_micros(-2 * DAY);
    send_dated(a, b, &old, &[entry(&old, 6)], late);
    assert!(!has(b, 6));
    let (subject, erase_by) = (entry(&old, 2).subject, a.now());
    let withdraw = Withdraw { subject, reason: Reason::Error, creator_withdrawal: false, erase_by };
    let draft =
        Draft { kind: Kind::Withdraw, payload: withdraw.to_text(), label: String::new(), ..entry(&old, 2) };
    send(a, b, pact.id, &[draft]);
    assert!(!has(b, 2));
}

fn waiting(of: &Member) -> Vec<(HeldId, StixId)> {
    let held = of.core.store.read().unwrap().held(of.core.scope, false, 100).unwrap();
    held.into_iter().map(|held| (held.id, held.object)).collect()
}

#[test]
fn what_a_person_lets_in_stays_under_what_its_giver_said() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let pact = agree(&[a, b], &FREE);
    agree(&[b, c], &FREE);
    let benign = |number| indicator(None, number, Tlp::Green, 10, "[ipv4-addr:value = '8.8.8.8']");
    let drafts = [
        put(&pact, &benign(1), &said(Tlp::Amber), "none"),
        put(&pact, &benign(2), &said(Tlp::Green), "free"),
        put(&pact, &benign(3), &rel_to(Tlp::Green, &["EST", "FIN"]), "free"),
        put(&pact, &benign(4), &said(Tlp::Green), "free"),
    ];
    send(a, b, pact.id, &drafts);
    assert_eq!(waiting(b).len(), 4);
    // Until then nothing came of it.
    assert!(holdings(b, 2).iter().all(|held| held.version.is_none()));
    // The same once more, narrower, is no second value, and is not forgotten.
    let again = Draft { subject: forge::subject("again"), ..drafts[1].clone() };
    send(a, b, pact.id, &[Draft { label: said(Tlp::Amber).to_text(), ..again }]);
    let held = waiting(b);
    assert_eq!(held.len(), 4);
    for (held, _) in held {
        b.core.registry().unwrap();
        let fate = b.core.decide_held(held, true, "analyst", "it is malicious here").unwrap();
        assert_eq!(fate, Some(runtime::Fate::Accepted));
    }
    settle(&[b, c]).unwrap();
    assert_eq!(stored(b, 1).unwrap().label, Label::Tlp(Tlp::Amber));
    assert_eq!(facts(b, 1).onward, Onward::None);
    assert!(matches!(facts(b, 2).origin, Origin::Other(_)), "{:?}", facts(b, 2).origin);
    assert_eq!(stored(b, 2).unwrap().label, Label::Tlp(Tlp::Amber));
    assert!(!facts(b, 3).handling.is_tlp_only());
    // Where it goes next, somebody has to look at it too.
    assert_eq!(waiting(c).into_iter().map(|(_, object)| object).collect::<Vec<_>>(), [id(4)]);
    // Its giver is heard from here on.
    let version = stored(b, 2).map(|stored| stored.version_id);
    assert!(holdings(b, 2).iter().all(|held| held.version == version));
    let (subject, label) = (drafts[3].subject, said(Tlp::AmberStrict).to_text());
    let payload = Relabel { subject, label: label.clone() }.to_text();
    send(a, b, pact.id, &[Draft { kind: Kind::Relabel, payload, label, ..drafts[3].clone() }]);
    settle(&[b, c]).unwrap();
    assert_eq!(stored(b, 4).unwrap().label, Label::Tlp(Tlp::AmberStrict));
    assert!(given(b, 4, c).withdrawn.is_some());
}

#[test]
fn a_narrower_version_that_waits_for_a_person_leaves_the_terms_of_the_one_before() {
    let all = nodes(3);
    let (a, b, c) = (&all[0], &all[1], &all[2]);
    let pact = agree(&[a, b], &FREE);
    let of = |day, pattern| indicator(None, 1, Tlp::Green, day, pattern);
    send(a, b, pact.id, &[put(&pact, &of(10, "[mutex:name = 'm-1']"), &said(Tlp::Green), "none")]);
    let next = of(11, "[ipv4-addr:value = '8.8.8.8']");
    let subject = forge::subject(&of(10, "[mutex:name = 'm-1']"));
    send(a, b, pact.id, &[Draft { subject, ..put(&pact, &next, &said(Tlp::Green), "free") }]);
    assert_eq!(waiting(b).len(), 1);
    let kept = &holdings(b, 1)[0];
    assert_eq!((kept.version, kept.onward.as_str()), (stored(b, 1).map(|it| it.version_id), "none"));
    agree(&[b, c], &FREE);
    settle(&[b, c]).unwrap();
    assert!(!has(c, 1));
}

/// Four objects an hour, in force since 20 November; it is 11 December.
fn capped(a: &Member, b: &Member) -> Pact {
    let all = [a, b];
    all.iter().for_each(|member| member.clock.advance(40 * DAY));
    settle(&all).unwrap();
    agree(
        &all,
        &[
            ("objects_per_hour = 10000", "objects_per_hour = 4"),
            ("start = 2026-10-01", "start = 2026-11-20"),
            ("types = \"any\"", "types = [\"indicator\"]"),
        ],
    )
}

fn four(by: &Member, pact: &Pact, first: u32) -> Vec<Draft> {
    let entry = |number| put(pact, &object(by, number, Tlp::Green, 10), &said(Tlp::Green), "none");
    (first..first + 4).map(entry).collect()
}

fn count(of: &Member) -> usize {
    (1..=40).filter(|number| has(of, *number)).count()
}

#[test]
fn entries_that_are_dated_back_do_not_get_round_a_cap() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = capped(a, b);
    let now = a.now();
    // From before there was a text, and from long before the call: one hour's worth comes in, not one for each date.
    for (first, days) in [(1, 39), (5, 30), (9, 15), (13, 10), (17, 5)] {
        send_dated(a, b, &pact, &four(a, &pact, first), now.plus_micros(-days * DAY));
    }
    assert_eq!(count(b), 4);
    assert_eq!(findings(b, "shieldwall/cap-exceeded").len(), 4);
    // What waited at the sender while nobody could be reached is counted when it was sent.
    send_dated(a, b, &pact, &four(a, &pact, 21), now.plus_micros(-2 * DAY));
    assert_eq!(count(b), 8);
    // Nothing is dated before what came last.
    send_dated(a, b, &pact, &four(a, &pact, 25), now.plus_micros(-2 * DAY - 6 * HOUR));
    assert_eq!(count(b), 8);
}

#[test]
fn a_file_brings_no_more_than_could_have_been_sent_since_the_last() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = capped(a, b);
    let now = a.now();
    let carry = |first: u32, days: i64| {
        b.core.registry().unwrap();
        let position = forge::position(a, b, pact.id).unwrap();
        let stream = forge::stream(a, b, pact.id, position.epoch);
        let at = now.plus_micros(-days * DAY);
        let push = forge::push_at(a, stream, &position, &four(a, &pact, first), None, at).unwrap();
        b.core.take_in(a.party, &push).unwrap();
        count(b)
    };
    // Before the text began there was nothing to send.
    assert_eq!(carry(1, 39), 4);
    assert_eq!(carry(5, 30), 4);
    assert_eq!(carry(9, 15), 8, "a file may be long under way");
    assert_eq!(carry(13, 15), 8, "the same day, in another file");
    assert_eq!(carry(17, 18), 8, "before what came last");
    assert_eq!(carry(21, 10), 12);
}

#[test]
fn terms_are_not_hidden_behind_a_pile_of_others() {
    let all = nodes(4);
    let (a, b, us, d) = (&all[0], &all[1], &all[2], &all[3]);
    let kept = agree(&[a, us], &[]);
    let free = agree(&[b, us], &FREE);
    let text = indicator(None, 1, Tlp::Green, 10, "[mutex:name = 'm-1']");
    let names: Vec<Digest> = (0..70).map(|name: u32| forge::subject(&name.to_string())).collect();
    let pile: Vec<_> = names
        .iter()
        .map(|name| Draft { subject: *name, ..put(&free, &text, &said(Tlp::Green), "free") })
        .collect();
    send(b, us, free.id, &pile);
    send(a, us, kept.id, &[put(&kept, &text, &said(Tlp::Green), "none")]);
    assert_eq!(holdings(us, 1).len(), 71);
    agree(&[us, d], &FREE);
    settle(&[us, d]).unwrap();
    assert!(!has(d, 1), "one of its givers lets nobody have it");
    // Neither do those that are over count.
    let erase_by = b.now();
    let over: Vec<_> = pile
        .iter()
        .map(|entry| {
            let subject = entry.subject;
            let withdraw = Withdraw { subject, reason: Reason::Error, creator_withdrawal: false, erase_by };
            Draft { kind: Kind::Withdraw, payload: withdraw.to_text(), label: String::new(), ..entry.clone() }
        })
        .collect();
    send(b, us, free.id, &over);
    let read = us.core.store.read().unwrap();
    let live = read.holdings_live(us.core.scope.tenant, &id(1)).unwrap();
    assert_eq!(live.iter().map(|held| held.from).collect::<Vec<_>>(), [a.party]);
}

/// Forgets the whole journal.
fn compact(member: &Member) {
    let (scope, store) = (member.core.scope, &member.core.store);
    let head = store.read().unwrap().head(scope.tenant).unwrap();
    store.transact(|tx| tx.compact(scope.tenant, head)).unwrap();
}

#[test]
fn a_new_text_is_applied_to_what_is_held_when_the_journal_is_gone() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let mut pact = agree(&[a, b], &[]);
    // More than one step decides on.
    (100..600).for_each(|number| publish(a, number, Tlp::Green));
    publish(a, 1, Tlp::Green);
    publish(a, 2, Tlp::Amber);
    settle(&[a, b]).unwrap();
    assert!(has(b, 1) && has(b, 2));
    compact(a);
    revise(&[a, b], &mut pact, |text| with_ceiling(text, Tlp::Amber, Tlp::Green));
    publish(a, 3, Tlp::Amber);
    settle(&[a, b]).unwrap();
    assert_eq!([1, 2, 3].map(|number| has(b, number)), [true, false, false], "narrowing takes back");
    compact(a);
    advance(&all, MINUTE);
    let more = |text: &str| with_ceiling(text, Tlp::Green, Tlp::Amber);
    revise(&[a, b], &mut pact, more);
    publish(a, 4, Tlp::Amber);
    settle(&[a, b]).unwrap();
    assert!(has(b, 2), "and widening brings again what it took back");
    assert!(has(b, 3), "as well as what there was");
    assert!(has(b, 4), "and what came since");
    // Nothing went twice.
    let read = a.core.store.read().unwrap();
    let given = read.disclosures(a.core.scope.tenant, None, false, 0, 10_000).unwrap();
    let live = given.iter().filter(|given| given.withdrawn.is_none());
    let indicators =
        live.filter(|given| given.object.as_ref().is_some_and(|id| id.type_name() == "indicator"));
    assert_eq!(indicators.count(), 504);
}

#[test]
fn a_label_narrowed_while_nothing_flowed_is_told_although_the_journal_is_gone() {
    let all = nodes(2);
    let (a, b) = (&all[0], &all[1]);
    let pact = agree(&[a, b], &[]);
    publish(a, 1, Tlp::Green);
    settle(&[a, b]).unwrap();
    a.core.act_on(pact.id, agreement::acts::What::Suspend, "incident", "officer").unwrap();
    settle(&[a, b]).unwrap();
    let version = stored(a, 1).unwrap().version_id;
    let amber = Label::Tlp(Tlp::Amber);
    a.core.store.transact(|tx| tx.relabel(a.core.scope, a.now(), version, amber)).unwrap();
    publish(a, 2, Tlp::Green);
    compact(a);
    a.resume(pact.id).unwrap();
    settle(&[a, b]).unwrap();
    assert!(has(b, 2));
    assert_eq!(stored(b, 1).unwrap().label, amber);
}
