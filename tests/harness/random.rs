//! Chance that can be had again: the same seed, the same choices.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Choices that follow from a seed.
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A seed that no run before had.
    pub(crate) fn fresh_seed() -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
