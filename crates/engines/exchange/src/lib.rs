//! Streams between parties: what one node says to another, numbered, chained, signed and taken in exactly once.
//!
//! Each (sender, receiver, agreement) is a gap-free stream. [`append`] makes [`Envelope`]s, [`seal`] signs a run of
//! them as a [`Segment`], [`wire`] frames them, [`accept`] decides on the other side, and an [`Ack`] comes back.
//! [`courier`] carries the same stream in files, [`repair`] finds what the two sides disagree on, [`origin`] lets a
//! creator's word travel with an object over every hop. All of it is functions over values: the caller loads,
//! decides, and commits position and effects in one transaction.
//!
//! Content travels beside its envelope, which only commits to it: so content can be erased while the chain stays
//! verifiable, and a relay that sees envelopes sees no content and no STIX id.
//!
//! **Invariant:** nothing is taken in that its sender did not sign, out of its order, twice, or under an agreement
//! version that is not in force here; whatever contradicts what was taken in before is an alarm, never an update.
//!
//! **Must not know:** sockets, files, stores, clocks, random numbers, what a label or an obligation means.

mod ack;
mod body;
pub mod courier;
mod envelope;
mod holdings;
mod labels;
pub mod merkle;
mod names;
pub mod origin;
mod payload;
mod read;
mod receiver;
pub mod repair;
mod segment;
mod sender;
mod signing;
mod stream;
pub mod wire;

pub use ack::{Ack, AckRefusal, Acknowledged, Outbound, Resume, check_ack, next_epoch, resume};
pub use body::{Body, Companion, Content, Erasure, Reason, Receipt, ReceiptItem, Relabel, Withdraw};
pub use envelope::Envelope;
pub use holdings::{HoldingChange, holding_change};
pub use labels::{LabelChange, label_change};
pub use names::NamingKey;
pub use payload::commitment;
pub use read::Malformed;
pub use receiver::{
    Accepted, Admission, Effect, EpochChange, Handover, Inbound, Limits, PushRefusal, Terms, Void, accept,
};
pub use segment::{Follows, MAX_SEGMENT, Segment};
pub use sender::{AppendRefusal, Entry, Item, append, cut, seal};
pub use signing::{BadSigner, Claim, Signer, Signers, Standing};
pub use stream::{Kind, MAX_NUMBER, Position, StreamId};
