//! How the documents of two records differ.

use std::collections::{HashMap, HashSet};

use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::TableRole;
use alluvium_core::rollback::Content;
use arrow_array::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::filter::one_of;
use crate::reader::Index;
use crate::rows;
use crate::table::Table;
use crate::tables::Tables;

/// How the documents of one record differ from those of another; ids are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Served in the second only.
    pub added: Vec<String>,
    /// Served in the first only.
    pub removed: Vec<String>,
    /// Served in both, with other content.
    pub changed: Vec<String>,
    /// Served in both, under another access list.
    pub access: Vec<String>,
}

const COLUMNS: [&str; 3] = ["doc_id", "state", "content_hash"];

/// State and hash in two records of the documents whose rows differ between them, and of `also`. Others
/// may be among them.
pub(crate) async fn differing(
    one: &Tables,
    two: &Tables,
    also: &[&str],
) -> Result<[HashMap<String, Content>; 2]> {
    let (one, two) = (one.get(TableRole::Documents)?, two.get(TableRole::Documents)?);
    let of = async |table: &Table, other: &Table| {
        let mut batches = table.rows_unlike(other, &COLUMNS).await?;
        if !also.is_empty() {
            batches.extend(table.rows(Some(&COLUMNS), Some(one_of("doc_id", also))).await?);
        }
        read(table, &batches)
    };
    Ok([of(one, two).await?, of(two, one).await?])
}

fn read(table: &Table, batches: &[RecordBatch]) -> Result<HashMap<String, Content>> {
    #[derive(Deserialize)]
    struct Columns {
        doc_id: String,
        state: String,
        content_hash: Option<String>,
    }
    let rows: Vec<Columns> = rows::from_batches(table.name(), batches)?;
    let content = |row: Columns| {
        let hash: Option<Sha256> =
            row.content_hash.as_deref().map(|h| rows::hash(table.name(), h)).transpose()?;
        Ok((row.doc_id, Content { state: rows::state(table.name(), &row.state)?, hash }))
    };
    rows.into_iter().map(content).collect()
}

/// Hashes of access lists in two records of the documents whose policies differ between them.
async fn differing_lists(one: &Tables, two: &Tables) -> Result<[HashMap<String, String>; 2]> {
    let (one, two) = (one.get(TableRole::Policy)?, two.get(TableRole::Policy)?);
    let of = async |table: &Table, other: &Table| lists(table, &table.rows_unlike(other, &LISTS).await?);
    Ok([of(one, two).await?, of(two, one).await?])
}

/// The columns of [`lists`].
pub(crate) const LISTS: [&str; 2] = ["doc_id", "acl_hash"];

/// Hashes of access lists, by document.
pub(crate) fn lists(table: &Table, batches: &[RecordBatch]) -> Result<HashMap<String, String>> {
    #[derive(Deserialize)]
    struct Columns {
        doc_id: String,
        acl_hash: String,
    }
    let rows: Vec<Columns> = rows::from_batches(table.name(), batches)?;
    Ok(rows.into_iter().map(|row| (row.doc_id, row.acl_hash)).collect())
}

impl Index {
    /// How `other` differs from this one.
    pub async fn diff(&self, other: &Self) -> Result<Diff> {
        let served = |contents: HashMap<String, Content>| -> HashMap<String, Option<Sha256>> {
            let served = contents.into_iter().filter(|(_, content)| content.state == DocumentState::Indexed);
            served.map(|(id, content)| (id, content.hash)).collect()
        };
        let [earlier, later] = differing_lists(&self.tables, &other.tables).await?;
        let relisted = |id: &&str| earlier.get(*id) != later.get(*id);
        let relisted: HashSet<&str> =
            earlier.keys().chain(later.keys()).map(String::as_str).filter(relisted).collect();
        let also: Vec<&str> = relisted.iter().copied().collect();
        let [before, after] = differing(&self.tables, &other.tables, &also).await?.map(served);
        let mut diff = Diff::default();
        for (id, hash) in &after {
            match before.get(id) {
                None => diff.added.push(id.clone()),
                Some(earlier) if earlier != hash => diff.changed.push(id.clone()),
                Some(_) => {}
            }
            if before.contains_key(id) && relisted.contains(id.as_str()) {
                diff.access.push(id.clone());
            }
        }
        diff.removed = before.into_keys().filter(|id| !after.contains_key(id)).collect();
        for ids in [&mut diff.added, &mut diff.removed, &mut diff.changed, &mut diff.access] {
            ids.sort_unstable();
        }
        Ok(diff)
    }
}
