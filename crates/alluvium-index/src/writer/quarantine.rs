//! A person's decisions over refused changes: try again, or do without.

use alluvium_core::ledger::{Reason, TableRole};
use datafusion_expr::{Expr, col};

use super::Writer;
use crate::error::{IndexError, Result};
use crate::filter::equals;
use crate::plan::Plan;
use crate::rows::{self, QuarantineRow, seq_i64};

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

    /// Resolves an item as dropped; the same content is not tried again.
    pub(crate) async fn drop_item(&mut self, item: &str) -> Result<()> {
        let waiting = self.waiting(Some(item)).await?;
        let (head, _) = self.claimed().await?;
        let (resolved_at, resolved_seq) = (Some(self.now()), Some(seq_i64(head.seq + 1)));
        let dropped =
            |row| QuarantineRow { resolved_at, resolved_seq, dropped: true, retry_seq: None, ..row };
        let plan = Plan { quarantine: waiting.into_iter().map(dropped).collect(), ..Plan::default() };
        self.intervene_with(plan, Reason::Quarantine).await.map(drop)
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
