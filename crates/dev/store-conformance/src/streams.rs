//! What waits for streams, how far they have come, and what went into them.

use model::{Tenant, VersionId};
use ports::trust::{EntryRecord, OutboxRecord, SegmentRecord, StreamKey, StreamPosition};
use ports::{Store, StoreError};

use crate::fixture::{
    Fixture, agreement, at, decision, digest, entry, holding, id, party, position, queued, segment, stream,
};

fn waiting(store: &dyn Store, now: i64, limit: usize) -> Vec<OutboxRecord> {
    store.read().unwrap().outbox(crate::fixture::TENANT, party(1), agreement(1), at(now), limit).unwrap()
}

/// Entries wait in the order of queuing, each stream's apart, until they are taken out.
pub fn outbox_keeps_the_order_of_queuing(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let tool = id("tool", 1);
    let (version, _) = f.put(store, 1, &f.version(&tool, 7, "x"));
    let decided = store.transact(|tx| tx.record_decision(tenant, &decision())).unwrap();
    let records = [
        OutboxRecord { version: Some(version), decision: Some(decided), ..queued("put") },
        OutboxRecord { inline: Some(r#"{"count":3}"#.to_owned()), ..queued("receipt") },
        queued("withdraw"),
        OutboxRecord { to: party(2), ..queued("put") },
        OutboxRecord { agreement: agreement(2), ..queued("put") },
    ];
    let ids: Vec<u64> =
        store.transact(|tx| records.iter().map(|record| tx.queue(tenant, record)).collect()).unwrap();
    assert!(ids.is_sorted_by(|one, next| one < next));
    let expected: Vec<OutboxRecord> = ids
        .iter()
        .zip(&records)
        .take(3)
        .map(|(id, record)| OutboxRecord { id: *id, ..record.clone() })
        .collect();
    assert_eq!(waiting(store, 9, 9), expected);
    assert_eq!(waiting(store, 9, 2), expected[..2]);
    let read = store.read().unwrap();
    assert_eq!(read.outbox_len(tenant).unwrap(), 5);
    let bare = read.outbox_statements(tenant, party(1), agreement(1), at(9), 9).unwrap();
    assert_eq!(bare, expected[1..], "without content");
    assert_eq!(read.outbox_len(Tenant(2)).unwrap(), 0);
    assert!(read.outbox(tenant, party(3), agreement(1), at(9), 9).unwrap().is_empty());
    assert!(read.outbox(Tenant(2), party(1), agreement(1), at(9), 9).unwrap().is_empty());
    drop(read);
    store.transact(|tx| tx.unqueue(tenant, &[ids[0], ids[2], 999])).unwrap();
    assert_eq!(waiting(store, 9, 9), expected[1..2]);
    store.transact(|tx| tx.unqueue(Tenant(2), &ids)).unwrap();
    store.transact(|tx| tx.unqueue(tenant, &[])).unwrap();
    assert_eq!(store.read().unwrap().outbox_len(tenant).unwrap(), 3);
}

/// Nothing may go before its time; what may, goes in the order of queuing, however long it had to wait.
pub fn outbox_waits_for_its_time(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let times = [50, 10, 0, 40, 20];
    store
        .transact(|tx| {
            times.iter().try_for_each(|time| {
                let record = OutboxRecord { not_before: at(*time), ..queued(&time.to_string()) };
                tx.queue(tenant, &record).map(drop)
            })
        })
        .unwrap();
    let due = |now, limit| -> Vec<i64> {
        waiting(store, now, limit).into_iter().map(|record| record.kind.parse().unwrap()).collect()
    };
    assert!(due(-1, 9).is_empty());
    assert_eq!(due(0, 9), [0]);
    assert_eq!(due(19, 9), [10, 0]);
    assert_eq!(due(20, 9), [10, 0, 20], "at its time it may go");
    assert_eq!(due(99, 9), times);
    assert_eq!(due(99, 2), [50, 10]);
    assert_eq!(store.read().unwrap().outbox_len(tenant).unwrap(), 5, "those that may not go yet count too");
}

/// A number that was given out is never given out again, whatever became of the row.
pub fn numbers_are_never_given_out_again(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let queue = || store.transact(|tx| tx.queue(tenant, &queued("put"))).unwrap();
    let first = queue();
    store.transact(|tx| tx.unqueue(tenant, &[first])).unwrap();
    let second = queue();
    assert!(second > first);
    let within = store
        .transact(|tx| {
            let third = tx.queue(tenant, &queued("put"))?;
            tx.unqueue(tenant, &[second, third])?;
            Ok((third, tx.queue(tenant, &queued("put"))?))
        })
        .unwrap();
    assert!(second < within.0 && within.0 < within.1);
    let decide = || store.transact(|tx| tx.record_decision(tenant, &decision())).unwrap();
    assert!(decide() < decide());
}

/// Each direction of an agreement has a position of its own, which is whatever was last written.
pub fn streams_stand_where_they_were_set(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    let position = |seq| StreamPosition {
        epoch: 2,
        seq,
        head: digest(9),
        acked: seq - 1,
        ack: Some("signed".to_owned()),
        couriered: seq,
    };
    store
        .transact(|tx| {
            assert_eq!(tx.stream(tenant, stream(true))?, None);
            tx.set_stream(tenant, stream(true), &position(5))?;
            tx.set_stream(tenant, stream(false), &StreamPosition::default())?;
            assert_eq!(tx.stream(tenant, stream(true))?, Some(position(5)), "a job sees its own");
            tx.set_stream(tenant, stream(true), &position(6))
        })
        .unwrap();
    let failed: Result<(), _> = store.transact(|tx| {
        tx.set_stream(tenant, stream(true), &position(7))?;
        tx.set_stream(tenant, StreamKey { peer: party(5), ..stream(true) }, &position(7))?;
        Err(StoreError::Busy)
    });
    assert_eq!(failed, Err(StoreError::Busy));
    store
        .transact(|tx| {
            assert_eq!(tx.stream(tenant, stream(true))?, Some(position(6)));
            assert_eq!(tx.stream(tenant, stream(false))?, Some(StreamPosition::default()));
            assert_eq!(tx.stream(tenant, StreamKey { peer: party(5), ..stream(true) })?, None);
            assert_eq!(tx.stream(Tenant(2), stream(true))?, None);
            Ok(())
        })
        .unwrap();
    let mut streams = store.read().unwrap().streams(tenant).unwrap();
    streams.sort_by_key(|(key, _)| *key);
    assert_eq!(streams, [(stream(false), StreamPosition::default()), (stream(true), position(6))]);
}

/// Appends entries with these places, signed together, and moves the position.
fn append(store: &dyn Store, epoch: u32, places: std::ops::RangeInclusive<u64>) -> Result<(), StoreError> {
    let tenant = crate::fixture::TENANT;
    let last = *places.end();
    let entries: Vec<EntryRecord> = places.map(|seq| entry(seq, None)).collect();
    store.transact(|tx| {
        tx.append_entries(tenant, stream(true), epoch, &entries, &segment(&entries))?;
        tx.set_stream(tenant, stream(true), &StreamPosition { epoch, ..position(last) })
    })
}

fn places(store: &dyn Store, epoch: u32, from: u64, limit: usize) -> Vec<u64> {
    let entries =
        store.read().unwrap().entries(crate::fixture::TENANT, stream(true), epoch, from, limit).unwrap();
    entries.into_iter().map(|entry| entry.seq).collect()
}

/// Entries follow one another; a place is taken once, none is left out, and a segment signs just those it came with.
pub fn entries_continue_without_a_gap(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    append(store, 1, 1..=3).unwrap();
    append(store, 1, 4..=4).unwrap();
    for taken in [1..=1, 4..=5, 2..=6] {
        let refused = append(store, 1, taken.clone());
        assert_eq!(refused, Err(StoreError::Exists(format!("entry {} of the stream", taken.start()))));
    }
    assert_eq!(append(store, 1, 6..=7), Err(StoreError::Missing("entry 5 of the stream".to_owned())));
    let entries = [entry(5, None), entry(6, None)];
    let wrong = [
        (&entries[..0], SegmentRecord { first: 5, count: 0, text: "signs nothing".to_owned() }),
        (&entries[..], segment(&entries[..1])),
        (&entries[..1], segment(&entries)),
        (&entries[..1], segment(&entries[1..])),
    ];
    for (entries, segment) in wrong {
        let refused =
            store.transact(|tx| tx.append_entries(tenant, stream(true), 1, entries, &segment)).unwrap_err();
        assert!(matches!(refused, StoreError::Engine(_)), "{}: {refused}", segment.text);
    }
    let turned = [entry(6, None), entry(5, None)];
    assert!(
        store.transact(|tx| tx.append_entries(tenant, stream(true), 1, &turned, &segment(&entries))).is_err()
    );
    append(store, 1, 5..=7).unwrap();
    assert_eq!(places(store, 1, 1, 99), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(places(store, 1, 0, 2), [1, 2]);
    assert_eq!(places(store, 1, 6, 99), [6, 7]);
    assert!(places(store, 1, 8, 99).is_empty());
    let read = store.read().unwrap();
    assert_eq!(read.entries(tenant, stream(true), 1, 2, 1).unwrap(), [entry(2, None)]);
    assert!(read.entries(tenant, stream(false), 1, 1, 9).unwrap().is_empty());
    assert!(read.entries(tenant, StreamKey { peer: party(2), ..stream(true) }, 1, 1, 9).unwrap().is_empty());
    assert!(read.entries(Tenant(2), stream(true), 1, 1, 9).unwrap().is_empty());
}

/// A place finds the segment that covers it, and those after it.
pub fn segments_cover_places(store: &dyn Store) {
    let tenant = Fixture::new(store).scope.tenant;
    for run in [1..=3, 4..=4, 5..=9] {
        append(store, 1, run).unwrap();
    }
    let read = store.read().unwrap();
    let segments = |from, limit| -> Vec<(u64, u32, String)> {
        let segments = read.segments(tenant, stream(true), 1, from, limit).unwrap();
        segments.into_iter().map(|segment| (segment.first, segment.count, segment.text)).collect()
    };
    let all =
        [(1, 3, "signed 1+3".to_owned()), (4, 1, "signed 4+1".to_owned()), (5, 5, "signed 5+5".to_owned())];
    for (from, first) in [(0, 0), (1, 0), (3, 0), (4, 1), (5, 2), (9, 2), (10, 3), (99, 3)] {
        assert_eq!(segments(from, 9), all[first..], "from {from}");
    }
    assert_eq!(segments(2, 2), all[..2]);
    assert!(read.segments(tenant, stream(false), 1, 1, 9).unwrap().is_empty());
    assert!(read.segments(tenant, stream(true), 2, 1, 9).unwrap().is_empty());
}

/// A new epoch begins anew, wherever its sender has it begin; the old one stays readable.
pub fn epochs_are_apart(store: &dyn Store) {
    Fixture::new(store);
    append(store, 1, 1..=3).unwrap();
    append(store, 2, 1..=2).unwrap();
    append(store, 3, 40..=41).unwrap();
    append(store, 3, 42..=42).unwrap();
    assert_eq!(places(store, 1, 0, 9), [1, 2, 3]);
    assert_eq!(places(store, 2, 0, 9), [1, 2]);
    assert_eq!(places(store, 3, 0, 9), [40, 41, 42]);
    assert!(matches!(append(store, 3, 44..=44), Err(StoreError::Missing(_))));
}

/// Content can be taken out of what was sent; envelopes, order and signatures stay.
pub fn blanking_keeps_the_chain(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (gone, stays) = (id("tool", 1), id("tool", 2));
    let (gone, _) = f.put(store, 1, &f.version(&gone, 7, "x"));
    let (stays, _) = f.put(store, 1, &f.version(&stays, 7, "y"));
    let entries = [entry(1, Some(gone)), entry(2, Some(stays)), entry(3, None), entry(4, Some(gone))];
    let other = StreamKey { peer: party(2), ..stream(true) };
    store
        .transact(|tx| {
            for key in [stream(true), other] {
                tx.append_entries(tenant, key, 1, &entries, &segment(&entries))?;
                tx.set_stream(tenant, key, &position(4))?;
            }
            Ok(())
        })
        .unwrap();
    let blank = |version| store.transact(|tx| tx.blank_entries(tenant, version)).unwrap();
    assert_eq!(blank(gone), 4, "in every stream");
    assert_eq!(blank(gone), 0, "there was nothing left");
    assert_eq!(blank(VersionId(999)), 0);
    let blanked = entries.map(|entry| {
        if entry.version == Some(gone) { EntryRecord { salt: None, payload: None, ..entry } } else { entry }
    });
    let read = store.read().unwrap();
    for key in [stream(true), other] {
        assert_eq!(read.entries(tenant, key, 1, 0, 9).unwrap(), blanked);
        assert_eq!(read.segments(tenant, key, 1, 0, 9).unwrap().len(), 1);
    }
}

/// One entry's content can be taken out alone: another stream's that carried the same keeps it.
pub fn blanking_one_entry_leaves_the_others(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let (version, _) = f.put(store, 1, &f.version(&id("tool", 1), 7, "x"));
    let entries = [entry(1, Some(version)), entry(2, Some(version))];
    let other = StreamKey { peer: party(2), ..stream(true) };
    store
        .transact(|tx| {
            for key in [stream(true), other] {
                tx.append_entries(tenant, key, 1, &entries, &segment(&entries))?;
                tx.set_stream(tenant, key, &position(2))?;
            }
            tx.blank_entry(tenant, stream(true), 1, 2)?;
            // What is not there is no error: it may have been erased meanwhile.
            tx.blank_entry(tenant, stream(true), 1, 9)?;
            tx.blank_entry(tenant, stream(true), 2, 1)?;
            tx.blank_entry(tenant, StreamKey { peer: party(3), ..stream(true) }, 1, 1)
        })
        .unwrap();
    let read = store.read().unwrap();
    assert_eq!(read.entries(tenant, other, 1, 0, 9).unwrap(), entries);
    let [first, second] = entries;
    let second = EntryRecord { salt: None, payload: None, ..second };
    assert_eq!(read.entries(tenant, stream(true), 1, 0, 9).unwrap(), [first, second]);
}

/// A receiver applies an entry and moves its position in one job: it is applied once, however often it is tried.
pub fn entries_are_applied_exactly_once(store: &dyn Store) {
    let f = Fixture::new(store);
    let tenant = f.scope.tenant;
    let apply = |seq: u64, fails: bool| {
        store.transact(|tx| {
            let before = tx
                .stream(tenant, stream(false))?
                .unwrap_or(StreamPosition { epoch: 1, ..Default::default() });
            if seq != before.seq + 1 {
                return Ok(false);
            }
            let object = id("tool", seq.into());
            let (version, _) = tx.put(f.scope, at(1), &f.version(&object, 7, "x"))?;
            let number = seq.to_le_bytes()[0];
            let row = ports::trust::HoldingRecord {
                version: Some(version),
                entry: (1, seq),
                ..holding(&object, number)
            };
            tx.set_holding(tenant, &row)?;
            tx.set_origin(tenant, version, "signed")?;
            let told = ports::trust::LeafRecord {
                index: 0,
                hash: digest(number),
                commitment: digest(number),
                kind: "receipt".to_owned(),
                at: at(1),
                opening: None,
            };
            tx.append_leaf(tenant, &told)?;
            tx.queue(tenant, &queued("receipt"))?;
            tx.set_stream(tenant, stream(false), &position(seq))?;
            if fails { Err(StoreError::Full) } else { Ok(true) }
        })
    };
    for seq in 1..=4 {
        assert_eq!(apply(seq, true), Err(StoreError::Full));
        assert_eq!(apply(seq, false), Ok(true));
        assert_eq!(apply(seq, false), Ok(false), "told again by the sender");
        let read = store.read().unwrap();
        let counts = read.counts(tenant).unwrap();
        assert_eq!((counts.objects, counts.head), (seq, seq));
        assert_eq!(read.holdings(tenant, None, 0, 99).unwrap().len() as u64, seq);
        assert_eq!(read.ledger_size(tenant).unwrap(), seq);
        assert_eq!(read.outbox_len(tenant).unwrap(), seq);
        assert_eq!(read.streams(tenant).unwrap(), [(stream(false), position(seq))]);
    }
}
