//! The index on storage: tables, ledger, claim, commit and search.
//!
//! Everything that knows lance, lancedb or arrow is in this crate, and none of it shows in its public
//! types. Decisions live in `alluvium-core` and in [`plan`](crate), as pure functions; what is here
//! carries them out and observes.

// The helpers of the tests in `tests/` serve those in here, too.
#[cfg(test)]
extern crate self as alluvium_index;

mod claim;
mod compare;
mod contents;
mod due;
mod error;
mod explain;
mod fault;
mod filter;
mod guarded;
mod indexes;
mod intervene;
mod known;
mod layout;
mod ledger;
mod located;
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
mod task;
mod tuning;
mod vacuum;
mod verify;
mod writer;

pub use compare::{HeldDocument, Standing};
pub use contents::Diff;
pub use due::Due;
pub use error::{ErrorKind, IndexError};
pub use explain::Explanation;
#[doc(hidden)]
pub use fault::Fault;
pub use intervene::Intervention;
pub use lookup::LiveLookup;
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
pub use verify::{Check, Checked, Finding, Findings, Watch, verify, verify_watched};
pub use writer::{
    Options, Rollback, RollbackOptions, RollbackPlan, Upkeep, UpkeepReport, UpkeepTable, UpkeepTask, Work,
    Writer,
};
