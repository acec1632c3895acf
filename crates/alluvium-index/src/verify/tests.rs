//! An index is corrupted on purpose, in one way at a time, and exactly that is found.

#[path = "../../tests/common/mod.rs"]
mod common;

mod clean;
mod earlier;
mod indexes;
mod ledger;
mod tables;

use std::path::Path;

use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::commit::{Batch, IndexWriter};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::id::{DocId, PipelineName, SourceName};
use alluvium_core::ledger::{Reason, Record, TableRole};
use arrow_array::RecordBatch;
use datafusion_expr::col;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::{Findings, verify};
use crate::layout::Layout;
use crate::ledger::Ledger;
use crate::releases::Releases;
use crate::rows::{from_batches, to_batch};
use crate::schema::key;
use crate::storage;
use crate::table::Table;
use crate::tables::Tables;
use common::keeping::copied;
use common::{DIMENSION, acl, commit, delete, denying, intervention, refused, upsert, writer};

async fn verified(root: &Path) -> Findings {
    verify(root, &PipelineName::new("handbook").unwrap()).await.unwrap()
}

/// What is wrong, as `check subject`, sorted.
async fn wrong(root: &Path) -> Vec<String> {
    let findings = verified(root).await;
    assert_eq!(findings.total, findings.findings.len() as u64);
    let mut wrong: Vec<String> =
        findings.findings.iter().map(|f| format!("{} {}", f.check, f.subject)).collect();
    wrong.sort();
    wrong
}

/// A document of two pages, with letters that are not bytes.
fn paged(id: &str) -> Prepared {
    let mut change = upsert(id, "première €\n\nzweite Seite\n\nthird", acl(&["g", "h"]));
    if let PreparedContent::Indexed(content) = &mut change.content {
        content.extracted.pages = vec![0, content.extracted.text.find("zweite").unwrap()];
    }
    change
}

/// A document of each kind: `a` to `c` are served, `d` is deleted, `e` quarantined, `f` erased. The
/// release `first` names the first of three states.
async fn index() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let changes = vec![
        upsert("s/a", "one\n\ntwo\n\nthree", acl(&["g"])),
        upsert("s/b", "bee", denying(&["g", "h"], &["mallory"])),
        paged("s/c"),
        upsert("s/d", "dee", acl(&["g"])),
        upsert("s/f", "eff", acl(&["g"])),
    ];
    let source = SourceName::new("s").unwrap();
    let delta = CheckpointDelta { source, partition: "0".into(), after: None, through: 5, watermark: None };
    w.commit(Batch { changes, deltas: vec![delta] }).await.unwrap();
    let seq = w.head().unwrap().seq;
    Releases::open(dir.path()).unwrap().create("first", seq, Timestamp::UNIX_EPOCH).await.unwrap();
    commit(&mut w, vec![delete("s/d"), refused("s/e", "eee", acl(&["g"]))]).await;
    drop(w);
    intervention(dir.path()).await.erase(&DocId::parse("s/f").unwrap()).await.unwrap();
    dir
}

async fn opened(root: &Path) -> (Ledger, Record, Tables) {
    let layout = Layout::new(root);
    let ledger = Ledger::open(&layout).unwrap();
    let head = ledger.head().await.unwrap().unwrap();
    let tables = Tables::open(&layout, &head, &storage::session(root)).await.unwrap();
    (ledger, head, tables)
}

/// The record after `head`, as its writer would go on.
fn next(head: &Record) -> Record {
    Record { seq: head.seq + 1, reason: Reason::Commit, rolled_back_to: None, ..head.clone() }
}

/// Publishes a table in the place of the one of its role.
async fn publish(root: &Path, role: TableRole, table: Table) {
    let (ledger, head, mut tables) = opened(root).await;
    table.tag_live().await.unwrap();
    tables.set(role, table);
    let versions = tables.versions(&head.generation);
    ledger.put(&Record { tables: versions, ..next(&head) }).await.unwrap();
}

/// The table with these rows in place of all that it has.
async fn replaced(table: &Table, role: TableRole, rows: RecordBatch) -> Table {
    let all = table.addresses(col(key(role)).is_not_null());
    table.stage(all, || Ok(Some(rows))).await.unwrap().commit().await.unwrap()
}

/// Writes other rows in the place of those of a table, and publishes them.
async fn rewrite<R: Serialize + DeserializeOwned>(
    root: &Path,
    role: TableRole,
    change: impl FnOnce(&mut Vec<R>),
) {
    let (_, _, tables) = opened(root).await;
    let table = tables.get(role).unwrap();
    let mut rows: Vec<R> = from_batches(table.name(), &table.rows(None, None).await.unwrap()).unwrap();
    change(&mut rows);
    let table = replaced(table, role, to_batch(role, DIMENSION, &rows).unwrap()).await;
    publish(root, role, table).await;
}
