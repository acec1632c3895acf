//! Indexes that answer for rows which they don't know.

use lance::dataset::CommitBuilder;
use lance::dataset::transaction::{Operation, Transaction};
use lance::index::DatasetIndexExt;

use super::*;
use crate::indexes::name;
use crate::maintain::{Effort, maintain};
use crate::tuning::Tuning;

/// Lets the index of a column say that it covers all rows, none of which it has seen.
async fn blind(root: &Path, role: TableRole, column: &str) {
    let (_, _, tables) = opened(root).await;
    let table = maintain(role, tables.get(role).unwrap(), &Tuning::default(), Effort::Bounded).await.unwrap();
    let rows = table.rows(None, None).await.unwrap();
    let rows = arrow_select::concat::concat_batches(&rows[0].schema(), &rows).unwrap();
    let table = replaced(&table, role, rows).await;
    let segments = table.dataset().load_indices().await.unwrap();
    let old: Vec<_> = segments.iter().filter(|segment| segment.name == name(column)).cloned().collect();
    assert!(!old.is_empty());
    let mut new = old.clone();
    for fragment in table.dataset().fragments().iter() {
        let covered = new[0].fragment_bitmap.as_mut().unwrap();
        covered.insert(u32::try_from(fragment.id).unwrap());
    }
    let operation = Operation::CreateIndex { new_indices: new, removed_indices: old };
    let transaction = Transaction::new(table.version(), operation, None);
    let dataset = CommitBuilder::new(table.dataset().clone()).execute(transaction).await.unwrap();
    publish(root, role, table.at(dataset)).await;
}

#[tokio::test]
async fn an_access_index_that_does_not_know_rows() {
    let dir = index().await;
    blind(dir.path(), TableRole::Chunks, "acl_readers").await;
    assert_eq!(wrong(dir.path()).await, ["index_access g", "index_access h"]);
}

#[tokio::test]
async fn a_denial_that_an_index_does_not_know() {
    let dir = index().await;
    rewrite::<crate::rows::ChunkRow>(dir.path(), TableRole::Chunks, |rows| {
        rows.iter_mut().filter(|row| row.doc_id == "s/b").for_each(|row| row.acl_denied.push("g".into()));
    })
    .await;
    assert_eq!(wrong(dir.path()).await, ["access_copy s/b"]);
    blind(dir.path(), TableRole::Chunks, "acl_denied").await;
    assert_eq!(wrong(dir.path()).await, ["access_copy s/b", "index_access g"]);
}

#[tokio::test]
async fn a_key_index_that_does_not_know_rows() {
    let whole = index().await;
    let (_, head, _) = opened(whole.path()).await;
    for (role, expected) in [
        (TableRole::Chunks, ["s/a", "s/b", "s/c"].map(|id| format!("index_key {id}")).to_vec()),
        (TableRole::Documents, vec![format!("index_key {}", TableRole::Documents.table(&head.generation))]),
        (TableRole::Policy, vec!["index_key policy".to_owned()]),
    ] {
        let dir = copied(whole.path());
        blind(dir.path(), role, "doc_id").await;
        assert_eq!(wrong(dir.path()).await, expected);
    }
}
