//! Keeping look-ups fast under many small commits: scalar indexes, and compaction of small fragments.
//!
//! An access index is never append-optimized: merged or built anew, it can't answer with an old list.

use alluvium_core::ledger::TableRole;
use lance::dataset::optimize::{CompactionOptions, compact_files};
use lance::index::DatasetIndexExt;
use lance_index::IndexType;
use lance_index::optimize::OptimizeOptions;
use lance_index::scalar::ScalarIndexParams;

use crate::error::{IndexError, Result};
use crate::schema::key;
use crate::table::Table;

/// More fragments than this outside an index, and look-ups scan too much.
const MAX_UNINDEXED: usize = 16;
/// Fragments below this many rows are small.
const SMALL_FRAGMENT_ROWS: usize = 100_000;
/// Most fragments rewritten in one go, to bound the pause.
const MAX_COMPACTED: usize = 64;

fn indexes(role: TableRole) -> &'static [(&'static str, IndexType)] {
    match role {
        TableRole::Chunks => &[
            ("doc_id", IndexType::BTree),
            ("chunk_id", IndexType::BTree),
            ("acl_readers", IndexType::LabelList),
        ],
        TableRole::Documents => &[("doc_id", IndexType::BTree)],
        TableRole::Policy => &[("doc_id", IndexType::BTree), ("changed_seq", IndexType::BTree)],
        TableRole::Quarantine => &[("id", IndexType::BTree), ("doc_id", IndexType::BTree)],
    }
}

/// Gives a new table its scalar indexes, empty as they are.
pub(crate) async fn create_indexes(role: TableRole, table: Table) -> Result<Table> {
    let mut dataset = (**table.dataset()).clone();
    for (column, kind) in indexes(role) {
        let action = format!("indexing {column} of table {}", table.name());
        let params = match kind {
            IndexType::LabelList => ScalarIndexParams::new("labellist".to_owned()),
            _ => ScalarIndexParams::default(),
        };
        dataset
            .create_index_builder(&[column], *kind, &params)
            .train(false)
            .await
            .map_err(IndexError::storage(action))?;
    }
    debug_assert!(indexes(role).iter().any(|(column, _)| *column == key(role)));
    Ok(table.at(dataset))
}

/// Whether a table has grown enough fragments to be worth it.
pub(crate) async fn due(table: &Table) -> Result<bool> {
    Ok(unindexed(table).await? > MAX_UNINDEXED)
}

async fn unindexed(table: &Table) -> Result<usize> {
    let action = format!("listing indexes of table {}", table.name());
    let indices = table.dataset().load_indices().await.map_err(IndexError::storage(action))?;
    let fragments = table.dataset().fragments().iter();
    let covered =
        |id: u32| indices.iter().all(|i| i.fragment_bitmap.as_ref().is_some_and(|b| b.contains(id)));
    Ok(fragments.filter(|f| !u32::try_from(f.id).is_ok_and(covered)).count())
}

/// Merges small fragments and brings every index up to date.
pub(crate) async fn maintain(table: &Table) -> Result<Table> {
    let mut dataset = (**table.dataset()).clone();
    let options = CompactionOptions {
        target_rows_per_fragment: SMALL_FRAGMENT_ROWS,
        max_source_fragments: Some(MAX_COMPACTED),
        num_threads: Some(1),
        ..CompactionOptions::default()
    };
    compact_files(&mut dataset, options, None)
        .await
        .map_err(IndexError::storage(format!("compacting table {}", table.name())))?;
    dataset
        .optimize_indices(&OptimizeOptions::merge(1))
        .await
        .map_err(IndexError::storage(format!("merging indexes of table {}", table.name())))?;
    Ok(table.at(dataset))
}
