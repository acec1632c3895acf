//! Which hits are of documents whose newest content was refused: their last good version is served meanwhile.

use std::collections::{HashMap, HashSet};

use alluvium_core::ledger::TableRole;
use datafusion_expr::col;
use jiff::Timestamp;
use serde::Deserialize;

use super::Hit;
use crate::error::Result;
use crate::filter::one_of;
use crate::reader::Index;
use crate::rows::{self, is_of_newer_content, timestamp};

/// The columns of an item that say so.
const COLUMNS: [&str; 4] = ["doc_id", "stage", "cause", "entered_at"];

#[derive(Debug, Deserialize)]
struct Waits {
    doc_id: String,
    stage: String,
    cause: String,
    entered_at: i64,
}

impl Index {
    /// Notes on each hit since when newer content of its document waits in quarantine.
    pub(super) async fn mark_stale(&self, hits: &mut [Hit]) -> Result<()> {
        let ids: HashSet<&str> = hits.iter().map(|hit| hit.doc_id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let since = self.stale_since(&ids).await?;
        for hit in hits {
            hit.stale_since = since.get(&hit.doc_id).copied();
        }
        Ok(())
    }

    /// Since when newer content of these documents waits in quarantine, where it does.
    pub(crate) async fn stale_since(&self, ids: &[&str]) -> Result<HashMap<String, Timestamp>> {
        let mut since = HashMap::new();
        let table = self.tables.get(TableRole::Quarantine)?;
        // The manifest knows; most indexes have nothing there, and every search asks.
        if ids.is_empty() || table.row_count().await? == 0 {
            return Ok(since);
        }
        let open = one_of("doc_id", ids).and(col("resolved_seq").is_null());
        let waits: Vec<Waits> =
            rows::from_batches(table.name(), &table.rows(Some(&COLUMNS), Some(open)).await?)?;
        for item in waits.into_iter().filter(|item| is_of_newer_content(&item.stage, &item.cause)) {
            let entered = timestamp(item.entered_at);
            let first = since.entry(item.doc_id).or_insert(entered);
            *first = entered.min(*first);
        }
        Ok(since)
    }
}
