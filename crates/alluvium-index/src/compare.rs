//! What the index has of a source's documents, for whoever compares it with the source itself.

use std::collections::HashMap;

use alluvium_core::document::KnownDocument;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::ledger::TableRole;
use alluvium_core::quarantine::Cause;
use serde::Deserialize;

use crate::error::Result;
use crate::known::{known_documents, local};
use crate::reader::{Index, standing_quarantine};
use crate::rows;

/// A document as the index has it.
#[derive(Debug, Clone, Default)]
pub struct HeldDocument {
    /// Its row: state, and the hash of the content that is served, whatever was refused since. Refused
    /// changes stay through a rollback to a record from before their documents were known.
    pub row: Option<KnownDocument>,
    /// Refused changes of it that wait, or that a person dropped.
    pub standing: Vec<Standing>,
}

/// A refused change that stands in the way of its content.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Hash of the content that was refused; none where it could not be read, or is a deletion.
    pub content_hash: Option<Sha256>,
    /// A rollback holds it back.
    pub rolled_back: bool,
    /// A person wants it to be tried again.
    pub again: bool,
    /// A person does without it: nothing older is to be served in its place.
    pub dropped: bool,
}

impl Index {
    /// The documents of a source, by their id within it.
    pub async fn held(&self, source: &SourceName) -> Result<HashMap<String, HeldDocument>> {
        let documents = known_documents(&self.tables, source).await?;
        let hold = |row| HeldDocument { row: Some(row), standing: Vec::new() };
        let mut held: HashMap<String, HeldDocument> =
            documents.into_iter().map(|(id, row)| (id, hold(row))).collect();
        for item in standing_quarantine(&self.tables).await? {
            let Some(id) = local(&item.doc_id, source) else { continue };
            held.entry(id).or_default().standing.push(Standing {
                content_hash: item
                    .content_hash
                    .as_deref()
                    .map(|h| rows::hash("quarantine", h))
                    .transpose()?,
                rolled_back: item.cause == Cause::RolledBack.to_string(),
                again: item.retry_seq.is_some(),
                dropped: item.dropped && rows::is_of_newer_content(&item.stage, &item.cause),
            });
        }
        Ok(held)
    }

    /// The sources that documents of the index came from, sorted.
    pub async fn source_names(&self) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Columns {
            source: String,
        }
        let table = self.tables.get(TableRole::Documents)?;
        let batches = table.rows(Some(&["source"]), None).await?;
        let rows: Vec<Columns> = rows::from_batches(table.name(), &batches)?;
        let sources: std::collections::BTreeSet<String> = rows.into_iter().map(|row| row.source).collect();
        Ok(sources.into_iter().collect())
    }
}
