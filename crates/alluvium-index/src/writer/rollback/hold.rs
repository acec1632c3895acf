//! What a rollback does to the quarantine: changes that were mended after the record wait again, and a
//! rollback that keeps the offsets holds the rolled-back contents there until they change.
//!
//! A hold is an item like any other: its hash is what the source still has, so that a scan finds nothing
//! new, and new content resolves it. `quarantine retry` lets it through.

use std::collections::{HashMap, HashSet};

use alluvium_core::document::DocumentState;
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::ledger::TableRole;
use alluvium_core::quarantine::{Cause, Stage, quarantine_id};
use alluvium_core::rollback::Outcome;
use datafusion_expr::{col, lit};

use super::super::erase::blanked;
use super::Sides;
use crate::error::Result;
use crate::fault::Fault;
use crate::filter::one_of;
use crate::reader::{open_quarantine, standing_quarantine};
use crate::rows::{self, DocumentRow, QuarantineRow, seq_i64};
use crate::tables::Tables;

/// What holds are told from other items of their document by.
const POSITION: &str = "rollback";

/// Items that were resolved after the record wait again, unless their documents were erased. The holds of
/// earlier rollbacks end where sources are read again from then; what goes on from now stays held back.
pub(super) async fn reopened(
    tables: &Tables,
    sides: &Sides,
    keep_offsets: bool,
    now: i64,
    seq: u64,
) -> Result<Vec<QuarantineRow>> {
    let table = tables.get(TableRole::Quarantine)?;
    let resolved = col("resolved_seq").gt(lit(seq_i64(sides.then.seq)));
    let held = rolled_back();
    let mended: Vec<QuarantineRow> =
        rows::from_batches(table.name(), &table.rows(None, Some(resolved)).await?)?;
    let open_again = |row: QuarantineRow| QuarantineRow { resolved_at: None, resolved_seq: None, ..row };
    let erased = |id: &str| sides.changed.get(id).is_some_and(|policy| policy.erased_seq.is_some());
    let mended = mended.into_iter().filter(|row| !row.dropped && row.cause != held && !erased(&row.doc_id));
    let ended = |row: QuarantineRow| QuarantineRow {
        resolved_at: Some(now),
        resolved_seq: Some(seq_i64(seq)),
        retry_seq: None,
        ..row
    };
    let holds = open_quarantine(tables).await?.into_iter().filter(|row| row.cause == held).map(ended);
    let holds = holds.filter(|_| !keep_offsets && !Fault::RollbackKeepsHolds.is_on());
    Ok(mended.map(open_again).chain(holds).collect())
}

fn rolled_back() -> String {
    Cause::RolledBack.to_string()
}

/// Rows that hold contents back.
#[derive(Default)]
pub(super) struct Held {
    pub(super) documents: Vec<DocumentRow>,
    pub(super) quarantine: Vec<QuarantineRow>,
}

/// Holds every content that the rollback takes out of service or replaces. `before` are the tables from
/// before the rollback, `restored` those that it restored. A document that is not served any more gets a row as one that never had good
/// content: as deleted or unknown, its source would bring it anew. One that was withdrawn then is so again.
pub(super) async fn held(
    [before, restored]: [&Tables; 2],
    outcome: &Outcome,
    to: u64,
    now: i64,
    seq: u64,
) -> Result<Held> {
    let ids: Vec<&String> = outcome.restored.iter().chain(&outcome.removed).collect();
    if ids.is_empty() {
        return Ok(Held::default());
    }
    // Also what a person did without: its source still has it. Of several the newest speaks of that.
    let mut standing = standing_quarantine(before).await?;
    standing.sort_by_key(|row| row.entered_seq);
    let earlier: HashMap<String, QuarantineRow> =
        standing.into_iter().map(|row| (row.doc_id.clone(), row)).collect();
    let live = documents(before, &ids).await?;
    let removed: HashSet<&String> = outcome.removed.iter().collect();
    let mut then = documents(restored, &outcome.removed.iter().collect::<Vec<_>>()).await?;
    then.retain(|_, row| row.is_withdrawn());
    let mut held = Held::default();
    for id in ids {
        match earlier.get(id) {
            // What the source has is a refused change, which keeps waiting as it did.
            Some(waits) if waits.cause != rolled_back() => continue,
            Some(hold) => held.quarantine.push(QuarantineRow { entered_seq: seq_i64(seq), ..hold.clone() }),
            None => held.quarantine.extend(hold(id, live.get(id), to, now, seq)),
        }
        if removed.contains(id)
            && !then.contains_key(id)
            && let Some(row) = live.get(id)
        {
            let state = DocumentState::Quarantined.as_str().to_owned();
            held.documents.push(DocumentRow { state, ..blanked(row.clone()) });
        }
    }
    Ok(held)
}

async fn documents(tables: &Tables, ids: &[&String]) -> Result<HashMap<String, DocumentRow>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let table = tables.get(TableRole::Documents)?;
    let rows: Vec<DocumentRow> =
        rows::from_batches(table.name(), &table.rows(None, Some(one_of("doc_id", ids))).await?)?;
    Ok(rows.into_iter().map(|row| (row.doc_id.clone(), row)).collect())
}

/// The hold of a document as its source has it now: with this content, or gone.
fn hold(id: &str, live: Option<&DocumentRow>, to: u64, now: i64, seq: u64) -> Option<QuarantineRow> {
    let document = DocId::parse(id).ok()?;
    let row = live?;
    let content_hash = row.content_hash.clone().filter(|_| row.state == DocumentState::Indexed.as_str());
    let hash = content_hash.clone().and_then(|hash| Sha256::try_from(hash).ok());
    Some(QuarantineRow {
        id: quarantine_id(&document, POSITION, Stage::Guard, hash.as_ref()),
        doc_id: id.to_owned(),
        source: document.source().to_owned(),
        position: row.position.clone(),
        stage: Stage::Guard.to_string(),
        cause: rolled_back(),
        detail: format!(
            "held back by the rollback to record {to} until it changes; `quarantine retry` lets it through"
        ),
        uri: row.uri.clone(),
        media_type: row.media_type.clone(),
        content_hash,
        pipeline_fingerprint: row.pipeline_fingerprint.clone(),
        stamp: row.stamp.clone(),
        version: row.version.clone(),
        bytes: None,
        entered_at: now,
        entered_seq: seq_i64(seq),
        attempts: 0,
        retry_seq: None,
        dropped: false,
        resolved_at: None,
        resolved_seq: None,
    })
}
