//! Rows that are replaced, in two steps: what is new goes to storage, and one Lance commit takes it on.
//!
//! Nothing sees the first step, so that those of several tables may go on side by side. Their commits come
//! one after the other, in the order that the protocol fixes.

use std::sync::Arc;

use arrow_array::RecordBatch;
use datafusion_expr::Expr;
use lance::dataset::transaction::{Operation, Transaction, UpdateMode};
use lance::dataset::{DeleteBuilder, InsertBuilder, UncommittedDelete, WriteMode, WriteParams};

use super::{Table, write_params};
use crate::error::{IndexError, Result};

/// What replaces rows of a table: on storage, and not yet part of it.
pub(crate) struct Staged {
    /// Over this version.
    table: Table,
    removed: Option<UncommittedDelete>,
    added: Option<Transaction>,
}

impl Table {
    /// Writes `new`, and marks the rows that match `filter`.
    pub(crate) async fn stage(&self, filter: Option<Expr>, new: Option<RecordBatch>) -> Result<Staged> {
        let removed = async {
            match filter {
                Some(filter) if self.dataset.count_fragments() > 0 => self.mark(filter).await.map(Some),
                _ => Ok(None),
            }
        };
        let added = async {
            match new.filter(|batch| batch.num_rows() > 0) {
                Some(batch) => self.write(batch).await.map(Some),
                None => Ok(None),
            }
        };
        let (removed, added) = tokio::try_join!(removed, added)?;
        let removed = removed.filter(|removed| removed.num_deleted_rows > 0);
        Ok(Staged { table: self.clone(), removed, added })
    }

    async fn mark(&self, filter: Expr) -> Result<UncommittedDelete> {
        DeleteBuilder::from_expr(Arc::clone(&self.dataset), filter)
            .execute_uncommitted()
            .await
            .map_err(IndexError::storage(format!("finding old rows of table {}", self.name)))
    }

    async fn write(&self, batch: RecordBatch) -> Result<Transaction> {
        let params = WriteParams { mode: WriteMode::Append, ..write_params() };
        InsertBuilder::new(Arc::clone(&self.dataset))
            .with_params(&params)
            .execute_uncommitted(vec![batch])
            .await
            .map_err(IndexError::storage(format!("writing rows of table {}", self.name)))
    }
}

impl Staged {
    /// Takes it on, in one commit.
    pub(crate) async fn commit(self) -> Result<Table> {
        let Self { table, removed, added } = self;
        match (removed, added) {
            (None, None) => Ok(table),
            (Some(removed), None) => table.commit(removed.transaction, table.committer()).await,
            (None, Some(added)) => table.commit(added, table.committer()).await,
            (Some(removed), Some(added)) => commit_update(&table, removed, added).await,
        }
    }
}

async fn commit_update(table: &Table, removed: UncommittedDelete, added: Transaction) -> Result<Table> {
    let (Operation::Delete { updated_fragments, deleted_fragment_ids, .. }, Operation::Append { fragments }) =
        (removed.transaction.operation, added.operation)
    else {
        let message = "lance staged an operation that we do not know".to_owned();
        return Err(IndexError::Shape { table: table.name.clone(), message });
    };
    let fields = table.dataset.schema().fields_pre_order().filter_map(|f| u32::try_from(f.id).ok());
    let operation = Operation::Update {
        removed_fragment_ids: deleted_fragment_ids,
        updated_fragments,
        new_fragments: fragments,
        fields_modified: Vec::new(),
        compacted_sstables: Vec::new(),
        fields_for_preserving_frag_bitmap: fields.collect(),
        update_mode: Some(UpdateMode::RewriteRows),
        inserted_rows_filter: None,
        updated_fragment_offsets: None,
    };
    let transaction = Transaction::new(table.version(), operation, None);
    let committer = match removed.affected_rows {
        Some(rows) => table.committer().with_affected_rows(rows),
        None => table.committer(),
    };
    table.commit(transaction, committer).await
}
