//! Checkpoints that the log does not reach any more.

use super::broker::until;
use super::reading::started;
use super::*;

/// Reads the rest, which must fail; gives what it says.
async fn refused(spec: &KafkaSpec, mode: KafkaMode, checkpoint: &Checkpoint) -> String {
    let mut source = source(spec, mode, checkpoint);
    for _ in 0..2 {
        let answer = tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap();
        assert!(matches!(answer, Err(SourceError::Broken { .. })), "{answer:?}");
    }
    source.next(ROOM).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_removed_unread_is_told() {
    let broker = started(1);
    send(&broker, &[("a", "1")]);
    let stop = spec(&broker);
    let first = backfill(&stop, &Checkpoint::default(), ROOM).await;
    send(&broker, &[("b", "2"), ("c", "3"), ("d", "4")]);
    broker.remove_before(TOPIC, 0, 3);
    for mode in [KafkaMode::Backfill, KafkaMode::Follow] {
        let said = refused(&stop, mode, &first.checkpoint).await;
        assert!(
            said.contains("topic documents, partition 0: the index has what came before offset 1"),
            "{said}"
        );
        assert!(said.contains("the log begins at 3: 2 offsets were removed unread"), "{said}");
        assert!(said.contains("`offset_lost = \"earliest\"`"), "{said}");
    }
    let earliest = KafkaSpec { offset_lost: OffsetLost::Earliest, ..stop };
    let read = backfill(&earliest, &first.checkpoint, ROOM).await;
    assert_eq!((read.verbs.join(" "), read.position("documents/0")), ("d=4".to_owned(), Some(4)));
    let mut read = Read::after(&first.checkpoint);
    read.follow(&mut source(&earliest, KafkaMode::Follow, &first.checkpoint), 1).await;
    assert_eq!(read.verbs, ["d=4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_while_a_topic_is_followed_is_told() {
    let broker = started(1);
    let (mut source, _) = idle_after_one(&broker).await;
    send(&broker, &[("b", "2"), ("c", "3"), ("d", "4")]);
    broker.remove_before(TOPIC, 0, 3);
    let answer = tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap();
    let said = answer.expect_err("it must not pass over them").to_string();
    assert!(said.contains("the log begins at 3: 2 offsets were removed unread"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_on_after_a_removal_without_a_word_is_found_out() {
    let mut broker = Broker::start();
    broker.create_topic_with(TOPIC, 1, &[("retention.ms", "1")]);
    let (mut source, mut read) = idle_after_one(&broker).await;
    send(&broker, &[("b", "2"), ("c", "3")]);
    // It removes what is old as it starts.
    broker.restart();
    until(|| (broker.bounds(TOPIC, 0) == (3, 3)).then_some(()), "removal");
    send(&broker, &[("d", "4")]);
    let said = loop {
        match tokio::time::timeout(DEADLINE, source.next(ROOM)).await.unwrap() {
            Err(SourceError::Unavailable { .. }) => {}
            Err(error) => break error.to_string(),
            Ok(batch) => read.take(batch.unwrap()),
        }
    };
    assert!(said.contains("the log begins at 3: 2 offsets were removed unread"), "{said}");
    assert_eq!(read.verbs, ["a=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_made_anew_is_told_and_read_as_another_one() {
    let mut broker = started(1);
    send(&broker, &[("a", "1"), ("b", "2")]);
    let stop = spec(&broker);
    let first = backfill(&stop, &Checkpoint::default(), ROOM).await;
    broker.wipe();
    broker.create_topic(TOPIC, 1);
    send(&broker, &[("z", "1")]);
    for mode in [KafkaMode::Backfill, KafkaMode::Follow] {
        let said = refused(&stop, mode, &first.checkpoint).await;
        assert!(
            said.contains("what came before offset 2, and the log ends at 1: the topic was made anew"),
            "{said}"
        );
    }
    let earliest = KafkaSpec { offset_lost: OffsetLost::Earliest, ..stop };
    let read = backfill(&earliest, &first.checkpoint, ROOM).await;
    assert_eq!(read.verbs, ["z=1"]);
    assert_eq!((read.position("documents/0"), read.position("documents/0.1")), (Some(2), Some(1)));
    let Some(ContentChange::Upsert(upsert)) = &read.changes[0].content else { panic!() };
    assert_eq!(upsert.version.incarnation, "documents/0.1", "versions of two lives are not compared");
    assert!(backfill(&earliest, &read.checkpoint, ROOM).await.verbs.is_empty());
}
