//! Whatever the program itself does leaves an index in which nothing is wrong.

use super::common::access_only;
use super::*;
use crate::tuning::Tuning;
use crate::writer::{RollbackOptions, Writer};

#[track_caller]
fn check_clean(findings: &Findings, after: &str) {
    assert!(findings.is_clean(), "after {after}: {:?}", findings.findings);
}

async fn clean(root: &Path, after: &str) -> Findings {
    let findings = verified(root).await;
    check_clean(&findings, after);
    findings
}

fn doc(id: &str) -> DocId {
    DocId::parse(id).unwrap()
}

/// A writer that maintains after every commit.
async fn tidy(root: &Path) -> Writer {
    writer(root).await.tuned(Tuning { unindexed_fragments: 0, ..Tuning::default() })
}

fn back(to: u64, keep_offsets: bool, restore_deleted: bool) -> RollbackOptions {
    RollbackOptions { to, restore_deleted, keep_offsets, pause: false }
}

#[tokio::test]
async fn what_was_looked_at_is_counted() {
    let dir = index().await;
    let findings = clean(dir.path(), "a few commits").await;
    let checked = &findings.checked;
    assert_eq!((checked.documents, checked.chunks, checked.policies), (6, 7, 6));
    assert_eq!((checked.quarantine, checked.releases, checked.principals), (1, 1, 3));
    assert_eq!(checked.records, findings.seq);
    assert!(findings.generation.is_some());
}

#[tokio::test]
async fn changes_of_every_kind_and_maintenance() {
    let dir = index().await;
    let root = dir.path();
    let mut w = tidy(root).await;
    let changes = vec![
        upsert("s/a", "one\n\nthree and more\n\nthree and more", acl(&["h"])),
        access_only("s/b", acl(&["only-once"])),
        upsert("s/d", "dee again", acl(&["g"])),
        refused("s/c", "broken", acl(&["h"])),
        upsert("s/e", "mended", acl(&["g"])),
    ];
    commit(&mut w, changes).await;
    clean(root, "edits").await;
    commit(&mut w, vec![access_only("s/b", acl(&["h"])), delete("s/a"), paged("s/g")]).await;
    clean(root, "an access change").await;
    commit(&mut w, vec![access_only("s/zzz", acl(&["h"]))]).await;
    clean(root, "access of a document that is still to come").await;
    drop(w);
    let item = crate::Index::open(root).await.unwrap().unwrap().quarantine().await.unwrap().remove(0);
    intervention(root).await.retry(Some(&item.id)).await.unwrap();
    clean(root, "a retry").await;
    intervention(root).await.drop_item(&item.id).await.unwrap();
    clean(root, "a drop").await;
}

#[tokio::test]
async fn rollbacks_and_erasures() {
    let dir = index().await;
    let root = dir.path();
    let first = Releases::open(root).unwrap().list().await.unwrap()[0].seq;
    let mut w = tidy(root).await;
    let changes = vec![
        upsert("s/a", "new\n\nwords", acl(&["h"])),
        access_only("s/b", acl(&["h"])),
        delete("s/c"),
        upsert("s/new", "new", acl(&["g"])),
        upsert("s/d", "back", acl(&["g"])),
    ];
    commit(&mut w, changes).await;
    let second = w.head().unwrap().seq;
    drop(w);
    for (to, keep, restore) in
        [(first, false, false), (second, false, false), (first, true, true), (second, true, false)]
    {
        intervention(root).await.rollback(&back(to, keep, restore)).await.unwrap();
        clean(root, &format!("a rollback to {to}")).await;
    }
    intervention(root).await.erase(&doc("s/b")).await.unwrap();
    intervention(root).await.unerase(&doc("s/f")).await.unwrap();
    clean(root, "erasures").await;
    commit(&mut tidy(root).await, vec![upsert("s/f", "eff again", acl(&["g"]))]).await;
    intervention(root).await.rollback(&back(first, false, true)).await.unwrap();
    clean(root, "a rollback behind an erasure").await;
    commit(&mut tidy(root).await, vec![upsert("s/f", "eff for good", acl(&["g"])), delete("s/a")]).await;
    clean(root, "new content").await;
}
