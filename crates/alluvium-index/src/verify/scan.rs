//! Reading tables as they are, without the indexes that are to be checked.

use arrow_array::RecordBatch;
use datafusion_expr::Expr;
use futures::{Stream, TryStreamExt};
use serde::de::DeserializeOwned;

use crate::error::{IndexError, Result};
use crate::rows;
use crate::table::Table;

/// Rows of columns that are small.
const NARROW: usize = 4096;

/// Batches of at most so many rows, found by looking at every row.
pub(super) async fn batches(
    table: &Table,
    columns: Option<&[&str]>,
    filter: Option<Expr>,
    most: usize,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Unpin + use<>> {
    let action = format!("reading table {}", table.name());
    let mut scan = table.dataset().scan();
    scan.use_scalar_index(false).batch_size(most);
    if let Some(columns) = columns {
        scan.project(columns).map_err(IndexError::storage(action.clone()))?;
    }
    if let Some(filter) = filter {
        scan.filter_expr(filter);
    }
    let stream = scan.try_into_stream().await.map_err(IndexError::storage(action.clone()))?;
    Ok(stream.map_err(move |error| IndexError::storage(action.clone())(error)))
}

/// Hands over all rows, batch by batch.
pub(super) async fn each<R: DeserializeOwned>(
    table: &Table,
    columns: &[&str],
    mut take: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let mut batches = batches(table, Some(columns), None, NARROW).await?;
    while let Some(batch) = batches.try_next().await? {
        for row in rows::from_batches(table.name(), &[batch])? {
            take(row)?;
        }
    }
    Ok(())
}
