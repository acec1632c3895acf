//! A person's decisions over refused changes: try again, or do without.

use std::cmp::Ordering;
use std::collections::HashMap;

use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::ledger::{Reason, TableRole};
use datafusion_expr::{Expr, col};

use super::Writer;
use super::erase::blanked;
use crate::error::{IndexError, Result};
use crate::filter::{equals, one_of};
use crate::plan::Plan;
use crate::rows::{self, DocumentRow, QuarantineRow, is_of_newer_content, seq_i64};

impl Writer {
    /// Marks items; the sources then take their documents for unknown. Gives the documents.
    pub(crate) async fn retry(&mut self, item: Option<&str>) -> Result<Vec<String>> {
        let waiting = self.waiting(item).await?;
        let documents: Vec<String> = waiting.iter().map(|row| row.doc_id.clone()).collect();
        if waiting.is_empty() {
            return Ok(documents);
        }
        let (head, _) = self.claimed().await?;
        let retry_seq = Some(seq_i64(head.seq + 1));
        let quarantine = waiting.into_iter().map(|row| QuarantineRow { retry_seq, ..row }).collect();
        let plan = Plan { quarantine, ..Plan::default() };
        self.intervene_with(plan, Reason::Quarantine).await?;
        Ok(documents)
    }

    /// Resolves an item as dropped; the same content is not tried again. Nothing older is served in its place:
    /// the source does not hold that any more.
    pub(crate) async fn drop_item(&mut self, item: &str) -> Result<()> {
        let waiting = self.waiting(Some(item)).await?;
        let (head, _) = self.claimed().await?;
        let (resolved_at, resolved_seq) = (Some(self.now()), Some(seq_i64(head.seq + 1)));
        let withdrawn = self.withdrawn(&waiting).await?;
        let dropped =
            |row| QuarantineRow { resolved_at, resolved_seq, dropped: true, retry_seq: None, ..row };
        let plan = Plan {
            remove: withdrawn.iter().map(|row| row.doc_id.clone()).collect(),
            documents: withdrawn,
            quarantine: waiting.into_iter().map(dropped).collect(),
            ..Plan::default()
        };
        self.intervene_with(plan, Reason::Quarantine).await.map(drop)
    }

    /// The rows that documents get whose refused content a person does without, where an older version of
    /// them is served.
    async fn withdrawn(&self, items: &[QuarantineRow]) -> Result<Vec<DocumentRow>> {
        let items = items.iter().filter(|item| is_of_newer_content(&item.stage, &item.cause));
        let items: HashMap<&str, &QuarantineRow> = items.map(|item| (item.doc_id.as_str(), item)).collect();
        let ids: Vec<&str> = items.keys().copied().collect();
        let (false, Some(tables)) = (ids.is_empty(), self.tables()) else { return Ok(Vec::new()) };
        let table = tables.get(TableRole::Documents)?;
        let served = one_of("doc_id", &ids).and(equals("state", DocumentState::Indexed.as_str()));
        let rows: Vec<DocumentRow> =
            rows::from_batches(table.name(), &table.rows(None, Some(served)).await?)?;
        let mut withdrawn = Vec::new();
        for row in rows {
            let Some(item) = items.get(row.doc_id.as_str()) else { continue };
            let served = rows::version("documents", &row.version)?;
            let refused = rows::version("quarantine", &item.version)?;
            if refused.order(&served) != Some(Ordering::Less) {
                withdrawn.push(withdrawn_by(item, row));
            }
        }
        Ok(withdrawn)
    }

    /// The item of that id, which must wait; or all that wait.
    async fn waiting(&self, item: Option<&str>) -> Result<Vec<QuarantineRow>> {
        let open = || -> Expr { col("resolved_seq").is_null() };
        let filter = item.map_or_else(open, |id| equals("id", id).and(open()));
        let mut waiting = Vec::new();
        if let Some(tables) = self.tables() {
            let table = tables.get(TableRole::Quarantine)?;
            waiting = rows::from_batches(table.name(), &table.rows(None, Some(filter)).await?)?;
        }
        match item {
            Some(id) if waiting.is_empty() => {
                Err(IndexError::NotFound(format!("no item {id:?} waits in quarantine")))
            }
            _ => Ok(waiting),
        }
    }
}

/// The row of a document of which nothing is served, because a person does without what its source holds.
fn withdrawn_by(item: &QuarantineRow, served: DocumentRow) -> DocumentRow {
    DocumentRow {
        state: DocumentState::Quarantined.as_str().to_owned(),
        text_hash: Some(Sha256::of("").into()),
        version: item.version.clone(),
        content_hash: item.content_hash.clone(),
        pipeline_fingerprint: item.pipeline_fingerprint.clone(),
        uri: item.uri.clone(),
        media_type: item.media_type.clone(),
        stamp: item.stamp.clone(),
        position: item.position.clone(),
        ..blanked(served)
    }
}
