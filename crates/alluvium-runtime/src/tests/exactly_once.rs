//! Under random delays and sizes: every change arrives once, in the order of its document, and progress
//! never passes a change that is not there.

use std::collections::BTreeMap;
use std::sync::Arc;

use alluvium_core::checkpoint::Checkpoint;
use alluvium_core::id::SourceName;
use alluvium_core::source::SourceBatch;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseError};

use super::doubles::{Step, World, batch, end_of, fed, of, paces, settings};
use crate::{FollowEnd, Settings};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A batch: for each change a document, and how often its extraction gives way.
type Planned = Vec<(u8, usize)>;

/// Changes by source and batch.
fn plans() -> impl Strategy<Value = Vec<Vec<Planned>>> {
    let change = (0..4_u8, 0..12_usize);
    let batches = prop::collection::vec(prop::collection::vec(change, 0..6), 0..12);
    prop::collection::vec(batches, 1..=NAMES.len())
}

/// The planned batches of one source. A text begins with its place in the source, in changes.
fn batches(name: &str, plan: &[Planned]) -> Vec<SourceBatch> {
    let mut place = 0;
    let batches = plan.iter().zip(1..).map(|(planned, through)| {
        let changes = planned.iter().map(|(document, lingers)| {
            place += 1;
            (format!("{name}{document}"), format!("{place} {}", "linger ".repeat(*lingers)))
        });
        let changes: Vec<_> = changes.collect();
        let changes: Vec<_> = changes.iter().map(|(local, text)| (local.as_str(), text.as_str())).collect();
        batch(&changes, Some(through))
    });
    batches.collect()
}

async fn feed_and_follow(plans: &[Vec<Planned>], settings: Settings) -> Arc<World> {
    let world = World::new();
    let (feeds, sources): (Vec<_>, Vec<_>) =
        NAMES.iter().take(plans.len()).map(|name| fed(&world, name, false)).unzip();
    let run = world.follow(sources, settings, paces());
    for ((feed, name), plan) in feeds.iter().zip(NAMES).zip(plans) {
        for (batch, at) in batches(name, plan).into_iter().zip(0_u64..) {
            let _ = feed.send(of(name, batch, (at > 0).then_some(at))).await;
        }
        let _ = feed.send(Step::End).await;
    }
    assert!(matches!(end_of(run).await, Ok(FollowEnd::Ended)));
    world
}

/// Places by document, in order.
fn planned_places(plans: &[Vec<Planned>]) -> BTreeMap<String, Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (name, plan) in NAMES.iter().zip(plans) {
        for ((document, _), place) in plan.iter().flatten().zip(1..) {
            places.entry(format!("{name}{document}")).or_default().push(place);
        }
    }
    places
}

fn check(world: &World, plans: &[Vec<Planned>]) -> Result<(), TestCaseError> {
    let batches = std::mem::take(&mut *world.batches.lock().unwrap_or_else(|e| e.into_inner()));
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut committed = BTreeMap::<&str, usize>::new();
    let mut checkpoint = Checkpoint::default();
    for batch in &batches {
        for shown in World::show_all(batch) {
            let (local, text) = shown.split_once('=').unwrap_or_default();
            let place = text.split(' ').next().and_then(|place| place.parse().ok()).unwrap_or_default();
            places.entry(local.to_owned()).or_default().push(place);
            let source = NAMES.iter().find(|name| local.starts_with(**name)).copied().unwrap_or_default();
            *committed.entry(source).or_default() += 1;
        }
        checkpoint = checkpoint.apply(&batch.deltas).map_err(|e| TestCaseError::fail(e.to_string()))?;
        for (name, plan) in NAMES.iter().zip(plans) {
            let source = SourceName::new(*name).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let through = checkpoint.position(&source, "scan").unwrap_or(0) as usize;
            let promised: usize = plan.iter().take(through).map(Vec::len).sum();
            // Per document the order is checked below, so that the count of all is a lower bound here.
            prop_assert!(committed.get(name).copied().unwrap_or(0) >= promised, "progress passed a change");
        }
    }
    prop_assert_eq!(places, planned_places(plans));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_change_arrives_once_and_in_order(
        plans in plans(),
        queue_documents in 1..40_usize,
        commit_max_documents in 1..10_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let settings = Settings { queue_documents, commit_max_documents, ..settings() };
        let world = runtime.block_on(feed_and_follow(&plans, settings));
        check(&world, &plans)?;
    }
}
