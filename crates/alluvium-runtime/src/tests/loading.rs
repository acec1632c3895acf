//! Sources that are read once, beside others that are followed.

use std::sync::atomic::Ordering;

use alluvium_core::id::DocId;
use alluvium_core::source::SourceBatch;

use super::doubles::{Step, World, batch, end_of, fed, of, paces, settings};
use crate::{FollowEnd, Report, RunError, Settings, SourceRun};

fn once(source: SourceRun) -> SourceRun {
    SourceRun { once: true, ..source }
}

/// The batch, with documents of the source of this name.
fn theirs(name: &str, mut batch: SourceBatch, after: Option<u64>) -> Step {
    for change in &mut batch.changes {
        change.doc_id = DocId::parse(format!("{name}/{}", change.doc_id.local())).unwrap();
    }
    of(name, batch, after)
}

#[track_caller]
fn report_of(end: FollowEnd) -> Report {
    match end {
        FollowEnd::Loaded { report, slow } if slow.is_empty() => *report,
        end => panic!("not loaded: {end:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_run_ends_when_what_is_read_once_is_committed_and_reports_that_alone() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![once(source_a), source_b], settings(), paces());
    b.send(theirs("b", batch(&[("b1", "hold")], Some(1)), None)).await.unwrap();
    a.send(theirs("a", batch(&[("a1", "x"), ("a2", "refuse")], Some(1)), None)).await.unwrap();
    a.send(theirs("a", SourceBatch { unchanged: 3, seen: 3, ..batch(&[], Some(2)) }, Some(1))).await.unwrap();
    world.until("b's document is held", |world| world.extracting.load(Ordering::SeqCst) >= 2).await;
    a.send(Step::End).await.unwrap();
    world.until_reported("the run drains", |health| health.draining).await;
    assert_eq!(world.committed(), [] as [&str; 0], "what is in flight of the other may finish");
    world.gate.add_permits(1);
    let report = report_of(end_of(run).await.unwrap());
    assert_eq!((report.seen, report.unchanged, report.counts.indexed), (5, 3, 1));
    assert_eq!((report.counts.quarantined, report.interrupted), (1, false));
    assert!(report.published.is_some());
    let mut committed = world.committed();
    committed.sort();
    assert_eq!(committed, ["a1=x", "a2=corrupt", "b1=hold"]);
    let mut recorded = world.recorded();
    recorded.sort_unstable();
    assert_eq!(recorded, [1, 2], "all progress is recorded with them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_not_ready_keeps_the_run_from_its_end() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let one = Settings { commit_max_documents: 1, ..settings() };
    let run = world.follow(vec![once(source_a), source_b], one, paces());
    a.send(theirs("a", batch(&[("a1", "hold")], Some(1)), None)).await.unwrap();
    a.send(Step::End).await.unwrap();
    for n in 0..50 {
        let name = format!("b{n}");
        b.send(theirs("b", batch(&[(&name, "x")], None), None)).await.unwrap();
    }
    world.until("the other goes on", |world| world.committed().len() == 50).await;
    assert!(!run.is_finished());
    world.gate.add_permits(1);
    assert_eq!(report_of(end_of(run).await.unwrap()).counts.indexed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_new_publishes_nothing() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (_b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![once(source_a), source_b], settings(), paces());
    a.send(theirs("a", SourceBatch { unchanged: 7, seen: 7, ..batch(&[], Some(9)) }, Some(8))).await.unwrap();
    a.send(Step::End).await.unwrap();
    let report = report_of(end_of(run).await.unwrap());
    assert_eq!((report.unchanged, report.published), (7, None));
    assert_eq!(world.recorded(), [] as [u64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_can_not_answer_ends_the_run_and_one_that_is_cut_short_is_not_loaded() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![once(source_a), source_b], settings(), paces());
    b.send(Step::Unavailable).await.unwrap();
    b.send(theirs("b", batch(&[("b1", "x")], Some(1)), None)).await.unwrap();
    world.until_reported("b1 is finished", |health| health.pending as u64 + health.committed == 1).await;
    a.send(Step::Unavailable).await.unwrap();
    assert!(matches!(end_of(run).await, Err(RunError::Source(_))));
    assert_eq!(world.committed(), ["b1=x"], "what is finished is committed");

    let (a, source_a) = fed(&world, "a", false);
    let run = world.follow(vec![once(source_a)], settings(), paces());
    a.send(theirs("a", batch(&[("a1", "y")], Some(1)), None)).await.unwrap();
    world.until_reported("a was heard", |health| health.sources[0].seen == 1).await;
    world.cancel.cancel();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Drained { slow: vec![] });
}
