//! What there is in one moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use exchange::Position;

use crate::Scope;

/// The nodes, the network, and what may still go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The sending node.
    pub origin: Origin,
    /// Its backup.
    pub backup: Option<Arc<Origin>>,
    /// The receiving nodes.
    pub receivers: Vec<Receiver>,
    /// Everything ever sent, in order of itself, each once.
    pub network: Vec<Message>,
    /// Which links are cut.
    pub cut: Vec<bool>,
    /// How often links may still be cut.
    pub cuts: u8,
    /// How often receivers may still crash.
    pub restarts: u8,
    /// How often the origin may still be restored.
    pub restores: u8,
    /// How often agreements may still be ended.
    pub ends: u8,
    /// Which life of the origin this is: entries of different lives differ, whatever they do.
    pub life: u8,
    /// What was seen to go wrong.
    pub faults: Faults,
}

/// Seen by nobody in the model: what the properties are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Faults {
    /// An entry was taken in a second time, or before its turn.
    pub twice: bool,
    /// Something that was taken back is held again.
    pub resurrected: bool,
    /// Content was taken in by a receiver that knew of the agreement's end.
    pub after_end: bool,
    /// A receiver raised the alarm of equivocation, or a sender that of another chain.
    pub accused: bool,
    /// Content was void because the agreement had ended: no fault, but it should happen.
    pub void: bool,
}

/// The sending node's store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Each object: not yet published, published, withdrawn.
    pub objects: Vec<Published>,
    /// One stream for each receiver.
    pub streams: Vec<Outbound>,
}

/// How an object stands at its origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Published {
    /// Not yet.
    No,
    /// Yes.
    Yes,
    /// Taken back.
    Withdrawn,
}

/// One stream at its sender.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outbound {
    /// The epoch.
    pub epoch: u32,
    /// Where the epoch before ended.
    pub follows: Option<Position>,
    /// Its entries, from 1.
    pub ops: Vec<Op>,
    /// The last one acknowledged.
    pub acked: u64,
    /// Whether the agreement is known here to have ended.
    pub ended: bool,
    /// Whether the node was restored and must ask where the receiver stands before it sends.
    pub ask: bool,
    /// For each object, the entry that gave it last.
    pub given: Vec<Option<Place>>,
    /// For each object, whether the receiver has confirmed that it is gone.
    pub gone: Vec<bool>,
}

/// A place in a stream: epoch and number.
pub type Place = (u32, u64);

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op {
    /// What it does.
    pub what: What,
    /// In which life of the origin it was appended.
    pub life: u8,
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Brings an object.
    Put(u8),
    /// Takes it back.
    Withdraw(u8),
    /// Ends the agreement.
    End,
}

/// A receiving node's store, and the push it is working on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receiver {
    /// How far the stream was taken in.
    pub position: Position,
    /// The last entry taken in, as nobody in the model but the properties knows it.
    pub last: Place,
    /// Whether the agreement is known here to have ended.
    pub ended: bool,
    /// What is held.
    pub held: Vec<Held>,
    /// A push that was received and is not yet committed: lost in a crash.
    pub pending: Option<Arc<Push>>,
}

/// How an object stands at a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    /// It never came.
    Never,
    /// It is held, by this entry.
    Live(Place),
    /// It was taken back.
    Gone,
}

/// Something on its way, or that was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// Entries, to a receiver.
    Push(Arc<Push>),
    /// An acknowledgement, from a receiver.
    Ack(u8, Position),
    /// "This object is gone here", from a receiver.
    Receipt(u8, u8),
    /// "I have ended the agreement", from a receiver.
    Notice(u8),
}

/// A push: the stream's entries up to the last one sent, of which those from `first` on travel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Push {
    /// To which receiver.
    pub to: u8,
    /// Of which epoch.
    pub epoch: u32,
    /// What that follows.
    pub follows: Option<Position>,
    /// All entries of the epoch up to the last one sent.
    pub ops: Vec<Op>,
    /// The first one that travels.
    pub first: u64,
    /// The objects whose content has been erased.
    pub erased: BTreeSet<u8>,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The origin publishes an object to all receivers with whom the agreement is in force.
    Publish(u8),
    /// It takes it back from all it was given to.
    Withdraw(u8),
    /// It ends the agreement with one receiver.
    EndHere(u8),
    /// A receiver ends it.
    EndThere(u8),
    /// It sends what is not acknowledged.
    Send(u8),
    /// A push arrives.
    Receive(Arc<Push>),
    /// A receiver commits what arrived, and acknowledges it.
    Commit(u8),
    /// A receiver crashes and starts again.
    Restart(u8),
    /// Something arrives at the origin.
    Deliver(Message),
    /// The origin is backed up.
    Save,
    /// It is restored.
    Restore,
    /// Restored, it asks a receiver where it stands, and starts an epoch.
    Ask(u8),
    /// The origin compares what it has given with what is held.
    Repair(u8),
    /// A link is cut.
    Cut(u8),
    /// It is mended.
    Mend(u8),
}

impl State {
    pub(crate) fn new(scope: &Scope) -> Self {
        let objects = usize::from(scope.objects);
        let stream = Outbound {
            epoch: 1,
            follows: None,
            ops: Vec::new(),
            acked: 0,
            ended: false,
            ask: false,
            given: vec![None; objects],
            gone: vec![false; objects],
        };
        let receiver = Receiver {
            position: Position::default(),
            last: (0, 0),
            ended: false,
            held: vec![Held::Never; objects],
            pending: None,
        };
        let receivers = usize::from(scope.receivers);
        Self {
            origin: Origin { objects: vec![Published::No; objects], streams: vec![stream; receivers] },
            backup: None,
            receivers: vec![receiver; receivers],
            network: Vec::new(),
            cut: vec![false; receivers],
            cuts: scope.cuts,
            restarts: scope.restarts,
            restores: scope.restores,
            ends: scope.ends,
            life: 0,
            faults: Faults::default(),
        }
    }

    /// Sends something: from now on it may arrive.
    pub(crate) fn send(&mut self, message: Message) {
        if let Err(place) = self.network.binary_search(&message) {
            self.network.insert(place, message);
        }
    }

    /// Streams with their receivers.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&Outbound, &Receiver)> {
        self.origin.streams.iter().zip(&self.receivers)
    }

    pub(crate) fn any_held(&self, is: impl Fn(&Held) -> bool) -> bool {
        self.receivers.iter().any(|receiver| receiver.held.iter().any(&is))
    }

    /// Whether every entry the origin believes to be taken in is. A push that is received but not committed is not
    /// lost yet; an origin that was restored does not rely on what it believes until it has asked.
    pub(crate) fn nothing_acknowledged_is_lost(&self) -> bool {
        self.pairs().all(|(stream, receiver)| {
            let reached = (receiver.position.epoch, receiver.position.seq);
            stream.ask
                || receiver.pending.is_some()
                || stream.acked == 0
                || reached >= (stream.epoch, stream.acked)
        })
    }
}
