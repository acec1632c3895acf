//! Keeping reads fast under many small commits: compaction of small fragments, and indexes brought up to
//! date.
//!
//! Invariants:
//! - a round costs in proportion to what is new, not to the table: every index takes what is new as a layer
//!   of its own, and [`layers`] says when layers are merged;
//! - rows are rewritten only while all layers that know them are about to be merged anyway: a row that moves
//!   is indexed again, and those of a large layer take seconds. So all indexes of a table are merged at the
//!   same fragments ([`layers::due`]), or rows would never move again;
//! - a layer may answer with rows that are gone, an access index with a list from before. Rows are known by
//!   their addresses, and an address is never used twice, so that no search shows them
//!   (`table::write_params` has no stable row ids);
//! - no answer depends on a round: Lance searches rows outside an index one by one.

use alluvium_core::ledger::TableRole;
use lance::index::DatasetIndexExt;
use lance_index::scalar::{BuiltinIndexType, ScalarIndexParams};
use lance_index::{IndexParams, IndexType};

use crate::error::{IndexError, Result};
use crate::indexes::{self, Coverage, Kind, VECTOR, indexes};
use crate::schema::key;
use crate::table::Table;
use crate::tuning::Tuning;

mod backlog;
mod compaction;
mod layers;
mod training;

pub(crate) use backlog::{Backlog, due};
pub(crate) use training::{Training, wants_training};

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

/// A look-up compares its keys with every row of each page that may hold one of them, in each layer. Of Lance's
/// 4,096 rows that is most of what a commit into a large index costs more than one into a small one; of
/// 512, opening more pages costs as much again.
const KEYS_PER_PAGE: u64 = 1_024;

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
        Effort::BesideTraining => layers::add(&table, &columns, effort).await?,
        Effort::Bounded => {
            let table = compaction::run(role, &table, tuning, effort).await?;
            layers::add(&table, &columns, effort).await?
        }
        // Fragments of different layers can't be merged, so that the layers are merged first.
        Effort::Thorough => {
            let table = layers::add(&table, &columns, effort).await?;
            compaction::run(role, &table, tuning, effort).await?
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
        Effort::Bounded | Effort::Thorough => layers::add(&table, &[VECTOR], effort).await,
    }
}
