//! The sources of a run that are read to their ends: in a backfill all of them, in a run that follows those
//! that a person wants to be loaded once more. What a run reports, and how far it says to be, is of these.

use std::collections::BTreeSet;

use alluvium_core::commit::{Batch, Committed};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::id::DocId;

use crate::order::Order;
use crate::pipeline::{Report, Snapshot, SourceRun};
use crate::pull::Pulled;

/// The sources that are read to their ends, and what became of them.
#[derive(Default)]
pub(crate) struct Loading {
    /// Their places in the pipeline.
    places: BTreeSet<usize>,
    /// Their names.
    names: BTreeSet<String>,
    /// Those that have not ended.
    open: BTreeSet<usize>,
    pub(crate) report: Report,
    pub(crate) snapshot: Snapshot,
}

impl Loading {
    /// Those of a run, which `follows` the others.
    pub(crate) fn of(sources: &[SourceRun], follows: bool) -> Self {
        let loaded = || sources.iter().enumerate().filter(|(_, run)| run.once || !follows);
        let places: BTreeSet<usize> = loaded().map(|(place, _)| place).collect();
        let names = loaded().map(|(_, run)| run.source.name().to_string()).collect();
        Self { open: places.clone(), places, names, ..Self::default() }
    }

    pub(crate) fn pulled(&mut self, pulled: &Pulled) {
        if !self.places.contains(&pulled.source) {
            return;
        }
        let Self { report, snapshot, .. } = self;
        report.seen += pulled.seen;
        report.unchanged += pulled.unchanged;
        report.skipped += &pulled.skipped;
        report.braked.extend(pulled.braked.clone());
        snapshot.seen += pulled.seen;
        snapshot.done += pulled.unchanged + pulled.skipped.total();
        snapshot.expected = pulled.expected;
    }

    /// A change is ready to be committed.
    pub(crate) fn ready(&mut self, change: &Prepared) {
        if self.holds(&change.doc_id) {
            self.snapshot.done += 1;
            self.snapshot.quarantined += u64::from(matches!(change.content, PreparedContent::Refused(_)));
        }
    }

    /// What of a batch that is about to be committed is theirs.
    pub(crate) fn part_of(&self, batch: &Batch) -> Part {
        Part {
            changes: batch.changes.iter().filter(|change| self.holds(&change.doc_id)).count() as u64,
            progress: batch.deltas.iter().any(|delta| self.names.contains(delta.source.as_str())),
        }
    }

    pub(crate) fn committed(&mut self, part: &Part, committed: &Committed) {
        let Self { report, snapshot, names, .. } = self;
        report.counts += committed.counts.sum_of(|source| names.contains(source));
        snapshot.counts = report.counts;
        snapshot.committed += part.changes;
        if (part.changes > 0 || part.progress) && committed.published.is_some() {
            report.published.clone_from(&committed.published);
        }
    }

    /// A source has come to its end.
    pub(crate) fn ended(&mut self, place: usize) {
        self.open.remove(&place);
    }

    /// Whether all have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether there are any, and all that they had is ready to be committed.
    pub(crate) fn is_complete<T>(&self, order: &Order<T>) -> bool {
        !self.places.is_empty() && self.has_ended() && self.places.iter().all(|place| order.is_idle(*place))
    }

    fn holds(&self, document: &DocId) -> bool {
        self.names.contains(document.source())
    }
}

/// What of a batch is of sources that are read to their ends.
pub(crate) struct Part {
    changes: u64,
    progress: bool,
}
