//! What was found, and how much was looked at.

use std::collections::HashMap;
use std::fmt;

use alluvium_core::ledger::Record;
use serde::{Deserialize, Serialize};

/// Most findings of one check that are kept: a broken table must not fill the memory.
const MOST: u64 = 1000;

/// What is checked. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A ledger record that can't be read.
    RecordUnreadable,
    /// Sequence numbers that are not there.
    LedgerHole,
    /// An epoch smaller than the one before.
    EpochFell,
    /// Two writers in one epoch.
    EpochShared,
    /// A source's position that went back, or away, without a rollback.
    CheckpointWentBack,
    /// A record that names a table version which is not there.
    VersionMissing,
    /// A release whose record is not there or can't be read.
    ReleaseBroken,
    /// A table of the newest record that can't be opened or read.
    TableUnreadable,
    /// The tag `live` is elsewhere than the newest record.
    TagBehind,
    /// A document with two rows.
    DuplicateDocument,
    /// A document with two policies.
    DuplicatePolicy,
    /// A chunk id with two rows.
    DuplicateChunk,
    /// Chunks of a document that is not there or not indexed.
    OrphanChunk,
    /// An indexed document with more or fewer chunks than its row says.
    ChunkCount,
    /// Chunks of a document that are not numbered from 0 without gaps.
    ChunkOrdinal,
    /// Chunks that are not of the content that their document's row describes.
    MixedVersions,
    /// An indexed document without its text, or with another one.
    DocumentText,
    /// A chunk that is not the text at its place.
    ChunkSpan,
    /// A chunk whose hash is another text's.
    ChunkHash,
    /// Chunks of a document that are out of order.
    ChunkOrder,
    /// Pages of a chunk that are not those at its place.
    PageSpan,
    /// A vector of the wrong length, with values that are no numbers, or not of length 1 as its model's.
    BadVector,
    /// A policy whose hash is another access list's.
    PolicyHash,
    /// A document without a policy.
    PolicyMissing,
    /// Chunks under another access list than their document's policy.
    AccessCopy,
    /// An erased document that is still served.
    ErasedServed,
    /// A deleted document that is still served.
    DeletedServed,
    /// A principal to whom the access index shows other rows than may be read.
    IndexAccess,
    /// A look-up by key that finds other rows than there are.
    IndexKey,
    /// A quarantine item with two rows.
    DuplicateQuarantine,
    /// A quarantine item that contradicts itself.
    QuarantineInconsistent,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(word)) => f.write_str(&word),
            _ => Err(fmt::Error),
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check found it.
    pub check: Check,
    /// Of what: a document, a chunk, a table, a record.
    pub subject: String,
    /// What exactly.
    pub detail: String,
}

/// How much was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Ledger records.
    pub records: u64,
    /// Releases.
    pub releases: u64,
    /// Document rows, of whatever state.
    pub documents: u64,
    /// Chunk rows.
    pub chunks: u64,
    /// Policy rows.
    pub policies: u64,
    /// Quarantine rows.
    pub quarantine: u64,
    /// Principals whose rows were counted through the access indexes.
    pub principals: u64,
}

/// What a look at an index came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// The newest record.
    pub seq: u64,
    /// Its generation; null where the record can't be read.
    pub generation: Option<String>,
    /// How much was looked at.
    pub checked: Checked,
    /// What is wrong; of each check the first thousand.
    pub findings: Vec<Finding>,
    /// All that is wrong, counted.
    pub total: u64,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.total == 0
    }
}

/// Where the checks put what they find.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) checked: Checked,
    findings: Vec<Finding>,
    counts: HashMap<Check, u64>,
}

impl Sink {
    pub(super) fn add(&mut self, check: Check, subject: impl fmt::Display, detail: impl fmt::Display) {
        let count = self.counts.entry(check).or_default();
        *count += 1;
        if *count <= MOST {
            let (subject, detail) = (subject.to_string(), detail.to_string());
            self.findings.push(Finding { check, subject, detail });
        }
    }

    pub(super) fn findings(self, seq: u64, head: Option<&Record>) -> Findings {
        Findings {
            seq,
            generation: head.map(|head| head.generation.to_string()),
            checked: self.checked,
            findings: self.findings,
            total: self.counts.values().sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_counted_and_hides_no_other() {
        let mut sink = Sink::default();
        (0..5000).for_each(|i| sink.add(Check::OrphanChunk, i, "x"));
        sink.add(Check::TagBehind, "chunks", "y");
        let findings = sink.findings(1, None);
        assert_eq!((findings.total, findings.findings.len()), (5001, 1001));
        assert_eq!(findings.findings.last().map(|f| f.check.to_string()).as_deref(), Some("tag_behind"));
    }
}
