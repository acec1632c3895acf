//! How a run that follows its sources is told to end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use alluvium_core::quarantine::Stage;

use super::doubles::{World, batch, end_of, fed, of, paces, settings};
use crate::{FollowEnd, FollowSettings, SourceState};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_lets_finish_what_is_in_flight_and_pulls_nothing_more() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], settings(), paces());
    a.send(of("a", batch(&[("a1", "hold"), ("a2", "x")], Some(1)), None)).await.unwrap();
    world.until("one is held", |world| world.extracting.load(Ordering::SeqCst) == 2).await;
    world.cancel.cancel();
    let ended = |state: &SourceState| *state == SourceState::Ended;
    world.until_reported("it drains", |health| health.draining && ended(&health.sources[0].state)).await;
    assert!(a.send(of("a", batch(&[("a3", "late")], Some(2)), Some(1))).await.is_err(), "nobody pulls");
    world.gate.add_permits(1);
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Drained { slow: vec![] });
    let mut committed = world.committed();
    committed.sort();
    assert_eq!((committed, world.recorded()), (vec!["a1=hold".to_owned(), "a2=x".to_owned()], vec![1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_its_deadline_a_drain_names_what_is_left_and_commits_the_rest() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let at_once = FollowSettings { drain_timeout: Duration::ZERO, ..paces() };
    let run = world.follow(vec![source], settings(), at_once);
    let first = batch(&[("before", "x")], Some(1));
    a.send(of("a", first, None)).await.unwrap();
    let second = batch(&[("slow", "hold"), ("quick", "y"), ("slow", "behind it")], Some(2));
    a.send(of("a", second, Some(1))).await.unwrap();
    world
        .until("the one behind is ready", |world| {
            world.embedded.lock().unwrap().contains(&"behind it".to_owned())
        })
        .await;
    world.until_reported("two are finished", |health| health.pending == 2).await;
    world.cancel.cancel();
    let FollowEnd::Drained { slow } = end_of(run).await.unwrap() else { panic!("not drained") };
    let named: Vec<_> = slow.iter().map(|slow| slow.doc_id.as_str()).collect();
    assert_eq!(named, ["s/slow", "s/slow"]);
    assert_eq!(slow[0].stage, Some(Stage::Extract));
    assert!(slow[0].to_string().starts_with("s/slow (extract for "), "{}", slow[0]);
    let mut committed = world.committed();
    committed.sort();
    assert_eq!(committed, ["before=x", "quick=y"]);
    assert_eq!(world.recorded(), [1], "progress does not pass what was left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_run_ends_at_once_and_leaves_no_task() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], settings(), paces());
    a.send(of("a", batch(&[("a1", "hold"), ("a2", "x")], Some(1)), None)).await.unwrap();
    world.until_reported("one is finished", |health| health.pending == 1).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    a.closed().await;
    assert!(world.batches.lock().unwrap().is_empty());
}
