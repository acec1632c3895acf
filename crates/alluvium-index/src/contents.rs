//! The contents of all documents of a record, and how two records differ.

use std::collections::HashMap;

use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::TableRole;
use alluvium_core::rollback::Content;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::reader::Index;
use crate::rows;
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

/// State and hash of every document.
pub(crate) async fn contents(tables: &Tables) -> Result<HashMap<String, Content>> {
    #[derive(Deserialize)]
    struct Columns {
        doc_id: String,
        state: String,
        content_hash: Option<String>,
    }
    let table = tables.get(TableRole::Documents)?;
    let batches = table.rows(Some(&["doc_id", "state", "content_hash"]), None).await?;
    let rows: Vec<Columns> = rows::from_batches(table.name(), &batches)?;
    let content = |row: Columns| {
        let hash: Option<Sha256> =
            row.content_hash.as_deref().map(|h| rows::hash(table.name(), h)).transpose()?;
        Ok((row.doc_id, Content { state: rows::state(table.name(), &row.state)?, hash }))
    };
    rows.into_iter().map(content).collect()
}

async fn access_lists(tables: &Tables) -> Result<HashMap<String, String>> {
    #[derive(Deserialize)]
    struct Columns {
        doc_id: String,
        acl_hash: String,
    }
    let table = tables.get(TableRole::Policy)?;
    let batches = table.rows(Some(&["doc_id", "acl_hash"]), None).await?;
    let rows: Vec<Columns> = rows::from_batches(table.name(), &batches)?;
    Ok(rows.into_iter().map(|row| (row.doc_id, row.acl_hash)).collect())
}

impl Index {
    /// How `other` differs from this one.
    pub async fn diff(&self, other: &Self) -> Result<Diff> {
        let served = |contents: HashMap<String, Content>| -> HashMap<String, Option<Sha256>> {
            let served = contents.into_iter().filter(|(_, content)| content.state == DocumentState::Indexed);
            served.map(|(id, content)| (id, content.hash)).collect()
        };
        let (before, after) = (served(contents(&self.tables).await?), served(contents(&other.tables).await?));
        let (lists, other_lists) = (access_lists(&self.tables).await?, access_lists(&other.tables).await?);
        let mut diff = Diff::default();
        for (id, hash) in &after {
            match before.get(id) {
                None => diff.added.push(id.clone()),
                Some(earlier) if earlier != hash => diff.changed.push(id.clone()),
                Some(_) => {}
            }
            if before.contains_key(id) && lists.get(id) != other_lists.get(id) {
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
