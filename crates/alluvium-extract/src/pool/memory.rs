//! Remembers documents that killed workers, so that no further process is spent on them.

use std::collections::HashMap;

use alluvium_core::hash::Sha256;
use alluvium_core::quarantine::Refusal;

/// Deaths after which a content is refused without another try.
const PATIENCE: u32 = 2;

/// Contents remembered; when there are more, all are forgotten and tried again, at a bounded price.
const CAPACITY: usize = 10_000;

/// Deaths by content, for the life of the pool.
#[derive(Debug, Default)]
pub(super) struct CrashMemory {
    deaths: HashMap<Sha256, (u32, Refusal)>,
}

impl CrashMemory {
    /// The refusal of a content that has killed often enough.
    pub(super) fn refusal(&self, hash: &Sha256) -> Option<Refusal> {
        let (deaths, refusal) = self.deaths.get(hash)?;
        (*deaths >= PATIENCE).then(|| refusal.clone())
    }

    /// Records that a refused content killed this many workers.
    pub(super) fn record(&mut self, hash: &Sha256, deaths: u32, refusal: &Refusal) {
        if deaths == 0 {
            return;
        }
        if self.deaths.len() >= CAPACITY {
            self.deaths.clear();
        }
        let entry = self.deaths.entry(hash.clone()).or_insert_with(|| (0, refusal.clone()));
        entry.0 += deaths;
        entry.1 = refusal.clone();
    }
}
