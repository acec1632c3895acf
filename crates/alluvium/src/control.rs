//! The control socket of a daemon: how another process of this machine asks the one that writes an index to
//! do something, because it alone may.
//!
//! A client connects to `control.sock` in the index's folder, sends one request, and reads answers until one
//! of them ends the conversation. All of them are JSON objects, one a line, and name their schema.
//!
//! Invariants:
//! - The daemon listens as long as it holds the writer's lock, so that what lies there from a dead one is
//!   nobody's, and is removed.
//! - Only the user whose daemon it is may ask.
//! - Nothing that a client does holds up the daemon: conversations are tasks of their own, few at a time,
//!   and every line and every wait in them is bounded.

mod client;
mod lines;
mod protocol;
mod server;
mod socket;

pub(crate) use client::ask;
pub(crate) use protocol::{BackfillRequest, Done};
pub(crate) use server::{Asked, Control, State, Ticket};
