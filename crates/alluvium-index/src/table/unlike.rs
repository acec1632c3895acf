//! How two versions of a table differ, read in proportion to what happened between them: Lance changes
//! neither a fragment nor the place of a row in it, it marks rows as deleted and adds fragments.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use lance::dataset::ProjectionRequest;
use lance_table::format::Fragment;

use super::Table;
use crate::error::{IndexError, Result};

impl Table {
    /// Rows of this version that are not in the same place in the other one. A row that a compaction moved
    /// is among them.
    pub(crate) async fn rows_unlike(&self, other: &Self, columns: &[&str]) -> Result<Vec<RecordBatch>> {
        let others: HashMap<u64, &Fragment> =
            other.dataset.fragments().iter().map(|fragment| (fragment.id, fragment)).collect();
        let (mut fragments, mut rows) = (Vec::new(), Vec::new());
        for fragment in self.dataset.fragments().iter() {
            match others.get(&fragment.id).filter(|other| holds_the_same(other, fragment)) {
                Some(other) if other.deletion_file == fragment.deletion_file => {}
                Some(_) => rows.extend(self.deleted_in(other, fragment.id).await?),
                None => fragments.push(fragment.clone()),
            }
        }
        let mut batches = Vec::new();
        if !fragments.is_empty() {
            let mut scan = self.dataset.scan();
            scan.with_fragments(fragments);
            batches = self.collect(scan, Some(columns)).await?;
        }
        if !rows.is_empty() {
            let projection = ProjectionRequest::from_columns(columns, self.dataset.schema());
            let taken = self.dataset.take_rows(&rows, projection).await;
            batches.push(taken.map_err(IndexError::storage(self.comparing()))?);
        }
        Ok(batches)
    }

    /// The addresses of rows of a fragment that are deleted in the other version and not in this one.
    async fn deleted_in(&self, other: &Self, fragment: u64) -> Result<Vec<u64>> {
        let (here, there) = (self.deleted(fragment).await?, other.deleted(fragment).await?);
        let only_there = there.into_iter().filter(|offset| here.binary_search(offset).is_err());
        Ok(only_there.map(|offset| fragment << 32 | u64::from(offset)).collect())
    }

    /// The offsets of a fragment's deleted rows, in order.
    async fn deleted(&self, fragment: u64) -> Result<Vec<u32>> {
        let Some(fragment) = usize::try_from(fragment).ok().and_then(|id| self.dataset.get_fragment(id))
        else {
            return Ok(Vec::new());
        };
        let vector = fragment.get_deletion_vector().await.map_err(IndexError::storage(self.comparing()))?;
        Ok(vector.map_or_else(Vec::new, |vector| vector.to_sorted_iter().collect()))
    }

    fn comparing(&self) -> String {
        format!("comparing versions of table {}", self.name)
    }
}

fn holds_the_same(one: &Fragment, other: &Fragment) -> bool {
    one.files == other.files && one.overlays == other.overlays
}
