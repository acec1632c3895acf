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
}

impl Default for Tuning {
    fn default() -> Self {
        Self { exact_rows: 50_000, vector_index_rows: 100_000, unindexed_fragments: 16 }
    }
}
