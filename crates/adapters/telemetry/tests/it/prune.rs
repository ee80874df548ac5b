//! Against a naive scan: whatever an index proves, what is found is what looking at everything would find.

use std::collections::BTreeSet;

use model::Timestamp;
use observable::{Kind, Observable};
use ports::telemetry::{Plan, Retention, Telemetry};
use proptest::prelude::*;
use shieldwall_telemetry::{Options, ParquetTelemetry};

use crate::{Event, HOUR, Seen, append, hunt, now, options, value};

/// Values from a world so small that hits, near misses and coverings are common.
fn observable() -> impl Strategy<Value = Observable> {
    let address = (0_u8..4, 0_u8..4).prop_map(|(net, host)| value(Kind::Ipv4, &format!("10.0.{net}.{host}")));
    let network = (0_u8..4, prop::sample::select(vec![8_u8, 16, 23, 24, 30, 31]))
        .prop_map(|(net, length)| value(Kind::Cidr4, &format!("10.0.{net}.0/{length}")));
    let six = (0_u8..4).prop_map(|host| value(Kind::Ipv6, &format!("2001:db8::{host}")));
    let network_six = prop::sample::select(vec![32_u8, 64, 126, 127])
        .prop_map(|length| value(Kind::Cidr6, &format!("2001:db8::/{length}")));
    let label = || prop::sample::select(vec!["a", "b", "a-b"]);
    let name = (label(), label(), 0_usize..3).prop_map(|(one, other, depth)| {
        let name =
            [format!("{one}.example"), format!("{one}.{other}.example"), format!("a.{one}.{other}.example")];
        value(Kind::Domain, &name[depth])
    });
    let suffix = (label(), any::<bool>()).prop_map(|(label, top)| {
        value(Kind::DomainSuffix, &if top { "example".to_owned() } else { format!("{label}.example") })
    });
    let url = (label(), 0_u8..3)
        .prop_map(|(host, path)| value(Kind::Url, &format!("http://{host}.example/{path}")));
    let hash = (0_u8..6).prop_map(|digit| value(Kind::Md5, &format!("{digit:032x}")));
    let imphash = (0_u8..6).prop_map(|digit| value(Kind::Imphash, &format!("{digit:032x}")));
    let file =
        prop::sample::select(vec!["cmd.exe", "CMD.EXE", "x"]).prop_map(|name| value(Kind::FileName, name));
    let other = prop::sample::select(vec!["HKLM\\Run\\a", "HKLM\\Run\\b"])
        .prop_map(|key| value(Kind::RegistryKey, key));
    prop_oneof![
        3 => address, 2 => network, 1 => six, 1 => network_six, 3 => name, 2 => suffix,
        2 => url, 1 => hash, 1 => imphash, 1 => file, 1 => other,
    ]
}

fn happened() -> impl Strategy<Value = Event> {
    (
        prop::collection::vec(observable(), 0..6),
        -3_i64..3,
        0_i64..3600,
        0_u16..4,
        any::<bool>(),
        prop::option::of(prop::sample::select(vec!["dc1", "dc2"])),
    )
        .prop_map(|(observables, hours, seconds, class, headed, device)| Event {
            time: now().plus_micros(hours * HOUR + seconds * 1_000_000),
            class,
            offset: 0,
            header: headed.then(|| b"#fields".to_vec()),
            device: device.map(str::to_owned),
            observables,
            raw: Vec::new(),
        })
}

/// What is done with the store between batches.
#[derive(Debug, Clone, Copy)]
enum Act {
    Flush,
    Merge,
    Restart,
    Nothing,
}

fn history() -> impl Strategy<Value = Vec<(Vec<Event>, Act)>> {
    let act = prop::sample::select(vec![Act::Flush, Act::Flush, Act::Merge, Act::Restart, Act::Nothing]);
    prop::collection::vec((prop::collection::vec(happened(), 0..25), act), 1..8)
}

fn plan() -> impl Strategy<Value = Plan> {
    let time = || prop::option::of((-4_i64..4, 0_i64..60));
    (
        time(),
        time(),
        prop::option::of(prop::collection::btree_set(0_u16..5, 0..3)),
        prop::collection::vec(observable(), 0..5),
    )
        .prop_map(|(from, until, classes, values)| {
            let at = |(hours, minutes): (i64, i64)| now().plus_micros(hours * HOUR + minutes * 60_000_000);
            Plan { from: from.map(at), until: until.map(at), classes, values, ..Plan::default() }
        })
}

/// Looks at everything.
fn naive(events: &[Event], plan: &Plan) -> (Vec<Seen>, u64) {
    let in_time = |time: Timestamp| {
        plan.from.is_none_or(|from| from <= time) && plan.until.is_none_or(|until| time < until)
    };
    let names = |event: &Event| {
        event.observables.iter().any(|named| {
            let covering: BTreeSet<Observable> = named.covering().into_iter().collect();
            plan.values.iter().any(|value| value == named || covering.contains(value))
        })
    };
    let covered: Vec<&Event> = events.iter().filter(|event| in_time(event.time)).collect();
    let found = covered.iter().filter(|event| {
        plan.classes.as_ref().is_none_or(|classes| classes.contains(&event.class))
            && (plan.values.is_empty() || names(event))
    });
    (found.map(|event| event.seen("dc1")).collect(), covered.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn as_a_naive_scan(history in history(), plans in prop::collection::vec(plan(), 1..12)) {
        let folder = testkit::temp_dir();
        // Files so small that there are many.
        let open = || ParquetTelemetry::open(folder.path(), Options { file_rows: 40, ..options() }).unwrap();
        let mut store = open();
        let mut all: Vec<Event> = Vec::new();
        for (mut batch, act) in history {
            for (event, number) in batch.iter_mut().zip(all.len()..) {
                event.offset = u64::try_from(number).unwrap();
                event.raw = number.to_string().into_bytes();
            }
            all.extend(batch.iter().cloned());
            append(&store, "dc1", all.len() as u64, &batch);
            store.committed("dc1", all.len() as u64).unwrap();
            match act {
                Act::Flush => {
                    store.flush().unwrap();
                }
                Act::Merge => {
                    store.maintain(now().plus_micros(24 * HOUR), &Retention::default()).unwrap();
                }
                Act::Restart => {
                    drop(store);
                    store = open();
                    store.committed("dc1", all.len() as u64).unwrap();
                }
                Act::Nothing => {}
            }
        }
        for plan in plans {
            let (found, looked) = hunt(&store, &plan);
            let (expect, records) = naive(&all, &plan);
            prop_assert_eq!(found, expect, "{:?}", plan);
            prop_assert_eq!(looked.records, records);
            prop_assert!(looked.complete);
            prop_assert!(looked.groups_pruned <= looked.groups);
        }
    }
}
