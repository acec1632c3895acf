//! A writer dies at each durable step; readers stay on the last record, and the next writer's replay
//! leaves what an undisturbed run leaves.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::path::Path;

use alluvium_core::document::Prepared;
use alluvium_index::{Index, Releases};
use common::keeping::{
    Hand, answers, check_exact, copied, grow, head, keeping, keeping_writer, maintain, upkeep,
};
use common::{STEPS, commit, first, found, second, writer};
use fail::FailScenario;

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

#[tokio::test]
async fn a_death_at_any_step_of_a_vacuum_hurts_nobody_and_the_next_one_finishes() {
    let scenario = FailScenario::setup();
    let steps = [
        ("claim::after-announce", ""),
        ("claim::after-record", ""),
        ("vacuum::before-record", ""),
        ("commit::before-record", ""),
        ("commit::after-record", ""),
        ("vacuum::after-record", ""),
        ("vacuum::after-releases", ""),
        ("vacuum::between-tables", ""),
        ("vacuum::between-tables", "2*off->"),
        ("vacuum::after-tables", ""),
        ("vacuum::between-records", "1*off->"),
        ("vacuum::after-records", ""),
    ];
    let (old, clock) = (tempfile::tempdir().unwrap(), Hand::new());
    let mut w = keeping_writer(old.path(), keeping(&clock, 1000, 0)).await;
    grow(&mut w, &clock, 0..3).await;
    Releases::open(old.path()).unwrap().create("kept", head(&w), jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    grow(&mut w, &clock, 3..7).await;
    let (live, released) = (head(&w), answers(old.path(), "kept").await);
    drop(w);
    // What the last two hold, whatever is vacuumed.
    let last = [live - 1, live].map(|seq| format!("seq:{seq}"));
    let then = [answers(old.path(), &last[0]).await, answers(old.path(), &last[1]).await];
    maintain(old.path(), keeping(&clock, 1000, 0)).await;
    for (step, before) in steps {
        let dir = copied(old.path());
        let root = dir.path().to_owned();
        let (place, options) = (root.clone(), keeping(&clock, 2, 0));
        fail::cfg(step, &format!("{before}panic")).unwrap();
        let died = tokio::spawn(async move {
            let mut upkeep = upkeep(&place, options).await;
            while let Some(work) = upkeep.next().await.unwrap() {
                upkeep.perform(work).await.unwrap();
            }
        })
        .await;
        fail::remove(step);
        assert!(died.is_err(), "{step} was not reached");
        for round in ["after a death", "finished after a death"] {
            assert_eq!(found(&root, &["g"]).await, then[1], "{round} at {step}");
            assert_eq!(answers(&root, "kept").await, released, "{round} at {step}");
            for (target, then) in last.iter().zip(&then) {
                assert_eq!(answers(&root, target).await, *then, "{target} {round} at {step}");
            }
            maintain(&root, keeping(&clock, 2, 0)).await;
        }
        check_exact(&root).await;
    }
    scenario.teardown();
}
