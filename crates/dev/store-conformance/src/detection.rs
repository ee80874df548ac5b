//! What is remembered about detection: log sources, rules and alerts.

use std::collections::BTreeSet;

use model::{StixId, Tenant};
use ports::detection::{
    AlertFilter, AlertRow, Fired, LogSourceRecord, LogSourceState, NewAlert, RuleText, Work, WorkKind,
};
use ports::{Scope, Store, StoreError};

use crate::fixture::{Fixture, TENANT, at, digest, elsewhere, id, is_missing};
use crate::work::{add, numbers, work};

/// What no store may trip over.
const ODD: [&str; 8] = [
    "",
    "'; DROP TABLE alert; --",
    "\"quoted\" `back-ticks` \\ % _ ?1",
    "nothing\0behind",
    "nothing\0",
    "\u{feff}\u{202e}пример.рф 例え.jp \u{10ffff}",
    "two\r\nlines\t",
    r#"{"a":null}"#,
];

fn log_source(name: &str) -> LogSourceRecord {
    LogSourceRecord {
        name: name.to_owned(),
        kind: "file".to_owned(),
        config: r#"{"path":"/var/log"}"#.to_owned(),
        enabled: true,
        added: at(1),
    }
}

fn rule_text(name: &str, text: &str, now: i64) -> RuleText {
    RuleText { name: name.to_owned(), text: text.to_owned(), at: at(now) }
}

/// One event, by no object.
fn alert(group: u8) -> NewAlert {
    NewAlert {
        group: digest(group),
        rule: "rule-a".to_owned(),
        object: None,
        title: format!("alert {group}"),
        level: 2,
        source: "dns".to_owned(),
        past: false,
        first: at(10),
        last: at(20),
        count: 1,
        detail: r#"{"field":"query"}"#.to_owned(),
        allowed: "own".to_owned(),
    }
}

fn raise(store: &dyn Store, scope: Scope, now: i64, alert: &NewAlert) -> (u64, bool) {
    store.transact(|tx| tx.raise(scope, at(now), alert)).unwrap()
}

fn close(store: &dyn Store, scope: Scope, now: i64, number: u64, reason: &str) -> Result<(), StoreError> {
    store.transact(|tx| tx.close_alert(scope, at(now), number, "ann", reason))
}

fn one(store: &dyn Store, scope: Scope, number: u64) -> AlertRow {
    store.read().unwrap().alert(scope, number).unwrap().unwrap()
}

/// Closed ones too.
fn every() -> AlertFilter {
    AlertFilter { closed: true, ..AlertFilter::default() }
}

/// Titles of all alerts, newest first.
fn titles(store: &dyn Store, scope: Scope) -> Vec<String> {
    let found = store.read().unwrap().alerts(scope, &every(), 99).unwrap();
    found.into_iter().map(|row| row.alert.title).collect()
}

/// Log sources have a name of their own in each tenant; a new one begins where nothing was read.
pub fn log_sources_come_and_go(store: &dyn Store) {
    let add = |tenant, source: &LogSourceRecord| store.transact(|tx| tx.add_log_source(tenant, source));
    let set = |tenant, source: &LogSourceRecord| store.transact(|tx| tx.set_log_source(tenant, source));
    let remove = |tenant, name: &str| store.transact(|tx| tx.remove_log_source(tenant, name));
    let one = |tenant, name: &str| store.read().unwrap().log_source(tenant, name).unwrap();
    assert!(store.read().unwrap().log_sources(TENANT).unwrap().is_empty());
    for name in ["web", "dns", "a-10"] {
        add(TENANT, &log_source(name)).unwrap();
    }
    let fresh = |name| (log_source(name), LogSourceState::default());
    let all = store.read().unwrap().log_sources(TENANT).unwrap();
    assert_eq!(all, [fresh("a-10"), fresh("dns"), fresh("web")], "by name");
    let changed = LogSourceRecord {
        kind: "syslog-tcp".to_owned(),
        config: r#"{"port":514}"#.to_owned(),
        enabled: false,
        added: at(9),
        ..log_source("dns")
    };
    assert_eq!(add(TENANT, &changed), Err(StoreError::Exists("log source `dns`".to_owned())));
    assert_eq!(one(TENANT, "dns"), Some(fresh("dns")), "the attempt changes nothing");
    add(Tenant(2), &changed).unwrap();
    let read = LogSourceState { records: 7, ..LogSourceState::default() };
    store.transact(|tx| tx.set_log_state(TENANT, "dns", &read)).unwrap();
    set(TENANT, &changed).unwrap();
    let kept = LogSourceRecord { added: at(1), ..changed.clone() };
    assert_eq!(one(TENANT, "dns"), Some((kept, read)), "when it was added and what was read stays");
    assert_eq!(one(Tenant(2), "dns"), Some((changed.clone(), LogSourceState::default())));
    for outcome in [
        set(TENANT, &log_source("none")),
        set(Tenant(2), &log_source("web")),
        remove(TENANT, "none"),
        remove(Tenant(2), "web"),
        remove(TENANT, "DNS"),
    ] {
        assert!(is_missing(&outcome), "{outcome:?}");
    }
    remove(TENANT, "dns").unwrap();
    assert!(is_missing(&remove(TENANT, "dns")));
    assert_eq!(one(TENANT, "dns"), None);
    assert_eq!(store.read().unwrap().log_sources(TENANT).unwrap().len(), 2);
    assert_eq!(store.read().unwrap().log_sources(Tenant(2)).unwrap().len(), 1);
    add(TENANT, &changed).unwrap();
    assert_eq!(
        one(TENANT, "dns"),
        Some((changed, LogSourceState::default())),
        "nothing is left of the first"
    );
}

/// How far a source was read is written whole, with or without trouble, and only for a source that is there.
pub fn log_state_is_kept(store: &dyn Store) {
    let set = |tenant, name: &str, state: &LogSourceState| {
        store.transact(|tx| tx.set_log_state(tenant, name, state)).unwrap();
    };
    let state = |name: &str| store.read().unwrap().log_source(TENANT, name).unwrap().unwrap().1;
    for name in ["web", "dns"] {
        store.transact(|tx| tx.add_log_source(TENANT, &log_source(name))).unwrap();
    }
    let full = LogSourceState {
        position: Some(r#"{"file":3,"offset":7}"#.to_owned()),
        records: 1,
        malformed: 2,
        bytes: 3,
        lost: 4,
        kept: 5,
        matched: 6,
        last_event: Some(at(-7)),
        last_read: Some(at(8)),
        last_error: Some((at(9), "no such file; check the path".to_owned())),
        detail: r#"["not JSON"]"#.to_owned(),
    };
    let begun = LogSourceState { position: Some(String::new()), ..LogSourceState::default() };
    for wanted in [full, begun, LogSourceState::default()] {
        set(TENANT, "web", &wanted);
        set(TENANT, "none", &wanted);
        set(Tenant(2), "web", &wanted);
        assert_eq!(state("web"), wanted);
    }
    assert_eq!(state("dns"), LogSourceState::default());
    assert_eq!(store.read().unwrap().log_sources(TENANT).unwrap().len(), 2, "nothing is made by that");
    assert!(store.read().unwrap().log_sources(Tenant(2)).unwrap().is_empty());
    let most = LogSourceState {
        records: u64::MAX,
        malformed: u64::MAX,
        bytes: u64::MAX - 1,
        lost: i64::MAX.unsigned_abs(),
        kept: i64::MAX.unsigned_abs() + 1,
        matched: u64::MAX,
        ..LogSourceState::default()
    };
    set(TENANT, "web", &most);
    let kept = state("web");
    for count in [kept.records, kept.malformed, kept.bytes, kept.lost, kept.kept, kept.matched] {
        assert!(count >= i64::MAX.unsigned_abs(), "{count}");
    }
}

/// Texts of rules are replaced by name, listed in the order of names' bytes, and removed.
pub fn rule_texts_are_replaced(store: &dyn Store) {
    let set = |tenant, rule: &RuleText| store.transact(|tx| tx.set_rule_text(tenant, rule)).unwrap();
    let remove = |tenant, name: &str| store.transact(|tx| tx.remove_rule_text(tenant, name)).unwrap();
    let list = |after, limit| store.read().unwrap().rule_texts(TENANT, after, limit).unwrap();
    assert!(list(None, 9).is_empty());
    assert!(set(TENANT, &rule_text("b.yml", "title: B", 1)));
    assert!(!set(TENANT, &rule_text("b.yml", "title: B", 2)), "the same text is no change");
    assert_eq!(list(None, 9), [rule_text("b.yml", "title: B", 1)]);
    assert!(set(TENANT, &rule_text("b.yml", "title: b", 3)));
    assert_eq!(list(None, 9), [rule_text("b.yml", "title: b", 3)]);
    assert!(set(TENANT, &rule_text("b.yml", "", 4)) && !set(TENANT, &rule_text("b.yml", "", 5)));
    assert!(set(TENANT, &rule_text("b.yml", "a\0b", 6)) && set(TENANT, &rule_text("b.yml", "a\0c", 7)));
    let names = ["", "B.yml", "a.yml", "a.yml\0", "b.yml", "ü.yml"];
    for name in names {
        set(TENANT, &rule_text(name, "title: any", 8));
    }
    assert!(set(Tenant(2), &rule_text("a.yml", "title: any", 8)));
    let all: Vec<RuleText> = names.map(|name| rule_text(name, "title: any", 8)).into();
    assert_eq!(list(None, 9), all);
    assert_eq!(list(None, 2), all[..2]);
    assert_eq!(list(Some(""), 2), all[1..3], "after is exclusive");
    assert_eq!(list(Some("a"), 9), all[2..], "also after a name that is not there");
    assert!(list(Some("ü.yml"), 9).is_empty());
    assert!(list(None, 0).is_empty());
    assert!(remove(TENANT, "a.yml") && !remove(TENANT, "a.yml") && !remove(Tenant(2), "b.yml"));
    assert_eq!(list(None, 9).len(), 5);
    assert_eq!(store.read().unwrap().rule_texts(Tenant(2), None, 9).unwrap(), all[2..3]);
    assert!(set(TENANT, &rule_text("a.yml", "title: any", 9)), "what was removed may come again");
}

/// Alerts of one group are one row: the earliest and latest event of all, the sum, and the newest of everything else.
pub fn alerts_are_grouped(store: &dyn Store) {
    let f = Fixture::new(store);
    let (number, new) = raise(store, f.scope, 100, &NewAlert { past: true, ..alert(1) });
    assert!(new);
    let first = AlertRow {
        number,
        alert: NewAlert { past: true, ..alert(1) },
        raised: at(100),
        touched: at(100),
        closed: None,
    };
    assert_eq!(one(store, f.scope, number), first);
    let again = NewAlert {
        object: Some(id("indicator", 1)),
        title: "the same, newer".to_owned(),
        level: 4,
        source: "proxy".to_owned(),
        past: true,
        first: at(5),
        last: at(15),
        count: 3,
        detail: "[]".to_owned(),
        allowed: "clause 7".to_owned(),
        ..alert(1)
    };
    assert_eq!(raise(store, f.scope, 200, &again), (number, false));
    // The past is looked through again: what was there then is there now.
    let both = NewAlert { last: at(20), ..again.clone() };
    assert_eq!(one(store, f.scope, number), AlertRow { alert: both, touched: at(200), ..first.clone() });
    // Only while nothing but the past has matched.
    let live = NewAlert { first: at(12), last: at(30), ..alert(1) };
    assert_eq!(raise(store, f.scope, 300, &live), (number, false));
    let all = NewAlert { first: at(5), last: at(30), count: 4, ..live };
    assert_eq!(one(store, f.scope, number), AlertRow { alert: all, touched: at(300), ..first });
    raise(store, f.scope, 400, &again);
    assert!(!one(store, f.scope, number).alert.past);
    // Another group has a row of its own, whatever else is the same.
    let (other, new) = raise(store, f.scope, 500, &NewAlert { group: digest(2), ..again });
    assert!(new && other > number);
    assert_eq!(store.read().unwrap().alerts(f.scope, &every(), 9).unwrap().len(), 2);
    assert_eq!(store.read().unwrap().alert(f.scope, other + 1).unwrap(), None);
    assert_eq!(store.read().unwrap().alert(f.scope, u64::MAX).unwrap(), None);
}

/// What somebody closed stays so until it is raised again; what was said then is gone.
pub fn closed_alerts_open_again(store: &dyn Store) {
    let f = Fixture::new(store);
    let (number, _) = raise(store, f.scope, 1, &alert(1));
    let (other, _) = raise(store, f.scope, 1, &alert(2));
    let closed = |number| one(store, f.scope, number).closed;
    close(store, f.scope, 5, number, "a test of our own").unwrap();
    assert_eq!(closed(number), Some((at(5), "ann".to_owned(), "a test of our own".to_owned())));
    assert_eq!(one(store, f.scope, number).touched, at(1), "closing is not raising");
    assert_eq!(closed(other), None);
    let open = || store.read().unwrap().alerts(f.scope, &AlertFilter::default(), 9).unwrap();
    assert_eq!(open().iter().map(|row| row.number).collect::<Vec<_>>(), [other]);
    assert_eq!(store.read().unwrap().alerts(f.scope, &every(), 9).unwrap().len(), 2);
    close(store, f.scope, 6, number, "").unwrap();
    assert_eq!(closed(number), Some((at(6), "ann".to_owned(), String::new())), "the last word counts");
    assert_eq!(raise(store, f.scope, 7, &alert(1)), (number, true), "it was closed");
    assert_eq!(closed(number), None);
    let row = one(store, f.scope, number);
    assert_eq!((row.raised, row.touched, row.alert.count), (at(1), at(7), 2));
    assert_eq!(raise(store, f.scope, 8, &alert(1)), (number, false));
    for outcome in [
        close(store, f.scope, 9, other + 1, "no such alert"),
        close(store, f.scope, 9, u64::MAX, "no such alert"),
        close(store, elsewhere(f.scope)[0], 9, number, "another tenant's"),
        close(store, elsewhere(f.scope)[1], 9, number, "another world's"),
    ] {
        assert!(is_missing(&outcome), "{outcome:?}");
    }
    assert_eq!(open().len(), 2);
}

fn fits(row: &AlertRow, filter: &AlertFilter) -> bool {
    (filter.closed || row.closed.is_none())
        && row.alert.level >= filter.level
        && filter.rule.as_ref().is_none_or(|rule| *rule == row.alert.rule)
        && filter.object.as_ref().is_none_or(|object| row.alert.object.as_ref() == Some(object))
        && filter.since.is_none_or(|since| row.touched >= since)
        && filter.before.is_none_or(|before| row.number < before)
}

/// Each of these filters with each of these values.
fn crossed<T: Clone>(
    filters: &[AlertFilter],
    values: &[T],
    set: impl Fn(&mut AlertFilter, T),
) -> Vec<AlertFilter> {
    let mut crossed = Vec::new();
    for filter in filters {
        for value in values {
            let mut filter = filter.clone();
            set(&mut filter, value.clone());
            crossed.push(filter);
        }
    }
    crossed
}

/// Every part of a filter narrows, alone and together with any other; newest numbers come first.
pub fn alerts_are_filtered(store: &dyn Store) {
    let f = Fixture::new(store);
    let objects = [None, Some(id("indicator", 1)), Some(id("indicator", 2)), Some(id("indicator", 3))];
    for number in 0..30_u8 {
        let new = NewAlert {
            rule: format!("rule-{}", number % 2),
            object: objects[usize::from(number % 3)].clone(),
            level: number % 5,
            ..alert(number)
        };
        let (raised, _) = raise(store, f.scope, number.into(), &new);
        if number.is_multiple_of(4) {
            close(store, f.scope, 50, raised, "seen").unwrap();
        }
    }
    // Raised last is not in the order of numbers.
    raise(store, f.scope, 90, &NewAlert { rule: "rule-1".to_owned(), ..alert(3) });
    let read = store.read().unwrap();
    let all = read.alerts(f.scope, &every(), 99).unwrap();
    assert_eq!(all.len(), 30);
    assert!(all.is_sorted_by(|one, next| one.number > next.number));
    let rules = [None, Some("rule-0".to_owned()), Some("rule-1".to_owned()), Some("rule".to_owned())];
    let mut filters = crossed(&[AlertFilter::default()], &[false, true], |filter, closed| {
        filter.closed = closed;
    });
    filters = crossed(&filters, &[0, 3, 4, 5], |filter, level| filter.level = level);
    filters = crossed(&filters, &rules, |filter, rule| filter.rule = rule);
    filters = crossed(&filters, &objects, |filter, object| filter.object = object);
    filters = crossed(&filters, &[None, Some(at(13)), Some(at(90)), Some(at(91))], |filter, since| {
        filter.since = since;
    });
    let before = [None, Some(all[0].number), Some(all[12].number), Some(0), Some(u64::MAX)];
    filters = crossed(&filters, &before, |filter, before| filter.before = before);
    let mut sizes = BTreeSet::new();
    for filter in filters {
        let wanted: Vec<&AlertRow> = all.iter().filter(|row| fits(row, &filter)).collect();
        let found = read.alerts(f.scope, &filter, 99).unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{filter:?}");
        let two = read.alerts(f.scope, &filter, 2).unwrap();
        assert_eq!(two, found[..found.len().min(2)], "{filter:?}");
        sizes.insert(found.len());
    }
    assert!(sizes.len() > 10, "filters that tell alerts apart: {sizes:?}");
    assert!(read.alerts(f.scope, &every(), 0).unwrap().is_empty());
}

/// Whoever pages through alerts meets each once, whatever is raised or closed meanwhile.
pub fn pages_of_alerts_neither_skip_nor_repeat(store: &dyn Store) {
    let f = Fixture::new(store);
    let mut expected: Vec<u64> = (0..13).map(|group| raise(store, f.scope, 1, &alert(group)).0).collect();
    expected.reverse();
    let mut seen = Vec::new();
    let mut filter = every();
    loop {
        let page = store.read().unwrap().alerts(f.scope, &filter, 4).unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.number);
        seen.extend(page.iter().map(|row| row.number));
        let turn = u8::try_from(seen.len()).unwrap();
        raise(store, f.scope, 2, &alert(100 + turn));
        raise(store, f.scope, 2, &alert(turn % 13));
        close(store, f.scope, 3, expected[0], "seen").unwrap();
    }
    assert_eq!(seen, expected);
}

/// Counts that are full stay full: nothing fails, and nothing begins again.
pub fn full_counts_stay_full(store: &dyn Store) {
    let f = Fixture::new(store);
    let most = i64::MAX.unsigned_abs();
    for (group, counts) in [(1, [u64::MAX, 0, 1]), (2, [most, 1, u64::MAX]), (3, [1, most - 1, most])] {
        for count in counts {
            let (number, _) = raise(store, f.scope, 1, &NewAlert { count, ..alert(group) });
            let row = one(store, f.scope, number);
            assert!(row.alert.count >= count.min(most), "group {group}: {}", row.alert.count);
        }
    }
    let rows = store.read().unwrap().alerts(f.scope, &every(), 9).unwrap();
    assert!(rows.iter().all(|row| row.alert.count >= most));
    let (number, _) = raise(store, f.scope, 1, &NewAlert { count: 0, rule: "none".to_owned(), ..alert(4) });
    assert_eq!(one(store, f.scope, number).alert.count, 0);
    let fired = store.read().unwrap().fired(f.scope).unwrap();
    assert_eq!(fired.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["none", "rule-a"]);
    assert!(fired[0].count == 0 && fired[1].count >= most, "{fired:?}");
}

/// A rule's events are counted over all its groups, closed ones too.
pub fn rules_tell_when_they_fired(store: &dyn Store) {
    let f = Fixture::new(store);
    assert!(store.read().unwrap().fired(f.scope).unwrap().is_empty());
    let of = |group, rule: &str, count, last| NewAlert {
        rule: rule.to_owned(),
        count,
        last: at(last),
        ..alert(group)
    };
    raise(store, f.scope, 1, &of(1, "rule-b", 3, 70));
    raise(store, f.scope, 1, &of(1, "rule-b", 1, 20));
    raise(store, f.scope, 1, &of(2, "rule-b", 5_000_000_000, 60));
    let (number, _) = raise(store, f.scope, 1, &of(3, "rule-a", 7, 50));
    close(store, f.scope, 2, number, "seen").unwrap();
    for scope in elsewhere(f.scope) {
        raise(store, scope, 1, &of(1, "rule-a", 100, 100));
    }
    let fired = |rule: &str, count, last| Fired { rule: rule.to_owned(), count, last: at(last) };
    let expected = [fired("rule-a", 7, 50), fired("rule-b", 5_000_000_004, 70)];
    assert_eq!(store.read().unwrap().fired(f.scope).unwrap(), expected);
    for scope in elsewhere(f.scope) {
        assert_eq!(store.read().unwrap().fired(scope).unwrap(), [fired("rule-a", 100, 100)]);
    }
}

/// Alerts are forgotten by when they were raised last, open or closed; their numbers are not given out again.
pub fn alerts_are_forgotten(store: &dyn Store) {
    let f = Fixture::new(store);
    let forget = |before| store.transact(|tx| tx.forget_alerts(f.scope, at(before))).unwrap();
    assert_eq!(forget(99), 0);
    for (group, now) in [(1, 10), (2, 20), (3, 30), (4, 30), (1, 40)] {
        raise(store, f.scope, now, &alert(group));
    }
    for scope in elsewhere(f.scope) {
        raise(store, scope, 5, &alert(9));
    }
    let newest = one(store, f.scope, store.read().unwrap().alerts(f.scope, &every(), 1).unwrap()[0].number);
    close(store, f.scope, 90, newest.number, "seen").unwrap();
    assert_eq!((forget(30), forget(30)), (1, 0), "before is exclusive");
    assert_eq!(titles(store, f.scope), ["alert 4", "alert 3", "alert 1"]);
    assert_eq!(forget(31), 2, "being closed later is not being raised");
    assert_eq!(titles(store, f.scope), ["alert 1"]);
    assert_eq!(forget(99), 1);
    let (number, new) = raise(store, f.scope, 100, &alert(4));
    assert!(new && number > newest.number, "{number} after {}", newest.number);
    assert_eq!(one(store, f.scope, number).alert, alert(4), "nothing is left of what was counted before");
    for scope in elsewhere(f.scope) {
        assert_eq!(titles(store, scope), ["alert 9"]);
    }
}

/// One group in several tenants and worlds is as many rows, and nobody sees or changes another's.
pub fn alerts_keep_to_their_scope(store: &dyn Store) {
    let f = Fixture::new(store);
    let [tenant, world] = elsewhere(f.scope);
    let object = id("indicator", 1);
    let scopes = [f.scope, tenant, world];
    let found = |title: &str| NewAlert { title: title.to_owned(), object: Some(object.clone()), ..alert(1) };
    let raised: Vec<u64> = scopes
        .into_iter()
        .zip(["real", "tenant", "world"])
        .map(|(scope, title)| {
            let (number, new) = raise(store, scope, 1, &found(title));
            assert!(new, "{title}");
            number
        })
        .collect();
    raise(store, tenant, 9, &found("tenant again"));
    close(store, world, 9, raised[2], "played").unwrap();
    assert_eq!(titles(store, f.scope), ["real"]);
    assert_eq!(titles(store, tenant), ["tenant again"]);
    assert_eq!(titles(store, world), ["world"]);
    let row = one(store, f.scope, raised[0]);
    assert_eq!((row.alert.count, row.touched, row.closed), (1, at(1), None));
    let by_object = AlertFilter { object: Some(object), ..every() };
    let by_rule = AlertFilter { rule: Some("rule-a".to_owned()), ..every() };
    for scope in scopes {
        for filter in [&by_object, &by_rule] {
            assert_eq!(store.read().unwrap().alerts(scope, filter, 9).unwrap().len(), 1);
        }
        let unknown = Scope { tenant: Tenant(3), ..scope };
        assert!(store.read().unwrap().alerts(unknown, &every(), 9).unwrap().is_empty());
    }
}

/// Erasing an object takes the alerts and the work that it brought, and nobody else's; so does forgetting it.
pub fn erasing_takes_alerts_and_work(store: &dyn Store) {
    let f = Fixture::new(store);
    let (doomed, never, gone, other) =
        (id("indicator", 1), id("indicator", 2), id("indicator", 3), id("indicator", 4));
    for object in [&doomed, &gone, &other] {
        f.put(store, 1, &f.version(object, 10, "x"));
    }
    let by = |group, object: Option<&StixId>| NewAlert { object: object.cloned(), ..alert(group) };
    let about = |number, object: Option<&StixId>| Work { object: object.cloned(), ..work(number) };
    let objects = [Some(&doomed), Some(&never), Some(&gone), Some(&other), None, Some(&doomed)];
    let mut last = 0;
    for (number, object) in (1..).zip(objects) {
        (last, _) = raise(store, f.scope, 1, &by(number, object));
        for kind in WorkKind::ALL {
            add(store, f.scope, &Work { kind, over: number == 6, ..about(number, object) });
        }
    }
    let worlds = elsewhere(f.scope);
    for scope in worlds {
        raise(store, scope, 1, &by(1, Some(&doomed)));
        add(store, scope, &about(1, Some(&doomed)));
    }
    close(store, f.scope, 2, last, "seen").unwrap();
    // The newest says what it came by: this one is no longer the doomed one's.
    raise(store, f.scope, 2, &by(7, Some(&doomed)));
    raise(store, f.scope, 3, &by(7, Some(&other)));
    let erased = store
        .transact(|tx| {
            let erased = (tx.erase(f.scope, at(5), &doomed)?, tx.erase(f.scope, at(5), &never)?);
            tx.forget(f.scope, at(5), &gone)?;
            Ok(erased)
        })
        .unwrap();
    assert_eq!(erased, (1, 0), "also what was never stored, but only heard of");
    store.scrub().unwrap();
    assert_eq!(titles(store, f.scope), ["alert 7", "alert 5", "alert 4"]);
    let read = store.read().unwrap();
    for kind in WorkKind::ALL {
        assert_eq!(numbers(read.works(f.scope, kind, false, 9).unwrap()), [5, 4]);
        for object in [&doomed, &never, &gone] {
            assert!(read.work_about(f.scope, kind, object, 9).unwrap().is_empty());
        }
    }
    let of_doomed = AlertFilter { object: Some(doomed.clone()), ..every() };
    assert!(read.alerts(f.scope, &of_doomed, 9).unwrap().is_empty());
    for scope in worlds {
        assert_eq!(read.alerts(scope, &of_doomed, 9).unwrap().len(), 1);
        assert_eq!(read.work_about(scope, WorkKind::Hunt, &doomed, 9).unwrap().len(), 1);
    }
    drop(read);
    let (number, new) = raise(store, f.scope, 9, &by(6, None));
    assert!(new && number > last + 1, "it is another, with a number of its own");
    assert!(add(store, f.scope, &about(1, None)));
}

/// A job that fails leaves nothing: not of what it read, found, closed, forgot or began.
pub fn failed_jobs_leave_no_alert(store: &dyn Store) {
    let f = Fixture::new(store);
    store.transact(|tx| tx.add_log_source(TENANT, &log_source("dns"))).unwrap();
    let (number, _) = raise(store, f.scope, 1, &alert(1));
    add(store, f.scope, &Work { over: true, ..work(1) });
    let state = LogSourceState { records: 9, ..LogSourceState::default() };
    let failed: Result<(), StoreError> = store.transact(|tx| {
        tx.set_log_state(TENANT, "dns", &state)?;
        tx.add_log_source(TENANT, &log_source("web"))?;
        tx.set_rule_text(TENANT, &rule_text("a.yml", "title: A", 1))?;
        assert_eq!(tx.raise(f.scope, at(2), &alert(1))?, (number, false));
        assert!(tx.raise(f.scope, at(2), &alert(2))?.1);
        assert!(!tx.raise(f.scope, at(2), &alert(2))?.1, "a job sees its own");
        tx.close_alert(f.scope, at(3), number, "ann", "seen")?;
        assert_eq!(tx.forget_work(f.scope, WorkKind::Hunt, at(99))?, 1);
        assert!(tx.add_work(f.scope, &work(2))?);
        tx.add_log_source(TENANT, &log_source("dns"))
    });
    assert!(matches!(failed, Err(StoreError::Exists(_))), "{failed:?}");
    let read = store.read().unwrap();
    let untouched = (log_source("dns"), LogSourceState::default());
    assert_eq!(read.log_sources(TENANT).unwrap(), [untouched]);
    assert!(read.rule_texts(TENANT, None, 9).unwrap().is_empty());
    let rows = read.alerts(f.scope, &every(), 9).unwrap();
    let row = AlertRow { number, alert: alert(1), raised: at(1), touched: at(1), closed: None };
    assert_eq!(rows, [row]);
    assert_eq!(numbers(read.works(f.scope, WorkKind::Hunt, false, 9).unwrap()), [1]);
    drop(read);
    let (next, new) = raise(store, f.scope, 4, &alert(2));
    assert!(new && next > number);
    // A refusal that the job can live with takes nothing else with it.
    store
        .transact(|tx| {
            let refused = tx.add_log_source(TENANT, &log_source("dns"));
            assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
            assert!(is_missing(&tx.close_alert(f.scope, at(5), next + 9, "ann", "seen")));
            tx.set_log_state(TENANT, "dns", &state)
        })
        .unwrap();
    assert_eq!(store.read().unwrap().log_source(TENANT, "dns").unwrap(), Some((log_source("dns"), state)));
}

/// Texts come back as they went in, whatever is in them, and are told apart to the last byte.
pub fn odd_texts_are_kept(store: &dyn Store) {
    let f = Fixture::new(store);
    for (number, text) in (1..).zip(ODD) {
        let odd = || text.to_owned();
        let source = LogSourceRecord { kind: odd(), config: odd(), ..log_source(text) };
        let state = LogSourceState {
            position: Some(odd()),
            last_error: Some((at(1), odd())),
            detail: odd(),
            ..LogSourceState::default()
        };
        let rule = rule_text(text, text, 1);
        let found = NewAlert {
            rule: odd(),
            title: odd(),
            source: odd(),
            detail: odd(),
            allowed: odd(),
            ..alert(number)
        };
        let begun = Work { state: odd(), body: odd(), ..work(number) };
        store
            .transact(|tx| {
                tx.add_log_source(TENANT, &source)?;
                tx.set_log_state(TENANT, text, &state)?;
                tx.set_rule_text(TENANT, &rule)?;
                let (number, _) = tx.raise(f.scope, at(1), &found)?;
                tx.close_alert(f.scope, at(2), number, text, text)?;
                tx.add_work(f.scope, &begun).map(drop)
            })
            .unwrap();
        let read = store.read().unwrap();
        assert_eq!(read.log_source(TENANT, text).unwrap(), Some((source, state)));
        assert!(read.rule_texts(TENANT, None, 99).unwrap().contains(&rule), "{text:?}");
        let by_rule = AlertFilter { rule: Some(odd()), ..every() };
        let rows = read.alerts(f.scope, &by_rule, 99).unwrap();
        assert_eq!(rows.iter().map(|row| &row.alert).collect::<Vec<_>>(), [&found]);
        assert_eq!(rows[0].closed, Some((at(2), odd(), odd())));
        assert_eq!(read.work(f.scope, WorkKind::Hunt, digest(number)).unwrap(), Some(begun));
    }
    let read = store.read().unwrap();
    let mut names = ODD;
    names.sort_unstable();
    let fired: Vec<String> = read.fired(f.scope).unwrap().into_iter().map(|one| one.rule).collect();
    assert_eq!(fired, names);
    let sources: Vec<String> =
        read.log_sources(TENANT).unwrap().into_iter().map(|(source, _)| source.name).collect();
    assert_eq!(sources, names);
    let texts: Vec<String> =
        read.rule_texts(TENANT, None, 99).unwrap().into_iter().map(|rule| rule.name).collect();
    assert_eq!(texts, names);
    let cut = AlertFilter { rule: Some("nothing".to_owned()), ..every() };
    assert!(read.alerts(f.scope, &cut, 99).unwrap().is_empty());
}
