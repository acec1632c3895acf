//! What a commit does to what people find.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use alluvium_core::change::AccessChange;
use alluvium_core::clock::SystemClock;
use alluvium_core::commit::{Batch, IndexWriter};
use alluvium_core::id::{DocId, PipelineName};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::version::Version;
use alluvium_index::{ErrorKind, Index, SearchMode, Upkeep};
use common::{
    Ask, access_only, acl, commit, delete, denying, found, open_writer, options, refused, upsert, vector,
    writer,
};

#[tokio::test]
async fn everyone_finds_exactly_what_they_may_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let changes = vec![
        upsert("s/all", "open\n\nto all", acl(&["group:staff", "group:o'brien"])),
        upsert("s/hr", "pay", acl(&["group:hr"])),
        upsert("s/deny", "not for x", denying(&["group:staff"], &["user:x"])),
    ];
    let committed = commit(&mut w, changes).await;
    assert_eq!((committed.counts.total().indexed, committed.counts.total().chunks_embedded), (3, 4));
    assert_eq!(
        found(dir.path(), &["group:staff"]).await,
        ["s/all: open", "s/all: to all", "s/deny: not for x"]
    );
    assert_eq!(found(dir.path(), &["group:staff", "user:x"]).await, ["s/all: open", "s/all: to all"]);
    assert_eq!(found(dir.path(), &["group:hr"]).await, ["s/hr: pay"]);
    assert_eq!(found(dir.path(), &["group:o'brien"]).await, ["s/all: open", "s/all: to all"]);
    for nobody in [
        "GROUP:STAFF",
        "group:staf",
        "group:staff'",
        "*",
        "%",
        "'] OR true --",
        "group:hr') OR ('1'='1",
        "group:hr\\",
        "[\"group:hr\"]",
        "group:hr,group:staff",
    ] {
        assert!(found(dir.path(), &[nobody]).await.is_empty(), "{nobody}");
    }
}

#[tokio::test]
async fn an_edit_replaces_and_a_deletion_removes() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "one\n\ntwo", acl(&["g"])), upsert("s/b", "bee", acl(&["g"]))]).await;
    commit(&mut w, vec![upsert("s/a", "one\n\nthree", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: one", "s/a: three", "s/b: bee"]);
    commit(&mut w, vec![delete("s/a")]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/b: bee"]);
    commit(&mut w, vec![upsert("s/a", "one\n\nthree", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: one", "s/a: three", "s/b: bee"]);
}

#[tokio::test]
async fn nothing_new_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let first = commit(&mut w, vec![upsert("s/a", "one", acl(&["g"]))]).await.published.unwrap();
    drop(w);
    let mut w = writer(dir.path()).await;
    let again = commit(&mut w, vec![upsert("s/a", "one", acl(&["g"]))]).await;
    assert_eq!((again.published, again.counts.total().unchanged), (None, 1));
    commit(&mut w, vec![]).await;
    commit(&mut w, vec![delete("s/never-seen")]).await;
    assert_eq!(Index::open(dir.path()).await.unwrap().unwrap().record().seq, first.seq);
}

#[tokio::test]
async fn an_access_change_moves_rows_with_their_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "one\n\ntwo", acl(&["g", "h"])), upsert("s/b", "bee", acl(&["g"]))])
        .await;
    let committed = commit(&mut w, vec![access_only("s/a", acl(&["h"]))]).await;
    assert_eq!((committed.counts.total().access, committed.counts.total().chunks_embedded), (1, 0));
    assert_eq!(found(dir.path(), &["g"]).await, ["s/b: bee"]);
    assert_eq!(found(dir.path(), &["h"]).await, ["s/a: one", "s/a: two"]);
    let id = DocId::parse("s/a").unwrap();
    let vectors = w.lookup().vectors(std::slice::from_ref(&id)).await.unwrap();
    assert!(vectors[&id].values().any(|known| known.vector == vector("two")), "the vector moved along");
}

#[tokio::test]
async fn an_access_list_that_cannot_be_read_hides() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let broken = || AccessChange::Unreadable {
        version: Version::observed(),
        refusal: Refusal::new(Stage::Access, Cause::BadAccessList, "line 1"),
    };
    commit(&mut w, vec![upsert("s/a", "one", acl(&["g"]))]).await;
    let changes = vec![
        access_only("s/a", broken()),
        upsert("s/new", "two", broken()),
        // The list breaks before its document was committed.
        upsert("s/newer", "three", acl(&["g"])),
        access_only("s/newer", broken()),
    ];
    let committed = commit(&mut w, changes).await;
    assert_eq!(
        (committed.counts.total().quarantined, committed.counts.total().indexed),
        (3, 0),
        "kept for nobody, and that alone"
    );
    assert!(found(dir.path(), &["g"]).await.is_empty());
    let index = Index::open(dir.path()).await.unwrap().unwrap();
    assert_eq!(index.quarantine().await.unwrap().len(), 3);
    let mended = ["s/a", "s/new", "s/newer"].map(|id| access_only(id, acl(&["g"])));
    commit(&mut w, mended.into()).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: one", "s/new: two", "s/newer: three"]);
    let index = Index::open(dir.path()).await.unwrap().unwrap();
    assert!(index.quarantine().await.unwrap().is_empty(), "resolved");
}

#[tokio::test]
async fn refused_content_leaves_the_last_good_version() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "good", acl(&["g"]))]).await;
    commit(&mut w, vec![refused("s/a", "bad", acl(&["g"])), refused("s/b", "worse", acl(&["g"]))]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: good"]);
    let index = Index::open(dir.path()).await.unwrap().unwrap();
    let status = index.status(jiff::Timestamp::now()).await.unwrap();
    assert_eq!((status.documents.indexed, status.documents.quarantined), (1, 2));
    let known = index.known(&alluvium_core::id::SourceName::new("s").unwrap()).await.unwrap();
    assert_eq!(known["a"].content_hash, Some(alluvium_core::hash::Sha256::of("bad")), "last seen");
    commit(&mut w, vec![upsert("s/a", "better", acl(&["g"])), delete("s/b")]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: better"]);
    assert!(Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap().is_empty());
}

#[tokio::test]
async fn no_access_list_at_all_is_quarantined() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let committed = commit(&mut w, vec![upsert("s/a", "one", AccessChange::Unsaid { default: None })]).await;
    assert_eq!((committed.counts.total().quarantined, committed.counts.total().indexed), (1, 0));
    let items = Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap();
    assert_eq!((items[0].stage.as_str(), items[0].cause.as_str()), ("access", "no_access_list"));
    let waiting =
        || async { Index::open(dir.path()).await.unwrap().unwrap().quarantine().await.unwrap().len() };
    commit(&mut w, vec![access_only("s/a", acl(&["g"]))]).await;
    assert_eq!(waiting().await, 1, "a list alone does not bring the content");
    commit(&mut w, vec![upsert("s/a", "one", AccessChange::Unsaid { default: None })]).await;
    assert_eq!(found(dir.path(), &["g"]).await, ["s/a: one"]);
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn strangers_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "one", acl(&["g"]))]).await;
    let held = open_writer(dir.path(), "handbook", "model-a").await.err().unwrap();
    assert_eq!(held.kind(), ErrorKind::Held);
    assert!(held.to_string().contains(&std::process::id().to_string()), "{held}");
    drop(w);
    let other = open_writer(dir.path(), "wiki", "model-a").await.err().unwrap();
    assert_eq!(other.kind(), ErrorKind::OtherPipeline);
    assert!(other.to_string().contains("handbook") && other.to_string().contains("wiki"), "{other}");
    let other = open_writer(dir.path(), "handbook", "model-b").await.err().unwrap();
    assert_eq!(other.kind(), ErrorKind::OtherGeneration);
    assert!(other.to_string().contains("model-a") && other.to_string().contains("model-b"), "{other}");
}

#[tokio::test]
async fn a_reader_keeps_its_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "old", acl(&["g"]))]).await;
    let reader = Index::open(dir.path()).await.unwrap().unwrap();
    commit(&mut w, vec![upsert("s/a", "new", acl(&["g"]))]).await;
    let hits = Ask::by(SearchMode::Vector, "any").of(&reader, &["g"]).await.hits;
    assert_eq!(hits.iter().map(|h| h.text.as_str()).collect::<Vec<_>>(), ["old"]);
}

#[tokio::test]
async fn many_small_commits_are_maintained_and_old_lists_stay_dead() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    for i in 0..40 {
        commit(&mut w, vec![upsert(&format!("s/{i}"), &format!("text {i}"), acl(&["g", "h"]))]).await;
    }
    for i in 0..40 {
        commit(&mut w, vec![access_only(&format!("s/{i}"), acl(&["h"]))]).await;
    }
    w.maintain().await.unwrap();
    assert!(found(dir.path(), &["g"]).await.is_empty());
    assert_eq!(found(dir.path(), &["h"]).await.len(), 40);
    let status =
        Index::open(dir.path()).await.unwrap().unwrap().status(jiff::Timestamp::now()).await.unwrap();
    assert!(status.fragments < 25, "{status:?}");
    assert_eq!(status.chunks, 40);
}

#[tokio::test]
async fn by_hand_many_layers_and_fragments_become_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    for i in 0..70 {
        commit(&mut w, vec![upsert(&format!("s/{i}"), &format!("text {i}"), acl(&["g"]))]).await;
    }
    drop(w);
    let name = PipelineName::new("handbook").unwrap();
    let mut upkeep = Upkeep::open(dir.path(), &name, options(SystemClock)).await.unwrap();
    while let Some(work) = upkeep.next().await.unwrap() {
        upkeep.perform(work).await.unwrap();
    }
    for (table, done) in &upkeep.report().tables {
        assert!(table == "quarantine" || done.fragments_after == 1, "{table}: {done:?}");
    }
    drop(upkeep);
    assert_eq!(found(dir.path(), &["g"]).await.len(), 70);
}

#[tokio::test]
async fn explain_names_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    commit(&mut w, vec![upsert("s/a", "öne\n\ntwo", acl(&["g"]))]).await;
    let index = Index::open(dir.path()).await.unwrap().unwrap();
    let hit = Ask::by(SearchMode::Vector, "two").of(&index, &["g"]).await.hits.remove(0);
    assert_eq!((hit.text.as_str(), hit.char_start, hit.char_end), ("two", 5, 8));
    assert!(hit.score > 0.999, "{}", hit.score);
    let explanation = index.explain(&hit.chunk_id).await.unwrap().unwrap();
    assert_eq!(explanation.steps.embed.model, "model-a@1");
    assert_eq!(explanation.steps.chunk.of, 2);
    assert_eq!(index.explain("no such").await.unwrap(), None);
}

#[tokio::test]
async fn progress_that_does_not_fit_publishes_nothing() {
    use alluvium_core::checkpoint::CheckpointDelta;
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let delta = |after| CheckpointDelta {
        source: alluvium_core::id::SourceName::new("s").unwrap(),
        partition: "scan".to_owned(),
        after,
        through: 9,
        watermark: None,
    };
    let batch = |after| Batch { changes: vec![], deltas: vec![delta(after)] };
    let seq = w.commit(batch(None)).await.unwrap().published.unwrap().seq;
    assert!(w.commit(batch(None)).await.is_err());
    assert_eq!(w.commit(batch(Some(9))).await.unwrap().published.unwrap().seq, seq + 1);
}
