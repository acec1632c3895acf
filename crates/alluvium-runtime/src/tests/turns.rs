//! Changes that come one at a time beside a backlog. Nothing here is told by the clock: backlogs are held, and
//! as many of them go on as they are let.

use std::sync::atomic::Ordering;

use alluvium_core::source::SourceBatch;

use super::doubles::{Step, World, batch, end_of, fed, of, paces, settings};
use crate::{FollowEnd, Settings};

fn one_at_a_time() -> Settings {
    Settings { commit_max_documents: 1, extract_parallel: 1, ..settings() }
}

/// `n` documents that are held.
fn backlog(n: usize) -> SourceBatch {
    let names: Vec<String> = (0..n).map(|i| format!("bulk{i}")).collect();
    batch(&names.iter().map(|name| (name.as_str(), "hold")).collect::<Vec<_>>(), Some(1))
}

fn live(changes: &[(&str, &str)]) -> SourceBatch {
    SourceBatch { live: true, ..batch(changes, None) }
}

/// The place of a text among all that were extracted, from 0.
fn turn_of(world: &World, text: &str) -> usize {
    world.extracted.lock().unwrap().iter().position(|extracted| extracted == text).unwrap()
}

/// Waits until so many changes are in flight, and each of them waits or is worked on.
async fn until_in_flight(world: &World, n: usize) {
    world.until_reported("all are pulled", |health| health.in_flight_documents == n).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_live_change_overtakes_a_backlog_of_its_source_and_of_others() {
    let world = World::new();
    let (a, source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    let run = world.follow(vec![source_a, source_b], one_at_a_time(), paces());
    a.send(of("a", backlog(100), None)).await.unwrap();
    world.until("one is held", |world| world.extracting.load(Ordering::SeqCst) == 1).await;
    a.send(of("a", live(&[("saved", "x")]), None)).await.unwrap();
    b.send(of("b", batch(&[("other", "y")], Some(1)), None)).await.unwrap();
    until_in_flight(&world, 102).await;
    // The one that is worked on, and one between the two.
    world.gate.add_permits(2);
    world
        .until("both have overtaken", |world| {
            let committed = world.committed();
            ["saved=x", "other=y"].iter().all(|live| committed.iter().any(|change| change == live))
        })
        .await;
    assert!(turn_of(&world, "x").max(turn_of(&world, "y")) <= 4, "the one that was held, and every other");
    assert_eq!(world.recorded(), [1], "of b; progress still waits for the backlog before it");
    world.gate.add_permits(98);
    a.send(Step::End).await.unwrap();
    b.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!((world.committed().len(), world.recorded()), (102, vec![1, 1]));
}

#[tokio::test]
async fn a_change_that_waits_in_a_backlog_hurries_when_the_next_one_of_its_document_is_live() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], one_at_a_time(), paces());
    a.send(of("a", backlog(100), None)).await.unwrap();
    world.until("one is held", |world| world.extracting.load(Ordering::SeqCst) == 1).await;
    a.send(of("a", live(&[("bulk77", "saved")]), None)).await.unwrap();
    until_in_flight(&world, 101).await;
    world.gate.add_permits(3);
    world.until("it has overtaken", |world| world.committed().contains(&"bulk77=saved".to_owned())).await;
    let committed = world.committed();
    let at = |what: &str| committed.iter().position(|change| change == what);
    assert!(at("bulk77=hold").is_some() && at("bulk77=hold") < at("bulk77=saved"), "{committed:?}");
    assert!(turn_of(&world, "saved") <= 4);
    world.gate.add_permits(97);
    a.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
}

#[tokio::test]
async fn many_live_changes_are_a_backlog_too() {
    let world = World::new();
    let (a, source) = fed(&world, "a", false);
    let run = world.follow(vec![source], one_at_a_time(), paces());
    a.send(of("a", backlog(10), None)).await.unwrap();
    world.until("one is held", |world| world.extracting.load(Ordering::SeqCst) == 1).await;
    let names: Vec<String> = (0..200).map(|i| format!("saved{i}")).collect();
    for name in &names {
        a.send(of("a", live(&[(name, "x")]), None)).await.unwrap();
    }
    until_in_flight(&world, 210).await;
    world.gate.add_permits(10);
    world
        .until("the backlog is through", |world| {
            world.committed().iter().filter(|change| change.starts_with("bulk")).count() == 10
        })
        .await;
    let last = world.extracted.lock().unwrap().iter().rposition(|text| text == "hold");
    assert!(last.is_some_and(|last| last <= 20), "it had every other turn: {last:?}");
    a.send(Step::End).await.unwrap();
    assert_eq!(end_of(run).await.unwrap(), FollowEnd::Ended);
    assert_eq!(world.committed().len(), 210);
}

#[tokio::test]
async fn a_backlog_that_fills_the_budget_leaves_room_for_other_sources() {
    // The second is a backfill beside a daemon.
    for once in [false, true] {
        fill_the_budget(once).await;
    }
}

async fn fill_the_budget(once: bool) {
    let world = World::new();
    let (a, mut source_a) = fed(&world, "a", false);
    let (b, source_b) = fed(&world, "b", false);
    source_a.once = once;
    let settings = Settings { queue_documents: 400, ..one_at_a_time() };
    let settings = Settings { extract_parallel: 512, ..settings };
    let run = world.follow(vec![source_a, source_b], settings, paces());
    for n in 0..20_u64 {
        let names: Vec<String> = (0..20).map(|i| format!("a{n}-{i}")).collect();
        let held: Vec<_> = names.iter().map(|name| (name.as_str(), "hold")).collect();
        a.send(of("a", batch(&held, None), None)).await.unwrap();
    }
    // All but a batch for each source.
    until_in_flight(&world, 300).await;
    for n in 0..5_u64 {
        b.send(of("b", batch(&[(&format!("b{n}"), "x")], None), None)).await.unwrap();
        world.until("it is committed", |world| world.committed().contains(&format!("b{n}=x"))).await;
    }
    assert_eq!(world.committed().len(), 5, "the backlog is held");
    world.gate.add_permits(400);
    a.send(Step::End).await.unwrap();
    // Its run may have drained already.
    let _ = b.send(Step::End).await;
    let end = end_of(run).await.unwrap();
    assert!(if once { matches!(end, FollowEnd::Loaded { .. }) } else { end == FollowEnd::Ended });
    assert_eq!(world.committed().len(), 405);
    assert!(world.most_in_flight.load(Ordering::SeqCst) <= 400);
}
