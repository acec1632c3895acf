//! Rows that are replaced, in two steps: what is new goes to storage, and one Lance commit takes it on.
//!
//! Nothing sees the first step, so that those of several tables may go on side by side. Their commits come
//! one after the other, in the order that the protocol fixes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use futures::stream::{self, StreamExt};
use lance::dataset::transaction::{Operation, Transaction, UpdateMode};
use lance::dataset::{InsertBuilder, WriteMode, WriteParams};
use lance_table::format::Fragment;

use super::{Table, write_params};
use crate::error::{IndexError, Result};

/// What replaces rows of a table: on storage, and not yet part of it.
pub(crate) struct Staged {
    /// Over this version.
    table: Table,
    marked: Marked,
    added: Vec<Fragment>,
}

/// The fragments that lose rows.
#[derive(Default)]
struct Marked {
    /// With a new deletion vector.
    updated: Vec<Fragment>,
    /// Without any row left.
    emptied: Vec<u64>,
}

/// Deletion vectors of so many fragments are written at a time.
const MARKED_AT_A_TIME: usize = 8;

impl Table {
    /// Writes what `new` makes, and meanwhile marks the rows that `old` finds, by their addresses at this
    /// version.
    pub(crate) async fn stage(
        &self,
        old: impl Future<Output = Result<Vec<u64>>>,
        new: impl FnOnce() -> Result<Option<RecordBatch>>,
    ) -> Result<Staged> {
        let marked = Box::pin(async { self.mark(old.await?).await });
        let added = Box::pin(async {
            match new()?.filter(|batch| batch.num_rows() > 0) {
                Some(batch) => self.write(batch).await,
                None => Ok(Vec::new()),
            }
        });
        // In this order: a search waits for storage while rows are made columns.
        let (marked, added) = tokio::join!(marked, added);
        Ok(Staged { table: self.clone(), marked: marked?, added: added? })
    }

    async fn mark(&self, addresses: Vec<u64>) -> Result<Marked> {
        let mut by_fragment: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for address in addresses {
            let (fragment, offset) = ((address >> 32) as u32, address as u32);
            by_fragment.entry(fragment).or_default().push(offset);
        }
        let fragments = by_fragment.into_iter().map(|(id, offsets)| self.mark_in(id, offsets));
        let mut results = stream::iter(fragments).buffer_unordered(MARKED_AT_A_TIME);
        let mut marked = Marked::default();
        while let Some((id, left)) = results.next().await.transpose()? {
            match left {
                Some(fragment) => marked.updated.push(fragment),
                None => marked.emptied.push(id),
            }
        }
        Ok(marked)
    }

    /// The fragment without these rows; none if it has no other.
    async fn mark_in(&self, id: u32, offsets: Vec<u32>) -> Result<(u64, Option<Fragment>)> {
        let fragment = self.dataset.get_fragment(id as usize).ok_or_else(|| IndexError::Shape {
            table: self.name.clone(),
            message: format!("rows were found in fragment {id}, which version {} lacks", self.version()),
        })?;
        let action = || format!("marking old rows of table {}", self.name);
        let left = fragment.extend_deletions(offsets).await.map_err(IndexError::storage(action()))?;
        Ok((u64::from(id), left.map(|fragment| fragment.metadata().clone())))
    }

    async fn write(&self, batch: RecordBatch) -> Result<Vec<Fragment>> {
        let params = WriteParams { mode: WriteMode::Append, ..write_params() };
        let transaction = InsertBuilder::new(Arc::clone(&self.dataset))
            .with_params(&params)
            .execute_uncommitted(vec![batch])
            .await
            .map_err(IndexError::storage(format!("writing rows of table {}", self.name)))?;
        match transaction.operation {
            Operation::Append { fragments } => Ok(fragments),
            _ => Err(IndexError::Shape {
                table: self.name.clone(),
                message: "lance staged an operation that we do not know".to_owned(),
            }),
        }
    }
}

impl Staged {
    /// Takes it on, in one commit.
    pub(crate) async fn commit(self) -> Result<Table> {
        let Self { table, marked: Marked { updated, emptied }, added } = self;
        let removes = !updated.is_empty() || !emptied.is_empty();
        let operation = match (removes, added.is_empty()) {
            (false, true) => return Ok(table),
            (false, false) => Operation::Append { fragments: added },
            (true, true) => Operation::Delete {
                updated_fragments: updated,
                deleted_fragment_ids: emptied,
                predicate: "rows by their addresses".to_owned(),
            },
            (true, false) => update(&table, updated, emptied, added),
        };
        table.commit(Transaction::new(table.version(), operation, None), table.committer()).await
    }
}

fn update(table: &Table, updated: Vec<Fragment>, emptied: Vec<u64>, added: Vec<Fragment>) -> Operation {
    let fields = table.dataset.schema().fields_pre_order().filter_map(|f| u32::try_from(f.id).ok());
    Operation::Update {
        removed_fragment_ids: emptied,
        updated_fragments: updated,
        new_fragments: added,
        fields_modified: Vec::new(),
        compacted_sstables: Vec::new(),
        fields_for_preserving_frag_bitmap: fields.collect(),
        update_mode: Some(UpdateMode::RewriteRows),
        inserted_rows_filter: None,
        updated_fragment_offsets: None,
    }
}
