//! What a source is told of its documents before it scans.

use std::collections::HashMap;

use alluvium_core::document::{DocumentState, KnownDocument};
use alluvium_core::id::{DocId, SourceName};
use alluvium_core::ledger::TableRole;
use alluvium_core::quarantine::Cause;
use serde::Deserialize;

use crate::error::Result;
use crate::filter::equals;
use crate::reader::standing_quarantine;
use crate::rows::{self, QuarantineRow};
use crate::tables::Tables;

#[derive(Deserialize)]
struct DocumentColumns {
    doc_id: String,
    content_hash: Option<String>,
    pipeline_fingerprint: String,
    state: String,
    stamp: Option<String>,
}

#[derive(Deserialize)]
struct PolicyColumns {
    doc_id: String,
    acl_hash: String,
    erased_seq: Option<i64>,
    erasure_undone_seq: Option<i64>,
}

/// Documents of a source with the content that was last seen of each: the good one, or a quarantined one
/// that came after it, so that neither is processed again while it stays as it is.
pub(crate) async fn known(tables: &Tables, source: &SourceName) -> Result<HashMap<String, KnownDocument>> {
    let mut known = known_documents(tables, source).await?;
    let mut items = standing_quarantine(tables).await?;
    items.sort_by_key(|item| item.entered_seq);
    for item in items {
        if let Some(document) = local(&item.doc_id, source).and_then(|local| known.get_mut(&local)) {
            overlay(document, item)?;
        }
    }
    Ok(known)
}

/// Documents of a source as their rows and policies say, whatever was refused since.
pub(crate) async fn known_documents(
    tables: &Tables,
    source: &SourceName,
) -> Result<HashMap<String, KnownDocument>> {
    let mut known = documents(tables, source).await?;
    let policy = tables.get(TableRole::Policy)?;
    let columns = ["doc_id", "acl_hash", "erased_seq", "erasure_undone_seq"];
    let batches = policy.rows(Some(&columns), Some(equals("source", source.as_str()))).await?;
    for row in rows::from_batches::<PolicyColumns>(policy.name(), &batches)? {
        if let Some(document) = local(&row.doc_id, source).and_then(|local| known.get_mut(&local)) {
            document.acl_hash = Some(rows::hash(policy.name(), &row.acl_hash)?);
            document.erased = row.erased_seq.is_some() && row.erasure_undone_seq.is_none();
        }
    }
    Ok(known)
}

/// What a refused change says of its document's content.
fn overlay(document: &mut KnownDocument, item: QuarantineRow) -> Result<()> {
    if item.retry_seq.is_some() {
        // A person asked for another try: whatever is there is new.
        (document.content_hash, document.stamp) = (None, None);
        return Ok(());
    }
    if item.content_hash.is_none() && item.cause == Cause::RolledBack.to_string() {
        // A rollback brought the document back and holds its deletion.
        document.state = DocumentState::Deleted;
    }
    document.content_hash = item.content_hash.as_deref().map(|h| rows::hash("quarantine", h)).transpose()?;
    document.pipeline_fingerprint = rows::hash("quarantine", &item.pipeline_fingerprint)?;
    document.stamp = item.stamp;
    Ok(())
}

async fn documents(tables: &Tables, source: &SourceName) -> Result<HashMap<String, KnownDocument>> {
    let table = tables.get(TableRole::Documents)?;
    let columns = ["doc_id", "content_hash", "pipeline_fingerprint", "state", "stamp"];
    let batches = table.rows(Some(&columns), Some(equals("source", source.as_str()))).await?;
    let mut known = HashMap::new();
    for row in rows::from_batches::<DocumentColumns>(table.name(), &batches)? {
        let Some(local) = local(&row.doc_id, source) else { continue };
        let document = KnownDocument {
            state: rows::state(table.name(), &row.state)?,
            content_hash: row.content_hash.as_deref().map(|h| rows::hash(table.name(), h)).transpose()?,
            pipeline_fingerprint: rows::hash(table.name(), &row.pipeline_fingerprint)?,
            stamp: row.stamp,
            acl_hash: None,
            erased: false,
        };
        // Its content is not here: unless an item stands for it, it is to be had again.
        let document = match document.state {
            DocumentState::Quarantined => KnownDocument { content_hash: None, stamp: None, ..document },
            _ => document,
        };
        known.insert(local, document);
    }
    Ok(known)
}

/// The id within `source`, of a document of it.
pub(crate) fn local(doc_id: &str, source: &SourceName) -> Option<String> {
    let id = DocId::parse(doc_id).ok()?;
    (id.source() == source.as_str()).then(|| id.local().to_owned())
}
