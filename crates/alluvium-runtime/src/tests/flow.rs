//! What arrives, in which order, and with which vectors.

use std::sync::atomic::Ordering;

use alluvium_core::chunk::Chunk;
use alluvium_core::document::PreparedContent;

use super::doubles::{World, batch, hold_vectors, hold_vectors_of, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_arrives_with_its_vectors() {
    let world = World::new();
    let report = world.run(vec![batch(&[("d/a.txt", "one\nthree"), ("b", "x")], Some(1))]).await.unwrap();
    let mut committed = world.committed();
    committed.sort();
    assert_eq!(committed, ["b=x", "d/a.txt=one\nthree"]);
    assert_eq!((report.seen, report.counts.indexed, report.counts.chunks_embedded), (2, 2, 3));
    assert_eq!((report.interrupted, world.recorded()), (false, vec![1]));
    assert_eq!(*world.acknowledged.lock().unwrap(), [1], "the source hears of it");
    assert_eq!(world.maintained.load(Ordering::SeqCst), 1);
    let batches = world.batches.lock().unwrap();
    let a = batches.iter().flat_map(|b| &b.changes).find(|c| c.doc_id.local() == "d/a.txt").unwrap();
    let PreparedContent::Indexed(content) = &a.content else { panic!("{a:?}") };
    assert_eq!(content.title, "a.txt");
    assert_eq!(content.chunks.iter().map(|c| c.vector.clone()).collect::<Vec<_>>(), [[3.0], [5.0]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_document_is_not_in_the_way_of_its_neighbours() {
    let world = World::new();
    let changes = [("a", "refuse"), ("b", "fine"), ("c", "bad\nbad"), ("d", "fine too")];
    let report = world.run(vec![batch(&changes, Some(1))]).await.unwrap();
    let mut committed = world.committed();
    committed.sort();
    assert_eq!(committed, ["a=corrupt", "b=fine", "c=bad_vector", "d=fine too"]);
    assert_eq!((report.counts.indexed, report.counts.quarantined), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_document_stay_in_order() {
    let world = World::new();
    let script = vec![batch(&[("a", "hold 1"), ("b", "b")], None), batch(&[("a", "2"), ("a", "3")], Some(7))];
    // One document a commit: `b` is committed while the first change of `a` is held.
    let settings = crate::Settings { commit_max_documents: 1, ..settings() };
    let opener = {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            while world.committed().is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!((world.committed(), world.recorded()), (vec!["b=b".to_owned()], vec![]));
            world.gate.add_permits(1);
        })
    };
    world.run_with(script, settings, false).await.unwrap();
    opener.await.unwrap();
    assert_eq!(world.committed(), ["b=b", "a=hold 1", "a=2", "a=3"]);
    assert_eq!(world.recorded(), [7]);
    assert_eq!(world.batches.lock().unwrap().last().unwrap().deltas.len(), 1, "progress comes last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vectors_that_are_there_are_not_computed_again() {
    let world = World::new();
    hold_vectors(&world, "a", &["kept", "gone"]);
    let report = world.run(vec![batch(&[("a", "kept\nnew\nnew"), ("b", "kept")], None)]).await.unwrap();
    let mut embedded = world.embedded.lock().unwrap().clone();
    embedded.sort();
    assert_eq!(embedded, ["kept", "new"], "another document's vectors do not count");
    assert_eq!((report.counts.chunks_reused, report.counts.chunks_embedded), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_finds_nothing_publishes_nothing() {
    let world = World::new();
    let report = world.run(vec![batch(&[], Some(3))]).await.unwrap();
    assert!(report.published.is_none() && world.batches.lock().unwrap().is_empty());
    assert_eq!((world.maintained.load(Ordering::SeqCst), report.interrupted), (0, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_scan_is_recorded_even_if_it_found_nothing() {
    let world = World::new();
    let report = world.run_with(vec![batch(&[], Some(1))], settings(), true).await.unwrap();
    assert_eq!((world.recorded(), report.published.map(|p| p.seq)), (vec![1], Some(1)));
}

/// Texts of a document's chunks, their vectors and tokens.
fn chunks_of(world: &World, local: &str) -> Vec<(String, f32, usize)> {
    let batches = world.batches.lock().unwrap();
    let change = batches.iter().flat_map(|b| &b.changes).find(|c| c.doc_id.local() == local).unwrap();
    let PreparedContent::Indexed(content) = &change.content else { panic!("{change:?}") };
    let text = |chunk: &Chunk| chunk.text(&content.extracted.text).to_owned();
    content.chunks.iter().map(|c| (text(&c.chunk), c.vector[0], c.chunk.tokens)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chunk_without_a_vector_is_found_by_words_and_its_neighbours_as_ever() {
    let world = World::new();
    hold_vectors(&world, "held", &["there"]);
    let changes = [
        ("one", "first\nbad\nlast"),
        ("two", "bad\nx\nbad"),
        ("held", "bad\nthere"),
        ("unread", "unread\nx"),
        ("none", "unread\nunread too"),
    ];
    let report = world.run(vec![batch(&changes, Some(1))]).await.unwrap();
    assert_eq!((report.counts.indexed, report.counts.quarantined), (5, 0));
    let of = |local: &str| chunks_of(&world, local);
    let chunk = |text: &str, vector: f32, tokens: usize| (text.to_owned(), vector, tokens);
    assert_eq!(of("one"), [chunk("first", 5.0, 1), chunk("bad", 0.0, 0), chunk("last", 4.0, 1)]);
    assert_eq!(of("two"), [chunk("bad", 0.0, 0), chunk("x", 1.0, 1), chunk("bad", 0.0, 0)]);
    assert_eq!(of("held"), [chunk("bad", 0.0, 0), chunk("there", -1.0, 1)]);
    assert_eq!(of("unread"), [chunk("unread", 0.0, 0), chunk("x", 1.0, 1)]);
    assert_eq!(of("none"), [chunk("unread", 0.0, 0), chunk("unread too", 0.0, 0)]);
    let embedded = world.embedded.lock().unwrap().clone();
    assert!(embedded.iter().all(|text| !text.starts_with("unread")), "{embedded:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_of_another_reading_of_the_text_is_not_taken() {
    let world = World::new();
    hold_vectors_of(&world, "a", &["was one unknown word"], 3);
    hold_vectors_of(&world, "b", &["unread"], 1);
    world.run(vec![batch(&[("a", "was one unknown word"), ("b", "unread")], None)]).await.unwrap();
    assert_eq!(chunks_of(&world, "a"), [("was one unknown word".to_owned(), 20.0, 1)]);
    assert_eq!(chunks_of(&world, "b"), [("unread".to_owned(), 0.0, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_takes_too_long_to_cut_costs_itself_alone() {
    let world = World::new();
    let settings = crate::Settings { cut_time: std::time::Duration::from_millis(1), ..settings() };
    world.run_with(vec![batch(&[("a", "endless")], Some(1))], settings, false).await.unwrap();
    assert_eq!(world.committed(), ["a=timeout"]);
    let world = World::new();
    world.run(vec![batch(&[("b", "fine")], Some(1))]).await.unwrap();
    assert_eq!(world.committed(), ["b=fine"]);
}
