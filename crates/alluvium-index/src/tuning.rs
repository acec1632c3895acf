//! Sizes at which search and maintenance change what they do.

/// Sizes at which search and maintenance change what they do. The defaults come from measurements; tests
/// lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Vectors are compared one by one while the filter admits at most so many rows. An approximate index
    /// under a narrow filter loses right answers: at a million rows and 1 % admitted, up to a quarter.
    pub exact_rows: u64,
    /// A table of at least so many rows has a vector index.
    pub vector_index_rows: u64,
    /// More fragments than this outside an index, and look-ups scan too much: maintenance is due.
    pub unindexed_fragments: usize,
    /// What a compaction between commits merges: fragments of fewer rows than the first tier, and those of
    /// fewer than the second once there are sixteen of at least the first. A row is so rewritten once a tier,
    /// and each time all indexes that know it are rewritten, too. Larger fragments wait for a person.
    pub fragment_tiers: [usize; 2],
    /// A vacuum is due when so many records fell out of retention, or a ninth of all, if that is more: it
    /// reads what it keeps, and so costs as much as there is.
    pub vacuum_records: u64,
    /// One round of a vacuum takes at most so many records, and so many versions of a table; twice what
    /// made it due, if that is more.
    pub vacuum_most: u64,
    /// So many records are made with the same caches.
    pub session_records: u64,
}

impl Tuning {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        exact_rows: 50_000,
        vector_index_rows: 100_000,
        unindexed_fragments: 16,
        fragment_tiers: [1_024, 16_384],
        vacuum_records: 200,
        vacuum_most: 1_000,
        session_records: 200,
    };
}

impl Default for Tuning {
    fn default() -> Self {
        Self::DEFAULT
    }
}
