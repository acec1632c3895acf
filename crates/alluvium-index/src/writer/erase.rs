//! Erasing a document: out of service at once, never revived by its source, by replay or by rollback.
//!
//! The policy row remembers the erasure for ever, also after it was undone: content from before it is
//! refused by every rollback and every search on an old release. Old table versions still hold the text
//! until they are vacuumed.

use alluvium_core::commit::Publish;
use alluvium_core::document::DocumentState;
use alluvium_core::id::DocId;
use alluvium_core::ledger::{Reason, TableRole};
use alluvium_core::policy::{Erasure, Policy};

use super::{Draft, Writer, apply};
use crate::error::{IndexError, Result};
use crate::filter::equals;
use crate::located::Located;
use crate::plan::Plan;
use crate::rows::{self, DocumentRow, PolicyRow, QuarantineRow, seq_i64};

impl Writer {
    pub(crate) async fn erase(&mut self, document: &DocId) -> Result<u64> {
        let (policy, row) = self.known_to_person(document).await?;
        let mut policy = policy.policy()?;
        if policy.is_erased() {
            return Err(IndexError::Erased(document.to_string()));
        }
        let (head, _) = self.claimed().await?;
        let seq = head.seq + 1;
        let version = row.as_ref().map(|row| rows::version("documents", &row.version)).transpose()?;
        policy.erase(seq, version);
        let plan = Plan {
            remove: vec![document.as_str().to_owned()],
            documents: row.map(blanked).into_iter().collect(),
            quarantine: self.stripped_quarantine(document, seq).await?,
            ..self.policy_plan(document, &policy, seq)
        };
        self.intervene_with(plan, Reason::Erase).await.map(|published| published.seq)
    }

    pub(crate) async fn unerase(&mut self, document: &DocId) -> Result<u64> {
        let (policy, _) = self.known_to_person(document).await?;
        let mut policy = policy.policy()?;
        let Some(erasure) = policy.erased.clone().filter(|_| policy.is_erased()) else {
            return Err(IndexError::NotFound(format!("{document} is not erased")));
        };
        let (head, _) = self.claimed().await?;
        let seq = head.seq + 1;
        policy.erased = Some(Erasure { undone_seq: Some(seq), ..erasure });
        let plan = self.policy_plan(document, &policy, seq);
        self.intervene_with(plan, Reason::Unerase).await.map(|published| published.seq)
    }

    /// Applies a plan and publishes it, paused or not as the index is.
    pub(super) async fn intervene_with(&mut self, plan: Plan, reason: Reason) -> Result<Publish> {
        let (head, mut tables) = self.claimed().await?;
        apply::apply(&mut tables, plan, &Located::default(), self.fingerprint.model.dimension).await?;
        self.publish(&head, tables, Draft::over(&head, reason)).await
    }

    fn policy_plan(&self, document: &DocId, policy: &Policy, seq: u64) -> Plan {
        let row = PolicyRow::of(document.as_str(), document.source(), policy, seq, self.now());
        Plan { policies: vec![row], ..Plan::default() }
    }

    /// The rows of a document that a person named; one that the index never saw is a slip.
    async fn known_to_person(&self, document: &DocId) -> Result<(PolicyRow, Option<DocumentRow>)> {
        let missing = || IndexError::NotFound(format!("the index has never seen a document {document}"));
        let tables = self.tables().ok_or_else(missing)?;
        let id = || equals("doc_id", document.as_str());
        let policy = tables.get(TableRole::Policy)?;
        let batches = policy.rows(None, Some(id())).await?;
        let policy = rows::from_batches(policy.name(), &batches)?.into_iter().next().ok_or_else(missing)?;
        let documents = tables.get(TableRole::Documents)?;
        let batches = documents.rows(None, Some(id())).await?;
        Ok((policy, rows::from_batches(documents.name(), &batches)?.into_iter().next()))
    }

    /// Every item of the document, resolved and without its bytes and quotations.
    async fn stripped_quarantine(&self, document: &DocId, seq: u64) -> Result<Vec<QuarantineRow>> {
        let Some(tables) = self.tables() else { return Ok(Vec::new()) };
        let table = tables.get(TableRole::Quarantine)?;
        let batches = table.rows(None, Some(equals("doc_id", document.as_str()))).await?;
        let rows: Vec<QuarantineRow> = rows::from_batches(table.name(), &batches)?;
        let strip = |row: QuarantineRow| QuarantineRow {
            bytes: None,
            detail: "erased".to_owned(),
            uri: String::new(),
            content_hash: None,
            stamp: None,
            retry_seq: None,
            dropped: false,
            resolved_at: row.resolved_at.or(Some(self.now())),
            resolved_seq: row.resolved_seq.or(Some(seq_i64(seq))),
            ..row
        };
        Ok(rows.into_iter().map(strip).collect())
    }
}

/// The row of a document that is gone: it keeps its version, so that older changes stay older, and nothing
/// of what it said.
pub(super) fn blanked(row: DocumentRow) -> DocumentRow {
    DocumentRow {
        uri: String::new(),
        title: String::new(),
        language: None,
        content_hash: None,
        text_hash: None,
        extractor: None,
        chunker: None,
        partial: None,
        state: DocumentState::Deleted.as_str().to_owned(),
        stamp: None,
        bytes: 0,
        chunk_count: 0,
        token_count: 0,
        text: None,
        page_starts: Vec::new(),
        metadata: Vec::new(),
        modified_at: None,
        ..row
    }
}
