//! Prepared documents on their way through a topic, from preparers to the committer.
//!
//! Invariants:
//! - A message's key is its document's id, so that a partition has the changes of a document in the order
//!   in which they were written.
//! - What is larger than a message may be is written ahead in parts, and the message names their offsets.
//!   A preparer that dies between leaves parts that no message names; nothing waits for them.
//! - A preparer takes note of its progress after its messages are acknowledged. What it wrote without
//!   taking note it writes again, and so does another that takes its partitions over. The versions of the
//!   documents tell the committer that it has them: exactly once is the guard's doing.

mod message;
mod parts;
mod reader;
mod topic;

pub(crate) use reader::Reader;
pub use topic::{PreparedTopic, PreparedTopicSpec};
