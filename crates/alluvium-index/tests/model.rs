//! Random sequences of everything that happens to an index, against a model in memory that says what each
//! principal may find. After every step a reader must see exactly that.
//!
//! `ARCHITECTURE.md` says how to run more of it, and how to run a failing sequence again.
#![allow(clippy::print_stderr, reason = "says what was tried")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;
#[path = "model/mod.rs"]
mod model;

use model::run::{Seed, hold};

/// Sequences of one test; there are six of them, so that they run side by side.
const SHARE: u32 = 50;

#[test]
fn fixed_sequences_hold_1() {
    hold(Seed::Fixed(1), SHARE);
}

#[test]
fn fixed_sequences_hold_2() {
    hold(Seed::Fixed(2), SHARE);
}

#[test]
fn fixed_sequences_hold_3() {
    hold(Seed::Fixed(3), SHARE);
}

#[test]
fn fresh_sequences_hold_1() {
    hold(Seed::Fresh(1), SHARE);
}

#[test]
fn fresh_sequences_hold_2() {
    hold(Seed::Fresh(2), SHARE);
}

#[test]
fn fresh_sequences_hold_3() {
    hold(Seed::Fresh(3), SHARE);
}
