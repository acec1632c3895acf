//! What there is to do for a table, and when a round is due.

use alluvium_core::ledger::TableRole;

use super::{Effort, compaction, layers, wants_training};
use crate::error::Result;
use crate::indexes::{Coverage, VECTOR, indexes};
use crate::table::Table;
use crate::tables::Tables;
use crate::tuning::Tuning;

/// More rows than this outside an index, and searches scan too much.
const MAX_UNINDEXED_ROWS: u64 = 20_000;

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
        let plan = compaction::plan(role, table, tuning, effort, None).await?;
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
                untrained = wants_training(table, tuning).await?;
            }
        }
        let (fragments, unindexed_rows) = coverage.missing(&columns);
        columns.retain(|column| layers::is_wanting(&coverage, column, effort));
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
