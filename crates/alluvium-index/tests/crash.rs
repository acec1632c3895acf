//! A writer dies at each durable step; readers stay on the last record, and the next writer's replay
//! leaves what an undisturbed run leaves.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use alluvium_core::document::Prepared;
use alluvium_index::Index;
use common::{STEPS, access_only, acl, commit, delete, found, refused, upsert, writer};
use fail::FailScenario;

fn first() -> Vec<Prepared> {
    vec![
        upsert("s/a", "one\n\ntwo", acl(&["g"])),
        upsert("s/b", "bee", acl(&["g"])),
        upsert("s/c", "sea", acl(&["g", "h"])),
    ]
}

fn second() -> Vec<Prepared> {
    vec![
        upsert("s/a", "one\n\nthree", acl(&["g"])),
        delete("s/b"),
        access_only("s/c", acl(&["h"])),
        upsert("s/d", "dee", acl(&["g"])),
        refused("s/e", "eee", acl(&["g"])),
    ]
}

async fn seen(root: &Path) -> (Vec<String>, Vec<String>, usize) {
    let quarantined = match Index::open(root).await.unwrap() {
        Some(index) => index.quarantine().await.unwrap().len(),
        None => 0,
    };
    (found(root, &["g"]).await, found(root, &["h"]).await, quarantined)
}

/// Dies at `step` while it commits `changes`.
async fn die(root: &Path, step: &str, changes: Vec<Prepared>) {
    let root = root.to_owned();
    fail::cfg(step, "panic").unwrap();
    let died = tokio::spawn(async move {
        let mut w = writer(&root).await;
        commit(&mut w, changes).await;
    })
    .await;
    fail::remove(step);
    assert!(died.is_err(), "{step} was not reached");
}

#[tokio::test]
async fn a_death_at_any_step_is_healed_by_the_replay() {
    let scenario = FailScenario::setup();
    let undisturbed = tempfile::tempdir().unwrap();
    let mut w = writer(undisturbed.path()).await;
    commit(&mut w, first()).await;
    let before = seen(undisturbed.path()).await;
    commit(&mut w, second()).await;
    let after = seen(undisturbed.path()).await;
    assert_ne!(before, after);
    for step in STEPS {
        let dir = tempfile::tempdir().unwrap();
        commit(&mut writer(dir.path()).await, first()).await;
        die(dir.path(), step, second()).await;
        let published = matches!(step, "commit::after-record" | "commit::after-tags");
        let expected = if published { &after } else { &before };
        assert_eq!(&seen(dir.path()).await, expected, "a reader after a death at {step}");
        commit(&mut writer(dir.path()).await, second()).await;
        assert_eq!(seen(dir.path()).await, after, "the replay after a death at {step}");
    }
    scenario.teardown();
}

#[tokio::test]
async fn a_death_at_the_very_first_claim_leaves_an_index_that_can_be_claimed() {
    let scenario = FailScenario::setup();
    for step in STEPS {
        let dir = tempfile::tempdir().unwrap();
        die(dir.path(), step, first()).await;
        commit(&mut writer(dir.path()).await, first()).await;
        assert_eq!(found(dir.path(), &["h"]).await, ["s/c: sea"], "{step}");
    }
    scenario.teardown();
}
