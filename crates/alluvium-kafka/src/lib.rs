//! Kafka topics of change events.
//!
//! Invariants:
//! - Where reading starts is the checkpoint's business alone. The group's committed offsets are a mirror of
//!   it for the tools that show a consumer's lag, written after a record is published. Only preparers, who
//!   have no ledger, go on from them ([`KafkaMode::Share`]).
//! - A partition's position is the next offset to be read. Before a partition is read, its position is
//!   compared with what the log still has: a position that the log does not reach any more is never passed
//!   over in silence ([`OffsetLost`]).
//! - Where a schema registry is named, values (and keys, where it says so) are JSON text before they are
//!   events ([`registry`]). What is kept and copied of a refused message are the bytes that were sent.
//! - librdkafka is never asked to find an offset: partitions are taken at offsets that are numbers.
//! - Every message is one change: one that is no event, or whose key is not its document's id, is a refused
//!   change under an id of its own. None is dropped, and none is in the way of the next. Where its format
//!   says that contents stay as they are, it is counted as skipped.
//! - A partition that another member of the group takes away is not read on, and its offsets are not
//!   committed any more. What of it is in flight is published all the same: it is older than whatever comes
//!   after it, the versions of its documents say so, and the checkpoint goes on from where it ends.
//! - No thread of the runtime ever waits for a broker: one thread a source does, and it polls for messages
//!   only while it is asked for some. What librdkafka fetches ahead is bounded in bytes.
//! - A consumer that is closed answers its group once more and never again, and nobody waits for a worker's
//!   end without limit (`client::Life`, `life`).

mod again;
mod backfill;
mod client;
mod connection;
mod convert;
mod dead_letters;
mod fetch;
mod headers;
mod intake;
mod life;
mod log;
mod mirror;
mod prepared;
mod producer;
mod reach;
mod registry;
mod settings;
mod source;
mod topics;
mod worker;

pub use connection::{Connection, Identity, Sasl, SaslMechanism, Tls};
pub use dead_letters::{DeadLetterSpec, DeadLetters};
pub use prepared::{PreparedTopic, PreparedTopicSpec};
pub use reach::cannot_replay;
pub use registry::{RegistryCredentials, SchemaRegistrySpec};
pub use settings::{EventsSpec, KafkaMode, KafkaSpec, Messages, OffsetLost, PreparedSpec};
pub use source::KafkaSource;
