//! How a run ends early: cancelled, or because something is broken.

use std::sync::atomic::Ordering;

use alluvium_core::commit::CommitError;
use alluvium_core::embed::EmbedError;

use super::doubles::{World, batch, settings};
use crate::{RunError, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_keeps_what_is_finished_and_records_no_progress_past_it() {
    let world = World::new();
    *world.cancel_after_commit.lock().unwrap() = Some(0);
    let settings = Settings { commit_max_documents: 1, ..settings() };
    let script =
        vec![batch(&[("held", "hold"), ("quick", "x")], Some(1)), batch(&[("next", "hold")], Some(2))];
    let report = world.run_with(script, settings, false).await.unwrap();
    assert!(report.interrupted);
    assert_eq!((world.committed(), world.recorded()), (vec!["quick=x".to_owned()], vec![]));
    assert_eq!(report.counts.indexed, 1);
    assert_eq!(world.maintained.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_cancelled_before_it_began_does_nothing() {
    let world = World::new();
    world.cancel.cancel();
    let report = world.run(vec![batch(&[("a", "x")], Some(1))]).await.unwrap();
    assert!(report.interrupted && world.batches.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_model_stops_the_run_after_what_was_finished() {
    let world = World::new();
    let settings = Settings { commit_max_documents: 1, ..settings() };
    let script = vec![batch(&[("a", "x")], Some(1)), batch(&[("b", "fail")], Some(2))];
    let error = world.run_with(script, settings, false).await.unwrap_err();
    assert!(matches!(error, RunError::Model(EmbedError::Failed(_))), "{error}");
    assert!(!world.recorded().contains(&2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_extractor_stops_the_run() {
    let world = World::new();
    let error = world.run(vec![batch(&[("a", "broken")], Some(1))]).await.unwrap_err();
    assert!(matches!(error, RunError::Extractor(_)), "{error}");
    assert!(world.recorded().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fenced_writer_is_not_asked_again() {
    let world = World::new();
    *world.fail_commit.lock().unwrap() = Some(0);
    let settings = Settings { commit_max_documents: 1, ..settings() };
    let script = (0..20).map(|n| batch(&[(&format!("d{n}"), "x")], Some(n))).collect();
    let error = world.run_with(script, settings, false).await.unwrap_err();
    assert!(matches!(error, RunError::Commit(CommitError::Fenced(_))), "{error}");
    assert!(world.batches.lock().unwrap().is_empty());
    assert!(world.acknowledged.lock().unwrap().is_empty(), "nothing is published");
    assert_eq!(world.maintained.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_panics_stops_the_run() {
    let world = World::new();
    let error = world.run(vec![batch(&[("a", "panic"), ("b", "hold")], Some(1))]).await.unwrap_err();
    assert!(matches!(&error, RunError::Internal(why) if why.contains("s/a")), "{error}");
    assert!(world.recorded().is_empty());
}
