//! Something to do to a store, step by step, and what must be there afterwards.

use std::collections::BTreeSet;

use model::{
    AgreementId, CollectionId, DecisionId, Digest, Label, PartyId, Seq, SourceId, StixId, Tenant, Timestamp,
    Uuid, VersionId, World,
};
use observable::{Kind, normalise};
use ports::detection::{AlertFilter, LogSourceRecord, LogSourceState, NewAlert, RuleText, Work, WorkKind};
use ports::trust::{
    DecisionRecord, DisclosureRecord, DocumentKind, EntryRecord, HoldingRecord, LeafRecord, OutboxRecord,
    QueryOutcome, QueryRecord, ReviewRecord, SegmentRecord, StreamKey, StreamPosition,
};
use ports::{Edge, HeldDecision, NewVersion, NodeRecord, Scope, SearchDocument, Store, StoreError, Tx};

pub(crate) const SCOPE: Scope = Scope { tenant: Tenant(1), world: World::Real };
pub(crate) const OWN: CollectionId = CollectionId(Uuid([1; 16]));
const PUBLIC: CollectionId = CollectionId(Uuid([2; 16]));

pub(crate) fn id(kind: &str, number: u64) -> StixId {
    // Spread like random ids, so that one step's rows do not all lie together.
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    StixId::new(kind, Uuid((u128::from(spread) << 64 | u128::from(number)).to_be_bytes()))
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(number).unwrap())
}

pub(crate) fn found(store: &dyn Store) {
    let node = NodeRecord {
        name: "Test".to_owned(),
        country: None,
        identity: id("identity", 0),
        created: Timestamp::EPOCH,
    };
    let log = LogSourceRecord {
        name: LOG.to_owned(),
        kind: "file".to_owned(),
        config: "{}".to_owned(),
        enabled: true,
        added: Timestamp::EPOCH,
    };
    store
        .transact(|tx| {
            tx.found(SCOPE.tenant, &node, OWN, PUBLIC)?;
            match tx.add_log_source(SCOPE.tenant, &log) {
                Err(StoreError::Exists(_)) => Ok(()),
                added => added,
            }
        })
        .unwrap();
}

/// What an object's text is; long enough to fill pages, and telling which step wrote it.
pub(crate) fn raw(number: u64) -> String {
    format!(r#"{{"step":{number},"text":"{}"}}"#, format!("payload {number} ").repeat(100))
}

pub(crate) fn version<'a>(id: &'a StixId, version: u64, raw: &'a str) -> NewVersion<'a> {
    NewVersion {
        id,
        type_name: id.type_name(),
        version: at(version),
        created: None,
        rendition: 0,
        raw,
        source: SourceId(0),
        label: Label::CLEAR,
        overlay: None,
        created_by: None,
        revoked: false,
        confidence: None,
        latest: true,
        edges: Vec::new(),
        observables: Vec::new(),
        collections: vec![OWN, PUBLIC],
        findings: Vec::new(),
        class: CLASS,
    }
}

/// What every object of a step is classed as.
const CLASS: &str = r#"{"type":"any"}"#;

pub(crate) const PEER: PartyId = PartyId(Digest([7; 32]));
pub(crate) const AGREEMENT: AgreementId = AgreementId(Digest([8; 32]));

/// The name an object has in the stream, which says nothing of it.
fn subject(number: u64) -> Digest {
    let mut bytes = [0xaa; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Digest(bytes)
}

/// Gives a version to the peer, as if it had been given to us too: everything there is to be kept about that.
pub(crate) fn share(
    tx: &mut dyn Tx,
    number: u64,
    object: &StixId,
    version: VersionId,
    payload: &str,
) -> Result<(), StoreError> {
    let tenant = SCOPE.tenant;
    let decision = DecisionRecord {
        id: DecisionId(0),
        at: at(number),
        to: PEER,
        agreement: AGREEMENT,
        object: Some(object.clone()),
        version: Some(version),
        permitted: true,
        clause: "c1".to_owned(),
        reason: "clause c1 permits it".to_owned(),
        obligations: "{}".to_owned(),
    };
    let decided = tx.record_decision(tenant, &decision)?;
    let waits = OutboxRecord {
        id: 0,
        to: PEER,
        agreement: AGREEMENT,
        kind: "put".to_owned(),
        version: Some(version),
        inline: None,
        decision: Some(decided),
        not_before: at(number),
    };
    let queued = tx.queue(tenant, &waits)?;
    let key = StreamKey { peer: PEER, agreement: AGREEMENT, outbound: true };
    let before = tx.stream(tenant, key)?.unwrap_or(StreamPosition { epoch: 1, ..Default::default() });
    let seq = before.seq + 1;
    let entry = EntryRecord {
        seq,
        envelope: format!(r#"{{"seq":{seq}}}"#),
        salt: Some(subject(number).0),
        version: Some(version),
        along: Vec::new(),
        payload: Some(payload.to_owned()),
    };
    let segment = SegmentRecord { first: seq, count: 1, text: format!("signed {seq}") };
    tx.append_entries(tenant, key, 1, &[entry], &segment)?;
    tx.set_stream(tenant, key, &StreamPosition { seq, head: subject(number), ..before })?;
    if number.is_multiple_of(2) {
        tx.unqueue(tenant, &[queued])?;
    }
    let disclosure = DisclosureRecord {
        to: PEER,
        agreement: AGREEMENT,
        object: Some(object.clone()),
        version: Some(version),
        subject: subject(number),
        entry: (1, seq),
        clause: "c1".to_owned(),
        at: at(number),
        withdrawn: None,
        deadline: None,
        receipt: None,
    };
    tx.set_disclosure(tenant, &disclosure)?;
    let holding = HoldingRecord {
        object: Some(object.clone()),
        version: Some(version),
        from: PEER,
        agreement: AGREEMENT,
        subject: subject(number),
        entry: (1, seq),
        onward: "none".to_owned(),
        received: at(number),
        ended: None,
        erased: None,
        hold: None,
        kept: false,
    };
    tx.set_holding(tenant, &holding)?;
    tx.set_origin(tenant, version, payload)?;
    let review = ReviewRecord {
        id: 0,
        at: at(number),
        to: PEER,
        agreement: AGREEMENT,
        object: object.clone(),
        version,
        found: "[]".to_owned(),
        decided: None,
    };
    tx.add_review(tenant, &review).map(drop)
}

/// The log source that every step has read.
const LOG: &str = "log";

/// What the audit says of a step that left something of detection: those of older schemas left nothing.
const DETECTED: &str = "detected";

/// Something was found by an object and is looked for elsewhere: everything there is to be kept about that.
pub(crate) fn detect(tx: &mut dyn Tx, number: u64, object: &StixId, text: &str) -> Result<(), StoreError> {
    let head: String = text.chars().take(100).collect();
    let alert = NewAlert {
        group: subject(number),
        rule: object.as_str().to_owned(),
        object: Some(object.clone()),
        title: head.clone(),
        level: 2,
        source: LOG.to_owned(),
        past: false,
        first: at(number),
        last: at(number),
        count: 1,
        detail: text.to_owned(),
        allowed: head.clone(),
    };
    let (raised, _) = tx.raise(SCOPE, at(number), &alert)?;
    if number.is_multiple_of(3) {
        tx.close_alert(SCOPE, at(number), raised, "ann", &head)?;
    }
    let work = Work {
        id: subject(number),
        kind: WorkKind::Hunt,
        state: "running".to_owned(),
        over: number.is_multiple_of(2),
        party: Some(PEER),
        object: Some(object.clone()),
        begun: at(number),
        changed: at(number),
        due: Some(at(number)),
        body: text.to_owned(),
    };
    tx.add_work(SCOPE, &work).map(drop)
}

/// What a step leaves that is about no object.
fn record(tx: &mut dyn Tx, number: u64) -> Result<(), StoreError> {
    let tenant = SCOPE.tenant;
    tx.add_document(
        tenant,
        at(number),
        DocumentKind::AgreementAct,
        AGREEMENT.0,
        subject(number),
        "signed act",
    )?;
    tx.set_tombstone(tenant, at(number), PEER, None, subject(number))?;
    let query = QueryRecord {
        number: 0,
        at: at(number),
        peer: PEER,
        agreement: AGREEMENT,
        asked: true,
        purpose: "incident 7".to_owned(),
        asked_values: 3,
        outcome: QueryOutcome::Answered(Some(1)),
    };
    tx.log_query(tenant, &query)?;
    let leaf = LeafRecord {
        index: 0,
        hash: subject(number),
        commitment: subject(number),
        kind: "step".to_owned(),
        at: at(number),
        opening: Some(number.to_string()),
    };
    let place = tx.append_leaf(tenant, &leaf)?;
    tx.set_checkpoint(tenant, "test.example/ledger", place + 1, "signed note")?;
    let read = LogSourceState { position: Some(number.to_string()), ..LogSourceState::default() };
    tx.set_log_state(tenant, LOG, &read)?;
    let rule = RuleText {
        name: format!("rule-{}.yml", number % 4),
        text: format!("title: {number}"),
        at: at(number),
    };
    tx.set_rule_text(tenant, &rule)?;
    tx.set_cursor(tenant, "sharing", Seq(place))
}

/// One job: two objects that belong together and a new version of one that all steps share, and now and then what
/// else there is to do.
pub(crate) fn step(tx: &mut dyn Tx, number: u64) -> Result<(), StoreError> {
    let (first, second, shared) = (id("tool", number), id("malware", number), id("report", 0));
    let raw = raw(number);
    let observables = normalise(Kind::Domain, &format!("h{number}.example")).into_iter().collect();
    let edges = vec![Edge { name: "x_ref".to_owned(), target: second.clone() }];
    tx.put(SCOPE, at(number), &NewVersion { edges: edges.clone(), observables, ..version(&first, 1, &raw) })?;
    let (put, seq) = tx.put(SCOPE, at(number), &version(&second, 1, &raw))?;
    tx.put(SCOPE, at(number), &NewVersion { edges, ..version(&shared, number + 1, &raw) })?;
    if number.is_multiple_of(3) {
        let document =
            SearchDocument { version_id: put, title: format!("title {number}"), body: raw.clone() };
        tx.index(SCOPE.tenant, seq, &[document])?;
        tx.relabel(SCOPE, at(number), put, Label::OwnOnly)?;
    }
    share(tx, number, &second, put, &raw)?;
    detect(tx, number, &second, &raw)?;
    record(tx, number)?;
    if number % 5 == 3 {
        let doomed = id("campaign", number);
        let (version, _) = tx.put(SCOPE, at(number), &self::version(&doomed, 1, &raw))?;
        share(tx, number + 1_000_000, &doomed, version, &raw)?;
        detect(tx, number + 1_000_000, &doomed, &raw)?;
    }
    if number.is_multiple_of(4) {
        let held = tx.hold(SCOPE, at(number), SourceId(0), &id("indicator", number), &raw, &[])?;
        let decision =
            HeldDecision { released: false, author: "a".to_owned(), reason: "r".to_owned(), at: at(number) };
        tx.decide(SCOPE, held, &decision)?;
    }
    if number % 5 == 4 {
        tx.erase(SCOPE, at(number), &id("indicator", number - 1))?;
        tx.erase(SCOPE, at(number), &id("campaign", number - 1))?;
    }
    tx.audit(SCOPE.tenant, at(number), "test", "step", &number.to_string(), DETECTED)
}

/// Every acknowledged step is there, whole; every other is there whole or not at all; all checks hold.
pub(crate) fn check(store: &dyn Store, acknowledged: &[u64]) {
    assert_eq!(store.verify().unwrap().problems, Vec::<String>::new());
    let read = store.read().unwrap();
    let present = |number: u64| {
        let text = |id: &StixId| read.object(SCOPE, id, None).unwrap().map(|stored| stored.raw);
        let (first, second) = (text(&id("tool", number)), text(&id("malware", number)));
        assert_eq!(first, second, "step {number} is half there");
        assert!(first.as_ref().is_none_or(|first| *first == raw(number)), "step {number} is damaged");
        first.is_some()
    };
    for number in acknowledged {
        assert!(present(*number), "step {number} was acknowledged and is lost");
    }
    let audits = read.audits(SCOPE.tenant, 0, usize::MAX).unwrap();
    for row in audits {
        assert!(present(row.target.parse().unwrap()), "step {} is half there", row.target);
    }
    check_ledger(store);
    check_detection(store);
}

/// The ledger tells of exactly the steps that are there (but for those from before there was one, which have another
/// class), and so does the stream.
fn check_ledger(store: &dyn Store) {
    let read = store.read().unwrap();
    let leaves = read.leaves(SCOPE.tenant, 0, usize::MAX).unwrap();
    let told: BTreeSet<u64> =
        leaves.iter().map(|leaf| leaf.opening.as_ref().unwrap().parse().unwrap()).collect();
    assert_eq!(told.len(), leaves.len(), "no step is told of twice");
    let audits = read.audits(SCOPE.tenant, 0, usize::MAX).unwrap();
    let classed = |number: &u64| {
        let stored = read.object(SCOPE, &id("tool", *number), None).unwrap().unwrap();
        read.class_of(SCOPE.tenant, stored.version_id).unwrap().as_deref() == Some(CLASS)
    };
    let there = audits.iter().map(|row| row.target.parse().unwrap()).filter(classed).collect();
    assert_eq!(told, there, "the ledger tells of what happened");
    let campaigns = there.iter().filter(|number| **number % 5 == 3).count();
    let key = StreamKey { peer: PEER, agreement: AGREEMENT, outbound: true };
    let entries = read.entries(SCOPE.tenant, key, 1, 0, usize::MAX).unwrap();
    assert_eq!(entries.len(), there.len() + campaigns);
    let given = read.disclosures(SCOPE.tenant, None, false, 0, usize::MAX).unwrap();
    assert_eq!(given.len(), entries.len());
}

/// There are alerts and work by exactly the objects of the steps that tell of them, none by what was erased, and the log
/// was read as far as one of these steps says.
fn check_detection(store: &dyn Store) {
    let read = store.read().unwrap();
    let audits = read.audits(SCOPE.tenant, 0, usize::MAX).unwrap();
    let told: BTreeSet<u64> =
        audits.iter().filter(|row| row.reason == DETECTED).map(|row| row.target.parse().unwrap()).collect();
    let mut expected: Vec<StixId> = told.iter().map(|number| id("malware", *number)).collect();
    let campaigns = told.iter().filter(|number| **number % 5 == 3).map(|number| id("campaign", *number));
    expected.extend(campaigns.filter(|campaign| read.object(SCOPE, campaign, None).unwrap().is_some()));
    expected.sort();
    let every = AlertFilter { closed: true, ..AlertFilter::default() };
    let alerts = read.alerts(SCOPE, &every, usize::MAX).unwrap();
    let mut found: Vec<StixId> = alerts.into_iter().filter_map(|row| row.alert.object).collect();
    found.sort();
    assert_eq!(found, expected, "what was found");
    let works = read.works(SCOPE, WorkKind::Hunt, false, usize::MAX).unwrap();
    let mut begun: Vec<StixId> = works.into_iter().filter_map(|work| work.object).collect();
    begun.sort();
    assert_eq!(begun, expected, "what was begun");
    let log = read.log_source(SCOPE.tenant, LOG).unwrap();
    if let Some(position) = log.and_then(|(_, state)| state.position) {
        assert!(told.contains(&position.parse::<u64>().unwrap()), "no step read up to {position}");
    }
    for rule in read.rule_texts(SCOPE.tenant, None, usize::MAX).unwrap() {
        let number: u64 = rule.text.strip_prefix("title: ").unwrap().parse().unwrap();
        assert!(told.contains(&number), "step {number} is half there");
    }
}
