//! A reader's view: the tables at the versions of one ledger record, and nothing newer.

use std::collections::HashMap;
use std::path::Path;

use alluvium_core::document::KnownDocument;
use alluvium_core::id::SourceName;
use alluvium_core::ledger::{Record, TableRole};
use datafusion_expr::{Expr, col, lit};
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::filter::equals;
use crate::known;
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::rows::{self, QuarantineRow, timestamp};
use crate::search::View;
use crate::storage;
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

/// A refused change with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantineDetail {
    /// What `list` shows.
    #[serde(flatten)]
    pub item: QuarantineItem,
    /// What the bytes were said to be.
    pub media_type: Option<String>,
    /// SHA-256 of the bytes.
    pub content_hash: Option<String>,
    /// The refused version, as JSON.
    pub version: String,
    /// How many bytes of the change are kept here; null where its source still has them.
    pub bytes: Option<u64>,
    /// The record that it entered with.
    pub entered_seq: i64,
    /// The record with which a person asked for another try that is still to come.
    pub retry_seq: Option<i64>,
    /// A person decided to do without it.
    pub dropped: bool,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// The record that resolved it.
    pub resolved_seq: Option<i64>,
}

impl Index {
    pub(crate) fn new(record: Record, tables: Tables) -> Self {
        Self { record, tables, view: View::default() }
    }

    /// Opens the newest record of the index at `root`; `None` where nothing has been published yet.
    pub async fn open(root: &Path) -> Result<Option<Self>> {
        let layout = Layout::new(root);
        if !layout.has_ledger()? {
            return Ok(None);
        }
        let head = Ledger::open(&layout)?.head().await?;
        let Some(record) = head.filter(|record| !record.tables.is_empty()) else { return Ok(None) };
        let tables = Tables::open(&layout, &record, &storage::session(layout.root())).await?;
        Ok(Some(Self::new(record, tables)))
    }

    /// Opens an earlier record.
    pub async fn open_at(root: &Path, record: &Record) -> Result<Self> {
        let layout = Layout::new(root);
        let tables = Tables::open(&layout, record, &storage::session(layout.root())).await?;
        Ok(Self::new(record.clone(), tables))
    }

    /// Who writes to the index at `root` now, if anybody does.
    pub fn holder(root: &Path) -> Option<String> {
        Lock::holder(&Layout::new(root))
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What the index knows of a source's documents, by their id within the source.
    pub async fn known(&self, source: &SourceName) -> Result<HashMap<String, KnownDocument>> {
        known::known(&self.tables, source).await
    }

    /// One item, resolved or not, with all that is known of it.
    pub async fn quarantine_item(&self, id: &str) -> Result<Option<QuarantineDetail>> {
        let table = self.tables.get(TableRole::Quarantine)?;
        let batches = table.rows(None, Some(equals("id", id))).await?;
        let rows: Vec<QuarantineRow> = rows::from_batches(table.name(), &batches)?;
        Ok(rows.into_iter().next().map(detail))
    }

    /// The items of a source that a person wants to be tried again.
    pub async fn wanted_again(&self, source: &SourceName) -> Result<Vec<QuarantineItem>> {
        let wanted = |row: &QuarantineRow| row.retry_seq.is_some() && row.source == source.as_str();
        let open = open_quarantine(&self.tables).await?;
        Ok(open.into_iter().filter(wanted).map(item).collect())
    }

    /// The items that are not resolved, oldest first.
    pub async fn quarantine(&self) -> Result<Vec<QuarantineItem>> {
        let mut open = open_quarantine(&self.tables).await?;
        open.sort_by(|a, b| (a.entered_at, &a.id).cmp(&(b.entered_at, &b.id)));
        Ok(open.into_iter().map(item).collect())
    }
}

/// Items that wait.
pub(crate) async fn open_quarantine(tables: &Tables) -> Result<Vec<QuarantineRow>> {
    quarantine(tables, col("resolved_seq").is_null()).await
}

/// Items that wait, and those that a person dropped while their contents stay as they are.
pub(crate) async fn standing_quarantine(tables: &Tables) -> Result<Vec<QuarantineRow>> {
    quarantine(tables, standing()).await
}

/// What makes an item stand.
pub(crate) fn standing() -> Expr {
    col("resolved_seq").is_null().or(col("dropped").eq(lit(true)))
}

async fn quarantine(tables: &Tables, filter: Expr) -> Result<Vec<QuarantineRow>> {
    let table = tables.get(TableRole::Quarantine)?;
    let columns: Vec<String> = crate::schema::field_refs(TableRole::Quarantine, 0)
        .iter()
        .map(|f| f.name().clone())
        .filter(|name| name != "bytes")
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let batches = table.rows(Some(&columns), Some(filter)).await?;
    rows::from_batches(table.name(), &batches)
}

fn detail(row: QuarantineRow) -> QuarantineDetail {
    QuarantineDetail {
        media_type: row.media_type.clone(),
        content_hash: row.content_hash.clone(),
        version: row.version.clone(),
        bytes: row.bytes.as_ref().map(|bytes| bytes.len() as u64),
        entered_seq: row.entered_seq,
        retry_seq: row.retry_seq,
        dropped: row.dropped,
        resolved_at: row.resolved_at.map(timestamp),
        resolved_seq: row.resolved_seq,
        item: item(row),
    }
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
