//! What can happen next, and what it does.

use std::collections::BTreeSet;
use std::sync::Arc;

use exchange::{HoldingChange, Position, holding_change};

use crate::protocol::{Outcome, Taken};
use crate::state::{Action, Held, Message, Op, Place, Published, Push, Receiver, State, What};
use crate::{Mutation, Streams};

/// Everything that can happen in a state.
pub(crate) fn actions(model: &Streams, state: &State, actions: &mut Vec<Action>) {
    let scope = &model.scope;
    let room = |to: u8| {
        state
            .origin
            .streams
            .get(usize::from(to))
            .is_some_and(|stream| stream.ops.len() < usize::from(scope.entries))
    };
    let all_have_room = (0..scope.receivers).all(room);
    for (object, published) in (0..scope.objects).zip(&state.origin.objects) {
        match published {
            Published::No if all_have_room => actions.push(Action::Publish(object)),
            Published::Yes if all_have_room => actions.push(Action::Withdraw(object)),
            _ => {}
        }
    }
    for (to, (stream, receiver)) in (0..scope.receivers).zip(state.pairs()) {
        let cut = state.cut.get(usize::from(to)).copied().unwrap_or_default();
        if state.ends > 0 && !stream.ended && !stream.ask && room(to) {
            actions.push(Action::EndHere(to));
        }
        if state.ends > 0 && !receiver.ended {
            actions.push(Action::EndThere(to));
        }
        if receiver.pending.is_some() {
            actions.push(Action::Commit(to));
        }
        if state.restarts > 0
            && (receiver.pending.is_some() || scope.mutation == Some(Mutation::PositionInMemory))
        {
            actions.push(Action::Restart(to));
        }
        if cut {
            actions.push(Action::Mend(to));
            continue;
        }
        if state.cuts > 0 {
            actions.push(Action::Cut(to));
        }
        if stream.ask {
            actions.push(Action::Ask(to));
        } else if unacknowledged(stream) {
            actions.push(Action::Send(to));
        } else if room(to) && repairs(model, state, to).is_some() {
            actions.push(Action::Repair(to));
        }
    }
    if state.restores > 0 {
        actions.push(if state.backup.is_some() { Action::Restore } else { Action::Save });
    }
    for message in &state.network {
        let reachable = |party: u8| !state.cut.get(usize::from(party)).copied().unwrap_or_default();
        match message {
            Message::Push(push) => {
                let idle = state.receivers.get(usize::from(push.to)).is_some_and(|to| to.pending.is_none());
                if idle && reachable(push.to) {
                    actions.push(Action::Receive(Arc::clone(push)));
                }
            }
            Message::Ack(from, _) | Message::Receipt(from, _) | Message::Notice(from) => {
                if reachable(*from) {
                    actions.push(Action::Deliver(message.clone()));
                }
            }
        }
    }
}

fn unacknowledged(stream: &crate::Outbound) -> bool {
    stream.acked < stream.ops.len() as u64
}

/// Does what an action says. What cannot happen changes nothing.
pub(crate) fn apply(model: &Streams, state: &mut State, action: &Action) {
    match action {
        Action::Publish(object) => publish(state, *object),
        Action::Withdraw(object) => withdraw(state, *object),
        Action::EndHere(to) => {
            state.ends = state.ends.saturating_sub(1);
            append(state, *to, What::End);
            if let Some(stream) = state.origin.streams.get_mut(usize::from(*to)) {
                stream.ended = true;
            }
        }
        Action::EndThere(party) => {
            state.ends = state.ends.saturating_sub(1);
            if let Some(receiver) = state.receivers.get_mut(usize::from(*party)) {
                receiver.ended = true;
            }
            state.send(Message::Notice(*party));
        }
        Action::Send(to) => {
            if let Some(push) = next_push(state, *to) {
                state.send(Message::Push(Arc::new(push)));
            }
        }
        Action::Receive(push) => {
            if let Some(receiver) = state.receivers.get_mut(usize::from(push.to)) {
                receiver.pending = Some(Arc::clone(push));
            }
            if model.scope.mutation == Some(Mutation::AckBeforeCommit) {
                acknowledge_early(model, state, push);
            } else if model.scope.restarts == 0 {
                commit(model, state, push.to);
            }
        }
        Action::Commit(party) => commit(model, state, *party),
        Action::Restart(party) => {
            state.restarts = state.restarts.saturating_sub(1);
            if let Some(receiver) = state.receivers.get_mut(usize::from(*party)) {
                receiver.pending = None;
                if model.scope.mutation == Some(Mutation::PositionInMemory) {
                    receiver.position = Position::default();
                }
            }
        }
        Action::Deliver(message) => deliver(model, state, message),
        Action::Save => state.backup = Some(Arc::new(state.origin.clone())),
        Action::Restore => restore(model, state),
        Action::Ask(to) => ask(model, state, *to),
        Action::Repair(to) => repair(model, state, *to),
        Action::Cut(party) => {
            state.cuts = state.cuts.saturating_sub(1);
            set(&mut state.cut, *party, true);
        }
        Action::Mend(party) => set(&mut state.cut, *party, false),
    }
}

fn set<T>(list: &mut [T], index: u8, value: T) {
    if let Some(slot) = list.get_mut(usize::from(index)) {
        *slot = value;
    }
}

fn get<T: Copy + Default>(list: &[T], index: u8) -> T {
    list.get(usize::from(index)).copied().unwrap_or_default()
}

/// Appends an entry to a stream, as one transaction.
fn append(state: &mut State, to: u8, what: What) {
    let life = state.life;
    if let Some(stream) = state.origin.streams.get_mut(usize::from(to)) {
        stream.ops.push(Op { what, life });
        let place = (stream.epoch, stream.ops.len() as u64);
        match what {
            What::Put(object) => set(&mut stream.given, object, Some(place)),
            What::Withdraw(object) => set(&mut stream.given, object, None),
            What::End => {}
        }
    }
}

fn publish(state: &mut State, object: u8) {
    set(&mut state.origin.objects, object, Published::Yes);
    for to in 0..u8::try_from(state.receivers.len()).unwrap_or(u8::MAX) {
        // After a restore nothing is appended before the receiver was asked; repair then brings it.
        let open =
            state.origin.streams.get(usize::from(to)).is_some_and(|stream| !stream.ended && !stream.ask);
        if open {
            append(state, to, What::Put(object));
        }
    }
}

fn withdraw(state: &mut State, object: u8) {
    set(&mut state.origin.objects, object, Published::Withdrawn);
    for to in 0..u8::try_from(state.receivers.len()).unwrap_or(u8::MAX) {
        let stream = state.origin.streams.get(usize::from(to));
        // Also where the agreement has ended: former partners still get withdrawals.
        if stream.is_some_and(|stream| !stream.ask && get(&stream.given, object).is_some()) {
            append(state, to, What::Withdraw(object));
        }
    }
}

/// What is sent next: everything that is not acknowledged, without content that was taken back since.
fn next_push(state: &State, to: u8) -> Option<Push> {
    let stream = state.origin.streams.get(usize::from(to))?;
    let withdrawn =
        |(object, published): (u8, &Published)| (*published == Published::Withdrawn).then_some(object);
    let withdrawn: BTreeSet<u8> = (0..).zip(&state.origin.objects).filter_map(withdrawn).collect();
    let first = stream.acked.saturating_add(1);
    let travels = stream.ops.iter().skip(usize::try_from(stream.acked).unwrap_or(usize::MAX));
    let content = travels.filter_map(|op| match op.what {
        What::Put(object) => Some(object),
        What::Withdraw(_) | What::End => None,
    });
    let erased = content.filter(|object| withdrawn.contains(object)).collect();
    unacknowledged(stream).then(|| Push {
        to,
        epoch: stream.epoch,
        follows: stream.follows,
        ops: stream.ops.clone(),
        first,
        erased,
    })
}

fn outcome(model: &Streams, receiver: &Receiver, push: &Push) -> Arc<Outcome> {
    let ended = receiver.ended && model.scope.mutation != Some(Mutation::DeafToTheEnd);
    model.protocol.accept(push, receiver.position, ended)
}

fn acknowledge_early(model: &Streams, state: &mut State, push: &Push) {
    let Some(receiver) = state.receivers.get(usize::from(push.to)) else { return };
    if let Outcome::Taken { position, .. } = &*outcome(model, receiver, push) {
        let ack = Message::Ack(push.to, *position);
        state.send(ack);
    }
}

/// Decides on the push that arrived; position and effects change together, and only then is it acknowledged.
fn commit(model: &Streams, state: &mut State, party: u8) {
    let State { receivers, faults, .. } = state;
    let mut answers = Vec::new();
    let Some(receiver) = receivers.get_mut(usize::from(party)) else { return };
    let Some(push) = receiver.pending.take() else { return };
    match &*outcome(model, receiver, &push) {
        Outcome::Refused { accused } => faults.accused |= accused,
        Outcome::Taken { position, entries } => {
            let knew = receiver.ended;
            for taken in entries {
                let (epoch, seq) = taken.place;
                let follows =
                    receiver.last == (epoch, seq.saturating_sub(1)) || (epoch > receiver.last.0 && seq == 1);
                faults.twice |= !follows;
                faults.void |= taken.too_late;
                receiver.last = taken.place;
                if taken.applies {
                    faults.after_end |= knew && taken.kind.brings_content();
                    let gone = effect(model, receiver, taken);
                    faults.resurrected |= gone.resurrected;
                    answers.extend(gone.receipt.map(|object| Message::Receipt(party, object)));
                }
            }
            receiver.position = *position;
            answers.push(Message::Ack(party, *position));
        }
    }
    answers.into_iter().for_each(|answer| state.send(answer));
}

#[derive(Default)]
struct Done {
    receipt: Option<u8>,
    resurrected: bool,
}

/// One entry's effect on what is held.
fn effect(model: &Streams, receiver: &mut Receiver, taken: &Taken) -> Done {
    let object = match taken.what {
        What::Put(object) | What::Withdraw(object) => object,
        What::End => {
            receiver.ended = true;
            return Done::default();
        }
    };
    let Some(held) = receiver.held.get_mut(usize::from(object)) else { return Done::default() };
    let gone = *held == Held::Gone;
    let tombstoned = gone && model.scope.mutation != Some(Mutation::NoTombstones);
    match holding_change(taken.kind, matches!(held, Held::Live(_)), tombstoned) {
        HoldingChange::Begin | HoldingChange::Replace => {
            *held = Held::Live(taken.place);
            Done { receipt: None, resurrected: gone }
        }
        HoldingChange::End => {
            *held = Held::Gone;
            Done { receipt: Some(object), resurrected: false }
        }
        HoldingChange::Suppress => Done { receipt: Some(object), resurrected: false },
        HoldingChange::Relabel | HoldingChange::Nothing => Done::default(),
    }
}

/// Something arrives at the origin.
fn deliver(model: &Streams, state: &mut State, message: &Message) {
    let State { origin, faults, .. } = state;
    let (Message::Ack(from, _) | Message::Receipt(from, _) | Message::Notice(from)) = message else { return };
    let Some(stream) = origin.streams.get_mut(usize::from(*from)) else { return };
    match message {
        // A node that was restored and has not asked yet knows that it may not understand.
        Message::Ack(_, position) if !stream.ask => {
            match model.protocol.acknowledge(*from, stream, *position) {
                Ok(Some(seq)) => stream.acked = seq,
                Ok(None) => {}
                Err(()) => faults.accused = true,
            }
        }
        Message::Receipt(_, object) => {
            set(&mut stream.gone, *object, true);
            set(&mut stream.given, *object, None);
        }
        Message::Notice(_) => stream.ended = true,
        Message::Ack(..) | Message::Push(_) => {}
    }
}

fn restore(model: &Streams, state: &mut State) {
    let Some(backup) = &state.backup else { return };
    state.origin = Arc::as_ref(backup).clone();
    state.restores = state.restores.saturating_sub(1);
    state.life = state.life.saturating_add(1);
    for stream in &mut state.origin.streams {
        stream.ask = model.scope.mutation != Some(Mutation::SameEpoch);
    }
}

/// A restored origin asks a receiver where it stands, and starts the epoch after both. It learns of the agreement's end
/// on the way, as acts on agreements are exchanged first.
fn ask(model: &Streams, state: &mut State, to: u8) {
    let State { origin, receivers, .. } = state;
    let (Some(stream), Some(receiver)) =
        (origin.streams.get_mut(usize::from(to)), receivers.get(usize::from(to)))
    else {
        return;
    };
    let before = model.protocol.head(to, stream);
    stream.epoch = model.protocol.next_epoch(stream.epoch, receiver.position.epoch);
    stream.follows = Some(before);
    stream.ops.clear();
    stream.acked = 0;
    stream.ask = false;
    stream.ended |= receiver.ended;
}

/// What comparing both sides' lists asks for; `None` when nothing, or when not everything sent has arrived.
pub(crate) fn repairs(model: &Streams, state: &State, to: u8) -> Option<(Vec<u8>, Vec<u8>)> {
    if model.scope.mutation == Some(Mutation::NoRepair) {
        return None;
    }
    let stream = state.origin.streams.get(usize::from(to))?;
    let receiver = state.receivers.get(usize::from(to))?;
    if stream.ask || unacknowledged(stream) {
        return None;
    }
    // What should be there: what is published and not confirmed to be gone. What was never given, because the node
    // was restored, has no entry: it counts as given by one that nobody has.
    let should = |(object, published): (u8, &Published)| -> Option<Place> {
        let wanted = *published == Published::Yes && !get(&stream.gone, object);
        wanted.then(|| get(&stream.given, object).unwrap_or((0, 0)))
    };
    let given = (0..).zip(&state.origin.objects).map(should).collect();
    let holds = |held: &Held| match held {
        Held::Live(place) => Some(*place),
        Held::Never | Held::Gone => None,
    };
    let held = receiver.held.iter().map(holds).collect();
    let (mut put, withdraw) = (*model.protocol.repair(given, held)).clone();
    if stream.ended || receiver.ended {
        put.clear();
    }
    (!put.is_empty() || !withdraw.is_empty()).then_some((put, withdraw))
}

fn repair(model: &Streams, state: &mut State, to: u8) {
    let Some((put, withdraw)) = repairs(model, state, to) else { return };
    put.into_iter().for_each(|object| append(state, to, What::Put(object)));
    withdraw.into_iter().for_each(|object| append(state, to, What::Withdraw(object)));
}
