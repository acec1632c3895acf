//! Indexed documents against their chunks, group by group.

use std::collections::{HashMap, HashSet};

use alluvium_core::document::DocumentState;
use alluvium_core::ledger::TableRole;
use futures::TryStreamExt;

use super::documents::Seen;
use super::findings::{Check, Sink};
use super::scan::batches;
use super::spans::Content;
use super::{Look, Watch};
use crate::error::Result;
use crate::filter::{equals, one_of};
use crate::rows::{self, ChunkRow, DocumentRow};
use crate::table::Table;

/// Documents whose texts and chunks are in memory at a time.
const GROUP: usize = 64;

/// Looks at each indexed document once, and at its chunks as a look-up by document finds them.
pub(super) async fn check(look: &Look<'_>, seen: &Seen, watch: Watch<'_>, sink: &mut Sink) -> Result<()> {
    let (documents, chunks) = (look.tables.get(TableRole::Documents)?, look.tables.get(TableRole::Chunks)?);
    let expected = seen.by_id.values().filter(|document| document.indexed).count() as u64;
    let indexed = equals("state", DocumentState::Indexed.as_str());
    let mut groups = batches(documents, None, Some(indexed), GROUP).await?;
    let mut done = HashSet::new();
    while let Some(batch) = groups.try_next().await? {
        let mut group: Vec<DocumentRow> = rows::from_batches(documents.name(), &[batch])?;
        // A second row of a document has been found already.
        group.retain(|document| done.insert(document.doc_id.clone()));
        let mut by_document = chunks_of(chunks, &group, seen, sink).await?;
        for document in &group {
            let chunks = by_document.remove(&document.doc_id).unwrap_or_default();
            Content::new(look.head, document, chunks).check(sink);
        }
        watch(done.len() as u64, expected);
    }
    Ok(())
}

/// The chunks of a group. Where the look-up finds others than the scan did, that is a finding, and the
/// table itself says what is so.
async fn chunks_of(
    table: &Table,
    group: &[DocumentRow],
    seen: &Seen,
    sink: &mut Sink,
) -> Result<HashMap<String, Vec<ChunkRow>>> {
    let ids: Vec<&str> = group.iter().map(|document| document.doc_id.as_str()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = grouped(table, table.rows(None, Some(one_of("doc_id", &ids))).await?)?;
    let mut agree = true;
    for id in &ids {
        let (found, there) =
            (found.get(*id).map_or(0, Vec::len), seen.by_id.get(*id).map_or(0, |d| d.chunks));
        if found as u64 != there {
            agree = false;
            let detail = format!("a look-up by doc_id in {} finds {found} rows of {there}", table.name());
            sink.add(Check::IndexKey, id, detail);
        }
    }
    if agree {
        return Ok(found);
    }
    let scanned = batches(table, None, Some(one_of("doc_id", &ids)), GROUP).await?;
    grouped(table, scanned.try_collect().await?)
}

fn grouped(table: &Table, batches: Vec<arrow_array::RecordBatch>) -> Result<HashMap<String, Vec<ChunkRow>>> {
    let mut grouped: HashMap<String, Vec<ChunkRow>> = HashMap::new();
    for row in rows::from_batches::<ChunkRow>(table.name(), &batches)? {
        grouped.entry(row.doc_id.clone()).or_default().push(row);
    }
    Ok(grouped)
}
