//! The group's committed offsets, as a mirror of what is published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::source::Acknowledge;

use crate::life::Life;

/// What was published and not yet committed: partitions' names in the checkpoint, and positions.
#[derive(Debug, Default)]
pub(crate) struct Mirror(Mutex<BTreeMap<String, u64>>);

impl Mirror {
    fn published(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was published since.
    pub(crate) fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.published())
    }
}

/// Passes on what is published. While it lives, so does the worker, to commit it.
pub(crate) struct Published {
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) _worker: Arc<Life>,
}

impl Acknowledge for Published {
    fn published(&self, progress: &[CheckpointDelta]) {
        let positions = progress.iter().map(|delta| (delta.partition.clone(), delta.through));
        self.mirror.published().extend(positions);
    }
}
