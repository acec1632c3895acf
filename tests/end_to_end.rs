//! What crosses crates, seen from outside: the real program over real files with real models, and plain
//! LanceDB in Python beside it. One file a promise; `harness` is what they share.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failed `unwrap` in a test is a failed test"
)]

mod access;
mod beside;
mod buckets;
mod circumstances;
mod commands;
mod counts;
mod daemon;
mod docs;
mod events;
mod foreign_events;
mod formats;
mod harness;
mod hostile;
mod increments;
mod interrupted;
mod kafka;
mod killed;
mod maintain;
mod meant;
mod provenance;
mod readable;
mod reader;
mod roles;
mod rollback;
mod search;
mod strangers;
mod superseded;
mod unreadable;
mod verify;
