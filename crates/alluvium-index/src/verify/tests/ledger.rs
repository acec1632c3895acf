//! Records, releases and tables that should not be so.

use std::path::PathBuf;

use alluvium_core::checkpoint::Checkpoint;
use alluvium_core::ledger::{FOLDER, Writer as WriterId, file_name};

use super::*;
use crate::error::{ErrorKind, IndexError};

fn file(root: &Path, seq: u64) -> PathBuf {
    root.join(FOLDER).join(file_name(seq))
}

#[tokio::test]
async fn a_record_that_is_torn_or_gone() {
    let whole = index().await;
    let (_, head, _) = opened(whole.path()).await;
    for (seq, expected) in [
        (head.seq, vec![format!("record_unreadable record {}", head.seq)]),
        (head.seq - 1, vec![format!("record_unreadable record {}", head.seq - 1)]),
    ] {
        let dir = copied(whole.path());
        std::fs::write(file(dir.path(), seq), "{\"schema\": \"allu").unwrap();
        assert_eq!(wrong(dir.path()).await, expected);
        assert_eq!(verified(dir.path()).await.generation.is_none(), seq == head.seq);
    }
    let dir = copied(whole.path());
    std::fs::remove_file(file(dir.path(), head.seq - 1)).unwrap();
    std::fs::remove_file(file(dir.path(), head.seq - 2)).unwrap();
    let hole = format!("ledger_hole records {} to {}", head.seq - 2, head.seq - 1);
    assert_eq!(wrong(dir.path()).await, [hole]);
    for seq in 1..head.seq - 1 {
        let _ = std::fs::remove_file(file(dir.path(), seq));
    }
    let release = "release_broken first".to_owned();
    assert_eq!(wrong(dir.path()).await, [release], "what lies below the oldest record is not kept");
}

/// Publishes one more record after another that breaks a rule.
async fn after(whole: &TempDir, change: impl FnOnce(&Record) -> Record) -> Vec<String> {
    let dir = copied(whole.path());
    let (ledger, head, _) = opened(dir.path()).await;
    ledger.put(&change(&head)).await.unwrap();
    wrong(dir.path()).await
}

#[tokio::test]
async fn a_record_that_does_not_follow_from_the_one_before() {
    let whole = index().await;
    let (_, head, tables) = opened(whole.path()).await;
    let record = format!("record {}", head.seq + 1);
    let fell = after(&whole, |head| Record { epoch: head.epoch - 1, ..next(head) }).await;
    assert_eq!(fell, [format!("epoch_fell {record}")]);
    let other = WriterId { nonce: "other".to_owned(), ..head.writer.clone() };
    let shared = after(&whole, |head| Record { writer: other, ..next(head) }).await;
    assert_eq!(shared, [format!("epoch_shared {record}")]);
    let back = after(&whole, |head| Record { checkpoint: Checkpoint::default(), ..next(head) }).await;
    assert_eq!(back, [format!("checkpoint_went_back {record}")]);
    let rolled = |head: &Record| {
        let reason = Reason::Rollback;
        Record { checkpoint: Checkpoint::default(), reason, ..next(head) }
    };
    assert_eq!(after(&whole, rolled).await, Vec::<String>::new(), "a rollback may");
    // A version that is not there: of the newest record it can't be opened, of an older one not gone to.
    let chunks = tables.get(TableRole::Chunks).unwrap().name().to_owned();
    let mut missing = head.tables.clone();
    missing.insert(chunks.clone(), 999);
    let named = after(&whole, |head| Record { tables: missing.clone(), ..next(head) }).await;
    assert_eq!(named, [format!("table_unreadable {chunks}")]);
    let dir = copied(whole.path());
    let (ledger, head, _) = opened(dir.path()).await;
    ledger.put(&Record { tables: missing, ..next(&head) }).await.unwrap();
    ledger.put(&Record { seq: head.seq + 2, ..next(&head) }).await.unwrap();
    assert_eq!(wrong(dir.path()).await, [format!("version_missing {record}")]);
}

#[tokio::test]
async fn a_tag_that_stayed_behind() {
    let dir = index().await;
    let (ledger, head, tables) = opened(dir.path()).await;
    let table = tables.get(TableRole::Policy).unwrap();
    let rows = table.rows(None, None).await.unwrap();
    let rows: Vec<crate::rows::PolicyRow> = from_batches(table.name(), &rows).unwrap();
    let batch = to_batch(TableRole::Policy, DIMENSION, &rows).unwrap();
    let moved = replaced(table, TableRole::Policy, batch).await;
    let mut versions = head.tables.clone();
    versions.insert("policy".to_owned(), moved.version());
    ledger.put(&Record { tables: versions, ..next(&head) }).await.unwrap();
    assert_eq!(wrong(dir.path()).await, ["tag_behind policy"]);
    moved.tag_live().await.unwrap();
    assert_eq!(wrong(dir.path()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_table_file_that_is_gone() {
    let dir = index().await;
    let (_, _, tables) = opened(dir.path()).await;
    let data = dir.path().join(format!("{}.lance/data", tables.get(TableRole::Documents).unwrap().name()));
    for item in std::fs::read_dir(data).unwrap() {
        std::fs::remove_file(item.unwrap().path()).unwrap();
    }
    assert_eq!(wrong(dir.path()).await, ["table_unreadable documents, policy and chunks"]);
}

#[tokio::test]
async fn releases_that_lead_nowhere() {
    let whole = index().await;
    for text in [
        "torn",
        r#"{"schema":"alluvium.release.v1","name":"odd","seq":999,"created_at":"2026-01-01T00:00:00Z"}"#,
        r#"{"schema":"alluvium.release.v1","name":"odd","seq":1,"created_at":"2026-01-01T00:00:00Z"}"#,
    ] {
        let dir = copied(whole.path());
        std::fs::write(dir.path().join("releases/odd.json"), text).unwrap();
        assert_eq!(wrong(dir.path()).await, ["release_broken odd"], "{text}");
    }
}

#[tokio::test]
async fn an_index_that_is_not_there_or_is_anothers() {
    let whole = index().await;
    let kind = |error: IndexError| error.kind();
    let other = verify(whole.path(), &PipelineName::new("other").unwrap()).await.unwrap_err();
    assert_eq!(kind(other), ErrorKind::OtherPipeline);
    let nowhere = whole.path().join("nowhere");
    let none = verify(&nowhere, &PipelineName::new("handbook").unwrap()).await.unwrap_err();
    assert_eq!(kind(none), ErrorKind::NotFound);
    assert!(!nowhere.exists(), "looking creates nothing");
}
