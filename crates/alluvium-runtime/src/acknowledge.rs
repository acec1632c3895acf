//! Tells the sources that want to know it what of theirs was published.

use std::sync::Arc;

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::id::SourceName;
use alluvium_core::source::Acknowledge;

use crate::pipeline::SourceRun;

/// Who wants to know.
#[derive(Default)]
pub(crate) struct Acknowledgements(Vec<(SourceName, Arc<dyn Acknowledge>)>);

impl Acknowledgements {
    pub(crate) fn of(sources: &[SourceRun]) -> Self {
        let wants = |run: &SourceRun| Some((run.source.name().clone(), run.source.acknowledge()?));
        Self(sources.iter().filter_map(wants).collect())
    }

    /// What of a commit's progress somebody wants to hear of once it is published.
    pub(crate) fn wanted(&self, deltas: &[CheckpointDelta]) -> Vec<CheckpointDelta> {
        let wanted = |delta: &&CheckpointDelta| self.0.iter().any(|(name, _)| *name == delta.source);
        deltas.iter().filter(wanted).cloned().collect()
    }

    /// It is published.
    pub(crate) fn published(&self, deltas: &[CheckpointDelta]) {
        for (name, source) in &self.0 {
            let own: Vec<_> = deltas.iter().filter(|delta| delta.source == *name).cloned().collect();
            if !own.is_empty() {
                source.published(&own);
            }
        }
    }
}
