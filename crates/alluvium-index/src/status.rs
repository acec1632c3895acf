//! What an index holds and how fresh it is.

use std::collections::{BTreeSet, HashSet};

use alluvium_core::access::Acl;
use alluvium_core::ledger::TableRole;
use alluvium_core::quarantine::Stage;
use jiff::Timestamp;
use serde::Serialize;

use crate::contents::{LISTS, lists};
use crate::error::Result;
use crate::filter::{equals, is_zero, one_of};
use crate::reader::{Index, open_quarantine};
use crate::rows::{QuarantineRow, is_of_newer_content};

/// Ids that one look-up asks for, at most.
const IDS_AT_A_TIME: usize = 1_000;

/// The state of an index.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The newest record.
    pub live: LiveStatus,
    /// Documents by state.
    pub documents: DocumentCounts,
    /// Rows of `chunks`.
    pub chunks: u64,
    /// Of those, rows that the model can't read: found by words only.
    pub chunks_words_only: u64,
    /// Sources that have been read.
    pub sources: Vec<SourceStatus>,
    /// Fragments of `chunks`.
    pub fragments: u64,
    /// Versions of `chunks` that are kept.
    pub versions: u64,
}

/// The newest record, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveStatus {
    /// Its sequence number.
    pub seq: u64,
    /// The epoch of its writer.
    pub epoch: u64,
    /// The live generation.
    pub generation: String,
    /// Whether ingestion is paused.
    pub paused: bool,
}

/// Documents by state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentCounts {
    /// Served. One that is kept for nobody, because its access list is missing or can't be read, is quarantined
    /// and nothing else.
    pub indexed: u64,
    /// Gone.
    pub deleted: u64,
    /// With a change that waits in quarantine; its last good version, if any, counts as served too.
    pub quarantined: u64,
    /// Served in their last good version, while newer content waits in quarantine.
    pub stale: u64,
}

/// How far a source has been read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// All that happened before this moment is in the index.
    pub watermark: Option<Timestamp>,
    /// Seconds since the watermark.
    pub freshness_seconds: Option<f64>,
    /// Changes that wait in the source; null where the source can't tell.
    pub backlog: Option<u64>,
}

impl Index {
    /// Counts what the index holds. `now` is what freshness is measured against.
    pub async fn status(&self, now: Timestamp) -> Result<Status> {
        let documents = self.tables.get(TableRole::Documents)?;
        let chunks = self.tables.get(TableRole::Chunks)?;
        let waiting = open_quarantine(&self.tables).await?;
        let hidden = self.hidden(&waiting).await?;
        let newer = waiting.iter().filter(|row| is_of_newer_content(&row.stage, &row.cause));
        let newer: HashSet<&str> = newer.map(|row| row.doc_id.as_str()).collect();
        let newer: Vec<&str> = newer.into_iter().collect();
        let quarantined: HashSet<&str> = waiting.iter().map(|row| row.doc_id.as_str()).collect();
        let versions = chunks.versions().await?;
        Ok(Status {
            live: LiveStatus {
                seq: self.record.seq,
                epoch: self.record.epoch,
                generation: self.record.generation.to_string(),
                paused: self.record.paused,
            },
            documents: DocumentCounts {
                indexed: documents.count(Some(equals("state", "indexed"))).await?.saturating_sub(hidden),
                deleted: documents.count(Some(equals("state", "deleted"))).await?,
                quarantined: quarantined.len() as u64,
                stale: self.indexed_among(&newer).await?,
            },
            chunks: chunks.count(None).await?,
            chunks_words_only: chunks.count(Some(is_zero("tokens"))).await?,
            sources: self.sources(now),
            fragments: chunks.dataset().count_fragments() as u64,
            versions: versions.len() as u64,
        })
    }

    /// How many documents have content that nobody may read until their access list is mended.
    async fn hidden(&self, open: &[QuarantineRow]) -> Result<u64> {
        let stage = Stage::Access.to_string();
        let of_lists = open.iter().filter(|row| row.stage == stage).map(|row| row.doc_id.as_str());
        let ids: Vec<&str> = of_lists.collect::<BTreeSet<_>>().into_iter().collect();
        let (mut hidden, nobody) = (0, Acl::nobody().hash());
        let policies = self.tables.get(TableRole::Policy)?;
        for ids in ids.chunks(IDS_AT_A_TIME) {
            let hides = one_of("doc_id", ids).and(equals("acl_hash", nobody.as_str()));
            let found = policies.rows(Some(&LISTS), Some(hides)).await?;
            let ids: Vec<String> = lists(policies, &found)?.into_keys().collect();
            hidden += self.indexed_among(&ids).await?;
        }
        Ok(hidden)
    }

    /// How many of these documents have content that is indexed.
    async fn indexed_among<S: AsRef<str>>(&self, ids: &[S]) -> Result<u64> {
        let documents = self.tables.get(TableRole::Documents)?;
        let mut count = 0;
        for ids in ids.chunks(IDS_AT_A_TIME) {
            count += documents.count(Some(one_of("doc_id", ids).and(equals("state", "indexed")))).await?;
        }
        Ok(count)
    }

    fn sources(&self, now: Timestamp) -> Vec<SourceStatus> {
        let sources = self.record.checkpoint.0.iter();
        sources
            .map(|(name, checkpoint)| SourceStatus {
                name: name.to_string(),
                watermark: checkpoint.watermark,
                freshness_seconds: checkpoint.watermark.map(|w| now.duration_since(w).as_secs_f64().max(0.0)),
                backlog: None,
            })
            .collect()
    }
}
