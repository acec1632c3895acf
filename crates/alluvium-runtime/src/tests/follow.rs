//! Sources that are followed: side by side, through trouble, and at a bounded rate.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use alluvium_core::commit::CommitError;
use alluvium_core::quarantine::Stage;

use super::doubles::{Step, World, batch, end_of, fed, of, paces, settings};
use crate::{FollowEnd, FollowSettings, RunError, Settings, SourceState};

fn one_a_commit() -> Settings {
    Settings { commit_max_documents: 1, ..settings() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_do_not_wait_for_each_other_and_one_that_ends_leaves_the_others() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let (c, source_c) = fed(&world, "c", false);
    let run = world.follow(vec![source_a, source_b, source_c], one_a_commit(), paces());
    c.send(Step::End).await.unwrap();
    a.send(of("a", batch(&[("a1", "hold")], Some(1)), None)).await.unwrap();
    world.until("a's document is held", |world| world.extracting.load(Ordering::SeqCst) == 1).await;
    b.send(of("b", batch(&[("b1", "x")], Some(2)), None)).await.unwrap();
    world.until("b has committed", |world| world.committed() == ["b1=x"]).await;
    assert_eq!(world.recorded(), [2], "b's progress does not wait for a's document");
    b.send(Step::End).await.unwrap();
    world.gate.add_permits(1);
    world.until("a has committed", |world| world.committed() == ["b1=x", "a1=hold"]).await;
    a.send(of("a", batch(&[("a2", "y")], Some(3)), Some(1))).await.unwrap();
    a.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!(world.committed(), ["b1=x", "a1=hold", "a2=y"]);
    assert_eq!(world.recorded(), [2, 1, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_document_stay_in_order_over_batches_and_sources() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![source_a, source_b], one_a_commit(), paces());
    a.send(of("a", batch(&[("d", "hold 1")], None), None)).await.unwrap();
    world.until("the first is held", |world| world.extracting.load(Ordering::SeqCst) == 1).await;
    b.send(of("b", batch(&[("d", "2")], Some(1)), None)).await.unwrap();
    world.until("the second is ready", |world| world.embedded.lock().unwrap().contains(&"2".into())).await;
    a.send(of("a", batch(&[("d", "3"), ("e", "x")], Some(2)), None)).await.unwrap();
    world.until("another has passed them", |world| world.committed() == ["e=x"]).await;
    assert_eq!(world.recorded(), [] as [u64; 0]);
    world.gate.add_permits(1);
    a.send(Step::End).await.unwrap();
    b.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!(world.committed(), ["e=x", "d=hold 1", "d=2", "d=3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_can_not_answer_is_asked_again_while_the_others_go_on() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![source_a, source_b], one_a_commit(), paces());
    for step in [Step::Unavailable, Step::Broken, Step::Unavailable] {
        a.send(step).await.unwrap();
    }
    let retrying = SourceState::Retrying { error: "source a: no answer".to_owned(), attempts: 3 };
    world.until_reported("a is retried", |health| health.sources[0].state == retrying).await;
    b.send(of("b", batch(&[("b1", "x")], Some(1)), None)).await.unwrap();
    world.until("b has committed", |world| world.committed() == ["b1=x"]).await;
    a.send(of("a", batch(&[("a1", "y")], Some(2)), None)).await.unwrap();
    world.until("a has committed", |world| world.committed() == ["b1=x", "a1=y"]).await;
    world.until_reported("a is well", |health| health.sources[0].state == SourceState::Pulling).await;
    a.send(Step::Unavailable).await.unwrap();
    let anew = |state: &SourceState| matches!(state, SourceState::Retrying { attempts: 1, .. });
    world.until_reported("attempts count anew", |health| anew(&health.sources[0].state)).await;
    world.cancel.cancel();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Drained { slow: vec![] });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_without_changes_is_published_at_a_bounded_rate() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let interval = Duration::from_millis(50);
    let started = Instant::now();
    let run =
        world.follow(vec![source], settings(), FollowSettings { progress_interval: interval, ..paces() });
    let mut at = 0;
    while world.batches.lock().unwrap().len() < 4 {
        assert!(started.elapsed() < Duration::from_secs(30), "nothing is published");
        a.send(of("a", batch(&[], Some(at + 1)), Some(at))).await.unwrap();
        at += 1;
        tokio::task::yield_now().await;
    }
    a.send(Step::End).await.unwrap();
    end_of(run).await.unwrap();
    let batches = world.batches.lock().unwrap();
    let most = started.elapsed().as_millis() / interval.as_millis() + 1;
    assert!(batches.len() as u128 <= most, "{} publishes in {most} intervals", batches.len());
    let spans: Vec<_> =
        batches.iter().flat_map(|b| &b.deltas).map(|delta| (delta.after, delta.through)).collect();
    assert_eq!(spans.len(), batches.len(), "progress that goes on is one delta");
    assert!(spans.windows(2).all(|two| two[1].0 == Some(two[0].1)), "{spans:?}");
    assert_eq!((spans[0].0, spans.last().unwrap().1), (Some(0), at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_scan_is_recorded_at_once_and_later_ones_are_not() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", true);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![source_a, source_b], settings(), paces());
    b.send(of("b", batch(&[], Some(7)), Some(6))).await.unwrap();
    world.until_reported("b was heard", |health| health.sources[1].last_batch.is_some()).await;
    assert_eq!(world.recorded(), [] as [u64; 0], "b is known: its progress has time");
    a.send(of("a", batch(&[], Some(1)), None)).await.unwrap();
    world.until("a is known", |world| world.recorded().contains(&1)).await;
    for n in 1..100 {
        a.send(of("a", batch(&[], Some(n + 1)), Some(n))).await.unwrap();
    }
    a.send(Step::End).await.unwrap();
    b.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!(world.batches.lock().unwrap().len(), 2, "what came after is recorded at the end");
    assert_eq!(world.recorded().iter().max(), Some(&100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_run_that_ends_publishes_nothing() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], settings(), paces());
    a.send(of("a", batch(&[], Some(2)), Some(1))).await.unwrap();
    a.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert!(world.batches.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_publish_ends_the_run_and_nothing_in_flight_is_committed() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], settings(), paces());
    a.send(of("a", batch(&[("held", "hold"), ("done", "x")], Some(1)), None)).await.unwrap();
    world.until_reported("one is finished", |health| health.pending == 1).await;
    world.superseded.store(true, Ordering::SeqCst);
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Superseded);
    assert!(world.batches.lock().unwrap().is_empty());
    assert!(a.is_closed(), "no task outlives the run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_ends_the_run_and_any_other_failure_to_commit_fails_it() {
    for fenced in [true, false] {
        let world = World::new();
        *world.fail_commit.lock().unwrap() = fenced.then_some(0);
        world.storage_fails.store(!fenced, Ordering::SeqCst);
        let (a, source) = fed(&world, "a", false);
        let run = world.follow(vec![source], one_a_commit(), paces());
        a.send(of("a", batch(&[("held", "hold"), ("done", "x")], Some(1)), None)).await.unwrap();
        match end_of(run).await {
            Ok(end) => assert!(fenced && end == FollowEnd::Superseded, "{end:?}"),
            Err(error) => assert!(!fenced && matches!(error, RunError::Commit(CommitError::Storage(_)))),
        }
        assert!(a.is_closed(), "no task outlives the run");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_model_fails_the_run_after_what_was_finished() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], settings(), paces());
    a.send(of("a", batch(&[("good", "x")], Some(1)), None)).await.unwrap();
    world.until_reported("one is finished", |health| health.pending == 1).await;
    a.send(of("a", batch(&[("spoilt", "fail")], Some(2)), Some(1))).await.unwrap();
    assert!(matches!(end_of(run).await, Err(RunError::Model(_))));
    assert_eq!((world.committed(), world.recorded()), (vec!["good=x".to_owned()], vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_budget_holds_for_all_sources_together() {
    let world = World::new();
    let settings = Settings { queue_documents: 12, ..settings() };
    let (feeds, sources): (Vec<_>, Vec<_>) =
        ["a", "b", "c", "idle"].into_iter().map(|name| fed(&world, name, false)).unzip();
    let run = world.follow(sources, settings, paces());
    for n in 0..40_u64 {
        for (name, feed) in ["a", "b", "c"].into_iter().zip(&feeds) {
            let document = batch(&[(&format!("{name}{n}"), "x")], Some(n + 1));
            feed.send(of(name, document, n.checked_sub(1).map(|n| n + 1))).await.unwrap();
        }
    }
    for feed in &feeds {
        feed.send(Step::End).await.unwrap();
    }
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!(world.committed().len(), 120);
    assert!(world.most_in_flight.load(Ordering::SeqCst) <= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_where_everything_is() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![source_a, source_b], one_a_commit(), paces());
    a.send(of("a", batch(&[("good", "x\ny")], Some(1)), None)).await.unwrap();
    world.until("one is committed", |world| world.committed().len() == 1).await;
    let changes = [("slow", "stall"), ("stuck", "hold")];
    a.send(of("a", batch(&changes, Some(2)), Some(1))).await.unwrap();
    b.send(Step::End).await.unwrap();
    let embedding = Some(Stage::Embed);
    world
        .until_reported("the model stalls", |health| {
            health.oldest.as_ref().is_some_and(|oldest| oldest.stage == embedding)
                && health.sources[1].state == SourceState::Ended
                && health.sources[0].state == SourceState::Pulling
        })
        .await;
    let health = world.reports.lock().unwrap().last().unwrap().clone();
    assert_eq!(health.oldest.as_ref().map(|oldest| oldest.doc_id.as_str()), Some("s/slow"));
    assert_eq!((health.in_flight_documents, health.in_flight_bytes, health.pending), (2, 2048, 0));
    assert_eq!((health.committed, health.quarantined, health.embedded), (1, 0, 2));
    assert_eq!(health.published.as_ref().map(|published| published.publish.seq), Some(1));
    let seen: Vec<_> = health.sources.iter().map(|s| (s.name.to_string(), s.seen)).collect();
    assert_eq!(seen, [("a".to_owned(), 3), ("b".to_owned(), 0)]);
    assert!(health.sources[0].last_batch.is_some() && health.sources[1].last_batch.is_none());
    world.unstalled.store(true, Ordering::SeqCst);
    world
        .until_reported("the next is the oldest", |health| {
            health.oldest.as_ref().is_some_and(|oldest| oldest.stage == Some(Stage::Extract))
        })
        .await;
    world.gate.add_permits(1);
    a.send(of("a", batch(&[("bad", "refuse")], Some(3)), Some(2))).await.unwrap();
    a.send(Step::End).await.unwrap();
    end_of(run).await.unwrap();
    let last = world.reports.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.in_flight_documents, last.in_flight_bytes, last.oldest), (0, 0, None));
    assert_eq!((last.committed, last.quarantined), (4, 1));
}
