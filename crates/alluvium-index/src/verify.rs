//! The index against itself: what the ledger says, what the tables hold, and what the search indexes
//! answer must be one story.
//!
//! Invariants:
//! - it reads and takes no lock, so it may run beside a writer; it looks at the newest record when it
//!   begins, and at nothing newer;
//! - what is wrong is a finding. Only what keeps one from looking at all is an error: no index, another
//!   pipeline's, storage that can't be listed;
//! - its memory grows with the number of documents and chunks (their ids and hashes), not with their
//!   texts, which are read group by group;
//! - one cause is one finding where that can be told: a check leaves alone what an earlier one explains.

use std::path::Path;

use alluvium_core::id::PipelineName;
use alluvium_core::ledger::Record;

use crate::error::{IndexError, Result};
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::tables::Tables;

mod content;
mod documents;
mod findings;
mod indexes;
mod ledger;
mod opened;
mod quarantine;
mod scan;
mod spans;
#[cfg(test)]
mod tests;

pub use findings::{Check, Checked, Finding, Findings};

use findings::Sink;

/// Hears how many documents of how many were looked at.
pub type Watch<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Checks the index at `root`, which must be there and be this pipeline's.
pub async fn verify(root: &Path, pipeline: &PipelineName) -> Result<Findings> {
    verify_watched(root, pipeline, &|_, _| {}).await
}

/// The same, and tells `watch` how far it is.
pub async fn verify_watched(root: &Path, pipeline: &PipelineName, watch: Watch<'_>) -> Result<Findings> {
    let layout = Layout::new(root);
    let none = || IndexError::NotFound(format!("there is no index at {}", root.display()));
    if !layout.has_ledger()? {
        return Err(none());
    }
    let records = Ledger::open(&layout)?;
    let mut sink = Sink::default();
    let numbers = records.sequence_numbers().await?;
    let newest = *numbers.first().ok_or_else(none)?;
    let head = match records.get(newest).await {
        Ok(head) if head.pipeline != *pipeline => return Err(other_pipeline(root, &head, pipeline)),
        head => head.ok(),
    };
    let oldest = Box::pin(ledger::check(&layout, &records, &numbers, head.as_ref(), &mut sink)).await?;
    let Some(head) = head else { return Ok(sink.findings(newest, None)) };
    if let Some(tables) = Box::pin(opened::open(&layout, &records, &head, &mut sink)).await {
        let look = Look { layout: &layout, head: &head, oldest: oldest.as_ref(), tables: &tables };
        Box::pin(look.check(watch, &mut sink)).await;
    }
    Ok(sink.findings(newest, Some(&head)))
}

fn other_pipeline(root: &Path, head: &Record, pipeline: &PipelineName) -> IndexError {
    IndexError::OtherPipeline {
        root: root.display().to_string(),
        found: head.pipeline.to_string(),
        expected: pipeline.to_string(),
    }
}

/// What the checks of the tables look at.
struct Look<'a> {
    layout: &'a Layout,
    head: &'a Record,
    /// The oldest record that has tables.
    oldest: Option<&'a Record>,
    tables: &'a Tables,
}

impl Look<'_> {
    /// A table that can't be read ends the checks that need it, and is a finding.
    async fn check(&self, watch: Watch<'_>, sink: &mut Sink) {
        match Box::pin(documents::check(self, sink)).await {
            Ok(seen) => {
                let contents = Box::pin(content::check(self, &seen, watch, sink)).await;
                unreadable(contents, "documents and chunks", sink);
                let indexes = Box::pin(indexes::check(self, &seen, sink)).await;
                unreadable(indexes, "search indexes", sink);
            }
            Err(error) => unreadable(Err(error), "documents, policy and chunks", sink),
        }
        unreadable(Box::pin(quarantine::check(self, sink)).await, "quarantine", sink);
    }
}

fn unreadable(result: Result<()>, subject: &str, sink: &mut Sink) {
    if let Err(error) = result {
        sink.add(Check::TableUnreadable, subject, error);
    }
}
