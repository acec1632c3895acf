//! Maintenance between commits keeps what every later commit and search costs within bounds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alluvium_core::commit::IndexWriter;
use alluvium_core::id::PipelineName;
use alluvium_index::{Index, SearchMode, Tuning, Writer, verify};
use common::{Ask, acl, commit, sorted, upsert, writer};

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

/// An index whose vector index was trained after the others had layers.
async fn trained(root: &Path) -> Writer {
    let mut w = writer(root).await.tuned(BUSY);
    for document in 0..10 {
        write(&mut w, document, 100).await;
    }
    for document in 10..21 {
        write(&mut w, document, 8).await;
    }
    w.maintain().await.unwrap();
    w
}

/// Layers of the vector index begin anew where it was trained, those of the others do not: rows that lie in
/// layers of different ends must be merged all the same.
#[tokio::test]
async fn fragments_stay_few_whenever_a_vector_index_was_trained() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = trained(dir.path()).await;
    let (before, after) = (fragments(dir.path()).await, 64);
    for document in 100..100 + after {
        write(&mut w, document, 8).await;
    }
    let since = fragments(dir.path()).await - before;
    assert!(since <= 30, "{after} commits left {since} fragments");
}

/// A compaction takes rows away from layers that know them, and the round indexes them again: by no index
/// may one be found twice, at its old place, or not at all.
#[tokio::test]
async fn rows_that_move_are_found_once_by_every_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = trained(dir.path()).await;
    for document in 21..31 {
        write(&mut w, document, 8).await;
    }
    let mut passages = BTreeMap::from_iter((10..31).map(|document| (document, 8)));
    for round in 0..24 {
        let (document, count) = (10 + round * 7 % 30, 1 + round % 9);
        write(&mut w, document, count).await;
        passages.insert(document, count);
        if round % 6 == 5 {
            check(dir.path(), &passages).await;
        }
    }
}

/// Each of these documents' passages is found by vector and by words, once.
async fn check(root: &Path, passages: &BTreeMap<usize, usize>) {
    let index = Index::open(root).await.unwrap().unwrap().tuned(Tuning { exact_rows: 0, ..BUSY });
    let expected = passages.iter().flat_map(|(document, count)| {
        (0..*count).map(move |p| format!("s/{document}: passage {document} {p}"))
    });
    let expected: BTreeSet<String> = expected.collect();
    for mode in [SearchMode::Vector, SearchMode::Fts] {
        let found = Ask { limit: 3_000, ..Ask::by(mode, "passage") }.of(&index, &["g"]).await;
        let later =
            |hit: &String| passages.keys().any(|document| hit.starts_with(&format!("s/{document}: ")));
        let found: Vec<String> = sorted(&found.hits).into_iter().filter(later).collect();
        assert_eq!(found.len(), expected.len(), "by {mode:?}");
        assert_eq!(BTreeSet::from_iter(found), expected, "by {mode:?}");
    }
    let wrong = verify(root, &PipelineName::new("handbook").unwrap()).await.unwrap();
    assert!(wrong.findings.is_empty(), "{:?}", wrong.findings);
}
