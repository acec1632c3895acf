//! The topology that carries document changes from sources into the index.
//!
//! ```text
//! source ──▶ look up vectors ──▶ extract ▶ chunk ▶ embed ──▶ put in order ──▶ commit
//!  pulled      once a batch       a task a document,            one loop, one writer;
//!  when there                     sessions shared by all        the next documents are
//!  is room                        documents, chunk by chunk     prepared meanwhile
//! ```
//!
//! Invariants:
//!
//! - **Bounded.** Every document in flight is charged to one budget of bytes and documents, from the
//!   moment it is pulled until it is committed or dropped; a source is asked only when there is room.
//!   Nothing is kept of a document past its commit, so that memory does not grow with time.
//! - **In order.** Changes of one document reach the writer in the order in which they were pulled,
//!   however long each took to prepare. Those of different documents overtake each other freely.
//! - **Fair.** Where sources are followed, changes that come one at a time overtake a backlog wherever both
//!   wait, and the backlog keeps every other turn (`turns`).
//! - **Progress last.** A source's deltas are committed with or after every change pulled from it before
//!   them.
//! - **Never in the way.** What is wrong with one document is a refusal of that document. What is wrong
//!   with the machinery stops the run, and what was finished by then is committed.
//!
//! The same topology runs in two ways:
//!
//! | | [`backfill()`] | [`follow()`] |
//! |---|---|---|
//! | sources | one after the other, to their ends | side by side; one that ends leaves the others |
//! | a source that can't answer | ends the run | is asked again, ever less often, and shows in health |
//! | progress without changes | at the end, if the run published | at a bounded rate |
//! | cancelled | drops what is not finished | stops pulling, lets what is in flight finish, to a deadline |
//! | a source that is read once ([`SourceRun::once`]) | as all are | the run drains when all of them have ended |
//! | somebody else has published | the next commit is fenced | noticed within a second; drops what is in flight |
//!
//! Deliberately absent: anything that knows a storage, a format or a model. This crate sees the seams of
//! `alluvium-core` only.

mod acknowledge;
mod backfill;
mod budget;
mod commit;
mod embedders;
mod error;
mod flight;
mod follow;
mod following;
mod health;
mod loading;
mod order;
mod pipeline;
mod prepare;
mod pull;
mod retry;
mod shared;
mod topology;
mod turns;

#[cfg(test)]
mod tests;

pub use backfill::backfill;
pub use embedders::Embedders;
pub use error::RunError;
pub use flight::InFlight;
pub use follow::follow;
pub use health::{Health, HealthSnapshot, Published, SourceHealth, SourceState};
pub use pipeline::{
    FollowEnd, FollowSettings, NoProgress, Pipeline, Progress, Report, Settings, Snapshot, SourceRun,
};
