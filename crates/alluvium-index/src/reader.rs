//! A reader's view: the tables at the versions of one ledger record, and nothing newer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alluvium_core::document::KnownDocument;
use alluvium_core::id::SourceName;
use alluvium_core::ledger::{Record, TableRole};
use datafusion_expr::col;
use jiff::Timestamp;
use lance::session::Session;
use serde::Serialize;

use crate::error::Result;
use crate::known;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::rows::{self, QuarantineRow, timestamp};
use crate::search::View;
use crate::tables::Tables;

/// An index at one record: every read of it is of one consistent snapshot.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) record: Record,
    pub(crate) tables: Tables,
    /// How it is searched.
    pub(crate) view: View,
}

/// A refused change that waits in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineItem {
    /// Its id.
    pub id: String,
    /// The document.
    pub doc_id: String,
    /// The document's source.
    pub source: String,
    /// Where in the source the change came from.
    pub position: String,
    /// The stage that refused it.
    pub stage: String,
    /// Why.
    pub cause: String,
    /// What exactly, for people.
    pub detail: String,
    /// Where the bytes are.
    pub uri: String,
    /// When it was first refused.
    pub entered_at: Timestamp,
    /// How often it was refused.
    pub attempts: i64,
}

impl Index {
    pub(crate) fn new(record: Record, tables: Tables) -> Self {
        Self { record, tables, view: View::default() }
    }

    /// Opens the newest record of the index at `root`; `None` where nothing has been published yet.
    pub async fn open(root: &Path) -> Result<Option<Self>> {
        let layout = Layout::new(root);
        if !layout.ledger().is_dir() {
            return Ok(None);
        }
        let head = Ledger::open(&layout)?.head().await?;
        let Some(record) = head.filter(|record| !record.tables.is_empty()) else { return Ok(None) };
        let tables = Tables::open(&layout, &record, &Arc::new(Session::default())).await?;
        Ok(Some(Self::new(record, tables)))
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What the index knows of a source's documents, by their id within the source.
    pub async fn known(&self, source: &SourceName) -> Result<HashMap<String, KnownDocument>> {
        known::known(&self.tables, source).await
    }

    /// The items that are not resolved, oldest first.
    pub async fn quarantine(&self) -> Result<Vec<QuarantineItem>> {
        let mut open = open_quarantine(&self.tables).await?;
        open.sort_by(|a, b| (a.entered_at, &a.id).cmp(&(b.entered_at, &b.id)));
        Ok(open.into_iter().map(item).collect())
    }
}

pub(crate) async fn open_quarantine(tables: &Tables) -> Result<Vec<QuarantineRow>> {
    let table = tables.get(TableRole::Quarantine)?;
    let columns: Vec<String> = crate::schema::field_refs(TableRole::Quarantine, 0)
        .iter()
        .map(|f| f.name().clone())
        .filter(|name| name != "bytes")
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let batches = table.rows(Some(&columns), Some(col("resolved_seq").is_null())).await?;
    rows::from_batches(table.name(), &batches)
}

fn item(row: QuarantineRow) -> QuarantineItem {
    QuarantineItem {
        id: row.id,
        doc_id: row.doc_id,
        source: row.source,
        position: row.position,
        stage: row.stage,
        cause: row.cause,
        detail: row.detail,
        uri: row.uri,
        entered_at: timestamp(row.entered_at),
        attempts: row.attempts,
    }
}
