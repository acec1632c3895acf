//! Maintenance between commits keeps what every later commit and search costs within bounds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alluvium_core::commit::IndexWriter;
use alluvium_core::id::PipelineName;
use alluvium_index::{Index, SearchMode, Tuning, Writer, verify};
use common::{Ask, access_only, acl, commit, sorted, unread, upsert, writer};

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

/// What the model can't read: in every fourth passage and in all of some documents.
fn with_unread(document: usize, passages: usize) -> alluvium_core::document::Prepared {
    let start = |p: usize| if document.is_multiple_of(3) || p.is_multiple_of(4) { "unread" } else { "read" };
    let passages: Vec<_> = (0..passages).map(|p| format!("{} passage {document} {p}", start(p))).collect();
    unread(&format!("s/{document}"), &passages.join("\n\n"), "unread", acl(&["g"]))
}

/// By meaning none of what the model can't read is found, by words all of it, and nothing is amiss.
async fn check_unread(root: &Path, tuning: Tuning, all: usize, unreadable: usize, reader: &str) {
    let index = Index::open(root).await.unwrap().unwrap().tuned(tuning);
    let found = async |mode| {
        let ask = Ask { limit: 5_000, ..Ask::by(mode, "passage") };
        ask.of(&index, &[reader]).await.hits
    };
    let by_words = found(SearchMode::Fts).await;
    assert_eq!((by_words.len(), by_words.iter().filter(|hit| hit.words_only).count()), (all, unreadable));
    let by_meaning = found(SearchMode::Vector).await;
    assert_eq!(by_meaning.len(), all - unreadable);
    assert!(by_meaning.iter().all(|hit| hit.text.starts_with("read") && hit.score.is_finite()));
    assert_eq!(found(SearchMode::Hybrid).await.len(), all);
    let status = index.status(jiff::Timestamp::now()).await.unwrap();
    assert_eq!((status.chunks, status.chunks_words_only), (all as u64, unreadable as u64));
    let wrong = verify(root, &PipelineName::new("handbook").unwrap()).await.unwrap();
    assert!(wrong.findings.is_empty(), "{:?}", wrong.findings);
}

/// A vector of zeros has no cosine: no scan and no index may rank it, nor fail for it.
#[tokio::test]
async fn what_the_model_cannot_read_is_found_by_words_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(BUSY);
    let exact = Tuning { exact_rows: u64::MAX, ..BUSY };
    let through_index = Tuning { exact_rows: 0, ..BUSY };
    let committed = commit(&mut w, vec![with_unread(1, 8), with_unread(3, 4)]).await;
    let counts = committed.counts.total();
    assert_eq!((counts.chunks_written, counts.chunks_embedded, counts.chunks_words_only), (12, 6, 6));
    check_unread(dir.path(), exact, 12, 6, "g").await;
    for document in 4..16 {
        commit(&mut w, vec![with_unread(document, 100)]).await;
    }
    w.maintain().await.unwrap();
    let unreadable = 6 + 4 * 100 + 8 * 25;
    check_unread(dir.path(), through_index, 1_212, unreadable, "g").await;
    check_unread(dir.path(), exact, 1_212, unreadable, "g").await;
    // Rows that move keep what they are.
    let moved = (4..16).map(|document| access_only(&format!("s/{document}"), acl(&["h"]))).collect();
    commit(&mut w, moved).await;
    commit(&mut w, vec![with_unread(16, 8)]).await;
    w.maintain().await.unwrap();
    // A layer of nothing but such rows.
    commit(&mut w, vec![with_unread(18, 8)]).await;
    w.maintain().await.unwrap();
    check_unread_of(dir.path(), through_index, "h", 1_200, unreadable - 6).await;
}

async fn check_unread_of(root: &Path, tuning: Tuning, reader: &str, all: usize, unreadable: usize) {
    let index = Index::open(root).await.unwrap().unwrap().tuned(tuning);
    let ask = |mode| Ask { limit: 5_000, ..Ask::by(mode, "passage") };
    let by_words = ask(SearchMode::Fts).of(&index, &[reader]).await.hits;
    assert_eq!((by_words.len(), by_words.iter().filter(|hit| hit.words_only).count()), (all, unreadable));
    assert_eq!(ask(SearchMode::Vector).of(&index, &[reader]).await.hits.len(), all - unreadable);
}

/// A corpus of which the model can read nothing at all is big enough for a vector index, and has none to find.
#[tokio::test]
async fn a_corpus_that_the_model_cannot_read_is_maintained_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await.tuned(BUSY);
    for document in 0..12 {
        commit(&mut w, vec![with_unread(document * 3, 100)]).await;
    }
    w.maintain().await.unwrap();
    commit(&mut w, vec![with_unread(1, 8)]).await;
    w.maintain().await.unwrap();
    check_unread(dir.path(), Tuning { exact_rows: 0, ..BUSY }, 1_208, 1_202, "g").await;
}
