//! The program that the documentation quotes finds what search finds, with nothing but LanceDB.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;
#[allow(dead_code, reason = "its `main` is for people")]
#[path = "../examples/read_index.rs"]
mod read_index;

use std::path::Path;

use alluvium_core::id::DocId;
use common::{access_only, acl, commit, delete, denying, found, intervention, upsert, vector, writer};

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
