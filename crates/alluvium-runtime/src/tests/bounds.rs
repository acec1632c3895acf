//! What is in flight is bounded, and nothing waits for what does not come.

use std::sync::atomic::Ordering;

use alluvium_core::source::SourceBatch;

use super::doubles::{World, batch, settings};
use crate::Settings;

fn singles(count: usize, text: &str) -> Vec<SourceBatch> {
    (0..count).map(|n| batch(&[(&format!("d{n}"), text)], Some(n as u64))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_in_flight_are_bounded() {
    let world = World::new();
    let settings = Settings { queue_documents: 8, ..settings() };
    let report = world.run_with(singles(100, "x"), settings, false).await.unwrap();
    assert_eq!(report.counts.indexed, 100);
    assert!(world.most_in_flight.load(Ordering::SeqCst) <= 8);
    assert!(world.rooms.lock().unwrap().iter().all(|room| room.changes <= 8 && room.changes > 0));
    assert_eq!(world.recorded(), (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_in_flight_are_bounded_and_a_larger_document_passes_alone() {
    let world = World::new();
    let settings = Settings { queue_bytes: 64 << 10, ..settings() };
    let mut script = singles(40, &"y".repeat(10_000));
    script.insert(20, batch(&[("huge", &"z".repeat(500_000))], None));
    let report = world.run_with(script, settings, false).await.unwrap();
    assert_eq!(report.counts.indexed, 41);
    assert!(world.most_in_flight.load(Ordering::SeqCst) <= 7, "64 KiB hold six of them and a share");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_committed_without_waiting_for_the_interval() {
    // The interval is an hour, the sizes are never reached: only starvation makes a commit due.
    let world = World::new();
    let settings = Settings { queue_documents: 3, commit_max_documents: 1_000, ..settings() };
    world.run_with(singles(10, "x"), settings, false).await.unwrap();
    assert_eq!(world.committed().len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interval_commits_while_others_are_in_preparation() {
    let world = World::new();
    let settings = Settings { commit_interval: std::time::Duration::from_millis(1), ..settings() };
    let opener = {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            while world.committed().is_empty() {
                tokio::task::yield_now().await;
            }
            world.gate.add_permits(1);
        })
    };
    let script = vec![batch(&[("slow", "hold"), ("quick", "x")], None)];
    world.run_with(script, settings, false).await.unwrap();
    opener.await.unwrap();
    assert_eq!(world.committed(), ["quick=x", "slow=hold"]);
}
