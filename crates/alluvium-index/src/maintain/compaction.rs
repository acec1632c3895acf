//! Compaction of small fragments.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use alluvium_core::ledger::TableRole;
use lance::dataset::index::DatasetIndexRemapperOptions;
use lance::dataset::optimize::{
    CompactionOptions, CompactionPlan, IgnoreRemap, IndexRemapperOptions, commit_compaction, plan_compaction,
};
use lance_table::format::Fragment;

use super::{Effort, layers};
use crate::error::{IndexError, Result};
use crate::indexes::{Coverage, VECTOR, indexes};
use crate::table::Table;
use crate::tuning::Tuning;

/// Rows that a fragment should have, at least, after a thorough compaction.
const FRAGMENT_ROWS: usize = 100_000;
/// So many fragments of the second of [`Tuning::fragment_tiers`] are merged at a time.
const TIER_FRAGMENTS: usize = 16;
/// A fragment that has lost this share of its rows is written anew between commits. What is left of it is
/// indexed again: it must be worth it.
const DELETED_SHARE: f32 = 0.8;
/// Most fragments rewritten in one go, to bound the pause.
const MAX_COMPACTED: usize = 64;
/// Rows read at a time by a compaction; Lance holds several such batches.
const COMPACTION_BATCH: usize = 1_024;

/// Makes fragments of so many rows, and writes those anew that have lost this share of theirs.
fn compaction(rows: usize, deleted_share: f32) -> CompactionOptions {
    CompactionOptions {
        target_rows_per_fragment: rows,
        num_threads: Some(1),
        batch_size: Some(COMPACTION_BATCH),
        materialize_deletions_threshold: deleted_share,
        ..CompactionOptions::default()
    }
}

/// What a compaction would rewrite, `most` fragments of it.
pub(super) async fn plan(
    role: TableRole,
    table: &Table,
    tuning: &Tuning,
    effort: Effort,
    most: Option<usize>,
) -> Result<CompactionPlan> {
    let options = match effort {
        Effort::Thorough => compaction(FRAGMENT_ROWS, 0.0),
        Effort::Bounded | Effort::BesideTraining => {
            let settled = settled(role, table).await?;
            let rows = tier(table.dataset().fragments(), &settled, tuning);
            let excluded_fragment_ids = settled.into_iter().filter_map(|id| u32::try_from(id).ok()).collect();
            CompactionOptions { excluded_fragment_ids, ..compaction(rows, DELETED_SHARE) }
        }
    };
    let action = format!("planning the compaction of table {}", table.name());
    let mut plan = plan_compaction(table.dataset(), &options).await.map_err(IndexError::storage(action))?;
    let mut fragments = 0;
    // The first piece of work always, however large: nothing would ever become of it otherwise.
    plan.tasks.retain(|task| {
        let first = fragments == 0;
        fragments += task.fragments.len();
        first || most.is_none_or(|most| fragments <= most)
    });
    Ok(plan)
}

/// The fragments that some layer knows which the next round does not merge.
async fn settled(role: TableRole, table: &Table) -> Result<BTreeSet<u64>> {
    let coverage = Coverage::of(table).await?;
    let columns = indexes(role).iter().map(|(column, _)| *column);
    let columns = columns.chain((role == TableRole::Chunks).then_some(VECTOR));
    let settled =
        columns.map(|column| coverage.settled(column, layers::due(&coverage, column, Effort::Bounded)));
    Ok(settled.flatten().collect())
}

/// The largest tier that is due among the fragments that may be rewritten.
fn tier(fragments: &[Fragment], settled: &BTreeSet<u64>, tuning: &Tuning) -> usize {
    let [first, second] = tuning.fragment_tiers;
    let grown = fragments
        .iter()
        .filter(|fragment| !settled.contains(&fragment.id))
        .filter_map(|fragment| fragment.physical_rows)
        .filter(|rows| (first..second).contains(rows));
    if grown.count() < TIER_FRAGMENTS { first } else { second }
}

/// Merges small fragments, as many as a round may.
pub(super) async fn run(role: TableRole, table: &Table, tuning: &Tuning, effort: Effort) -> Result<Table> {
    let since = Instant::now();
    let most = (effort != Effort::Thorough).then_some(MAX_COMPACTED);
    let plan = plan(role, table, tuning, effort, most).await?;
    if plan.num_tasks() == 0 {
        return Ok(table.clone());
    }
    let failed = || IndexError::storage(format!("compacting table {}", table.name()));
    let mut dataset = (**table.dataset()).clone();
    let mut rewritten = Vec::new();
    for task in plan.compaction_tasks() {
        rewritten.push(task.execute(&dataset).await.map_err(failed())?);
    }
    let done =
        commit_compaction(&mut dataset, rewritten, remap(effort), &plan.options).await.map_err(failed())?;
    tracing::debug!(
        table = table.name(),
        fragments = done.fragments_removed,
        rows = plan.options.target_rows_per_fragment,
        milliseconds = since.elapsed().as_millis() as u64,
        "compacted"
    );
    Ok(table.at(dataset))
}

/// What becomes of layers that know the fragments which a compaction rewrites.
///
/// A thorough one merges layers before, so that they must follow the rows. Between commits they are merged
/// right after ([`settled`]): they lose the fragments, and the rows are indexed as new ones, which takes
/// less than to write each layer anew and merge them then.
fn remap(effort: Effort) -> Arc<dyn IndexRemapperOptions> {
    match effort {
        Effort::Thorough => Arc::new(DatasetIndexRemapperOptions::default()),
        Effort::Bounded | Effort::BesideTraining => Arc::new(IgnoreRemap::default()),
    }
}
