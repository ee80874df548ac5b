//! Streams against an adversary, a lossy network and a tired operator.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is not as it should be"
)]

extern crate shieldwall_exchange as exchange;

mod accept;
mod ack;
mod body;
mod courier;
mod envelope;
mod golden;
mod interleave;
mod keys;
mod names;
mod origin;
mod repair;
mod segment;
mod support;
mod wire;
