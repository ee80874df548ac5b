//! What becomes of a state when nothing goes wrong any more.

use crate::Streams;
use crate::state::{Action, Held, Message, Published, State};
use crate::step::{apply, repairs};

/// How often everybody does all they can before it must be done.
const ROUNDS: usize = 12;

/// Whether origin and receivers agree once links are mended and everything that is sent arrives.
///
/// This stands for "eventually" without having to find fair paths: from each state on, the one path on which nothing
/// is lost any more must lead to agreement.
pub(crate) fn agrees(model: &Streams, state: &State) -> bool {
    let mut healed = state.clone();
    for _ in 0..ROUNDS {
        let before = healed.clone();
        for party in 0..model.scope.receivers {
            round(model, &mut healed, party);
        }
        if healed == before {
            return agree(&healed);
        }
    }
    false
}

fn round(model: &Streams, state: &mut State, party: u8) {
    let does = |state: &mut State, action: Action| apply(model, state, &action);
    does(state, Action::Mend(party));
    does(state, Action::Commit(party));
    if state.origin.streams.get(usize::from(party)).is_some_and(|stream| stream.ask) {
        does(state, Action::Ask(party));
    }
    let from = |message: &&Message| match message {
        Message::Receipt(from, _) | Message::Notice(from) => *from == party,
        Message::Ack(..) | Message::Push(_) => false,
    };
    let words: Vec<Message> = state.network.iter().filter(from).cloned().collect();
    words.into_iter().for_each(|message| does(state, Action::Deliver(message)));
    exchange(model, state, party);
    if repairs(model, state, party).is_some() {
        does(state, Action::Repair(party));
        exchange(model, state, party);
    }
}

/// Sends, receives, commits, acknowledges.
fn exchange(model: &Streams, state: &mut State, party: u8) {
    let sent = state.network.clone();
    apply(model, state, &Action::Send(party));
    // The push that was just sent, or the same one, sent before.
    let pushes = state.network.iter().filter_map(|message| match message {
        Message::Push(push) if push.to == party => Some((!sent.contains(message), push)),
        _ => None,
    });
    let current =
        state.origin.streams.get(usize::from(party)).map(|stream| (stream.epoch, &stream.ops, stream.acked));
    let matching =
        pushes.filter(|(_, push)| Some((push.epoch, &push.ops, push.first.saturating_sub(1))) == current);
    let Some((_, push)) = matching.max_by_key(|(new, _)| *new) else { return };
    let push = push.clone();
    apply(model, state, &Action::Receive(push));
    apply(model, state, &Action::Commit(party));
    let reached = state.receivers.get(usize::from(party)).map(|receiver| receiver.position);
    if let Some(position) = reached.filter(|position| position.epoch > 0) {
        apply(model, state, &Action::Deliver(Message::Ack(party, position)));
    }
}

fn agree(state: &State) -> bool {
    let sound =
        !state.faults.accused && !state.faults.twice && !state.faults.resurrected && !state.faults.after_end;
    let agreed = state.pairs().all(|(stream, receiver)| {
        let arrived = stream.acked == stream.ops.len() as u64;
        let objects = state.origin.objects.iter().zip(&stream.gone).zip(&receiver.held);
        let right = objects.into_iter().all(|((published, gone), held)| {
            let live = matches!(held, Held::Live(_));
            match published {
                Published::Withdrawn => !live,
                Published::Yes if stream.ended || receiver.ended => true,
                // A receiver from whom it was taken back in a life the origin has forgotten keeps it gone, and the
                // origin has been told.
                Published::Yes => live != *gone,
                Published::No => !live,
            }
        });
        arrived && right
    });
    sound && agreed
}
