//! Maintenance by hand: everything that is due or would help, one piece of work after the other, until
//! nothing is left. It changes no content, so that a paused index is maintained, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use alluvium_core::id::PipelineName;
use alluvium_core::ledger::TableRole;

use super::{Options, Writer};
use crate::error::Result;
use crate::maintain::{Backlog, Effort};
use crate::tuning::Tuning;
use crate::vacuum;

/// The writer of an index that does nothing but maintain it.
pub struct Upkeep {
    writer: Writer,
    report: UpkeepReport,
    /// Tables that a round did not make better; another would not, either.
    settled: BTreeSet<TableRole>,
    /// The last sweep could not take what is left over.
    swept: bool,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Compaction and indexes of tables.
    Tables(Vec<UpkeepTask>),
    /// Old records and versions.
    Vacuum,
}

/// What is to be done for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpkeepTask {
    role: TableRole,
    backlog: Backlog,
    name: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpkeepReport {
    /// By table.
    pub tables: BTreeMap<String, UpkeepTable>,
    /// Ledger records that went.
    pub records_removed: u64,
    /// The newest record.
    pub seq: u64,
    /// Its generation.
    pub generation: String,
    /// The oldest record of those that are all kept.
    pub floor: u64,
    /// Whether anything was published.
    pub published: bool,
}

/// What was done for a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpkeepTable {
    /// Fragments at the beginning.
    pub fragments_before: u64,
    /// Fragments at the end.
    pub fragments_after: u64,
    /// Columns whose indexes were built or brought up to date.
    pub indexes: BTreeSet<String>,
    /// Versions that went.
    pub versions_removed: u64,
    /// Bytes that went with them.
    pub bytes_freed: u64,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Tables(tasks) = self else { return write!(f, "removing old records and versions") };
        let task = |UpkeepTask { backlog, name, .. }: &UpkeepTask| {
            let (fragments, rows) = (backlog.fragments, backlog.unindexed_rows);
            format!("{name} ({fragments} fragments to merge, {rows} rows to index)")
        };
        write!(f, "maintaining {}", tasks.iter().map(task).collect::<Vec<_>>().join(", "))
    }
}

impl Upkeep {
    /// Takes the writer's lock. The index must be there and be this pipeline's; its model does not matter.
    pub async fn open(root: &Path, pipeline: &PipelineName, options: Options) -> Result<Self> {
        let writer = Box::pin(Writer::keep(root, pipeline, options)).await?;
        let mut upkeep =
            Self { writer, report: UpkeepReport::default(), settled: BTreeSet::new(), swept: false };
        for (name, fragments) in upkeep.fragments() {
            upkeep.report.tables.entry(name).or_default().fragments_before = fragments;
        }
        upkeep.note();
        Ok(upkeep)
    }

    /// The same with other sizes.
    pub fn tuned(mut self, tuning: Tuning) -> Self {
        self.writer.tuning = tuning;
        self
    }

    /// What would help next; `None` once nothing is left. Nothing is written.
    pub async fn next(&self) -> Result<Option<Work>> {
        let Some(tables) = self.writer.tables() else { return Ok(None) };
        let mut tasks = Vec::new();
        for role in TableRole::ALL.into_iter().filter(|role| !self.settled.contains(role)) {
            let table = tables.get(role)?;
            let backlog = Backlog::of(role, table, &self.writer.tuning, Effort::Thorough).await?;
            if backlog.any() {
                tasks.push(UpkeepTask { role, backlog, name: table.name().to_owned() });
            }
        }
        if !tasks.is_empty() {
            return Ok(Some(Work::Tables(tasks)));
        }
        let vacuum =
            self.writer.can_raise_floor().await? || (!self.swept && self.writer.has_leftovers().await?);
        Ok(vacuum.then_some(Work::Vacuum))
    }

    /// Does it.
    pub async fn perform(&mut self, work: Work) -> Result<()> {
        let result = match work {
            Work::Tables(tasks) => Box::pin(self.maintain(tasks)).await,
            Work::Vacuum => Box::pin(self.vacuum()).await,
        };
        self.note();
        self.writer.end(result).await
    }

    /// What was done so far.
    pub fn report(&self) -> &UpkeepReport {
        &self.report
    }

    async fn maintain(&mut self, tasks: Vec<UpkeepTask>) -> Result<()> {
        let due: Vec<_> = tasks.iter().map(|task| (task.role, Effort::Thorough)).collect();
        Box::pin(self.writer.maintain_tables(&due)).await?;
        self.report.published = true;
        let Some(tables) = self.writer.tables() else { return Ok(()) };
        for UpkeepTask { role, backlog, name } in tasks {
            let left = Backlog::of(role, tables.get(role)?, &self.writer.tuning, Effort::Thorough).await?;
            let better = left.fragments < backlog.fragments || left.columns.len() < backlog.columns.len();
            if !better {
                self.settled.insert(role);
            }
            let done = backlog.columns.into_iter().filter(|column| !left.columns.contains(column));
            let table = self.report.tables.entry(name).or_default();
            table.indexes.extend(done.map(str::to_owned));
        }
        Ok(())
    }

    async fn vacuum(&mut self) -> Result<()> {
        let Some(head) = self.writer.head() else { return Ok(()) };
        let most = vacuum::most(head, &self.writer.tuning);
        let raised = self.writer.raise_floor(most).await?;
        self.report.published |= raised;
        let swept = self.writer.sweep(most).await?;
        self.swept = !swept.any();
        self.report.records_removed += swept.records;
        for (name, removed) in swept.tables {
            if removed.failed > 0 {
                tracing::warn!(table = name, files = removed.failed, "files could not be removed");
            }
            let table = self.report.tables.entry(name).or_default();
            table.versions_removed += removed.versions;
            table.bytes_freed += removed.bytes;
        }
        Ok(())
    }

    /// Brings the report up to date with the newest record.
    fn note(&mut self) {
        if let Some(head) = self.writer.head() {
            (self.report.seq, self.report.floor) = (head.seq, head.floor());
            self.report.generation = head.generation.to_string();
        }
        for (name, fragments) in self.fragments() {
            self.report.tables.entry(name).or_default().fragments_after = fragments;
        }
    }

    fn fragments(&self) -> Vec<(String, u64)> {
        let Some(tables) = self.writer.tables() else { return Vec::new() };
        let count = |table: &crate::table::Table| table.dataset().count_fragments() as u64;
        tables.iter().map(|table| (table.name().to_owned(), count(table))).collect()
    }
}
