//! The index on storage: tables, ledger, claim, commit and search.
//!
//! Everything that knows lance, lancedb or arrow is in this crate, and none of it shows in its public
//! types. Decisions live in `alluvium-core` and in [`plan`](crate), as pure functions; what is here
//! carries them out and observes.

mod claim;
mod contents;
mod error;
mod explain;
mod filter;
mod guarded;
mod indexes;
mod intervene;
mod known;
mod layout;
mod ledger;
mod lock;
mod lookup;
mod maintain;
mod manifests;
mod plan;
mod reader;
mod releases;
mod rows;
mod schema;
mod search;
mod status;
mod storage;
mod table;
mod tables;
mod tuning;
mod writer;

pub use contents::Diff;
pub use error::{ErrorKind, IndexError};
pub use explain::Explanation;
pub use intervene::Intervention;
pub use reader::{Index, QuarantineDetail, QuarantineItem};
pub use releases::{Release, Releases, Target};
pub use schema::schema_json;
pub use search::{
    Condition, ConditionError, Found, Hit, LegPlan, Scan, SearchMode, SearchPlan, SearchRequest,
};
pub use status::{DocumentCounts, LiveStatus, SourceStatus, Status};
pub use storage::Durability;
#[cfg(feature = "failpoints")]
pub use storage::faults;
pub use tuning::Tuning;
pub use writer::{Options, Rollback, RollbackOptions, RollbackPlan, Writer};
