//! Which Lance indexes a table has, and which of its rows they cover.

use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_core::ledger::TableRole;
use lance::index::DatasetIndexExt;
use lance_index::scalar::inverted::{InvertedIndexParams, Language};
use lance_table::format::{Fragment, IndexMetadata};

use crate::error::{IndexError, Result};
use crate::table::Table;

/// The column of full text.
pub(crate) const TEXT: &str = "text";
/// The column of vectors.
pub(crate) const VECTOR: &str = "vector";

/// What an index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Equal values.
    Key,
    /// Members of a list.
    Labels,
    /// Words.
    Words,
}

/// The indexes that a table has from its first version on. The vector index comes later, with the rows
/// that it is trained on.
pub(crate) fn indexes(role: TableRole) -> &'static [(&'static str, Kind)] {
    match role {
        TableRole::Chunks => &[
            ("doc_id", Kind::Key),
            ("chunk_id", Kind::Key),
            ("acl_readers", Kind::Labels),
            ("acl_denied", Kind::Labels),
            ("metadata", Kind::Labels),
            (TEXT, Kind::Words),
        ],
        TableRole::Documents => &[("doc_id", Kind::Key)],
        TableRole::Policy => &[("doc_id", Kind::Key), ("changed_seq", Kind::Key)],
        TableRole::Quarantine => &[("id", Kind::Key), ("doc_id", Kind::Key)],
    }
}

/// The name of a column's index: Lance's own default.
pub(crate) fn name(column: &str) -> String {
    format!("{column}_idx")
}

/// How text becomes words. No stemming and no stop words, because both are of one language and a corpus is
/// of several. Words are cut by dictionary where a script does not part them with spaces. They may be long
/// enough for a SHA-256 in hex, since exact names and numbers are what full text finds and vectors don't.
pub(crate) fn words() -> InvertedIndexParams {
    InvertedIndexParams::new("icu/split".to_owned(), Language::English)
        .lower_case(true)
        .ascii_folding(true)
        .stem(false)
        .remove_stop_words(false)
        .max_token_length(Some(128))
}

/// The indexes of one table version. An index is a list of segments, oldest first, each over fragments of
/// its own.
pub(crate) struct Coverage {
    segments: Arc<Vec<IndexMetadata>>,
    fragments: Arc<Vec<Fragment>>,
}

impl Coverage {
    /// Reads what the table's manifest says.
    pub(crate) async fn of(table: &Table) -> Result<Self> {
        let action = format!("listing indexes of table {}", table.name());
        let segments = table.dataset().load_indices().await.map_err(IndexError::storage(action))?;
        Ok(Self { segments, fragments: table.dataset().fragments().clone() })
    }

    fn segments(&self, column: &str) -> impl Iterator<Item = &IndexMetadata> {
        let name = name(column);
        self.segments.iter().filter(move |s| s.name == name)
    }

    /// Whether the column has an index, trained or not.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.segments(column).next().is_some()
    }

    /// Fragments that some of these columns' indexes don't cover, and their rows.
    pub(crate) fn missing(&self, columns: &[&str]) -> (usize, u64) {
        let outside = self.fragments.iter().filter(|f| !columns.iter().all(|c| self.covers(c, f)));
        outside.fold((0, 0), |(count, sum), fragment| (count + 1, sum + rows(fragment)))
    }

    /// Whether the column's index answers for any row at all.
    pub(crate) fn answers(&self, column: &str) -> bool {
        self.fragments.iter().any(|f| self.covers(column, f))
    }

    /// The rows of each segment, oldest first.
    pub(crate) fn layers(&self, column: &str) -> Vec<u64> {
        self.segments(column)
            .map(|s| self.fragments.iter().filter(|f| within(s, f)).map(rows).sum())
            .collect()
    }

    /// How many of the last layers know no fragment but those that this names.
    pub(crate) fn layers_within(&self, column: &str, is_named: impl Fn(u64) -> bool) -> usize {
        let layers: Vec<_> = self.segments(column).collect();
        let is_within = |layer: &&&IndexMetadata| {
            self.fragments.iter().filter(|f| within(layer, f)).all(|fragment| is_named(fragment.id))
        };
        layers.iter().rev().take_while(is_within).count()
    }

    /// The fragments of all layers but the last `due`.
    pub(crate) fn settled(&self, column: &str, due: usize) -> BTreeSet<u64> {
        let layers: Vec<_> = self.segments(column).collect();
        let settled = layers.get(..layers.len().saturating_sub(due)).unwrap_or_default();
        let is_settled = |fragment: &&Fragment| settled.iter().any(|layer| within(layer, fragment));
        self.fragments.iter().filter(is_settled).map(|fragment| fragment.id).collect()
    }

    fn covers(&self, column: &str, fragment: &Fragment) -> bool {
        self.segments(column).any(|s| within(s, fragment))
    }
}

fn within(segment: &IndexMetadata, fragment: &Fragment) -> bool {
    let covered = segment.fragment_bitmap.as_ref();
    covered.is_some_and(|bitmap| u32::try_from(fragment.id).is_ok_and(|id| bitmap.contains(id)))
}

fn rows(fragment: &Fragment) -> u64 {
    fragment.num_rows().or(fragment.physical_rows).unwrap_or(0) as u64
}
