//! Keeping reads fast under many small commits: compaction of small fragments, and indexes brought up to
//! date.
//!
//! Invariants:
//! - a round costs in proportion to what is new, not to the table: every index takes what is new as a layer
//!   of its own, and [`layers`] says when layers are merged;
//! - rows are rewritten only while all layers that know them are about to be merged anyway: the index of a
//!   row that moves is written anew, and a large layer takes seconds. So all indexes of a table are merged at
//!   the same fragments ([`due_layers`]), or rows would never move again;
//! - a layer may answer with rows that are gone, an access index with a list from before. Rows are known by
//!   their addresses, and an address is never used twice, so that no search shows them
//!   (`table::write_params` has no stable row ids);
//! - no answer depends on a round: Lance searches rows outside an index one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use alluvium_core::ledger::TableRole;
use lance::dataset::index::DatasetIndexRemapperOptions;
use lance::dataset::optimize::{CompactionOptions, CompactionPlan, commit_compaction, plan_compaction};
use lance::index::DatasetIndexExt;
use lance_index::optimize::OptimizeOptions;
use lance_index::scalar::{BuiltinIndexType, ScalarIndexParams};
use lance_index::{IndexParams, IndexType};
use lance_table::format::Fragment;

use crate::error::{IndexError, Result};
use crate::indexes::{self, Coverage, Kind, TEXT, VECTOR, indexes};
use crate::schema::key;
use crate::table::Table;
use crate::tables::Tables;
use crate::tuning::Tuning;

mod layers;
mod training;

pub(crate) use training::{Training, wants_training};

/// More rows than this outside an index, and searches scan too much.
const MAX_UNINDEXED_ROWS: u64 = 20_000;
/// Rows that a fragment should have, at least, after a thorough compaction.
const FRAGMENT_ROWS: usize = 100_000;
/// So many fragments of the second of [`Tuning::fragment_tiers`] are merged at a time.
const TIER_FRAGMENTS: usize = 16;
/// A fragment that has lost this share of its rows is written anew. The indexes that know it are, too, which
/// takes half a minute at a million rows: it must be worth it.
const DELETED_SHARE: f32 = 0.8;
/// Most fragments rewritten in one go, to bound the pause.
const MAX_COMPACTED: usize = 64;
/// Rows read at a time by a compaction; Lance holds several such batches.
const COMPACTION_BATCH: usize = 1_024;

/// Gives a table the indexes that it lacks, empty: what is in the table waits for the next round.
pub(crate) async fn create_indexes(role: TableRole, table: Table) -> Result<Table> {
    debug_assert!(indexes(role).iter().any(|(column, _)| *column == key(role)));
    let present = Coverage::of(&table).await?;
    let mut dataset = (**table.dataset()).clone();
    for (column, kind) in indexes(role).iter().filter(|(column, _)| !present.has(column)) {
        let (kind, params): (_, Box<dyn IndexParams>) = match kind {
            Kind::Key => (IndexType::BTree, Box::new(keys())),
            Kind::Labels => (IndexType::LabelList, Box::new(ScalarIndexParams::new("labellist".to_owned()))),
            Kind::Words => (IndexType::Inverted, Box::new(indexes::words())),
        };
        dataset
            .create_index_builder(&[column], kind, params.as_ref())
            .name(indexes::name(column))
            .train(false)
            .await
            .map_err(IndexError::storage(format!("indexing {column} of table {}", table.name())))?;
    }
    Ok(table.at(dataset))
}

/// A look-up compares its keys with every row of each page that may hold one of them: by Lance's default, with
/// forty thousand of them for ten keys.
const KEYS_PER_PAGE: u64 = 512;

fn keys() -> ScalarIndexParams {
    let params = serde_json::json!({ "zone_size": KEYS_PER_PAGE });
    ScalarIndexParams::for_builtin(BuiltinIndexType::BTree).with_params(&params)
}

/// How much a round takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// A bounded pause between commits.
    Bounded,
    /// The same while a vector index is being trained: nothing that would part it from the table.
    BesideTraining,
    /// All that helps, for a person who asked for it: rows that are marked as deleted leave their files,
    /// too, so that what was erased is gone once its old versions are.
    Thorough,
}

impl Effort {
    /// Whether all layers of the column's index become one. That of vectors is trained anew instead.
    fn merges_all(self, column: &str) -> bool {
        self == Self::Thorough && column != VECTOR
    }

    /// The most rows that layers of an index are merged to.
    fn largest_layer(self) -> u64 {
        match self {
            Self::Bounded | Self::BesideTraining => layers::MOST_ROWS,
            Self::Thorough => u64::MAX,
        }
    }
}

/// What there is to do for a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Fragments that some index does not cover.
    pub(crate) unindexed_fragments: u64,
    /// Their rows.
    pub(crate) unindexed_rows: u64,
    /// Fragments that a compaction would rewrite.
    pub(crate) fragments: u64,
    /// Columns whose indexes don't cover all rows, or that are to get an index.
    pub(crate) columns: Vec<&'static str>,
    /// There are enough rows for a vector index, and it is not there.
    untrained: bool,
}

impl Backlog {
    /// Reads it from the table's manifest.
    pub(crate) async fn of(role: TableRole, table: &Table, tuning: &Tuning, effort: Effort) -> Result<Self> {
        let mut backlog = Self::unindexed(role, table, tuning, effort).await?;
        let plan = plan(role, table, tuning, effort, None).await?;
        backlog.fragments = plan.tasks.iter().map(|task| task.fragments.len() as u64).sum();
        Ok(backlog)
    }

    /// What it says of indexes.
    async fn unindexed(role: TableRole, table: &Table, tuning: &Tuning, effort: Effort) -> Result<Self> {
        let coverage = Coverage::of(table).await?;
        let mut columns: Vec<&str> = indexes(role).iter().map(|(column, _)| *column).collect();
        let mut untrained = false;
        if role == TableRole::Chunks && effort != Effort::BesideTraining {
            if coverage.has(VECTOR) {
                columns.push(VECTOR);
            } else {
                untrained = table.row_count().await? >= tuning.vector_index_rows;
            }
        }
        let (fragments, unindexed_rows) = coverage.missing(&columns);
        columns.retain(|column| {
            coverage.missing(&[column]).0 > 0
                || effort.merges_all(column) && coverage.layers(column).len() > 1
        });
        columns.extend(untrained.then_some(VECTOR));
        Ok(Self { unindexed_fragments: fragments as u64, unindexed_rows, fragments: 0, columns, untrained })
    }

    /// Whether anything would become better.
    pub(crate) fn any(&self) -> bool {
        self.fragments > 0 || !self.columns.is_empty()
    }

    /// Whether it is worth a round between commits.
    pub(crate) fn is_due(&self, tuning: &Tuning) -> bool {
        let most = tuning.unindexed_fragments as u64;
        self.untrained || self.unindexed_fragments > most || self.unindexed_rows > MAX_UNINDEXED_ROWS
    }

    /// Whether it is soon: then it takes part in a round of another table, which is one record for both.
    fn is_soon(&self, tuning: &Tuning) -> bool {
        self.unindexed_fragments > tuning.unindexed_fragments as u64 / 2
    }
}

/// The tables of the next round between commits: none while no table is due.
pub(crate) async fn due(
    tables: &Tables,
    tuning: &Tuning,
    effort: impl Fn(TableRole) -> Effort,
) -> Result<Vec<(TableRole, Effort)>> {
    let (mut soon, mut any) = (Vec::new(), false);
    for role in TableRole::ALL {
        let effort = effort(role);
        let backlog = Backlog::unindexed(role, tables.get(role)?, tuning, effort).await?;
        let due = backlog.is_due(tuning);
        any |= due;
        if due || backlog.is_soon(tuning) {
            soon.push((role, effort));
        }
    }
    Ok(if any { soon } else { Vec::new() })
}

/// Merges small fragments and brings every index up to date.
pub(crate) async fn maintain(
    role: TableRole,
    table: &Table,
    tuning: &Tuning,
    effort: Effort,
) -> Result<Table> {
    let table = create_indexes(role, table.clone()).await?;
    let columns: Vec<&str> = indexes(role).iter().map(|(column, _)| *column).collect();
    let table = match effort {
        Effort::BesideTraining => add_layers(&table, &columns, effort).await?,
        Effort::Bounded => {
            let table = compact(role, &table, tuning, effort).await?;
            add_layers(&table, &columns, effort).await?
        }
        // Fragments of different layers can't be merged, so that the layers are merged first.
        Effort::Thorough => {
            let table = add_layers(&table, &columns, effort).await?;
            compact(role, &table, tuning, effort).await?
        }
    };
    if role != TableRole::Chunks {
        return Ok(table);
    }
    match effort {
        Effort::BesideTraining => Ok(table),
        Effort::Thorough if wants_training(&table, tuning).await? => {
            table.with_index(training::train(&table).await?).await
        }
        Effort::Bounded | Effort::Thorough => add_layers(&table, &[VECTOR], effort).await,
    }
}

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
async fn plan(
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
        columns.map(|column| coverage.settled(column, due_layers(&coverage, column, Effort::Bounded)));
    Ok(settled.flatten().collect())
}

/// How many of the last layers of a column's index become one with what is new.
fn due_layers(coverage: &Coverage, column: &str, effort: Effort) -> usize {
    let layers = coverage.layers(column);
    if effort.merges_all(column) {
        return layers.len();
    }
    if column == VECTOR {
        // As those of text do, so that layers of both end at the same fragments: rows move only where all
        // layers that know them are due. What was trained stays as it is until it is trained anew.
        let (fragments, _) = coverage.missing(&[TEXT]);
        let due = if fragments == 0 { 1 } else { due_layers(coverage, TEXT, effort) };
        let settled = coverage.settled(TEXT, due);
        return coverage
            .layers_within(VECTOR, |id| !settled.contains(&id))
            .min(layers.len().saturating_sub(1));
    }
    let (_, new) = coverage.missing(&[column]);
    layers::due(&layers, new, effort.largest_layer())
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

async fn compact(role: TableRole, table: &Table, tuning: &Tuning, effort: Effort) -> Result<Table> {
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
    let remap = Arc::new(DatasetIndexRemapperOptions::default());
    let done = commit_compaction(&mut dataset, rewritten, remap, &plan.options).await.map_err(failed())?;
    tracing::debug!(
        table = table.name(),
        fragments = done.fragments_removed,
        rows = plan.options.target_rows_per_fragment,
        milliseconds = since.elapsed().as_millis() as u64,
        "compacted"
    );
    Ok(table.at(dataset))
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
async fn add_layers(table: &Table, columns: &[&str], effort: Effort) -> Result<Table> {
    let coverage = Coverage::of(table).await?;
    // Most have the same layers, and are one commit.
    let mut by_due: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for column in columns.iter().filter(|column| coverage.has(column)) {
        let (fragments, _) = coverage.missing(&[column]);
        let due = due_layers(&coverage, column, effort);
        if fragments > 0 || effort.merges_all(column) && due > 1 {
            by_due.entry(due).or_default().push(indexes::name(column));
        }
    }
    let mut table = table.clone();
    for (due, names) in by_due {
        table = optimize(&table, OptimizeOptions::merge(due).index_names(names)).await?;
    }
    Ok(table)
}
