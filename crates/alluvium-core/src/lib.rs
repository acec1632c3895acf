//! What Alluvium is about, without doing any of it: domain types, the traits at its seams, and the
//! decisions of the commit path as pure functions over observed facts.
//!
//! Deliberately absent: IO, tokio, arrow, lance. Everything here can be table-tested.

pub mod access;
pub mod asking;
pub mod brake;
pub mod change;
pub mod checkpoint;
pub mod chunk;
pub mod clock;
pub mod commit;
pub mod document;
pub mod embed;
pub mod extract;
pub mod fingerprint;
pub mod fold;
pub mod guard;
pub mod hash;
pub mod id;
pub mod ledger;
pub mod notes;
pub mod pattern;
pub mod percent;
pub mod policy;
pub mod quarantine;
pub mod retention;
pub mod rollback;
pub mod skipped;
pub mod source;
pub mod stop;
pub mod text;
pub mod unmeant;
mod vector;
pub mod version;
