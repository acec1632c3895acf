//! Keeping reads fast under many small commits: compaction of small fragments, and indexes brought up to
//! date.
//!
//! Invariants:
//! - an access index is never append-optimized: merged or built anew, it can't answer with an old list;
//! - a round costs in proportion to what is new, not to the table: full-text and vector indexes take what
//!   is new as a layer of its own, and [`layers`] says when layers are merged. The look-up indexes are
//!   merged whole, they are small;
//! - no answer depends on a round: Lance searches rows outside an index one by one.

use alluvium_core::ledger::TableRole;
use lance::dataset::optimize::{CompactionOptions, compact_files, plan_compaction};
use lance::index::DatasetIndexExt;
use lance_index::optimize::OptimizeOptions;
use lance_index::scalar::ScalarIndexParams;
use lance_index::{IndexParams, IndexType};
use lance_table::format::Fragment;

use crate::error::{IndexError, Result};
use crate::indexes::{self, Coverage, Kind, TEXT, VECTOR, indexes};
use crate::schema::key;
use crate::table::Table;
use crate::tuning::Tuning;

mod layers;
mod training;

pub(crate) use training::{Training, wants_training};

/// More rows than this outside an index, and searches scan too much.
const MAX_UNINDEXED_ROWS: u64 = 20_000;
/// Rows that a fragment should have, at least, after a thorough compaction.
const FRAGMENT_ROWS: usize = 100_000;
/// What a compaction between commits merges: fragments of fewer rows than the first tier, and those of the
/// second once there are [`TIER_FRAGMENTS`] of them. A row is so rewritten once a tier, and each time all
/// indexes that know it are rewritten, too. Larger fragments wait for a person.
const TIERS: [usize; 2] = [1_024, 16_384];
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
            Kind::Key => (IndexType::BTree, Box::new(ScalarIndexParams::default())),
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
        let action = format!("planning the compaction of table {}", table.name());
        let options = CompactionOptions { max_source_fragments: None, ..compaction(table, effort) };
        let plan = plan_compaction(table.dataset(), &options).await.map_err(IndexError::storage(action))?;
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
        columns.retain(|column| coverage.missing(&[column]).0 > 0);
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
}

/// Whether enough of a table lies outside its indexes to be worth a round.
pub(crate) async fn due(role: TableRole, table: &Table, tuning: &Tuning, effort: Effort) -> Result<bool> {
    Ok(Backlog::unindexed(role, table, tuning, effort).await?.is_due(tuning))
}

/// Merges small fragments and brings every index up to date.
pub(crate) async fn maintain(
    role: TableRole,
    table: &Table,
    tuning: &Tuning,
    effort: Effort,
) -> Result<Table> {
    let table = create_indexes(role, table.clone()).await?;
    let table = if effort == Effort::BesideTraining { table } else { compact(&table, effort).await? };
    let merged = indexes(role).iter().filter(|(_, kind)| *kind != Kind::Words);
    let merged = merged.map(|(column, _)| indexes::name(column)).collect();
    let table = optimize(&table, OptimizeOptions::merge(1).index_names(merged)).await?;
    if role != TableRole::Chunks {
        return Ok(table);
    }
    let table = add_layer(&table, TEXT).await?;
    match effort {
        Effort::BesideTraining => Ok(table),
        Effort::Thorough if wants_training(&table, tuning).await? => {
            table.with_index(training::train(&table).await?).await
        }
        Effort::Bounded | Effort::Thorough => add_layer(&table, VECTOR).await,
    }
}

fn compaction(table: &Table, effort: Effort) -> CompactionOptions {
    let bounded = CompactionOptions {
        target_rows_per_fragment: tier(table.dataset().fragments()),
        max_source_fragments: Some(MAX_COMPACTED),
        num_threads: Some(1),
        batch_size: Some(COMPACTION_BATCH),
        materialize_deletions_threshold: DELETED_SHARE,
        ..CompactionOptions::default()
    };
    match effort {
        Effort::Bounded | Effort::BesideTraining => bounded,
        Effort::Thorough => CompactionOptions {
            target_rows_per_fragment: FRAGMENT_ROWS,
            max_source_fragments: None,
            materialize_deletions_threshold: 0.0,
            ..bounded
        },
    }
}

/// The largest tier that is due.
fn tier(fragments: &[Fragment]) -> usize {
    let [first, second] = TIERS;
    let grown = fragments
        .iter()
        .filter_map(|fragment| fragment.physical_rows)
        .filter(|rows| (first..second).contains(rows));
    if grown.count() < TIER_FRAGMENTS { first } else { second }
}

async fn compact(table: &Table, effort: Effort) -> Result<Table> {
    let mut dataset = (**table.dataset()).clone();
    compact_files(&mut dataset, compaction(table, effort), None)
        .await
        .map_err(IndexError::storage(format!("compacting table {}", table.name())))?;
    Ok(table.at(dataset))
}

async fn optimize(table: &Table, options: OptimizeOptions) -> Result<Table> {
    let mut dataset = (**table.dataset()).clone();
    let action = format!("bringing indexes of table {} up to date", table.name());
    dataset.optimize_indices(&options).await.map_err(IndexError::storage(action))?;
    Ok(table.at(dataset))
}

/// Indexes what a layered index does not cover, together with as many of its last layers as are due. An
/// index that is not there yet is not made.
async fn add_layer(table: &Table, column: &str) -> Result<Table> {
    let coverage = Coverage::of(table).await?;
    let (fragments, new) = coverage.missing(&[column]);
    if fragments == 0 || !coverage.has(column) {
        return Ok(table.clone());
    }
    let due = layers::due(&coverage.layers(column), new);
    optimize(table, OptimizeOptions::merge(due).index_names(vec![indexes::name(column)])).await
}
