//! Maintenance between commits keeps what every later commit and search costs within bounds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use alluvium_core::commit::IndexWriter;
use alluvium_index::{Index, Tuning, Writer};
use common::{acl, commit, upsert, writer};

/// A round after every commit, and a vector index of few rows.
const BUSY: Tuning =
    Tuning { vector_index_rows: 1_088, unindexed_fragments: 0, fragment_tiers: [8, 128], ..Tuning::DEFAULT };

async fn fragments(root: &Path) -> u64 {
    Index::open(root).await.unwrap().unwrap().status(jiff::Timestamp::now()).await.unwrap().fragments
}

async fn write(w: &mut Writer, document: usize, passages: usize) {
    let passages: Vec<_> = (0..passages).map(|p| format!("passage {document} {p}")).collect();
    commit(w, vec![upsert(&format!("s/{document}"), &passages.join("\n\n"), acl(&["g"]))]).await;
}

/// Layers of the vector index begin anew where it was trained, those of the others do not: rows that lie in
/// layers of different ends must be merged all the same.
#[tokio::test]
async fn fragments_stay_few_whenever_a_vector_index_was_trained() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(BUSY);
    for document in 0..10 {
        write(&mut w, document, 100).await;
    }
    let (before, after) = (11, 64);
    for document in 10..10 + before {
        write(&mut w, document, 8).await;
    }
    w.maintain().await.unwrap();
    let trained = fragments(dir.path()).await;
    for document in 100..100 + after {
        write(&mut w, document, 8).await;
    }
    let since = fragments(dir.path()).await - trained;
    assert!(since <= 30, "{after} commits left {since} fragments");
}
