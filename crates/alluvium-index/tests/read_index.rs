//! The program that the documentation quotes finds what search finds, with nothing but LanceDB.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/read_index.rs"]
mod read_index;

use std::path::Path;

use alluvium_core::clock::SystemClock;
use alluvium_core::commit::IndexWriter;
use alluvium_core::id::{DocId, PipelineName};
use alluvium_index::{Index, Releases, RollbackOptions, SearchMode, Upkeep};
use common::{
    Ask, access_only, acl, commit, delete, denying, found, intervention, options, upsert, vector, writer,
};
use jiff::Timestamp;

/// What the program finds, as [`found`] shows it.
async fn read(root: &Path, principals: &[&str], near: Option<&[f32]>) -> Vec<String> {
    let principals: Vec<String> = principals.iter().map(|p| (*p).to_owned()).collect();
    let passages = read_index::passages(root.to_str().unwrap(), &principals, near, 1_000).await.unwrap();
    passages.into_iter().map(|(doc_id, text)| format!("{doc_id}: {text}")).collect()
}

async fn check_same(root: &Path, principals: &[&str]) {
    let mut read = read(root, principals, None).await;
    read.sort();
    assert_eq!(read, found(root, principals).await, "{principals:?}");
}

#[tokio::test]
async fn it_finds_what_search_finds() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let changes = vec![
        upsert("s/all", "for all\n\nreally", acl(&["g", "h"])),
        upsert("s/some", "for some", denying(&["g"], &["user:mallory"])),
        upsert("s/quoted", "for one", acl(&["user:o'neil"])),
        upsert("s/deleted", "soon gone", acl(&["g"])),
        upsert("s/erased", "soon erased", acl(&["g"])),
    ];
    commit(&mut w, changes).await;
    commit(&mut w, vec![delete("s/deleted")]).await;
    drop(w);
    intervention(dir.path()).await.erase(&DocId::parse("s/erased").unwrap()).await.unwrap();
    for principals in [
        &["g"][..],
        &["h"],
        &["g", "user:mallory"],
        &["user:o'neil"],
        &["nobody"],
        &["x') OR true --"],
        &["g", "h", "user:o'neil"],
    ] {
        check_same(dir.path(), principals).await;
    }
    assert_eq!(read(dir.path(), &["user:o'neil"], None).await, ["s/quoted: for one"]);
    assert!(read_index::passages(dir.path().to_str().unwrap(), &[], None, 10).await.is_err());
}

#[tokio::test]
async fn the_nearest_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    let texts = ["one", "two", "three"];
    let changes = texts.map(|text| upsert(&format!("s/{text}"), text, acl(&["g"])));
    commit(&mut writer(dir.path()).await, changes.into()).await;
    for text in texts {
        let nearest = read(dir.path(), &["g"], Some(&vector(text))).await;
        assert_eq!(nearest.len(), 3);
        assert_eq!(nearest.first().unwrap(), &format!("s/{text}: {text}"));
    }
}

/// As after a crash between a publish and its tags, or between the tags of two tables.
#[tokio::test]
async fn policy_is_the_truth_where_the_copy_is_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = writer(dir.path()).await;
    let changes = vec![upsert("s/a", "a", acl(&["g"])), upsert("s/b", "b", acl(&["g"]))];
    commit(&mut w, changes).await;
    let index = lancedb::connect(dir.path().to_str().unwrap()).execute().await.unwrap();
    let names = index.table_names().execute().await.unwrap();
    let name = names.into_iter().find(|name| name.starts_with("chunks_")).unwrap();
    let chunks = index.open_table(name).execute().await.unwrap();
    chunks.checkout_tag("live").await.unwrap();
    let before = chunks.version().await.unwrap();
    commit(&mut w, vec![access_only("s/a", acl(&["h"]))]).await;
    chunks.checkout_latest().await.unwrap();
    chunks.tags().await.unwrap().update("live", before).await.unwrap();
    assert_eq!(read(dir.path(), &["g"], None).await, ["s/b: b"]);
}

/// Everything that is done to an index, in a folder of any name.
async fn whole_life(root: &Path) {
    let mut w = writer(root).await;
    let changes = vec![upsert("s/a", "apple", acl(&["g"])), upsert("s/b", "bread", acl(&["g"]))];
    commit(&mut w, changes).await;
    let first = w.head().unwrap().seq;
    Releases::open(root).unwrap().create("first", first, Timestamp::UNIX_EPOCH).await.unwrap();
    for round in 0..4 {
        commit(&mut w, vec![upsert("s/b", &format!("bread {round}"), acl(&["g"]))]).await;
    }
    commit(&mut w, vec![upsert("s/c", "cheese", acl(&["g"])), delete("s/a")]).await;
    w.maintain().await.unwrap();
    drop(w);
    intervention(root).await.erase(&DocId::parse("s/c").unwrap()).await.unwrap();
    let back = RollbackOptions { to: first, restore_deleted: true, keep_offsets: false, pause: false };
    intervention(root).await.rollback(&back).await.unwrap();
    let pipeline = PipelineName::new("handbook").unwrap();
    let mut upkeep = Upkeep::open(root, &pipeline, options(SystemClock)).await.unwrap();
    while let Some(work) = upkeep.next().await.unwrap() {
        upkeep.perform(work).await.unwrap();
    }
    drop(upkeep);
    assert_eq!(found(root, &["g"]).await, ["s/a: apple", "s/b: bread"]);
    let index = Index::open(root).await.unwrap().unwrap();
    let by_words = Ask::by(SearchMode::Fts, "apple").of(&index, &["g"]).await;
    assert_eq!(by_words.hits.len(), 1);
    let verified = alluvium_index::verify(root, &pipeline).await.unwrap();
    assert_eq!(verified.total, 0, "{:?}", verified.findings);
}

#[tokio::test]
async fn a_folder_of_any_name_holds_all_of_its_index() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let names: [&[u8]; 9] = [
        "ü".as_bytes(),
        b"100% [sure] {x}",
        b"a%20b#1",
        b"~home ^|`",
        b"a?b*\"<>\\",
        b"a b&c+d=e,f;g@h!$'(i)",
        b"new\nline\ttab",
        b"\xff",
        "\u{6587}\u{4ef6}".as_bytes(),
    ];
    let lives = names.map(|name| {
        Box::pin(async move {
            let parent = tempfile::tempdir().unwrap();
            let root = parent.path().join(OsStr::from_bytes(name));
            whole_life(&root).await;
            let beside: Vec<_> =
                std::fs::read_dir(parent.path()).unwrap().map(|e| e.unwrap().path()).collect();
            assert_eq!(beside, std::slice::from_ref(&root));
            // LanceDB itself has no name for the others.
            let readable = std::str::from_utf8(name)
                .is_ok_and(|name| !name.contains(|c: char| c.is_control() || c == '\\'));
            if readable {
                check_same(&root, &["g"]).await;
            }
        })
    });
    futures::future::join_all(lives).await;
}
