//! The ledger: one small record a publish. It is the only thing that readers and recovery trust.
//!
//! Invariants:
//! - a sequence number is used once: records are created with put-if-absent and never rewritten;
//! - from the head's floor on there are no holes; below it only what a release names is kept;
//! - names sort newest first, so that the head is the first name of a listing;
//! - a record names exact table versions and the checkpoint that they contain;
//! - epochs never fall; within an epoch the nonce of the writer never changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::fingerprint::GenerationFingerprint;
use crate::id::{Generation, PipelineName};

/// The version of the record's shape.
pub const SCHEMA: &str = "alluvium.ledger.v1";

/// One publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: String,
    /// Sequence number, from 1, given once.
    pub seq: u64,
    /// Which claim the writer holds.
    pub epoch: u64,
    /// The writer of this epoch.
    pub writer: Writer,
    /// Why this record was written.
    pub reason: Reason,
    /// When.
    pub created_at: Timestamp,
    /// The pipeline that the index belongs to.
    pub pipeline: PipelineName,
    /// The live generation.
    pub generation: Generation,
    /// What makes the generation what it is.
    pub fingerprint: GenerationFingerprint,
    /// Table name → the version that is live.
    pub tables: BTreeMap<String, u64>,
    /// What of the sources these versions contain.
    pub checkpoint: Checkpoint,
    /// Whether ingestion is paused until a person resumes it.
    pub paused: bool,
    /// Of a rollback, the record whose content it brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back_to: Option<u64>,
    /// Records below it are gone, or about to go, unless a release names them. It never falls.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub floor: u64,
}

impl Record {
    /// The oldest record of those that have no holes: from here to this one all are there.
    pub fn floor(&self) -> u64 {
        self.floor.max(1)
    }
}

fn is_zero(floor: &u64) -> bool {
    *floor == 0
}

/// Who wrote a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Random, fixed for one claim; tells one's own record from another's after a lost answer.
    pub nonce: String,
    /// Host name.
    pub host: String,
    /// Process id.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
}

/// Why a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A writer announces its epoch; the tables are still those of the record before.
    Claim,
    /// The tables were restored under the new epoch; what they hold is what they held.
    Restore,
    /// A batch of changes.
    Commit,
    /// Indexes were merged or fragments compacted; what the tables hold is what they held.
    Maintenance,
    /// Content went back to that of an earlier record.
    Rollback,
    /// Ingestion goes on.
    Resume,
    /// A document was erased.
    Erase,
    /// An erasure was undone: its id takes changes again.
    Unerase,
    /// A person retried or dropped quarantined changes.
    Quarantine,
    /// The floor rose: what is below it goes. What the tables hold is what they held.
    Vacuum,
}

impl Reason {
    /// Whether such a record may change what is served or what people decided.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Claim | Self::Restore | Self::Maintenance | Self::Vacuum)
    }
}

/// The tables of an index, by role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TableRole {
    /// One row a chunk, one table a generation.
    Chunks,
    /// One row a document, one table a generation.
    Documents,
    /// One row a document id ever seen.
    Policy,
    /// One row a refused change.
    Quarantine,
}

impl TableRole {
    /// All roles, in the order in which a commit writes them.
    pub const ALL: [Self; 4] = [Self::Chunks, Self::Documents, Self::Policy, Self::Quarantine];

    /// The table's name in `generation`.
    pub fn table(self, generation: &Generation) -> String {
        match self {
            Self::Chunks => format!("chunks_{generation}"),
            Self::Documents => format!("documents_{generation}"),
            Self::Policy => "policy".to_owned(),
            Self::Quarantine => "quarantine".to_owned(),
        }
    }
}

/// The folder of records under the index's root.
pub const FOLDER: &str = "ledger";

/// The file name of a record. Names of greater sequence numbers sort first.
pub fn file_name(seq: u64) -> String {
    format!("{:020}.json", u64::MAX - seq)
}

/// The sequence number that a file name stands for; `None` for files that are not records.
pub fn seq_of(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".json")?;
    let well_formed = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    if !well_formed {
        return None;
    }
    digits.parse::<u64>().ok().map(|inverse| u64::MAX - inverse)
}

/// Why a record can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not a record at all, or torn.
    #[error("is not a readable ledger record: {0}")]
    Unreadable(String),
    /// Another shape.
    #[error("has the schema {0:?}; this program knows {SCHEMA:?}")]
    Schema(String),
    /// The name and the content disagree.
    #[error("holds sequence {found}, its name says {expected}")]
    Seq {
        /// What the record says.
        found: u64,
        /// What its name says.
        expected: u64,
    },
}

/// Reads a record that stands under the name of `seq`.
pub fn parse(bytes: &[u8], seq: u64) -> Result<Record, RecordError> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| RecordError::Unreadable(e.to_string()))?;
    let schema = value.get("schema").and_then(|s| s.as_str()).unwrap_or("");
    if schema != SCHEMA {
        return Err(RecordError::Schema(schema.to_owned()));
    }
    let record: Record = serde_json::from_value(value).map_err(|e| RecordError::Unreadable(e.to_string()))?;
    if record.seq != seq {
        return Err(RecordError::Seq { found: record.seq, expected: seq });
    }
    Ok(record)
}

/// What to do after a put-if-absent found a record in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupied {
    /// It is one's own: the put had succeeded and its answer was lost.
    Mine,
    /// Somebody else published: one is fenced.
    Fenced {
        /// The other writer.
        by: Writer,
        /// Its epoch.
        epoch: u64,
        /// When it wrote.
        since: Timestamp,
    },
}

/// Judges a record that was found where one's own should go.
pub fn judge_occupied(mine: &Record, found: &Record) -> Occupied {
    if mine.writer.nonce == found.writer.nonce && mine.tables == found.tables && mine.epoch == found.epoch {
        Occupied::Mine
    } else {
        Occupied::Fenced { by: found.writer.clone(), epoch: found.epoch, since: found.created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_names_sort_first() {
        assert!(file_name(2) < file_name(1));
        assert!(file_name(10) < file_name(9));
        for seq in [0, 1, 12345, u64::MAX] {
            assert_eq!(seq_of(&file_name(seq)), Some(seq));
        }
        assert_eq!(seq_of("123.json"), None);
        assert_eq!(seq_of("x.tmp"), None);
    }

    #[test]
    fn torn_and_foreign_records_are_named() {
        assert!(matches!(parse(b"{\"schema\":\"allu", 1), Err(RecordError::Unreadable(_))));
        assert!(matches!(parse(b"{\"schema\":\"v9\"}", 1), Err(RecordError::Schema(_))));
    }
}
