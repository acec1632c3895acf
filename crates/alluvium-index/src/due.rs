//! What maintenance there is to do, for people who look.

use std::path::Path;

use alluvium_core::ledger::TableRole;
use alluvium_core::retention::Retention;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::maintain::{Backlog, Effort};
use crate::reader::Index;
use crate::vacuum;

/// What maintenance there is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Due {
    /// A running writer does something at its next commit.
    pub due: bool,
    /// Rows that some index does not cover: searches look at each of them.
    pub unindexed_rows: u64,
    /// Fragments that a compaction would merge.
    pub small_fragments: u64,
    /// Records that retention lets go.
    pub unretained_records: u64,
}

impl Index {
    /// What there is to do for the index at `root`, which this is the newest record of.
    pub async fn due(&self, root: &Path, retention: &Retention, now: Timestamp) -> Result<Due> {
        let tuning = self.view.tuning();
        let mut found = Due::default();
        for role in TableRole::ALL {
            let backlog = Backlog::of(role, self.tables.get(role)?, tuning, Effort::Bounded).await?;
            found.due |= backlog.is_due(tuning);
            found.unindexed_rows += backlog.unindexed_rows;
            found.small_fragments += backlog.fragments;
        }
        let ledger = Ledger::open(&Layout::new(root))?;
        let head = &self.record;
        let floor = vacuum::floor(&ledger, head, retention, now, u64::MAX).await?;
        found.unretained_records = floor.saturating_sub(head.floor());
        found.due |= found.unretained_records >= vacuum::enough(head, tuning);
        Ok(found)
    }
}
