//! Layers of indexes: which are merged, and taking on what is new.

use std::collections::BTreeMap;
use std::time::Instant;

use lance::index::DatasetIndexExt;
use lance_index::optimize::OptimizeOptions;

use super::Effort;
use crate::error::{IndexError, Result};
use crate::indexes::{self, Coverage, TEXT, VECTOR};
use crate::table::Table;

mod sizes;

/// How many of the last layers of a column's index become one with what is new.
pub(super) fn due(coverage: &Coverage, column: &str, effort: Effort) -> usize {
    let layers = coverage.layers(column);
    if effort.merges_all(column) {
        return layers.len();
    }
    if column == VECTOR {
        // As those of text do, so that layers of both end at the same fragments: rows move only where all
        // layers that know them are due. What was trained stays as it is until it is trained anew.
        let (fragments, _) = coverage.missing(&[TEXT]);
        let due = if fragments == 0 { 1 } else { due(coverage, TEXT, effort) };
        let settled = coverage.settled(TEXT, due);
        return coverage
            .layers_within(VECTOR, |id| !settled.contains(&id))
            .min(layers.len().saturating_sub(1));
    }
    let (_, new) = coverage.missing(&[column]);
    let most = match effort {
        Effort::Bounded | Effort::BesideTraining => sizes::MOST_ROWS,
        Effort::Thorough => u64::MAX,
    };
    sizes::due(&layers, new, most)
}

/// Whether a round would change the column's index, which is there.
pub(super) fn is_wanting(coverage: &Coverage, column: &str, effort: Effort) -> bool {
    let (fragments, _) = coverage.missing(&[column]);
    fragments > 0 || effort.merges_all(column) && coverage.layers(column).len() > 1
}

async fn optimize(table: &Table, options: OptimizeOptions) -> Result<Table> {
    let since = Instant::now();
    let mut dataset = (**table.dataset()).clone();
    let action = format!("bringing indexes of table {} up to date", table.name());
    dataset.optimize_indices(&options).await.map_err(IndexError::storage(action))?;
    tracing::debug!(
        table = table.name(),
        indexes = ?options.index_names,
        merged = options.num_indices_to_merge,
        milliseconds = since.elapsed().as_millis() as u64,
        "brought up to date"
    );
    Ok(table.at(dataset))
}

/// Indexes what indexes don't cover, each together with as many of its last layers as are due. An index that
/// is not there yet is not made.
pub(super) async fn add(table: &Table, columns: &[&str], effort: Effort) -> Result<Table> {
    let coverage = Coverage::of(table).await?;
    // Most have the same layers, and are one commit.
    let mut by_due: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for column in columns.iter().filter(|column| coverage.has(column)) {
        if is_wanting(&coverage, column, effort) {
            by_due.entry(due(&coverage, column, effort)).or_default().push(indexes::name(column));
        }
    }
    let mut table = table.clone();
    for (due, names) in by_due {
        table = optimize(&table, OptimizeOptions::merge(due).index_names(names)).await?;
    }
    Ok(table)
}
